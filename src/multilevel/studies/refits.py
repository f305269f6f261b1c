"""Refits of one model to many responses: what tests of its fixed effects need, and nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats
from ..inference.sampling import Sampling
from ..inference.wald import f_p_values
from ..models.estimate import Fit
from .asked import Asked

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Refits:
    """Of r responses: coefficients (r, p) and their covariances (r, p, p), NaN where a response has no fit.

    `singular`, `uncertain` (r,): a variance is zero or a correlation one; the optimum has no certificate.
    """

    beta: Floats
    vcov: Floats
    singular: Flags
    uncertain: Flags


class Refitted(ABC):
    """A model that is fitted to block after block of responses, on so many threads (0: as the environment allows)."""

    fit: Fit
    sampling: Sampling  # at a first fit: which method, and the degrees of freedom where they are the same for all
    shrinks = False  # whether the method can have smaller standard errors than the model

    @abstractmethod
    def to(self, Y: Floats) -> Refits:
        """Refits to responses Y (r, n)."""

    @abstractmethod
    def deviances(self, Y: Floats, X: tuple[Floats, ...] | None = None) -> Floats:
        """(r,) -2 log-likelihoods of fits by maximum likelihood, with other columns of X if they are given."""

    def reference(self, refits: Refits, asked: Asked, where: NDArray[np.int64], F: Floats) -> tuple[Floats, Floats]:
        """F statistics (k,) of some refits as their method has them, and the denominators (k,) to judge them by."""
        df2, scale = self.sampling.joint(asked.L)
        return scale * F, np.full(len(F), df2)


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Of r responses: `found` (r,), the test is significant; `known`, it could be computed; `gap`, (r,) estimates less
    the right side, NaN for several at once.
    """

    found: Flags
    known: Flags
    gap: Floats


def wald(model: Refitted, refits: Refits, asked: Asked, alpha: float) -> Verdicts:
    """Wald's test in each refit.

    The tails of t are heavier than the normal ones, whatever its degrees of freedom: where a single estimate is not
    significant by a normal reference it is not by any other, and no degrees of freedom are asked for, unless the
    standard error could be smaller.
    """
    L, q = asked.L, len(asked.L)
    gaps = refits.beta @ L.T - asked.rhs
    M = L @ refits.vcov @ L.T
    F = np.full(len(gaps), np.nan)
    good = np.isfinite(M).all(axis=(1, 2)) & (np.einsum("rii->ri", M) > 0).all(axis=1)
    F[good] = np.einsum("ri,ri->r", gaps[good], np.linalg.solve(M[good], gaps[good][..., None])[..., 0]) / q
    p = f_p_values(F, q, np.full(len(F), np.inf))
    where = np.flatnonzero(p < alpha if q == 1 and not model.shrinks else good)
    if len(where):
        statistic, df2 = model.reference(refits, asked, where, F[where])
        p[where] = f_p_values(statistic, q, df2)
    return Verdicts(p < alpha, np.isfinite(p), gaps[:, 0] if q == 1 else np.full(len(F), np.nan))


def likelihood_ratio(model: Refitted, refits: Refits, asked: Asked, Y: Floats, full: Floats, alpha: float) -> Verdicts:
    """The likelihood ratio test in each refit, `full` being the deviances (r,) of the model as it is."""
    from scipy.special import gammaincc

    less = model.deviances(Y, asked.without)
    q = len(asked.L)
    with np.errstate(invalid="ignore"):
        p = gammaincc(q / 2, np.maximum(less - full, 0.0) / 2)
    gap = refits.beta @ asked.L[0] - asked.rhs[0] if q == 1 else np.full(len(Y), np.nan)
    return Verdicts(p < alpha, np.isfinite(p), gap)
