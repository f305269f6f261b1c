"""Degrees of freedom and Kenward-Roger's covariance: against lmerTest and pbkrtest at lme4's theta, and dense algebra.

The tally is printed at the end of the run.
"""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from at_theta import MODELS, REFERENCE, TESTS, TIGHT, at_theta, lmertest_fit, plain_names
from numpy.typing import NDArray
from test_agreement import fit as fit_reference

import multilevel as mlm
from multilevel.errors import InferenceError
from multilevel.inference.methods import METHODS, sampling_of
from multilevel.inference.satterthwaite import satterthwaite
from multilevel.inference.wald import f_p_value, t_p_values
from multilevel.inference.whitened import Whitened
from multilevel.models.estimate import Fit, estimate_of
from multilevel.summary import mixed_summary

# lme4's default optimiser stops far from the optimum: its log-likelihood is 28.5 and 0.63 lower than with a tight one,
# with which lmerTest says what is said here, see test_at_the_optimum_lmertest_agrees
NO_OPTIMUM = {"fatigue", "orange_rs"}
# pbkrtest leaves the prior weights out of some of its matrices; of the same models without weights, rows times sqrt(w),
# it says what is said here, see test_weighted_rows_are_rows_times_the_root_of_the_weight
WEIGHTS = {"sleep_weights", "made_hetero_weights"}
KNOWN = {"satterthwaite": NO_OPTIMUM, "kr": WEIGHTS}
METHOD = {"satterthwaite": "satterthwaite", "kr": "kenward-roger"}
CASES = [(key, name) for key in METHOD for name in TESTS if f"coef_{key}" in TESTS[name]]
TALLY: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module", autouse=True)
def tally():
    yield
    for key, method in METHOD.items():
        mine = {name: verdict for (k, name), verdict in TALLY.items() if k == key}
        good = sum(verdict == "agrees" for verdict in mine.values())
        print(f"\n{method}, tables of coefficients: {good} of {len(mine)} agree", end="")
        print("".join(f"\n  {name}: {verdict}" for name, verdict in mine.items() if verdict != "agrees"))


def same_p(ours: float, want: float) -> bool:
    """To 1e-4; far out in the tail, where df to six digits give p to three, to 1e-4 of its logarithm."""
    if want < 1e-280 or ours < 1e-280:
        return want < 1e-250 and ours < 1e-250
    return abs(ours / want - 1) < 1e-4 or abs(math.log(ours / want)) < 1e-4 * abs(math.log(want))


@pytest.mark.parametrize(("key", "name"), CASES)
def test_coefficients(key, name):
    TALLY[key, name] = "does not agree"
    if name in KNOWN[key]:
        TALLY[key, name] = "known difference"
        pytest.skip("known difference, see the lists above")
    fit, want = lmertest_fit(name), TESTS[name][f"coef_{key}"]
    assert plain_names(fit) == want["rows"]
    tests = sampling_of(fit, METHOD[key]).t_tests(np.eye(len(want["rows"])))
    np.testing.assert_allclose(tests.estimate, want["estimate"], atol=1e-6 * max(want["se"]))
    np.testing.assert_allclose(tests.std_error, want["se"], rtol=1e-5)
    np.testing.assert_allclose(tests.df, want["df"], rtol=1e-3)
    np.testing.assert_allclose(tests.statistic, want["t"], rtol=1e-4, atol=1e-6)
    assert all(map(same_p, tests.p_value, want["p"]))
    TALLY[key, name] = "agrees"


@pytest.mark.parametrize("name", [n for n in TESTS if "vcov_kr" in TESTS[n] and n not in KNOWN["kr"]])
def test_adjusted_covariance(name):
    ours, want = sampling_of(lmertest_fit(name), "kenward-roger").vcov, np.array(TESTS[name]["vcov_kr"])
    sd = np.sqrt(np.diag(want))
    np.testing.assert_allclose(ours / np.outer(sd, sd), want / np.outer(sd, sd), atol=1e-5)


@pytest.mark.parametrize("name", sorted(NO_OPTIMUM))
def test_at_the_optimum_lmertest_agrees(name):
    fit, want = fit_reference(MODELS[name])._fit, TIGHT[name]["coef_satterthwaite"]
    tests = sampling_of(fit, "satterthwaite").t_tests(np.eye(len(want["rows"])))
    np.testing.assert_allclose(tests.std_error, want["se"], rtol=1e-6)
    np.testing.assert_allclose(tests.df, want["df"], rtol=1e-5)
    np.testing.assert_allclose(tests.p_value, want["p"], rtol=1e-4, atol=1e-300)
    TALLY["satterthwaite", name] = "agrees at the optimum, where lme4 is not by default"


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_weighted_rows_are_rows_times_the_root_of_the_weight(name):
    fit, want = fit_reference(MODELS[name])._fit, TIGHT[name]["weighted"]
    tests = sampling_of(fit, "kenward-roger").t_tests(np.eye(len(want["rows"])))
    np.testing.assert_allclose(tests.std_error, want["se"], rtol=1e-6)
    np.testing.assert_allclose(tests.df, want["df"], rtol=1e-6)
    np.testing.assert_allclose(tests.p_value, want["p"], rtol=1e-4)
    TALLY["kr", name] = "agrees with pbkrtest without its weights, rows times sqrt(w)"


FEW_GROUPS = json.loads((REFERENCE / "few_groups.json").read_text("utf-8"))


def test_singular_fits_of_few_groups_have_pbkrtests_answers():
    """Six groups, random slopes: docs/validation.md says how cautious Kenward and Roger's tests are there."""
    same = []
    for want in FEW_GROUPS:
        data = {name: np.array(want[name], float) for name in ("y", "x", "g")}
        data["treated"] = (data["g"] - 1) % 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mlm.errors.MultilevelWarning)
            m = mlm.lmer("y ~ treated + x + (x | g)", data)
        assert m.loglik > want["loglik"] - 1e-8
        if m.loglik < want["loglik"] + 1e-8:  # once lme4 ends in another optimum
            tests = sampling_of(m._fit, "kenward-roger").t_tests(np.eye(3))
            np.testing.assert_allclose(tests.std_error, want["se"], rtol=1e-6)
            np.testing.assert_allclose(tests.df, want["df"], rtol=1e-6)
            np.testing.assert_allclose(tests.p_value, want["p"], rtol=1e-5)
            same.append(m.is_singular)
    assert (len(same), sum(same)) == (23, 6)


def test_how_many_tables_are_compared():
    counts = {key: sum(k == key for k, _ in CASES) for key in METHOD}
    assert counts == {"satterthwaite": 122, "kr": 85}


# ---- dense algebra --------------------------------------------------------------------------------------------------

Array = NDArray[np.float64]


def drawn(seed: int = 2) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    n = 72
    g, h = rng.integers(0, 9, n), rng.integers(0, 5, n)
    x, w = rng.normal(size=n), rng.uniform(0.3, 3.0, n)
    arm = (g % 2).astype(float)
    y = 1 + x + arm + rng.normal(size=9)[g] + 0.7 * rng.normal(size=9)[g] * x + 0.8 * rng.normal(size=5)[h]
    y += rng.normal(size=n) / np.sqrt(w)
    return {"y": y, "x": x, "arm": arm, "w": w, "g": [f"g{i}" for i in g], "h": [f"h{i}" for i in h]}


DESIGNS = [
    ("y ~ x + arm + (1 | g)", None),
    ("y ~ x + arm + (1 | g)", "w"),
    ("y ~ x * arm + (x | g)", None),
    ("y ~ x * arm + (x | g)", "w"),
    ("y ~ x + arm + (x || g)", "w"),
    ("y ~ x + (1 | g) + (1 | h)", "w"),
    ("y ~ x + arm + (x | g) + (1 | h)", None),
    ("y ~ x + arm + (1 | g / h)", "w"),
]


def fitted(formula: str, weights: str | None, reml: bool = True) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.errors.MultilevelWarning)
        return mlm.lmer(formula, drawn(), weights=weights, REML=reml)._fit


class Dense:
    """The n x n matrices: V = sum of psi_r G_r in units of sigma^2, a G for the residual and each free entry of Psi."""

    def __init__(self, fit: Fit) -> None:
        self.y = fit.sums.y
        self.X = np.column_stack(fit.sums.X)
        n = len(self.y)
        w = np.ones(n) if fit.prior_weights is None else fit.prior_weights
        self.G, self.entries = [np.diag(1 / w)], []
        for t, part in enumerate(fit.rows.random):
            J = np.eye(part.n_levels)[part.codes]
            Z = [J * z[:, None] for z in part.Z]
            for i in range(len(Z)):
                for j in range(i + 1):
                    if i == j or part.structure == "us":
                        self.G.append(Z[i] @ Z[j].T + (Z[j] @ Z[i].T if i != j else 0))
                        self.entries.append((t, i, j))

    def psi(self, factors: Any) -> Array:
        return np.array([1.0] + [(factors[t] @ factors[t].T)[i, j] for t, i, j in self.entries])

    def variance(self, gamma: Array) -> Array:
        """Var(beta_hat) at the variances and covariances gamma."""
        V = sum(value * G for value, G in zip(gamma, self.G, strict=True))
        return np.linalg.inv(self.X.T @ np.linalg.solve(V, self.X))

    def deviance(self, gamma: Array, reml: bool) -> float:
        V = sum(value * G for value, G in zip(gamma, self.G, strict=True))
        C = self.variance(gamma)
        r = self.y - self.X @ (C @ self.X.T @ np.linalg.solve(V, self.y))
        d = np.linalg.slogdet(V)[1] + r @ np.linalg.solve(V, r)
        return d - np.linalg.slogdet(C)[1] if reml else d


def kenward_roger(fit: Fit) -> tuple[Array, Array, Array]:
    """Adjusted covariance; P and W in units of V, straight from the paper."""
    d = Dense(fit)
    psi = d.psi(fit.factors)
    Vi = np.linalg.inv(sum(value * G for value, G in zip(psi, d.G, strict=True)))
    Phi, VX, r = np.linalg.inv(d.X.T @ Vi @ d.X), Vi @ d.X, len(psi)
    P = [-VX.T @ G @ VX for G in d.G]
    Q = [[VX.T @ A @ Vi @ B @ VX for B in d.G] for A in d.G]
    information = np.array(
        [
            [
                np.trace(Vi @ d.G[a] @ Vi @ d.G[b]) / 2
                - np.trace(Phi @ Q[a][b])
                + np.trace(Phi @ P[a] @ Phi @ P[b]) / 2
                for b in range(r)
            ]
            for a in range(r)
        ]
    )
    W = np.linalg.inv(information)
    middle = sum(W[a, b] * (Q[a][b] - P[a] @ Phi @ P[b]) for a in range(r) for b in range(r))
    return fit.estimate.sigma**2 * (Phi + 2 * Phi @ middle @ Phi), np.array(P), W


@pytest.mark.parametrize(("formula", "weights"), DESIGNS)
def test_kenward_roger_is_that_of_dense_algebra(formula, weights):
    fit = fitted(formula, weights)
    sampling = sampling_of(fit, "kenward-roger")
    vcov, P, W = kenward_roger(fit)
    np.testing.assert_allclose(sampling.vcov, vcov, rtol=1e-6, atol=1e-9)
    Phi = fit.estimate.unscaled_vcov
    for row, df in zip(np.eye(len(vcov)), sampling.df(np.eye(len(vcov))), strict=True):
        projector = np.outer(row, row) / (row @ Phi @ row)
        traces = np.array([np.trace(projector @ Phi @ p @ Phi) for p in P])
        assert df == pytest.approx(2 / (traces @ W @ traces), rel=1e-5)  # what equations 6 to 8 are for one combination


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize(("formula", "weights"), DESIGNS)
def test_satterthwaite_is_that_of_dense_algebra(formula, weights, reml):
    """2 f^2 / (g'Ag), in variances and covariances here, where the package has theta and sigma."""
    fit = fitted(formula, weights, reml)
    d = Dense(fit)
    gamma = fit.estimate.sigma**2 * d.psi(fit.factors)
    assert not fit.estimate.is_singular  # on the boundary the two sets of parameters have different curvature
    m = len(gamma)
    steps = 2e-3 * np.maximum(np.abs(gamma), 0.02 * gamma[0])
    E = np.diag(steps)
    H = np.array(
        [
            [
                sum(
                    a * b * d.deviance(gamma + a * E[i] + b * E[j], reml) for a in (1, -1) for b in (1, -1)
                ) / (4 * steps[i] * steps[j])
                for j in range(m)
            ]
            for i in range(m)
        ]
    )  # fmt: skip
    A = 2 * np.linalg.inv(H)
    slopes = [(d.variance(gamma + E[i]) - d.variance(gamma - E[i])) / (2 * steps[i]) for i in range(m)]
    variance = d.variance(gamma)
    for row, df in zip(np.eye(len(variance)), sampling_of(fit).df(np.eye(len(variance))), strict=True):
        g = np.array([row @ slope @ row for slope in slopes])
        assert df == pytest.approx(2 * (row @ variance @ row) ** 2 / (g @ A @ g), rel=2e-4)


@pytest.mark.parametrize(
    ("formula", "method"),
    [("y ~ x + arm + (x | g)", method) for method in METHODS]
    + [("y ~ x + (1 | g) + (1 | h)", method) for method in METHODS if method != "between-within"],
)
def test_degrees_of_freedom_do_not_depend_on_units(formula, method):
    plain, scaled = drawn(), drawn()
    scaled["y"], scaled["x"] = 1e5 * scaled["y"], 1e-4 * scaled["x"] + 3.0
    samplings = [sampling_of(mlm.lmer(formula, d)._fit, method) for d in (plain, scaled)]
    slopes = [s.estimates(np.eye(len(s.beta))[1:]) for s in samplings]
    np.testing.assert_allclose(slopes[0].df, slopes[1].df, rtol=1e-5)
    units = np.array([1e9, 1e5][: len(slopes[0].df)])
    np.testing.assert_allclose(slopes[0].std_error * units, slopes[1].std_error, rtol=1e-6)


def test_at_an_optimum_the_coordinates_do_not_matter():
    fit = fitted(*DESIGNS[2])
    roots = tuple(np.eye(len(factor)) for factor in fit.factors)
    E = np.eye(len(fit.names))
    plain = satterthwaite(fit, Whitened(fit, E, roots))
    np.testing.assert_allclose(satterthwaite(fit).df(E), plain.df(E), rtol=1e-5)


def test_a_balanced_split_plot_has_the_degrees_of_freedom_of_its_strata():
    oats = mlm.datasets.load("oats", "dict")
    fit = mlm.lmer("yield ~ variety + nitro + (1 | block / variety)", oats, contrasts={"variety": "sum"})._fit
    strata = {"variety[1]": 10, "variety[2]": 10, "nitro": 53}
    for method in ("satterthwaite", "kenward-roger"):
        df = dict(zip(fit.names, sampling_of(fit, method).df(np.eye(len(fit.names))), strict=True))
        assert {name: df[name] for name in strata} == pytest.approx(strata, rel=1e-5)


def test_kenward_roger_of_an_ml_fit_refits_by_reml_and_says_so():
    ml, reml = (sampling_of(fitted(*DESIGNS[2], reml=r), "kenward-roger") for r in (False, True))
    np.testing.assert_allclose(ml.vcov, reml.vcov, rtol=1e-5)
    np.testing.assert_allclose(ml.beta, reml.beta, rtol=1e-5)
    assert "REML" in ml.note
    assert reml.note == ""
    assert ml.note in str(mixed_summary(fitted(*DESIGNS[2], reml=False), None, "dict", "kenward-roger")).replace(
        "\n  ", " "
    )


def test_a_variance_of_zero_is_no_special_case():
    fit = lmertest_fit("dyestuff2")
    for method in ("satterthwaite", "kenward-roger"):
        (df,) = sampling_of(fit, method).df(np.eye(1))
        assert df == pytest.approx(
            TESTS["dyestuff2"][f"coef_{'kr' if method[0] == 'k' else method}"]["df"][0], rel=1e-6
        )


# ---- p-values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("df", [1.0, 2.5, 30.0, 1e6, np.inf])
@pytest.mark.parametrize("t", [0.0, 0.3, -2.0, 7.0, 39.0])
def test_p_values_are_those_of_scipy(t, df):
    from scipy import stats

    want = 2 * (stats.norm.sf(abs(t)) if np.isinf(df) else stats.t.sf(abs(t), df))
    assert t_p_values(np.array([t]), df)[0] == pytest.approx(want, rel=1e-9)
    assert f_p_value(t**2, 1, df) == pytest.approx(want, rel=1e-9)
    joint = stats.chi2.sf(3 * t**2, 3) if np.isinf(df) else stats.f.sf(t**2, 3, df)
    assert f_p_value(t**2, 3, df) == pytest.approx(joint, rel=1e-9)


def test_no_degrees_of_freedom_have_no_p_value():
    assert np.isnan(t_p_values(np.array([1.0, 1.0]), np.array([0.0, np.nan]))).all()


# ---- what cannot be -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "df", "words"),
    [
        ("y ~ x + (1 | g)", "satterthwait", r"df is 'satterthwait'; expected one of .* did you mean 'satterthwaite'\?"),
        ("y ~ x + (1 | g)", "kr", "expected one of 'satterthwaite', 'kenward-roger'"),
        ("y ~ x", "satterthwaite", "belongs to mixed models; a linear model has residual degrees of freedom"),
        ("y ~ x", "kenward-roger", "belongs to mixed models"),
    ],
)
def test_a_method_that_is_none_of_the_fit(formula, df, words):
    fit = (mlm.lmer if "|" in formula else mlm.lm)(formula, drawn())._fit
    with pytest.raises(InferenceError, match=words):
        sampling_of(fit, df)


def test_a_fit_evaluated_elsewhere_is_that_of_the_core():
    fit = fitted(*DESIGNS[0])
    other = at_theta(fit, [0.3])
    assert other.estimate.criterion == pytest.approx(fit.sums.core.criterion(np.array([0.3]), True))
    assert replace(other, estimate=estimate_of(fit.sums.core.fit(True), fit.sums, reml=True)).estimate.theta == (
        pytest.approx(fit.estimate.theta)
    )
