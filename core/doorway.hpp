// Python arrays in, Python arrays out: what the doorways of the two kinds of models share. Nothing is computed here.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "covariances.hpp"
#include "observations.hpp"

namespace doorway {

namespace nb = nanobind;
using namespace nb::literals;
using multilevel::Column;
using multilevel::Mat;
using multilevel::Vec;

void bind_covariances(nb::module_& m);
void bind_linear(nb::module_& m);
void bind_generalized(nb::module_& m);

using InColumn = nb::ndarray<const double, nb::ndim<1>, nb::device::cpu>;
using InCodes = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using InVector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using InMatrix = nb::ndarray<const double, nb::ndim<2>, nb::device::cpu>;
using InRows = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutArray = nb::ndarray<nb::numpy, double>;

template <class T>
nb::ndarray<nb::numpy, T> to_numpy(std::vector<T> values, std::vector<std::size_t> shape) {
  auto* owner = new std::vector<T>(std::move(values));
  nb::capsule free(owner, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::ndarray<nb::numpy, T>(owner->data(), shape.size(), shape.data(), free);
}

inline OutArray array(const Vec& v) { return to_numpy(Vec(v), {v.size()}); }
inline OutArray array(Vec v, std::size_t rows, std::size_t cols) { return to_numpy(std::move(v), {rows, cols}); }
inline OutArray array(const Mat& m) {  // row-major copy
  const Mat t = multilevel::transpose(m);
  return array(Vec(t.a.begin(), t.a.end()), static_cast<std::size_t>(m.rows), static_cast<std::size_t>(m.cols));
}

inline Column view(const InColumn& a) { return {a.data(), a.shape(0) > 1 ? static_cast<std::ptrdiff_t>(a.stride(0)) : 0}; }

using Factors = std::vector<std::pair<InCodes, int>>;
using Coordinates = std::vector<double>;
using Covariance = std::variant<int, Coordinates>;  // a Structure, or of ou the coordinates of the effects
using Terms = std::vector<std::tuple<int, std::vector<InColumn>, Covariance>>;

inline multilevel::Term term_of(int factor, std::size_t k, const Covariance& covariance) {
  multilevel::Term t{factor, {}, multilevel::Structure::ou};
  if (const int* structure = std::get_if<int>(&covariance)) t.structure = static_cast<multilevel::Structure>(*structure);
  else t.coordinates = std::get<Coordinates>(covariance);
  const bool known = t.structure >= multilevel::Structure::us && t.structure <= multilevel::Structure::ou;
  if (!known || (t.structure == multilevel::Structure::ou && t.coordinates.size() != k)) throw nb::value_error("terms: no such covariance");
  if (k < 2 && multilevel::is_structured(t.structure) && t.structure != multilevel::Structure::homdiag)
    throw nb::value_error("terms: correlations need two columns or more");
  return t;
}

// The arrays of a model, held as long as the core looks at them.
class Arrays {
 public:
  Arrays(InColumn y, std::vector<InColumn> X, std::optional<InVector> weights, Factors factors, Terms terms)
      : y_(std::move(y)), X_(std::move(X)), weights_(std::move(weights)), factors_(std::move(factors)), terms_(std::move(terms)) {}

  std::int64_t n() const { return static_cast<std::int64_t>(y_.shape(0)); }
  multilevel::Rows rows() const {
    multilevel::Rows rows;
    rows.n = n();
    rows.y = view(y_);
    for (const InColumn& x : X_) rows.X.push_back(view(check(x, rows.n)));
    if (weights_) {
      if (static_cast<std::int64_t>(weights_->shape(0)) != rows.n) throw nb::value_error("weights: one per row expected");
      rows.w = weights_->data();
    }
    std::vector<bool> used(factors_.size(), false);
    for (const auto& [f, Z, s] : terms_) {
      if (f < 0 || f >= static_cast<int>(factors_.size())) throw nb::value_error("terms: no such factor");
      multilevel::Term t = term_of(f, Z.size(), s);
      for (const InColumn& z : Z) t.Z.push_back(view(check(z, rows.n)));
      if (t.Z.empty()) throw nb::value_error("terms: a term without columns");
      used.at(f) = true;
      rows.terms.push_back(std::move(t));
    }
    if (std::find(used.begin(), used.end(), false) != used.end()) throw nb::value_error("factors: one that no term uses");
    return rows;
  }
  std::vector<std::pair<const std::int32_t*, int>> factors() const {
    std::vector<std::pair<const std::int32_t*, int>> fs;
    for (const auto& [codes, levels] : factors_) {
      if (static_cast<std::int64_t>(codes.shape(0)) != n()) throw nb::value_error("codes: one per row expected");
      for (std::int64_t r = 0; r < n(); ++r)
        if (codes.data()[r] < 0 || codes.data()[r] >= levels) throw nb::value_error("codes: a value outside 0 .. n_levels - 1");
      fs.emplace_back(codes.data(), levels);
    }
    return fs;
  }
  // Combinations z'b for levels (n) of each factor and columns (n) of each term, seen and checked
  struct Combined {
    std::vector<const std::int32_t*> codes;
    std::vector<std::vector<Column>> columns;
    std::int64_t n = 0;
  };
  Combined combined(const std::vector<InCodes>& levels, const std::vector<std::vector<InColumn>>& Z) const {
    if (levels.size() != factors_.size() || Z.size() != terms_.size()) throw nb::value_error("levels, Z: one per factor, one per term");
    Combined out;
    out.n = levels.empty() ? 0 : static_cast<std::int64_t>(levels[0].shape(0));
    for (std::size_t f = 0; f < levels.size(); ++f) {
      if (static_cast<std::int64_t>(levels[f].shape(0)) != out.n) throw nb::value_error("levels of different length");
      for (std::int64_t i = 0; i < out.n; ++i)
        if (levels[f].data()[i] >= factors_[f].second) throw nb::value_error("levels: a value beyond n_levels - 1");
      out.codes.push_back(levels[f].data());
    }
    for (std::size_t j = 0; j < Z.size(); ++j) {
      if (Z[j].size() != std::get<1>(terms_[j]).size()) throw nb::value_error("Z: as many columns as the term has");
      out.columns.emplace_back();
      for (const InColumn& z : Z[j]) out.columns.back().push_back(view(check(z, out.n)));
    }
    return out;
  }
  static const InColumn& check(const InColumn& a, std::int64_t n) {
    if (static_cast<std::int64_t>(a.shape(0)) != n) throw nb::value_error("columns of different length");
    return a;
  }

 private:
  InColumn y_;
  std::vector<InColumn> X_;
  std::optional<InVector> weights_;
  Factors factors_;
  Terms terms_;
};

}  // namespace doorway
