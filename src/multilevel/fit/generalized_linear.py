"""`glm`, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from ..arguments import named
from ..data.sums import Floats
from ..diagnostics import Explanation
from ..families import Family, family_of
from ..generalized_pages import GeneralizedLinearSummary
from ..generalized_summary import (
    generalized_linear_summary,
    glance_generalized_linear,
    residual_df,
    tidy_generalized_linear,
)
from ..generalized_words import explain_generalized_linear
from ..inference.generalized_prediction import predict_generalized_interval
from ..inference.prediction import Interval
from ..labelled import Coefficients
from ..models.generalized import another_response
from ..models.generalized_linear import GeneralizedLinearFit, fit_generalized_linear, refit_generalized_linear
from ..models.inputs import Missing, Weights
from ..predict import Seed
from ..responses import Scale, predict_generalized, simulate_generalized
from .generalized import GeneralizedModel, warn
from .unmixed import UnmixedModel


@named
def glm(
    formula: str,
    data: Any,
    family: str | Family = "gaussian",
    *,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
    missing: Missing = "drop",
    ziformula: str | None = None,
    dispformula: str | None = None,
) -> GeneralizedLinearModel:
    """Fit a generalized linear model by Fisher scoring.

    Parameters
    ----------
    formula : the model in R's language, `"y ~ a * b + offset(log(t))"`; for counts of successes
        `"cbind(successes, failures) ~ x"`.
    data : a pandas or polars frame, a pyarrow table, a DuckDB relation, a dict of arrays, or the path of a CSV or
        Parquet file.
    family : `"gaussian"` (default), `"binomial"`, `"poisson"`, `"gamma"`, `"inverse_gaussian"`, `"quasibinomial"`,
        `"quasipoisson"`, with another than the default link as in `"binomial(probit)"`; or an object of
        `multilevel.families`, such as `families.negative_binomial(size=2)`.
    weights : name of a column, or an array with one number for each row of `data`: the number of trials where the
        response is a proportion, else the factor by which a row counts. Rows of weight zero do not count. Default: one.
    contrasts : coding of factors, `{"period": "sum"}`, or numbers for its levels,
        `{"treated": {"no": -0.5, "yes": 0.5}}`. Default: treatment, for ordered factors polynomial.
    missing : `"drop"` leaves incomplete rows out and warns, `"error"` refuses them.
    ziformula : a model `"~ x"` of the logit of the probability that a row is zero whatever its mean, as in `glmer`.
        Default: no such zeros.
    dispformula : a model `"~ x"` of the logarithm of what shapes the family, its dispersion (of gaussian responses the
        variance), size, precision or scale, as in `glmer`. Default: one number. With either all is estimated by maximum
        likelihood, a dispersion too that otherwise is Pearson's.

    A categorical response is coded as in R: its first level is a failure, all others are successes.

    Returns
    -------
    GeneralizedLinearModel

    Raises
    ------
    FormulaError : the formula cannot be read, or has random terms.
    DataError : a column is missing or of the wrong kind, or the response has a value that the family cannot have.
    FitError : an unknown family or link, a constant response, or a first step to impossible means.

    Warns
    -----
    MissingRowsWarning, RankWarning : rows or columns were left out, and which.
    SeparationWarning : coefficients without a finite estimate, and which.
    ConvergenceWarning : scoring did not converge.

    References
    ----------
    McCullagh & Nelder (1989), Generalized Linear Models, 2nd ed. Separation: Albert & Anderson (1984), Biometrika 71.

    >>> from multilevel import datasets
    >>> m = glm("cbind(incidence, size - incidence) ~ period", datasets.load("cbpp", "dict"), "binomial")
    >>> round(m.deviance, 3), m.df_residual
    (114.102, 52)
    """
    fit = fit_generalized_linear(
        formula, data, family_of(family), weights=weights, contrasts=contrasts, missing=missing, ziformula=ziformula,
        dispformula=dispformula,
    )  # fmt: skip
    warn(fit)
    return GeneralizedLinearModel(fit, data)


@dataclass(frozen=True, eq=False, repr=False)
class GeneralizedLinearModel(UnmixedModel, GeneralizedModel):
    """A generalized linear model; made by `glm`. Names, definitions and signs are those of R's `glm`."""

    _fit: GeneralizedLinearFit

    def __repr__(self) -> str:
        return f"<GeneralizedLinearModel {self.formula}: {self.family}, {self.nobs} rows>"

    def summary(self) -> GeneralizedLinearSummary:
        """The page known from R: residuals, coefficients with tests, dispersion, deviances and AIC."""
        return generalized_linear_summary(self._fit, self._data)

    @property
    def dispersion(self) -> float | Coefficients:
        """The factor of the variance: Pearson's X^2 over its degrees of freedom, or 1 where the family has none.

        With dispformula the (k,) coefficients of its model, on the log scale, as those of `glmer`.
        """
        return self._part("dispersion") if self._fit.dispersing else self._fit.factor

    @property
    def sigma(self) -> float:
        """Root of the factor of the variance; NaN where it has a model."""
        return sqrt(self._fit.factor)

    @property
    def null_deviance(self) -> float:
        """Deviance of the model with nothing but the intercept, if there is one, and the offset; NaN with ziformula."""
        return self._fit.estimate.null_deviance

    @property
    def df_residual(self) -> int:
        """Rows that count less identified coefficients; with ziformula less all parameters, as in glmmTMB."""
        return residual_df(self._fit)

    def explain(self) -> Explanation:
        """The fit in sentences: what was estimated, what is separated, what was left out."""
        return explain_generalized_linear(self._fit)

    def predict(
        self, newdata: Any = None, *, type: Scale = "link", interval: Interval | None = None, level: float = 0.95
    ) -> Any:
        """(rows of newdata,) predictions, offsets included; NaN where a predictor is missing.

        With `interval`, a frame: `estimate`, `std_error`, `df`, `lower`, `upper`.

        Parameters
        ----------
        newdata : a table with the columns of the formula, the response excepted. Default: the rows of the fit.
        type : `"link"` (default, as in R), the linear predictor, or `"response"`, the mean; with a model of zero
            inflation also `"conditional"`, the mean without inflated zeros, and `"zprob"`, the probability of these;
            with dispformula `"disp"`, what that describes: dispersion (of gaussian responses the variance, of gamma
            responses one over the dispersion), size, ...
        interval : `"confidence"` for the predicted mean. For the response, limits are those of the link transformed,
            and the standard error is by the delta method. `"prediction"` (with `type="response"`) for a response that
            is yet to come: quantiles of the family over a normal distribution of the linear predictor, the shape taken
            as known. `std_error` is then the standard deviation of the response, and limits of counts cover at least
            `level`. Successes where the response is `cbind(successes, failures)`, which `newdata` then has.
        level : of the interval.

        Raises DataError if a column is missing, or a factor has an unseen level; InferenceError if `level` is none.

        >>> from multilevel import datasets
        >>> m = glm("cbind(incidence, size - incidence) ~ period", datasets.load("cbpp", "dict"), "binomial")
        >>> m.predict({"period": ["1", "4"]}, type="response").round(4)
        array([0.2194, 0.0452])
        """
        if interval is None:
            return predict_generalized(self._fit, newdata, type=type)
        return predict_generalized_interval(
            self._fit, newdata, type=type, interval=interval, level=level, backend=self._backend
        )

    def simulate(self, n: int = 1, *, newdata: Any = None, seed: Seed = None) -> Floats:
        """(rows, n) simulated responses, for the rows of the fit or new ones; `seed` as for numpy.random.default_rng.

        Proportions where the response is one, successes where it is `cbind(successes, failures)`.
        """
        return simulate_generalized(self._fit, n, newdata=newdata, seed=seed)

    def refit(self, y: Any) -> GeneralizedLinearModel:
        """The same design with another response, given as it stands left of `~`, or as `simulate` gives it.

        (rows of the data,), or (rows, 2) for a pair of counts.
        """
        rows = another_response(self._fit, y)
        return GeneralizedLinearModel(refit_generalized_linear(self._fit, rows), self._data)

    def tidy(self, *, exponentiate: bool = False) -> Any:
        """A frame with a row for each coefficient: `term`, `estimate`, `std_error`, `statistic`, `p_value`.

        With `exponentiate` odds ratios (logit), ratios of means (log) or hazards (cloglog), with standard errors by the
        delta method; statistics and p-values are those of the coefficients.
        """
        return tidy_generalized_linear(self._fit, self._backend, exponentiate)

    def glance(self) -> Any:
        """A frame of one row: deviances, likelihood, degrees of freedom."""
        return glance_generalized_linear(self._fit, self._backend)
