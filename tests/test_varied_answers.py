"""Linear mixed models of less common kinds beside R, each with everything that can be asked of it.

Splines, ordered factors, empty cells, columns that others determine, no intercept, offsets, weights, maximum likelihood
and singular fits: coefficient tables, F tests of three types with two kinds of degrees of freedom, ranova, drop1, Wald
and profile intervals, marginal means, slopes, contrasts and joint tests, all at the optima of either side.
df to 1e-3, statistics and p-values to 1e-4, standard errors to 1e-5, limits to 1e-3 of a standard error.
"""

from __future__ import annotations

import json
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import reference_data
from means_calls import answer
from test_answers import plain
from test_df import same_p

import multilevel as mlm
from multilevel.errors import MultilevelWarning
from multilevel.inference.anova import anova
from multilevel.inference.means import JointTests
from multilevel.inference.methods import sampling_of

REFERENCE = Path(__file__).parent / "reference"
MODELS = {m["id"]: m for m in json.loads((REFERENCE / "varied.json").read_text("utf-8"))}
ROWS = {
    "1:200": lambda d: np.arange(200),
    "1:240": lambda d: np.arange(240),
    "1:300": lambda d: np.arange(300),
    "!(Treatment == 'High' & sex == 'Male')": lambda d: np.flatnonzero(~((d.Treatment == "High") & (d.sex == "Male"))),
    "-c(2, 3, 6, 8, 9, 12, 19, 20, 27, 33)": lambda d: np.delete(
        np.arange(len(d)), [1, 2, 5, 7, 8, 11, 18, 19, 26, 32]
    ),
}
ROMAN = {"I": 1, "II": 2, "III": 3}
METHODS = ("Satterthwaite", "Kenward-Roger")


@lru_cache(maxsize=30)
def fitted(name: str, reml: bool | None = None) -> mlm.LinearMixedModel:
    m = MODELS[name]
    data = data_of(name)
    reml = not m["ML"] if reml is None else reml
    contrasts = {factor: coding.removeprefix("contr.") for factor, coding in m.get("contrasts", {}).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        return mlm.lmer(
            m["formula"],
            data,
            REML=not m["ML"] if reml is None else reml,
            weights=m.get("weights"),
            contrasts=contrasts,
        )


@lru_cache(maxsize=30)
def data_of(name: str) -> pd.DataFrame:
    data = reference_data.load(MODELS[name]["data"])
    return data.iloc[ROWS[MODELS[name]["rows"]](data)] if "rows" in MODELS[name] else data


def numbers(values: Any) -> np.ndarray:
    return np.array([np.inf if v == "Inf" else np.nan if v in (None, "NA", "NaN") else v for v in values], np.float64)


def close(ours: Any, theirs: Any, rtol: float, atol: float = 0.0) -> None:
    np.testing.assert_allclose(ours, numbers(theirs), rtol=rtol, atol=atol)


TABLES = [(name, method) for name in MODELS for method in METHODS if f"coef_{method}" in MODELS[name]]


@pytest.mark.parametrize("name", MODELS)
def test_the_optimum_is_no_worse(name: str) -> None:
    assert -2 * fitted(name).loglik < MODELS[name]["criterion"] + 1e-6


@pytest.mark.parametrize(("name", "method"), TABLES)
def test_coefficients(name: str, method: str) -> None:
    want, fit = MODELS[name][f"coef_{method}"], fitted(name)._fit
    assert [plain(n) for n in fit.names] == want["names"]
    made = sampling_of(fit, method.lower()).t_tests(np.eye(len(fit.names)))
    close(made.estimate, want["estimate"], 1e-5, 1e-5 * max(want["se"]))
    close(made.std_error, want["se"], 1e-5)
    close(made.df, want["df"], 1e-3)
    assert all(map(same_p, made.p_value, want["p"]))


@pytest.mark.parametrize("roman", ROMAN)
@pytest.mark.parametrize(("name", "method"), TABLES)
def test_f_tests(name: str, method: str, roman: str) -> None:
    want = MODELS[name].get(f"anova_{roman}_{method}")
    if want is None:
        pytest.skip("R has no such table")
    ours = anova(fitted(name)._fit, ROMAN[roman], method.lower())
    assert [t for t, q in zip(ours.terms, ours.df1, strict=True) if q > 0] == want["rows"]
    kept = ours.df1 > 0
    close(ours.df1[kept], want["df1"], 0)
    close(ours.statistic[kept], want["F"], 1e-4, 1e-8)
    close(ours.df2[kept], want["df2"], 1e-3)
    close(ours.sum_sq[kept], want["ss"], 1e-4)
    assert all(map(same_p, ours.p_value[kept], want["p"]))


@pytest.mark.parametrize("name", [name for name in MODELS if "ranova" in MODELS[name]])
def test_ranova(name: str) -> None:
    want, ours = MODELS[name]["ranova"], fitted(name).ranova().to_frame()
    assert list(ours["term"]) == want["rows"]
    close(ours["npar"], want["npar"], 0)
    close(ours["loglik"], want["loglik"], 1e-9, 1e-6)
    close(ours["statistic"][1:], want["lrt"][1:], 1e-4, 1e-5)


@pytest.mark.parametrize("name", [name for name in MODELS if "drop1" in MODELS[name]])
def test_drop1(name: str) -> None:
    want, ours = MODELS[name]["drop1"], fitted(name).drop1().to_frame()
    assert list(ours["term"]) == want["rows"]
    for key, column in {"npar": "npar", "aic": "aic", "lrt": "statistic", "p": "p_value"}.items():
        close(ours[column], want[key], 1e-4, 1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_wald_intervals(name: str) -> None:
    want, ours = MODELS[name]["wald"], fitted(name).confint("wald", df="none").to_frame()
    fixed = ours["effect"] == "fixed"
    error = (ours["upper"] - ours["lower"])[fixed] / 4
    for end in ("lower", "upper"):
        theirs = numbers(want[end])
        theirs = theirs[np.isfinite(theirs)]
        assert (np.abs(ours[end][fixed] - theirs) < 1e-4 * error).all()


@pytest.mark.parametrize("name", [name for name in MODELS if "ci" in MODELS[name]])
def test_profile_intervals(name: str) -> None:
    want, ours = MODELS[name]["ci"], fitted(name, reml=False).confint("profile").to_frame()
    assert len(ours) == len(want["rows"])
    lower, upper = numbers(want["lower"]), numbers(want["upper"])
    for i, (low, high) in enumerate(zip(ours["lower"], ours["upper"], strict=True)):
        error = (high - low) / 3.92
        assert np.isnan(lower[i]) or abs(low - lower[i]) < 1e-3 * error
        assert np.isnan(upper[i]) or abs(high - upper[i]) < 1e-3 * error


MEANS = [(name, i) for name in MODELS for i in range(len(MODELS[name]["means"]))]


@pytest.mark.parametrize(("name", "i"), MEANS, ids=[f"{n}: {MODELS[n]['means'][i]['call']}" for n, i in MEANS])
def test_means(name: str, i: int) -> None:
    want, m = MODELS[name]["means"][i], fitted(name)
    ours = answer(want["call"], m._fit, data_of(name))
    if isinstance(ours, JointTests):
        rows = [row for _, table in ours.tables for row in table]
        assert [row.term for row in rows] == want["term"]
        close([row.test.df1 for row in rows], want["df1"], 0)
        close([row.test.df2 for row in rows], want["df2"], 1e-3)
        close([row.test.statistic for row in rows], want["F"], 0, 5.1e-4)
        return
    error = numbers(want["se"])
    known = np.isfinite(error)
    np.testing.assert_array_equal(np.isfinite(ours.estimates.std_error), known)
    assert (np.abs(ours.estimates.estimate - numbers(want["estimate"]))[known] < 1e-4 * error[known]).all()
    close(ours.estimates.std_error, want["se"], 1e-5)
    close(ours.estimates.df, want["df"], 1e-3)
    close(ours.tests.p_value, want["p"], 1e-3, 1e-12)
    for end in ("lower", "upper"):
        assert (np.abs(getattr(ours.limits, end) - numbers(want[end]))[known] < 1e-4 * error[known]).all()
