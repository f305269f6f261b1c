"""The replicates of a parametric bootstrap: responses drawn from the fit, with new random effects, and refits to each.

Replicate i depends on the seed and on i alone, not on how many there are or on how many threads share them: it has a
generator of its own, child i of the seed (NumPy's SeedSequence). Refits run in the core, in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from ..data.sums import Floats
from ..errors import FitError, InferenceError
from ..models.estimate import Fit
from ..models.inputs import response_of
from ..models.linear import refit_linear
from ..models.linear_mixed import refit_linear_mixed
from ..predict import Seed
from ..progress import Progress
from .bootstrap import Bootstrap
from .parameters import Parameter, estimates, parameters, values

Statistic: TypeAlias = Callable[[Any], Any]
CHUNK = 1_000_000  # numbers drawn at a time


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
    """Draw n responses from a linear (mixed) model and refit it to each.

    Parameters
    ----------
    fit : the fit.
    n : number of replicates.
    statistic : a function of a model that gives a number, a sequence of numbers or a dict of them. Default: all
        parameters of the model.
    wrap : makes the model that `statistic` gets from a fit.
    seed : an integer, a generator, or None: replicate i is the same for any n and any number of threads.
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
    ask = None if statistic is None else _Asked(statistic, wrap, fit)
    mixed = bool(fit.rows.random)
    reml = fit.estimate.reml or not mixed  # sigma of a linear model: r2 / (n - p)
    theta = fit.estimate.theta
    start = theta if mixed and not fit.estimate.is_singular else None
    blocks, scores, unconverged = [], [], 0
    with Progress("bootstrap", count) as progress:
        for Y in _responses(fit, count, seed):
            r = fit.sums.core.refit(Y.T, reml, start, team, theta)
            scores.append(r["scores"])
            unconverged += int((r["converged"] == 0).sum())
            if ask is None:
                blocks.append(values(fit, r["theta"], r["sigma"], r["beta"]))
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


def _whole(name: str, value: object, least: int, expected: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InferenceError(f"{name} is {value!r}; expected {expected}")
    return int(value)


def _responses(fit: Fit, count: int, seed: Seed) -> Iterator[Floats]:
    """Blocks (r, n) of responses less the offset; row i from the generator of replicate i."""
    if isinstance(seed, np.random.Generator):
        root = np.random.SeedSequence(seed.integers(2**32, size=4).tolist())
    else:
        root = np.random.SeedSequence(seed)
    X, w, sigma = fit.sums.X, fit.sums.weights, fit.estimate.sigma
    rows = fit.estimate.n
    mean = np.zeros(rows)
    for j, b in zip(fit.kept, fit.estimate.beta.tolist(), strict=True):
        mean += b * X[j]
    sd = sigma if w is None else sigma / np.sqrt(w)
    parts = fit.sums.random
    sizes = [part.n_levels * len(part.names) for part in parts]
    block = max(1, CHUNK // (rows + sum(sizes)))
    for first in range(0, count, block):
        children = root.spawn(min(block, count - first))
        drawn = np.empty((len(children), sum(sizes) + rows))
        for row, child in zip(drawn, children, strict=True):
            np.random.Generator(np.random.PCG64(child)).standard_normal(out=row)
        *effects, noise = np.split(drawn, np.cumsum(sizes), axis=1)
        Y = mean + sd * noise
        for part, factor, u in zip(parts, fit.factors, effects, strict=True):
            b = sigma * (u.reshape(len(Y), part.n_levels, -1) @ factor.T)
            for c, z in enumerate(part.Z):
                Y += z * b[:, :, c].take(part.codes, axis=1)
        yield Y


class _Asked:
    """A statistic of the user's: what it gave for the fit fixes the names and the shape of all replicates."""

    def __init__(self, statistic: Statistic, wrap: Callable[[Fit], Any], fit: Fit) -> None:
        if not callable(statistic):
            raise InferenceError(f"statistic is {statistic!r}; expected a function of a fitted model")
        self.statistic, self.wrap, self.fit, self.done = statistic, wrap, fit, 0
        names, self.estimates = self._numbers(wrap(fit), "the fit")
        self.parameters = tuple([Parameter(name, "statistic") for name in names])

    def replicate(self, y: Floats) -> Floats:
        """The statistic of one refit; NaN where the model cannot be fitted."""
        self.done += 1
        try:
            fit = self._refitted(y)
        except FitError:
            return np.full(len(self.estimates), np.nan)
        names, found = self._numbers(self.wrap(fit), f"replicate {self.done}")
        if names != [parameter.name for parameter in self.parameters]:
            raise InferenceError(
                f"the statistic of replicate {self.done} has {len(names)} value(s), {', '.join(names[:5])}; that of "
                f"the fit has {len(self.parameters)}: it should have the same for every response"
            )
        return found

    def _refitted(self, y: Floats) -> Fit:
        rows = self.fit.rows
        full = response_of(rows).copy()
        counted = slice(None) if self.fit.counted is None else self.fit.counted
        full[counted] = y if rows.offset is None else y + rows.offset[counted]
        return (refit_linear_mixed if rows.random else refit_linear)(self.fit, replace(rows, y=full))

    def _numbers(self, model: Any, where: str) -> tuple[list[str], Floats]:
        try:
            found = self.statistic(model)
        except Exception as error:
            raise InferenceError(f"the statistic of {where} failed: {type(error).__name__}: {error}") from error
        if isinstance(found, Mapping):
            names, given = [str(name) for name in found], list(found.values())
        else:
            given = found
            names = []
        try:
            numbers = np.array(given, np.float64)
        except (TypeError, ValueError):
            numbers = np.empty((0, 0))
        if numbers.ndim > 1 or not numbers.size:
            raise InferenceError(
                f"the statistic of {where} is {type(found).__name__}; expected a number, a sequence of numbers, or a "
                "dict of numbers"
            )
        if not names:
            names = ["statistic"] if numbers.ndim == 0 else [f"statistic[{i}]" for i in range(len(numbers))]
        return names, np.atleast_1d(numbers)
