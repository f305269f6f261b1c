// In which order to eliminate the levels of a sparse design: approximate minimum degree, until a dense matrix is the
// cheaper way to go on.
//
// Levels are the vertices of a graph, with an edge where two of them meet in a row. Eliminating a level joins those it
// meets to a clique; cliques ("elements") are kept as lists of their members, and degrees are bounded from above by sums
// over these lists (Amestoy, Davis & Duff 1996, SIAM J. Matrix Anal. Appl. 17, 886-905, sections 3-5).
#pragma once

#include <cstdint>
#include <vector>

namespace multilevel {

constexpr double kWide = 10.0;  // vertices with more neighbours than this times sqrt(vertices) are left to the core

struct LevelGraph {
  std::vector<std::int64_t> ptr;        // vertices + 1, into `neighbour`
  std::vector<std::int32_t> neighbour;  // each edge from both ends
  std::vector<int> weight;              // effects of each vertex
};

struct Ordering {
  std::vector<std::int32_t> first;   // vertices to be eliminated one at a time, in order; the others form the dense core
  std::vector<std::int32_t> parent;  // of each vertex in `first`: any order with children before parents fills in no more
  double cost = 0.0;                 // predicted operations, those of the core in units of scattered ones; infinite: given up
};

// `speedup`: of a dense operation over a scattered one. `room`: how many numbers the columns may have. `patience`: entries
// of lists looked at before the search is given up. The first `leading` vertices go before all others.
Ordering order_levels(const LevelGraph& graph, double speedup, double room, double patience, std::int32_t leading = 0);

}  // namespace multilevel
