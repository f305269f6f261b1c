"""Columns that are assigned, not crossed: groups of units, and conditions that rotate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError
from ..formula import Column
from ..seeds import Seed, generator
from .entries import Codes, Entries, Grid, Rule, entries_of


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

    Number i of `rows` and number j of `columns` meet at the level number (i + j) modulo the number of levels: with
    `rows="participant"` and `columns="item"`, every participant sees each item in one level, all levels equally often,
    and every item is seen in every level by equally many participants; with `columns="position"`, the order of
    conditions is balanced over participants. Groups between the same units, and other latin squares over them, are
    balanced against this one.

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
        codes = _turns(grid, self.unit, size, None if self.seed is None else generator(self.seed))
        grid.columns[name] = Entries(_renamed(self.levels, name), codes.take(units.codes))


@dataclass(frozen=True, eq=False)
class _LatinSquare(Rule):
    rows: str
    columns: str
    levels: Column
    seed: Seed

    def extend(self, grid: Grid, name: str) -> None:
        size = len(self.levels.values)
        codes = np.zeros(grid.n, np.int32)
        rng = None if self.seed is None else generator(self.seed)
        for over in (self.rows, self.columns):
            entries = grid.known(over, name)
            if len(entries) < size:
                raise DataError(
                    f"{name!r} has {size} levels for {len(entries)} values of {over!r}; "
                    "the levels cannot rotate over fewer"
                )
            codes += _turns(grid, over, size, rng).take(entries.codes)
        grid.columns[name] = Entries(_renamed(self.levels, name), codes % size)


def _turns(grid: Grid, unit: str, size: int, rng: np.random.Generator | None) -> Codes:
    """For each unit whose turn it is, 0 to size - 1: in turn, and so within each cell of what was assigned before."""
    n = len(grid.columns[unit])
    cells = grid.assigned.get(unit, np.zeros(n, np.int32))
    order = np.arange(n) if rng is None else rng.permutation(n)
    order = order[np.argsort(cells.take(order), kind="stable")]
    codes = np.empty(n, np.int32)
    codes[order] = np.arange(n) % size
    grid.assigned[unit] = cells * size + codes
    return codes


def _renamed(column: Column, name: str) -> Column:
    return Column(name, column.kind, column.values, column.levels)
