"""Values of the expressions that stand in a formula.

    Node + Scope ──evaluate──► Value       what a transform learned is kept in Scope.memory

Nothing is ever passed to Python's `eval`: a function that is not in `functions.FUNCTIONS` does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multilevel.errors import DataError, FormulaError, nearest
from multilevel.formula.calls import bind, constant, names_in
from multilevel.formula.column import Column
from multilevel.formula.parse import COMPARISONS, Call, Constant, Name, Node, Operation, Parenthesis, deparse
from multilevel.formula.transforms import Floats
from multilevel.formula.values import Arguments, Basis, Scalar, Value, logical, number, numbers, truth
from multilevel.formula.variables import Variable

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power,
    "%%": np.mod, "%/%": np.floor_divide,
}  # fmt: skip
COMPARE: dict[str, Callable[..., Any]] = {
    "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip


class Scope(NamedTuple):
    """The columns at hand, and what transforms learned, by the text of their call."""

    columns: Mapping[str, Column]
    memory: dict[str, object]

    def column(self, name: str) -> Column:
        """A column by name; DataError with the nearest name when there is none."""
        try:
            return self.columns[name]
        except KeyError:
            raise DataError(
                f"column {name!r} not found; the data have {_listed(self.columns)}{nearest(name, self.columns)}"
            ) from None


def _listed(columns: Mapping[str, Column]) -> str:
    names = [repr(name) for name in columns]
    return (", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")) or "no columns"


def evaluate_variable(node: Node, text: str, scope: Scope, beside: Iterable[Variable] = ()) -> Column | Basis:
    """A variable of the model, one value or several per row; NaN only where a column of it or of `beside` is missing.

    Rows with a missing value are left out: what a function makes of their other values does not matter, as in R.
    """
    with np.errstate(all="ignore"):
        value = evaluate(node, scope)
    columns = value.columns if isinstance(value, Basis) else (value.values,) if isinstance(value, Column) else ()
    if not isinstance(value, (Column, Basis)) or columns[0].ndim == 0:
        raise FormulaError(f"{text} is one value, not one per row; a term has to vary with the rows")
    for column in columns:
        if column.dtype.kind == "f" and not np.logical_and.reduce(np.isfinite(column)):
            _check_finite(column, node, text, scope, beside)
    return value


def _check_finite(values: Floats, node: Node, text: str, scope: Scope, beside: Iterable[Variable]) -> None:
    """DataError if a value is infinite or missing in a row where no column is missing; NaN in all other rows."""
    missing = np.zeros(values.shape, bool)
    for name in dict.fromkeys([*names_in(node), *(name for variable in beside for name in variable.names)]):
        column = scope.column(name)
        if column.values.shape == values.shape:  # columns of other lengths are refused later
            missing |= missing_rows(column)
    wrong = np.flatnonzero(~np.isfinite(values) & ~missing)
    if wrong.size:
        row = int(wrong[0])
        inputs = [scope.column(name) for name in dict.fromkeys(names_in(node))]
        found = " and ".join(f"{column.name} = {_shown(column, row)}" for column in inputs)
        raise DataError(
            f"{text} is {values[row]:g} in row {row} (counting from 0), where {found}; "
            f"leave out such rows ({len(wrong)} of {len(values)}) or transform the column first"
        )
    if (infinite := np.isinf(values)).any():  # of a new array: those of the columns themselves are refused before
        values[infinite] = np.nan


def missing_rows(column: Column) -> NDArray[np.bool_]:
    """Where a column is missing: (n,) booleans."""
    if column.kind in ("factor", "ordered"):
        return column.values < 0
    return np.isnan(column.values) if column.values.dtype.kind == "f" else np.zeros(column.values.shape, bool)


def _shown(column: Column, row: int) -> str:
    value = column.values[row]
    if column.kind in ("factor", "ordered"):
        return repr(column.levels[value]) if value >= 0 else "missing"
    return f"{value:g}" if column.kind == "number" else str(bool(value)).upper()


def evaluate(node: Node, scope: Scope) -> Value:
    """The value of an expression."""
    match node:
        case Constant():
            if node.value is None:
                raise FormulaError("NULL has no value here; it is the default of an option")
            return node.value
        case Name(name):
            return scope.column(name)
        case Parenthesis():
            return evaluate(node.inner, scope)
        case Call():
            bound = bind(node)
            data = tuple(evaluate(argument, scope) for argument in bound.data)
            texts = tuple(map(deparse, bound.data))
            return bound.function.run(Arguments(deparse(node), data, texts, bound.options, scope.memory))
        case Operation("%in%", (left, right)):
            wanted = constant(right, "the right side of %in%")
            return _member(evaluate(left, scope), deparse(left), wanted if isinstance(wanted, tuple) else (wanted,))
        case Operation(operator, operands):
            return _operate(operator, [evaluate(operand, scope) for operand in operands], list(map(deparse, operands)))


def _operate(operator: str, values: list[Value], texts: list[str]) -> Value:
    if operator == "!":
        return logical(1.0 - truth(values[0], texts[0]))
    if operator in ("&", "|"):
        a, b = (truth(value, text) for value, text in zip(values, texts, strict=True))
        decided = 0.0 if operator == "&" else 1.0  # one such side decides even when the other is missing
        joined = np.minimum(a, b) if operator == "&" else np.maximum(a, b)
        return logical(np.where((a == decided) | (b == decided), decided, joined))
    if operator in COMPARISONS:
        return _compare(operator, values[0], values[1], texts)
    if operator not in ARITHMETIC:
        raise FormulaError(f"{operator!r} has no value inside an expression")
    operands = [numbers(value, text) for value, text in zip(values, texts, strict=True)]
    if len(operands) == 1:
        return number(-operands[0] if operator == "-" else operands[0])
    return number(reduce(ARITHMETIC[operator], operands))


def _compare(operator: str, left: Value, right: Value, texts: list[str]) -> Value:
    if not (_has_labels(left) or _has_labels(right)):
        a, b = (numbers(value, text) for value, text in zip((left, right), texts, strict=True))
        return logical(_where_present(COMPARE[operator](a, b), np.isnan(a) | np.isnan(b)))
    a_places, b_places, ordered = _places(left, right, texts)
    if operator not in ("==", "!=") and not ordered:
        raise DataError(f"{texts[0]} {operator} {texts[1]}: only numbers and ordered factors have an order; use ==")
    return logical(_where_present(COMPARE[operator](a_places, b_places), (a_places == -1) | (b_places == -1)))


def _has_labels(value: Value) -> bool:
    return isinstance(value, str) or (isinstance(value, Column) and value.kind in ("factor", "ordered"))


def _places(left: Value, right: Value, texts: list[str]) -> tuple[NDArray[Any], NDArray[Any], bool]:
    """Both sides of a comparison of labels as places among all levels, -1 where missing; whether they are ordered."""
    columns = [side for side in (left, right) if isinstance(side, Column) and _has_labels(side)]
    for side, text in zip((left, right), texts, strict=True):
        if not _has_labels(side):
            other = texts[1 - texts.index(text)]
            raise DataError(f"{text} holds numbers and {other} text; compare numbers, or as.character({text})")
    levels = list(dict.fromkeys(level for column in columns for level in column.levels))
    place = {level: i for i, level in enumerate(levels)}

    def places(side: Value) -> NDArray[Any]:
        if isinstance(side, Column):
            return np.array([place[level] for level in side.levels] + [-1]).take(side.values)
        return np.array(place.get(str(side), -2))

    ordered = all(column.kind == "ordered" and list(column.levels) == levels for column in columns)
    known = all(isinstance(side, Column) or side in place for side in (left, right))
    return places(left), places(right), ordered and known


def _where_present(answer: NDArray[Any], missing: NDArray[Any]) -> Floats | NDArray[np.bool_]:
    return np.where(missing, np.nan, answer) if np.any(missing) else np.asarray(answer)


def _member(value: Value, text: str, wanted: tuple[Scalar, ...]) -> Value:
    """R's %in%: never missing."""
    if isinstance(value, Column) and _has_labels(value):
        return logical(np.array([level in wanted for level in value.levels] + [False]).take(value.values))
    x = numbers(value, text)
    if any(isinstance(item, str) for item in wanted):
        raise DataError(f"{text} holds numbers; the values after %in% should be numbers too")
    return logical(np.isin(x, np.array(wanted, dtype=np.float64)))
