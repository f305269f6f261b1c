"""Expressions before there are data: which function a call means, what its options are, which columns it reads.

Unknown functions, wrong options and misplaced operators are found here, while the text of the formula is at hand for a
caret.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from multilevel.errors import FormulaError, nearest
from multilevel.formula.contrasts import named_contrast
from multilevel.formula.functions import FUNCTIONS, Function
from multilevel.formula.parse import Call, Constant, Name, Node, Operation, Parenthesis, deparse, fail
from multilevel.formula.values import Option, Scalar

SMOOTHS = ("s", "te", "ti", "t2", "lo", "cr", "cc")  # of mgcv, gam and patsy


class Bound(NamedTuple):
    """A call whose arguments have found their parameters."""

    function: Function
    data: tuple[Node, ...]
    options: dict[str, Option]


@lru_cache(maxsize=1024)
def bind(call: Call) -> Bound:
    """Match arguments to parameters as R does: by keyword, the others by position."""
    function = _function(call.function)
    if function.many:
        if any(keyword for keyword, _ in call.arguments) or not call.arguments:
            raise FormulaError(f"{call.function}() takes columns without keywords, as in {call.function}(a, b)")
        return Bound(function, tuple(node for _, node in call.arguments), {})
    parameters = function.data + function.options
    given: dict[str, Node] = {}
    for keyword, node in call.arguments:
        if keyword is not None:
            _place(call, given, _known(call, keyword, parameters), node)
    for keyword, node in call.arguments:
        if keyword is None:
            free = [parameter for parameter in parameters if parameter not in given]
            if not free:
                raise FormulaError(f"{call.function}() takes {', '.join(parameters)} and no more")
            given[free[0]] = node
    if absent := [parameter for parameter in function.data if parameter not in given]:
        needed = ", ".join(function.data)
        raise FormulaError(f"{call.function}() needs {' and '.join(absent)}, as in {call.function}({needed})")
    options = {key: constant(node, key) for key, node in given.items() if key in function.options}
    return Bound(function, tuple(given[parameter] for parameter in function.data), options)


def _function(name: str) -> Function:
    plain = name.rpartition("::")[2]
    for prefix in ("np.", "numpy."):
        plain = plain.removeprefix(prefix)
    if plain in SMOOTHS:
        raise FormulaError(f"there are no smooths such as {plain}(); ns(x, df = 4) and bs(x, df = 6) are splines")
    if plain not in FUNCTIONS:
        near = nearest(plain, FUNCTIONS)
        raise FormulaError(f"unknown function {name!r}; if it is your own, compute its column before fitting{near}")
    return FUNCTIONS[plain]


def _known(call: Call, keyword: str, parameters: tuple[str, ...]) -> str:
    if keyword not in parameters:
        known = ", ".join(parameters)
        near = nearest(keyword, parameters)
        raise FormulaError(f"{call.function}() has no argument {keyword!r}; it has {known}{near}")
    return keyword


def _place(call: Call, given: dict[str, Node], parameter: str, node: Node) -> None:
    if parameter in given:
        raise FormulaError(f"{call.function}() is given {parameter!r} twice")
    given[parameter] = node


def constant(node: Node, option: str) -> Option:
    """The value of an option, which cannot depend on data: a number, text, TRUE, FALSE, NULL or c(...) of them."""
    match node:
        case Constant():
            return node.value
        case Parenthesis():
            return constant(node.inner, option)
        case Name("T" | "F" as letter):
            return letter == "T"
        case Name(name) if option == "contr":
            return named_contrast(name).kind
        case Operation("-", (operand,)) if isinstance(value := constant(operand, option), float):
            return -value
        case Call("c", arguments):
            return tuple(_one(constant(item, option)) for _, item in arguments)
    if option == "contr":
        known = "treatment, sum, helmert or poly"
        hint = 'relevel(f, "b") chooses the reference level'
        raise FormulaError(f"contr is {deparse(node)}; expected the name of a coding, {known}; {hint}")
    raise FormulaError(f"{option} should be a constant such as 3, c(1, 2), TRUE or 'a'; found {deparse(node)}")


def _one(value: Option) -> Scalar:
    if isinstance(value, tuple):
        raise FormulaError("c(...) inside c(...) is not needed; list the values once")
    return value


def check(node: Node, source: str) -> None:
    """Find unknown functions and misplaced bars, tildes and dots while the formula's text is at hand for a caret."""
    match node:
        case Call():
            if node.function == "offset":
                fail(source, node.at, "offset() is a term of its own; it cannot stand inside an expression")
            try:
                bound = bind(node)
            except FormulaError as error:
                fail(source, node.at, str(error))
            for argument in bound.data:
                if node.function not in ("I", "ifelse", "where") and _has_bar(argument):
                    fail(source, node.at, f"a bar cannot stand inside {node.function}(); add (terms | group) as a term")
                check(argument, source)
        case Operation("||" | "&&" as operator, _):
            fail(source, node.at, f"inside an expression write {operator[0]!r}, which works row by row")
        case Operation(operator, operands):
            if operator in (":", "~"):
                fail(source, node.at, f"{operator!r} cannot stand inside an expression")
            if operator == "%in%":
                _check_set(operands[1], source)
            for operand in operands[: 1 if operator == "%in%" else None]:
                check(operand, source)
        case Parenthesis():
            check(node.inner, source)
        case Name("."):
            fail(source, node.at, "'.' stands for all columns as terms; it cannot stand inside an expression")


def _check_set(node: Node, source: str) -> None:
    try:
        constant(node, "the right side of %in%")
    except FormulaError as error:
        fail(source, node.at, str(error))


def _has_bar(node: Node) -> bool:
    match node:
        case Operation("|" | "||", _):
            return True
        case Operation(_, operands):
            return any(map(_has_bar, operands))
        case Parenthesis():
            return _has_bar(node.inner)
    return False


def names_in(node: Node) -> Iterator[str]:
    """Columns an expression reads, in order of appearance."""
    match node:
        case Name():
            yield node.name
        case Parenthesis():
            yield from names_in(node.inner)
        case Call():
            for argument in bind(node).data:
                yield from names_in(argument)
        case Operation(operator, operands):
            for operand in operands[: 1 if operator == "%in%" else None]:
                yield from names_in(operand)
