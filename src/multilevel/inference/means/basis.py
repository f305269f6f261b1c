"""Where the numbers of linear functions come from: the sampling distribution of coefficients, and what is estimable."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...data.sums import Floats
from ..sampling import Estimates, FTestResult, Sampling
from .estimability import Estimability
from .tails import f_sf


@dataclass(frozen=True, eq=False)
class Basis:
    """A sampling distribution, and which functions of all columns of X it can answer for.

    `method` names the degrees of freedom in notes, and is empty where there is but one choice; `backend` is the library
    of frames.
    """

    sampling: Sampling
    estimable: Estimability
    method: str
    backend: str

    def estimates(self, L: Floats, constant: Floats) -> Estimates:
        """Values, standard errors and df of L beta + constant; NaN for rows that are not estimable."""
        known = self.estimable.of(L)
        made = Estimates(*(np.full(len(L), np.nan) for _ in range(3)))
        if known.any():
            found = self.sampling.estimates(self._identified(L[known]))
            for full, part in zip(made, found, strict=True):
                full[known] = part
        return made._replace(estimate=made.estimate + constant)

    def correlation(self, L: Floats) -> Floats:
        """Correlations of the estimable rows of L."""
        rows = self._identified(L[self.estimable.of(L)])
        vcov = rows @ self.sampling.vcov @ rows.T
        sd = np.sqrt(np.diag(vcov))
        sd[sd == 0] = 1.0
        made: Floats = vcov / np.outer(sd, sd)
        return made

    def rank(self, L: Floats) -> int:
        """Rank of the estimable rows of L."""
        rows = L[self.estimable.of(L)]
        return int(np.linalg.matrix_rank(rows)) if len(rows) else 0

    def f_test(self, L: Floats, constant: Floats | float = 0.0) -> FTestResult:
        """F, its degrees of freedom and p of L beta + constant = 0, for estimable rows L."""
        made = self.sampling.f_test(self._identified(L), -np.asarray(constant, np.float64))
        if made.df1 == 0 or np.isfinite(made.df2):
            return made
        return made._replace(p_value=float(f_sf(np.array([made.statistic]), made.df1, np.array([made.df2]))[0]))

    def transformed(self, L: Floats, values: Floats, slopes: Floats) -> tuple[Basis, Floats]:
        """A basis whose coefficients are functions of L beta, given their values and slopes (k,), and the identity on
        them; NaN where L is not estimable.
        """
        known = self.estimable.of(L)
        J = np.zeros((len(L), len(self.estimable.kept)))
        J[known] = slopes[known, None] * self._identified(L[known])
        sampling = Transformed.of(self.sampling, np.where(known, values, 0.0), J)
        k = len(L)
        whole = Estimability(np.zeros((k, 0)), np.ones(k), tuple(range(k)))
        return replace(self, sampling=sampling, estimable=whole), np.where(known[:, None], np.eye(k), np.nan)

    def _identified(self, L: Floats) -> Floats:
        return L[:, list(self.estimable.kept)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Transformed(Sampling):
    """Functions g(beta) of other estimates, with slopes J (k, p): the delta method."""

    origin: Sampling
    J: Floats

    @staticmethod
    def of(origin: Sampling, values: Floats, J: Floats) -> Transformed:
        """The sampling distribution of values (k,) with slopes J."""
        return Transformed(origin.method, values, J @ origin.vcov @ J.T, origin.note, origin=origin, J=J)

    def df(self, L: Floats) -> Floats:
        """(k,) those of the linearised functions."""
        return self.origin.df(L @ self.J)

    def joint(self, L: Floats) -> tuple[float, float]:
        """Those of the linearised functions."""
        return self.origin.joint(L @ self.J)
