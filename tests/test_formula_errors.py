"""Bad formulas and bad data: one sentence that says what was found, where, and what to write instead."""

from __future__ import annotations

import numpy as np
import pytest

from multilevel.errors import DataError, FormulaError
from multilevel.formula import Column, Design, Formula


@pytest.mark.parametrize(
    ("text", "message", "caret"),
    [
        ("y ~ x +", "the formula ends after '+'; a column or a term was expected", 7),
        ("y ~ (x | )", "a grouping factor was expected after '|'; found ')'", 9),
        ("y ~ (x |", "the formula ends after '|'; a grouping factor was expected", 8),
        ("y ~ (x | g", "this '(' is never closed", 4),
        ("y ~ log(x", "this '(' is never closed", 7),
        ("y ~ x)", "this ')' closes nothing", 5),
        ("y ~ ()", "these parentheses are empty", 5),
        ("y = x", "write '~'", 2),
        (
            "y ~ x z",
            "an operator such as '+' was expected before 'z'; names of several words stand in `backquotes`",
            6,
        ),
        ("y ~ (1 | g) (1 | h)", "an operator such as '+' was expected before '('", 12),
        ("y ~ x, z", "join terms with '+'", 5),
        ("y ~ x[1]", "unexpected '['", 5),
        ("y ~ d$x", "name the column alone", 5),
        ("y ~ `x", "the backquote is never closed", 4),
        ("y ~ x # z", "unexpected '#'", 6),
        ("y ~ a ~ b", "this is the second '~'", 6),
        ("y ~ (a ~ b)", "'~' cannot stand inside parentheses", 7),
        ("y ~ I(a < b < c)", "comparisons cannot be chained", 12),
        ("y ~ x %o% z", "the operator '%o%' is not part of the formula language", 6),
        ("y ~ f(x,)", "a column or a term was expected after ','", 8),
        (
            "y ~ lgo(x)",
            "unknown function 'lgo'; if it is your own, compute its column before fitting; did you mean 'log'?",
            4,
        ),
        ("y ~ s(x) + z", "there are no smooths such as s(); ns(x, df = 4) and bs(x, df = 6) are splines", 4),
        (
            "y ~ x + (1 | site id)",
            "')' or an operator was expected before 'id'; names of several words stand in `back",
            18,
        ),
        ("y ~ __import__('os')", "unknown function '__import__'", 4),
        ("y ~ poly(x, deg = 2)", "poly() has no argument 'deg'; it has x, degree, raw; did you mean 'degree'?", 4),
        ("y ~ poly(x, degree = 2, degree = 3)", "poly() is given 'degree' twice", 4),
        ("y ~ log(x, 2, 3)", "log() takes x, base and no more", 4),
        ("y ~ ifelse(x > 1)", "ifelse() needs yes and no", 4),
        ("y ~ log(x, base = z)", "base should be a constant", 4),
        ("y ~ C(f, contr.smu)", "unknown contrast 'contr.smu'", 4),
        ("y ~ C(f, Treatment('b'))", 'contr is Treatment("b"); expected the name of a coding, treatment, sum, ', 4),
        ("y ~ C(f, contr.sum, base = 2)", "base is the number of the reference level", 4),
        ("y ~ 2 + x", "2 is no term", 4),
        ("y ~ 'x'", '"x" is no term', 4),
        ("y ~ TRUE", "TRUE is no term", 4),
        ("y ~ I(2)", "I(2) uses no column", 4),
        ("y ~ x:1", "a number cannot stand beside ':'", 6),
        ("y ~ x^0.5", "the power of a sum of terms is a whole number", 6),
        ("y ~ x && z", "write '&'", 6),
        ("y ~ I(x:z)", "':' cannot stand inside an expression", 7),
        ("y ~ log(.)", "'.' stands for all columns", 8),
        ("y ~ x + y", "the response 'y' also stands on the right side", 8),
        ("y ~ (y | g)", "the response 'y' also stands on the right side", 5),
        ("y ~ (1 | y)", "the response 'y' cannot be a grouping factor", 9),
        ("y ~ x | g", "put the random term in parentheses", 6),
        ("y ~ (1 | (1 | g))", "a bar cannot stand inside another", 12),
        ("y ~ ((1 | g) | h)", "a bar cannot stand inside another", 8),
        ("y ~ (x | g):f", "a random term can only be added", 7),
        ("y ~ x - (1 | g)", "a random term can only be added", 11),
        ("y ~ log(1 | g)", "a bar cannot stand inside log()", 4),
        ("y ~ (0 | g)", "nothing varies in this random term", 7),
        ("y ~ (1 | 1)", "behind the bar stands a grouping factor", 9),
        ("y ~ (. | g)", "'.' cannot stand in a random term", 5),
        ("y ~ (1 | g) + (1 | g)", "the random term (1 | g) stands in the formula twice", 17),
        ("y ~ rr(x | g)", "the covariance structure rr() is not available", 4),
        ("y ~ ar1(x || g)", "ar1() asks for correlations and '||' for none", 10),
        ("y ~ us(x || g)", "us() asks for correlations and '||' for none", 9),
        ("y ~ x * offset(z)", "offset() can only be added", 8),
        ("y ~ (offset(x) | g)", "offset() can only be added", 5),
        ("y ~ log(offset(x))", "offset() is a term of its own", 8),
        ("cbind(a, b, c) ~ x", "cbind() as a response takes two columns", 0),
    ],
)
def test_a_caret_under_the_place(text, message, caret):
    with pytest.raises(FormulaError) as error:
        Formula.parse(text)
    said, shown, pointer = str(error.value).split("\n")
    assert message in said
    assert shown == f"    {text}"
    assert pointer == " " * (4 + caret) + "^"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the formula is empty"),
        ("  ", "the formula is empty"),
        ("x + z", "has no '~'"),
        (None, "found NoneType"),
        (["y ~ x"], "found list"),
    ],
)
def test_texts_that_are_no_formula(text, message):
    with pytest.raises(FormulaError, match=message):
        Formula.parse(text)


COLUMNS = {
    column.name: column
    for column in [
        Column("y", "number", np.array([1.0, 2, 3, 4, 5, 6])),
        Column("x", "number", np.array([1.0, 2, 0, 4, 5, 7])),
        Column("z", "number", np.array([1, 2, 3, 4, 5, -6])),
        Column("f", "factor", np.array([0, 0, 1, 1, 2, 2], np.int32), ("a", "b", "c")),
        Column("k", "factor", np.zeros(6, np.int32), ("q",)),
        Column("num", "factor", np.array([0, 1, 0, 1, 0, 1], np.int32), ("1", "3")),
        Column("wild", "number", np.array([1, 2, np.inf, 4, 5, 6])),
        Column("none", "number", np.full(6, np.nan)),
        Column("short", "number", np.array([1.0, 2])),
    ]
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y ~ X", "column 'X' not found; the data have 'y', .*; did you mean 'x'"),
        ("y ~ log(x)", r"log\(x\) is -inf in row 2 \(counting from 0\), where x = 0; leave out such rows \(1 of 6\)"),
        ("y ~ sqrt(z)", r"sqrt\(z\) is nan in row 5 .* z = -6"),
        ("y ~ I(x / (y - 3))", "where x = 0 and y = 3"),
        ("y ~ wild", "column 'wild' is inf in row 2"),
        ("y ~ I(wild > 3)", "column 'wild' is inf in row 2"),
        ("y ~ x + (1 | wild)", "column 'wild' is inf in row 2"),
        ("y ~ none", "no row is complete: none is missing in 6 of 6 rows"),
        ("y ~ short", "columns differ in length: y has 6 rows and short has 2"),
        ("f ~ x", "the response f is text or categorical"),
        ("poly(x, 3) ~ z", "the response poly"),
        ("y ~ I(f + 1)", "f is text or categorical; numbers were expected"),
        ("y ~ poly(f, 2)", "f is text or categorical; numbers were expected"),
        ("y ~ offset(f)", r"offset\(f\) should be one column of numbers"),
        ("y ~ I(f < 'b')", "only numbers and ordered factors have an order"),
        ("y ~ I(x == 'b')", 'x holds numbers and "b" text'),
        ("y ~ I(x | z)", "x is not logical; write a comparison"),
        ("y ~ mean(x)", "is one value, not one per row"),
        ("y ~ poly(mean(x), 2)", "is one number; a column was expected"),
        ("y ~ I(poly(x, 2) + 1)", "has 2 columns; arithmetic needs one"),
        ("y ~ k", "k has only one level among the rows used, 'q'"),
        ("y ~ (k | f)", "k has only one level"),
        ("y ~ poly(x, 9)", "poly.* of degree 9 needs more than 9 distinct values; found 6"),
        ("y ~ poly(x, 1.5)", "degree should be a whole number"),
        ("y ~ poly(x, 2, raw = 'a')", "raw should be TRUE or FALSE"),
        ("y ~ bs(x, knots = c(0, 9))", "knots strictly between the boundary knots 0 and 7; found 0, 9"),
        ("y ~ bs(x, df = 1)", "needs df >= 3 here; found df = 1"),
        ("y ~ ns(x, Boundary.knots = 3)", "two Boundary.knots"),
        ("y ~ scale(I(0 * x))", "divides by zero"),
        ("y ~ relevel(f, ref = 'zz')", "'zz' is no level; levels are a, b, c"),
        ("y ~ dummy(f, 'zz')", "'zz' is no level"),
        ("y ~ factor(x, labels = c('a', 'b'))", "6 levels and 2 labels"),
        ("y ~ as.numeric(num)", "could mean two things"),
        ("y ~ as.numeric(as.character(f))", "'a' is not a number"),
        ("y ~ (1 | poly(x, 2))", "the grouping factor poly.* has several columns"),
        ("y ~ C(f, contr.treatment, base = 7)", "the reference is level 7, but there are 3 levels"),
    ],
)
def test_data_that_do_not_fit_the_formula(text, message):
    with pytest.raises((DataError, FormulaError), match=message) as error:
        Design.learn(Formula.parse(text), COLUMNS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("contrasts", "message"),
    [
        ({"ff": "sum"}, "contrasts are given for 'ff'.*did you mean 'f'"),
        ({"f": "smu"}, "unknown contrast 'smu'.*did you mean 'sum'"),
        ({"x": "sum"}, "no categorical variable"),
        ({"f": np.eye(3)}, r"contrasts of f should be numbers for its 3 levels \(.*\) in 2 columns; found array"),
        ("sum", "contrasts is 'sum'; expected a coding for each factor"),
    ],
)
def test_contrasts_that_do_not_exist(contrasts, message):
    with pytest.raises(FormulaError, match=message):
        Design.learn(Formula.parse("y ~ f + x"), COLUMNS, contrasts=contrasts)


def test_no_rows():
    empty = {name: Column(name, "number", np.empty(0)) for name in "yx"}
    with pytest.raises(DataError, match="the data have no rows"):
        Design.learn(Formula.parse("y ~ x"), empty)
    with pytest.raises(DataError, match="the data have no rows"):
        Design.learn(Formula.parse("~ 1"), {})


def test_weights_of_another_length():
    with pytest.raises(DataError, match="columns differ in length: y has 6 rows and weights has 3"):
        Design.learn(Formula.parse("y ~ x"), COLUMNS, extra={"weights": np.ones(3)})
