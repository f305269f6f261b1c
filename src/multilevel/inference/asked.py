"""A statistic of the user's, asked of the fit and of each refit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from ..data.sums import Floats
from ..errors import FitError, InferenceError
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from ..models.generalized_likelihood import refit_generalized
from ..models.inputs import response_of
from ..models.linear import refit_linear
from ..models.linear_mixed import refit_linear_mixed
from .parameters import Parameter

Statistic: TypeAlias = Callable[[Any], Any]


class Asked:
    """What a statistic gave for the fit fixes the names and the shape of all replicates."""

    def __init__(self, statistic: Statistic, wrap: Callable[[Fit], Any], fit: Fit) -> None:
        if not callable(statistic):
            raise InferenceError(f"statistic is {statistic!r}; expected a function of a fitted model")
        self.statistic, self.wrap, self.fit, self.done = statistic, wrap, fit, 0
        names, self.estimates = self._numbers(wrap(fit), "the fit")
        self.parameters = tuple([Parameter(name, "statistic") for name in names])

    def replicate(self, y: Floats) -> Floats:
        """The statistic of one refit; NaN where the model cannot be fitted."""
        self.done += 1
        try:
            fit = self._refitted(y)
        except FitError:
            return np.full(len(self.estimates), np.nan)
        names, found = self._numbers(self.wrap(fit), f"replicate {self.done}")
        if names != [parameter.name for parameter in self.parameters]:
            raise InferenceError(
                f"the statistic of replicate {self.done} has {len(names)} value(s), {', '.join(names[:5])}; that of "
                f"the fit has {len(self.parameters)}: it should have the same for every response"
            )
        return found

    def _refitted(self, y: Floats) -> Fit:
        rows = self.fit.rows
        if isinstance(self.fit, GeneralizedFit):
            full = self.fit.y.copy()
            full[slice(None) if self.fit.counted is None else self.fit.counted] = y
            return refit_generalized(self.fit, replace(rows, y=full))
        full = response_of(rows).copy()
        counted = slice(None) if self.fit.counted is None else self.fit.counted
        full[counted] = y if rows.offset is None else y + rows.offset[counted]
        return (refit_linear_mixed if rows.random else refit_linear)(self.fit, replace(rows, y=full))

    def _numbers(self, model: Any, where: str) -> tuple[list[str], Floats]:
        try:
            found = self.statistic(model)
        except Exception as error:
            raise InferenceError(f"the statistic of {where} failed: {type(error).__name__}: {error}") from error
        if isinstance(found, Mapping):
            names, given = [str(name) for name in found], list(found.values())
        else:
            given = found
            names = []
        try:
            numbers = np.array(given, np.float64)
        except (TypeError, ValueError):
            numbers = np.empty((0, 0))
        if numbers.ndim > 1 or not numbers.size:
            raise InferenceError(
                f"the statistic of {where} is {type(found).__name__}; expected a number, a sequence of numbers, or a "
                "dict of numbers"
            )
        if not names:
            names = ["statistic"] if numbers.ndim == 0 else [f"statistic[{i}]" for i in range(len(numbers))]
        return names, np.atleast_1d(numbers)
