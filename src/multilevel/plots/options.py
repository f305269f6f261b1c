"""What can be asked of a slab, checked before anything is drawn: one sentence for what cannot be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from ..errors import DataError, nearest
from ..predict import one_of
from .intervals import NAMES
from .thickness import NORMALIZE, SIDES

ORIENTATIONS = ("horizontal", "vertical")
DENSITIES = ("bounded", "unbounded", "histogram")
SLAB_TYPES = ("pdf", "cdf", "ccdf")
BREAKS = ("auto", "fd", "doane", "scott", "stone", "rice", "sturges", "sqrt")  # numpy.histogram's rules


def check_names(of: str, given: Iterable[str], known: Iterable[str]) -> None:
    """DataError if an option has a name that nobody knows."""
    known = sorted(known)
    for name in given:
        if name not in known:
            raise DataError(f"{of} has no option {name!r}{nearest(name, known)}")


def check(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with their values checked; numbers, widths and pairs in one form.

    Raises
    ------
    DataError : a value is not possible.

    >>> check({"width": 0.9, "side": "top"})
    {'width': (0.9,), 'side': 'top'}
    """
    return {name: CHECKS[name](name, value) if name in CHECKS else value for name, value in options.items()}


def widths(name: str, value: Any) -> tuple[float, ...]:
    """Probabilities of intervals, one or several."""
    found = tuple(np.atleast_1d(np.asarray(value, dtype=object)).ravel())
    if not found or not all(_is_number(w) and 0 < w < 1 for w in found):
        raise DataError(f"{name} is {value!r}; expected probabilities between 0 and 1, for instance width=(0.66, 0.95)")
    return tuple(float(w) for w in found)


def breaks(name: str, value: Any) -> Any:
    """A rule of `numpy.histogram`, a number of bars, or their edges."""
    if isinstance(value, str):
        one_of(name, value, BREAKS)
        return value
    if _is_count(value, 1):
        return int(value)
    edges = np.asarray(value, dtype=object).ravel()
    if len(edges) < 2 or not all(map(_is_number, edges)) or np.any(np.diff(edges.astype(float)) <= 0):
        raise DataError(f"{name} is {value!r}; expected a rule ({', '.join(BREAKS)}), a number of bars or rising edges")
    return edges.astype(float)


def bandwidth(name: str, value: Any) -> str | float:
    """A rule or a positive number."""
    if isinstance(value, str):
        one_of(name, value, ("dpi", "nrd0"))
        return value
    return positive(name, value)


def positive(name: str, value: Any) -> float:
    """A number above zero."""
    if not _is_number(value) or value <= 0:
        raise DataError(f"{name} is {value!r}; expected a number above 0")
    return float(value)


def count(least: int) -> Callable[[str, Any], int | None]:
    """A whole number, or None where that has a meaning."""

    def check_count(name: str, value: Any) -> int | None:
        if value is None and name == "quantiles":
            return None
        if not _is_count(value, least):
            raise DataError(f"{name} is {value!r}; expected a whole number of at least {least}")
        return int(value)

    return check_count


def number_or_none(name: str, value: Any) -> float | None:
    """A number, or None for what follows from the side."""
    if value is not None and not _is_number(value):
        raise DataError(f"{name} is {value!r}; expected a number, usually between 0 and 1, or None")
    return None if value is None else float(value)


def pair(low: float, high: float, what: str) -> Callable[[str, Any], tuple[float | None, float | None]]:
    """Two rising numbers, None for one that is not known."""

    def check_pair(name: str, value: Any) -> tuple[float | None, float | None]:
        found = tuple(value) if isinstance(value, tuple | list | np.ndarray) else ()
        numbers = [v for v in found if v is not None]
        good = len(found) == 2 and all(_is_number(v) and low <= v <= high for v in numbers)
        if not good or (len(numbers) == 2 and numbers[0] >= numbers[1]):
            raise DataError(f"{name} is {value!r}; expected a pair (lower, upper) of {what}, None for either")
        return found[0], found[1]

    return check_pair


def choice(*known: str) -> Callable[[str, Any], str]:
    """One of these names."""

    def check_choice(name: str, value: Any) -> str:
        one_of(name, value, known)
        return str(value)

    return check_choice


def orientation(name: str, value: Any) -> str | None:
    """A direction, or None to find it in the aesthetics."""
    if value is not None:
        one_of(name, value, ORIENTATIONS)
    return value if value is None else str(value)


def boolean(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise DataError(f"{name} is {value!r}; expected True or False")
    return bool(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and math.isfinite(value)


def _is_count(value: Any, least: int) -> bool:
    return _is_number(value) and float(value).is_integer() and value >= least


def _size_range(name: str, value: Any) -> tuple[float | None, float | None]:
    found = pair(0, math.inf, "line widths")(name, value)
    if None in found:
        raise DataError(f"{name} is {value!r}; expected two line widths, for the widest and the narrowest interval")
    return found


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "side": choice(*SIDES), "normalize": choice(*NORMALIZE), "orientation": orientation, "scale": positive,
    "justification": number_or_none, "point_interval": choice(*NAMES), "width": widths, "density": choice(*DENSITIES),
    "slab_type": choice(*SLAB_TYPES), "bandwidth": bandwidth, "adjust": positive, "n": count(2),
    "quantiles": count(1), "breaks": breaks, "bounds": pair(-math.inf, math.inf, "numbers"),
    "p_limits": pair(0, 1, "probabilities"), "trim": boolean, "expand": boolean, "interval_size_range": _size_range,
    "fatten_point": positive, "stackratio": positive,
}  # fmt: skip
