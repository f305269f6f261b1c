// The doorway to linear mixed models.
#include "doorway.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>

#include "criterion.hpp"
#include "held.hpp"
#include "parallel.hpp"

namespace doorway {
namespace {

using multilevel::Held;
using multilevel::HeldMinimum;
using multilevel::Solution;

class Model {
 public:
  Model(InColumn y, std::vector<InColumn> X, std::optional<InVector> weights, Factors factors, Terms terms, int carrier, double sigma)
      : arrays_(std::move(y), std::move(X), std::move(weights), std::move(factors), std::move(terms)) {
    const auto fs = arrays_.factors();
    multilevel::Rows rows = arrays_.rows();
    if (carrier >= static_cast<int>(rows.terms.size())) throw nb::value_error("carrier: no such term");
    nb::gil_scoped_release release;
    model_ = std::make_unique<multilevel::LinearMixed>(std::move(rows), fs, carrier, sigma);
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
    const Arrays::Combined c = arrays_.combined(levels, Z);
    Vec out;
    {
      nb::gil_scoped_release release;
      const std::scoped_lock lock(mutex_);
      out = model_->variances(t, c.codes, c.columns, c.n);
    }
    return to_numpy(std::move(out), {static_cast<std::size_t>(c.n)});
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
      using multilevel::Structure;
      if (held.kind == Kind::corr && (i == j || terms[term].structure == Structure::diag || terms[term].structure == Structure::homdiag))
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

}  // namespace

void bind_linear(nb::module_& m) {
  nb::class_<Solution>(m, "Solution")
      .def_prop_ro("theta", [](const Solution& s) { return array(s.theta); }, nb::rv_policy::move)
      .def_prop_ro("beta", [](const Solution& s) { return array(s.beta); }, nb::rv_policy::move)
      .def_prop_ro("unscaled_vcov", [](const Solution& s) { return array(s.unscaled_vcov); }, nb::rv_policy::move)
      .def_prop_ro("gradient", [](const Solution& s) { return array(s.gradient); }, nb::rv_policy::move)
      .def_prop_ro("hessian", [](const Solution& s) { return array(s.hessian); }, nb::rv_policy::move)
      .def_prop_ro("across", [](const Solution& s) { return array(s.across); }, nb::rv_policy::move)
      .def_prop_ro("path", [](const Solution& s) { return array(s.path); }, nb::rv_policy::move)
      .def_ro("smallest", &Solution::smallest)
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
                    Terms, int, double>(),
           "y"_a, "X"_a, "weights"_a.none(), "factors"_a, "terms"_a, "carrier"_a = -1, "sigma"_a = 0.0)
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
}

}  // namespace doorway
