"""New responses from a fit: y* = X beta + Z b + offset + e, with e ~ N(0, sigma^2 / w)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import numpy as np

from .data.rows import read_columns
from .data.sums import Floats
from .errors import DataError, InferenceError
from .formula import Column, Matrices
from .models.estimate import Fit
from .models.predictor import fixed_part, random_part
from .predict import (
    aligned,
    draw_effects,
    group_codes,
    new_columns,
    one_of,
    refuse_unseen,
)
from .seeds import Seed, generator

SimulatedGroups: TypeAlias = Literal["new", "same"]


def simulate(
    fit: Fit, n: int = 1, *, groups: SimulatedGroups = "new", newdata: Any = None, seed: Seed = None
) -> Floats:
    """(rows, n) simulated responses; NaN in rows with a missing value.

    "new" draws random effects for every level anew, "same" keeps the conditional modes. One more simulation does not
    change those before it.
    """
    columns, rows = simulated_rows(fit, newdata)
    weights = fit.prior_weights if newdata is None else new_weights(fit, newdata, rows)
    rng = generator(seed)
    with np.errstate(divide="ignore"):
        sd = fit.estimate.sigma if weights is None else fit.estimate.sigma / np.sqrt(weights)
    etas = drawn_predictors(fit, n, groups, columns, rows, rng)
    out = np.column_stack([eta + sd * rng.standard_normal(rows.n) for eta in etas])
    if weights is not None:
        out[weights == 0] = np.nan  # a row that does not count has no finite variance
    return aligned(out, rows)


def simulated_rows(fit: Fit, newdata: Any) -> tuple[dict[str, Column] | None, Matrices]:
    """New columns (None: those of the fit), and the rows to simulate."""
    if newdata is None:
        return None, fit.rows
    columns = new_columns(fit, newdata, random=True, instead="")
    return columns, fit.design.matrices(columns)


def drawn_predictors(
    fit: Fit,
    n: int,
    groups: SimulatedGroups,
    columns: dict[str, Column] | None,
    rows: Matrices,
    rng: np.random.Generator,
) -> Iterator[Floats]:
    """n times the linear predictor (n_rows,), with random effects drawn anew or at their modes."""
    one_of("groups", groups, ("new", "same"))
    if not (isinstance(n, int | np.integer) and n >= 1):
        raise DataError(f"n is {n!r}; expected the number of simulations, 1 or more")
    mean = fixed_part(fit, rows)
    if groups == "same":
        if columns is not None:
            refuse_unseen(fit.design, columns, rows, 'groups="new" draws the effects of all levels')
        mean += random_part(rows, fit.estimate.modes)
        codes = []
    elif columns is None:
        codes = [(part.n_levels, part.codes) for part in rows.random]
    else:
        codes = [(len(levels), codes) for levels, codes in group_codes(fit.design, columns, rows)]
    for _ in range(n):
        eta = mean.copy()
        for t, (n_levels, of_row) in enumerate(codes):
            for z, column in zip(rows.random[t].Z, draw_effects(fit, t, n_levels, rng).T, strict=True):
                eta += z * column.take(of_row)
        yield eta


def new_weights(fit: Fit, newdata: Any, rows: Matrices) -> Floats | None:
    """(n,) prior weights of new rows, from the column that the fit took them from; None if it has none."""
    if fit.prior_weights is None:
        return None
    if fit.weights_column is None:
        raise InferenceError(
            "the fit has prior weights that were given as an array, so those of the new rows are not known; fit with "
            "weights as the name of a column, and have that column in newdata"
        )
    column = read_columns(newdata, [fit.weights_column])[fit.weights_column]
    weights = column.values.astype(np.float64)
    if rows.kept is not None:
        weights = weights.take(rows.kept)
    if not (weights > 0).all():
        raise DataError(f"the weights {fit.weights_column!r} of the new rows must be positive numbers")
    return weights
