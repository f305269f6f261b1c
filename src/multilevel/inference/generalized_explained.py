"""Variance explained by generalized mixed models: Nakagawa's R squared and intra-class correlations.

As for linear models (`explained.py`), on the scale of the link, with the variance that the distribution itself has
there in the place of sigma^2 (Nakagawa, Johnson & Schielzeth 2017, J. R. Soc. Interface 14, 20170213, tables 1 and 2):

    binomial     logit pi^2 / 3       probit 1      cloglog pi^2 / 6      of the latent threshold distribution
    Poisson      log(1 + 1/lambda)    sqrt 1/4
    negative binomial   log(1 + 1/lambda + 1/size),  type 1: log(1 + (1 + dispersion)/lambda),  with the log link
    Gamma        trigamma(1 / dispersion), with the log link
    gaussian     dispersion, with the identity link

lambda is exp of the intercept of the model without predictors. With inflated zeros all of this is of the mean of the
family; the zeros, a part of their own, are left out. A random effect for each row is extra variation of the
responses, not between groups, and counts as such.
"""

from __future__ import annotations

from dataclasses import replace
from math import exp, log1p, pi

import numpy as np

from ..effects import variance_shares
from ..errors import InferenceError
from ..models.components import components
from ..models.generalized_mixed import GeneralizedMixedFit
from ..models.likelihood import Likelihood
from ..models.predictor import fixed_part
from .explained import IntraClass, RSquared

LATENT = {"logit": pi**2 / 3, "probit": 1.0, "cloglog": pi**2 / 6}


def r_squared_generalized(fit: GeneralizedMixedFit, backend: str) -> RSquared:
    """Marginal and conditional R squared on the scale of the link."""
    fixed, random, residual = _variances(fit)
    between = sum(random.values())
    total = fixed + between + residual
    return RSquared(fixed / total, (fixed + between) / total, backend, _note(fit))


def intra_class_generalized(fit: GeneralizedMixedFit, backend: str) -> IntraClass:
    """Adjusted and unadjusted intra-class correlation on the scale of the link, and per random term."""
    fixed, random, residual = _variances(fit)
    between = sum(random.values())
    within = between + residual
    shares = tuple([v / within for v in random.values()])
    return IntraClass(
        between / within, between / (fixed + within), tuple(random), tuple(random.values()), shares, backend, _note(fit)
    )


def _note(fit: GeneralizedMixedFit) -> str:
    return "Of the mean of the family; inflated zeros are left out." if "zi" in components(fit) else ""


def distribution_variance(fit: GeneralizedMixedFit) -> float:
    """The variance of the responses given their mean, on the scale of the link; InferenceError where none is known."""
    if "disp" in components(fit):
        raise InferenceError(
            "with a model of the dispersion the variance of the responses differs between rows, for which R squared "
            "and intra-class correlation are not defined; without dispformula they are"
        )
    name, link, shape = fit.family.name, fit.family.link.name, fit.estimate.shape.tolist()
    if name == "binomial" and link in LATENT:
        return LATENT[link]
    if name == "poisson" and link == "sqrt":
        return 0.25
    if name == "gaussian" and link == "identity":
        return float(shape[0])
    if link == "log":
        if name == "poisson":
            return log1p(1 / _null_mean(fit))
        if name == "negative_binomial":
            return log1p(1 / _null_mean(fit) + 1 / shape[0])
        if name == "negative_binomial_1":
            return log1p((1 + shape[0]) / _null_mean(fit))
        if name == "generalized_poisson":
            return log1p(shape[0] / _null_mean(fit))
        if name == "gamma":
            from scipy.special import polygamma

            return float(polygamma(1, 1 / shape[0]))
    raise InferenceError(
        f"the variance of the {name} family with the link {link!r} is not known on the scale of the link; R squared "
        "and intra-class correlation need it"
    )


def _null_mean(fit: GeneralizedMixedFit) -> float:
    """exp of the intercept of the model without predictors, the offset and the random effects kept."""
    rows = fit.likelihood.rows
    null = Likelihood(
        replace(rows, X=(np.ones(rows.n),)), fit.family, fit.n_agq, fit.likelihood.curvature, fit.likelihood.models
    ).fit()
    return exp(float(null.beta[0]))


def _variances(fit: GeneralizedMixedFit) -> tuple[float, dict[str, float], float]:
    """Of the fixed part (offsets apart), of each random term by its label, and of the responses."""
    mean = fixed_part(fit, fit.rows)
    if fit.rows.offset is not None:
        mean -= fit.rows.offset
    mean -= mean[0]  # so that the variance of a constant is zero
    residual, between = distribution_variance(fit), {}
    for part, variance in zip(fit.rows.random, variance_shares(fit), strict=True):
        if part.n_levels == fit.rows.n:
            residual += variance
        else:
            between[f"{part.written}"] = variance
    return float(np.var(mean, ddof=1)), between, residual
