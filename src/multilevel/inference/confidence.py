"""Confidence intervals of all parameters of a fit, by three methods: `m.confint()`."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..models.estimate import Fit
from ..predict import Seed, one_of
from .bootstrap import IntervalMethod
from .intervals import Intervals, checked_level
from .parameters import Names, estimates, select
from .parameters import parameters as all_parameters
from .profile import normal_quantile, profile_to
from .replicates import bootstrap

ConfintMethod: TypeAlias = Literal["wald", "profile", "boot"]
MARGIN = 1.05  # profiles go so much further than the level needs


def confint(
    fit: Fit,
    method: ConfintMethod = "wald",
    level: float = 0.95,
    parameters: Names = None,
    *,
    df: Floats | float | None = None,
    n: int = 1000,
    boot: IntervalMethod = "percentile",
    seed: Seed = None,
    threads: int | None = None,
    backend: str = "pandas",
) -> Intervals:
    """Confidence intervals.

    Parameters
    ----------
    fit : the fit.
    method : `"wald"`: estimate and standard error; of fixed effects only, as standard deviations and correlations are
        far from normal. `"profile"`: from the profile likelihood. `"boot"`: from a parametric bootstrap.
    level : coverage aimed at.
    parameters : a name, several, `"theta_"` (the random part) or `"beta_"` (fixed effects), as in lme4. Default: all.
    df : wald: (p,) degrees of freedom of the t distribution of the fixed effects. Default: n - p for a linear model,
        the normal distribution for a mixed model, as in lme4.
    n, boot, seed, threads : boot: see `bootstrap` and `Bootstrap.confint`.
    backend : library of the frame that `to_frame()` gives.

    Raises
    ------
    InferenceError : an impossible level, an unknown parameter, or too few replicates.
    DataError : an unknown method.
    """
    one_of("method", method, ("wald", "profile", "boot"))
    checked_level(level)
    chosen = select(all_parameters(fit), parameters)
    if method == "profile":
        return profile_to(fit, MARGIN * normal_quantile(level), chosen, backend).confint(level)
    if method == "boot":
        replicates = bootstrap(fit, n, seed=seed, threads=threads, backend=backend)
        return replicates.confint(boot, level, [replicates.names[row] for row in chosen])
    return _wald(fit, level, chosen, df, backend)


def _wald(fit: Fit, level: float, chosen: tuple[int, ...], df: Floats | float | None, backend: str) -> Intervals:
    known, found = all_parameters(fit), estimates(fit)
    linear = not fit.rows.random
    p = len(fit.estimate.beta)
    if df is None and linear:
        df = float(fit.estimate.n - p)
    try:
        degrees = None if df is None else np.broadcast_to(np.asarray(df, np.float64), (p,))
    except (TypeError, ValueError):
        raise InferenceError(f"df is {df!r}; expected one number, or one for each of {p} coefficients") from None
    se = np.sqrt(np.diag(fit.estimate.vcov))
    half = np.full(len(known), np.nan)
    half[len(known) - p :] = se * _quantiles(level, degrees, p)
    limits = np.column_stack([found - half, found + half])[list(chosen)]
    rows = tuple([known[row] for row in chosen])
    notes = []
    if any(row.kind != "coefficient" for row in rows):
        those = "sigma" if linear else "standard deviations and correlations"
        notes.append(f'Estimates of {those} are far from normal; for intervals use method="profile" or "boot".')
    title = "Wald" if degrees is None or np.isinf(degrees).all() else "Wald t"
    return Intervals(rows, found[list(chosen)], limits, level, title, tuple(notes), backend)


def _quantiles(level: float, df: Floats | None, p: int) -> Floats:
    """(p,) of Student's t, or of the normal distribution."""
    from scipy.special import stdtrit

    if df is None:
        return np.full(p, normal_quantile(level))
    with np.errstate(invalid="ignore"):
        found: Floats = np.where(np.isinf(df), normal_quantile(level), stdtrit(df, (1 + level) / 2))
    return np.where(df > 0, found, np.nan)
