// The doorway to covariance matrices: theta of one term and what it stands for.
#include "doorway.hpp"

namespace doorway {
namespace {

multilevel::Structured structured(const InVector& theta, int k, const Covariance& covariance) {
  multilevel::Term t = term_of(0, k, covariance);
  t.Z.resize(k);
  if (!multilevel::is_structured(t.structure)) throw nb::value_error("covariance: a structured one expected");
  multilevel::Structured s(t);
  if (static_cast<int>(theta.shape(0)) != s.size()) throw nb::value_error("theta: wrong length");
  return s;
}

void append(Vec& out, const Mat& symmetric) { out.insert(out.end(), symmetric.a.begin(), symmetric.a.end()); }

}  // namespace

void bind_covariances(nb::module_& m) {
  m.def("theta_size", [](int k, const Covariance& covariance) {
    multilevel::Term t = term_of(0, k, covariance);
    t.Z.resize(k);
    return multilevel::theta_size(t);
  }, "k"_a, "covariance"_a);
  m.def("factor", [](InVector theta, int k, const Covariance& covariance) {
    multilevel::Term t = term_of(0, k, covariance);
    t.Z.resize(k);
    if (static_cast<int>(theta.shape(0)) != multilevel::theta_size(t)) throw nb::value_error("theta: wrong length");
    return array(multilevel::factor_of(t, Vec(theta.data(), theta.data() + theta.shape(0))));
  }, "theta"_a, "k"_a, "covariance"_a);
  m.def("psi_slopes", [](InVector theta, int k, const Covariance& covariance) {
    const multilevel::Structured s = structured(theta, k, covariance);
    Vec out;
    for (int a = 0; a < s.size(); ++a) append(out, s.slope(theta.data(), a));
    const auto K = static_cast<std::size_t>(k);
    return to_numpy(std::move(out), {static_cast<std::size_t>(s.size()), K, K});
  }, "theta"_a, "k"_a, "covariance"_a);
  m.def("psi_curve", [](InVector theta, int k, const Covariance& covariance, InRows weights) {
    const multilevel::Structured s = structured(theta, k, covariance);
    const auto m = static_cast<std::size_t>(s.size());
    if (weights.shape(0) != m || weights.shape(1) != m) throw nb::value_error("weights: a row and a column per entry of theta expected");
    Mat sum(k, k);
    for (std::size_t a = 0; a < m; ++a)
      for (std::size_t b = 0; b < m; ++b) {
        const Mat curve = s.curve(theta.data(), static_cast<int>(a), static_cast<int>(b));
        for (std::size_t i = 0; i < sum.a.size(); ++i) sum.a[i] += weights(a, b) * curve.a[i];
      }
    return array(sum);
  }, "theta"_a, "k"_a, "covariance"_a, "weights"_a);
}

}  // namespace doorway
