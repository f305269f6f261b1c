"""Minima of smooth functions with gradients, by the method of Broyden, Fletcher, Goldfarb and Shanno.

Nocedal & Wright (2006), Numerical Optimization, 2nd ed., algorithm 6.1, with steps shortened as in algorithm 3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import TypeAlias

import numpy as np

from ..data.sums import Floats

Function: TypeAlias = Callable[[Floats], tuple[float, Floats]]

MOST = 200  # steps
GAIN = 1e-10  # another step promises less than this
SLACK = 1e-13  # relative rounding error of the function
SHORTEST = 1e-10


def minimum(function: Function, x: Floats, H: Floats) -> tuple[Floats, float, Floats]:
    """A minimum near x (k,), its value and the gradient there.

    Parameters
    ----------
    function : gives value and gradient (k,); an infinite value outside its domain.
    x : start, in the domain.
    H : (k, k) guess of the inverse of the Hessian, positive definite.

    >>> def function(x):
    ...     return float((x[0] - 1) ** 4 + x[0] ** 2), 4 * (x - 1) ** 3 + 2 * x
    >>> x, value, _ = minimum(function, np.zeros(1), np.eye(1))
    >>> round(float(x[0]), 6), round(value, 6)
    (0.410245, 0.289273)
    """
    value, gradient = function(x)
    for _ in range(MOST):
        step = -H @ gradient
        slope = float(gradient @ step)
        if -slope < GAIN:
            break
        share, accepted = 1.0, False
        while share > SHORTEST:
            new, new_gradient = function(x + share * step)
            if isfinite(new) and new <= value + 1e-4 * share * slope + SLACK * abs(value):
                accepted = True
                break
            share *= 0.25 if not isfinite(new) else _shorter(value, new, share * slope)
        if not accepted:
            break
        moved, turned = share * step, new_gradient - gradient
        x, value, gradient = x + moved, new, new_gradient
        along = float(moved @ turned)
        if along > 1e-12 * float(np.linalg.norm(moved) * np.linalg.norm(turned)):
            V = np.eye(len(x)) - np.outer(moved, turned) / along
            H = V @ H @ V.T + np.outer(moved, moved) / along
    return x, value, gradient


def _shorter(value: float, new: float, slope: float) -> float:
    """The share of a step at which the parabola through both values with the slope at the first has its minimum."""
    return min(max(-slope / (2 * (new - value - slope)), 0.1), 0.5)
