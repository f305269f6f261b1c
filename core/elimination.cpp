// The engine for any design: its blocks, the order of the stages, and what they add up to. See elimination.hpp.
#include "elimination.hpp"

#include <algorithm>

#include "parallel.hpp"

namespace multilevel {

Elimination::Elimination(const Rows& rows, Blocks blocks, bool empty)
    : p_(rows.p), q_(rows.q), XY0_(blocks.XY),
      border0_(std::move(blocks.border)) {
  auto pattern = std::make_shared<Pattern>(find_pattern(rows));
  pattern_ = pattern;
  core_ = pattern_->core;
  core_offset_ = pattern_->core_offset;
  const Parts& parts = pattern_->parts;
  for (const Part& b : parts.list) shape_.push_back({b.K, b.levels(), b.offset, b.factor});
  for (const Factor& f : rows.factors) widths_.push_back(f.K);
  if (!parts.whole) {
    if (!empty) border0_ = parts.in_order(border0_, p_ + 1);
    blocks.diag = diagonals(blocks);
  }
  later_ = shape_[0].offset + static_cast<std::int64_t>(shape_[0].levels) * shape_[0].K;
  sparse_.resize(pattern_->sparse);
  for (int f = 0; f < pattern_->sparse; ++f) {
    sparse_[f].diag = std::move(blocks.diag[f]);
    sparse_[f].val.assign(pattern_->columns[f].row.size() * shape_[f].K, 0.0);
  }
  std::size_t inverses = 0;
  for (std::size_t f = pattern_->sparse; f < shape_.size(); ++f) {
    core_diag_.push_back(std::move(blocks.diag[f]));
    const int width = std::max(1, kPanel / shape_[f].K) * shape_[f].K, size = shape_[f].levels * shape_[f].K;
    for (int s = 0; s < size; s += width) {
      const int panel = std::min(width, size - s);
      panels_.push_back({static_cast<int>(f), static_cast<int>(shape_[f].offset - core_offset_) + s, panel, inverses});
      inverses += static_cast<std::size_t>(panel) * panel;
    }
  }
  M_core_.resize(inverses);
  if (!empty) fill_values(rows);
  std::vector<SortedRows>().swap(pattern->sorted);  // the order of the rows has served
  for (int f = 1; f < pattern_->sparse; ++f) sparse_[f].val0 = sparse_[f].val, sparse_[f].diag0 = sparse_[f].diag;
  if (core_ >= 48 && pattern_->sparse > 0) {
    const SparsePattern& s = pattern_->columns[0];
    const double flat = static_cast<double>(core_) * core_ * shape_[0].levels;
    dense_first_ = s.inner_total == 0 && 2.0 * s.pairs * kScatterCost > flat;
  }
}

// The transformed columns of one factor for single rows; a random intercept is the same number everywhere.
class RowReader {
 public:
  RowReader(const Rows& rows, int f) : rows_(rows), factor_(rows.factors[f]), z_(factor_.K) {
    for (int t : factor_.terms)
      for (const Column& c : rows.terms[t].Z) constant_ = constant_ && c.stride == 0;
    if (constant_ && rows.n) rows.z_row(factor_, 0, z_.data());
  }
  const double* operator()(std::int64_t i) {
    if (!constant_) rows_.z_row(factor_, i, z_.data());
    return z_.data();
  }

 private:
  const Rows& rows_;
  const Factor& factor_;
  Vec z_;
  bool constant_ = true;
};

const char* Elimination::name() const {
  if (!pattern_->parts.whole) return "minimum degree, dense core";
  return core_ ? "dense core" : "block-diagonal";
}

std::vector<Vec> Elimination::diagonals(const Blocks& blocks) const {
  std::vector<Vec> out;
  for (const Part& b : pattern_->parts.list) {
    const std::size_t size = static_cast<std::size_t>(b.K) * b.K;
    Vec& diag = out.emplace_back(b.levels() * size);
    for (int v = 0; v < b.levels(); ++v) std::copy_n(blocks.diag[b.factor].begin() + b.level[v] * size, size, diag.begin() + v * size);
  }
  return out;
}

void Elimination::fill_values(const Rows& rows) {
  const int n_factors = static_cast<int>(widths_.size());
  if (n_factors < 2) return;
  const Parts& parts = pattern_->parts;
  std::vector<RowReader> z;
  for (int f = 0; f < n_factors; ++f) z.emplace_back(rows, f);
  std::vector<std::int32_t> position(q_, -1);
  for (int b = 0; b < pattern_->sparse; ++b) {
    const SparsePattern& s = pattern_->columns[b];
    const int K = shape_[b].K, f = shape_[b].factor;
    const SortedRows& sorted = pattern_->sorted[f];
    for (int v = 0; v < shape_[b].levels; ++v) {
      double* col = sparse_[b].val.data() + s.ptr[v] * K;
      for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r) position[s.row[r]] = static_cast<std::int32_t>(r - s.ptr[v]);
      const std::int32_t level = parts[b].level[v];
      for (std::int64_t r = sorted.start[level]; r < sorted.start[level + 1]; ++r) {
        const std::int64_t i = sorted.order[r];
        const double* zf = z[f](i);
        const double w = rows.w ? rows.w[i] : 1.0;
        for (int g = parts.whole ? f + 1 : 0; g < n_factors; ++g) {
          const std::int32_t other = parts.effect[g][rows.factors[g].codes[i]];
          if (g == f || other < parts.effect[f][level]) continue;  // in the column of the other
          const double* zg = z[g](i);
          double* at = col + static_cast<std::int64_t>(position[other]) * K;
          for (int a = 0; a < widths_[g]; ++a)
            for (int c = 0; c < K; ++c) at[a * K + c] += w * zg[a] * zf[c];
        }
      }
    }
  }
  if (shape_.size() - pattern_->sparse < 2) return;
  core_pairs_ = make_core();
  for (std::int64_t i = 0; i < rows.n; ++i) {
    const double w = rows.w ? rows.w[i] : 1.0;
    for (int f = 0; f < n_factors; ++f) {
      const std::int64_t cf = parts.effect[f][rows.factors[f].codes[i]] - core_offset_;
      if (cf < 0) continue;
      const double* zf = z[f](i);
      for (int g = f + 1; g < n_factors; ++g) {  // parts of the core are in the order of their factors
        const std::int64_t cg = parts.effect[g][rows.factors[g].codes[i]] - core_offset_;
        if (cg < 0) continue;
        const double* zg = z[g](i);
        for (int b = 0; b < widths_[f]; ++b)
          for (int a = 0; a < widths_[g]; ++a) core_pairs_.column(static_cast<int>(cf) + b)[cg + a] += w * zg[a] * zf[b];
      }
    }
  }
}

double Elimination::eliminate(const std::vector<Mat>& Lambda, Mat& cross) {
  const Team team(team_size());
  Lambda_.clear();
  lam_rm_.clear();
  for (const Shape& s : shape_) {
    const Mat rows = transpose(Lambda_.emplace_back(Lambda[s.factor]));
    lam_rm_.emplace_back(rows.a.begin(), rows.a.end());
  }
  cross = XY0_;
  definite_ = true;
  core_inverted_ = substituted_ = false;
  LogProduct det;
  border_.assign(border0_.begin() + later_ * (p_ + 1), border0_.end());
  for (int f = 1; f < pattern_->sparse; ++f) sparse_[f].val = sparse_[f].val0, sparse_[f].diag = sparse_[f].diag0;
  if (core_) load_core();
  for (int f = 0; f < pattern_->sparse; ++f)
    eliminate_levels(f, cross, det);
  if (core_) eliminate_core(cross, det);
  for (int j = 0; j <= p_; ++j)
    for (int i = 0; i < j; ++i) cross(i, j) = cross(j, i);
  return det.log();
}

void Elimination::differentiate(const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs, Slopes& out) {
  const Team team(team_size());
  const int m = static_cast<int>(dirs.size());
  out.T.clear();
  out.S.clear();
  for (int K : widths_) out.T.emplace_back(K, K), out.S.emplace_back(K, K);
  out.G = Mat(m, m);
  out.HT = Mat(p_, m);
  out.HH.clear();
  for (int K : widths_)
    if (out.products) out.HH.emplace_back(K * p_, K * p_);
  Fb_.resize(static_cast<std::size_t>(q_ - later_) * (p_ + 1));
  z_.resize(q_);
  b_.resize(q_);
  std::vector<std::vector<int>> mine(widths_.size());
  for (int j = 0; j < m; ++j) mine[dirs[j].factor].push_back(j);
  if (core_) back_substitute_core(c, Q, dirs, &out);
  for (int f = pattern_->sparse - 1; f >= 0; --f)
    back_substitute_levels(f, c, Q, dirs, mine[shape_[f].factor], &out);
  substituted_ = true;
  if (m > 0) {
    const bool carries = pattern_->sparse > 1 || core_ > 0;
    Vec C(carries ? static_cast<std::size_t>(q_) * m : 0, 0.0);
    for (int f = 0; f < pattern_->sparse; ++f)
      information_levels(f, dirs, mine[shape_[f].factor], C, out.G);
    if (core_) information_core(dirs, C, out.G);
  }
  if (core_) select_core(&out.T, nullptr);
  for (int f = pattern_->sparse - 1; f >= 0; --f)
    select_levels(f, out.T[shape_[f].factor], nullptr);
}

// Conditional modes b = Fb c, and (for the posterior) the fixed-effects part of Fb, effect by effect.
void Elimination::visit_effects(std::int64_t at, int k, const double* F, const Vec& c) {
  const int width = p_ + 1;
  for (int i = 0; i < k; ++i) {
    double b = 0.0;
    for (int j = 0; j < width; ++j) b += F[i * width + j] * c[j];
    b_[at + i] = b;
    if (keep_F_)
      for (int j = 0; j < p_; ++j) F_[(at + i) * p_ + j] = F[i * width + j];
  }
}

Vec Elimination::modes(const Vec& c) {
  if (!substituted_) back_substitute_all(c);
  return pattern_->parts.whole ? b_ : pattern_->parts.as_given(b_, 1);
}

void Elimination::back_substitute_all(const Vec& c) {
  b_.resize(q_);
  Fb_.resize(static_cast<std::size_t>(q_ - later_) * (p_ + 1));
  if (core_) back_substitute_core(c, {}, {}, nullptr);
  for (int f = pattern_->sparse - 1; f >= 0; --f) back_substitute_levels(f, c, {}, {}, {}, nullptr);
  substituted_ = true;
}

std::vector<Posterior> Elimination::posterior() {
  keep_F_ = true;
  F_.resize(static_cast<std::size_t>(q_) * p_);
  back_substitute_all(Vec(p_ + 1, 0.0));
  keep_F_ = false;
  std::vector<Posterior> post(shape_.size());
  for (std::size_t f = 0; f < shape_.size(); ++f) {
    const std::int64_t size = static_cast<std::int64_t>(shape_[f].levels) * shape_[f].K;
    post[f].P.resize(size * shape_[f].K);
    post[f].F.assign(F_.begin() + shape_[f].offset * p_, F_.begin() + (shape_[f].offset + size) * p_);
  }
  Vec().swap(F_);
  if (core_) select_core(nullptr, &post);
  for (int f = pattern_->sparse - 1; f >= 0; --f) {
    Mat ignored(shape_[f].K, shape_[f].K);
    select_levels(f, ignored, &post[f]);
  }
  return pattern_->parts.whole ? post : by_factor(post);
}

std::vector<Posterior> Elimination::by_factor(const std::vector<Posterior>& parts) const {
  std::vector<Posterior> out(widths_.size());
  for (std::size_t f = 0; f < out.size(); ++f) {
    const std::size_t size = pattern_->parts.effect[f].size() * widths_[f];
    out[f].P.resize(size * widths_[f]);
    out[f].F.resize(size * p_);
  }
  for (int b = 0; b < pattern_->parts.size(); ++b) {
    const Part& part = pattern_->parts[b];
    for (int v = 0; v < part.levels(); ++v) {
      const auto copy = [&](const Vec& from, Vec& to, std::size_t size) { std::copy_n(from.begin() + v * size, size, to.begin() + part.level[v] * size); };
      copy(parts[b].P, out[part.factor].P, static_cast<std::size_t>(part.K) * part.K);
      copy(parts[b].F, out[part.factor].F, static_cast<std::size_t>(part.K) * p_);
    }
  }
  return out;
}

void Elimination::set_response(const Response& r) {
  const int width = p_ + 1;
  const Vec& Zy = pattern_->parts.whole ? r.Zy : pattern_->parts.in_order(r.Zy, 1);
  for (std::int64_t i = 0; i < q_; ++i) border0_[i * width + p_] = Zy[i];
  for (int j = 0; j < p_; ++j) XY0_(p_, j) = XY0_(j, p_) = r.Xy[j];
  XY0_(p_, p_) = r.yy;
}

std::unique_ptr<Engine> make_elimination(const Rows& rows, Blocks blocks) {
  return std::make_unique<Elimination>(rows, std::move(blocks));
}

}  // namespace multilevel
