"""What stands in a design: the distinct entries of a column, and which entry each row has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sized
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.rows import read_columns
from ..errors import DataError, nearest
from ..formula import Column
from ..formula.evaluate import missing_rows

Codes = NDArray[np.int32]
TOO_MANY = 2**31  # rows


@dataclass(frozen=True, eq=False)
class Entries:
    """One column of a growing design: `values` holds the distinct entries (m,), `codes` (n,) that of each row."""

    values: Column
    codes: Codes

    def __len__(self) -> int:
        return len(self.values.values)

    def column(self) -> Column:
        """The column with a value per row."""
        return replace(self.values, values=self.values.values.take(self.codes))


class Grid:
    """The columns made so far. They grow in the order in which they are given: the last varies fastest."""

    def __init__(self) -> None:
        self.n = 1
        self.columns: dict[str, Entries] = {}
        self.assigned: dict[str, Codes] = {}  # by column: for each unit, its cell of all that was assigned before

    def known(self, name: str, of: str) -> Entries:
        """A column that stands before the column `of`; DataError if it does not."""
        if name not in self.columns:
            before = ", ".join(map(repr, self.columns)) or "none"
            raise DataError(
                f"{of!r} refers to {name!r}, which is not among the columns before it ({before})"
                f"{nearest(str(name), self.columns)}"
            )
        return self.columns[name]

    def repeat(self, times: NDArray[np.int64] | int, name: str) -> None:
        """Every row so often as there are entries of the new column for it."""
        total = int(np.sum(times)) if isinstance(times, np.ndarray) else self.n * times
        if total >= TOO_MANY:
            raise DataError(f"with {name!r} the design has {total} rows; a design has fewer than 2**31")
        for other, entries in self.columns.items():
            self.columns[other] = replace(entries, codes=np.repeat(entries.codes, times))
        self.n = total


class Rule(ABC):
    """A column that follows a rule rather than crossing all others."""

    @abstractmethod
    def extend(self, grid: Grid, name: str) -> None:
        """Add the column `name` to a grid."""


def entries_of(name: str, given: Any) -> Column:
    """The distinct entries of a column as they were given; texts are levels in that order.

    >>> entries_of("condition", ["treatment", "control"]).levels
    ('treatment', 'control')
    >>> entries_of("trial", 3).values
    array([1, 2, 3])
    """
    values = given if isinstance(given, Column) else _sequence(name, given)
    column = read_columns({name: values})[name]
    if missing_rows(column).any():
        raise DataError(f"{name!r} has a missing value; a design says what every row has")
    if column.values.dtype.kind == "f" and np.isinf(column.values).any():
        raise DataError(f"{name!r} has an infinite value; a design holds finite numbers")
    _refuse_twice(column)
    return column if _has_order(values) or column.kind != "factor" else _as_given(column)


def _sequence(name: str, given: Any) -> Any:
    """Values with a length: 1 to n for a whole number n, a list for what can only be gone through once."""
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        if given < 1:
            raise DataError(f"{name!r} is {given}; a whole number n stands for 1, 2, ..., n, and n is 1 or more")
        if given >= TOO_MANY:
            raise DataError(f"{name!r} is {given}; a design has fewer than 2**31 rows")
        return np.arange(1, int(given) + 1)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        advice = f"a list such as [{given!r}]" if isinstance(given, str) else "a list of values, or how many there are"
        raise DataError(f"{name!r} is {given!r} ({type(given).__name__}); expected {advice}")
    values = given if isinstance(given, Sized) else list(given)
    if len(values) == 0:
        raise DataError(f"{name!r} has no values; at least one is needed")
    return values


def _has_order(values: Any) -> bool:
    """Whether values are categories with an order of their own."""
    return isinstance(values, Column) or hasattr(getattr(values, "dtype", None), "categories")


def _as_given(column: Column) -> Column:
    """Texts, each once, as levels in the order in which they stand."""
    levels = tuple([column.levels[code] for code in column.values.tolist()])
    return replace(column, values=np.arange(len(levels), dtype=np.int32), levels=levels)


def _refuse_twice(column: Column) -> None:
    distinct, first, counts = np.unique(column.values, return_index=True, return_counts=True)
    if len(distinct) < len(column.values):
        value = column.values[int(np.sort(first[counts > 1])[0])]
        shown = repr(column.levels[value]) if column.levels else f"{value}"
        raise DataError(f"{column.name!r} has {shown} more than once; for repetitions add a column, such as trial=10")
