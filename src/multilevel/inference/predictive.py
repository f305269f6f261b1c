"""Limits of a response that is yet to come: quantiles of a family whose linear predictor is uncertain.

    F(y) = E F(y; g^-1(eta + sd z), shape),   z standard normal

by the trapezoidal rule, whose nodes lie 1/16 apart: exact to rounding where the family spreads over more than that, and
to 0.002 in probability where it is as good as a point beside sd (Trefethen & Weideman 2014, SIAM Review 56, 385-458).
Where the dispersion has an uncertain predictor as well, the nodes are those of a plane, 1/8 and 1/2 apart; a predictor
of the zero inflation is averaged over at each of them.
A limit is the smallest y with F(y) >= q, so that limits of counts hold at least what they promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..families import Family

STEP, REACH = 1 / 16, 112  # nodes from -7 to 7
FINE, COARSE, RADIUS = 1 / 8, 1 / 2, 6  # in the plane
CELLS = 400_000  # nodes times rows at a time
LOST = 1e-4  # probability of means that the family cannot have, which may be left out
SURE = 1e-15


@dataclass(frozen=True, eq=False)
class Beside:
    """A normal predictor beside that of the mean, at + root'z; z (k,) are standard normal, the first that of the mean.

    Parameters
    ----------
    at, root : (n,) and (k, n), the last of k its own.
    """

    at: Floats
    root: Floats

    def on(self, nodes: Floats, rows: slice) -> Floats:
        """(m, n) where z begins like these nodes (m, j) and all others are zero."""
        made: Floats = self.at[rows] + nodes @ self.root[: nodes.shape[1], rows]
        return made


@dataclass(frozen=True, eq=False)
class Predictive:
    """New responses of n rows.

    Parameters
    ----------
    family : of the response.
    eta, sd : (n,) the linear predictor and its standard deviation.
    weights : (n,) prior weights, numbers of trials for proportions.
    shape : (s,) or (s, n) parameters of the family besides the mean.
    zero : (n,) probabilities of a zero that the family has no part in; None: none.
    dispersion : the logarithm of the dispersion, where that is uncertain.
    shapes : from dispersions (m,) to shapes (s, m).
    inflation : the logit of `zero`, where that is uncertain.
    """

    family: Family
    eta: Floats
    sd: Floats
    weights: Floats
    shape: Floats
    zero: Floats | None = None
    dispersion: Beside | None = None
    shapes: Callable[[Floats], Floats] | None = None
    inflation: Beside | None = None

    def limits(self, lower: float, upper: float) -> tuple[Floats, Floats, Floats]:
        """Standard deviations (n,), and quantiles (n,) at two probabilities."""
        out = np.empty((3, len(self.eta)))
        for rows in self._pieces():
            mixture = self._mixture(rows)
            out[0, rows] = mixture.sd()
            for k, q in ((1, lower), (2, upper)):
                out[k, rows] = mixture.counted(q) if self.family.discrete else mixture.measured(q)
        return out[0], out[1], out[2]

    def _pieces(self) -> Iterator[slice]:
        size = max(1, CELLS // len(self._nodes))
        return (slice(at, at + size) for at in range(0, len(self.eta), size))

    @cached_property
    def _nodes(self) -> Floats:
        """(m, 1) or (m, 2), the middle of the distribution first."""
        if self.dispersion is None:
            nodes = STEP * np.arange(-REACH, REACH + 1)[:, None]
        else:
            across = [step * np.arange(-np.ceil(RADIUS / step), RADIUS / step + 1) for step in (FINE, COARSE)]
            nodes = np.stack(np.meshgrid(*across), axis=-1).reshape(-1, 2)
        square = (nodes**2).sum(axis=1)
        kept = square <= (REACH * STEP if self.dispersion is None else RADIUS) ** 2
        sorted_nodes: Floats = nodes[kept][np.argsort(square[kept], kind="stable")]
        return sorted_nodes

    def _mixture(self, rows: slice) -> _Mixture:
        nodes = self._nodes
        parts = np.exp(-(nodes**2).sum(axis=1) / 2)
        mu = self.family.link.inverse(self.eta[rows] + nodes[:, :1] * self.sd[rows])
        possible = self.family.possible(mu)
        share = (parts[:, None] * possible).sum(axis=0) / parts.sum()
        if (share < 1 - LOST).any():
            raise InferenceError(
                f"with the link {self.family.link.name!r} this uncertainty reaches means that the {self.family.name} "
                "family cannot have; there is no interval of responses"
            )
        mass = np.where(possible, parts[:, None], 0.0) / (parts.sum() * share)
        mu = np.where(possible, mu, self.family.link.inverse(self.eta[rows]))
        return _Mixture(self.family, mu, mass, self.weights[rows], self._shape(rows), self._zero(rows, mu.shape[1]))

    def _shape(self, rows: slice) -> Floats:
        """(s,), (s, n) or (s, m n), row after row at each node."""
        if self.dispersion is not None and self.shapes is not None:
            return self.shapes(np.exp(self.dispersion.on(self._nodes, rows)).ravel())
        return self.shape if self.shape.ndim == 1 else np.tile(self.shape[:, rows], len(self._nodes))

    def _zero(self, rows: slice, n: int) -> Floats:
        """(n,), or (m, n) at each node."""
        if self.inflation is None:
            return np.zeros(n) if self.zero is None else self.zero[rows]
        from scipy.special import expit

        at, own = self.inflation.on(self._nodes, rows), self.inflation.root[-1, rows]
        z = COARSE * np.arange(-RADIUS / COARSE, RADIUS / COARSE + 1)
        parts = np.exp(-(z**2) / 2)
        total = np.zeros_like(at)
        for node, part in zip(z.tolist(), (parts / parts.sum()).tolist(), strict=True):
            total += part * expit(at + node * own)
        return total


@dataclass(frozen=True, eq=False)
class _Mixture:
    """Means (k, n) of the family with their probabilities (k, n), beside zeros of another kind, (n,) or (k, n)."""

    family: Family
    mu: Floats
    mass: Floats
    weights: Floats
    shape: Floats
    zero: Floats

    def cdf(self, y: Floats) -> Floats:
        """(n,) P(Y <= y)."""
        k, n = self.mu.shape
        p = self.family.cdf(np.tile(y, k), self.mu.ravel(), np.tile(self.weights, k), self.shape).reshape(k, n)
        total: Floats = ((self.zero * (y >= 0) + (1 - self.zero) * p) * self.mass).sum(axis=0)
        return total

    def sd(self) -> Floats:
        """(n,) standard deviations."""
        k, n = self.mu.shape
        variance = self.family.variance(self.mu.ravel(), np.tile(self.weights, k), self.shape).reshape(k, n)
        means = self.family.expected(self.mu.ravel(), self.shape).reshape(k, n)
        mass = self.mass * (1 - self.zero)
        mean, square = (mass * means).sum(axis=0), (mass * (variance + means**2)).sum(axis=0)
        sd: Floats = np.sqrt(square - mean**2)
        return sd

    def counted(self, q: float) -> Floats:
        """(n,) the smallest count, or proportion of the trials, with cdf >= q, by bisection."""
        unit = 1 / self.weights if self.family.trials else np.ones_like(self.weights)
        low = np.full(len(unit), -1.0)  # cdf < q here, and >= q at high
        high = self.weights.copy() if self.family.trials else np.ceil(self.mu.max(axis=0))
        while not self.family.trials and (short := self.cdf(high) < q).any():
            low, high = np.where(short, high, low), np.where(short, 2 * high + 1, high)
        while (high - low > 1).any():
            middle = np.floor((low + high) / 2)
            enough = self.cdf(middle * unit) >= q
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return high * unit

    def measured(self, q: float) -> Floats:
        """(n,) the number with cdf = q, zero where zeros alone have that probability."""
        start, back = _scale(self.family)
        at_zero = self.cdf(np.zeros(self.mu.shape[1])) if self.family.has_zeros else self._inflated()
        above = np.where(at_zero < q, q, (1 + at_zero) / 2)  # where there is a root to find
        found = back(self._root(start(self._middle()), back, above))
        return np.where(at_zero >= q, 0.0, found)

    def _middle(self) -> Floats:
        middle: Floats = self.mu[0]
        return middle

    def _inflated(self) -> Floats:
        """(n,) probabilities of a zero that the family has no part in."""
        total: Floats = (self.zero * self.mass).sum(axis=0)
        return total

    def _root(self, start: Floats, back: Callable[[Floats], Floats], q: Floats) -> Floats:
        """(n,) where normal scores of the cdf, nearly straight lines, are that of q (Ridders 1979, IEEE CAS 26)."""
        from scipy.special import ndtri

        def off(t: Floats) -> Floats:
            score: Floats = ndtri(np.clip(self.cdf(back(t)), 1e-300, 1 - SURE)) - ndtri(q)
            return score

        low, f_low = _beyond(off, start, -1.0)
        high, f_high = _beyond(off, start, 1.0)
        t = (low + high) / 2
        for _ in range(60):
            middle = (low + high) / 2
            f = off(middle)
            root = np.sqrt(np.maximum(f**2 - f_low * f_high, 0.0))
            t = np.where(root > 0, middle - (middle - low) * f / np.where(root > 0, root, 1.0), middle)
            f_t = off(t)
            if (np.minimum(np.abs(f_t), high - low) < 1e-10).all():
                break
            for at, value in ((middle, f), (t, f_t)):
                lower, upper = (value < 0) & (at > low), (value >= 0) & (at < high)
                low, f_low = np.where(lower, at, low), np.where(lower, value, f_low)
                high, f_high = np.where(upper, at, high), np.where(upper, value, f_high)
        return t


def _beyond(off: Callable[[Floats], Floats], start: Floats, side: float) -> tuple[Floats, Floats]:
    """Points on one side (-1, 1) of the roots of a growing function, and its values there."""
    reach = np.full_like(start, side)
    for _ in range(60):
        value = off(start + reach)
        short = value * side < 0
        if not short.any():
            break
        reach = np.where(short, 2 * reach, reach)
    return start + reach, value


def _scale(family: Family) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    """Onto the whole line and back, from where responses can be."""
    from scipy.special import expit, logit

    if family.means == (0.0, 1.0):
        return logit, expit
    if family.means == (0.0, np.inf):
        return np.log, np.exp
    return np.copy, np.copy
