"""The panel of shrinkage: what each group says alone, and what the model believes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    facet_wrap,
    geom_point,
    geom_segment,
    geom_vline,
    ggplot,
    labs,
    scale_color_manual,
    scale_fill_manual,
    scale_shape_manual,
    theme,
)
from plotnine.themes.elements import element_blank

from ..errors import DataError
from ..labelled import unknown_name
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from ..models.predictor import fixed_part, random_part
from .look import (
    BLUE,
    GREY,
    INK,
    LABELLED,
    VERMILLION,
    Floats,
    height,
    lines_of,
    look,
    ordered,
    way,
)


def shrinkage(m: Any, group: str | None = None) -> ggplot:
    """The way from what each group says alone to what the model believes of it.

    For each level a line leads from the least-squares estimate from its own rows (the rest of the model taken as
    estimated) to the coefficient of the model. Two effects are drawn as one plane, others beside each other. The cross,
    or the dashed line, is the population.

    Parameters
    ----------
    m : what `lmer` returns.
    group : grouping factor. Default: the first of `m.ranef()`.

    Raises
    ------
    DataError : `m` has no groups, or is a generalized model.
    InferenceError : there is no such grouping factor.

    >>> from multilevel import datasets, lmer, plots
    >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy"))
    >>> picture = plots.shrinkage(m)
    """
    fit = getattr(m, "_fit", m)
    if not isinstance(fit, Fit) or not fit.design.random:
        raise DataError(f"shrinkage takes a model with groups, as lmer returns it; found {_what(m)}")
    if isinstance(fit, GeneralizedFit):
        raise DataError(
            "shrinkage compares with least squares, which generalized models do not have; "
            "plots.caterpillar(m.ranef()) shows their random effects"
        )
    groups = list(dict.fromkeys(part.group for part in fit.rows.random))
    if group is not None and group not in groups:
        raise unknown_name("grouping factor", group, groups)
    group = group or groups[0]
    names, raw, shrunken, centre = _own_and_shrunken(fit, group)
    levels = next(part.levels for part in fit.rows.random if part.group == group)
    if len(names) == 2:
        return _plane(group, names, levels, raw, shrunken, centre)
    return _rows_of_lines(group, names, levels, raw, shrunken, centre)


def _own_and_shrunken(fit: Fit, group: str) -> tuple[list[str], Floats, Floats, Floats]:
    """Names (k,), least-squares and model coefficients (l, k) of a factor's effects, and the population's (k,)."""
    places = [t for t, part in enumerate(fit.rows.random) if part.group == group]
    recipes = {recipe: t for t in places for recipe in fit.design.random[t].plan.recipes}
    names = [name for t in places for name in fit.rows.random[t].names]
    fixed = {fit.design.plan.recipes[j]: i for i, j in enumerate(fit.kept)}
    centre = np.array(
        [fit.estimate.beta[fixed[r]] if r in fixed else 0.0 for t in places for r in fit.design.random[t].plan.recipes]
    )
    Z = [z for t in places for z in fit.rows.random[t].Z]
    others = [np.zeros_like(b) if t in places else b for t, b in enumerate(fit.estimate.modes)]
    assert fit.rows.y is not None
    rest = fit.rows.y - fixed_part(fit, fit.rows) - random_part(fit.rows, others)
    for recipe in recipes:
        if recipe in fixed:
            rest = rest + fit.estimate.beta[fixed[recipe]] * fit.rows.X[fit.kept[fixed[recipe]]]
    own = _least_squares_by_group(rest, np.column_stack(Z), fit.rows.random[places[0]].codes, fit.prior_weights)
    shrunken = centre + np.hstack([fit.estimate.modes[t] for t in places])
    return names, own, shrunken, centre


def _least_squares_by_group(y: Floats, Z: Floats, codes: Any, weights: Floats | None) -> Floats:
    """(l, k) coefficients of each level from its own rows; NaN where these cannot tell."""
    k = Z.shape[1]
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    found = np.full((int(codes.max()) + 1, k), np.nan)
    for rows in np.split(order, starts[1:]):
        A, b = Z[rows] * root[rows, None], y[rows] * root[rows]
        solution, _, rank, _ = np.linalg.lstsq(A, b, rcond=1e-10)
        if rank == k:
            found[codes[rows[0]]] = solution
    return found


def _plane(
    group: str, names: list[str], levels: Sequence[str], raw: Floats, shrunken: Floats, centre: Floats
) -> ggplot:
    frame = pd.DataFrame(
        {"x": raw[:, 0], "y": raw[:, 1], "xend": shrunken[:, 0], "yend": shrunken[:, 1], "level": levels}
    )
    both = pd.concat(
        [
            frame[["x", "y"]].assign(what="alone"),
            frame[["xend", "yend"]].set_axis(["x", "y"], axis=1).assign(what="model"),
        ]
    )
    return (
        ggplot(both.dropna(), aes("x", "y"))
        + geom_segment(aes(xend="xend", yend="yend"), frame.dropna(), color=GREY, size=0.5)
        + geom_point(aes(color="what", shape="what", fill="what"), size=2.2)
        + geom_point(aes("x", "y"), pd.DataFrame({"x": centre[:1], "y": centre[1:]}), shape="+", size=7, color=INK)
        + _two_kinds()
        + labs(x=names[0], y=names[1], color=group, shape=group, fill=group, caption="+ population" + _untold(raw))
        + look(6.0, 5.2)
    )  # fmt: skip


def _rows_of_lines(
    group: str, names: list[str], levels: Sequence[str], raw: Floats, shrunken: Floats, centre: Floats
) -> ggplot:
    order = [levels[i] for i in np.argsort(shrunken[:, 0], kind="stable")]
    pieces = [
        pd.DataFrame({"effect": name, "level": levels, "raw": raw[:, k], "estimate": shrunken[:, k]})
        for k, name in enumerate(names)
    ]
    frame = pd.concat(pieces, ignore_index=True)
    frame["effect"] = pd.Categorical(frame["effect"], names)
    frame["level"] = ordered(frame["level"], order)
    points = frame.melt(["effect", "level"], ["raw", "estimate"], var_name="what", value_name="x").dropna()
    points["what"] = points["what"].map({"raw": "alone", "estimate": "model"})
    population = pd.DataFrame({"effect": pd.Categorical(names, names), "x": centre})
    crowded = len(levels) > LABELLED
    return (
        ggplot(frame, aes(y="level"))
        + facet_wrap("effect", nrow=1, scales="free_x", labeller=lines_of(32))
        + geom_vline(aes(xintercept="x"), population, color=GREY, linetype="dashed", size=0.5)
        + way("level", frame.dropna())
        + geom_point(aes("x", color="what", shape="what", fill="what"), points, size=0.8 if crowded else 2.0)
        + _two_kinds()
        + labs(x="coefficient", y=group, color=group, shape=group, fill=group, caption="- - population" + _untold(raw))
        + look(max(5.5, 2.8 * len(names) + 1), height(len(levels)), grid="x")
        + (theme(axis_text_y=element_blank(), axis_ticks_y=element_blank()) if crowded else theme())
    )


def _two_kinds() -> list[Any]:
    return [
        scale_color_manual({"alone": VERMILLION, "model": BLUE}),
        scale_fill_manual({"alone": "#FFFFFF", "model": BLUE}),
        scale_shape_manual({"alone": "D", "model": "o"}),
    ]


def _untold(raw: Floats) -> str:
    """How many groups have too few rows for an estimate of their own."""
    count = int(np.isnan(raw).any(axis=1).sum())
    return f"   {count} groups have too few rows for an estimate of their own." if count else ""


def _what(m: Any) -> str:
    return repr(m) if isinstance(m, str) else type(m).__name__
