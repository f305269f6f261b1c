"""The words of a command: how its help is set, and the arguments that many commands have."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from ..errors import nearest

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


class Help(argparse.HelpFormatter):
    """Fills paragraphs to the width of the terminal; keeps lines that are indented, examples, as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines()
        return "\n".join([x if x.startswith(" ") else super(Help, self)._fill_text(x, width, indent) for x in lines])


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong with the words."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=Help, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """The sentence, and exit code 2."""
        print(f"error: {message}; see '{self.prog} --help'", file=sys.stderr)
        self.exit(2)

    def refuse(self, word: str) -> NoReturn:
        """An error for a word that no argument takes."""
        if word.startswith("-"):
            self.error(f"there is no option {word.partition('=')[0]}{nearest(word, self._option_string_actions)}")
        self.error(f"the word {word!r} is too many; options stand before or behind all other words, not among them")


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], str],
    *,
    summary: str,
    description: str,
    examples: str,
) -> Parser:
    """A command of `multilevel`, to be given its arguments.

    Parameters
    ----------
    run : from the arguments to what is printed.
    summary : for the list of commands.
    examples : lines as one would type them.
    """
    lines = "\n".join(f"  {line}" for line in examples.splitlines())
    parser = commands.add_parser(name, help=summary, description=description, epilog=f"for example:\n{lines}")
    parser.set_defaults(command=run, parser=parser)
    return parser


def add_formula(parser: argparse.ArgumentParser) -> None:
    """FORMULA, one model."""
    parser.add_argument("formula", metavar="FORMULA", help='such as "reaction ~ days + (days | subject)"')


def add_data(parser: argparse.ArgumentParser) -> None:
    """DATA, a file or a bundled data set."""
    parser.add_argument(
        "data", metavar="DATA", help="a .csv, .csv.gz or .parquet file, or the name of a bundled data set"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, numbers unrounded")
