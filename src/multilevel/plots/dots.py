"""Circles in stacks whose diameter is found when they are drawn, because it depends on the size of the panel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import CircleCollection
from matplotlib.transforms import IdentityTransform
from plotnine._utils import to_rgba

from ..labelled import Floats
from .dotplots import fitting_diameter, stack_heights, stacks


class Dots(CircleCollection):
    """The dots of a layer in one panel, all of one size: the largest with which every stack fits into its room.

    Parameters
    ----------
    data : a row per dot; `group` and `slab_id` say which belong together.
    ends : where the stack of each dot stands and how far it may reach, columns x and y, coordinates of the axes.
    along_x : whether values run along x.
    centred : stacks grow both ways from where they stand.
    params : of the layer.
    """

    def __init__(
        self, data: pd.DataFrame, ends: list[pd.DataFrame], along_x: bool, centred: bool, params: dict[str, Any]
    ) -> None:
        self._ends = [end.to_numpy(dtype=float) for end in ends]
        self._value, self._across = (0, 1) if along_x else (1, 0)
        self._centred = centred
        self._spacing = params["stackratio"]
        self._groups = list(data.groupby(["group", "slab_id"]).indices.values())
        fill = np.asarray(to_rgba(data["fill"], data["alpha"]))
        self._order = np.concatenate(self._groups)
        outlined = data["outline"].notna().all()
        super().__init__(
            sizes=np.ones(len(data)),
            offsets=self._ends[0],
            offset_transform=IdentityTransform(),
            facecolors=fill[self._order],
            edgecolors=list(data["outline"].iloc[self._order]) if outlined else "none",
            linewidths=0.5,
            zorder=params["zorder"],
            rasterized=params["raster"],
        )

    def draw(self, renderer: Any) -> None:
        """Place the dots for the panel as it is now, and draw them."""
        axes, figure = self.axes, self.get_figure(root=True)
        if axes is None or figure is None:
            return  # not on a page yet
        base, end = (axes.transData.transform(xy) for xy in self._ends)
        reach = (end - base)[:, self._across]
        room = float(np.abs(reach).min()) * (2 if self._centred else 1)
        order = [dots[np.argsort(base[dots, self._value], kind="stable")] for dots in self._groups]
        values = [base[dots, self._value] for dots in order]
        diameter = fitting_diameter(values, room, self._spacing)
        places = [self._places(v, base[d], reach[d], diameter) for v, d in zip(values, order, strict=True)]
        self.set_offsets(np.concatenate(places))
        points = diameter * 72 / figure.dpi
        self.set_sizes(np.full(len(base), np.pi * points**2 / 4), figure.dpi)
        super().draw(renderer)

    def _places(self, values: Floats, base: Floats, reach: Floats, diameter: float) -> Floats:
        """Centres of the circles of one slab, in pixels."""
        centres, counts = stacks(values, diameter)
        height = stack_heights(counts) * self._spacing
        if self._centred:
            height -= np.repeat((counts - 1) / 2 * self._spacing, counts)
        else:
            height += 0.5
        places = np.empty((len(values), 2))
        places[:, self._value] = np.repeat(centres, counts)
        places[:, self._across] = base[:, self._across] + np.sign(reach) * height * diameter
        return places
