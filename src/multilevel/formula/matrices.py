"""Complete rows of the evaluated variables, and the columns of X and Z that are made of them.

A column of X or Z is a product of pieces; its recipe is the tuple of these pieces, `()` for the intercept:

    (variable, "", j)       the j-th column of a number or basis
    (variable, "=", j)      1 where a factor has its j-th level, else 0
    (variable, kind, j)     the j-th column of the contrast of that kind

Equal recipes give the same array, in X as in Z, and a column of floats is the user's own array when no row is dropped.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multilevel.errors import DataError
from multilevel.formula.column import Column
from multilevel.formula.contrasts import Contrast
from multilevel.formula.evaluate import Scope, evaluate_variable, missing_rows
from multilevel.formula.levels import Codes, Crossing, Levels
from multilevel.formula.planning import Recipe
from multilevel.formula.structures import UNCORRELATED, Covariance, Structure, covariance, n_theta
from multilevel.formula.terms import Bar
from multilevel.formula.transforms import Floats
from multilevel.formula.values import Basis
from multilevel.formula.variables import Variable

ONE = struct.pack("d", 1.0)
LARGEST = 1e150  # numbers beyond, and below one over it, have no squares that a million rows could add up


class Grouped:
    """What a random term says of its grouping factor, as learned or with its rows."""

    __slots__ = ()
    bar: Bar
    factor: Levels | Crossing
    names: tuple[str, ...]

    @property
    def group(self) -> str:
        """Name of the grouping factor: "subject", "cask:batch"."""
        return self.bar.name

    @property
    def structure(self) -> Structure:
        """Covariance of the effects: "us" all free, "diag" uncorrelated, "ar1", "cs", ..."""
        return self.bar.structure

    @property
    def correlated(self) -> bool:
        """Whether there are correlations between the effects."""
        return self.structure not in UNCORRELATED and len(self.names) > 1

    @property
    def covariance(self) -> Covariance:
        """The structure as the core takes it."""
        return covariance(self.structure, self.names)

    @property
    def n_theta(self) -> int:
        """Entries of theta that belong to this term."""
        return n_theta(self.structure, len(self.names))

    @property
    def label(self) -> str:
        """What stands inside the parentheses: "days | subject", "days || subject"."""
        return self.bar.label

    @property
    def written(self) -> str:
        """The term as it stands in a formula: "(days | subject)", "ar1(0 + times | subject)"."""
        return self.bar.written

    @property
    def what(self) -> str:
        """What varies, without what says that there is no intercept: "times" of ar1(0 + times | subject)."""
        return " + ".join(self.bar.terms.labels) or "(Intercept)"

    @property
    def n_levels(self) -> int:
        """Number of levels of the grouping factor when the design was learned."""
        return len(self.factor)

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels as text, in the order of the codes; spelled out at the first call."""
        return self.factor.labels


@dataclass(frozen=True, slots=True, eq=False)
class RandomMatrices(Grouped):
    """The data of one random term: which level each row belongs to, and the columns whose effects vary.

    `codes` (n,) int32, -1 for levels that the fit has not seen; `Z` k arrays (n,) named by `names`.
    """

    bar: Bar
    codes: Codes
    factor: Levels | Crossing
    names: tuple[str, ...]
    Z: tuple[Floats, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """Everything a linear mixed model takes from the data, for the rows without missing values.

    `kept` holds the positions of these n rows among the `n_total` of the data, or None if all were kept; `y` is (n,),
    (n, 2) for cbind(), None if not asked for; `X` p arrays (n,); `extra` the arrays given to `Design.learn`, same rows.
    """

    n: int
    n_total: int
    kept: NDArray[np.int64] | None
    y: Floats | None
    X: tuple[Floats, ...]
    offset: Floats | None
    extra: dict[str, Floats]
    random: tuple[RandomMatrices, ...]

    def dense_X(self) -> Floats:
        """X as one matrix (n, p), a copy with contiguous columns."""
        dense = np.empty((self.n, len(self.X)), order="F")
        for j, column in enumerate(self.X):
            dense[:, j] = column
        return dense

    def taken(self, rows: NDArray[np.int64] | None) -> Matrices:
        """Only these rows; None: all."""
        if rows is None:
            return self
        random = [
            replace(part, codes=part.codes.take(rows), Z=tuple([z.take(rows) for z in part.Z])) for part in self.random
        ]
        return replace(
            self, n=len(rows), y=None if self.y is None else self.y.take(rows, axis=0), random=tuple(random),
            X=tuple([x.take(rows) for x in self.X]), offset=None if self.offset is None else self.offset.take(rows),
            extra={name: values.take(rows) for name, values in self.extra.items()},
        )  # fmt: skip


class Rows:
    """The rows in which every variable is present, ready to be made into columns."""

    def __init__(
        self,
        n: int,
        n_total: int,
        kept: NDArray[np.int64] | None,
        values: dict[str, Column | Basis],
        extra: dict[str, Floats],
        sized: bool = False,
    ) -> None:
        self.n = n
        self.n_total = n_total
        self.kept = kept
        self.values = values
        self.extra = extra
        self.sized = sized  # whether products are looked at, too
        self.factors: dict[str, tuple[Codes, int]] = {}  # codes and number of levels, once these are learned
        self.made: dict[Recipe, Floats] = {}

    def columns(self, recipes: Iterable[Recipe]) -> tuple[Floats, ...]:
        """The arrays (n,) of some recipes."""
        return tuple([self._make(recipe) for recipe in recipes])

    def number(self, text: str) -> Floats:
        """A variable of one column of numbers as floats (n,)."""
        return self.columns((((text, "", 0),),))[0]

    def _make(self, recipe: Recipe) -> Floats:
        column = self.made.get(recipe)
        if column is not None:
            return column
        if not recipe:
            column = np.ndarray((self.n,), np.float64, ONE, 0, (0,))  # n times the same one number
        elif len(recipe) == 1:
            column = self._piece(*recipe[0])
        else:
            first, second, *rest = self.columns((piece,) for piece in recipe)
            column = first * second
            for other in rest:
                column *= other
            if sum(coding == "" for _, coding, _ in recipe) > 1 and self.sized:
                _gaps(":".join(text for text, _, _ in recipe), column, sized=True)
        self.made[recipe] = column
        return column

    def _piece(self, text: str, coding: str, j: int) -> Floats:
        if coding == "":
            value = self.values[text]
            column = value.columns[j] if isinstance(value, Basis) else value.values
            return column.astype(np.float64, copy=False)
        codes, n_levels = self.factors[text]
        if coding == "=":
            return np.equal(codes, j).astype(np.float64)
        coded: Floats = Contrast(coding).matrix(n_levels)[:, j].take(codes)
        return coded


def complete_rows(
    variables: Iterable[Variable], scope: Scope, extra: Mapping[str, Floats], *, some: bool = True, sized: bool = False
) -> Rows:
    """Evaluate all variables on all rows, then keep the rows in which none of them is missing.

    DataError where a column is infinite in a row that lacks nothing else, where none is kept and `some` are needed, or,
    if `sized`, where squares of the numbers would not be representable.
    """
    variables = tuple(variables)
    floats = _floats(variables, scope)
    partial = [name for name in floats if _gaps(name, scope.columns[name].values, sized and floats[name])]
    infinite = {name: where for name in partial if (where := np.isinf(scope.columns[name].values)).any()}
    wild = {name: scope.columns[name] for name in infinite}
    if infinite:  # missing, for what transforms learn
        hidden = {name: _without(wild[name], where) for name, where in infinite.items()}
        scope = Scope({**scope.columns, **hidden}, scope.memory)
    values = {variable.text: _value(variable, scope, variables) for variable in variables}
    unsure = {v.text: values[v.text] for v in variables if v.column in partial or v.column not in floats}
    missing = _all_missing(unsure, extra, sized)
    n = _length(values, extra, scope)
    for name, where in infinite.items():
        others = [missing[v.text] for v in variables if v.text in missing and name not in v.names]
        _check_infinite(wild[name], where, [*others, *[missing[text] for text in extra if text in missing]])
    if not missing:
        return Rows(n, n, None, values, dict(extra), sized)
    kept = np.flatnonzero(~np.logical_or.reduce(list(missing.values())))
    if some and not kept.size:
        most = max(missing, key=lambda text: int(missing[text].sum()))
        raise DataError(f"no row is complete: {most} is missing in {int(missing[most].sum())} of {n} rows")
    taken = {text: _take(value, kept) for text, value in values.items()}
    if sized:
        _all_missing({text: taken[text] for text in missing if text in taken}, {}, sized)
    return Rows(len(kept), n, kept, taken, {name: array.take(kept) for name, array in extra.items()}, sized)


def _value(variable: Variable, scope: Scope, beside: Iterable[Variable]) -> Column | Basis:
    if variable.column is not None:
        return scope.column(variable.column)
    return evaluate_variable(variable.node, variable.text, scope, beside)


def _floats(variables: Iterable[Variable], scope: Scope) -> dict[str, bool]:
    """Columns of floats that the variables are made of, and whether one of them is the column itself."""
    names = {name: False for variable in variables for name in variable.names}
    names.update((variable.column, True) for variable in variables if variable.column is not None)
    return {name: itself for name, itself in names.items() if scope.column(name).values.dtype.kind == "f"}


def _without(column: Column, where: NDArray[np.bool_]) -> Column:
    return replace(column, values=np.where(where, np.nan, column.values))


def _check_infinite(column: Column, where: NDArray[np.bool_], missing: list[NDArray[np.bool_]]) -> None:
    """DataError if a column is infinite in a row that is not left out for another reason."""
    kept = where & ~np.logical_or.reduce(missing) if missing else where
    if kept.any():
        row = int(np.argmax(kept))
        raise DataError(
            f"column {column.name!r} is {column.values[row]:g} in row {row} (counting from 0); "
            "values should be finite, or missing where they are not known"
        )


def _all_missing(
    values: Mapping[str, Column | Basis], extra: Mapping[str, Floats], sized: bool
) -> dict[str, NDArray[np.bool_]]:
    """For each variable and extra array that has missing values, where they are."""
    found: dict[str, NDArray[np.bool_]] = {}
    for text, value in values.items():
        for column in value.columns if isinstance(value, Basis) else (value,):
            if (mask := _missing(text, column, sized)) is not None:
                found[text] = found[text] | mask if text in found else mask
    for name, array in extra.items():
        if (mask := _missing(name, array)) is not None:
            found[name] = mask
    return found


def _missing(text: str, value: Column | Floats, sized: bool = False) -> NDArray[np.bool_] | None:
    """Where values are missing, None if nowhere."""
    column = value if isinstance(value, Column) else Column("", "number", value)
    array = column.values
    if array.dtype.kind == "f":
        if not _gaps(text, array, sized):
            return None
    elif column.kind in ("number", "logical") or not array.size or np.minimum.reduce(array) >= 0:
        return None
    mask = missing_rows(column)
    return mask if mask.any() else None


def _gaps(text: str, array: NDArray[Any], sized: bool = False) -> bool:
    """Whether floats are missing or infinite somewhere; DataError if `sized` and they are too large or too small."""
    low, high = np.minimum.reduce(array, initial=np.inf), np.maximum.reduce(array, initial=-np.inf)
    if not (low > -np.inf and high < np.inf):  # NaN is neither
        return True
    if sized:
        check_size(text, max(-low, high))
    return False


def check_size(text: str, largest: float) -> None:
    """DataError for numbers, none beyond `largest`, whose squares are too large or too small for floats."""
    if 0 < largest < 1 / LARGEST or largest > LARGEST:
        beyond = f"reaches {largest:.3g}" if largest > 1 else f"has no value beyond {largest:.3g} in size"
        raise DataError(
            f"{text} {beyond}; variances are squares, and floating-point numbers hold squares of numbers between "
            f"{1 / LARGEST:g} and {LARGEST:g}: give {text} in other units"
        )


def _length(values: Mapping[str, Column | Basis], extra: Mapping[str, Floats], scope: Scope) -> int:
    """The number of rows, the same for all variables."""
    lengths = {text: len(value.columns[0]) if isinstance(value, Basis) else len(value.values)
               for text, value in (values or scope.columns).items()}  # fmt: skip
    for name, array in extra.items():
        lengths[name] = len(array)
    n = next(iter(lengths.values()), 0)
    if n == 0:
        raise DataError("the data have no rows")
    for text, other in lengths.items():
        if other != n:
            raise DataError(f"columns differ in length: {next(iter(lengths))} has {n} rows and {text} has {other}")
    return n


def _take(value: Column | Basis, kept: NDArray[np.int64]) -> Column | Basis:
    if isinstance(value, Basis):
        return Basis(tuple(column.take(kept) for column in value.columns), value.suffixes)
    taken: NDArray[Any] = value.values.take(kept)
    return Column(value.name, value.kind, taken, value.levels)
