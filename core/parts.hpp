// The order in which random effects are eliminated: in parts, runs of levels of one factor.
//
// Usually a part is a whole factor, largest first, so that a factor nested in another comes before it. Where crossed factors
// hardly meet, levels are ordered by minimum degree (ordering.hpp) instead and gathered into few parts: rare levels of any
// factor first, what is left of all factors last, in one dense core. Effects are numbered consecutively in this order:
// effect j of level v of a part is  offset + v * K + j.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "blocks.hpp"

namespace multilevel {

struct Part {
  int factor, K;
  std::int64_t offset;              // of its first effect
  std::vector<std::int32_t> level;  // as the factor numbers them
  int levels() const { return static_cast<int>(level.size()); }
};

struct Parts {
  std::vector<Part> list;
  std::vector<std::vector<std::int32_t>> effect;  // of each factor: the first effect of each level
  std::vector<std::int64_t> given;                // of each factor: its first effect in Rows
  bool whole = true;                              // the parts are the factors of Rows

  const Part& operator[](int b) const { return list[b]; }
  int size() const { return static_cast<int>(list.size()); }
  int of(std::int64_t effect) const;           // the part of an effect
  Vec in_order(const Vec& x, int width) const; // rows of x, one per effect: from the numbers of Rows to those here
  Vec as_given(const Vec& x, int width) const; // and back
};

// Data rows by level of a factor.
struct SortedRows {
  std::vector<std::int32_t> order;
  std::vector<std::int64_t> start;  // levels + 1
};
SortedRows sort_rows(const Rows& rows, const Factor& f);

Parts whole_factors(const Rows& rows);

// Levels by minimum degree; speedup and room as in ordering.hpp.
struct ByDegree {
  Parts parts;
  int sparse = 0;  // parts before the core
  double cost = std::numeric_limits<double>::infinity();
};
// Whether enough levels after the first factor meet so few that they need not be in the core: a look at some of them.
bool meet_rarely(const Rows& rows, const std::vector<SortedRows>& sorted, double speedup);
// All levels together or, where that costs more than `most`, those of the first factor before all others.
ByDegree by_degree(const Rows& rows, const std::vector<SortedRows>& sorted, double speedup, double room, double most);

}  // namespace multilevel
