"""Formula: a text that has been read, once; what it needs from the data and what its terms are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from multilevel.errors import FormulaError
from multilevel.formula.bars import BY_NAME, without_bars
from multilevel.formula.calls import names_in
from multilevel.formula.parse import Call, Name, Node, Operation, Parenthesis, deparse, fail, parse
from multilevel.formula.terms import Bar, Sum, Terms
from multilevel.formula.variables import Variable, make_variable


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """A formula that has been read: `Formula.parse("reaction ~ days + (days | subject)")`.

    `text` is the canonical spelling, `fixed_text` the same without random terms; `variables` are the columns needed,
    response first; with `has_dot` all columns are needed, and `expand` says which formula that is. Every bar of
    `random` has one grouping factor: (1 | a/b) has become (1 | b:a) and (1 | a).
    """

    text: str
    fixed_text: str
    response: Variable | None
    fixed: Terms
    offsets: tuple[Variable, ...]
    random: tuple[Bar, ...]
    inputs: tuple[Variable, ...]  # all that is evaluated, each once
    variables: tuple[str, ...]
    has_dot: bool

    @staticmethod
    def parse(text: str) -> Formula:
        """Read a formula; FormulaError with a caret where it cannot be read. Results are kept for the next call.

        >>> Formula.parse("y~x+(1|g)").text
        'y ~ x + (1 | g)'
        """
        if not isinstance(text, str):
            raise FormulaError(f"a formula is a text such as 'y ~ x + (1 | g)'; found {type(text).__name__}")
        return _parse(text)

    @property
    def response_text(self) -> str:
        """The response as written, or nothing for a one-sided formula."""
        return self.response.text if self.response else ""

    def expand(self, columns: Iterable[str]) -> Formula:
        """The same formula with `.` replaced by all columns that stand neither in the response nor behind a bar."""
        return _expanded(self.text, tuple(columns)) if self.has_dot else self

    def predictors(self, *, random: bool = True, groups: bool = True) -> tuple[str, ...]:
        """Columns needed for new data: see `needed`."""
        needed = self.needed(random=random, groups=groups)
        return tuple(dict.fromkeys(name for variable in needed for name in variable.names))

    def needed(self, *, random: bool = True, groups: bool = True) -> list[Variable]:
        """Variables that new data have to give: of terms and offsets, of random terms, and grouping factors."""
        needed = [*self.fixed.used(), *self.offsets]
        for bar in self.random if random else ():
            needed += [*bar.terms.used(), *(bar.group if groups else ())]
        return needed


@lru_cache(maxsize=512)
def _parse(text: str) -> Formula:
    return _read(parse(text), text)


@lru_cache(maxsize=128)
def _expanded(text: str, columns: tuple[str, ...]) -> Formula:
    tree, short = parse(text), _parse(text)
    taken = {name for bar in short.random for variable in bar.group for name in variable.names}
    taken.update(short.response.names if short.response else ())
    rest = [name for name in columns if name not in taken]
    if not rest:
        raise FormulaError("'.' stands for all other columns, but the data have no others")
    names: tuple[Node, ...] = tuple(Name(name, 0) for name in rest)
    total = Operation("+", names, 0) if len(names) > 1 else names[0]
    return _read(_replace_dot(tree, Parenthesis(total, 0)), text)


def _replace_dot(node: Node, columns: Node) -> Node:
    match node:
        case Name("."):
            return columns
        case Operation():
            return Operation(node.operator, tuple(_replace_dot(operand, columns) for operand in node.operands), node.at)
        case Parenthesis():
            return Parenthesis(_replace_dot(node.inner, columns), node.at)
    return node


def _read(tree: Node, source: str) -> Formula:
    response, right = _sides(tree, source)
    total = Sum(source, response.text if response else "")
    masks = total.expand(right, additive=True)
    fixed = total.terms(masks)
    inputs = [*([response] if response else []), *fixed.variables, *total.offsets]
    for bar in total.bars:
        inputs += [*bar.terms.variables, *bar.group]
    left = "" if response is None else f"{response.text} "
    unbarred = without_bars(right)
    return Formula(
        text=f"{left}~ {deparse(right)}",
        fixed_text=f"{left}~ {'1' if unbarred is None else deparse(unbarred)}",
        response=response,
        fixed=fixed,
        offsets=tuple(total.offsets),
        random=tuple(total.bars),
        inputs=tuple({variable.text: variable for variable in inputs}.values()),
        variables=_columns(tree, response),
        has_dot=total.has_dot,
    )


def _sides(tree: Node, source: str) -> tuple[Variable | None, Node]:
    """Response and right side."""
    match tree:
        case Operation("~", (right,)):
            return None, right
        case Operation("~", (Operation("~"), _)):
            fail(source, tree.at, "this is the second '~'; a formula has one")
        case Operation("~", (left, right)):
            if isinstance(left, Call) and left.function == "cbind" and len(left.arguments) != 2:
                fail(source, left.at, "cbind() as a response takes two columns: cbind(successes, failures)")
            return make_variable(left, source), right
    raise FormulaError(f"the formula {source!r} has no '~'; write response ~ terms, as in 'y ~ x + (x | group)'")


def _columns(tree: Node, response: Variable | None) -> tuple[str, ...]:
    found = dict.fromkeys(response.names if response else ())
    found.update(dict.fromkeys(name for name in _all_names(tree) if name != "."))
    return tuple(found)


def _all_names(node: Node) -> list[str]:
    match node:
        case Operation(_, operands):
            return [name for operand in operands for name in _all_names(operand)]
        case Parenthesis():
            return _all_names(node.inner)
        case Call(name, arguments) if name == "offset" or name in BY_NAME:
            return [name for _, argument in arguments for name in _all_names(argument)]
    return list(names_in(node))
