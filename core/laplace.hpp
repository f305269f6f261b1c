// The Laplace approximation of a generalized linear mixed model with its exact gradient.
//
//   -2 log L = -2 l(eta) + |u|^2 + log|Omega|,  Omega = Lambda'Z'W Z Lambda + I,  b = Lambda u, at the mode of l - |u|^2 / 2
//
// W holds -d2l/deta2 (observed) or its expectation: Breslow & Clayton (1993), J. Am. Stat. Assoc. 88, 9-25, eq. 5-7;
// Bates, Maechler, Bolker & Walker (2015), section 4.1 of the lme4 manual's theory, for PIRLS.
//
// Nothing divides by Lambda: the mode is kept as zeta = Z'r with b = Psi zeta, u = Lambda' zeta, Psi = Lambda Lambda',
// P = Lambda Omega^-1 Lambda', r = dl/deta. One Newton step (weights O observed):
//   db = P (Z'r - zeta)            zeta <- Z'(r - O d_eta)
// Gradient: with c_i = z_i'P z_i = dlog|Omega|/dw_i, a = c dw/deta, and the same P taken with O for the modes that move,
//   h = Z P Z'a,  v = a - O h
//   dd/dbeta  = X'(v - 2r)
//   dd/dPsi   = T - z z' + (Z'v z' + z v'Z) / 2,    z = Z'r, T = diagonal of Z'V^-1Z (engine.hpp), summed over levels
//   dd/dshape = -2 dl/dshape + c'dw/dshape + h'dr/dshape
// Curvature for the optimiser: the linear mixed model of the working response with average information in theta; a shape is
// one more column -O^-1 dr/dshape of X.
#pragma once

#include <memory>
#include <vector>

#include "covariances.hpp"
#include "elimination.hpp"
#include "observations.hpp"

namespace multilevel {

struct LaplaceAt {
  Vec theta, beta, shape;          // inner coordinates
  const std::vector<Mat>* maps = nullptr;  // Lambda = maps * the Lambda of theta, or that Lambda itself
  bool beta_inside = false;        // beta is found with the modes (and given only as a start)
  int nodes = 1;                   // adaptive Gauss-Hermite nodes per dimension
  bool guarded = false;            // two predictors: outside the domain where the approximation is none (see spread_out)
};

enum class Want { value, gradient, curvature, exact };  // curvature: a model of the Hessian; exact: itself (of Laplace, beta outside)

struct LaplacePoint {
  double value = 0.0;
  Vec gradient;      // theta, beta (unless inside), shape
  Mat hessian;       // a model of it
  bool exact = false;
  Vec beta;          // where it was found
  double log_likelihood = 0.0, penalty = 0.0, logdet = 0.0;
  std::vector<Mat> D;  // per term: dd/dPsi
  Mat Q;             // X'V^-1X
};

class Laplace {
 public:
  Laplace(const Rows& rows, const Covariances& covariances, Observations observations, const Likelihood& family);
  Laplace(const Laplace& other);  // counts its own iterations

  // False outside the domain, or where no mode is found.
  bool evaluate(const LaplaceAt& at, Want want, LaplacePoint& out);

  const Observations& observations() const { return *own_; }
  void set_response(const Rows& rows, const Column& y);
  Likelihood& family() { return family_; }
  const Likelihood& family() const { return family_; }
  const Vec& b() const { return b_; }
  const Vec& eta() const { return eta_; }
  int iterations() const { return iterations_; }
  void add_iterations(const Laplace& copy) { iterations_ += copy.iterations_; }
  const char* engine_name() const { return engine_ ? engine_->name() : "no random effects"; }
  void leave_out_random(bool yes) { fixed_only_ = yes; }  // the generalized linear model without random effects
  void forget() {  // start the modes from zero
    std::fill(zeta_.begin(), zeta_.end(), 0.0);
    tangent_ = false;
  }
  // At the last evaluated parameters: per factor; of combinations z'b, Var(z'b | y)
  std::vector<Posterior> posterior();
  Vec variances(const Combinations& c);
  // Sums that start a fit: per column of each factor, sum of (z'r)^2 - z'Wz and of (z'Wz)^2 over levels, without random effects.
  void start_moments(const Vec& beta, const Vec& shape, Vec& excess, Vec& squares);

 private:
  std::int64_t q_;
  Covariances cov_;
  std::shared_ptr<Observations> own_;  // shared with copies, until one of them takes another response
  Likelihood family_;
  std::unique_ptr<Elimination> engine_;
  std::vector<Mat> lambda_, psi_;  // per factor
  Vec zeta_, b_, eta_, beta_;
  RowDerivatives d_;
  int nodes_ = 0;                  // of the quadrature rule kept
  Vec node_, node_weight_;
  double l_ = 0.0;
  int iterations_ = 0;
  Vec c_, h_;                      // of the last gradient
  bool fixed_only_ = false;
  bool tangent_ = false;           // the engine holds the observed information at the modes, d_ what belongs to them
  Vec shape_;

  bool random() const { return engine_ && !fixed_only_; }

  void follow_tangent(const std::vector<Mat>& psi, const Vec& beta, const Vec& shape);
  bool near_the_response();
  bool find_modes(bool beta_inside, Detail last);
  bool factorise(const Vec& w, double* logdet);
  void factorise_posterior();
  void spread(const Vec& zeta, Vec& b) const;  // b = Psi zeta
  void spread(std::size_t factor, const Mat& psi, const Vec& zeta, Vec& b) const;  // of one factor
  void add_outer(const Vec& x, const Vec& y, double scale, std::vector<Mat>& D) const;
  std::vector<Mat> lambda_at(const Vec& theta, const std::vector<Mat>* maps) const;  // per factor
  void adjoint(const Vec& a, bool beta_inside, Vec& h);
  bool joint_step(const Vec& y, Vec& db, Vec& dbeta, double& decrement);
  void model_hessian(const Slopes& slopes, const Mat& cross, bool beta_inside, LaplacePoint& out) const;
  Mat shape_curvature(const Vec& shape);
  Vec through_X(const Vec& beta) const;
  bool spread_out(const Vec& c) const;
  struct Moving;  // laplace_hessian.cpp
  void exact_hessian(const LaplaceAt& at, const std::vector<Direction>& dirs, LaplacePoint& out);
  void follow_modes(Moving& m) const;
  bool follow_rows(Moving& m) const;
  bool difference_rows(Moving& m) const;
  bool follow_determinant(const LaplaceAt& at, Moving& m, Elimination& lent) const;
  void follow_gradient(Moving& m, const Vec& Zv, const std::vector<Direction>& dirs, double* column) const;
  bool integrate(const LaplaceAt& at, Want want, LaplacePoint& out);  // quadrature.cpp, at the modes found
};

}  // namespace multilevel
