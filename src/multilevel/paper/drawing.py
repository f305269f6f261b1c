"""A scene as SVG text."""

from __future__ import annotations

from html import escape
from math import hypot

from .scene import HEIGHT, LABEL, SIZE, SMALL, Node, Plate, Scene

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe & Ito (2008)
SERIF = "'Latin Modern Math','STIX Two Text',Cambria,Georgia,'Times New Roman',serif"
SANS = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"
# on its own (a file, an image) a picture has its own paper, light or dark; within a page it takes the page's colours
STYLE = (
    ":root.multilevel-diagram{color:#1f2328;background:#fff}"
    "@media (prefers-color-scheme:dark){:root.multilevel-diagram{color:#e6edf3;background:#0d1117}}"
)
HEAD = 8.0  # length of an arrow's head


def to_svg(scene: Scene, title: str) -> str:
    """SVG that takes its colours from where it is shown."""
    left, top, right, bottom = scene.frame()
    width, height = right - left, bottom - top
    body = [_svg_plate(plate, colour) for plate, colour in coloured(scene)]
    body += [_svg_arrow(*arrow(source, target)) for source, target in scene.arrows]
    body += [_svg_node(node) for node in scene.nodes]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="multilevel-diagram" role="img" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
        f'style="max-width:100%;height:auto"><style>{STYLE}</style><title>{escape(title)}</title>'
        f"{''.join(body)}</svg>"
    )


def arrow(source: Node, target: Node) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where an arrow leaves the one node and meets the other."""
    start, end = source.anchor, (target.x, target.y)
    return _border(source, start, end, 0.0), _border(target, end, start, 2.0)


def _border(node: Node, start: tuple[float, float], end: tuple[float, float], gap: float) -> tuple[float, float]:
    """Where the line from a point inside a node to one outside crosses its outline, found by halving."""
    inside, outside = 0.0, 1.0
    straight, radius = (node.width - HEIGHT) / 2, HEIGHT / 2 + gap
    (x0, y0), (x1, y1) = start, end
    for _ in range(30):
        t = (inside + outside) / 2
        dx, dy = x0 + t * (x1 - x0) - node.x, y0 + t * (y1 - y0) - node.y
        if hypot(max(abs(dx) - straight, 0.0), dy) < radius:
            inside = t
        else:
            outside = t
    return x0 + inside * (x1 - x0), y0 + inside * (y1 - y0)


def coloured(scene: Scene) -> list[tuple[Plate, str]]:
    """Plates of grouping factors in colour, that of the rows in the colour of the text."""
    colours = iter(COLOURS * (len(scene.plates) // len(COLOURS) + 1))
    return [(plate, next(colours) if plate.group else "currentColor") for plate in scene.plates]


def tint(plate: Plate) -> float:
    """How much colour a plate has."""
    return 0.06 if plate.group else 0.03


def _svg_plate(plate: Plate, colour: str) -> str:
    fill = f'fill="{colour}" fill-opacity="{tint(plate)}"'
    at = plate.left + 10 if plate.side == "left" else plate.right - 10
    anchor = "start" if plate.side == "left" else "end"
    return (
        f'<rect x="{plate.left:.1f}" y="{plate.top:.1f}" width="{plate.right - plate.left:.1f}" '
        f'height="{plate.bottom - plate.top:.1f}" rx="10" {fill} stroke="{colour}" stroke-width="1.4"/>'
        f'<text x="{at:.1f}" y="{plate.bottom - 7:.1f}" text-anchor="{anchor}" font-family="{SANS}" '
        f'font-size="{LABEL:g}" fill="currentColor">{escape(plate.label)}</text>'
    )


def _svg_arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x0, y0), (x1, y1) = start, end
    (ax, ay), (bx, by), (hx, hy) = head(start, end)
    return (
        f'<path d="M{x0:.1f} {y0:.1f}L{hx:.1f} {hy:.1f}" fill="none" stroke="currentColor" stroke-width="1.2"/>'
        f'<path d="M{x1:.1f} {y1:.1f}L{ax:.1f} {ay:.1f}L{bx:.1f} {by:.1f}Z" fill="currentColor"/>'
    )


def head(start: tuple[float, float], end: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """The two barbs of an arrow's head, and the point between them."""
    (x0, y0), (x1, y1) = start, end
    length = hypot(x1 - x0, y1 - y0) or 1.0
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    hx, hy = x1 - HEAD * ux, y1 - HEAD * uy
    half = 0.42 * HEAD
    return (hx - half * uy, hy + half * ux), (hx + half * uy, hy - half * ux), (hx, hy)


def _svg_node(node: Node) -> str:
    left, top, _, _ = node.box
    paper = 'fill="currentColor" fill-opacity="0.16"' if node.kind == "data" else 'fill="none"'
    shape = (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{node.width:.1f}" height="{HEIGHT:g}" rx="{HEIGHT / 2:g}" {paper} '
        f'stroke="currentColor" stroke-width="1.4"/>'
    )
    if node.kind == "mean":  # what is computed, not drawn: a double line
        shape += (
            f'<rect x="{left + 3:.1f}" y="{top + 3:.1f}" width="{node.width - 6:.1f}" height="{HEIGHT - 6:g}" '
            f'rx="{HEIGHT / 2 - 3:g}" fill="none" stroke="currentColor" stroke-width="0.9"/>'
        )
    sub = f'<tspan dy="4.5" font-size="{SMALL:g}">{escape(node.sub)}</tspan>' if node.sub else ""
    return (
        f'{shape}<text x="{node.x:.1f}" y="{node.y + 5:.1f}" text-anchor="middle" font-family="{SERIF}" '
        f'font-style="italic" font-size="{SIZE:g}" fill="currentColor">{escape(node.main)}{sub}</text>'
    )
