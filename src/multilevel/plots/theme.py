"""A calm look for slabs."""

from __future__ import annotations

from plotnine.themes import theme, theme_light
from plotnine.themes.elements import element_blank, element_line, element_rect, element_text


class theme_ggdist(theme_light):
    """White panels without grid and border, grey axes, titles of facets in plain text on the left.

    Parameters
    ----------
    base_size : size of text in points, 11.
    base_family : font; None: plotnine's.

    >>> from multilevel.plots import theme_ggdist
    >>> look = theme_ggdist(base_size=12)
    """

    def __init__(self, base_size: float = 11, base_family: str | None = None) -> None:
        super().__init__(base_size, base_family)
        self += theme(
            axis_line=element_line(color="#7F7F7F", size=0.6),
            axis_ticks=element_line(color="#7F7F7F", size=0.6),
            legend_key=element_blank(),
            panel_border=element_blank(),
            panel_grid=element_blank(),
            strip_background=element_rect(fill="none", color="none"),
            strip_text_x=element_text(color="#1A1A1A", ha="left", size=base_size),
            strip_text_y=element_text(color="#1A1A1A", size=base_size),
        )
