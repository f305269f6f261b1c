"""The pieces of an equation in MathML, which browsers typeset themselves: for pages that load nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from .ink import GREEK

_RELATIONS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "%in%": "∈"}
_LOOSE = re.compile(r"\d[\d.]*|\S")
_LEAF = re.compile(r"(<(mi|mn|mo|mtext)\b[^>]*>[^<]*</\2>|<[^>]+>)")


class MathML:
    """Elements of MathML Core; signs and parentheses that stand between them become operators in `tidy`.

    >>> MathML().symbol("beta", "1")
    '<msub><mi>β</mi><mrow><mn>1</mn></mrow></msub>'
    """

    largest_matrix = 3

    def symbol(self, letter: str, index: str = "", group: str = "") -> str:
        """See `Ink`."""
        below = "<mo>,</mo>".join(filter(None, (_index(index), group if group != "n" else _mi("n"))))
        main = _mi(GREEK.get(letter, letter), upright=letter[0].isupper())
        return f"<msub>{main}<mrow>{below}</mrow></msub>" if below else main

    def name(self, text: str) -> str:
        """See `Ink`."""
        return _mi(text) if len(text) == 1 and text.isalpha() else self.level(text)

    def level(self, text: str) -> str:
        """See `Ink`."""
        return f"<mtext>{escape(text)}</mtext>"

    def of_row(self, name: str) -> str:
        """See `Ink`."""
        return f"<msub>{self.name(name)}{_mi('n')}</msub>"

    def group_of_row(self, group: str) -> str:
        """See `Ink`."""
        return f"{self.name(group)}<mo>[</mo>{_mi('n')}<mo>]</mo>"

    def number(self, value: float) -> str:
        """See `Ink`."""
        mantissa, _, exponent = f"{value:.4g}".partition("e")
        sign = "-" if mantissa.startswith("-") else ""
        set_number = f"{sign}<mn>{mantissa.removeprefix('-')}</mn>"
        if not exponent:
            return set_number
        return f"{set_number}<mo>×</mo><msup><mn>10</mn><mn>{int(exponent)}</mn></msup>"

    def distribution(self, name: str, arguments: Sequence[str]) -> str:
        """See `Ink`."""
        set_name = "<mi>𝒩</mi>" if name == "N" else self.level(name)
        return f"{set_name}{_enclosed(arguments)}"

    def function(self, name: str, arguments: Sequence[str], index: str = "") -> str:
        """See `Ink`."""
        if name == "sqrt" and len(arguments) == 1:
            return f"<msqrt>{arguments[0]}</msqrt>"
        set_name = self.level(name)
        below = f"<msub>{set_name}<mrow>{_index(index)}</mrow></msub>" if index else set_name
        return f"{below}{_enclosed(arguments)}"

    def relation(self, left: str, relation: str, right: str) -> str:
        """See `Ink`."""
        return f"{left}<mo>{escape(_RELATIONS.get(relation, relation))}</mo>{right}"

    def indicator(self, condition: str) -> str:
        """See `Ink`."""
        return f"<mo>[</mo>{condition}<mo>]</mo>"

    def product(self, factors: Sequence[str]) -> str:
        """See `Ink`."""
        return "<mo>·</mo>".join(factors)

    def applied(self, coefficient: str, predictor: str) -> str:
        """See `Ink`."""
        return f'{coefficient}<mspace width="0.2em"/>{predictor}'

    def power(self, base: str, exponent: str) -> str:
        """See `Ink`."""
        return f"<msup><mrow>{base}</mrow><mrow>{exponent}</mrow></msup>"

    def vector(self, entries: Sequence[str]) -> str:
        """See `Ink`."""
        return self.matrix([[entry] for entry in entries])

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        """See `Ink`."""
        body = "".join(f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in row)}</mtr>" for row in rows)
        return f"<mrow><mo>(</mo><mtable>{body}</mtable><mo>)</mo></mrow>"

    def aside(self, symbol: str, count: int) -> str:
        """See `Ink`."""
        return (
            f'<mo>,</mo><mspace width="1em"/>{symbol}<mo>=</mo><mn>1</mn><mo>,</mo><mo>…</mo><mo>,</mo><mn>{count}</mn>'
        )

    def over_root(self, top: str, bottom: str) -> str:
        """See `Ink`."""
        return f"{top}<mo>/</mo><msqrt>{bottom}</msqrt>"


def table(rows: Sequence[tuple[str, str, str]]) -> str:
    """Equations below each other, aligned at their relations: left side, relation, right side."""
    sides = ('style="text-align: right"', "", 'style="text-align: left"')
    body = "".join(
        f"<mtr>{''.join(f'<mtd {side}>{tidy(cell)}</mtd>' for cell, side in zip(row, sides, strict=True))}</mtr>"
        for row in rows
    )
    return f'<math display="block"><mtable>{body}</mtable></math>'


def tidy(text: str) -> str:
    """What stands between elements, `+` or `(` or a number, as elements of its own.

    >>> tidy("-<mn>1</mn> + <mi>x</mi>")
    '<mo>-</mo><mn>1</mn><mo>+</mo><mi>x</mi>'
    """
    made, at = [], 0
    for element in _LEAF.finditer(text):
        made += [text[at : element.start()], element.group()]
        at = element.end()
    made.append(text[at:])
    return "".join(part if i % 2 else "".join(map(_loose, _LOOSE.findall(part))) for i, part in enumerate(made))


def _loose(token: str) -> str:
    return f"<mn>{token}</mn>" if token[0].isdigit() else f"<mo>{escape(token)}</mo>"


def _mi(letter: str, *, upright: bool = False) -> str:
    return f'<mi mathvariant="normal">{letter}</mi>' if upright else f"<mi>{letter}</mi>"


def _index(index: str) -> str:
    """Numbers below a symbol, or a symbol that is ready."""
    if not index or index.startswith("<"):
        return index
    return "<mo>,</mo>".join(f"<mn>{part}</mn>" for part in index.split(","))


def _enclosed(arguments: Sequence[str]) -> str:
    return f"<mrow><mo>(</mo>{'<mo>,</mo>'.join(arguments)}<mo>)</mo></mrow>"
