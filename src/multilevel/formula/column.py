"""A column as the formula language sees it: plain values, a kind, and levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["number", "logical", "factor", "ordered"]


@dataclass(frozen=True, slots=True)
class Column:
    """One variable of the data, free of any frame library.

    `values` is (n,): for `"number"` any real dtype, NaN where missing; for `"logical"` bool, or float 0/1 with NaN
    where missing; for `"factor"` and `"ordered"` int32 codes into `levels`, -1 where missing.
    """

    name: str
    kind: Kind
    values: np.ndarray
    levels: tuple[str, ...] = ()
