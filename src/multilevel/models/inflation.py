"""The model of zero inflation as a fit of its own: a binomial one whose response nobody sees.

    logit pi_i = w_i'gamma + z_i'c,   c ~ N(0, Lambda Lambda')

So random effects, predictions and simulations of the inflation are those of any generalized linear mixed model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from ..data.sums import Floats
from ..families import family_of
from ..formula import RandomMatrices
from .generalized import GeneralizedEstimate, GeneralizedFit, NoSums
from .shape_models import ShapeModels

Posterior: TypeAlias = tuple[tuple[Floats, Floats], ...]  # per term P (l, k, k) and F (l, k, p)


@dataclass(frozen=True, eq=False)
class InflationFit(GeneralizedFit):
    """The model of zero inflation of a `glmer`. Its `mean` is the probability of an inflated zero, (n,)."""

    ask: Callable[[], Posterior]  # asks the fit that it is part of

    @cached_property
    def posterior(self) -> Posterior:
        """Per term P (l, k, k), Var(c | y) at the estimates, and F (l, k, p) = -dc/dgamma."""
        return self.ask()


def logit_estimate(
    whole: GeneralizedEstimate, models: ShapeModels, parameters: Floats, vcov: Floats
) -> GeneralizedEstimate:
    """The coefficients of the zero inflation among `parameters` (s,), and their part of `vcov` (s, s); no effects."""
    at = models.places("zero inflation")
    return GeneralizedEstimate(
        theta=np.empty(0), beta=parameters[at], unscaled_vcov=vcov[at, at], sigma=1.0, criterion=whole.criterion,
        r2=np.nan, modes=(), smallest=(), n=whole.n, reml=False, certificate=whole.certificate, shape=np.empty(0),
        n_shape=0, separation=(),
    )  # fmt: skip


def inflation_fit(
    fit: GeneralizedFit, models: ShapeModels, estimate: GeneralizedEstimate, ask: Callable[[], Posterior] = tuple
) -> InflationFit:
    """The model of zero inflation of a fit with its estimate; `ask` gives its posterior."""
    model = models.inflation
    assert model is not None
    sums = NoSums(np.zeros(model.rows.n), model.X, None, model.rows.random)
    return InflationFit(
        model.design, model.rows, sums, estimate, tuple(range(len(model.X))), None, fit.missing, fit.counted,
        family_of("binomial"), False, False, ask,
    )  # fmt: skip


def n_entries(parts: Sequence[RandomMatrices]) -> int:
    """Entries of theta that these terms have."""
    return sum(part.n_theta for part in parts)
