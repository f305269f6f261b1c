#include "parameters.hpp"

#include <algorithm>
#include <cmath>

#include "refused.hpp"

namespace multilevel {

namespace {

constexpr double kShare = 1e-3;    // of a standard error
constexpr double kLongest = 1e-2;
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
  if (want != Want::curvature) {
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

Mat Parameters::difference_hessian(Laplace& laplace, const Vec& x, const Mat& model, int& evaluations) const {
  const int n = size();
  Mat H(n, n);
  LaplacePoint up, down;
  for (int j = 0; j < n; ++j) {
    double h = std::min(kShare * std::sqrt(2.0 / std::max(std::abs(model(j, j)), 1e-300)), kLongest);
    bool inside = false;
    for (int attempt = 0; !inside && attempt < kShorter; ++attempt) {
      if (attempt) h *= 0.1;
      Vec a = x, b = x;
      a[j] += h;
      b[j] -= h;
      evaluations += 2;
      inside = evaluate(laplace, a, Want::gradient, up) && evaluate(laplace, b, Want::gradient, down);
    }
    if (!inside) throw Refused("the likelihood cannot be evaluated around its maximum; the estimates lie at the edge of what the family allows");
    for (int i = 0; i < n; ++i) H(i, j) = (up.gradient[i] - down.gradient[i]) / (2.0 * h);
  }
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < j; ++i) H(i, j) = H(j, i) = 0.5 * (H(i, j) + H(j, i));
  return H;
}

}  // namespace multilevel
