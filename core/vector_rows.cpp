#include "vector_rows.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace multilevel {

#if defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__) && defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define MULTILEVEL_VECTOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MULTILEVEL_VECTOR
#endif
#if defined(__GNUC__)
#define MULTILEVEL_INLINE __attribute__((always_inline)) inline
#else
#define MULTILEVEL_INLINE inline
#endif

// exp without branches: 2^k times a Taylor series on |r| <= log(2) / 2, to the last digit or two
MULTILEVEL_INLINE double fast_exp(double x) {
  x = std::min(std::max(x, -708.0), 709.0);
  constexpr double shift = 0x1.8p52;
  const double k = x * 1.4426950408889634 + shift, n = k - shift;
  const double r = (x - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
  double s = 1.0 / 6227020800;
  s = s * r + 1.0 / 479001600;
  s = s * r + 1.0 / 39916800;
  s = s * r + 1.0 / 3628800;
  s = s * r + 1.0 / 362880;
  s = s * r + 1.0 / 40320;
  s = s * r + 1.0 / 5040;
  s = s * r + 1.0 / 720;
  s = s * r + 1.0 / 120;
  s = s * r + 1.0 / 24;
  s = s * r + 1.0 / 6;
  s = s * r + 0.5;
  s = s * r + 1.0;
  s = s * r + 1.0;
  // the last bits of k are n: into the exponent
  const std::uint64_t bits = (std::bit_cast<std::uint64_t>(k) + 1023) << 52;
  return s * std::bit_cast<double>(bits);
}

// log(1 + e), 0 <= e <= 1, as 2 artanh(s), s = e / (2 + e) <= 1/3
MULTILEVEL_INLINE double fast_log1p(double e) {
  const double s = e / (2.0 + e), q = s * s;
  double t = 1.0 / 33;
  t = t * q + 1.0 / 31;
  t = t * q + 1.0 / 29;
  t = t * q + 1.0 / 27;
  t = t * q + 1.0 / 25;
  t = t * q + 1.0 / 23;
  t = t * q + 1.0 / 21;
  t = t * q + 1.0 / 19;
  t = t * q + 1.0 / 17;
  t = t * q + 1.0 / 15;
  t = t * q + 1.0 / 13;
  t = t * q + 1.0 / 11;
  t = t * q + 1.0 / 9;
  t = t * q + 1.0 / 7;
  t = t * q + 1.0 / 5;
  t = t * q + 1.0 / 3;
  t = t * q + 1.0;
  return 2.0 * s * t;
}

MULTILEVEL_VECTOR void logit_rows(int n, const double* y, const double* omega, const double* eta, double* __restrict l, double* __restrict r, double* __restrict w,
                                  double* __restrict dw) {
#pragma omp simd
  for (int i = 0; i < n; ++i) {
    const double x = eta[i], e = fast_exp(-std::abs(x)), big = 1.0 / (1.0 + e), small = e * big, log1 = fast_log1p(e);
    const double mu = x > 0.0 ? big : small, nu = x > 0.0 ? small : big;
    const double a = std::min(x, 0.0) - log1, b = -std::max(x, 0.0) - log1;
    l[i] = omega[i] * (y[i] * a + (1.0 - y[i]) * b);
    r[i] = omega[i] * (y[i] * nu - (1.0 - y[i]) * mu);
    w[i] = omega[i] * mu * nu;
    dw[i] = w[i] * (nu - mu);
  }
}

MULTILEVEL_VECTOR void poisson_rows(int n, const double* y, const double* omega, const double* eta, double* __restrict l, double* __restrict r, double* __restrict w) {
#pragma omp simd
  for (int i = 0; i < n; ++i) {
    const double x = eta[i], mu = fast_exp(x);
    l[i] = omega[i] * (y[i] * x - mu);
    r[i] = omega[i] * (y[i] - mu);
    w[i] = omega[i] * mu;
  }
}

}  // namespace multilevel
