"""A step as text for a terminal."""

from __future__ import annotations

import re
from textwrap import fill, indent

from .prose import plain
from .run import Formula, Notice, Picture, Printed, Result, Step
from .text import Heading, Prose

WIDTH = 80
_BLANK = "\0"  # where a line may not end


def to_text(step: Step, folder: str, width: int = WIDTH) -> str:
    """A heading underlined, prose in lines of `width` columns, code set in by four, and below it what it gives.

    Parameters
    ----------
    step : as `run` yields it.
    folder : where the pictures are.
    width : columns.

    >>> print(to_text(Heading(2, "One pool"), "out"))
    One pool
    ========
    """
    if isinstance(step, Heading):
        return f"{step.text}\n{('=' if step.level <= 2 else '-') * len(step.text)}"
    if isinstance(step, Prose):
        return _prose(step, width)
    shown = [_result(result, folder, width) for result in step.results]
    return "\n\n".join([indent(step.code.source.rstrip("\n"), "    "), *shown])


def _prose(prose: Prose, width: int) -> str:
    if prose.is_code:
        return prose.text
    if prose.items:
        return "\n".join(_filled(item, width, "- ", "  ") for item in prose.items)
    return _filled(" ".join(prose.text.split()), width)


def _filled(text: str, width: int, first: str = "", later: str = "") -> str:
    """Lines that do not break within code."""
    whole = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", _BLANK), plain(text))
    filled = fill(
        whole, width, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
    return filled.replace(_BLANK, " ")


def _result(result: Result, folder: str, width: int) -> str:
    if isinstance(result, Printed):
        return result.text
    if isinstance(result, Notice):
        return fill(result.text, width)
    if isinstance(result, Formula):
        return result.equation.text
    assert isinstance(result, Picture)
    return fill(f"[{folder}/{result.name}: {result.about}]", width, break_on_hyphens=False, break_long_words=False)
