// A row with k linear predictors, seen as rows with one each (shape_models.cpp): the predictors, then the sums of two.
#pragma once

#include "linalg.hpp"

namespace multilevel {

constexpr int kMostPredictors = 3;

constexpr int views_of(int k) { return k * (k + 1) / 2; }
constexpr int thirds_of(int k) { return views_of(k) * (k + 2) / 3; }  // derivatives of third order

// f(view, p, q) for the sums of two predictors p < q
template <class F>
constexpr void each_sum(int k, F&& f) {
  for (int p = 0, v = k; p < k; ++p)
    for (int q = p + 1; q < k; ++q, ++v) f(v, p, q);
}

constexpr bool sees(int k, int view, int predictor) {
  bool seen = view == predictor;
  each_sum(k, [&](int v, int p, int q) { seen = seen || (v == view && (p == predictor || q == predictor)); });
  return seen;
}

// f(place, p, q, r) for p <= q <= r: where the derivatives of third order stand
template <class F>
constexpr void each_third(int k, F&& f) {
  for (int p = 0, at = 0; p < k; ++p)
    for (int q = p; q < k; ++q)
      for (int r = q; r < k; ++r, ++at) f(at, p, q, r);
}

// Derivatives of row i in its K predictors, the first and the second (p, q), into its views.
template <int K, class One>
void put_first(Vec& out, std::int64_t i, const One& one) {
  double* at = out.data() + i * views_of(K);
  for (int v = 0; v < views_of(K); ++v) at[v] = v < K ? one(v) : 0.0;
}

template <int K, class Two>
void put_second(Vec& out, std::int64_t i, const Two& two) {
  double* at = out.data() + i * views_of(K);
  for (int p = 0; p < K; ++p) at[p] = two(p, p);
  each_sum(K, [&](int v, int p, int q) {
    const double cross = two(p, q);
    at[v] = cross, at[p] -= cross, at[q] -= cross;
  });
}

}  // namespace multilevel
