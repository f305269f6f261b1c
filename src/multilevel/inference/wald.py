"""Tests from estimates and their standard errors: Student's t and Fisher's F."""

from __future__ import annotations

import numpy as np

from ..data.sums import Floats
from ..models.estimate import Fit
from ..models.linear import sums_of_squares
from ..pages import FTest


def t_p_values(statistics: Floats, df: Floats | float) -> Floats:
    """(p,) two-sided p-values of t statistics; NaN where there are no degrees of freedom, normal where infinitely many.

    >>> t_p_values(np.array([2.0, 2.0]), np.array([30, np.inf])).round(4)
    array([0.0546, 0.0455])
    """
    from scipy.special import betainc, erfc

    df = np.broadcast_to(np.asarray(df, float), statistics.shape)
    p = np.full(statistics.shape, np.nan)
    some, many = (df > 0) & (df < np.inf), np.isposinf(df)
    p[some] = betainc(df[some] / 2, 0.5, df[some] / (df[some] + statistics[some] ** 2))  # accurate far into the tail
    p[many] = erfc(np.abs(statistics[many]) / np.sqrt(2.0))
    return p


def z_p_values(statistics: Floats) -> Floats:
    """(p,) two-sided p-values of standard normal statistics.

    >>> z_p_values(np.array([2.0])).round(4)
    array([0.0455])
    """
    from scipy.special import erfc

    p: Floats = erfc(np.abs(statistics) / np.sqrt(2))
    return p


def f_p_value(statistic: float, df1: float, df2: float) -> float:
    """Upper-tail p-value of an F statistic; of df1 * F as chi-square where `df2` is infinite.

    >>> round(f_p_value(4.0, 1, 30), 4), round(f_p_value(4.0, 1, np.inf), 4)
    (0.0546, 0.0455)
    """
    return float(f_p_values(np.array(statistic), df1, np.array(df2)))


def f_p_values(statistics: Floats, df1: float, df2: Floats) -> Floats:
    """(...) the same of many statistics, with a denominator each; NaN where that is not positive."""
    from scipy.special import betainc, gammaincc

    with np.errstate(invalid="ignore"):
        finite = betainc(df2 / 2, df1 / 2, df2 / (df2 + df1 * statistics))
        p: Floats = np.where(np.isposinf(df2), gammaincc(df1 / 2, df1 * statistics / 2), finite)
    return p


def whole_model_test(fit: Fit) -> FTest | None:
    """F test of all coefficients of a linear model but the intercept; None when there are no others."""
    df1 = len(fit.kept) - fit.design.has_intercept
    df2 = fit.estimate.n - len(fit.kept)
    if df1 == 0:
        return None
    if df2 == 0:
        return FTest(np.nan, df1, df2, np.nan)
    model, residual = sums_of_squares(fit)
    with np.errstate(divide="ignore"):
        statistic = float(np.divide(model / df1, residual / df2))
    return FTest(statistic, df1, df2, f_p_value(statistic, df1, df2))
