"""What linear and generalized linear models answer alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..labelled import Coefficients, Covariance
from ..models.linear import spread
from .model import Model


@dataclass(frozen=True, eq=False, repr=False)
class UnmixedModel(Model):
    """What linear and generalized linear models, those without random effects, answer alike."""

    @property
    def fixef(self) -> Coefficients:
        """(p,) estimates, of the linear predictor; NaN for columns that others determine."""
        return Coefficients(self.design.names, spread(self._fit, self._fit.estimate.beta), "estimate", self._backend)

    @property
    def se(self) -> Coefficients:
        """(p,) standard errors."""
        return Coefficients(self.design.names, np.sqrt(np.diag(self.vcov.array)), "std_error", self._backend)

    @property
    def vcov(self) -> Covariance:
        """(p, p) covariance of the estimates; of `glm` the dispersion included."""
        return Covariance(self.design.names, spread(self._fit, self._fit.estimate.vcov), self._backend)

    @property
    def df_residual(self) -> int:
        """Rows that count less identified coefficients."""
        return self.nobs - len(self._fit.kept)
