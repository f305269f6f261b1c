"""What the printed pages of all fits are put together from: headings, residuals, coefficients, correlations, notes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..digits import STAR_LEGEND, coefficient_cells, p_values, significant, stars, zap
from ..labelled import Floats
from ..layout import FormulaLine, Item, Legend, Line, Prose, Section
from ..lettering import abbreviate
from ..tables import Table, TableColumn, column, named_row

DIGITS = 4  # significant digits of the pages, R's max(3, getOption("digits") - 3)
CORRELATIONS_UP_TO = 12  # number of fixed effects whose correlations are still printed
_QUANTILES = ("Min", "1Q", "Median", "3Q", "Max")


def heading_items(formula: str, data: str, **terms: str) -> tuple[Item, ...]:
    """Formula, data and further terms under the title of a page; empty ones are left out."""
    source = [Line(f"   Data: {data}")] if data else []
    others = [FormulaLine(f"{label:>7}:", term) for label, term in terms.items() if term]
    return FormulaLine("Formula:", formula), *source, *others


def residuals_section(residuals: Floats | None) -> list[Section]:
    """The quartiles of the residuals, of a model that has any."""
    return [] if residuals is None else [Section("Scaled residuals:", (quantile_table(residuals),))]


def quantile_table(residuals: Floats) -> Table:
    """Minimum, quartiles and maximum in one row."""
    quantiles = zap(np.quantile(residuals, [0, 0.25, 0.5, 0.75, 1]), DIGITS + 1)
    return named_row(_QUANTILES, significant(quantiles, DIGITS))


def coefficient_items(
    names: Sequence[str],
    estimates: Floats,
    errors: Floats,
    *,
    statistics: Floats | None = None,
    df: Floats | None = None,
    p: Floats | None = None,
    letter: str = "t",
) -> tuple[Item, ...]:
    """The coefficient table, with degrees of freedom and p-values if there are any, and the legend of its stars.

    Parameters
    ----------
    names : (p,) row labels.
    estimates, errors : (p,) coefficients and standard errors; NaN prints as NA.
    statistics : (p,) by default estimates over errors.
    df, p : (p,) degrees of freedom and p-values, or None.
    letter : of the statistic, "t" or "z".
    """
    if statistics is None:
        with np.errstate(divide="ignore", invalid="ignore"):
            statistics = estimates / errors
    degrees = [] if df is None else df.tolist()
    cells = coefficient_cells(estimates.tolist(), errors.tolist(), statistics.tolist(), DIGITS, degrees)
    columns = [column("Estimate", cells.estimates), column("Std. Error", cells.errors)]
    if df is not None:
        columns.append(column("df", cells.df))
    columns.append(column(f"{letter} value", cells.statistics))
    marked = p is not None and bool((p < 0.1).any())
    if p is not None:
        columns.append(column(f"Pr(>|{letter}|)", p_values(p, DIGITS - 1)))
    if p is not None and marked:
        columns.append(TableColumn("", tuple(stars(p)), "left"))
    legend = (Legend(STAR_LEGEND),) if marked else ()
    return Table(tuple(columns), tuple(names)), *legend


def correlation_table(names: Sequence[str], correlation: Floats) -> Table:
    """The lower triangle of the (p, p) correlations; names lose their brackets and are abbreviated, as in R.

    >>> print(correlation_table(("(Intercept)", "days"), np.array([[1.0, -0.1375], [-0.1375, 1.0]])))
         (Intr)
    days -0.138
    """
    plain = [name.replace("[", "").replace("]", "") for name in names]
    p = len(plain)
    rounded = [round(float(v), 3) for v in correlation.ravel()]
    cells = significant(rounded, min_decimals=3)
    columns = [
        TableColumn(head, tuple(cells[i * p + j] if j < i else "" for i in range(1, p)), "left")
        for j, head in enumerate(abbreviate(plain, 6)[:-1])
    ]
    return Table(tuple(columns), tuple(abbreviate(plain, 11)[1:]))


def notes_section(notes: Sequence[str]) -> tuple[Section, ...]:
    """The sentences at the end of a page, if there are any."""
    return (Section("Notes:", tuple(map(Prose, notes))),) if notes else ()
