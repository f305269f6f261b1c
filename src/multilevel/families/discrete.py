"""Families of counts and of proportions of trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import FitError
from .base import Exponential, Family, at, whole, ylogy
from .links import Flags, Floats, Link

COUNT_LINKS = ("log", "identity", "sqrt")
PROBABILITY_LINKS = ("logit", "probit", "cauchit", "log", "cloglog")
NOT_FOR_COUNTS = "its means are counts, not probabilities, and grow with the linear predictor"
NOT_FOR_PROBABILITIES = "its means are probabilities"


def _proportion_fault(y: Floats, weights: Floats) -> tuple[Flags, str] | None:
    outside = ~((y >= 0) & (y <= 1))
    if outside.any():
        if len(np.unique(y)) == 2:  # as coded by some programs
            return outside, f"expected 0 or 1; of two other numbers say which is a success, as in I(... == {y.max():g})"
        return (
            outside,
            "expected 0 or 1, proportions with their numbers of trials as weights, or cbind(successes, failures)",
        )
    uneven = ~whole(weights * y)
    if uneven.any():
        return (
            uneven,
            "expected whole numbers of successes, proportion times trials: give the numbers of trials as "
            "weights, or cbind(successes, failures)",
        )
    return None


def count_fault(y: Floats, weights: Floats) -> tuple[Flags, str] | None:
    """What cannot be a count, for `Family.fault`."""
    negative = ~(y >= 0)
    if negative.any():
        return negative, "expected counts, zero or more"
    uneven = ~whole(y, 1e-9)
    return (uneven, "expected counts, whole numbers") if uneven.any() else None


@dataclass(frozen=True, init=False)
class Binomial(Exponential):
    """Successes among trials: y is their proportion, the weights are the numbers of trials.

    log P = log C(n, ny) + n y log(mu) + n (1 - y) log(1 - mu).
    """

    name = title = "binomial"
    links = PROBABILITY_LINKS
    discrete = trials = has_zeros = True
    means = attained = (0.0, 1.0)
    no_link = NOT_FOR_PROBABILITIES

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        return _proportion_fault(y, weights)

    def unit_variance(self, mu: Floats) -> Floats:
        return mu * (1 - mu)

    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        return 2 * (ylogy(y, y / mu) + ylogy(1 - y, (1 - y) / (1 - mu)))

    def start(self, y: Floats, weights: Floats) -> Floats:
        return (weights * y + 0.5) / (weights + 1)

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import xlog1py, xlogy

        k = np.round(weights * y)
        result: Floats = _log_choose(weights, k) + xlogy(k, mu) + xlog1py(weights - k, -mu)
        return result

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        trials = np.round(weights).astype(np.int64)
        return rng.binomial(trials, mu) / np.maximum(trials, 1)

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import betainc

        k, n = np.round(weights * y), np.round(weights)
        inside = betainc(np.maximum(n - k, 1.0), np.maximum(k, 0.0) + 1, 1 - mu)
        return np.where(k < 0, 0.0, np.where(k >= n, 1.0, inside))


@dataclass(frozen=True, init=False)
class Poisson(Exponential):
    """Counts whose variance is their mean."""

    name = title = "poisson"
    links = COUNT_LINKS
    discrete = has_zeros = True
    means = attained = (0.0, np.inf)
    no_link = NOT_FOR_COUNTS

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        return count_fault(y, weights)

    def unit_variance(self, mu: Floats) -> Floats:
        return mu.copy()

    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        return 2 * (ylogy(y, y / mu) - (y - mu))

    def start(self, y: Floats, weights: Floats) -> Floats:
        return y + 0.1

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import gammaln, xlogy

        result: Floats = weights * (xlogy(y, mu) - mu - gammaln(y + 1))
        return result

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        return rng.poisson(mu).astype(np.float64)

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        from scipy.special import pdtr

        p: Floats = np.where(y < 0, 0.0, pdtr(np.maximum(y, 0.0), mu))
        return p


@dataclass(frozen=True, init=False)
class NegativeBinomial(Exponential):
    """Counts with Var(y) = mu + mu^2 / size: Poisson counts whose means are Gamma distributed ("type 2").

    `size` is estimated, or given: `negative_binomial(size=5)`.
    """

    size: float | None

    name = "negative_binomial"
    title = "nbinom2"
    links = COUNT_LINKS
    shape_names = ("size",)
    discrete = has_zeros = True
    means = attained = (0.0, np.inf)
    no_link = NOT_FOR_COUNTS

    def __init__(self, link: str | Link = "", size: float | None = None) -> None:
        super().__init__(link)
        if size is not None and not size > 0:
            raise FitError(f"the size of a negative binomial family is {size!r}; expected a positive number")
        object.__setattr__(self, "size", size)

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        return count_fault(y, weights)

    def given_shape(self) -> Floats:
        return np.array([np.nan if self.size is None else float(self.size)])

    def unit_variance(self, mu: Floats) -> Floats:
        return mu + mu**2 / self._given()

    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        return _nb_deviance(y, mu, self._given())

    def variance(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return (mu + mu**2 / at(shape, 0)) / weights

    def deviance(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return weights * _nb_deviance(y, mu, at(shape, 0))

    def start(self, y: Floats, weights: Floats) -> Floats:
        return np.where(y == 0, 1 / 6, y)

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return weights * _nb_loglik(y, mu, np.full_like(mu, at(shape, 0)))

    def loglik_of_glm(self, y: Floats, mu: Floats, weights: Floats, deviance: float) -> float:
        return float(self.loglik(y, mu, weights, np.array([self._given()])).sum())

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        return rng.poisson(rng.gamma(at(shape, 0), mu / at(shape, 0))).astype(np.float64)

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return _nb_cdf(y, mu, np.full_like(mu, at(shape, 0)))

    def _given(self) -> float:
        assert self.size is not None  # Fisher scoring is for a size that is known
        return self.size


@dataclass(frozen=True, init=False)
class NegativeBinomial1(Family):
    """Counts with Var(y) = mu (1 + dispersion): the variance is proportional to the mean ("type 1")."""

    name = "negative_binomial_1"
    title = "nbinom1"
    links = COUNT_LINKS
    shape_names = ("dispersion",)
    discrete = has_zeros = True
    means = attained = (0.0, np.inf)
    no_link = NOT_FOR_COUNTS

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        return count_fault(y, weights)

    def variance(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return mu * (1 + at(shape, 0)) / weights

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return weights * _nb_loglik(y, mu, mu / at(shape, 0))

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        return rng.poisson(rng.gamma(mu / at(shape, 0), at(shape, 0))).astype(np.float64)

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return _nb_cdf(y, mu, mu / at(shape, 0))


@dataclass(frozen=True, init=False)
class BetaBinomial(Family):
    """Successes among trials whose probability is beta distributed: k ~ Binomial(n, p), p ~ Beta(mu s, (1 - mu) s).

    s is the precision; Var(k/n) = mu (1 - mu) / n (1 + (n - 1) / (s + 1)).
    """

    name = "beta_binomial"
    title = "betabinomial"
    links = ("logit", "probit", "cloglog", "cauchit")
    shape_names = ("precision",)
    discrete = trials = has_zeros = True
    means = attained = (0.0, 1.0)
    no_link = NOT_FOR_PROBABILITIES

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        return _proportion_fault(y, weights)

    def variance(self, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return mu * (1 - mu) / weights * (1 + (weights - 1) / (at(shape, 0) + 1))

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        return _beta_binomial(np.round(weights * y), weights, mu, at(shape, 0))

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        trials = np.round(weights).astype(np.int64)
        p = rng.beta(mu * at(shape, 0), (1 - mu) * at(shape, 0))
        return rng.binomial(trials, p) / np.maximum(trials, 1)

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        count = np.round(weights * y).astype(np.int64) + 1
        total, precision = np.zeros(len(mu)), np.broadcast_to(at(shape, 0), mu.shape)
        for k in range(int(count.max(initial=0))):
            rows = np.flatnonzero(count > k)
            total[rows] += np.exp(
                _beta_binomial(np.full(len(rows), float(k)), weights[rows], mu[rows], precision[rows])
            )
        return np.minimum(total, 1.0)


def _log_choose(n: Floats, k: Floats) -> Floats:
    from scipy.special import betaln

    result: Floats = np.where((k <= 0) | (k >= n), 0.0, -np.log1p(n) - betaln(np.maximum(n - k, 0) + 1, k + 1))
    return result


def _beta_binomial(k: Floats, n: Floats, mu: Floats, precision: float | Floats) -> Floats:
    from scipy.special import betaln

    a, b = mu * precision, (1 - mu) * precision
    result: Floats = _log_choose(n, k) + betaln(k + a, n - k + b) - betaln(a, b)
    return result


def _nb_loglik(y: Floats, mu: Floats, size: Floats) -> Floats:
    """log C(y + size - 1, y) + size log(size / (size + mu)) + y log(mu / (size + mu)), exact for a size without end."""
    from scipy.special import betaln, xlogy

    with np.errstate(divide="ignore"):
        choose = np.where(y == 0, 0.0, -np.log(np.maximum(y, 1.0)) - betaln(np.maximum(y, 1.0), size))
    result: Floats = choose - size * np.log1p(mu / size) + xlogy(y, mu / (size + mu))
    return result


def _nb_deviance(y: Floats, mu: Floats, size: float | Floats) -> Floats:
    return 2 * (ylogy(y, y / mu) - (y + size) * np.log1p((y - mu) / (mu + size)))


def _nb_cdf(y: Floats, mu: Floats, size: Floats) -> Floats:
    from scipy.special import betainc

    p: Floats = np.where(y < 0, 0.0, betainc(size, np.maximum(np.floor(y), 0.0) + 1, size / (size + mu)))
    return p
