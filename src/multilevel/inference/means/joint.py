"""Joint F tests: of the rows of a table, or of each factor and interaction in a grid.

A term's hypothesis is that the interaction contrasts of its factors, averaged over all other factors, are zero: type
III tests of a balanced population (Searle, Speed & Milliken 1980, Am. Stat. 34, 216-221). Of contrasts that are not
estimable the combinations that are remain. What is estimable among all cells but belongs to no term alone is
"(confounded)": the difference of the two numerators.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ...data.sums import Floats
from ...digits import fixed, pad, significant
from ...framed import frame
from ...layout import Page, Prose, Section
from ...tables import Table, TableColumn
from ..sampling import FTestResult
from .basis import Basis
from .pages import p_cells
from .tails import f_sf

NOTES = {"d": "d: df1 reduced due to linear dependence", "e": "e: df1 reduced due to non-estimability"}
NOTHING = 1e-9  # share of the largest entry below which a row is zero


class TestRow(NamedTuple):
    """One test: the term (empty for all rows together), F, its degrees of freedom, p, and the letter of a note."""

    term: str
    test: FTestResult
    note: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class JointTests(Page):
    """F tests in one table for each group: `tables` holds titles and rows."""

    tables: Sequence[tuple[str, Sequence[TestRow]]]
    remark: str
    backend: str

    def __repr__(self) -> str:
        return self.to_text()

    def to_frame(self) -> Any:
        """A frame with a row for each test: `group`, `term`, `df1`, `df2`, `statistic`, `p_value`."""
        rows = [(title.removesuffix(":"), row) for title, table in self.tables for row in table]
        columns: dict[str, Any] = {"group": [title for title, _ in rows]} if any(title for title, _ in rows) else {}
        if any(row.term for _, row in rows):
            columns["term"] = [row.term for _, row in rows]
        columns["df1"] = np.array([row.test.df1 for _, row in rows])
        columns["df2"] = np.array([row.test.df2 for _, row in rows])
        columns["statistic"] = np.array([row.test.statistic for _, row in rows])
        columns["p_value"] = np.array([row.test.p_value for _, row in rows])
        return frame(columns, self.backend)

    def sections(self) -> tuple[Section, ...]:
        """A table for each group, then the meaning of the notes."""
        every = [row for _, rows in self.tables for row in rows]
        columns = _columns(every)
        made, at = [], 0
        for title, rows in self.tables:
            cut = tuple(TableColumn(c.head, c.cells[at : at + len(rows)], c.align) for c in columns)
            made.append(Section(title, (Table(cut, ("",) * len(rows), keys=1),)))
            at += len(rows)
        notes = [NOTES[letter] for letter in sorted({row.note for row in every} - {""})]
        notes += [self.remark] if self.remark else []
        return (*made, Section("", tuple(map(Prose, notes)))) if notes else tuple(made)


def _columns(rows: Sequence[TestRow]) -> list[TableColumn]:
    tests = [row.test for row in rows]
    columns = [TableColumn("model term", tuple(row.term for row in rows), "left")] if rows and rows[0].term else []
    columns += [
        TableColumn("df1", tuple(str(test.df1) for test in tests)),
        TableColumn("df2", tuple(significant([test.df2 for test in tests], 3))),
        TableColumn("F.ratio", tuple(pad(fixed([test.statistic for test in tests], 3)))),
        TableColumn("p.value", tuple(pad(p_cells(np.array([test.p_value for test in tests]))))),
    ]
    if any(row.note for row in rows):
        columns.append(TableColumn("note", tuple(f" {row.note}" if row.note else "" for row in rows), "left"))
    return columns


def rows_test(basis: Basis, L: Floats, constant: Floats) -> TestRow:
    """One test of all rows L beta + constant = 0, which are estimable."""
    test = basis.f_test(L, constant)
    return TestRow("", test, "d" if test.df1 < len(L) else "")


def term_tests(
    basis: Basis, cells: Floats, sizes: Mapping[str, int], terms: Sequence[Iterable[str]] | None = None
) -> list[TestRow]:
    """Tests of terms among the cells of a grid.

    Parameters
    ----------
    basis : where the numbers come from.
    cells : (m, columns of X) the linear function of each cell, the first factor varying fastest.
    sizes : number of levels of each factor.
    terms : names of the factors of each term; None: all combinations.
    """
    names = [name for name, size in sizes.items() if size > 1]
    wanted = None if terms is None else {frozenset(term) & set(names) for term in terms}
    rows, tested = [], []
    for degree in range(1, len(names) + 1):
        for term in combinations(names, degree):
            if wanted is not None and not any(set(term) <= other for other in wanted):
                continue
            contrasts = _nonzero(_contrasts(cells, sizes, term), cells)
            estimable = basis.estimable.within(contrasts)
            if not len(estimable):
                continue
            test = basis.f_test(estimable)
            if test.df1 == 0:
                continue
            full = int(np.linalg.matrix_rank(contrasts))
            rows.append(TestRow(":".join(term), test, "e" if test.df1 < full else ""))
            tested.append(estimable)
    if basis.estimable.null.shape[1] and tested:
        rows += _confounded(basis, cells, np.vstack(tested))
    return rows


def _contrasts(cells: Floats, sizes: Mapping[str, int], term: Sequence[str]) -> Floats:
    """Differences of neighbouring levels of the factors of a term, means over those of the others."""
    array = cells.reshape(*list(sizes.values())[::-1], cells.shape[1])
    for place, name in enumerate(sizes):
        axis = len(sizes) - 1 - place
        array = np.diff(array, axis=axis) if name in term else array.mean(axis=axis, keepdims=True)
    return array.reshape(-1, cells.shape[1])


def _nonzero(rows: Floats, cells: Floats) -> Floats:
    largest = np.nanmax(np.abs(cells), axis=0, initial=0.0)
    largest[largest == 0] = 1.0
    zero = (np.abs(rows) <= NOTHING * largest).all(axis=1)
    left: Floats = rows[~zero]
    return left


def _confounded(basis: Basis, cells: Floats, tested: Floats) -> list[TestRow]:
    """What is estimable among all cells beyond the terms, if anything."""
    every = basis.estimable.within(_nonzero(np.diff(cells, axis=0), cells))
    if not len(every):
        return []
    all_of_it, known = basis.f_test(every), basis.f_test(tested)
    rest = all_of_it.df1 - known.df1
    if rest <= 0:
        return []
    statistic = (all_of_it.df1 * all_of_it.statistic - known.df1 * known.statistic) / rest
    p = float(f_sf(np.array([statistic]), rest, np.array([all_of_it.df2]))[0])
    return [TestRow("(confounded)", FTestResult(statistic, rest, all_of_it.df2, p))]
