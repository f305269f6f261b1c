"""Refits of linear (mixed) models by REML, in the core and in parallel, in orthogonal columns, where differences keep
their digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats, Sums
from ..inference.kenward_roger import KenwardRoger, adjusted
from ..inference.methods import sampling_of
from ..inference.satterthwaite import Satterthwaite, joint_df, phi_spread, satterthwaite_df
from ..inference.whitened import Whitened, whitened
from ..models.estimate import SINGULAR, Fit
from .asked import Asked
from .refits import Refits, Refitted


@dataclass(frozen=True, eq=False)
class LinearRefits(Refits):
    """With what degrees of freedom follow from: responses (n, r), theta (r, m), sigma (r,), (X'V^-1X)^-1 (r, p, p)."""

    Y: Floats
    theta: Floats
    sigma: Floats
    unscaled: Floats


class Linear(Refitted):
    """A model fitted by `lmer` or `lm`."""

    def __init__(self, fit: Fit, df: str | None, threads: int) -> None:
        self.fit, self.threads = fit, threads
        self.sampling = sampling_of(fit, df)
        linear = all(part.structure in ("us", "diag") for part in fit.rows.random)
        self.shrinks = isinstance(self.sampling, KenwardRoger) and not linear
        plain = Whitened(fit, np.eye(len(fit.kept)), ())
        self.there = whitened(fit) if fit.design.random else plain

    def to(self, Y: Floats) -> LinearRefits:
        """Refits to responses Y (r, n)."""
        offset, back = self.fit.rows.offset, self.there.back
        columns = (Y if offset is None else Y - offset).T
        r = self.there.fit.sums.core.refit(columns, True, None, self.threads)
        sigma, unscaled = r["sigma"], r["unscaled_vcov"]
        return LinearRefits(
            beta=r["beta"] @ back.T,
            vcov=sigma[:, None, None] ** 2 * (back @ unscaled @ back.T),
            singular=np.any(r["smallest"] < SINGULAR, axis=1),
            uncertain=r["converged"] == 0,
            Y=columns,
            theta=r["theta"],
            sigma=sigma,
            unscaled=unscaled,
        )

    def deviances(self, Y: Floats, X: tuple[Floats, ...] | None = None) -> Floats:
        """(r,) -2 log-likelihoods of fits by maximum likelihood, with other columns of X if they are given."""
        sums, offset = self.fit.sums, self.fit.rows.offset
        core = sums.core if X is None else Sums(sums.y, X, sums.weights, sums.random, sums.sigma).core
        return core.refit((Y if offset is None else Y - offset).T, False, None, self.threads)["criterion"]

    def reference(self, refits: Refits, asked: Asked, where: NDArray[np.int64], F: Floats) -> tuple[Floats, Floats]:
        """By Satterthwaite's or Kenward and Roger's method for each refit; by the design for others."""
        assert isinstance(refits, LinearRefits)
        if isinstance(self.sampling, Satterthwaite):
            return F, self._satterthwaite(refits, asked, where)
        if isinstance(self.sampling, KenwardRoger):
            tests = [self._kenward_roger(refits, i).f_test(asked.L, asked.rhs) for i in where]
            return np.array([test.statistic for test in tests]), np.array([test.df2 for test in tests])
        return super().reference(refits, asked, where, F)

    def _satterthwaite(self, refits: LinearRefits, asked: Asked, where: NDArray[np.int64]) -> Floats:
        """(k,) denominators of some refits."""
        core, sigma, unscaled = self.there.fit.sums.core, refits.sigma[where], refits.unscaled[where]
        deviance, slopes = core.curvatures(refits.Y[:, where], refits.theta[where], True, self.threads)
        spread = phi_spread(sigma, unscaled, deviance, slopes)
        vcov, L = sigma[:, None, None] ** 2 * unscaled, asked.L @ self.there.back
        _, rotations = np.linalg.eigh(L @ vcov @ L.T)
        return joint_df(satterthwaite_df(rotations.swapaxes(1, 2) @ L, vcov, *spread))

    def _kenward_roger(self, refits: LinearRefits, i: int) -> KenwardRoger:
        estimate = replace(
            self.there.fit.estimate, theta=refits.theta[i], sigma=float(refits.sigma[i]),
            unscaled_vcov=refits.unscaled[i],
        )  # fmt: skip
        there = self.there._replace(fit=replace(self.there.fit, estimate=estimate))
        return adjusted(there, refits.beta[i])
