"""The slab family for plotnine: stats that turn values, or distributions, into slabs, intervals, points and dots.

The grammar is that of ggdist (Kay 2024, IEEE Transactions on Visualization and Computer Graphics 30).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from plotnine import aes, after_stat

from .distributions import Distribution, Sample
from .dotplots import quantile_dots
from .geoms import geom_dotsinterval, geom_interval, geom_pointinterval, geom_slab, without
from .intervals import Interval
from .slabinterval import narrowest, rows_of, stat_slabinterval

OUTLINES = ("slab_type", "breaks", "expand", "n")  # options of nothing but the outline of a slab


class stat_halfeye(stat_slabinterval):
    """Half-eye: a slab above its point and intervals. Aesthetics and options of `stat_slabinterval`."""


class stat_eye(stat_slabinterval):
    """Eye: a slab on both sides of its point and intervals (a violin). Options of `stat_slabinterval`."""

    OPTIONS: ClassVar[dict[str, Any]] = {"side": "both"}


class stat_histinterval(stat_slabinterval):
    """Histogram above point and intervals; `breaks` as in `numpy.histogram`. Options of `stat_slabinterval`."""

    OPTIONS: ClassVar[dict[str, Any]] = {"density": "histogram"}


class stat_ccdfinterval(stat_slabinterval):
    """Bar whose thickness is the probability of a larger value, with point and intervals inside.

    The bar goes on to the ends of the axis. Options of `stat_slabinterval`.
    """

    OPTIONS: ClassVar[dict[str, Any]] = {
        "slab_type": "ccdf", "side": "topleft", "justification": 0.5, "normalize": "none", "expand": True,
    }  # fmt: skip


class stat_slab(stat_slabinterval):
    """Slab alone; `color` is its outline, none by default. Options of `stat_slabinterval`.

    Examples
    --------
    >>> from plotnine import aes, facet_grid, ggplot, theme_bw
    >>> import multilevel as mlm
    >>> from multilevel.plots import stat_slab
    >>> d2 = mlm.datasets.load("tutorial_d2")
    >>> picture = ggplot(d2, aes(x="y", fill="participant")) + stat_slab(alpha=0.25) + theme_bw()
    """

    DEFAULT_PARAMS: ClassVar[dict[str, Any]] = {**stat_slabinterval.DEFAULT_PARAMS, "geom": geom_slab}


class stat_pointinterval(stat_slabinterval):
    """Point and intervals, no slab. Options of `stat_slabinterval` but for those of slabs."""

    DEFAULT_PARAMS: ClassVar[dict[str, Any]] = {
        **without(stat_slabinterval.DEFAULT_PARAMS, *OUTLINES), "geom": geom_pointinterval,
    }  # fmt: skip


class stat_interval(stat_slabinterval):
    """Thick intervals, 50 %, 80 % and 95 %, told apart by colour. Options of `stat_pointinterval`."""

    DEFAULT_PARAMS: ClassVar[dict[str, Any]] = {
        **stat_pointinterval.DEFAULT_PARAMS, "geom": geom_interval, "width": (0.5, 0.8, 0.95),
    }  # fmt: skip
    DEFAULT_AES = {"color": after_stat("level")}  # noqa: RUF012 - plotnine makes it the instance's own

    def setup_data(self, data: pd.DataFrame) -> pd.DataFrame:
        """Colours that were mapped stay."""
        if "color" in data:
            self.DEFAULT_AES = aes()
        return super().setup_data(data)


class stat_dotsinterval(stat_slabinterval):
    """A dot per value, or per quantile, above point and intervals; dots are as large as the panel allows.

    Options of `stat_slabinterval` but for those of outlines, and `quantiles` : number of dots, each standing for the
    same probability (a quantile dotplot); None: one for each value, 100 for a distribution. `stackratio` : distance of
    dots in a stack, in diameters.
    """

    DEFAULT_PARAMS: ClassVar[dict[str, Any]] = {
        **without(stat_slabinterval.DEFAULT_PARAMS, *OUTLINES), "geom": geom_dotsinterval, "quantiles": None,
    }  # fmt: skip

    def _slab_rows(
        self, distribution: Distribution, ends: tuple[float, float] | None, intervals: list[Interval]
    ) -> dict[str, Any]:
        count = self.params["quantiles"]
        if count is None and isinstance(distribution, Sample):
            at = np.sort(distribution.values)
        else:
            at = quantile_dots(distribution, count or 100)
        return rows_of("dots", at, f=1.0, level=narrowest(at, intervals))
