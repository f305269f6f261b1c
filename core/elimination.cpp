// The engine for any design: its blocks, the order of the stages, and what they add up to. See elimination.hpp.
#include "elimination.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "parallel.hpp"

namespace multilevel {

Elimination::Elimination(const Rows& rows, Blocks blocks, bool empty)
    : p_(rows.p), q_(rows.q), XY0_(blocks.XY),
      border0_(std::move(blocks.border)) {
  auto pattern = std::make_shared<Pattern>(find_pattern(rows, empty));
  pattern_ = pattern;
  core_ = pattern_->core;
  core_offset_ = pattern_->core_offset;
  if (core_ >= 48) need_blas();
  const Parts& parts = pattern_->parts;
  for (const Part& b : parts.list) shape_.push_back({b.K, b.levels(), b.offset, b.factor});
  for (const Factor& f : rows.factors) widths_.push_back(f.K);
  if (!parts.whole) {
    border0_ = parts.in_order(border0_, p_ + 1);
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

namespace {

// Rows in the order of what they meet before the core, by counting: the first factor decides first.
std::vector<std::int64_t> sorted_by_effects(const std::vector<std::vector<std::int64_t>>& met, std::int64_t n, std::int64_t core) {
  std::vector<std::int64_t> order(n), before;
  std::iota(order.begin(), order.end(), 0);
  for (auto effects = met.rbegin(); effects != met.rend(); ++effects) {
    before.swap(order);
    std::vector<std::int64_t> start(core + 2, 0);
    for (std::int64_t e : *effects) ++start[std::min(e, core) + 1];
    std::partial_sum(start.begin(), start.end(), start.begin());
    order.resize(n);
    for (std::int64_t i : before) order[start[std::min((*effects)[i], core)]++] = i;
  }
  return order;
}

}  // namespace

// Unit vectors of the levels v that some rows meet before the core, passed forward through the elimination: X'MX of what
// they leave behind, and what reaches the core, in the notation of elimination.hpp R. Then, P_SS being the selected
// inverse of the core and z_S what rows meet there,
//
//     z'Pz = z_v'(X'MX + R'P_SS R) z_v + 2 z_v'R'P_SS z_S + z_S'P_SS z_S
//
// whose first matrices are the same for all rows with the same v. R'P_SS is computed where some row asks for it, for many
// groups of rows together, so that a column of P_SS is read once for all of them.
struct Elimination::Passed {
  struct Group {
    int k = 0;                                 // effects in v
    Vec own, R, RP;                            // k x k; k rows of `reached`; `needed` x k
    std::vector<std::int64_t> reached, needed; // in the core, in order
  };
  std::vector<Group> groups;
  std::size_t at = 0;                          // the group that is passed
  Vec x, y;                                    // q x k, zero but for what is on its way; K x k
  std::set<std::int64_t> levels;               // to be passed, by their first effect, in the order of elimination
  std::vector<std::size_t> place;              // of an effect of the core in `needed`
  const double* P = nullptr;                   // P_SS, core x core
  const std::vector<std::vector<std::int64_t>>* met = nullptr;  // of each factor: what rows meet, or q
};

void Elimination::pass_forward(const std::vector<std::int64_t>& effects, Passed& w) const {
  Passed::Group& g = w.groups[w.at];
  const int k = g.k = static_cast<int>(effects.size());
  g.reached.clear();
  g.own.assign(static_cast<std::size_t>(k) * k, 0.0);
  w.x.resize(static_cast<std::size_t>(q_) * std::max(k, 1), 0.0);
  const auto meet = [&](std::int64_t effect) {
    const int f = pattern_->parts.of(effect);
    w.levels.insert(effect - (effect - shape_[f].offset) % shape_[f].K);
  };
  for (int a = 0; a < k; ++a) {
    w.x[effects[a] * k + a] = 1.0;
    meet(effects[a]);
  }
  while (!w.levels.empty()) {
    const std::int64_t at = *w.levels.begin();
    w.levels.erase(w.levels.begin());
    const int f = pattern_->parts.of(at), K = shape_[f].K;
    const std::int64_t v = (at - shape_[f].offset) / K;
    const double* M = sparse_[f].M.data() + v * K * K;
    double* xv = w.x.data() + at * k;
    w.y.assign(static_cast<std::size_t>(K) * k, 0.0);
    for (int i = 0; i < K; ++i)
      for (int b = 0; b < K; ++b)
        for (int a = 0; a < k; ++a) w.y[i * k + a] += M[i * K + b] * xv[b * k + a];
    for (int i = 0; i < K; ++i)
      for (int a = 0; a < k; ++a)
        for (int b = 0; b < k; ++b) g.own[a * k + b] += xv[i * k + a] * w.y[i * k + b];
    std::fill_n(xv, static_cast<std::size_t>(K) * k, 0.0);
    const SparsePattern& s = pattern_->columns[f];
    for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r) {
      const std::int64_t e = s.row[r];
      double* xe = w.x.data() + e * k;
      const bool core = core_ && e >= core_offset_;
      if (core && std::all_of(xe, xe + k, [](double x) { return x == 0.0; })) g.reached.push_back(e);
      for (int i = 0; i < K; ++i)
        for (int a = 0; a < k; ++a) xe[a] -= sparse_[f].val[r * K + i] * w.y[i * k + a];
      if (!core) meet(e);
    }
  }
  std::sort(g.reached.begin(), g.reached.end());
  g.reached.erase(std::unique(g.reached.begin(), g.reached.end()), g.reached.end());
  g.R.resize(g.reached.size() * k);
  for (std::size_t i = 0; i < g.reached.size(); ++i) {
    double* xe = w.x.data() + g.reached[i] * k;
    for (int a = 0; a < k; ++a) g.R[a * g.reached.size() + i] = xe[a];
    std::fill_n(xe, k, 0.0);
    g.reached[i] -= core_offset_;
  }
  g.needed.insert(g.needed.end(), g.reached.begin(), g.reached.end());
  std::sort(g.needed.begin(), g.needed.end());
  g.needed.erase(std::unique(g.needed.begin(), g.needed.end()), g.needed.end());
  if (!k) g.needed.clear();
  g.RP.resize(g.needed.size() * k);
}

// R'P_SS of the effects of the core that each group needs, after select_core.
void Elimination::pass_core(Passed& w, std::size_t groups) const {
  std::vector<std::size_t> next(groups, 0);
  for (std::int64_t effect = 0; effect < core_; ++effect) {
    const double* P = w.P + effect * core_;
    for (std::size_t t = 0; t < groups; ++t) {
      Passed::Group& g = w.groups[t];
      if (next[t] == g.needed.size() || g.needed[next[t]] != effect) continue;
      double* RP = g.RP.data() + next[t]++ * g.k;
      const std::size_t n = g.reached.size();
      const std::int64_t* at = g.reached.data();
      for (int a = 0; a < g.k; ++a) {
        const double* r = g.R.data() + a * n;
        double s[4] = {};
        std::size_t i = 0;
        for (; i + 4 <= n; i += 4)
          for (int j = 0; j < 4; ++j) s[j] += P[at[i + j]] * r[i + j];
        for (; i < n; ++i) s[0] += P[at[i]] * r[i];
        RP[a] = (s[0] + s[1]) + (s[2] + s[3]);
      }
    }
  }
}

void Elimination::variances_of(const Combinations& c, const std::int64_t* begin, const std::int64_t* end, Passed& w, Vec& out) const {
  Passed::Group& g = w.groups[w.at];
  const int k = g.k;
  w.place.resize(core_);
  for (std::size_t i = 0; i < g.needed.size(); ++i) w.place[g.needed[i]] = i;
  for (std::size_t i = 0; i < g.reached.size(); ++i) {
    const double* RP = g.RP.data() + w.place[g.reached[i]] * k;
    for (int a = 0; a < k; ++a)
      for (int b = 0; b < k; ++b) g.own[a * k + b] += g.R[a * g.reached.size() + i] * RP[b];
  }
  std::vector<std::int64_t> at_core;
  Vec zv, zs;
  for (const std::int64_t* row = begin; row != end; ++row) {
    const std::int64_t i = *row;
    zv.clear();
    zs.clear();
    at_core.clear();
    for (std::size_t f = 0; f < widths_.size(); ++f) {
      const std::int64_t e = (*w.met)[f][i];
      for (int a = 0; e < q_ && a < widths_[f]; ++a) {
        (e < core_offset_ ? zv : zs).push_back(c.z[f][i * widths_[f] + a]);
        if (e >= core_offset_) at_core.push_back(e - core_offset_ + a);
      }
    }
    double sum = 0.0;
    for (int a = 0; a < k; ++a)
      for (int b = 0; b < k; ++b) sum += zv[a] * g.own[a * k + b] * zv[b];
    for (std::size_t s = 0; s < zs.size(); ++s) {
      const double* P = w.P + at_core[s] * core_;
      for (std::size_t t = 0; t < zs.size(); ++t) sum += zs[s] * P[at_core[t]] * zs[t];
      if (!k) continue;
      const double* RP = g.RP.data() + w.place[at_core[s]] * k;
      for (int a = 0; a < k; ++a) sum += 2.0 * zs[s] * RP[a] * zv[a];
    }
    out[i] = sum;
  }
}

Vec Elimination::variances(const Combinations& c) {
  Vec P(static_cast<std::size_t>(core_) * core_);  // both triangles
  if (core_) {
    select_core(nullptr, nullptr);
    for (int j = 0; j < core_; ++j)
      for (int i = j; i < core_; ++i)
        P[static_cast<std::size_t>(i) * core_ + j] = P[static_cast<std::size_t>(j) * core_ + i] = R_.column(j)[i];
  }
  std::vector<std::vector<std::int64_t>> met;
  for (std::size_t f = 0; f < widths_.size(); ++f) {
    std::vector<std::int64_t>& effects = met.emplace_back();
    for (std::int32_t level : c.level[f]) effects.push_back(level >= 0 ? pattern_->parts.effect[f][level] : q_);
  }
  const std::vector<std::int64_t> order = sorted_by_effects(met, c.n, core_offset_);
  const auto differs = [&](std::int64_t i, std::int64_t j) {
    for (const auto& effects : met)
      if (std::min(effects[i], core_offset_) != std::min(effects[j], core_offset_)) return true;
    return false;
  };
  std::vector<std::int64_t> start;
  for (std::int64_t i = 0; i < c.n; ++i)
    if (i == 0 || differs(order[i - 1], order[i])) start.push_back(i);
  start.push_back(c.n);
  const std::int64_t groups = static_cast<std::int64_t>(start.size()) - 1;
  const int jobs = static_cast<int>((groups + kTargets - 1) / kTargets);
  std::vector<Passed> work(thread_count());
  for (Passed& w : work) {
    w.P = P.data();
    w.met = &met;
    w.groups.resize(kTargets);
  }
  Vec out(c.n, 0.0);
  parallel_for(jobs, 100.0 * c.n, [&](int job, int thread) {
    Passed& w = work[thread];
    const std::int64_t first = static_cast<std::int64_t>(job) * kTargets, last = std::min<std::int64_t>(groups, first + kTargets);
    std::vector<std::int64_t> effects;
    for (std::int64_t g = first; g < last; ++g) {
      w.at = g - first;
      effects.clear();
      w.groups[w.at].needed.clear();
      for (std::size_t f = 0; f < widths_.size(); ++f) {
        const std::int64_t own = met[f][order[start[g]]];
        for (int a = 0; own < core_offset_ && a < widths_[f]; ++a) effects.push_back(own + a);
        for (std::int64_t row = start[g]; own >= core_offset_ && row < start[g + 1]; ++row) {
          const std::int64_t e = met[f][order[row]];
          for (int a = 0; e < q_ && a < widths_[f]; ++a) w.groups[w.at].needed.push_back(e - core_offset_ + a);
        }
      }
      pass_forward(effects, w);
    }
    pass_core(w, last - first);
    for (std::int64_t g = first; g < last; ++g) {
      w.at = g - first;
      variances_of(c, order.data() + start[g], order.data() + start[g + 1], w, out);
    }
  });
  return out;
}

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
