"""Which means are asked for: "~ a * b | c" -> over a and b, separately by c."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from ...errors import FormulaError, InferenceError
from ...formula.parse import Call, Constant, Name, Node, Operation, Parenthesis, deparse, parse

Names: TypeAlias = str | Sequence[str] | None
JOINING = ("+", "*", ":", "|")


class Spec(NamedTuple):
    """Names of the predictors whose combinations have a mean each, and of those that make separate tables."""

    over: tuple[str, ...]
    by: tuple[str, ...]


def read_spec(spec: str | Sequence[str], by: Names = None) -> Spec:
    """A specification as names; `by` adds to what stands behind the bar.

    >>> read_spec("~ wool * tension | block")
    Spec(over=('wool', 'tension'), by=('block',))
    >>> read_spec(["wool", "tension"]), read_spec("~ 1")
    (Spec(over=('wool', 'tension'), by=()), Spec(over=(), by=()))
    """
    if isinstance(spec, str):
        over, behind = _split(_tree(spec), spec) if "~" in spec else ([spec] if spec != "1" else [], [])
    elif isinstance(spec, Iterable) and all(isinstance(name, str) for name in spec):
        over, behind = list(spec), []
    else:
        raise InferenceError(
            f"the means are asked for by names, as in 'a', ['a', 'b'] or '~ a | b'; found {type(spec).__name__}"
        )
    behind = [*behind, *as_names(by, "by")]
    for name in over:
        if name in behind:
            raise InferenceError(
                f"{name!r} stands on both sides of the bar; a predictor is averaged over or held apart"
            )
    return Spec(tuple(dict.fromkeys(over)), tuple(dict.fromkeys(behind)))


def as_names(names: Names, what: str) -> tuple[str, ...]:
    """One name, several, or none."""
    if names is None:
        return ()
    if isinstance(names, str):
        return (names,)
    made = tuple(names)
    if not all(isinstance(name, str) for name in made):
        raise InferenceError(f"{what} should be a name or a list of names; found {names!r}")
    return made


def _tree(text: str) -> Node:
    try:
        node = parse(text)
    except FormulaError as error:
        raise InferenceError(f"{text!r} cannot be read as '~ a | b': {error}") from None
    match node:
        case Operation("~", (right,)):
            return right
        case Operation("~", (left, right)):
            raise InferenceError(
                f"the specification {text!r} has {deparse(left)!r} left of '~'; ask for the means first, "
                f"emmeans('~ {deparse(right)}'), and then for .contrast({deparse(left)!r})"
            )
    raise InferenceError(f"{text!r} cannot be read; expected something like '~ a * b | c'")


def _split(node: Node, text: str) -> tuple[list[str], list[str]]:
    match node:
        case Operation("|", (left, right)):
            return _names(left, text), _names(right, text)
    return _names(node, text), []


def _names(node: Node, text: str) -> list[str]:
    match node:
        case Name(name):
            return [name]
        case Constant(1.0):
            return []
        case Parenthesis(inner):
            return _names(inner, text)
        case Operation(operator, operands) if operator in JOINING[:3]:
            return [name for operand in operands for name in _names(operand, text)]
        case Call():
            inside = deparse(node.arguments[0][1]) if node.arguments else "x"
            raise InferenceError(
                f"{deparse(node)} in {text!r} is an expression; means are taken over columns of the data: "
                f"write {inside!r}"
            )
    raise InferenceError(
        f"{deparse(node)!r} cannot stand in {text!r}; join columns with '*', and put '|' before groups"
    )
