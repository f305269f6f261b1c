"""One verb, all sources: the same table must give the same columns whatever holds it."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from multilevel.data.rows import column_names, read_columns
from multilevel.errors import DataError
from multilevel.formula.column import Column

TABLE: dict[str, list[Any]] = {
    "real": [1.5, -2.0, 0.25, 1e300],
    "real_missing": [1.5, None, 0.25, 4.0],
    "whole": [3, 1, 2, -7],
    "whole_missing": [3, None, 2, 5],
    "truth": [True, False, False, True],
    "truth_missing": [True, None, False, True],
    "text": ["b", "Z", "é", "b"],
    "text_missing": ["b", None, "a c", 'say "x, y"'],
}
EXPECTED: dict[str, Column] = {
    "real": Column("real", "number", np.array([1.5, -2.0, 0.25, 1e300])),
    "real_missing": Column("real_missing", "number", np.array([1.5, np.nan, 0.25, 4.0])),
    "whole": Column("whole", "number", np.array([3, 1, 2, -7])),
    "whole_missing": Column("whole_missing", "number", np.array([3.0, np.nan, 2.0, 5.0])),
    "truth": Column("truth", "logical", np.array([True, False, False, True])),
    "truth_missing": Column("truth_missing", "logical", np.array([1.0, np.nan, 0.0, 1.0])),
    "text": Column("text", "factor", np.array([1, 0, 2, 1], np.int32), ("Z", "b", "é")),
    "text_missing": Column("text_missing", "factor", np.array([1, -1, 0, 2], np.int32), ("a c", "b", 'say "x, y"')),
}


def _arrays(_: Path) -> dict[str, Any]:
    return {name: np.array(values, object if None in values else None) for name, values in TABLE.items()}


def _csv_text() -> str:
    rows = zip(*TABLE.values(), strict=True)
    words = [["" if v is None else f'"{v.replace(chr(34), chr(34) * 2)}"' if isinstance(v, str) else
              str(v).upper() if isinstance(v, bool) else str(v) for v in row] for row in rows]  # fmt: skip
    return "\n".join([",".join(TABLE), *map(",".join, words)]) + "\n"


def _csv(folder: Path) -> Path:
    (folder / "table.csv").write_text(_csv_text(), encoding="utf-8")
    return folder / "table.csv"


def _csv_gz(folder: Path) -> str:
    (folder / "table.csv.gz").write_bytes(gzip.compress(_csv_text().encode("utf-8-sig").replace(b"\n", b"\r\n")))
    return str(folder / "table.csv.gz")


def _parquet(folder: Path) -> Path:
    parquet.write_table(pa.table(TABLE), folder / "table.parquet")
    return folder / "table.parquet"


def _duckdb(_: Path) -> Any:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    connection.register("data", pa.table(TABLE))
    return connection.sql("select * from data")


def _chunked(_: Path) -> pa.Table:
    table = pa.table(TABLE)
    return pa.concat_tables([table.slice(0, 1), table.slice(1, 2), table.slice(3)])


SOURCES: dict[str, Callable[[Path], Any]] = {
    "pandas": lambda _: pd.DataFrame(TABLE),
    "pandas-object": lambda _: pd.DataFrame(TABLE, dtype=object),
    "pandas-nullable": lambda _: pd.DataFrame(TABLE).convert_dtypes(),
    "pandas-arrow": lambda _: pa.table(TABLE).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": lambda _: pl.DataFrame(TABLE),
    "polars-lazy": lambda _: pl.LazyFrame(TABLE),
    "polars-chunked": lambda _: pl.concat([pl.DataFrame(TABLE)[:2], pl.DataFrame(TABLE)[2:]], rechunk=False),
    "pyarrow": lambda _: pa.table(TABLE),
    "pyarrow-chunked": _chunked,
    "duckdb": _duckdb,
    "lists": lambda _: TABLE,
    "arrays": _arrays,
    "series": lambda _: (
        dict(pd.DataFrame(TABLE)) | {"real": pl.Series(TABLE["real"]), "whole": pa.array([3, 1, 2, -7])}
    ),
    "columns": lambda _: read_columns(TABLE),
    "csv": _csv,
    "csv.gz": _csv_gz,
    "parquet": _parquet,
}


def same(a: Column, b: Column) -> None:
    assert (a.name, a.kind, a.levels) == (b.name, b.kind, b.levels)
    assert a.values.dtype == b.values.dtype
    np.testing.assert_array_equal(a.values, b.values)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_columns(source: str, tmp_path: Path) -> None:
    data = SOURCES[source](tmp_path)
    assert column_names(data) == list(TABLE)
    columns = read_columns(data)
    assert list(columns) == list(TABLE)
    for name, column in columns.items():
        same(column, EXPECTED[name])
    some = read_columns(data, ["text", "real", "text"])
    assert list(some) == ["text", "real"]
    same(some["text"], EXPECTED["text"])


def test_parquet_is_read_alike_by_whatever_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _parquet(tmp_path)
    installed = ["pyarrow", "polars", "pandas"]
    monkeypatch.setattr("multilevel.data.files.find_spec", lambda name: name in installed)
    while installed:
        assert column_names(path) == list(TABLE)
        for name, column in read_columns(path).items():
            same(column, EXPECTED[name])
        del installed[0]
    with pytest.raises(DataError, match=r'pip install "multilevel\[pyarrow\]"'):
        read_columns(path)


LEVELS = ["low", "high", "unused", "mid"]
VALUES = ["high", None, "low", "mid", "high"]
CODES = [1, -1, 0, 3, 1]


def _dictionary(ordered: bool) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array([1, None, 0, 3, 1], pa.int8()), LEVELS, ordered=ordered)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Categorical(VALUES, LEVELS), "factor"),
        (pd.Categorical(VALUES, LEVELS, ordered=True), "ordered"),
        (pd.Series(VALUES, dtype=pd.CategoricalDtype(LEVELS, ordered=True)), "ordered"),
        (pd.Series(_dictionary(True).to_pandas()), "ordered"),
        (pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([_dictionary(True)]))), "ordered"),
        (pl.Series(VALUES, dtype=pl.Enum(LEVELS)), "factor"),
        (_dictionary(False), "factor"),
        (_dictionary(True), "ordered"),
        (pa.chunked_array([_dictionary(True)[:2], _dictionary(True)[2:]]), "ordered"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__module__,
)
def test_categories_keep_their_order(values: Any, kind: str) -> None:
    column = read_columns({"g": values})["g"]
    same(column, Column("g", kind, np.array(CODES, np.int32), tuple(LEVELS)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"g": pd.Categorical(VALUES, LEVELS, ordered=True)}),
        pl.DataFrame({"g": pl.Series(VALUES, dtype=pl.Enum(LEVELS))}),
        pa.table({"g": _dictionary(True)}),
    ],
    ids=lambda f: type(f).__module__,
)
def test_categories_survive_parquet(frame: Any, tmp_path: Path) -> None:
    path = tmp_path / "g.parquet"
    parquet.write_table(frame.to_arrow() if isinstance(frame, pl.DataFrame) else
                        pa.Table.from_pandas(frame) if isinstance(frame, pd.DataFrame) else frame, path)  # fmt: skip
    column = read_columns(path)["g"]
    assert [column.levels[c] if c >= 0 else None for c in column.values] == VALUES
    assert [level for level in column.levels if level != "unused"] == ["low", "high", "mid"]


@pytest.mark.parametrize("n", [5, 5000], ids=["short", "long"])
def test_polars_categorical_has_polars_own_order(n: int) -> None:
    text = [None if i % 7 == 3 else f"t{i % 5}" for i in range(n)][::-1]
    series = pl.Series(text, dtype=pl.Categorical)
    column = read_columns({"g": series})["g"]
    assert list(column.levels) == series.drop_nulls().unique().sort().to_list()
    assert [column.levels[c] if c >= 0 else None for c in column.values] == text


@pytest.mark.parametrize(
    "make",
    [
        pd.Series,
        lambda t: pd.Series(t, dtype=object),
        lambda t: pd.Series(t, dtype="string"),
        pl.Series,
        pa.array,
        list,
    ],
    ids=["pandas", "pandas-object", "pandas-string", "polars", "pyarrow", "list"],
)
def test_long_text_is_read_as_short_text(make: Callable[[list[str | None]], Any]) -> None:
    text = [None if i % 11 == 2 else f"{(i * 7919) % 3001}é" for i in range(9000)]
    column = read_columns({"g": make(text)})["g"]
    assert column.levels == tuple(sorted({t for t in text if t is not None}))
    assert [column.levels[c] if c >= 0 else None for c in column.values] == text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1, 2], np.int8), Column("x", "number", np.array([1, 2]))),
        (np.array([1, 2], np.uint64), Column("x", "number", np.array([1, 2]))),
        (np.array([1.5, 2], ">f8"), Column("x", "number", np.array([1.5, 2.0]))),
        (np.array([1.5, 2], np.float32), Column("x", "number", np.array([1.5, 2.0]))),
        (np.array(["b", "a"]), Column("x", "factor", np.array([1, 0], np.int32), ("a", "b"))),
        (np.ma.masked_array([1.5, 2.0], [False, True]), Column("x", "number", np.array([1.5, np.nan]))),
        (range(2), Column("x", "number", np.array([0, 1]))),
        ((1, 2.5), Column("x", "number", np.array([1.0, 2.5]))),
        ([Decimal("1.5"), None], Column("x", "number", np.array([1.5, np.nan]))),
        ([1, pd.NA], Column("x", "number", np.array([1.0, np.nan]))),
        ([None, None], Column("x", "number", np.array([np.nan, np.nan]))),
        ([True, np.nan], Column("x", "logical", np.array([1.0, np.nan]))),
        (["b", 2, 0.5, np.nan, None], Column("x", "factor", np.array([2, 1, 0, -1, -1], np.int32), ("0.5", "2", "b"))),
        (pd.Series([1, 2], dtype="Sparse[int64]"), Column("x", "number", np.array([1, 2]))),
        (pd.Series([1.5, None], dtype="Float64"), Column("x", "number", np.array([1.5, np.nan]))),
        (pd.Series([1, 2], dtype="UInt8"), Column("x", "number", np.array([1, 2]))),
        (pd.Categorical([2.0, 0.5]), Column("x", "factor", np.array([1, 0], np.int32), ("0.5", "2"))),
        (pd.Categorical([True, False]), Column("x", "factor", np.array([1, 0], np.int32), ("FALSE", "TRUE"))),
        (
            pd.cut(pd.Series([1, 9]), [0, 5, 10]),
            Column("x", "ordered", np.array([0, 1], np.int32), ("(0, 5]", "(5, 10]")),
        ),
        (pl.Series([1, 2], dtype=pl.Int128), Column("x", "number", np.array([1, 2]))),
        (pl.Series([1, None], dtype=pl.UInt8), Column("x", "number", np.array([1.0, np.nan]))),
        (pl.Series([np.nan, None, 1.0]), Column("x", "number", np.array([np.nan, np.nan, 1.0]))),
        (pl.Series([Decimal("1.5"), None]), Column("x", "number", np.array([1.5, np.nan]))),
        (pl.Series([None, None]), Column("x", "number", np.array([np.nan, np.nan]))),
        (pa.array([Decimal("1.5"), None]), Column("x", "number", np.array([1.5, np.nan]))),
        (pa.array([1.5, None], pa.float32()), Column("x", "number", np.array([1.5, np.nan]))),
        (pa.array(["b", None], pa.string_view()), Column("x", "factor", np.array([0, -1], np.int32), ("b",))),
        (pa.nulls(2), Column("x", "number", np.array([np.nan, np.nan]))),
        (
            pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["b", None, "a"])),
            Column("x", "factor", np.array([0, -1, 1], np.int32), ("b", "a")),
        ),
    ],
    ids=lambda v: v.kind if isinstance(v, Column) else f"{type(v).__name__}-{getattr(v, 'dtype', '')}",
)
def test_values(values: Any, expected: Column) -> None:
    same(read_columns({"x": values})["x"], expected)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("1 2 3", Column("x", "number", np.array([1, 2, 3]))),
        ("1 2.5 -1e3", Column("x", "number", np.array([1, 2.5, -1000]))),
        ("1 NA 3", Column("x", "number", np.array([1, np.nan, 3]))),
        ("NA NA", Column("x", "number", np.array([np.nan, np.nan]))),
        ("TRUE FALSE", Column("x", "logical", np.array([True, False]))),
        ("true NA False", Column("x", "logical", np.array([1, np.nan, 0.0]))),
        ("TRUE yes", Column("x", "factor", np.array([0, 1], np.int32), ("TRUE", "yes"))),
        ("2 10 b", Column("x", "factor", np.array([1, 0, 2], np.int32), ("10", "2", "b"))),
        ("1_000 2_000", Column("x", "factor", np.array([0, 1], np.int32), ("1_000", "2_000"))),
        ("99999999999999999998 99999999999999999999", Column("x", "factor", np.array([0, 1], np.int32),
         ("99999999999999999998", "99999999999999999999"))),
        ("9007199254740993 NA", Column("x", "factor", np.array([0, -1], np.int32), ("9007199254740993",))),
    ],
)  # fmt: skip
def test_what_csv_fields_mean(fields: str, expected: Column, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x,other\n" + "".join(f"{f},\n" for f in fields.split()))
    same(read_columns(tmp_path / "x.csv", ["x"])["x"], expected)


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_numbers_are_not_copied(dtype: type) -> None:
    values = np.arange(5, dtype=dtype)
    frame, series, array = pd.DataFrame({"x": values}), pl.Series("x", values), pa.array(values)
    shared = [frame["x"].to_numpy(), series.to_numpy(), array.to_numpy(), values]
    for data, original in zip([frame, series.to_frame(), pa.table({"x": array}), {"x": values}], shared, strict=True):
        assert np.shares_memory(read_columns(data)["x"].values, original)


NOW = dt.datetime(2024, 5, 1, 12)
BAD: list[tuple[Any, str]] = [
    (pd.DataFrame({"x": [NOW]}), r"column 'x' holds dates or times \(datetime64\[.*\]\); convert it to a number first"),
    (pd.DataFrame({"x": pd.to_datetime([NOW], utc=True)}), "'x' holds dates or times"),
    (pd.DataFrame({"x": [dt.timedelta(1)]}), "'x' holds dates or times"),
    (pd.DataFrame({"x": pd.period_range("2024", periods=1, freq="D")}), "'x' holds dates or times"),
    (pd.DataFrame({"x": [NOW.date(), NOW.date()]}), r"'x' holds dates or times \(2024-05-01 in row 1\)"),
    (pd.DataFrame({"x": pd.interval_range(0, 1)}), r"'x' holds values of type interval"),
    (pl.DataFrame({"x": [NOW.date()]}), r"'x' holds dates or times \(Date\)"),
    (pl.DataFrame({"x": [dt.timedelta(1)]}), "'x' holds dates or times"),
    (pl.DataFrame({"x": [[1, 2]]}), r"'x' holds values of type List\(Int64\), such as \[\[1, 2\]\]"),
    (pl.DataFrame({"x": [b"a"]}), "'x' holds values of type Binary"),
    (pa.table({"x": [NOW]}), r"'x' holds dates or times \(timestamp\[us\]\)"),
    (pa.table({"x": [{"a": 1}]}), r"'x' holds values of type struct<a: int64>, such as \[\{'a': 1\}\]"),
    ({"x": np.array(["2024-05-01"], "M8[D]")}, "'x' holds dates or times"),
    ({"x": [1, None, [2, 3]]}, r"column 'x' holds \[2, 3\] \(list\) in row 3; a column holds numbers, text"),
    ({"x": ["a", 1, {"b": 2}]}, r"'x' holds \{'b': 2\} \(dict\) in row 3"),
    ({"x": [True, None, 3]}, r"'x' holds 3 \(int\) in row 3"),
    ({"x": ["a", True]}, r"'x' holds True \(bool\) in row 2"),
    ({"x": [1j]}, r"'x' holds 1j \(complex\) in row 1"),
    ({"x": np.array([1j])}, "'x' holds values of type complex128"),
    ({"x": np.array([b"a"])}, "'x' holds values of type |S1"),
    ({"x": np.zeros((2, 2))}, "'x' has 2 dimensions"),
    ({"x": 3}, "'x' is of type int; expected an array or a list"),
    ({"x": "abc"}, "'x' is of type str"),
    ({"x": (i for i in range(3))}, "'x' is of type generator"),
    ({"x": [1, 2], "y": [1, 2, 3]}, "column 'x' has 2 values but column 'y' has 3"),
    ({"x": [2**64]}, r"'x' holds whole numbers beyond 2\*\*63"),
    ({"x": np.array([2**64 - 1], np.uint64)}, r"'x' holds whole numbers beyond 2\*\*63"),
    (pl.DataFrame({"x": pl.Series([2**80], dtype=pl.Int128)}), r"'x' holds whole numbers beyond 2\*\*63"),
    (pd.DataFrame({"x": pd.array([2**53 + 1, None], "Int64")}), r"whole numbers beyond 2\*\*53 beside missing values"),
    (pl.DataFrame({"x": [2**53 + 1, None]}), r"'x' holds whole numbers beyond 2\*\*53 beside missing"),
    (pa.table({"x": [2**53 + 1, None]}), r"'x' holds whole numbers beyond 2\*\*53 beside missing"),
    ({"x": [2**53 + 1, None]}, r"'x' holds whole numbers beyond 2\*\*53 beside missing"),
    (pd.DataFrame({"x": pd.Categorical([1, "1"])}), "'x' has two categories that both read '1'"),
    (pd.DataFrame([[1, 2]], columns=["x", "x"]), "column 'x' occurs more than once"),
    (pa.table([[1], [2]], names=["x", "x"]), "column 'x' occurs more than once"),
    (pd.DataFrame([[1, 2]]), r"column names must be text; found 0 \(int\)"),
    ({1: [2]}, r"column names must be text; found 1 \(int\)"),
    (pd.DataFrame({("a", "b"): [1]}), "the columns have a MultiIndex"),
    (pd.DataFrame({"x": []}), "the data have no rows"),
    (pl.DataFrame({"x": [], "y": []}), "the data have no rows"),
    (pa.table({"x": pa.array([], pa.dictionary(pa.int32(), pa.string()))}), "the data have no rows"),
    (pa.table({"x": pa.chunked_array([], pa.string())}), "the data have no rows"),
    (pa.table({"x": pa.chunked_array([], pa.dictionary(pa.int32(), pa.string()))}), "the data have no rows"),
    ({"x": []}, "the data have no rows"),
    ({}, "the data have no columns"),
    (pd.DataFrame(), "the data have no columns"),
    ([1, 2, 3], "data of type list cannot be read; expected a pandas or polars frame"),
    (None, "data of type NoneType cannot be read"),
    (np.zeros((2, 2)), "data of type ndarray cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), BAD, ids=[message[:45] for _, message in BAD])
def test_bad_data_gets_one_clear_sentence(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_columns(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table, dict], ids=lambda f: f.__module__)
def test_an_unknown_column_is_named_with_the_nearest(data: Any) -> None:
    frame = data({"reaction": [1.0], "days": [2]})
    with pytest.raises(
        DataError, match=r"^column 'Dayz' not found; did you mean 'days'\? \(the columns are reaction, days"
    ):
        read_columns(frame, ["reaction", "Dayz"])


def test_a_name_with_signs_is_shown_in_backquotes() -> None:
    words = r"^column 'pre' not found; in a formula the column 'pre-test' is written `pre-test`$"
    with pytest.raises(DataError, match=words):
        read_columns(pd.DataFrame({"y": [1.0], "pre-test": [2.0], "prelude": [1.0]}), ["y", "pre", "test"])


def test_twins_that_nobody_asked_for_do_no_harm() -> None:
    frame = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["y", "x", "x"])
    assert list(read_columns(frame, ["y"])) == ["y"]
    with pytest.raises(DataError, match="'x' occurs more than once"):
        read_columns(frame, ["y", "x"])


def test_an_unknown_column_among_many_lists_only_the_nearest() -> None:
    with pytest.raises(DataError, match=r"^column 'x_3' not found; did you mean 'x3'\?$"):
        read_columns({f"x{i}": [1] for i in range(20)}, ["x_3"])


def test_a_column_in_the_index_is_found_for_the_user() -> None:
    frame = pd.DataFrame({"y": [1.0]}, index=pd.Index([3], name="subject"))
    with pytest.raises(DataError, match=r"it is in the index: data.reset_index\(\)"):
        read_columns(frame, ["y", "subject"])


def test_columns_not_asked_for_may_be_anything() -> None:
    frame = pd.DataFrame({"y": [1.0], "when": [NOW], 3: [4]})
    assert list(read_columns(frame, ["y"])) == ["y"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("ragged.csv", b"x,y\n1,2\n\n3\n", "row 2 of file .*ragged.csv' has 1 fields; the header has 2"),
        ("empty.csv", b"", "does not begin with a row of column names"),
        ("header.csv", b"x,y\n", "the data have no rows"),
        ("twice.csv", b"x,x\n1,2\n", "column 'x' occurs more than once"),
        ("semicolon.csv", b"x;y\n1;2\n", "separated by semicolons; expected commas"),
        ("tab.csv", b"x\ty\n1\t2\n", "separated by tabs; expected commas"),
        ("latin.csv", "x\né\n".encode("latin-1"), "is not UTF-8 text"),
        ("broken.csv.gz", b"x,y\n1,2\n", "cannot be read as CSV: Not a gzipped file"),
        ("cut.csv.gz", gzip.compress(b"x,y\n" + os.urandom(2000).hex().encode())[:500], "cannot be read as CSV"),
        ("broken.parquet", b"x,y\n1,2\n", "cannot be read as Parquet"),
        ("sheet.xlsx", b"x", "expected a name that ends in .csv, .csv.gz or .parquet"),
    ],
)
def test_bad_files(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_columns(tmp_path / name)


def test_missing_files_are_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "sleepstudy.csv").write_text("x\n1\n")
    with pytest.raises(DataError, match=r"sleepstdy.csv' not found; did you mean 'sleepstudy.csv'\?$"):
        read_columns(tmp_path / "sleepstdy.csv")
    with pytest.raises(DataError, match=r"'sleepstudy' not found; .* loaded by datasets.load\(name\)$"):
        read_columns("sleepstudy")
    with pytest.raises(DataError, match="is a folder"):
        column_names(tmp_path)


def test_no_frame_library_is_imported_for_files_and_dicts(tmp_path: Path) -> None:
    code = (
        "import sys; from multilevel.data.rows import read_columns;"
        f"read_columns({str(_csv(tmp_path))!r}); read_columns({{'x': [1.5], 'g': ['a']}});"
        "assert not {'pandas', 'polars', 'pyarrow', 'narwhals', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_number_as_a_name_is_not_taken_for_its_text():
    with pytest.raises(DataError, match=r"column names must be text; found 1 \(int\): rename the column"):
        read_columns(pd.DataFrame([[1, 2]]), ["1"])
