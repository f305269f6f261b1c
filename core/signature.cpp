// One grouping factor: levels with the same Z_v'WZ_v are one signature.
//
// With B_v = Z_v'W[X y] (k x (p+1)) the criterion, its gradient and its exact Hessian see the levels of a signature only
// through their number and K = sum over levels of vec(B_v) vec(B_v)'. With M, N, T = N G of the signature's G, for any
// coefficient vectors a, b on [X y]:
//
//   sum_v (B_v a)' A (B_v b) = <A, C_ab>,   C_ab[i,j] = sum a_r b_s K[(i,r),(j,s)]
//
//   [Xy]'V^-1[Xy] -= <M, K..>      S = N C_cc N'  (c = (-beta, 1))      sum H Q^-1 H' = N C_Q N'
//   tr(P V_m P V_n) = sum_v tr(T D_m T D_n) - 2 tr(D_m W D_n T) + tr(Q^-1 X_m Q^-1 X_n),
//   W = sum_v H Q^-1 H',  X_m = sum_v H' D_m H,  D_m = dPsi/dm                     (exact curvature, REML and ML)
#include <algorithm>
#include <map>

#include "engine.hpp"
#include "products.hpp"

namespace multilevel {

namespace {

struct Signature {
  Mat G, K;
  double count = 0.0;
  Mat M, N, T;
};

class SignatureEngine final : public Engine {
 public:
  SignatureEngine(int k, int p, std::vector<Signature> s, std::vector<std::int32_t> of, Vec border, Mat XY)
      : k_(k), p_(p), signatures_(std::move(s)), of_(std::move(of)), border_(std::move(border)), XY_(std::move(XY)) {
    add_levels();
  }

  double eliminate(const std::vector<Mat>& Lambda, Mat& cross) override {
    const Mat& L = Lambda[0];
    const Mat Lt = transpose(L);
    cross = XY_;
    double logdet = 0.0;
    const int w = p_ + 1;
    for (Signature& s : signatures_) {
      Mat Omega = Lt * s.G * L;
      for (int i = 0; i < k_; ++i) Omega(i, i) += 1.0;
      cholesky(Omega);
      for (int i = 0; i < k_; ++i) logdet += 2.0 * s.count * std::log(Omega(i, i));
      const Mat X = L * transpose(inverse_lower(Omega));
      s.M = X * transpose(X);
      s.N = Mat::identity(k_);
      gemm(false, false, k_, k_, k_, -1.0, s.G.a.data(), k_, s.M.a.data(), k_, 1.0, s.N.a.data(), k_);
      s.T = s.N * s.G;
      for (int b = 0; b < w; ++b)
        for (int a = b; a < w; ++a) {
          double sum = 0.0;
          for (int j = 0; j < k_; ++j)
            for (int i = 0; i < k_; ++i) sum += s.M(i, j) * s.K(a * k_ + i, b * k_ + j);
          cross(a, b) -= sum;
        }
    }
    for (int b = 0; b < w; ++b)
      for (int a = 0; a < b; ++a) cross(a, b) = cross(b, a);
    return logdet;
  }

  void differentiate(const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs, Slopes& out) override {
    const int m = static_cast<int>(dirs.size());
    out.T.assign(1, Mat(k_, k_));
    out.S.assign(1, Mat(k_, k_));
    out.G = Mat(m, m);
    out.HT = Mat(p_, m);
    out.trace = Mat(m, m);
    out.exact = true;
    out.HH.assign(out.products, Mat(k_ * p_, k_ * p_));
    std::vector<Mat> XmX(m, Mat(p_, p_)), DT(m), DS(m), DW(Q.reml ? m : 0);
    for (const Signature& s : signatures_) {
      const Mat Nt = transpose(s.N);
      const Mat S = s.N * contract(s, c) * Nt;
      const Mat W = Q.reml ? s.N * contract(s, Q.inverse) * Nt : Mat(k_, k_);
      for (int i = 0; i < k_ * k_; ++i) {
        out.T[0].a[i] += s.count * s.T.a[i] - W.a[i];
        out.S[0].a[i] += S.a[i];
      }
      if (out.products) add_products(s, out.HH[0]);
      for (int j = 0; j < m; ++j) {
        DT[j] = dirs[j].psi_dot * s.T;
        DS[j] = dirs[j].psi_dot * S;
        if (Q.reml) DW[j] = dirs[j].psi_dot * W;
      }
      for (int j = 0; j < m; ++j)
        for (int i = 0; i <= j; ++i) {
          double g = 0.0, t = 0.0;
          for (int a = 0; a < k_; ++a)
            for (int b = 0; b < k_; ++b) {
              g += DT[i](a, b) * DS[j](b, a);
              t += s.count * DT[i](a, b) * DT[j](b, a);
              if (Q.reml) t -= DT[i](a, b) * DW[j](b, a) + DW[i](a, b) * DT[j](b, a);
            }
          out.G(i, j) += g;
          out.trace(i, j) += t;
        }
      for (int j = 0; j < m; ++j) {
        const Mat A = Nt * dirs[j].psi_dot * s.N;
        add_fixed(s, A, c, XmX[j], out.HT.col(j));
      }
    }
    for (int j = 0; j < m; ++j)
      for (int i = 0; i < j; ++i) out.G(j, i) = out.G(i, j);
    if (Q.reml) {
      std::vector<Mat> QX;
      for (const Mat& X : XmX) QX.push_back(Q.inverse * X);
      for (int j = 0; j < m; ++j)
        for (int i = 0; i <= j; ++i) out.trace(i, j) += inner(QX[i], transpose(QX[j]));
    }
    for (int j = 0; j < m; ++j)
      for (int i = 0; i < j; ++i) out.trace(j, i) = out.trace(i, j);
  }

  Vec modes(const Vec& c) override {
    Vec b(of_.size() * k_, 0.0), e(k_);
    for (std::size_t v = 0; v < of_.size(); ++v) {
      std::fill(e.begin(), e.end(), 0.0);
      for (int i = 0; i < k_; ++i)
        for (int j = 0; j <= p_; ++j) e[i] += border_[(v * k_ + i) * (p_ + 1) + j] * c[j];
      const Mat& M = signatures_[of_[v]].M;
      for (int i = 0; i < k_; ++i)
        for (int j = 0; j < k_; ++j) b[v * k_ + i] += M(i, j) * e[j];
    }
    return b;
  }

  std::vector<Posterior> posterior() override {
    Posterior post;
    post.P.resize(of_.size() * k_ * k_);
    post.F.assign(of_.size() * k_ * p_, 0.0);
    for (std::size_t v = 0; v < of_.size(); ++v) {
      const Mat& M = signatures_[of_[v]].M;
      std::copy(M.a.begin(), M.a.end(), post.P.begin() + static_cast<std::ptrdiff_t>(v * k_ * k_));
      for (int i = 0; i < k_; ++i)
        for (int a = 0; a < k_; ++a)
          for (int j = 0; j < p_; ++j) post.F[(v * k_ + i) * p_ + j] += M(i, a) * border_[(v * k_ + a) * (p_ + 1) + j];
    }
    return {post};
  }

  Vec variances(const Combinations& c) override {
    Vec out(c.n, 0.0);
    for (std::int64_t i = 0; i < c.n; ++i) {
      if (c.level[0][i] < 0) continue;
      const Mat& M = signatures_[of_[c.level[0][i]]].M;
      const double* z = c.z[0].data() + i * k_;
      for (int a = 0; a < k_; ++a)
        for (int b = 0; b < k_; ++b) out[i] += z[a] * M(a, b) * z[b];
    }
    return out;
  }

  // as in the elimination engine; the sums over levels of b b' are in K
  Moments moments(const Mat& R) const override {
    Moments out{Mat(k_, k_), Vec(k_, 0.0)};
    std::vector<Mat> RM(k_, Mat(p_, p_));
    for (const Signature& s : signatures_) {
      const Mat C = contract(s, R);
      for (int i = 0; i < k_; ++i) {
        out.g[i] += s.count * s.G(i, i) - C(i, i);
        for (int j = 0; j < k_; ++j) out.N(i, j) += s.G(i, j) * (s.count * s.G(i, j) - 2.0 * C(i, j));
        for (int b = 0; b < p_; ++b)
          for (int a = 0; a < p_; ++a) RM[i](a, b) += s.K(a * k_ + i, b * k_ + i);
      }
    }
    for (Mat& M : RM) M = R * M;
    for (int i = 0; i < k_; ++i)
      for (int j = 0; j < k_; ++j) out.N(i, j) += inner(RM[i], transpose(RM[j]));
    return out;
  }

  Vec response_moments() const override {
    Vec out(k_, 0.0);
    for (const Signature& s : signatures_)
      for (int i = 0; i < k_; ++i) out[i] += s.K(p_ * k_ + i, p_ * k_ + i);
    return out;
  }

  void set_response(const Response& r) override {
    for (std::size_t i = 0; i < r.Zy.size(); ++i) border_[i * (p_ + 1) + p_] = r.Zy[i];
    for (int j = 0; j < p_; ++j) XY_(p_, j) = XY_(j, p_) = r.Xy[j];
    XY_(p_, p_) = r.yy;
    add_levels();
  }

  std::unique_ptr<Engine> clone() const override { return std::make_unique<SignatureEngine>(*this); }
  const char* name() const override { return "signatures"; }

 private:
  int k_, p_;
  std::vector<Signature> signatures_;
  std::vector<std::int32_t> of_;  // signature of each level
  Vec border_;
  Mat XY_;

  void add_levels() {
    const int size = k_ * (p_ + 1);
    for (Signature& s : signatures_) {
      s.K = Mat(size, size);
      s.count = 0.0;
    }
    Vec vec(size);
    for (std::size_t v = 0; v < of_.size(); ++v) {
      Signature& s = signatures_[of_[v]];
      s.count += 1.0;
      for (int i = 0; i < k_; ++i)
        for (int a = 0; a <= p_; ++a) vec[a * k_ + i] = border_[(v * k_ + i) * (p_ + 1) + a];
      for (int b = 0; b < size; ++b)
        for (int a = 0; a < size; ++a) s.K(a, b) += vec[a] * vec[b];
    }
  }
  // sum over levels of (B c)(B c)'
  Mat contract(const Signature& s, const Vec& c) const {
    Mat C(k_, k_);
    for (int b = 0; b <= p_; ++b)
      for (int a = 0; a <= p_; ++a) {
        const double f = c[a] * c[b];
        for (int j = 0; j < k_; ++j)
          for (int i = 0; i < k_; ++i) C(i, j) += f * s.K(a * k_ + i, b * k_ + j);
      }
    return C;
  }
  // sum over levels of B_X Q^-1 B_X'
  Mat contract(const Signature& s, const Mat& Qinv) const {
    Mat C(k_, k_);
    for (int b = 0; b < p_; ++b)
      for (int a = 0; a < p_; ++a)
        for (int j = 0; j < k_; ++j)
          for (int i = 0; i < k_; ++i) C(i, j) += Qinv(a, b) * s.K(a * k_ + i, b * k_ + j);
    return C;
  }
  // HH += sum vec(N B_X) vec(N B_X)'
  void add_products(const Signature& s, Mat& HH) const {
    for (int b = 0; b < p_; ++b)
      for (int a = 0; a < p_; ++a) {
        Mat K(k_, k_);
        for (int j = 0; j < k_; ++j)
          for (int i = 0; i < k_; ++i) K(i, j) = s.K(a * k_ + i, b * k_ + j);
        K = s.N * K * transpose(s.N);
        for (int j = 0; j < k_; ++j)
          for (int i = 0; i < k_; ++i) HH(a * k_ + i, b * k_ + j) += K(i, j);
      }
  }
  // X_m += sum B_X' A B_X and HT_m += sum B_X' A B c
  void add_fixed(const Signature& s, const Mat& A, const Vec& c, Mat& X, double* HT) const {
    for (int b = 0; b <= p_; ++b)
      for (int a = 0; a < p_; ++a) {
        double sum = 0.0;
        for (int j = 0; j < k_; ++j)
          for (int i = 0; i < k_; ++i) sum += A(i, j) * s.K(a * k_ + i, b * k_ + j);
        if (b < p_) X(a, b) += sum;
        HT[a] += c[b] * sum;
      }
  }
};

// Equal up to rounding: sums of the same numbers in another order still share a signature.
std::vector<std::int64_t> key_of(const double* G, int k, double scale) {
  std::vector<std::int64_t> key;
  for (int i = 0; i < k; ++i)
    for (int j = 0; j <= i; ++j) key.push_back(std::llround(G[i * k + j] / scale * 1e11));
  return key;
}

constexpr double kPerSignature = 12.0;  // a signature costs about as much as this many single levels
constexpr double kAlways = 24.0;        // so few are worth it for their exact curvature

constexpr int kGlance = 2000;    // levels looked at before giving up on finding equal ones

}  // namespace

std::unique_ptr<Engine> make_signature(const Rows& rows, const Blocks& blocks) {
  if (rows.factors.size() != 1) return nullptr;
  const Factor& f = rows.factors[0];
  const int k = f.K;
  const double allowed = std::max(f.levels / kPerSignature, kAlways);
  double scale = 0.0;
  for (double g : blocks.diag[0]) scale = std::max(scale, std::abs(g));
  if (!(scale > 0.0)) return nullptr;
  std::map<std::vector<std::int64_t>, std::int32_t> known;
  std::vector<Signature> signatures;
  std::vector<std::int32_t> of(f.levels);
  for (int v = 0; v < f.levels; ++v) {
    const double* G = blocks.diag[0].data() + static_cast<std::size_t>(v) * k * k;
    const auto [it, fresh] = known.try_emplace(key_of(G, k, scale), static_cast<std::int32_t>(signatures.size()));
    if (fresh) {
      const double seen = static_cast<double>(signatures.size()) + 1.0;
      if (seen > allowed || (v >= kGlance && seen > 0.2 * (v + 1))) return nullptr;
      Signature s;
      s.G = Mat(k, k);
      std::copy_n(G, static_cast<std::size_t>(k) * k, s.G.a.data());
      signatures.push_back(std::move(s));
    }
    of[v] = it->second;
  }
  return std::make_unique<SignatureEngine>(k, rows.p, std::move(signatures), std::move(of), blocks.border, blocks.XY);
}

}  // namespace multilevel
