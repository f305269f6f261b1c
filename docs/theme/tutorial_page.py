"""The tutorial as a page of the site: its code is run when the site is built, and stands there with what it gave."""

from __future__ import annotations

import os
import re
from typing import Any

PAGE = "tutorial.md"
FOLDER = "tutorial"
WANTED = re.compile(r"<!-- picture: (.+) -->")  # on other pages: the last picture below that heading of the tutorial
ROW = re.compile(r"^\|.*$", re.MULTILINE)

_pages: dict[str, str] = {}
_pictures: dict[str, Any] = {}


def on_files(files: Any, config: Any) -> Any:
    """Run the tutorial; its pictures become files of the site."""
    os.environ.setdefault("MPLBACKEND", "agg")
    from mkdocs.structure.files import File

    from multilevel.tutorial import Heading, Ran, parts, run, tutorial_text
    from multilevel.tutorial.markdown import to_markdown
    from multilevel.tutorial.run import Picture

    steps, heading = list(run(parts(tutorial_text()))), ""
    for step in steps:
        if isinstance(step, Heading):
            heading = step.text
        elif isinstance(step, Ran):
            for picture in (result for result in step.results if isinstance(result, Picture)):
                files.append(File.generated(config, f"{FOLDER}/{picture.name}", content=picture.content))
                _pictures[heading] = picture
    _pages[PAGE] = to_markdown(steps, FOLDER)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The tutorial in the place of the page that stands for it in the repository; its pictures where others ask."""
    if page.parent is None:  # alone in its tab: a column of one link would take the room of code and tables
        page.meta.setdefault("hide", ["navigation"])
    text = _pages.get(page.file.src_uri, markdown)
    return WANTED.sub(lambda wanted: _linked(_pictures[wanted[1]]), ROW.sub(_unescaped, text))


def _unescaped(row: re.Match[str]) -> str:
    """Bars within code of a table: GitHub wants them escaped, the generator of the site shows the escape."""
    return row[0].replace(r"\|", "|")


def _linked(picture: Any) -> str:
    return f"![{picture.about}]({FOLDER}/{picture.name}){{ width={picture.width} }}"
