"""Twenty more linear mixed models against lmerTest, pbkrtest and lme4: F tests, hypotheses, ranova, drop1, profiles.

df to 1e-3, statistics and p-values to 1e-4, standard errors to 1e-5, limits to 1e-3 of a standard error.
"""

from __future__ import annotations

import json
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_data
from at_theta import as_lmertest, at_theta

import multilevel as mlm
from multilevel.errors import MultilevelWarning
from multilevel.inference.anova import anova
from multilevel.inference.methods import sampling_of
from multilevel.models.estimate import Fit

MODELS = {m["id"]: m for m in json.loads((Path(__file__).parent / "reference/more_tests.json").read_text("utf-8"))}
ROMAN = {"I": 1, "II": 2, "III": 3}
ORDER = {"wafer": [1, 0, 2]}  # lme4 has the slope of (voltage || Wafer:Site) before its intercept
STOPPED = {"cake"}  # lme4's optimum is not one: leaving a term out has a likelihood ratio of -0.86 there
# lme4 interpolates its profile; with steps of 0.05 in place of 0.5 R's lower limit is 6.54445, ours 6.54455
# or with meat's upper one 5.39908, ours 5.39910, where it has 5.39394 by default
INTERPOLATED = {
    ("pixel", "sd_(Intercept)|Dog"),
    ("pixel", "sd_(Intercept)|Side:Dog"),
    ("meat", "sd_(Intercept)|Pair:Block"),
}


@lru_cache(maxsize=10)
def fitted(name: str) -> mlm.LinearMixedModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        return mlm.lmer(MODELS[name]["formula"], reference_data.load(MODELS[name]["data"]))


def lmertests(name: str) -> Fit:
    """The model where lme4 stopped."""
    theta = np.array(MODELS[name]["theta"])
    return as_lmertest(at_theta(fitted(name)._fit, theta[ORDER.get(name, range(len(theta)))]))


def numbers(values: Any) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], np.float64)


@pytest.mark.parametrize("name", MODELS)
def test_f_tests_and_coefficients(name: str) -> None:
    fit = lmertests(name)
    for roman, kind in ROMAN.items():
        for method in ("Satterthwaite", "Kenward-Roger"):
            want, ours = MODELS[name][f"anova_{roman}_{method}"], anova(fit, kind, method.lower())
            assert list(ours.terms) == want["rows"]
            np.testing.assert_allclose(ours.sum_sq, want["ss"], rtol=1e-4)
            np.testing.assert_allclose(ours.statistic, want["F"], rtol=1e-4)
            np.testing.assert_allclose(ours.df2, want["df2"], rtol=1e-3)
            np.testing.assert_allclose(ours.p_value, want["p"], rtol=1e-4)
    for key, method in (("coef_s", "satterthwaite"), ("coef_kr", "kenward-roger")):
        want, made = MODELS[name][key], sampling_of(fit, method).t_tests(np.eye(len(fit.names)))
        np.testing.assert_allclose(made.std_error, want["se"], rtol=1e-5)
        np.testing.assert_allclose(made.df, want["df"], rtol=1e-3)
        np.testing.assert_allclose(made.p_value, want["p"], rtol=1e-4, atol=1e-300)


@pytest.mark.parametrize("name", [name for name in MODELS if "difference" in MODELS[name]])
def test_hypotheses(name: str) -> None:
    """lmerTest's contest and pbkrtest's KRmodcomp of the last coefficient and the second, and of their difference."""
    want, fit = MODELS[name], lmertests(name)
    p = len(fit.names)
    L = np.eye(p)[[p - 1, 1]]
    for method in ("Satterthwaite", "Kenward-Roger") if "joint_Satterthwaite" in want else ():
        test, asked = sampling_of(fit, method.lower()).f_test(L), want[f"joint_{method}"]
        assert test.df1 == asked["df1"]
        assert test.statistic == pytest.approx(asked["F"], rel=1e-4)
        assert test.df2 == pytest.approx(asked["df2"], rel=1e-3)
        assert test.p_value == pytest.approx(asked["p"], rel=1e-3)
    if "krmodcomp" in want:
        assert test.scale == pytest.approx(want["krmodcomp"]["scale"], rel=1e-5)
        assert test.statistic == pytest.approx(want["krmodcomp"]["F"], rel=1e-4)
        assert test.df2 == pytest.approx(want["krmodcomp"]["df2"], rel=1e-5)
    one = sampling_of(fit, "satterthwaite").t_tests(L[:1] - L[1:], 0.1)
    asked = want["difference"]
    found = [one.estimate[0], one.std_error[0], one.statistic[0], one.p_value[0]]
    np.testing.assert_allclose(found, [asked[k] for k in ("est", "se", "t", "p")], rtol=1e-4)
    assert one.df[0] == pytest.approx(asked["df"], rel=1e-3)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in STOPPED])
def test_deletions(name: str) -> None:
    for verb, columns in (("ranova", {"loglik": "loglik"}), ("drop1", {"aic": "aic"})):
        want, ours = MODELS[name][verb], getattr(fitted(name), verb)().to_frame()
        for key, column in {"npar": "npar", "lrt": "statistic", "p": "p_value", **columns}.items():
            np.testing.assert_allclose(ours[column], numbers(want[key]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in MODELS if "ci" in MODELS[name]])
def test_profile_intervals(name: str) -> None:
    want, ours = MODELS[name]["ci"], fitted(name).confint("profile").to_frame()
    lower, upper = numbers(want["lower"]), numbers(want["upper"])
    error = (upper - lower) / 3.92
    for i, parameter in enumerate(ours["parameter"]):
        if (name, parameter) in INTERPOLATED:
            continue
        assert abs(ours["lower"][i] - lower[i]) < 1e-3 * error[i]
        assert abs(ours["upper"][i] - upper[i]) < 1e-3 * error[i]
