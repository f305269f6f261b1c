// The minimum of -2 log-likelihood with one quantity held at a value: what a profile likelihood is made of.
//
// The criterion depends on Lambda through Psi = Lambda Lambda', so any factor will do, and one is chosen that makes the
// constraint linear. With t_i the row of a term's coordinate map that belongs to effect i, sd_i = sigma |t_i'Lambda|. In
// an orthonormal basis B whose first vectors span t_i (and t_j), Lambda = B L, L lower triangular:
//
//   sd_i = s            L_11 = s e^-eta / |t_i|,  eta = log sigma; eta and all other entries are free
//   corr_ij = r         t_i'B L = |t_i| (a, 0),  t_j'B L = |t_j| c (r, sqrt(1 - r^2));  a, c >= 0 and the rest are free
//   sigma = s           all entries are free
//   contrast'beta = b   a Lagrange multiplier inside the criterion (criterion.cpp)
//
// A structured term (structures.hpp) has the coordinates of a search; of its parameters, one is held: theta_a = s e^-eta, or r.
// Without residuals (whole.cpp) there is no eta, and s is in units of the response.
//
// For sd the criterion is taken at sigma = e^eta: d = log|V| + n log(2 pi) + 2 n eta + r2 e^-2eta.
#include <algorithm>
#include <stdexcept>

#include "criterion.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kInside = 0.1;  // a start for a correlation needs both standard deviations

// Lambda_t = sum over the entries of term t of x_m E_m, and for the focal term + e^-eta `fixed`.
struct Chart {
  std::vector<int> term;
  std::vector<Mat> E;
  Vec start;
  int focal = -1;
  Mat basis;                   // B of the focal term
  Mat fixed;                   // sd: what is held, times sigma
  Mat fixed_slope;             // sd, corr: dLambda / dvalue at e^-eta = 1; for corr at c = 1
  bool has_eta = false;
  int a = -1, c = -1;          // corr: which x must not be negative
  std::vector<int> mirror;     // covariances with a part that may be nearly nothing: their signs are a choice of valley

  void add(int t, Mat e, double at) {
    term.push_back(t);
    E.push_back(std::move(e));
    start.push_back(at);
  }
};

double dot(const Vec& a, const Vec& b) {
  double s = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}

Vec unit_row(const Mat& M, int i, double& length) {
  Vec r(M.cols);
  for (int j = 0; j < M.cols; ++j) r[j] = M(i, j);
  length = std::sqrt(dot(r, r));
  for (double& x : r) x /= length;
  return r;
}

// An orthonormal basis whose first vectors span the given ones, in order.
Mat basis_from(std::vector<Vec> first, int k) {
  const std::size_t given = first.size();
  for (int j = 0; j < k; ++j) {
    Vec e(k, 0.0);
    e[j] = 1.0;
    first.push_back(std::move(e));
  }
  Mat B(k, k);
  int have = 0;
  for (std::size_t v = 0; v < first.size() && have < k; ++v) {
    Vec& x = first[v];
    for (int pass = 0; pass < 2; ++pass)
      for (int b = 0; b < have; ++b) {
        double s = 0.0;
        for (int i = 0; i < k; ++i) s += B(i, b) * x[i];
        for (int i = 0; i < k; ++i) x[i] -= s * B(i, b);
      }
    const double length = std::sqrt(dot(x, x));
    if (v >= given && length < 0.5 / std::sqrt(static_cast<double>(k))) continue;
    for (int i = 0; i < k; ++i) B(i, have) = x[i] / length;
    ++have;
  }
  return B;
}

// scale B[:, i] e_j'
Mat entry(const Mat& B, int i, int j, double scale = 1.0) {
  Mat E(B.rows, B.cols);
  for (int r = 0; r < B.rows; ++r) E(r, j) = scale * B(r, i);
  return E;
}

Mat sum(const Mat& A, const Mat& B) {
  Mat C = A;
  for (std::size_t i = 0; i < C.a.size(); ++i) C.a[i] += B.a[i];
  return C;
}

// A B' + B A'
Mat symmetric_product(const Mat& A, const Mat& B) {
  const Mat P = A * transpose(B);
  return sum(P, transpose(P));
}

void free_term(Chart& chart, int t, const Mat& L, const Mat& B, Structure s, int skip_column = -1) {
  for (int j = 0; j < L.cols; ++j)
    for (int i = j; i < (s == Structure::us ? L.rows : j + 1); ++i)
      if (j != skip_column) chart.add(t, entry(B, i, j), L(i, j));
}

// L with the same L L' of the rows from `row` on, and nothing left in their column `column`, the first of one too many.
void empty_column(Mat& L, int row, int column) {
  const int k = L.rows;
  if (row >= k) return;
  Mat block(k - column, k - column);
  for (int j = column; j < k; ++j)
    for (int i = row; i < k; ++i) block(i - row, j - column) = L(i, j);
  const Mat F = lower_factor(block);
  for (int i = row; i < k; ++i) {
    L(i, column) = 0.0;
    for (int j = column + 1; j < k; ++j) L(i, j) = F(i - row, j - column - 1);
  }
}

// `L` is the start in the basis of the chart; `length` is |t_i| in units of the response
void hold_sd(Chart& chart, const Held& held, Mat L, Structure s, double length) {
  const bool diagonal = s == Structure::diag;
  const int column = diagonal ? held.i : 0;
  if (held.value == 0.0 && !diagonal) empty_column(L, 1, 0);
  chart.has_eta = true;
  chart.fixed_slope = entry(chart.basis, column, column, 1.0 / length);
  chart.fixed = scaled(chart.fixed_slope, held.value);
  for (int j = 0; j < L.cols; ++j)
    for (int i = j; i < (diagonal ? j + 1 : L.rows); ++i) {
      if (j == column && (i == column || held.value == 0.0)) continue;  // without variance, the column is superfluous
      if (j == column) chart.mirror.push_back(static_cast<int>(chart.E.size()));
      chart.add(held.term, entry(chart.basis, i, j), L(i, j));
    }
}

void hold_corr(Chart& chart, const Held& held, Mat L, double alpha, double beta) {
  const Mat& B = chart.basis;
  const double r = held.value, rest = std::sqrt(std::max(0.0, 1.0 - r * r));
  const double first = alpha * L(0, 0) + beta * L(1, 0), second = beta * L(1, 1);
  if (rest == 0.0) empty_column(L, 2, 1);
  const auto inside = [](double x) { return x > 1e-3 * kInside ? x : kInside; };
  chart.a = static_cast<int>(chart.E.size());
  chart.add(held.term, sum(entry(B, 0, 0), entry(B, 1, 0, -alpha / beta)), inside(std::abs(L(0, 0))));
  chart.c = static_cast<int>(chart.E.size());
  chart.add(held.term, sum(entry(B, 1, 0, r / beta), entry(B, 1, 1, rest / beta)), inside(std::hypot(first, second)));
  for (int j = 0; j < L.cols; ++j)
    for (int i = std::max(j, 2); i < L.rows; ++i)
      if (j != 1 || rest > 0.0) {
        if (j == 1) chart.mirror.push_back(static_cast<int>(chart.E.size()));
        chart.add(held.term, entry(B, i, j), L(i, j));
      }
  chart.fixed_slope = sum(entry(B, 1, 0, 1.0 / beta), entry(B, 1, 1, rest > 0.0 ? -r / rest / beta : 0.0));
}

// What is free, x = (entries of the chart, parameters of structured terms, eta), and what it does to the covariance matrices.
class Free {
 public:
  Free(const Covariances& cov, Chart chart, Vec search) : cov_(cov), chart_(std::move(chart)), search_(std::move(search)) {}

  Chart& chart() { return chart_; }
  void free_structured(int t, int but) {
    for (int a = 0; a < cov_.terms()[t].size; ++a)
      if (a != but) own_.push_back({t, a});
  }
  // the parameter `entry` of a term at `value`, times e^-eta where it is a standard deviation beside residuals
  void hold(int t, int entry, double value, bool eta) {
    chart_.focal = t;
    chart_.has_eta = eta;
    entry_ = entry;
    value_ = value;
  }

  Vec start(double log_sigma) const {
    Vec x = chart_.start;
    for (const Own& o : own_) x.push_back(search_[cov_.terms()[o.term].at + o.entry]);
    if (chart_.has_eta) x.push_back(log_sigma);
    return x;
  }
  double shrink(const Vec& x) const { return chart_.has_eta ? std::exp(-x.back()) : 1.0; }

  struct At {
    std::vector<Mat> L;
    Vec theta, rate, bend;  // of structured terms: natural parameters, and their derivatives by x
    std::vector<int> term;  // per entry of x:
    std::vector<Mat> E;     // dLambda, of the chart
    std::vector<Mat> slope; // dPsi
  };

  At at(const Vec& x) const {
    At out;
    place_structured(x, out);
    out.L = cov_.lambda_of(out.theta);
    for (std::size_t t = 0; t < out.L.size(); ++t)
      if (!is_structured(cov_.terms()[t].structure)) std::fill(out.L[t].a.begin(), out.L[t].a.end(), 0.0);
    for (std::size_t m = 0; m < chart_.E.size(); ++m) {
      Mat& L = out.L[chart_.term[m]];
      for (std::size_t i = 0; i < L.a.size(); ++i) L.a[i] += x[m] * chart_.E[m].a[i];
    }
    if (entry_ < 0 && chart_.fixed.rows) out.L[chart_.focal] = sum(out.L[chart_.focal], scaled(chart_.fixed, shrink(x)));
    out.E = chart_.E;
    out.term = chart_.term;
    for (std::size_t m = 0; m < out.E.size(); ++m) out.slope.push_back(symmetric_product(out.E[m], out.L[out.term[m]]));
    for (const Own& o : own_) add_structured(out, o);
    if (!chart_.has_eta) return out;
    if (entry_ >= 0) {
      add_structured(out, {chart_.focal, entry_});
    } else {
      out.E.push_back(scaled(chart_.fixed, -shrink(x)));
      out.term.push_back(chart_.focal);
      out.slope.push_back(symmetric_product(out.E.back(), out.L[chart_.focal]));
    }
    return out;
  }

  // <D, d2Psi / dx_m dx_l>
  double curve(const At& at, std::size_t m, std::size_t l, const std::vector<Mat>& D) const {
    if (at.term[m] != at.term[l]) return 0.0;
    const int t = at.term[m];
    const Covariances::TermShape& shape = cov_.terms()[t];
    if (!is_structured(shape.structure)) {
      const double both = multilevel::inner(D[t], symmetric_product(entry_of(at, m), entry_of(at, l)));
      const bool eta = chart_.has_eta && m == l && m + 1 == at.term.size();
      return both - (eta ? multilevel::inner(D[t], at.slope[m]) : 0.0);
    }
    const int a = own_of(m).entry, b = own_of(l).entry;
    const double* theta = at.theta.data() + shape.at;
    const double both = at.rate[shape.at + a] * at.rate[shape.at + b] * multilevel::inner(D[t], shape.form.curve(theta, a, b));
    return both + (m == l ? at.bend[shape.at + a] * multilevel::inner(D[t], shape.form.slope(theta, a)) : 0.0);
  }

  // inner theta of covariance matrices with any factors
  Vec theta_of(At at) const {
    for (std::size_t t = 0; t < at.L.size(); ++t)
      if (cov_.terms()[t].structure == Structure::us) at.L[t] = lower_factor(at.L[t]);
    Vec theta = cov_.start_of(at.L);
    for (const Covariances::TermShape& t : cov_.terms())
      if (is_structured(t.structure)) std::copy_n(at.theta.begin() + t.at, t.size, theta.begin() + t.at);
    return theta;
  }

  // d criterion / d value of the structured parameter that is held, in inner units
  double pull(const Vec& x, const std::vector<Mat>& D) const {
    const At here = at(x);
    const Covariances::TermShape& t = cov_.terms()[chart_.focal];
    return shrink(x) * multilevel::inner(D[chart_.focal], t.form.slope(here.theta.data() + t.at, entry_));
  }

 private:
  struct Own {
    int term, entry;
  };
  const Covariances& cov_;
  Chart chart_;
  Vec search_;             // coordinates of a search, of all terms
  std::vector<Own> own_;   // the free parameters of structured terms
  int entry_ = -1;         // which parameter of the structured focal term is held,
  double value_ = 0.0;     // and where

  Own own_of(std::size_t m) const {
    const std::size_t place = m - chart_.E.size();
    return place < own_.size() ? own_[place] : Own{chart_.focal, entry_};
  }
  const Mat& entry_of(const At& at, std::size_t m) const { return m < chart_.E.size() ? at.E[m] : at.E.back(); }

  void place_structured(const Vec& x, At& out) const {
    Vec moved = search_;
    for (std::size_t n = 0; n < own_.size(); ++n) moved[cov_.terms()[own_[n].term].at + own_[n].entry] = x[chart_.E.size() + n];
    out.theta = cov_.to_natural(moved);
    out.rate = cov_.rates(moved);
    out.bend.assign(moved.size(), 0.0);
    for (const Own& o : own_) {
      const Covariances::TermShape& t = cov_.terms()[o.term];
      out.bend[t.at + o.entry] = t.form.bend(moved.data() + t.at, o.entry);
    }
    if (entry_ < 0) return;
    const int held = cov_.terms()[chart_.focal].at + entry_;
    out.theta[held] = value_ * shrink(x);
    out.rate[held] = -out.theta[held];  // by eta
    out.bend[held] = out.theta[held];
  }
  void add_structured(At& out, Own o) const {
    const Covariances::TermShape& t = cov_.terms()[o.term];
    out.term.push_back(o.term);
    out.slope.push_back(scaled(t.form.slope(out.theta.data() + t.at, o.entry), out.rate[t.at + o.entry]));
  }
};

// Which parameter of a structured term is held; Refused for correlations that are functions of several.
int held_entry(const Structured& form, Structure s, const Held& held) {
  if (held.kind == Held::Kind::sd) return shares_scale(s) ? 0 : held.i;
  if ((s == Structure::toep || s == Structure::homtoep) && std::abs(held.i - held.j) > 1)
    throw Refused("of toep() and homtoep(), profiles are there for standard deviations and the correlation of neighbours, not for correlations at larger distances; use method=\"boot\"");
  return form.sds();
}

}  // namespace

HeldMinimum LinearMixed::minimise_with(const Held& held, const Vec& theta, double sigma) {
  using Kind = Held::Kind;
  const bool whole = carrier_ >= 0;  // in units of the response
  const bool free_sigma = !whole && known_ == 0.0;
  if (!free_sigma && held.kind == Kind::sigma) throw Refused("a model without residuals, or with a known sigma, has none to profile");
  const FixedCoordinates& fx = rows_.fixed;
  const double s = fx.y_scale, n = static_cast<double>(rows_.n);
  const double size = known_ > 0.0 ? known_ : s;  // of a standard deviation held at one, but for e^eta
  const Vec from = whole ? whole_theta(theta) : cov_.inner_theta(theta);
  const std::vector<Mat> start = whole ? cov_.lambda_of(from) : cov_.inner_lambda(theta);
  Given given;
  Free free(cov_, {}, cov_.to_search(from));
  Chart& chart = free.chart();
  bool structured = false;
  double alpha = 0.0, beta = 0.0, unit = 1.0;
  if (held.kind == Kind::sigma) given.sigma2 = held.value * held.value / (s * s);
  if (held.kind == Kind::coefficient) {
    given.contrast.assign(rows_.p, 0.0);
    for (int j = 0; j < rows_.p; ++j)
      for (int i = 0; i < rows_.p; ++i) given.contrast[j] += held.contrast[i] * fx.map.full(i, j);
    given.value = (held.value - dot(held.contrast, user_beta(Vec(rows_.p, 0.0)))) / s;
  }
  for (std::size_t term = 0; term < start.size(); ++term) {
    const int t = static_cast<int>(term);
    const Structure structure = rows_.terms[term].structure;
    const int k = rows_.terms[term].k();
    const auto triangular = [&](const Mat& L) { return structure == Structure::us ? lower_factor(L) : L; };
    const bool focal = t == held.term && (held.kind == Kind::sd || held.kind == Kind::corr);
    if (is_structured(structure)) {
      int entry = -1;
      if (focal) {
        structured = true;
        entry = held_entry(cov_.terms()[term].form, structure, held);
        unit = held.kind == Kind::sd ? size * cov_.terms()[term].map(entry, entry) : 1.0;
        free.hold(t, entry, held.value / unit, held.kind == Kind::sd && free_sigma);
      }
      free.free_structured(t, entry);
      continue;
    }
    if (!focal) {
      free_term(chart, t, triangular(start[term]), Mat::identity(k), structure);
      continue;
    }
    chart.focal = t;
    double length_i = 1.0, length_j = 1.0;
    const Vec ti = unit_row(rows_.maps[term].full, held.i, length_i), tj = unit_row(rows_.maps[term].full, held.j, length_j);
    chart.basis = structure == Structure::diag ? Mat::identity(k)
                                               : basis_from(held.kind == Kind::sd ? std::vector<Vec>{ti} : std::vector<Vec>{ti, tj}, k);
    const Mat L = triangular(transpose(chart.basis) * start[term]);
    if (held.kind == Kind::sd) {
      hold_sd(chart, held, L, structure, size * length_i);
      chart.has_eta = free_sigma;
    } else {
      for (int r = 0; r < k; ++r) alpha += chart.basis(r, 0) * tj[r], beta += chart.basis(r, 1) * tj[r];
      hold_corr(chart, held, L, alpha, beta);
    }
  }
  Vec x = free.start(std::log(sigma / s));

  const auto f = [&](const Vec& at, Point& out) {
    if (chart.a >= 0 && (at[chart.a] < 0.0 || at[chart.c] < 0.0)) return false;
    const Free::At here = free.at(at);
    if (chart.has_eta) given.sigma2 = std::exp(2.0 * at.back());
    std::vector<Direction> dirs;
    for (std::size_t m = 0; m < here.term.size(); ++m) {
      const int factor = cov_.terms()[here.term[m]].factor, o = cov_.terms()[here.term[m]].first;
      const Mat& d = here.slope[m];
      Mat full(rows_.factors[factor].K, rows_.factors[factor].K);
      for (int j = 0; j < d.cols; ++j)
        for (int i = 0; i < d.rows; ++i) full(o + i, o + j) = d(i, j);
      dirs.push_back({factor, std::move(full)});
    }
    if (!(whole ? evaluate_whole(here.L, std::move(dirs), false, out, given) : evaluate(here.L, &dirs, false, out, &given)))
      return false;
    if (!engine_) return true;
    for (std::size_t m = 0; m < here.term.size(); ++m)
      for (std::size_t l = 0; l < here.term.size(); ++l) out.hessian(static_cast<int>(m), static_cast<int>(l)) += free.curve(here, m, l, out.D);
    if (!chart.has_eta) return true;
    const int eta = static_cast<int>(here.term.size()) - 1;
    for (int m = 0; m < eta; ++m) {
      const double h = 2.0 * out.r2_slope[m] / given.sigma2;
      out.hessian(m, eta) += h;
      out.hessian(eta, m) += h;
    }
    out.gradient[eta] += 2.0 * n - 2.0 * out.r2 / given.sigma2;
    out.hessian(eta, eta) += 4.0 * (out.r2 + out.r2_slope[eta]) / given.sigma2;
    return true;
  };

  Point best;
  if (!chart.mirror.empty()) {  // with an effect that hardly varies, correlations of 1 and -1 are both minima
    Vec mirrored = x;
    Point other;
    for (int m : chart.mirror) mirrored[m] = -x[m];
    if (f(mirrored, other) && f(x, best) && other.value < best.value) x = std::move(mirrored);
  }
  const NewtonResult r = newton(f, std::move(x), best);
  HeldMinimum out;
  if (best.beta.empty() && rows_.p > 0) throw std::domain_error("the criterion is not finite at this start");
  const Free::At there = free.at(r.x);
  const std::vector<Mat>& L = there.L;
  const double fixed = fixed_sigma2(&given);
  const double sigma2 = chart.has_eta ? std::exp(2.0 * r.x.back()) : fixed > 0.0 ? fixed : best.r2 / n;
  out.theta = cov_.user_theta(free.theta_of(there));
  out.beta = user_beta(best.beta);
  out.sigma = whole ? held_sigma() : s * std::sqrt(sigma2);
  if (whole) out.theta = cov_.scaled(std::move(out.theta), s / out.sigma);
  out.criterion = best.value;
  out.evaluations = r.evaluations;
  out.converged = r.converged;
  const auto along = [&](const Mat& direction) {  // <D, dPsi> for dLambda of the focal term
    return multilevel::inner(best.D[chart.focal], symmetric_product(direction, L[chart.focal]));
  };
  if (structured) {
    out.slope = free.pull(r.x, best.D) / unit;
    return out;
  }
  switch (held.kind) {
    case Kind::coefficient: out.slope = best.pull / s; break;
    case Kind::sigma: out.slope = 2.0 * (n - best.r2 / sigma2) / held.value; break;
    case Kind::sd:
      out.slope = along(scaled(chart.fixed_slope, free.shrink(r.x)));
      if (held.value == 0.0 && rows_.terms[held.term].structure == Structure::us) {  // towards the best correlations
        const Mat pulls = transpose(L[chart.focal]) * best.D[chart.focal] * chart.fixed_slope;
        out.slope = -2.0 * free.shrink(r.x) * std::sqrt(multilevel::inner(pulls, pulls));
      }
      break;
    case Kind::corr: {
      const double c = r.x[chart.c];
      out.slope = along(scaled(chart.fixed_slope, c));
      if (std::abs(held.value) == 1.0) {  // d(1 - r^2) = -2r dr
        const Mat b = entry(chart.basis, 1, 0);
        out.slope -= 2.0 * held.value * c * c / (beta * beta) * multilevel::inner(best.D[chart.focal], b * transpose(b));
        if (L[chart.focal].rows > 2) out.slope = std::nan("");
      }
    }
  }
  return out;
}

}  // namespace multilevel
