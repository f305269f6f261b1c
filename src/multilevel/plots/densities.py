"""Gaussian kernel densities of samples: bandwidth, bounds, and the density itself, all from counts on a grid.

Two passes over the values put them on a grid; the rest is Fourier transforms of a few thousand numbers, so a million
values take a tenth of a second.

Sources: Silverman (1982), Algorithm AS 176, Applied Statistics 31, for densities by Fourier transform; Silverman
(1986), Density Estimation, eq. 3.31 and section 2.10, for the rule of thumb and reflection at a boundary; Sheather &
Jones (1991), JRSS B 53, and Wand & Jones (1995), Kernel Smoothing, sections 3.5 and 3.6.1, for the direct plug-in;
Cooke (1979), Biometrika 66, for the bounds of an unknown range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from ..labelled import Floats

CELLS = 4096  # a picture has fewer pixels
TAIL = 6.0  # bandwidths beyond which a Gaussian kernel is zero: exp(-18) = 1.5e-8
NORMAL_IQR = 1.3489795003921634  # interquartile range of the standard normal


@dataclass(frozen=True)
class Smoothing:
    """How a sample becomes a density.

    Attributes
    ----------
    bandwidth : `"dpi"`, the two-stage direct plug-in of Sheather & Jones (default); `"nrd0"`, Silverman's rule of
        thumb; or a number in the units of the values.
    adjust : the bandwidth is multiplied by this.
    bounds : (lower, upper) of what is possible, None where unknown. Mass that smoothing would carry beyond a bound is
        reflected back.
    bounded : where a bound is unknown, estimate it from the sample (Cooke 1979); False for an unbounded density.
    trim : end the density at the smallest and largest value, not where it has vanished.
    """

    bandwidth: str | float = "dpi"
    adjust: float = 1.0
    bounds: tuple[float | None, float | None] = (None, None)
    bounded: bool = True
    trim: bool = True

    def width(self, values: Floats) -> float:
        """Standard deviation of the kernel for these values; 0 where they are all the same."""
        if not isinstance(self.bandwidth, str):
            return self.bandwidth * self.adjust
        rule = plug_in_bandwidth if self.bandwidth == "dpi" else rule_of_thumb_bandwidth
        return rule(values) * self.adjust

    def range(self, values: Floats) -> tuple[float, float]:
        """Bounds of the density: as given, else estimated, else infinite.

        Raises
        ------
        DataError : a value lies beyond a bound that was given.
        """
        low, high = self.bounds
        smallest, largest = float(values.min()), float(values.max())
        if low is not None and smallest < low:
            raise DataError(f"bounds: {smallest:g} is below the lower bound {low:g}; expected all values within them")
        if high is not None and largest > high:
            raise DataError(f"bounds: {largest:g} is above the upper bound {high:g}; expected all values within them")
        if low is None:
            low = -upper_bound(-values) if self.bounded else -math.inf
        if high is None:
            high = upper_bound(values) if self.bounded else math.inf
        return low, high


def on_grid(values: Floats, low: float, high: float, points: int) -> Floats:
    """Counts at `points` equidistant positions from `low` to `high`; a value is shared by its two neighbours.

    (n,) -> (points,), the sum is n.

    >>> on_grid(np.array([0.0, 1.25]), 0, 2, 3)
    array([1.  , 0.75, 0.25])
    """
    place = (values - low) * ((points - 1) / (high - low))
    left = np.minimum(place.astype(np.intp), points - 2)
    right_share = place - left
    counts = np.bincount(left, minlength=points).astype(float)
    moved = np.bincount(left, weights=right_share, minlength=points)
    counts -= moved
    counts[1:] += moved[:-1]
    return counts


def spread(values: Floats, normal_iqr: float = NORMAL_IQR) -> float:
    """The smaller of the standard deviation and the interquartile range over that of a normal, if that is not zero."""
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    low, high = np.quantile(values, (0.25, 0.75))
    return min(deviation, float(high - low) / normal_iqr) or deviation


def rule_of_thumb_bandwidth(values: Floats) -> float:
    """0.9 min(sd, IQR / 1.34) n^(-1/5), Silverman (1986), eq. 3.31 (R's `bw.nrd0`, with his rounded 1.34).

    >>> round(rule_of_thumb_bandwidth(np.arange(10.0)), 6)
    1.719286
    """
    return float(0.9 * spread(values, 1.34) * len(values) ** -0.2)


def plug_in_bandwidth(values: Floats) -> float:
    """Sheather and Jones's two-stage direct plug-in: (1 / (2 sqrt(pi) psi4 n))^(1/5).

    psi_r is the integral of f^(r) f. psi8 is taken from the normal; psi6 and psi4 are estimated with the bandwidths
    that are best for them (Wand & Jones 1995, section 3.6.1). Values are seen on a grid of 4096 cells, so structure
    finer than 1/4096 of the range does not count.

    >>> round(plug_in_bandwidth(np.arange(10.0)), 3)
    2.441
    """
    scale, n = spread(values), len(values)
    low, high = float(values.min()), float(values.max())
    if scale == 0 or high == low:
        return 0.0
    # In units of the scale and from the smallest value, so that units and origin do not matter.
    power, frequency = _spectrum((values - low) / scale, (high - low) / scale)

    def psi(r: int, width: float) -> float:
        """|psi_r|: integral of omega^r |characteristic function|^2 exp(-width^2 omega^2 / 2) over the line, / 2 pi."""
        step = frequency[1]
        return float(np.sum(frequency**r * power * np.exp(-0.5 * (width * frequency) ** 2)) * step / math.pi)

    psi8 = 105 / (32 * math.sqrt(math.pi))
    g6 = (30 / (math.sqrt(2 * math.pi) * psi8 * n)) ** (1 / 9)
    g4 = (6 / (math.sqrt(2 * math.pi) * psi(6, g6) * n)) ** (1 / 7)
    return float(scale * (1 / (2 * math.sqrt(math.pi) * psi(4, g4) * n)) ** (1 / 5))


def _spectrum(values: Floats, range_: float) -> tuple[Floats, Floats]:
    """|Empirical characteristic function|^2 at frequencies >= 0, padded so that images of the sample do not meet."""
    counts = on_grid(values, 0.0, range_, CELLS)
    length = 4 * CELLS
    transform = np.fft.rfft(counts / len(values), length)
    frequency = 2 * math.pi * np.fft.rfftfreq(length, range_ / (CELLS - 1))
    return np.asarray(np.abs(transform) ** 2, dtype=float), np.asarray(frequency, dtype=float)


def kernel_density(values: Floats, width: float, bounds: tuple[float, float], at: Floats) -> Floats:
    """The Gaussian kernel density at positions (k,), mass beyond the bounds reflected, zero outside of them.

    Parameters
    ----------
    values : (n,), not all the same or `width` > 0.
    width : standard deviation of the kernel.
    bounds : (lower, upper), infinite where there is none.
    """
    low, high = bounds
    grid, density = _unbounded(values, width)

    def height(x: Floats) -> Floats:
        return np.interp(x, grid, density, left=0.0, right=0.0)

    total = height(at)
    if math.isfinite(low):
        total = total + height(2 * low - at)
    if math.isfinite(high):
        total = total + height(2 * high - at)
    return np.where((at >= low) & (at <= high), total, 0.0)


def _unbounded(values: Floats, width: float) -> tuple[Floats, Floats]:
    """Grid and density: counts convolved with the kernel through their Fourier transform (Silverman 1982)."""
    low, high = float(values.min()) - TAIL * width, float(values.max()) + TAIL * width
    points = 2 * CELLS
    grid = np.linspace(low, high, points)
    step = (high - low) / (points - 1)
    counts = on_grid(values, low, high, points)
    frequency = 2 * math.pi * np.fft.rfftfreq(points, step)
    transform = np.fft.rfft(counts) * np.exp(-0.5 * (width * frequency) ** 2)
    density = np.fft.irfft(transform, points) / (len(values) * step)
    return grid, np.maximum(density, 0.0)  # rounding errors around zero


def upper_bound(values: Floats) -> float:
    """Cooke's estimate of the largest possible value: the maximum and how the largest values approach it.

    max + sum over i >= 0 of [(1 - i/n)^n - (1 - (i+1)/n)^n] (max - x_(n-i)), x_(n-i) the i-th largest after the
    maximum. The weights have vanished after a few tens of values.

    >>> round(upper_bound(np.linspace(0, 1, 101)), 3)
    1.006
    """
    n = len(values)
    used = min(n, 64)
    largest = np.sort(np.partition(values, n - used)[n - used :])[::-1]
    powers = (1 - np.arange(used + 1) / n) ** n
    return float(largest[0] + (powers[:-1] - powers[1:]) @ (largest[0] - largest))
