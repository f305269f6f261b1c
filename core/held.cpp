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

Mat scaled(Mat A, double f) {
  for (double& x : A.a) x *= f;
  return A;
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

// theta of any factors of the covariance matrices, inner coordinates
Vec users_free_entries(const Covariances& cov, std::vector<Mat> L) {
  for (std::size_t t = 0; t < L.size(); ++t)
    if (cov.terms()[t].structure == Structure::us) L[t] = lower_factor(L[t]);
  return cov.user_theta(cov.start_of(L));
}

}  // namespace

HeldMinimum LinearMixed::minimise_with(const Held& held, const Vec& theta, double sigma) {
  using Kind = Held::Kind;
  const FixedCoordinates& fx = rows_.fixed;
  const double s = fx.y_scale, n = static_cast<double>(rows_.n);
  const std::vector<Mat> start = cov_.inner_lambda(theta);
  Given given;
  Chart chart;
  double alpha = 0.0, beta = 0.0;
  if (held.kind == Kind::sigma) given.sigma2 = held.value * held.value / (s * s);
  if (held.kind == Kind::coefficient) {
    given.contrast.assign(rows_.p, 0.0);
    for (int j = 0; j < rows_.p; ++j)
      for (int i = 0; i < rows_.p; ++i) given.contrast[j] += held.contrast[i] * fx.map.full(i, j);
    given.value = (held.value - dot(held.contrast, user_beta(Vec(rows_.p, 0.0)))) / s;
  }
  if (known_ > 0.0 && held.kind == Kind::sigma) throw Refused("sigma is known; it has no profile");
  if (cov_.any_structured() || carrier_ >= 0) return minimise_structured(held, given, theta);
  for (std::size_t t = 0; t < start.size(); ++t) {
    const Structure structure = rows_.terms[t].structure;
    const int k = rows_.terms[t].k();
    const auto triangular = [&](const Mat& L) { return structure == Structure::us ? lower_factor(L) : L; };
    const bool focal = static_cast<int>(t) == held.term && (held.kind == Kind::sd || held.kind == Kind::corr);
    if (!focal) {
      free_term(chart, static_cast<int>(t), triangular(start[t]), Mat::identity(k), structure);
      continue;
    }
    chart.focal = static_cast<int>(t);
    double length_i = 1.0, length_j = 1.0;
    const Vec ti = unit_row(rows_.maps[t].full, held.i, length_i), tj = unit_row(rows_.maps[t].full, held.j, length_j);
    chart.basis = structure == Structure::diag ? Mat::identity(k)
                                               : basis_from(held.kind == Kind::sd ? std::vector<Vec>{ti} : std::vector<Vec>{ti, tj}, k);
    const Mat L = triangular(transpose(chart.basis) * start[t]);
    if (held.kind == Kind::sd) {
      hold_sd(chart, held, L, structure, s * length_i);
    } else {
      for (int r = 0; r < k; ++r) alpha += chart.basis(r, 0) * tj[r], beta += chart.basis(r, 1) * tj[r];
      hold_corr(chart, held, L, alpha, beta);
    }
  }
  Vec x = chart.start;
  if (chart.has_eta && known_ > 0.0) {
    chart.has_eta = false;
    chart.fixed = scaled(chart.fixed, s / known_), chart.fixed_slope = scaled(chart.fixed_slope, s / known_);
  }
  if (chart.has_eta) x.push_back(std::log(sigma / s));

  const auto lambda_at = [&](const Vec& at) {
    std::vector<Mat> L;
    for (const Term& t : rows_.terms) L.emplace_back(t.k(), t.k());
    for (std::size_t m = 0; m < chart.E.size(); ++m) {
      Mat& Lt = L[chart.term[m]];
      for (std::size_t i = 0; i < Lt.a.size(); ++i) Lt.a[i] += at[m] * chart.E[m].a[i];
    }
    if (held.kind == Kind::sd) L[chart.focal] = sum(L[chart.focal], chart.has_eta ? scaled(chart.fixed, std::exp(-at.back())) : chart.fixed);
    return L;
  };
  const auto f = [&](const Vec& at, Point& out) {
    if (chart.a >= 0 && (at[chart.a] < 0.0 || at[chart.c] < 0.0)) return false;
    const std::vector<Mat> L = lambda_at(at);
    // dLambda / dx_m
    std::vector<Mat> E = chart.E;
    std::vector<int> term = chart.term;
    if (chart.has_eta) {
      E.push_back(scaled(chart.fixed, -std::exp(-at.back())));
      term.push_back(chart.focal);
      given.sigma2 = std::exp(2.0 * at.back());
    }
    std::vector<Direction> dirs;
    for (std::size_t m = 0; m < E.size(); ++m) {
      const int t = term[m], factor = cov_.terms()[t].factor, o = cov_.terms()[t].first;
      const Mat d = symmetric_product(E[m], L[t]);
      Mat full(rows_.factors[factor].K, rows_.factors[factor].K);
      for (int j = 0; j < d.cols; ++j)
        for (int i = 0; i < d.rows; ++i) full(o + i, o + j) = d(i, j);
      dirs.push_back({factor, std::move(full)});
    }
    if (!evaluate(L, &dirs, false, out, &given)) return false;
    if (!engine_) return true;
    for (std::size_t m = 0; m < E.size(); ++m)
      for (std::size_t l = 0; l < E.size(); ++l)
        if (term[m] == term[l])
          out.hessian(static_cast<int>(m), static_cast<int>(l)) += multilevel::inner(out.D[term[m]], symmetric_product(E[m], E[l]));
    if (!chart.has_eta) return true;
    const int eta = static_cast<int>(E.size()) - 1;
    for (int m = 0; m < eta; ++m) {
      const double h = 2.0 * out.r2_slope[m] / given.sigma2;
      out.hessian(m, eta) += h;
      out.hessian(eta, m) += h;
    }
    out.gradient[eta] += 2.0 * n - 2.0 * out.r2 / given.sigma2;
    out.hessian(eta, eta) += 4.0 * (out.r2 + out.r2_slope[eta]) / given.sigma2
                             - multilevel::inner(out.D[chart.focal], symmetric_product(E.back(), L[chart.focal]));
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
  const std::vector<Mat> L = lambda_at(r.x);
  const double fixed = fixed_sigma2(&given), shrunk = chart.has_eta ? std::exp(-r.x.back()) : 1.0;
  const double sigma2 = chart.has_eta ? std::exp(2.0 * r.x.back()) : fixed > 0.0 ? fixed : best.r2 / n;
  out.theta = users_free_entries(cov_, L);
  out.beta = user_beta(best.beta);
  out.sigma = s * std::sqrt(sigma2);
  out.criterion = best.value;
  out.evaluations = r.evaluations;
  out.converged = r.converged;
  const auto along = [&](const Mat& direction) {  // <D, dPsi> for dLambda of the focal term
    return multilevel::inner(best.D[chart.focal], symmetric_product(direction, L[chart.focal]));
  };
  switch (held.kind) {
    case Kind::coefficient: out.slope = best.pull / s; break;
    case Kind::sigma: out.slope = 2.0 * (n - best.r2 / sigma2) / held.value; break;
    case Kind::sd:
      out.slope = along(scaled(chart.fixed_slope, shrunk));
      if (held.value == 0.0 && rows_.terms[held.term].structure == Structure::us) {  // towards the best correlations
        const Mat pulls = transpose(L[chart.focal]) * best.D[chart.focal] * chart.fixed_slope;
        out.slope = -2.0 * shrunk * std::sqrt(multilevel::inner(pulls, pulls));
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

// With structured terms, whose standard deviations and correlations are not held, and without residuals: in the coordinates
// of the fit.
HeldMinimum LinearMixed::minimise_structured(const Held& held, const Given& given, const Vec& theta) {
  using Kind = Held::Kind;
  if (held.kind == Kind::sd || held.kind == Kind::corr || (carrier_ >= 0 && held.kind == Kind::sigma))
    throw Refused("profiles of standard deviations and correlations are not there for models with structured covariances such as ar1() and cs(), or without residuals; use method=\"boot\"");
  const double s = rows_.fixed.y_scale, n = static_cast<double>(rows_.n);
  const auto f = [&](const Vec& x, Point& out) {
    if (carrier_ >= 0) return searched_whole(x, false, out, given);
    const Vec at = cov_.to_natural(x);
    const std::vector<Direction> dirs = cov_.directions(at, nullptr);
    if (!evaluate(cov_.lambda_of(at), &dirs, false, out, &given)) return false;
    cov_.add_curvature(at, nullptr, out.hessian, out.D);
    cov_.chain(x, out.gradient, &out.hessian);
    return true;
  };
  Point best;
  const NewtonResult r = newton(f, cov_.to_search(carrier_ < 0 ? cov_.inner_theta(theta) : whole_theta(theta)), best);
  if (best.beta.empty() && rows_.p > 0) throw std::domain_error("the criterion is not finite at this start");
  const double fixed = fixed_sigma2(&given), sigma2 = fixed > 0.0 ? fixed : best.r2 / n;
  HeldMinimum out;
  out.theta = cov_.user_theta(cov_.to_natural(r.x));
  out.beta = user_beta(best.beta);
  out.sigma = carrier_ < 0 ? s * std::sqrt(sigma2) : held_sigma();
  if (carrier_ >= 0) out.theta = cov_.scaled(std::move(out.theta), s / out.sigma);
  out.criterion = best.value;
  out.evaluations = r.evaluations;
  out.converged = r.converged;
  out.slope = held.kind == Kind::coefficient ? best.pull / s : 2.0 * (n - best.r2 / sigma2) / held.value;
  return out;
}

ScoreParts LinearMixed::score_parts(const Vec& theta) {
  Point at;
  const std::vector<Direction> none;
  const double s2 = rows_.fixed.y_scale * rows_.fixed.y_scale;
  std::size_t size = rows_.p + 1;
  for (const Factor& f : rows_.factors) size += f.K * (f.K + 1) / 2;
  if (!evaluate(cov_.inner_lambda(theta), &none, false, at)) return ScoreParts(size, std::nan(""));
  ScoreParts out = user_beta(at.beta);
  for (const Mat& S : at.S)
    for (int j = 0; j < S.cols; ++j)
      for (int i = j; i < S.rows; ++i) out.push_back(s2 * S(i, j));
  out.push_back(s2 * at.r2);
  return out;
}

}  // namespace multilevel
