"""Marginal means of one part of a fit with models of zero inflation or dispersion, and of the expected response.

The parts have linear predictors, whose means are those of any model. Expected responses are no linear functions of the
coefficients: they are computed in each cell of the grid, (1 - pi) mu, and averaged there, with a covariance of the
cells by the delta method, as emmeans does for `component = "response"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from ...data.sums import Floats
from ...errors import InferenceError
from ...models.components import check_component, component_fit, components, every, places
from ...models.estimate import Fit
from ...models.generalized import GeneralizedFit
from ..expected import expected, needed
from ..sampling import FixedDf, Sampling
from .basis import Basis, Transformed
from .estimability import Estimability, estimability
from .grid import ROOM, Grid, evaluate
from .slopes import Variable, step_of

MeansComponent: TypeAlias = Literal["cond", "zi", "disp", "response"]
CONDITIONAL = 'NOTE: These are of the mean of the family, inflated zeros left out; component="response" counts them.'
EXPECTED = "NOTE: These are of the expected response{}, averaged on its scale."


class Part(NamedTuple):
    """Whose linear predictor is averaged, which other parts have predictors in the grid, and a note."""

    fit: Fit
    besides: tuple[Fit, ...] = ()
    note: str = ""


def part_of(fit: Fit, component: str) -> Part:
    """The part asked for; InferenceError for one the fit does not have."""
    check_component(fit, component, get_args(MeansComponent))
    known = components(fit)
    if component == "cond":
        return Part(fit, note=CONDITIONAL if "zi" in known else "")
    if component != "response":
        return Part(component_fit(fit, component))
    if known == ("cond",):
        raise InferenceError(
            'component="response" is for models of zero inflation or dispersion; without them type="response" shows '
            "means on the scale of the response, and .regrid() averages them there"
        )
    assert isinstance(fit, GeneralizedFit)
    besides = tuple([component_fit(fit, name) for name in needed(fit)[1:]])
    return Part(fit, besides, EXPECTED.format(", inflated zeros included" if "zi" in known else ""))


def cells(fit: Fit, grid: Grid, shifts: Mapping[str, float] | None = None) -> tuple[Floats, Floats]:
    """(m,) expected responses of the cells of a grid, and their slopes (m, p + s); NaN where not estimable."""
    assert isinstance(fit, GeneralizedFit)
    X, offset = evaluate(fit, grid.axes, shifts)
    offset = grid.offset + offset - evaluate(fit, grid.axes)[1]  # that of the grid may be a mean over the rows
    own = X[:, list(fit.kept)]
    at, columns = {"cond": own @ fit.estimate.beta + offset}, {"cond": own}
    for name in needed(fit)[1:]:
        part = component_fit(fit, name)
        columns[name] = evaluate(part, grid.axes, shifts)[0]
        at[name] = columns[name] @ part.estimate.beta
    mean, by, slopes = expected(fit, at)
    for name, slope in by.items():
        slopes[:, places(fit, name)] += slope[:, None] * columns[name]
    return np.where(estimability(fit).of(X), mean, np.nan), slopes


def cell_slopes(
    fit: Fit, grid: Grid, variable: Variable, delta: float | None, max_degree: int
) -> tuple[Floats, Floats]:
    """(m,) difference quotients of the expected responses of the cells, and how they follow the coefficients."""
    if max_degree != 1:
        raise InferenceError(f'max_degree is {max_degree!r}; slopes of component="response" are of degree 1')
    name, step = variable.axis.name, step_of(variable, delta)
    x = np.array(variable.axis.values, np.float64)[grid.places(name)]
    run = variable.function(x + step) - variable.function(x)
    after, before = cells(fit, grid, {name: step}), cells(fit, grid)
    return (after[0] - before[0]) / run, (after[1] - before[1]) / run[:, None]


def over_cells(
    fit: Fit, grid: Grid, values: Floats, slopes: Floats, sampling: Sampling, backend: str
) -> tuple[Basis, Grid]:
    """A basis whose coefficients are values of the cells, and the grid that takes each for itself."""
    assert isinstance(fit, GeneralizedFit)
    m = len(values)
    if m * m > ROOM:
        raise InferenceError(
            f"the reference grid has {m} combinations, which is too many for expected responses; hold some predictors "
            "at chosen values by at="
        )
    degrees = float(sampling.df(np.eye(len(sampling.beta))[:1])[0])
    origin = FixedDf(sampling.method, every(fit), fit.joint_vcov, sampling.note, degrees)
    known = np.isfinite(values)
    made = Transformed.of(origin, np.where(known, values, 0.0), np.where(known[:, None], slopes, 0.0))
    basis = Basis(made, Estimability(np.zeros((m, 0)), np.ones(m), tuple(range(m))), "", backend)
    identity = np.where(known[:, None], np.eye(m), np.nan)
    return basis, replace(grid, X=identity, offset=np.zeros(m))
