"""Expected responses of fits with inflated zeros, and how they follow all coefficients: the delta method.

    E(y) = (1 - pi) mu      dE = (1 - pi) dmu - mu pi (1 - pi) dg,    mu = mu(eta, d), pi = expit(g)

with eta, g and d the predictors of the mean, the zero inflation and the dispersion; means depend on d in truncated
families. Coefficients are those of the mean and of the shape together, (beta, parameters), p + s of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..data.sums import Floats
from ..families import Truncated
from ..models.components import components
from ..models.generalized import GeneralizedFit

STEP = 1e-5  # of the logarithm of a shape, for differences


class Expected(NamedTuple):
    """Expected responses (m,), their slopes (m,) in each predictor, and those (m, p + s) in shapes without a model."""

    mean: Floats
    by: dict[str, Floats]
    by_shape: Floats


def expected(fit: GeneralizedFit, at: Mapping[str, Floats], *, counting: bool = True) -> Expected:
    """Expected responses given the predictors (m,) that `needed` names; `counting` inflated zeros or not."""
    eta, family = at["cond"], fit.family
    shape = _shape(fit, at)
    mu, by = family.mean_at(eta, shape), {"cond": family.slope_at(eta, shape)}
    through = np.zeros((len(eta), len(fit.estimate.beta) + len(fit.parameters)))
    if isinstance(family, Truncated):
        first = through.shape[1] - len(fit.parameters)
        for j in range(len(shape)):
            step = np.where(np.arange(len(shape)) == j, STEP, 0.0)
            up, down = (family.mean_at(eta, (shape.T * np.exp(side)).T) for side in (step, -step))
            slope = (up - down) / (2 * STEP)
            if j == 0 and "disp" in at:
                by["disp"] = slope
            else:
                through[:, first + j] = slope
    if "zi" not in at or not counting:
        return Expected(mu, by, through)
    from scipy.special import expit

    pi = expit(at["zi"])
    by = {name: (1 - pi) * slope for name, slope in by.items()}
    return Expected((1 - pi) * mu, {**by, "zi": -mu * pi * (1 - pi)}, (1 - pi)[:, None] * through)


def needed(fit: GeneralizedFit, *, counting: bool = True) -> tuple[str, ...]:
    """The predictors that expected responses depend on."""
    known = components(fit)
    shaped = ("disp",) if "disp" in known and isinstance(fit.family, Truncated) else ()
    return "cond", *(("zi",) if counting and "zi" in known else ()), *shaped


def _shape(fit: GeneralizedFit, at: Mapping[str, Floats]) -> Floats:
    """(s,) the shape of the family, or (s, m) where the dispersion has a model that means depend on."""
    if "disp" not in at:
        return fit.estimate.shape
    assert fit.models is not None
    return fit.models.by_row(fit.parameters, np.exp(at["disp"]))
