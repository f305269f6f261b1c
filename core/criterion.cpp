#include "criterion.hpp"

#include <algorithm>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "minima.hpp"

namespace multilevel {

namespace {

constexpr double kDigits = 1e-4;  // of the criterion, beyond which it is not trusted

// beta, its inverse information and r2 with contrast'beta held, by a Lagrange multiplier; returns d r2 / d value.
double hold_contrast(const Given& given, Point& at) {
  const int p = at.Qinv.rows;
  Vec Qc(p, 0.0);
  double variance = 0.0, gap = given.value;
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) Qc[i] += at.Qinv(i, j) * given.contrast[j];
  for (int i = 0; i < p; ++i) variance += given.contrast[i] * Qc[i], gap -= given.contrast[i] * at.beta[i];
  for (int i = 0; i < p; ++i) at.beta[i] += Qc[i] * gap / variance;
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) at.Qinv(i, j) -= Qc[i] * Qc[j] / variance;
  at.r2 += gap * gap / variance;
  return 2.0 * gap / variance;
}

}  // namespace

LinearMixed::LinearMixed(Rows rows, const std::vector<std::pair<const std::int32_t*, int>>& factors, int carrier, double sigma)
    : rows_(std::move(rows)), carrier_(carrier), known_(sigma) {
  prepare(rows_, factors);
  blocks_ = add_up(rows_);
  several_minima_ = several_minima(rows_, blocks_);
  if (!rows_.factors.empty()) {
    engine_ = make_signature(rows_, blocks_);
    if (!engine_) {
      Blocks given = std::move(blocks_);
      blocks_.XY = given.XY;
      blocks_.sum_log_w = given.sum_log_w;
      engine_ = make_elimination(rows_, std::move(given));
    }
  }
  blocks_.diag.clear();
  Vec().swap(blocks_.border);
  if (engine_) moments_inverse_ = moment_equations();
  cov_ = Covariances(rows_);
  for (const Factor& f : rows_.factors)
    if (carrier_ < 0 && known_ == 0.0 && f.size() >= rows_.n)
      least_share_ = std::sqrt(static_cast<double>(rows_.n) * std::numeric_limits<double>::epsilon() / kDigits);
}

LinearMixed::LinearMixed(const LinearMixed& o)
    : rows_(o.rows_), blocks_(o.blocks_), engine_(o.engine_ ? o.engine_->clone() : nullptr), cov_(o.cov_), carrier_(o.carrier_), known_(o.known_), least_share_(o.least_share_), several_minima_(o.several_minima_),
      moments_inverse_(o.moments_inverse_) {}

double LinearMixed::residual_scale() const {
  return rows_.fixed.y_scale * std::sqrt(std::max(0.0, blocks_.XY(rows_.p, rows_.p)) / rows_.fixed.total_weight);
}

bool LinearMixed::evaluate(const std::vector<Mat>& inner, const std::vector<Direction>* dirs, bool reml, Point& out,
                           const Given* given) {
  at_.clear();
  const int p = rows_.p;
  Mat cross = blocks_.XY;
  out.logdet = engine_ ? engine_->eliminate(cov_.by_factor(inner), cross) : 0.0;
  Mat L(p, p);
  out.beta.resize(p);
  for (int j = 0; j < p; ++j) {
    out.beta[j] = cross(j, p);
    for (int i = 0; i < p; ++i) L(i, j) = cross(i, j);
  }
  if (!std::isfinite(out.logdet) || !cholesky(L)) return false;
  solve_lower(L, out.beta.data());
  out.r2 = cross(p, p);
  for (double b : out.beta) out.r2 -= b * b;
  solve_lower_t(L, out.beta.data());
  if (!(out.r2 > least_share_ * blocks_.XY(p, p))) return false;
  out.logdet_q = 0.0;
  for (int j = 0; j < p; ++j) out.logdet_q += 2.0 * std::log(L(j, j));
  out.Qinv = inverse_spd(L);
  const double pull = given && !given->contrast.empty() ? hold_contrast(*given, out) : 0.0;

  const double nu = static_cast<double>(rows_.n) - (reml ? p : 0);
  const double s = rows_.fixed.y_scale;
  const double fixed = fixed_sigma2(given);
  const bool profiled = fixed == 0.0;
  const double sigma2 = profiled ? out.r2 / nu : fixed;
  out.pull = pull / sigma2;
  out.value = out.logdet + out.r2 / sigma2 + nu * (std::log(2.0 * std::numbers::pi * sigma2) + 2.0 * std::log(s)) - blocks_.sum_log_w;
  if (reml) out.value += out.logdet_q - 2.0 * rows_.fixed.logdet;
  if (!dirs || !engine_) return std::isfinite(out.value);

  Vec c(out.beta);
  for (double& b : c) b = -b;
  c.push_back(1.0);
  Slopes slopes;
  engine_->differentiate(c, {out.Qinv, reml}, *dirs, slopes);
  at_ = inner;
  const int m = static_cast<int>(dirs->size());
  std::vector<Mat> D;
  for (std::size_t f = 0; f < slopes.T.size(); ++f) {
    Mat d = slopes.T[f];
    for (std::size_t i = 0; i < d.a.size(); ++i) d.a[i] -= slopes.S[f].a[i] / sigma2;
    D.push_back(std::move(d));
  }
  out.gradient.resize(m);
  Vec tz(m);
  for (int j = 0; j < m; ++j) {
    const Direction& d = (*dirs)[j];
    out.gradient[j] = multilevel::inner(D[d.factor], d.psi_dot);
    tz[j] = multilevel::inner(slopes.S[d.factor], d.psi_dot);
  }
  Mat G = slopes.G;
  if (p > 0) {
    const Mat QH = out.Qinv * slopes.HT;
    const Mat correction = transpose(slopes.HT) * QH;
    for (std::size_t i = 0; i < G.a.size(); ++i) G.a[i] -= correction.a[i];
  }
  out.hessian = Mat(m, m);
  out.exact = slopes.exact;
  for (int j = 0; j < m; ++j)
    for (int i = 0; i < m; ++i) {
      double h = (slopes.exact ? 2.0 : 1.0) * G(i, j);
      if (profiled) h -= tz[i] * tz[j] / out.r2;
      h /= sigma2;
      if (slopes.exact) h -= slopes.trace(i, j);
      out.hessian(i, j) = h;
    }
  out.HT = std::move(slopes.HT);
  out.S = std::move(slopes.S);
  out.r2_slope = std::move(tz);
  out.D = cov_.by_term(D);
  return std::isfinite(out.value);
}

bool LinearMixed::engine_is_at(const std::vector<Mat>& inner) const {
  if (at_.size() != inner.size()) return false;
  for (std::size_t t = 0; t < inner.size(); ++t)
    if (!std::equal(inner[t].a.begin(), inner[t].a.end(), at_[t].a.begin(), at_[t].a.end())) return false;
  return true;
}

void LinearMixed::eliminate_at(const Vec& theta) {
  Mat cross;
  at_.clear();
  engine_->eliminate(cov_.by_factor(cov_.inner_lambda(theta)), cross);
}

bool LinearMixed::differentiated(const Vec& theta, bool reml, Point& out) {
  const std::vector<Mat> maps = cov_.maps_to_inner();
  const std::vector<Direction> dirs = cov_.directions(theta, &maps);
  if (!evaluate(cov_.inner_lambda(theta), &dirs, reml, out)) return false;
  cov_.add_curvature(theta, &maps, out.hessian, out.D);
  return true;
}

Solution LinearMixed::solve(const Vec& theta, bool reml) {
  cov_.check(theta);
  if (carrier_ >= 0) return solve_whole(theta, reml);
  Point at;
  if (!differentiated(theta, reml, at)) throw std::domain_error("the criterion is not finite at this theta");
  Solution s = describe(at, cov_.inner_lambda(theta), theta, reml);
  s.gradient = at.gradient;
  s.hessian = at.hessian;
  s.evaluations = 1;
  return s;
}

double LinearMixed::criterion(const Vec& theta, bool reml) {
  cov_.check(theta);
  if (carrier_ >= 0) return criterion_whole(theta, reml);
  Point at;
  return evaluate(cov_.inner_lambda(theta), nullptr, reml, at) ? at.value : HUGE_VAL;
}

void LinearMixed::set_response(const Column& y) {
  set_response(add_up_response(rows_, blocks_, y));
}

void LinearMixed::set_response(const Response& r) {
  rows_.fixed.beta0 = r.beta0;
  rows_.fixed.y_center = r.y_center;
  rows_.fixed.y_scale = r.y_scale;
  const int p = rows_.p;
  for (int j = 0; j < p; ++j) blocks_.XY(p, j) = blocks_.XY(j, p) = r.Xy[j];
  blocks_.XY(p, p) = r.yy;
  if (engine_) engine_->set_response(r);
  at_.clear();
}

}  // namespace multilevel
