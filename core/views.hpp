// Where the derivatives of row i go: into one row, or into the views of two predictors (shape_models.cpp).
#pragma once

#include "families.hpp"

namespace multilevel {

inline void put(bool both, Vec& out, std::int64_t i, double e, double g) {
  if (!both) {
    out[i] = e;
    return;
  }
  out[kViews * i] = e, out[kViews * i + 1] = g, out[kViews * i + 2] = 0.0;
}

inline void put(bool both, Vec& out, std::int64_t i, double ee, double eg, double gg) {
  if (!both) {
    out[i] = ee;
    return;
  }
  out[kViews * i] = ee - eg, out[kViews * i + 1] = gg - eg, out[kViews * i + 2] = eg;
}

}  // namespace multilevel
