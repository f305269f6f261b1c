"""Tests that every fit answers: of terms, of linear hypotheses, with a term left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..inference.anova import AnovaTable, anova
from ..inference.deletions import drop1
from ..inference.hypotheses import Hypothesis, HypothesisTest, linear_hypotheses
from ..inference.tabled import TestTable
from ..models.components import Component, component_fit
from .held import Held


@dataclass(frozen=True, eq=False, repr=False)
class Judged(Held):
    """What can be tested in a fit."""

    def anova(
        self,
        type: int = 3,
        df: str | None = None,
        *,
        vcov: str | None = None,
        cluster: Any = None,
        component: Component = "cond",
    ) -> AnovaTable:
        """F tests of the terms of the formula, whatever the coding of their factors.

        Parameters
        ----------
        type : 1, each term after those before it; 2, each term after all that do not contain it; 3, each term after all
            others, in cells that weigh the same.
        df : `"satterthwaite"` (default of mixed models), `"kenward-roger"`, `"residual"` (default of linear models) or
            `"none"`, a chi-square test divided by its degrees of freedom.
        vcov, cluster : `"CR0"`, `"CR1"`, `"CR1S"`, `"CR2"` or `"CR3"` for a cluster-robust covariance, with its own
            degrees of freedom, and its clusters: a column or grouping factor by name, or an array. Default, for mixed
            models: the grouping factor in which all others are nested.
        component : whose terms: `"cond"`, the mean; with a model of zero inflation `"zi"`, of dispersion `"disp"`.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("yield ~ variety * nitro + (1 | block/variety)", datasets.load("oats", "dict"))
        >>> m.anova()
        Type III Analysis of Variance Table with Satterthwaite's method
                       Sum Sq Mean Sq NumDF  DenDF  F value    Pr(>F)
        variety         655.5   327.8     2 21.575   1.9423    0.1676
        nitro         19536.4 19536.4     1 51.000 115.7713 1.002e-14 ***
        variety:nitro   168.3    84.2     2 51.000   0.4988    0.6102
        ---
        Signif. codes:  0 ‘***’ 0.001 ‘**’ 0.01 ‘*’ 0.05 ‘.’ 0.1 ‘ ’ 1
        """
        return anova(component_fit(self._fit, component), type, self._judged(df, vcov, cluster), self._backend)

    def drop1(
        self,
        test: str | None = None,
        df: str | None = None,
        *,
        vcov: str | None = None,
        cluster: Any = None,
        component: Component = "cond",
    ) -> TestTable | AnovaTable:
        """Tests of the fixed terms that no other term contains, each left out in turn.

        Parameters
        ----------
        test : `"Chisq"`, likelihood ratios of refits by maximum likelihood (default of mixed models), or `"F"`, without
            refits (default of linear models).
        df, vcov, cluster : of the F tests, as for `anova`; a cluster-robust covariance asks for F tests.
        component : whose terms, as for `anova`.
        """
        return drop1(self._fit, test, self._judged(df, vcov, cluster), self._backend, component=component)

    def test(
        self,
        hypothesis: Hypothesis,
        rhs: float | Sequence[float] = 0.0,
        df: str | None = None,
        *,
        vcov: str | None = None,
        cluster: Any = None,
    ) -> HypothesisTest:
        """Tests of linear hypotheses: a t test of each, and an F test of all.

        Parameters
        ----------
        hypothesis : equations in text, `"days = 10"`, `"b1 - b2 = 0"`, one or several; weights by name, `{"days": 1}`;
            or a matrix L (k, p) on the identified coefficients.
        rhs : what weights and matrices are tested against.
        df, vcov, cluster : as for `anova`.

        With models of zero inflation or dispersion their coefficients are "zi: x" and "disp: x", as in
        `"zi: x = 0"`, and come after the others in a matrix.

        Raises
        ------
        InferenceError : an equation cannot be read or names no coefficient, or the hypotheses contradict each other.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> round(m.test("days = 10").p_value, 3)
        0.766
        """
        return linear_hypotheses(self._fit, hypothesis, rhs, df=self._judged(df, vcov, cluster), backend=self._backend)
