"""The truth that would be, if a fit were exact."""

from __future__ import annotations

from math import isfinite

import numpy as np

from ..errors import InferenceError
from ..families import Quasi
from ..labelled import Floats
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from .groups import Group
from .truths import Truth, has_sigma, stated_shapes


def truth_of(fit: Fit) -> Truth:
    """The truth that would be, if the estimates of a fit were exact. Coefficients that were not identified are zero.

    Effects that stand in several terms of one factor have the sum of the terms' covariances, which is the same model.
    Codings (`contrasts=`) and weights are not part of a truth; give them to `simulate` again.

    Raises
    ------
    InferenceError : the fit has no residuals to estimate sigma from, or its family is a quasi one.
    """
    estimate = fit.estimate
    if not isfinite(estimate.sigma):
        raise InferenceError(
            f"the fit has {estimate.n} rows and as many coefficients, so its sigma is not known; state a Truth with one"
        )
    fixed, groups = _stated(fit)
    if isinstance(fit, GeneralizedFit):
        for part in filter(None, (fit.inflating, fit.dispersing)):
            coefficients, varying = _stated(part)
            fixed.update({f"{part.component}: {name}": value for name, value in coefficients.items()})
            groups.update({f"{part.component}: {name}": group for name, group in varying.items()})
        return _generalized(fit, fixed, groups)
    return Truth(fixed, groups, estimate.sigma)


def _stated(fit: Fit) -> tuple[dict[str, float], dict[str, Group]]:
    """Coefficients and groups of one linear predictor."""
    estimate = fit.estimate
    fixed = dict.fromkeys(fit.design.names, 0.0)
    fixed.update(zip(fit.names, estimate.beta.tolist(), strict=True))
    groups: dict[str, Group] = {}
    for name in dict.fromkeys(bar.name for bar in fit.design.formula.random):
        places = [t for t, part in enumerate(fit.design.random) if part.group == name]
        effects = tuple(dict.fromkeys(effect for t in places for effect in fit.design.random[t].names))
        covariance = np.zeros((len(effects), len(effects)))
        for t in places:
            at = [effects.index(effect) for effect in fit.design.random[t].names]
            covariance[np.ix_(at, at)] += estimate.sigma**2 * fit.factors[t] @ fit.factors[t].T
        sd, corr = _split(covariance)
        groups[name] = Group(dict(zip(effects, sd.tolist(), strict=True)), corr)
    return fixed, groups


def _generalized(fit: GeneralizedFit, fixed: dict[str, float], groups: dict[str, Group]) -> Truth:
    family, shape = fit.family, fit.estimate.shape
    if isinstance(family, Quasi):
        raise InferenceError(f"the {family.name} family names no distribution, so there is no truth to draw from")
    dispersed = fit.dispersing is not None
    if has_sigma(family) and not dispersed:
        return Truth(fixed, groups, float(np.sqrt(shape[0])), family)
    known = dict(zip(family.shape_names, shape.tolist(), strict=True))
    return Truth(fixed, groups, None, family, {name: known[name] for name in stated_shapes(family, dispersed)})


def _split(covariance: Floats) -> tuple[Floats, Floats]:
    """Standard deviations (k,) and correlations (k, k), zero where a standard deviation is."""
    sd = np.sqrt(np.diag(covariance))
    scale = np.outer(sd, sd)
    corr = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    np.fill_diagonal(corr, 1.0)
    return sd, np.clip(corr, -1.0, 1.0)
