"""The criterion of a linear mixed model by dense algebra: plain, slow, independent of the compiled core.

Everything goes through the n x n covariance V = I + Z Lambda Lambda' Z' (scaled by prior weights), straight from the
definition of the likelihood (Bates et al. 2015, J. Stat. Softw. 67(1), section 2), with no elimination and no scaling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg as sl


@dataclass(frozen=True)
class Term:
    codes: np.ndarray  # (n,)
    levels: int
    Z: np.ndarray  # (n, k)
    structure: str = "us"

    def dense(self) -> np.ndarray:
        """Z as an (n, levels * k) matrix, level by level."""
        n, k = self.Z.shape
        out = np.zeros((n, self.levels, k))
        out[np.arange(n), self.codes] = self.Z
        return out.reshape(n, -1)


def lambda_blocks(terms: list[Term], theta: np.ndarray) -> list[np.ndarray]:
    blocks, at = [], 0
    for t in terms:
        k = t.Z.shape[1]
        lam = np.zeros((k, k))
        for j in range(k):
            for i in range(j, k if t.structure == "us" else j + 1):
                lam[i, j] = theta[at]
                at += 1
        blocks.append(lam)
    return blocks


def evaluate(theta, y, X, terms: list[Term], reml: bool, weights=None) -> dict:
    n, p = X.shape
    root = np.ones(n) if weights is None else np.sqrt(weights)
    y, X = root * y, root[:, None] * X
    ZL = np.hstack(
        [
            root[:, None] * t.dense() @ np.kron(np.eye(t.levels), lam)
            for t, lam in zip(terms, lambda_blocks(terms, theta), strict=True)
        ]
    )
    V = np.eye(n) + ZL @ ZL.T
    c = sl.cho_factor(V, lower=True)
    Q = X.T @ sl.cho_solve(c, X)
    beta = np.linalg.solve(Q, X.T @ sl.cho_solve(c, y))
    r = y - X @ beta
    r2 = r @ sl.cho_solve(c, r)
    nu = n - p if reml else n
    d = 2 * np.log(np.diag(c[0])).sum() + nu * (1 + np.log(2 * np.pi * r2 / nu)) - 2 * np.log(root).sum()
    if reml:
        d += np.linalg.slogdet(Q)[1]
    u = ZL.T @ sl.cho_solve(c, r)
    modes, P, at = [], [], 0
    cond = np.eye(ZL.shape[1]) - ZL.T @ sl.cho_solve(c, ZL)
    for t, lam in zip(terms, lambda_blocks(terms, theta), strict=True):
        size = t.levels * t.Z.shape[1]
        big = np.kron(np.eye(t.levels), lam)
        modes.append((big @ u[at : at + size]).reshape(t.levels, -1))
        P.append(big @ cond[at : at + size, at : at + size] @ big.T)
        at += size
    return {
        "criterion": d,
        "beta": beta,
        "sigma": np.sqrt(r2 / nu),
        "unscaled_vcov": np.linalg.inv(Q),
        "modes": modes,
        "P": P,
        "u": u,
    }
