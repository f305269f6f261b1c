"""A plate diagram as a scene: nodes, plates and arrows with their places, in pixels, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..lettering import display_width

Kind = Literal["parameter", "data", "mean"]
SIZE, SMALL, LABEL = 15.0, 11.0, 12.0  # type sizes: symbols, their subscripts, labels of plates
HEIGHT = 36.0  # of a node
WIDE_LETTERS = frozenset("mwMWΣ@%")


@dataclass(slots=True)
class Node:
    """A circle, or a longer shape where the text needs it; `main` and, below the line, `sub`."""

    main: str
    sub: str
    kind: Kind
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        """At least a circle."""
        return max(HEIGHT, text_width(self.main, SIZE) + text_width(self.sub, SMALL) + 18)

    @property
    def anchor(self) -> tuple[float, float]:
        """Where arrows start: at the right end of a predictor, for these stand below each other; else in the middle."""
        return self.x + ((self.width - HEIGHT) / 2 if self.kind == "data" else 0.0), self.y

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return self.x - self.width / 2, self.y - HEIGHT / 2, self.x + self.width / 2, self.y + HEIGHT / 2


@dataclass(slots=True)
class Plate:
    """A rectangle around what is repeated; the label stands at its lower left or right."""

    label: str
    side: Literal["left", "right"]
    left: float
    top: float
    right: float
    bottom: float
    group: bool  # of a grouping factor, else of the rows


@dataclass(slots=True)
class Scene:
    """What is drawn, back to front: plates, arrows, nodes."""

    nodes: list[Node] = field(default_factory=list)
    plates: list[Plate] = field(default_factory=list)
    arrows: list[tuple[Node, Node]] = field(default_factory=list)

    def frame(self, margin: float = 12.0) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of everything, with a margin."""
        boxes = [node.box for node in self.nodes] + [(p.left, p.top, p.right, p.bottom) for p in self.plates]
        left, top, right, bottom = zip(*boxes, strict=True)
        return min(left) - margin, min(top) - margin, max(right) + margin, max(bottom) + margin


def text_width(text: str, size: float) -> float:
    """A width that no common typeface exceeds."""
    wide = sum(letter in WIDE_LETTERS for letter in text)
    return size * (0.62 * display_width(text) + 0.33 * wide)
