"""Marginal means, slopes and their contrasts, and what can be asked of them.

MarginalMeans
├─ LinearFunctions   functions.py    L beta with names: estimates, limits, tests
├─ Displayed         displayed.py    the page; test, confint, response: the same rows, shown otherwise
├─ Contrasted        contrasted.py   contrast, pairs, simple: the same for W L
└─ joint_test, joint_tests           F tests
"""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType

import numpy as np

from ...arguments import in_words
from ...errors import InferenceError
from .contrasted import Contrasted
from .joint import JointTests, factorial_terms, rows_test, term_tests
from .specs import Names


@in_words
@dataclass(frozen=True, eq=False, repr=False)
class MarginalMeans(Contrasted):
    """Estimated marginal means, slopes, or contrasts of them; made by `emmeans` and `emtrends`.

    Prints as emmeans does in R. `estimates`, `limits` and `tests` have the numbers, `to_frame()` all of them in a
    frame; `L` (k, columns of X) are the linear functions, of all columns of X.
    """

    def joint_test(self) -> JointTests:
        """One F test for each table: all its rows are zero.

        Raises InferenceError if a row is not estimable.
        """
        if not self.estimable.all():
            raise InferenceError("some rows are not estimable; a joint test needs rows that are")
        tables = [
            (self.title(rows), [rows_test(self.basis, self.L[rows], self.constant[rows])]) for rows in self.groups
        ]
        return JointTests(tables, self.basis.sampling.note, self.basis.backend)

    def joint_tests(self, by: Names | EllipsisType = ...) -> JointTests:
        """An F test for each factor and interaction of factors among the rows, in the manner of type III tests.

        `by` are names of columns whose values make separate tables; default: as they are.
        """
        here = self._grouped(by)
        own = [key for key in here.keys if key.name not in here.by]
        tables = []
        for rows in here.groups:
            sizes = {key.name: len(set(key.taken(rows).labels)) for key in own}
            if len(rows) != np.prod(list(sizes.values())):
                raise InferenceError("joint tests need every combination of the factors; some are missing here")
            tables.append(
                (here.title(rows), term_tests(self.basis, self.L[rows], factorial_terms(self.L[rows], sizes)))
            )
        return JointTests(tables, self.basis.sampling.note, self.basis.backend)
