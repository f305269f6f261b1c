"""Confidence intervals of all parameters of a fit, by three methods: `m.confint()`."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from ..models.components import whole
from ..models.estimate import Fit
from ..predict import Seed, one_of
from .bootstrap import IntervalMethod
from .intervals import Intervals
from .levels import checked_level, normal_quantile
from .methods import sampling_of
from .parameters import Names, estimates, select
from .parameters import parameters as all_parameters
from .profile import profile_to
from .replicates import bootstrap
from .sampling import Sampling

ConfintMethod: TypeAlias = Literal["wald", "profile", "boot"]
MARGIN = 1.05  # profiles go so much further than the level needs


def confint(
    fit: Fit,
    method: ConfintMethod = "wald",
    level: float = 0.95,
    parameters: Names = None,
    *,
    df: str | Sampling | None = None,
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
    df : wald: whose degrees of freedom, and with `"kenward-roger"` whose standard errors; see `sampling_of`. With
        `"none"` the normal distribution, as in lme4.
    n, boot, seed, threads : boot: see `bootstrap` and `Bootstrap.confint`.
    backend : library of the frame that `to_frame()` gives.

    Raises
    ------
    InferenceError : an impossible level, an unknown parameter, or too few replicates.
    DataError : an unknown method.
    """
    one_of("method", method, ("wald", "profile", "boot"))
    level = checked_level(level)
    chosen = select(all_parameters(fit), parameters)
    if method == "profile":
        return profile_to(fit, MARGIN * normal_quantile(level), chosen, backend).confint(level)
    if method == "boot":
        replicates = bootstrap(fit, n, seed=seed, threads=threads, backend=backend)
        return replicates.confint(boot, level, [replicates.names[row] for row in chosen])
    return _wald(fit, level, chosen, df, backend)


def _wald(fit: Fit, level: float, chosen: tuple[int, ...], df: str | Sampling | None, backend: str) -> Intervals:
    from scipy.special import stdtrit

    sampling = sampling_of(whole(fit), df)
    known, found = all_parameters(fit), estimates(fit)
    p = len(sampling.beta)
    of_beta = sampling.estimates(np.eye(p))
    normal = bool(np.isinf(of_beta.df).all())
    quantiles = np.full(p, normal_quantile(level)) if normal else stdtrit(of_beta.df, (1 + level) / 2)
    found[len(known) - p :] = of_beta.estimate
    half = np.full(len(known), np.nan)
    half[len(known) - p :] = of_beta.std_error * np.where(of_beta.df > 0, quantiles, np.nan)
    limits = np.column_stack([found - half, found + half])[list(chosen)]
    rows = tuple([known[row] for row in chosen])
    notes = [sampling.note] if sampling.note else []
    if any(row.kind != "coefficient" for row in rows):
        those = "standard deviations and correlations" if fit.rows.random else "sigma"
        notes.append(f'Estimates of {those} are far from normal; for intervals use method="profile" or "boot".')
    title = "Wald" if normal else f"Wald t ({sampling.method} df)"
    return Intervals(rows, found[list(chosen)], limits, level, title, tuple(notes), backend)
