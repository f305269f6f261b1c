"""Linear functions of the coefficients that know their names: rows of a table, and the numbers in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...data.sums import Floats
from ...framed import frame
from ..sampling import Estimates
from .adjust import Side, Statements, adjusted, adjusted_across, critical, suitable
from .averaging import Key, text_key
from .basis import Basis
from .scales import Scale


class Limits(NamedTuple):
    """Ends of confidence intervals (k,)."""

    lower: Floats
    upper: Floats


class Tests(NamedTuple):
    """Null values, test statistics and p-values (k,)."""

    null: Floats
    statistic: Floats
    p_value: Floats


@dataclass(frozen=True)
class Shown:
    """What a table shows, and against what it tests."""

    intervals: bool = True
    tests: bool = False
    level: float = 0.95
    adjust: str = "none"
    cross_adjust: str = "none"
    null: float = 0.0
    side: Side = "two-sided"
    delta: float = 0.0


@dataclass(frozen=True, eq=False, repr=False)
class LinearFunctions:
    """Rows L beta + constant of tables, one for each combination of the columns `by`, and how they are shown."""

    basis: Basis
    keys: tuple[Key, ...]
    by: tuple[str, ...]
    L: Floats
    constant: Floats
    what: str  # heads the column of estimates
    averaged: tuple[str, ...] = ()
    submodel: str = ""
    remarks: tuple[str, ...] = ()  # on the scale of contrasts
    cautions: tuple[str, ...] = ()
    scale: Scale | None = None
    on_response: bool = False
    pairs_of: int | None = None
    ratios: tuple[str, ...] = ()  # names of contrasts where they are ratios
    bias: str = ""  # a note on the adjustment for bias
    noise: float | None = None  # standard deviation of new responses where they are predicted; None: they cannot be
    shown: Shown = field(default_factory=Shown)

    @property
    def groups(self) -> list[NDArray[np.intp]]:
        """Rows of each table, in order."""
        labels = [key.labels for key in self.keys if key.name in self.by]
        cells = list(zip(*labels, strict=True)) if labels else [()] * len(self.L)
        found: dict[tuple[str, ...], list[int]] = {}
        for row, cell in enumerate(cells):
            found.setdefault(cell, []).append(row)
        return [np.array(rows, np.intp) for rows in found.values()]

    def statements(self, rows: NDArray[np.intp]) -> Statements:
        """The rows of one table as statements made together."""
        return Statements(self.L[rows], self.basis, self.pairs_of)

    def adjustment(self) -> tuple[str, str]:
        """The adjustment that is used, and a note where another one was asked for."""
        side = self.shown.side if self.shown.delta == 0 or self.shown.side != "two-sided" else "less"
        largest = max(self.groups, key=len)
        return suitable(self.shown.adjust, self.statements(largest), side)

    @cached_property
    def linear(self) -> Estimates:
        """Estimates, standard errors and df (k,) of the linear functions; NaN where they are not estimable."""
        return self.basis.estimates(self.L, self.constant)

    @property
    def spread(self) -> Floats:
        """(k,) standard errors of the means, or of new responses where these are predicted."""
        return np.hypot(self.linear.std_error, self.noise or 0.0)

    @cached_property
    def estimates(self) -> Estimates:
        """Estimates, standard errors and df (k,), on the scale that is shown."""
        made = self.linear._replace(std_error=self.spread)
        if (scale := self.scale_shown) is None:
            return made
        error = np.abs(scale.derivative(made.estimate)) * made.std_error
        return made._replace(estimate=scale.inverse(made.estimate), std_error=error)

    @cached_property
    def limits(self) -> Limits:
        """Confidence limits (k,), adjusted, on the scale that is shown; one of them is infinite with one side only."""
        made, (adjust, _), side = self.linear, self.adjustment(), self.shown.side
        reach = np.full(len(self.L), np.nan)
        for rows in self.groups:
            reach[rows] = critical(adjust, self.shown.level, made.df[rows], self.statements(rows), side)
        reach, endless = reach * self.spread, np.where(np.isfinite(reach), np.inf, np.nan)
        ends = (
            made.estimate - (endless if side == "less" else reach),
            made.estimate + (endless if side == "greater" else reach),
        )
        if (scale := self.scale_shown) is None:
            return Limits(*ends)
        with np.errstate(divide="ignore", over="ignore"):
            ends = scale.inverse(ends[0]), scale.inverse(ends[1])
        return Limits(np.minimum(*ends), np.maximum(*ends))

    @cached_property
    def tests(self) -> Tests:
        """Test statistics and adjusted p-values (k,), and the null value on the scale that is shown."""
        (estimate, error, df), (adjust, _) = self.linear, self.adjustment()
        statistic, side = _statistics(estimate, error, self.shown)
        p = np.full(len(df), np.nan)
        for rows in self.groups:
            p[rows] = adjusted(adjust, statistic[rows], df[rows], side, self.statements(rows))
        if self.crossed:
            p[np.array(self.groups)] = adjusted_across(self.shown.cross_adjust, p[np.array(self.groups)])
        null = np.full(len(df), self.shown.null)
        with np.errstate(divide="ignore"):
            return Tests(null if self.scale_shown is None else self.scale_shown.inverse(null), statistic, p)

    @property
    def crossed(self) -> bool:
        """Whether p-values are adjusted across tables: several of one size."""
        sizes = {len(rows) for rows in self.groups}
        return self.shown.cross_adjust != "none" and len(self.groups) > 1 and len(sizes) == 1

    @property
    def estimable(self) -> NDArray[np.bool_]:
        """(k,) whether the data determine each row."""
        return self.basis.estimable.of(self.L)

    def to_frame(self) -> Any:
        """A frame with a row for each mean or contrast, in the library of the data.

        Columns are those that name the rows, then `estimate`, `std_error`, `df`, `lower`, `upper`, `null`, `statistic`
        and `p_value`; a predictor with one of these names gets an underscore behind it.
        """
        numbers = self.estimates._asdict() | self.limits._asdict() | self.tests._asdict()
        columns: dict[str, Any] = {
            key.name + "_" * (key.name in numbers): np.array(key.values) if key.numeric else key.values
            for key in self.named
        }
        return frame(columns | numbers, self.basis.backend)

    @property
    def named(self) -> tuple[Key, ...]:
        """The columns that name the rows; contrasts as ratios where they are shown as such."""
        if not (self.ratios and self.on_response):
            return self.keys
        return (text_key(self.keys[0].name, self.ratios), *self.keys[1:])

    def title(self, rows: NDArray[np.intp]) -> str:
        """What heads the table of some rows: `tension = L:`; nothing without groups."""
        titles = [f"{key.name} = {key.cells[rows[0]]}" for key in self.keys if key.name in self.by]
        return f"{', '.join(titles)}:" if titles else ""

    @property
    def head(self) -> str:
        """What stands above the estimates: "emmean", "prob", "estimate", "odds.ratio", "prediction"."""
        if self.noise:
            return "prediction"
        return self.what if self.scale_shown is None else self.scale_shown.response

    @property
    def scale_shown(self) -> Scale | None:
        """The scale that the numbers were transformed back from; None where they were not."""
        return self.scale if self.on_response else None


def _statistics(estimate: Floats, error: Floats, shown: Shown) -> tuple[Floats, Side]:
    """Test statistics, and the side of the t distribution their p-values are on (Schuirmann 1987 for equivalence)."""
    gap = estimate - shown.null
    with np.errstate(divide="ignore", invalid="ignore"):
        if shown.delta == 0:
            return gap / error, shown.side
        if shown.side == "two-sided":
            return (np.abs(gap) - shown.delta) / error, "less"
        shift = shown.delta if shown.side == "greater" else -shown.delta
        return (gap + shift) / error, shown.side
