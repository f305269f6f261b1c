"""All combinations of some columns, as tidyr's `expand_grid` makes them, and units within units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.build import build
from ..errors import DataError
from ..formula import Column
from .entries import Entries, Grid, Rule, entries_of


def expand_grid(columns: Mapping[str, Any] | None = None, /, *, backend: str = "pandas", **named: Any) -> Any:
    """A frame with a row for each combination of the columns' values; the last column varies fastest.

    Parameters
    ----------
    columns : a dict of columns, for names that Python does not allow as keywords.
    backend : `"pandas"` (default), `"polars"`, `"pyarrow"`, or `"dict"` for a dict of columns.
    named : the columns, in order. Each is a list, range, array or series of values; a whole number n, short for
        1, 2, ..., n; or one of the rules of `designs`: `nested`, `between`, `latin_square`. Texts become a categorical
        with its levels in the order given, so that the first is the reference; categoricals keep their own order;
        numbers and booleans stay what they are.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame, pyarrow.Table or dict of str to Column

    Raises
    ------
    DataError : a column is empty, has missing values or one value twice, or refers to a column that does not stand
        before it.

    >>> d = expand_grid(participant=2, condition=["control", "treatment"], trial=range(2), backend="dict")
    >>> d["participant"].values, d["trial"].values
    (array([1, 1, 1, 1, 2, 2, 2, 2]), array([0, 1, 0, 1, 0, 1, 0, 1]))
    >>> d["condition"].levels
    ('control', 'treatment')
    """
    given = {**(columns or {}), **named}
    if not given:
        raise DataError("a design needs a column at least, such as participant=100")
    if columns and (both := columns.keys() & named.keys()):
        raise DataError(f"column {sorted(both)[0]!r} is given twice; give it once")
    grid = Grid()
    for name, values in given.items():
        if not isinstance(name, str) or not name:
            raise DataError(f"column names are texts; found {name!r}")
        if isinstance(values, Rule):
            values.extend(grid, name)
        else:
            _cross(grid, name, entries_of(name, values))
    return build({name: entries.column() for name, entries in grid.columns.items()}, backend)


def labels(n: int, prefix: str = "") -> list[str]:
    """Names for n units, to be told apart rather than counted: "1", "2", ..., or "P1", "P2", ... with a prefix.

    A column of texts is categorical in formulas and pictures, a column of numbers is a covariate.

    >>> labels(3), labels(2, "P")
    (['1', '2', '3'], ['P1', 'P2'])
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise DataError(f"n is {n!r}; expected the number of units, 1 or more")
    return [f"{prefix}{i}" for i in range(1, int(n) + 1)]


def nested(n: int | Sequence[int], within: str) -> Rule:
    """A column of `expand_grid`: units that belong to one unit of an earlier column, numbered through.

    Parameters
    ----------
    n : how many there are within each unit of `within`: one number for all, or one for each.
    within : name of a column that stands before.

    No two units share a number, so that `(1 | school/pupil)` and `(1 | school) + (1 | pupil)` are the same model.

    >>> d = expand_grid(school=["a", "b"], pupil=nested([2, 3], within="school"), backend="dict")
    >>> d["school"].values, d["pupil"].values
    (array([0, 0, 1, 1, 1], dtype=int32), array([1, 2, 3, 4, 5]))
    """
    many = isinstance(n, Iterable) and not isinstance(n, str)
    sizes: list[Any] = list(n) if isinstance(n, Iterable) and many else [n]
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise DataError(f"nested() has the size {size!r}; expected how many units there are within each, 1 or more")
    return _Nested(tuple([int(size) for size in sizes]), not many, within)


@dataclass(frozen=True)
class _Nested(Rule):
    sizes: tuple[int, ...]
    same: bool  # one size for all
    within: str

    def extend(self, grid: Grid, name: str) -> None:
        outer = grid.known(self.within, name)
        sizes = np.array(self.sizes * len(outer) if self.same else self.sizes, np.int64)
        if len(sizes) != len(outer):
            raise DataError(
                f"{name!r} has {len(sizes)} sizes for the {len(outer)} values of {self.within!r}; "
                "expected one number for all, or one for each"
            )
        first = np.cumsum(sizes) - sizes  # the first unit within each
        codes = outer.codes
        times = sizes.take(codes)
        grid.repeat(times, name)
        ends = np.cumsum(times)
        inside = np.arange(grid.n) - np.repeat(ends - times, times)
        values = Column(name, "number", np.arange(1, int(sizes.sum()) + 1))
        grid.columns[name] = Entries(values, (np.repeat(first.take(codes), times) + inside).astype(np.int32))


def _cross(grid: Grid, name: str, values: Column) -> None:
    rows, size = grid.n, len(values.values)
    grid.repeat(size, name)
    grid.columns[name] = Entries(values, np.tile(np.arange(size, dtype=np.int32), rows))
