#include "covariances.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kKnown = 1e-6; // a rate dtheta / dx of a parameter at its bound
constexpr double kZero = 1e-6;  // a singular value of Lambda below this moves the criterion by less than rounding

// The most negative slope into the box of theta where it is at a bound. The criterion is even in an only standard
// deviation: its slope is that by the variance.
double slope_at_bounds(const Covariances::TermShape& t, const Vec& theta, const Mat& D) {
  double slope = HUGE_VAL;
  Vec own(theta.begin() + t.at, theta.begin() + t.at + t.size);
  const bool none = t.form.sds() == 1 && own[0] == 0.0;
  if (none) own[0] = 1.0;
  for (int a = 0; a < (none ? 1 : t.size); ++a) {
    const double gradient = inner(D, t.form.slope(own.data(), a)) * (none ? 0.5 : 1.0);
    slope = std::min(slope, t.form.inward(theta.data() + t.at, a, gradient));
  }
  return slope;
}

// Rows and columns of the leading parameters, each times its scale.
void scale_both(Mat& H, const Vec& scale) {
  for (std::size_t m = 0; m < scale.size(); ++m)
    for (int i = 0; i < H.rows; ++i) {
      H(i, static_cast<int>(m)) *= scale[m];
      H(static_cast<int>(m), i) *= scale[m];
    }
}

Mat lower_from(int k, Structure s, const double* theta) {
  Mat L(k, k);
  free_entries(k, s, [&](int i, int j) { L(i, j) = *theta++; });
  return L;
}

}  // namespace

int theta_size(const Term& term) {
  if (is_structured(term.structure)) return Structured(term).size();
  int size = 0;
  free_entries(term.k(), term.structure, [&](int, int) { ++size; });
  return size;
}

Mat factor_of(const Term& term, const Vec& theta) {
  return is_structured(term.structure) ? Structured(term).factor(theta.data()) : lower_from(term.k(), term.structure, theta.data());
}

Covariances::Covariances(const Rows& rows) {
  terms_.resize(rows.terms.size());
  for (std::size_t f = 0; f < rows.factors.size(); ++f) {
    widths_.push_back(rows.factors[f].K);
    for (std::size_t t = 0; t < rows.factors[f].terms.size(); ++t) {
      TermShape& shape = terms_[rows.factors[f].terms[t]];
      shape.factor = static_cast<int>(f);
      shape.first = rows.factors[f].first[t];
      shape.levels = rows.factors[f].levels;
    }
  }
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    TermShape& shape = terms_[t];
    shape.k = rows.terms[t].k();
    shape.structure = rows.terms[t].structure;
    shape.at = size_;
    shape.size = theta_size(rows.terms[t]);
    size_ += shape.size;
    if (is_structured(shape.structure)) shape.form = Structured(rows.terms[t]);
    shape.map = rows.maps[t].full;
    if (!inverse(shape.map, shape.to_inner)) throw std::runtime_error("singular coordinates of a random-effects term");
  }
}

bool Covariances::any_structured() const {
  return std::any_of(terms_.begin(), terms_.end(), [](const TermShape& t) { return is_structured(t.structure); });
}

void Covariances::check(const Vec& theta) const {
  for (const TermShape& t : terms_)
    if (is_structured(t.structure) && !t.form.inside(theta.data() + t.at))
      throw Refused("theta has a negative standard deviation, or a correlation outside of what its structure allows, among entries " +
                    std::to_string(t.at + 1) + " to " + std::to_string(t.at + t.size));
}

std::vector<Mat> Covariances::lambda_of(const Vec& theta) const {
  std::vector<Mat> out;
  for (const TermShape& t : terms_)
    out.push_back(is_structured(t.structure) ? t.form.factor(theta.data() + t.at) : lower_from(t.k, t.structure, theta.data() + t.at));
  return out;
}

Vec Covariances::entries(const std::vector<Mat>& lambda, Vec theta) const {
  for (std::size_t t = 0; t < lambda.size(); ++t) {
    double* entry = theta.data() + terms_[t].at;
    if (!is_structured(terms_[t].structure))
      free_entries(terms_[t].k, terms_[t].structure, [&](int i, int j) { *entry++ = lambda[t](i, j); });
  }
  return theta;
}

std::vector<Mat> Covariances::inner_lambda(const Vec& user) const {
  std::vector<Mat> out = lambda_of(user);
  for (std::size_t t = 0; t < out.size(); ++t) out[t] = terms_[t].to_inner * out[t];
  return out;
}

Vec Covariances::inner_theta(const Vec& user) const {
  std::vector<Mat> L = inner_lambda(user);
  for (std::size_t t = 0; t < L.size(); ++t)
    if (terms_[t].structure == Structure::us) L[t] = lower_factor(L[t]);
  Vec theta = entries(L, user);
  for (const TermShape& t : terms_)
    for (int i = 0; is_structured(t.structure) && i < t.form.sds(); ++i) theta[t.at + i] *= t.to_inner(i, i);
  return theta;
}

Vec Covariances::user_theta(const Vec& inner) const {
  std::vector<Mat> L = lambda_of(inner);
  for (std::size_t t = 0; t < L.size(); ++t) {
    L[t] = terms_[t].map * L[t];
    if (terms_[t].structure == Structure::us) L[t] = lower_factor(L[t]);
    else
      for (double& x : L[t].a) x = std::abs(x);
  }
  Vec theta = entries(L, inner);
  for (const TermShape& t : terms_)
    for (int i = 0; is_structured(t.structure) && i < t.form.sds(); ++i) theta[t.at + i] = std::abs(theta[t.at + i]) * t.map(i, i);
  return theta;
}

Vec Covariances::scaled(Vec theta, double factor) const {
  for (const TermShape& t : terms_)
    for (int a = 0; a < (is_structured(t.structure) ? t.form.sds() : t.size); ++a) theta[t.at + a] *= factor;
  return theta;
}

Vec Covariances::start_of(const std::vector<Mat>& lambda) const {
  Vec theta = entries(lambda, Vec(size_, 0.0));
  for (std::size_t t = 0; t < lambda.size(); ++t)
    if (is_structured(terms_[t].structure)) terms_[t].form.start(lambda[t], theta.data() + terms_[t].at);
  return theta;
}

std::vector<Mat> Covariances::maps_to_inner() const {
  std::vector<Mat> out;
  for (const TermShape& t : terms_) out.push_back(t.to_inner);
  return out;
}

std::vector<Mat> Covariances::by_factor(const std::vector<Mat>& per_term) const {
  std::vector<Mat> out;
  for (int K : widths_) out.emplace_back(K, K);
  for (std::size_t t = 0; t < per_term.size(); ++t) {
    Mat& L = out[terms_[t].factor];
    const int o = terms_[t].first;
    for (int j = 0; j < per_term[t].cols; ++j)
      for (int i = 0; i < per_term[t].rows; ++i) L(o + i, o + j) = per_term[t](i, j);
  }
  return out;
}

std::vector<Mat> Covariances::by_term(const std::vector<Mat>& per_factor) const {
  std::vector<Mat> out;
  for (const TermShape& t : terms_) {
    Mat d(t.k, t.k);
    for (int j = 0; j < t.k; ++j)
      for (int i = 0; i < t.k; ++i) d(i, j) = per_factor[t.factor](t.first + i, t.first + j);
    out.push_back(std::move(d));
  }
  return out;
}

Mat Covariances::psi_slope(const TermShape& t, const Mat& lambda, const Vec& theta, int entry) const {
  if (is_structured(t.structure)) return t.form.slope(theta.data() + t.at, entry);
  Mat d(t.k, t.k);
  free_entries(t.k, t.structure, [&](int i, int j) {
    if (entry-- != 0) return;
    for (int a = 0; a < t.k; ++a) {
      d(i, a) += lambda(a, j);
      d(a, i) += lambda(a, j);
    }
  });
  return d;
}

std::vector<Direction> Covariances::directions(const Vec& theta, const std::vector<Mat>* maps) const {
  std::vector<Direction> out;
  const std::vector<Mat> lambda = lambda_of(theta);
  for (std::size_t t = 0; t < lambda.size(); ++t) {
    const int k = terms_[t].k, f = terms_[t].factor, o = terms_[t].first, K = widths_[f];
    for (int m = 0; m < terms_[t].size; ++m) {
      Mat d = psi_slope(terms_[t], lambda[t], theta, m);
      if (maps) d = (*maps)[t] * d * transpose((*maps)[t]);
      Mat full(K, K);
      for (int b = 0; b < k; ++b)
        for (int a = 0; a < k; ++a) full(o + a, o + b) = d(a, b);
      out.push_back({f, std::move(full)});
    }
  }
  return out;
}

// For entries (i, j), (i', j) of one Lambda <D, d2Psi/dtheta_m dtheta_n> = 2 D[i, i'].
void Covariances::add_curvature(const Vec& theta, const std::vector<Mat>* maps, Mat& H, const std::vector<Mat>& D) const {
  for (std::size_t t = 0; t < D.size(); ++t) {
    const TermShape& shape = terms_[t];
    const Mat d = maps ? transpose((*maps)[t]) * D[t] * (*maps)[t] : D[t];
    std::vector<std::pair<int, int>> entries;
    if (!is_structured(shape.structure)) free_entries(shape.k, shape.structure, [&](int i, int j) { entries.emplace_back(i, j); });
    for (int a = 0; a < shape.size; ++a)
      for (int b = 0; b < shape.size; ++b) {
        if (entries.empty()) H(shape.at + a, shape.at + b) += inner(d, shape.form.curve(theta.data() + shape.at, a, b));
        else if (entries[a].second == entries[b].second) H(shape.at + a, shape.at + b) += 2.0 * d(entries[a].first, entries[b].first);
      }
  }
}

Vec Covariances::to_search(Vec theta) const {
  for (const TermShape& t : terms_)
    if (is_structured(t.structure)) t.form.to_search(theta.data() + t.at);
  return theta;
}

Vec Covariances::to_natural(Vec x) const {
  for (const TermShape& t : terms_)
    if (is_structured(t.structure)) t.form.to_natural(x.data() + t.at);
  return x;
}

Vec Covariances::rates(const Vec& x) const {
  Vec out(size_, 1.0);
  for (const TermShape& t : terms_)
    for (int a = 0; is_structured(t.structure) && a < t.size; ++a) out[t.at + a] = t.form.rate(x.data() + t.at, a);
  return out;
}

// H_x = r r' H_theta + diag(bend g_theta),  g_x = r g_theta
void Covariances::chain(const Vec& x, Vec& gradient, Mat* hessian) const {
  if (!any_structured()) return;
  const Vec rate = rates(x);
  if (hessian) scale_both(*hessian, rate);
  for (const TermShape& t : terms_)
    for (int a = 0; hessian && is_structured(t.structure) && a < t.size; ++a)
      (*hessian)(t.at + a, t.at + a) += t.form.bend(x.data() + t.at, a) * gradient[t.at + a];
  for (int m = 0; m < size_; ++m) gradient[m] *= rate[m];
}

void Covariances::unchain(const Vec& x, Vec& gradient, Mat* hessian) const {
  if (!any_structured()) return;
  Vec rate = rates(x);
  for (double& r : rate) r = 1.0 / std::copysign(std::max(std::abs(r), kKnown), r);
  for (int m = 0; m < size_; ++m) gradient[m] *= rate[m];
  if (!hessian) return;
  for (const TermShape& t : terms_)
    for (int a = 0; is_structured(t.structure) && a < t.size; ++a)
      (*hessian)(t.at + a, t.at + a) -= t.form.bend(x.data() + t.at, a) * gradient[t.at + a];
  scale_both(*hessian, rate);
}

bool Covariances::can_turn() const {
  return std::any_of(terms_.begin(), terms_.end(), [](const TermShape& t) { return t.k > 1 && t.structure == Structure::us; });
}

std::vector<Mat> Covariances::turn(const std::vector<Mat>& lambda, Vec& x) const {
  std::vector<Mat> axes, L(lambda);
  for (std::size_t t = 0; t < lambda.size(); ++t) {
    const int k = terms_[t].k;
    Mat V = Mat::identity(k);
    if (terms_[t].structure == Structure::us) {
      Vec w;
      Mat ascending;
      eigen_symmetric(lambda[t] * transpose(lambda[t]), w, ascending);
      L[t] = Mat(k, k);
      for (int j = 0; j < k; ++j) {
        std::copy_n(ascending.col(k - 1 - j), k, V.col(j));
        L[t](j, j) = std::sqrt(std::max(w[k - 1 - j], 0.0));
      }
    }
    axes.push_back(std::move(V));
  }
  x = entries(L, x);
  return axes;
}

Vec Covariances::settled(const Vec& theta, const std::vector<Mat>& turn) const {
  std::vector<Mat> inner = lambda_of(theta);
  for (std::size_t t = 0; t < turn.size(); ++t) inner[t] = turn[t] * inner[t];
  for (std::size_t t = 0; t < inner.size(); ++t) {
    if (is_structured(terms_[t].structure)) continue;
    Vec w;
    Mat V;
    eigen_symmetric(inner[t] * transpose(inner[t]), w, V);
    if (w.front() >= kZero * kZero) {
      if (!turn.empty()) inner[t] = terms_[t].structure == Structure::us ? lower_factor(inner[t]) : inner[t];
      continue;
    }
    Mat root(inner[t].rows, inner[t].rows);
    for (int j = 0; j < root.cols; ++j)
      for (int i = 0; i < root.rows; ++i) root(i, j) = w[j] < kZero * kZero ? 0.0 : V(i, j) * std::sqrt(w[j]);
    inner[t] = terms_[t].structure == Structure::us ? lower_factor(root) : inner[t];
    if (terms_[t].structure == Structure::diag)
      for (double& x : inner[t].a) x = std::abs(x) < kZero ? 0.0 : x;
  }
  Vec out = entries(inner, theta);
  for (const TermShape& t : terms_)
    if (is_structured(t.structure)) t.form.settle(out.data() + t.at);
  return out;
}

bool Covariances::escape(Vec& theta, const std::vector<Mat>& D) const {
  bool found = false;
  for (std::size_t t = 0; t < D.size(); ++t)
    if (is_structured(terms_[t].structure)) found = terms_[t].form.escape(D[t], theta.data() + terms_[t].at) || found;
  return found;
}

double Covariances::boundary(const std::vector<Mat>& inner, const Vec& user, const std::vector<Mat>& D,
                             std::vector<double>& smallest) const {
  double slope = HUGE_VAL;
  const Vec theta = any_structured() ? inner_theta(user) : user;
  for (std::size_t t = 0; t < inner.size(); ++t) {
    Vec w;
    Mat V;
    eigen_symmetric(inner[t] * transpose(inner[t]), w, V);
    smallest.push_back(std::sqrt(std::max(w.front(), 0.0)));
    if (D.empty()) continue;
    if (is_structured(terms_[t].structure)) {
      slope = std::min(slope, slope_at_bounds(terms_[t], theta, D[t]));
      continue;
    }
    // D restricted to the null space of Psi (to the zero variances when the structure is diagonal)
    std::vector<int> null;
    for (std::size_t j = 0; j < w.size(); ++j)
      if (w[j] < kZero * kZero) null.push_back(static_cast<int>(j));
    if (null.empty()) continue;
    Mat N(V.rows, static_cast<int>(null.size()));
    for (std::size_t j = 0; j < null.size(); ++j) std::copy_n(V.col(null[j]), V.rows, N.col(static_cast<int>(j)));
    Mat R = transpose(N) * D[t] * N;
    if (terms_[t].structure == Structure::diag)
      for (int j = 0; j < R.cols; ++j)
        for (int i = 0; i < R.rows; ++i)
          if (i != j) R(i, j) = 0.0;
    Vec e;
    Mat ignored;
    eigen_symmetric(R, e, ignored);
    slope = std::min(slope, e.front());
  }
  return slope;
}

}  // namespace multilevel
