"""Predictions beside lme4's, and what happens to new levels, missing values and offsets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reference_data import load

import multilevel as mlm

REFERENCE = json.loads((Path(__file__).with_name("reference") / "answers.json").read_text())["predict_lmer"]
FORMULAS = {
    "sleep": ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "penicillin": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin"),
    "machines": ("score ~ Machine + (1 | Worker/Machine)", "Machines"),
    "poly_offset": ("Reaction ~ poly(Days, 2) + offset(2*Days) + (1 | Subject)", "sleepstudy"),
    "ns_scale": ("Reaction ~ ns(Days, 3) + scale(Days) + (1 | Subject)", "sleepstudy"),
}
SLEEP = "reaction ~ days + (days | subject)"


@pytest.fixture(scope="module")
def models() -> dict[str, mlm.LinearMixedModel]:
    return {name: mlm.lmer(formula, load(data)) for name, (formula, data) in FORMULAS.items() if name != "ns_scale"}


@pytest.fixture(scope="module")
def sleep() -> mlm.LinearMixedModel:
    return mlm.lmer(SLEEP, mlm.datasets.load("sleepstudy"))


@pytest.mark.parametrize(
    ("name", "key", "groups"),
    [
        ("sleep", "newdata_new_levels", "same"),
        ("sleep", "newdata_NA", "population"),
        ("penicillin", "all", "same"),
        ("penicillin", "none", "population"),
        ("machines", "all", "same"),
        ("machines", "none", "population"),
        ("poly_offset", "all", "same"),
        ("poly_offset", "none", "population"),
    ],
)
def test_new_data_as_in_lme4(models: dict[str, mlm.LinearMixedModel], name: str, key: str, groups: Any) -> None:
    newdata = pd.DataFrame(REFERENCE[name]["newdata"]["data"])
    found = models[name].predict(newdata, groups=groups, new_levels="population")
    np.testing.assert_allclose(found, REFERENCE[name][key], rtol=2e-6)  # lme4 stops a little short of the optimum


@pytest.mark.parametrize(("key", "groups"), [("all", "same"), ("none", "population")])
def test_new_data_with_a_column_that_others_determine(key: str, groups: Any) -> None:
    formula, data = FORMULAS["ns_scale"]
    with pytest.warns(mlm.RankWarning, match="scale"):
        m = mlm.lmer(formula, load(data))
    found = m.predict(REFERENCE["ns_scale"]["newdata"]["data"], groups=groups)
    np.testing.assert_allclose(found, REFERENCE["ns_scale"][key], rtol=2e-6)


def test_the_rows_of_the_fit(models: dict[str, mlm.LinearMixedModel]) -> None:
    m, stored = models["sleep"], REFERENCE["sleep"]
    np.testing.assert_allclose(m.predict()[:10], stored["re_form_NULL_first10"], rtol=1e-6)
    np.testing.assert_allclose(m.predict(groups="population")[:10], stored["re_form_NA_first10"], rtol=1e-9)
    random = m.predict() - m.predict(groups="population")
    np.testing.assert_allclose(random[:10], stored["random_only"], rtol=1e-4)
    np.testing.assert_array_equal(m.predict(), m.fitted())


def test_the_data_of_the_fit_as_new_data_give_the_fitted_values() -> None:
    for name in ("cake", "machines", "oats"):
        data = mlm.datasets.load(name)
        formula = {
            "cake": "angle ~ recipe * temperature + (1 | recipe:replicate)",
            "machines": "score ~ machine + (0 + machine | worker)",
            "oats": "yield ~ poly(nitro, 2) * variety + (1 | block/variety)",
        }[name]
        m = mlm.lmer(formula, data)
        np.testing.assert_allclose(m.predict(data), m.fitted(), rtol=1e-12)
        np.testing.assert_allclose(m.predict(data.iloc[::-1]), m.fitted()[::-1], rtol=1e-12)


def test_unseen_levels_are_named(sleep: mlm.LinearMixedModel) -> None:
    newdata = {"days": [0, 1, 2, 3], "subject": ["308", "x", "y", "x"]}
    with pytest.raises(mlm.DataError, match="subject has levels that the fit has not seen: 'x', 'y'; new_levels="):
        sleep.predict(newdata)
    population = sleep.predict(newdata, new_levels="population")
    np.testing.assert_allclose(population[1:], sleep.predict(newdata, groups="population")[1:])
    assert population[0] == pytest.approx(sleep.fitted()[0])


def test_many_unseen_levels_are_counted(sleep: mlm.LinearMixedModel) -> None:
    newdata = {"days": range(9), "subject": [f"s{i}" for i in range(9)]}
    with pytest.raises(mlm.DataError, match="'s4' and 4 more;"):
        sleep.predict(newdata)


def test_unseen_levels_of_a_nested_factor_are_named_as_combinations(models: dict[str, mlm.LinearMixedModel]) -> None:
    with pytest.raises(mlm.DataError, match="Machine:Worker has levels that the fit has not seen: 'C:9'"):
        models["machines"].predict({"Machine": ["C"], "Worker": ["9"]})


def test_drawn_effects_are_shared_within_a_level_and_have_the_estimated_distribution(
    sleep: mlm.LinearMixedModel,
) -> None:
    levels = np.repeat([f"new{i:04}" for i in range(4000)], 2)
    newdata = {"days": np.tile([0, 1], 4000), "subject": levels}
    drawn = sleep.predict(newdata, new_levels="draw", seed=1)
    np.testing.assert_array_equal(drawn, sleep.predict(newdata, new_levels="draw", seed=1))
    effects = (drawn - sleep.predict(newdata, groups="population")).reshape(-1, 2)
    effects[:, 1] -= effects[:, 0]  # what days adds
    term = sleep.varcorr()["subject"]
    np.testing.assert_allclose(np.cov(effects.T), term.vcov, atol=5 * term.sd.prod() / np.sqrt(4000), rtol=0.12)
    known = sleep.predict({"days": [0, 0], "subject": ["308", "new"]}, new_levels="draw", seed=2)
    assert known[0] == pytest.approx(sleep.fitted()[0])


@pytest.mark.parametrize("groups", ["same", "population"])
def test_missing_predictors_give_missing_predictions(sleep: mlm.LinearMixedModel, groups: Any) -> None:
    found = sleep.predict({"days": [0, None, 2], "subject": ["308", "308", None]}, groups=groups)
    assert list(np.isnan(found)) == [False, True, groups == "same"]


@pytest.mark.parametrize("options", [{}, {"groups": "population"}, {"interval": "prediction"}])
def test_nothing_but_missing_predictors(sleep: mlm.LinearMixedModel, options: Any) -> None:
    got = sleep.predict({"days": [np.nan], "subject": ["308"]}, **options)
    assert np.isnan(got["estimate"][0] if options.get("interval") else got[0])


def test_no_grouping_factor_is_needed_for_the_population(sleep: mlm.LinearMixedModel) -> None:
    expected = sleep.fixef["(Intercept)"] + np.array([0, 5]) * sleep.fixef["days"]
    np.testing.assert_allclose(sleep.predict({"days": [0, 5]}, groups="population"), expected)


@pytest.mark.parametrize(
    ("newdata", "options", "message"),
    [
        ({"days": [1]}, {}, r"column 'subject' not found .*; groups=\"population\" predicts without"),
        ({"subject": ["308"]}, {"groups": "population"}, "column 'days' not found"),
        ({"days": ["a"], "subject": ["308"]}, {}, "was a number when the model was fitted"),
        (None, {"groups": "all"}, "groups is 'all'; expected 'same' or 'population'"),
        ([{"days": 1, "subject": "308"}], {}, r"data of type list cannot be read; .* by pandas.DataFrame\(data\)$"),
        ({"days": [1], "subject": ["new"]}, {"new_levels": "draw", "seed": "x"}, "seed is 'x'"),
        (None, {"new_levels": "zero"}, "new_levels is 'zero'; expected 'error', 'population' or 'draw'"),
    ],
)
def test_what_cannot_be_predicted(sleep: mlm.LinearMixedModel, newdata: Any, options: Any, message: str) -> None:
    with pytest.raises(mlm.DataError, match=message):
        sleep.predict(newdata, **options)


def test_an_unseen_level_of_a_fixed_effect_is_an_error() -> None:
    m = mlm.lmer("score ~ machine + (1 | worker)", mlm.datasets.load("machines"))
    with pytest.raises(
        mlm.DataError, match="machine has the new level 'D', which the fit has not seen; it knows A, B, C"
    ):
        m.predict({"machine": ["D"], "worker": ["1"]})


def test_a_linear_model() -> None:
    data = load("mtcars")
    m = mlm.lm("mpg ~ wt + factor(cyl) + offset(-0.02 * hp)", data, weights="qsec")
    np.testing.assert_allclose(m.predict(data), m.fitted(), rtol=1e-12)
    np.testing.assert_allclose(m.predict(), m.fitted())
    bare = mlm.lm("mpg ~ 1", data)
    np.testing.assert_allclose(bare.predict(data.head(3)), data["mpg"].mean())


def test_a_model_of_groups_only_needs_no_other_columns() -> None:
    m = mlm.lmer("yield ~ 1 + (1 | batch)", mlm.datasets.load("dyestuff"))
    np.testing.assert_allclose(m.predict({"batch": ["A", "F"]}), m.fitted()[[0, -1]])
    np.testing.assert_allclose(m.predict({"anything": [1, 2, 3]}, groups="population"), m.fixef["(Intercept)"])


def test_rows_left_out_are_missing_in_what_is_aligned_with_the_data() -> None:
    data = mlm.datasets.load("sleepstudy")
    data.loc[[3, 7], "reaction"] = np.nan
    with pytest.warns(mlm.MissingRowsWarning):
        m = mlm.lmer(SLEEP, data)
    for values in (
        m.fitted(),
        m.residuals(),
        m.residuals("scaled"),
        m.predict(groups="population"),
        m.simulate(seed=1)[:, 0],
    ):
        assert values.shape == (180,)
        assert list(np.flatnonzero(np.isnan(values))) == [3, 7]
    assert not np.isnan(m.predict(data)).any()  # the response is not needed


def test_residuals_of_a_weighted_fit() -> None:
    data = load("made_hetero")
    m = mlm.lmer("y ~ x + trt + (1 | g)", data, weights="w")
    np.testing.assert_allclose(m.residuals(), data["y"] - m.fitted())
    np.testing.assert_allclose(m.residuals("pearson"), m.residuals() * np.sqrt(data["w"]))
    np.testing.assert_allclose(m.residuals("scaled"), m.residuals("pearson") / m.sigma)
    with pytest.raises(mlm.DataError, match="kind is 'deviance'; expected 'response', 'pearson' or 'scaled'"):
        m.residuals("deviance")  # type: ignore[arg-type]
