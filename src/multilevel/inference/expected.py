"""Expected responses of fits with inflated zeros, and how they follow all coefficients: the delta method.

    E(y) = (1 - pi) mu      dE = (1 - pi) mu'(eta) d eta - mu pi (1 - pi) d g,    mu = mu(eta), pi = expit(g)

Coefficients are those of the mean and of the shape together, (beta, parameters), p + s of them.
"""

from __future__ import annotations

import numpy as np

from ..data.sums import Floats
from ..models.components import components, places
from ..models.generalized import GeneralizedFit


def expected(fit: GeneralizedFit, eta: Floats, slopes: Floats, columns: Floats | None) -> tuple[Floats, Floats]:
    """(m,) expected responses and their slopes (m, p + s).

    Parameters
    ----------
    fit : whose coefficients.
    eta, slopes : (m,) linear predictors of the mean and their slopes (m, p + s).
    columns : (m, k) columns of the model of zero inflation; None without one.
    """
    mu, change = fit.family.link.inverse(eta), fit.family.link.derivative(eta)
    if columns is None:
        return mu, change[:, None] * slopes
    pi, at_zero = zero_chance(fit, columns)
    return (1 - pi) * mu, ((1 - pi) * change)[:, None] * slopes - mu[:, None] * at_zero


def zero_chance(fit: GeneralizedFit, columns: Floats) -> tuple[Floats, Floats]:
    """(m,) probabilities of inflated zeros and their slopes (m, p + s), from columns (m, k) of their model."""
    assert fit.models is not None
    pi = fit.models.inflated(fit.parameters, tuple(columns.T))
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
