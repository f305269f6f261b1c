"""The same from a shell: `multilevel fit "reaction ~ days + (days | subject)" sleepstudy.csv`.

Results go to standard output, warnings and errors as one plain sentence each to standard error; the exit code is 2 if
the input was wrong, and nothing is then printed to standard output.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import DataError, FormulaError, MultilevelError, MultilevelWarning, nearest


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code (0: done, 2: the input was wrong).

    Parameters
    ----------
    argv
        The words after `multilevel`; None takes those of the process.

    Raises
    ------
    SystemExit
        By argparse, after `--help` and `--version` and when the words are not a command.
    """
    arguments = _parser().parse_args(argv)
    try:
        return _answer(arguments)
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="multilevel", description="Multilevel (mixed) models from the shell.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    fit = commands.add_parser(
        "fit",
        help="fit a model and print its summary",
        description="Fit a linear model, or a linear mixed model if the formula has terms like (days | subject); with "
        "--family a generalized one.",
    )
    fit.add_argument("formula", metavar="FORMULA", help='for example "reaction ~ days + (days | subject)"')
    fit.add_argument("data", metavar="DATA", help="a .csv, .csv.gz or .parquet file, or the name of a bundled data set")
    fit.add_argument("--ml", action="store_true", help="maximum likelihood instead of REML")
    fit.add_argument(
        "--family", metavar="NAME", help='of a generalized model: binomial, "binomial(probit)", poisson, ...'
    )
    fit.add_argument("--agq", metavar="N", type=int, help="nodes of adaptive quadrature; default 1, Laplace")
    fit.add_argument("--json", action="store_true", help="print one JSON object, numbers unrounded")
    fit.add_argument("--weights", metavar="COL", help="column of prior weights")
    fit.add_argument("--report", metavar="FILE", help="write one self-contained page, FILE.html, as well")
    fit.set_defaults(command=_fit)
    tutorial = commands.add_parser(
        "tutorial",
        help="from one mean to crossed random effects, step by step",
        description="Run the tutorial: text, code and results in the terminal; pictures and one page with everything "
        "in a folder.",
    )
    tutorial.add_argument("--to", metavar="FOLDER", default="multilevel-tutorial", help="default: multilevel-tutorial")
    tutorial.set_defaults(command=_tutorial)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when asked for: that costs more than the rest of the parser."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"multilevel {version('multilevel')}")
        parser.exit()


def _fit(arguments: argparse.Namespace) -> str:
    """The page, or the JSON, of the model that the arguments ask for."""
    model = _fitted(arguments, _data(arguments.data))
    if arguments.report:
        model.report(arguments.report)
    return _json(model) if arguments.json else str(replace(model.summary(), data=arguments.data))


def _fitted(arguments: argparse.Namespace, data: Any) -> Any:
    """lm or lmer, with a family glm or glmer."""
    from .fit import glm, glmer, lm, lmer
    from .formula import Formula

    formula, family, weights = arguments.formula, arguments.family, arguments.weights
    mixed = bool(Formula.parse(formula).random)
    if arguments.agq is not None and not (mixed and family):
        raise FormulaError("--agq is for generalized models with random effects: give --family and a term like (1 | g)")
    if arguments.ml and family:
        raise FormulaError("generalized models are always fitted by maximum likelihood; leave --ml out")
    if arguments.ml and not mixed:
        raise FormulaError(
            "--ml is for formulas with random effects, such as (1 | subject); least squares has no choice between ML "
            "and REML: leave --ml out"
        )
    if family and mixed:
        n_agq = 1 if arguments.agq is None else arguments.agq
        return glmer(formula, data, family, n_agq=n_agq, weights=weights)
    if family:
        return glm(formula, data, family, weights=weights)
    return lmer(formula, data, REML=not arguments.ml, weights=weights) if mixed else lm(formula, data, weights=weights)


def _tutorial(arguments: argparse.Namespace) -> str:
    """Where the page and the pictures of the tutorial are; what it has to say is printed on the way."""
    from .tutorial.command import tutorial_command

    return tutorial_command(arguments)


def _data(name: str) -> Any:
    """The path if there is such a file, else the bundled data set of that name."""
    from . import datasets

    path = Path(name).expanduser()
    if path.is_file() or path.suffix:
        return name
    if name in datasets.names():
        return datasets.load(name, backend="dict")
    raise DataError(
        f"{name!r} is neither a file nor a bundled data set{nearest(name, datasets.names())}; "
        f"the data sets are {', '.join(datasets.names())}"
    )


def _json(model: Any) -> str:
    """The one row of `glance()` and the rows of `tidy()`; what JSON has no number for is null."""
    (glance,) = _rows(model.glance())
    return json.dumps({"glance": glance, "tidy": _rows(model.tidy())}, indent=2, allow_nan=False)


def _rows(frame: Any) -> list[dict[str, Any]]:
    """The rows of a frame of any library."""
    from .data.rows import read_columns

    cells: dict[str, list[Any]] = {}
    for name, column in read_columns(frame).items():
        values = column.values.tolist()
        if column.kind in ("factor", "ordered"):
            cells[name] = [column.levels[code] if code >= 0 else None for code in values]
        else:
            cells[name] = [value if math.isfinite(value) else None for value in values]
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
