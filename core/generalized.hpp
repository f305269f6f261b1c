// The fit of a generalized linear (mixed) model: where to start, Newton on (theta, beta, shape), and what is reported.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "parameters.hpp"

namespace multilevel {

struct GeneralizedSolution {
  Vec theta, beta, shape;  // user's scale
  double criterion = 0.0;  // -2 log-likelihood
  Vec gradient;            // theta, beta, shape
  Mat hessian;             // the same; empty unless asked for
  Mat vcov, vcov_rx, vcov_shape;
  Mat vcov_joint;          // of beta and shape together
  std::vector<Vec> modes;  // per term, levels x k row-major
  Vec eta;                 // of the user's rows
  std::pair<double, double> outer_means;  // at the lowest and the highest linear predictor of the fixed effects alone
  double conditional_deviance = 0.0, conditional_log_likelihood = 0.0, logdet = 0.0, penalty = 0.0;
  int evaluations = 0, pirls_iterations = 0;
  bool converged = false;
  double decrement = 0.0, lowest_curvature = 0.0, boundary_slope = 0.0;
  std::vector<double> smallest;
  Vec path;
};

struct GeneralizedStart {
  const Vec *theta = nullptr, *beta = nullptr, *shape = nullptr;  // user's scale
  std::vector<bool> fixed;                                        // per shape: stays at its start
};

class GeneralizedMixed {
 public:
  GeneralizedMixed(Rows rows, const std::vector<std::pair<const std::int32_t*, int>>& factors, const double* offset, Family family,
                   Link link, Curvature curvature, std::vector<ShapeModel> models = {}, Varying varying = {});
  GeneralizedMixed(const GeneralizedMixed& other);

  int n_theta() const { return cov_.size(); }
  int n_shape() const { return laplace_->family().shapes(); }
  const Rows& rows() const { return rows_; }
  std::int64_t merged_rows() const { return laplace_->observations().n / laplace_->observations().views; }
  const char* engine_name() const { return laplace_->engine_name(); }

  GeneralizedSolution fit(int n_agq, const GeneralizedStart& start, bool full = true);
  GeneralizedSolution solve(const Vec& theta, const Vec& beta, const Vec& shape, int n_agq, bool hessian);
  double objective(const Vec& theta, const Vec& beta, const Vec& shape, int n_agq);
  std::vector<Posterior> posterior(const Vec& theta, const Vec& beta, const Vec& shape);  // per term, user's scale
  // Var(z'b | y) of combinations, given levels (n) of each factor (-1: none) and columns (n) of each term
  Vec variances(const Vec& theta, const Vec& beta, const Vec& shape, const std::vector<const std::int32_t*>& levels,
                const std::vector<std::vector<Column>>& Z, std::int64_t n);
  void set_response(const Column& y);
  void check_nodes(int n_agq) const;

 private:
  Rows rows_;
  Vec offset_;
  bool has_offset_;
  Covariances cov_;
  std::unique_ptr<Laplace> laplace_;
  std::vector<Mat> to_inner_;
  Mat beta_map_, beta_to_inner_;    // beta = map * inner beta
  Mat shape_map_, shape_to_inner_;  // the same of the coefficients of shape models; empty without
  double mean_ = 0.0, variance_ = 1.0, zeros_ = 0.0;  // of the response; zeros that stand apart count as zeros only

  struct Search;
  GeneralizedSolution search(int n_agq, const GeneralizedStart& start, bool full);
  Vec spreads(const std::array<double, kMostPredictors>& sd) const;
  void describe_response();
  Vec times(const Mat& A, const Vec& x) const;
  Vec inner_shape(const Vec& user) const { return shape_map_.rows ? times(shape_to_inner_, user) : user; }
  Vec theta_scale() const;
  bool start_beta(const Vec& shape, Vec& beta);
  Vec start_theta(const Vec& beta, const Vec& shape);
  Parameters users_parameters(int n_agq) const;
  GeneralizedSolution report(const Vec& theta, const Vec& beta, const Vec& shape, const LaplacePoint& at);
  void report_slopes(const Parameters& q, const Vec& theta, const LaplacePoint& at, const Mat& H, GeneralizedSolution& out) const;
};

}  // namespace multilevel
