"""The printed page of a fit, put together from its numbers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .diagnostics import convergence_doubts, zero_weight_words
from .effects import varcorr
from .inference.methods import sampling_of
from .inference.sampling import Sampling
from .inference.wald import t_p_values, whole_model_test
from .models.estimate import Fit
from .models.linear import r_squared, spread
from .pages import LinearSummary, MixedSummary
from .predict import residuals

KNOWN = "The residual standard deviation was given, not estimated."
PERFECT = 1e-15  # residuals this small beside the fitted values are rounding errors, as in R


def linear_summary(fit: Fit, data: Any) -> LinearSummary:
    """The page of a linear model; rows of weight zero are not among its residuals."""
    e = fit.estimate
    df = e.n - len(fit.kept)
    errors = e.sigma * np.sqrt(np.diag(e.unscaled_vcov))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = t_p_values(e.beta / errors, df)
    r = residuals(fit, "pearson")
    r2, adjusted = r_squared(fit)
    return LinearSummary(
        formula=fit.design.formula.text,
        names=fit.design.names,
        estimates=spread(fit, e.beta),
        errors=spread(fit, errors),
        p_values=spread(fit, p),
        residuals=r if fit.counted is None else r[fit.counted],
        sigma=e.sigma,
        df_residual=df,
        r_squared=r2,
        adjusted_r_squared=adjusted,
        f_test=whole_model_test(fit),
        data=source_words(data),
        weights=weights_words(fit),
        n_missing=fit.n_missing,
        notes=tuple(_linear_notes(fit)),
    )


def mixed_summary(fit: Fit, data: Any, backend: str, df: str | Sampling = "satterthwaite") -> MixedSummary:
    """The page of a linear mixed model, with t tests by a method of `sampling_of`; `df="none"`: without tests."""
    e = fit.estimate
    sampling = sampling_of(fit, df)
    tests = sampling.t_tests(np.eye(len(sampling.beta))) if fit.names and df != "none" else None
    return MixedSummary(
        formula=fit.design.formula.text,
        reml=e.reml,
        criterion=e.criterion,
        aic=e.aic,
        bic=e.bic,
        loglik=e.loglik,
        df_residual=e.n - e.n_parameters,
        residuals=residuals(fit, "scaled") if e.residual else None,
        varcorr=varcorr(fit, backend),
        nobs=fit.rows.n,
        groups=group_sizes(fit),
        names=fit.names,
        estimates=sampling.beta,
        vcov=sampling.vcov,
        df=tests and tests.df,
        p_values=tests and tests.p_value,
        tests=sampling.words if tests else "",
        data=source_words(data),
        weights=weights_words(fit),
        singular=e.is_singular,
        n_missing=fit.n_missing,
        dropped=fit.dropped,
        doubts=tuple(convergence_doubts(fit)),
        notes=(*((KNOWN,) if e.known else ()), *((sampling.note,) if sampling.note else ())),
    )


def group_sizes(fit: Fit) -> dict[str, int]:
    """Number of levels of each grouping factor, in the order of the page."""
    return {part.group: part.n_levels for own in fit.random_parts for part in own.rows.random}


def source_words(data: Any) -> str:
    """The name of the file the data came from; nothing for a table in memory, which has no name."""
    return os.path.basename(data) if isinstance(data, str | os.PathLike) else ""


def weights_words(fit: Fit) -> str:
    """The column of prior weights, or that they came as an array; empty without weights."""
    if fit.prior_weights is None:
        return ""
    return fit.weights_column or "(an array)"


def _linear_notes(fit: Fit) -> list[str]:
    notes = []
    if fit.dropped:
        notes.append(f"Left out because other columns determine them: {', '.join(fit.dropped)}.")
    if fit.counted is not None:
        notes.append(f"{zero_weight_words(fit)}.")
    y = fit.sums.y
    if fit.estimate.sigma <= PERFECT * float(np.sqrt(y.dot(y) / len(y))):
        notes.append("The fit is essentially perfect: standard errors, tests and likelihood are rounding errors.")
    return notes
