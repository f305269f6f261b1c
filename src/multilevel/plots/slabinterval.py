"""The stat that all of the slab family are: values, or distributions, become slabs, intervals and points.

What is computed comes from `densities`, `distributions`, `intervals` and `dotplots`; what is drawn from `geoms`.
"""

from __future__ import annotations

import warnings
from dataclasses import astuple
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from plotnine.scales.scale_discrete import scale_discrete
from plotnine.stats.stat import stat

from ..errors import DataError, MissingRowsWarning
from .densities import Smoothing
from .distributions import Distribution, Sample, Slab, is_known, known
from .geoms import OWN, geom_slabinterval
from .intervals import Interval, point_interval
from .options import check, check_names

LAYER = {"mapping", "data", "show_legend", "inherit_aes", "raster"}
DISTS = {"xdist": "x", "ydist": "y"}


class stat_slabinterval(stat):
    """Slab with point and intervals: the density of the values, their median, 66 % and 95 % quantile intervals.

    Aesthetics
    ----------
    x, y : one holds the values, the other, if given, where each slab stands. Alone: the slab stands on the axis, its
        thickness goes from 0 to 1.
    xdist, ydist : instead of values, a column of frozen `scipy.stats` distributions, each a slab of its own.
    fill, color, alpha, linetype, group : as everywhere. `slab_alpha`, `slab_fill`, `slab_color`, `slab_linetype`,
        `interval_color`, `interval_size`, `interval_alpha`, `point_color`, `point_fill`, `point_size`, ... are set to
        one value and concern that part alone.

    Parameters
    ----------
    orientation : `"horizontal"` (values on x), `"vertical"`, or None: values are on the axis that is numeric; if both
        are, on the one that alone varies within groups.
    side : `"top"`, `"bottom"`, `"both"` (or `"right"`, `"left"`): where the slab is, seen from its interval.
    scale : part of the room of a position that the thickest slab takes, 0.9.
    justification : where the interval is in the slab, 0 to 1; None: on its base, in the middle for `side="both"`.
    normalize : the thickest slab has thickness 1 among `"all"`, those of a panel (`"panels"`), of a position in a panel
        (`"xy"`), of a group there (`"groups"`); `"none"` takes densities as they are.
    width : probabilities of the intervals, (0.66, 0.95).
    point_interval : `"median_qi"`, `"mean_qi"`, `"mode_hdi"`, `"median_hdci"`, ...
    density : `"bounded"` (mass beyond the estimated ends of the range is reflected), `"unbounded"`, `"histogram"`.
    bandwidth : `"dpi"` (Sheather & Jones), `"nrd0"` (Silverman) or a number; `adjust` multiplies it.
    bounds : (lower, upper) of what is possible, None where unknown.
    trim : end the slab at the smallest and largest value. `expand` : continue it to the ends of the axis.
    breaks : of histograms, as in `numpy.histogram`; `"scott"`.
    slab_type : `"pdf"`, `"cdf"` or `"ccdf"`.
    p_limits : probabilities between which a distribution is drawn; None: all of it, or 0.001 and 0.999 if it has no
        end.
    n : positions at which a slab is computed, 501.
    na_rm : leave missing and infinite values out without a warning.

    Computed: `f` (height before normalising), `level` (the narrowest interval that a place is in), for `after_stat`.

    Raises
    ------
    DataError : an option that is not known or impossible; neither x nor y; values that are not numbers.

    Examples
    --------
    >>> from plotnine import ggplot, aes
    >>> import multilevel as mlm
    >>> from multilevel.plots import stat_halfeye
    >>> d = mlm.datasets.load("sleepstudy")
    >>> picture = ggplot(d, aes(x="reaction", y="subject")) + stat_halfeye(scale=0.8)
    """

    DEFAULT_PARAMS: ClassVar[dict[str, Any]] = {
        "geom": geom_slabinterval, "position": "identity", "na_rm": False, "orientation": None, "width": (0.66, 0.95),
        "point_interval": "median_qi", "density": "bounded", "bandwidth": "dpi", "adjust": 1.0, "bounds": (None, None),
        "trim": True, "expand": False, "breaks": "scott", "slab_type": "pdf", "p_limits": (None, None), "n": 501,
    }  # fmt: skip
    CREATES: ClassVar[set[str]] = {"f", "level"}
    # Options that differ from those of the family.
    OPTIONS: ClassVar[dict[str, Any]] = {}

    def __init__(self, mapping: Any = None, data: Any = None, **kwargs: Any) -> None:
        kwargs = {**self.OPTIONS, **kwargs}
        drawn = self.DEFAULT_PARAMS["geom"]
        options = (self.DEFAULT_PARAMS.keys() | drawn.DEFAULT_PARAMS.keys()) - {"geom", "stat"}
        check_names(type(self).__name__, kwargs, options | drawn.aesthetics() | LAYER)
        super().__init__(mapping, data, **check(kwargs))

    def setup_data(self, data: pd.DataFrame) -> pd.DataFrame:
        """Refuse what cannot be mapped."""
        mapped = sorted(OWN.keys() & set(data.columns))
        if mapped:
            part, _, aesthetic = mapped[0].partition("_")
            raise DataError(f"{mapped[0]} is one value for all {part}s, set outside of aes(); in aes() map {aesthetic}")
        return data

    def compute_layer(self, data: pd.DataFrame, layout: Any) -> pd.DataFrame:
        """Find the orientation, leave out what is missing; then panel by panel."""
        scales = layout.get_scales(data["PANEL"].iloc[0])
        self.params["orientation"] = self.params["orientation"] or self._orientation(data, scales)
        value = "x" if self.params["orientation"] == "horizontal" else "y"
        self._check_values(data, value, scales)
        return super().compute_layer(self._complete(data, value), layout)

    def _orientation(self, data: pd.DataFrame, scales: Any) -> str:
        for aesthetic, axis in DISTS.items():
            if aesthetic in data:
                return "horizontal" if axis == "x" else "vertical"
        given = [axis for axis in ("x", "y") if axis in data]
        numeric = [axis for axis in given if not isinstance(getattr(scales, axis), scale_discrete)]
        if len(numeric) == 2:
            groups = data[["x", "y"]].replace([np.inf, -np.inf], np.nan).groupby(data["group"])
            spread = (groups.max() - groups.min()).max()
            numeric = [axis for axis in numeric if spread[axis] > 0]
            if len(numeric) != 1:
                raise DataError(
                    f"{type(self).__name__} found numbers on x and on y, and cannot tell which are the values and "
                    'which the positions; give orientation="horizontal" (values on x) or "vertical"'
                )
        return "vertical" if numeric == ["y"] else "horizontal"

    def _check_values(self, data: pd.DataFrame, value: str, scales: Any) -> None:
        name = type(self).__name__
        if f"{value}dist" in data:
            if value in data:
                raise DataError(f"{name} has both {value} and {value}dist; expected values or distributions")
            return
        if value not in data:
            raise DataError(f"{name} has neither x nor y; expected aes(x=values), aes(y=values) or aes(xdist=...)")
        if isinstance(getattr(scales, value), scale_discrete):
            raise DataError(f"{name} found categories on {value}; expected numbers there, or on the other axis")

    def _complete(self, data: pd.DataFrame, value: str) -> pd.DataFrame:
        """Rows whose value and position are finite, and whose distribution is there."""
        good = np.ones(len(data), dtype=bool)
        for axis in ("x", "y"):
            if axis in data:
                good &= np.isfinite(data[axis].to_numpy(dtype=float, na_value=np.nan))
        if f"{value}dist" in data:
            good &= np.array([_is_there(dist) for dist in data[f"{value}dist"]], dtype=bool)
        lost = int((~good).sum())
        if lost and not self.params["na_rm"]:
            warnings.warn(
                f"{type(self).__name__} left out {lost} of {len(data)} rows with missing or infinite values; "
                "na_rm=True leaves them out silently",
                MissingRowsWarning,
                stacklevel=2,
            )
        return data[good] if lost else data

    def compute_panel(self, data: pd.DataFrame, scales: Any) -> pd.DataFrame:
        """Rows of all slabs of a panel: what is computed of each, beside what its rows of the data have in common."""
        value, position = ("x", "y") if self.params["orientation"] == "horizontal" else ("y", "x")
        scale = getattr(scales, value)
        source = f"{value}dist" if f"{value}dist" in data else value
        if source != value:  # every distribution is a slab of its own
            number = np.arange(len(data))
        else:
            number = data.groupby(["group", position] if position in data else ["group"]).ngroup().to_numpy()
        order = np.argsort(number, kind="stable")
        first = np.searchsorted(number[order], np.arange(number.max() + 1))
        found = np.split(data[source].to_numpy()[order], first[1:])
        distributions = [self._distribution(values, scale, source != value) for values in found]
        ends = self._ends(distributions, scale) if self.params.get("expand") else None
        slabs = [self._rows(distribution, ends) for distribution in distributions]
        names = {"at": value, "lower": f"{value}min", "upper": f"{value}max"}
        computed = pd.DataFrame(
            {names.get(name, name): np.concatenate([slab[name] for slab in slabs]) for name in slabs[0]}
        )
        computed["level"] = pd.Categorical(computed["level"], sorted(self.params["width"], reverse=True), ordered=True)
        computed["slab_id"] = np.repeat(np.arange(len(slabs)), [len(slab["at"]) for slab in slabs])
        shared = _shared(data.drop(columns=source), number, order[first])
        frame = pd.concat([computed, shared.iloc[computed["slab_id"]].reset_index(drop=True)], axis=1)
        return frame if position in frame else frame.assign(**{position: 0.0})

    def _distribution(self, values: Any, scale: Any, is_known: bool) -> Distribution:
        """What a slab is drawn of."""
        if is_known:
            return known(values[0], self.params["p_limits"], _transformation(scale))
        asked = self.params
        bounded = asked["density"] == "bounded"
        smoothing = Smoothing(asked["bandwidth"], asked["adjust"], asked["bounds"], bounded, asked["trim"])
        return Sample(values.astype(float), smoothing)

    def _ends(self, distributions: list[Distribution], scale: Any) -> tuple[float, float]:
        """Ends of the axis, as far as they are known here."""
        ends = [distribution.limits() for distribution in distributions]
        if not scale.is_empty():
            ends.append(tuple(scale.dimension()))
        return min(low for low, _ in ends), max(high for _, high in ends)

    def _rows(self, distribution: Distribution, ends: tuple[float, float] | None) -> dict[str, Any]:
        """Columns of one slab: its outline or dots, its intervals and its point, one after the other."""
        drawn = self.DEFAULT_PARAMS["geom"].DRAWS
        intervals = point_interval(distribution, self.params["point_interval"], self.params["width"])
        parts = []
        if "slab" in drawn:
            parts.append(self._slab_rows(distribution, ends, intervals))
        if "interval" in drawn:
            point, lower, upper, width = (np.array(column) for column in zip(*map(astuple, intervals), strict=True))
            parts.append(rows_of("interval", point, lower=lower, upper=upper, width=width, level=width))
        if "point" in drawn:
            parts.append(rows_of("point", np.array([intervals[0].point]), level=min(self.params["width"])))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _slab_rows(
        self, distribution: Distribution, ends: tuple[float, float] | None, intervals: list[Interval]
    ) -> dict[str, Any]:
        slab = self._slab(distribution)
        if ends is not None:
            left, right = {"pdf": (0.0, 0.0), "cdf": (0.0, 1.0), "ccdf": (1.0, 0.0)}[self.params["slab_type"]]
            slab = slab.extended(*ends, left, right)
        return rows_of("slab", slab.at, f=slab.height, level=narrowest(slab.at, intervals))

    def _slab(self, distribution: Distribution) -> Slab:
        n = self.params["n"]
        if self.params["slab_type"] == "pdf":
            if self.params["density"] == "histogram" and isinstance(distribution, Sample):
                return distribution.histogram(self.params["breaks"])
            return distribution.density(n)
        below = distribution.cumulative(n)
        return below if self.params["slab_type"] == "cdf" else Slab(below.at, 1 - below.height)


def rows_of(part: str, at: Any, **columns: Any) -> dict[str, Any]:
    """Columns of one part of a slab, NaN where it has nothing to say."""
    empty = dict.fromkeys(("f", "lower", "upper", "width", "level"), np.nan)
    numbers = {name: np.broadcast_to(column, at.shape) for name, column in {**empty, **columns}.items()}
    return {"part": np.full(len(at), part, dtype=object), "at": at, **numbers}


def narrowest(at: Any, intervals: list[Interval]) -> Any:
    """Probability of the narrowest interval that holds each place; NaN outside of all."""
    level = np.full(len(at), np.nan)
    for interval in reversed(intervals):
        level[(at >= interval.lower) & (at <= interval.upper)] = interval.width
    return level


def _shared(data: pd.DataFrame, number: Any, first: Any) -> pd.DataFrame:
    """A row for each slab of what all of its rows have in common; columns keep their types and levels."""
    rows = data.iloc[first]
    if len(rows) == len(data):
        return rows
    return rows[[name for name in data if (data[name].to_numpy() == rows[name].to_numpy()[number]).all()]]


def _transformation(scale: Any) -> tuple[Any, Any] | None:
    """Transformation of an axis and its inverse; None where there is none."""
    trans = getattr(scale, "_trans", None) or getattr(scale, "trans", None)
    if trans is None or type(trans).__name__ == "identity_trans":
        return None
    return trans.transform, trans.inverse


def _is_there(distribution: Any) -> bool:
    """Whether it is a distribution that has a median; what is no distribution at all is left to `known`."""
    if distribution is None or (isinstance(distribution, float) and np.isnan(distribution)):
        return False
    return not is_known(distribution) or bool(np.isfinite(distribution.ppf(0.5)))
