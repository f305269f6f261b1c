"""Confidence levels: what one may be, how far it reaches, how it is written."""

from __future__ import annotations

from math import nan
from numbers import Real

from ..errors import InferenceError


def checked_level(level: float) -> float:
    """The level as a float; InferenceError if it is no number between 0 and 1."""
    number = float(level) if isinstance(level, Real) else nan
    if not 0 < number < 1:
        advice = f"; did you mean {number / 100:g}?" if 1 < number < 100 else ""
        raise InferenceError(f"level is {level!r}; expected a number between 0 and 1, such as 0.95{advice}")
    return number


def normal_quantile(level: float) -> float:
    """The half width of a two-sided interval of the standard normal.

    >>> round(normal_quantile(0.95), 6)
    1.959964
    """
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def percent(share: float) -> str:
    """A share in per cent, with three digits.

    >>> percent(0.975), percent(0.95)
    ('97.5 %', '95 %')
    """
    return f"{100 * share:.3g} %" if share < 0.9995 else f"{100 * share:.10g} %"
