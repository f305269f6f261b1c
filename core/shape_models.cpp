// Shapes with linear predictors of their own, and zero inflation (Lambert 1992, Technometrics 34, 1-14; Brooks et al. 2017,
// R Journal 9(2), 378-400).
//
//   log shape_i = d_i'delta,   logit pi_i = g_i = w_i'gamma
//   l = log(pi + (1 - pi) e^f) where y = 0,   l = log(1 - pi) + f elsewhere,   f the family's own log-likelihood
//
// With q = expit(f - g), the chance that a zero is the family's own, q1 = q (1 - q), q2 = q1 (1 - 2q), and derivatives of f
// in eta as f1, f2, f3, in a shape as fs, f1s, f2s:
//   l1 = q f1    l2 = q f2 + q1 f1^2    l3 = q f3 + 3 q1 f1 f2 + q2 f1^3
//   l_s = q fs   l1_s = q f1s + q1 f1 fs   l2_s = q f2s + q1 (f2 fs + 2 f1 f1s) + q2 f1^2 fs
//   l_g = 1 - pi - q   l1_g = -q1 f1   l2_g = -q1 f2 - q2 f1^2
// Continuous and truncated families have no zeros of their own: f = -inf, q = 0.
#include <algorithm>
#include <cmath>

#include "families.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

double log1p_exp(double x) { return x > 0.0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
double expit(double x) { return x > 0.0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x)); }

// Weights of the others are trials, or divide the dispersion.
bool weights_multiply(Family family) {
  switch (family) {
    case Family::binomial:
    case Family::beta_binomial:
    case Family::gaussian:
    case Family::gamma:
    case Family::inverse_gaussian:
    case Family::tweedie: return false;
    default: return true;
  }
}

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

bool Likelihood::has_zeros() const {
  switch (family_) {
    case Family::binomial:
    case Family::poisson:
    case Family::negative_binomial_2:
    case Family::negative_binomial_1:
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

void Likelihood::set_models(std::vector<ShapeModel> models, std::int64_t n) {
  const int own = own_shapes(), given = static_cast<int>(models.size());
  if (given != own && given != own + 1) throw Refused("one model for each shape of the family, and one for zero inflation, expected");
  inflated_ = given == own + 1;
  if (inflated_ && !same_) throw Refused("zero inflation goes with the observed information only: use curvature=\"observed\"");
  models_ = std::move(models);
  rows_ = n;
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

// A row's own derivatives become those of the mixture; those in its logit g beside.
void Likelihood::inflate(std::int64_t i, double y, double omega, Detail detail, RowDerivatives& own, double& l_g, double& r_g, double& w_g) const {
  // weights that multiply the log-likelihood multiply that of the mixture
  const double k = weights_multiply(family_) ? omega : 1.0, g = inflation_[i], pi = expit(g);
  if (y != 0.0) {
    own.l[i] -= k * log1p_exp(g);
    l_g = -k * pi, r_g = w_g = 0.0;
    return;
  }
  const bool apart = stands_apart(y), full = detail == Detail::full;
  const double f = own.l[i] / k, q = apart ? 0.0 : expit(f - g), q1 = q * (1.0 - q), q2 = q1 * (1.0 - 2.0 * q);
  own.l[i] = -k * (log1p_exp(-g) - (apart ? 0.0 : log1p_exp(f - g)));
  l_g = k * (expit(-g) - q);
  r_g = w_g = 0.0;
  if (detail == Detail::value) return;
  if (apart) {
    own.r[i] = own.observed[i] = 0.0;
    if (!full) return;
    own.w[i] = own.dw[i] = 0.0;
    for (std::size_t j = 0; j < own.r_shape.size(); ++j) own.r_shape[j][i] = own.w_shape[j][i] = own.l_shape_row[j][i] = 0.0;
    return;
  }
  const double f1 = own.r[i] / k, f2 = -own.observed[i] / k;
  own.r[i] *= q;
  if (detail == Detail::scoring) {
    own.observed[i] *= q;
    return;
  }
  own.observed[i] = -k * (q * f2 + q1 * f1 * f1);
  if (!full) return;
  r_g = -k * q1 * f1;
  w_g = k * (q1 * f2 + q2 * f1 * f1);
  own.w[i] = own.observed[i];
  own.dw[i] = q * own.dw[i] - k * (3.0 * q1 * f1 * f2 + q2 * f1 * f1 * f1);
  for (std::size_t j = 0; j < own.r_shape.size(); ++j) {
    const double fs = own.l_shape_row[j][i] / k, f1s = own.r_shape[j][i] / k, f2s = -own.w_shape[j][i] / k;
    own.l_shape_row[j][i] *= q;
    own.r_shape[j][i] = k * (q * f1s + q1 * f1 * fs);
    own.w_shape[j][i] = -k * (q * f2s + q1 * (f2 * fs + 2.0 * f1 * f1s) + q2 * f1 * f1 * fs);
  }
}

double Likelihood::modelled_rows(std::int64_t n, const double* y, const double* omega, const double* eta, Detail detail, RowDerivatives& out) const {
  RowDerivatives own;
  own.by_row = true;
  Vec stand_in;
  if (inflated_ && !has_zeros()) {
    stand_in.assign(y, y + n);
    for (double& v : stand_in) v = v == 0.0 ? 0.5 : v;
  }
  own_rows(n, stand_in.empty() ? y : stand_in.data(), omega, eta, detail, own);
  const int k = own_shapes();
  const bool full = detail == Detail::full;
  if (inflated_) {
    Vec l(n), r(n), w(n);
    for (std::int64_t i = 0; i < n; ++i) inflate(i, y[i], omega[i], detail, own, l[i], r[i], w[i]);
    own.l_shape_row.resize(k), own.r_shape.resize(k), own.w_shape.resize(k);
    own.l_shape_row.push_back(std::move(l)), own.r_shape.push_back(std::move(r)), own.w_shape.push_back(std::move(w));
  }
  double sum = 0.0;
  for (double l : own.l) sum += l;
  out.r.swap(own.r), out.observed.swap(own.observed), out.l.swap(own.l);
  if (full) {
    const int s = shapes();
    out.w.swap(own.w), out.dw.swap(own.dw);
    out.l_shape.assign(s, 0.0);
    out.l_shape_row.resize(s), out.r_shape.resize(s), out.w_shape.resize(s);
    for (std::size_t m = 0, c = 0; m < models_.size(); ++m) {
      const std::vector<Vec>& columns = models_[m].columns;
      for (int j = 0; j < models_[m].size(); ++j, ++c) {
        out.l_shape_row[c] = own.l_shape_row[m], out.r_shape[c] = own.r_shape[m], out.w_shape[c] = own.w_shape[m];
        for (std::int64_t i = 0; i < n; ++i) {
          const double d = columns.empty() ? 1.0 : columns[j][i];
          out.l_shape_row[c][i] *= d, out.r_shape[c][i] *= d, out.w_shape[c][i] *= d;
          out.l_shape[c] += out.l_shape_row[c][i];
        }
      }
    }
  }
  return std::isfinite(sum) ? sum : -HUGE_VAL;
}

}  // namespace multilevel
