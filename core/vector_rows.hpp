// The two families that most data have, in loops that the compiler turns into vector instructions, for the machine it runs
// on where the platform can choose at load time.
#pragma once

namespace multilevel {

// l = omega (y log mu + (1 - y) log(1 - mu)), r = dl/deta, w = -d2l/deta2, dw = dw/deta
void logit_rows(int n, const double* y, const double* omega, const double* eta, double* l, double* r, double* w, double* dw);
// l = omega (y eta - mu), r, w (and dw = w)
void poisson_rows(int n, const double* y, const double* omega, const double* eta, double* l, double* r, double* w);

}  // namespace multilevel
