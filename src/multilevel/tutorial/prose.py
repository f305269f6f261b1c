"""The little Markdown within a paragraph: `code`, *emphasis*, **stress**, [links](address)."""

from __future__ import annotations

import re
from html import escape

_MARKS = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*]+)\*|\[(?P<text>[^]]+)\]\((?P<address>[^)]+)\)"
)


def plain(text: str) -> str:
    """For a terminal: without stars, addresses in brackets; code keeps its marks.

    >>> plain("a *small* `x * y * z`, [here](https://there)")
    'a small `x * y * z`, here (https://there)'
    """

    def said(mark: re.Match[str]) -> str:
        if mark["text"]:
            return f"{mark['text']} ({mark['address']})"
        return mark["strong"] or mark["em"] or mark[0]

    return _MARKS.sub(said, text)


def html(text: str) -> str:
    """For a page.

    >>> html("a *small* `x < y`")
    'a <em>small</em> <code>x &lt; y</code>'
    """
    done, pieces = 0, []
    for mark in _MARKS.finditer(text):
        pieces += [escape(text[done : mark.start()], quote=False), _tagged(mark)]
        done = mark.end()
    return "".join([*pieces, escape(text[done:], quote=False)])


def _tagged(mark: re.Match[str]) -> str:
    if mark["text"]:
        return f'<a href="{escape(mark["address"])}">{escape(mark["text"], quote=False)}</a>'
    tag = next(name for name in ("code", "strong", "em") if mark[name])
    return f"<{tag}>{escape(mark[tag], quote=False)}</{tag}>"
