// The free parameters of one search, as one vector: theta / scale in the coordinates of a search (covariances.hpp), beta
// (unless it is found with the modes), and the shapes that move.
#pragma once

#include "laplace.hpp"

namespace multilevel {

struct Parameters {
  const Covariances* cov = nullptr;
  int m = 0, p = 0;
  bool beta_inside = false;
  bool guarded = false;    // as in LaplaceAt
  int nodes = 1;
  const std::vector<Mat>* maps = nullptr;  // as in LaplaceAt
  Vec theta_scale;
  Vec beta;                // where beta among the modes starts
  Vec shape;               // all of them; those not in `free` stay
  std::vector<int> free;

  int size() const { return m + (beta_inside ? 0 : p) + static_cast<int>(free.size()); }
  Vec pack(const Vec& theta, const Vec& inner_beta, const Vec& shapes) const;
  LaplaceAt unpack(const Vec& x) const;
  // The place of each entry among (theta, beta, all shapes).
  std::vector<int> places() const;

  // Value, and derivatives in these parameters. False outside the domain.
  bool evaluate(Laplace& laplace, const Vec& x, Want want, LaplacePoint& out) const;
  // The same with the Hessian itself: exact, or by differences with quadrature and with beta among the modes.
  bool evaluate(Laplace& laplace, const Vec& x, LaplacePoint& out, Mat& hessian, int& evaluations) const;

 private:
  // Central differences of the exact gradient, each step a small share of a standard error by `model`. `evaluations` counts.
  Mat difference_hessian(Laplace& laplace, const Vec& x, const Mat& model, int& evaluations) const;
  // (gradient at x + h d - gradient at x - h d) / 2h, h at most so long and shorter at the edge of the domain
  Vec difference(Laplace& laplace, const Vec& x, const Vec& d, double h, int& evaluations) const;
};

}  // namespace multilevel
