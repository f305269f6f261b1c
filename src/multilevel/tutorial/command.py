"""`multilevel tutorial`: the tutorial in a terminal; its pictures, and a page with everything, go into a folder."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile

from ..errors import DataError
from ..progress import Progress
from .page import to_page
from .run import Picture, Ran, Step, run
from .terminal import to_text
from .text import Part, parts, tutorial_text

PAGE = "tutorial.html"


def tutorial_command(arguments: argparse.Namespace) -> str:
    """Run the tutorial: text, code and what it gives to standard output, pictures and `tutorial.html` to a folder.

    Parameters
    ----------
    arguments : `to`, the folder; it is made if it is not there.

    Returns
    -------
    A sentence that says where the page is.

    Raises
    ------
    DataError : the folder is a file or cannot be written to, or what draws pictures is not installed. Nothing has been
        printed then.
    """
    for needed in ("plotnine", "pandas"):
        if find_spec(needed) is None:
            raise DataError(
                f'multilevel tutorial draws with {needed}, which is not installed; run pip install "multilevel[plots]"'
            )
    folder = _writable(Path(arguments.to).expanduser())
    import matplotlib

    matplotlib.use("agg")  # pictures go to files: no window
    start = time.perf_counter()
    text = parts(tutorial_text())
    steps = list(_told(text, folder))
    (folder / PAGE).write_text(to_page(steps), encoding="utf-8")
    n = sum(isinstance(result, Picture) for step in steps if isinstance(step, Ran) for result in step.results)
    return f"All of it is in {folder / PAGE}, with {n} pictures beside it ({time.perf_counter() - start:.0f} s)."


def _told(text: list[Part], folder: Path) -> Iterator[Step]:
    """Run the text, print each step, save its pictures."""
    with Progress("tutorial", len(text)) as progress:
        for step in run(text):
            progress.clear()
            print(to_text(step, str(folder)), end="\n\n", flush=True)
            if isinstance(step, Ran):
                for picture in (result for result in step.results if isinstance(result, Picture)):
                    (folder / picture.name).write_bytes(picture.content)
            progress.advance(1)
            yield step


def _writable(folder: Path) -> Path:
    """The folder, made if need be; DataError if nothing can be written into it."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{str(folder)!r} is a file; --to expects a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(
            f"the folder {str(folder)!r} cannot be written to ({error.strerror}); choose another with --to"
        ) from error
    return folder
