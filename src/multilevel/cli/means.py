"""`multilevel means FORMULA DATA SPEC`: marginal means, slopes, and contrasts of them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import InferenceError
from .designs import stated, values_of
from .fitting import add_df, add_fitting, add_ml, check_options, fitted, table
from .parsers import add_command, add_data, add_formula, add_json
from .printed import rows_of, to_json, to_text

if TYPE_CHECKING:
    from .parsers import Commands

EXAMPLES = """\
multilevel means "yield ~ variety * nitro + (1 | block/variety)" oats \\
    "variety | nitro" --at nitro=0,0.6 --contrast pairwise --adjust tukey
multilevel means "reaction ~ days + (days | subject)" sleepstudy 1 \\
    --trend days"""


def add(commands: Commands) -> None:
    """The words of the command."""
    parser = add_command(
        commands,
        "means",
        run,
        summary="marginal means and their contrasts",
        description="Fit a model and print its estimated marginal means over a grid of the predictors, as emmeans "
        "does in R.",
        examples=EXAMPLES,
    )
    add_formula(parser)
    add_data(parser)
    parser.add_argument(
        "spec", metavar="SPEC", help='predictors whose combinations have a mean each: a, "a * b", "a | b", 1 for all'
    )
    parser.add_argument(
        "--at", metavar="NAME=...", action="append", default=[], help="values of a predictor: --at days=0,9 --at x=1:3"
    )
    parser.add_argument("--trend", metavar="NAME", help="slopes of this numeric predictor instead of means")
    parser.add_argument(
        "--average",
        metavar="WEIGHTS",
        help="equal (default), proportional, outer, cells or flat: of what is averaged over",
    )
    parser.add_argument(
        "--type", metavar="SCALE", help="link (default), or response: means on the scale of the response"
    )
    parser.add_argument("--level", metavar="P", type=float, help="of confidence intervals; default 0.95")
    parser.add_argument(
        "--contrast", metavar="METHOD", help="contrasts as well: pairwise, trt.vs.ctrl, eff, consec, poly, ..."
    )
    parser.add_argument("--ref", metavar="LABEL", help="the reference of trt.vs.ctrl; default: the first")
    parser.add_argument(
        "--adjust",
        metavar="METHOD",
        help="for many statements: tukey, holm, bonferroni, mvt, none, ...; default: by contrast",
    )
    add_df(parser, "kenward-roger")
    add_ml(parser)
    add_fitting(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> str:
    """The means, and contrasts if they are asked for, as tables or JSON."""
    _check(arguments)
    check_options([arguments.formula], arguments, ml=arguments.ml)
    data = table(arguments.data)
    means = _means(fitted(arguments.formula, data, arguments, reml=not arguments.ml), arguments)
    parts = {"trends" if arguments.trend else "means": means}
    if arguments.contrast:
        parts["contrasts"] = means.contrast(arguments.contrast, adjust=arguments.adjust, ref=arguments.ref)
    if arguments.json:
        notes = dict.fromkeys(note for part in parts.values() for note in part.notes)
        return to_json(**{name: rows_of(part.to_frame()) for name, part in parts.items()}, notes=list(notes))
    if len(parts) == 1:
        return to_text(means)
    return "\n\n".join([f"{name.capitalize()}:\n{to_text(part)}" for name, part in parts.items()])


def _means(model: Any, arguments: argparse.Namespace) -> Any:
    """`emmeans` or `emtrends` of the model with the options that were given."""
    spec = arguments.spec if "~" in arguments.spec else f"~ {arguments.spec}"
    given = {
        "at": {name: list(values_of(name, text)) for name, text in stated(arguments.at, "such as days=0,9")} or None,
        "weights": arguments.average,
        "type": arguments.type,
        "level": arguments.level,
        "df": arguments.df,
    }
    options = {name: value for name, value in given.items() if value is not None}
    means = model.emtrends(spec, arguments.trend, **options) if arguments.trend else model.emmeans(spec, **options)
    if arguments.adjust and not arguments.contrast:
        return means.confint(means.shown.level, adjust=arguments.adjust)
    return means


def _check(arguments: argparse.Namespace) -> None:
    """InferenceError for options that belong to others."""
    if arguments.trend and arguments.type:
        raise InferenceError("--trend gives slopes of the linear predictor; leave --type out")
    if arguments.ref and not arguments.contrast:
        raise InferenceError("--ref is the reference of a contrast; give --contrast trt.vs.ctrl as well")
