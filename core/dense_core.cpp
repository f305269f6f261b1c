// The dense core: the stages of elimination.hpp in panels, and what the first factor adds to it as dense products.
#include "elimination.hpp"
#include "interrupt.hpp"

namespace multilevel {

void Elimination::load_core() {
  if (!core_pairs_.empty()) R_ = core_pairs_;
  else if (R_.empty()) R_ = make_core();
  else R_.zero();
  int at = 0;
  for (std::size_t f = pattern_->sparse; f < shape_.size(); ++f) {
    const int K = shape_[f].K;
    const Vec& d = core_diag_[f - pattern_->sparse];
    for (int v = 0; v < shape_[f].levels; ++v, at += K)
      for (int a = 0; a < K; ++a)
        for (int b = 0; b < K; ++b) R_.column(at + b)[at + a] = d[(static_cast<std::size_t>(v) * K + a) * K + b];
  }
}

void collect(int k, int p, const double* H, const double* z, const Inverse& Q, const std::vector<Direction>& dirs,
             const std::vector<int>& mine, int f, Slopes& out, Vec& scratch) {
  const int width = p + 1;
  for (int i = 0; i < k; ++i)
    for (int j = 0; j < k; ++j) out.S[f](i, j) += z[i] * z[j];
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
      out.T[f](i, j) -= s;
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
      for (int i = 0; i < k; ++i) out.HT(c, m) += H[i * width + c] * t[i];
  }
  if (!out.products) return;
  for (int b = 0; b < p; ++b)
    for (int j = 0; j < k; ++j) {
      double* column = out.HH[f].col(b * k + j);
      for (int a = 0; a < p; ++a)
        for (int i = 0; i < k; ++i) column[a * k + i] += H[i * width + a] * H[j * width + b];
    }
}

// The same rank update with the columns of many levels spread into one dense block.
void Elimination::dense_update(int f) {
  const int k = shape_[f].K, batch = std::max(1, kBatch / k);
  const SparsePattern& s = pattern_->columns[f];
  const Sparse& sp = sparse_[f];
  Vec block, X(k * k), M(k * k);
  for (int v0 = 0; v0 < shape_[f].levels; v0 += batch) {
    const int v1 = std::min(shape_[f].levels, v0 + batch), cols = (v1 - v0) * k;
    block.assign(static_cast<std::size_t>(core_) * cols, 0.0);
    LogProduct ignored;
    for (int v = v0; v < v1; ++v) {
      Small<0>::pivot(k, sp.diag.data() + static_cast<std::size_t>(v) * k * k, lam(f), X.data(), M.data(), ignored);
      for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r)
        for (int i = 0; i < k; ++i) {
          double t = 0.0;
          for (int a = 0; a < k; ++a) t += sp.val[r * k + a] * X[a * k + i];
          block[(static_cast<std::size_t>(v - v0) * k + i) * core_ + (s.row[r] - core_offset_)] = t;
        }
    }
    R_.subtract_square(0, cols, block.data(), core_);
  }
}

// Numbers that stand below a panel, at most.
std::size_t Elimination::below() const {
  std::size_t most = 0;
  for (const Panel& b : panels_) most = std::max(most, static_cast<std::size_t>(core_ - b.start - b.width) * b.width);
  return most;
}

void Elimination::eliminate_core(Mat& cross, LogProduct& det) {
  const int width = p_ + 1;
  const auto W = std::make_unique_for_overwrite<double[]>(below());
  for (const Panel& b : panels_) {
    check_interrupt();
    const int nb = b.width, D = core_ - b.start - nb, K = shape_[b.factor].K;
    const double* G = R_.column(b.start) + b.start;
    const int ld = R_.stride(b.start);
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
            GL(i, j + c) += G[static_cast<std::size_t>(w) * ld + u] * l;
          }
        }
    for (int i = 0; i < nb; i += K)
      for (int c = 0; c < K; ++c)
        for (int a = 0; a < K; ++a) {
          const double l = Lam(a, c);
          if (l == 0.0) continue;
          for (int j = 0; j < nb; ++j) Omega(i + c, j) += l * GL(i + a, j);
        }
    definite_ &= cholesky(Omega);
    for (int i = 0; i < nb; ++i) det.times(Omega(i, i) * Omega(i, i));
    // X = Lambda L^-T (nb x nb)
    Mat X(nb, nb);
    for (int j = 0; j < nb; j += K)
      for (int c = 0; c < K; ++c)
        for (int a = 0; a < K; ++a) X(j + a, j + c) = Lam(a, c);
    trsm_right_t(nb, nb, Omega.a.data(), nb, X.a.data(), nb);
    double* M = M_core_.data() + b.inverse;
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
    gemm(false, false, D, nb, nb, 1.0, G + nb, ld, X.a.data(), nb, 0.0, W.get(), D);
    R_.subtract_square(b.start + nb, nb, W.get(), D);
    Mat down(D, width);
    gemm(false, false, D, width, nb, 1.0, W.get(), D, wB.a.data(), nb, 0.0, down.a.data(), D);
    for (int i = 0; i < D; ++i)
      for (int c = 0; c < width; ++c) border_[(core_offset_ - later_ + b.start + nb + i) * width + c] -= down(i, c);
  }
}

void Elimination::back_substitute_core(const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs, Slopes* out) {
  const int width = p_ + 1;
  Vec scratch;
  for (auto b = panels_.rbegin(); b != panels_.rend(); ++b) {
    const int nb = b->width, D = core_ - b->start - nb, K = shape_[b->factor].K;
    const double* G = R_.column(b->start) + b->start;
    const int ld = R_.stride(b->start);
    const double* M = M_core_.data() + b->inverse;
    const std::int64_t at = core_offset_ + b->start;
    Mat e(nb, width), FS(D, width), Fv(nb, width);
    for (int i = 0; i < nb; ++i)
      for (int j = 0; j < width; ++j) e(i, j) = border_[(at - later_ + i) * width + j];
    for (int i = 0; i < D; ++i)
      for (int j = 0; j < width; ++j) FS(i, j) = Fb_[(at - later_ + nb + i) * width + j];
    if (D) gemm(true, false, nb, width, D, -1.0, G + nb, ld, FS.a.data(), D, 1.0, e.a.data(), nb);
    gemm(false, false, nb, width, nb, 1.0, M, nb, e.a.data(), nb, 0.0, Fv.a.data(), nb);
    for (int i = 0; i < nb; ++i)
      for (int j = 0; j < width; ++j) Fb_[(at - later_ + i) * width + j] = Fv(i, j);
    visit_effects(at, nb, Fb_.data() + (at - later_) * width, c);
    if (!out) continue;
    // H = e - G Fv
    Mat GF(nb, width);
    symm(nb, width, G, ld, Fv.a.data(), nb, GF.a.data(), nb);
    Vec H(static_cast<std::size_t>(nb) * width);
    std::vector<int> mine;
    for (std::size_t m = 0; m < dirs.size(); ++m)
      if (dirs[m].factor == shape_[b->factor].factor) mine.push_back(static_cast<int>(m));
    for (int i = 0; i < nb; ++i) {
      double z = 0.0;
      for (int j = 0; j < width; ++j) z += (H[static_cast<std::size_t>(i) * width + j] = e(i, j) - GF(i, j)) * c[j];
      z_[at + i] = z;
    }
    for (int v = 0; v < nb; v += K)
      collect(K, p_, H.data() + static_cast<std::size_t>(v) * width, z_.data() + at + v, Q, dirs, mine, shape_[b->factor].factor, *out, scratch);
  }
}

void Elimination::information_core(const std::vector<Direction>& dirs, Vec& C, Mat& Gout) {
  const int m = static_cast<int>(dirs.size());
  for (const Panel& b : panels_) {
    const int nb = b.width, D = core_ - b.start - nb, K = shape_[b.factor].K;
    const double* G = R_.column(b.start) + b.start;
    const int ld = R_.stride(b.start);
    const double* M = M_core_.data() + b.inverse;
    const std::int64_t at = core_offset_ + b.start;
    Mat t(nb, m), c(nb, m), h(nb, m), Mh(nb, m);
    for (int j = 0; j < m; ++j) {
      for (int i = 0; i < nb; ++i) c(i, j) = C[(at + i) * m + j];
      if (dirs[j].factor != shape_[b.factor].factor) continue;
      const Mat& d = dirs[j].psi_dot;
      for (int v = 0; v < nb; v += K)
        for (int a = 0; a < K; ++a)
          for (int i = 0; i < K; ++i) t(v + i, j) += d(i, a) * z_[at + v + a];
    }
    symm(nb, m, G, ld, t.a.data(), nb, h.a.data(), nb);
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
    gemm(false, false, D, m, nb, 1.0, G + nb, ld, t.a.data(), nb, 0.0, down.a.data(), D);
    for (int i = 0; i < D; ++i)
      for (int j = 0; j < m; ++j) C[(at + nb + i) * m + j] += down(i, j);
  }
}

// In place: panel by panel from the end, the reduced blocks of the core give way to P.
void Elimination::select_core(std::vector<Mat>* T, std::vector<Posterior>* post) {
  core_inverted_ = true;
  const auto Y = std::make_unique_for_overwrite<double[]>(below());
  for (auto b = panels_.rbegin(); b != panels_.rend(); ++b) {
    check_interrupt();
    const int nb = b->width, D = core_ - b->start - nb, K = shape_[b->factor].K;
    double* G = R_.column(b->start) + b->start;
    const int ld = R_.stride(b->start);
    const double* M = M_core_.data() + b->inverse;
    Mat Gf(nb, nb), N = Mat::identity(nb), Q(nb, nb);
    for (int j = 0; j < nb; ++j)
      for (int i = j; i < nb; ++i) Gf(i, j) = Gf(j, i) = G[static_cast<std::size_t>(j) * ld + i];
    gemm(false, false, nb, nb, nb, -1.0, Gf.a.data(), nb, M, nb, 1.0, N.a.data(), nb);
    if (D) {
      R_.times(b->start + nb, nb, G + nb, ld, Y.get(), D, &Q);
      gemm(false, false, D, nb, nb, -1.0, Y.get(), D, M, nb, 0.0, G + nb, ld);
    }
    Mat MQ(nb, nb), P(nb, nb);
    gemm(false, false, nb, nb, nb, 1.0, M, nb, Q.a.data(), nb, 0.0, MQ.a.data(), nb);
    std::copy_n(M, static_cast<std::size_t>(nb) * nb, P.a.data());
    gemm(false, false, nb, nb, nb, 1.0, MQ.a.data(), nb, M, nb, 1.0, P.a.data(), nb);
    for (int j = 0; j < nb; ++j)
      for (int i = j; i < nb; ++i) G[static_cast<std::size_t>(j) * ld + i] = P(i, j);
    if (post) {
      for (int v = 0; v < nb; v += K)
        for (int i = 0; i < K; ++i)
          for (int j = 0; j < K; ++j)
            (*post)[b->factor].P[(static_cast<std::size_t>(b->start + v - (shape_[b->factor].offset - core_offset_)) + i) * K + j] = P(v + i, v + j);
    }
    if (!T) continue;
    Mat& Tf = (*T)[shape_[b->factor].factor];  // diagonal K-blocks of N G - N Q N' = N (G - Q N')
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
  const SparsePattern& s = pattern_->columns[f];
  const Sparse& sp = sparse_[f];
  Vec block, Y;
  for (int v0 = 0; v0 < shape_[f].levels; v0 += batch) {
    const int v1 = std::min(shape_[f].levels, v0 + batch), cols = (v1 - v0) * k;
    block.assign(static_cast<std::size_t>(core_) * cols, 0.0);
    Y.resize(block.size());
    for (int v = v0; v < v1; ++v)
      for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r)
        for (int i = 0; i < k; ++i) block[(static_cast<std::size_t>(v - v0) * k + i) * core_ + (s.row[r] - core_offset_)] = sp.val[r * k + i];
    R_.times(0, cols, block.data(), core_, Y.data(), core_);
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

}  // namespace multilevel
