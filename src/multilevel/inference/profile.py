"""Profile likelihood: for each parameter the curve of the best fits with that parameter held.

zeta(v) = sign(v - estimate) sqrt(d(v) - d), with d(v) the minimum of -2 log-likelihood over all other parameters (Bates,
Mächler, Bolker & Walker 2015, J. Stat. Softw. 67(1), section 5.1; Bates & Watts 1988, Nonlinear Regression, section
6.1.2). It is compared with the standard normal. A fit by REML is profiled at its refit by maximum likelihood, as in lme4.

The core finds each minimum and its slope d'(v) exactly (`LinearMixed.hold`); here the curves are walked, outwards from
the estimate, and read off by cubic Hermite interpolation with those slopes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import copysign, isfinite, nan, sqrt
from typing import Any, NamedTuple

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..framed import frame
from ..labelled import unknown_name
from ..layout import Page, Section
from ..models.estimate import Fit
from .intervals import Intervals, checked_level
from .parameters import Names, Parameter, parameters, select, values

STEP = 0.5  # in zeta, from one point to the next
NEAR = 0.1  # of the first step: points from which the slope at the estimate is found
BEND = 0.004  # how far a curve may bend between two points, in zeta, before another is put between them
HALVINGS = 10
MOST_STEPS = 60
SAME = 1e-8  # -2 log-likelihoods closer than this are equal
BETTER = 1e-6  # a minimum lower by this is another one than the fit's


class Held(NamedTuple):
    """The best fit with one parameter held."""

    value: float
    criterion: float
    slope: float  # d criterion / d value; NaN: not known
    theta: Floats
    sigma: float
    beta: Floats


@dataclass(frozen=True, eq=False)
class Curve:
    """The profile of one parameter.

    Parameters
    ----------
    parameter : which.
    estimate : where -2 log-likelihood is smallest; NaN for a correlation with an effect that does not vary.
    value : (r,) values it was held at, increasing.
    zeta : (r,) signed square root of the increase of -2 log-likelihood.
    slope : (r,) d zeta / d value.
    others : (r, P) all parameters of the best fit at each value.
    complete : whether the curve goes on to zeta of the range asked for, or to the bound of the parameter, below and
        above the estimate.
    """

    parameter: Parameter
    estimate: float
    value: Floats
    zeta: Floats
    slope: Floats
    others: Floats
    complete: tuple[bool, bool]

    def __call__(self, value: Any) -> Any:
        """zeta at other values within the range of the curve; NaN outside."""
        from scipy.interpolate import CubicHermiteSpline

        return CubicHermiteSpline(self.value, self.zeta, self.slope, extrapolate=False)(value)

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
            if end != bound:
                raise InferenceError(
                    f"the profile of {self.parameter.name} ends at {end:.6g}, where zeta is {abs(self.zeta[order][0]):.3g}; "
                    f"{zeta:.3g} was asked for: profile up to a higher level"
                )
            return bound
        ends = sorted(float(v) for v in self.value[order][last - 1 : last + 1])
        return float(brentq(lambda v: abs(self(v)) - zeta, *ends, xtol=1e-12 * (ends[1] - ends[0]), rtol=1e-14))


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
        return Intervals(rows, estimates, limits, level, "Profile likelihood", self.notes, self.backend)

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


def normal_quantile(level: float) -> float:
    """The half width of a two-sided interval of the standard normal.

    >>> round(normal_quantile(0.95), 6)
    1.959964
    """
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def profile(fit: Fit, *, parameters: Names = None, level: float = 0.99, backend: str = "pandas") -> Profile:
    """Profile the likelihood of a linear (mixed) model.

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


all_parameters = parameters  # `profile` has an argument of that name


def profile_to(fit: Fit, cutoff: float, chosen: tuple[int, ...], backend: str = "pandas") -> Profile:
    """Profiles of the chosen parameters, up to |zeta| = `cutoff`."""
    if fit.estimate.n <= len(fit.kept):
        raise InferenceError(
            f"{len(fit.kept)} coefficients for {fit.estimate.n} rows leave no residuals; there is no likelihood to profile"
        )
    known = all_parameters(fit)
    notes = list(_notes(fit))
    start = fit.estimate.theta if fit.rows.random and not fit.estimate.is_singular else None
    for attempt in range(4):
        best = fit.sums.core.fit(False, start)
        centre = Held(nan, best.criterion, 0.0, best.theta, best.sigma, best.beta)
        spread = np.sqrt(np.diag(best.unscaled_vcov)) * best.sigma
        at = values(fit, centre.theta[None, :], np.array([centre.sigma]), centre.beta[None, :])[0]
        walks = [_Walk(fit, known[n], centre._replace(value=float(at[n])), spread, cutoff) for n in chosen]
        points = [walk.points() for walk in walks]
        lowest = min((point for some in points for point in some), key=lambda p: p.criterion, default=centre)
        if lowest.criterion > best.criterion - BETTER:
            break
        start = lowest.theta
        if not attempt:
            notes.append("The profile found a better fit than the one it started from, and is centred there.")
    curves = tuple([walk.curve(some, known) for walk, some in zip(walks, points, strict=True)])
    for curve in curves:
        if not isfinite(curve.estimate):
            notes.append(
                f"{curve.parameter.name} is not identified: a standard deviation it belongs to is estimated as zero."
            )
    return Profile(curves, known, best.criterion, tuple(notes), backend)


def _notes(fit: Fit) -> Iterator[str]:
    if fit.estimate.reml:
        yield "The fit is by REML; its likelihood is profiled, so estimates are those of maximum likelihood."


class _Walk:
    """The points of one curve, found outwards from the estimate."""

    def __init__(self, fit: Fit, parameter: Parameter, centre: Held, spread: Floats, cutoff: float) -> None:
        self.fit, self.parameter, self.centre, self.cutoff = fit, parameter, centre, cutoff
        self.bounds = parameter.bounds
        self.first = self._first_step(spread)
        self.without: list[Held] = []  # corr: the best fits without one of the two effects
        if parameter.kind == "corr":
            self.without = [self._held("sd", 0.0, centre, i) for i in (parameter.i, parameter.j)]

    def points(self) -> list[Held]:
        """All points, in the order of their values."""
        if not isfinite(self.centre.value):
            return [self.centre._replace(value=v) for v in (-1.0, 0.0, 1.0)]
        below, above = (self._side(direction) for direction in (-1, 1))
        return [*below[::-1], self.centre, *above]

    def zeta(self, point: Held) -> float:
        rise = max(point.criterion - self.centre.criterion, 0.0)
        return copysign(sqrt(rise), point.value - self.centre.value)

    def curve(self, points: list[Held], known: tuple[Parameter, ...]) -> Curve:
        """The points as arrays."""
        place = known.index(self.parameter)
        theta, beta = np.array([p.theta for p in points]), np.array([p.beta for p in points])
        others = values(self.fit, theta, np.array([p.sigma for p in points]), beta)
        value = np.array([p.value for p in points])
        others[:, place] = value
        if not isfinite(self.centre.value):
            flat = np.zeros(len(points))
            return Curve(self.parameter, nan, value, flat, flat, others, (True, True))
        zeta = np.array([self.zeta(p) for p in points])
        ends = [abs(zeta[e]) >= self.cutoff or value[e] == self.bounds[n] for n, e in enumerate((0, -1))]
        slope = _slopes(value, zeta, np.array([p.slope for p in points]), self.centre.value)
        return Curve(self.parameter, self.centre.value, value, zeta, slope, others, (bool(ends[0]), bool(ends[1])))

    def _side(self, direction: int) -> list[Held]:
        """The points on one side of the estimate, from the inside outwards."""
        bound = self.bounds[direction > 0]
        if self.centre.value == bound:
            return []
        points = [self._first(direction, bound)]
        step = abs(points[0].value - self.centre.value)
        while abs(self.zeta(points[-1])) < self.cutoff and points[-1].value != bound and len(points) < MOST_STEPS:
            here = points[-1]
            steepness = abs(here.slope) / (2 * abs(self.zeta(here))) if here.slope and self.zeta(here) else 0.0
            step = min(STEP / steepness, 3 * step) if steepness > 0 else 3 * step
            points.append(self._next(here, points[-2] if len(points) > 1 else self.centre, direction * step, bound))
        return self._filled(points)

    def _first(self, direction: int, bound: float) -> Held:
        """A point about one step away from the estimate."""
        step = self.first
        for _ in range(HALVINGS):
            point = self._next(self.centre, None, direction * step, bound)
            away = abs(self.zeta(point))
            if away > 1.5 * STEP:
                step *= max(STEP / away, 0.05)
            elif away < STEP / 4 and point.value != bound:
                step *= min(STEP / away, 8.0) if away > 0 else 8.0
            else:
                break
        return point

    def _next(self, here: Held, before: Held | None, step: float, bound: float) -> Held:
        value = here.value + step
        if (value - bound) * step >= 0:
            value = here.value / 2 if self.parameter.kind == "sigma" else bound
        return self.at(value, here)

    def _filled(self, points: list[Held]) -> list[Held]:
        """Points put between those where the curve bends."""
        centre, first = self.centre, points[0]
        filled = [self.at(centre.value + NEAR * (first.value - centre.value), centre)]
        for point in points:
            filled += self._between(filled[-1], point, HALVINGS)
        return filled

    def _between(self, inner: Held, outer: Held, halvings: int) -> list[Held]:
        """The outer point, after as many between as a smooth curve takes."""
        if halvings == 0 or not self._bends(inner, outer):
            return [outer]
        middle = self.at((inner.value + outer.value) / 2, inner)
        again = self.at(middle.value, outer)
        if again.criterion < middle.criterion - SAME:
            middle = again
        return [*self._between(inner, middle, halvings - 1), *self._between(middle, outer, halvings - 1)]

    def _bends(self, inner: Held, outer: Held) -> bool:
        """Whether the slopes at both ends do not explain the rise between them (trapezoidal rule)."""
        rise = self.zeta(outer) - self.zeta(inner)
        slopes = [p.slope / (2 * self.zeta(p)) if self.zeta(p) else 0.0 for p in (inner, outer)]
        if not all(map(isfinite, slopes)):
            return False
        return abs(rise - (outer.value - inner.value) * sum(slopes) / 2) > BEND

    def at(self, value: float, start: Held) -> Held:
        """The best fit with the parameter at a value."""
        p = self.parameter
        found = self._held(p.kind, value, start, p.i)
        for without in self.without:  # any correlation is possible with an effect that does not vary
            if without.criterion < found.criterion:
                found = without._replace(value=value, slope=0.0)
        return found

    def _held(self, kind: str, value: float, start: Held, i: int) -> Held:
        p, core = self.parameter, self.fit.sums.core
        contrast = None
        if kind == "coefficient":
            contrast = np.zeros(core.p)
            contrast[i] = 1.0
        h = core.hold(kind, value, start.theta, start.sigma, p.term, i, p.j, contrast)  # type: ignore[arg-type]
        return Held(value, h.criterion, h.slope, h.theta, h.sigma, h.beta)

    def _first_step(self, spread: Floats) -> float:
        """A guess of the distance at which zeta is STEP; `_first` corrects it."""
        p, centre = self.parameter, self.centre
        if p.kind == "coefficient":
            return STEP * float(spread[p.i])
        if p.kind == "sigma":
            return STEP * centre.sigma / sqrt(2 * self.fit.estimate.n)
        if p.kind == "corr":
            return 0.1
        z = self.fit.rows.random[p.term].Z[p.i]
        least = 0.05 * centre.sigma / sqrt(float(z.dot(z)) / len(z))
        return max(0.1 * centre.value, least)


def _slopes(value: Floats, zeta: Floats, slope: Floats, estimate: float) -> Floats:
    """d zeta / d value = d' / (2 zeta); at the estimate, and where d' is not known, from the points beside it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = slope / (2 * zeta)
    centre = int(np.flatnonzero(value == estimate)[0])
    found[centre] = nan
    for n in np.flatnonzero(~np.isfinite(found)):
        beside = [m for m in (n - 1, n + 1) if 0 <= m < len(value) and isfinite(found[m])]
        # the parabola through both points with the slope of the other one
        guesses = [2 * (zeta[m] - zeta[n]) / (value[m] - value[n]) - found[m] for m in beside]
        found[n] = float(np.mean(guesses)) if guesses else 0.0
    return found
