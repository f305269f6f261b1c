"""Tweedie responses: sums of a random number of gamma variables, zero where there are none.

    y = sum of N gamma variables,  N ~ Poisson(lambda),  each of them Gamma(a, scale)
    lambda = mu^(2-p) / (v (2-p)),  a = (2-p) / (p-1),  scale = v (p-1) mu^(p-1),  v = dispersion / weight

Jørgensen (1987), JRSS B 49, 127-162; the density is a sum over N (Dunn & Smyth 2005, Statistics and Computing 15,
267-280).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import FitError
from .base import Family, at
from .links import Flags, Floats, Link

TAIL = 9.0  # standard deviations of N, beyond which its terms are below 1e-17 of the largest


@dataclass(frozen=True, init=False)
class Tweedie(Family):
    """Zeros and positive numbers: Var(y) = dispersion mu^power / weight, 1 < power < 2.

    `power` is estimated, or given: `tweedie(power=1.5)`.
    """

    power: float | None

    name = title = "tweedie"
    links = ("log", "identity", "inverse")
    shape_names = ("dispersion", "power")
    shape_range = "positive, the power between 1 and 2"
    has_zeros = True
    means = (0.0, np.inf)
    attained = (0.0, np.inf)
    no_link = "its means are positive numbers, not probabilities"

    def __init__(self, link: str | Link = "", power: float | None = None) -> None:
        super().__init__(link)
        if power is not None and not 1 < power < 2:
            raise FitError(f"the power of a Tweedie family is {power!r}; expected a number between 1 and 2")
        object.__setattr__(self, "power", power)

    def given_shape(self) -> Floats:
        return np.array([np.nan, np.nan if self.power is None else float(self.power)])

    def possible_shape(self, shape: Floats) -> bool:
        dispersion, power = shape
        return bool(dispersion > 0 and 1 < power < 2)

    def parameters(self, shape: Floats) -> Floats:
        """log dispersion, logit (power - 1)."""
        dispersion, power = shape
        return np.array([np.log(dispersion), np.log((power - 1) / (2 - power))])

    def natural(self, parameters: Floats) -> Floats:
        return np.array([np.exp(parameters[0]), 1 + 1 / (1 + np.exp(-parameters[1]))])

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        wrong = ~(y >= 0)
        return (wrong, "expected zeros and positive numbers") if wrong.any() else None

    def dispersion(self, shape: Floats) -> float:
        return float(shape[0])

    def variance(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return at(shape, 0) * mu ** at(shape, 1) / weights

    def deviance(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        p = at(shape, 1)
        one = y * (np.where(y > 0, y, 1.0) ** (1 - p) - mu ** (1 - p)) / (1 - p)
        deviance: Floats = 2 * weights * (one - (y ** (2 - p) - mu ** (2 - p)) / (2 - p))
        return deviance

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import gammaln, xlogy

        rate, a, scale = self._parts(mu, weights, shape)
        positive = np.where(y > 0, y, 1.0)
        peak = positive ** (2 - at(shape, 1)) * weights / (at(shape, 0) * (2 - at(shape, 1)))

        def log_term(j: Floats, rows: Flags) -> Floats:
            aj = np.broadcast_to(a, y.shape)[rows] * j
            drawn = xlogy(j, rate[rows]) - rate[rows] - gammaln(j + 1)
            ratio = positive[rows] / scale[rows]
            term: Floats = drawn + (aj - 1) * np.log(ratio) - ratio - gammaln(aj) - np.log(scale[rows])
            return term

        rows = np.ones(len(y), dtype=bool)
        top = log_term(np.maximum(np.round(peak), 1.0), rows)
        total = _summed(peak, lambda j, rows: np.exp(log_term(j, rows) - top[rows]))
        return np.where(y > 0, top + np.log(total), -rate)

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        rate, a, scale = self._parts(mu, weights, shape)
        n = rng.poisson(rate)
        return np.where(n > 0, rng.gamma(np.where(n > 0, n * a, 1.0), scale), 0.0)

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import gammainc, gammaln, xlogy

        rate, a, scale = self._parts(mu, weights, shape)
        a, inside = np.broadcast_to(a, y.shape), np.maximum(y, 0.0) / scale

        def term(j: Floats, rows: Flags) -> Floats:
            chance = np.exp(xlogy(j, rate[rows]) - rate[rows] - gammaln(j + 1))
            share: Floats = chance * gammainc(a[rows] * j, inside[rows])
            return share

        p = np.exp(-rate) + _summed(rate, term)
        return np.where(y < 0, 0.0, np.minimum(p, 1.0))

    def below(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return np.where(y <= 0, 0.0, self.cdf(y, mu, weights, shape))

    def _parts(self, mu: Floats, weights: Floats, shape: Floats) -> tuple[Floats, Floats, Floats]:
        """Rate of N, and shape and scale of the gamma variables."""
        p, v = np.asarray(at(shape, 1)), at(shape, 0) / weights
        return mu ** (2 - p) / (v * (2 - p)), (2 - p) / (p - 1), v * (p - 1) * mu ** (p - 1)


def _summed(peak: Floats, term: Callable[[Floats, Flags], Floats]) -> Floats:
    """(n,) sums over j = 1, 2, ... around the peaks (n,), as far as terms of a Poisson distribution reach."""
    reach = TAIL * np.sqrt(peak + 1) + 20
    first, last = np.maximum(np.floor(peak - reach), 1.0), np.ceil(peak + reach)
    total, j = np.zeros(len(peak)), first.copy()
    while (rows := j <= last).any():
        total[rows] += term(j[rows], rows)
        j += 1
    return total
