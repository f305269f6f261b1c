"""The sampling distribution of the fixed effects: what every test, interval and marginal mean is read from.

Sampling               estimates, covariance, and the degrees of freedom of linear combinations
├─ FixedDf             one number for all: residual degrees of freedom, or infinitely many
└─ in modules of their own: satterthwaite, kenward_roger, between_within, robust

A combination is a row of L (k, p) on the identified coefficients.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf, nan
from typing import NamedTuple

import numpy as np

from ..data.sums import Floats
from .wald import f_p_value, t_p_values

SAME = 1e-8  # relative difference below which degrees of freedom are equal, and combinations implied by others
FLAT = 1e-7  # share of the largest eigenvalue below which a parameter is not identified


class FTestResult(NamedTuple):
    """A test of several combinations at once; `df2` is infinite for a chi-square test divided by `df1`.

    `statistic` is `scale` times Wald's, by Kenward and Roger's method.
    """

    statistic: float
    df1: int
    df2: float
    p_value: float
    scale: float = 1.0


class Estimates(NamedTuple):
    """Of each combination (k,): value, standard error, degrees of freedom."""

    estimate: Floats
    std_error: Floats
    df: Floats


class TTests(NamedTuple):
    """A t test of each combination (k,)."""

    estimate: Floats
    std_error: Floats
    df: Floats
    statistic: Floats
    p_value: Floats


@dataclass(frozen=True, eq=False)
class Sampling(ABC):
    """Estimates (p,) of identified coefficients and their covariance (p, p), by some method.

    `method` is its name in print, as in "Satterthwaite"; `note` a sentence for the page, or empty.
    """

    method: str
    beta: Floats
    vcov: Floats
    note: str = ""

    @property
    def words(self) -> str:
        """What tests by this method use: "Satterthwaite's method", "residual degrees of freedom"."""
        return f"{self.method}'s method" if self.method[0].isupper() else f"{self.method} degrees of freedom"

    @abstractmethod
    def df(self, L: Floats) -> Floats:
        """(k,) degrees of freedom of each combination (k, p); infinite for a normal reference."""

    @abstractmethod
    def joint(self, L: Floats) -> tuple[float, float]:
        """Denominator degrees of freedom of the F test that all combinations L (k, p), independent, are zero; and the
        factor that scales its statistic.
        """

    def estimates(self, L: Floats) -> Estimates:
        """Values, standard errors and degrees of freedom of combinations (k, p)."""
        variances = np.sum(L @ self.vcov * L, axis=1)
        return Estimates(L @ self.beta, np.sqrt(np.maximum(variances, 0.0)), self.df(L))

    def t_tests(self, L: Floats, rhs: Floats | float = 0.0) -> TTests:
        """Two-sided tests that each combination (k, p) is `rhs`; normal where its degrees of freedom are infinite."""
        estimate, error, df = self.estimates(L)
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = (estimate - rhs) / error
        return TTests(estimate, error, df, statistic, t_p_values(statistic, df))

    def f_test(self, L: Floats, rhs: Floats | float = 0.0) -> FTestResult:
        """Wald F test of L beta = rhs, for the combinations among L (k, p) that are not implied by others."""
        units = np.sqrt(np.diag(self.vcov))
        kept = independent(L * np.where(units > 0, units, 1.0))
        L, gap = L[kept], (L @ self.beta - rhs)[kept]
        q = len(L)
        if q == 0:
            return FTestResult(nan, 0, nan, nan)
        statistic = float(gap @ np.linalg.solve(L @ self.vcov @ L.T, gap)) / q
        df2, scale = self.joint(L)
        return FTestResult(scale * statistic, q, df2, f_p_value(scale * statistic, q, df2), scale)


@dataclass(frozen=True, eq=False)
class FixedDf(Sampling):
    """The same degrees of freedom for everything: residual ones, or infinitely many (z and chi-square tests)."""

    degrees: float = inf

    def df(self, L: Floats) -> Floats:
        """The one number, for each combination."""
        return np.full(len(L), self.degrees)

    def joint(self, L: Floats) -> tuple[float, float]:
        """The one number; the statistic stays as it is."""
        return self.degrees, 1.0


def independent(L: Floats) -> list[int]:
    """Positions of the rows that no rows above imply; columns should be in comparable units."""
    kept: list[int] = []
    basis = np.zeros((0, L.shape[1]))
    for i, row in enumerate(L):
        rest = row - basis.T @ (basis @ row)
        rest -= basis.T @ (basis @ rest)
        length = float(np.linalg.norm(rest))
        if length > SAME * max(float(np.linalg.norm(row)), 1e-300):
            basis = np.vstack([basis, rest / length])
            kept.append(i)
    return kept


def pseudo_inverse(information: Floats) -> Floats:
    """The inverses (..., m, m) on the directions that the data tell something of, in scale-free coordinates.

    A direction of no information, such as the covariance of effects that no group has both of, moves nothing else.
    """
    diagonal = np.einsum("...ii->...i", information)
    scale = np.sqrt(np.maximum(np.abs(diagonal), np.finfo(float).tiny))
    scales = scale[..., :, None] * scale[..., None, :]
    values, vectors = np.linalg.eigh(information / scales)
    useful = values > FLAT * values[..., -1:]
    inverse: Floats = (
        vectors * np.divide(1.0, values, out=np.zeros_like(values), where=useful)[..., None, :]
    ) @ vectors.swapaxes(-1, -2)
    inverse /= scales
    return inverse
