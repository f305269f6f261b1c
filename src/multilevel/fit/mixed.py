"""What linear and generalized linear mixed models answer alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..effects import coefficients
from ..grouped import GroupTables
from ..inference.deletions import ranova
from ..inference.tabled import TestTable
from ..labelled import Coefficients, Covariance
from ..models.components import Component
from ..summary import group_sizes
from .model import Model


@dataclass(frozen=True, eq=False, repr=False)
class MixedModel(Model):
    """What linear and generalized linear mixed models answer alike."""

    @property
    def fixef(self) -> Coefficients:
        """(p,) estimates of the fixed effects, of the linear predictor; columns that others determine are left out."""
        return Coefficients(self._fit.names, self._fit.estimate.beta, "estimate", self._backend)

    @property
    def se(self) -> Coefficients:
        """(p,) standard errors of the fixed effects."""
        return Coefficients(self._fit.names, np.sqrt(np.diag(self._fit.estimate.vcov)), "std_error", self._backend)

    @property
    def vcov(self) -> Covariance:
        """(p, p) covariance of the fixed effects; of `glmer` from the Hessian of all parameters, unless n_agq = 0."""
        return Covariance(self._fit.names, self._fit.estimate.vcov, self._backend)

    def coef(self) -> GroupTables:
        """Fixed plus random effects per level, with standard errors of prediction, a table per grouping factor."""
        return coefficients(self._fit, self._backend)

    @property
    def ngroups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""
        return group_sizes(self._fit)

    @property
    def df_residual(self) -> int:
        """Rows that count less parameters: fixed effects, entries of theta, and sigma or the shape of the family."""
        return self.nobs - self._fit.estimate.n_parameters

    @property
    def is_singular(self) -> bool:
        """Whether a variance of zero or a perfect correlation was estimated."""
        return self._fit.estimate.is_singular

    def ranova(self, *, component: Component = "cond") -> TestTable:
        """Likelihood ratio tests of the random terms: slopes left out of their term, intercepts with it.

        `component`: of the mean, or of a model of zero inflation, `"zi"`, or dispersion, `"disp"`, beside it.
        As in lmerTest, (0 + x | g) becomes (1 | g) unless that is there: another model, so there is no p-value.

        Two p-values: of the chi-square distribution, too large because a variance cannot be negative; and of the
        mixture that allows for this (Self & Liang 1987, JASA 82, 605-610; Stram & Lee 1994, Biometrics 50, 1171-1177).
        """
        return ranova(self._fit, self._backend, component=component)
