"""Steps as one page of HTML that holds its pictures and loads nothing."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from html import escape

from ..report import STYLE as SHEET
from .prose import html
from .run import Formula, Notice, Picture, Printed, Result, Step
from .text import Heading, Prose

STYLE = """
pre {overflow-x: auto; margin: .9rem 0; padding: .7rem .9rem; border-radius: 6px; font: .86rem/1.45 ui-monospace, monospace}
pre.code {background: var(--card); border: 1px solid var(--line)}
pre.result {padding: 0 .9rem; border-left: 3px solid var(--line); border-radius: 0}
p.notice {border-left: 3px solid #d98e04; padding: .1rem .9rem; color: var(--faint); font-size: .92rem}
p code, li code {background: var(--card); border-radius: 4px; padding: .05em .3em; overflow-wrap: anywhere}
.comment {color: var(--faint)}
h3 {font-size: 1rem; margin: 2rem 0 .4rem}
figure img {max-width: 100%; display: block; margin: 0 auto}
nav a {display: inline-block}
"""  # noqa: E501 - rules of CSS, one to a line


_COMMENT = re.compile(r"^(\s*#.*)$", re.MULTILINE)


def to_page(steps: Iterable[Step]) -> str:
    """The page; its title is the first heading.

    Parameters
    ----------
    steps : as `run` yields them.

    >>> from multilevel.tutorial import parts, run
    >>> "<h1>Hello</h1>" in to_page(run(parts("# Hello\\n\\nWorld.\\n")))
    True
    """
    steps = list(steps)
    headings = [step for step in steps if isinstance(step, Heading)]
    title = next((heading.text for heading in headings), "")
    chapters = [f'<a href="#part-{i}">{html(h.text)}</a>' for i, h in enumerate(headings) if h.level == 2]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{SHEET}{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(_blocks(steps, f"<nav>{' '.join(chapters)}</nav>" if chapters else ""))
        + "\n<footer>Made by multilevel tutorial.</footer>\n</main></body></html>\n"
    )


def _blocks(steps: list[Step], contents: str) -> Iterator[str]:
    heading = 0
    for step in steps:
        if isinstance(step, Heading):
            place = f' id="part-{heading}"' if heading else ""
            yield f"<h{step.level}{place}>{html(step.text)}</h{step.level}>" + ("" if heading else contents)
            heading += 1
        elif isinstance(step, Prose):
            yield _prose(step)
        else:
            yield f'<pre class="code" tabindex="0">{_coloured(step.code.source.rstrip())}</pre>'
            yield from map(_result, step.results)


def _prose(prose: Prose) -> str:
    if prose.is_code:
        return f'<pre class="code">{escape(re.sub("^    ", "", prose.text, flags=re.MULTILINE), quote=False)}</pre>'
    if prose.items:
        return "<ul>" + "".join(f"<li>{html(item)}</li>" for item in prose.items) + "</ul>"
    return f"<p>{html(prose.text)}</p>"


def _coloured(source: str) -> str:
    """Code with its comments set back."""
    return re.sub(
        r"^(\s*)(#.*)$", r'\1<span style="color: var(--faint)">\2</span>', escape(source, quote=False), flags=re.M
    )


def _result(result: Result) -> str:
    if isinstance(result, Printed):
        return f'<pre class="result" tabindex="0">{escape(result.text, quote=False)}</pre>'
    if isinstance(result, Notice):
        return f'<p class="notice">{escape(result.text, quote=False)}</p>'
    if isinstance(result, Formula):
        return f'<div class="scroll">{result.equation.mathml}</div>'
    return _picture(result)


def _picture(picture: Picture) -> str:
    """The picture itself; a diagram takes the colours of the page."""
    if picture.name.endswith(".svg"):
        return f'<figure class="diagram">{picture.content.decode()}</figure>'
    content = base64.b64encode(picture.content).decode("ascii")
    image = (
        f'<img alt="{escape(picture.about)}" style="width: {picture.width}px" src="data:image/png;base64,{content}">'
    )
    return f"<figure>{image}</figure>"
