"""Counts that vary more or less than Poisson ones: the generalized Poisson distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base import Family, at
from .discrete import COUNT_LINKS, NOT_FOR_COUNTS, count_fault
from .links import Flags, Floats

FAR = 12.0  # standard deviations from the mean: nothing below, and with less than Poisson's variance nothing above
BLOCK = 64  # counts at a time


@dataclass(frozen=True, init=False)
class GeneralizedPoisson(Family):
    """Counts with Var(y) = mu dispersion, where the dispersion may be less than one.

    P(y) = theta (theta + lambda y)^(y - 1) exp(-theta - lambda y) / y!,  theta = mu / sqrt(dispersion),
    lambda = 1 - 1 / sqrt(dispersion)                        (Consul & Famoye 1992, Comm. Stat. 21, 89-109).

    With a dispersion less than one, counts from theta / -lambda on do not occur and the probabilities of the others sum
    to one only nearly (to 0.5 % with five possible counts or more; Consul & Famoye 1992, section 2), as do mean and
    variance. The likelihood takes them as they are, as glmmTMB's; draws and the distribution function share them out.
    """

    name = "generalized_poisson"
    title = "genpois"
    links = COUNT_LINKS
    shape_names = ("dispersion",)
    discrete = has_zeros = True
    means = attained = (0.0, np.inf)
    no_link = NOT_FOR_COUNTS

    @property
    def concentrates(self) -> bool:
        return True

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        return count_fault(y, weights)

    def variance(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return mu * at(shape, 0) / weights

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return weights * _log_probability(y, mu, _root(mu, shape))

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        s = _root(mu, shape)
        return np.where(s > 1, _searched(rng.random(len(mu)), mu, s), _descendants(mu * s, np.maximum(1 - s, 0), rng))

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        s = _root(mu, shape)
        return np.minimum(_up_to(y, mu, s) / _total(mu, s), 1.0)


def _root(mu: Floats, shape: Floats) -> Floats:
    """(n,) 1 / sqrt(dispersion)."""
    return np.broadcast_to(1 / np.sqrt(at(shape, 0)), mu.shape)


def _log_probability(y: Floats, mu: Floats, s: Floats) -> Floats:
    from scipy.special import gammaln

    t = y + s * (mu - y)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.log(mu * s) + (y - 1) * np.log(t) - t - gammaln(y + 1)
    return np.where(y == 0, -s * mu, np.where((t > 0) & (y > 0), own, -np.inf))


def _descendants(theta: Floats, rate: Floats, rng: np.random.Generator) -> Floats:
    """(n,) sizes of families that start with Poisson(theta) members, each of which has Poisson(rate) children.

    Their sizes are generalized Poisson (Consul & Shoukri 1988, Comm. Stat. Sim. Comp. 17, 1-15).
    """
    born = rng.poisson(theta).astype(np.float64)
    total = born.copy()
    while born.any():
        born = rng.poisson(rate * born).astype(np.float64)
        total += born
    return total


def _up_to(y: Floats, mu: Floats, s: Floats) -> Floats:
    """(n,) sums of the probabilities of 0, 1, ..., y."""
    total, last, first = np.zeros(len(mu)), np.floor(y)[:, None], _lowest(mu, s)[:, None]
    rows, step = np.flatnonzero(last >= first), np.arange(BLOCK)
    while len(rows):
        k = first[rows] + step
        p = np.exp(_log_probability(k, mu[rows, None], s[rows, None]))
        total[rows] += np.where(k <= last[rows], p, 0.0).sum(axis=1)
        first[rows] += BLOCK
        rows = rows[(last[rows] >= first[rows])[:, 0]]
    return total


def _lowest(mu: Floats, s: Floats) -> Floats:
    """(n,) counts below which there is nothing: the lower tail is lighter than that of a normal distribution."""
    low: Floats = np.maximum(np.floor(mu - FAR * np.sqrt(mu) / s), 0.0)
    return low


def _total(mu: Floats, s: Floats) -> Floats:
    """(n,) the sum of all probabilities: one, or nearly one where s > 1."""
    total, rows = np.ones(len(mu)), np.flatnonzero(s > 1)
    total[rows] = _up_to(_highest(mu[rows], s[rows]), mu[rows], s[rows])
    return total


def _highest(mu: Floats, s: Floats) -> Floats:
    """(n,) counts above which there is nothing, for s > 1."""
    end: Floats = np.minimum(np.ceil(s * mu / (s - 1)) - 1, np.ceil(mu + FAR * np.sqrt(mu) / s + FAR))
    return end


def _searched(u: Floats, mu: Floats, s: Floats) -> Floats:
    """(n,) the smallest counts with P(Y <= y) >= u, where s > 1."""
    y, total = _lowest(mu, s), _total(mu, s)
    below, rows = np.zeros(len(u)), np.flatnonzero(s > 1)
    while len(rows):
        below[rows] += np.exp(_log_probability(y[rows], mu[rows], s[rows])) / total[rows]
        rows = rows[(below[rows] < u[rows]) & (y[rows] < _highest(mu[rows], s[rows]))]
        y[rows] += 1
    return y
