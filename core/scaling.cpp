#include "scaling.hpp"

#include <algorithm>
#include <stdexcept>

#include "products.hpp"

namespace multilevel {

namespace {

constexpr double kRankTolerance = 1e-7;    // R's lm and lme4
constexpr double kComfortable = 1e-8;      // squared pivots above this need no second look
constexpr double kRoundingNoise = 1e-13;   // spread below this share of the largest value is rounding

double weight(const double* w, std::int64_t i) { return w ? w[i] : 1.0; }

Mat full_map(const Vec& center, const Mat& T, int constant, double value) {
  Mat C = Mat::identity(T.rows);
  if (constant >= 0)
    for (int j = 0; j < T.rows; ++j) C(constant, j) -= center[j] / value;
  return C * T;
}

int find_constant(const std::vector<ColumnStats>& stats) {
  for (std::size_t j = 0; j < stats.size(); ++j)
    if (stats[j].constant && stats[j].largest > 0.0) return static_cast<int>(j);
  return -1;
}

// Weighted cross-products of transformed columns, `extra` appended as a last column.
Mat gram(const std::vector<Column>& cols, const Coordinates& map, const Column* extra, double extra_center,
         const double* w, std::int64_t n) {
  const int p = map.out(), width = p + (extra ? 1 : 0);
  Mat G(width, width);
  const int chunk = static_cast<int>(std::min<std::int64_t>(kChunk, n));
  Vec rows(static_cast<std::size_t>(chunk) * std::max(p, 1)), block(static_cast<std::size_t>(chunk) * width);
  for (std::int64_t start = 0; start < n; start += chunk) {
    const int len = static_cast<int>(std::min<std::int64_t>(chunk, n - start));
    transform_rows(cols, map, start, len, rows.data());
    for (int i = 0; i < len; ++i) {
      const double root = std::sqrt(weight(w, start + i));
      for (int j = 0; j < p; ++j) block[static_cast<std::size_t>(j) * chunk + i] = root * rows[static_cast<std::size_t>(i) * p + j];
      if (extra) block[static_cast<std::size_t>(p) * chunk + i] = root * ((*extra)[start + i] - extra_center);
    }
    Mat part(width, width);
    gemm(true, false, width, width, len, 1.0, block.data(), chunk, block.data(), chunk, 0.0, part.a.data(), width);
    for (std::size_t k = 0; k < G.a.size(); ++k) G.a[k] += part.a[k];
  }
  return G;
}

// Gram-Schmidt on the rows themselves, twice over: the careful rank decision, used when cross-products are in doubt.
// Returns the identified columns and T with orthonormal X T.
std::vector<int> orthonormalise(const std::vector<Column>& X, const Coordinates& start, const double* w, std::int64_t n,
                                Mat& T) {
  const int p = start.out();
  std::vector<Vec> basis;
  std::vector<Vec> combos;  // each basis column as a combination of the starting columns
  std::vector<int> kept;
  Vec all(static_cast<std::size_t>(n) * p);
  for (std::int64_t s = 0; s < n; s += kChunk) {
    const int len = static_cast<int>(std::min<std::int64_t>(kChunk, n - s));
    transform_rows(X, start, s, len, all.data() + s * p);
  }
  for (int j = 0; j < p; ++j) {
    Vec v(n), combo(p, 0.0);
    double before = 0.0;
    for (std::int64_t i = 0; i < n; ++i) before += (v[i] = std::sqrt(weight(w, i)) * all[i * p + j]) * v[i];
    combo[j] = 1.0;
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t b = 0; b < basis.size(); ++b) {
        double dot = 0.0;
        for (std::int64_t i = 0; i < n; ++i) dot += basis[b][i] * v[i];
        for (std::int64_t i = 0; i < n; ++i) v[i] -= dot * basis[b][i];
        for (int k = 0; k < p; ++k) combo[k] -= dot * combos[b][k];
      }
    double after = 0.0;
    for (double x : v) after += x * x;
    if (!(std::sqrt(after) > kRankTolerance * std::sqrt(before)) || before == 0.0) continue;
    const double r = 1.0 / std::sqrt(after);
    for (double& x : v) x *= r;
    for (double& x : combo) x *= r;
    basis.push_back(std::move(v));
    combos.push_back(std::move(combo));
    kept.push_back(j);
  }
  const double rows = std::sqrt(static_cast<double>(n));  // columns of unit mean square, as everywhere
  T = Mat(static_cast<int>(kept.size()), static_cast<int>(kept.size()));
  for (std::size_t c = 0; c < kept.size(); ++c)
    for (std::size_t r = 0; r < kept.size(); ++r) T(static_cast<int>(r), static_cast<int>(c)) = rows * combos[c][kept[r]];
  return kept;
}

// In-order Cholesky of the Gram matrix of unit-scale columns: the smallest squared pivot, each relative to its diagonal.
double smallest_pivot(const Mat& G, int p) {
  Mat L(p, p);
  double smallest = 1.0;
  for (int j = 0; j < p; ++j)
    for (int i = j; i < p; ++i) L(i, j) = G(i, j);
  for (int j = 0; j < p; ++j) {
    if (!(L(j, j) > 0.0) || !(G(j, j) > 0.0)) return 0.0;
    smallest = std::min(smallest, L(j, j) / G(j, j));
    const double r = 1.0 / std::sqrt(L(j, j));
    for (int i = j; i < p; ++i) L(i, j) *= r;
    for (int k = j + 1; k < p; ++k)
      for (int i = k; i < p; ++i) L(i, k) -= L(i, j) * L(k, j);
  }
  return smallest;
}

Coordinates centre_and_scale(const std::vector<ColumnStats>& stats, int constant) {
  const int k = static_cast<int>(stats.size());
  Coordinates c;
  c.center.assign(k, 0.0);
  c.T = Mat(k, k);
  for (int j = 0; j < k; ++j) {
    const bool centred = constant >= 0 && j != constant;
    if (centred) c.center[j] = stats[j].mean;
    const double size = centred ? stats[j].sd : std::sqrt(stats[j].sd * stats[j].sd + stats[j].mean * stats[j].mean);
    const bool empty = size <= kRoundingNoise * stats[j].largest;
    c.T(j, j) = empty ? 0.0 : 1.0 / size;
  }
  return c;
}

std::vector<ColumnStats> all_stats(const std::vector<Column>& cols, const double* w, std::int64_t n) {
  std::vector<ColumnStats> stats;
  for (const Column& c : cols) stats.push_back(column_stats(c, w, n));
  return stats;
}

}  // namespace

ColumnStats column_stats(const Column& x, const double* w, std::int64_t n) {
  if (x.stride == 0) return {x.data[0], 0.0, std::abs(x.data[0]), true};
  const double first = x[0];
  double total = 0.0, sum = 0.0, lo = first, hi = first;
  for (std::int64_t i = 0; i < n; ++i) {
    const double v = x[i], u = weight(w, i);
    total += u;
    sum += u * (v - first);
    lo = std::min(lo, v);
    hi = std::max(hi, v);
  }
  const double mean = first + sum / total;
  double squares = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double d = x[i] - mean;
    squares += weight(w, i) * d * d;
  }
  return {mean, std::sqrt(squares / total), std::max(std::abs(lo), std::abs(hi)), lo == hi};
}

void transform_row(const std::vector<Column>& cols, const Coordinates& map, std::int64_t i, double* out) {
  const int k = map.in(), m = map.out();
  std::fill_n(out, m, 0.0);
  for (int a = 0; a < k; ++a) {
    const double v = cols[a][i] - map.center[a];
    if (v == 0.0) continue;
    for (int b = 0; b < m; ++b) out[b] += v * map.T(a, b);
  }
}

void transform_rows(const std::vector<Column>& cols, const Coordinates& map, std::int64_t start, int len, double* out) {
  const int k = map.in(), m = map.out();
  double raw[kChunk];
  std::fill_n(out, static_cast<std::size_t>(len) * m, 0.0);
  for (int a = 0; a < k; ++a) {
    for (int i = 0; i < len; ++i) raw[i] = cols[a][start + i] - map.center[a];
    for (int b = 0; b < m; ++b) {
      const double t = map.T(a, b);
      if (t == 0.0) continue;
      for (int i = 0; i < len; ++i) out[static_cast<std::size_t>(i) * m + b] += t * raw[i];
    }
  }
}

Coordinates random_coordinates(const std::vector<Column>& Z, Structure structure, const double* w, std::int64_t n) {
  const std::vector<ColumnStats> stats = all_stats(Z, w, n);
  const int k = static_cast<int>(Z.size());
  const int constant = structure == Structure::us ? find_constant(stats) : -1;
  Coordinates c = centre_and_scale(stats, constant);
  for (int j = 0; j < k; ++j)
    if (c.T(j, j) == 0.0) c.T(j, j) = 1.0;  // a column of zeros stays what it is
  if (shares_scale(structure)) {
    double squares = 0.0;
    for (int j = 0; j < k; ++j) squares += 1.0 / (c.T(j, j) * c.T(j, j));
    for (int j = 0; j < k; ++j) c.T(j, j) = std::sqrt(k / squares);
  }
  double total = w ? 0.0 : static_cast<double>(n);
  for (std::int64_t i = 0; w && i < n; ++i) total += w[i];
  if (structure == Structure::us && k > 1) {
    Mat G = gram(Z, c, nullptr, 0.0, w, n);
    if (smallest_pivot(G, k) > kComfortable) {
      for (double& g : G.a) g /= total;
      cholesky(G);
      c.T = c.T * transpose(inverse_lower(G));
    }
  }
  // Theta is in units of the residual of a row of weight one: these units go, too.
  if (w)
    for (double& t : c.T.a) t *= std::sqrt(static_cast<double>(n) / total);
  c.full = full_map(c.center, c.T, constant, constant >= 0 ? stats[constant].mean : 1.0);
  return c;
}

FixedCoordinates fixed_coordinates(const Column& y, const std::vector<Column>& X, const double* w, std::int64_t n) {
  FixedCoordinates f;
  std::vector<ColumnStats> stats = all_stats(X, w, n);
  const ColumnStats ys = column_stats(y, w, n);
  double total = 0.0;
  for (std::int64_t i = 0; i < n; ++i) total += weight(w, i);
  f.total_weight = total;

  f.constant = find_constant(stats);
  f.y_center = f.constant >= 0 ? ys.mean : 0.0;
  f.map = centre_and_scale(stats, f.constant);
  for (int j = 0; j < f.map.in(); ++j) f.kept.push_back(j);
  Mat G = gram(X, f.map, &y, f.y_center, w, n);

  std::vector<Column> cols = X;
  if (smallest_pivot(G, f.map.out()) < kComfortable) {
    Mat T;
    f.kept = orthonormalise(X, f.map, w, n, T);
    const int p = static_cast<int>(f.kept.size());
    Coordinates kept;
    cols.clear();
    Mat scale(p, p);
    int constant = -1;
    for (int j = 0; j < p; ++j) {
      const int old = f.kept[j];
      cols.push_back(X[old]);
      kept.center.push_back(f.map.center[old]);
      scale(j, j) = f.map.T(old, old);
      if (old == f.constant) constant = j;
    }
    kept.T = scale * T;
    f.constant_value = f.constant >= 0 ? stats[f.constant].mean : 1.0;
    f.constant = constant;
    f.map = kept;
    G = gram(cols, f.map, &y, f.y_center, w, n);
  } else if (f.constant >= 0) {
    f.constant_value = stats[f.constant].mean;
  }
  f.map.full = full_map(f.map.center, f.map.T, f.constant, f.constant_value);

  const int p = f.map.out();
  Mat L(p, p);
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) L(i, j) = G(i, j);
  if (!cholesky(L)) throw std::runtime_error("the cross-products of the fixed effects are not positive definite");
  f.beta0.assign(G.col(p), G.col(p) + p);
  solve_lower(L, f.beta0.data());
  double rss = G(p, p);
  for (double b : f.beta0) rss -= b * b;
  solve_lower_t(L, f.beta0.data());
  rss = std::max(rss, 1e-30 * G(p, p));
  f.y_scale = rss > 0.0 ? std::sqrt(rss / total) : 1.0;
  // T is upper triangular, and centring has determinant one
  for (int c = 0; c < p; ++c) f.logdet += std::log(std::abs(f.map.T(c, c)));
  return f;
}

}  // namespace multilevel
