"""Estimates that know their names: a vector (`Coefficients`) and a matrix (`Covariance`).

Both are arrays to NumPy, in coefficient order, and look-up tables to a reader: `fixef["days"]`,
`vcov["days", "(Intercept)"]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from .digits import significant
from .errors import InferenceError, nearest
from .framed import frame
from .layout import Page, Section
from .tables import Table, column, named_row

Floats = NDArray[np.float64]


class UnknownNameError(InferenceError, KeyError):
    """A name that is none of the known ones; also a KeyError, so that `in` and `.get` work."""

    def __str__(self) -> str:
        return str(self.args[0])


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that was not found: what it could have been, and what there is.

    >>> print(unknown_name("coefficient", "dayz", ["(Intercept)", "days"]))
    no coefficient is called 'dayz'; did you mean 'days'? (known: '(Intercept)', 'days')
    """
    names = list(known)
    shown = ", ".join(map(repr, names[:12])) + (", ..." if len(names) > 12 else "")
    return UnknownNameError(f"no {kind} is called {name!r}{nearest(str(name), names)} (known: {shown})")


class _ActsAsArray(NDArrayOperatorsMixin):
    """Arithmetic and NumPy functions see the plain array and give plain arrays back."""

    __slots__ = ()
    array: Floats

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.array, dtype=dtype) if copy else np.asarray(self.array, dtype=dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [x.array if isinstance(x, _ActsAsArray) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **options)


@dataclass(frozen=True, eq=False, repr=False)
class Coefficients(_ActsAsArray, Page, Mapping[str, float]):
    """A named vector, such as the fixed effects or their standard errors.

    Parameters
    ----------
    names : (p,) coefficient names.
    array : (p,) float64 values; a read-only copy is kept.
    what : what the values are; heads their column in `to_frame()`.
    backend : library of the frame that `to_frame()` gives.

    Raises
    ------
    InferenceError : an unknown name was asked for.

    >>> fixef = Coefficients(("(Intercept)", "days"), np.array([251.4051, 10.46729]))
    >>> fixef["days"]
    10.46729
    >>> fixef
    (Intercept)        days
      251.40510    10.46729
    """

    names: tuple[str, ...]
    array: Floats
    what: str = "estimate"
    backend: str = "pandas"

    def __post_init__(self) -> None:
        object.__setattr__(self, "array", _sealed(self.array))

    def __getitem__(self, name: str) -> float:
        return float(self.array[_position(name, self.names)])

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return self.to_text()

    def sections(self) -> tuple[Section, ...]:
        """One table: a row of values under their names, or a list if they do not fit side by side."""
        cells = significant(self.array)
        row = named_row(self.names, cells)
        fits = sum(1 + c.width for c in row.columns) <= 81
        table = row if fits else Table((column(self.what, cells),), self.names)
        return (Section("", (table,)),)

    def to_frame(self) -> Any:
        """A frame with columns `term` and what the values are (`estimate`)."""
        return frame({"term": self.names, self.what: self.array}, self.backend)


@dataclass(frozen=True, eq=False, repr=False)
class Covariance(_ActsAsArray, Page):
    """A named symmetric matrix, such as the covariance of the fixed effects.

    Parameters
    ----------
    names : (p,) coefficient names of rows and columns.
    array : (p, p) float64 values; a read-only copy is kept.
    backend : library of the frame that `to_frame()` gives.

    Raises
    ------
    InferenceError : an unknown name was asked for.

    >>> vcov = Covariance(("(Intercept)", "days"), np.array([[46.57, -1.45], [-1.45, 2.39]]))
    >>> vcov["days", "(Intercept)"]
    -1.45
    >>> vcov
                (Intercept)  days
    (Intercept)       46.57 -1.45
    days              -1.45  2.39
    """

    names: tuple[str, ...]
    array: Floats
    backend: str = "pandas"

    def __post_init__(self) -> None:
        object.__setattr__(self, "array", _sealed(self.array))

    def __getitem__(self, pair: tuple[str, str]) -> float:
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise InferenceError(f"one entry is asked for by two names, vcov[name, name]; found {pair!r}")
        row, col = (_position(name, self.names) for name in pair)
        return float(self.array[row, col])

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return self.to_text()

    def correlation(self) -> Covariance:
        """The same matrix scaled to a unit diagonal."""
        sd = np.sqrt(np.diag(self.array))
        return Covariance(self.names, self.array / np.outer(sd, sd), self.backend)

    def sections(self) -> tuple[Section, ...]:
        """One table, rows and columns labelled."""
        columns = tuple(column(name, values) for name, values in zip(self.names, self.array.T, strict=True))
        return (Section("", (Table(columns, self.names),)),)

    def to_frame(self) -> Any:
        """A frame with the column `term` and one column for each coefficient."""
        values = dict(zip(self.names, self.array.T, strict=True))
        return frame({"term": self.names, **values}, self.backend)


def _sealed(values: Floats) -> Floats:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def _position(name: str, names: tuple[str, ...]) -> int:
    try:
        return names.index(name)
    except ValueError:
        raise unknown_name("coefficient", name, names) from None
