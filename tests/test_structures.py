"""Covariance structures of random effects: the core against dense algebra and differences, R, what a user sees."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from oracle import Term, evaluate
from reference_data import load

from multilevel import _core, compare, glmer, lmer
from multilevel.errors import ConvergenceWarning, DataError, FitError, FormulaError, MultilevelWarning
from multilevel.formula.structures import STRUCTURES, n_theta

NUMBER = {name: number for number, name in enumerate(STRUCTURES)}
PLACES = [0.0, 1.0, 2.5, 4.0, 7.0]
COVARIANCES = {**{name: NUMBER[name] for name in STRUCTURES if name != "ou"}, "ou": PLACES}
FEW = [name for name in STRUCTURES if name not in ("us", "diag")]
K = len(PLACES)
THETA = {  # at which criteria and gradients are looked at
    "homdiag": [0.8],
    "cs": [0.7, 1.1, 0.5, 0.9, 1.3, 0.4],
    "homcs": [0.8, -0.15],
    "ar1": [0.9, -0.6],
    "hetar1": [0.7, 1.1, 0.5, 0.9, 1.3, 0.7],
    "toep": [0.7, 1.1, 0.5, 0.9, 1.3, 0.5, -0.3, 0.2, 0.1],
    "homtoep": [0.8, 0.6, 0.3, -0.2, 0.1],
    "ou": [0.9, 0.7],
}


def correlations(structure, r):
    """(K, K) straight from the definitions."""
    lag = np.abs(np.subtract.outer(np.arange(K), np.arange(K)))
    if structure == "homdiag":
        return np.eye(K)
    if structure in ("cs", "homcs"):
        return np.where(lag == 0, 1.0, r[0])
    if structure in ("ar1", "hetar1"):
        return r[0] ** lag
    if structure == "ou":
        return r[0] ** np.abs(np.subtract.outer(PLACES, PLACES))  # the smallest distance is one
    rho = [
        1.0
    ]  # an autoregression of order m has the partial autocorrelations r[:m]: its own follow by Yule and Walker
    for m in range(1, K):
        phi = np.array(r[:1])
        for order in range(1, m):
            phi = np.append(phi - r[order] * phi[::-1], r[order])
        before = np.array(rho[::-1])[:m] if m > 1 else np.array([1.0])
        last = phi[:-1] @ before[: m - 1] if m > 1 else 0.0
        rho.append(last + phi[-1] * 1.0)
    return np.array(rho)[lag]


def psi(structure, theta):
    one = structure in ("homdiag", "homcs", "ar1", "homtoep", "ou")
    sd = np.full(K, theta[0]) if one else np.array(theta[:K])
    return np.outer(sd, sd) * correlations(structure, theta[1 if one else K :])


def triangle(covariance):
    L = np.linalg.cholesky(covariance)
    return [L[i, j] for j in range(K) for i in range(j, K)]


class Design:
    """Series of up to five times; crossed with another factor, or not."""

    def __init__(self, crossed):
        rng = np.random.default_rng(7)
        group, time = np.repeat(np.arange(14), K), np.tile(np.arange(K), 14)
        keep = rng.random(len(group)) < 0.9
        group, time = group[keep], time[keep]
        n = len(group)
        self.Z = np.eye(K)[time]
        self.X = np.column_stack([np.ones(n), rng.normal(3.0, 2.0, n)])
        self.y = self.X @ [1.0, 0.5] + rng.normal(size=14)[group] + rng.normal(size=n)
        self.counts = rng.poisson(np.exp(0.3 + 0.5 * rng.normal(size=14)[group])).astype(float)
        self.weights = rng.uniform(0.5, 2.0, n)
        self.factors = [(group.astype(np.int32), 14)]
        self.terms = [Term(group, 14, self.Z)]
        if crossed:
            other = rng.permutation(np.arange(n) % 6).astype(np.int32)
            self.factors.append((other, 6))
            self.terms.append(Term(other, 6, np.ones((n, 1))))

    def core(self, structure):
        own = [(0, list(self.Z.T), COVARIANCES[structure])]
        own += [(1, [np.ones(len(self.y))], 0)] if len(self.factors) > 1 else []
        return self.factors, own

    def linear(self, structure, carrier=-1, weights=True):
        return _core.LinearMixed(
            self.y, list(self.X.T), self.weights if weights else None, *self.core(structure), carrier
        )

    def poisson(self, structure):
        return _core.GeneralizedMixed(
            self.counts, list(self.X.T), None, None, *self.core(structure), "poisson", "log", "observed"
        )


@pytest.fixture(scope="module", params=[False, True], ids=["one factor", "crossed"])
def design(request):
    return Design(request.param)


def theta_of(design, structure):
    return np.array([*THETA[structure], *([0.6] if len(design.factors) > 1 else [])])


def differences(f, x, h=1e-4):
    steps = np.eye(len(x)) * h
    return np.array([(8 * (f(x + s) - f(x - s)) - (f(x + 2 * s) - f(x - 2 * s))) / (12 * h) for s in steps])


@pytest.mark.parametrize("structure", FEW)
def test_factor_is_that_of_the_definition(structure):
    theta = np.array(THETA[structure], float)
    assert _core.theta_size(K, COVARIANCES[structure]) == n_theta(structure, K) == len(theta)
    L = _core.factor(theta, K, COVARIANCES[structure])
    np.testing.assert_allclose(L @ L.T, psi(structure, theta), atol=1e-14)
    assert (np.triu(L, 1) == 0).all()


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@pytest.mark.parametrize("structure", FEW)
def test_criterion_gradient_and_answers_of_linear_models(design, structure, reml):
    theta, core = theta_of(design, structure), design.linear(structure)
    dense_theta = np.array([*triangle(psi(structure, theta)), *theta[len(THETA[structure]) :]])
    dense = evaluate(dense_theta, design.y, design.X, design.terms, reml, design.weights)
    s = core.solve(theta, reml)
    assert s.criterion == pytest.approx(dense["criterion"], abs=1e-9)
    np.testing.assert_allclose(s.beta, dense["beta"], rtol=1e-9)
    np.testing.assert_allclose(s.unscaled_vcov, dense["unscaled_vcov"], rtol=1e-8)
    for got, want in zip(s.modes, dense["modes"], strict=True):
        np.testing.assert_allclose(got.reshape(want.shape), want, atol=1e-8)
    gradient = differences(lambda x: core.criterion(x, reml), theta)
    np.testing.assert_allclose(s.gradient, gradient, atol=1e-6)
    if len(design.factors) == 1:  # the exact Hessian
        hessian = differences(lambda x: core.solve(x, reml).gradient, theta)
        np.testing.assert_allclose(s.hessian, hessian, atol=1e-5)


@pytest.mark.parametrize("structure", FEW)
def test_gradient_of_generalized_models(design, structure):
    theta, beta, none = theta_of(design, structure), np.array([0.2, 0.05]), np.empty(0)
    core = design.poisson(structure)
    got = core.solve(theta, beta, none, 1, False).gradient

    def objective(x):
        return core.objective(x[: len(theta)], x[len(theta) :], none, 1)

    np.testing.assert_allclose(got, differences(objective, np.concatenate([theta, beta])), atol=1e-6)
    L = _core.factor(theta[: len(THETA[structure])], K, COVARIANCES[structure])
    free = _core.GeneralizedMixed(
        design.counts, list(design.X.T), None, None, design.factors,
        [(0, list(design.Z.T), 0), *design.core(structure)[1][1:]], "poisson", "log", "observed",
    )  # fmt: skip
    as_free = np.array([*(L[i, j] for j in range(K) for i in range(j, K)), *theta[len(THETA[structure]) :]])
    assert core.objective(theta, beta, none, 1) == pytest.approx(free.objective(as_free, beta, none, 1), abs=1e-9)


@pytest.mark.parametrize("structure", FEW)
def test_fits_are_stationary_and_do_not_depend_on_the_start(design, structure):
    core = design.linear(structure, weights=False)
    one = core.fit(True)
    other = core.fit(True, theta_of(design, structure))
    assert one.criterion == pytest.approx(other.criterion, abs=1e-6)
    assert one.boundary_slope > -1e-6
    if not (structure == "homdiag" and len(design.factors) == 1):  # which the residuals cannot be told from
        assert one.criterion < core.criterion(theta_of(design, structure), True)


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@pytest.mark.parametrize("structure", ["us", "diag", *FEW])
def test_models_without_residuals(design, structure, reml):
    """Var(y) = Z Psi Z' itself, by dense algebra."""
    core = design.linear(structure, carrier=0, weights=False)
    s = core.fit(reml)
    own = THETA.get(structure) or (triangle(psi("toep", THETA["toep"])) if structure == "us" else THETA["cs"][:K])
    theta = np.array([*own, *([0.6] if len(design.factors) > 1 else [])])
    sds = np.ones(len(theta), bool)
    if structure in FEW:
        sds[1 if structure in ("homdiag", "homcs", "ar1", "homtoep", "ou") else K : len(own)] = False
    relative = np.where(sds, theta / s.sigma, theta)

    L = _core.factor(np.array(own, float), K, COVARIANCES[structure])
    V = design.terms[0].dense() @ np.kron(np.eye(14), L @ L.T) @ design.terms[0].dense().T
    if len(design.factors) > 1:
        V += 0.36 * design.terms[1].dense() @ design.terms[1].dense().T
    n, p = design.X.shape
    Vi = np.linalg.inv(V)
    Q = design.X.T @ Vi @ design.X
    r = design.y - design.X @ np.linalg.solve(Q, design.X.T @ Vi @ design.y)
    want = np.linalg.slogdet(V)[1] + r @ Vi @ r + (n - p if reml else n) * np.log(2 * np.pi)
    want += np.linalg.slogdet(Q)[1] if reml else 0.0
    at = core.solve(relative, reml)
    assert at.criterion == pytest.approx(want, abs=1e-8)
    np.testing.assert_allclose(at.sigma**2 * at.unscaled_vcov, np.linalg.inv(Q), rtol=1e-8)
    scale = np.where(sds, s.sigma, 1.0)
    gradient = differences(lambda x: core.criterion(x / scale, reml), theta)
    np.testing.assert_allclose(at.gradient / scale, gradient, atol=1e-6)
    assert s.criterion <= want
    assert s.boundary_slope > -1e-6


# ---- R ---------------------------------------------------------------------------------------------------------------

ANSWERS = json.loads((Path(__file__).parent / "reference" / "structures.json").read_text(encoding="utf-8"))


def prepared(name):
    data = load("made_ar1" if name == "made_ar1_4" else name)
    if name == "made_ar1_4":
        data = data[data["t"] <= 4].assign(visit=lambda d: d["t"].astype(str))
    if name == "Orthodont":
        data = data.assign(Sex=data["Sex"].astype(str), visit=data["age"].map("{:02.0f}".format))
    if name == "sleepstudy":
        data = data.assign(day=data["Days"].map("{:.0f}".format), obs=[f"{i:03d}" for i in range(len(data))])
    if name == "epil":
        data = data.assign(visit=data["period"].astype(str))
    return data


def fitted(reference, engine):
    options = {"dispformula": "~0"} if reference["nodisp"] else {}
    data = prepared(reference["data"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        if engine is lmer:
            return lmer(reference["formula"], data, REML=reference["reml"], **options)
        family = {"nbinom2": "negative_binomial"}.get(reference["family"], reference["family"])
        return glmer(reference["formula"], data, family, **options)


CASES = [
    (reference, engine)
    for reference in ANSWERS
    for engine in (lmer, glmer)
    if not (engine is lmer and reference["family"] != "gaussian") and not (engine is glmer and reference["reml"])
    # without residuals at the maximum, where a generalized likelihood has none
    if not (engine is glmer and reference["id"] == "ar1_intercept")
]


def check_agreement(reference, engine):
    """Run by test_agreement_generalized.py, whose tally has these fits."""
    m = fitted(reference, engine)
    # glmmTMB's residual of 1.2e-4 beside effects of 31 costs it digits: lme4's value of the same model, (1 | Subject)
    exact = {"nodisp_sleep": 1794.0786430052}.get(reference["id"], reference["criterion"])
    gap = m.criterion - exact
    if (
        reference["id"] == "ar1_intercept"
    ):  # the residual variance goes to zero, and the digits of the criterion with it
        assert abs(gap) < 1e-2
        return
    assert gap < 1e-5
    if not reference["converged"]:  # R stops above
        return
    assert gap > -1e-5
    assert m.convergence.certified
    if "npar" in reference:
        assert m.aic == pytest.approx(m.criterion + 2 * reference["npar"])
    plain = {re.sub(r"[\[\]]", "", name): name for name in m.fixef}
    for name, se in reference["se"].items():
        assert abs(m.fixef[plain[name]] - reference["beta"][name]) < 1e-3 * se
        if (
            engine is glmer and "package" not in reference
        ):  # glmmTMB's are of beta and theta together, lmer's those of generalized least squares
            assert m.se[plain[name]] == pytest.approx(se, rel=1e-3)
    for term, sd, corr in zip(m.varcorr().terms, reference["sd"], reference["corr"], strict=True):
        np.testing.assert_allclose(term.sd[: np.size(sd)], sd, rtol=1e-3, atol=1e-4)
        if term.corr is not None and "package" not in reference:
            np.testing.assert_allclose(term.corr[:, 0], corr, atol=1e-3)


@pytest.mark.parametrize("engine", [lmer, glmer])
def test_pages_without_residuals(engine, tmp_path):
    given = {"family": "gaussian"} if engine is glmer else {}
    m = engine("y ~ x + ar1(0 + visit | g)", prepared("made_ar1_4"), dispformula="~0", **given)
    page = str(m.summary())
    assert "Dispersion: ~ 0" in page
    assert "Scaled residuals" not in page
    assert "y[n] = α + β x[n] + γ[visit[n],g[n]]" in repr(m.equation())
    assert not [check for check in m.check().checks if check.what.startswith("residuals")]
    assert "Residuals: no trend" not in m.report(tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_term_beside_the_one_that_has_an_effect_for_every_row():
    reference = next(r for r in ANSWERS if r["id"] == "ar1_intercept")
    m = lmer(reference["formula"], load(reference["data"]), REML=False, dispformula="~0")
    assert m.criterion == pytest.approx(reference["criterion"], abs=1e-5)  # whose residual is 4e-4
    for term, sd in zip(m.varcorr().terms, reference["sd"], strict=True):
        np.testing.assert_allclose(term.sd[: np.size(sd)], sd, rtol=1e-3)
    assert np.abs(m.residuals()).max() < 1e-12


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("(1 | g) + ar1(0 + times | g)", "the residual variance goes to zero: ar1(0 + times | g) has an effect of"),
        ("diag(0 + times | g)", "the residual variance cannot be told from the others: (0 + times || g) has an effect"),
        (
            "homcs(0 + times | g)",
            "the residual variance cannot be told from the others: homcs(0 + times | g) has an ef",
        ),
    ],
)
def test_residuals_beside_an_effect_for_every_row(term, words):
    with pytest.warns(ConvergenceWarning, match=re.escape(words)) as caught:
        m = lmer(f"y ~ x + {term}", load("made_ar1"), REML=False)
    assert len(caught) == 1
    assert 'dispformula="~0" fits the model without them' in str(caught[0].message)
    whole = lmer(f"y ~ x + {term}", load("made_ar1"), REML=False, dispformula="~0")
    assert whole.criterion == pytest.approx(m.criterion, abs=5e-3)
    for page in (m.summary(), m.explain()):
        assert words[10:40] in " ".join(str(page).split())


# ---- what is asked wrongly -------------------------------------------------------------------------------------------

WRONG = [
    (
        "y ~ x + ar1(x | g)",
        FormulaError,
        r"ar1\(\) takes the levels of one factor, without an intercept: ar1\(0 \+ times",
    ),
    ("y ~ x + ar1(0 + x | g)", DataError, r"x is a number: write ar1\(0 \+ factor\(x\) \| g\)"),
    ("y ~ x + toep(0 + times + x | g)", FormulaError, r"toep\(\) takes the levels of one factor"),
    ("y ~ x + ar1(0 + times:x | g)", FormulaError, "takes the levels of one factor"),
    ("y ~ x + ou(t | g)", FormulaError, r"ou\(\) takes the levels of one factor, without an intercept"),
    ("y ~ x + ou(0 + word | g)", DataError, r"ou\(\) needs levels that are numbers, such as times; found 'a'"),
    ("y ~ x + cs(1 | g)", DataError, r"cs\(1 \| g\) has one effect, \(Intercept\), and cs\(\) is about correlations"),
    ("y ~ x + ar1(0 + times || g)", FormulaError, r"ar1\(\) asks for correlations and '\|\|' for none"),
    ("y ~ x + rr(0 + times | g)", FormulaError, r"rr\(\) is not available; expected one of us\(\), diag\(\)"),
    ("y ~ x + arl(0 + times | g)", FormulaError, r"arl\(\) is no covariance structure; did you mean 'ar1'"),
    ("y ~ x + ar1(0 + times | g, 2)", FormulaError, r"ar1\(\) takes one random term"),
]


@pytest.fixture(scope="module")
def series():
    data = load("made_ar1")
    return data[data["t"] <= 6].assign(
        times=lambda d: d["t"].astype(str), word=lambda d: np.where(d["t"] < 3, "a", "b")
    )


@pytest.mark.parametrize(("formula", "error", "words"), WRONG, ids=[w[0] for w in WRONG])
def test_what_no_structure_can_be(series, formula, error, words):
    with pytest.raises(error, match=words):
        lmer(formula, series)


def test_options_that_do_not_go_together(series):
    with pytest.raises(FitError, match="random term has to have an effect of its own for every row"):
        lmer("y ~ x + (1 | g)", series, dispformula="~0")
    with pytest.raises(FitError, match="for a model of the residual variance use glmer"):
        lmer("y ~ x + ar1(0 + times | g)", series, dispformula="~x")
    with pytest.raises(FitError, match="weights"):
        lmer("y ~ x + ar1(0 + times | g)", series, dispformula="~0", weights=np.ones(len(series)))
    with pytest.raises(FitError, match="leaves out the residuals of gaussian responses"):
        glmer("y ~ x + ar1(0 + times | g)", series.assign(y=1.0), "poisson", dispformula="~0")
    with pytest.raises(FitError, match="n_agq > 1"):
        glmer("z ~ x + ar1(0 + times | g)", series.assign(z=series["y"].clip(0).round()), "poisson", n_agq=3)
    m = lmer("y ~ x + ar1(0 + times | g)", series)
    with pytest.raises(FitError, match="correlation outside of what its structure allows"):
        m.criterion_at([1.0, 1.5])


# ---- what a user sees ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def autoregressive():
    return lmer("y ~ x + ar1(0 + times | g)", load("made_ar1"))


def test_the_page_has_one_row_and_one_correlation(autoregressive):
    lines = str(autoregressive.varcorr()).splitlines()
    assert re.match(r" g +times +1\.29\d* +0\.819 \(ar1\)", lines[1])
    assert len(lines) == 3
    assert "0.82 (ar1)" in str(autoregressive.summary())


def test_names_of_parameters_and_intervals(autoregressive):
    table = autoregressive.confint("profile", parameters=["x"]).to_frame()
    assert float(table["estimate"].iloc[0]) == pytest.approx(autoregressive.fixef["x"], rel=0.01)
    names = list(autoregressive.confint("wald").to_frame()["parameter"])
    assert names[:3] == ["sd_ar1(times)|g", "cor_ar1(times)|g", "sigma"]


def test_satterthwaite_of_one_variance_is_that_of_the_free_model(series):
    """homdiag of an intercept is (1 | g): the same df, means and tests."""
    one, other = lmer("y ~ x + homdiag(1 | g)", series), lmer("y ~ x + (1 | g)", series)
    assert one.criterion == pytest.approx(other.criterion, abs=1e-9)
    np.testing.assert_allclose(one.tidy()["df"].to_numpy(float)[:2], other.tidy()["df"].to_numpy(float)[:2], rtol=1e-5)


def test_compound_symmetry_without_residuals_is_a_random_intercept(series):
    """Psi = s2 [(1 - r) I + r 11'], r >= 0: the same model, its numbers, its degrees of freedom."""
    one = lmer("y ~ x + homcs(0 + times | g)", series, dispformula="~0")
    other = lmer("y ~ x + (1 | g)", series)
    assert one.criterion == pytest.approx(other.criterion, abs=1e-8)
    np.testing.assert_allclose(np.asarray(one.se), np.asarray(other.se), rtol=1e-6)
    np.testing.assert_allclose(one.tidy()["df"].to_numpy(float)[:2], other.tidy()["df"].to_numpy(float)[:2], rtol=1e-4)
    assert (one.aic, one.nobs) == (pytest.approx(other.aic), other.nobs)
    np.testing.assert_allclose(one.fitted(), one.fitted() + one.residuals(), atol=1e-5)


def test_nested_structures_can_be_compared(series):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        small = lmer("y ~ x + ar1(0 + times | g)", series, REML=False)
        large = lmer("y ~ x + toep(0 + times | g)", series, REML=False)
        page = str(compare(small, large))
    assert "not checked" not in page
    assert large.criterion < small.criterion + 1e-8


def test_numbers_of_any_spelling_are_places(series):
    one = lmer("y ~ x + ou(0 + t | g)", series)
    other = lmer("y ~ x + ou(numFactor(t) + 0 | g)", series)
    third = lmer("y ~ x + ar1(0 + times | g)", series)
    assert one.criterion == pytest.approx(other.criterion, abs=1e-9) == pytest.approx(third.criterion, abs=1e-9)
    uneven = series[series["t"] != 3]
    slow = lmer("y ~ x + ou(0 + t | g)", uneven.assign(t=uneven["t"] * 60.0))
    assert slow.criterion == pytest.approx(lmer("y ~ x + ou(0 + t | g)", uneven).criterion, abs=1e-8)


@pytest.mark.parametrize("form", ["~1", "~0"])
@pytest.mark.parametrize("formula", ["y ~ x + ar1(0 + times | g)", "y ~ x + hetar1(0 + times | g)"])
def test_everything_else_goes_on(series, formula, form):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        m = lmer(formula, series, REML=False, dispformula=form)
        new = series.assign(g="another")
        assert np.isfinite(m.predict(new, new_levels="population")).all()
        assert np.isfinite(m.predict(series)).all()
        assert m.simulate(2, seed=1).shape[0] == len(series)
        again = m.refit(np.asarray(series["y"]))
        assert again.criterion == pytest.approx(m.criterion, abs=1e-8)
        boot = m.bootstrap(5, seed=1)
        assert len(boot.names) == len(m.confint("wald").to_frame())
        if form == "~1":
            assert m.ranova().to_frame().shape[0] == 2
        assert 0 < m.r2().marginal < m.r2().conditional < 1
        for page in (m.summary(), m.explain(), m.check(), m.ranef(), m.anova(), m.tidy()):
            assert str(page)


def test_boundaries_are_answered():
    rng = np.random.default_rng(3)
    group, time = np.repeat(np.arange(30), 4), np.tile(np.arange(4), 30)
    data = pd.DataFrame({"g": group.astype(str), "t": time.astype(str)})
    shared = rng.normal(size=30)[group]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        none = lmer("y ~ 1 + ar1(0 + t | g)", data.assign(y=rng.normal(size=120) - 0.0 * shared), REML=False)
        same = lmer("y ~ 1 + homcs(0 + t | g)", data.assign(y=2 * shared + 0.1 * rng.normal(size=120)), REML=False)
    assert none.convergence.certified
    assert same.convergence.certified
    assert same.varcorr()["g"].corr[1, 0] > 0.98


@pytest.mark.parametrize("start", [[0.5, -0.3], [1.0, 0.6]])
def test_no_fit_stops_without_variance_where_another_correlation_has_some(start):
    """Neighbours of opposite signs: from the other side the variance goes to zero, where all is flat."""
    rng = np.random.default_rng(5)
    group, time = np.repeat(np.arange(25), 6), np.tile(np.arange(6), 25)
    effect = rng.normal(size=25)[group] * (-0.9) ** time
    data = pd.DataFrame({"g": group.astype(str), "t": time.astype(str), "y": effect + 0.3 * rng.normal(size=150)})
    m = lmer("y ~ 1 + ar1(0 + t | g)", data, start=start)
    assert m.theta[1] < -0.5
    assert m.criterion == pytest.approx(lmer("y ~ 1 + ar1(0 + t | g)", data).criterion, abs=1e-7)
