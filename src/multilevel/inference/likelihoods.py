"""P-values of likelihood ratios, inside the parameter space and at its boundary."""

from __future__ import annotations

from math import nan

TINY = 1e-7  # a likelihood ratio below this is zero


def chi_square_p_value(statistic: float, df: float) -> float:
    """Upper-tail p-value; with no degrees of freedom the statistic is zero for certain.

    >>> round(chi_square_p_value(3.84, 1), 4), chi_square_p_value(0.5, 0)
    (0.05, 0.0)
    """
    from scipy.special import gammaincc

    if df == 0:
        return 1.0 if statistic < TINY else 0.0
    return float(gammaincc(df / 2, max(statistic, 0.0) / 2))


def boundary_p_value(statistic: float, df: int, effects: int) -> float:
    """P-value that random effects do not vary, from `df` variances and covariances of which `effects` are variances.

    One variance is tested at the boundary of what it can be: the likelihood ratio has a 50:50 mixture of chi-square
    distributions with df - 1 and df degrees of freedom (Self & Liang 1987, JASA 82, 605-610, case 5; Stram & Lee 1994,
    Biometrics 50, 1171-1177, case 3). NaN for several effects, whose mixture has no simple weights.

    >>> round(boundary_p_value(2.71, 1, 1), 4)
    0.0499
    """
    if effects != 1:
        return nan
    if statistic < TINY:
        return 1.0
    return (chi_square_p_value(statistic, df - 1) + chi_square_p_value(statistic, df)) / 2
