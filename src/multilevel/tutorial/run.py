"""Code is run block by block, as in a notebook: what is printed is kept, and what the last line is worth is shown."""

from __future__ import annotations

import ast
import io
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..paper import Diagram, Equation
from .text import Code, Heading, Part, Prose

DPI = 144  # of pictures: 1.5 times that of a screen


@dataclass(frozen=True, slots=True)
class Printed:
    """What was printed, or how a value shows itself as text."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning, as one sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Formula:
    """The equations of a model."""

    equation: Equation


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG or SVG with the name of its file, what it shows, and its width on a page in pixels."""

    name: str
    about: str
    content: bytes
    width: int


Result: TypeAlias = Printed | Notice | Formula | Picture


@dataclass(frozen=True, slots=True)
class Ran:
    """Code, and what came of it."""

    code: Code
    results: tuple[Result, ...]


Step: TypeAlias = Heading | Prose | Ran


def run(parts: Iterable[Part], known: dict[str, Any] | None = None) -> Iterator[Step]:
    """Run the code of a text, each block when its turn comes.

    Parameters
    ----------
    parts : as `text.parts` cuts them.
    known : the names that the code finds and leaves. Default: none.

    Raises
    ------
    Exception : whatever the code raises.

    >>> from multilevel.tutorial import parts, run
    >>> [step.results for step in run(parts("```python\\nx = 2\\nx * 21\\n```\\n"))]
    [(Printed(text='42'),)]
    """
    known = {} if known is None else known
    heading, pictures = "", 0
    for part in parts:
        if isinstance(part, Code):
            results = tuple(_results(part, known, f"{pictures + 1:02d}-{_slug(heading)}"))
            pictures += sum(isinstance(result, Picture) for result in results)
            yield Ran(part, results)
        else:
            heading = part.text if isinstance(part, Heading) else heading
            yield part


def _results(code: Code, known: dict[str, Any], name: str) -> Iterator[Result]:
    """What one block prints, warns of and ends in."""
    printed = io.StringIO()
    with redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = _value(code.source, known)
    yield from (Notice(f"{warning.category.__name__}: {warning.message}") for warning in caught)
    if printed.getvalue():
        yield Printed(printed.getvalue().rstrip("\n"))
    if value is not None:
        yield _shown(value, name, code.about)


def _value(source: str, known: dict[str, Any]) -> Any:
    """Run a block; the value of its last line if that is an expression, None otherwise."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<tutorial>", "exec"), known)
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "<tutorial>", "eval"), known)


def _shown(value: Any, name: str, about: str) -> Result:
    from plotnine import ggplot

    if isinstance(value, ggplot):
        return _drawn(value, name, about)
    if isinstance(value, Diagram):
        width = re.search(r'width="(\d+)"', value.svg)
        return Picture(f"{name}.svg", about, value.svg.encode(), int(width[1]) if width else 640)
    if isinstance(value, Equation):
        return Formula(value)
    return Printed(repr(value))


def _drawn(plot: Any, name: str, about: str) -> Picture:
    """A plot as PNG, of the size that it asks for."""
    from matplotlib import pyplot

    figure = plot.draw()
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    width = round(figure.get_figwidth() * 96)
    pyplot.close(figure)
    return Picture(f"{name}.png", about, content.getvalue(), width)


def _slug(heading: str) -> str:
    return re.sub(r"\W+", "-", heading.lower()).strip("-")
