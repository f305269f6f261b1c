"""From the grid to means: which rows of the grid each mean averages, and with what weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...data.sums import Floats
from ...digits import significant
from ...errors import InferenceError, nearest
from ...formula.levels import number_labels
from .axes import Axis
from .grid import Grid

WEIGHTS = ("equal", "proportional", "outer", "cells", "flat")


class Key(NamedTuple):
    """What identifies the rows of a table in one column: `labels` as in names, `cells` as printed, `values` raw.

    `enhanced` says that the labels are numbers, which say nothing without the name of the column.
    """

    name: str
    labels: tuple[str, ...]
    cells: tuple[str, ...]
    values: tuple[str | float, ...]
    enhanced: bool

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return bool(self.values) and isinstance(self.values[0], float)

    def written(self, row: int) -> str:
        """How a contrast names the row."""
        return f"{self.name}{self.labels[row]}" if self.enhanced else self.labels[row]

    def taken(self, rows: Sequence[int] | NDArray[np.intp]) -> Key:
        """The same for some rows."""
        return Key(
            self.name,
            tuple([self.labels[i] for i in rows]),
            tuple([self.cells[i] for i in rows]),
            tuple([self.values[i] for i in rows]),
            self.enhanced,
        )


def text_key(name: str, labels: Sequence[str]) -> Key:
    """A column of words, such as the names of contrasts."""
    return Key(name, tuple(labels), tuple(labels), tuple(labels), False)


class Averages(NamedTuple):
    """Linear functions of the coefficients, one for each mean: L (k, columns of X), and what is added to each."""

    keys: tuple[Key, ...]
    L: Floats
    constant: Floats
    averaged: tuple[str, ...]


def averages(grid: Grid, X: Floats, names: Sequence[str], weights: Any = "equal") -> Averages:
    """Averages of rows X (m, columns) of a grid over all predictors that are not among `names`.

    Combinations of nested factors that do not exist have no row, and equal weights are equal within a nest.
    `weights` is one of WEIGHTS, or an array with one number for each combination that is averaged.
    """
    where = [grid.places(name) for name in names]
    sizes = [len(grid.axis(name)) for name in names]
    target = np.zeros(len(X), np.intp)
    for places, stride in zip(where, np.cumprod([1, *sizes])[:-1].tolist(), strict=True):
        target += stride * places
    exists = _exists(grid)
    w = _weights(grid, names, weights) * exists
    total = np.bincount(target, w, prod(sizes))
    with np.errstate(divide="ignore", invalid="ignore"):
        w = w / total[target]  # NaN where nothing has weight: such a mean is not estimable
    order = np.argsort(target, kind="stable")
    starts = np.searchsorted(target[order], np.arange(prod(sizes)))
    L = np.add.reduceat(w[order, None] * X[order], starts)
    constant = np.add.reduceat((w * grid.offset)[order], starts)
    over = [axis.name for axis in grid.axes if axis.name not in names and len(axis) > 1]
    over.sort(key=lambda name: name not in grid.nests)
    keys = _keys([grid.axis(name) for name in names])
    rows = np.flatnonzero(np.bincount(target, exists, prod(sizes)))  # of nested factors, what is nested in what
    if len(rows) < len(L):
        keys, L, constant = tuple(key.taken(rows) for key in keys), L[rows], constant[rows]
    return Averages(keys, L, constant, tuple(over))


def _exists(grid: Grid) -> Floats:
    """(m,) 1 where all nested factors occur within what they are nested in, 0 elsewhere."""
    exists = np.ones(len(grid.X))
    for a, outer in grid.nests.items():
        exists *= counts(grid, [grid.axis(name) for name in (a, *outer)]) > 0
    return exists


def _nested_shares(grid: Grid, names: Sequence[str]) -> Floats:
    """(m,) equal weights within what nested factors are nested in: one over the number of levels that occur there."""
    shares = np.ones(len(grid.X))
    for a, outer in grid.nests.items():
        if a in names:
            continue
        place, size = np.zeros(len(grid.X), np.intp), 1
        for name in outer:
            place += size * grid.places(name)
            size *= len(grid.axis(name))
        inside = counts(grid, [grid.axis(name) for name in (a, *outer)]) > 0
        pairs = np.unique(np.column_stack([place, grid.places(a)])[inside], axis=0)
        shares /= np.maximum(np.bincount(pairs[:, 0], minlength=size), 1)[place]
    return shares


def _keys(axes: Sequence[Axis]) -> tuple[Key, ...]:
    if not axes:
        return (text_key("1", ("overall",)),)
    sizes = [len(axis) for axis in axes]
    every = np.arange(prod(sizes))
    keys = []
    for axis, stride in zip(axes, np.cumprod([1, *sizes])[:-1].tolist(), strict=True):
        keys.append(_key(axis).taken((every // stride % len(axis)).tolist()))
    return tuple(keys)


def _key(axis: Axis) -> Key:
    if axis.numeric:
        numbers = np.array(axis.values, np.float64)
        return Key(axis.name, number_labels(numbers), tuple(significant(numbers, 3)), axis.values, True)
    labels = tuple(map(str, axis.values))
    return Key(axis.name, labels, labels, labels, all(map(_is_number, labels)))


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


def _weights(grid: Grid, names: Sequence[str], weights: Any) -> Floats:
    """(m,) the weight of each combination of the grid in its mean, up to a factor."""
    over = [axis for axis in grid.axes if axis.name not in names]
    if not isinstance(weights, str):
        return _given(grid, over, weights)
    if weights not in WEIGHTS:
        near = nearest(weights, WEIGHTS)
        raise InferenceError(
            f"weights is {weights!r}; expected one of {', '.join(map(repr, WEIGHTS))}, or numbers{near}"
        )
    match weights:
        case "equal":
            return _nested_shares(grid, names)
        case "cells" | "flat":
            counted = counts(grid, grid.axes)
            return counted if weights == "cells" else (counted > 0).astype(np.float64)
        case "proportional":
            return counts(grid, over)
    product = np.ones(len(grid.X))
    for axis in over:
        product *= counts(grid, [axis])
    return product


def _given(grid: Grid, over: Sequence[Axis], weights: Any) -> Floats:
    """One number for each combination of the predictors that are averaged over, the first varying fastest."""
    try:
        values = np.array(weights, np.float64)
    except (TypeError, ValueError):
        raise InferenceError("weights should be the name of a kind of weights, or numbers") from None
    sizes = [len(axis) for axis in over]
    if values.shape != (prod(sizes),):
        shape = " x ".join(f"{len(axis)} {axis.name}" for axis in over if len(axis) > 1) or "nothing"
        raise InferenceError(
            f"weights has shape {values.shape}; each mean averages {prod(sizes)} combinations ({shape}): "
            "give one weight for each, those of the first varying fastest"
        )
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise InferenceError("weights should be zero or positive numbers, not all zero")
    place = np.zeros(len(grid.X), np.intp)
    for axis, stride in zip(over, np.cumprod([1, *sizes])[:-1].tolist(), strict=True):
        place += stride * grid.places(axis.name)
    return values[place]


def counts(grid: Grid, axes: Sequence[Axis]) -> Floats:
    """(m,) rows of the data (by their prior weights) at the values that each combination has in some axes."""
    counted = [axis for axis in axes if axis.counted]
    if not counted:
        return np.ones(len(grid.X))
    cell, present = np.zeros(len(counted[0].codes), np.intp), np.ones(len(counted[0].codes), bool)
    place, size = np.zeros(len(grid.X), np.intp), 1
    for axis in counted:
        codes = axis.codes
        present &= codes >= 0
        cell += size * np.maximum(codes, 0)
        place += size * grid.places(axis.name)
        size *= len(axis)
    weights = None if grid.weights is None else grid.weights[present]
    return np.bincount(cell[present], weights, size).astype(np.float64)[place]
