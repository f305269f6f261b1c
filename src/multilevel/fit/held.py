"""A fit that a user holds, with the data it was fitted to: the numbers that every fit has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import in_words
from ..data.attach import backend_of, keepable
from ..data.sums import Floats
from ..errors import DataError
from ..formula import Design, Matrices
from ..inference.methods import sampling_of
from ..inference.sampling import Sampling
from ..models.estimate import Fit
from ..models.inputs import numbers_given
from ..models.predictor import fitted
from ..predict import Residuals, aligned, residuals
from ..tidy import augment
from .elsewhere import no_answer


@in_words
@dataclass(frozen=True, eq=False, repr=False)
class Held:
    """A frozen fit and the user's own table. `_fit` and `_data` never change."""

    _fit: Fit
    _data: Any

    def __init_subclass__(cls) -> None:
        in_words(cls)

    if not TYPE_CHECKING:  # a type checker is to find unknown names itself

        def __getattr__(self, name: str) -> Any:
            """What is not there, in words."""
            if hasattr(type(self), name):  # a property that failed: its own error
                return object.__getattribute__(self, name)
            raise AttributeError(no_answer(type(self), name))

    def __getstate__(self) -> dict[str, Any]:
        return {"_fit": self._fit, "_data": self._data if keepable(self._data) else None}

    @property
    def _backend(self) -> str:
        return backend_of(self._data)

    def _judged(self, df: str | None, vcov: str | None, cluster: Any) -> str | Sampling | None:
        """What estimates are judged by: a method by name, or a cluster-robust sampling distribution."""
        if vcov is None and cluster is None:
            return df
        return sampling_of(self._fit, df, vcov, cluster, self._data)

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

    def _with_response(self, y: Any) -> Matrices:
        """The rows with another response (rows of the data,)."""
        rows = self._fit.rows
        values = numbers_given(y)
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
