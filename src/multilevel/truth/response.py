"""The left side of a formula when it is to be made: which columns are drawn, and of how many trials.

y                     is drawn; weights are the numbers of trials where it is a proportion
cbind(s, size - s)    s is drawn, of `size` trials
cbind(s, f)           both are drawn anew, of as many trials as they have together
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, FormulaError
from ..families import Family
from ..formula import Column, Formula, Matrices
from ..formula.calls import names_in
from ..formula.parse import Call, Name
from ..labelled import Floats


@dataclass(frozen=True, slots=True)
class Response:
    """What is drawn: the column `made`, of a pair of counts the successes, and the failures if they have a column."""

    text: str
    made: str
    failures: str | None = None
    paired: bool = False
    reads: tuple[str, ...] = ()  # columns of the design that give the numbers of trials

    def stand_ins(self, columns: Mapping[str, Column], n: int) -> dict[str, Column]:
        """Columns in the place of what is drawn, with which the formula can be read: all trials are failures."""
        made = {self.made: Column(self.made, "number", np.zeros(n))}
        if self.failures is None:
            return made
        s, f = (columns[name].values.astype(np.float64) for name in (self.made, self.failures))
        return made | {self.failures: Column(self.failures, "number", s + f)}

    def trials(self, rows: Matrices, family: Family) -> Floats | None:
        """(n,) prior weights of the rows, numbers of trials for proportions; None for ones.

        DataError for numbers of trials that are none, or weights that the family does not know.
        """
        weights = rows.extra.get("weights")
        if not self.paired and weights is None:
            return None
        if not family.trials:
            if not family.estimates_dispersion:
                raise DataError(
                    f"the distribution of a {family.name} response does not depend on weights; leave them out"
                )
            return weights
        assert rows.y is not None
        counts: Floats = rows.y.sum(axis=1) if weights is None else weights
        if ((counts < 0) | (counts != np.round(counts))).any():
            row = int(np.argmax((counts < 0) | (counts != np.round(counts))))
            raise DataError(
                f"the numbers of trials of {self.text} are {counts[row]:g} in row {row} (counting from 0, complete "
                "rows); expected whole numbers"
            )
        return counts

    def drawn(self, values: Floats, trials: Floats | None) -> dict[str, Floats]:
        """The columns (n_total,) that hold a draw."""
        if self.failures is None or trials is None:
            return {self.made: values}
        return {self.made: values, self.failures: trials - values}


def response_of(formula: Formula, family: Family, weighted: bool) -> Response:
    """What a formula makes of a draw from a family.

    Raises FormulaError for a left side that is absent or an expression, DataError for a pair of counts that the family
    has not or whose trials are given twice.
    """
    left = formula.response
    if left is None:
        raise FormulaError(
            f"{formula.text!r} does not name the response; write it left of '~', as in 'y {formula.text}'"
        )
    if left.column is not None:
        return Response(left.text, left.column)
    match left.node:
        case Call("cbind", ((_, Name(made)), (_, other))) if family.trials:
            if weighted:
                raise DataError(f"{left.text} says how many trials there are, and so do weights; give one of them")
            if isinstance(other, Name):
                return Response(left.text, made, other.name, True, (made, other.name))
            if made in names_in(other):
                return Response(left.text, made, None, True, tuple([n for n in left.names if n != made]))
    pairs = ", or cbind(successes, trials - successes)" if family.trials else ""
    raise FormulaError(
        f"the response {left.text} is an expression; simulate makes a column, and needs its name left of '~'{pairs}: "
        "simulate that, and transform it afterwards"
    )
