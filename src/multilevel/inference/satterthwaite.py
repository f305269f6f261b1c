"""Satterthwaite's degrees of freedom.

For a combination l of the fixed effects, with f(phi) = l' Var(beta_hat) l a function of the variance parameters phi,

    df = 2 f^2 / (g' A g),   g = df/dphi,   A = Var(phi_hat) = 2 (d^2 deviance / dphi dphi')^-1

(Giesbrecht & Burns 1985, Biometrics 41, 477-486; Fai & Cornelius 1996, J. Statist. Comput. Simul. 54, 363-378, for
several combinations). phi = (theta, sigma). With V_m = dV/dtheta_m and H = Z'V^-1X, Var(beta_hat) = sigma^2 Q^-1 has

    d(Q^-1)/dtheta_m = Q^-1 [ sum over levels of H_l' (dPsi/dtheta_m) H_l ] Q^-1

exactly; second derivatives of the deviance are central differences of its exact gradient.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from ..data.sums import Floats, Sums
from ..models.estimate import Fit
from .sampling import SAME, Sampling, pseudo_inverse
from .whitened import Whitened, whitened

STEP = 0.03  # of a difference, in standard errors of the parameter


@dataclass(frozen=True, eq=False)
class Satterthwaite(Sampling):
    """Degrees of freedom by matching the variance of an estimated variance."""

    whitened: Whitened = field(kw_only=True)  # the coordinates of what follows
    jacobian: Floats = field(kw_only=True)  # (1 + m, p, p), of the covariance, by phi
    phi_vcov: Floats = field(kw_only=True)  # (1 + m, 1 + m)

    def df(self, L: Floats) -> Floats:
        """(k,) one number for each combination."""
        L = L @ self.whitened.back
        variances = np.sum(L @ self.whitened.fit.estimate.vcov * L, axis=1)
        slopes = np.sum(L @ self.jacobian * L, axis=2).T
        spread = np.einsum("im,mn,in->i", slopes, self.phi_vcov, slopes)
        with np.errstate(divide="ignore", invalid="ignore"):
            df: Floats = 2.0 * variances**2 / spread
        return df

    def joint(self, L: Floats) -> tuple[float, float]:
        """From the combinations that are uncorrelated (Fai & Cornelius 1996, section 2)."""
        _, rotation = np.linalg.eigh(L @ self.vcov @ L.T)
        df, q = self.df(rotation.T @ L), len(L)
        if np.ptp(df) <= SAME * df.max():
            return float(df.mean()), 1.0
        if (df <= 2.0).any():
            return 2.0, 1.0
        expected = float(np.sum(df / (df - 2.0)))  # of the sum of q squared t variables
        return 2.0 * expected / (expected - q), 1.0


def satterthwaite(fit: Fit, there: Whitened | None = None) -> Satterthwaite:
    """The sampling distribution of the fixed effects of a mixed model, by Satterthwaite's method.

    `there` is the same fit in the coordinates of the differences, by default orthogonal columns. At an optimum the
    choice changes rounding errors only; elsewhere the curvature depends on it.
    """
    there = there or whitened(fit)
    sigma, U = there.fit.estimate.sigma, there.fit.estimate.unscaled_vcov
    return Satterthwaite(
        "Satterthwaite",
        fit.estimate.beta,
        fit.estimate.vcov,
        whitened=there,
        jacobian=np.concatenate([2.0 * sigma * U[None], sigma**2 * _vcov_slopes(there.fit)]),
        phi_vcov=2.0 * pseudo_inverse(_hessian(there.fit)),
    )


def psi_slopes(fit: Fit) -> list[tuple[int, Floats]]:
    """Per entry of theta: its term, and dPsi/dtheta_m (k, k) = E Lambda' + Lambda E'."""
    made = []
    for t, (factor, part) in enumerate(zip(fit.factors, fit.design.random, strict=True)):
        k = len(factor)
        for j in range(k):
            for i in range(j, k if part.structure == "us" else j + 1):
                slope = np.zeros((k, k))
                slope[i] += factor[:, j]
                slope[:, i] += factor[:, j]
                made.append((t, slope))
    return made


def _vcov_slopes(fit: Fit) -> Floats:
    """(m, p, p) d(Q^-1)/dtheta."""
    U = fit.estimate.unscaled_vcov
    products = [HH for _, HH in fit.sums.core.contractions(fit.estimate.theta)]
    slopes = psi_slopes(fit)
    made = [U @ contracted(products[t], slope) @ U for t, slope in slopes]
    return np.array(made).reshape(len(slopes), *U.shape)


def contracted(HH: Floats, D: Floats) -> Floats:
    """(p, p) the sum over levels of H_l' D H_l, from that of vec(H_l) vec(H_l)'."""
    k = len(D)
    p = len(HH) // k
    sums: Floats = np.einsum("aibj,ij->ab", HH.reshape(p, k, p, k), D)
    return sums


def _hessian(fit: Fit) -> Floats:
    """(1 + m, 1 + m) of the deviance in (sigma, theta), not profiled.

    The profiled criterion d(theta) has r2(theta) = nu sigma^2 at its sigma, so that the deviance has the derivatives
    4 nu / sigma^2 in sigma, -2 (dr2/dtheta) / sigma^3 across, and d'' + c c' / (4 nu / sigma^2) in theta.
    """
    estimate = fit.estimate
    m, sigma = len(estimate.theta), estimate.sigma
    nu = estimate.r2 / sigma**2
    gradients, r2 = _differences(fit.sums, estimate.theta, estimate.reml)
    H = np.zeros((1 + m, 1 + m))
    H[0, 0] = 4.0 * nu / sigma**2
    H[0, 1:] = H[1:, 0] = -2.0 * r2 / sigma**3
    H[1:, 1:] = (gradients + gradients.T) / 2.0 + np.outer(H[0, 1:], H[0, 1:]) / H[0, 0]
    return H


def difference_steps(sums: Sums, theta: Floats, reml: bool) -> list[float]:
    """(m,) how far to go along each entry of theta to see what changes with it: a share of its standard error."""
    curvature = np.diag(sums.core.solve(theta, reml).hessian).tolist()
    largest = max(float(np.abs(theta).max(initial=0.0)), 1.0)
    return [STEP * (sqrt(2.0 / c) if c > 0 else largest) for c in curvature]


def _differences(sums: Sums, theta: Floats, reml: bool) -> tuple[Floats, Floats]:
    """(m, m) derivatives of the gradient and (m,) of r2: central differences of fourth order."""
    m = len(theta)
    slopes, r2 = np.zeros((m, m)), np.zeros(m)
    for j, h in enumerate(difference_steps(sums, theta, reml)):
        for weight, step in ((8.0, h), (-8.0, -h), (-1.0, 2.0 * h), (1.0, -2.0 * h)):
            at = theta.copy()
            at[j] += step
            solution = sums.core.solve(at, reml)
            slopes[j] += weight / (12.0 * h) * solution.gradient
            r2[j] += weight / (12.0 * h) * solution.r2
    return slopes, r2
