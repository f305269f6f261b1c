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
from test_profile import lowest

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
# populations lie in regions, so that nothing is left of a region beside them: lmerTest's F of it is 48.2 on 2 and 8.0
# df here, and 3.3 on 2 and 21.6 where the levels of the populations stand in reverse order
ALIASED = {"arabidopsis": "reg"}
# lme4 1.1-31 profiles fixed effects of weighted fits wrongly, with limits of 0.92 and 0.95 for an intercept whose
# standard error is 0.23, and interpolates coarsely near a standard deviation of zero and a correlation of minus one
OTHER_LIMITS = {
    *(("hetero_slopes", name) for name in ("(Intercept)", "x", "trt[b]", "x:trt[b]")),
    ("theoph_ns", "sd_(Intercept)|Subject"),
    ("pixel_slopes", "cor_day.(Intercept)|Dog"),
    ("early", "cor_age.(Intercept)|id"),
}
# as in test_means_agreement.py: emmeans takes the smallest df of the rows of a joint test, and F without its scale;
# df of fits by ML beside standard errors by REML; the mean of offset(5 * Days) where Days is 0
OTHER_MEANS = {("crossed_slopes", "joint_tests"), ("rats_empty", "joint_tests"), ("obk_sum", "joint_tests"),
               ("orthodont_ml", "emmeans(m, ~ Sex)"), ("sleep_slope_ml", ""), ("sleep_offset", "")}  # fmt: skip


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
    kept = [i for i, q in enumerate(ours.df1) if q > 0]
    there = [i for i, term in enumerate(want["rows"]) if term not in ours.terms or ours.df1[ours.terms.index(term)] > 0]
    assert {want["rows"][i] for i in range(len(want["rows"])) if i not in there} <= {ALIASED.get(name)}
    assert [ours.terms[i] for i in kept] == [want["rows"][i] for i in there]
    theirs = {key: numbers(want[key])[there] for key in ("df1", "F", "df2", "ss", "p")}
    close(ours.df1[kept], theirs["df1"], 0)
    close(ours.statistic[kept], theirs["F"], 1e-4, 1e-8)
    close(ours.df2[kept], theirs["df2"], 1e-3)
    close(ours.sum_sq[kept], theirs["ss"], 1e-4)
    assert all(map(same_p, ours.p_value[kept], theirs["p"]))


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
    """Where they differ, the best fit with the parameter held at either limit decides."""
    m, want = fitted(name, reml=False), MODELS[name]["ci"]
    found = m.profile()
    intervals, z = found.confint(0.95), 1.959964
    assert len(intervals) == len(want["rows"])
    for parameter, low, high in zip(intervals, numbers(want["lower"]), numbers(want["upper"]), strict=True):
        _, *ours = intervals[parameter]
        error = (ours[1] - ours[0]) / 3.92
        for side, limit in zip(ours, (low, high), strict=True):
            if np.isnan(limit) or abs(side - limit) < 1e-3 * error:
                continue
            assert (name, parameter) in OTHER_LIMITS
            zeta = [abs(lowest(m._fit, found[parameter].parameter, v) - found.criterion) ** 0.5 for v in (side, limit)]
            assert zeta[0] == pytest.approx(z, abs=1e-3)
            assert abs(zeta[0] - z) < abs(zeta[1] - z)


MEANS = [(name, i) for name in MODELS for i in range(len(MODELS[name]["means"]))]


@pytest.mark.parametrize(("name", "i"), MEANS, ids=[f"{n}: {MODELS[n]['means'][i]['call']}" for n, i in MEANS])
def test_means(name: str, i: int) -> None:
    want, m = MODELS[name]["means"][i], fitted(name)
    ours = answer(want["call"], m._fit, data_of(name))
    otherwise = any(name == other and text in want["call"] for other, text in OTHER_MEANS)
    if isinstance(ours, JointTests):
        rows = [row for _, table in ours.tables for row in table]
        assert [row.term for row in rows] == want["term"]
        close([row.test.df1 for row in rows], want["df1"], 0)
        single = [i for i, row in enumerate(rows) if row.test.df1 == 1 or not otherwise]
        assert single
        for i in single:
            close(rows[i].test.df2, [want["df2"][i]], 1e-3)
            close(rows[i].test.statistic, [want["F"][i]], 0, 5.1e-4)
        return
    error, loose = numbers(want["se"]), 3e-3 if ours.shown.adjust == "mvt" else 0.0  # Monte Carlo in R
    known = np.isfinite(error)
    np.testing.assert_array_equal(np.isfinite(ours.estimates.std_error), known)
    close(ours.estimates.std_error, want["se"], 1e-5)
    if name == "sleep_offset":
        truth = m.predict({"Days": [0, 4, 9]}, groups="population")
        np.testing.assert_allclose(ours.estimates.estimate, truth, rtol=1e-12)
        return
    assert (np.abs(ours.estimates.estimate - numbers(want["estimate"]))[known] < 1e-4 * error[known]).all()
    if otherwise:
        reml = answer(want["call"], fitted(name, reml=True)._fit, data_of(name))
        np.testing.assert_allclose(ours.estimates.df, reml.estimates.df, rtol=1e-6)
        np.testing.assert_allclose(ours.estimates.std_error, reml.estimates.std_error, rtol=1e-6)
        return
    close(ours.estimates.df, want["df"], 1e-3)
    close(ours.tests.p_value, want["p"], 1e-3, 1e-12 + loose)
    for end in ("lower", "upper"):
        gap = np.abs(getattr(ours.limits, end) - numbers(want[end]))[known]
        assert (gap < (1e-4 + 2 * loose) * error[known]).all()
