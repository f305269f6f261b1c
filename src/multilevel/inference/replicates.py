"""The parametric bootstrap: responses drawn from the fit, and refits to each, in the core and in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from ..predict import Seed
from ..progress import Progress
from .asked import Asked, Statistic
from .bootstrap import Bootstrap
from .drawing import large, numbers, responses
from .generalized_replicates import refits_generalized
from .parameters import estimates, parameters, values


def bootstrap(
    fit: Fit,
    n: int = 1000,
    *,
    statistic: Statistic | None = None,
    wrap: Callable[[Fit], Any] = lambda fit: fit,
    seed: Seed = None,
    threads: int | None = None,
    backend: str = "pandas",
) -> Bootstrap:
    """Draw n responses from a model and refit it to each.

    Parameters
    ----------
    fit : the fit.
    n : number of replicates.
    statistic : a function of a model that gives a number, a sequence of numbers or a dict of them. Default: all
        parameters of the model.
    wrap : makes the model that `statistic` gets from a fit.
    seed : an integer, a generator, or None: replicate i is the same for any n and any number of threads.
        Where one grouping factor has many rows to a level, not the rows are drawn but their sums, so that the cost does
        not grow with the rows; a statistic needs the rows, and its replicates are those of other draws.
    threads : of the refits; default: MULTILEVEL_NUM_THREADS, OMP_NUM_THREADS or all processors.
    backend : library of the frame that `to_frame()` gives.

    Raises
    ------
    InferenceError : n or threads is not a whole number that makes sense, the model has no residual degrees of freedom,
        or the statistic fails or changes its shape.
    """
    count = _whole("n", n, 2, "the number of replicates, 2 or more (a thousand for intervals)")
    team = 0 if threads is None else _whole("threads", threads, 1, "the number of threads, 1 or more")
    if fit.estimate.n <= len(fit.kept):
        raise InferenceError(
            f"{len(fit.kept)} coefficients for {fit.estimate.n} rows leave no residuals to draw responses from"
        )
    ask = None if statistic is None else Asked(statistic, wrap, fit)
    blocks, scores, unconverged = [], [], 0
    with Progress("bootstrap", count) as progress:
        for Y, r in _refits(fit, count, seed, team, rows=ask is not None):
            scores.append(r["scores"])
            unconverged += int((r["converged"] == 0).sum())
            if ask is None:
                blocks.append(values(fit, r["theta"], r["sigma"], r["beta"], r.get("shape")))
                progress.advance(len(Y))
            else:
                for y in Y:
                    blocks.append(ask.replicate(y)[None, :])
                    progress.advance(1)
    replicates = np.concatenate(blocks)
    failed = int(np.isnan(replicates).all(axis=1).sum())
    if failed == count:
        raise InferenceError(f"none of the {count} replicates could be fitted")
    known, at = (parameters(fit), estimates(fit)) if ask is None else (ask.parameters, ask.estimates)
    return Bootstrap(known, at, replicates, np.concatenate(scores), failed, unconverged, backend)


def _refits(fit: Fit, count: int, seed: Seed, team: int, *, rows: bool) -> Iterator[tuple[Floats, Any]]:
    """Blocks of what was drawn, a row for each replicate, and what the core made of it."""
    if isinstance(fit, GeneralizedFit):
        yield from refits_generalized(fit, count, seed, team)
        return
    core, e = fit.sums.core, fit.estimate
    reml = e.reml or not fit.rows.random  # sigma of a linear model: r2 / (n - p)
    start = None if e.is_singular or not fit.rows.random else e.theta
    if large(fit) and not rows:
        draws = core.draws()
        for block in numbers(draws.size, draws.noise_df, count, seed):
            yield block, core.refit_drawn(draws, block, e.theta, e.sigma, e.beta, reml, start, team)
    else:
        for Y in responses(fit, count, seed):
            yield Y, core.refit(Y.T, reml, start, team, e.theta)


def _whole(name: str, value: object, least: int, expected: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InferenceError(f"{name} is {value!r}; expected {expected}")
    return int(value)
