"""A column as the formula language sees it: plain values, a kind, and levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

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

    @property
    def lent(self) -> bool:
        """Whether the table that `values` belong to leaves them as they are (see `Lent`)."""
        return isinstance(self.values.base, Lent)


class Lent:
    """Numbers of a table that does not write into them while `owner` lives; `np.asarray` of this keeps it alive."""

    def __init__(self, values: np.ndarray, owner: Any) -> None:
        self.__array_interface__ = values.__array_interface__
        self.owner = owner
