"""Curves of the data over those of several simulations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

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

from .densities import Smoothing
from .distributions import Sample
from .look import BLUE, INK, Floats, look

Bounds = tuple[float | None, float | None]
POINTS = 512  # of a curve
FEW = 100  # counts at most that have a share each


def overlaid(sources: Mapping[str, tuple[Floats, Floats]], label: str, bounds: Bounds = (None, None)) -> ggplot:
    """One curve of the data (rows,) over those of several simulations (rows, n), a panel for each of the sources."""
    pieces = []
    for what, (y, many) in sources.items():
        drawn = [("data", "data", y), *(("simulated", str(i), column) for i, column in enumerate(many.T))]
        curve_of = _shares if _counts(y) and _counts(many[:, 0]) else partial(_density, bounds=bounds)
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
        + without_densities()
    )


def _counts(values: Floats) -> bool:
    """Whether these are whole numbers (up to the rounding of proportions times trials) within a short range."""
    known = values[np.isfinite(values)]
    return bool(np.ptp(known) < FEW and np.allclose(known, np.round(known), rtol=0, atol=1e-9))


def _shares(values: Floats) -> pd.DataFrame:
    whole = np.round(values).astype(int)
    heights = np.bincount(whole - whole.min()) / len(whole)
    return pd.DataFrame({"y": whole.min() + np.arange(len(heights)), "height": heights})


def _density(values: Floats, bounds: Bounds) -> pd.DataFrame:
    """Positions and heights, not left to plotnine, whose densities take time in proportion to rows x positions."""
    slab = Sample(values, Smoothing(bandwidth="nrd0", bounds=bounds, bounded=False, trim=False)).density(POINTS)
    return pd.DataFrame({"y": slab.at, "height": slab.height})


def without_densities() -> theme:
    """The height of a density says nothing that its shape does not."""
    blank = element_blank()
    return theme(axis_text_y=blank, axis_ticks_y=blank, axis_line_y=blank, axis_title_y=blank)
