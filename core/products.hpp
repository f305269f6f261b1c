// Products of dense matrices, column-major. Small ones are plain loops; large ones are cut into tiles, which are shared among
// threads (parallel.hpp), and a tile is computed by a kernel that keeps 8 x 6 sums in registers (after Goto and van de Geijn
// 2008, ACM TOMS 34(3), 12).
#pragma once

#include <cstddef>
#include <memory>

namespace multilevel {

constexpr int kTile = 72;  // strips of 8 rows and of 6 columns without a rest; three such tiles stay in a second-level cache

// C (m x n, ldc) = beta C + alpha op(A) op(B)
void gemm(bool ta, bool tb, int m, int n, int k, double alpha, const double* A, int lda, const double* B, int ldb,
          double beta, double* C, int ldc);
// C (m x n) = A B with A symmetric, lower triangle stored
void symm(int m, int n, const double* A, int lda, const double* B, int ldb, double* C, int ldc);
// B (m x n) <- B L^-T, L is n x n lower triangular
void trsm_right_t(int m, int n, const double* L, int ldl, double* B, int ldb);

// --- for products of one's own: the operands as the kernel reads them --------------------------------------------------

// The left operand, rows x depth: strips of 8 rows, each column by column, the last filled up with zeros.
class LeftOperand {
 public:
  static constexpr int kRows = 8;
  LeftOperand(int rows, int depth);
  void load(bool transposed, int rows, int depth, const double* A, int lda);
  // from a row (a multiple of 8) and a column on
  const double* at(int row, int depth) const { return values_.get() + row / kRows * stride() + depth * kRows; }
  std::ptrdiff_t stride() const { return static_cast<std::ptrdiff_t>(depth_) * kRows; }  // between strips

 private:
  int depth_;
  std::unique_ptr<double[]> values_;
};

// C (m x n) += alpha A B on this thread, A in strips from a LeftOperand, B (k x n) where it stands.
void add_product(int m, int n, int k, double alpha, const double* A, std::ptrdiff_t stride, const double* B, int ldb, double* C, int ldc);
// B = A', A is m x n
void transpose_into(int m, int n, const double* A, int lda, double* B, int ldb);

}  // namespace multilevel
