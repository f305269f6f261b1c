"""What generalized (mixed) models share: the response as a family takes it, the fit with its family, the mean.

    E(y | b) = mu,   g(mu) = X beta + Z b + offset,   b ~ N(0, Lambda Lambda')

Unlike in a linear model the random effects are not measured in units of a residual standard deviation, and `weights`
are numbers of trials for proportions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats, Sums
from ..errors import DataError, FitError, InferenceError
from ..families import Family
from ..formula import Design, Matrices
from .estimate import Estimate, Fit
from .inputs import Inputs, numbers_given
from .predictor import fitted
from .shape_models import ShapeModels


class NoSums(Sums):
    """The columns of a generalized model, whose weights change with the mean: there are no sums to keep."""

    __slots__ = ()

    @property
    def core(self) -> NoReturn:
        """Raises InferenceError."""
        raise InferenceError("this question has an answer for linear (mixed) models only, not for generalized ones")


@dataclass(frozen=True, slots=True, eq=False)
class GeneralizedEstimate(Estimate):
    """The numbers of a generalized fit. `sigma` is 1 where random effects are measured on the scale of eta."""

    shape: Floats  # (s,) parameters of the family besides the mean, natural scale
    n_shape: int  # how many of them were estimated
    separation: tuple[int, ...]  # places among (beta, shape parameters) of those without finite estimates; usually none

    @property
    def n_parameters(self) -> int:
        """Fixed effects, entries of theta, and the shape of the family where it was estimated."""
        return len(self.beta) + len(self.theta) + self.n_shape


@dataclass(frozen=True, eq=False)
class GeneralizedFit(Fit):
    """A generalized model. `rows.y` are means of trials where the family counts trials, `rows.extra` their numbers."""

    estimate: GeneralizedEstimate
    family: Family
    paired: bool  # the response is cbind(successes, failures)
    weighted: bool  # the user gave weights

    @property
    def weights(self) -> Floats:
        """(n,) prior weights; numbers of trials for proportions."""
        weights = self.prior_weights
        return np.ones(self.rows.n) if weights is None else weights

    @property
    def mu(self) -> Floats:
        """(n,) what the link gives, at the conditional modes if there are random effects."""
        return self.family.link.inverse(fitted(self))

    @property
    def conditional_mean(self) -> Floats:
        """(n,) means of the family, at the conditional modes if there are random effects."""
        return self.family.expected(self.mu, self.shape)

    @property
    def mean(self) -> Floats:
        """(n,) fitted means, at the conditional modes if there are random effects; inflated zeros counted."""
        mean, inflation = self.conditional_mean, self.inflation
        return mean if inflation is None else (1 - inflation) * mean

    @property
    def shape(self) -> Floats:
        """(s,) parameters of the family besides the mean, or (s, n) where the dispersion has a model."""
        if self.models is None or self.dispersing is None:
            return self.estimate.shape
        return self.models.by_row(self.parameters, self.dispersing.mu)

    @property
    def inflation(self) -> Floats | None:
        """(n,) probabilities of a zero that the family has no part in; None without a model of zero inflation."""
        return self.inflating.mean if self.inflating else None

    @cached_property
    def _parts(self) -> Mapping[str, GeneralizedFit]:
        return {}

    @property
    def inflating(self) -> GeneralizedFit | None:
        """The model of zero inflation as a fit of its own; None without."""
        return self._parts.get("zi")

    @property
    def dispersing(self) -> GeneralizedFit | None:
        """The model of the dispersion as a fit of its own; None without."""
        return self._parts.get("disp")

    @property
    def models(self) -> ShapeModels | None:
        """Models of the dispersion and of inflated zeros; None without."""
        return None

    @property
    def parameters(self) -> Floats:
        """(s,) parameters of the shape as they were estimated: logarithms, or coefficients of its models."""
        return self.family.parameters(self.estimate.shape)

    @property
    def joint_vcov(self) -> Floats:
        """(p + s, p + s) covariance of beta and `parameters`, where the shape has models."""
        raise InferenceError("this fit has one part only, whose covariance is `vcov`")

    @property
    def pearson(self) -> bool:
        """Whether the dispersion is that of Pearson's residuals, so that references are Student's t."""
        return False

    @property
    def modelled(self) -> bool:
        """Whether zeros are inflated or the dispersion has a model."""
        return self.models is not None

    @cached_property
    def deviance(self) -> float:
        """Sum of the contributions of the rows to the deviance, at the conditional modes where there are any."""
        if self.modelled:
            return float("nan")
        y, mu, weights = self.y, self.mu, self.weights
        if self.counted is not None:
            y, mu, weights = y[self.counted], mu[self.counted], weights[self.counted]
        return float(self.family.deviance(y, mu, weights, self.estimate.shape).sum())

    @property
    def y(self) -> Floats:
        """(n,) the response as the family takes it."""
        assert self.rows.y is not None
        return self.rows.y


def given_response(design: Design, rows: Matrices, family: Family, inflated: bool = False) -> tuple[Matrices, bool]:
    """The rows with the response (n,) as the family takes it, its weights beside; whether it was a pair of counts.

    cbind(successes, failures) becomes the proportion of successes, and its trials multiply the weights. A row without
    trials, whose proportion is zero, or of weight zero says nothing. Where zeros are `inflated`, any family
    may have them.

    Raises
    ------
    DataError : a value that the family cannot have, with its row.
    FitError : a response of one value, from which nothing can be estimated.
    """
    assert rows.y is not None
    y, weights = rows.y, rows.extra.get("weights")
    paired = y.ndim == 2
    if paired:
        y, trials = _proportions(design, rows, family)
        weights = trials if weights is None else weights * trials
    used = None if weights is None or weights.all() else weights > 0
    extra = {} if weights is None else {"weights": weights}
    if paired and "weights" in rows.extra:
        extra["given"] = rows.extra["weights"]
    checked = replace(rows, y=y, extra=extra)
    if inflated and not family.has_zeros:
        used = y != 0 if used is None else used & (y != 0)
        if not used.any():
            raise FitError(
                f"the response {design.formula.response_text} is 0 in every row; there is no mean to estimate"
            )
    if not paired or "given" in extra:  # proportions of counts are those of their trials
        _check_range(design, checked, family, used)
    _check_constant(design, checked, family, used)
    return checked, paired


def another_response(fit: GeneralizedFit, values: Any) -> Matrices:
    """The rows of a fit with another response (n_total,), or (n_total, 2) for a pair of counts.

    A pair of counts may also be given by its successes (n_total,), a categorical response by its levels or as 0 and 1.
    DataError for other shapes, missing values, or values that the family cannot have.
    """
    rows, n, levels = fit.rows, fit.rows.n_total, fit.design.response_levels
    given = np.asarray(values)
    if levels and given.dtype.kind not in "fiub":
        unknown = sorted({str(v) for v in given.ravel()} - set(levels))
        if unknown:
            raise DataError(f"y has the level {unknown[0]!r}; expected {' or '.join(map(repr, levels))}")
        given = given.astype(str) != levels[0]
    y = numbers_given(given)
    if y.shape != (n,) and not (fit.paired and y.shape == (n, 2)):
        pairs = f" or ({n}, 2)" if fit.paired else ""
        raise DataError(f"y has shape {y.shape}; expected one value for each of the {n} rows of the data{pairs}")
    y = y if rows.kept is None else y[rows.kept]
    if not np.isfinite(y).all():
        raise DataError(f"y has {int((~np.isfinite(y)).sum())} missing or infinite values in rows the model uses")
    weights = rows.extra.get("given" if fit.paired else "weights")
    if fit.paired and y.ndim == 1:
        trials = fit.weights if weights is None else fit.weights / np.where(weights > 0, weights, 1.0)
        y = np.column_stack([y, trials - y])
    extra = {} if weights is None else {"weights": weights}
    return given_response(fit.design, replace(rows, y=y, extra=extra), fit.family, fit.inflation is not None)[0]


def counted_rows(rows: Matrices) -> NDArray[np.int64] | None:
    """Positions of the rows with positive weight; None: all."""
    weights = rows.extra.get("weights")
    return None if weights is None or weights.all() else np.flatnonzero(weights)


def weights_given(inputs: Inputs) -> bool:
    """Whether the user gave prior weights."""
    return "weights" in inputs.extra


def _proportions(design: Design, rows: Matrices, family: Family) -> tuple[Floats, Floats]:
    """Proportions of successes (n,) and numbers of trials (n,) of a pair of counts."""
    text = design.formula.response_text
    if not family.trials:
        raise DataError(
            f"the response {text} counts successes and failures, which needs a binomial family; found {family.name}"
        )
    assert rows.y is not None
    wrong = ~((rows.y >= 0) & (np.abs(rows.y - np.rint(rows.y)) <= 1e-9))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"the response {text} has {rows.y[row, column]:g} in row {_position(rows, row)} (counting from 0), "
            f"{int(wrong.any(axis=1).sum())} row(s) like this; expected counts, whole numbers, zero or more"
        )
    trials = rows.y.sum(axis=1)
    if not trials.any():
        raise DataError(f"the response {text} has no trials in any row; expected counts of successes and failures")
    return rows.y[:, 0] / np.maximum(trials, 1), trials


def _check_range(design: Design, rows: Matrices, family: Family, used: NDArray[np.bool_] | None) -> None:
    assert rows.y is not None
    weights = rows.extra.get("weights", np.ones(rows.n))
    y = rows.y if used is None else np.where(used, rows.y, rows.y[used][0])
    found = family.fault(y, weights)
    if found is not None:
        wrong, expected = found
        row = int(np.argmax(wrong))
        raise DataError(
            f"the response {design.formula.response_text} is {y[row]:g} in row {_position(rows, row)} (counting from "
            f"0), {int(wrong.sum())} row(s) like this; the {family.name} family {expected}"
        )


def _check_constant(design: Design, rows: Matrices, family: Family, used: NDArray[np.bool_] | None) -> None:
    assert rows.y is not None
    y = rows.y if used is None else rows.y[used]
    if y.min() < y.max() or not (design.has_intercept or design.random):
        return
    if y[0] in family.attained:
        raise FitError(
            f"the response {design.formula.response_text} is {y[0]:g} in every row: the likelihood has no maximum, for "
            f"the closer the mean comes to {y[0]:g}, the better. Is this the right response?"
        )
    if (family.estimates_dispersion or family.concentrates) and rows.offset is None:
        raise FitError(
            f"the response {design.formula.response_text} is {y[0]:g} in every row; there is nothing to explain"
        )


def _position(rows: Matrices, row: int) -> int:
    return int(row if rows.kept is None else rows.kept[row])
