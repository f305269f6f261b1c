// Elimination level by level: the stages of elimination.hpp for parts whose levels are eliminated one at a time.
#include "elimination.hpp"

namespace multilevel {

namespace {

template <class F>
void by_size(int k, F&& f) {
  switch (k) {
    case 1: return f(std::integral_constant<int, 1>{});
    case 2: return f(std::integral_constant<int, 2>{});
    case 3: return f(std::integral_constant<int, 3>{});
    case 4: return f(std::integral_constant<int, 4>{});
    default: return f(std::integral_constant<int, 0>{});
  }
}

}  // namespace

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

// Q_v = B'PB for all levels that meet only the core: half of P is read, strip by strip as above.
template <int K>
void Elimination::scatter_quadratic(int f, Vec& Q) {
  const int k = K ? K : shape_[f].K;
  const SparsePattern& s = pattern_->columns[f];
  const Sparse& sp = sparse_[f];
  std::vector<Vec> partial(thread_count());
  parallel_for(static_cast<int>(s.strip.size()) - 1, pair_work(f), [&](int strip, int thread) {
    Vec& mine = partial[thread];
    mine.resize(Q.size());
    Vec y(k);
    for (std::int64_t piece = s.strip[strip]; piece < s.strip[strip + 1]; ++piece) {
      const auto [v, count, first] = s.pieces[piece];
      const std::int64_t last = first + count, end = s.ptr[v + 1];
      double* q = mine.data() + static_cast<std::size_t>(v) * k * k;
      for (std::int64_t b = first; b < last; ++b) {
        const double* col = R_.column(static_cast<int>(s.row[b] - core_offset_)) - core_offset_;
        if constexpr (K == 1) {
          double off = 0.0;
          for (std::int64_t r = b + 1; r < end; ++r) off += col[s.row[r]] * sp.val[r];
          q[0] += sp.val[b] * (2.0 * off + col[s.row[b]] * sp.val[b]);
        } else {
          for (int i = 0; i < k; ++i) y[i] = 0.5 * col[s.row[b]] * sp.val[b * k + i];
          for (std::int64_t r = b + 1; r < end; ++r)
            for (int i = 0; i < k; ++i) y[i] += col[s.row[r]] * sp.val[r * k + i];
          for (int i = 0; i < k; ++i)
            for (int j = 0; j < k; ++j) q[i * k + j] += sp.val[b * k + i] * y[j] + y[i] * sp.val[b * k + j];
        }
      }
    }
  });
  for (const Vec& mine : partial)
    for (std::size_t i = 0; i < mine.size(); ++i) Q[i] += mine[i];
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

template <int K>
void Elimination::select(int f, Mat& T, Posterior* post) {
  const int k = K ? K : shape_[f].K;
  const SparsePattern& s = pattern_->columns[f];
  Sparse& sp = sparse_[f];
  const bool keep = f > 0 || places_;
  if (keep) {
    sp.P.resize(sp.val.size());
    sp.P_diag.resize(sp.diag.size());
  }
  Vec Qall;  // an early factor that meets only the core needs no more of P than this
  if (f == 0 && core_ && s.inner_total == 0 && !keep_first_) {
    Qall.resize(static_cast<std::size_t>(shape_[f].levels) * k * k);
    if (dense_first_) dense_quadratic(f, Qall);
    else scatter_quadratic<K>(f, Qall);
  }
  // Q = B'Y, and P_Sv = -Y M where it is wanted
  const auto finish = [&](int v, int D, const double* val, const double* M, const Vec& Y, Vec& Q) {
    for (int r = 0; r < D; ++r)
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < k; ++j) Q[i * k + j] += val[r * k + i] * Y[static_cast<std::size_t>(r) * k + j];
    if (!keep) return;
    for (int r = 0; r < D; ++r)
      for (int i = 0; i < k; ++i) {
        double x = 0.0;
        for (int a = 0; a < k; ++a) x += Y[static_cast<std::size_t>(r) * k + a] * M[a * k + i];
        sp.P[(s.ptr[v] + r) * k + i] = -x;
      }
  };
  Vec Q(k * k), N(k * k), NG(k * k), MQ(k * k), P, Y;
  for (int v = shape_[f].levels - 1; v >= 0; --v) {
    const int D = static_cast<int>(s.ptr[v + 1] - s.ptr[v]);
    const std::int32_t* row = s.row.data() + s.ptr[v];
    const double* val = sp.val.data() + s.ptr[v] * k;
    const double* G = sp.diag.data() + static_cast<std::size_t>(v) * k * k;
    const double* M = sp.M.data() + static_cast<std::size_t>(v) * k * k;
    std::fill(Q.begin(), Q.end(), 0.0);
    if (D && !Qall.empty()) {
      std::copy_n(Qall.data() + static_cast<std::size_t>(v) * k * k, k * k, Q.begin());
    } else if (D && s.inner[v] == 0) {
      // Y = P B, each entry of the lower triangle read once where it stands
      Y.assign(static_cast<std::size_t>(D) * k, 0.0);
      for (int b = 0; b < D; ++b) {
        const double* col = R_.column(static_cast<int>(row[b] - core_offset_)) - core_offset_;
        double* yb = Y.data() + static_cast<std::size_t>(b) * k;
        const double* vb = val + static_cast<std::size_t>(b) * k;
        if constexpr (K == 1) {
          const double x = vb[0];
          double sum = col[row[b]] * x;
          for (int r = b + 1; r < D; ++r) {
            const double p = col[row[r]];
            sum += p * val[r];
            Y[r] += p * x;
          }
          yb[0] += sum;
        } else {
          for (int i = 0; i < k; ++i) yb[i] += col[row[b]] * vb[i];
          for (int r = b + 1; r < D; ++r) {
            const double p = col[row[r]];
            for (int i = 0; i < k; ++i) {
              yb[i] += p * val[r * k + i];
              Y[static_cast<std::size_t>(r) * k + i] += p * vb[i];
            }
          }
        }
      }
      finish(v, D, val, M, Y, Q);
    } else if (D) {
      // gather P on the pattern, then Y = P B
      P.assign(static_cast<std::size_t>(D) * D, 0.0);
      const std::int32_t* rel = s.rel.data() + s.rel_ptr[v];
      for (int a = 0; a < s.inner[v];) {
        const int g = pattern_->parts.of(row[a]);
        const int kg = shape_[g].K;
        const std::int64_t level = (row[a] - shape_[g].offset) / kg;
        const Sparse& t = sparse_[g];
        for (int i = 0; i < kg; ++i)
          for (int j = 0; j < kg; ++j) P[static_cast<std::size_t>(a + i) * D + a + j] = t.P_diag[(level * kg + i) * kg + j];
        const double* tv = t.P.data() + pattern_->columns[g].ptr[level] * kg;
        for (int r = a + kg; r < D; ++r, ++rel)
          for (int j = 0; j < kg; ++j) P[static_cast<std::size_t>(a + j) * D + r] = P[static_cast<std::size_t>(r) * D + a + j] = tv[*rel * kg + j];
        a += kg;
      }
      for (int b = s.inner[v]; b < D; ++b) {
        const double* col = R_.column(static_cast<int>(row[b] - core_offset_)) - core_offset_;
        for (int r = b; r < D; ++r) P[static_cast<std::size_t>(r) * D + b] = P[static_cast<std::size_t>(b) * D + r] = col[row[r]];
      }
      Y.assign(static_cast<std::size_t>(D) * k, 0.0);
      for (int r = 0; r < D; ++r)
        for (int a = 0; a < D; ++a)
          for (int i = 0; i < k; ++i) Y[static_cast<std::size_t>(r) * k + i] += P[static_cast<std::size_t>(r) * D + a] * val[a * k + i];
      finish(v, D, val, M, Y, Q);
    }
    if (keep || post) {
      double* Pd = post ? post->P.data() + static_cast<std::size_t>(v) * k * k : sp.P_diag.data() + static_cast<std::size_t>(v) * k * k;
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < k; ++j) {
          double x = 0.0;
          for (int a = 0; a < k; ++a) x += M[i * k + a] * Q[a * k + j];
          MQ[i * k + j] = x;
        }
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < k; ++j) {
          double x = M[i * k + j];
          for (int a = 0; a < k; ++a) x += MQ[i * k + a] * M[a * k + j];
          Pd[i * k + j] = x;
        }
      if (keep && post) std::copy_n(Pd, k * k, sp.P_diag.data() + static_cast<std::size_t>(v) * k * k);
    }
    Small<K>::shrink(k, G, M, N.data());
    for (int i = 0; i < k; ++i)  // G - Q N'
      for (int j = 0; j < k; ++j) {
        double x = G[i * k + j];
        for (int a = 0; a < k; ++a) x -= Q[i * k + a] * N[j * k + a];
        NG[i * k + j] = x;
      }
    for (int i = 0; i < k; ++i)
      for (int j = 0; j < k; ++j) {
        double x = 0.0;
        for (int a = 0; a < k; ++a) x += N[i * k + a] * NG[a * k + j];
        T(i, j) += x;
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

void Elimination::select_levels(int f, Mat& T, Posterior* post) {
  by_size(shape_[f].K, [&](auto K) { select<K()>(f, T, post); });
}

}  // namespace multilevel
