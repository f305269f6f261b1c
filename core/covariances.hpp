// theta and what it stands for: one factor Lambda per random-effects term, in the user's coordinates and in the inner ones
// (scaling.hpp), and the directions in which theta moves Psi = Lambda Lambda'. A term's part of theta are the free entries
// of Lambda (us, diag), or standard deviations and what its correlations follow from (structures.hpp).
#pragma once

#include <vector>

#include "engine.hpp"
#include "structures.hpp"

namespace multilevel {

inline bool is_structured(Structure s) { return s != Structure::us && s != Structure::diag; }

// Calls visit(i, j) for the free entries of a Lambda, in the order of theta (us, diag).
template <class F>
void free_entries(int k, Structure s, F&& visit) {
  for (int j = 0; j < k; ++j)
    for (int i = j; i < (s == Structure::us ? k : j + 1); ++i) visit(i, j);
}

// Lambda of one term from its part of theta.
Mat factor_of(const Term& term, const Vec& theta);
int theta_size(const Term& term);

class Covariances {
 public:
  Covariances() = default;
  explicit Covariances(const Rows& rows);

  struct TermShape {
    int k, levels;
    Structure structure;
    int factor, first;  // its factor in elimination order, and its first column there
    int at, size;       // its part of theta
    Structured form;    // of structured terms
    Mat map, to_inner;  // Lambda = map * inner Lambda, and back
  };
  const std::vector<TermShape>& terms() const { return terms_; }
  int size() const { return size_; }  // entries of theta
  bool any_structured() const;
  void check(const Vec& theta) const;  // Refused, where a structured term has no such covariance matrix

  std::vector<Mat> lambda_of(const Vec& theta) const;      // per term
  std::vector<Mat> inner_lambda(const Vec& user) const;    // of the user's theta
  Vec inner_theta(const Vec& user) const;
  Vec user_theta(const Vec& inner) const;                  // Lambda with a diagonal that is not negative
  Vec scaled(Vec theta, double factor) const;              // standard deviations times a factor
  Vec start_of(const std::vector<Mat>& lambda) const;      // theta of about these covariance matrices
  std::vector<Mat> maps_to_inner() const;
  std::vector<Mat> by_factor(const std::vector<Mat>& per_term) const;
  std::vector<Mat> by_term(const std::vector<Mat>& per_factor) const;

  Direction direction(std::size_t t, const Mat& slope) const;  // dPsi of one term, among its factor's columns
  // dPsi/dtheta_m; `maps` brings it to inner coordinates (or none)
  std::vector<Direction> directions(const Vec& theta, const std::vector<Mat>* maps) const;
  // H += <D, d2Psi/dtheta_m dtheta_n>, D per term
  void add_curvature(const Vec& theta, const std::vector<Mat>* maps, Mat& H, const std::vector<Mat>& D) const;

  // search.cpp: coordinates x of a search, which have no bounds, and derivatives by them from those by theta, in place.
  Vec to_search(Vec theta) const;
  Vec to_natural(Vec x) const;
  void chain(const Vec& x, Vec& gradient, Mat* hessian) const;
  Vec rates(const Vec& x) const;  // dtheta / dx
  void unchain(const Vec& x, Vec& gradient, Mat* hessian) const;  // the way back; at a bound, as if it were known

  // A lower triangle says next to nothing of what stands below a pivot near zero: near a singular Psi its entries form
  // curved valleys. In the axes of Psi, largest first, the pivots near zero come last and have nothing below them.
  // Returns these axes, per term, and the free entries there.
  std::vector<Mat> turn(const std::vector<Mat>& lambda, Vec& x) const;
  bool can_turn() const;  // a term of several correlated effects
  // Inner theta, given what turned it, with exact zeros and bounds where the criterion cannot tell the difference.
  Vec settled(const Vec& theta, const std::vector<Mat>& turn) const;
  // Settled theta, where it is no minimum because terms without variance have the wrong correlations: a better start.
  bool escape(Vec& theta, const std::vector<Mat>& D) const;
  // Per term the smallest singular value of Lambda; returns the most negative slope dd/dPsi inside the null space of Psi.
  double boundary(const std::vector<Mat>& inner, const Vec& user, const std::vector<Mat>& D, std::vector<double>& smallest) const;

 private:
  std::vector<TermShape> terms_;
  std::vector<int> widths_;  // columns of each factor
  int size_ = 0;

  Mat psi_slope(const TermShape& t, const Mat& lambda, const Vec& theta, int entry) const;
  Vec entries(const std::vector<Mat>& lambda, Vec theta) const;  // of us and diag; others stay
};

}  // namespace multilevel
