// What a criterion needs from the sums, whatever their shape.
//
// Notation (V = I + Z Psi Z' with weights folded in, Psi block-diagonal in the levels, Psi_f = Lambda_f Lambda_f'):
//   eliminate      log|V| and  [X y]' V^-1 [X y]
//   differentiate  T_f = sum over levels of the diagonal blocks of Z'V^-1 Z  (minus H Q^-1 H' under REML)
//                  S_f = sum over levels of z z',  z = Z'V^-1 (y - X beta),  H = Z'V^-1 X
//                  G   = t'(Z'V^-1 Z) t and  HT = H't  for t_m = Psi_dot_m z   (average information)
#pragma once

#include <memory>
#include <vector>

#include "blocks.hpp"

namespace multilevel {

// A direction in covariance space: dPsi_f / dparameter, K x K symmetric.
struct Direction {
  int factor;
  Mat psi_dot;
};

struct Slopes {
  bool products = false;  // asked for: HH
  std::vector<Mat> HH;    // per factor, sum over levels of vec(H) vec(H)', (K p)^2, effect + K * column of X
  std::vector<Mat> T, S;  // per factor, in elimination order
  Mat G;                  // m x m
  Mat HT;                 // p x m
  bool exact = false;     // `trace` holds tr(P V_m P V_n): the exact Hessian is available
  Mat trace;

  Mat sum_over(const Direction& d) const;  // p x p: sum over levels of H' Psi_dot H, from HH
};

// (X'V^-1X)^-1, and whether the criterion holds its determinant
struct Inverse {
  Mat inverse;
  bool reml = false;
};

struct Posterior {
  Vec P;  // per level K x K: conditional covariance of the random effects / sigma^2
  Vec F;  // per level K x p: P Z'X, random effects against fixed effects
};

// What a moment estimate of the variances needs of the design, column by column (all factors, K columns each), with
// P = W - WX(X'WX)^-1X'W:
struct Moments {
  Mat N;  // N[j, c] = sum over pairs of levels of (z_j'P z_c)^2
  Vec g;  // sum over levels of z_j'P z_j
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Lambda: one K x K factor per grouping factor. Returns log|V|; `cross` becomes the (p+1)^2 reduced cross-products.
  virtual double eliminate(const std::vector<Mat>& Lambda, Mat& cross) = 0;
  // After eliminate. `c` = (-beta, 1).
  virtual void differentiate(const Vec& c, const Inverse& Q, const std::vector<Direction>& directions, Slopes& out) = 0;
  // After eliminate, or after differentiate with the same `c`: conditional modes b of all effects (q).
  virtual Vec modes(const Vec& c) = 0;
  // After eliminate.
  virtual std::vector<Posterior> posterior() = 0;
  // After eliminate, with nothing else between: z'Pz of each combination.
  virtual Vec variances(const Combinations& c) = 0;
  virtual Moments moments(const Mat& XX_inverse) const = 0;
  virtual Vec response_moments() const = 0;  // sum over levels of (z_j'P y)^2
  virtual void set_response(const Response& r) = 0;
  virtual std::unique_ptr<Engine> clone() const = 0;
  virtual const char* name() const = 0;
};

std::unique_ptr<Engine> make_elimination(const Rows& rows, Blocks blocks);
// Levels with equal Z_v'WZ_v are one; null when that would not save anything.
std::unique_ptr<Engine> make_signature(const Rows& rows, const Blocks& blocks);

}  // namespace multilevel
