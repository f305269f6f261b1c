"""What generalized linear and generalized linear mixed models answer alike."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from ..checks import Checks
from ..data.sums import Floats
from ..errors import DataError, InferenceError
from ..families import Family, Quasi
from ..generalized_checks import generalized_check
from ..generalized_summary import augment_generalized
from ..generalized_words import generalized_doubts
from ..labelled import Coefficients, Covariance
from ..models.components import estimated_part, whole
from ..models.generalized import GeneralizedFit
from ..models.shape_models import Part
from ..paper import Equation, equation
from ..predict import Seed, aligned
from ..responses import GeneralizedResiduals, residuals_generalized
from .model import Model


def warn(fit: GeneralizedFit) -> None:
    """Give the doubts about a fit as warnings at the line of the user's call."""
    for doubt in generalized_doubts(fit):
        warnings.warn(doubt, stacklevel=4)  # past `warn`, the fitting function, and `named` around it


@dataclass(frozen=True, eq=False, repr=False)
class GeneralizedModel(Model):
    """What generalized linear and generalized linear mixed models answer alike."""

    _fit: GeneralizedFit

    @property
    def family(self) -> Family:
        """The family of the response, with its link."""
        return self._fit.family

    @property
    def deviance(self) -> float:
        """Twice the log-likelihood lost against a mean for each row, times the dispersion; at the conditional modes."""
        return self._fit.deviance

    @property
    def zero_inflation(self) -> Coefficients:
        """(k,) coefficients of the model of zero inflation, on the scale of the logit. InferenceError without one."""
        return self._part("zero inflation")

    def _part(self, part: Part) -> Coefficients:
        names, estimates, _ = estimated_part(self._fit, part)
        return Coefficients(names, estimates, "estimate", self._backend)

    def part_vcov(self, part: Part) -> Covariance:
        """(k, k) covariance of the coefficients of `"zero inflation"` or `"dispersion"`.

        InferenceError for a fit without that model, and for another name.
        """
        names, _, vcov = estimated_part(self._fit, part)
        return Covariance(names, vcov, self._backend)

    @property
    def joint_vcov(self) -> Covariance:
        """Covariance of the coefficients of all parts; those of zero inflation are "zi: x", of dispersion "disp: x".

        InferenceError for a fit of one part, whose covariance is `vcov`.
        """
        _ = self._fit.joint_vcov
        every = whole(self._fit)
        return Covariance(every.names, every.estimate.vcov, self._backend)

    def equation(self, numbers: bool = False) -> Equation:
        """The equations of the model: LaTeX (`str`), typeset in a notebook, text in a terminal.

        `numbers` puts the estimates in the place of the parameters. InferenceError for quasi families, which name no
        distribution.

        >>> from multilevel import datasets, glm
        >>> glm("incidence ~ size", datasets.load("cbpp", "dict"), "poisson").equation()
        incidence[n] ~ Poisson(μ[n])
           log(μ[n]) = α + β size[n]
        """
        if isinstance(self.family, Quasi):
            raise InferenceError(f"the {self.family.name} family says mean and variance only; it has no equation")
        return equation(self._fit, numbers, family=self.family.title, link=self.family.link.name)

    def check(self) -> Checks:
        """What one should look at before believing the fit: optimum, boundary, separation, data left out, collinearity,
        dispersion, zeros, quantile residuals, random effects; each with a number and a verdict.
        """
        return generalized_check(self._fit, self._backend)

    def fitted(self) -> Floats:
        """(rows of the data,) fitted means, random effects included; NaN for rows left out."""
        return aligned(self._fit.mean, self._fit.rows)

    def residuals(self, kind: GeneralizedResiduals = "deviance", *, seed: Seed = None) -> Floats:
        """(rows of the data,) residuals; NaN for rows left out.

        Parameters
        ----------
        kind : `"deviance"` (default, as in R), signed roots of the contributions to the deviance; `"response"`,
            y - fitted; `"pearson"`, that over the root of the variance function; `"scaled"`, the dispersion included;
            `"working"`, on the scale of the link; `"quantile"`, standard normal if the model holds, drawn within the
            jumps of a discrete distribution (Dunn & Smyth 1996, JCGS 5, 236-244).
        seed : for `"quantile"`, as for numpy.random.default_rng.
        """
        return aligned(residuals_generalized(self._fit, kind, seed), self._fit.rows)

    def augment(self) -> Any:
        """The data with `.fitted` (means), `.resid` (deviance residuals) and for mixed models `.fixed`.

        Raises DataError if the number of rows changed since the fit, or a column of that name is there.
        """
        if self._data is None:
            raise DataError("the data did not travel with this copy of the fit, for they were a query on a connection")
        return augment_generalized(self._fit, self._data)
