"""The language of formulas: text -> terms -> columns of X and Z.

Text is read by `parse` and `terms` into a `Formula`; `Design.learn` meets it with data, given as plain `Column`s.
"""

from multilevel.formula.column import Column
from multilevel.formula.contrasts import Contrast
from multilevel.formula.design import Design, Factor, RandomPart
from multilevel.formula.formulas import Formula
from multilevel.formula.matrices import Matrices, RandomMatrices
from multilevel.formula.planning import Term
from multilevel.formula.structures import (
    ONE_VARIANCE,
    Covariance,
    distinct_pairs,
    lowest_correlation,
    smallest_distance,
    special_case,
)  # fmt: skip

__all__ = [
    "ONE_VARIANCE", "Column", "Contrast", "Covariance", "Design", "Factor", "Formula", "Matrices", "RandomMatrices",
    "RandomPart", "Term", "distinct_pairs", "lowest_correlation", "smallest_distance", "special_case",
]  # fmt: skip
