"""Covariance structures of the effects of one random term, by glmmTMB's names.

    us         every variance and correlation free        diag       no correlations          homdiag   one variance
    cs         one correlation, k variances               homcs      one variance
    ar1        correlation rho^|i-j| of levels in order, one variance                         hetar1    k variances
    toep       a correlation for each distance |i-j|, k variances                             homtoep   one variance
    ou         correlation exp(-rate |t_i-t_j|) of numbers t, one variance

What they are in numbers knows the compiled core: theta of such a term are standard deviations (over sigma in a linear
model) and then correlations; of `toep` partial autocorrelations, of `ou` the correlation at the smallest distance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from multilevel.errors import DataError

Structure: TypeAlias = Literal["us", "diag", "homdiag", "cs", "homcs", "ar1", "hetar1", "toep", "homtoep", "ou"]
Covariance: TypeAlias = "int | list[float]"  # as the core takes it: a number, or for ou the coordinates of the effects
Floats = NDArray[np.float64]
STRUCTURES: tuple[Structure, ...] = get_args(Structure)  # in the order of the core's numbers
OF_LEVELS = ("ar1", "hetar1", "toep", "homtoep", "ou")  # of the levels of one factor, which have an order or a place
UNCORRELATED = ("diag", "homdiag")
MORE_GENERAL: dict[Structure, tuple[Structure, ...]] = {
    "diag": ("cs", "hetar1", "toep"),
    "homdiag": ("diag", "cs", "homcs", "ar1", "hetar1", "toep", "homtoep", "ou"),
    "cs": ("toep",),
    "homcs": ("cs", "toep", "homtoep"),
    "ar1": ("hetar1", "toep", "homtoep"),
    "hetar1": ("toep",),
    "homtoep": ("toep",),
}  # and us
ONE_VARIANCE = ("homdiag", "homcs", "ar1", "homtoep", "ou")
PLACE = re.compile(
    r"\[\(?([^\[\]()]*)\)?\]$"
)  # in the name of an effect: a level that is a number, "(2.5)" as numFactor has it


def covariance(structure: Structure, names: Sequence[str]) -> Covariance:
    """What the core is told of a term's covariance, from the names of its effects."""
    if structure != "ou":
        return STRUCTURES.index(structure)
    return [_place(name) for name in names]


def n_theta(structure: Structure, k: int) -> int:
    """Entries of theta of a term with k effects."""
    if structure == "us":
        return k * (k + 1) // 2
    sds = 1 if structure in ONE_VARIANCE else k
    return sds + (0 if structure in UNCORRELATED else k - 1 if structure in ("toep", "homtoep") else 1)


def special_case(structure: Structure, larger: Structure) -> bool:
    """Whether a covariance is one of another structure with some parameters zero or equal."""
    return larger in ("us", structure) or larger in MORE_GENERAL.get(structure, ())


def distinct_pairs(structure: Structure, names: Sequence[str]) -> list[tuple[int, int]]:
    """For each different correlation of a structured term two effects (i, j), i > j, that have it."""
    k = len(names)
    if structure in UNCORRELATED:
        return []
    if structure == "ou":
        order = np.argsort([_place(name) for name in names])
        nearest = int(np.argmin(np.diff([_place(names[i]) for i in order])))
        one, other = sorted(order[nearest : nearest + 2].tolist())
        return [(other, one)]
    return [(lag, 0) for lag in range(1, k if structure in ("toep", "homtoep") else 2)]


def lowest_correlation(structure: Structure, k: int) -> float:
    """The smallest possible correlation of k effects."""
    if structure in ("cs", "homcs"):
        return -1.0 / (k - 1)
    return 0.0 if structure == "ou" else -1.0


def smallest_distance(names: Sequence[str]) -> float:
    """Of the effects of a term with the structure ou."""
    return float(np.diff(np.sort([_place(name) for name in names])).min())


def _place(name: str) -> float:
    found = PLACE.search(name)
    try:
        return float(found.group(1)) if found else float("nan")
    except ValueError:
        raise DataError(
            f"ou() needs levels that are numbers, such as times; found {found.group(1) if found else name!r}"
        ) from None
