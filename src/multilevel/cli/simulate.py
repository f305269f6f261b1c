"""`multilevel simulate FORMULA DESIGN --truth FILE`: data from a stated truth."""

from __future__ import annotations

import argparse
import secrets
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, MultilevelWarning
from .designs import add_design, design_of
from .fitting import PARTS, add_parts
from .parsers import add_command, add_formula, add_json
from .printed import rows_of, to_json

if TYPE_CHECKING:
    from ..formula import Column
    from .parsers import Commands

EXAMPLES = """\
multilevel simulate "y ~ condition + (condition | participant)" \\
    participant=1:40 condition=control,treatment trial=10 \\
    --truth truth.json --seed 1 --out data.csv

with the file truth.json:
{"fixed": {"(Intercept)": 0, "condition[treatment]": 1},
 "groups": {"participant": {"sd": {"(Intercept)": 0.25,
                                   "condition[treatment]": 0.4},
                            "corr": 0.7}},
 "sigma": 0.2}"""


def add(commands: Commands) -> None:
    """The words of the command."""
    parser = add_command(
        commands,
        "simulate",
        run,
        summary="draw data from a stated truth",
        description="Draw the response of a formula from a truth, for the rows of a design, and write the design with "
        "it as a table: to a file, or as CSV to the terminal.",
        examples=EXAMPLES,
    )
    add_formula(parser)
    add_design(parser)
    add_truth(parser)
    parser.add_argument(
        "--seed", metavar="N", type=int, help="of the random numbers; default: another one each time, which is said"
    )
    parser.add_argument("--weights", metavar="COL", help="column of weights: the residual variance is sigma^2 / weight")
    add_parts(parser)
    parser.add_argument("--out", metavar="FILE", help="a .csv, .csv.gz or .parquet file to be written")
    add_json(parser)


def add_truth(parser: argparse.ArgumentParser) -> None:
    """--truth."""
    parser.add_argument(
        "--truth",
        metavar="FILE",
        required=True,
        help="a .json file with the coefficients (fixed), the groups with their sd and corr, and sigma",
    )


def run(arguments: argparse.Namespace) -> str:
    """The table as CSV or JSON, or where it was written to."""
    from ..data.rows import read_columns
    from ..truth import read_truth, simulate

    if arguments.out:
        _refuse_design(arguments.out, arguments.design)
    truth = read_truth(arguments.truth)
    design = read_columns(design_of(arguments.design))
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    parts = {name: getattr(arguments, name) for name in PARTS}
    made = read_columns(simulate(arguments.formula, design, truth, seed, weights=arguments.weights, **parts))
    given = _written(made, arguments, seed) if arguments.out else _shown(made, arguments, seed)
    if arguments.seed is None:
        print(f"note: drawn with --seed {seed}", file=sys.stderr)
    return given


def _written(columns: Mapping[str, Column], arguments: argparse.Namespace, seed: int) -> str:
    """Where the table is, after it was written there."""
    from ..data.written import write_columns

    out = arguments.out
    write_columns(columns, out)
    if not out.lower().endswith(".parquet"):
        _warn_of_levels(arguments.formula, columns)
    n = len(next(iter(columns.values())).values)
    if arguments.json:
        return to_json(file=out, rows=n, columns=list(columns), seed=seed)
    return f"{n} rows of {', '.join(columns)} are in {out}."


def _shown(columns: Mapping[str, Column], arguments: argparse.Namespace, seed: int) -> str:
    """The table itself, as CSV or JSON."""
    from ..data.written import csv_text

    if arguments.json:
        return to_json(rows=rows_of(columns), seed=seed)
    _warn_of_levels(arguments.formula, columns)
    return csv_text(columns).removesuffix("\n")


def _refuse_design(out: str, design: list[str]) -> None:
    """DataError if the table would be written over the design it was made from."""
    target, source = Path(out).expanduser(), Path(design[0]).expanduser()
    if len(design) == 1 and target.exists() and source.exists() and target.samefile(source):
        raise DataError(f"--out {out!r} is the file of the design; give another name, so that it is not overwritten")


def _warn_of_levels(formula: str, columns: Mapping[str, Column]) -> None:
    """For factors whose levels a CSV file does not keep, where coefficients are named after them."""
    from ..data.written import unlike_in_csv
    from ..formula import Formula

    for name in Formula.parse(formula).expand(columns).predictors(groups=False):
        if unlike_in_csv(columns[name]):
            levels = columns[name].levels
            shown = ", ".join(levels[:6]) + (", ..." if len(levels) > 6 else "")
            warnings.warn(
                f"a CSV file does not keep the levels of {name} ({shown}): they are read back sorted, and as numbers "
                "where all of them are; a .parquet file keeps them",
                MultilevelWarning,
                stacklevel=2,
            )
