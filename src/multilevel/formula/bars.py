"""Random terms as written: (x | g), (x || g), ar1(0 + f | g) and others, and the grouping factors behind the bar."""

from __future__ import annotations

from typing import TypeAlias

from multilevel.errors import nearest
from multilevel.formula.parse import Call, Constant, Name, Node, Operation, Parenthesis, fail
from multilevel.formula.structures import STRUCTURES, Structure
from multilevel.formula.variables import Variable, make_variable

Group: TypeAlias = tuple[tuple[Variable, ...], str]  # the crossed variables, and the name of the factor they make
NOT_YET = ("rr", "exp", "gau", "mat")  # glmmTMB's; exp() of anything but a bar is a function
BY_NAME: dict[str, Structure] = {name: name for name in STRUCTURES}


def as_bar(node: Node, source: str) -> tuple[Operation, Structure] | None:
    """The bar and its covariance structure if a node is a random term: (x | g), (x || g), us(x | g), ar1(0 + f | g)."""
    match node:
        case Operation("|" | "||"):
            fail(source, node.at, "put the random term in parentheses: (terms | group)")
        case Parenthesis(Operation("|" | "||" as operator) as bar):
            return bar, "diag" if operator == "||" else "us"
        case Parenthesis(Parenthesis() as inner):
            return as_bar(inner, source)
        case Call(name, ((None, Parenthesis(inner)),)) if name in (*BY_NAME, *NOT_YET) and _is_bar(inner):
            return as_bar(Call(name, ((None, inner),), node.at), source)
        case Call(name, ((None, Operation("|" | "||" as operator) as bar),)):
            if name in NOT_YET:
                known = ", ".join(f"{other}()" for other in STRUCTURES)
                fail(source, node.at, f"the covariance structure {name}() is not available; expected one of {known}")
            if name not in BY_NAME:
                if meant := nearest(name, BY_NAME):
                    fail(source, node.at, f"{name}() is no covariance structure{meant}")
                return None
            if name not in ("diag", "homdiag") and operator == "||":
                fail(source, bar.at, f"{name}() asks for correlations and '||' for none; write one of them")
            return bar, BY_NAME[name]
        case Call(name, ((None, Operation("|" | "||")), _, *_)) if name in BY_NAME:
            fail(source, node.at, f"{name}() takes one random term, as in {name}(0 + times | group)")
    return None


def _is_bar(node: Node) -> bool:
    match node:
        case Parenthesis():
            return _is_bar(node.inner)
        case Operation("|" | "||"):
            return True
    return False


def as_levels(node: Node) -> Node:
    """The left side of ou(0 + t | g), which has an effect for each value of t: that of ou(0 + factor(t) | g)."""
    match node:
        case Parenthesis():
            return Parenthesis(as_levels(node.inner), node.at)
        case Operation("+" | "-", operands):
            return Operation(node.operator, tuple(map(as_levels, operands)), node.at)
        case Name() if node.name != ".":
            return Call("factor", ((None, node),), node.at)
    return node


def group_factors(node: Node, source: str) -> list[Group]:
    """The grouping factors behind a bar, each with lme4's name: a/b is b:a and a, a*b is a and b and a:b."""
    match node:
        case Parenthesis():
            return group_factors(node.inner, source)
        case Operation("+", operands):
            return [factor for operand in operands for factor in group_factors(operand, source)]
        case Operation("/", (left, right)):
            outer = group_factors(left, source)
            return [_crossed(inner, outer[0]) for inner in group_factors(right, source)] + outer
        case Operation(":" | "*" as operator, (left, right)):
            first, second = group_factors(left, source), group_factors(right, source)
            crossed = [_crossed(a, b) for a in first for b in second]
            return crossed if operator == ":" else first + second + crossed
        case Operation("|" | "||"):
            fail(source, node.at, "a bar cannot stand inside another; write one (terms | group) for each group")
        case Constant() | Name("."):
            fail(source, node.at, "behind the bar stands a grouping factor: a column such as subject")
    variable = make_variable(node, source)
    return [((variable,), variable.text)]


def _crossed(left: Group, right: Group) -> Group:
    name = f"({right[1]})" if len(right[0]) > 1 else right[1]
    return left[0] + right[0], f"{left[1]}:{name}"


def without_bars(node: Node) -> Node | None:
    """The right side without its random terms, or None if nothing is left."""
    match node:
        case Parenthesis(Operation("|" | "||")):
            return None
        case Call(name) if name in BY_NAME:
            return None
        case Parenthesis():
            inner = without_bars(node.inner)
            return None if inner is None else Parenthesis(inner, node.at)
        case Operation("+", operands):
            kept = tuple(other for operand in operands if (other := without_bars(operand)) is not None)
            return Operation("+", kept, node.at) if len(kept) > 1 else kept[0] if kept else None
        case Operation("-", (left, right)):
            first = without_bars(left)
            return Operation("-", (right,) if first is None else (first, right), node.at)
    return node
