"""Columns that are assigned, not crossed: groups of units, and conditions that rotate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..formula import Column
from ..seeds import Seed, generator
from .entries import Entries, Grid, Rule, entries_of


def between(unit: str, levels: Any, *, seed: Seed = None) -> Rule:
    """A column of `expand_grid`: each unit of an earlier column has one of the levels, and all have it equally often.

    Parameters
    ----------
    unit : name of a column that stands before, such as `"participant"`.
    levels : values as for a column of `expand_grid`.
    seed : randomises which unit has which level, as for numpy.random.default_rng. Default: in turn, the first unit has
        the first level.

    Several factors between the same units are balanced against each other: within each level of the first, the levels
    of the second occur equally often.

    >>> from multilevel.designs import expand_grid
    >>> d = expand_grid(participant=4, group=between("participant", ["control", "treatment"]), trial=2, backend="dict")
    >>> d["group"].values
    array([0, 0, 1, 1, 0, 0, 1, 1], dtype=int32)
    """
    return _Between(unit, entries_of("levels of between()", levels), seed)


def latin_square(rows: str, columns: str, levels: Any, *, seed: Seed = None) -> Rule:
    """A column of `expand_grid`: the levels rotate over the values of two earlier columns (counterbalancing).

    The unit number i of `rows` and number j of `columns` meet at the level number (i + j) modulo the number of levels:
    with `rows="participant"` and `columns="item"`, every participant sees each item once, every level equally often,
    and every item is seen in every level by equally many participants; with `columns="position"`, the order of
    conditions is balanced over participants.

    Parameters
    ----------
    rows, columns : names of columns that stand before.
    levels : values as for a column of `expand_grid`.
    seed : randomises the order in which units and items take their turns, as for numpy.random.default_rng. Default:
        as they stand.

    >>> from multilevel.designs import expand_grid
    >>> d = expand_grid(participant=2, item=2, prime=latin_square("participant", "item", ["a", "b"]), backend="dict")
    >>> d["prime"].values.reshape(2, 2)
    array([[0, 1],
           [1, 0]], dtype=int32)
    """
    if rows == columns:
        raise DataError(f"latin_square() has {rows!r} as rows and as columns; the levels rotate over two columns")
    return _LatinSquare(rows, columns, entries_of("levels of latin_square()", levels), seed)


@dataclass(frozen=True, eq=False)
class _Between(Rule):
    unit: str
    levels: Column
    seed: Seed

    def extend(self, grid: Grid, name: str) -> None:
        units = grid.known(self.unit, name)
        size = len(self.levels.values)
        if size > len(units):
            raise DataError(
                f"{name!r} has {size} levels for {len(units)} values of {self.unit!r}; each level needs a unit"
            )
        cells = grid.assigned.get(self.unit, np.zeros(len(units), np.int32))
        order = _turns(len(units), self.seed)
        order = order[np.argsort(cells.take(order), kind="stable")]  # in turn within the cells of earlier factors
        codes = np.empty(len(units), np.int32)
        codes[order] = np.arange(len(units)) % size
        grid.assigned[self.unit] = cells * size + codes
        grid.columns[name] = Entries(_renamed(self.levels, name), codes.take(units.codes))


@dataclass(frozen=True, eq=False)
class _LatinSquare(Rule):
    rows: str
    columns: str
    levels: Column
    seed: Seed

    def extend(self, grid: Grid, name: str) -> None:
        first, second = grid.known(self.rows, name), grid.known(self.columns, name)
        size = len(self.levels.values)
        turns: NDArray[np.int64] = np.zeros(grid.n, np.int64)
        rng = None if self.seed is None else generator(self.seed)
        for entries in (first, second):
            if len(entries) < size:
                raise DataError(
                    f"{name!r} has {size} levels for {len(entries)} values of {entries.values.name!r}; "
                    "the levels cannot rotate over fewer"
                )
            turns += np.argsort(_turns(len(entries), rng)).take(entries.codes)
        grid.columns[name] = Entries(_renamed(self.levels, name), (turns % size).astype(np.int32))


def _turns(n: int, seed: Seed) -> NDArray[np.int64]:
    """The units in the order in which they take their turn."""
    return np.arange(n) if seed is None else generator(seed).permutation(n)


def _renamed(column: Column, name: str) -> Column:
    return Column(name, column.kind, column.values, column.levels)
