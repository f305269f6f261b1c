// Rows whose two linear predictors are eta and the log-dispersion d, zeros inflated or not.
//
// With f the family's own log-likelihood, q, q1, q2 as in mixture.hpp, and t a further shape of the family, g the logit of the
// inflation (which counts as one),
//   l_d = q f_d   l_dd = q f_dd + q1 f_d^2   l_ddd = q f_ddd + 3 q1 f_d f_dd + q2 f_d^3   l_ed = q f_ed + q1 f1 f_d
//   l_eed = q f_eed + q1 (f2 f_d + 2 f1 f_ed) + q2 f1^2 f_d   l_edd = q f_edd + q1 (f1 f_dd + 2 f_d f_ed) + q2 f1 f_d^2
//   l_dt = q f_dt + q1 f_d f_t   l_ddt = q f_ddt + q1 (f_dd f_t + 2 f_dt f_d) + q2 f_d^2 f_t
//   l_edt = q f_edt + q1 (f_ed f_t + f_et f_d + f_dt f1) + q2 f1 f_d f_t
//   l_dg = -q1 f_d   l_ddg = -q1 f_dd - q2 f_d^2   l_edg = -q1 f_ed - q2 f1 f_d   l_dgg = q2 f_d
#include <cmath>

#include "mixture.hpp"
#include "views.hpp"

namespace multilevel {

// The places of d in l_dt, l_ddt and l_edt among `dispersed`, for the j-th shape; 0 is d itself.
constexpr std::size_t further(std::size_t j) { return 5 + 3 * (j - 1); }

// The family's own derivatives become those of the mixture; those of its logit come after the others.
void Likelihood::inflate(std::int64_t n, const double* y, const double* omega, Detail detail, RowDerivatives& own) const {
  const bool multiplies = weights_multiply(), slopes = detail != Detail::value, full = detail == Detail::full;
  const std::size_t s = own_shapes();
  std::vector<Vec>& in = own.dispersed;
  if (full) {
    for (std::vector<Vec>* v : {&own.l_shape_row, &own.r_shape, &own.w_shape}) v->emplace_back(n);
    in.resize(further(s + 1), Vec(n));
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const double k = multiplies ? omega[i] : 1.0;
    const Mixture::Row row = y[i] != 0.0 ? Mixture::Row::positive : has_zeros() ? Mixture::Row::zero : Mixture::Row::apart;
    const double z = row == Mixture::Row::apart ? 0.0 : 1.0 / k;  // a zero that stands apart says nothing of the family
    const Mixture m(row, inflation_[i], own.l[i] / k, slopes ? z * own.r[i] : 0.0, slopes ? -z * own.observed[i] : 0.0, full ? -z * own.dw[i] : 0.0);
    own.l[i] = k * m.l;
    if (!slopes) continue;
    const double q = m.q, q1 = m.q1, q2 = m.q2, f1 = m.f1, f2 = m.f2, d = z * in[0][i], dd = z * in[1][i], ddd = z * in[2][i], ed = z * in[3][i], edd = z * in[4][i];
    const bool scoring = detail == Detail::scoring;  // of the complete data
    own.r[i] = k * m.e, own.observed[i] = -k * (scoring ? q * f2 : m.ee);
    in[0][i] = k * q * d, in[1][i] = k * (scoring ? q * dd : q * dd + q1 * d * d), in[3][i] = k * (q * ed + q1 * f1 * d);
    if (!full) continue;
    own.dw[i] = -k * m.eee;
    in[2][i] = k * (q * ddd + 3.0 * q1 * d * dd + q2 * d * d * d), in[4][i] = k * (q * edd + q1 * (f1 * dd + 2.0 * d * ed) + q2 * f1 * d * d);
    own.l_shape_row[0][i] = in[0][i];
    own.w_shape[0][i] = -k * m.in_shape(d, ed, -z * own.w_shape[0][i]).ees;
    for (std::size_t j = 1; j < s; ++j) {
      Vec *cross = &in[further(j)];
      const double t = z * own.l_shape_row[j][i], et = z * own.r_shape[j][i], dt = z * cross[0][i], ddt = z * cross[1][i], edt = z * cross[2][i];
      const Mixture::Shape shape = m.in_shape(t, et, -z * own.w_shape[j][i]);
      own.l_shape_row[j][i] = k * shape.s, own.r_shape[j][i] = k * shape.es, own.w_shape[j][i] = -k * shape.ees;
      cross[0][i] = k * (q * dt + q1 * d * t), cross[1][i] = k * (q * ddt + q1 * (dd * t + 2.0 * dt * d) + q2 * d * d * t);
      cross[2][i] = k * (q * edt + q1 * (ed * t + et * d + dt * f1) + q2 * f1 * d * t);
    }
    Vec *cross = &in[further(s)];
    own.l_shape_row[s][i] = k * m.g, own.r_shape[s][i] = k * m.eg, own.w_shape[s][i] = -k * m.eeg;
    cross[0][i] = -k * q1 * d, cross[1][i] = -k * (q1 * dd + q2 * d * d), cross[2][i] = -k * (q1 * ed + q2 * f1 * d);
  }
}

// Into the views. For a step that has to go down, -l_dd may be negative; |l_dd| + |l_d| is not.
void Likelihood::disperse(std::int64_t n, Detail detail, RowDerivatives& own, RowDerivatives& out) const {
  const std::size_t all = n * kViews, s = own_shapes() + (inflated_ ? 1 : 0);
  out.l.swap(own.l);
  if (detail == Detail::value) return;
  const bool full = detail == Detail::full;
  const std::vector<Vec>& in = own.dispersed;
  out.r.resize(all), out.observed.resize(all);
  if (full) {
    out.w.resize(all), out.third.resize(4 * n);
    out.l_shape_row.swap(own.l_shape_row);
    out.r_shape.resize(s), out.w_shape.resize(s);
    for (std::size_t j = 0; j < s; ++j) out.r_shape[j].resize(all), out.w_shape[j].resize(all);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const double d = in[0][i], dd = in[1][i], ddd = in[2][i], ed = in[3][i], edd = in[4][i];
    put(true, out.r, i, own.r[i], d);
    if (detail == Detail::scoring) put(true, out.observed, i, own.observed[i], 0.0, std::abs(dd) + std::abs(d));
    else put(true, out.observed, i, own.observed[i], -ed, -dd);
    if (!full) continue;
    put(true, out.w, i, own.observed[i], -ed, -dd);
    out.third[4 * i] = own.dw[i], out.third[4 * i + 1] = own.w_shape[0][i], out.third[4 * i + 2] = -edd, out.third[4 * i + 3] = -ddd;
    put(true, out.r_shape[0], i, ed, dd);
    put(true, out.w_shape[0], i, own.w_shape[0][i], -edd, -ddd);
    for (std::size_t j = 1; j < s; ++j) {
      const Vec* cross = &in[further(j)];
      put(true, out.r_shape[j], i, own.r_shape[j][i], cross[0][i]);
      put(true, out.w_shape[j], i, own.w_shape[j][i], -cross[2][i], -cross[1][i]);
    }
  }
}

}  // namespace multilevel
