// What is computed of one level, k x k, with k known when compiling for small ones.
#pragma once

#include <cmath>
#include <type_traits>

namespace multilevel {

// log of a long product without a log per factor
struct LogProduct {
  double value = 1.0, sum = 0.0;
  void times(double x) {
    value *= x;
    if (value > 1e200 || value < 1e-200) flush();
  }
  void flush() { sum += std::log(value), value = 1.0; }
  double log() { flush(); return sum; }
};

// Row-major k x k helpers for one level. X = Lambda L^-T, so that M = X X'.
template <int K>
struct Small {
  static bool pivot(int k, const double* G, const double* lam, double* X, double* M, LogProduct& det) {
    if constexpr (K == 1) {
      const double d = 1.0 + lam[0] * lam[0] * G[0];
      det.times(d);
      X[0] = lam[0] / std::sqrt(d);
      M[0] = X[0] * X[0];
      return d > 0.0;
    } else {
      const int n = K ? K : k;
      double* GL = X;  // reused below
      for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j) {
          double s = 0.0;
          for (int a = 0; a < n; ++a) s += G[i * n + a] * lam[a * n + j];
          GL[i * n + j] = s;
        }
      double* L = M;
      for (int i = 0; i < n; ++i)
        for (int j = 0; j <= i; ++j) {
          double s = i == j ? 1.0 : 0.0;
          for (int a = 0; a < n; ++a) s += lam[a * n + i] * GL[a * n + j];
          L[i * n + j] = s;
        }
      for (int j = 0; j < n; ++j) {
        double d = L[j * n + j];
        for (int a = 0; a < j; ++a) d -= L[j * n + a] * L[j * n + a];
        if (!(d > 0.0)) return false;
        det.times(d);
        const double r = std::sqrt(d);
        L[j * n + j] = r;
        for (int i = j + 1; i < n; ++i) {
          double s = L[i * n + j];
          for (int a = 0; a < j; ++a) s -= L[i * n + a] * L[j * n + a];
          L[i * n + j] = s / r;
        }
      }
      for (int i = 0; i < n; ++i)  // X L' = Lambda
        for (int j = 0; j < n; ++j) {
          double s = lam[i * n + j];
          for (int a = 0; a < j; ++a) s -= X[i * n + a] * L[j * n + a];
          X[i * n + j] = s / L[j * n + j];
        }
      for (int i = 0; i < n; ++i)
        for (int j = 0; j <= i; ++j) {
          // L is no longer needed once X is complete
          double s = 0.0;
          for (int a = 0; a < n; ++a) s += X[i * n + a] * X[j * n + a];
          M[i * n + j] = s;
        }
      for (int i = 0; i < n; ++i)
        for (int j = i + 1; j < n; ++j) M[i * n + j] = M[j * n + i];
      return true;
    }
  }
  // N = I - G M
  static void shrink(int k, const double* G, const double* M, double* N) {
    const int n = K ? K : k;
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) {
        double s = i == j ? 1.0 : 0.0;
        for (int a = 0; a < n; ++a) s -= G[i * n + a] * M[a * n + j];
        N[i * n + j] = s;
      }
  }
};

// Calls f with k as a constant where levels are small, which unrolls the loops over their effects; with 0 elsewhere.
template <class F>
void by_size(int k, F&& f) {
  switch (k) {
    case 1: return f(std::integral_constant<int, 1>{});
    case 2: return f(std::integral_constant<int, 2>{});
    case 3: return f(std::integral_constant<int, 3>{});
    case 4: return f(std::integral_constant<int, 4>{});
    default: return f(std::integral_constant<int, 0>{});
  }
}

}  // namespace multilevel
