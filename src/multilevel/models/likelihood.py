"""The likelihood of a generalized model in the compiled core: rows, family, and the search for its maximum.

The rows are given to the core when it is first asked for; a copy or a pickle carries the rows and gives them anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._core import GeneralizedMixed, GeneralizedSolution
from ..data.sums import Floats
from ..errors import FitError
from ..families import Family, NegativeBinomial
from ..formula import Covariance, Matrices
from .shape_models import PARTS, ShapeModels

Curvature: TypeAlias = Literal["expected", "observed"]
CORE_NAMES = {
    "negative_binomial": "negative_binomial_2",
    "truncated_negative_binomial": "truncated_negative_binomial_2",
}


class Likelihood:
    """-2 log-likelihood of rows that all count.

    Parameters
    ----------
    rows : the response (n,) as the family takes it, X, random terms, offset, weights.
    family : family with its link.
    n_agq : 1, Laplace approximation; more, nodes of adaptive quadrature; 0, beta among the modes.
    curvature : of the approximation, expected or observed information; None: as lme4 for what its glmer fits (binomial,
        Poisson, negative binomial of a given size), as glmmTMB for families whose shape is estimated.
    models : of the dispersion and of inflated zeros, on these rows; None: without. Their random terms come last in
        theta and among the modes, first those of the zero inflation.
    residual : False for gaussian responses without residuals, see `whole`.
    """

    __slots__ = ("_core", "curvature", "family", "given", "models", "n_agq", "residual", "rows")

    def __init__(
        self,
        rows: Matrices,
        family: Family,
        n_agq: int,
        curvature: Curvature | None,
        models: ShapeModels | None = None,
        residual: bool = True,
    ) -> None:
        self.residual = residual
        self.models = models
        self.rows = rows
        self.family = family
        self.n_agq = n_agq
        self.given: list[bool] = np.isfinite(family.given_shape()).tolist()  # which of the shape the family gives
        as_lme4 = curvature is None and isinstance(family, NegativeBinomial) and any(self.given) and not models
        self.curvature: Curvature | None = "expected" if as_lme4 else curvature
        self._core: GeneralizedMixed | None = None

    @property
    def core(self) -> GeneralizedMixed:
        """The compiled likelihood."""
        if self._core is None:
            self._core = self._given_rows()
        return self._core

    def fit(self, start_theta: Floats | None = None) -> GeneralizedSolution:
        """The maximum over theta, beta and what the family does not give of its shape."""
        if not any(self.given):
            return self.core.fit(self.n_agq, start_theta)
        if self.models:
            raise FitError(f"a {self.family.name} family whose shape is given takes no ziformula or dispformula yet")
        return self.core.fit(self.n_agq, start_theta, None, self._start_shape(), self.given)

    def solve(self, theta: Floats, beta: Floats, shape: Floats, *, hessian: bool = False) -> GeneralizedSolution:
        """Everything at given theta (m,), beta (p,) and shape parameters (s,): logarithms or coefficients."""
        return self.core.solve(theta, beta, shape, self.n_agq, hessian)

    def shape_of(self, solution: GeneralizedSolution) -> Floats:
        """(s,) the shape on its natural scale; NaN where it has a model."""
        shape = (self.models or self.family).natural(solution.shape)
        return np.where(self.given, self.family.given_shape(), shape) if any(self.given) else shape

    def _given_rows(self) -> GeneralizedMixed:
        places: dict[str, int] = {}
        factors: list[tuple[NDArray[np.int32], int]] = []
        terms: list[tuple[int, tuple[Floats, ...], Covariance]] = []
        inflating, dispersing = [self.models.random(part) if self.models else () for part in PARTS.values()]
        if self.models and self.models.sign < 0:
            dispersing = tuple([replace(part, Z=tuple([-z for z in part.Z])) for part in dispersing])
        for part in (*self.rows.random, *inflating, *dispersing):
            if part.group not in places:
                places[part.group] = len(factors)
                factors.append((part.codes, part.n_levels))
            terms.append((places[part.group], part.Z, part.covariance))
        y, name = self.rows.y, self.family.name
        assert y is not None
        return GeneralizedMixed(
            y, self.rows.X, self.rows.extra.get("weights"), self.rows.offset, factors, terms,
            CORE_NAMES.get(name, name), self.family.link.name, self.curvature,
            self.models.columns() if self.models else (), len(inflating), len(dispersing),
        )  # fmt: skip

    def _start_shape(self) -> Floats:
        """(s,) parameters of the given shape; a scale that is not given starts from the spread of the response."""
        assert self.rows.y is not None
        spread = float(self.rows.y.std())
        return self.family.parameters(np.where(self.given, self.family.given_shape(), spread if spread > 0 else 1.0))

    def __reduce__(self) -> tuple[Any, ...]:
        return Likelihood, (self.rows, self.family, self.n_agq, self.curvature, self.models, self.residual)
