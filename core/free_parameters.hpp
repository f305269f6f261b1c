// What is free where one quantity is held, x = (entries of the chart, parameters of structured terms, eta), and what it does to
// the covariance matrices.
//
// A structured term (structures.hpp) has the coordinates of a search; of its parameters, one is held: theta_a = s e^-eta, or r.
#pragma once

#include "chart.hpp"
#include "covariances.hpp"

namespace multilevel {

class FreeParameters {
 public:
  FreeParameters(const Covariances& cov, Vec search) : cov_(cov), search_(std::move(search)) {}

  Chart chart;
  void free_structured(int t, int but);
  // the parameter `entry` of a term at `value`, times e^-eta where it is a standard deviation beside residuals
  void hold(int t, int entry, double value, bool eta);
  bool holds_structured() const { return entry_ >= 0; }

  Vec start(double log_sigma) const;
  double shrink(const Vec& x) const { return chart.has_eta ? std::exp(-x.back()) : 1.0; }

  struct At {
    std::vector<Mat> L;
    Vec theta, rate, bend;   // of structured terms: natural parameters, and their derivatives by x
    std::vector<int> term;   // per entry of x:
    std::vector<Mat> E;      // dLambda, of the chart
    std::vector<Mat> slope;  // dPsi
  };
  At at(const Vec& x) const;
  std::vector<Direction> directions(const At& at) const;
  // H += <D, d2Psi / dx_m dx_l>, D per term
  void add_curvature(const At& at, Mat& H, const std::vector<Mat>& D) const;
  // inner theta of covariance matrices with any factors
  Vec theta_of(At at) const;
  // d criterion / d value of the structured parameter that is held, in inner units
  double pull(const Vec& x, const std::vector<Mat>& D) const;

 private:
  struct Own {
    int term, entry;
  };
  const Covariances& cov_;
  Vec search_;            // coordinates of a search, of all terms
  std::vector<Own> own_;  // the free parameters of structured terms
  int entry_ = -1;        // which parameter of the structured focal term is held,
  double value_ = 0.0;    // and where

  Own own_of(std::size_t m) const;
  const Mat& entry_of(const At& at, std::size_t m) const { return m < chart.E.size() ? at.E[m] : at.E.back(); }
  double curve(const At& at, std::size_t m, std::size_t l, const std::vector<Mat>& D) const;
  void place_structured(const Vec& x, At& out) const;
  void add_structured(At& out, Own o) const;
};

}  // namespace multilevel
