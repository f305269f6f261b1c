"""The parametric bootstrap of generalized (mixed) models: responses drawn from the fit, refits in the core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..families import Quasi
from ..formula import Matrices
from ..models.generalized import GeneralizedFit
from ..models.generalized_likelihood import likelihood_of
from ..models.predictor import fixed_part, random_part
from ..predict import Seed
from .drawing import CHUNK, generators


def responses_generalized(fit: GeneralizedFit, count: int, seed: Seed) -> Iterator[Floats]:
    """Blocks (r, n) of responses of the rows that count, as the family takes them, with new random effects."""
    if isinstance(fit.family, Quasi):
        raise InferenceError(f"the {fit.family.name} family has no distribution to draw responses from")
    n, counted = len(fit.y) if fit.counted is None else len(fit.counted), fit.counted
    own = [(part, part.rows.taken(counted)) for part in (fit, fit.inflating, fit.dispersing) if part is not None]
    means = [fixed_part(part, rows) for part, rows in own]
    weights = own[0][1].extra.get("weights", np.ones(n))
    effects = sum(term.n_levels * len(term.names) for term in fit.varying)
    for block in generators(count, max(1, CHUNK // (n + effects)), seed):
        Y = np.empty((len(block), n))
        for y, rng in zip(Y, block, strict=True):
            of = {
                part.component: part.family.link.inverse(mean + _drawn(part, rows, rng))
                for mean, (part, rows) in zip(means, own, strict=True)
            }
            shape = fit.models.by_row(fit.parameters, of["disp"]) if fit.models and "disp" in of else fit.shape
            y[:] = fit.family.simulate(of["cond"], weights, shape, rng)
            if "zi" in of:
                y[rng.random(n) < of["zi"]] = 0.0
        yield Y


def _drawn(fit: GeneralizedFit, rows: Matrices, rng: np.random.Generator) -> Floats:
    """(n,) what random effects drawn from their distribution give to each row."""
    drawn = [
        rng.standard_normal((part.n_levels, len(part.names))) @ factor.T
        for part, factor in zip(rows.random, fit.factors, strict=True)
    ]
    return random_part(rows, drawn)


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
