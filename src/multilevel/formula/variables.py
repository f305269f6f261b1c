"""Variables of a model: expressions that are evaluated on the data, known by R's spelling of them."""

from __future__ import annotations

from typing import NamedTuple

from multilevel.errors import FormulaError
from multilevel.formula.calls import bind, check, names_in
from multilevel.formula.contrasts import Contrast, named_contrast
from multilevel.formula.parse import Call, Name, Node, deparse, fail


class Variable(NamedTuple):
    """An expression that is evaluated on the data; `text` is R's spelling and its identity."""

    text: str
    node: Node
    names: tuple[str, ...]
    column: str | None  # the column's name where the expression is nothing but a column
    contrast: Contrast | None  # asked for by C(x, contr)


def make_variable(node: Node, source: str) -> Variable:
    """A variable of the model; FormulaError if the expression uses no column or an unknown function."""
    check(node, source)
    text, names = deparse(node), tuple(dict.fromkeys(names_in(node)))
    if not names:
        fail(source, node.at, f"{text} uses no column; a term has to vary with the rows")
    contrast = _asked_contrast(node, source) if isinstance(node, Call) and node.function == "C" else None
    return Variable(text, node, names, node.name if isinstance(node, Name) else None, contrast)


def _asked_contrast(node: Call, source: str) -> Contrast | None:
    options = bind(node).options
    if "contr" not in options:
        return None
    try:
        kind = named_contrast(str(options["contr"])).kind
    except FormulaError as error:
        fail(source, node.at, str(error))
    base = options.get("base", 1.0)
    if not isinstance(base, float) or base < 1 or base != int(base) or (kind != "treatment" and "base" in options):
        fail(source, node.at, "base is the number of the reference level, from 1, of contr.treatment")
    return Contrast(kind, int(base) - 1, numbered=True)
