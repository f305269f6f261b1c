"""Parametric bootstrap: responses drawn from the fit, with new random effects, and the model fitted to each.

Replicate i depends on the seed and on i alone, not on how many there are or on how many threads share them: it has a
generator of its own, child i of the seed (NumPy's SeedSequence). Refits run in the core, in parallel.

Intervals (Davison & Hinkley 1997, Bootstrap Methods and their Application, chapter 5; DiCiccio & Efron 1996, Statist.
Sci. 11, 189-228): percentile, basic, and BCa, whose acceleration is explained at `_accelerations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from ..data.sums import Floats
from ..errors import FitError, InferenceError
from ..framed import frame
from ..layout import Page, Prose, Section
from ..models.estimate import Fit
from ..models.inputs import response_of
from ..models.linear import refit_linear
from ..models.linear_mixed import refit_linear_mixed
from ..predict import Seed, one_of
from ..progress import Progress
from .intervals import Intervals, checked_level, parameter_table, percent
from .parameters import Names, Parameter, estimates, parameters, select, values

IntervalMethod: TypeAlias = Literal["percentile", "basic", "bca"]
Statistic: TypeAlias = Callable[[Any], Any]
METHODS = {"percentile": "Bootstrap percentile", "basic": "Basic bootstrap", "bca": "Bootstrap BCa"}
CHUNK = 1_000_000  # numbers drawn at a time
REGRESSION = 5  # so many replicates for each score are needed to estimate an acceleration


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(Page):
    """Replicates of the parameters, or of a statistic; made by `m.bootstrap()`.

    Parameters
    ----------
    parameters : (P,) what was replicated.
    estimates : (P,) their values at the fit.
    replicates : (n, P) their values at the refits; NaN in rows whose refit failed, and for correlations with an effect
        that does not vary.
    scores : (n, s) what the score at the fit depends on, for each response drawn.
    failed : replicates that could not be fitted.
    unconverged : replicates without a certified optimum; they count.
    backend : library of the frame that `to_frame()` gives.
    """

    parameters: tuple[Parameter, ...]
    estimates: Floats
    replicates: Floats
    scores: Floats
    failed: int = 0
    unconverged: int = 0
    backend: str = "pandas"

    def __post_init__(self) -> None:
        for array in (self.estimates, self.replicates, self.scores):
            array.flags.writeable = False

    def __repr__(self) -> str:
        return self.to_text()

    def __len__(self) -> int:
        return len(self.replicates)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.replicates, dtype=dtype) if copy else np.asarray(self.replicates, dtype=dtype)

    @property
    def names(self) -> tuple[str, ...]:
        """(P,) names of what was replicated."""
        return tuple([parameter.name for parameter in self.parameters])

    @property
    def bias(self) -> Floats:
        """(P,) mean of the replicates less the estimate."""
        return np.array([r.mean() if len(r) else np.nan for r in self._columns()]) - self.estimates

    @property
    def se(self) -> Floats:
        """(P,) standard deviation of the replicates."""
        return np.array([r.std(ddof=1) if len(r) > 1 else np.nan for r in self._columns()])

    def confint(
        self, method: IntervalMethod = "percentile", level: float = 0.95, parameters: Names = None
    ) -> Intervals:
        """Intervals from the replicates.

        Parameters
        ----------
        method : `"percentile"`: quantiles of the replicates; `"basic"`: these reflected at the estimate; `"bca"`:
            quantiles corrected for bias and for a standard error that changes with the parameter (Efron 1987, J. Amer.
            Statist. Assoc. 82, 171-185).
        level : coverage aimed at.
        parameters : names; default all.

        Raises
        ------
        InferenceError : an impossible level, an unknown parameter, or too few replicates for the level.
        DataError : an unknown method.
        """
        one_of("method", method, tuple(METHODS))
        alpha = (1 - checked_level(level)) / 2
        chosen = select(self.parameters, parameters)
        least = round(1 / alpha) - 1  # so that the quantiles lie between replicates
        columns = list(self._columns())
        limits = np.empty((len(chosen), 2))
        extreme = []
        accelerations = self._accelerations(chosen) if method == "bca" else np.zeros(len(chosen))
        for row, n in enumerate(chosen):
            replicates, estimate = columns[n], float(self.estimates[n])
            if len(replicates) < least:
                raise InferenceError(
                    f"a {percent(level)} interval of {self.names[n]} needs {least} replicates or more, better a "
                    f"thousand; there are {len(replicates)}"
                )
            tails = np.array([alpha, 1 - alpha])
            if method == "bca":
                tails = _corrected(tails, replicates, estimate, accelerations[row])
                if tails.min() * (len(replicates) + 1) < 1 or (1 - tails.max()) * (len(replicates) + 1) < 1:
                    extreme.append(self.names[n])
            limits[row] = np.quantile(replicates, tails, method="weibull")
            if method == "basic":
                limits[row] = 2 * estimate - limits[row, ::-1]
        notes = list(self._notes())
        if extreme:
            notes.append(f"Limits of {', '.join(extreme)} are the most extreme replicate; draw more.")
        rows = tuple([self.parameters[n] for n in chosen])
        return Intervals(rows, self.estimates[list(chosen)], limits, level, METHODS[method], tuple(notes), self.backend)

    def to_frame(self) -> Any:
        """A frame with a row for each replicate, a column for each parameter."""
        return frame(dict(zip(self.names, self.replicates.T, strict=True)), self.backend)

    def sections(self) -> tuple[Section, ...]:
        """Estimates, bias, standard errors and, from 39 replicates on, 95 % percentile intervals."""
        columns = [self.estimates, self.bias, self.se]
        heads = ["Estimate", "Bias", "Std. Error"]
        try:
            limits = self.confint().limits
        except InferenceError:
            limits = np.full((len(self.parameters), 2), np.nan)
        rows = np.column_stack([*columns, limits]).tolist()
        table = parameter_table(self.names, (*heads, percent(0.025), percent(0.975)), rows)
        title = f"Parametric bootstrap, {len(self)} replicates"
        notes = tuple(map(Prose, self._notes()))
        return (Section(title, (table,)), *([Section("", notes)] if notes else []))

    def _columns(self) -> Iterator[Floats]:
        """The replicates of each parameter that are known."""
        for column in self.replicates.T:
            yield column[np.isfinite(column)]

    def _notes(self) -> Iterator[str]:
        n = len(self)
        if self.failed:
            yield f"{self.failed} of {n} replicates could not be fitted and are left out."
        if self.unconverged:
            yield f"{self.unconverged} of {n} refits have no certified optimum; they are counted."
        unknown = np.isnan(self.replicates).sum(axis=0) - self.failed
        for name, count in zip(self.names, unknown.tolist(), strict=True):
            if count:
                yield f"{name} is not defined in {count} of {n} replicates, where an effect does not vary."

    def _accelerations(self, chosen: tuple[int, ...]) -> Floats:
        """(r,) a sixth of the skewness of the score along the least favourable direction (Efron 1987, section 5).

        For a statistic t of a model with score s and information I that direction gives the score grad(t)' I^-1 s: to
        first order the regression of t on s, as Cov(t, s) = grad E(t). Here t is regressed on the score of the fit at
        each response drawn, through the numbers the score is an affine function of.
        """
        known = np.isfinite(self.scores).all(axis=1)
        n, s = self.scores[known].shape
        if n < REGRESSION * (s + 1):
            raise InferenceError(
                f"BCa intervals need {REGRESSION * (s + 1)} replicates or more for this model; there are {n}: draw "
                "more, or use percentile intervals"
            )
        found = []
        for column in self.replicates.T[list(chosen)]:
            rows = known & np.isfinite(column)
            score = self.scores[rows] - self.scores[rows].mean(axis=0)
            spread = score.std(axis=0)
            score = score[:, spread > 0] / spread[spread > 0]
            t = column[rows] - column[rows].mean()
            along = score @ np.linalg.lstsq(score, t, rcond=1e-10)[0]
            variance = float(np.mean(along**2))
            found.append(float(np.mean(along**3)) / variance**1.5 / 6 if variance > 0 else 0.0)
        return np.array(found)


def _corrected(tails: Floats, replicates: Floats, estimate: float, a: float) -> Floats:
    """Efron (1987), equation 2.3; replicates equal to the estimate count half."""
    from scipy.special import ndtr, ndtri

    n = len(replicates)
    below = float(np.mean(replicates < estimate) + np.mean(replicates == estimate) / 2)
    z0 = ndtri(np.clip(below, 0.5 / n, 1 - 0.5 / n))
    z = z0 + ndtri(tails)
    shrink = 1 - a * z
    found: Floats = np.where(shrink > 0, ndtr(z0 + z / np.where(shrink > 0, shrink, 1.0)), z > 0)
    return found


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
