"""Marginal means, slopes, contrasts and joint tests against R's emmeans: every model of means.json, more_means.json
and further_means.json.

Means and limits to 1e-5 of a standard error or relative, standard errors to 1e-5, df to 1e-3, adjusted p-values to 1e-3
(multivariate t and its limits 3e-3, Monte Carlo in R), linear functions to 1e-9, notes and printed tables word by word.
Generalized mixed models, whose optimum R leaves at three digits and whose Hessian it finds by differences: means to
1e-3 of a standard error, standard errors to 1e-3.
The tally is printed at the end of the run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import reference_data
from at_theta import as_lmertest
from means_calls import answer

from multilevel.families import NegativeBinomial, family_of
from multilevel.inference.means import JointTests, MarginalMeans
from multilevel.models.estimate import Fit, estimate_of
from multilevel.models.generalized_linear import GeneralizedLinearFit, fit_generalized_linear
from multilevel.models.generalized_mixed import estimate_of as generalized_estimate
from multilevel.models.generalized_mixed import fit_generalized_mixed
from multilevel.models.linear import fit_linear
from multilevel.models.linear_mixed import fit_linear_mixed

REFERENCE = Path(__file__).parent / "reference"
FILES = ("means.json", "more_means.json", "further_means.json")
MODELS = {m["id"]: m for file in FILES for m in json.loads((REFERENCE / file).read_text(encoding="utf-8"))}
CASES = [(name, result) for name, m in MODELS.items() for result in m["results"]]
TALLY: dict[str, str] = {}
LIMITS = {"estimate": 1e-5, "se": 1e-5, "df": 1e-3, "lower": 1e-5, "upper": 1e-5, "t": 1e-4, "p": 1e-3, "L": 1e-9}
LOOSER = {"estimate": 1e-3, "se": 1e-3, "lower": 2e-3, "upper": 2e-3, "t": 2e-3, "p": 1e-3}  # generalized mixed
HESSIAN = "R's Hessian by differences is off"  # ours is that of wide differences, test_agreement_generalized.py
GAMMA = "lme4's Gamma fit is not of maximum likelihood"
ROUNDED = "emmeans computes the confounded F from F ratios of three decimals"
# lmerTest's anova(ddf="Kenward-Roger") says what is said here: test_joint_tests_are_lmertests
SMALLEST = "emmeans takes the smallest df of the rows, and F without its scale, where Kenward and Roger have their own"
OTHERWISE = {
    ("em_tmb", ""): "glmmTMB takes t with residual df",
    ("em_verbagg", ""): HESSIAN,
    ("ticks", "joint_tests"): HESSIAN,
    (
        "em_sleep_ml",
        "kenward-roger",
    ): "standard errors of the REML estimates, df of those by ML; here both of REML",
    ("em_tut_d6_lmer", "satterthwaite"): "R gives up df beyond a number of rows",
    ("em_nutrition_nonest", "joint_tests(m)"): ROUNDED,
    ("npk", "joint_tests(m)"): ROUNDED,
    ("machines", "joint_tests(m)"): SMALLEST,
    ("machines", "joint=TRUE"): SMALLEST,
    ("rats", "joint_tests(m)"): SMALLEST,
    ("body_log", "joint_tests(m)"): SMALLEST,
    ("sub_rats", "joint_tests(m"): SMALLEST,
    ("apple_log", "joint_tests(m"): SMALLEST,
    ("alfalfa_sqrt", "regrid"): "emmeans takes the smallest df of the means when it transforms them",
    ("owls_offset", ""): HESSIAN,
    ("sub_nutrition", "joint_tests(m"): "emmeans marks df1 of age:race as reduced, which has no more in its submodel",
    ("ergo", "eff_size"): "emmeans takes the smallest df of the means when it transforms them",
    ("breaks_quasi", ""): "emmeans takes normal references for quasi families, R's own summary t",
    ("tooth_poly", "'sqrt(dose)', max.degree=2"): "emmeans' chain rule leaves out the curvature of the function",
}
OTHER_PAGES = {  # broken tables, df where R stopped early or "inherited", headings of nothing, groups as columns
    "co2: pairs(emmeans(m, ~ Type * Treatment))",
    "body_log: emmeans(m, ~ Diet | Time, at=list(Time=c(1,64)), type='response', lmer.df='satterthwaite')",
    "body_log: pairs(regrid(emmeans(m, ~ Diet), transform='log'))",
    "npk: emmeans(m, ~ block)",
    "quine_four: test(pairs(emmeans(m, ~ Age | Sex)), joint=TRUE)",
    "sub_rats: emmeans(m, ~ 1, submodel='minimal')",
    "asin_gopher: pairs(emmeans(m, ~ year))",
}
TIES = {"3.40467 3.40468", "40.3 40.2", "121.9 122.0"}  # means that lie half-way between two prints


def otherwise(name: str, call: str) -> str:
    """Why R answers otherwise, if it does."""
    if name == "em_gamma":
        return GAMMA
    return next((why for (model, text), why in OTHERWISE.items() if name.startswith(model) and text in call), "")


@lru_cache(maxsize=4)
def fitted(name: str) -> tuple[Fit, Any]:
    """The model of a file, at R's theta where R's optimum is loose."""
    m = MODELS[name]
    data = reference_data.load(m["data"])
    if name == "em_gamma":
        data["xf"] = pd.cut(data["x"], [-np.inf, -0.5, 0.5, np.inf], labels=["low", "mid", "high"], ordered=False)
    options: dict[str, Any] = {"contrasts": m["contrasts"], "weights": m.get("weights")}
    if m["kind"] == "lm":
        return fit_linear(m["formula"], data, **options), data
    if "family" in m:
        return generalized(m, data), data
    fit = fit_linear_mixed(m["formula"], data, reml=m["REML"], **options)
    if "theta" in m:
        solution = fit.sums.core.solve(np.array(m["theta"]), m["REML"])
        fit = as_lmertest(replace(fit, estimate=estimate_of(solution, fit.sums, reml=m["REML"])))
    return fit, data


def generalized(m: dict[str, Any], data: Any) -> Fit:
    """A generalized model; its estimates are R's where the file has all of them."""
    family = NegativeBinomial("log", m["size"]) if "size" in m else family_of(m["family"])
    if m["kind"] == "glm":
        return last_but_one(fit_generalized_linear(m["formula"], data, family))
    fit = fit_generalized_mixed(m["formula"], data, family)
    if "theta" in m:
        beta = np.array(list(m["coef"].values()))
        solution = fit.likelihood.solve(np.array(m["theta"]), beta, np.log(fit.estimate.shape), hessian=True)
        return replace(fit, estimate=generalized_estimate(solution, fit.likelihood))
    return fit


def last_but_one(fit: GeneralizedLinearFit) -> Fit:
    """With R's covariance of the estimates, which is that of the last but one step of scoring."""
    family, X = fit.family, np.column_stack(fit.sums.X)
    mu = family.start(fit.y, fit.weights)
    eta = family.link.of(mu)
    offset = 0.0 if fit.rows.offset is None else fit.rows.offset
    for _ in range(fit.estimate.iterations):
        slope = family.link.derivative(eta)
        w = fit.weights * slope**2 / family.unit_variance(mu)
        vcov = np.linalg.inv(X.T @ (w[:, None] * X))
        beta = vcov @ (X.T @ (w * (eta - offset + (fit.y - mu) / slope)))
        eta = X @ beta + offset
        mu = family.link.inverse(eta)
    return replace(fit, estimate=replace(fit.estimate, beta=beta, unscaled_vcov=vcov))


def gap(ours: Any, theirs: Any, unit: Any = 0.0) -> float:
    """Largest difference, relative or in units if these are larger; infinite where only one is missing."""
    a = np.array(ours, np.float64)
    b = np.array([np.inf if v == "Inf" else np.nan if v is None or isinstance(v, str) else v for v in theirs], float)
    if a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any() or (np.isinf(a) != np.isinf(b)).any():
        return np.inf
    known = np.isfinite(a)
    size = np.maximum(np.abs(b), unit)[known]
    return float(np.max(np.abs(a[known] - b[known]) / np.maximum(size, 1e-300), initial=0.0))


def differences(ours: MarginalMeans, result: dict[str, Any]) -> dict[str, float]:
    """Of each number that R gives, how far ours is."""
    (estimate, error, df), (_, statistic, p) = ours.estimates, ours.tests
    made = {"estimate": gap(estimate, result["estimate"], error), "se": gap(error, result["se"])}
    made["df"] = gap(df, result["df"])
    if "lower" in result:
        made["lower"], made["upper"] = (gap(end, result[k], error) for k, end in ours.limits._asdict().items())
    if "p" in result:
        made["t"] = gap(statistic, result["t"], 1.0)
        made["p"] = gap(p, result["p"], 1.0)
    if "L" in result and len(result["L"]) == len(ours.L):  # R's has rows that nested factors do not have, too
        made["L"] = float(np.abs(ours.L - np.array(result["L"])).max())
    return made


def lines(text: str) -> list[str]:
    """Lines without their spacing; our own remarks apart."""
    body = re.split(r"\n(?:NOTE:|Note: adjust|Kenward-Roger's)", text)[0]
    return [" ".join(line.split()) for line in body.splitlines() if line.strip()]


def missed(ours: MarginalMeans, result: dict[str, Any], limits: dict[str, float]) -> list[str]:
    """What does not agree."""
    sloppy = {"mvt": {"p": 3e-3, "lower": 4e-3, "upper": 4e-3}, "dunnettx": {"lower": 5e-5, "upper": 5e-5}}
    allowed = sloppy.get(ours.shown.adjust, {})  # Monte Carlo, and a search for a quantile that stops early
    made = [
        f"{what} {value:.2g}"
        for what, value in differences(ours, result).items()
        if not value <= max(limits[what], allowed.get(what, 0.0))
    ]
    if any("misleading" in note for note in result["notes"]) != any("misleading" in text for text in ours.cautions):
        made.append("note on interactions")
    return made


def same_page(ours: MarginalMeans | JointTests, result: dict[str, Any]) -> list[tuple[str, str]]:
    """Lines that differ in more than the last digit of a tie or of a Monte Carlo p-value."""
    found = []
    loose = 3e-3 if isinstance(ours, MarginalMeans) and ours.shown.adjust == "mvt" else 0.0
    for a, b in zip(lines(str(ours)), lines(result["printed"]), strict=True):
        words = [(x, y) for x, y in zip(a.split(), b.split(), strict=True) if x != y]
        if any(f"{x} {y}" not in TIES and not near(x, y, loose) for x, y in words):
            found.append((a, b))
    return found


def near(x: str, y: str, loose: float) -> bool:
    """Numbers with the same decimals that differ in the last one by one, as R's optimum is not exact, or by `loose`."""
    x, y = (x, y) if not loose else (x.lstrip("<").rjust(6, "0"), y.lstrip("<").rjust(6, "0"))
    try:
        last = 1.01 * 10.0 ** -len(x.partition(".")[2])
        return len(x) == len(y) and abs(float(x) - float(y)) <= max(last, loose)
    except ValueError:
        return False


@pytest.fixture(scope="module", autouse=True)
def tally() -> Iterator[None]:
    yield
    good = sum(verdict == "agrees" for verdict in TALLY.values())
    print(f"\nemmeans results: {good} of {len(TALLY)} agree")
    for case, verdict in TALLY.items():
        if verdict != "agrees":
            print(f"  {case}: {verdict}")


@pytest.mark.parametrize(("name", "result"), CASES, ids=[f"{name}: {result['call']}" for name, result in CASES])
def test_emmeans(name: str, result: dict[str, Any]) -> None:
    case = f"{name}: {result['call']}"
    TALLY[case] = "does not agree"
    fit, data = fitted(name)
    ours = answer(result["call"], fit, data)
    if isinstance(ours, dict):
        for part, made in ours.items():
            assert np.abs(made.L - np.array(result["list"][part])).max() < 1e-5  # printed with seven digits
    elif isinstance(ours, JointTests):
        check_joint(ours, result, otherwise(name, result["call"]), case not in OTHER_PAGES)
    else:
        loose = "family" in MODELS[name] and MODELS[name]["kind"] != "glm"
        limits = LIMITS | (LOOSER if loose else {})
        if ours.submodel and "family" in MODELS[name]:
            limits["L"] = 1e-6  # R's weights are those of its last step but one
        wrong = missed(ours, result, limits)
        if otherwise(name, result["call"]) == GAMMA:
            assert not {"df", "L", "note"} & {text.split()[0] for text in wrong}
        elif otherwise(name, result["call"]) == HESSIAN:
            assert not missed(ours, result, {what: max(limit, 5e-3) for what, limit in (LIMITS | LOOSER).items()})
        elif otherwise(name, result["call"]):
            assert wrong
            assert name == "tooth_poly" or not {"estimate", "se", "L"} & {text.split()[0] for text in wrong}
        else:
            assert not wrong
            if case not in OTHER_PAGES and not any(word in result["call"] for word in ("ref_grid", "rbind")):
                assert not same_page(ours, result)
    TALLY[case] = otherwise(name, result["call"]) or "agrees"


def check_joint(ours: JointTests, result: dict[str, Any], reason: str, page: bool) -> None:
    """Joint tests, whose F ratios R has rounded; the confounded one of a page that R computes from such."""
    tests = [row for _, rows in ours.tables for row in rows]
    if len(ours.tables) > 1 and tests[0].term:  # R's frame has the groups of a term one below the other
        tests = [row for same in zip(*(rows for _, rows in ours.tables), strict=True) for row in same]
    assert [row.test.df1 for row in tests] == result["df1"]
    if reason == SMALLEST:
        assert [row.test.df2 for row in tests] != result["df2"]
        return
    if reason.startswith("emmeans takes normal"):
        assert result["df2"] == ["Inf"] * len(tests)
        return
    for i, row in enumerate(tests):
        rounding = 5e-3 if reason and row.term == "(confounded)" else 5.1e-4
        rounding = 1e-2 * result["F"][i] if reason == HESSIAN else rounding
        assert abs(row.test.statistic - result["F"][i]) < rounding
        assert gap([row.test.df2], [result["df2"][i]]) < 1e-3
        assert abs(row.test.p_value - result["p"][i]) < (1e-4 if not reason else 2e-3)
        if "term" in result:
            assert row.term == result["term"][i]
        if "note" in result and not reason.startswith("emmeans marks"):
            assert row.note == result["note"][i].strip()
    assert len(tests) == len(result["F"])
    if page and not reason:
        assert not same_page(ours, result)


@pytest.mark.parametrize(
    ("name", "term", "test"),
    [
        ("machines", "Machine", (2, 4.0, 32.8030292)),
        ("rats", "sex", (1, 302.599409, 46.8188851)),
        ("rats", "Treatment", (2, 23.7014672, 11.4770548)),
        ("rats", "Lsize", (1, 31.0751858, 46.663649)),
        ("rats", "sex:Treatment", (2, 301.861496, 0.464469538)),
    ],
)
def test_joint_tests_are_lmertests(name: str, term: str, test: tuple[int, float, float]) -> None:
    """lmerTest 3.1-3 and pbkrtest 0.5.2: type III F tests by Kenward and Roger, where emmeans takes the smallest df."""
    (rows,) = [rows for _, rows in answer("joint_tests(m)", *fitted(name)).tables]
    (ours,) = [row.test for row in rows if row.term == term]
    assert (ours.df1, ours.df2, ours.statistic) == pytest.approx(test, rel=1e-5)


def test_most_of_it_agrees() -> None:
    agreeing = sum(verdict == "agrees" for verdict in TALLY.values())
    if len(TALLY) == len(CASES):  # the whole table was run
        assert agreeing >= 607
