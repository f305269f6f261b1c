"""The parametric bootstrap of generalized (mixed) models: responses drawn from the fit, refits in the core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..families import Quasi
from ..models.generalized import GeneralizedFit
from ..models.generalized_likelihood import likelihood_of
from ..predict import Seed
from .drawing import CHUNK, generators


def responses_generalized(fit: GeneralizedFit, count: int, seed: Seed) -> Iterator[Floats]:
    """Blocks (r, n) of responses of the rows that count, as the family takes them, with new random effects."""
    if isinstance(fit.family, Quasi):
        raise InferenceError(f"the {fit.family.name} family has no distribution to draw responses from")
    own, logit = _Predictors(fit), _Predictors(fit.inflating) if fit.inflating else None
    n, counted = own.rows.n, fit.counted
    weights = own.rows.extra.get("weights", np.ones(n))
    shape = fit.shape if counted is None or fit.shape.ndim == 1 else fit.shape[:, counted]
    for block in generators(count, max(1, CHUNK // (n + own.size + (logit.size if logit else 0))), seed):
        Y = np.empty((len(block), n))
        for y, rng in zip(Y, block, strict=True):
            y[:] = fit.family.simulate(fit.family.link.inverse(own.drawn(rng)), weights, shape, rng)
            if logit and fit.inflating:
                y[rng.random(n) < fit.inflating.family.link.inverse(logit.drawn(rng))] = 0.0
        yield Y


class _Predictors:
    """Linear predictors of the rows that count, as often as one likes, with new random effects."""

    def __init__(self, fit: GeneralizedFit) -> None:
        self.rows, self.factors = fit.rows.taken(fit.counted), fit.factors
        self.fixed = np.zeros(self.rows.n) if self.rows.offset is None else self.rows.offset.copy()
        for j, b in zip(fit.kept, fit.estimate.beta.tolist(), strict=True):
            self.fixed += b * self.rows.X[j]
        self.size = sum(part.n_levels * len(part.names) for part in self.rows.random)

    def drawn(self, rng: np.random.Generator) -> Floats:
        """(n,) the next."""
        eta = self.fixed.copy()
        for part, factor in zip(self.rows.random, self.factors, strict=True):
            b = rng.standard_normal((part.n_levels, len(part.names))) @ factor.T
            for c, z in enumerate(part.Z):
                eta += z * b[:, c].take(part.codes)
        return eta


def refits_generalized(fit: GeneralizedFit, count: int, seed: Seed, team: int) -> Iterator[tuple[Floats, Any]]:
    """Blocks of responses, a row for each replicate, and what the core made of them."""
    likelihood, e = likelihood_of(fit), fit.estimate
    shape = fit.parameters
    fixed = [False] * len(shape) if fit.modelled else np.isfinite(fit.family.given_shape()).tolist()
    truth = np.concatenate([e.theta, e.beta, shape])
    free = np.concatenate([np.ones(len(truth) - len(fixed), dtype=bool), ~np.array(fixed, dtype=bool)])
    whole = fit.design.random and not e.is_singular  # from a theta of zero there is no way up
    theta, beta = (e.theta, e.beta) if whole else (None, None)
    for Y in responses_generalized(fit, count, seed):
        r = likelihood.core.refit(Y.T, likelihood.n_agq, theta, beta, shape, fixed, team, scores_at=truth)
        yield Y, {**r, "sigma": np.ones(len(Y)), "scores": r["scores"][:, free]}
