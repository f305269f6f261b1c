// The log-likelihood of one row as a function of its mean and shapes, with the derivatives that families.cpp takes to the
// linear predictor. Parametrisation and weights: families.hpp.
#pragma once

#include <cmath>
#include <limits>
#include <numbers>

#include "families.hpp"
#include "special.hpp"

namespace multilevel {

constexpr double kPi = std::numbers::pi;

inline double xlogy(double x, double y) { return x == 0.0 ? 0.0 : x * std::log(y); }

// A row's log-likelihood as a function of its mean, and of its shapes on the log scale. `info` is -E d2l/dmu2 (or a
// positive stand-in), d_info its derivative.
struct ByMean {
  double f = 0, f1 = 0, f2 = 0, f3 = 0, info = 0, d_info = 0;
  double fs[kMostShapes] = {0, 0}, fs1[kMostShapes] = {0, 0}, fs2[kMostShapes] = {0, 0}, info_s[kMostShapes] = {0, 0};
};

// log Gamma(y + k) - log Gamma(k) - y log k: a sum of log1p for small counts, where the difference would lose the digits
inline double rising(double y, double k) {
  if (y <= 20.0 && y == std::floor(y)) {
    double s = 0.0;
    for (int j = 1; j < static_cast<int>(y); ++j) s += std::log1p(j / k);
    return s;
  }
  return log_gamma(y + k) - log_gamma(k) - y * std::log(k);
}
// digamma(y + k) - digamma(k) and the like, by sums for small counts
inline double rise(double y, double k, int order) {
  if (y <= 40.0 && y == std::floor(y)) {
    double s = 0.0;
    for (int j = 0; j < static_cast<int>(y); ++j) {
      const double x = 1.0 / (k + j);
      s += order == 0 ? x : order == 1 ? -x * x : 2.0 * x * x * x;
    }
    return s;
  }
  if (order == 0) return digamma(y + k) - digamma(k);
  if (order == 1) return trigamma(y + k) - trigamma(k);
  return tetragamma(y + k) - tetragamma(k);
}

struct Poisson {
  static void at(double y, double omega, double mu, double, const double*, Detail, ByMean& o) {
    const double q = omega / mu;
    o.f = omega * (xlogy(y, mu) - mu);
    o.f1 = q * (y - mu), o.f2 = -q * y / mu, o.f3 = 2.0 * q * y / (mu * mu);
    o.info = q, o.d_info = -q / mu;
    if (!(mu > 0.0)) o.f = std::numeric_limits<double>::quiet_NaN();
  }
};

// Families whose dispersion divides the log-likelihood: what they share.
inline void scaled(ByMean& o, double f_shape) {
  o.fs[0] = f_shape, o.fs1[0] = -o.f1, o.fs2[0] = -o.f2, o.info_s[0] = -o.info;
}

struct Gaussian {
  static void at(double y, double omega, double mu, double, const double* shape, Detail, ByMean& o) {
    const double v = shape[0] / omega, e = y - mu;
    o.f = -0.5 * std::log(2.0 * kPi * v) - 0.5 * e * e / v;
    o.f1 = e / v, o.f2 = -1.0 / v, o.f3 = 0.0, o.info = 1.0 / v, o.d_info = 0.0;
    scaled(o, -0.5 + 0.5 * e * e / v);
  }
};

struct Gamma {
  static void at(double y, double omega, double mu, double, const double* shape, Detail detail, ByMean& o) {
    const double k = omega / shape[0], q = 1.0 / mu;
    o.f = k * (std::log(k * y * q) - y * q) - log_gamma(k) - std::log(y);
    o.f1 = k * (y - mu) * q * q, o.f2 = k * q * q * (1.0 - 2.0 * y * q), o.f3 = k * q * q * q * (-2.0 + 6.0 * y * q);
    o.info = k * q * q, o.d_info = -2.0 * o.info * q;
    if (!(mu > 0.0)) o.f = std::numeric_limits<double>::quiet_NaN();
    if (detail == Detail::full) scaled(o, -k * (std::log(k * y * q) + 1.0 - digamma(k) - y * q));
  }
};

struct InverseGaussian {
  static void at(double y, double omega, double mu, double, const double* shape, Detail, ByMean& o) {
    const double v = shape[0] / omega, q = 1.0 / mu, e = y - mu, u = q * q * q / v;
    const double square = e * e * q * q / (2.0 * v * y);
    o.f = -0.5 * std::log(2.0 * kPi * v * y * y * y) - square;
    o.f1 = e * u, o.f2 = u * (2.0 - 3.0 * y * q), o.f3 = u * q * (-6.0 + 12.0 * y * q);
    o.info = u, o.d_info = -3.0 * u * q;
    if (!(mu > 0.0)) o.f = std::numeric_limits<double>::quiet_NaN();
    scaled(o, -0.5 + square);
  }
};

struct NegativeBinomial2 {
  static void at(double y, double omega, double mu, double, const double* shape, Detail detail, ByMean& o) {
    const double k = shape[0], t = 1.0 / (k + mu), q = 1.0 / mu;
    o.f = omega * (rising(y, k) + xlogy(y, mu) - (y + k) * std::log1p(mu / k));
    const double share = (y + k) * t;
    o.f1 = omega * (y - mu) * k * q * t, o.f2 = omega * (share * t - y * q * q), o.f3 = 2.0 * omega * (y * q * q * q - share * t * t);
    o.info = omega * k * q * t, o.d_info = omega * (t * t - q * q);
    if (!(mu > 0.0)) o.f = std::numeric_limits<double>::quiet_NaN();
    if (detail != Detail::full) return;
    o.fs[0] = omega * k * (rise(y, k, 0) - std::log1p(mu / k) + (mu - y) * t);
    o.fs1[0] = omega * k * (y - mu) * t * t;
    o.fs2[0] = -omega * k * t * t * (1.0 + 2.0 * (y - mu) * t);
    o.info_s[0] = omega * k * t * t;
  }
};

struct NegativeBinomial1 {
  static void at(double y, double omega, double mu, double, const double* shape, Detail detail, ByMean& o) {
    const double phi = shape[0], kappa = 1.0 / phi, s = mu * kappa, L = std::log1p(phi);
    const double d0 = rise(y, s, 0), d1 = rise(y, s, 1);
    o.f = omega * (rising(y, s) + xlogy(y, mu) - (y + s) * L);
    o.f1 = omega * kappa * (d0 - L), o.f2 = omega * kappa * kappa * d1;
    o.info = omega / (mu * (1.0 + phi));
    if (!(mu > 0.0)) o.f = std::numeric_limits<double>::quiet_NaN();
    if (detail != Detail::full) return;
    const double d2 = rise(y, s, 2), e = phi / (1.0 + phi);
    o.f3 = omega * kappa * kappa * kappa * d2;
    o.fs[0] = omega * (-s * (d0 - L) + y - (y + s) * e);
    o.fs1[0] = omega * kappa * (L - d0 - s * d1 - e);
    o.fs2[0] = -omega * kappa * kappa * (2.0 * d1 + s * d2);
  }
};

// Consul & Famoye (1992, Comm. Stat. Theory Methods 21, 89-109): P(y) = theta (theta + lambda y)^(y-1) e^(-theta - lambda y) / y!
// with s = 1 / sqrt(phi), theta = s mu, lambda = 1 - s, and t = theta + lambda y = y + s (mu - y). Where phi < 1, lambda
// is negative and counts with t <= 0 cannot occur.
struct GeneralizedPoisson {
  static void at(double y, double omega, double mu, double, const double* shape, Detail detail, ByMean& o) {
    const double s = 1.0 / std::sqrt(shape[0]);
    o.info = omega * s * s / mu;
    if (!(mu > 0.0)) o.f = std::numeric_limits<double>::quiet_NaN();
    else if (y == 0.0) zero(omega, s, mu, o);
    else positive(y, omega, s, mu, detail, o);
  }

 private:
  static void zero(double omega, double s, double mu, ByMean& o) {
    o.f = -omega * s * mu, o.f1 = -omega * s, o.f2 = o.f3 = 0.0;
    o.fs[0] = -0.5 * o.f, o.fs1[0] = -0.5 * o.f1, o.fs2[0] = 0.0;
  }
  static void positive(double y, double omega, double s, double mu, Detail detail, ByMean& o) {
    const double t = y + s * (mu - y), q = 1.0 / mu, u = s / t, more = y - 1.0;
    o.f = t > 0.0 ? omega * (std::log(mu * s) + more * std::log(t) - t) : std::numeric_limits<double>::quiet_NaN();
    o.f1 = omega * (q + more * u - s), o.f2 = -omega * (q * q + more * u * u);
    if (detail != Detail::full) return;
    o.f3 = 2.0 * omega * (q * q * q + more * u * u * u);
    o.fs[0] = -0.5 * omega * (1.0 + (mu - y) * (more * u - s));
    o.fs1[0] = -0.5 * omega * s * (more * y / (t * t) - 1.0);
    o.fs2[0] = omega * more * y * u * u / t;
  }
};

struct Beta {
  static void at(double y, double omega, double mu, double nu, const double* shape, Detail detail, ByMean& o) {
    const double phi = shape[0], a = mu * phi, b = nu * phi, ly = std::log(y), lz = std::log1p(-y);
    const double a0 = digamma(a), b0 = digamma(b), a1 = trigamma(a), b1 = trigamma(b);
    o.f = omega * (log_gamma(phi) - log_gamma(a) - log_gamma(b) + (a - 1.0) * ly + (b - 1.0) * lz);
    o.f1 = omega * phi * (ly - lz - a0 + b0), o.f2 = -omega * phi * phi * (a1 + b1);
    o.info = -o.f2;
    if (!(mu > 0.0 && nu > 0.0)) o.f = std::numeric_limits<double>::quiet_NaN();
    if (detail != Detail::full) return;
    const double a2 = tetragamma(a), b2 = tetragamma(b);
    o.f3 = -omega * phi * phi * phi * (a2 - b2), o.d_info = -o.f3;
    o.fs[0] = omega * (phi * digamma(phi) + a * (ly - a0) + b * (lz - b0));
    o.fs1[0] = o.f1 - omega * phi * (a * a1 - b * b1);
    o.fs2[0] = 2.0 * o.f2 - omega * phi * phi * (a * a2 + b * b2);
    o.info_s[0] = -o.fs2[0];
  }
};

struct BetaBinomial {
  static void at(double y, double omega, double mu, double nu, const double* shape, Detail detail, ByMean& o) {
    const double phi = shape[0], a = mu * phi, b = nu * phi, s = omega * y, f = omega - s;
    const double a0 = rise(s, a, 0), b0 = rise(f, b, 0), a1 = rise(s, a, 1), b1 = rise(f, b, 1);
    o.f = rising(s, a) + xlogy(s, mu) + rising(f, b) + xlogy(f, nu) - rising(omega, phi);
    o.f1 = phi * (a0 - b0), o.f2 = phi * phi * (a1 + b1);
    o.info = omega * (1.0 + phi) / (mu * nu * (omega + phi));
    if (!(mu > 0.0 && nu > 0.0)) o.f = std::numeric_limits<double>::quiet_NaN();
    if (detail != Detail::full) return;
    const double a2 = rise(s, a, 2), b2 = rise(f, b, 2);
    o.f3 = phi * phi * phi * (a2 - b2);
    o.fs[0] = a * a0 + b * b0 - phi * rise(omega, phi, 0);
    o.fs1[0] = o.f1 + phi * (a * a1 - b * b1);
    o.fs2[0] = 2.0 * o.f2 + phi * phi * (a * a2 + b * b2);
  }
};

struct StudentT {
  static void at(double y, double omega, double mu, double, const double* shape, Detail detail, ByMean& o) {
    const double sigma = shape[0], nu = shape[1], z = (y - mu) / sigma, q = nu + z * z;
    const double g = (nu + 1.0) * z / q, g1 = (nu + 1.0) * (nu - z * z) / (q * q), g2 = -2.0 * z * (nu + 1.0) * (3.0 * nu - z * z) / (q * q * q);
    const double tail = std::log1p(z * z / nu);
    o.f = omega * (log_gamma(0.5 * (nu + 1.0)) - log_gamma(0.5 * nu) - 0.5 * std::log(nu * kPi) - std::log(sigma) - 0.5 * (nu + 1.0) * tail);
    o.f1 = omega * g / sigma, o.f2 = -omega * g1 / (sigma * sigma), o.f3 = omega * g2 / (sigma * sigma * sigma);
    o.info = omega * (nu + 1.0) / ((nu + 3.0) * sigma * sigma), o.d_info = 0.0;
    if (detail != Detail::full) return;
    o.fs[0] = omega * (z * g - 1.0);
    o.fs1[0] = -omega * (g + z * g1) / sigma;
    o.fs2[0] = omega * (2.0 * g1 + z * g2) / (sigma * sigma);
    o.info_s[0] = -2.0 * o.info;
    o.fs[1] = 0.5 * omega * nu * (digamma(0.5 * (nu + 1.0)) - digamma(0.5 * nu) - 1.0 / nu - tail + (nu + 1.0) * z * z / (nu * q));
    o.fs1[1] = omega * nu * z * (z * z - 1.0) / (q * q * sigma);
    o.fs2[1] = -omega * nu * ((3.0 * z * z - 1.0) * q - 4.0 * z * z * (z * z - 1.0)) / (q * q * q * sigma * sigma);
    o.info_s[1] = o.info * nu * 2.0 / ((nu + 1.0) * (nu + 3.0));
  }
};

}  // namespace multilevel
