"""A distribution known by its functions, as frozen by `scipy.stats`, on a transformed scale if there is one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import DataError
from ...labelled import Floats
from .face import Slab, steps

TAILS = (0.001, 0.999)  # where a slab ends if its distribution does not
MANY_ATOMS = 5001  # bars narrower than any pixel are drawn as a curve


@dataclass(frozen=True)
class Continuous:
    """A distribution with a density, as frozen by `scipy.stats`.

    Attributes
    ----------
    frozen : has `pdf`, `cdf`, `ppf`, `mean`.
    tails : (lower, upper) probabilities at which a slab ends; None ends it where the distribution does, or at 0.001
        and 0.999 if that is infinitely far.
    """

    frozen: Any
    tails: tuple[float | None, float | None] = (None, None)

    def limits(self) -> tuple[float, float]:
        """The support where it is finite, otherwise quantiles in the tails."""
        return _ends(self.frozen, self.tails)

    def density(self, points: int) -> Slab:
        """Its density on equidistant positions."""
        at = np.linspace(*self.limits(), points)
        return Slab(at, np.asarray(self.frozen.pdf(at), dtype=float))

    def cumulative(self, points: int) -> Slab:
        """Its distribution function on equidistant positions."""
        at = np.linspace(*self.limits(), points)
        return Slab(at, np.asarray(self.frozen.cdf(at), dtype=float))

    def quantile(self, p: Floats) -> Floats:
        """Its quantiles."""
        return np.asarray(self.frozen.ppf(p), dtype=float)

    def cells(self) -> tuple[Floats, Floats, Floats]:
        """Cells between quantiles and equidistant positions: fine where the mass is, and in the tails."""
        p = np.linspace(1e-5, 1 - 1e-5, 4097)
        quantiles = self.quantile(p)
        edges = np.unique(np.concatenate([quantiles, np.linspace(quantiles[0], quantiles[-1], 4097)]))
        apart = np.diff(edges) > 1e-9 * (edges[-1] - edges[0])  # in thinner cells the mass is rounding error
        edges = edges[np.r_[True, apart]]
        mass = np.diff(np.asarray(self.frozen.cdf(edges), dtype=float))
        return edges[:-1], edges[1:], mass

    def shortest(self, width: float) -> tuple[float, float]:
        """The interval from p to p + width whose ends are nearest to each other, over p."""
        from scipy.optimize import minimize_scalar

        def length(p: float) -> float:
            low, high = self.quantile(np.array([p, p + width]))
            return float(high - low)

        spare = 1 - width
        p = np.linspace(0, spare, 513)
        lengths = self.quantile(p + width) - self.quantile(p)
        near = int(np.argmin(lengths))
        around = p[max(near - 1, 0)], p[min(near + 1, 512)]
        best = minimize_scalar(length, bounds=around, method="bounded", options={"xatol": 1e-10 * spare})
        start = best.x if best.fun < lengths[near] else p[near]
        low, high = self.quantile(np.array([start, start + width]))
        return float(low), float(high)

    def mean(self) -> float:
        """Its mean.

        Raises
        ------
        DataError : it has none (a Cauchy).
        """
        return _mean(self.frozen)


@dataclass(frozen=True)
class Discrete:
    """A distribution on atoms, as frozen by `scipy.stats`.

    Attributes
    ----------
    frozen : has `pmf`, `cdf`, `ppf`, `mean`.
    tails : as for `Continuous`.
    """

    frozen: Any
    tails: tuple[float | None, float | None] = (None, None)

    def _atoms(self) -> Floats:
        low, high = _ends(self.frozen, self.tails)
        listed = getattr(getattr(self.frozen, "dist", self.frozen), "xk", None)
        if listed is not None:
            at = np.sort(np.asarray(listed, dtype=float))
            return at[(at >= low) & (at <= high)]
        step = max(math.ceil((high - low + 1) / MANY_ATOMS), 1)
        return np.arange(low, high + 1, step)

    def limits(self) -> tuple[float, float]:
        """Half a bar below the first atom to half a bar above the last."""
        slab = self.density(0)
        return float(slab.at[0]), float(slab.at[-1])

    def density(self, points: int) -> Slab:
        """Bars of its probabilities, each as wide as the smallest distance between atoms; `points` has no say."""
        atoms = self._atoms()
        wide = float(np.diff(atoms).min()) if len(atoms) > 1 else 1.0
        left, right = atoms - wide / 2, atoms + wide / 2
        height = np.asarray(self.frozen.pmf(atoms), dtype=float)
        at = np.column_stack([left, left, right, right]).ravel()
        return Slab(at, np.column_stack([0 * height, height, height, 0 * height]).ravel())

    def cumulative(self, points: int) -> Slab:
        """Steps of its distribution function; `points` has no say."""
        atoms = self._atoms()
        return steps(atoms, np.asarray(self.frozen.cdf(atoms), dtype=float))

    def quantile(self, p: Floats) -> Floats:
        """Its quantiles: atoms."""
        return np.asarray(self.frozen.ppf(p), dtype=float)

    def cells(self) -> tuple[Floats, Floats, Floats]:
        """Its atoms."""
        atoms = Discrete(self.frozen, (1e-9, 1 - 1e-9))._atoms()
        return atoms, atoms, np.diff(np.asarray(self.frozen.cdf(atoms), dtype=float), prepend=0.0)

    def shortest(self, width: float) -> tuple[float, float]:
        """The shortest run of atoms that holds the probability `width`; of several, the most probable."""
        atoms, _, mass = self.cells()
        total = np.r_[0.0, np.cumsum(mass)]
        last = np.searchsorted(total, total[:-1] + width - 1e-12)  # one past the last atom of the run
        first = np.flatnonzero(last <= len(atoms))
        length = atoms[last[first] - 1] - atoms[first]
        held = total[last[first]] - total[first]
        best = first[np.lexsort((-held, length))[0]]
        return float(atoms[best]), float(atoms[last[best] - 1])

    def mean(self) -> float:
        """Its mean."""
        return _mean(self.frozen)


@dataclass(frozen=True)
class Transformed:
    """The functions of a frozen continuous distribution on another scale, a monotone function of its values.

    For an axis with a transformation, log10 for instance: there the slab of X is that of t(X).
    """

    frozen: Any
    transform: Callable[[Any], Any]
    inverse: Callable[[Any], Any]

    @cached_property
    def _falls(self) -> bool:
        low, high = self.transform(self.frozen.ppf(np.array([0.25, 0.75])))
        return bool(low > high)

    def pdf(self, at: Floats) -> Floats:
        """f(x) |dx / dt|, the derivative of the inverse by central differences."""
        step = 1e-5 * max(float(np.ptp(at)), 1e-8)
        slope = (np.asarray(self.inverse(at + step)) - np.asarray(self.inverse(at - step))) / (2 * step)
        return np.asarray(self.frozen.pdf(self.inverse(at)) * np.abs(slope), dtype=float)

    def cdf(self, at: Floats) -> Floats:
        """P(t(X) <= at)."""
        below = self.frozen.cdf(self.inverse(at))
        return np.asarray(1 - below if self._falls else below, dtype=float)

    def ppf(self, p: Floats) -> Floats:
        """Quantiles of t(X)."""
        p = np.asarray(p)
        with np.errstate(divide="ignore"):
            return np.asarray(self.transform(self.frozen.ppf(1 - p if self._falls else p)), dtype=float)

    def mean(self) -> float:
        """Mean of t(X), the midpoint rule over 4096 quantiles."""
        return float(np.mean(self.ppf((np.arange(4096) + 0.5) / 4096)))


def is_known(frozen: Any) -> bool:
    """Whether it has the functions of a distribution and all of its parameters."""
    has_functions = hasattr(frozen, "ppf") and hasattr(frozen, "cdf") and not isinstance(frozen, type)
    return has_functions and not getattr(frozen, "numargs", 0)


def known(
    frozen: Any,
    tails: tuple[float | None, float | None] = (None, None),
    scale: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None = None,
) -> Continuous | Discrete:
    """A frozen distribution of `scipy.stats` behind the common face, on a transformed scale if there is one.

    Parameters
    ----------
    frozen : `scipy.stats.norm(0, 1)`, `scipy.stats.poisson(3)`, ...
    tails : probabilities at which slabs end, None for the ends of the support.
    scale : (transformation, inverse) of the axis.

    Raises
    ------
    DataError : it is no such thing, or a discrete one on a transformed scale.

    >>> from scipy import stats
    >>> round(known(stats.t(5)).limits()[1], 2)
    5.89
    """
    if not is_known(frozen):
        raise DataError(
            f"found {type(frozen).__name__} {frozen!r} where a distribution is expected; "
            "give frozen distributions of scipy.stats, for instance scipy.stats.norm(0, 1)"
        )
    if hasattr(frozen, "pmf"):
        if scale is not None:
            raise DataError("a discrete distribution has no bars on a transformed axis; give draws from it as values")
        return Discrete(frozen, tails)
    return Continuous(frozen if scale is None else Transformed(frozen, *scale), tails)


def _ends(frozen: Any, tails: tuple[float | None, float | None]) -> tuple[float, float]:
    """Quantiles at the tails; where none is given the end of the support if finite, else that of TAILS."""
    ends = []
    for given, extreme, usual in zip(tails, (0.0, 1.0), TAILS, strict=True):
        end = float(frozen.ppf(extreme if given is None else given))
        ends.append(end if math.isfinite(end) else float(frozen.ppf(usual)))
    low, high = ends
    if hasattr(frozen, "pmf") and tails[0] in (None, 0.0) and math.isfinite(low):
        low = max(low, float(frozen.support()[0]))  # ppf(0) is one below the first atom
    return low, high


def _mean(frozen: Any) -> float:
    mean = float(frozen.mean())
    if not math.isfinite(mean):
        raise DataError('point_interval: a distribution here has no mean; try "median_qi"')
    return mean
