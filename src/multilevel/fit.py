"""The front desk: `lm` and `lmer`, and everything one can ask of what they return.

Methods orchestrate, functions compute: each verb is one line that says where its answer comes from.
"""

from __future__ import annotations

import warnings as _warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .data.attach import backend_of, keepable
from .data.sums import Floats
from .diagnostics import Convergence, Explanation, convergence, doubts, explain_linear, explain_mixed
from .effects import coefficients, random_effects, varcorr
from .errors import DataError
from .formula import Design, Matrices
from .grouped import GroupTables
from .inference.wald import whole_model_test
from .labelled import Coefficients, Covariance
from .models.estimate import Fit
from .models.inputs import Missing, Weights
from .models.linear import fit_linear, r_squared, refit_linear, spread
from .models.linear_mixed import criterion_at, fit_linear_mixed, refit_linear_mixed
from .models.predictor import fitted
from .pages import FTest, LinearSummary, MixedSummary
from .predict import Groups, NewLevels, Residuals, Seed, aligned, predict, residuals
from .simulate import SimulatedGroups, simulate
from .summary import group_sizes, linear_summary, mixed_summary
from .tidy import augment, glance_linear, glance_mixed, tidy_linear, tidy_mixed
from .varcorr import VarCorr


def lm(
    formula: str,
    data: Any,
    *,
    weights: Weights = None,
    contrasts: Mapping[str, str] | None = None,
    missing: Missing = "drop",
) -> LinearModel:
    """Fit a linear model by (weighted) least squares.

    Parameters
    ----------
    formula : the model in R's language, `"y ~ a * b + poly(x, 2)"`.
    data : a pandas or polars frame, a pyarrow table, a DuckDB relation, a dict of arrays, or the path of a CSV or
        Parquet file.
    weights : name of a column, or an array with one number for each row of `data`: the residual variance of a row is
        sigma^2 / weight. Rows of weight zero do not count. Default: all one.
    contrasts : coding of factors, `{"period": "sum"}`. Default: treatment, for ordered factors polynomial.
    missing : `"drop"` leaves incomplete rows out and warns, `"error"` refuses them.

    Returns
    -------
    LinearModel

    Raises
    ------
    FormulaError : the formula cannot be read, or has random terms.
    DataError : a column is missing or of the wrong kind, or the weights do not fit the data.
    FitError : the response is constant.

    Warns
    -----
    MissingRowsWarning, RankWarning : rows or columns were left out, and which.

    >>> from multilevel import datasets
    >>> m = lm("reaction ~ days", datasets.load("sleepstudy", "dict"))
    >>> m.fixef
    (Intercept)        days
      251.40510    10.46729
    """
    fit = fit_linear(formula, data, weights=weights, contrasts=contrasts, missing=missing)
    _warn(fit)
    return LinearModel(fit, data)


def lmer(
    formula: str,
    data: Any,
    *,
    REML: bool = True,
    weights: Weights = None,
    contrasts: Mapping[str, str] | None = None,
    missing: Missing = "drop",
    start: Sequence[float] | Floats | None = None,
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
    contrasts : coding of factors in the fixed effects, `{"period": "sum"}`. Default: treatment, for ordered factors
        polynomial.
    missing : `"drop"` leaves incomplete rows out and warns, `"error"` refuses them.
    start : (m,) theta to start from, in the order of `theta`. Default: moment estimates of the variances.

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
    fit = fit_linear_mixed(formula, data, reml=REML, weights=weights, contrasts=contrasts, missing=missing, start=start)
    _warn(fit)
    return LinearMixedModel(fit, data)


def _warn(fit: Fit) -> None:
    for doubt in doubts(fit):
        _warnings.warn(doubt, stacklevel=3)


@dataclass(frozen=True, eq=False, repr=False)
class _Model:
    """What linear and linear mixed models answer alike. `_fit` and `_data` never change."""

    _fit: Fit
    _data: Any

    def __getstate__(self) -> dict[str, Any]:
        return {"_fit": self._fit, "_data": self._data if keepable(self._data) else None}

    @property
    def _backend(self) -> str:
        return backend_of(self._data)

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


@dataclass(frozen=True, eq=False, repr=False)
class LinearModel(_Model):
    """A linear model fitted by least squares; made by `lm`. Names, definitions and signs are those of R's `lm`."""

    def __repr__(self) -> str:
        return f"<LinearModel {self.formula}: {self.nobs} rows, sigma {self.sigma:.4g}>"

    def summary(self) -> LinearSummary:
        """The page known from R: residuals, coefficients with tests, R squared and F."""
        return linear_summary(self._fit, self._data)

    @property
    def fixef(self) -> Coefficients:
        """(p,) estimates; NaN for columns that others determine."""
        return Coefficients(self.design.names, spread(self._fit, self._fit.estimate.beta), "estimate", self._backend)

    @property
    def se(self) -> Coefficients:
        """(p,) standard errors."""
        return Coefficients(self.design.names, np.sqrt(np.diag(self.vcov.array)), "std_error", self._backend)

    @property
    def vcov(self) -> Covariance:
        """(p, p) covariance of the estimates."""
        return Covariance(self.design.names, spread(self._fit, self._fit.estimate.vcov), self._backend)

    @property
    def df_residual(self) -> int:
        """Rows that count less identified coefficients."""
        return self.nobs - len(self._fit.kept)

    @property
    def deviance(self) -> float:
        """Weighted residual sum of squares."""
        return self._fit.estimate.r2

    @property
    def r_squared(self) -> float:
        """Share of the variation explained: about the mean, or about zero for a model without intercept."""
        return r_squared(self._fit)[0]

    @property
    def adjusted_r_squared(self) -> float:
        """R squared corrected for the number of coefficients."""
        return r_squared(self._fit)[1]

    @property
    def f_test(self) -> FTest | None:
        """Test of all coefficients but the intercept: statistic, its two degrees of freedom, p-value."""
        return whole_model_test(self._fit)

    def explain(self) -> Explanation:
        """The fit in sentences."""
        return explain_linear(self._fit)

    def predict(self, newdata: Any = None) -> Floats:
        """(rows of newdata,) predicted means, offsets included; NaN where a predictor is missing.

        Raises DataError if `newdata` (default: the rows of the fit) lacks a column, or a factor has an unseen level.
        """
        return predict(self._fit, newdata)

    def simulate(self, n: int = 1, *, newdata: Any = None, seed: Seed = None) -> Floats:
        """(rows, n) simulated responses, for the rows of the fit or new ones; `seed` as for numpy.random.default_rng.

        Prior weights divide the variance.
        """
        return simulate(self._fit, n, newdata=newdata, seed=seed)

    def refit(self, y: Any) -> LinearModel:
        """The same design with another response (rows of the data,), given as it stands left of `~`."""
        return LinearModel(refit_linear(self._fit, self._with_response(y)), self._data)

    def tidy(self) -> Any:
        """A frame with a row for each coefficient: `term`, `estimate`, `std_error`, `statistic`, `p_value`."""
        return tidy_linear(self._fit, self._backend)

    def glance(self) -> Any:
        """A frame of one row: R squared, sigma, F test, likelihood, degrees of freedom."""
        return glance_linear(self._fit, self._backend)


@dataclass(frozen=True, eq=False, repr=False)
class LinearMixedModel(_Model):
    """A linear mixed model; made by `lmer`. Names, definitions and signs are those of R's lme4."""

    def __repr__(self) -> str:
        groups = ", ".join(f"{levels} {group}" for group, levels in self.ngroups.items())
        return f"<LinearMixedModel {self.formula}: {self.nobs} rows, {groups}>"

    def summary(self) -> MixedSummary:
        """The page every reader of lme4 knows, with notes in plain words."""
        return mixed_summary(self._fit, self._data, self._backend)

    @property
    def fixef(self) -> Coefficients:
        """(p,) estimates of the fixed effects; columns that others determine are left out."""
        return Coefficients(self._fit.names, self._fit.estimate.beta, "estimate", self._backend)

    @property
    def se(self) -> Coefficients:
        """(p,) standard errors of the fixed effects."""
        return Coefficients(self._fit.names, np.sqrt(np.diag(self._fit.estimate.vcov)), "std_error", self._backend)

    @property
    def vcov(self) -> Covariance:
        """(p, p) covariance of the fixed effects."""
        return Covariance(self._fit.names, self._fit.estimate.vcov, self._backend)

    def ranef(self) -> GroupTables:
        """Conditional modes of the random effects with conditional standard deviations, a table per grouping factor."""
        return random_effects(self._fit, self._backend)

    def coef(self) -> GroupTables:
        """Fixed plus random effects per level, with standard errors of prediction, a table per grouping factor."""
        return coefficients(self._fit, self._backend)

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
    def ngroups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""
        return group_sizes(self._fit)

    @property
    def df_residual(self) -> int:
        """Rows less parameters: fixed effects, entries of theta, and sigma."""
        return self.nobs - self._fit.estimate.n_parameters

    @property
    def is_singular(self) -> bool:
        """Whether a variance of zero or a perfect correlation was estimated."""
        return self._fit.estimate.is_singular

    @property
    def convergence(self) -> Convergence:
        """The verdict on the optimum: gradient, curvature, evaluations."""
        return convergence(self._fit)

    def explain(self) -> Explanation:
        """The fit in sentences: what was estimated, where the variation lies, what is singular, what can be done."""
        return explain_mixed(self._fit)

    def predict(
        self, newdata: Any = None, *, groups: Groups = "same", new_levels: NewLevels = "error", seed: Seed = None
    ) -> Floats:
        """(rows of newdata,) predictions, offsets included; NaN where a predictor or a group is missing.

        Parameters
        ----------
        newdata : a table with the columns of the formula, the response excepted. Default: the rows of the fit.
        groups : `"same"` adds the random effects of known levels, `"population"` leaves all random effects out, and
            then no grouping factor is needed.
        new_levels : for levels that the fit has not seen, `"error"` refuses them, `"population"` adds nothing, `"draw"`
            draws their effects from the estimated distribution.
        seed : for `"draw"`, as for numpy.random.default_rng.

        Raises
        ------
        DataError : a column is missing, a factor of the fixed effects has a new level, or a group is new.

        >>> from multilevel import datasets
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> m.predict({"days": [0, 5], "subject": ["308", "new"]}, new_levels="population").round(2)
        array([253.66, 303.74])
        """
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

    def refit(self, y: Any) -> LinearMixedModel:
        """The same design and method with another response (rows of the data,), given as it stands left of `~`.

        A singular or doubtful refit does not warn; ask `is_singular` and `convergence`.
        """
        return LinearMixedModel(refit_linear_mixed(self._fit, self._with_response(y)), self._data)

    def tidy(self) -> Any:
        """A frame with a row for each parameter: `effect`, `group`, `term`, `estimate`, `std_error`, `statistic`.

        Fixed effects first, then standard deviations `sd__` and correlations `cor__`.
        """
        return tidy_mixed(self._fit, self._backend)

    def glance(self) -> Any:
        """A frame of one row: rows, sigma, likelihood, criterion, degrees of freedom."""
        return glance_mixed(self._fit, self._backend)
