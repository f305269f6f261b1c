// The search for the estimates of a generalized model: where it starts, its stages, and how it ends.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "generalized.hpp"
#include "newton.hpp"
#include "parameters.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kStartLow = 0.1, kStartHigh = 2.0;  // a start at zero would be a saddle
constexpr double kFastGain = 1e-2;                   // where a stage only gives the next one its start
constexpr double kSearchGain = 1e-8, kGain = 1e-11;
constexpr double kEnough = 1e-14;                    // another step would not move an estimate by 1e-7 of a standard error
constexpr double kConverged = 1e-6;                  // a shape on its way to infinity gains ever less
// standard deviations of the effects of each predictor, from where a search starts again; zeros: from the moments
constexpr std::array<double, kMostPredictors> kElsewhere[] = {{0.0, 0.0, 0.0}, {0.1, 2.0, 2.0}, {1.0, 0.1, 0.1}, {0.1, 0.5, 0.5}};
constexpr double kSame = 1e-12;
constexpr int kPolish = 8, kRestarts = 4, kSmaller = 4;

}  // namespace

// Least squares of predictors near each row's own response, then the model without random effects.
bool GeneralizedMixed::start_beta(const Vec& shape, Vec& beta) {
  const Observations& o = laplace_->observations();
  const Likelihood& family = laplace_->family();
  const int p = o.p;
  Mat XX = o.weighted_squares(o.weight);
  if (!cholesky(XX)) return false;
  for (const bool own : {true, false}) {
    Vec target(o.n, 0.0);
    for (std::int64_t i = 0; i < o.n; i += o.views)
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
  return cov_.start_of(L);
}

// The state of a search: where it stands (theta in inner or user's coordinates, as the stage has it; beta always inner).
struct GeneralizedMixed::Search {
  GeneralizedMixed& model;
  Laplace& laplace;
  const Covariances& cov;
  Vec theta, beta, shape, path;
  LaplacePoint best;
  int evaluations = 0;
  double decrement = 0.0, lowest = 0.0;
  bool there = false;  // `best` is what was evaluated last, in the user's coordinates

  void minimise(Parameters q, double gain) {
    NewtonOptions options;
    options.gain = options.enough = gain;
    q.beta = beta;
    q.shape = shape;
    const auto f = [&](const Vec& x, LaplacePoint& out) {
      ++evaluations;
      if (!q.evaluate(laplace, x, Want::curvature, out)) return false;
      if (q.beta_inside) q.beta = out.beta;
      return true;
    };
    NewtonResult r = newton(f, q.pack(theta, beta, shape), best, options);
    for (int smaller = 0; r.path.empty() && smaller < kSmaller; ++smaller) {  // effects this large leave the family's range
      for (double& t : theta) t *= 0.25;
      r = newton(f, q.pack(theta, beta, shape), best, options);
    }
    if (r.path.empty()) throw Refused("the likelihood cannot be evaluated at the start; give another start");
    path.insert(path.end(), r.path.begin(), r.path.end());
    stand(q, r.x);
  }

  void stand(const Parameters& q, const Vec& x) {
    const LaplaceAt at = q.unpack(x);
    theta = at.theta, shape = at.shape;
    beta = q.beta_inside ? best.beta : at.beta;
  }

  void to_user() {
    theta = cov.user_theta(cov.settled(theta, {}));
  }
  void to_inner() { theta = cov.inner_theta(theta); }
  void settle() {  // the last steps may have left a standard deviation a rounding error below zero
    const Vec found = theta;
    to_inner();
    to_user();
    for (std::size_t i = 0; i < theta.size(); ++i) there = there && std::abs(theta[i] - found[i]) <= kSame * std::abs(found[i]);
    if (there) theta = found;
  }
  void turn_signs() {  // of the columns of Lambda: they are free
    std::vector<Mat> L = cov.lambda_of(theta);
    for (Mat& A : L)
      for (int j = 0; j < A.cols; ++j)
        if (A(j, j) < 0.0)
          for (int i = j; i < A.rows; ++i) A(i, j) = -A(i, j);
    theta = cov.start_of(L);  // no structured terms here
  }

  bool escaped() {
    if (!cov.any_structured()) return false;
    Vec inner = cov.inner_theta(theta);
    if (!cov.escape(inner, best.D)) return false;
    theta = cov.user_theta(inner);
    return true;
  }

  // Newton with the Hessian itself; then true, or false at a saddle, where the search has to go on from `away`.
  bool polish(Parameters& q, Mat& H, Vec& away) {
    q.beta = beta;
    q.shape = shape;
    Vec x = q.pack(theta, beta, shape);
    if (!q.evaluate(laplace, x, best, H, evaluations)) throw Refused("the likelihood cannot be evaluated at the estimates found");
    there = !q.beta_inside && q.nodes == 1;  // no differences came after it
    TrustStep t;
    double last = HUGE_VAL;
    for (int k = 0; k < kPolish && q.size(); ++k) {
      t = trust_region_step(best.gradient, H, 0.5);
      if (t.predicted <= kEnough || t.predicted >= 0.5 * last) break;
      last = t.predicted;
      Vec next = x;
      for (std::size_t i = 0; i < x.size(); ++i) next[i] += t.step[i];
      LaplacePoint trial;
      ++evaluations;
      there = q.evaluate(laplace, next, Want::curvature, trial) && trial.value <= best.value + 1e-9 * (1.0 + std::abs(best.value));
      if (!there) break;
      x = std::move(next);
      best = std::move(trial);
      if (q.beta_inside) q.beta = best.beta;
    }
    if (q.size()) t = trust_region_step(best.gradient, H, 0.5);
    decrement = t.predicted;
    lowest = t.lowest;
    stand(q, x);
    path.push_back(best.value);
    away = x;
    for (std::size_t i = 0; i < x.size(); ++i) away[i] += t.step[i];  // along the negative curvature
    return t.predicted < kConverged;
  }
};

// Steps of theta in the user's coordinates that move the inner ones by about one.
Vec GeneralizedMixed::theta_scale() const {
  Vec out;
  for (std::size_t t = 0; t < to_inner_.size(); ++t) {
    const auto& shape = cov_.terms()[t];
    for (int a = 0; is_structured(shape.structure) && a < shape.size; ++a) out.push_back(a < shape.form.sds() ? shape.map(a, a) : 1.0);
    if (is_structured(shape.structure)) continue;
    free_entries(to_inner_[t].rows, cov_.terms()[t].structure, [&](int i, int) {
      double squares = 0.0;
      for (int a = 0; a < to_inner_[t].rows; ++a) squares += to_inner_[t](a, i) * to_inner_[t](a, i);
      out.push_back(squares > 0.0 ? 1.0 / std::sqrt(squares) : 1.0);
    });
  }
  return out;
}

// Random effects of mean and zero inflation compete for the zeros, those of mean and dispersion for what is far off, and the
// approximation can fall without bound where one explanation gives way to the other (Laplace::spread_out). A search that
// ends there starts again, from a second predictor that varies much or little between the groups.
GeneralizedSolution GeneralizedMixed::fit(int n_agq, const GeneralizedStart& start, bool full) {
  check_nodes(n_agq);
  const Varying varying = laplace_->family().varying();
  const int predictors = varying.predictors();
  if (predictors == 1) return search(n_agq, start, full);
  GeneralizedSolution out;
  bool found = false;
  int evaluations = 0;
  for (const std::array<double, kMostPredictors>& sd : kElsewhere) {
    const Vec theta = spreads(sd);
    GeneralizedStart from = start;
    if (sd[0] > 0.0) from.theta = &theta;
    try {
      laplace_->forget();
      out = search(n_agq, from, full);
      found = true;
      out.evaluations = evaluations += out.evaluations;
      if (out.converged || start.theta) return out;
    } catch (const Refused&) {
      if (start.theta) throw;
    }
  }
  if (!found) {
    const std::string who = predictors == 3 ? "the mean, of the zero inflation and of the dispersion" : varying.inflation ? "the mean and of the zero inflation" : "the mean and of the dispersion";
    throw Refused("no maximum of the likelihood found: the random effects of " + who + " explain the same " + (varying.dispersion ? "responses" : "zeros") +
                  "; leave one of them out, integrate over them by n_agq=5 or more (one grouping factor), or give another start");
  }
  return out;
}

// Uncorrelated effects with these standard deviations.
Vec GeneralizedMixed::spreads(const std::array<double, kMostPredictors>& sd) const {
  std::vector<Mat> L;
  for (std::size_t t = 0; t < cov_.terms().size(); ++t) {
    L.push_back(Mat::identity(cov_.terms()[t].k));
    for (double& x : L.back().a) x *= sd[rows_.terms[t].predictor];
  }
  return cov_.user_theta(cov_.start_of(L));
}

// Stages: the model without random effects; beta among the modes (cheap and robust, lme4's fast variant); all parameters
// in inner coordinates; with quadrature, again in the user's (its nodes are not invariant under rotation). The last steps
// are Newton's with the Hessian that is reported. `full` = false leaves those and the Hessian out.
GeneralizedSolution GeneralizedMixed::search(int n_agq, const GeneralizedStart& start, bool full) {
  const int iterations = laplace_->iterations(), m = cov_.size();
  Parameters user = users_parameters(n_agq);
  user.guarded = laplace_->family().predictors() > 1;
  Parameters all = user;
  user.theta_scale = theta_scale();
  all.maps = nullptr;
  all.beta_inside = false;
  all.nodes = 1;
  all.free.clear();
  for (int j = 0; j < n_shape(); ++j)
    if (start.fixed.empty() || !start.fixed[j]) all.free.push_back(j);
  user.free = all.free;
  Parameters fast = all;
  fast.beta_inside = true;

  Search search{*this, *laplace_, cov_, {}, {}, {}, {}, {}};
  if (shape_map_.rows && std::find(start.fixed.begin(), start.fixed.end(), true) != start.fixed.end())
    throw Refused("with models of zero inflation or dispersion no shape can be held");
  search.shape = start.shape ? inner_shape(*start.shape) : laplace_->family().start_shape(mean_, variance_, zeros_);
  if (start.beta) search.beta = times(beta_to_inner_, *start.beta);
  else if (!start_beta(search.shape, search.beta))
    throw Refused("no start found: the model without random effects has no finite estimates, or the link does not reach this response");
  if (start.theta) {
    cov_.check(*start.theta);
    search.theta = cov_.inner_theta(*start.theta);
  }
  else if (m) search.theta = start_theta(search.beta, search.shape);

  const double gain = full ? kSearchGain : kGain;
  Mat H;
  Vec away;
  for (int round = 0;; ++round) {
    const bool warm = start.theta && start.beta && n_agq > 0;  // nothing to learn from the fast variant
    if (fast.size() && !warm && (round == 0 || n_agq == 0)) search.minimise(fast, n_agq == 0 ? gain : kFastGain);
    if (n_agq > 0) search.minimise(all, n_agq > 1 ? kFastGain : gain);
    search.to_user();
    if (n_agq > 1) {
      search.minimise(user, gain);
      search.turn_signs();
    }
    const bool saddle = full && !search.polish(user, H, away);
    if (round == kRestarts || (!saddle && !search.escaped())) break;
    if (saddle) search.stand(user, away);
    search.to_inner();
  }
  search.settle();
  user.beta = search.beta;
  user.shape = search.shape;
  if (!search.there) {
    ++search.evaluations;
    if (!user.evaluate(*laplace_, user.pack(search.theta, search.beta, search.shape), Want::curvature, search.best))
      throw Refused("the likelihood cannot be evaluated at the estimates found");
  }
  // a mixture may have several modes; estimates of another one than the search followed are none
  search.decrement = std::max(search.decrement, std::abs(search.best.value - search.path.back()));
  GeneralizedSolution out = report(search.theta, user.beta_inside ? search.best.beta : search.beta, search.shape, search.best);
  report_slopes(user, search.theta, search.best, H, out);
  if (!full && user.size()) {
    const TrustStep t = trust_region_step(search.best.gradient, search.best.hessian, 0.5);
    search.decrement = t.predicted;
    search.lowest = t.lowest;
  }
  out.decrement = search.decrement;
  out.lowest_curvature = search.lowest;
  out.path = std::move(search.path);
  out.evaluations = search.evaluations;
  out.pirls_iterations = laplace_->iterations() - iterations;
  out.converged = out.decrement <= kConverged && out.boundary_slope > -1e-4;
  return out;
}

}  // namespace multilevel
