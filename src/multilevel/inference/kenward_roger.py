"""Kenward and Roger's adjusted covariance and degrees of freedom (1997, Biometrics 53, 983-997).

Var(y) = sum over r of gamma_r G_r is linear in gamma: G_0 = W^-1, and G_r = Z (I x vv') Z' for enough vectors v of each
term to span its covariance matrices. With V = Var(y) / sigma^2, H = Z'V^-1X, Phi = Q^-1 = (X'V^-1X)^-1:

    P_r = -X'V^-1 G_r V^-1 X              Q_rs = X'V^-1 G_r V^-1 G_s V^-1 X           t_rs = tr(V^-1 G_r V^-1 G_s)
    information I_rs = t_rs / 2 - tr(Phi Q_rs) + tr(Phi P_r Phi P_s) / 2              (appendix: expected, REML)
    Phi_A = Phi + 2 Phi [ sum W_rs (Q_rs - P_r Phi P_s) ] Phi,   W = I^-1             (equation 5)

No n x n matrix appears. T_r = tr(V^-1 G_r) and -P_r = sum over levels of (H_l'v)(H_l'v)' come from the core; t_rs and
the symmetric part of Q_rs, all that is needed, are minus their derivatives along G_s (-1/2 for Q), taken as differences
that stay inside the cone of covariance matrices, so that a variance of zero is no special case. Since W^-1 = V - sum of
psi_r G_r, whatever involves G_0 follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..models.estimate import Fit, estimate_of
from .sampling import Sampling, pseudo_inverse
from .satterthwaite import contracted
from .whitened import Whitened, lower, triangle_of, whitened

STEP = 1e-4  # of a difference, relative to the mean information of a level
MOMENTLESS = 1e-2  # so near to two denominator degrees of freedom
FORWARD = (-11.0 / 6.0, 3.0, -1.5, 1.0 / 3.0)  # weights of f(0), f(h), f(2h), f(3h) for h f'(0), of third order


@dataclass(frozen=True, eq=False)
class KenwardRoger(Sampling):
    """`vcov` is the adjusted covariance."""

    back: Floats = field(kw_only=True)  # (p, p): from the coordinates of what follows, whitened
    Phi: Floats = field(kw_only=True)  # (p, p)
    P: Floats = field(kw_only=True)  # (r, p, p)
    W: Floats = field(kw_only=True)  # (r, r)

    def df(self, L: Floats) -> Floats:
        """(k,) one number for each combination."""
        return np.array([self.joint(row[None])[0] for row in L])

    def joint(self, L: Floats) -> tuple[float, float]:
        """m and lambda of the scaled F statistic (section 3, equations 6 to 8 and the definitions before them).

        They match two moments, and an F distribution with two denominator degrees of freedom has none: lambda is then a
        ratio of zeros. It is 1, as wherever F has an F distribution.
        """
        q, Phi, L = len(L), self.Phi, L @ self.back
        theta_phi = L.T @ np.linalg.solve(L @ Phi @ L.T, L) @ Phi
        parts = np.array([theta_phi @ P @ Phi for P in self.P])
        traces = np.einsum("rii->r", parts)
        a1 = float(traces @ self.W @ traces)
        a2 = float(np.einsum("rs,rij,sji->", self.W, parts, parts))
        if q == 1:
            return 2.0 / a2, 1.0  # what the equations say, without their differences
        B = (a1 + 6.0 * a2) / (2.0 * q)
        g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
        below = 3.0 * q + 2.0 * (1.0 - g)
        c1, c2, c3 = g / below, (q - g) / below, (q + 2 - g) / below
        E = 1.0 / (1.0 - a2 / q)
        variance = 2.0 / q * (1.0 + c1 * B) / ((1.0 - c2 * B) ** 2 * (1.0 - c3 * B))
        rho = variance / (2.0 * E**2)
        df = 4.0 + (q + 2.0) / (q * rho - 1.0)
        return df, df / (E * (df - 2.0)) if abs(df - 2.0) > MOMENTLESS else 1.0


class _Pieces(NamedTuple):
    """First derivatives along the directions, at one Psi: T (r,) = tr(V^-1 G_r) and M (r, p, p) = -P_r."""

    T: Floats
    M: Floats


class _Direction(NamedTuple):
    term: int
    v: Floats  # (k,)
    psi: float  # the coefficient of vv' in Psi


def kenward_roger(fit: Fit) -> KenwardRoger:
    """The sampling distribution of the fixed effects by Kenward and Roger's method, at the REML estimates.

    InferenceError for structured covariances, in whose parameters Var(y) is not linear.
    """
    structured = [part.written for part in fit.rows.random if part.structure not in ("us", "diag")]
    if not fit.estimate.residual or fit.estimate.known:
        raise InferenceError(
            "Kenward-Roger's method is not there for models without residuals or with a known sigma; use "
            'df="satterthwaite"'
        )
    if structured:
        raise InferenceError(
            f"Kenward-Roger's method needs a covariance that is linear in its parameters, and that of {structured[0]} "
            'is not; use df="satterthwaite"'
        )
    note = ""
    if not fit.estimate.reml:
        note = "Kenward-Roger's method is defined for REML: these are the estimates of the model fitted by REML."
        solution = fit.sums.core.fit(True)
        fit = Fit(
            fit.design, fit.rows, fit.sums, estimate_of(solution, fit.sums, reml=True), fit.kept, fit.weights_column,
            fit.missing, fit.counted,
        )  # fmt: skip
    return adjusted(whitened(fit), fit.estimate.beta, note)


def adjusted(there: Whitened, beta: Floats, note: str = "") -> KenwardRoger:
    """The same from a REML fit in orthogonal columns, and its coefficients (p,) in those of the model.

    Of the response it depends on the estimates alone. The covariance grows: Q_rs - P_r Phi P_s are inner products and
    W is positive, so that no |t| is larger than that of the covariance of the model.
    """
    fit, back, _ = there
    directions = _directions(fit)
    here = _pieces(fit, fit.factors, directions)
    t, Q = _second(fit, directions, here)
    P, Q, t = _with_residual(fit, directions, here, t, Q)
    Phi, sigma2 = fit.estimate.unscaled_vcov, fit.estimate.sigma**2
    PhiP = Phi @ P
    information = t / 2 - np.einsum("ij,rsji->rs", Phi, Q) + np.einsum("rij,sji->rs", PhiP, PhiP) / 2
    W = pseudo_inverse(information)
    middle = np.einsum("rs,rsij->ij", W, Q) - np.einsum("rs,rij,sjk->ik", W, P, PhiP)
    vcov = sigma2 * back @ (Phi + 2.0 * Phi @ middle @ Phi) @ back.T
    return KenwardRoger("Kenward-Roger", beta, (vcov + vcov.T) / 2.0, note, back=back, Phi=Phi, P=P, W=W)


def _directions(fit: Fit) -> list[_Direction]:
    """Rank-one matrices that span the covariance matrices of each term, and Psi in them.

    Psi = sum of (Psi_ii - sum over j of Psi_ij) e_i e_i' + sum over i < j of Psi_ij (e_i + e_j)(e_i + e_j)', in
    coordinates where each column has the length of a random intercept's.
    """
    made = []
    for t, (factor, part) in enumerate(zip(fit.factors, fit.rows.random, strict=True)):
        k = len(factor)
        unit = np.array([1.0 / np.sqrt(z.dot(z) / len(z)) for z in part.Z])
        psi = factor @ factor.T / np.outer(unit, unit)
        full = part.structure == "us"
        basis = np.eye(k) * unit
        for i in range(k):
            others = psi[i].sum() - psi[i, i] if full else 0.0
            made.append(_Direction(t, basis[i], psi[i, i] - others))
        made += [_Direction(t, basis[i] + basis[j], psi[i, j]) for i in range(k) for j in range(i) if full]
    return made


def _pieces(fit: Fit, factors: tuple[Floats, ...], directions: list[_Direction]) -> _Pieces:
    theta = [
        triangle_of(factor) if part.structure == "us" else np.diag(factor)
        for factor, part in zip(factors, fit.rows.random, strict=True)
    ]
    parts = fit.sums.core.contractions(np.concatenate(theta))
    T = np.array([d.v @ parts[d.term][0] @ d.v for d in directions])
    M = np.array([contracted(parts[d.term][1], np.outer(d.v, d.v)) for d in directions])
    return _Pieces(T, M)


def _second(fit: Fit, directions: list[_Direction], here: _Pieces) -> tuple[Floats, Floats]:
    """t_rs (r, r) and the symmetric part of Q_rs (r, r, p, p), by differences along each direction."""
    t, Q = [], []
    for d, mean in zip(directions, here.T, strict=True):
        h = STEP * fit.rows.random[d.term].n_levels / mean
        dT, dM = FORWARD[0] * here.T, FORWARD[0] * here.M
        for i, weight in enumerate(FORWARD[1:], 1):
            factors = list(fit.factors)
            factors[d.term] = _updated(factors[d.term], np.sqrt(i * h) * d.v, fit.rows.random[d.term].structure)
            there = _pieces(fit, tuple(factors), directions)
            dT = dT + weight * there.T
            dM = dM + weight * there.M
        t.append(-dT / h)
        Q.append(-dM / (2.0 * h))
    tt, QQ = np.array(t), np.array(Q)
    return (tt + tt.T) / 2.0, (QQ + QQ.transpose(1, 0, 2, 3)) / 2.0


def _with_residual(
    fit: Fit, directions: list[_Direction], here: _Pieces, t: Floats, Q: Floats
) -> tuple[Floats, Floats, Floats]:
    """P (1 + r, p, p), Q (1 + r, 1 + r, p, p), t (1 + r, 1 + r) with the residual variance first."""
    psi = np.array([d.psi for d in directions])
    n, r = fit.estimate.n, len(directions)
    p = here.M.shape[1]
    all_t, all_Q = np.zeros((1 + r, 1 + r)), np.zeros((1 + r, 1 + r, p, p))
    all_t[1:, 1:], all_Q[1:, 1:] = t, Q
    all_t[0, 1:] = all_t[1:, 0] = here.T - t @ psi
    all_t[0, 0] = n - psi @ here.T - psi @ all_t[0, 1:]
    all_Q[0, 1:] = all_Q[1:, 0] = here.M - np.einsum("r,rsij->sij", psi, Q)
    M0 = np.linalg.inv(fit.estimate.unscaled_vcov) - np.einsum("r,rij->ij", psi, here.M)
    all_Q[0, 0] = M0 - np.einsum("r,rij->ij", psi, all_Q[0, 1:])
    return -np.concatenate([M0[None], here.M]), all_Q, all_t


def _updated(factor: Floats, v: Floats, structure: str) -> Floats:
    """The factor of Lambda Lambda' + vv'; a diagonal one stays so, v having one entry."""
    if structure != "us":
        return np.sqrt(factor**2 + np.diag(v**2))
    return lower(np.column_stack([factor, v]))
