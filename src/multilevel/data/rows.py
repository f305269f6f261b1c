"""Any table to columns: pandas, polars, Arrow, DuckDB, dicts of arrays, CSV and Parquet files.

pandas, polars and Arrow are read by their own methods (narwhals' wrapper alone takes longer than reading all of
sleepstudy natively); every other frame (DuckDB relations, lazy frames, ...) is recognised and materialised by narwhals.
No frame library is imported unless the user's object belongs to it. Above this file there are only `Column`s.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import DataError, nearest
from ..formula.column import Column
from . import files
from .frames import arrow_column, pandas_column, polars_column
from .values import column_from_array, column_from_objects

ACCEPTED = (
    "a pandas or polars frame, a pyarrow table, a DuckDB relation, a dict of arrays, "
    "or the path of a .csv, .csv.gz or .parquet file"
)
FEW = 12  # so many column names are listed in an error message


def read_columns(data: Any, names: Sequence[str] | None = None) -> dict[str, Column]:
    """The columns `names` of `data` (None: all), as plain arrays with a kind and levels.

    float64 and int64 columns without missing values are not copied where the library allows it. Categoricals keep the
    order of their levels, text becomes a factor with its levels sorted by code point, booleans become logical; None,
    NA and NaN are missing alike. A pandas categorical or Arrow dictionary marked as ordered is ordered; a polars Enum,
    polars' only way to state an order of levels, is a plain factor. In CSV files empty fields and NA are missing.

    Parameters
    ----------
    data
        A pandas or polars frame (also lazy), a pyarrow table, a DuckDB relation or another frame narwhals knows, a
        mapping of names to arrays, lists, series or `Column`s, or the path (str or Path) of a .csv, .csv.gz or .parquet
        file.
    names
        Names of the columns needed; None for all.

    Raises
    ------
    DataError
        If the data are of an unknown type, unreadable or without rows, a column is not there or occurs twice, or its
        values are neither numbers, text, categories nor booleans.

    Examples
    --------
    >>> columns = read_columns({"y": [1.5, None], "g": ["b", "a"]}, ["g"])
    >>> columns["g"].levels
    ('a', 'b')
    """
    if isinstance(data, Mapping):
        return _checked(_mapping_column(name, data[name]) for name in _wanted(names, list(data)))
    if isinstance(data, str | os.PathLike):
        return _checked(_file_columns(files.existing(data), names))
    return _checked(_frame_columns(data, names))


def column_names(data: Any) -> list[str]:
    """The names of the columns of `data` (anything `read_columns` reads), in order.

    Raises
    ------
    DataError
        If the data are of an unknown type or unreadable, or a name occurs twice or is no text.

    Examples
    --------
    >>> column_names({"y": [1.5], "g": ["a"]})
    ['y', 'g']
    """
    if isinstance(data, Mapping):
        known = list(data)
    elif isinstance(data, str | os.PathLike):
        known = files.names(files.existing(data))
    elif _belongs(data, "pyarrow", "Table"):
        known = data.column_names
    elif _belongs(data, "pandas", "DataFrame") or _belongs(data, "polars", "DataFrame"):
        known = list(data.columns)
    else:
        known = _narwhals(data).collect_schema().names()
    return _wanted(None, known)


def _wanted(names: Sequence[str] | None, known: list[Any], index: Iterable[Any] = ()) -> list[str]:
    """The names to read (`names`, or all that are `known`), each once, and each known to be one column."""
    asked = known if names is None else [name for name in known if name in names]
    if len(set(asked)) < len(asked):
        twice = next(name for i, name in enumerate(asked) if name in asked[:i])
        raise DataError(f"column {twice!r} occurs more than once; give the columns different names")
    if names is None:
        if not known:
            raise DataError("the data have no columns")
        for name in known:
            if not isinstance(name, str):
                raise _no_text(name)
        return known
    for name in names:
        if name not in known:
            raise _unknown(name, known, index)
    return list(dict.fromkeys(names))


def _no_text(name: Any) -> DataError:
    return DataError(f"column names must be text; found {name!r} ({type(name).__name__}): rename the column")


def _unknown(name: str, known: list[Any], index: Iterable[Any]) -> DataError:
    if name in index:
        return DataError(f"column {name!r} not found; it is in the index: data.reset_index() makes it a column")
    texts = [str(other) for other in known]
    if name in texts:
        return _no_text(known[texts.index(name)])
    if parts := [other for other in texts if re.match(rf"{re.escape(name)}\W", other)]:
        return DataError(f"column {name!r} not found; in a formula the column {parts[0]!r} is written `{parts[0]}`")
    listed = f" (the columns are {', '.join(texts)})" if 0 < len(texts) <= FEW else ""
    return DataError(f"column {name!r} not found{nearest(name, texts)}{listed}")


def _checked(columns: Iterable[Column]) -> dict[str, Column]:
    table = {column.name: column for column in columns}
    lengths = {name: len(column.values) for name, column in table.items()}
    if len(set(lengths.values())) > 1:
        (a, n), (b, m) = next((x, y) for x in lengths.items() for y in lengths.items() if x[1] != y[1])
        raise DataError(f"column {a!r} has {n} values but column {b!r} has {m}; all columns need one value per row")
    if 0 in lengths.values():
        raise DataError("the data have no rows; at least one is needed")
    return table


def _belongs(data: Any, library: str, kind: str) -> bool:
    """Whether `data` is a `library.kind`, without importing the library."""
    module = sys.modules.get(library)
    return module is not None and isinstance(data, getattr(module, kind))


def _frame_columns(data: Any, names: Sequence[str] | None) -> Iterable[Column]:
    if _belongs(data, "pandas", "DataFrame"):
        return _pandas_columns(data, names)
    if _belongs(data, "polars", "DataFrame"):
        return [polars_column(name, data.get_column(name)) for name in _wanted(names, data.columns)]
    if _belongs(data, "pyarrow", "Table"):
        return [arrow_column(name, data.column(name)) for name in _wanted(names, data.column_names)]
    frame = _narwhals(data)
    wanted = _wanted(names, frame.collect_schema().names())
    return _frame_columns(_materialised(frame.select(wanted)), wanted)


def _pandas_columns(data: Any, names: Sequence[str] | None) -> Iterable[Column]:
    if data.columns.nlevels > 1:
        raise DataError("the columns have a MultiIndex; a formula needs plain names: flatten data.columns first")
    if names is None or not data.columns.is_unique:
        names = _wanted(names, data.columns.tolist())
    try:  # asking first whether each name is there takes longer than reading sleepstudy
        series = [data[name] for name in names]
    except KeyError:
        _wanted(names, data.columns.tolist(), data.index.names)
        raise
    return [pandas_column(name, column) for name, column in zip(names, series, strict=True)]


def _file_columns(path: str, names: Sequence[str] | None) -> Iterable[Column]:
    wanted = _wanted(names, files.names(path))
    if files.is_parquet(path):
        return _frame_columns(files.parquet_frame(path, wanted), wanted)
    return files.csv_columns(path, wanted)


def _narwhals(data: Any) -> Any:
    import narwhals as nw

    try:
        return nw.from_native(data)
    except TypeError:
        rows = isinstance(data, list | np.ndarray) and len(data) > 0
        hint = ": rows become columns by pandas.DataFrame(data)" if rows else ""
        raise DataError(f"data of type {type(data).__name__} cannot be read; expected {ACCEPTED}{hint}") from None


def _materialised(frame: Any) -> Any:
    """The rows of a narwhals frame, as a pandas or polars frame or a pyarrow table."""
    import narwhals as nw

    if isinstance(frame, nw.LazyFrame):
        try:
            frame = frame.collect()
        except ModuleNotFoundError as error:
            raise DataError(
                f'reading these data needs {error.name}: pip install "multilevel[pyarrow]" brings it'
            ) from None
    native = frame.to_native()
    if any(_belongs(native, *kind) for kind in (("polars", "DataFrame"), ("pyarrow", "Table"))):
        return native
    return frame.to_pandas()


def _mapping_column(name: str, values: Any) -> Column:
    if isinstance(values, Column):
        return replace(values, name=name)
    if isinstance(values, np.ndarray):
        return column_from_array(name, values)
    if isinstance(values, list | tuple | range):
        return column_from_objects(name, values)
    if _belongs(values, "pandas", "Series"):
        return pandas_column(name, values)
    if _belongs(values, "polars", "Series"):
        return polars_column(name, values)
    if _belongs(values, "pyarrow", "ChunkedArray"):
        return arrow_column(name, values)
    if _belongs(values, "pyarrow", "Array"):
        return arrow_column(name, sys.modules["pyarrow"].chunked_array([values]))
    if type(values).__module__.partition(".")[0] == "pandas":  # pd.Categorical and the like
        return pandas_column(name, sys.modules["pandas"].Series(values))
    if hasattr(values, "__array__"):
        return column_from_array(name, np.asarray(values))
    raise DataError(f"column {name!r} is of type {type(values).__name__}; expected an array or a list, a value per row")
