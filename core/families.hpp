// Families and links of generalized models: the log-likelihood of every row and what Newton's method and the gradient of
// the Laplace approximation need of it.
//
//   eta linear predictor, mu = g^-1(eta), l = log f(y; mu, shape), prior weight omega
//
// Shapes are on the log scale. Weights are the number of trials (binomial, beta_binomial), divide the dispersion
// (gaussian, gamma, inverse_gaussian, tweedie), or multiply the log-likelihood (the others).
//
//   family               shape                       variance
//   binomial             -                           mu (1 - mu) / omega
//   poisson              -                           mu
//   gaussian             log phi                     phi / omega
//   gamma                log phi                     phi mu^2 / omega
//   inverse_gaussian     log phi                     phi mu^3 / omega
//   negative_binomial_2  log size                    mu + mu^2 / size
//   negative_binomial_1  log phi                     mu (1 + phi)
//   generalized_poisson  log phi                     mu phi
//   beta                 log phi                     mu (1 - mu) / (1 + phi)
//   beta_binomial        log phi                     mu (1 - mu) (omega + phi) / (1 + phi) / omega
//   student_t            log scale, log df           scale^2 df / (df - 2)
//   tweedie              log phi, logit (p - 1)      phi mu^p / omega
//   truncated_poisson, truncated_negative_binomial_2, truncated_negative_binomial_1, truncated_generalized_poisson: as the
//   family without "truncated", of which mu is the mean, given that the response is not zero
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "linalg.hpp"
#include "views.hpp"

namespace multilevel {

enum class Family {
  binomial, poisson, gaussian, gamma, inverse_gaussian, negative_binomial_2, negative_binomial_1, beta, beta_binomial, student_t,
  tweedie, truncated_poisson, truncated_negative_binomial_2, truncated_negative_binomial_1,
  generalized_poisson, truncated_generalized_poisson
};
enum class Link { identity, log, logit, probit, cloglog, cauchit, inverse, inverse_square, sqrt };
// Which weights the Laplace approximation has in Omega: -d2l/deta2, or its expectation over y.
enum class Curvature { expected, observed };

Family family_named(const std::string& name);  // Refused when there is none
Link link_named(const std::string& name);

constexpr int kMostShapes = 2;
constexpr int kDispersed = 8;  // derivatives of a row in its log-dispersion: l_d, l_dd, l_ddd, l_ed, l_edd, l_dt, l_ddt, l_edt

// What may have random effects besides the mean: the logarithm of the first shape, and the logit of the inflation. Linear
// predictors are numbered in this order, that of the mean 0.
struct Varying {
  bool dispersion = false, inflation = false;
  int predictors() const { return 1 + dispersion + inflation; }
};

// Per row. `observed` is -d2l/deta2; w the weight of Omega, dw = dw/deta; by shape: d2l/deta dshape and dw/dshape.
struct RowDerivatives {
  Vec r, w, dw, observed;
  Vec ddw;              // d2w/deta2, binomial with logit and Poisson with log; others have none
  std::vector<Vec> r_shape, w_shape;
  Vec l_shape;          // summed over the rows
  bool by_row = false;  // fill these two as well
  Vec l;
  std::vector<Vec> l_shape_row;
  int predictors = 1;
  Vec third;            // of several predictors, instead of dw: the third derivatives of -l of each row (each_third in views.hpp)
  std::vector<Vec> dispersed;  // kDispersed, filled where whoever asks has made them

  // a = dlog|Omega|/dpredictor, given c = dlog|Omega|/dw
  void slope(const Vec& c, Vec& a) const;
};

// A shape that differs between rows: log shape = D coefficients, or logit of the zero inflation.
struct ShapeModel {
  std::vector<Vec> columns;  // of D, a row each; none: one number for all rows
  int size() const { return columns.empty() ? 1 : static_cast<int>(columns.size()); }
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
  int shapes() const;      // parameters besides those of the mean: coefficients of all shape models
  // Linear predictors (shape_models.cpp) for the family's shapes in their order, and one more for zero inflation, which
  // goes with the observed information only. Columns of every row, or none; before the rows are merged. `varying`: which of
  // them have random effects, so that what comes and goes by row does so by view.
  void set_models(std::vector<ShapeModel> models, std::int64_t n, Varying varying);
  Varying varying() const { return varying_; }
  int predictors() const { return varying_.predictors(); }
  void arrange(const std::vector<std::int32_t>& row_of);  // the rows of the columns as Observations has them
  // A zero that is not a draw from the family, for the family has none: the zero inflation of a continuous or truncated response.
  bool stands_apart(double y) const { return inflated_ && y == 0.0 && !has_zeros(); }
  // Equal linear predictors add up: a weighted mean of y with the sum of the weights has the same likelihood in eta.
  bool merges() const { return models_.empty() && (family_ == Family::binomial || family_ == Family::poisson || family_ == Family::truncated_poisson); }
  bool same_curvature() const { return same_; }  // w is `observed`
  void set_shape(const double* parameters);  // logarithms, or coefficients of the models one after the other

  // Sum of l over n rows, without constant(); -inf outside the domain.
  double evaluate(std::int64_t n, const double* y, const double* omega, const double* eta, Detail detail, RowDerivatives& out) const;
  // What evaluate() leaves out of the row's log-likelihood.
  double constant(double y, double omega) const;
  double deviance(double y, double omega, double eta) const;  // NaN where the family has none
  // A linear predictor near the row's own response, to start from.
  double eta_near(double y, double omega, double mean) const;
  // Shape parameters to start from, given the weighted mean and variance of the response and its share of zeros.
  Vec start_shape(double mean, double variance, double zeros) const;

 private:
  Family family_;
  Link link_;
  Curvature curvature_;
  bool same_;
  double shape_[kMostShapes] = {1.0, 1.0};
  std::vector<ShapeModel> models_;  // none: numbers for all rows
  bool inflated_ = false;
  Varying varying_;
  std::int64_t rows_ = 0;
  Vec row_shape_, inflation_;       // kMostShapes for each row; logits

  struct Chunk;
  int own_shapes() const;
  bool has_zeros() const;
  double own_rows(std::int64_t n, const double* y, const double* omega, const double* eta, const Vec& row_shape, Detail detail, RowDerivatives& out) const;
  double modelled_rows(std::int64_t n, const double* y, const double* omega, const double* eta, Detail detail, RowDerivatives& out) const;
  bool weights_multiply() const;  // or are trials, or divide the dispersion
  std::array<int, kMostPredictors> variables() const;
  void make_room(std::int64_t n, Detail detail, RowDerivatives& out) const;
  template <int K>  // predictors
  void compose(std::int64_t n, const double* y, const double* omega, const Vec& logit, Detail detail, const RowDerivatives& own, RowDerivatives& out) const;
  void spread_over_columns(RowDerivatives& d) const;
  void own_start(double mean, double variance, double* log_shape) const;
  bool in_vectors() const { return (family_ == Family::binomial && link_ == Link::logit) || (family_ == Family::poisson && link_ == Link::log); }
  double canonical(Chunk& c, Detail detail) const;
  double binomial(Chunk& c, Detail detail) const;
  double by_mean(Chunk& c, Detail detail) const;
  double mean_of(double eta) const;
};

}  // namespace multilevel
