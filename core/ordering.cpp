#include "ordering.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "interrupt.hpp"

namespace multilevel {

namespace {

// Vertices by degree, in doubly linked lists.
class Buckets {
 public:
  Buckets(std::size_t vertices, std::size_t degrees) : head_(degrees, -1), next_(vertices), last_(vertices), degree_(vertices) {}
  std::int32_t degree(std::int32_t v) const { return degree_[v]; }
  bool empty() const { return count_ == 0; }
  void set(std::int32_t v, std::int32_t degree) { degree_[v] = degree; }  // of a vertex that is in no list

  void insert(std::int32_t v, std::int32_t degree) {
    degree_[v] = degree;
    last_[v] = -1;
    next_[v] = head_[degree];
    if (next_[v] >= 0) last_[next_[v]] = v;
    head_[degree] = v;
    least_ = std::min(least_, static_cast<std::size_t>(degree));
    ++count_;
  }

  void remove(std::int32_t v) {
    (last_[v] >= 0 ? next_[last_[v]] : head_[degree_[v]]) = next_[v];
    if (next_[v] >= 0) last_[next_[v]] = last_[v];
    --count_;
  }

  std::int32_t take_least() {
    while (head_[least_] < 0) ++least_;
    const std::int32_t v = head_[least_];
    remove(v);
    return v;
  }

 private:
  std::vector<std::int32_t> head_, next_, last_, degree_;
  std::size_t least_ = 0, count_ = 0;
};

// What is left of the graph: each vertex has a list of its elements and, behind these, of neighbours that no element joins
// it to. The list only shrinks, since the newest element replaces at least one entry.
class Quotient {
 public:
  Quotient(const LevelGraph& graph, std::int32_t leading);
  std::int64_t left() const { return left_; }  // effects not yet eliminated
  bool done() const { return buckets_.empty() && !waiting_; }
  void admit_all();                            // vertices that are not leading, too
  std::int32_t eliminate();                    // a vertex of least degree
  std::int64_t reached(std::int32_t v) const { return size_[v]; }  // effects that an eliminated vertex meets
  double looked_at() const { return static_cast<double>(looked_at_); }  // entries of lists so far
  std::vector<std::int32_t> take_parents() { return std::move(parent_); }

 private:
  static constexpr char kAlive = 0, kGone = 1, kLate = 2;
  bool waits(std::size_t v) const { return waiting_ && v >= leading_; }
  static std::int64_t total(const LevelGraph& graph) {
    std::int64_t sum = 0;
    for (int w : graph.weight) sum += w;
    return sum;
  }
  std::int32_t* list(std::int32_t v) { return list_.data() + graph_.ptr[v]; }
  void join(std::int32_t v, std::int32_t pivot);
  void gather(std::int32_t pivot);
  void absorb(std::int32_t element, std::int32_t pivot);
  void measure(std::int32_t v, std::int32_t pivot);
  void update(std::int32_t v, std::int32_t pivot);

  const LevelGraph& graph_;
  std::size_t leading_;
  bool waiting_;                                    // the vertices after the leading ones
  std::int64_t left_;
  std::vector<std::int32_t> list_;
  std::vector<std::int32_t> elements_, plain_;      // how long the two parts of a vertex's list are
  std::vector<std::vector<std::int32_t>> members_;  // of an element
  std::vector<std::int64_t> size_, outside_;        // effects of an element, and of those the ones not in the newest
  std::vector<std::int32_t> seen_, measured_;       // the element that last saw a vertex, that last measured an element
  std::vector<char> state_;                         // of a vertex
  std::vector<std::int32_t> parent_;                // of an element: what absorbed it, or -1
  std::vector<std::int32_t> rest_;
  std::int64_t looked_at_ = 0;
  Buckets buckets_;
};

Quotient::Quotient(const LevelGraph& graph, std::int32_t leading)
    : graph_(graph), leading_(leading), waiting_(leading > 0), left_(total(graph)), list_(graph.neighbour), buckets_(graph.weight.size(), static_cast<std::size_t>(left_) + 1) {
  const std::size_t n = graph.weight.size();
  elements_.assign(n, 0);
  plain_.resize(n);
  members_.resize(n);
  size_.assign(n, 0);
  outside_.assign(n, 0);
  seen_.assign(n, -1);
  measured_.assign(n, -1);
  state_.assign(n, kAlive);
  parent_.assign(n, -1);
  const double wide = std::max(16.0, kWide * std::sqrt(static_cast<double>(n)));
  for (std::size_t v = n; v-- > 0;) {
    plain_[v] = static_cast<std::int32_t>(graph.ptr[v + 1] - graph.ptr[v]);
    std::int32_t degree = 0;
    for (std::int64_t e = graph.ptr[v]; e < graph.ptr[v + 1]; ++e) degree += graph.weight[graph.neighbour[e]];
    if (plain_[v] > wide) state_[v] = kLate;
    else if (waits(v)) buckets_.set(static_cast<std::int32_t>(v), degree);
    else buckets_.insert(static_cast<std::int32_t>(v), degree);
  }
}

void Quotient::admit_all() {
  if (!waiting_) return;
  waiting_ = false;
  for (std::size_t at = state_.size(); at-- > leading_;) {
    const auto v = static_cast<std::int32_t>(at);
    if (state_[at] == kAlive) buckets_.insert(v, static_cast<std::int32_t>(std::min<std::int64_t>(buckets_.degree(v), left_)));
  }
}

std::int32_t Quotient::eliminate() {
  if (buckets_.empty()) admit_all();
  const std::int32_t pivot = buckets_.take_least();
  left_ -= graph_.weight[pivot];
  state_[pivot] = kGone;
  gather(pivot);
  for (std::int32_t v : members_[pivot]) measure(v, pivot);
  for (std::int32_t v : members_[pivot]) update(v, pivot);
  return pivot;
}

void Quotient::join(std::int32_t v, std::int32_t pivot) {
  if (state_[v] != kAlive || seen_[v] == pivot) return;
  seen_[v] = pivot;
  size_[pivot] += graph_.weight[v];
  members_[pivot].push_back(v);
}

// The members of the new element, which takes the place of the elements it found them in.
void Quotient::gather(std::int32_t pivot) {
  const std::int32_t* at = list(pivot);
  for (int e = 0; e < elements_[pivot]; ++e) {
    if (parent_[at[e]] >= 0) continue;
    for (std::int32_t v : members_[at[e]]) join(v, pivot);
    absorb(at[e], pivot);
  }
  for (int a = 0; a < plain_[pivot]; ++a) join(at[elements_[pivot] + a], pivot);
}

void Quotient::absorb(std::int32_t element, std::int32_t pivot) {
  parent_[element] = pivot;
  std::vector<std::int32_t>().swap(members_[element]);
}

// Takes a vertex of the newest element off what lies outside of it in the vertex's other elements.
void Quotient::measure(std::int32_t v, std::int32_t pivot) {
  const std::int32_t* at = list(v);
  looked_at_ += elements_[v];
  for (int k = 0; k < elements_[v]; ++k) {
    const std::int32_t e = at[k];
    if (parent_[e] >= 0) continue;
    if (measured_[e] != pivot) measured_[e] = pivot, outside_[e] = size_[e];
    outside_[e] -= graph_.weight[v];
  }
}

void Quotient::update(std::int32_t v, std::int32_t pivot) {
  std::int32_t* at = list(v);
  const std::int64_t others = size_[pivot] - graph_.weight[v];
  std::int64_t bound = others;
  const int joined = elements_[v], end = joined + plain_[v];
  int kept = 0;
  looked_at_ += end;
  rest_.clear();
  for (int k = 0; k < joined; ++k) {
    const std::int32_t e = at[k];
    if (parent_[e] >= 0) continue;
    if (outside_[e] == 0) {  // the newest element has all of its members
      absorb(e, pivot);
      continue;
    }
    bound += outside_[e];
    at[kept++] = e;
  }
  for (int k = joined; k < end; ++k) {
    const std::int32_t w = at[k];
    if (state_[w] != kAlive || seen_[w] == pivot) continue;
    bound += graph_.weight[w];
    rest_.push_back(w);
  }
  at[kept++] = pivot;
  std::copy(rest_.begin(), rest_.end(), at + kept);
  elements_[v] = kept;
  plain_[v] = static_cast<std::int32_t>(rest_.size());
  bound = std::min({bound, buckets_.degree(v) + others, left_ - graph_.weight[v]});
  if (waits(v)) return buckets_.set(v, static_cast<std::int32_t>(bound));
  buckets_.remove(v);
  buckets_.insert(v, static_cast<std::int32_t>(bound));
}

double cube(double x) { return x * x * x; }

}  // namespace

Ordering order_levels(const LevelGraph& graph, double speedup, double room, double patience, std::int32_t leading) {
  Quotient quotient(graph, leading);
  Ordering out;
  out.cost = std::numeric_limits<double>::infinity();
  double spent = 0.0, entries = 0.0;
  while (!quotient.done() && entries < room) {
    check_interrupt();
    if (quotient.looked_at() > patience) return out;
    const double before = static_cast<double>(quotient.left());
    const std::int32_t v = quotient.eliminate();
    const double K = graph.weight[v], depth = K + static_cast<double>(quotient.reached(v)), cost = depth * depth * K;
    if (v >= leading && cost > (cube(before) - cube(before - K)) / speedup) break;
    out.first.push_back(v);
    spent += cost;
    entries += depth * K;
  }
  double core = 0.0;
  for (int w : graph.weight) core += w;
  for (std::int32_t v : out.first) core -= graph.weight[v];
  out.parent = quotient.take_parents();
  out.cost = spent + cube(core) / speedup;
  return out;
}

}  // namespace multilevel
