// The selected inverse level by level, last level first: the entries of P on the pattern, and the diagonal of Z'V^-1Z, in the
// notation of elimination.hpp.
#include "elimination.hpp"
#include "parallel.hpp"

namespace multilevel {

// Q_v = B'PB for all levels that meet only the core: half of P is read, strip by strip as in levels.cpp.
template <int K>
void Elimination::scatter_quadratic(int f, Vec& Q) {
  const int k = K ? K : shape_[f].K;
  const SparsePattern& s = pattern_->columns[f];
  const Sparse& sp = sparse_[f];
  Vec parts(s.pieces.size() * k * k, 0.0);  // added in their order: the same sum for any number of threads
  parallel_for(static_cast<int>(s.strip.size()) - 1, pair_work(f), [&](int strip, int) {
    Vec y(k);
    for (std::int64_t piece = s.strip[strip]; piece < s.strip[strip + 1]; ++piece) {
      const auto [v, count, first] = s.pieces[piece];
      const std::int64_t last = first + count, end = s.ptr[v + 1];
      double* q = parts.data() + static_cast<std::size_t>(piece) * k * k;
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
  for (std::size_t piece = 0; piece < s.pieces.size(); ++piece)
    for (int i = 0; i < k * k; ++i) Q[static_cast<std::size_t>(s.pieces[piece].level) * k * k + i] += parts[piece * k * k + i];
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

void Elimination::select_levels(int f, Mat& T, Posterior* post) {
  by_size(shape_[f].K, [&](auto K) { select<K()>(f, T, post); });
}

}  // namespace multilevel
