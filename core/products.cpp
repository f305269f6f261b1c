#include "products.hpp"

#include <algorithm>

#include "linalg.hpp"
#include "parallel.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(_WIN32) && !defined(MULTILEVEL_PORTABLE)
#define MULTILEVEL_AVX2 __attribute__((target("avx2,fma")))
#endif

namespace multilevel {

namespace {

constexpr int kRows = LeftOperand::kRows, kColumns = 6;
constexpr double kLoopsBelow = 2e4;  // multiplications for which tiles do not pay
constexpr int kBlock = 128;          // rows of small products that stay close at hand

std::ptrdiff_t at(int i, int j, std::ptrdiff_t ld) { return i + j * ld; }

// N numbers that one instruction works on.
#if defined(__GNUC__)
#define MULTILEVEL_INLINE inline __attribute__((always_inline))
#define MULTILEVEL_UNROLL _Pragma("GCC unroll 8")
template <int N>
struct Lanes {
  typedef double type __attribute__((vector_size(N * sizeof(double)), aligned(sizeof(double)), may_alias));
};
#else
#define MULTILEVEL_INLINE inline
#define MULTILEVEL_UNROLL
template <int N>
struct Lanes {
  struct type {
    double x[N];
    void operator+=(const type& o) {
      for (int i = 0; i < N; ++i) x[i] += o.x[i];
    }
    type operator*(double s) const {
      type out = *this;
      for (double& v : out.x) v *= s;
      return out;
    }
  };
};
#endif

// C (m x n) += alpha A B, A (m x k) in strips that are `stride` apart
struct Tile {
  int m, n, k;
  double alpha;
  const double* A;
  std::ptrdiff_t stride;
  const double* B;
  std::ptrdiff_t ldb;
  double* C;
  std::ptrdiff_t ldc;
};

// One strip, `Columns` columns.
template <int N, int Columns>
MULTILEVEL_INLINE void kernel(int k, double alpha, const double* A, const double* B, std::ptrdiff_t ldb, double* C, std::ptrdiff_t ldc) {
  using V = typename Lanes<N>::type;
  constexpr int pieces = kRows / N;
  V sum[Columns][pieces] = {};
  for (int l = 0; l < k; ++l, A += kRows) {
    V a[pieces];
    MULTILEVEL_UNROLL
    for (int h = 0; h < pieces; ++h) a[h] = *reinterpret_cast<const V*>(A + h * N);
    MULTILEVEL_UNROLL
    for (int j = 0; j < Columns; ++j) {
      const double b = B[l + j * ldb];
      MULTILEVEL_UNROLL
      for (int h = 0; h < pieces; ++h) sum[j][h] += a[h] * b;
    }
  }
  MULTILEVEL_UNROLL
  for (int j = 0; j < Columns; ++j)
    MULTILEVEL_UNROLL
    for (int h = 0; h < pieces; ++h) *reinterpret_cast<V*>(C + j * ldc + h * N) += sum[j][h] * alpha;
}

template <int N, int Columns>
MULTILEVEL_INLINE void columns(const Tile& t, int j) {
  const double *A = t.A, *B = t.B + j * t.ldb;
  double* C = t.C + j * t.ldc;
  int i = 0;
  for (; i + kRows <= t.m; i += kRows, A += t.stride) kernel<N, Columns>(t.k, t.alpha, A, B, t.ldb, C + i, t.ldc);
  if (i == t.m) return;
  double rest[kRows * Columns] = {};
  kernel<N, Columns>(t.k, t.alpha, A, B, t.ldb, rest, kRows);
  for (int c = 0; c < Columns; ++c)
    for (int r = i; r < t.m; ++r) C[r + c * t.ldc] += rest[c * kRows + r - i];
}

template <int N>
MULTILEVEL_INLINE void multiply(const Tile& t) {
  int j = 0;
  for (; j + kColumns <= t.n; j += kColumns) columns<N, kColumns>(t, j);
  for (; j + 2 <= t.n; j += 2) columns<N, 2>(t, j);
  if (j < t.n) columns<N, 1>(t, j);
}

struct LoopProduct {
  bool ta, tb;
  int m, n, k;
  double alpha;
  const double* A;
  int lda;
  const double* B;
  int ldb;
  double* C;
  int ldc;
};

// s.C[i, j..] += alpha A' B for `Columns` columns of A at once, so that the sums do not wait for each other
template <int Columns>
MULTILEVEL_INLINE void dot_products(const LoopProduct& s, int i, int j) {
  const double *a = s.A + at(0, i, s.lda), *b = s.B + at(0, j, s.ldb);
  double x0 = 0.0, x1 = 0.0, x2 = 0.0, x3 = 0.0;
  const std::ptrdiff_t lda = Columns > 1 ? s.lda : 0;
#pragma omp simd reduction(+ : x0, x1, x2, x3)
  for (int l = 0; l < s.k; ++l) {
    x0 += a[l] * b[l];
    if constexpr (Columns > 1) x1 += a[l + lda] * b[l], x2 += a[l + 2 * lda] * b[l], x3 += a[l + 3 * lda] * b[l];
  }
  const double x[4] = {x0, x1, x2, x3};
  for (int c = 0; c < Columns; ++c) s.C[at(i + c, j, s.ldc)] += s.alpha * x[c];
}

// c += the next `Columns` columns of A times b
template <int Columns>
MULTILEVEL_INLINE void add_columns(int rows, const double* a, std::ptrdiff_t lda, const double* b, double* c) {
  const double b0 = b[0], b1 = Columns > 1 ? b[1] : 0.0, b2 = Columns > 1 ? b[2] : 0.0, b3 = Columns > 1 ? b[3] : 0.0;
#pragma omp simd
  for (int r = 0; r < rows; ++r) {
    if constexpr (Columns > 1) c[r] += a[r] * b0 + a[r + lda] * b1 + a[r + 2 * lda] * b2 + a[r + 3 * lda] * b3;
    else c[r] += a[r] * b0;
  }
}

// Four columns of A at a time; a block of them is read once for all columns of C.
MULTILEVEL_INLINE void loops(const LoopProduct& s) {
  const auto b = [&](int l, int j) { return s.alpha * s.B[s.tb ? at(j, l, s.ldb) : at(l, j, s.ldb)]; };
  for (int i = 0; !s.ta && i < s.m; i += kBlock) {
    const int rows = std::min(kBlock, s.m - i);
    int l = 0;
    for (; l + 4 <= s.k; l += 4)
      for (int j = 0; j < s.n; ++j) {
        const double four[4] = {b(l, j), b(l + 1, j), b(l + 2, j), b(l + 3, j)};
        add_columns<4>(rows, s.A + at(i, l, s.lda), s.lda, four, s.C + at(i, j, s.ldc));
      }
    for (; l < s.k; ++l)
      for (int j = 0; j < s.n; ++j) {
        const double one = b(l, j);
        add_columns<1>(rows, s.A + at(i, l, s.lda), s.lda, &one, s.C + at(i, j, s.ldc));
      }
  }
  if (!s.ta) return;
  if (s.tb) {
    for (int i = 0; i < s.m; ++i)
      for (int j = 0; j < s.n; ++j)
        for (int l = 0; l < s.k; ++l) s.C[at(i, j, s.ldc)] += s.A[at(l, i, s.lda)] * b(l, j);
    return;
  }
  int i = 0;
  for (; i + 4 <= s.m; i += 4)
    for (int j = 0; j < s.n; ++j) dot_products<4>(s, i, j);
  for (; i < s.m; ++i)
    for (int j = 0; j < s.n; ++j) dot_products<1>(s, i, j);
}

// The same for any machine, and for those that have wider registers.
struct Machine {
  void (*multiply)(const Tile&);
  void (*loops)(const LoopProduct&);
};

void multiply_anywhere(const Tile& t) { multiply<2>(t); }
void loops_anywhere(const LoopProduct& s) { loops(s); }
#ifdef MULTILEVEL_AVX2
MULTILEVEL_AVX2 void multiply_avx2(const Tile& t) { multiply<4>(t); }
MULTILEVEL_AVX2 void loops_avx2(const LoopProduct& s) { loops(s); }
#endif

Machine find_machine() {
#ifdef MULTILEVEL_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {multiply_avx2, loops_avx2};
#endif
  return {multiply_anywhere, loops_anywhere};
}

const Machine machine = find_machine();

void scale(int m, int n, double beta, double* C, int ldc) {
  for (int j = 0; j < n && beta != 1.0; ++j) {
    double* c = C + at(0, j, ldc);
    for (int i = 0; i < m; ++i) c[i] = beta == 0.0 ? 0.0 : beta * c[i];
  }
}

// 8 numbers: a call of the library for so few would cost more than they do
void copy_strip(const double* from, double* to) {
  using V = Lanes<2>::type;
  for (int i = 0; i < kRows; i += 2) *reinterpret_cast<V*>(to + i) = *reinterpret_cast<const V*>(from + i);
}

int tiles(int n) { return (n + kTile - 1) / kTile; }

}  // namespace

LeftOperand::LeftOperand(int rows, int depth)
    : depth_(depth), values_(std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>((rows + kRows - 1) / kRows) * kRows * depth)) {}

void LeftOperand::load(bool transposed, int rows, int depth, const double* A, int lda) {
  depth_ = depth;
  double* out = values_.get();
  const int whole = rows / kRows * kRows, rest = rows - whole;
  if (rest) std::fill_n(out + whole / kRows * stride(), stride(), 0.0);
  if (transposed) {
    for (int s = 0; s < rows; s += kRows, out += stride())
      transpose_into(depth, std::min(kRows, rows - s), A + multilevel::at(0, s, lda), lda, out, kRows);
    return;
  }
  for (int l = 0; l < depth; ++l, A += lda, out += kRows) {  // column by column, as A stands in memory
    for (int s = 0; s < whole; s += kRows) copy_strip(A + s, out + s / kRows * stride());
    for (int i = 0; i < rest; ++i) out[whole / kRows * stride() + i] = A[whole + i];
  }
}

void add_product(int m, int n, int k, double alpha, const double* A, std::ptrdiff_t stride, const double* B, int ldb, double* C, int ldc) {
  machine.multiply({m, n, k, alpha, A, stride, B, ldb, C, ldc});
}

void transpose_into(int m, int n, const double* A, int lda, double* B, int ldb) {
  constexpr int block = 8;
  for (int i = 0; i < m; i += block)
    for (int j = 0; j < n; j += block) {
      const double* a = A + at(i, j, lda);
      double* b = B + at(j, i, ldb);
      if (m - i >= block && n - j >= block) {
        for (int r = 0; r < block; ++r)
          for (int c = 0; c < block; ++c) b[at(c, r, ldb)] = a[at(r, c, lda)];
      } else {
        for (int r = 0; r < std::min(block, m - i); ++r)
          for (int c = 0; c < std::min(block, n - j); ++c) b[at(c, r, ldb)] = a[at(r, c, lda)];
      }
    }
}

void gemm(bool ta, bool tb, int m, int n, int k, double alpha, const double* A, int lda, const double* B, int ldb,
          double beta, double* C, int ldc) {
  if (m == 0 || n == 0) return;
  const double work = static_cast<double>(m) * n * k;
  if (std::min(m, n) < 4 || work < kLoopsBelow) {
    scale(m, n, beta, C, ldc);
    return machine.loops({ta, tb, m, n, k, alpha, A, lda, B, ldb, C, ldc});
  }
  parallel_for(tiles(m) * tiles(n), work, [&](int tile, int) {
    const int i = tile % tiles(m) * kTile, j = tile / tiles(m) * kTile, rows = std::min(kTile, m - i), cols = std::min(kTile, n - j);
    double* c = C + at(i, j, ldc);
    scale(rows, cols, beta, c, ldc);
    LeftOperand left(rows, std::min(kTile, k));
    const auto right = tb ? std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(cols) * kTile) : nullptr;
    for (int l = 0; l < k; l += kTile) {
      const int depth = std::min(kTile, k - l);
      left.load(ta, rows, depth, A + (ta ? at(l, i, lda) : at(i, l, lda)), lda);
      if (tb) transpose_into(cols, depth, B + at(j, l, ldb), ldb, right.get(), kTile);
      add_product(rows, cols, depth, alpha, left.at(0, 0), left.stride(), tb ? right.get() : B + at(l, j, ldb), tb ? kTile : ldb, c, ldc);
    }
  });
}

void symm(int m, int n, const double* A, int lda, const double* B, int ldb, double* C, int ldc) {
  if (m == 0 || n == 0) return;
  parallel_for(tiles(m), static_cast<double>(m) * m * n, [&](int tile, int) {
    const int i = tile * kTile, rows = std::min(kTile, m - i);
    scale(rows, n, 0.0, C + i, ldc);
    for (int l = 0; l < m; l += kTile) {
      const int depth = std::min(kTile, m - l);
      if (l < i) gemm(false, false, rows, n, depth, 1.0, A + at(i, l, lda), lda, B + l, ldb, 1.0, C + i, ldc);
      if (l > i) gemm(true, false, rows, n, depth, 1.0, A + at(l, i, lda), lda, B + l, ldb, 1.0, C + i, ldc);
    }
    Mat diagonal(rows, rows);
    for (int c = 0; c < rows; ++c)
      for (int r = c; r < rows; ++r) diagonal(r, c) = diagonal(c, r) = A[at(i + r, i + c, lda)];
    gemm(false, false, rows, n, rows, 1.0, diagonal.a.data(), rows, B + i, ldb, 1.0, C + i, ldc);
  });
}

void trsm_right_t(int m, int n, const double* L, int ldl, double* B, int ldb) {
  constexpr int block = 24;
  for (int j0 = 0; j0 < n; j0 += block) {
    const int w = std::min(block, n - j0);
    if (j0) gemm(false, true, m, w, j0, -1.0, B, ldb, L + j0, ldl, 1.0, B + at(0, j0, ldb), ldb);
    for (int j = j0; j < j0 + w; ++j) {
      double* b = B + at(0, j, ldb);
      if (j > j0) gemm(false, true, m, 1, j - j0, -1.0, B + at(0, j0, ldb), ldb, L + at(j, j0, ldl), ldl, 1.0, b, ldb);
      const double r = 1.0 / L[at(j, j, ldl)];
      for (int i = 0; i < m; ++i) b[i] *= r;
    }
  }
}

}  // namespace multilevel
