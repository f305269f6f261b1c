#include "packed.hpp"

#include "parallel.hpp"

namespace multilevel {

namespace {

constexpr double kMove = 20.0;  // to rearrange a number takes as long as so many multiplications in tiles

}  // namespace

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

std::vector<LeftOperand> Packed::left_operands(bool transposed, int first, int other, const double* A, int lda) const {
  const auto shape = [&](int s) { return transposed ? std::pair(other, strips_[s].width) : std::pair(strips_[s].width, other); };
  const int t = static_cast<int>(strips_.size()) - first;
  std::vector<LeftOperand> out;
  for (int s = 0; s < t; ++s) out.emplace_back(shape(first + s).first, shape(first + s).second);
  parallel_for(t, kMove * other * (n_ - strips_[first].start), [&](int s, int) {
    const auto [rows, depth] = shape(first + s);
    out[s].load(transposed, rows, depth, A + (strips_[first + s].start - strips_[first].start), lda);
  });
  return out;
}

void Packed::subtract_square(int from, int k, const double* A, int lda) {
  const int first = first_strip(from), t = static_cast<int>(strips_.size()) - first, n = n_ - from;
  const std::vector<LeftOperand> left = left_operands(false, first, k, A, lda);
  const auto right = std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(k) * n);
  parallel_for(t, kMove * n * k, [&](int s, int) {
    const Strip& strip = strips_[first + s];
    const int at = strip.start - from;
    transpose_into(strip.width, k, A + at, lda, right.get() + static_cast<std::size_t>(at) * k, k);
  });
  parallel_for(t * (t + 1) / 2, 0.5 * n * n * k, [&](int tile, int) {
    int c = 0;  // tiles of the lower triangle, column by column
    while (tile >= t - c) tile -= t - c++;
    const Strip columns = strips_[first + c], rows = strips_[first + c + tile];
    const double* r = right.get() + static_cast<std::size_t>(columns.start - from) * k;
    for (int l = 0; l < k; l += kTile)
      add_product(rows.width, columns.width, std::min(kTile, k - l), -1.0, left[c + tile].at(0, l), left[c + tile].stride(), r + l, k,
                  column(columns.start) + rows.start, stride(columns.start));
  });
}

// Each strip of rows of C: what stands left of the diagonal as it is, the others as C' = B' A, where they stand too.
void Packed::times(int from, int cols, const double* B, int ldb, double* C, int ldc, Mat* square) const {
  const int first = first_strip(from), t = static_cast<int>(strips_.size()) - first, n = n_ - from;
  const std::vector<LeftOperand> left = left_operands(true, first, cols, B, ldb);
  std::vector<Mat> parts(square ? t : 0);  // of each strip, added in their order: the same sum for any number of threads
  parallel_for(t, static_cast<double>(n) * n * cols, [&](int tile, int) {
    const Strip rows = strips_[first + tile];
    double* out = C + (rows.start - from);
    Mat across(cols, rows.width), diagonal(rows.width, rows.width);
    for (int c = 0; c < rows.width; ++c)
      for (int r = c; r < rows.width; ++r) diagonal(r, c) = diagonal(c, r) = column(rows.start + c)[rows.start + r];
    for (int l = tile; l < t; ++l) {
      const Strip s = strips_[first + l];
      const double* a = l > tile ? column(rows.start) + s.start : diagonal.a.data();
      for (int j = 0; j < cols; j += kTile)
        add_product(std::min(kTile, cols - j), rows.width, s.width, 1.0, left[l].at(j, 0), left[l].stride(), a,
                    l > tile ? stride(rows.start) : rows.width, across.a.data() + j, cols);
    }
    transpose_into(cols, rows.width, across.a.data(), cols, out, ldc);
    LeftOperand before(rows.width, kTile);
    for (int l = 0; l < tile; ++l) {
      const Strip s = strips_[first + l];
      before.load(false, rows.width, s.width, column(s.start) + rows.start, stride(s.start));
      for (int j = 0; j < cols; j += kTile)
        add_product(rows.width, std::min(kTile, cols - j), s.width, 1.0, before.at(0, 0), before.stride(), B + (s.start - from) + static_cast<std::size_t>(j) * ldb,
                    ldb, out + static_cast<std::size_t>(j) * ldc, ldc);
    }
    if (!square) return;
    parts[tile] = Mat(cols, cols);
    gemm(true, false, cols, cols, rows.width, 1.0, B + (rows.start - from), ldb, out, ldc, 0.0, parts[tile].a.data(), cols);
  });
  for (const Mat& part : parts)
    for (std::size_t i = 0; i < part.a.size(); ++i) square->a[i] += part.a[i];
}

}  // namespace multilevel
