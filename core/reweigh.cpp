// Elimination with weights that change from one step to the next: the blocks are summed anew on the pattern found once.
#include "elimination.hpp"

namespace multilevel {

// Where the blocks of each row stand: for every pair of factors f < g, f level by level, in the column of the row's level.
void Elimination::find_places(const Observations& o) {
  const int n_factors = static_cast<int>(shape_.size());
  keep_first_ = n_factors > 1;
  if (n_factors - pattern_->sparse > 1) core_pairs_ = make_core();
  if (!pattern_->parts.whole) return find_places_in_parts(o);
  auto places = std::make_shared<std::vector<std::vector<std::int64_t>>>();
  for (int f = 0; f < pattern_->sparse; ++f) {
    const SparsePattern& s = pattern_->columns[f];
    for (int g = f + 1; g < n_factors; ++g) {
      std::vector<std::int64_t> at(o.n);
      for (std::int64_t i = 0; i < o.n; ++i) {
        const int v = o.sides[f].code[i];
        const auto effect = static_cast<std::int32_t>(o.sides[g].effect(i));
        at[i] = (std::lower_bound(s.row.begin() + s.ptr[v], s.row.begin() + s.ptr[v + 1], effect) - s.row.begin()) * shape_[f].K;
      }
      places->push_back(std::move(at));
    }
  }
  places_ = std::move(places);
}

namespace {

// diag[level] += w z z'
template <int K>
void add_squares(const Observations& o, const Side& s, const Vec& w, double* diag) {
  const int k = K ? K : s.K;
  for (std::int64_t i = 0; i < o.n; ++i) {
    const double* z = s.row(i);
    double* g = diag + static_cast<std::int64_t>(s.code[i]) * k * k;
    for (int a = 0; a < k; ++a) {
      const double v = w[i] * z[a];
      for (int b = 0; b < k; ++b) g[a * k + b] += v * z[b];
    }
  }
}

// The same for rows that stand level by level.
template <int K>
void add_sorted_squares(const Observations& o, const Side& s, const Vec& w, double* diag) {
  std::int64_t i = 0;
  while (i < o.n) {
    const std::int32_t level = s.code[i];
    double sum[K * K] = {};
    for (; i < o.n && s.code[i] == level; ++i) {
      const double* z = s.row(i);
      for (int a = 0; a < K; ++a)
        for (int b = 0; b <= a; ++b) sum[a * K + b] += w[i] * z[a] * z[b];
    }
    double* g = diag + static_cast<std::int64_t>(level) * K * K;
    for (int a = 0; a < K; ++a)
      for (int b = 0; b <= a; ++b) g[a * K + b] = g[b * K + a] = sum[a * K + b];
  }
}

// at[row of g, column of f] += w z_g z_f'
void add_products(const Observations& o, const Side& f, const Side& g, const Vec& w, const std::vector<std::int64_t>& at, double* val) {
  if (f.K == 1 && g.K == 1) {
    if (f.constant && g.constant) {
      const double z = f.z[0] * g.z[0];
      for (std::int64_t i = 0; i < o.n; ++i) val[at[i]] += w[i] * z;
      return;
    }
    for (std::int64_t i = 0; i < o.n; ++i) val[at[i]] += w[i] * f.row(i)[0] * g.row(i)[0];
    return;
  }
  for (std::int64_t i = 0; i < o.n; ++i) {
    const double *zf = f.row(i), *zg = g.row(i);
    double* out = val + at[i];
    for (int a = 0; a < g.K; ++a)
      for (int b = 0; b < f.K; ++b) out[a * f.K + b] += w[i] * zg[a] * zf[b];
  }
}

}  // namespace

void Elimination::reweigh(const Observations& o, const Vec& w) {
  if (!pattern_->parts.whole) return reweigh_parts(o, w);
  const int n_factors = static_cast<int>(shape_.size()), sparse = pattern_->sparse;
  std::size_t pair = 0;
  for (int f = 0; f < n_factors; ++f) {
    Vec& diag = f >= sparse ? core_diag_[f - sparse] : f == 0 ? sparse_[f].diag : sparse_[f].diag0;
    std::fill(diag.begin(), diag.end(), 0.0);
    switch (f == 0 ? -shape_[f].K : shape_[f].K) {
      case -1: add_sorted_squares<1>(o, o.sides[f], w, diag.data()); break;
      case -2: add_sorted_squares<2>(o, o.sides[f], w, diag.data()); break;
      case -3: add_sorted_squares<3>(o, o.sides[f], w, diag.data()); break;
      case 1: add_squares<1>(o, o.sides[f], w, diag.data()); break;
      case 2: add_squares<2>(o, o.sides[f], w, diag.data()); break;
      case 3: add_squares<3>(o, o.sides[f], w, diag.data()); break;
      default: add_squares<0>(o, o.sides[f], w, diag.data()); break;
    }
    if (f >= sparse) continue;
    Vec& val = f == 0 ? sparse_[f].val : sparse_[f].val0;
    std::fill(val.begin(), val.end(), 0.0);
    for (int g = f + 1; g < n_factors; ++g) add_products(o, o.sides[f], o.sides[g], w, (*places_)[pair++], val.data());
  }
  if (n_factors - sparse < 2) return;
  core_pairs_.zero();
  for (int f = sparse; f < n_factors; ++f)
    for (int g = f + 1; g < n_factors; ++g)
      for (std::int64_t i = 0; i < o.n; ++i) {
        const double *zf = o.sides[f].row(i), *zg = o.sides[g].row(i);
        const int cf = in_core(f, o.sides[f].code[i]), cg = in_core(g, o.sides[g].code[i]);
        for (int b = 0; b < shape_[f].K; ++b)
          for (int a = 0; a < shape_[g].K; ++a) core_pairs_.column(cf + b)[cg + a] += w[i] * zg[a] * zf[b];
      }
}

void Elimination::set_border(int columns, Vec&& border, Mat cross) {
  p_ = columns - 1;
  border0_ = pattern_->parts.whole || border.empty() ? std::move(border) : pattern_->parts.in_order(border, columns);
  XY0_ = std::move(cross);
}

void Elimination::solve(Vec& x) const {
  if (pattern_->parts.whole) return solve_in_order(x);
  Vec ordered = pattern_->parts.in_order(x, 1);
  solve_in_order(ordered);
  x = pattern_->parts.as_given(ordered, 1);
}

Vec Elimination::z() const { return pattern_->parts.whole ? z_ : pattern_->parts.as_given(z_, 1); }

// x <- P x: forward through the levels, the core, and back. See elimination.hpp for the notation.
void Elimination::solve_in_order(Vec& x) const {
  Vec y;
  for (int f = 0; f < pattern_->sparse; ++f) {
    const SparsePattern& s = pattern_->columns[f];
    const Sparse& sp = sparse_[f];
    const int k = shape_[f].K;
    if (s.row.empty()) continue;
    y.resize(k);
    for (int v = 0; v < shape_[f].levels; ++v) {
      const double* xv = x.data() + shape_[f].offset + static_cast<std::int64_t>(v) * k;
      const double* M = sp.M.data() + static_cast<std::size_t>(v) * k * k;
      for (int i = 0; i < k; ++i) {
        y[i] = 0.0;
        for (int a = 0; a < k; ++a) y[i] += M[i * k + a] * xv[a];
      }
      for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r)
        for (int i = 0; i < k; ++i) x[s.row[r]] -= sp.val[r * k + i] * y[i];
    }
  }
  if (core_ && core_inverted_) {
    Vec b(core_);
    R_.times(0, 1, x.data() + core_offset_, core_, b.data(), core_);
    std::copy(b.begin(), b.end(), x.begin() + core_offset_);
  } else if (core_) {
    for (const Panel& b : panels_) {
      const int nb = b.width, D = core_ - b.start - nb;
      double* xb = x.data() + core_offset_ + b.start;
      y.resize(nb);
      gemm(false, false, nb, 1, nb, 1.0, M_core_.data() + b.inverse, nb, xb, nb, 0.0, y.data(), nb);
      if (D) gemm(false, false, D, 1, nb, -1.0, R_.column(b.start) + b.start + nb, R_.stride(b.start), y.data(), nb, 1.0, xb + nb, D);
    }
    for (auto b = panels_.rbegin(); b != panels_.rend(); ++b) {
      const int nb = b->width, D = core_ - b->start - nb;
      double* xb = x.data() + core_offset_ + b->start;
      if (D) gemm(true, false, nb, 1, D, -1.0, R_.column(b->start) + b->start + nb, R_.stride(b->start), xb + nb, D, 1.0, xb, nb);
      y.assign(xb, xb + nb);
      gemm(false, false, nb, 1, nb, 1.0, M_core_.data() + b->inverse, nb, y.data(), nb, 0.0, xb, nb);
    }
  }
  for (int f = pattern_->sparse - 1; f >= 0; --f) {
    const SparsePattern& s = pattern_->columns[f];
    const Sparse& sp = sparse_[f];
    const int k = shape_[f].K;
    y.resize(k);
    for (int v = shape_[f].levels - 1; v >= 0; --v) {
      double* xv = x.data() + shape_[f].offset + static_cast<std::int64_t>(v) * k;
      for (int i = 0; i < k; ++i) y[i] = xv[i];
      for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r)
        for (int i = 0; i < k; ++i) y[i] -= sp.val[r * k + i] * x[s.row[r]];
      const double* M = sp.M.data() + static_cast<std::size_t>(v) * k * k;
      for (int i = 0; i < k; ++i) {
        xv[i] = 0.0;
        for (int a = 0; a < k; ++a) xv[i] += M[i * k + a] * y[a];
      }
    }
  }
}

// c_i = z_i'P z_i over all factors of the row. After differentiate().
void Elimination::row_variances(const Observations& o, Vec& c) const {
  if (!pattern_->parts.whole) return row_variances_in_parts(o, c);
  const int n_factors = static_cast<int>(shape_.size()), sparse = pattern_->sparse;
  c.assign(o.n, 0.0);
  std::size_t pair = 0;
  for (int f = 0; f < n_factors; ++f) {
    const Side& sf = o.sides[f];
    const int k = sf.K;
    for (std::int64_t i = 0; i < o.n; ++i) {
      const double* z = sf.row(i);
      double s = 0.0;
      if (f < sparse) {
        const double* P = sparse_[f].P_diag.data() + static_cast<std::int64_t>(sf.code[i]) * k * k;
        for (int a = 0; a < k; ++a)
          for (int b = 0; b < k; ++b) s += z[a] * P[a * k + b] * z[b];
      } else {
        const int at = in_core(f, sf.code[i]);
        for (int a = 0; a < k; ++a)
          for (int b = 0; b < k; ++b) s += z[a] * z[b] * R_.column(at + std::min(a, b))[at + std::max(a, b)];
      }
      c[i] += s;
    }
    for (int g = f + 1; g < n_factors; ++g) {
      const Side& sg = o.sides[g];
      const std::int64_t* at = f < sparse ? (*places_)[pair++].data() : nullptr;
      for (std::int64_t i = 0; i < o.n; ++i) {
        const double *zf = sf.row(i), *zg = sg.row(i);
        double s = 0.0;
        if (at) {
          const double* P = sparse_[f].P.data() + at[i];
          for (int a = 0; a < sg.K; ++a)
            for (int b = 0; b < k; ++b) s += zg[a] * P[a * k + b] * zf[b];
        } else {
          const int cf = in_core(f, sf.code[i]), cg = in_core(g, sg.code[i]);
          for (int b = 0; b < k; ++b)
            for (int a = 0; a < sg.K; ++a) s += zg[a] * R_.column(cf + b)[cg + a] * zf[b];
        }
        c[i] += 2.0 * s;
      }
    }
  }
}

std::unique_ptr<Elimination> make_reweighed(const Rows& rows, const Observations& o) {
  Rows merged;  // the pattern asks for no more than the codes
  merged.n = o.n;
  merged.factors = rows.factors;
  merged.q = rows.q;
  for (std::size_t f = 0; f < rows.factors.size(); ++f) merged.factors[f].codes = o.sides[f].code.data();
  Blocks blocks;
  for (const Factor& f : rows.factors) blocks.diag.emplace_back(static_cast<std::size_t>(f.size()) * f.K, 0.0);
  auto engine = std::make_unique<Elimination>(merged, std::move(blocks), true);
  engine->find_places(o);
  return engine;
}

}  // namespace multilevel
