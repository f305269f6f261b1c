#include "generalized.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

#include "links.hpp"
#include "parameters.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kFlat = 1e-9;    // of the largest curvature
constexpr double kTold = 1e-10;   // of a column's length, beside the others
constexpr double kUnseen = 1e-6;  // share of beta in a direction

// 2 H^-1 restricted to p parameters from `first` on, without the directions that H does not see (a rotation of effects whose variance is zero);
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

// Columns of each model made orthogonal, with mean square one (modified Gram-Schmidt: D = Q R), so that units and origin of
// the predictors do not matter to the search. Coefficients of D = the result * those of Q.
Mat orthogonal(std::vector<ShapeModel>& models, std::int64_t n) {
  int total = 0;
  for (const ShapeModel& m : models) total += m.size();
  Mat map = Mat::identity(total);
  int first = 0;
  for (ShapeModel& m : models) {
    const int k = m.size();
    Mat R = Mat::identity(k), inverse_R;
    const auto mean_product = [&](const Vec& a, const Vec& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0) / static_cast<double>(n); };
    for (int j = 0; j < static_cast<int>(m.columns.size()); ++j) {
      Vec& column = m.columns[j];
      const double size = std::sqrt(mean_product(column, column));
      for (int i = 0; i < j; ++i) {
        R(i, j) = mean_product(m.columns[i], column);
        for (std::int64_t r = 0; r < n; ++r) column[r] -= R(i, j) * m.columns[i][r];
      }
      R(j, j) = std::sqrt(mean_product(column, column));
      if (!(R(j, j) > kTold * size)) throw Refused("the columns of a model of zero inflation or dispersion cannot be told apart; leave one out");
      for (double& v : column) v /= R(j, j);
    }
    if (!inverse(R, inverse_R)) throw Refused("the columns of a model of zero inflation or dispersion cannot be told apart; leave one out");
    for (int j = 0; j < k; ++j)
      for (int i = 0; i < k; ++i) map(first + i, first + j) = inverse_R(i, j);
    first += k;
  }
  return map;
}

}  // namespace

GeneralizedMixed::GeneralizedMixed(Rows rows, const std::vector<std::pair<const std::int32_t*, int>>& factors, const double* offset,
                                   Family family, Link link, Curvature curvature, std::vector<ShapeModel> models, Varying varying)
    : rows_(std::move(rows)), offset_(offset ? Vec(offset, offset + rows_.n) : Vec()), has_offset_(offset != nullptr) {
  Likelihood likelihood(family, link, curvature);
  if (!models.empty()) {
    shape_map_ = orthogonal(models, rows_.n);
    if (!inverse(shape_map_, shape_to_inner_)) throw Refused("the columns of a model of zero inflation or dispersion cannot be told apart");
    likelihood.set_models(std::move(models), rows_.n, varying);
  }
  prepare(rows_, factors);
  cov_ = Covariances(rows_);
  to_inner_ = cov_.maps_to_inner();
  beta_map_ = rows_.fixed.map.full;
  if (rows_.p && !inverse(beta_map_, beta_to_inner_)) throw Refused("the columns of the fixed effects cannot be told apart");
  Observations observed = observe(rows_, has_offset_ ? offset_.data() : nullptr, likelihood);
  likelihood.arrange(observed.row_of);
  laplace_ = std::make_unique<Laplace>(rows_, cov_, std::move(observed), likelihood);
  describe_response();
}

GeneralizedMixed::GeneralizedMixed(const GeneralizedMixed& o)
    : rows_(o.rows_), offset_(o.offset_), has_offset_(o.has_offset_), cov_(o.cov_), laplace_(std::make_unique<Laplace>(*o.laplace_)),
      to_inner_(o.to_inner_), beta_map_(o.beta_map_), beta_to_inner_(o.beta_to_inner_), shape_map_(o.shape_map_), shape_to_inner_(o.shape_to_inner_), mean_(o.mean_), variance_(o.variance_), zeros_(o.zeros_) {}

void GeneralizedMixed::describe_response() {
  const Observations& o = laplace_->observations();
  double total = 0.0, sum = 0.0, squares = 0.0, all = 0.0, zeros = 0.0;
  const auto own = [&](std::int64_t i) { return !laplace_->family().stands_apart(o.y[i]); };
  for (std::int64_t i = 0; i < o.n; ++i) {
    all += o.weight[i];
    if (o.y[i] == 0.0) zeros += o.weight[i];
    if (own(i)) total += o.weight[i], sum += o.weight[i] * o.y[i];
  }
  mean_ = sum / total;
  for (std::int64_t i = 0; i < o.n; ++i)
    if (own(i)) squares += o.weight[i] * (o.y[i] - mean_) * (o.y[i] - mean_);
  variance_ = squares / total;
  zeros_ = zeros / all;
}

void GeneralizedMixed::set_response(const Column& y) {
  rows_.y = y;
  laplace_->set_response(rows_, y);
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
  if (cov_.any_structured())
    throw Refused("adaptive quadrature (n_agq > 1) does not go with structured covariances such as ar1() and cs(): use n_agq=1, the Laplace approximation");
  if (rows_.factors.size() != 1)
    throw Refused("adaptive quadrature (n_agq > 1) needs exactly one grouping factor; found " + std::to_string(rows_.factors.size()) +
                  ": use n_agq=1, the Laplace approximation");
  if (rows_.factors[0].K > 3)
    throw Refused("adaptive quadrature (n_agq > 1) takes up to 3 random effects per level; found " + std::to_string(rows_.factors[0].K) +
                  ": use n_agq=1, the Laplace approximation");
}

Parameters GeneralizedMixed::users_parameters(int n_agq) const {
  Parameters q;
  q.cov = &cov_;
  q.m = cov_.size();
  q.p = rows_.p;
  q.beta_inside = n_agq == 0;
  q.nodes = std::max(1, n_agq);
  q.maps = &to_inner_;
  q.theta_scale.assign(q.m, 1.0);
  for (int j = 0; j < n_shape(); ++j) q.free.push_back(j);
  return q;
}

// Gradient and Hessian in the order theta, beta, shape, on the user's scale; H may be empty.
void GeneralizedMixed::report_slopes(const Parameters& q, const Vec& theta, const LaplacePoint& at, const Mat& H,
                                     GeneralizedSolution& out) const {
  const int m = cov_.size(), p = rows_.p, n = m + p + n_shape();
  const std::vector<int> place = q.places();
  Mat J = Mat::identity(n);  // inner per user
  for (int i = 0; i < m; ++i) J(i, i) = 1.0 / q.theta_scale[i];
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) J(m + i, m + j) = beta_to_inner_(i, j);
  for (int j = 0; j < shape_map_.rows; ++j)
    for (int i = 0; i < shape_map_.rows; ++i) J(m + p + i, m + p + j) = shape_to_inner_(i, j);
  Vec x(theta), g(n, 0.0);
  for (int i = 0; i < m; ++i) x[i] /= q.theta_scale[i];
  x = cov_.to_search(std::move(x));
  for (std::size_t i = 0; i < place.size(); ++i) g[place[i]] = at.gradient[i];
  if (H.rows == 0) {
    cov_.unchain(x, g, nullptr);
    out.gradient = times(transpose(J), g);
    return;
  }
  Mat wide(n, n);
  for (std::size_t j = 0; j < place.size(); ++j)
    for (std::size_t i = 0; i < place.size(); ++i) wide(place[i], place[j]) = H(static_cast<int>(i), static_cast<int>(j));
  if (q.beta_inside)
    for (int j = 0; j < p; ++j)
      for (int i = 0; i < p; ++i) wide(m + i, m + j) = 2.0 * at.Q(i, j);
  Mat natural = wide;
  cov_.unchain(x, g, &natural);
  out.gradient = times(transpose(J), g);
  out.hessian = transpose(J) * natural * J;
  out.vcov = beta_map_ * covariance(wide, m, p) * transpose(beta_map_);
  out.vcov_joint = out.vcov;
  if (n_shape() == 0) return;
  out.vcov_shape = covariance(wide, m + p, n_shape());
  if (shape_map_.rows) out.vcov_shape = shape_map_ * out.vcov_shape * transpose(shape_map_);
  Mat both = Mat::identity(p + n_shape());
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) both(i, j) = beta_map_(i, j);
  for (int j = 0; j < shape_map_.rows; ++j)
    for (int i = 0; i < shape_map_.rows; ++i) both(p + i, p + j) = shape_map_(i, j);
  out.vcov_joint = both * covariance(wide, m, p + n_shape()) * transpose(both);
}

GeneralizedSolution GeneralizedMixed::report(const Vec& theta, const Vec& beta, const Vec& shape, const LaplacePoint& at) {
  GeneralizedSolution out;
  const int p = rows_.p;
  out.theta = theta;
  out.beta = times(beta_map_, beta);
  out.shape = shape_map_.rows ? times(shape_map_, shape) : shape;
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
    out.eta[i] = laplace_->eta()[o.place(i)];
    out.conditional_deviance += laplace_->family().deviance(rows_.y[i], rows_.w ? rows_.w[i] : 1.0, out.eta[i]);
  }
  Vec fixed = o.offset;
  o.add_fixed(beta, fixed);
  double ends[] = {fixed[0], fixed[0]};
  for (std::int64_t r = 0; r < o.n; r += o.views) ends[0] = std::min(ends[0], fixed[r]), ends[1] = std::max(ends[1], fixed[r]);
  Means means;
  inverse_link(laplace_->family().link(), 2, ends, means);
  out.outer_means = {means.mu[0], means.mu[1]};
  out.boundary_slope = cov_.boundary(cov_.inner_lambda(theta), theta, at.D, out.smallest);
  Mat L = at.Q;
  if (p && L.rows == p && cholesky(L)) out.vcov_rx = beta_map_ * inverse_spd(L) * transpose(beta_map_);
  return out;
}

GeneralizedSolution GeneralizedMixed::solve(const Vec& theta, const Vec& beta, const Vec& shape, int n_agq, bool hessian) {
  check_nodes(n_agq);
  cov_.check(theta);
  const int iterations = laplace_->iterations();
  Parameters q = users_parameters(n_agq);
  q.beta = times(beta_to_inner_, beta);
  q.shape = inner_shape(shape);
  laplace_->forget();
  const Vec x = q.pack(theta, q.beta, q.shape);
  LaplacePoint at;
  Mat H;
  int evaluations = 1;
  if (!(hessian ? q.evaluate(*laplace_, x, at, H, evaluations = 0) : q.evaluate(*laplace_, x, Want::curvature, at)))
    throw Refused("the likelihood cannot be evaluated at these parameters: a mean outside the family's range, or no mode of the random effects");
  GeneralizedSolution out = report(theta, q.beta_inside ? at.beta : q.beta, q.shape, at);
  out.evaluations = evaluations;
  report_slopes(q, theta, at, H, out);
  out.pirls_iterations = laplace_->iterations() - iterations;
  return out;
}

double GeneralizedMixed::objective(const Vec& theta, const Vec& beta, const Vec& shape, int n_agq) {
  check_nodes(n_agq);
  cov_.check(theta);
  LaplaceAt at;
  at.theta = theta;
  at.beta = times(beta_to_inner_, beta);
  at.shape = inner_shape(shape);
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

Vec GeneralizedMixed::variances(const Vec& theta, const Vec& beta, const Vec& shape, const std::vector<const std::int32_t*>& levels,
                                const std::vector<std::vector<Column>>& Z, std::int64_t n) {
  if (objective(theta, beta, shape, 1) == HUGE_VAL) throw Refused("the likelihood cannot be evaluated at these parameters");
  return laplace_->variances(combine(rows_, levels, Z, n));
}

}  // namespace multilevel
