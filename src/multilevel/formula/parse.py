"""Text of a formula -> tree, with R's grammar; tree -> R's spelling of it.

    formula     text ──scan──► tokens ──Parser──► Node ──deparse──► canonical text

A precedence parser (Pratt 1973): every operator has a binding power, `BINDING`, in the order of R's `?Syntax`. Bars are
operators like any other here; what they mean is decided in `terms`. Nothing is evaluated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, NoReturn, TypeAlias

from multilevel.errors import FormulaError


class Constant(NamedTuple):
    """A number, a quoted text, TRUE, FALSE or NULL; `at` is the position in the formula's text, here as below."""

    value: float | str | bool | None
    text: str
    at: int


class Name(NamedTuple):
    """A column, or the `.` that stands for all columns."""

    name: str
    at: int


class Call(NamedTuple):
    """A function applied to arguments, each with its keyword or None."""

    function: str
    arguments: tuple[tuple[str | None, Node], ...]
    at: int


class Operation(NamedTuple):
    """An operator with its one or two operands; a sum may have more."""

    operator: str
    operands: tuple[Node, ...]
    at: int


class Parenthesis(NamedTuple):
    """What stands in parentheses; kept, because R's spelling keeps them."""

    inner: Node
    at: int


Node: TypeAlias = Constant | Name | Call | Operation | Parenthesis

WORDS: dict[str, tuple[float | bool | None, str]] = {
    "TRUE": (True, "TRUE"), "True": (True, "TRUE"), "FALSE": (False, "FALSE"), "False": (False, "FALSE"),
    "NULL": (None, "NULL"), "None": (None, "NULL"), "pi": (math.pi, "pi"), "Inf": (math.inf, "Inf"),
}  # fmt: skip

BINDING = {
    "~": 1, "|": 2, "||": 2, "&": 3, "&&": 3, "==": 5, "!=": 5, "<": 5, ">": 5, "<=": 5, ">=": 5,
    "+": 6, "-": 6, "*": 7, "/": 7, "%in%": 8, "%%": 8, "%/%": 8, ":": 9, "^": 11,
}  # fmt: skip
PREFIX = {"~": 1, "!": 4, "-": 10, "+": 10}
COMPARISONS = {"==", "!=", "<", ">", "<=", ">="}
UNSPACED = {"/", "^", ":", "%%", "%/%"}

TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?L?)
      | (?P<name>(?:[^\W\d][\w.]*::)?(?:[^\W\d]|\.(?!\d))[\w.]*)
      | (?P<quoted>`[^`]+`)
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>%[^%\s]*%|\*\*|==|!=|<=|>=|\|\||&&|[-+*/^:~|&!<>()=,])""",
    re.VERBOSE,
)
SYNTACTIC = re.compile(r"(?:[^\W\d]|\.(?!\d))[\w.]*\Z")
ELSEWHERE = {
    "$": "name the column alone and pass the data to the fitting function",
    "[": "write levels and knots with c(...), and choose rows before fitting",
    "@": "name the column alone",
    "{": "a formula has no braces",
    ";": "a formula is one expression",
    "`": "the backquote is never closed",
    '"': "the quotation mark is never closed",
    "'": "the quotation mark is never closed",
}


class Token(NamedTuple):
    """One word of the formula: kind is number, name, quoted, text, operator or end."""

    kind: str
    text: str
    at: int


def fail(source: str, at: int, message: str) -> NoReturn:
    """Raise the FormulaError with a caret under position `at` of the formula."""
    start, stop = source.rfind("\n", 0, at) + 1, source.find("\n", at)
    line = source[start : stop if stop >= 0 else None]
    raise FormulaError(f"{message}\n    {line}\n    {' ' * (at - start)}^")


def parse(source: str) -> Node:
    """The tree of a formula's text; FormulaError with a caret where the text cannot be read."""
    if not isinstance(source, str):
        raise FormulaError(f"a formula is a text such as 'y ~ x + (1 | g)'; found {type(source).__name__}")
    if not source.strip():
        raise FormulaError("the formula is empty; expected something like 'y ~ x + (1 | g)'")
    return Parser(source).formula()


def scan(source: str) -> Iterator[Token]:
    """The words of the formula, then an end mark."""
    at = 0
    while at < len(source):
        match = TOKEN.match(source, at)
        if match is None:
            advice = ELSEWHERE.get(source[at], "it has no meaning in a formula")
            fail(source, at, f"unexpected {source[at]!r}: {advice}")
        if match.lastgroup != "space":
            yield Token(str(match.lastgroup), match.group(), at)
        at = match.end()
    yield Token("end", "", len(source.rstrip()))


class Parser:
    """Reads the words of one formula from left to right."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = list(scan(source))
        self.position = 0

    def formula(self) -> Node:
        """The whole text, which has to end where the expression ends."""
        node = self.expression(0)
        token = self.tokens[self.position]
        if token.kind == "end":
            return node
        if token.text == ")":
            fail(self.source, token.at, "this ')' closes nothing; remove it or add a '('")
        if token.text == "=":
            fail(self.source, token.at, "'=' is not part of a formula; write '~' between response and predictors")
        if token.text == ",":
            fail(self.source, token.at, "a ',' belongs inside a function call; join terms with '+'")
        if token.text == "(":
            fail(self.source, token.at, "an operator such as '+' was expected before '('")
        if token.kind == "operator":
            fail(self.source, token.at, f"the operator {token.text!r} is not part of the formula language")
        fail(
            self.source,
            token.at,
            f"an operator such as '+' was expected before {token.text!r}; names of several words stand in `backquotes`",
        )

    def expression(self, floor: int) -> Node:
        """An expression whose operators all bind tighter than `floor`."""
        left = self.prefix()
        while True:
            token = self.tokens[self.position]
            operator = "^" if token.text == "**" and token.kind == "operator" else token.text
            binding = BINDING.get(operator, 0) if token.kind == "operator" else 0
            if binding <= floor:
                return left
            self.position += 1
            right = self.expression(binding - 1 if operator == "^" else binding)
            if operator == "+" and isinstance(left, Operation) and left.operator == "+" and len(left.operands) > 1:
                left = Operation("+", (*left.operands, right), left.at)  # flat, as a sum may have thousands of terms
            else:
                left = Operation(operator, (left, right), token.at)
            follower = self.tokens[self.position]
            if operator in COMPARISONS and follower.text in COMPARISONS:
                fail(self.source, follower.at, "comparisons cannot be chained; write (a < b) & (b < c)")

    def prefix(self) -> Node:
        """A constant, name, call, parenthesis or signed expression."""
        token = self.tokens[self.position]
        self.position += 1
        match token.kind:
            case "number":
                return Constant(float(token.text.rstrip("L")), number_text(token.text), token.at)
            case "text":
                value = re.sub(r"\\(.)", r"\1", token.text[1:-1])
                return Constant(value, quote(value), token.at)
            case "quoted":
                return Name(token.text[1:-1], token.at)
            case "name":
                return self.named(token)
        if token.text == "(":
            inner = self.expression(BINDING["~"])
            self.close(token)
            return Parenthesis(inner, token.at)
        if token.kind == "operator" and token.text in PREFIX:
            return Operation(token.text, (self.expression(PREFIX[token.text]),), token.at)
        self.nothing_there(token)

    def named(self, token: Token) -> Node:
        """A word of the language, a function call or a column."""
        if self.tokens[self.position].text == "(" and self.tokens[self.position].kind == "operator":
            return self.call(token)
        if token.text in WORDS:
            return Constant(*WORDS[token.text], token.at)
        return Name(token.text, token.at)

    def call(self, function: Token) -> Node:
        """A function with its arguments; Q("odd name") is a name."""
        opening = self.tokens[self.position]
        self.position += 1
        arguments: list[tuple[str | None, Node]] = []
        while self.tokens[self.position].text != ")" or arguments:
            arguments.append(self.argument())
            if self.tokens[self.position].text != ",":
                break
            self.position += 1
        self.close(opening)
        if function.text == "Q":
            match arguments:
                case [(None, Constant(str(name)))]:
                    return Name(name, function.at)
            fail(self.source, function.at, 'Q takes one quoted column name, as in Q("odd name")')
        return Call(function.text, tuple(arguments), function.at)

    def argument(self) -> tuple[str | None, Node]:
        """One argument of a call, with its keyword if it has one."""
        word = self.tokens[self.position]
        if word.kind == "name" and self.tokens[self.position + 1].text == "=":
            self.position += 2
            return word.text, self.expression(BINDING["~"])
        return None, self.expression(BINDING["~"])

    def close(self, opening: Token) -> None:
        """Step over the parenthesis that closes `opening`."""
        token = self.tokens[self.position]
        if token.text == ")" and token.kind == "operator":
            self.position += 1
        elif token.kind == "end":
            fail(self.source, opening.at, "this '(' is never closed; add a ')'")
        elif token.text == "~":
            fail(self.source, token.at, "'~' cannot stand inside parentheses; it belongs once, after the response")
        else:
            several = "; names of several words stand in `backquotes`" if token.kind == "name" else ""
            fail(self.source, token.at, f"')' or an operator was expected before {token.text!r}{several}")

    def nothing_there(self, token: Token) -> NoReturn:
        """Say what is missing before `token`."""
        before = self.tokens[self.position - 2].text if self.position > 1 else ""
        wanted = "a grouping factor" if before in ("|", "||") else "a column or a term"
        if token.kind == "end":
            fail(self.source, token.at, f"the formula ends after {before!r}; {wanted} was expected")
        if before == "(" and token.text == ")":
            fail(self.source, token.at, "these parentheses are empty; put a term between them")
        after = f" after {before!r}" if before else ""
        fail(self.source, token.at, f"{wanted} was expected{after}; found {token.text!r}")


@lru_cache(maxsize=4096)
def deparse(node: Node) -> str:
    """R's spelling of an expression: the text that names variables, terms and coefficients."""
    match node:
        case Constant():
            return node.text
        case Name():
            return name_text(node.name)
        case Parenthesis():
            return f"({deparse(node.inner)})"
        case Call():
            inner = ", ".join(deparse(a) if k is None else f"{k} = {deparse(a)}" for k, a in node.arguments)
            return f"{node.function}({inner})"
        case Operation(operator, (operand,)):
            return f"~ {deparse(operand)}" if operator == "~" else operator + deparse(operand)
        case Operation(operator, operands):
            space = "" if operator in UNSPACED else " "
            return f"{space}{operator}{space}".join(map(deparse, operands))


def name_text(name: str) -> str:
    """A column's name as a formula writes it: in backquotes when it is no plain identifier."""
    return name if SYNTACTIC.match(name) and name not in WORDS else f"`{name}`"


def quote(text: str) -> str:
    """A text constant in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def number_text(literal: str) -> str:
    """R's spelling of a number: 15 digits, and 1e+05 where that is shorter than 100000.

    >>> number_text("100000"), number_text("0.50"), number_text("2L")
    ('1e+05', '0.5', '2L')
    """
    if literal.endswith("L"):
        return literal
    value = float(literal)
    mantissa, exponent = f"{value:.14e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    decimals = max(0, len(mantissa.replace(".", "")) - 1 - int(exponent))
    fixed, scientific = f"{value:.{decimals}f}", f"{mantissa}e{exponent}"
    return scientific if len(scientific) < len(fixed) else fixed
