"""Panels of answers: marginal means or their contrasts with intervals, profile likelihood curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    arrow,
    facet_wrap,
    geom_hline,
    geom_line,
    geom_point,
    geom_segment,
    geom_vline,
    ggplot,
    labs,
)

from ..errors import DataError
from ..inference.levels import normal_quantile
from ..inference.means import MarginalMeans
from ..inference.profile import Curve, Profile
from .look import BLUE, GREY, INK, VERMILLION, height, level_in, lines_of, look, ordered

DRAWN = 120  # points of a profile curve


def means(m: MarginalMeans, *, comparisons: bool = False, level: float | None = None) -> ggplot:
    """Marginal means, slopes or contrasts, with their confidence intervals; a panel for each table.

    Parameters
    ----------
    m : what `emmeans`, `emtrends` or `.contrast()` gave.
    comparisons : arrows as well: two means of a table differ, at 5 % with the adjustment for all pairs, where their
        arrows do not overlap.
    level : of the intervals. Default: as they are.

    Raises
    ------
    DataError : this is something else.
    InferenceError : `level` is no probability, or the arrows of these functions mean nothing.

    >>> from multilevel import datasets, lm, plots
    >>> m = lm("angle ~ recipe", datasets.load("cake"))
    >>> picture = plots.means(m.emmeans("recipe"), comparisons=True)
    """
    if not isinstance(m, MarginalMeans):
        raise DataError(f"means takes what emmeans or contrast gives; found {type(m).__name__}")
    if level is not None:
        m = m.confint(level)
    frame = _rows(m)
    columns = min(len(m.groups), 3)
    tallest = max(len(rows) for rows in m.groups)
    picture = (
        ggplot(frame, aes(x="estimate", y="row"))
        + geom_segment(aes(x="lower", xend="upper", yend="row"), color=BLUE, size=1.0)
        + geom_point(color=INK, size=2.2)
        + labs(x=f"{m.head}, {m.shown.level:.0%} interval", y="")
        + look(max(5.0, 2.7 * columns + 1.2), height(tallest) * -(-len(m.groups) // columns), grid="x")
    )
    if comparisons:
        found = m.arrows()
        frame["left"], frame["right"] = frame["estimate"] - found.left, frame["estimate"] + found.right
        for end in ("left", "right"):
            longer = frame[frame[end] != frame["estimate"]]
            picture += geom_segment(
                aes(x="estimate", xend=end, yend="row"), longer, color=VERMILLION, size=0.9,
                arrow=arrow(length=0.06, type="closed"),
            )  # fmt: skip
    if frame["lower"].min() < 0 < frame["upper"].max():
        picture += geom_vline(xintercept=0, color=GREY, linetype="dashed", size=0.5)
    return picture + facet_wrap("table", ncol=columns) if len(m.groups) > 1 else picture


def _rows(m: MarginalMeans) -> pd.DataFrame:
    """A row for each function: what it is called, which table it belongs to, its numbers; the first on top."""
    keys = [key for key in m.named if key.name not in m.by]
    names = [", ".join(key.cells[i] for key in keys) for i in range(len(m.L))]
    tables = np.empty(len(m.L), object)
    for rows in m.groups:
        tables[rows] = m.title(rows).removesuffix(":")
    frame = pd.DataFrame(
        {"row": ordered(names, list(dict.fromkeys(names))[::-1]), "estimate": m.estimates.estimate,
         "lower": m.limits.lower, "upper": m.limits.upper}
    )  # fmt: skip
    frame["table"] = pd.Categorical(tables, list(dict.fromkeys(tables)))
    return frame


def profile(p: Profile, *, level: float = 0.95) -> ggplot:
    """Profile curves: zeta against each parameter, with the limits of an interval.

    A straight line is a parameter whose Wald interval is right; the more it bends, the further the interval is from
    symmetric.

    Parameters
    ----------
    p : what `m.profile()` gave.
    level : of the intervals that are marked.

    Raises
    ------
    DataError : this is no profile, or `level` is no probability.
    InferenceError : a curve does not go as far as the level asks.

    >>> from multilevel import datasets, lmer, plots
    >>> m = lmer("yield ~ 1 + (1 | batch)", datasets.load("dyestuff"), REML=False)
    >>> picture = plots.profile(m.profile())
    """
    if not isinstance(p, Profile):
        raise DataError(f"profile takes what m.profile() gives; found {type(p).__name__}")
    reach = normal_quantile(level_in(level))
    curves = pd.concat([_curve(curve) for curve in p.values()], ignore_index=True)
    names = list(p)
    curves["parameter"] = pd.Categorical(curves["parameter"], names)
    limits = [(name, limit) for name in names for limit in p[name].limits(reach)]
    marks = pd.DataFrame({"parameter": pd.Categorical([name for name, _ in limits], names),
                          "value": [limit for _, limit in limits]})  # fmt: skip
    columns = min(len(names), 3)
    return (
        ggplot(curves, aes(x="value", y="zeta"))
        + facet_wrap("parameter", scales="free_x", ncol=columns, labeller=lines_of(30))
        + geom_hline(yintercept=0, color=GREY, size=0.4)
        + geom_hline(yintercept=[-reach, reach], color=GREY, linetype="dashed", size=0.4)
        + geom_vline(aes(xintercept="value"), marks, color=VERMILLION, linetype="dashed", size=0.5)
        + geom_line(color=BLUE, size=0.9)
        + labs(x=f"value, with {level:.0%} limits", y="zeta")
        + look(max(4.0, 2.7 * columns + 0.6), 2.3 * -(-len(names) // columns) + 0.6)
    )


def _curve(curve: Curve) -> pd.DataFrame:
    value = np.linspace(curve.value[0], curve.value[-1], DRAWN)
    return pd.DataFrame({"parameter": curve.parameter.name, "value": value, "zeta": curve(value)}).dropna()
