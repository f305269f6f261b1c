#include "families.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <numbers>
#include <utility>

#include "refused.hpp"
#include "special.hpp"

namespace multilevel {

namespace {

constexpr int kRows = 256;  // at a time: the working arrays stay in the first cache
constexpr double kPi = std::numbers::pi;
constexpr double kTiny = 1e-300;  // means stay positive

using Name = std::pair<const char*, int>;

template <class E, std::size_t N>
E named(const Name (&names)[N], const std::string& name, const char* what) {
  for (const Name& n : names)
    if (name == n.first) return static_cast<E>(n.second);
  std::string known;
  for (const Name& n : names) known += std::string(known.empty() ? "" : ", ") + n.first;
  throw Refused(std::string("no ") + what + " named '" + name + "'; there are " + known);
}

constexpr Name kFamilies[] = {{"binomial", 0}, {"poisson", 1}, {"gaussian", 2}, {"gamma", 3}, {"inverse_gaussian", 4},
                              {"negative_binomial_2", 5}, {"negative_binomial_1", 6}, {"beta", 7}, {"beta_binomial", 8}, {"student_t", 9}};
constexpr Name kLinks[] = {{"identity", 0}, {"log", 1}, {"logit", 2}, {"probit", 3}, {"cloglog", 4}, {"cauchit", 5}, {"inverse", 6}, {"1/mu^2", 7}, {"sqrt", 8}};

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

// log mu and its first three derivatives in eta; the same of log(1 - mu).
struct LogMean {
  double a, a1, a2, a3, b, b1, b2, b3, mu;
};

LogMean probit_side(double x) {
  LogMean s{};
  s.a = log_normal_cdf(x);
  s.a1 = mills(x);
  const double g = x + s.a1;
  s.a2 = -s.a1 * g;
  s.a3 = -s.a2 * g - s.a1 * (1.0 + s.a2);
  return s;
}

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

double xlogy(double x, double y) { return x == 0.0 ? 0.0 : x * std::log(y); }

}  // namespace

Family family_named(const std::string& name) { return named<Family>(kFamilies, name, "family"); }
Link link_named(const std::string& name) { return named<Link>(kLinks, name, "link"); }

// --- the two families that most data have, in loops that the compiler turns into vector instructions -------------------

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

struct Likelihood::Chunk {
  int n;
  const double *y, *omega, *eta;
  double mu[kRows], nu[kRows], m1[kRows], m2[kRows], m3[kRows];  // nu = 1 - mu where that matters
  double *r, *w, *dw, *observed, *r_shape[kMostShapes], *w_shape[kMostShapes];
  double l_shape[kMostShapes];
  double *l, *l_shape_row[kMostShapes];  // or null
};

Likelihood::Likelihood(Family family, Link link, Curvature curvature) : family_(family), link_(link), curvature_(curvature) {
  const bool canonical = (family == Family::binomial && link == Link::logit) || (family == Family::poisson && link == Link::log) ||
                         (family == Family::gaussian && link == Link::identity) || (family == Family::gamma && link == Link::inverse) ||
                         (family == Family::inverse_gaussian && link == Link::inverse_square);
  same_ = canonical || curvature == Curvature::observed;
  if (curvature == Curvature::expected && (family == Family::negative_binomial_1 || family == Family::beta_binomial))
    throw Refused("the expected information of this family has no closed form; use the observed one");
}

int Likelihood::shapes() const {
  if (family_ == Family::binomial || family_ == Family::poisson) return 0;
  return family_ == Family::student_t ? 2 : 1;
}

void Likelihood::set_shape(const double* log_shape) {
  for (int j = 0; j < shapes(); ++j) shape_[j] = std::exp(log_shape[j]);
}

void Likelihood::inverse_link(Chunk& c) const {
  const double* x = c.eta;
  switch (link_) {
    case Link::identity:
      for (int i = 0; i < c.n; ++i) c.mu[i] = x[i], c.nu[i] = 1.0 - x[i], c.m1[i] = 1.0, c.m2[i] = c.m3[i] = 0.0;
      return;
    case Link::log:
      for (int i = 0; i < c.n; ++i) c.mu[i] = c.m1[i] = c.m2[i] = c.m3[i] = std::max(std::exp(x[i]), kTiny), c.nu[i] = 1.0 - c.mu[i];
      return;
    case Link::logit:
      for (int i = 0; i < c.n; ++i) {
        const double e = std::exp(-std::abs(x[i])), big = 1.0 / (1.0 + e), small = std::max(e * big, kTiny);
        c.mu[i] = x[i] > 0 ? big : small, c.nu[i] = x[i] > 0 ? small : big;
        c.m1[i] = c.mu[i] * c.nu[i], c.m2[i] = c.m1[i] * (c.nu[i] - c.mu[i]), c.m3[i] = c.m1[i] * (1.0 - 6.0 * c.m1[i]);
      }
      return;
    case Link::probit:
      for (int i = 0; i < c.n; ++i) {
        c.mu[i] = std::max(0.5 * std::erfc(-x[i] / std::numbers::sqrt2), kTiny), c.nu[i] = std::max(0.5 * std::erfc(x[i] / std::numbers::sqrt2), kTiny);
        c.m1[i] = std::exp(-0.5 * x[i] * x[i]) / std::sqrt(2.0 * kPi), c.m2[i] = -x[i] * c.m1[i], c.m3[i] = (x[i] * x[i] - 1.0) * c.m1[i];
      }
      return;
    case Link::cloglog:
      for (int i = 0; i < c.n; ++i) {
        const double t = std::exp(x[i]), e = std::exp(-t);
        c.mu[i] = std::max(-std::expm1(-t), kTiny), c.nu[i] = std::max(e, kTiny);
        c.m1[i] = t * e, c.m2[i] = c.m1[i] * (1.0 - t), c.m3[i] = c.m1[i] * ((1.0 - t) * (1.0 - t) - t);
      }
      return;
    case Link::cauchit:
      for (int i = 0; i < c.n; ++i) {
        const double q = 1.0 / (1.0 + x[i] * x[i]);
        c.mu[i] = x[i] < -1.0 ? std::atan(-1.0 / x[i]) / kPi : 0.5 + std::atan(x[i]) / kPi;
        c.nu[i] = x[i] > 1.0 ? std::atan(1.0 / x[i]) / kPi : 0.5 - std::atan(x[i]) / kPi;
        c.m1[i] = q / kPi, c.m2[i] = -2.0 * x[i] * q * c.m1[i], c.m3[i] = c.m1[i] * (6.0 * x[i] * x[i] - 2.0) * q * q;
      }
      return;
    case Link::inverse:
      for (int i = 0; i < c.n; ++i)
        c.mu[i] = 1.0 / x[i], c.nu[i] = 1.0 - c.mu[i], c.m1[i] = -c.mu[i] * c.mu[i], c.m2[i] = -2.0 * c.m1[i] * c.mu[i], c.m3[i] = -3.0 * c.m2[i] * c.mu[i];
      return;
    case Link::inverse_square:
      for (int i = 0; i < c.n; ++i)
        c.mu[i] = 1.0 / std::sqrt(x[i]), c.nu[i] = 1.0 - c.mu[i], c.m1[i] = -0.5 * c.mu[i] / x[i], c.m2[i] = -1.5 * c.m1[i] / x[i], c.m3[i] = -2.5 * c.m2[i] / x[i];
      return;
    case Link::sqrt:
      for (int i = 0; i < c.n; ++i) c.mu[i] = x[i] * x[i], c.nu[i] = 1.0 - c.mu[i], c.m1[i] = 2.0 * x[i], c.m2[i] = 2.0, c.m3[i] = 0.0;
      return;
  }
}

// Binomial with logit, Poisson with log.
double Likelihood::canonical(Chunk& c, Detail detail) const {
  double l[kRows], r[kRows], w[kRows], dw[kRows], sum = 0.0;
  const bool full = detail == Detail::full, slopes = detail != Detail::value;
  if (family_ == Family::binomial) logit_rows(c.n, c.y, c.omega, c.eta, l, slopes ? c.r : r, slopes ? c.observed : w, full ? c.dw : dw);
  else poisson_rows(c.n, c.y, c.omega, c.eta, l, slopes ? c.r : r, slopes ? c.observed : w);
  for (int i = 0; i < c.n; ++i) sum += l[i];
  if (c.l) std::copy(l, l + c.n, c.l);
  if (!full) return sum;
  std::copy(c.observed, c.observed + c.n, c.w);
  if (family_ == Family::poisson) std::copy(c.w, c.w + c.n, c.dw);
  return sum;
}

// l = omega (y log mu + (1 - y) log(1 - mu)): the two logarithms and their derivatives keep their digits in the tails,
// where the derivatives in mu do not.
double Likelihood::binomial(Chunk& c, Detail detail) const {
  double sum = 0.0;
  if (link_ == Link::logit) return canonical(c, detail);
  for (int i = 0; i < c.n; ++i) {
    const LogMean s = log_mean(link_, c.eta[i]);
    const double n1 = c.omega[i] * c.y[i], n0 = c.omega[i] * (1.0 - c.y[i]);
    // 0 log 0 = 0, and its derivatives with it
    const auto mix = [&](double a, double b) { return (n1 == 0.0 ? 0.0 : n1 * a) + (n0 == 0.0 ? 0.0 : n0 * b); };
    const double l = std::isnan(s.a + s.b) ? std::numeric_limits<double>::quiet_NaN() : mix(s.a, s.b);
    sum += l;
    if (c.l) c.l[i] = l;
    if (detail == Detail::value) continue;
    c.r[i] = mix(s.a1, s.b1);
    const double l2 = mix(s.a2, s.b2), expected = -c.omega[i] * (s.mu * s.a2 + (1.0 - s.mu) * s.b2);
    c.observed[i] = detail == Detail::scoring ? expected : -l2;
    if (detail != Detail::full) continue;
    if (same_) {
      c.w[i] = -l2;
      c.dw[i] = -mix(s.a3, s.b3);
    } else {
      const double m1 = s.mu * s.a1;
      c.w[i] = expected;
      c.dw[i] = -c.omega[i] * (m1 * (s.a2 - s.b2) + s.mu * s.a3 + (1.0 - s.mu) * s.b3);
    }
  }
  return sum;
}

namespace {

// A row's log-likelihood as a function of its mean, and of its shapes on the log scale. `info` is -E d2l/dmu2 (or a
// positive stand-in), d_info its derivative.
struct ByMean {
  double f = 0, f1 = 0, f2 = 0, f3 = 0, info = 0, d_info = 0;
  double fs[kMostShapes] = {0, 0}, fs1[kMostShapes] = {0, 0}, fs2[kMostShapes] = {0, 0}, info_s[kMostShapes] = {0, 0};
};

// log Gamma(y + k) - log Gamma(k) - y log k: a sum of log1p for small counts, where the difference would lose the digits
double rising(double y, double k) {
  if (y <= 20.0 && y == std::floor(y)) {
    double s = 0.0;
    for (int j = 1; j < static_cast<int>(y); ++j) s += std::log1p(j / k);
    return s;
  }
  return log_gamma(y + k) - log_gamma(k) - y * std::log(k);
}
// digamma(y + k) - digamma(k) and the like, by sums for small counts
double rise(double y, double k, int order) {
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
void scaled(ByMean& o, double f_shape) {
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

}  // namespace

// From derivatives in mu to derivatives in eta by the chain rule.
double Likelihood::by_mean(Chunk& c, Detail detail) const {
  if (family_ == Family::poisson && link_ == Link::log) return canonical(c, detail);
  inverse_link(c);
  double sum = 0.0;
  const bool expected = curvature_ == Curvature::expected;
  const bool root = link_ == Link::sqrt;
  const int s = shapes();
  const auto all = [&](auto family) {
    for (int i = 0; i < c.n; ++i) {
      ByMean o;
      decltype(family)::at(c.y[i], c.omega[i], c.mu[i], c.nu[i], shape_, detail, o);
      // the square root has one branch: across eta = 0 lies the mirror image of a positive response
      if (root && c.eta[i] < 0.0 && c.y[i] > 0.0) o.f = std::numeric_limits<double>::quiet_NaN();
      sum += o.f;
      if (c.l) c.l[i] = o.f;
      if (detail == Detail::value) continue;
      const double m1 = c.m1[i], m2 = c.m2[i];
      c.r[i] = o.f1 * m1;
      const double observed = -(o.f2 * m1 * m1 + o.f1 * m2), scoring = o.info * m1 * m1;
      c.observed[i] = detail == Detail::scoring ? scoring : observed;
      if (detail != Detail::full) continue;
      c.w[i] = expected ? scoring : observed;
      c.dw[i] = expected ? o.d_info * m1 * m1 * m1 + 2.0 * o.info * m1 * m2 : -(o.f3 * m1 * m1 * m1 + 3.0 * o.f2 * m1 * m2 + o.f1 * c.m3[i]);
      for (int j = 0; j < s; ++j) {
        c.l_shape[j] += o.fs[j];
        if (c.l) c.l_shape_row[j][i] = o.fs[j];
        c.r_shape[j][i] = o.fs1[j] * m1;
        c.w_shape[j][i] = expected ? o.info_s[j] * m1 * m1 : -(o.fs2[j] * m1 * m1 + o.fs1[j] * m2);
      }
    }
  };
  switch (family_) {
    case Family::poisson: all(Poisson{}); break;
    case Family::gaussian: all(Gaussian{}); break;
    case Family::gamma: all(Gamma{}); break;
    case Family::inverse_gaussian: all(InverseGaussian{}); break;
    case Family::negative_binomial_2: all(NegativeBinomial2{}); break;
    case Family::negative_binomial_1: all(NegativeBinomial1{}); break;
    case Family::beta: all(Beta{}); break;
    case Family::beta_binomial: all(BetaBinomial{}); break;
    case Family::student_t: all(StudentT{}); break;
    case Family::binomial: break;
  }
  return sum;
}

double Likelihood::evaluate(std::int64_t n, const double* y, const double* omega, const double* eta, Detail detail, RowDerivatives& out) const {
  const int s = shapes();
  if (detail != Detail::value) out.r.resize(n), out.observed.resize(n);
  if (detail == Detail::full) {
    out.w.resize(n), out.dw.resize(n);
    for (int j = 0; j < s; ++j) out.r_shape[j].resize(n), out.w_shape[j].resize(n), out.l_shape[j] = 0.0;
  }
  if (out.by_row) {
    out.l.resize(n);
    for (int j = 0; j < s; ++j) out.l_shape_row[j].resize(n);
  }
  double sum = 0.0;
  Chunk c;
  for (std::int64_t at = 0; at < n; at += kRows) {
    c.n = static_cast<int>(std::min<std::int64_t>(kRows, n - at));
    c.y = y + at, c.omega = omega + at, c.eta = eta + at;
    c.r = out.r.data() + at, c.observed = out.observed.data() + at, c.w = out.w.data() + at, c.dw = out.dw.data() + at;
    c.l = out.by_row ? out.l.data() + at : nullptr;
    for (int j = 0; j < s; ++j) c.l_shape_row[j] = out.by_row ? out.l_shape_row[j].data() + at : nullptr;
    for (int j = 0; j < s; ++j) c.r_shape[j] = out.r_shape[j].data() + at, c.w_shape[j] = out.w_shape[j].data() + at, c.l_shape[j] = 0.0;
    sum += family_ == Family::binomial ? binomial(c, detail) : by_mean(c, detail);
    if (detail == Detail::full)
      for (int j = 0; j < s; ++j) out.l_shape[j] += c.l_shape[j];
  }
  return std::isfinite(sum) ? sum : -HUGE_VAL;
}

double Likelihood::constant(double y, double omega) const {
  const bool binary = family_ == Family::binomial || family_ == Family::beta_binomial;
  if (binary && omega == 1.0 && (y == 0.0 || y == 1.0)) return 0.0;
  switch (family_) {
    case Family::binomial:
    case Family::beta_binomial: return log_gamma(omega + 1.0) - log_gamma(omega * y + 1.0) - log_gamma(omega - omega * y + 1.0);
    case Family::poisson:
    case Family::negative_binomial_2:
    case Family::negative_binomial_1: return -omega * log_gamma(y + 1.0);
    default: return 0.0;
  }
}

double Likelihood::mean_of(double eta) const {
  Chunk c;
  c.n = 1;
  c.eta = &eta;
  inverse_link(c);
  return c.mu[0];
}

double Likelihood::deviance(double y, double omega, double eta) const {
  const double mu = mean_of(eta);
  switch (family_) {
    case Family::binomial: {
      const LogMean s = log_mean(link_, eta);
      const double one = y > 0.0 ? y * (std::log(y) - s.a) : 0.0, zero = y < 1.0 ? (1.0 - y) * (std::log1p(-y) - s.b) : 0.0;
      return 2.0 * omega * (one + zero);
    }
    case Family::poisson: return 2.0 * omega * (xlogy(y, y / mu) - (y - mu));
    case Family::gaussian: return omega * (y - mu) * (y - mu);
    case Family::gamma: return 2.0 * omega * ((y - mu) / mu - std::log(y / mu));
    case Family::inverse_gaussian: return omega * (y - mu) * (y - mu) / (mu * mu * y);
    case Family::negative_binomial_2: return 2.0 * omega * (xlogy(y, y / mu) - (y + shape_[0]) * std::log((y + shape_[0]) / (mu + shape_[0])));
    default: return std::numeric_limits<double>::quiet_NaN();
  }
}

double Likelihood::eta_near(double y, double omega, double mean) const {
  double mu = 0.0;
  switch (family_) {
    case Family::binomial:
    case Family::beta_binomial: mu = (omega * y + 0.5) / (omega + 1.0); break;
    case Family::poisson: mu = y + 0.1; break;
    case Family::negative_binomial_2:
    case Family::negative_binomial_1: mu = y == 0.0 ? 1.0 / 6.0 : y; break;
    case Family::beta: mu = 0.5 * (y + mean); break;
    case Family::student_t: mu = mean; break;
    default: mu = y; break;
  }
  const bool positive = link_ == Link::log || link_ == Link::inverse || link_ == Link::inverse_square || link_ == Link::sqrt;
  if (positive && !(mu > 0.0)) mu = mean > 0.0 ? 1e-3 * mean : 1e-3;
  switch (link_) {
    case Link::identity: return mu;
    case Link::log: return std::log(mu);
    case Link::logit: return std::log(mu / (1.0 - mu));
    case Link::probit: {  // a rational guess is enough for a start
      const double t = std::sqrt(-2.0 * std::log(std::min(mu, 1.0 - mu)));
      const double x = t - (2.30753 + 0.27061 * t) / (1.0 + t * (0.99229 + 0.04481 * t));
      return mu < 0.5 ? -x : x;
    }
    case Link::cloglog: return std::log(-std::log1p(-mu));
    case Link::cauchit: return std::tan(kPi * (mu - 0.5));
    case Link::inverse: return 1.0 / mu;
    case Link::inverse_square: return 1.0 / (mu * mu);
    case Link::sqrt: return std::sqrt(mu);
  }
  return 0.0;
}

void Likelihood::start_shape(double mean, double variance, double* log_shape) const {
  const double m = std::max(mean, 1e-8), v = std::max(variance, 1e-12);
  const auto within = [](double x, double lo, double hi) { return std::log(std::clamp(x, lo, hi)); };
  switch (family_) {
    case Family::gaussian: log_shape[0] = std::log(v); break;
    case Family::gamma: log_shape[0] = within(v / (m * m), 1e-4, 10.0); break;
    case Family::inverse_gaussian: log_shape[0] = std::log(v / (m * m * m)); break;
    case Family::negative_binomial_2: log_shape[0] = within(m * m / std::max(v - m, 1e-8), 0.2, 50.0); break;
    case Family::negative_binomial_1: log_shape[0] = within(v / m - 1.0, 0.1, 50.0); break;
    case Family::beta: log_shape[0] = within(m * (1.0 - m) / v - 1.0, 0.5, 200.0); break;
    case Family::beta_binomial: log_shape[0] = std::log(5.0); break;
    case Family::student_t: log_shape[0] = 0.5 * std::log(0.5 * v), log_shape[1] = std::log(5.0); break;
    default: break;
  }
}

}  // namespace multilevel
