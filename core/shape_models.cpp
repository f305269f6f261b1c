// Shapes with linear predictors of their own, and zero inflation (Lambert 1992, Technometrics 34, 1-14; Brooks et al. 2017,
// R Journal 9(2), 378-400).
//
//   log shape_i = d_i'delta,   logit pi_i = g_i = w_i'gamma + z_i'b,   the mixture: mixture.hpp
//
// Where the logit has random effects, or the logarithm of the first shape, d, a row has several linear predictors, eta, d and
// g, and a symmetric matrix W of weights. With e_p the unit vectors,
//   W = sum_p (W_pp - sum_{q != p} W_pq) e_p e_p' + sum_{p < q} W_pq (e_p + e_q)(e_p + e_q)'
// so it is three rows of one weight each for two predictors, six for three, whose predictors are eta, d, g and the sums of
// two: the views of Observations. Sums over views are sums over rows with that matrix, so elimination, modes and gradient
// know nothing of further predictors. Their fixed parts, w_i'gamma and d_i'delta, are kept here, for the logit counts as a
// shape. A row's derivatives: modelled_rows.cpp.
#include <algorithm>
#include <cmath>

#include "families.hpp"
#include "refused.hpp"
#include "views.hpp"

namespace multilevel {

namespace {

// Coefficients whose predictors are nearest to one number.
void nearest(const ShapeModel& model, double value, Vec& out) {
  const int k = model.size();
  if (model.columns.empty()) {
    out.push_back(value);
    return;
  }
  Mat A(k, k);
  Vec b(k, 0.0);
  for (int j = 0; j < k; ++j)
    for (std::size_t i = 0; i < model.columns[j].size(); ++i) {
      b[j] += value * model.columns[j][i];
      for (int l = 0; l < k; ++l) A(l, j) += model.columns[l][i] * model.columns[j][i];
    }
  if (!cholesky(A)) throw Refused("the columns of a formula for zero inflation or dispersion cannot be told apart; leave one out");
  solve_lower(A, b.data());
  solve_lower_t(A, b.data());
  out.insert(out.end(), b.begin(), b.end());
}

}  // namespace

bool Likelihood::weights_multiply() const {
  switch (family_) {
    case Family::binomial:
    case Family::beta_binomial:
    case Family::gaussian:
    case Family::gamma:
    case Family::inverse_gaussian:
    case Family::tweedie: return false;
    default: return true;
  }
}

bool Likelihood::has_zeros() const {
  switch (family_) {
    case Family::binomial:
    case Family::poisson:
    case Family::negative_binomial_2:
    case Family::negative_binomial_1:
    case Family::generalized_poisson:
    case Family::beta_binomial:
    case Family::tweedie: return true;
    default: return false;
  }
}

int Likelihood::shapes() const {
  if (models_.empty()) return own_shapes();
  int total = 0;
  for (const ShapeModel& m : models_) total += m.size();
  return total;
}

void Likelihood::set_models(std::vector<ShapeModel> models, std::int64_t n, Varying varying) {
  const int own = own_shapes(), given = static_cast<int>(models.size());
  if (given != own && given != own + 1) throw Refused("one model for each shape of the family, and one for zero inflation, expected");
  inflated_ = given == own + 1;
  if (varying.inflation && !inflated_) throw Refused("random effects in the zero inflation go with a model of it");
  if (varying.dispersion && own == 0) throw Refused("random effects in the dispersion go with a family that has one");
  if ((inflated_ || varying.dispersion) && !same_)
    throw Refused("zero inflation, and random effects in the dispersion, go with the observed information only: use curvature=\"observed\"");
  models_ = std::move(models);
  rows_ = n;
  varying_ = varying;
}

void Likelihood::arrange(const std::vector<std::int32_t>& row_of) {
  for (ShapeModel& m : models_)
    for (Vec& column : m.columns) {
      Vec sorted(column.size());
      for (std::size_t i = 0; i < column.size(); ++i) sorted[row_of[i]] = column[i];
      column = std::move(sorted);
    }
}

void Likelihood::set_shape(const double* parameters) {
  if (models_.empty()) {
    for (int j = 0; j < own_shapes(); ++j) shape_[j] = std::exp(parameters[j]);
    return;
  }
  Vec predictor(rows_);
  row_shape_.assign(static_cast<std::size_t>(rows_) * kMostShapes, 1.0);
  for (std::size_t k = 0; k < models_.size(); ++k) {
    const ShapeModel& m = models_[k];
    predictor.assign(rows_, m.columns.empty() ? *parameters : 0.0);
    for (std::size_t j = 0; j < m.columns.size(); ++j)
      for (std::int64_t i = 0; i < rows_; ++i) predictor[i] += parameters[j] * m.columns[j][i];
    parameters += m.size();
    if (static_cast<int>(k) == own_shapes()) inflation_ = predictor;
    else
      for (std::int64_t i = 0; i < rows_; ++i) row_shape_[i * kMostShapes + k] = std::exp(predictor[i]);
  }
}

Vec Likelihood::start_shape(double mean, double variance, double zeros) const {
  Vec own(own_shapes(), 0.0), out;
  own_start(mean, variance, own.data());
  if (models_.empty()) return own;
  const double share = std::min(std::max(has_zeros() ? 0.5 * zeros : zeros, 0.01), 0.99);  // half of the zeros may be the family's
  for (std::size_t k = 0; k < models_.size(); ++k) nearest(models_[k], k < own.size() ? own[k] : std::log(share / (1.0 - share)), out);
  return out;
}

namespace {

template <int K>
void slope_of(const Vec& c, const Vec& third, Vec& a) {
  constexpr int views = views_of(K);
  const auto n = static_cast<std::int64_t>(c.size()) / views;
  for (std::int64_t i = 0; i < n; ++i) {
    const double *ci = c.data() + i * views, *t = third.data() + i * thirds_of(K);
    double* ai = a.data() + i * views;
    double C[K][K];  // twice off the diagonal
    for (int p = 0; p < K; ++p) C[p][p] = ci[p];
    each_sum(K, [&](int v, int p, int q) { C[p][q] = ci[v] - ci[p] - ci[q]; });
    each_third(K, [&](int at, int p, int q, int r) {  // each p by the pair of the other two, once
      ai[p] += C[q][r] * t[at];
      if (q > p) ai[q] += C[p][r] * t[at];
      if (r > q) ai[r] += C[p][q] * t[at];
    });
  }
}

}  // namespace

void RowDerivatives::slope(const Vec& c, Vec& a) const {
  a.assign(c.size(), 0.0);
  if (predictors == 2) slope_of<2>(c, third, a);
  else if (predictors == 3) slope_of<3>(c, third, a);
  else
    for (std::size_t i = 0; i < c.size(); ++i) a[i] = c[i] * dw[i];
}

}  // namespace multilevel
