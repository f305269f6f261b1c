"""Pages whose code is run when the site is built, the tutorial and the pictures; it stands there with what it gave."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

RUN = {"tutorial.md": "tutorial", "reference/pictures.md": "drawn"}  # page: folder of its pictures, beside it
WANTED = re.compile(r"<!-- picture: (.+) -->")  # on other pages: the last picture below that heading of the tutorial
ROW = re.compile(r"^\|.*$", re.MULTILINE)

_pages: dict[str, str] = {}
_pictures: dict[str, Any] = {}


def on_files(files: Any, config: Any) -> Any:
    """Run the pages; their pictures become files of the site."""
    os.environ.setdefault("MPLBACKEND", "agg")
    from mkdocs.structure.files import File

    from multilevel.tutorial import Heading, Ran, parts, run, tutorial_text
    from multilevel.tutorial.markdown import to_markdown
    from multilevel.tutorial.run import Picture

    for page, folder in RUN.items():
        tutorial = page == "tutorial.md"  # a placeholder in the repository
        text = tutorial_text() if tutorial else Path(config.docs_dir, page).read_text(encoding="utf-8")
        steps, heading = list(run(parts(text))), ""
        for step in steps:
            if isinstance(step, Heading):
                heading = step.text
            elif isinstance(step, Ran):
                for picture in (result for result in step.results if isinstance(result, Picture)):
                    name = Path(page).parent / folder / picture.name
                    files.append(File.generated(config, name.as_posix(), content=picture.content))
                    if tutorial:
                        _pictures[heading] = picture
        _pages[page] = to_markdown(steps, folder)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A page that was run in the place of what stands in the repository; pictures of the tutorial where others ask."""
    if page.parent is None:  # alone in its tab: a column of one link would take the room of code and tables
        page.meta.setdefault("hide", ["navigation"])
    text = _pages.get(page.file.src_uri, markdown)
    return WANTED.sub(lambda wanted: _linked(_pictures[wanted[1]]), ROW.sub(_unescaped, text))


def _unescaped(row: re.Match[str]) -> str:
    """Bars within code of a table: GitHub wants them escaped, the generator of the site shows the escape."""
    return row[0].replace(r"\|", "|")


def _linked(picture: Any) -> str:
    return f"![{picture.about}](tutorial/{picture.name}){{ width={picture.width} }}"
