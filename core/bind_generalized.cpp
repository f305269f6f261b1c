// The doorway to generalized mixed models.
#include <nanobind/stl/variant.h>

#include "doorway.hpp"

#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <variant>

#include "generalized.hpp"
#include "parallel.hpp"
#include "refused.hpp"

namespace doorway {
namespace {

using multilevel::GeneralizedSolution;
using Fixed = std::variant<bool, std::vector<bool>>;

class Generalized {
 public:
  Generalized(InColumn y, std::vector<InColumn> X, std::optional<InVector> weights, std::optional<InVector> offset, Factors factors,
              Terms terms, const std::string& family, const std::string& link, const std::optional<std::string>& curvature,
              const std::vector<std::vector<InColumn>>& shape_models, int inflation_terms, int dispersion_terms)
      : arrays_(std::move(y), std::move(X), std::move(weights), std::move(factors), std::move(terms)) {
    const auto fs = arrays_.factors();
    multilevel::Rows rows = arrays_.rows();
    if (offset && static_cast<std::int64_t>(offset->shape(0)) != arrays_.n()) throw nb::value_error("offset: one per row expected");
    const multilevel::Family f = multilevel::family_named(family);
    const multilevel::Link l = multilevel::link_named(link);
    const bool exponential = f == multilevel::Family::binomial || f == multilevel::Family::poisson;
    const int further_terms = inflation_terms + dispersion_terms;
    if (std::min(inflation_terms, dispersion_terms) < 0 || further_terms > static_cast<int>(rows.terms.size()) || (further_terms && shape_models.empty()))
      throw nb::value_error("inflation_terms, dispersion_terms: how many of the terms, the last ones, belong to a model of zero inflation, and then of dispersion");
    const multilevel::Varying varying{dispersion_terms > 0, inflation_terms > 0};
    for (int t = 0; t < further_terms; ++t) rows.terms[rows.terms.size() - further_terms + t].predictor = t < inflation_terms ? varying.predictors() - 1 : 1;
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
                                                            std::move(models), varying);
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
  OutArray variances(InVector theta, InVector beta, InVector shape, std::vector<InCodes> levels, std::vector<std::vector<InColumn>> Z) {
    const Vec t = parameters(theta, model_->n_theta(), "theta"), b = parameters(beta, model_->rows().p, "beta"), s = parameters(shape, model_->n_shape(), "shape");
    const Arrays::Combined c = arrays_.combined(levels, Z);
    if (t.empty()) throw nb::value_error("variances: a model without random effects");
    Vec out;
    {
      nb::gil_scoped_release release;
      const std::scoped_lock lock(mutex_);
      out = model_->variances(t, b, s, c.codes, c.columns, c.n);
    }
    return to_numpy(std::move(out), {static_cast<std::size_t>(c.n)});
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

void bind_generalized(nb::module_& m) {
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
      .def_ro("smallest", &GeneralizedSolution::smallest)
      .def_prop_ro("modes", [](const GeneralizedSolution& s) {
        nb::list out;
        for (const Vec& b : s.modes) out.append(array(b));
        return out;
      })
      .def_ro("outer_means", &GeneralizedSolution::outer_means)
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
                    const std::string&, const std::optional<std::string>&, const std::vector<std::vector<InColumn>>&, int, int>(),
           "y"_a, "X"_a, "weights"_a.none(), "offset"_a.none(), "factors"_a, "terms"_a, "family"_a, "link"_a, "curvature"_a.none() = nb::none(),
           "shape_models"_a = std::vector<std::vector<InColumn>>(), "inflation_terms"_a = 0, "dispersion_terms"_a = 0)
      .def("fit", &Generalized::fit, "n_agq"_a = 1, "start_theta"_a.none() = nb::none(), "start_beta"_a.none() = nb::none(),
           "start_shape"_a.none() = nb::none(), "fixed_shape"_a = false)
      .def("solve", &Generalized::solve, "theta"_a, "beta"_a, "shape"_a, "n_agq"_a = 1, "hessian"_a = false)
      .def("objective", &Generalized::objective, "theta"_a, "beta"_a, "shape"_a, "n_agq"_a = 1)
      .def("posterior", &Generalized::posterior, "theta"_a, "beta"_a, "shape"_a)
      .def("variances", &Generalized::variances, "theta"_a, "beta"_a, "shape"_a, "levels"_a, "Z"_a)
      .def("refit", &Generalized::refit, "Y"_a, "n_agq"_a = 1, "start_theta"_a.none() = nb::none(), "start_beta"_a.none() = nb::none(),
           "start_shape"_a.none() = nb::none(), "fixed_shape"_a = false, "threads"_a = 1, "vcov"_a = false, "scores_at"_a.none() = nb::none())
      .def_prop_ro("kept", &Generalized::kept)
      .def_prop_ro("p", &Generalized::p)
      .def_prop_ro("n_theta", &Generalized::n_theta)
      .def_prop_ro("n_shape", &Generalized::n_shape)
      .def_prop_ro("merged_rows", &Generalized::merged_rows)
      .def_prop_ro("engine", &Generalized::engine);
}

}  // namespace doorway
