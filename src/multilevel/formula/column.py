"""A column as the formula language sees it: plain values, a kind, and levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

MANY_NUMBERS = 5  # numbers among the levels of a text column that look like a slip rather than names
MANY_FRACTIONS = 12  # levels that are numbers, some with fractions, beyond which they hardly name categories
LONG = 4  # shorter codes such as AA, Aa and aa mean different things
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


def texts_among_numbers(levels: Sequence[str]) -> list[str]:
    """The levels that are no numbers where most of them are: a slip in a numeric column? Else none.

    >>> texts_among_numbers(["1", "2", "3.5", "4", "5", "n/a"]), texts_among_numbers(["a", "b", "3"])
    (['n/a'], [])
    """
    texts = [level for level in levels if not is_number(level)]
    slip = texts and len(levels) >= MANY_NUMBERS + len(texts) and len(texts) < len(levels) / 2
    return texts if slip else []


def decimals(levels: Sequence[str]) -> bool:
    """Whether the levels are many numbers, fractions among them: a numeric column that was read as text?

    >>> decimals([f"{x / 10}" for x in range(20)]), decimals(["0.5", "1", "2"]), decimals([str(x) for x in range(20)])
    (True, False, False)
    """
    return len(levels) > MANY_FRACTIONS and all(map(is_number, levels)) and any("." in level for level in levels)


def alike(levels: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of levels that blanks, or capitals in words of four letters or more, tell apart: slips of who typed them?

    >>> alike(["Placebo", "Placebo ", "PLACEBO", "drug"]), alike(["AA", "Aa", "aa"])
    ([('Placebo', 'Placebo '), ('Placebo', 'PLACEBO')], [])
    """
    first: dict[str, str] = {}
    found = []
    for level in levels:
        words = " ".join(level.split())
        other = first.setdefault(words.casefold() if len(words) >= LONG else words, level)
        if other is not level:
            found.append((other, level))
    return found


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


class Lent:
    """Numbers of a table that does not write into them while `owner` lives; `np.asarray` of this keeps it alive."""

    def __init__(self, values: np.ndarray, owner: Any) -> None:
        self.__array_interface__ = values.__array_interface__
        self.owner = owner
