#include "structures.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace multilevel {

namespace {

constexpr double kZero = 1e-6;       // as in covariances.cpp
constexpr double kEdge = 1e-12;      // 1 - r, whose root is such a singular value
constexpr double kTouch = 1e-13;     // at a bound
constexpr double kPivot = 1e-14;     // of a Cholesky factor of correlations: rounding
constexpr int kTrials = 40;
constexpr double kStart = 0.3;       // a correlation to start from: 0 may be a saddle

// f(x) with two first derivatives and the mixed second one, all at once.
struct Jet {
  double f = 0.0, a = 0.0, b = 0.0, ab = 0.0;
};
Jet operator+(const Jet& x, const Jet& y) { return {x.f + y.f, x.a + y.a, x.b + y.b, x.ab + y.ab}; }
Jet operator-(const Jet& x, const Jet& y) { return {x.f - y.f, x.a - y.a, x.b - y.b, x.ab - y.ab}; }
Jet operator*(const Jet& x, const Jet& y) {
  return {x.f * y.f, x.a * y.f + x.f * y.a, x.b * y.f + x.f * y.b, x.ab * y.f + x.a * y.b + x.b * y.a + x.f * y.ab};
}

// Autocorrelations 1, r_1, ..., r_m from partial ones (Durbin-Levinson), with derivatives by p_a and p_b (-1: none).
std::vector<Jet> autocorrelations(const double* p, int m, int a, int b) {
  const Jet one{1.0};
  std::vector<Jet> r(m + 1), now, before;
  r[0] = one;
  Jet left = one;  // innovation variance
  for (int l = 1; l <= m; ++l) {
    const Jet next{p[l - 1], l - 1 == a ? 1.0 : 0.0, l - 1 == b ? 1.0 : 0.0, 0.0};
    r[l] = next * left;
    for (int j = 1; j < l; ++j) r[l] = r[l] + now[j - 1] * r[l - j];
    before = now;
    for (int j = 1; j < l; ++j) now[j - 1] = before[j - 1] - next * before[l - j - 1];
    now.push_back(next);
    left = left * (one - next * next);
  }
  return r;
}

template <class F>
Mat symmetric(int k, F&& at) {
  Mat R(k, k);
  for (int j = 0; j < k; ++j)
    for (int i = 0; i < k; ++i) R(i, j) = at(i, j);
  return R;
}

// The lower factor of a correlation matrix that may be singular.
Mat root(Mat R) {
  const int k = R.rows;
  for (int j = 0; j < k; ++j) {
    for (int c = 0; c < j; ++c)
      for (int i = j; i < k; ++i) R(i, j) -= R(i, c) * R(j, c);
    const double pivot = R(j, j) > kPivot ? std::sqrt(R(j, j)) : 0.0;
    for (int i = 0; i < j; ++i) R(i, j) = 0.0;
    for (int i = j; i < k; ++i) R(i, j) = pivot > 0.0 ? R(i, j) / pivot : 0.0;
  }
  return R;
}

}  // namespace

Structured::Structured(const Term& term) : kind_(term.structure), k_(term.k()), start_(kStart) {
  if (kind_ == Structure::ar1 || kind_ == Structure::hetar1)
    power_ = symmetric(k_, [](int i, int j) { return std::abs(i - j); });
  if (kind_ != Structure::ou) return;
  Vec t = term.coordinates;
  std::sort(t.begin(), t.end());
  double gap = HUGE_VAL;
  for (int i = 1; i < k_; ++i) gap = std::min(gap, t[i] - t[i - 1]);
  power_ = symmetric(k_, [&](int i, int j) { return std::abs(term.coordinates[i] - term.coordinates[j]) / gap; });
  start_ = std::pow(kStart, gap * (k_ - 1) / (t.back() - t.front()));
}

int Structured::correlations() const {
  if (kind_ == Structure::homdiag) return 0;
  return kind_ == Structure::toep || kind_ == Structure::homtoep ? k_ - 1 : 1;
}

bool Structured::inside(const double* theta) const {
  for (int a = 0; a < size(); ++a)
    if (!(a < sds() ? theta[a] >= 0.0 : theta[a] >= low() && theta[a] <= 1.0)) return false;
  return true;
}

Mat Structured::correlation(const double* r) const {
  if (kind_ == Structure::homdiag) return Mat::identity(k_);
  if (is_cs()) return symmetric(k_, [&](int i, int j) { return i == j ? 1.0 : r[0]; });
  if (power_.rows) return symmetric(k_, [&](int i, int j) { return std::pow(r[0], power_(i, j)); });
  const std::vector<Jet> lag = autocorrelations(r, k_ - 1, -1, -1);
  return symmetric(k_, [&](int i, int j) { return lag[std::abs(i - j)].f; });
}

Mat Structured::correlation_slope(const double* r, int a) const {
  if (is_cs()) return symmetric(k_, [](int i, int j) { return i == j ? 0.0 : 1.0; });
  if (power_.rows)
    return symmetric(k_, [&](int i, int j) { return i == j ? 0.0 : power_(i, j) * std::pow(r[0], power_(i, j) - 1.0); });
  const std::vector<Jet> lag = autocorrelations(r, k_ - 1, a, -1);
  return symmetric(k_, [&](int i, int j) { return lag[std::abs(i - j)].a; });
}

Mat Structured::correlation_curve(const double* r, int a, int b) const {
  if (is_cs()) return Mat(k_, k_);
  if (power_.rows) {
    const double x = kind_ == Structure::ou ? std::max(r[0], kEdge) : r[0];  // distances between d and 2d: no bound at 0
    return symmetric(k_, [&](int i, int j) {
      const double p = power_(i, j);
      return p == 0.0 || p == 1.0 ? 0.0 : p * (p - 1.0) * std::pow(x, p - 2.0);
    });
  }
  const std::vector<Jet> lag = autocorrelations(r, k_ - 1, a, b);
  return symmetric(k_, [&](int i, int j) { return lag[std::abs(i - j)].ab; });
}

Mat Structured::factor(const double* theta) const {
  Mat L = root(correlation(theta + sds()));
  for (int j = 0; j < k_; ++j)
    for (int i = j; i < k_; ++i) L(i, j) *= sd(theta, i);
  return L;
}

Mat Structured::slope(const double* theta, int a) const {
  if (a >= sds()) {
    const Mat R = correlation_slope(theta + sds(), a - sds());
    return symmetric(k_, [&](int i, int j) { return sd(theta, i) * sd(theta, j) * R(i, j); });
  }
  const Mat R = correlation(theta + sds());
  if (shares_scale(kind_)) return symmetric(k_, [&](int i, int j) { return 2.0 * theta[0] * R(i, j); });
  return symmetric(k_, [&](int i, int j) { return R(i, j) * ((i == a ? theta[j] : 0.0) + (j == a ? theta[i] : 0.0)); });
}

Mat Structured::curve(const double* theta, int a, int b) const {
  if (a > b) std::swap(a, b);
  const int m = sds();
  const double* r = theta + m;
  if (a >= m) {
    const Mat R = correlation_curve(r, a - m, b - m);
    return symmetric(k_, [&](int i, int j) { return R(i, j) * sd(theta, i) * sd(theta, j); });
  }
  const Mat R = b < m ? correlation(r) : correlation_slope(r, b - m);
  if (shares_scale(kind_)) return symmetric(k_, [&](int i, int j) { return 2.0 * (b < m ? 1.0 : theta[0]) * R(i, j); });
  if (b < m) return symmetric(k_, [&](int i, int j) { return R(i, j) * ((i == a && j == b) + (i == b && j == a)); });
  return symmetric(k_, [&](int i, int j) { return R(i, j) * ((i == a ? theta[j] : 0.0) + (j == a ? theta[i] : 0.0)); });
}

void Structured::to_search(double* theta) const {
  const double middle = 0.5 * (1.0 + low()), half = 0.5 * (1.0 - low());
  for (int a = 0; a < size(); ++a)
    if (a >= sds()) theta[a] = std::asin(std::clamp((theta[a] - middle) / half, -1.0, 1.0));
    else if (!shares_scale(kind_)) theta[a] = std::sqrt(theta[a]);
}

void Structured::to_natural(double* x) const {
  const double middle = 0.5 * (1.0 + low()), half = 0.5 * (1.0 - low());
  for (int a = 0; a < size(); ++a)
    if (a >= sds()) x[a] = std::clamp(middle + half * std::sin(x[a]), low(), 1.0);
    else if (!shares_scale(kind_)) x[a] *= x[a];
}

double Structured::rate(const double* x, int a) const {
  if (a >= sds()) return 0.5 * (1.0 - low()) * std::cos(x[a]);
  return shares_scale(kind_) ? 1.0 : 2.0 * x[a];
}

double Structured::bend(const double* x, int a) const {
  if (a >= sds()) return -0.5 * (1.0 - low()) * std::sin(x[a]);
  return shares_scale(kind_) ? 0.0 : 2.0;
}

void Structured::settle(double* theta) const {
  for (int a = 0; a < size(); ++a) {
    if (a < sds()) theta[a] = std::abs(theta[a]) < kZero ? 0.0 : std::abs(theta[a]);
    else if (theta[a] > 1.0 - kEdge) theta[a] = 1.0;
    else if (theta[a] < low() + kEdge) theta[a] = low();
  }
}

double Structured::inward(const double* theta, int a, double gradient) const {
  if (a < sds()) return theta[a] == 0.0 ? gradient : HUGE_VAL;
  return theta[a] > 1.0 - kTouch ? -gradient : theta[a] < low() + kTouch ? gradient : HUGE_VAL;
}

bool Structured::escape(const Mat& D, double* theta) const {
  if (correlations() == 0 || std::any_of(theta, theta + sds(), [](double s) { return s > 0.0; })) return false;
  Vec r(correlations(), 0.0);
  double best = 0.0, scale = 0.0;
  for (int i = 0; i < k_; ++i) scale += std::abs(D(i, i));
  for (int step = 1; step < kTrials; ++step) {
    r[0] = low() + (1.0 - low()) * step / kTrials;
    const double slope = inner(D, correlation(r.data()));
    if (slope < best) best = slope, theta[sds()] = r[0];
  }
  if (!(best < -kTouch - 1e-9 * scale)) return false;
  std::fill_n(theta, sds(), kStart);
  std::fill_n(theta + sds() + 1, correlations() - 1, 0.0);
  return true;
}

void Structured::start(const Mat& L, double* theta) const {
  double all = 0.0;
  for (int i = 0; i < k_; ++i) {
    double square = 0.0;
    for (int j = 0; j < k_; ++j) square += L(i, j) * L(i, j);
    all += square;
    if (!shares_scale(kind_)) theta[i] = std::sqrt(square);
  }
  if (shares_scale(kind_)) theta[0] = std::sqrt(all / k_);
  for (int a = 0; a < correlations(); ++a) theta[sds() + a] = a == 0 ? start_ : 0.0;
}

}  // namespace multilevel
