"""One predictor in the reference grid: its levels, or the values that stand for a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import InferenceError, nearest
from ...formula import Column
from ...formula.levels import LOGICAL, Levels, learn_levels, number_labels

Reduction: TypeAlias = str | Callable[[NDArray[Any]], Any]
Reduce: TypeAlias = Reduction | Mapping[str, Reduction]


class Axis(NamedTuple):
    """One predictor in the grid: levels of a factor as text, or values of a number.

    `counted` says that rows of the data can be counted at each of its values, for weighted averages; `coded` that the
    formula makes a factor of numbers.
    """

    name: str
    values: tuple[str, ...] | tuple[float, ...]
    numeric: bool
    counted: bool
    coded: bool
    column: Column  # of the data, complete rows

    def __len__(self) -> int:
        return len(self.values)

    @property
    def codes(self) -> NDArray[np.int32]:
        """Which of the values each row of the data has, -1 if none of them."""
        known = Levels(np.array(self.values)) if self.numeric else Levels(tuple(map(str, self.values)))
        return known.codes_of((self.column,))

    def taken(self, places: NDArray[np.intp]) -> Column:
        """The values at some places as a column of data."""
        if self.numeric:
            return Column(self.name, "number", np.array(self.values, np.float64).take(places))
        if self.column.kind == "logical":
            return Column(self.name, "logical", np.array([value == "TRUE" for value in self.values]).take(places))
        labels = tuple(map(str, self.values))
        return Column(self.name, self.column.kind, places.astype(np.int32), labels)


def axis_of(column: Column, at: Mapping[str, Any], cov_reduce: Reduce, coded: bool) -> Axis:
    """The values of a column in the grid: asked for in `at`, or reduced; `coded`: the formula makes a factor of it."""
    if column.kind != "number":
        levels = learn_levels(column)[0].labels if column.kind != "logical" else LOGICAL
        values = _levels_at(column.name, at[column.name], levels) if column.name in at else levels
        return Axis(column.name, values, False, True, True, column)
    if column.name in at:
        values_at = _numbers_at(column.name, at[column.name], column, coded)
        return Axis(column.name, values_at, True, coded, coded, column)
    how = cov_reduce.get(column.name, "mean") if isinstance(cov_reduce, Mapping) else cov_reduce
    distinct = np.unique(column.values)
    if coded or how == "unique" or len(distinct) <= 2:
        return Axis(column.name, tuple(distinct.astype(np.float64).tolist()), True, True, coded, column)
    return Axis(column.name, _reduced(column.name, column.values, how), True, False, False, column)


def _reduced(name: str, values: NDArray[Any], how: Reduction) -> tuple[float, ...]:
    if callable(how):
        made = np.atleast_1d(np.asarray(how(values)))
        if made.ndim != 1 or made.dtype.kind not in "fiu" or not np.isfinite(made).all():
            raise InferenceError(f"cov_reduce of {name} gave {made!r:.60}; expected finite numbers")
        return _distinct(name, tuple(made.astype(np.float64).tolist()), "cov_reduce")
    match how:
        case "mean":
            return (float(values.mean()),)
        case "median":
            return (float(np.median(values)),)
        case "range":
            return (float(values.min()), float(values.max()))
    middle = float(values.mean())
    return (middle - 1.0, middle + 1.0)


def _levels_at(name: str, asked: Any, levels: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(_label(value) for value in _listed(asked))
    for label in found:
        if label not in levels:
            shown = ", ".join(levels[:12]) + (", ..." if len(levels) > 12 else "")
            raise InferenceError(f"at: {label!r} is no level of {name}{nearest(label, levels)} (levels: {shown})")
    return _distinct(name, found)


def _label(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).upper()
    if isinstance(value, int | float | np.number):
        return number_labels(np.array([value]))[0]
    return str(value)


def _numbers_at(name: str, asked: Any, column: Column, coded: bool) -> tuple[float, ...]:
    try:
        values = tuple(float(value) for value in _listed(asked))
    except (TypeError, ValueError):
        raise InferenceError(f"at: {name} holds numbers; found {asked!r}") from None
    if not np.isfinite(values).all():
        raise InferenceError(f"at: {name} should have finite values; found {asked!r}")
    if coded:
        known = np.unique(column.values).tolist()
        for value in values:
            if value not in known:
                shown = ", ".join(f"{v:g}" for v in known[:12]) + (", ..." if len(known) > 12 else "")
                raise InferenceError(f"at: {value:g} is no level of factor({name}) (levels: {shown})")
    return _distinct(name, values)


def _listed(asked: Any) -> list[Any]:
    if isinstance(asked, str | bytes) or not hasattr(asked, "__iter__"):
        return [asked]
    return list(asked)


def _distinct(name: str, values: tuple[Any, ...], where: str = "at") -> tuple[Any, ...]:
    if not values:
        raise InferenceError(f"{where}: {name} has no values; give one at least, or leave it out")
    if len(set(values)) < len(values):
        raise InferenceError(f"{where}: a value of {name} occurs twice: {', '.join(map(str, values))}")
    return values
