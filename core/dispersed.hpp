// What random effects of the dispersion need besides densities.hpp: derivatives of a row's log-likelihood in d, the
// logarithm of its first shape, and in its mean and its other shape t, on their scales there.
//
//   f1 = df/dmu     D f = df/dlog x, so that D x = x and D^2 G(x) = x G' + x^2 G''
#pragma once

#include "truncated.hpp"
#include "tweedie.hpp"

namespace multilevel {

struct ByDispersion {
  double d = 0, dd = 0, ddd = 0, d1 = 0, dd1 = 0;  // of f; d1, dd1: of f1
  double dt = 0, ddt = 0, dt1 = 0;                 // and once in t
};

// D, D^2 and D^3 of G, given x and G', G'', G''' there
inline void add_logarithmic(double sign, double x, double g1, double g2, double g3, ByDispersion& o) {
  const double one = x * g1, two = x * x * g2;
  o.d += sign * one, o.dd += sign * (one + two), o.ddd += sign * (one + 3.0 * two + x * x * x * g3);
}

inline void times(double omega, ByDispersion& o) {
  for (double* v : {&o.d, &o.dd, &o.ddd, &o.d1, &o.dd1, &o.dt, &o.ddt, &o.dt1}) *v *= omega;
}

template <class Family>
struct Dispersed;  // of a family without shape: nothing

template <class Family>
struct NoDispersion {
  static void at(double, double, double, double, const double*, const ByMean&, ByDispersion&) {}
};
template <>
struct Dispersed<Poisson> : NoDispersion<Poisson> {};
template <>
struct Dispersed<TruncatedPoisson> : NoDispersion<TruncatedPoisson> {};

template <>
struct Dispersed<Gaussian> {
  static void at(double y, double omega, double mu, double, const double* shape, const ByMean& f, ByDispersion& o) {
    const double half = 0.5 * (y - mu) * (y - mu) * omega / shape[0];
    o.d = half - 0.5, o.dd = -half, o.ddd = half, o.d1 = -f.f1, o.dd1 = f.f1;
  }
};

template <>
struct Dispersed<InverseGaussian> {
  static void at(double y, double omega, double mu, double, const double* shape, const ByMean& f, ByDispersion& o) {
    const double e = (y - mu) / mu, half = 0.5 * e * e * omega / (shape[0] * y);
    o.d = half - 0.5, o.dd = -half, o.ddd = half, o.d1 = -f.f1, o.dd1 = f.f1;
  }
};

template <>
struct Dispersed<Gamma> {  // k = omega / phi falls as phi rises
  static void at(double y, double omega, double mu, double, const double* shape, const ByMean& f, ByDispersion& o) {
    const double k = omega / shape[0], z = y / mu;
    add_logarithmic(1.0, k, std::log(k * z) + 1.0 - digamma(k) - z, 1.0 / k - trigamma(k), -1.0 / (k * k) - tetragamma(k), o);
    o.d = -o.d, o.ddd = -o.ddd, o.d1 = -f.f1, o.dd1 = f.f1;
  }
};

template <>
struct Dispersed<NegativeBinomial2> {
  static void at(double y, double omega, double mu, double, const double* shape, const ByMean&, ByDispersion& o) {
    const double k = shape[0], t = 1.0 / (k + mu), e = mu - y;
    add_logarithmic(1.0, k, rise(y, k, 0) - std::log1p(mu / k) + e * t, rise(y, k, 1) + mu * t / k - e * t * t,
                    rise(y, k, 2) - mu * (2.0 * k + mu) * t * t / (k * k) + 2.0 * e * t * t * t, o);
    o.d1 = -k * e * t * t, o.dd1 = -k * e * (mu - k) * t * t * t;
    times(omega, o);
  }
};

template <>
struct Dispersed<NegativeBinomial1> {  // s = mu / phi; L = log(1 + phi) with derivatives u, u1, u2
  static void at(double y, double omega, double mu, double, const double* shape, const ByMean&, ByDispersion& o) {
    const double phi = shape[0], s = mu / phi, L = std::log1p(phi), u = phi / (1.0 + phi), u1 = u * (1.0 - u), u2 = u1 * (1.0 - 2.0 * u);
    const double g1 = rise(y, s, 0), s1 = s * rise(y, s, 1), s2 = s * s * rise(y, s, 2);
    o.d = -s * (g1 - L) + y - (y + s) * u;
    o.dd = s * (g1 - L + s1 + 2.0 * u) - (y + s) * u1;
    o.ddd = -s * (g1 - L + 3.0 * s1 + s2 + 3.0 * (u - u1)) - (y + s) * u2;
    o.d1 = (L - g1 - s1 - u) / phi, o.dd1 = (g1 - L + 3.0 * s1 + s2 + 2.0 * u - u1) / phi;
    times(omega, o);
  }
};

template <>
struct Dispersed<GeneralizedPoisson> {  // in log s = -d / 2, where t moves by w = s (mu - y) and w by itself
  static void at(double y, double omega, double mu, double, const double* shape, const ByMean&, ByDispersion& o) {
    const double s = 1.0 / std::sqrt(shape[0]), w = s * (mu - y), t = y + w, r = w / t, u = (y - 1.0) * s / t;
    const double one = (y - 1.0) * r * (1.0 - r);
    o.d = -0.5 * (1.0 + (y - 1.0) * r - w), o.dd = 0.25 * (one - w), o.ddd = -0.125 * (one * (1.0 - 2.0 * r) - w);
    o.d1 = -0.5 * (u * (1.0 - r) - s), o.dd1 = 0.25 * (u * (1.0 - r) * (1.0 - 2.0 * r) - s);
    times(omega, o);
  }
};

template <>
struct Dispersed<Beta> {
  static void at(double y, double omega, double mu, double nu, const double* shape, const ByMean&, ByDispersion& o) {
    const double phi = shape[0], a = mu * phi, b = nu * phi, a1 = a * trigamma(a), b1 = b * trigamma(b), a2 = a * a * tetragamma(a), b2 = b * b * tetragamma(b);
    const double ga = std::log(y) - digamma(a), gb = std::log1p(-y) - digamma(b);
    add_logarithmic(1.0, phi, digamma(phi), trigamma(phi), tetragamma(phi), o);
    o.d += a * ga + b * gb, o.dd += a * (ga - a1) + b * (gb - b1), o.ddd += a * (ga - 3.0 * a1 - a2) + b * (gb - 3.0 * b1 - b2);
    o.d1 = phi * (ga - gb - a1 + b1), o.dd1 = phi * (ga - gb - 3.0 * (a1 - b1) - (a2 - b2));
    times(omega, o);
  }
};

template <>
struct Dispersed<BetaBinomial> {
  static void at(double y, double omega, double mu, double nu, const double* shape, const ByMean&, ByDispersion& o) {
    const double phi = shape[0], a = mu * phi, b = nu * phi, s = omega * y, f = omega - s;
    const double a0 = rise(s, a, 0), a1 = rise(s, a, 1), a2 = rise(s, a, 2), b0 = rise(f, b, 0), b1 = rise(f, b, 1), b2 = rise(f, b, 2);
    add_logarithmic(1.0, a, a0, a1, a2, o);
    add_logarithmic(1.0, b, b0, b1, b2, o);
    add_logarithmic(-1.0, phi, rise(omega, phi, 0), rise(omega, phi, 1), rise(omega, phi, 2), o);
    o.d1 = phi * (a0 - b0 + a * a1 - b * b1), o.dd1 = phi * (a0 - b0 + 3.0 * (a * a1 - b * b1) + a * a * a2 - b * b * b2);
  }
};

template <>
struct Dispersed<StudentT> {  // g as in densities.hpp, h = its derivative in log nu
  static void at(double y, double omega, double mu, double, const double* shape, const ByMean&, ByDispersion& o) {
    const double sigma = shape[0], nu = shape[1], z = (y - mu) / sigma, z2 = z * z, q = nu + z2;
    const double g = (nu + 1.0) * z / q, g1 = (nu + 1.0) * (nu - z2) / (q * q), g2 = -2.0 * z * (nu + 1.0) * (3.0 * nu - z2) / (q * q * q);
    const double h = nu * z * (z2 - 1.0) / (q * q), h1 = nu * ((3.0 * z2 - 1.0) * q - 4.0 * z2 * (z2 - 1.0)) / (q * q * q);
    const double once = g + z * g1, twice = g + 3.0 * z * g1 + z2 * g2;
    o.d = z * g - 1.0, o.dd = -z * once, o.ddd = z * twice, o.d1 = -once / sigma, o.dd1 = twice / sigma;
    o.dt = z * h, o.ddt = -z * (h + z * h1), o.dt1 = -(h + z * h1) / sigma;
    times(omega, o);
  }
};

// log W has the cumulants of j among its terms as derivatives: d log term = -(1 + a) j, and in a j (slope - digamma(a j)).
template <>
struct Dispersed<Tweedie> {
  static void at(double y, double omega, double mu, double, const double* shape, const ByMean& f, ByDispersion& o) {
    const double v = shape[0] / omega, a = 1.0 / shape[1], p = (2.0 + a) / (1.0 + a), r = 2.0 - p, s = 1.0 - p, b = 1.0 + a;
    const double L = std::log(mu), power = std::exp(-p * L), one = y * mu * power / (s * v), two = mu * mu * power / (r * v);
    const double exponent = one - two, dp = -s * r, in_t = dp * (one * (1.0 / s - L) - two * (1.0 / r - L));
    o.d = -exponent, o.dd = exponent, o.ddd = -exponent, o.d1 = -f.f1, o.dd1 = f.f1;
    o.dt = -in_t, o.ddt = in_t, o.dt1 = dp * L * f.f1;
    if (!(y > 0.0)) return;
    const double slope = std::log(y) + std::log1p(a) + 1.0 - std::log(v) - 1.0 / a;
    const Cumulants c = tweedie_cumulants(a * std::log(y) + b * (std::log1p(a) - std::log(v)) - std::log(a), a, slope, std::exp(r * std::log(y)) / (r * v));
    o.d -= b * c.j, o.dd += b * b * c.jj, o.ddd -= b * b * b * c.jjj;
    o.dt += a * (c.j + b * c.js), o.ddt -= a * b * (2.0 * c.jj + b * c.jjs);
  }
};

// Derivatives in d of log P(0), beside those of LogZero
struct LogZeroDispersed {
  double dd, ddd, dd1;
};
inline LogZeroDispersed dispersed(NegativeBinomial2Zero, double mu, const double* shape) {
  const double k = shape[0], e = mu / (k + mu), w = 1.0 - e, L = std::log1p(mu / k);
  return {-k * (L - 2.0 * e + w * e), -k * (L - 3.0 * e + 3.0 * w * e + w * e * (e - w)), -w * e * (e - w)};
}
inline LogZeroDispersed dispersed(NegativeBinomial1Zero, double mu, const double* shape) {
  const double phi = shape[0], u = 1.0 / (1.0 + phi), c = std::log1p(phi) / phi, u1 = -u * (1.0 - u), u2 = -u1 * (1.0 - 2.0 * u);
  const double c2 = u1 - (u - c), c3 = u2 - c2;
  return {-mu * c2, -mu * c3, -c2};
}

inline LogZeroDispersed dispersed(GeneralizedPoissonZero, double mu, const double* shape) {
  const double s = 1.0 / std::sqrt(shape[0]);
  return {-0.25 * s * mu, 0.125 * s * mu, -0.25 * s};
}

template <class Whole, class Zero>
struct Dispersed<Truncated<Whole, Zero>> {
  static void at(double y, double omega, double mu, double nu, const double* shape, const ByMean& f, ByDispersion& o) {
    Dispersed<Whole>::at(y, omega, mu, nu, shape, f, o);
    const LogZero z = Zero::at(mu, shape);
    const LogZeroDispersed s = dispersed(Zero{}, mu, shape);
    const double q = 1.0 / std::expm1(-z.a), q1 = q * (1.0 + q), q2 = q1 * (1.0 + 2.0 * q);
    o.d += omega * q * z.as;
    o.dd += omega * (q1 * z.as * z.as + q * s.dd);
    o.ddd += omega * (q2 * z.as * z.as * z.as + 3.0 * q1 * z.as * s.dd + q * s.ddd);
    o.d1 += omega * (q1 * z.as * z.a1 + q * z.as1);
    o.dd1 += omega * (q2 * z.as * z.as * z.a1 + q1 * (s.dd * z.a1 + 2.0 * z.as * z.as1) + q * s.dd1);
  }
};

}  // namespace multilevel
