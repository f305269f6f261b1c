"""A table of intervals: what `confint` answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Any, NamedTuple

import numpy as np

from ..data.sums import Floats
from ..digits import fixed, significant
from ..framed import frame
from ..labelled import unknown_name
from ..layout import Line, Page, Prose, Section
from ..tables import Table, TableColumn
from .levels import percent
from .parameters import Parameter

DIGITS = 4  # of the width of an interval
MOST_DECIMALS = 7
EFFECTS = {"coefficient": "fixed", "statistic": None}  # all others are parameters of the random part


class Interval(NamedTuple):
    """An estimate between its limits."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, eq=False, repr=False)
class Intervals(Page, Mapping[str, Interval]):
    """Confidence intervals of parameters, by name.

    Parameters
    ----------
    parameters : (r,) what the rows are; in `statistic`s of a bootstrap only their names are known.
    estimates : (r,) estimates.
    limits : (r, 2) lower and upper limits; NaN where there are none.
    level : coverage aimed at.
    method : how they were found, in words, for the title.
    notes : further sentences for the end of the page.
    backend : library of the frame that `to_frame()` gives.

    As an array they are their limits (r, 2).

    >>> rows = (Parameter("sigma", "sigma", "Residual"), Parameter("days", "coefficient"))
    >>> intervals = Intervals(rows, np.array([25.6, 10.5]), np.array([[22.9, 28.9], [7.36, 13.6]]), 0.95, "Profile")
    >>> intervals["days"].upper
    13.6
    >>> intervals
    Profile 95 % intervals
          Estimate  2.5 % 97.5 %
    sigma   25.600 22.900 28.900
    days    10.500  7.360 13.600
    """

    parameters: tuple[Parameter, ...]
    estimates: Floats
    limits: Floats
    level: float
    method: str
    notes: tuple[str, ...] = ()
    backend: str = "pandas"

    def __post_init__(self) -> None:
        for array in (self.estimates, self.limits):
            array.flags.writeable = False

    def __repr__(self) -> str:
        return self.to_text()

    def __getitem__(self, name: str) -> Interval:
        names = list(self)
        if name not in names:
            raise unknown_name("parameter", name, names)
        row = names.index(name)
        return Interval(float(self.estimates[row]), *self.limits[row].tolist())

    def __iter__(self) -> Iterator[str]:
        return iter([parameter.name for parameter in self.parameters])

    def __len__(self) -> int:
        return len(self.parameters)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.limits, dtype=dtype) if copy else np.asarray(self.limits, dtype=dtype)

    def sections(self) -> tuple[Section, ...]:
        """Title and table, then the notes."""
        return (
            Section(f"{self.method} {percent(self.level)} intervals", (self._table(),)),
            *([Section("", tuple(map(Prose, self.notes)))] if self.notes else []),
        )

    def to_frame(self) -> Any:
        """A frame: `parameter`, `effect` (`"fixed"` or `"ran_pars"`), `group`, `estimate`, `lower`, `upper`.

        With coefficients of zero inflation or dispersion also `component`, before `group`.
        """
        parts = [parameter.component for parameter in self.parameters]
        columns: dict[str, Sequence[Any] | Floats] = {
            "parameter": list(self),
            "effect": [EFFECTS.get(parameter.kind, "ran_pars") for parameter in self.parameters],
            **({"component": parts} if set(parts) - {"cond"} else {}),
            "group": [parameter.group for parameter in self.parameters],
            "estimate": self.estimates,
            "lower": self.limits[:, 0],
            "upper": self.limits[:, 1],
        }
        return frame(columns, self.backend)

    def _table(self) -> Table | Line:
        rows = np.column_stack([self.estimates, self.limits]).tolist()
        tail = (1 - self.level) / 2
        return parameter_table(list(self), ("Estimate", percent(tail), percent(1 - tail)), rows)


def parameter_table(names: Sequence[str], heads: Sequence[str], rows: Sequence[Sequence[float]]) -> Table | Line:
    """A row of numbers for each parameter, with the decimals that four digits of the width of its interval take.

    The last two numbers of a row are its limits. Decimal points stand below each other.
    """
    if not names:
        return Line("no parameters")
    cells = [_row(row) for row in rows]
    columns = (TableColumn(head, _at_the_point(c)) for head, c in zip(heads, zip(*cells, strict=True), strict=True))
    return Table(tuple(columns), tuple(names))


def _row(numbers: Sequence[float]) -> list[str]:
    width = numbers[-1] - numbers[-2]
    if isfinite(width) and width > 0:
        decimals = DIGITS - 1 - floor(log10(width))
        if decimals <= MOST_DECIMALS:
            return fixed(numbers, max(decimals, 0))
    return significant(numbers, DIGITS)


def _at_the_point(cells: Sequence[str]) -> tuple[str, ...]:
    """Decimal points below each other: blanks take the place of the decimals that a cell does not have."""
    tails = [len(cell) - cell.index(".") if "." in cell else 0 for cell in cells]
    longest = max(tails)
    return tuple([cell.strip() + " " * (longest - tail) for cell, tail in zip(cells, tails, strict=True)])
