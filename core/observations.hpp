// The rows of a generalized model: weights change at every step, so rows are kept, in inner coordinates, sorted by the
// first factor, and equal ones are merged where the family allows (exactly: a sufficient statistic).
#pragma once

#include <cstdint>
#include <vector>

#include "blocks.hpp"
#include "families.hpp"

namespace multilevel {

// One grouping factor seen from the rows.
struct Side {
  int K = 1;
  std::int64_t offset = 0;
  bool constant = false;           // the same z in every row: kept once
  Vec z;                           // rows x K, or K numbers
  std::vector<std::int32_t> code;
  const double* row(std::int64_t i) const { return z.data() + (constant ? 0 : i * K); }
  std::int64_t effect(std::int64_t i) const { return offset + static_cast<std::int64_t>(code[i]) * K; }
};

// With random effects in dispersion or zero inflation each merged row is seen three or six times (shape_models.cpp): Z and X
// of each linear predictor, and of the sums of two; response and weight stand with the first.
struct Observations {
  std::int64_t n = 0;              // merged rows times their views
  int views = 1;
  int p = 0;
  Vec y, weight, offset;           // y: weighted means of merged rows; weight: their sums
  Vec X;                           // n x p, row-major
  std::vector<Side> sides;         // in elimination order
  std::vector<std::int32_t> row_of;  // user's row -> merged row
  std::int64_t place(std::int64_t i) const { return static_cast<std::int64_t>(row_of[i]) * views; }  // of a user's row
  double constant = 0.0;           // log-likelihood terms that do not depend on any parameter

  // eta += X beta
  void add_fixed(const Vec& beta, Vec& eta) const;
  // eta += Z b
  void add_random(const Vec& b, Vec& eta) const;
  // out (q) = Z'x, out_X (p) = X'x
  void random_sums(const Vec& x, Vec& out) const;
  Vec fixed_sums(const Vec& x) const;
  // Z'W[X ...]: q x width, the first p columns; X'WX
  void weighted_border(const Vec& w, int width, Vec& border) const;
  Mat weighted_squares(const Vec& w) const;
};

// `rows` as prepared; `offset` one per user row, or null.
Observations observe(const Rows& rows, const double* offset, const Likelihood& family);
// Another response on the same rows.
void set_response(Observations& o, const Rows& rows, const Column& y, const Likelihood& family);

}  // namespace multilevel
