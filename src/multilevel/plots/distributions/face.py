"""The face of a distribution that is drawn, and the outline it hands out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...labelled import Floats


@dataclass(frozen=True)
class Slab:
    """The outline of a slab: heights over positions.

    Attributes
    ----------
    at : (k,) positions in increasing order, repeated where the height jumps.
    height : (k,) heights >= 0, infinite at a point mass.
    """

    at: Floats
    height: Floats

    def extended(self, low: float, high: float, left: float, right: float) -> Slab:
        """The same slab with constant heights `left` down to `low` and `right` up to `high`."""
        at, height = self.at, self.height
        if low < at[0]:
            at, height = np.r_[low, at[0], at], np.r_[left, left, height]
        if high > at[-1]:
            at, height = np.r_[at, at[-1], high], np.r_[height, right, right]
        return Slab(at, height)


class Distribution(Protocol):
    """The face that samples and known distributions share."""

    def limits(self) -> tuple[float, float]:
        """Where a slab begins and ends."""

    def density(self, points: int) -> Slab:
        """The density, or bars of probabilities."""

    def cumulative(self, points: int) -> Slab:
        """P(X <= x)."""

    def quantile(self, p: Floats) -> Floats:
        """Quantiles at probabilities (k,)."""

    def cells(self) -> tuple[Floats, Floats, Floats]:
        """Left ends, right ends and probabilities of cells that cover nearly all mass; an atom is a cell of width 0."""

    def shortest(self, width: float) -> tuple[float, float]:
        """The shortest interval that holds the probability `width`."""

    def mean(self) -> float:
        """The expected value."""


def bars(edges: Floats, heights: Floats) -> Slab:
    """Bars that stand on edges (k + 1,) with heights (k,), down to zero at both ends."""
    return Slab(np.repeat(edges, 2), np.concatenate([[0.0], np.repeat(heights, 2), [0.0]]))


def steps(atoms: Floats, levels: Floats) -> Slab:
    """A function that jumps at atoms (k,) to levels (k,), from zero."""
    return Slab(np.repeat(atoms, 2), np.column_stack([np.r_[0.0, levels[:-1]], levels]).ravel())
