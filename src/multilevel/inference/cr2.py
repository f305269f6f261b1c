"""The adjustment of CR2: A with A S A = Phi for the covariance S = Phi - X M X' of the residuals of a cluster.

Of all solutions Pustejovsky & Tipton (2018, equations 6 and 7) take the symmetric one, A = D'(D S D')^(+1/2) D with
Phi = D'D. With equal weights in a cluster Phi = d I + Z Psi Z' and S differ from d I in the space of the columns of Z
and X alone, and so does A from I: all is then computed in an orthonormal basis of that space. With weights that differ
the whole matrix of the cluster is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats
from ..errors import InferenceError
from ..models.estimate import Fit
from .cluster_sums import ClusterSums, Pieces

LARGEST = 5000  # rows of a matrix whose eigenvectors are asked for
CHUNK = 4_000_000  # numbers in the matrices of the clusters that are worked on at once

Integers = NDArray[np.int64]


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
    whole: bool  # whether the basis is that of all rows


def adjusted(fit: Fit, sums: ClusterSums) -> Pieces:
    """What the clusters add up to with the adjustment of CR2; InferenceError if one is too large."""
    loadings = [_loadings(fit, sums, t) for t in range(len(fit.rows.random))]
    weights = fit.sums.weights
    variances = np.ones(len(sums.e)) if weights is None else 1.0 / weights[sums.order]
    gone = np.bincount(sums.alone[1], minlength=len(sums.sizes))  # directions in which S is singular
    pieces = Pieces(np.empty_like(sums.scores), np.empty_like(sums.G), np.empty_like(sums.G))
    for batch in _batches(sums, loadings, variances):
        Phi, X, WX, e = _projected(sums, loadings, variances, batch)
        U = _adjustment(Phi, X, gone[batch.members]) @ WX
        Ut = np.swapaxes(U, 1, 2)
        pieces.scores[batch.members] = (Ut @ e)[:, :, 0]
        pieces.T[batch.members] = np.swapaxes(X, 1, 2) @ U
        pieces.R[batch.members] = Ut @ Phi @ U
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


def _batches(sums: ClusterSums, loadings: list[_Loadings], variances: Floats) -> Iterator[_Batch]:
    """Clusters with the same numbers of rows and levels, few enough at a time."""
    m, p = sums.scores.shape
    counts = np.column_stack([np.zeros((m, 0), np.int64), *(term.counts for term in loadings)])
    width = p + counts @ np.array([term.values.shape[1] for term in loadings], np.int64)
    differ = np.maximum.reduceat(variances, sums.starts) > np.minimum.reduceat(variances, sums.starts)
    whole = differ | (width >= sums.sizes)
    order = np.where(whole, sums.sizes, width)
    if order.max() > LARGEST:
        c = int(order.argmax())
        reason = "rows whose weights differ" if differ[c] else "rows and random effects"
        raise InferenceError(
            f"CR2 needs the eigenvectors of a matrix of order {order[c]} for the largest cluster, of {sums.sizes[c]} "
            f'{reason}; up to {LARGEST} are taken. Use vcov="CR3" or vcov="CR1S", which need none'
        )
    shapes, kind = np.unique(np.column_stack([sums.sizes, whole, counts]), axis=0, return_inverse=True)
    for i, (size, everything, *levels) in enumerate(shapes.tolist()):
        members = np.flatnonzero(kind.ravel() == i)
        step = max(CHUNK // (size * int(order[members[0]])), 1)
        for at in range(0, len(members), step):
            some = members[at : at + step]
            yield _Batch(some, sums.starts[some, None] + np.arange(size), np.array(levels, np.int64), bool(everything))


def _projected(
    sums: ClusterSums, loadings: list[_Loadings], variances: Floats, batch: _Batch
) -> tuple[Floats, Floats, Floats, Floats]:
    """Phi (g, r, r), X (g, r, p), Phi^-1 X (g, r, p) and e (g, r, 1) of the clusters, in the basis chosen for them."""
    rows = batch.rows
    d, X, WX, e = variances[rows], sums.X[rows], sums.WX[rows], sums.e[rows][:, :, None]
    Z = _dense(loadings, batch)
    if not batch.whole:
        basis = np.swapaxes(np.linalg.qr(np.concatenate([Z, X], axis=2)).Q, 1, 2)
        Z, X, WX, e, d = basis @ Z, basis @ X, basis @ WX, basis @ e, np.repeat(d[:, :1], basis.shape[1], axis=1)
    Phi = Z @ np.swapaxes(Z, 1, 2)
    np.einsum("gii->gi", Phi)[:] += d
    return Phi, X, WX, e


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


def _adjustment(Phi: Floats, X: Floats, gone: Integers) -> Floats:
    """(g, r, r) A, with M = I; of the eigenvalues of D S D' the `gone` (g,) smallest are zero."""
    root = np.linalg.cholesky(Phi)  # D'
    upper = np.swapaxes(root, 1, 2)
    S = Phi - X @ np.swapaxes(X, 1, 2)
    values, vectors = np.linalg.eigh(upper @ S @ root)
    useful = np.arange(values.shape[1]) >= gone[:, None]
    inverse = np.where(useful, 1.0 / np.sqrt(np.where(useful, values, 1.0)), 0.0)
    half = root @ vectors
    A: Floats = (half * inverse[:, None, :]) @ np.swapaxes(half, 1, 2)
    return A
