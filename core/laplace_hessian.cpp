// The exact Hessian of the Laplace approximation: its gradient (laplace.hpp) differentiated once more, one direction after
// the other, the modes moving by the implicit function theorem (Skaug & Fournier 2006, Comput. Stat. Data Anal. 51, 699-709,
// section 2). Along (dPsi, dbeta, dshape), with a dot on what follows from it:
//
//   b. = dPsi z + P Z'e,  e = dr/dshape dshape - O (Z dPsi z + X dbeta)      eta. = Z b. + X dbeta      z. = Z'(e - O Z P Z'e)
//   (c., T.) from (w., dPsi); level by level, N = I - G P:   P. = N'dPsi N - P G. P   T. = N G. N' - T dPsi T
//   a. = (c dw/deta).   h. = Z x.,  x. = dPsi Z'v + P Z'(a. - O. h - O Z dPsi Z'v)   v. = a. - (O h).
//   (dd/dbeta).  = X'(v. - 2 r.)
//   (dd/dPsi).   = T. - (z z'). + (Z'v z' + z v'Z). / 2
//   (dd/dshape). = (-2 dl/dshape + c'dw/dshape + h'dr/dshape).
//
// Derivatives of a row that RowDerivatives does not have are differences along eta., for which no modes are sought; where
// factors cross, c. and T. are differences along (w., dLambda).
#include <algorithm>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>

#include "laplace.hpp"
#include "parallel.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kShare = 3e-5;    // of a standard error: a step
constexpr double kLongest = 1e-4;
constexpr int kShorter = 4;        // attempts, each ten times shorter, where a step leaves the family's range
constexpr double kRowWork = 60.0;  // operations on a row for one column

double dot(const Vec& a, const Vec& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

// (up - down) / 2h, in `up`
void slope_of(Vec& up, const Vec& down, double h) {
  for (std::size_t i = 0; i < up.size(); ++i) up[i] = (up[i] - down[i]) / (2.0 * h);
}

}  // namespace

// One direction, and what follows from it.
struct Laplace::Moving {
  int theta = -1, beta = -1, shape = -1;  // the parameter that moves
  const Direction* psi = nullptr;         // of theta
  double h = 0.0;                         // a short way along it
  Vec eta, zeta, r;                       // dots
  RowDerivatives rows;
  Vec c;
  std::vector<Mat> T;
  Vec q, n, dv, dh;                       // scratch
};

// Where the modes go: follow_tangent (modes.cpp) of one direction.
void Laplace::follow_modes(Moving& m) const {
  const Observations& o = *own_;
  m.eta.assign(o.n, 0.0);
  if (m.psi) {
    m.q.assign(q_, 0.0);
    spread(m.psi->factor, m.psi->psi_dot, zeta_, m.q);
    o.add_random(m.q, m.eta);
  }
  for (std::int64_t i = 0; m.beta >= 0 && i < o.n; ++i) m.eta[i] = o.X[i * o.p + m.beta];
  m.r.assign(o.n, 0.0);
  if (m.shape >= 0) m.r = d_.r_shape[m.shape];
  for (std::int64_t i = 0; i < o.n; ++i) m.r[i] -= d_.observed[i] * m.eta[i];
  if (!random()) return;
  m.q.resize(q_), m.zeta.resize(q_);
  o.random_sums(m.r, m.q);
  engine_->solve(m.q);
  m.n.assign(o.n, 0.0);
  o.add_random(m.q, m.n);
  for (std::int64_t i = 0; i < o.n; ++i) {
    m.eta[i] += m.n[i];
    m.r[i] -= d_.observed[i] * m.n[i];
  }
  o.random_sums(m.r, m.zeta);
}

// Derivatives of the rows along the direction: what is known, and differences.
bool Laplace::follow_rows(Moving& m) const {
  const Observations& o = *own_;
  RowDerivatives& d = m.rows;
  if (d_.ddw.empty() && !difference_rows(m)) return false;
  if (!d_.third.empty()) return true;
  d.w.resize(o.n), d.dw.resize(o.n);
  for (std::int64_t i = 0; i < o.n; ++i) d.w[i] = d_.dw[i] * m.eta[i] + (m.shape >= 0 ? d_.w_shape[m.shape][i] : 0.0);
  for (std::size_t i = 0; i < d_.ddw.size(); ++i) d.dw[i] = d_.ddw[i] * m.eta[i];
  if (family_.same_curvature()) d.observed = d.w;
  return true;
}

bool Laplace::difference_rows(Moving& m) const {
  const Observations& o = *own_;
  Likelihood family = family_;
  RowDerivatives &d = m.rows, down;
  Vec shape = shape_;
  m.n.resize(o.n);
  const auto at = [&](double h, RowDerivatives& out) {
    for (std::int64_t i = 0; i < o.n; ++i) m.n[i] = eta_[i] + h * m.eta[i];
    if (m.shape >= 0) {
      shape[m.shape] = shape_[m.shape] + h;
      family.set_shape(shape.data());
    }
    return std::isfinite(family.evaluate(o.n, o.y.data(), o.weight.data(), m.n.data(), Detail::full, out));
  };
  for (int attempt = 0; attempt < kShorter; ++attempt, m.h *= 0.1) {
    if (!at(m.h, d) || !at(-m.h, down)) continue;
    for (auto x : {&RowDerivatives::w, &RowDerivatives::dw, &RowDerivatives::observed, &RowDerivatives::third, &RowDerivatives::l_shape})
      slope_of(d.*x, down.*x, m.h);
    for (auto x : {&RowDerivatives::r_shape, &RowDerivatives::w_shape})
      for (std::size_t j = 0; j < (d.*x).size(); ++j) slope_of((d.*x)[j], (down.*x)[j], m.h);
    return true;
  }
  return false;
}

// c. and T.: in closed form where no two factors meet, or by differences along the straight line (w., dLambda) with the
// elimination lent for that.
bool Laplace::follow_determinant(const LaplaceAt& at, Moving& m, Elimination& lent) const {
  const Observations& o = *own_;
  if (lent.level_by_level()) {
    lent.follow(o, m.rows.w, m.psi, m.c, m.T);
    return true;
  }
  Vec c;
  std::vector<Mat> T;
  m.n.resize(o.n);
  const auto away = [&](double h, Vec& to_c, std::vector<Mat>& to_T) {
    for (std::int64_t i = 0; i < o.n; ++i) m.n[i] = d_.w[i] + h * m.rows.w[i];
    Vec theta = at.theta;
    if (m.theta >= 0) theta[m.theta] += h;
    return lent.determinant_slopes(o, m.n, lambda_at(theta, at.maps), to_c, to_T);
  };
  for (int attempt = 0; attempt < kShorter; ++attempt, m.h *= 0.1) {
    if (!away(m.h, m.c, m.T) || !away(-m.h, c, T)) continue;
    slope_of(m.c, c, m.h);
    for (std::size_t f = 0; f < T.size(); ++f)
      for (std::size_t i = 0; i < T[f].a.size(); ++i) m.T[f].a[i] = (m.T[f].a[i] - T[f].a[i]) / (2.0 * m.h);
    return true;
  }
  return false;
}

// The column of the Hessian that belongs to a direction, but for the curvature of Psi: the gradient's parts one by one.
void Laplace::follow_gradient(Moving& m, const Vec& Zv, const std::vector<Direction>& dirs, double* column) const {
  const Observations& o = *own_;
  const RowDerivatives& d = m.rows;
  Vec &dv = m.dv, &dh = m.dh;
  d_.slope(m.c, dv);
  d.slope(c_, m.n);
  for (std::int64_t i = 0; i < o.n; ++i) dv[i] += m.n[i] - d.observed[i] * h_[i];
  dh.assign(o.n, 0.0);
  if (random()) {
    m.n = dv;
    if (m.psi) {
      m.q.assign(q_, 0.0);
      spread(m.psi->factor, m.psi->psi_dot, Zv, m.q);
      o.add_random(m.q, dh);
      for (std::int64_t i = 0; i < o.n; ++i) m.n[i] -= d_.observed[i] * dh[i];
    }
    o.random_sums(m.n, m.q);
    engine_->solve(m.q);
    o.add_random(m.q, dh);
    for (std::int64_t i = 0; i < o.n; ++i) dv[i] -= d_.observed[i] * dh[i];
    o.random_sums(dv, m.q);
    add_outer(m.q, zeta_, 0.5, m.T);
    add_outer(Zv, m.zeta, 0.5, m.T);
    add_outer(m.zeta, zeta_, -1.0, m.T);
    for (const Direction& other : dirs) *column++ = inner(m.T[other.factor], other.psi_dot);
  }
  for (std::int64_t i = 0; i < o.n; ++i) dv[i] -= 2.0 * m.r[i];
  for (double g : o.fixed_sums(dv)) *column++ = g;
  for (std::size_t j = 0; j < d.l_shape.size(); ++j)
    *column++ = -2.0 * d.l_shape[j] + dot(m.c, d_.w_shape[j]) + dot(c_, d.w_shape[j]) + dot(dh, d_.r_shape[j]) + dot(h_, d.r_shape[j]);
}

// out.hessian, a model of it until then, at the point where the gradient was taken.
void Laplace::exact_hessian(const LaplaceAt& at, const std::vector<Direction>& dirs, LaplacePoint& out) {
  const Observations& o = *own_;
  const int m = random() ? static_cast<int>(dirs.size()) : 0, p = o.p, n = m + p + family_.shapes();
  Vec v, Zv(q_);
  d_.slope(c_, v);
  for (std::int64_t i = 0; i < o.n; ++i) v[i] -= d_.observed[i] * h_[i];
  if (random()) o.random_sums(v, Zv);
  std::vector<std::unique_ptr<Elimination>> lent(thread_count());
  std::vector<Moving> scratch(thread_count());
  const auto elimination = [&](int thread) -> Elimination& {
    if (engine_->level_by_level() && family_.same_curvature()) return *engine_;
    if (lent[thread]) return *lent[thread];
    lent[thread] = std::make_unique<Elimination>(*engine_);
    Vec c;
    std::vector<Mat> T;
    lent[thread]->determinant_slopes(o, d_.w, lambda_, c, T);
    return *lent[thread];
  };
  Mat H(n, n);
  std::mutex one;
  std::exception_ptr failure;
  parallel_for(n, kRowWork * n * static_cast<double>(o.n), [&](int j, int thread) {
    try {
      Moving& moving = scratch[thread];
      moving.theta = moving.beta = moving.shape = -1, moving.psi = nullptr;
      moving.h = std::min(kShare * std::sqrt(2.0 / std::max(std::abs(out.hessian(j, j)), 1e-300)), kLongest);
      if (j < m) moving.theta = j, moving.psi = &dirs[j];
      else if (j < m + p) moving.beta = j - m;
      else moving.shape = j - m - p;
      follow_modes(moving);
      bool follows = follow_rows(moving);
      if (random()) follows = follows && follow_determinant(at, moving, elimination(thread));
      else moving.c.assign(o.n, 0.0);
      if (!follows) throw Refused("the likelihood cannot be evaluated around its maximum; the estimates lie at the edge of what the family allows");
      follow_gradient(moving, Zv, dirs, H.col(j));
    } catch (...) {
      const std::scoped_lock lock(one);
      if (!failure) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
  symmetrise(H);
  if (random()) cov_.add_curvature(at.theta, at.maps, H, out.D);
  out.hessian = std::move(H);
  out.exact = true;
}

}  // namespace multilevel
