"""Text -> terms: spelling, order, intercept, random terms. Expected values are R's unless a comment says otherwise."""

from __future__ import annotations

import pickle

import pytest

from multilevel.formula import Formula
from multilevel.formula.parse import deparse, number_text, parse


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("y~x+(1|g)", "y ~ x + (1 | g)"),
        ("y ~ a/b %in% c", "y ~ a/b %in% c"),
        ("y ~ x**2 + I(x ** 2)", "y ~ x^2 + I(x^2)"),
        ("y~ns(speed,df=4)", "y ~ ns(speed, df = 4)"),
        ("y ~ I(Days*1e5)", "y ~ I(Days * 1e+05)"),
        ("y ~ scale(x, scale=False)", "y ~ scale(x, scale = FALSE)"),
        ("y ~ !l&z", "y ~ !l & z"),
        ("y ~ I(-x^2 %/% 3)", "y ~ I(-x^2%/%3)"),
        ("y ~ `odd name` + Q('other name')", "y ~ `odd name` + `other name`"),
        ("y ~ dummy(f, 'b')", 'y ~ dummy(f, "b")'),
        ("y ~ splines::ns(x,3) + np.log(x)", "y ~ splines::ns(x, 3) + np.log(x)"),
        ("log( y )~0+Sepal.Length\n + (0+x||a/b)", "log(y) ~ 0 + Sepal.Length + (0 + x || a/b)"),
        ("~x", "~ x"),
        ("y ~ ((1 | g))", "y ~ ((1 | g))"),
    ],
)
def test_spelling_is_rs(text, spelling):
    assert deparse(parse(text)) == spelling


@pytest.mark.parametrize(
    ("literal", "spelling"),
    [
        ("100000", "1e+05"),
        ("150000", "150000"),
        ("1234567.1", "1234567.1"),
        ("3e8", "3e+08"),
        ("0.0001", "1e-04"),
        ("0.001", "0.001"),
        ("1e-300", "1e-300"),
        ("0.50", "0.5"),
        (".5", "0.5"),
        ("0", "0"),
        ("2L", "2L"),
    ],
)
def test_numbers_are_spelled_as_r_does(literal, spelling):
    assert number_text(literal) == spelling


@pytest.mark.parametrize(
    ("right", "labels"),
    [
        ("1", "1"),
        ("0", ""),
        ("x", "1; x"),
        ("-1 + x", "x"),
        ("x - 1", "x"),
        ("x - 1 + 1", "1; x"),
        ("x - 0", "1; x"),
        ("x + 0", "x"),
        ("a*b", "1; a; b; a:b"),
        ("a*b*c", "1; a; b; c; a:b; a:c; b:c; a:b:c"),
        ("a*b*c - a:b:c", "1; a; b; c; a:b; a:c; b:c"),
        ("(a + b + c)^2", "1; a; b; c; a:b; a:c; b:c"),
        ("(a + b + c)**3 - a", "1; b; c; a:b; a:c; b:c; a:b:c"),
        ("a/b", "1; a; a:b"),
        ("a/b/c", "1; a; a:b; a:b:c"),
        ("(a + b)/c", "1; a; b; a:b:c"),
        ("a/(b + c)", "1; a; a:b; a:c"),
        ("a %in% b", "1; a:b"),
        ("(a + b) %in% c", "1; a:c; b:c"),
        ("a %in% (b*c)", "1; a:b:c"),
        ("b:a + a", "1; a; b:a"),
        ("a:a", "1; a"),
        ("(1 + a)*b", "1; a; b; a:b"),
        ("a*1", "1; a"),
        ("a - (1 + b)", "a"),
        ("a*b - (a + b)", "1; a:b"),
        ("x + x", "1; x"),
        ("-a", "1"),
        ("x^2", "1; x"),
        ("I(x^2) + poly(x, 2)", "1; I(x^2); poly(x, 2)"),
        ("a + offset(log(x))", "1; a"),
        ("x > 3", "1; x > 3"),
        ("a:b + (1 | g) + a", "1; a; a:b"),
    ],
)
def test_terms_and_their_order(right, labels):
    fixed = Formula.parse(f"y ~ {right}").fixed
    shown = (["1"] if fixed.intercept else []) + list(fixed.labels)
    assert shown == (labels.split("; ") if labels else [])


@pytest.mark.parametrize(
    ("bar", "labels", "structure"),
    [
        ("(1 | g)", ["1 | g"], "us"),
        ("(x | g)", ["x | g"], "us"),
        ("(x || g)", ["x || g"], "diag"),
        ("us(x | g)", ["x | g"], "us"),
        ("diag(1 + x | g)", ["1 + x || g"], "diag"),
        ("((1 | g))", ["1 | g"], "us"),
        ("(1 | a/b)", ["1 | b:a", "1 | a"], "us"),
        ("(1 | a/b/c)", ["1 | c:(b:a)", "1 | b:a", "1 | a"], "us"),
        ("(x || a/b)", ["x || b:a", "x || a"], "diag"),
        ("(1 | a:b)", ["1 | a:b"], "us"),
        # lme4 1.1-31 cannot read the next two; here a*b is a + b + a:b behind a bar, too
        ("(1 | a*b)", ["1 | a", "1 | b", "1 | a:b"], "us"),
        ("(1 | a + b)", ["1 | a", "1 | b"], "us"),
        ("(1 | factor(g))", ["1 | factor(g)"], "us"),
        ("(f/x | g)", ["f/x | g"], "us"),
        ("(1 | g) + (0 + x | g)", ["1 | g", "0 + x | g"], "us"),
    ],
)
def test_random_terms(bar, labels, structure):
    formula = Formula.parse(f"y ~ z + {bar}")
    assert [part.label for part in formula.random] == labels
    assert {part.structure for part in formula.random} == {structure}
    assert formula.fixed_text == "y ~ z"


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("cbind(k, n - k) ~ x + offset(log(e)) + (z | a/b)", "k n x e z a b"),
        ("log(y) ~ poly(x, 2, raw = T) + C(f, contr.sum) + ns(t, df = 3)", "y x f t"),
        ("y ~ ifelse(a > 2 * pi, b, c) + I(f %in% c('u', 'v'))", "y a b c f"),
        ("~ Q('odd name')", "odd name"),
        ("y ~ x - z", "y x z"),
    ],
)
def test_columns_needed(text, variables):
    assert Formula.parse(text).variables == tuple(variables.split(" ") if "odd" not in variables else [variables])


def test_sides_and_texts():
    formula = Formula.parse("(y1 - y2)~x+(1|g)")
    assert formula.text == "(y1 - y2) ~ x + (1 | g)"
    assert formula.response_text == "(y1 - y2)"
    assert formula.fixed_text == "(y1 - y2) ~ x"
    assert Formula.parse("y ~ (1 | g)").fixed_text == "y ~ 1"
    assert Formula.parse("y ~ 0 + (1 | g)").fixed_text == "y ~ 0"
    assert Formula.parse("y ~ (1 | g) - 1").fixed_text == "y ~ -1"
    assert Formula.parse("~ x").response_text == ""
    assert Formula.parse("y ~ x") is Formula.parse("y ~ x")
    assert pickle.loads(pickle.dumps(formula)).text == formula.text


def test_dot_is_every_column_without_another_place():
    formula = Formula.parse("log(y) ~ . - b + (1 | g)")
    assert formula.has_dot
    assert not Formula.parse("y ~ x").has_dot
    expanded = formula.expand(["y", "a", "b", "odd name", "g"])
    assert expanded.fixed.labels == ("a", "`odd name`")
    assert expanded.text == "log(y) ~ (a + b + `odd name`) - b + (1 | g)"
    assert Formula.parse("y ~ .^2").expand(["y", "a", "b"]).fixed.labels == ("a", "b", "a:b")


def test_columns_for_predictions():
    formula = Formula.parse("y ~ x - z + offset(e) + (w | g)")
    assert formula.predictors() == ("x", "e", "w", "g")
    assert formula.predictors(random=False) == ("x", "e")


def test_thousands_of_terms():
    names = [f"x{i}" for i in range(3000)]
    formula = Formula.parse("y ~ " + " + ".join(names) + " + (1 | g)")
    assert formula.fixed.labels == tuple(names)
    assert Formula.parse("y ~ .").expand(["y", *names]).fixed.labels == tuple(names)
