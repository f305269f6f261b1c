"""Predictions, residuals and simulations of generalized models, on the scale of the link or of the response."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import numpy as np

from .data.rows import read_columns
from .data.sums import Floats
from .errors import DataError, InferenceError
from .families import Truncated
from .formula import Matrices
from .models.generalized import GeneralizedFit
from .models.predictor import fixed_part, random_variances
from .predict import NewLevels, aligned, new_columns, one_of, predict
from .seeds import Seed, generator
from .simulation import SimulatedGroups, drawn_predictors, new_weights, simulated_rows

Scale: TypeAlias = Literal["link", "response", "conditional", "zprob", "disp"]
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
    one_of("type", type, scales(fit))
    one_of("groups", groups, ("same", "population", "average"))
    if type == "zprob":
        return _of_part(fit.inflating, newdata, groups, new_levels, seed)
    if type == "disp":
        return _of_part(fit.dispersing, newdata, groups, new_levels, seed)
    if groups == "average":
        mean = _average(fit, newdata, type)
    else:
        eta = predict(fit, newdata, groups=groups, new_levels=new_levels, seed=seed)
        if type == "link":
            return eta
        mean = fit.family.mean_at(eta, shape_of_means(fit, newdata, groups, new_levels, seed))
    inflated = type == "response" and fit.inflation is not None
    return mean * (1 - _of_part(fit.inflating, newdata, groups, new_levels, seed)) if inflated else mean


def scales(fit: GeneralizedFit) -> tuple[str, ...]:
    """What can be predicted from a fit."""
    zeros = () if fit.inflating is None else ("conditional", "zprob")
    return "link", "response", *zeros, *(() if fit.dispersing is None else ("disp",))


def _of_part(
    part: GeneralizedFit | None, newdata: Any, groups: MeanGroups, new_levels: NewLevels, seed: Seed
) -> Floats:
    """(n_total,) probabilities of an inflated zero, or first shapes; the effects of each part are drawn apart."""
    assert part is not None
    apart = generator(seed).spawn(2)[part.component == "disp"] if new_levels == "draw" else None
    return predict_generalized(part, newdata, type="response", groups=groups, new_levels=new_levels, seed=apart)


def population_average(inverse: Callable[[Floats], Floats], eta: Floats, sd: Floats) -> Floats:
    """(n,) E g^-1(eta + sd z) over a standard normal z, by the trapezoidal rule; `inverse` is g^-1.

    Random effects enter a row as one normal variable, whatever their number, so one dimension is enough. For smooth
    integrands on the whole line the rule converges geometrically, and unlike Gauss-Hermite nodes its own do not thin
    out where steep links need them (Trefethen & Weideman 2014, SIAM Review 56, 385-458, section 5): eight digits for
    the logit link and standard deviations up to 10.

    >>> from .families import link_named
    >>> population_average(link_named("log").inverse, np.array([0.0]), np.array([1.0])).round(6)  # exp(1/2)
    array([1.648721])
    """
    nodes = STEP * np.arange(-REACH, REACH + 1)
    weights = STEP / np.sqrt(2 * np.pi) * np.exp(-(nodes**2) / 2)
    total = np.zeros_like(eta)
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        total += weight * inverse(eta + node * sd)
    return total


def residuals_generalized(fit: GeneralizedFit, kind: GeneralizedResiduals, seed: Seed = None) -> Floats:
    """(n,) residuals at the conditional modes.

    "response": y - mu. "pearson": that over the root of the variance, without its dispersion; "scaled": with it,
    for Student t responses over their scale. With models of dispersion or zero inflation both take the whole variance.
    "deviance": signed roots of the contributions to the deviance. "working": (y - mu) / (dmu/deta). "quantile": normal
    scores of the distribution function, within its jumps at random (Dunn & Smyth 1996, JCGS 5, 236-244).
    """
    one_of("kind", kind, KINDS)
    y, mu, weights, shape, family = fit.y, fit.mu, fit.weights, fit.shape, fit.family
    zero = fit.inflation
    if fit.modelled and kind in ("deviance", "working"):
        raise InferenceError(
            f"{kind} residuals are not defined with a model of zero inflation or dispersion; "
            'kind="pearson", "response" or "quantile" are'
        )
    if kind == "quantile":
        from scipy.special import ndtri

        low, high = family.below(y, mu, weights, shape), family.cdf(y, mu, weights, shape)
        if zero is not None:
            low, high = np.where(y > 0, zero, 0.0) + (1 - zero) * low, zero + (1 - zero) * high
        u = low + generator(seed).random(len(y)) * (high - low)
        scores: Floats = ndtri(np.clip(u, 1e-300, 1 - 1e-16))
        return np.where(weights > 0, scores, np.nan)
    r = y - fit.mean
    if kind == "response":
        return r
    if kind == "working":
        return r / family.slope_at(family.link.of(mu), shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "deviance":
            squares = np.maximum(family.deviance(y, mu, weights, shape), 0.0)
            return np.where(weights > 0, np.sign(r) * np.sqrt(squares), 0.0)
        if zero is not None:
            variance = (1 - zero) * (family.variance(mu, weights, shape) + zero * fit.conditional_mean**2)
            return np.where(weights > 0, r / np.sqrt(variance), 0.0)
        scale = family.scale(mu, weights, shape)
        if fit.modelled:
            return np.where(weights > 0, r / scale, 0.0)
        if kind == "pearson":
            scale = scale / np.sqrt(family.dispersion(shape))
        return np.where(weights > 0, r / scale, 0.0)


def simulate_generalized(
    fit: GeneralizedFit, n: int = 1, *, groups: SimulatedGroups = "new", newdata: Any = None, seed: Seed = None
) -> Floats:
    """(rows, n) simulated responses; successes where the response is cbind(successes, failures)."""
    columns, rows = simulated_rows(fit, newdata)
    factor = row_weights(fit, newdata, rows)
    rng = generator(seed)
    drawn = []
    zeros, first = (_drawn_part(part, n, groups, newdata, rows, rng) for part in (fit.inflating, fit.dispersing))
    for eta in drawn_predictors(fit, n, groups, columns, rows, rng):
        mu = fit.family.link.inverse(eta)
        shape = fit.models.by_row(fit.parameters, next(first)) if fit.models and fit.dispersing else fit.shape
        y = fit.family.simulate(mu, np.where(factor > 0, factor, 1.0), shape, rng)
        if fit.inflating is not None:
            y = np.where(rng.random(len(y)) < next(zeros), 0.0, y)
        drawn.append(np.where(factor > 0, y * factor if fit.paired else y, 0.0 if fit.paired else np.nan))
    return aligned(np.column_stack(drawn), rows)


def row_weights(fit: GeneralizedFit, newdata: Any, rows: Matrices, *, groups: bool = True) -> Floats:
    """(n,) prior weights of the rows of the fit (None) or of new ones."""
    if newdata is None:
        return fit.weights
    weights = _new_trials(fit, newdata, rows, groups)
    return np.ones(rows.n) if weights is None else weights


def zero_chance(fit: GeneralizedFit, newdata: Any, rows: Matrices) -> Floats | None:
    """(n,) probabilities of an inflated zero without its random effects, in these rows; None without a model of it."""
    if fit.inflating is None:
        return None
    chance = predict_generalized(fit.inflating, newdata, type="response", groups="population")
    kept: Floats = chance if rows.kept is None else chance[rows.kept]
    refuse_missing(kept)
    return kept


def _drawn_part(
    part: GeneralizedFit | None, n: int, groups: SimulatedGroups, newdata: Any, rows: Matrices, rng: np.random.Generator
) -> Iterator[Floats]:
    """n times the probabilities of an inflated zero, or the first shapes, (n_rows,); none without such a part."""
    if part is None:
        return
    columns, own = simulated_rows(part, newdata)
    kept = slice(None) if newdata is None or rows.kept is None else rows.kept
    for eta in drawn_predictors(part, n, groups, columns, own, rng):
        values = part.family.link.inverse(eta)
        if newdata is not None:
            values = aligned(values, own)[kept]
        refuse_missing(values)
        yield values


def measured(fit: GeneralizedFit) -> Floats:
    """(rows of the data,) the response on the scale that simulated ones have; NaN for rows left out."""
    return aligned(fit.y * fit.weights if fit.paired else fit.y, fit.rows)


def row_shapes(fit: GeneralizedFit, newdata: Any, rows: Matrices) -> Floats:
    """Shapes of the rows of the fit (None), or of new ones without missing values, random effects of them at zero."""
    if newdata is None:
        return fit.shape
    shape = shape_of_rows(fit, newdata, "population")
    if fit.dispersing is not None:
        shape = shape[:, slice(None) if rows.kept is None else rows.kept]
    refuse_missing(shape)
    return shape


def refuse_missing(values: Floats) -> None:
    """DataError where the predictors of a model beside that of the mean are missing."""
    if np.isnan(values).any():
        raise DataError(
            "the new rows have missing values in predictors of zero inflation or dispersion; leave these rows out"
        )


def shape_of_rows(
    fit: GeneralizedFit,
    newdata: Any,
    groups: MeanGroups = "same",
    new_levels: NewLevels = "error",
    seed: Seed = None,
) -> Floats:
    """(s,) shapes, or (s, n_total) where the dispersion has a model; NaN in rows with a missing predictor of it."""
    if fit.models is None or fit.dispersing is None:
        return fit.shape
    return fit.models.by_row(fit.parameters, _of_part(fit.dispersing, newdata, groups, new_levels, seed))


def shape_of_means(
    fit: GeneralizedFit,
    newdata: Any,
    groups: MeanGroups = "same",
    new_levels: NewLevels = "error",
    seed: Seed = None,
) -> Floats:
    """Those of rows where means depend on them, as in truncated families; else without a look at the rows."""
    if not isinstance(fit.family, Truncated):
        return fit.estimate.shape
    return shape_of_rows(fit, newdata, groups, new_levels, seed)


def _new_trials(fit: GeneralizedFit, newdata: Any, rows: Matrices, groups: bool) -> Floats | None:
    """Prior weights of new rows; of a pair of counts their sum, times the weights."""
    given = new_weights(fit, newdata, rows) if fit.weighted else None
    if not fit.paired:
        return given
    response = fit.design.formula.response
    assert response is not None
    names = [*response.names, *fit.design.formula.predictors(random=bool(fit.design.random), groups=groups)]
    complete = fit.design.matrices(read_columns(newdata, names), need_response=True, need_groups=groups)
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
    if isinstance(fit.family, Truncated) and fit.dispersing and fit.dispersing.design.random:
        raise DataError(
            f"means of the {fit.family.name} family depend on its {fit.family.shape_names[0]}, whose random effects "
            'are not averaged over yet; groups="population" predicts for random effects of zero'
        )
    shape = shape_of_rows(fit, newdata, "population")
    kept = slice(None) if rows.kept is None else rows.kept
    shape = shape if shape.ndim == 1 else shape[:, kept]

    def inverse(eta: Floats) -> Floats:
        return fit.family.mean_at(eta, shape)

    return aligned(population_average(inverse, fixed_part(fit, rows), np.sqrt(variance)), rows)
