"""Marginal means: distributions against SciPy, adjustments against R's p.adjust, grids by hand, pages, bad inputs."""

from __future__ import annotations

import pickle
import re
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import reference_data
from numpy.testing import assert_allclose

from multilevel import datasets
from multilevel.errors import DataError, InferenceError
from multilevel.families import family_of
from multilevel.inference.anova import anova
from multilevel.inference.means import MarginalMeans, adjust, emmeans, emtrends, joint_tests
from multilevel.inference.means.adjust import Statements, adjusted
from multilevel.inference.means.arrows import arrows
from multilevel.inference.means.basis import Basis
from multilevel.inference.means.estimability import Estimability, estimability
from multilevel.inference.means.families import Options, family
from multilevel.inference.means.grid import reference_grid
from multilevel.inference.means.ranges import (
    Greatest,
    dunnett_quantile,
    dunnett_sf,
    range_quantile,
    range_sf,
)
from multilevel.inference.means.scales import bias_adjusted, link_scale, response_scale
from multilevel.inference.means.specs import read_spec
from multilevel.inference.sampling import FixedDf
from multilevel.models.generalized_linear import fit_generalized_linear
from multilevel.models.linear import fit_linear
from multilevel.models.linear_mixed import fit_linear_mixed

WARP = reference_data.load("warpbreaks")
CELLS = fit_linear("breaks ~ wool * tension", WARP)
PIGS = reference_data.load("pigs")
LOG = fit_linear("log(conc) ~ source + factor(percent)", PIGS)
OATS = reference_data.load("Oats")
SPLIT = fit_linear_mixed("yield ~ Variety + nitro + (1 | Block/Variety)", OATS)
GAPS = fit_linear("breaks ~ wool * tension", WARP.iloc[:40])


def warp(specs: Any, **options: Any) -> MarginalMeans:
    return emmeans(CELLS, WARP, specs, **options)


# ---- distributions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3, 10, 40])
def test_studentized_range_is_scipys(k: int) -> None:
    from scipy.stats import studentized_range

    df = np.array([1.0, 2.5, 7.0, 30.0, 1000.0, np.inf])
    for q in (0.4, 2.0, 3.6, 5.5, 12.0):
        assert_allclose(range_sf(np.full(6, q), k, df), studentized_range.sf(q, k, df), atol=1e-8)


@pytest.mark.parametrize(("k", "df"), [(2, 4.0), (3, 20.0), (20, 61.5), (5, np.inf)])
def test_quantiles_invert_tails(k: int, df: float) -> None:
    d = np.array([df])
    assert range_sf(range_quantile(0.05, k, d), k, d)[0] == pytest.approx(0.05, rel=1e-8)
    assert dunnett_sf(dunnett_quantile(0.01, k, d), k, d)[0] == pytest.approx(0.01, rel=1e-8)


def test_dunnett_against_mvtnorm() -> None:
    """R's mvtnorm, qmvt(.95, tail = "both.tails") with abseps 1e-6."""
    for k, df, t in ((2, 10, 2.568587), (3, 20, 2.540341), (5, 30, 2.656779), (9, 60, 2.769237)):
        assert dunnett_quantile(0.05, k, np.array([float(df)]))[0] == pytest.approx(t, abs=5e-4)


@pytest.mark.parametrize(("k", "df"), [(3, 7.0), (6, 48.0), (8, np.inf)])
def test_multivariate_t_of_pairs_is_the_studentized_range(k: int, df: float) -> None:
    pairs = np.array([np.eye(k)[i] - np.eye(k)[j] for i, j in combinations(range(k), 2)]) / np.sqrt(2)
    t = np.array([0.3, 1.5, 2.4, 3.5, 6.0])
    greatest = Greatest(pairs @ pairs.T)
    assert_allclose(greatest.sf(t, np.full(5, df)), range_sf(np.sqrt(2) * t, k, np.full(5, df)), atol=3e-4)
    assert greatest.quantile(0.05, np.array([df]))[0] == pytest.approx(
        range_quantile(0.05, k, np.array([df]))[0] / np.sqrt(2), rel=1e-3
    )


def test_multivariate_t_of_one_side() -> None:
    """Independent normal variables, where the answer is known."""
    t = np.array([-1.0, 0.0, 0.5, 2.0])
    from scipy.stats import norm

    assert_allclose(Greatest(np.eye(4)).sf(t, np.full(4, np.inf), sided=1), 1 - norm.cdf(t) ** 4, atol=3e-4)


# ---- adjustments ----------------------------------------------------------------------------------------------------

RAW = np.array([0.09683, 0.00034, 0.5679, 0.00137, 0.20623, 0.11757, 0.53632, 0.43302])
P_ADJUST = {  # R 4.2.2, p.adjust
    "holm": [0.58098, 0.00272, 1, 0.00959, 0.82492, 0.58785, 1, 1],
    "hochberg": [0.5679, 0.00272, 0.5679, 0.00959, 0.5679, 0.5679, 0.5679, 0.5679],
    "hommel": [0.48415, 0.00272, 0.5679, 0.00959, 0.5679, 0.515575, 0.5679, 0.5679],
    "BH": [0.23514, 0.00272, 0.5679, 0.00548, 0.329968, 0.23514, 0.5679, 0.5679],
    "fdr": [0.23514, 0.00272, 0.5679, 0.00548, 0.329968, 0.23514, 0.5679, 0.5679],
    "BY": [0.639076928571429, 0.00739257142857143, 1, 0.0148938571428571, 0.896805885714286, 0.639076928571429, 1, 1],
    "bonferroni": np.minimum(8 * RAW, 1),
    "sidak": 1 - (1 - RAW) ** 8,
}


@pytest.mark.parametrize("method", P_ADJUST)
def test_p_values_are_adjusted_as_in_r(method: str) -> None:
    from scipy.stats import norm

    whole = Estimability(np.zeros((8, 0)), np.ones(8), tuple(range(8)))
    basis = Basis(FixedDf("none", np.zeros(8), np.eye(8)), whole, "", "dict")
    made = adjusted(method, norm.isf(RAW / 2), np.full(8, np.inf), "two-sided", Statements(np.eye(8), basis, None))
    assert_allclose(made, P_ADJUST[method], rtol=1e-7)


@pytest.mark.parametrize("adjust", ["tukey", "dunnettx", "dunnett", "mvt", "scheffe", "sidak", "bonferroni", "none"])
def test_an_interval_excludes_zero_where_its_test_rejects(adjust: str) -> None:
    """At the level at which the p-value of a contrast is one minus the level, the limit is zero."""
    made = warp("tension").pairs(adjust=adjust)
    level = 1 - made.tests.p_value[0]
    assert made.confint(level).limits.lower[0] == pytest.approx(0, abs=1e-4 * made.estimates.std_error[0])


def test_all_pairs_of_twenty_levels_are_one_pass_over_the_studentized_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """190 p-values at once, not one after the other; how long that takes is measured by benchmarks/inference.py."""
    passes: list[int] = []

    def counted(statistics: Any, *rest: Any) -> Any:
        passes.append(np.size(statistics))
        return range_sf(statistics, *rest)

    monkeypatch.setattr(adjust, "range_sf", counted)
    data = {"f": np.array([f"L{i:02d}" for i in range(20)])[np.arange(400) % 20], "y": np.sin(np.arange(400.0) ** 2)}
    assert len(str(emmeans(fit_linear("y ~ f", data), data, "f").pairs()).splitlines()) == 193
    assert passes == [190]


# ---- families -------------------------------------------------------------------------------------------------------

FOUR = ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("method", "names", "weights"),
    [
        ("revpairwise", "b - a|c - a|c - b|d - a|d - b|d - c", {0: [-1, 1, 0, 0], 4: [0, -1, 0, 1]}),
        ("trt.vs.ctrlk", "a - d|b - d|c - d", {1: [0, 1, 0, -1]}),
        ("eff", "a effect|b effect|c effect|d effect", {0: [0.75, -0.25, -0.25, -0.25]}),
        ("del.eff", "a effect|b effect|c effect|d effect", {3: [-1 / 3, -1 / 3, -1 / 3, 1]}),
        ("consec", "b - a|c - b|d - c", {2: [0, 0, -1, 1]}),
        ("mean_chg", "a|b, b|c, c|d", {1: [-0.5, -0.5, 0.5, 0.5], 2: [-1 / 3, -1 / 3, -1 / 3, 1]}),
        ("helmert", "b vs earlier|c vs earlier|d vs earlier", {1: [-0.5, -0.5, 1, 0]}),
        ("poly", "linear|quadratic|cubic", {0: [-3, -1, 1, 3], 1: [1, -1, -1, 1], 2: [-1, 3, -3, 1]}),
    ],
)
def test_families(method: str, names: str, weights: dict[int, list[float]]) -> None:
    made = family(method, FOUR)
    assert made.names == tuple(names.split(", " if ", " in names else "|"))
    for row, expected in weights.items():
        assert_allclose(made.weights[row], expected)
    assert_allclose(made.weights.sum(axis=1), 0, atol=1e-12)


def test_polynomials_are_those_of_the_printed_tables() -> None:
    made = family("poly", list("abcdefgh"))
    assert made.names == ("linear", "quadratic", "cubic", "quartic", "degree 5", "degree 6")
    assert made.weights[:3].tolist() == [
        [-7, -5, -3, -1, 1, 3, 5, 7],
        [7, 1, -3, -5, -5, -3, 1, 7],
        [-7, 5, 7, 3, -3, -7, -5, 7],
    ]
    assert_allclose(np.triu(made.weights @ made.weights.T, 1), 0)


def test_references_by_name_position_and_several() -> None:
    assert family("trt.vs.ctrl", FOUR, Options("c")).names == ("a - c", "b - c", "d - c")
    assert family("trt.vs.ctrl", FOUR, Options(-1)).names == family("trt.vs.ctrlk", FOUR).names
    both = family("trt.vs.ctrl", FOUR, Options(["a", 1]))
    assert both.names == ("c - avg(a,b)", "d - avg(a,b)")
    assert_allclose(both.weights[0], [-0.5, -0.5, 1, 0])


def test_names_with_signs_stand_in_parentheses() -> None:
    assert family("pairwise", ["pre-test", "post"]).names == ("(pre-test) - post",)


# ---- specifications and grids ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "by", "over", "behind"),
    [
        ("~ a | b", None, ("a",), ("b",)),
        ("~ a:b + c", "d", ("a", "b", "c"), ("d",)),
        (["a", "b"], ["c"], ("a", "b"), ("c",)),
        ("~ `odd name`", None, ("odd name",), ()),
        ("1", None, (), ()),
    ],
)
def test_specifications(spec: Any, by: Any, over: tuple[str, ...], behind: tuple[str, ...]) -> None:
    assert read_spec(spec, by) == (over, behind)


MADE = {
    "y": np.random.default_rng(7).normal(size=24),
    "x": np.r_[np.linspace(1, 9, 23), 20.0],
    "two": np.tile([0, 5], 12),
    "yes": np.tile([True, False, True], 8),
    "k": np.repeat([10, 30, 20], 8),
    "g": np.repeat(list("uvw"), 8),
}


@pytest.mark.parametrize(
    ("formula", "options", "axes"),
    [
        ("y ~ x + two", {}, {"x": (np.mean(MADE["x"]),), "two": (0.0, 5.0)}),
        ("y ~ log(x) + yes", {}, {"x": (np.mean(MADE["x"]),), "yes": ("FALSE", "TRUE")}),
        ("y ~ factor(k) + poly(x, 2)", {"at": {"x": [2, 3]}}, {"k": (10.0, 20.0, 30.0), "x": (2.0, 3.0)}),
        ("y ~ k * x", {"cov_reduce": "range"}, {"k": (10.0, 30.0), "x": (1.0, 20.0)}),
        ("y ~ k + x", {"cov_reduce": {"k": "unique", "x": "median"}}, {"k": (10.0, 20.0, 30.0),
                                                                      "x": (np.median(MADE["x"]),)}),
        ("y ~ I(x > 5) + offset(log(k))", {"at": {"k": 20}}, {"x": (np.mean(MADE["x"]),), "k": (20.0,)}),
        ("y ~ g + x", {"at": {"g": "v"}, "cov_reduce": "around"}, {"g": ("v",), "x": (np.mean(MADE["x"]) - 1,
                                                                                  np.mean(MADE["x"]) + 1)}),
    ],
)  # fmt: skip
def test_grids(formula: str, options: dict[str, Any], axes: dict[str, tuple[Any, ...]]) -> None:
    grid = reference_grid(fit_linear(formula, MADE), MADE, **options)
    assert {axis.name: axis.values for axis in grid.axes} == axes


def test_transforms_are_evaluated_at_the_mean() -> None:
    fit = fit_linear("y ~ g + poly(x, 2) + log(x) + I(x^2)", MADE)
    grid = reference_grid(fit, MADE)
    mean = np.mean(MADE["x"])
    assert_allclose(grid.X[:, list(fit.design.names).index("log(x)")], np.log(mean))
    assert_allclose(grid.X[:, list(fit.design.names).index("I(x^2)")], mean**2)
    prediction = emmeans(fit, MADE, "~ g").estimates.estimate
    rows = fit.design.matrices(reference_columns({"g": list("uvw"), "x": [mean] * 3}))
    assert_allclose(prediction, rows.dense_X()[:, list(fit.kept)] @ fit.estimate.beta)


def reference_columns(data: dict[str, Any]) -> Any:
    from multilevel.data.rows import read_columns

    return read_columns(data)


def test_cell_weights_give_the_raw_means() -> None:
    made = emmeans(GAPS, WARP.iloc[:40], "wool", weights="cells").estimates.estimate
    assert_allclose(made, WARP.iloc[:40].groupby("wool")["breaks"].mean())


def test_weights_by_hand() -> None:
    """Three ways to average over the levels of g and yes, whose counts are known."""
    fit = fit_linear("y ~ g + yes + x", MADE | {"g": np.repeat(list("uvw"), [4, 8, 12])})
    data = MADE | {"g": np.repeat(list("uvw"), [4, 8, 12])}
    b = dict(zip(fit.names, fit.estimate.beta, strict=True))
    base = b["(Intercept)"] + b["x"] * np.mean(MADE["x"])
    cases = {
        "equal": (1 / 3, 1 / 3, 1 / 2),
        "proportional": (8 / 24, 12 / 24, 16 / 24),
        "outer": (8 / 24, 12 / 24, 2 / 3),
    }
    for weights, (v, w, yes) in cases.items():
        made = emmeans(fit, data, "~ 1", weights=weights).estimates.estimate[0]
        assert made == pytest.approx(base + b["g[v]"] * v + b["g[w]"] * w + b["yes[TRUE]"] * yes), weights
    given = emmeans(fit, data, "~ 1", weights=[1, 0, 0, 0, 0, 1]).estimates.estimate[0]
    assert given == pytest.approx(base + b["g[w]"] / 2 + b["yes[TRUE]"] / 2)


def test_prior_weights_count_in_averages() -> None:
    data = MADE | {"w": np.repeat([1.0, 3.0], 12)}
    made = emmeans(fit_linear("y ~ g", data, weights="w"), data, "~ 1", weights="proportional")
    assert_allclose(made.L[0], [1, (4 + 12) / 48, 24 / 48])


def test_missing_rows_do_not_count() -> None:
    data = pd.DataFrame(MADE)
    data.loc[0, "y"] = np.nan
    grid = reference_grid(fit_linear("y ~ x + g", data), data)
    assert grid.axis("x").values == (pytest.approx(data["x"][1:].mean()),)


def test_offsets() -> None:
    fit = fit_linear("y ~ g + offset(2 * x)", MADE)
    b = fit.estimate.beta
    assert emmeans(fit, MADE, "g").estimates.estimate[0] == pytest.approx(b[0] + 2 * np.mean(MADE["x"]))
    assert emmeans(fit, MADE, "g", offset=0).estimates.estimate[0] == pytest.approx(b[0])
    fit = fit_linear("y ~ g + offset(x^2)", MADE)
    b, x = fit.estimate.beta, np.asarray(MADE["x"])
    assert emmeans(fit, MADE, "g").estimates.estimate[0] == pytest.approx(b[0] + np.mean(x**2))
    assert emmeans(fit, MADE, "g", at={"x": 3}).estimates.estimate[0] == pytest.approx(b[0] + 9)


def test_a_logarithmic_offset_as_in_emmeans() -> None:
    """R 4.2.2, emmeans 1.8.4: emmeans(glm(incidence ~ period + offset(log(size)), poisson, cbpp), ~ period)."""
    cbpp = datasets.load("cbpp", "dict")
    fit = fit_generalized_linear("incidence ~ period + offset(log(size))", cbpp, family_of("poisson"))
    means = emmeans(fit, cbpp, "period", type="response").estimates
    assert_allclose(means.estimate, [2.776, 1.015, 0.899, 0.571], atol=6e-4)
    assert_allclose(means.std_error, [0.355, 0.246, 0.240, 0.216], atol=6e-4)


# ---- estimability ---------------------------------------------------------------------------------------------------


def test_estimable_is_what_all_solutions_agree_on() -> None:
    found = estimability(GAPS)
    X = GAPS.rows.dense_X()
    rng = np.random.default_rng(0)
    rows = np.vstack([X[[0, -1]], rng.normal(size=(3, X.shape[1])), rng.normal(size=(2, len(X))) @ X])
    assert found.of(rows).tolist() == [True, True, False, False, False, True, True]
    inside = found.within(np.eye(X.shape[1]))
    assert len(inside) == np.linalg.matrix_rank(X)
    assert found.of(inside).all()


def test_empty_cells_say_so() -> None:
    made = emmeans(GAPS, WARP.iloc[:40], "wool")
    assert np.isnan(made.estimates.estimate).tolist() == [False, True]
    assert "nonEst" in str(made)
    assert 'weights="flat"' in made.notes[-1]
    assert emmeans(GAPS, WARP.iloc[:40], "wool", weights="flat").estimable.all()
    tests = joint_tests(GAPS, WARP.iloc[:40]).tables[0][1]
    assert [(row.term, row.test.df1, row.note) for row in tests] == [
        ("tension", 1, "e"), ("wool:tension", 1, "e"), ("(confounded)", 2, ""),
    ]  # fmt: skip


COWS = {  # emmeans' example of nested factors, and what emmeans 1.8.4 says of it
    "route": ["injection"] * 5 + ["oral"] * 9,
    "drug": np.repeat(["B", "C", "A", "H", "M"], [3, 2, 4, 2, 3]),
    "resp": np.array([34, 35, 34, 44, 43, 36, 33, 36, 32, 26, 25, 25, 24, 24.0]),
    "s": ["m", "f"] * 7,
}


@pytest.mark.parametrize("formula", ["resp ~ route + drug", "resp ~ route / drug"])
def test_nested_factors(formula: str) -> None:
    fit = fit_linear(formula, COWS)
    route = emmeans(fit, COWS, "route")
    assert_allclose(route.estimates.estimate, [38.91667, 28.02778], rtol=1e-6)
    assert_allclose(route.estimates.std_error, [0.591, 0.449], atol=5e-4)
    assert "NOTE: A nesting structure was detected in the fitted model: drug %in% route" in route.notes
    drug = emmeans(fit, COWS, "drug")
    assert [key.labels for key in drug.keys] == [tuple("BCAHM"), ("injection",) * 2 + ("oral",) * 3]
    assert drug.estimable.all()
    assert emmeans(fit, COWS, "~ 1").estimates.estimate[0] == pytest.approx(33.47222)
    assert_allclose(emmeans(fit, COWS, "route", weights="cells").estimates.estimate, [38, 29])
    rows = joint_tests(fit, COWS).tables[0][1]
    assert [(row.term, row.test.df1, round(row.test.statistic, 3)) for row in rows] == [
        ("route", 1, 215.232), ("route:drug", 3, 59.851),
    ]  # fmt: skip


def test_nested_by_the_formula() -> None:
    fit = fit_linear("breaks ~ wool / tension", WARP)
    assert [key.name for key in emmeans(fit, WARP, "tension").keys] == ["tension", "wool"]
    rows = joint_tests(fit, WARP).tables[0][1]
    assert [(row.term, row.test.df1, round(row.test.statistic, 3)) for row in rows] == [
        ("wool", 1, 3.765), ("wool:tension", 4, 6.344),
    ]  # fmt: skip
    apart = emmeans(fit, WARP, "tension", nested=False)
    assert_allclose(apart.estimates.estimate, warp("tension").estimates.estimate)
    crossed = emmeans(fit_linear("breaks ~ wool:tension", WARP), WARP, "wool")
    assert not any("nesting" in note for note in crossed.notes)


def test_nested_and_crossed() -> None:
    fit = fit_linear("resp ~ route / drug + s", COWS)
    assert_allclose(emmeans(fit, COWS, "s").estimates.estimate, [34.3, 32.7], atol=0.05)
    rows = joint_tests(fit, COWS).tables[0][1]
    assert [(row.term, row.test.df1, round(row.test.statistic, 3)) for row in rows] == [
        ("route", 1, 492.05), ("s", 1, 12.083), ("route:drug", 3, 134.341),
    ]  # fmt: skip


# ---- contrasts, tables, scales --------------------------------------------------------------------------------------


def test_coding_does_not_matter() -> None:
    other = fit_linear("breaks ~ wool * tension", WARP, contrasts={"wool": "sum", "tension": "helmert"})
    for ask in (lambda f: emmeans(f, WARP, "~ tension | wool").pairs(), lambda f: emmeans(f, WARP, "wool")):
        for ours, theirs in zip(ask(CELLS).estimates, ask(other).estimates, strict=True):
            assert_allclose(ours, theirs)
    for a, b in zip(joint_tests(CELLS, WARP).tables[0][1], joint_tests(other, WARP).tables[0][1], strict=True):
        assert_allclose(a.test, b.test)


def test_interaction_contrasts_are_contrasts_of_contrasts() -> None:
    twice = warp("~ wool | tension").contrast("pairwise").contrast("consec", by=None)
    made = warp("~ wool * tension").contrast(interaction=["pairwise", "consec"])
    assert_allclose(made.L, twice.L)
    assert [key.name for key in made.keys] == ["wool_pairwise", "tension_consec"]
    apart = warp("~ tension | wool").contrast(interaction=["consec", "pairwise"], by=None)
    assert_allclose(np.sort(apart.estimates.estimate), np.sort(made.estimates.estimate))


def test_tables_can_be_taken_apart_and_together() -> None:
    pairs = warp("~ tension | wool").pairs()
    together = pairs.test(by=None)
    assert [len(rows) for rows in pairs.groups] == [3, 3]
    assert [len(rows) for rows in together.groups] == [6]
    assert 'changed to "sidak"' in together.notes[-1]  # six differences of two families are not all pairs of anything
    assert warp("~ tension * wool").pairs(by="wool").notes == pairs.notes


@pytest.mark.parametrize("adjust", ["none", "sidak", "bonferroni", "mvt"])
@pytest.mark.parametrize("side", ["less", "greater"])
def test_intervals_of_one_side_end_where_its_tests_reject(side: str, adjust: str) -> None:
    pairs = warp("tension").pairs()
    lower, upper = pairs.confint(side=side, adjust=adjust).limits
    ends, open_ones = (upper, lower) if side == "less" else (lower, upper)
    assert (open_ones == (-np.inf if side == "less" else np.inf)).all()
    for i, end in enumerate(ends):
        assert pairs.test(null=end, side=side, adjust=adjust).tests.p_value[i] == pytest.approx(0.05, rel=2e-3)


def test_a_side_that_is_none() -> None:
    with pytest.raises(InferenceError, match="side is 'lower'; expected one of 'two-sided', 'less', 'greater'"):
        warp("tension").confint(side="lower")  # type: ignore[arg-type]


def test_equivalence_is_two_one_sided_tests() -> None:
    made = warp("tension").pairs(adjust="none")
    lower = made.test(delta=20, side="greater").tests.p_value
    upper = made.test(delta=20, side="less").tests.p_value
    assert_allclose(made.test(delta=20).tests.p_value, np.maximum(lower, upper))


@pytest.mark.parametrize("response", ["log(y)", "log2(y)", "log10(y)", "log1p(y)", "sqrt(y)", "qlogis(y)", "log(y + 2)",
                                      "exp(y)", "asin(sqrt(y))", "2 * sqrt(y)", "0.5 * log(y + 1)"])  # fmt: skip
def test_scales_invert_the_response(response: str) -> None:
    y = np.linspace(0.1, 0.9, 9)
    fit = fit_linear(f"{response} ~ x", {"y": y, "x": np.arange(9.0) ** 2})
    scale = response_scale(fit)
    assert scale is not None
    eta = fit.rows.y
    assert eta is not None
    assert_allclose(scale.inverse(eta), y)
    h = 1e-6
    assert_allclose((scale.inverse(eta + h) - scale.inverse(eta - h)) / (2 * h), scale.derivative(eta), rtol=1e-7)


def test_ratios_of_shifted_logarithms_are_not_shifted() -> None:
    fit = fit_linear("log(conc + 1) ~ source", PIGS)
    made = emmeans(fit, PIGS, "source").pairs()
    assert_allclose(made.response().estimates.estimate, np.exp(made.estimates.estimate))
    assert made.response().named[0].labels[0] == "fish / soy"


def test_bias_adjustment_of_a_lognormal_mean() -> None:
    scale = response_scale(LOG)
    assert scale is not None
    eta = np.array([0.0, 1.3])
    assert_allclose(bias_adjusted(scale, 0.3).inverse(eta), np.exp(eta) * (1 + 0.3**2 / 2), rtol=1e-9)
    assert_allclose(bias_adjusted(scale, 0.3).derivative(eta), np.exp(eta) * (1 + 0.3**2 / 2), rtol=1e-8)


def test_links_are_scales() -> None:
    class Logit:
        name = "logit"

        def inverse(self, eta: Any) -> Any:
            return 1 / (1 + np.exp(-eta))

        def derivative(self, eta: Any) -> Any:
            return self.inverse(eta) * (1 - self.inverse(eta))

    made = emmeans(CELLS, WARP, "wool", scale=link_scale(Logit(), "prob"))
    assert "Results are given on the logit (not the response) scale." in made.notes
    assert "Results are given on the log odds ratio (not the response) scale." in made.pairs().notes
    assert "odds.ratio" in str(made.pairs().response())
    assert_allclose(made.pairs().response().estimates.estimate, np.exp(made.pairs().estimates.estimate))


def test_slopes_are_derivatives() -> None:
    fit = fit_linear("conc ~ source * percent", PIGS)
    b = dict(zip(fit.names, fit.estimate.beta, strict=True))
    made = emtrends(fit, PIGS, "source", "percent")
    expected = [b["percent"], b["percent"] + b["source[soy]:percent"], b["percent"] + b["source[skim]:percent"]]
    assert_allclose(made.estimates.estimate, expected)
    curved = fit_linear("conc ~ poly(percent, 2, raw = TRUE)", PIGS)
    c = curved.estimate.beta
    at = {"percent": 12}
    exact = emtrends(curved, PIGS, "~ 1", "percent", at=at, delta=1e-6).estimates.estimate[0]
    assert exact == pytest.approx(c[1] + 24 * c[2], rel=1e-5)
    quotient = emtrends(curved, PIGS, "~ 1", "percent", at=at).estimates.estimate[0]
    assert quotient - exact == pytest.approx(0.009 * c[2], rel=1e-3)


def test_mixed_models_use_kenward_roger_unless_asked() -> None:
    default, same = emmeans(SPLIT, OATS, "Variety"), emmeans(SPLIT, OATS, "Variety", df="kenward-roger")
    assert_allclose(default.estimates.df, same.estimates.df)
    assert "Degrees-of-freedom method: kenward-roger" in default.notes
    other = emmeans(SPLIT, OATS, "Variety", df="none")
    assert np.isinf(other.estimates.df).all()
    assert "asymp.LCL" in str(other)
    assert "z.ratio" in str(other.pairs())
    assert "Degrees-of-freedom method: asymptotic" in other.notes
    assert joint_tests(SPLIT, OATS, df="none").to_frame()["p_value"][0] == pytest.approx(0.2264267, rel=1e-4)  # emmeans


def test_regridded_means_have_the_delta_method() -> None:
    means = emmeans(LOG, PIGS, "source")
    on_y = means.regrid()
    for ours, theirs in zip(on_y.estimates, means.response().estimates, strict=True):
        assert_allclose(ours, theirs)
    difference = on_y.pairs().estimates.estimate[0]
    assert difference == pytest.approx(-np.subtract(*means.response().estimates.estimate[[1, 0]]))


def test_arrows_overlap_unless_means_differ() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        means, se = rng.normal(size=6), rng.uniform(0.3, 0.4, 6)
        margins = 2.5 * np.sqrt(se[:, None] ** 2 + se**2)
        made = arrows(means, margins)
        for i, j in combinations(np.argsort(means).tolist(), 2):
            shown = means[i] + made.right[i] >= means[j] - made.left[j]
            if made.faithful[i] and made.faithful[j]:
                assert shown == (means[j] - means[i] <= margins[i, j])
        assert made.right[np.argmax(means)] == 0
        assert made.left[np.argmin(means)] == 0
    assert arrows(np.array([1.0, np.nan]), np.ones((2, 2))).right.tolist() == [0, 0]


def test_arrows_of_tables() -> None:
    made = warp("~ tension | wool").arrows()
    margin = warp("~ tension | wool").pairs().confint()
    width = (margin.limits.upper - margin.limits.lower)[0] / 2
    assert_allclose(made.right[[1, 2]] + made.left[[2, 0]], width, rtol=0.02)  # wool A: the order is M, H, L
    assert made.faithful.all()


# ---- frames and pages -----------------------------------------------------------------------------------------------


def test_the_grand_mean_of_the_tutorial_with_its_two_notes() -> None:
    data = reference_data.load("tut_d3")
    made = emmeans(fit_linear("y ~ 0 + participant", data), data, "~ 1")
    assert str(made) == (
        " 1       emmean      SE   df lower.CL upper.CL\n"
        " overall  0.398 0.00415 2495     0.39    0.406\n"
        "\n"
        "Results are averaged over the levels of: participant\n"
        "Confidence level used: 0.95"
    )


@pytest.mark.parametrize("backend", ["pandas", "polars", "dict"])
def test_frames(backend: str) -> None:
    made = emmeans(LOG, PIGS, "~ source | percent", backend=backend).to_frame()
    kinds = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "dict": dict}
    assert isinstance(made, kinds[backend])
    assert list(made.keys() if backend == "dict" else made.columns) == [
        "source", "percent", "estimate", "std_error", "df", "lower", "upper", "null", "statistic", "p_value",
    ]  # fmt: skip
    assert list(made["percent"])[::3] == [9.0, 12.0, 15.0, 18.0]
    assert list(made["source"])[:3] == ["fish", "soy", "skim"]


@pytest.mark.parametrize("submodel", ["~ age + group*race", "~ group + race", "minimal"])
def test_means_of_a_submodel_are_those_of_the_smaller_model(submodel: str) -> None:
    """Of least squares: the same estimates, with the residual variance of the larger one."""
    data = reference_data.load("nutrition")
    whole = fit_linear("gain ~ age * group + race * group", data)
    formula = "~ group * race" if submodel == "minimal" else submodel
    small = emmeans(fit_linear(f"gain {formula}", data), data, "~ group * race")
    made = emmeans(whole, data, "~ group * race", submodel=submodel)
    assert_allclose(made.estimates.estimate, small.estimates.estimate, rtol=1e-10, atol=1e-10)
    ratio = made.estimates.std_error / small.estimates.std_error
    assert_allclose(ratio, ratio[0], rtol=1e-10)
    assert made.notes[1].startswith("submodel: ~ ")


@pytest.mark.parametrize(
    "formula", ["breaks ~ wool * tension", "breaks ~ 0 + tension * wool", "breaks ~ wool + tension"]
)
def test_joint_tests_of_type_two(formula: str) -> None:
    fit = fit_linear(formula, WARP.iloc[5:])
    ours = joint_tests(fit, WARP.iloc[5:], submodel="type2").to_frame().set_index("term")
    if "0 +" in formula:  # where anova takes the first factor as the means
        fit = fit_linear("breaks ~ tension * wool", WARP.iloc[5:])
    table = anova(fit, 2)
    for term, f, p in zip(table.terms, table.statistic, table.p_value, strict=False):
        if term in ours.index:
            assert_allclose([ours.statistic[term], ours.p_value[term]], [f, p], rtol=1e-9)


def test_a_predictor_called_df_keeps_its_column() -> None:
    data = {"y": MADE["y"], "df": MADE["g"]}
    frame = emmeans(fit_linear("y ~ df", data), data, "df", backend="dict").to_frame()
    assert list(frame["df_"]) == ["u", "v", "w"]
    assert frame["df"].tolist() == [21.0] * 3


def test_frames_of_joint_tests() -> None:
    frame = joint_tests(CELLS, WARP, by="wool").to_frame()
    assert frame["group"].tolist() == ["wool = A", "wool = B"]
    assert list(frame.columns) == ["group", "term", "df1", "df2", "statistic", "p_value"]
    assert list(warp("wool").pairs().joint_test().to_frame().columns) == ["df1", "df2", "statistic", "p_value"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_pages_fit_their_width(width: int) -> None:
    pages = [warp("~ tension | wool"), warp("~ tension * wool").pairs(), warp("tension").test(null=25, delta=2),
             warp("tension").summary(), joint_tests(CELLS, WARP),
             warp("~ wool | tension").simple(), emmeans(LOG, PIGS, "source", type="response").pairs()]  # fmt: skip
    for page in pages:
        assert max(map(len, page.to_text(width).splitlines())) <= width
        assert "<table>" in page.to_html()
        assert "\\toprule" in page.to_latex()


def test_tiny_p_values_are_not_zero_below_their_unadjusted_ones() -> None:
    data = reference_data.load("tut_d2")
    made = emmeans(fit_linear("y ~ 0 + participant", data), data, "participant").pairs()
    assert (made.tests.p_value >= made.test(adjust="none").tests.p_value).all()


# ---- bad inputs -----------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Any, str]] = {
    "unknown factor": (lambda: warp("~ tensio"), "'tensio' is no predictor of the model; did you mean 'tension'?"),
    "several without ~": (lambda: warp("wool | tension"), "several of them stand behind '~': '~ wool | tension'"),
    "unknown by": (lambda: warp("tension", by="wol"), "did you mean 'wool'?"),
    "response": (lambda: warp("breaks"), "'breaks' is the response; means are taken over predictors: wool, tension"),
    "grouping factor": (lambda: emmeans(SPLIT, OATS, "Block"), "'Block' is a grouping factor of the random effects"),
    "expression": (lambda: emmeans(LOG, PIGS, "~ factor(percent)"), "write 'percent'"),
    "two-sided": (lambda: warp("pairwise ~ wool"), "and then for .contrast('pairwise')"),
    "unreadable": (lambda: warp("~ wool |"), "cannot be read as '~ a | b'"),
    "arithmetic": (lambda: warp("~ wool - tension"), "cannot stand in"),
    "not names": (lambda: warp(3), "found int"),
    "both sides": (lambda: warp("~ wool | wool"), "on both sides of the bar"),
    "at unknown": (lambda: warp("wool", at={"tensoin": ["L"]}), "did you mean 'tension'?"),
    "at level": (lambda: warp("wool", at={"tension": ["low"]}), "'low' is no level of tension (levels: L, M, H)"),
    "at coded level": (lambda: emmeans(LOG, PIGS, "source", at={"percent": 10}), "10 is no level of factor(percent)"),
    "at text": (lambda: emmeans(SPLIT, OATS, "Variety", at={"nitro": "much"}), "nitro holds numbers"),
    "at empty": (lambda: warp("wool", at={"tension": []}), "tension has no values"),
    "at twice": (lambda: warp("wool", at={"tension": ["L", "L"]}), "occurs twice"),
    "at infinite": (lambda: emmeans(SPLIT, OATS, "Variety", at={"nitro": [np.inf]}), "finite"),
    "at no dict": (lambda: warp("wool", at=["L"]), "at should be a dict"),
    "cov_reduce": (lambda: warp("wool", cov_reduce="meen"), "did you mean 'mean'?"),
    "cov_reduce of nothing": (lambda: warp("wool", cov_reduce={"x": "mean"}), "'x' is no predictor"),
    "weights": (lambda: warp("wool", weights="propotional"), "did you mean 'proportional'?"),
    "weights length": (lambda: warp("wool", weights=[1, 2]), "each mean averages 3 combinations (3 tension)"),
    "weights negative": (lambda: warp("wool", weights=[1, -1, 1]), "zero or positive"),
    "type": (lambda: warp("wool", type="respons"), "did you mean 'response'?"),
    "level": (lambda: warp("wool", level=95), "level is 95; expected a number between 0 and 1"),
    "df": (lambda: warp("wool", df="kenward-roger"), "belongs to mixed models"),
    "df unknown": (lambda: emmeans(SPLIT, OATS, "Variety", df="kenward"), "kenward-roger"),
    "grid too large": (lambda: emmeans(BIG, BIG_DATA, "a"), "the reference grid has 234256 combinations"),
    "var unknown": (lambda: emtrends(SPLIT, OATS, "Variety", "nitor"), "did you mean 'nitro'?"),
    "var factor": (lambda: emtrends(SPLIT, OATS, "~ 1", "Variety"), "Variety is no number but has levels"),
    "var coded": (lambda: emtrends(LOG, PIGS, "source", "percent"), "makes a factor of percent"),
    "delta zero": (lambda: emtrends(SPLIT, OATS, "Variety", "nitro", delta=0), "a step that is not zero"),
    "too many pairs": (lambda: emmeans(MANY, MANY_DATA, "f").pairs(), "450 means have 101025 pairs"),
    "method": (lambda: warp("wool").contrast("pairwice"), "did you mean 'pairwise'?"),
    "adjust": (lambda: warp("wool").contrast(adjust="tuckey"), "did you mean 'tukey'?"),
    "one mean": (lambda: warp("~ 1").pairs(), "there is one mean only, 'overall'"),
    "ref": (lambda: warp("tension").contrast("trt.vs.ctrl", ref="l"), "'l' is no mean; did you mean 'L'?"),
    "ref place": (lambda: warp("tension").contrast("trt.vs.ctrl", ref=3), "there are 3 means, numbered from 0"),
    "ref of pairs": (lambda: warp("tension").contrast("pairwise", ref=1), "ref belongs to 'trt.vs.ctrl'"),
    "custom length": (lambda: warp("tension").contrast({"a": [1, -1]}), "one finite number for each of the 3 means"),
    "custom text": (lambda: warp("tension").contrast({"a": ["x", 1, 2]}), "should be numbers"),
    "custom empty": (lambda: warp("tension").contrast({}), "no contrast was given"),
    "contrast by": (lambda: warp("~ wool * tension").pairs(by="wol"), "did you mean 'wool'?"),
    "contrast by all": (lambda: warp("wool").pairs(by="wool"), "leave nothing to compare"),
    "interaction": (lambda: warp("wool").contrast(interaction=["eff", "eff"]), "2 methods for 1 factors"),
    "side": (lambda: warp("wool").test(side="grater"), "did you mean 'greater'?"),  # type: ignore[arg-type]
    "delta": (lambda: warp("wool").test(delta=-1), "delta zero or positive"),
    "response of y": (lambda: warp("wool").response(), "the response is not transformed"),
    "response of sums": (lambda: emmeans(LOG, PIGS, "source").contrast("identity").response(), "mean nothing on"),
    "sigma": (lambda: emmeans(LOG, PIGS, "source").response(sigma=-1), "zero or positive"),
    "regrid of y": (lambda: warp("wool").regrid(), "the response is not transformed"),
    "regrid to": (lambda: warp("wool").regrid("logs"), "to is 'logs'; expected 'response' or 'log'; did you mean"),
    "joint test of nothing": (lambda: emmeans(GAPS, WARP.iloc[:40], "wool").joint_test(), "not estimable"),
    "simple of one": (lambda: warp("wool").simple(), "two factors or more"),
    "joint of nothing": (lambda: joint_tests(CELLS, WARP, by=["wool", "tension"]), "no predictor left"),
    "submodel": (lambda: warp("wool", submodel="minimum"), "submodel is 'minimum'; expected \"minimal\""),
    "submodel number": (lambda: warp("wool", submodel=2), "submodel is 2"),
    "submodel term": (lambda: warp("wool", submodel="~ tensoin"), "no term tensoin; did you mean 'tension'?"),
    "submodel unreadable": (lambda: warp("wool", submodel="~ wool +"), "submodel cannot be read"),
    "submodel intercept": (lambda: warp("wool", submodel="~ 0 + wool"), "and its intercept"),
    "submodel random": (lambda: warp("wool", submodel="~ wool + (1 | tension)"), "terms of the model only"),
    "submodel of no term": (lambda: warp("~ 1", submodel="type2"), "keeps one term"),
    "submodel of slopes": (lambda: emtrends(SPLIT, OATS, "~ 1", "nitro", submodel="minimal"), "for slopes write it"),
    "type2 by": (lambda: joint_tests(CELLS, WARP, by="wool", submodel="type2"), "which have no by"),
    "joint by": (lambda: joint_tests(CELLS, WARP, by="wol"), "did you mean 'wool'?"),
}  # fmt: skip
BIG_DATA = {name: np.array(list("uvwxyzabcdefghijklmnop"))[np.random.default_rng(i).integers(0, 22, 400)]
            for i, name in enumerate("abcd")} | {"y": np.random.default_rng(9).normal(size=400)}  # fmt: skip
BIG = fit_linear("y ~ a + b + c + d", BIG_DATA)
MANY_DATA = {"f": [f"l{i % 450}" for i in range(900)], "y": np.random.default_rng(9).normal(size=900)}
MANY = fit_linear("y ~ f", MANY_DATA)


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    ask, message = BAD[name]
    with pytest.raises(InferenceError, match=re.escape(message)):
        ask()


def test_data_that_changed() -> None:
    with pytest.raises(DataError, match="had 54 rows when the model was fitted and have 53 now"):
        emmeans(CELLS, WARP.iloc[1:], "wool")
    with pytest.raises(DataError, match="fit again"):
        emmeans(CELLS, None, "wool")


def test_means_travel() -> None:
    made = pickle.loads(pickle.dumps(warp("tension").pairs()))
    assert str(made) == str(warp("tension").pairs())


# ---- predictions of new responses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "sigma", "error", "lower", "upper"),  # emmeans 1.8.4: predict(interval = "prediction")
    [
        ("yield ~ variety + nitro", None, 21.672976,
         (61.252250, 66.543917, 54.377250), (147.74775, 153.03942, 140.87275)),
        ("log(yield) ~ variety + nitro", None, None,
         (66.533854, 70.482177, 61.453430), (153.80648, 162.93383, 142.06205)),
        ("yield ~ variety + nitro + (1 | block)", 20.0, 21.22777,
         (53.641505, 58.933171, 46.766505), (155.35850, 160.65016, 148.48350)),
    ],
)  # fmt: skip
def test_new_responses_are_predicted_as_in_emmeans(
    formula: str, sigma: float | None, error: float | None, lower: Any, upper: Any
) -> None:
    data = datasets.load("oats")
    fit = (fit_linear_mixed if "|" in formula else fit_linear)(formula, data)
    means = emmeans(fit, data, "variety", type="response")
    made = means.predict(sigma or fit.estimate.sigma)
    if error is not None:
        assert_allclose(made.estimates.std_error, error, rtol=1e-6)
    assert_allclose(made.limits.lower, lower, rtol=2e-6)
    assert_allclose(made.limits.upper, upper, rtol=2e-6)
    assert "lower.PL" in str(made)
    assert f"error SD of {sigma:g}" in str(made) if sigma else "error SD of" in str(made)
    assert_allclose(made.tests.statistic, means.tests.statistic)  # of the means
    assert str(made.test()) == str(means.test())
    assert str(made.pairs()) == str(means.pairs())


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda m: m.predict(0.0), "sigma is 0.0; expected a positive standard deviation"),
        (lambda m: m.predict(np.inf), "sigma is inf"),
        (lambda m: m.predict(1.0, 2.0), "level"),
        (lambda m: m.pairs().predict(1.0), "for means of gaussian responses, not for contrasts"),
    ],
)
def test_what_cannot_be_predicted(ask: Any, words: str) -> None:
    data = datasets.load("oats")
    with pytest.raises(InferenceError, match=words):
        ask(emmeans(fit_linear("yield ~ variety", data), data, "variety"))
    counts = {"y": [1, 3, 2, 6], "f": ["a", "a", "b", "b"]}
    with pytest.raises(InferenceError, match="means of gaussian responses"):
        emmeans(fit_generalized_linear("y ~ f", counts, family_of("poisson")), counts, "f").predict(1.0)
