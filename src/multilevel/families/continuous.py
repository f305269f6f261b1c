"""Families of numbers: normal, skewed and positive, heavy-tailed, inside (0, 1)."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np

from ..errors import FitError
from .base import Exponential, Family, at
from .links import Flags, Floats, Link

NOT_POSITIVE = "its means are positive numbers, not probabilities"


def _positive_fault(y: Floats) -> tuple[Flags, str] | None:
    wrong = ~(y > 0)
    return (wrong, "expected positive numbers") if wrong.any() else None


@dataclass(frozen=True, init=False)
class Gaussian(Exponential):
    """Normal responses: Var(y) = dispersion / weight."""

    name = title = "gaussian"
    links = ("identity", "log", "inverse")
    shape_names = ("dispersion",)
    estimates_dispersion = True
    no_link = "its means are no probabilities"

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        if self.link.name == "log" and not (y > 0).any():
            return ~(y > 0), "the log link needs positive responses"
        return None

    def dispersion(self, shape: Floats) -> float:
        return float(shape[0])

    def unit_variance(self, mu: Floats) -> Floats:
        return np.ones_like(mu)

    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        return (y - mu) ** 2

    def start(self, y: Floats, weights: Floats) -> Floats:
        if self.link.name == "log":
            return np.maximum(y, float(y[y > 0].min()) / 2)
        return np.where(y == 0, 1e-3 * float(np.abs(y).max()), y) if self.link.name == "inverse" else y

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return -0.5 * (np.log(2 * pi * at(shape, 0) / weights) + weights * (y - mu) ** 2 / at(shape, 0))

    def loglik_of_glm(self, y: Floats, mu: Floats, weights: Floats, deviance: float) -> float:
        return float(self.loglik(y, mu, weights, np.array([deviance / len(y)])).sum())

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        return mu + np.sqrt(at(shape, 0) / weights) * rng.standard_normal(len(mu))

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import ndtr

        p: Floats = ndtr((y - mu) * np.sqrt(weights / at(shape, 0)))
        return p


@dataclass(frozen=True, init=False)
class Gamma(Exponential):
    """Positive responses with a constant coefficient of variation: Var(y) = dispersion mu^2 / weight."""

    name = "gamma"
    title = "Gamma"
    links = ("inverse", "log", "identity")
    shape_names = ("dispersion",)
    modelled_reciprocal = True  # the shape of the gamma distribution, as in glmmTMB
    means = (0.0, np.inf)
    estimates_dispersion = True
    no_link = NOT_POSITIVE

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        return _positive_fault(y)

    def dispersion(self, shape: Floats) -> float:
        return float(shape[0])

    def unit_variance(self, mu: Floats) -> Floats:
        return mu**2

    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        return 2 * ((y - mu) / mu - np.log(y / mu))

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import gammaln

        a = weights / at(shape, 0)
        result: Floats = a * np.log(a * y / mu) - a * y / mu - np.log(y) - gammaln(a)
        return result

    def loglik_of_glm(self, y: Floats, mu: Floats, weights: Floats, deviance: float) -> float:
        dispersion = np.array([deviance / weights.sum()])
        return float(weights @ self.loglik(y, mu, np.ones_like(y), dispersion))

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        a = weights / at(shape, 0)
        return rng.gamma(a, mu / a)

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import gammainc

        a = weights / at(shape, 0)
        p: Floats = gammainc(a, a * y / mu)
        return p


@dataclass(frozen=True, init=False)
class InverseGaussian(Exponential):
    """Positive, strongly skewed responses: Var(y) = dispersion mu^3 / weight (Tweedie 1957)."""

    name = "inverse_gaussian"
    title = "inverse.gaussian"
    links = ("1/mu^2", "inverse", "log", "identity")
    shape_names = ("dispersion",)
    means = (0.0, np.inf)
    estimates_dispersion = True
    no_link = NOT_POSITIVE

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        return _positive_fault(y)

    def dispersion(self, shape: Floats) -> float:
        return float(shape[0])

    def unit_variance(self, mu: Floats) -> Floats:
        return mu**3

    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        return (y - mu) ** 2 / (y * mu**2)

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        phi = at(shape, 0) / weights
        return -0.5 * (np.log(2 * pi * phi * y**3) + (y - mu) ** 2 / (phi * y * mu**2))

    def loglik_of_glm(self, y: Floats, mu: Floats, weights: Floats, deviance: float) -> float:
        dispersion = np.array([deviance / weights.sum()])
        return float(weights @ self.loglik(y, mu, np.ones_like(y), dispersion))

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        return rng.wald(mu, weights / at(shape, 0))

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import log_ndtr, ndtr

        precision = weights / at(shape, 0)
        root = np.sqrt(precision / y)
        p: Floats = ndtr(root * (y / mu - 1)) + np.exp(2 * precision / mu + log_ndtr(-root * (y / mu + 1)))
        return p


@dataclass(frozen=True, init=False)
class Beta(Family):
    """Responses inside (0, 1): y ~ Beta(mu s, (1 - mu) s), with s the precision (Ferrari & Cribari-Neto 2004)."""

    name = title = "beta"
    links = ("logit", "probit", "cloglog", "cauchit")
    shape_names = ("precision",)
    means = (0.0, 1.0)
    no_link = "its means lie inside (0, 1)"

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        wrong = ~((y > 0) & (y < 1))
        return (wrong, "expected numbers between 0 and 1, both excluded") if wrong.any() else None

    def variance(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return mu * (1 - mu) / (1 + at(shape, 0)) / weights

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import betaln

        a, b = mu * at(shape, 0), (1 - mu) * at(shape, 0)
        result: Floats = weights * ((a - 1) * np.log(y) + (b - 1) * np.log1p(-y) - betaln(a, b))
        return result

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        drawn = rng.beta(mu * at(shape, 0), (1 - mu) * at(shape, 0))
        return np.clip(drawn, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg)

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import betainc

        p: Floats = betainc(mu * at(shape, 0), (1 - mu) * at(shape, 0), y)
        return p


@dataclass(frozen=True, init=False)
class StudentT(Family):
    """Heavy-tailed responses: (y - mu) / scale has Student's t distribution (Lange, Little & Taylor 1989).

    `df` is estimated, or given: `student_t(df=4)`.
    """

    df: float | None

    name = "student_t"
    title = "t"
    links = ("identity", "log", "inverse")
    shape_names = ("scale", "df")
    no_link = "its means are no probabilities"

    def __init__(self, link: str | Link = "", df: float | None = None) -> None:
        super().__init__(link)
        if df is not None and not df > 0:
            raise FitError(f"the df of a Student t family is {df!r}; expected a positive number")
        object.__setattr__(self, "df", df)

    def given_shape(self) -> Floats:
        return np.array([np.nan, np.nan if self.df is None else float(self.df)])

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        return None

    def variance(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        scale, df = at(shape, 0), at(shape, 1)
        variance = scale**2 * np.where(df > 2, df / np.maximum(df - 2, 1e-300), np.inf)
        return np.full_like(mu, variance) / weights

    def scale(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return np.full_like(mu, at(shape, 0)) / np.sqrt(weights)

    def deviance(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        scale, df = at(shape, 0), at(shape, 1)
        return weights * (df + 1) * np.log1p(((y - mu) / scale) ** 2 / df)

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import gammaln

        scale, df = at(shape, 0), at(shape, 1)
        constant: Floats = gammaln((df + 1) / 2) - gammaln(df / 2) - 0.5 * np.log(df * pi) - np.log(scale)
        return weights * (constant - (df + 1) / 2 * np.log1p(((y - mu) / scale) ** 2 / df))

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        return mu + at(shape, 0) * rng.standard_t(at(shape, 1), len(mu))

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import stdtr

        p: Floats = stdtr(at(shape, 1), (y - mu) / at(shape, 0))
        return p
