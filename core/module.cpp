// The doorway: Python arrays in, Python arrays out. Nothing is computed here.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include "criterion.hpp"
#include "generalized.hpp"
#include "interrupt.hpp"
#include "parallel.hpp"
#include "refused.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using multilevel::Column;
using multilevel::Held;
using multilevel::HeldMinimum;
using multilevel::Mat;
using multilevel::Solution;
using multilevel::Vec;

namespace {

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

OutArray array(const Vec& v) { return to_numpy(Vec(v), {v.size()}); }
OutArray array(Vec v, std::size_t rows, std::size_t cols) { return to_numpy(std::move(v), {rows, cols}); }
OutArray array(const Mat& m) {  // row-major copy
  const Mat t = multilevel::transpose(m);
  return array(Vec(t.a.begin(), t.a.end()), static_cast<std::size_t>(m.rows), static_cast<std::size_t>(m.cols));
}

// SciPy publishes its BLAS as capsules.
void bind_blas() {
  const nb::gil_scoped_acquire hold;
  if (multilevel::blas.dgemm) return;
  const nb::dict table = nb::module_::import_("scipy.linalg.cython_blas").attr("__pyx_capi__");
  const nb::object capsule = table["dgemm"];
  auto& b = multilevel::blas;
  b.dgemm = reinterpret_cast<decltype(b.dgemm)>(PyCapsule_GetPointer(capsule.ptr(), PyCapsule_GetName(capsule.ptr())));
}

// KeyboardInterrupt, when the user has asked for it; on any thread but the main one Python says no.
void raise_signals() {
  const nb::gil_scoped_acquire hold;
  if (PyErr_CheckSignals()) throw nb::python_error();
}

Column view(const InColumn& a) { return {a.data(), a.shape(0) > 1 ? static_cast<std::ptrdiff_t>(a.stride(0)) : 0}; }

using Factors = std::vector<std::pair<InCodes, int>>;
using Terms = std::vector<std::tuple<int, std::vector<InColumn>, int>>;

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
      multilevel::Term t{f, {}, s ? multilevel::Structure::diag : multilevel::Structure::us};
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
  std::size_t n_factors() const { return factors_.size(); }
  int levels(std::size_t factor) const { return factors_[factor].second; }
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

class Model {
 public:
  Model(InColumn y, std::vector<InColumn> X, std::optional<InVector> weights, Factors factors, Terms terms)
      : arrays_(std::move(y), std::move(X), std::move(weights), std::move(factors), std::move(terms)) {
    const auto fs = arrays_.factors();
    multilevel::Rows rows = arrays_.rows();
    nb::gil_scoped_release release;
    model_ = std::make_unique<multilevel::LinearMixed>(std::move(rows), fs);
  }

  Solution fit(bool reml, std::optional<InVector> start) {
    const std::optional<Vec> s = theta(start);
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    return model_->fit(reml, s ? &*s : nullptr);
  }
  Solution solve(InVector at, bool reml) {
    const Vec t = *theta(at);
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    return model_->solve(t, reml);
  }
  double criterion(InVector at, bool reml) {
    const Vec t = *theta(at);
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    return model_->criterion(t, reml);
  }
  nb::list posterior(InVector at) {
    const Vec t = *theta(at);
    if (t.empty()) return {};
    std::vector<multilevel::Posterior> post;
    {
      nb::gil_scoped_release release;
      const std::scoped_lock lock(mutex_);
      post = model_->posterior(t);
    }
    nb::list out;
    const std::size_t p = static_cast<std::size_t>(model_->rows().p);
    for (std::size_t i = 0; i < post.size(); ++i) {
      const auto k = static_cast<std::size_t>(model_->rows().terms[i].k());
      const std::size_t levels = post[i].P.size() / (k * k);
      out.append(nb::make_tuple(to_numpy(std::move(post[i].P), {levels, k, k}), to_numpy(std::move(post[i].F), {levels, k, p})));
    }
    return out;
  }
  OutArray variances(InVector at, std::vector<InCodes> levels, std::vector<std::vector<InColumn>> Z) {
    const Vec t = *theta(at);
    const auto& rows = model_->rows();
    if (levels.size() != arrays_.n_factors() || Z.size() != rows.terms.size()) throw nb::value_error("levels, Z: one per factor, one per term");
    const std::size_t n = levels.empty() ? 0 : levels[0].shape(0);
    std::vector<const std::int32_t*> codes;
    for (std::size_t f = 0; f < levels.size(); ++f) {
      if (levels[f].shape(0) != n) throw nb::value_error("levels of different length");
      for (std::size_t i = 0; i < n; ++i)
        if (levels[f].data()[i] >= arrays_.levels(f)) throw nb::value_error("levels: a value beyond n_levels - 1");
      codes.push_back(levels[f].data());
    }
    std::vector<std::vector<Column>> columns;
    for (std::size_t j = 0; j < Z.size(); ++j) {
      if (static_cast<int>(Z[j].size()) != rows.terms[j].k()) throw nb::value_error("Z: as many columns as the term has");
      columns.emplace_back();
      for (const InColumn& z : Z[j]) columns.back().push_back(view(Arrays::check(z, static_cast<std::int64_t>(n))));
    }
    Vec out;
    {
      nb::gil_scoped_release release;
      const std::scoped_lock lock(mutex_);
      out = model_->variances(t, codes, columns, static_cast<std::int64_t>(n));
    }
    return to_numpy(std::move(out), {n});
  }
  nb::list contractions(InVector at) {
    const Vec t = *theta(at);
    if (t.empty()) return {};
    std::vector<multilevel::Contraction> parts;
    {
      nb::gil_scoped_release release;
      const std::scoped_lock lock(mutex_);
      parts = model_->contractions(t);
    }
    nb::list out;
    for (const multilevel::Contraction& c : parts) out.append(nb::make_tuple(array(c.T), array(c.HH)));
    return out;
  }
  // The minimum of -2 log-likelihood with one quantity held at a value, from a start.
  HeldMinimum hold(const std::string& what, double value, InVector start, double sigma, int term, int i, int j,
                   std::optional<InVector> contrast) {
    using Kind = Held::Kind;
    const std::pair<const char*, Kind> kinds[] = {
        {"coefficient", Kind::coefficient}, {"sigma", Kind::sigma}, {"sd", Kind::sd}, {"corr", Kind::corr}};
    const auto* kind = std::find_if(std::begin(kinds), std::end(kinds), [&](const auto& k) { return what == k.first; });
    if (kind == std::end(kinds)) throw nb::value_error("what: coefficient, sigma, sd or corr expected");
    Held held{kind->second, value, term, i, j, {}};
    if (held.kind == Kind::coefficient) {
      if (!contrast || static_cast<int>(contrast->shape(0)) != p()) throw nb::value_error("contrast: one number per coefficient expected");
      held.contrast.assign(contrast->data(), contrast->data() + contrast->shape(0));
    }
    if (held.kind == Kind::sd || held.kind == Kind::corr) {
      const auto& terms = model_->rows().terms;
      if (term < 0 || term >= static_cast<int>(terms.size())) throw nb::value_error("term: no such term");
      const int k = terms[term].k();
      if (i < 0 || i >= k || j < 0 || j >= k) throw nb::value_error("i, j: no such effect");
      if (held.kind == Kind::corr && (i == j || terms[term].structure == multilevel::Structure::diag))
        throw nb::value_error("corr: two effects of a term with correlations expected");
    }
    const Vec t = *theta(start);
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    return model_->minimise_with(held, t, sigma);
  }
  // Many responses on this design: (n, r) column by column, `threads` at a time (0: what the environment allows). With
  // `scores_at`, what the score at that theta depends on comes along.
  nb::dict refit(InMatrix Y, bool reml, std::optional<InVector> start, int threads, std::optional<InVector> scores_at) {
    if (static_cast<std::int64_t>(Y.shape(0)) != model_->rows().n) throw nb::value_error("Y: one row per observation expected");
    const auto set = [&](multilevel::LinearMixed& mine, std::size_t i) {
      mine.set_response({Y.data() + static_cast<std::ptrdiff_t>(i) * Y.stride(1), static_cast<std::ptrdiff_t>(Y.stride(0))});
    };
    return refit_each(Y.shape(1), set, reml, theta(start), threads, theta(scores_at));
  }
  // Of many responses, each at a theta of its own (r, m): d^2 deviance / dphi dphi', phi = (sigma, theta), and slopes of
  // (X'V^-1X)^-1 by theta.
  nb::tuple curvatures(InMatrix Y, InRows thetas, bool reml, int threads) {
    const std::size_t r = Y.shape(1), m = model_->n_theta(), p = model_->rows().p;
    if (static_cast<std::int64_t>(Y.shape(0)) != model_->rows().n) throw nb::value_error("Y: one row per observation expected");
    if (thetas.shape(0) != r || thetas.shape(1) != m) throw nb::value_error("thetas: one row per response expected");
    Vec deviance(r * (m + 1) * (m + 1)), slopes(r * m * p * p);
    const auto each = [&](multilevel::LinearMixed& mine, std::size_t i) {
      mine.set_response({Y.data() + static_cast<std::ptrdiff_t>(i) * Y.stride(1), static_cast<std::ptrdiff_t>(Y.stride(0))});
      const multilevel::PhiCurvature c = mine.curvature(Vec(thetas.data() + i * m, thetas.data() + (i + 1) * m), reml);
      std::copy(c.deviance.a.begin(), c.deviance.a.end(), deviance.begin() + static_cast<std::ptrdiff_t>(i * (m + 1) * (m + 1)));
      for (std::size_t j = 0; j < m; ++j)
        std::copy(c.slopes[j].a.begin(), c.slopes[j].a.end(), slopes.begin() + static_cast<std::ptrdiff_t>((i * m + j) * p * p));
    };
    share(r, threads, each);
    return nb::make_tuple(to_numpy(std::move(deviance), {r, m + 1, m + 1}), to_numpy(std::move(slopes), {r, m, p, p}));
  }
  multilevel::Draws draws() const {
    if (!model_->can_draw()) throw nb::value_error("draws: one grouping factor expected");
    nb::gil_scoped_release release;
    return model_->draws();
  }
  // Responses drawn as sums, with theta, sigma and beta as true values: (r, size + 1) numbers, see draws.hpp.
  nb::dict refit_drawn(const multilevel::Draws& draws, InRows numbers, InVector truth, double sigma, InVector beta,
                       bool reml, std::optional<InVector> start, int threads) {
    if (numbers.shape(1) != draws.size() + 1) throw nb::value_error("numbers: as many per response as draws.size + 1 expected");
    if (static_cast<int>(beta.shape(0)) != p()) throw nb::value_error("beta: one number per coefficient expected");
    const Vec t = *theta(truth), b(beta.data(), beta.data() + beta.shape(0));
    const auto set = [&](multilevel::LinearMixed& mine, std::size_t i) {
      mine.set_response(mine.drawn(draws, numbers.data() + i * numbers.shape(1), t, sigma, b));
    };
    return refit_each(numbers.shape(0), set, reml, theta(start), threads, t);
  }

  std::vector<int> kept() const { return model_->rows().fixed.kept; }
  int p() const { return model_->rows().p; }
  int n_theta() const { return model_->n_theta(); }
  std::string engine() const { return model_->n_theta() ? model_->engine().name() : "least squares"; }
  // root mean square of the least-squares residual
  double residual_scale() const { return model_->residual_scale(); }

 private:
  Arrays arrays_;
  std::unique_ptr<multilevel::LinearMixed> model_;
  std::mutex mutex_;

  // each(model, i) for i = 0 .. r-1 on copies of the model, one to a thread; the first exception is the caller's.
  template <class Each>
  void share(std::size_t r, int threads, const Each& each) {
    if (threads <= 0) threads = multilevel::thread_count();
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex failed;
    const auto work = [&] {
      multilevel::inside_parallel = threads > 1;  // each response on one thread
      try {
        multilevel::LinearMixed mine(*model_);
        for (std::size_t i = next++; i < r; i = next++) each(mine, i);
      } catch (...) {
        const std::scoped_lock one(failed);
        if (!failure) failure = std::current_exception();
        next = r;
      }
    };
    multilevel::share_out(threads, r, next, work);
    if (failure) std::rethrow_exception(failure);
  }
  template <class Set>
  nb::dict refit_each(std::size_t r, const Set& set, bool reml, const std::optional<Vec>& start, int threads,
                      const std::optional<Vec>& scores_at) {
    const std::size_t m = model_->n_theta(), p = model_->rows().p, terms = model_->rows().terms.size();
    std::vector<Vec> scores(scores_at ? r : 0);
    Vec theta_out(r * m), beta(r * p), sigma(r), crit(r), vcov(r * p * p), smallest(r * terms);
    std::vector<std::int32_t> evaluations(r);
    std::vector<std::uint8_t> converged(r);
    const auto each = [&](multilevel::LinearMixed& mine, std::size_t i) {
      const auto at = [i](Vec& out, std::size_t size) { return out.begin() + static_cast<std::ptrdiff_t>(i * size); };
      set(mine, i);
      if (scores_at) scores[i] = mine.score_parts(*scores_at);
      const Solution sol = mine.fit(reml, start ? &*start : nullptr);
      std::copy(sol.theta.begin(), sol.theta.end(), at(theta_out, m));
      std::copy(sol.beta.begin(), sol.beta.end(), at(beta, p));
      std::copy(sol.unscaled_vcov.a.begin(), sol.unscaled_vcov.a.end(), at(vcov, p * p));
      std::copy(sol.smallest.begin(), sol.smallest.end(), at(smallest, terms));
      sigma[i] = sol.sigma;
      crit[i] = sol.criterion;
      evaluations[i] = sol.evaluations;
      converged[i] = sol.converged;
    };
    share(r, threads, each);
    nb::dict out;
    out["theta"] = array(std::move(theta_out), r, m);
    out["beta"] = array(std::move(beta), r, p);
    out["sigma"] = array(sigma);
    out["unscaled_vcov"] = to_numpy(std::move(vcov), {r, p, p});
    out["smallest"] = array(std::move(smallest), r, terms);
    out["criterion"] = array(crit);
    out["evaluations"] = to_numpy(std::move(evaluations), {r});
    out["converged"] = to_numpy(std::move(converged), {r});
    if (scores_at) {
      Vec flat;
      for (const Vec& row : scores) flat.insert(flat.end(), row.begin(), row.end());
      out["scores"] = array(std::move(flat), r, r ? scores[0].size() : 0);
    }
    return out;
  }
  std::optional<Vec> theta(const std::optional<InVector>& v) const {
    if (!v) return std::nullopt;
    if (static_cast<int>(v->shape(0)) != model_->n_theta()) throw nb::value_error("theta: wrong length");
    return Vec(v->data(), v->data() + v->shape(0));
  }
};

using multilevel::GeneralizedSolution;
using Fixed = std::variant<bool, std::vector<bool>>;

class Generalized {
 public:
  Generalized(InColumn y, std::vector<InColumn> X, std::optional<InVector> weights, std::optional<InVector> offset, Factors factors,
              Terms terms, const std::string& family, const std::string& link, const std::optional<std::string>& curvature,
              const std::vector<std::vector<InColumn>>& shape_models, int inflation_terms)
      : arrays_(std::move(y), std::move(X), std::move(weights), std::move(factors), std::move(terms)) {
    const auto fs = arrays_.factors();
    multilevel::Rows rows = arrays_.rows();
    if (offset && static_cast<std::int64_t>(offset->shape(0)) != arrays_.n()) throw nb::value_error("offset: one per row expected");
    const multilevel::Family f = multilevel::family_named(family);
    const multilevel::Link l = multilevel::link_named(link);
    const bool exponential = f == multilevel::Family::binomial || f == multilevel::Family::poisson;
    if (inflation_terms < 0 || inflation_terms > static_cast<int>(rows.terms.size()) || (inflation_terms && shape_models.empty()))
      throw nb::value_error("inflation_terms: how many of the terms, the last ones, belong to a model of zero inflation");
    for (int t = 0; t < inflation_terms; ++t) rows.terms[rows.terms.size() - 1 - t].inflates = true;
    if (curvature && *curvature != "expected" && *curvature != "observed") throw nb::value_error("curvature: 'expected' or 'observed'");
    const bool expected = curvature ? *curvature == "expected" : exponential && shape_models.empty();
    std::vector<multilevel::ShapeModel> models(shape_models.size());
    for (std::size_t k = 0; k < models.size(); ++k)
      for (const InColumn& column : shape_models[k]) {
        if (static_cast<std::int64_t>(column.shape(0)) != arrays_.n()) throw nb::value_error("shape_models: one number per row expected");
        Vec& out = models[k].columns.emplace_back(arrays_.n());
        for (std::int64_t i = 0; i < arrays_.n(); ++i) out[i] = column.data()[i * column.stride(0)];
      }
    nb::gil_scoped_release release;
    model_ = std::make_unique<multilevel::GeneralizedMixed>(std::move(rows), fs, offset ? offset->data() : nullptr, f, l,
                                                            expected ? multilevel::Curvature::expected : multilevel::Curvature::observed,
                                                            std::move(models));
  }

  GeneralizedSolution fit(int n_agq, std::optional<InVector> theta, std::optional<InVector> beta, std::optional<InVector> shape, const Fixed& fixed) {
    const Start start(*this, theta, beta, shape, fixed);
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    return model_->fit(n_agq, start.view());
  }
  GeneralizedSolution solve(InVector theta, InVector beta, InVector shape, int n_agq, bool hessian) {
    const Vec t = parameters(theta, model_->n_theta(), "theta"), b = parameters(beta, model_->rows().p, "beta"), s = parameters(shape, model_->n_shape(), "shape");
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    return model_->solve(t, b, s, n_agq, hessian);
  }
  double objective(InVector theta, InVector beta, InVector shape, int n_agq) {
    const Vec t = parameters(theta, model_->n_theta(), "theta"), b = parameters(beta, model_->rows().p, "beta"), s = parameters(shape, model_->n_shape(), "shape");
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    return model_->objective(t, b, s, n_agq);
  }
  nb::list posterior(InVector theta, InVector beta, InVector shape) {
    const Vec t = parameters(theta, model_->n_theta(), "theta"), b = parameters(beta, model_->rows().p, "beta"), s = parameters(shape, model_->n_shape(), "shape");
    std::vector<multilevel::Posterior> post;
    if (!t.empty()) {
      nb::gil_scoped_release release;
      const std::scoped_lock lock(mutex_);
      post = model_->posterior(t, b, s);
    }
    nb::list out;
    for (std::size_t i = 0; i < post.size(); ++i) {
      const auto k = static_cast<std::size_t>(model_->rows().terms[i].k());
      const std::size_t levels = post[i].P.size() / (k * k);
      out.append(to_numpy(std::move(post[i].P), {levels, k, k}));
    }
    return out;
  }
  // Many responses on this design: (n, r) column by column, `threads` at a time (0: what the environment allows). With
  // `vcov` each ends with the Hessian, and the covariance of beta comes along.
  nb::dict refit(InMatrix Y, int n_agq, std::optional<InVector> theta, std::optional<InVector> beta, std::optional<InVector> shape, const Fixed& fixed, int threads,
                 bool vcov, std::optional<InVector> scores_at) {
    if (threads <= 0) threads = multilevel::thread_count();
    if (static_cast<std::int64_t>(Y.shape(0)) != model_->rows().n) throw nb::value_error("Y: one row per observation expected");
    const Start start(*this, theta, beta, shape, fixed);
    const std::size_t r = Y.shape(1), m = model_->n_theta(), p = model_->rows().p, s = model_->n_shape();
    const std::size_t parameters = scores_at ? m + p + s : 0;
    if (scores_at && scores_at->shape(0) != parameters) throw nb::value_error("scores_at: theta, beta and shape expected");
    const Vec at = scores_at ? Vec(scores_at->data(), scores_at->data() + parameters) : Vec();
    const double nan = std::numeric_limits<double>::quiet_NaN();
    Vec theta_out(r * m, nan), beta_out(r * p, nan), shape_out(r * s, nan), crit(r, nan), scores(r * parameters, nan);
    const std::size_t terms = model_->rows().terms.size();
    Vec vcov_out(vcov ? r * p * p : 0, nan), smallest(r * terms, nan);
    std::vector<std::int32_t> evaluations(r);
    std::vector<std::uint8_t> converged(r);
    {
      nb::gil_scoped_release release;
      const std::scoped_lock lock(mutex_);
      model_->check_nodes(n_agq);
      std::atomic<std::size_t> next{0};
      const auto work = [&] {
        multilevel::inside_parallel = threads > 1;  // each response on one thread
        multilevel::GeneralizedMixed mine(*model_);
        for (std::size_t i = next++; i < r; i = next++) {
          mine.set_response({Y.data() + static_cast<std::ptrdiff_t>(i) * Y.stride(1), static_cast<std::ptrdiff_t>(Y.stride(0))});
          try {
            if (scores_at) {
              const auto middle = at.begin() + static_cast<std::ptrdiff_t>(m), end = middle + static_cast<std::ptrdiff_t>(p);
              const GeneralizedSolution there = mine.solve({at.begin(), middle}, {middle, end}, {end, at.end()}, n_agq, false);
              std::copy(there.gradient.begin(), there.gradient.end(), scores.begin() + static_cast<std::ptrdiff_t>(i * parameters));
            }
          } catch (const multilevel::Refused&) {  // no score at the truth: NaN, but perhaps a fit
          }
          try {
            const GeneralizedSolution sol = mine.fit(n_agq, start.view(), vcov);
            std::copy(sol.theta.begin(), sol.theta.end(), theta_out.begin() + static_cast<std::ptrdiff_t>(i * m));
            std::copy(sol.beta.begin(), sol.beta.end(), beta_out.begin() + static_cast<std::ptrdiff_t>(i * p));
            std::copy(sol.shape.begin(), sol.shape.end(), shape_out.begin() + static_cast<std::ptrdiff_t>(i * s));
            std::copy(sol.smallest.begin(), sol.smallest.end(), smallest.begin() + static_cast<std::ptrdiff_t>(i * terms));
            if (vcov) std::copy(sol.vcov.a.begin(), sol.vcov.a.end(), vcov_out.begin() + static_cast<std::ptrdiff_t>(i * p * p));
            crit[i] = sol.criterion;
            evaluations[i] = sol.evaluations;
            converged[i] = sol.converged;
          } catch (const multilevel::Refused&) {  // this response has no fit: NaN, not converged
          }
        }
      };
      multilevel::share_out(threads, r, next, work);
    }
    nb::dict out;
    out["theta"] = array(std::move(theta_out), r, m);
    out["beta"] = array(std::move(beta_out), r, p);
    out["shape"] = array(std::move(shape_out), r, s);
    out["smallest"] = array(std::move(smallest), r, terms);
    if (vcov) out["vcov"] = to_numpy(std::move(vcov_out), {r, p, p});
    out["scores"] = array(std::move(scores), r, parameters);
    out["criterion"] = array(crit);
    out["evaluations"] = to_numpy(std::move(evaluations), {r});
    out["converged"] = to_numpy(std::move(converged), {r});
    return out;
  }

  std::vector<int> kept() const { return model_->rows().fixed.kept; }
  int p() const { return model_->rows().p; }
  int n_theta() const { return model_->n_theta(); }
  int n_shape() const { return model_->n_shape(); }
  std::int64_t merged_rows() const { return model_->merged_rows(); }
  std::string engine() const { return model_->engine_name(); }

 private:
  Arrays arrays_;
  std::unique_ptr<multilevel::GeneralizedMixed> model_;
  std::mutex mutex_;

  static Vec parameters(const InVector& v, int size, const char* name) {
    if (static_cast<int>(v.shape(0)) != size) throw nb::value_error((std::string(name) + ": " + std::to_string(size) + " numbers expected").c_str());
    return Vec(v.data(), v.data() + v.shape(0));
  }
  struct Start {
    std::optional<Vec> theta, beta, shape;
    std::vector<bool> fixed;
    Start(const Generalized& g, const std::optional<InVector>& t, const std::optional<InVector>& b, const std::optional<InVector>& s, const Fixed& f) {
      if (t) theta = parameters(*t, g.model_->n_theta(), "start_theta");
      if (b) beta = parameters(*b, g.model_->rows().p, "start_beta");
      if (s) shape = parameters(*s, g.model_->n_shape(), "start_shape");
      if (const bool* all = std::get_if<bool>(&f)) fixed.assign(g.model_->n_shape(), *all);
      else fixed = std::get<std::vector<bool>>(f);
      if (static_cast<int>(fixed.size()) != g.model_->n_shape()) throw nb::value_error("fixed_shape: one per shape expected");
      if (!shape && std::find(fixed.begin(), fixed.end(), true) != fixed.end()) throw nb::value_error("fixed_shape: start_shape gives the fixed values");
    }
    multilevel::GeneralizedStart view() const {
      return {theta ? &*theta : nullptr, beta ? &*beta : nullptr, shape ? &*shape : nullptr, fixed};
    }
  };
};

}  // namespace

NB_MODULE(_core, m) {
  multilevel::load_blas = &bind_blas;
  multilevel::stop_if_asked = &raise_signals;
  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const multilevel::Refused& e) {
      PyErr_SetString(nb::module_::import_("multilevel.errors").attr("FitError").ptr(), e.what());
    }
  });
  m.doc() = "The compiled core: sums, elimination, Newton. See _core.pyi.";

  nb::class_<Solution>(m, "Solution")
      .def_prop_ro("theta", [](const Solution& s) { return array(s.theta); }, nb::rv_policy::move)
      .def_prop_ro("beta", [](const Solution& s) { return array(s.beta); }, nb::rv_policy::move)
      .def_prop_ro("unscaled_vcov", [](const Solution& s) { return array(s.unscaled_vcov); }, nb::rv_policy::move)
      .def_prop_ro("gradient", [](const Solution& s) { return array(s.gradient); }, nb::rv_policy::move)
      .def_prop_ro("hessian", [](const Solution& s) { return array(s.hessian); }, nb::rv_policy::move)
      .def_prop_ro("path", [](const Solution& s) { return array(s.path); }, nb::rv_policy::move)
      .def_prop_ro("smallest", [](const Solution& s) { return array(s.smallest); }, nb::rv_policy::move)
      .def_prop_ro("modes", [](const Solution& s) {
        nb::list out;
        for (const Vec& b : s.modes) out.append(array(b));
        return out;
      })
      .def_ro("sigma", &Solution::sigma)
      .def_ro("criterion", &Solution::criterion)
      .def_ro("r2", &Solution::r2)
      .def_ro("logdet", &Solution::logdet)
      .def_ro("logdet_rx", &Solution::logdet_rx)
      .def_ro("evaluations", &Solution::evaluations)
      .def_ro("converged", &Solution::converged)
      .def_ro("decrement", &Solution::decrement)
      .def_ro("lowest_curvature", &Solution::lowest_curvature)
      .def_ro("boundary_slope", &Solution::boundary_slope);

  nb::class_<HeldMinimum>(m, "HeldMinimum")
      .def_prop_ro("theta", [](const HeldMinimum& s) { return array(s.theta); }, nb::rv_policy::move)
      .def_prop_ro("beta", [](const HeldMinimum& s) { return array(s.beta); }, nb::rv_policy::move)
      .def_ro("sigma", &HeldMinimum::sigma)
      .def_ro("criterion", &HeldMinimum::criterion)
      .def_ro("slope", &HeldMinimum::slope)
      .def_ro("evaluations", &HeldMinimum::evaluations)
      .def_ro("converged", &HeldMinimum::converged);

  nb::class_<multilevel::Draws>(m, "Draws")
      .def_prop_ro("size", &multilevel::Draws::size)
      .def_prop_ro("noise_df", &multilevel::Draws::noise_df);

  nb::class_<Model>(m, "LinearMixed")
      .def(nb::init<InColumn, std::vector<InColumn>, std::optional<InVector>, std::vector<std::pair<InCodes, int>>,
                    std::vector<std::tuple<int, std::vector<InColumn>, int>>>(),
           "y"_a, "X"_a, "weights"_a.none(), "factors"_a, "terms"_a)
      .def("fit", &Model::fit, "reml"_a, "start"_a.none() = nb::none())
      .def("solve", &Model::solve, "theta"_a, "reml"_a)
      .def("criterion", &Model::criterion, "theta"_a, "reml"_a)
      .def("posterior", &Model::posterior, "theta"_a)
      .def("variances", &Model::variances, "theta"_a, "levels"_a, "Z"_a)
      .def("contractions", &Model::contractions, "theta"_a)
      .def("hold", &Model::hold, "what"_a, "value"_a, "start"_a, "sigma"_a, "term"_a = 0, "i"_a = 0, "j"_a = 0,
           "contrast"_a.none() = nb::none())
      .def("refit", &Model::refit, "Y"_a, "reml"_a, "start"_a.none() = nb::none(), "threads"_a = 1,
           "scores_at"_a.none() = nb::none())
      .def("curvatures", &Model::curvatures, "Y"_a, "thetas"_a, "reml"_a, "threads"_a = 1)
      .def("draws", &Model::draws)
      .def("refit_drawn", &Model::refit_drawn, "draws"_a, "numbers"_a, "theta"_a, "sigma"_a, "beta"_a, "reml"_a,
           "start"_a.none() = nb::none(), "threads"_a = 1)
      .def_prop_ro("kept", &Model::kept)
      .def_prop_ro("p", &Model::p)
      .def_prop_ro("n_theta", &Model::n_theta)
      .def_prop_ro("engine", &Model::engine)
      .def_prop_ro("residual_scale", &Model::residual_scale);

  const auto vector = [](Vec GeneralizedSolution::* member) { return [member](const GeneralizedSolution& s) { return array(s.*member); }; };
  const auto matrix = [](Mat GeneralizedSolution::* member) { return [member](const GeneralizedSolution& s) { return array(s.*member); }; };
  nb::class_<GeneralizedSolution>(m, "GeneralizedSolution")
      .def_prop_ro("theta", vector(&GeneralizedSolution::theta), nb::rv_policy::move)
      .def_prop_ro("beta", vector(&GeneralizedSolution::beta), nb::rv_policy::move)
      .def_prop_ro("shape", vector(&GeneralizedSolution::shape), nb::rv_policy::move)
      .def_prop_ro("gradient", vector(&GeneralizedSolution::gradient), nb::rv_policy::move)
      .def_prop_ro("hessian", matrix(&GeneralizedSolution::hessian), nb::rv_policy::move)
      .def_prop_ro("vcov", matrix(&GeneralizedSolution::vcov), nb::rv_policy::move)
      .def_prop_ro("vcov_rx", matrix(&GeneralizedSolution::vcov_rx), nb::rv_policy::move)
      .def_prop_ro("vcov_shape", matrix(&GeneralizedSolution::vcov_shape), nb::rv_policy::move)
      .def_prop_ro("vcov_joint", matrix(&GeneralizedSolution::vcov_joint), nb::rv_policy::move)
      .def_prop_ro("eta", vector(&GeneralizedSolution::eta), nb::rv_policy::move)
      .def_prop_ro("path", vector(&GeneralizedSolution::path), nb::rv_policy::move)
      .def_prop_ro("smallest", vector(&GeneralizedSolution::smallest), nb::rv_policy::move)
      .def_prop_ro("modes", [](const GeneralizedSolution& s) {
        nb::list out;
        for (const Vec& b : s.modes) out.append(array(b));
        return out;
      })
      .def_ro("criterion", &GeneralizedSolution::criterion)
      .def_ro("conditional_deviance", &GeneralizedSolution::conditional_deviance)
      .def_ro("conditional_log_likelihood", &GeneralizedSolution::conditional_log_likelihood)
      .def_ro("logdet", &GeneralizedSolution::logdet)
      .def_ro("penalty", &GeneralizedSolution::penalty)
      .def_ro("evaluations", &GeneralizedSolution::evaluations)
      .def_ro("pirls_iterations", &GeneralizedSolution::pirls_iterations)
      .def_ro("converged", &GeneralizedSolution::converged)
      .def_ro("decrement", &GeneralizedSolution::decrement)
      .def_ro("lowest_curvature", &GeneralizedSolution::lowest_curvature)
      .def_ro("boundary_slope", &GeneralizedSolution::boundary_slope);

  nb::class_<Generalized>(m, "GeneralizedMixed")
      .def(nb::init<InColumn, std::vector<InColumn>, std::optional<InVector>, std::optional<InVector>, Factors, Terms, const std::string&,
                    const std::string&, const std::optional<std::string>&, const std::vector<std::vector<InColumn>>&, int>(),
           "y"_a, "X"_a, "weights"_a.none(), "offset"_a.none(), "factors"_a, "terms"_a, "family"_a, "link"_a, "curvature"_a.none() = nb::none(),
           "shape_models"_a = std::vector<std::vector<InColumn>>(), "inflation_terms"_a = 0)
      .def("fit", &Generalized::fit, "n_agq"_a = 1, "start_theta"_a.none() = nb::none(), "start_beta"_a.none() = nb::none(),
           "start_shape"_a.none() = nb::none(), "fixed_shape"_a = false)
      .def("solve", &Generalized::solve, "theta"_a, "beta"_a, "shape"_a, "n_agq"_a = 1, "hessian"_a = false)
      .def("objective", &Generalized::objective, "theta"_a, "beta"_a, "shape"_a, "n_agq"_a = 1)
      .def("posterior", &Generalized::posterior, "theta"_a, "beta"_a, "shape"_a)
      .def("refit", &Generalized::refit, "Y"_a, "n_agq"_a = 1, "start_theta"_a.none() = nb::none(), "start_beta"_a.none() = nb::none(),
           "start_shape"_a.none() = nb::none(), "fixed_shape"_a = false, "threads"_a = 1, "vcov"_a = false, "scores_at"_a.none() = nb::none())
      .def_prop_ro("kept", &Generalized::kept)
      .def_prop_ro("p", &Generalized::p)
      .def_prop_ro("n_theta", &Generalized::n_theta)
      .def_prop_ro("n_shape", &Generalized::n_shape)
      .def_prop_ro("merged_rows", &Generalized::merged_rows)
      .def_prop_ro("engine", &Generalized::engine);
}
