"""Kenward and Roger's adjusted covariance and degrees of freedom (1997, Biometrics 53, 983-997).

Var(y) = V(gamma) has slopes G_r = dV/dgamma_r, all in units of sigma^2. With free covariances V is the sum of
gamma_r G_r: G_0 = W^-1, and G_r = Z (I x vv') Z' for enough vectors v of each term to span its covariance matrices.
Where sigma is known, W^-1 is a part of V that has no gamma, and there is no G_0.
With H = Z'V^-1X and Phi = Q^-1 = (X'V^-1X)^-1:

    P_r = -X'V^-1 G_r V^-1 X              Q_rs = X'V^-1 G_r V^-1 G_s V^-1 X           t_rs = tr(V^-1 G_r V^-1 G_s)
    information I_rs = t_rs / 2 - tr(Phi Q_rs) + tr(Phi P_r Phi P_s) / 2              (appendix: expected, REML)
    Phi_A = Phi + 2 Phi [ sum W_rs (Q_rs - P_r Phi P_s) - R / 4 ] Phi,   W = I^-1     (equation 5)

R = 0 where V is linear in gamma. For structured covariances let K = sum of W_rs d2V/dgamma_r dgamma_s. The paper's R is
X'V^-1 K V^-1 X, which depends on how the covariance is parametrised, as do estimates whose bias it leaves out. With
that bias, -W i_K / 2 to first order (Cox & Snell 1968, J. R. Statist. Soc. B 30, 248-275; i_K the information of the
direction K with each G_r; the improvement of Kenward & Roger 2009, Comput. Statist. Data Anal. 53, 2583-2595), it is

    R = X'V^-1 (K - sum of c_r G_r) V^-1 X,   c = W i_K

what is left of K beside the covariances themselves: nothing for toep and cs with one variance, which are linear in
some parameters, and the same whatever the parameters.

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
from ..models.estimate import Fit, estimate_of
from .opened import Direction, Opened, curves, opened_of
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
    """First derivatives along the directions, at one Psi: T (r,) = tr(V^-1 G_r) and M (r, p, p) = -P_r.

    `own` are those by Psi: per term (k, k) the sum over levels of Z_l'V^-1 Z_l.
    """

    T: Floats
    M: Floats
    own: tuple[Floats, ...] = ()


def kenward_roger(fit: Fit) -> KenwardRoger:
    """The sampling distribution of the fixed effects by Kenward and Roger's method, at the REML estimates."""
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

    Of the response it depends on the estimates alone. For covariances that are linear in their parameters it grows:
    Q_rs - P_r Phi P_s are inner products and W is positive, so that no |t| is larger than that of the covariance of
    the model.
    """
    fit, back, _ = there
    opened = opened_of(fit)
    Phi, sigma2 = fit.estimate.unscaled_vcov / opened.unit, fit.estimate.sigma**2 * opened.unit
    here = _pieces(opened, opened.factors, opened.directions)
    t, Q = _second(opened, opened.directions, here)
    P, Q, t = _with_residual(opened, Phi, here, (t + t.T) / 2.0, (Q + Q.transpose(1, 0, 2, 3)) / 2.0)
    PhiP = Phi @ P
    information = t / 2 - np.einsum("ij,rsji->rs", Phi, Q) + np.einsum("rij,sji->rs", PhiP, PhiP) / 2
    W = pseudo_inverse(information)
    middle = np.einsum("rs,rsij->ij", W, Q) - np.einsum("rs,rij,sjk->ik", W, P, PhiP)
    middle -= _curved(opened, Phi, here, P, W) / 4.0
    vcov = sigma2 * back @ (Phi + 2.0 * Phi @ middle @ Phi) @ back.T
    return KenwardRoger("Kenward-Roger", beta, (vcov + vcov.T) / 2.0, note, back=back, Phi=Phi, P=P, W=W)


def _curved(opened: Opened, Phi: Floats, here: _Pieces, P: Floats, W: Floats) -> Floats:
    """(p, p) the matrix R."""
    first = 1 if _free_residual(opened) else 0
    along = curves(opened, W[first:, first:])
    if not along:
        return np.zeros_like(Phi)
    t_K, Q_K = (each.sum(0) for each in _second(opened, along, here))
    found = _pieces(opened, opened.factors, along)
    T_K, M_K = found.T.sum(0), found.M.sum(0)
    if _free_residual(opened):
        psi = np.array([d.psi for d in opened.directions])
        t_K = np.concatenate([[T_K - psi @ t_K], t_K])
        Q_K = np.concatenate([[M_K - np.einsum("r,rij->ij", psi, Q_K)], Q_K])
    i_K = t_K / 2 - np.einsum("ij,rji->r", Phi, Q_K) - np.einsum("ij,rji->r", Phi @ M_K, Phi @ P) / 2
    bent: Floats = M_K + np.einsum("r,rij->ij", W @ i_K, P)
    return bent


def _pieces(opened: Opened, factors: tuple[Floats, ...], directions: list[Direction]) -> _Pieces:
    theta = [
        triangle_of(factor) if part.structure == "us" else np.diag(factor)
        for factor, part in zip(factors, opened.sums.random, strict=True)
    ]
    parts = opened.sums.core.contractions(np.concatenate(theta))
    T = np.array([np.sum(parts[d.term][0] * d.G) for d in directions])
    M = np.array([contracted(parts[d.term][1], d.G) for d in directions])
    return _Pieces(T, M, tuple([own for own, _ in parts]))


def _second(opened: Opened, along: list[Direction], here: _Pieces) -> tuple[Floats, Floats]:
    """t_rs (a, r) and the symmetric part of Q_rs (a, r, p, p), r along `along`, by differences."""
    t, Q = [], []
    for d in along:
        sides = [(1.0, d.rising), (-1.0, d.falling)]
        slopes = [(sign, _slope(opened, d.term, root, here)) for sign, root in sides if root.size]
        t.append(-sum((sign * slope.T for sign, slope in slopes), np.zeros_like(here.T)))
        Q.append(-sum((sign * slope.M for sign, slope in slopes), np.zeros_like(here.M)) / 2.0)
    return np.array(t), np.array(Q)


def _slope(opened: Opened, term: int, root: Floats, here: _Pieces) -> _Pieces:
    """Derivatives of the pieces along root root' of one term."""
    part = opened.sums.random[term]
    h = STEP * part.n_levels / float(np.sum(here.own[term] * (root @ root.T)))
    dT, dM = FORWARD[0] * here.T, FORWARD[0] * here.M
    for i, weight in enumerate(FORWARD[1:], 1):
        factors = list(opened.factors)
        factors[term] = _updated(factors[term], np.sqrt(i * h) * root, part.structure)
        there = _pieces(opened, tuple(factors), opened.directions)
        dT = dT + weight * there.T
        dM = dM + weight * there.M
    return _Pieces(dT / h, dM / h)


def _with_residual(opened: Opened, Phi: Floats, here: _Pieces, t: Floats, Q: Floats) -> tuple[Floats, Floats, Floats]:
    """P (1 + r, p, p), Q (1 + r, 1 + r, p, p), t (1 + r, 1 + r) with the residual variance first if it is estimated."""
    if not _free_residual(opened):
        return -here.M, Q, t
    psi = np.array([d.psi for d in opened.directions])
    n, r = opened.fit.estimate.n, len(opened.directions)
    p = here.M.shape[1]
    all_t, all_Q = np.zeros((1 + r, 1 + r)), np.zeros((1 + r, 1 + r, p, p))
    all_t[1:, 1:], all_Q[1:, 1:] = t, Q
    all_t[0, 1:] = all_t[1:, 0] = here.T - t @ psi
    all_t[0, 0] = n - psi @ here.T - psi @ all_t[0, 1:]
    all_Q[0, 1:] = all_Q[1:, 0] = here.M - np.einsum("r,rsij->sij", psi, Q)
    M0 = np.linalg.inv(Phi) - np.einsum("r,rij->ij", psi, here.M)
    all_Q[0, 0] = M0 - np.einsum("r,rij->ij", psi, all_Q[0, 1:])
    return -np.concatenate([M0[None], here.M]), all_Q, all_t


def _free_residual(opened: Opened) -> bool:
    return opened.fit.estimate.residual and not opened.fit.estimate.known


def _updated(factor: Floats, root: Floats, structure: str) -> Floats:
    """The factor of Lambda Lambda' + root root'; a diagonal one stays so, root having one entry."""
    if structure != "us":
        return np.sqrt(factor**2 + root @ root.T)
    return lower(np.column_stack([factor, root]))
