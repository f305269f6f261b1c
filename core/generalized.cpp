#include "generalized.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "newton.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kStartLow = 0.1, kStartHigh = 2.0;   // a start at zero would be a saddle
constexpr double kFastGain = 1e-2;                    // of the search with beta among the modes, whose optimum is only a start
constexpr double kSearchGain = 1e-8, kGain = 1e-11;
constexpr double kDifference = 1e-3;                  // of a standard error
constexpr double kLongest = 1e-2;
constexpr double kConverged = 1e-6;                   // a shape on its way to infinity gains ever less
constexpr int kPolish = 8, kRestarts = 4, kSmaller = 4;
constexpr double kFlat = 1e-9;                        // of the largest curvature
constexpr double kUnseen = 1e-6;

// 2 H^-1 restricted to beta, without the directions that H does not see (a rotation of effects whose variance is zero);
// NaN where H has negative curvature: no minimum.
Mat covariance(const Mat& H, int first, int p) {
  const int n = H.rows;
  Vec scale(n);
  Mat S = H;
  for (int i = 0; i < n; ++i) scale[i] = H(i, i) > 0.0 ? 1.0 / std::sqrt(H(i, i)) : 0.0;
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) S(i, j) *= scale[i] * scale[j];
  Vec w;
  Mat V, out(p, p);
  eigen_symmetric(S, w, V);
  for (int e = 0; e < n; ++e) {
    if (w[e] < -kFlat * w.back()) {
      std::fill(out.a.begin(), out.a.end(), std::numeric_limits<double>::quiet_NaN());
      return out;
    }
    double in_beta = 0.0;
    for (int i = 0; i < p; ++i) in_beta += V(first + i, e) * V(first + i, e);
    if (!(w[e] > kFlat * w.back()) && in_beta < kUnseen) continue;
    const double curvature = std::max(w[e], 1e-16 * w.back());  // a flat direction of beta has a variance without bound
    for (int j = 0; j < p; ++j)
      for (int i = 0; i < p; ++i) out(i, j) += 2.0 * V(first + i, e) * V(first + j, e) / curvature;
  }
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) out(i, j) *= scale[first + i] * scale[first + j];
  return out;
}

}  // namespace

// theta (times theta_scale), beta unless it is among the modes, and the shapes that are not fixed.
struct GeneralizedMixed::Outer {
  int m, p, s;
  bool beta_inside = false;
  int nodes = 1;
  const std::vector<Mat>* maps = nullptr;
  Vec theta_scale;
  Vec shape;                // all of them; the fixed ones stay
  std::vector<int> free;    // shapes that move
  mutable Vec beta;         // start of beta among the modes

  int size() const { return m + (beta_inside ? 0 : p) + static_cast<int>(free.size()); }
  Vec pack(const Vec& theta, const Vec& b, const Vec& sh) const {
    Vec x;
    for (int i = 0; i < m; ++i) x.push_back(theta[i] / theta_scale[i]);
    if (!beta_inside) x.insert(x.end(), b.begin(), b.end());
    for (int j : free) x.push_back(sh[j]);
    return x;
  }
  LaplaceAt at(const Vec& x) const {
    LaplaceAt a;
    for (int i = 0; i < m; ++i) a.theta.push_back(x[i] * theta_scale[i]);
    const int e = beta_inside ? m : m + p;
    a.beta = beta_inside ? beta : Vec(x.begin() + m, x.begin() + e);
    a.shape = shape;
    for (std::size_t j = 0; j < free.size(); ++j) a.shape[free[j]] = x[e + j];
    a.maps = maps;
    a.beta_inside = beta_inside;
    a.nodes = nodes;
    return a;
  }
};

GeneralizedMixed::GeneralizedMixed(Rows rows, const std::vector<std::pair<const std::int32_t*, int>>& factors, const double* offset,
                                   Family family, Link link, Curvature curvature)
    : rows_(std::move(rows)), offset_(offset ? Vec(offset, offset + rows_.n) : Vec()), has_offset_(offset != nullptr) {
  const Likelihood likelihood(family, link, curvature);
  prepare(rows_, factors);
  cov_ = Covariances(rows_);
  to_inner_ = cov_.maps_to_inner();
  beta_map_ = rows_.fixed.map.full;
  if (rows_.p && !inverse(beta_map_, beta_to_inner_)) throw Refused("the columns of the fixed effects cannot be told apart");
  laplace_ = std::make_unique<Laplace>(rows_, cov_, observe(rows_, has_offset_ ? offset_.data() : nullptr, likelihood), likelihood);
  describe_response();
}

GeneralizedMixed::GeneralizedMixed(const GeneralizedMixed& o)
    : rows_(o.rows_), offset_(o.offset_), has_offset_(o.has_offset_), cov_(o.cov_), laplace_(std::make_unique<Laplace>(*o.laplace_)),
      to_inner_(o.to_inner_), beta_map_(o.beta_map_), beta_to_inner_(o.beta_to_inner_), mean_(o.mean_), variance_(o.variance_) {}

void GeneralizedMixed::describe_response() {
  const Observations& o = laplace_->observations();
  double total = 0.0, sum = 0.0, squares = 0.0;
  for (std::int64_t i = 0; i < o.n; ++i) total += o.weight[i], sum += o.weight[i] * o.y[i];
  mean_ = sum / total;
  for (std::int64_t i = 0; i < o.n; ++i) squares += o.weight[i] * (o.y[i] - mean_) * (o.y[i] - mean_);
  variance_ = squares / total;
}

void GeneralizedMixed::set_response(const Column& y) {
  rows_.y = y;
  multilevel::set_response(laplace_->observations(), rows_, y, laplace_->family());
  laplace_->forget();
  describe_response();
}

Vec GeneralizedMixed::times(const Mat& A, const Vec& x) const {
  Vec out(A.rows, 0.0);
  for (int j = 0; j < A.cols; ++j)
    for (int i = 0; i < A.rows; ++i) out[i] += A(i, j) * x[j];
  return out;
}

void GeneralizedMixed::check_nodes(int n_agq) const {
  if (n_agq < 0) throw Refused("n_agq is negative; expected 0 (fast), 1 (Laplace) or more nodes");
  if (n_agq > 100) throw Refused("n_agq is above 100; adaptive quadrature has converged long before");
  if (n_agq <= 1) return;
  if (rows_.factors.size() != 1)
    throw Refused("adaptive quadrature (n_agq > 1) needs exactly one grouping factor; found " + std::to_string(rows_.factors.size()) +
                  ": use n_agq=1, the Laplace approximation");
  if (rows_.factors[0].K > 3)
    throw Refused("adaptive quadrature (n_agq > 1) takes up to 3 random effects per level; found " + std::to_string(rows_.factors[0].K) +
                  ": use n_agq=1, the Laplace approximation");
}

bool GeneralizedMixed::evaluate(const Outer& outer, const Vec& x, Want want, LaplacePoint& out) {
  ++evaluations_;
  for (double v : x)
    if (!std::isfinite(v)) return false;
  if (!laplace_->evaluate(outer.at(x), want, out)) return false;
  if (want == Want::value) return true;
  const int before = outer.m + (outer.beta_inside ? 0 : outer.p), n = outer.size();
  std::vector<int> keep(before);
  for (int i = 0; i < before; ++i) keep[i] = i;
  for (int j : outer.free) keep.push_back(before + j);
  const auto scale = [&](int i) { return i < outer.m ? outer.theta_scale[i] : 1.0; };
  Vec g(n);
  for (int i = 0; i < n; ++i) g[i] = scale(i) * out.gradient[keep[i]];
  out.gradient = std::move(g);
  if (want != Want::curvature) return true;
  Mat H(n, n);
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) H(i, j) = scale(i) * scale(j) * out.hessian(keep[i], keep[j]);
  out.hessian = std::move(H);
  return true;
}

// Least squares of predictors near each row's own response, then the model without random effects.
bool GeneralizedMixed::start_beta(const Vec& shape, Vec& beta) {
  const Observations& o = laplace_->observations();
  const Likelihood& family = laplace_->family();
  const int p = o.p;
  Mat XX = o.weighted_squares(o.weight);
  if (!cholesky(XX)) return false;
  for (const bool own : {true, false}) {
    Vec target(o.n);
    for (std::int64_t i = 0; i < o.n; ++i)
      target[i] = o.weight[i] * (family.eta_near(own ? o.y[i] : mean_, own ? o.weight[i] : 1e6, mean_) - o.offset[i]);
    beta = o.fixed_sums(target);
    solve_lower(XX, beta.data());
    solve_lower_t(XX, beta.data());
    LaplaceAt at;
    at.theta.assign(cov_.size(), 0.0);
    at.beta = beta;
    at.shape = shape;
    at.beta_inside = p > 0;
    LaplacePoint point;
    laplace_->leave_out_random(true);
    const bool found = laplace_->evaluate(at, Want::value, point);
    laplace_->leave_out_random(false);
    if (found) {
      beta = point.beta;
      return true;
    }
  }
  return false;
}

// Uncorrelated effects from the scores of the model without them: E (z'r)^2 = A + tau A^2, A = z'Wz.
Vec GeneralizedMixed::start_theta(const Vec& beta, const Vec& shape) {
  Vec excess, squares;
  laplace_->start_moments(beta, shape, excess, squares);
  std::vector<Mat> L;
  for (const auto& t : cov_.terms()) L.push_back(Mat::identity(t.k));
  int base = 0;
  for (const Factor& f : rows_.factors) {
    for (std::size_t t = 0; t < f.terms.size(); ++t)
      for (int j = 0; j < L[f.terms[t]].rows; ++j) {
        const int c = base + f.first[t] + j;
        L[f.terms[t]](j, j) = std::clamp(std::sqrt(std::max(excess[c] / squares[c], 0.0)), kStartLow, kStartHigh);
      }
    base += f.K;
  }
  return cov_.theta_of(L);
}

// Central differences of the exact gradient, each step a small share of a standard error.
Mat GeneralizedMixed::difference_hessian(const Outer& outer, const Vec& x, const Mat& model) {
  const int n = outer.size();
  Mat H(n, n);
  LaplacePoint up, down;
  for (int j = 0; j < n; ++j) {
    const double curvature = std::abs(model(j, j));
    double h = kDifference * std::min(std::sqrt(2.0 / std::max(curvature, 1e-300)), kLongest / kDifference);
    bool inside = false;
    for (int half = 0; !inside && half < kSmaller; ++half) {
      if (half) h *= 0.1;
      Vec a = x, b = x;
      a[j] += h;
      b[j] -= h;
      inside = evaluate(outer, a, Want::gradient, up) && evaluate(outer, b, Want::gradient, down);
    }
    if (!inside)
      throw Refused("the likelihood cannot be evaluated around its maximum; the estimates lie at the edge of what the family allows");
    for (int i = 0; i < n; ++i) H(i, j) = (up.gradient[i] - down.gradient[i]) / (2.0 * h);
  }
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < j; ++i) H(i, j) = H(j, i) = 0.5 * (H(i, j) + H(j, i));
  return H;
}

GeneralizedSolution GeneralizedMixed::fit(int n_agq, const GeneralizedStart& start, bool full) {
  check_nodes(n_agq);
  evaluations_ = 0;
  const int iterations = laplace_->iterations();
  const int m = cov_.size(), p = rows_.p, s = n_shape();
  const bool fast_only = n_agq == 0;
  Outer search;
  search.m = m, search.p = p, search.s = s;
  search.theta_scale.assign(m, 1.0);
  search.shape.assign(s, 0.0);
  if (start.shape) search.shape = *start.shape;
  else laplace_->family().start_shape(mean_, variance_, search.shape.data());
  for (int j = 0; j < s; ++j)
    if (start.fixed.empty() || !start.fixed[j]) search.free.push_back(j);
  Vec beta(p, 0.0), theta(m, 0.0), shape = search.shape;
  if (start.beta) beta = times(beta_to_inner_, *start.beta);
  else if (!start_beta(shape, beta)) throw Refused("no start found: the model without random effects has no finite estimates, or the link does not reach this response");
  if (start.theta) {
    std::vector<Mat> L = cov_.inner_lambda(cov_.lambda_of(*start.theta));
    for (std::size_t t = 0; t < L.size(); ++t)
      if (cov_.terms()[t].structure == Structure::us) L[t] = lower_factor(L[t]);
    theta = cov_.theta_of(L);
  } else if (m) {
    theta = start_theta(beta, shape);
  }

  Vec path;
  LaplacePoint best;
  const auto minimise = [&](Outer& o, double gain) {
    o.beta = beta;
    NewtonOptions options;
    options.gain = options.enough = gain;
    const auto f = [&](const Vec& x, LaplacePoint& out) {
      if (!evaluate(o, x, Want::curvature, out)) return false;
      if (o.beta_inside) o.beta = out.beta;
      return true;
    };
    NewtonResult r = newton(f, o.pack(theta, beta, shape), best, options);
    for (int half = 0; r.path.empty() && half < kSmaller; ++half) {  // effects this large leave the family's range
      for (double& t : theta) t *= 0.25;
      r = newton(f, o.pack(theta, beta, shape), best, options);
    }
    path.insert(path.end(), r.path.begin(), r.path.end());
    if (r.path.empty()) throw Refused("the likelihood cannot be evaluated at the start; give another start");
    const LaplaceAt at = o.at(r.x);
    theta = at.theta, shape = at.shape;
    beta = o.beta_inside ? best.beta : at.beta;
    return r;
  };

  // beta among the modes: cheap, robust, and lme4's fast variant
  Outer fast = search;
  fast.beta_inside = true;
  if (m || fast_only) {
    if (m) minimise(fast, fast_only ? kSearchGain : kFastGain);
  }
  const std::vector<Mat> scaled = [&] {
    std::vector<Mat> out;
    for (const Mat& A : to_inner_) out.push_back(A);
    return out;
  }();
  // steps of theta in the user's coordinates that move the inner ones by about one
  Outer user = fast_only ? fast : search;
  user.maps = &scaled;
  user.nodes = std::max(1, n_agq);
  {
    int at = 0;
    for (std::size_t t = 0; t < scaled.size(); ++t)
      free_entries(scaled[t].rows, cov_.terms()[t].structure, [&](int i, int) {
        double norm = 0.0;
        for (int a = 0; a < scaled[t].rows; ++a) norm += scaled[t](a, i) * scaled[t](a, i);
        user.theta_scale[at++] = norm > 0.0 ? 1.0 / std::sqrt(norm) : 1.0;
      });
  }
  const auto to_user = [&] {
    std::vector<Mat> inner = cov_.lambda_of(theta);
    cov_.settle_zeros(inner);
    theta = cov_.theta_of(cov_.user_lambda(inner));
  };
  const auto to_inner = [&] {
    std::vector<Mat> L = cov_.inner_lambda(cov_.lambda_of(theta));
    for (std::size_t t = 0; t < L.size(); ++t)
      if (cov_.terms()[t].structure == Structure::us) L[t] = lower_factor(L[t]);
    theta = cov_.theta_of(L);
  };

  GeneralizedSolution out;
  Mat H;
  Vec x;
  for (int round = 0;; ++round) {
    if (n_agq > 1) {
      minimise(search, kFastGain);  // Laplace first: quadrature only moves it a little
      to_user();
      Outer quadrature = user;
      minimise(quadrature, kSearchGain);
      // a sign of a column of Lambda is free
      theta = cov_.theta_of([&] {
        std::vector<Mat> L = cov_.lambda_of(theta);
        for (Mat& A : L)
          for (int j = 0; j < A.cols; ++j)
            if (A(j, j) < 0.0)
              for (int i = j; i < A.rows; ++i) A(i, j) = -A(i, j);
        return L;
      }());
    } else {
      if (!fast_only) minimise(search, full ? kSearchGain : kGain);
      to_user();
    }
    user.beta = beta;
    user.shape = shape;
    x = user.pack(theta, beta, shape);
    if (!evaluate(user, x, Want::curvature, best)) throw Refused("the likelihood cannot be evaluated at the estimates found");
    if (!full) break;
    H = difference_hessian(user, x, best.hessian);
    // Newton with the Hessian itself ends the search
    double last = HUGE_VAL;
    TrustStep t;
    for (int k = 0; k < kPolish && user.size(); ++k) {
      t = trust_region_step(best.gradient, H, 0.5);
      if (t.predicted <= 1e-16 || t.predicted >= 0.5 * last) break;
      Vec next = x;
      for (std::size_t i = 0; i < x.size(); ++i) next[i] += t.step[i];
      LaplacePoint trial;
      if (!evaluate(user, next, Want::curvature, trial) || trial.value > best.value + 1e-9 * (1.0 + std::abs(best.value))) break;
      last = t.predicted;
      x = std::move(next);
      best = std::move(trial);
      if (user.beta_inside) user.beta = best.beta;
    }
    if (user.size()) t = trust_region_step(best.gradient, H, 0.5);
    out.decrement = t.predicted;
    out.lowest_curvature = t.lowest;
    const LaplaceAt at = user.at(x);
    theta = at.theta, shape = at.shape, beta = user.beta_inside ? best.beta : at.beta;
    path.push_back(best.value);
    if (t.predicted < 1e-6 || round == kRestarts) break;
    // a saddle: leave it along the negative curvature
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += t.step[i];
    const LaplaceAt away = user.at(x);
    theta = away.theta, shape = away.shape;
    if (!user.beta_inside) beta = away.beta;
    to_inner();
    search.shape = shape, fast.shape = shape;
    if (fast_only) minimise(fast, kSearchGain);
  }
  // the last point tried need not be the best one
  evaluate(user, x, Want::curvature, best);
  const double decrement = out.decrement, lowest = out.lowest_curvature;
  out = report(theta, beta, shape, best, fast_only);
  out.decrement = decrement;
  out.lowest_curvature = lowest;
  out.path = std::move(path);
  out.evaluations = evaluations_;
  out.pirls_iterations = laplace_->iterations() - iterations;
  // gradient and Hessian in the order theta, beta, shape, on the user's scale
  const int n = m + p + s;
  std::vector<int> place;  // of each searched parameter
  for (int i = 0; i < m; ++i) place.push_back(i);
  if (!user.beta_inside)
    for (int j = 0; j < p; ++j) place.push_back(m + j);
  for (int j : user.free) place.push_back(m + p + j);
  Mat J = Mat::identity(n);  // inner per user
  for (int i = 0; i < m; ++i) J(i, i) = 1.0 / user.theta_scale[i];
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) J(m + i, m + j) = beta_to_inner_(i, j);
  Vec g(n, 0.0);
  for (std::size_t i = 0; i < place.size(); ++i) g[place[i]] = best.gradient[i];
  out.gradient = times(transpose(J), g);
  if (!full) {
    out.converged = true;
    return out;
  }
  Mat wide(n, n);
  for (std::size_t j = 0; j < place.size(); ++j)
    for (std::size_t i = 0; i < place.size(); ++i) wide(place[i], place[j]) = H(static_cast<int>(i), static_cast<int>(j));
  if (user.beta_inside)
    for (int j = 0; j < p; ++j)
      for (int i = 0; i < p; ++i) wide(m + i, m + j) = 2.0 * best.Q(i, j);
  out.hessian = transpose(J) * wide * J;
  out.vcov = beta_map_ * covariance(wide, m, p) * transpose(beta_map_);
  out.converged = out.decrement <= kConverged && out.boundary_slope > -1e-4;
  return out;
}

GeneralizedSolution GeneralizedMixed::report(const Vec& theta, const Vec& beta, const Vec& shape, const LaplacePoint& at, bool) {
  GeneralizedSolution out;
  const int p = rows_.p;
  out.theta = theta;
  out.beta = times(beta_map_, beta);
  out.shape = shape;
  out.criterion = at.value;
  out.conditional_log_likelihood = at.log_likelihood;
  out.logdet = at.logdet;
  out.penalty = at.penalty;
  const std::vector<Mat> user = cov_.lambda_of(theta);
  for (std::size_t t = 0; t < user.size(); ++t) {
    const auto& shape_t = cov_.terms()[t];
    const Factor& f = rows_.factors[shape_t.factor];
    Vec modes(static_cast<std::size_t>(f.levels) * shape_t.k, 0.0);
    for (int v = 0; v < f.levels; ++v)
      for (int i = 0; i < shape_t.k; ++i)
        for (int j = 0; j < shape_t.k; ++j)
          modes[static_cast<std::size_t>(v) * shape_t.k + i] += shape_t.map(i, j) * laplace_->b()[f.offset + static_cast<std::int64_t>(v) * f.K + shape_t.first + j];
    out.modes.push_back(std::move(modes));
  }
  const Observations& o = laplace_->observations();
  out.eta.resize(rows_.n);
  for (std::int64_t i = 0; i < rows_.n; ++i) {
    out.eta[i] = laplace_->eta()[o.row_of[i]];
    out.conditional_deviance += laplace_->family().deviance(rows_.y[i], rows_.w ? rows_.w[i] : 1.0, out.eta[i]);
  }
  out.boundary_slope = cov_.boundary(cov_.inner_lambda(user), at.D, out.smallest);
  Mat L = at.Q;
  if (p && L.rows == p && cholesky(L)) out.vcov_rx = beta_map_ * inverse_spd(L) * transpose(beta_map_);
  return out;
}

GeneralizedSolution GeneralizedMixed::solve(const Vec& theta, const Vec& beta, const Vec& shape, int n_agq, bool hessian) {
  check_nodes(n_agq);
  const int m = cov_.size(), p = rows_.p, s = n_shape(), n = m + p + s, iterations = laplace_->iterations();
  evaluations_ = 0;
  Outer o;
  o.m = m, o.p = p, o.s = s;
  o.beta_inside = n_agq == 0;
  o.nodes = std::max(1, n_agq);
  o.maps = &to_inner_;
  o.theta_scale.assign(m, 1.0);
  o.shape = shape;
  for (int j = 0; j < s; ++j) o.free.push_back(j);
  o.beta = times(beta_to_inner_, beta);
  laplace_->forget();
  const Vec x = o.pack(theta, o.beta, shape);
  LaplacePoint at;
  if (!evaluate(o, x, Want::curvature, at)) throw Refused("the likelihood cannot be evaluated at these parameters: a mean outside the family's range, or no mode of the random effects");
  GeneralizedSolution out = report(theta, o.beta_inside ? at.beta : o.beta, shape, at, o.beta_inside);
  Mat J = Mat::identity(n);
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) J(m + i, m + j) = beta_to_inner_(i, j);
  Vec g = at.gradient;
  if (o.beta_inside) g.insert(g.begin() + m, p, 0.0);
  out.gradient = times(transpose(J), g);
  if (hessian && !o.beta_inside) {
    const Mat H = difference_hessian(o, x, at.hessian);
    out.hessian = transpose(J) * H * J;
    out.vcov = beta_map_ * covariance(H, m, p) * transpose(beta_map_);
  }
  out.evaluations = evaluations_;
  out.pirls_iterations = laplace_->iterations() - iterations;
  return out;
}

double GeneralizedMixed::objective(const Vec& theta, const Vec& beta, const Vec& shape, int n_agq) {
  check_nodes(n_agq);
  LaplaceAt at;
  at.theta = theta;
  at.beta = times(beta_to_inner_, beta);
  at.shape = shape;
  at.maps = &to_inner_;
  at.beta_inside = n_agq == 0;
  at.nodes = std::max(1, n_agq);
  laplace_->forget();
  LaplacePoint point;
  return laplace_->evaluate(at, Want::value, point) ? point.value : HUGE_VAL;
}

std::vector<Posterior> GeneralizedMixed::posterior(const Vec& theta, const Vec& beta, const Vec& shape) {
  if (objective(theta, beta, shape, 1) == HUGE_VAL) throw Refused("the likelihood cannot be evaluated at these parameters");
  const std::vector<Posterior> inner = laplace_->posterior();
  std::vector<Posterior> out;
  for (const auto& t : cov_.terms()) {
    const int K = rows_.factors[t.factor].K;
    Posterior post;
    for (int v = 0; v < t.levels; ++v) {
      Mat P(t.k, t.k);
      for (int i = 0; i < t.k; ++i)
        for (int j = 0; j < t.k; ++j) P(i, j) = inner[t.factor].P[(static_cast<std::size_t>(v) * K + t.first + i) * K + t.first + j];
      P = t.map * P * transpose(t.map);
      for (int i = 0; i < t.k; ++i)
        for (int j = 0; j < t.k; ++j) post.P.push_back(P(i, j));
    }
    out.push_back(std::move(post));
  }
  return out;
}

}  // namespace multilevel
