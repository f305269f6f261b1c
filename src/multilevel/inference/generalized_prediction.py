"""How sure a predicted mean of a generalized model is, and where a new response will lie.

On the scale of the link, the error of x'beta_hat has the variance x'Vx, and for a known group that of
x'beta_hat + z'b_hat is z'Pz + (x - F'z)' V (x - F'z), with P = Var(b | y) and F = -db_hat/dbeta (Kass & Steffey 1989,
JASA 84, 717-726). Limits are normal ones, Student's t where a glm estimates a dispersion; on the scale of the response
they are the means of those limits, and the standard error is by the delta method.

A group that is not known adds z'Psi z where a new response is predicted, whose limits are quantiles of the family over
this normal distribution of the linear predictor (`predictive`); theta and the shape of the family count as known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..data.sums import Floats
from ..errors import DataError, InferenceError
from ..families import Quasi
from ..formula import Matrices
from ..framed import frame
from ..models.generalized import GeneralizedFit
from ..models.predictor import fixed_part, random_part, random_variances
from ..predict import NewLevels, aligned, new_columns, one_of
from ..responses import (
    MeanGroups,
    Scale,
    predict_generalized,
    row_shapes,
    row_weights,
    scales,
    shape_of_rows,
    zero_chance,
)
from .levels import checked_level
from .mixture_prediction import mixture_interval
from .prediction import Interval
from .predictive import Predictive


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
    if type in ("zprob", "disp"):
        part = fit.inflating if type == "zprob" else fit.dispersing
        assert part is not None
        own: dict[str, Any] = {"groups": groups, "new_levels": new_levels, "level": level, "backend": backend}
        return predict_generalized_interval(part, newdata, type="response", **own)
    same = groups == "same" and bool(fit.design.random)
    _refuse(fit, groups, new_levels, same)
    df = np.inf
    if fit.pearson:
        df = float(fit.estimate.n - len(fit.kept))
    tail = (1.0 + level) / 2.0
    quantile = float(ndtri(tail) if np.isinf(df) else stdtrit(df, tail))
    eta = predict_generalized(fit, newdata, groups=groups, new_levels=new_levels)
    rows = fit.rows
    if newdata is not None:
        rows = fit.design.matrices(new_columns(fit, newdata, random=same), need_random=same)
    if fit.modelled:
        return _framed(*mixture_interval(fit, type, newdata, rows, eta, same, quantile), df, backend)
    error = aligned(np.sqrt(_variances(fit, rows, same)), rows)
    reach = quantile * error
    estimate, lower, upper = eta, eta - reach, eta + reach
    if type == "response":
        shape = shape_of_rows(fit, newdata)
        error = np.abs(fit.family.slope_at(eta, shape)) * error
        estimate, lower, upper = (fit.family.mean_at(values, shape) for values in (estimate, lower, upper))
        lower, upper = np.minimum(lower, upper), np.maximum(lower, upper)
    return _framed(estimate, error, lower, upper, df, backend)


def _framed(estimate: Floats, error: Floats, lower: Floats, upper: Floats, df: float, backend: str) -> Any:
    columns = {"estimate": estimate, "std_error": error, "df": np.where(np.isnan(estimate), np.nan, df)}
    return frame({**columns, "lower": lower, "upper": upper}, backend)


def _of_responses(
    fit: GeneralizedFit, newdata: Any, groups: MeanGroups, new_levels: NewLevels, level: float, backend: str
) -> Any:
    """The frame of a prediction interval; successes where the response is cbind(successes, failures)."""
    if isinstance(fit.family, Quasi):
        raise InferenceError(f"the {fit.family.name} family has no distribution that a response could be drawn from")
    fit.refuse_random_parts("intervals of single responses")
    same = groups == "same" and bool(fit.design.random)
    _refuse(fit, "same" if same else "population", new_levels, same)
    estimate = predict_generalized(fit, newdata, type="response", groups=groups, new_levels=new_levels)
    rows = fit.rows
    if newdata is not None:
        columns = new_columns(fit, newdata, random=bool(fit.design.random), groups=same)
        rows = fit.design.matrices(columns, need_groups=same)
    if not same:
        nowhere = np.full(rows.n, -1, np.int32)
        rows = replace(rows, random=tuple([replace(part, codes=nowhere) for part in rows.random]))
    weights, shape = row_weights(fit, newdata, rows, groups=same), row_shapes(fit, newdata, rows)
    zero = zero_chance(fit, newdata, rows)
    if zero is not None and fit.family.means[0] < 0:
        raise InferenceError(f"inflated zeros among {fit.family.name} responses: not yet")
    eta = fixed_part(fit, rows) + random_part(rows, fit.estimate.modes)
    variance = _variances(fit, rows, same)
    for part, added in zip(rows.random, random_variances(fit, rows), strict=True):
        variance += np.where(part.codes < 0, added, 0.0)
    used = weights > 0
    new = Predictive(fit.family, eta, np.sqrt(variance), np.where(used, weights, 1.0), shape, zero)
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


def _refuse(fit: GeneralizedFit, groups: MeanGroups, new_levels: NewLevels, same: bool) -> None:
    if groups == "average":
        raise InferenceError('groups="average" has no interval yet; groups="population" and "same" have')
    if new_levels == "draw":
        raise InferenceError('new_levels="draw" draws one possible value, which has no interval')
    if same and len(fit.rows.random) > 1:
        raise InferenceError(
            "intervals for known groups need a model with one random term, for the covariance between terms is not "
            'kept; groups="population" predicts for random effects of zero'
        )


def _variances(fit: GeneralizedFit, rows: Matrices, same: bool) -> Floats:
    """(n,) variances of the errors on the scale of the link; a level that is not known adds nothing."""
    x = np.column_stack([np.zeros((rows.n, 0)), *(rows.X[j] for j in fit.kept)])
    total = np.zeros(rows.n)
    if same:
        part, (P, F) = rows.random[0], fit.posterior[0]
        z = np.column_stack(part.Z)
        none = [(0, 1)] + [(0, 0)] * 2
        P, F = np.pad(P, none), np.pad(F, none)  # code -1, unseen, takes the last
        total += np.einsum("ij,ijk,ik->i", z, P[part.codes], z)
        x = x - np.einsum("ij,ijp->ip", z, F[part.codes])
    total += np.einsum("ij,ij->i", x @ fit.estimate.vcov, x)
    return total
