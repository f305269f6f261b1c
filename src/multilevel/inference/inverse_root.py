"""A W X without the matrix A of a cluster, where A S A = Phi: for clusters of many rows with weights that differ.

With Phi = D'D, the adjustment D'(D S D')^(-1/2) D is Phi (S Phi)^(-1/2), and of any matrix with positive eigenvalues

    B^(-1/2) = 2 / pi  integral over s > 0 of (B + s^2 I)^-1,     so that

    A W X = 2 / pi  integral over s > 0 of (S + s^2 W)^-1 W X

S = D + Z Z' - X X' and W = D^-1 - D^-1 Z (I + Z'D^-1 Z)^-1 Z'D^-1 (Woodbury; D diagonal here, Z times Lambda) are
diagonal but for a few columns, and so is each matrix to solve with. After s = sqrt(low) sc(u), sc one of Jacobi's
elliptic functions, the midpoint rule converges geometrically (Hale, Higham & Trefethen 2008, SIAM J. Numer. Anal. 46,
2505-2523, method 3): some 50 points give all digits for eigenvalues between 1 and 1e8.
"""

from __future__ import annotations

from math import ceil, log, pi, sqrt
from typing import NamedTuple

import numpy as np

from ..data.sums import Floats
from .sampling import FLAT

EXACT = 1e-15  # relative difference at which the means of the arithmetic-geometric iteration have met


class Block(NamedTuple):
    """Clusters of one shape: Phi = diag(d) + Z Z', with M = I."""

    d: Floats  # (g, n)
    Z: Floats  # (g, n, k) Z Lambda
    X: Floats  # (g, n, p)
    WX: Floats  # (g, n, p) Phi^-1 X
    e: Floats  # (g, n, 1)

    def projected(self) -> Block:
        """In an orthonormal basis of the columns of Z and X, where d is the same for all rows of a cluster."""
        basis = np.swapaxes(np.linalg.qr(np.concatenate([self.Z, self.X], axis=2)).Q, 1, 2)
        d = np.repeat(self.d[:, :1], basis.shape[1], axis=1)
        return Block(d, basis @ self.Z, basis @ self.X, basis @ self.WX, basis @ self.e)


def adjusted_columns(block: Block, G: Floats) -> Floats:
    """(g, n, p) A W X of clusters without singular S; `G` (g, p, p) X'W X."""
    d, Z, X, WX, _ = block
    d = d[:, :, None]
    k, p = Z.shape[2], X.shape[2]
    inner = np.eye(k) + np.swapaxes(Z, 1, 2) @ (Z / d)
    low, high = _bounds(block, G)
    V = np.concatenate([Z, Z / d, X], axis=2)
    middle = np.zeros((len(d), 2 * k + p, 2 * k + p))
    middle[:, :k, :k] = np.eye(k)
    middle[:, 2 * k :, 2 * k :] = -np.eye(p)
    total = np.zeros_like(WX)
    for shift, weight in zip(*points(low, high), strict=True):
        diagonal = d + shift / d
        middle[:, k : 2 * k, k : 2 * k] = -inner / shift
        first, Vt = WX / diagonal, np.swapaxes(V, 1, 2)
        total += weight * (first - V @ np.linalg.solve(middle + Vt @ (V / diagonal), Vt @ first) / diagonal)
    return total


def _bounds(block: Block, G: Floats) -> tuple[float, float]:
    """Around the eigenvalues of S Phi: those of Phi squared, times those of I - X'W X (Ostrowski 1959)."""
    left = 1.0 - np.linalg.eigvalsh(G)[:, -1].max()
    largest = block.d.max(axis=1) + np.einsum("gik,gik->g", block.Z, block.Z)
    return float(block.d.min() ** 2 * max(left, FLAT)), float(largest.max() ** 2)


def points(low: float, high: float) -> tuple[list[float], list[float]]:
    """Shifts s^2 and weights for x^(-1/2) = sum of weight / (x + s^2), low <= x <= high.

    The elliptic functions have the complementary modulus sqrt(low / high), which must not be rounded to 1: the descent
    of arithmetic and geometric means (Abramowitz & Stegun 1964, 16.4) starts from it. The upper half of the points
    mirrors the lower one, sc(K - u) = 1 / (sqrt(low / high) sc(u)).

    >>> shifts, weights = points(1.0, 1e4)
    >>> round(sum(w / (49.0 + s) for s, w in zip(shifts, weights)), 12) == round(1 / 7, 12)
    True
    """
    k = sqrt(low / high)
    a, b, ratios = 1.0, k, list[float]()
    while a - b > EXACT * a:
        ratios.append((a - b) / (a + b))
        a, b = (a + b) / 2.0, sqrt(a * b)
    K, half = pi / (2.0 * a), ceil(6.0 + 2.0 * log(1.0 / k))
    phi = 2.0 ** len(ratios) * a * (np.arange(half) + 0.5) * K / (2 * half)
    for ratio in reversed(ratios):
        phi = (phi + np.arcsin(ratio * np.sin(phi))) / 2.0
    sn, cn = np.sin(phi), np.cos(phi)
    dn = np.sqrt(cn**2 + (k * sn) ** 2)
    shift, step = low * (sn / cn) ** 2, K * sqrt(low) / (pi * half)
    shifts = np.concatenate([shift, low * high / shift])
    weights = step * np.concatenate([dn / cn**2, dn / (k * sn**2)])
    return shifts.tolist(), weights.tolist()
