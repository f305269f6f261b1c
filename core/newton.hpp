// Trust-region Newton on an unconstrained function with gradient and (approximate) Hessian. Knows no statistics.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

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
  bool ahead = false;          // x is one step further than the last point with derivatives
  double decrement = 0.0;      // what another step could still gain, in units of the function
  double lowest_curvature = 0.0;
  Vec path;                    // function value at each accepted point
};

struct NewtonOptions {
  int max_evaluations = 300;
  double radius = 0.5;
  double gain = 1e-11;         // converged when another step cannot gain more than this
  double enough = 1e-16;       // and no further step is tried when it cannot gain more than this
};

constexpr double kNear = 0.02;      // expected gain below which curvature is that of the minimum
constexpr double kAcross = 0.1;     // nothing is learned where what is missing lies so nearly across the step: it would blow up
constexpr double kShort = 1e-4;     // a last step so short needs no derivatives at its end: they are nearly those at its start
constexpr double kBeyond = 0.1;     // of `gain`: what may be left after it,
constexpr double kUnseen = 4.0;     // or of the noise of the function, which hides it,
constexpr double kConfirmed = 0.1;  // and the share of its own gain that it may miss

// By how much one step shrinks what the next can gain: the larger of the last two observations, steps cut short aside.
class Rate {
 public:
  double observe(double predicted) {
    const double ratio = std::min(1.0, predicted / last_), larger = std::max(ratio, before_);
    before_ = ratio;
    return larger;
  }
  void stepped(double predicted) { last_ = predicted; }
  void lost() { last_ = 0.0, before_ = 1.0; }

 private:
  double last_ = 0.0, before_ = 1.0;
};

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

  // The mean of the two Hessians is that along the step but for terms of second order in its length.
  void learn(const Vec& step, const Vec& g_old, const Vec& g_new, const Mat& H_old, const Mat& H_new) {
    const int m = B_.rows;
    Vec missing(m), Bs(m, 0.0);
    double sBs = 0.0, sm = 0.0;
    for (int i = 0; i < m; ++i) {
      missing[i] = g_new[i] - g_old[i];
      for (int j = 0; j < m; ++j) {
        missing[i] -= 0.5 * (H_old(i, j) + H_new(i, j)) * step[j];
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
    if (std::abs(rs) <= kAcross * std::sqrt(rr * ss)) return;
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

// A function that costs the same without derivatives.
struct Underived {};

// `f(x, point)` fills `point.value`, `.gradient`, `.hessian` (`.exact` or not) and returns false outside the domain; the point of the last
// accepted x is left in `best`. `turn(far, from, next, trial)` may give the next point, far from the minimum, coordinates
// of its own: it rewrites `next`, notes them in `trial` and returns true. `value(x, point)` fills all but the derivatives:
// where the rate of convergence says that a step ends at the minimum, it is enough there, if it confirms what was predicted.
template <class Point, class F, class Turn = Unturned, class Value = Underived>
NewtonResult newton(F&& f, Vec x, Point& best, const NewtonOptions& opt = {}, const Turn& turn = {}, const Value& value = {}) {
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
  Rate rate;
  while (true) {
    const TrustStep t = trust_region_step(best.gradient, missing.corrected(best.hessian), radius);
    const double expected = t.predicted * rate.observe(t.predicted);  // what the step after this one could gain
    r.decrement = t.predicted;
    r.lowest_curvature = t.lowest;
    const double noise = 1e-15 * std::max(1.0, std::abs(best.value));
    // below the noise of the function value, only the model can tell: stop once it stops improving
    if (t.predicted <= opt.gain && (t.predicted <= opt.enough || t.predicted >= 0.5 * last_decrement || r.evaluations >= opt.max_evaluations)) {
      r.converged = true;
      break;
    }
    if (r.evaluations >= opt.max_evaluations || radius < 1e-14) break;
    last_decrement = t.predicted <= opt.gain ? t.predicted : HUGE_VAL;
    Vec next = x;
    for (std::size_t i = 0; i < x.size(); ++i) next[i] += t.step[i];
    check_interrupt();
    if constexpr (!std::is_same_v<Value, Underived>) {
      const double before = best.value;
      const bool last = expected <= std::max(kBeyond * opt.gain, kUnseen * noise) && t.norm < kShort && ++r.evaluations && value(next, best);
      if (last && std::abs(before - best.value - t.predicted) <= kConfirmed * t.predicted + 100.0 * noise) {
        x = std::move(next);
        r.decrement = expected;
        r.converged = r.ahead = true;
        r.path.push_back(best.value);
        break;
      }
      best.value = before;
    }
    const bool turned = turn(t.predicted >= kNear, best, next, trial);
    ++r.evaluations;
    const bool inside = f(next, trial);
    if (inside && !trial.exact && t.predicted < kNear)
      missing.learn(t.step, best.gradient, trial.gradient, best.hessian, trial.hessian);
    const bool whole = t.norm < 0.9 * radius;
    const double rho = inside ? (best.value - trial.value) / t.predicted : -1.0;
    const bool tiny = inside && t.predicted < 100.0 * noise && trial.value <= best.value + 100.0 * noise;
    if (!tiny && rho < 0.25) radius = 0.25 * t.norm;
    else if (rho > 0.75 && t.norm > 0.9 * radius) radius *= 3.0;
    const bool accepted = tiny || rho > 1e-4;
    if (accepted && whole && !turned) rate.stepped(t.predicted);
    else rate.lost();
    if (accepted) {
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
