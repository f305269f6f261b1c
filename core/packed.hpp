// A large symmetric matrix, lower triangle only: panels of columns, each a column-major block from its diagonal down.
// What stands above the diagonal inside a panel is scratch.
#pragma once

#include "linalg.hpp"
#include "products.hpp"

namespace multilevel {

class Packed {
 public:
  Packed() = default;
  explicit Packed(const std::vector<int>& widths);  // of the panels

  bool empty() const { return values_.empty(); }
  void zero() { values_.assign(size_, 0.0); }
  int stride(int j) const { return n_ - start_[j]; }
  // entry (i, j) is column(j)[i], from the first row of j's panel on
  double* column(int j) { return values_.data() + at_[j]; }
  const double* column(int j) const { return values_.data() + at_[j]; }

  // A principal submatrix from row and column `from` on, the first of a panel:
  void subtract_square(int from, int k, const double* A, int lda);                            // -= A A', A has k columns
  void times(int from, int cols, const double* B, int ldb, double* C, int ldc, Mat* square = nullptr) const;  // C = (submatrix) B,
                                                                                              // square = B' C of one panel

 private:
  struct Strip {
    int start, width;
  };
  int n_ = 0;
  std::size_t size_ = 0;
  Vec values_;
  std::vector<std::size_t> at_;   // of each column, as if it began with row 0
  std::vector<int> start_;        // of the panel of each column
  std::vector<Strip> strips_;     // columns in pieces of at most a tile (products.hpp), none in two panels
  int first_strip(int from) const;
  // A (n x other), or A', cut at the strips from the first on
  std::vector<LeftOperand> left_operands(bool transposed, int first, int other, const double* A, int lda) const;
};

}  // namespace multilevel
