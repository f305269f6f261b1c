"""The model of a fit with columns of X or random effects left out, fitted to the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..data.sums import Floats, Sums
from ..formula import Design, RandomMatrices
from ..models.estimate import Estimate, Fit, estimate_of
from ..models.generalized import GeneralizedFit
from ..models.generalized_mixed import GeneralizedMixedFit, estimated
from ..models.likelihood import Likelihood
from ..models.shape_models import PARTS


def refitted(
    fit: Fit,
    *,
    reml: bool,
    X: tuple[Floats, ...] | None = None,
    random: tuple[RandomMatrices, ...] | None = None,
    component: str = "cond",
) -> Estimate:
    """The estimate by REML or maximum likelihood; columns and random terms are those of the fit unless given.

    Both are those of `component`: `"cond"`, the mean, `"zi"` or `"disp"`.
    """
    if isinstance(fit, GeneralizedFit):
        return _by_likelihood(fit, X, random, component)
    sums = Sums(
        fit.sums.y,
        fit.sums.X if X is None else X,
        fit.sums.weights,
        fit.sums.random if random is None else random,
        fit.sums.sigma,
    )
    return estimate_of(sums.core.fit(reml), sums, reml=reml)


def _by_likelihood(
    fit: GeneralizedFit, X: tuple[Floats, ...] | None, random: tuple[RandomMatrices, ...] | None, component: str
) -> Estimate:
    """That of a generalized model; without random terms, of the same likelihood without them."""
    if isinstance(fit, GeneralizedMixedFit):
        known = fit.likelihood
        rows, n_agq, curvature, models = known.rows, fit.n_agq, known.curvature, known.models
    else:
        rows, n_agq, curvature, models = fit.rows.taken(fit.counted), 1, None, fit.models
        models = models and models.taken(fit.counted)
    rows = replace(rows, X=fit.sums.X, random=fit.sums.random)
    if component == "cond":
        rows = replace(rows, X=rows.X if X is None else X, random=rows.random if random is None else random)
    elif models is not None:
        models = models if X is None else models.with_columns(PARTS[component], X)
        models = models if random is None or models is None else models.with_random(PARTS[component], random)
    n_agq = n_agq if rows.random or (models and models.varies) else 1  # nothing to integrate over
    return estimated(Likelihood(rows, fit.family, n_agq, curvature, models, fit.estimate.residual))


def without_term(fit: Fit, number: int) -> tuple[Floats, ...]:
    """The columns of X without those of a term, from 1, as its formula without the term would have them."""
    design = fit.design
    kept = tuple([x for x, t in zip(fit.sums.X, design.assign, strict=True) if t != number])
    others = [term for t, term in enumerate(design.terms, 1) if t != number]
    if not design.has_intercept and _is_mean(design, number) and any(only_factors(design, o.variables) for o in others):
        return np.ones(len(fit.sums.y)), *kept  # the next factor would be coded in full
    return kept


def _is_mean(design: Design, number: int) -> bool:
    """Whether the columns of a term add up to a constant, as those of a factor coded in full do."""
    return set(design.terms[number - 1].codings) == {"full"}


def only_factors(design: Design, variables: Sequence[str]) -> bool:
    """Whether all variables of a term are factors."""
    return all(variable in design.factors for variable in variables)


def droppable(variables: Sequence[Sequence[str]]) -> list[int]:
    """Positions of the terms that no other term contains (the principle of marginality)."""
    sets = [set(v) for v in variables]
    return [i for i, own in enumerate(sets) if not any(own < other for other in sets)]
