#include "blocks.hpp"

#include <algorithm>
#include <numeric>

#include "products.hpp"

namespace multilevel {

namespace {

// A chunk of rows in the new coordinates: [X y] row-major, the response as scaled residual of its least-squares fit.
struct Chunk {
  const Rows& rows;
  Vec x, xy;
  explicit Chunk(const Rows& r) : rows(r), x(static_cast<std::size_t>(kChunk) * std::max(r.p, 1)), xy(static_cast<std::size_t>(kChunk) * (r.p + 1)) {}

  void load(std::int64_t start, int len, const Column& y, double y_center, double y_scale, const Vec& beta0) {
    const int p = rows.p;
    transform_rows(rows.kept, rows.fixed.map, start, len, x.data());
    for (int i = 0; i < len; ++i) {
      const double* xi = x.data() + static_cast<std::size_t>(i) * p;
      double* out = xy.data() + static_cast<std::size_t>(i) * (p + 1);
      double r = y[start + i] - y_center;
      for (int j = 0; j < p; ++j) {
        out[j] = xi[j];
        r -= xi[j] * beta0[j];
      }
      out[p] = r / y_scale;
    }
  }
};

// Adds w z z' and w z [X y]' of each row to its level; K is the compile-time number of columns, or 0.
template <int K>
void add_chunk(int k, const Factor& f, const double* w, std::int64_t start, int len, const double* z, const double* xy,
               int width, double* diag, double* border) {
  const int kk = K ? K : k;
  for (int i = 0; i < len; ++i) {
    const std::int64_t level = f.codes[start + i];
    const double weight = w ? w[start + i] : 1.0;
    const double* zi = z + static_cast<std::size_t>(i) * kk;
    const double* ri = xy + static_cast<std::size_t>(i) * width;
    double* g = diag + level * kk * kk;
    double* b = border + (f.offset + level * kk) * width;
    for (int a = 0; a < kk; ++a) {
      const double v = weight * zi[a];
      for (int c = 0; c <= a; ++c) g[a * kk + c] += v * zi[c];
      for (int c = 0; c < width; ++c) b[a * width + c] += v * ri[c];
    }
  }
}

void add_chunk(int k, const Factor& f, const double* w, std::int64_t start, int len, const double* z, const double* xy,
               int width, double* diag, double* border) {
  switch (k) {
    case 1: return add_chunk<1>(k, f, w, start, len, z, xy, width, diag, border);
    case 2: return add_chunk<2>(k, f, w, start, len, z, xy, width, diag, border);
    case 3: return add_chunk<3>(k, f, w, start, len, z, xy, width, diag, border);
    case 4: return add_chunk<4>(k, f, w, start, len, z, xy, width, diag, border);
    default: return add_chunk<0>(k, f, w, start, len, z, xy, width, diag, border);
  }
}

// The K transformed columns of one factor for a chunk of rows, row-major.
void load_factor(const Rows& rows, const Factor& f, std::int64_t start, int len, Vec& part, Vec& z) {
  if (f.terms.size() == 1) return transform_rows(rows.terms[f.terms[0]].Z, rows.maps[f.terms[0]], start, len, z.data());
  for (std::size_t t = 0; t < f.terms.size(); ++t) {
    const Term& term = rows.terms[f.terms[t]];
    const int k = term.k();
    transform_rows(term.Z, rows.maps[f.terms[t]], start, len, part.data());
    for (int i = 0; i < len; ++i)
      std::copy_n(part.data() + static_cast<std::size_t>(i) * k, k, z.data() + static_cast<std::size_t>(i) * f.K + f.first[t]);
  }
}

void add_cross_products(Mat& XY, const double* xy, const double* w, std::int64_t start, int len, Vec& scratch) {
  const int width = XY.rows;
  scratch.resize(static_cast<std::size_t>(kChunk) * width);
  for (int i = 0; i < len; ++i) {
    const double root = w ? std::sqrt(w[start + i]) : 1.0;
    for (int j = 0; j < width; ++j) scratch[static_cast<std::size_t>(j) * kChunk + i] = root * xy[static_cast<std::size_t>(i) * width + j];
  }
  Mat part(width, width);
  gemm(true, false, width, width, len, 1.0, scratch.data(), kChunk, scratch.data(), kChunk, 0.0, part.a.data(), width);
  for (std::size_t k = 0; k < XY.a.size(); ++k) XY.a[k] += part.a[k];
}

}  // namespace

void Rows::z_row(const Factor& f, std::int64_t i, double* out) const {
  for (std::size_t t = 0; t < f.terms.size(); ++t)
    transform_row(terms[f.terms[t]].Z, maps[f.terms[t]], i, out + f.first[t]);
}

void prepare(Rows& rows, const std::vector<std::pair<const std::int32_t*, int>>& factors) {
  std::vector<Factor> all(factors.size());
  for (std::size_t f = 0; f < factors.size(); ++f) all[f].codes = factors[f].first, all[f].levels = factors[f].second;
  for (std::size_t t = 0; t < rows.terms.size(); ++t) {
    Factor& f = all[rows.terms[t].factor];
    f.terms.push_back(static_cast<int>(t));
    f.first.push_back(f.K);
    f.K += rows.terms[t].k();
  }
  // levels decide before effects: a factor nested in another has at least as many levels
  std::stable_sort(all.begin(), all.end(), [](const Factor& a, const Factor& b) { return a.levels > b.levels; });
  rows.factors = std::move(all);
  rows.q = 0;
  for (Factor& f : rows.factors) {
    f.offset = rows.q;
    rows.q += f.size();
  }
  rows.fixed = fixed_coordinates(rows.y, rows.X, rows.w, rows.n);
  rows.kept.clear();
  for (int j : rows.fixed.kept) rows.kept.push_back(rows.X[j]);
  rows.p = static_cast<int>(rows.kept.size());
  rows.maps.clear();
  for (const Term& t : rows.terms) rows.maps.push_back(random_coordinates(t.Z, t.structure, rows.w, rows.n));
}

Blocks add_up(const Rows& rows) {
  Blocks b;
  const int width = rows.p + 1;
  b.XY = Mat(width, width);
  b.border.assign(static_cast<std::size_t>(rows.q) * width, 0.0);
  int widest = 1;
  for (const Factor& f : rows.factors) {
    b.diag.emplace_back(static_cast<std::size_t>(f.size()) * f.K, 0.0);
    widest = std::max(widest, f.K);
  }
  Chunk chunk(rows);
  Vec part(static_cast<std::size_t>(kChunk) * widest), z(static_cast<std::size_t>(kChunk) * widest), scratch;
  const FixedCoordinates& fx = rows.fixed;
  for (std::int64_t start = 0; start < rows.n; start += kChunk) {
    const int len = static_cast<int>(std::min<std::int64_t>(kChunk, rows.n - start));
    chunk.load(start, len, rows.y, fx.y_center, fx.y_scale, fx.beta0);
    add_cross_products(b.XY, chunk.xy.data(), rows.w, start, len, scratch);
    for (std::size_t f = 0; f < rows.factors.size(); ++f) {
      load_factor(rows, rows.factors[f], start, len, part, z);
      add_chunk(rows.factors[f].K, rows.factors[f], rows.w, start, len, z.data(), chunk.xy.data(), width,
                b.diag[f].data(), b.border.data());
    }
  }
  for (std::size_t f = 0; f < rows.factors.size(); ++f) {
    const int K = rows.factors[f].K;
    for (double* g = b.diag[f].data(); g != b.diag[f].data() + b.diag[f].size(); g += K * K)
      for (int i = 0; i < K; ++i)
        for (int j = i + 1; j < K; ++j) g[i * K + j] = g[j * K + i];
  }
  if (rows.w)
    for (std::int64_t i = 0; i < rows.n; ++i) b.sum_log_w += std::log(rows.w[i]);
  return b;
}

Response add_up_response(const Rows& rows, const Blocks& blocks, const Column& y) {
  const int p = rows.p, width = p + 1;
  Response r;
  r.y_center = rows.fixed.constant >= 0 ? column_stats(y, rows.w, rows.n).mean : 0.0;
  // least squares first: the residual is what gets summed
  Vec Xy(p, 0.0);
  double yy = 0.0, total = 0.0;
  Vec x(static_cast<std::size_t>(kChunk) * std::max(p, 1));
  for (std::int64_t start = 0; start < rows.n; start += kChunk) {
    const int len = static_cast<int>(std::min<std::int64_t>(kChunk, rows.n - start));
    transform_rows(rows.kept, rows.fixed.map, start, len, x.data());
    for (int i = 0; i < len; ++i) {
      const double u = rows.w ? rows.w[start + i] : 1.0, v = y[start + i] - r.y_center;
      for (int j = 0; j < p; ++j) Xy[j] += u * x[static_cast<std::size_t>(i) * p + j] * v;
      yy += u * v * v;
      total += u;
    }
  }
  Mat L(p, p);
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) L(i, j) = blocks.XY(i, j);
  cholesky(L);
  r.beta0 = Xy;
  solve_lower(L, r.beta0.data());
  double rss = yy;
  for (double b : r.beta0) rss -= b * b;
  solve_lower_t(L, r.beta0.data());
  rss = std::max(rss, 1e-30 * yy);
  r.y_scale = rss > 0.0 ? std::sqrt(rss / total) : 1.0;

  r.Zy.assign(rows.q, 0.0);
  r.Xy.assign(p, 0.0);
  Chunk chunk(rows);
  int widest = 1;
  for (const Factor& f : rows.factors) widest = std::max(widest, f.K);
  Vec part(static_cast<std::size_t>(kChunk) * widest), z(static_cast<std::size_t>(kChunk) * widest);
  for (std::int64_t start = 0; start < rows.n; start += kChunk) {
    const int len = static_cast<int>(std::min<std::int64_t>(kChunk, rows.n - start));
    chunk.load(start, len, y, r.y_center, r.y_scale, r.beta0);
    for (int i = 0; i < len; ++i) {
      const double u = rows.w ? rows.w[start + i] : 1.0, v = chunk.xy[static_cast<std::size_t>(i) * width + p];
      for (int j = 0; j < p; ++j) r.Xy[j] += u * chunk.xy[static_cast<std::size_t>(i) * width + j] * v;
      r.yy += u * v * v;
    }
    for (const Factor& f : rows.factors) {
      load_factor(rows, f, start, len, part, z);
      for (int i = 0; i < len; ++i) {
        const double u = (rows.w ? rows.w[start + i] : 1.0) * chunk.xy[static_cast<std::size_t>(i) * width + p];
        double* out = r.Zy.data() + f.offset + static_cast<std::int64_t>(f.codes[start + i]) * f.K;
        for (int a = 0; a < f.K; ++a) out[a] += u * z[static_cast<std::size_t>(i) * f.K + a];
      }
    }
  }
  return r;
}

Combinations combine(const Rows& rows, const std::vector<const std::int32_t*>& levels, const std::vector<std::vector<Column>>& Z, std::int64_t n) {
  Combinations c;
  c.n = n;
  for (const Factor& f : rows.factors) {
    const std::int32_t* codes = levels[rows.terms[f.terms[0]].factor];
    c.level.emplace_back(codes, codes + n);
    Vec z(static_cast<std::size_t>(n) * f.K, 0.0);
    for (std::size_t t = 0; t < f.terms.size(); ++t) {
      const Mat& map = rows.maps[f.terms[t]].full;
      const std::vector<Column>& columns = Z[f.terms[t]];
      for (std::int64_t i = 0; i < n; ++i)
        for (int b = 0; b < map.cols; ++b)
          for (int a = 0; a < map.rows; ++a) z[i * f.K + f.first[t] + b] += columns[a][i] * map(a, b);
    }
    c.z.push_back(std::move(z));
  }
  return c;
}

}  // namespace multilevel
