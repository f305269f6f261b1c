// Inverse links: means and their derivatives in the linear predictor.
#pragma once

#include "families.hpp"

namespace multilevel {

constexpr int kRows = 256;  // at a time: the working arrays stay in the first cache

struct Means {
  double mu[kRows], nu[kRows], m1[kRows], m2[kRows], m3[kRows];  // nu = 1 - mu; m1 .. m3 derivatives of mu
};
void inverse_link(Link link, int n, const double* eta, Means& out);

// log mu and its first three derivatives in eta; the same of log(1 - mu).
struct LogMean {
  double a, a1, a2, a3, b, b1, b2, b3, mu;
};
// They keep their digits in the tails, where mu and 1 - mu do not. NaN outside the domain.
LogMean log_mean(Link link, double eta);

}  // namespace multilevel
