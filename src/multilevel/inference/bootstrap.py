"""What a parametric bootstrap found: replicates of the parameters, and intervals from them.

Intervals (Davison & Hinkley 1997, Bootstrap Methods and their Application, chapter 5; DiCiccio & Efron 1996, Statist.
Sci. 11, 189-228): percentile, basic, and BCa, whose acceleration is explained at `_accelerations`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..framed import frame
from ..layout import Page, Prose, Section
from ..predict import one_of
from .intervals import Intervals, parameter_table
from .levels import checked_level, percent
from .parameters import Names, Parameter, select

IntervalMethod: TypeAlias = Literal["percentile", "basic", "bca"]
METHODS = {"percentile": "Bootstrap percentile", "basic": "Basic bootstrap", "bca": "Bootstrap BCa"}
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
