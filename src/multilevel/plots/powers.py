"""Power curves: how often tests find what is true, along the levels of a factor or the size of an effect."""

from __future__ import annotations

from typing import Any

import pandas as pd
from plotnine import (
    aes,
    facet_wrap,
    geom_hline,
    geom_line,
    geom_point,
    geom_ribbon,
    ggplot,
    labs,
    scale_x_continuous,
    scale_y_continuous,
)

from ..errors import DataError
from ..studies import Power
from ..studies.results import GOAL
from .look import BLUE, GREY, colours, look

FEW = 8  # so many points have a tick each


def power(curve: Power) -> ggplot:
    """A power curve: the share of significant tests with its exact 95 % interval, and a line at 80 %.

    The first axis runs along x. A second one, and several tests, have colours; with both, a panel for each test.

    Parameters
    ----------
    curve : what `power(..., along=...)` or `power(..., at=...)` gave.

    Raises
    ------
    DataError : this is no power, has no axis to run along, or more than two.

    >>> import multilevel as mlm
    >>> design = mlm.expand_grid(participant=10, trial=5)
    >>> truth = mlm.Truth({"(Intercept)": 0.2}, {"participant": mlm.Group(sd=0.3)}, sigma=0.5)
    >>> sizes = {"participant": [10, 20]}
    >>> curve = mlm.power("y ~ 1 + (1 | participant)", design, truth, "(Intercept)", n=100, along=sizes)
    >>> picture = mlm.plots.power(curve)
    """
    if not isinstance(curve, Power):
        raise DataError(f"power takes what mlm.power gives; found {type(curve).__name__}")
    if not 1 <= len(curve.axes) <= 2:
        raise DataError(
            f"the power was simulated over {len(curve.axes)} axes; a curve runs along one, and a second has colours: "
            'power(..., along={"participant": [10, 20, 40]})'
        )
    first, *second = curve.axes
    frame = _rows(curve)
    several = "line" in frame
    group: dict[str, Any] = {"color": "line", "fill": "line", "group": "line"} if several else {}
    ink: dict[str, Any] = {} if several else {"color": BLUE}
    picture = (
        ggplot(frame, aes(x="x", y="power", **group))
        + geom_hline(yintercept=GOAL, color=GREY, linetype="dashed", size=0.5)
        + geom_ribbon(aes(ymin="lower", ymax="upper"), alpha=0.18, color="none", **({} if several else {"fill": BLUE}))
        + geom_line(size=0.9, **ink)
        + geom_point(size=2.0, **ink)
        + scale_y_continuous(limits=(0, 1), breaks=[0, 0.2, 0.4, 0.6, 0.8, 1], labels=lambda v: [f"{x:.0%}" for x in v])
        + labs(x=first.label, y=f"power at alpha = {curve.alpha:g}, 95 % interval")
        + look(6.4, 4.2)
    )
    if len(first.values) <= FEW:
        picture += scale_x_continuous(breaks=list(first.values))
    if several:
        title = second[0].label if second else "test"
        picture = picture + colours(frame["line"].nunique()) + labs(color=title, fill=title)
    return picture + facet_wrap("test") if "test" in frame else picture


def _rows(curve: Power) -> pd.DataFrame:
    """A row for each scenario and test: where it stands, and which line and panel it belongs to."""
    rows = list(curve)
    frame = pd.DataFrame({"x": [r.where[0] for r in rows], "power": [r.power for r in rows]})
    frame["lower"], frame["upper"] = ([r.interval[side] for r in rows] for side in (0, 1))
    if len(curve.axes) == 2:
        values = [f"{value:g}" for value in curve.axes[1].values]
        frame["line"] = pd.Categorical([f"{r.where[1]:g}" for r in rows], values)
    if len(curve.tests) > 1:
        frame["test" if "line" in frame else "line"] = pd.Categorical([r.test for r in rows], curve.tests)
    return frame
