#include "pattern.hpp"

#include "refused.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <numeric>

#ifdef _WIN32
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#else
#include <unistd.h>
#endif

namespace multilevel {

namespace {

constexpr double kNearlyDense = 0.05;   // a factor whose levels meet each other this often belongs to the dense core
constexpr double kFillShare = 1.0 / 256.0; // entries of fill for each byte of memory: with values, some tenths of it
constexpr double kDenseSpeedup = 64.0;  // an operation of the core costs about a sixty-fourth of a scattered one
constexpr double kCheap = 1e4;          // operations that are not worth saving
constexpr double kGain = 0.5;           // of the cost, for which factors are split

double physical_memory() {
#ifdef _WIN32
  MEMORYSTATUSEX status;
  status.dwLength = sizeof(status);
  GlobalMemoryStatusEx(&status);
  return static_cast<double>(status.ullTotalPhys);
#else
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
#endif
}

void check_core(std::int64_t core, int factors) {
  constexpr double GiB = 1024.0 * 1024.0 * 1024.0;
  const double blocks = factors > 1 ? 2.0 : 1.0;  // what several factors share is kept beside the working copy
  const double bytes = blocks * 4.0 * static_cast<double>(core) * static_cast<double>(core);
  if (bytes < 0.8 * physical_memory()) return;
  char words[300];
  std::snprintf(words, sizeof words,
                "the crossed grouping factors need a dense block of %lld x %lld numbers (%.0f GiB) and this machine has %.0f "
                "GiB of memory; leave out the crossed factor with fewer levels, or fit a part of the data",
                static_cast<long long>(core), static_cast<long long>(core), bytes / GiB, physical_memory() / GiB);
  throw Refused(words);
}

// Columns of the levels of a part; a level goes by the name of its first effect.
struct NodeColumns {
  std::vector<std::int64_t> ptr{0};
  std::vector<std::int32_t> node;
};

struct Symbolic {
  const Rows& rows;
  const Parts& parts;
  const std::vector<SortedRows>& sorted;
  std::vector<NodeColumns> columns;        // of the sparse parts so far
  std::vector<std::int32_t> head, next;    // eliminated nodes waiting to be merged into their first later node
  std::vector<std::int32_t> mark;

  Symbolic(const Rows& r, const Parts& p, const std::vector<SortedRows>& s)
      : rows(r), parts(p), sorted(s), head(r.q, -1), next(r.q, -1), mark(r.q, -1) {}

  // Adds the columns of part b to those before it, and their cost to `cost`; false when that exceeds `limit` operations.
  bool add(int b, double limit, double& cost) {
    columns.emplace_back();
    double own = 0.0;
    std::vector<std::int32_t> found;
    const Part& part = parts[b];
    const SortedRows& s = sorted[part.factor];
    const int n_factors = static_cast<int>(rows.factors.size());
    const double levels = part.levels();
    for (int v = 0; v < part.levels(); ++v) {
      const auto self = static_cast<std::int32_t>(part.offset + static_cast<std::int64_t>(v) * part.K);
      const std::int32_t level = part.level[v];
      found.clear();
      for (int g = parts.whole ? b + 1 : 0; g < n_factors; ++g) {
        if (g == part.factor) continue;
        const std::int32_t* codes = rows.factors[g].codes;
        const std::int32_t* effect = parts.effect[g].data();
        for (std::int64_t r = s.start[level]; r < s.start[level + 1]; ++r)
          if (const std::int32_t node = effect[codes[s.order[r]]]; node > self) visit(node, self, found);
      }
      for (std::int32_t child = head[self]; child >= 0; child = next[child]) {
        const int a = parts.of(child);
        const std::int64_t local = (child - parts[a].offset) / parts[a].K;
        for (std::int64_t e = columns[a].ptr[local]; e < columns[a].ptr[local + 1]; ++e)
          if (columns[a].node[e] != self) visit(columns[a].node[e], self, found);
      }
      std::sort(found.begin(), found.end());
      double depth = part.K;
      for (std::int32_t t : found) depth += parts[parts.of(t)].K;
      if ((own += depth * depth * part.K) > limit) return false;
      NodeColumns& c = columns[b];
      if (parts.whole && b > 0 && static_cast<double>(c.node.size()) > std::min(kNearlyDense * levels * levels, kFillShare * physical_memory()))
        return false;
      c.node.insert(c.node.end(), found.begin(), found.end());
      c.ptr.push_back(static_cast<std::int64_t>(c.node.size()));
      if (found.empty()) continue;
      next[self] = head[found.front()];  // wait for the first later node, which may be of this same part
      head[found.front()] = self;
    }
    cost += own;
    return true;
  }

  void restart() {
    columns.clear();
    for (auto* x : {&head, &next, &mark}) std::fill(x->begin(), x->end(), -1);
  }

  // Keeps the columns of the first `kept` parts: a later one that was given up may have left nodes that wait.
  void keep(int kept) {
    columns.resize(kept);
    for (std::int32_t& first : head)
      while (first >= parts[kept].offset) first = next[first];
    std::fill(mark.begin(), mark.end(), -1);
  }

 private:
  void visit(std::int32_t node, std::int32_t stamp, std::vector<std::int32_t>& found) {
    if (mark[node] == stamp) return;
    mark[node] = stamp;
    found.push_back(node);
  }
};

double core_cost(const Rows& rows, std::size_t from) {
  double q = 0.0;
  for (std::size_t g = from; g < rows.factors.size(); ++g) q += static_cast<double>(rows.factors[g].size());
  const double rest = q - static_cast<double>(rows.factors[from].size());
  return (q * q * q - rest * rest * rest) / kDenseSpeedup;
}

void expand(const Symbolic& sym, const Pattern& pattern, int b, SparsePattern& s) {
  const NodeColumns& c = sym.columns[b];
  const int levels = pattern.parts[b].levels();
  s.ptr.assign(1, 0);
  s.inner.resize(levels);
  for (int v = 0; v < levels; ++v) {
    int inner = 0;
    for (std::int64_t e = c.ptr[v]; e < c.ptr[v + 1]; ++e) {
      const int g = pattern.parts.of(c.node[e]), K = pattern.parts[g].K;
      for (int j = 0; j < K; ++j) s.row.push_back(c.node[e] + j);
      if (g < pattern.sparse) inner += K;
    }
    s.inner[v] = inner;
    s.inner_total += inner;
    s.ptr.push_back(static_cast<std::int64_t>(s.row.size()));
    const double outer = static_cast<double>(s.ptr[v + 1] - s.ptr[v] - inner);
    s.pairs += 0.5 * outer * (outer + 1.0);
  }
}

void cut(std::int64_t core_offset, int core, SparsePattern& s) {
  const auto each = [&](auto&& visit) {
    for (std::size_t v = 0; v < s.inner.size(); ++v)
      for (std::int64_t r = s.ptr[v] + s.inner[v], first = r; r < s.ptr[v + 1]; first = r) {
        const std::int64_t strip = (s.row[r] - core_offset) / kStrip, end = core_offset + (strip + 1) * kStrip;
        while (r < s.ptr[v + 1] && s.row[r] < end) ++r;
        visit(strip, Piece{static_cast<std::int32_t>(v), static_cast<std::int32_t>(r - first), first});
      }
  };
  s.strip.assign((core + kStrip - 1) / kStrip + 1, 0);
  each([&](std::int64_t strip, const Piece&) { ++s.strip[strip + 1]; });
  std::partial_sum(s.strip.begin(), s.strip.end(), s.strip.begin());
  std::vector<std::int64_t> next(s.strip);
  s.pieces.resize(s.strip.back());
  each([&](std::int64_t strip, const Piece& piece) { s.pieces[next[strip]++] = piece; });
}

void relate(const Pattern& pattern, SparsePattern& s, int levels) {
  s.rel_ptr.assign(1, 0);
  for (int v = 0; v < levels; ++v) {
    for (int a = 0; a < s.inner[v];) {
      const std::int32_t target = s.row[s.ptr[v] + a];
      const int g = pattern.parts.of(target);
      const Part& part = pattern.parts[g];
      const std::int64_t level = (target - part.offset) / part.K;
      const SparsePattern& t = pattern.columns[g];
      std::int64_t at = t.ptr[level];
      a += part.K;
      for (std::int64_t r = s.ptr[v] + a; r < s.ptr[v + 1]; ++r) {
        while (t.row[at] != s.row[r]) ++at;
        s.rel.push_back(static_cast<std::int32_t>(at - t.ptr[level]));
      }
    }
    s.rel_ptr.push_back(static_cast<std::int64_t>(s.rel.size()));
  }
}

// Further sparse factors, as long as that pays, each with no more than `most` operations. True if one has more and would pay.
bool add_factors(const Rows& rows, Pattern& pattern, Symbolic& sym, double most, double& cost) {
  const std::size_t n_factors = rows.factors.size();
  for (std::size_t f = pattern.sparse; f < n_factors; ++f) {
    if (pattern.sorted.size() == f) {  // the first time
      pattern.sorted.emplace_back();
      if (f + 1 < n_factors) pattern.sorted.back() = sort_rows(rows, rows.factors[f]);
      else pattern.sorted.back().start.assign(rows.factors[f].levels + 1, 0);  // meets nothing later
    }
    const double limit = f == 0 ? std::numeric_limits<double>::infinity() : core_cost(rows, f);
    if (!sym.add(static_cast<int>(f), f == 0 ? limit : std::min(limit, most), cost)) return limit > most;
    ++pattern.sparse;
    most = std::max(most, cost);
  }
  return false;
}

// Levels by minimum degree, if that costs less than half of sparse factors and a dense core.
bool split_factors(const Rows& rows, Pattern& pattern, Symbolic& sym, double cost) {
  pattern.sorted.resize(rows.factors.size());
  for (std::size_t f = 0; f < rows.factors.size(); ++f)
    if (pattern.sorted[f].order.empty()) pattern.sorted[f] = sort_rows(rows, rows.factors[f]);
  if (!meet_rarely(rows, pattern.sorted, kDenseSpeedup)) return false;
  const auto core = static_cast<double>(rows.q - pattern.parts[pattern.sparse].offset);
  const double most = kGain * (cost + core * core * core / kDenseSpeedup);
  ByDegree by = by_degree(rows, pattern.sorted, kDenseSpeedup, kFillShare * physical_memory(), most);
  if (by.cost > most) return false;
  pattern.parts = std::move(by.parts);
  pattern.sparse = by.sparse;
  sym.restart();
  for (int b = 0; b < pattern.sparse; ++b) sym.add(b, std::numeric_limits<double>::infinity(), cost);
  return true;
}

}  // namespace

Pattern find_pattern(const Rows& rows) {
  if (rows.q > std::numeric_limits<std::int32_t>::max()) throw Refused("more than 2^31 random effects");
  Pattern pattern;
  pattern.parts = whole_factors(rows);
  Symbolic sym(rows, pattern.parts, pattern.sorted);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double cost = 0.0;
  const bool costly = add_factors(rows, pattern, sym, kCheap, cost);
  if (costly && !split_factors(rows, pattern, sym, cost)) {
    sym.keep(pattern.sparse);
    add_factors(rows, pattern, sym, infinity, cost);
  }
  pattern.core_offset = pattern.sparse < pattern.parts.size() ? pattern.parts[pattern.sparse].offset : rows.q;
  check_core(rows.q - pattern.core_offset, pattern.parts.size() - pattern.sparse);
  pattern.core = static_cast<int>(rows.q - pattern.core_offset);
  pattern.columns.resize(pattern.sparse);
  for (int b = 0; b < pattern.sparse; ++b) expand(sym, pattern, b, pattern.columns[b]);
  for (SparsePattern& s : pattern.columns) cut(pattern.core_offset, pattern.core, s);
  for (int b = 0; b < pattern.sparse; ++b) relate(pattern, pattern.columns[b], pattern.parts[b].levels());
  return pattern;
}

}  // namespace multilevel
