"""`emmeans` and `emtrends`: from a fit to means and slopes over its reference grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np

from ...errors import InferenceError, nearest
from ...models.estimate import Fit
from ...models.generalized import GeneralizedFit
from ..levels import checked_level
from ..methods import sampling_of
from ..sampling import Sampling
from .averaging import averages, counts, text_key
from .axes import Reduce
from .basis import Basis
from .estimability import estimability
from .families import DEGREES
from .functions import Shown
from .grid import At, Grid, columns_of, no_predictor, reference_grid
from .marginal import MarginalMeans
from .nesting import carried, described
from .parts import MeansComponent, cell_slopes, cells, over_cells, part_of
from .scales import Scale, scale_of
from .slopes import slopes, variable_of
from .specs import Names, Spec, read_spec
from .submodel import KINDS, Submodel, submodel_of

Type: TypeAlias = Literal["link", "response"]
TYPES = ("link", "response")
DEGREE = "degree"
EMPTY = (
    "NOTE: nonEst stands where the data determine nothing, because combinations have no rows; "
    'weights="flat" leaves such combinations out of averages.'
)
MISLEADING = "NOTE: Results may be misleading due to involvement in interactions"


def emmeans(
    fit: Fit,
    data: Any,
    specs: str | Sequence[str],
    *,
    by: Names = None,
    at: At = None,
    cov_reduce: Reduce = "mean",
    weights: Any = "equal",
    offset: float | None = None,
    nested: bool = True,
    df: str | Sampling | None = None,
    level: float = 0.95,
    type: Type = "link",
    component: MeansComponent = "cond",
    scale: Scale | None = None,
    submodel: str | None = None,
    backend: str = "pandas",
) -> MarginalMeans:
    """Estimated marginal means: averages of predictions over a grid of the predictors.

    Parameters
    ----------
    fit, data : the model, and the table it was fitted to.
    specs : predictors whose combinations have a mean each, `"a"`, `["a", "b"]`, `"~ a * b"`; behind a bar those that
        make separate tables, `"~ a | b"`; `"~ 1"` for the mean of all.
    by : names of more predictors that make separate tables.
    at : values of some predictors, `{"x": [1, 2], "f": ["a", "b"]}`.
    cov_reduce : for numeric predictors with more than two values: `"mean"`, `"median"`, `"range"`, `"unique"`,
        `"around"` (mean - 1, mean + 1) or a function of the values (n,), or one for each, `{"x": "range"}`.
    weights : of what is averaged over: `"equal"`; `"proportional"` to the rows at their combinations, `"outer"` to the
        product of their margins, `"cells"` to the rows in each cell, `"flat"` over cells with rows; or numbers.
    offset : in place of the formula's offset, whose mean over the rows it is by default; where `at` has one of its
        columns, the offset there.
    nested : whether factors that are nested in others, as drugs in routes, are averaged within these and named with
        them; a note says which. False: all factors are taken as crossed.
    df : `"kenward-roger"` (default of mixed models, as in emmeans), `"satterthwaite"`, `"residual"` (default of linear
        models) or `"none"` (normal reference). Kenward and Roger's method also adjusts the standard errors.
    level : of confidence intervals.
    type : `"response"` shows means on the scale of the response, where it was transformed in the formula.
    component : of a model of zero inflation or dispersion: `"cond"`, the mean of the family, inflated zeros left out;
        `"zi"`, the chance of these, or `"disp"`, the dispersion, on the scales of logit and logarithm; `"response"`,
        the expected response, inflated zeros included, averaged on its own scale.
    scale : of the linear predictor, such as a link. Default: what the response of the formula says.
    submodel : means as a smaller model would have them, `"~ a + b"`, whose other terms are zero instead of averaged
        over; `"minimal"`, with the terms made of the predictors asked for; or `"type2"`, with that of all of these
        alone. See submodel.py.
    backend : library of the frames.

    Raises
    ------
    InferenceError : a name is no predictor, a level or option is not known, or the grid is too large.
    DataError : the data have changed since the fit.

    References
    ----------
    Searle, Speed & Milliken (1980), Population marginal means in the linear model, Am. Stat. 34, 216-221.

    >>> from multilevel.models.linear import fit_linear
    >>> data = {"y": [1.0, 3.0, 2.0, 6.0], "f": ["a", "a", "b", "b"], "g": ["u", "v", "u", "v"]}
    >>> emmeans(fit_linear("y ~ f + g", data), data, "~ f")
     f emmean    SE df lower.CL upper.CL
     a      2 0.707  1    -6.98       11
     b      4 0.707  1    -4.98       13
    <BLANKLINE>
    Results are averaged over the levels of: g
    Confidence level used: 0.95
    """
    _check_options(type, level)
    spec = read_spec(specs, by)
    part, besides, note = part_of(fit, component)
    grid = reference_grid(part, data, at=at, cov_reduce=cov_reduce, offset=offset, nested=nested, besides=besides)
    check_names(part, grid, spec)
    basis, smaller = basis_of(part, df, backend), submodel_of(part, submodel, component)
    if component == "response":
        basis, grid = over_cells(fit, grid, *cells(fit, grid), basis.sampling, backend)
    made = _averaged(basis, grid, spec, weights, "emmean", note, smaller)
    scale = None if component == "response" else scale or scale_of(part)
    gaussian = component == "cond" and (not isinstance(fit, GeneralizedFit) or fit.family.name == "gaussian")
    noise = 0.0 if gaussian else None
    made = replace(
        made, cautions=_cautions(part, grid, made), scale=scale, noise=noise, shown=Shown(level=float(level))
    )
    return made.response() if type == "response" and scale is not None else made


def emtrends(
    fit: Fit,
    data: Any,
    specs: str | Sequence[str],
    var: str,
    *,
    by: Names = None,
    at: At = None,
    cov_reduce: Reduce = "mean",
    weights: Any = "equal",
    delta: float | None = None,
    max_degree: int = 1,
    nested: bool = True,
    df: str | Sampling | None = None,
    level: float = 0.95,
    component: MeansComponent = "cond",
    submodel: str | None = None,
    backend: str = "pandas",
) -> MarginalMeans:
    """Estimated marginal means of slopes: how the predictions of the grid change with a numeric predictor.

    The slope at x is the difference quotient (f(x + delta) - f(x)) / delta of the linear predictor f, as in emmeans:
    the derivative itself where f is linear in x, and off by delta f''(x) / 2 where it is not.

    Parameters
    ----------
    var : name of the numeric predictor, or a function of one, `"log(dose)"`, in which slopes are taken then.
    delta : step of the quotient. Default: a thousandth of the range of the predictor; a hundredth for degrees above 3.
    max_degree : from 2 on, divided differences of higher order too, f^(d) / d!, in a table for each `degree`; up to 5.
    specs, by, at, cov_reduce, weights, nested, df, level, component, submodel, backend : as for `emmeans`; `degree`
        may stand in specs, and a submodel is a formula. Slopes of `component="response"` are of degree 1.

    Raises
    ------
    InferenceError : as for `emmeans`; `var` is not numeric, or has a level for each value.

    >>> from multilevel.models.linear import fit_linear
    >>> data = {"y": [1.0, 3.0, 2.5, 2.0, 6.0, 9.0], "x": [0.0, 1.0, 2.0, 0.0, 1.0, 2.0], "f": list("aaabbb")}
    >>> emtrends(fit_linear("y ~ f * x", data), data, "~ f", "x").estimates.estimate.round(6)
    array([0.75, 3.5 ])
    """
    _check_options("link", level)
    if submodel in KINDS:
        raise InferenceError(
            f'submodel="{submodel}" is for means and joint tests; for slopes write it, as in "~ a + x"'
        )
    spec = read_spec(specs, by)
    part, besides, note = part_of(fit, component)
    grid = reference_grid(part, data, at=at, cov_reduce=cov_reduce, nested=nested, besides=besides)
    plain = Spec(*(tuple(name for name in names if name != DEGREE or max_degree == 1) for names in spec))
    check_names(part, grid, plain)
    variable = variable_of(part, grid, var)
    basis, smaller = basis_of(part, df, backend), submodel_of(part, submodel, component)
    if component == "response":
        basis, only = over_cells(
            fit, grid, *cell_slopes(fit, grid, variable, delta, max_degree), basis.sampling, backend
        )
        parts = [only]
    else:
        parts = slopes(part, grid, variable, delta, max_degree)
    each = [_averaged(basis, g, plain, weights, f"{var}.trend", note, smaller) for g in parts]
    made = each[0] if max_degree == 1 else _by_degree(each, spec)
    if _in_interaction(part, {key.name for key in made.keys}, {variable.axis.name}):
        made = replace(made, cautions=(*made.cautions, MISLEADING))
    return replace(made, shown=Shown(level=float(level)))


def _by_degree(parts: Sequence[MarginalMeans], spec: Spec) -> MarginalMeans:
    """Slopes of each degree, one below the other."""
    first, count = parts[0], len(parts)
    rows = list(range(len(first.L))) * count
    over = [key for key in first.keys if key.name not in first.by]
    if spec.over == (DEGREE,):
        over = []
    behind = [key for key in first.keys if key.name in first.by]
    degree = text_key(DEGREE, np.repeat(DEGREES[:count], len(first.L)).tolist())
    here = (*(key.taken(rows) for key in over), degree, *(key.taken(rows) for key in behind))
    by = first.by if DEGREE in spec.over else (*first.by, DEGREE)
    L, constant = np.vstack([part.L for part in parts]), np.concatenate([part.constant for part in parts])
    return replace(first, keys=here, by=by, L=L, constant=constant)


def _averaged(
    basis: Basis, grid: Grid, spec: Spec, weights: Any, what: str, note: str, submodel: Submodel | None
) -> MarginalMeans:
    by = carried(spec.by, grid.nests)
    names = (*carried(spec.over, grid.nests, by), *by)
    made, text = averages(grid, grid.X, names, weights), ""
    if submodel is not None:
        made, text = submodel.constrained(made, names), submodel.text(names)
    cautions = tuple(filter(None, (described(grid.nests) if grid.nests else "", note)))
    return MarginalMeans(
        basis, made.keys, by, made.L, made.constant, what, made.averaged, submodel=text, cautions=cautions
    )


def basis_of(fit: Fit, df: str | Sampling | None, backend: str) -> Basis:
    """The sampling distribution of the coefficients by the method asked for, or the default of the model."""
    mixed = bool(fit.design.random)
    generalized = isinstance(fit, GeneralizedFit)
    default = None if generalized else "kenward-roger" if mixed else "residual"
    sampling = sampling_of(fit, df or default)
    method = sampling.method.lower() if mixed and not generalized else ""
    return Basis(sampling, estimability(fit), "asymptotic" if method == "none" else method, backend)


def _check_options(type: str, level: float) -> None:
    if type not in TYPES:
        raise InferenceError(f"type is {type!r}; expected 'link' or 'response'{nearest(str(type), TYPES)}")
    checked_level(level)


def check_names(fit: Fit, grid: Grid, spec: Spec) -> None:
    """InferenceError for a name that is no predictor of the grid."""
    for name in (*spec.over, *spec.by):
        if name not in grid.names:
            raise no_predictor(fit, name, grid.names)


def _cautions(fit: Fit, grid: Grid, made: MarginalMeans) -> tuple[str, ...]:
    cautions = list(made.cautions)
    cautions += [MISLEADING] if _in_interaction(fit, {key.name for key in made.keys}) else []
    if not made.estimable.all() and (counts(grid, grid.axes) == 0).any():
        cautions.append(EMPTY)
    return tuple(cautions)


def _in_interaction(fit: Fit, names: set[str], apart: set[str] | frozenset[str] = frozenset()) -> bool:
    """Whether means, or slopes in what stands `apart`, hide an interaction of these predictors with another one."""
    terms = [columns_of(fit, term) for term in fit.design.formula.fixed.terms]
    return any(names - apart < term - apart for term in terms if apart <= term)
