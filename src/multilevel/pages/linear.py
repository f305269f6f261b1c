"""The page of a linear model, with R's residual quantiles, coefficients and closing block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..digits import general, p_values, significant
from ..labelled import Floats
from ..layout import Item, Line, Page, Section
from ..tables import named_row
from .parts import DIGITS, coefficient_items, heading_items, notes_section, quantile_table


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


def _f_line(test: FTest) -> str:
    statistic, p = general(test.statistic, DIGITS), p_values([test.p_value], DIGITS)[0]
    return f"F-statistic: {statistic} on {test.df_model} and {test.df_residual} DF,  p-value: {p}"
