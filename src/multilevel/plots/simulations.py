"""The panel of data simulated from a fit, beside the data themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    facet_wrap,
    geom_line,
    ggplot,
    labs,
    scale_alpha_manual,
    scale_color_manual,
    scale_size_manual,
    scale_y_continuous,
    theme,
)
from plotnine.themes.elements import element_blank

from ..data.rows import read_columns
from ..errors import DataError
from ..formula.levels import labelled
from ..models.generalized import GeneralizedFit
from ..responses import measured
from .densities import Smoothing
from .distributions import Sample
from .look import (
    BLUE,
    COLOURED,
    INK,
    Floats,
    check_verbs,
    colours,
    look,
)
from .stats import stat_slab

SIMULATIONS = 20  # curves of simulated data
POINTS = 512  # of a curve
FEW = 100  # counts at most that have a share each


def simulated(m: Any, *, by: str | None = None, n: int = SIMULATIONS, seed: Any = 1) -> ggplot:
    """The data beside data simulated from the fit: does the model make what was measured?

    With few groups a density for each of them, of the data, of data simulated for the same groups and of data simulated
    for new ones. With many, the density of all data as a line over those of `n` simulations; for counts, the shares of
    the values.

    Parameters
    ----------
    m : what `lm`, `lmer`, `glm` or `glmer` returns. Of counts of successes and failures the successes are drawn.
    by : name of a column whose levels have a density each. Default: the first grouping factor if it has at most seven
        levels; `lm` has none.
    n : simulations that are drawn where the groups are not; 20.
    seed : as for numpy.random.default_rng. Default 1: the same picture every time.

    Raises
    ------
    DataError : `m` is no model, `by` is no column or has more than seven levels, or `n` is no number of simulations.

    >>> from multilevel import datasets, lmer, plots
    >>> m = lmer("y ~ 1 + (1 | participant)", datasets.load("tutorial_d2"))
    >>> picture = plots.simulated(m)
    """
    check_verbs(m, "simulated", ("simulate", "fitted", "residuals"))
    if not (isinstance(n, int | np.integer) and n >= 1):
        raise DataError(f"n is {n!r}; expected the number of simulations, 1 or more")
    fit = getattr(m, "_fit", None)
    y = measured(fit) if isinstance(fit, GeneralizedFit) else np.asarray(m.fitted()) + np.asarray(m.residuals())
    sources: dict[str, dict[str, Any]] = {"simulated": {}}
    if hasattr(m, "ranef"):
        sources = {"simulated, same groups": {"groups": "same"}, "simulated, new groups": {"groups": "new"}}
    label = m.design.formula.response_text
    groups = _groups(m, by)
    if groups is None:
        return _overlaid(m, y, sources, int(n), seed, label)
    name, values, levels = groups
    drawn = {"data": y, **{what: m.simulate(1, seed=seed, **how)[:, 0] for what, how in sources.items()}}
    frame = pd.concat([pd.DataFrame({"what": what, "y": column, "by": values}) for what, column in drawn.items()])
    frame["what"] = pd.Categorical(frame["what"], list(drawn))
    frame["by"] = pd.Categorical(frame["by"], levels)
    picture: ggplot = (
        ggplot(frame.dropna(), aes(x="y", fill="by"))
        + facet_wrap("what", ncol=1)
        + stat_slab(alpha=0.4)
        + colours(len(levels))[1]
        + scale_y_continuous(expand=(0, 0, 0.05, 0))
        + labs(x=label, y="", fill=name)
        + look(6.4, 1.5 * len(drawn) + 1.2, grid="x")
        + _without_densities()
    )
    return picture


def _overlaid(m: Any, y: Floats, sources: dict[str, dict[str, Any]], n: int, seed: Any, label: str) -> ggplot:
    """One curve of the data over those of several simulations."""
    pieces = []
    for what, how in sources.items():
        many = m.simulate(n, seed=seed, **how)
        drawn = [("data", "data", y), *(("simulated", str(i), many[:, i]) for i in range(n))]
        curve_of = _shares if _counts(y) and _counts(many[:, 0]) else _density
        pieces += [
            curve_of(values[np.isfinite(values)]).assign(what=what, source=source, curve=curve)
            for source, curve, values in drawn
        ]
    frame = pd.concat(pieces, ignore_index=True)
    frame["what"] = pd.Categorical(frame["what"], list(sources))
    frame["source"] = pd.Categorical(frame["source"], ["data", "simulated"])
    curve = aes(x="y", y="height", group="curve", color="source", size="source", alpha="source")
    return (
        ggplot(frame, curve)
        + facet_wrap("what", ncol=1)
        + geom_line(data=frame[frame["source"] == "simulated"])
        + geom_line(data=frame[frame["source"] == "data"])
        + scale_color_manual({"simulated": BLUE, "data": INK})
        + scale_size_manual({"simulated": 0.4, "data": 1.0})
        + scale_alpha_manual({"simulated": 0.6, "data": 1.0})
        + scale_y_continuous(expand=(0, 0, 0.05, 0))
        + labs(x=label, y="", color="", size="", alpha="")
        + look(6.4, 2.0 * len(sources) + 1.2, grid="x")
        + _without_densities()
    )


def _counts(values: Floats) -> bool:
    """Whether these are whole numbers (up to the rounding of proportions times trials) within a short range."""
    known = values[np.isfinite(values)]
    return bool(np.ptp(known) < FEW and np.allclose(known, np.round(known), rtol=0, atol=1e-9))


def _shares(values: Floats) -> pd.DataFrame:
    whole = np.round(values).astype(int)
    heights = np.bincount(whole - whole.min()) / len(whole)
    return pd.DataFrame({"y": whole.min() + np.arange(len(heights)), "height": heights})


def _density(values: Floats) -> pd.DataFrame:
    """Positions and heights, not left to plotnine, whose densities take time in proportion to rows x positions."""
    slab = Sample(values, Smoothing(bandwidth="nrd0", bounded=False, trim=False)).density(POINTS)
    return pd.DataFrame({"y": slab.at, "height": slab.height})


def _without_densities() -> theme:
    """The height of a density says nothing that its shape does not."""
    blank = element_blank()
    return theme(axis_text_y=blank, axis_ticks_y=blank, axis_line_y=blank, axis_title_y=blank)


def _groups(m: Any, by: str | None) -> tuple[str, Any, Sequence[str]] | None:
    """The name, the values (rows of the data,) and the levels of what densities are drawn for."""
    if by is None:
        parts = m._fit.rows.random if hasattr(m, "ranef") else ()
        few = [part for part in parts if part.n_levels <= COLOURED]
        if not few:
            return None
        rows = m._fit.rows
        values = np.full(rows.n_total, None, object)
        values[slice(None) if rows.kept is None else rows.kept] = np.array(few[0].levels, object)[few[0].codes]
        return few[0].group, values, few[0].levels
    if m._data is None:
        raise DataError("the data did not travel with this copy of the fit, for they were a query on a connection")
    codes, levels = labelled(read_columns(m._data, [by])[by])
    if len(levels) > COLOURED:
        raise DataError(f"by={by!r} has {len(levels)} levels; expected {COLOURED} at most, to tell their colours apart")
    return by, np.array([*levels, None], object)[codes], levels
