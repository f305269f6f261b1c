"""Truths of generalized models: moments against the fits they were read off, trials, and what cannot be."""

from __future__ import annotations

import pickle
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import multilevel as mlm
from multilevel import families
from multilevel.designs import expand_grid
from multilevel.truth import Group, Truth, prepare, simulate

DESIGN = expand_grid(g=40, x=[0.0, 1.0], k=4).assign(w=lambda d: 1.0 + np.arange(len(d)) % 3)
FIXED = {"(Intercept)": 0.3, "x": 0.4}
GROUPS = {"g": Group({"(Intercept)": 0.3})}
SHAPES: dict[str, dict[str, float]] = {
    "binomial(probit)": {},
    "poisson": {},
    "gaussian(log)": {},
    "gamma(log)": {"dispersion": 0.3},
    "inverse_gaussian(log)": {"dispersion": 0.3},
    "negative_binomial": {"size": 2.0},
    "negative_binomial_1": {"dispersion": 0.7},
    "generalized_poisson": {"dispersion": 0.6},
    "beta": {"precision": 5.0},
    "beta_binomial": {"precision": 3.0},
    "student_t": {"scale": 0.7, "df": 5.0},
    "tweedie": {"dispersion": 0.8, "power": 1.4},
    "truncated_poisson": {},
    "truncated_negative_binomial": {"size": 2.0},
}
FORMULA = "y ~ x + (1 | g)"


def truth_for(family: str) -> Truth:
    sigma = 0.5 if family.startswith("gaussian") else None
    return Truth(FIXED, GROUPS, sigma, family, SHAPES[family])


def weights_for(family: str) -> str | None:
    return "w" if families.family_of(family).trials else None


def fitted(family: str) -> tuple[Any, mlm.GeneralizedLinearMixedModel, str | None]:
    weights = weights_for(family)
    d = simulate(FORMULA, DESIGN, truth_for(family), seed=2, weights=weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.MultilevelWarning)
        return d, mlm.glmer(FORMULA, d, family, weights=weights), weights


@pytest.mark.parametrize("family", SHAPES)
def test_the_truth_of_a_fit_has_the_moments_of_its_simulations(family: str) -> None:
    d, m, weights = fitted(family)
    truth = m.truth()
    assert dict(truth.fixed) == pytest.approx(dict(m.fixef))
    assert truth.groups["g"].sd["(Intercept)"] == pytest.approx(m.varcorr()["g"]["(Intercept)"])
    assert truth.family == m.family
    np.testing.assert_allclose(truth.parameters, list(m.shape.values()))
    assert truth == pickle.loads(pickle.dumps(truth))
    simulation = prepare(FORMULA, d, truth, weights=weights)
    np.testing.assert_allclose(simulation.mean.known, m.predict(groups="population"))
    rng = np.random.default_rng(3)
    n = 600
    y = np.column_stack([simulation.draw(rng) for _ in range(n)])
    other = m.simulate(n, seed=4)
    for x in (0.0, 1.0):  # rows are exchangeable within x (and the number of trials)
        for w in (1.0, 2.0, 3.0) if weights else (0.0,):
            rows = (d["x"] == x) & ((d["w"] == w) if weights else True)
            for moment in (np.mean, lambda v: np.log(np.var(v))) if family != "student_t" else (np.median,):
                one, two = ([moment(block[rows]) for block in np.split(v, 20, axis=1)] for v in (y, other))
                error = np.sqrt((np.var(one) + np.var(two)) / 20)
                assert abs(np.mean(one) - np.mean(two)) < 4 * error, (x, w)


@pytest.mark.parametrize("family", ["poisson", "gamma(log)", "binomial", "gaussian"])
def test_the_truth_of_a_glm(family: str) -> None:
    truth = Truth(FIXED, None, 0.5 if family == "gaussian" else None, family, SHAPES.get(family))
    m = mlm.glm("y ~ x", simulate("y ~ x", DESIGN, truth, seed=1), family)
    read = m.truth()
    assert not read.groups
    np.testing.assert_allclose(read.parameters, m._fit.shape)
    again = simulate("y ~ x", DESIGN, read, seed=1)["y"]
    assert abs(again.mean() - m.fitted().mean()) < 4 * again.std() / np.sqrt(len(again))


def test_counts_of_successes_and_failures() -> None:
    d = mlm.datasets.load("cbpp")
    formula = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
    m = mlm.glmer(formula, d, "binomial")
    made = simulate(formula, d, m.truth(), seed=1)
    assert list(made.columns) == [*d.columns.drop("incidence"), "incidence"] or list(made.columns) == list(d.columns)
    assert (made["incidence"] <= d["size"]).all()
    assert (made["incidence"] % 1 == 0).all()
    both = d.assign(healthy=d["size"] - d["incidence"])
    pair = simulate(formula.replace("size - incidence", "healthy"), both, m.truth(), seed=1)
    assert (pair["incidence"] == made["incidence"]).all()
    assert (pair["incidence"] + pair["healthy"] == d["size"]).all()
    share = simulate("p ~ period + (1 | herd)", d.assign(size=d["size"] * 1.0), m.truth(), seed=1, weights="size")
    np.testing.assert_allclose(share["p"] * d["size"], made["incidence"])
    refit = m.refit(prepare(formula, d, m.truth()).draw(np.random.default_rng(5)))
    assert abs(refit.fixef["period[2]"] - m.fixef["period[2]"]) < 4 * m.se["period[2]"]


def test_missing_trials_and_predictors_have_no_response() -> None:
    d = mlm.datasets.load("cbpp").astype({"size": float})
    d.loc[3, "size"] = np.nan
    truth = Truth({"(Intercept)": 0}, family="binomial")
    y = simulate("cbind(incidence, size - incidence) ~ 1", d, truth, seed=1)["incidence"]
    assert np.flatnonzero(y.isna()).tolist() == [3]


def test_a_dispersion_is_divided_by_weights() -> None:
    d = pd.DataFrame({"w": np.repeat([4.0, 0.25], 20_000)})
    y = simulate("y ~ 1", d, Truth({"(Intercept)": 1}, family="gamma(log)", shape={"dispersion": 0.2}), 1, weights="w")
    found = y.groupby("w")["y"].var()
    np.testing.assert_allclose(found, np.exp(2) * 0.2 / found.index.to_numpy(), rtol=0.06)


def test_a_given_size_is_part_of_the_family() -> None:
    truth = Truth({"(Intercept)": 1}, family=families.negative_binomial(size=2))
    assert truth.shape == {}
    np.testing.assert_array_equal(truth.parameters, [2.0])
    stated = Truth({"(Intercept)": 1}, family="negative_binomial", shape={"size": 2})
    assert (simulate("y ~ 1", DESIGN, truth, 1)["y"] == simulate("y ~ 1", DESIGN, stated, 1)["y"]).all()


def test_replacing_the_family() -> None:
    truth = Truth({"(Intercept)": 1}, sigma=2)
    counts = truth.replace(family="negative_binomial", shape={"size": 3})
    assert (counts.sigma, counts.shape) == (None, {"size": 3.0})
    assert counts.replace(shape={"size": 5}).shape == {"size": 5.0}
    assert counts.replace(family="poisson").shape == {}
    assert counts.replace(fixed={"(Intercept)": 2}).shape == {"size": 3.0}
    assert truth.replace(family="gaussian(log)").sigma == 2.0


def test_a_truth_prints_itself() -> None:
    text = Truth(FIXED, GROUPS, family="inverse_gaussian(log)", shape={"dispersion": 0.25}).to_text()
    assert text.startswith("Truth of an inverse_gaussian(log) response")
    assert "Residual" not in text
    assert text.rstrip().endswith("Dispersion: 0.25")
    rows = Truth(FIXED, GROUPS, family="gamma(log)", shape={"dispersion": 0.25}).to_frame()
    assert rows.iloc[-1].tolist()[3:] == ["dispersion", 0.25]
    assert "Residual" not in set(rows["group"])


ONE = {"(Intercept)": 0.0}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"family": "poison"}, mlm.FitError, "no family is called 'poison'; did you mean 'poisson'?"),
        ({"family": "quasipoisson"}, mlm.DataError, "the quasipoisson family names no distribution"),
        ({"family": "poisson", "sigma": 1}, mlm.DataError, "sigma is that of a gaussian response; the poisson family"),
        ({"family": "gamma", "sigma": 1}, mlm.DataError, "has none; state its shape: {'dispersion': 1}"),
        (
            {"family": "gamma"},
            mlm.DataError,
            "a truth of the gamma family needs its dispersion: shape={'dispersion': 1",
        ),
        ({"family": "student_t", "shape": {"scale": 1}}, mlm.DataError, "needs its df: shape={'scale': 1, 'df': 1}"),
        ({"family": "negative_binomial", "shape": {"sise": 1}}, mlm.DataError, "has no shape 'sise' to state; did you"),
        ({"family": "poisson", "shape": {"size": 1}}, mlm.DataError, "nothing besides its mean is to be stated"),
        ({"sigma": 1, "shape": {"dispersion": 1}}, mlm.DataError, "the gaussian family has no shape 'dispersion'"),
        ({"family": "gamma", "shape": {"dispersion": 0}}, mlm.DataError, "is 0; expected a positive number"),
        ({"family": "gamma", "shape": {"dispersion": "a"}}, mlm.DataError, "the shape 'dispersion' is 'a'"),
        ({"family": "tweedie", "shape": {"dispersion": 1, "power": 3}}, mlm.DataError, "the power between 1 and 2"),
        ({"family": "gamma", "shape": 1}, mlm.DataError, "shape is of type int; expected values by name"),
    ],
)
def test_truths_that_cannot_be(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        Truth(ONE, **arguments)


@pytest.mark.parametrize(
    ("formula", "family", "weights", "error", "message"),
    [
        ("cbind(s, f) ~ 1", "binomial", None, mlm.DataError, "column 's' not found"),
        ("cbind(s, n - s) ~ 1", "binomial", "w", mlm.DataError, "says how many trials there are, and so do weights"),
        ("cbind(s, n) ~ 1", "poisson", None, mlm.FormulaError, "is an expression"),
        ("cbind(s, n - k) ~ 1", "binomial", None, mlm.FormulaError, "cbind(successes, trials - successes)"),
        ("cbind(s, u - s) ~ 1", "binomial", None, mlm.DataError, "the numbers of trials of cbind(s, u - s) are 0.5"),
        ("y ~ 1", "binomial", "u", mlm.DataError, "expected whole numbers"),
        ("y ~ 1", "poisson", "w", mlm.DataError, "a poisson response does not depend on weights; leave them out"),
        ("y ~ 1", "poisson(identity)", None, mlm.DataError, "the mean -1 in a row; means of the poisson family lie"),
        ("y ~ 1", "gamma(inverse)", None, mlm.DataError, "the mean -1 in a row; means of the gamma family"),
        ("y ~ 1", "inverse_gaussian", None, mlm.DataError, "the mean nan in a row"),
        ("y ~ 1", "binomial(log)", None, mlm.DataError, "the mean 1.5"),
    ],
)
def test_designs_that_cannot_be(
    formula: str, family: str, weights: str | None, error: type[Exception], message: str
) -> None:
    design = {"n": np.full(4, 3.0), "k": np.ones(4), "u": np.full(4, 0.5), "w": np.ones(4)}
    value = np.log(1.5) if family == "binomial(log)" else -1.0
    shape = {"dispersion": 1.0} if "ga" in family else None
    with pytest.raises(error, match=re.escape(message)):
        simulate(formula, design, Truth({"(Intercept)": value}, None, None, family, shape), 1, weights=weights)


ZEROS = {"(Intercept)": 0.9, "x": 0.4, "zi: (Intercept)": -1.0, "zi: x": 0.8, "disp: (Intercept)": 0.7, "disp: x": 0.9}
VARYING = {"g": Group({"(Intercept)": 0.3}), "zi: g": Group({"(Intercept)": 0.6}), "disp: g": Group(sd=0.4)}
PARTS = {"ziformula": "~ x + (1 | g)", "dispformula": "~ x + (1 | g)"}


def test_zeros_and_dispersions_are_drawn_as_stated() -> None:
    """Shares of zeros, means and variances of the others, each a mixture over the groups, by many draws."""
    of_shape = {"disp: (Intercept)": 1.0, "disp: x": -0.9}  # one over the dispersion
    truth = Truth({**ZEROS, **of_shape}, VARYING, family="gamma(log)")
    d = simulate(FORMULA, expand_grid(g=2500, x=[0.0, 1.0], k=12), truth, seed=1, **PARTS)
    z = np.random.default_rng(2).standard_normal((3, 400_000))
    for x in (0.0, 1.0):
        y = d["y"][d["x"] == x].to_numpy().reshape(2500, 12)
        chance = 1 / (1 + np.exp(1.0 - 0.8 * x - 0.6 * z[1]))
        share = (y == 0).mean(axis=1)
        assert share.mean() == pytest.approx(chance.mean(), abs=4 * share.std() / 50)
        assert share.var() == pytest.approx(chance.var() + (chance * (1 - chance)).mean() / 12, rel=0.1)
        mu = np.exp(0.9 + 0.4 * x + 0.3 * z[0])
        positive = y[y > 0]
        assert positive.mean() == pytest.approx(mu.mean(), rel=0.03)
        spread = (mu**2 * np.exp(-1.0 + 0.9 * x + 0.4 * z[2])).mean()
        assert positive.var() == pytest.approx(mu.var() + spread, rel=0.15)


def test_what_was_drawn_before_does_not_change() -> None:
    """The numbers of mean and response come from streams of their own, whatever inflates zeros."""
    plain = Truth({"(Intercept)": 0.9, "x": 0.4}, {"g": VARYING["g"]}, family="poisson")
    zeros = {name: value for name, value in ZEROS.items() if "disp" not in name}
    more = Truth(zeros, {"g": VARYING["g"], "zi: g": VARYING["zi: g"]}, family="poisson")
    before = simulate(FORMULA, DESIGN, plain, seed=4)["y"]
    after = simulate(FORMULA, DESIGN, more, seed=4, ziformula="~ x + (1 | g)")["y"]
    assert ((after == before) | (after == 0)).all()
    assert (after != before).any()


@pytest.mark.parametrize("which", ["zi", "disp"])
def test_the_truth_of_a_fit_with_such_models(which: str) -> None:
    stated = {name: value for name, value in ZEROS.items() if name.startswith(which) or ":" not in name}
    groups = {name: group for name, group in VARYING.items() if name in ("g", f"{which}: g")}
    truth = Truth(stated, groups, family="negative_binomial", shape={} if which == "disp" else {"size": 3.0})
    given = {f"{which}formula": "~ x + (1 | g)"} if which == "zi" else {"dispformula": "~ x + (1 | g)"}
    d = simulate(FORMULA, expand_grid(g=60, x=[0.0, 1.0], k=12), truth, seed=2, **given)
    m = mlm.glmer(FORMULA, d, "negative_binomial", **given)
    found = m.truth()
    part = m.zero_inflation if which == "zi" else m.dispersion
    own = {name.partition(": ")[2]: value for name, value in found.fixed.items() if ":" in name}
    assert own == pytest.approx(dict(part))
    assert set(found.groups) == set(groups)
    assert found.groups[f"{which}: g"].sd["(Intercept)"] == pytest.approx(m.theta[1])
    assert dict(found.shape) == pytest.approx(m.shape)
    again = simulate(FORMULA, d, found, seed=3, **given)["y"]
    other = m.simulate(300, seed=4)
    assert abs(np.mean(again == 0) - (other == 0).mean()) < 4 * (other == 0).mean(axis=0).std()
    assert f"{'Zero-inflation' if which == 'zi' else 'Dispersion'} model, random effects:" in str(found)
    assert found.replace(fixed={f"{which}: x": 0}).fixed[f"{which}: x"] == 0
    glm = mlm.glm("y ~ x", d, "negative_binomial", **dict.fromkeys(given, "~ x")).truth()
    assert not glm.groups
    assert set(glm.fixed) == set(stated)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ({"fixed": ZEROS, "groups": VARYING}, {"dispformula": "~ x + (1 | g)"}, "has no formula; give ziformula="),
        ({"fixed": FIXED | {"zi: z": 1}, "shape": {"dispersion": 1}}, {"ziformula": "~ x"}, "coefficient 'z', which"),
        (
            {"fixed": FIXED, "shape": {"dispersion": 1}},
            {"ziformula": "~ x"},
            "nothing of the coefficient '(Intercept)'",
        ),
        ({"fixed": ZEROS}, {"ziformula": "~ x", "dispformula": "~ x + (1 | g)"}, "says nothing of the group 'g'"),
        ({"fixed": ZEROS, "shape": {"dispersion": 1}}, {}, "has no shape 'dispersion' to state"),
        ({"fixed": ZEROS, "family": "gaussian", "sigma": 1}, {}, "sigma and a model of the dispersion"),
        ({"fixed": ZEROS, "family": "poisson"}, {}, "the poisson family has no dispersion that a model"),
        ({"fixed": FIXED, "shape": {"dispersion": 1}}, {"ziformula": "~ zz"}, "'zz' not found"),
    ],
)
def test_parts_that_cannot_be(arguments: dict[str, Any], options: dict[str, str], message: str) -> None:
    with pytest.raises(mlm.DataError, match=re.escape(message)):
        simulate("y ~ x", DESIGN, Truth(**{"family": "gamma(log)", **arguments}), seed=1, **options)


def test_fits_without_a_truth() -> None:
    d = simulate(FORMULA, DESIGN, truth_for("negative_binomial"), seed=1)
    with pytest.raises(mlm.InferenceError, match="the quasipoisson family names no distribution, so there is no truth"):
        mlm.glm("y ~ x", d, "quasipoisson").truth()
