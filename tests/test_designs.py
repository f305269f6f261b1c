"""Designs: crossed, nested, assigned, counterbalanced; and what dropout takes from them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import multilevel as mlm
from multilevel.data.build import build
from multilevel.data.rows import read_columns
from multilevel.designs import between, dropout, expand_grid, labels, latin_square, nested
from multilevel.formula import Column

# ---- crossed --------------------------------------------------------------------------------------------------------


def test_the_last_column_varies_fastest_as_in_tidyr() -> None:
    d = expand_grid(a=["x", "y"], b=[1, 2], c=range(2))
    assert d.columns.tolist() == ["a", "b", "c"]
    rows = [("x", 1, 0), ("x", 1, 1), ("x", 2, 0), ("x", 2, 1), ("y", 1, 0), ("y", 1, 1), ("y", 2, 0), ("y", 2, 1)]
    assert list(d.itertuples(index=False, name=None)) == rows


@pytest.mark.parametrize(
    ("given", "kind", "values", "levels"),
    [
        (3, "number", [1, 2, 3], ()),
        (np.int64(2), "number", [1, 2], ()),
        (range(3), "number", [0, 1, 2], ()),
        (np.array([0.5, -0.5]), "number", [0.5, -0.5], ()),
        ((2, 1), "number", [2, 1], ()),
        ([False, True], "logical", [False, True], ()),
        (["treatment", "control"], "factor", [0, 1], ("treatment", "control")),
        (np.array(["b", "a"]), "factor", [0, 1], ("b", "a")),
        (pd.Series(["b", "a"]), "factor", [0, 1], ("b", "a")),
        (pl.Series(["b", "a"]), "factor", [0, 1], ("b", "a")),
        ((text for text in "ba"), "factor", [0, 1], ("b", "a")),
        (pd.Categorical(["a", "b"], ["b", "a"]), "factor", [1, 0], ("b", "a")),
        (pd.Series(pd.Categorical(["a", "b"], ["b", "a"])), "factor", [1, 0], ("b", "a")),
        (pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])), "factor", [1, 0], ("b", "a")),
        (pd.Categorical(["lo", "hi"], ["lo", "hi"], ordered=True), "ordered", [0, 1], ("lo", "hi")),
        (Column("other", "factor", np.array([1, 0], np.int32), ("b", "a")), "factor", [1, 0], ("b", "a")),
    ],
)
def test_values_of_a_column(given: Any, kind: str, values: list[Any], levels: tuple[str, ...]) -> None:
    column = expand_grid(x=given, backend="dict")["x"]
    assert (column.name, column.kind, column.values.tolist(), column.levels) == ("x", kind, values, levels)


@pytest.mark.parametrize(
    ("backend", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table), ("dict", dict)]
)
def test_backends_hold_the_same(backend: str, kind: type) -> None:
    ordered = pd.Categorical(["lo", "hi"], ["lo", "hi"], ordered=backend != "polars")
    d = expand_grid(g=["b", "a"], o=ordered, n=2, w=[False, True], backend=backend)
    assert isinstance(d, kind)
    columns = read_columns(d)
    kinds = [c.kind for c in columns.values()]
    assert kinds == ["factor", "factor" if backend == "polars" else "ordered", "number", "logical"]
    assert columns["g"].levels == ("b", "a")
    assert columns["g"].values.tolist() == [0] * 8 + [1] * 8
    assert columns["n"].values.tolist() == [1, 1, 2, 2] * 4


def test_built_frames_know_missing_levels() -> None:
    column = Column("g", "factor", np.array([1, -1, 0], np.int32), ("b", "a"))
    for backend in ("pandas", "polars", "pyarrow"):
        assert read_columns(build({"g": column}, backend))["g"].values.tolist() == [1, -1, 0]


def test_names_that_are_no_keywords() -> None:
    d = expand_grid({"time of day": ["am", "pm"], "backend": 2}, backend="dict", day=2)
    assert list(d) == ["time of day", "backend", "day"]
    assert len(d["day"].values) == 8


def test_labels() -> None:
    assert labels(2) == ["1", "2"]
    assert expand_grid(item=labels(12, "i"), backend="dict")["item"].levels[-1] == "i12"


# ---- nested, assigned, counterbalanced ------------------------------------------------------------------------------


def test_nested_units_are_numbered_through() -> None:
    d = expand_grid(school=["a", "b"], pupil=nested(3, within="school"), day=2)
    assert d["pupil"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    assert d.groupby("pupil")["school"].nunique().eq(1).all()
    assert d["day"].tolist() == [1, 2] * 6


def test_nested_units_of_different_number_under_crossed_columns() -> None:
    d = expand_grid(school=2, year=2, pupil=nested([1, 3], within="school"))
    assert d["pupil"].tolist() == [1, 1, 2, 3, 4, 2, 3, 4]
    assert d["school"].tolist() == [1, 1, 2, 2, 2, 2, 2, 2]
    deep = expand_grid(s=2, c=nested([2, 1], "s"), p=nested(2, "c"), backend="dict")
    assert deep["p"].values.tolist() == [1, 2, 3, 4, 5, 6]
    assert deep["c"].values.tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_groups_between_units_are_balanced(seed: int | None) -> None:
    d = expand_grid(p=10, group=between("p", ["a", "b", "c"], seed=seed), trial=3)
    of_unit = d.groupby("p")["group"].agg(["nunique", "first"])
    assert (of_unit["nunique"] == 1).all()
    counts = of_unit["first"].value_counts()
    assert counts.max() - counts.min() <= 1
    assert d["group"].cat.categories.tolist() == ["a", "b", "c"]
    assert (of_unit["first"].tolist() == list("abcabcabca")) == (seed is None)


@pytest.mark.parametrize("seeds", [(None, None), (1, None), (1, 2), (3, 3)])
@pytest.mark.parametrize("n", [8, 11])
def test_two_factors_between_the_same_units_are_not_confounded(seeds: tuple[Any, Any], n: int) -> None:
    d = expand_grid(p=n, group=between("p", ["a", "b"], seed=seeds[0]), sex=between("p", ["f", "m"], seed=seeds[1]))
    cells = pd.crosstab(d["group"], d["sex"]).to_numpy()
    assert cells.max() - cells.min() <= 1
    assert abs(cells.sum(0)[0] - cells.sum(0)[1]) <= 1


def test_random_assignment_is_seeded() -> None:
    def made(seed: int) -> list[str]:
        return expand_grid(p=20, g=between("p", ["a", "b"], seed=seed))["g"].tolist()

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_a_covariate_between_units() -> None:
    d = expand_grid(p=4, age=between("p", range(20, 24)), trial=2)
    assert d["age"].tolist() == [20, 20, 21, 21, 22, 22, 23, 23]


@pytest.mark.parametrize("seed", [None, 5])
def test_latin_square(seed: int | None) -> None:
    d = expand_grid(p=6, item=9, prime=latin_square("p", "item", ["a", "b", "c"], seed=seed))
    assert (pd.crosstab(d["p"], d["prime"]) == 3).all(axis=None)  # every participant sees every level equally often
    assert (pd.crosstab(d["item"], d["prime"]) == 2).all(axis=None)  # and every item is seen in every level
    assert len(d) == 54


def test_latin_square_of_orders() -> None:
    d = expand_grid(p=3, position=3, condition=latin_square("p", "position", ["a", "b", "c"]))
    assert d["condition"].tolist() == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("square_first", [False, True])
def test_lists_are_balanced_against_groups(square_first: bool, seed: int | None) -> None:
    rules = {"group": between("p", ["a", "b"], seed=seed), "prime": latin_square("p", "item", ["x", "y"], seed=seed)}
    names = reversed(rules) if square_first else rules
    d = expand_grid({"p": 8, "item": 4, **{name: rules[name] for name in names}})
    assert (pd.crosstab([d["group"], d["item"]], d["prime"]) == 2).all(axis=None)
    assert (pd.crosstab(d["p"], d["prime"]) == 2).all(axis=None)


def test_two_latin_squares_make_all_combinations() -> None:
    d = expand_grid(
        p=8, item=8, a=latin_square("p", "item", ["x", "y"]), b=latin_square("p", "item", ["f", "m"], seed=1)
    )
    for unit in ("p", "item"):
        assert (pd.crosstab(d[unit], [d["a"], d["b"]]) == 2).all(axis=None)


# ---- dropout --------------------------------------------------------------------------------------------------------

LONG = {"unit": 400, "day": range(5)}


def test_rows_are_lost_completely_at_random() -> None:
    d = expand_grid(unit=200, day=range(50))
    kept = dropout(d, 0.2, seed=1)
    assert abs(1 - len(kept) / len(d) - 0.2) < 4 * np.sqrt(0.2 * 0.8 / len(d))
    lost = 1 - kept.groupby("day").size() / 200
    assert (abs(lost - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 200)).all()
    pd.testing.assert_frame_equal(kept, d.loc[kept.index])  # what is left is as it was
    pd.testing.assert_frame_equal(kept, dropout(d, 0.2, seed=np.random.default_rng(1)))
    assert not kept.equals(dropout(d, 0.2, seed=2))


def test_cells_are_lost_column_by_column() -> None:
    d = expand_grid(g=["a", "b"], x=range(5000)).assign(y=1.5)
    holed = dropout(d, 0.3, columns=["y", "x", "g"], seed=1)
    lost = holed.isna()
    assert (abs(lost.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 10000)).all()
    both = (lost["x"] & lost["y"]).mean()
    assert abs(both - 0.09) < 4 * np.sqrt(0.09 * 0.91 / 10000)
    assert holed["g"].cat.categories.tolist() == ["a", "b"]
    assert d.notna().all(axis=None)


@pytest.mark.parametrize(("rate", "hazards"), [(0.4, [1 - 0.6**0.25] * 4), ([0, 0.5, 0, 0.2], [0, 0.5, 0, 0.2])])
def test_units_drop_out_for_good(rate: Any, hazards: list[float]) -> None:
    d = expand_grid(**LONG)
    kept = dropout(d, rate, unit="unit", time="day", seed=1)
    present = kept.groupby("unit")["day"].agg(["min", "max", "size"])
    assert len(present) == 400
    assert (present["min"] == 0).all()
    assert (present["size"] == present["max"] + 1).all()  # none come back
    survival = np.cumprod([1, *(1 - h for h in hazards)])
    share = kept.groupby("day").size().to_numpy() / 400
    assert (abs(share - survival) <= 4 * np.sqrt(survival * (1 - survival) / 400) + 1e-12).all()


def test_occasions_follow_their_order_not_their_place() -> None:
    d = expand_grid(day=["later", "first"], unit=300)
    d["day"] = d["day"].cat.reorder_categories(["first", "later"])
    kept = dropout(d, 0.5, unit="unit", time="day", seed=1)
    counts = kept["day"].value_counts()
    assert counts["first"] == 300
    assert abs(counts["later"] - 150) < 4 * np.sqrt(75)
    holed = dropout(d, 0.5, unit="unit", time="day", columns="unit", seed=1)
    assert holed["unit"].isna().sum() == 300 - counts["later"]


def native(backend: str, tmp_path: Path) -> Any:
    d = expand_grid(g=["b", "a"], i=4).assign(x=0.5, t="text")
    if backend == "csv":
        d.to_csv(tmp_path / "d.csv", index=False)
        return str(tmp_path / "d.csv")
    return {
        "pandas": lambda: d.set_index(pd.Index(range(100, 108))), "polars": lambda: pl.from_pandas(d),
        "lazy": lambda: pl.from_pandas(d).lazy(), "pyarrow": lambda: pa.Table.from_pandas(d),
        "duckdb": lambda: duckdb.sql("select 'b' as g, i, 0.5 as x, 'text' as t from range(8) s(i)"),
        "dict": lambda: {"g": pd.Categorical(d["g"]), "i": list(d["i"]), "x": np.full(8, 0.5), "t": ["text"] * 8},
        "columns": lambda: read_columns(d),
    }[backend]()  # fmt: skip


@pytest.mark.parametrize("backend", ["pandas", "polars", "lazy", "pyarrow", "duckdb", "dict", "columns", "csv"])
def test_dropout_answers_in_the_library_it_was_asked_in(backend: str, tmp_path: Path) -> None:
    data = native(backend, tmp_path)
    lost = np.random.default_rng(1).random(8) < 0.5
    before, kept = read_columns(data), read_columns(dropout(data, 0.5, seed=1))
    for name, column in before.items():
        np.testing.assert_array_equal(kept[name].values, column.values[~lost])
        assert kept[name].levels == column.levels
    for name in before:
        holed = read_columns(dropout(data, 0.5, columns=name, seed=1))[name]
        missing = holed.values < 0 if holed.levels else np.isnan(holed.values)
        np.testing.assert_array_equal(missing, lost)
    np.testing.assert_array_equal(read_columns(data)["x"].values, before["x"].values)


def test_a_fit_after_dropout() -> None:
    d = mlm.datasets.load("sleepstudy")
    m = mlm.lmer("reaction ~ days + (days | subject)", dropout(d, 0.3, unit="subject", time="days", seed=1))
    assert m.nobs < 180


# ---- what cannot be -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "a design needs a column at least"),
        ({"x": 0}, "'x' is 0; a whole number n stands for 1, 2, ..., n, and n is 1 or more"),
        ({"x": -3}, "'x' is -3"),
        ({"x": True}, "'x' is True \\(bool\\); expected a list of values, or how many there are"),
        ({"x": 2.5}, "'x' is 2.5 \\(float\\)"),
        ({"x": None}, "'x' is None"),
        ({"x": "control"}, "'x' is 'control' \\(str\\); expected a list such as \\['control'\\]"),
        ({"x": []}, "'x' has no values"),
        ({"x": [1, None]}, "'x' has a missing value"),
        ({"x": ["a", None]}, "'x' has a missing value"),
        ({"x": [1.0, np.nan]}, "'x' has a missing value"),
        ({"x": [1.0, np.inf]}, "'x' has an infinite value"),
        ({"x": ["a", "b", "a"]}, "'x' has 'a' more than once; for repetitions add a column"),
        ({"x": [1, 2, 2]}, "'x' has 2 more than once"),
        ({"x": [[1, 2], [3, 4]]}, "'x' holds"),
        ({"x": np.ones((2, 2))}, "'x' has 2 dimensions"),
        ({"x": 2, "y": nested(2, "z")}, "'y' refers to 'z', which is not among the columns before it \\('x'\\)"),
        ({"y": nested(2, "x"), "x": 2}, "'y' refers to 'x', which is not among the columns before it \\(none\\)"),
        ({"school": 3, "p": nested([1, 2], "schol")}, "did you mean 'school'"),
        ({"school": 3, "p": nested([1, 2], "school")}, "'p' has 2 sizes for the 3 values of 'school'"),
        ({"p": 2, "g": between("p", ["a", "b", "c"])}, "'g' has 3 levels for 2 values of 'p'; each level needs a unit"),
        ({"p": 2, "g": between("q", ["a", "b"])}, "'g' refers to 'q'"),
        ({"p": 2, "i": 3, "c": latin_square("p", "i", ["a", "b", "c"])}, "'c' has 3 levels for 2 values of 'p'"),
        ({"p": 4, "g": between("p", ["a", "b"], seed="x")}, "seed is 'x'; expected a whole number from 0"),
        ({"p": 4, "g": between("p", ["a", "b"], seed=-1)}, "seed is -1"),
        ({"x": 10**6, "y": 10**6}, "with 'y' the design has 1000000000000 rows"),
        ({"x": 10**5, "y": nested(10**5, "x")}, "with 'y' the design has 10000000000 rows"),
        ({"x": 2, "backend": "panda"}, "backend 'panda' not known; did you mean 'pandas'"),
    ],
)
def test_designs_that_cannot_be(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(mlm.DataError, match=message):
        expand_grid(**columns)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nested(0, "x"), "nested\\(\\) has the size 0"),
        (lambda: nested("ab", "x"), "nested\\(\\) has the size 'ab'"),
        (lambda: nested([2, 0.5], "x"), "nested\\(\\) has the size 0.5"),
        (lambda: between("x", []), "'levels of between\\(\\)' has no values"),
        (lambda: latin_square("x", "x", ["a", "b"]), "has 'x' as rows and as columns"),
        (lambda: labels(0), "n is 0; expected the number of units"),
        (lambda: labels(True), "n is True"),
        (lambda: expand_grid({"x": 2}, x=3), "column 'x' is given twice"),
        (lambda: expand_grid({1: 2}), "column names are texts; found 1"),
    ],
)
def test_rules_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(mlm.DataError, match=message):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 1}, "rate is 1; expected a probability, from 0 to below 1"),
        ({"rate": -0.1}, "rate is -0.1"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"rate": "0.1"}, "rate is '0.1'"),
        ({"rate": True}, "rate is True"),
        ({"rate": [0.1, 0.2]}, "rate is \\[0.1, 0.2\\]; expected a probability"),
        ({"rate": 0.1, "unit": "unit"}, "dropout of units needs unit and time; found unit='unit' and time=None"),
        ({"rate": 0.1, "time": "day"}, "needs unit and time"),
        ({"rate": 0.1, "unit": "units", "time": "day"}, "column 'units' not found; did you mean 'unit'"),
        ({"rate": 0.1, "columns": "dy"}, "column 'dy' not found; did you mean 'day'"),
        (
            {"rate": [0.1] * 3, "unit": "unit", "time": "day"},
            "rate is 3 numbers; expected one number, or 4: one for each",
        ),
        ({"rate": [0.1, 0.1, 0.1, 2], "unit": "unit", "time": "day"}, "rate\\[3\\] is 2"),
        ({"rate": "x", "unit": "unit", "time": "day"}, "rate is 'x'; expected one number, or 4"),
        ({"rate": 0.1, "seed": 1.5}, "seed is 1.5"),
        ({"rate": 0.1, "unit": "unit", "time": "one"}, "'one' has a single occasion"),
        ({"rate": 0.1, "unit": "holed", "time": "day"}, "column 'holed' has missing values"),
    ],
)
def test_dropout_that_cannot_be(options: dict[str, Any], message: str) -> None:
    d = expand_grid(**LONG).assign(one=1, holed=lambda d: d["unit"].where(d["unit"] > 1))
    with pytest.raises(mlm.DataError, match=message):
        dropout(d, **options)


def test_all_rows_lost() -> None:
    with pytest.raises(mlm.DataError, match="all 2 rows are lost"):
        dropout({"x": [1, 2]}, 1 - 1e-12, seed=1)


def test_a_million_rows_in_a_second() -> None:
    start = time.perf_counter()
    d = expand_grid(participant=1000, condition=["control", "treatment"], trial=500)
    dropout(d, 0.1, unit="participant", time="trial", seed=1)
    assert time.perf_counter() - start < 2  # about 0.2 s on an idle machine
