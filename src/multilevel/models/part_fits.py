"""A model beside that of the mean as a fit of its own, whose response nobody sees.

    zero inflation   logit pi_i  = w_i'gamma + z_i'c      as of a binomial response
    dispersion       log shape_i = d_i'delta + z_i'c      as of a response with a log link;     c ~ N(0, Lambda Lambda')

So their random effects, predictions and simulations are those of any generalized linear mixed model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
LINKS = {"zi": "binomial(logit)", "disp": "negative_binomial(log)"}  # of these families only the link counts


@dataclass(frozen=True, eq=False)
class PartFit(GeneralizedFit):
    """A model beside that of the mean. Its `mu` is the probability of an inflated zero, or the first shape, (n,)."""

    of: str
    ask: Callable[[str], Posterior]  # asks the fit that it is part of

    @property
    def component(self) -> str:
        """Of what it is the model."""
        return self.of

    @cached_property
    def posterior(self) -> Posterior:
        """Per term P (l, k, k), Var(c | y) at the estimates, and F (l, k, p) = -dc / d coefficients."""
        return self.ask(self.of)


def part_estimates(
    whole: GeneralizedEstimate, models: ShapeModels, parameters: Floats, vcov: Floats
) -> dict[str, GeneralizedEstimate]:
    """Of each model its coefficients among `parameters` (s,), and their part of `vcov` (s, s); no effects."""
    estimates: dict[str, GeneralizedEstimate] = {}
    for name, model in models.by_component().items():
        at = models.places(model.part)
        estimates[name] = GeneralizedEstimate(
            theta=np.empty(0), beta=parameters[at], unscaled_vcov=vcov[at, at], sigma=1.0, criterion=whole.criterion,
            r2=np.nan, modes=(), smallest=(), n=whole.n, reml=False, certificate=whole.certificate, shape=np.empty(0),
            n_shape=0, separation=(),
        )  # fmt: skip
    return estimates


def _nothing(_: str) -> Posterior:
    return ()


def part_fits(
    fit: GeneralizedFit, estimates: Mapping[str, GeneralizedEstimate], ask: Callable[[str], Posterior] = _nothing
) -> dict[str, PartFit]:
    """The models beside that of the mean with their estimates; `ask` gives the posterior of the effects of one."""
    models, made = fit.models, {}
    for name, model in (models.by_component() if models else {}).items():
        sums = NoSums(np.zeros(model.rows.n), model.X, None, model.rows.random)
        made[name] = PartFit(
            model.design, model.rows, sums, estimates[name], tuple(range(len(model.X))), None, fit.missing,
            fit.counted, family_of(LINKS[name]), False, False, name, ask,
        )  # fmt: skip
    return made


def n_entries(parts: Sequence[RandomMatrices]) -> int:
    """Entries of theta that these terms have."""
    return sum(part.n_theta for part in parts)
