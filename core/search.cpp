// Coordinates in which a search for theta knows no bounds, and the way back from them: to exact zeros, to a better start where
// a singular Psi is no minimum, and to what the criterion does where theta is at a bound.
#include <algorithm>
#include <cmath>

#include "covariances.hpp"

namespace multilevel {

namespace {

constexpr double kKnown = 1e-6;  // a rate dtheta / dx of a parameter at its bound
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

}  // namespace

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
