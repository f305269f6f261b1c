"""Cluster-robust covariance of the fixed effects, its degrees of freedom and F tests.

With Phi_c the fitted covariance of the rows of cluster c, W_c = Phi_c^-1, M = (sum of X_c'W_c X_c)^-1 and marginal
residuals e_c = y_c - X_c beta (Liang & Zeger 1986, Biometrika 73, 13-22; Bell & McCaffrey 2002, Survey Methodology 28,
169-181; Pustejovsky & Tipton 2018, J. Bus. Econ. Stat. 36, 672-683, here P&T; arXiv:1601.01981),

    Var(beta_hat) = M [ sum of X_c'W_c A_c e_c e_c' A_c' W_c X_c ] M

    CR0    A_c = I
    CR1    A_c = sqrt(m / (m - 1)) I, m clusters
    CR1S   A_c = sqrt(m (n - 1) / ((m - 1) (n - p))) I, n rows, p coefficients
    CR2    A_c = D'B^(+1/2)D,  Phi_c = D'D,  B = D (Phi_c - X_c M X_c') D'        (P&T equations 6 and 7)
    CR3    A_c = (I - X_c M X_c'W_c)^-1, the jackknife

The working model is the fitted one: sigma^2 / weight for a linear model, sigma^2 V for a mixed model; under it CR2 is
unbiased. Where B is singular, as when a coefficient belongs to one cluster, its pseudo-inverse stands for the inverse
(P&T section 2.3), and so it does in CR3. Of such a coefficient no covariance of this kind tells anything.

All is written in coordinates in which M = I. Clusters then enter by three small arrays, with U_c = A_c'W_c X_c:
scores U_c'e_c, T_c = X_c'U_c and R_c = U_c'Phi_c U_c. Under the working model the scores have the covariances
R_c [c = d] - T_c'T_d, which give the degrees of freedom: Satterthwaite's for one combination (Bell & McCaffrey 2002,
section 4; P&T section 3.1), those of the approximate Hotelling test, HTZ, for several (P&T section 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan, sqrt
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats
from ..models.estimate import Fit
from .cluster_sums import ClusterSums, Pieces, cluster_sums
from .clusters import Clusters
from .cr2 import adjusted
from .sampling import FLAT, FTestResult, Sampling

Kind: TypeAlias = Literal["CR0", "CR1", "CR1S", "CR2", "CR3"]
KINDS: tuple[str, ...] = get_args(Kind)
FEW = 5  # so many coefficients are listed in a note
CHUNK = 10_000_000  # numbers held at once for degrees of freedom


@dataclass(frozen=True, eq=False)
class ClusterRobust(Sampling):
    """`vcov` is the cluster-robust covariance; `reference` gives degrees of freedom in the place of the method's own.

    A combination that takes a coefficient of a single cluster, `alone`, has no standard error: NaN degrees of freedom.
    """

    root: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # (p, p), M = root root'
    pieces: Pieces = field(default_factory=Pieces.none)
    alone: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # (k, p) orthonormal, M = I
    reference: Sampling | None = None

    def df(self, L: Floats) -> Floats:
        """(k,) of each combination, twice the squared mean over the variance of its estimated variance."""
        C = L @ self.root
        if self.reference is not None:
            return np.where(touching(C, self.alone), nan, self.reference.df(L))
        step = max(CHUNK // max(self.pieces.T[..., 0].size, 1), 1)
        return np.concatenate([np.zeros(0), *(self._df(C[i : i + step]) for i in range(0, len(C), step))])

    def _df(self, C: Floats) -> Floats:
        t = np.einsum("mab,kb->kma", self.pieces.T, C)
        r = np.einsum("ka,mab,kb->km", C, self.pieces.R, C, optimize=True)
        s = np.einsum("kma,kma->km", t, t)
        mean = (r - s).sum(axis=1)
        K = t.transpose(0, 2, 1) @ t
        variance = np.sum(r * (r - 2.0 * s), axis=1) + np.einsum("kab,kab->k", K, K)
        known = ~touching(C, self.alone) & (variance > 0)
        return np.where(known, mean**2 / np.where(known, variance, 1.0), nan)

    def joint(self, L: Floats) -> tuple[float, float]:
        """eta - q + 1 and (eta - q + 1) / eta, with eta = q (q + 1) / sum of Var(d_st); NaN if that is not positive.

        d_st are the elements of the estimated covariance of the q combinations, in units of its mean under the model.
        """
        H = _orthonormal(L @ self.root)
        if touching(H, self.alone).any():
            return nan, nan
        if self.reference is not None:
            return self.reference.joint(L)
        q = len(H)
        values, vectors = np.linalg.eigh(H @ self.pieces.mean @ H.T)
        eta = q * (q + 1) / self.pieces.total_variance((vectors / np.sqrt(values)).T @ H)
        df2 = eta - q + 1.0
        return (df2, df2 / eta) if df2 > 0 else (nan, nan)

    def f_test(self, L: Floats, rhs: Floats | float = 0.0) -> FTestResult:
        """Test that L beta = rhs; NaN where the clusters are too few for so many combinations."""
        H = _orthonormal(L @ self.root)
        spread = np.linalg.svd(self.pieces.scores @ H.T, compute_uv=False)
        if len(H) and (len(spread) < len(H) or spread[-1] <= FLAT * spread[0]):
            return FTestResult(nan, len(H), nan, nan)
        return super().f_test(L, rhs)


def cluster_robust(fit: Fit, kind: Kind, clusters: Clusters, reference: Sampling | None = None) -> ClusterRobust:
    """The sampling distribution of the fixed effects with a cluster-robust covariance.

    Raises InferenceError if CR2 meets a cluster too large for it.
    """
    sums = cluster_sums(fit, clusters)
    pieces = _pieces(fit, sums, kind)
    S = pieces.scores @ sums.root.T
    method = "Satterthwaite" if reference is None else reference.method
    note = f"Standard errors are cluster-robust: {kind}, {clusters.label}."
    alone = sums.alone[0]
    belonging = [name for name, touched in zip(fit.names, touching(sums.root, alone), strict=True) if touched]
    if belonging:
        listed = ", ".join(belonging[:FEW]) + (", ..." if len(belonging) > FEW else ".")
        note += f" They say nothing of coefficients that single clusters determine: {listed}"
    return ClusterRobust(method, fit.estimate.beta, S.T @ S, note, sums.root, pieces, alone, reference)


def touching(C: Floats, alone: Floats) -> NDArray[np.bool_]:
    """(k,) whether combinations (k, p), where M = I, take a coefficient that a single cluster determines."""
    if not len(alone):
        return np.zeros(len(C), np.bool_)
    share = np.linalg.norm(C @ alone.T, axis=1)
    taken: NDArray[np.bool_] = share > sqrt(FLAT) * np.linalg.norm(C, axis=1)
    return taken


def _pieces(fit: Fit, sums: ClusterSums, kind: Kind) -> Pieces:
    if kind == "CR2":
        return adjusted(fit, sums)
    G, scores = sums.G, sums.scores
    if kind == "CR3":  # in these coordinates A'W X = W X J with J = (I - G)^-1
        values, vectors = np.linalg.eigh(G)
        useful = values < 1.0 - FLAT
        inverse = np.where(useful, 1.0 / np.where(useful, 1.0 - values, 1.0), 0.0)
        J = (vectors * inverse[:, None, :]) @ np.swapaxes(vectors, 1, 2)
        return Pieces(np.einsum("mab,mb->ma", J, scores), G @ J, J @ G @ J)
    m, n, p = len(G), len(sums.e), G.shape[1]
    factor = sqrt({"CR0": 1.0, "CR1": m / (m - 1.0), "CR1S": m * (n - 1.0) / ((m - 1.0) * (n - p))}[kind])
    return Pieces(factor * scores, factor * G, factor**2 * G)


def _orthonormal(C: Floats) -> Floats:
    """Orthonormal rows that span those of C (q, p); what rows imply each other add nothing."""
    _, values, rows = np.linalg.svd(C / np.linalg.norm(C, axis=1, keepdims=True), full_matrices=False)
    spanned: Floats = rows[values > FLAT * values.max(initial=0.0)]
    return spanned
