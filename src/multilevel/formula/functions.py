"""The functions a formula may use: a whitelist, from R's spelling (and NumPy's) to what they do to columns.

A `Function` says which of its parameters hold data and which are plain options; `run` receives the evaluated data. What
a transform learned from the data is kept in `Arguments.memory` under the call's text, for new data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, reduce
from itertools import product
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from multilevel.errors import DataError, FormulaError
from multilevel.formula.column import Column
from multilevel.formula.levels import number_labels
from multilevel.formula.transforms import Floats, Orthogonal, Scaling, learn_bs, learn_ns
from multilevel.formula.values import (
    Arguments,
    Basis,
    Scalar,
    Value,
    as_factor,
    column_numbers,
    logical,
    number,
    numbers,
    recode,
    truth,
)


def _elementwise(ufunc: Callable[..., Any], call: Arguments) -> Value:
    return number(ufunc(numbers(call.data[0], call.texts[0])))


def _log(call: Arguments) -> Value:
    base = call.option("base", float, float(np.e))
    x = np.log(numbers(call.data[0], call.texts[0]))
    return number(x if "base" not in call.options else x / np.log(base))


def _round(call: Arguments) -> Value:
    return number(np.round(numbers(call.data[0], call.texts[0]), call.option("digits", int, 0)))


def _summary(statistic: Callable[[Floats], float], call: Arguments) -> Value:
    return call.remember(lambda x: float(statistic(x)))


def _extreme(ufunc: np.ufunc, call: Arguments) -> Value:
    return number(reduce(ufunc, [numbers(v, t) for v, t in zip(call.data, call.texts, strict=True)]))


def _scale(call: Arguments) -> Value:
    center, scale = call.options.get("center", True), call.options.get("scale", True)
    if not isinstance(center, (bool, float)) or not isinstance(scale, (bool, float)):
        raise FormulaError(f"{call.text}: center and scale should be TRUE, FALSE or a number")
    return number(call.remember(lambda x: Scaling.learn(x, center, scale))(call.numbers()))


def _center(call: Arguments) -> Value:
    return number(call.remember(lambda x: Scaling.learn(x, True, False))(call.numbers()))


def _numbered(columns: list[Floats]) -> Basis:
    return Basis(tuple(columns), tuple(str(j + 1) for j in range(len(columns))) if len(columns) > 1 else ("",))


def _poly(call: Arguments) -> Value:
    degree = call.option("degree", int, 1)
    if degree < 1:
        raise FormulaError(f"{call.text}: degree should be 1 or more")
    raw = call.option("raw", bool, False)
    parts = [_powers(call.numbers(i), degree) if raw else _orthogonal(call, i, degree) for i in range(len(call.data))]
    return _numbered(parts[0]) if len(parts) == 1 else _products(parts, degree)


def _powers(x: Floats, degree: int) -> list[Floats]:
    return [x**j for j in range(1, degree + 1)]


def _orthogonal(call: Arguments, i: int, degree: int) -> list[Floats]:
    return call.remember(lambda x: Orthogonal.learn(x, degree, call.texts[i]), i)(call.numbers(i))


def _products(parts: list[list[Floats]], degree: int) -> Basis:
    """R's poly() of several variables: products of polynomials up to a total degree, the first varying fastest."""
    columns: list[Floats] = []
    suffixes: list[str] = []
    for backwards in product(range(degree + 1), repeat=len(parts)):
        degrees = backwards[::-1]
        if 0 < sum(degrees) <= degree:
            columns.append(reduce(np.multiply, [part[d - 1] for part, d in zip(parts, degrees, strict=True) if d]))
            suffixes.append(".".join(map(str, degrees)))
    return Basis(tuple(columns), tuple(suffixes))


def _bs(call: Arguments) -> Value:
    df, degree = _df(call), call.option("degree", int, 3)
    knots, boundary = call.several("knots", float), call.several("Boundary.knots", float)
    intercept = call.option("intercept", bool, False)
    return _numbered(call.remember(lambda x: learn_bs(x, df, knots, degree, intercept, boundary))(call.numbers()))


def _ns(call: Arguments) -> Value:
    knots, boundary = call.several("knots", float), call.several("Boundary.knots", float)
    df, intercept = _df(call), call.option("intercept", bool, False)
    return _numbered(call.remember(lambda x: learn_ns(x, df, knots, intercept, boundary))(call.numbers()))


def _df(call: Arguments) -> int | None:
    return None if call.options.get("df") is None else call.option("df", int, 0)


def _identity(call: Arguments) -> Value:
    return call.data[0]


def _cbind(call: Arguments) -> Value:
    columns: list[Floats] = []
    names: list[str] = []
    for value, text in zip(call.data, call.texts, strict=True):
        columns += value.columns if isinstance(value, Basis) else [column_numbers(value, text)]
        names += value.suffixes if isinstance(value, Basis) else [text]
    return Basis(tuple(columns), tuple(names) if len(names) > 1 else ("",))


def _factor(call: Arguments, ordered: bool = False) -> Value:
    column = as_factor(call.data[0], call.texts[0])
    wanted = call.options.get("levels")
    levels = column.levels if wanted is None else tuple(map(_label, wanted if isinstance(wanted, tuple) else (wanted,)))
    names = call.several("labels", str) or levels
    if len(names) != len(levels):
        raise FormulaError(f"{call.text}: {len(levels)} levels and {len(names)} labels; give one label per level")
    made = column if levels == column.levels else recode(column, levels)
    kind = "ordered" if call.option("ordered", bool, ordered or column.kind == "ordered") else "factor"
    return Column("", cast(Any, kind), made.values, names)


def _label(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    return number_labels(np.array([value]))[0] if isinstance(value, float) else str(value)


def _coded(call: Arguments) -> Value:
    return as_factor(call.data[0], call.texts[0])  # the contrast asked for is read by the design


def _relevel(call: Arguments) -> Value:
    column, reference = as_factor(call.data[0], call.texts[0]), call.options.get("ref")
    first = _label(cast(Scalar, reference))
    if first not in column.levels:
        raise DataError(f"{call.text}: {first!r} is no level; levels are {', '.join(column.levels)}")
    return recode(column, (first, *(level for level in column.levels if level != first)))


def _character(call: Arguments) -> Value:
    column = as_factor(call.data[0], call.texts[0])
    return recode(column, tuple(sorted(column.levels)))


def _integer(call: Arguments) -> Value:
    return number(np.trunc(numbers(_numeric(call), call.text)))


def _numeric(call: Arguments) -> Value:
    """R's as.numeric: logical to 0 and 1, text to the number it spells, a factor to its codes from 1."""
    column, text = call.data[0], call.texts[0]
    if not isinstance(column, Column) or column.kind in ("number", "logical"):
        return number(numbers(column, text))
    levels = cast("tuple[str, ...]", call.memory.setdefault(call.text, column.levels))
    spelled = [_parsed(level) for level in levels]
    positions = [float(j) for j in range(1, len(levels) + 1)]
    if text.startswith("as.character("):
        if None in spelled:
            raise DataError(f"{call.text}: {levels[spelled.index(None)]!r} is not a number")
        positions = cast("list[float]", spelled)
    elif column.kind == "factor" and None not in spelled and spelled != positions:
        raise DataError(
            f"{call.text} could mean two things, because the levels of {text} are numbers in text; "
            f"write as.numeric(as.character({text})) for the numbers, or as.numeric(ordered({text})) for positions"
        )
    table = np.array([*positions, np.nan])
    return number(table.take(recode(column, levels).values))


def _parsed(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None


def _ifelse(call: Arguments) -> Value:
    test = truth(call.data[0], call.texts[0])
    branches = call.data[1:]
    if any(isinstance(b, str) or (isinstance(b, Column) and b.kind in ("factor", "ordered")) for b in branches):
        return _choose_labels(np.asarray(test), branches, call.texts[1:])
    yes, no = (numbers(b, t) for b, t in zip(branches, call.texts[1:], strict=True))
    return number(np.where(np.isnan(test), np.nan, np.where(test == 1, yes, no)))


def _choose_labels(test: NDArray[Any], branches: tuple[Value, ...], texts: tuple[str, ...]) -> Column:
    sides = [Column("", "factor", np.zeros(1, np.int32), (b,)) if isinstance(b, str) else as_factor(b, t)
             for b, t in zip(branches, texts, strict=True)]  # fmt: skip
    levels = tuple(sorted({level for side in sides for level in side.levels}))
    yes, no = (recode(side, levels).values for side in sides)
    return Column("", "factor", np.where(np.isnan(test), -1, np.where(test == 1, yes, no)).astype(np.int32), levels)


def _interaction(call: Arguments) -> Value:
    """R's interaction(): the first factor varies fastest among the levels; those that do not occur have no columns."""
    separator = call.option("sep", str, ".")
    call.option("drop", bool, True)
    columns = [as_factor(value, text) for value, text in zip(call.data, call.texts, strict=True)]
    codes, levels = columns[0].values, columns[0].levels
    for right in columns[1:]:
        missing = (codes < 0) | (right.values < 0)
        codes = np.where(missing, -1, codes + len(levels) * right.values).astype(np.int32)
        levels = tuple(f"{a}{separator}{b}" for b in right.levels for a in levels)
    return Column("", "factor", codes, levels)


def _dummy(call: Arguments) -> Value:
    column, level = as_factor(call.data[0], call.texts[0]), call.options.get("level")
    levels = cast("tuple[str, ...]", call.memory.setdefault(call.text, column.levels))
    wanted = levels[1 % len(levels)] if level is None else _label(cast(Scalar, level))
    if wanted not in levels:
        raise DataError(f"{call.text}: {wanted!r} is no level; levels are {', '.join(levels)}")
    return number(np.array([float(label == wanted) for label in column.levels] + [np.nan]).take(column.values))


def _is_missing(call: Arguments) -> Value:
    value = call.data[0]
    if isinstance(value, Column) and value.kind in ("factor", "ordered"):
        return logical(value.values < 0)
    return logical(np.isnan(call.numbers()))


class Function(NamedTuple):
    """A function of the language: its data parameters (any number if `many`), and its options in R's order."""

    run: Callable[[Arguments], Value]
    data: tuple[str, ...] = ("x",)
    options: tuple[str, ...] = ()
    many: bool = False


def _variance(x: Floats) -> float:
    if len(x) < 2:
        raise DataError("sd() and var() need two values at least; found one")
    return float(np.var(x, ddof=1))


def _plogis(x: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(0.5 * x))


_UFUNCS: dict[str, Callable[..., Any]] = {
    "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "exp": np.exp, "expm1": np.expm1, "sqrt": np.sqrt,
    "abs": np.abs, "sign": np.sign, "square": np.square, "floor": np.floor, "ceiling": np.ceil, "ceil": np.ceil,
    "trunc": np.trunc, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "plogis": _plogis, "qlogis": lambda p: np.log(p) - np.log1p(-p),
}  # fmt: skip
_SUMMARIES: dict[str, Callable[[Floats], float]] = {
    "mean": np.mean, "median": np.median, "min": np.min, "max": np.max, "sum": np.sum,
    "sd": lambda x: _variance(x) ** 0.5, "var": lambda x: _variance(x),
}  # fmt: skip


def _each(names: Iterable[str], function: Function) -> dict[str, Function]:
    return dict.fromkeys(names, function)


FUNCTIONS: dict[str, Function] = {
    **{name: Function(partial(_elementwise, ufunc)) for name, ufunc in _UFUNCS.items()},
    **{name: Function(partial(_summary, f), options=("na.rm",)) for name, f in _SUMMARIES.items()},
    "I": Function(_identity),
    "log": Function(_log, options=("base",)),
    **_each(("round", "around"), Function(_round, options=("digits",))),
    "scale": Function(_scale, options=("center", "scale")),
    "center": Function(_center),
    "poly": Function(_poly, options=("degree", "raw"), many=True),
    "bs": Function(_bs, options=("df", "knots", "degree", "intercept", "Boundary.knots")),
    "ns": Function(_ns, options=("df", "knots", "intercept", "Boundary.knots")),
    **_each(("factor", "as.factor"), Function(_factor, options=("levels", "labels", "ordered"))),
    "numFactor": Function(_factor),  # glmmTMB's, of one coordinate
    **_each(("ordered", "as.ordered"), Function(partial(_factor, ordered=True), options=("levels", "labels"))),
    "droplevels": Function(_coded),
    "C": Function(_coded, options=("contr", "base")),
    "relevel": Function(_relevel, options=("ref",)),
    "as.character": Function(_character),
    **_each(("as.numeric", "as.double"), Function(_numeric)),
    "as.integer": Function(_integer),
    "interaction": Function(_interaction, options=("drop", "sep"), many=True),
    "dummy": Function(_dummy, options=("level",)),
    "cbind": Function(_cbind, many=True),
    **_each(("ifelse", "where"), Function(_ifelse, data=("test", "yes", "no"))),
    **_each(("pmin", "minimum"), Function(partial(_extreme, np.minimum), many=True)),
    **_each(("pmax", "maximum"), Function(partial(_extreme, np.maximum), many=True)),
    "is.na": Function(_is_missing),
}
