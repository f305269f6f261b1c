"""Dots: which values, in which stacks, and how large.

Sources: Kay, Kola, Hullman & Munson (2016), CHI '16, for quantile dotplots; Wilkinson (1999), Dot plots, The American
Statistician 53, for the stacks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..labelled import Floats
from .distributions import Distribution

LARGEST = 0.25  # of the room: a single dot should not fill a panel


def quantile_dots(distribution: Distribution, count: int) -> Floats:
    """The values of `count` dots, each standing for a probability of 1 / count: quantiles at (i - 1/2) / count.

    >>> from multilevel.plots.distributions import Sample
    >>> quantile_dots(Sample(np.arange(101.0)), 4)
    array([12.5, 37.5, 62.5, 87.5])
    """
    return distribution.quantile((np.arange(count) + 0.5) / count)


def stacks(values: Floats, width: float) -> tuple[Floats, NDArray[np.intp]]:
    """Centres and numbers of dots of the stacks, from the smallest value on (Wilkinson 1999).

    A stack takes the values less than `width` above its first, and stands in the middle of those it took.

    Parameters
    ----------
    values : (n,) in increasing order.
    width : diameter of a dot, in the units of the values.

    >>> stacks(np.array([0.0, 0.1, 0.3, 2.0]), 0.25)
    (array([0.05, 0.3 , 2.  ]), array([2, 1, 1]))
    """
    starts = [0]
    while (end := int(np.searchsorted(values, values[starts[-1]] + width))) < len(values):
        starts.append(max(end, starts[-1] + 1))
    first = np.array(starts)
    last = np.r_[first[1:], len(values)] - 1
    return (values[first] + values[last]) / 2, last - first + 1


def fitting_diameter(samples: Sequence[Floats], room: float, spacing: float = 1.0) -> float:
    """The largest diameter, to a thousandth, with which the tallest stack of every sample fits into the room.

    Parameters
    ----------
    samples : each (n,) in increasing order, in the units of the room (pixels).
    room : height that a stack may have.
    spacing : distance between the centres of neighbours in a stack, in diameters.

    >>> round(fitting_diameter([np.zeros(10)], 100.0), 1)
    10.0
    """

    def fits(diameter: float) -> bool:
        most = max(int(stacks(values, diameter)[1].max()) for values in samples)
        return diameter * ((most - 1) * spacing + 1) <= room

    low, high = 0.0, LARGEST * room
    if fits(high):
        return high
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def stack_heights(counts: NDArray[np.intp]) -> Floats:
    """Number of each dot in its stack, from 0: (2, 1) -> 0, 1, 0."""
    total = int(counts.sum())
    return (np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)).astype(float)
