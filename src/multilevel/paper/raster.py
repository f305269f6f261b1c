"""A scene as PNG, drawn by matplotlib on white paper: the lines of `drawing` a second time."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

from .drawing import arrow, coloured, head, tint
from .scene import HEIGHT, LABEL, SIZE, SMALL, Node, Scene

PIXELS = 96  # of the scene, to an inch
POINTS = 72 / PIXELS
BLACK, GREY = "#1f2328", "#dedfe0"


def save_png(scene: Scene, path: Any, dpi: float) -> None:
    """The scene as a PNG file of `dpi` dots per inch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    left, top, right, bottom = scene.frame()
    figure = Figure(figsize=((right - left) / PIXELS, (bottom - top) / PIXELS), dpi=dpi)
    renderer: Any = FigureCanvasAgg(figure).get_renderer()
    axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(bottom, top))
    axes.set_axis_off()
    for plate, named in coloured(scene):
        colour = BLACK if named == "currentColor" else named
        corners = _rounded(plate.left, plate.top, plate.right, plate.bottom, 10)
        _shape(axes, corners, (colour, tint(plate)), colour, 1.4)
        at = plate.left + 10 if plate.side == "left" else plate.right - 10
        axes.text(at, plate.bottom - 7, _literal(plate.label), ha=plate.side, size=LABEL * POINTS, color=BLACK)
    for source, target in scene.arrows:
        start, end = arrow(source, target)
        *barbs, (x, y) = head(start, end)
        axes.plot([start[0], x], [start[1], y], color=BLACK, linewidth=1.2 * POINTS)
        _shape(axes, [end, *barbs], BLACK, "none", 0)
    for node in scene.nodes:
        x0, y0, x1, y1 = node.box
        _shape(axes, _rounded(x0, y0, x1, y1, HEIGHT / 2), GREY if node.kind == "data" else "white", BLACK, 1.4)
        if node.kind == "mean":
            _shape(axes, _rounded(x0 + 3, y0 + 3, x1 - 3, y1 - 3, HEIGHT / 2 - 3), "none", BLACK, 0.9)
        _label(axes, node, renderer, dpi)
    figure.savefig(path, dpi=dpi, format="png", facecolor="white")


def _shape(axes: Any, corners: list[tuple[float, float]], face: Any, edge: Any, width: float) -> None:
    from matplotlib.patches import Polygon

    axes.add_patch(Polygon(corners, closed=True, facecolor=face, edgecolor=edge, linewidth=width * POINTS))


def _rounded(left: float, top: float, right: float, bottom: float, radius: float) -> list[tuple[float, float]]:
    """A rectangle with round corners, as many short lines."""
    centres = ((right - radius, bottom - radius), (left + radius, bottom - radius),
               (left + radius, top + radius), (right - radius, top + radius))  # fmt: skip
    return [
        (x + radius * cos(angle), y + radius * sin(angle))
        for quarter, (x, y) in enumerate(centres)
        for angle in (pi / 2 * (quarter + step / 16) for step in range(17))
    ]


def _label(axes: Any, node: Node, renderer: Any, dpi: float) -> None:
    """Symbol and subscript, together in the middle of the node."""
    look = {"family": "DejaVu Serif", "style": "italic", "color": BLACK}
    main = axes.text(0, node.y + 5, _literal(node.main), size=SIZE * POINTS, **look)
    sub = axes.text(0, node.y + 9.5, _literal(node.sub), size=SMALL * POINTS, **look)
    first, second = (text.get_window_extent(renderer).width * PIXELS / dpi for text in (main, sub))
    main.set_x(node.x - (first + second) / 2)
    sub.set_x(node.x + (first - second) / 2)


def _literal(text: str) -> str:
    """Text in which matplotlib finds no mathematics."""
    return text.replace("$", r"\$")
