"""The points of a profile: where a parameter is held, from the estimate outwards, so that the curve is smooth."""

from __future__ import annotations

from math import asin, copysign, isfinite, nan, sin, sqrt

from ..data.sums import Floats
from ..formula import ONE_VARIANCE
from ..models.estimate import Fit
from .holding import Held, Holder
from .parameters import Parameter

STEP = 0.5  # in zeta, from one point to the next
NEAR = 0.1  # of the first step: points from which the slope at the estimate is found
BEND = 0.004  # where the trapezoidal rule is so far off, in zeta, another point is put between
NEARLY = 5e-4  # error of the interpolation, in zeta, that is small enough
CEILING = 2e-3  # a step that adds so little to zeta is the last
HALVINGS = 10
MOST_STEPS = 60


class Walk:
    """The points of one curve, found outwards from the estimate."""

    def __init__(
        self, fit: Fit, holder: Holder, parameter: Parameter, centre: Held, spread: Floats, cutoff: float
    ) -> None:
        self.fit, self.holder, self.parameter, self.centre, self.cutoff = fit, holder, parameter, centre, cutoff
        self.bounds = parameter.bounds
        self.first = self._first_step(spread)
        self.without: list[Held] = []  # corr: the best fits without one of the two effects
        several = parameter.kind in ("sd", "corr") and len(fit.varying[parameter.term].names) > 1
        # correlated effects: a curve can jump to another valley, or reach the ceiling of an effect that does not vary
        self.kinks = several and fit.varying[parameter.term].structure == "us"
        # three effects or more may correlate in several ways, and the way from the estimate may lead to the wrong one
        self.valleys = self.kinks and len(fit.varying[parameter.term].names) > 2
        carrier = self.fit.sums.carrier
        # without residuals nothing is left at a bound of the term that has an effect for every row
        self.open = parameter.kind == "sigma" or (parameter.kind in ("sd", "corr") and parameter.term == carrier)
        if parameter.kind == "corr" and not self.open:
            self.without = [holder.hold("sd", 0.0, centre, parameter, i) for i in self._deciding()]

    def points(self) -> list[Held]:
        """All points, in the order of their values."""
        if not isfinite(self.centre.value):
            return [self.centre._replace(value=v) for v in (self.bounds[0], sum(self.bounds) / 2, self.bounds[1])]
        below, above = (self._side(direction) for direction in (-1, 1))
        return [*below[::-1], self.centre, *above]

    def _deciding(self) -> tuple[int, ...]:
        """Effects of a correlation any value of which is possible where one of them does not vary."""
        p = self.parameter
        structure = self.fit.varying[p.term].structure
        if structure == "us":
            return p.i, p.j
        return (p.i,) if structure in ONE_VARIANCE else ()  # other effects have the correlation too

    def zeta(self, point: Held) -> float:
        rise = max(point.criterion - self.centre.criterion, 0.0)
        return copysign(sqrt(rise), point.value - self.centre.value)

    def _side(self, direction: int) -> list[Held]:
        """The points on one side of the estimate, from the inside outwards."""
        bound = self.bounds[direction > 0]
        if self.centre.value == bound:
            return []
        points = [self._first(direction, bound)]
        step = abs(points[0].value - self.centre.value)
        while (
            abs(self.zeta(points[-1])) < self.cutoff
            and points[-1].value != bound
            and len(points) < MOST_STEPS
            and not self._ceiling(points)
        ):
            here = points[-1]
            steepness = abs(here.slope) / (2 * abs(self.zeta(here))) if here.slope and self.zeta(here) else 0.0
            step = min(STEP / steepness, 3 * step) if steepness > 0 else 3 * step
            points.append(self._next(here, direction * step, bound))
        return self._filled(points)

    def _ceiling(self, points: list[Held]) -> bool:
        """Whether a curve without end has come to its height, as where a chance, or sigma, is zero already."""
        if self.parameter.kind not in ("coefficient", "sigma") or len(points) < 2:
            return False
        return abs(self.zeta(points[-1])) - abs(self.zeta(points[-2])) < CEILING

    def _first(self, direction: int, bound: float) -> Held:
        """A point about one step away from the estimate."""
        step = self.first
        for _ in range(HALVINGS):
            point = self._next(self.centre, direction * step, bound)
            away = abs(self.zeta(point))
            if away > 1.5 * STEP:
                step *= max(STEP / away, 0.05)
            elif away < STEP / 4 and point.value != bound:
                step *= min(STEP / away, 8.0) if away > 0 else 8.0
            else:
                break
        return point

    def _next(self, here: Held, step: float, bound: float) -> Held:
        value = here.value + step
        if (value - bound) * step >= 0:
            value = (here.value + bound) / 2 if self.open else bound
        return self.at(value, here)

    def _filled(self, points: list[Held]) -> list[Held]:
        """Points put between those where the curve bends."""
        centre, first = self.centre, points[0]
        filled = [self.at(centre.value + NEAR * (first.value - centre.value), centre)]
        for point in points:
            filled += self._between(filled[-1], point, HALVINGS)
        return filled

    def _between(self, inner: Held, outer: Held, halvings: int) -> list[Held]:
        """The outer point, after as many between as it takes for interpolation to be right halfway."""
        run = self.parameter.straight(outer.value) - self.parameter.straight(inner.value)
        rise = self.zeta(outer) - self.zeta(inner)
        slopes = [self._steepness(point) for point in (inner, outer)]
        slopes = [
            s if isfinite(s) else 2 * rise / run - t for s, t in zip(slopes, slopes[::-1], strict=True)
        ]  # parabola
        if halvings == 0 or not (self.kinks or abs(rise - run * sum(slopes) / 2) > BEND):
            return [outer]
        middle = self._middle(inner, outer)
        hermite = (self.zeta(inner) + self.zeta(outer)) / 2 + run * (slopes[0] - slopes[1]) / 8
        if abs(self.zeta(middle) - hermite) < NEARLY:
            return [middle, outer]
        return [*self._between(inner, middle, halvings - 1), *self._between(middle, outer, halvings - 1)]

    def _steepness(self, point: Held) -> float:
        """d zeta / d value on the straight scale; NaN where it is not known."""
        zeta = self.zeta(point)
        return point.slope * float(self.parameter.straight_slope(point.value)) / (2 * zeta) if zeta else nan

    def _middle(self, inner: Held, outer: Held) -> Held:
        """The better of the fits that the two points lead to."""
        value = (inner.value + outer.value) / 2
        if self.parameter.kind == "corr":
            value = sin((asin(inner.value) + asin(outer.value)) / 2)
        return min(self.at(value, inner), self.at(value, outer), key=lambda held: held.criterion)

    def at(self, value: float, start: Held) -> Held:
        """The best fit with the parameter at a value."""
        p = self.parameter
        found = self.holder.hold(p.kind, value, start, p, p.i)
        if self.valleys:
            other = self.holder.hold(p.kind, value, self.centre, p, p.i)
            found = min(found, other, key=lambda held: held.criterion)
        for without in self.without:  # any correlation is possible with an effect that does not vary
            if without.criterion < found.criterion:
                found = without._replace(value=value, slope=0.0)
        return found

    def _first_step(self, spread: Floats) -> float:
        """A guess of the distance at which zeta is STEP; `_first` corrects it."""
        p, centre = self.parameter, self.centre
        if p.kind == "coefficient":
            return STEP * float(spread[p.i])
        if p.kind == "sigma":
            return STEP * centre.sigma / sqrt(2 * self.fit.estimate.n)
        if p.kind == "corr":
            return 0.1
        z = self.fit.varying[p.term].Z[p.i]
        least = 0.05 * centre.sigma / sqrt(float(z.dot(z)) / len(z))
        return max(0.1 * centre.value, least)
