// Families and links of generalized models: the log-likelihood of every row and what Newton's method and the gradient of
// the Laplace approximation need of it.
//
//   eta linear predictor, mu = g^-1(eta), l = log f(y; mu, shape), prior weight omega
//
// Shapes are on the log scale. Weights are the number of trials (binomial, beta_binomial), divide the dispersion
// (gaussian, gamma, inverse_gaussian), or multiply the log-likelihood (the others).
//
//   family               shape                       variance
//   binomial             -                           mu (1 - mu) / omega
//   poisson              -                           mu
//   gaussian             log phi                     phi / omega
//   gamma                log phi                     phi mu^2 / omega
//   inverse_gaussian     log phi                     phi mu^3 / omega
//   negative_binomial_2  log size                    mu + mu^2 / size
//   negative_binomial_1  log phi                     mu (1 + phi)
//   beta                 log phi                     mu (1 - mu) / (1 + phi)
//   beta_binomial        log phi                     mu (1 - mu) (omega + phi) / (1 + phi) / omega
//   student_t            log scale, log df           scale^2 df / (df - 2)
#pragma once

#include <cstdint>
#include <string>

#include "linalg.hpp"

namespace multilevel {

enum class Family {
  binomial, poisson, gaussian, gamma, inverse_gaussian, negative_binomial_2, negative_binomial_1, beta, beta_binomial, student_t
};
enum class Link { identity, log, logit, probit, cloglog, cauchit, inverse, inverse_square, sqrt };
// Which weights the Laplace approximation has in Omega: -d2l/deta2, or its expectation over y.
enum class Curvature { expected, observed };

Family family_named(const std::string& name);  // Refused when there is none
Link link_named(const std::string& name);

constexpr int kMostShapes = 2;

// Per row. `observed` is -d2l/deta2; w the weight of Omega, dw = dw/deta; by shape: d2l/deta dshape and dw/dshape.
struct RowDerivatives {
  Vec r, w, dw, observed;
  Vec r_shape[kMostShapes], w_shape[kMostShapes];
  double l_shape[kMostShapes] = {0.0, 0.0};  // summed over the rows
  bool by_row = false;                       // fill these two as well
  Vec l, l_shape_row[kMostShapes];
};

enum class Detail {
  value,    // l alone
  newton,   // r and `observed`
  scoring,  // r, and `observed` replaced by a positive weight: expected information, or 1 / variance where that has no closed form
  full
};

class Likelihood {
 public:
  Likelihood(Family family, Link link, Curvature curvature);

  Family family() const { return family_; }
  Link link() const { return link_; }
  int shapes() const;
  // Equal linear predictors add up: a weighted mean of y with the sum of the weights has the same likelihood in eta.
  bool merges() const { return family_ == Family::binomial || family_ == Family::poisson; }
  bool same_curvature() const { return same_; }  // w is `observed`
  void set_shape(const double* log_shape);

  // Sum of l over n rows, without constant(); -inf outside the domain.
  double evaluate(std::int64_t n, const double* y, const double* omega, const double* eta, Detail detail, RowDerivatives& out) const;
  // What evaluate() leaves out of the row's log-likelihood.
  double constant(double y, double omega) const;
  double deviance(double y, double omega, double eta) const;  // NaN where the family has none
  // A linear predictor near the row's own response, to start from.
  double eta_near(double y, double omega, double mean) const;
  // Shapes to start from, given the weighted mean and variance of the response.
  void start_shape(double mean, double variance, double* log_shape) const;

 private:
  Family family_;
  Link link_;
  Curvature curvature_;
  bool same_;
  double shape_[kMostShapes] = {1.0, 1.0};

  struct Chunk;
  double canonical(Chunk& c, Detail detail) const;
  double binomial(Chunk& c, Detail detail) const;
  double by_mean(Chunk& c, Detail detail) const;
  double mean_of(double eta) const;
};

}  // namespace multilevel
