"""Link functions: eta = g(mu), its inverse, and dmu/deta.

McCullagh & Nelder (1989), Generalized Linear Models, 2nd ed., ch. 2 and 4.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import pi
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import FitError, nearest

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Link(ABC):
    """The function g of E(y) = mu, g(mu) = eta. `growing` says whether mu grows with eta."""

    name: ClassVar[str]
    growing: ClassVar[bool] = True

    @abstractmethod
    def of(self, mu: Floats) -> Floats:
        """(n,) eta = g(mu)."""

    @abstractmethod
    def inverse(self, eta: Floats) -> Floats:
        """(n,) mu; probabilities stay inside (0, 1) by the rounding of doubles, and means above zero."""

    @abstractmethod
    def derivative(self, eta: Floats) -> Floats:
        """(n,) dmu/deta."""

    def possible(self, eta: Floats) -> bool:
        """Whether all eta have a mean."""
        return bool(np.isfinite(eta).all())

    def __str__(self) -> str:
        return self.name


class Identity(Link):
    """mu = eta."""

    __slots__ = ()
    name = "identity"

    def of(self, mu: Floats) -> Floats:
        return mu.copy()

    def inverse(self, eta: Floats) -> Floats:
        return eta.copy()

    def derivative(self, eta: Floats) -> Floats:
        return np.ones_like(eta)


class Log(Link):
    """mu = exp(eta): effects multiply."""

    __slots__ = ()
    name = "log"

    def of(self, mu: Floats) -> Floats:
        return np.log(mu)

    def inverse(self, eta: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return np.maximum(np.exp(eta), EPSILON)

    def derivative(self, eta: Floats) -> Floats:
        return self.inverse(eta)


class Probability(Link):
    """Links of probabilities: a distribution function is the inverse."""

    __slots__ = ()

    def inverse(self, eta: Floats) -> Floats:
        return np.minimum(np.maximum(self._distribution(eta), EPSILON), 1 - EPSILON)

    def derivative(self, eta: Floats) -> Floats:
        return np.maximum(self._density(eta), EPSILON)

    @abstractmethod
    def _distribution(self, eta: Floats) -> Floats: ...

    @abstractmethod
    def _density(self, eta: Floats) -> Floats: ...


class Logit(Probability):
    """mu = 1 / (1 + exp(-eta)): exp(effect) is an odds ratio."""

    __slots__ = ()
    name = "logit"

    def of(self, mu: Floats) -> Floats:
        return np.log(mu) - np.log1p(-mu)

    def _distribution(self, eta: Floats) -> Floats:
        small: Floats = np.exp(-np.abs(eta))
        return np.where(eta < 0, small, 1.0) / (1 + small)

    def _density(self, eta: Floats) -> Floats:
        small: Floats = np.exp(-np.abs(eta))
        return small / (1 + small) ** 2


class Probit(Probability):
    """mu = Phi(eta), the normal distribution function."""

    __slots__ = ()
    name = "probit"

    def of(self, mu: Floats) -> Floats:
        from scipy.special import ndtri

        eta: Floats = ndtri(mu)
        return eta

    def _distribution(self, eta: Floats) -> Floats:
        from scipy.special import ndtr

        mu: Floats = ndtr(eta)
        return mu

    def _density(self, eta: Floats) -> Floats:
        density: Floats = np.exp(-(eta**2) / 2) / np.sqrt(2 * pi)
        return density


class Cloglog(Probability):
    """mu = 1 - exp(-exp(eta)): exp(effect) is a ratio of hazards."""

    __slots__ = ()
    name = "cloglog"

    def of(self, mu: Floats) -> Floats:
        return np.log(-np.log1p(-mu))

    def _distribution(self, eta: Floats) -> Floats:
        return -np.expm1(-np.exp(np.minimum(eta, 700.0)))

    def _density(self, eta: Floats) -> Floats:
        bounded = np.minimum(eta, 700.0)
        density: Floats = np.exp(bounded - np.exp(bounded))
        return density


class Cauchit(Probability):
    """mu = 1/2 + arctan(eta) / pi, the Cauchy distribution function."""

    __slots__ = ()
    name = "cauchit"

    def of(self, mu: Floats) -> Floats:
        return np.tan(pi * (mu - 0.5))

    def _distribution(self, eta: Floats) -> Floats:
        mu: Floats = np.arctan2(1.0, -eta) / pi  # accurate far into the lower tail
        return mu

    def _density(self, eta: Floats) -> Floats:
        return 1 / (pi * (1 + eta**2))


class Inverse(Link):
    """mu = 1 / eta."""

    __slots__ = ()
    name = "inverse"
    growing = False

    def of(self, mu: Floats) -> Floats:
        return 1 / mu

    def inverse(self, eta: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return 1 / eta

    def derivative(self, eta: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return -1 / eta**2

    def possible(self, eta: Floats) -> bool:
        return bool(np.isfinite(eta).all() and (eta != 0).all())


class InverseSquare(Link):
    """mu = 1 / sqrt(eta)."""

    __slots__ = ()
    name = "1/mu^2"
    growing = False

    def of(self, mu: Floats) -> Floats:
        return 1 / mu**2

    def inverse(self, eta: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return 1 / np.sqrt(eta)

    def derivative(self, eta: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return -0.5 * eta**-1.5

    def possible(self, eta: Floats) -> bool:
        return bool(np.isfinite(eta).all() and (eta > 0).all())


class Sqrt(Link):
    """mu = eta^2."""

    __slots__ = ()
    name = "sqrt"

    def of(self, mu: Floats) -> Floats:
        return np.sqrt(mu)

    def inverse(self, eta: Floats) -> Floats:
        return eta**2

    def derivative(self, eta: Floats) -> Floats:
        return 2 * eta

    def possible(self, eta: Floats) -> bool:
        return bool(np.isfinite(eta).all() and (eta > 0).all())


LINKS: dict[str, Link] = {
    link.name: link
    for link in (Identity(), Log(), Logit(), Probit(), Cloglog(), Cauchit(), Inverse(), InverseSquare(), Sqrt())
}


def link_named(name: object) -> Link:
    """The link of a name, or a link itself.

    Raises FitError for an unknown name.

    >>> link_named("logit").inverse(np.array([0.0]))
    array([0.5])
    """
    if isinstance(name, Link):
        return name
    if name not in LINKS:
        raise FitError(f"no link is called {name!r}{nearest(str(name), LINKS)} (known: {', '.join(LINKS)})")
    return LINKS[str(name)]
