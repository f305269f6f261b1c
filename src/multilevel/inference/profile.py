"""Profile likelihood: for each parameter the curve of the best fits with that parameter held.

zeta(v) = sign(v - estimate) sqrt(d(v) - d), with d(v) the minimum of -2 log-likelihood over all other parameters
(Bates, Mächler, Bolker & Walker 2015, J. Stat. Softw. 67(1), section 5.1; Bates & Watts 1988, Nonlinear Regression
Analysis and its Applications, section 6.1.2). It is compared with the standard normal. A fit by REML is profiled at its
refit by maximum likelihood, as in lme4.

The core finds each minimum and its slope d'(v) exactly; walk.py chooses the points; here curves are read off by cubic
Hermite interpolation with those slopes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite, nan, sqrt
from typing import Any

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..framed import frame
from ..labelled import unknown_name
from ..layout import Page, Section
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from ..progress import Progress
from .generalized_holding import GeneralizedHolder
from .holding import Held, LinearHolder
from .intervals import Intervals
from .levels import checked_level, normal_quantile
from .parameters import Names, Parameter, select, values
from .parameters import parameters as all_parameters
from .walk import Walk

FLAT = 0.02  # of zeta
ROUNDING = 1e-12
BETTER = 1e-6  # a minimum lower by this is another one than the fit's


@dataclass(frozen=True, eq=False)
class Curve:
    """The profile of one parameter.

    Parameters
    ----------
    parameter : which.
    estimate : where -2 log-likelihood is smallest; NaN for a correlation with an effect that does not vary.
    value : (r,) values it was held at, increasing.
    zeta : (r,) signed square root of the increase of -2 log-likelihood.
    slope : (r,) d zeta / d value; of a correlation, by its arcsine.
    others : (r, P) all parameters of the best fit at each value.
    """

    parameter: Parameter
    estimate: float
    value: Floats
    zeta: Floats
    slope: Floats
    others: Floats

    def __call__(self, value: Any) -> Any:
        """zeta at other values within the range of the curve; NaN outside."""
        from scipy.interpolate import CubicHermiteSpline

        straight = self.parameter.straight
        curve = CubicHermiteSpline(straight(self.value), self.zeta, self.slope, extrapolate=False)
        return curve(straight(np.asarray(value, np.float64)))

    def limits(self, zeta: float) -> tuple[float, float]:
        """The outermost values with |zeta| as given; a bound that is inside stands for itself.

        Raises InferenceError if the curve does not go as far.
        """
        return self._limit(zeta, -1), self._limit(zeta, 1)

    def _limit(self, zeta: float, side: int) -> float:
        from scipy.optimize import brentq

        order = slice(None, None, -side)  # from the end of this side inwards
        inside = np.abs(self.zeta[order]) <= zeta
        last = int(np.argmax(inside))
        if last == 0:
            bound = self.parameter.bounds[side > 0]
            end = float(self.value[order][0])
            if end != bound and not self._flat(side):
                raise InferenceError(
                    f"the profile of {self.parameter.name} ends at {end:.6g}, where |zeta| is "
                    f"{abs(self.zeta[order][0]):.3g}; {zeta:.3g} was asked for: profile up to a higher level"
                )
            return bound
        ends = sorted(float(v) for v in self.value[order][last - 1 : last + 1])
        return float(brentq(lambda v: abs(self(v)) - zeta, *ends, xtol=1e-12 * (ends[1] - ends[0]), rtol=1e-14))

    def _flat(self, side: int) -> bool:
        """Whether the curve of a coefficient, or of sigma, has come to its height: as much again adds nothing."""
        end = -1 if side > 0 else 0
        reach = abs(float(self.value[end]) - self.estimate)
        return self.parameter.kind in ("coefficient", "sigma") and abs(float(self.slope[end])) * reach < FLAT


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Page, Mapping[str, Curve]):
    """Profile likelihood curves, by parameter; made by `m.profile()`.

    Parameters
    ----------
    curves : one for each parameter.
    parameters : (P,) all parameters of the model, the columns of `others`.
    criterion : -2 log-likelihood at its minimum.
    notes : what a reader should know.
    backend : library of the frame that `to_frame()` gives.
    """

    curves: tuple[Curve, ...]
    parameters: tuple[Parameter, ...]
    criterion: float
    notes: tuple[str, ...] = ()
    backend: str = "pandas"

    def __repr__(self) -> str:
        return self.to_text()

    def __getitem__(self, name: str) -> Curve:
        for curve in self.curves:
            if curve.parameter.name == name:
                return curve
        raise unknown_name("profile", name, self)

    def __iter__(self) -> Iterator[str]:
        return iter([curve.parameter.name for curve in self.curves])

    def __len__(self) -> int:
        return len(self.curves)

    def confint(self, level: float = 0.95, parameters: Names = None) -> Intervals:
        """Where |zeta| is the normal quantile of the level.

        Raises InferenceError for a level that is not between 0 and 1 or beyond the range of the curves, or an unknown
        parameter.
        """
        zeta = normal_quantile(checked_level(level))
        known = [curve.parameter for curve in self.curves]
        chosen = [self.curves[n] for n in select(known, parameters)]
        limits = np.array([curve.limits(zeta) for curve in chosen]).reshape(-1, 2)
        estimates = np.array([curve.estimate for curve in chosen])
        rows = tuple([curve.parameter for curve in chosen])
        notes = [*self.notes]
        if open_ended := [row.name for row, ends in zip(rows, limits, strict=True) if row.kind == "coefficient" and
                          np.isinf(ends).any()]:  # fmt: skip
            notes.append(
                f"The likelihood of {', '.join(open_ended)} levels off before it is low enough for one of its limits."
            )
        return Intervals(rows, estimates, limits, level, "Profile likelihood", tuple(notes), self.backend)

    def sections(self) -> tuple[Section, ...]:
        """The 95 % intervals."""
        return self.confint(0.95).sections()

    def to_frame(self) -> Any:
        """A frame with a row for each point: `parameter`, `value`, `zeta`, and the best fit there, a column for each
        parameter of the model."""
        others = np.vstack([curve.others for curve in self.curves])
        columns: dict[str, Any] = {
            "parameter": [curve.parameter.name for curve in self.curves for _ in curve.value],
            "value": np.concatenate([curve.value for curve in self.curves]),
            "zeta": np.concatenate([curve.zeta for curve in self.curves]),
        }
        names = [parameter.name for parameter in self.parameters]
        return frame(columns | dict(zip(names, others.T, strict=True)), self.backend)


def profile(fit: Fit, *, parameters: Names = None, level: float = 0.99, backend: str = "pandas") -> Profile:
    """Profile the likelihood of a linear, generalized or mixed model.

    Parameters
    ----------
    fit : the fit.
    parameters : a name, several, `"theta_"` (the random part) or `"beta_"` (fixed effects), as in lme4. Default: all.
    level : how far the curves go: to the boundary of the joint confidence region of this level of all parameters, as
        in lme4.
    backend : library of the frame that `to_frame()` gives.

    Raises
    ------
    InferenceError : an unknown parameter, an impossible level, or a model without residual degrees of freedom.
    """
    from scipy.special import chdtri

    known = all_parameters(fit)
    cutoff = sqrt(chdtri(len(known), 1 - checked_level(level)))
    return profile_to(fit, cutoff, select(known, parameters), backend)


def profile_to(fit: Fit, cutoff: float, chosen: tuple[int, ...], backend: str = "pandas") -> Profile:
    """Profiles of the chosen parameters, up to |zeta| = `cutoff`."""
    holder = GeneralizedHolder(fit) if isinstance(fit, GeneralizedFit) else LinearHolder(fit)
    known = all_parameters(fit)
    _refuse_later_correlations(fit, [known[n] for n in chosen])
    notes = list(_notes(fit))
    start: Held | None = None
    for attempt in range(4):
        centre, spread = holder.best(start)
        rows = (centre.theta, np.array(centre.sigma), centre.beta, centre.shape)
        at = values(fit, *(part[None] for part in rows))[0]
        walks = [Walk(fit, holder, known[n], centre._replace(value=_snapped(known[n], at[n])), spread, cutoff)
                 for n in chosen]  # fmt: skip
        with Progress("profile", len(walks)) as progress:
            points = []
            for walk in walks:
                points.append(walk.points())
                progress.advance(1)
        lowest = min((point for some in points for point in some), key=lambda p: p.criterion, default=centre)
        if lowest.criterion > centre.criterion - BETTER:
            break
        start = lowest
        if not attempt:
            notes.append("The profile found a better fit than the one it started from, and is centred there.")
    curves = tuple([_curve(fit, known, walk, some) for walk, some in zip(walks, points, strict=True)])
    for curve in curves:
        if not isfinite(curve.estimate):
            notes.append(
                f"{curve.parameter.name} is not identified: a standard deviation it belongs to is estimated as zero."
            )
    return Profile(curves, known, centre.criterion, tuple(notes), backend)


def _snapped(parameter: Parameter, value: float) -> float:
    """The value, or the bound that it is but for rounding."""
    return float(next((b for b in parameter.bounds if abs(value - b) < ROUNDING), value))


def _refuse_later_correlations(fit: Fit, chosen: list[Parameter]) -> None:
    """toep() has parameters of its own for neighbours; other correlations follow from several."""
    for p in chosen:
        if p.kind == "corr" and fit.varying[p.term].structure in ("toep", "homtoep") and p.i - p.j > 1:
            raise InferenceError(
                f"there are profiles of the correlation of neighbours in {fit.varying[p.term].written}, but not of "
                f'{p.name}, at a larger distance; give the names of others as parameters, or use method="boot"'
            )


def _notes(fit: Fit) -> Iterator[str]:
    if fit.estimate.reml:
        yield "The fit is by REML; its likelihood is profiled, so estimates are those of maximum likelihood."
    if isinstance(fit, GeneralizedFit) and fit.pearson:
        yield "The likelihood is profiled over the dispersion too, at its maximum instead of Pearson's estimate."


def _curve(fit: Fit, known: tuple[Parameter, ...], walk: Walk, points: list[Held]) -> Curve:
    """The points as arrays."""
    value = np.array([p.value for p in points])
    theta, beta, shape = (np.array([getattr(p, name) for p in points]) for name in ("theta", "beta", "shape"))
    others = values(fit, theta, np.array([p.sigma for p in points]), beta, shape)
    others[:, known.index(walk.parameter)] = value  # where sd is zero, any correlation
    estimate = walk.centre.value
    zeta, slope = np.zeros(len(points)), np.zeros(len(points))
    if isfinite(estimate):
        zeta = np.array([walk.zeta(p) for p in points])
        rise = np.array([p.slope for p in points]) * walk.parameter.straight_slope(value)
        slope = _slopes(walk.parameter.straight(value), zeta, rise, int(np.flatnonzero(value == estimate)[0]))
    for array in (value, zeta, slope, others):
        array.flags.writeable = False
    return Curve(walk.parameter, estimate, value, zeta, slope, others)


def _slopes(at: Floats, zeta: Floats, rise: Floats, centre: int) -> Floats:
    """d zeta = d' / (2 zeta); at the estimate, and where d' is not known, from the points beside it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = rise / (2 * zeta)
    found[centre] = nan
    for n in np.flatnonzero(~np.isfinite(found)):
        beside = [m for m in (n - 1, n + 1) if 0 <= m < len(at) and isfinite(found[m])]
        # the parabola through both points with the slope of the other one
        guesses = [2 * (zeta[m] - zeta[n]) / (at[m] - at[n]) - found[m] for m in beside]
        found[n] = float(np.mean(guesses)) if guesses else 0.0
    return found
