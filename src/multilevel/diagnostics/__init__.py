"""A fit explained: what the optimum is worth, what is singular or not identified, what was left out."""

from .doubts import category_words, doubts, dropped_words, missing_words, singularities, zero_weight_words
from .explained import (
    FEW_LEVELS,
    Explanation,
    explain_linear,
    explain_mixed,
    headed,
    left_out,
    mean_words,
    singular_words,
    term_words,
)
from .optimum import Convergence, convergence, convergence_doubts, convergence_words
from .sentences import listed, sentence

__all__ = [
    "FEW_LEVELS",
    "Convergence",
    "Explanation",
    "category_words",
    "convergence",
    "convergence_doubts",
    "convergence_words",
    "doubts",
    "dropped_words",
    "explain_linear",
    "explain_mixed",
    "headed",
    "left_out",
    "listed",
    "mean_words",
    "missing_words",
    "sentence",
    "singular_words",
    "singularities",
    "term_words",
    "zero_weight_words",
]
