// Models without residuals: Var(y) = Z Psi Z', where one term, the carrier, has an effect of its own for every row.
//
// Its columns then are rows of an identity, so that for any t below the smallest eigenvalue of its covariance matrix
//
//   Z Psi Z' = t I + Z (Psi - t I) Z'
//
// an ordinary model with residual variance t. The criterion does not depend on t, which is half that eigenvalue: nothing is
// small beside anything else. In the user's theta such a model has a residual standard deviation that hardly counts, kHeld of
// the residuals of least squares; standard deviations are in units of it.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "criterion.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kHeld = 1e-4;
constexpr double kSingular = 1e-12;  // smallest eigenvalue of the carrier's covariance, of the largest

}  // namespace

// At factors of the covariance matrices in units of the response: derivatives by the parameters of `dirs`.
bool LinearMixed::evaluate_whole(std::vector<Mat> L, std::vector<Direction> dirs, bool reml, Point& out, Given given) {
  const Covariances::TermShape& own = cov_.terms()[carrier_];
  Vec w;
  Mat V;
  const Mat user = own.map * L[carrier_];
  eigen_symmetric(user * transpose(user), w, V);
  if (!(w.front() > kSingular * w.back()) || !std::isfinite(w.back())) return false;
  const double t = given.sigma2 = 0.5 * w.front(), root = std::sqrt(t);
  Mat rest = L[carrier_] * transpose(L[carrier_]);
  const Mat unit = own.to_inner * transpose(own.to_inner);
  for (std::size_t i = 0; i < rest.a.size(); ++i) rest.a[i] -= t * unit.a[i];
  if (!cholesky(rest)) return false;
  for (int j = 0; j < rest.cols; ++j)
    for (int i = 0; i < j; ++i) rest(i, j) = 0.0;
  L[carrier_] = std::move(rest);
  for (Mat& A : L)
    for (double& x : A.a) x /= root;
  for (Direction& d : dirs)
    for (double& x : d.psi_dot.a) x /= t;
  if (!evaluate(L, &dirs, reml, out, &given)) return false;
  out.split = std::move(L);
  for (Mat& D : out.D)
    for (double& x : D.a) x /= t;
  out.sigma2 = t;
  return true;
}

// At theta of a search: in units of the response, inner coordinates.
bool LinearMixed::searched_whole(const Vec& x, bool reml, Point& out, const Given& given) {
  const Vec theta = cov_.to_natural(x);
  if (!evaluate_whole(cov_.lambda_of(theta), cov_.directions(theta, nullptr), reml, out, given)) return false;
  cov_.add_curvature(theta, nullptr, out.hessian, out.D);
  cov_.chain(x, out.gradient, &out.hessian);
  return true;
}

double LinearMixed::held_sigma() const { return kHeld * rows_.fixed.y_scale; }

Vec LinearMixed::whole_theta(const Vec& user) const { return cov_.inner_theta(cov_.scaled(user, kHeld)); }

// Where to start: half the variance of the residuals of least squares to each term, in the user's columns.
Vec LinearMixed::whole_start() const {
  std::vector<Mat> L;
  for (const Covariances::TermShape& t : cov_.terms()) {
    Mat A = t.to_inner;
    for (double& x : A.a) x *= std::sqrt(0.5);
    if (t.structure == Structure::us) A = lower_factor(A);
    L.push_back(static_cast<int>(L.size()) == carrier_ ? A : Mat::identity(t.k));
  }
  return cov_.start_of(L);
}

Solution LinearMixed::fit_whole(bool reml, const Vec* start) {
  if (start) cov_.check(*start);
  Point best;
  const auto f = [&](const Vec& x, Point& out) { return searched_whole(x, reml, out, {}); };
  const NewtonResult r = newton(f, cov_.to_search(start ? whole_theta(*start) : whole_start()), best);
  if (r.path.empty()) throw Refused("the likelihood cannot be evaluated at the start; without residuals, the covariance matrix of the term that has an effect for each row has to be regular");
  Solution s = solve(cov_.user_theta(cov_.scaled(cov_.settled(cov_.to_natural(r.x), {}), 1.0 / kHeld)), reml);
  s.found_by(r);
  return s;
}

// At the user's theta, with derivatives by it.
bool LinearMixed::users_whole(const Vec& theta, bool reml, Point& out) {
  const std::vector<Mat> maps = cov_.maps_to_inner();
  const Vec user = cov_.scaled(theta, kHeld), unit = cov_.scaled(Vec(theta.size(), 1.0), kHeld);
  if (!evaluate_whole(cov_.inner_lambda(user), cov_.directions(user, &maps), reml, out, {})) return false;
  cov_.add_curvature(user, &maps, out.hessian, out.D);
  for (int j = 0; j < out.hessian.cols; ++j) {
    out.gradient[j] *= unit[j];
    for (int i = 0; i < out.hessian.rows; ++i) out.hessian(i, j) *= unit[i] * unit[j];
    for (int i = 0; i < out.HT.rows; ++i) out.HT(i, j) *= unit[j];
  }
  return true;
}

// b = Psi z of modes b' = (Psi - t I) z: here z = Z' V^-1 (y - X beta), and `split` is a factor of Psi / t - I.
void LinearMixed::add_carried(const Mat& split, Vec& modes) const {
  const Mat A = cov_.terms()[carrier_].map * split;
  Mat R = A * transpose(A);
  if (!cholesky(R)) throw std::domain_error("the criterion is not finite at this theta");
  const Mat inverse = inverse_spd(R);
  const int k = inverse.rows;
  Vec own(k);
  for (std::size_t at = 0; at < modes.size(); at += k) {
    std::copy_n(modes.begin() + static_cast<std::ptrdiff_t>(at), k, own.begin());
    for (int j = 0; j < k; ++j)
      for (int i = 0; i < k; ++i) modes[at + i] += inverse(i, j) * own[j];
  }
}

// From the model with residual variance t, in terms of the residual that hardly counts.
Solution LinearMixed::solve_whole(const Vec& theta, bool reml) {
  Point at;
  if (!users_whole(theta, reml, at)) throw std::domain_error("the criterion is not finite at this theta");
  const Mat& map = rows_.fixed.map.full;
  const double n = static_cast<double>(rows_.n) - (reml ? rows_.p : 0);
  Solution s = describe(at, at.split, theta, reml);
  add_carried(at.split[carrier_], s.modes[carrier_]);
  s.sigma = held_sigma();
  s.r2 = s.sigma * s.sigma * n;
  s.logdet_rx += rows_.p * std::log(kHeld * kHeld / at.sigma2);
  s.logdet = s.criterion - n * (1.0 + std::log(2.0 * std::numbers::pi * s.sigma * s.sigma)) - (reml ? s.logdet_rx : 0.0) + blocks_.sum_log_w;
  for (double& v : s.unscaled_vcov.a) v *= at.sigma2 / (kHeld * kHeld);
  s.gradient = at.gradient;
  s.hessian = at.hessian;
  s.smallest.clear();
  s.boundary_slope = cov_.boundary(cov_.inner_lambda(cov_.scaled(theta, kHeld)), cov_.scaled(theta, kHeld), at.D, s.smallest);
  const Vec rate = cov_.rates(cov_.to_search(theta));
  s.across = map * at.Qinv * at.HT;
  for (int j = 0; j < s.across.cols; ++j)
    for (int i = 0; i < s.across.rows; ++i) s.across(i, j) *= rows_.fixed.y_scale * rate[j];
  s.evaluations = 1;
  return s;
}

// That of `curvature`, with a sigma that is known.
PhiCurvature LinearMixed::curvature_whole(const Vec& theta, bool reml) {
  const int p = rows_.p, m = static_cast<int>(theta.size());
  const Vec x = cov_.to_search(theta), rate = cov_.rates(x), unit = cov_.scaled(Vec(m, 1.0), kHeld);
  const std::vector<Mat> maps = cov_.maps_to_inner();
  Point at;
  if (!searched(x, reml, at)) throw std::domain_error("the criterion is not finite at this theta");
  PhiCurvature out{Mat(m + 1, m + 1), {}};
  Slopes products;
  products.products = true;
  Mat cross;
  engine_->eliminate(cov_.by_factor(at.split), cross);
  engine_->differentiate(Vec(p + 1, 0.0), {}, {}, products);
  const Mat U = rows_.fixed.map.full * at.Qinv;
  for (const Direction& d : cov_.directions(cov_.scaled(theta, kHeld), &maps)) {
    const std::size_t n = out.slopes.size();
    Mat slope = U * products.sum_over(d) * transpose(U);
    for (double& v : slope.a) v *= rate[n] * unit[n] / (kHeld * kHeld);
    out.slopes.push_back(std::move(slope));
  }
  if (!at.exact) curve_by_differences(x, reml, at);
  for (int j = 0; j < m; ++j)
    for (int i = 0; i < m; ++i) out.deviance(i + 1, j + 1) = at.hessian(i, j);
  return out;
}

double LinearMixed::criterion_whole(const Vec& theta, bool reml) {
  Point at;
  return evaluate_whole(cov_.inner_lambda(cov_.scaled(theta, kHeld)), {}, reml, at, {}) ? at.value : HUGE_VAL;
}

}  // namespace multilevel
