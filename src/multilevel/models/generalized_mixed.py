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
from ..errors import FitError
from ..families import Family
from ..formula import Formula, Matrices
from .components import coefficient_vcov, components, places, predictor_columns
from .estimate import Certificate, Fit
from .generalized import GeneralizedEstimate, GeneralizedFit, NoSums, counted_rows, given_response, weights_given
from .inputs import Missing, Weights, read_inputs, theta_of
from .likelihood import Curvature, Likelihood
from .part_fits import PartFit, Posterior, n_entries, part_estimates, part_fits
from .requested import check_groups, check_request
from .separation import near_limit, separated, separated_inflation, suspected
from .shape_models import PARTS, ShapeModels, learned_models, learned_rows, parsed_part
from .whole import check_whole, fit_whole

STEP = 1e-4  # of a standard error, for differences of the modes
LONGEST = 1e-2  # by which such a step may move a linear predictor


@dataclass(frozen=True, slots=True, eq=False)
class GeneralizedMixedEstimate(GeneralizedEstimate):
    """The numbers of a `glmer`. Gradient and Hessian are in the order theta, beta, log shape.

    `theta` holds the entries of the terms of the mean, then those of zero inflation and dispersion; `modes`, `smallest`
    are of the mean alone.
    """

    gradient: Floats  # (m + p + s,)
    hessian: Floats  # (m + p + s, the same), of -2 log-likelihood
    vcov_rx: Floats  # (p, p) covariance of beta for theta and shape known
    parameters: Floats  # (s,) of the shape: logarithms, or coefficients of its models
    vcov_shape: Floats  # (s, s) their covariance
    vcov_joint: Floats  # (p + s, p + s) that of beta and these together
    parts: Mapping[str, GeneralizedEstimate]  # of the zero inflation, of the dispersion

    @property
    def is_singular(self) -> bool:
        """Whether a variance of the mean or another part is zero, or a combination of effects does not vary."""
        parts = any(part.is_singular for part in self.parts.values())
        return parts or super(GeneralizedMixedEstimate, self).is_singular


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

    @cached_property
    def _parts(self) -> dict[str, PartFit]:
        return part_fits(self, self.estimate.parts, self._part_posterior)

    @property
    def random_parts(self) -> tuple[Fit, ...]:
        """The fit, then the models of zero inflation and dispersion that have random effects, in the order of theta."""
        return (self, *[part for part in self._parts.values() if part.rows.random])

    @property
    def n_agq(self) -> int:
        """Nodes of the quadrature; 1 is the Laplace approximation."""
        return self.likelihood.n_agq

    @cached_property
    def posterior(self) -> Posterior:
        """Per term P (l, k, k), Var(b | y) at the estimates, and F (l, k, p) = -db/dbeta."""
        p = len(self.estimate.beta)
        return tuple([(P, F[:, :, :p]) for P, F in self.conditional[: len(self.rows.random)]])

    def _part_posterior(self, component: str) -> Posterior:
        """The same of the random effects of zero inflation or dispersion, and its own coefficients."""
        of = [part.component for part in self.random_parts for _ in part.rows.random]
        terms = [term for name, term in zip(of, self.conditional, strict=True) if name == component]
        return tuple([(P, F[:, :, places(self, component)]) for P, F in terms])

    @cached_property
    def conditional(self) -> Posterior:
        """Per term of every part P (l, k, k), Var(b | y) at the estimates, and F (l, k, c).

        F holds what the modes lose as each of c coefficients grows, those of the mean or, where the shape has models,
        of all parts: found by central differences. With V their covariance, Var(b_hat - b) = P + F V F' (Kass &
        Steffey 1989, JASA 84, 717-726).
        """
        e, core = self.estimate, self.likelihood.core
        values, moved = np.concatenate([e.beta, e.parameters]), []
        for j, size in enumerate(_steps(self).tolist()):
            step = np.zeros(len(values))
            step[j] = size
            ends = [np.split(values + side * step, [len(e.beta)]) for side in (1, -1)]
            up, down = (self.likelihood.solve(e.theta, *end).modes for end in ends)
            moved.append([(d - u) / (2 * size) for u, d in zip(up, down, strict=True)])
        return tuple([
            (P, np.stack([m[t].reshape(P.shape[:2]) for m in moved], axis=2) if moved else np.zeros((*P.shape[:2], 0)))
            for t, P in enumerate(core.posterior(e.theta, e.beta, e.parameters))
        ])  # fmt: skip


def _steps(fit: GeneralizedMixedFit) -> Floats:
    """(c,) a small share of a standard error of each coefficient, that moves no predictor far."""
    errors = np.sqrt(np.diag(coefficient_vcov(fit)))
    widest = np.ones(len(errors))
    for component in components(fit):
        widest[places(fit, component)] = [np.abs(x).max() for x in predictor_columns(fit, component)]
    return np.minimum(STEP * np.where(np.isfinite(errors), errors, np.inf), LONGEST / widest)


def fit_generalized_mixed(
    formula: str,
    data: Any,
    family: Family,
    *,
    n_agq: int = 1,
    curvature: Curvature | None = None,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
    missing: Missing = "drop",
    start: Sequence[float] | Floats | None = None,
    ziformula: str | None = None,
    dispformula: str | None = None,
) -> GeneralizedMixedFit:
    """Parse, learn, check the response, minimise, return. Arguments and errors are those of `glmer`."""
    parsed = Formula.parse(formula)
    check_request(parsed, family, n_agq, curvature)
    residual = dispformula is None or "".join(str(dispformula).split()) != "~0"
    if not residual:
        check_whole(family, n_agq, ziformula, weights)
    inflation = parsed_part(ziformula, "zero inflation", family)
    dispersion = parsed_part(dispformula, "dispersion", family) if residual else None
    also = [name for part in (inflation, dispersion) if part for name in part.variables]
    inputs = read_inputs(parsed, data, weights, missing, zero_weights=True, also=also)
    design, rows = learned_rows(parsed, inputs, contrasts, also, factor_response=family.trials)
    dropped = inputs.missing(rows, missing)
    rows, paired = given_response(design, rows, family, inflation is not None)
    counted = counted_rows(rows)
    used = rows.taken(counted)
    check_groups(used, family, design.slip, residual=residual)
    models = learned_models(family, inflation, dispersion, inputs.columns, rows)
    for model in models.by_component().values() if models else ():
        check_groups(model.rows.taken(counted), family, model.design.slip, model.part)
    likelihood = Likelihood(used, family, n_agq, curvature, models and models.taken(counted), residual)
    estimate = estimated(likelihood, None if start is None else theta_of(start, likelihood.core.n_theta, "start"))
    return GeneralizedMixedFit(
        design, rows, _no_sums(used), estimate, tuple(likelihood.core.kept),
        inputs.weights_column, dropped, counted, family, paired, weights_given(inputs), likelihood, models,
    )  # fmt: skip


def refit_generalized_mixed(fit: GeneralizedMixedFit, rows: Matrices) -> GeneralizedMixedFit:
    """The same model for another response, given as the family takes it."""
    counted = counted_rows(rows)
    known = fit.likelihood
    likelihood = Likelihood(
        rows.taken(counted), fit.family, fit.n_agq, known.curvature, known.models, residual=known.residual
    )
    estimate = estimated(likelihood)
    return GeneralizedMixedFit(
        fit.design, rows, _no_sums(likelihood.rows), estimate, tuple(likelihood.core.kept), fit.weights_column,
        fit.missing, counted, fit.family, fit.paired, fit.weighted, likelihood, fit.models,
    )  # fmt: skip


def estimated(likelihood: Likelihood, start: Floats | None = None) -> GeneralizedMixedEstimate:
    """The maximum of the likelihood."""
    if likelihood.residual:
        return estimate_of(likelihood.fit(start), likelihood)
    whole = fit_whole(likelihood, start)
    estimate, s = estimate_of(whole.at, likelihood), whole.linear
    m, p = len(s.theta), len(s.beta)
    hessian = np.zeros((m + p, m + p))
    hessian[:m, :m] = 2.0 * np.linalg.pinv(whole.vcov_theta)
    hessian[m:, m:] = 2.0 * np.linalg.inv(whole.vcov)
    certificate = Certificate(
        s.converged, s.decrement, s.lowest_curvature, s.boundary_slope, s.evaluations, whole.engine
    )  # fmt: skip
    return replace(
        estimate, criterion=s.criterion, unscaled_vcov=whole.vcov, n_shape=0, smallest=tuple(s.smallest),
        certificate=certificate, residual=False, hessian=hessian, vcov_rx=s.sigma**2 * s.unscaled_vcov,
    )  # fmt: skip


def estimate_of(solution: GeneralizedSolution, likelihood: Likelihood) -> GeneralizedMixedEstimate:
    """The core's solution as plain numbers that cannot be written to."""
    rows, core, models = likelihood.rows, likelihood.core, likelihood.models
    varying = (*rows.random, *[part for name in PARTS.values() for part in (models.random(name) if models else ())])
    modes = tuple([b.reshape(part.n_levels, -1) for b, part in zip(solution.modes, varying, strict=True)])
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
    own, smallest, vcov_shape = len(rows.random), solution.smallest, _sized(solution.vcov_shape, core.n_shape)
    estimate = GeneralizedMixedEstimate(
        theta=theta, beta=beta, unscaled_vcov=vcov, sigma=1.0, criterion=solution.criterion,
        r2=solution.penalty - 2 * solution.conditional_log_likelihood, modes=modes[:own],
        smallest=tuple(smallest[:own]), n=rows.n, reml=False, certificate=certificate,
        shape=shape, n_shape=core.n_shape - sum(likelihood.given),
        separation=_separation(likelihood, solution), gradient=solution.gradient, hessian=solution.hessian,
        vcov_rx=vcov_rx, parameters=solution.shape, vcov_shape=vcov_shape,
        vcov_joint=_sized(solution.vcov_joint, core.p + core.n_shape), parts={},
    )  # fmt: skip
    if models is None:
        return estimate
    parts = part_estimates(estimate, models, solution.shape, vcov_shape)
    terms, entries = own, n_entries(rows.random)
    for name, part in parts.items():
        random = models.random(PARTS[name])
        here, of_theta = slice(terms, terms + len(random)), slice(entries, entries + n_entries(random))
        terms, entries = here.stop, of_theta.stop
        parts[name] = replace(part, theta=theta[of_theta], modes=modes[here], smallest=tuple(smallest[here]))
    return replace(estimate, parts=parts)


def _sized(vcov: Floats, p: int) -> Floats:
    """A covariance (p, p); the core gives none where the information cannot be inverted."""
    return vcov if vcov.shape == (p, p) else np.full((p, p), np.nan)


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
    if not fit.family.possible_shape(given[2]):
        raise FitError(f"the shape ({', '.join(fit.family.shape_names)}) should be {fit.family.shape_range}")
    return fit.likelihood.core.objective(given[0], given[1], fit.family.parameters(given[2]), fit.n_agq)


def _separation(likelihood: Likelihood, solution: GeneralizedSolution) -> tuple[int, ...]:
    """Coefficients of the mean and of zero inflation without a finite estimate."""
    inflation = separated_inflation(likelihood.models, solution.shape)
    return _separated_mean(likelihood, solution) + tuple([len(solution.beta) + j for j in inflation])


def _separated_mean(likelihood: Likelihood, solution: GeneralizedSolution) -> tuple[int, ...]:
    """Those of the mean, looked for when fixed effects alone give means at a limit."""
    rows, family, kept = likelihood.rows, likelihood.family, likelihood.core.kept
    if not kept or not near_limit(family, solution.outer_means):
        return ()
    assert rows.y is not None
    X = np.column_stack([rows.X[j] for j in kept])
    eta = X @ solution.beta if rows.offset is None else X @ solution.beta + rows.offset
    return separated(family, rows.y, X) if suspected(family, rows.y, family.link.inverse(eta)) else ()


def _no_sums(rows: Matrices) -> NoSums:
    assert rows.y is not None
    return NoSums(rows.y, rows.X, None, rows.random)
