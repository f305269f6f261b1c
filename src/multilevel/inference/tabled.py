"""Tables of tests as R prints them: `print.anova` and `printCoefmat` of R's help."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import NamedTuple

from ..digits import STAR_LEGEND, p_values, significant, stars, zap
from ..layout import Item, Legend
from ..tables import Table, TableColumn

DIGITS = 5  # significant digits, R's max(getOption("digits") - 2, 3)


class Numbers(NamedTuple):
    """A column of numbers: `statistic` are rounded to four decimals, `amount` to what the largest shows.

    `count` are whole numbers where they are whole; NaN is left blank.
    """

    head: str
    values: Sequence[float]
    kind: str = "amount"


def items_of_tests(
    labels: Sequence[str], columns: Sequence[Numbers], p_head: str, p: Sequence[float], *, digits: int = DIGITS
) -> tuple[Item, ...]:
    """A row for each test, p-values and their stars last, and the legend if there are any stars."""
    made = [TableColumn(c.head, tuple(_cells(c, digits))) for c in columns]
    known = [v for v in p if not isnan(v)]
    if known or p_head:
        made.append(TableColumn(p_head, tuple(_spread(p_values(known, digits - 1), p))))
    marks = [mark.strip() for mark in stars(p)]
    if any(marks):
        return Table((*made, TableColumn("", tuple(marks), "left")), tuple(labels)), Legend(STAR_LEGEND)
    return (Table(tuple(made), tuple(labels)),)


def _cells(column: Numbers, digits: int) -> list[str]:
    known = [float(v) for v in column.values if not isnan(v)]
    if column.kind == "statistic":
        known = [round(v, max(1, min(5, digits - 1))) for v in known]
    elif column.kind == "amount":
        known = zap(known, digits)
    return _spread(significant(known, digits), column.values)


def _spread(cells: Sequence[str], values: Sequence[float]) -> list[str]:
    """The cells at the places of the values that are known; blank elsewhere."""
    left = iter(cells)
    return ["" if isnan(v) else next(left) for v in values]
