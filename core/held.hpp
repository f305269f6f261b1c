// One quantity held at a value, and the minimum of -2 log-likelihood that is left.
#pragma once

#include "linalg.hpp"

namespace multilevel {

// In the user's units.
struct Held {
  enum class Kind { coefficient, sigma, sd, corr } kind = Kind::sigma;
  double value = 0.0;
  int term = 0, i = 0, j = 0;  // sd: of effect i of a term; corr: of effects i and j
  Vec contrast;                // coefficient: contrast'beta
};

struct HeldMinimum {
  Vec theta, beta;
  double sigma = 0.0, criterion = 0.0;
  double slope = 0.0;  // d criterion / d value; NaN for a correlation of +-1 among more than two effects
  int evaluations = 0;
  bool converged = false;
};

}  // namespace multilevel
