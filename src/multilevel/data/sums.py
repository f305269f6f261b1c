"""Sums: the cross-products A = [Z X y]'W[Z X y] of one design and one response, kept by the compiled core.

All that a linear mixed model needs from the data. They are added up when first asked for, once; a copy or a pickle
carries the columns and adds them up anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import LinearMixed
from ..formula import RandomMatrices

Floats = NDArray[np.float64]
STRUCTURES = {"us": 0, "diag": 1}


class Sums:
    """Columns, and the core that has added them up.

    Parameters
    ----------
    y : (n,) response less the offset.
    X : p arrays (n,), columns of the fixed effects.
    weights : (n,) prior weights, all positive; None: all one.
    random : random terms, those on the same grouping factor with the same codes. None: least squares.
    """

    __slots__ = ("X", "_core", "random", "weights", "y")

    def __init__(
        self, y: Floats, X: tuple[Floats, ...], weights: Floats | None, random: tuple[RandomMatrices, ...] = ()
    ) -> None:
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
        terms: list[tuple[int, tuple[Floats, ...], int]] = []
        for part in self.random:
            group = part.group
            if group not in places:
                places[group] = len(factors)
                factors.append((part.codes, part.n_levels))
            terms.append((places[group], part.Z, STRUCTURES[part.structure]))
        return LinearMixed(self.y, self.X, self.weights, factors, terms)

    def __reduce__(self) -> tuple[Any, ...]:
        return Sums, (self.y, self.X, self.weights, self.random)
