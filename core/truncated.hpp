// Counts without zeros: a family of counts given that the count is not zero (Plackett 1953, Biometrika 40, 485-488; as
// "truncated" families in glmmTMB). mu is the mean of the family with its zeros.
//
//   l = f + h(a),  a = log P(0),  h = -log(1 - e^a),  h' = q = 1 / (e^-a - 1),  q' = q (1 + q)
#pragma once

#include "densities.hpp"

namespace multilevel {

// log P(0) of a family and its derivatives: in the mean, and in log shape where there is one.
struct LogZero {
  double a = 0, a1 = 0, a2 = 0, a3 = 0, as = 0, as1 = 0, as2 = 0;
};

struct PoissonZero {
  static LogZero at(double mu, const double*) { return {-mu, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0}; }
};

struct NegativeBinomial2Zero {  // a = -k log(1 + mu / k)
  static LogZero at(double mu, const double* shape) {
    const double k = shape[0], t = 1.0 / (k + mu), L = std::log1p(mu / k), e = mu * t;
    return {-k * L, -k * t, k * t * t, -2.0 * k * t * t * t, -k * (L - e), -k * mu * t * t, -k * t * t * (1.0 - 2.0 * mu * t)};
  }
};

struct NegativeBinomial1Zero {  // a = -mu log(1 + phi) / phi
  static LogZero at(double mu, const double* shape) {
    const double phi = shape[0], c = std::log1p(phi) / phi, cs = 1.0 / (1.0 + phi) - c;
    return {-mu * c, -c, 0.0, 0.0, -mu * cs, -cs, 0.0};
  }
};

struct GeneralizedPoissonZero {  // a = -mu / sqrt(phi)
  static LogZero at(double mu, const double* shape) {
    const double s = 1.0 / std::sqrt(shape[0]);
    return {-s * mu, -s, 0.0, 0.0, 0.5 * s * mu, 0.5 * s, 0.0};
  }
};

template <class Whole, class Zero>
struct Truncated {
  static void at(double y, double omega, double mu, double nu, const double* shape, Detail detail, ByMean& o) {
    Whole::at(y, omega, mu, nu, shape, detail, o);
    const LogZero z = Zero::at(mu, shape);
    const double q = 1.0 / std::expm1(-z.a), q1 = q * (1.0 + q), q2 = q1 * (1.0 + 2.0 * q);
    o.f -= omega * std::log(-std::expm1(z.a));
    o.f1 += omega * q * z.a1;
    o.f2 += omega * (q1 * z.a1 * z.a1 + q * z.a2);
    o.f3 += omega * (q2 * z.a1 * z.a1 * z.a1 + 3.0 * q1 * z.a1 * z.a2 + q * z.a3);
    o.fs[0] += omega * q * z.as;
    o.fs1[0] += omega * (q1 * z.as * z.a1 + q * z.as1);
    o.fs2[0] += omega * (q2 * z.as * z.a1 * z.a1 + q1 * (z.as * z.a2 + 2.0 * z.as1 * z.a1) + q * z.as2);
  }
};

using TruncatedPoisson = Truncated<Poisson, PoissonZero>;
using TruncatedNegativeBinomial2 = Truncated<NegativeBinomial2, NegativeBinomial2Zero>;
using TruncatedNegativeBinomial1 = Truncated<NegativeBinomial1, NegativeBinomial1Zero>;
using TruncatedGeneralizedPoisson = Truncated<GeneralizedPoisson, GeneralizedPoissonZero>;

}  // namespace multilevel
