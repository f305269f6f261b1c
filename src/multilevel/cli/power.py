"""`multilevel power FORMULA DESIGN --truth FILE --test NAME`: how often tests find what is true."""

from __future__ import annotations

import argparse
import secrets
import sys
from typing import TYPE_CHECKING, Any

from .designs import add_design, design_of, stated, values_of
from .fitting import add_df, add_parts
from .parsers import add_command, add_formula, add_json
from .printed import rows_of, to_json, to_text
from .simulate import add_truth

if TYPE_CHECKING:
    from .parsers import Commands

EXAMPLES = """\
multilevel power "y ~ condition + (condition | participant)" \\
    participant=1:20 condition=control,treatment trial=10 \\
    --truth truth.json --test condition --along participant=10,20,40

with a file truth.json as that of multilevel simulate --help"""


def add(commands: Commands) -> None:
    """The words of the command."""
    parser = add_command(
        commands,
        "power",
        run,
        summary="power of tests, by simulation",
        description="Draw responses from a truth, fit the model to each and count what its tests find; along numbers "
        "of levels or values of a coefficient, a power curve.",
        examples=EXAMPLES,
    )
    add_formula(parser)
    add_design(parser)
    add_truth(parser)
    parser.add_argument(
        "--test",
        metavar="NAME",
        action="append",
        required=True,
        help='a coefficient, a term, an equation such as "a = b", or "lr(condition)", a likelihood ratio; once for '
        "each test",
    )
    parser.add_argument("--n", metavar="N", type=int, default=1000, help="simulations; default 1000")
    parser.add_argument("--alpha", metavar="P", type=float, default=0.05, help="level of the tests; default 0.05")
    parser.add_argument(
        "--along",
        metavar="NAME=...",
        action="append",
        default=[],
        help="numbers of levels of a grouping factor: --along participant=10,20,40",
    )
    parser.add_argument(
        "--at",
        metavar="NAME=...",
        action="append",
        default=[],
        help='true values of a coefficient: --at "condition[treatment]=0.1,0.2"',
    )
    add_df(parser, "satterthwaite")
    parser.add_argument("--weights", metavar="COL", help="column of prior weights")
    add_parts(parser)
    parser.add_argument(
        "--seed", metavar="N", type=int, help="of the random numbers; default: another one each time, which is said"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> str:
    """The table, or its rows as JSON."""
    from ..studies import power
    from ..truth import read_truth

    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    found = power(
        arguments.formula,
        design_of(arguments.design),
        read_truth(arguments.truth),
        arguments.test,
        n=arguments.n,
        alpha=arguments.alpha,
        df=arguments.df,
        along=_numbers(arguments.along, "such as participant=10,20,40"),
        at=_numbers(arguments.at, "such as days=5,10"),
        weights=arguments.weights,
        ziformula=arguments.ziformula,
        dispformula=arguments.dispformula,
        seed=seed,
        backend="dict",
    )
    if arguments.seed is None:
        print(f"note: drawn with --seed {seed}", file=sys.stderr)
    if not arguments.json:
        return to_text(found)
    return to_json(
        formula=found.formula,
        n=found.n,
        alpha=found.alpha,
        tests=found.words,
        seed=seed,
        rows=rows_of(found.to_frame()),
    )


def _numbers(words: list[str], asked: str) -> dict[str, list[Any]]:
    """Values by name, of words like `name=values`."""
    return {name: list(values_of(name, text)) for name, text in stated(words, asked)}
