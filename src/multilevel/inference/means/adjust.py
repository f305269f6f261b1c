"""Several statements at once: adjusted p-values and critical values.

    tukey dunnett mvt scheffe      the distribution of the largest statistic: p-values and intervals
    dunnettx                       an approximation to dunnett, emmeans' default for comparisons with a control
    sidak bonferroni               one number of tests: p-values and intervals
    holm hochberg hommel fdr BY    step by step: p-values; their intervals are Bonferroni's

Holm 1979 (Scand. J. Statist. 6, 65-70), Hochberg 1988 (Biometrika 75, 800-802), Hommel 1988 (Biometrika 75, 383-386),
Benjamini & Hochberg 1995 (JRSS B 57, 289-300), Benjamini & Yekutieli 2001 (Ann. Statist. 29, 1165-1188), Scheffé 1953
(Biometrika 40, 87-104).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Literal, TypeAlias

import numpy as np

from ...data.sums import Floats
from ...errors import InferenceError, nearest
from .basis import Basis
from .ranges import (
    Greatest,
    dunnett_quantile,
    dunnett_sf,
    dunnettx_quantile,
    dunnettx_sf,
    range_quantile,
    range_sf,
)
from .tails import f_quantile, f_sf, t_quantile, t_sf

Side: TypeAlias = Literal["two-sided", "less", "greater"]
ADJUSTMENTS = (
    "none", "tukey", "dunnettx", "dunnett", "mvt", "scheffe", "sidak", "bonferroni", "holm", "hochberg", "hommel",
    "fdr", "BH", "BY",
)  # fmt: skip
ACROSS = ("none", "sidak", "bonferroni", "holm", "hochberg", "hommel", "fdr", "BH", "BY")
STEPWISE = ("holm", "hochberg", "hommel", "fdr", "BH", "BY")
TWO_SIDED = ("tukey", "dunnettx", "dunnett", "scheffe")


@dataclass(frozen=True, eq=False)
class Statements:
    """Tests or intervals that are adjusted together: how many, their functions, and where these come from.

    `pairs` is the number of means if these are all their pairwise differences.
    """

    L: Floats
    basis: Basis
    pairs: int | None

    @property
    def count(self) -> int:
        """Tests or intervals, those that are not estimable included."""
        return len(self.L)

    @cached_property
    def rank(self) -> int:
        """Rank of the estimable functions."""
        return max(self.basis.rank(self.L), 1)

    @cached_property
    def correlation(self) -> Floats:
        """Correlations of the estimable functions."""
        return self.basis.correlation(self.L)

    def described(self, method: str, what: str) -> str:
        """For the note: `holm method for 3 tests`."""
        if method == "tukey":
            return f"tukey method for comparing a family of {self.pairs} estimates"
        if method == "scheffe":
            return f"scheffe method with rank {self.rank}"
        return f"{method} method for {self.count} {what}"


def check_adjust(method: str) -> None:
    """InferenceError for a method that is not known."""
    if method not in ADJUSTMENTS:
        near = nearest(str(method), ADJUSTMENTS)
        raise InferenceError(f"adjust is {method!r}; expected one of {', '.join(map(repr, ADJUSTMENTS))}{near}")


def suitable(method: str, statements: Statements, side: Side) -> tuple[str, str]:
    """The method that can be used, and a note if it is not the one that was asked for."""
    if statements.count == 1:
        return "none", ""
    reason = ""
    if method in TWO_SIDED and side != "two-sided":
        reason = f'"{method}" is not appropriate for one-sided inferences'
    elif method == "tukey" and statements.pairs is None:
        reason = '"tukey" is only appropriate for one set of pairwise comparisons'
    if not reason:
        return method, ""
    return "sidak", f'Note: adjust = "{method}" was changed to "sidak" because {reason}'


def p_values(t: Floats, df: Floats, side: Side) -> Floats:
    """P-values (n,) of t statistics, not adjusted."""
    match side:
        case "two-sided":
            return 2.0 * t_sf(np.abs(t), df)
        case "greater":
            return t_sf(t, df)
    return t_sf(-t, df)


def adjusted(method: str, t: Floats, df: Floats, side: Side, statements: Statements) -> Floats:
    """Adjusted p-values (n,); NaN where there is no statistic."""
    p = p_values(t, df, side)
    known = np.isfinite(p)
    made = np.full(p.shape, np.nan)
    p, t, df = p[known], t[known], df[known]
    match method:
        case "tukey":
            values = range_sf(sqrt(2.0) * np.abs(t), statements.pairs or 2, df)
        case "dunnettx":
            values = dunnettx_sf(np.abs(t), statements.count, df)
        case "dunnett":
            values = dunnett_sf(np.abs(t), statements.count, df)
        case "scheffe":
            values = f_sf(t**2 / statements.rank, statements.rank, df)
        case "mvt":
            values = _greatest_sf(t, df, side, statements)
        case _:
            values = _by_count(method, p, statements.count)
    made[known] = np.clip(values, p, 1.0)  # what rounding leaves of a tiny tail is not below the p-value it adjusts
    return made


def adjusted_across(method: str, p: Floats) -> Floats:
    """P-values (tables, k) adjusted once more, those of each column together."""
    made = p.copy()
    for column in range(p.shape[1]):
        known = np.isfinite(p[:, column])
        made[known, column] = np.clip(_by_count(method, p[known, column], len(p)), 0.0, 1.0)
    return made


def _by_count(method: str, p: Floats, n: int) -> Floats:
    """P-values adjusted by their number n alone."""
    match method:
        case "none":
            return p
        case "sidak":
            independent: Floats = -np.expm1(n * np.log1p(-np.minimum(p, 1 - 1e-16)))
            return independent
        case "bonferroni":
            return p * n
    return _STEPS[method](p, n)


def critical(method: str, level: float, df: Floats, statements: Statements, side: Side = "two-sided") -> Floats:
    """(n,) how many standard errors an interval reaches, to both sides or to one."""
    alpha, n, sided = 1.0 - level, statements.count, 2 if side == "two-sided" else 1
    if method in STEPWISE:
        method = "bonferroni"
    known = np.isfinite(df) | np.isposinf(df)
    made = np.full(df.shape, np.nan)
    df = df[known]
    match method:
        case "tukey":
            values = range_quantile(alpha, statements.pairs or 2, df) / sqrt(2.0)
        case "dunnettx":
            values = dunnettx_quantile(alpha, n, df)
        case "dunnett":
            values = dunnett_quantile(alpha, n, df)
        case "scheffe":
            values = np.sqrt(statements.rank * f_quantile(level, statements.rank, df))
        case "mvt":
            values = Greatest(statements.correlation).quantile(alpha, df, sided)
        case "sidak":
            values = t_quantile((1.0 - level ** (1.0 / n)) / sided, df)
        case "bonferroni":
            values = t_quantile(alpha / (sided * n), df)
        case _:
            values = t_quantile(alpha / sided, df)
    made[known] = values
    return made


def _greatest_sf(t: Floats, df: Floats, side: Side, statements: Statements) -> Floats:
    greatest = Greatest(statements.correlation)
    if side == "two-sided":
        return greatest.sf(np.abs(t), df)
    return greatest.sf(t if side == "greater" else -t, df, sided=1)


# ---- step by step ---------------------------------------------------------------------------------------------------


def _stepwise(factor: Callable[[int], Floats], down: bool) -> Callable[[Floats, int], Floats]:
    """Adjusted p-values from those in ascending order, each times its factor, made monotone."""

    def adjusted(p: Floats, n: int) -> Floats:
        order = np.argsort(p)
        raw = p[order] * factor(n)[: len(p)]
        ordered = np.maximum.accumulate(raw) if down else np.minimum.accumulate(raw[::-1])[::-1]
        made = np.empty_like(p)
        made[order] = ordered
        return made

    return adjusted


def _hommel(p: Floats, n: int) -> Floats:
    """Hommel's closed test with Simes' inequality, in the form of Wright (1992, Biometrics 48, 1005-1013)."""
    order = np.argsort(p)
    ordered = np.concatenate([p[order], np.ones(n - len(p))])
    made = np.full(n, np.min(n * ordered / np.arange(1, n + 1)))
    for m in range(n - 1, 1, -1):
        late = np.arange(n - m + 1, n)
        simes = np.min(m * ordered[late] / np.arange(2, m + 1))
        early = np.arange(n - m + 1)
        current = np.empty(n)
        current[early] = np.minimum(m * ordered[early], simes)
        current[late] = current[n - m]
        made = np.maximum(made, current)
    result = np.empty_like(p)
    result[order] = np.maximum(made, ordered)[: len(p)]
    return result


def _count_down(n: int) -> Floats:
    return np.arange(n, 0, -1, dtype=np.float64)


def _shares(n: int) -> Floats:
    return n / np.arange(1, n + 1, dtype=np.float64)


_STEPS: dict[str, Callable[[Floats, int], Floats]] = {
    "holm": _stepwise(_count_down, down=True),
    "hochberg": _stepwise(_count_down, down=False),
    "hommel": _hommel,
    "fdr": _stepwise(_shares, down=False),
    "BH": _stepwise(_shares, down=False),
    "BY": _stepwise(lambda n: _shares(n) * float(np.sum(1.0 / np.arange(1, n + 1))), down=False),
}
