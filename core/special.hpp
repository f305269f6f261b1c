// log Gamma and its derivatives for positive arguments: recurrence up to kLarge, then Stirling's series (Abramowitz &
// Stegun 1964, 6.1.41, 6.3.18, 6.4.11-6.4.14). Thread-safe, unlike the C library's lgamma.
#pragma once

#include <cmath>

namespace multilevel {

constexpr double kLarge = 12.0;

inline double log_gamma(double x) {
  double product = 1.0;
  while (x < kLarge) product *= x++;
  const double r = 1.0 / x, r2 = r * r;
  const double series = r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260 - r2 * (1.0 / 1680 - r2 * (1.0 / 1188 - r2 * (691.0 / 360360 - r2 / 156))))));
  return (x - 0.5) * std::log(x) - x + 0.91893853320467274178 + series - std::log(product);
}

inline double digamma(double x) {
  double sum = 0.0;
  while (x < kLarge) sum -= 1.0 / x++;
  const double r2 = 1.0 / (x * x);
  return sum + std::log(x) - 0.5 / x -
         r2 * (1.0 / 12 - r2 * (1.0 / 120 - r2 * (1.0 / 252 - r2 * (1.0 / 240 - r2 * (1.0 / 132 - r2 * (691.0 / 32760 - r2 / 12))))));
}

inline double trigamma(double x) {
  double sum = 0.0;
  for (; x < kLarge; ++x) sum += 1.0 / (x * x);
  const double r = 1.0 / x, r2 = r * r;
  return sum + r + 0.5 * r2 +
         r * r2 * (1.0 / 6 - r2 * (1.0 / 30 - r2 * (1.0 / 42 - r2 * (1.0 / 30 - r2 * (5.0 / 66 - r2 * (691.0 / 2730 - r2 * 7.0 / 6))))));
}

inline double tetragamma(double x) {
  double sum = 0.0;
  for (; x < kLarge; ++x) sum -= 2.0 / (x * x * x);
  const double r = 1.0 / x, r2 = r * r;
  return sum - r2 - r * r2 -
         r2 * r2 * (0.5 - r2 * (1.0 / 6 - r2 * (1.0 / 6 - r2 * (3.0 / 10 - r2 * (5.0 / 6 - r2 * (691.0 / 210 - r2 * 35.0 / 2))))));
}

}  // namespace multilevel
