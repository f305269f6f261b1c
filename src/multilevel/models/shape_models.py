"""Linear predictors for what shapes a response besides its mean: its dispersion, and inflated zeros.

    log shape_i = d_i'delta        logit pi_i = w_i'gamma,  P(y_i = 0) = pi_i + (1 - pi_i) f(0)

Lambert (1992), Technometrics 34, 1-14, zero inflation; Brooks et al. (2017), R Journal 9(2), 378-400, mixed models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats
from ..errors import FitError, FormulaError
from ..families import Family
from ..formula import Column, Design, Formula

Part: TypeAlias = Literal["zero inflation", "dispersion"]


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """A linear predictor beside that of the mean, for the rows of a fit."""

    part: Part
    design: Design
    X: tuple[Floats, ...]  # k columns (n,)

    def taken(self, rows: NDArray[np.int64] | None) -> ShapeModel:
        """Only these rows; None: all."""
        return self if rows is None else replace(self, X=tuple([x.take(rows) for x in self.X]))


@dataclass(frozen=True, eq=False)
class ShapeModels:
    """The models of a fit beside that of the mean, and where their coefficients stand among its shape parameters."""

    n_own: int  # shapes of the family
    dispersion: ShapeModel | None
    inflation: ShapeModel | None

    def taken(self, rows: NDArray[np.int64] | None) -> ShapeModels:
        """Only these rows; None: all."""
        parts = [model and model.taken(rows) for model in (self.dispersion, self.inflation)]
        return ShapeModels(self.n_own, *parts)

    def with_columns(self, part: Part, columns: tuple[Floats, ...]) -> ShapeModels | None:
        """With other columns of one model; without columns without that model, and None where none is left."""
        model = self.inflation if part == "zero inflation" else self.dispersion
        changed = replace(model, X=columns) if model and columns else None
        kept = (self.dispersion, changed) if part == "zero inflation" else (changed, self.inflation)
        return ShapeModels(self.n_own, *kept) if any(kept) else None

    def columns(self) -> list[tuple[Floats, ...]]:
        """As the compiled core takes them."""
        own: list[tuple[Floats, ...]] = [()] * self.n_own
        if self.dispersion:
            own[0] = self.dispersion.X
        return [*own, self.inflation.X] if self.inflation else own

    def places(self, part: Part) -> slice:
        """Where the coefficients of a model stand among all shape parameters."""
        first = len(self.dispersion.X) if self.dispersion else 0
        if part == "dispersion":
            return slice(0, first)
        return slice(first + self.n_own - bool(self.dispersion), None)

    def natural(self, parameters: Floats) -> Floats:
        """(s,) shapes of the family on their natural scale; NaN for one that has a model."""
        if self.dispersion is None:
            return np.exp(parameters[: self.n_own])
        after = len(self.dispersion.X)
        return np.append(np.nan, np.exp(parameters[after : after + self.n_own - 1]))

    def by_row(self, parameters: Floats, dispersion: tuple[Floats, ...] | None) -> Floats:
        """(s, n) shapes of the family in every row, given the columns of the dispersion model; (s,) without one."""
        shape = self.natural(parameters)
        if dispersion is None:
            return shape
        first = np.exp(np.column_stack(dispersion) @ parameters[self.places("dispersion")])
        return np.vstack([first, *[np.full_like(first, value) for value in shape[1:]]])

    def inflated(self, parameters: Floats, columns: tuple[Floats, ...]) -> Floats:
        """(n,) probabilities that a row is zero whatever its mean."""
        from scipy.special import expit

        chance: Floats = expit(np.column_stack(columns) @ parameters[self.places("zero inflation")])
        return chance


def parsed_part(text: str | None, part: Part, family: Family) -> Formula | None:
    """A one-sided formula; None for no model: none given, no zeros inflated (`~ 0`), or one dispersion (`~ 1`).

    FormulaError for a response, a random term, an offset or a dot; FitError where the family has no such part.
    """
    if text is None:
        return None
    formula = Formula.parse(text)
    option = "ziformula" if part == "zero inflation" else "dispformula"
    if formula.response is not None:
        right = formula.text.split("~", 1)[1].strip()
        raise FormulaError(f'{option} is {text!r}; expected a formula without response: "~ {right}"')
    if formula.random:
        raise FormulaError(f"{option} is {text!r}; random terms in a model of {part}: not yet, leave them out")
    if formula.offsets or formula.has_dot:
        raise FormulaError(f"{option} is {text!r}; offsets and '.' are not possible in a model of {part}")
    plain = "".join(text.split())
    if plain == ("~0" if part == "zero inflation" else "~1"):
        return None
    if part == "dispersion" and not family.shape_names:
        raise FitError(f"the {family.name} family has no dispersion that dispformula could model")
    if part == "dispersion" and np.isfinite(family.given_shape()[0]):
        raise FitError(
            f"the {family.shape_names[0]} of the family is given; dispformula would estimate it: give one of them"
        )
    return formula


def learned(
    formula: Formula | None, part: Part, columns: Mapping[str, Column], kept: NDArray[np.int64] | None, n: int
) -> ShapeModel | None:
    """The model on the rows kept; FitError where its columns cannot be told apart."""
    if formula is None:
        return None
    if kept is not None:
        columns = {name: replace(column, values=column.values.take(kept)) for name, column in columns.items()}
    design, rows = Design.learn(formula, columns)
    X = rows.X if formula.variables else tuple([np.ones(n) for _ in rows.X])
    dense = np.column_stack(X) if X else np.empty((n, 0))
    rank = int(np.linalg.matrix_rank(dense)) if X else 0
    if not X or rank < len(X):
        raise FitError(
            f"the model of {part} has {len(X)} columns ({', '.join(design.names)}) of rank {rank}; expected columns "
            "that do not determine each other: leave a term out"
        )
    return ShapeModel(part, design, tuple([np.ascontiguousarray(x, np.float64) for x in X]))
