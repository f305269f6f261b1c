"""Linear equations of coefficients as text: "b1 - b2 = 0", "2*b1 = b2 + 1", "(a + b)/2 = c".

    equation   := sum ('=' sum)*        without '=': = 0
    sum        := product (('+' | '-') product)*
    product    := factor (('*' | '/') factor)*
    factor     := number | name | '(' sum ')' | ('+' | '-') factor

Names contain brackets, colons, parentheses and blanks, so the longest name that fits is read first; blanks in it do not
count. What a name means is known from the list of names, never evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, NoReturn

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError, nearest

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(?![\w.:\[])")
_WORD = re.compile(r"`[^`]*`|(?:[^\s+\-*/=()\[\]]|\[[^\]]*\]?|(?<=\w)\([^()]*\))+")
_GOES_ON = r"(?![\w.:\[(])"  # after a name that ends in a letter, this would be another name


class Equation(NamedTuple):
    """Weights (p,) of the coefficients, and what their sum should be."""

    weights: Floats
    rhs: float


class Linear(NamedTuple):
    """A sum of coefficients and a constant."""

    weights: Floats
    constant: float


class Token(NamedTuple):
    """A number, the position of a name, or an operator."""

    kind: str
    value: float
    at: int


def read_equations(text: str, names: Sequence[str]) -> list[Equation]:
    """The equations of a text, one for each '=': "a = b = 0" has two.

    Raises
    ------
    InferenceError : a name is unknown, the text cannot be read, or is not linear in the coefficients.

    >>> read_equations("2*b1 = b2 + 1", ["b1", "b2"])
    [Equation(weights=array([ 2., -1.]), rhs=1.0)]
    """
    reader = _Reader(text, tuple(names))
    sides = [reader.sum()]
    while reader.take("="):
        sides.append(reader.sum())
    if reader.next.kind != "end":
        reader.fail(f"found {text[reader.next.at :].strip()[:20]!r} where the equation should end")
    if len(sides) == 1:
        sides.append(Linear(np.zeros(len(names)), 0.0))
    return [Equation(a.weights - b.weights, b.constant - a.constant) for a, b in pairwise(sides)]


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self.text, self.names = text, names
        self.tokens = _tokens(text, names)
        self.place = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def take(self, *kinds: str) -> Token | None:
        """The next token if it is of one of these kinds."""
        if self.next.kind not in kinds:
            return None
        self.place += 1
        return self.tokens[self.place - 1]

    def fail(self, what: str) -> NoReturn:
        raise InferenceError(f"{self.text.strip()!r}: {what}")

    def sum(self) -> Linear:
        total = self.product()
        while (sign := self.take("+", "-")) is not None:
            other, s = self.product(), 1.0 if sign.kind == "+" else -1.0
            total = Linear(total.weights + s * other.weights, total.constant + s * other.constant)
        return total

    def product(self) -> Linear:
        total = self.factor()
        while (operator := self.take("*", "/")) is not None:
            other = self.factor()
            if operator.kind == "/":
                if other.weights.any():
                    self.fail("divides by a coefficient; only linear equations can be tested")
                if other.constant == 0.0:
                    self.fail("divides by zero")
                total = Linear(total.weights / other.constant, total.constant / other.constant)
            elif total.weights.any() and other.weights.any():
                self.fail("multiplies coefficients; only linear equations can be tested")
            else:
                weights = total.weights * other.constant + other.weights * total.constant
                total = Linear(weights, total.constant * other.constant)
        return total

    def factor(self) -> Linear:
        zero = np.zeros(len(self.names))
        if (number := self.take("number")) is not None:
            return Linear(zero, number.value)
        if (name := self.take("name")) is not None:
            zero[int(name.value)] = 1.0
            return Linear(zero, 0.0)
        if (sign := self.take("+", "-")) is not None:
            inner = self.factor()
            return inner if sign.kind == "+" else Linear(-inner.weights, -inner.constant)
        if self.take("("):
            inside = self.sum()
            if not self.take(")"):
                self.fail("a parenthesis is not closed")
            return inside
        found = "the end" if self.next.kind == "end" else repr(self.next.kind)
        self.fail(f"a coefficient or a number was expected; found {found}")


def _tokens(text: str, names: tuple[str, ...]) -> list[Token]:
    patterns, at, tokens = _patterns(names), 0, []
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = next(((i, m) for i, p in patterns if (m := p.match(text, at))), None)
        if found is not None:
            tokens.append(Token("name", found[0], at))
            at = found[1].end()
        elif (number := _NUMBER.match(text, at)) is not None:
            tokens.append(Token("number", float(number[0]), at))
            at = number.end()
        elif text[at] in "+-*/=()":
            tokens.append(Token(text[at], 0.0, at))
            at += 1
        else:
            word = _WORD.match(text, at)
            _fail_name((word[0] if word else text[at]).strip("`"), names)
    return [*tokens, Token("end", 0.0, at)]


@lru_cache(maxsize=32)
def _patterns(names: tuple[str, ...]) -> list[tuple[int, re.Pattern[str]]]:
    """Patterns of the names, the longest first."""
    made = []
    for i in sorted(range(len(names)), key=lambda i: -len(names[i])):
        letters = [re.escape(letter) for letter in names[i] if not letter.isspace()]
        plain = r"\s*".join(letters)
        end = _GOES_ON if names[i][-1].isalnum() or names[i][-1] in "_." else r"(?![\w:\[])"
        made.append((i, re.compile(f"`{plain}`|{plain}{end}")))
    return made


def _fail_name(word: str, names: tuple[str, ...]) -> NoReturn:
    shown = ", ".join(map(repr, names[:12])) + (", ..." if len(names) > 12 else "")
    raise InferenceError(f"no coefficient is called {word!r}{nearest(word, names)} (known: {shown})")
