"""Joint F tests: of the rows of a table, or of each factor and interaction in a grid.

A term's hypothesis is that the interaction contrasts of its factors, averaged over all other factors, are zero: type
III tests of a balanced population (Searle, Speed & Milliken 1980, Am. Stat. 34, 216-221). Of contrasts that are not
estimable the combinations that are remain. What is estimable among all cells but belongs to no term alone is
"(confounded)": the difference of the two numerators.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from .averaging import Averages, averages
from .basis import Basis
from .grid import Grid
from .pages import p_cells
from .tails import f_sf

NOTES = {"d": "d: df1 reduced due to linear dependence", "e": "e: df1 reduced due to non-estimability"}
CONFOUNDED = "(confounded)"
NOTHING = 1e-9  # share of the largest entry below which a row is zero


class TestRow(NamedTuple):
    """One test: the term (empty for all rows together), F, its degrees of freedom, p, and the letter of a note."""

    term: str
    test: FTestResult
    note: str = ""


class TermContrasts(NamedTuple):
    """A term, the predictors that its test is about, those of separate tables included, and its contrasts."""

    name: str
    predictors: frozenset[str]
    contrasts: Averages


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
        TableColumn("df2", tuple(significant([round(test.df2, 2) for test in tests]))),
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


def term_tests(basis: Basis, cells: Floats, terms: Iterable[tuple[str, Floats]]) -> list[TestRow]:
    """Tests of terms, each with its contrasts (c, columns of X), among cells (m, columns of X) of a grid."""
    rows, tested = [], []
    for name, every in terms:
        contrasts = _nonzero(every, cells)
        estimable = basis.estimable.within(contrasts)
        test = basis.f_test(estimable) if len(estimable) else None
        if test is None or test.df1 == 0:
            continue
        rows.append(TestRow(name, test, "e" if test.df1 < int(np.linalg.matrix_rank(contrasts)) else ""))
        tested.append(estimable)
    if basis.estimable.null.shape[1] and tested:
        rows += _confounded(basis, cells, np.vstack(tested))
    return rows


def factorial_terms(cells: Floats, sizes: Mapping[str, int]) -> Iterator[tuple[str, Floats]]:
    """All main effects and interactions among the cells of a table, the first factor varying fastest."""
    names = [name for name, size in sizes.items() if size > 1]
    for degree in range(1, len(names) + 1):
        for term in combinations(names, degree):
            array = cells.reshape(*list(sizes.values())[::-1], cells.shape[1])
            for axis, name in enumerate(reversed(list(sizes))):
                array = np.diff(array, axis=axis) if name in term else array.mean(axis=axis, keepdims=True)
            yield ":".join(term), array.reshape(-1, cells.shape[1])


def grid_terms(
    grid: Grid, by: Sequence[str], terms: Sequence[set[str]], weights: Any = "equal"
) -> Iterator[TermContrasts]:
    """The terms among the means of a grid, and for each the interaction contrasts within the tables `by`.

    Contrasts of a nested factor are taken within what it is nested in, and stand for its interactions with it too.
    """
    names = [name for name in grid.names if name not in by and len(grid.axis(name)) > 1]
    found: dict[frozenset[str], None] = {}
    for degree in range(1, len(names) + 1):
        for some in combinations(names, degree):
            if any(set(some) <= term for term in terms):
                closed = frozenset(some).union(*(grid.nests.get(name, ()) for name in some)) - set(by)
                found[closed] = None
    for closed in sorted(found, key=len):
        outer = {b for name in closed for b in grid.nests.get(name, ())}
        inner = [name for name in names if name in closed and name not in outer]
        kept = [name for name in names if name in closed and name in outer]
        made = averages(grid, grid.X, [*inner, *kept, *by], weights)
        title = ":".join(name for name in names if name in closed)
        yield TermContrasts(title, closed.union(by), _differences(made, len(inner)))


def _differences(made: Averages, count: int) -> Averages:
    """Differences of neighbours in the first `count` keys, at each value of the others."""
    rows: dict[tuple[str, ...], list[int]] = {}
    for i, cell in enumerate(zip(*(key.labels for key in made.keys[count:]), strict=True)):
        rows.setdefault(cell, []).append(i)
    L, firsts = [], []
    for group in rows.values() or [list(range(len(made.L)))]:
        sizes = [len({key.labels[i] for i in group}) for key in made.keys[:count]]
        array = made.L[group].reshape(*sizes[::-1], made.L.shape[1])
        for axis in range(count):
            array = np.diff(array, axis=axis)
        L.append(array.reshape(-1, made.L.shape[1]))
        firsts += [group[0]] * len(L[-1])
    keys = tuple(key.taken(firsts) for key in made.keys[count:])
    return made._replace(keys=keys, L=np.vstack(L), constant=np.zeros(len(firsts)))


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
    return [TestRow(CONFOUNDED, FTestResult(statistic, rest, all_of_it.df2, p))]
