"""Linear mixed models: the whole story of `lmer`, in one short function.

    y | b ~ N(X beta + Z b + offset, sigma^2 W^-1),  b ~ N(0, sigma^2 Lambda Lambda')

theta, the free entries of Lambda, minimises the profiled REML criterion or -2 log-likelihood (Bates, Mächler, Bolker &
Walker 2015, J. Stat. Softw. 67(1)); everything else follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np

from ..data.sums import Floats, Sums
from ..errors import FitError, FormulaError
from ..formula import Design, Formula, Matrices
from .estimate import Fit, estimate_of
from .inputs import Missing, Weights, read_inputs, response_of, theta_of
from .predictor import fitted

NOTHING_LEFT = 1e-13  # residuals this small beside the response are rounding errors
SUSPICIOUS = 1e-3  # where sigma is smaller beside the least-squares residuals, the residuals themselves are looked at
NO_RESIDUAL = 1e-8  # residuals this small beside those of least squares: the groups explain everything


def fit_linear_mixed(
    formula: str,
    data: Any,
    *,
    reml: bool = True,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
    missing: Missing = "drop",
    start: Sequence[float] | Floats | None = None,
    dispformula: str | None = None,
    sigma: float | None = None,
) -> Fit:
    """Parse, learn, add up, minimise, return. Arguments and errors are those of `lmer`."""
    parsed = Formula.parse(formula)
    if not parsed.random:
        raise FormulaError(f"{parsed.text!r} has no random term, such as (1 | group); add one, or use lm")
    if not isinstance(reml, bool | np.bool_):
        raise FitError(f"REML is {reml!r}; expected True (restricted maximum likelihood) or False (maximum likelihood)")
    if sigma is not None:
        check_sigma(sigma)
    if not has_residual(dispformula):
        for option, value in (("weights", weights), ("sigma", sigma)):
            if value is not None:
                raise FitError(f"dispformula='~0' leaves no residuals that {option} could be about; give one of them")
        sigma = 0.0
    inputs = read_inputs(parsed, data, weights, missing, zero_weights=False)
    design, rows = Design.learn(parsed, inputs.columns, contrasts=contrasts, extra=inputs.extra)
    dropped = inputs.missing(rows, missing)
    check_groups(rows, design.slip, sigma is None)
    return _minimised(design, rows, inputs.weights_column, dropped, bool(reml), start, sigma)


def refit_linear_mixed(fit: Fit, rows: Matrices) -> Fit:
    """The same model for another response."""
    return _minimised(fit.design, rows, fit.weights_column, fit.missing, fit.estimate.reml, None, fit.sums.sigma)


def _minimised(
    design: Design,
    rows: Matrices,
    weights: str | None,
    missing: dict[str, int],
    reml: bool,
    start: Sequence[float] | Floats | None,
    sigma: float | None,
) -> Fit:
    sums = add_up(rows, sigma)
    check_response(design, sums)
    solution = sums.core.fit(reml, None if start is None else theta_of(start, sums.core.n_theta, "start"))
    fit = Fit(design, rows, sums, estimate_of(solution, sums, reml=reml), tuple(sums.core.kept), weights, missing, None)
    if sigma is None and not solution.sigma > SUSPICIOUS * sums.core.residual_scale:
        check_residuals(fit)
    return fit


def criterion_at(fit: Fit, theta: Sequence[float] | Floats) -> float:
    """The profiled criterion at another theta."""
    return fit.sums.core.criterion(theta_of(theta, fit.sums.core.n_theta, "theta"), fit.estimate.reml)


def has_residual(dispformula: str | None) -> bool:
    """Whether rows have residuals; FitError for a model of their variance."""
    plain = None if dispformula is None else "".join(str(dispformula).split())
    if plain not in (None, "~1", "~0"):
        raise FitError(
            f"dispformula is {dispformula!r}; lmer knows '~1' (one residual variance) and '~0' (no residuals): for a "
            "model of the residual variance use glmer(..., family='gaussian', dispformula=...)"
        )
    return plain != "~0"


def check_sigma(sigma: float) -> None:
    """FitError for what is no standard deviation."""
    number = isinstance(sigma, int | float | np.integer | np.floating) and not isinstance(sigma, bool)
    if not (number and 0.0 < sigma < np.inf):
        raise FitError(
            f"sigma is {sigma!r}; expected the residual standard deviation of a row of weight one, a positive number, "
            "where it is known, or None"
        )


def add_up(rows: Matrices, sigma: float | None = None) -> Sums:
    """The sums of all complete rows."""
    y = response_of(rows)
    return Sums(y if rows.offset is None else y - rows.offset, rows.X, rows.extra.get("weights"), rows.random, sigma)


def check_groups(rows: Matrices, slip: str, estimated: bool = True) -> None:
    """FitError for a grouping factor with one level, or as many random effects as rows whose sigma is estimated too.

    `slip` may explain it.
    """
    for part in rows.random:
        levels, effects = part.n_levels, len(part.names) if part.structure == "us" else 1
        if levels == 1:
            raise FitError(
                f"the grouping factor {part.group} has a single level, {part.levels[0]!r}; how groups vary can only be "
                f"estimated from two or more: leave {part.written} out"
            )
        if estimated and levels * effects >= rows.n:
            each = f" ({levels} levels of {part.group}, {effects} effects each)" if effects > 1 else ""
            known = "; if the weights are one over known variances, add sigma=1" if "weights" in rows.extra else ""
            raise FitError(
                f"{part.written} has {levels * effects} random effects{each} for {rows.n} rows; with as many effects "
                "as rows they cannot be told from the residuals: use another grouping factor, or simplify the term"
                f"{slip}{known}"
            )


def check_response(design: Design, sums: Sums) -> None:
    """FitError when nothing is left to estimate a variance from."""
    y, core, name = sums.y, sums.core, design.formula.response_text
    n = len(y)
    if core.p >= n:
        raise FitError(
            f"{core.p} fixed effects for {n} rows leave nothing to estimate variances from; simplify the formula"
        )
    explained = core.residual_scale <= NOTHING_LEFT * _root_mean_square(y)
    if (explained or not design.has_intercept) and y.min() == y.max():
        raise FitError(f"the response {name} is {y[0]:g} in every row; there is nothing to explain")
    if explained:
        raise FitError(
            f"the fixed effects explain {name} without residual; there is nothing left to estimate variances from. "
            f"Is {name} computed from the predictors?"
        )


def check_residuals(fit: Fit) -> None:
    """FitError when the random effects leave no residuals: the likelihood then has no maximum."""
    r = response_of(fit.rows) - fitted(fit)
    if not _root_mean_square(r) > NO_RESIDUAL * fit.sums.core.residual_scale:
        raise FitError(
            f"the random effects explain {fit.design.formula.response_text} without residual: the likelihood has no "
            "maximum. Does the response vary within the groups?"
        )


def _root_mean_square(x: Floats) -> float:
    # x.dot(x) would wake a thread of NumPy's BLAS, which then spins beside those of the core; x * x is a copy.
    return sqrt(float(np.einsum("i,i->", x, x)) / len(x))
