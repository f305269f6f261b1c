"""Missing data: rows or values lost completely at random, and units that drop out for good."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.build import build
from ..data.rows import column_names, read_columns
from ..errors import DataError, nearest
from ..formula import Column
from ..formula.evaluate import missing_rows
from ..formula.levels import Codes, learn_levels
from ..seeds import Seed, generator

Mask = NDArray[np.bool_]


def dropout(
    data: Any,
    rate: float | Sequence[float],
    *,
    unit: str | None = None,
    time: str | None = None,
    columns: str | Sequence[str] | None = None,
    seed: Seed = None,
) -> Any:
    """The data without what was lost, in the user's own library; the data given are left as they are.

    Without `unit` and `time`, each row is lost with probability `rate`, whatever it holds: missing completely at
    random. With them, units drop out: from some occasion on, all rows of a unit are lost, and none come back. At the
    first occasion everybody is present.

    Parameters
    ----------
    data : a table as for `lmer`.
    rate : between 0 and 1. With `unit` and `time`: the proportion of units expected to be gone at the last occasion,
        lost at a constant hazard, 1 - (1 - rate)^(1 / (occasions - 1)) at each; or a list of hazards, one for each
        occasion after the first: the probability to be lost then for a unit still present.
    unit, time : names of the columns of units and of occasions; occasions follow each other in the order of their
        numbers or levels.
    columns : one name or several: instead of losing rows, these columns have missing values there; without `unit`, each
        column for itself. Whole numbers become floating-point where the library has no other way to say missing.
        Default: rows are lost.
    seed : as for numpy.random.default_rng.

    Raises
    ------
    DataError : a rate is no probability, a column is not there, or no row is left.

    References
    ----------
    Little & Rubin (2019), Statistical Analysis with Missing Data, 3rd edition, section 1.2 (monotone patterns), 1.3.

    >>> d = dropout({"y": np.arange(1000.0)}, 0.2, seed=1)
    >>> len(d["y"])
    812
    """
    names = _columns_to_blank(data, columns)
    rng = generator(seed)
    if (unit is None) != (time is None):
        raise DataError(f"dropout of units needs unit and time; found unit={unit!r} and time={time!r}")
    if unit is not None and time is not None:
        lost = _gone(read_columns(data, [unit, time]), unit, time, rate, rng)
        masks = dict.fromkeys(names, lost)
    else:
        p, n = _probability("rate", rate), len(_any_column(data).values)
        lost = rng.random(n) < p
        masks = {name: lost if i == 0 else rng.random(n) < p for i, name in enumerate(names)}
    if lost.all() and not names:
        raise DataError(f"all {len(lost)} rows are lost; lower the rate, or use another seed")
    return _blanked(data, masks) if names else _filtered(data, ~lost)


def _any_column(data: Any) -> Column:
    name = column_names(data)[0]
    return read_columns(data, [name])[name]


def _columns_to_blank(data: Any, columns: str | Sequence[str] | None) -> list[str]:
    names = [columns] if isinstance(columns, str) else list(columns or ())
    known = column_names(data)
    for name in names:
        if name not in known:
            raise DataError(f"column {name!r} not found{nearest(str(name), known)}")
    return names


def _probability(what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 <= float(value) < 1.0:
        raise DataError(f"{what} is {value!r}; expected a probability, from 0 to below 1")
    return float(value)


def _gone(columns: Mapping[str, Column], unit: str, time: str, rate: Any, rng: np.random.Generator) -> Mask:
    """(n,) whether the unit of a row is gone at the occasion of the row."""
    units, _ = _codes(columns[unit])
    occasions, n_occasions = _codes(columns[time])
    hazards = _hazards(rate, n_occasions, time)
    n_units = int(units.max()) + 1
    drops = rng.random((n_units, len(hazards))) < hazards
    last = np.where(drops.any(axis=1), drops.argmax(axis=1), n_occasions)  # the last occasion of each unit
    gone: Mask = occasions > last.take(units)
    return gone


def _hazards(rate: Any, n_occasions: int, time: str) -> NDArray[np.float64]:
    if n_occasions < 2:
        raise DataError(f"{time!r} has a single occasion; units drop out between two or more")
    if isinstance(rate, Real):
        final = _probability("rate", rate)
        return np.full(n_occasions - 1, 1.0 - (1.0 - final) ** (1.0 / (n_occasions - 1)))
    if isinstance(rate, str) or not isinstance(rate, Sequence | np.ndarray) or len(rate) != n_occasions - 1:
        found = f"{len(rate)} numbers" if isinstance(rate, list | tuple | np.ndarray) else repr(rate)
        raise DataError(
            f"rate is {found}; expected one number, or {n_occasions - 1}: one for each of the {n_occasions} occasions "
            f"of {time!r} after the first"
        )
    return np.array([_probability(f"rate[{i}]", value) for i, value in enumerate(rate)])


def _codes(column: Column) -> tuple[Codes, int]:
    if missing_rows(column).any():
        raise DataError(f"column {column.name!r} has missing values; units and occasions have to be known")
    levels, codes = learn_levels(column)
    return codes, len(levels)


# ---- in the user's library ------------------------------------------------------------------------------------------


def _filtered(data: Any, kept: Mask) -> Any:
    if isinstance(data, Mapping):
        return {name: _taken(name, values, kept) for name, values in data.items()}
    return _native(data).filter(kept.tolist()).to_native()


def _blanked(data: Any, masks: Mapping[str, Mask]) -> Any:
    if isinstance(data, Mapping):
        return {**data, **{name: _with_holes(name, data[name], mask) for name, mask in masks.items()}}
    import narwhals as nw

    table = _native(data)
    mark = "_" * (1 + max(map(len, table.columns)))  # longer than any name, so none of them
    for name, mask in masks.items():
        table = table.with_columns(nw.new_series(mark, ~mask, backend=table.implementation))
        table = table.with_columns(nw.when(nw.col(mark)).then(nw.col(name)).alias(name)).drop(mark)
    return table.to_native()


def _native(data: Any) -> Any:
    import narwhals as nw

    if isinstance(data, str | os.PathLike):
        data = build(read_columns(data))
    table = nw.from_native(data)
    return table.collect() if isinstance(table, nw.LazyFrame) else table


def _taken(name: str, values: Any, kept: Mask) -> Any:
    if isinstance(values, np.ndarray | list | tuple):
        return np.asarray(values)[kept]
    column = read_columns({name: values})[name]
    return replace(column, values=column.values[kept])


def _with_holes(name: str, values: Any, lost: Mask) -> Column:
    column = read_columns({name: values})[name]
    if column.kind in ("factor", "ordered"):
        return replace(column, values=np.where(lost, np.int32(-1), column.values))
    return replace(column, values=np.where(lost, np.nan, column.values.astype(np.float64)))
