"""Columns added to the user's own table, and which library it belongs to."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import DataError
from ..framed import frame
from .rows import read_columns


def backend_of(data: Any) -> str:
    """The library results should come in: "pandas", "polars", "pyarrow", or "dict" for a mapping.

    >>> backend_of({"y": [1.0]})
    'dict'
    """
    if isinstance(data, Mapping):
        return "dict"
    library = type(data).__module__.partition(".")[0]
    return library if library in ("polars", "pyarrow") else "pandas"


def keepable(data: Any) -> bool:
    """Whether a table can be stored: held in memory or a path, not a query on a connection."""
    if isinstance(data, Mapping | str | os.PathLike):
        return True
    tables = (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"))
    return any(
        module in sys.modules and isinstance(data, getattr(sys.modules[module], kind)) for module, kind in tables
    )


def with_columns(data: Any, added: Mapping[str, np.ndarray], *, replace: bool = False) -> Any:
    """The user's table with columns (n_total,) added on the right, in the user's library; a file becomes a frame.

    With `replace`, a column of that name gives its place to the new one.

    Raises
    ------
    DataError : a column of that name is there already, or the table has another number of rows than before.
    """
    taken: Mapping[str, np.ndarray] = {} if replace else added
    if isinstance(data, Mapping):
        _refuse_clash(taken, data)
        return {**data, **added}
    if isinstance(data, str | os.PathLike):
        columns = {name: _plain(column) for name, column in read_columns(data).items()}
        _refuse_clash(taken, columns)
        return frame({**columns, **added})
    import narwhals as nw

    table = nw.from_native(data)
    if isinstance(table, nw.LazyFrame):
        table = table.collect()
    _refuse_clash(taken, table.columns)
    n = len(next(iter(added.values())))
    if len(table) != n:
        raise DataError(f"the data had {n} rows when the model was fitted and have {len(table)} now")
    series = [nw.new_series(name, values, backend=table.implementation) for name, values in added.items()]
    return table.with_columns(*series).to_native()


def _refuse_clash(added: Mapping[str, np.ndarray], present: Any) -> None:
    for name in added:
        if name in present:
            raise DataError(f"the data have a column {name!r} already; rename it, so that it is not overwritten")


def _plain(column: Any) -> np.ndarray:
    """The values of a column as NumPy's; text as objects, None where missing."""
    if column.kind not in ("factor", "ordered"):
        values: np.ndarray = column.values
        return values
    texts: np.ndarray = np.array([*column.levels, None], object)[column.values]
    return texts
