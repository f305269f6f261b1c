"""A text in Markdown, cut into headings, paragraphs and code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TypeAlias

_FENCE = re.compile(r"^```python\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"(#{1,6}) (.+)")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, of level 1 to 6."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Prose:
    """A block between empty lines, as it was written: a paragraph, a list, or lines set in by four spaces."""

    text: str

    @property
    def is_code(self) -> bool:
        """Whether it is shown as it stands."""
        return all(line.startswith("    ") for line in self.text.splitlines())

    @property
    def items(self) -> list[str]:
        """What the bullets say; nothing if it is no list."""
        if not self.text.startswith("- "):
            return []
        return [" ".join(item.split()) for item in re.split(r"^- ", self.text, flags=re.MULTILINE)[1:]]


@dataclass(frozen=True, slots=True)
class Code:
    """A block of Python."""

    source: str

    @property
    def about(self) -> str:
        """What its first comment says; that is what those hear of a picture who cannot see it."""
        first = self.source.partition("\n")[0]
        return first.removeprefix("# ") if first.startswith("# ") else ""


Part: TypeAlias = Heading | Prose | Code


def tutorial_text() -> str:
    """The tutorial, in Markdown."""
    return files(__package__).joinpath("tutorial.md").read_text(encoding="utf-8")


def parts(text: str) -> list[Part]:
    """The parts of a text, in order.

    >>> parts("# One\\n\\nand one\\n\\n```python\\n1 + 1\\n```\\n")
    [Heading(level=1, text='One'), Prose(text='and one'), Code(source='1 + 1\\n')]
    """
    found: list[Part] = []
    for i, piece in enumerate(_FENCE.split(text)):  # odd pieces are what the fence encloses
        found += [Code(piece)] if i % 2 else _blocks(piece)
    return found


def _blocks(text: str) -> list[Part]:
    blocks = (block.strip("\n") for block in re.split(r"\n\s*\n", text))
    return [_block(block) for block in blocks if block.strip()]


def _block(block: str) -> Part:
    heading = _HEADING.fullmatch(block)
    return Heading(len(heading[1]), heading[2]) if heading else Prose(block)
