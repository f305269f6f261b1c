// Tweedie responses with a power between 1 and 2: sums of a Poisson number of gamma variables, zero where there are none
// (Jørgensen 1987, JRSS B 49, 127-162). Var(y) = phi mu^p / omega; with a = (2 - p) / (p - 1) > 0 and v = phi / omega
//
//   l = (y mu^(1-p) / (1-p) - mu^(2-p) / (2-p)) / v - log y + log W(y, v, a)            (no more than the second power at y = 0)
//   W = sum_j z^j / (j! Gamma(a j)),  log z = a log y + (1 + a) log((1 + a) / v) - log a   (Dunn & Smyth 2005, eq. 4)
//
// The terms of W have one maximum, near j = y^(2-p) / ((2-p) v); they are added from there in both directions until they
// vanish. Weights of the terms give the derivatives of log W. Shapes: phi, and 1 / a = (p - 1) / (2 - p).
#pragma once

#include "densities.hpp"

namespace multilevel {

constexpr double kNothing = -37.0;  // e^-37 of the largest is below the rounding of the sum

// each(j, log of a term over the largest) for all terms that count; the logarithm of the largest. NaN: too many of them.
template <class Each>
double tweedie_terms(double log_z, double a, double peak, const Each& each) {
  if (!(peak < 1e7)) return std::numeric_limits<double>::quiet_NaN();  // next to no dispersion
  const auto term = [&](double j) { return j * log_z - log_gamma(1.0 + j) - log_gamma(a * j); };
  const double start = std::max(1.0, std::floor(peak + 0.5)), top = term(start);
  const auto add = [&](double j) {
    const double l = term(j) - top;
    each(j, std::exp(l));
    return l > kNothing;
  };
  for (double j = start; add(j); ++j) {
  }
  for (double j = start - 1.0; j >= 1.0 && add(j); --j) {
  }
  return top;
}

struct Series {
  double log_w = 0, j = 0, by_a = 0;  // log W, mean of j, mean of d log term / da without j d log z / da
};

inline Series tweedie_series(double log_z, double a, double peak, bool slopes) {
  double sum = 0.0, sum_j = 0.0, sum_psi = 0.0;
  const double top = tweedie_terms(log_z, a, peak, [&](double j, double e) {
    sum += e;
    if (slopes) sum_j += j * e, sum_psi -= j * digamma(a * j) * e;
  });
  return {top + std::log(sum), sum_j / sum, sum_psi / sum};
}

// Mean and central moments among the terms of j, and of s = j (slope - digamma(a j)), the derivative of a log term in a.
struct Cumulants {
  double j = 0, jj = 0, jjj = 0, js = 0, jjs = 0;
};

inline Cumulants tweedie_cumulants(double log_z, double a, double slope, double peak) {
  const double near = std::floor(peak + 0.5);  // moments about a number nearby keep their digits
  double sum = 0.0, m1 = 0.0, m2 = 0.0, m3 = 0.0, s0 = 0.0, s1 = 0.0, s2 = 0.0;
  const auto by_a = [&](double j) { return j * (slope - digamma(a * j)); };
  const double s_near = by_a(std::max(1.0, near));
  tweedie_terms(log_z, a, peak, [&](double j, double e) {
    const double x = j - near, s = by_a(j) - s_near;
    sum += e, m1 += e * x, m2 += e * x * x, m3 += e * x * x * x, s0 += e * s, s1 += e * x * s, s2 += e * x * x * s;
  });
  for (double* m : {&m1, &m2, &m3, &s0, &s1, &s2}) *m /= sum;
  return {near + m1, m2 - m1 * m1, m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1, s1 - m1 * s0, s2 - 2.0 * m1 * s1 - s0 * m2 + 2.0 * m1 * m1 * s0};
}

struct Tweedie {
  static void at(double y, double omega, double mu, double, const double* shape, Detail detail, ByMean& o) {
    const double v = shape[0] / omega, a = 1.0 / shape[1], p = (2.0 + a) / (1.0 + a), r = 2.0 - p, s = 1.0 - p;
    const double L = std::log(mu), power = std::exp(-p * L), q = 1.0 / mu;  // mu^-p
    const double one = y * mu * power / s, two = mu * mu * power / r, exponent = (one - two) / v;
    o.f = exponent;
    o.f1 = (y - mu) * power / v;
    o.f2 = -(p * y * q + s) * power / v;
    o.f3 = p * ((p + 1.0) * y * q + s) * q * power / v;
    o.info = power / v, o.d_info = -p * o.info * q;
    if (!(mu > 0.0)) o.f = std::numeric_limits<double>::quiet_NaN();
    Series series;
    double slope = 0.0;  // d log z / da
    if (y > 0.0) {
      const double ly = std::log(y), lv = std::log(v), la = std::log1p(a);
      slope = ly + la + 1.0 - lv - 1.0 / a;
      series = tweedie_series(a * ly + (1.0 + a) * (la - lv) - std::log(a), a, std::exp(r * ly) / (r * v), detail == Detail::full);
      o.f += series.log_w - ly;
    }
    if (detail != Detail::full) return;
    const double dp = -s * r;  // dp / dlog shape[1]; a falls by a
    o.fs[0] = -exponent - (1.0 + a) * series.j;
    o.fs1[0] = -o.f1, o.fs2[0] = -o.f2, o.info_s[0] = -o.info;
    o.fs[1] = dp * (one * (1.0 / s - L) - two * (1.0 / r - L)) / v - a * (series.j * slope + series.by_a);
    o.fs1[1] = -dp * L * o.f1, o.fs2[1] = -dp * (L * o.f2 + o.f1 * q), o.info_s[1] = -dp * L * o.info;
  }
};

}  // namespace multilevel
