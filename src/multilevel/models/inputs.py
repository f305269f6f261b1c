"""What the user gave, read and checked: columns, prior weights, missing values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ..data.rows import read_columns
from ..data.sums import Floats
from ..errors import DataError, FitError, FormulaError, nearest
from ..formula import Column, Formula, Matrices
from ..formula.evaluate import missing_rows
from ..formula.matrices import check_size

Weights: TypeAlias = str | Sequence[float] | Floats | None
Missing: TypeAlias = Literal["drop", "error"]
FEW = 5  # so many names are listed in a message


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The columns a formula needs, and prior weights (n_total,) under the name "weights" if there are any."""

    columns: dict[str, Column]
    extra: dict[str, Floats]
    weights_column: str | None

    def missing(self, rows: Matrices, policy: Missing) -> dict[str, int]:
        """How many values each incomplete column lacks; DataError if no row may be dropped."""
        if rows.kept is None:
            return {}
        counts = {name: int(missing_rows(column).sum()) for name, column in self.columns.items()}
        found = {name: count for name, count in counts.items() if count}
        if policy == "error":
            raise DataError(
                f"{rows.n_total - rows.n} of {rows.n_total} rows have missing values ({listed_counts(found)}); "
                'fill them, leave these rows out, or use missing="drop"'
            )
        return found


def listed_counts(counts: dict[str, int]) -> str:
    """`ozone 37, solar 7`: columns with the most missing values first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {count}" for name, count in ordered[:FEW]) + (", ..." if len(ordered) > FEW else "")


def read_inputs(
    formula: Formula,
    data: Any,
    weights: Weights,
    missing: Missing,
    *,
    zero_weights: bool,
    also: Sequence[str] = (),
) -> Inputs:
    """Read the columns that a formula needs from a table, and those named in `also`.

    Columns of floats are copied, unless lent by a table that copies on write: what happens to it later does not reach
    the fit.

    Raises
    ------
    FormulaError : the formula has no response.
    DataError : a column cannot be read, or the weights are not one positive number per row (zero only with
        `zero_weights`), or `missing` is neither "drop" nor "error".
    """
    if formula.response is None:
        raise FormulaError(
            f"the formula {formula.text!r} has no response; write it left of '~', as in 'y {formula.text}'"
        )
    if missing not in ("drop", "error"):
        raise DataError(f'missing is {missing!r}; expected "drop" or "error"')
    names: list[str] | None = None if formula.has_dot else list(dict.fromkeys([*formula.variables, *also]))
    if isinstance(weights, str) and names is not None and weights not in names:
        names.append(weights)
    columns = {name: _owned(column) for name, column in read_columns(data, names).items()}
    if weights is None:
        return Inputs(columns, {}, None)
    values = _weights_column(columns, weights) if isinstance(weights, str) else _weights_array(weights, columns)
    _check_weights(values, zero_weights)
    return Inputs(columns, {"weights": values}, weights if isinstance(weights, str) else None)


def theta_of(values: Sequence[float] | Floats, size: int, name: str) -> Floats:
    """An own array of `size` entries of theta; FitError if `values`, the argument `name`, are none."""
    try:
        theta = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise FitError(
            f"{name} should hold {size} finite numbers, the entries of theta; found {values!r:.60}"
        ) from None
    if theta.shape != (size,) or not np.isfinite(theta).all():
        raise FitError(f"{name} should hold {size} finite numbers, the entries of theta; found shape {theta.shape}")
    return theta


def numbers_given(y: Any) -> Floats:
    """Another response as an own array of floats; DataError if it holds something else."""
    try:
        return np.array(y, np.float64)
    except (TypeError, ValueError):
        shown = y.tolist() if isinstance(y, np.ndarray) else y
        raise DataError(f"y is {shown!r:.60}; expected an array of numbers, one for each row of the data") from None


def response_of(rows: Matrices) -> Floats:
    """The response (n,); DataError if it is a pair of columns."""
    y = rows.y
    assert y is not None  # read_inputs refuses formulas without response
    if y.ndim > 1:
        raise DataError(
            "the response is cbind(successes, failures), which needs a binomial family; expected one column"
        )
    return y


def _owned(column: Column) -> Column:
    if column.values.dtype == np.float64 and not column.lent:
        return Column(column.name, column.kind, column.values.copy(), column.levels)
    return column


def _weights_column(columns: dict[str, Column], name: str) -> Floats:
    if name not in columns:
        raise DataError(f"column {name!r} not found{nearest(name, columns)}")
    column = columns[name]
    if column.kind not in ("number", "logical"):
        raise DataError(f"the weights {name!r} are text or categories; expected positive numbers")
    return column.values.astype(np.float64)


def _weights_array(weights: Any, columns: dict[str, Column]) -> Floats:
    try:
        values = np.array(weights, np.float64)
    except (TypeError, ValueError):
        raise DataError("weights should be the name of a column or an array of positive numbers") from None
    n = len(next(iter(columns.values())).values)
    if values.shape != (n,):
        found = f"{len(values)} values" if values.ndim == 1 else f"an array of shape {values.shape}"
        raise DataError(f"weights has {found} but the data have {n} rows; expected one weight per row")
    return values


def _check_weights(values: Floats, zero_allowed: bool) -> None:
    wrong = ~(np.isfinite(values) & (values >= 0 if zero_allowed else values > 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        expected = "zero or positive" if zero_allowed else "positive"
        advice = "" if zero_allowed or values[row] != 0 else ": leave out rows that should not count"
        raise DataError(
            f"weights must be {expected} numbers; found {values[row]:g} in row {row} (counting from 0), "
            f"{int(wrong.sum())} row(s) like this{advice}"
        )
    if not values.any():
        raise DataError("all weights are zero; no row counts")
    check_size("weights", float(values.max()))
