#include "linalg.hpp"

#include <algorithm>
#include <numeric>

#include "parallel.hpp"

namespace multilevel {

Blas blas;
void (*load_blas)() = nullptr;

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

// --- dense kernels: loops when small, tiles of BLAS when large ----------------------------------------

namespace {

std::ptrdiff_t at(int i, int j, int ld) { return i + static_cast<std::ptrdiff_t>(j) * ld; }

void loop_gemm(bool ta, bool tb, int m, int n, int k, double alpha, const double* A, int lda, const double* B, int ldb,
               double beta, double* C, int ldc) {
  for (int j = 0; j < n; ++j) {
    double* c = C + at(0, j, ldc);
    for (int i = 0; i < m; ++i) c[i] = beta == 0.0 ? 0.0 : beta * c[i];
    if (ta) {
      for (int i = 0; i < m; ++i) {
        const double* a = A + at(0, i, lda);
        double s = 0.0;
        if (tb) {
          for (int l = 0; l < k; ++l) s += a[l] * B[at(j, l, ldb)];
        } else {
          const double* b = B + at(0, j, ldb);
#pragma omp simd reduction(+ : s)
          for (int l = 0; l < k; ++l) s += a[l] * b[l];
        }
        c[i] += alpha * s;
      }
    } else {
      for (int l = 0; l < k; ++l) {
        const double b = alpha * (tb ? B[at(j, l, ldb)] : B[at(l, j, ldb)]);
        const double* a = A + at(0, l, lda);
        for (int i = 0; i < m; ++i) c[i] += a[i] * b;
      }
    }
  }
}

void blas_gemm(bool ta, bool tb, int m, int n, int k, double alpha, const double* A, int lda, const double* B, int ldb,
               double beta, double* C, int ldc) {
  char a = ta ? 'T' : 'N', b = tb ? 'T' : 'N';
  blas.dgemm(&a, &b, &m, &n, &k, &alpha, const_cast<double*>(A), &lda, const_cast<double*>(B), &ldb, &beta, C, &ldc);
}

int tiles(int n) { return (n + kTile - 1) / kTile; }

}  // namespace

void gemm(bool ta, bool tb, int m, int n, int k, double alpha, const double* A, int lda, const double* B, int ldb,
          double beta, double* C, int ldc) {
  if (m == 0 || n == 0) return;
  const double work = static_cast<double>(m) * n * k;
  if (!blas.dgemm || work < kBlasFrom) return loop_gemm(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
  if (work <= kTile * kTile * kTile) return blas_gemm(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
  parallel_for(tiles(m) * tiles(n), work, [&](int tile, int) {
    const int i = tile % tiles(m) * kTile, j = tile / tiles(m) * kTile;
    for (int l = 0; l < k; l += kTile)
      blas_gemm(ta, tb, std::min(kTile, m - i), std::min(kTile, n - j), std::min(kTile, k - l), alpha,
                A + (ta ? at(l, i, lda) : at(i, l, lda)), lda, B + (tb ? at(j, l, ldb) : at(l, j, ldb)), ldb,
                l ? 1.0 : beta, C + at(i, j, ldc), ldc);
  });
}

void symm(int m, int n, const double* A, int lda, const double* B, int ldb, double* C, int ldc) {
  if (m == 0 || n == 0) return;
  parallel_for(tiles(m), static_cast<double>(m) * m * n, [&](int tile, int) {
    const int i = tile * kTile, rows = std::min(kTile, m - i);
    for (int c = 0; c < n; ++c) std::fill_n(C + at(i, c, ldc), rows, 0.0);
    for (int l = 0; l < m; l += kTile) {
      const int depth = std::min(kTile, m - l);
      for (int j = 0; j < n; j += kTile) {
        const int cols = std::min(kTile, n - j);
        if (l < i) gemm(false, false, rows, cols, depth, 1.0, A + at(i, l, lda), lda, B + at(l, j, ldb), ldb, 1.0, C + at(i, j, ldc), ldc);
        if (l > i) gemm(true, false, rows, cols, depth, 1.0, A + at(l, i, lda), lda, B + at(l, j, ldb), ldb, 1.0, C + at(i, j, ldc), ldc);
      }
    }
    Mat diagonal(rows, rows);
    for (int c = 0; c < rows; ++c)
      for (int r = c; r < rows; ++r) diagonal(r, c) = diagonal(c, r) = A[at(i + r, i + c, lda)];
    for (int j = 0; j < n; j += kTile)
      gemm(false, false, rows, std::min(kTile, n - j), rows, 1.0, diagonal.a.data(), rows, B + at(i, j, ldb), ldb, 1.0, C + at(i, j, ldc), ldc);
  });
}

void trsm_right_t(int m, int n, const double* L, int ldl, double* B, int ldb) {
  constexpr int block = 32;
  for (int j0 = 0; j0 < n; j0 += block) {
    const int w = std::min(block, n - j0);
    if (j0) gemm(false, true, m, w, j0, -1.0, B, ldb, L + j0, ldl, 1.0, B + at(0, j0, ldb), ldb);
    for (int j = j0; j < j0 + w; ++j) {
      double* b = B + at(0, j, ldb);
      for (int l = j0; l < j; ++l) {
        const double v = L[at(j, l, ldl)];
        const double* c = B + at(0, l, ldb);
        for (int i = 0; i < m; ++i) b[i] -= c[i] * v;
      }
      const double r = 1.0 / L[at(j, j, ldl)];
      for (int i = 0; i < m; ++i) b[i] *= r;
    }
  }
}

}  // namespace multilevel
