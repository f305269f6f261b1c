"""Where the plates of a diagram go: a place on a grid for each grouping factor, found by search.

The rows of the data sit at (0, 0). A factor's own effects have a cell above, at (column, height), its parameters the
cell above that, and its plate is the smallest rectangle around its cell, the rows, and the plates of factors nested in
it. A placement is right if a plate holds the cells of what is nested in it and nothing else: nested plates then lie
inside each other, and crossed plates overlap in the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..formula.levels import Codes

PATIENCE = 20_000  # places that are tried


class Cell(NamedTuple):
    """A place on the grid: columns to the right, heights upwards."""

    column: int
    height: int


class Box(NamedTuple):
    """A rectangle of cells, bounds included; all boxes begin at height 0."""

    left: int
    right: int
    top: int

    def holds(self, cell: Cell) -> bool:
        """Whether a cell lies in the box."""
        return self.left <= cell.column <= self.right and cell.height <= self.top

    def around(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(min(self.left, other.left), max(self.right, other.right), max(self.top, other.top))


def nesting(codes: Sequence[Codes]) -> list[set[int]]:
    """For each factor those it is nested in: each of its levels occurs in one level of theirs.

    >>> a = np.array([0, 0, 1, 1], np.int32)
    >>> nesting([a, np.array([0, 1, 2, 3], np.int32), np.array([0, 1, 0, 1], np.int32)])
    [set(), {0, 2}, set()]
    """
    counts = [len(np.unique(code)) for code in codes]
    outer: list[set[int]] = [set() for _ in codes]
    for i, inner in enumerate(codes):
        for j, other in enumerate(codes):
            finer = counts[i] > counts[j] or (counts[i] == counts[j] and i > j)
            if i != j and finer:
                pairs = inner.astype(np.int64) * (int(other.max()) + 1) + other
                if len(np.unique(pairs)) == counts[i]:
                    outer[i].add(j)
    return outer


def place(outer: Sequence[set[int]], with_parameters: Sequence[bool]) -> list[Cell]:
    """A cell for each factor; where no right placement is found, nested factors are placed like crossed ones.

    >>> place([set(), set()], [True, True])
    [Cell(column=-1, height=1), Cell(column=1, height=1)]
    >>> place([set(), {0}], [True, True])
    [Cell(column=-1, height=1), Cell(column=0, height=1)]
    """
    found = _Search(outer, with_parameters).run()
    if found is None:
        found = _Search([set() for _ in outer], with_parameters).run()
    return found if found is not None else _staircase(len(outer))


class _Search:
    """Depth first, innermost factors first, near cells first."""

    def __init__(self, outer: Sequence[set[int]], with_parameters: Sequence[bool]) -> None:
        self.outer = outer
        self.with_parameters = with_parameters
        self.order = sorted(range(len(outer)), key=lambda i: (-len(outer[i]), i))
        self.cells: dict[int, Cell] = {}
        self.boxes: dict[int, Box] = {}
        self.tried = 0
        reach = len(outer)
        columns = sorted(range(-reach, reach + 1), key=lambda c: (abs(c), c))
        self.candidates = [Cell(column, height) for height in range(1, reach + 1) for column in columns]

    def run(self) -> list[Cell] | None:
        """The first right placement."""
        return [self.cells[i] for i in range(len(self.outer))] if self._place(0) else None

    def _place(self, position: int) -> bool:
        if position == len(self.order):
            return True
        i = self.order[position]
        for cell in self.candidates:
            self.tried += 1
            if self.tried > PATIENCE:
                return False
            box = Box(min(0, cell.column), max(0, cell.column), cell.height)
            for j in self.cells:
                if i in self.outer[j]:
                    box = box.around(self.boxes[j])
            if self._fits(i, cell, box):
                self.cells[i], self.boxes[i] = cell, box
                if self._place(position + 1):
                    return True
                del self.cells[i], self.boxes[i]
        return False

    def _fits(self, i: int, cell: Cell, box: Box) -> bool:
        own = _above(cell)
        for j, other in self.cells.items():
            parameters = _above(other)
            if other in (cell, own) or parameters in (cell, own):
                return False
            if self.boxes[j].holds(cell) != (j in self.outer[i]) or box.holds(other) != (i in self.outer[j]):
                return False
            if self.with_parameters[j] and box.holds(parameters):
                return False
            if self.with_parameters[i] and self.boxes[j].holds(own):
                return False
        return not self.with_parameters[i] or not box.holds(own)


def _above(cell: Cell) -> Cell:
    return Cell(cell.column, cell.height + 1)


def _staircase(n: int) -> list[Cell]:
    """Crossed factors in a pyramid around the rows: no plate holds another's cell."""
    left = n // 2
    columns = [*range(-left, 0), *range(1, n - left + 1)]
    return [Cell(column, max(left, n - left) + 1 - abs(column)) for column in columns]
