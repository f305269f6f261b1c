"""What a truth cannot be: one clear sentence each, with what was found, what was expected and the nearest name."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import multilevel as mlm
from multilevel.designs import expand_grid
from multilevel.truth import Group, Truth, simulate

TWO = {"(Intercept)": 1, "x": 2}
THREE = {"a": 1, "b": 1, "c": 1}
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "a Group says nothing: give it sd"),
        ({"sd": {}}, "a Group says nothing"),
        ({"sd": -1}, "sd of '(Intercept)' is -1; a standard deviation is zero or positive"),
        ({"sd": {"x": -0.5}}, "sd of 'x' is -0.5"),
        ({"sd": {"x": NAN}}, "sd of 'x' is nan; expected a finite number"),
        ({"sd": {"x": INF}}, "sd of 'x' is inf"),
        ({"sd": {"x": "1"}}, "sd of 'x' is '1'; expected a finite number"),
        ({"sd": {"x": True}}, "sd of 'x' is True"),
        ({"sd": {1: 1}}, "sd has the name 1; names are texts"),
        ({"sd": [1, 2]}, "sd of '(Intercept)' is [1, 2]"),
        ({"sd": 1, "distribution": "cauchy"}, "distribution is 'cauchy'; expected 'normal', 't(df)' with df above 2"),
        ({"sd": 1, "distribution": "t"}, "distribution is 't'"),
        ({"sd": 1, "distribution": "t(2)"}, "distribution is 't(2)'"),
        ({"sd": 1, "distribution": "t(five)"}, "distribution is 't(five)'"),
        ({"sd": 1, "distribution": "t(inf)"}, "distribution is 't(inf)'"),
        ({"sd": 1, "distribution": "skewed(0)"}, "distribution is 'skewed(0)'"),
        ({"sd": 1, "distribution": "normal(1)"}, "distribution is 'normal(1)'"),
        ({"sd": 1, "distribution": 5}, "distribution is 5"),
        ({"sd": 1, "effects": {"(Intercept)": [1]}}, "'(Intercept)' stands in sd and in effects"),
        ({"effects": {"x": []}}, "effects of 'x' is []; expected one number for each level"),
        ({"effects": {"x": 1}}, "effects of 'x' is 1"),
        ({"effects": {"x": "ab"}}, "effects of 'x' is 'ab'"),
        ({"effects": {"x": [1, None]}}, "effects of 'x', number 2, is None"),
        ({"effects": {"x": {"a": NAN}}}, "effects of 'x' at 'a' is nan"),
        ({"effects": [1, 2]}, "effects is of type list; expected values by name"),
    ],
)
def test_groups_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(mlm.DataError, match=re.escape(message)):
        Group(**arguments)


@pytest.mark.parametrize(
    ("sd", "corr", "message"),
    [
        (TWO, 1.2, "corr of (Intercept) and x is 1.2; a correlation lies between -1 and 1"),
        (TWO, -1.01, "corr of (Intercept) and x is -1.01"),
        (TWO, NAN, "corr is nan; expected a finite number"),
        (TWO, "0.5", "corr is '0.5'"),
        (TWO, None, "corr is None"),
        (1, 0.5, "corr is 0.5, but only (Intercept) has an sd; a correlation is one of two effects"),
        (THREE, -0.6, "corr is -0.6, but 3 effects cannot all be correlated with each other below -1/(3 - 1) = -0.5"),
        (TWO, np.eye(3), "corr has the shape (3, 3); expected (2, 2), a row and a column for each of (Intercept), x"),
        (TWO, [0.5], "corr has the shape (1,)"),
        (TWO, [[1, 0], [0]], "corr is [[1, 0], [0]]; expected one number, a matrix"),
        (TWO, [[1, "a"], ["a", 1]], "expected one number, a matrix, or numbers by pair of names"),
        (TWO, [[1, 0.5], [0.4, 1]], "corr is not symmetric: (Intercept) and x have 0.5 in one place and 0.4"),
        (TWO, [[1, NAN], [NAN, 1]], "corr of (Intercept) and x is nan"),
        (TWO, [[4, 0.5], [0.5, 1]], "corr has 4 on its diagonal, at (Intercept); expected 1"),
        (TWO, {("(Intercept)", "y"): 0.5}, "corr names 'y', which has no sd (sd has '(Intercept)', 'x')"),
        ({"days": 1, "x": 1}, {("dais", "x"): 0.5}, "corr names 'dais', which has no sd; did you mean 'days'?"),
        (TWO, {"x": 0.5}, "corr has the key 'x'; expected a pair of names"),
        (TWO, {("x", "x"): 1}, "corr has the key ('x', 'x')"),
        (TWO, {("x", "(Intercept)"): 0.5, ("(Intercept)", "x"): 0.4}, "twice; give it once"),
        (TWO, pd.DataFrame(np.eye(2)), "corr has the rows [0, 1] and columns [0, 1]; expected those of sd"),
        (THREE, [[1, 1, 0], [1, 1, 1], [0, 1, 1]], "the nearest possible are a, b: 0.76; a, c: 0.157; b, c: 0.76"),
    ],
)
def test_correlations_that_cannot_be(sd: Any, corr: Any, message: str) -> None:
    with pytest.raises(mlm.DataError, match=re.escape(message)):
        Group(sd, corr)


def test_a_correlation_without_effects_to_correlate() -> None:
    with pytest.raises(mlm.DataError, match=re.escape("corr is 0.5, but nothing has an sd")):
        Group(effects={"x": [1]}, corr=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fixed": {"(Intercept)": 0}}, "a gaussian truth needs sigma"),
        ({"fixed": {"(Intercept)": 0}, "sigma": -1}, "sigma is -1; a standard deviation is zero or positive"),
        ({"fixed": {"(Intercept)": 0}, "sigma": NAN}, "sigma is nan; expected a finite number"),
        ({"fixed": {"(Intercept)": 0}, "sigma": "1"}, "sigma is '1'"),
        ({"fixed": {"x": NAN}, "sigma": 1}, "the coefficient 'x' is nan; expected a finite number"),
        ({"fixed": {"x": None}, "sigma": 1}, "the coefficient 'x' is None"),
        ({"fixed": [1, 2], "sigma": 1}, "fixed is of type list; expected values by name, such as {'(Intercept)': 0}"),
        ({"fixed": {"": 2}, "sigma": 1}, "fixed has the name ''"),
        ({"fixed": {}, "groups": [Group(1)], "sigma": 1}, "groups is of type list; expected values by name"),
        ({"fixed": {}, "groups": {"g": 1}, "sigma": 1}, "groups['g'] is 1; expected a Group"),
    ],
)
def test_truths_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(mlm.DataError, match=re.escape(message)):
        Truth(**arguments)


# ---- where truth and formula do not meet ----------------------------------------------------------------------------

TREATMENT = "condition[treatment]"
SLOPES = Group({"(Intercept)": 1, TREATMENT: 1}, corr=0.7)
DESIGN = expand_grid(participant=3, condition=["control", "treatment"], trial=2)


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"(Intercept)": 0}, "says nothing of the coefficient 'condition[treatment]' of 'y ~ condition'"),
        ({"(Intercept)": 0}, "state all of them, 0 for none (it has '(Intercept)', 'condition[treatment]')"),
        ({"(Intercept)": 0, TREATMENT: 1, "condition[treatmnt]": 1}, "did you mean 'condition[treatment]'?"),
        ({"(Intercept)": 0, TREATMENT: 1, "x": 1}, "the truth has the coefficient 'x', which 'y ~ condition' has not"),
        ({}, "says nothing of the coefficient '(Intercept)'"),
    ],
)
def test_coefficients_that_do_not_fit(fixed: dict[str, float], message: str) -> None:
    with pytest.raises(mlm.DataError, match=re.escape(message)):
        simulate("y ~ condition", DESIGN, Truth(fixed, sigma=1))


STATED = "(Intercept) by participant is "


@pytest.mark.parametrize(
    ("random", "groups", "message"),
    [
        ("(1 | participant)", {}, "says nothing of the group 'participant'"),
        ("(1 | participant)", {}, "Group(sd=0) for none (it has 'participant')"),
        ("(1 | participant)", {"participants": Group(1)}, "has the group 'participants', which"),
        ("(1 | participant)", {"participants": Group(1)}, "did you mean 'participant'?"),
        ("1", {"participant": Group(1)}, "has the group 'participant', which 'y ~ 0 + 1' has not (it has none)"),
        ("(condition | participant)", {"participant": Group(1)}, f"says nothing of the effect '{TREATMENT}' by 'parti"),
        ("(1 | participant)", {"participant": Group({"x": 1})}, "has the effect 'x' by 'participant', which"),
        ("(condition || participant)", {"participant": SLOPES}, f"the correlation 0.7 of (Intercept) and {TREATMENT}"),
        ("(condition || participant)", {"participant": SLOPES}, "(condition || participant) does not allow"),
        ("(1 | a:b)", {"a:b": Group(1), "b:a": Group(1)}, "two groups for the crossing 'a:b'"),
        ("(1 | particpant)", {"particpant": Group(1)}, "column 'particpant' not found; did you mean 'participant'?"),
        *[
            ("(1 | participant)", {"participant": Group(effects={"(Intercept)": effects})}, STATED + message)
            for effects, message in [
                ([1, 2], "stated for 2 levels, and the design has 3"),
                ({1: 1, 2: 2}, "not stated for the level '3' of the design; every level needs a value"),
                ({1: 1, 2: 2, 3: 3, 33: 0}, "stated for the level '33', which the design has not; did you mean '3'?"),
            ]
        ],
    ],
)
def test_groups_that_do_not_fit(random: str, groups: dict[str, Group], message: str) -> None:
    design = DESIGN.assign(a=DESIGN["trial"], b=DESIGN["participant"])
    fixed = {"(Intercept)": 0} if random == "1" else {}
    formula = f"y ~ 0 + {random}"
    with pytest.raises(mlm.DataError, match=re.escape(message)):
        simulate(formula, design, Truth(fixed, groups, sigma=1))


ANY = Truth({"(Intercept)": 0}, sigma=1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("~ condition", DESIGN, ANY), mlm.FormulaError, "'~ condition' does not name the response; write it left"),
        (("log(y) ~ 1", DESIGN, ANY), mlm.FormulaError, "the response log(y) is an expression; simulate makes a"),
        (("cbind(s, f) ~ 1", DESIGN, ANY), mlm.FormulaError, "the response cbind(s, f) is an expression"),
        (("y ~ condition +", DESIGN, ANY), mlm.FormulaError, "y ~ condition +"),
        ((5, DESIGN, ANY), mlm.FormulaError, "a formula is a text"),
        (("y ~ x", DESIGN, ANY), mlm.DataError, "column 'x' not found"),
        (("y ~ 1", 5, ANY), mlm.DataError, "data of type int cannot be read"),
        (("y ~ 1", {}, ANY), mlm.DataError, "the data have no columns"),
        (("y ~ 1", DESIGN.head(0), ANY), mlm.DataError, "the data have no rows"),
        (("y ~ 1", DESIGN, {"(Intercept)": 0}), mlm.DataError, "truth is of type dict; expected a Truth"),
        *[(("y ~ 1", DESIGN, ANY, seed), mlm.DataError, f"seed is {seed!r}; expected a whole number from 0")
          for seed in ("one", 1.5, -1, True, [1, "a"])],
    ],
)  # fmt: skip
def test_arguments_that_cannot_be(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        simulate(*arguments)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("v", "column 'v' not found"),
        ("w", "weights must be positive numbers; found 0 in row 0"),
        ("condition", "the weights 'condition' are text or categories"),
        ([1, 2], "weights has 2 values but the data have 12 rows"),
        (3, "weights has an array of shape ()"),
    ],
)
def test_weights_that_cannot_be(weights: Any, message: str) -> None:
    with pytest.raises(mlm.DataError, match=re.escape(message)):
        simulate("y ~ 1", DESIGN.assign(w=0.0), ANY, weights=weights)
