"""Slopes: divided differences of the linear predictor in one of its variables.

The divided difference of order d, over neighbouring nodes, is f^(d) / d! near their middle (Newton): the coefficient
of the power d in a local polynomial. Nodes lie about x, the odd one above it, or below where the highest degree is
even, as in emmeans. Of a function u = g(x) of a predictor the same in u: nodes are those of x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...data.sums import Floats
from ...errors import FormulaError, InferenceError, MultilevelError
from ...formula import Column
from ...formula.calls import names_in
from ...formula.evaluate import Scope, evaluate_variable
from ...formula.parse import Name, parse
from ...models.estimate import Fit
from .axes import Axis
from .grid import Grid, evaluate, no_predictor

HIGHEST = 5
FINE, COARSE = 1e-3, 1e-2  # steps as shares of the range; coarse from degree 4 on, where rounding would show


class Variable(NamedTuple):
    """What slopes are taken in: a predictor, or a function of it, `log(dose)`."""

    text: str
    axis: Axis
    function: Callable[[Floats], Floats]


def variable_of(fit: Fit, grid: Grid, var: str) -> Variable:
    """The variable that a text names.

    Raises InferenceError if it is no numeric predictor or function of one.
    """
    if var in grid.names:
        return Variable(var, _numeric(grid, var), lambda x: x)
    if not isinstance(var, str):
        raise no_predictor(fit, str(var), grid.names, "var: ")
    try:
        node = parse(var)
        names = list(dict.fromkeys(names_in(node)))
    except FormulaError as error:
        raise InferenceError(f"var: {error}") from None
    if isinstance(node, Name) or len(names) != 1 or names[0] not in grid.names:
        raise no_predictor(fit, names[0] if len(names) == 1 else var, grid.names, "var: ")
    axis = _numeric(grid, names[0])

    def function(x: Floats) -> Floats:
        try:
            value = evaluate_variable(node, var, Scope({axis.name: Column(axis.name, "number", x)}, {}))
        except MultilevelError as error:
            raise InferenceError(f"var: {error}") from None
        if not isinstance(value, Column) or value.kind != "number":
            raise InferenceError(f"var: {var} is not one number for each value of {axis.name}")
        return np.asarray(value.values, np.float64)

    return Variable(var, axis, function)


def _numeric(grid: Grid, name: str) -> Axis:
    axis = grid.axis(name)
    if not axis.numeric:
        raise InferenceError(f"var: {name} is no number but has levels; emmeans compares them, slopes need numbers")
    if axis.coded:
        raise InferenceError(f"var: the formula makes a factor of {name}; emmeans compares its levels, it has no slope")
    return axis


def slopes(fit: Fit, grid: Grid, variable: Variable, delta: float | None, max_degree: int) -> list[Grid]:
    """For each degree from 1 on, a grid whose rows are divided differences of that order."""
    if isinstance(max_degree, bool) or not (isinstance(max_degree, int) and 1 <= max_degree <= HIGHEST):
        raise InferenceError(f"max_degree is {max_degree!r}; expected a whole number from 1 to {HIGHEST}")
    delta = step_of(variable, delta, FINE if max_degree < 4 else COARSE)
    x = np.array(variable.axis.values, np.float64)[grid.places(variable.axis.name)]
    low, high = (max_degree // 2, -(-max_degree // 2)) if max_degree % 2 else (max_degree // 2, max_degree // 2)
    nodes = {j: evaluate(fit, grid.axes, {variable.axis.name: j * delta}) for j in range(-low, high + 1)}
    u = {j: variable.function(x + j * delta) for j in nodes}
    made = []
    for degree in range(1, max_degree + 1):
        below = degree // 2 if max_degree % 2 else (degree + 1) // 2
        places = range(-below, degree - below + 1)
        at = np.array([u[j] for j in places])
        X, offset = (_divided(at, np.array([nodes[j][i] for j in places])) for i in (0, 1))
        made.append(replace(grid, X=X, offset=offset))
    return made


def step_of(variable: Variable, delta: float | None, share: float = FINE) -> float:
    """The step of a difference quotient: as given, or a share of the range; InferenceError for none."""
    if delta is None:
        values = variable.axis.column.values
        delta = share * float(values.max() - values.min())
    if not (isinstance(delta, int | float) and np.isfinite(delta) and delta != 0):
        raise InferenceError(f"delta is {delta!r}; expected a step that is not zero")
    return float(delta)


def _divided(u: Floats, f: Floats) -> Floats:
    """Newton's divided difference of values f (d + 1, m, ...) at nodes u (d + 1, m)."""
    u = u.reshape(*u.shape, *(1,) * (f.ndim - 2))
    for order in range(1, len(f)):
        f = (f[1:] - f[:-1]) / (u[order:] - u[:-order])
    return np.asarray(f[0], np.float64)
