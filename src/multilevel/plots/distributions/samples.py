"""A distribution as a sample: values that were observed or drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ...labelled import Floats
from ..densities import Smoothing, kernel_density
from .face import Slab, bars, steps


@dataclass(frozen=True)
class Sample:
    """Values as they were observed or drawn.

    Attributes
    ----------
    values : (n,) finite numbers, n >= 1.
    smoothing : how they become a density.
    """

    values: Floats
    smoothing: Smoothing = field(default_factory=Smoothing)

    @cached_property
    def _range(self) -> tuple[float, float]:
        return float(self.values.min()), float(self.values.max())

    @cached_property
    def _sorted(self) -> Floats:
        return np.sort(self.values)

    @cached_property
    def _bandwidth(self) -> float:
        return self.smoothing.width(self.values)

    @property
    def constant(self) -> bool:
        """Whether there is one value only: a point mass, which no density describes."""
        return self._range[0] == self._range[1]

    def limits(self) -> tuple[float, float]:
        """The range of the values, or where the density vanishes if it is not to be trimmed."""
        low, high = self._range
        if self.smoothing.trim or self.constant:
            return low, high
        bounds = self.smoothing.range(self.values)
        return max(low - 3 * self._bandwidth, bounds[0]), min(high + 3 * self._bandwidth, bounds[1])

    def density(self, points: int) -> Slab:
        """The kernel density; a spike where all values are the same."""
        low, high = self.limits()
        if self.constant:
            return Slab(np.array([low]), np.array([math.inf]))
        at = np.linspace(low, high, points)
        bounds = self.smoothing.range(self.values)
        return Slab(at, kernel_density(self.values, self._bandwidth, bounds, at))

    def histogram(self, breaks: str | int | Floats) -> Slab:
        """Bars whose area is 1, breaks as in `numpy.histogram`; a spike where all values are the same."""
        if self.constant:
            return self.density(1)
        heights, edges = np.histogram(self.values, bins=breaks, density=True)
        return bars(edges, heights)

    def cumulative(self, points: int) -> Slab:
        """The empirical distribution function."""
        low, high = self._range
        if len(self.values) <= points:
            return steps(self._sorted, np.arange(1, len(self.values) + 1) / len(self.values))
        at = np.linspace(low, high, points)
        return Slab(at, np.searchsorted(self._sorted, at, side="right") / len(self.values))

    def quantile(self, p: Floats) -> Floats:
        """Quantiles, interpolated linearly (R's type 7)."""
        return np.quantile(self.values, p)

    def cells(self) -> tuple[Floats, Floats, Floats]:
        """Cells of the kernel density."""
        if self.constant:
            return self.values[:1], self.values[:1], np.ones(1)
        slab = self.density(4096)
        mass = np.diff(slab.at) * (slab.height[:-1] + slab.height[1:]) / 2
        return slab.at[:-1], slab.at[1:], mass / mass.sum()

    def shortest(self, width: float) -> tuple[float, float]:
        """The shortest window over the sorted values that holds ceil(width n) of them."""
        count = max(math.ceil(width * len(self.values) - 1e-9), 1)
        left, right = self._sorted[: len(self.values) - count + 1], self._sorted[count - 1 :]
        first = int(np.argmin(right - left))
        return float(left[first]), float(right[first])

    def mean(self) -> float:
        """Their mean."""
        return float(self.values.mean())
