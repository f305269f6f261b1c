"""Tables of tests as R prints them: `print.anova` and `printCoefmat` of R's help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, NamedTuple

from ..digits import STAR_LEGEND, p_values, significant, stars, zap
from ..framed import frame
from ..layout import FormulaLine, Item, Legend, Line, Page, Prose, Section
from ..tables import Table, TableColumn

DIGITS = 5  # significant digits, R's max(getOption("digits") - 2, 3)


class Numbers(NamedTuple):
    """A column of numbers, `name` in frames and `head` in print; NaN is left blank.

    `kind`: an `amount` shows what its largest number shows, a `statistic` has at most four decimals, `p` is a p-value.
    """

    head: str
    values: Sequence[float]
    kind: str = "amount"
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TestTable(Page):
    """A row for each test, with the models they are about.

    Parameters
    ----------
    title : first line of the page.
    models : labels and formulas that stand above the table; a label may be empty.
    key : name of the column of labels in `to_frame()`.
    labels : (k,) of the rows.
    columns : the numbers; the stars are those of the last column of p-values that has one.
    notes : sentences for the end of the page.
    backend : library of the frame that `to_frame()` gives.
    """

    __test__ = False  # nothing for pytest to collect

    title: str
    models: tuple[tuple[str, str], ...]
    key: str
    labels: tuple[str, ...]
    columns: tuple[Numbers, ...]
    notes: tuple[str, ...] = ()
    backend: str = "pandas"

    def __repr__(self) -> str:
        return self.to_text()

    def __getitem__(self, name: str) -> tuple[float, ...]:
        """The values (k,) of a column, by its name in `to_frame()`."""
        from ..labelled import unknown_name

        for column in self.columns:
            if column.name == name:
                return tuple(column.values)
        raise unknown_name("column", name, [column.name for column in self.columns])

    def sections(self) -> tuple[Section, ...]:
        """Title and models, the table, notes."""
        lines: list[Item] = [FormulaLine(f"{label}:", text) if label else Line(text) for label, text in self.models]
        made = [Section(self.title, tuple(lines)), Section("", items_of_tests(self.labels, self.columns))]
        return (*made, Section("Notes:", tuple(map(Prose, self.notes)))) if self.notes else tuple(made)

    def to_frame(self) -> Any:
        """A frame with a row for each test."""
        return frame({self.key: self.labels, **{c.name: list(c.values) for c in self.columns}}, self.backend)


def items_of_tests(labels: Sequence[str], columns: Sequence[Numbers], *, digits: int = DIGITS) -> tuple[Item, ...]:
    """The table, stars at its end, and their legend if there are any."""
    made = [TableColumn(c.head, tuple(_cells(c, digits))) for c in columns]
    tests = [c.values for c in columns if c.kind == "p"]
    last = [next((p for p in reversed(row) if not isnan(p)), float("nan")) for row in zip(*tests, strict=True)]
    marks = [mark.strip() for mark in stars(last)]
    if any(marks):
        return Table((*made, TableColumn("", tuple(marks), "left")), tuple(labels)), Legend(STAR_LEGEND)
    return (Table(tuple(made), tuple(labels)),)


def _cells(column: Numbers, digits: int) -> list[str]:
    known = [float(v) for v in column.values if not isnan(v)]
    if column.kind == "p":
        cells = p_values(known, digits - 1)
    elif column.kind == "statistic":
        cells = significant([round(v, max(1, min(5, digits - 1))) for v in known], digits)
    else:
        cells = significant(zap(known, digits), digits)
    left = iter(cells)
    return ["" if isnan(v) else next(left) for v in column.values]
