"""The printed pages of the fits: what `m.summary()` returns.

LinearSummary    the page of a linear model, with R's residual quantiles, coefficients and closing block
MixedSummary     the page every reader of lme4 knows, with notes in plain words at its end

Both take plain values: names, arrays and numbers; neither knows a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .digits import STAR_LEGEND, coefficient_cells, general, p_values, significant, stars, zap
from .labelled import Floats
from .layout import FormulaLine, Item, Legend, Line, Page, Prose, Section
from .lettering import abbreviate
from .tables import Table, TableColumn, column, named_row
from .varcorr import VarCorr

DIGITS = 4  # significant digits of the pages, R's max(3, getOption("digits") - 3)
CORRELATIONS_UP_TO = 12  # number of fixed effects whose correlations are still printed
_QUANTILES = ("Min", "1Q", "Median", "3Q", "Max")


class FTest(NamedTuple):
    """The test of all coefficients but the intercept."""

    statistic: float
    df_model: int
    df_residual: int
    p_value: float


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LinearSummary(Page):
    """The page of a linear model.

    Parameters
    ----------
    formula : the model in canonical spelling.
    names : (p,) names of all columns of X, the dropped ones included.
    estimates, errors, p_values : (p,) coefficients, standard errors and two-sided p-values; NaN where a column was
        dropped because others determine it.
    residuals : (n,) residuals of the rows used, multiplied by the square roots of the weights if there are any.
    sigma : residual standard error.
    df_residual : residual degrees of freedom.
    r_squared, adjusted_r_squared : R's definitions (about zero for models without intercept).
    f_test : test of all coefficients but the intercept; None when there are no others.
    data, weights : what the user gave, in words; empty: not printed.
    n_missing : rows left out because of missing values.
    row_labels : (n,) names of the residuals, printed when there are few; default 1, 2, ...
    notes : further sentences for the end of the page.
    """

    formula: str
    names: tuple[str, ...]
    estimates: Floats
    errors: Floats
    p_values: Floats
    residuals: Floats
    sigma: float
    df_residual: int
    r_squared: float
    adjusted_r_squared: float
    f_test: FTest | None
    data: str = ""
    weights: str = ""
    n_missing: int = 0
    row_labels: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.to_text()

    def sections(self) -> tuple[Section, ...]:
        """Title, residuals, coefficients, closing block, notes."""
        heading = heading_items(self.formula, self.data, Weights=self.weights)
        return (
            Section("Linear model fit by least squares", heading),
            Section("Weighted Residuals:" if self.weights else "Residuals:", (self._residual_item(),)),
            Section(self._coefficient_title(), self._coefficient_items()),
            Section("", tuple(map(Line, self._closing()))),
            *notes_section(self.notes),
        )

    def _residual_item(self) -> Item:
        """All residuals when the degrees of freedom are few, else their quantiles."""
        n = len(self.residuals)
        if self.df_residual > 5:
            return quantile_table(self.residuals)
        if self.df_residual == 0:
            return Line(f"ALL {n} residuals are 0: no residual degrees of freedom!")
        return named_row(self.row_labels or [str(i + 1) for i in range(n)], significant(self.residuals, DIGITS))

    def _coefficient_title(self) -> str:
        dropped = int(np.isnan(self.estimates).sum())
        return f"Coefficients: ({dropped} not defined because of singularities)" if dropped else "Coefficients:"

    def _coefficient_items(self) -> tuple[Item, ...]:
        if not self.names:
            return (Line("No coefficients"),)
        return coefficient_items(self.names, self.estimates, self.errors, p=self.p_values)

    def _closing(self) -> list[str]:
        sigma = significant([float(f"{self.sigma:.{DIGITS - 1}e}")])[0]
        lines = [f"Residual standard error: {sigma} on {self.df_residual} degrees of freedom"]
        if self.n_missing:
            plural = "s" if self.n_missing > 1 else ""
            lines.append(f"  ({self.n_missing} observation{plural} deleted due to missingness)")
        if self.f_test is not None:
            r2, adjusted = general(self.r_squared, DIGITS), general(self.adjusted_r_squared, DIGITS)
            lines += [f"Multiple R-squared:  {r2},\tAdjusted R-squared:  {adjusted}", _f_line(self.f_test)]
        return lines


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


def heading_items(formula: str, data: str, **terms: str) -> tuple[Item, ...]:
    """Formula, data and further terms under the title of a page; empty ones are left out."""
    source = [Line(f"   Data: {data}")] if data else []
    others = [FormulaLine(f"{label:>7}:", term) for label, term in terms.items() if term]
    return FormulaLine("Formula:", formula), *source, *others


def _f_line(test: FTest) -> str:
    statistic, p = general(test.statistic, DIGITS), p_values([test.p_value], DIGITS)[0]
    return f"F-statistic: {statistic} on {test.df_model} and {test.df_residual} DF,  p-value: {p}"


def notes_section(notes: Sequence[str]) -> tuple[Section, ...]:
    """The sentences at the end of a page, if there are any."""
    return (Section("Notes:", tuple(map(Prose, notes))),) if notes else ()
