// The modes of the random effects by penalised iteratively reweighted least squares. See laplace.hpp.
#include <algorithm>
#include <numeric>

#include "laplace.hpp"

namespace multilevel {

namespace {

constexpr int kMostIterations = 200;
constexpr int kMostHalvings = 40;
constexpr double kLastStep = 1e-10;    // squared length of a Newton step, in posterior standard deviations, whose error is its square
constexpr double kLastScoring = 1e-22;
constexpr double kTangent = 1.0;       // on the scale of the linear predictor: further away the tangent tells nothing
constexpr double kFlat = 1e-10;        // curvature, relative to its column's, that is rounding
constexpr double kRoughStep = 1e-3;    // without random effects, where only a start is wanted

double dot(const Vec& a, const Vec& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

// Q x = b, without the directions in which Q is flat (responses that a column separates): there x does not move. False
// when Q has negative curvature.
bool solve_flat(const Mat& Q, const Vec& b, Vec& x) {
  const int p = Q.rows;
  Mat L = Q;
  x = b;
  bool steep = cholesky(L);
  for (int j = 0; steep && j < p; ++j) steep = L(j, j) * L(j, j) > kFlat * Q(j, j);
  if (steep) {
    solve_lower(L, x.data());
    solve_lower_t(L, x.data());
    return true;
  }
  Vec scale(p), w;
  Mat S = Q, V;
  for (int j = 0; j < p; ++j) scale[j] = Q(j, j) > 0.0 ? 1.0 / std::sqrt(Q(j, j)) : 0.0;
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) S(i, j) *= scale[i] * scale[j];
  eigen_symmetric(S, w, V);
  if (!(w.front() > -kFlat * w.back())) return false;
  std::fill(x.begin(), x.end(), 0.0);
  for (int e = 0; e < p; ++e) {
    if (w[e] <= kFlat * w.back()) continue;
    double along = 0.0;
    for (int i = 0; i < p; ++i) along += V(i, e) * scale[i] * b[i];
    for (int i = 0; i < p; ++i) x[i] += scale[i] * V(i, e) * along / w[e];
  }
  return true;
}

}  // namespace

void Laplace::spread(std::size_t f, const Mat& psi, const Vec& zeta, Vec& b) const {
  const int K = psi.rows;
  const std::int64_t end = f + 1 < psi_.size() ? own_->sides[f + 1].offset : q_;
  for (std::int64_t at = own_->sides[f].offset; at < end; at += K)
    for (int i = 0; i < K; ++i) {
      double s = 0.0;
      for (int j = 0; j < K; ++j) s += psi(i, j) * zeta[at + j];
      b[at + i] = s;
    }
}

void Laplace::spread(const Vec& zeta, Vec& b) const {
  for (std::size_t f = 0; f < psi_.size(); ++f) spread(f, psi_[f], zeta, b);
}

Vec Laplace::through_X(const Vec& beta) const {
  Vec eta(own_->n, 0.0);
  own_->add_fixed(beta, eta);
  return eta;
}

bool Laplace::factorise(const Vec& w, double* logdet) {
  if (!random()) return true;
  engine_->reweigh(*own_, w);
  engine_->set_border(0, {}, {});
  Mat cross;
  const double d = engine_->eliminate(lambda_, cross);
  if (logdet) *logdet = d;
  return engine_->definite() && std::isfinite(d);
}

// Newton's step for beta and b together: beta's equations are what is left when the random effects are eliminated.
bool Laplace::joint_step(const Vec& y, Vec& db, Vec& dbeta, double& decrement) {
  const Observations& o = *own_;
  const int p = o.p;
  const Mat XX = o.weighted_squares(d_.observed);
  const Vec Xr = o.fixed_sums(d_.r);
  Mat cross(p + 1, p + 1);
  for (int j = 0; j < p; ++j) {
    for (int i = 0; i < p; ++i) cross(i, j) = XX(i, j);
    cross(p, j) = cross(j, p) = Xr[j];
  }
  if (random()) {
    Vec border(static_cast<std::size_t>(q_) * (p + 1));
    o.weighted_border(d_.observed, p + 1, border);
    for (std::int64_t e = 0; e < q_; ++e) border[e * (p + 1) + p] = y[e];
    engine_->reweigh(o, d_.observed);
    engine_->set_border(p + 1, std::move(border), cross);
    const double logdet = engine_->eliminate(lambda_, cross);
    if (!engine_->definite() || !std::isfinite(logdet)) return false;
  }
  Mat Q(p, p);
  Vec right(p);
  for (int j = 0; j < p; ++j) {
    right[j] = cross(j, p);
    for (int i = 0; i < p; ++i) Q(i, j) = cross(i, j);
  }
  if (!solve_flat(Q, right, dbeta)) return false;
  decrement = dot(right, dbeta) - cross(p, p);
  if (random()) {
    Vec pull = through_X(dbeta);
    for (std::int64_t i = 0; i < o.n; ++i) pull[i] *= d_.observed[i];
    o.random_sums(pull, db);
    for (std::int64_t e = 0; e < q_; ++e) db[e] = y[e] - db[e];
    engine_->solve(db);
  }
  return true;
}

// Modes of the linear mixed model of the working response at predictors near each row's own response.
bool Laplace::near_the_response() {
  const Observations& o = *own_;
  double sum = 0.0, total = 0.0;
  for (std::int64_t i = 0; i < o.n; ++i) sum += o.weight[i] * o.y[i], total += o.weight[i];
  Vec eta(o.n), e(o.n);
  for (std::int64_t i = 0; i < o.n; i += o.views) {
    eta[i] = family_.eta_near(o.y[i], o.weight[i], sum / total);
    for (int v = 1; v < o.views; ++v)  // other predictors stay at their fixed parts
      if (sees(family_.predictors(), v, 0)) eta[i + v] = eta[i];
  }
  family_.evaluate(o.n, o.y.data(), o.weight.data(), eta.data(), Detail::scoring, d_);
  const Vec fixed = through_X(beta_);
  for (std::int64_t i = 0; i < o.n; ++i) e[i] = d_.r[i] + d_.observed[i] * (eta[i] - o.offset[i] - fixed[i]);
  if (!factorise(d_.observed, nullptr)) return false;
  o.random_sums(e, b_);
  engine_->solve(b_);
  Vec Zb(o.n, 0.0);
  o.add_random(b_, Zb);
  for (std::int64_t i = 0; i < o.n; ++i) e[i] -= d_.observed[i] * Zb[i];
  o.random_sums(e, zeta_);
  return true;
}

bool Laplace::find_modes(bool beta_inside, Detail last) {
  const Observations& o = *own_;
  const auto likelihood = [&](const Vec& eta, Detail detail) { return family_.evaluate(o.n, o.y.data(), o.weight.data(), eta.data(), detail, d_); };
  const auto predictor = [&] {
    eta_ = o.offset;
    o.add_fixed(beta_, eta_);
    spread(zeta_, b_);
    o.add_random(b_, eta_);
  };
  const bool nothing_to_find = !random() && !beta_inside;
  predictor();
  double l = likelihood(eta_, nothing_to_find ? last : Detail::newton);
  for (int attempt = 0; !std::isfinite(l) && random() && attempt < 2; ++attempt) {  // the modes of other parameters do not fit here
    if (attempt == 0) std::fill(zeta_.begin(), zeta_.end(), 0.0);
    else if (!near_the_response()) return false;
    predictor();
    l = likelihood(eta_, Detail::newton);
  }
  if (!std::isfinite(l)) return false;
  l_ = l;
  if (nothing_to_find) return true;
  double f = -2.0 * l + dot(zeta_, b_);
  Vec y(q_), db(q_), dzeta(q_), dbeta(o.p, 0.0), d_eta(o.n), eta(o.n), pull(o.n), beta;
  for (int it = 0; it < kMostIterations; ++it) {
    ++iterations_;
    if (random()) o.random_sums(d_.r, y);
    for (std::int64_t e = 0; e < q_; ++e) y[e] -= zeta_[e];
    bool newton = true;
    double decrement = 0.0;
    const auto step = [&] {
      if (beta_inside) return joint_step(y, db, dbeta, decrement);
      if (!factorise(d_.observed, nullptr)) return false;
      db = y;
      engine_->solve(db);
      decrement = dot(y, db);
      return true;
    };
    if (!step() || decrement < 0.0) {  // not convex here
      newton = false;
      likelihood(eta_, Detail::scoring);
      if (!step()) return false;
    }
    std::fill(d_eta.begin(), d_eta.end(), 0.0);
    if (beta_inside) o.add_fixed(dbeta, d_eta);
    if (random()) o.add_random(db, d_eta);
    for (std::int64_t i = 0; i < o.n; ++i) pull[i] = d_.r[i] - d_.observed[i] * d_eta[i];
    if (random()) o.random_sums(pull, dzeta);
    for (std::int64_t e = 0; e < q_; ++e) dzeta[e] -= zeta_[e];
    const double p0 = dot(zeta_, b_), p1 = dot(zeta_, db), p2 = dot(dzeta, db);
    const bool done = decrement < (fixed_only_ ? kRoughStep : newton ? kLastStep : kLastScoring);
    double alpha = 1.0, f_new = 0.0;
    const double slack = 1e-12 * (1.0 + std::abs(f));
    for (int half = 0;; ++half, alpha *= 0.5) {
      if (half == kMostHalvings) return false;
      for (std::int64_t i = 0; i < o.n; ++i) eta[i] = eta_[i] + alpha * d_eta[i];
      l_ = likelihood(eta, done ? last : Detail::newton);
      f_new = -2.0 * l_ + p0 + 2.0 * alpha * p1 + alpha * alpha * p2;
      if (std::isfinite(f_new) && (done || f_new <= f + slack)) break;
    }
    f = f_new;
    eta_.swap(eta);
    for (std::int64_t e = 0; e < q_; ++e) zeta_[e] += alpha * dzeta[e];
    if (beta_inside)
      for (int j = 0; j < o.p; ++j) beta_[j] += alpha * dbeta[j];
    spread(zeta_, b_);
    if (done) return true;
  }
  return false;
}

// Where the modes go, to first order, when Psi, beta and the shapes move from where the last gradient was taken. With the
// factor of the observed information still at hand:
//   db = dPsi zeta + P Z'e,  e = dr/dshape dshape - O (Z dPsi zeta + X dbeta)      dzeta = Z'(e - O Z P Z'e)
void Laplace::follow_tangent(const std::vector<Mat>& psi, const Vec& beta, const Vec& shape) {
  const Observations& o = *own_;
  Vec b(q_), moved(o.n, 0.0), e(o.n, 0.0), dbeta(beta), x(q_), step(o.n, 0.0);
  const std::vector<Mat> old = std::move(psi_);
  psi_ = psi;
  spread(zeta_, b);
  psi_ = old;
  for (std::int64_t i = 0; i < q_; ++i) b[i] -= b_[i];
  o.add_random(b, moved);
  for (std::size_t j = 0; j < dbeta.size(); ++j) dbeta[j] -= beta_[j];
  o.add_fixed(dbeta, moved);
  for (std::int64_t i = 0; i < o.n; ++i) e[i] = -d_.observed[i] * moved[i];
  for (std::size_t j = 0; j < shape.size(); ++j)
    if (shape[j] != shape_[j])
      for (std::int64_t i = 0; i < o.n; ++i) e[i] += d_.r_shape[j][i] * (shape[j] - shape_[j]);
  o.random_sums(e, x);
  engine_->solve(x);
  o.add_random(x, step);
  double furthest = 0.0;
  for (std::int64_t i = 0; i < o.n; ++i) {
    furthest = std::max(furthest, std::abs(moved[i] + step[i]));
    e[i] -= d_.observed[i] * step[i];
  }
  if (!(furthest < kTangent)) return;
  o.random_sums(e, x);
  for (std::int64_t i = 0; i < q_; ++i) zeta_[i] += x[i];
}

}  // namespace multilevel
