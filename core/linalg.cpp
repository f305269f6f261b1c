#include "linalg.hpp"

#include <algorithm>
#include <numeric>

namespace multilevel {

Mat Mat::identity(int n) {
  Mat I(n, n);
  for (int i = 0; i < n; ++i) I(i, i) = 1.0;
  return I;
}

namespace {

template <int n>
void square_product(const double* a, const double* b, double* c) {
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      double s = 0.0;
      for (int k = 0; k < n; ++k) s += a[k * n + i] * b[j * n + k];
      c[j * n + i] = s;
    }
}

}  // namespace

Mat operator*(const Mat& A, const Mat& B) {
  Mat C(A.rows, B.cols);
  if (A.rows == 2 && A.cols == 2 && B.cols == 2) return square_product<2>(A.a.data(), B.a.data(), C.a.data()), C;
  if (A.rows == 3 && A.cols == 3 && B.cols == 3) return square_product<3>(A.a.data(), B.a.data(), C.a.data()), C;
  for (int j = 0; j < B.cols; ++j)
    for (int k = 0; k < A.cols; ++k) {
      const double b = B(k, j);
      if (b == 0.0) continue;
      const double* a = A.col(k);
      double* c = C.col(j);
      for (int i = 0; i < A.rows; ++i) c[i] += a[i] * b;
    }
  return C;
}

Mat transpose(const Mat& A) {
  Mat B(A.cols, A.rows);
  for (int j = 0; j < A.cols; ++j)
    for (int i = 0; i < A.rows; ++i) B(j, i) = A(i, j);
  return B;
}

Mat scaled(Mat A, double factor) {
  for (double& x : A.a) x *= factor;
  return A;
}

void symmetrise(Mat& A) {
  for (int j = 0; j < A.cols; ++j)
    for (int i = 0; i < j; ++i) A(i, j) = A(j, i) = 0.5 * (A(i, j) + A(j, i));
}

double inner(const Mat& A, const Mat& B) { return std::inner_product(A.a.begin(), A.a.end(), B.a.begin(), 0.0); }

bool cholesky(Mat& A) {
  const int n = A.rows;
  for (int j = 0; j < n; ++j) {
    double* aj = A.col(j);
    for (int k = 0; k < j; ++k) {
      const double* ak = A.col(k);
      const double v = ak[j];
      if (v == 0.0) continue;
      for (int i = j; i < n; ++i) aj[i] -= ak[i] * v;
    }
    if (!(aj[j] > 0.0)) return false;
    const double r = 1.0 / (aj[j] = std::sqrt(aj[j]));
    for (int i = j + 1; i < n; ++i) aj[i] *= r;
    for (int i = 0; i < j; ++i) aj[i] = 0.0;
  }
  return true;
}

void solve_lower(const Mat& L, double* b) {
  for (int j = 0; j < L.cols; ++j) {
    const double* l = L.col(j);
    const double v = (b[j] /= l[j]);
    for (int i = j + 1; i < L.rows; ++i) b[i] -= l[i] * v;
  }
}

void solve_lower_t(const Mat& L, double* b) {
  for (int j = L.cols - 1; j >= 0; --j) {
    const double* l = L.col(j);
    double v = b[j];
    for (int i = j + 1; i < L.rows; ++i) v -= l[i] * b[i];
    b[j] = v / l[j];
  }
}

Mat inverse_lower(const Mat& L) {
  Mat inv = Mat::identity(L.rows);
  for (int j = 0; j < L.cols; ++j) solve_lower(L, inv.col(j));
  return inv;
}

Mat inverse_spd(const Mat& L) {
  Mat inv = Mat::identity(L.rows);
  for (int j = 0; j < L.cols; ++j) {
    solve_lower(L, inv.col(j));
    solve_lower_t(L, inv.col(j));
  }
  return inv;
}

bool inverse(const Mat& A, Mat& out) {
  const int n = A.rows;
  Mat W = A;
  out = Mat::identity(n);
  for (int c = 0; c < n; ++c) {
    int pivot = c;
    for (int i = c + 1; i < n; ++i)
      if (std::abs(W(i, c)) > std::abs(W(pivot, c))) pivot = i;
    if (W(pivot, c) == 0.0) return false;
    for (int j = 0; j < n; ++j) {
      std::swap(W(pivot, j), W(c, j));
      std::swap(out(pivot, j), out(c, j));
    }
    const double d = 1.0 / W(c, c);
    for (int j = 0; j < n; ++j) W(c, j) *= d, out(c, j) *= d;
    for (int i = 0; i < n; ++i) {
      const double f = W(i, c);
      if (i == c || f == 0.0) continue;
      for (int j = 0; j < n; ++j) W(i, j) -= f * W(c, j), out(i, j) -= f * out(c, j);
    }
  }
  return true;
}

namespace {

void rotate(Mat& A, Mat& V, int p, int q) {
  const int n = A.rows;
  const double tau = (A(q, q) - A(p, p)) / (2.0 * A(p, q));
  const double t = (tau >= 0 ? 1.0 : -1.0) / (std::abs(tau) + std::sqrt(1.0 + tau * tau));
  const double c = 1.0 / std::sqrt(1.0 + t * t), s = t * c;
  for (int i = 0; i < n; ++i) {
    const double ip = A(i, p), iq = A(i, q);
    A(i, p) = c * ip - s * iq;
    A(i, q) = s * ip + c * iq;
  }
  for (int i = 0; i < n; ++i) {
    const double pi = A(p, i), qi = A(q, i);
    A(p, i) = c * pi - s * qi;
    A(q, i) = s * pi + c * qi;
  }
  for (int i = 0; i < n; ++i) {
    const double ip = V(i, p), iq = V(i, q);
    V(i, p) = c * ip - s * iq;
    V(i, q) = s * ip + c * iq;
  }
}

}  // namespace

void eigen_symmetric(Mat A, Vec& values, Mat& vectors) {
  const int n = A.rows;
  Mat V = Mat::identity(n);
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0.0, total = 0.0;
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < n; ++i) (i == j ? total : off) += A(i, j) * A(i, j);
    if (off <= 1e-30 * (total + off)) break;
    for (int p = 0; p < n; ++p)
      for (int q = p + 1; q < n; ++q)
        if (std::abs(A(p, q)) > 1e-300) rotate(A, V, p, q);
  }
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int i, int j) { return A(i, i) < A(j, j); });
  values.resize(n);
  vectors = Mat(n, n);
  for (int j = 0; j < n; ++j) {
    values[j] = A(order[j], order[j]);
    std::copy_n(V.col(order[j]), n, vectors.col(j));
  }
}

Mat lower_factor(const Mat& A) {
  // A' = Q R  =>  A A' = R' R; the reflections act on the columns of W = A'.
  Mat W = transpose(A);
  const int n = W.rows;
  Vec v(n);
  for (int c = 0; c < n; ++c) {
    double norm = 0.0;
    for (int i = c; i < n; ++i) norm += W(i, c) * W(i, c);
    norm = std::sqrt(norm);
    if (norm == 0.0) continue;
    const double alpha = W(c, c) > 0 ? -norm : norm;
    double vv = 0.0;
    for (int i = c; i < n; ++i) {
      v[i] = W(i, c) - (i == c ? alpha : 0.0);
      vv += v[i] * v[i];
    }
    if (vv == 0.0) continue;
    for (int j = c; j < n; ++j) {
      double dot = 0.0;
      for (int i = c; i < n; ++i) dot += v[i] * W(i, j);
      const double f = 2.0 * dot / vv;
      for (int i = c; i < n; ++i) W(i, j) -= f * v[i];
    }
  }
  Mat L(n, n);
  for (int i = 0; i < n; ++i) {
    const double sign = W(i, i) < 0 ? -1.0 : 1.0;
    for (int j = i; j < n; ++j) L(j, i) = sign * W(i, j);
  }
  return L;
}

}  // namespace multilevel
