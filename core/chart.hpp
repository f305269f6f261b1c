// Linear coordinates of the factors Lambda with a standard deviation or a correlation held.
//
// The criterion depends on Lambda through Psi = Lambda Lambda', so any factor will do, and one is chosen that makes the
// constraint linear. With t_i the row of a term's coordinate map that belongs to effect i, sd_i = sigma |t_i'Lambda|. In
// an orthonormal basis B whose first vectors span t_i (and t_j), Lambda = B L, L lower triangular:
//
//   sd_i = s            L_11 = s e^-eta / |t_i|,  eta = log sigma; eta and all other entries are free
//   corr_ij = r         t_i'B L = |t_i| (a, 0),  t_j'B L = |t_j| c (r, sqrt(1 - r^2));  a, c >= 0 and the rest are free
#pragma once

#include <utility>
#include <vector>

#include "scaling.hpp"

namespace multilevel {

// Lambda_t = sum over the entries of term t of x_m E_m, and for the focal term + e^-eta `fixed`.
struct Chart {
  std::vector<int> term;
  std::vector<Mat> E;
  Vec start;
  int focal = -1;
  Mat basis;                   // B of the focal term
  Mat fixed;                   // sd: what is held, times sigma
  Mat fixed_slope;             // sd, corr: dLambda / dvalue at e^-eta = 1; for corr at c = 1
  bool has_eta = false;
  int a = -1, c = -1;          // corr: which x must not be negative
  std::vector<int> mirror;     // covariances with a part that may be nearly nothing: their signs are a choice of valley

  void add(int t, Mat e, double at) {
    term.push_back(t);
    E.push_back(std::move(e));
    start.push_back(at);
  }
  // The free entries of a term of which nothing is held, from its L.
  void add_term(int t, const Mat& L, Structure s);
  // The focal term: `L` is the start in the basis; `length` is |t_i| in units of the response.
  void hold_sd(int effect, double value, Mat L, Structure s, double length);
  // t_j = |t_j| B (alpha, beta, 0 ...)
  void hold_corr(double r, Mat L, double alpha, double beta);
};

Vec unit_row(const Mat& M, int i, double& length);
// An orthonormal basis whose first vectors span the given ones, in order.
Mat basis_from(std::vector<Vec> first, int k);
Mat entry(const Mat& B, int i, int j, double scale = 1.0);  // scale B[:, i] e_j'
Mat sum(const Mat& A, const Mat& B);
Mat symmetric_product(const Mat& A, const Mat& B);  // A B' + B A'

}  // namespace multilevel
