"""Multilevel models: simulate, fit, test, picture.

>>> import multilevel as mlm

>>> d = mlm.datasets.load("sleepstudy")
>>> m = mlm.lmer("reaction ~ days + (days | subject)", d)
>>> print(m.summary())  # doctest: +SKIP
"""

from __future__ import annotations

from . import datasets, designs, plots
from .designs import dropout, expand_grid
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
from .fit import LinearMixedModel, LinearModel, lm, lmer
from .truth import Group, Truth, simulate

__all__ = [
    "ConvergenceWarning",
    "DataError",
    "FitError",
    "FormulaError",
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
    "datasets",
    "designs",
    "dropout",
    "expand_grid",
    "lm",
    "lmer",
    "plots",
    "simulate",
]  # in reading order


def __getattr__(name: str) -> str:
    """`__version__`, looked up only when asked for: that takes longer than the rest of the import."""
    if name == "__version__":
        from importlib.metadata import version

        return version("multilevel")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
