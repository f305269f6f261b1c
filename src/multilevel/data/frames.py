"""One column of a pandas, polars or Arrow table to a `Column`, by the library's own fast methods.

Each library has its own ways to say missing, text, category and order; this file is the only one that knows them.
A library is imported inside its function: whoever holds one of its objects has imported it already.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..formula.column import Column, Lent
from .values import (
    column_from_array,
    column_from_objects,
    content_error,
    factor_from_codes,
    factor_from_texts,
    time_error,
    too_large_error,
    whole_numbers_with_missing,
)

CHEAP = 1 << 14  # bytes that are copied sooner than lent
HELD = 4  # so many columns of a frame are kept for one of them rather than copied
SHORT = 2000  # rows below which Python's own set and dict beat the fixed cost of a library's hash table


def pandas_column(name: str, series: Any) -> Column:
    """A column from a pandas Series of any dtype: NumPy's, pandas' own, or Arrow's."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind != "O":
            return column_from_array(name, _pandas_numbers(series))
        if pd.api.types.infer_dtype(series, skipna=True) != "string":
            return column_from_objects(name, series.tolist())
    if isinstance(dtype, pd.CategoricalDtype):
        values = series.array
        levels = dtype.categories.to_numpy(object).tolist()  # half the time of its own tolist(), where Arrow holds text
        return factor_from_codes(name, values.codes, levels, ordered=dtype.ordered)
    if isinstance(dtype, pd.ArrowDtype):
        import pyarrow as pa

        return arrow_column(name, pa.chunked_array(pa.array(series.array)))
    if isinstance(dtype, np.dtype | pd.StringDtype):
        if len(series) < SHORT:
            return factor_from_texts(name, [text if isinstance(text, str) else None for text in series.tolist()])
        codes, levels = pd.factorize(series, sort=True)
        return factor_from_codes(name, codes, levels.tolist())
    if isinstance(dtype, pd.SparseDtype):
        return column_from_array(name, series.sparse.to_dense().to_numpy())
    if dtype.kind in "iufb":  # pandas' own types with a mask of missing values
        if not series.hasnans:
            return column_from_array(name, series.to_numpy(dtype.numpy_dtype))
        return _with_missing(name, dtype.kind, series.to_numpy(np.float64, na_value=np.nan))
    if dtype.kind == "M" or isinstance(dtype, pd.PeriodDtype):
        raise time_error(name, str(dtype))
    raise content_error(name, f"values of type {dtype}")


def _pandas_numbers(series: Any) -> np.ndarray:
    """The values (n,). pandas copies on write: what it gives out to be read it changes only in a copy, as long as there
    is a series that shares it. Such a series keeps all columns of its block alive: of wide frames none is held."""
    values: np.ndarray = series.to_numpy()
    if values.nbytes < CHEAP or values.dtype != np.float64:
        return values
    if values.flags.writeable or not values.flags.c_contiguous:
        return values
    block = values
    while isinstance(block.base, np.ndarray):
        block = block.base
    return np.asarray(Lent(values, series)) if block.nbytes <= HELD * values.nbytes else values


def polars_column(name: str, series: Any) -> Column:
    """A column from a polars Series; null and NaN are missing alike."""
    import polars as pl

    dtype = series.dtype
    if dtype.is_numeric() or dtype == pl.Boolean or dtype == pl.Null:
        return _polars_numbers(name, series)
    if dtype == pl.Enum:
        return factor_from_codes(name, _polars_codes(series), dtype.categories.to_list())
    if dtype == pl.String and len(series) < SHORT:
        return factor_from_texts(name, series.to_list())
    if dtype == pl.String or dtype == pl.Categorical:
        # polars sorts text by code point, and a Categorical in its own order (by code point since 1.32)
        levels = series.unique().sort().to_list()
        levels = levels[1:] if levels[:1] == [None] else levels
        return factor_from_codes(name, _polars_codes(series.cast(pl.Enum(levels))), levels)
    if dtype.is_temporal():
        raise time_error(name, str(dtype))
    if dtype == pl.Object:
        return column_from_objects(name, series.to_list())
    raise content_error(name, f"values of type {dtype}, such as {series.drop_nulls().head(1).to_list()}")


def _polars_codes(series: Any) -> np.ndarray:
    """The codes (n,) of an Enum series; -1 where missing."""
    codes: np.ndarray = series.to_physical().to_numpy()
    return codes if codes.dtype.kind == "u" else np.where(np.isnan(codes), -1, codes)


def _polars_numbers(name: str, series: Any) -> Column:
    import polars as pl

    dtype = series.dtype
    if dtype.is_float() or (series.null_count() == 0 and dtype in (pl.Int64, pl.Boolean)):
        return column_from_array(name, series.to_numpy())
    if dtype.is_integer() and series.null_count() == 0:
        whole = series.cast(pl.Int64, strict=False)
        if whole.null_count():
            raise too_large_error(name)
        return column_from_array(name, whole.to_numpy())
    kind = "b" if dtype == pl.Boolean else "i" if dtype.is_integer() else "f"
    return _with_missing(name, kind, series.cast(pl.Float64).to_numpy())


def arrow_column(name: str, values: Any) -> Column:
    """A column from a pyarrow ChunkedArray; null and NaN are missing alike."""
    import pyarrow as pa

    kind, types = values.type, pa.types
    if types.is_floating(kind) or (types.is_integer(kind) and not values.null_count):
        return column_from_array(name, values.to_numpy())
    if types.is_integer(kind):
        return _with_missing(name, "i", values.to_numpy())
    if types.is_boolean(kind):
        if not values.null_count:
            return column_from_array(name, values.to_numpy())
        return _with_missing(name, "b", values.cast(pa.int8()).to_numpy())
    if types.is_decimal(kind) or types.is_null(kind):
        return column_from_array(name, values.cast(pa.float64()).to_numpy())
    if types.is_dictionary(kind):
        return _arrow_dictionary(name, values)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return _arrow_text(name, values)
    if types.is_temporal(kind):
        raise time_error(name, str(kind))
    raise content_error(name, f"values of type {kind}, such as {values.drop_null()[:1].to_pylist()}")


def _arrow_dictionary(name: str, values: Any) -> Column:
    encoded = values.unify_dictionaries().combine_chunks()
    valid = encoded.dictionary.is_valid().to_numpy(zero_copy_only=False)
    rank = np.where(valid, np.cumsum(valid) - 1, -1)  # a dictionary may hold a null itself
    levels = encoded.dictionary.drop_null().to_pylist()
    return factor_from_codes(name, _arrow_codes(encoded, rank), levels, ordered=encoded.type.ordered)


def _arrow_text(name: str, values: Any) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = values.cast(pa.large_string()).combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    rank = np.empty(len(order), np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    return factor_from_codes(name, _arrow_codes(encoded, rank), encoded.dictionary.take(order).to_pylist())


def _arrow_codes(encoded: Any, rank: np.ndarray) -> np.ndarray:
    """The place (n,) of each value's level once the dictionary's entries have the places `rank`; -1 where missing."""
    codes: np.ndarray = np.append(rank, -1)[np.asarray(encoded.indices.cast("int64").fill_null(len(rank)))]
    return codes


def _with_missing(name: str, kind: str, values: np.ndarray) -> Column:
    """A column some of whose values are missing (NaN in `values`, float64) and that held `kind` (i, u, b or f)."""
    if kind in "iu":
        return whole_numbers_with_missing(name, values)
    return Column(name, "logical" if kind == "b" else "number", values.astype(np.float64, copy=False))
