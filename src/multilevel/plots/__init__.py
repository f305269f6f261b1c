"""Pictures on plotnine: the slab family after ggdist, and panels that take results.

What is here are stats and a theme for plotnine, `ggplot(...) + stat_slab()`, that compose with its scales, facets,
coordinates and themes; and functions that draw a result, `plots.caterpillar(m.ranef())`, and return a `ggplot`. They
are imported when first asked for; the numbers behind the slabs (`plots.densities`, `plots.distributions`,
`plots.intervals`, `plots.dotplots`, `plots.thickness`) need NumPy and SciPy only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import means, profile
    from .checks import residuals
    from .fitted import effects
    from .groups import caterpillar, pooling
    from .powers import power
    from .shrunken import shrinkage
    from .simulations import simulated
    from .slabinterval import stat_slabinterval
    from .stats import (
        stat_ccdfinterval,
        stat_dotsinterval,
        stat_eye,
        stat_halfeye,
        stat_histinterval,
        stat_interval,
        stat_pointinterval,
        stat_slab,
    )
    from .theme import theme_ggdist

__all__ = [
    "caterpillar",
    "effects",
    "means",
    "pooling",
    "power",
    "profile",
    "residuals",
    "shrinkage",
    "simulated",
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

_HOMES = {
    "caterpillar": "groups",
    "effects": "fitted",
    "means": "answers",
    "pooling": "groups",
    "power": "powers",
    "profile": "answers",
    "residuals": "checks",
    "shrinkage": "shrunken",
    "simulated": "simulations",
    "stat_slabinterval": "slabinterval",
    "theme_ggdist": "theme",
}


def __getattr__(name: str) -> Any:
    """A stat, a panel or the theme, imported now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f".{_HOMES.get(name, 'stats')}", __name__)
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
