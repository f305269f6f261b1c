"""What fits of glm and glmer are asked alike: the likelihood in the compiled core, a refit."""

from __future__ import annotations

from dataclasses import replace

from ..formula import Matrices
from .generalized import GeneralizedFit
from .generalized_linear import GeneralizedLinearFit, refit_generalized_linear
from .generalized_mixed import GeneralizedMixedFit, refit_generalized_mixed
from .likelihood import Likelihood


def likelihood_of(fit: GeneralizedFit) -> Likelihood:
    """-2 log-likelihood of the rows that count and the identified coefficients, without random effects for `glm`."""
    if isinstance(fit, GeneralizedMixedFit):
        return fit.likelihood
    rows = fit.rows.taken(fit.counted)
    models = fit.models and fit.models.taken(fit.counted)
    return Likelihood(replace(rows, X=tuple([rows.X[j] for j in fit.kept])), fit.family, 1, None, models)


def refit_generalized(fit: GeneralizedFit, rows: Matrices) -> GeneralizedFit:
    """The same model for another response, given as the family takes it."""
    if isinstance(fit, GeneralizedMixedFit):
        return refit_generalized_mixed(fit, rows)
    assert isinstance(fit, GeneralizedLinearFit)
    return refit_generalized_linear(fit, rows)
