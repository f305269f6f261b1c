"""`main`: one command, its answer, its warnings, its exit code."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence

from ..errors import MultilevelError, MultilevelWarning
from . import compare, fit, means, power, simulate, tutorial
from .parsers import Parser

COMMANDS = (fit, compare, means, simulate, power, tutorial)  # each adds its words by add(); in the order of --help
INTERRUPTED = 130  # what shells give for a process ended by Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, or show the help if there is none; the exit code (0: done, 2: the input was wrong).

    Parameters
    ----------
    argv
        The words after `multilevel`; None takes those of the process.

    Raises
    ------
    SystemExit
        By argparse, after `--help` and `--version` and when the words are not a command.
    """
    words = sys.argv[1:] if argv is None else argv
    parser = _parser()
    if not words:
        parser.print_help()
        return 0
    arguments, left = parser.parse_known_args(words)
    if left:
        arguments.parser.refuse(left[0])
    try:
        return _answer(arguments)
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _answer(arguments: argparse.Namespace) -> int:
    """Print what the command has to say, then its warnings or what is wrong; the exit code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MultilevelWarning)
        try:
            page, error = arguments.command(arguments), None
        except MultilevelError as wrong:
            page, error = None, wrong
    for warning in caught:
        print(f"warning: {warning.message}", file=sys.stderr)
    if error is not None:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(page, flush=True)
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="multilevel",
        description="Multilevel (mixed) models from the shell.",
        epilog="'multilevel COMMAND --help' says more, with an example.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when asked for: that costs more than the rest of the parser."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"multilevel {version('multilevel')}")
        parser.exit()
