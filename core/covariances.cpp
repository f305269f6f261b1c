#include "covariances.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "refused.hpp"

namespace multilevel {

namespace {

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

Direction Covariances::direction(std::size_t t, const Mat& slope) const {
  const int f = terms_[t].factor, o = terms_[t].first, K = widths_[f];
  Mat full(K, K);
  for (int b = 0; b < slope.cols; ++b)
    for (int a = 0; a < slope.rows; ++a) full(o + a, o + b) = slope(a, b);
  return {f, std::move(full)};
}

std::vector<Direction> Covariances::directions(const Vec& theta, const std::vector<Mat>* maps) const {
  std::vector<Direction> out;
  const std::vector<Mat> lambda = lambda_of(theta);
  for (std::size_t t = 0; t < lambda.size(); ++t)
    for (int m = 0; m < terms_[t].size; ++m) {
      Mat d = psi_slope(terms_[t], lambda[t], theta, m);
      if (maps) d = (*maps)[t] * d * transpose((*maps)[t]);
      out.push_back(direction(t, d));
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

}  // namespace multilevel
