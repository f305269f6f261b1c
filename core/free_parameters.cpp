#include "free_parameters.hpp"

#include <algorithm>
#include <cmath>

namespace multilevel {

void FreeParameters::free_structured(int t, int but) {
  for (int a = 0; a < cov_.terms()[t].size; ++a)
    if (a != but) own_.push_back({t, a});
}

void FreeParameters::hold(int t, int entry, double value, bool eta) {
  chart.focal = t;
  chart.has_eta = eta;
  entry_ = entry;
  value_ = value;
}

Vec FreeParameters::start(double log_sigma) const {
  Vec x = chart.start;
  for (const Own& o : own_) x.push_back(search_[cov_.terms()[o.term].at + o.entry]);
  if (chart.has_eta) x.push_back(log_sigma);
  return x;
}

FreeParameters::At FreeParameters::at(const Vec& x) const {
  At out;
  place_structured(x, out);
  out.L = cov_.lambda_of(out.theta);
  for (std::size_t t = 0; t < out.L.size(); ++t)
    if (!is_structured(cov_.terms()[t].structure)) std::fill(out.L[t].a.begin(), out.L[t].a.end(), 0.0);
  for (std::size_t m = 0; m < chart.E.size(); ++m) {
    Mat& L = out.L[chart.term[m]];
    for (std::size_t i = 0; i < L.a.size(); ++i) L.a[i] += x[m] * chart.E[m].a[i];
  }
  if (entry_ < 0 && chart.fixed.rows) out.L[chart.focal] = sum(out.L[chart.focal], scaled(chart.fixed, shrink(x)));
  out.E = chart.E;
  out.term = chart.term;
  for (std::size_t m = 0; m < out.E.size(); ++m) out.slope.push_back(symmetric_product(out.E[m], out.L[out.term[m]]));
  for (const Own& o : own_) add_structured(out, o);
  if (!chart.has_eta) return out;
  if (entry_ >= 0) {
    add_structured(out, {chart.focal, entry_});
  } else {
    out.E.push_back(scaled(chart.fixed, -shrink(x)));
    out.term.push_back(chart.focal);
    out.slope.push_back(symmetric_product(out.E.back(), out.L[chart.focal]));
  }
  return out;
}

std::vector<Direction> FreeParameters::directions(const At& at) const {
  std::vector<Direction> out;
  for (std::size_t m = 0; m < at.term.size(); ++m) out.push_back(cov_.direction(at.term[m], at.slope[m]));
  return out;
}

void FreeParameters::add_curvature(const At& at, Mat& H, const std::vector<Mat>& D) const {
  for (std::size_t m = 0; m < at.term.size(); ++m)
    for (std::size_t l = 0; l < at.term.size(); ++l) H(static_cast<int>(m), static_cast<int>(l)) += curve(at, m, l, D);
}

double FreeParameters::curve(const At& at, std::size_t m, std::size_t l, const std::vector<Mat>& D) const {
  if (at.term[m] != at.term[l]) return 0.0;
  const int t = at.term[m];
  const Covariances::TermShape& shape = cov_.terms()[t];
  if (!is_structured(shape.structure)) {
    const double both = inner(D[t], symmetric_product(entry_of(at, m), entry_of(at, l)));
    const bool eta = chart.has_eta && m == l && m + 1 == at.term.size();
    return both - (eta ? inner(D[t], at.slope[m]) : 0.0);
  }
  const int a = own_of(m).entry, b = own_of(l).entry;
  const double* theta = at.theta.data() + shape.at;
  const double both = at.rate[shape.at + a] * at.rate[shape.at + b] * inner(D[t], shape.form.curve(theta, a, b));
  return both + (m == l ? at.bend[shape.at + a] * inner(D[t], shape.form.slope(theta, a)) : 0.0);
}

Vec FreeParameters::theta_of(At at) const {
  for (std::size_t t = 0; t < at.L.size(); ++t)
    if (cov_.terms()[t].structure == Structure::us) at.L[t] = lower_factor(at.L[t]);
  Vec theta = cov_.start_of(at.L);
  for (const Covariances::TermShape& t : cov_.terms())
    if (is_structured(t.structure)) std::copy_n(at.theta.begin() + t.at, t.size, theta.begin() + t.at);
  return theta;
}

double FreeParameters::pull(const Vec& x, const std::vector<Mat>& D) const {
  const At here = at(x);
  const Covariances::TermShape& t = cov_.terms()[chart.focal];
  return shrink(x) * inner(D[chart.focal], t.form.slope(here.theta.data() + t.at, entry_));
}

FreeParameters::Own FreeParameters::own_of(std::size_t m) const {
  const std::size_t place = m - chart.E.size();
  return place < own_.size() ? own_[place] : Own{chart.focal, entry_};
}

void FreeParameters::place_structured(const Vec& x, At& out) const {
  Vec moved = search_;
  for (std::size_t n = 0; n < own_.size(); ++n) moved[cov_.terms()[own_[n].term].at + own_[n].entry] = x[chart.E.size() + n];
  out.theta = cov_.to_natural(moved);
  out.rate = cov_.rates(moved);
  out.bend.assign(moved.size(), 0.0);
  for (const Own& o : own_) {
    const Covariances::TermShape& t = cov_.terms()[o.term];
    out.bend[t.at + o.entry] = t.form.bend(moved.data() + t.at, o.entry);
  }
  if (entry_ < 0) return;
  const int held = cov_.terms()[chart.focal].at + entry_;
  out.theta[held] = value_ * shrink(x);
  out.rate[held] = -out.theta[held];  // by eta
  out.bend[held] = out.theta[held];
}

void FreeParameters::add_structured(At& out, Own o) const {
  const Covariances::TermShape& t = cov_.terms()[o.term];
  out.term.push_back(o.term);
  out.slope.push_back(scaled(t.form.slope(out.theta.data() + t.at, o.entry), out.rate[t.at + o.entry]));
}

}  // namespace multilevel
