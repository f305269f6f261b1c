"""Analysis of variance: an F test for each fixed term."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..framed import frame
from ..layout import Item, Page, Prose, Section
from ..models.estimate import Fit
from .estimable import hypotheses
from .methods import sampling_of
from .sampling import Sampling
from .tabled import Numbers, items_of_tests

ROMAN = {1: "I", 2: "II", 3: "III"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AnovaTable(Page):
    """F tests of the fixed terms; Wald chi-square tests, F = chi-square / df1, where `df2` is infinite.

    Parameters
    ----------
    title : first line of the page.
    terms : (k,) labels of the terms; for a linear model "Residuals" is the last.
    sum_sq : (k,) sums of squares: for mixed models F times df1 times sigma^2, as in lmerTest, before
        Kenward and Roger scale F.
    df1, df2 : (k,) degrees of freedom of the F tests; `df1` of the residuals is theirs.
    statistic, p_value : (k,) F and its p-value; NaN for residuals, and for a term that other terms determine.
    notes : sentences for the end of the page.
    backend : library of the frame that `to_frame()` gives.
    """

    title: str
    terms: tuple[str, ...]
    sum_sq: Floats
    df1: Floats
    df2: Floats
    statistic: Floats
    p_value: Floats
    notes: tuple[str, ...] = ()
    backend: str = "pandas"

    def __repr__(self) -> str:
        return self.to_text()

    @property
    def mean_sq(self) -> Floats:
        """(k,) sums of squares per degree of freedom; NaN where there are none."""
        made: Floats = np.divide(self.sum_sq, self.df1, out=np.full(len(self.df1), nan), where=self.df1 > 0)
        return made

    def __getitem__(self, term: str) -> tuple[float, float, float, float]:
        """F, its two degrees of freedom and p-value of a term."""
        from ..labelled import unknown_name

        if term not in self.terms:
            raise unknown_name("term", term, self.terms)
        i = self.terms.index(term)
        return float(self.statistic[i]), float(self.df1[i]), float(self.df2[i]), float(self.p_value[i])

    def sections(self) -> tuple[Section, ...]:
        """One table, and notes."""
        notes: tuple[Item, ...] = tuple(map(Prose, self.notes))
        page = Section(self.title, items_of_tests(self.terms, self._columns()))
        return (page, Section("Notes:", notes)) if notes else (page,)

    def _columns(self) -> list[Numbers]:
        sums = [Numbers("Sum Sq", self.sum_sq.tolist()), Numbers("Mean Sq", self.mean_sq.tolist())]
        test, p = (
            Numbers("F value", self.statistic.tolist(), "statistic"),
            Numbers("Pr(>F)", self.p_value.tolist(), "p"),
        )
        if self.terms[-1:] == ("Residuals",):
            return [Numbers("Df", self.df1.tolist()), *sums, test, p]
        if np.isposinf(self.df2).any():
            chi_square = Numbers("Chisq", (self.statistic * self.df1).tolist(), "statistic")
            return [chi_square, Numbers("Df", self.df1.tolist()), p._replace(head="Pr(>Chisq)")]
        return [*sums, Numbers("NumDF", self.df1.tolist()), Numbers("DenDF", self.df2.tolist()), test, p]

    def to_frame(self) -> Any:
        """A frame: `term`, `sum_sq`, `mean_sq`, `df1`, `df2`, `statistic`, `p_value`."""
        columns = {
            "sum_sq": self.sum_sq, "mean_sq": self.mean_sq, "df1": self.df1, "df2": self.df2,
            "statistic": self.statistic, "p_value": self.p_value,
        }  # fmt: skip
        return frame({"term": self.terms, **columns}, self.backend)


def anova(fit: Fit, type: int = 3, df: str | Sampling | None = None, backend: str = "pandas") -> AnovaTable:
    """Tests of the fixed terms of a linear or linear mixed model, whatever the coding of its factors.

    Parameters
    ----------
    fit : of a linear or linear mixed model.
    type : 1, each term beyond those before it; 2, beyond all terms that do not contain it; 3, means of cells with equal
        weights. A term contains another when it has the same covariates and more factors: with `x * f`, the test of x
        in type 3 is of its mean slope, and that of f is of the means at x = 0.
    df : degrees of freedom, as for `sampling_of`; `"none"`: Wald chi-square tests.
    backend : library of the frame that `to_frame()` gives.

    Raises
    ------
    InferenceError : `type` or `df` is none of these, the fixed part has no terms, or leaves out a margin that type 3
        needs.

    References
    ----------
    Kuznetsova, Brockhoff & Christensen (2017), lmerTest package, J. Stat. Softw. 82(13).
    """
    if type not in ROMAN:
        other = "" if isinstance(type, int | float | str) else ": multilevel.compare(m0, m1) compares fits"
        raise InferenceError(f"type is {type!r}; expected 1, 2 or 3{other}")
    if not fit.design.terms:
        raise InferenceError(f"{fit.design.formula.text!r} has no fixed terms to test beside the intercept")
    return _table(fit, sampling_of(fit, df), type, backend)


def _table(fit: Fit, sampling: Sampling, kind: int, backend: str) -> AnovaTable:
    tests = [sampling.f_test(L) for L in hypotheses(fit, kind)]
    statistic, df2, p = (
        np.array(v, float) for v in zip(*[(t.statistic, t.df2, t.p_value) for t in tests], strict=True)
    )
    df1 = np.array([t.df1 or nan for t in tests])
    sum_sq = statistic / [t.scale for t in tests] * df1 * fit.estimate.sigma**2
    terms = tuple(term.label for term in fit.design.terms)
    notes = tuple(filter(None, [_not_tested(terms, df1), sampling.note]))
    title = f"Type {ROMAN[kind]} Analysis of Variance Table"
    if fit.design.random and np.isfinite(df2[~np.isnan(df2)]).all():
        title += f" with {sampling.words}"
    elif fit.design.random or sampling.df(np.eye(len(sampling.beta)))[:1] == inf:
        title = f"Analysis of Deviance Table (Type {ROMAN[kind]} Wald chi-square tests)"
    else:
        terms += ("Residuals",)
        sum_sq, df1 = np.append(sum_sq, fit.estimate.r2), np.append(df1, fit.estimate.n - len(fit.kept))
        statistic, df2, p = (np.append(values, nan) for values in (statistic, df2, p))
    return AnovaTable(title, terms, sum_sq, df1, df2, statistic, p, notes, backend)


def _not_tested(terms: tuple[str, ...], df1: Floats) -> str:
    empty = [term for term, q in zip(terms, df1, strict=True) if np.isnan(q)]
    return f"Not tested because other terms determine them: {', '.join(empty)}." if empty else ""
