"""Linear predictors for what shapes a response besides its mean: its dispersion, and inflated zeros.

    log shape_i = d_i'delta + z_i'c        logit pi_i = w_i'gamma + z_i'c,  P(y_i = 0) = pi_i + (1 - pi_i) f(0)

Both may have random effects c, independent of those of the mean and of each other. The shape of a gamma response is one
over its dispersion, as in glmmTMB.

Lambert (1992), Technometrics 34, 1-14, zero inflation; Brooks et al. (2017), R Journal 9(2), 378-400, mixed models;
Hedeker, Mermelstein & Demirtas (2008), Biometrics 64, 627-634, scales that vary between subjects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats
from ..errors import FitError, FormulaError
from ..families import Family
from ..formula import Column, Design, Formula, Matrices, RandomMatrices
from ..formula.evaluate import missing_rows
from .inputs import Inputs

Part: TypeAlias = Literal["zero inflation", "dispersion"]
PRESENT = "predictors of shapes present"
PARTS: dict[str, Part] = {"zi": "zero inflation", "disp": "dispersion"}


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """A linear predictor beside that of the mean, for the rows of a fit."""

    part: Part
    design: Design
    rows: Matrices  # without response

    @property
    def X(self) -> tuple[Floats, ...]:
        """k columns (n,)."""
        return self.rows.X

    def taken(self, rows: NDArray[np.int64] | None) -> ShapeModel:
        """Only these rows; None: all."""
        return replace(self, rows=self.rows.taken(rows))


@dataclass(frozen=True, eq=False)
class ShapeModels:
    """The models of a fit beside that of the mean, and where their coefficients stand among its shape parameters."""

    family: Family
    dispersion: ShapeModel | None
    inflation: ShapeModel | None

    def taken(self, rows: NDArray[np.int64] | None) -> ShapeModels:
        """Only these rows; None: all."""
        parts = [model and model.taken(rows) for model in (self.dispersion, self.inflation)]
        return ShapeModels(self.family, *parts)

    def by_component(self) -> dict[str, ShapeModel]:
        """The models there are, by their short names."""
        named = (("zi", self.inflation), ("disp", self.dispersion))
        return {name: model for name, model in named if model}

    @property
    def n_own(self) -> int:
        """Shapes of the family."""
        return len(self.family.shape_names)

    @property
    def sign(self) -> float:
        """Of the dispersion model beside the logarithm of the family's first shape."""
        return -1.0 if self.family.modelled_reciprocal else 1.0

    def of(self, part: Part) -> ShapeModel | None:
        """One of the models."""
        return self.inflation if part == "zero inflation" else self.dispersion

    def with_columns(self, part: Part, columns: tuple[Floats, ...]) -> ShapeModels | None:
        """With other columns of one model; without columns without that model, and None where none is left."""
        model = self.of(part)
        changed = self._with(part, replace(model.rows, X=columns) if model and columns else None)
        return changed if changed.by_component() else None

    def with_random(self, part: Part, random: tuple[RandomMatrices, ...]) -> ShapeModels:
        """With other random terms of one model."""
        model = self.of(part)
        return self._with(part, replace(model.rows, random=random) if model else None)

    def _with(self, part: Part, rows: Matrices | None) -> ShapeModels:
        """With other rows of one model; None: without it."""
        model = self.of(part)
        changed = replace(model, rows=rows) if model and rows else None
        kept = (self.dispersion, changed) if part == "zero inflation" else (changed, self.inflation)
        return ShapeModels(self.family, *kept)

    @property
    def varies(self) -> bool:
        """Whether a model has random terms."""
        return any(model.rows.random for model in self.by_component().values())

    def columns(self) -> list[tuple[Floats, ...]]:
        """As the compiled core takes them."""
        own: list[tuple[Floats, ...]] = [()] * self.n_own
        if self.dispersion:
            own[0] = tuple([self.sign * x for x in self.dispersion.X])
        return [*own, self.inflation.X] if self.inflation else own

    def random(self, part: Part) -> tuple[RandomMatrices, ...]:
        """The random terms of a model."""
        model = self.of(part)
        return model.rows.random if model else ()

    def places(self, part: Part) -> slice:
        """Where the coefficients of a model stand among all shape parameters."""
        first = len(self.dispersion.X) if self.dispersion else 0
        if part == "dispersion":
            return slice(0, first)
        return slice(first + self.n_own - bool(self.dispersion), None)

    def natural(self, parameters: Floats) -> Floats:
        """(s,) shapes of the family on their natural scale; NaN for one that has a model."""
        if self.dispersion is None:
            return self.family.natural(parameters[: self.n_own])
        after = len(self.dispersion.X)
        return self.family.natural(np.append(np.nan, parameters[after : after + self.n_own - 1]))

    def by_row(self, parameters: Floats, modelled: Floats) -> Floats:
        """(s, n) shapes of the family in every row, given what the dispersion model says (n,)."""
        first = self.family.first_shape(modelled)
        return np.vstack([first, *[np.full_like(first, value) for value in self.natural(parameters)[1:]]])


def parsed_part(text: str | None, part: Part, family: Family) -> Formula | None:
    """A one-sided formula; None for no model: none given, no zeros inflated (`~ 0`), or one dispersion (`~ 1`).

    FormulaError for a response, an offset or a dot; FitError where the family has no such part.
    """
    if text is None:
        return None
    option = "ziformula" if part == "zero inflation" else "dispformula"
    if not isinstance(text, str) or "~" not in text:
        raise FormulaError(f'{option} is {text!r}; expected a formula without response, such as "~ x + (1 | group)"')
    formula = Formula.parse(text)
    if formula.response is not None:
        right = formula.text.split("~", 1)[1].strip()
        raise FormulaError(f'{option} is {text!r}; expected a formula without response: "~ {right}"')
    if formula.offsets or formula.has_dot:
        raise FormulaError(
            f"{option} is {text!r}; offsets and '.' are not possible in a model of {part}: name its predictors, as in "
            '"~ x + (1 | group)"'
        )
    plain = "".join(text.split())
    if plain == ("~0" if part == "zero inflation" else "~1"):
        return None
    if part == "dispersion" and not family.shape_names:
        others = {"poisson": "negative_binomial", "binomial": "beta_binomial"}
        instead = f'family="{others[family.name]}" has one' if family.name in others else "leave it out"
        raise FitError(f"the {family.name} family has no dispersion that dispformula could model; {instead}")
    if part == "dispersion" and np.isfinite(family.given_shape()[0]):
        raise FitError(
            f"the {family.shape_names[0]} of the family is given; dispformula would estimate it: give one of them"
        )
    return formula


def learned_rows(
    formula: Formula,
    inputs: Inputs,
    contrasts: Mapping[str, Any] | None,
    also: Sequence[str],
    *,
    factor_response: bool = False,
) -> tuple[Design, Matrices]:
    """The model of the mean on the rows where the predictors `also` of the other models are present."""
    extra = dict(inputs.extra)
    if also:
        gaps = [missing_rows(inputs.columns[name]) for name in dict.fromkeys(also)]
        extra[PRESENT] = np.where(np.any(gaps, axis=0), np.nan, 0.0)
    design, rows = Design.learn(
        formula, inputs.columns, contrasts=contrasts, extra=extra, factor_response=factor_response
    )
    rows.extra.pop(PRESENT, None)
    return design, rows


def learned_models(
    family: Family, inflation: Formula | None, dispersion: Formula | None, columns: Mapping[str, Column], rows: Matrices
) -> ShapeModels | None:
    """The models beside that of the mean on its rows; None without any."""
    if not inflation and not dispersion:
        return None
    return ShapeModels(
        family, learned(dispersion, "dispersion", columns, rows), learned(inflation, "zero inflation", columns, rows)
    )


def learned(formula: Formula | None, part: Part, columns: Mapping[str, Column], fitted: Matrices) -> ShapeModel | None:
    """The model on the rows that are fitted; FitError where its columns cannot be told apart."""
    if formula is None:
        return None
    n, kept = fitted.n, fitted.kept
    if kept is not None:
        columns = {name: replace(column, values=column.values.take(kept)) for name, column in columns.items()}
    design, rows = Design.learn(formula, columns)
    X = rows.X if formula.variables else tuple([np.ones(n) for _ in rows.X])
    if not X and rows.random:
        raise FitError(
            f"the model of {part} {formula.text!r} has no mean for its random effects to vary about; expected an "
            "intercept or a predictor, as in ~ 1 + (1 | group)"
        )
    dense = np.column_stack(X) if X else np.empty((n, 0))
    rank = int(np.linalg.matrix_rank(dense)) if X else 0
    if not X or rank < len(X):
        raise FitError(
            f"the model of {part} has {len(X)} columns ({', '.join(design.names)}) of rank {rank}; expected columns "
            "that do not determine each other: leave a term out"
        )
    X = tuple([np.ascontiguousarray(x, np.float64) for x in X])
    return ShapeModel(part, design, replace(rows, n=n, n_total=fitted.n_total, kept=kept, X=X))
