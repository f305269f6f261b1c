"""The parametric bootstrap of generalized (mixed) models: responses drawn from the fit, refits in the core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..families import Quasi
from ..models.generalized import GeneralizedFit, taken
from ..models.generalized_likelihood import likelihood_of
from ..predict import Seed
from .drawing import CHUNK, generators


def responses_generalized(fit: GeneralizedFit, count: int, seed: Seed) -> Iterator[Floats]:
    """Blocks (r, n) of responses of the rows that count, as the family takes them, with new random effects."""
    if isinstance(fit.family, Quasi):
        raise InferenceError(f"the {fit.family.name} family has no distribution to draw responses from")
    rows = taken(fit.rows, fit.counted)
    mean = np.zeros(rows.n) if rows.offset is None else rows.offset.copy()
    for j, b in zip(fit.kept, fit.estimate.beta.tolist(), strict=True):
        mean += b * rows.X[j]
    weights = rows.extra.get("weights", np.ones(rows.n))
    shape, zero = _of_rows(fit)
    sizes = [part.n_levels * len(part.names) for part in rows.random]
    for block in generators(count, max(1, CHUNK // (rows.n + sum(sizes))), seed):
        Y = np.empty((len(block), rows.n))
        for y, rng in zip(Y, block, strict=True):
            eta = mean.copy()
            for part, factor, size in zip(rows.random, fit.factors, sizes, strict=True):
                b = rng.standard_normal(size).reshape(part.n_levels, -1) @ factor.T
                for c, z in enumerate(part.Z):
                    eta += z * b[:, c].take(part.codes)
            y[:] = fit.family.simulate(fit.family.link.inverse(eta), weights, shape, rng)
            if zero is not None:
                y[rng.random(rows.n) < zero] = 0.0
        yield Y


def _of_rows(fit: GeneralizedFit) -> tuple[Floats, Floats | None]:
    """Shapes, and chances of inflated zeros, of the rows that count."""
    shape, zero, counted = fit.shape, fit.inflation, fit.counted
    if counted is None:
        return shape, zero
    return shape[..., counted] if shape.ndim == 2 else shape, None if zero is None else zero[counted]


def refits_generalized(fit: GeneralizedFit, count: int, seed: Seed, team: int) -> Iterator[tuple[Floats, Any]]:
    """Blocks of responses, a row for each replicate, and what the core made of them."""
    likelihood, e = likelihood_of(fit), fit.estimate
    shape = fit.parameters
    fixed = False if fit.modelled else np.isfinite(fit.family.given_shape()).tolist()
    whole = fit.design.random and not e.is_singular  # from a theta of zero there is no way up
    theta, beta = (e.theta, e.beta) if whole else (None, None)
    for Y in responses_generalized(fit, count, seed):
        r = likelihood.core.refit(Y.T, likelihood.n_agq, theta, beta, shape, fixed, team)
        none = np.empty((len(Y), 0))
        yield Y, {**r, "sigma": np.ones(len(Y)), "scores": none}
