"""`joint_tests`: from a fit to F tests of its terms, by the means of its reference grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import InferenceError
from ...models.components import Component, component_fit
from ...models.estimate import Fit
from ..sampling import Sampling
from .averaging import Averages, averages
from .axes import Reduce
from .grid import At, columns_of, reference_grid
from .joint import CONFOUNDED, JointTests, TermContrasts, grid_terms, term_tests
from .nesting import described
from .specs import Names, Spec, as_names
from .submodel import Submodel, submodel_of
from .verbs import basis_of, check_names

WITHIN = "NOTE: Tests are in submodels of the model: {}"
OF_TERM = {
    "minimal": "for each term that of its own predictors",
    "type2": "each term after all terms that do not contain it (type II)",
}


def joint_tests(
    fit: Fit,
    data: Any,
    *,
    by: Names = None,
    at: At = None,
    cov_reduce: Reduce = "around",
    weights: Any = "equal",
    nested: bool = True,
    df: str | Sampling | None = None,
    component: Component = "cond",
    submodel: str | None = None,
    backend: str = "pandas",
) -> JointTests:
    """F tests of the terms of a model, by contrasts among the means of its reference grid.

    For factors these are type III tests of cells that weigh the same, whatever the coding of the factors; a covariate
    is compared at its mean - 1 and + 1. Parameters are those of `emmeans`; `by` are predictors whose levels have a
    table each, and `component` is `"cond"`, `"zi"` or `"disp"`. With `submodel="type2"` each term is tested after all
    terms that do not contain it: type II tests in a linear model, where weights and random effects stay those of the
    model; with `"minimal"`, after those made of the same predictors.

    >>> from multilevel.models.linear import fit_linear
    >>> data = {"y": [1.0, 3.0, 2.0, 6.0, 2.0], "f": ["a", "a", "b", "b", "a"], "g": ["u", "v", "u", "v", "u"]}
    >>> joint_tests(fit_linear("y ~ f + g", data), data)
     model term df1 df2 F.ratio p.value
     f            1   2   2.521  0.2533
     g            1   2   6.750  0.1217
    """
    fit = component_fit(fit, component)
    grid = reference_grid(fit, data, at=at, cov_reduce=cov_reduce, nested=nested)
    groups = as_names(by, "by")
    check_names(fit, grid, Spec((), groups))
    basis, smaller = basis_of(fit, df, backend), submodel_of(fit, submodel, component)
    if groups and submodel == "type2":
        raise InferenceError('submodel="type2" tests the terms of the model, which have no by; leave one of them out')
    over = [name for name in grid.names if name not in groups]
    if not any(len(grid.axis(name)) > 1 for name in over):
        raise InferenceError("there is no predictor left whose values could be compared; joint tests need one")
    terms = [columns_of(fit, term) for term in fit.design.formula.fixed.terms]
    cells = averages(grid, grid.X, [*over, *groups], weights)
    contrasts = list(_within(smaller, grid_terms(grid, groups, terms, weights)))
    tables = []
    for table in dict.fromkeys(_labels(cells, groups)):
        titles = [f"{name} = {cell}" for name, cell in zip(groups, table, strict=True)]
        here = [i for i, labels in enumerate(_labels(cells, groups)) if labels == table]
        parts = [(name, part.L[[labels == table for labels in _labels(part, groups)]]) for name, _, part in contrasts]
        rows = term_tests(basis, cells.L[here], parts)
        kept = [row for row in rows if smaller is None or row.term != CONFOUNDED]
        tables.append((f"{', '.join(titles)}:" if groups else "", kept))
    notes = [
        described(grid.nests) if grid.nests else "",
        WITHIN.format(OF_TERM.get(submodel, submodel)) if submodel else "",
    ]
    return JointTests(tables, " ".join(filter(None, [basis.sampling.note, *notes])), backend)


def _within(submodel: Submodel | None, contrasts: Iterator[TermContrasts]) -> Iterator[TermContrasts]:
    """The contrasts of each term in its submodel; for type II tests, of terms that are in the model."""
    for term in contrasts:
        if submodel is None:
            yield term
        elif submodel.asked != "type2" or term.predictors in submodel.terms:
            yield term._replace(contrasts=submodel.constrained(term.contrasts, term.predictors))


def _labels(made: Averages, names: Sequence[str]) -> list[tuple[str, ...]]:
    """What each row says in some of its keys."""
    columns = [key.cells for key in made.keys if key.name in names]
    return list(zip(*columns, strict=True)) if columns else [()] * len(made.L)
