#include "chart.hpp"

#include <algorithm>
#include <cmath>

namespace multilevel {

namespace {

constexpr double kInside = 0.1;  // a start for a correlation needs both standard deviations

double dot(const Vec& a, const Vec& b) {
  double s = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}

// L with the same L L' of the rows from `row` on, and nothing left in their column `column`, the first of one too many.
void empty_column(Mat& L, int row, int column) {
  const int k = L.rows;
  if (row >= k) return;
  Mat block(k - column, k - column);
  for (int j = column; j < k; ++j)
    for (int i = row; i < k; ++i) block(i - row, j - column) = L(i, j);
  const Mat F = lower_factor(block);
  for (int i = row; i < k; ++i) {
    L(i, column) = 0.0;
    for (int j = column + 1; j < k; ++j) L(i, j) = F(i - row, j - column - 1);
  }
}

}  // namespace

Vec unit_row(const Mat& M, int i, double& length) {
  Vec r(M.cols);
  for (int j = 0; j < M.cols; ++j) r[j] = M(i, j);
  length = std::sqrt(dot(r, r));
  for (double& x : r) x /= length;
  return r;
}

Mat basis_from(std::vector<Vec> first, int k) {
  const std::size_t given = first.size();
  for (int j = 0; j < k; ++j) {
    Vec e(k, 0.0);
    e[j] = 1.0;
    first.push_back(std::move(e));
  }
  Mat B(k, k);
  int have = 0;
  for (std::size_t v = 0; v < first.size() && have < k; ++v) {
    Vec& x = first[v];
    for (int pass = 0; pass < 2; ++pass)
      for (int b = 0; b < have; ++b) {
        double s = 0.0;
        for (int i = 0; i < k; ++i) s += B(i, b) * x[i];
        for (int i = 0; i < k; ++i) x[i] -= s * B(i, b);
      }
    const double length = std::sqrt(dot(x, x));
    if (v >= given && length < 0.5 / std::sqrt(static_cast<double>(k))) continue;
    for (int i = 0; i < k; ++i) B(i, have) = x[i] / length;
    ++have;
  }
  return B;
}

Mat entry(const Mat& B, int i, int j, double scale) {
  Mat E(B.rows, B.cols);
  for (int r = 0; r < B.rows; ++r) E(r, j) = scale * B(r, i);
  return E;
}

Mat sum(const Mat& A, const Mat& B) {
  Mat C = A;
  for (std::size_t i = 0; i < C.a.size(); ++i) C.a[i] += B.a[i];
  return C;
}

Mat symmetric_product(const Mat& A, const Mat& B) {
  const Mat P = A * transpose(B);
  return sum(P, transpose(P));
}

void Chart::add_term(int t, const Mat& L, Structure s) {
  const Mat B = Mat::identity(L.rows);
  for (int j = 0; j < L.cols; ++j)
    for (int i = j; i < (s == Structure::us ? L.rows : j + 1); ++i) add(t, entry(B, i, j), L(i, j));
}

void Chart::hold_sd(int effect, double value, Mat L, Structure s, double length) {
  const bool diagonal = s == Structure::diag;
  const int column = diagonal ? effect : 0;
  if (value == 0.0 && !diagonal) empty_column(L, 1, 0);
  has_eta = true;
  fixed_slope = entry(basis, column, column, 1.0 / length);
  fixed = scaled(fixed_slope, value);
  for (int j = 0; j < L.cols; ++j)
    for (int i = j; i < (diagonal ? j + 1 : L.rows); ++i) {
      if (j == column && (i == column || value == 0.0)) continue;  // without variance, the column is superfluous
      if (j == column) mirror.push_back(static_cast<int>(E.size()));
      add(focal, entry(basis, i, j), L(i, j));
    }
}

void Chart::hold_corr(double r, Mat L, double alpha, double beta) {
  const Mat& B = basis;
  const double rest = std::sqrt(std::max(0.0, 1.0 - r * r));
  const double first = alpha * L(0, 0) + beta * L(1, 0), second = beta * L(1, 1);
  if (rest == 0.0) empty_column(L, 2, 1);
  const auto inside = [](double x) { return x > 1e-3 * kInside ? x : kInside; };
  a = static_cast<int>(E.size());
  add(focal, sum(entry(B, 0, 0), entry(B, 1, 0, -alpha / beta)), inside(std::abs(L(0, 0))));
  c = static_cast<int>(E.size());
  add(focal, sum(entry(B, 1, 0, r / beta), entry(B, 1, 1, rest / beta)), inside(std::hypot(first, second)));
  for (int j = 0; j < L.cols; ++j)
    for (int i = std::max(j, 2); i < L.rows; ++i)
      if (j != 1 || rest > 0.0) {
        if (j == 1) mirror.push_back(static_cast<int>(E.size()));
        add(focal, entry(B, i, j), L(i, j));
      }
  fixed_slope = sum(entry(B, 1, 0, 1.0 / beta), entry(B, 1, 1, rest > 0.0 ? -r / rest / beta : 0.0));
}

}  // namespace multilevel
