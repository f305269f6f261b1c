"""Satterthwaite's degrees of freedom.

For a combination l of the fixed effects, with f(phi) = l' Var(beta_hat) l a function of the variance parameters phi,

    df = 2 f^2 / (g' A g),   g = df/dphi,   A = Var(phi_hat) = 2 (d^2 deviance / dphi dphi')^-1

(Giesbrecht & Burns 1985, Biometrics 41, 477-486; Fai & Cornelius 1996, J. Statist. Comput. Simul. 54, 363-378, for
several combinations). phi = (theta, sigma). With V_m = dV/dtheta_m and H = Z'V^-1X, Var(beta_hat) = sigma^2 Q^-1 has

    d(Q^-1)/dtheta_m = Q^-1 [ sum over levels of H_l' (dPsi/dtheta_m) H_l ] Q^-1

exactly; second derivatives of the deviance are exact where the core's engine has them, with one grouping factor whose
levels have few different designs, else central differences of its exact gradient. The core computes both, of one
response or of many; what follows from them is computed for many at once.
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
        return satterthwaite_df(L @ self.whitened.back, self.whitened.fit.estimate.vcov, self.jacobian, self.phi_vcov)

    def joint(self, L: Floats) -> tuple[float, float]:
        """From the combinations that are uncorrelated (Fai & Cornelius 1996, section 2)."""
        _, rotation = np.linalg.eigh(L @ self.vcov @ L.T)
        return float(joint_df(self.df(rotation.T @ L))), 1.0


def satterthwaite_df(L: Floats, vcov: Floats, jacobian: Floats, phi_vcov: Floats) -> Floats:
    """(..., k) of combinations (..., k, p), from Var(beta) (..., p, p), its slopes (..., 1 + m, p, p), Var(phi)."""
    variances = np.sum(L @ vcov * L, axis=-1)
    slopes = np.sum(L[..., None, :, :] @ jacobian * L[..., None, :, :], axis=-1).swapaxes(-1, -2)  # (..., k, 1 + m)
    spread = np.sum(slopes @ phi_vcov * slopes, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        df: Floats = 2.0 * variances**2 / spread
    return df


def joint_df(df: Floats) -> Floats:
    """(...) denominators of F tests, from the degrees of freedom (..., q) of uncorrelated combinations."""
    q = df.shape[-1]
    equal = np.ptp(df, axis=-1) <= SAME * df.max(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.sum(df / (df - 2.0), axis=-1)  # of the sum of q squared t variables
        several = np.where((df <= 2.0).any(axis=-1), 2.0, 2.0 * expected / (expected - q))
    made: Floats = np.where(equal, df.mean(axis=-1), several)
    return made


def satterthwaite(fit: Fit, there: Whitened | None = None) -> Satterthwaite:
    """The sampling distribution of the fixed effects of a mixed model, by Satterthwaite's method.

    `there` is the same fit in the coordinates of the differences, by default orthogonal columns. At an optimum the
    choice changes rounding errors only; elsewhere the curvature depends on it.
    """
    there = there or whitened(fit)
    e, core = there.fit.estimate, there.fit.sums.core
    deviance, slopes = core.curvatures(there.fit.sums.y[:, None], e.theta[None], e.reml)
    jacobian, phi_vcov = phi_spread(np.array([e.sigma]), e.unscaled_vcov[None], deviance, slopes)
    return Satterthwaite(
        "Satterthwaite", fit.estimate.beta, fit.estimate.vcov,
        whitened=there, jacobian=jacobian[0], phi_vcov=phi_vcov[0],
    )  # fmt: skip


def phi_spread(sigma: Floats, unscaled_vcov: Floats, deviance: Floats, slopes: Floats) -> tuple[Floats, Floats]:
    """Slopes (r, 1 + m, p, p) of Var(beta), and Var(phi) (r, 1 + m, 1 + m), from what the core gives of r fits."""
    s = sigma[:, None, None, None]
    jacobian = np.concatenate([2.0 * s * unscaled_vcov[:, None], s**2 * slopes], axis=1)
    return jacobian, 2.0 * pseudo_inverse(deviance)


def contracted(HH: Floats, D: Floats) -> Floats:
    """(p, p) the sum over levels of H_l' D H_l, from that of vec(H_l) vec(H_l)'."""
    k = len(D)
    p = len(HH) // k
    sums: Floats = np.einsum("aibj,ij->ab", HH.reshape(p, k, p, k), D)
    return sums


def difference_steps(sums: Sums, theta: Floats, reml: bool) -> list[float]:
    """(m,) how far to go along each entry of theta to see what changes with it: a share of its standard error."""
    curvature = np.diag(sums.core.solve(theta, reml).hessian).tolist()
    largest = max(float(np.abs(theta).max(initial=0.0)), 1.0)
    return [STEP * (sqrt(2.0 / c) if c > 0 else largest) for c in curvature]
