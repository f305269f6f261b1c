"""Panels of groups: three ways of pooling, and what is estimated for each level."""

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
    scale_y_discrete,
    theme,
)
from plotnine.positions import position_jitter
from plotnine.themes.elements import element_blank

from ..data.rows import read_columns
from ..effects import coefficients
from ..errors import DataError
from ..grouped import GroupTable, GroupTables
from ..inference.levels import normal_quantile
from ..labelled import unknown_name
from ..models.estimate import Fit
from ..models.linear_mixed import fit_linear_mixed
from .look import (
    BLUE,
    FAINT,
    GREY,
    INK,
    LABELLED,
    height,
    level_in,
    lines_of,
    look,
    ordered,
    thinned,
    thinned_words,
    way,
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
    values = pd.DataFrame({"value": fit.rows.y, "group": ordered(np.array(part.levels)[part.codes], order)})
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
        + way("group")
        + geom_point(aes(x="raw"), shape="D", fill="white", color=INK, size=3.2)
        + geom_point(aes(x="estimate"), color=BLUE, size=1.8)
        + labs(x=y, y=group, caption=f"◇ raw mean   ● estimate, {level:.0%} interval   - - mean of all. "
               + thinned_words(len(values)))
        + look(9.0, height(len(order)), grid="x")
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
    frame["group"] = ordered(frame["group"], order)
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
    frame["key"] = ordered(frame["key"], list(dict.fromkeys(frame["key"])))
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
        + facet_wrap("panel", ncol=columns, scales="free" if len(tables) > 1 else "free_x", labeller=lines_of(32))
        + geom_vline(aes(xintercept="at"), zero, color=GREY, linetype="dashed", size=0.5)
        + geom_segment(aes(x="lower", xend="upper", yend="key"), color=BLUE, size=0.3 if crowded else 0.8)
        + geom_point(color=INK, size=0.4 if crowded else 1.6)
        + scale_y_discrete(labels=_level_labels(tables))
        + labs(x=f"estimate, {level:.0%} interval", y=tables[0].group if len(tables) == 1 else "")
        + look(max(4.5, 2.9 * columns + 0.8), height(tallest) * -(-panels // columns), grid="x")
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


def _quoted(name: str) -> str:
    return f"`{name}`"
