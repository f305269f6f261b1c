// What a moment estimate of the variances needs of the design and of a response, from blocks that nothing was eliminated from.
#include "elimination.hpp"

namespace multilevel {

// (z_j'P z_c)^2 summed over all pairs of levels, from the pairs that meet: with b = X'Wz and R = (X'WX)^-1,
// sum (A - b_j'R b_c)^2 = sum A^2 - 2 sum A b_j'R b_c + <R M_j, (R M_c)'>,  M_j = sum b_j b_j'.
Moments Elimination::moments(const Mat& R) const {
  std::vector<int> of_factor{0}, first;
  for (int K : widths_) of_factor.push_back(of_factor.back() + K);
  for (const Shape& s : shape_) first.push_back(of_factor[s.factor]);
  const int columns = of_factor.back(), width = p_ + 1;
  Moments out{Mat(columns, columns), Vec(columns, 0.0)};
  const auto column_of = [&](std::int64_t effect) {
    const int g = pattern_->parts.of(effect);
    return first[g] + static_cast<int>((effect - shape_[g].offset) % shape_[g].K);
  };
  const auto through_X = [&](std::int64_t e, std::int64_t f) {
    const double *a = border0_.data() + e * width, *b = border0_.data() + f * width;
    double s = 0.0;
    for (int j = 0; j < p_; ++j)
      for (int i = 0; i < p_; ++i) s += a[i] * R(i, j) * b[j];
    return s;
  };
  const auto add = [&](std::int64_t e, std::int64_t f, double a) {
    if (a != 0.0) out.N(column_of(e), column_of(f)) += a * (a - 2.0 * through_X(e, f));
  };
  for (int f = 0; f < static_cast<int>(shape_.size()); ++f) {
    const int K = shape_[f].K;
    const bool in_core = f >= pattern_->sparse;
    const Vec& diag = in_core ? core_diag_[f - pattern_->sparse] : f == 0 ? sparse_[f].diag : sparse_[f].diag0;
    for (int v = 0; v < shape_[f].levels; ++v) {
      const std::int64_t at = shape_[f].offset + static_cast<std::int64_t>(v) * K;
      const double* G = diag.data() + static_cast<std::size_t>(v) * K * K;
      for (int i = 0; i < K; ++i) {
        out.g[first[f] + i] += G[i * K + i] - through_X(at + i, at + i);
        for (int j = 0; j < K; ++j) add(at + i, at + j, G[i * K + j]);
      }
      if (in_core) continue;
      const Vec& val = f == 0 ? sparse_[f].val : sparse_[f].val0;
      const SparsePattern& s = pattern_->columns[f];
      for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r)
        for (int j = 0; j < K; ++j) {
          add(at + j, s.row[r], val[r * K + j]);
          add(s.row[r], at + j, val[r * K + j]);
        }
    }
  }
  for (int b = 0; b < core_ && !core_pairs_.empty(); ++b)
    for (int a = b + 1; a < core_; ++a) {
      const double x = core_pairs_.column(b)[a];
      add(core_offset_ + a, core_offset_ + b, x);
      add(core_offset_ + b, core_offset_ + a, x);
    }
  std::vector<Mat> RM(columns, Mat(p_, p_));
  for (std::int64_t e = 0; e < q_; ++e) {
    Mat& M = RM[column_of(e)];
    const double* b = border0_.data() + e * width;
    for (int j = 0; j < p_; ++j)
      for (int i = 0; i < p_; ++i) M(i, j) += b[i] * b[j];
  }
  for (Mat& M : RM) M = R * M;
  for (int j = 0; j < columns; ++j)
    for (int c = 0; c < columns; ++c) out.N(j, c) += inner(RM[j], transpose(RM[c]));
  return out;
}

Vec Elimination::response_moments() const {
  std::vector<int> first{0};
  for (int K : widths_) first.push_back(first.back() + K);
  Vec out(first.back(), 0.0);
  for (const Shape& s : shape_)
    for (int j = 0; j < s.K; ++j) {
      double sum = 0.0;
      for (int v = 0; v < s.levels; ++v) {
        const double x = border0_[(s.offset + static_cast<std::int64_t>(v) * s.K + j) * (p_ + 1) + p_];
        sum += x * x;
      }
      out[first[s.factor] + j] += sum;
    }
  return out;
}

}  // namespace multilevel
