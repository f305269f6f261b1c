#include "families.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "dispersed.hpp"
#include "links.hpp"
#include "refused.hpp"
#include "vector_rows.hpp"

namespace multilevel {

namespace {

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
                              {"negative_binomial_2", 5}, {"negative_binomial_1", 6}, {"beta", 7}, {"beta_binomial", 8}, {"student_t", 9},
                              {"tweedie", 10}, {"truncated_poisson", 11}, {"truncated_negative_binomial_2", 12}, {"truncated_negative_binomial_1", 13},
                              {"generalized_poisson", 14}, {"truncated_generalized_poisson", 15}};
constexpr Name kLinks[] = {{"identity", 0}, {"log", 1}, {"logit", 2}, {"probit", 3}, {"cloglog", 4}, {"cauchit", 5}, {"inverse", 6}, {"1/mu^2", 7}, {"sqrt", 8}};

}  // namespace

Family family_named(const std::string& name) { return named<Family>(kFamilies, name, "family"); }
Link link_named(const std::string& name) { return named<Link>(kLinks, name, "link"); }

namespace {

bool no_expectation(Family family) {
  switch (family) {
    case Family::negative_binomial_1:
    case Family::generalized_poisson:
    case Family::beta_binomial:
    case Family::truncated_poisson:
    case Family::truncated_negative_binomial_2:
    case Family::truncated_negative_binomial_1:
    case Family::truncated_generalized_poisson: return true;
    default: return false;
  }
}

}  // namespace

struct Likelihood::Chunk {
  int n;
  const double *y, *omega, *eta;
  const double* shape;
  int stride;  // of shape, from row to row
  Means means;
  double *r, *w, *dw, *ddw, *observed, *r_shape[kMostShapes], *w_shape[kMostShapes];
  double l_shape[kMostShapes];
  double *l, *l_shape_row[kMostShapes];  // or null
  std::vector<double*> dispersed;        // or none
};

Likelihood::Likelihood(Family family, Link link, Curvature curvature) : family_(family), link_(link), curvature_(curvature) {
  const bool canonical = (family == Family::binomial && link == Link::logit) || (family == Family::poisson && link == Link::log) ||
                         (family == Family::gaussian && link == Link::identity) || (family == Family::gamma && link == Link::inverse) ||
                         (family == Family::inverse_gaussian && link == Link::inverse_square);
  same_ = canonical || curvature == Curvature::observed;
  if (curvature == Curvature::expected && no_expectation(family))
    throw Refused("the expected information of this family has no closed form; use the observed one");
}

int Likelihood::own_shapes() const {
  if (family_ == Family::binomial || family_ == Family::poisson || family_ == Family::truncated_poisson) return 0;
  return family_ == Family::student_t || family_ == Family::tweedie ? 2 : 1;
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
  if (family_ == Family::poisson) {
    std::copy(c.w, c.w + c.n, c.dw);
    std::copy(c.w, c.w + c.n, c.ddw);
  }
  for (int i = 0; family_ == Family::binomial && i < c.n; ++i) c.ddw[i] = c.w[i] == 0.0 ? 0.0 : c.w[i] * (1.0 - 6.0 * c.w[i] / c.omega[i]);
  return sum;
}

// l = omega (y log mu + (1 - y) log(1 - mu)): the two logarithms and their derivatives keep their digits in the tails,
// where the derivatives in mu do not.
double Likelihood::binomial(Chunk& c, Detail detail) const {
  double sum = 0.0;
  if (in_vectors()) return canonical(c, detail);
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

// From derivatives in mu to derivatives in eta by the chain rule.
double Likelihood::by_mean(Chunk& c, Detail detail) const {
  if (in_vectors()) return canonical(c, detail);
  inverse_link(link_, c.n, c.eta, c.means);
  const Means& means = c.means;
  double sum = 0.0;
  const bool expected = curvature_ == Curvature::expected;
  const bool root = link_ == Link::sqrt;
  const int s = own_shapes();
  const auto all = [&](auto family) {
    for (int i = 0; i < c.n; ++i) {
      ByMean o;
      decltype(family)::at(c.y[i], c.omega[i], means.mu[i], means.nu[i], c.shape + i * c.stride, detail, o);
      // the square root has one branch: across eta = 0 lies the mirror image of a positive response
      if (root && c.eta[i] < 0.0 && c.y[i] > 0.0) o.f = std::numeric_limits<double>::quiet_NaN();
      sum += o.f;
      if (c.l) c.l[i] = o.f;
      if (detail == Detail::value) continue;
      const double m1 = means.m1[i], m2 = means.m2[i];
      c.r[i] = o.f1 * m1;
      if (!c.dispersed.empty()) {
        ByDispersion d;
        Dispersed<decltype(family)>::at(c.y[i], c.omega[i], means.mu[i], means.nu[i], c.shape + i * c.stride, o, d);
        const double all_of[] = {d.d, d.dd, d.ddd, d.d1 * m1, d.dd1 * m1, d.dt, d.ddt, d.dt1 * m1};
        for (int j = 0; j < kDispersed; ++j) c.dispersed[j][i] = all_of[j];
      }
      const double observed = -(o.f2 * m1 * m1 + o.f1 * m2), scoring = o.info * m1 * m1;
      c.observed[i] = detail == Detail::scoring ? scoring : observed;
      if (detail != Detail::full) continue;
      c.w[i] = expected ? scoring : observed;
      c.dw[i] = expected ? o.d_info * m1 * m1 * m1 + 2.0 * o.info * m1 * m2 : -(o.f3 * m1 * m1 * m1 + 3.0 * o.f2 * m1 * m2 + o.f1 * means.m3[i]);
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
    case Family::tweedie: all(Tweedie{}); break;
    case Family::truncated_poisson: all(TruncatedPoisson{}); break;
    case Family::truncated_negative_binomial_2: all(TruncatedNegativeBinomial2{}); break;
    case Family::truncated_negative_binomial_1: all(TruncatedNegativeBinomial1{}); break;
    case Family::generalized_poisson: all(GeneralizedPoisson{}); break;
    case Family::truncated_generalized_poisson: all(TruncatedGeneralizedPoisson{}); break;
    case Family::binomial: break;
  }
  return sum;
}

double Likelihood::evaluate(std::int64_t n, const double* y, const double* omega, const double* eta, Detail detail, RowDerivatives& out) const {
  return models_.empty() ? own_rows(n, y, omega, eta, row_shape_, detail, out) : modelled_rows(n, y, omega, eta, detail, out);
}

// `row_shape`: kMostShapes for each row, or none where all rows share them.
double Likelihood::own_rows(std::int64_t n, const double* y, const double* omega, const double* eta, const Vec& row_shape, Detail detail, RowDerivatives& out) const {
  const int s = own_shapes();
  if (detail != Detail::value) out.r.resize(n), out.observed.resize(n);
  if (detail == Detail::full) {
    out.w.resize(n), out.dw.resize(n), out.ddw.resize(in_vectors() ? n : 0);
    out.r_shape.resize(s), out.w_shape.resize(s), out.l_shape.assign(s, 0.0);
    for (int j = 0; j < s; ++j) out.r_shape[j].resize(n), out.w_shape[j].resize(n);
  }
  if (out.by_row) {
    out.l.resize(n);
    out.l_shape_row.resize(s);
    for (Vec& l : out.l_shape_row) l.resize(n);
  }
  double sum = 0.0;
  Chunk c;
  for (std::int64_t at = 0; at < n; at += kRows) {
    c.n = static_cast<int>(std::min<std::int64_t>(kRows, n - at));
    c.y = y + at, c.omega = omega + at, c.eta = eta + at;
    c.r = out.r.data() + at, c.observed = out.observed.data() + at, c.w = out.w.data() + at, c.dw = out.dw.data() + at, c.ddw = out.ddw.data() + at;
    c.shape = row_shape.empty() ? shape_ : row_shape.data() + at * kMostShapes;
    c.stride = row_shape.empty() ? 0 : kMostShapes;
    c.dispersed.clear();
    for (Vec& v : out.dispersed) c.dispersed.push_back(v.data() + at);
    c.l = out.by_row ? out.l.data() + at : nullptr;
    for (int j = 0; j < s; ++j) c.l_shape_row[j] = out.by_row ? out.l_shape_row[j].data() + at : nullptr;
    for (int j = 0; detail == Detail::full && j < s; ++j) c.r_shape[j] = out.r_shape[j].data() + at, c.w_shape[j] = out.w_shape[j].data() + at, c.l_shape[j] = 0.0;
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
    case Family::negative_binomial_1:
    case Family::truncated_poisson:
    case Family::truncated_negative_binomial_2:
    case Family::truncated_negative_binomial_1:
    case Family::generalized_poisson:
    case Family::truncated_generalized_poisson: return -omega * log_gamma(y + 1.0);
    default: return 0.0;
  }
}

double Likelihood::mean_of(double eta) const {
  Means means;
  inverse_link(link_, 1, &eta, means);
  return means.mu[0];
}

double Likelihood::deviance(double y, double omega, double eta) const {
  const double mu = mean_of(eta);
  if (!models_.empty()) return std::numeric_limits<double>::quiet_NaN();
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
    case Family::tweedie: {
      const double p = 1.0 + shape_[1] / (1.0 + shape_[1]);
      const double one = y > 0.0 ? y * (std::pow(y, 1.0 - p) - std::pow(mu, 1.0 - p)) / (1.0 - p) : 0.0;
      return 2.0 * omega * (one - (std::pow(y, 2.0 - p) - std::pow(mu, 2.0 - p)) / (2.0 - p));
    }
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
    case Family::negative_binomial_1:
    case Family::generalized_poisson: mu = y == 0.0 ? 1.0 / 6.0 : y; break;
    case Family::tweedie: mu = 0.5 * (y + mean); break;
    case Family::truncated_poisson:
    case Family::truncated_negative_binomial_2:
    case Family::truncated_negative_binomial_1:
    case Family::truncated_generalized_poisson: mu = y > 1.0 ? y : 0.5; break;
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

void Likelihood::own_start(double mean, double variance, double* log_shape) const {
  const double m = std::max(mean, 1e-8), v = std::max(variance, 1e-12);
  const auto within = [](double x, double lo, double hi) { return std::log(std::clamp(x, lo, hi)); };
  switch (family_) {
    case Family::gaussian: log_shape[0] = std::log(v); break;
    case Family::gamma: log_shape[0] = within(v / (m * m), 1e-4, 10.0); break;
    case Family::inverse_gaussian: log_shape[0] = std::log(v / (m * m * m)); break;
    case Family::negative_binomial_2:
    case Family::truncated_negative_binomial_2: log_shape[0] = within(m * m / std::max(v - m, 1e-8), 0.2, 50.0); break;
    case Family::negative_binomial_1:
    case Family::truncated_negative_binomial_1: log_shape[0] = within(v / m - 1.0, 0.1, 50.0); break;
    case Family::generalized_poisson:  // from one on, where every count can occur
    case Family::truncated_generalized_poisson: log_shape[0] = within(v / m, 1.0, 50.0); break;
    case Family::beta: log_shape[0] = within(m * (1.0 - m) / v - 1.0, 0.5, 200.0); break;
    case Family::beta_binomial: log_shape[0] = std::log(5.0); break;
    case Family::tweedie: log_shape[0] = within(v / std::pow(m, 1.5), 1e-3, 1e3), log_shape[1] = 0.0; break;
    case Family::student_t: log_shape[0] = 0.5 * std::log(0.5 * v), log_shape[1] = std::log(5.0); break;
    default: break;
  }
}

}  // namespace multilevel
