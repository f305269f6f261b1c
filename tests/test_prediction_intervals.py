"""Intervals of predictions: against the inverse of Henderson's equations, R's `predict.lm`, and by coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag

import multilevel as mlm

load = mlm.datasets.load
MODELS = {
    "slopes": ("reaction ~ days + (days | subject)", "sleepstudy"),
    "two terms": ("reaction ~ days + (1 | subject) + (0 + days | subject)", "sleepstudy"),
    "crossed": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin"),
    "nested": ("strength ~ 1 + (1 | batch/cask)", "pastes"),
}


@pytest.fixture(scope="module")
def models() -> dict[str, mlm.LinearMixedModel]:
    return {name: mlm.lmer(formula, load(data)) for name, (formula, data) in MODELS.items()}


def dense_Z(rows: Any) -> np.ndarray:
    """(n, q): the columns of each term beside each other, level by level; unseen levels have none."""
    blocks = []
    for part in rows.random:
        incidence = part.codes[:, None] == np.arange(part.n_levels)
        Z = np.column_stack([np.broadcast_to(z, (rows.n,)) for z in part.Z])
        blocks.append((incidence[:, :, None] * Z[:, None, :]).reshape(rows.n, -1))
    return np.hstack(blocks)


def henderson(m: mlm.LinearMixedModel, newdata: Any) -> np.ndarray:
    """Var(x'beta_hat + z'b_hat - x'beta - z'b) from the whole coefficient matrix."""
    fit = m._fit
    X, Z = fit.rows.dense_X(), dense_Z(fit.rows)
    psi = block_diag(*[np.kron(np.eye(p.n_levels), f @ f.T) for f, p in zip(fit.factors, fit.rows.random, strict=True)])
    W = np.hstack([X, Z])
    C = W.T @ W + block_diag(np.zeros((X.shape[1], X.shape[1])), np.linalg.inv(psi))
    new = fit.design.matrices(mlm.data.rows.read_columns(newdata))
    rows = np.hstack([new.dense_X(), dense_Z(new)])
    return m.sigma**2 * np.einsum("ij,jk,ik->i", rows, np.linalg.inv(C), rows)


@pytest.mark.parametrize("name", MODELS)
def test_known_groups_against_henderson(models: dict[str, mlm.LinearMixedModel], name: str) -> None:
    m, data = models[name], load(MODELS[name][1])
    rng = np.random.default_rng(3)  # pairs of levels that need not meet in the data
    new = pd.DataFrame({c: rng.permutation(data[c].to_numpy())[:25] for c in data.columns})
    if name == "nested":
        new = data.iloc[::3].reset_index(drop=True)
    found = m.predict(new, interval="confidence")
    np.testing.assert_allclose(found["std_error"] ** 2, henderson(m, new), rtol=1e-9)
    np.testing.assert_allclose(found["estimate"], m.predict(new), rtol=1e-13)
    one = m.predict(new, interval="prediction")
    np.testing.assert_allclose(one["std_error"] ** 2, found["std_error"] ** 2 + m.sigma**2, rtol=1e-12)


def test_many_factors_and_levels_that_are_not_known() -> None:
    """Nested and crossed factors, slopes, pairs that never met, rows without a known level of some factor."""
    rng = np.random.default_rng(8)
    n = 400
    data = {"x": rng.normal(size=n), "a": rng.integers(0, 12, n).astype(str), "b": rng.integers(0, 9, n).astype(str)}
    data |= {"c": np.char.add(data["b"], rng.integers(0, 4, n).astype(str)), "d": rng.integers(0, 7, n).astype(str)}
    y = rng.normal(size=n)
    for name, z in zip("aabccd", [1.0, data["x"], 1.0, 1.0, data["x"], 1.0], strict=True):
        levels, codes = np.unique(data[name], return_inverse=True)
        y += z * rng.normal(size=len(levels))[codes]
    data["y"] = y
    m = mlm.lmer("y ~ x + (x | a) + (1 | b) + (x | c) + (1 | d)", data)
    new = {name: rng.permutation(values)[:60] for name, values in data.items()}
    for name, row in (("a", 3), ("b", 4), ("c", 5), ("d", 6)):
        new[name][row:40:7] = "?"
    for name in "ab":
        new[name][50] = "?"
    found = m.predict(new, new_levels="population", interval="confidence")["std_error"] ** 2
    np.testing.assert_allclose(found, henderson(m, new), rtol=1e-8)


def test_a_coefficient_of_a_group_has_the_error_that_coef_gives(models: dict[str, mlm.LinearMixedModel]) -> None:
    m = models["slopes"]
    at_zero = m.predict({"days": [0.0], "subject": ["308"]}, interval="confidence")
    table = m.coef()["subject"].to_frame()
    assert at_zero["std_error"].iloc[0] == pytest.approx(table["(Intercept) std_error"].iloc[0], rel=1e-10)


def test_the_population_has_the_fixed_effects_errors_and_df(models: dict[str, mlm.LinearMixedModel]) -> None:
    m = models["slopes"]
    found = m.predict({"days": [0.0]}, groups="population", interval="confidence", level=0.9)
    assert found["std_error"].iloc[0] == pytest.approx(m.se["(Intercept)"], rel=1e-12)
    assert found["df"].iloc[0] == pytest.approx(17, rel=1e-6)
    reach = 1.739606726 * m.se["(Intercept)"]  # the 95 % point of t with 17 df
    assert found["upper"].iloc[0] - found["estimate"].iloc[0] == pytest.approx(reach, rel=1e-6)


def test_a_new_group_spreads_as_groups_do(models: dict[str, mlm.LinearMixedModel]) -> None:
    m = models["slopes"]
    z = np.array([1.0, 4.0])
    found = m.predict({"days": [4.0], "subject": ["new"]}, new_levels="population", interval="prediction")
    factor = m._fit.factors[0]
    mean = z @ m.vcov.array @ z
    expected = mean + m.sigma**2 * (1 + z @ factor @ factor.T @ z)
    assert found["std_error"].iloc[0] ** 2 == pytest.approx(expected, rel=1e-12)
    same = m.predict({"days": [4.0]}, groups="population", interval="prediction")
    pd.testing.assert_frame_equal(found, same)


def test_estimated_theta_widens_by_the_slope_of_the_prediction(models: dict[str, mlm.LinearMixedModel]) -> None:
    m = models["crossed"]
    new = load("penicillin").iloc[[0, 50]].reset_index(drop=True)
    known = m.predict(new, interval="confidence")
    wide = m.predict(new, interval="confidence", theta="estimated")
    from multilevel.inference.methods import sampling_of

    phi = sampling_of(m._fit).phi_vcov[1:, 1:]
    slopes = []
    for j in range(2):
        ends = []
        for step in (1e-5, -1e-5):
            theta = m.theta.copy()
            theta[j] += step
            solution = m._fit.sums.core.solve(theta, True)
            modes = [b[part.codes] for b, part in zip(solution.modes, m._fit.rows.random, strict=True)]
            ends.append((solution.beta[0] + sum(modes))[[0, 50]])
        slopes.append((ends[0] - ends[1]) / 2e-5)
    g = np.array(slopes)
    extra = np.einsum("mi,mn,ni->i", g, phi, g)
    np.testing.assert_allclose(wide["std_error"] ** 2 - known["std_error"] ** 2, extra, rtol=1e-3)


@pytest.mark.parametrize(("interval", "lower", "upper"), [("confidence", 340.9169, 371.2391),
                                                           ("prediction", 260.7059, 451.4501)])  # fmt: skip
def test_linear_models_as_in_r(interval: Any, lower: float, upper: float) -> None:
    found = mlm.lm("reaction ~ days", load("sleepstudy")).predict({"days": [10]}, interval=interval)
    np.testing.assert_allclose(found[["lower", "upper"]].to_numpy()[0], [lower, upper], atol=5e-5)


def test_missing_predictors_give_missing_intervals(models: dict[str, mlm.LinearMixedModel]) -> None:
    found = models["slopes"].predict({"days": [1.0, np.nan], "subject": ["308", "308"]}, interval="confidence")
    assert found.isna().all(axis=1).tolist() == [False, True]


def test_weights_divide_the_variance_of_a_new_response() -> None:
    data = load("sleepstudy").assign(w=lambda d: d["days"] + 1.0)
    m = mlm.lmer("reaction ~ days + (1 | subject)", data, weights="w")
    new = pd.DataFrame({"days": [2.0, 2.0], "subject": ["308", "308"], "w": [1.0, 4.0]})
    error = m.predict(new, interval="prediction")["std_error"] ** 2
    assert error[0] - error[1] == pytest.approx(0.75 * m.sigma**2, rel=1e-10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interval": "both"}, "interval is 'both'; expected 'confidence' or 'prediction'"),
        ({"interval": "confidence", "level": 95}, "level is 95; expected a number between 0 and 1"),
        ({"interval": "confidence", "level": 0.0}, "between 0 and 1"),
        ({"interval": "prediction", "theta": "free"}, "theta is 'free'"),
        ({"interval": "prediction", "new_levels": "draw"}, "draws one possible value, which has no interval"),
    ],
)
def test_bad_options(models: dict[str, mlm.LinearMixedModel], options: Any, words: str) -> None:
    with pytest.raises(mlm.MultilevelError, match=words):
        models["slopes"].predict({"days": [1.0], "subject": ["308"]}, **options)


def test_coverage() -> None:
    """Eight groups of five: 95 % intervals for a new response of a new group, and for the mean of a known one."""
    rng = np.random.default_rng(20)
    g, x = np.repeat(np.arange(8), 5), np.tile(np.arange(5.0), 8)
    runs, hits_new, hits_known = 400, 0, 0
    data = pd.DataFrame({"g": g.astype(str), "x": x, "y": 0.0})
    for _ in range(runs):
        b = rng.normal(0, 1.0, 9)
        data["y"] = 1 + 0.5 * x + b[g] + rng.normal(0, 0.7, len(g))
        m = mlm.lmer("y ~ x + (1 | g)", data)
        new = m.predict({"x": [2.0]}, groups="population", interval="prediction").iloc[0]
        truth = 1 + 0.5 * 2 + b[8] + rng.normal(0, 0.7)
        hits_new += new["lower"] <= truth <= new["upper"]
        known = m.predict({"x": [2.0], "g": ["0"]}, interval="confidence", theta="estimated").iloc[0]
        hits_known += known["lower"] <= 1 + 0.5 * 2 + b[0] <= known["upper"]
    slack = 3 * np.sqrt(0.95 * 0.05 / runs)
    assert abs(hits_new / runs - 0.95) < slack
    assert abs(hits_known / runs - 0.95) < slack
