"""Simulated responses: moments, seeds, new rows, weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference_data import load

import multilevel as mlm

N = 4000  # simulations; Monte Carlo errors below are five standard errors


@pytest.fixture(scope="module")
def sleep() -> mlm.LinearMixedModel:
    return mlm.lmer("reaction ~ days + (days | subject)", mlm.datasets.load("sleepstudy"))


def marginal_covariance(m: mlm.LinearMixedModel, days: np.ndarray) -> np.ndarray:
    """Covariance of the rows of one subject."""
    Z = np.column_stack([np.ones(len(days)), days])
    return Z @ m.varcorr()["subject"].vcov @ Z.T + m.sigma**2 * np.eye(len(days))


def test_new_groups_have_the_marginal_distribution(sleep: mlm.LinearMixedModel) -> None:
    y = sleep.simulate(N, seed=1)
    assert y.shape == (180, N)
    V = marginal_covariance(sleep, np.arange(10))
    sd = np.sqrt(np.diag(V))
    np.testing.assert_allclose(y.mean(1), sleep.predict(groups="population"), atol=5 * sd.max() / np.sqrt(N))
    found = np.cov(y[:10])
    np.testing.assert_allclose(found / np.outer(sd, sd), V / np.outer(sd, sd), atol=5 * np.sqrt(2 / N))
    between = np.cov(y[:10], y[10:20])[:10, 10:]
    np.testing.assert_allclose(between / np.outer(sd, sd), 0, atol=5 / np.sqrt(N))


def test_the_same_groups_keep_their_modes(sleep: mlm.LinearMixedModel) -> None:
    y = sleep.simulate(N, groups="same", seed=1)
    np.testing.assert_allclose(y.mean(1), sleep.fitted(), atol=5 * sleep.sigma / np.sqrt(N))
    np.testing.assert_allclose(y.var(1), sleep.sigma**2, rtol=5 * np.sqrt(2 / N))


def test_crossed_factors() -> None:
    m = mlm.lmer("diameter ~ 1 + (1 | plate) + (1 | sample)", mlm.datasets.load("penicillin"))
    y = m.simulate(N, seed=1)
    variance = sum(float(term.sd[0] ** 2) for term in m.varcorr().terms) + m.sigma**2
    np.testing.assert_allclose(y.var(1), variance, rtol=5 * np.sqrt(2 / N))


@pytest.mark.parametrize("groups", ["new", "same"])
def test_seeds(sleep: mlm.LinearMixedModel, groups: Any) -> None:
    one, ten = sleep.simulate(groups=groups, seed=7), sleep.simulate(10, groups=groups, seed=7)
    np.testing.assert_array_equal(one[:, 0], ten[:, 0])
    again = sleep.simulate(10, groups=groups, seed=np.random.default_rng(7))
    np.testing.assert_array_equal(ten, again)
    assert (sleep.simulate(groups=groups, seed=8) != one).any()


def test_new_data_may_have_levels_of_their_own(sleep: mlm.LinearMixedModel) -> None:
    newdata = {"days": np.tile([0, 5], 3), "subject": np.repeat(["308", "x", "y"], 2)}
    y = sleep.simulate(N, newdata=newdata, seed=3)
    V = marginal_covariance(sleep, np.array([0, 5]))
    found = np.cov(y)
    np.testing.assert_allclose(y.mean(1), sleep.predict(newdata, groups="population"), atol=5 * 50 / np.sqrt(N))
    for at in (0, 2, 4):
        np.testing.assert_allclose(found[at : at + 2, at : at + 2], V, atol=5 * V.max() * np.sqrt(2 / N))
    np.testing.assert_allclose(found[:2, 2:], 0, atol=5 * V.max() / np.sqrt(N))


def test_the_same_groups_cannot_be_new(sleep: mlm.LinearMixedModel) -> None:
    with pytest.raises(mlm.DataError, match="subject has levels that the fit has not seen: 'x'; groups=\"new\" draws"):
        sleep.simulate(groups="same", newdata={"days": [0], "subject": ["x"]})
    y = sleep.simulate(N, groups="same", newdata={"days": [0, 9], "subject": ["308", "308"]}, seed=1)
    np.testing.assert_allclose(y.mean(1), sleep.fitted()[[0, 9]], atol=5 * sleep.sigma / np.sqrt(N))


def test_prior_weights_divide_the_variance() -> None:
    data = load("made_hetero")
    m = mlm.lmer("y ~ x + trt + (1 | g)", data, weights="w")
    y = m.simulate(N, groups="same", seed=1)
    np.testing.assert_allclose(y.var(1) * data["w"], m.sigma**2, rtol=6 * np.sqrt(2 / N))
    new = m.simulate(N, groups="same", newdata=data.head(20), seed=1)
    np.testing.assert_allclose(new.var(1) * data["w"].head(20), m.sigma**2, rtol=6 * np.sqrt(2 / N))
    with pytest.raises(mlm.DataError, match="column 'w' not found"):
        m.simulate(newdata=data.drop(columns="w"))
    array = mlm.lmer("y ~ x + trt + (1 | g)", data, weights=data["w"].to_numpy())
    np.testing.assert_array_equal(array.simulate(3, seed=5), m.simulate(3, seed=5))
    with pytest.raises(mlm.InferenceError, match="given as an array, so those of the new rows are not known"):
        array.simulate(newdata=data)


def test_a_linear_model_with_weights_of_zero() -> None:
    data = load("mtcars").assign(w=lambda d: d.gear - 3)
    m = mlm.lm("mpg ~ wt", data, weights="w")
    y = m.simulate(N, seed=1)
    counts = data["w"] > 0
    assert np.isnan(y[~counts]).all()
    np.testing.assert_allclose(y[counts].mean(1), m.fitted()[counts], atol=5 * m.sigma / np.sqrt(N))
    np.testing.assert_allclose(y[counts].var(1) * data["w"][counts], m.sigma**2, rtol=5 * np.sqrt(2 / N))
    assert m.simulate(2, newdata=data.iloc[[3]].assign(w=1), seed=1).shape == (1, 2)


def test_a_simulated_response_can_be_refitted(sleep: mlm.LinearMixedModel) -> None:
    y = sleep.simulate(200, seed=11)
    slopes = [sleep.refit(column).fixef["days"] for column in y.T]
    error = sleep.se["days"]
    assert abs(np.mean(slopes) - sleep.fixef["days"]) < 5 * error / np.sqrt(200)
    assert np.std(slopes) == pytest.approx(error, rel=0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n is 0; expected the number of simulations"),
        ({"n": 1.5}, "n is 1.5; expected"),
        ({"groups": "population"}, "groups is 'population'; expected 'new' or 'same'"),
        ({"newdata": {"days": [1]}}, "column 'subject' not found"),
    ],
)
def test_what_cannot_be_simulated(sleep: mlm.LinearMixedModel, options: Any, message: str) -> None:
    with pytest.raises(mlm.DataError, match=message):
        sleep.simulate(**options)
