"""Named: values by name that never change; and the checks that numbers of a truth go through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from numbers import Real
from typing import Any, TypeVar

from ..errors import DataError
from ..labelled import unknown_name

T = TypeVar("T")


class Named(Mapping[str, T]):
    """A mapping that never changes and can be hashed; asked for an unknown name, it tells the nearest.

    >>> Named({"days": 10.5}, "coefficient")["days"]
    10.5
    """

    __slots__ = ("_items", "_kind")

    def __init__(self, items: Mapping[str, T], kind: str) -> None:
        self._items = dict(items)
        self._kind = kind

    def __getitem__(self, name: str) -> T:
        if name not in self._items:
            raise unknown_name(self._kind, name, self._items)
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


def number(what: str, value: Any, *, positive: bool = False) -> float:
    """A finite number as float, zero or positive if asked for; DataError for anything else."""
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise DataError(f"{what} is {value!r}; expected a finite number")
    if positive and value < 0:
        raise DataError(f"{what} is {value:g}; a standard deviation is zero or positive")
    return float(value)


def by_name(what: str, given: Any, example: str) -> Mapping[str, Any]:
    """A mapping whose keys are names; DataError for anything else."""
    if not isinstance(given, Mapping):
        raise DataError(f"{what} is of type {type(given).__name__}; expected values by name, such as {example}")
    for name in given:
        if not isinstance(name, str) or not name:
            raise DataError(f"{what} has the name {name!r}; names are texts, as in {example}")
    return given
