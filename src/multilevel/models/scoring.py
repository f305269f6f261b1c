"""Fisher scoring: the fit of a generalized linear model by weighted least squares, repeated.

The working response is z = X beta + (y - mu) dmu/deta^-1, on X with weights w (dmu/deta)^2 / V(mu) (McCullagh & Nelder
1989, Generalized Linear Models, section 2.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import numpy as np

from ..data.sums import Floats
from ..errors import FitError
from ..families import Exponential

TOLERANCE = 1e-8  # R's: scoring has converged when the deviance changes by less than this share of itself
REFINED = 1e-20  # and is repeated until the squared step, in units of the deviance, is below this
MOST = 100  # steps of scoring


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


def fisher_scoring(family: Exponential, y: Floats, X: Floats, weights: Floats, offset: Floats) -> Scored:
    """Weighted least squares repeated, with steps halved where a mean is impossible or the deviance rises.

    Halving after Marschner (2011), R Journal 3(2), 12-15.
    """
    mu = family.start(y, weights)
    eta = family.link.of(mu)
    deviance, beta, iterations = inf, None, 0
    for step in range(1, MOST + 1):
        proposed, R = _least_squares(family, y, X, weights, offset, eta, mu)
        new = _acceptable(family, y, X, weights, offset, beta, proposed, deviance)
        if new is None:  # no shorter step lowers the deviance: rounding is all that is left
            assert beta is not None
            return Scored(beta, eta, mu, R, deviance, iterations or step, step, True, 0.0)
        moved = R @ (new[0] - (np.zeros(len(proposed)) if beta is None else beta))
        change = abs(new[3] - deviance) / (abs(new[3]) + 0.1)
        gain = float(moved @ moved)
        beta, eta, mu, deviance = new
        if not iterations and change < TOLERANCE:
            iterations = step
        if iterations and gain <= REFINED * (deviance + 0.1):
            break
    assert beta is not None
    R = _least_squares(family, y, X, weights, offset, eta, mu)[1]
    return Scored(beta, eta, mu, R, deviance, iterations or MOST, step, bool(iterations), gain)


def _least_squares(
    family: Exponential, y: Floats, X: Floats, weights: Floats, offset: Floats, eta: Floats, mu: Floats
) -> tuple[Floats, Floats]:
    """The next beta (p,), and R of the weighted X = QR."""
    from scipy.linalg import solve_triangular

    slope = family.link.derivative(eta)
    root = np.sqrt(weights / family.unit_variance(mu)) * np.abs(slope)
    z = eta - offset + (y - mu) / slope
    Q, R = np.linalg.qr(root[:, None] * X)
    if not np.abs(np.diag(R)).all():
        raise FitError(
            "Fisher scoring came to weights of zero that leave coefficients undetermined; is the response separated by "
            "a predictor, or an offset huge?"
        )
    beta: Floats = solve_triangular(R, Q.T @ (root * z)) if X.shape[1] else np.empty(0)
    return beta, R


def information(
    family: Exponential, y: Floats, X: Floats, weights: Floats, offset: Floats, eta: Floats, mu: Floats
) -> Floats:
    """(p, p) X'WX with the weights of scoring, the expected information of beta."""
    R = _least_squares(family, y, X, weights, offset, eta, mu)[1]
    return R.T @ R


def _acceptable(
    family: Exponential, y: Floats, X: Floats, weights: Floats, offset: Floats, beta: Floats | None, proposed: Floats,
    deviance: float,
) -> tuple[Floats, Floats, Floats, float] | None:  # fmt: skip
    """The proposed beta or one nearer to the last, whose means are possible and whose deviance is not higher."""
    for _ in range(60):
        eta = X @ proposed + offset
        if family.link.possible(eta):
            mu = family.link.inverse(eta)
            with np.errstate(all="ignore"):
                new = float(weights @ family.unit_deviance(y, mu)) if _possible(family, mu) else nan
            if new <= deviance * (1 + 1e-13) + 1e-13:
                return proposed, eta, mu, new
        if beta is None:
            raise FitError(
                f"with the link {family.link.name!r} the first step gives means that the {family.name} family cannot "
                "have; try another link, or centre the predictors"
            )
        proposed = (proposed + beta) / 2
    return None


def _possible(family: Exponential, mu: Floats) -> bool:
    """Whether all means have a variance: counts and skewed responses have positive means, probabilities are below 1."""
    return bool(np.isfinite(mu).all() and (family.unit_variance(mu) > 0).all())
