"""The pieces of an equation as MathML, which browsers typeset by themselves: for pages that load nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from .ink import GREEK

_RELATIONS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "%in%": "∈", "~": "∼", "-": "−"}
# round borders, for parentheses grow only where a font for mathematics is installed
_PARENTHESES = "border:0 solid;border-inline-width:.07em;border-radius:.7em/50%;padding:0 .25em"
_TAGS = re.compile(r"(<(?:mi|mn|mo|mtext)\b[^>]*>[^<]*</(?:mi|mn|mo|mtext)>|<[^>]*>)")
_TOKENS = re.compile(r"(?P<mn>\d+\.?\d*)|(?P<mi>\w)|(?P<mo>\.\.\.|&\w+;|[^\s\w])")


class Mathml:
    """MathML for the inside of a formula. What is bare text in between becomes elements in `typeset`.

    >>> Mathml().of_row("days")
    '<msub><mtext>days</mtext><mi>n</mi></msub>'
    """

    largest_matrix = 3
    dots = "<mo>⋮</mo>"

    def symbol(self, letter: str, index: str = "", group: str = "") -> str:
        """See `Ink`."""
        below = ",".join(filter(None, (index, group)))
        shown = f"<mi>{GREEK.get(letter, letter)}</mi>"
        return f"<msub>{shown}<mrow>{below}</mrow></msub>" if below else shown

    def name(self, text: str) -> str:
        """See `Ink`."""
        return f"<mi>{text}</mi>" if len(text) == 1 and text.isalpha() else self.level(text)

    def level(self, text: str) -> str:
        """See `Ink`."""
        return f"<mtext>{escape(text)}</mtext>"

    def of_row(self, name: str) -> str:
        """See `Ink`."""
        return f"<msub>{self.name(name)}<mi>n</mi></msub>"

    def group_of_row(self, group: str) -> str:
        """See `Ink`."""
        return f"{self.name(group)}[<mi>n</mi>]"

    def number(self, value: float) -> str:
        """See `Ink`."""
        mantissa, _, exponent = f"{value:.4g}".partition("e")
        power = f"<mo>×</mo><msup><mn>10</mn><mrow>{int(exponent)}</mrow></msup>" if exponent else ""
        return mantissa + power

    def distribution(self, name: str, arguments: Sequence[str]) -> str:
        """See `Ink`."""
        return f"<mtext>{name}</mtext><mo>&#8289;</mo><mrow>({', '.join(arguments)})</mrow>"

    def function(self, name: str, arguments: Sequence[str], index: str = "") -> str:
        """See `Ink`."""
        if name == "sqrt" and len(arguments) == 1:
            return f"<msqrt>{arguments[0]}</msqrt>"
        shown = f"<mtext>{escape(name)}</mtext>"
        shown = f"<msub>{shown}<mrow>{index}</mrow></msub>" if index else shown
        return f"{shown}<mo>&#8289;</mo><mrow>({', '.join(arguments)})</mrow>"

    def relation(self, left: str, relation: str, right: str) -> str:
        """See `Ink`."""
        return f"{left}<mo>{escape(_RELATIONS.get(relation, relation))}</mo>{right}"

    def indicator(self, condition: str) -> str:
        """See `Ink`."""
        return f"<mrow>[{condition}]</mrow>"

    def product(self, factors: Sequence[str]) -> str:
        """See `Ink`."""
        return "<mo>⋅</mo>".join(factors)

    def applied(self, coefficient: str, predictor: str) -> str:
        """See `Ink`."""
        return f'{coefficient}<mspace width="0.17em"></mspace>{predictor}'

    def power(self, base: str, exponent: str) -> str:
        """See `Ink`."""
        return f"<msup><mrow>{base}</mrow><mrow>{exponent}</mrow></msup>"

    def vector(self, entries: Sequence[str]) -> str:
        """See `Ink`."""
        return self.matrix([[entry] for entry in entries])

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        """See `Ink`."""
        body = "".join(f"<mtr>{''.join(f'<mtd>{entry}</mtd>' for entry in row)}</mtr>" for row in rows)
        return f'<mtable style="{_PARENTHESES}">{body}</mtable>'

    def aside(self, symbol: str, count: int) -> str:
        """See `Ink`."""
        return self.where(f"{symbol} = 1, ..., {count}")

    def where(self, condition: str) -> str:
        """See `Ink`."""
        return f',<mspace width="1em"></mspace>{condition}'

    def over_root(self, top: str, bottom: str) -> str:
        """See `Ink`."""
        return f"{top} / <msqrt>{bottom}</msqrt>"

    def words(self, text: str, before: str = " ") -> str:
        """See `Ink`."""
        gap = '<mspace width=".35em"></mspace>'
        return f"{gap if before else ''}{self.level(text)}{gap}"


def typeset(rows: Iterable[tuple[str, str, str]]) -> str:
    """Rows of left side, relation and right side as one aligned `<math>` block."""
    sides = ("right", "center", "left")
    looks = [f"text-align:{side};text-align:-webkit-{side};padding:.2em .15em" for side in sides]
    body = ""
    for row in rows:
        cells = (f'<mtd style="{look}">{_elements(cell)}</mtd>' for look, cell in zip(looks, row, strict=True))
        body += f"<mtr>{''.join(cells)}</mtr>"
    columns = " ".join(sides)
    return f'<math display="block"><mtable displaystyle="true" columnalign="{columns}">{body}</mtable></math>'


def _elements(mixed: str) -> str:
    """Bare text between elements as elements: numbers, letters, operators.

    >>> _elements("<mi>x</mi> + 2")
    '<mi>x</mi><mo>+</mo><mn>2</mn>'
    """
    pieces = _TAGS.split(mixed)
    return "".join(
        piece if piece.startswith("<") else "".join(map(_element, _TOKENS.finditer(piece))) for piece in pieces
    )


def _element(token: re.Match[str]) -> str:
    kind, text = token.lastgroup, token[0]
    if text == "...":
        text = "…"
    elif kind == "mo":
        text = _RELATIONS.get(text, text)
    signed = text == "−" and token.string[token.end() : token.end() + 1].isdigit()
    look = ' form="prefix"' if signed else ' stretchy="false"' if text in "()[]" else ""
    return f"<{kind}{look}>{text}</{kind}>"
