"""Covariances of random effects as Kenward and Roger's method takes them: directions in which they can go.

A free covariance is a sum of rank-one matrices; a structured one moves along the slopes by its parameters, which raise
and lower it, and inside a free one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..data.sums import Floats, Sums, curve_of, slopes_of
from ..formula import ONE_VARIANCE, RandomMatrices
from ..models.estimate import Fit
from .whitened import lower

ROUNDING = 1e-12  # share of the largest eigenvalue


class Direction(NamedTuple):
    """Where the covariance matrix of a term can go: G = rising rising' - falling falling'."""

    term: int
    rising: Floats  # (k, .)
    falling: Floats  # (k, .)
    psi: float  # Psi is the sum over the directions of a term of psi G

    @property
    def G(self) -> Floats:
        made: Floats = self.rising @ self.rising.T - self.falling @ self.falling.T
        return made


class Opened(NamedTuple):
    """A fit whose terms are diagonal or free, beside residuals, and the directions in which they can go.

    `factors` are those of the covariances in units of `unit` sigma^2, which is one unless the fit has no residuals.
    """

    fit: Fit
    sums: Sums
    factors: tuple[Floats, ...]
    directions: list[Direction]
    unit: float


def opened_of(fit: Fit) -> Opened:
    """Structured terms freed, and where there are no residuals a part of the covariance in their place (whole.cpp)."""
    random, factors, directions, unit = [], [], [], _unit(fit)
    for t, (part, factor, theta) in enumerate(zip(fit.rows.random, fit.factors, fit.thetas, strict=True)):
        structured = part.structure not in ("us", "diag")
        psi = factor @ factor.T / unit
        if structured:
            directions += _structured(t, part, _scaled(part, theta, unit))
        else:
            directions += _free(t, part, psi)
        carries = t == fit.sums.carrier
        if carries or structured:
            part = replace(part, bar=replace(part.bar, structure="us"))
            factor = _root(psi - np.eye(len(psi)) if carries else psi)
        else:
            factor = factor / np.sqrt(unit)
        random.append(part)
        factors.append(factor)
    changed = any(new is not old for new, old in zip(random, fit.rows.random, strict=True))
    sums = Sums(fit.sums.y, fit.sums.X, fit.sums.weights, tuple(random)) if changed else fit.sums
    return Opened(fit, sums, tuple(factors), directions, unit)


def _unit(fit: Fit) -> float:
    """Of variances: sigma^2, or without residuals half the smallest eigenvalue of what takes their place."""
    if fit.estimate.residual:
        return 1.0
    carrier = fit.factors[fit.sums.carrier]
    return float(np.linalg.svd(carrier, compute_uv=False)[-1]) ** 2 / 2.0


def _scaled(part: RandomMatrices, theta: Floats, unit: float) -> Floats:
    """Theta of a structured term in units of `unit`; an only standard deviation as its square, the variance."""
    theta = theta.copy()
    if part.structure in ONE_VARIANCE:
        theta[0] = theta[0] ** 2 / unit
    else:
        theta[: len(part.names)] /= np.sqrt(unit)
    return theta


def _free(t: int, part: RandomMatrices, psi: Floats) -> list[Direction]:
    """Rank-one matrices that span the covariance matrices of a term, and Psi in them.

    Psi = sum of (Psi_ii - sum over j of Psi_ij) e_i e_i' + sum over i < j of Psi_ij (e_i + e_j)(e_i + e_j)', in
    coordinates where each column has the length of a random intercept's.
    """
    k = len(psi)
    unit = np.array([1.0 / np.sqrt(z.dot(z) / len(z)) for z in part.Z])
    psi = psi / np.outer(unit, unit)
    full = part.structure == "us"
    basis = np.eye(k) * unit
    nothing = np.empty((k, 0))
    own = [psi[i, i] - (psi[i].sum() - psi[i, i] if full else 0.0) for i in range(k)]
    made = [Direction(t, basis[i][:, None], nothing, own[i]) for i in range(k)]
    pairs = [(i, j) for i in range(k) for j in range(i) if full]
    return made + [Direction(t, (basis[i] + basis[j])[:, None], nothing, psi[i, j]) for i, j in pairs]


def _structured(t: int, part: RandomMatrices, theta: Floats) -> list[Direction]:
    """Slopes by standard deviations, or the one variance, and correlations: Psi has the degree 2 in the former, 1."""
    k, one = len(part.names), part.structure in ONE_VARIANCE
    at = np.array([1.0, *theta[1:]]) if one else theta
    slopes = slopes_of(part, at)
    weights = np.zeros(len(theta))
    if one:  # Psi = variance R
        slopes[0] /= 2.0
        slopes[1:] *= theta[0]
        weights[0] = theta[0]
    else:
        weights[:k] = theta[:k] / 2.0
    return [Direction(t, *_parts(G), psi) for G, psi in zip(slopes, weights.tolist(), strict=True)]


def _parts(G: Floats) -> tuple[Floats, Floats]:
    """Roots (k, .) of the positive and the negative part of a symmetric matrix."""
    values, vectors = np.linalg.eigh(G)
    least = ROUNDING * float(np.abs(values).max(initial=0.0))
    roots = vectors * np.sqrt(np.abs(values))
    return roots[:, values > least], roots[:, values < -least]


def curves(opened: Opened, W: Floats) -> list[Direction]:
    """Per structured term the sum of W_rs d2Psi / dgamma_r dgamma_s, W (r, r) without the residual variance."""
    made, first = [], 0
    for t, (part, own) in enumerate(zip(opened.fit.rows.random, opened.fit.thetas, strict=True)):
        here = slice(first, first := first + sum(d.term == t for d in opened.directions))
        if part.structure in ("us", "diag"):
            continue
        theta, weights = _scaled(part, own, opened.unit), W[here, here].copy()
        if part.structure in ONE_VARIANCE:  # by the variance, where the core has the standard deviation, 1 here
            weights[0, 0] = 0.0
            weights[0] /= 2.0
            weights[:, 0] /= 2.0
            weights[1:, 1:] *= theta[0]
            theta[0] = 1.0
        made.append(Direction(t, *_parts(curve_of(part, theta, weights)), 0.0))
    return made


def _root(psi: Floats) -> Floats:
    """A lower triangular factor of a covariance matrix, which may be singular."""
    return lower(_parts(psi)[0]) if psi.any() else psi
