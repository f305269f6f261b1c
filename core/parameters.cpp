#include "parameters.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>

#include "parallel.hpp"
#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kShare = 1e-3;    // of a standard error
constexpr double kLongest = 1e-2;
constexpr double kRowWork = 200.0; // operations on a row for one column of the Hessian
constexpr int kShorter = 4;        // attempts, each ten times shorter, where a step leaves the family's range

}  // namespace

Vec Parameters::pack(const Vec& theta, const Vec& inner_beta, const Vec& shapes) const {
  Vec x(theta);
  for (int i = 0; i < m; ++i) x[i] /= theta_scale[i];
  x = cov->to_search(std::move(x));
  if (!beta_inside) x.insert(x.end(), inner_beta.begin(), inner_beta.end());
  for (int j : free) x.push_back(shapes[j]);
  return x;
}

LaplaceAt Parameters::unpack(const Vec& x) const {
  LaplaceAt at;
  at.theta = cov->to_natural(Vec(x.begin(), x.begin() + m));
  for (int i = 0; i < m; ++i) at.theta[i] *= theta_scale[i];
  const int e = beta_inside ? m : m + p;
  at.beta = beta_inside ? beta : Vec(x.begin() + m, x.begin() + e);
  at.shape = shape;
  for (std::size_t j = 0; j < free.size(); ++j) at.shape[free[j]] = x[e + j];
  at.maps = maps;
  at.beta_inside = beta_inside;
  at.nodes = nodes;
  at.guarded = guarded;
  return at;
}

std::vector<int> Parameters::places() const {
  std::vector<int> out;
  for (int i = 0; i < m + (beta_inside ? 0 : p); ++i) out.push_back(i);
  for (int j : free) out.push_back(m + p + j);
  return out;
}

bool Parameters::evaluate(Laplace& laplace, const Vec& x, Want want, LaplacePoint& out) const {
  for (double v : x)
    if (!std::isfinite(v)) return false;
  const LaplaceAt at = unpack(x);
  bool found = laplace.evaluate(at, want, out);
  for (int attempt = 0; !found && guarded && attempt < 2; ++attempt) {
    laplace.forget();  // a mixture may have several modes: the one that was followed may have gone
    if (attempt == 0) found = laplace.evaluate(at, want, out);
  }
  if (!found) return false;
  if (want == Want::value) return true;
  const int n = size(), before = n - static_cast<int>(free.size());
  const auto from = [&](int i) { return i < before ? i : before + free[i - before]; };
  const auto scale = [&](int i) { return i < m ? theta_scale[i] : 1.0; };
  Vec g(n);
  for (int i = 0; i < n; ++i) g[i] = scale(i) * out.gradient[from(i)];
  out.gradient = std::move(g);
  if (want == Want::gradient) {
    cov->chain(x, out.gradient, nullptr);
    return true;
  }
  Mat H(n, n);
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) H(i, j) = scale(i) * scale(j) * out.hessian(from(i), from(j));
  cov->chain(x, out.gradient, &H);
  out.hessian = std::move(H);
  return true;
}

Vec Parameters::difference(Laplace& laplace, const Vec& x, const Vec& d, double h, int& evaluations) const {
  LaplacePoint up, down;
  for (int attempt = 0; attempt < kShorter; ++attempt, h *= 0.1) {
    Vec a = x, b = x, slope(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) a[i] += h * d[i], b[i] -= h * d[i];
    evaluations += 2;
    if (!evaluate(laplace, a, Want::gradient, up) || !evaluate(laplace, b, Want::gradient, down)) continue;
    for (std::size_t i = 0; i < x.size(); ++i) slope[i] = (up.gradient[i] - down.gradient[i]) / (2.0 * h);
    return slope;
  }
  throw Refused("the likelihood cannot be evaluated around its maximum; the estimates lie at the edge of what the family allows");
}

bool Parameters::evaluate(Laplace& laplace, const Vec& x, LaplacePoint& out, Mat& hessian, int& evaluations) const {
  const bool exact = !beta_inside && nodes == 1;
  ++evaluations;
  if (!evaluate(laplace, x, exact ? Want::exact : Want::curvature, out)) return false;
  hessian = exact ? out.hessian : difference_hessian(laplace, x, out.hessian, evaluations);
  return true;
}

// Where a direction changes next to nothing, as a correlation that no group has data on, the rounding of the large entries
// decides the sign of its curvature: a direction of negative curvature is looked at once more, by itself.
Mat Parameters::difference_hessian(Laplace& laplace, const Vec& x, const Mat& model, int& evaluations) const {
  const int n = size();
  Mat H(n, n), V;
  Vec w;
  std::mutex one;
  std::exception_ptr failure;
  parallel_for(n, kRowWork * n * static_cast<double>(laplace.observations().n), [&](int j, int) {
    try {
      Laplace mine(laplace);  // every column from the same modes, whatever the threads
      int looked = 0;
      Vec unit(n, 0.0);
      unit[j] = 1.0;
      const double h = std::min(kShare * std::sqrt(2.0 / std::max(std::abs(model(j, j)), 1e-300)), kLongest);
      const Vec column = difference(mine, x, unit, h, looked);
      std::copy(column.begin(), column.end(), H.col(j));
      const std::scoped_lock lock(one);
      evaluations += looked;
      laplace.add_iterations(mine);
    } catch (...) {
      const std::scoped_lock lock(one);
      if (!failure) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
  symmetrise(H);
  eigen_symmetric(H, w, V);
  for (int e = 0; e < n && w[e] < 0.0; ++e) {
    const Vec d(V.col(e), V.col(e) + n), slope = difference(laplace, x, d, kShare, evaluations);
    const double change = std::inner_product(d.begin(), d.end(), slope.begin(), -w[e]);
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < n; ++i) H(i, j) += change * d[i] * d[j];
  }
  return H;
}

}  // namespace multilevel
