"""Generalized linear models: the story of `glm`, by Fisher scoring, or by Newton where a shape is estimated too.

    E(y) = mu,  g(mu) = X beta + offset,  Var(y) = dispersion V(mu) / weight

A shape, and models of dispersion and inflated zeros, are estimated by maximum likelihood together with beta.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, nan
from typing import Any

import numpy as np

from ..data.sums import Floats, Sums
from ..errors import FitError, FormulaError
from ..families import Exponential, Family, NegativeBinomial, Quasi
from ..formula import Design, Formula, Matrices
from .estimate import Certificate
from .generalized import GeneralizedEstimate, GeneralizedFit, NoSums, counted_rows, given_response, weights_given
from .inputs import Missing, Weights, read_inputs
from .likelihood import Likelihood
from .part_fits import PartFit, part_estimates, part_fits
from .scoring import fisher_scoring, information
from .separation import separated, separated_inflation, suspected
from .shape_models import ShapeModels, learned_models, learned_rows, parsed_part


@dataclass(frozen=True, slots=True, eq=False)
class GeneralizedLinearEstimate(GeneralizedEstimate):
    """The numbers of a `glm`. `sigma` is the root of the dispersion."""

    null_deviance: float
    df_null: int
    iterations: int  # Fisher scoring steps by R's criterion
    parameters: Floats | None = None  # (s,) of the shape, with coefficients of its models; None without these
    vcov_joint: Floats | None = None  # (p + s, p + s) covariance of beta and these

    @property
    def dispersion(self) -> float:
        """The factor of the variance: Pearson's X^2 over the residual degrees of freedom, or 1."""
        return self.sigma**2


@dataclass(frozen=True, eq=False)
class GeneralizedLinearFit(GeneralizedFit):
    """A model fitted by `glm`."""

    estimate: GeneralizedLinearEstimate
    shape_models: ShapeModels | None = None  # on all rows

    @property
    def models(self) -> ShapeModels | None:
        """Models of the dispersion and of inflated zeros; None without."""
        return self.shape_models

    @property
    def pearson(self) -> bool:
        """Whether the dispersion is that of Pearson's residuals: where the family has one that no model describes."""
        return self.family.estimates_dispersion and not self.modelled

    @property
    def factor(self) -> float:
        """The factor of the variance, Pearson's or by maximum likelihood; NaN where it has a model."""
        e = self.estimate
        return float(self.family.dispersion(e.shape)) if self.modelled else e.dispersion

    @property
    def parameters(self) -> Floats:
        """(s,) parameters of the shape as they were estimated: logarithms, or coefficients of its models."""
        own = self.estimate.parameters
        return super().parameters if own is None else own

    @property
    def joint_vcov(self) -> Floats:
        """(p + s, p + s) covariance of beta and `parameters`, where the shape has models."""
        own = self.estimate.vcov_joint
        return super().joint_vcov if own is None else own

    @cached_property
    def _parts(self) -> dict[str, PartFit]:
        models, p = self.models, len(self.estimate.beta)
        if models is None:
            return {}
        return part_fits(self, part_estimates(self.estimate, models, self.parameters, self.joint_vcov[p:, p:]))


def fit_generalized_linear(
    formula: str,
    data: Any,
    family: Family,
    *,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
    missing: Missing = "drop",
    ziformula: str | None = None,
    dispformula: str | None = None,
) -> GeneralizedLinearFit:
    """Parse, learn, check the response, score, return. Arguments and errors are those of `glm`."""
    parsed = Formula.parse(formula)
    if parsed.random:
        raise FormulaError(f"{parsed.text!r} has random terms, such as ({parsed.random[0].label}); use glmer")
    inflation = parsed_part(ziformula, "zero inflation", family)
    dispersion = parsed_part(dispformula, "dispersion", family)
    for option, part in (("ziformula", inflation), ("dispformula", dispersion)):
        if part and part.random:
            raise FormulaError(f"{option} is {part.text!r}; random terms in it need one in the mean as well: use glmer")
        if part and isinstance(family, Quasi):
            raise FitError(f"the {family.name} family has no likelihood, which {option} needs; use another family")
    also = [name for part in (inflation, dispersion) if part for name in part.variables]
    inputs = read_inputs(parsed, data, weights, missing, zero_weights=True, also=also)
    design, rows = learned_rows(parsed, inputs, contrasts, also, factor_response=family.trials)
    dropped = inputs.missing(rows, missing)
    rows, paired = given_response(design, rows, family, inflation is not None)
    models = learned_models(family, inflation, dispersion, inputs.columns, rows)
    return _estimated(design, rows, family, inputs.weights_column, dropped, paired, weights_given(inputs), models)


def refit_generalized_linear(fit: GeneralizedLinearFit, rows: Matrices) -> GeneralizedLinearFit:
    """The same model for another response, given as the family takes it."""
    return _estimated(
        fit.design, rows, fit.family, fit.weights_column, fit.missing, fit.paired, fit.weighted, fit.models
    )


def _estimated(
    design: Design,
    rows: Matrices,
    family: Family,
    column: str | None,
    missing: dict[str, int],
    paired: bool,
    weighted: bool,
    models: ShapeModels | None = None,
) -> GeneralizedLinearFit:
    counted = counted_rows(rows)
    used = rows.taken(counted)
    assert used.y is not None
    kept = tuple(Sums(used.y, used.X, used.extra.get("weights")).core.kept)
    used = replace(used, X=tuple([used.X[j] for j in kept]))
    if models:
        estimate = _with_models(design, used, family, models.taken(counted))
    elif isinstance(family, Exponential) and family.scored:
        estimate = _by_scoring(design, used, family)
    else:
        estimate = _by_likelihood(design, used, family)
    sums = NoSums(_arrays(used)[0], used.X, None)
    return GeneralizedLinearFit(
        design, rows, sums, estimate, kept, column, missing, counted, family, paired, weighted, models
    )


def _by_scoring(design: Design, rows: Matrices, family: Exponential) -> GeneralizedLinearEstimate:
    """Fisher scoring, then the dispersion from the Pearson residuals, as R does."""
    y, X, weights, offset = _arrays(rows)
    n, p = X.shape
    scored = fisher_scoring(family, y, X, weights, offset)
    inverse = np.linalg.inv(scored.R) if p else np.empty((0, 0))
    pearson = float(weights @ ((y - scored.mu) ** 2 / family.unit_variance(scored.mu)))
    dispersion, shape = 1.0, family.given_shape()
    if family.estimates_dispersion:
        dispersion = pearson / (n - p) if n > p else nan
        shape = np.array([dispersion])
    loglik = family.loglik_of_glm(y, scored.mu, weights, scored.deviance)
    return GeneralizedLinearEstimate(
        theta=np.empty(0), beta=scored.beta, unscaled_vcov=inverse @ inverse.T, sigma=dispersion**0.5,
        criterion=-2 * loglik, r2=pearson, modes=(), smallest=(), n=n, reml=False,
        certificate=Certificate(scored.converged, scored.gain, inf, inf, scored.steps, "Fisher scoring"),
        shape=shape, n_shape=int(family.estimates_dispersion),
        separation=separated(family, y, X) if suspected(family, y, scored.mu) else (),
        null_deviance=_null_deviance(design, family, y, weights, offset), df_null=n - int(design.has_intercept),
        iterations=scored.iterations,
    )  # fmt: skip


def _by_likelihood(design: Design, rows: Matrices, family: Family) -> GeneralizedLinearEstimate:
    """Maximum likelihood of beta and the shape together; the covariance of beta is from the Hessian of both.

    That of a negative binomial is from the expected information, as in R's glm.nb, in which beta and the size are
    orthogonal (Lawless 1987, Canad. J. Statist. 15, 209-225).
    """
    y, X, weights, offset = _arrays(rows)
    likelihood = Likelihood(rows, family, 1, None)
    solution = likelihood.fit()
    shape = likelihood.shape_of(solution)
    mu = family.link.inverse(solution.eta)
    vcov: Floats = solution.vcov
    if isinstance(family, NegativeBinomial) and X.shape[1]:
        known = NegativeBinomial(family.link, float(shape[0]))
        vcov = np.linalg.inv(information(known, y, X, weights, offset, solution.eta, mu)).astype(np.float64)
    if design.has_intercept:
        null = Likelihood(replace(rows, X=(np.ones(len(y)),)), family, 1, None).core
        eta = null.fit(1, None, None, solution.shape, True).eta
    else:
        eta = offset
    return GeneralizedLinearEstimate(
        theta=np.empty(0), beta=solution.beta, unscaled_vcov=vcov, sigma=1.0, criterion=solution.criterion,
        r2=float(((y - mu) ** 2 / family.variance(mu, weights, shape)).sum()), modes=(), smallest=(), n=len(y),
        reml=False,
        certificate=Certificate(
            solution.converged, solution.decrement, solution.lowest_curvature, solution.boundary_slope,
            solution.evaluations, "Newton",
        ),
        shape=shape, n_shape=int(np.isnan(family.given_shape()).sum()),
        separation=separated(family, y, X) if suspected(family, y, mu) else (),
        null_deviance=float(family.deviance(y, family.link.inverse(eta), weights, shape).sum()),
        df_null=len(y) - int(design.has_intercept), iterations=0,
    )  # fmt: skip


def _with_models(design: Design, rows: Matrices, family: Family, models: ShapeModels) -> GeneralizedLinearEstimate:
    """Maximum likelihood of beta, the shape and the coefficients of its models together (Lambert 1992)."""
    y, X, weights, _ = _arrays(rows)
    likelihood = Likelihood(rows, family, 1, None, models)
    solution = likelihood.fit()
    mu, shape, zero = family.link.inverse(solution.eta), likelihood.shape_of(solution), np.zeros(len(y))
    at = {
        name: np.column_stack(m.X) @ solution.shape[models.places(m.part)] for name, m in models.by_component().items()
    }
    if "zi" in at:
        from scipy.special import expit

        zero = expit(at["zi"])
    by_row = models.by_row(solution.shape, np.exp(at["disp"])) if "disp" in at else shape
    variance = (1 - zero) * (family.variance(mu, weights, by_row) + zero * mu**2)
    return GeneralizedLinearEstimate(
        theta=np.empty(0), beta=solution.beta, unscaled_vcov=solution.vcov, sigma=1.0, criterion=solution.criterion,
        r2=float(((y - (1 - zero) * mu) ** 2 / variance).sum()), modes=(), smallest=(), n=len(y), reml=False,
        certificate=Certificate(
            solution.converged, solution.decrement, solution.lowest_curvature, solution.boundary_slope,
            solution.evaluations, "Newton",
        ),
        shape=shape, n_shape=len(solution.shape),
        separation=(separated(family, y, X) if suspected(family, y, mu) else ())
        + tuple([X.shape[1] + j for j in separated_inflation(models, solution.shape)]), null_deviance=nan,
        df_null=len(y) - int(design.has_intercept), iterations=0, parameters=solution.shape,
        vcov_joint=solution.vcov_joint,
    )  # fmt: skip


def _arrays(rows: Matrices) -> tuple[Floats, Floats, Floats, Floats]:
    """y (n,), X (n, p), weights (n,) and offset (n,) of rows that all count."""
    assert rows.y is not None
    X = np.column_stack(rows.X) if rows.X else np.empty((rows.n, 0))
    weights = rows.extra.get("weights", np.ones(rows.n))
    return rows.y, X, weights, np.zeros(rows.n) if rows.offset is None else rows.offset


def _null_deviance(design: Design, family: Exponential, y: Floats, weights: Floats, offset: Floats) -> float:
    """Deviance of the model with nothing but the intercept, if there is one, and the offset."""
    if not design.has_intercept:
        mu = family.link.inverse(offset)
    elif offset.any():
        mu = fisher_scoring(family, y, np.ones((len(y), 1)), weights, offset).mu
    else:
        mu = np.full(len(y), weights @ y / weights.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(weights @ family.unit_deviance(y, mu))
