"""What a fit is: the estimate, frozen, beside the design and the rows it was computed from.

Fit            everything a linear (mixed) model knows after it was fitted
├─ design      what the formula learned from the data
├─ rows        y, X, Z of the complete rows
├─ sums        their cross-products, in the compiled core
└─ Estimate    theta, beta, sigma, ... ; plain numbers
   └─ Certificate    what is known about the optimum
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray

from .._core import Solution
from ..data.sums import Floats, Sums, factor_of
from ..formula import Design, Matrices, RandomMatrices

SINGULAR = 1e-4  # a scale-free singular value of Lambda below this is zero, as in lme4
FLAT = 1e-5  # a scale-free curvature below this is none; the least of any identified model we know is 0.07


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """What is known about the optimum, in coordinates that do not depend on the units of the data.

    `decrement` is what one more Newton step could still gain, in units of the criterion; `lowest_curvature` the
    smallest eigenvalue of the Hessian; `boundary_slope` the smallest slope away from a singular covariance matrix: not
    negative at a minimum, infinite where nothing is singular.
    """

    converged: bool
    decrement: float
    lowest_curvature: float
    boundary_slope: float
    evaluations: int
    engine: str

    @property
    def minimum(self) -> bool:
        """Whether this is a minimum: no slope and no negative curvature is left."""
        return self.converged and self.lowest_curvature > -FLAT and self.boundary_slope > -FLAT


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """The numbers of a fit. m entries of theta, p identified columns of X, terms with l levels and k columns each."""

    theta: Floats  # (m,) lower triangles of Lambda, term by term, column by column; only diagonals for ||
    beta: Floats  # (p,)
    unscaled_vcov: Floats  # (p, p) covariance of beta divided by sigma^2
    sigma: float
    criterion: float  # REML criterion, or -2 log-likelihood
    r2: float  # (penalised) weighted residual sum of squares
    modes: tuple[Floats, ...]  # per term (l, k): conditional modes of the random effects
    smallest: tuple[float, ...]  # per term: smallest singular value of Lambda, scale-free
    n: int  # rows that count
    reml: bool
    certificate: Certificate
    residual: bool = field(default=True, kw_only=True)  # if not, `sigma` is hardly anything, and theta's unit
    known: bool = field(default=False, kw_only=True)  # whether `sigma` was given

    @property
    def n_parameters(self) -> int:
        """Fixed effects, entries of theta, and sigma if it is estimated."""
        return len(self.beta) + len(self.theta) + (self.residual and not self.known)

    @property
    def loglik(self) -> float:
        """Log-likelihood at the estimate; the restricted one for REML."""
        return -self.criterion / 2

    @property
    def aic(self) -> float:
        """Akaike's criterion, `criterion + 2 n_parameters`."""
        return self.criterion + 2 * self.n_parameters

    @property
    def bic(self) -> float:
        """Schwarz's criterion, `criterion + log(n) n_parameters`."""
        return self.criterion + log(self.n) * self.n_parameters

    @property
    def vcov(self) -> Floats:
        """(p, p) covariance of beta."""
        return self.sigma**2 * self.unscaled_vcov

    @property
    def is_singular(self) -> bool:
        """Whether a variance is zero or a combination of effects does not vary."""
        return bool(self.smallest) and min(self.smallest) < SINGULAR


@dataclass(frozen=True, eq=False)
class Fit:
    """A model, the rows it was fitted to, and its estimate. Nothing in it changes."""

    design: Design
    rows: Matrices
    sums: Sums
    estimate: Estimate
    kept: tuple[int, ...]  # identified columns of X
    weights_column: str | None  # name of the column of prior weights; None: an array, or none
    missing: dict[str, int]  # incomplete columns, and how many values each lacks
    counted: NDArray[np.int64] | None  # positions of the rows with positive weight among `rows`; None: all

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the identified coefficients (p,)."""
        names = self.design.names
        return names if len(self.kept) == len(names) else tuple([names[j] for j in self.kept])

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of the columns of X that others determine."""
        kept = set(self.kept)
        return tuple([name for j, name in enumerate(self.design.names) if j not in kept])

    @property
    def component(self) -> str:
        """Of what it is the model: of the mean, "cond", unless it is part of another fit."""
        return "cond"

    @property
    def random_parts(self) -> tuple[Fit, ...]:
        """The linear predictors that random effects may be part of: that of the mean, in most models the only one."""
        return (self,)

    @property
    def varying(self) -> tuple[RandomMatrices, ...]:
        """All random terms, in the order of theta."""
        return tuple([part for own in self.random_parts for part in own.rows.random])

    @property
    def n_missing(self) -> int:
        """Rows left out because a value is missing."""
        return self.rows.n_total - self.rows.n

    @property
    def prior_weights(self) -> Floats | None:
        """(n,) prior weights of the rows."""
        return self.rows.extra.get("weights")

    @cached_property
    def factors(self) -> tuple[Floats, ...]:
        """Per term (k, k): Lambda, the lower triangular relative covariance factor; sigma^2 Lambda Lambda' is Psi."""
        return tuple([factor_of(part, own) for part, own in zip(self.design.random, self.thetas, strict=True)])

    @property
    def thetas(self) -> tuple[Floats, ...]:
        """Per term its part of theta."""
        ends = np.cumsum([part.n_theta for part in self.design.random])
        return tuple(np.split(self.estimate.theta, ends)[: len(ends)])

    @cached_property
    def posterior(self) -> tuple[tuple[Floats, Floats], ...]:
        """Per term P (l, k, k), conditional covariance of the modes over sigma^2, and F (l, k, p).

        Cov(beta_hat - beta, b_hat - b) = -sigma^2 Q^-1 F' and Var(b_hat - b) = sigma^2 (P + F Q^-1 F'), with Q^-1 the
        unscaled covariance of beta (Henderson 1975, Biometrics 31, 423-447).
        """
        return tuple(self.sums.core.posterior(self.estimate.theta))


def estimate_of(solution: Solution, sums: Sums, *, reml: bool) -> Estimate:
    """The core's solution as plain numbers that cannot be written to."""
    core = sums.core
    theta, beta, unscaled = solution.theta, solution.beta, solution.unscaled_vcov
    modes = tuple([b.reshape(part.n_levels, -1) for b, part in zip(solution.modes, sums.random, strict=True)])
    for array in (theta, beta, unscaled, *modes):
        array.flags.writeable = False
    certificate = Certificate(
        solution.converged,
        solution.decrement,
        solution.lowest_curvature,
        solution.boundary_slope,
        solution.evaluations,
        core.engine,
    )
    return Estimate(
        theta, beta, unscaled, solution.sigma, solution.criterion, solution.r2, modes, tuple(solution.smallest),
        len(sums.y), reml, certificate, residual=sums.sigma != 0.0, known=bool(sums.sigma),
    )  # fmt: skip
