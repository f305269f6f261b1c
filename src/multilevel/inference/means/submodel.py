"""Means and tests in a smaller model, from the coefficients of the larger one.

With X_1 the columns of the submodel, rows of X times the roots of their weights, least squares predicts X by X_1 A,
A = (X_1'X_1)^-1 X_1'X. What L beta would be in the submodel is L_1 A beta, where L_1 are its columns of L: exactly so
in a linear model without random effects. Elsewhere weights stay as the larger model has them, prior ones and those of
the last step of a generalized fit, and random effects have no part in A. For type II tests X_1 are the columns of one
term, less their projection on those of all terms that do not contain it (emmeans' vignette "Explanations supplement",
section "Sub-models").
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ...data.sums import Floats
from ...errors import FormulaError, InferenceError, nearest
from ...formula import Formula
from ...models.estimate import Fit
from ...models.generalized import GeneralizedFit
from ..sampling import independent
from ..whitened import triangle
from .averaging import Averages
from .grid import columns_of

NOTHING = 1e-7  # share of its length below which a column has nothing of its own
KINDS = ("minimal", "type2")


@dataclass(frozen=True, eq=False)
class Submodel:
    """What was asked for, the terms of the model by their predictors, and the triangle of its weighted columns.

    `columns` and `terms` have the intercept first, if there is one, as the term without predictors.
    """

    asked: str
    terms: tuple[frozenset[str], ...]
    columns: tuple[tuple[int, ...], ...]
    X: Floats  # (columns of X, the same)
    named: frozenset[frozenset[str]]  # terms of a formula that was asked for

    def constrained(self, made: Averages, names: Collection[str]) -> Averages:
        """The same functions in the submodel; `names` are the predictors that they are about."""
        return made._replace(L=made.L @ self._projection(frozenset(names)))

    def text(self, names: Collection[str]) -> str:
        """How emmeans names the submodel, `~ source + percent`."""
        parts = [":".join(_ordered(self.terms[t], self.terms)) for t in self._chosen(frozenset(names))]
        return f"~ {' + '.join(filter(None, parts)) or '1'}"

    def _chosen(self, names: frozenset[str]) -> list[int]:
        """Positions of the terms that stay."""
        count = range(len(self.terms))
        if self.asked == "minimal":
            return [t for t in count if self.terms[t] <= names]
        if self.asked != "type2":
            return [t for t in count if not self.terms[t] or self.terms[t] in self.named]
        own = [t for t in count if self.terms[t] == names]
        if not own or not names:
            what = ":".join(sorted(names)) or "of means of all"
            raise InferenceError(f'submodel="type2" keeps one term, and the model has no term {what}')
        return own

    def _projection(self, names: frozenset[str]) -> Floats:
        """(columns of X, the same) what functions of the coefficients are multiplied by: A, filled up with zeros."""
        columns = self._positions(self._chosen(names))
        Z = self.X[:, columns]
        lengths = np.linalg.norm(Z, axis=0)
        if self.asked == "type2":
            others = self.X[:, self._positions([t for t, term in enumerate(self.terms) if not names <= term])]
            Z = Z - others @ np.linalg.lstsq(others, Z, rcond=None)[0]
        some = np.flatnonzero(np.linalg.norm(Z, axis=0) > NOTHING * lengths)
        kept = some[independent((Z[:, some] / lengths[some]).T)]
        made = np.zeros_like(self.X)
        made[np.array(columns, int)[kept]] = np.linalg.lstsq(Z[:, kept], self.X, rcond=None)[0]
        return made

    def _positions(self, terms: list[int]) -> list[int]:
        return [j for t in terms for j in self.columns[t]]


def submodel_of(fit: Fit, asked: str | None, component: str = "cond") -> Submodel | None:
    """The submodel `"minimal"`, `"type2"`, or of a formula `"~ a + b"`; None for None.

    Raises
    ------
    InferenceError : it is none of these, has a term that the model does not have, or the fit has other parts.
    """
    if asked is None:
        return None
    if component != "cond" or (isinstance(fit, GeneralizedFit) and fit.modelled):
        raise InferenceError("submodel is for models without zero inflation and dispersion models; fit the smaller one")
    design = fit.design
    terms = [frozenset(columns_of(fit, term)) for term in design.formula.fixed.terms]
    columns = [tuple(term.columns) for term in design.terms]
    if design.has_intercept:
        terms, columns = [frozenset(), *terms], [(0,), *columns]
    X, weights = _weighted(fit)
    return Submodel(asked, tuple(terms), tuple(columns), triangle(X, weights), _terms_asked(asked, terms))


def _weighted(fit: Fit) -> tuple[tuple[Floats, ...], Floats | None]:
    """Columns (n,) and weights (n,) of the rows: prior ones, or those of iterated weighted least squares."""
    if not isinstance(fit, GeneralizedFit):
        return fit.sums.X, fit.sums.weights
    family, weights, shape = fit.family, fit.weights, fit.shape
    counts = weights > 0
    slope = family.slope_at(family.link.of(fit.mu), shape)
    scale = family.scale(fit.mu, np.where(counts, weights, 1.0), shape)
    return fit.rows.X, np.where(counts, (slope / scale) ** 2, 0.0)


def _terms_asked(asked: str, terms: list[frozenset[str]]) -> frozenset[frozenset[str]]:
    """The terms of a formula, by their predictors."""
    if asked in KINDS:
        return frozenset()
    expected = 'expected "minimal", "type2" or a formula such as "~ a + b"'
    if not isinstance(asked, str) or not asked.lstrip().startswith("~"):
        near = nearest(asked, KINDS) if isinstance(asked, str) else ""
        raise InferenceError(f"submodel is {asked!r}; {expected}{near}")
    try:
        formula = Formula.parse(asked)
    except FormulaError as error:
        raise InferenceError(f"submodel cannot be read: {error}") from None
    fixed = formula.fixed
    if formula.random or formula.offsets or (frozenset() in terms) != fixed.intercept:
        raise InferenceError(f"submodel is {asked!r}; it has terms of the model only, and its intercept")
    found = [frozenset(name for i in term for name in fixed.variables[i].names) for term in fixed.terms]
    for label, term in zip(fixed.labels, found, strict=True):
        if term not in terms:
            known = [":".join(_ordered(t, terms)) for t in terms if t]
            raise InferenceError(f"submodel: the model has no term {label}{nearest(label, known)} ({', '.join(known)})")
    return frozenset(found)


def _ordered(term: frozenset[str], terms: Collection[frozenset[str]]) -> list[str]:
    """Names of a term in the order in which main effects, or else terms, have them."""
    order = list(dict.fromkeys(name for other in terms for name in sorted(other)))
    return sorted(term, key=order.index)
