"""What every fit answers, whatever its kind: each verb is one line that says where its answer comes from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import Checks, check
from ..data.attach import backend_of, keepable
from ..data.sums import Floats
from ..diagnostics import doubts
from ..errors import DataError
from ..formula import Design, Matrices
from ..inference.anova import AnovaTable, anova
from ..inference.asked import Statistic
from ..inference.bootstrap import Bootstrap, IntervalMethod
from ..inference.confidence import ConfintMethod, confint
from ..inference.deletions import drop1
from ..inference.hypotheses import Hypothesis, HypothesisTest, linear_hypotheses
from ..inference.intervals import Intervals
from ..inference.means import JointTests, MarginalMeans, emmeans, emtrends, joint_tests
from ..inference.means.axes import Reduce
from ..inference.means.grid import At
from ..inference.means.parts import MeansComponent
from ..inference.means.specs import Names as Predictors
from ..inference.means.verbs import Type as MeansType
from ..inference.methods import sampling_of
from ..inference.parameters import Names
from ..inference.profile import Profile, profile
from ..inference.replicates import bootstrap
from ..inference.sampling import Sampling
from ..inference.tabled import TestTable
from ..models.components import Component, component_fit
from ..models.estimate import Fit
from ..models.predictor import fitted
from ..predict import Residuals, Seed, aligned, residuals
from ..tidy import augment
from ..truth import Truth, truth_of

if TYPE_CHECKING:
    from ..paper import Diagram, Equation


def warn(fit: Fit) -> None:
    """Give the doubts about a fit as warnings at the line of the user's call."""
    for doubt in doubts(fit):
        warnings.warn(doubt, stacklevel=3)


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """What linear and linear mixed models answer alike. `_fit` and `_data` never change."""

    _fit: Fit
    _data: Any

    def __getstate__(self) -> dict[str, Any]:
        return {"_fit": self._fit, "_data": self._data if keepable(self._data) else None}

    @property
    def _backend(self) -> str:
        return backend_of(self._data)

    def _judged(self, df: str | None, vcov: str | None, cluster: Any) -> str | Sampling | None:
        """What estimates are judged by: a method by name, or a cluster-robust sampling distribution."""
        if vcov is None and cluster is None:
            return df
        return sampling_of(self._fit, df, vcov, cluster, self._data)

    @property
    def formula(self) -> str:
        """The model in canonical spelling."""
        return self._fit.design.formula.text

    @property
    def design(self) -> Design:
        """What the formula learned from the data: columns, levels, contrasts, transforms."""
        return self._fit.design

    @property
    def nobs(self) -> int:
        """Number of rows that count."""
        return self._fit.estimate.n

    @property
    def sigma(self) -> float:
        """Residual standard deviation, of a row of weight one."""
        return self._fit.estimate.sigma

    @property
    def criterion(self) -> float:
        """What was minimised: -2 log-likelihood, or the REML criterion."""
        return self._fit.estimate.criterion

    @property
    def loglik(self) -> float:
        """Log-likelihood; for REML the restricted one."""
        return self._fit.estimate.loglik

    @property
    def aic(self) -> float:
        """Akaike's information criterion, from `loglik` and the number of parameters, sigma included."""
        return self._fit.estimate.aic

    @property
    def bic(self) -> float:
        """Schwarz's information criterion, with log(nobs)."""
        return self._fit.estimate.bic

    def fitted(self) -> Floats:
        """(rows of the data,) fitted values, random effects included; NaN for rows left out."""
        return aligned(fitted(self._fit), self._fit.rows)

    def residuals(self, kind: Residuals = "response") -> Floats:
        """(rows of the data,) residuals; NaN for rows left out.

        `"response"`: y - fitted; `"pearson"`: times the root of the prior weight; `"scaled"`: that divided by sigma.
        """
        return aligned(residuals(self._fit, kind), self._fit.rows)

    def augment(self) -> Any:
        """The data with `.fitted`, `.resid` and for mixed models `.fixed`, in the user's library.

        Raises DataError if the number of rows changed since the fit, or a column of that name is there.
        """
        if self._data is None:
            raise DataError("the data did not travel with this copy of the fit, for they were a query on a connection")
        return augment(self._fit, self._data)

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

    def confint(
        self,
        method: ConfintMethod = "wald",
        level: float = 0.95,
        parameters: Names = None,
        *,
        df: str | None = None,
        vcov: str | None = None,
        cluster: Any = None,
        n: int = 1000,
        boot: IntervalMethod = "percentile",
        seed: Seed = None,
        threads: int | None = None,
    ) -> Intervals:
        """Confidence intervals of fixed effects, standard deviations, correlations and sigma.

        Parameters
        ----------
        method : `"wald"`: estimate and standard error, for fixed effects only. `"profile"`: from the profile
            likelihood. `"boot"`: from a parametric bootstrap.
        level : coverage aimed at.
        parameters : a name, several, `"theta_"` (the random part), `"beta_"` (fixed effects), `"zi_"` or `"disp_"`
            (those of a model of zero inflation or dispersion). Default: all.
        df : wald: `"satterthwaite"` (default of mixed models), `"kenward-roger"` (with its standard errors),
            `"residual"` (default of linear models) or `"none"`, the normal distribution as in lme4.
        vcov, cluster : wald: as for `anova`.
        n, boot, seed, threads : boot: number of replicates; `"percentile"`, `"basic"` or `"bca"`; see `bootstrap`.

        Raises
        ------
        InferenceError : an impossible level, an unknown parameter, or too few replicates.
        DataError : an unknown method.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"), REML=False)
        >>> m.confint("profile")
        Profile likelihood 95 % intervals
                                     Estimate   2.5 %  97.5 %
        sd_(Intercept)|subject         23.78   14.38   37.72
        cor_days.(Intercept)|subject    0.081  -0.481   0.685
        sd_days|subject                 5.717   3.801   8.753
        sigma                          25.592  22.898  28.858
        (Intercept)                   251.41  237.68  265.13
        days                           10.467   7.359  13.576
        """
        return confint(
            self._fit,
            method,
            level,
            parameters,
            df=self._judged(df, vcov, cluster),
            n=n,
            boot=boot,
            seed=seed,
            threads=threads,
            backend=self._backend,
        )

    def profile(self, parameters: Names = None, *, level: float = 0.99) -> Profile:
        """Profile likelihood: for each parameter the best fits with that parameter held, and zeta, the signed square
        root of the rise of -2 log-likelihood. A fit by REML is profiled at its refit by maximum likelihood.

        Parameters
        ----------
        parameters : a name, several, `"theta_"` (the random part), `"beta_"` (fixed effects), `"zi_"` or `"disp_"`
            (those of a model of zero inflation or dispersion). Default: all.
        level : the curves go to the boundary of the joint confidence region of this level of all parameters.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("yield ~ 1 + (1 | batch)", datasets.load("dyestuff", "dict"), REML=False)
        >>> p = m.profile()
        >>> round(p.confint(0.8)["sigma"].lower, 2)
        41.59
        >>> p["sigma"](p["sigma"].limits(1.5)).round(3)
        array([-1.5,  1.5])
        """
        return profile(self._fit, parameters=parameters, level=level, backend=self._backend)

    def bootstrap(
        self, n: int = 1000, statistic: Statistic | None = None, seed: Seed = None, *, threads: int | None = None
    ) -> Bootstrap:
        """Parametric bootstrap: responses drawn from the fit, with new random effects, and a refit to each.

        Parameters
        ----------
        n : number of replicates.
        statistic : a function of a refitted model that gives a number, a sequence of numbers or a dict of them.
            Default: all parameters, which the core replicates in parallel.
        seed : an integer, a generator, or None: replicate i is the same for any n and any number of threads.
        threads : of the refits; default: MULTILEVEL_NUM_THREADS, OMP_NUM_THREADS or all processors.

        Raises
        ------
        InferenceError : n is no number of replicates, or the statistic fails or changes its shape.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> b = m.bootstrap(200, seed=1)
        >>> b.replicates.shape, len(b.confint("bca"))
        ((200, 6), 6)
        >>> m.bootstrap(20, lambda refit: refit.sigma, seed=1).names
        ('statistic',)
        """
        wrap = partial(type(self), _data=self._data)
        return bootstrap(
            self._fit, n, statistic=statistic, wrap=wrap, seed=seed, threads=threads, backend=self._backend
        )

    def emmeans(
        self,
        specs: str | Sequence[str],
        *,
        by: Predictors = None,
        at: At = None,
        cov_reduce: Reduce = "mean",
        weights: Any = "equal",
        offset: float | None = None,
        nested: bool = True,
        df: str | None = None,
        vcov: str | None = None,
        cluster: Any = None,
        level: float = 0.95,
        type: MeansType = "link",
        component: MeansComponent = "cond",
    ) -> MarginalMeans:
        """Estimated marginal means over a grid of the predictors, as emmeans computes and prints them.

        Parameters
        ----------
        specs : predictors whose combinations have a mean each, `"a"`, `["a", "b"]`, `"~ a * b"`; behind a bar those
            that make separate tables, `"~ a | b"`; `"~ 1"` for the mean of all.
        by : names of more predictors that make separate tables.
        at : values of some predictors, `{"x": [1, 2], "f": ["a", "b"]}`.
        cov_reduce : for numeric predictors with more than two values: `"mean"`, `"median"`, `"range"`, `"unique"`,
            `"around"` (mean - 1, mean + 1) or a function of the values, or one for each, `{"x": "range"}`.
        weights : of what is averaged over, `"equal"`, `"proportional"`, `"outer"`, `"cells"`, `"flat"`, or numbers.
        offset : in place of the formula's offset.
        nested : whether factors nested in others are averaged within these and named with them (a note says which).
        df : `"kenward-roger"` (default of mixed models), `"satterthwaite"`, `"residual"` (default of linear models) or
            `"none"`.
        vcov, cluster : as for `anova`.
        level : of confidence intervals.
        type : `"response"` shows means on the scale of the response, where it was transformed in the formula.
        component : with a model of zero inflation or dispersion, `"cond"`, the mean without inflated zeros; `"zi"` and
            `"disp"`, these models, on the scales of logit and logarithm; `"response"`, the expected response, inflated
            zeros included, averaged on its own scale.

        Returns
        -------
        MarginalMeans : with `.contrast()`, `.pairs()`, `.test()`, `.confint()`, `.joint_tests()`, `.response()`,
            `.to_frame()`.

        Raises
        ------
        InferenceError : a name is no predictor, a level or option is not known, or the grid is too large.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> m.emmeans("~ days", at={"days": [0, 9]})
         days emmean    SE df lower.CL upper.CL
            0    251  6.82 17      237      266
            9    346 14.63 17      315      376
        <BLANKLINE>
        Degrees-of-freedom method: kenward-roger
        Confidence level used: 0.95
        """
        return emmeans(
            self._fit, self._data, specs, by=by, at=at, cov_reduce=cov_reduce, weights=weights, offset=offset,
            nested=nested, df=self._judged(df, vcov, cluster), level=level, type=type, component=component,
            backend=self._backend,
        )  # fmt: skip

    def emtrends(
        self,
        specs: str | Sequence[str],
        var: str,
        *,
        by: Predictors = None,
        at: At = None,
        cov_reduce: Reduce = "mean",
        weights: Any = "equal",
        delta: float | None = None,
        max_degree: int = 1,
        nested: bool = True,
        df: str | None = None,
        vcov: str | None = None,
        cluster: Any = None,
        level: float = 0.95,
        component: MeansComponent = "cond",
    ) -> MarginalMeans:
        """Estimated marginal means of slopes of the numeric predictor `var`; other arguments as for `emmeans`.

        Parameters
        ----------
        var : a numeric predictor, or a function of one, `"log(dose)"`, in which slopes are taken then.
        delta : step of the difference quotient. Default: a thousandth of the range of the predictor.
        max_degree : from 2 on, local polynomial coefficients f^(d) / d! too, in a table for each `degree`; up to 5.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> m.emtrends("~ 1", "days")
         1       days.trend   SE df lower.CL upper.CL
         overall       10.5 1.55 17     7.21     13.7
        <BLANKLINE>
        Degrees-of-freedom method: kenward-roger
        Confidence level used: 0.95
        """
        return emtrends(
            self._fit, self._data, specs, var, by=by, at=at, cov_reduce=cov_reduce, weights=weights, delta=delta,
            max_degree=max_degree, nested=nested, df=self._judged(df, vcov, cluster), level=level,
            component=component, backend=self._backend,
        )  # fmt: skip

    def joint_tests(
        self,
        *,
        by: Predictors = None,
        at: At = None,
        cov_reduce: Reduce = "around",
        weights: Any = "equal",
        nested: bool = True,
        df: str | None = None,
        vcov: str | None = None,
        cluster: Any = None,
        component: Component = "cond",
    ) -> JointTests:
        """F tests of the terms by contrasts among the means of the reference grid: type III tests of balanced cells.

        Arguments are as for `emmeans`; `by` are predictors whose levels have a table each.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("yield ~ variety * factor(nitro) + (1 | block/variety)", datasets.load("oats", "dict"))
        >>> m.joint_tests()
         model term    df1 df2 F.ratio p.value
         variety         2  10   1.485  0.2724
         nitro           3  45  37.686  <.0001
         variety:nitro   6  45   0.303  0.9322
        """
        return joint_tests(
            self._fit, self._data, by=by, at=at, cov_reduce=cov_reduce, weights=weights, nested=nested,
            df=self._judged(df, vcov, cluster), component=component, backend=self._backend,
        )  # fmt: skip

    def check(self) -> Checks:
        """What one should look at before believing the fit: optimum, boundary, data left out, collinearity, residuals,
        random effects; each with a number and a verdict.
        """
        return check(self._fit, self._backend)

    def equation(self, numbers: bool = False) -> Equation:
        """The equations of the model: LaTeX (`str`), typeset in a notebook, text in a terminal.

        `numbers` puts the estimates in the place of the parameters.

        >>> from multilevel import datasets, lm
        >>> lm("reaction ~ days", datasets.load("sleepstudy", "dict")).equation()
        reaction[n] ~ N(μ[n], σ)
               μ[n] = α + β days[n]
        """
        from ..paper import equation

        return equation(self._fit, numbers)

    def diagram(self) -> Diagram:
        """The model as a plate diagram: shows itself in a notebook, `.save("model.svg")` or `"model.png"`."""
        from ..paper import diagram

        return diagram(self._fit)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write one self-contained page: words, equations, diagram, tables, pictures, checks. Gives back its path.

        The page loads nothing from anywhere. Needs plotnine: `pip install "multilevel[plots]"`.

        Raises DataError if the file is not called .html or cannot be written.
        """
        from ..report import write_report

        return write_report(self, path)

    def truth(self) -> Truth:
        """The truth that would be, if the estimates were exact: to be edited with `replace`, and simulated from.

        Coefficients that were not identified are zero. Codings, weights and trials are not part of it; give them to
        `simulate`. Raises InferenceError if there are no residuals to estimate sigma from, for quasi families, and for
        models of zero inflation or dispersion.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> m.truth().replace(fixed={"days": 0}).fixed["days"]
        0.0
        """
        return truth_of(self._fit)

    def _with_response(self, y: Any) -> Matrices:
        """The rows with another response (rows of the data,)."""
        rows = self._fit.rows
        values = np.array(y, np.float64)
        if values.shape != (rows.n_total,):
            raise DataError(
                f"y has shape {values.shape}; expected one value for each of the {rows.n_total} rows of the data"
            )
        if rows.kept is not None:
            values = values.take(rows.kept)
        if not np.isfinite(values).all():
            raise DataError(
                f"y has {int((~np.isfinite(values)).sum())} missing or infinite values in rows the model uses"
            )
        return replace(rows, y=values)
