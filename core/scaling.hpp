// Coordinates in which the sums are taken.
//
// Forming Z'Z and X'X squares condition numbers, so columns are centred and scaled before any product is formed, and
// the response is replaced by its scaled least-squares residual. The model is the same: X_s = X T, Z_s = Z T and
// y_s = (y - X beta0) / s are linear changes of coordinates, undone exactly in the answers. Every fit therefore runs on
// the same numbers whether time is counted in days or in microseconds, from 0 or from 2020.
#pragma once

#include <cstdint>
#include <vector>

#include "linalg.hpp"

namespace multilevel {

// A view of one column of the user's data: never copied.
struct Column {
  const double* data;
  std::ptrdiff_t stride;
  double operator[](std::int64_t i) const { return data[i * stride]; }
};

struct ColumnStats {
  double mean, sd, largest;  // sd about `mean`; `largest` is max |x|
  bool constant;
};

ColumnStats column_stats(const Column& x, const double* w, std::int64_t n);

// new = (old - center) T row by row; `full` is the same map as one matrix on the old columns.
struct Coordinates {
  Vec center;
  Mat T, full;
  int in() const { return T.rows; }
  int out() const { return T.cols; }
};

enum class Structure { us = 0, diag, homdiag, cs, homcs, ar1, hetar1, toep, homtoep, ou };  // what they mean: structures.hpp

inline bool shares_scale(Structure s) {  // one standard deviation for all effects of a term
  return s == Structure::homdiag || s == Structure::homcs || s == Structure::ar1 || s == Structure::homtoep || s == Structure::ou;
}

// A full covariance is invariant under any basis of its columns: centre (when a constant is among them) and whiten.
// Others only under scaling, of each column where each has its standard deviation, and else of all together.
Coordinates random_coordinates(const std::vector<Column>& Z, Structure structure, const double* w, std::int64_t n);

struct FixedCoordinates {
  std::vector<int> kept;  // columns of X that are identified, in order
  Coordinates map;        // of the kept columns
  double logdet = 0.0;    // log |det full|
  Vec beta0;              // least squares, in the new coordinates
  double y_center = 0.0, y_scale = 1.0;  // the scale is never zero: a response with nothing left has scale one
  double total_weight = 0.0;
  int constant = -1;      // position among the kept columns of a constant one, or -1
  double constant_value = 1.0;
};

// Rank by R's rule: a column is dropped when its part outside the columns before it is below 1e-7 of its length.
FixedCoordinates fixed_coordinates(const Column& y, const std::vector<Column>& X, const double* w, std::int64_t n);

constexpr int kChunk = 256;  // rows transformed at a time

// Columns (row-major, len x out) of rows [start, start + len) in the new coordinates.
void transform_rows(const std::vector<Column>& cols, const Coordinates& map, std::int64_t start, int len, double* out);
void transform_row(const std::vector<Column>& cols, const Coordinates& map, std::int64_t i, double* out);

}  // namespace multilevel
