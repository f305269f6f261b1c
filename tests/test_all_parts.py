"""Random effects in mean, zero inflation and dispersion at once: what they are asked, truths, power, bad input."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.stats import nbinom

import multilevel as mlm
from multilevel import Group, Truth, glmer, power, simulate
from multilevel.cli.shell import main
from multilevel.errors import (
    DataError,
    FitError,
    InferenceError,
    MissingRowsWarning,
    MultilevelError,
    UnknownArgumentError,
)
from multilevel.inference.predictors import predictors
from multilevel.inference.refits import refitted
from multilevel.models.shape_models import PARTS as PARTS_OF
from multilevel.paper.scene import HEIGHT

FORMULA, PARTS = "y ~ x + (1 | g)", {"ziformula": "~ x + (1 | g)", "dispformula": "~ x + (1 | h)"}
FIXED = {
    "(Intercept)": 1.5, "x": 0.3, "zi: (Intercept)": -1.0, "zi: x": 0.7, "disp: (Intercept)": 0.8, "disp: x": 0.3,
}  # fmt: skip
RANDOM = {"g": Group(sd=0.4), "zi: g": Group(sd=0.9), "disp: h": Group(sd=0.7)}
ORDER = [0, 1, 4, 5, 2, 3]  # of coefficients: the core has those of the dispersion before those of the zero inflation
TRUTH = Truth(FIXED, RANDOM, family="negative_binomial")


def made(levels=30, each=24, seed=3, truth=TRUTH, **parts):
    design = mlm.expand_grid(g=levels, h=each)
    design["x"] = np.random.default_rng(1).normal(size=len(design))
    return simulate(FORMULA, design, truth, seed, **{**PARTS, **parts})


def estimates(m):
    return np.concatenate([np.asarray(part) for part in (m.fixef, m.zero_inflation, m.dispersion)])


@pytest.fixture(scope="module")
def data():
    return made()


@pytest.fixture(scope="module")
def m(data):
    return glmer(FORMULA, data, "negative_binomial", **PARTS)


def test_fit(m, data):
    assert m.convergence.certified
    assert (np.abs(estimates(m) - list(FIXED.values())) / np.sqrt(np.diag(m.joint_vcov)) < 3).all()
    np.testing.assert_allclose(m.theta, [0.4, 0.9, 0.7], atol=0.4)
    for lost in ({"ziformula": "~ x"}, {"dispformula": "~ x"}):
        less = glmer(FORMULA, data, "negative_binomial", **{**PARTS, **lost})
        assert m.criterion < less.criterion - 2
    assert m.criterion_at(m.theta, m.fixef, m._fit.parameters) == pytest.approx(m.criterion, abs=1e-9)
    again = m.refit(data["y"].to_numpy())
    np.testing.assert_allclose(again.theta, m.theta, atol=1e-5)


def test_covariance_is_that_of_the_hessian(m):
    """Of (beta, zi, disp) by differences of the criterion over all parameters, profiled over theta."""
    at = np.concatenate([m.theta, np.asarray(m.fixef), m._fit.parameters])
    k, sizes = len(at), np.cumsum([len(m.theta), len(m.fixef)])
    h = 1e-2 * np.sqrt(2 / np.diag(m._fit.estimate.hessian))

    def value(*steps):
        x = at + sum(side * h[j] * np.eye(k)[j] for j, side in steps)
        return m.criterion_at(*np.split(x, sizes))

    H = np.empty((k, k))
    for i in range(k):
        for j in range(i + 1):
            around = [a * b * value((i, a), (j, b)) for a in (1, -1) for b in (1, -1)]
            H[i, j] = H[j, i] = sum(around) / (4 * h[i] * h[j])
    want = 2 * np.linalg.inv(H)[sizes[0] :, sizes[0] :][np.ix_(ORDER, ORDER)]
    assert np.abs(np.asarray(m.joint_vcov) - want).max() < 2e-3 * np.abs(want).max()


def test_pages(m):
    page = str(m.summary())
    heads = [
        "Zero inflation: ~ x + (1 | g)", "Dispersion: ~ x + (1 | h)", "Conditional model:\n Groups",
        "Zero-inflation model:\n Groups", "Dispersion model:\n Groups", "Number of obs: 720, groups:  g, 30; h, 24",
    ]  # fmt: skip
    at = [page.index(head) for head in heads]
    assert at == sorted(at)
    assert page.count("(Intercept) ") >= 6
    assert str(m.explain()).count("In it, (Intercept) varies over") == 2
    assert {"zero inflation, (1 | g)", "dispersion, (1 | h)"} <= {
        line.split(":")[0][2:] for line in str(m.check()).splitlines()
    }
    assert "effects of the zero inflation and the dispersion stay in every model." in str(m.ranova())
    lines = [line.strip() for line in repr(m.equation()).splitlines()]
    assert "logit(π[n]) = α_zi[g[n]] + β_zi x[n]" in lines
    assert "α_disp[h] ~ N(α_disp, σ_α_disp),  h = 1, ..., 24" in lines
    arrows = {(f"{a.main}_{a.sub}", f"{b.main}_{b.sub}") for a, b in m.diagram().scene.arrows}
    assert {("α_zi,g", "π_n"), ("α_disp,h", "φ_n"), ("α_g", "μ_n")} <= arrows


@pytest.mark.filterwarnings("ignore::multilevel.errors.SingularFitWarning")
def test_no_arrow_passes_a_node(m, data):
    turned = glmer(FORMULA, data.rename(columns={"g": "h", "h": "g"}), "negative_binomial", **PARTS)
    one = glmer(FORMULA, data, "negative_binomial", **{**PARTS, "dispformula": "~ x + (1 | g)"})
    for fit in (m, turned, one):
        scene = fit.diagram().scene
        for a, b in scene.arrows:
            along = np.array([b.x - a.x, b.y - a.y])
            for node in scene.nodes:
                beside = np.array([node.x - a.x, node.y - a.y])
                share = np.clip(beside @ along / (along @ along), 0, 1)
                assert node in (a, b) or np.hypot(*(beside - share * along)) > HEIGHT / 2


def test_effects_of_each_part(m):
    effects, per_group, spread = m.ranef(), m.coef(), m.varcorr()
    at = {"zero_inflation": ("g", 1, m.zero_inflation), "dispersion": ("h", 2, m.dispersion)}
    for part, (group, place, fixed) in at.items():
        table = getattr(effects, part)[group]
        assert getattr(spread, part)[group].sd[0] == pytest.approx(m.theta[place])
        assert getattr(per_group, part)[group]["7", "(Intercept)"] == pytest.approx(
            fixed["(Intercept)"] + table["7", "(Intercept)"]
        )
        assert (table.errors > 0).all()
    for frame in (effects.to_frame(), spread.to_frame()):
        assert list(dict.fromkeys(frame["component"])) == ["cond", "zi", "disp"]
    tidied = m.tidy()
    assert tidied.loc[tidied["effect"] == "ran_pars", "component"].tolist() == ["cond", "zi", "disp"]
    copy = pickle.loads(pickle.dumps(m))
    np.testing.assert_array_equal(copy.ranef().dispersion["h"].errors, effects.dispersion["h"].errors)


def test_covariance_of_three_predictors(m):
    """By dense algebra: weights are differences of the log-density, P and F from the joint Hessian of the modes."""
    fit, n = m._fit, len(m._fit.y)
    parts, names = fit.random_parts, ("cond", "zi", "disp")
    Z, X, psi = [], [], []
    for own in parts:
        blocks = [np.eye(t.n_levels)[t.codes][:, :, None] * np.column_stack(t.Z)[:, None, :] for t in own.rows.random]
        Z.append(np.hstack([b.reshape(n, -1) for b in blocks]))
        X.append(np.column_stack(own.rows.X))
        psi += [np.kron(np.eye(t.n_levels), L @ L.T) for t, L in zip(own.rows.random, own.factors, strict=True)]
    at = np.stack([
        x @ own.estimate.beta + z @ np.concatenate([b.ravel() for b in own.estimate.modes])
        for x, z, own in zip(X, Z, parts, strict=True)
    ])  # fmt: skip

    def density(p):
        size, pi = np.exp(p[2]), 1 / (1 + np.exp(-p[1]))
        mass = nbinom.pmf(fit.y, size, size / (size + np.exp(p[0])))
        return np.log(np.where(fit.y == 0, pi, 0) + (1 - pi) * mass)

    h, W = 1e-3, np.empty((3, 3, n))
    for i in range(3):
        for j in range(3):
            moves = [(a, b, h * (a * np.eye(3)[i] + b * np.eye(3)[j])[:, None]) for a in (1, -1) for b in (1, -1)]
            W[i, j] = -sum(a * b * density(at + step) for a, b, step in moves) / (4 * h * h)
    q, c = [z.shape[1] for z in Z], [x.shape[1] for x in X]
    prior = np.zeros((sum(q), sum(q)))
    first = 0
    for block in psi:
        prior[first : first + len(block), first : first + len(block)] = np.linalg.inv(block)
        first += len(block)
    U = [np.hstack([Z[k] if k == a else np.zeros((n, q[k])) for k in range(3)]) for a in range(3)]
    V = [np.hstack([X[k] if k == a else np.zeros((n, c[k])) for k in range(3)]) for a in range(3)]
    P = np.linalg.inv(prior + sum(U[a].T @ (W[a, b][:, None] * U[b]) for a in range(3) for b in range(3)))
    F = P @ sum(U[a].T @ (W[a, b][:, None] * V[b]) for a in range(3) for b in range(3))
    J = [V[a] - U[a] @ F for a in range(3)]
    S = np.asarray(m.joint_vcov)
    want = np.array([
        [((U[a] @ P) * U[b]).sum(1) + ((J[a] @ S) * J[b]).sum(1) for b in range(3)] for a in range(3)
    ])  # fmt: skip
    np.testing.assert_allclose(predictors(fit, names, same=True).covariance(), want, rtol=1e-3, atol=1e-5)


def test_predictions(m, data):
    new = data.iloc[:40]
    np.testing.assert_allclose(m.predict(new, type="response"), m.fitted()[:40])
    parts = [m.predict(new, type=type) for type in ("conditional", "zprob", "disp")]
    np.testing.assert_allclose(m.predict(new, type="response"), parts[0] * (1 - parts[1]))
    np.testing.assert_allclose(parts[2], m._fit.shape[0][:40])
    delta = np.log(m.predict(new, type="disp", groups="population"))
    np.testing.assert_allclose(m.predict(new, type="disp", groups="average"), np.exp(delta + m.theta[2] ** 2 / 2))
    strange = new.assign(g=99, h=98)
    drawn = [
        [
            link(m.predict(strange, type=type, new_levels=levels, **seed))[0]
            for levels, seed in (("draw", {"seed": 1}), ("population", {}))
        ]
        for type, link in (("link", np.copy), ("zprob", lambda p: np.log(p / (1 - p))), ("disp", np.log))
    ]
    z = [(a - b) / sd for (a, b), sd in zip(drawn, m.theta, strict=True)]
    assert len(np.unique(np.round(z, 6))) == 3  # each part has effects of its own
    for type in ("link", "response", "conditional", "zprob", "disp"):
        band = m.predict(new, type=type, interval="confidence")
        assert ((band["lower"] < band["estimate"]) & (band["estimate"] < band["upper"])).all()


def test_single_responses(m, data):
    """Limits hold what they promise of draws from the three predictors of the rows, and of new groups."""
    rng, n = np.random.default_rng(1), 20_000
    rows = data.iloc[::90].assign(g="new", h="new")
    for new, known in ((data.iloc[::90], {}), (rows, {"new_levels": "population"})):
        made = m.predict(new, type="response", interval="prediction", level=0.9, **known)
        of = predictors(m._fit, ("cond", "zi", "disp"), new, same=True, new=True)
        for i, (low, high) in enumerate(made[["lower", "upper"]].to_numpy()):
            eta, logit, scale = rng.multivariate_normal(of.at[:, i], of.covariance()[:, :, i], n).T
            size = np.exp(scale)
            y = rng.negative_binomial(size, size / (size + np.exp(eta)))
            y = np.where(rng.random(n) < 1 / (1 + np.exp(-logit)), 0, y)
            assert (y < low).mean() < 0.05 + 0.006
            assert (y <= high).mean() > 0.95 - 0.006
            assert (y <= high - 1).mean() < 0.95 + 0.006


def test_simulations(m, data):
    y = m.simulate(1500, groups="same", seed=1)
    np.testing.assert_allclose(y.mean(axis=1), m.fitted(), atol=6 * (y.std(axis=1) / np.sqrt(1500)).max())
    np.testing.assert_array_equal(m.simulate(2, groups="same", newdata=data, seed=1), y[:, :2])
    anew = m.simulate(3, seed=2)
    assert (anew >= 0).all()
    assert np.std(m.residuals("scaled")) == pytest.approx(1, abs=0.1)
    assert np.std(m.residuals("quantile", seed=1)) == pytest.approx(1, abs=0.1)


def test_intervals_of_standard_deviations(m):
    small = glmer(FORMULA, made(levels=20, each=15, seed=6), "negative_binomial", **PARTS)
    names = ["zi: sd_(Intercept)|g", "disp: sd_(Intercept)|h"]
    profiles = small.confint(method="profile", parameters=names[1]).to_frame()
    assert profiles["component"].tolist() == ["disp"]
    assert profiles["lower"].iloc[0] < small.theta[2] < profiles["upper"].iloc[0]
    drawn = small.confint(method="boot", n=39, seed=1, parameters=names).to_frame()
    assert (drawn["lower"] < small.theta[1:]).all()
    assert (small.theta[1:] < drawn["upper"]).all()
    assert np.isfinite(m.confint(method="wald").to_frame()["lower"].iloc[3:]).all()


def test_truth_and_power(m):
    truth = m.truth()
    assert set(truth.fixed) == set(FIXED)
    assert set(truth.groups) == set(RANDOM)
    design = mlm.expand_grid(g=15, h=10)
    design["x"] = np.random.default_rng(1).normal(size=len(design))
    found = power(FORMULA, design, TRUTH, test="x", n=10, seed=1, **PARTS)
    assert 0 <= found.to_frame()["power"].iloc[0] <= 1


def test_from_a_shell(m, data, tmp_path, capsys):
    data.to_csv(tmp_path / "d.csv", index=False)
    given = ["--ziformula", PARTS["ziformula"], "--dispformula", PARTS["dispformula"]]
    assert main(["fit", FORMULA, str(tmp_path / "d.csv"), "--family", "negative_binomial", *given]) == 0
    assert "Dispersion model:\n Groups" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("family", "shape", "dispersion", "n_agq"),
    [
        ("gamma(log)", {}, 1.0, 1), ("beta", {}, 2.0, 1), ("negative_binomial_1", {}, 0.3, 1),
        ("truncated_negative_binomial", {}, 1.0, 1), ("gaussian", {}, -1.0, 5),
    ],
)  # fmt: skip
def test_families_on_one_factor(family, shape, dispersion, n_agq):
    """Correlated slopes in the mean; with quadrature the integral over all effects of a group."""
    fixed = {**FIXED, "(Intercept)": 0.8, "disp: (Intercept)": dispersion}
    mean = Group(sd=0.5) if n_agq > 1 else Group(sd={"(Intercept)": 0.5, "x": 0.3}, corr=0.3)
    random = {"g": mean, "zi: g": Group(sd=0.9), "disp: g": Group(sd=0.6)}
    formula = FORMULA if n_agq > 1 else "y ~ x + (x | g)"
    parts = {"ziformula": "~ x + (1 | g)", "dispformula": "~ x + (1 | g)"}
    design = mlm.expand_grid(g=30, h=25)
    design["x"] = np.random.default_rng(1).normal(size=len(design))
    d = simulate(formula, design, Truth(fixed, random, family=family, shape=shape), 3, **parts)
    m = glmer(formula, d, family, n_agq=n_agq, **parts)
    assert m.convergence.certified
    assert (np.abs(estimates(m) - list(fixed.values())) / np.sqrt(np.diag(m.joint_vcov)) < 3.2).all()
    assert np.abs(m.theta[-2:] - [0.9, 0.6]).max() < 0.4


def test_random_terms_left_out(m, data):
    for component, lost in (("zi", {"ziformula": "~ x"}), ("disp", {"dispformula": "~ x"})):
        table = m.ranova(component=component)
        less = glmer(FORMULA, data, "negative_binomial", **{**PARTS, **lost})
        found = table.to_frame().iloc[1]
        assert found["statistic"] == pytest.approx(less.criterion - m.criterion, abs=1e-6)
        assert found["p_value_mixture"] == pytest.approx(found["p_value"] / 2)
        assert f"Single term deletions from the model of {PARTS_OF[component]}".lower() in str(table).lower()
    assert "The random effects of the mean and the zero inflation stay in every model." in str(table)


def test_quadrature_stays_where_the_mean_loses_its_random_effects():
    small = glmer(
        FORMULA, made(levels=15, each=12), "negative_binomial", ziformula=PARTS["ziformula"], dispformula="~ x", n_agq=7
    )
    left = refitted(small._fit, reml=False, random=())
    at = small.criterion_at([0.0, *left.theta], left.beta, left.parameters)
    assert left.criterion == pytest.approx(at, abs=1e-7)


@pytest.mark.parametrize(
    ("change", "type", "error", "words"),
    [
        ({"h": 99}, "disp", DataError, "h has levels that the fit has not seen: '99'; new_levels=\"population\""),
        ({"g": 99}, "zprob", DataError, "g has levels that the fit has not seen: '99'; new_levels=\"population\""),
        ({"h": None}, "disp", DataError, "column 'h' not found.*groups=\"population\""),
        ({"g": None}, "zprob", DataError, "column 'g' not found.*groups=\"population\""),
        ({}, "dips", DataError, "type is 'dips'; expected 'link', 'response', 'conditional', 'zprob' or 'disp'"),
    ],
)
def test_bad_rows_to_predict(m, data, change, type, error, words):
    new = data.iloc[:4].drop(columns=[name for name, value in change.items() if value is None])
    new = new.assign(**{name: value for name, value in change.items() if value is not None})
    with pytest.raises(error, match=words):
        m.predict(new, type=type)


def test_rows_to_predict_need_what_the_type_needs(m, data):
    new = data.iloc[:4].drop(columns="h")
    np.testing.assert_allclose(m.predict(new, type="response"), m.fitted()[:4])
    assert np.isnan(m.predict(data.iloc[:4].assign(h=np.nan), type="disp")).all()


def test_rows_without_a_group_of_a_part_are_left_out(data):
    gaps = data.assign(h=np.where(np.arange(len(data)) < 3, np.nan, data["h"].astype(float)))
    with pytest.warns(MissingRowsWarning, match="3 of 720 rows"):
        assert glmer(FORMULA, gaps, "negative_binomial", **PARTS).nobs == 717
    with pytest.raises(DataError, match="3 of 720 rows"):
        glmer(FORMULA, gaps, "negative_binomial", missing="error", **PARTS)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda m: m.ranova(component="zo"), "component is 'zo'; expected one of 'cond', 'zi', 'disp'"),
        (lambda m: m.r2(), "with a model of the dispersion.*without dispformula they are"),
        (lambda m: m.icc(), "with a model of the dispersion.*without dispformula they are"),
        (lambda m: m.residuals("deviance"), "deviance residuals are not defined with a model of zero inflation"),
        (lambda m: m.joint_tests(submodel="type2"), "submodel is for models without zero inflation and dispersion"),
        (lambda m: m.confint(parameters="zi: sd_(Intercept)|h"), "did you mean 'zi: sd_\\(Intercept\\)\\|g'"),
        (lambda m: m.criterion_at([0.1], m.fixef, m._fit.parameters), "theta should hold 3 finite numbers"),
    ],
)
def test_what_a_fit_refuses(m, ask, words):
    with pytest.raises(MultilevelError, match=words):
        ask(m)


def test_ranova_of_a_part_without_random_terms(data):
    fixed = glmer(FORMULA, data, "negative_binomial", ziformula="~ x", dispformula="~ x + (1 | h)")
    with pytest.raises(InferenceError, match="'~ x' has no random terms to test"):
        fixed.ranova(component="zi")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ziformula": "~ 0 + (1 | g)"}, "model of zero inflation.*no mean for its random effects"),
        ({"dispformula": "~ 0 + (1 | g)"}, "model of dispersion.*no mean for its random effects"),
        ({"dispformula": "~ (1 | one)"}, "single level.*in the model of dispersion"),
        ({"n_agq": 5}, "needs exactly one grouping factor; found 2"),
        ({"n_agq": 5, "ziformula": "~ x + (x | g)", "dispformula": "~ x + (1 | g)"}, "up to 3 random effects.*found 4"),
        ({"start": [0.1, 0.2]}, "3 finite numbers"),
        ({"family": "poisson"}, "poisson family has no dispersion.*family=\"negative_binomial\" has one"),
        ({"formula": "many ~ x + (1 | g)", "family": "binomial"}, "no dispersion.*family=\"beta_binomial\" has one"),
        ({"family": "quasipoisson"}, "no likelihood, which glmer needs.*use negative_binomial"),
        ({"family": mlm.families.negative_binomial(size=2.0)}, "size of the family is given; dispformula would"),
        ({"ziformula": "~ x + (1 | gg)"}, "column 'gg' not found; did you mean 'g'"),
        ({"dispformula": "~ xx + (1 | g)"}, "column 'xx' not found; did you mean 'x'"),
        ({"ziformula": "y ~ x + (1 | g)"}, "ziformula is .*expected a formula without response"),
        ({"dispformula": "x + (1 | g)"}, "dispformula is 'x .*expected a formula without response, such as"),
        ({"dispformula": True}, "dispformula is True; expected a formula without response, such as"),
        ({"ziformula": "~ offset(x) + (1 | g)"}, "offsets and '.' are not possible.*name its predictors"),
        ({"dispformula": "~ ."}, "offsets and '.' are not possible.*name its predictors"),
        ({"dispformula": "~ x + (1 | g"}, "never closed"),
        ({"dispformula": "~ x + twice + (1 | g)"}, "3 columns .* of rank 2.*leave a term out"),
        ({"dispformula": "~ x + (x | row)"}, "1440 random effects .*for 720 rows.*another grouping factor"),
        ({"ziformula": "~ x + (x | row)"}, "1440 random effects .*for 720 rows.*another grouping factor"),
        ({"formula": "y ~ x"}, "has no random term.*use glm"),
        ({"family": "gamma(log)", "curvature": "expected"}, "observed"),
    ],
)  # fmt: skip
def test_bad_input(data, options, words):
    data = data.assign(one="a", row=np.arange(len(data)), twice=2 * data["x"], many=(data["y"] > 3).astype(int))
    with pytest.raises(MultilevelError, match=words):
        glmer(**{"formula": FORMULA, "data": data, "family": "negative_binomial", **PARTS, **options})


def test_few_rows(data):
    with pytest.raises(FitError, match="the grouping factor g has a single level"):
        glmer(FORMULA, data.iloc[:5], "negative_binomial", **PARTS)


@pytest.mark.parametrize("fit", [mlm.lm, mlm.lmer])
def test_linear_models_say_where_zero_inflation_is(data, fit):
    with pytest.raises(UnknownArgumentError, match="models of zero inflation are fitted by glm and glmer"):
        fit(FORMULA, data, ziformula="~ x")
