"""Columns to a frame of the library that was asked for: the way back from `rows`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import DataError, nearest
from ..formula.column import Column

BACKENDS = ("pandas", "polars", "pyarrow", "dict")


def build(columns: Mapping[str, Column], backend: str = "pandas") -> Any:
    """Columns as a frame: pandas with categoricals, polars with Enums, pyarrow with dictionaries, or a dict of them.

    Raises
    ------
    DataError
        If the backend is not known or not installed.

    Examples
    --------
    >>> build({"x": Column("x", "number", np.arange(2))}, "dict")["x"].values
    array([0, 1])
    """
    if backend not in BACKENDS:
        near = nearest(str(backend), BACKENDS)
        raise DataError(f"backend {backend!r} not known{near}; expected {', '.join(BACKENDS)}")
    if backend == "dict":
        return dict(columns)
    try:
        return {"pandas": _pandas, "polars": _polars, "pyarrow": _pyarrow}[backend](columns)
    except ModuleNotFoundError:
        raise DataError(
            f'backend {backend!r} needs {backend}: pip install "multilevel[{backend}]", or ask for backend="dict"'
        ) from None


def _pandas(columns: Mapping[str, Column]) -> Any:
    import pandas as pd

    return pd.DataFrame(
        {
            name: pd.Categorical.from_codes(c.values, c.levels, ordered=c.kind == "ordered") if c.levels else c.values
            for name, c in columns.items()
        }
    )


def _polars(columns: Mapping[str, Column]) -> Any:
    import polars as pl

    return pl.DataFrame(
        [
            # a null behind the levels is what code -1, missing, stands for
            pl.Series(name, [*c.levels, None], pl.Enum(c.levels)).gather(
                np.where(c.values < 0, len(c.levels), c.values)
            )
            if c.levels
            else pl.Series(name, c.values)
            for name, c in columns.items()
        ]
    )


def _pyarrow(columns: Mapping[str, Column]) -> Any:
    import pyarrow as pa

    return pa.table(
        {
            name: pa.DictionaryArray.from_arrays(
                pa.array(c.values, mask=c.values < 0), list(c.levels), ordered=c.kind == "ordered"
            )
            if c.levels
            else pa.array(c.values)
            for name, c in columns.items()
        }
    )
