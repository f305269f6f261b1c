"""Tails and quantiles of Student's t and Fisher's F, of many statistics at once; df may be infinite."""

from __future__ import annotations

import numpy as np

from ...data.sums import Floats


def t_sf(t: Floats, df: Floats) -> Floats:
    """Upper tails of Student's t, elementwise; of the normal distribution for infinite df."""
    from scipy.special import betainc, ndtr

    finite = np.where(np.isfinite(df), df, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        far = 0.5 * betainc(finite / 2, 0.5, finite / (finite + t**2))
    student = np.where(t >= 0, far, 1.0 - far)
    tails: Floats = np.where(np.isinf(df), ndtr(-t), np.where(np.isnan(t), np.nan, student))
    return tails


def t_quantile(p: Floats | float, df: Floats) -> Floats:
    """The t (n,) that Student's t exceeds with probability p."""
    from scipy.special import ndtri, stdtrit

    finite = np.where(np.isfinite(df), df, 1.0)
    quantiles: Floats = np.where(np.isinf(df), -ndtri(p), -stdtrit(finite, p))
    return np.where(np.isnan(df), np.nan, quantiles)


def f_sf(x: Floats, df1: int, df2: Floats) -> Floats:
    """Upper tails of the F distribution, elementwise; of chi-square / df1 for infinite df2."""
    from scipy.special import betainc, gammaincc

    finite = np.where(np.isfinite(df2), df2, 1.0)
    fisher = betainc(finite / 2, df1 / 2, finite / (finite + df1 * x))
    tails: Floats = np.where(np.isinf(df2), gammaincc(df1 / 2, df1 * x / 2), fisher)
    return tails


def f_quantile(p: float, df1: int, df2: Floats) -> Floats:
    """The x (n,) that F stays below with probability p."""
    from scipy.special import fdtri, gammaincinv

    finite = np.where(np.isfinite(df2), df2, 1.0)
    quantiles: Floats = np.where(np.isinf(df2), 2.0 * gammaincinv(df1 / 2, p) / df1, fdtri(df1, finite, p))
    return quantiles
