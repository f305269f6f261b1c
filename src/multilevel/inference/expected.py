"""Expected responses of fits with inflated zeros, and how they follow all coefficients: the delta method.

    E(y) = (1 - pi) mu      dE = (1 - pi) mu'(eta) d eta - mu pi (1 - pi) d g,    mu = mu(eta), pi = expit(g)

Coefficients are those of the mean and of the shape together, (beta, parameters), p + s of them.
"""

from __future__ import annotations

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..families import Truncated
from ..models.components import components, places
from ..models.generalized import GeneralizedFit

STEP = 1e-5  # of the logarithm of a shape, for differences


def expected(
    fit: GeneralizedFit, eta: Floats, slopes: Floats, shape: Floats, columns: Floats | None
) -> tuple[Floats, Floats]:
    """(m,) expected responses and their slopes (m, p + s).

    Parameters
    ----------
    fit : whose coefficients.
    eta, slopes : (m,) linear predictors of the mean and their slopes (m, p + s).
    shape : (s,) of the family, or (s, m).
    columns : (m, k) columns of the model of zero inflation; None without one.
    """
    mu, change = fit.family.mean_at(eta, shape), fit.family.slope_at(eta, shape)
    J = change[:, None] * slopes + _through_shape(fit, eta, shape)
    if columns is None:
        return mu, J
    pi, at_zero = _zero_chance(fit, columns)
    return (1 - pi) * mu, (1 - pi)[:, None] * J - mu[:, None] * at_zero


def _through_shape(fit: GeneralizedFit, eta: Floats, shape: Floats) -> Floats:
    """(m, p + s) how means of truncated families follow the logarithms of their shapes; zero for all others."""
    p, family = len(fit.estimate.beta), fit.family
    made = np.zeros((len(eta), p + len(fit.parameters)))
    if not isinstance(family, Truncated) or not family.shape_names:
        return made
    if shape.ndim == 2:
        raise InferenceError(
            f"standard errors of expected {family.name} responses with a model of the dispersion: not yet; "
            "linear predictors have them"
        )
    for j in range(len(shape)):
        step = np.where(np.arange(len(shape)) == j, STEP, 0.0)
        up, down = (family.mean_at(eta, shape * np.exp(s)) for s in (step, -step))
        made[:, p + j] = (up - down) / (2 * STEP)
    return made


def _zero_chance(fit: GeneralizedFit, columns: Floats) -> tuple[Floats, Floats]:
    """(m,) chances of inflated zeros, without random effects, and slopes (m, p + s); columns (m, k) of their model."""
    from scipy.special import expit

    assert fit.models is not None
    pi = expit(columns @ fit.parameters[fit.models.places("zero inflation")])
    return pi, (pi * (1 - pi))[:, None] * spread_columns(fit, "zi", columns)


def spread_columns(fit: GeneralizedFit, component: str, columns: Floats) -> Floats:
    """Columns (m, k) of one part at their places among those of all coefficients (m, p + s); all others zero."""
    at = places(fit, component)
    made = np.zeros((len(columns), len(fit.estimate.beta) + len(fit.parameters)))
    made[:, at] = columns
    return made


def inflated(fit: GeneralizedFit) -> bool:
    """Whether zeros are inflated."""
    return "zi" in components(fit)
