"""Variance explained: R squared and intra-class correlations of linear mixed models.

With the variance of the fixed part over the rows, v_f, of the random effects, v_r (the mean over the rows of z'Psi z,
so that random slopes count as far as they reach: Johnson 2014, Methods Ecol. Evol. 5, 944-946), and sigma^2,

    marginal R^2 = v_f / (v_f + v_r + sigma^2)        conditional R^2 = (v_f + v_r) / (v_f + v_r + sigma^2)
    adjusted ICC = v_r / (v_r + sigma^2)              unadjusted ICC = v_r / (v_f + v_r + sigma^2)

(Nakagawa & Schielzeth 2013, Methods Ecol. Evol. 4, 133-142; Nakagawa, Johnson & Schielzeth 2017, J. R. Soc. Interface
14, 20170213).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..digits import significant
from ..effects import variance_shares
from ..framed import frame
from ..layout import Page, Prose, Section
from ..models.estimate import Fit
from ..models.predictor import fixed_part
from ..tables import Table, column

DIGITS = 4


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RSquared(Page):
    """Shares of the variance: `marginal` of the fixed effects, `conditional` of these and the random effects."""

    marginal: float
    conditional: float
    backend: str = "pandas"
    note: str = ""

    def __repr__(self) -> str:
        return self.to_text()

    def sections(self) -> tuple[Section, ...]:
        """Both shares."""
        labels = ("marginal (fixed effects)", "conditional (with random effects)")
        shares = _shares("R2", labels, self.marginal, self.conditional)
        return (Section("Share of the variance explained", (shares,)), *_noted(self.note))

    def to_frame(self) -> Any:
        """One row: `marginal`, `conditional`."""
        return frame({"marginal": [self.marginal], "conditional": [self.conditional]}, self.backend)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IntraClass(Page):
    """Shares of the random effects: `adjusted` of what the fixed effects leave, `unadjusted` of all.

    `terms` are the random terms, `variances` (t,) what each gives to a row on average, and `shares` (t,) that over the
    variance which the fixed effects leave: they add up to `adjusted`.
    """

    adjusted: float
    unadjusted: float
    terms: tuple[str, ...]
    variances: tuple[float, ...]
    shares: tuple[float, ...]
    backend: str = "pandas"
    note: str = ""

    def __repr__(self) -> str:
        return self.to_text()

    def sections(self) -> tuple[Section, ...]:
        """Both correlations, and a table of the terms."""
        labels = ("adjusted (of random effects and residuals)", "unadjusted (of all variance)")
        columns = (column("Variance", significant(self.variances, DIGITS)), column("ICC", _rounded(self.shares)))
        return (
            Section("Intra-class correlation", (_shares("ICC", labels, self.adjusted, self.unadjusted),)),
            Section("By random term:", (Table(columns, self.terms),)),
            *_noted(self.note),
        )

    def to_frame(self) -> Any:
        """A row for each random term: `term`, `variance`, `icc`."""
        columns = {"term": self.terms, "variance": self.variances, "icc": self.shares}
        return frame(columns, self.backend)


def _noted(note: str) -> tuple[Section, ...]:
    return (Section("", (Prose(note),)),) if note else ()


def _shares(head: str, labels: tuple[str, ...], *shares: float) -> Table:
    return Table((column(head, _rounded(shares)),), labels)


def _rounded(shares: Sequence[float]) -> list[str]:
    return [f"{share:.{DIGITS}f}" for share in shares]


def r_squared_mixed(fit: Fit, backend: str) -> RSquared:
    """Marginal and conditional R squared."""
    fixed, random, residual = _variances(fit)
    total = fixed + sum(random) + residual
    return RSquared(fixed / total, (fixed + sum(random)) / total, backend)


def intra_class(fit: Fit, backend: str) -> IntraClass:
    """Adjusted and unadjusted intra-class correlation, and per random term."""
    fixed, random, residual = _variances(fit)
    within = sum(random) + residual
    terms = tuple([f"{part.written}" for part in fit.rows.random])
    shares = tuple([v / within for v in random])
    return IntraClass(sum(random) / within, sum(random) / (fixed + within), terms, tuple(random), shares, backend)


def _variances(fit: Fit) -> tuple[float, list[float], float]:
    """Of the fixed part (offsets apart), of each random term, and of the residuals of weight one."""
    mean = fixed_part(fit, fit.rows)
    if fit.rows.offset is not None:
        mean -= fit.rows.offset
    mean -= mean[0]  # so that the variance of a constant is zero
    return float(np.var(mean, ddof=1)), variance_shares(fit), fit.estimate.sigma**2
