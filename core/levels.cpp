// Elimination level by level: the stages of elimination.hpp for parts whose levels are eliminated one at a time, but for the
// selected inverse (selected.cpp).
#include "elimination.hpp"
#include "parallel.hpp"

namespace multilevel {

template <int K>
void Elimination::eliminate_factor(int f, Mat& cross, LogProduct& det) {
  const int k = K ? K : shape_[f].K, width = p_ + 1;
  const SparsePattern& s = pattern_->columns[f];
  Sparse& sp = sparse_[f];
  sp.M.resize(static_cast<std::size_t>(shape_[f].levels) * k * k);
  Vec Xbuf(k * k), wB(static_cast<std::size_t>(k) * width), W;
  const bool scatter = !(f == 0 && dense_first_);
  for (int v = 0; v < shape_[f].levels; ++v) {
    definite_ &= Small<K>::pivot(k, sp.diag.data() + static_cast<std::size_t>(v) * k * k, lam(f), Xbuf.data(), sp.M.data() + static_cast<std::size_t>(v) * k * k, det);
    const double* X = Xbuf.data();
    const double* B = border_of(f, v);
    for (int i = 0; i < k; ++i)
      for (int c = 0; c < width; ++c) {
        double t = 0.0;
        for (int a = 0; a < k; ++a) t += X[a * k + i] * B[a * width + c];
        wB[static_cast<std::size_t>(i) * width + c] = t;
      }
    for (int j = 0; j < width; ++j)
      for (int i = j; i < width; ++i) {
        double t = 0.0;
        for (int a = 0; a < k; ++a) t += wB[a * width + i] * wB[a * width + j];
        cross(i, j) -= t;
      }
    const int D = static_cast<int>(s.ptr[v + 1] - s.ptr[v]);
    if (D == 0) continue;
    const std::int32_t* row = s.row.data() + s.ptr[v];
    const double* val = sp.val.data() + s.ptr[v] * k;
    if (static_cast<int>(W.size()) < D * k) W.resize(static_cast<std::size_t>(D) * k);
    for (int r = 0; r < D; ++r)
      for (int i = 0; i < k; ++i) {
        double t = 0.0;
        for (int a = 0; a < k; ++a) t += val[r * k + a] * X[a * k + i];
        W[static_cast<std::size_t>(r) * k + i] = t;
      }
    for (int r = 0; r < D; ++r) {
      double* b = border_.data() + (row[r] - later_) * width;
      for (int a = 0; a < k; ++a)
        for (int c = 0; c < width; ++c) b[c] -= W[static_cast<std::size_t>(r) * k + a] * wB[static_cast<std::size_t>(a) * width + c];
    }
    if (!scatter) continue;
    const std::int32_t* rel = s.rel.data() + s.rel_ptr[v];
    for (int a = 0; a < s.inner[v];) {
      const int g = pattern_->parts.of(row[a]);
      const int kg = shape_[g].K;
      const std::int64_t level = (row[a] - shape_[g].offset) / kg;
      Sparse& t = sparse_[g];
      double* diag = t.diag.data() + level * kg * kg;
      for (int i = 0; i < kg; ++i)
        for (int j = 0; j < kg; ++j) {
          double d = 0.0;
          for (int c = 0; c < k; ++c) d += W[static_cast<std::size_t>(a + i) * k + c] * W[static_cast<std::size_t>(a + j) * k + c];
          diag[i * kg + j] -= d;
        }
      double* tv = t.val.data() + pattern_->columns[g].ptr[level] * kg;
      for (int r = a + kg; r < D; ++r, ++rel)
        for (int j = 0; j < kg; ++j) {
          double d = 0.0;
          for (int c = 0; c < k; ++c) d += W[static_cast<std::size_t>(r) * k + c] * W[static_cast<std::size_t>(a + j) * k + c];
          tv[*rel * kg + j] -= d;
        }
      a += kg;
    }
  }
  if (core_ && scatter) scatter_update<K>(f);
  if (!scatter) dense_update(f);
}

// R_SS -= B M B' for all levels of a part, one strip of columns of the core at a time: a strip stays in cache and belongs
// to one thread.
template <int K>
void Elimination::scatter_update(int f) {
  const int k = K ? K : shape_[f].K;
  const SparsePattern& s = pattern_->columns[f];
  const Sparse& sp = sparse_[f];
  parallel_for(static_cast<int>(s.strip.size()) - 1, pair_work(f), [&](int strip, int) {
    Vec y(k);
    for (std::int64_t piece = s.strip[strip]; piece < s.strip[strip + 1]; ++piece) {
      const auto [v, count, first] = s.pieces[piece];
      const std::int64_t last = first + count, end = s.ptr[v + 1];
      const double* M = sp.M.data() + static_cast<std::size_t>(v) * k * k;
      for (std::int64_t b = first; b < last; ++b) {
        double* col = R_.column(static_cast<int>(s.row[b] - core_offset_)) - core_offset_;
        for (int i = 0; i < k; ++i) {
          y[i] = 0.0;
          for (int a = 0; a < k; ++a) y[i] += M[i * k + a] * sp.val[b * k + a];
        }
        const double y0 = y[0];
        for (std::int64_t r = b; r < end; ++r) {
          if constexpr (K == 1) {
            col[s.row[r]] -= sp.val[r] * y0;
          } else {
            double d = 0.0;
            for (int i = 0; i < k; ++i) d += sp.val[r * k + i] * y[i];
            col[s.row[r]] -= d;
          }
        }
      }
    }
  });
}

template <int K>
void Elimination::back_substitute(int f, const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs,
                                  const std::vector<int>& mine, Slopes* out) {
  const int k = K ? K : shape_[f].K, width = p_ + 1;
  const SparsePattern& s = pattern_->columns[f];
  const Sparse& sp = sparse_[f];
  Vec e(static_cast<std::size_t>(k) * width), H(static_cast<std::size_t>(k) * width), own(H), N(k * k), scratch;
  for (int v = shape_[f].levels - 1; v >= 0; --v) {
    const std::int64_t at = shape_[f].offset + static_cast<std::int64_t>(v) * k;
    const double* B = border_of(f, v);
    std::copy(B, B + static_cast<std::size_t>(k) * width, e.begin());
    for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r) {
      const double* Fr = Fb_.data() + (s.row[r] - later_) * width;
      for (int i = 0; i < k; ++i) {
        const double a = sp.val[r * k + i];
        for (int j = 0; j < width; ++j) e[static_cast<std::size_t>(i) * width + j] -= a * Fr[j];
      }
    }
    const double* M = sp.M.data() + static_cast<std::size_t>(v) * k * k;
    {
      double* Fv = f > 0 ? Fb_.data() + (at - later_) * width : own.data();
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < width; ++j) {
          double t = 0.0;
          for (int a = 0; a < k; ++a) t += M[i * k + a] * e[static_cast<std::size_t>(a) * width + j];
          Fv[i * width + j] = t;
        }
      visit_effects(at, k, Fv, c);
    }
    if (!out) continue;
    Small<K>::shrink(k, sp.diag.data() + static_cast<std::size_t>(v) * k * k, M, N.data());
    for (int i = 0; i < k; ++i)
      for (int j = 0; j < width; ++j) {
        double t = 0.0;
        for (int a = 0; a < k; ++a) t += N[i * k + a] * e[static_cast<std::size_t>(a) * width + j];
        H[static_cast<std::size_t>(i) * width + j] = t;
      }
    double* z = z_.data() + at;
    for (int i = 0; i < k; ++i) {
      z[i] = 0.0;
      for (int j = 0; j < width; ++j) z[i] += H[static_cast<std::size_t>(i) * width + j] * c[j];
    }
    collect(k, p_, H.data(), z, Q, dirs, mine, shape_[f].factor, *out, scratch);
  }
}

template <int K>
void Elimination::information(int f, const std::vector<Direction>& dirs, const std::vector<int>& mine, Vec& C, Mat& Gout) {
  const int k = K ? K : shape_[f].K, m = static_cast<int>(dirs.size());
  const SparsePattern& s = pattern_->columns[f];
  const Sparse& sp = sparse_[f];
  // an early level has received nothing: only its own factor's directions are alive
  std::vector<int> alive = mine;
  if (f > 0) {
    alive.resize(m);
    for (int j = 0; j < m; ++j) alive[j] = j;
  }
  const int na = static_cast<int>(alive.size());
  Vec t(static_cast<std::size_t>(na) * k), h(static_cast<std::size_t>(na) * k), Mh(static_cast<std::size_t>(na) * k);
  std::vector<char> own(na, 0);
  for (int j = 0; j < na; ++j) own[j] = dirs[alive[j]].factor == shape_[f].factor;
  const Vec zero(k, 0.0);
  for (int v = 0; v < shape_[f].levels; ++v) {
    const std::int64_t at = shape_[f].offset + static_cast<std::int64_t>(v) * k;
    const double* G = sp.diag.data() + static_cast<std::size_t>(v) * k * k;
    const double* M = sp.M.data() + static_cast<std::size_t>(v) * k * k;
    const double* z = z_.data() + at;
    for (int j = 0; j < na; ++j) {
      double* tj = t.data() + static_cast<std::size_t>(j) * k;
      double* hj = h.data() + static_cast<std::size_t>(j) * k;
      double* Mj = Mh.data() + static_cast<std::size_t>(j) * k;
      std::fill_n(tj, k, 0.0);
      if (own[j]) {
        const Mat& d = dirs[alive[j]].psi_dot;
        for (int i = 0; i < k; ++i)
          for (int a = 0; a < k; ++a) tj[i] += d(i, a) * z[a];
      }
      for (int i = 0; i < k; ++i) {
        double x = f > 0 ? C[(at + i) * m + alive[j]] : 0.0;
        for (int a = 0; a < k; ++a) x += G[i * k + a] * tj[a];
        hj[i] = x;
      }
      for (int i = 0; i < k; ++i) {
        double x = 0.0;
        for (int a = 0; a < k; ++a) x += M[i * k + a] * hj[a];
        Mj[i] = x;
      }
    }
    // 2 t'c + t'Gt - h'Mh, symmetrised: t_i'(h_j) + c_i't_j - h_i'Mh_j with c = h - Gt
    for (int j = 0; j < na; ++j)
      for (int l = 0; l <= j; ++l) {
        double x = 0.0;
        for (int i = 0; i < k; ++i) {
          const double cl = f > 0 ? C[(at + i) * m + alive[l]] : 0.0;
          x += t[static_cast<std::size_t>(l) * k + i] * h[static_cast<std::size_t>(j) * k + i] + cl * t[static_cast<std::size_t>(j) * k + i] -
               h[static_cast<std::size_t>(l) * k + i] * Mh[static_cast<std::size_t>(j) * k + i];
        }
        Gout(alive[j], alive[l]) += x;
        if (j != l) Gout(alive[l], alive[j]) += x;
      }
    if (s.ptr[v] == s.ptr[v + 1]) continue;
    for (std::size_t i = 0; i < t.size(); ++i) t[i] -= Mh[i];
    for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r) {
      double* c = C.data() + static_cast<std::int64_t>(s.row[r]) * m;
      for (int j = 0; j < na; ++j)
        for (int i = 0; i < k; ++i) c[alive[j]] += sp.val[r * k + i] * t[static_cast<std::size_t>(j) * k + i];
    }
  }
}

void Elimination::eliminate_levels(int f, Mat& cross, LogProduct& det) {
  by_size(shape_[f].K, [&](auto K) { eliminate_factor<K()>(f, cross, det); });
}

void Elimination::back_substitute_levels(int f, const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs,
                                         const std::vector<int>& mine, Slopes* out) {
  by_size(shape_[f].K, [&](auto K) { back_substitute<K()>(f, c, Q, dirs, mine, out); });
}

void Elimination::information_levels(int f, const std::vector<Direction>& dirs, const std::vector<int>& mine, Vec& C, Mat& G) {
  by_size(shape_[f].K, [&](auto K) { information<K()>(f, dirs, mine, C, G); });
}

}  // namespace multilevel
