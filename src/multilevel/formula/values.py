"""Values that expressions have, and the arguments of a function: columns, bases of several columns, single numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from multilevel.errors import DataError, FormulaError
from multilevel.formula.column import Column
from multilevel.formula.levels import labelled
from multilevel.formula.transforms import Floats

Scalar: TypeAlias = float | str | bool | None
Option: TypeAlias = Scalar | tuple[Scalar, ...]
State = TypeVar("State")


class Basis(NamedTuple):
    """A variable of several columns, such as poly(x, 2): arrays (n,) and what each adds to the variable's name."""

    columns: tuple[Floats, ...]
    suffixes: tuple[str, ...]


Value: TypeAlias = Column | Basis | float | str | bool


class Arguments(NamedTuple):
    """What a function is called with: evaluated data, their texts, options, and the memory of the design."""

    text: str
    data: tuple[Value, ...]
    texts: tuple[str, ...]
    options: dict[str, Option]
    memory: dict[str, object]

    def numbers(self, i: int = 0) -> Floats:
        """The i-th data argument as floats (n,), NaN where missing."""
        return column_numbers(self.data[i], self.texts[i])

    def remember(self, learn: Callable[[Floats], State], i: int = 0) -> State:
        """What this call learned from the values present in its i-th data argument, at its first use."""
        key = f"{self.text} {i}" if i else self.text
        if key not in self.memory:
            x, text = self.numbers(i), self.texts[i]
            present = x[~np.isnan(x)]
            if not present.size:
                raise DataError(f"{self.text} has no values to learn from: {text} is missing in every row")
            if not np.isfinite(present).all():
                raise DataError(f"{self.text} cannot be computed: {text} is infinite in some rows")
            self.memory[key] = learn(present)
        return cast(State, self.memory[key])

    def option(self, name: str, kind: type[State], default: State) -> State:
        """A plain option of the wanted kind, or its default."""
        value = self.options.get(name, default)
        if kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if kind is bool and value in (0.0, 1.0):
            value = bool(value)
        if value is not default and type(value) is not kind:
            wanted = {int: "a whole number", bool: "TRUE or FALSE", float: "a number", str: "a quoted text"}[kind]
            raise FormulaError(f"{self.text}: {name} should be {wanted}; found {value!r}")
        return value

    def several(self, name: str, kind: type[State]) -> tuple[State, ...] | None:
        """An option made with c(...), or one value of it."""
        value = self.options.get(name)
        values = value if isinstance(value, tuple) else (value,)
        if value is not None and not all(type(v) is kind for v in values):
            raise FormulaError(f"{self.text}: {name} should be {'numbers' if kind is float else 'texts'}, as in c(...)")
        return None if value is None else cast("tuple[State, ...]", values)


# ---- kinds of values ------------------------------------------------------------------------------------------------


def numbers(value: Value, text: str) -> Floats | float:
    """A value as floats, NaN where missing; DataError for text."""
    if isinstance(value, Column) and value.kind in ("number", "logical"):
        return value.values.astype(np.float64, copy=False)
    if isinstance(value, (bool, int, float)):
        return float(value)
    if isinstance(value, Basis):
        if len(value.columns) == 1:
            return value.columns[0]
        raise DataError(f"{text} has {len(value.columns)} columns; arithmetic needs one column of numbers")
    raise DataError(f"{text} is text or categorical; numbers were expected. Use it as a term, or compare it with ==")


def column_numbers(value: Value, text: str) -> Floats:
    """As `numbers`, for functions that need a value per row."""
    x = numbers(value, text)
    if isinstance(x, float):
        raise FormulaError(f"{text} is one number; a column was expected")
    return x


def number(x: Floats | float) -> Value:
    """Floats as a value."""
    return Column("", "number", x) if isinstance(x, np.ndarray) else float(x)


def logical(values: Floats | float | NDArray[np.bool_]) -> Value:
    """Truth values as a value: bool where none is missing, otherwise 0, 1 and NaN."""
    array = np.asarray(values)
    if array.dtype.kind == "f" and not np.isnan(array).any():
        array = array != 0
    return Column("", "logical", array)


def truth(value: Value, text: str) -> Floats | float:
    """A logical value as 0, 1 and NaN."""
    if isinstance(value, bool) or (isinstance(value, Column) and value.kind == "logical"):
        return numbers(value, text)
    raise DataError(f"{text} is not logical; write a comparison such as {text} > 0")


def as_factor(value: Value, text: str) -> Column:
    """A value as a categorical column."""
    if not isinstance(value, Column):
        raise FormulaError(f"{text} cannot be made a factor; a single column was expected")
    if value.kind in ("factor", "ordered"):
        return value
    codes, labels = labelled(value)
    return Column("", "factor", codes, labels)


def recode(column: Column, levels: tuple[str, ...], ordered: bool = False) -> Column:
    """The same labels, coded among other levels: -1 where a label is none of them."""
    place = {level: i for i, level in enumerate(levels)}
    table = np.array([place.get(level, -1) for level in column.levels] + [-1], dtype=np.int32)
    return Column("", "ordered" if ordered else "factor", table.take(column.values), levels)
