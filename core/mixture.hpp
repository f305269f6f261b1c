// The log-likelihood of a row and its derivatives in all that it depends on: the linear predictor eta of the family, its
// shapes on the log scale, and the logit g of the zero inflation, in this order.
//
//   l = log(pi + (1 - pi) e^f) where y = 0,   l = log(1 - pi) + f elsewhere,   f the family's own log-likelihood
//
// With q = expit(f - g), the chance that a zero is the family's own, q1 = q (1 - q), q2 = q1 (1 - 2q), p1 = pi (1 - pi),
// p2 = p1 (1 - 2 pi), and a, b, c any of eta and the shapes:
//   l_a = q f_a   l_ab = q f_ab + q1 f_a f_b   l_abc = q f_abc + q1 (f_ab f_c + f_ac f_b + f_bc f_a) + q2 f_a f_b f_c
//   l_g = 1 - pi - q   l_ga = -q1 f_a   l_gab = -q1 f_ab - q2 f_a f_b
//   l_gg = q1 - p1   l_gga = q2 f_a   l_ggg = -q2 - p2
// Elsewhere q = 1 and q1 = q2 = 0. Continuous families have no zeros of their own: f = -inf, q = 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include "families.hpp"

namespace multilevel {

// The inverse logits of x and -x and their logarithms, from one exponential.
struct Logistic {
  double up, down, log_up, log_down;
  explicit Logistic(double x) {
    const double t = std::exp(-std::abs(x)), small = t / (1.0 + t), large = 1.0 / (1.0 + t);
    const double rest = std::log1p(t);
    log_up = std::min(x, 0.0) - rest, log_down = -std::max(x, 0.0) - rest;
    up = x > 0.0 ? large : small, down = x > 0.0 ? small : large;
  }
};

// Derivatives of f, in variables whose numbers do not fall; only those that someone asks for are there.
struct OwnDerivatives {
  static constexpr int kMost = 1 + kMostShapes;
  double one[kMost] = {}, two[kMost][kMost] = {}, three[kMost][kMost][kMost] = {};
};

struct Mixture {
  enum class Row { positive, zero, apart };  // apart: a zero that the family cannot have

  int logit;  // its number among the variables; -1 without zero inflation, where l = f
  double l, q = 1.0, q1 = 0.0, q2 = 0.0, p1 = 0.0;
  double g = 0.0, gg = 0.0, ggg = 0.0;
  const OwnDerivatives& f;

  Mixture(double f_own, const OwnDerivatives& of) : logit(-1), l(f_own), f(of) {}
  Mixture(Row row, int number, double g_at, double f_own, const OwnDerivatives& of) : logit(number), f(of) {
    const Logistic inflation(g_at);
    const double pi = inflation.up;
    q = row == Row::positive ? 1.0 : 0.0, p1 = pi * inflation.down;
    l = row == Row::positive ? f_own + inflation.log_down : inflation.log_up;
    if (row == Row::zero) {
      const Logistic own(f_own - g_at);
      q = own.up, q1 = q * own.down, q2 = q1 * (own.down - own.up);
      l -= own.log_down;
    }
    g = row == Row::positive ? -pi : inflation.down - q, gg = q1 - p1, ggg = -q2 - p1 * (1.0 - 2.0 * pi);
  }

  double first(int a) const { return a == logit ? g : q * f.one[a]; }
  double second(int a, int b) const {
    if (a > b) std::swap(a, b);
    if (a == logit) return gg;
    if (b == logit) return -q1 * f.one[a];
    return q1 == 0.0 ? q * f.two[a][b] : q * f.two[a][b] + q1 * f.one[a] * f.one[b];
  }
  double third(int a, int b, int c) const {
    if (a > b) std::swap(a, b);
    if (b > c) std::swap(b, c);
    if (a > b) std::swap(a, b);
    if (a == logit) return ggg;
    if (b == logit) return q2 * f.one[a];
    if (c == logit) return -q1 * f.two[a][b] - q2 * f.one[a] * f.one[b];
    const double own = q * f.three[a][b][c];
    if (q1 == 0.0) return own;
    return own + q1 * (f.two[a][b] * f.one[c] + f.two[a][c] * f.one[b] + f.two[b][c] * f.one[a]) + q2 * f.one[a] * f.one[b] * f.one[c];
  }
};

}  // namespace multilevel
