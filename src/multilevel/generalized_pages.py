"""The printed pages of generalized fits: what `m.summary()` returns.

GeneralizedLinearSummary    the page of R's glm
GeneralizedMixedSummary     the page of lme4's glmer, with notes in plain words at its end

Both take plain values: names, arrays and numbers; neither knows a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .digits import significant
from .labelled import Floats
from .layout import Line, Page, Prose, Section
from .pages import (
    CORRELATIONS_UP_TO,
    DIGITS,
    MixedPage,
    coefficient_items,
    correlation_table,
    heading_items,
    notes_section,
    quantile_table,
    residuals_section,
)
from .varcorr import VarCorr


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GeneralizedLinearSummary(Page):
    """The page of a generalized linear model.

    Parameters
    ----------
    formula : the model in canonical spelling.
    family, link : their names, as R prints them.
    quasi : whether the family has no likelihood; AIC is then not printed.
    names : (p,) names of all columns of X, the dropped ones included.
    estimates, errors, p_values : (p,) coefficients, standard errors and two-sided p-values; NaN where a column was
        dropped because others determine it.
    letter : of the statistics, "z" where the dispersion is known, "t" where it was estimated.
    residuals : (n,) deviance residuals of the rows used.
    dispersion : known or estimated.
    null_deviance, deviance, df_null, df_residual : of the model with an intercept only, and of this one.
    aic : Akaike's criterion.
    iterations : Fisher scoring steps; 0: another method was used.
    shape : lines about the shape of the family, in place of the dispersion.
    data, weights : what the user gave, in words; empty: not printed.
    n_missing : rows left out because of missing values.
    notes : further sentences for the end of the page.
    parts, part_formulas : a model of zero inflation, as for `GeneralizedMixedSummary`; then `residuals` are Pearson's,
        and `loglik` stands in the place of deviances, which are not defined.
    """

    formula: str
    family: str
    link: str
    quasi: bool
    names: tuple[str, ...]
    estimates: Floats
    errors: Floats
    p_values: Floats
    letter: str
    residuals: Floats
    dispersion: float
    null_deviance: float
    deviance: float
    df_null: int
    df_residual: int
    aic: float
    iterations: int
    shape: tuple[str, ...] = ()
    data: str = ""
    weights: str = ""
    n_missing: int = 0
    notes: tuple[str, ...] = ()
    parts: tuple[tuple[str, tuple[str, ...], Floats, Floats, Floats], ...] = ()
    part_formulas: Mapping[str, str] = field(default_factory=dict)
    loglik: float = np.nan

    def __repr__(self) -> str:
        return self.to_text()

    def sections(self) -> tuple[Section, ...]:
        """Title, residuals, coefficients, dispersion, deviances, notes."""
        heading = heading_items(self.formula, self.data, Weights=self.weights, **self.part_formulas)
        residuals = "Pearson Residuals:" if self.parts else "Deviance Residuals:"
        shape = self.shape or (() if self.parts else (self._dispersion(),))
        method = "quasi-likelihood" if self.quasi else "maximum likelihood"
        family = Line(f" Family: {self.family}  ( {self.link} )")
        return (
            Section(f"Generalized linear model fit by {method}", (family, *heading)),
            *([Section(residuals, (quantile_table(self.residuals),))] if self.df_residual > 5 else []),
            self._coefficients(),
            *(
                Section(title, coefficient_items(names, estimates, errors, p=p, letter="z"))
                for title, names, estimates, errors, p in self.parts
            ),
            *([Section("", tuple(map(Prose, shape)))] if shape else []),
            Section("", tuple(map(Line, self._closing()))),
            *(
                [Section("", (Line(f"Number of Fisher Scoring iterations: {self.iterations}"),))]
                if self.iterations
                else []
            ),
            *notes_section(self.notes),
        )

    def _coefficients(self) -> Section:
        if not self.names:
            return Section("No coefficients", ())
        dropped = int(np.isnan(self.estimates).sum())
        title = f"Coefficients: ({dropped} not defined because of singularities)" if dropped else "Coefficients:"
        items = coefficient_items(self.names, self.estimates, self.errors, p=self.p_values, letter=self.letter)
        return Section(title, items)

    def _dispersion(self) -> str:
        number = significant([self.dispersion])[0] if np.isfinite(self.dispersion) else "NaN"
        return f"(Dispersion parameter for {self.family} family taken to be {number})"

    def _closing(self) -> list[str]:
        if self.parts:
            return [*self._missing_line(), f"Log-likelihood: {self.loglik:.1f}, AIC: {significant([self.aic], 4)[0]}"]
        cells = significant((self.null_deviance, self.deviance), max(5, DIGITS + 1))
        dfs = [str(self.df_null), str(self.df_residual)]
        width = max(map(len, dfs))
        lines = [
            f"{label} deviance: {cell}  on {df.rjust(width)}  degrees of freedom"
            for label, cell, df in zip(("    Null", "Residual"), cells, dfs, strict=True)
        ]
        lines += self._missing_line()
        lines.append(f"AIC: {significant([self.aic], max(4, DIGITS + 1))[0]}")
        return lines

    def _missing_line(self) -> list[str]:
        if not self.n_missing:
            return []
        return [f"  ({self.n_missing} observation{'s' if self.n_missing > 1 else ''} deleted due to missingness)"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GeneralizedMixedSummary(MixedPage):
    """The page of a generalized linear mixed model.

    Parameters
    ----------
    formula : the model in canonical spelling.
    family, link : their names, as R prints them.
    method : of integrating over the random effects, "Laplace Approximation".
    criterion : -2 log-likelihood.
    aic, bic, loglik, df_residual : its companions.
    residuals : (n,) scaled residuals of the rows used; None: a model without residuals.
    varcorr : standard deviations and correlations of the random effects.
    nobs : rows used.
    groups : number of levels of each grouping factor, in the order of the page.
    shape : lines about the dispersion of the family.
    parts : further models: title, names, (k,) estimates, errors and two-sided p-values.
    part_formulas : their formulas, beside titles of the heading.
    names : (p,) names of the fixed effects.
    estimates, vcov, p_values : (p,) fixed effects, their (p, p) covariance, (p,) two-sided p-values.
    data, weights : what the user gave, in words; empty: not printed.
    singular : a variance is zero or a correlation perfect; the page says which.
    n_missing : rows left out because of missing values.
    dropped : names of the columns of X left out because others determine them.
    doubts : sentences about convergence and separation; empty when there is no doubt.
    notes : further sentences for the end of the page.
    """

    formula: str
    family: str
    link: str
    method: str
    criterion: float
    aic: float
    bic: float
    loglik: float
    df_residual: int
    residuals: Floats | None
    varcorr: VarCorr
    nobs: int
    groups: Mapping[str, int]
    shape: tuple[str, ...]
    names: tuple[str, ...]
    estimates: Floats
    vcov: Floats
    p_values: Floats
    data: str = ""
    weights: str = ""
    singular: bool = False
    n_missing: int = 0
    dropped: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parts: tuple[tuple[str, tuple[str, ...], Floats, Floats, Floats], ...] = ()
    part_formulas: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.to_text()

    def sections(self) -> tuple[Section, ...]:
        """Title, criterion, residuals, random effects, dispersion, fixed effects and their correlations, notes."""
        title = f"Generalized linear mixed model fit by maximum likelihood ({self.method})"
        heading = heading_items(self.formula, self.data, Weights=self.weights, **self.part_formulas)
        shape = [Section("", tuple(map(Prose, self.shape)))] if self.shape else []
        return (
            Section(title, (Line(f" Family: {self.family}  ( {self.link} )"), *heading)),
            Section("", (self._criterion_table(),)),
            *residuals_section(self.residuals),
            *self._random_sections(),
            *shape,
            *self._fixed_sections(),
            *self._part_sections(),
            *notes_section(self._notes()),
        )

    def _fixed_sections(self) -> list[Section]:
        p = len(self.names)
        if p == 0:
            return [Section("No fixed effects", ())]
        errors = np.sqrt(np.diag(self.vcov))
        items = coefficient_items(self.names, self.estimates, errors, p=self.p_values, letter="z")
        sections = [Section("Fixed effects:", items)]
        if 1 < p <= CORRELATIONS_UP_TO:
            with np.errstate(invalid="ignore", divide="ignore"):
                correlation = self.vcov / np.outer(errors, errors)
            sections.append(Section("Correlation of Fixed Effects:", (correlation_table(self.names, correlation),)))
        return sections

    def _part_sections(self) -> list[Section]:
        return [
            Section(title, coefficient_items(names, estimates, errors, p=p, letter="z"))
            for title, names, estimates, errors, p in self.parts
        ]
