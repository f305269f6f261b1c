#include "packed.hpp"

#include "parallel.hpp"

namespace multilevel {

Packed::Packed(const std::vector<int>& widths) {
  for (int w : widths) n_ += w;
  int start = 0;
  for (int w : widths) {
    for (int j = start; j < start + w; ++j) {
      at_.push_back(size_ - start);
      start_.push_back(start);
      size_ += n_ - start;
    }
    for (int j = 0; j < w; j += kTile) strips_.push_back({start + j, std::min(kTile, w - j)});
    start += w;
  }
  zero();
}

int Packed::first_strip(int from) const {
  const auto at = std::lower_bound(strips_.begin(), strips_.end(), from, [](const Strip& s, int j) { return s.start < j; });
  return static_cast<int>(at - strips_.begin());
}

void Packed::subtract_square(int from, int k, const double* A, int lda) {
  const int first = first_strip(from), t = static_cast<int>(strips_.size()) - first, n = n_ - from;
  parallel_for(t * (t + 1) / 2, 0.5 * n * n * k, [&](int tile, int) {
    int c = 0;  // tiles of the lower triangle, column by column
    while (tile >= t - c) tile -= t - c++;
    const Strip columns = strips_[first + c], rows = strips_[first + c + tile];
    for (int l = 0; l < k; l += kTile) {
      const double* depth = A + static_cast<std::size_t>(l) * lda - from;
      gemm(false, true, rows.width, columns.width, std::min(kTile, k - l), -1.0, depth + rows.start, lda,
           depth + columns.start, lda, 1.0, column(columns.start) + rows.start, stride(columns.start));
    }
  });
}

void Packed::times(int from, int cols, const double* B, int ldb, double* C, int ldc, Mat* square) const {
  const int first = first_strip(from), t = static_cast<int>(strips_.size()) - first, n = n_ - from;
  std::vector<Mat> parts(square ? t : 0);  // of each strip, added in their order: the same sum for any number of threads
  parallel_for(t, static_cast<double>(n) * n * cols, [&](int tile, int) {
    const Strip rows = strips_[first + tile];
    double* out = C + (rows.start - from);
    Mat diagonal(rows.width, rows.width);
    for (int c = 0; c < rows.width; ++c)
      for (int r = c; r < rows.width; ++r) diagonal(r, c) = diagonal(c, r) = column(rows.start + c)[rows.start + r];
    for (int j = 0; j < cols; j += kTile) {
      const int width = std::min(kTile, cols - j);
      const double* b = B + static_cast<std::size_t>(j) * ldb;
      double* c = out + static_cast<std::size_t>(j) * ldc;
      gemm(false, false, rows.width, width, rows.width, 1.0, diagonal.a.data(), rows.width, b + (rows.start - from), ldb, 0.0, c, ldc);
      for (int l = 0; l < t; ++l) {
        const Strip s = strips_[first + l];
        const double* bs = b + (s.start - from);
        if (l < tile) gemm(false, false, rows.width, width, s.width, 1.0, column(s.start) + rows.start, stride(s.start), bs, ldb, 1.0, c, ldc);
        if (l > tile) gemm(true, false, rows.width, width, s.width, 1.0, column(rows.start) + s.start, stride(rows.start), bs, ldb, 1.0, c, ldc);
      }
    }
    if (!square) return;
    parts[tile] = Mat(cols, cols);
    gemm(true, false, cols, cols, rows.width, 1.0, B + (rows.start - from), ldb, out, ldc, 0.0, parts[tile].a.data(), cols);
  });
  for (const Mat& part : parts)
    for (std::size_t i = 0; i < part.a.size(); ++i) square->a[i] += part.a[i];
}

}  // namespace multilevel
