"""Design: a formula with all that was learned from the data, applicable to new data.

    Formula + columns ──learn──► Design   (names, recipes of columns, levels, contrasts, what transforms learned)
                                Matrices  (y, X, Z of these data)
    Design + columns ──matrices──► Matrices

As in R, every variable is evaluated on all rows first, then rows with a missing value are dropped, then levels that no
longer occur, and only then are factors coded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from multilevel.errors import DataError, FormulaError, nearest
from multilevel.formula.column import Column, is_number, texts_among_numbers
from multilevel.formula.contrasts import Contrast, contrast_of
from multilevel.formula.evaluate import Scope
from multilevel.formula.formulas import Formula
from multilevel.formula.levels import LOGICAL, Codes, Crossing, Levels, labelled, learn_crossing, learn_levels
from multilevel.formula.matrices import Grouped, Matrices, RandomMatrices, Rows, complete_rows
from multilevel.formula.planning import Coded, Plan, Recipe, Shape, Term, plan_columns
from multilevel.formula.structures import OF_LEVELS, UNCORRELATED
from multilevel.formula.terms import Bar
from multilevel.formula.transforms import Floats
from multilevel.formula.values import Basis
from multilevel.formula.variables import Variable


class Factor(NamedTuple):
    """A categorical variable as the design learned it: levels in order, and the contrast of the fixed terms."""

    levels: tuple[str, ...]
    ordered: bool
    contrast: Contrast
    found: Levels


@dataclass(frozen=True, slots=True, eq=False)
class RandomPart(Grouped):
    """A random term as the design learned it: the grouping factor's levels and the columns that vary over them."""

    bar: Bar
    factor: Levels | Crossing
    plan: Plan

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]  # a field there, read off the plan here
        """Names of the columns that vary over the levels."""
        return self.plan.names


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The recipe of X and Z. `names` are the coefficients': without brackets they are R's."""

    formula: Formula  # with `.` replaced by what it stands for
    plan: Plan  # of X
    factors: dict[str, Factor]  # categorical variables of fixed and random terms, by their text
    random: tuple[RandomPart, ...]  # most levels first, as in lme4
    response_levels: tuple[str, ...]  # of a categorical response; the first is coded 0, the others 1
    memory: dict[str, object]  # what transforms learned, by the text of their call

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients (p,)."""
        return self.plan.names

    @property
    def assign(self) -> tuple[int, ...]:
        """For each column of X (p,) the number of its term, from 1; 0 for the intercept."""
        return self.plan.assign

    @property
    def terms(self) -> tuple[Term, ...]:
        """The fixed terms with their columns."""
        return self.plan.terms

    @property
    def term_labels(self) -> tuple[str, ...]:
        """Labels of the fixed terms, without the intercept."""
        return self.formula.fixed.labels

    @property
    def has_intercept(self) -> bool:
        """Whether the fixed part has an intercept."""
        return self.formula.fixed.intercept

    @property
    def slip(self) -> str:
        """Words on a factor most of whose levels are numbers, to stand behind an error that it may explain; or none."""
        for name, factor in self.factors.items():
            if texts := texts_among_numbers(factor.levels):
                return f"; {name}, taken as a category, mixes numbers and text ({texts[0]!r}): is it a number?"
        return ""

    @staticmethod
    def learn(
        formula: Formula,
        columns: Mapping[str, Column],
        *,
        contrasts: Mapping[str, Any] | None = None,
        extra: Mapping[str, Floats] | None = None,
        factor_response: bool = False,
    ) -> tuple[Design, Matrices]:
        """Learn the design from data, and make the matrices of these data.

        `contrasts` codes factors of the fixed terms (`{"period": "sum"}`); `extra` holds arrays (n_total,), such as
        weights, that lose the same rows and whose missing values drop rows; `factor_response` allows a categorical
        response.
        DataError for columns that are absent, of the wrong kind, infinite, or factors with a single level.

        >>> columns = {"y": Column("y", "number", np.array([3.0, 5.0, 4.0])),
        ...            "f": Column("f", "factor", np.array([0, 1, 1], np.int32), ("a", "b"))}
        >>> design, matrices = Design.learn(Formula.parse("y ~ f"), columns)
        >>> design.names, matrices.X[1].tolist()
        (('(Intercept)', 'f[b]'), [0.0, 1.0, 1.0])
        """
        formula = formula.expand(columns)
        scope = Scope(columns, {})
        rows = complete_rows(formula.inputs, scope, extra or {}, sized=True)
        factors = _learn_factors(formula, rows, contrasts)
        shapes = tuple([_shape(variable, rows, factors, fixed=True) for variable in formula.fixed.variables])
        plan = plan_columns(formula.fixed, shapes)
        random = _learn_random(formula.random, rows, factors)
        response_levels, y = _response(formula.response, rows, factor_response)
        parts = tuple([part for part, _ in random])
        design = Design(formula, plan, factors, parts, response_levels, scope.memory)
        return design, _matrices(design, rows, y, random)

    def matrices(
        self,
        columns: Mapping[str, Column],
        *,
        need_response: bool = False,
        need_random: bool = True,
        need_groups: bool = True,
    ) -> Matrices:
        """The matrices of new data: same columns, same levels, same transforms.

        Rows with a missing value are left out, see `Matrices.kept`. Unseen levels of a factor are a DataError, those of
        a grouping factor have code -1, and so have all rows without `need_groups`; without `need_random`, `random` is
        empty.
        """
        response = self.formula.response if need_response else None
        needed = self.formula.needed(random=need_random, groups=need_groups) + ([response] if response else [])
        rows = complete_rows(needed, Scope(columns, self.memory), {}, some=need_response)
        for text, value in rows.values.items():
            if text in self.factors and not rows.n:  # of whatever kind what is missing was
                rows.factors[text] = np.empty(0, np.int32), len(self.factors[text].found)
            elif text in self.factors:
                rows.factors[text] = _known_codes(text, self.factors[text].found, value)
            elif _is_label(value) and any((text, "", 0) in recipe for recipe in self._all_recipes()):
                raise DataError(f"{text} was a number when the model was fitted; found text in the new data")
        y = _response(response, rows, True, self.response_levels)[1]
        nowhere = np.full(rows.n, -1, np.int32)
        random = [
            (part, part.factor.codes_of(_group(part.bar, rows)) if need_groups else nowhere)
            for part in self.random
            if need_random
        ]
        return _matrices(self, rows, y, random)

    def _all_recipes(self) -> list[Recipe]:
        return [*self.plan.recipes, *(recipe for part in self.random for recipe in part.plan.recipes)]


def _matrices(design: Design, rows: Rows, y: Floats | None, random: Sequence[tuple[RandomPart, Codes]]) -> Matrices:
    parts = [
        RandomMatrices(part.bar, codes, part.factor, part.plan.names, rows.columns(part.plan.recipes))
        for part, codes in random
    ]
    offset = None
    for variable in design.formula.offsets:
        added = _offset(variable, rows)
        offset = added if offset is None else offset + added
    X = rows.columns(design.plan.recipes)
    return Matrices(rows.n, rows.n_total, rows.kept, y, X, offset, rows.extra, tuple(parts))


def _offset(variable: Variable, rows: Rows) -> Floats:
    if _is_label(value := rows.values[variable.text]) or isinstance(value, Basis):
        raise DataError(f"offset({variable.text}) should be one column of numbers")
    return rows.number(variable.text)


def _response(
    response: Variable | None, rows: Rows, factor_allowed: bool, levels: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], Floats | None]:
    """Levels of a categorical response, and y."""
    if response is None:
        return (), None
    value = rows.values[response.text]
    if isinstance(value, Basis):
        if len(value.columns) != 2 or not response.text.startswith("cbind("):
            raise DataError(f"the response {response.text} has several columns; only cbind(successes, failures) may")
        return (), np.column_stack(value.columns)
    if not _is_label(value):
        return (), rows.number(response.text)
    if not factor_allowed:
        raise DataError(_words_for_response(response.text, value.levels))
    found = Levels(levels) if levels else learn_levels(value)[0]
    return found.labels, (_known_codes(response.text, found, value)[0] > 0).astype(np.float64)


def _words_for_response(text: str, levels: tuple[str, ...]) -> str:
    """Why a response of text is none of numbers, and what to do."""
    if texts := texts_among_numbers(levels):
        few = ", ".join(map(repr, texts[:3])) + (", ..." if len(texts) > 3 else "")
        return f"the response {text} mixes numbers and text ({few}); make the text missing and the column numeric"
    if all(map(is_number, levels)):
        return f"the response {text} holds numbers as text or categories; convert the column to numbers first"
    if all(is_number(level.replace(",", ".", 1)) for level in levels):
        return f"the response {text} is text: numbers with decimal commas? Read the file with a decimal comma"
    return (
        f"the response {text} is text or categorical; this model needs numbers. For a yes/no response use a binomial "
        f"family, or compare it with a level: I({text} == ...)"
    )


def _is_label(value: Column | Basis) -> bool:
    return isinstance(value, Column) and value.kind in ("factor", "ordered")


# ---- factors --------------------------------------------------------------------------------------------------------


def _learn_factors(formula: Formula, rows: Rows, contrasts: Mapping[str, Any] | None) -> dict[str, Factor]:
    """Levels, codes and contrasts of all categorical variables in terms."""
    factors: dict[str, Factor] = {}
    for terms in (formula.fixed, *[bar.terms for bar in formula.random]):
        for variable in terms.variables:
            value = rows.values[variable.text]
            if isinstance(value, Basis) or value.kind == "number" or variable.text in factors:
                continue
            # as in R, logical values keep both levels even if only one occurs
            levels, codes = learn_levels(value) if value.kind != "logical" else (Levels(LOGICAL), labelled(value)[0])
            rows.factors[variable.text] = codes, len(levels)
            contrast = _default_contrast(variable, value.kind == "ordered")
            factors[variable.text] = Factor(levels.labels, value.kind == "ordered", contrast, levels)
    if not isinstance(contrasts, Mapping | None):
        raise FormulaError(f'contrasts is {contrasts!r}; expected a coding for each factor, as in {{"period": "sum"}}')
    for text, name in (contrasts or {}).items():
        if text not in factors:
            raise FormulaError(
                f"contrasts are given for {text!r}, no categorical variable of the formula{nearest(text, factors)}"
            )
        old = factors[text]
        factors[text] = Factor(old.levels, old.ordered, contrast_of(text, name, old.levels), old.found)
    return factors


def _shape(variable: Variable, rows: Rows, factors: Mapping[str, Factor], *, fixed: bool) -> Shape:
    """What planning needs to know of a variable; as in lme4, `contrasts` are for the fixed terms only."""
    if (factor := factors.get(variable.text)) is not None:
        return Coded(factor.levels, factor.contrast if fixed else _default_contrast(variable, factor.ordered))
    value = rows.values[variable.text]
    return value.suffixes if isinstance(value, Basis) else None


def _default_contrast(variable: Variable, ordered: bool) -> Contrast:
    return variable.contrast or Contrast("poly" if ordered else "treatment")


def _known_codes(text: str, found: Levels, value: Column | Basis) -> tuple[Codes, int]:
    """Codes of new values among the levels that were learned; DataError for a level that is new."""
    if isinstance(value, Basis) or value.kind == "number":
        raise DataError(f"{text} was categorical when the model was fitted; found numbers in the new data: give levels")
    codes = found.codes_of((value,))
    if codes.size and np.minimum.reduce(codes) < 0:
        own, labels = labelled(value)
        label = labels[own[int(np.argmin(codes))]]
        shown = ", ".join(found.labels[:12]) + (", ..." if len(found) > 12 else "")
        raise DataError(f"{text} has the new level {label!r}, which the fit has not seen; it knows {shown}")
    return codes, len(found)


# ---- random terms ---------------------------------------------------------------------------------------------------


def _learn_random(bars: Sequence[Bar], rows: Rows, factors: dict[str, Factor]) -> list[tuple[RandomPart, Codes]]:
    """Random terms with their codes, those with most levels first.

    (f || g) has one variance for each column of ~ f, intercept and contrasts: uncorrelated, factors included. lme4
    splits only at the + of the terms there, and leaves the columns of a factor correlated.
    """
    known: dict[str, tuple[Levels | Crossing, Codes]] = {}
    parts = []
    for bar in bars:
        if bar.name not in known:
            known[bar.name] = learn_crossing(_group(bar, rows))
        factor, codes = known[bar.name]
        shapes = tuple([_shape(variable, rows, factors, fixed=False) for variable in bar.terms.variables])
        part = RandomPart(bar, factor, plan_columns(bar.terms, shapes))
        _check_structure(part)
        parts.append((part, codes))
    return sorted(parts, key=lambda part: -len(part[0].factor)) if len(parts) > 1 else parts


def _check_structure(part: RandomPart) -> None:
    """DataError where the effects of a term cannot have its covariance structure."""
    name, k = part.structure, len(part.names)
    if name in OF_LEVELS and part.plan.terms[0].codings != ("full",):
        (text,) = part.plan.terms[0].variables
        raise DataError(
            f"{name}() takes the levels of a factor; {text} is a number: "
            f"write {name}(0 + factor({text}) | {part.group})"
        )
    if name not in (*UNCORRELATED, "us") and k < 2:
        raise DataError(
            f"{part.written} has one effect, {part.names[0]}, and {name}() is about correlations: write {part.written}"
        )
    _ = part.covariance  # of ou(): levels that are numbers


def _group(bar: Bar, rows: Rows) -> list[Column]:
    columns = []
    for variable in bar.group:
        value = rows.values[variable.text]
        if isinstance(value, Basis):
            raise DataError(f"the grouping factor {variable.text} has several columns; one was expected")
        columns.append(value)
    return columns
