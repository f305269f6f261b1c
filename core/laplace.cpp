#include "laplace.hpp"

#include <algorithm>
#include <numeric>

namespace multilevel {

namespace {

constexpr double kSpread = 2.0;  // variance given the data over that without; never above one where densities are concave

double dot(const Vec& a, const Vec& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

bool symmetric_inverse(const Mat& A, Mat& out) {
  Mat L = A;
  if (!cholesky(L)) return false;
  out = inverse_spd(L);
  return true;
}

}  // namespace

Laplace::Laplace(const Rows& rows, const Covariances& covariances, Observations observations, const Likelihood& family)
    : q_(rows.q), cov_(covariances), own_(std::make_shared<Observations>(std::move(observations))), family_(family) {
  if (q_) engine_ = make_reweighed(rows, *own_);
  zeta_.assign(q_, 0.0);
  b_.assign(q_, 0.0);
}

Laplace::Laplace(const Laplace& o)
    : q_(o.q_), cov_(o.cov_), own_(o.own_), family_(o.family_),
      engine_(o.engine_ ? std::make_unique<Elimination>(*o.engine_) : nullptr), lambda_(o.lambda_), psi_(o.psi_), zeta_(o.zeta_),
      b_(o.b_), eta_(o.eta_), beta_(o.beta_), d_(o.d_), nodes_(o.nodes_), node_(o.node_), node_weight_(o.node_weight_), l_(o.l_),
      fixed_only_(o.fixed_only_), tangent_(o.tangent_), shape_(o.shape_) {}

void Laplace::set_response(const Rows& rows, const Column& y) {
  if (own_.use_count() > 1) own_ = std::make_shared<Observations>(*own_);
  multilevel::set_response(*own_, rows, y, family_);
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
  symmetrise(H);
  return H;
}

// D_f += scale sum over levels of (x y' + y x')
void Laplace::add_outer(const Vec& x, const Vec& y, double scale, std::vector<Mat>& D) const {
  const Observations& o = *own_;
  for (std::size_t f = 0; f < D.size(); ++f) {
    const int K = D[f].rows;
    const std::int64_t end = f + 1 < D.size() ? o.sides[f + 1].offset : q_;
    for (std::int64_t e = o.sides[f].offset; e < end; e += K)
      for (int j = 0; j < K; ++j)
        for (int i = 0; i < K; ++i) D[f](i, j) += scale * (x[e + i] * y[e + j] + y[e + i] * x[e + j]);
  }
}

// Whether some linear predictor varies far more given the data than without them. The joint density of a mixture need not
// be concave; where a mode is about to vanish Omega becomes singular, and -2 log L falls without bound to no purpose.
bool Laplace::spread_out(const Vec& c) const {
  const Observations& o = *own_;
  Vec prior(o.n, 0.0);
  for (std::size_t f = 0; f < psi_.size(); ++f) {
    const int K = psi_[f].rows;
    for (std::int64_t i = 0; i < o.n; ++i) {
      const double* z = o.sides[f].row(i);
      for (int j = 0; j < K; ++j)
        for (int l = 0; l < K; ++l) prior[i] += z[j] * psi_[f](j, l) * z[l];
    }
  }
  for (std::int64_t i = 0; i < o.n; ++i)  // independent predictors can become correlated: their sum by twice as much
    if (c[i] > (i % o.views < family_.predictors() ? kSpread : 2.0 * kSpread) * prior[i]) return true;
  return false;
}

std::vector<Mat> Laplace::lambda_at(const Vec& theta, const std::vector<Mat>* maps) const {
  std::vector<Mat> lambda = cov_.lambda_of(theta);
  for (std::size_t t = 0; maps && t < lambda.size(); ++t) lambda[t] = (*maps)[t] * lambda[t];
  return cov_.by_factor(lambda);
}

bool Laplace::evaluate(const LaplaceAt& at, Want want, LaplacePoint& out) {
  const Observations& o = *own_;
  const int p = o.p, s = family_.shapes();
  const std::vector<Direction> dirs = want == Want::value ? std::vector<Direction>() : cov_.directions(at.theta, at.maps);
  lambda_ = lambda_at(at.theta, at.maps);
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

  const bool curved = want == Want::curvature || want == Want::exact;
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
  Vec &c = c_, &h = h_;
  c.assign(o.n, 0.0);
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
    if (at.guarded && spread_out(c)) return false;
  }
  out.value = -2.0 * out.log_likelihood + out.penalty + out.logdet;
  if (!std::isfinite(out.value)) return false;

  Vec a, v(o.n);
  d_.slope(c, a);
  const Vec z = random() ? engine_->z() : Vec();
  if (!family_.same_curvature() && !factorise(d_.observed, nullptr)) return false;
  adjoint(a, at.beta_inside, h);
  tangent_ = random() && !at.beta_inside;
  for (std::int64_t i = 0; i < o.n; ++i) v[i] = a[i] - d_.observed[i] * h[i];

  std::vector<Mat> D;
  if (random()) {
    Vec Zv(q_);
    o.random_sums(v, Zv);
    D = slopes.T;
    for (std::size_t f = 0; f < D.size(); ++f)
      for (std::size_t i = 0; i < D[f].a.size(); ++i) D[f].a[i] -= slopes.S[f].a[i];
    add_outer(Zv, z, 0.5, D);
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
  if (random()) cov_.add_curvature(at.theta, at.maps, out.hessian, out.D);
  if (want == Want::exact) exact_hessian(at, dirs, out);
  if (at.nodes == 1) return true;
  out.D.clear();  // of Laplace, whose slope at a boundary is not that of quadrature; its Hessian is a good enough model
  return integrate(at, want, out);
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

void Laplace::factorise_posterior() {
  engine_->reweigh(*own_, d_.w);
  Mat cross(1, 1);
  engine_->set_border(1, Vec(q_, 0.0), cross);
  engine_->eliminate(lambda_, cross);
}

std::vector<Posterior> Laplace::posterior() {
  if (!engine_) return {};
  factorise_posterior();
  return engine_->posterior();
}

Vec Laplace::variances(const Combinations& c) {
  factorise_posterior();
  return engine_->variances(c);
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
