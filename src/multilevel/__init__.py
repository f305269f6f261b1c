"""Multilevel models: simulate, fit, test, picture.

>>> import multilevel as mlm

>>> d = mlm.datasets.load("sleepstudy")
>>> m = mlm.lmer("reaction ~ days + (days | subject)", d)
>>> print(m.summary())  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import (
    ConvergenceWarning,
    DataError,
    FitError,
    FormulaError,
    InferenceError,
    MissingRowsWarning,
    MultilevelError,
    MultilevelWarning,
    RankWarning,
    SingularFitWarning,
)

if TYPE_CHECKING:
    from . import datasets, designs, families, plots
    from .designs import dropout, expand_grid
    from .fit import (
        GeneralizedLinearMixedModel,
        GeneralizedLinearModel,
        LinearMixedModel,
        LinearModel,
        compare,
        glm,
        glmer,
        lm,
        lmer,
    )
    from .studies import power
    from .truth import Group, Truth, simulate

__all__ = [
    "ConvergenceWarning",
    "DataError",
    "FitError",
    "FormulaError",
    "GeneralizedLinearMixedModel",
    "GeneralizedLinearModel",
    "Group",
    "InferenceError",
    "LinearMixedModel",
    "LinearModel",
    "MissingRowsWarning",
    "MultilevelError",
    "MultilevelWarning",
    "RankWarning",
    "SingularFitWarning",
    "Truth",
    "compare",
    "datasets",
    "designs",
    "dropout",
    "expand_grid",
    "families",
    "glm",
    "glmer",
    "lm",
    "lmer",
    "plots",
    "power",
    "simulate",
]  # in reading order

# where each name is at home; it is imported when first asked for, so that `import multilevel` takes no time
_HOMES = {
    "GeneralizedLinearMixedModel": "fit",
    "GeneralizedLinearModel": "fit",
    "LinearMixedModel": "fit",
    "LinearModel": "fit",
    "compare": "fit",
    "glm": "fit",
    "glmer": "fit",
    "lm": "fit",
    "lmer": "fit",
    "Group": "truth",
    "Truth": "truth",
    "simulate": "truth",
    "power": "studies",
    "dropout": "designs",
    "expand_grid": "designs",
}
_MODULES = ("datasets", "designs", "families", "plots")


def __getattr__(name: str) -> Any:
    """A public name, imported now; `__version__` is looked up."""
    if name in _HOMES:
        value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        return value
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name == "__version__":
        from importlib.metadata import version

        return version("multilevel")
    raise AttributeError(f"multilevel has no {name!r}{_elsewhere(name)}")


def _elsewhere(name: str) -> str:
    """Where something is that was looked for here, in words; the nearest name; or nothing."""
    if name.startswith("_"):
        return ""
    from .datasets import names
    from .errors import nearest
    from .fit import LinearMixedModel
    from .fit.elsewhere import answer
    from .plots import __all__ as pictures

    if name in pictures:
        return f": it is multilevel.plots.{name}"
    if verb := answer(LinearMixedModel, name):
        return f": it is asked of a fit, as in m.{verb.replace('()', '(...)')}"
    if name in names():
        return f': it is datasets.load("{name}")'
    return nearest(name, __all__)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
