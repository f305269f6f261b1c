"""Sums: the cross-products A = [Z X y]'W[Z X y] of one design and one response, kept by the compiled core.

All that a linear mixed model needs from the data. They are added up when first asked for, once; a copy or a pickle
carries the columns and adds them up anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import LinearMixed, factor, psi_curve, psi_slopes
from ..errors import FitError
from ..formula import Covariance, RandomMatrices, RandomPart

Floats = NDArray[np.float64]


class Sums:
    """Columns, and the core that has added them up.

    Parameters
    ----------
    y : (n,) response less the offset.
    X : p arrays (n,), columns of the fixed effects.
    weights : (n,) prior weights, all positive; None: all one.
    random : random terms, those on the same grouping factor with the same codes. None: least squares.
    sigma : residual standard deviation of a row of weight one, if it is known; 0: no residuals, and one random term has
        an effect of its own for every row; None: estimated.

    Raises
    ------
    FitError : without residuals, when no term has an effect for every row.
    """

    __slots__ = ("X", "_core", "random", "sigma", "weights", "y")

    def __init__(
        self,
        y: Floats,
        X: tuple[Floats, ...],
        weights: Floats | None,
        random: tuple[RandomMatrices, ...] = (),
        sigma: float | None = None,
    ) -> None:
        self.sigma = sigma
        self.y = y
        self.X = X
        self.weights = weights
        self.random = random
        self._core: LinearMixed | None = None

    @property
    def core(self) -> LinearMixed:
        """The compiled sums."""
        if self._core is None:
            self._core = self._add_up()
        return self._core

    def _add_up(self) -> LinearMixed:
        places: dict[str, int] = {}
        factors: list[tuple[NDArray[np.int32], int]] = []
        terms: list[tuple[int, tuple[Floats, ...], Covariance]] = []
        for part in self.random:
            group = part.group
            if group not in places:
                places[group] = len(factors)
                factors.append((part.codes, part.n_levels))
            terms.append((places[group], part.Z, part.covariance))
        return LinearMixed(self.y, self.X, self.weights, factors, terms, self.carrier, self.sigma or 0.0)

    @property
    def carrier(self) -> int:
        """Without residuals, the position of the term with an effect of its own for every row; else -1."""
        return _carrier(self.random) if self.sigma == 0.0 else -1

    def __reduce__(self) -> tuple[Any, ...]:
        return Sums, (self.y, self.X, self.weights, self.random, self.sigma)


def factor_of(part: RandomMatrices | RandomPart, theta: Floats) -> Floats:
    """Lambda (k, k) of a random term, lower triangular, from its part of theta."""
    return factor(np.ascontiguousarray(theta), len(part.names), part.covariance)


def slopes_of(part: RandomMatrices, theta: Floats) -> Floats:
    """(m, k, k) dPsi / dtheta of a structured term."""
    return psi_slopes(theta, len(part.names), part.covariance)


def curve_of(part: RandomMatrices, theta: Floats, weights: Floats) -> Floats:
    """(k, k) the sum of d2Psi / dtheta dtheta' of a structured term, times weights (m, m)."""
    return psi_curve(theta, len(part.names), part.covariance, weights)


def _carrier(random: tuple[RandomMatrices, ...]) -> int:
    """The position of a term with an effect of its own for every row; FitError for none."""
    for place, part in enumerate(random):
        if one_to_a_row(part):
            return place
    raise FitError(
        "without residuals (dispformula='~0') a random term has to have an effect of its own for every row, such as "
        "(1 | row) or ar1(0 + times | group) with each time once in a group; found none"
    )


def one_to_a_row(part: RandomMatrices) -> bool:
    """Whether a term has an effect of its own for every row, by columns of zeros and ones."""
    place, total = np.zeros(len(part.codes), np.int64), np.zeros(len(part.codes))
    for j, z in enumerate(part.Z):
        if not np.isin(z, (0.0, 1.0)).all():
            return False
        place += j * (z == 1.0)
        total += z
    cells = part.codes * np.int64(len(part.Z)) + place
    return bool((total == 1.0).all()) and len(np.unique(cells)) == len(cells)
