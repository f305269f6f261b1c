"""Pictures on plotnine: the slab family after ggdist.

What is here are stats and a theme for plotnine, `ggplot(...) + stat_slab()`, that compose with its scales, facets,
coordinates and themes. They are imported when first asked for; the numbers behind them (`plots.densities`,
`plots.distributions`, `plots.intervals`, `plots.dotplots`, `plots.thickness`) need NumPy and SciPy only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .stats import (
        stat_ccdfinterval,
        stat_dotsinterval,
        stat_eye,
        stat_halfeye,
        stat_histinterval,
        stat_interval,
        stat_pointinterval,
        stat_slab,
        stat_slabinterval,
    )
    from .theme import theme_ggdist

__all__ = [
    "stat_ccdfinterval",
    "stat_dotsinterval",
    "stat_eye",
    "stat_halfeye",
    "stat_histinterval",
    "stat_interval",
    "stat_pointinterval",
    "stat_slab",
    "stat_slabinterval",
    "theme_ggdist",
]


def __getattr__(name: str) -> Any:
    """A stat or the theme, imported now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(".theme" if name.startswith("theme") else ".stats", __name__)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("plotnine", "matplotlib", "pandas", "mizani"):
            raise
        raise ModuleNotFoundError(
            f'multilevel.plots.{name} needs plotnine, which is not installed; run pip install "multilevel[plots]"',
            name=error.name,
        ) from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
