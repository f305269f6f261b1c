"""Gaussian generalized models without residuals: `dispformula="~0"` of `glmer`.

The linear mixed model without residuals gives the estimates by maximum likelihood (core/whole.cpp). As everywhere in
generalized models, the covariance of the coefficients is that of all parameters together: with beta(x) the best
coefficients for covariance parameters x, Var(beta) = (X'V^-1X)^-1 + (d beta / dx) Var(x) (d beta / dx)'. Modes and what
follows from them are those of a residual standard deviation that hardly counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._core import GeneralizedSolution, Solution
from ..data.sums import Floats, Sums
from ..errors import FitError
from ..families import Family
from ..formula import ONE_VARIANCE
from .likelihood import Likelihood


@dataclass(frozen=True, eq=False)
class Whole:
    """The maximum without residuals, and the generalized likelihood there."""

    linear: Solution
    vcov: Floats  # (p, p)
    vcov_theta: Floats  # (m, m)
    at: GeneralizedSolution
    engine: str


def check_whole(family: Family, n_agq: int, ziformula: str | None, weights: object) -> None:
    """FitError where a model without dispersion makes no sense."""
    if family.name != "gaussian" or family.link.name != "identity":
        raise FitError(
            f"dispformula='~0' leaves out the residuals of gaussian responses with the identity link; the "
            f"{family.name} family with the {family.link.name} link cannot do without its dispersion"
        )
    if ziformula is not None or n_agq != 1 or weights is not None:
        raise FitError("dispformula='~0' does not go with ziformula, weights or n_agq other than 1; leave them out")


def fit_whole(likelihood: Likelihood, start: Floats | None) -> Whole:
    """The maximum of the likelihood of these rows without residuals."""
    rows = likelihood.rows
    assert rows.y is not None
    y = rows.y if rows.offset is None else rows.y - rows.offset
    core = Sums(y, rows.X, None, rows.random, 0.0).core
    s = core.fit(False)
    if start is not None:
        s = core.fit(False, start / s.sigma)
    deviance, _ = core.curvatures(y[:, None], s.theta[None], False)
    vcov_theta = 2.0 * np.linalg.pinv(deviance[0][1:, 1:], hermitian=True)
    vcov = s.sigma**2 * s.unscaled_vcov + s.across @ vcov_theta @ s.across.T
    theta = s.theta * np.concatenate(
        [_units(part.structure, len(part.names), part.n_theta, s.sigma) for part in rows.random]
    )
    at = likelihood.core.solve(theta, s.beta, np.log([s.sigma**2]), 1, False)
    return Whole(s, vcov, vcov_theta, at, core.engine)


def _units(structure: str, k: int, n_theta: int, sigma: float) -> Floats:
    """What each entry of theta of a linear mixed model is multiplied by: correlations stay."""
    sds = n_theta if structure in ("us", "diag") else 1 if structure in ONE_VARIANCE else k
    return np.where(np.arange(n_theta) < sds, sigma, 1.0)
