"""Fisher scoring: the fit of a generalized linear model by weighted least squares, repeated.

The working response is z = X beta + (y - mu) dmu/deta^-1, on X with weights w (dmu/deta)^2 / V(mu) (McCullagh & Nelder
1989, Generalized Linear Models, section 2.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from ..data.sums import Floats
from ..errors import FitError
from ..families import Exponential

TOLERANCE = 1e-8  # R's: scoring has converged when the deviance changes by less than this share of itself
REFINED = 1e-20  # and is repeated until the squared step, in units of the deviance, is below this
MOST = 100  # steps of scoring
HALVINGS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Where Fisher scoring ended. R is the triangular factor of sqrt(W) X."""

    beta: Floats
    eta: Floats
    mu: Floats
    R: Floats
    deviance: float
    iterations: int
    steps: int
    converged: bool
    gain: float


class Data(NamedTuple):
    """What is scored: rows that all count."""

    family: Exponential
    y: Floats  # (n,)
    X: Floats  # (n, p)
    weights: Floats  # (n,)
    offset: Floats  # (n,)


class Means(NamedTuple):
    """Where scoring stands: means (n,) with their unit variances, and the deviance."""

    beta: Floats  # (p,)
    eta: Floats
    mu: Floats
    variance: Floats
    deviance: float

    def scored(self, triangle: Floats, iterations: int, steps: int, gain: float) -> Scored:
        """This as the end; it has converged if R's criterion has been met after some `iterations`."""
        R: Floats = np.triu(triangle)
        return Scored(
            self.beta, self.eta, self.mu, R, self.deviance, iterations or steps, steps, bool(iterations), gain
        )


def fisher_scoring(family: Exponential, y: Floats, X: Floats, weights: Floats, offset: Floats) -> Scored:
    """Weighted least squares repeated, with steps halved where a mean is impossible or the deviance rises.

    Halving after Marschner (2011), R Journal 3(2), 12-15.
    """
    data = Data(family, y, X, weights, offset)
    mu = family.start(y, weights)
    at = Means(np.zeros(X.shape[1]), family.link.of(mu), mu, family.unit_variance(mu), inf)
    iterations = 0
    for step in range(1, MOST + 1):
        proposed, triangle = _least_squares(data, at)
        new = _acceptable(data, at, proposed, first=step == 1)
        if new is None:  # no shorter step lowers the deviance: rounding is all that is left
            return at.scored(triangle, iterations or step, step, 0.0)
        gain = _squared(triangle, new.beta - at.beta)
        if not iterations and abs(new.deviance - at.deviance) / (abs(new.deviance) + 0.1) < TOLERANCE:
            iterations = step
        at = new
        if iterations and gain <= REFINED * (at.deviance + 0.1):
            break
    return at.scored(_least_squares(data, at)[1], iterations, step, gain)


def _least_squares(data: Data, at: Means) -> tuple[Floats, Floats]:
    """The next beta (p,), and R of the weighted X = QR in the upper triangle of (p, p)."""
    from scipy.linalg.lapack import dgeqrf, dtrtrs

    p = data.X.shape[1]
    slope = data.family.link.derivative(at.eta)
    root = np.sqrt(data.weights / at.variance) * np.abs(slope)
    both = np.empty((len(root), p + 1), order="F")  # of [X z] = Q [R Q'z; 0 .]
    np.multiply(data.X, root[:, None], out=both[:, :p])
    np.multiply(at.eta - data.offset + (data.y - at.mu) / slope, root, out=both[:, p])
    factored = dgeqrf(both, overwrite_a=True)[0]
    triangle: Floats = factored[:p, :p]
    beta, singular = dtrtrs(triangle, factored[:p, p]) if p else (np.empty(0), 0)
    if singular or not np.isfinite(beta).all():
        raise FitError(
            "Fisher scoring came to weights of zero that leave coefficients undetermined; is the response separated by "
            "a predictor, or an offset huge?"
        )
    return beta, triangle


def _squared(triangle: Floats, step: Floats) -> float:
    """|R step|^2, R in the upper triangle."""
    from scipy.linalg.blas import dtrmv

    moved = dtrmv(triangle, step) if len(step) else step
    return float(moved @ moved)


def information(
    family: Exponential, y: Floats, X: Floats, weights: Floats, offset: Floats, eta: Floats, mu: Floats
) -> Floats:
    """(p, p) X'WX with the weights of scoring, the expected information of beta."""
    at = Means(np.empty(0), eta, mu, family.unit_variance(mu), inf)
    R: Floats = np.triu(_least_squares(Data(family, y, X, weights, offset), at)[1])
    return R.T @ R


def _acceptable(data: Data, last: Means, proposed: Floats, *, first: bool) -> Means | None:
    """The proposed beta or one nearer to the last, whose means are possible and whose deviance is not higher."""
    for _ in range(HALVINGS):
        new = _means(data, proposed)
        if new is not None and new.deviance <= last.deviance * (1 + 1e-13) + 1e-13:
            return new
        if first:
            raise FitError(
                f"with the link {data.family.link.name!r} the first step gives means that the {data.family.name} "
                "family cannot have; try another link, or centre the predictors"
            )
        proposed = (proposed + last.beta) / 2
    return None


def _means(data: Data, beta: Floats) -> Means | None:
    """The means at some beta; None where there are none, or none that the family can have.

    All means have a variance: counts and skewed responses have positive means, probabilities are below 1.
    """
    family = data.family
    eta = data.X @ beta + data.offset
    if not family.link.possible(eta):
        return None
    mu = family.link.inverse(eta)
    with np.errstate(all="ignore"):
        variance = family.unit_variance(mu)
        if not (np.isfinite(mu).all() and (variance > 0).all()):
            return None
        deviance = float(data.weights @ family.unit_deviance(data.y, mu))
    return Means(beta, eta, mu, variance, deviance)
