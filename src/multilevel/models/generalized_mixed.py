"""Generalized linear mixed models: the whole story of `glmer`, in one short function.

    y | b ~ family(mu, shape),  g(mu) = X beta + Z b + offset,  b = Lambda u,  u ~ N(0, I)

theta, the free entries of Lambda, beta and the logarithms of the shape minimise -2 log-likelihood together, with the
random effects integrated out by the Laplace approximation (Tierney & Kadane 1986, JASA 81, 82-86) or by adaptive
Gauss-Hermite quadrature (Pinheiro & Bates 1995, JCGS 4, 12-35). Cov(b) = Lambda Lambda' is in the units of eta,
for families with a dispersion too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._core import GeneralizedSolution
from ..data.sums import Floats
from ..errors import FitError, FormulaError, InferenceError
from ..families import Family, Quasi
from ..formula import Column, Design, Formula, Matrices
from ..formula.evaluate import missing_rows
from .estimate import Certificate
from .generalized import GeneralizedEstimate, GeneralizedFit, NoSums, counted_rows, given_response, taken, weights_given
from .inputs import Missing, Weights, read_inputs
from .likelihood import Curvature, Likelihood
from .separation import separated, suspected
from .shape_models import Part, ShapeModels, learned, parsed_part

PRESENT = "predictors of shapes present"
STEP = 1e-4  # of a standard error, for differences of the modes


@dataclass(frozen=True, slots=True, eq=False)
class GeneralizedMixedEstimate(GeneralizedEstimate):
    """The numbers of a `glmer`. Gradient and Hessian are in the order theta, beta, log shape."""

    gradient: Floats  # (m + p + s,)
    hessian: Floats  # (m + p + s, the same), of -2 log-likelihood
    vcov_rx: Floats  # (p, p) covariance of beta for theta and shape known
    parameters: Floats  # (s,) of the shape: logarithms, or coefficients of its models
    vcov_shape: Floats  # (s, s) their covariance
    vcov_joint: Floats  # (p + s, p + s) that of beta and these together


@dataclass(frozen=True, eq=False)
class GeneralizedMixedFit(GeneralizedFit):
    """A model fitted by `glmer`."""

    estimate: GeneralizedMixedEstimate
    likelihood: Likelihood

    shape_models: ShapeModels | None = None  # on all rows

    @property
    def models(self) -> ShapeModels | None:
        """Models of the dispersion and of inflated zeros; None without."""
        return self.shape_models

    @property
    def parameters(self) -> Floats:
        """(s,) parameters of the shape as they were estimated: logarithms, or coefficients of its models."""
        return self.estimate.parameters

    @property
    def joint_vcov(self) -> Floats:
        """(p + s, p + s) covariance of beta and `parameters`, where the shape has models."""
        return self.estimate.vcov_joint if self.modelled else super().joint_vcov

    @property
    def shape(self) -> Floats:
        """(s,) parameters of the family besides the mean, or (s, n) where the dispersion has a model."""
        models = self.models
        if models is None or models.dispersion is None:
            return self.estimate.shape
        return models.by_row(self.estimate.parameters, models.dispersion.X)

    @property
    def inflation(self) -> Floats | None:
        """(n,) probabilities of a zero that the family has no part in; None without a model of zero inflation."""
        models = self.models
        if models is None or models.inflation is None:
            return None
        return models.inflated(self.estimate.parameters, models.inflation.X)

    @property
    def n_agq(self) -> int:
        """Nodes of the quadrature; 1 is the Laplace approximation."""
        return self.likelihood.n_agq

    @cached_property
    def posterior(self) -> tuple[tuple[Floats, Floats], ...]:
        """Per term P (l, k, k), Var(b | y) at the estimates, and F (l, k, p) = -db/dbeta.

        What the modes follow when beta moves, F, is found by central differences of the modes; with it
        Var(b_hat - b) = P + F Var(beta_hat) F' (Kass & Steffey 1989, JASA 84, 717-726).
        """
        e = self.estimate
        P = self.likelihood.core.posterior(e.theta, e.beta, e.parameters)
        errors = np.sqrt(np.diag(e.unscaled_vcov))
        moved = []
        for j in range(len(e.beta)):
            step = np.zeros(len(e.beta))
            step[j] = STEP * errors[j]
            up, down = (self.likelihood.solve(e.theta, e.beta + s, e.parameters).modes for s in (step, -step))
            moved.append([(d - u) / (2 * step[j]) for u, d in zip(up, down, strict=True)])
        return tuple([
            (p, np.stack([m[t].reshape(p.shape[:2]) for m in moved], axis=2) if moved else np.zeros((*p.shape[:2], 0)))
            for t, p in enumerate(P)
        ])  # fmt: skip


def fit_generalized_mixed(
    formula: str,
    data: Any,
    family: Family,
    *,
    n_agq: int = 1,
    curvature: Curvature | None = None,
    weights: Weights = None,
    contrasts: Mapping[str, str] | None = None,
    missing: Missing = "drop",
    start: Sequence[float] | Floats | None = None,
    ziformula: str | None = None,
    dispformula: str | None = None,
) -> GeneralizedMixedFit:
    """Parse, learn, check the response, minimise, return. Arguments and errors are those of `glmer`."""
    parsed = Formula.parse(formula)
    check_request(parsed, family, n_agq, curvature)
    inflation = parsed_part(ziformula, "zero inflation", family)
    dispersion = parsed_part(dispformula, "dispersion", family)
    also = [name for part in (inflation, dispersion) if part for name in part.variables]
    inputs = read_inputs(parsed, data, weights, missing, zero_weights=True, also=also)
    extra = inputs.extra | ({PRESENT: present(inputs.columns, also)} if also else {})
    design, rows = Design.learn(parsed, inputs.columns, contrasts=contrasts, extra=extra, factor_response=family.trials)
    rows = replace(rows, extra={name: values for name, values in rows.extra.items() if name != PRESENT})
    dropped = inputs.missing(rows, missing)
    rows, paired = given_response(design, rows, family, inflation is not None)
    counted = counted_rows(rows)
    used = taken(rows, counted)
    check_groups(used, family)
    models = None
    if inflation or dispersion:
        models = ShapeModels(
            len(family.shape_names),
            learned(dispersion, "dispersion", inputs.columns, rows.kept, rows.n),
            learned(inflation, "zero inflation", inputs.columns, rows.kept, rows.n),
        )
    likelihood = Likelihood(used, family, n_agq, curvature, models and models.taken(counted))
    solution = likelihood.fit(None if start is None else _checked_start(start, likelihood))
    return GeneralizedMixedFit(
        design, rows, _no_sums(used), estimate_of(solution, likelihood), tuple(likelihood.core.kept),
        inputs.weights_column, dropped, counted, family, paired, weights_given(inputs), likelihood, models,
    )  # fmt: skip


def refit_generalized_mixed(fit: GeneralizedMixedFit, rows: Matrices) -> GeneralizedMixedFit:
    """The same model for another response, given as the family takes it."""
    counted = counted_rows(rows)
    likelihood = Likelihood(
        taken(rows, counted), fit.family, fit.n_agq, fit.likelihood.curvature, fit.likelihood.models
    )
    estimate = estimate_of(likelihood.fit(), likelihood)
    return GeneralizedMixedFit(
        fit.design, rows, _no_sums(likelihood.rows), estimate, tuple(likelihood.core.kept), fit.weights_column,
        fit.missing, counted, fit.family, fit.paired, fit.weighted, likelihood, fit.models,
    )  # fmt: skip


def present(columns: Mapping[str, Column], names: Sequence[str]) -> Floats:
    """(n_total,) zero, NaN in rows where one of these columns is missing."""
    gaps = [missing_rows(columns[name]) for name in dict.fromkeys(names)]
    return np.where(np.any(gaps, axis=0), np.nan, 0.0)


def check_request(formula: Formula, family: Family, n_agq: int, curvature: Curvature | None) -> None:
    """FormulaError without random terms, FitError for a family without likelihood or impossible options."""
    if not formula.random:
        raise FormulaError(f"{formula.text!r} has no random term, such as (1 | group); add one, or use glm")
    if isinstance(family, Quasi):
        raise FitError(
            f"the {family.name} family has no likelihood, which glmer needs; for counts that vary more than Poisson "
            "ones use negative_binomial, for proportions beta_binomial, or a random effect for each row"
        )
    if not (isinstance(n_agq, int | np.integer) and not isinstance(n_agq, bool) and 0 <= n_agq <= 100):
        raise FitError(f"n_agq is {n_agq!r}; expected 1 (Laplace), 0 (fast, beta among the modes), or nodes up to 100")
    if curvature not in (None, "expected", "observed"):
        raise FitError(f"curvature is {curvature!r}; expected 'expected', 'observed' or None")


def check_groups(rows: Matrices, family: Family) -> None:
    """FitError for a grouping factor with one level, or more random effects than rows.

    As many as rows are allowed, but for responses whose residuals they could not be told from.
    """
    for part in rows.random:
        levels, effects = part.n_levels, len(part.names) if part.structure == "us" else 1
        if levels == 1:
            raise FitError(
                f"the grouping factor {part.group} has a single level, {part.levels[0]!r}; how groups vary can only be "
                f"estimated from two or more: leave ({part.label}) out"
            )
        alike = family.name in ("gaussian", "student_t") and levels * effects == rows.n
        if levels * effects > rows.n or alike:
            each = f" ({levels} levels of {part.group}, {effects} effects each)" if effects > 1 else ""
            raise FitError(
                f"({part.label}) has {levels * effects} random effects{each} for {rows.n} rows; "
                + ("they cannot be told from the residuals" if alike else "so many cannot be told apart")
                + ": use another grouping factor, or simplify the term"
            )


def estimate_of(solution: GeneralizedSolution, likelihood: Likelihood) -> GeneralizedMixedEstimate:
    """The core's solution as plain numbers that cannot be written to."""
    rows, core = likelihood.rows, likelihood.core
    modes = tuple([b.reshape(part.n_levels, -1) for b, part in zip(solution.modes, rows.random, strict=True)])
    shape = likelihood.shape_of(solution)
    theta, beta, vcov_rx = solution.theta, solution.beta, _sized(solution.vcov_rx, core.p)
    vcov = _sized(solution.vcov, core.p) if likelihood.n_agq else vcov_rx
    for array in (theta, beta, vcov, shape, *modes):
        array.flags.writeable = False
    certificate = Certificate(
        solution.converged,
        solution.decrement,
        solution.lowest_curvature,
        solution.boundary_slope,
        solution.evaluations,
        core.engine,
    )
    return GeneralizedMixedEstimate(
        theta=theta, beta=beta, unscaled_vcov=vcov, sigma=1.0, criterion=solution.criterion,
        r2=solution.penalty - 2 * solution.conditional_log_likelihood, modes=modes,
        smallest=tuple(solution.smallest.tolist()), n=rows.n, reml=False, certificate=certificate,
        shape=shape, n_shape=core.n_shape - int(np.isfinite(likelihood.family.given_shape()).sum()),
        separation=_separation(likelihood, beta), gradient=solution.gradient, hessian=solution.hessian,
        vcov_rx=vcov_rx, parameters=solution.shape, vcov_shape=_sized(solution.vcov_shape, core.n_shape),
        vcov_joint=_sized(solution.vcov_joint, core.p + core.n_shape),
    )  # fmt: skip


def _sized(vcov: Floats, p: int) -> Floats:
    """A covariance (p, p); the core gives none where the information cannot be inverted."""
    return vcov if vcov.shape == (p, p) else np.full((p, p), np.nan)


def part_estimates(fit: GeneralizedMixedFit, part: Part) -> tuple[tuple[str, ...], Floats, Floats]:
    """Names, coefficients (k,), covariance (k, k) of a model beside that of the mean; InferenceError for none."""
    if part not in ("zero inflation", "dispersion"):
        raise InferenceError(f'no model is called {part!r}; there are "zero inflation" and "dispersion"')
    models, option = fit.models, "ziformula" if part == "zero inflation" else "dispformula"
    model = models and (models.inflation if part == "zero inflation" else models.dispersion)
    if not models or not model:
        raise InferenceError(f'this fit has no model of {part}; glmer(..., {option}="~ x") fits one')
    at, e = models.places(part), fit.estimate
    return model.design.names, e.parameters[at], e.vcov_shape[at, at]


def criterion_at(
    fit: GeneralizedMixedFit,
    theta: Sequence[float] | Floats,
    beta: Sequence[float] | Floats,
    shape: Sequence[float] | Floats,
) -> float:
    """-2 log-likelihood at other parameters, the shape on its natural scale; infinite outside the domain.

    Where the shape has models, their coefficients, with the logarithms of shapes that have none.
    """
    e = fit.estimate
    size, modelled = len(e.parameters), fit.modelled
    given = []
    for name, values, length in (
        ("theta", theta, len(e.theta)),
        ("beta", beta, len(e.beta)),
        ("shape", shape, size),
    ):
        array = np.array(values, np.float64)
        if array.shape != (length,) or not np.isfinite(array).all():
            raise FitError(f"{name} should hold {length} finite numbers; found shape {array.shape}")
        given.append(array)
    if modelled:
        return fit.likelihood.core.objective(given[0], given[1], given[2], fit.n_agq)
    if not (given[2] > 0).all():
        raise FitError(f"the shape ({', '.join(fit.family.shape_names)}) should be positive")
    return fit.likelihood.core.objective(given[0], given[1], np.log(given[2]), fit.n_agq)


def _separation(likelihood: Likelihood, beta: Floats) -> tuple[int, ...]:
    """Coefficients without a finite estimate, looked for when fixed effects alone give means at a limit."""
    rows, family = likelihood.rows, likelihood.family
    assert rows.y is not None
    kept = likelihood.core.kept
    eta = np.zeros(rows.n) if rows.offset is None else rows.offset.copy()
    for j, value in zip(kept, beta.tolist(), strict=True):
        eta += value * rows.X[j]
    if not kept or not suspected(family, rows.y, family.link.inverse(eta)):
        return ()
    return separated(family, rows.y, np.column_stack([rows.X[j] for j in kept]))


def _no_sums(rows: Matrices) -> NoSums:
    assert rows.y is not None
    return NoSums(rows.y, rows.X, None, rows.random)


def _checked_start(values: Sequence[float] | Floats, likelihood: Likelihood) -> Floats:
    theta = np.array(values, np.float64)
    size = likelihood.core.n_theta
    if theta.shape != (size,) or not np.isfinite(theta).all():
        raise FitError(f"start should hold {size} finite numbers, the entries of theta; found shape {theta.shape}")
    return theta
