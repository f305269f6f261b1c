"""The docstrings of the package as Markdown: sections in bold, `name : meaning` as a list, examples as code."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_TITLE = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
_ENTRY = re.compile(r"^([`*\w][^:\n]*) : ", re.MULTILINE)
_BELOW = re.compile(r"^([^\s>:][^:\n]*)\n(?=    )", re.MULTILINE)  # a name with its meaning on the lines below
_DRAWN = re.compile(r"[├└│─►▼]")
_RULE = re.compile(r"^=+(  =+)+$", re.MULTILINE)


class Docstrings(Extension):
    """Rewrites each docstring after it was read."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Leave the docstring of one module, class, function or attribute as Markdown."""
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(docstring: str) -> str:
    """Markdown of a docstring without common indentation.

    >>> print(to_markdown("Adds.\\n\\nParameters\\n----------\\nx : a number,\\n    or two.\\ny : another"))
    Adds.
    <BLANKLINE>
    **Parameters**
    <BLANKLINE>
    - `x`: a number, or two.
    - `y`: another
    """
    pieces = _TITLE.split(docstring)  # what is before the first title, then titles and what is below them
    done = _paragraphs(pieces[0])
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        done += [f"**{title}**", *_paragraphs(body)]
    return "\n\n".join(done)


def _paragraphs(text: str) -> list[str]:
    return [_paragraph(block) for block in re.split(r"\n\s*\n", text.strip("\n")) if block.strip()]


def _paragraph(block: str) -> str:
    if block.lstrip().startswith(">>>"):
        return f"```pycon\n{_without_options(block)}\n```"
    if _RULE.search(block):
        return _table(block)
    if _DRAWN.search(block):
        return f"```text\n{block}\n```"
    if block.startswith("    ") or block.startswith(("- ", "1. ")):
        return block
    if _BELOW.match(block):
        block = _BELOW.sub(r"\1 : ", block)
    if _ENTRY.match(block):
        entries = _ENTRY.split(block)[1:]
        pairs = zip(entries[::2], entries[1::2], strict=True)
        return "\n".join(f"- {_code(name)}: {' '.join(meaning.split())}" for name, meaning in pairs)
    return block


def _table(block: str) -> str:
    """A table under rules of equal signs, as one with bars."""
    rule = _RULE.search(block)
    assert rule is not None
    starts = [0, *(mark.end() for mark in re.finditer("=  ", rule[0]))]
    spans = list(zip(starts, [*starts[1:], None], strict=True))
    head, *rows = [
        "| " + " | ".join(line[a:b].strip() for a, b in spans) + " |"
        for line in block.splitlines()
        if not _RULE.fullmatch(line)
    ]
    return "\n".join([head, "|---" * len(spans) + "|", *rows])


def _code(name: str) -> str:
    return name if "`" in name else f"`{name}`"


def _without_options(example: str) -> str:
    lines = re.sub(r"\s+# doctest:.*$", "", example, flags=re.MULTILINE).splitlines()
    return "\n".join("" if line.strip() == "<BLANKLINE>" else line for line in lines)
