"""The panel of data simulated from a fit, beside the data themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotnine import aes, facet_wrap, ggplot, labs, scale_y_continuous

from ..data.rows import read_columns
from ..errors import DataError
from ..formula.levels import labelled
from ..models.generalized import GeneralizedFit
from ..responses import measured
from .curves import overlaid, without_densities
from .look import COLOURED, check_verbs, colours, look
from .stats import stat_slab
from .yes_no import shares, yes_no

SIMULATIONS = 20  # curves of simulated data


def simulated(m: Any, *, by: str | None = None, n: int = SIMULATIONS, seed: Any = 1) -> ggplot:
    """The data beside data simulated from the fit: does the model make what was measured?

    With few groups a density for each of them, of the data, of data simulated for the same groups and of data simulated
    for new ones. With many, the density of all data as a line over those of `n` simulations; for counts, the shares of
    the values. Of responses that are 0 or 1 the share of ones: with few groups, or none, a bar for each of them, and a
    point for each simulation; with many, how the shares are spread over the groups.

    Parameters
    ----------
    m : what `lm`, `lmer`, `glm` or `glmer` returns. Of counts of successes and failures the successes are drawn.
    by : name of a column whose levels have a density each. Default: the first grouping factor if it has at most seven
        levels; `lm` has none.
    n : simulations that are drawn where the groups are not, and of 0 and 1; 20.
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
    if yes_no(m, y):
        return shares(m, y, sources, groups, int(n), seed)
    if groups is None:
        return overlaid({what: (y, m.simulate(n, seed=seed, **how)) for what, how in sources.items()}, label)
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
        + without_densities()
    )
    return picture


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
