"""Least squares: the story of `lm`, from the same sums as a mixed model, without random terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats, Sums
from ..errors import FitError, FormulaError
from ..formula import Design, Formula, Matrices
from .estimate import Estimate, Fit, estimate_of
from .inputs import Missing, Weights, read_inputs, response_of
from .predictor import fixed_part


def fit_linear(
    formula: str,
    data: Any,
    *,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Parse, learn, add up, solve, return. Arguments and errors are those of `lm`."""
    parsed = Formula.parse(formula)
    if parsed.random:
        raise FormulaError(f"{parsed.text!r} has random terms, such as ({parsed.random[0].label}); use lmer")
    inputs = read_inputs(parsed, data, weights, missing, zero_weights=True)
    design, rows = Design.learn(parsed, inputs.columns, contrasts=contrasts, extra=inputs.extra)
    return _solved(design, rows, inputs.weights_column, inputs.missing(rows, missing))


def refit_linear(fit: Fit, rows: Matrices) -> Fit:
    """The same model for another response."""
    return _solved(fit.design, rows, fit.weights_column, fit.missing)


def _solved(design: Design, rows: Matrices, weights: str | None, missing: dict[str, int]) -> Fit:
    counted, sums = _add_up(rows)
    y = sums.y
    if y.min() == y.max():
        raise FitError(
            f"the response {design.formula.response_text} is {y[0]:g} in every row; there is nothing to explain"
        )
    estimate = _estimate(sums)
    return Fit(design, rows, sums, estimate, tuple(sums.core.kept), weights, missing, counted)


def _add_up(rows: Matrices) -> tuple[NDArray[np.int64] | None, Sums]:
    """The sums of the rows that count: as in R, a row of weight zero does not."""
    y, X, w = response_of(rows), rows.X, rows.extra.get("weights")
    if rows.offset is not None:
        y = y - rows.offset
    if w is None or w.all():
        return None, Sums(y, X, w)
    counted = np.flatnonzero(w)
    return counted, Sums(y.take(counted), tuple([x.take(counted) for x in X]), w.take(counted))


def _estimate(sums: Sums) -> Estimate:
    solution = sums.core.fit(False)
    estimate = estimate_of(solution, sums, reml=False)
    df = estimate.n - len(estimate.beta)
    criterion = estimate.criterion if df and estimate.r2 > 0 else -inf
    return replace(estimate, criterion=criterion, sigma=sqrt(max(estimate.r2, 0.0) / df) if df else nan)


def sums_of_squares(fit: Fit) -> tuple[float, float]:
    """Weighted sums of squares of the model and of the residuals, as R's `summary.lm` defines them.

    Without the offset; with an intercept the model's are taken about their weighted mean, without one about zero.
    """
    f = fixed_part(fit, fit.rows)
    if fit.rows.offset is not None:
        f -= fit.rows.offset
    w = np.ones(fit.rows.n) if fit.prior_weights is None else fit.prior_weights
    center = np.sum(w * f) / np.sum(w) if fit.design.has_intercept else 0.0
    return float(np.sum(w * (f - center) ** 2)), fit.estimate.r2


def r_squared(fit: Fit) -> tuple[float, float]:
    """R squared and adjusted R squared, R's definitions: zero for a model of nothing but an intercept."""
    p, intercept, n = len(fit.kept), int(fit.design.has_intercept), fit.estimate.n
    if p == intercept:
        return 0.0, 0.0
    model, residual = sums_of_squares(fit)
    r2 = model / (model + residual)
    return r2, 1 - (1 - r2) * (n - intercept) / (n - p) if n > p else nan


def spread(fit: Fit, values: Floats) -> Floats:
    """Values (p, ...) of the identified columns at their places among all columns of X; NaN at the others."""
    if not fit.dropped:
        return values
    full = np.full((len(fit.design.names),) * values.ndim, nan)
    full[np.ix_(*[fit.kept] * values.ndim)] = values
    return full
