#include "observations.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace multilevel {

namespace {

constexpr std::int64_t kSample = 4096;  // rows tried before deciding that merging saves nothing
constexpr double kWorthwhile = 0.9;

std::uint64_t mix(std::uint64_t h, std::uint64_t x) {
  h ^= x + 0x9e3779b97f4a7c15ULL + (h << 6) + (h >> 2);
  h *= 0xff51afd7ed558ccdULL;
  return h ^ (h >> 32);
}

// What decides the linear predictor of a user's row.
class Keys {
 public:
  Keys(const Rows& rows, const double* offset) : rows_(rows), offset_(offset) {
    for (const Column& c : rows.kept) add(c);
    for (const Term& t : rows.terms)
      for (const Column& c : t.Z) add(c);
  }
  std::uint64_t hash(std::int64_t i) const {
    std::uint64_t h = offset_ ? std::bit_cast<std::uint64_t>(offset_[i]) : 0;
    for (const Factor& f : rows_.factors) h = mix(h, static_cast<std::uint64_t>(f.codes[i]));
    for (const Column& c : columns_) h = mix(h, std::bit_cast<std::uint64_t>(c[i] + 0.0));  // -0 is 0
    return h;
  }
  bool equal(std::int64_t i, std::int64_t j) const {
    if (offset_ && offset_[i] != offset_[j]) return false;
    for (const Factor& f : rows_.factors)
      if (f.codes[i] != f.codes[j]) return false;
    for (const Column& c : columns_)
      if (c[i] != c[j]) return false;
    return true;
  }

 private:
  const Rows& rows_;
  const double* offset_;
  std::vector<Column> columns_;
  void add(const Column& c) {
    if (c.stride == 0) return;
    for (const Column& other : columns_)
      if (other.data == c.data && other.stride == c.stride) return;
    columns_.push_back(c);
  }
};

// Users' rows in the order of the first factor's levels.
std::vector<std::int32_t> sorted_rows(const Rows& rows) {
  std::vector<std::int32_t> order(rows.n);
  if (rows.factors.empty()) {
    for (std::int64_t i = 0; i < rows.n; ++i) order[i] = static_cast<std::int32_t>(i);
    return order;
  }
  const Factor& f = rows.factors[0];
  std::vector<std::int64_t> next(f.levels + 1, 0);
  for (std::int64_t i = 0; i < rows.n; ++i) ++next[f.codes[i] + 1];
  for (int v = 0; v < f.levels; ++v) next[v + 1] += next[v];
  for (std::int64_t i = 0; i < rows.n; ++i) order[next[f.codes[i]]++] = static_cast<std::int32_t>(i);
  return order;
}

// The first user's row of every merged row; `row_of` is filled.
std::vector<std::int32_t> merge(const Rows& rows, const double* offset, bool allowed, std::vector<std::int32_t>& row_of) {
  const std::vector<std::int32_t> order = sorted_rows(rows);
  row_of.resize(rows.n);
  if (allowed) {
    const Keys keys(rows, offset);
    const std::size_t slots = std::bit_ceil(static_cast<std::size_t>(2 * rows.n + 1));
    std::vector<std::int32_t> table(slots, -1), first;
    std::int64_t at = 0;
    for (; at < rows.n; ++at) {
      const std::int32_t i = order[at];
      std::size_t slot = keys.hash(i) & (slots - 1);
      while (table[slot] >= 0 && !keys.equal(first[table[slot]], i)) slot = (slot + 1) & (slots - 1);
      if (table[slot] < 0) {
        table[slot] = static_cast<std::int32_t>(first.size());
        first.push_back(i);
      }
      row_of[i] = table[slot];
      if (at == kSample && static_cast<double>(first.size()) > kWorthwhile * static_cast<double>(at)) break;
    }
    if (at == rows.n) return first;
  }
  for (std::int64_t at = 0; at < rows.n; ++at) row_of[order[at]] = static_cast<std::int32_t>(at);
  return order;
}

}  // namespace

Observations observe(const Rows& rows, const double* offset, const Likelihood& family) {
  Observations o;
  o.p = rows.p;
  const std::vector<std::int32_t> first = merge(rows, offset, family.merges(), o.row_of);
  const int predictors = family.predictors();
  o.views = views_of(predictors);
  o.n = static_cast<std::int64_t>(first.size()) * o.views;
  o.X.assign(static_cast<std::size_t>(o.n) * o.p, 0.0);
  o.offset.assign(o.n, 0.0);
  for (std::int64_t r = 0; r < o.n; ++r) {
    if (!sees(predictors, r % o.views, 0)) continue;  // the fixed parts of other predictors are the likelihood's
    transform_row(rows.kept, rows.fixed.map, first[r / o.views], o.X.data() + r * o.p);
    if (offset) o.offset[r] = offset[first[r / o.views]];
  }
  for (const Factor& f : rows.factors) {
    Side s;
    s.K = f.K;
    s.offset = f.offset;
    s.code.resize(o.n);
    for (std::int64_t r = 0; r < o.n; ++r) s.code[r] = f.codes[first[r / o.views]];
    s.constant = o.views == 1;
    for (int t : f.terms)
      for (const Column& c : rows.terms[t].Z) s.constant = s.constant && c.stride == 0;
    s.z.resize(s.constant ? f.K : static_cast<std::size_t>(o.n) * f.K);
    for (std::int64_t r = 0; r < (s.constant ? std::min<std::int64_t>(1, o.n) : o.n); ++r) {
      double* z = s.z.data() + r * f.K;
      rows.z_row(f, first[r / o.views], z);
      for (std::size_t t = 0; t < f.terms.size(); ++t)  // effects of predictors that are not in view
        if (!sees(predictors, r % o.views, rows.terms[f.terms[t]].predictor)) std::fill_n(z + f.first[t], rows.terms[f.terms[t]].k(), 0.0);
    }
    o.sides.push_back(std::move(s));
  }
  set_response(o, rows, rows.y, family);
  return o;
}

void set_response(Observations& o, const Rows& rows, const Column& y, const Likelihood& family) {
  o.y.assign(o.n, 0.0);
  o.weight.assign(o.n, 0.0);
  o.constant = 0.0;
  for (std::int64_t i = 0; i < rows.n; ++i) {
    const double w = rows.w ? rows.w[i] : 1.0;
    o.y[o.place(i)] += w * y[i];
    o.weight[o.place(i)] += w;
    o.constant += family.constant(y[i], w);
  }
  if (o.n == rows.n * o.views) {  // as given, to the last digit
    for (std::int64_t i = 0; i < rows.n; ++i) o.y[o.place(i)] = y[i];
    return;
  }
  for (std::int64_t r = 0; r < o.n; ++r) o.y[r] = o.weight[r] > 0.0 ? std::min(o.y[r] / o.weight[r], family.family() == Family::binomial ? 1.0 : HUGE_VAL) : 0.0;
}

namespace {

// Calls f<P>() with the number of columns known to the compiler, P = p, so that a row's sums stay in registers; P = 0: many.
template <class F>
void for_columns(int p, F&& f) {
  switch (p) {
    case 1: return f.template operator()<1>();
    case 2: return f.template operator()<2>();
    case 3: return f.template operator()<3>();
    case 4: return f.template operator()<4>();
    case 5: return f.template operator()<5>();
    case 6: return f.template operator()<6>();
    case 7: return f.template operator()<7>();
    case 8: return f.template operator()<8>();
    default: return f.template operator()<0>();
  }
}

template <int P>
void fixed_part(int many, const Observations& o, const double* beta, double* eta) {
  const int p = P ? P : many;
  const double* x = o.X.data();
  for (std::int64_t i = 0; i < o.n; ++i, x += p) {
    double s = 0.0;
    for (int j = 0; j < p; ++j) s += x[j] * beta[j];
    eta[i] += s;
  }
}

// sums (p) = X'v
template <int P>
void column_sums(int many, const Observations& o, const double* v, double* sums) {
  const int p = P ? P : many;
  double own[P ? P : 1] = {};
  double* s = P ? own : sums;
  const double* x = o.X.data();
  for (std::int64_t i = 0; i < o.n; ++i, x += p)
    for (int j = 0; j < p; ++j) s[j] += x[j] * v[i];
  if constexpr (P > 0) std::copy_n(own, P, sums);
}

// sums (p x p), the lower triangle row by row = X'WX
template <int P>
void column_squares(int many, const Observations& o, const double* w, double* sums) {
  const int p = P ? P : many;
  double own[P ? P * P : 1] = {};
  double* s = P ? own : sums;
  const double* x = o.X.data();
  for (std::int64_t i = 0; i < o.n; ++i, x += p)
    for (int a = 0; a < p; ++a) {
      const double v = w[i] * x[a];
      for (int b = 0; b <= a; ++b) s[a * p + b] += v * x[b];
    }
  if constexpr (P > 0) std::copy_n(own, P * P, sums);
}

}  // namespace

void Observations::add_fixed(const Vec& beta, Vec& eta) const {
  for_columns(p, [&]<int P>() { fixed_part<P>(p, *this, beta.data(), eta.data()); });
}

void Observations::add_random(const Vec& b, Vec& eta) const {
  for (const Side& s : sides) {
    const double* at = b.data() + s.offset;
    if (s.constant && s.K == 1) {
      const double z = s.z[0];
      for (std::int64_t i = 0; i < n; ++i) eta[i] += z * at[s.code[i]];
      continue;
    }
    for (std::int64_t i = 0; i < n; ++i) {
      const double* z = s.row(i);
      const double* bi = at + static_cast<std::int64_t>(s.code[i]) * s.K;
      double sum = 0.0;
      for (int j = 0; j < s.K; ++j) sum += z[j] * bi[j];
      eta[i] += sum;
    }
  }
}

namespace {

// Rows stand level by level: the sums of a level stay in registers.
template <int K>
void sorted_sums(std::int64_t n, const Side& s, const Vec& x, double* out) {
  std::int64_t i = 0;
  while (i < n) {
    const std::int32_t level = s.code[i];
    double sum[K] = {};
    for (; i < n && s.code[i] == level; ++i) {
      const double* z = s.row(i);
      for (int j = 0; j < K; ++j) sum[j] += z[j] * x[i];
    }
    for (int j = 0; j < K; ++j) out[static_cast<std::int64_t>(level) * K + j] = sum[j];
  }
}

}  // namespace

void Observations::random_sums(const Vec& x, Vec& out) const {
  std::fill(out.begin(), out.end(), 0.0);
  for (const Side& s : sides) {
    double* at = out.data() + s.offset;
    if (&s == &sides.front() && s.K <= 3) {
      if (s.K == 1) sorted_sums<1>(n, s, x, at);
      else if (s.K == 2) sorted_sums<2>(n, s, x, at);
      else sorted_sums<3>(n, s, x, at);
      continue;
    }
    if (s.constant && s.K == 1) {
      const double z = s.z[0];
      for (std::int64_t i = 0; i < n; ++i) at[s.code[i]] += z * x[i];
      continue;
    }
    for (std::int64_t i = 0; i < n; ++i) {
      const double* z = s.row(i);
      double* o = at + static_cast<std::int64_t>(s.code[i]) * s.K;
      for (int j = 0; j < s.K; ++j) o[j] += z[j] * x[i];
    }
  }
}

Vec Observations::fixed_sums(const Vec& x) const {
  Vec out(p, 0.0);
  for_columns(p, [&]<int P>() { column_sums<P>(p, *this, x.data(), out.data()); });
  return out;
}

void Observations::weighted_border(const Vec& w, int width, Vec& border) const {
  std::fill(border.begin(), border.end(), 0.0);
  for (const Side& s : sides)
    for (std::int64_t i = 0; i < n; ++i) {
      const double* z = s.row(i);
      const double* x = X.data() + i * p;
      double* out = border.data() + s.effect(i) * width;
      for (int a = 0; a < s.K; ++a) {
        const double v = w[i] * z[a];
        for (int j = 0; j < p; ++j) out[a * width + j] += v * x[j];
      }
    }
}

Mat Observations::weighted_squares(const Vec& w) const {
  Mat A(p, p);
  Vec sums(static_cast<std::size_t>(p) * p, 0.0);
  for_columns(p, [&]<int P>() { column_squares<P>(p, *this, w.data(), sums.data()); });
  for (int a = 0; a < p; ++a)
    for (int b = 0; b <= a; ++b) A(a, b) = A(b, a) = sums[static_cast<std::size_t>(a) * p + b];
  return A;
}

}  // namespace multilevel
