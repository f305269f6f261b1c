#include "laplace.hpp"

#include <algorithm>
#include <numeric>

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

bool symmetric_inverse(const Mat& A, Mat& out) {
  Mat L = A;
  if (!cholesky(L)) return false;
  out = inverse_spd(L);
  return true;
}

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

Laplace::Laplace(const Rows& rows, const Covariances& covariances, Observations observations, const Likelihood& family)
    : q_(rows.q), cov_(covariances), own_(std::make_unique<Observations>(std::move(observations))), family_(family) {
  if (q_) engine_ = make_reweighed(rows, *own_);
  zeta_.assign(q_, 0.0);
  b_.assign(q_, 0.0);
}

Laplace::Laplace(const Laplace& o)
    : q_(o.q_), cov_(o.cov_), own_(std::make_unique<Observations>(*o.own_)), family_(o.family_),
      engine_(o.engine_ ? std::make_unique<Elimination>(*o.engine_) : nullptr), zeta_(o.zeta_), b_(o.b_) {}

void Laplace::spread(const Vec& zeta, Vec& b) const {
  const Observations& o = *own_;
  for (std::size_t f = 0; f < psi_.size(); ++f) {
    const int K = psi_[f].rows;
    const std::int64_t end = f + 1 < psi_.size() ? o.sides[f + 1].offset : q_;
    for (std::int64_t at = o.sides[f].offset; at < end; at += K)
      for (int i = 0; i < K; ++i) {
        double s = 0.0;
        for (int j = 0; j < K; ++j) s += psi_[f](i, j) * zeta[at + j];
        b[at + i] = s;
      }
  }
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
  for (std::int64_t i = 0; i < o.n; ++i) eta[i] = family_.eta_near(o.y[i], o.weight[i], sum / total);
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

// h = Z P Z'a with the observed weights; with beta among the modes, its part of the inverse too.
void Laplace::adjoint(const Vec& a, bool beta_inside, Vec& h) {
  const Observations& o = *own_;
  Vec x(q_);
  const auto project = [&](const Vec& from, Vec& to) {  // Z P Z' from
    to.assign(o.n, 0.0);
    if (!random()) return;
    o.random_sums(from, x);
    engine_->solve(x);
    o.add_random(x, to);
  };
  project(a, h);
  if (!beta_inside || o.p == 0) return;
  const int p = o.p;
  Vec v(o.n);
  for (std::int64_t i = 0; i < o.n; ++i) v[i] = a[i] - d_.observed[i] * h[i];
  Vec right = o.fixed_sums(v), t(o.n), Pt;
  Mat Q(p, p);
  for (int j = 0; j < p; ++j) {
    for (std::int64_t i = 0; i < o.n; ++i) t[i] = d_.observed[i] * o.X[i * p + j];
    project(t, Pt);
    for (std::int64_t i = 0; i < o.n; ++i) t[i] -= d_.observed[i] * Pt[i];
    const Vec column = o.fixed_sums(t);
    std::copy(column.begin(), column.end(), Q.col(j));
  }
  if (!cholesky(Q)) return;
  solve_lower(Q, right.data());
  solve_lower_t(Q, right.data());
  const Vec Xb = through_X(right);
  for (std::int64_t i = 0; i < o.n; ++i) t[i] = d_.observed[i] * Xb[i];
  project(t, Pt);
  for (std::int64_t i = 0; i < o.n; ++i) h[i] += Xb[i] - Pt[i];
}

// d2l / dshape dshape' at the modes, by differences of its exact first derivative: it only guides the optimiser.
Mat Laplace::shape_curvature(const Vec& shape) {
  const int s = family_.shapes();
  Mat H(s, s);
  constexpr double step = 1e-4;
  RowDerivatives scratch;
  for (int j = 0; j < s; ++j)
    for (int side = -1; side <= 1; side += 2) {
      Vec moved = shape;
      moved[j] += side * step;
      family_.set_shape(moved.data());
      family_.evaluate(own_->n, own_->y.data(), own_->weight.data(), eta_.data(), Detail::full, scratch);
      for (int i = 0; i < s; ++i) H(i, j) += side * scratch.l_shape[i] / (2.0 * step);
    }
  family_.set_shape(shape.data());
  for (int j = 0; j < s; ++j)
    for (int i = 0; i < j; ++i) H(i, j) = H(j, i) = 0.5 * (H(i, j) + H(j, i));
  return H;
}

bool Laplace::evaluate(const LaplaceAt& at, Want want, LaplacePoint& out) {
  const Observations& o = *own_;
  const int p = o.p, s = family_.shapes();
  std::vector<Mat> lambda = cov_.lambda_of(at.theta);
  const std::vector<Direction> dirs = want == Want::value ? std::vector<Direction>() : cov_.directions(lambda, at.maps);
  if (at.maps)
    for (std::size_t t = 0; t < lambda.size(); ++t) lambda[t] = (*at.maps)[t] * lambda[t];
  lambda_ = cov_.by_factor(lambda);
  std::vector<Mat> psi;
  for (const Mat& L : lambda_) psi.push_back(L * transpose(L));
  if (tangent_ && random()) follow_tangent(psi, at.beta, at.shape);
  tangent_ = false;
  psi_ = std::move(psi);
  shape_ = at.shape;
  family_.set_shape(at.shape.data());
  beta_ = at.beta;
  out.exact = false;
  if (!find_modes(at.beta_inside, Detail::full)) return false;
  out.beta = beta_;
  out.penalty = dot(zeta_, b_);
  out.log_likelihood = l_ + o.constant;
  out.logdet = 0.0;
  if (at.nodes > 1 && want != Want::curvature) return integrate(at, want, out);
  if (want == Want::value) {
    if (!factorise(d_.w, &out.logdet)) return false;
    out.value = -2.0 * out.log_likelihood + out.penalty + out.logdet;
    return std::isfinite(out.value);
  }

  const bool curved = want == Want::curvature;
  const int columns = curved ? p + s + 1 : 1;
  Mat cross(columns, columns);
  if (curved) {
    const Mat XX = o.weighted_squares(d_.w);
    for (int j = 0; j < p; ++j)
      for (int i = 0; i < p; ++i) cross(i, j) = XX(i, j);
    const Mat H = shape_curvature(at.shape);
    for (int j = 0; j < s; ++j) {
      const Vec Xr = o.fixed_sums(d_.r_shape[j]);
      for (int i = 0; i < p; ++i) cross(i, p + j) = cross(p + j, i) = -Xr[i];
      for (int i = 0; i < s; ++i) cross(p + i, p + j) = -H(i, j);
    }
  }
  Slopes slopes;
  Vec c(o.n, 0.0);
  if (random()) {
    Vec border(static_cast<std::size_t>(q_) * columns, 0.0), sums(q_), working(o.n, 0.0);
    if (curved) o.weighted_border(d_.w, columns, border);
    for (int j = 0; curved && j < s; ++j) {
      o.random_sums(d_.r_shape[j], sums);
      for (std::int64_t e = 0; e < q_; ++e) border[e * columns + p + j] = -sums[e];
    }
    o.add_random(b_, working);
    for (std::int64_t i = 0; i < o.n; ++i) working[i] = d_.r[i] + d_.w[i] * working[i];
    o.random_sums(working, sums);
    for (std::int64_t e = 0; e < q_; ++e) border[e * columns + columns - 1] = sums[e];
    engine_->reweigh(o, d_.w);
    engine_->set_border(columns, std::move(border), cross);
    out.logdet = engine_->eliminate(lambda_, cross);
    if (!engine_->definite() || !std::isfinite(out.logdet)) return false;
    Vec last(columns, 0.0);
    last.back() = 1.0;
    engine_->differentiate(last, {Mat(columns - 1, columns - 1), false}, curved ? dirs : std::vector<Direction>(), slopes);
    engine_->row_variances(o, c);
  }
  out.value = -2.0 * out.log_likelihood + out.penalty + out.logdet;
  if (!std::isfinite(out.value)) return false;

  Vec a(o.n), h, v(o.n);
  for (std::int64_t i = 0; i < o.n; ++i) a[i] = c[i] * d_.dw[i];
  const Vec z = random() ? engine_->z() : Vec();
  if (!family_.same_curvature() && !factorise(d_.observed, nullptr)) return false;
  adjoint(a, at.beta_inside, h);
  tangent_ = random() && !at.beta_inside;
  for (std::int64_t i = 0; i < o.n; ++i) v[i] = a[i] - d_.observed[i] * h[i];

  std::vector<Mat> D;
  if (random()) {
    Vec Zv(q_);
    o.random_sums(v, Zv);
    for (std::size_t f = 0; f < psi_.size(); ++f) {
      const int K = psi_[f].rows;
      Mat d = slopes.T[f];
      for (std::size_t i = 0; i < d.a.size(); ++i) d.a[i] -= slopes.S[f].a[i];
      const std::int64_t end = f + 1 < psi_.size() ? o.sides[f + 1].offset : q_;
      for (std::int64_t e = o.sides[f].offset; e < end; e += K)
        for (int i = 0; i < K; ++i)
          for (int j = 0; j < K; ++j) d(i, j) += 0.5 * (Zv[e + i] * z[e + j] + z[e + i] * Zv[e + j]);
      D.push_back(std::move(d));
    }
    out.D = cov_.by_term(D);
  }
  out.gradient.clear();
  if (random())
    for (const Direction& d : dirs) out.gradient.push_back(inner(D[d.factor], d.psi_dot));
  if (!at.beta_inside) {
    for (std::int64_t i = 0; i < o.n; ++i) v[i] -= 2.0 * d_.r[i];
    const Vec g = o.fixed_sums(v);
    out.gradient.insert(out.gradient.end(), g.begin(), g.end());
  }
  for (int j = 0; j < s; ++j) out.gradient.push_back(-2.0 * d_.l_shape[j] + dot(c, d_.w_shape[j]) + dot(h, d_.r_shape[j]));
  if (!curved) return true;

  out.Q = Mat(p, p);
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) out.Q(i, j) = cross(i, j);
  if (!random()) slopes.G = Mat(0, 0), slopes.HT = Mat(p + s, 0);
  model_hessian(slopes, cross, at.beta_inside, out);
  if (random()) cov_.add_curvature(at.maps, out.hessian, out.D);
  return at.nodes > 1 ? integrate(at, want, out) : true;  // the Hessian of Laplace is a good enough model
}

// [G + HT'Q^-1 HT, 2 HT'; 2 HT, 2 Q]: profiled over (beta, shape) this is the average information of engine.hpp. With beta
// among the modes, its Schur complement.
void Laplace::model_hessian(const Slopes& slopes, const Mat& cross, bool beta_inside, LaplacePoint& out) const {
  const int m = slopes.G.rows, p = own_->p, s = family_.shapes(), e = p + s, n = m + e;
  Mat Q(e, e), Qinv, H(n, n);
  for (int j = 0; j < e; ++j)
    for (int i = 0; i < e; ++i) Q(i, j) = cross(i, j);
  Mat add(m, m);
  if (m && e && symmetric_inverse(Q, Qinv)) add = transpose(slopes.HT) * (Qinv * slopes.HT);
  for (int j = 0; j < m; ++j)
    for (int i = 0; i < m; ++i) H(i, j) = slopes.G(i, j) + add(i, j);
  for (int j = 0; j < m; ++j)
    for (int i = 0; i < e; ++i) H(m + i, j) = H(j, m + i) = 2.0 * slopes.HT(i, j);
  for (int j = 0; j < e; ++j)
    for (int i = 0; i < e; ++i) H(m + i, m + j) = 2.0 * Q(i, j);
  if (!beta_inside) {
    out.hessian = std::move(H);
    return;
  }
  Mat B(p, p), Binv, rest(m + s, m + s), off(p, m + s);
  const auto old = [&](int i) { return i < m ? i : i + p; };
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) B(i, j) = H(m + i, m + j);
  for (int j = 0; j < m + s; ++j) {
    for (int i = 0; i < m + s; ++i) rest(i, j) = H(old(i), old(j));
    for (int i = 0; i < p; ++i) off(i, j) = H(m + i, old(j));
  }
  if (p && symmetric_inverse(B, Binv)) {
    const Mat gone = transpose(off) * (Binv * off);
    for (std::size_t i = 0; i < rest.a.size(); ++i) rest.a[i] -= gone.a[i];
  }
  out.hessian = std::move(rest);
}

std::vector<Posterior> Laplace::posterior() {
  if (!engine_) return {};
  engine_->reweigh(*own_, d_.w);
  Mat cross(1, 1);
  engine_->set_border(1, Vec(q_, 0.0), cross);
  engine_->eliminate(lambda_, cross);
  return engine_->posterior();
}

void Laplace::start_moments(const Vec& beta, const Vec& shape, Vec& excess, Vec& squares) {
  const Observations& o = *own_;
  family_.set_shape(shape.data());
  Vec eta = o.offset;
  o.add_fixed(beta, eta);
  family_.evaluate(o.n, o.y.data(), o.weight.data(), eta.data(), Detail::scoring, d_);
  Vec sums(q_);
  o.random_sums(d_.r, sums);
  for (const Side& side : o.sides) {
    const int K = side.K;
    const std::int64_t end = &side == &o.sides.back() ? q_ : (&side + 1)->offset;
    Vec weights(end - side.offset, 0.0);
    for (std::int64_t i = 0; i < o.n; ++i)
      for (int j = 0; j < K; ++j) weights[static_cast<std::int64_t>(side.code[i]) * K + j] += d_.observed[i] * side.row(i)[j] * side.row(i)[j];
    for (int j = 0; j < K; ++j) {
      double e = 0.0, q = 0.0;
      for (std::int64_t at = j; at < end - side.offset; at += K) {
        const double x = sums[side.offset + at];
        e += x * x - weights[at];
        q += weights[at] * weights[at];
      }
      excess.push_back(e);
      squares.push_back(q);
    }
  }
}

}  // namespace multilevel
