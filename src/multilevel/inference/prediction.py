"""How sure a prediction is: intervals for means and for new responses.

For a row (x, z), with known groups, the error of x'beta_hat + z'b_hat has the variance (Henderson 1975, Biometrics 31,
423-447; Robinson 1991, Statist. Sci. 6, 15-32)

    sigma^2 [ z'Pz + (x - F'z)' Q^-1 (x - F'z) ],     P = Var(b | y) / sigma^2,   F = P Z'X

A group that is not known adds sigma^2 z'Psi z where a new response is predicted, and so does the residual, sigma^2 / w.
That theta is estimated adds g' Var(theta_hat) g, g the slope of the prediction in theta (Kackar & Harville 1984, JASA
79, 853-862, section 4), if asked for. Degrees of freedom are Satterthwaite's for the whole variance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..formula import Matrices
from ..framed import frame
from ..models.estimate import Fit
from ..models.predictor import fixed_part, random_part
from ..predict import Groups, NewLevels, aligned, one_of, predict, target_rows
from ..simulation import new_weights
from .levels import checked_level
from .sampling import Sampling
from .satterthwaite import Satterthwaite, difference_steps
from .whitened import Whitened

Interval: TypeAlias = Literal["confidence", "prediction"]
Theta: TypeAlias = Literal["known", "estimated"]
FORWARD = 1e-4  # of the steps of central differences: each step of a forward one costs an elimination of all levels


@dataclass(frozen=True, eq=False)
class _Targets:
    """Rows to predict: X (n, p) of the identified columns, the random terms, and what a new response adds."""

    X: Floats
    rows: Matrices
    noise: Floats | None  # (n,) 1 / w where a new response is predicted, else None


def predict_interval(
    fit: Fit,
    sampling: Sampling,
    newdata: Any = None,
    *,
    groups: Groups = "same",
    new_levels: NewLevels = "error",
    interval: Interval = "confidence",
    level: float = 0.95,
    theta: Theta = "known",
    backend: str = "pandas",
) -> Any:
    """A frame with a row for each row of the data: `estimate`, `std_error`, `df`, `lower`, `upper`.

    Arguments are those of `LinearMixedModel.predict`; `sampling` is that of the fixed effects.
    """
    from scipy.special import stdtrit

    one_of("interval", interval, ("confidence", "prediction"))
    one_of("theta", theta, ("known", "estimated"))
    level = checked_level(level)
    if new_levels == "draw":
        raise InferenceError(
            'new_levels="draw" draws one possible value, which has no interval; new_levels="population" with '
            'interval="prediction" says how far values of new groups spread'
        )
    estimate = predict(fit, newdata, groups=groups, new_levels=new_levels)
    targets = _targets(fit, newdata, groups, interval)
    variance, df = _variances(fit, sampling, targets, theta)
    error = np.sqrt(variance)
    reach = stdtrit(df, (1.0 + level) / 2.0) * error
    error, df, reach = (aligned(v, targets.rows) for v in (error, df, reach))
    return frame(
        {"estimate": estimate, "std_error": error, "df": df, "lower": estimate - reach, "upper": estimate + reach},
        backend,
    )


def _targets(fit: Fit, newdata: Any, groups: Groups, interval: Interval) -> _Targets:
    same = groups == "same"
    spread = interval == "prediction"
    rows, weights = target_rows(fit, newdata, same=same, new=spread), fit.prior_weights
    if newdata is not None:
        weights = new_weights(fit, newdata, rows) if spread else None
    with np.errstate(divide="ignore"):
        noise = (np.ones(rows.n) if weights is None else 1.0 / weights) if spread else None
    X = np.column_stack([np.zeros((rows.n, 0)), *(rows.X[j] for j in fit.kept)])
    return _Targets(X, rows, noise)


def _variances(fit: Fit, sampling: Sampling, targets: _Targets, theta: Theta) -> tuple[Floats, Floats]:
    """(n,) variances of the errors and their degrees of freedom."""
    e = fit.estimate
    known = any((part.codes >= 0).any() for part in targets.rows.random)
    if targets.noise is None and not known and theta == "known":
        return np.einsum("ij,ij->i", targets.X @ sampling.vcov, targets.X), sampling.df(targets.X)
    relative = _relative(fit, e.theta, e.unscaled_vcov, targets)
    here = e.sigma**2 * relative
    if not isinstance(sampling, Satterthwaite):  # a linear model: nothing but sigma is estimated
        return here, sampling.df(targets.X)
    slopes, moves = [2.0 / e.sigma * here], []
    there = sampling.whitened
    mean = _mean(fit, targets)
    for j, step in enumerate(difference_steps(there.fit.sums, there.fit.estimate.theta, e.reml)):
        h = FORWARD * step
        moved, elsewhere = _moved(fit, there, j, h, targets)
        slopes.append(e.sigma**2 * (moved - relative) / h)
        moves.append((elsewhere - mean) / h)
    gradient = np.array(slopes)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = 2.0 * here**2 / np.einsum("mi,mi->i", sampling.phi_vcov @ gradient, gradient)
    if theta == "estimated":
        g = np.array(moves)
        here = here + np.einsum("mi,mi->i", sampling.phi_vcov[1:, 1:] @ g, g)
    return here, df


def _moved(fit: Fit, there: Whitened, entry: int, step: float, targets: _Targets) -> tuple[Floats, Floats]:
    """Relative variances and predictions at another theta, a step along one entry in orthogonal columns."""
    moved = there.fit.estimate.theta.copy()
    moved[entry] += step
    at = there.theta(moved)
    solution = fit.sums.core.solve(at, fit.estimate.reml)
    modes = tuple([b.reshape(part.n_levels, -1) for b, part in zip(solution.modes, fit.rows.random, strict=True)])
    fit = replace(fit, estimate=replace(fit.estimate, theta=at, beta=solution.beta, modes=modes))
    return _relative(fit, at, solution.unscaled_vcov, targets), _mean(fit, targets)


def _mean(fit: Fit, targets: _Targets) -> Floats:
    """(n,) predictions."""
    return fixed_part(fit, targets.rows) + random_part(targets.rows, fit.estimate.modes[: len(targets.rows.random)])


def _relative(fit: Fit, theta: Floats, U: Floats, targets: _Targets) -> Floats:
    """(n,) variances of the errors over sigma^2, at one theta."""
    rows, x = targets.rows, targets.X
    total = np.zeros(rows.n) if targets.noise is None else targets.noise.copy()
    if any((part.codes >= 0).any() for part in rows.random):
        levels = list({part.group: part.codes for part in rows.random}.values())
        total += fit.sums.core.variances(theta, levels, [part.Z for part in rows.random])
        x = x.copy()
        for part, (_, F) in zip(rows.random, fit.posterior, strict=True):
            F = np.concatenate([F, np.zeros((1, *F.shape[1:]))])  # code -1, unseen, takes the last
            for c, z in enumerate(part.Z):
                x -= z[:, None] * F[part.codes, c]
    if targets.noise is not None:
        for part, factor in zip(rows.random, fit.factors, strict=True):
            spread = np.column_stack(part.Z) @ factor
            total += np.where(part.codes < 0, np.einsum("ij,ij->i", spread, spread), 0.0)
    total += np.einsum("ij,ij->i", x @ U, x)
    return total
