"""Panels of groups: three ways of pooling, shrinkage, and what is estimated for each level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    facet_wrap,
    geom_jitter,
    geom_point,
    geom_segment,
    geom_vline,
    ggplot,
    labs,
    scale_color_manual,
    scale_fill_manual,
    scale_shape_manual,
    scale_y_discrete,
    theme,
)
from plotnine.positions import position_jitter
from plotnine.themes.elements import element_blank

from ..data.rows import read_columns
from ..effects import coefficients
from ..errors import DataError
from ..grouped import GroupTable, GroupTables
from ..labelled import unknown_name
from ..models.estimate import Fit
from ..models.linear_mixed import fit_linear_mixed
from ..models.predictor import fixed_part, random_part
from .look import (
    BLUE,
    FAINT,
    GREY,
    INK,
    LABELLED,
    VERMILLION,
    Floats,
    level_in,
    look,
    normal_quantile,
    thinned,
    thinned_words,
)

POOLINGS = ("Complete pooling", "No pooling", "Partial pooling")


def pooling(y: str, group: str, data: Any, *, level: float = 0.95) -> ggplot:
    """Complete, no and partial pooling side by side: three answers to "what is the mean of each group?".

    One mean for all, a mean for each, or means drawn from one distribution. Grey dots are the rows, diamonds the raw
    means; a filled dot with its interval is the estimate, and the line the way from the raw mean to it: all the way to
    the common mean, none of it, or a part.

    Parameters
    ----------
    y, group : names of two columns, of numbers and of groups.
    data : any table that `lmer` takes. Incomplete rows are left out.
    level : of the intervals: t with the degrees of freedom of `lm`, and normal for partial pooling. Default 0.95.

    Raises
    ------
    DataError : a column is missing, or the values are no numbers.
    FitError : there are too few groups or rows to compare, or nothing varies.

    >>> from multilevel import datasets, plots
    >>> picture = plots.pooling("y", "participant", datasets.load("tutorial_d2"))
    """
    level = level_in(level)
    columns = read_columns(data, [y, group])
    if columns[y].kind not in ("number", "logical"):
        raise DataError(f"{y} holds text or categories; pooling draws the means of numbers")
    fit = fit_linear_mixed(f"{_quoted(y)} ~ 1 + (1 | {_quoted(group)})", columns)
    part = fit.rows.random[0]
    assert fit.rows.y is not None
    frame, order = _three_poolings(fit, level)
    values = pd.DataFrame({"value": fit.rows.y, "group": _factor(np.array(part.levels)[part.codes], order)})
    shown = thinned(len(values))
    few, many = len(shown) < 500, len(order) > LABELLED
    return (
        ggplot(frame, aes(y="group"))
        + facet_wrap("pooling", nrow=1)
        + geom_jitter(
            aes(x="value"), values.iloc[shown], color=FAINT, alpha=0.8 if few else 0.25, size=1.2 if few else 0.8,
            stroke=0, position=position_jitter(width=0, height=0.22, random_state=1),
        )
        + geom_vline(xintercept=float(fit.estimate.beta[0]), linetype="dashed", color=GREY, size=0.5)
        + geom_segment(aes(x="lower", xend="upper", yend="group"), color=BLUE, size=0.9)
        + _way("group")
        + geom_point(aes(x="raw"), shape="D", fill="white", color=INK, size=3.2)
        + geom_point(aes(x="estimate"), color=BLUE, size=1.8)
        + labs(x=y, y=group, caption=f"◇ raw mean   ● estimate, {level:.0%} interval   - - mean of all. "
               + thinned_words(len(values)))
        + look(9.0, _height(len(order)), grid="x")
        + (theme(axis_text_y=element_blank(), axis_ticks_y=element_blank()) if many else theme())
    )  # fmt: skip


def _three_poolings(fit: Fit, level: float) -> tuple[pd.DataFrame, list[str]]:
    """Raw means and estimates with limits, a row for each group and way of pooling; the groups by their means."""
    from scipy.special import stdtrit

    part, y = fit.rows.random[0], fit.rows.y
    assert y is not None
    counts = np.bincount(part.codes, minlength=part.n_levels)
    raw = np.bincount(part.codes, y, minlength=part.n_levels) / counts
    n, tail = len(y), (1 + level) / 2
    within = n - len(raw)
    sigma = float(np.sqrt(((y - raw[part.codes]) ** 2).sum() / within))
    table = coefficients(fit, "dict")[part.group]
    common = np.full(len(raw), y.mean())
    halves = (
        np.full(len(raw), stdtrit(n - 1, tail) * y.std(ddof=1) / np.sqrt(n)),
        stdtrit(within, tail) * sigma / np.sqrt(counts),
        normal_quantile(level) * table.errors[:, 0],
    )
    order = [part.levels[i] for i in np.argsort(raw, kind="stable")]
    pieces = [
        pd.DataFrame(
            {"pooling": name, "group": part.levels, "raw": raw, "estimate": estimate,
             "lower": estimate - half, "upper": estimate + half}
        )
        for name, estimate, half in zip(POOLINGS, (common, raw, table.estimates[:, 0]), halves, strict=True)
    ]  # fmt: skip
    frame = pd.concat(pieces, ignore_index=True)
    frame["pooling"] = pd.Categorical(frame["pooling"], POOLINGS)
    frame["group"] = _factor(frame["group"], order)
    return frame, order


def caterpillar(effects: Any, *, level: float = 0.95, group: str | None = None) -> ggplot:
    """What is estimated for each level of the grouping factors, with intervals, from the smallest to the largest.

    A dashed line stands at zero where the intervals reach it.

    Parameters
    ----------
    effects : `m.ranef()` or `m.coef()`, or the table of one grouping factor, `m.ranef()["subject"]`.
    level : of the intervals, estimate +- a normal quantile times its standard error. Default 0.95.
    group : only this grouping factor. Default: all.

    Raises
    ------
    DataError : this is neither of these tables, or `level` is no probability.
    InferenceError : there is no such grouping factor.

    >>> from multilevel import datasets, lmer, plots
    >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy"))
    >>> picture = plots.caterpillar(m.ranef())
    """
    reach = normal_quantile(level_in(level))
    tables = _tables(effects, group)
    frame = pd.concat([_long(table, len(tables) > 1) for table in tables], ignore_index=True)
    frame["panel"] = pd.Categorical(frame["panel"], frame["panel"].unique())
    frame["key"] = _factor(frame["key"], list(dict.fromkeys(frame["key"])))
    frame["lower"], frame["upper"] = (frame["estimate"] + sign * reach * frame["error"] for sign in (-1, 1))
    panels = len(frame["panel"].cat.categories)
    limits = frame.groupby("panel", observed=True).agg({"lower": "min", "upper": "max"})
    around_zero = limits.index[(limits["lower"] < 0) & (limits["upper"] > 0)]
    zero = pd.DataFrame({"panel": pd.Categorical(around_zero, frame["panel"].cat.categories), "at": 0.0})
    tallest = max(len(table.levels) for table in tables)
    columns = min(panels, 3 if len(tables) > 1 else 4)
    crowded = tallest > LABELLED
    return (
        ggplot(frame, aes(x="estimate", y="key"))
        + facet_wrap("panel", ncol=columns, scales="free" if len(tables) > 1 else "free_x")
        + geom_vline(aes(xintercept="at"), zero, color=GREY, linetype="dashed", size=0.5)
        + geom_segment(aes(x="lower", xend="upper", yend="key"), color=BLUE, size=0.3 if crowded else 0.8)
        + geom_point(color=INK, size=0.4 if crowded else 1.6)
        + scale_y_discrete(labels=_level_labels(tables))
        + labs(x=f"estimate, {level:.0%} interval", y=tables[0].group if len(tables) == 1 else "")
        + look(max(4.5, 2.9 * columns + 0.8), _height(tallest) * -(-panels // columns), grid="x")
        + (theme(axis_ticks_y=element_blank()) if crowded else theme())
    )


def _tables(effects: Any, group: str | None) -> list[GroupTable]:
    if isinstance(effects, GroupTable):
        effects = GroupTables((effects,))
    if not isinstance(effects, GroupTables):
        raise DataError(f"caterpillar takes m.ranef() or m.coef(); found {type(effects).__name__}")
    if group is not None and group not in effects:
        raise unknown_name("grouping factor", group, effects)
    return [table for table in effects.tables if group in (None, table.group)]


def _long(table: GroupTable, several: bool) -> pd.DataFrame:
    """A row for each level and effect, levels by their first effect; a key that no two factors share."""
    order = np.argsort(table.estimates[:, 0], kind="stable")
    pieces = [
        pd.DataFrame(
            {"panel": f"{table.group}: {name}" if several else name,
             "key": [f"{table.group}\n{table.levels[i]}" for i in order],
             "estimate": table.estimates[order, k], "error": table.errors[order, k]}
        )
        for k, name in enumerate(table.names)
    ]  # fmt: skip
    return pd.concat(pieces, ignore_index=True)


def _level_labels(tables: Sequence[GroupTable]) -> Any:
    """The names of levels, for factors that have few enough to read."""
    short = {table.group for table in tables if len(table.levels) <= LABELLED}

    def labels(keys: Sequence[str]) -> list[str]:
        parts = [key.split("\n", 1) for key in keys]
        return [level if group in short else "" for group, level in parts]

    return labels


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
    DataError : `m` has no groups.
    InferenceError : there is no such grouping factor.

    >>> from multilevel import datasets, lmer, plots
    >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy"))
    >>> picture = plots.shrinkage(m)
    """
    fit = getattr(m, "_fit", m)
    if not isinstance(fit, Fit) or not fit.design.random:
        raise DataError(f"shrinkage takes a model with groups, as lmer returns it; found {_what(m)}")
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
    frame["level"] = _factor(frame["level"], order)
    points = frame.melt(["effect", "level"], ["raw", "estimate"], var_name="what", value_name="x").dropna()
    points["what"] = points["what"].map({"raw": "alone", "estimate": "model"})
    population = pd.DataFrame({"effect": pd.Categorical(names, names), "x": centre})
    crowded = len(levels) > LABELLED
    return (
        ggplot(frame, aes(y="level"))
        + facet_wrap("effect", nrow=1, scales="free_x")
        + geom_vline(aes(xintercept="x"), population, color=GREY, linetype="dashed", size=0.5)
        + _way("level", frame.dropna())
        + geom_point(aes("x", color="what", shape="what", fill="what"), points, size=0.8 if crowded else 2.0)
        + _two_kinds()
        + labs(x="coefficient", y=group, color=group, shape=group, fill=group, caption="- - population" + _untold(raw))
        + look(max(5.5, 2.8 * len(names) + 1), _height(len(levels)), grid="x")
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


def _way(rows: str, data: pd.DataFrame | None = None) -> geom_segment:
    """Lines from `raw` to `estimate` in the rows of a picture."""
    return geom_segment(aes(x="raw", xend="estimate", yend=rows), data, color=GREY, size=0.5)


def _factor(values: Any, order: list[str]) -> pd.Categorical:
    return pd.Categorical(values, order, ordered=True)


def _height(levels: int) -> float:
    """Inches for so many rows of labels."""
    return float(np.clip(1.6 + 0.17 * levels, 2.6, 9.0))


def _quoted(name: str) -> str:
    return f"`{name}`"


def _what(m: Any) -> str:
    return repr(m) if isinstance(m, str) else type(m).__name__
