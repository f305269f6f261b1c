// Responses of a model with one grouping factor, drawn as the sums that the criterion needs: no row is touched.
//
//   y* = X beta + Z b + e:   Z_v'Wy* = G_v b_v + Z_v'We,   X'Wy* = sum B_v'b_v + X'We,   b_v = sigma Lambda u_v
//
// G_v = Z_v'WZ_v, B_v = Z_v'WX. The noise W^1/2 e is split into its part in the columns of Z, that of X outside Z, and
// the rest, of which only the length counts (G_v = R_v R_v', S = X'WX - sum B_v'G_v^+ B_v = T T'):
//
//   Z_v'We = sigma R_v xi_v        X'We = sigma (sum (R_v^+ B_v)' xi_v + T eta)
//   e'We   = sigma^2 (xi'xi + eta'eta + chi^2 with n - rank [Z X] degrees of freedom)
#pragma once

#include "blocks.hpp"

namespace multilevel {

class Draws {
 public:
  explicit Draws(const Rows& rows);
  std::size_t size() const { return static_cast<std::size_t>(2 * levels_ * k_ + p_); }  // standard normals per response
  double noise_df() const { return noise_df_; }                                         // of the chi^2 after them
  // `numbers`: u, xi, eta and chi^2; Lambda and beta in the inner coordinates, sigma in units of the response
  Response draw(const double* numbers, const Mat& Lambda, double sigma, const Vec& beta) const;

 private:
  int k_, p_;
  std::int64_t levels_;
  double total_weight_, noise_df_;
  Vec G_, B_;      // per level k x k and k x p, row-major
  Vec root_, RB_;  // R_v and R_v^+ B_v
  std::vector<bool> spans_;  // which columns of R_v are not zero
  Mat XX_, factor_, T_;      // X'WX, its Cholesky factor, T
  std::vector<bool> spans_x_;
};

}  // namespace multilevel
