"""A point and intervals for a distribution: median, mean or mode; quantile or highest-density intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, nearest
from ..labelled import Floats
from .distributions import Distribution

POINTS = ("median", "mean", "mode")
INTERVALS = ("qi", "hdi", "hdci")
NAMES = tuple(f"{point}_{interval}" for point in POINTS for interval in INTERVALS)


@dataclass(frozen=True)
class Interval:
    """One stretch of an interval.

    Attributes
    ----------
    point : the value of the point estimate.
    lower, upper : ends.
    width : the probability of the whole interval, of which this may be one of several stretches.
    """

    point: float
    lower: float
    upper: float
    width: float


def point_interval(
    distribution: Distribution, name: str = "median_qi", widths: Sequence[float] = (0.66, 0.95)
) -> list[Interval]:
    """A point and its intervals, from the narrowest to the widest.

    Parameters
    ----------
    distribution : a sample, or a known distribution.
    name : `"median_qi"`, `"mean_qi"`, `"mode_hdi"`, ...: `median`, `mean` or `mode` with `qi` (quantiles, the same
        probability in both tails), `hdi` (highest density; several stretches where there are several modes; Hyndman
        1996, The American Statistician 50) or `hdci` (the shortest single stretch).
    widths : probabilities of the intervals.

    Raises
    ------
    DataError : the name is not known.

    >>> from scipy import stats
    >>> from multilevel.plots.distributions import known
    >>> [(round(i.lower, 2), round(i.upper, 2)) for i in point_interval(known(stats.norm(0, 1)), "mode_hdci", (0.95,))]
    [(-1.96, 1.96)]
    """
    point_name, _, interval_name = name.partition("_")
    if name not in NAMES:
        raise DataError(f"point_interval is {name!r}; expected one of {', '.join(NAMES)}{nearest(str(name), NAMES)}")
    point = _point(distribution, point_name)
    return [
        Interval(point, low, high, width)
        for width in sorted(widths)
        for low, high in _stretches(distribution, interval_name, width)
    ]


def _point(distribution: Distribution, name: str) -> float:
    if name == "mean":
        return distribution.mean()
    if name == "median":
        return float(distribution.quantile(np.array([0.5]))[0])
    slab = distribution.density(4097)
    (top,) = np.nonzero(slab.height == slab.height.max())
    end = int(np.argmax(np.diff(top, append=np.iinfo(int).max) > 1))  # of the first run: a bar, a flat top, a point
    return float((slab.at[top[0]] + slab.at[top[end]]) / 2)


def _stretches(distribution: Distribution, name: str, width: float) -> list[tuple[float, float]]:
    if name == "qi":
        low, high = distribution.quantile(np.array([(1 - width) / 2, (1 + width) / 2]))
        return [(float(low), float(high))]
    if name == "hdci":
        return [distribution.shortest(width)]
    return highest_density(*distribution.cells(), width)


def highest_density(left: Floats, right: Floats, mass: Floats, width: float) -> list[tuple[float, float]]:
    """The densest cells that together hold the probability `width`, as stretches of neighbours.

    Parameters
    ----------
    left, right : (k,) ends of the cells in order, equal for atoms.
    mass : (k,) probabilities of the cells.
    width : probability to hold.

    >>> highest_density(np.arange(4.0), np.arange(4.0), np.array([0.4, 0.1, 0.15, 0.35]), 0.7)
    [(0.0, 0.0), (3.0, 3.0)]
    """
    size = right - left
    dense = mass / np.where(size > 0, size, 1.0)
    total = np.cumsum(mass)
    from_centre = np.abs(total - mass / 2 - total[-1] / 2)  # where the density is flat, the middle comes first
    order = np.lexsort((from_centre, -np.round(dense / dense.max(), 9)))
    held = np.cumsum(mass[order])
    chosen = np.sort(order[: int(np.searchsorted(held, width * held[-1] - 1e-12)) + 1])
    first = np.flatnonzero(np.r_[True, np.diff(chosen) > 1])
    last = np.r_[first[1:] - 1, len(chosen) - 1]
    return [(float(left[a]), float(right[b])) for a, b in zip(chosen[first], chosen[last], strict=True)]
