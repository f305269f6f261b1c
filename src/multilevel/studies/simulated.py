"""Power by simulation: draw responses from a stated truth, fit the model to each, count what its tests find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from math import prod
from numbers import Real
from typing import Any, Literal

import numpy as np

from ..arguments import named
from ..data.rows import column_names, read_columns
from ..errors import DataError, InferenceError, nearest
from ..families import family_of
from ..formula import Column, Formula
from ..models.inputs import Weights
from ..progress import Progress
from ..seeds import Seed, generator
from ..truth import Truth
from ..truth.truths import listed
from .outcomes import Axis, Outcome
from .resized import resized
from .results import Power
from .scenarios import Study

LEAST = 10  # simulations


@named
def power(
    formula: str,
    design: Any,
    truth: Truth,
    test: str | Sequence[str],
    *,
    n: int = 1000,
    alpha: float = 0.05,
    df: str | None = None,
    along: Mapping[str, Sequence[int]] | None = None,
    at: Mapping[str, Sequence[float]] | None = None,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
    ziformula: str | None = None,
    dispformula: str | None = None,
    seed: Seed = None,
    threads: int | None = None,
    backend: str = "pandas",
) -> Power:
    """How often a test finds an effect, when the truth is as stated: draw, fit, test, count.

    Each response is drawn as by `simulate` and fitted as by `lmer` (by REML), `lm`, `glmer` or `glm`: with random terms
    or without, of the family of the truth.

    Parameters
    ----------
    formula : the model in R's language, `"y ~ condition + (condition | participant)"`.
    design : a table without response as for `simulate`, made by `expand_grid` or measured.
    truth : the parameters that responses are drawn from.
    test : what is tested: a coefficient, `"condition[treatment]"`, by its t or z test; a term, `"condition"`, by its F
        test of type III, or Wald's chi-square test; an equation, `"a = b"`; `"lr(condition)"`, the likelihood ratio
        test of a term or coefficient, between fits by maximum likelihood. Where a term and a coefficient have the same
        name it is the coefficient. Several in a list are tested in the same responses.
    n : responses to draw, 10 or more. With 1000 the limits of a power of 80 % are 2.6 points away.
    alpha : level of the tests.
    df : degrees of freedom of t and F tests, `"satterthwaite"`, `"kenward-roger"`, `"between-within"`, `"residual"` or
        `"none"` (z and chi-square). Default: as in the summary of the model.
    along : numbers of levels of a grouping factor, `{"participant": [10, 20, 40]}`: a power curve. Levels of the design
        are taken in turn, those alike in the other factors evenly; beyond those there are, the rows of each are copied
        for a new level, with what is nested in it.
    at : values of a coefficient of the truth, `{"condition[treatment]": [0.1, 0.2]}`: a power curve. With several axes,
        all combinations.
    weights, contrasts : as for `lmer`.
    ziformula, dispformula : models of inflated zeros and of the dispersion, as for `glmer` and `simulate`; the truth
        states their coefficients, `"zi: x"` and `"disp: x"`. Tests are of the mean.
    seed : an integer, a generator, or None. Response i of each scenario is the same for any n and number of threads.
    threads : of the refits; default: MULTILEVEL_NUM_THREADS, OMP_NUM_THREADS or all processors.
    backend : library of the frame that `to_frame()` gives.

    Returns
    -------
    `Power`, a page with the power and its exact interval, how many fits failed (not significant) or were singular,
    mean and spread of the estimates, and errors of type S and M of significant ones: a wrong sign, a size exaggerated
    (Gelman & Carlin 2014, Perspect. Psychol. Sci. 9, 641-651). `plots.power` draws it.

    Raises
    ------
    FormulaError, DataError : formula, design and truth do not belong together.
    FitError : the design cannot be fitted.
    InferenceError : an unknown test, factor or coefficient, or an impossible number.

    >>> from multilevel.designs import expand_grid
    >>> from multilevel.truth import Group
    >>> design = expand_grid(participant=20, condition=["control", "treatment"], trial=10, backend="dict")
    >>> truth = Truth({"(Intercept)": 0, "condition[treatment]": 0.1}, {"participant": Group(sd=0.25)}, sigma=0.5)
    >>> found = power("y ~ condition + (1 | participant)", design, truth, "condition", n=200, seed=1)
    >>> found["condition"][0].power
    0.53
    """
    count = _whole("n", n, LEAST, f"{LEAST} or more; a thousand tell a power to within 3 points")
    team = 0 if threads is None else _whole("threads", threads, 1, "1 or more")
    if isinstance(alpha, bool) or not isinstance(alpha, Real) or not 0 < alpha < 1:
        raise InferenceError(f"alpha is {alpha!r}; expected a level between 0 and 1, such as 0.05")
    tests = tuple(test) if isinstance(test, Sequence) and not isinstance(test, str) else (test,)
    if not tests:
        raise InferenceError("test is empty; expected the name of a term or coefficient, or several")
    if not isinstance(truth, Truth):
        raise DataError(f"truth is of type {type(truth).__name__}; expected a Truth: mlm.Truth(fixed=..., sigma=...)")
    sizes = _axes("along", along or {}, "levels")
    values = _axes("at", at or {}, "value")
    for axis in values:
        if axis.name not in truth.fixed:
            has = listed(truth.fixed)
            raise InferenceError(
                f"at has {axis.name!r}, which the truth has not{nearest(axis.name, truth.fixed)} (it has {has})"
            )
    if sizes and not (weights is None or isinstance(weights, str)):
        raise InferenceError("weights are an array, which has no values for new rows; with along, name a column")
    parsed, parts = Formula.parse(formula), {"ziformula": ziformula, "dispformula": dispformula}
    study = Study(formula, tests, count, float(alpha), df, weights, contrasts, parts, _entropy(seed), team)
    columns, axes = _columns(parsed, design, weights, parts) if sizes else design, (*sizes, *values)
    results: list[Outcome] = []
    with Progress("power", count * prod(len(axis.values) for axis in axes)) as progress:
        for where in product(*(axis.values for axis in axes)):
            table = columns
            for axis, size in zip(sizes, where, strict=False):
                table = resized(table, parsed, axis.name, int(size))
            changed = dict(zip([axis.name for axis in values], where[len(sizes) :], strict=True))
            words, found = study.run(table, truth.replace(fixed=changed), where, progress)
            results += found
    family = family_of(truth.family)
    plain = family.name == "gaussian" and family.link.name == "identity"
    shown = {what: text for what, text in (("Zero inflation", ziformula), ("Dispersion", dispformula)) if text}
    return Power(
        parsed.text, "" if plain else str(family), count, float(alpha), words, axes, tuple(results), shown, backend
    )


def _axes(what: str, given: Any, kind: Literal["levels", "value"]) -> tuple[Axis, ...]:
    """Axes by name, with numbers that make sense."""
    example = '{"participant": [10, 20, 40]}' if kind == "levels" else '{"days": [5, 10]}'
    if not isinstance(given, Mapping):
        raise InferenceError(f"{what} is of type {type(given).__name__}; expected numbers by name, such as {example}")
    made = []
    for name, numbers in given.items():
        listing = list(numbers) if isinstance(numbers, Iterable) and not isinstance(numbers, str) else [numbers]
        if not listing:
            raise InferenceError(f"{what}[{name!r}] is empty; expected numbers, such as {example}")
        for number in listing:
            if kind == "levels":
                _whole(f"{what}[{name!r}]", number, 2, "of levels, 2 or more")
            elif isinstance(number, bool) or not isinstance(number, Real) or not np.isfinite(float(number)):
                raise InferenceError(f"{what}[{name!r}] is {number!r}; expected a finite number")
        if len(set(listing)) < len(listing):
            raise InferenceError(f"{what}[{name!r}] has a number twice; give each once")
        made.append(Axis(str(name), kind, tuple(map(float, listing))))
    return tuple(made)


def _columns(formula: Formula, design: Any, weights: Weights, parts: Mapping[str, str | None]) -> dict[str, Column]:
    """The columns of the design that the formulas or the weights name; a formula with `.` may need all."""
    present = column_names(design)
    wanted = (
        present
        if formula.has_dot
        else [
            *formula.variables,
            *[name for text in parts.values() if text for name in Formula.parse(text).variables],
            *([weights] if isinstance(weights, str) else []),
        ]
    )
    return read_columns(design, [name for name in present if name in wanted] or present[:1])


def _entropy(seed: Seed) -> Any:
    """What every scenario starts from."""
    return (
        seed if isinstance(seed, int | np.integer) and seed >= 0 else generator(seed).integers(2**32, size=4).tolist()
    )


def _whole(name: str, value: object, least: int, expected: str) -> int:
    """A whole number; InferenceError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InferenceError(f"{name} is {value!r}; expected a whole number, {expected}")
    return int(value)
