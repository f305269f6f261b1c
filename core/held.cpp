// The minimum of -2 log-likelihood with one quantity held at a value: what a profile likelihood is made of.
//
//   sd, corr            in coordinates in which the constraint is linear (chart.hpp) or a parameter (free_parameters.hpp)
//   sigma = s           all entries are free
//   contrast'beta = b   a Lagrange multiplier inside the criterion (criterion.cpp)
//
// Without residuals (whole.cpp) there is no eta = log sigma, and s is in units of the response.
//
// For sd the criterion is taken at sigma = e^eta: d = log|V| + n log(2 pi) + 2 n eta + r2 e^-2eta.
#include "held.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "criterion.hpp"
#include "free_parameters.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

// Which parameter of a structured term is held; Refused for correlations that are functions of several.
int held_entry(const Structured& form, Structure s, const Held& held) {
  if (held.kind == Held::Kind::sd) return shares_scale(s) ? 0 : held.i;
  if ((s == Structure::toep || s == Structure::homtoep) && std::abs(held.i - held.j) > 1)
    throw Refused("of toep() and homtoep(), profiles are there for standard deviations and the correlation of neighbours, not for correlations at larger distances; use method=\"boot\"");
  return form.sds();
}

// What is free, and what is known of the quantity that is held.
struct Holding {
  FreeParameters free;
  double unit = 1.0;               // of the parameter of a structured term
  double alpha = 0.0, beta = 0.0;  // corr: t_j in the basis of the chart
};

// The focal term of no structure, from a start.
void hold_term(const Held& held, const Coordinates& map, Structure structure, const Mat& start, double size, bool eta, Holding& out) {
  Chart& chart = out.free.chart;
  const int k = start.rows;
  chart.focal = held.term;
  double length_i = 1.0, length_j = 1.0;
  const Vec ti = unit_row(map.full, held.i, length_i), tj = unit_row(map.full, held.j, length_j);
  const bool sd = held.kind == Held::Kind::sd;
  chart.basis = structure == Structure::diag ? Mat::identity(k) : basis_from(sd ? std::vector<Vec>{ti} : std::vector<Vec>{ti, tj}, k);
  const Mat turned = transpose(chart.basis) * start, L = structure == Structure::us ? lower_factor(turned) : turned;
  if (sd) {
    chart.hold_sd(held.i, held.value, L, structure, size * length_i);
    chart.has_eta = eta;
    return;
  }
  for (int r = 0; r < k; ++r) out.alpha += chart.basis(r, 0) * tj[r], out.beta += chart.basis(r, 1) * tj[r];
  chart.hold_corr(held.value, L, out.alpha, out.beta);
}

// All terms, from a start. `size`: of a standard deviation held at one, but for e^eta.
Holding hold(const Rows& rows, const Covariances& cov, const Held& held, const std::vector<Mat>& start, Vec search, double size,
             bool free_sigma) {
  Holding out{FreeParameters(cov, std::move(search))};
  const bool sd = held.kind == Held::Kind::sd, of_a_term = sd || held.kind == Held::Kind::corr;
  for (int t = 0; t < static_cast<int>(start.size()); ++t) {
    const Covariances::TermShape& shape = cov.terms()[t];
    const bool focal = of_a_term && t == held.term;
    if (is_structured(shape.structure)) {
      const int entry = focal ? held_entry(shape.form, shape.structure, held) : -1;
      if (focal) {
        out.unit = sd ? size * shape.map(entry, entry) : 1.0;
        out.free.hold(t, entry, held.value / out.unit, sd && free_sigma);
      }
      out.free.free_structured(t, entry);
    } else if (focal) {
      hold_term(held, rows.maps[t], shape.structure, start[t], size, free_sigma, out);
    } else {
      out.free.chart.add_term(t, shape.structure == Structure::us ? lower_factor(start[t]) : start[t], shape.structure);
    }
  }
  return out;
}

// Derivatives by eta, the last parameter, beyond what it does to a covariance matrix.
void add_eta(double n, double sigma2, Point& out) {
  const int eta = out.hessian.rows - 1;
  for (int m = 0; m < eta; ++m) {
    const double h = 2.0 * out.r2_slope[m] / sigma2;
    out.hessian(m, eta) += h;
    out.hessian(eta, m) += h;
  }
  out.gradient[eta] += 2.0 * n - 2.0 * out.r2 / sigma2;
  out.hessian(eta, eta) += 4.0 * (out.r2 + out.r2_slope[eta]) / sigma2;
}

// d criterion / d value of a quantity held in the chart, at the minimum x: L and D of the focal term.
double slope_in_chart(const Held& held, const Holding& holding, Structure structure, const Vec& x, const Mat& L, const Mat& D) {
  const Chart& chart = holding.free.chart;
  const auto along = [&](const Mat& direction) { return inner(D, symmetric_product(direction, L)); };  // <D, dPsi>
  if (held.kind == Held::Kind::sd) {
    const double shrink = holding.free.shrink(x);
    if (held.value != 0.0 || structure != Structure::us) return along(scaled(chart.fixed_slope, shrink));
    const Mat pulls = transpose(L) * D * chart.fixed_slope;  // towards the best correlations
    return -2.0 * shrink * std::sqrt(inner(pulls, pulls));
  }
  const double c = x[chart.c], slope = along(scaled(chart.fixed_slope, c));
  if (std::abs(held.value) != 1.0) return slope;
  if (L.rows > 2) return std::nan("");
  const Mat b = entry(chart.basis, 1, 0);  // d(1 - r^2) = -2r dr
  return slope - 2.0 * held.value * c * c / (holding.beta * holding.beta) * inner(D, b * transpose(b));
}

}  // namespace

Given LinearMixed::given_by(const Held& held) const {
  const FixedCoordinates& fx = rows_.fixed;
  Given given;
  if (held.kind == Held::Kind::sigma) given.sigma2 = held.value * held.value / (fx.y_scale * fx.y_scale);
  if (held.kind != Held::Kind::coefficient) return given;
  given.contrast.assign(rows_.p, 0.0);
  for (int j = 0; j < rows_.p; ++j)
    for (int i = 0; i < rows_.p; ++i) given.contrast[j] += held.contrast[i] * fx.map.full(i, j);
  const Vec center = user_beta(Vec(rows_.p, 0.0));
  given.value = (held.value - std::inner_product(held.contrast.begin(), held.contrast.end(), center.begin(), 0.0)) / fx.y_scale;
  return given;
}

HeldMinimum LinearMixed::minimise_with(const Held& held, const Vec& theta, double sigma) {
  const bool whole = carrier_ >= 0;  // in units of the response
  const bool free_sigma = !whole && known_ == 0.0;
  if (!free_sigma && held.kind == Held::Kind::sigma) throw Refused("a model without residuals, or with a known sigma, has none to profile");
  const double s = rows_.fixed.y_scale, n = static_cast<double>(rows_.n);
  const Vec from = whole ? whole_theta(theta) : cov_.inner_theta(theta);
  const std::vector<Mat> start = whole ? cov_.lambda_of(from) : cov_.inner_lambda(theta);
  Given given = given_by(held);
  const Holding holding = hold(rows_, cov_, held, start, cov_.to_search(from), known_ > 0.0 ? known_ : s, free_sigma);
  const FreeParameters& free = holding.free;
  const Chart& chart = free.chart;

  const auto f = [&](const Vec& x, Point& out) {
    if (chart.a >= 0 && (x[chart.a] < 0.0 || x[chart.c] < 0.0)) return false;
    const FreeParameters::At here = free.at(x);
    if (chart.has_eta) given.sigma2 = std::exp(2.0 * x.back());
    std::vector<Direction> dirs = free.directions(here);
    if (!(whole ? evaluate_whole(here.L, std::move(dirs), false, out, given) : evaluate(here.L, &dirs, false, out, &given)))
      return false;
    if (!engine_) return true;
    free.add_curvature(here, out.hessian, out.D);
    if (chart.has_eta) add_eta(n, given.sigma2, out);
    return true;
  };

  Vec x = free.start(std::log(sigma / s));
  Point best;
  if (!chart.mirror.empty()) {  // with an effect that hardly varies, correlations of 1 and -1 are both minima
    Vec mirrored = x;
    Point other;
    for (int m : chart.mirror) mirrored[m] = -x[m];
    if (f(mirrored, other) && f(x, best) && other.value < best.value) x = std::move(mirrored);
  }
  const NewtonResult r = newton(f, std::move(x), best);
  if (best.beta.empty() && rows_.p > 0) throw std::domain_error("the criterion is not finite at this start");
  const FreeParameters::At there = free.at(r.x);
  const double fixed = fixed_sigma2(&given);
  const double sigma2 = chart.has_eta ? std::exp(2.0 * r.x.back()) : fixed > 0.0 ? fixed : best.r2 / n;
  HeldMinimum out;
  out.theta = cov_.user_theta(free.theta_of(there));
  out.beta = user_beta(best.beta);
  out.sigma = whole ? held_sigma() : s * std::sqrt(sigma2);
  if (whole) out.theta = cov_.scaled(std::move(out.theta), s / out.sigma);
  out.criterion = best.value;
  out.evaluations = r.evaluations;
  out.converged = r.converged;
  if (held.kind == Held::Kind::coefficient) out.slope = best.pull / s;
  else if (held.kind == Held::Kind::sigma) out.slope = 2.0 * (n - best.r2 / sigma2) / held.value;
  else if (free.holds_structured()) out.slope = free.pull(r.x, best.D) / holding.unit;
  else
    out.slope = slope_in_chart(held, holding, rows_.terms[held.term].structure, r.x, there.L[chart.focal], best.D[chart.focal]);
  return out;
}

}  // namespace multilevel
