"""Plain values to a `Column`: what counts as a number, as a logical, as text, and what no model can use.

Everything a frame, a dict or a file holds ends here, so that the same values give the same column whatever held them.
Nothing is rounded: whole numbers that a float64 cannot tell apart are refused, not merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, Literal

import numpy as np

from ..errors import DataError
from ..formula.column import Column

Content = Literal["number", "logical", "text", "missing", "other"]
EXACT = 2**53  # the first whole number whose successor is not a float64


def column_from_array(name: str, values: np.ndarray) -> Column:
    """A column from a one-dimensional NumPy array; float64 and int64 are taken as they are, without a copy.

    Raises
    ------
    DataError
        If the values are neither numbers, nor text, nor booleans.
    """
    if values.ndim != 1:
        raise DataError(f"column {name!r} has {values.ndim} dimensions; a column has one: give its parts own names")
    if isinstance(values, np.ma.MaskedArray):
        return column_from_objects(name, values.tolist())
    match values.dtype.kind:
        case "f":
            return Column(name, "number", values if values.dtype == np.float64 else values.astype(np.float64))
        case "i" | "u":
            return Column(name, "number", _as_int64(name, values))
        case "b":
            return Column(name, "logical", values)
        case "U" | "T" | "O":
            return column_from_objects(name, values.tolist())
        case "M" | "m":
            raise time_error(name, str(values.dtype))
    raise content_error(name, f"values of type {values.dtype}")


def column_from_objects(name: str, values: Sequence[Any]) -> Column:
    """A column from Python values; None, NaN and pandas' NA are missing, and numbers among text are text.

    Raises
    ------
    DataError
        If a value is no number, text or boolean, or booleans are mixed with others; the first such value is named.
    """
    kinds = {kind: _content(kind) for kind in set(map(type, values))}
    if set(kinds.values()) <= {"number", "missing"}:
        return _numbers(name, values, kinds)
    present: Sequence[Any] = values
    if any(content == "missing" or issubclass(kind, float | np.floating) for kind, content in kinds.items()):
        present = [None if kinds[type(v)] == "missing" or _is_nan(v) else v for v in values]
    found = {kinds[kind] for kind in set(map(type, present)) - {type(None)}}
    if found == {"logical"}:
        return Column(name, "logical", np.array(present, np.float64 if None in present else np.bool_))
    if found == {"text"}:
        return factor_from_texts(name, present)
    if found == {"text", "number"}:
        return factor_from_texts(name, [v if v is None else label(v) for v in present])
    raise _first_offence(name, present, kinds)


def factor_from_texts(name: str, texts: Sequence[str | None]) -> Column:
    """A factor with the texts that occur as levels, sorted by code point; None is missing.

    >>> factor_from_texts("g", ["b", "a", None]).levels
    ('a', 'b')
    """
    distinct: set[Any] = set(texts)
    has_missing = None in distinct
    distinct.discard(None)
    levels = sorted(distinct)
    codes: dict[str | None, int] = {text: code for code, text in enumerate(levels)}
    if has_missing:
        codes[None] = -1
    values = np.fromiter(map(codes.__getitem__, texts), np.int32, len(texts))
    return Column(name, "factor", values, tuple(map(str, levels)))


def factor_from_codes(name: str, codes: np.ndarray, categories: Iterable[Any], *, ordered: bool = False) -> Column:
    """A factor from codes (negative: missing) into categories of any type, whose order is kept."""
    return Column(name, "ordered" if ordered else "factor", codes.astype(np.int32), category_labels(name, categories))


def category_labels(name: str, categories: Iterable[Any]) -> tuple[str, ...]:
    """The categories as texts; two that would print the same are refused."""
    labels = tuple([c if type(c) is str else label(c) for c in categories])
    if len(set(labels)) < len(labels):
        twice = next(t for i, t in enumerate(labels) if t in labels[:i])
        raise DataError(f"column {name!r} has two categories that both read {twice!r}; give them different names")
    return labels


def label(value: Any) -> str:
    """A level as R writes it: numbers with at most 15 significant digits, TRUE and FALSE.

    >>> label(2.0), label(0.1 + 0.2), label(True)
    ('2', '0.3', 'TRUE')
    """
    if isinstance(value, bool | np.bool_):
        return "TRUE" if value else "FALSE"
    return f"{value:.15g}" if isinstance(value, float | np.floating) else str(value)


def whole_numbers_with_missing(name: str, values: np.ndarray) -> Column:
    """Whole numbers that had to become float64 (n,) because some are missing (NaN); refused where that is not exact."""
    if np.fmax.reduce(np.abs(values), initial=0.0) >= EXACT:
        raise DataError(
            f"column {name!r} holds whole numbers beyond 2**53 beside missing values, which cannot be told apart "
            "as floating-point numbers; make the column text or categorical"
        )
    return Column(name, "number", values)


def content_error(name: str, found: str) -> DataError:
    """The error for a column whose values no model can use."""
    return DataError(f"column {name!r} holds {found}; a column holds numbers, text, categories or booleans")


def time_error(name: str, found: str) -> DataError:
    """The error for dates, times and durations."""
    return DataError(
        f"column {name!r} holds dates or times ({found}); convert it to a number first, for example to days since the "
        "start, or to text if each date is a category of its own"
    )


def _as_int64(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype == np.int64:
        return values
    if values.dtype == np.uint64 and values.size and values.max() > np.iinfo(np.int64).max:
        raise too_large_error(name)
    return values.astype(np.int64)


def too_large_error(name: str) -> DataError:
    """The error for whole numbers that do not fit into 64 bits."""
    return DataError(
        f"column {name!r} holds whole numbers beyond 2**63; if they name groups make the column text or categorical, "
        "otherwise convert it to floating point"
    )


def _content(kind: type) -> Content:
    if kind is type(None) or kind.__name__ == "NAType":
        return "missing"
    if issubclass(kind, str):
        return "text"
    if issubclass(kind, bool | np.bool_):
        return "logical"
    # np.timedelta64 calls itself an integer
    if issubclass(kind, Real | Decimal) and not issubclass(kind, np.timedelta64):
        return "number"
    return "other"


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and value != value


def _numbers(name: str, values: Sequence[Any], kinds: dict[type, Content]) -> Column:
    missing = {kind for kind, content in kinds.items() if content == "missing"}
    if missing - {type(None)}:  # NumPy makes NaN of None, but not of pandas' NA
        values = [None if type(v) in missing else v for v in values]
    whole = all(issubclass(kind, int | np.integer) for kind in kinds.keys() - missing) and len(kinds) > len(missing)
    if not whole:
        return Column(name, "number", np.array(values, np.float64))
    try:
        if missing:
            return whole_numbers_with_missing(name, np.array(values, np.float64))
        return Column(name, "number", np.array(values, np.int64))
    except OverflowError:
        raise too_large_error(name) from None


def _first_offence(name: str, present: Sequence[Any], kinds: dict[type, Content]) -> DataError:
    contents = [kinds[type(v)] if v is not None else "missing" for v in present]
    if "other" in contents:
        row = contents.index("other")
    else:  # booleans among numbers or text: the first value that differs from the first
        first = next(c for c in contents if c != "missing")
        row = next(i for i, c in enumerate(contents) if c != "missing" and (c == "logical") != (first == "logical"))
    value = present[row]
    if isinstance(value, date | time | timedelta | np.datetime64 | np.timedelta64):
        return time_error(name, f"{value} in row {row + 1}")
    return content_error(name, f"{_short(value)} ({type(value).__name__}) in row {row + 1}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
