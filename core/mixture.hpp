// A row whose zeros are inflated: its log-likelihood in the linear predictor eta of the family, in the logit g of the
// inflation and in a shape s of the family, with all derivatives that the Laplace approximation and its gradient need.
//
//   l = log(pi + (1 - pi) e^f) where y = 0,   l = log(1 - pi) + f elsewhere,   f the family's own log-likelihood
//
// With q = expit(f - g), the chance that a zero is the family's own, q1 = q (1 - q), q2 = q1 (1 - 2q), p1 = pi (1 - pi),
// p2 = p1 (1 - 2 pi), and derivatives of f in eta as f1, f2, f3, in a shape as fs, f1s, f2s:
//   l_e = q f1   l_ee = q f2 + q1 f1^2   l_eee = q f3 + 3 q1 f1 f2 + q2 f1^3
//   l_g = 1 - pi - q   l_gg = q1 - p1   l_ggg = -q2 - p2   l_eg = -q1 f1   l_eeg = -q1 f2 - q2 f1^2   l_egg = q2 f1
//   l_s = q fs   l_es = q f1s + q1 f1 fs   l_ees = q f2s + q1 (f2 fs + 2 f1 f1s) + q2 f1^2 fs
//   l_gs = -q1 fs   l_egs = -q1 f1s - q2 f1 fs   l_ggs = q2 fs
// Elsewhere q = 1 and q1 = q2 = 0. Continuous families have no zeros of their own: f = -inf, q = 0.
#pragma once

#include <algorithm>
#include <cmath>

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

struct Mixture {
  enum class Row { positive, zero, apart };  // apart: a zero that the family cannot have

  double l, q, q1, q2, p1;
  double e, ee, eee, g, gg, ggg, eg, eeg, egg;
  double f1, f2;

  Mixture(Row row, double logit, double f, double f_1, double f_2, double f_3) : f1(f_1), f2(f_2) {
    const Logistic inflation(logit);
    const double pi = inflation.up;
    q = row == Row::positive ? 1.0 : 0.0, q1 = q2 = 0.0, p1 = pi * inflation.down;
    l = row == Row::positive ? f + inflation.log_down : inflation.log_up;
    if (row == Row::zero) {
      const Logistic own(f - logit);
      q = own.up, q1 = q * own.down, q2 = q1 * (own.down - own.up);
      l -= own.log_down;
    }
    e = q * f1, ee = q * f2 + q1 * f1 * f1, eee = q * f_3 + 3.0 * q1 * f1 * f2 + q2 * f1 * f1 * f1;
    g = row == Row::positive ? -pi : inflation.down - q, gg = q1 - p1, ggg = -q2 - p1 * (1.0 - 2.0 * pi);
    eg = -q1 * f1, eeg = -q1 * f2 - q2 * f1 * f1, egg = q2 * f1;
  }

  struct Shape {
    double s, es, ees, gs, egs, ggs;
  };
  Shape in_shape(double fs, double f1s, double f2s) const {
    return {q * fs, q * f1s + q1 * f1 * fs, q * f2s + q1 * (f2 * fs + 2.0 * f1 * f1s) + q2 * f1 * f1 * fs,
            -q1 * fs, -q1 * f1s - q2 * f1 * fs, q2 * fs};
  }
};

}  // namespace multilevel
