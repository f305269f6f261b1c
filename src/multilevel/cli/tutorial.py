"""`multilevel tutorial`: from one mean to crossed random effects."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .parsers import add_command

if TYPE_CHECKING:
    from .parsers import Commands


def add(commands: Commands) -> None:
    """The words of the command."""
    parser = add_command(
        commands,
        "tutorial",
        run,
        summary="from one mean to crossed random effects, step by step",
        description="Run the tutorial: text, code and results in the terminal; pictures and one page with everything "
        "in a folder.",
        examples="multilevel tutorial --to my-folder",
    )
    parser.add_argument("--to", metavar="FOLDER", default="multilevel-tutorial", help="default: multilevel-tutorial")


def run(arguments: argparse.Namespace) -> str:
    """Where the page and the pictures of the tutorial are; what it has to say is printed on the way."""
    from ..tutorial.command import tutorial_command

    return tutorial_command(arguments)
