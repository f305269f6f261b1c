// The fit: a start from moments of the data, a search by Newton steps (newton.hpp) in the coordinates of covariances.hpp, and
// the ways out of points that are no minimum.
#include <algorithm>

#include "criterion.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kStartLow = 0.1, kStartHigh = 20.0;  // a start at zero would be a saddle
constexpr double kStartBeyond = 1e3;
constexpr int kEscapes = 3;
constexpr double kFar = 10.0;
constexpr double kNothing = 1e-10;  // a variance, of the residuals'

// Whether some effect of a term does not vary.
bool without_variance(const std::vector<Mat>& lambda) {
  for (const Mat& L : lambda)
    for (int i = 0; i < L.rows; ++i) {
      double square = 0.0;
      for (int j = 0; j < L.cols; ++j) square += L(i, j) * L(i, j);
      if (square < kNothing) return true;
    }
  return false;
}

}  // namespace

// Where to start: uncorrelated effects whose variances solve the moment equations of the least-squares residuals
// (MINQUE with prior variances zero, Rao 1971, J. Multivar. Anal. 1, 445-456), kept within reason. With P as in Moments,
//   E y'Py = sigma^2 (n - p + sum_c tau_c g_c),   E sum (z_j'Py)^2 = sigma^2 (g_j + sum_c tau_c N_jc)
Mat LinearMixed::moment_equations() const {
  Mat XX(rows_.p, rows_.p), inv;
  for (int j = 0; j < rows_.p; ++j)
    for (int i = 0; i < rows_.p; ++i) XX(i, j) = blocks_.XY(i, j);
  if (!cholesky(XX)) return {};
  const Moments m = engine_->moments(inverse_spd(XX));
  const int columns = static_cast<int>(m.g.size());
  Mat A(columns + 1, columns + 1);
  A(0, 0) = static_cast<double>(rows_.n - rows_.p);
  for (int j = 0; j < columns; ++j) {
    A(0, j + 1) = A(j + 1, 0) = m.g[j];
    for (int c = 0; c < columns; ++c) A(j + 1, c + 1) = m.N(j, c);
  }
  return inverse(A, inv) ? inv : Mat();
}

std::vector<Mat> LinearMixed::identities(double times) const {
  std::vector<Mat> L;
  for (const Term& t : rows_.terms) L.push_back(scaled(Mat::identity(t.k()), times));
  return L;
}

double LinearMixed::criterion_at(const Vec& inner, bool reml) {
  Point at;
  return evaluate(cov_.lambda_of(inner), nullptr, reml, at) ? at.value : HUGE_VAL;
}

std::vector<Mat> LinearMixed::moment_start() const {
  std::vector<Mat> L = identities(1.0);
  if (moments_inverse_.rows == 0) return L;
  Vec right = engine_->response_moments();
  right.insert(right.begin(), blocks_.XY(rows_.p, rows_.p));
  Vec x(right.size(), 0.0);
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j) x[i] += moments_inverse_(static_cast<int>(i), static_cast<int>(j)) * right[j];
  if (!(x[0] > 0.0)) return L;
  int at = 1;
  for (const Factor& f : rows_.factors) {
    for (std::size_t t = 0; t < f.terms.size(); ++t) {
      Mat& Lt = L[f.terms[t]];
      for (int j = 0; j < Lt.rows; ++j) {
        const double tau = x[at + f.first[t] + j] / x[0];
        Lt(j, j) = std::clamp(std::sqrt(std::max(tau, 0.0)), kStartLow, kStartHigh);
      }
    }
    at += f.K;
  }
  return L;
}

Vec LinearMixed::start_inner(const Vec* start) const {
  const Vec moments = start ? Vec() : cov_.start_of(moment_start());
  if (!start) return known_ > 0.0 ? cov_.scaled(moments, std::max(residual_scale() / known_, kStartLow)) : moments;
  cov_.check(*start);
  if (known_ > 0.0) return cov_.inner_theta(*start);
  for (const Mat& Lt : cov_.inner_lambda(*start))  // beyond, the criterion is so flat that any point looks like a minimum
    for (double x : Lt.a)
      if (std::abs(x) > kStartBeyond)
        throw Refused("start has random effects more than a thousand times as large as the residuals; give smaller values, or leave start out");
  return cov_.inner_theta(*start);
}

Solution LinearMixed::fit(bool reml, const Vec* start) {
  if (carrier_ >= 0) return fit_whole(reml, start);
  Point best;
  const auto lambda = [&](const Vec& x, const Point& at) {
    std::vector<Mat> L = cov_.lambda_of(cov_.to_natural(x));
    for (std::size_t t = 0; t < at.turn.size(); ++t) L[t] = at.turn[t] * L[t];
    return L;
  };
  const auto f = [&](const Vec& x, Point& out) {
    const std::vector<Mat>* maps = out.turn.empty() ? nullptr : &out.turn;
    const Vec theta = cov_.to_natural(x);
    const std::vector<Direction> dirs = cov_.directions(theta, maps);
    if (!evaluate(lambda(x, out), &dirs, reml, out)) return false;
    cov_.add_curvature(theta, maps, out.hessian, out.D);
    cov_.chain(x, out.gradient, &out.hessian);
    return true;
  };
  const auto turn = [&](bool far, const Point& from, Vec& next, Point& trial) {
    trial.turn = from.turn;
    if (!far || !cov_.can_turn()) return false;
    trial.turn = cov_.turn(lambda(next, trial), next);
    return true;
  };
  const auto value = [&](const Vec& x, Point& out) { return evaluate(lambda(x, out), nullptr, reml, out); };
  Vec theta = start_inner(start);
  NewtonResult r;
  for (int again = 0; again < kEscapes; ++again) {
    best.turn.clear();
    r = newton(f, cov_.to_search(theta), best, {}, turn, value);
    if (engine_ && !r.ahead && !engine_is_at(lambda(r.x, best))) f(r.x, best);  // the last point tried was not the best
    theta = cov_.settled(cov_.to_natural(r.x), best.turn);
    Vec away = theta;
    if (again + 1 == kEscapes) break;
    if (!cov_.escape(away, best.D)) {
      if (start || again > 0 || !without_variance(lambda(r.x, best))) break;
      // a slope without its fixed effect can have a minimum at zero and a lower one far away, where it takes that place
      away = cov_.start_of(identities(kFar));
      if (criterion_at(away, reml) < best.value) {
        theta = std::move(away);
        continue;
      }
      f(r.x, best);
      r.evaluations += 2;
      break;
    }
    theta = std::move(away);
  }
  Solution s = describe(best, cov_.lambda_of(theta), cov_.user_theta(theta), reml);
  s.evaluations = r.evaluations;
  s.decrement = r.decrement;
  s.lowest_curvature = r.lowest_curvature;
  s.converged = r.converged;
  s.path = r.path;
  return s;
}

}  // namespace multilevel
