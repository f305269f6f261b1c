"""Transforms that learn from the data: poly, ns, bs, scale, center.

Each is a small frozen object: `learn` takes the values that are present, the object then maps any values, new data
included, to columns. They see arrays and plain options; names and missing rows are the business of `evaluate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from multilevel.errors import DataError, FormulaError

Floats: TypeAlias = NDArray[np.float64]


class Scaling(NamedTuple):
    """(x - center) / scale."""

    center: float
    scale: float

    @staticmethod
    def learn(x: Floats, center: bool | float, scale: bool | float) -> Scaling:
        """R's scale(): the mean, and the root of the sum of squares about the centre over n - 1."""
        middle = (float(x.mean()) if center else 0.0) if isinstance(center, bool) else center
        if not isinstance(scale, bool):
            return Scaling(middle, scale)
        if not scale:
            return Scaling(middle, 1.0)
        unit = 2.0 ** int(np.frexp(np.abs(x - middle).max())[1])  # very large or small numbers have no squares
        spread = unit * float(np.sqrt(np.sum(((x - middle) / unit) ** 2) / (len(x) - 1))) if len(x) > 1 else 0.0
        if spread == 0:
            raise DataError("scale() of values that are all equal divides by zero; center() or leave the variable out")
        return Scaling(middle, spread)

    def __call__(self, x: Floats) -> Floats:
        """The scaled values (n,)."""
        return (x - self.center) / self.scale


class Orthogonal(NamedTuple):
    """Polynomials orthonormal on the learned values, by their three-term recurrence (Kennedy & Gentle 1980, 343-4).

    `p[k+1] = (x - alpha[k]) p[k] - norm2[k] / norm2[k-1] p[k-1]`, each divided by the root of its norm2.
    """

    alpha: tuple[float, ...]
    norm2: tuple[float, ...]

    @staticmethod
    def learn(x: Floats, degree: int) -> Orthogonal:
        """The recurrence on values x; there must be more distinct values than `degree`."""
        if degree >= (distinct := len(np.unique(x))):
            raise DataError(f"poly() of degree {degree} needs more than {degree} distinct values; found {distinct}")
        center = float(x.mean())
        before, now, alpha, norm2 = np.zeros_like(x), np.ones_like(x), list[float](), [float(len(x))]
        for k in range(degree):
            alpha.append(float(np.sum((x - center) * now**2)) / norm2[k] + center)
            before, now = now, (x - alpha[k]) * now - (norm2[k] / norm2[k - 1] if k else 0.0) * before
            norm2.append(float(now @ now))
        return Orthogonal(tuple(alpha), tuple(norm2))

    def __call__(self, x: Floats) -> list[Floats]:
        """Columns of degree 1 to `degree`, each (n,)."""
        columns = [np.zeros_like(x), np.ones_like(x)]
        for k, alpha in enumerate(self.alpha):
            back = self.norm2[k] / self.norm2[k - 1] if k else 0.0
            columns.append((x - alpha) * columns[-1] - back * columns[-2])
        return [column / norm2**0.5 for column, norm2 in zip(columns[2:], self.norm2[1:], strict=True)]


class Spline(NamedTuple):
    """B-splines (de Boor 1978) on clamped knots; with `projection` natural splines, linear beyond the boundary."""

    knots: Floats
    degree: int
    first: int  # 0 keeps the first B-spline, 1 drops it: the rest then has no constant
    projection: Floats | None

    def __call__(self, x: Floats) -> list[Floats]:
        """Columns of the basis, each (n,)."""
        inside = x if self.projection is None else np.clip(x, self.knots[0], self.knots[-1])
        basis = _bsplines(self.knots, self.degree, inside)
        if self.projection is not None:
            beyond = np.flatnonzero(x != inside)
            slope = _bsplines(self.knots, self.degree, inside[beyond], derivative=1)
            basis[beyond] += (x - inside)[beyond, None] * slope
            basis = basis[:, self.first :] @ self.projection
        else:
            basis = basis[:, self.first :]
        return list(np.ascontiguousarray(basis.T))


def learn_bs(
    x: Floats,
    df: int | None,
    knots: Sequence[float] | None,
    degree: int,
    intercept: bool,
    boundary: Sequence[float] | None,
) -> Spline:
    """R's bs(): B-splines with knots at quantiles of x when `df` is given."""
    if degree < 1:
        raise FormulaError(f"bs() needs degree >= 1; found {degree}")
    clamped = _clamped_knots("bs", x, df, degree + intercept, knots, degree, boundary)
    return Spline(clamped, degree, 0 if intercept else 1, None)


def learn_ns(
    x: Floats, df: int | None, knots: Sequence[float] | None, intercept: bool, boundary: Sequence[float] | None
) -> Spline:
    """R's ns(): cubic splines whose second derivative vanishes at the boundary knots."""
    clamped = _clamped_knots("ns", x, df, 1 + intercept, knots, 3, boundary)
    first = 0 if intercept else 1
    ends = _bsplines(clamped, 3, clamped[[0, -1]], derivative=2)[:, first:]
    Q, _ = np.linalg.qr(ends.T, mode="complete")  # columns after the second span the null space of the two conditions
    return Spline(clamped, 3, first, Q[:, 2:])


def _clamped_knots(
    name: str,
    x: Floats,
    df: int | None,
    least: int,
    knots: Sequence[float] | None,
    degree: int,
    boundary: Sequence[float] | None,
) -> Floats:
    """Boundary knots degree + 1 times each, and inner knots: given, or df - least of them at quantiles (R's type 7)."""
    if boundary is not None and len(boundary) != 2:
        raise FormulaError(f"{name}() takes two Boundary.knots, as in Boundary.knots = c(0, 10); found {len(boundary)}")
    low, high = (float(x.min()), float(x.max())) if boundary is None else (min(boundary), max(boundary))
    if low == high:
        raise DataError(f"{name}() of values that are all equal to {low:g} has no basis; leave the variable out")
    if knots is None:
        if df is not None and df < least:
            raise FormulaError(f"{name}() needs df >= {least} here; found df = {df}")
        n_inner = 0 if df is None else df - least
        inner = np.quantile(x[(low <= x) & (x <= high)], np.linspace(0, 1, n_inner + 2)[1:-1])
    else:
        inner = np.sort(np.asarray(knots, dtype=np.float64))
    if inner.size and not (low < inner[0] and inner[-1] < high):
        raise DataError(
            f"{name}() needs its knots strictly between the boundary knots {low:g} and {high:g}; "
            f"found {', '.join(f'{knot:g}' for knot in inner)}"
        )
    return np.concatenate([np.repeat(low, degree + 1), inner, np.repeat(high, degree + 1)])


def _bsplines(knots: Floats, degree: int, x: Floats, derivative: int = 0) -> Floats:
    """All B-splines on clamped `knots` at x, or their derivative: (n, number of splines).

    Beyond the boundary they are the polynomials of the first and the last interval.
    """
    last = len(knots) - degree - 2
    return _on_intervals(knots, degree, x, np.clip(np.searchsorted(knots, x, "right") - 1, degree, last), derivative)


def _on_intervals(knots: Floats, degree: int, x: Floats, interval: NDArray[np.int64], derivative: int) -> Floats:
    """B-splines at x, each value in its interval: de Boor (1978), A Practical Guide to Splines, chapter X."""
    if derivative:
        span = knots[degree:] - knots[:-degree]
        rate = np.divide(degree, span, out=np.zeros_like(span), where=span > 0)
        lower = rate * _on_intervals(knots, degree - 1, x, interval, derivative - 1)
        return lower[:, :-1] - lower[:, 1:]
    alive = np.zeros((degree + 1, len(x)))  # the splines that are not zero there
    alive[0] = 1.0
    for d in range(1, degree + 1):
        carried = np.zeros_like(x)
        for r in range(d):
            left, right = knots[interval + 1 - d + r], knots[interval + r + 1]
            share = alive[r] / (right - left)
            alive[r] = carried + (right - x) * share
            carried = (x - left) * share
        alive[d] = carried
    values = np.zeros((len(x), len(knots) - degree - 1))
    for r in range(degree + 1):
        values[np.arange(len(x)), interval - degree + r] = alive[r]
    return values
