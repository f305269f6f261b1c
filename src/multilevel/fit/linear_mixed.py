"""`lmer`, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..arguments import named
from ..data.sums import Floats
from ..diagnostics import Convergence, Explanation, convergence, explain_mixed
from ..effects import random_effects, varcorr
from ..grouped import GroupTables
from ..inference.explained import IntraClass, RSquared, intra_class, r_squared_mixed
from ..inference.methods import sampling_of
from ..inference.prediction import Interval, Theta, predict_interval
from ..models.inputs import Missing, Weights
from ..models.linear_mixed import criterion_at, fit_linear_mixed, refit_linear_mixed
from ..pages import MixedSummary
from ..predict import Groups, NewLevels, Seed, predict
from ..simulation import SimulatedGroups, simulate
from ..summary import mixed_summary
from ..tidy import glance_mixed, tidy_mixed
from ..varcorr import VarCorr
from .mixed import MixedModel
from .model import warn


@named
def lmer(
    formula: str,
    data: Any,
    *,
    REML: bool = True,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
    missing: Missing = "drop",
    start: Sequence[float] | Floats | None = None,
    dispformula: str | None = None,
    sigma: float | None = None,
) -> LinearMixedModel:
    """Fit a linear mixed model by REML or maximum likelihood.

    Parameters
    ----------
    formula : the model in lme4's language, `"y ~ x + (x | subject) + (1 | item)"`.
    data : a pandas or polars frame, a pyarrow table, a DuckDB relation, a dict of arrays, or the path of a CSV or
        Parquet file.
    REML : restricted maximum likelihood (default), or maximum likelihood.
    weights : name of a column, or an array with one positive number for each row of `data`: the residual variance of a
        row is sigma^2 / weight. Default: all one.
    contrasts : coding of factors in the fixed effects, `{"period": "sum"}`, or numbers for its levels,
        `{"treated": {"no": -0.5, "yes": 0.5}}`. Default: treatment, for ordered factors polynomial.
    missing : `"drop"` leaves incomplete rows out and warns, `"error"` refuses them.
    start : (m,) theta to start from, in the order of `theta`. Default: moment estimates of the variances.
    dispformula : `"~0"` for a model without residuals, as in glmmTMB: a random term that has an effect of its own for
        every row, `ar1(0 + times | subject)` with each time once, stands for them. Default: `"~1"`, one variance.
    sigma : the residual standard deviation, where it is known (nlme's `lmeControl(sigma=)`). With `weights` of one over
        the sampling variances and `sigma=1` the model is a meta-analysis, and a group may have one row. Default:
        estimated.

    Returns
    -------
    LinearMixedModel

    Raises
    ------
    FormulaError : the formula cannot be read, or has no random term.
    DataError : a column is missing or of the wrong kind, or the weights do not fit the data.
    FitError : the data cannot determine the model, such as a grouping factor with one level, as many random effects as
        rows, a constant response, or one that the predictors determine; or the design is too large for the memory.

    Warns
    -----
    MissingRowsWarning, RankWarning : rows or columns were left out, and which.
    SingularFitWarning : a variance of zero or a perfect correlation was estimated.
    ConvergenceWarning : the optimum is not certified.

    References
    ----------
    Bates, Mächler, Bolker & Walker (2015), Fitting linear mixed-effects models using lme4, J. Stat. Softw. 67(1).

    >>> from multilevel import datasets
    >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
    >>> m.varcorr()
     Groups   Name        Std.Dev. Corr
     subject  (Intercept) 24.7405
              days         5.9221  0.066
     Residual             25.5918
    """
    fit = fit_linear_mixed(
        formula,
        data,
        reml=REML,
        weights=weights,
        contrasts=contrasts,
        missing=missing,
        start=start,
        dispformula=dispformula,
        sigma=sigma,
    )
    warn(fit)
    return LinearMixedModel(fit, data)


@dataclass(frozen=True, eq=False, repr=False)
class LinearMixedModel(MixedModel):
    """A linear mixed model; made by `lmer`. Names, definitions and signs are those of R's lme4."""

    def __repr__(self) -> str:
        groups = ", ".join(f"{levels} {group}" for group, levels in self.ngroups.items())
        return f"<LinearMixedModel {self.formula}: {self.nobs} rows, {groups}>"

    def summary(self, df: str | None = None, *, vcov: str | None = None, cluster: Any = None) -> MixedSummary:
        """The page every reader of lme4 and lmerTest knows, with notes in plain words.

        `df` : whose degrees of freedom the t tests have, `"satterthwaite"` (default), `"kenward-roger"` (with its
        standard errors), `"between-within"` or `"residual"`; `"none"` for lme4's own page, without p-values. `vcov`,
        `cluster` : a cluster-robust covariance, as for `anova`.
        """
        judged = self._judged(df, vcov, cluster)
        return mixed_summary(self._fit, self._data, self._backend, "satterthwaite" if judged is None else judged)

    def ranef(self) -> GroupTables:
        """Conditional modes of the random effects with conditional standard deviations, a table per grouping factor."""
        return random_effects(self._fit, self._backend)

    def varcorr(self) -> VarCorr:
        """Standard deviations and correlations of the random effects, and sigma."""
        return varcorr(self._fit, self._backend)

    @property
    def theta(self) -> Floats:
        """(m,) free entries of the relative covariance factors, in lme4's order."""
        return self._fit.estimate.theta

    def criterion_at(self, theta: Sequence[float] | Floats) -> float:
        """The criterion at another theta (m,), profiled over beta and sigma; infinite where it is not defined.

        >>> from multilevel import datasets
        >>> m = lmer("yield ~ 1 + (1 | batch)", datasets.load("dyestuff", "dict"), REML=False)
        >>> round(m.criterion_at([0.713]) - m.criterion, 6)
        0.015103
        """
        return criterion_at(self._fit, theta)

    @property
    def reml(self) -> bool:
        """Whether the fit is by REML."""
        return self._fit.estimate.reml

    @property
    def convergence(self) -> Convergence:
        """The verdict on the optimum: gradient, curvature, evaluations."""
        return convergence(self._fit)

    def explain(self) -> Explanation:
        """The fit in sentences: what was estimated, where the variation lies, what is singular, what can be done."""
        return explain_mixed(self._fit)

    def predict(
        self,
        newdata: Any = None,
        *,
        groups: Groups = "same",
        new_levels: NewLevels = "error",
        interval: Interval | None = None,
        level: float = 0.95,
        theta: Theta = "known",
        seed: Seed = None,
    ) -> Any:
        """(rows of newdata,) predictions, offsets included; NaN where a predictor or a group is missing.

        With `interval`, a frame: `estimate`, `std_error`, `df`, `lower`, `upper`.

        Parameters
        ----------
        newdata : a table with the columns of the formula, the response excepted. Default: the rows of the fit.
        groups : `"same"` adds the random effects of known levels, `"population"` leaves all random effects out, and
            then no grouping factor is needed.
        new_levels : for levels that the fit has not seen, `"error"` refuses them, `"population"` adds nothing, `"draw"`
            draws their effects from the estimated distribution.
        interval : `"confidence"` for the predicted mean, of the population or of known groups with the uncertainty of
            their random effects; `"prediction"` for a new response, of a new group where the group is not known.
        level : of the interval.
        theta : `"known"` takes the variance parameters as given; `"estimated"` adds how much the prediction moves with
            them (Kackar & Harville 1984, JASA 79, 853-862).
        seed : for `"draw"`, as for numpy.random.default_rng.

        Intervals are t intervals with Satterthwaite's degrees of freedom for the whole variance.

        Raises
        ------
        DataError : a column is missing, a factor of the fixed effects has a new level, or a group is new.
        InferenceError : `level` is not between 0 and 1, or an interval is asked of effects that are drawn.

        >>> from multilevel import datasets
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> m.predict({"days": [0, 5], "subject": ["308", "new"]}, new_levels="population").round(2)
        array([253.66, 303.74])
        >>> new = m.predict({"days": [10]}, groups="population", interval="prediction")
        >>> new["lower"].round(1), new["upper"].round(1)
        (array([205.1]), array([507.1]))
        """
        if interval is not None:
            return predict_interval(
                self._fit, sampling_of(self._fit), newdata, groups=groups, new_levels=new_levels, interval=interval,
                level=level, theta=theta, backend=self._backend,
            )  # fmt: skip
        return predict(self._fit, newdata, groups=groups, new_levels=new_levels, seed=seed)

    def simulate(
        self, n: int = 1, *, groups: SimulatedGroups = "new", newdata: Any = None, seed: Seed = None
    ) -> Floats:
        """(rows, n) simulated responses; NaN in rows with a missing value.

        Parameters
        ----------
        n : number of simulations.
        groups : `"new"` draws the random effects of all levels anew, `"same"` keeps the conditional modes.
        newdata : a table with the columns of the formula, the response excepted. Default: the rows of the fit.
        seed : as for numpy.random.default_rng; more simulations do not change the first ones.

        Prior weights divide the residual variance; with `newdata` they are read from their column.

        >>> from multilevel import datasets
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> m.simulate(1000, seed=1).shape
        (180, 1000)
        """
        return simulate(self._fit, n, groups=groups, newdata=newdata, seed=seed)

    def r2(self) -> RSquared:
        """Nakagawa's marginal and conditional R squared: variance explained without and with the random effects.

        Marginal: v_f / (v_f + v_r + sigma^2); conditional: (v_f + v_r) / (v_f + v_r + sigma^2), with v_f the variance
        of the fixed part over the rows and v_r the mean variance that the random effects give to a row.

        References
        ----------
        Nakagawa, Johnson & Schielzeth (2017), J. R. Soc. Interface 14, 20170213.

        >>> from multilevel import datasets
        >>> lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict")).r2()
        Share of the variance explained
                                              R2
        marginal (fixed effects)          0.2787
        conditional (with random effects) 0.7992
        """
        return r_squared_mixed(self._fit, self._backend)

    def icc(self) -> IntraClass:
        """Intra-class correlation: the share of the random effects in the variance, adjusted and unadjusted.

        >>> from multilevel import datasets
        >>> lmer("diameter ~ 1 + (1 | plate) + (1 | sample)", datasets.load("penicillin", "dict")).icc()
        Intra-class correlation
                                                      ICC
        adjusted (of random effects and residuals) 0.9363
        unadjusted (of all variance)               0.9363
        <BLANKLINE>
        By random term:
                     Variance    ICC
        (1 | plate)    0.7169 0.1509
        (1 | sample)   3.7309 0.7854
        """
        return intra_class(self._fit, self._backend)

    def refit(self, y: Any) -> LinearMixedModel:
        """The same design and method with another response (rows of the data,), given as it stands left of `~`.

        A singular or doubtful refit does not warn; ask `is_singular` and `convergence`.
        """
        return LinearMixedModel(refit_linear_mixed(self._fit, self._with_response(y)), self._data)

    def tidy(self, df: str = "satterthwaite") -> Any:
        """A frame with a row for each parameter: `effect`, `group`, `term`, `estimate`, `std_error`, `statistic`, `df`,
        `p_value`.

        Fixed effects first, then standard deviations `sd__` and correlations `cor__`; `df` as for `summary`.
        """
        return tidy_mixed(self._fit, self._backend, df)

    def glance(self) -> Any:
        """A frame of one row: rows, sigma, likelihood, criterion, degrees of freedom."""
        return glance_mixed(self._fit, self._backend)
