// Covariances with few parameters: Psi = D R D, D the standard deviations of a term's effects, R their correlations.
//
//   homdiag        one sd           R = I
//   cs, homcs      k sds, one       R_ij = r, -1/(k-1) <= r <= 1                          compound symmetry
//   ar1, hetar1    one sd, k sds    R_ij = r^|i-j|, -1 <= r <= 1                          autoregressive
//   toep, homtoep  k sds, one       R_ij = r_|i-j|, by its partial autocorrelations p_1 ... p_k-1, each in [-1, 1]
//   ou             one sd           R_ij = r^(|t_i-t_j| / d), d the smallest distance, 0 <= r <= 1    Ornstein-Uhlenbeck
//
// theta of such a term are the sds (over sigma), then r or p: every point of a box is a covariance matrix, and every
// covariance matrix of the kind is one. (Barndorff-Nielsen & Schou 1973, J. Multivar. Anal. 3, 408-419, eq. 3 to 7, for p.)
//
// A search needs coordinates x without bounds, in which a minimum at a bound is an ordinary one:
//
//   sd = x^2,  the only one: x;    r = middle + half-width sin x
#pragma once

#include "blocks.hpp"

namespace multilevel {

class Structured {
 public:
  Structured() = default;
  explicit Structured(const Term& term);

  int sds() const { return shares_scale(kind_) ? 1 : k_; }
  int correlations() const;
  int size() const { return sds() + correlations(); }
  bool inside(const double* theta) const;

  Mat factor(const double* theta) const;          // lower triangular, Psi = factor factor'
  Mat slope(const double* theta, int a) const;    // dPsi / dtheta_a
  Mat curve(const double* theta, int a, int b) const;  // d2Psi / dtheta_a dtheta_b

  void to_search(double* theta) const;
  void to_natural(double* x) const;
  double rate(const double* x, int a) const;      // dtheta_a / dx_a
  double bend(const double* x, int a) const;      // d2theta_a / dx_a2
  void settle(double* theta) const;               // exact bounds where the criterion cannot tell the difference
  double inward(const double* theta, int a, double gradient) const;  // slope into the box at a bound; infinite inside
  // Without variance the criterion does not see the correlations, and may fall with others. Then true, and these.
  bool escape(const Mat& D, double* theta) const;
  void start(const Mat& L, double* theta) const;  // from the lengths of the rows of L, with moderate correlations

 private:
  Structure kind_ = Structure::homdiag;
  int k_ = 0;
  Mat power_;                  // ar1, ou: of r
  double start_ = 0.0;         // of a correlation

  double low() const { return kind_ == Structure::ou ? 0.0 : is_cs() && k_ > 1 ? -1.0 / (k_ - 1) : -1.0; }
  bool is_cs() const { return kind_ == Structure::cs || kind_ == Structure::homcs; }
  double sd(const double* theta, int i) const { return theta[shares_scale(kind_) ? 0 : i]; }
  Mat correlation(const double* r) const;
  Mat correlation_slope(const double* r, int a) const;
  Mat correlation_curve(const double* r, int a, int b) const;
};

}  // namespace multilevel
