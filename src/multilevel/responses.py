"""Predictions, residuals and simulations of generalized models, on the scale of the link or of the response."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from .data.rows import read_columns
from .data.sums import Floats
from .errors import DataError
from .families import Link
from .formula import Matrices
from .models.generalized import GeneralizedFit
from .models.predictor import fixed_part, random_variances
from .predict import NewLevels, aligned, new_columns, one_of, predict
from .seeds import Seed, generator
from .simulation import SimulatedGroups, drawn_predictors, new_weights, simulated_rows

Scale: TypeAlias = Literal["link", "response"]
MeanGroups: TypeAlias = Literal["same", "population", "average"]
GeneralizedResiduals: TypeAlias = Literal["deviance", "pearson", "scaled", "working", "response", "quantile"]
KINDS = ("deviance", "pearson", "scaled", "working", "response", "quantile")
STEP, REACH = 0.1, 140  # of the trapezoidal rule for population averages: nodes -14.0, -13.9, ..., 14.0
NO_AVERAGE = ("inverse", "1/mu^2")


def predict_generalized(
    fit: GeneralizedFit,
    newdata: Any = None,
    *,
    type: Scale = "link",
    groups: MeanGroups = "same",
    new_levels: NewLevels = "error",
    seed: Seed = None,
) -> Floats:
    """(n_total,) linear predictors or means, for the rows of the fit or of new data; NaN where a predictor is missing.

    "average" is the mean over the distribution of the random effects, by quadrature; "same" and "population" are at
    the conditional modes and at random effects of zero.
    """
    one_of("type", type, ("link", "response"))
    one_of("groups", groups, ("same", "population", "average"))
    if groups == "average":
        return _average(fit, newdata, type)
    eta = predict(fit, newdata, groups=groups, new_levels=new_levels, seed=seed)
    return eta if type == "link" else fit.family.link.inverse(eta)


def population_average(link: Link, eta: Floats, sd: Floats) -> Floats:
    """(n,) E g^-1(eta + sd z) over a standard normal z, by the trapezoidal rule.

    Random effects enter a row as one normal variable, whatever their number, so one dimension is enough. For smooth
    integrands on the whole line the rule converges geometrically, and unlike Gauss-Hermite nodes its own do not thin
    out where steep links need them (Trefethen & Weideman 2014, SIAM Review 56, 385-458, section 5): eight digits for
    the logit link and standard deviations up to 10.

    >>> from .families import link_named
    >>> population_average(link_named("log"), np.array([0.0]), np.array([1.0])).round(6)  # exp(1/2)
    array([1.648721])
    """
    nodes = STEP * np.arange(-REACH, REACH + 1)
    weights = STEP / np.sqrt(2 * np.pi) * np.exp(-(nodes**2) / 2)
    total = np.zeros_like(eta)
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        total += weight * link.inverse(eta + node * sd)
    return total


def residuals_generalized(fit: GeneralizedFit, kind: GeneralizedResiduals, seed: Seed = None) -> Floats:
    """(n,) residuals at the conditional modes.

    "response": y - mu. "pearson": that over the root of the variance, without its dispersion; "scaled": with it,
    for Student t responses over their scale.
    "deviance": signed roots of the contributions to the deviance. "working": (y - mu) / (dmu/deta). "quantile": normal
    scores of the distribution function, within its jumps at random (Dunn & Smyth 1996, JCGS 5, 236-244).
    """
    one_of("kind", kind, KINDS)
    y, mu, weights, shape, family = fit.y, fit.mean, fit.weights, fit.estimate.shape, fit.family
    if kind == "quantile":
        from scipy.special import ndtri

        low, high = family.below(y, mu, weights, shape), family.cdf(y, mu, weights, shape)
        u = low + generator(seed).random(len(y)) * (high - low)
        scores: Floats = ndtri(np.clip(u, 1e-300, 1 - 1e-16))
        return np.where(weights > 0, scores, np.nan)
    r = y - mu
    if kind == "response":
        return r
    if kind == "working":
        return r / family.link.derivative(family.link.of(mu))
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "deviance":
            squares = np.maximum(family.deviance(y, mu, weights, shape), 0.0)
            return np.where(weights > 0, np.sign(r) * np.sqrt(squares), 0.0)
        scale = family.scale(mu, weights, shape)
        if kind == "pearson":
            scale = scale / np.sqrt(family.dispersion(shape))
        return np.where(weights > 0, r / scale, 0.0)


def simulate_generalized(
    fit: GeneralizedFit, n: int = 1, *, groups: SimulatedGroups = "new", newdata: Any = None, seed: Seed = None
) -> Floats:
    """(rows, n) simulated responses; successes where the response is cbind(successes, failures)."""
    columns, rows = simulated_rows(fit, newdata)
    weights = fit.prior_weights if newdata is None else _new_trials(fit, newdata, rows)
    rng = generator(seed)
    factor = np.ones(rows.n) if weights is None else weights
    drawn = []
    for eta in drawn_predictors(fit, n, groups, columns, rows, rng):
        mu = fit.family.link.inverse(eta)
        y = fit.family.simulate(mu, np.where(factor > 0, factor, 1.0), fit.estimate.shape, rng)
        drawn.append(np.where(factor > 0, y * factor if fit.paired else y, 0.0 if fit.paired else np.nan))
    return aligned(np.column_stack(drawn), rows)


def measured(fit: GeneralizedFit) -> Floats:
    """(rows of the data,) the response on the scale that simulated ones have; NaN for rows left out."""
    return aligned(fit.y * fit.weights if fit.paired else fit.y, fit.rows)


def _new_trials(fit: GeneralizedFit, newdata: Any, rows: Matrices) -> Floats | None:
    """Prior weights of new rows; of a pair of counts their sum, times the weights."""
    given = new_weights(fit, newdata, rows) if fit.weighted else None
    if not fit.paired:
        return given
    response = fit.design.formula.response
    assert response is not None
    names = [*response.names, *fit.design.formula.predictors(random=bool(fit.design.random))]
    complete = fit.design.matrices(read_columns(newdata, names), need_response=True)
    if complete.n != rows.n:
        raise DataError(f"the new rows need numbers of trials; {response.text} is missing in some of them")
    assert complete.y is not None
    trials: Floats = complete.y.sum(axis=1)
    return trials if given is None else trials * given


def _average(fit: GeneralizedFit, newdata: Any, type: Scale) -> Floats:
    link = fit.family.link
    if type == "link":
        raise DataError('groups="average" gives means of the response; use type="response"')
    if link.name in NO_AVERAGE and fit.design.random:
        raise DataError(
            f"with the link {link.name!r} and normal random effects the mean over the groups does not exist; "
            'groups="population" predicts for random effects of zero'
        )
    rows = fit.rows
    if newdata is not None:
        rows = fit.design.matrices(new_columns(fit, newdata, random=True, groups=False), need_groups=False)
    variance = np.zeros(rows.n)
    for added in random_variances(fit, rows):
        variance += fit.estimate.sigma**2 * added
    return aligned(population_average(link, fixed_part(fit, rows), np.sqrt(variance)), rows)
