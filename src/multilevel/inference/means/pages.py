"""Marginal means and contrasts as tables with notes, set as emmeans sets them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, log10

import numpy as np
from numpy.typing import NDArray

from ...data.sums import Floats
from ...digits import fixed, pad, significant
from ...tables import Table, TableColumn
from .adjust import STEPWISE
from .functions import Limits, LinearFunctions

DIGITS = 3  # significant ones, where most are needed; more where intervals are short beside their ends
NOTHING = 1e-9  # standard errors: an estimate this small is a rounding error


def inference_columns(made: LinearFunctions) -> list[TableColumn]:
    """The columns of all rows: names, then numbers."""
    shown, (estimate, error, df) = made.shown, made.estimates
    columns = [
        TableColumn(key.name, key.cells, "right" if key.numeric else "left")
        for key in made.named
        if key.name not in made.by
    ]
    asymptotic = bool(np.isinf(df[~np.isnan(df)]).all() and not np.isnan(df).all())
    nothing = np.abs(estimate) < NOTHING * error
    visible = np.where(nothing, 0.0, estimate)
    digits = _digits(estimate, made.limits) if shown.intervals else DIGITS
    columns.append(_column(made.head, pad(_where(np.isnan(error), "nonEst", significant(visible, digits)))))
    columns.append(_column("SE", significant(error, digits)))
    columns.append(_column("df", significant(df, DIGITS)))
    if shown.intervals:
        heads = ("asymp.LCL", "asymp.UCL") if asymptotic else ("lower.CL", "upper.CL")
        heads = ("lower.PL", "upper.PL") if made.noise else heads
        columns += [_column(head, significant(end, digits)) for head, end in zip(heads, made.limits, strict=True)]
    if shown.tests:
        null, statistic, p = made.tests
        if np.nan_to_num(null, neginf=1.0).any():
            columns.append(_column("null", significant(null, DIGITS)))
        statistic = np.where(nothing & (statistic < 0) & (null == 0), 0.0, statistic)
        columns.append(_column("z.ratio" if asymptotic else "t.ratio", pad(fixed(statistic, 3))))
        columns.append(_column("p.value", pad(p_cells(p))))
    return columns


def _digits(estimate: Floats, limits: Limits) -> int:
    """As many as tell estimates from the ends of their intervals."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(estimate) / (limits.upper - limits.lower)
    largest = np.max(ratio[np.isfinite(ratio)], initial=1.0)
    return max(DIGITS, floor(log10(largest)) + 2)


def table_of(columns: Sequence[TableColumn], rows: NDArray[np.intp], keys: int) -> Table:
    """Some rows of the columns; the first `keys` are repeated where the table is broken."""
    cut = tuple(TableColumn(c.head, tuple(c.cells[i] for i in rows.tolist()), c.align) for c in columns)
    return Table(cut, ("",) * len(rows), keys=keys)


def p_cells(values: Floats) -> list[str]:
    """P-values with four decimals.

    >>> p_cells(np.array([0.0229, 1e-6, np.nan]))
    ['0.0229', '<.0001', 'NA']
    """
    cells = fixed(values, 4)
    return _where(np.asarray(values) < 0.00005, "<.0001", cells)


def marginal_notes(made: LinearFunctions) -> Iterator[str]:
    """What has to be known to read a table: averages, method, level, adjustments, scale."""
    shown, scale = made.shown, made.scale
    adjust, change = made.adjustment()
    if made.averaged:
        yield f"Results are averaged over the levels of: {', '.join(made.averaged)}"
    if made.submodel:
        yield f"submodel: {made.submodel}"
    yield from made.remarks
    if made.basis.method:
        yield f"Degrees-of-freedom method: {made.basis.method}"
    if scale is not None and not made.on_response:
        yield f"Results are given on the {scale.name} (not the response) scale."
    if made.noise:
        yield f"Prediction intervals and SEs are based on an error SD of {significant([made.noise], 5)[0]}"
    if shown.intervals:
        yield f"Confidence level used: {shown.level:g}"
        if adjust != "none":
            yield f"Conf-level adjustment: {_described(made, adjust, 'estimates')}"
        if made.scale_shown is not None:
            yield f"Intervals are back-transformed from the {made.scale_shown.name} scale"
    if shown.tests:
        yield from _test_notes(made, adjust)
    if made.bias:
        yield made.bias
    if change:
        yield change
    if made.basis.sampling.note:
        yield made.basis.sampling.note
    yield from made.cautions


def _test_notes(made: LinearFunctions, adjust: str) -> Iterator[str]:
    shown = made.shown
    if adjust != "none":
        yield f"P value adjustment: {_described(made, adjust, 'tests')}"
    if made.crossed:
        yield f"Cross-group P-value adjustment: {shown.cross_adjust}"
    if shown.delta > 0:
        kind = {"two-sided": "equivalence", "greater": "noninferiority", "less": "nonsuperiority"}[shown.side]
        yield f"Statistics are tests of {kind} with a threshold of {significant([shown.delta], 4)[0]}"
    if shown.side == "greater":
        yield "P values are right-tailed"
    elif shown.side == "less" or shown.delta > 0:
        yield "P values are left-tailed"
    if made.scale_shown is not None:
        yield f"Tests are performed on the {made.scale_shown.name} scale"


def _described(made: LinearFunctions, adjust: str, what: str) -> str:
    """The adjustment with the size of its family; where tables differ, with each size."""
    method = "bonferroni" if what == "estimates" and adjust in STEPWISE else adjust
    texts = dict.fromkeys(made.statements(rows).described(method, what) for rows in made.groups)
    return " or ".join(texts)


def _column(head: str, cells: Sequence[str]) -> TableColumn:
    return TableColumn(head, tuple(cells))


def _where(mask: NDArray[np.bool_], text: str, cells: Sequence[str]) -> list[str]:
    return [text if hidden else cell for hidden, cell in zip(mask, cells, strict=True)]
