"""Intervals of single responses of generalized models: quantiles against draws, coverage, what cannot be asked."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from reference_data import load

from multilevel import families, glm, glmer
from multilevel.designs import expand_grid
from multilevel.errors import DataError, InferenceError, MultilevelWarning
from multilevel.inference.predictive import Predictive
from multilevel.truth import Group, Truth, prepare, simulate

SHAPES = {
    "binomial": [], "binomial(cloglog)": [], "poisson": [], "poisson(sqrt)": [], "gaussian": [1.3], "gamma(log)": [0.4],
    "inverse_gaussian(log)": [0.3], "negative_binomial": [1.5], "negative_binomial_1": [0.8], "beta": [4.0],
    "beta_binomial": [3.0], "student_t": [0.7, 4.0], "tweedie": [0.9, 1.5], "truncated_poisson": [],
    "truncated_negative_binomial": [1.5], "generalized_poisson": [2.5],
}  # fmt: skip
ETA, SD = np.array([-0.5, 0.8, 2.0, 1.0]), np.array([0.4, 0.1, 0.0, 1.5])


def predictive(name, eta=ETA, sd=SD, zero=None):
    family = families.family_of(name)
    eta, sd = (eta + 3, sd / 2) if name == "poisson(sqrt)" else (eta, sd)
    sd = sd / 3 if name == "tweedie" else sd
    weights = np.full(len(eta), 7.0) if family.trials else np.ones(len(eta))
    return Predictive(family, eta, sd, weights, np.array(SHAPES[name]), zero)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("zero", [None, 0.2])
def test_limits_are_quantiles_of_draws(name, zero):
    n, q = 20_000, (0.05, 0.9)
    if zero is not None and families.family_of(name).means[0] < 0:
        pytest.skip("zeros are inflated where responses are not negative")
    p = predictive(name, zero=None if zero is None else np.full(4, zero))
    sd, low, high = p.limits(*q)
    rng = np.random.default_rng(1)
    mu = p.family.link.inverse(p.eta + p.sd * rng.standard_normal((n, 4)))
    y = p.family.simulate(mu.ravel(), np.tile(p.weights, n), p.shape, rng).reshape(n, 4)
    y = np.where(rng.random(y.shape) < (zero or 0.0), 0.0, y)
    error = 4.5 * np.sqrt(0.25 / n)
    for limit, level in ((low, q[0]), (high, q[1])):
        at_most, less = (y <= limit + 1e-9).mean(axis=0), (y < limit - 1e-9).mean(axis=0)
        assert (at_most > level - error).all()
        assert (less < level + error).all()
    if name != "student_t":
        np.testing.assert_allclose(y.std(axis=0)[:3], sd[:3], rtol=0.06)


def test_limits_of_a_normal_response_are_exact():
    sd, low, high = predictive("gaussian").limits(0.025, 0.975)
    np.testing.assert_allclose(sd, np.sqrt(SD**2 + 1.3), rtol=1e-10)
    np.testing.assert_allclose(low, ETA - 1.959963984540054 * sd, rtol=1e-9)
    np.testing.assert_allclose(high, ETA + 1.959963984540054 * sd, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_units_do_not_matter(scale):
    shape = np.array([1.3 * scale**2])
    moved = Predictive(families.gaussian(), ETA * scale, SD * scale, np.ones(4), shape)
    for one, two in zip(moved.limits(0.1, 0.9), predictive("gaussian").limits(0.1, 0.9), strict=True):
        np.testing.assert_allclose(one / scale, two, rtol=1e-8)


def test_a_family_like_a_point_beside_the_uncertainty():
    """Counts in the thousands, a standard deviation of 2 on the log scale: the limits are those of the mean."""
    p = Predictive(families.poisson(), np.array([12.0]), np.array([2.0]), np.ones(1), np.empty(0))
    _, low, high = p.limits(0.025, 0.975)
    np.testing.assert_allclose(np.log([low[0], high[0]]), 12 + 2 * np.array([-1.96, 1.96]), atol=0.07)


COVERED = {  # family, trials, shape
    "binomial": (8, None),
    "gamma(log)": (None, {"dispersion": 0.4}),
}


@pytest.mark.parametrize("family", COVERED)
def test_coverage_of_known_and_new_groups(family):
    """12 data sets of 25 groups, new responses of the same groups and of new ones; 95 % is nominal, more for counts."""
    trials, shape = COVERED[family]
    design = expand_grid(g=25, x=[0.0, 1.0], k=3, backend="dict")
    if trials:
        design["n"] = np.full(150, trials)
    truth = Truth({"(Intercept)": 0.5, "x": 0.4}, {"g": Group(0.5)}, family=family, shape=shape)
    formula = f"{'cbind(y, n - y)' if trials else 'y'} ~ x + (1 | g)"
    inside = {"same": [], "population": []}
    for seed in range(12):
        effects = np.random.default_rng(seed).normal(0, 0.5, 25)
        stated = {"g": Group(effects={"(Intercept)": effects.tolist()})}
        d = simulate(formula, design, truth.replace(groups=stated), seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MultilevelWarning)
            m = glmer(formula, d, family)
        new = {
            "same": prepare(formula, design, truth.replace(groups=stated)).draw(np.random.default_rng(100 + seed)),
            "population": prepare(formula, design, truth).draw(np.random.default_rng(200 + seed)),
        }
        for groups, y in new.items():
            limits = m.predict(type="response", groups=groups, interval="prediction")
            inside[groups].append(np.mean((y >= limits["lower"]) & (y <= limits["upper"])))
    for groups, shares in inside.items():
        error = np.std(shares) / np.sqrt(len(shares))
        at_least = 0.95 - (0.01 if groups == "same" else 0.02)  # theta of 25 groups counts as known
        assert np.mean(shares) > at_least - 3 * error, groups
        assert np.mean(shares) < (0.99 if trials else 0.985), groups


@pytest.fixture(scope="module")
def cbpp():
    return glmer("cbind(incidence, size - incidence) ~ period + (1 | herd)", load("cbpp"), "binomial")


def test_successes_of_trials(cbpp):
    new = pd.DataFrame({"period": ["1", "1"], "incidence": 0, "size": [5, 50]})
    frame = cbpp.predict(new, type="response", groups="population", interval="prediction")
    means = cbpp.predict(new, type="response", groups="population")
    np.testing.assert_allclose(frame["estimate"], means * [5, 50])
    assert (frame["lower"] % 1 == 0).all()
    assert (frame["upper"] <= [5, 50]).all()
    share = frame["std_error"] / [5, 50]
    assert share[1] < share[0]
    same = cbpp.predict(type="response", interval="prediction")
    y = load("cbpp")["incidence"]
    assert ((y >= same["lower"]) & (y <= same["upper"])).mean() > 0.95
    narrow = cbpp.predict(type="response", interval="prediction", level=0.5)
    assert (narrow["upper"] - narrow["lower"] <= same["upper"] - same["lower"]).all()
    unseen = new.assign(herd=["99", "1"])
    mixed = cbpp.predict(unseen, type="response", new_levels="population", interval="prediction")
    assert mixed["upper"][0] == frame["upper"][0]
    assert mixed["std_error"][1] < frame["std_error"][1]
    averaged = cbpp.predict(new, type="response", groups="average", interval="prediction")
    assert (averaged[["lower", "upper"]] == frame[["lower", "upper"]]).all().all()


def test_missing_rows_and_rows_of_weight_zero():
    d = load("cbpp").assign(p=lambda d: d["incidence"] / d["size"], w=lambda d: d["size"].astype(float))
    d.loc[2, "w"] = 0.0
    d["period"] = d["period"].astype(object).where(np.arange(len(d)) != 4)
    with pytest.warns(MultilevelWarning):
        m = glmer("p ~ period + (1 | herd)", d, "binomial", weights="w")
    frame = m.predict(type="response", interval="prediction")
    assert np.flatnonzero(frame["lower"].isna()).tolist() == [2, 4]
    assert frame["upper"].max() <= 1


def test_hurdles_and_dispersion_models():
    d = load("Salamanders")
    m = glmer("count ~ mined + (1 | site)", d, "truncated_poisson", ziformula="~ mined")
    frame = m.predict(type="response", interval="prediction")
    assert ((d["count"] >= frame["lower"]) & (d["count"] <= frame["upper"])).mean() > 0.93
    np.testing.assert_allclose(frame["estimate"], m.fitted())
    m = glmer("count ~ mined + (1 | site)", d, "negative_binomial", dispformula="~ mined")
    new = m.predict(d.head(5), type="response", interval="prediction")
    np.testing.assert_allclose(new["upper"], m.predict(type="response", interval="prediction")["upper"].head(5))


BAD = [
    ({}, DataError, 'interval="prediction" is that of a response, which needs type="response"'),
    ({"type": "response", "level": 1.0}, InferenceError, "level is 1.0; expected a number between 0 and 1"),
    ({"type": "response", "newdata": {"period": ["1"], "herd": ["1"]}}, DataError, "column 'incidence' not found"),
    ({"type": "response", "new_levels": "draw"}, InferenceError, "draws one possible value, which has no interval"),
]


@pytest.mark.parametrize(("arguments", "error", "words"), BAD)
def test_what_cannot_be_asked(cbpp, arguments, error, words):
    with pytest.raises(error, match=words):
        cbpp.predict(interval="prediction", **arguments)


def test_more_that_cannot_be_asked():
    d = load("Salamanders")
    with pytest.raises(InferenceError, match="quasipoisson family has no distribution"):
        glm("count ~ mined", d, "quasipoisson").predict(type="response", interval="prediction")
    with pytest.raises(InferenceError, match="reaches means that the poisson family cannot have"):
        Predictive(families.poisson("identity"), np.array([2.0]), np.array([1.5]), np.ones(1), np.empty(0)).limits(
            0.1, 0.9
        )
