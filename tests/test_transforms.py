"""Transforms and contrasts against R, and what they remember for new data.

reference/model_matrices.json was written by reference/make_model_matrices.R with R 4.2.2.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import BSpline

from multilevel.data.rows import read_columns
from multilevel.errors import DataError, FormulaError
from multilevel.formula import Column, Contrast, Design, Formula
from multilevel.formula.transforms import _bsplines

R = json.loads((Path(__file__).parent / "reference" / "model_matrices.json").read_text(encoding="utf-8"))


def columns(table):
    frame = pd.DataFrame(table)
    frame["o"] = pd.Categorical(frame["o"], categories=["lo", "mid", "hi", "top"], ordered=True)
    return read_columns(frame, None)


DATA, NEW = columns(R["data"]), columns(R["new"])


def r_names(design):
    return [name.replace("[", "").replace("]", "") for name in design.names]


@pytest.mark.parametrize("case", R["matrices"] + R["contrasts"], ids=lambda case: case["formula"])
def test_columns_are_rs(case):
    design, matrices = Design.learn(Formula.parse(case["formula"]), DATA, contrasts=case.get("contrasts"))
    assert r_names(design) == case["names"]
    sums = [np.sin(np.arange(1, matrices.n + 1)) @ column for column in matrices.X]
    # 1e-9: R's poly() and ns() go through a QR decomposition, ours through recurrences
    np.testing.assert_allclose(sums, case["sums"], rtol=1e-9, atol=1e-9)
    if "n" in case:
        assert (matrices.n, list(design.term_labels), list(design.assign)) == (
            case["n"],
            case["labels"],
            case["assign"],
        )


@pytest.mark.parametrize("case", R["new_data"], ids=lambda case: case["formula"])
def test_new_data_meet_what_was_learned(case):
    design, _ = Design.learn(Formula.parse(case["formula"]), DATA)
    matrices = design.matrices(NEW)
    kept = range(matrices.n) if matrices.kept is None else matrices.kept
    assert list(kept) == case["rows"]
    np.testing.assert_allclose(matrices.dense_X(), case["X"], rtol=1e-9, atol=1e-9)


def number(name, values):
    return Column(name, "number", np.asarray(values))


X = number("x", [1.0, 2.0, 4.0, np.nan, 8.0, 9.0])
F = Column("f", "factor", np.array([0, 1, 2, 0, 1, -1], np.int32), ("a", "b", "c"))
L = Column("l", "logical", np.array([1.0, 0.0, np.nan, 1.0, 0.0, 1.0]))
SMALL = {column.name: column for column in (X, F, L, number("k", [0, 1, 2, 3, 4, 5]))}


def column_of(text):
    """The last column of y ~ text on the small table, and its rows."""
    _, matrices = Design.learn(Formula.parse(f"~ {text}"), SMALL)
    return matrices.X[-1], (range(6) if matrices.kept is None else list(matrices.kept))


@pytest.mark.parametrize(
    ("text", "values", "rows"),
    [
        ("center(x)", np.array([1, 2, 4, 8, 9]) - 4.8, [0, 1, 2, 4, 5]),
        ("I(x - mean(x, na.rm = TRUE))", np.array([1, 2, 4, 8, 9]) - 4.8, [0, 1, 2, 4, 5]),
        ("I(x / max(x))", np.array([1, 2, 4, 8, 9]) / 9, [0, 1, 2, 4, 5]),
        (
            "I((x - median(x)) / sd(x))",
            (np.array([1, 2, 4, 8, 9]) - 4) / np.std([1, 2, 4, 8, 9], ddof=1),
            [0, 1, 2, 4, 5],
        ),
        ("np.log(k + 1)", np.log([1, 2, 3, 4, 5, 6]), range(6)),
        ("np.where(k > 2, 1, 0)", [0, 0, 0, 1, 1, 1], range(6)),
        ("np.maximum(k, 3)", [3, 3, 3, 3, 4, 5], range(6)),
        ("I(k**2)", [0, 1, 4, 9, 16, 25], range(6)),
        ("I(k / 2)", [0, 0.5, 1, 1.5, 2, 2.5], range(6)),
        ("plogis(k) + qlogis(plogis(k))", [0, 1, 2, 3, 4, 5], range(6)),
        ("as.integer(k / 2)", [0, 0, 1, 1, 2, 2], range(6)),
        ("as.numeric(as.character(factor(k)))", [0, 1, 2, 3, 4, 5], range(6)),
        ("dummy(f, 'b')", [0, 1, 0, 0, 1], range(5)),
        ("I(is.na(x) + 0)", [0, 0, 0, 1, 0, 0], range(6)),
        # three-valued logic: FALSE decides an &, TRUE decides an |, whatever is missing on the other side
        ("I(0 + (l & k < 2))", [1, 0, 0, 0, 0, 0], range(6)),
        ("I(0 + (l | k < 3))", [1, 1, 1, 1, 0, 1], range(6)),
        ("I(0 + !l)", [0, 1, 0, 1, 0], [0, 1, 3, 4, 5]),
        ("I(0 + (f == 'a'))", [1, 0, 0, 1, 0], range(5)),
        ("I(0 + (f %in% c('a', 'c')))", [1, 0, 1, 1, 0, 0], range(6)),
        ("I(0 + (k %in% 3))", [0, 0, 0, 1, 0, 0], range(6)),
    ],
)
def test_values_and_missing_rows(text, values, rows):
    made, kept = column_of(text)
    assert list(kept) == list(rows)
    np.testing.assert_allclose(made, values, rtol=1e-14, atol=1e-14)


def test_statistics_are_of_the_variables_own_rows():
    """scale(x) uses every value of x, also in rows that are dropped because another variable is missing there."""
    _, matrices = Design.learn(Formula.parse("~ scale(x) + f"), SMALL)
    values = np.array([1, 2, 4, 8, 9.0])
    np.testing.assert_allclose(matrices.X[1], ((values - values.mean()) / values.std(ddof=1))[:4])


def test_text_made_by_ifelse():
    design, _ = Design.learn(Formula.parse("~ ifelse(k > 2, 'high', 'flat')"), SMALL)
    assert design.names[1] == 'ifelse(k > 2, "high", "flat")[high]'


@pytest.mark.parametrize(("degree", "derivative"), [(1, 0), (1, 1), (2, 0), (3, 0), (3, 1), (3, 2), (5, 2)])
def test_splines_are_scipys_to_the_last_digits(degree, derivative):
    """Inside, at the knots, some of them double, and beyond the boundary."""
    knots = np.array([*[-2.0] * (degree + 1), -1.0, 0.5, 0.5, *[2.0] * (degree + 1)])
    x = np.array([*np.random.default_rng(1).normal(size=200), -2.0, -1.0, 0.5, 2.0, -3.0, 3.5])
    expected = BSpline(knots, np.eye(len(knots) - degree - 1), degree)(x, nu=derivative)
    np.testing.assert_allclose(_bsplines(knots, degree, x, derivative), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "text", ["center(k)", "I(k - mean(k))", "scale(k)", "poly(k, 2)", "ns(k, 3)", "bs(k, 4)", "I(k / max(k))"]
)
def test_one_new_row_gives_the_same_columns(text):
    """A transform applied to a single new row must not learn from it."""
    design, matrices = Design.learn(Formula.parse(f"~ {text}"), SMALL)
    later = design.matrices({"k": number("k", [4])})
    np.testing.assert_allclose(later.dense_X()[0], matrices.dense_X()[4], rtol=1e-13)


def test_splines_beyond_the_boundary():
    """A natural spline is straight beyond its boundary knots, a B-spline goes on as the last polynomial."""
    line = {"k": number("k", [5.0, 6.0, 7.0, 8.0])}
    for text, order in (("ns(k, 3)", 2), ("bs(k, df = 4, degree = 2)", 3)):
        design, _ = Design.learn(Formula.parse(f"~ {text}"), SMALL)
        np.testing.assert_allclose(np.diff(design.matrices(line).dense_X(), order, axis=0), 0, atol=1e-10)


def test_polynomials_are_orthonormal_far_from_zero():
    years = {"t": number("t", np.arange(2000.0, 2026.0))}
    _, matrices = Design.learn(Formula.parse("~ poly(t, 8)"), years)
    Q = matrices.dense_X()[:, 1:]
    np.testing.assert_allclose(Q.T @ Q, np.eye(8), atol=1e-11)
    np.testing.assert_allclose(Q.sum(axis=0), 0, atol=1e-10)


@pytest.mark.parametrize("n", [2, 3, 5, 12, 40])
def test_contrasts_sum_to_zero_and_polynomials_are_orthonormal(n):
    for kind in ("sum", "helmert", "poly"):
        np.testing.assert_allclose(Contrast(kind).matrix(n).sum(axis=0), 0, atol=1e-12)
    P = Contrast("poly").matrix(n)
    np.testing.assert_allclose(P.T @ P, np.eye(n - 1), atol=1e-12)
    assert np.linalg.matrix_rank(np.column_stack([np.ones(n), Contrast("SAS").matrix(n)])) == n


@pytest.mark.parametrize(
    ("y", "error"), [(1e149, None), (1e-149, None), (0.0, None), (1e151, "reaches"), (1e-151, "has no value")]
)
def test_numbers_are_refused_where_their_squares_are_lost(y, error):
    columns = {"y": number("y", [y, -y]), "x": number("x", [1e100, 2.0])}
    if error is None:
        assert Design.learn(Formula.parse("y ~ x"), columns)[1].kept is None
        return
    with pytest.raises(DataError, match=f"y {error}"):
        Design.learn(Formula.parse("y ~ x"), columns)


THREE = {
    "y": number("y", [1.0, 2.0, 4.0, 3.0, 5.0, 9.0]),
    "f": Column("f", "factor", np.tile([0, 1, 2], 2), ("a", "b", "c")),
}


@pytest.mark.parametrize(("given", "names", "rows"), [
    ("sdif", ("2-1", "3-2"), [[-2 / 3, -1 / 3], [1 / 3, -1 / 3], [1 / 3, 2 / 3]]),  # MASS's contr.sdif(3)
    ([[-1, 1], [0, -2], [1, 1]], ("1", "2"), [[-1, 1], [0, -2], [1, 1]]),
    ({"linear": [-1, 0, 1], "bent": [1, -2, 1]}, ("linear", "bent"), [[-1, 1], [0, -2], [1, 1]]),
    (pd.DataFrame({"u": [-0.5, 0.5, 0.0], "v": [0.0, 0.1, 0.9]}), ("1", "2"), [[-0.5, 0], [0.5, 0.1], [0, 0.9]]),
])  # fmt: skip
def test_codings_of_ones_own(given, names, rows):
    design, matrices = Design.learn(Formula.parse("y ~ f"), THREE, contrasts={"f": given})
    assert design.names == ("(Intercept)", *[f"f[{name}]" for name in names])
    np.testing.assert_allclose(np.column_stack(matrices.X[1:]), np.tile(rows, (2, 1)), rtol=1e-15)
    again = design.matrices({"f": Column("f", "factor", np.array([0]), ("c",))})
    np.testing.assert_allclose([x[0] for x in again.X[1:]], rows[2], rtol=1e-15)


def test_a_coding_of_two_levels_by_their_names():
    columns = {**THREE, "f": Column("f", "factor", np.tile([0, 1], 3), ("no", "yes"))}
    for given in ([-0.5, 0.5], {"yes": 0.5, "no": -0.5}, [[-0.5], [0.5]]):
        design, matrices = Design.learn(Formula.parse("y ~ f"), columns, contrasts={"f": given})
        assert design.names[1] == "f[1]"
        assert matrices.X[1].tolist() == [-0.5, 0.5] * 3


@pytest.mark.parametrize(("given", "words"), [
    ([-0.5, 0.5], r"contrasts of f should be numbers for its 3 levels \(a, b, c\) in 2 columns; found \[-0.5, 0.5\]"),
    ({"a": 1, "b": 2}, "should be numbers for its 3 levels"),
    ({"a": 1, "b": 2, "d": 3}, "should be numbers for its 3 levels"),
    ({"u": [1, 2, 3]}, "should be numbers for its 3 levels"),
    ([["x", 1], [2, 3], [4, 5]], "should be numbers for its 3 levels"),
    ([[np.nan, 1], [2, 3], [4, 5]], "should be numbers for its 3 levels"),
    ([[1, 2], [2, 4], [3, 6]], "the contrasts of f do not tell its levels apart beside an intercept"),
    (3, "a contrast is of type int; expected a name .* or numbers for its levels"),
])  # fmt: skip
def test_codings_that_are_none(given, words):
    with pytest.raises(FormulaError, match=words):
        Design.learn(Formula.parse("y ~ f"), THREE, contrasts={"f": given})


def test_values_that_only_pass_through_infinity():
    _, matrices = Design.learn(Formula.parse("~ ifelse(k > 0, log(k), 0)"), SMALL)
    np.testing.assert_allclose(matrices.X[1], [0, *np.log([1, 2, 3, 4, 5])])
    with pytest.raises(DataError, match=r"poly\(log\(k\), 2\) cannot be computed: log\(k\) is infinite"):
        Design.learn(Formula.parse("~ poly(log(k), 2)"), SMALL)
