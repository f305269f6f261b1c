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
constexpr double kDenseSpeedup = 16.0;  // a dense flop costs about a sixteenth of a scattered one

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

void sort_rows(const Rows& rows, const Factor& f, SparsePattern& s) {
  s.start.assign(f.levels + 1, 0);
  for (std::int64_t i = 0; i < rows.n; ++i) ++s.start[f.codes[i] + 1];
  for (int v = 0; v < f.levels; ++v) s.start[v + 1] += s.start[v];
  std::vector<std::int64_t> next(s.start.begin(), s.start.end() - 1);
  s.order.resize(rows.n);
  for (std::int64_t i = 0; i < rows.n; ++i) s.order[next[f.codes[i]]++] = static_cast<std::int32_t>(i);
}

// Columns of levels, in units of levels ("nodes"): numbered through all factors in elimination order.
struct NodeColumns {
  std::vector<std::int64_t> ptr{0};
  std::vector<std::int32_t> node;
};

struct Symbolic {
  const Rows& rows;
  std::vector<std::int64_t> base;          // first node of each factor
  std::vector<NodeColumns> columns;        // of the sparse factors so far
  std::vector<std::int32_t> head, next;    // eliminated nodes waiting to be merged into their first later node
  std::vector<std::int32_t> mark;

  explicit Symbolic(const Rows& r) : rows(r) {
    base.push_back(0);
    for (const Factor& f : rows.factors) base.push_back(base.back() + f.levels);
    if (base.back() > std::numeric_limits<std::int32_t>::max() || rows.q > std::numeric_limits<std::int32_t>::max())
      throw Refused("more than 2^31 random effects");
    head.assign(base.back(), -1);
    next.assign(base.back(), -1);
    mark.assign(base.back(), -1);
  }

  int factor_of(std::int64_t node) const {
    return static_cast<int>(std::upper_bound(base.begin(), base.end(), node) - base.begin()) - 1;
  }

  // Adds the columns of factor f; false when they would cost more than `limit` operations.
  bool add(int f, const SparsePattern& sorted, double limit) {
    columns.emplace_back();
    double cost = 0.0;
    std::vector<std::int32_t> found;
    const Factor& fac = rows.factors[f];
    const int n_factors = static_cast<int>(rows.factors.size());
    for (int v = 0; v < fac.levels; ++v) {
      const auto self = static_cast<std::int32_t>(base[f] + v);
      found.clear();
      for (int g = f + 1; g < n_factors; ++g) {
        const std::int32_t* codes = rows.factors[g].codes;
        for (std::int64_t r = sorted.start[v]; r < sorted.start[v + 1]; ++r)
          visit(static_cast<std::int32_t>(base[g] + codes[sorted.order[r]]), self, found);
      }
      for (std::int32_t child = head[self]; child >= 0; child = next[child]) {
        const NodeColumns& cc = columns[factor_of(child)];
        const std::int64_t local = child - base[factor_of(child)];
        for (std::int64_t e = cc.ptr[local]; e < cc.ptr[local + 1]; ++e)
          if (cc.node[e] != self) visit(cc.node[e], self, found);
      }
      std::sort(found.begin(), found.end());
      double depth = fac.K;
      for (std::int32_t t : found) depth += rows.factors[factor_of(t)].K;
      if ((cost += depth * depth * fac.K) > limit) return false;
      if (f > 0 && static_cast<double>(columns[f].node.size()) > std::min(kNearlyDense * fac.levels * fac.levels, kFillShare * physical_memory()))
        return false;
      NodeColumns& c = columns[f];
      c.node.insert(c.node.end(), found.begin(), found.end());
      c.ptr.push_back(static_cast<std::int64_t>(c.node.size()));
      if (found.empty()) continue;
      next[self] = head[found.front()];  // wait for the first later node, which may be of this same factor
      head[found.front()] = self;
    }
    return true;
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

void expand(const Rows& rows, const Symbolic& sym, const Pattern& pattern, int f, SparsePattern& s) {
  const NodeColumns& c = sym.columns[f];
  const int levels = rows.factors[f].levels;
  s.ptr.assign(1, 0);
  s.inner.resize(levels);
  for (int v = 0; v < levels; ++v) {
    int inner = 0;
    for (std::int64_t e = c.ptr[v]; e < c.ptr[v + 1]; ++e) {
      const int g = sym.factor_of(c.node[e]);
      const Factor& fac = rows.factors[g];
      const std::int64_t first = fac.offset + (c.node[e] - sym.base[g]) * fac.K;
      for (int j = 0; j < fac.K; ++j) s.row.push_back(static_cast<std::int32_t>(first + j));
      if (g < pattern.sparse) inner += fac.K;
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

void relate(const Rows& rows, const Pattern& pattern, SparsePattern& s, int levels) {
  s.rel_ptr.assign(1, 0);
  for (int v = 0; v < levels; ++v) {
    for (int a = 0; a < s.inner[v];) {
      const std::int32_t target = s.row[s.ptr[v] + a];
      const int g = pattern.factor_of(rows, target);
      const Factor& fac = rows.factors[g];
      const std::int64_t level = (target - fac.offset) / fac.K;
      const SparsePattern& t = pattern.factors[g];
      std::int64_t at = t.ptr[level];
      a += fac.K;
      for (std::int64_t r = s.ptr[v] + a; r < s.ptr[v + 1]; ++r) {
        while (t.row[at] != s.row[r]) ++at;
        s.rel.push_back(static_cast<std::int32_t>(at - t.ptr[level]));
      }
    }
    s.rel_ptr.push_back(static_cast<std::int64_t>(s.rel.size()));
  }
}

}  // namespace

int Pattern::factor_of(const Rows& rows, std::int64_t effect) const {
  int g = 0;
  while (g + 1 < static_cast<int>(rows.factors.size()) && rows.factors[g + 1].offset <= effect) ++g;
  return g;
}

Pattern find_pattern(const Rows& rows) {
  Pattern pattern;
  Symbolic sym(rows);
  const std::size_t n_factors = rows.factors.size();
  for (std::size_t f = 0; f < n_factors; ++f) {
    SparsePattern s;
    const bool last = f + 1 == n_factors;  // meets nothing later
    if (!last) sort_rows(rows, rows.factors[f], s);
    else s.start.assign(rows.factors[f].levels + 1, 0);
    const double limit = f == 0 ? std::numeric_limits<double>::infinity() : core_cost(rows, f);
    if (!sym.add(static_cast<int>(f), s, limit)) break;
    pattern.factors.push_back(std::move(s));
  }
  pattern.sparse = static_cast<int>(pattern.factors.size());
  pattern.core_offset = static_cast<std::size_t>(pattern.sparse) < n_factors ? rows.factors[pattern.sparse].offset : rows.q;
  check_core(rows.q - pattern.core_offset, static_cast<int>(n_factors) - pattern.sparse);
  pattern.core = static_cast<int>(rows.q - pattern.core_offset);
  for (int f = 0; f < pattern.sparse; ++f) expand(rows, sym, pattern, f, pattern.factors[f]);
  for (SparsePattern& s : pattern.factors) cut(pattern.core_offset, pattern.core, s);
  for (int f = 0; f < pattern.sparse; ++f) relate(rows, pattern, pattern.factors[f], rows.factors[f].levels);
  return pattern;
}

}  // namespace multilevel
