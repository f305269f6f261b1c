"""What a family is: the distribution of a response around its mean, and the link of the mean to a linear predictor.

Family            y | mu, weights, shape; what every model may ask of it
├─ Exponential    exponential dispersion models: Var(y) = dispersion V(mu) / weight (Jørgensen 1987, JRSS B 49, 127-162)
│  └─ Quasi       only mean and variance are said (Wedderburn 1974, Biometrika 61, 439-447)
└─ the others     whose shape is more than a factor of the variance

`shape` are the parameters besides the mean on their natural scale, (s,), or (s, n) where they differ between rows,
named by `shape_names`. `weights` are (n,) prior weights: numbers of trials for proportions, else the factor by which a
row counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..errors import FitError
from .links import Flags, Floats, Link, link_named

GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, init=False)
class Family(ABC):
    """The distribution of a response given its mean, with a link."""

    link: Link

    name: ClassVar[str]
    title: ClassVar[str]  # as R prints it
    links: ClassVar[tuple[str, ...]]  # the first is the default
    shape_names: ClassVar[tuple[str, ...]] = ()
    modelled_reciprocal: ClassVar[bool] = False  # dispformula is of one over the first shape
    shape_range: ClassVar[str] = "positive"
    discrete: ClassVar[bool] = False
    trials: ClassVar[bool] = False  # y is a proportion, weights are numbers of trials
    has_zeros: ClassVar[bool] = False  # a zero has a probability
    means: ClassVar[tuple[float, float]] = (-np.inf, np.inf)  # which they do not reach
    attained: ClassVar[tuple[float, float]] = (-np.inf, np.inf)  # values of y that the mean reaches only in the limit
    estimates_dispersion: ClassVar[bool] = False  # by glm, from the Pearson residuals
    no_link: ClassVar[str] = ""  # why other links are refused

    def __init__(self, link: str | Link = "") -> None:
        chosen = link_named(link or self.links[0])
        if chosen.name not in self.links:
            raise FitError(
                f"the {self.name} family cannot have the link {chosen.name!r}: {self.no_link}; "
                f"expected {' or '.join(map(repr, self.links))}"
            )
        object.__setattr__(self, "link", chosen)

    def __str__(self) -> str:
        return f"{self.name}({self.link.name})"

    @abstractmethod
    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        """Which values (n,) cannot be responses, and what was expected; None if all can."""

    @abstractmethod
    def variance(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        """(n,) variance of y."""

    @abstractmethod
    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        """(n,) contributions to the log-likelihood, all constants included."""

    @abstractmethod
    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        """(n,) draws of y."""

    @abstractmethod
    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        """(n,) P(Y <= y)."""

    def expected(self, mu: Floats, shape: Floats) -> Floats:
        """(n,) means of the response, where `mu`, which the link gives, is not that itself."""
        return mu

    def mean_at(self, eta: Floats, shape: Floats) -> Floats:
        """(n,) means of the response at linear predictors."""
        return self.expected(self.link.inverse(eta), shape)

    def slope_at(self, eta: Floats, shape: Floats) -> Floats:
        """(n,) derivative of `mean_at` in eta."""
        return self.link.derivative(eta)

    def possible(self, mu: Floats) -> Flags:
        """(n,) whether these can be means."""
        low, high = self.means
        return (mu > low) & (mu < high)

    def scale(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        """(n,) what scaled residuals are measured in: the standard deviation of y, where it is finite for sure."""
        return np.sqrt(self.variance(mu, weights, shape))

    def dispersion(self, shape: Floats) -> float:
        """The factor of the variance that the Pearson residuals leave out; 1 where there is none."""
        return 1.0

    def given_shape(self) -> Floats:
        """(s,) the shape where it was given with the family; NaN where it is to be estimated."""
        return np.full(len(self.shape_names), np.nan)

    def first_shape(self, modelled: Floats) -> Floats:
        """(n,) the first shape, where a dispersion model says this."""
        return 1.0 / modelled if self.modelled_reciprocal else modelled

    def possible_shape(self, shape: Floats) -> bool:
        """Whether a shape (s,) on its natural scale is one."""
        return bool((shape > 0).all())

    def parameters(self, shape: Floats) -> Floats:
        """(s,) parameters without bounds, as they are estimated, from the shape: logarithms."""
        return np.log(shape)

    def natural(self, parameters: Floats) -> Floats:
        """(s,) the shape from its parameters without bounds."""
        return np.exp(parameters)

    @property
    def concentrates(self) -> bool:
        """Whether some shape makes one value as likely as one likes, so that equal responses have no best shape."""
        return not self.discrete

    @property
    def scored(self) -> bool:
        """Whether Fisher scoring fits a glm: mean and variance function are known but for a scale."""
        return False

    def deviance(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        """(n,) contributions to the deviance: twice the log-likelihood lost against the best mean for the row alone.

        Without a closed form the best mean is found by golden-section search (McCullagh & Nelder 1989, section 2.3).
        """
        saturated = self._saturated(y, weights, shape)
        lost = self.loglik(y, saturated, weights, shape) - self.loglik(y, mu, weights, shape)
        return 2 * np.maximum(lost, 0.0) * self.dispersion(shape)

    def _saturated(self, y: Floats, weights: Floats, shape: Floats) -> Floats:
        """(n,) the mean that makes y most likely, searched on the scale of the default link."""
        scale = link_named(self.links[0])
        inside = np.clip(y, 1e-9, 1 - 1e-9) if scale.name == "logit" else np.maximum(y, 1e-9)
        low, high = scale.of(inside) - 12.0, scale.of(inside) + 12.0
        for _ in range(45):  # to 1e-8 of eta, where the likelihood is flat to rounding
            step = GOLDEN * (high - low)
            left, right = high - step, low + step
            at_left = self.loglik(y, scale.inverse(left), weights, shape)
            better = at_left > self.loglik(y, scale.inverse(right), weights, shape)
            low, high = np.where(better, low, left), np.where(better, right, high)
        return scale.inverse((low + high) / 2)

    def below(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        """(n,) P(Y < y)."""
        if not self.discrete:
            return self.cdf(y, mu, weights, shape)
        return self.cdf(y - 1 / weights if self.trials else y - 1, mu, weights, shape)


@dataclass(frozen=True, init=False)
class Exponential(Family):
    """Exponential dispersion models: mean and variance function say everything but a scale."""

    @property
    def scored(self) -> bool:
        return self.estimates_dispersion or bool(np.isfinite(self.given_shape()).all())

    @abstractmethod
    def unit_variance(self, mu: Floats) -> Floats:
        """(n,) V(mu)."""

    @abstractmethod
    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        """(n,) deviance of a row of weight one."""

    def start(self, y: Floats, weights: Floats) -> Floats:
        """(n,) means to start Fisher scoring from."""
        return y

    def variance(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        factor = at(shape, 0) if self.estimates_dispersion else 1.0
        return factor * self.unit_variance(mu) / weights

    def deviance(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return weights * self.unit_deviance(y, mu)

    def loglik_of_glm(self, y: Floats, mu: Floats, weights: Floats, deviance: float) -> float:
        """Log-likelihood as R's `logLik` of a glm defines it, the dispersion from the deviance."""
        return float(self.loglik(y, mu, weights, np.empty(0)).sum())


def at(shape: Floats, k: int) -> Floats:
    """The k-th parameter of a shape (s,) or (s, n): a number, or (n,)."""
    value: Floats = shape[k]
    return value


def whole(values: Floats, tolerance: float = 1e-3) -> Flags:
    """Where values are whole numbers, up to what rounded proportions allow."""
    return np.abs(values - np.rint(values)) <= tolerance * np.maximum(1.0, np.abs(values))


def ylogy(y: Floats, ratio: Floats) -> Floats:
    """y log(ratio), zero where y is zero."""
    from scipy.special import xlogy

    product: Floats = xlogy(y, np.where(y == 0, 1.0, ratio))
    return product


def described(family: Family) -> dict[str, Any]:
    """The fields of a family besides its link."""
    return {field.name: getattr(family, field.name) for field in fields(family) if field.name != "link"}
