"""`multilevel fit FORMULA DATA`: one model, its summary, its report."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import DataError, InferenceError
from .fitting import add_df, add_fitting, add_ml, check_options, fitted, table
from .parsers import add_command, add_data, add_formula, add_json
from .printed import rows_of, to_json, to_text

if TYPE_CHECKING:
    from .parsers import Commands

EXAMPLES = """\
multilevel fit "reaction ~ days + (days | subject)" sleepstudy
multilevel fit "yield ~ variety + nitro + (1 | block/variety)" oats \\
    --df kenward-roger --report oats.html
multilevel fit "cbind(incidence, size - incidence) ~ period + (1 | herd)" \\
    cbpp --family binomial"""


def add(commands: Commands) -> None:
    """The words of the command."""
    parser = add_command(
        commands,
        "fit",
        run,
        summary="fit a model and print its summary",
        description="Fit a linear model, or a linear mixed model if the formula has terms like (days | subject); with "
        "--family a generalized one.",
        examples=EXAMPLES,
    )
    add_formula(parser)
    add_data(parser)
    add_ml(parser)
    add_df(parser, "satterthwaite")
    add_fitting(parser)
    parser.add_argument("--report", metavar="FILE", help="write one self-contained page, FILE.html, as well")
    add_json(parser)


def run(arguments: argparse.Namespace) -> str:
    """The page, or `glance()` and `tidy()` as JSON, of the model that the arguments ask for."""
    check_options([arguments.formula], arguments, ml=arguments.ml)
    model = fitted(arguments.formula, table(arguments.data), arguments, reml=not arguments.ml)
    judged = _judged(model, arguments.df)
    if arguments.report:
        _report(model, arguments.report)
    if arguments.json:
        (glance,) = rows_of(model.glance())
        return to_json(glance=glance, tidy=rows_of(model.tidy(**judged)))
    return to_text(replace(model.summary(**judged), data=arguments.data))


def _judged(model: Any, df: str | None) -> dict[str, str]:
    """The method of degrees of freedom, for the models that have a choice."""
    from ..fit import LinearMixedModel

    if df is None:
        return {}
    if not isinstance(model, LinearMixedModel):
        raise InferenceError("--df is for linear mixed models, whose degrees of freedom are estimated; leave it out")
    return {"df": df}


def _report(model: Any, path: str) -> None:
    try:
        model.report(path)
    except ModuleNotFoundError as absent:  # pictures are an extra, and the message names it
        raise DataError(str(absent)) from None
