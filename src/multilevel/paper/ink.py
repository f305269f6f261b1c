"""The pieces of an equation in two hands: LaTeX, which MathJax, KaTeX and TeX all read, and plain text.

Whoever composes an equation asks an `Ink` for symbols, names and numbers, and never sees which hand it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "zeta": "ζ", "eta": "η", "kappa": "κ", "lambda": "λ",
    "nu": "ν", "xi": "ξ", "tau": "τ", "phi": "φ", "psi": "ψ", "omega": "ω", "mu": "μ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "Sigma": "Σ",
}  # fmt: skip
SUBSCRIPTS = str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉₋")
_POWERS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
# \text{} of MathJax knows no escapes, so these stand outside of it
_OUTSIDE = {
    "_": r"\_", "%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$", "{": r"\{", "}": r"\}", "\\": r"\backslash ",
    "^": r"{\wedge}", "~": r"{\sim}", "<": r"{} < {}", ">": r"{} > {}",
}  # fmt: skip
_RUNS = re.compile(r"[_%#&${}\\^~<>]|[^_%#&${}\\^~<>]+")
_RELATIONS = {"=": "=", "==": "=", "!=": r"\neq", "<": "<", ">": ">", "<=": r"\le", ">=": r"\ge", "%in%": r"\in"}


class Ink(Protocol):
    """One hand: LaTeX or plain text. A covariance of more effects than `largest_matrix` is not written out."""

    largest_matrix: int
    dots: str  # between the first and the last entry of a vector

    def symbol(self, letter: str, index: str = "", group: str = "") -> str:
        """A Greek letter with its index and with the group it belongs to, both ready."""

    def name(self, text: str) -> str:
        """A name as the user wrote it: a column, a level, a function."""

    def level(self, text: str) -> str:
        """The level of a factor, always upright."""

    def of_row(self, name: str) -> str:
        """The n-th value of a column: days_n."""

    def group_of_row(self, group: str) -> str:
        """The group of row n: subject[n]."""

    def number(self, value: float) -> str:
        """Four significant digits."""

    def distribution(self, name: str, arguments: Sequence[str]) -> str:
        """A distribution with its parameters; `"N"` is the normal one."""

    def function(self, name: str, arguments: Sequence[str], index: str = "") -> str:
        """A function of something; log, exp and sqrt are set as such."""

    def relation(self, left: str, relation: str, right: str) -> str:
        """A comparison in R's operators, as it is set in print."""

    def indicator(self, condition: str) -> str:
        """One where the condition holds, else zero: Iverson's bracket."""

    def product(self, factors: Sequence[str]) -> str:
        """Factors with a dot between them."""

    def applied(self, coefficient: str, predictor: str) -> str:
        """A coefficient times what it multiplies."""

    def power(self, base: str, exponent: str) -> str:
        """base^exponent."""

    def vector(self, entries: Sequence[str]) -> str:
        """A column vector."""

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        """A matrix."""

    def aside(self, symbol: str, count: int) -> str:
        """What stands behind a line: `symbol = 1, ..., count`."""

    def where(self, condition: str) -> str:
        """A condition behind a line."""

    def over_root(self, top: str, bottom: str) -> str:
        """top / sqrt(bottom)."""

    def words(self, text: str, before: str = " ") -> str:
        """Words between symbols, a space behind them and, by default, before them."""


class Latex:
    """LaTeX for the inside of a formula.

    >>> Latex().symbol("beta", "1", Latex().group_of_row("subject_id"))
    '\\\\beta_{1,\\\\text{subject}\\\\_\\\\text{id}[n]}'
    """

    largest_matrix = 3
    dots = r"\vdots"

    def symbol(self, letter: str, index: str = "", group: str = "") -> str:
        """See `Ink`."""
        below = ",".join(filter(None, (index, group)))
        letter = f"\\{letter}" if letter in GREEK else letter
        return f"{letter}_{{{below}}}" if below else letter

    def name(self, text: str) -> str:
        """See `Ink`."""
        if len(text) == 1 and text.isascii() and text.isalpha():
            return text
        return self.level(text)

    def level(self, text: str) -> str:
        """See `Ink`."""
        return "".join(_OUTSIDE.get(run) or rf"\text{{{run}}}" for run in _RUNS.findall(text))

    def of_row(self, name: str) -> str:
        """See `Ink`."""
        text = self.name(name)
        return f"{text}_n" if len(_RUNS.findall(name)) == 1 else f"{{{text}}}_n"

    def group_of_row(self, group: str) -> str:
        """See `Ink`."""
        return f"{self.name(group)}[n]"

    def number(self, value: float) -> str:
        """See `Ink`."""
        mantissa, _, exponent = f"{value:.4g}".partition("e")
        return rf"{mantissa} \times 10^{{{int(exponent)}}}" if exponent else mantissa

    def distribution(self, name: str, arguments: Sequence[str]) -> str:
        """See `Ink`."""
        set_name = r"\mathcal{N}" if name == "N" else rf"\text{{{name}}}"
        return rf"{set_name}\left({', '.join(arguments)}\right)"

    def function(self, name: str, arguments: Sequence[str], index: str = "") -> str:
        """See `Ink`."""
        if name == "sqrt" and len(arguments) == 1:
            return rf"\sqrt{{{arguments[0]}}}"
        set_name = rf"\{name}" if name in ("log", "exp") else self.name(name)
        below = f"_{{{index}}}" if index else ""
        return rf"{set_name}{below}({', '.join(arguments)})"

    def relation(self, left: str, relation: str, right: str) -> str:
        """See `Ink`."""
        return f"{left} {_RELATIONS.get(relation) or self.name(relation)} {right}"

    def indicator(self, condition: str) -> str:
        """See `Ink`."""
        return f"[{condition}]"

    def product(self, factors: Sequence[str]) -> str:
        """See `Ink`."""
        return r" \cdot ".join(factors)

    def applied(self, coefficient: str, predictor: str) -> str:
        """See `Ink`."""
        return rf"{coefficient}\, {predictor}"

    def power(self, base: str, exponent: str) -> str:
        """See `Ink`."""
        return f"{{{base}}}^{{{exponent}}}" if "^" in base else f"{base}^{{{exponent}}}"

    def vector(self, entries: Sequence[str]) -> str:
        """See `Ink`."""
        return self.matrix([[entry] for entry in entries])

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        """See `Ink`."""
        body = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"

    def aside(self, symbol: str, count: int) -> str:
        """See `Ink`."""
        return self.where(rf"{symbol} = 1, \dots, {count}")

    def where(self, condition: str) -> str:
        """See `Ink`."""
        return rf",\quad {condition}"

    def over_root(self, top: str, bottom: str) -> str:
        """See `Ink`."""
        return rf"{top} / \sqrt{{{bottom}}}"

    def words(self, text: str, before: str = " ") -> str:
        """See `Ink`."""
        return rf"\text{{{before}{text} }}"


class Plain:
    """Text for a terminal.

    >>> Plain().symbol("beta", "1", Plain().group_of_row("subject"))
    'β₁[subject[n]]'
    """

    largest_matrix = 2
    dots = "..."

    def symbol(self, letter: str, index: str = "", group: str = "") -> str:
        """See `Ink`."""
        below = index.translate(SUBSCRIPTS) if index.replace(",", "").isdigit() else f"_{index}" if index else ""
        return f"{GREEK.get(letter, letter)}{below}" + (f"[{group}]" if group else "")

    def name(self, text: str) -> str:
        """See `Ink`."""
        return text

    def level(self, text: str) -> str:
        """See `Ink`."""
        return text

    def of_row(self, name: str) -> str:
        """See `Ink`."""
        return f"{name}[n]"

    def group_of_row(self, group: str) -> str:
        """See `Ink`."""
        return f"{group}[n]"

    def number(self, value: float) -> str:
        """See `Ink`."""
        mantissa, _, exponent = f"{value:.4g}".partition("e")
        return f"{mantissa}×10{str(int(exponent)).translate(_POWERS)}" if exponent else mantissa

    def distribution(self, name: str, arguments: Sequence[str]) -> str:
        """See `Ink`."""
        return f"{name}({', '.join(arguments)})"

    def function(self, name: str, arguments: Sequence[str], index: str = "") -> str:
        """See `Ink`."""
        return f"{name}{index.translate(SUBSCRIPTS)}({', '.join(arguments)})"

    def relation(self, left: str, relation: str, right: str) -> str:
        """See `Ink`."""
        return f"{left} {'=' if relation == '==' else relation} {right}"

    def indicator(self, condition: str) -> str:
        """See `Ink`."""
        return f"[{condition}]"

    def product(self, factors: Sequence[str]) -> str:
        """See `Ink`."""
        return " · ".join(factors)

    def applied(self, coefficient: str, predictor: str) -> str:
        """See `Ink`."""
        return f"{coefficient} {predictor}"

    def power(self, base: str, exponent: str) -> str:
        """See `Ink`."""
        return f"{base}{exponent.translate(_POWERS)}" if exponent.isdigit() else f"{base}^{exponent}"

    def vector(self, entries: Sequence[str]) -> str:
        """See `Ink`."""
        return f"({', '.join(entries)})"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        """See `Ink`."""
        return f"({'; '.join(', '.join(row) for row in rows)})"

    def aside(self, symbol: str, count: int) -> str:
        """See `Ink`."""
        return self.where(f"{symbol} = 1, ..., {count}")

    def where(self, condition: str) -> str:
        """See `Ink`."""
        return f",  {condition}"

    def over_root(self, top: str, bottom: str) -> str:
        """See `Ink`."""
        return f"{top}/√{bottom}"

    def words(self, text: str, before: str = " ") -> str:
        """See `Ink`."""
        return f"{before}{text} "
