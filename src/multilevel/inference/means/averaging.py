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

    `weights` is one of WEIGHTS, or an array with one number for each combination that is averaged.
    """
    where = [grid.places(name) for name in names]
    sizes = [len(grid.axis(name)) for name in names]
    target = np.zeros(len(X), np.intp)
    for places, stride in zip(where, np.cumprod([1, *sizes])[:-1].tolist(), strict=True):
        target += stride * places
    w = _weights(grid, names, weights)
    total = np.bincount(target, w, prod(sizes))
    with np.errstate(divide="ignore", invalid="ignore"):
        w = w / total[target]  # NaN where nothing has weight: such a mean is not estimable
    order = np.argsort(target, kind="stable")
    starts = np.searchsorted(target[order], np.arange(prod(sizes)))
    L = np.add.reduceat(w[order, None] * X[order], starts)
    constant = np.add.reduceat((w * grid.offset)[order], starts)
    over = tuple(axis.name for axis in grid.axes if axis.name not in names and len(axis) > 1)
    return Averages(_keys([grid.axis(name) for name in names]), L, constant, over)


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
    m = len(grid.X)
    if not isinstance(weights, str):
        return _given(grid, over, weights)
    if weights not in WEIGHTS:
        near = nearest(weights, WEIGHTS)
        raise InferenceError(
            f"weights is {weights!r}; expected one of {', '.join(map(repr, WEIGHTS))}, or numbers{near}"
        )
    match weights:
        case "equal":
            return np.ones(m)
        case "cells" | "flat":
            counted = counts(grid, grid.axes)
            return counted if weights == "cells" else (counted > 0).astype(np.float64)
        case "proportional":
            return counts(grid, over)
    product = np.ones(m)
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
