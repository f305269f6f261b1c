"""Separation: predictors that tell some of the extreme responses apart without error, so that estimates run away.

The likelihood has no maximum when a direction d exists with x'd >= 0 where y is at its upper limit, x'd <= 0 where y is
at its lower limit, x'd = 0 in all other rows, and not all x'd zero: along d it never falls (Albert & Anderson 1984,
Biometrika 71, 1-10, for binary responses; Correia, Guimarães & Zylkin 2019, arXiv:1903.01633, for counts). Whether
there is one is a linear program (Konis 2007, thesis, Oxford, section 4.2). Random effects do not change the argument:
it holds for every value of them, and so for the mean over them.

Zero inflation runs away where it finds no zeros beside those of the family, or nothing else. Whether the family
leaves any depends on its mean, so that there the fitted probabilities tell: coefficients are finite that are determined
by rows whose probabilities are neither 0 nor 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats
from ..families import Family
from .shape_models import ShapeModels

EXTREME = 1e-6  # closer than this to a limit that the response has reached, a mean arouses suspicion
NOTHING = 1e-7  # a solution of the linear program below this is none
INVOLVED = 1e-6  # coefficients that take less part than this in what is undetermined do not take part


def near_limit(family: Family, means: tuple[float, float]) -> bool:
    """Whether one of these means is numerically at a limit of the family, or none at all."""
    low, high = family.attained
    return not all(mean - low >= EXTREME and high - mean >= EXTREME for mean in means)


def suspected(family: Family, y: Floats, mu: Floats) -> bool:
    """Whether some means are numerically at a limit of the family that the response has reached in these rows."""
    low, high = family.attained
    return bool(((y == low) & (mu - low < EXTREME)).any() or ((y == high) & (high - mu < EXTREME)).any())


def separated(family: Family, y: Floats, X: Floats) -> tuple[int, ...]:
    """Coefficients that have no finite estimate from y (n,) given X (n, p) of full rank; none without separation.

    Rows are separated one linear program after the other until no direction separates more. The other rows determine
    what is finite: a coefficient is, if it is a combination of their predictors (Geyer 2009, Electronic Journal of
    Statistics 3, 259-289, section 3.6).

    >>> from ..families import family_of
    >>> x = np.array([1.0, 2, 3, 4])
    >>> separated(family_of("binomial"), np.array([0.0, 0, 1, 1]), np.column_stack([np.ones(4), x]))
    (0, 1)
    """
    low, high = family.attained
    scale = np.maximum(np.abs(X).max(axis=0), np.finfo(np.float64).tiny)
    side = np.where(y == high, 1.0, np.where(y == low, -1.0, 0.0))
    rows = np.unique(np.column_stack([side, X / scale]), axis=0)
    free = rows[:, 0] == 0
    signed, fixed = rows[~free, :1] * rows[~free, 1:], rows[free, 1:]
    together = np.ones(len(signed), dtype=bool)
    while together.any() and (direction := _direction(signed, fixed, together)) is not None:
        together &= signed @ direction <= NOTHING
    return () if together.all() else _undetermined(np.vstack([signed[together], fixed]))


def separated_inflation(models: ShapeModels | None, parameters: Floats) -> tuple[int, ...]:
    """Coefficients of the zero inflation without finite estimates, by their places among all `parameters` (s,)."""
    if models is None or models.inflation is None:
        return ()
    from scipy.special import expit

    places = models.places("zero inflation")
    columns = np.column_stack(models.inflation.X)
    chance = expit(columns @ parameters[places])
    known = (chance > EXTREME) & (chance < 1 - EXTREME)
    if known.all():
        return ()
    rows = np.unique(columns[known] / np.abs(columns).max(axis=0), axis=0)
    return tuple([places.start + j for j in _undetermined(rows)])


def _undetermined(rows: Floats) -> tuple[int, ...]:
    """Coefficients that predictors (m, p) do not determine."""
    p = rows.shape[1]
    _, sizes, axes = np.linalg.svd(np.vstack([rows, np.zeros((p, p))]))
    undetermined = axes[sizes <= NOTHING * max(1.0, float(sizes[0]))]
    return tuple(np.flatnonzero(np.abs(undetermined).max(axis=0, initial=0.0) > INVOLVED).tolist())


def _direction(signed: Floats, fixed: Floats, together: NDArray[np.bool_]) -> Floats | None:
    """(p,) a direction with signed @ d >= 0, fixed @ d = 0, and some of the rows `together` above zero."""
    from scipy.optimize import linprog

    found = linprog(
        -signed[together].sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), method="highs",
        A_eq=fixed if len(fixed) else None, b_eq=np.zeros(len(fixed)) if len(fixed) else None,
    )  # fmt: skip
    if found.status != 0 or not (signed[together] @ found.x > NOTHING).any():
        return None
    direction: Floats = found.x
    return direction
