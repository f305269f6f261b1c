// Adaptive Gauss-Hermite quadrature for one grouping factor, with its exact gradient.
//
// Pinheiro & Bates (1995), J. Comput. Graph. Stat. 4, 12-35, section 2.4. Per level, with the mode u^ and Omega = L L' of
// laplace.hpp, R = L^-T, nodes t_i and weights omega_i of the standard normal density, u_i = u^ + R t_i and
// h(u) = l(u) - |u|^2 / 2:
//
//   log L = h(u^) - log|Omega| / 2 + log S,   S = sum_i rho_i,   rho_i = omega_i exp(h(u_i) - h(u^) + |t_i|^2 / 2)
//
// One node is the Laplace approximation. Gradient of d = -2 log L, with p_i = rho_i / S, q_i = dh/du at u_i = Lambda'Z'r_i - u_i:
//   nodes move with the mode:   gamma = sum p_i q_i
//   and with R:                 B = Omega^-1 + 2 R S R',  S = lower half of G'R made symmetric,  G = sum p_i q_i t_i'
//   B stands for Omega^-1 in the Laplace gradient:  c_i = U_i'B U_i, a = c dw/deta
//   the mode itself:            s = (Lambda'Z'O Z Lambda + I)^-1 (Lambda'Z'a - 2 gamma)
//   dd/dLambda = sum over levels of  -2 sum p_i Z'r_i u_i' + 2 A Lambda B + Z'(a - O Us) u^' + Z'r s'
//   dd/dbeta   = -2 sum p_i X'r_i + X'(a - O Us)        dd/dshape = -2 sum p_i dl_i + c'dw + (Us)'dr
//
// Where rows have two predictors these are sums over their views, and l and dl stand with the first of them.
#include <algorithm>
#include <numeric>

#include "laplace.hpp"

namespace multilevel {

namespace {

// Nodes and weights for the standard normal density: eigenvalues of the Jacobi matrix (Golub & Welsch 1969), polished by
// Newton's method; weights from the orthonormal polynomials, all terms positive.
void hermite(int n, Vec& nodes, Vec& weights) {
  Mat J(n, n), V;
  for (int i = 1; i < n; ++i) J(i, i - 1) = J(i - 1, i) = std::sqrt(static_cast<double>(i));
  eigen_symmetric(J, nodes, V);
  weights.assign(n, 0.0);
  for (int k = 0; k < n; ++k) {
    for (int pass = 0; pass < 3; ++pass) {
      double before = 0.0, now = 1.0, squares = 0.0;
      for (int j = 0; j < n; ++j) {
        squares += now * now;
        const double next = (nodes[k] * now - std::sqrt(static_cast<double>(j)) * before) / std::sqrt(j + 1.0);
        before = now;
        now = next;
      }
      weights[k] = 1.0 / squares;
      if (pass < 2) nodes[k] -= now / (std::sqrt(static_cast<double>(n)) * before);
    }
  }
}

}  // namespace

bool Laplace::integrate(const LaplaceAt& at, Want want, LaplacePoint& out) {
  const Observations& o = *own_;
  const Side& side = o.sides[0];
  const Mat& Lam = lambda_[0];
  const int K = side.K, s = family_.shapes(), p = o.p, levels = static_cast<int>(q_ / K);
  const bool slopes = want != Want::value;
  if (at.nodes != nodes_) hermite(nodes_ = at.nodes, node_, node_weight_);

  std::vector<std::int64_t> start(levels + 1, 0);  // rows stand level by level
  for (std::int64_t i = 0; i < o.n; ++i) ++start[side.code[i] + 1];
  for (int v = 0; v < levels; ++v) start[v + 1] += start[v];

  // the modes, and R of every level
  std::vector<Mat> A(levels, Mat(K, K)), R(levels);
  Vec u(q_, 0.0), half_logdet(levels, 0.0);
  for (int v = 0; v < levels; ++v) {
    for (std::int64_t i = start[v]; i < start[v + 1]; ++i) {
      const double* z = side.row(i);
      for (int b = 0; b < K; ++b)
        for (int a = 0; a < K; ++a) A[v](a, b) += d_.w[i] * z[a] * z[b];
    }
    Mat Omega = transpose(Lam) * A[v] * Lam;
    for (int a = 0; a < K; ++a) Omega(a, a) += 1.0;
    if (!cholesky(Omega)) return false;
    for (int a = 0; a < K; ++a) half_logdet[v] += std::log(Omega(a, a));
    R[v] = transpose(inverse_lower(Omega));
    for (int j = 0; j < K; ++j)
      for (int i = 0; i < K; ++i) u[v * K + j] += Lam(i, j) * zeta_[v * K + i];
  }
  Vec base(o.offset);  // predictors without random effects
  o.add_fixed(beta_, base);

  RowDerivatives at_node;
  at_node.by_row = true;
  family_.evaluate(o.n, o.y.data(), o.weight.data(), eta_.data(), Detail::value, at_node);
  Vec h0(levels, 0.0), S(levels, 0.0);
  for (int v = 0; v < levels; ++v) {
    for (std::int64_t i = start[v]; i < start[v + 1]; i += o.views) h0[v] += at_node.l[i / o.views];
    for (int a = 0; a < K; ++a) h0[v] -= 0.5 * u[v * K + a] * u[v * K + a];
  }
  // sums over the nodes, weighted by rho
  Vec r_mean(slopes ? o.n : 0, 0.0), gamma(slopes ? q_ : 0, 0.0), l_shape(static_cast<std::size_t>(levels) * s, 0.0);
  std::vector<Mat> G(slopes ? levels : 0, Mat(K, K)), ru(slopes ? levels : 0, Mat(K, K));
  Vec eta(o.n), b(q_), ui(q_), t(K), Zr(K), q(K);
  int total = 1;
  for (int a = 0; a < K; ++a) total *= at.nodes;
  for (int node = 0; node < total; ++node) {
    double weight = 1.0, square = 0.0;
    for (int a = 0, rest = node; a < K; ++a, rest /= at.nodes) {
      t[a] = node_[rest % at.nodes];
      weight *= node_weight_[rest % at.nodes];
      square += t[a] * t[a];
    }
    for (int v = 0; v < levels; ++v)
      for (int i = 0; i < K; ++i) {
        double x = u[v * K + i];
        for (int j = 0; j < K; ++j) x += R[v](i, j) * t[j];
        ui[v * K + i] = x;
      }
    for (int v = 0; v < levels; ++v)
      for (int i = 0; i < K; ++i) {
        double x = 0.0;
        for (int j = 0; j < K; ++j) x += Lam(i, j) * ui[v * K + j];
        b[v * K + i] = x;
      }
    eta = base;
    o.add_random(b, eta);
    // outside the domain the density is zero: the rows' l is not finite, and the node has no weight
    family_.evaluate(o.n, o.y.data(), o.weight.data(), eta.data(), !slopes ? Detail::value : s ? Detail::full : Detail::newton, at_node);
    for (int v = 0; v < levels; ++v) {
      double h = 0.0;
      for (std::int64_t i = start[v]; i < start[v + 1]; i += o.views) h += at_node.l[i / o.views];
      for (int a = 0; a < K; ++a) h -= 0.5 * ui[v * K + a] * ui[v * K + a];
      if (!std::isfinite(h)) continue;
      const double rho = weight * std::exp(h - h0[v] + 0.5 * square);
      S[v] += rho;
      if (!slopes) continue;
      std::fill(Zr.begin(), Zr.end(), 0.0);
      for (std::int64_t i = start[v]; i < start[v + 1]; ++i) {
        r_mean[i] += rho * at_node.r[i];
        for (int a = 0; a < K; ++a) Zr[a] += side.row(i)[a] * at_node.r[i];
        if (i % o.views) continue;
        for (int j = 0; j < s; ++j) l_shape[static_cast<std::size_t>(v) * s + j] += rho * at_node.l_shape_row[j][i / o.views];
      }
      for (int a = 0; a < K; ++a) {
        q[a] = -ui[v * K + a];
        for (int i = 0; i < K; ++i) q[a] += Lam(i, a) * Zr[i];
        gamma[v * K + a] += rho * q[a];
      }
      for (int j = 0; j < K; ++j)
        for (int i = 0; i < K; ++i) {
          G[v](i, j) += rho * q[i] * t[j];
          ru[v](i, j) += rho * Zr[i] * ui[v * K + j];
        }
    }
  }
  double log_integral = 0.0;
  for (int v = 0; v < levels; ++v) log_integral += h0[v] - half_logdet[v] + std::log(S[v]);
  out.logdet = 2.0 * std::accumulate(half_logdet.begin(), half_logdet.end(), 0.0);
  out.value = -2.0 * (log_integral + o.constant);
  if (!std::isfinite(out.value)) return false;
  if (!slopes) return true;

  Vec c(o.n), in_beta, g_shape(s, 0.0), s_v(K), Zx(K);
  std::vector<Mat> B(levels);
  for (int v = 0; v < levels; ++v) {
    const double one = 1.0 / S[v];
    const Mat M = transpose(G[v]) * R[v];
    Mat half(K, K);
    for (int j = 0; j < K; ++j)
      for (int i = j; i < K; ++i) half(i, j) = half(j, i) = 0.5 * one * M(i, j);
    B[v] = R[v] * transpose(R[v]);
    const Mat moved = R[v] * half * transpose(R[v]);
    for (std::size_t i = 0; i < moved.a.size(); ++i) B[v].a[i] += 2.0 * moved.a[i];
    const Mat P = Lam * B[v] * transpose(Lam);
    for (std::int64_t i = start[v]; i < start[v + 1]; ++i) {
      const double* z = side.row(i);
      c[i] = 0.0;
      for (int b2 = 0; b2 < K; ++b2)
        for (int a = 0; a < K; ++a) c[i] += z[a] * P(a, b2) * z[b2];
      for (int j = 0; j < s; ++j) g_shape[j] += c[i] * d_.w_shape[j][i];
    }
  }
  d_.slope(c, in_beta);
  Mat D(K, K);  // dd/dLambda
  for (int v = 0; v < levels; ++v) {
    const double one = 1.0 / S[v];
    // the mode's own equation, with the observed weights
    Mat Observed = Mat::identity(K);
    Vec tau(K);
    Mat ZOZ(K, K);
    std::fill(Zx.begin(), Zx.end(), 0.0);
    for (std::int64_t i = start[v]; i < start[v + 1]; ++i) {
      const double* z = side.row(i);
      for (int b2 = 0; b2 < K; ++b2)
        for (int a = 0; a < K; ++a) ZOZ(a, b2) += d_.observed[i] * z[a] * z[b2];
      for (int a = 0; a < K; ++a) Zx[a] += z[a] * in_beta[i];
    }
    const Mat inside = transpose(Lam) * ZOZ * Lam;
    for (std::size_t i = 0; i < inside.a.size(); ++i) Observed.a[i] += inside.a[i];
    if (!cholesky(Observed)) return false;
    for (int a = 0; a < K; ++a) {
      s_v[a] = -2.0 * one * gamma[v * K + a];
      for (int i = 0; i < K; ++i) s_v[a] += Lam(i, a) * Zx[i];
    }
    solve_lower(Observed, s_v.data());
    solve_lower_t(Observed, s_v.data());
    std::fill(Zx.begin(), Zx.end(), 0.0);
    for (std::int64_t i = start[v]; i < start[v + 1]; ++i) {
      const double* z = side.row(i);
      double Us = 0.0;
      for (int j = 0; j < K; ++j)
        for (int a = 0; a < K; ++a) Us += z[a] * Lam(a, j) * s_v[j];
      in_beta[i] += -d_.observed[i] * Us;
      for (int a = 0; a < K; ++a) Zx[a] += z[a] * in_beta[i];
      in_beta[i] -= 2.0 * one * r_mean[i];
      for (int j = 0; j < s; ++j) g_shape[j] += Us * d_.r_shape[j][i];
    }
    for (int j = 0; j < s; ++j) g_shape[j] -= 2.0 * one * l_shape[static_cast<std::size_t>(v) * s + j];
    const Mat ALB = A[v] * Lam * B[v];
    for (int j = 0; j < K; ++j)
      for (int i = 0; i < K; ++i)
        D(i, j) += -2.0 * one * ru[v](i, j) + 2.0 * ALB(i, j) + Zx[i] * u[v * K + j] + zeta_[v * K + i] * s_v[j];
  }
  out.gradient.clear();
  for (std::size_t term = 0; term < cov_.terms().size(); ++term) {
    const auto& shape = cov_.terms()[term];
    free_entries(shape.k, shape.structure, [&](int i, int j) {
      double g = 0.0;
      for (int a = 0; a < shape.k; ++a) g += (at.maps ? (*at.maps)[term](a, i) : a == i ? 1.0 : 0.0) * D(shape.first + a, shape.first + j);
      out.gradient.push_back(g);
    });
  }
  const Vec g = o.fixed_sums(in_beta);
  out.gradient.insert(out.gradient.end(), g.begin(), g.begin() + p);
  out.gradient.insert(out.gradient.end(), g_shape.begin(), g_shape.end());
  return true;
}

}  // namespace multilevel
