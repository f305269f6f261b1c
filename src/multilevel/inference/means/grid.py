"""The reference grid: combinations of predictors at which the model is asked for its predictions.

A factor stands there with the levels that occur in the rows used; a numeric predictor with its mean, unless it has no
more than two values or the formula makes a factor of it: then with all of them (Searle, Speed & Milliken 1980,
Am. Stat. 34, 216-221, for the means of such a grid). The columns of X are made by the design of the fit, so that
`poly(x, 2)` or `log(x)` are those of the mean of x, not means of columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from operator import mul
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...data.rows import read_columns
from ...data.sums import Floats
from ...errors import DataError, InferenceError, nearest
from ...formula import Column
from ...formula.parse import Call, Name, Node, Operation, Parenthesis
from ...models.estimate import Fit
from ...models.generalized import GeneralizedFit
from .axes import Axis, Reduce, axis_of
from .nesting import Nests, nesting

At: TypeAlias = Mapping[str, Any] | None
REDUCTIONS = ("mean", "median", "range", "unique", "around")
MAKES_FACTORS = ("factor", "as.factor", "ordered", "as.ordered", "C", "relevel", "droplevels", "as.character",
                 "interaction")  # fmt: skip
LARGEST = 100_000  # combinations
ROOM = 50_000_000  # entries of their X


@dataclass(frozen=True, eq=False)
class Grid:
    """Axes, the first varying fastest, and at each of the m combinations the columns of X."""

    axes: tuple[Axis, ...]
    X: Floats  # (m, columns of X, those that others determine included)
    offset: Floats  # (m,)
    weights: Floats | None  # (n,) prior weights of the rows; numbers of trials are none
    nests: Nests

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the predictors."""
        return tuple(axis.name for axis in self.axes)

    def axis(self, name: str) -> Axis:
        """An axis by name."""
        return self.axes[self.names.index(name)]

    def places(self, name: str) -> NDArray[np.intp]:
        """(m,) which value of an axis each combination has."""
        return _places(self.axes)[self.names.index(name)]


def reference_grid(
    fit: Fit,
    data: Any,
    *,
    at: At = None,
    cov_reduce: Reduce = "mean",
    offset: float | None = None,
    nested: bool = True,
    besides: Sequence[Fit] = (),
) -> Grid:
    """The reference grid of a fit.

    Parameters
    ----------
    fit : of any kind.
    data : the table it was fitted to.
    besides : other parts of the model, whose predictors the grid has too.
    at : `{"x": [1, 2]}` replaces values of some predictors.
    cov_reduce : for numeric predictors `"mean"`, `"median"`, `"range"` (the two ends), `"unique"` (all values), or
        `"around"` (mean - 1 and mean + 1), or a function of the values; or one of these for each, `{"x": "range"}`.
    offset : in place of the offset in the formula. That is the mean of the offset over the rows, as in emmeans, or is
        evaluated at the grid where `at` has a column of it.
    nested : whether to look for nested factors; without, all are taken as crossed.

    Raises
    ------
    InferenceError : `at` or `cov_reduce` name what is no predictor, or an unknown level.
    DataError : the data have changed since the fit.
    """
    fits = (fit, *besides)
    columns = {name: column for part in fits for name, column in predictors(part, data).items()}
    at = _checked_at(fit, at, columns)
    _check_reduce(cov_reduce, columns)
    coded = {name for part in fits for name in _made_factors(part)}
    axes = tuple([axis_of(column, at, cov_reduce, column.name in coded) for column in columns.values()])
    size = prod(map(len, axes))
    if size > LARGEST or size * len(fit.design.names) > ROOM:
        largest = max(axes, key=len)
        raise InferenceError(
            f"the reference grid has {size} combinations, which is too many; hold some predictors at chosen values, "
            f"as in at={{{largest.name!r}: [{largest.values[0]!r}]}}"
        )
    X, offsets = evaluate(fit, axes)
    terms = [columns_of(part, term) for part in fits for term in part.design.formula.fixed.terms]
    nests = nesting(axes, terms) if nested else {}
    if offset is None and fit.rows.offset is not None and not _offset_columns(fit) & set(at):
        offset = float(fit.rows.offset.mean())
    weights = fit.rows.extra.get("given") if isinstance(fit, GeneralizedFit) and fit.paired else fit.prior_weights
    return Grid(axes, X, offsets if offset is None else np.full(size, float(offset)), weights, nests)


def _offset_columns(fit: Fit) -> set[str]:
    return {name for variable in fit.design.formula.offsets for name in variable.names}


def evaluate(fit: Fit, axes: Sequence[Axis], shifts: Mapping[str, float] | None = None) -> tuple[Floats, Floats]:
    """X and the offset at all combinations; `shifts` are added to numeric predictors first."""
    size = prod(map(len, axes))
    places = _places(axes)
    columns = {axis.name: axis.taken(where) for axis, where in zip(axes, places, strict=True)}
    for name, shift in (shifts or {}).items():
        columns[name] = Column(name, "number", columns[name].values + shift)
    columns = columns or {"": Column("", "number", np.zeros(size))}  # a model without predictors has one row
    rows = fit.design.matrices(columns, need_random=False)
    return rows.dense_X(), np.zeros(size) if rows.offset is None else rows.offset


def columns_of(fit: Fit, term: Sequence[int]) -> set[str]:
    """The columns of the data that a term is made of."""
    return {name for i in term for name in fit.design.formula.fixed.variables[i].names}


def predictors(fit: Fit, data: Any) -> dict[str, Column]:
    """The columns behind fixed terms and offsets, in the rows that were used."""
    names = fit.design.formula.predictors(random=False)
    if not names:
        return {}
    if data is None:
        raise DataError("the data did not travel with this copy of the fit; marginal means need them: fit again")
    columns = read_columns(data, list(names))
    n = len(next(iter(columns.values())).values)
    if n != fit.rows.n_total:
        raise DataError(f"the data had {fit.rows.n_total} rows when the model was fitted and have {n} now")
    kept = fit.rows.kept
    return {
        name: column if kept is None else Column(name, column.kind, column.values.take(kept), column.levels)
        for name, column in columns.items()
    }


def _places(axes: Sequence[Axis]) -> list[NDArray[np.intp]]:
    """For each axis, which of its values each combination has."""
    sizes = [len(axis) for axis in axes]
    every = np.arange(prod(sizes))
    strides = list(accumulate([1, *sizes[:-1]], mul)) if sizes else []
    return [every // stride % size for stride, size in zip(strides, sizes, strict=True)]


# ---- what the user asked for ----------------------------------------------------------------------------------------


def _checked_at(fit: Fit, at: At, columns: Mapping[str, Column]) -> Mapping[str, Any]:
    if at is None:
        return {}
    if not isinstance(at, Mapping):
        raise InferenceError(f'at should be a dict such as {{"x": [1, 2]}}; found {type(at).__name__}')
    for name in at:
        if name not in columns:
            raise no_predictor(fit, name, columns, "at: ")
    return at


def _check_reduce(cov_reduce: Reduce, columns: Mapping[str, Column]) -> None:
    named = cov_reduce if isinstance(cov_reduce, Mapping) else {"": cov_reduce}
    for name, how in named.items():
        if name and name not in columns:
            raise InferenceError(f"cov_reduce: {name!r} is no predictor of the model{nearest(name, columns)}")
        if not callable(how) and how not in REDUCTIONS:
            known, near = ", ".join(map(repr, REDUCTIONS)), nearest(str(how), REDUCTIONS)
            raise InferenceError(f"cov_reduce is {how!r}; expected one of {known}, or a function of the values{near}")


def no_predictor(fit: Fit, name: str, known: Mapping[str, Any] | Sequence[str], where: str = "") -> InferenceError:
    """The error for a name that is no predictor of the fixed effects."""
    response = fit.design.formula.response
    if response is not None and name in response.names:
        return InferenceError(f"{where}{name!r} is the response; means are taken over {_shown(known)}")
    if any(name in variable.names for bar in fit.design.formula.random for variable in bar.group):
        return InferenceError(
            f"{where}{name!r} is a grouping factor of the random effects, over which the means are population means; "
            f"expected {_shown(known)}; coef() gives values for each {name}"
        )
    if any(sign in name for sign in "|*+"):
        return InferenceError(
            f"{where}{name!r} is no predictor of the model; several of them stand behind '~': '~ {name}'"
        )
    return InferenceError(f"{where}{name!r} is no predictor of the model{nearest(name, known)} ({_shown(known)})")


def _shown(known: Mapping[str, Any] | Sequence[str]) -> str:
    return f"predictors: {', '.join(known)}" if len(known) else "predictors, of which the model has none"


def _made_factors(fit: Fit) -> set[str]:
    """Numeric columns that the formula makes factors of."""
    return {
        name
        for variable in fit.design.formula.fixed.used()
        if variable.text in fit.design.factors
        for name in _inside_factor(variable.node)
    }


def _inside_factor(node: Node, made: bool = False) -> list[str]:
    """Names within a call that makes a factor, as x in factor(x > 2)."""
    match node:
        case Name(name):
            return [name] if made else []
        case Call(function, arguments):
            made = made or function in MAKES_FACTORS
            return [name for _, argument in arguments for name in _inside_factor(argument, made)]
        case Operation(_, operands):
            return [name for operand in operands for name in _inside_factor(operand, made)]
        case Parenthesis(inner):
            return _inside_factor(inner, made)
    return []
