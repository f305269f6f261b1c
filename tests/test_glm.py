"""Generalized linear models beside R's glm, the story of separation, and what cannot be fitted."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reference_data import load

from multilevel import families, glm
from multilevel.errors import (
    DataError,
    FitError,
    FormulaError,
    InferenceError,
    MissingRowsWarning,
    RankWarning,
    SeparationWarning,
)

R = json.loads((Path(__file__).parent / "reference" / "glm.json").read_text())
OBJECTS = {
    "negative_binomial size=5": families.negative_binomial(size=5),
    "quasi(log) mu^2": families.quasi("log", variance="mu^2"),
}
CBPP = "cbind(incidence, size - incidence) ~ period"


def plain(name):
    return name.replace("[", "").replace("]", "")


def ids(case):
    return f"{case['formula']} {case['family']}" + (f" {case['weights']}" if case["weights"] else "")


@pytest.fixture(params=R, ids=ids)
def pair(request):
    case = request.param
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RankWarning)
        family = OBJECTS.get(case["family"], case["family"])
        return glm(case["formula"], load(case["data"]), family, weights=case["weights"]), case


def test_estimates_are_those_of_r(pair):
    m, r = pair
    fixef = {plain(name): value for name, value in m.fixef.items()}
    assert list(fixef) == list(r["coef"])
    frame = m.tidy().set_index("term")
    frame.index = [plain(name) for name in frame.index]
    for name, se in r["se"].items():
        assert abs(fixef[name] - r["coef"][name]) < 1e-6 * se
        assert frame.std_error[name] == pytest.approx(se, rel=2e-6)
        assert frame.p_value[name] == pytest.approx(r["p"][name], rel=1e-4)
    assert [name for name in fixef if np.isnan(fixef[name])] == [name for name, v in r["coef"].items() if v is None]


def test_deviances_and_criteria_are_those_of_r(pair):
    m, r = pair
    got = m.glance().iloc[0]
    if r["size"] is not None:
        assert m._fit.estimate.shape[0] == pytest.approx(r["size"], rel=1e-5)
    for name in ("deviance", "null_deviance", "dispersion", "df_residual", "df_null", "nobs"):
        assert got[name] == pytest.approx(r[name], rel=1e-8), name
    for name in ("aic", "loglik"):
        assert np.isnan(got[name]) if r[name] is None else got[name] == pytest.approx(r[name], rel=1e-9), name


def test_without_intercept_the_null_model_may_be_impossible():
    d = {"k": [0.0, 1, 3, 2], "f": ["a", "a", "b", "b"]}
    assert glm("k ~ 0 + f", d, "poisson(sqrt)")._fit.estimate.null_deviance == np.inf  # as R: its means are zero


def test_fitted_values_and_residuals_are_those_of_r(pair):
    m, r = pair
    np.testing.assert_allclose(m.fitted()[:5], r["fitted"], rtol=1e-7)
    np.testing.assert_allclose(m.predict(type="response")[:5], r["fitted"], rtol=1e-7)
    for kind, want in r["residuals"].items():
        np.testing.assert_allclose(m.residuals(kind)[:5], want, rtol=1e-6, atol=1e-7 * np.abs(want).max())


def test_the_gradient_of_the_likelihood_is_zero(pair):
    """X'(y - mu) dmu/deta / Var(y) = 0, the estimating equation."""
    m, _ = pair
    fit = m._fit
    X = np.column_stack([fit.rows.X[j] for j in fit.kept])
    eta = fit.family.link.of(fit.mean)
    slope = fit.family.link.derivative(eta)
    variance = fit.family.variance(fit.mean, fit.weights, fit.estimate.shape)
    score = (fit.y - fit.mean) * slope / variance
    information = X.T @ (X * (slope**2 / variance)[:, None])
    step = np.linalg.solve(information, X.T @ score)
    assert np.abs(step / np.sqrt(np.diag(np.linalg.inv(information)))).max() < 1e-7


def test_a_factor_response_and_its_levels():
    d = load("bacteria")
    m = glm("y ~ trt", d, "binomial")
    zero_one = glm("y ~ trt", d.assign(y=(d.y == "y").astype(int)), "binomial")
    np.testing.assert_allclose(np.asarray(m.fixef), np.asarray(zero_one.fixef))
    again = m.refit(d.y.astype(str).to_numpy())
    np.testing.assert_allclose(np.asarray(m.fixef), np.asarray(again.fixef))


def test_a_logical_response():
    d = load("birthwt")
    m = glm("I(bwt < 2500) ~ lwt", d, "binomial")
    np.testing.assert_allclose(np.asarray(m.fixef), np.asarray(glm("low ~ lwt", d, "binomial").fixef))


def test_a_row_counts_as_often_as_its_weight():
    d = load("warpbreaks")
    w = np.arange(54) % 3
    repeated = d.loc[np.repeat(d.index, w)].reset_index(drop=True)
    one, two = glm("breaks ~ wool", d, "poisson", weights=w), glm("breaks ~ wool", repeated, "poisson")
    np.testing.assert_allclose(np.asarray(one.fixef), np.asarray(two.fixef), rtol=1e-10)
    assert one.loglik == pytest.approx(two.loglik)
    assert one.nobs == 36
    assert "18 rows have weight zero" in str(one.summary())
    assert np.isfinite(one.fitted()).all()


def test_rows_without_trials_do_not_count():
    d = pd.DataFrame({"s": [1, 0, 3, 4, 2], "n": [4, 0, 5, 6, 9], "x": [1.0, 2, 3, 4, 7]})
    one, two = glm("cbind(s, n - s) ~ x", d, "binomial"), glm("cbind(s, n - s) ~ x", d.drop(1), "binomial")
    np.testing.assert_allclose(np.asarray(one.fixef), np.asarray(two.fixef))
    assert (one.nobs, one.df_residual, one.aic) == (two.nobs, two.df_residual, pytest.approx(two.aic))
    assert one.residuals()[1] == 0


@pytest.mark.parametrize("kind", ["binomial", "poisson", "gamma(log)", "gaussian"])
def test_simulated_data_give_the_parameters_back(kind):
    rng = np.random.default_rng(1)
    d = pd.DataFrame({"x": rng.standard_normal(4000), "n": rng.integers(1, 20, 4000)})
    family = families.family_of(kind)
    mu = family.link.inverse(0.3 + 0.5 * d.x.to_numpy())
    weights = d.n.to_numpy(float) if family.trials else np.ones(4000)
    d["y"] = family.simulate(mu, weights, np.array([0.2]), rng)
    m = glm("y ~ x", d, family, weights="n" if family.trials else None)
    z = (np.asarray(m.fixef) - [0.3, 0.5]) / np.asarray(m.se)
    assert np.abs(z).max() < 3.5
    drawn = m.simulate(200, seed=2)
    variance = family.variance(m.fitted(), weights, np.array([m.dispersion]))
    assert np.mean(drawn.var(axis=1) / variance) == pytest.approx(1, abs=0.02)
    quantile = m.residuals("quantile", seed=3)
    assert (quantile.mean(), quantile.std()) == (pytest.approx(0, abs=0.05), pytest.approx(1, abs=0.04))


def test_pairs_of_counts_are_simulated_and_refitted():
    d = load("cbpp")
    m = glm(CBPP, d, "binomial")
    y = m.simulate(2, seed=1)
    assert (y == np.round(y)).all() and (y <= d["size"].to_numpy()[:, None]).all()  # noqa: PT018
    one = m.refit(y[:, 0])
    two = m.refit(np.column_stack([y[:, 0], d["size"] - y[:, 0]]))
    np.testing.assert_allclose(np.asarray(one.fixef), np.asarray(two.fixef))
    again = m.refit(d.incidence)
    np.testing.assert_allclose(np.asarray(again.fixef), np.asarray(m.fixef), rtol=1e-10)
    new = pd.DataFrame({"period": ["1", "4"], "incidence": [0, 0], "size": [1000, 2000]})
    drawn = m.simulate(400, newdata=new, seed=2).mean(axis=1) / [1000, 2000]
    np.testing.assert_allclose(drawn, m.predict(new, type="response"), atol=0.003)


def test_missing_rows_stay_in_place():
    d = load("birthwt").astype({"lwt": float})
    d.loc[[3, 8], "lwt"] = np.nan
    with pytest.warns(MissingRowsWarning, match="2 of 189"):
        m = glm("low ~ lwt", d, "binomial")
    assert np.flatnonzero(np.isnan(m.fitted())).tolist() == [3, 8]
    assert "(2 observations deleted due to missingness)" in str(m.summary())


def test_a_fit_travels():
    m = glm("low ~ lwt", load("birthwt"), "binomial")
    again = pickle.loads(pickle.dumps(m))
    assert str(again.summary()) == str(m.summary())
    assert again.refit(load("birthwt").low).aic == pytest.approx(m.aic)


def test_ratios():
    m = glm("low ~ smoke", load("birthwt"), "binomial")
    plain, ratio = m.tidy().iloc[1], m.tidy(exponentiate=True).iloc[1]
    assert ratio.estimate == pytest.approx(np.exp(plain.estimate))
    assert ratio.std_error == pytest.approx(np.exp(plain.estimate) * plain.std_error)
    assert ratio.p_value == plain.p_value
    with pytest.raises(InferenceError, match=r"with the link 'probit' exp\(coefficient\) is no ratio"):
        glm("low ~ smoke", load("birthwt"), "binomial(probit)").tidy(exponentiate=True)


def test_augment_and_explain():
    m = glm("breaks ~ wool", load("warpbreaks"), "gamma(log)")
    frame = m.augment()
    np.testing.assert_allclose(frame[".fitted"], m.fitted())
    np.testing.assert_allclose(frame[".resid"], m.residuals())
    assert "on the scale of the log link, is described by 2 coefficients" in m.explain().to_text(200)
    assert "dispersion, Pearson's X^2" in m.explain().to_text(200)


# ---- separation -----------------------------------------------------------------------------------------------------

N = 40
X = np.linspace(-2, 2, N)
NOISE = np.random.default_rng(5).standard_normal(N)
SEPARATED = [
    ("y ~ x", {"y": X > 0, "x": X}, "binomial", {"x"}),
    ("y ~ x", {"y": X > 0, "x": X}, "binomial(probit)", {"x"}),
    ("y ~ x", {"y": X > 0, "x": X}, "binomial(cloglog)", {"x"}),
    ("y ~ x + z", {"y": X > 0, "x": X, "z": NOISE}, "binomial", {"x", "z"}),
    ("y ~ g + x", {"y": (NOISE > 0) | (X > 1), "g": np.where(X > 1, "b", "a"), "x": np.cos(9 * X)}, "binomial",
     {"g[b]"}),
    ("y ~ g", {"y": np.where(X > 1, 0, np.arange(N) % 5), "g": np.where(X > 1, "b", "a")}, "poisson", {"g[b]"}),
    ("cbind(s, f) ~ g", {"s": np.where(X > 1, 0, np.arange(N) % 3), "f": np.full(N, 2),
                         "g": np.where(X > 1, "b", "a")}, "binomial", {"g[b]"}),
    ("y ~ 0 + x", {"y": X > 0, "x": X}, "quasibinomial", {"x"}),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "data", "family", "names"), SEPARATED)
def test_separation_is_said(formula, data, family, names):
    frame = pd.DataFrame(data).astype({"y": int} if "y" in data else {})
    with pytest.warns(SeparationWarning, match=r"no finite estimates?: .* \(separation\)"):
        m = glm(formula, frame, family)
    involved = {m._fit.names[j] for j in m._fit.estimate.separation}
    assert names <= involved <= names | {"(Intercept)"}
    assert "no finite estimate" in m.summary().to_text(300)
    assert "The options" in m.explain().to_text(300)


OVERLAPPING = [
    ("y ~ x", {"y": (X > 0) ^ (np.arange(N) == 3), "x": 30 * X}, "binomial"),
    ("y ~ x", {"y": np.where(X > 1.9, 1, (X > 0) & (np.arange(N) % 9 > 0)), "x": X}, "binomial"),
    ("y ~ x", {"y": np.round(np.exp(8 * X)), "x": X}, "poisson"),
]


@pytest.mark.parametrize(("formula", "data", "family"), OVERLAPPING)
def test_extreme_means_alone_are_no_separation(formula, data, family):
    m = glm(formula, pd.DataFrame(data).astype({"y": int}), family)
    assert not m._fit.estimate.separation
    assert np.isfinite(np.asarray(m.fixef)).all()


# ---- offsets and scales ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [1e3, -1e3, 1e6])
def test_a_huge_offset_is_taken_up_by_the_intercept(shift):
    d = load("warpbreaks")
    m, moved = glm("breaks ~ wool", d, "poisson"), glm(f"breaks ~ wool + offset(0 * breaks + {shift})", d, "poisson")
    assert moved.deviance == pytest.approx(m.deviance, rel=1e-6)
    assert moved.fixef["(Intercept)"] + shift == pytest.approx(m.fixef["(Intercept)"], abs=1e-7)
    assert moved.se["wool[B]"] == pytest.approx(m.se["wool[B]"], rel=1e-6)


@pytest.mark.parametrize("scaled", ["I(lwt * 1e6)", "I(lwt * 1e-6)", "I(lwt + 2020)"])
def test_units_of_a_predictor_do_not_matter(scaled):
    d = load("birthwt")
    m, other = glm("low ~ lwt", d, "binomial"), glm(f"low ~ {scaled}", d, "binomial")
    assert other.deviance == pytest.approx(m.deviance, rel=1e-10)
    np.testing.assert_allclose(other.fitted(), m.fitted(), rtol=1e-7)


# ---- what cannot be fitted ------------------------------------------------------------------------------------------

GOOD = pd.DataFrame({
    "y": [0, 1, 0, 1, 1, 0], "k": [0, 1, 4, 2, 1, 3], "p": [0.1, 0.9, 0.5, 0.4, 0.2, 0.6], "x": [1.0, 2, 3, 4, 5, 6],
    "t": [1.5, 0.5, 2.5, 3.5, 1.1, 2.2], "g": list("ababcc"), "zero": 0, "one": 1, "n": 4,
})  # fmt: skip
BAD = [
    ("y ~ x + (1 | g)", "binomial", {}, FormulaError, r"has random terms, such as \(1 \| g\); use glmer"),
    ("~ x", "binomial", {}, FormulaError, "has no response"),
    ("y ~ x", "binomal", {}, FitError, "no family is called 'binomal'; did you mean 'binomial'"),
    ("y ~ x", "poisson(logit)", {}, FitError, "poisson family cannot have the link 'logit'"),
    ("k ~ x", "binomial", {}, DataError, "response k is 4 in row 2 .*, 3 row.* binomial family expected 0 or 1"),
    ("p ~ x", "binomial", {}, DataError, "response p is 0.1 in row 0 .*, 6 row.* whole numbers of successes"),
    ("p ~ x", "binomial", {"weights": "n"}, DataError, "response p is 0.1 in row 0"),
    ("p ~ x", "poisson", {}, DataError, "response p is 0.1 in row 0 .* poisson family expected counts, whole"),
    ("I(k - 2) ~ x", "poisson", {}, DataError, r"response I\(k - 2\) is -2 in row 0 .*, 3 row.* counts, zero or more"),
    ("k ~ x", "gamma", {}, DataError, "response k is 0 in row 0 .* gamma family expected positive"),
    ("k ~ x", "inverse_gaussian", {}, DataError, "inverse_gaussian family expected positive"),
    ("zero ~ x", "binomial", {}, FitError, "response zero is 0 in every row: the likelihood has no maximum"),
    ("one ~ x", "binomial", {}, FitError, "response one is 1 in every row: the likelihood has no maximum"),
    ("zero ~ x", "poisson", {}, FitError, "response zero is 0 in every row: the likelihood has no maximum"),
    ("one ~ x", "gamma", {}, FitError, "response one is 1 in every row; there is nothing to explain"),
    ("one ~ x", "generalized_poisson", {}, FitError, "response one is 1 in every row; there is nothing to explain"),
    ("I(one / 2) ~ x", "beta", {}, FitError, "is 0.5 in every row; there is nothing to explain"),
    ("cbind(y, n) ~ x", "poisson", {}, DataError, "counts successes and failures, which needs a binomial family"),
    ("cbind(p, n) ~ x", "binomial", {}, DataError, r"response cbind\(p, n\) has 0.1 in row 0 .*, 6 row.* whole"),
    ("cbind(y - 1, n) ~ x", "binomial", {}, DataError, "has -1 in row 0 .* expected counts, whole numbers, zero"),
    ("cbind(zero, zero) ~ x", "binomial", {}, DataError, "has no trials in any row"),
    ("cbind(zero, n) ~ x", "binomial", {}, FitError, r"response cbind\(zero, n\) is 0 in every row"),
    ("g ~ x", "poisson", {}, DataError, "text or categorical"),
    ("y ~ x", "beta", {}, DataError, "response y is 0 in row 0 .*, 6 row.* between 0 and 1, both excluded"),
    ("p ~ x", "negative_binomial", {}, DataError, "negative_binomial family expected counts, whole"),
    ("y ~ x", "binomial", {"weights": [1, 2, -1, 1, 1, 1]}, DataError, "weights must be zero or positive"),
    ("y ~ x", "binomial", {"weights": [0.5] * 6}, DataError, "response y is 1 in row 1 .* whole numbers of successes"),
    ("y ~ z", "binomial", {}, DataError, "column 'z' not found"),
    ("t ~ 0 + I(x - 3)", "gamma(identity)", {}, FitError, "first step gives means .* gamma family cannot have"),
]


@pytest.mark.parametrize(("formula", "family", "options", "error", "words"), BAD)
def test_what_cannot_be_fitted(formula, family, options, error, words):
    with pytest.raises(error, match=words):
        glm(formula, GOOD, family, **options)


BAD_QUESTIONS = [
    (lambda m: m.predict(type="mean"), DataError, "type is 'mean'; expected 'link' or 'response'"),
    (lambda m: m.predict({"z": [1]}), DataError, "column 'lwt' not found"),
    (lambda m: m.residuals("deviants"), DataError, "kind is 'deviants'; expected"),
    (lambda m: m.simulate(0), DataError, "n is 0; expected the number of simulations"),
    (lambda m: m.refit([1, 0]), DataError, r"y has shape \(2,\); expected one value for each of the 189 rows"),
    (lambda m: m.refit(np.full(189, np.nan)), DataError, "y has 189 missing or infinite"),
    (lambda m: m.refit(np.arange(189)), DataError, "response low is 2 in row 2"),
    (lambda m: m.refit(np.zeros(189)), FitError, "likelihood has no maximum"),
]


@pytest.mark.parametrize(("ask", "error", "words"), BAD_QUESTIONS)
def test_what_cannot_be_asked(ask, error, words):
    m = glm("low ~ lwt", load("birthwt"), "binomial")
    with pytest.raises(error, match=words):
        ask(m)
