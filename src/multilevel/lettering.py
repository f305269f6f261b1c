"""Words fitted into a width: display width, abbreviations, long formulas on several lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple
from unicodedata import combining, east_asian_width

_VOWELS = frozenset("aeiou")


def display_width(text: str) -> int:
    """Columns a text takes in a terminal: East Asian wide letters take two, combining marks none.

    >>> display_width("Größe"), display_width("日本")
    (5, 4)
    """
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def justify(text: str, width: int, align: str) -> str:
    """Text padded with blanks to a display width, set to the `"left"` or to the `"right"`."""
    blanks = " " * (width - display_width(text))
    return text + blanks if align == "left" else blanks + text


def abbreviate(names: Sequence[str], length: int) -> list[str]:
    """Short names, still different from each other, as R's `abbreviate(names, minlength)`.

    Lower-case vowels go first, then other lower-case letters, then anything, always from the right; the first
    letter of a word stays. Names that would come out equal are given one letter more until they differ.

    >>> abbreviate(["(Intercept)", "days", "I(days^2)"], 6)
    ['(Intr)', 'days', 'I(d^2)']
    """
    short = {name: _abbreviated(name, length) for name in names}
    for longer in range(length + 1, max(map(len, names), default=0) + 1):
        taken: dict[str, int] = {}
        for text in short.values():
            taken[text] = taken.get(text, 0) + 1
        clashing = [name for name, text in short.items() if taken[text] > 1]
        if not clashing:
            break
        short.update((name, _abbreviated(name, longer)) for name in clashing)
    return [short[name] for name in names]


def _abbreviated(name: str, length: int) -> str:
    letters = list(name.strip())
    droppable: tuple[Callable[[str], bool], ...] = (lambda c: c in _VOWELS, str.islower, lambda c: c != " ")
    for may_go in droppable:
        for i in range(len(letters) - 1, 0, -1):
            if sum(c != " " for c in letters) <= length:
                break
            if may_go(letters[i]) and letters[i - 1] != " ":
                del letters[i]
    text = "".join(letters)
    return text if len(text) <= length else text.replace(" ", "")


class _Open(NamedTuple):
    """An operator after which the line was broken: its operand is indented until it ends."""

    depth: int
    precedence: int


_PRECEDENCE = {"~": 1, "|": 2, "||": 2, "+": 3, "-": 3, "*": 4, "/": 4, "%in%": 5, ",": 0}
_TOKENS = re.compile(r"""`[^`]*`|"[^"]*"|'[^']*'|[()\[\]]|,\s|\s(?:~|\|\|?|[-+*/]|%in%)\s|.""", re.DOTALL)


def formula_lines(text: str, cutoff: int = 60) -> list[str]:
    """A formula on as many lines as it needs, broken after operators as R's `deparse` does.

    A line ends after the first operator or comma beyond `cutoff` characters. What follows is indented by four
    blanks for each broken operator whose right-hand side it belongs to.

    >>> formula_lines("y ~ a + b + (1 | g)", 12)
    ['y ~ a + b + (1 |', '    g)']
    """
    lines: list[str] = []
    line, depth = "", 0
    stack: list[_Open] = []
    for token in _TOKENS.findall(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token, 0)
        precedence = _PRECEDENCE.get(token.strip()) if token.endswith(" ") and token != " " else None
        while stack and (depth < stack[-1].depth or _ends(stack[-1], depth, precedence)):
            stack.pop()
        line += token
        if precedence is not None and len(line) > cutoff:
            lines.append(line.rstrip())
            stack.append(_Open(depth, precedence))
            line = "    " * len(stack)
    return [*lines, line] if line.strip() else lines


def _ends(broken: _Open, depth: int, precedence: int | None) -> bool:
    """Whether an operator closes the right-hand side of one that was broken before it."""
    return precedence is not None and depth == broken.depth and precedence <= broken.precedence
