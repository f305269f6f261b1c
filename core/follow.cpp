// log|Omega|: its slopes c in the weights of the rows and T in Psi, and where these go when both move.
#include "elimination.hpp"

namespace multilevel {

bool Elimination::determinant_slopes(const Observations& o, const Vec& w, const std::vector<Mat>& Lambda, Vec& c, std::vector<Mat>& T) {
  Mat cross(1, 1);
  reweigh(o, w);
  set_border(1, Vec(q_, 0.0), cross);
  const double logdet = eliminate(Lambda, cross);
  if (!definite_ || !std::isfinite(logdet)) return false;
  Slopes slopes;
  differentiate({1.0}, {}, {}, slopes);
  row_variances(o, c);
  T = std::move(slopes.T);
  return true;
}

namespace {

// C = A B, or A'B, K x K by rows
template <int K>
void product(int k, const double* A, bool transposed, const double* B, double* C) {
  const int n = K ? K : k;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      double s = 0.0;
      for (int a = 0; a < n; ++a) s += (transposed ? A[a * n + i] : A[i * n + a]) * B[a * n + j];
      C[i * n + j] = s;
    }
}

// One level: with N = I - G M,  dP = N'dPsi N - M dG M (in dG's place)  and  dT += N dG N' - T dPsi T, T = N G.
template <int K>
void follow_level(int k, const double* G, const double* M, const double* psi, double* dG, double* dT, double* scratch) {
  const int n = K ? K : k, size = n * n;
  double *N = scratch, *A = N + size, *B = A + size, *T = B + size;
  Small<K>::shrink(n, G, M, N);
  product<K>(n, N, false, dG, A);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      for (int a = 0; a < n; ++a) dT[i * n + j] += A[i * n + a] * N[j * n + a];
  product<K>(n, M, false, dG, A);
  product<K>(n, A, false, M, dG);
  for (int i = 0; i < size; ++i) dG[i] = -dG[i];
  if (!psi) return;
  product<K>(n, N, false, G, T);
  product<K>(n, T, false, psi, A);
  product<K>(n, A, false, T, B);
  for (int i = 0; i < size; ++i) dT[i] -= B[i];
  product<K>(n, N, true, psi, A);
  product<K>(n, A, false, N, B);
  for (int i = 0; i < size; ++i) dG[i] += B[i];
}

template <int K>
void follow_levels(const Observations& o, const Vec& dw, const double* diag, const double* M, const double* psi, Vec& dc, double* dT) {
  const Side& s = o.sides[0];
  const int k = K ? K : s.K, size = k * k;
  Vec scratch(4 * size), dG(size);
  for (std::int64_t begin = 0, end = 0; begin < o.n; begin = end) {
    const std::int32_t level = s.code[begin];
    std::fill(dG.begin(), dG.end(), 0.0);
    for (; end < o.n && s.code[end] == level; ++end) {
      const double* z = s.row(end);
      for (int a = 0; a < k; ++a)
        for (int b = 0; b < k; ++b) dG[a * k + b] += dw[end] * z[a] * z[b];
    }
    const std::size_t at = static_cast<std::size_t>(level) * size;
    follow_level<K>(k, diag + at, M + at, psi, dG.data(), dT, scratch.data());
    for (std::int64_t i = begin; i < end; ++i) {
      const double* z = s.row(i);
      double c = 0.0;
      for (int a = 0; a < k; ++a)
        for (int b = 0; b < k; ++b) c += z[a] * dG[a * k + b] * z[b];
      dc[i] = c;
    }
  }
}

}  // namespace

void Elimination::follow(const Observations& o, const Vec& dw, const Direction* psi, Vec& dc, std::vector<Mat>& dT) const {
  const int k = shape_[0].K;
  dc.resize(o.n);
  dT.assign(1, Mat(k, k));  // symmetric, as psi_dot: by rows or columns
  const double *G = sparse_[0].diag.data(), *M = sparse_[0].M.data(), *d = psi ? psi->psi_dot.a.data() : nullptr;
  switch (k) {
    case 1: follow_levels<1>(o, dw, G, M, d, dc, dT[0].a.data()); break;
    case 2: follow_levels<2>(o, dw, G, M, d, dc, dT[0].a.data()); break;
    case 3: follow_levels<3>(o, dw, G, M, d, dc, dT[0].a.data()); break;
    default: follow_levels<0>(o, dw, G, M, d, dc, dT[0].a.data()); break;
  }
}

}  // namespace multilevel
