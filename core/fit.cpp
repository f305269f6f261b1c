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
constexpr double kFar = 10.0;  // standard deviations of effects, of the residuals'
constexpr double kSame = 1e-8;  // by which two minima that are one can differ

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
  if (!start) return in_known_units(moments);
  cov_.check(*start);
  if (known_ > 0.0) return cov_.inner_theta(*start);
  for (const Mat& Lt : cov_.inner_lambda(*start))  // beyond, the criterion is so flat that any point looks like a minimum
    for (double x : Lt.a)
      if (std::abs(x) > kStartBeyond)
        throw Refused("start has random effects more than a thousand times as large as the residuals; give smaller values, or leave start out");
  return cov_.inner_theta(*start);
}

Vec LinearMixed::in_known_units(const Vec& theta) const {
  return known_ > 0.0 ? cov_.scaled(theta, std::max(residual_scale() / known_, kStartLow)) : theta;
}

std::vector<Mat> LinearMixed::turned(const Vec& x, const std::vector<Mat>& turn) const {
  std::vector<Mat> L = cov_.lambda_of(cov_.to_natural(x));
  for (std::size_t t = 0; t < turn.size(); ++t) L[t] = turn[t] * L[t];
  return L;
}

Descent LinearMixed::descend(Vec theta, bool reml) {
  const auto f = [&](const Vec& x, Point& out) {
    const std::vector<Mat>* maps = out.turn.empty() ? nullptr : &out.turn;
    const Vec natural = cov_.to_natural(x);
    const std::vector<Direction> dirs = cov_.directions(natural, maps);
    if (!evaluate(turned(x, out.turn), &dirs, reml, out)) return false;
    cov_.add_curvature(natural, maps, out.hessian, out.D);
    cov_.chain(x, out.gradient, &out.hessian);
    return true;
  };
  const auto turn = [&](bool far, const Point& from, Vec& next, Point& trial) {
    trial.turn = from.turn;
    if (!far || !cov_.can_turn()) return false;
    trial.turn = cov_.turn(turned(next, trial.turn), next);
    return true;
  };
  const auto value = [&](const Vec& x, Point& out) { return evaluate(turned(x, out.turn), nullptr, reml, out); };
  Descent d;
  int evaluations = 0;
  for (int again = 0; again < kEscapes; ++again) {
    d.at.turn.clear();
    d.search = newton(f, cov_.to_search(theta), d.at, {}, turn, value);
    const NewtonResult& r = d.search;
    evaluations += r.evaluations;
    if (engine_ && !r.ahead && !engine_is_at(turned(r.x, d.at.turn))) f(r.x, d.at);  // the last point tried was not the best
    d.theta = theta = cov_.settled(cov_.to_natural(r.x), d.at.turn);
    if (!cov_.escape(theta, d.at.D)) break;
  }
  d.search.evaluations = evaluations;
  return d;
}

// Where there can be several minima, a second search comes from far away: from there they are told apart.
Solution LinearMixed::fit(bool reml, const Vec* start) {
  if (carrier_ >= 0) return fit_whole(reml, start);
  Descent found = descend(start_inner(start), reml);
  if (several_minima_ && !start) {
    Descent far = descend(in_known_units(cov_.start_of(identities(kFar))), reml);
    const int evaluations = found.search.evaluations + far.search.evaluations;
    if (!far.search.path.empty() && far.at.value < found.at.value - kSame) found = std::move(far);
    else evaluate(turned(found.search.x, found.at.turn), nullptr, reml, far.at);  // the engine answers for where it is
    found.search.evaluations = evaluations;
  }
  Solution s = describe(found.at, cov_.lambda_of(found.theta), cov_.user_theta(found.theta), reml);
  s.found_by(found.search);
  return s;
}

}  // namespace multilevel
