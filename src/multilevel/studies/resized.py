"""The design with more or fewer levels of a grouping factor.

Levels are taken in the order of the table, in turn from each group of levels that are alike (of one treatment, say, or
of one school), so that any number of them is balanced as well as it can be. When all are taken, they are taken again:
the rows of a level are copied, as those of a new level. What is nested within it becomes new as well; what is crossed
with it stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, InferenceError, nearest
from ..formula import Column, Formula
from ..formula.levels import Codes, labelled

Columns = Mapping[str, Column]


def grouping_columns(formula: Formula) -> tuple[str, ...]:
    """Names of the columns that stand behind a bar."""
    return tuple(dict.fromkeys(n for bar in formula.random for variable in bar.group for n in variable.names))


def resized(columns: Columns, formula: Formula, factor: str, size: int) -> dict[str, Column]:
    """The columns of a design with `size` levels of a grouping factor.

    Raises
    ------
    InferenceError : it is no grouping factor of the formula, stands among the fixed effects as well, or has a single
        level of which it cannot be told what is nested within.
    """
    groups = grouping_columns(formula)
    if factor not in groups:
        has = ", ".join(map(repr, groups)) or "none"
        raise InferenceError(
            f"along has {factor!r}, which is no grouping factor of {formula.text!r}{nearest(factor, groups)} "
            f"(grouping factors: {has})"
        )
    if any(factor in variable.names for variable in formula.fixed.used()):
        raise InferenceError(
            f"along has {factor!r}, which is a fixed effect of {formula.text!r} as well; each size would be another "
            "model, with other coefficients"
        )
    known = {name: _Levels.of(columns[name]) for name in groups}
    own, others = known[factor], {name: levels for name, levels in known.items() if name != factor}
    if own.count == 1 and size > 1 and others:
        raise InferenceError(
            f"the design has a single level of {factor!r}, so whether the levels of {next(iter(others))!r} belong to "
            "it alone cannot be told; begin with two levels"
        )
    alike = [levels.codes for levels in others.values()]
    alike += [_Levels.of(c).codes for name, c in columns.items() if c.kind != "number" and name not in groups]
    order = _in_turn(own, alike)
    rows, copies = _rows(own, order, size)
    made = {name: _taken(column, rows) for name, column in columns.items()}
    made[factor] = _copied(factor, own, rows, copies)
    for name, levels in others.items():
        if _constant(levels, own.codes) and not _constant(own, levels.codes):
            made[name] = _copied(name, levels, rows, copies)
    return made


@dataclass(frozen=True)
class _Levels:
    """The levels of a column in the order in which they come; -1: missing."""

    names: tuple[str, ...]
    codes: Codes

    @property
    def count(self) -> int:
        return len(self.names)

    @staticmethod
    def of(column: Column) -> _Levels:
        codes, names = labelled(column)
        present, first = np.unique(codes[codes >= 0], return_index=True)
        if not len(present):
            raise DataError(f"column {column.name!r} has no values")
        present = present[np.argsort(first)]
        place = np.full(len(names) + 1, -1, np.int32)  # of code -1, the last
        place[present] = np.arange(len(present))
        return _Levels(tuple([names[i] for i in present]), place[codes])


def _constant(levels: _Levels, values: Codes) -> bool:
    """Whether each level has one value."""
    some = (levels.codes >= 0) & (values >= 0)
    pairs = np.unique(np.column_stack([levels.codes[some], values[some]]), axis=0)
    return len(pairs) == len(np.unique(levels.codes[some]))


def _in_turn(own: _Levels, alike: Sequence[Codes]) -> Codes:
    """The levels in an order in which those that are alike take turns, whichever number of them is taken."""
    n = own.count
    kinds = np.zeros(n, np.int64)
    for values in alike:
        if _constant(own, values):
            of_level = np.full(n, -1)
            of_level[own.codes[own.codes >= 0]] = values[own.codes >= 0]
            kinds = np.unique(np.column_stack([kinds, of_level]), axis=0, return_inverse=True)[1].reshape(-1)
    place = np.empty(n)
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(place, kind="stable").astype(np.int32)


def _rows(own: _Levels, order: Codes, size: int) -> tuple[NDArray[np.int64], Codes]:
    """Rows of the table, in its order, for each round through the levels; and the number of the round, from 0."""
    parts = []
    for start in range(0, size, own.count):
        wanted = np.zeros(own.count + 1, bool)  # of code -1, the last
        wanted[order[: size - start]] = True
        parts.append(np.flatnonzero(wanted[own.codes]))
    copies = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return np.concatenate(parts), copies


def _taken(column: Column, rows: NDArray[np.int64]) -> Column:
    return replace(column, values=column.values.take(rows))


def _copied(name: str, own: _Levels, rows: NDArray[np.int64], copies: Codes) -> Column:
    """The column whose levels are new in each round."""
    names = list(own.names)
    for copy in range(1, int(copies.max(initial=0)) + 1):
        names += [f"{level} ({copy + 1})" for level in own.names]
    codes = own.codes.take(rows)
    return Column(name, "factor", np.where(codes >= 0, codes + copies * own.count, -1).astype(np.int32), tuple(names))
