"""Numbers as text, by the rules every reader of R's tables knows.

A column of numbers is set with one number of decimals, chosen so that the element that needs the most digits
shows `digits` significant ones; trailing zeros that all share are dropped; the scientific notation is used where
it is narrower. The rules are those of R's help pages for `format`, `formatC`, `format.pval`, `zapsmall` and
`printCoefmat`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, isfinite, isnan, log10
from typing import NamedTuple

STAR_LEGEND = "Signif. codes:  0 ‘***’ 0.001 ‘**’ 0.01 ‘*’ 0.05 ‘.’ 0.1 ‘ ’ 1"
EPSILON = 2.220446049250313e-16
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, "."))


def significant(values: Iterable[float], digits: int = 7, min_decimals: int = 0) -> list[str]:
    """All values with common decimals and a common width, as R's `format(x, digits, nsmall)`.

    >>> significant([1.38744, 0.01078, 0.38101], 4)
    ['1.38744', '0.01078', '0.38101']
    >>> significant([1e-10, 1.5, float("nan")], 4)
    ['1.0e-10', '1.5e+00', '     NA']
    """
    numbers = [float(v) + 0.0 for v in values]  # -0.0 prints as 0
    layout = _layout([v for v in numbers if isfinite(v)], digits)
    if layout.scientific:
        cells = [f"{v:.{layout.decimals}e}" if isfinite(v) else special(v) for v in numbers]
    else:
        decimals = max(layout.decimals, min_decimals)
        cells = [f"{v:.{decimals}f}" if isfinite(v) else special(v) for v in numbers]
    return pad(cells)


def fixed(values: Iterable[float], decimals: int) -> list[str]:
    """Each value with the same number of decimals, as R's `formatC(x, digits, format = "f")`.

    >>> fixed([0.5, float("nan")], 2)
    ['0.50', 'NA']
    """
    return [f"{v:.{decimals}f}" if isfinite(v) else special(v) for v in map(float, values)]


def general(value: float, digits: int) -> str:
    """One value with at most `digits` significant digits and room for a point, as R's `formatC(x, digits)`.

    >>> general(42.508361, 4), general(24, 4)
    ('42.51', '   24')
    """
    return (f"{value:.{digits}g}" if isfinite(value) else special(value)).rjust(digits + 1)


def p_values(values: Iterable[float], digits: int = 3, epsilon: float = EPSILON) -> list[str]:
    """P-values, as R's `format.pval`; what is below `epsilon` is only bounded.

    >>> p_values([1e-20, 0.0312, 1e-5])
    ['<2e-16', '0.0312', '1e-05']
    """
    numbers = [float(v) for v in values]
    cells = [special(v) for v in numbers]
    shown = [i for i, v in enumerate(numbers) if v >= epsilon]
    smallest = -3 if digits == 1 else -4
    for small in (False, True):  # small values are laid out among themselves
        group = [i for i in shown if (floor(log10(numbers[i])) < smallest) is small]
        for i, cell in zip(group, significant([numbers[i] for i in group], digits), strict=True):
            cells[i] = cell
    bound = _bound(epsilon, digits, max((len(cells[i]) for i in shown), default=0))
    return [bound if v < epsilon else cell for v, cell in zip(numbers, cells, strict=True)]


def stars(values: Iterable[float]) -> list[str]:
    """The usual marks of significance; a missing p-value has none.

    >>> stars([1e-9, 0.003, 0.02, 0.07, 0.5])
    ['***', '**', '*', '.', '']
    """
    return [next((mark for limit, mark in _STARS if v <= limit), "") for v in values]


class CoefficientCells(NamedTuple):
    """The text of a coefficient table, column by column."""

    estimates: list[str]
    errors: list[str]
    statistics: list[str]
    df: list[str]


def coefficient_cells(
    estimates: Sequence[float],
    errors: Sequence[float],
    statistics: Sequence[float],
    digits: int = 4,
    df: Sequence[float] = (),
) -> CoefficientCells:
    """Estimates, standard errors and degrees of freedom share their decimals; statistics have theirs.

    This is R's `printCoefmat`.

    >>> cells = coefficient_cells([251.4051, 10.4673], [6.8246, 1.5458], [36.838, 6.771], df=[17, 17])
    >>> cells.estimates, cells.errors, cells.df, cells.statistics
    (['251.405', ' 10.467'], ['  6.825', '  1.546'], [' 17.000', ' 17.000'], ['36.838', ' 6.771'])
    """
    n = len(estimates)
    both = [*map(float, estimates), *map(float, errors), *map(float, df)]
    sizes = [floor(log10(abs(v))) + 1 for v in both if isfinite(v) and v != 0]
    decimals = max(1, digits - min(sizes, default=0))
    cells = significant([round(v, decimals) for v in both], digits)
    tests = significant([round(float(v), max(1, min(5, digits - 1))) for v in statistics], digits)
    return CoefficientCells(cells[:n], cells[n : 2 * n], tests, cells[2 * n :])


def zap(values: Iterable[float], digits: int) -> list[float]:
    """Values that are nothing beside the largest become zero, as R's `zapsmall`.

    >>> zap([1e-20, 1.0], 7)
    [0.0, 1.0]
    """
    numbers = [float(v) for v in values]
    largest = max((abs(v) for v in numbers if isfinite(v)), default=0.0)
    decimals = max(0, digits - round(log10(largest))) if largest > 0 else digits
    return [round(v, decimals) if isfinite(v) else v for v in numbers]


def special(value: float) -> str:
    """The text of a value that is not a finite number: missing values are NaN here and print as NA."""
    return "NA" if isnan(value) else "Inf" if value > 0 else "-Inf"


def pad(cells: Sequence[str]) -> list[str]:
    """All cells at the width of the widest, set to the right."""
    width = max(map(len, cells), default=0)
    return [cell.rjust(width) for cell in cells]


class _Layout(NamedTuple):
    scientific: bool
    decimals: int


def _layout(finite: list[float], digits: int) -> _Layout:
    """Decimals that show `digits` significant digits where most are needed; the narrower notation."""
    if not finite:
        return _Layout(False, 0)
    parts = [_parts(v, digits) for v in finite]
    decimals = max(0, *(n - 1 - exponent for n, exponent in parts))
    mantissa = max(n for n, _ in parts)
    negative = [v < 0 for v in finite]
    left = max(minus + max(exponent, 0) + 1 for minus, (_, exponent) in zip(negative, parts, strict=True))
    wide_exponent = any(abs(exponent) >= 100 for _, exponent in parts)
    fixed_width = left + (decimals > 0) + decimals
    scientific_width = any(negative) + mantissa + (mantissa > 1) + 4 + wide_exponent
    if fixed_width <= scientific_width:
        return _Layout(False, decimals)
    return _Layout(True, mantissa - 1)


def _parts(value: float, digits: int) -> tuple[int, int]:
    """Significant digits without trailing zeros (at most `digits`), and the decimal exponent."""
    if value == 0:
        return 1, 0
    mantissa, exponent = f"{abs(value):.{digits - 1}e}".split("e")
    return max(1, len(mantissa.rstrip("0").replace(".", ""))), int(exponent)


def _bound(epsilon: float, digits: int, width: int) -> str:
    """`<2e-16`: with the digits that fit into the width of the other cells."""
    shown = max(1, digits - 2)
    if width and shown > 1 and shown + 6 > width:
        shown = max(1, width - 7)
    gap = "" if shown == 1 and width <= 6 else " "
    return "<" + gap + significant([epsilon], shown)[0]
