"""Quasi-likelihood: only how the mean depends on the predictors and the variance on the mean is said.

Wedderburn (1974), Biometrika 61, 439-447. The dispersion is estimated; there is no likelihood, no AIC, no simulation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import FitError, InferenceError, nearest
from .base import Exponential
from .continuous import Gamma, Gaussian, InverseGaussian
from .discrete import Binomial, Poisson
from .links import LINKS, Flags, Floats, Link

VARIANCES: dict[str, Callable[[], Exponential]] = {
    "constant": Gaussian, "mu": Poisson, "mu^2": Gamma, "mu^3": InverseGaussian, "mu(1-mu)": Binomial
}  # fmt: skip


@dataclass(frozen=True, init=False)
class Quasi(Exponential):
    """`quasi("log", variance="mu")`: any link with one of five variance functions."""

    variance_name: str

    name = title = "quasi"
    links = ("identity", *(name for name in LINKS if name != "identity"))
    shape_names = ("dispersion",)
    estimates_dispersion = True

    def __init__(self, link: str | Link = "", variance: str = "constant") -> None:
        super().__init__(link)
        if variance not in VARIANCES:
            raise FitError(
                f"quasi has no variance function {variance!r}{nearest(str(variance), VARIANCES)} "
                f"(known: {', '.join(VARIANCES)})"
            )
        object.__setattr__(self, "variance_name", variance)

    @property
    def like(self) -> Exponential:
        """The family whose mean and variance these are."""
        return VARIANCES[self.variance_name]()

    def fault(self, y: Floats, weights: Floats) -> tuple[Flags, str] | None:
        low, high = {"constant": (-np.inf, np.inf), "mu(1-mu)": (0.0, 1.0)}.get(self.variance_name, (0.0, np.inf))
        wrong = ~((y >= low) & (y <= high))
        if self.variance_name in ("mu^2", "mu^3"):
            wrong |= y == 0
        expected = (
            "proportions, from 0 to 1"
            if high == 1
            else "positive numbers"
            if wrong[y == 0].any()
            else "numbers, zero or more"
        )
        return (wrong, f"expected {expected}") if wrong.any() else None

    def dispersion(self, shape: Floats) -> float:
        return float(shape[0])

    def unit_variance(self, mu: Floats) -> Floats:
        return self.like.unit_variance(mu)

    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        return self.like.unit_deviance(y, mu)

    def start(self, y: Floats, weights: Floats) -> Floats:
        return self.like.start(y, weights)

    def loglik(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        raise self._no_likelihood()

    def loglik_of_glm(self, y: Floats, mu: Floats, weights: Floats, deviance: float) -> float:
        return float("nan")

    def simulate(self, mu: Floats, weights: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        raise self._no_likelihood()

    def cdf(self, y: Floats, mu: Floats, weights: Floats, shape: Floats) -> Floats:
        raise self._no_likelihood()

    def _no_likelihood(self) -> InferenceError:
        return InferenceError(
            f"the {self.name} family says mean and variance only, not a distribution; use a family with a likelihood, "
            "such as binomial, poisson or negative_binomial"
        )


@dataclass(frozen=True, init=False)
class QuasiBinomial(Quasi):
    """The binomial family with its variance times a dispersion."""

    name = title = "quasibinomial"
    links = Binomial.links
    trials = True
    attained = (0.0, 1.0)
    no_link = Binomial.no_link

    def __init__(self, link: str | Link = "") -> None:
        super().__init__(link, "mu(1-mu)")


@dataclass(frozen=True, init=False)
class QuasiPoisson(Quasi):
    """The Poisson family with its variance times a dispersion."""

    name = title = "quasipoisson"
    links = Poisson.links
    attained = (0.0, np.inf)
    no_link = Poisson.no_link

    def __init__(self, link: str | Link = "") -> None:
        super().__init__(link, "mu")
