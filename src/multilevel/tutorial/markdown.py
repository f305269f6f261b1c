"""Steps as Markdown, for the documentation site; pictures are files beside it, diagrams and equations stand inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .run import Formula, Notice, Picture, Printed, Result, Step
from .text import Heading, Prose


def to_markdown(steps: Iterable[Step], folder: str) -> str:
    """Markdown with code, results in fences of the language `text`, and links to pictures.

    Parameters
    ----------
    steps : as `run` yields them.
    folder : of the PNG pictures, as seen from the page.

    >>> from multilevel.tutorial import parts, run
    >>> print(to_markdown(run(parts("```python\\n1 + 1\\n```\\n")), "pictures"))
    ```python
    1 + 1
    ```
    <BLANKLINE>
    ```text
    2
    ```
    <BLANKLINE>
    """
    return "\n\n".join(_blocks(steps, folder)) + "\n"


def _blocks(steps: Iterable[Step], folder: str) -> Iterator[str]:
    for step in steps:
        if isinstance(step, Heading):
            yield f"{'#' * step.level} {step.text}"
        elif isinstance(step, Prose):
            yield step.text
        else:
            yield f"```python\n{step.code.source.rstrip()}\n```"
            yield from (_result(result, folder) for result in step.results)


def _result(result: Result, folder: str) -> str:
    if isinstance(result, Printed):
        return f"```text\n{result.text}\n```"
    if isinstance(result, Notice):
        return f"```text\n{result.text}\n```"
    if isinstance(result, Formula):
        return f'<div class="equation">{result.equation.mathml}</div>'
    return _picture(result, folder)


def _picture(picture: Picture, folder: str) -> str:
    if picture.name.endswith(".svg"):
        return f'<div class="diagram">{picture.content.decode()}</div>'
    return f"![{picture.about}]({folder}/{picture.name}){{ width={picture.width} }}"
