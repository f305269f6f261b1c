// Variances z'Pz of combinations of random effects, those of rows: what the elimination leaves of their effects on the way to
// the dense core, and what the selected inverse of the core makes of that.
#include <algorithm>
#include <numeric>
#include <set>

#include "elimination.hpp"
#include "parallel.hpp"

namespace multilevel {

namespace {

constexpr int kTargets = 64;  // groups of combinations of random effects that one thread takes at once

// Rows in the order of what they meet before the core, by counting: the first factor decides first.
std::vector<std::int64_t> sorted_by_effects(const std::vector<std::vector<std::int64_t>>& met, std::int64_t n, std::int64_t core) {
  std::vector<std::int64_t> order(n), before;
  std::iota(order.begin(), order.end(), 0);
  for (auto effects = met.rbegin(); effects != met.rend(); ++effects) {
    before.swap(order);
    std::vector<std::int64_t> start(core + 2, 0);
    for (std::int64_t e : *effects) ++start[std::min(e, core) + 1];
    std::partial_sum(start.begin(), start.end(), start.begin());
    order.resize(n);
    for (std::int64_t i : before) order[start[std::min((*effects)[i], core)]++] = i;
  }
  return order;
}

}  // namespace

// Unit vectors of the levels v that some rows meet before the core, passed forward through the elimination: X'MX of what
// they leave behind, and what reaches the core, in the notation of elimination.hpp R. Then, P_SS being the selected
// inverse of the core and z_S what rows meet there,
//
//     z'Pz = z_v'(X'MX + R'P_SS R) z_v + 2 z_v'R'P_SS z_S + z_S'P_SS z_S
//
// whose first matrices are the same for all rows with the same v. R'P_SS is computed where some row asks for it, for many
// groups of rows together, so that a column of P_SS is read once for all of them.
struct Elimination::Passed {
  struct Group {
    int k = 0;                                 // effects in v
    Vec own, R, RP;                            // k x k; k rows of `reached`; `needed` x k
    std::vector<std::int64_t> reached, needed; // in the core, in order
  };
  std::vector<Group> groups;
  std::size_t at = 0;                          // the group that is passed
  Vec x, y;                                    // q x k, zero but for what is on its way; K x k
  std::set<std::int64_t> levels;               // to be passed, by their first effect, in the order of elimination
  std::vector<std::size_t> place;              // of an effect of the core in `needed`
  const double* P = nullptr;                   // P_SS, core x core
  const std::vector<std::vector<std::int64_t>>* met = nullptr;  // of each factor: what rows meet, or q
};

void Elimination::pass_forward(const std::vector<std::int64_t>& effects, Passed& w) const {
  Passed::Group& g = w.groups[w.at];
  const int k = g.k = static_cast<int>(effects.size());
  g.reached.clear();
  g.own.assign(static_cast<std::size_t>(k) * k, 0.0);
  w.x.resize(static_cast<std::size_t>(q_) * std::max(k, 1), 0.0);
  const auto meet = [&](std::int64_t effect) {
    const int f = pattern_->parts.of(effect);
    w.levels.insert(effect - (effect - shape_[f].offset) % shape_[f].K);
  };
  for (int a = 0; a < k; ++a) {
    w.x[effects[a] * k + a] = 1.0;
    meet(effects[a]);
  }
  while (!w.levels.empty()) {
    const std::int64_t at = *w.levels.begin();
    w.levels.erase(w.levels.begin());
    const int f = pattern_->parts.of(at), K = shape_[f].K;
    const std::int64_t v = (at - shape_[f].offset) / K;
    const double* M = sparse_[f].M.data() + v * K * K;
    double* xv = w.x.data() + at * k;
    w.y.assign(static_cast<std::size_t>(K) * k, 0.0);
    for (int i = 0; i < K; ++i)
      for (int b = 0; b < K; ++b)
        for (int a = 0; a < k; ++a) w.y[i * k + a] += M[i * K + b] * xv[b * k + a];
    for (int i = 0; i < K; ++i)
      for (int a = 0; a < k; ++a)
        for (int b = 0; b < k; ++b) g.own[a * k + b] += xv[i * k + a] * w.y[i * k + b];
    std::fill_n(xv, static_cast<std::size_t>(K) * k, 0.0);
    const SparsePattern& s = pattern_->columns[f];
    for (std::int64_t r = s.ptr[v]; r < s.ptr[v + 1]; ++r) {
      const std::int64_t e = s.row[r];
      double* xe = w.x.data() + e * k;
      const bool core = core_ && e >= core_offset_;
      if (core && std::all_of(xe, xe + k, [](double x) { return x == 0.0; })) g.reached.push_back(e);
      for (int i = 0; i < K; ++i)
        for (int a = 0; a < k; ++a) xe[a] -= sparse_[f].val[r * K + i] * w.y[i * k + a];
      if (!core) meet(e);
    }
  }
  std::sort(g.reached.begin(), g.reached.end());
  g.reached.erase(std::unique(g.reached.begin(), g.reached.end()), g.reached.end());
  g.R.resize(g.reached.size() * k);
  for (std::size_t i = 0; i < g.reached.size(); ++i) {
    double* xe = w.x.data() + g.reached[i] * k;
    for (int a = 0; a < k; ++a) g.R[a * g.reached.size() + i] = xe[a];
    std::fill_n(xe, k, 0.0);
    g.reached[i] -= core_offset_;
  }
  g.needed.insert(g.needed.end(), g.reached.begin(), g.reached.end());
  std::sort(g.needed.begin(), g.needed.end());
  g.needed.erase(std::unique(g.needed.begin(), g.needed.end()), g.needed.end());
  if (!k) g.needed.clear();
  g.RP.resize(g.needed.size() * k);
}

// R'P_SS of the effects of the core that each group needs, after select_core.
void Elimination::pass_core(Passed& w, std::size_t groups) const {
  std::vector<std::size_t> next(groups, 0);
  for (std::int64_t effect = 0; effect < core_; ++effect) {
    const double* P = w.P + effect * core_;
    for (std::size_t t = 0; t < groups; ++t) {
      Passed::Group& g = w.groups[t];
      if (next[t] == g.needed.size() || g.needed[next[t]] != effect) continue;
      double* RP = g.RP.data() + next[t]++ * g.k;
      const std::size_t n = g.reached.size();
      const std::int64_t* at = g.reached.data();
      for (int a = 0; a < g.k; ++a) {
        const double* r = g.R.data() + a * n;
        double s[4] = {};
        std::size_t i = 0;
        for (; i + 4 <= n; i += 4)
          for (int j = 0; j < 4; ++j) s[j] += P[at[i + j]] * r[i + j];
        for (; i < n; ++i) s[0] += P[at[i]] * r[i];
        RP[a] = (s[0] + s[1]) + (s[2] + s[3]);
      }
    }
  }
}

void Elimination::variances_of(const Combinations& c, const std::int64_t* begin, const std::int64_t* end, Passed& w, Vec& out) const {
  Passed::Group& g = w.groups[w.at];
  const int k = g.k;
  w.place.resize(core_);
  for (std::size_t i = 0; i < g.needed.size(); ++i) w.place[g.needed[i]] = i;
  for (std::size_t i = 0; i < g.reached.size(); ++i) {
    const double* RP = g.RP.data() + w.place[g.reached[i]] * k;
    for (int a = 0; a < k; ++a)
      for (int b = 0; b < k; ++b) g.own[a * k + b] += g.R[a * g.reached.size() + i] * RP[b];
  }
  std::vector<std::int64_t> at_core;
  Vec zv, zs;
  for (const std::int64_t* row = begin; row != end; ++row) {
    const std::int64_t i = *row;
    zv.clear();
    zs.clear();
    at_core.clear();
    for (std::size_t f = 0; f < widths_.size(); ++f) {
      const std::int64_t e = (*w.met)[f][i];
      for (int a = 0; e < q_ && a < widths_[f]; ++a) {
        (e < core_offset_ ? zv : zs).push_back(c.z[f][i * widths_[f] + a]);
        if (e >= core_offset_) at_core.push_back(e - core_offset_ + a);
      }
    }
    double sum = 0.0;
    for (int a = 0; a < k; ++a)
      for (int b = 0; b < k; ++b) sum += zv[a] * g.own[a * k + b] * zv[b];
    for (std::size_t s = 0; s < zs.size(); ++s) {
      const double* P = w.P + at_core[s] * core_;
      for (std::size_t t = 0; t < zs.size(); ++t) sum += zs[s] * P[at_core[t]] * zs[t];
      if (!k) continue;
      const double* RP = g.RP.data() + w.place[at_core[s]] * k;
      for (int a = 0; a < k; ++a) sum += 2.0 * zs[s] * RP[a] * zv[a];
    }
    out[i] = sum;
  }
}

Vec Elimination::variances(const Combinations& c) {
  Vec P(static_cast<std::size_t>(core_) * core_);  // both triangles
  if (core_) {
    select_core(nullptr, nullptr);
    for (int j = 0; j < core_; ++j)
      for (int i = j; i < core_; ++i)
        P[static_cast<std::size_t>(i) * core_ + j] = P[static_cast<std::size_t>(j) * core_ + i] = R_.column(j)[i];
  }
  std::vector<std::vector<std::int64_t>> met;
  for (std::size_t f = 0; f < widths_.size(); ++f) {
    std::vector<std::int64_t>& effects = met.emplace_back();
    for (std::int32_t level : c.level[f]) effects.push_back(level >= 0 ? pattern_->parts.effect[f][level] : q_);
  }
  const std::vector<std::int64_t> order = sorted_by_effects(met, c.n, core_offset_);
  const auto differs = [&](std::int64_t i, std::int64_t j) {
    for (const auto& effects : met)
      if (std::min(effects[i], core_offset_) != std::min(effects[j], core_offset_)) return true;
    return false;
  };
  std::vector<std::int64_t> start;
  for (std::int64_t i = 0; i < c.n; ++i)
    if (i == 0 || differs(order[i - 1], order[i])) start.push_back(i);
  start.push_back(c.n);
  const std::int64_t groups = static_cast<std::int64_t>(start.size()) - 1;
  const int jobs = static_cast<int>((groups + kTargets - 1) / kTargets);
  std::vector<Passed> work(thread_count());
  for (Passed& w : work) {
    w.P = P.data();
    w.met = &met;
    w.groups.resize(kTargets);
  }
  Vec out(c.n, 0.0);
  parallel_for(jobs, 100.0 * c.n, [&](int job, int thread) {
    Passed& w = work[thread];
    const std::int64_t first = static_cast<std::int64_t>(job) * kTargets, last = std::min<std::int64_t>(groups, first + kTargets);
    std::vector<std::int64_t> effects;
    for (std::int64_t g = first; g < last; ++g) {
      w.at = g - first;
      effects.clear();
      w.groups[w.at].needed.clear();
      for (std::size_t f = 0; f < widths_.size(); ++f) {
        const std::int64_t own = met[f][order[start[g]]];
        for (int a = 0; own < core_offset_ && a < widths_[f]; ++a) effects.push_back(own + a);
        for (std::int64_t row = start[g]; own >= core_offset_ && row < start[g + 1]; ++row) {
          const std::int64_t e = met[f][order[row]];
          for (int a = 0; e < q_ && a < widths_[f]; ++a) w.groups[w.at].needed.push_back(e - core_offset_ + a);
        }
      }
      pass_forward(effects, w);
    }
    pass_core(w, last - first);
    for (std::int64_t g = first; g < last; ++g) {
      w.at = g - first;
      variances_of(c, order.data() + start[g], order.data() + start[g + 1], w, out);
    }
  });
  return out;
}

}  // namespace multilevel
