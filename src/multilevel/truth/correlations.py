"""Correlations as a user states them, checked; and the nearest possible ones for those that cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DataError, nearest
from ..labelled import Floats
from .named import number

ROUNDING = 1e-9  # an eigenvalue this far below zero is a rounding error
SHOWN = 10  # so many pairs are listed in a message


def correlation_matrix(given: Any, names: Sequence[str]) -> Floats:
    """One number for all pairs, a matrix (k, k), a frame with the names, or numbers by pair, as a matrix (k, k).

    DataError if these are no correlations, or contradict each other.

    >>> correlation_matrix({("a", "c"): 0.5}, ["a", "b", "c"])[0]
    array([1. , 0. , 0.5])
    """
    k = len(names)
    one_number = isinstance(given, str) or not isinstance(given, Iterable)
    if one_number and k < 2 and number("corr", given) != 0:
        only = f"only {names[0]} has an sd" if k else "nothing has an sd"
        raise DataError(f"corr is {given:g}, but {only}; a correlation is one of two effects")
    if isinstance(given, Mapping):
        matrix = _from_pairs(given, names)
    elif hasattr(given, "columns") and hasattr(given, "index"):
        matrix = _from_frame(given, names)
    elif one_number:
        r = number("corr", given)
        matrix = np.full((k, k), r)
        np.fill_diagonal(matrix, 1.0)
    else:
        matrix = _from_array(given, names)
    _refuse_beyond_one(matrix, names)
    if k > 1 and np.linalg.eigvalsh(matrix)[0] < -ROUNDING:
        raise _impossible(matrix, names, one_number=one_number)
    return matrix


def nearest_correlations(matrix: Floats, tolerance: float = 1e-12) -> Floats:
    """The correlation matrix (k, k) nearest to a symmetric one in the Frobenius norm, by alternating projections.

    Higham (2002), IMA Journal of Numerical Analysis 22, 329-343, algorithm 3.3 with unit weights: project onto the
    positive semidefinite matrices, with Dykstra's correction, then onto those of unit diagonal.
    """
    Y, correction = matrix.copy(), np.zeros_like(matrix)
    for _ in range(10_000):
        R = Y - correction
        values, vectors = np.linalg.eigh(R)
        X = (vectors * np.maximum(values, 0.0)) @ vectors.T
        correction = X - R
        before, Y = Y, X.copy()
        np.fill_diagonal(Y, 1.0)
        if np.abs(Y - before).max() < tolerance:
            break
    return Y


def lower_root(matrix: Floats) -> Floats:
    """Lower triangular L (k, k) with L L' equal to a positive semidefinite matrix, singular ones included.

    From the eigenvectors, V D^1/2 = (Q R)', so that L = R': the Cholesky factor where that exists.
    """
    values, vectors = np.linalg.eigh(matrix)
    root = np.asarray(np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0.0))).T, mode="r")).T
    return np.tril(root * np.where(np.diag(root) < 0, -1.0, 1.0))


def _from_pairs(given: Mapping[Any, Any], names: Sequence[str]) -> Floats:
    matrix, seen = np.eye(len(names)), set()
    for pair, value in given.items():
        if not isinstance(pair, tuple) or len(pair) != 2 or pair[0] == pair[1]:
            raise DataError(f"corr has the key {pair!r}; expected a pair of names, as in {{('(Intercept)', 'x'): 0.5}}")
        for name in pair:
            if name not in names:
                listed = ", ".join(map(repr, names))
                raise DataError(f"corr names {name!r}, which has no sd{nearest(str(name), names)} (sd has {listed})")
        i, j = names.index(pair[0]), names.index(pair[1])
        if frozenset(pair) in seen:
            raise DataError(f"corr has the pair {pair[0]!r}, {pair[1]!r} twice; give it once")
        seen.add(frozenset(pair))
        matrix[i, j] = matrix[j, i] = number(f"corr of {pair[0]!r} and {pair[1]!r}", value)
    return matrix


def _from_frame(given: Any, names: Sequence[str]) -> Floats:
    rows, columns = list(given.index), list(given.columns)
    if sorted(map(str, rows)) != sorted(names) or sorted(map(str, columns)) != sorted(names):
        listed = ", ".join(map(repr, names))
        raise DataError(f"corr has the rows {rows} and columns {columns}; expected those of sd: {listed}")
    return _from_array(given.loc[list(names), list(names)].to_numpy(), names)


def _from_array(given: Any, names: Sequence[str]) -> Floats:
    k = len(names)
    try:
        matrix = np.array(given, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"corr is {given!r}; expected one number, a matrix, or numbers by pair of names") from None
    if matrix.shape != (k, k):
        raise DataError(
            f"corr has the shape {matrix.shape}; expected ({k}, {k}), a row and a column for each of "
            f"{', '.join(names)}, in this order"
        )
    if not np.isfinite(matrix).all():
        i, j = np.argwhere(~np.isfinite(matrix))[0]
        raise DataError(f"corr of {names[i]} and {names[j]} is {matrix[i, j]}; expected a finite number")
    if not np.array_equal(np.diag(matrix), np.ones(k)):
        i = int(np.argmax(np.diag(matrix) != 1))
        raise DataError(
            f"corr has {matrix[i, i]:g} on its diagonal, at {names[i]}; expected 1: standard deviations belong to sd"
        )
    if np.abs(matrix - matrix.T).max() > ROUNDING:
        i, j = _furthest(matrix - matrix.T)
        raise DataError(
            f"corr is not symmetric: {names[i]} and {names[j]} have {matrix[i, j]:g} in one place and "
            f"{matrix[j, i]:g} in the other"
        )
    return np.asarray((matrix + matrix.T) / 2)


def _refuse_beyond_one(matrix: Floats, names: Sequence[str]) -> None:
    for i, j in np.argwhere(np.abs(matrix) > 1):
        raise DataError(f"corr of {names[i]} and {names[j]} is {matrix[i, j]:g}; a correlation lies between -1 and 1")


def _impossible(matrix: Floats, names: Sequence[str], *, one_number: bool) -> DataError:
    k, lowest = len(names), np.linalg.eigvalsh(matrix)[0]
    if one_number:
        return DataError(
            f"corr is {matrix[0, 1]:g}, but {k} effects cannot all be correlated with each other below "
            f"-1/({k} - 1) = {-1 / (k - 1):.4g}; use a number from there to 1, or a matrix"
        )
    possible = nearest_correlations(matrix)
    i, j = _furthest(matrix - possible)
    shown = _shown(possible)
    pairs = [f"{names[a]}, {names[b]}: {shown[a, b]:g}" for b in range(k) for a in range(b)]
    more = "; ..." if len(pairs) > SHOWN else ""
    return DataError(
        f"the correlations contradict each other: their matrix has the eigenvalue {lowest:.3g}, and none may be "
        f"negative. Furthest off is that of {names[i]} and {names[j]}, {matrix[i, j]:g}; the nearest possible are "
        f"{'; '.join(pairs[:SHOWN])}{more}"
    )


def _furthest(difference: Floats) -> tuple[int, int]:
    row, col = divmod(int(np.argmax(np.abs(difference))), len(difference))
    return row, col


def _shown(matrix: Floats) -> Floats:
    """The matrix with three decimals, drawn towards zero as far as it takes to be possible as printed."""
    identity = np.eye(len(matrix))
    for shrinkage in np.arange(0.0, 1.0, 1e-4):
        rounded: Floats = np.round((1 - shrinkage) * matrix + shrinkage * identity, 3)
        if np.linalg.eigvalsh(rounded)[0] >= 0:
            break
    return rounded + 0.0
