"""The page every reader of lme4 knows, with notes in plain words at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..digits import significant
from ..labelled import Floats
from ..layout import Item, Line, Page, Section
from ..tables import Table, named_row
from ..varcorr import VarCorr
from .parts import (
    CORRELATIONS_UP_TO,
    DIGITS,
    coefficient_items,
    correlation_table,
    heading_items,
    notes_section,
    residuals_section,
)


class MixedPage(Page):
    """What the pages of all mixed models show alike; their fields are those of the pages."""

    aic: float
    bic: float
    loglik: float
    criterion: float
    df_residual: int
    varcorr: VarCorr
    nobs: int
    groups: Mapping[str, int]
    names: tuple[str, ...]
    singular: bool
    n_missing: int
    dropped: tuple[str, ...]
    doubts: tuple[str, ...]
    notes: tuple[str, ...]

    def _criterion_table(self) -> Table:
        values = (self.aic, self.bic, self.loglik, self.criterion)
        cells = [*significant(round(v, 1) for v in values), str(self.df_residual)]
        return named_row(("AIC", "BIC", "logLik", "deviance", "df.resid"), cells)

    def _random_sections(self) -> list[Section]:
        """The random effects, with a heading of its own for each model that has some."""
        groups = "; ".join(f"{group}, {levels}" for group, levels in self.groups.items())
        counts = Line(f"Number of obs: {self.nobs}, groups: ", groups)
        parts = self.varcorr.by_model()
        tables = [part.table(("Variance", "Std.Dev."), digits=DIGITS, decimals=2) for _, part in parts]
        if len(parts) == 1:
            return [Section("Random effects:", (tables[0], counts))]
        titled = [Section(title, (table,)) for (title, _), table in zip(parts, tables, strict=True)]
        titled[-1] = Section(titled[-1].title, (tables[-1], counts))
        return [Section("Random effects:", ()), *titled]

    def _notes(self) -> list[str]:
        notes = [f"Singular fit: {words}." for words in self._singularities()]
        notes += self.doubts
        if self.n_missing:
            total = self.nobs + self.n_missing
            verb = "was" if self.n_missing == 1 else "were"
            notes.append(f"{self.n_missing} of {total} rows {verb} left out because of missing values.")
        if self.dropped:
            notes.append(f"Left out because other columns determine them: {', '.join(self.dropped)}.")
        if len(self.names) > CORRELATIONS_UP_TO:
            notes.append(f"The correlations of the {len(self.names)} fixed effects are not printed; see vcov.")
        return [*notes, *self.notes]

    def _singularities(self) -> list[str]:
        if not self.singular:
            return []
        return self.varcorr.degenerate() or ["the estimates lie on the boundary of what is possible"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MixedSummary(MixedPage):
    """The page of a linear mixed model.

    Parameters
    ----------
    formula : the model in canonical spelling.
    reml : fitted by REML; otherwise by maximum likelihood.
    criterion : REML criterion, or deviance (-2 log-likelihood).
    aic, bic, loglik, df_residual : printed for maximum likelihood.
    residuals : (n,) scaled residuals of the rows used; None: a model without residuals.
    varcorr : standard deviations and correlations of the random effects.
    nobs : rows used.
    groups : number of levels of each grouping factor, in the order of the page.
    names : (p,) names of the fixed effects.
    estimates, vcov : (p,) fixed effects and their (p, p) covariance.
    df, p_values : (p,) degrees of freedom and two-sided p-values; None: these columns are left out.
    tests : what the t tests use, for the title: "Satterthwaite's method".
    data, weights, offset : what the user gave, in words; empty: not printed.
    singular : a variance is zero or a correlation perfect; the page says which.
    n_missing : rows left out because of missing values.
    dropped : names of the columns of X left out because others determine them.
    doubts : sentences about convergence; empty when there is no doubt.
    notes : further sentences for the end of the page.
    """

    formula: str
    reml: bool
    criterion: float
    aic: float
    bic: float
    loglik: float
    df_residual: int
    residuals: Floats | None
    varcorr: VarCorr
    nobs: int
    groups: Mapping[str, int]
    names: tuple[str, ...]
    estimates: Floats
    vcov: Floats
    df: Floats | None = None
    p_values: Floats | None = None
    tests: str = ""
    data: str = ""
    weights: str = ""
    offset: str = ""
    singular: bool = False
    n_missing: int = 0
    dropped: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.to_text()

    def sections(self) -> tuple[Section, ...]:
        """Title, criterion, residuals, random effects, fixed effects and their correlations, notes."""
        dispersion = "~ 0" if self.residuals is None else ""
        given = {"Dispersion": dispersion, "Weights": self.weights, "Offset": self.offset}
        return (
            Section(self._title(), heading_items(self.formula, self.data, **given)),
            Section("", (self._criterion_item(),)),
            *residuals_section(self.residuals),
            *self._random_sections(),
            *self._fixed_sections(),
            *notes_section(self._notes()),
        )

    def _title(self) -> str:
        title = f"Linear mixed model fit by {'REML' if self.reml else 'maximum likelihood'}"
        return f"{title}. t-tests use {self.tests}" if self.tests else title

    def _criterion_item(self) -> Item:
        if self.reml:
            return Line(f"REML criterion at convergence: {significant([round(self.criterion, 1)])[0]}")
        return self._criterion_table()

    def _fixed_sections(self) -> list[Section]:
        p = len(self.names)
        if p == 0:
            return [Section("No fixed effects", ())]
        errors = np.sqrt(np.diag(self.vcov))
        items = coefficient_items(self.names, self.estimates, errors, df=self.df, p=self.p_values)
        sections = [Section("Fixed effects:", items)]
        if 1 < p <= CORRELATIONS_UP_TO:
            correlation = self.vcov / np.outer(errors, errors)
            sections.append(Section("Correlation of Fixed Effects:", (correlation_table(self.names, correlation),)))
        return sections
