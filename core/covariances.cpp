#include "covariances.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace multilevel {

namespace {

constexpr double kZero = 1e-6;  // a singular value of Lambda below this moves the criterion by less than rounding

}  // namespace

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
    free_entries(shape.k, shape.structure, [&](int, int) { ++size_; });
    shape.map = rows.maps[t].full;
    if (!inverse(shape.map, shape.to_inner)) throw std::runtime_error("singular coordinates of a random-effects term");
  }
}

std::vector<Mat> Covariances::lambda_of(const Vec& theta) const {
  std::vector<Mat> out;
  std::size_t at = 0;
  for (const TermShape& t : terms_) {
    Mat L(t.k, t.k);
    free_entries(t.k, t.structure, [&](int i, int j) { L(i, j) = theta[at++]; });
    out.push_back(std::move(L));
  }
  return out;
}

Vec Covariances::theta_of(const std::vector<Mat>& lambda) const {
  Vec theta;
  for (std::size_t t = 0; t < lambda.size(); ++t)
    free_entries(terms_[t].k, terms_[t].structure, [&](int i, int j) { theta.push_back(lambda[t](i, j)); });
  return theta;
}

std::vector<Mat> Covariances::inner_lambda(const std::vector<Mat>& user) const {
  std::vector<Mat> out;
  for (std::size_t t = 0; t < user.size(); ++t) out.push_back(terms_[t].to_inner * user[t]);
  return out;
}

std::vector<Mat> Covariances::user_lambda(const std::vector<Mat>& inner) const {
  std::vector<Mat> out;
  for (std::size_t t = 0; t < inner.size(); ++t) {
    Mat L = terms_[t].map * inner[t];
    if (terms_[t].structure == Structure::us) L = lower_factor(L);
    else
      for (double& x : L.a) x = std::abs(x);
    out.push_back(std::move(L));
  }
  return out;
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

std::vector<Direction> Covariances::directions(const std::vector<Mat>& lambda, const std::vector<Mat>* maps) const {
  std::vector<Direction> out;
  for (std::size_t t = 0; t < lambda.size(); ++t) {
    const int k = terms_[t].k, f = terms_[t].factor, o = terms_[t].first, K = widths_[f];
    free_entries(k, terms_[t].structure, [&](int i, int j) {
      Mat d(k, k);
      for (int a = 0; a < k; ++a) {
        d(i, a) += lambda[t](a, j);
        d(a, i) += lambda[t](a, j);
      }
      if (maps) d = (*maps)[t] * d * transpose((*maps)[t]);
      Mat full(K, K);
      for (int b = 0; b < k; ++b)
        for (int a = 0; a < k; ++a) full(o + a, o + b) = d(a, b);
      out.push_back({f, std::move(full)});
    });
  }
  return out;
}

// <D, d2Psi/dtheta_m dtheta_n> = 2 D[i, i'] for entries (i, j), (i', j) of one term.
void Covariances::add_curvature(const std::vector<Mat>* maps, Mat& H, const std::vector<Mat>& D) const {
  int base = 0;
  for (std::size_t t = 0; t < D.size(); ++t) {
    const Mat d = maps ? transpose((*maps)[t]) * D[t] * (*maps)[t] : D[t];
    std::vector<std::pair<int, int>> entries;
    free_entries(terms_[t].k, terms_[t].structure, [&](int i, int j) { entries.emplace_back(i, j); });
    for (std::size_t a = 0; a < entries.size(); ++a)
      for (std::size_t b = 0; b < entries.size(); ++b)
        if (entries[a].second == entries[b].second)
          H(base + static_cast<int>(a), base + static_cast<int>(b)) += 2.0 * d(entries[a].first, entries[b].first);
    base += static_cast<int>(entries.size());
  }
}

bool Covariances::can_turn() const {
  return std::any_of(terms_.begin(), terms_.end(), [](const TermShape& t) { return t.k > 1 && t.structure == Structure::us; });
}

std::vector<Mat> Covariances::turn(const std::vector<Mat>& lambda, Vec& theta) const {
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
  theta = theta_of(L);
  return axes;
}

void Covariances::settle_zeros(std::vector<Mat>& inner) const {
  for (std::size_t t = 0; t < inner.size(); ++t) {
    Vec w;
    Mat V;
    eigen_symmetric(inner[t] * transpose(inner[t]), w, V);
    if (w.front() >= kZero * kZero) continue;
    Mat root(inner[t].rows, inner[t].rows);
    for (int j = 0; j < root.cols; ++j)
      for (int i = 0; i < root.rows; ++i) root(i, j) = w[j] < kZero * kZero ? 0.0 : V(i, j) * std::sqrt(w[j]);
    inner[t] = terms_[t].structure == Structure::us ? lower_factor(root) : inner[t];
    if (terms_[t].structure == Structure::diag)
      for (double& x : inner[t].a) x = std::abs(x) < kZero ? 0.0 : x;
  }
}

double Covariances::boundary(const std::vector<Mat>& inner, const std::vector<Mat>& D, std::vector<double>& smallest) const {
  double slope = HUGE_VAL;
  for (std::size_t t = 0; t < inner.size(); ++t) {
    Vec w;
    Mat V;
    eigen_symmetric(inner[t] * transpose(inner[t]), w, V);
    smallest.push_back(std::sqrt(std::max(w.front(), 0.0)));
    if (D.empty()) continue;
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
