"""What stands in a formula, set as mathematics: log(x) as a logarithm, I(x^2) as a square, a level as an indicator."""

from __future__ import annotations

from dataclasses import dataclass

from ..formula import Design
from ..formula.parse import COMPARISONS, Call, Constant, Name, Node, Operation, Parenthesis
from ..formula.planning import Piece, Recipe
from .ink import Ink

_SILENT = ("I", "factor", "as.factor", "ordered", "C")  # wrappers that say how a column is read, not what is done to it
_LOGARITHMS = {"log2": "2", "log10": "10"}


def expression(node: Node, ink: Ink) -> str:
    """An expression of the formula, every column with the index of its row."""
    match node:
        case Name(name):
            return ink.of_row(name)
        case Constant(str() as text):
            return ink.level(text)
        case Constant():
            return ink.name(node.text) if node.text.isalpha() else node.text
        case Parenthesis(inner):
            return f"({expression(inner, ink)})"
        case Call(function, arguments) if function in _SILENT:
            return expression(arguments[0][1], ink)
        case Call():
            return _call(node, ink)
        case Operation(operator, operands):
            return _operation(operator, [expression(operand, ink) for operand in operands], ink)


@dataclass(frozen=True, slots=True)
class Predictors:
    """The columns of X and Z by their recipes.

    `sources` are the expressions of the variables, `levels` those of the factors; the columns of a variable that has
    `several`, such as poly(x, 2), are told apart by their number.
    """

    sources: dict[str, Node]
    levels: dict[str, tuple[str, ...]]
    several: frozenset[str]

    @staticmethod
    def of(design: Design) -> Predictors:
        """All that the design has columns for."""
        sums = (design.formula.fixed, *(part.bar.terms for part in design.random))
        sources = {variable.text: variable.node for terms in sums for variable in terms.variables}
        recipes = [*design.plan.recipes, *(recipe for part in design.random for recipe in part.plan.recipes)]
        several = {text for recipe in recipes for text, coding, j in recipe if coding == "" and j > 0}
        levels = {text: factor.levels for text, factor in design.factors.items()}
        return Predictors(sources, levels, frozenset(several))

    def column(self, recipe: Recipe, ink: Ink) -> str:
        """What a coefficient multiplies; empty for an intercept."""
        numbers = [self._piece(piece, ink) for piece in recipe if piece[1] != "="]
        indicators = [self._piece(piece, ink) for piece in recipe if piece[1] == "="]
        if not numbers:
            return "".join(indicators)
        return ink.applied(ink.product(numbers), "".join(indicators)) if indicators else ink.product(numbers)

    def bare(self, text: str) -> str:
        """The name of a factor without the wrapper it may have: h for factor(h)."""
        node = _bare(self.sources[text])
        return node.name if isinstance(node, Name) else text

    def _piece(self, piece: Piece, ink: Ink) -> str:
        text, coding, j = piece
        node = _bare(self.sources[text])
        if coding == "":
            if isinstance(node, Call) and text in self.several:
                return _call(node, ink, str(j + 1))
            return expression(node, ink)
        if coding != "=":
            return ink.function(coding.partition(" ")[0], [expression(node, ink)], str(j + 1))
        level = self.levels[text][j]
        if isinstance(node, Operation) and node.operator in COMPARISONS and level == "TRUE":
            return ink.indicator(expression(node, ink))
        return ink.indicator(ink.relation(expression(node, ink), "=", ink.level(level)))


def _bare(node: Node) -> Node:
    """Without the wrappers that leave no trace in print."""
    match node:
        case Parenthesis(inner):
            return _bare(inner)
        case Call(function, arguments) if function in _SILENT:
            return _bare(arguments[0][1])
    return node


def _call(node: Call, ink: Ink, index: str = "") -> str:
    name = node.function.rpartition("::")[2].removeprefix("np.").removeprefix("numpy.")
    arguments = [
        expression(argument, ink) if key is None else ink.relation(ink.name(key), "=", expression(argument, ink))
        for key, argument in node.arguments
    ]
    if name in _LOGARITHMS:
        name, index = "log", _LOGARITHMS[name]
    return ink.function(name, arguments, index)


def _operation(operator: str, operands: list[str], ink: Ink) -> str:
    if len(operands) == 1:
        return f"{operator}{operands[0]}"
    if operator == "^":
        return ink.power(*operands)
    if operator == "*":
        return ink.product(operands)
    if operator == "/":
        return " / ".join(operands)
    if operator in ("+", "-"):
        return f" {operator} ".join(operands)
    return ink.relation(operands[0], operator, operands[1])
