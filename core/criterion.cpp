#include "criterion.hpp"

#include <algorithm>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kStartLow = 0.1, kStartHigh = 20.0;  // a start at zero would be a saddle
constexpr double kStartBeyond = 1e3;
constexpr int kEscapes = 3;
constexpr double kFar = 10.0;
constexpr double kNothing = 1e-10;  // a variance, of the residuals'
constexpr double kDigits = 1e-4;    // of the criterion, beyond which it is not trusted
constexpr double kStep = 0.03;  // of a difference, in standard errors of the parameter

// beta, its inverse information and r2 with contrast'beta held, by a Lagrange multiplier; returns d r2 / d value.
double hold_contrast(const Given& given, Point& at) {
  const int p = at.Qinv.rows;
  Vec Qc(p, 0.0);
  double variance = 0.0, gap = given.value;
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) Qc[i] += at.Qinv(i, j) * given.contrast[j];
  for (int i = 0; i < p; ++i) variance += given.contrast[i] * Qc[i], gap -= given.contrast[i] * at.beta[i];
  for (int i = 0; i < p; ++i) at.beta[i] += Qc[i] * gap / variance;
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) at.Qinv(i, j) -= Qc[i] * Qc[j] / variance;
  at.r2 += gap * gap / variance;
  return 2.0 * gap / variance;
}

Mat scaled_by(Mat A, double f) {
  for (double& x : A.a) x *= f;
  return A;
}

// Whether some effect of a term does not vary.
bool without_variance(const std::vector<Mat>& lambda) {
  for (const Mat& L : lambda)
    for (int i = 0; i < L.rows; ++i) {
      double square = 0.0;
      for (int j = 0; j < L.cols; ++j) square += L(i, j) * L(i, j);
      if (square < kNothing) return true;
    }
  return false;
}

}  // namespace

LinearMixed::LinearMixed(Rows rows, const std::vector<std::pair<const std::int32_t*, int>>& factors, int carrier, double sigma)
    : rows_(std::move(rows)), carrier_(carrier), known_(sigma) {
  prepare(rows_, factors);
  blocks_ = add_up(rows_);
  if (!rows_.factors.empty()) {
    engine_ = make_signature(rows_, blocks_);
    if (!engine_) {
      Blocks given = std::move(blocks_);
      blocks_.XY = given.XY;
      blocks_.sum_log_w = given.sum_log_w;
      engine_ = make_elimination(rows_, std::move(given));
    }
  }
  blocks_.diag.clear();
  Vec().swap(blocks_.border);
  if (engine_) moments_inverse_ = moment_equations();
  cov_ = Covariances(rows_);
  for (const Factor& f : rows_.factors)
    if (carrier_ < 0 && known_ == 0.0 && f.size() >= rows_.n)
      least_share_ = std::sqrt(static_cast<double>(rows_.n) * std::numeric_limits<double>::epsilon() / kDigits);
}

LinearMixed::LinearMixed(const LinearMixed& o)
    : rows_(o.rows_), blocks_(o.blocks_), engine_(o.engine_ ? o.engine_->clone() : nullptr), cov_(o.cov_), carrier_(o.carrier_), known_(o.known_), least_share_(o.least_share_),
      moments_inverse_(o.moments_inverse_) {}

double LinearMixed::residual_scale() const {
  return rows_.fixed.y_scale * std::sqrt(std::max(0.0, blocks_.XY(rows_.p, rows_.p)) / rows_.fixed.total_weight);
}

bool LinearMixed::evaluate(const std::vector<Mat>& inner, const std::vector<Direction>* dirs, bool reml, Point& out,
                           const Given* given) {
  at_.clear();
  const int p = rows_.p;
  Mat cross = blocks_.XY;
  out.logdet = engine_ ? engine_->eliminate(cov_.by_factor(inner), cross) : 0.0;
  Mat L(p, p);
  out.beta.resize(p);
  for (int j = 0; j < p; ++j) {
    out.beta[j] = cross(j, p);
    for (int i = 0; i < p; ++i) L(i, j) = cross(i, j);
  }
  if (!std::isfinite(out.logdet) || !cholesky(L)) return false;
  solve_lower(L, out.beta.data());
  out.r2 = cross(p, p);
  for (double b : out.beta) out.r2 -= b * b;
  solve_lower_t(L, out.beta.data());
  if (!(out.r2 > least_share_ * blocks_.XY(p, p))) return false;
  out.logdet_q = 0.0;
  for (int j = 0; j < p; ++j) out.logdet_q += 2.0 * std::log(L(j, j));
  out.Qinv = inverse_spd(L);
  const double pull = given && !given->contrast.empty() ? hold_contrast(*given, out) : 0.0;

  const double nu = static_cast<double>(rows_.n) - (reml ? p : 0);
  const double s = rows_.fixed.y_scale;
  const double fixed = fixed_sigma2(given);
  const bool profiled = fixed == 0.0;
  const double sigma2 = profiled ? out.r2 / nu : fixed;
  out.pull = pull / sigma2;
  out.value = out.logdet + out.r2 / sigma2 + nu * (std::log(2.0 * std::numbers::pi * sigma2) + 2.0 * std::log(s)) - blocks_.sum_log_w;
  if (reml) out.value += out.logdet_q - 2.0 * rows_.fixed.logdet;
  if (!dirs || !engine_) return std::isfinite(out.value);

  Vec c(out.beta);
  for (double& b : c) b = -b;
  c.push_back(1.0);
  Slopes slopes;
  engine_->differentiate(c, {out.Qinv, reml}, *dirs, slopes);
  at_ = inner;
  const int m = static_cast<int>(dirs->size());
  std::vector<Mat> D;
  for (std::size_t f = 0; f < slopes.T.size(); ++f) {
    Mat d = slopes.T[f];
    for (std::size_t i = 0; i < d.a.size(); ++i) d.a[i] -= slopes.S[f].a[i] / sigma2;
    D.push_back(std::move(d));
  }
  out.gradient.resize(m);
  Vec tz(m);
  for (int j = 0; j < m; ++j) {
    const Direction& d = (*dirs)[j];
    out.gradient[j] = multilevel::inner(D[d.factor], d.psi_dot);
    tz[j] = multilevel::inner(slopes.S[d.factor], d.psi_dot);
  }
  Mat G = slopes.G;
  if (p > 0) {
    const Mat QH = out.Qinv * slopes.HT;
    const Mat correction = transpose(slopes.HT) * QH;
    for (std::size_t i = 0; i < G.a.size(); ++i) G.a[i] -= correction.a[i];
  }
  out.hessian = Mat(m, m);
  out.exact = slopes.exact;
  for (int j = 0; j < m; ++j)
    for (int i = 0; i < m; ++i) {
      double h = (slopes.exact ? 2.0 : 1.0) * G(i, j);
      if (profiled) h -= tz[i] * tz[j] / out.r2;
      h /= sigma2;
      if (slopes.exact) h -= slopes.trace(i, j);
      out.hessian(i, j) = h;
    }
  out.HT = std::move(slopes.HT);
  out.S = std::move(slopes.S);
  out.r2_slope = std::move(tz);
  out.D = cov_.by_term(D);
  return std::isfinite(out.value);
}

bool LinearMixed::engine_is_at(const std::vector<Mat>& inner) const {
  if (at_.size() != inner.size()) return false;
  for (std::size_t t = 0; t < inner.size(); ++t)
    if (!std::equal(inner[t].a.begin(), inner[t].a.end(), at_[t].a.begin(), at_[t].a.end())) return false;
  return true;
}

// Where to start: uncorrelated effects whose variances solve the moment equations of the least-squares residuals
// (MINQUE with prior variances zero, Rao 1971, J. Multivar. Anal. 1, 445-456), kept within reason. With P as in Moments,
//   E y'Py = sigma^2 (n - p + sum_c tau_c g_c),   E sum (z_j'Py)^2 = sigma^2 (g_j + sum_c tau_c N_jc)
Mat LinearMixed::moment_equations() const {
  Mat XX(rows_.p, rows_.p), inv;
  for (int j = 0; j < rows_.p; ++j)
    for (int i = 0; i < rows_.p; ++i) XX(i, j) = blocks_.XY(i, j);
  if (!cholesky(XX)) return {};
  const Moments m = engine_->moments(inverse_spd(XX));
  const int columns = static_cast<int>(m.g.size());
  Mat A(columns + 1, columns + 1);
  A(0, 0) = static_cast<double>(rows_.n - rows_.p);
  for (int j = 0; j < columns; ++j) {
    A(0, j + 1) = A(j + 1, 0) = m.g[j];
    for (int c = 0; c < columns; ++c) A(j + 1, c + 1) = m.N(j, c);
  }
  return inverse(A, inv) ? inv : Mat();
}

std::vector<Mat> LinearMixed::identities(double times) const {
  std::vector<Mat> L;
  for (const Term& t : rows_.terms) L.push_back(scaled_by(Mat::identity(t.k()), times));
  return L;
}

double LinearMixed::criterion_at(const Vec& inner, bool reml) {
  Point at;
  return evaluate(cov_.lambda_of(inner), nullptr, reml, at) ? at.value : HUGE_VAL;
}

std::vector<Mat> LinearMixed::moment_start() const {
  std::vector<Mat> L = identities(1.0);
  if (moments_inverse_.rows == 0) return L;
  Vec right = engine_->response_moments();
  right.insert(right.begin(), blocks_.XY(rows_.p, rows_.p));
  Vec x(right.size(), 0.0);
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j) x[i] += moments_inverse_(static_cast<int>(i), static_cast<int>(j)) * right[j];
  if (!(x[0] > 0.0)) return L;
  int at = 1;
  for (const Factor& f : rows_.factors) {
    for (std::size_t t = 0; t < f.terms.size(); ++t) {
      Mat& Lt = L[f.terms[t]];
      for (int j = 0; j < Lt.rows; ++j) {
        const double tau = x[at + f.first[t] + j] / x[0];
        Lt(j, j) = std::clamp(std::sqrt(std::max(tau, 0.0)), kStartLow, kStartHigh);
      }
    }
    at += f.K;
  }
  return L;
}

Vec LinearMixed::start_inner(const Vec* start) const {
  const Vec moments = start ? Vec() : cov_.start_of(moment_start());
  if (!start) return known_ > 0.0 ? cov_.scaled(moments, std::max(residual_scale() / known_, kStartLow)) : moments;
  cov_.check(*start);
  if (known_ > 0.0) return cov_.inner_theta(*start);
  for (const Mat& Lt : cov_.inner_lambda(*start))  // beyond, the criterion is so flat that any point looks like a minimum
    for (double x : Lt.a)
      if (std::abs(x) > kStartBeyond)
        throw Refused("start has random effects more than a thousand times as large as the residuals; give smaller values, or leave start out");
  return cov_.inner_theta(*start);
}

Solution LinearMixed::fit(bool reml, const Vec* start) {
  if (carrier_ >= 0) return fit_whole(reml, start);
  Point best;
  const auto lambda = [&](const Vec& x, const Point& at) {
    std::vector<Mat> L = cov_.lambda_of(cov_.to_natural(x));
    for (std::size_t t = 0; t < at.turn.size(); ++t) L[t] = at.turn[t] * L[t];
    return L;
  };
  const auto f = [&](const Vec& x, Point& out) {
    const std::vector<Mat>* maps = out.turn.empty() ? nullptr : &out.turn;
    const Vec theta = cov_.to_natural(x);
    const std::vector<Direction> dirs = cov_.directions(theta, maps);
    if (!evaluate(lambda(x, out), &dirs, reml, out)) return false;
    cov_.add_curvature(theta, maps, out.hessian, out.D);
    cov_.chain(x, out.gradient, &out.hessian);
    return true;
  };
  const auto turn = [&](bool far, const Point& from, Vec& next, Point& trial) {
    trial.turn = from.turn;
    if (!far || !cov_.can_turn()) return false;
    trial.turn = cov_.turn(lambda(next, trial), next);
    return true;
  };
  const auto value = [&](const Vec& x, Point& out) { return evaluate(lambda(x, out), nullptr, reml, out); };
  Vec theta = start_inner(start);
  NewtonResult r;
  for (int again = 0; again < kEscapes; ++again) {
    best.turn.clear();
    r = newton(f, cov_.to_search(theta), best, {}, turn, value);
    if (engine_ && !r.ahead && !engine_is_at(lambda(r.x, best))) f(r.x, best);  // the last point tried was not the best
    theta = cov_.settled(cov_.to_natural(r.x), best.turn);
    Vec away = theta;
    if (again + 1 == kEscapes) break;
    if (!cov_.escape(away, best.D)) {
      if (start || again > 0 || !without_variance(lambda(r.x, best))) break;
      // a slope without its fixed effect can have a minimum at zero and a lower one far away, where it takes that place
      away = cov_.start_of(identities(kFar));
      if (criterion_at(away, reml) < best.value) {
        theta = std::move(away);
        continue;
      }
      f(r.x, best);
      r.evaluations += 2;
      break;
    }
    theta = std::move(away);
  }
  Solution s = describe(best, cov_.lambda_of(theta), cov_.user_theta(theta), reml);
  s.evaluations = r.evaluations;
  s.decrement = r.decrement;
  s.lowest_curvature = r.lowest_curvature;
  s.converged = r.converged;
  s.path = r.path;
  return s;
}

bool LinearMixed::differentiated(const Vec& theta, bool reml, Point& out) {
  const std::vector<Mat> maps = cov_.maps_to_inner();
  const std::vector<Direction> dirs = cov_.directions(theta, &maps);
  if (!evaluate(cov_.inner_lambda(theta), &dirs, reml, out)) return false;
  cov_.add_curvature(theta, &maps, out.hessian, out.D);
  return true;
}

Solution LinearMixed::solve(const Vec& theta, bool reml) {
  cov_.check(theta);
  if (carrier_ >= 0) return solve_whole(theta, reml);
  Point at;
  if (!differentiated(theta, reml, at)) throw std::domain_error("the criterion is not finite at this theta");
  Solution s = describe(at, cov_.inner_lambda(theta), theta, reml);
  s.gradient = at.gradient;
  s.hessian = at.hessian;
  s.evaluations = 1;
  return s;
}

double LinearMixed::criterion(const Vec& theta, bool reml) {
  cov_.check(theta);
  if (carrier_ >= 0) return criterion_whole(theta, reml);
  Point at;
  return evaluate(cov_.inner_lambda(theta), nullptr, reml, at) ? at.value : HUGE_VAL;
}

Vec LinearMixed::user_beta(const Vec& inner) const {
  const FixedCoordinates& fx = rows_.fixed;
  Vec beta(rows_.p, 0.0);
  for (int j = 0; j < rows_.p; ++j)
    for (int i = 0; i < rows_.p; ++i) beta[i] += fx.map.full(i, j) * (fx.beta0[j] + fx.y_scale * inner[j]);
  if (fx.constant >= 0) beta[fx.constant] += fx.y_center / fx.constant_value;
  return beta;
}

Solution LinearMixed::describe(const Point& at, const std::vector<Mat>& inner, const Vec& theta_user, bool reml) {
  const FixedCoordinates& fx = rows_.fixed;
  const int p = rows_.p;
  const double nu = static_cast<double>(rows_.n) - (reml ? p : 0), s = fx.y_scale;
  Solution out;
  out.theta = theta_user;
  out.criterion = at.value;
  out.r2 = at.r2 * s * s;
  out.sigma = known_ > 0.0 ? known_ : s * std::sqrt(at.r2 / nu);
  out.logdet = at.logdet;
  out.logdet_rx = at.logdet_q - 2.0 * fx.logdet;
  out.beta = user_beta(at.beta);
  out.unscaled_vcov = fx.map.full * at.Qinv * transpose(fx.map.full);
  Vec c(at.beta);
  for (double& b : c) b = -b;
  c.push_back(1.0);
  const Vec b = engine_ ? engine_->modes(c) : Vec();
  for (std::size_t t = 0; t < rows_.terms.size(); ++t) {
    const Factor& f = rows_.factors[cov_.terms()[t].factor];
    const int k = rows_.terms[t].k(), o = cov_.terms()[t].first;
    const Mat& map = rows_.maps[t].full;
    Vec modes(static_cast<std::size_t>(f.levels) * k, 0.0);
    for (int v = 0; v < f.levels; ++v)
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < k; ++j) modes[static_cast<std::size_t>(v) * k + i] += s * map(i, j) * b[f.offset + static_cast<std::int64_t>(v) * f.K + o + j];
    out.modes.push_back(std::move(modes));
  }
  out.boundary_slope = cov_.boundary(inner, theta_user, at.D, out.smallest);
  return out;
}

std::vector<Posterior> LinearMixed::posterior(const Vec& theta) {
  Mat cross;
  at_.clear();
  engine_->eliminate(cov_.by_factor(cov_.inner_lambda(theta)), cross);
  const std::vector<Posterior> inner = engine_->posterior();
  std::vector<Posterior> out;
  const int p = rows_.p;
  const Mat X_back = [&] {  // F is against the inner columns of X: P Z'X_s = P Z'X full, so multiply by full^-1
    Mat inv;
    inverse(rows_.fixed.map.full, inv);
    return inv;
  }();
  for (std::size_t t = 0; t < rows_.terms.size(); ++t) {
    const Factor& f = rows_.factors[cov_.terms()[t].factor];
    const int k = rows_.terms[t].k(), o = cov_.terms()[t].first, K = f.K;
    const Mat& map = rows_.maps[t].full;
    const Mat mapT = transpose(map);
    Posterior post;
    for (int v = 0; v < f.levels; ++v) {
      Mat P(k, k), F(k, p);
      for (int i = 0; i < k; ++i) {
        for (int j = 0; j < k; ++j) P(i, j) = inner[cov_.terms()[t].factor].P[(static_cast<std::size_t>(v) * K + o + i) * K + o + j];
        for (int j = 0; j < p; ++j) F(i, j) = inner[cov_.terms()[t].factor].F[(static_cast<std::size_t>(v) * K + o + i) * p + j];
      }
      P = map * P * mapT;
      F = map * F * X_back;
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < k; ++j) post.P.push_back(P(i, j));
      for (int i = 0; i < k; ++i)
        for (int j = 0; j < p; ++j) post.F.push_back(F(i, j));
    }
    out.push_back(std::move(post));
  }
  return out;
}

Vec LinearMixed::variances(const Vec& theta, const std::vector<const std::int32_t*>& levels, const std::vector<std::vector<Column>>& Z, std::int64_t n) {
  Mat cross;
  at_.clear();
  engine_->eliminate(cov_.by_factor(cov_.inner_lambda(theta)), cross);
  return engine_->variances(combine(rows_, levels, Z, n));
}

std::vector<Contraction> LinearMixed::contractions(const Vec& theta) {
  Mat cross;
  at_.clear();
  engine_->eliminate(cov_.by_factor(cov_.inner_lambda(theta)), cross);
  Slopes slopes;
  slopes.products = true;
  engine_->differentiate(Vec(rows_.p + 1, 0.0), {}, {}, slopes);
  Mat X_back;  // H is against the inner columns of X
  inverse(rows_.fixed.map.full, X_back);
  const int p = rows_.p;
  std::vector<Contraction> out;
  for (std::size_t t = 0; t < rows_.terms.size(); ++t) {
    const int f = cov_.terms()[t].factor, k = rows_.terms[t].k(), o = cov_.terms()[t].first, K = rows_.factors[f].K;
    const Mat& back = cov_.terms()[t].to_inner;
    Contraction c{Mat(k, k), Mat(k * p, k * p)};
    Mat map(k * p, k * p);  // vec(H_user) = map vec(H_inner)
    for (int a = 0; a < p; ++a)
      for (int b = 0; b < p; ++b)
        for (int i = 0; i < k; ++i)
          for (int j = 0; j < k; ++j) map(a * k + i, b * k + j) = X_back(b, a) * back(j, i);
    for (int b = 0; b < p; ++b)
      for (int a = 0; a < p; ++a)
        for (int j = 0; j < k; ++j)
          for (int i = 0; i < k; ++i) c.HH(a * k + i, b * k + j) = slopes.HH[f](a * K + o + i, b * K + o + j);
    c.HH = map * c.HH * transpose(map);
    for (int j = 0; j < k; ++j)
      for (int i = 0; i < k; ++i) c.T(i, j) = slopes.T[f](o + i, o + j);
    c.T = transpose(back) * c.T * back;
    out.push_back(std::move(c));
  }
  return out;
}

// By the coordinates of a search: a parameter at its bound then is one whose slopes are zero.
bool LinearMixed::searched(const Vec& x, bool reml, Point& out) {
  if (!(carrier_ < 0 ? differentiated(cov_.to_natural(x), reml, out) : users_whole(cov_.to_natural(x), reml, out))) return false;
  cov_.chain(x, out.gradient, &out.hessian);
  if (engine_) cov_.chain(x, out.r2_slope, nullptr);
  return true;
}

// Where the engine has average information only: central differences, of fourth order, of the exact gradient and of r2.
void LinearMixed::curve_by_differences(const Vec& x, bool reml, Point& at) {
  const int m = static_cast<int>(x.size());
  double largest = 1.0;
  for (double t : x) largest = std::max(largest, std::abs(t));
  Mat H(m, m);
  Vec slope(m, 0.0);
  Point there;
  for (int j = 0; j < m; ++j) {
    const double curvature = at.hessian(j, j), h = kStep * (curvature > 0.0 ? std::sqrt(2.0 / curvature) : largest);
    for (const auto& [weight, steps] : {std::pair{8.0, 1.0}, {-8.0, -1.0}, {-1.0, 2.0}, {1.0, -2.0}}) {
      Vec moved(x);
      moved[j] += steps * h;
      if (!searched(moved, reml, there)) throw std::domain_error("the criterion is not finite near this theta");
      for (int i = 0; i < m; ++i) H(i, j) += weight / (12.0 * h) * there.gradient[i];
      slope[j] -= weight / (12.0 * h) * there.r2;
    }
  }
  for (int j = 0; j < m; ++j)
    for (int i = 0; i < m; ++i) at.hessian(i, j) = 0.5 * (H(i, j) + H(j, i));
  at.r2_slope = slope;
}

// With r2(theta) = nu sigma^2 the deviance has the second derivatives 4 nu / sigma^2 in sigma, -2 (dr2/dtheta) / sigma^3
// across, and d'' + c c' / (4 nu / sigma^2) in theta, c those across and d'' those of the profiled criterion.
// d(Q^-1)/dtheta_m = Q^-1 [ sum over levels of H_l' (dPsi/dtheta_m) H_l ] Q^-1.
PhiCurvature LinearMixed::curvature(const Vec& theta, bool reml) {
  Point at;
  cov_.check(theta);
  if (carrier_ >= 0) return curvature_whole(theta, reml);
  const Vec x = cov_.to_search(theta);
  if (!searched(x, reml, at)) throw std::domain_error("the criterion is not finite at this theta");
  const int p = rows_.p, m = static_cast<int>(theta.size());
  PhiCurvature out{Mat(m + 1, m + 1), {}};
  const std::vector<Mat> maps = cov_.maps_to_inner();
  if (engine_) {
    Slopes products;
    products.products = true;
    Mat cross;
    engine_->eliminate(cov_.by_factor(cov_.inner_lambda(theta)), cross);  // differentiating uses it up
    engine_->differentiate(Vec(p + 1, 0.0), {}, {}, products);
    const Vec rate = cov_.rates(x);
    for (const Direction& d : cov_.directions(theta, &maps)) {
      const Mat U = rows_.fixed.map.full * at.Qinv;
      out.slopes.push_back(scaled_by(U * products.sum_over(d) * transpose(U), rate[out.slopes.size()]));
    }
  }
  if (!at.exact) curve_by_differences(x, reml, at);
  if (known_ > 0.0) {
    for (int j = 0; j < m; ++j)
      for (int i = 0; i < m; ++i) out.deviance(i + 1, j + 1) = at.hessian(i, j);
    return out;
  }
  const double nu = static_cast<double>(rows_.n) - (reml ? p : 0), s = rows_.fixed.y_scale;
  const double sigma = s * std::sqrt(at.r2 / nu), HS = 4.0 * nu / (sigma * sigma);
  out.deviance(0, 0) = HS;
  for (int j = 0; j < m; ++j) out.deviance(0, j + 1) = out.deviance(j + 1, 0) = 2.0 * s * s * at.r2_slope[j] / (sigma * sigma * sigma);
  for (int j = 0; j < m; ++j)
    for (int i = 0; i < m; ++i) out.deviance(i + 1, j + 1) = at.hessian(i, j) + out.deviance(i + 1, 0) * out.deviance(0, j + 1) / HS;
  return out;
}

Response LinearMixed::drawn(const Draws& draws, const double* numbers, const Vec& theta, double sigma, const Vec& beta) const {
  Mat back;
  Vec inner_beta(rows_.p, 0.0);
  if (!inverse(rows_.fixed.map.full, back)) throw std::runtime_error("singular coordinates of the fixed effects");
  for (int j = 0; j < rows_.p; ++j)
    for (int i = 0; i < rows_.p; ++i) inner_beta[i] += back(i, j) * beta[j];
  return draws.draw(numbers, cov_.by_factor(cov_.inner_lambda(theta))[0], sigma, inner_beta);
}

void LinearMixed::set_response(const Column& y) {
  set_response(add_up_response(rows_, blocks_, y));
}

void LinearMixed::set_response(const Response& r) {
  rows_.fixed.beta0 = r.beta0;
  rows_.fixed.y_center = r.y_center;
  rows_.fixed.y_scale = r.y_scale;
  const int p = rows_.p;
  for (int j = 0; j < p; ++j) blocks_.XY(p, j) = blocks_.XY(j, p) = r.Xy[j];
  blocks_.XY(p, p) = r.yy;
  if (engine_) engine_->set_response(r);
  at_.clear();
}

}  // namespace multilevel
