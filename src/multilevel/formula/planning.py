"""Which columns a sum of terms has: their names, and the recipes that `matrices` makes them by.

A pure function of the terms and of each variable's shape, so results are kept: a design learned again costs a look-up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from multilevel.errors import DataError, FormulaError
from multilevel.formula.contrasts import Contrast
from multilevel.formula.terms import Terms

Coding: TypeAlias = Literal["number", "contrast", "full"]
Piece: TypeAlias = tuple[str, str, int]
Recipe: TypeAlias = tuple[Piece, ...]


class Coded(NamedTuple):
    """The shape of a factor: its levels, and the contrast where it is not coded in full."""

    levels: tuple[str, ...]
    contrast: Contrast


Shape: TypeAlias = Coded | tuple[str, ...] | None  # a factor, the suffixes of a basis, or one column of numbers


class Term(NamedTuple):
    """A fixed term: its variables, how each is coded in it, and the positions of its columns in X."""

    label: str
    variables: tuple[str, ...]
    codings: tuple[Coding, ...]
    columns: range


class Plan(NamedTuple):
    """The columns of one sum of terms, and for each the number of its term (0 for the intercept)."""

    names: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    assign: tuple[int, ...]
    terms: tuple[Term, ...]


@lru_cache(maxsize=256)
def plan_columns(terms: Terms, shapes: tuple[Shape, ...]) -> Plan:
    """The columns of a sum; `shapes` are those of `terms.variables`. DataError for a factor of one level."""
    names = ["(Intercept)"] if terms.intercept else []
    recipes: list[Recipe] = [()] if terms.intercept else []
    assign = [0] * len(names)
    planned = []
    codings = _codings(terms, shapes)
    for number, term in enumerate(terms.terms):
        made: list[tuple[str, Recipe]] = [("", ())]
        for i, coding in zip(term, codings[number], strict=True):
            pieces = _pieces(terms.variables[i].text, shapes[i], coding)
            # the first variable of a term varies fastest
            made = [(_join(name, added), (*recipe, piece)) for added, piece in pieces for name, recipe in made]
        texts = tuple(terms.variables[i].text for i in term)
        planned.append(Term(terms.labels[number], texts, codings[number], range(len(names), len(names) + len(made))))
        names += [name for name, _ in made]
        recipes += [recipe for _, recipe in made]
        assign += [number + 1] * len(made)
    return Plan(tuple(names), tuple(recipes), tuple(assign), tuple(planned))


def _codings(terms: Terms, shapes: tuple[Shape, ...]) -> list[tuple[Coding, ...]]:
    """How each variable is coded in each term: by marginality, but without an intercept the first factor is in full."""
    seen = terms.intercept
    codings = []
    for term, full in zip(terms.terms, terms.full, strict=True):
        row: list[Coding] = []
        for i, in_full in zip(term, full, strict=True):
            is_factor = isinstance(shapes[i], Coded)
            row.append("number" if not is_factor else "full" if in_full or not seen else "contrast")
            seen = seen or is_factor
        codings.append(tuple(row))
    return codings


def _join(name: str, added: str) -> str:
    return f"{name}:{added}" if name else added


def _pieces(text: str, shape: Shape, coding: Coding) -> list[tuple[str, Piece]]:
    """The columns of one variable: what each is called, and its piece."""
    if shape is None:
        return [(text, (text, "", 0))]
    if not isinstance(shape, Coded):
        return [(_bracket(text, suffix), (text, "", j)) for j, suffix in enumerate(shape)]
    if coding == "full":
        return [(_bracket(text, level), (text, "=", j)) for j, level in enumerate(shape.levels)]
    levels, contrast = shape
    _check_contrast(text, levels, contrast)
    suffixes, shown = contrast.suffixes(levels), contrast.indicated(len(levels))
    if shown is not None:
        return [(_bracket(text, suffix), (text, "=", j)) for j, suffix in zip(shown, suffixes, strict=True)]
    return [(_bracket(text, suffix), (text, contrast.kind, j)) for j, suffix in enumerate(suffixes)]


def _bracket(text: str, suffix: str) -> str:
    return f"{text}[{suffix}]" if suffix else text


def _check_contrast(text: str, levels: tuple[str, ...], contrast: Contrast) -> None:
    if len(levels) < 2:
        raise DataError(
            f"{text} has only one level among the rows used, {levels[0]!r}; "
            "a factor needs two levels at least to be compared: leave it out"
        )
    if contrast.base >= len(levels):
        raise FormulaError(f"{text}: the reference is level {contrast.base + 1}, but there are {len(levels)} levels")
