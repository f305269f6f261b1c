"""What the rows of each cluster add up to, in coordinates of the fixed effects in which M = (X'WX)^-1 is the identity.

W = Phi^-1, Phi the fitted covariance over sigma^2: diagonal for a linear model, V for a mixed model. There

    V^-1 X = D^-1 (X - Z F),   D = diag(1 / weight),   F = (Psi^-1 + Z'D^-1 Z)^-1 Z'D^-1 X     (Woodbury)

with F from the core, so that no cluster's matrix is needed for these sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats
from ..models.estimate import Fit
from .clusters import Clusters
from .sampling import FLAT


@dataclass(frozen=True, eq=False)
class Pieces:
    """Of each of m clusters, with U = A'W X: `scores` (m, p) U'e, `T` (m, p, p) X'U, `R` (m, p, p) U'Phi U.

    Under the working model scores have the covariance, over sigma^2, R_c [c = d] - T_c'T_d.
    """

    scores: Floats
    T: Floats
    R: Floats

    @staticmethod
    def none() -> Pieces:
        """Of no cluster."""
        return Pieces(np.zeros((0, 0)), np.zeros((0, 0, 0)), np.zeros((0, 0, 0)))

    @cached_property
    def mean(self) -> Floats:
        """(p, p) the expectation of the sum of scores scores', over sigma^2."""
        flat = self.T.reshape(-1, self.T.shape[2])
        expected: Floats = self.R.sum(axis=0) - flat.T @ flat
        return expected

    def total_variance(self, G: Floats) -> float:
        """Sum of the variances of all elements of G [sum of scores scores'] G', G (q, p), over sigma^4.

        With B_cd = G (R_c [c = d] - T_c'T_d) G' it is the sum over c and d of tr(B_cd)^2 + tr(B_cd B_cd), by the fourth
        moments of the normal distribution (Isserlis 1918).
        """
        R, t = G @ self.R @ G.T, self.T @ G.T
        N = np.swapaxes(t, 1, 2) @ t
        r, s = np.einsum("mii->m", R), np.einsum("mii->m", N)
        total = float(np.sum(r * (r - 2.0 * s)) + np.einsum("mij,mji->", R, R - 2.0 * N))
        m, p, q = t.shape
        for row in np.moveaxis(t, 1, 0):  # the products of T_c'T_d, one row of T at a time
            K = (row.T @ t.reshape(m, p * q)).reshape(q, p, q)
            total += float(np.einsum("iaj,iaj->", K, K) + np.einsum("iaj,jai->", K, K))
        return total


@dataclass(frozen=True, eq=False)
class ClusterSums:
    """Rows sorted by cluster, cluster c from `starts[c]` on, and what they add up to."""

    root: Floats  # (p, p), M = root root'
    order: NDArray[np.int64]  # (n,) positions of the sorted rows
    starts: NDArray[np.int64]  # (m,)
    sizes: NDArray[np.int64]  # (m,)
    X: Floats  # (n, p) X root
    WX: Floats  # (n, p) Phi^-1 X root
    e: Floats  # (n,) marginal residuals
    G: Floats  # (m, p, p) sums of X'WX, which add up to the identity
    scores: Floats  # (m, p) sums of X'We

    @cached_property
    def alone(self) -> tuple[Floats, NDArray[np.int64]]:
        """Orthonormal directions (k, p) of the coefficients that a single cluster tells of, and (k,) which it is.

        The score of such a cluster in such a direction is zero, whatever the data.
        """
        suspects = np.flatnonzero(np.einsum("mii->m", self.G) > 1.0 - FLAT)  # p at most: the traces add up to p
        values, vectors = np.linalg.eigh(self.G[suspects])
        which, column = np.nonzero(values > 1.0 - FLAT)
        return vectors[which, :, column], suspects[which]


def cluster_sums(fit: Fit, clusters: Clusters) -> ClusterSums:
    """Add up the rows of each cluster."""
    sums = fit.sums
    root = np.linalg.cholesky(fit.estimate.unscaled_vcov).astype(np.float64, copy=False)
    raw = np.column_stack([np.zeros((len(sums.y), 0)), *(sums.X[j] for j in fit.kept)])
    order = np.argsort(clusters.codes, kind="stable")
    sizes = np.bincount(clusters.codes, minlength=clusters.count)
    starts = np.cumsum(sizes) - sizes
    e = (sums.y - raw @ fit.estimate.beta)[order]
    X = raw @ root
    WX = _weighted(fit, X, root)[order]
    X = X[order]
    G = np.empty((len(sizes), X.shape[1], X.shape[1]))
    for j in range(X.shape[1]):
        G[:, :, j] = np.add.reduceat(X * WX[:, [j]], starts)
    scores = np.add.reduceat(WX * e[:, None], starts)
    return ClusterSums(root, order, starts, sizes, X, WX, e, (G + np.swapaxes(G, 1, 2)) / 2.0, scores)


def _weighted(fit: Fit, X: Floats, root: Floats) -> Floats:
    """(n, p) Phi^-1 X root."""
    WX = X.copy()
    if fit.rows.random:
        for part, (_, F) in zip(fit.rows.random, fit.posterior, strict=True):
            for c, z in enumerate(part.Z):
                WX -= z[:, None] * (F[:, c] @ root).take(part.codes, axis=0)
    if fit.sums.weights is not None:
        WX *= fit.sums.weights[:, None]
    return WX
