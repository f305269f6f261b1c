"""How sure a predicted mean of a generalized model is.

On the scale of the link, the error of x'beta_hat has the variance x'Vx, and for a known group that of
x'beta_hat + z'b_hat is z'Pz + (x - F'z)' V (x - F'z), with P = Var(b | y) and F = -db_hat/dbeta (Kass & Steffey 1989,
JASA 84, 717-726). Limits are normal ones, Student's t where a glm estimates a dispersion; on the scale of the response
they are the means of those limits, and the standard error is by the delta method.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from ..data.sums import Floats
from ..errors import DataError, InferenceError
from ..formula import Matrices
from ..framed import frame
from ..models.generalized import GeneralizedFit
from ..models.generalized_linear import GeneralizedLinearFit
from ..predict import NewLevels, aligned, new_columns, one_of
from ..responses import MeanGroups, Scale, predict_generalized
from .mixture_prediction import mixture_interval, zero_chance_interval
from .prediction import check_level

Confidence: TypeAlias = Literal["confidence"]


def predict_generalized_interval(
    fit: GeneralizedFit,
    newdata: Any = None,
    *,
    type: Scale = "link",
    groups: MeanGroups = "same",
    new_levels: NewLevels = "error",
    interval: Confidence = "confidence",
    level: float = 0.95,
    backend: str = "pandas",
) -> Any:
    """A frame with a row for each row of the data: `estimate`, `std_error`, `df`, `lower`, `upper`.

    Arguments are those of `GeneralizedLinearMixedModel.predict`.
    """
    from scipy.special import ndtri, stdtrit

    check_level(level)
    if interval != "confidence":
        raise DataError(f"interval is {interval!r}; expected 'confidence', or None for predictions alone")
    scales = ("link", "response") if fit.inflation is None else ("link", "response", "conditional", "zprob")
    one_of("type", type, scales)
    same = groups == "same" and bool(fit.design.random)
    _refuse(fit, groups, new_levels, same)
    df = np.inf
    if isinstance(fit, GeneralizedLinearFit) and fit.family.estimates_dispersion:
        df = float(fit.estimate.n - len(fit.kept))
    tail = (1.0 + level) / 2.0
    quantile = float(ndtri(tail) if np.isinf(df) else stdtrit(df, tail))
    if type == "zprob":
        return _framed(*zero_chance_interval(fit, newdata, quantile), df, backend)
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
        link = fit.family.link
        error = np.abs(link.derivative(eta)) * error
        estimate, lower, upper = (link.inverse(values) for values in (estimate, lower, upper))
        lower, upper = np.minimum(lower, upper), np.maximum(lower, upper)
    return _framed(estimate, error, lower, upper, df, backend)


def _framed(estimate: Floats, error: Floats, lower: Floats, upper: Floats, df: float, backend: str) -> Any:
    columns = {"estimate": estimate, "std_error": error, "df": np.where(np.isnan(estimate), np.nan, df)}
    return frame({**columns, "lower": lower, "upper": upper}, backend)


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
