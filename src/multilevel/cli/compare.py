"""`multilevel compare FORMULA FORMULA ... DATA`: models of the same rows, side by side."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import FormulaError, MultilevelWarning
from .fitting import add_fitting, check_options, fitted, table
from .parsers import add_command, add_data, add_json
from .printed import rows_of, to_json, to_text

if TYPE_CHECKING:
    from .parsers import Commands

EXAMPLES = """\
multilevel compare "reaction ~ days + (1 | subject)" \\
    "reaction ~ days + (days | subject)" sleepstudy"""


def add(commands: Commands) -> None:
    """The words of the command."""
    parser = add_command(
        commands,
        "compare",
        run,
        summary="likelihood ratio tests of several models, AIC, BIC",
        description="Fit models to the same rows by maximum likelihood, and print the table of likelihood ratio tests; "
        "each is tested against the next smaller one.",
        examples=EXAMPLES,
    )
    parser.add_argument("formulas", metavar="FORMULA", nargs="+", help="two or more, called m1, m2, ... in this order")
    add_data(parser)
    parser.add_argument(
        "--reml", action="store_true", help="compare REML criteria: of models with the same fixed effects"
    )
    add_fitting(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> str:
    """The table of `compare`, or its rows with the formulas as JSON."""
    from ..fit import compare

    formulas = arguments.formulas
    if len(formulas) < 2:
        raise FormulaError(
            f"compare takes two formulas or more, and then the data; found the formula {formulas[0]!r} and the data "
            f"{arguments.data!r}"
        )
    check_options(formulas, arguments)
    if arguments.reml and arguments.family:
        raise FormulaError("generalized models are always fitted by maximum likelihood; leave --reml out")
    models = _fits(formulas, arguments)
    compared = compare(*models, refit=not arguments.reml)
    if not arguments.json:
        return to_text(compared)
    rows = rows_of(compared.to_frame())
    named = zip(compared.models, rows, strict=True)
    return to_json(models=[{**row, "formula": text} for (_, text), row in named], notes=compared.notes)


def _fits(formulas: Sequence[str], arguments: argparse.Namespace) -> list[Any]:
    """The fits, and their warnings once each, with the names of the models they are about."""
    data, models = table(arguments.data), []
    about: dict[tuple[type[Warning], str], list[str]] = {}
    for i, formula in enumerate(formulas, 1):
        with _caught() as caught:
            models.append(fitted(formula, data, arguments, reml=arguments.reml))
        for key in caught:
            about.setdefault(key, []).append(f"m{i}")
    for (kind, words), names in about.items():
        warnings.warn(words if len(names) == len(models) else f"{', '.join(names)}: {words}", kind, stacklevel=2)
    return models


@contextmanager
def _caught() -> Iterator[list[tuple[type[Warning], str]]]:
    """Kinds and words of the warnings about a fit."""
    found: list[tuple[type[Warning], str]] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MultilevelWarning)
        yield found
    found += [(warning.category, str(warning.message)) for warning in caught]
