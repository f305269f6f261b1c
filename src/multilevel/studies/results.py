"""Power: how often tests found what is true, as a page and as a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..digits import fixed, significant
from ..errors import InferenceError
from ..framed import frame
from ..labelled import Floats, unknown_name
from ..layout import FormulaLine, Item, Line, Page, Prose, Section
from ..tables import Table, column
from .needed import Needed, needed
from .outcomes import Axis, Outcome

GOAL = 0.8


@dataclass(frozen=True, eq=False, repr=False)
class Power(Page):
    """How often tests find what is true, over one or several scenarios; made by `power`.

    Parameters
    ----------
    formula : the model.
    family : of the response, "" for gaussian ones.
    n : responses drawn in each scenario.
    alpha : level of the tests.
    words : whose references the tests use, "Satterthwaite's method".
    axes : what varies over the scenarios; none: there is one.
    results : for each scenario, in the order of the axes, the last varying fastest, what each test found.
    parts : formulas of the models beside that of the mean, by what they are of, "Zero inflation".
    backend : library of the frame that `to_frame()` gives.
    """

    formula: str
    family: str
    n: int
    alpha: float
    words: str
    axes: tuple[Axis, ...]
    results: tuple[Outcome, ...]
    parts: Mapping[str, str]
    backend: str = "pandas"

    def __repr__(self) -> str:
        return self.to_text()

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.results)

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests, as they were asked for."""
        return tuple(dict.fromkeys(result.test for result in self.results))

    def __getitem__(self, test: str) -> tuple[Outcome, ...]:
        """What one test found, in each scenario."""
        if test not in self.tests:
            raise unknown_name("test", test, self.tests)
        return tuple([result for result in self.results if result.test == test])

    def smallest(self, power: float = GOAL, test: str | None = None) -> Needed:
        """The least number of levels, or the least size of an effect, with which a test reaches a power.

        Between the scenarios a curve is drawn: straight in the normal quantile of the power against the root of the
        number of levels, or against the value, as the power of a z test is; where the shares found do not rise, they
        are pooled until they do (Ayer et al. 1955, Ann. Math. Statist. 26, 641-647). It is not drawn beyond them.

        Parameters
        ----------
        power : the goal, between 0 and 1.
        test : which test. Default: the only one.

        Raises
        ------
        InferenceError : there is not exactly one axis, no or an unknown test, or the goal is not reached within the
            scenarios, or reached before the first.
        """
        if len(self.axes) != 1:
            raise InferenceError(
                f"the power was simulated over {len(self.axes)} axes; the smallest value is that of a curve over one, "
                'such as along={"participant": [10, 20, 40]}'
            )
        if test is None and len(self.tests) > 1:
            raise InferenceError(f"there are several tests, {', '.join(map(repr, self.tests))}; say which with test=")
        return needed(self.axes[0], self[self.tests[0] if test is None else test], power)

    def sections(self) -> tuple[Section, ...]:
        """What was done, the table, what the fits had to say."""
        about: list[Item] = [FormulaLine("Formula:", self.formula)]
        about += [FormulaLine(f"{what}:", text) for what, text in self.parts.items()]
        about += [Line(f"Family: {self.family}")] if self.family else []
        about += [FormulaLine("Test:", self.tests[0])] if len(self.tests) == 1 and self.axes else []
        each = " of each design" if self.axes else ""
        about.append(Prose(f"{self.n} simulations{each}; tests at alpha = {self.alpha:g} with {self.words}."))
        about += [Line(words) for words in self._axes_in_words()]
        notes: tuple[Item, ...] = tuple(map(Prose, self._notes()))
        return Section("Power by simulation", tuple(about)), Section("", (self._table(),)), Section("", notes)

    def _table(self) -> Table:
        rows = self.results
        columns = [
            column(axis.name, [result.where[i] for result in rows])
            for i, axis in enumerate(self.axes)
            if len(axis.values) > 1
        ]
        if len(self.tests) > 1 or not self.axes:
            columns.append(column("Test", [result.test for result in rows], align="left"))
        keys = len(columns)
        columns.append(column("Power", fixed([result.power for result in rows], 3)))
        for side, head in enumerate(("2.5 %", "97.5 %")):
            columns.append(column(head, fixed([result.interval[side] for result in rows], 3)))
        if any(np.isfinite(result.truth) for result in rows):
            if not self._truth_is_an_axis():
                columns.append(column("Truth", _blank(significant([result.truth for result in rows], 4))))
            spread = significant([result.sd for result in rows], 3)
            means = [result.mean for result in rows]
            decimals = max(len(cell.partition(".")[2]) for cell in spread)  # what is beyond them is chance
            rough = any("e" in cell for cell in spread)
            columns.append(column("Mean", _blank(significant(means, 4) if rough else fixed(means, decimals))))
            columns.append(column("SD", _blank(spread)))
        if self._has_errors():
            columns.append(column("Type S", _blank(fixed([result.wrong_sign for result in rows], 3))))
            columns.append(column("Type M", _blank(fixed([result.exaggeration for result in rows], 2))))
        for head, values, _ in self._trouble() if self.axes else ():
            columns.append(column(head, [str(value) for value in values]))
        return Table(tuple(columns), keys=keys)

    def _truth_is_an_axis(self) -> bool:
        """Whether the true values are those of an axis."""
        places = [i for i, axis in enumerate(self.axes) if axis.kind == "value"]
        return any(all(r.truth == r.where[i] for r in self.results) for i in places)

    def _axes_in_words(self) -> Iterator[str]:
        """What the first columns are, and what is the same throughout."""
        levels = [axis.name for axis in self.axes if axis.kind == "levels" and len(axis.values) > 1]
        if levels:
            yield f"Numbers of levels: {', '.join(levels)}"
        for axis in self.axes:
            if len(axis.values) == 1:
                (value,) = axis.values
                yield f"{axis.name}: {value:g} levels" if axis.kind == "levels" else f"{axis.name} = {value:g}"

    def _has_errors(self) -> bool:
        return any(np.isfinite(result.wrong_sign) for result in self.results)

    def _trouble(self) -> list[tuple[str, list[int], str]]:
        """What went wrong somewhere: a heading, the counts, what it means."""
        every = [
            ("Failed", [r.failed for r in self.results], "no fit or no test; counted as not significant"),
            ("Singular", [r.singular for r in self.results], "a variance of zero or a correlation of one; counted"),
            ("Uncertain", [r.uncertain for r in self.results], "no certified optimum; counted"),
        ]
        return [(head, counts, words) for head, counts, words in every if any(counts)]

    def _notes(self) -> Iterator[str]:
        yield "2.5 % and 97.5 %: limits of the exact (Clopper-Pearson) 95 % interval of the power."
        if self._has_errors():
            yield (
                "Type S: share of the significant estimates with the wrong sign; type M: how many times too large "
                "significant estimates are on average."
            )
        for head, counts, words in self._trouble():
            yield f"{head}: {words}." if self.axes else f"{head}: {max(counts)} of {self.n} fits ({words})."
        if not self._trouble():
            yield "No fit failed, was singular, or is without a certified optimum."

    def to_frame(self) -> Any:
        """A frame with a row for each scenario and test.

        The axes by their names, then `test`, `power`, `lower`, `upper`, `n`, `significant`, `failed`, `singular`,
        `uncertain`, `truth`, `mean`, `sd`, `type_s`, `type_m`.
        """
        rows = self.results
        cells: dict[str, Sequence[Any] | Floats] = {
            axis.name: [int(r.where[i]) if axis.kind == "levels" else r.where[i] for r in rows]
            for i, axis in enumerate(self.axes)
        }
        cells["test"] = [r.test for r in rows]
        cells["power"] = [r.power for r in rows]
        cells["lower"], cells["upper"] = ([r.interval[side] for r in rows] for side in (0, 1))
        cells["n"] = [r.n for r in rows]
        cells["significant"] = [r.found for r in rows]
        for name in ("failed", "singular", "uncertain", "truth", "mean", "sd"):
            cells[name] = [getattr(r, name) for r in rows]
        cells["type_s"] = [r.wrong_sign for r in rows]
        cells["type_m"] = [r.exaggeration for r in rows]
        return frame(cells, self.backend)


def _blank(cells: Sequence[str]) -> list[str]:
    """What is not defined is left empty."""
    return ["" if cell.strip() in ("NA", "NaN") else cell for cell in cells]
