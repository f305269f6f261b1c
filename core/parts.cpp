#include "parts.hpp"

#include <algorithm>
#include <cmath>

#include "ordering.hpp"

namespace multilevel {

namespace {

constexpr int kSample = 64;         // levels looked at
constexpr int kFewPaths = 4;
constexpr double kPatience = 0.03;  // entries of lists for each operation of an evaluation, in the search of an order
constexpr double kLittle = 1e5;      // entries that take less than a millisecond
constexpr double kRareShare = 0.2;  // of them have to be rare: without a fifth, half of the core's cube is still there

// All levels of all factors, factor after factor as in Rows.
struct Vertices {
  const Rows& rows;
  const std::vector<SortedRows>& sorted;
  std::vector<std::int32_t> base{0};
  std::vector<std::int32_t> seen;

  Vertices(const Rows& r, const std::vector<SortedRows>& s) : rows(r), sorted(s) {
    for (const Factor& f : r.factors) base.push_back(base.back() + f.levels);
    seen.assign(base.back(), -1);
  }
  int factor_of(std::int32_t v) const { return static_cast<int>(std::upper_bound(base.begin(), base.end(), v) - base.begin()) - 1; }

  // Every other level of the rows of vertex v, repeated as often as it occurs.
  template <class Visit>
  void each_met(std::int32_t v, Visit&& visit) const {
    const int f = factor_of(v), n_factors = static_cast<int>(rows.factors.size());
    const SortedRows& s = sorted[f];
    for (std::int64_t r = s.start[v - base[f]]; r < s.start[v - base[f] + 1]; ++r)
      for (int g = 0; g < n_factors; ++g)
        if (g != f && !visit(base[g] + rows.factors[g].codes[s.order[r]])) return;
  }
  std::int64_t rows_of(std::int32_t v) const {
    const int f = factor_of(v);
    return sorted[f].start[v - base[f] + 1] - sorted[f].start[v - base[f]];
  }
  bool first_time(std::int32_t v, std::int32_t stamp) {
    if (seen[v] == stamp) return false;
    seen[v] = stamp;
    return true;
  }
  bool meets_more_than(std::int32_t v, std::int32_t one) const {
    bool more = false;
    each_met(v, [&](std::int32_t w) { return !(more = w != one); });
    return more;
  }
};

LevelGraph graph_of(Vertices& vertices) {
  LevelGraph graph;
  graph.ptr.push_back(0);
  std::fill(vertices.seen.begin(), vertices.seen.end(), -1);
  for (std::int32_t v = 0; v < vertices.base.back(); ++v) {
    vertices.each_met(v, [&](std::int32_t w) {
      if (vertices.first_time(w, v)) graph.neighbour.push_back(w);
      return true;
    });
    graph.ptr.push_back(static_cast<std::int64_t>(graph.neighbour.size()));
    graph.weight.push_back(vertices.rows.factors[vertices.factor_of(v)].K);
  }
  return graph;
}

// Vertices in runs of one factor, children before parents: as many of a factor as can go, then of another.
std::vector<std::vector<std::int32_t>> runs(const Vertices& vertices, const Ordering& ordering) {
  const std::size_t n = vertices.seen.size();
  std::vector<std::int32_t> place(n, -1), children(n, 0);
  for (std::size_t i = 0; i < ordering.first.size(); ++i) place[ordering.first[i]] = static_cast<std::int32_t>(i);
  const auto parent = [&](std::int32_t v) { return ordering.parent[v] >= 0 && place[ordering.parent[v]] >= 0 ? ordering.parent[v] : -1; };
  for (std::int32_t v : ordering.first)
    if (parent(v) >= 0) ++children[parent(v)];
  std::vector<std::vector<std::int32_t>> ready(vertices.rows.factors.size()), out;
  for (std::int32_t v : ordering.first)
    if (children[v] == 0) ready[vertices.factor_of(v)].push_back(v);
  for (;;) {
    std::vector<std::int32_t>& next = *std::max_element(ready.begin(), ready.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
    if (next.empty()) return out;
    std::vector<std::int32_t>& run = out.emplace_back();
    while (!next.empty()) {
      const std::int32_t v = next.back();
      next.pop_back();
      run.push_back(v);
      if (const std::int32_t p = parent(v); p >= 0 && --children[p] == 0) ready[vertices.factor_of(p)].push_back(p);
    }
    if (out.size() == 1) std::sort(run.begin(), run.end());  // nothing in it meets, so neighbours in memory may stay that
    else std::sort(run.begin(), run.end(), [&](std::int32_t a, std::int32_t b) { return place[a] < place[b]; });
  }
}

Parts empty_parts(const Rows& rows) {
  Parts parts;
  for (const Factor& f : rows.factors) {
    parts.effect.emplace_back(f.levels, -1);
    parts.given.push_back(f.offset);
  }
  return parts;
}

void append(const Rows& rows, int factor, std::vector<std::int32_t>&& levels, Parts& parts) {
  const int K = rows.factors[factor].K;
  const std::int64_t offset = parts.list.empty() ? 0 : parts.list.back().offset + static_cast<std::int64_t>(parts.list.back().levels()) * parts.list.back().K;
  for (std::size_t v = 0; v < levels.size(); ++v) parts.effect[factor][levels[v]] = static_cast<std::int32_t>(offset + static_cast<std::int64_t>(v) * K);
  parts.list.push_back({factor, K, offset, std::move(levels)});
}

// Levels of each factor that are not in any part yet.
void append_rest(const Rows& rows, Parts& parts) {
  for (int f = 0; f < static_cast<int>(rows.factors.size()); ++f) {
    std::vector<std::int32_t> levels;
    for (int v = 0; v < rows.factors[f].levels; ++v)
      if (parts.effect[f][v] < 0) levels.push_back(v);
    if (!levels.empty()) append(rows, f, std::move(levels), parts);
  }
}

}  // namespace

int Parts::of(std::int64_t effect) const {
  const auto after = std::upper_bound(list.begin(), list.end(), effect, [](std::int64_t e, const Part& b) { return e < b.offset; });
  return static_cast<int>(after - list.begin()) - 1;
}

Vec Parts::in_order(const Vec& x, int width) const {
  Vec out(x.size());
  for (const Part& b : list)
    for (int v = 0; v < b.levels(); ++v)
      std::copy_n(x.begin() + (given[b.factor] + static_cast<std::int64_t>(b.level[v]) * b.K) * width, b.K * width,
                  out.begin() + (b.offset + static_cast<std::int64_t>(v) * b.K) * width);
  return out;
}

Vec Parts::as_given(const Vec& x, int width) const {
  Vec out(x.size());
  for (const Part& b : list)
    for (int v = 0; v < b.levels(); ++v)
      std::copy_n(x.begin() + (b.offset + static_cast<std::int64_t>(v) * b.K) * width, b.K * width,
                  out.begin() + (given[b.factor] + static_cast<std::int64_t>(b.level[v]) * b.K) * width);
  return out;
}

SortedRows sort_rows(const Rows& rows, const Factor& f) {
  SortedRows s;
  s.start.assign(f.levels + 1, 0);
  for (std::int64_t i = 0; i < rows.n; ++i) ++s.start[f.codes[i] + 1];
  for (int v = 0; v < f.levels; ++v) s.start[v + 1] += s.start[v];
  std::vector<std::int64_t> next(s.start.begin(), s.start.end() - 1);
  s.order.resize(rows.n);
  for (std::int64_t i = 0; i < rows.n; ++i) s.order[next[f.codes[i]]++] = static_cast<std::int32_t>(i);
  return s;
}

Parts whole_factors(const Rows& rows) {
  Parts parts = empty_parts(rows);
  append_rest(rows, parts);
  return parts;
}

// A level is rare if it meets few others once the first factor has been eliminated (few: its elimination costs less than its
// column of the core), or if no more than kFewPaths levels lead on from it.
bool meet_rarely(const Rows& rows, const std::vector<SortedRows>& sorted, double speedup) {
  Vertices vertices(rows, sorted);
  const std::int32_t begin = vertices.base[1], end = vertices.base.back();
  const double few = std::sqrt(3.0 / speedup) * (end - begin);
  const std::int32_t step = std::max(1, (end - begin) / kSample);
  const double wide = kWide * std::sqrt(static_cast<double>(end));
  int rare = 0, looked = 0;
  for (std::int32_t v = begin; v < end; v += step, ++looked) {
    int paths = 0, met = 0;
    vertices.each_met(v, [&](std::int32_t u) {
      if (!vertices.first_time(u, v)) return true;
      if (static_cast<double>(vertices.rows_of(u)) > wide) ++met;  // left to the core in any case
      else if (u >= begin) ++paths, ++met;
      else if (vertices.meets_more_than(u, v)) {
        ++paths;
        vertices.each_met(u, [&](std::int32_t w) { return (met += w != v && vertices.first_time(w, v)) < few; });
      }
      return paths <= kFewPaths || met < few;
    });
    rare += paths <= kFewPaths || met < few;
  }
  return rare >= kRareShare * looked;
}

ByDegree by_degree(const Rows& rows, const std::vector<SortedRows>& sorted, double speedup, double room, double most) {
  Vertices vertices(rows, sorted);
  const LevelGraph graph = graph_of(vertices);
  const double patience = std::max(kPatience * most, kLittle);
  Ordering ordering = order_levels(graph, speedup, room, patience);
  if (ordering.cost > most && std::isfinite(ordering.cost)) ordering = order_levels(graph, speedup, room, patience, vertices.base[1]);
  ByDegree out{empty_parts(rows), 0, ordering.cost};
  if (ordering.cost > most) return out;
  out.parts.whole = false;
  for (std::vector<std::int32_t>& run : runs(vertices, ordering)) {
    const int f = vertices.factor_of(run.front());
    for (std::int32_t& v : run) v -= vertices.base[f];
    append(rows, f, std::move(run), out.parts);
  }
  out.sparse = out.parts.size();
  append_rest(rows, out.parts);
  return out;
}

}  // namespace multilevel
