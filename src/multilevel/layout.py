"""A page: titled sections of tables, lines and sentences, as plain text, HTML or LaTeX.

    Page
    └─ sections()  -> Section(title, items)
                        └─ Table · Line · FormulaLine · Prose · Legend     (each knows to_text, to_html, to_latex)

A page to come lists its sections; how they are set is decided here, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from html import escape
from textwrap import fill
from typing import Protocol

from .lettering import display_width, formula_lines
from .tables import STYLE, latex_escape


class Item(Protocol):
    """What a section is made of."""

    def to_text(self, width: int = 80) -> str:
        """Plain text for a page of `width` columns."""

    def to_html(self) -> str:
        """An HTML fragment."""

    def to_latex(self) -> str:
        """A LaTeX fragment."""


@dataclass(frozen=True, slots=True, init=False)
class Line:
    """One line of words; when it does not fit, it is broken between the parts it was given in.

    >>> print(Line("Number of obs: 180, groups: ", "subject, 18").to_text())
    Number of obs: 180, groups:  subject, 18
    """

    parts: tuple[str, ...]

    def __init__(self, *parts: str) -> None:
        object.__setattr__(self, "parts", parts)

    def to_text(self, width: int = 80) -> str:
        """The line, broken between its parts if it is longer than `width`."""
        joined = " ".join(self.parts)
        return joined if display_width(joined) <= width else "\n".join(part.rstrip() for part in self.parts)

    def to_html(self) -> str:
        """A paragraph."""
        return f"<p>{escape(' '.join(self.parts).strip())}</p>"

    def to_latex(self) -> str:
        """The words, escaped."""
        return latex_escape(" ".join(self.parts).expandtabs(1).strip())


@dataclass(frozen=True, slots=True)
class FormulaLine:
    """A model formula after its label; long ones take several lines, as in R.

    >>> print(FormulaLine("Formula:", "reaction ~ days + (days | subject)").to_text())
    Formula: reaction ~ days + (days | subject)
    """

    label: str
    formula: str

    def to_text(self, width: int = 80) -> str:
        """The formula, broken after operators; R's cutoff of 60 columns belongs to a page of 80."""
        first, *rest = formula_lines(self.formula, width - 20)
        fits = len(self.label) + 1 + display_width(first) + bool(rest) <= width
        return "\n".join([f"{self.label}{' ' if fits else chr(10)}{first}", *rest])

    def to_html(self) -> str:
        """The label and the formula on one line, in the type of code."""
        return f"<p>{escape(self.label.strip())} <code>{escape(self.formula)}</code></p>"

    def to_latex(self) -> str:
        """The label and the formula, in typewriter."""
        return rf"{latex_escape(self.label.strip())} \texttt{{{latex_escape(self.formula)}}}"


@dataclass(frozen=True, slots=True)
class Prose:
    """A sentence or a few, filled to the width of the page."""

    text: str

    def to_text(self, width: int = 80) -> str:
        """The sentences, broken between words."""
        return fill(self.text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)

    def to_html(self) -> str:
        """A paragraph."""
        return f"<p>{escape(self.text)}</p>"

    def to_latex(self) -> str:
        """The sentences, escaped."""
        return latex_escape(self.text)


@dataclass(frozen=True, slots=True)
class Legend:
    """What the marks in the table above mean."""

    text: str

    def to_text(self, width: int = 80) -> str:
        """The legend under a short rule, as R prints it."""
        return f"---\n{fill(self.text, width)}"

    def to_html(self) -> str:
        """A small paragraph."""
        return f'<p class="legend">{escape(self.text)}</p>'

    def to_latex(self) -> str:
        """The legend in small type."""
        return rf"{{\footnotesize {latex_escape(self.text)}}}"


@dataclass(frozen=True, slots=True)
class Section:
    """A title (empty: none) and what stands under it."""

    title: str
    items: tuple[Item, ...]

    def to_text(self, width: int = 80) -> str:
        """Title and items, one below the other."""
        title = fill(self.title, width, subsequent_indent="  ")
        return "\n".join([*filter(None, [title]), *(item.to_text(width) for item in self.items)])

    def to_html(self) -> str:
        """Title and items, one below the other."""
        title = f"<h4>{escape(self.title)}</h4>" if self.title else ""
        return title + "".join(item.to_html() for item in self.items)

    def to_latex(self) -> str:
        """Title and items, one below the other."""
        title = [rf"\textbf{{{latex_escape(self.title)}}}"] if self.title else []
        return "\n\n\\noindent\n".join([*title, *(item.to_latex() for item in self.items)])


class Page(ABC):
    """Something to be looked at: prints as text, shows as HTML in a notebook, goes into a paper as LaTeX."""

    __slots__ = ()

    @abstractmethod
    def sections(self) -> tuple[Section, ...]:
        """What stands on the page, from top to bottom."""

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_text(self, width: int = 80) -> str:
        """Plain text for a page of `width` columns."""
        return "\n\n".join(section.to_text(width) for section in self.sections())

    def to_html(self) -> str:
        """A self-contained `<div>` that takes its colours from where it is shown, light or dark."""
        body = "".join(section.to_html() for section in self.sections())
        return f'<div class="multilevel">{STYLE}{body}</div>'

    def to_latex(self) -> str:
        """LaTeX for a document that loads the booktabs package."""
        return "\n\n\\medskip\n\\noindent\n".join(section.to_latex() for section in self.sections())
