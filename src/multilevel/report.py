"""The report: one page that holds everything one would show of a fit, and loads nothing from anywhere.

write_report(model, "report.html")    words, equations, diagram, tables, pictures, checks
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from .diagnostics import sentence
from .errors import DataError, InferenceError
from .families import Quasi
from .progress import Progress

DPI = 120  # of the pictures, which know their own size

STYLE = """
:root {color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --faint: #5c6370; --line: #d9dce1; --card: #f6f7f9}
@media (prefers-color-scheme: dark) {
  :root {--ink: #e4e6ea; --paper: #16181c; --faint: #a0a6b1; --line: #33373f; --card: #1e2127}
}
* {box-sizing: border-box}
body {margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif}
main {max-width: 52rem; margin: 0 auto; padding: 2rem 1.2rem 4rem}
h1 {font-size: 1.5rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere}
h2 {font-size: 1.15rem; margin: 2.6rem 0 .6rem; padding-top: 1rem; border-top: 1px solid var(--line)}
p.facts {color: var(--faint); margin: 0}
nav {margin: 1.2rem 0 0; font-size: .92rem}
nav a {color: inherit; margin-right: 1.1rem; white-space: nowrap}
code {font-family: ui-monospace, monospace; font-size: .95em}
math {font-size: 1.08em}
.scroll, .multilevel {overflow-x: auto; max-width: 100%}
.diagram svg {max-width: 100%; height: auto; display: block; margin: 1rem auto}
figure {margin: 1.4rem 0}
figure img {width: 100%; height: auto; background: #fff; border-radius: 6px; border: 1px solid var(--line)}
figcaption {color: var(--faint); font-size: .92rem; margin-top: .3rem}
details {background: var(--card); border-radius: 6px; padding: .6rem .9rem; margin: 1rem 0}
summary {cursor: pointer}
footer {margin-top: 3rem; color: var(--faint); font-size: .85rem}
@media print {nav {display: none} h2 {break-after: avoid} figure {break-inside: avoid}}
"""


def write_report(model: Any, path: str | os.PathLike[str]) -> Path:
    """Write the page of a fit; see `LinearMixedModel.report`.

    Raises
    ------
    DataError : the file is not called .html, or its folder is not there or cannot be written to.
    ModuleNotFoundError : plotnine, which draws the pictures, is not installed; the message names the extra.
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in (".html", ".htm"):
        raise DataError(f"the report {str(path)!r} should be called something.html")
    if not target.parent.is_dir():
        raise DataError(f"the folder {str(target.parent)!r} of the report does not exist; make it first")
    page = _page(model)
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise DataError(f"the report {str(target)!r} cannot be written: {error.strerror}") from error
    return target


def _page(model: Any) -> str:
    parts = list(_parts(model))
    links = " ".join(f'<a href="#{_anchor(title)}">{title}</a>' for title, _ in parts)
    body = "".join(f'<section id="{_anchor(title)}"><h2>{title}</h2>{content}</section>' for title, content in parts)
    formula = escape(model.formula)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{formula}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main><h1><code>{formula}</code></h1><p class=facts>{_facts(model)}</p><nav>{links}</nav>{body}"
        f"<footer>Made by multilevel.</footer></main></body></html>\n"
    )


def _facts(model: Any) -> str:
    groups = ", ".join(f"{n:,} {escape(name)}" for name, n in getattr(model, "ngroups", {}).items())
    return f"{model.nobs:,} rows" + (f" · {groups}" if groups else "")


def _parts(model: Any) -> Iterator[tuple[str, str]]:
    """Title and content of each part of the page."""
    yield "In words", model.explain().to_html()
    yield "The model", _on_paper(model)
    yield "Estimates", model.summary().to_html()
    if hasattr(model, "icc"):
        yield "Where the variation lies", _variation(model)
    yield "Pictures", "".join(_figures(model))
    yield "Checks", model.check().to_html()


def _on_paper(model: Any) -> str:
    if not _is_distribution(model):
        return f'<div class="diagram">{model.diagram().svg}</div>'
    numbers = model.equation(numbers=True)
    return (
        f'<div class="scroll">{model.equation().mathml}</div>'
        f'<div class="diagram">{model.diagram().svg}</div>'
        f'<details><summary>With the estimates</summary><div class="scroll">{numbers.mathml}</div></details>'
        f"<details><summary>As LaTeX</summary><pre class=scroll>{escape(str(model.equation()))}</pre></details>"
    )


def _is_distribution(model: Any) -> bool:
    """Whether the model says how responses are distributed; quasi families say mean and variance only."""
    return not isinstance(getattr(model, "family", None), Quasi)


def _variation(model: Any) -> str:
    """How much of the variance lies where, in a sentence and in tables."""
    if not model._fit.estimate.residual:
        return "<p>What the fixed effects leave belongs to the random effects; there are no residuals.</p>"
    try:
        r2, icc = model.r2(), model.icc()
    except InferenceError as why:  # not every family has them
        return f"<p>{escape(sentence(str(why)))}</p>"
    parts = [f"{_per_cent(share)} belong to {escape(term)}" for term, share in zip(icc.terms, icc.shares, strict=True)]
    rest = "the distribution of the response around its mean" if hasattr(model, "family") else "the residuals"
    words = (
        f"The fixed effects explain {_per_cent(r2.marginal)} of the variance, together with the random effects "
        f"{_per_cent(r2.conditional)}. Of what the fixed effects leave, {', '.join(parts)} and "
        f"{_per_cent(1 - icc.adjusted)} to {rest}."
    )
    return f"<p>{words}</p>{r2.to_html()}{icc.to_html()}"


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _figures(model: Any) -> Iterator[str]:
    """Each picture with what to see in it."""
    from . import plots

    mixed = hasattr(model, "ranef")
    drawn: list[tuple[str, Callable[[], Any]]] = []
    if mixed and not hasattr(model, "family"):
        caption = (
            "Each group's own estimate beside the one that borrows from the others: groups with little to say for "
            "themselves are drawn further to the middle."
        )
        drawn.append((caption, lambda: plots.shrinkage(model)))
    if mixed:
        drawn.append(("Random effects, sorted, with 95 % intervals.", lambda: plots.caterpillar(model.ranef())))
        drawn += [(caption, partial(plots.caterpillar, table)) for caption, table in _of_parts(model)]
    if _is_distribution(model):
        caption = "Data beside data simulated from the fit: if the model is right, they look alike."
        drawn.append((caption, lambda: plots.simulated(model)))
    if model._fit.estimate.residual:
        drawn.append(
            ("Residuals: no trend, even spread, a straight line of quantiles.", lambda: plots.residuals(model))
        )
    with Progress("pictures of the report", len(drawn)) as progress:
        for caption, draw in drawn:
            image = f'<img alt="{escape(caption)}" src="{_picture(draw())}">'
            yield f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
            progress.advance(1)


def _of_parts(model: Any) -> Iterator[tuple[str, Any]]:
    """Random effects of zero inflation and dispersion, each with a caption."""
    effects = model.ranef()
    for what, table in (("zero inflation", effects.zero_inflation), ("dispersion", effects.dispersion)):
        if table is not None:
            yield f"Random effects of the {what}, sorted, with 95 % intervals.", table


def _picture(plot: Any) -> str:
    """A ggplot as the address of a PNG that is its own content."""
    buffer = io.BytesIO()
    plot.save(buffer, format="png", dpi=DPI, verbose=False, limitsize=False)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
