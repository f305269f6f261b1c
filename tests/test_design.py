"""Design: names, columns and codes against R's design matrices; dropped rows, new data, and what is not copied.

reference/design_heads.json was written by reference/make_design_heads.py from the output of R 4.2.2 with lme4 1.1-31.
"""

from __future__ import annotations

import json
import pickle
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from reference_data import load

from multilevel.data.rows import read_columns
from multilevel.errors import DataError
from multilevel.formula import Column, Design, Formula
from multilevel.formula.levels import learn_levels

HEADS = json.loads((Path(__file__).parent / "reference" / "design_heads.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=8)
def columns_of(name, subset=None):
    frame = load(name)
    return read_columns(frame.query(subset) if subset else frame, None)


def plain(names):
    return [name.replace("[", "").replace("]", "") for name in names]


@pytest.mark.parametrize("case", HEADS, ids=lambda case: case["id"])
def test_columns_are_rs(case):
    columns = columns_of(case["data"], case["subset"])
    formula = Formula.parse(case["formula"])
    design, matrices = Design.learn(formula, columns, contrasts=case["contrasts"], factor_response=True)
    ours = [name for name in plain(design.names) if name not in case["dropped"]]
    assert ours == case["names"]
    assert [matrices.n, len(ours)] == case["dim"]
    kept = [plain(design.names).index(name) for name in case["names"]]
    # 1e-9: R's poly() and ns() go through a QR decomposition, ours through recurrences
    np.testing.assert_allclose(matrices.dense_X()[: len(case["head"]), kept], case["head"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", [case for case in HEADS if "ngrps" in case], ids=lambda case: case["id"])
def test_random_terms_are_lme4s(case):
    columns = columns_of(case["data"], case["subset"])
    _, matrices = Design.learn(Formula.parse(case["formula"]), columns, contrasts=case["contrasts"])
    found = {part.group: part.n_levels for part in matrices.random}
    assert list(found.items()) == list(case["ngrps"].items())
    for part in matrices.random:
        if case["cnms"]:
            assert plain(part.names) == case["cnms"][part.group]
        assert list(part.levels[: len(case["levels"][part.group])]) == case["levels"][part.group]
        assert part.codes.dtype == np.int32
        assert set(np.unique(part.codes)) == set(range(part.n_levels))
        assert len(part.Z) == len(part.names)


def number(name, values):
    return Column(name, "number", np.asarray(values))


def factor(name, codes, levels, kind="factor"):
    return Column(name, kind, np.asarray(codes, np.int32), tuple(levels))


def table(*columns):
    return {column.name: column for column in columns}


DATA = table(
    number("y", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    number("x", [0.5, 1.5, 2.5, np.nan, 4.5, 5.5]),
    number("k", [3, 1, 4, 1, 5, 9]),
    number("g", [30, 10, 30, 20, 10, 20]),
    factor("f", [0, 1, 2, 3, 1, 0], "abcd"),
    factor("o", [0, 1, 2, 0, 1, 2], ["lo", "mid", "hi"], "ordered"),
    Column("l", "logical", np.array([True, False, True, True, False, False])),
)


def learn(text, columns=DATA, **options):
    return Design.learn(Formula.parse(text), columns, **options)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("y ~ f", "(Intercept) f[b] f[c] f[d]"),
        ("y ~ 0 + f", "f[a] f[b] f[c] f[d]"),
        ("y ~ o", "(Intercept) o[.L] o[.Q]"),
        ("y ~ l", "(Intercept) l[TRUE]"),
        ("y ~ f:k", "(Intercept) f[a]:k f[b]:k f[c]:k f[d]:k"),
        ("y ~ l*o", "(Intercept) l[TRUE] o[.L] o[.Q] l[TRUE]:o[.L] l[TRUE]:o[.Q]"),
        ("y ~ factor(k)", "(Intercept) factor(k)[3] factor(k)[4] factor(k)[5] factor(k)[9]"),
    ],
)
def test_names_carry_levels_in_brackets(text, names):
    assert learn(text)[0].names == tuple(names.split(" "))


def test_terms_factors_and_assign():
    design, _ = learn("y ~ f*k + o", contrasts={"f": "sum"})
    assert design.names[:4] == ("(Intercept)", "f[1]", "f[2]", "f[3]")
    assert design.assign == (0, 1, 1, 1, 2, 3, 3, 4, 4, 4)
    assert design.term_labels == ("f", "k", "o", "f:k")
    assert design.has_intercept
    interaction = design.terms[3]
    assert interaction.variables == ("f", "k")
    assert interaction.codings == ("contrast", "number")
    assert interaction.columns == range(7, 10)
    assert design.factors["f"].levels == ("a", "b", "c", "d")
    assert design.factors["f"].contrast.kind == "sum"
    assert design.factors["o"].ordered
    assert learn("y ~ f:k")[0].terms[0].codings == ("full", "number")


def test_contrasts_are_for_fixed_terms():
    """As in lme4: the random columns of f keep treatment contrasts."""
    design, _ = learn("y ~ l + (l | g)", contrasts={"l": "sum"})
    assert design.names == ("(Intercept)", "l[1]")
    assert design.random[0].names == ("(Intercept)", "l[TRUE]")


def test_double_bar_has_one_variance_per_column():
    _, matrices = learn("y ~ 1 + (f + k || g)")
    (part,) = matrices.random
    assert (part.structure, part.label) == ("diag", "f + k || g")
    assert part.names == ("(Intercept)", "f[b]", "f[c]", "f[d]", "k")


def test_response_offset_and_extra():
    design, matrices = learn("log(y) ~ 1 + offset(k) + offset(2 * k)", extra={"weights": np.arange(6.0)})
    np.testing.assert_allclose(matrices.y, np.log(DATA["y"].values))
    np.testing.assert_allclose(matrices.offset, 3 * DATA["k"].values)
    np.testing.assert_allclose(matrices.extra["weights"], np.arange(6.0))
    assert learn("cbind(k, 10 - k + 0 * y) ~ 1")[1].y.shape == (6, 2)
    assert learn("y ~ 1")[1].offset is None
    assert learn("~ x")[1].y is None
    assert learn("l ~ k")[1].y.tolist() == [1, 0, 1, 1, 0, 0]
    assert design.response_levels == ()


def test_categorical_response_on_request():
    design, matrices = learn("f ~ k", factor_response=True)
    assert design.response_levels == ("a", "b", "c", "d")
    assert matrices.y.tolist() == [0, 1, 1, 1, 1, 0]
    later = design.matrices(table(factor("f", [0, 1], "ba"), number("k", [1, 2])), need_response=True)
    assert later.y.tolist() == [1, 0]


def test_rows_are_dropped_then_levels():
    design, matrices = learn("y ~ x + f + (1 | g)", extra={"weights": np.array([1, 1, 1, 1, 1, np.nan])})
    assert matrices.kept.tolist() == [0, 1, 2, 4]
    assert (matrices.n, matrices.n_total) == (4, 6)
    assert matrices.y.tolist() == [1, 2, 3, 5]
    assert matrices.extra["weights"].tolist() == [1, 1, 1, 1]
    assert design.names == ("(Intercept)", "x", "f[b]", "f[c]")  # d stood in dropped rows only
    assert matrices.random[0].levels == ("10", "30")
    assert matrices.random[0].codes.tolist() == [1, 0, 1, 0]


def test_a_removed_variable_still_drops_rows():
    """As in R, where model.frame evaluates every variable of the formula."""
    assert learn("y ~ k - x")[1].n == 5


EVERYWHERE = ["y ~ v", "v ~ y", "y ~ 1 + (1 | v)", "y ~ (v | g)"]
GAPS = {
    "number": number("v", [1, 2, np.nan, 4, 5, 6]),
    "factor": factor("v", [0, 1, -1, 0, 1, 0], "ab"),
    "logical": Column("v", "logical", np.array([0, 1, np.nan, 1, 0, 1])),
}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((kind, text) for kind in GAPS for text in EVERYWHERE),
        *(("number", text) for text in ("y ~ offset(v)", "y ~ poly(v, 1)", "y ~ I(v > 2)", "y ~ factor(v)")),
    ],
)
def test_missing_values_anywhere_drop_the_row(kind, text):
    missing = GAPS[kind]
    _, matrices = learn(text, DATA | {"v": missing}, factor_response=True)
    assert matrices.kept.tolist() == [0, 1, 3, 4, 5]


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([30, 10, 20, 10], ("10", "20", "30")),
        ([-3, 5, -3, 0], ("-3", "0", "5")),
        ([10**12, 1, 10**12, 7], ("1", "7", "1000000000000")),
        ([2.0, 1.0, 2.0, 30.0], ("1", "2", "30")),
        ([0.5, 0.25, 0.5, 1e20], ("0.25", "0.5", "1e+20")),
        (np.array([3, 1, 3, 2], np.uint8), ("1", "2", "3")),
    ],
)
def test_numbers_as_grouping_factors(values, levels):
    found, codes = learn_levels(number("g", values))
    assert found.labels == levels
    assert codes.dtype == np.int32
    np.testing.assert_array_equal(np.asarray(found.distinct)[codes], values)


def test_levels_keep_the_order_of_a_categorical_and_lose_unused_ones():
    found, codes = learn_levels(factor("g", [3, 1, 3], "zyxw"))
    assert found.labels == ("y", "w")
    assert codes.tolist() == [1, 0, 1]


def test_nested_groups():
    _, matrices = learn("y ~ 1 + (1 | g/f)")
    inner, outer = matrices.random
    assert (inner.group, outer.group) == ("f:g", "g")
    assert inner.levels == ("a:20", "a:30", "b:10", "c:30", "d:20")
    assert inner.codes.tolist() == [1, 2, 3, 4, 2, 0]


def test_new_data():
    design, matrices = learn("y ~ f + k + (k | g) + (1 | f:g)")
    new = table(
        number("k", [7, np.nan, 9]), factor("f", [0, 1, 0], "ba"), number("g", [10, 10, 99]), number("y", [1.0, 2, 3])
    )
    later = design.matrices(new)
    assert later.kept.tolist() == [0, 2]
    assert later.y is None
    np.testing.assert_array_equal(later.dense_X(), [[1, 1, 0, 0, 7], [1, 1, 0, 0, 9]])
    by_group = {part.group: part for part in later.random}
    assert by_group["g"].codes.tolist() == [0, -1]
    assert by_group["f:g"].codes.tolist() == [matrices.random[0].levels.index("b:10"), -1]
    assert by_group["g"].n_levels == 3
    without = design.matrices({name: new[name] for name in "kf"}, need_random=False)
    assert without.random == ()
    assert design.matrices(new, need_response=True).y.tolist() == [1, 3]


def test_groups_are_recognised_by_label_whatever_their_kind():
    design, _ = learn("y ~ 1 + (1 | g)")
    assert design.matrices(table(factor("g", [0, 1, 2], ["20", "x", "30"]))).random[0].codes.tolist() == [1, -1, 2]
    assert design.matrices(table(number("g", [20.0, 30.0]))).random[0].codes.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "new", "message"),
    [
        (
            "y ~ f",
            factor("f", [0, 1], "az"),
            "f has the new level 'z', which the fit has not seen; it knows a, b, c, d",
        ),
        ("y ~ factor(k)", number("k", [1, 77]), r"factor\(k\) has the new level '77'"),
        ("y ~ f", number("f", [1, 2]), "f was categorical when the model was fitted; found numbers"),
        ("y ~ k", factor("k", [0, 1], "12"), "k was a number when the model was fitted; found text"),
        ("y ~ f", number("F", [1, 2]), "column 'f' not found"),
    ],
)
def test_new_data_that_do_not_fit(text, new, message):
    design, _ = learn(text)
    with pytest.raises(DataError, match=message):
        design.matrices(table(new))


def test_columns_of_floats_are_not_copied():
    _, matrices = learn("y ~ k + f + (k | g) + (0 + f | g)")
    assert matrices.y is DATA["y"].values
    days, slopes = matrices.X[1], matrices.random[0].Z[1]
    assert days is slopes
    assert matrices.X[0] is matrices.random[0].Z[0]
    assert matrices.X[0].strides == (0,)
    assert matrices.X[2] is matrices.random[1].Z[1]  # the indicator of level b is that of f[b]
    floats = DATA | {"x": number("x", np.arange(6.0))}
    assert learn("y ~ x", floats)[1].X[1] is floats["x"].values


def test_dot_takes_the_other_columns():
    columns = {name: DATA[name] for name in ("y", "k", "f", "g")}
    design, _ = learn("y ~ . + (1 | g)", columns)
    assert design.names == ("(Intercept)", "k", "f[b]", "f[c]", "f[d]")
    assert design.formula.text == "y ~ (k + f) + (1 | g)"


def test_a_design_survives_pickling():
    design, matrices = learn("y ~ ns(k, 3) + f + (1 | g)")
    again = pickle.loads(pickle.dumps(design))
    np.testing.assert_array_equal(again.matrices(DATA).dense_X(), matrices.dense_X())
    assert again.names == design.names
