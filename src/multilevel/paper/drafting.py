"""Which nodes, plates and arrows a model has, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..formula.levels import Codes
from ..models.estimate import Fit
from .ink import GREEK
from .named_nodes import (
    MANY,
    free_coefficients,
    numbered,
    part_coefficients,
    part_predictors,
    predictor_names,
    response_names,
    short,
    symbol,
)
from .placing import Cell, nesting, place
from .scene import HEIGHT, LABEL, Node, Plate, Scene, text_width
from .sheet import GroupTerm, Sheet

GAP = 24.0  # between nodes side by side
STACK_GAP = 34.0  # between the predictors and the mean
ROW = 84.0  # from the mean down to the response
PART = 52.0  # from the response down to what else differs between rows
TWO_PARTS = ((0.0, 10.0), (HEIGHT + GAP, 84.0))  # of two of them: to the right and down, so that no arrow passes a node
STEP = 24.0  # effects beside the rows rise towards them, so that the arrow of one passes below the next


@dataclass(slots=True)
class Group:
    """A grouping factor: what varies over it, and the parameters that this is drawn from."""

    name: str
    n_levels: int
    codes: Codes
    drawn: dict[str, list[Node]] = field(default_factory=dict)  # effects by the part that they belong to
    parameters: list[Node] = field(default_factory=list)

    @property
    def effects(self) -> list[Node]:
        """Of all parts."""
        return [node for nodes in self.drawn.values() for node in nodes]


def scene_of(fit: Fit) -> Scene:
    """The scene of a fit."""
    sheet = Sheet.of(fit, by_level=True)
    scene = Scene()
    groups = list(_groups(fit, sheet, scene))
    rows = _Rows(sheet, fit, scene, groups)
    if groups:
        _arrange(scene, groups, rows)
    else:
        rows.put(0.0, 0.0)
        _row_above(rows)
    return scene


# ---- what is drawn --------------------------------------------------------------------------------------------------


def _groups(fit: Fit, sheet: Sheet, scene: Scene) -> Iterator[Group]:
    random = [*fit.rows.random, *(varying for part in sheet.parts for varying in part.rows.random)]
    codes = {varying.group: varying.codes for varying in random}
    groups: dict[str, Group] = {}
    for linear in sheet.linear:
        for term in linear.terms:
            group = groups.setdefault(term.group, Group(term.group, term.n_levels, codes[term.group]))
            effects, parameters, arrows = _drawn_term(term)
            group.drawn.setdefault(linear.part, []).extend(effects)
            group.parameters += parameters
            scene.arrows += arrows
    for c in sheet.mean.fixed:
        if c.levels_of:
            name = sheet.mean.predictors.bare(c.levels_of)
            group = groups.setdefault(name, Group(name, c.n_levels, _factor_codes(fit, c.levels_of)))
            group.drawn.setdefault("", []).append(symbol(c.letter, c.index, name))
    for group in groups.values():
        scene.nodes += group.parameters + group.effects
        yield group


def _drawn_term(term: GroupTerm) -> tuple[list[Node], list[Node], list[tuple[Node, Node]]]:
    """Effects, the parameters they are drawn from, and the arrows between them."""
    if len(term.effects) > MANY:
        effect = _many(term)
        part = term.effects[0].part
        below = ",".join(filter(None, (part, short(term.group))))
        sources = [Node("Σ" if term.corr is not None else "σ", below, "parameter")]
        means = [GREEK[e.mean.letter] for e in term.effects if e.mean is not None]
        if means:
            sources.insert(0, Node(means[0] + (", …" if len(means) > 1 else ""), part, "parameter"))
        return [effect], sources, [(source, effect) for source in sources]
    joint = None
    if term.corr is not None and len(term.effects) > 1:
        below = ",".join(filter(None, (term.effects[0].part, term.label, short(term.group))))
        joint = Node("Σ", below, "parameter")
    effects, parameters, arrows = [], [], []
    for e in term.effects:
        effect = symbol(e.letter, numbered(e), term.group)
        effects.append(effect)
        own = [symbol(e.letter, numbered(e))] if e.mean is not None else []
        if joint is None:
            own.append(Node("σ", GREEK.get(e.letter, "u") + numbered(e), "parameter"))
        parameters += own
        arrows += [(node, effect) for node in ([joint] if joint else []) + own]
    if joint is not None:
        parameters.insert(sum(e.mean is not None for e in term.effects[: len(effects) // 2]), joint)
    return effects, parameters, arrows


def _many(term: GroupTerm) -> Node:
    """One node for all effects of a term: γ with its first and last number, or the first and the last letter."""
    first, last = term.effects[0], term.effects[-1]
    letters = [GREEK.get(e.letter, "u") for e in (first, last)]
    alike = first.letter == last.letter
    index = f"{numbered(first)}…{last.index}" if alike else numbered(last)
    below = ",".join(filter(None, (index, short(term.group))))
    return Node(letters[0] if alike else ", …, ".join(letters), below, "parameter")


def _factor_codes(fit: Fit, text: str) -> Codes:
    """The level (n,) of each row, read off the indicators in X; those of the reference level stay at -1 + 1 = 0."""
    codes = np.zeros(fit.rows.n, np.int32)
    for recipe, column in zip(fit.design.plan.recipes, fit.rows.X, strict=True):
        for name, coding, j in recipe:
            if name == text and coding == "=":
                codes[column != 0] = j + 1
    return codes


class _Rows:
    """The plate of the rows: predictors, mean, response; and the parameters outside that it depends on."""

    def __init__(self, sheet: Sheet, fit: Fit, scene: Scene, groups: Sequence[Group]) -> None:
        self.scene = scene
        grouping = {group.name for group in groups}
        effects = {
            name: [e for g in groups for e in g.drawn.get(name, ())] for name in (own.part for own in sheet.linear)
        }
        response, trials = response_names(sheet)
        self.response = Node(short(response), "n", "data")
        self.mean = None if sheet.is_plain else Node("μ", "n", "mean")
        self.spread = [Node(GREEK[name], "", "parameter") for name in sheet.spread if name not in sheet.modelled]
        self.parts = [Node(GREEK[part.symbol], "n", "mean") for part in sheet.parts]
        self.of_parts = [part_coefficients(part) for part in sheet.parts]
        self.effects = [effects[part.linear.part] for part in sheet.parts]
        self.free = free_coefficients(sheet.mean)
        self.data = [] if self.mean is None else [Node(name, "n", "data") for name in predictor_names(fit, grouping)]
        target = self.mean or self.response
        scene.arrows += [(node, target) for node in (*effects[""], *self.free, *self.data)]
        if trials:
            self.data.append(Node(short(trials), "n", "data"))
            scene.arrows.append((self.data[-1], self.response))
        if self.mean is not None:
            scene.arrows.append((self.mean, self.response))
        scene.arrows += [(node, self.response) for node in (*self.spread, *self.parts)]
        below: list[list[Node]] = []
        for part in sheet.parts:
            below.append(part_predictors(part, [*self.data, *(node for data in below for node in data)], grouping))
        self.lower = list({id(node): node for data in below for node in data}.values())
        self.lower.sort(key=lambda node: node not in self.data)  # those that the mean has too stand first
        self.shared = sum(node in self.data for node in self.lower)
        self.data = [node for node in self.data if node not in self.lower]
        for node, part, coefficients, data in zip(self.parts, sheet.parts, self.of_parts, below, strict=True):
            scene.arrows += [(other, node) for other in (*effects[part.linear.part], *coefficients, *data)]
        own = [self.mean] if self.mean is not None else []
        outside = [*self.free, *self.spread, *(node for some in self.of_parts for node in some)]
        scene.nodes += [*outside, *self.data, *self.lower, *own, self.response, *self.parts]
        self.label = f"row n = 1, …, {sheet.n}"

    @property
    def target(self) -> Node:
        """Where the coefficients point to."""
        return self.mean or self.response

    @property
    def width(self) -> float:
        """Of what stands in the plate."""
        stack = max((node.width for node in self.data), default=0.0)
        middle = max(self.response.width, self.target.width)
        below = max((self._reach(k) + node.width - middle / 2 for k, node in enumerate(self.lower)), default=0.0)
        beside = max(stack + STACK_GAP if stack else 0.0, below, (GAP + HEIGHT) * len(self.parts))
        return max(middle + 2 * beside, text_width(self.label, LABEL) + 16)

    def _reach(self, position: int) -> float:
        """How far left of the middle a predictor below the response ends.

        Its arrow to the mean passes the response, and those of the predictors below it pass on its right.
        """
        half = max(self.response.width, self.target.width) / 2
        if position >= self.shared:
            return half + STACK_GAP
        depth, step = ROW + PART + position * (HEIGHT + 12), HEIGHT + 12
        own = max(half + STACK_GAP, (half + 8) * depth / ROW)
        if position + 1 == self.shared:
            return own
        start = self._reach(position + 1) + HEIGHT / 2  # of the arrow of the next one
        return max(own, start * depth / (depth + step) + 12)

    def put_parts(self, x: float, y: float) -> None:
        """Place what else differs between rows below and to the right of the response, its predictors to the left."""
        at = x + max(self.response.width, self.target.width) / 2 + GAP
        places = TWO_PARTS if len(self.parts) > 1 else [(0.0, PART)]
        for node, (right, down) in zip(sorted(self.parts, key=self._origin), places, strict=False):
            node.x, node.y = at + right + node.width / 2, y + down
        lowest = max((node.y + HEIGHT + 12 for node in self.data), default=y)
        for position, node in enumerate(self.lower):
            node.x = x - self._reach(position) - node.width / 2
            node.y = max(lowest, y + PART) + position * (HEIGHT + 12)

    def _origin(self, part: Node) -> float:
        """How far to the right the effects stand that a part has."""
        return min((effect.x for effect in self.effects[self.parts.index(part)]), default=0.0)

    def put(self, x: float, y: float) -> Plate:
        """Place the mean (or the response) at a point, the rest below and beside; the plate around it."""
        for node in (self.mean, self.response):
            if node is not None:
                node.x, node.y = x, y
                y += ROW
        middle = max(self.response.width, self.target.width)
        for position, node in enumerate(self.data):
            node.x = x - middle / 2 - STACK_GAP - node.width / 2
            node.y = self.target.y + (26 if self.mean is not None else 0) + position * (HEIGHT + 12)
        self.put_parts(x, self.response.y)
        inside = [node for node in (self.mean, self.response, *self.data, *self.lower, *self.parts) if node is not None]
        boxes = [node.box for node in inside]
        half = text_width(self.label, LABEL) / 2 + 8
        left = min(min(box[0] for box in boxes), x - half) - 12
        right = max(max(box[2] for box in boxes), x + half) + 12
        top, bottom = min(box[1] for box in boxes) - 12, max(box[3] for box in boxes) + 26
        plate = Plate(self.label, "left", left, top, right, bottom, group=False)
        self.scene.plates.append(plate)
        return plate


def _side_by_side(nodes: Sequence[Node], x: float, y: float) -> None:
    """Nodes side by side around a point."""
    total = sum(node.width for node in nodes) + GAP * (len(nodes) - 1)
    at = x - total / 2
    for node in nodes:
        node.x, node.y = at + node.width / 2, y
        at += node.width + GAP


# ---- where it goes --------------------------------------------------------------------------------------------------


def _row_above(rows: _Rows) -> None:
    """Parameters of a model without groups: side by side over the rows."""
    nodes = [*rows.free, *rows.spread]
    _side_by_side(nodes, rows.target.x, rows.target.y - 96)
    _beside_parts(rows, max(plate.right for plate in rows.scene.plates) + 30)
    if rows.mean is not None:  # past the mean
        for position, node in enumerate(rows.spread):
            node.x = max(node.x, rows.mean.x + 90 + position * (node.width + GAP))


def _arrange(scene: Scene, groups: list[Group], rows: _Rows) -> None:
    """Groups around the rows, plates around both, the other parameters to the right."""
    outer = nesting([group.codes for group in groups])
    cells = place(outer, [bool(group.parameters) for group in groups])
    columns = _column_centres(groups, cells, rows)
    pitch = 92.0 + 8 * len(groups)
    for group, cell in zip(groups, cells, strict=True):
        x, y = columns[cell.column], -pitch * cell.height
        _side_by_side(group.effects, x, y)
        inwards = group.effects if cell.column < 0 else group.effects[::-1]
        for position, node in enumerate(inwards if cell.column else []):
            node.y -= position * STEP
        _side_by_side(group.parameters, x, min(node.y for node in group.effects) - pitch)
    inner = rows.put(0.0, 0.0)
    bottom = inner.bottom
    innermost_first = sorted(range(len(groups)), key=lambda i: (-len(outer[i]), i))
    for step, i in enumerate(innermost_first):
        inside = [i, *(j for j in range(len(groups)) if i in outer[j])]
        boxes = [node.box for j in inside for node in groups[j].effects]
        pad, bottom = 12.0 + 8 * step, bottom + 22
        label = f"{short(groups[i].name)} = 1, …, {groups[i].n_levels}"
        left = min(inner.left, *(box[0] for box in boxes)) - pad
        right = max(inner.right, *(box[2] for box in boxes)) + pad
        side: Literal["left", "right"] = "right" if cells[i].column > 0 else "left"
        scene.plates.append(Plate(label, side, left, min(box[1] for box in boxes) - pad, right, bottom, group=True))
    scene.plates.reverse()  # the widest at the back
    _to_the_right(rows, max(plate.right for plate in scene.plates) + 30)


def _beside_parts(rows: _Rows, left: float) -> None:
    """The coefficients of other linear predictors: to the right of what these give."""
    for target, nodes in zip(rows.parts, rows.of_parts, strict=True):
        for node in nodes:
            node.x, node.y = left + node.width / 2, target.y


def _column_centres(groups: list[Group], cells: Sequence[Cell], rows: _Rows) -> dict[int, float]:
    """The x of each column of the grid, the rows at zero."""
    gap = 44.0 + 16 * len(groups)
    widths = {0: rows.width}
    for group, cell in zip(groups, cells, strict=True):
        for nodes in (group.effects, group.parameters):
            total = sum(node.width for node in nodes) + GAP * (len(nodes) - 1)
            label = text_width(f"{short(group.name)} = 1, …, {group.n_levels}", LABEL) - 40
            widths[cell.column] = max(widths.get(cell.column, 0.0), total, label)
    centres = {0: 0.0}
    for step in (-1, 1):
        edge = widths[0] / 2
        for column in sorted((c for c in widths if c * step > 0), key=abs):
            centres[column] = step * (edge + gap + widths[column] / 2)
            edge = edge + gap + widths[column]
    return centres


def _to_the_right(rows: _Rows, left: float) -> None:
    """Parameters that vary over nothing: beside what they point to."""
    widest = max((node.width for node in (*rows.free, *rows.spread)), default=0.0)
    x = left + widest / 2
    for position, node in enumerate(reversed(rows.free)):
        node.x, node.y = x, rows.target.y - position * (HEIGHT + 14)
    for position, node in enumerate(rows.spread):
        node.x, node.y = x + position * (widest + GAP), rows.response.y
    _beside_parts(rows, left)
    if rows.mean is None and rows.free:
        for node in rows.free:
            node.y -= HEIGHT + 14
