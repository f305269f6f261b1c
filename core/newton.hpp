// Trust-region Newton on an unconstrained function with gradient and (approximate) Hessian. Knows no statistics.
#pragma once

#include <algorithm>
#include <cmath>

#include "interrupt.hpp"
#include "linalg.hpp"

namespace multilevel {

// The minimiser of g's + s'Hs/2 over |s| <= radius (Moré and Sorensen 1983), by eigenvalues: the matrices are small.
struct TrustStep {
  Vec step;
  double predicted = 0.0;  // decrease of the quadratic model
  double norm = 0.0;
  double lowest = 0.0;     // smallest eigenvalue of H
};

inline TrustStep trust_region_step(const Vec& g, const Mat& H, double radius) {
  const int m = static_cast<int>(g.size());
  Vec w, gv(m, 0.0);
  Mat V;
  eigen_symmetric(H, w, V);
  for (int j = 0; j < m; ++j)
    for (int i = 0; i < m; ++i) gv[j] += V(i, j) * g[i];
  const double size = std::max(std::abs(w.front()), std::abs(w.back()));
  const auto coefficients = [&](double shift) {
    Vec c(m);
    for (int j = 0; j < m; ++j) c[j] = gv[j] == 0.0 ? 0.0 : -gv[j] / (w[j] + shift);
    return c;
  };
  const auto length = [](const Vec& c) {
    double s = 0.0;
    for (double x : c) s += x * x;
    return std::sqrt(s);
  };
  const double floor = std::max(0.0, -w.front() + 1e-12 * std::max(size, 1e-300));
  Vec c = coefficients(w.front() > 0 ? 0.0 : floor);
  if (length(c) > radius) {
    double lo = w.front() > 0 ? 0.0 : floor, hi = std::max(2.0 * lo, 1e-3 * size);
    while (length(coefficients(hi)) > radius) hi *= 4.0;
    for (int it = 0; it < 80 && hi - lo > 1e-12 * hi; ++it) {
      const double mid = 0.5 * (lo + hi);
      (length(coefficients(mid)) > radius ? lo : hi) = mid;
    }
    c = coefficients(hi);
  } else if (w.front() < -1e-8 * size) {
    // negative curvature that the gradient does not see: go along it to the border of the region
    const double rest = length(c);
    c[0] += (gv[0] > 0 ? -1.0 : 1.0) * std::sqrt(std::max(0.0, radius * radius - rest * rest));
  }
  TrustStep t;
  t.step.assign(m, 0.0);
  t.lowest = w.front();
  for (int j = 0; j < m; ++j) {
    t.predicted -= gv[j] * c[j] + 0.5 * w[j] * c[j] * c[j];
    for (int i = 0; i < m; ++i) t.step[i] += V(i, j) * c[j];
  }
  t.norm = length(c);
  return t;
}

struct NewtonResult {
  Vec x;
  int evaluations = 0;
  bool converged = false;
  bool ahead = false;          // x is one step further than the last point that was evaluated
  double decrement = 0.0;      // what another step could still gain, in units of the function
  double lowest_curvature = 0.0;
  Vec path;                    // function value at each accepted point
};

struct NewtonOptions {
  int max_evaluations = 300;
  double radius = 0.5;
  double gain = 1e-11;         // converged when another step cannot gain more than this
  double enough = 1e-16;       // and no further step is tried when it cannot gain more than this
  double ahead = 0.0;          // once converged, a last step that is shorter is taken without derivatives at its end
};

constexpr double kNear = 0.02; // expected gain below which curvature is that of the minimum

// What the model Hessian misses, learned from the gradients (structured symmetric rank-one update with the sizing of
// Dennis, Gay & Welsch 1981, ACM TOMS 7, 348-368): the model alone would converge linearly.
// Far from the minimum, where curvature changes from step to step, nothing is learned.
class SecantCorrection {
 public:
  explicit SecantCorrection(int m) : B_(m, m) {}

  Mat corrected(const Mat& H) const {
    Mat out = H;
    for (std::size_t i = 0; i < out.a.size(); ++i) out.a[i] += B_.a[i];
    return out;
  }

  void learn(const Vec& step, const Vec& g_old, const Vec& g_new, const Mat& H_new) {
    const int m = B_.rows;
    Vec missing(m), Bs(m, 0.0);
    double sBs = 0.0, sm = 0.0;
    for (int i = 0; i < m; ++i) {
      missing[i] = g_new[i] - g_old[i];
      for (int j = 0; j < m; ++j) {
        missing[i] -= H_new(i, j) * step[j];
        Bs[i] += B_(i, j) * step[j];
      }
    }
    for (int i = 0; i < m; ++i) sBs += step[i] * Bs[i], sm += step[i] * missing[i];
    const double size = sBs == 0.0 ? 1.0 : std::min(1.0, std::abs(sm / sBs));
    double rs = 0.0, rr = 0.0, ss = 0.0;
    for (int i = 0; i < m; ++i) {
      missing[i] -= size * Bs[i];
      rs += missing[i] * step[i];
      rr += missing[i] * missing[i];
      ss += step[i] * step[i];
    }
    for (double& b : B_.a) b *= size;
    if (std::abs(rs) < 1e-8 * std::sqrt(rr * ss) || rs == 0.0) return;
    for (int j = 0; j < m; ++j)
      for (int i = 0; i < m; ++i) B_(i, j) += missing[i] * missing[j] / rs;
  }

 private:
  Mat B_;
};

// Coordinates that stay as they are.
struct Unturned {
  template <class Point>
  bool operator()(bool, const Point&, Vec&, Point&) const { return false; }
};

// `f(x, point)` fills `point.value`, `.gradient`, `.hessian` (`.exact` or not) and returns false outside the domain; the point of the last
// accepted x is left in `best`. `turn(far, from, next, trial)` may give the next point, far from the minimum, coordinates
// of its own: it rewrites `next`, notes them in `trial` and returns true.
template <class Point, class F, class Turn = Unturned>
NewtonResult newton(F&& f, Vec x, Point& best, const NewtonOptions& opt = {}, const Turn& turn = {}) {
  NewtonResult r;
  double radius = opt.radius;
  Point trial;
  ++r.evaluations;
  if (!f(x, best)) {
    r.x = std::move(x);
    return r;
  }
  r.path.push_back(best.value);
  if (x.empty()) {
    r.converged = true;
    return r;
  }
  double last_decrement = HUGE_VAL;
  SecantCorrection missing(static_cast<int>(x.size()));
  while (true) {
    const TrustStep t = trust_region_step(best.gradient, missing.corrected(best.hessian), radius);
    r.decrement = t.predicted;
    r.lowest_curvature = t.lowest;
    const double noise = 1e-15 * std::max(1.0, std::abs(best.value));
    // below the noise of the function value, only the model can tell: stop once it stops improving
    if (t.predicted <= opt.gain && (t.predicted <= opt.enough || t.predicted >= 0.5 * last_decrement || r.evaluations >= opt.max_evaluations)) {
      r.converged = true;
      break;
    }
    if (r.evaluations >= opt.max_evaluations || radius < 1e-14) break;
    if (t.predicted <= opt.gain && t.norm < opt.ahead) {
      for (std::size_t i = 0; i < x.size(); ++i) x[i] += t.step[i];
      r.converged = r.ahead = true;
      break;
    }
    last_decrement = t.predicted <= opt.gain ? t.predicted : HUGE_VAL;
    Vec next = x;
    for (std::size_t i = 0; i < x.size(); ++i) next[i] += t.step[i];
    check_interrupt();
    const bool turned = turn(t.predicted >= kNear, best, next, trial);
    ++r.evaluations;
    const bool inside = f(next, trial);
    if (inside && !trial.exact && t.predicted < kNear) missing.learn(t.step, best.gradient, trial.gradient, trial.hessian);
    const double rho = inside ? (best.value - trial.value) / t.predicted : -1.0;
    const bool tiny = inside && t.predicted < 100.0 * noise && trial.value <= best.value + 100.0 * noise;
    if (!tiny && rho < 0.25) radius = 0.25 * t.norm;
    else if (rho > 0.75 && t.norm > 0.9 * radius) radius *= 3.0;
    if (tiny || rho > 1e-4) {
      x = std::move(next);
      std::swap(best, trial);
      if (turned) missing = SecantCorrection(static_cast<int>(x.size()));
      r.path.push_back(best.value);
    }
  }
  r.x = std::move(x);
  return r;
}

}  // namespace multilevel
