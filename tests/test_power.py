"""Power by simulation: R's powers, exact theory, the same answer on any number of threads, and what it cannot do."""

from __future__ import annotations

import io
import json
import re
import warnings
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import multilevel as mlm
from multilevel.inference.methods import sampling_of
from multilevel.models.linear_mixed import refit_linear_mixed
from multilevel.studies import Power, power
from multilevel.studies.asked import asked
from multilevel.studies.linear import Linear
from multilevel.studies.needed import needed
from multilevel.studies.outcomes import Axis, Outcome, clopper_pearson
from multilevel.studies.refits import wald
from multilevel.truth import Group, Truth

R = json.loads((Path(__file__).parent / "reference" / "power.json").read_text("utf-8"))
SLEEP = "reaction ~ days + (days | subject)"
CBPP = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
PAIRED = "y ~ condition + (1 | participant)"


def sleep_truth(cell: dict[str, Any]) -> Truth:
    a, b, c = cell["theta"]
    root = cell["sigma"] * np.array([[a, 0.0], [b, c]])
    covariance = root @ root.T
    sd = np.sqrt(np.diag(covariance))
    group = Group({"(Intercept)": sd[0], "days": sd[1]}, covariance[0, 1] / sd.prod())
    return Truth(dict(zip(("(Intercept)", "days"), cell["beta"], strict=True)), {"subject": group}, cell["sigma"])


def agrees(ours: Outcome, significant: int, n: int) -> bool:
    """Within 3.5 Monte Carlo standard errors of the difference."""
    pooled = (ours.found + significant) / (ours.n + n)
    return abs(ours.power - significant / n) < 3.5 * sqrt(pooled * (1 - pooled) * (1 / ours.n + 1 / n)) + 1e-9


def paired(n: int = 20, effect: float = 0.5) -> tuple[Any, Truth]:
    design = mlm.expand_grid(participant=n, condition=["control", "treatment"], trial=2, backend="dict")
    return design, Truth({"(Intercept)": 0, "condition[treatment]": effect}, {"participant": Group(sd=0.6)}, 0.8)


@pytest.fixture(scope="module")
def curve() -> Power:
    design, truth = paired(10)
    sizes = {"participant": [10, 20, 40]}
    return power(PAIRED, design, truth, ["condition", "lr(condition)"], n=200, along=sizes, seed=1)


# ---- R ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", R["sleep"])
@pytest.mark.parametrize(
    ("key", "test", "df", "n"),
    [
        ("satterthwaite", "days", "satterthwaite", 600),
        ("wald_z", "days", "none", 600),
        ("lrt", "lr(days)", None, 600),
        ("kenward_roger", "days", "kenward-roger", 100),
    ],
)
def test_powers_of_sleepstudy_are_those_of_r(name: str, key: str, test: str, df: str, n: int) -> None:
    cell = R["sleep"][name]
    design = mlm.datasets.load("sleepstudy")[["days", "subject"]]
    sizes = {"subject": [cell["n_subjects"]]}
    (found,) = power(SLEEP, design, sleep_truth(cell), test, n=n, df=df, along=sizes, seed=11)
    assert agrees(found, cell["significant"][key], cell["nsim"])
    assert agrees(replace(found, found=found.singular), cell["singular"], cell["nsim"])
    assert found.mean == pytest.approx(found.truth, abs=4 * found.sd / sqrt(n))
    assert found.sd == pytest.approx(cell["sd_estimate"], rel=0.25 if n < 600 else 0.14)
    assert found.failed == found.uncertain == 0


@pytest.mark.parametrize("name", R["cbpp"])
def test_powers_of_cbpp_are_those_of_r(name: str) -> None:
    cell, data = R["cbpp"][name], mlm.datasets.load("cbpp")
    truth = mlm.glmer(CBPP, data, "binomial").truth()
    fixed = {k: v * (cell["multiplier"] if "period" in k else 1) for k, v in truth.fixed.items()}
    found = power(CBPP, data, truth.replace(fixed=fixed), ["lr(period)", "period[4]"], n=200, seed=2)
    assert found.family == "binomial(logit)"
    for test, key in (("lr(period)", "lrt"), ("period[4]", "wald_period4")):
        assert agrees(found[test][0], cell["significant"][key], cell["nsim"])


# ---- theory ----------------------------------------------------------------------------------------------------------


def test_a_paired_design_has_the_power_of_the_paired_t_test() -> None:
    """Balanced, with no variance at zero, the t test of the mixed model is that of the participants' differences."""
    design, truth = paired(12, 0.4)
    (found,) = power(
        "y ~ condition + (condition | participant)", design, _with_slopes(truth), "condition", n=1000, seed=3
    )
    sd = sqrt(0.7**2 + 2 * 0.8**2 / 2)
    assert _within(found, _t_power(11, 0.4 / (sd / sqrt(12)), 0.05))


def _with_slopes(truth: Truth) -> Truth:
    slopes = Group({"(Intercept)": 0.9, "condition[treatment]": 0.7}, 0.3)
    return truth.replace(groups={"participant": slopes})


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_a_one_way_design_has_the_power_of_the_f_test(alpha: float) -> None:
    design = mlm.expand_grid(group=["a", "b", "c"], unit=8, backend="dict")
    truth = Truth({"(Intercept)": 1, "group[b]": 0.5, "group[c]": 1.2}, sigma=1)
    (found,) = power("y ~ group", design, truth, "group", n=1000, alpha=alpha, seed=4)
    means = np.array([0, 0.5, 1.2])
    noncentrality = 8 * np.sum((means - means.mean()) ** 2)
    assert _within(found, float(stats.ncf.sf(stats.f.isf(alpha, 2, 21), 2, 21, noncentrality)))


def test_the_t_test_of_lm_has_the_power_of_the_noncentral_t() -> None:
    design = mlm.expand_grid(group=["a", "b"], unit=10, backend="dict")
    truth = Truth({"(Intercept)": 1, "group[b]": 0.9}, sigma=1)
    (t,) = power("y ~ group", design, truth, "group[b]", n=1000, seed=5)
    assert _within(t, _t_power(18, 0.9 / sqrt(2 / 10), 0.05))
    (z,) = power("y ~ group", design, truth, "group[b]", n=1000, seed=5, df="none")
    assert z.found > t.found
    assert z.mean == t.mean


def _t_power(df: float, noncentrality: float, alpha: float) -> float:
    limit = stats.t.isf(alpha / 2, df)
    return float(stats.nct.sf(limit, df, noncentrality) + stats.nct.cdf(-limit, df, noncentrality))


def _within(found: Outcome, p: float) -> bool:
    return abs(found.power - p) < 3.5 * sqrt(p * (1 - p) / found.n)


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger", "between-within"])
def test_without_an_effect_alpha_of_the_tests_are_significant(df: str) -> None:
    design, truth = paired(8, 0.0)
    formula = "y ~ condition + (condition | participant)"
    (found,) = power(formula, design, _with_slopes(truth), "condition", n=1000, seed=6, df=df)
    assert _within(found, 0.05)
    assert np.isnan(found.wrong_sign)
    assert np.isnan(found.exaggeration)


def test_wrong_signs_and_exaggeration_are_those_of_gelman_and_carlin() -> None:
    """Of a z test with power p they have closed forms: truncated normal distributions."""
    design = mlm.expand_grid(unit=16, backend="dict")
    truth = Truth({"(Intercept)": 0.25}, sigma=1)  # one standard error
    (found,) = power("y ~ 1", design, truth, "(Intercept)", n=4000, alpha=0.05, seed=7)
    t = stats.nct(15, 1.0)
    limit = stats.t.isf(0.025, 15)
    wrong = t.cdf(-limit) / (t.cdf(-limit) + t.sf(limit))
    assert found.wrong_sign == pytest.approx(wrong, abs=4 * sqrt(wrong / found.found))
    draws = np.random.default_rng(1).normal(0.25, 0.25, 400_000)
    error = 0.25 * np.sqrt(np.random.default_rng(2).chisquare(15, 400_000) / 15)
    exaggerated = np.abs(draws[np.abs(draws / error) > limit]).mean() / 0.25
    assert found.exaggeration == pytest.approx(exaggerated, rel=0.05)


# ---- one fit at a time says the same ---------------------------------------------------------------------------------


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger", "between-within", "residual", "none"])
@pytest.mark.parametrize("test", ["condition[b]", "condition", "condition[b] = 2*condition[c]"])
@pytest.mark.filterwarnings("ignore::multilevel.SingularFitWarning")
def test_verdicts_are_those_of_the_fits_one_by_one(df: str, test: str) -> None:
    """A design with groups of different sizes and a covariate far from zero, p-values near alpha."""
    rng = np.random.default_rng(8)
    data = mlm.expand_grid(g=9, condition=["a", "b", "c"], trial=3, backend="pandas")
    data = data[rng.random(len(data)) < 0.75].assign(y=0.0)
    data["year"] = 2000 + rng.normal(size=len(data))
    data["y"] = (
        rng.normal(size=len(data)) + rng.normal(size=9)[pd.factorize(data["g"])[0]] + 0.4 * (data.condition == "b")
    )
    fit = mlm.lmer("y ~ condition + year + (condition || g)", data)._fit
    assert fit.rows.y is not None
    model, ask = Linear(fit, df, 0), asked(fit, test)
    Y = fit.rows.y + 0.7 * rng.normal(size=(12, fit.rows.n))
    refits = model.to(Y)
    for alpha in (0.03, 0.2):
        verdicts = wald(model, refits, ask, alpha)
        for y, found, beta, vcov in zip(Y, verdicts.found, refits.beta, refits.vcov, strict=True):
            single = refit_linear_mixed(fit, replace(fit.rows, y=y))
            assert beta == pytest.approx(single.estimate.beta, rel=1e-5, abs=1e-6)
            assert vcov == pytest.approx(single.estimate.vcov, rel=1e-4, abs=1e-6)
            result = sampling_of(single, df).f_test(ask.L, ask.rhs)
            assert found == (result.p_value < alpha)


def test_answers_do_not_depend_on_threads_or_on_n() -> None:
    design, truth = paired()
    one, two, more = (
        power(PAIRED, design, truth, "condition", n=n, seed=9, threads=threads)
        for n, threads in ((150, 1), (150, 3), (300, 2))
    )
    assert one.results == two.results
    assert one.results != more.results
    again = power(PAIRED, design, truth, "condition", n=150, seed=np.random.default_rng(9))
    assert again.results == power(PAIRED, design, truth, "condition", n=150, seed=np.random.default_rng(9)).results


def test_responses_are_those_of_simulate_in_every_scenario() -> None:
    """With common random numbers the estimates of two truths differ by the difference of the truths."""
    design, truth = paired()
    low, high = power(PAIRED, design, truth, "condition", n=50, at={"condition[treatment]": [0.1, 0.6]}, seed=1)
    assert high.mean - low.mean == pytest.approx(0.5)
    assert high.sd == pytest.approx(low.sd)


# ---- kinds of tests and models ---------------------------------------------------------------------------------------


def test_several_tests_in_the_same_responses() -> None:
    design = mlm.expand_grid(g=12, a=["x", "y"], b=["u", "v", "w"], backend="dict")
    names = ("(Intercept)", "a[y]", "b[v]", "b[w]", "a[y]:b[v]", "a[y]:b[w]")
    truth = Truth(dict(zip(names, (1, 0.3, 0.2, 0.1, 0.3, 0.4), strict=True)), {"g": Group(0.5)}, 0.7)
    tests = ["a", "b:a", "a[y]", "lr(a:b)", "b[v] - b[w]", "lr(a[y]:b[v])"]
    found = power("y ~ a * b + (1 | g)", design, truth, tests, n=60, seed=1)
    assert found.tests == tuple(tests)
    assert [result.truth for result in found][2] == 0.3
    assert np.isnan([result.truth for result in found]).tolist() == [False, True, False, True, False, False]
    assert found["b:a"][0].power == pytest.approx(found["lr(a:b)"][0].power, abs=0.12)
    assert found["a"][0].truth == pytest.approx(0.3 + (0.3 + 0.4) / 3)  # type III: over the levels of b


@pytest.mark.parametrize(
    ("formula", "family", "shape", "test", "words"),
    [
        ("y ~ x", "poisson", None, "x", "normal references"),
        ("y ~ x", "gamma(log)", {"dispersion": 0.5}, "x", "residual degrees of freedom"),
        ("y ~ x", "binomial", None, "lr(x)", "likelihood ratios"),
        ("y ~ x + (1 | g)", "poisson", None, "x", "normal references"),
        ("y ~ x + (1 | g)", "negative_binomial", {"size": 3}, "lr(x)", "likelihood ratios"),
    ],
)
def test_generalized_models(formula: str, family: str, shape: Any, test: str, words: str) -> None:
    design = mlm.expand_grid(g=12, x=[-1.0, 0.0, 1.0], trial=2, backend="dict")
    groups = {"g": Group(0.4)} if "|" in formula else None
    for effect, low, high in ((0.0, 0.0, 0.17), (1.5, 0.9, 1.0)):
        truth = Truth({"(Intercept)": 0.3, "x": effect}, groups, family=family, shape=shape)
        found = power(formula, design, truth, test, n=60, seed=1)
        assert low <= found[test][0].power <= high
        assert found.words == words
        assert found[test][0].failed == 0


def test_responses_that_have_no_fit_count_as_not_significant_and_are_shown() -> None:
    design = mlm.expand_grid(group=["a", "b"], unit=3, backend="dict")
    truth = Truth({"(Intercept)": -5, "group[b]": 1}, family="poisson")
    found = power("y ~ group", design, truth, "group[b]", n=30, seed=1)
    (result,) = found
    assert result.failed + result.uncertain > 15  # most responses are zero throughout
    assert result.found == 0
    assert "of 30 fits" in str(found)


def test_weights_contrasts_offsets_and_missing_rows() -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame(
        {"g": np.repeat(np.arange(12), 6), "a": np.tile(["x", "y", "z"], 24), "w": rng.uniform(0.5, 2, 72)}
    )
    data["t"] = rng.normal(size=72)
    data.loc[[3, 40], "t"] = np.nan
    truth = Truth({"(Intercept)": 1, "a[1]": 0.2, "a[2]": 0.1, "t": 0.4}, {"g": Group(0.5)}, 0.7)
    formula = "y ~ a + t + offset(10 * w) + (1 | g)"
    found = power(
        formula, data, truth, ["a", "t"], n=200, weights="w", contrasts={"a": "sum"}, seed=1, along={"g": [12, 24]}
    )
    for result in found["t"]:
        assert result.mean == pytest.approx(0.4, abs=4 * result.sd / sqrt(200))
    small, large = found["t"]
    assert small.sd / large.sd == pytest.approx(sqrt(2), rel=0.2)


def test_columns_that_others_determine_leave_the_same_means() -> None:
    design = mlm.expand_grid(g=10, a=["x", "y"], b=["u", "v"], backend="pandas")
    design = design[~((design.a == "y") & (design.b == "v"))]
    truth = Truth({"(Intercept)": 1, "a[y]": 0.5, "b[v]": 0.2, "a[y]:b[v]": 3}, {"g": Group(0.5)}, 0.5)
    found = power("y ~ a * b + (1 | g)", design, truth, "a[y]", n=50, seed=1)
    assert found["a[y]"][0].truth == pytest.approx(0.5)
    with pytest.raises(mlm.InferenceError, match=re.escape("'a[y]:b[v]' cannot be tested in this design: other col")):
        power("y ~ a * b + (1 | g)", design, truth, "a[y]:b[v]", n=50, seed=1)


# ---- what is shown ---------------------------------------------------------------------------------------------------


def test_the_exact_interval() -> None:
    cell = json.loads(Path(__file__).parent.joinpath("reference", "power.json").read_text())["sleep"]["n18_slope5"]
    assert clopper_pearson(cell["significant"]["satterthwaite"], 400) == pytest.approx(
        (0.8357879415626545, 0.9035749266956374)
    )
    assert clopper_pearson(0, 50) == pytest.approx((0, stats.beta.ppf(0.975, 1, 50)))
    assert clopper_pearson(50, 50) == pytest.approx((stats.beta.ppf(0.025, 50, 1), 1))


def test_a_curve_as_page_and_frame(curve: Power) -> None:
    frame = curve.to_frame()
    assert list(frame["participant"]) == [10, 10, 20, 20, 40, 40]
    assert list(frame.columns) == [
        "participant", "test", "power", "lower", "upper", "n", "significant", "failed", "singular", "uncertain",
        "truth", "mean", "sd", "type_s", "type_m",
    ]  # fmt: skip
    assert (frame["power"] == frame["significant"] / 200).all()
    assert frame["power"][4] > frame["power"][2] > frame["power"][0]
    text = str(curve)
    assert (
        "200 simulations of each design; tests at alpha = 0.05 with Satterthwaite's method and likelihood ratios."
        in " ".join(text.split())
    )
    assert "Clopper-Pearson" in text
    assert max(map(len, text.splitlines())) <= 80
    assert max(map(len, curve.to_text(50).splitlines())) <= 50
    assert "<table>" in curve._repr_html_()
    assert len(curve) == 6
    with pytest.raises(mlm.InferenceError, match="no test is called 'conditio'; did you mean 'condition'"):
        curve["conditio"]


def test_a_curve_is_drawn_with_its_intervals(curve: Power) -> None:
    plots = pytest.importorskip("multilevel.plots")
    picture = plots.power(curve)
    assert picture.data["lower"].tolist() == [result.interval[0] for result in curve]
    assert list(picture.data["line"].cat.categories) == ["condition", "lr(condition)"]
    design, truth = paired(10)
    grid = power(
        PAIRED,
        design,
        truth,
        ["condition", "lr(condition)"],
        n=10,
        along={"participant": [5, 10]},
        at={CONDITION: [0, 1]},
    )
    picture = plots.power(grid)
    assert list(picture.data["line"].cat.categories) == ["0", "1"]
    assert picture.labels.color == "true value of condition[treatment]"
    buffer = io.BytesIO()
    picture.save(buffer, format="png", dpi=40, verbose=False)
    assert buffer.getbuffer().nbytes > 1000


def test_a_single_scenario_counts_its_fits() -> None:
    design, truth = paired(6)
    found = power(PAIRED, design, truth.replace(groups={"participant": Group(0)}), "condition", n=60, seed=1)
    (result,) = found
    assert 0 < result.singular < 60
    assert f"Singular: {result.singular} of 60 fits" in str(found)
    assert "condition" in str(found)


def shares(*powers: float) -> list[Outcome]:
    places = (10.0, 20.0, 40.0, 80.0)
    nan = float("nan")
    return [
        Outcome("x", (place,), 1000, round(1000 * p), 0, 0, 0, nan, nan, nan, nan, nan)
        for place, p in zip(places, powers, strict=False)
    ]


def test_the_smallest_number_of_levels() -> None:
    """On a curve of a z test, normal quantiles straight in the root of the levels, it is exact."""
    axis = Axis("g", "levels", (10, 20, 40, 80))
    powers = [float(stats.norm.cdf(0.5 * sqrt(n) - 1.96)) for n in (10, 20, 40, 80)]
    found = needed(axis, shares(*powers), 0.8)
    exact = ((1.96 + stats.norm.ppf(0.8)) / 0.5) ** 2
    assert found.value == pytest.approx(np.ceil(exact), abs=1)
    assert found.lower <= found.value <= found.upper
    assert str(found).startswith("x: power 80% with 32 levels of g (95 % interval 3")
    dipping = needed(axis, shares(0.5, 0.75, 0.74, 0.9), 0.8)
    assert 40 < float(dipping) < 80


@pytest.mark.parametrize(
    ("powers", "message"),
    [
        ((0.1, 0.2, 0.3), "the power comes to 0.3, with 40 levels of g, and not to 0.8; add larger ones"),
        ((0.9, 0.95), "the power is 0.9 already with 10 levels of g, the least simulated; add smaller ones"),
    ],
)
def test_goals_outside_of_the_curve(powers: tuple[float, ...], message: str) -> None:
    with pytest.raises(mlm.InferenceError, match=re.escape(message)):
        needed(Axis("g", "levels", (10, 20, 40)), shares(*powers), 0.8)


def test_smallest_effects(curve: Power) -> None:
    design, truth = paired()
    effects = {"condition[treatment]": [-0.2, -0.5, -0.9]}
    found = power(PAIRED, design, truth, "condition", n=200, at=effects, seed=1).smallest()
    assert -0.9 < found.value < -0.5 or -0.5 < found.value < -0.2
    assert curve.smallest(test="condition").value <= 40
    with pytest.raises(mlm.InferenceError, match="there are several tests, 'condition', 'lr"):
        curve.smallest()
    with pytest.raises(mlm.InferenceError, match="power is 80; expected a probability between 0 and 1"):
        curve.smallest(80, "condition")


# ---- what cannot be --------------------------------------------------------------------------------------------------

CONDITION = "condition[treatment]"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"test": "conditon"}, "no term or coefficient is called 'conditon'; did you mean 'condition'? (the model has"),
        ({"test": "condition[control]"}, "no term or coefficient is called 'condition[control]'"),
        ({"test": "condition[tretment] = 1"}, "no coefficient is called"),
        ({"test": "lr(conditon)"}, "no term or coefficient is called 'conditon'; did you mean 'condition'?"),
        ({"test": "lr(1 | participant)"}, "asks for a test of random effects; power is for tests of fixed effects so"),
        ({"test": ""}, "test is ''; expected the name of a coefficient or of a term, an equation"),
        ({"test": []}, "test is empty"),
        ({"test": 3}, "test is 3; expected the name"),
        ({"test": [3]}, "test is 3; expected the name"),
        ({"n": 5}, "n is 5; expected a whole number, 10 or more"),
        ({"n": 100.0}, "n is 100.0; expected a whole number"),
        ({"n": True}, "n is True"),
        ({"alpha": 0}, "alpha is 0; expected a level between 0 and 1"),
        ({"alpha": 5}, "alpha is 5"),
        ({"alpha": "0.05"}, "alpha is '0.05'"),
        ({"threads": 0}, "threads is 0; expected a whole number, 1 or more"),
        ({"seed": -1}, "seed is -1"),
        ({"df": "kenward"}, "df is 'kenward'; expected one of"),
        ({"along": {"partcipant": [10]}}, "along has 'partcipant', which is no grouping factor of"),
        ({"along": {"condition": [2]}}, "along has 'condition', which is no grouping factor of"),
        ({"along": {"participant": [10.5]}}, "along['participant'] is 10.5; expected a whole number, of levels, 2 or"),
        ({"along": {"participant": [1]}}, "along['participant'] is 1; expected a whole number"),
        ({"along": {"participant": []}}, "along['participant'] is empty; expected numbers"),
        ({"along": {"participant": [10, 10]}}, "along['participant'] has a number twice"),
        ({"along": [10, 20]}, 'along is of type list; expected numbers by name, such as {"participant": [10, 20, 40]}'),
        ({"along": {"participant": ["10"]}}, "along['participant'] is '10'"),
        ({"at": {"condition": [1]}}, "at has 'condition', which the truth has not; did you mean 'condition[treatm"),
        ({"at": {CONDITION: ["a"]}}, "at['condition[treatment]'] is 'a'; expected a finite number"),
        ({"at": {CONDITION: [float("nan")]}}, "at['condition[treatment]'] is nan"),
        ({"weights": np.ones(80), "along": {"participant": [30]}}, "weights are an array, which has no values for new"),
        ({"truth": {"fixed": {}}}, "truth is of type dict; expected a Truth"),
        ({"truth": Truth({"(Intercept)": 0}, {"participant": Group(1)}, 1)}, "says nothing of the coefficient 'cond"),
        ({"formula": "y ~ condition"}, "the truth has the group 'participant', which"),
        ({"formula": "y ~ condition + (1 | participnt)"}, "'participnt'"),
        ({"formula": "~ condition + (1 | participant)"}, "does not name the response"),
    ],
)
def test_what_power_cannot_be_asked(given: dict[str, Any], message: str) -> None:
    design, truth = paired()
    asked_for: dict[str, Any] = {"formula": PAIRED, "truth": truth, "test": "condition", "n": 10} | given
    with pytest.raises(mlm.MultilevelError, match=re.escape(message)):
        power(design=design, **asked_for)


def test_degrees_of_freedom_that_a_model_has_not() -> None:
    design = mlm.expand_grid(g=10, x=[0.0, 1.0], backend="dict")
    poisson = Truth({"(Intercept)": 1, "x": 1}, {"g": Group(0.5)}, family="poisson")
    with pytest.raises(mlm.InferenceError, match='df="kenward-roger" belongs to linear mixed models'):
        power("y ~ x + (1 | g)", design, poisson, "x", n=10, df="kenward-roger")
    plain = Truth({"(Intercept)": 1, "x": 1}, sigma=1)
    with pytest.raises(mlm.InferenceError, match='df="satterthwaite" belongs to mixed models'):
        power("y ~ x", design, plain, "x", n=10, df="satterthwaite")
    gamma = Truth({"(Intercept)": 1, "x": 1}, family="gamma(log)", shape={"dispersion": 0.5})
    with pytest.raises(mlm.InferenceError, match="the dispersion of the family gamma is estimated"):
        power("y ~ x", design, gamma, "lr(x)", n=10)
    with pytest.raises(mlm.FitError, match="as many effects as rows"):
        power(
            "y ~ x + (x | g)",
            design,
            Truth({"(Intercept)": 1, "x": 1}, {"g": Group({"(Intercept)": 1, "x": 1})}, 1),
            "x",
        )


def test_a_curve_cannot_be_drawn_from_anything() -> None:
    plots = pytest.importorskip("multilevel.plots")
    design, truth = paired()
    with pytest.raises(mlm.DataError, match=re.escape("power takes what mlm.power gives; found int")):
        plots.power(3)
    with pytest.raises(mlm.DataError, match="simulated over 0 axes; a curve runs along one"):
        plots.power(power(PAIRED, design, truth, "condition", n=10))


ZEROS = Truth({"(Intercept)": 1, "x": 0.15, "zi: (Intercept)": -1}, {"g": Group(sd=0.4)}, family="poisson")
SCALES = {"(Intercept)": 1, "x": 0.15, "disp: (Intercept)": -1, "disp: x": 0.5}
PLACES = mlm.expand_grid(g=20, k=8).assign(x=np.random.default_rng(1).normal(size=160))


@pytest.mark.parametrize(
    ("formula", "truth", "parts"),
    [
        ("y ~ x + (1 | g)", ZEROS, {"ziformula": "~ 1"}),
        (
            "y ~ x + (1 | g)",
            Truth(SCALES, {"g": Group(sd=0.4), "disp: g": Group(sd=0.6)}),
            {"dispformula": "~ x + (1 | g)"},
        ),
        ("y ~ x", Truth(SCALES), {"dispformula": "~ x"}),
    ],
)
def test_models_of_zeros_and_dispersion(formula: str, truth: Truth, parts: dict[str, str]) -> None:
    """The decisions are those of the fits one by one."""
    found = power(formula, PLACES, truth, ["x", "lr(x)"], n=12, seed=3, **parts)
    fit = mlm.glmer if "|" in formula else mlm.glm
    by_z, by_ratio = [], []
    for child in np.random.SeedSequence(3).spawn(12):
        d = mlm.simulate(formula, PLACES, truth, np.random.Generator(np.random.PCG64(child)), **parts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mlm.MultilevelWarning)
            m, less = (fit(f, d, truth.family, **parts) for f in (formula, formula.replace("x", "1")))
        by_z.append(abs(m.fixef["x"] / np.asarray(m.se)[1]) > stats.norm.isf(0.025))
        by_ratio.append(less.criterion - m.criterion > stats.chi2.isf(0.05, 1))
    assert [found[test][0].power for test in ("x", "lr(x)")] == pytest.approx([np.mean(by_z), np.mean(by_ratio)])
    assert found["x"][0].mean != 0.15
    assert next(iter(parts.values())) in str(found)


def test_a_curve_over_the_zeros() -> None:
    at = {"zi: (Intercept)": [-3, 1]}
    few, many = power("y ~ x + (1 | g)", PLACES, ZEROS, "x", n=10, seed=1, ziformula="~ 1", at=at)["x"]
    assert few.sd < many.sd
