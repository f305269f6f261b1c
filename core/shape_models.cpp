// Shapes with linear predictors of their own, and zero inflation (Lambert 1992, Technometrics 34, 1-14; Brooks et al. 2017,
// R Journal 9(2), 378-400).
//
//   log shape_i = d_i'delta,   logit pi_i = g_i = w_i'gamma + z_i'b,   the mixture: mixture.hpp
//
// Where the logit has random effects, a row has two linear predictors, eta and g, and a 2 x 2 matrix of weights; so it has
// where the logarithm of the first shape does, then in the place of g. As
//   [a c; c b] = (a - c) (1, 0)(1, 0)' + (b - c) (0, 1)(0, 1)' + c (1, 1)(1, 1)'
// it is three rows of one weight each, whose predictors are eta, g and eta + g: the views of Observations. Sums over views
// are sums over rows with that matrix, so elimination, modes and gradient know nothing of a second predictor. Its
// fixed part, w_i'gamma or d_i'delta, is kept here, for the logit counts as a shape.
#include <algorithm>
#include <cmath>

#include "families.hpp"
#include "mixture.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

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

void Likelihood::set_models(std::vector<ShapeModel> models, std::int64_t n, Second second) {
  const int own = own_shapes(), given = static_cast<int>(models.size());
  if (given != own && given != own + 1) throw Refused("one model for each shape of the family, and one for zero inflation, expected");
  inflated_ = given == own + 1;
  if (second == Second::inflation && !inflated_) throw Refused("random effects in the zero inflation go with a model of it");
  if (second == Second::dispersion && (own == 0 || inflated_))
    throw Refused("random effects in the dispersion go with a family that has one, and without zero inflation");
  if ((inflated_ || second == Second::dispersion) && !same_)
    throw Refused("zero inflation, and random effects in the dispersion, go with the observed information only: use curvature=\"observed\"");
  models_ = std::move(models);
  rows_ = n;
  second_ = second;
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

// Where the derivatives of row i go: into one row, or into the views of two predictors.
void put(bool both, Vec& out, std::int64_t i, double e, double g) {
  if (!both) {
    out[i] = e;
    return;
  }
  out[kViews * i] = e, out[kViews * i + 1] = g, out[kViews * i + 2] = 0.0;
}

void put(bool both, Vec& out, std::int64_t i, double ee, double eg, double gg) {
  if (!both) {
    out[i] = ee;
    return;
  }
  out[kViews * i] = ee - eg, out[kViews * i + 1] = gg - eg, out[kViews * i + 2] = eg;
}

}  // namespace

void RowDerivatives::slope(const Vec& c, Vec& a) const {
  const auto n = static_cast<std::int64_t>(c.size());
  a.assign(n, 0.0);
  if (third.empty()) {
    for (std::int64_t i = 0; i < n; ++i) a[i] = c[i] * dw[i];
    return;
  }
  for (std::int64_t i = 0, t = 0; i < n; i += kViews, t += 4) {
    const double cross = c[i + 2] - c[i] - c[i + 1];
    a[i] = c[i] * third[t] + cross * third[t + 1] + c[i + 1] * third[t + 2];
    a[i + 1] = c[i] * third[t + 1] + cross * third[t + 2] + c[i + 1] * third[t + 3];
  }
}

// The derivatives of the mixture from the family's own; its logit comes as one more shape.
void Likelihood::mix(std::int64_t n, const double* y, const double* omega, const Vec& logit, Detail detail, RowDerivatives& own, RowDerivatives& out) const {
  // weights that multiply the log-likelihood multiply that of the mixture
  const bool multiplies = weights_multiply(family_);
  const bool slopes = detail != Detail::value, full = detail == Detail::full;
  const std::size_t all = n * (both() ? kViews : 1), own_count = own.r_shape.size();
  out.l.resize(n);
  if (slopes) out.r.resize(all), out.observed.resize(all);
  if (full) {
    out.w.resize(all), out.dw.resize(both() ? 0 : all), out.third.resize(both() ? 4 * n : 0);
    out.l_shape_row.resize(own_count + 1), out.r_shape.resize(own_count + 1), out.w_shape.resize(own_count + 1);
    for (std::size_t j = 0; j <= own_count; ++j) out.l_shape_row[j].resize(n), out.r_shape[j].resize(all), out.w_shape[j].resize(all);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const double k = multiplies ? omega[i] : 1.0;
    const Mixture::Row row = y[i] != 0.0 ? Mixture::Row::positive : has_zeros() ? Mixture::Row::zero : Mixture::Row::apart;
    const bool apart = row == Mixture::Row::apart;
    const double f1 = slopes && !apart ? own.r[i] / k : 0.0, f2 = slopes && !apart ? -own.observed[i] / k : 0.0;
    const Mixture m(row, logit[i], own.l[i] / k, f1, f2, full && !apart ? -own.dw[i] / k : 0.0);
    out.l[i] = k * m.l;
    if (!slopes) continue;
    put(both(), out.r, i, k * m.e, k * m.g);
    // information of the complete data, in which it is known where a zero comes from: the step of the EM algorithm
    if (detail == Detail::scoring) put(both(), out.observed, i, -k * m.q * f2, 0.0, k * m.p1);
    else put(both(), out.observed, i, -k * m.ee, -k * m.eg, -k * m.gg);
    if (!full) continue;
    put(both(), out.w, i, -k * m.ee, -k * m.eg, -k * m.gg);
    if (both()) out.third[4 * i] = -k * m.eee, out.third[4 * i + 1] = -k * m.eeg, out.third[4 * i + 2] = -k * m.egg, out.third[4 * i + 3] = -k * m.ggg;
    else out.dw[i] = -k * m.eee;
    const auto shape = [&](std::size_t j, const Mixture::Shape& d) {
      out.l_shape_row[j][i] = k * d.s;
      put(both(), out.r_shape[j], i, k * d.es, k * d.gs);
      put(both(), out.w_shape[j], i, -k * d.ees, -k * d.egs, -k * d.ggs);
    };
    for (std::size_t j = 0; j < own_count; ++j)
      shape(j, apart ? Mixture::Shape{} : m.in_shape(own.l_shape_row[j][i] / k, own.r_shape[j][i] / k, -own.w_shape[j][i] / k));
    shape(own_count, {m.g, m.eg, m.eeg, m.gg, m.egg, m.ggg});
  }
}

// Two predictors, eta and the log-dispersion d. For a step that has to go down, -l_dd may be negative; |l_dd| + |l_d| is not.
void Likelihood::disperse(std::int64_t n, Detail detail, RowDerivatives& own, RowDerivatives& out) const {
  const std::size_t all = n * kViews, s = own_shapes();
  out.l.swap(own.l);
  if (detail == Detail::value) return;
  const bool full = detail == Detail::full;
  const std::vector<Vec>& in = own.dispersed;
  out.r.resize(all), out.observed.resize(all);
  if (full) {
    out.w.resize(all), out.third.resize(4 * n);
    out.l_shape_row.swap(own.l_shape_row);
    out.r_shape.resize(s), out.w_shape.resize(s);
    for (std::size_t j = 0; j < s; ++j) out.r_shape[j].resize(all), out.w_shape[j].resize(all);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const double d = in[0][i], dd = in[1][i], ddd = in[2][i], ed = in[3][i], edd = in[4][i];
    put(true, out.r, i, own.r[i], d);
    if (detail == Detail::scoring) put(true, out.observed, i, own.observed[i], 0.0, std::abs(dd) + std::abs(d));
    else put(true, out.observed, i, own.observed[i], -ed, -dd);
    if (!full) continue;
    put(true, out.w, i, own.observed[i], -ed, -dd);
    out.third[4 * i] = own.dw[i], out.third[4 * i + 1] = own.w_shape[0][i], out.third[4 * i + 2] = -edd, out.third[4 * i + 3] = -ddd;
    put(true, out.r_shape[0], i, ed, dd);
    put(true, out.w_shape[0], i, own.w_shape[0][i], -edd, -ddd);
    if (s < 2) continue;
    put(true, out.r_shape[1], i, own.r_shape[1][i], in[5][i]);
    put(true, out.w_shape[1], i, own.w_shape[1][i], -in[7][i], -in[6][i]);
  }
}

double Likelihood::modelled_rows(std::int64_t n, const double* y, const double* omega, const double* eta, Detail detail, RowDerivatives& out) const {
  RowDerivatives own;
  own.by_row = true;
  Vec seen[3], logit = inflation_, moved;
  const bool dispersed = second_ == Second::dispersion;
  if (both()) {  // the first view of each row has its response, weight and predictor, the second the random part of the other one
    n /= kViews;
    const double* from[] = {y, omega, eta};
    for (int j = 0; j < 3; ++j) {
      seen[j].resize(n);
      for (std::int64_t i = 0; i < n; ++i) seen[j][i] = from[j][kViews * i];
    }
    if (dispersed) moved = row_shape_;
    for (std::int64_t i = 0; i < n; ++i)
      if (dispersed) moved[i * kMostShapes] *= std::exp(eta[kViews * i + 1]);
      else logit[i] += eta[kViews * i + 1];
    y = seen[0].data(), omega = seen[1].data(), eta = seen[2].data();
  }
  Vec stand_in;
  if (inflated_ && !has_zeros()) {
    stand_in.assign(y, y + n);
    for (double& v : stand_in) v = v == 0.0 ? 0.5 : v;
  }
  if (dispersed && detail != Detail::value) own.dispersed.assign(kDispersed, Vec(n));
  own_rows(n, stand_in.empty() ? y : stand_in.data(), omega, eta, dispersed ? moved : row_shape_, detail, own);
  if (dispersed) disperse(n, detail, own, out);
  else if (inflated_) mix(n, y, omega, logit, detail, own, out);
  else {
    out.r.swap(own.r), out.observed.swap(own.observed), out.l.swap(own.l);
    if (detail == Detail::full)
      out.w.swap(own.w), out.dw.swap(own.dw), out.l_shape_row.swap(own.l_shape_row), out.r_shape.swap(own.r_shape), out.w_shape.swap(own.w_shape);
  }
  double sum = 0.0;
  for (double l : out.l) sum += l;
  if (detail == Detail::full) spread_over_columns(out);
  return std::isfinite(sum) ? sum : -HUGE_VAL;
}

// Derivatives in the predictors of the shapes become those in their coefficients.
void Likelihood::spread_over_columns(RowDerivatives& d) const {
  const int s = shapes(), views = both() ? kViews : 1;
  const std::vector<Vec> l = std::move(d.l_shape_row), r = std::move(d.r_shape), w = std::move(d.w_shape);
  d.l_shape.assign(s, 0.0);
  d.l_shape_row.assign(s, {}), d.r_shape.assign(s, {}), d.w_shape.assign(s, {});
  for (std::size_t m = 0, c = 0; m < models_.size(); ++m)
    for (int j = 0; j < models_[m].size(); ++j, ++c) {
      Vec &lc = d.l_shape_row[c] = l[m], &rc = d.r_shape[c] = r[m], &wc = d.w_shape[c] = w[m];
      for (std::size_t i = 0; i < lc.size(); ++i) {
        const double x = models_[m].columns.empty() ? 1.0 : models_[m].columns[j][i];
        d.l_shape[c] += lc[i] *= x;
        for (int v = 0; v < views; ++v) rc[views * i + v] *= x, wc[views * i + v] *= x;
      }
    }
}

}  // namespace multilevel
