"""Linear hypotheses: the language of equations, and tests against lmerTest's, pbkrtest's and the formulas."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_data
from scipy import stats

import multilevel as mlm
from multilevel.errors import InferenceError
from multilevel.inference.hypotheses import linear_hypotheses
from multilevel.inference.linear import read_equations
from multilevel.models.estimate import Fit

NAMES = [
    "(Intercept)",
    "b1",
    "b2",
    "b10",
    "a[x]",
    "a[very good]",
    "a[x]:b1",
    "poly(t, 2)[1]",
    "I(b1^2)",
    "log(b1)",
    "a[1-2]",
    "a.b",
]


@pytest.mark.parametrize(
    ("text", "expected", "rhs"),
    [
        ("b1 = 0", {"b1": 1}, 0),
        ("b1", {"b1": 1}, 0),
        ("b10", {"b10": 1}, 0),
        ("b1 - b2 = 0", {"b1": 1, "b2": -1}, 0),
        ("b1=b2", {"b1": 1, "b2": -1}, 0),
        ("2*b1 = b2 + 1", {"b1": 2, "b2": -1}, 1),
        ("b1*2 - 3 = b2*-1", {"b1": 2, "b2": 1}, 3),
        ("(b1 + b2)/2 - b10 = .5", {"b1": 0.5, "b2": 0.5, "b10": -1}, 0.5),
        ("-b1 = 1e-3", {"b1": -1}, 1e-3),
        ("-(b1 - 2*(b2 - 1)) = 0", {"b1": -1, "b2": 2}, 2),
        ("(Intercept) = 250", {"(Intercept)": 1}, 250),
        ("(Intercept) + b1 = (b2)", {"(Intercept)": 1, "b1": 1, "b2": -1}, 0),
        ("2 * (Intercept) - 1", {"(Intercept)": 2}, 1),
        ("a[x] = a[very good]", {"a[x]": 1, "a[very good]": -1}, 0),
        ("a[x]:b1 + a[x] = 0", {"a[x]:b1": 1, "a[x]": 1}, 0),
        ("poly(t,2)[1] = 0", {"poly(t, 2)[1]": 1}, 0),
        ("poly( t , 2 )[1]", {"poly(t, 2)[1]": 1}, 0),
        ("I(b1^2) - b1", {"I(b1^2)": 1, "b1": -1}, 0),
        ("log(b1) = b1", {"log(b1)": 1, "b1": -1}, 0),
        ("a[1-2] - b1", {"a[1-2]": 1, "b1": -1}, 0),
        ("`a[1-2]` = `b1`", {"a[1-2]": 1, "b1": -1}, 0),
        ("a.b = 2.5*b1", {"a.b": 1, "b1": -2.5}, 0),
        ("0*b1 + b2 = 0", {"b2": 1}, 0),
        ("  b1\n= 1 ", {"b1": 1}, 1),
    ],
)
def test_an_equation_is_read(text, expected, rhs):
    (equation,) = read_equations(text, NAMES)
    assert {name: w for name, w in zip(NAMES, equation.weights.tolist(), strict=True) if w} == expected
    assert equation.rhs == pytest.approx(rhs)


def test_a_chain_is_several_equations():
    first, second = read_equations("b1 = b2 = 3", NAMES)
    assert (first.weights[1], first.weights[2], first.rhs) == (1, -1, 0)
    assert (second.weights[2], second.rhs) == (1, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("b3 = 0", "no coefficient is called 'b3' .known: '.Intercept.', 'b1'"),
        ("a[y] = 0", r"no coefficient is called 'a\[y\]'; did you mean 'a\[x\]'\?"),
        ("(intercept)", r"no coefficient is called 'intercept'; did you mean '\(Intercept\)'\?"),
        ("log(b2) = 0", r"no coefficient is called 'log\(b2\)'; did you mean 'log\(b1\)'\?"),
        ("`b 1`x", "no coefficient is called 'x'"),
        ("b1 * b2 = 0", "multiplies coefficients; only linear equations can be tested"),
        ("1 / b1", "divides by a coefficient"),
        ("b1 / (2 - 2)", "divides by zero"),
        ("b1 +", "a coefficient or a number was expected; found the end"),
        ("= b1", "a coefficient or a number was expected; found '='"),
        ("b1 = = b2", "expected; found '='"),
        ("", "expected; found the end"),
        ("b1 b2", "found 'b2' where the equation should end"),
        ("2 b1", "found 'b1' where the equation should end"),
        ("(b1", "a parenthesis is not closed"),
        ("b1)", r"found '\)' where the equation should end"),
        ("b1 > 0", "no coefficient is called '>'"),
        ("b1 ^ 2", r"no coefficient is called '\^'"),
        ("2b1", "no coefficient is called '2b1'; did you mean 'b1'"),
    ],
)
def test_what_is_no_equation(text, words):
    with pytest.raises(InferenceError, match=words):
        read_equations(text, NAMES)


# ---- tests ----------------------------------------------------------------------------------------------------------


def quiet(formula: str, data: Any, **options: Any) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.errors.MultilevelWarning)
        return (mlm.lmer if "|" in formula else mlm.lm)(formula, data, **options)._fit


@pytest.fixture(scope="module")
def machines() -> Fit:
    return quiet("score ~ machine + (machine | worker)", mlm.datasets.load("machines"))


@pytest.fixture(scope="module")
def linear() -> Fit:
    return quiet("angle ~ recipe + temp", mlm.datasets.load("cake"))


def test_forms_of_one_hypothesis_are_the_same_test(machines):
    b, c = machines.names[1:]
    asked = [f"{b} = {c}", f"{b} - {c}", {b: 1, c: -1}, [0, 1, -1], np.array([[0.0, 1.0, -1.0]]), [{b: 1, c: -1}]]
    tests = [linear_hypotheses(machines, hypothesis) for hypothesis in asked]
    for test in tests:
        assert test.p_value == pytest.approx(tests[0].p_value, rel=1e-12)
        assert test.each.p_value[0] == pytest.approx(test.p_value, rel=1e-6)
    assert [test.labels[0] for test in tests[:3]] == [f"{b} = {c}", f"{b} - {c} = 0", f"{b} - {c} = 0"]


def test_a_hypothesis_is_tested_by_the_formula(linear):
    test = linear_hypotheses(linear, ["recipe[B] - recipe[C] = 0.5", "temp = 0.1"])
    beta, V = linear.estimate.beta, linear.estimate.vcov
    L, rhs = np.array([[0, 1, -1, 0], [0, 0, 0, 1.0]]), np.array([0.5, 0.1])
    gap, df = L @ beta - rhs, linear.estimate.n - 4
    t = gap / np.sqrt(np.diag(L @ V @ L.T))
    np.testing.assert_allclose(test.each.estimate, L @ beta)
    np.testing.assert_allclose(test.each.statistic, t)
    np.testing.assert_allclose(test.each.p_value, 2 * stats.t.sf(np.abs(t), df))
    F = gap @ np.linalg.solve(L @ V @ L.T, gap) / 2
    assert test.joint.statistic == pytest.approx(F)
    assert test.joint.p_value == pytest.approx(stats.f.sf(F, 2, df))


def test_the_right_side_may_stand_apart(linear):
    text = linear_hypotheses(linear, ["recipe[B] = 0.5", "temp = 0.1"])
    apart = linear_hypotheses(linear, ["recipe[B]", "temp"], rhs=[0.5, 0.1])
    assert apart.p_value == pytest.approx(text.p_value)
    assert apart.labels == ("recipe[B] = 0.5", "temp = 0.1")
    one = linear_hypotheses(linear, np.eye(4)[1:3], rhs=2.0)
    np.testing.assert_array_equal(one.rhs, [2.0, 2.0])


def test_equations_that_follow_from_others_count_once(linear):
    two = linear_hypotheses(linear, ["recipe[B] = 0", "recipe[C] = 0"])
    three = linear_hypotheses(linear, ["recipe[B] = 0", "recipe[C] = 0", "recipe[B] = recipe[C]"])
    assert (three.joint.df1, three.p_value) == (2, pytest.approx(two.p_value))
    assert len(three.labels) == 3


def test_without_degrees_of_freedom_the_tests_are_normal(machines):
    test = linear_hypotheses(machines, np.eye(3)[1:], df="none")
    z = test.each.statistic
    np.testing.assert_allclose(test.each.p_value, 2 * stats.norm.sf(np.abs(z)), rtol=1e-9)
    assert test.p_value == pytest.approx(stats.chi2.sf(test.joint.statistic * 2, 2), rel=1e-9)
    assert "z value Pr(>|z|)" in str(test)
    assert "All: chi-square = " in str(test)


WALD = json.loads((Path(__file__).parent / "reference" / "comparisons.json").read_text("utf-8"))["wald"]


@pytest.mark.parametrize("entry", WALD, ids=[entry["name"] for entry in WALD])
def test_pbkrtest(entry):
    """KRmodcomp and SATmodcomp of a term: at our optimum, so that p-values agree as far as R's optimum goes."""
    formula, data = re.fullmatch(r"lmer\((.*), data=(\w+)\)", entry["large"]).groups()
    fit = quiet(formula, reference_data.load(data))
    small = quiet(re.fullmatch(r"lmer\((.*), data=\w+\)", entry["small"])[1], reference_data.load(data))
    L = np.eye(len(fit.names))[[i for i, name in enumerate(fit.names) if name not in small.names]]
    for method, key in (("kenward-roger", "kr"), ("satterthwaite", "sat")):
        joint = linear_hypotheses(fit, L, df=method).joint
        want = {k: v[0] for k, v in entry[key].items() if isinstance(v, list)}
        assert joint.df1 == want["ndf"]
        assert joint.df2 == pytest.approx(want["ddf"], rel=1e-3)
        assert joint.statistic == pytest.approx(want.get("stat", want.get("statistic")), rel=1e-4)
        assert joint.p_value == pytest.approx(want["p.value"], rel=1e-3)
        if key == "kr":
            assert joint.scale == pytest.approx(want["F.scaling"], rel=1e-5)


# ---- the page, and what cannot be -----------------------------------------------------------------------------------


def test_page(machines):
    b, c = machines.names[1:]
    page = linear_hypotheses(machines, [f"{b} = 0", f"{c} = 0"], df="kenward-roger")
    lines = str(page).split("\n")
    assert lines[0] == "Linear hypotheses. t-tests use Kenward-Roger's method"
    assert lines[1].split() == ["Estimate", "Std.", "Error", "df", "t", "value", "Pr(>|t|)"]
    assert re.fullmatch(r"All: F = 32.8 on 2 and 4 DF, p = 0.00330\d", lines[-1])
    assert list(page.to_frame()) == ["hypothesis", "estimate", "rhs", "std_error", "df", "statistic", "p_value"]
    assert "<table>" in page.to_html()


def test_a_long_combination_has_a_short_label():
    data = {
        "y": np.arange(8.0) ** 1.5,
        "a_rather_long_name": np.arange(8.0) % 3,
        "another_long_name": np.arange(8.0) % 2,
    }
    (label,) = linear_hypotheses(quiet("y ~ .", data), np.array([1.0, 2.0, 3.0])).labels
    assert len(label) < 50
    assert label.endswith("... = 0")


@pytest.mark.parametrize(
    ("asked", "options", "words"),
    [
        ("recipe[D] = 0", {}, r"no coefficient is called 'recipe\[D\]'; did you mean"),
        ({"recipe[D]": 1}, {}, r"no coefficient is called 'recipe\[D\]'; did you mean"),
        ({"temp": "x"}, {}, "the weight of 'temp' is 'x'; expected a number"),
        ({"temp": np.nan}, {}, "missing or infinite"),
        ({"temp": 0}, {}, "hypothesis 1 has no coefficient in it"),
        ({}, {}, "hypothesis 1 has no coefficient in it"),
        ("1 = 2", {}, "hypothesis 1 has no coefficient in it"),
        ([1.0, 2.0], {}, r"has shape \(2,\); expected .* a vector of 4 weights .*: \(Intercept\), recipe\[B\]"),
        (np.zeros((0, 4)), {}, r"has shape \(0, 4\)"),
        (np.zeros((2, 2, 4)), {}, r"has shape \(2, 2, 4\)"),
        ([], {}, r"has shape \(0,\)"),
        (7, {}, r"has shape \(\)"),
        (None, {}, "expected a text, a dict of weights"),
        (["temp = 0", "temp = 1"], {}, "hypothesis 2 contradicts the ones before it"),
        ("temp = 0 = 1", {}, "hypothesis 2 has no coefficient in it"),
        ("temp = 0", {"rhs": 1.0}, "rhs is given beside an equation that has its own right side"),
        (["temp", "recipe[B]"], {"rhs": [1.0, 2.0, 3.0]}, r"rhs has shape \(3,\); .* one for each of 2 hypotheses"),
        ("temp", {"rhs": "one"}, "rhs is 'one'; expected a number"),
        ("temp", {"rhs": np.inf}, "missing or infinite"),
        ("temp", {"df": "satterthwaite"}, "belongs to mixed models"),
        ("temp", {"df": "resid"}, r"did you mean 'residual'\?"),
    ],
)
def test_what_cannot_be_tested(linear, asked, options, words):
    with pytest.raises(InferenceError, match=words):
        linear_hypotheses(linear, asked, **options)


@pytest.mark.parametrize("asked", ["twice = 0", "temp - twice", {"twice": 1}])
def test_a_dropped_column_is_named(asked):
    data = dict(mlm.datasets.load("cake"))
    data["twice"] = 2 * data["temp"]
    with pytest.raises(InferenceError, match="'twice' was left out of the model because other columns determine it"):
        linear_hypotheses(quiet("angle ~ temp + twice", data), asked)
