"""The same model in columns of X and Z that are orthogonal: coordinates in which differences keep their digits.

A covariate far from zero, such as a year, makes an intercept and its slope nearly proportional. What is computed by
differences is computed here, for X = X_w R and Z_t = Z_w,t R_t of each term of free covariance, and taken back:
beta = R^-1 beta_w, Psi_w = R_t Psi R_t'. Columns of a term without correlations stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..data.sums import Floats, Sums
from ..formula import RandomMatrices
from ..models.estimate import Fit, estimate_of

CHUNK = 20_000  # rows at a time


class Whitened(NamedTuple):
    """The fit in orthogonal columns, and the ways back: beta = back @ beta_w, and R_t^-1 of each term."""

    fit: Fit
    back: Floats
    roots: tuple[Floats, ...]

    def theta(self, theta: Floats) -> Floats:
        """Theta (m,) of the model as it was, from that in orthogonal columns."""
        there = replace(self.fit, estimate=replace(self.fit.estimate, theta=theta))
        parts = zip(self.roots, there.factors, there.thetas, self.fit.rows.random, strict=True)
        return np.concatenate([
            triangle_of(lower(root @ factor)) if _correlated(part) else own for root, factor, own, part in parts
        ])  # fmt: skip


def whitened(fit: Fit) -> Whitened:
    """The same estimate for the same model in orthogonal columns."""
    R = _scaled_triangle([fit.sums.X[j] for j in fit.kept])
    back = _inverse(R)
    X = _times([fit.sums.X[j] for j in fit.kept], back)
    random, theta, roots = [], [], []
    for part, factor, own in zip(fit.rows.random, fit.factors, fit.thetas, strict=True):
        free = _correlated(part) and fit.estimate.residual  # else a term keeps its rows of an identity
        C = _scaled_triangle(part.Z) if free else np.eye(len(factor))
        roots.append(_inverse(C))
        theta.append(triangle_of(lower(C @ factor)) if free else own)
        random.append(replace(part, Z=_times(part.Z, roots[-1])) if free else part)
    sums = Sums(fit.sums.y, X, fit.sums.weights, tuple(random), fit.sums.sigma)
    solution = sums.core.solve(np.concatenate(theta), fit.estimate.reml)
    return Whitened(
        replace(
            fit,
            rows=replace(fit.rows, X=X, random=tuple(random)),
            sums=sums,
            estimate=estimate_of(solution, sums, reml=fit.estimate.reml),
            kept=tuple(range(len(R))),
        ),
        back,
        tuple(roots),
    )


def _correlated(part: RandomMatrices) -> bool:
    return part.structure == "us" and len(part.Z) > 1


def lower(root: Floats) -> Floats:
    """The lower triangular factor (k, k), with a positive diagonal, of root root' for root (k, .)."""
    L = square(root.T).T
    return L * np.where(np.diag(L) < 0, -1.0, 1.0)


def triangle_of(factor: Floats) -> Floats:
    """The lower triangle of Lambda, column by column."""
    return np.concatenate([factor[j:, j] for j in range(len(factor))])


def triangle(columns: Sequence[Floats], weights: Floats | None = None) -> Floats:
    """R (p, p) of the QR decomposition of columns (n,), each row times the root of its weight; no n x p matrix."""
    R = np.zeros((0, len(columns)))
    for start in range(0, len(columns[0]) if columns else 0, CHUNK):
        rows = slice(start, start + CHUNK)
        block = np.column_stack([column[rows] for column in columns])
        if weights is not None:
            block *= np.sqrt(weights[rows])[:, None]
        R = square(np.vstack([R, block]))
    return R


def square(matrix: Floats) -> Floats:
    """R (p, p) of a matrix (., p), filled up with zeros when it has fewer rows than columns."""
    R = np.asarray(np.linalg.qr(matrix, mode="r"), np.float64)
    return np.vstack([R, np.zeros((matrix.shape[1] - len(R), matrix.shape[1]))])


def _scaled_triangle(columns: Sequence[Floats]) -> Floats:
    """R of columns, such that those of X R^-1 have mean square one."""
    made: Floats = triangle(columns) / np.sqrt(len(columns[0]) if columns else 1.0)
    return made


def _inverse(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix), np.float64)


def _times(columns: Sequence[Floats], matrix: Floats) -> tuple[Floats, ...]:
    """The columns (n,) of [columns] @ matrix (p, p)."""
    made = np.empty((len(columns), len(columns[0]) if columns else 0))
    for start in range(0, made.shape[1], CHUNK):
        rows = slice(start, start + CHUNK)
        made[:, rows] = matrix.T @ np.array([column[rows] for column in columns])
    return tuple(made)
