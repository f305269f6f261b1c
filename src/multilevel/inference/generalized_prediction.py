"""How sure a predicted mean of a generalized model is, and where a new response will lie.

On the scale of the link, errors are those of `predictors`, of x'beta_hat, and for known groups of x'beta_hat + z'b_hat.
Limits are normal ones, Student's t where a glm estimates a dispersion; on the scale of the response they are the means
of those limits, and the standard error is by the delta method. Expected responses of fits with models of zero inflation
or dispersion have it from several predictors at once (`expected`); their limits are those of the link at the expected
response.

Limits of a new response are quantiles of the family over the normal distribution of its predictors (`predictive`): of
the mean, and of the zero inflation or dispersion where these have random effects. A group that is not known adds the
variance of its effects; theta and a shape, zero inflation or dispersion without random effects count as known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..data.sums import Floats
from ..errors import DataError, InferenceError
from ..families import Quasi
from ..formula import Matrices
from ..framed import frame
from ..models.generalized import GeneralizedFit
from ..predict import NewLevels, aligned, one_of, target_rows
from ..responses import (
    MeanGroups,
    Scale,
    predict_generalized,
    refuse_missing,
    row_shapes,
    row_weights,
    scales,
    shape_of_rows,
    zero_chance,
)
from .expected import expected, needed
from .levels import checked_level
from .prediction import Interval
from .predictive import Beside, Predictive
from .predictors import Predictors, predictors

Function: TypeAlias = Callable[[Floats], Floats]
Limits: TypeAlias = tuple[Floats, Floats, Floats]  # standard error, lower, upper; (n,)
OF_PARTS = {"zprob": "zi", "disp": "disp"}


def predict_generalized_interval(
    fit: GeneralizedFit,
    newdata: Any = None,
    *,
    type: Scale = "link",
    groups: MeanGroups = "same",
    new_levels: NewLevels = "error",
    interval: Interval = "confidence",
    level: float = 0.95,
    backend: str = "pandas",
) -> Any:
    """A frame with a row for each row of the data: `estimate`, `std_error`, `df`, `lower`, `upper`.

    Arguments are those of `GeneralizedLinearMixedModel.predict`.
    """
    from scipy.special import ndtri, stdtrit

    level = checked_level(level)
    one_of("interval", interval, ("confidence", "prediction"))
    one_of("type", type, scales(fit))
    if interval == "prediction":
        if type != "response":
            raise DataError('interval="prediction" is that of a response, which needs type="response"')
        return _of_responses(fit, newdata, groups, new_levels, level, backend)
    same = groups == "same" and bool(fit.design.random)
    _refuse(groups, new_levels)
    df = float(fit.estimate.n - len(fit.kept)) if fit.pearson else np.inf
    tail = (1.0 + level) / 2.0
    reach = float(ndtri(tail) if np.isinf(df) else stdtrit(df, tail))
    estimate = predict_generalized(fit, newdata, type=type, groups=groups, new_levels=new_levels)
    if fit.modelled and type in ("response", "conditional"):
        of = predictors(fit, needed(fit, counting=type == "response"), newdata, same=same)
        found = _of_expected(fit, of, type == "response", reach)
    else:
        of = predictors(fit, [OF_PARTS.get(type, "cond")], newdata, same=same)
        found = _of_one(of, _scale(fit, type, newdata), reach)
    error, lower, upper = map(of.aligned, found)
    return _framed(estimate, error, lower, upper, df, backend)


def _of_one(of: Predictors, scale: tuple[Function, Function], reach: float) -> Limits:
    """Of a growing or falling function of one predictor, given with its slope."""
    at, (mean, slope) = of.at[0], scale
    error = of.error({of.names[0]: np.ones(len(at))})
    ends = [mean(at + side * reach * error) for side in (-1, 1)]
    return np.abs(slope(at)) * error, np.minimum(*ends), np.maximum(*ends)


def _of_expected(fit: GeneralizedFit, of: Predictors, counting: bool, reach: float) -> Limits:
    """Of expected responses, inflated zeros among them or not."""
    mean, by, by_shape = expected(fit, of.values(), counting=counting)
    link = fit.family.link
    with np.errstate(divide="ignore", invalid="ignore"):
        error, at = of.error({**dict.fromkeys(of.names, np.zeros_like(mean)), **by}, by_shape), link.of(mean)
        ends = [link.inverse(at + side * reach * error / np.abs(link.derivative(at))) for side in (-1, 1)]
    return error, np.minimum(*ends), np.maximum(*ends)


def _scale(fit: GeneralizedFit, type: Scale, newdata: Any) -> tuple[Function, Function]:
    """What is asked for as a function of its predictor, and the slope of that."""
    if type == "link":
        return np.copy, np.ones_like
    if type == "response":
        shape = shape_of_rows(fit, newdata)
        return partial(fit.family.mean_at, shape=shape), partial(fit.family.slope_at, shape=shape)
    part = fit.inflating if type == "zprob" else fit.dispersing
    assert part is not None
    return part.family.link.inverse, part.family.link.derivative


def _framed(estimate: Floats, error: Floats, lower: Floats, upper: Floats, df: float, backend: str) -> Any:
    columns = {"estimate": estimate, "std_error": error, "df": np.where(np.isnan(estimate), np.nan, df)}
    return frame({**columns, "lower": lower, "upper": upper}, backend)


def _of_responses(
    fit: GeneralizedFit, newdata: Any, groups: MeanGroups, new_levels: NewLevels, level: float, backend: str
) -> Any:
    """The frame of a prediction interval; successes where the response is cbind(successes, failures)."""
    if isinstance(fit.family, Quasi):
        raise InferenceError(f"the {fit.family.name} family has no distribution that a response could be drawn from")
    same = groups == "same" and bool(fit.design.random)
    _refuse("same" if same else "population", new_levels)
    estimate = predict_generalized(fit, newdata, type="response", groups=groups, new_levels=new_levels)
    rows = target_rows(fit, newdata, same=same, new=True)
    weights = row_weights(fit, newdata, rows, groups=same)
    if fit.inflating is not None and fit.family.means[0] < 0:
        raise InferenceError(f"inflated zeros among {fit.family.name} responses: not yet")
    new, used = _new_responses(fit, newdata, rows, weights, same), weights > 0
    tail = (1.0 - level) / 2.0
    sd, lower, upper = (np.where(used, values, np.nan) for values in new.limits(tail, 1.0 - tail))
    unit = weights if fit.paired else np.ones(rows.n)
    return frame(
        {
            "estimate": estimate * aligned(unit, rows),
            "std_error": aligned(sd * unit, rows),
            "df": np.where(np.isnan(estimate), np.nan, np.inf),
            "lower": aligned(lower * unit, rows),
            "upper": aligned(upper * unit, rows),
        },
        backend,
    )


def _new_responses(fit: GeneralizedFit, newdata: Any, rows: Matrices, weights: Floats, same: bool) -> Predictive:
    """The distribution of new responses of the rows (n,); one of weight zero is as good as any."""
    names = ["cond", *sorted(part.component for part in fit.random_parts[1:])]
    of = predictors(fit, names, newdata, same=same, new=True)
    if of.at.shape[1] < rows.n:
        refuse_missing(np.full(1, np.nan))
    shape, zero = row_shapes(fit, newdata, rows), zero_chance(fit, newdata, rows)
    root = _root(of.covariance())
    beside = {name: Beside(of.at[j], root[j, : j + 1]) for j, name in enumerate(names)}
    shapes = partial(fit.models.by_row, fit.parameters) if fit.models else None
    return Predictive(
        fit.family, of.at[0], root[0, 0], np.where(weights > 0, weights, 1.0), shape, zero,
        beside.get("disp"), shapes, beside.get("zi"),
    )  # fmt: skip


def _root(covariance: Floats) -> Floats:
    """(k, k, n) lower triangles L with L L' the covariances (k, k, n), which may be singular."""
    k = len(covariance)
    L = np.zeros_like(covariance)
    for j in range(k):
        L[j, j] = np.sqrt(np.maximum(covariance[j, j] - (L[j, :j] ** 2).sum(axis=0), 0.0))
        for i in range(j + 1, k):
            left = covariance[i, j] - (L[i, :j] * L[j, :j]).sum(axis=0)
            L[i, j] = np.divide(left, L[j, j], out=np.zeros_like(left), where=L[j, j] > 0)
    return L


def _refuse(groups: MeanGroups, new_levels: NewLevels) -> None:
    if groups == "average":
        raise InferenceError('groups="average" has no interval yet; groups="population" and "same" have')
    if new_levels == "draw":
        raise InferenceError('new_levels="draw" draws one possible value, which has no interval')
