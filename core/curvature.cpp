// What says how sure the estimates are: second derivatives of the criterion by all parameters, and what tests of the fixed
// effects need of the blocks of Z'V^-1X.
#include <algorithm>
#include <stdexcept>

#include "criterion.hpp"

namespace multilevel {

namespace {

constexpr double kStep = 0.03;  // of a difference, in standard errors of the parameter

}  // namespace

Mat Slopes::sum_over(const Direction& d) const {
  const int K = d.psi_dot.rows, p = HH[d.factor].rows / K;
  Mat sum(p, p);
  for (int b = 0; b < p; ++b)
    for (int a = 0; a < p; ++a)
      for (int j = 0; j < K; ++j)
        for (int i = 0; i < K; ++i) sum(a, b) += HH[d.factor](a * K + i, b * K + j) * d.psi_dot(i, j);
  return sum;
}

// By the coordinates of a search: a parameter at its bound then is one whose slopes are zero.
bool LinearMixed::searched(const Vec& x, bool reml, Point& out) {
  if (!(carrier_ < 0 ? differentiated(cov_.to_natural(x), reml, out) : users_whole(cov_.to_natural(x), reml, out))) return false;
  cov_.chain(x, out.gradient, &out.hessian);
  if (engine_) cov_.chain(x, out.r2_slope, nullptr);
  return true;
}

// Where the engine has average information only: central differences, of fourth order, of the exact gradient and of r2.
void LinearMixed::curve_by_differences(const Vec& x, bool reml, Point& at) {
  const int m = static_cast<int>(x.size());
  double largest = 1.0;
  for (double t : x) largest = std::max(largest, std::abs(t));
  Mat H(m, m);
  Vec slope(m, 0.0);
  Point there;
  for (int j = 0; j < m; ++j) {
    const double curvature = at.hessian(j, j), h = kStep * (curvature > 0.0 ? std::sqrt(2.0 / curvature) : largest);
    for (const auto& [weight, steps] : {std::pair{8.0, 1.0}, {-8.0, -1.0}, {-1.0, 2.0}, {1.0, -2.0}}) {
      Vec moved(x);
      moved[j] += steps * h;
      if (!searched(moved, reml, there)) throw std::domain_error("the criterion is not finite near this theta");
      for (int i = 0; i < m; ++i) H(i, j) += weight / (12.0 * h) * there.gradient[i];
      slope[j] -= weight / (12.0 * h) * there.r2;
    }
  }
  symmetrise(H);
  at.hessian = std::move(H);
  at.r2_slope = slope;
}

// With r2(theta) = nu sigma^2 the deviance has the second derivatives 4 nu / sigma^2 in sigma, -2 (dr2/dtheta) / sigma^3
// across, and d'' + c c' / (4 nu / sigma^2) in theta, c those across and d'' those of the profiled criterion.
// d(Q^-1)/dtheta_m = Q^-1 [ sum over levels of H_l' (dPsi/dtheta_m) H_l ] Q^-1.
PhiCurvature LinearMixed::curvature(const Vec& theta, bool reml) {
  Point at;
  cov_.check(theta);
  if (carrier_ >= 0) return curvature_whole(theta, reml);
  const Vec x = cov_.to_search(theta);
  if (!searched(x, reml, at)) throw std::domain_error("the criterion is not finite at this theta");
  const int p = rows_.p, m = static_cast<int>(theta.size());
  PhiCurvature out{Mat(m + 1, m + 1), {}};
  const std::vector<Mat> maps = cov_.maps_to_inner();
  if (engine_) {
    Slopes products;
    products.products = true;
    eliminate_at(theta);  // differentiating used it up
    engine_->differentiate(Vec(p + 1, 0.0), {}, {}, products);
    const Vec rate = cov_.rates(x);
    for (const Direction& d : cov_.directions(theta, &maps)) {
      const Mat U = rows_.fixed.map.full * at.Qinv;
      out.slopes.push_back(scaled(U * products.sum_over(d) * transpose(U), rate[out.slopes.size()]));
    }
  }
  if (!at.exact) curve_by_differences(x, reml, at);
  if (known_ > 0.0) {
    for (int j = 0; j < m; ++j)
      for (int i = 0; i < m; ++i) out.deviance(i + 1, j + 1) = at.hessian(i, j);
    return out;
  }
  const double nu = static_cast<double>(rows_.n) - (reml ? p : 0), s = rows_.fixed.y_scale;
  const double sigma = s * std::sqrt(at.r2 / nu), HS = 4.0 * nu / (sigma * sigma);
  out.deviance(0, 0) = HS;
  for (int j = 0; j < m; ++j) out.deviance(0, j + 1) = out.deviance(j + 1, 0) = 2.0 * s * s * at.r2_slope[j] / (sigma * sigma * sigma);
  for (int j = 0; j < m; ++j)
    for (int i = 0; i < m; ++i) out.deviance(i + 1, j + 1) = at.hessian(i, j) + out.deviance(i + 1, 0) * out.deviance(0, j + 1) / HS;
  return out;
}

std::vector<Contraction> LinearMixed::contractions(const Vec& theta) {
  eliminate_at(theta);
  Slopes slopes;
  slopes.products = true;
  engine_->differentiate(Vec(rows_.p + 1, 0.0), {}, {}, slopes);
  Mat X_back;  // H is against the inner columns of X
  inverse(rows_.fixed.map.full, X_back);
  const int p = rows_.p;
  std::vector<Contraction> out;
  for (std::size_t t = 0; t < rows_.terms.size(); ++t) {
    const int f = cov_.terms()[t].factor, k = rows_.terms[t].k(), o = cov_.terms()[t].first, K = rows_.factors[f].K;
    const Mat& back = cov_.terms()[t].to_inner;
    Contraction c{Mat(k, k), Mat(k * p, k * p)};
    Mat map(k * p, k * p);  // vec(H_user) = map vec(H_inner)
    for (int a = 0; a < p; ++a)
      for (int b = 0; b < p; ++b)
        for (int i = 0; i < k; ++i)
          for (int j = 0; j < k; ++j) map(a * k + i, b * k + j) = X_back(b, a) * back(j, i);
    for (int b = 0; b < p; ++b)
      for (int a = 0; a < p; ++a)
        for (int j = 0; j < k; ++j)
          for (int i = 0; i < k; ++i) c.HH(a * k + i, b * k + j) = slopes.HH[f](a * K + o + i, b * K + o + j);
    c.HH = map * c.HH * transpose(map);
    for (int j = 0; j < k; ++j)
      for (int i = 0; i < k; ++i) c.T(i, j) = slopes.T[f](o + i, o + j);
    c.T = transpose(back) * c.T * back;
    out.push_back(std::move(c));
  }
  return out;
}

ScoreParts LinearMixed::score_parts(const Vec& theta) {
  Point at;
  const std::vector<Direction> none;
  const double s2 = rows_.fixed.y_scale * rows_.fixed.y_scale;
  std::size_t size = rows_.p + 1;
  for (const Factor& f : rows_.factors) size += f.K * (f.K + 1) / 2;
  if (!evaluate(cov_.inner_lambda(theta), &none, false, at)) return ScoreParts(size, std::nan(""));
  ScoreParts out = user_beta(at.beta);
  for (const Mat& S : at.S)
    for (int j = 0; j < S.cols; ++j)
      for (int i = j; i < S.rows; ++i) out.push_back(s2 * S(i, j));
  out.push_back(s2 * at.r2);
  return out;
}

}  // namespace multilevel
