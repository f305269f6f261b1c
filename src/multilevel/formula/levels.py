"""Levels of a categorical variable or grouping factor, and the codes 0 .. L-1 of the values among them.

Distinct numbers are found by counting where their range allows it (one pass, no sort), and labels are spelled out only
when somebody asks: a million rows in 100,000 groups cost some five milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multilevel.formula.column import Column

Codes = NDArray[np.int32]
LOGICAL = ("FALSE", "TRUE")


@dataclass(frozen=True)
class Levels:
    """The levels of one variable, in order: distinct numbers ascending, or labels."""

    distinct: NDArray[Any] | tuple[str, ...]

    def __len__(self) -> int:
        return len(self.distinct)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The levels as text."""
        return self.distinct if isinstance(self.distinct, tuple) else number_labels(self.distinct)

    def codes_of(self, columns: Sequence[Column]) -> Codes:
        """Codes (n,) of one column's values among these levels, -1 where missing or unseen."""
        (column,) = columns
        if column.kind == "number" and isinstance(self.distinct, np.ndarray):
            return _positions(self.distinct, column.values)
        codes, labels = labelled(column)
        if labels == self.labels:
            return codes
        place = {label: i for i, label in enumerate(self.labels)}
        known = np.array([place.get(label, -1) for label in labels] + [-1], dtype=np.int32)
        return known.take(codes)  # code -1, missing, takes the last entry


@dataclass(frozen=True)
class Crossing:
    """The combinations of two sets of levels that occur; the left one varies slowest."""

    left: Levels | Crossing
    right: Levels
    cells: NDArray[np.int64]  # left code * len(right) + right code, ascending

    def __len__(self) -> int:
        return len(self.cells)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The combinations as text, `left:right`."""
        left, right = self.left.labels, self.right.labels
        return tuple(f"{left[i]}:{right[j]}" for i, j in zip(*divmod(self.cells, len(right)), strict=True))

    def codes_of(self, columns: Sequence[Column]) -> Codes:
        """Codes (n,) of the columns' combinations, -1 where one is missing or the combination unseen."""
        left, right = self.left.codes_of(columns[:-1]), self.right.codes_of(columns[-1:])
        codes = _positions(self.cells, left.astype(np.int64) * len(self.right) + right)
        codes[(left < 0) | (right < 0)] = -1
        return codes


def learn_levels(column: Column) -> tuple[Levels, Codes]:
    """The levels that occur in a column without missing values, and its codes."""
    if column.kind == "number":
        distinct, codes = number_codes(column.values)
        return Levels(distinct), codes
    codes, labels = labelled(column)
    counts = np.bincount(codes, minlength=len(labels))
    if np.count_nonzero(counts) == len(labels):
        return Levels(labels), codes
    used = counts.nonzero()[0]
    return Levels(tuple(labels[i] for i in used)), _rank(used, len(labels)).take(codes)


def learn_crossing(columns: Sequence[Column]) -> tuple[Levels | Crossing, Codes]:
    """The combinations of levels that occur in columns without missing values, and their codes."""
    levels: Levels | Crossing
    levels, codes = learn_levels(columns[0])
    for column in columns[1:]:
        right, right_codes = learn_levels(column)
        cells, codes = number_codes(codes.astype(np.int64) * len(right) + right_codes)
        levels = Crossing(levels, right, cells)
    return levels, codes


def labelled(column: Column) -> tuple[Codes, tuple[str, ...]]:
    """Any column as codes into labels, -1 where missing; logical values are FALSE and TRUE, as in R."""
    if column.kind in ("factor", "ordered"):
        return column.values, column.levels
    values = column.values
    missing = np.isnan(values) if values.dtype.kind == "f" else None
    if missing is None or not missing.any():
        return _complete(column.kind, values)
    present, labels = _complete(column.kind, values[~missing])
    codes = np.full(values.shape, -1, np.int32)
    codes[~missing] = present
    return codes, labels


def _complete(kind: str, values: NDArray[Any]) -> tuple[Codes, tuple[str, ...]]:
    if kind == "logical":
        return values.astype(np.int32), LOGICAL
    distinct, codes = number_codes(values)
    return codes, number_labels(distinct)


def number_codes(values: NDArray[Any]) -> tuple[NDArray[Any], Codes]:
    """Distinct numbers, ascending, and the code (n,) of each value; none may be missing."""
    if values.size == 0:
        return values, np.empty(0, np.int32)
    if values.dtype.kind == "f":
        if np.abs(values).max() < 2**53 and ((whole := values.astype(np.int64)) == values).all():
            return number_codes(whole)
        return _sorted_codes(values)
    values = values.astype(np.int64, copy=False)
    low, high = int(values.min()), int(values.max())
    if high - low > max(4 * values.size, 4096):
        return _sorted_codes(values)
    if not 0 <= low <= high - low:  # small numbers can be counted as they are
        distinct, codes = number_codes(values - low)
        return distinct + low, codes
    distinct = np.bincount(values).nonzero()[0]
    if len(distinct) == high + 1:
        return distinct, values.astype(np.int32)
    return distinct, _rank(distinct, high + 1).take(values)


def _sorted_codes(values: NDArray[Any]) -> tuple[NDArray[Any], Codes]:
    distinct, codes = np.unique(values, return_inverse=True)
    return distinct, codes.astype(np.int32)


def _rank(used: NDArray[Any], size: int) -> Codes:
    """A table (size,) that holds at `used[i]` the number i, and -1 elsewhere."""
    table = np.full(size, -1, np.int32)
    table[used] = np.arange(len(used), dtype=np.int32)
    return table


def _positions(distinct: NDArray[Any], values: NDArray[Any]) -> Codes:
    """Where each value stands in `distinct`, -1 where it does not."""
    places = np.searchsorted(distinct, values)
    places[places == len(distinct)] = 0
    return np.where(distinct.take(places) == values, places, -1).astype(np.int32)


def number_labels(numbers: NDArray[Any]) -> tuple[str, ...]:
    """Numbers as text with at most 15 digits, as R labels the levels of factor(x)."""
    if numbers.dtype.kind in "iu":
        return tuple(map(str, numbers.tolist()))
    return tuple(f"{number:.15g}" for number in numbers.tolist())
