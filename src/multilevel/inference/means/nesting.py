"""Nested factors: those whose levels mean something else in each level of another factor.

A factor is nested in another when each of its levels occurs with one level of the other only, or when the formula has
their interaction but not its main effect, a/b. Averages over a nested factor are taken within the levels that it is
nested in, and its own means name these levels: the rules that emmeans documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from ...formula.levels import learn_levels
from .axes import Axis

Nests: TypeAlias = Mapping[str, tuple[str, ...]]  # the factors that each nested factor is nested in


def nesting(axes: Sequence[Axis], terms: Iterable[set[str]]) -> Nests:
    """Which factors of a grid are nested, and in which; `terms` are the columns of each term of the formula."""
    factors = [axis for axis in axes if axis.counted]
    found = _by_occurrence(factors) | _by_formula({axis.name for axis in factors}, [set(term) for term in terms])
    inner = {axis.name for axis in factors if axis.coded}
    made: dict[str, tuple[str, ...]] = {}
    for a in (axis.name for axis in factors):
        outer = tuple(axis.name for axis in factors if (a, axis.name) in found and (axis.name, a) not in found)
        if a in inner and outer:
            made[a] = outer
    return made


def _by_occurrence(factors: Sequence[Axis]) -> set[tuple[str, str]]:
    codes = {axis.name: learn_levels(axis.column)[1].astype(np.int64) for axis in factors}
    sizes = {name: len(np.unique(code)) for name, code in codes.items()}
    found = set()
    for a in codes:
        for b in codes:
            if a != b and min(sizes[a], sizes[b]) > 1:
                pairs = len(np.unique(codes[a] * (codes[b].max() + 1) + codes[b]))
                if pairs == sizes[a]:
                    found.add((a, b))
    return found


def _by_formula(factors: set[str], terms: Sequence[set[str]]) -> set[tuple[str, str]]:
    return {
        (a, b)
        for term in terms
        if len(term) > 1 and term <= factors
        for a in term
        if {a} not in terms and term - {a} in terms
        for b in term - {a}
    }


def carried(names: Sequence[str], nests: Nests, taken: Sequence[str] = ()) -> tuple[str, ...]:
    """Names with the factors that they are nested in right behind them, unless these are `taken` already."""
    outer = {b for name in names for b in nests.get(name, ())}
    made: list[str] = []
    for name in names:
        if name not in outer:
            made += [name, *sorted((b for b in nests.get(name, ()) if b not in taken), key=lambda b: b not in nests)]
    return tuple(dict.fromkeys(made))


def described(nests: Nests) -> str:
    """The note that says so."""
    texts = (f"{a} %in% {'*'.join(outer)}" for a, outer in nests.items())
    return f"NOTE: A nesting structure was detected in the fitted model: {', '.join(texts)}"
