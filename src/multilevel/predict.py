"""Fitted values, residuals and predictions, of the rows of the fit or of new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .data.rows import column_names, read_columns
from .data.sums import Floats
from .errors import DataError
from .formula import Column, Design, Matrices
from .formula.evaluate import Scope, evaluate_variable
from .formula.levels import Codes, Crossing, Levels, learn_crossing
from .models.estimate import Fit
from .models.inputs import response_of
from .models.predictor import fitted, fixed_part, random_part
from .seeds import Seed as Seed
from .seeds import generator

Groups: TypeAlias = Literal["same", "population"]
NewLevels: TypeAlias = Literal["error", "population", "draw"]
Residuals: TypeAlias = Literal["response", "pearson", "scaled"]
POPULATION = 'groups="population" predicts without random effects'
FEW = 5  # so many unseen levels are listed in a message


def one_of(what: str, value: object, known: Sequence[str]) -> None:
    """DataError if an option is none of those that are known."""
    if value not in known:
        raise DataError(f"{what} is {value!r}; expected {', '.join(map(repr, known[:-1]))} or {known[-1]!r}")


def aligned(values: Floats, rows: Matrices) -> Floats:
    """Values (n, ...) of the complete rows at their places among all rows (n_total, ...); NaN elsewhere."""
    if rows.kept is None:
        return values
    full = np.full((rows.n_total, *values.shape[1:]), np.nan)
    full[rows.kept] = values
    return full


def residuals(fit: Fit, kind: Residuals) -> Floats:
    """(n,) y - fitted; "pearson": times the root of the prior weight; "scaled": that over sigma."""
    one_of("kind", kind, ("response", "pearson", "scaled"))
    r = response_of(fit.rows) - fitted(fit)
    if kind == "response":
        return r
    if fit.prior_weights is not None:
        r *= np.sqrt(fit.prior_weights)
    return r if kind == "pearson" else r / fit.estimate.sigma


def predict(
    fit: Fit, newdata: Any = None, *, groups: Groups = "same", new_levels: NewLevels = "error", seed: Seed = None
) -> Floats:
    """(n_total,) predictions for the rows of the fit or of new data; NaN where a predictor is missing."""
    one_of("groups", groups, ("same", "population"))
    one_of("new_levels", new_levels, ("error", "population", "draw"))
    same = groups == "same" and bool(fit.design.random)
    if newdata is None:
        return aligned(fitted(fit) if same else fixed_part(fit, fit.rows), fit.rows)
    columns = new_columns(fit, newdata, random=same)
    rows = fit.design.matrices(columns, need_random=same)
    mean = fixed_part(fit, rows)
    if same:
        mean += random_part(rows, fit.estimate.modes)
        if any((part.codes < 0).any() for part in rows.random):
            mean += _unseen_part(fit, columns, rows, new_levels, seed)
    return aligned(mean, rows)


def new_columns(
    fit: Fit, newdata: Any, *, random: bool, groups: bool = True, instead: str = POPULATION
) -> dict[str, Column]:
    """The columns of new data that a prediction needs; any one column if it needs none but the number of rows.

    `instead` : what to do where only columns of random effects cannot be read.
    """
    predictors = fit.design.formula.predictors
    names = list(predictors(random=random, groups=groups))
    try:
        return read_columns(newdata, names or column_names(newdata)[:1])
    except DataError as error:
        fixed = list(predictors(random=False, groups=False))
        if instead and random and len(fixed) < len(names):
            read_columns(newdata, fixed or column_names(newdata)[:1])  # the same error, where a predictor is at fault
            raise DataError(f"{error}; {instead}") from None
        raise


def target_rows(fit: Fit, newdata: Any, *, same: bool, new: bool) -> Matrices:
    """The complete rows of the fit (None) or of new data, with the levels of known groups or (same=False) of none.

    With neither these nor `new` groups random terms of new data are not looked at.
    """
    rows = fit.rows
    if newdata is not None:
        random = bool(fit.design.random) and (same or new)
        columns = new_columns(fit, newdata, random=random, groups=same)
        rows = fit.design.matrices(columns, need_random=random, need_groups=same)
    if same:
        return rows
    nowhere = np.full(rows.n, -1, np.int32)
    return replace(rows, random=tuple([replace(part, codes=nowhere) for part in rows.random]))


def draw_effects(fit: Fit, term: int, n_levels: int, rng: np.random.Generator) -> Floats:
    """(n_levels, k) new random effects of a term, from the estimated distribution N(0, sigma^2 Lambda Lambda')."""
    factor = fit.factors[term]
    return fit.estimate.sigma * rng.standard_normal((n_levels, len(factor))) @ factor.T


def group_codes(design: Design, columns: Mapping[str, Column], rows: Matrices) -> list[tuple[Levels | Crossing, Codes]]:
    """Per random term, the levels that occur in these rows, seen by the fit or not, and the code (n,) of each row."""
    scope = Scope(columns, design.memory)
    known: dict[str, tuple[Levels | Crossing, Codes]] = {}
    for part in design.random:
        if part.group not in known:
            values = [evaluate_variable(variable.node, variable.text, scope) for variable in part.bar.group]
            known[part.group] = learn_crossing([_kept(v, rows.kept) for v in values if isinstance(v, Column)])
    return [known[part.group] for part in design.random]


def refuse_unseen(design: Design, columns: Mapping[str, Column], rows: Matrices, advice: str) -> None:
    """DataError that lists levels of grouping factors which the fit has not seen, if there are any."""
    for part, (levels, codes) in zip(rows.random, group_codes(design, columns, rows), strict=True):
        unseen = np.unique(codes[part.codes < 0])
        if len(unseen):
            names = ", ".join(repr(levels.labels[code]) for code in unseen[:FEW].tolist())
            more = f" and {len(unseen) - FEW} more" if len(unseen) > FEW else ""
            raise DataError(f"{part.group} has levels that the fit has not seen: {names}{more}; {advice}")


def _unseen_part(
    fit: Fit, columns: Mapping[str, Column], rows: Matrices, new_levels: NewLevels, seed: Seed
) -> Floats | float:
    """What unseen levels add to the population mean: nothing, or effects drawn from their distribution."""
    if new_levels == "population":
        return 0.0
    if new_levels == "error":
        advice = 'new_levels="population" predicts their population mean, new_levels="draw" draws their effects'
        refuse_unseen(fit.design, columns, rows, advice)
    rng = generator(seed)
    total = np.zeros(rows.n)
    for t, (levels, codes) in enumerate(group_codes(fit.design, columns, rows)):
        part, drawn = rows.random[t], draw_effects(fit, t, len(levels), rng)
        unseen = part.codes < 0
        for z, column in zip(part.Z, drawn.T, strict=True):
            total += np.where(unseen, z * column.take(codes), 0.0)
    return total


def _kept(column: Column, kept: NDArray[np.int64] | None) -> Column:
    return column if kept is None else Column(column.name, column.kind, column.values.take(kept), column.levels)
