#include "links.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace multilevel {

namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kTiny = 1e-300;  // means stay positive

// Standard normal density over distribution function, also far in the lower tail (continued fraction of Laplace).
double mills(double x) {
  if (x > -25.0) return std::exp(-0.5 * x * x) / std::sqrt(2.0 * kPi) / (0.5 * std::erfc(-x / std::numbers::sqrt2));
  double f = -x;
  for (int k = 30; k > 0; --k) f = -x + k / f;
  return f;
}

double log_normal_cdf(double x) {
  if (x > -25.0) return x > 5.0 ? std::log1p(-0.5 * std::erfc(x / std::numbers::sqrt2)) : std::log(0.5 * std::erfc(-x / std::numbers::sqrt2));
  return -0.5 * x * x - 0.5 * std::log(2.0 * kPi) - std::log(mills(x));
}

LogMean probit_side(double x) {
  LogMean s{};
  s.a = log_normal_cdf(x);
  s.a1 = mills(x);
  const double g = x + s.a1;
  s.a2 = -s.a1 * g;
  s.a3 = -s.a2 * g - s.a1 * (1.0 + s.a2);
  return s;
}

}  // namespace

LogMean log_mean(Link link, double x) {
  LogMean s{};
  switch (link) {
    case Link::logit: {
      const double e = std::exp(-std::abs(x)), big = 1.0 / (1.0 + e), small = e * big, l = std::log1p(e);
      s.mu = x > 0 ? big : small;
      const double other = x > 0 ? small : big;
      s.a = x > 0 ? -l : x - l;
      s.b = x > 0 ? -x - l : -l;
      s.a1 = other;
      s.b1 = -s.mu;
      s.a2 = s.b2 = -s.mu * other;
      s.a3 = s.b3 = s.a2 * (other - s.mu);
      return s;
    }
    case Link::probit: {
      const LogMean up = probit_side(x), down = probit_side(-x);
      s = up;
      s.b = down.a, s.b1 = -down.a1, s.b2 = down.a2, s.b3 = -down.a3;
      s.mu = std::exp(s.a);
      return s;
    }
    case Link::cloglog: {
      const double t = std::exp(x);
      s.b = s.b1 = s.b2 = s.b3 = -t;
      s.mu = -std::expm1(-t);
      s.a = t < 1.0 ? std::log(s.mu) : std::log1p(-std::exp(-t));
      if (t < 1e-300) s.a = x;
      const double g = t < 1e-300 ? 1.0 : t / std::expm1(t);
      // 1 - t - g, by its series where it cancels
      const double h = t < 0.02 ? -t * (0.5 + t * (1.0 / 12 - t * t * (1.0 / 720 - t * t / 30240))) : 1.0 - t - g;
      s.a1 = g;
      s.a2 = g * h;
      s.a3 = s.a2 * h - g * (t + s.a2);
      return s;
    }
    default: {
      double one_minus = 0.0, m1 = 0.0, m2 = 0.0, m3 = 0.0;
      switch (link) {
        case Link::cauchit: {
          const double q = 1.0 / (1.0 + x * x);
          s.mu = x < -1.0 ? std::atan(-1.0 / x) / kPi : 0.5 + std::atan(x) / kPi;
          one_minus = x > 1.0 ? std::atan(1.0 / x) / kPi : 0.5 - std::atan(x) / kPi;
          m1 = q / kPi, m2 = -2.0 * x * q * m1, m3 = m1 * (6.0 * x * x - 2.0) * q * q;
          break;
        }
        case Link::log: s.mu = m1 = m2 = m3 = std::exp(x), one_minus = -std::expm1(x); break;
        case Link::sqrt: s.mu = x * x, one_minus = (1.0 - x) * (1.0 + x), m1 = 2.0 * x, m2 = 2.0; break;
        case Link::inverse: s.mu = 1.0 / x, one_minus = (x - 1.0) / x, m1 = -s.mu * s.mu, m2 = -2.0 * m1 * s.mu, m3 = -3.0 * m2 * s.mu; break;
        case Link::inverse_square: s.mu = 1.0 / std::sqrt(x), one_minus = 1.0 - s.mu, m1 = -0.5 * s.mu / x, m2 = -1.5 * m1 / x, m3 = -2.5 * m2 / x; break;
        default: s.mu = x, one_minus = 1.0 - x, m1 = 1.0; break;
      }
      s.a = std::log(s.mu), s.b = std::log(one_minus);  // NaN outside the domain
      s.a1 = m1 / s.mu, s.a2 = m2 / s.mu - s.a1 * s.a1, s.a3 = m3 / s.mu - 3.0 * s.a1 * s.a2 - s.a1 * s.a1 * s.a1;
      s.b1 = -m1 / one_minus, s.b2 = -m2 / one_minus - s.b1 * s.b1, s.b3 = -m3 / one_minus - 3.0 * s.b1 * s.b2 - s.b1 * s.b1 * s.b1;
      return s;
    }
  }
}

void inverse_link(Link link, int n, const double* x, Means& c) {
  switch (link) {
    case Link::identity:
      for (int i = 0; i < n; ++i) c.mu[i] = x[i], c.nu[i] = 1.0 - x[i], c.m1[i] = 1.0, c.m2[i] = c.m3[i] = 0.0;
      return;
    case Link::log:
      for (int i = 0; i < n; ++i) c.mu[i] = c.m1[i] = c.m2[i] = c.m3[i] = std::max(std::exp(x[i]), kTiny), c.nu[i] = 1.0 - c.mu[i];
      return;
    case Link::logit:
      for (int i = 0; i < n; ++i) {
        const double e = std::exp(-std::abs(x[i])), big = 1.0 / (1.0 + e), small = std::max(e * big, kTiny);
        c.mu[i] = x[i] > 0 ? big : small, c.nu[i] = x[i] > 0 ? small : big;
        c.m1[i] = c.mu[i] * c.nu[i], c.m2[i] = c.m1[i] * (c.nu[i] - c.mu[i]), c.m3[i] = c.m1[i] * (1.0 - 6.0 * c.m1[i]);
      }
      return;
    case Link::probit:
      for (int i = 0; i < n; ++i) {
        c.mu[i] = std::max(0.5 * std::erfc(-x[i] / std::numbers::sqrt2), kTiny), c.nu[i] = std::max(0.5 * std::erfc(x[i] / std::numbers::sqrt2), kTiny);
        c.m1[i] = std::exp(-0.5 * x[i] * x[i]) / std::sqrt(2.0 * kPi), c.m2[i] = -x[i] * c.m1[i], c.m3[i] = (x[i] * x[i] - 1.0) * c.m1[i];
      }
      return;
    case Link::cloglog:
      for (int i = 0; i < n; ++i) {
        const double t = std::exp(x[i]), e = std::exp(-t);
        c.mu[i] = std::max(-std::expm1(-t), kTiny), c.nu[i] = std::max(e, kTiny);
        c.m1[i] = t * e, c.m2[i] = c.m1[i] * (1.0 - t), c.m3[i] = c.m1[i] * ((1.0 - t) * (1.0 - t) - t);
      }
      return;
    case Link::cauchit:
      for (int i = 0; i < n; ++i) {
        const double q = 1.0 / (1.0 + x[i] * x[i]);
        c.mu[i] = x[i] < -1.0 ? std::atan(-1.0 / x[i]) / kPi : 0.5 + std::atan(x[i]) / kPi;
        c.nu[i] = x[i] > 1.0 ? std::atan(1.0 / x[i]) / kPi : 0.5 - std::atan(x[i]) / kPi;
        c.m1[i] = q / kPi, c.m2[i] = -2.0 * x[i] * q * c.m1[i], c.m3[i] = c.m1[i] * (6.0 * x[i] * x[i] - 2.0) * q * q;
      }
      return;
    case Link::inverse:
      for (int i = 0; i < n; ++i)
        c.mu[i] = 1.0 / x[i], c.nu[i] = 1.0 - c.mu[i], c.m1[i] = -c.mu[i] * c.mu[i], c.m2[i] = -2.0 * c.m1[i] * c.mu[i], c.m3[i] = -3.0 * c.m2[i] * c.mu[i];
      return;
    case Link::inverse_square:
      for (int i = 0; i < n; ++i)
        c.mu[i] = 1.0 / std::sqrt(x[i]), c.nu[i] = 1.0 - c.mu[i], c.m1[i] = -0.5 * c.mu[i] / x[i], c.m2[i] = -1.5 * c.m1[i] / x[i], c.m3[i] = -2.5 * c.m2[i] / x[i];
      return;
    case Link::sqrt:
      for (int i = 0; i < n; ++i) c.mu[i] = x[i] * x[i], c.nu[i] = 1.0 - c.mu[i], c.m1[i] = 2.0 * x[i], c.m2[i] = 2.0, c.m3[i] = 0.0;
      return;
  }
}

}  // namespace multilevel
