"""The adjustment of CR2: A with A S A = Phi for the covariance S = Phi - X M X' of the residuals of a cluster.

Of all solutions Pustejovsky & Tipton (2018, equations 6 and 7) take the symmetric one, A = D'(D S D')^(+1/2) D with
Phi = D'D. With equal weights in a cluster Phi = d I + Z Psi Z' and S differ from d I in the space of the columns of Z
and X alone, and so does A from I: all is then computed in an orthonormal basis of that space, by eigenvectors. With
weights that differ A X is an integral of solutions with matrices that are diagonal but for that space (`inverse_root`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats
from ..errors import InferenceError
from ..models.estimate import Fit
from .cluster_sums import ClusterSums, Pieces
from .inverse_root import Block, adjusted_columns

LARGEST = 5000  # rows of a matrix whose eigenvectors are asked for
CHUNK = 4_000_000  # numbers in the matrices of the clusters that are worked on at once

Integers = NDArray[np.int64]
Way: TypeAlias = Literal["rows", "columns", "integral"]  # eigenvectors in the basis of all rows, or of Z and X; or none
WAYS: tuple[Way, ...] = ("rows", "columns", "integral")


class _Loadings(NamedTuple):
    """Z Lambda of one random term for the rows sorted by cluster: values (n, k), level within the cluster (n,)."""

    values: Floats
    local: Integers
    counts: Integers  # (m,) levels in each cluster


class _Batch(NamedTuple):
    """Clusters of one shape."""

    members: Integers  # (g,)
    rows: Integers  # (g, n_c) among the rows sorted by cluster
    counts: Integers  # (t,) levels of each term in each of these clusters
    way: Way


def adjusted(fit: Fit, sums: ClusterSums) -> Pieces:
    """What the clusters add up to with the adjustment of CR2; InferenceError if one is too large."""
    loadings = [_loadings(fit, sums, t) for t in range(len(fit.rows.random))]
    weights = fit.sums.weights
    variances = np.ones(len(sums.e)) if weights is None else 1.0 / weights[sums.order]
    gone = np.bincount(sums.alone[1], minlength=len(sums.sizes))  # directions in which S is singular
    pieces = Pieces(np.empty_like(sums.scores), np.empty_like(sums.G), np.empty_like(sums.G))
    for batch in _batches(sums, loadings, variances, gone):
        rows, members = batch.rows, batch.members
        block = Block(variances[rows], _dense(loadings, batch), sums.X[rows], sums.WX[rows], sums.e[rows][:, :, None])
        if batch.way == "integral":
            U = adjusted_columns(block, sums.G[members])
        else:
            block = block.projected() if batch.way == "columns" else block
            U = _adjustment(block, gone[members]) @ block.WX
        pieces.scores[members] = (np.swapaxes(U, 1, 2) @ block.e)[:, :, 0]
        pieces.T[members] = np.swapaxes(block.X, 1, 2) @ U
        ZU = np.swapaxes(block.Z, 1, 2) @ U
        pieces.R[members] = np.swapaxes(U, 1, 2) @ (block.d[:, :, None] * U) + np.swapaxes(ZU, 1, 2) @ ZU
    return pieces


def _loadings(fit: Fit, sums: ClusterSums, term: int) -> _Loadings:
    part = fit.rows.random[term]
    codes = part.codes[sums.order]
    cluster = np.repeat(np.arange(len(sums.sizes)), sums.sizes)
    home = np.zeros(part.n_levels, np.int64)
    home[codes] = cluster
    counts = np.bincount(home, minlength=len(sums.sizes))
    place = np.empty(part.n_levels, np.int64)
    place[np.argsort(home, kind="stable")] = np.arange(part.n_levels)
    local = place[codes] - (np.cumsum(counts) - counts)[cluster]
    return _Loadings((np.column_stack(part.Z) @ fit.factors[term])[sums.order], local, counts)


def _batches(sums: ClusterSums, loadings: list[_Loadings], variances: Floats, gone: Integers) -> Iterator[_Batch]:
    """Clusters with the same numbers of rows and levels, few enough at a time."""
    m, p = sums.scores.shape
    counts = np.column_stack([np.zeros((m, 0), np.int64), *(term.counts for term in loadings)])
    effects = counts @ np.array([term.values.shape[1] for term in loadings], np.int64)
    equal = np.maximum.reduceat(variances, sums.starts) == np.minimum.reduceat(variances, sums.starts)
    integral = ~equal & (gone == 0) & (2 * effects + p < sums.sizes)
    way = np.where(integral, 2, np.where(equal & (effects + p < sums.sizes), 1, 0))
    order = np.choose(way, [sums.sizes, effects + p, 2 * effects + p])
    if order.max() > LARGEST:
        c = int(order.argmax())
        raise InferenceError(
            f"CR2 needs matrices of order {order[c]} for the largest cluster, of {sums.sizes[c]} rows and {effects[c]} "
            f'random effects; up to {LARGEST} are taken. Use vcov="CR3" or vcov="CR1S", which need none'
        )
    shapes, kind = np.unique(np.column_stack([sums.sizes, way, counts]), axis=0, return_inverse=True)
    for i, (size, chosen, *levels) in enumerate(shapes.tolist()):
        members = np.flatnonzero(kind.ravel() == i)
        step = max(CHUNK // (size * int(order[members[0]])), 1)
        for at in range(0, len(members), step):
            some = members[at : at + step]
            yield _Batch(some, sums.starts[some, None] + np.arange(size), np.array(levels, np.int64), WAYS[chosen])


def _dense(loadings: list[_Loadings], batch: _Batch) -> Floats:
    """(g, n_c, effects) Z Lambda of each cluster."""
    g, size = batch.rows.shape
    widths = [term.values.shape[1] for term in loadings]
    made = np.zeros((g, size, int(batch.counts @ np.array(widths, np.int64))))
    at, (i, j) = 0, np.ogrid[:g, :size]
    for term, count, k in zip(loadings, batch.counts.tolist(), widths, strict=True):
        for c in range(k):
            made[i, j, at + k * term.local[batch.rows] + c] = term.values[batch.rows, c]
        at += count * k
    return made


def _adjustment(block: Block, gone: Integers) -> Floats:
    """(g, r, r) A, with M = I; of the eigenvalues of D S D' the `gone` (g,) smallest are zero."""
    X = block.X
    Phi = block.Z @ np.swapaxes(block.Z, 1, 2)
    np.einsum("gii->gi", Phi)[:] += block.d
    root = np.linalg.cholesky(Phi)  # D'
    S = Phi - X @ np.swapaxes(X, 1, 2)
    values, vectors = np.linalg.eigh(np.swapaxes(root, 1, 2) @ S @ root)
    useful = np.arange(values.shape[1]) >= gone[:, None]
    inverse = np.where(useful, 1.0 / np.sqrt(np.where(useful, values, 1.0)), 0.0)
    half = root @ vectors
    A: Floats = (half * inverse[:, None, :]) @ np.swapaxes(half, 1, 2)
    return A
