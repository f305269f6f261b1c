"""What all panels share: colours that everybody can tell apart, a theme, points that do not drown the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotnine import aes, geom_segment, scale_color_manual, scale_fill_manual, theme
from plotnine.themes.elements import element_blank, element_line, element_text

from ..errors import DataError, nearest
from .theme import theme_ggdist

Floats = NDArray[np.float64]

# Okabe & Ito (2008), Color universal design; yellow last, for it is faint on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
BLUE, VERMILLION, GREEN = COLOURS[:3]
INK, GREY, FAINT = "#1A1A1A", "#7F7F7F", "#B8B8B8"
DRAWN = 4000  # points of a cloud that are drawn; more only make it black
LABELLED = 50  # levels whose names are written
COLOURED = len(COLOURS)  # groups that have a colour each


class look(theme_ggdist):
    """The theme of the panels: white, a faint grid for values, the legend on top."""

    def __init__(self, width: float = 6.4, height: float = 4.8, *, grid: str = "both") -> None:
        super().__init__(base_size=10)
        faint = element_line(color="#EBEBEB", size=0.5)
        self += theme(
            figure_size=(width, height),
            legend_position="top",
            legend_title=element_text(size=9),
            panel_grid_major_x=faint if grid in ("both", "x") else element_blank(),
            panel_grid_major_y=faint if grid in ("both", "y") else element_blank(),
            plot_caption=element_text(color=GREY, size=8, ha="left"),
            strip_text_x=element_text(color=INK, ha="left", size=10, multialignment="left"),
            panel_spacing=0.03,
        )


def colours(n: int) -> list[Any]:
    """Scales for the colour and fill of up to seven groups; more have a ramp of plotnine's own, viridis."""
    if n <= COLOURED:
        return [scale_color_manual(COLOURS[:n]), scale_fill_manual(COLOURS[:n])]
    from plotnine import scale_color_cmap_d, scale_fill_cmap_d

    return [scale_color_cmap_d("viridis"), scale_fill_cmap_d("viridis")]


def lines_of(width: int) -> Callable[[str], str]:
    """How titles of panels that hold `width` letters are broken, after blanks, bars, colons and dots.

    >>> print(lines_of(24)("cor_condition[b].(Intercept)|participant"))
    cor_condition[b].
    (Intercept)|participant
    """

    def broken(title: str) -> str:
        lines = [""]
        for piece in re.findall(r"[^ .|:]*[ .|:]*", title):
            if lines[-1] and len(lines[-1] + piece.rstrip()) > width:
                lines.append("")
            lines[-1] += piece
        return "\n".join(line.rstrip() for line in lines)

    return broken


def way(rows: str, data: pd.DataFrame | None = None) -> geom_segment:
    """Lines from `raw` to `estimate` in the rows of a picture."""
    return geom_segment(aes(x="raw", xend="estimate", yend=rows), data, color=GREY, size=0.5)


def ordered(values: Any, order: list[str]) -> pd.Categorical:
    """Levels in the order in which they stand on an axis."""
    return pd.Categorical(values, order, ordered=True)


def height(levels: int) -> float:
    """Inches for so many rows of labels."""
    return float(np.clip(1.6 + 0.17 * levels, 2.6, 9.0))


def thinned(n: int, most: int = DRAWN) -> NDArray[np.int64]:
    """The positions of at most so many of n points, always the same ones."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, most, replace=False))


def thinned_words(n: int, most: int = DRAWN) -> str:
    """What a caption says of points that were left out; nothing if there are none."""
    return f"{most:,} of {n:,} rows are drawn." if n > most else ""


def one_word(what: str, value: object, known: Sequence[str]) -> None:
    """DataError if an option is none of those that are known."""
    if value not in known:
        shown = ", ".join(map(repr, known))
        raise DataError(f"{what} is {value!r}; expected one of {shown}{nearest(str(value), known)}")


def level_in(level: object) -> float:
    """A confidence level between 0 and 1; DataError otherwise."""
    if not (isinstance(level, int | float) and 0 < level < 1):
        raise DataError(f"level is {level!r}; expected a probability between 0 and 1, such as 0.95")
    return float(level)


def smooth(x: Floats, y: Floats, span: float = 0.75, at: int = 60) -> tuple[Floats, Floats]:
    """A curve through a cloud: straight lines fitted around each of some points, near values weighing more.

    Cleveland (1979), Robust locally weighted regression, J. Am. Stat. Assoc. 74, 829-836, without the robust steps;
    half of the points stand at quantiles of x, half evenly; `span` is the part of the cloud that each line looks at.

    >>> x = np.linspace(0, 1, 50)
    >>> grid, curve = smooth(x, 2 * x + 1)
    >>> bool(np.allclose(curve, 2 * grid + 1))
    True
    """
    steps = np.linspace(0, 1, at // 2)
    grid = np.unique(np.concatenate([np.quantile(x, steps), x.min() + steps * (x.max() - x.min())]))
    k = max(2, int(np.ceil(span * len(x))))
    curve = np.empty(len(grid))
    for i, centre in enumerate(grid):
        distance = np.abs(x - centre)
        reach = np.partition(distance, k - 1)[k - 1]
        weight = np.clip(1 - (distance / (reach * 1.0001 or 1.0)) ** 3, 0, None) ** 3
        total = weight.sum()
        mean_x, mean_y = weight @ x / total, weight @ y / total
        spread = weight @ (x - mean_x) ** 2
        slope = weight @ ((x - mean_x) * (y - mean_y)) / spread if spread > 0 else 0.0
        curve[i] = mean_y + slope * (centre - mean_x)
    return grid, curve


def check_verbs(m: Any, panel: str, verbs: Sequence[str]) -> None:
    """DataError if this is no model, for it does not answer what the panel asks."""
    if not all(callable(getattr(m, verb, None)) for verb in verbs):
        raise DataError(f"{panel} takes a model, as lm and lmer return it; found {type(m).__name__}")
