// Rows whose shapes have linear predictors, or whose zeros are inflated: from the derivatives of the family's own
// log-likelihood to those of the row (mixture.hpp), and where several of its predictors have random effects to their views.
#include <array>
#include <cmath>

#include "mixture.hpp"

namespace multilevel {

namespace {

// Where each row's derivatives stand in what own_rows has filled; `dispersed`: those in the logarithm of the first shape too.
class Own {
 public:
  Own(const RowDerivatives& d, Detail detail, bool dispersed) : d_(d), shapes_(static_cast<int>(d.r_shape.size())), detail_(detail), dispersed_(dispersed) {}

  void read(std::int64_t i, double scale, OwnDerivatives& f) const {
    if (detail_ == Detail::value) return;
    f.one[0] = scale * d_.r[i], f.two[0][0] = -scale * d_.observed[i];
    if (dispersed_) {
      const auto at = [&](int j) { return scale * d_.dispersed[j][i]; };
      f.one[1] = at(0), f.two[1][1] = at(1), f.two[0][1] = at(3);
      f.three[1][1][1] = at(2), f.three[0][1][1] = at(4);
      f.two[1][2] = at(5), f.three[1][1][2] = at(6), f.three[0][1][2] = at(7);
    }
    if (detail_ != Detail::full) return;
    f.three[0][0][0] = -scale * d_.dw[i];
    for (int j = 0; j < shapes_; ++j) {
      f.one[1 + j] = scale * d_.l_shape_row[j][i], f.two[0][1 + j] = scale * d_.r_shape[j][i];
      f.three[0][0][1 + j] = -scale * d_.w_shape[j][i];
    }
  }

 private:
  const RowDerivatives& d_;
  int shapes_;
  Detail detail_;
  bool dispersed_;
};

// For a step that has to go up: the information of the complete data, in which it is known where a zero comes from, the
// step of the EM algorithm; of a log-dispersion, whose -l_dd may be negative, |l_dd| + |l_d|.
double scoring(const Mixture& m, int variable) {
  if (variable == m.logit) return m.p1;
  if (variable == 0) return -m.q * m.f.two[0][0];
  return m.q * (std::abs(m.f.two[1][1]) + std::abs(m.f.one[1]));
}

}  // namespace

// The variables that the predictors with random effects are, by their numbers in mixture.hpp.
std::array<int, kMostPredictors> Likelihood::variables() const {
  std::array<int, kMostPredictors> of{};
  if (varying_.dispersion) of[1] = 1;
  if (varying_.inflation) of[predictors() - 1] = 1 + own_shapes();
  return of;
}

void Likelihood::make_room(std::int64_t n, Detail detail, RowDerivatives& out) const {
  const int k = predictors(), all = own_shapes() + (inflated_ ? 1 : 0);
  const std::int64_t seen = n * views_of(k);
  out.l.resize(n);
  if (detail != Detail::value) out.r.resize(seen), out.observed.resize(seen);
  if (detail != Detail::full) return;
  out.predictors = k;
  out.w.resize(seen), out.dw.resize(k == 1 ? n : 0), out.third.resize(k == 1 ? 0 : n * thirds_of(k));
  for (std::vector<Vec>* v : {&out.l_shape_row, &out.r_shape, &out.w_shape}) v->resize(all);
  for (int j = 0; j < all; ++j) out.l_shape_row[j].resize(n), out.r_shape[j].resize(seen), out.w_shape[j].resize(seen);
}

template <int K>
void Likelihood::compose(std::int64_t n, const double* y, const double* omega, const Vec& logit, Detail detail, const RowDerivatives& own, RowDerivatives& out) const {
  const int shapes = own_shapes(), all = shapes + (inflated_ ? 1 : 0);
  const std::array<int, kMostPredictors> x = variables();
  const Own from(own, detail, varying_.dispersion);
  const Mixture::Row at_zero = has_zeros() ? Mixture::Row::zero : Mixture::Row::apart;
  const bool multiplies = inflated_ && weights_multiply();  // weights multiply the log-likelihood of the mixture
  make_room(n, detail, out);
  OwnDerivatives f;
  for (std::int64_t i = 0; i < n; ++i) {
    const double by = multiplies ? omega[i] : 1.0, l = own.l[i] / by;
    const Mixture m = inflated_ ? Mixture(y[i] == 0.0 ? at_zero : Mixture::Row::positive, 1 + shapes, logit[i], l, f) : Mixture(l, f);
    out.l[i] = by * m.l;
    if (detail == Detail::value) continue;
    if (m.q > 0.0) from.read(i, 1.0 / by, f);
    else f = {};
    put_first<K>(out.r, i, [&](int p) { return by * m.first(x[p]); });
    if (detail == Detail::scoring) {
      put_second<K>(out.observed, i, [&](int p, int q) { return p == q ? by * scoring(m, x[p]) : 0.0; });
      continue;
    }
    put_second<K>(out.observed, i, [&](int p, int q) { return -by * m.second(x[p], x[q]); });
    if (detail != Detail::full) continue;
    std::copy_n(out.observed.data() + i * views_of(K), views_of(K), out.w.data() + i * views_of(K));
    double* third = K == 1 ? &out.dw[i] : &out.third[i * thirds_of(K)];
    each_third(K, [&](int at, int p, int q, int r) { third[at] = -by * m.third(x[p], x[q], x[r]); });
    for (int j = 0; j < all; ++j) {
      out.l_shape_row[j][i] = by * m.first(1 + j);
      put_first<K>(out.r_shape[j], i, [&](int p) { return by * m.second(1 + j, x[p]); });
      put_second<K>(out.w_shape[j], i, [&](int p, int q) { return -by * m.third(1 + j, x[p], x[q]); });
    }
  }
}

// The first view of each row has its response and weight; every predictor's own view has what random effects add to it.
double Likelihood::modelled_rows(std::int64_t n, const double* y, const double* omega, const double* eta, Detail detail, RowDerivatives& out) const {
  const int k = predictors(), views = views_of(k);
  Vec seen[3], logit = inflation_, moved;
  if (k > 1) {
    n /= views;
    const double* from[] = {y, omega, eta};
    for (int j = 0; j < 3; ++j) {
      seen[j].resize(n);
      for (std::int64_t i = 0; i < n; ++i) seen[j][i] = from[j][views * i];
    }
    if (varying_.dispersion) moved = row_shape_;
    for (std::int64_t i = 0; varying_.dispersion && i < n; ++i) moved[i * kMostShapes] *= std::exp(eta[views * i + 1]);
    for (std::int64_t i = 0; varying_.inflation && i < n; ++i) logit[i] += eta[views * i + k - 1];
    y = seen[0].data(), omega = seen[1].data(), eta = seen[2].data();
  }
  Vec stand_in;
  if (inflated_ && !has_zeros()) {
    stand_in.assign(y, y + n);
    for (double& v : stand_in) v = v == 0.0 ? 0.5 : v;
  }
  RowDerivatives own;
  own.by_row = true;
  if (varying_.dispersion && detail != Detail::value) own.dispersed.assign(kDispersed, Vec(n));
  own_rows(n, stand_in.empty() ? y : stand_in.data(), omega, eta, varying_.dispersion ? moved : row_shape_, detail, own);
  if (k == 3) compose<3>(n, y, omega, logit, detail, own, out);
  else if (k == 2) compose<2>(n, y, omega, logit, detail, own, out);
  else if (inflated_) compose<1>(n, y, omega, logit, detail, own, out);
  else {
    for (Vec RowDerivatives::* v : {&RowDerivatives::r, &RowDerivatives::observed, &RowDerivatives::l, &RowDerivatives::w, &RowDerivatives::dw}) (out.*v).swap(own.*v);
    for (std::vector<Vec> RowDerivatives::* v : {&RowDerivatives::l_shape_row, &RowDerivatives::r_shape, &RowDerivatives::w_shape}) (out.*v).swap(own.*v);
  }
  double sum = 0.0;
  for (double l : out.l) sum += l;
  if (detail == Detail::full) spread_over_columns(out);
  return std::isfinite(sum) ? sum : -HUGE_VAL;
}

// Derivatives in the predictors of the shapes become those in their coefficients.
void Likelihood::spread_over_columns(RowDerivatives& d) const {
  const int s = shapes(), views = views_of(predictors());
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
