"""How sure a predicted mean is where zeros are inflated or the dispersion has a model.

The linear predictor of a row has the error of x'beta_hat, or for a known group that of x'beta_hat + z'b_hat as in
`generalized_prediction`, with the modes following the shape parameters too. The expected response (1 - pi) mu
follows all coefficients (`expected`), so its variance is J V J' with V their joint covariance, plus what the modes add.
Limits are those of the link at the expected response.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..families import Truncated
from ..formula import Matrices
from ..models.components import component_fit, components, places
from ..models.generalized import GeneralizedFit
from ..models.generalized_mixed import STEP, GeneralizedMixedFit
from ..predict import aligned
from ..responses import inflation_columns, shape_of_means
from .expected import expected, spread_columns

LONGEST = 1e-2  # step of a predictor in differences of the modes


def mixture_interval(
    fit: GeneralizedFit, kind: str, newdata: Any, rows: Matrices, eta: Floats, same: bool, reach: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """(n_total,) estimate, standard error, lower and upper limit.

    Parameters
    ----------
    fit : with a model of zero inflation or dispersion.
    kind : "link", "conditional", "response".
    newdata, rows : the rows asked for, as a table (None: those of the fit) and as columns of the model.
    eta : (n_total,) linear predictors.
    same : whether effects of known groups are among them.
    reach : standard errors from the estimate to a limit.
    """
    depends = {"zi": kind == "response", "disp": kind != "link" and isinstance(fit.family, Truncated)}
    if same and any(depends[part.component] for part in fit.random_parts[1:]):
        raise InferenceError(
            "intervals of expected responses of known groups that depend on random effects in the zero inflation or "
            'dispersion: not yet; groups="population" has them, and type="zprob"'
        )
    slopes, of_modes = _slopes(fit, rows, same)
    slopes, of_modes = aligned(slopes, rows), aligned(of_modes, rows)
    if kind == "link":
        return _symmetric(eta, _error(fit, slopes, of_modes), reach)
    link = fit.family.link
    columns = inflation_columns(fit, newdata) if kind == "response" and fit.inflation is not None else None
    shape = shape_of_means(fit, newdata, "same" if same else "population")
    mean, J = expected(fit, eta, slopes, shape, columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = mean / fit.family.mean_at(eta, shape) if columns is not None else np.ones_like(mean)
        error = _error(fit, J, (share * fit.family.slope_at(eta, shape)) ** 2 * of_modes)
        at = link.of(mean)
        ends = [link.inverse(at + side * reach * error / np.abs(link.derivative(at))) for side in (-1, 1)]
    return mean, error, np.minimum(*ends), np.maximum(*ends)


def _symmetric(at: Floats, error: Floats, reach: float) -> tuple[Floats, Floats, Floats, Floats]:
    return at, error, at - reach * error, at + reach * error


def _error(fit: GeneralizedFit, J: Floats, more: Floats) -> Floats:
    """(n,) standard errors from slopes (n, p + s) and further variances (n,)."""
    made: Floats = np.sqrt(np.einsum("ij,ij->i", J @ fit.joint_vcov, J) + more)
    return made


def _slopes(fit: GeneralizedFit, rows: Matrices, same: bool) -> tuple[Floats, Floats]:
    """(n, p + s) how linear predictors follow all coefficients, and (n,) the variance of their modes."""
    X = np.column_stack([np.zeros((rows.n, 0)), *(rows.X[j] for j in fit.kept)])
    slopes, variance = spread_columns(fit, "cond", X), np.zeros(rows.n)
    if not same:
        return slopes, variance
    assert isinstance(fit, GeneralizedMixedFit)
    part, (P, F) = rows.random[0], fit.posterior[0]
    F = np.concatenate([F, _shape_modes(fit)], axis=2)
    none = [(0, 1)] + [(0, 0)] * 2
    P, F = np.pad(P, none), np.pad(F, none)  # code -1, unseen, takes the last
    z = np.column_stack(part.Z)
    slopes -= np.einsum("ij,ijp->ip", z, F[part.codes])
    return slopes, np.einsum("ij,ijk,ik->i", z, P[part.codes], z)


def _shape_modes(fit: GeneralizedMixedFit) -> Floats:
    """(l, k, s) what the modes of the first term lose as each shape parameter grows, by central differences."""
    e = fit.estimate
    levels, k = e.modes[0].shape
    moved = np.zeros((levels, k, len(e.parameters)))
    for j, size in enumerate(_steps(fit).tolist()):
        step = np.zeros(len(e.parameters))
        step[j] = size
        up, down = (fit.likelihood.solve(e.theta, e.beta, e.parameters + s).modes[0] for s in (step, -step))
        moved[:, :, j] = (down - up).reshape(levels, k) / (2 * size)
    return moved


def _steps(fit: GeneralizedMixedFit) -> Floats:
    """(s,) a small share of a standard error each, that moves no predictor far."""
    errors = np.sqrt(np.diag(fit.estimate.vcov_shape))
    widest = np.ones(len(errors))
    for component in components(fit)[1:]:
        at = places(fit, component) - len(fit.estimate.beta)
        widest[at] = [np.abs(x).max() for x in component_fit(fit, component).rows.X]
    return np.minimum(STEP * np.where(np.isfinite(errors), errors, np.inf), LONGEST / widest)
