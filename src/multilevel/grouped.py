"""Values that differ from group to group, with standard errors: random effects, and coefficients per group.

GroupTables     one table for each grouping factor
└─ GroupTable   a row for each level, a column for each effect
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

import numpy as np

from .digits import significant
from .errors import InferenceError
from .framed import frame
from .labelled import Coefficients, Floats, unknown_name
from .layout import Item, Line, Page, Section
from .tables import Table, column

SHOWN = 20  # levels that are printed; all are in `to_frame()`
DIGITS = 5


@dataclass(frozen=True, eq=False, repr=False)
class GroupTable(Page):
    """What is estimated for each level of one grouping factor.

    Parameters
    ----------
    group : name of the grouping factor.
    levels : (l,) its levels.
    names : (k,) names of the effects.
    estimates, errors : (l, k) values and their standard errors; NaN where there is none.
    backend : library of the frame that `to_frame()` gives.

    Raises
    ------
    InferenceError : an unknown level or effect was asked for.

    >>> table = GroupTable("g", ("a", "b"), ("x",), np.array([[1.5], [-1.5]]), np.array([[0.5], [0.5]]))
    >>> table["b", "x"], table[:, "x"], np.asarray(table).shape
    (-1.5, array([ 1.5, -1.5]), (2, 1))
    """

    group: str
    levels: tuple[str, ...]
    names: tuple[str, ...]
    estimates: Floats
    errors: Floats
    backend: str = "pandas"

    def __post_init__(self) -> None:
        for array in (self.estimates, self.errors):
            array.flags.writeable = False

    @overload
    def __getitem__(self, key: str) -> Coefficients: ...

    @overload
    def __getitem__(self, key: tuple[str, str]) -> float: ...

    @overload
    def __getitem__(self, key: tuple[slice, str]) -> Floats: ...

    def __getitem__(self, key: str | tuple[str | slice, str]) -> Coefficients | float | Floats:
        """The effects of one level, `table["308"]`, one of them, `table["308", "days"]`, or (l,) one effect of all
        levels, `table[:, "days"]`.
        """
        if isinstance(key, tuple):
            if len(key) != 2:
                raise InferenceError(f"one value is asked for by level and effect, table[level, name]; found {key!r}")
            level, name = key
            if isinstance(level, slice):
                if name not in self.names:
                    raise unknown_name("effect", name, self.names)
                return self.estimates[level, self.names.index(name)]
            return self[level][name]
        if key not in self._places:
            if key in self.names:
                raise InferenceError(
                    f"{key!r} is no level of {self.group} but an effect; table[:, {key!r}] has it for all"
                )
            raise unknown_name(f"level of {self.group}", key, self.levels)
        return Coefficients(self.names, self.estimates[self._places[key]], backend=self.backend)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.estimates, dtype=dtype) if copy else np.asarray(self.estimates, dtype=dtype)

    def __len__(self) -> int:
        return len(self.levels)

    def __repr__(self) -> str:
        return self.to_text()

    @cached_property
    def _places(self) -> dict[str, int]:
        return {level: i for i, level in enumerate(self.levels)}

    def sections(self) -> tuple[Section, ...]:
        """One table: each effect beside its standard error, for the first levels."""
        cells = []
        for name, values, errors in zip(self.names, self.estimates.T, self.errors.T, strict=True):
            cells += [
                column(name, values[:SHOWN].tolist(), _rule),
                column("Std. Error", errors[:SHOWN].tolist(), _rule),
            ]
        items: list[Item] = [Table(tuple(cells), self.levels[:SHOWN])]
        if len(self.levels) > SHOWN:
            items.append(Line(f"... and {len(self.levels) - SHOWN} more levels; to_frame() has them all"))
        return (Section(self.group, tuple(items)),)

    def to_frame(self) -> Any:
        """A frame with a row for each level: its name in the column of the factor, then the effects.

        Standard errors follow; that of `days` stands in the column `days std_error`.
        """
        values = dict(zip(self.names, self.estimates.T, strict=True))
        errors = {f"{name} std_error": e for name, e in zip(self.names, self.errors.T, strict=True)}
        return frame({self.group: self.levels, **values, **errors}, self.backend)


@dataclass(frozen=True, eq=False, repr=False)
class GroupTables(Page, Mapping[str, GroupTable]):
    """One table for each grouping factor, looked up by its name.

    Parameters
    ----------
    tables : the tables, in the order of the printed page.
    backend : library of the frame that `to_frame()` gives.
    zero_inflation, dispersion : those of such a model, on the scale of its logit or logarithm; None without random
        effects there.
    """

    tables: tuple[GroupTable, ...]
    backend: str = "pandas"
    zero_inflation: GroupTables | None = None
    dispersion: GroupTables | None = None

    def __getitem__(self, group: str) -> GroupTable:
        for table in self.tables:
            if table.group == group:
                return table
        raise unknown_name("grouping factor", group, self)

    def __iter__(self) -> Iterator[str]:
        return (table.group for table in self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def __repr__(self) -> str:
        return self.to_text()

    def sections(self) -> tuple[Section, ...]:
        """The tables, one below the other."""
        own = tuple(section for table in self.tables for section in table.sections())
        parts = (("Zero-inflation model", self.zero_inflation), ("Dispersion model", self.dispersion))
        others = [(title, part.sections()) for title, part in parts if part is not None]
        titled = [("Conditional model", own), *others]
        return (
            tuple([replace(section, title=f"{title}: {section.title}") for title, part in titled for section in part])
            if others
            else own
        )

    def to_frame(self) -> Any:
        """A frame with a row for each level and effect: `group`, `level`, `term`, `estimate`, `std_error`.

        With random effects of zero inflation or dispersion a column `component` comes first, "cond", "zi" or "disp".
        """
        rows: dict[str, list[Any]] = {"component": [], "group": [], "level": [], "term": []}
        parts = (("cond", self), ("zi", self.zero_inflation), ("disp", self.dispersion))
        tables = [(name, table) for name, part in parts if part is not None for table in part.tables]
        for component, table in tables:
            size = len(table.levels) * len(table.names)
            rows["component"] += [component] * size
            rows["group"] += [table.group] * size
            rows["level"] += [level for level in table.levels for _ in table.names]
            rows["term"] += table.names * len(table.levels)
        values = {
            "estimate": _stacked([t.estimates for _, t in tables]),
            "std_error": _stacked([t.errors for _, t in tables]),
        }
        if self.zero_inflation is None and self.dispersion is None:
            del rows["component"]
        return frame({**rows, **values}, self.backend)


def _rule(values: Sequence[float]) -> list[str]:
    return significant(values, DIGITS)


def _stacked(blocks: Sequence[Floats]) -> Floats:
    return np.concatenate([block.ravel() for block in blocks])
