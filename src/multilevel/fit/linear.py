"""`lm`, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..arguments import named
from ..data.sums import Floats
from ..diagnostics import Explanation, explain_linear
from ..inference.methods import sampling_of
from ..inference.prediction import Interval, predict_interval
from ..inference.wald import whole_model_test
from ..models.inputs import Missing, Weights
from ..models.linear import fit_linear, r_squared, refit_linear
from ..pages import FTest, LinearSummary
from ..predict import Seed, predict
from ..simulation import simulate
from ..summary import linear_summary
from ..tidy import glance_linear, tidy_linear
from .model import warn
from .unmixed import UnmixedModel


@named
def lm(
    formula: str,
    data: Any,
    *,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
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
    contrasts : coding of factors, `{"period": "sum"}`, or numbers for its levels,
        `{"treated": {"no": -0.5, "yes": 0.5}}`. Default: treatment, for ordered factors polynomial.
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
    warn(fit)
    return LinearModel(fit, data)


@dataclass(frozen=True, eq=False, repr=False)
class LinearModel(UnmixedModel):
    """A linear model fitted by least squares; made by `lm`. Names, definitions and signs are those of R's `lm`."""

    def __repr__(self) -> str:
        return f"<LinearModel {self.formula}: {self.nobs} rows, sigma {self.sigma:.4g}>"

    def summary(self) -> LinearSummary:
        """The page known from R: residuals, coefficients with tests, R squared and F."""
        return linear_summary(self._fit, self._data)

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

    def predict(self, newdata: Any = None, *, interval: Interval | None = None, level: float = 0.95) -> Any:
        """(rows of newdata,) predicted means, offsets included; NaN where a predictor is missing.

        With `interval`, `"confidence"` for the mean or `"prediction"` for a new response, a frame: `estimate`,
        `std_error`, `df`, `lower`, `upper`.

        Raises DataError if `newdata` (default: the rows of the fit) lacks a column, or a factor has an unseen level;
        InferenceError if `level` is not between 0 and 1.

        >>> from multilevel import datasets
        >>> m = lm("reaction ~ days", datasets.load("sleepstudy", "dict"))
        >>> found = m.predict({"days": [10]}, interval="confidence")
        >>> found["lower"].round(2), found["upper"].round(2)
        (array([340.92]), array([371.24]))
        """
        if interval is not None:
            sampling = sampling_of(self._fit)
            return predict_interval(self._fit, sampling, newdata, interval=interval, level=level, backend=self._backend)
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
