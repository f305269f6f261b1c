// The solution in the user's coordinates: fixed effects, conditional modes and their covariances, and responses drawn from it.
#include <stdexcept>

#include "criterion.hpp"

namespace multilevel {

Vec LinearMixed::user_beta(const Vec& inner) const {
  const FixedCoordinates& fx = rows_.fixed;
  Vec beta(rows_.p, 0.0);
  for (int j = 0; j < rows_.p; ++j)
    for (int i = 0; i < rows_.p; ++i) beta[i] += fx.map.full(i, j) * (fx.beta0[j] + fx.y_scale * inner[j]);
  if (fx.constant >= 0) beta[fx.constant] += fx.y_center / fx.constant_value;
  return beta;
}

Solution LinearMixed::describe(const Point& at, const std::vector<Mat>& inner, const Vec& theta_user, bool reml) {
  const FixedCoordinates& fx = rows_.fixed;
  const int p = rows_.p;
  const double nu = static_cast<double>(rows_.n) - (reml ? p : 0), s = fx.y_scale;
  Solution out;
  out.theta = theta_user;
  out.criterion = at.value;
  out.r2 = at.r2 * s * s;
  out.sigma = known_ > 0.0 ? known_ : s * std::sqrt(at.r2 / nu);
  out.logdet = at.logdet;
  out.logdet_rx = at.logdet_q - 2.0 * fx.logdet;
  out.beta = user_beta(at.beta);
  out.unscaled_vcov = fx.map.full * at.Qinv * transpose(fx.map.full);
  Vec c(at.beta);
  for (double& b : c) b = -b;
  c.push_back(1.0);
  const Vec b = engine_ ? engine_->modes(c) : Vec();
  for (std::size_t t = 0; t < rows_.terms.size(); ++t) {
    const Factor& f = rows_.factors[cov_.terms()[t].factor];
    const int k = rows_.terms[t].k(), o = cov_.terms()[t].first;
    const Mat& map = rows_.maps[t].full;
    Vec modes(static_cast<std::size_t>(f.levels) * k, 0.0);
    for (int v = 0; v < f.levels; ++v)
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < k; ++j) modes[static_cast<std::size_t>(v) * k + i] += s * map(i, j) * b[f.offset + static_cast<std::int64_t>(v) * f.K + o + j];
    out.modes.push_back(std::move(modes));
  }
  out.boundary_slope = cov_.boundary(inner, theta_user, at.D, out.smallest);
  return out;
}

std::vector<Posterior> LinearMixed::posterior(const Vec& theta) {
  eliminate_at(theta);
  const std::vector<Posterior> inner = engine_->posterior();
  std::vector<Posterior> out;
  const int p = rows_.p;
  const Mat X_back = [&] {  // F is against the inner columns of X: P Z'X_s = P Z'X full, so multiply by full^-1
    Mat inv;
    inverse(rows_.fixed.map.full, inv);
    return inv;
  }();
  for (std::size_t t = 0; t < rows_.terms.size(); ++t) {
    const Factor& f = rows_.factors[cov_.terms()[t].factor];
    const int k = rows_.terms[t].k(), o = cov_.terms()[t].first, K = f.K;
    const Mat& map = rows_.maps[t].full;
    const Mat mapT = transpose(map);
    Posterior post;
    for (int v = 0; v < f.levels; ++v) {
      Mat P(k, k), F(k, p);
      for (int i = 0; i < k; ++i) {
        for (int j = 0; j < k; ++j) P(i, j) = inner[cov_.terms()[t].factor].P[(static_cast<std::size_t>(v) * K + o + i) * K + o + j];
        for (int j = 0; j < p; ++j) F(i, j) = inner[cov_.terms()[t].factor].F[(static_cast<std::size_t>(v) * K + o + i) * p + j];
      }
      P = map * P * mapT;
      F = map * F * X_back;
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < k; ++j) post.P.push_back(P(i, j));
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < p; ++j) post.F.push_back(F(i, j));
    }
    out.push_back(std::move(post));
  }
  return out;
}

Vec LinearMixed::variances(const Vec& theta, const std::vector<const std::int32_t*>& levels, const std::vector<std::vector<Column>>& Z, std::int64_t n) {
  eliminate_at(theta);
  return engine_->variances(combine(rows_, levels, Z, n));
}

Response LinearMixed::drawn(const Draws& draws, const double* numbers, const Vec& theta, double sigma, const Vec& beta) const {
  Mat back;
  Vec inner_beta(rows_.p, 0.0);
  if (!inverse(rows_.fixed.map.full, back)) throw std::runtime_error("singular coordinates of the fixed effects");
  for (int j = 0; j < rows_.p; ++j)
    for (int i = 0; i < rows_.p; ++i) inner_beta[i] += back(i, j) * beta[j];
  return draws.draw(numbers, cov_.by_factor(cov_.inner_lambda(theta))[0], sigma, inner_beta);
}

}  // namespace multilevel
