"""The options by which models are fitted, the same for every command; data by name; and the fits."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError, FormulaError, nearest

PARTS = ("ziformula", "dispformula")


def add_fitting(parser: argparse.ArgumentParser) -> None:
    """--family and what belongs to it, --weights."""
    parser.add_argument(
        "--family", metavar="NAME", help='of a generalized model: binomial, "binomial(probit)", poisson, ...'
    )
    parser.add_argument("--agq", metavar="N", type=int, help="nodes of adaptive quadrature; default 1, Laplace")
    add_parts(parser)
    parser.add_argument("--weights", metavar="COL", help="column of prior weights")


def add_parts(parser: argparse.ArgumentParser) -> None:
    """--ziformula, --dispformula."""
    parser.add_argument("--ziformula", metavar="FORMULA", help='model of zero inflation, "~ x"')
    parser.add_argument("--dispformula", metavar="FORMULA", help='model of the dispersion of the family, "~ x"')


def add_ml(parser: argparse.ArgumentParser) -> None:
    """--ml."""
    parser.add_argument("--ml", action="store_true", help="maximum likelihood instead of REML")


def add_df(parser: argparse.ArgumentParser, default: str) -> None:
    """--df."""
    parser.add_argument(
        "--df",
        metavar="METHOD",
        help=f"degrees of freedom of linear mixed models: satterthwaite, kenward-roger, ... (default: {default})",
    )


def table(name: str) -> Any:
    """The path if there is such a file, else the bundled data set of that name."""
    from .. import datasets

    path = Path(name).expanduser()
    if path.is_file() or path.suffix:
        return name
    if name in datasets.names():
        return datasets.load(name, backend="dict")
    raise DataError(
        f"{name!r} is neither a file nor a bundled data set{nearest(name, datasets.names())}; "
        f"the data sets are {', '.join(datasets.names())}"
    )


def fitted(formula: str, data: Any, arguments: argparse.Namespace, *, reml: bool = True) -> Any:
    """lm or lmer, with a family glm or glmer."""
    from ..fit import glm, glmer, lm, lmer

    family, weights = arguments.family, arguments.weights
    mixed, parts = _is_mixed(formula), {name: getattr(arguments, name) for name in PARTS}
    if not family:
        return lmer(formula, data, REML=reml, weights=weights) if mixed else lm(formula, data, weights=weights)
    if not mixed:
        return glm(formula, data, family, weights=weights, **parts)
    return glmer(formula, data, family, weights=weights, n_agq=1 if arguments.agq is None else arguments.agq, **parts)


def check_options(formulas: Sequence[str], arguments: argparse.Namespace, *, ml: bool = False) -> None:
    """FormulaError for an option that none of the formulas has a use for."""
    mixed, family = any(map(_is_mixed, formulas)), arguments.family
    if arguments.agq is not None and not (mixed and family):
        raise FormulaError("--agq is for generalized models with random effects: give --family and a term like (1 | g)")
    for name in PARTS:
        if getattr(arguments, name) is not None and not family:
            raise FormulaError(f"--{name} is for generalized models: give --family")
    if ml and family:
        raise FormulaError("generalized models are always fitted by maximum likelihood; leave --ml out")
    if ml and not mixed:
        raise FormulaError(
            "--ml is for formulas with random effects, such as (1 | subject); least squares has no choice between ML "
            "and REML: leave --ml out"
        )


def _is_mixed(formula: str) -> bool:
    from ..formula import Formula

    return bool(Formula.parse(formula).random)
