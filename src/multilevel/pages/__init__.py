"""The printed pages of the fits: what `m.summary()` returns.

They take plain values: names, arrays and numbers; none knows a model.
"""

from .linear import FTest, LinearSummary
from .mixed import MixedPage, MixedSummary
from .parts import (
    CORRELATIONS_UP_TO,
    DIGITS,
    coefficient_items,
    correlation_table,
    heading_items,
    notes_section,
    quantile_table,
    residuals_section,
)

__all__ = [
    "CORRELATIONS_UP_TO",
    "DIGITS",
    "FTest",
    "LinearSummary",
    "MixedPage",
    "MixedSummary",
    "coefficient_items",
    "correlation_table",
    "heading_items",
    "notes_section",
    "quantile_table",
    "residuals_section",
]
