// Small dense matrices and the few operations the core needs on them. Storage is column-major; products of large ones are in
// products.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace multilevel {

using Vec = std::vector<double>;

// The numbers of a matrix: up to 4 x 4 inside the object, larger ones on the heap. Most matrices here belong to one
// random-effects term, and a fit makes thousands of them.
class Buffer {
 public:
  Buffer() { clear(); }
  explicit Buffer(std::size_t n) : size_(n) {
    if (n > kInside) heap_.assign(n, 0.0);
    else clear();
  }
  Buffer(const Buffer& o) { *this = o; }
  Buffer(Buffer&& o) noexcept { *this = std::move(o); }
  Buffer& operator=(const Buffer& o) {
    if (o.size_ > kInside) heap_ = o.heap_;
    else take(o);
    size_ = o.size_;
    return *this;
  }
  Buffer& operator=(Buffer&& o) noexcept {
    if (o.size_ > kInside) heap_ = std::move(o.heap_);
    else take(o);
    size_ = o.size_;
    return *this;
  }
  double* data() { return size_ > kInside ? heap_.data() : inside_; }
  const double* data() const { return size_ > kInside ? heap_.data() : inside_; }
  std::size_t size() const { return size_; }
  double* begin() { return data(); }
  double* end() { return data() + size_; }
  const double* begin() const { return data(); }
  const double* end() const { return data() + size_; }
  double& operator[](std::size_t i) { return data()[i]; }
  double operator[](std::size_t i) const { return data()[i]; }

 private:
  static constexpr std::size_t kFew = 4, kInside = 16;  // two lengths known when compiling: no call for so few numbers
  std::size_t size_ = 0;
  double inside_[kInside];
  Vec heap_;
  void clear() {
    if (size_ <= kFew) std::fill_n(inside_, kFew, 0.0);
    else std::fill_n(inside_, kInside, 0.0);
  }
  void take(const Buffer& o) {
    if (o.size_ <= kFew) std::copy_n(o.inside_, kFew, inside_);
    else std::copy_n(o.inside_, kInside, inside_);
  }
};

struct Mat {
  int rows = 0, cols = 0;
  Buffer a;
  Mat() = default;
  Mat(int r, int c) : rows(r), cols(c), a(static_cast<std::size_t>(r) * c) {}
  static Mat identity(int n);
  double& operator()(int i, int j) { return a[static_cast<std::size_t>(j) * rows + i]; }
  double operator()(int i, int j) const { return a[static_cast<std::size_t>(j) * rows + i]; }
  double* col(int j) { return a.data() + static_cast<std::size_t>(j) * rows; }
  const double* col(int j) const { return a.data() + static_cast<std::size_t>(j) * rows; }
};

Mat operator*(const Mat& A, const Mat& B);
Mat transpose(const Mat& A);
Mat scaled(Mat A, double factor);
void symmetrise(Mat& A);  // (A + A') / 2
double inner(const Mat& A, const Mat& B);  // sum of elementwise products

// Lower Cholesky factor in place; returns false when A is not positive definite.
bool cholesky(Mat& A);
// Solve L x = b or L' x = b in place, L lower triangular.
void solve_lower(const Mat& L, double* b);
void solve_lower_t(const Mat& L, double* b);
Mat inverse_lower(const Mat& L);
Mat inverse_spd(const Mat& L);  // (L L')^-1 from the Cholesky factor
// General inverse by Gauss-Jordan with partial pivoting, for the small coordinate changes; false when singular.
bool inverse(const Mat& A, Mat& out);
// Eigenvalues (ascending) and vectors (columns) of a symmetric matrix, by cyclic Jacobi rotations.
void eigen_symmetric(Mat A, Vec& values, Mat& vectors);
// Lower triangular factor with non-negative diagonal of A A' (A is k x k, possibly singular), by Householder reflections.
Mat lower_factor(const Mat& A);

}  // namespace multilevel
