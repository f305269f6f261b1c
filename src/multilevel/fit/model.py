"""What every fit answers, whatever its kind: each verb is one line that says where its answer comes from."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import Checks, check
from ..data.attach import backend_of, keepable
from ..data.sums import Floats
from ..diagnostics import doubts
from ..errors import DataError
from ..formula import Design, Matrices
from ..models.estimate import Fit
from ..models.predictor import fitted
from ..predict import Residuals, aligned, residuals
from ..tidy import augment
from ..truth import Truth, truth_of

if TYPE_CHECKING:
    from ..paper import Diagram, Equation


def warn(fit: Fit) -> None:
    """Give the doubts about a fit as warnings at the line of the user's call."""
    for doubt in doubts(fit):
        warnings.warn(doubt, stacklevel=3)


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """What linear and linear mixed models answer alike. `_fit` and `_data` never change."""

    _fit: Fit
    _data: Any

    def __getstate__(self) -> dict[str, Any]:
        return {"_fit": self._fit, "_data": self._data if keepable(self._data) else None}

    @property
    def _backend(self) -> str:
        return backend_of(self._data)

    @property
    def formula(self) -> str:
        """The model in canonical spelling."""
        return self._fit.design.formula.text

    @property
    def design(self) -> Design:
        """What the formula learned from the data: columns, levels, contrasts, transforms."""
        return self._fit.design

    @property
    def nobs(self) -> int:
        """Number of rows that count."""
        return self._fit.estimate.n

    @property
    def sigma(self) -> float:
        """Residual standard deviation, of a row of weight one."""
        return self._fit.estimate.sigma

    @property
    def criterion(self) -> float:
        """What was minimised: -2 log-likelihood, or the REML criterion."""
        return self._fit.estimate.criterion

    @property
    def loglik(self) -> float:
        """Log-likelihood; for REML the restricted one."""
        return self._fit.estimate.loglik

    @property
    def aic(self) -> float:
        """Akaike's information criterion, from `loglik` and the number of parameters, sigma included."""
        return self._fit.estimate.aic

    @property
    def bic(self) -> float:
        """Schwarz's information criterion, with log(nobs)."""
        return self._fit.estimate.bic

    def fitted(self) -> Floats:
        """(rows of the data,) fitted values, random effects included; NaN for rows left out."""
        return aligned(fitted(self._fit), self._fit.rows)

    def residuals(self, kind: Residuals = "response") -> Floats:
        """(rows of the data,) residuals; NaN for rows left out.

        `"response"`: y - fitted; `"pearson"`: times the root of the prior weight; `"scaled"`: that divided by sigma.
        """
        return aligned(residuals(self._fit, kind), self._fit.rows)

    def augment(self) -> Any:
        """The data with `.fitted`, `.resid` and for mixed models `.fixed`, in the user's library.

        Raises DataError if the number of rows changed since the fit, or a column of that name is there.
        """
        if self._data is None:
            raise DataError("the data did not travel with this copy of the fit, for they were a query on a connection")
        return augment(self._fit, self._data)

    def check(self) -> Checks:
        """What one should look at before believing the fit: optimum, boundary, data left out, collinearity, residuals,
        random effects; each with a number and a verdict.
        """
        return check(self._fit, self._backend)

    def equation(self, numbers: bool = False) -> Equation:
        """The equations of the model: LaTeX (`str`), typeset in a notebook, text in a terminal.

        `numbers` puts the estimates in the place of the parameters.

        >>> from multilevel import datasets, lm
        >>> lm("reaction ~ days", datasets.load("sleepstudy", "dict")).equation()
        reaction[n] ~ N(μ[n], σ)
               μ[n] = α + β days[n]
        """
        from ..paper import equation

        return equation(self._fit, numbers)

    def diagram(self) -> Diagram:
        """The model as a plate diagram: shows itself in a notebook, `.save("model.svg")` or `"model.png"`."""
        from ..paper import diagram

        return diagram(self._fit)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write one self-contained page: words, equations, diagram, tables, pictures, checks. Gives back its path.

        The page loads nothing from anywhere. Needs plotnine: `pip install "multilevel[plots]"`.

        Raises DataError if the file is not called .html or cannot be written.
        """
        from ..report import write_report

        return write_report(self, path)

    def truth(self) -> Truth:
        """The truth that would be, if the estimates were exact: to be edited with `replace`, and simulated from.

        Coefficients that were not identified are zero. Codings and weights are not part of it; give them to `simulate`.
        Raises InferenceError if there are no residuals to estimate sigma from.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> m.truth().replace(fixed={"days": 0}).fixed["days"]
        0.0
        """
        return truth_of(self._fit)

    def _with_response(self, y: Any) -> Matrices:
        """The rows with another response (rows of the data,)."""
        rows = self._fit.rows
        values = np.array(y, np.float64)
        if values.shape != (rows.n_total,):
            raise DataError(
                f"y has shape {values.shape}; expected one value for each of the {rows.n_total} rows of the data"
            )
        if rows.kept is not None:
            values = values.take(rows.kept)
        if not np.isfinite(values).all():
            raise DataError(
                f"y has {int((~np.isfinite(values)).sum())} missing or infinite values in rows the model uses"
            )
        return replace(rows, y=values)
