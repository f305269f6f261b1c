// theta and what it stands for: one factor Lambda per random-effects term, in the user's coordinates and in the inner ones
// (scaling.hpp), and the directions in which theta moves Psi = Lambda Lambda'.
#pragma once

#include <vector>

#include "engine.hpp"

namespace multilevel {

// Calls visit(i, j) for the free entries of a term's Lambda, in the order of theta.
template <class F>
void free_entries(int k, Structure s, F&& visit) {
  for (int j = 0; j < k; ++j)
    for (int i = j; i < (s == Structure::us ? k : j + 1); ++i) visit(i, j);
}

class Covariances {
 public:
  Covariances() = default;
  explicit Covariances(const Rows& rows);

  struct TermShape {
    int k, levels;
    Structure structure;
    int factor, first;  // its factor in elimination order, and its first column there
    Mat map, to_inner;  // Lambda = map * inner Lambda, and back
  };
  const std::vector<TermShape>& terms() const { return terms_; }
  int size() const { return size_; }  // entries of theta

  std::vector<Mat> lambda_of(const Vec& theta) const;  // per term, from its free entries
  Vec theta_of(const std::vector<Mat>& lambda) const;
  std::vector<Mat> inner_lambda(const std::vector<Mat>& user) const;
  std::vector<Mat> user_lambda(const std::vector<Mat>& inner) const;  // lower triangular, diagonal not negative
  std::vector<Mat> maps_to_inner() const;
  std::vector<Mat> by_factor(const std::vector<Mat>& per_term) const;
  std::vector<Mat> by_term(const std::vector<Mat>& per_factor) const;
  // dPsi/dtheta_m for theta the free entries of `lambda`; `maps` brings it to inner coordinates (or none)
  std::vector<Direction> directions(const std::vector<Mat>& lambda, const std::vector<Mat>* maps) const;
  // H += <D, d2Psi/dtheta_m dtheta_n>, D per term
  void add_curvature(const std::vector<Mat>* maps, Mat& H, const std::vector<Mat>& D) const;
  // A lower triangle says next to nothing of what stands below a pivot near zero: near a singular Psi its entries form
  // curved valleys. In the axes of Psi, largest first, the pivots near zero come last and have nothing below them.
  // Returns these axes, per term, and the free entries there.
  std::vector<Mat> turn(const std::vector<Mat>& lambda, Vec& theta) const;
  bool can_turn() const;  // a term of several correlated effects
  void settle_zeros(std::vector<Mat>& inner) const;  // exact zeros where the criterion cannot tell the difference
  // Per term the smallest singular value of Lambda; returns the most negative slope dd/dPsi inside the null space of Psi.
  double boundary(const std::vector<Mat>& inner, const std::vector<Mat>& D, std::vector<double>& smallest) const;

 private:
  std::vector<TermShape> terms_;
  std::vector<int> widths_;  // columns of each factor
  int size_ = 0;
};

}  // namespace multilevel
