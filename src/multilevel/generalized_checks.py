"""Model checks of generalized fits: what one should look at before believing one, each with a number and a verdict."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .checks import FAR, STRAIGHT, Check, Checks, fit_checks, group_checks, quantile_correlation
from .families import Quasi
from .generalized_words import separation_words
from .models.generalized import GeneralizedFit
from .responses import residuals_generalized

DISPERSED = 1.5  # Pearson's X^2 per degree of freedom from which a family without dispersion fits badly
ZEROS = 3.0  # standard errors from which there are too many zeros, or too few
SEED = 1  # quantile residuals are drawn within jumps; the same draw for every check


def generalized_check(fit: GeneralizedFit, backend: str) -> Checks:
    """Optimum, boundary, separation, data left out, collinearity, dispersion, zeros, residuals, random effects."""
    checks = (
        *fit_checks(fit),
        *_separation(fit),
        *_dispersion(fit),
        *_zeros(fit),
        *_residuals(fit),
        *group_checks(fit),
    )
    return Checks(checks, backend)


def _separation(fit: GeneralizedFit) -> Iterator[Check]:
    if fit.estimate.separation:
        advice = "leave out what separates, join categories, or collect data where the response never differs"
        yield Check("separation", separation_words(fit), False, advice)


def _dispersion(fit: GeneralizedFit) -> Iterator[Check]:
    """Pearson's X^2 per degree of freedom, at the conditional modes; families that estimate it always fit."""
    if fit.family.shape_names or fit.modelled:
        return
    r = residuals_generalized(fit, "pearson")
    df = fit.estimate.n - fit.estimate.n_parameters
    if df > 0:
        ratio = float(r @ r) / df
        wider = "beta_binomial" if fit.family.trials else "negative_binomial"
        quasi = "" if fit.design.random else " a quasi family,"
        advice = f"try {wider},{quasi} or a random effect for each row"
        yield Check("dispersion", f"Pearson's X^2 per degree of freedom {ratio:.2f}", ratio < DISPERSED, advice)


def _zeros(fit: GeneralizedFit) -> Iterator[Check]:
    """Zeros beside their expectation given the modes, for families that have some, and hurdle models of counts."""
    family = fit.family
    expected_some = family.has_zeros or (family.discrete and fit.inflation is not None)
    if not expected_some or family.trials or isinstance(family, Quasi):
        return
    y, mu = fit.y, fit.mu
    p = np.exp(fit.family.loglik(np.zeros_like(y), mu, np.ones_like(y), fit.shape))
    if fit.inflation is not None:
        p = fit.inflation + (1 - fit.inflation) * p
    if fit.counted is not None:
        y, p = y[fit.counted], p[fit.counted]
    found, expected, error = int((y == 0).sum()), float(p.sum()), float(np.sqrt((p * (1 - p)).sum()))
    words = f"{found} where {expected:.1f} are expected"
    fine = abs(found - expected) <= ZEROS * max(error, 1.0)
    yield Check("zeros", words, fine, "is there a second reason for zeros, or a predictor that is missing?")


def _residuals(fit: GeneralizedFit) -> Iterator[Check]:
    if isinstance(fit.family, Quasi) or not fit.estimate.residual:
        return
    r = residuals_generalized(fit, "quantile", SEED)
    r = r if fit.counted is None else r[fit.counted]
    straight = quantile_correlation(r)
    yield Check(
        "residuals: shape", f"correlation of quantile residuals with normal quantiles {straight:.3f}",
        straight >= STRAIGHT, "another family or link may fit better",
    )  # fmt: skip
    far = int((np.abs(r) > FAR).sum())
    words = f"{far} quantile residuals beyond {FAR:g}" if far else f"none beyond {FAR:g}"
    yield Check("residuals: outliers", words, not far, "are these values right? Does leaving them out matter?")
