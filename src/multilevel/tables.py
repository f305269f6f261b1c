"""The typesetter: a table of text cells becomes plain text, HTML or LaTeX.

    Table(columns, labels) -> .to_text(width=80)   blocks of columns when it is wider than the page
                           -> .to_html()           <table>, for notebooks and reports
                           -> .to_latex()          tabular with booktabs rules

A table knows cells, not models: numbers become text in `multilevel.digits` before they come here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import Literal

from .digits import significant
from .lettering import display_width, justify

Align = Literal["left", "right"]
Rule = Callable[[Sequence[float]], Sequence[str]]

_NUMBER = re.compile(r"\s*(<?\s*-?\d+(\.\d*)?(e[-+]\d+)?|NA|NaN|-?Inf)?\s*")

STYLE = """<style>
.multilevel {font-size: .93em; line-height: 1.45; color: inherit; margin: .6em 0; overflow-x: auto}
.multilevel h4 {font-size: 1em; font-weight: 600; margin: 1em 0 .25em; color: inherit}
.multilevel h4:first-of-type {margin-top: 0}
.multilevel p {margin: .15em 0; max-width: 48em}
.multilevel code {font-size: .95em; color: inherit; background: none; padding: 0}
.multilevel table {font-size: inherit; border-collapse: collapse; border: 0; margin: .25em 0; font-variant-numeric: tabular-nums; color: inherit}
.multilevel p.legend {font-size: .9em; opacity: .75}
.multilevel thead {border-top: 1.5px solid rgba(128,128,128,.8); border-bottom: 1px solid rgba(128,128,128,.8)}
.multilevel tbody {border-bottom: 1.5px solid rgba(128,128,128,.8)}
.multilevel table tr {background: none !important; border: 0}
.multilevel table th, .multilevel table td {padding: .12em .6em; border: 0; white-space: pre; background: none; color: inherit}
.multilevel th.right, .multilevel td.right {text-align: right}
.multilevel th.left, .multilevel td.left {text-align: left}
.multilevel thead th {font-weight: 600}
.multilevel tbody th {font-weight: 400}
</style>"""  # noqa: E501 - rules of CSS, one to a line


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column: its heading, its cells as text, and the side they are set to."""

    head: str
    cells: tuple[str, ...]
    align: Align = "right"

    @property
    def rich_align(self) -> Align:
        """Where fonts are proportional, numbers stand to the right whatever their side in plain text."""
        return "right" if all(map(_NUMBER.fullmatch, self.cells)) else self.align

    @property
    def width(self) -> int:
        """Display width of the widest cell, the heading included."""
        return max(map(display_width, (self.head, *self.cells)))


def column(
    head: str, values: Sequence[str] | Sequence[float], rule: Rule = significant, align: Align = "right"
) -> TableColumn:
    """A column from text, or from numbers and the rule that sets them.

    Parameters
    ----------
    head : heading of the column.
    values : (n,) texts, kept as they are, or numbers.
    rule : how numbers become text; by default seven significant digits where most are needed.
    align : `"right"` or `"left"`.

    >>> column("se", [0.5, 0.25]).cells
    ('0.50', '0.25')
    """
    texts = [v for v in values if isinstance(v, str)]
    cells = texts if len(texts) == len(values) else rule([float(v) for v in values])
    return TableColumn(head, tuple(cells), align)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns side by side, with row labels if there are any (`labels=None`: the table has none).

    A table wider than the page continues below, with its labels and its first `keys` columns again.

    >>> print(Table((column("sd", [24.74, 5.92]),), ("(Intercept)", "days")))
                   sd
    (Intercept) 24.74
    days         5.92
    """

    columns: tuple[TableColumn, ...]
    labels: tuple[str, ...] | None = None
    label_head: str = ""
    keys: int = 0

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return f'<div class="multilevel">{STYLE}{self.to_html()}</div>'

    def to_text(self, width: int = 80) -> str:
        """Plain text; a table wider than `width` continues below, block by block, as in R."""
        margin = self._margin()
        blocks = (self._block_text(margin, block) for block in self._blocks(width, margin))
        return "\n".join(blocks)

    def to_html(self) -> str:
        """An HTML `<table>`; texts are escaped."""
        sides = self._sides()
        head = "".join(_html_cell("th", c.head, side) for c, side in zip(self._all_columns(), sides, strict=True))
        tags = ["th"] * (len(sides) - len(self.columns)) + ["td"] * len(self.columns)
        rows = ("".join(map(_html_cell, tags, row, sides)) for row in self._rows())
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def to_latex(self) -> str:
        """A `tabular` with the rules of the booktabs package; texts are escaped."""
        columns = self._all_columns()
        head = " & ".join(latex_escape(c.head.strip()) for c in columns)
        rows = (" & ".join(latex_escape(cell.strip()) for cell in row) for row in self._rows())
        body = "\n".join(f"{row} \\\\" for row in rows)
        letters = "".join(side[0] for side in self._sides())
        begin, end = f"\\begin{{tabular}}{{{letters}}}", "\\end{tabular}"
        return "\n".join([begin, "\\toprule", f"{head} \\\\", "\\midrule", body, "\\bottomrule", end])

    def _margin(self) -> list[str]:
        """The row labels with their heading, at one width; empty texts without labels."""
        if self.labels is None:
            return [""] * (1 + max((len(c.cells) for c in self.columns), default=0))
        texts = (self.label_head, *self.labels)
        width = max(map(display_width, texts))
        return [justify(text, width, "left") for text in texts]

    def _blocks(self, width: int, margin: list[str]) -> Iterator[tuple[TableColumn, ...]]:
        """Runs of columns that fit beside the margin, with a blank at their end; at least one column each."""
        gap = 0 if self.labels is None else 1
        room = width - 1 - display_width(margin[0]) - gap
        keys = self.columns[: self.keys]
        taken = sum(c.width + 1 for c in keys) - 1
        start = self.keys
        while start < len(self.columns):
            used = accumulate(self.columns[start:], lambda total, c: total + 1 + c.width, initial=taken)
            fitting = max(1, sum(total <= room for total in used) - 1)
            yield (*keys, *self.columns[start : start + fitting])
            start += fitting

    def _block_text(self, margin: list[str], block: tuple[TableColumn, ...]) -> str:
        texts = [[justify(cell, c.width, c.align) for cell in (c.head, *c.cells)] for c in block]
        parts = zip(*texts, strict=True) if self.labels is None else zip(margin, *texts, strict=True)
        return "\n".join(" ".join(line).rstrip() for line in parts)

    def _all_columns(self) -> tuple[TableColumn, ...]:
        """The row labels, if any says something, as a first column."""
        if self.labels is None or not any(self.labels):
            return self.columns
        return (TableColumn(self.label_head, self.labels, "left"), *self.columns)

    def _rows(self) -> Iterator[tuple[str, ...]]:
        return zip(*(c.cells for c in self._all_columns()), strict=True)

    def _sides(self) -> list[Align]:
        """The sides of all columns where fonts are proportional; row labels stand to the left."""
        labels: list[Align] = ["left"] * (len(self._all_columns()) - len(self.columns))
        return [*labels, *(c.rich_align for c in self.columns)]


def named_row(heads: Sequence[str], cells: Sequence[str]) -> Table:
    """One row of named values with one width for all, as R prints a named vector.

    >>> print(named_row(["Min", "Median"], ["-1.5", "0.0"]))
       Min Median
      -1.5    0.0
    """
    width = max(map(display_width, (*heads, *cells)), default=0)
    pairs = zip(heads, cells, strict=True)
    return Table(tuple(TableColumn(justify(head, width, "right"), (cell.strip(),)) for head, cell in pairs))


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}", "]": "{]}",
}  # fmt: skip
_LATEX_SPECIAL = re.compile(r"[\\&%$#_{}~^<>|\[\]]")
_MINUS = re.compile(r"^-(?=[\d.]|Inf)")


def latex_escape(text: str) -> str:
    """Text as LaTeX prints it; a leading minus sign of a number becomes a true one.

    >>> latex_escape("-0.5"), latex_escape("condition[treatment]")
    ('$-$0.5', 'condition{[}treatment{]}')
    """
    return _MINUS.sub("$-$", _LATEX_SPECIAL.sub(lambda found: _LATEX[found[0]], text))


def _html_cell(tag: str, text: str, side: Align) -> str:
    return f'<{tag} class="{side}">{escape(text.strip())}</{tag}>'
