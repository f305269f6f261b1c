"""Tree of a formula -> its terms: what is fixed, what varies by group.

A term is a set of variables, held as a bit mask while the algebra of + - : * / ^ %in% is done (Wilkinson & Rogers 1973;
R's `?formula`), then as indices into `Terms.variables`. Terms are ordered by degree. A factor in a term is coded by
contrasts if the rest of the term is empty or inside an earlier term, and by one column per level otherwise (Chambers &
Hastie 1992, section 2.4.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from multilevel.formula.bars import as_bar, as_levels, group_factors
from multilevel.formula.parse import Call, Constant, Name, Node, Operation, Parenthesis, deparse, fail
from multilevel.formula.structures import OF_LEVELS, Structure
from multilevel.formula.variables import Variable, make_variable

FORMULA_OPERATORS = ("+", "-", "*", "/", ":", "^", "%in%")


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """A sum of terms: each a tuple of indices into `variables`, ordered by degree, without the intercept."""

    variables: tuple[Variable, ...]
    terms: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]
    full: tuple[tuple[bool, ...], ...]  # per term and variable: would a factor be coded in full by marginality?
    intercept: bool

    def used(self) -> list[Variable]:
        """The variables that are left in terms; `x - z` has z only among its `variables`."""
        return [self.variables[i] for i in sorted({i for term in self.terms for i in term})]


@dataclass(frozen=True, slots=True, eq=False)
class Bar:
    """One random term: `terms` vary over the levels of the crossed variables `group`."""

    terms: Terms
    group: tuple[Variable, ...]
    name: str  # of the grouping factor: "subject", "cask:batch"
    structure: Structure
    label: str  # "days | subject", "days || subject", "0 + times | subject"

    @property
    def written(self) -> str:
        """The term as it stands in a formula: "(days | subject)", "ar1(0 + times | subject)"."""
        return f"({self.label})" if self.structure in ("us", "diag") else f"{self.structure}({self.label})"


class Sum:
    """Collects the terms of one sum: the right side of a formula, or the left side of a bar."""

    def __init__(self, source: str, response: str, inside_bar: bool = False) -> None:
        self.source = source
        self.response = response
        self.inside_bar = inside_bar
        self.intercept = True
        self.has_dot = False
        self.variables: dict[str, tuple[int, Variable]] = {}  # bit and variable, by text
        self.offsets: list[Variable] = []
        self.bars: list[Bar] = []

    def expand(self, node: Node, additive: bool = False) -> list[int]:
        """The bit masks of a node's terms; `additive` where it is a summand of the whole, so that bars may stand."""
        if (bar := as_bar(node, self.source)) is not None:
            self.add_bars(bar, additive)
            return []
        match node:
            case Parenthesis():
                return self.expand(node.inner, additive)
            case Operation("+", operands):
                return _unique([mask for operand in operands for mask in self.expand(operand, additive)])
            case Operation("-", (operand,)):
                self.subtract([], operand)
                return []
            case Operation("-", (left, right)):
                return self.subtract(self.expand(left, additive), right)
            case Operation(operator, (left, right)) if operator in FORMULA_OPERATORS:
                return self.product(operator, left, right)
            case Constant():
                return self.constant(node)
            case Call("offset"):
                return self.offset(node, additive)
            case Name("."):
                self.dot(node)
                return []
        return [self.variable(node)]

    def product(self, operator: str, left: Node, right: Node) -> list[int]:
        """Terms of a : b, a * b, a / b, a ^ 2 and a %in% b."""
        first = self.expand(left)
        if operator == "^":
            return self.power(first, right)
        if operator != "*" and (isinstance(left, Constant) or isinstance(right, Constant)):
            at = left.at if isinstance(left, Constant) else right.at
            fail(self.source, at, f"a number cannot stand beside {operator!r}; for arithmetic write I(...)")
        second = self.expand(right)
        if operator == "/":
            return _unique(first + [_joined(first) | mask for mask in second])
        if operator == "%in%":
            return _unique([mask | _joined(second) for mask in first])
        crossed = [a | b for a in first for b in second]
        return _unique(first + second + crossed if operator == "*" else crossed)

    def power(self, first: list[int], exponent: Node) -> list[int]:
        """All products of up to `exponent` terms."""
        if not isinstance(exponent, Constant) or not isinstance(n := exponent.value, float) or n < 1 or n != int(n):
            fail(self.source, exponent.at, "the power of a sum of terms is a whole number; for arithmetic write I(x^2)")
        result = first
        for _ in range(int(n) - 1):
            result = _unique([a | b for a in result for b in first])
        return result

    def subtract(self, masks: list[int], node: Node) -> list[int]:
        """Take away the terms of a node; -1 takes away the intercept, -0 puts it back."""
        intercept, self.intercept = self.intercept, False
        removed = self.expand(node)
        mentioned_one, mentioned_zero = self.intercept, _mentions_zero(node)
        self.intercept = True if mentioned_zero else intercept and not mentioned_one
        return [mask for mask in masks if mask not in removed]

    def constant(self, node: Constant) -> list[int]:
        """1 and 0 switch the intercept on and off."""
        if node.value not in (0.0, 1.0) or isinstance(node.value, bool):
            fail(self.source, node.at, f"{node.text} is no term; 1 and 0 stand for the intercept, nothing else does")
        self.intercept = node.value == 1.0
        return []

    def offset(self, node: Call, additive: bool) -> list[int]:
        """A known part of the response's mean."""
        if not additive or self.inside_bar:
            fail(self.source, node.at, "offset() can only be added to the fixed terms")
        if len(node.arguments) != 1:
            fail(self.source, node.at, "offset() takes one expression, as in offset(log(time))")
        self.offsets.append(make_variable(node.arguments[0][1], self.source))
        return []

    def dot(self, node: Name) -> None:
        """Note that `.` stands for columns that are not known yet."""
        if self.inside_bar:
            fail(self.source, node.at, "'.' cannot stand in a random term; name the columns that vary by group")
        self.has_dot = True

    def variable(self, node: Node) -> int:
        """The bit of a variable."""
        text = deparse(node)
        if text == self.response:
            fail(self.source, node.at, f"the response {text!r} also stands on the right side; remove it there")
        if text not in self.variables:
            self.variables[text] = 1 << len(self.variables), make_variable(node, self.source)
        return self.variables[text][0]

    def add_bars(self, bar: tuple[Operation, Structure], additive: bool) -> None:
        """Read a random term, once per grouping factor."""
        node, structure = bar
        if self.inside_bar:
            fail(self.source, node.at, "a bar cannot stand inside another; write one (terms | group) for each group")
        if not additive:
            fail(self.source, node.at, "a random term can only be added: ... + (terms | group)")
        left, right = node.operands
        inner = Sum(self.source, self.response, inside_bar=True)
        terms = inner.terms(inner.expand(as_levels(left) if structure == "ou" else left, additive=True))
        if not terms.terms and not terms.intercept:
            fail(self.source, node.at, "nothing varies in this random term; write (1 | group) for random intercepts")
        if structure in OF_LEVELS and (terms.intercept or [len(term) for term in terms.terms] != [1]):
            one = f"{structure}(0 + times | group)"
            fail(self.source, node.at, f"{structure}() takes the levels of one factor, without an intercept: {one}")
        for group, name in group_factors(right, self.source):
            if any(variable.text == self.response for variable in group):
                fail(self.source, right.at, f"the response {self.response!r} cannot be a grouping factor")
            label = f"{deparse(left)} {'||' if structure == 'diag' else '|'} {name}"
            made = Bar(terms, group, name, structure, label)
            if any(made.name == other.name and _same_terms(terms, other.terms) for other in self.bars):
                fail(self.source, node.at, f"the random term ({label}) stands in the formula twice; remove one of them")
            self.bars.append(made)

    def terms(self, masks: Sequence[int]) -> Terms:
        """The finished sum."""
        variables = tuple(variable for _, variable in self.variables.values())
        ordered = sorted(masks, key=int.bit_count)
        terms = tuple(tuple(_bits(mask)) for mask in ordered)
        full = tuple(
            tuple(_needs_full(mask & ~(1 << i), ordered[:t]) for i in terms[t]) for t, mask in enumerate(ordered)
        )
        labels = tuple(":".join(variables[i].text for i in term) for term in terms)
        return Terms(variables, terms, labels, full, self.intercept)


def _needs_full(margin: int, earlier: Sequence[int]) -> bool:
    return margin != 0 and not any(margin & ~term == 0 for term in earlier)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask -= lowest


def _joined(masks: Sequence[int]) -> int:
    return reduce(or_, masks, 0)


def _unique(masks: list[int]) -> list[int]:
    return list(dict.fromkeys(masks))


def _same_terms(one: Terms, other: Terms) -> bool:
    return one.labels == other.labels and one.intercept == other.intercept


def _mentions_zero(node: Node) -> bool:
    match node:
        case Constant(0.0):
            return True
        case Parenthesis():
            return _mentions_zero(node.inner)
        case Operation("+", operands):
            return any(map(_mentions_zero, operands))
    return False
