"""From heights in units of probability to thickness between 0 and 1, and where a slab of some thickness is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labelled import Floats

NORMALIZE = ("all", "panels", "xy", "groups", "none")
UP, DOWN, BOTH = 1, -1, 0
# Side -> direction of horizontal and of vertical slabs.
SIDES = {
    "top": (UP, UP), "right": (UP, UP), "topright": (UP, UP),
    "bottom": (DOWN, DOWN), "left": (DOWN, DOWN), "bottomleft": (DOWN, DOWN),
    "topleft": (UP, DOWN), "bottomright": (DOWN, UP), "both": (BOTH, BOTH),
}  # fmt: skip


def normalized(
    height: Floats,
    normalize: str,
    panel: Sequence[Any] | NDArray[Any],
    position: Sequence[Any] | NDArray[Any],
    group: Sequence[Any] | NDArray[Any],
) -> Floats:
    """Heights (k,) over the largest finite height of those they are compared with; infinite ones become 1.

    Parameters
    ----------
    height : heights of all slabs of a layer, one after the other.
    normalize : compare with `"all"`, those of the same panel (`"panels"`), of the same position in a panel (`"xy"`), of
        the same group there (`"groups"`), or not at all (`"none"`).
    panel, position, group : (k,) what each height belongs to.

    >>> normalized(np.array([1.0, 2, 3, 4]), "panels", [1, 1, 2, 2], [0, 0, 0, 0], [1, 2, 3, 4])
    array([0.5 , 1.  , 0.75, 1.  ])
    """
    finite = np.isfinite(height)
    if normalize == "none":
        return np.where(finite, height, 1.0)
    parts = {"all": [], "panels": [panel], "xy": [panel, position], "groups": [panel, position, group]}[normalize]
    which = np.zeros(len(height), dtype=np.intp)
    for part in parts:
        _, code = np.unique(np.asarray(part), return_inverse=True)
        _, which = np.unique(which * (len(code) + 1) + code, return_inverse=True)
    largest = np.zeros(int(which.max(initial=0)) + 1)
    np.maximum.at(largest, which[finite], height[finite])
    largest[largest == 0] = 1.0
    return np.where(finite, height / largest[which], 1.0)


@dataclass(frozen=True)
class Placement:
    """Where slabs are drawn across the axis of positions.

    Attributes
    ----------
    direction : UP, DOWN or BOTH.
    scale : part of the room of a position that a slab of thickness 1 takes.
    justification : where the interval lies in the slab, 0 at its lower and 1 at its upper edge; None: on its base.
    """

    direction: int
    scale: float = 0.9
    justification: float | None = None

    @property
    def below(self) -> float:
        """Part of the slab that lies below its interval."""
        return (1 - self.direction) / 2 if self.justification is None else self.justification

    def room(self, position: Floats, size: float) -> tuple[Floats, Floats]:
        """Lower and upper end of the room of positions (k,), `size` apart; more than that for a scale above 1."""
        size *= max(self.scale, 1.0)
        low = position - self.below * size
        return low, low + size

    def place(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Positions and size (k,) whose room is between low and high: back from `room`."""
        return low + self.below * (high - low), (high - low) / max(self.scale, 1.0)

    def edges(self, position: Floats, size: Floats, thickness: Floats) -> tuple[Floats, Floats]:
        """Lower and upper edge of slabs with that thickness (k,).

        >>> Placement(DOWN, scale=0.5).edges(np.array([2.0]), np.array([1.0]), np.array([1.0]))
        (array([1.5]), array([2.]))
        """
        full = self.scale * size
        low = position - self.below * full
        spare = full * (1 - thickness)
        share = (1 - self.direction) / 2  # of the spare room that stays below
        return low + share * spare, low + full - (1 - share) * spare

    def span(self, position: Floats, size: Floats) -> tuple[Floats, Floats]:
        """Where a slab stands, and how far it reaches at most; the centre and the upper end where it has two edges."""
        full = self.scale * size
        low = position - self.below * full
        share = (1 - self.direction) / 2
        return low + share * full, low + (full if self.direction == BOTH else (1 - share) * full)
