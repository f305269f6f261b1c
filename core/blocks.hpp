// Rows -> the typed blocks of A = [Z X y]' W [Z X y], in the coordinates of scaling.hpp.
//
// Terms that share a grouping factor are one Factor (K columns per level). Factors are put in elimination order: most
// random effects first, so that a factor nested in another always comes before it. Random effects are numbered
// consecutively in that order: effect j of level v of factor f is  f.offset + v * f.K + j.
//
//   diag[f]    l x K x K     Z_v' W Z_v                        every factor
//   border     q x (p + 1)   Z_v' W [X y]                      all effects, row-major
//   XY         (p+1)^2       [X y]' W [X y]
//   pattern    which pairs of levels of two factors meet       only the sparse part (pattern.hpp)
#pragma once

#include <cstdint>
#include <vector>

#include "scaling.hpp"

namespace multilevel {

struct Term {
  int factor;  // as the caller numbers factors
  std::vector<Column> Z;
  Structure structure;
  Vec coordinates = {};  // of the effects: ou
  int predictor = 0;  // of generalized models: that of the mean, or one of dispersion or zero inflation (families.hpp)
  int k() const { return static_cast<int>(Z.size()); }
};

struct Factor {
  const std::int32_t* codes;
  int levels = 0, K = 0;
  std::int64_t offset = 0;          // of its first random effect, in elimination order
  std::vector<int> terms;           // its terms, and the first of the K columns of each
  std::vector<int> first;
  std::int64_t size() const { return static_cast<std::int64_t>(levels) * K; }
};

struct Rows {
  std::int64_t n = 0;
  Column y{};
  std::vector<Column> X;
  const double* w = nullptr;        // prior weights, or none
  std::vector<Term> terms;
  std::vector<Factor> factors;      // in elimination order
  std::vector<Coordinates> maps;    // of each term
  FixedCoordinates fixed;
  std::vector<Column> kept;         // identified columns of X
  std::int64_t q = 0;
  int p = 0;

  void z_row(const Factor& f, std::int64_t i, double* out) const;  // the K transformed values of row i
};

// Orders the factors and finds the coordinates; the views in `rows` must outlive everything built from it.
void prepare(Rows& rows, const std::vector<std::pair<const std::int32_t*, int>>& factors);

struct Blocks {
  std::vector<Vec> diag;
  Vec border;
  Mat XY;
  double sum_log_w = 0.0;
};

Blocks add_up(const Rows& rows);

// The column of the border that belongs to another response on the same design: Z'Wy, X'Wy, y'Wy. `y_scale`, `y_center`
// and `beta0` of that response come back in `fixed`.
struct Response {
  Vec Zy, Xy;
  double yy = 0.0;
  Vec beta0;
  double y_center = 0.0, y_scale = 1.0;
};
Response add_up_response(const Rows& rows, const Blocks& blocks, const Column& y);

// Combinations z'b of random effects: per factor, in elimination order, each combination's level (-1: none of the known)
// and its K numbers.
struct Combinations {
  std::int64_t n = 0;
  std::vector<std::vector<std::int32_t>> level;
  std::vector<Vec> z;  // n x K, row-major
};

// From levels (n) of each factor as the caller numbers them, and columns (n) of each term.
Combinations combine(const Rows& rows, const std::vector<const std::int32_t*>& levels, const std::vector<std::vector<Column>>& Z, std::int64_t n);

}  // namespace multilevel
