"""Counts without zeros: a family of counts, given that the count is not zero.

    P(Y = y) = f(y; mu) / (1 - f(0; mu)),  y = 1, 2, ...

mu, which the linear predictor gives, is the mean of the family with its zeros, as in glmmTMB (Plackett 1953,
Biometrika 40, 485-488; Mullahy 1986, J. Econometrics 33, 341-365, for hurdle models, where zeros have their own model).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Family, whole
from .discrete import COUNT_LINKS, NOT_FOR_COUNTS, NegativeBinomial, NegativeBinomial1, Poisson
from .generalized_poisson import GeneralizedPoisson
from .links import Flags, Floats

STEP = 1e-3


@dataclass(frozen=True, init=False)
class Truncated(Family):
    """A family of counts without its zeros; `mu` is the mean with them, `expected` the mean of the response."""

    links = COUNT_LINKS
    discrete = True
    has_zeros = False
    means = (0.0, np.inf)
    attained = (1.0, np.inf)
    no_link = NOT_FOR_COUNTS

    whole: ClassVar[Family]  # the family with its zeros

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        low = ~(y >= 1)
        if low.any():
            return low, "expected counts, one or more; for zeros beside them give a ziformula (a hurdle model)"
        uneven = ~whole(y, 1e-9)
        return (uneven, "expected counts, whole numbers") if uneven.any() else None

    def expected(self, mu: Floats, shape: Floats) -> Floats:
        return mu / self._positive(mu, shape)

    def slope_at(self, eta: Floats, shape: Floats) -> Floats:
        """By central differences of fourth order."""
        near, far = (self.mean_at(eta + k * STEP, shape) - self.mean_at(eta - k * STEP, shape) for k in (1, 2))
        return (8 * near - far) / (12 * STEP)

    def variance(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        share = self._positive(mu, shape)
        mean = mu / share
        square: Floats = (self.whole.variance(mu, np.ones_like(mu), shape) + mu**2) / share
        return (square - mean**2) / weights

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        own: Floats = self.whole.loglik(y, mu, weights, shape) - weights * np.log(self._positive(mu, shape))
        return np.where(y < 1, -np.inf, own)

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        """By redrawing zeros; where they are likely, from the distribution function."""
        y = np.zeros(len(mu))
        open_rows = np.arange(len(mu))
        for _ in range(8):
            part = shape if shape.ndim == 1 else shape[:, open_rows]
            y[open_rows] = self.whole.simulate(mu[open_rows], weights[open_rows], part, rng)
            open_rows = np.flatnonzero(y == 0)
        if len(open_rows):
            part = shape if shape.ndim == 1 else shape[:, open_rows]
            y[open_rows] = self._searched(rng.random(len(open_rows)), mu[open_rows], part)
        return y

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        zero = 1 - self._positive(mu, shape)
        own: Floats = (self.whole.cdf(y, mu, weights, shape) - zero) / (1 - zero)
        return np.where(y < 1, 0.0, np.clip(own, 0.0, 1.0))

    def _positive(self, mu: Floats, shape: Floats) -> Floats:
        """(n,) 1 - f(0), to the last digit where it is small."""
        none = self.whole.loglik(np.zeros_like(mu), mu, np.ones_like(mu), shape)
        positive: Floats = -np.expm1(none)
        return positive

    def _searched(self, u: Floats, mu: Floats, shape: Floats) -> Floats:
        """(n,) the smallest counts with P(Y <= y) >= u."""
        y, ones = np.ones_like(u), np.ones_like(u)
        below = np.exp(self.loglik(y, mu, ones, shape))
        while (short := below < u).any() and y.max() < 1e4:
            y = np.where(short, y + 1, y)
            below = np.where(short, below + np.exp(self.loglik(y, mu, ones, shape)), below)
        return y


class TruncatedPoisson(Truncated):
    """Poisson counts without zeros."""

    name = title = "truncated_poisson"
    whole = Poisson()


class TruncatedNegativeBinomial(Truncated):
    """Negative binomial counts without zeros; with them Var(y) = mu + mu^2 / size ("type 2")."""

    name = "truncated_negative_binomial"
    title = "truncated_nbinom2"
    shape_names = ("size",)
    whole = NegativeBinomial()


class TruncatedNegativeBinomial1(Truncated):
    """Negative binomial counts without zeros; with them Var(y) = mu (1 + dispersion) ("type 1")."""

    name = "truncated_negative_binomial_1"
    title = "truncated_nbinom1"
    shape_names = ("dispersion",)
    whole = NegativeBinomial1()


class TruncatedGeneralizedPoisson(Truncated):
    """Generalized Poisson counts without zeros; with them Var(y) = mu dispersion."""

    name = "truncated_generalized_poisson"
    title = "truncated_genpois"
    shape_names = ("dispersion",)
    whole = GeneralizedPoisson()

    @property
    def concentrates(self) -> bool:
        return True
