"""How slabs, dots, intervals and points are drawn: geoms of plotnine.

A stat hands over one frame in which `part` says what a row belongs to: `slab` (an outline, row by row), `dots` (a value
each), `interval` (its ends) or `point`. Values run along one axis, positions along the other; for horizontal slabs
values are x. Everything is drawn by plotnine's own polygons, segments and points, but for the dots, whose size depends
on the size of the panel.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from plotnine.coords import coord_flip
from plotnine.geoms import geom_path, geom_point, geom_polygon, geom_segment
from plotnine.geoms.geom import geom
from plotnine.positions import position_dodge, position_stack

from ..errors import DataError, MissingRowsWarning
from .dots import Dots
from .thickness import BOTH, DOWN, SIDES, UP, Placement, normalized

GREY = "#A6A6A6"
PARTS = ("slab", "interval", "point")
# `slab_fill` is the fill of slabs alone, `point_size` the size of points alone; None: as everything else.
OWN = {
    f"{part}_{aesthetic}": None
    for part in PARTS
    for aesthetic in ("alpha", "color", "fill", "linetype", "size")
    if (part, aesthetic) not in {("interval", "fill"), ("point", "linetype")}
}


class geom_slabinterval(geom):
    """Slab, interval and point."""

    DRAWS: ClassVar[tuple[str, ...]] = PARTS
    OUTLINED: ClassVar[bool] = False  # whether `color` is that of the outline of slabs, too

    REQUIRED_AES: ClassVar[set[str]] = {"x", "y"}
    DEFAULT_AES: ClassVar[dict[str, Any]] = {
        "alpha": 1, "color": "black", "fill": GREY, "linetype": "solid", "shape": "o", "size": 0.6, "stroke": 0.0,
        **OWN,
    }  # fmt: skip
    DEFAULT_PARAMS: ClassVar[dict[str, Any]] = {
        "stat": "identity", "position": "identity", "na_rm": False, "side": "top", "scale": 0.9, "justification": None,
        "normalize": "all", "interval_size_range": (0.8, 2.0), "fatten_point": 1.8,
    }  # fmt: skip

    legend_key_size = staticmethod(geom_polygon.legend_key_size)

    @property
    def horizontal(self) -> bool:
        """Whether values are x."""
        return bool(self.params["orientation"] == "horizontal")

    @property
    def placement(self) -> Placement:
        """Where slabs are drawn."""
        direction = SIDES[self.params["side"]][0 if self.horizontal else 1]
        return Placement(direction, self.params["scale"], self.params["justification"])

    def setup_data(self, data: pd.DataFrame) -> pd.DataFrame:
        """Thickness of all slabs of the layer, and the room that they take across the positions."""
        self._check_position()
        slab = data["part"].eq("slab").to_numpy()
        position = "y" if self.horizontal else "x"
        data["thickness"] = np.nan
        if slab.any():
            rows = data[slab]
            height = rows["f"].to_numpy(dtype=float)
            keys = (rows[name].to_numpy() for name in ("PANEL", position, "slab_id"))
            data.loc[slab, "thickness"] = normalized(height, self.params["normalize"], *keys)
        if "slab" in self.DRAWS:
            where = data[position].to_numpy(dtype=float)
            data[f"{position}min"], data[f"{position}max"] = self.placement.room(where, _distance(where))
        return data

    def _check_position(self) -> None:
        position = self._position
        if isinstance(position, position_stack):
            raise DataError("slabs are not stacked; try position='identity', or position='dodge' for vertical ones")
        if isinstance(position, position_dodge) and self.horizontal:
            raise DataError(
                "plotnine dodges along x only; dodge vertical slabs, aes(x=group, y=value), and add coord_flip()"
            )

    def handle_na(self, data: pd.DataFrame) -> pd.DataFrame:
        """Slabs end where the limits of the axis are; intervals and points beyond them are left out, and counted."""
        if data.empty:
            return data
        inside = data[["x", "y"]].notna().all(axis=1)
        lines = data["part"].eq("interval")
        if lines.any():
            value = "x" if self.horizontal else "y"
            inside &= ~lines | data[[f"{value}min", f"{value}max"]].notna().all(axis=1)
        lost = int((~inside & data["part"].isin(["interval", "point"])).sum())
        if lost and not self.params["na_rm"]:
            warnings.warn(
                f"{lost} intervals or points go beyond the limits of the axis and were left out; widen the limits, "
                "or use coord_cartesian(xlim=...)",
                MissingRowsWarning,
                stacklevel=2,
            )
        return data[inside]

    def draw_panel(self, data: pd.DataFrame, panel_params: Any, coord: Any, ax: Any) -> None:
        """All slabs, above them all intervals, above them all points."""
        parts = dict(iter(data.groupby("part", sort=False)))
        for name, draw in (
            ("slab", self._draw_slabs),
            ("dots", self._draw_dots),
            ("interval", self._draw_intervals),
            ("point", self._draw_points),
        ):
            if name in parts:
                draw(parts[name].reset_index(drop=True), panel_params, coord, ax)

    def _draw_slabs(self, data: pd.DataFrame, *panel: Any) -> None:
        """Slab by slab if they have outlines, which the next slab may cover; otherwise at once."""
        data = self._styled(data, "slab").sort_values("slab_id", kind="stable", ignore_index=True)
        alone = data.groupby("slab_id")["part"].transform("size").eq(1)
        self._draw_spikes(data[alone], *panel)
        slabs = data[~alone]
        outlined = slabs["outline"].notna().any()
        for _, batch in slabs.groupby("slab_id") if outlined else [(0, slabs)] if len(slabs) else []:
            self._draw_areas(batch.reset_index(drop=True), *panel)
            if batch["outline"].notna().all():
                self._draw_outline(batch, *panel)

    def _draw_spikes(self, data: pd.DataFrame, *panel: Any) -> None:
        """Point masses: lines in the colour of the fill."""
        if len(data):
            value, low, high = self._edges(data)
            line = data.assign(color=data["fill"], **self._xy(value, low), **self._xy(value, high, "end"))
            geom_segment.draw_group(line.reset_index(drop=True), *panel, {**self.params, **LINE})

    def _draw_areas(self, data: pd.DataFrame, *panel: Any) -> None:
        """Polygons: along the lower edge and back along the upper one, one for each stretch of one fill."""
        value, low, high = self._edges(data)
        runs = _runs(data)
        there = [np.arange(first, last) for first, last in runs]
        path = np.concatenate([np.r_[run, run[::-1]] for run in there])
        edge = np.concatenate([np.r_[low[run], high[run[::-1]]] for run in there])
        group = np.repeat(np.arange(len(runs)), [2 * len(run) for run in there])
        area = data.iloc[path].assign(group=group, color=None, **self._xy(value[path], edge))
        geom_polygon.draw_group(area.reset_index(drop=True), *panel, self.params)

    def _draw_outline(self, slab: pd.DataFrame, *panel: Any) -> None:
        """The edge that is not the base; both where a slab has two."""
        value, low, high = self._edges(slab)
        edges = {UP: (high,), DOWN: (low,), BOTH: (high, low)}[self.placement.direction]
        for edge in edges:
            line = slab.assign(color=slab["outline"], **self._xy(value, edge))
            geom_path.draw_group(line.reset_index(drop=True), *panel, {**self.params, **LINE})

    def _edges(self, slab: pd.DataFrame) -> tuple[Any, Any, Any]:
        low, high = self.placement.edges(*self._place(slab), slab["thickness"].to_numpy(dtype=float))
        return slab["x" if self.horizontal else "y"].to_numpy(dtype=float), low, high

    def _place(self, slab: pd.DataFrame) -> tuple[Any, Any]:
        """Positions and their size, from the room of each slab, which dodging may have moved."""
        position = "y" if self.horizontal else "x"
        return self.placement.place(*(slab[f"{position}{end}"].to_numpy(dtype=float) for end in ("min", "max")))

    def _xy(self, value: Any, position: Any, end: str = "") -> dict[str, Any]:
        names = ("x", "y") if self.horizontal else ("y", "x")
        return dict(zip((names[0] + end, names[1] + end), (value, position), strict=True))

    def _draw_dots(self, data: pd.DataFrame, panel_params: Any, coord: Any, ax: Any) -> None:
        data = self._styled(data, "slab")
        position = "y" if self.horizontal else "x"
        base, end = self.placement.span(*self._place(data))
        ends = [coord.transform(data.assign(**{position: at}), panel_params)[["x", "y"]] for at in (base, end)]
        along = self.horizontal != isinstance(coord, coord_flip)
        ax.add_collection(Dots(data, ends, along, self.placement.direction == BOTH, self.params), autolim=False)

    def _draw_intervals(self, data: pd.DataFrame, panel_params: Any, coord: Any, ax: Any) -> None:
        value = "x" if self.horizontal else "y"
        data = self._styled(data, "interval")
        if data["interval_size"].isna().all():
            thin, thick = self.params["interval_size_range"]
            widest_first, rank = np.unique(-data["width"].to_numpy(), return_inverse=True)
            alone = len(widest_first) == 1
            data["size"] = (thin + thick) / 2 if alone else np.linspace(thin, thick, len(widest_first))[rank]
        data[f"{value}end"], data[value] = data[f"{value}max"], data[f"{value}min"]
        across = "y" if self.horizontal else "x"
        data[f"{across}end"] = data[across] = self._centre(data)
        for _, lines in data.sort_values("width", ascending=False, kind="stable").groupby("linetype", sort=False):
            geom_segment.draw_group(lines.reset_index(drop=True), panel_params, coord, ax, {**self.params, **LINE})

    def _draw_points(self, data: pd.DataFrame, panel_params: Any, coord: Any, ax: Any) -> None:
        own_fill = data["point_fill"].notna().all()
        data = self._styled(data, "point")
        if data["point_size"].isna().all():
            data["size"] = self.params["interval_size_range"][1] * self.params["fatten_point"]
        if not own_fill:
            data["fill"] = data["color"]
        data["y" if self.horizontal else "x"] = self._centre(data)
        geom_point.draw_group(data, panel_params, coord, ax, self.params)

    def _centre(self, data: pd.DataFrame) -> Any:
        """Position of intervals and points."""
        return self._place(data)[0] if "slab" in self.DRAWS else data["y" if self.horizontal else "x"]

    def _styled(self, data: pd.DataFrame, part: str) -> pd.DataFrame:
        """Aesthetics of a part: its own where they are set, otherwise those of everything."""
        data = data.copy()
        data["outline"] = data["slab_color"].where(data["slab_color"].notna(), data["color"] if self.OUTLINED else None)
        for name in ("alpha", "color", "fill", "linetype", "size"):
            own = f"{part}_{name}"
            if own in data and data[own].notna().any():
                data[name] = data[own]
        return data

    @classmethod
    def draw_legend(cls, data: Any, da: Any, lyr: Any) -> Any:
        """A key with a patch for the slab, a line for the interval, a dot for the point."""
        row = lyr.geom._styled(pd.DataFrame([data]), "slab").iloc[0]
        if "slab" in cls.DRAWS:
            patch = row.copy()
            patch["color"] = row["outline"] if isinstance(row["outline"], str) else None
            geom_polygon.draw_legend(patch, da, lyr)
        if "interval" in cls.DRAWS:
            line = lyr.geom._styled(pd.DataFrame([data]), "interval").iloc[0]
            if line["interval_size"] is None:
                line["size"] = float(np.mean(lyr.geom.params["interval_size_range"])) / 2
            geom_path.draw_legend(line, da, lyr)
        if "point" in cls.DRAWS:
            dot = lyr.geom._styled(pd.DataFrame([data]), "point").iloc[0]
            dot["size"] = 2.2
            dot["fill"] = dot["point_fill"] if isinstance(dot["point_fill"], str) else dot["color"]
            geom_point.draw_legend(dot, da, lyr)
        return da


def without(options: dict[str, Any], *names: str) -> dict[str, Any]:
    """Options but for those that a member of the family has no use for."""
    return {name: value for name, value in options.items() if name not in names}


class geom_slab(geom_slabinterval):
    """Slab alone; `color` is its outline, none by default."""

    DRAWS = ("slab",)
    OUTLINED = True
    DEFAULT_PARAMS: ClassVar[dict[str, Any]] = without(
        geom_slabinterval.DEFAULT_PARAMS, "interval_size_range", "fatten_point"
    )
    DEFAULT_AES: ClassVar[dict[str, Any]] = {**geom_slabinterval.DEFAULT_AES, "color": None}


class geom_pointinterval(geom_slabinterval):
    """Interval and point."""

    DRAWS = ("interval", "point")
    DEFAULT_PARAMS: ClassVar[dict[str, Any]] = without(
        geom_slabinterval.DEFAULT_PARAMS, "side", "scale", "justification", "normalize"
    )


class geom_interval(geom_slabinterval):
    """Interval alone, thick."""

    DRAWS = ("interval",)
    DEFAULT_PARAMS: ClassVar[dict[str, Any]] = without(
        geom_pointinterval.DEFAULT_PARAMS, "interval_size_range", "fatten_point"
    )
    DEFAULT_AES: ClassVar[dict[str, Any]] = {**geom_slabinterval.DEFAULT_AES, "interval_size": 4.0}


class geom_dotsinterval(geom_slabinterval):
    """Dots, interval and point."""

    DEFAULT_PARAMS: ClassVar[dict[str, Any]] = {
        **without(geom_slabinterval.DEFAULT_PARAMS, "normalize"), "stackratio": 1.0,
    }  # fmt: skip


LINE = {"lineend": "butt", "linejoin": "round", "arrow": None}


def _distance(position: Any) -> float:
    """The smallest distance between neighbouring positions; 1 where there is one."""
    apart = np.diff(np.unique(position))
    return float(apart.min()) if len(apart) else 1.0


def _runs(data: pd.DataFrame) -> list[tuple[int, int]]:
    """Stretches [first, last) of one slab, fill and alpha; neighbours in a slab share a row, so that no gap is seen."""
    starts = np.zeros(len(data), dtype=bool)
    new_slab = np.diff(data["slab_id"].to_numpy(), prepend=-1) != 0
    for name in ("fill", "alpha"):
        values = data[name].to_numpy()
        starts[1:] |= values[1:] != values[:-1]
    (first,) = np.nonzero(starts | new_slab)
    last = np.append(first[1:] + ~new_slab[first[1:]], len(data))
    return list(zip(first.tolist(), last.tolist(), strict=True))
