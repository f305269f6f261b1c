// Block elimination and the selected inverse, level by level, then in panels of the dense core.
//
// For a level (or panel) v with what follows it S, and blocks already reduced by everything before it
// (G = Z_v'V^-1Z_v, B = its coupling to S, both given the earlier effects only):
//
//   Omega = I + Lambda' G Lambda = L L'      M = Lambda Omega^-1 Lambda'       N = I - G M = (I + G Psi)^-1
//   elimination          G_SS -= B M B'      border_S -= B M border_v          [Xy]'V^-1[Xy] -= border_v' M border_v
//   back substitution    e = border_v - B' Fb_S        Fb_v = M e              H_v = N e
//   average information  h = c_v + G t_v     G_tt += 2 t'c + t'G t - h'M h     c_S += B (t - M h)
//   selected inverse     Y = P_SS B          Q = B'Y                           P_Sv = -Y M
//                        P_vv = M + M Q M                                      T_vv = N G - N Q N'
//
// P is the conditional covariance of the random effects on the pattern, T the diagonal of Z'V^-1Z. Nothing divides by
// Lambda, so a singular Lambda needs no special case. The last line follows from T = G - [G B'] P [G; B].
#include <algorithm>
#include <cstring>

#include "engine.hpp"
#include "parallel.hpp"
#include "pattern.hpp"

namespace multilevel {

namespace {

// log of a long product without a log per factor
struct LogProduct {
  double value = 1.0, sum = 0.0;
  void times(double x) {
    value *= x;
    if (value > 1e200 || value < 1e-200) flush();
  }
  void flush() { sum += std::log(value), value = 1.0; }
  double log() { flush(); return sum; }
};

// Row-major k x k helpers for one level. X = Lambda L^-T, so that M = X X'.
template <int K>
struct Small {
  static bool pivot(int k, const double* G, const double* lam, double* X, double* M, LogProduct& det) {
    if constexpr (K == 1) {
      const double d = 1.0 + lam[0] * lam[0] * G[0];
      det.times(d);
      X[0] = lam[0] / std::sqrt(d);
      M[0] = X[0] * X[0];
      return d > 0.0;
    } else {
      const int n = K ? K : k;
      double* GL = X;  // reused below
      for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j) {
          double s = 0.0;
          for (int a = 0; a < n; ++a) s += G[i * n + a] * lam[a * n + j];
          GL[i * n + j] = s;
        }
      double* L = M;
      for (int i = 0; i < n; ++i)
        for (int j = 0; j <= i; ++j) {
          double s = i == j ? 1.0 : 0.0;
          for (int a = 0; a < n; ++a) s += lam[a * n + i] * GL[a * n + j];
          L[i * n + j] = s;
        }
      for (int j = 0; j < n; ++j) {
        double d = L[j * n + j];
        for (int a = 0; a < j; ++a) d -= L[j * n + a] * L[j * n + a];
        if (!(d > 0.0)) return false;
        det.times(d);
        const double r = std::sqrt(d);
        L[j * n + j] = r;
        for (int i = j + 1; i < n; ++i) {
          double s = L[i * n + j];
          for (int a = 0; a < j; ++a) s -= L[i * n + a] * L[j * n + a];
          L[i * n + j] = s / r;
        }
      }
      for (int i = 0; i < n; ++i)  // X L' = Lambda
        for (int j = 0; j < n; ++j) {
          double s = lam[i * n + j];
          for (int a = 0; a < j; ++a) s -= X[i * n + a] * L[j * n + a];
          X[i * n + j] = s / L[j * n + j];
        }
      for (int i = 0; i < n; ++i)
        for (int j = 0; j <= i; ++j) {
          // L is no longer needed once X is complete
          double s = 0.0;
          for (int a = 0; a < n; ++a) s += X[i * n + a] * X[j * n + a];
          M[i * n + j] = s;
        }
      for (int i = 0; i < n; ++i)
        for (int j = i + 1; j < n; ++j) M[i * n + j] = M[j * n + i];
      return true;
    }
  }
  // N = I - G M
  static void shrink(int k, const double* G, const double* M, double* N) {
    const int n = K ? K : k;
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) {
        double s = i == j ? 1.0 : 0.0;
        for (int a = 0; a < n; ++a) s -= G[i * n + a] * M[a * n + j];
        N[i * n + j] = s;
      }
  }
};

constexpr int kPanel = 96;
constexpr int kBatch = 256;  // columns of the first factor in one dense product
constexpr int kStrip = 64;   // columns of the core that one thread works on

constexpr double kScatterCost = 25.0;  // of one scattered product, in dense ones

struct Panel {
  int factor;          // in elimination order
  int start, width;    // in the core
};

class Elimination final : public Engine {
 public:
  Elimination(const Rows& rows, Blocks blocks);
  double eliminate(const std::vector<Mat>& Lambda, Mat& cross) override;
  void differentiate(const Vec& c, const Inverse& Q, const std::vector<Direction>& directions, Slopes& out) override;
  Vec modes(const Vec& c) override;
  std::vector<Posterior> posterior() override;
  Moments moments(const Mat& XX_inverse) const override;
  Vec response_moments() const override;
  void set_response(const Response& r) override;
  std::unique_ptr<Engine> clone() const override { return std::make_unique<Elimination>(*this); }
  const char* name() const override { return core_ ? "dense core" : "block-diagonal"; }

 private:
  struct Shape {
    int K, levels;
    std::int64_t offset;
  };
  struct Sparse {
    Vec val, val0;    // coupling to later effects: rows of the pattern x K
    Vec diag, diag0;  // the 0-versions are kept where elimination changes them
    Vec M;
    Vec P, P_diag;    // selected inverse, where later columns need it
  };

  int p_;
  std::int64_t q_;
  std::vector<Shape> shape_;
  std::shared_ptr<const Pattern> pattern_;
  int core_;
  std::int64_t core_offset_;
  std::vector<Panel> panels_;
  std::vector<Sparse> sparse_;
  Mat XY0_;
  Vec border0_;                    // q x (p+1), row-major
  Vec border_;                     // reduced: effects after the first factor
  Vec core_pairs_;                 // core x core, when several factors meet in it
  std::vector<Vec> core_diag_;
  Vec R_;                          // the dense core: reduced blocks, then (in place) the selected inverse
  Vec M_core_;                     // panel inverses, core x width of the panel
  Vec Fb_;                         // back substitution: effects after the first factor x (p+1)
  std::int64_t later_ = 0;         // the first of them
  Vec z_;                          // q
  std::vector<Mat> Lambda_;
  bool dense_first_ = false;       // the first factor meets so much of the core that dense products win

  template <int K> void eliminate_factor(int f, Mat& cross, LogProduct& det);
  template <int K> void back_substitute(int f, const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs,
                                        const std::vector<int>& mine, Slopes* out);
  template <int K> void information(int f, const std::vector<Direction>& dirs, const std::vector<int>& mine, Vec& C, Mat& G);
  template <int K> void select(int f, Mat& T, Posterior* post);
  template <int K> void scatter_update(int f);
  template <int K> void scatter_quadratic(int f, Vec& Q);
  int strips() const { return (core_ + kStrip - 1) / kStrip; }
  double pair_work(int f) const { return pattern_->factors[f].pairs * shape_[f].K; }
  // the rows of level v whose effects lie in a strip of the core
  std::pair<std::int64_t, std::int64_t> in_strip(const SparsePattern& s, int v, int strip) const {
    const auto* begin = s.row.data() + s.ptr[v] + s.inner[v];
    const auto* end = s.row.data() + s.ptr[v + 1];
    const auto lo = static_cast<std::int32_t>(core_offset_ + static_cast<std::int64_t>(strip) * kStrip);
    const auto* first = std::lower_bound(begin, end, lo);
    const auto* last = std::lower_bound(first, end, lo + kStrip);
    return {first - s.row.data(), last - s.row.data()};
  }
  void eliminate_core(Mat& cross, LogProduct& det);
  void back_substitute_core(const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs, Slopes* out);
  void information_core(const std::vector<Direction>& dirs, Vec& C, Mat& G);
  void select_core(std::vector<Mat>* T, std::vector<Posterior>* post);
  void load_core();
  void dense_update(int f);
  void dense_quadratic(int f, Vec& Q);
  void fill_values(const Rows& rows);
  // Z_v'V^-1[X y] of one level, given what was eliminated before it
  const double* border_of(int f, int v) const {
    const std::int64_t at = shape_[f].offset + static_cast<std::int64_t>(v) * shape_[f].K;
    return f == 0 ? border0_.data() + at * (p_ + 1) : border_.data() + (at - later_) * (p_ + 1);
  }
  int target_factor(int f, std::int32_t effect) const {
    int g = f;  // fill can join levels of one factor
    while (g + 1 < pattern_->sparse && shape_[g + 1].offset <= effect) ++g;
    return g;
  }
  const double* lam(int f) const { return lam_rm_[f].data(); }
  std::vector<Vec> lam_rm_;        // row-major copies of Lambda
  Vec b_;                          // conditional modes of the last differentiate()
  Vec F_;                          // filled by posterior() only
  bool keep_F_ = false;
  void visit_effects(std::int64_t at, int k, const double* F, const Vec& c);
};

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

Elimination::Elimination(const Rows& rows, Blocks blocks)
    : p_(rows.p), q_(rows.q), XY0_(blocks.XY),
      border0_(std::move(blocks.border)) {
  auto pattern = std::make_shared<Pattern>(find_pattern(rows));
  pattern_ = pattern;
  core_ = pattern_->core;
  core_offset_ = pattern_->core_offset;
  if (core_ >= 48) need_blas();
  for (const Factor& f : rows.factors) shape_.push_back({f.K, f.levels, f.offset});
  later_ = shape_[0].offset + static_cast<std::int64_t>(shape_[0].levels) * shape_[0].K;
  sparse_.resize(pattern_->sparse);
  for (int f = 0; f < pattern_->sparse; ++f) {
    sparse_[f].diag = std::move(blocks.diag[f]);
    sparse_[f].val.assign(pattern_->factors[f].row.size() * shape_[f].K, 0.0);
  }
  for (std::size_t f = pattern_->sparse; f < rows.factors.size(); ++f) {
    core_diag_.push_back(std::move(blocks.diag[f]));
    const int width = std::max(1, kPanel / shape_[f].K) * shape_[f].K, size = static_cast<int>(rows.factors[f].size());
    for (int s = 0; s < size; s += width)
      panels_.push_back({static_cast<int>(f), static_cast<int>(shape_[f].offset - core_offset_) + s, std::min(width, size - s)});
  }
  fill_values(rows);
  for (SparsePattern& s : pattern->factors) {  // the order of the rows has served
    std::vector<std::int32_t>().swap(s.order);
    std::vector<std::int64_t>().swap(s.start);
  }
  for (int f = 1; f < pattern_->sparse; ++f) sparse_[f].val0 = sparse_[f].val, sparse_[f].diag0 = sparse_[f].diag;
  if (core_ >= 48 && pattern_->sparse > 0) {
    const SparsePattern& s = pattern_->factors[0];
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

void Elimination::fill_values(const Rows& rows) {
  const int n_factors = static_cast<int>(shape_.size());
  if (n_factors < 2) return;
  std::vector<RowReader> z;
  for (int f = 0; f < n_factors; ++f) z.emplace_back(rows, f);
  std::vector<std::int32_t> position(q_, -1);
  for (int f = 0; f < pattern_->sparse; ++f) {
    const SparsePattern& s = pattern_->factors[f];
    const int K = shape_[f].K;
    for (int v = 0; v < shape_[f].levels; ++v) {
      double* col = sparse_[f].val.data() + s.ptr[v] * K;
      for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r) position[s.row[r]] = static_cast<std::int32_t>(r - s.ptr[v]);
      for (std::int64_t r = s.start[v]; r < s.start[v + 1]; ++r) {
        const std::int64_t i = s.order[r];
        const double* zf = z[f](i);
        const double w = rows.w ? rows.w[i] : 1.0;
        for (int g = f + 1; g < n_factors; ++g) {
          const double* zg = z[g](i);
          const int Kg = shape_[g].K;
          double* at = col + static_cast<std::int64_t>(position[shape_[g].offset + static_cast<std::int64_t>(rows.factors[g].codes[i]) * Kg]) * K;
          for (int a = 0; a < Kg; ++a)
            for (int b = 0; b < K; ++b) at[a * K + b] += w * zg[a] * zf[b];
        }
      }
    }
  }
  if (n_factors - pattern_->sparse < 2) return;
  core_pairs_.assign(static_cast<std::size_t>(core_) * core_, 0.0);
  for (std::int64_t i = 0; i < rows.n; ++i) {
    const double w = rows.w ? rows.w[i] : 1.0;
    for (int f = pattern_->sparse; f < n_factors; ++f) {
      const double* zf = z[f](i);
      const std::int64_t cf = shape_[f].offset - core_offset_ + static_cast<std::int64_t>(rows.factors[f].codes[i]) * shape_[f].K;
      for (int g = f + 1; g < n_factors; ++g) {
        const double* zg = z[g](i);
        const std::int64_t cg = shape_[g].offset - core_offset_ + static_cast<std::int64_t>(rows.factors[g].codes[i]) * shape_[g].K;
        for (int b = 0; b < shape_[f].K; ++b)
          for (int a = 0; a < shape_[g].K; ++a) core_pairs_[(cf + b) * core_ + cg + a] += w * zg[a] * zf[b];
      }
    }
  }
}

void Elimination::load_core() {
  if (core_pairs_.empty()) R_.assign(static_cast<std::size_t>(core_) * core_, 0.0);
  else R_ = core_pairs_;
  std::int64_t at = 0;
  for (std::size_t f = pattern_->sparse; f < shape_.size(); ++f) {
    const int K = shape_[f].K;
    const Vec& d = core_diag_[f - pattern_->sparse];
    for (int v = 0; v < shape_[f].levels; ++v, at += K)
      for (int a = 0; a < K; ++a)
        for (int b = 0; b < K; ++b) R_[(at + b) * core_ + at + a] = d[(static_cast<std::size_t>(v) * K + a) * K + b];
  }
}

// --- elimination --------------------------------------------------------------------------------------------------

double Elimination::eliminate(const std::vector<Mat>& Lambda, Mat& cross) {
  Lambda_ = Lambda;
  lam_rm_.clear();
  for (const Mat& L : Lambda) {
    const Mat rows = transpose(L);
    lam_rm_.emplace_back(rows.a.begin(), rows.a.end());
  }
  cross = XY0_;
  LogProduct det;
  border_.assign(border0_.begin() + later_ * (p_ + 1), border0_.end());
  for (int f = 1; f < pattern_->sparse; ++f) sparse_[f].val = sparse_[f].val0, sparse_[f].diag = sparse_[f].diag0;
  if (core_) load_core();
  for (int f = 0; f < pattern_->sparse; ++f)
    by_size(shape_[f].K, [&](auto K) { eliminate_factor<K()>(f, cross, det); });
  if (core_) eliminate_core(cross, det);
  for (int j = 0; j <= p_; ++j)
    for (int i = 0; i < j; ++i) cross(i, j) = cross(j, i);
  return det.log();
}

template <int K>
void Elimination::eliminate_factor(int f, Mat& cross, LogProduct& det) {
  const int k = K ? K : shape_[f].K, width = p_ + 1;
  const SparsePattern& s = pattern_->factors[f];
  Sparse& sp = sparse_[f];
  sp.M.resize(static_cast<std::size_t>(shape_[f].levels) * k * k);
  Vec Xbuf(k * k), wB(static_cast<std::size_t>(k) * width), W;
  const bool scatter = !(f == 0 && dense_first_);
  for (int v = 0; v < shape_[f].levels; ++v) {
    Small<K>::pivot(k, sp.diag.data() + static_cast<std::size_t>(v) * k * k, lam(f), Xbuf.data(), sp.M.data() + static_cast<std::size_t>(v) * k * k, det);
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
      const int g = target_factor(f, row[a]);
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
      double* tv = t.val.data() + pattern_->factors[g].ptr[level] * kg;
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

// R_SS -= B M B' for all levels of a factor, one strip of columns of the core at a time: a strip stays in cache and belongs
// to one thread.
template <int K>
void Elimination::scatter_update(int f) {
  const int k = K ? K : shape_[f].K;
  const SparsePattern& s = pattern_->factors[f];
  const Sparse& sp = sparse_[f];
  parallel_for(strips(), pair_work(f), [&](int strip, int) {
    Vec y(k);
    for (int v = 0; v < shape_[f].levels; ++v) {
      const auto [first, last] = in_strip(s, v, strip);
      const std::int64_t end = s.ptr[v + 1];
      const double* M = sp.M.data() + static_cast<std::size_t>(v) * k * k;
      for (std::int64_t b = first; b < last; ++b) {
        double* col = R_.data() + (s.row[b] - core_offset_) * core_ - core_offset_;
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
  const SparsePattern& s = pattern_->factors[f];
  const Sparse& sp = sparse_[f];
  std::vector<Vec> partial(thread_count());
  parallel_for(strips(), pair_work(f), [&](int strip, int thread) {
    Vec& mine = partial[thread];
    mine.resize(Q.size());
    Vec y(k);
    for (int v = 0; v < shape_[f].levels; ++v) {
      const auto [first, last] = in_strip(s, v, strip);
      const std::int64_t end = s.ptr[v + 1];
      double* q = mine.data() + static_cast<std::size_t>(v) * k * k;
      for (std::int64_t b = first; b < last; ++b) {
        const double* col = R_.data() + (s.row[b] - core_offset_) * core_ - core_offset_;
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

// The same rank update with the columns of many levels spread into one dense block.
void Elimination::dense_update(int f) {
  const int k = shape_[f].K, batch = std::max(1, kBatch / k);
  const SparsePattern& s = pattern_->factors[f];
  const Sparse& sp = sparse_[f];
  Vec block, X(k * k), M(k * k);
  for (int v0 = 0; v0 < shape_[f].levels; v0 += batch) {
    const int v1 = std::min(shape_[f].levels, v0 + batch), cols = (v1 - v0) * k;
    block.assign(static_cast<std::size_t>(core_) * cols, 0.0);
    LogProduct ignored;
    for (int v = v0; v < v1; ++v) {
      by_size(k, [&](auto K) { Small<K()>::pivot(k, sp.diag.data() + static_cast<std::size_t>(v) * k * k, lam(f), X.data(), M.data(), ignored); });
      for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r)
        for (int i = 0; i < k; ++i) {
          double t = 0.0;
          for (int a = 0; a < k; ++a) t += sp.val[r * k + a] * X[a * k + i];
          block[(static_cast<std::size_t>(v - v0) * k + i) * core_ + (s.row[r] - core_offset_)] = t;
        }
    }
    syrk_minus(core_, cols, block.data(), core_, R_.data(), core_);
  }
}

void Elimination::eliminate_core(Mat& cross, LogProduct& det) {
  const int width = p_ + 1;
  M_core_.assign(static_cast<std::size_t>(core_) * kPanel * 2, 0.0);
  for (const Panel& b : panels_) {
    const int nb = b.width, D = core_ - b.start - nb, K = shape_[b.factor].K;
    const double* G = R_.data() + static_cast<std::size_t>(b.start) * core_ + b.start;
    const Mat& Lam = Lambda_[b.factor];
    // Omega = I + Lambda' G Lambda, Lambda block-diagonal
    Mat GL(nb, nb), Omega = Mat::identity(nb);
    for (int j = 0; j < nb; j += K)
      for (int c = 0; c < K; ++c)
        for (int a = 0; a < K; ++a) {
          const double l = Lam(a, c);
          if (l == 0.0) continue;
          for (int i = 0; i < nb; ++i) {
            const int u = std::max(i, j + a), w = std::min(i, j + a);
            GL(i, j + c) += G[static_cast<std::size_t>(w) * core_ + u] * l;
          }
        }
    for (int i = 0; i < nb; i += K)
      for (int c = 0; c < K; ++c)
        for (int a = 0; a < K; ++a) {
          const double l = Lam(a, c);
          if (l == 0.0) continue;
          for (int j = 0; j < nb; ++j) Omega(i + c, j) += l * GL(i + a, j);
        }
    cholesky(Omega);
    for (int i = 0; i < nb; ++i) det.times(Omega(i, i) * Omega(i, i));
    // X = Lambda L^-T (nb x nb)
    Mat X(nb, nb);
    for (int j = 0; j < nb; j += K)
      for (int c = 0; c < K; ++c)
        for (int a = 0; a < K; ++a) X(j + a, j + c) = Lam(a, c);
    trsm_right_t(nb, nb, Omega.a.data(), nb, X.a.data(), nb);
    double* M = M_core_.data() + static_cast<std::size_t>(b.start) * 2 * kPanel;
    gemm(false, true, nb, nb, nb, 1.0, X.a.data(), nb, X.a.data(), nb, 0.0, M, nb);
    // border rows, column-major copies
    Mat Bv(nb, width);
    for (int i = 0; i < nb; ++i)
      for (int c = 0; c < width; ++c) Bv(i, c) = border_[(core_offset_ - later_ + b.start + i) * width + c];
    Mat wB(nb, width);
    gemm(true, false, nb, width, nb, 1.0, X.a.data(), nb, Bv.a.data(), nb, 0.0, wB.a.data(), nb);
    Mat part(width, width);
    gemm(true, false, width, width, nb, 1.0, wB.a.data(), nb, wB.a.data(), nb, 0.0, part.a.data(), width);
    for (int j = 0; j < width; ++j)
      for (int i = j; i < width; ++i) cross(i, j) -= part(i, j);
    if (D == 0) continue;
    Mat W(D, nb);
    gemm(false, false, D, nb, nb, 1.0, G + nb, core_, X.a.data(), nb, 0.0, W.a.data(), D);
    syrk_minus(D, nb, W.a.data(), D, R_.data() + static_cast<std::size_t>(b.start + nb) * core_ + b.start + nb, core_);
    Mat down(D, width);
    gemm(false, false, D, width, nb, 1.0, W.a.data(), D, wB.a.data(), nb, 0.0, down.a.data(), D);
    for (int i = 0; i < D; ++i)
      for (int c = 0; c < width; ++c) border_[(core_offset_ - later_ + b.start + nb + i) * width + c] -= down(i, c);
  }
}

// --- back substitution: modes, z, H ---------------------------------------------------------------------------------

namespace {

// T -= H Q^-1 H' for the columns of X, S += z z', and HT += H' Psi_dot z, for one level (row-major H, k x (p+1)).
void collect(int k, int p, const double* H, const double* z, const Inverse& Q, const std::vector<Direction>& dirs,
             const std::vector<int>& mine, Mat& T, Mat& S, Mat& HT, Vec& scratch) {
  const int width = p + 1;
  for (int i = 0; i < k; ++i)
    for (int j = 0; j < k; ++j) S(i, j) += z[i] * z[j];
  if (p == 0) return;
  scratch.resize(static_cast<std::size_t>(k) * p + k);
  double* HQ = scratch.data();
  for (int i = 0; Q.reml && i < k; ++i) {
    for (int c = 0; c < p; ++c) {
      double s = 0.0;
      for (int a = 0; a < p; ++a) s += H[i * width + a] * Q.inverse(a, c);
      HQ[i * p + c] = s;
    }
    for (int j = 0; j < k; ++j) {
      double s = 0.0;
      for (int c = 0; c < p; ++c) s += HQ[i * p + c] * H[j * width + c];
      T(i, j) -= s;
    }
  }
  double* t = scratch.data() + static_cast<std::size_t>(k) * p;
  for (int m : mine) {
    const Mat& d = dirs[m].psi_dot;
    for (int i = 0; i < k; ++i) {
      t[i] = 0.0;
      for (int j = 0; j < k; ++j) t[i] += d(i, j) * z[j];
    }
    for (int c = 0; c < p; ++c)
      for (int i = 0; i < k; ++i) HT(c, m) += H[i * width + c] * t[i];
  }
}

}  // namespace

template <int K>
void Elimination::back_substitute(int f, const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs,
                                  const std::vector<int>& mine, Slopes* out) {
  const int k = K ? K : shape_[f].K, width = p_ + 1;
  const SparsePattern& s = pattern_->factors[f];
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
    collect(k, p_, H.data(), z, Q, dirs, mine, out->T[f], out->S[f], out->HT, scratch);
  }
}

void Elimination::back_substitute_core(const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs, Slopes* out) {
  const int width = p_ + 1;
  Vec scratch;
  for (auto b = panels_.rbegin(); b != panels_.rend(); ++b) {
    const int nb = b->width, D = core_ - b->start - nb, K = shape_[b->factor].K;
    const double* G = R_.data() + static_cast<std::size_t>(b->start) * core_ + b->start;
    const double* M = M_core_.data() + static_cast<std::size_t>(b->start) * 2 * kPanel;
    const std::int64_t at = core_offset_ + b->start;
    Mat e(nb, width), FS(D, width), Fv(nb, width);
    for (int i = 0; i < nb; ++i)
      for (int j = 0; j < width; ++j) e(i, j) = border_[(at - later_ + i) * width + j];
    for (int i = 0; i < D; ++i)
      for (int j = 0; j < width; ++j) FS(i, j) = Fb_[(at - later_ + nb + i) * width + j];
    if (D) gemm(true, false, nb, width, D, -1.0, G + nb, core_, FS.a.data(), D, 1.0, e.a.data(), nb);
    gemm(false, false, nb, width, nb, 1.0, M, nb, e.a.data(), nb, 0.0, Fv.a.data(), nb);
    for (int i = 0; i < nb; ++i)
      for (int j = 0; j < width; ++j) Fb_[(at - later_ + i) * width + j] = Fv(i, j);
    visit_effects(at, nb, Fb_.data() + (at - later_) * width, c);
    if (!out) continue;
    // H = e - G Fv
    Mat GF(nb, width);
    symm(nb, width, G, core_, Fv.a.data(), nb, GF.a.data(), nb);
    Vec H(static_cast<std::size_t>(nb) * width);
    std::vector<int> mine;
    for (std::size_t m = 0; m < dirs.size(); ++m)
      if (dirs[m].factor == b->factor) mine.push_back(static_cast<int>(m));
    for (int i = 0; i < nb; ++i) {
      double z = 0.0;
      for (int j = 0; j < width; ++j) z += (H[static_cast<std::size_t>(i) * width + j] = e(i, j) - GF(i, j)) * c[j];
      z_[at + i] = z;
    }
    for (int v = 0; v < nb; v += K)
      collect(K, p_, H.data() + static_cast<std::size_t>(v) * width, z_.data() + at + v, Q, dirs, mine, out->T[b->factor], out->S[b->factor], out->HT, scratch);
  }
}

// --- average information ----------------------------------------------------------------------------------------------

template <int K>
void Elimination::information(int f, const std::vector<Direction>& dirs, const std::vector<int>& mine, Vec& C, Mat& Gout) {
  const int k = K ? K : shape_[f].K, m = static_cast<int>(dirs.size());
  const SparsePattern& s = pattern_->factors[f];
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
  for (int j = 0; j < na; ++j) own[j] = dirs[alive[j]].factor == f;
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

void Elimination::information_core(const std::vector<Direction>& dirs, Vec& C, Mat& Gout) {
  const int m = static_cast<int>(dirs.size());
  for (const Panel& b : panels_) {
    const int nb = b.width, D = core_ - b.start - nb, K = shape_[b.factor].K;
    const double* G = R_.data() + static_cast<std::size_t>(b.start) * core_ + b.start;
    const double* M = M_core_.data() + static_cast<std::size_t>(b.start) * 2 * kPanel;
    const std::int64_t at = core_offset_ + b.start;
    Mat t(nb, m), c(nb, m), h(nb, m), Mh(nb, m);
    for (int j = 0; j < m; ++j) {
      for (int i = 0; i < nb; ++i) c(i, j) = C[(at + i) * m + j];
      if (dirs[j].factor != b.factor) continue;
      const Mat& d = dirs[j].psi_dot;
      for (int v = 0; v < nb; v += K)
        for (int a = 0; a < K; ++a)
          for (int i = 0; i < K; ++i) t(v + i, j) += d(i, a) * z_[at + v + a];
    }
    symm(nb, m, G, core_, t.a.data(), nb, h.a.data(), nb);
    for (std::size_t i = 0; i < h.a.size(); ++i) h.a[i] += c.a[i];
    gemm(false, false, nb, m, nb, 1.0, M, nb, h.a.data(), nb, 0.0, Mh.a.data(), nb);
    Mat part(m, m);
    gemm(true, false, m, m, nb, 1.0, t.a.data(), nb, h.a.data(), nb, 0.0, part.a.data(), m);
    gemm(true, false, m, m, nb, 1.0, c.a.data(), nb, t.a.data(), nb, 1.0, part.a.data(), m);
    gemm(true, false, m, m, nb, -1.0, h.a.data(), nb, Mh.a.data(), nb, 1.0, part.a.data(), m);
    for (int j = 0; j < m; ++j)
      for (int i = 0; i < m; ++i) Gout(i, j) += 0.5 * (part(i, j) + part(j, i));
    if (D == 0) continue;
    for (std::size_t i = 0; i < t.a.size(); ++i) t.a[i] -= Mh.a[i];
    Mat down(D, m);
    gemm(false, false, D, m, nb, 1.0, G + nb, core_, t.a.data(), nb, 0.0, down.a.data(), D);
    for (int i = 0; i < D; ++i)
      for (int j = 0; j < m; ++j) C[(at + nb + i) * m + j] += down(i, j);
  }
}

// --- selected inverse ---------------------------------------------------------------------------------------------------

// In place: panel by panel from the end, the reduced blocks of the core give way to P.
void Elimination::select_core(std::vector<Mat>* T, std::vector<Posterior>* post) {
  for (auto b = panels_.rbegin(); b != panels_.rend(); ++b) {
    const int nb = b->width, D = core_ - b->start - nb, K = shape_[b->factor].K;
    double* G = R_.data() + static_cast<std::size_t>(b->start) * core_ + b->start;
    const double* M = M_core_.data() + static_cast<std::size_t>(b->start) * 2 * kPanel;
    Mat Gf(nb, nb), N = Mat::identity(nb), Q(nb, nb);
    for (int j = 0; j < nb; ++j)
      for (int i = j; i < nb; ++i) Gf(i, j) = Gf(j, i) = G[static_cast<std::size_t>(j) * core_ + i];
    gemm(false, false, nb, nb, nb, -1.0, Gf.a.data(), nb, M, nb, 1.0, N.a.data(), nb);
    if (D) {
      Mat Y(D, nb);
      symm(D, nb, R_.data() + static_cast<std::size_t>(b->start + nb) * core_ + b->start + nb, core_, G + nb, core_, Y.a.data(), D);
      gemm(true, false, nb, nb, D, 1.0, G + nb, core_, Y.a.data(), D, 0.0, Q.a.data(), nb);
      gemm(false, false, D, nb, nb, -1.0, Y.a.data(), D, M, nb, 0.0, G + nb, core_);
    }
    Mat NQ(nb, nb), MQ(nb, nb), P(nb, nb);
    gemm(false, false, nb, nb, nb, 1.0, M, nb, Q.a.data(), nb, 0.0, MQ.a.data(), nb);
    std::copy_n(M, static_cast<std::size_t>(nb) * nb, P.a.data());
    gemm(false, false, nb, nb, nb, 1.0, MQ.a.data(), nb, M, nb, 1.0, P.a.data(), nb);
    for (int j = 0; j < nb; ++j)
      for (int i = j; i < nb; ++i) G[static_cast<std::size_t>(j) * core_ + i] = P(i, j);
    if (post) {
      for (int v = 0; v < nb; v += K)
        for (int i = 0; i < K; ++i)
          for (int j = 0; j < K; ++j)
            (*post)[b->factor].P[(static_cast<std::size_t>(b->start + v - (shape_[b->factor].offset - core_offset_)) + i) * K + j] = P(v + i, v + j);
    }
    if (!T) continue;
    Mat& Tf = (*T)[b->factor];  // diagonal K-blocks of N G - N Q N' = N (G - Q N')
    Mat GQ = Gf;
    gemm(false, true, nb, nb, nb, -1.0, Q.a.data(), nb, N.a.data(), nb, 1.0, GQ.a.data(), nb);
    for (int v = 0; v < nb; v += K)
      for (int i = 0; i < K; ++i)
        for (int j = 0; j < K; ++j) {
          double x = 0.0;
          for (int a = 0; a < nb; ++a) x += N(v + i, a) * GQ(a, v + j);
          Tf(i, j) += x;
        }
  }
}

// Q_v = B' P_SS B for every level of the first factor, by dense products.
void Elimination::dense_quadratic(int f, Vec& Q) {
  const int k = shape_[f].K, batch = std::max(1, kBatch / k);
  const SparsePattern& s = pattern_->factors[f];
  const Sparse& sp = sparse_[f];
  Vec block, Y;
  for (int v0 = 0; v0 < shape_[f].levels; v0 += batch) {
    const int v1 = std::min(shape_[f].levels, v0 + batch), cols = (v1 - v0) * k;
    block.assign(static_cast<std::size_t>(core_) * cols, 0.0);
    Y.resize(block.size());
    for (int v = v0; v < v1; ++v)
      for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r)
        for (int i = 0; i < k; ++i) block[(static_cast<std::size_t>(v - v0) * k + i) * core_ + (s.row[r] - core_offset_)] = sp.val[r * k + i];
    symm(core_, cols, R_.data(), core_, block.data(), core_, Y.data(), core_);
    for (int v = v0; v < v1; ++v)
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < k; ++j) {
          const double* y = Y.data() + (static_cast<std::size_t>(v - v0) * k + j) * core_ - core_offset_;
          double x = 0.0;
          for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r) x += sp.val[r * k + i] * y[s.row[r]];
          Q[(static_cast<std::size_t>(v) * k + i) * k + j] = x;
        }
  }
}

template <int K>
void Elimination::select(int f, Mat& T, Posterior* post) {
  const int k = K ? K : shape_[f].K;
  const SparsePattern& s = pattern_->factors[f];
  Sparse& sp = sparse_[f];
  const bool keep = f > 0;
  if (keep) {
    sp.P.resize(sp.val.size());
    sp.P_diag.resize(sp.diag.size());
  }
  Vec Qall;  // an early factor that meets only the core needs no more of P than this
  if (f == 0 && core_ && s.inner_total == 0) {
    Qall.resize(static_cast<std::size_t>(shape_[f].levels) * k * k);
    if (dense_first_) dense_quadratic(f, Qall);
    else scatter_quadratic<K>(f, Qall);
  }
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
    } else if (D) {
      // gather P on the pattern, then Y = P B
      P.assign(static_cast<std::size_t>(D) * D, 0.0);
      const std::int32_t* rel = s.rel.data() + s.rel_ptr[v];
      for (int a = 0; a < s.inner[v];) {
        const int g = target_factor(f, row[a]);
        const int kg = shape_[g].K;
        const std::int64_t level = (row[a] - shape_[g].offset) / kg;
        const Sparse& t = sparse_[g];
        for (int i = 0; i < kg; ++i)
          for (int j = 0; j < kg; ++j) P[static_cast<std::size_t>(a + i) * D + a + j] = t.P_diag[(level * kg + i) * kg + j];
        const double* tv = t.P.data() + pattern_->factors[g].ptr[level] * kg;
        for (int r = a + kg; r < D; ++r, ++rel)
          for (int j = 0; j < kg; ++j) P[static_cast<std::size_t>(a + j) * D + r] = P[static_cast<std::size_t>(r) * D + a + j] = tv[*rel * kg + j];
        a += kg;
      }
      for (int b = s.inner[v]; b < D; ++b) {
        const double* col = R_.data() + static_cast<std::size_t>(row[b] - core_offset_) * core_ - core_offset_;
        for (int r = b; r < D; ++r) P[static_cast<std::size_t>(r) * D + b] = P[static_cast<std::size_t>(b) * D + r] = col[row[r]];
      }
      Y.assign(static_cast<std::size_t>(D) * k, 0.0);
      for (int r = 0; r < D; ++r)
        for (int a = 0; a < D; ++a)
          for (int i = 0; i < k; ++i) Y[static_cast<std::size_t>(r) * k + i] += P[static_cast<std::size_t>(r) * D + a] * val[a * k + i];
      for (int r = 0; r < D; ++r)
        for (int i = 0; i < k; ++i)
          for (int j = 0; j < k; ++j) Q[i * k + j] += val[r * k + i] * Y[static_cast<std::size_t>(r) * k + j];
      if (keep)
        for (int r = 0; r < D; ++r)
          for (int i = 0; i < k; ++i) {
            double x = 0.0;
            for (int a = 0; a < k; ++a) x += Y[static_cast<std::size_t>(r) * k + a] * M[a * k + i];
            sp.P[(s.ptr[v] + r) * k + i] = -x;
          }
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

// --- the interface ------------------------------------------------------------------------------------------------------

void Elimination::differentiate(const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs, Slopes& out) {
  const int m = static_cast<int>(dirs.size());
  out.T.clear();
  out.S.clear();
  for (const Shape& s : shape_) out.T.emplace_back(s.K, s.K), out.S.emplace_back(s.K, s.K);
  out.G = Mat(m, m);
  out.HT = Mat(p_, m);
  Fb_.resize(static_cast<std::size_t>(q_ - later_) * (p_ + 1));
  z_.resize(q_);
  b_.resize(q_);
  std::vector<std::vector<int>> mine(shape_.size());
  for (int j = 0; j < m; ++j) mine[dirs[j].factor].push_back(j);
  if (core_) back_substitute_core(c, Q, dirs, &out);
  for (int f = pattern_->sparse - 1; f >= 0; --f)
    by_size(shape_[f].K, [&](auto K) { back_substitute<K()>(f, c, Q, dirs, mine[f], &out); });
  const bool carries = pattern_->sparse > 1 || core_ > 0;
  Vec C(carries ? static_cast<std::size_t>(q_) * m : 0, 0.0);
  for (int f = 0; f < pattern_->sparse; ++f)
    by_size(shape_[f].K, [&](auto K) { information<K()>(f, dirs, mine[f], C, out.G); });
  if (core_) information_core(dirs, C, out.G);
  if (core_) select_core(&out.T, nullptr);
  for (int f = pattern_->sparse - 1; f >= 0; --f)
    by_size(shape_[f].K, [&](auto K) { select<K()>(f, out.T[f], nullptr); });
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

Vec Elimination::modes(const Vec&) { return b_; }

std::vector<Posterior> Elimination::posterior() {
  keep_F_ = true;
  F_.resize(static_cast<std::size_t>(q_) * p_);
  b_.resize(q_);
  Fb_.resize(static_cast<std::size_t>(q_ - later_) * (p_ + 1));
  const Vec c(p_ + 1, 0.0);
  if (core_) back_substitute_core(c, {}, {}, nullptr);
  for (int f = pattern_->sparse - 1; f >= 0; --f)
    by_size(shape_[f].K, [&](auto K) { back_substitute<K()>(f, c, {}, {}, {}, nullptr); });
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
    by_size(shape_[f].K, [&](auto K) { select<K()>(f, ignored, &post[f]); });
  }
  return post;
}

// (z_j'P z_c)^2 summed over all pairs of levels, from the pairs that meet: with b = X'Wz and R = (X'WX)^-1,
// sum (A - b_j'R b_c)^2 = sum A^2 - 2 sum A b_j'R b_c + <R M_j, (R M_c)'>,  M_j = sum b_j b_j'.
Moments Elimination::moments(const Mat& R) const {
  std::vector<int> first{0};
  for (const Shape& s : shape_) first.push_back(first.back() + s.K);
  const int columns = first.back(), width = p_ + 1;
  Moments out{Mat(columns, columns), Vec(columns, 0.0)};
  const auto column_of = [&](std::int64_t effect) {
    int g = 0;
    while (g + 1 < static_cast<int>(shape_.size()) && shape_[g + 1].offset <= effect) ++g;
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
      const SparsePattern& s = pattern_->factors[f];
      for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r)
        for (int j = 0; j < K; ++j) {
          add(at + j, s.row[r], val[r * K + j]);
          add(s.row[r], at + j, val[r * K + j]);
        }
    }
  }
  for (int b = 0; b < core_ && !core_pairs_.empty(); ++b)
    for (int a = 0; a < core_; ++a) {
      const double x = core_pairs_[static_cast<std::size_t>(b) * core_ + a];
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
  Vec out;
  for (const Shape& s : shape_)
    for (int j = 0; j < s.K; ++j) {
      double sum = 0.0;
      for (int v = 0; v < s.levels; ++v) {
        const double x = border0_[(s.offset + static_cast<std::int64_t>(v) * s.K + j) * (p_ + 1) + p_];
        sum += x * x;
      }
      out.push_back(sum);
    }
  return out;
}

void Elimination::set_response(const Response& r) {
  const int width = p_ + 1;
  for (std::int64_t i = 0; i < q_; ++i) border0_[i * width + p_] = r.Zy[i];
  for (int j = 0; j < p_; ++j) XY0_(p_, j) = XY0_(j, p_) = r.Xy[j];
  XY0_(p_, p_) = r.yy;
}

}  // namespace

std::unique_ptr<Engine> make_elimination(const Rows& rows, Blocks blocks) {
  return std::make_unique<Elimination>(rows, std::move(blocks));
}

}  // namespace multilevel
