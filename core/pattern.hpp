// Which levels meet, and in what order they are eliminated.
//
// Parts 0 .. sparse-1 are eliminated level by level; the later ones form one dense core. A level v of a sparse part keeps a
// column: the later effects it meets, fill included (struct(v) = what v meets in the rows, and what the columns eliminated
// into v leave behind). Parts are whole factors, sparse while their columns cost less than the dense core would, unless
// levels by minimum degree cost less than half of that.
#pragma once

#include <cstdint>
#include <vector>

#include "parts.hpp"

namespace multilevel {

constexpr int kStrip = 64;  // columns of the core that one thread works on

// Rows of one level's column that lie in one strip of the core.
struct Piece {
  std::int32_t level, count;
  std::int64_t first;
};

struct SparsePattern {
  std::vector<std::int64_t> ptr;   // levels + 1, into `row`
  std::vector<std::int32_t> row;   // effects (scalar numbers), ascending
  std::vector<std::int32_t> inner; // per level: how many of its rows are effects of sparse parts (they come first)
  std::int64_t inner_total = 0;
  double pairs = 0.0;              // products of two core rows of one level, all levels
  std::vector<Piece> pieces;       // strip by strip, and where each strip starts
  std::vector<std::int64_t> strip;
  // for each sparse target level of each column: where the column's later rows stand in the target's own column
  std::vector<std::int64_t> rel_ptr;
  std::vector<std::int32_t> rel;
};

struct Pattern {
  Parts parts;
  int sparse = 0;                  // number of sparse parts
  std::int64_t core_offset = 0;    // first effect of the dense core
  int core = 0;                    // its dimension
  std::vector<SparsePattern> columns;  // of each sparse part
  std::vector<SortedRows> sorted;  // by each factor of which a level is eliminated outside of the core
};

Pattern find_pattern(const Rows& rows);

}  // namespace multilevel
