"""Group: how effects vary over the levels of one grouping factor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..errors import DataError, nearest
from ..framed import frame
from ..labelled import Floats
from ..layout import Item, Page, Prose, Section
from ..tables import Table, TableColumn
from ..varcorr import GroupTerm, VarCorr
from .correlations import correlation_matrix, lower_root
from .distributions import distribution
from .named import Named, by_name, number

INTERCEPT = "(Intercept)"
SHOWN = 8  # so many stated effects are printed
Stated: TypeAlias = "tuple[float, ...] | Named[float]"  # effects in the order of the levels, or by level


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Group(Page):
    """How effects vary over the levels of one grouping factor: what `(condition | participant)` is in a formula.

    Parameters
    ----------
    sd : standard deviations by coefficient name, in units of the response per unit of the coefficient's column; a plain
        number is that of `"(Intercept)"`. Zero: the levels do not differ.
    corr : correlations: one number for all pairs, a matrix (k, k) in the order of `sd`, a pandas frame with the names,
        or numbers by pair of names, `{("(Intercept)", "days"): 0.3}`, zero for the others. -1 and 1 are allowed.
    distribution : `"normal"` (default), `"t(5)"`, heavier tails by 5 degrees of freedom (above 2), or `"skewed(1)"`,
        a shifted gamma distribution of skewness 1. All have mean zero and the stated `sd` and `corr`. Effects that are
        correlated with one before them are mixtures, and less skewed than stated.
    effects : effects that are stated instead of drawn, by coefficient name: one value for each level, in the order of
        the levels, or by level.

    Raises
    ------
    DataError : a standard deviation is negative, or the correlations contradict each other; the nearest possible
        ones are given.

    >>> Group(sd={"(Intercept)": 0.25, "condition[treatment]": 0.4}, corr=0.7)
     Name                 Std.Dev. Corr
     (Intercept)          0.25
     condition[treatment] 0.40     0.700
    """

    sd: Named[float]
    corr: Floats
    distribution: str
    effects: Named[Stated]

    def __init__(
        self,
        sd: Mapping[str, float] | float | None = None,
        corr: Any = 0.0,
        distribution: str = "normal",
        effects: Mapping[str, Sequence[float] | Mapping[str, float]] | None = None,
    ) -> None:
        named = by_name("sd", {} if sd is None else sd if isinstance(sd, Mapping) else {INTERCEPT: sd}, "{'days': 6}")
        stated = by_name("effects", effects or {}, "{'(Intercept)': [0, 0, 2]}")
        if not named and not stated:
            raise DataError("a Group says nothing: give it sd, such as {'(Intercept)': 1}, or effects")
        if both := [name for name in named if name in stated]:
            raise DataError(f"{both[0]!r} stands in sd and in effects; it is either drawn or stated")
        values = {name: number(f"sd of {name!r}", value, positive=True) for name, value in named.items()}
        matrix = correlation_matrix(corr, tuple(values))
        matrix.flags.writeable = False
        object.__setattr__(self, "sd", Named(values, "effect with a standard deviation"))
        object.__setattr__(self, "corr", matrix)
        object.__setattr__(self, "distribution", str(_distribution(distribution)))
        made = {name: _stated(name, value) for name, value in stated.items()}
        object.__setattr__(self, "effects", Named(made, "stated effect"))

    def __repr__(self) -> str:
        return self.to_text()

    def __eq__(self, other: object) -> bool:
        return self._meaning() == other._meaning() if isinstance(other, Group) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._meaning())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all effects, drawn and stated."""
        return (*self.sd, *self.effects)

    @property
    def factor(self) -> Floats:
        """(k, k) lower triangular L, with L L' the covariance matrix of the drawn effects."""
        return np.array(list(self.sd.values()))[:, None] * lower_root(self.corr)

    def replace(
        self,
        *,
        sd: Mapping[str, float] | float | None = None,
        corr: Any = None,
        distribution: str | None = None,
        effects: Mapping[str, Sequence[float] | Mapping[str, float]] | None = None,
    ) -> Group:
        """Another group that differs in what is given; names not mentioned keep their values.

        >>> Group({"(Intercept)": 25, "days": 6}, corr=0.1).replace(sd={"days": 3}).sd
        {'(Intercept)': 25.0, 'days': 3.0}
        """
        changed = sd if isinstance(sd, Mapping) else {} if sd is None else {INTERCEPT: sd}
        merged = {**self.sd, **changed}
        if corr is None:
            grown, k = np.eye(len(merged)), len(self.sd)
            if len(merged) > k and (self.corr != np.eye(k)).any():
                raise DataError(
                    f"sd has {len(merged)} effects now, and the correlations are those of {k}; give corr as well"
                )
            grown[:k, :k] = self.corr
            corr = grown
        return Group(merged, corr, distribution or self.distribution, {**self.effects, **(effects or {})})

    def sections(self) -> tuple[Section, ...]:
        """One table: names, standard deviations, correlations; below it what is not normal, and what is stated."""
        items: list[Item] = []
        if self.sd:
            table = VarCorr((self.term(""),), 0.0).table(("Std.Dev.",), digits=5, decimals=3)
            columns = tuple(TableColumn(c.head, c.cells[:-1], c.align) for c in table.columns[1:])
            items.append(Table(columns, table.labels[:-1] if table.labels else None, keys=1))
        return (Section("", (*items, *(Prose(words) for words in self.words("")))),)

    def term(self, group: str) -> GroupTerm:
        """Standard deviations and correlations, as a fit has them."""
        uncorrelated = np.array_equal(self.corr, np.eye(len(self.sd)))
        return GroupTerm(group, tuple(self.sd), np.array(list(self.sd.values())), None if uncorrelated else self.corr)

    def words(self, group: str) -> list[str]:
        """In sentences: a distribution that is not normal, and effects that are stated."""
        by = f" by {group}" if group else ""
        words = []
        if self.sd and self.distribution != "normal":
            words.append(f"Effects{by} follow {self.distribution}, scaled to these standard deviations.")
        for name, stated in self.effects.items():
            values = list(stated.values()) if isinstance(stated, Named) else list(stated)
            more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
            listed = ", ".join(f"{value:g}" for value in values[:SHOWN]) + more
            words.append(f"{name}{by} is stated for {len(values)} levels: {listed}.")
        return words

    def to_frame(self) -> Any:
        """A frame with a row for each standard deviation, correlation and stated effect: `term`, `level`, `value`."""
        rows = self.rows()
        return frame(dict(zip(("term", "level", "value"), map(list, zip(*rows, strict=True)), strict=True)))

    def rows(self) -> list[tuple[str, str | None, float]]:
        """Term, level (None for parameters) and value, named as in `tidy()`."""
        names = tuple(self.sd)
        rows: list[tuple[str, str | None, float]] = [(f"sd__{name}", None, value) for name, value in self.sd.items()]
        for j, first in enumerate(names):
            rows += [(f"cor__{first}.{names[i]}", None, float(self.corr[i, j])) for i in range(j + 1, len(names))]
        for name, stated in self.effects.items():
            pairs = stated.items() if isinstance(stated, Named) else enumerate(stated, 1)
            rows += [(name, str(level), value) for level, value in pairs]
        return rows

    def _meaning(self) -> tuple[object, ...]:
        """What two groups that mean the same have in common, whatever the order of their names."""
        names = tuple(self.sd)
        pairs = {
            (frozenset((a, b)), float(self.corr[i, j])) for j, b in enumerate(names) for i, a in enumerate(names[:j])
        }
        return self.sd, frozenset(pairs), self.distribution, self.effects


_distribution = distribution  # the name is also that of an argument


def stated_values(stated: Stated, levels: Sequence[str], what: str) -> Floats:
    """(l,) stated effects in the order of the levels; DataError if they do not belong to these levels."""
    if isinstance(stated, Named):
        for level in stated:
            if level not in levels:
                raise DataError(f"{what} is stated for the level {level!r}, which the design has not"
                                f"{nearest(level, levels)}")  # fmt: skip
        if absent := [level for level in levels if level not in stated]:
            raise DataError(
                f"{what} is not stated for the level {absent[0]!r} of the design; every level needs a value"
            )
        return np.array([stated[level] for level in levels])
    if len(stated) != len(levels):
        raise DataError(f"{what} is stated for {len(stated)} levels, and the design has {len(levels)}")
    return np.array(stated)


def _stated(name: str, given: Any) -> Stated:
    what = f"effects of {name!r}"
    if isinstance(given, Mapping):
        by_level = {str(level): number(f"{what} at {level!r}", value) for level, value in given.items()}
        return Named(by_level, "level")
    values = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else []
    if not values:
        raise DataError(f"{what} is {given!r}; expected one number for each level, in a list or by level")
    return tuple([number(f"{what}, number {i},", value) for i, value in enumerate(values, 1)])
