"""Where a power curve reaches a goal: a curve through the scenarios that rises, and where it crosses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, nan

import numpy as np

from ..errors import InferenceError
from ..labelled import Floats
from ..layout import Page, Prose, Section
from .outcomes import Axis, Outcome


@dataclass(frozen=True, repr=False)
class Needed(Page):
    """Where a power curve reaches a goal, and where the limits of its intervals do; NaN outside the curve."""

    axis: Axis
    test: str
    power: float
    value: float
    lower: float
    upper: float

    def __repr__(self) -> str:
        return self.to_text()

    def __float__(self) -> float:
        return float(self.value)

    def sections(self) -> tuple[Section, ...]:
        """One sentence."""
        ends = [f"{end:.3g}" if np.isfinite(end) else "beyond the curve" for end in (self.lower, self.upper)]
        return (Section("", (Prose(f"{self.test}: power {self.power:.0%} with {self._words(ends)}."),)),)

    def _words(self, ends: Sequence[str]) -> str:
        return f"{self.axis.words(self.value)} (95 % interval {ends[0]} to {ends[1]})"


def needed(axis: Axis, results: Sequence[Outcome], goal: object) -> Needed:
    """See `Power.smallest`; of one test over one axis."""
    goal = _goal(goal)
    results = sorted(results, key=lambda result: abs(result.where[0]))
    values = np.array([result.where[0] for result in results])
    if axis.kind == "value" and len(set(np.sign(values[values != 0]))) > 1:
        raise InferenceError(f"the values of {axis.name} have both signs; ask for one side")
    places = np.sqrt(values) if axis.kind == "levels" else np.abs(values)
    point = _crossing(places, np.array([result.power for result in results]), goal)
    if not np.isfinite(point):
        raise _not_reached(axis, results, goal)
    limits = np.array([result.interval for result in results])
    late, soon = (_crossing(places, limits[:, side], goal) for side in (0, 1))
    sign = -1.0 if axis.kind == "value" and values.min() < 0 else 1.0
    back = [place**2 if axis.kind == "levels" else sign * place for place in (point, soon, late)]
    if axis.kind == "levels":
        back = [ceil(value - 1e-9) if np.isfinite(value) else nan for value in back]
    return Needed(axis, results[0].test, goal, *back)


def _crossing(places: Floats, shares: Floats, goal: float) -> float:
    """Where a rising curve through the points has the height of the goal; NaN where that lies outside of them."""
    from scipy.special import ndtri

    heights = ndtri(np.clip(_rising(shares), 1e-12, 1 - 1e-12))
    target = float(ndtri(goal))
    above = np.flatnonzero(heights >= target)
    if not len(above) or (above[0] == 0 and heights[0] > target):
        return nan
    i = int(above[0])
    if i == 0:
        return float(places[0])
    share = (target - heights[i - 1]) / (heights[i] - heights[i - 1])
    return float(places[i - 1] + share * (places[i] - places[i - 1]))


def _rising(shares: Floats) -> Floats:
    """The nearest shares that do not fall: neighbours that do are pooled."""
    pools: list[tuple[float, int]] = []
    for share in shares.tolist():
        pool = (share, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, size = pools.pop()
            pool = ((mean * size + pool[0] * pool[1]) / (size + pool[1]), size + pool[1])
        pools.append(pool)
    return np.concatenate([np.full(size, mean) for mean, size in pools])


def _not_reached(axis: Axis, results: Sequence[Outcome], goal: float) -> InferenceError:
    first, best = results[0], max(results, key=lambda result: result.power)
    if first.power > goal:
        return InferenceError(
            f"the power is {first.power:.3g} already with {axis.words(first.where[0])}, the least simulated; add "
            f"smaller ones to find where it is {goal:g}"
        )
    return InferenceError(
        f"the power comes to {best.power:.3g}, with {axis.words(best.where[0])}, and not to {goal:g}; add larger ones"
    )


def _goal(power: object) -> float:
    """A goal between 0 and 1; InferenceError otherwise."""
    if isinstance(power, bool) or not isinstance(power, int | float) or not 0 < power < 1:
        raise InferenceError(f"power is {power!r}; expected a probability between 0 and 1, such as 0.8")
    return float(power)
