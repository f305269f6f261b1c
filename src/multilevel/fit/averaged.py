"""Marginal means that every fit answers, slopes, and tests among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..models.components import Component
from .held import Held

if TYPE_CHECKING:  # a sixth of the time that the first fit takes to load
    from ..inference.means import JointTests, MarginalMeans
    from ..inference.means.axes import Reduce
    from ..inference.means.grid import At
    from ..inference.means.parts import MeansComponent
    from ..inference.means.specs import Names as Predictors
    from ..inference.means.verbs import Type as MeansType


@dataclass(frozen=True, eq=False, repr=False)
class Averaged(Held):
    """Means over the grid of the predictors of a fit."""

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
        submodel: str | None = None,
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
        submodel : means as a smaller model would have them, `"~ a + b"`: what is not in it is zero instead of averaged
            over. `"minimal"`: with the terms made of the predictors asked for; `"type2"`: with that of all of them
            alone. Exact in linear models without random effects; elsewhere weights stay those of this model, and random
            effects play no part.

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
        from ..inference.means import emmeans

        return emmeans(
            self._fit, self._data, specs, by=by, at=at, cov_reduce=cov_reduce, weights=weights, offset=offset,
            nested=nested, df=self._judged(df, vcov, cluster), level=level, type=type, component=component,
            submodel=submodel, backend=self._backend,
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
        submodel: str | None = None,
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
        from ..inference.means import emtrends

        return emtrends(
            self._fit, self._data, specs, var, by=by, at=at, cov_reduce=cov_reduce, weights=weights, delta=delta,
            max_degree=max_degree, nested=nested, df=self._judged(df, vcov, cluster), level=level,
            component=component, submodel=submodel, backend=self._backend,
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
        submodel: str | None = None,
    ) -> JointTests:
        """F tests of the terms by contrasts among the means of the reference grid: type III tests of balanced cells.

        Arguments are as for `emmeans`; `by` are predictors whose levels have a table each. With `submodel="type2"` each
        term is tested after all terms that do not contain it (type II); `anova(type=2)` has the exact test of a mixed
        model.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("yield ~ variety * factor(nitro) + (1 | block/variety)", datasets.load("oats", "dict"))
        >>> m.joint_tests()
         model term    df1 df2 F.ratio p.value
         variety         2  10   1.485  0.2724
         nitro           3  45  37.686  <.0001
         variety:nitro   6  45   0.303  0.9322
        """
        from ..inference.means import joint_tests

        return joint_tests(
            self._fit, self._data, by=by, at=at, cov_reduce=cov_reduce, weights=weights, nested=nested,
            df=self._judged(df, vcov, cluster), component=component, submodel=submodel, backend=self._backend,
        )  # fmt: skip
