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
  std::vector<int> column(q_);  // of an effect
  for (std::size_t f = 0; f < shape_.size(); ++f)
    for (std::int64_t e = 0; e < static_cast<std::int64_t>(shape_[f].levels) * shape_[f].K; ++e)
      column[shape_[f].offset + e] = first[f] + static_cast<int>(e % shape_[f].K);
  Vec Rb(p_);  // R b of the effect at hand
  const auto turn_to = [&](std::int64_t e) {
    const double* b = border0_.data() + e * width;
    for (int i = 0; i < p_; ++i) {
      Rb[i] = 0.0;
      for (int j = 0; j < p_; ++j) Rb[i] += R(i, j) * b[j];
    }
  };
  const auto through_X = [&](std::int64_t f) {
    const double* b = border0_.data() + f * width;
    double s = 0.0;
    for (int i = 0; i < p_; ++i) s += Rb[i] * b[i];
    return s;
  };
  const auto add_pair = [&](std::int64_t e, std::int64_t f, double a) {
    if (a == 0.0) return;
    const double x = a * (a - 2.0 * through_X(f));
    out.N(column[e], column[f]) += x;
    out.N(column[f], column[e]) += x;
  };
  for (int f = 0; f < static_cast<int>(shape_.size()); ++f) {
    const int K = shape_[f].K;
    const bool dense = f >= pattern_->sparse;
    const Vec& diag = dense ? core_diag_[f - pattern_->sparse] : f == 0 ? sparse_[f].diag : sparse_[f].diag0;
    for (int v = 0; v < shape_[f].levels; ++v) {
      const std::int64_t at = shape_[f].offset + static_cast<std::int64_t>(v) * K;
      const double* G = diag.data() + static_cast<std::size_t>(v) * K * K;
      for (int j = 0; j < K; ++j) {
        const std::int64_t e = at + j;
        turn_to(e);
        const double a = G[j * K + j], own = through_X(e);
        out.g[column[e]] += a - own;
        out.N(column[e], column[e]) += a * (a - 2.0 * own);
        for (int i = j + 1; i < K; ++i) add_pair(e, at + i, G[i * K + j]);
        if (dense) {
          const auto b = static_cast<int>(e - core_offset_);
          for (int c = in_core(f, shape_[f].levels); c < core_ && !core_pairs_.empty(); ++c) add_pair(e, core_offset_ + c, core_pairs_.column(b)[c]);
          continue;
        }
        const Vec& val = f == 0 ? sparse_[f].val : sparse_[f].val0;
        const SparsePattern& s = pattern_->columns[f];
        for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r) add_pair(e, s.row[r], val[r * K + j]);
      }
    }
  }
  std::vector<Mat> RM(columns, Mat(p_, p_));
  for (std::int64_t e = 0; e < q_; ++e) {
    Mat& M = RM[column[e]];
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
