"""`glmer`, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from ..arguments import named
from ..data.sums import Floats
from ..diagnostics import Convergence, Explanation
from ..effects import random_effects, varcorr
from ..families import Family, family_of
from ..generalized_pages import GeneralizedMixedSummary
from ..generalized_summary import generalized_mixed_summary, glance_generalized_mixed, tidy_generalized_mixed
from ..generalized_words import convergence_generalized, explain_generalized_mixed
from ..grouped import GroupTables
from ..inference.explained import IntraClass, RSquared
from ..inference.generalized_explained import intra_class_generalized, r_squared_generalized
from ..inference.generalized_prediction import predict_generalized_interval
from ..inference.prediction import Interval
from ..labelled import Coefficients
from ..models.generalized import another_response
from ..models.generalized_mixed import (
    GeneralizedMixedFit,
    criterion_at,
    fit_generalized_mixed,
    refit_generalized_mixed,
)
from ..models.inputs import Missing, Weights
from ..models.likelihood import Curvature
from ..predict import NewLevels, Seed
from ..responses import MeanGroups, Scale, predict_generalized, simulate_generalized
from ..simulation import SimulatedGroups
from ..varcorr import VarCorr
from .generalized import GeneralizedModel, warn
from .mixed import MixedModel


@named
def glmer(
    formula: str,
    data: Any,
    family: str | Family,
    *,
    n_agq: int = 1,
    curvature: Curvature | None = None,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
    missing: Missing = "drop",
    start: Sequence[float] | Floats | None = None,
    ziformula: str | None = None,
    dispformula: str | None = None,
) -> GeneralizedLinearMixedModel:
    """Fit a generalized linear mixed model by maximum likelihood.

    Parameters
    ----------
    formula : the model in lme4's language, `"y ~ x + (x | subject) + (1 | item)"`; for counts of successes
        `"cbind(successes, failures) ~ x + (1 | g)"`.
    data : a pandas or polars frame, a pyarrow table, a DuckDB relation, a dict of arrays, or the path of a CSV or
        Parquet file.
    family : `"binomial"`, `"poisson"`, `"negative_binomial"`, `"gamma"`, `"inverse_gaussian"`, `"beta"`,
        `"beta_binomial"`, `"student_t"`, `"gaussian"`, `"tweedie"`, `"truncated_poisson"`,
        `"truncated_negative_binomial"`, `"generalized_poisson"`, with another than the default link as in
        `"binomial(probit)"`; or an object of `multilevel.families`, such as `families.negative_binomial(type=1)`. What
        shapes a family besides its mean is estimated with everything else.
    n_agq : 1 (default), the Laplace approximation; more, nodes of adaptive Gauss-Hermite quadrature, for one grouping
        factor and up to three effects, those of ziformula and dispformula counted; 0, fast: fixed effects among the
        modes, a little off.
    curvature : the Laplace approximation takes the `"observed"` information of the responses, or the `"expected"` one.
        They differ for links that are not canonical. Default: as lme4, expected, for what its `glmer` fits, binomial,
        Poisson and negative binomial responses of a given size; as glmmTMB, observed, for families whose shape is
        estimated. (lme4's `glmer.nb` takes the expected one.)
    weights : name of a column, or an array with one number for each row of `data`: the number of trials where the
        response is a proportion; what the dispersion is divided by for gaussian, gamma and inverse Gaussian responses;
        else the factor by which a row counts. Rows of weight zero do not count. Default: one.
    contrasts : coding of factors in the fixed effects, `{"period": "sum"}`, or numbers for its levels,
        `{"treated": {"no": -0.5, "yes": 0.5}}`. Default: treatment, for ordered factors polynomial.
    missing : `"drop"` leaves incomplete rows out and warns, `"error"` refuses them.
    start : (m,) theta to start from, in the order of `theta`.
    ziformula : a model `"~ x"` or `"~ x + (1 | g)"` of the logit of the probability that a row is zero whatever its
        mean (zero inflation). Its random effects are independent of those of the mean, also on the same grouping
        factor. Continuous families have no zeros but these. Default: no such zeros.
    dispformula : a model `"~ x"` or `"~ x + (1 | g)"` of the logarithm of the family's first shape parameter:
        `dispersion`, `size`, `precision` or `scale`; for gaussian responses of the variance, and for gamma ones of the
        shape, one over the dispersion, as in glmmTMB. Random effects there make a location-scale model (Hedeker,
        Mermelstein & Demirtas 2008); they are independent of those of the mean and of the zero inflation. Default: one
        number for all rows.

    A categorical response is coded as in R: its first level is a failure, all others are successes. Standard deviations
    of the random effects are in units of the linear predictor, for families with a dispersion too (as in glmmTMB; lme4
    divides theta by the residual standard deviation).

    Returns
    -------
    GeneralizedLinearMixedModel

    Raises
    ------
    FormulaError : the formula cannot be read, or has no random term.
    DataError : a column is missing or of the wrong kind, or the response has a value that the family cannot have.
    FitError : an unknown family or link, a constant response, a grouping factor with one level, or another model that
        the data cannot determine.

    Warns
    -----
    MissingRowsWarning, RankWarning : rows or columns were left out, and which.
    SingularFitWarning : a variance of zero or a perfect correlation was estimated.
    SeparationWarning : fixed effects without a finite estimate, and which.
    ConvergenceWarning : the optimum is not certified, more nodes than `n_agq` would change the criterion, or nearly all
        groups answer all 0 or all 1, which the Laplace approximation cannot integrate over.

    References
    ----------
    Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw. 67(1); Brooks et al. (2017), R Journal 9(2), 378-400.
    Hedeker, Mermelstein & Demirtas (2008), Biometrics 64, 627-634.

    >>> from multilevel import datasets
    >>> cbpp = datasets.load("cbpp", "dict")
    >>> m = glmer("cbind(incidence, size - incidence) ~ period + (1 | herd)", cbpp, "binomial")
    >>> m.varcorr()
     Groups Name        Std.Dev.
     herd   (Intercept) 0.64226
    """
    fit = fit_generalized_mixed(
        formula, data, family_of(family), n_agq=n_agq, curvature=curvature, weights=weights, contrasts=contrasts,
        missing=missing, start=start, ziformula=ziformula, dispformula=dispformula,
    )  # fmt: skip
    warn(fit)
    return GeneralizedLinearMixedModel(fit, data)


@dataclass(frozen=True, eq=False, repr=False)
class GeneralizedLinearMixedModel(MixedModel, GeneralizedModel):
    """A generalized linear mixed model; made by `glmer`. Names and definitions are those of R's lme4 and glmmTMB."""

    _fit: GeneralizedMixedFit

    def __repr__(self) -> str:
        groups = ", ".join(f"{levels} {group}" for group, levels in self.ngroups.items())
        return f"<GeneralizedLinearMixedModel {self.formula}: {self.family}, {self.nobs} rows, {groups}>"

    def summary(self) -> GeneralizedMixedSummary:
        """The page every reader of lme4 knows, with notes in plain words."""
        return generalized_mixed_summary(self._fit, self._data, self._backend)

    @property
    def sigma(self) -> float:
        """Root of the dispersion of gaussian, gamma and inverse Gaussian responses; 1 for other families."""
        return sqrt(self.family.dispersion(self._fit.estimate.shape))

    @property
    def shape(self) -> dict[str, float]:
        """What the family estimates besides the mean, by name: `size`, `dispersion`, `precision`, `scale`, `df`.

        What `dispformula` models is left out.
        """
        named = zip(self.family.shape_names, self._fit.estimate.shape.tolist(), strict=True)
        return {name: value for name, value in named if value == value}  # NaN: it has a model

    @property
    def dispersion(self) -> Coefficients:
        """(k,) coefficients of the model of the dispersion, on the log scale. InferenceError without one."""
        return self._part("dispersion")

    def ranef(self) -> GroupTables:
        """Conditional modes of the random effects with conditional standard deviations, a table per grouping factor.

        Those of the zero inflation are `ranef().zero_inflation`, those of the dispersion `ranef().dispersion`; `coef()`
        and `varcorr()` have theirs likewise.
        """
        return random_effects(self._fit, self._backend)

    def varcorr(self) -> VarCorr:
        """Standard deviations and correlations of the random effects, in units of the linear predictor."""
        return varcorr(self._fit, self._backend)

    @property
    def theta(self) -> Floats:
        """(m,) free entries of the covariance factors, in lme4's order and units of the linear predictor.

        Those of the terms of the zero inflation, then of the dispersion come last.
        """
        return self._fit.estimate.theta

    def criterion_at(
        self, theta: Sequence[float] | Floats, beta: Sequence[float] | Floats, shape: Sequence[float] | Floats = ()
    ) -> float:
        """-2 log-likelihood at another theta (m,), beta (p,) and shape (s,); infinite where it is not defined."""
        return criterion_at(self._fit, theta, beta, shape)

    @property
    def n_agq(self) -> int:
        """Nodes of the quadrature; 1 is the Laplace approximation, 0 the fast one."""
        return self._fit.n_agq

    @property
    def convergence(self) -> Convergence:
        """The verdict on the optimum: gradient, curvature, evaluations, over theta, beta and the log shape."""
        return convergence_generalized(self._fit)

    def explain(self) -> Explanation:
        """The fit in sentences: what was estimated, what is separated or singular, what can be done."""
        return explain_generalized_mixed(self._fit)

    def predict(
        self,
        newdata: Any = None,
        *,
        type: Scale = "link",
        groups: MeanGroups = "same",
        new_levels: NewLevels = "error",
        interval: Interval | None = None,
        level: float = 0.95,
        seed: Seed = None,
    ) -> Any:
        """(rows of newdata,) predictions, offsets included; NaN where a predictor or a group is missing.

        With `interval`, a frame: `estimate`, `std_error`, `df` (infinite), `lower`, `upper`.

        Parameters
        ----------
        newdata : a table with the columns of the formula, the response excepted. Default: the rows of the fit.
        type : `"link"` (default, as in R), the linear predictor, or `"response"`, the mean; with a model of zero
            inflation also `"conditional"`, the mean without inflated zeros, and `"zprob"`, the probability of these;
            with dispformula `"disp"`, what that describes: dispersion (of gaussian responses the variance, of gamma
            responses one over the dispersion), size, ...
        groups : `"same"` adds the random effects of known levels; `"population"` leaves all random effects out, which
            for the response is the mean of a group in the middle; `"average"` is the mean of the response over all
            groups, the random effects integrated out by quadrature. `"population"` and `"average"` need no grouping
            factor.
        new_levels : for levels that the fit has not seen, `"error"` refuses them, `"population"` adds nothing, `"draw"`
            draws their effects from the estimated distribution.
        interval : `"confidence"` for the predicted mean, of the population, or of known groups with the uncertainty of
            their effects. For the response, limits are those of the link transformed, and the standard error is by the
            delta method, over coefficients and effects of zero inflation too.
            `"prediction"` (with `type="response"`) for a response that is yet to come: of a known group (`"same"`), or
            of a new one, whose effects are drawn from their distribution (`"population"`, `"average"`). Limits are
            quantiles of the family over a normal distribution of the linear predictor, with the variances of the
            estimated effects, and so of a zero inflation or dispersion with random effects; theta, and shapes without
            them, count as known. `std_error` is the standard deviation of the response,
            and limits of counts cover at least `level`. Successes where the response is `cbind(successes, failures)`,
            which `newdata` then has, for the trials.
        level : of the interval.
        seed : for `"draw"`, as for numpy.random.default_rng.

        Raises
        ------
        DataError : a column is missing, a factor of the fixed effects has a new level, or a group is new.
        InferenceError : an interval of averages, or of drawn effects.

        >>> from multilevel import datasets
        >>> cbpp = datasets.load("cbpp", "dict")
        >>> m = glmer("cbind(incidence, size - incidence) ~ period + (1 | herd)", cbpp, "binomial")
        >>> m.predict({"period": ["1"]}, type="response", groups="population").round(4)
        array([0.198])
        >>> m.predict({"period": ["1"]}, type="response", groups="average").round(4)
        array([0.2161])
        """
        if interval is None:
            return predict_generalized(self._fit, newdata, type=type, groups=groups, new_levels=new_levels, seed=seed)
        return predict_generalized_interval(
            self._fit,
            newdata,
            type=type,
            groups=groups,
            new_levels=new_levels,
            interval=interval,
            level=level,
            backend=self._backend,
        )

    def simulate(
        self, n: int = 1, *, groups: SimulatedGroups = "new", newdata: Any = None, seed: Seed = None
    ) -> Floats:
        """(rows, n) simulated responses; NaN in rows with a missing value.

        Parameters
        ----------
        n : number of simulations.
        groups : `"new"` draws the random effects of all levels anew, `"same"` keeps the conditional modes.
        newdata : a table with the columns of the formula; for `cbind(successes, failures)` with these, whose sums are
            the numbers of trials. Default: the rows of the fit.
        seed : as for numpy.random.default_rng; more simulations do not change the first ones.

        Proportions where the response is one, successes where it is `cbind(successes, failures)`.
        """
        return simulate_generalized(self._fit, n, groups=groups, newdata=newdata, seed=seed)

    def r2(self) -> RSquared:
        """Nakagawa's marginal and conditional R squared, on the scale of the link.

        Variance explained without and with the random effects, beside the variance of the distribution (Nakagawa,
        Johnson & Schielzeth 2017, J. R. Soc. Interface 14, 20170213). Inflated zeros are left out. InferenceError for a
        family and link for which that variance is not known, and with a model of the dispersion.
        """
        return r_squared_generalized(self._fit, self._backend)

    def icc(self) -> IntraClass:
        """Intra-class correlation on the scale of the link: the share of the random effects in the variance.

        InferenceError for a family and link whose own variance is not known there.

        >>> from multilevel import datasets
        >>> cbpp = datasets.load("cbpp", "dict")
        >>> m = glmer("cbind(incidence, size - incidence) ~ period + (1 | herd)", cbpp, "binomial")
        >>> round(m.icc().adjusted, 4)
        0.1114
        """
        return intra_class_generalized(self._fit, self._backend)

    def refit(self, y: Any) -> GeneralizedLinearMixedModel:
        """The same design with another response, given as it stands left of `~`, or as `simulate` gives it.

        (rows of the data,), or (rows, 2) for a pair of counts. A singular or doubtful refit does not warn; ask
        `is_singular` and `convergence`.
        """
        return GeneralizedLinearMixedModel(
            refit_generalized_mixed(self._fit, another_response(self._fit, y)), self._data
        )

    def tidy(self, *, exponentiate: bool = False) -> Any:
        """A frame with a row for each parameter: `effect`, `group`, `term`, `estimate`, `std_error`, ..., `p_value`.

        Fixed effects first, then standard deviations `sd__` and correlations `cor__`. With models of zero inflation or
        dispersion `component`, `"cond"`, `"zi"` or `"disp"`, says whose coefficients they are. With `exponentiate` the
        fixed effects are odds ratios (logit), ratios of means (log) or hazards (cloglog), with standard errors by the
        delta method; statistics and p-values are those of the coefficients.
        """
        return tidy_generalized_mixed(self._fit, self._backend, exponentiate)

    def glance(self) -> Any:
        """A frame of one row: rows, likelihood, criterion, conditional deviance, degrees of freedom, shape."""
        return glance_generalized_mixed(self._fit, self._backend)
