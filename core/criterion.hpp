// The profiled ML / REML criterion of a linear mixed model, its gradient and curvature, and what is computed from them.
//
// Bates, Maechler, Bolker & Walker (2015), J. Stat. Softw. 67(1), sections 2-3, for the profiled criterion; Gilmour,
// Thompson & Cullis (1995), Biometrics 51, 1440-1450, for average information.
//
//   d = log|V| + nu (1 + log(2 pi r2 / nu)) + [REML] log|Q|,   Q = X'V^-1X,  beta = Q^-1 X'V^-1y,  r2 = y'V^-1(y - X beta)
//   D = T - S / sigma^2 = dd/dPsi       dd/dtheta_m = <D, Psi_m>
//   Hessian = H_AI + <D, Psi_mn>,   H_AI = (1/sigma^2) [ G - HT'Q^-1 HT - <S,Psi_m><S,Psi_n> / r2 ]
//   exact where the engine gives tr(P V_m P V_n):  the bracket's first two terms twice, minus that trace
#pragma once

#include <memory>
#include <vector>

#include "covariances.hpp"
#include "draws.hpp"
#include "newton.hpp"

namespace multilevel {

struct Point {
  double value = 0.0;
  Vec gradient;
  Mat hessian;
  bool exact = false;                             // or average information
  double logdet = 0.0, logdet_q = 0.0, r2 = 0.0;  // in the inner coordinates
  Vec beta;                                       // inner coordinates
  Mat Qinv;
  std::vector<Mat> D;                             // per term
  std::vector<Mat> S;                             // per factor
  Vec r2_slope;                                   // - d r2 / dtheta_m
  std::vector<Mat> turn;                          // per term: Lambda = turn * what the coordinates say; or none
  Mat HT;                                         // X'V^-1 Psi_dot_m z
  double sigma2 = 0.0;                            // models without residuals (whole.cpp): the t that was taken,
  std::vector<Mat> split;                         // and the factors that go with it
  double pull = 0.0;                              // d criterion / d value, where a combination of beta is held
};

// What is not free in an evaluation, in the inner coordinates: sigma^2 (0: profiled out), contrast'beta (empty: free).
struct Given {
  double sigma2 = 0.0;
  Vec contrast;
  double value = 0.0;
};

// One quantity held at a value, and the minimum that is left (held.hpp).
struct Held;
struct HeldMinimum;

// Where a search ended.
struct Descent {
  NewtonResult search;
  Point at;
  Vec theta;  // inner coordinates
};

// What the score at a theta depends on, of a response: beta(theta), sums of z z', r2.
using ScoreParts = Vec;

struct Solution {
  Vec theta, beta, gradient, path;
  Mat unscaled_vcov, hessian;
  Mat across;  // models without residuals: - d beta / d x, x the coordinates of a search for theta
  double sigma = 0.0, criterion = 0.0, r2 = 0.0, logdet = 0.0, logdet_rx = 0.0;
  std::vector<Vec> modes;  // per term, levels x k row-major
  int evaluations = 0;
  bool converged = false;
  double decrement = 0.0;  // what another Newton step could still gain
  double lowest_curvature = 0.0;
  double boundary_slope = 0.0;  // most negative directional derivative dd/dPsi inside the null space of Psi; >= 0 at a minimum
  std::vector<double> smallest; // per term: smallest singular value of Lambda in scale-free coordinates

  void found_by(const NewtonResult& r) {
    evaluations = r.evaluations;
    decrement = r.decrement;
    lowest_curvature = r.lowest_curvature;
    converged = r.converged;
    path = r.path;
  }
};

// Of one term, what tests of the fixed effects need: with H_l = Z_l'V^-1X,
struct Contraction {
  Mat T;   // sum over levels of [Z'V^-1Z]_ll, k x k
  Mat HH;  // sum over levels of vec(H_l) vec(H_l)', (k p)^2, effect + k * column of X
};

// What the spread of variance estimates and of Var(beta) follow from, at a theta (user's scale), phi = (sigma, theta), with
// the coordinates of a search (covariances.hpp) in place of a structured term's theta.
struct PhiCurvature {
  Mat deviance;                // d^2 deviance / dphi dphi', sigma not profiled out
  std::vector<Mat> slopes;     // per entry d(X'V^-1X)^-1 / dtheta, p x p
};

class LinearMixed {
 public:
  // `carrier`: a model without residuals, and the term that has an effect for every row (whole.cpp); -1: with residuals.
  // `sigma`: their standard deviation where that is known, else 0
  LinearMixed(Rows rows, const std::vector<std::pair<const std::int32_t*, int>>& factors, int carrier = -1, double sigma = 0.0);
  LinearMixed(const LinearMixed& other);

  int n_theta() const { return cov_.size(); }
  const Rows& rows() const { return rows_; }
  const Engine& engine() const { return *engine_; }
  double residual_scale() const;  // root mean square of y about its least-squares fit, summed from the rows

  Solution fit(bool reml, const Vec* start);
  Solution solve(const Vec& theta, bool reml);       // everything at a given theta (user's scale)
  double criterion(const Vec& theta, bool reml);
  std::vector<Posterior> posterior(const Vec& theta);  // per term, user's scale
  // z'Pz of new rows: per factor the level of each row (-1: none), per term its columns
  Vec variances(const Vec& theta, const std::vector<const std::int32_t*>& levels, const std::vector<std::vector<Column>>& Z, std::int64_t n);
  std::vector<Contraction> contractions(const Vec& theta);  // per term, user's scale
  PhiCurvature curvature(const Vec& theta, bool reml);
  void set_response(const Column& y);
  void set_response(const Response& r);
  bool can_draw() const { return rows_.factors.size() == 1; }
  Draws draws() const { return Draws(rows_); }
  // A response with theta, sigma and beta (all the user's) as true values, from the numbers of draws.hpp.
  Response drawn(const Draws& draws, const double* numbers, const Vec& theta, double sigma, const Vec& beta) const;
  HeldMinimum minimise_with(const Held& held, const Vec& theta, double sigma);  // from a start; no REML
  ScoreParts score_parts(const Vec& theta);

 private:
  Rows rows_;
  Blocks blocks_;  // border and XY of the response in use; diag lives in the engine
  std::unique_ptr<Engine> engine_;
  Covariances cov_;
  int carrier_ = -1;
  double known_ = 0.0;         // sigma where it is not estimated
  // Least share of the sum of squares that residuals have to leave. Where there are as many effects as rows that sum is a
  // difference which loses about (effects / residuals)^4 of its digits, and a search for sigma = 0 would find rounding.
  double least_share_ = 0.0;
  bool several_minima_ = false;
  Mat moments_inverse_;        // of the moment equations, which depend on the design alone; empty when singular
  std::vector<Mat> at_;        // Lambda (inner, per term) that the engine was last differentiated at

  bool evaluate(const std::vector<Mat>& inner, const std::vector<Direction>* dirs, bool reml, Point& out,
                const Given* given = nullptr);
  bool engine_is_at(const std::vector<Mat>& inner) const;
  void eliminate_at(const Vec& theta);  // for what the engine answers next
  bool differentiated(const Vec& theta, bool reml, Point& out);  // with its Hessian, in the user's theta
  // sigma^2 of an evaluation in inner coordinates, if it is given or known; else 0
  double fixed_sigma2(const Given* given) const {
    const double s = known_ / rows_.fixed.y_scale;
    return given && given->sigma2 > 0.0 ? given->sigma2 : s * s;
  }
  // where searches start, and where they end (fit.cpp)
  Vec start_inner(const Vec* start) const;
  std::vector<Mat> moment_start() const;
  Mat moment_equations() const;
  std::vector<Mat> identities(double times) const;
  Vec in_known_units(const Vec& theta) const;  // of residuals of scale one, where sigma is known
  std::vector<Mat> turned(const Vec& x, const std::vector<Mat>& turn) const;  // Lambda at a point of a search
  Descent descend(Vec theta, bool reml);
  // in the user's coordinates (solution.cpp)
  Vec user_beta(const Vec& inner) const;
  Solution describe(const Point& at, const std::vector<Mat>& inner, const Vec& theta_user, bool reml);
  // second derivatives (curvature.cpp)
  bool searched(const Vec& x, bool reml, Point& out);  // in the coordinates of a search
  void curve_by_differences(const Vec& x, bool reml, Point& at);
  Given given_by(const Held& held) const;  // in the inner coordinates (held.cpp)
  // without residuals (whole.cpp)
  bool evaluate_whole(std::vector<Mat> L, std::vector<Direction> dirs, bool reml, Point& out, Given given);
  bool searched_whole(const Vec& x, bool reml, Point& out, const Given& given);
  bool users_whole(const Vec& theta, bool reml, Point& out);
  double held_sigma() const;
  Vec whole_theta(const Vec& user) const;
  Vec whole_start() const;
  Solution fit_whole(bool reml, const Vec* start);
  Solution solve_whole(const Vec& theta, bool reml);
  double criterion_whole(const Vec& theta, bool reml);
  PhiCurvature curvature_whole(const Vec& theta, bool reml);
  void add_carried(const Mat& split, Vec& modes) const;
};

}  // namespace multilevel
