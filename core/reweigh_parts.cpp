// Weights that change, where factors are split: levels stand in parts (parts.hpp), and of two levels that meet in a row the
// one eliminated first has the column. What stands there is summed in one vector for all parts and handed out afterwards.
#include <algorithm>

#include "elimination.hpp"

namespace multilevel {

namespace {

constexpr std::int64_t kInCore = -1;

}  // namespace

// Of every pair of factors f < g and every row: twice the place among the couplings, part after part, plus one where g's
// level has the column; kInCore where both are left to the core.
void Elimination::find_places_in_parts(const Observations& o) {
  const Parts& parts = pattern_->parts;
  std::vector<std::int64_t> first{0};
  for (const Sparse& s : sparse_) first.push_back(first.back() + static_cast<std::int64_t>(s.val.size()));
  auto places = std::make_shared<std::vector<std::vector<std::int64_t>>>();
  for (std::size_t f = 0; f < widths_.size(); ++f)
    for (std::size_t g = f + 1; g < widths_.size(); ++g) {
      std::vector<std::int64_t>& at = places->emplace_back(o.n, kInCore);
      for (std::int64_t i = 0; i < o.n; ++i) {
        const std::int32_t ef = parts.effect[f][o.sides[f].code[i]], eg = parts.effect[g][o.sides[g].code[i]];
        const std::int32_t early = std::min(ef, eg), late = std::max(ef, eg);
        if (early >= core_offset_) continue;
        const int b = parts.of(early), K = shape_[b].K;
        const SparsePattern& s = pattern_->columns[b];
        const std::int64_t v = (early - shape_[b].offset) / K;
        const auto row = std::lower_bound(s.row.begin() + s.ptr[v], s.row.begin() + s.ptr[v + 1], late) - s.row.begin();
        at[i] = 2 * (first[b] + row * K) + (early == eg);
      }
    }
  places_ = std::move(places);
}

void Elimination::reweigh_parts(const Observations& o, const Vec& w) {
  const Parts& parts = pattern_->parts;
  const int n_factors = static_cast<int>(widths_.size()), sparse = pattern_->sparse;
  Blocks blocks;
  for (int f = 0; f < n_factors; ++f) {
    const Side& s = o.sides[f];
    Vec& diag = blocks.diag.emplace_back(parts.effect[f].size() * s.K * s.K, 0.0);
    for (std::int64_t i = 0; i < o.n; ++i) {
      const double* z = s.row(i);
      double* G = diag.data() + static_cast<std::int64_t>(s.code[i]) * s.K * s.K;
      for (int a = 0; a < s.K; ++a)
        for (int b = 0; b < s.K; ++b) G[a * s.K + b] += w[i] * z[a] * z[b];
    }
  }
  std::vector<Vec> diag = diagonals(blocks);
  for (int b = 0; b < static_cast<int>(diag.size()); ++b) (b >= sparse ? core_diag_[b - sparse] : b == 0 ? sparse_[b].diag : sparse_[b].diag0) = std::move(diag[b]);

  std::size_t size = 0, pair = 0;
  for (const Sparse& s : sparse_) size += s.val.size();
  Vec couplings(size, 0.0);
  if (!core_pairs_.empty()) core_pairs_.zero();
  for (int f = 0; f < n_factors; ++f)
    for (int g = f + 1; g < n_factors; ++g) {
      const std::vector<std::int64_t>& at = (*places_)[pair++];
      const int Kf = widths_[f], Kg = widths_[g];
      for (std::int64_t i = 0; i < o.n; ++i) {
        const double *zf = o.sides[f].row(i), *zg = o.sides[g].row(i);
        double* out = at[i] >= 0 ? couplings.data() + at[i] / 2 : nullptr;
        const std::int64_t cf = parts.effect[f][o.sides[f].code[i]] - core_offset_, cg = parts.effect[g][o.sides[g].code[i]] - core_offset_;
        for (int a = 0; a < Kg; ++a)
          for (int b = 0; b < Kf; ++b) {
            const double x = w[i] * zg[a] * zf[b];
            if (!out) core_pairs_.column(static_cast<int>(cf) + b)[cg + a] += x;  // parts of the core are in the order of their factors
            else out[at[i] % 2 ? b * Kg + a : a * Kf + b] += x;
          }
      }
    }
  const double* from = couplings.data();
  for (int b = 0; b < sparse; ++b) {
    Vec& val = b == 0 ? sparse_[b].val : sparse_[b].val0;
    std::copy_n(from, val.size(), val.begin());
    from += val.size();
  }
}

void Elimination::row_variances_in_parts(const Observations& o, Vec& c) const {
  const Parts& parts = pattern_->parts;
  const int n_factors = static_cast<int>(widths_.size()), sparse = pattern_->sparse;
  Vec couplings;
  for (const Sparse& s : sparse_) couplings.insert(couplings.end(), s.P.begin(), s.P.end());
  const auto core = [&](std::int64_t a, std::int64_t b) { return R_.column(static_cast<int>(std::min(a, b)))[std::max(a, b)]; };
  c.assign(o.n, 0.0);
  std::size_t pair = 0;
  for (int f = 0; f < n_factors; ++f) {
    const Side& sf = o.sides[f];
    const int Kf = sf.K;
    Vec diag(parts.effect[f].size() * Kf * Kf);  // by level
    for (int b = 0; b < parts.size(); ++b)
      for (int v = 0; parts[b].factor == f && v < parts[b].levels(); ++v) {
        double* to = diag.data() + static_cast<std::int64_t>(parts[b].level[v]) * Kf * Kf;
        const std::int64_t at = shape_[b].offset + static_cast<std::int64_t>(v) * Kf - core_offset_;
        if (b < sparse) std::copy_n(sparse_[b].P_diag.data() + static_cast<std::int64_t>(v) * Kf * Kf, Kf * Kf, to);
        else
          for (int i = 0; i < Kf; ++i)
            for (int j = 0; j < Kf; ++j) to[i * Kf + j] = core(at + i, at + j);
      }
    for (std::int64_t i = 0; i < o.n; ++i) {
      const double *z = sf.row(i), *P = diag.data() + static_cast<std::int64_t>(sf.code[i]) * Kf * Kf;
      for (int a = 0; a < Kf; ++a)
        for (int b = 0; b < Kf; ++b) c[i] += z[a] * P[a * Kf + b] * z[b];
    }
    for (int g = f + 1; g < n_factors; ++g) {
      const std::vector<std::int64_t>& at = (*places_)[pair++];
      const Side& sg = o.sides[g];
      const int Kg = sg.K;
      for (std::int64_t i = 0; i < o.n; ++i) {
        const double *zf = sf.row(i), *zg = sg.row(i), *P = at[i] >= 0 ? couplings.data() + at[i] / 2 : nullptr;
        const std::int64_t cf = parts.effect[f][sf.code[i]] - core_offset_, cg = parts.effect[g][sg.code[i]] - core_offset_;
        double s = 0.0;
        for (int a = 0; a < Kg; ++a)
          for (int b = 0; b < Kf; ++b) s += zg[a] * zf[b] * (!P ? core(cf + b, cg + a) : at[i] % 2 ? P[b * Kg + a] : P[a * Kf + b]);
        c[i] += 2.0 * s;
      }
    }
  }
}

}  // namespace multilevel
