"""The linear predictor X beta + Z b + offset, for the rows of a fit or for new ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..data.sums import Floats
from ..formula import Matrices
from .estimate import Fit


def fixed_part(fit: Fit, rows: Matrices) -> Floats:
    """(n,) X beta and the offset."""
    total = np.zeros(rows.n) if rows.offset is None else rows.offset.copy()
    for j, beta in zip(fit.kept, fit.estimate.beta.tolist(), strict=True):
        total += beta * rows.X[j]
    return total


def random_part(rows: Matrices, effects: Sequence[Floats]) -> Floats:
    """(n,) Z b for effects (l, k) of each term; zero for levels that the fit has not seen."""
    total = np.zeros(rows.n)
    for part, b in zip(rows.random, effects, strict=True):
        known = np.vstack([b, np.zeros(b.shape[1])])  # code -1, unseen, takes the last row
        for z, column in zip(part.Z, known.T, strict=True):
            total += z * column.take(part.codes)
    return total


def fitted(fit: Fit) -> Floats:
    """(n,) X beta + Z b + offset of the complete rows."""
    return fixed_part(fit, fit.rows) + random_part(fit.rows, fit.estimate.modes)


def random_variances(fit: Fit, rows: Matrices) -> list[Floats]:
    """Per term (n,), the variance it gives to each row over sigma^2: the diagonal of Z Lambda Lambda' Z'."""
    found = []
    for factor, part in zip(fit.factors, rows.random, strict=True):
        total = np.zeros(rows.n)
        for j in range(len(part.names)):
            projected = np.zeros(rows.n)
            for i in range(j, len(part.names)):
                if factor[i, j] != 0.0:
                    projected += factor[i, j] * part.Z[i]
            total += projected**2
        found.append(total)
    return found
