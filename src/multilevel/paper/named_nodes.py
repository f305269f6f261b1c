"""The nodes of a plate diagram by name: coefficients, predictors, the response."""

from __future__ import annotations

from collections.abc import Sequence

from ..models.estimate import Fit
from .ink import GREEK, Plain
from .response import counted
from .scene import Node
from .sheet import GroupEffect, LinearPredictor, Part, Sheet

MANY = 4  # so many effects of one term, or predictors, share one node
LONGEST = 24  # letters of a name


def symbol(letter: str, index: str = "", group: str = "") -> Node:
    """The node of a parameter, with its number and group below."""
    return Node(GREEK.get(letter, letter), ",".join(filter(None, (index, short(group)))), "parameter")


def numbered(effect: GroupEffect) -> str:
    """The number of an effect, behind the part it belongs to if not the mean."""
    return ",".join(filter(None, (effect.part, effect.index)))


def short(name: str) -> str:
    """A name, its end cut off where it is long."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def response_names(sheet: Sheet) -> tuple[str, str]:
    """Names of the response and of the trials or weights it depends on, the latter empty without any."""
    counts = counted(sheet.response.node, Plain())
    if counts is None:
        return sheet.response.text, "" if sheet.weights is None else sheet.weights or "weight"
    successes, trials = (text.replace("[n]", "") for text in counts)  # in a node the n stands below
    return successes, trials


def free_coefficients(linear: LinearPredictor) -> list[Node]:
    """The coefficients that do not vary; more than two slopes share one node."""
    free = [c for c in linear.fixed if not c.levels_of and c.recipe not in linear.carried]
    slopes = [c for c in free if c.letter == "beta"]
    nodes = [symbol(c.letter, c.index) for c in free if c.letter != "beta"]
    if len(slopes) > 2:
        return [*nodes, Node("β", ranges([int(c.index) for c in slopes]), "parameter")]
    return nodes + [symbol(c.letter, c.index) for c in slopes]


def part_coefficients(part: Part) -> list[Node]:
    """The coefficients of the model of zero inflation or dispersion that do not vary, in one node."""
    letters = ", ".join(
        dict.fromkeys(GREEK[c.letter] for c in part.linear.fixed if c.recipe not in part.linear.carried)
    )
    return [Node(letters, part.linear.part, "parameter")] if letters else []


def ranges(numbers: list[int]) -> str:
    """`1–3,5`: runs of numbers."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def predictor_names(fit: Fit, grouping: set[str]) -> list[str]:
    """The columns that the mean is made of; many share one node."""
    design = fit.design
    variables = [*design.formula.fixed.used(), *design.formula.offsets]
    for part in design.random:
        variables += part.bar.terms.used()
    names = [n for n in dict.fromkeys(name for variable in variables for name in variable.names) if n not in grouping]
    return [short(name) for name in names] if len(names) <= MANY - 1 else [f"{len(names)} predictors"]


def part_predictors(part: Part, known: Sequence[Node], grouping: set[str]) -> list[Node]:
    """The predictors of such a model; those that the mean has too are there already."""
    names = list(dict.fromkeys(name for v in part.variables for name in v.names if name not in grouping))
    if len(names) >= MANY:
        names = [f"{len(names)} predictors of {part.linear.part}"]
    there = {node.main: node for node in known}
    return [there.get(short(name)) or Node(short(name), "n", "data") for name in names]
