"""How the effects of one random term vary together: a matrix if it is small, else the rule of its entries i and j."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..formula.structures import ONE_VARIANCE
from .ink import Ink
from .sheet import FEW, Coefficient, GroupEffect, GroupTerm

LAG = "|i-j|"
LARGEST_FREE = 6  # a free covariance of more effects than this is not written out in symbols


class Line(NamedTuple):
    """`left relation right`, the right side's continuation, and what is said behind it."""

    left: str
    relation: str
    right: tuple[str, ...]
    aside: str = ""


class Covariances:
    """Writes distributions of random effects in one hand; `several`: more than one term has correlations."""

    def __init__(self, ink: Ink, numbers: bool, several: bool) -> None:
        self.ink = ink
        self.numbers = numbers
        self.several = several

    def distribution(self, term: GroupTerm, means: list[str]) -> Iterator[Line]:
        """What the effects are drawn from, and their covariance. `means` (k,): "0" of effects without a fixed one."""
        ink = self.ink
        group = ink.name(term.group)
        symbols = [ink.symbol(e.letter, index_of(e, ink), group) for e in term.effects]
        if by_rule(term, self.numbers):
            yield from self._rule(term, symbols, means)
            return
        sds = [self.sd(term, e) for e in term.effects]
        if term.corr is None or len(symbols) == 1:
            asides = [ink.aside(group, term.n_levels), *[""] * (len(symbols) - 1)]
            for symbol, mean, sd, more in zip(symbols, means, sds, asides, strict=True):
                yield Line(symbol, "~", (ink.distribution("N", (mean, sd)),), more)
            return
        yield self._drawn(term, symbols, means)
        yield from self._matrix(term, sds)

    def _drawn(self, term: GroupTerm, symbols: list[str], means: list[str]) -> Line:
        """All effects of a group; of many with mean zero the first and the last."""
        ink = self.ink
        centre = ink.vector(means)
        if (len(symbols) > LARGEST_FREE and set(means) == {"0"}) or by_rule(term, self.numbers):
            symbols, centre = [symbols[0], ink.dots, symbols[-1]], "0"
        drawn = ink.distribution("N", (centre, self._sigma_matrix(term)))
        return Line(ink.vector(symbols), "~", (drawn,), ink.aside(ink.name(term.group), term.n_levels))

    def _sigma_matrix(self, term: GroupTerm, entry: str = "") -> str:
        below = ",".join(filter(None, (label_of(term, self.ink), entry)))
        return self.ink.symbol("Sigma", below, self.ink.name(term.group))

    def sd(self, term: GroupTerm, effect: GroupEffect) -> str:
        """A standard deviation: sigma with the symbol of what varies below, or of all that vary alike."""
        if self.numbers:
            return self.ink.number(effect.sd)
        if term.structure in ONE_VARIANCE:
            effect = replace(term.effects[0], index="")
        return self._sigma(effect, index_of(effect, self.ink))

    def _sigma(self, effect: GroupEffect, index: str) -> str:
        return self.ink.symbol("sigma", self.ink.symbol(effect.letter, index))

    # ---- entry by entry ---------------------------------------------------------------------------------------------

    def _matrix(self, term: GroupTerm, sds: list[str]) -> Iterator[Line]:
        """The covariance matrix, entry by entry if it is small, else as standard deviations and correlations."""
        ink, k, symbol = self.ink, len(sds), self._sigma_matrix(term)
        rho = [[self._correlation(term, max(i, j), min(i, j)) for j in range(k)] for i in range(k)]
        if k <= ink.largest_matrix:
            entries = [
                [
                    ink.power(sds[i], "2") if i == j else ink.product([rho[i][j], sds[min(i, j)], sds[max(i, j)]])
                    for j in range(k)
                ]
                for i in range(k)
            ]
            yield Line(symbol, "=", (ink.matrix(entries),))
            return
        S, R = (ink.symbol(letter, label_of(term, ink), ink.name(term.group)) for letter in "SR")
        yield Line(symbol, "=", (f"{S} {R} {S}",))
        yield Line(S, "=", (ink.function("diag", sds),))
        yield Line(R, "=", (ink.matrix(rho),))

    def _correlation(self, term: GroupTerm, i: int, j: int) -> str:
        """Of effects i >= j."""
        assert term.corr is not None
        if i == j:
            return "1"
        if self.numbers:
            return self.ink.number(round(float(term.corr[i, j]), 3))
        lag = str(i - j)
        if term.structure in ("ar1", "hetar1"):
            return self._rho(term) if lag == "1" else self.ink.power(self._rho(term), lag)
        if term.structure == "ou":
            return self.ink.function("exp", [f"-{self._rate(term)} {abs(term.places[i] - term.places[j]):g}"])
        index = {"cs": "", "homcs": "", "toep": lag, "homtoep": lag}.get(term.structure)
        return self._rho(term, (f"{j + 1}{i + 1}" if len(term.effects) > 2 else "") if index is None else index)

    def _rho(self, term: GroupTerm, index: str = "") -> str:
        """The symbol of a correlation, numbered if there are several."""
        return self._parameter("rho", term, index)

    def _rate(self, term: GroupTerm) -> str:
        return self._parameter("lambda", term, "")

    def _parameter(self, letter: str, term: GroupTerm, index: str) -> str:
        below = ",".join(filter(None, (label_of(term, self.ink), index)))
        return self.ink.symbol(letter, below, self.ink.name(term.group) if self.several else "")

    # ---- by the rule of its entries ---------------------------------------------------------------------------------

    def _rule(self, term: GroupTerm, symbols: list[str], means: list[str]) -> Iterator[Line]:
        """The effects, entry (i, j) of their covariance, and the numbers in it."""
        ink, first = self.ink, term.effects[0]
        part = first.part and ink.name(first.part)
        i, j = (",".join(filter(None, (part, at))) for at in "ij")
        alike = term.structure in ONE_VARIANCE
        one, other = (self._sigma(first, part if alike else at) for at in (i, j))
        if term.corr is None:
            aside = ink.aside(ink.name(term.group), term.n_levels) + ink.aside("i", len(symbols))
            effect = ink.symbol(first.letter, i, ink.name(term.group))
            yield Line(effect, "~", (ink.distribution("N", ("0", one)),), aside)
        else:
            yield self._drawn(term, symbols, means)
            correlation, everywhere = self._entry(term)
            variance = ink.power(one, "2")
            entry = ink.product([*([variance] if alike else [one, other]), correlation])
            if not everywhere:
                yield Line(self._sigma_matrix(term, "ii"), "=", (variance,))
            aside = "" if everywhere else ink.where(ink.relation("i", "!=", "j"))
            yield Line(self._sigma_matrix(term, "ij"), "=", (entry,), aside)
        if self.numbers:
            yield from self._values(term, one)

    def _entry(self, term: GroupTerm) -> tuple[str, bool]:
        """The correlation of effects i and j, and whether that of i and i by the same rule is one."""
        ink = self.ink
        if term.structure in ("ar1", "hetar1"):
            return ink.power(self._rho(term), LAG), True
        if term.structure == "ou":
            distance = f"|{ink.symbol('t', 'i')} - {ink.symbol('t', 'j')}|"
            return ink.function("exp", [f"-{self._rate(term)} {distance}"]), True
        index = {"cs": "", "homcs": "", "toep": LAG, "homtoep": LAG}.get(term.structure, "ij")
        return self._rho(term, index), False

    def _values(self, term: GroupTerm, one: str) -> Iterator[Line]:
        """The numbers that the rule leaves to be said."""
        ink, k = self.ink, len(term.effects)
        sds = [ink.number(e.sd) for e in term.effects]
        alike = term.structure in ONE_VARIANCE
        yield Line(one, "=", (sds[0] if alike else ink.matrix([sds]),), "" if alike else ink.aside("i", k))
        if term.corr is None:
            return
        rho = [ink.number(round(value, 3)) for value in term.corr[1:, 0].tolist()]
        if term.structure == "ou":
            far = int(np.argmin(np.abs(np.subtract(term.places[1:], term.places[0])))) + 1
            with np.errstate(divide="ignore"):
                rate = abs(np.log(term.corr[far, 0]) / (term.places[far] - term.places[0]))
            yield Line(self._rate(term), "=", (ink.number(float(rate)),))
        elif term.structure in ("toep", "homtoep"):
            yield Line(self._rho(term, LAG), "=", (ink.matrix([rho]),), ink.aside(LAG, k - 1))
        else:
            yield Line(self._rho(term), "=", (rho[0],))


def by_rule(term: GroupTerm, numbers: bool) -> bool:
    """Whether the covariance is told by the rule of its entries: effects alike, too many for a matrix."""
    if any(e.mean is not None or e.letter != term.effects[0].letter for e in term.effects):
        return False
    if term.structure in ("us", "diag"):
        return not numbers and len(term.effects) > LARGEST_FREE
    return len(term.effects) > FEW


def index_of(of: Coefficient | GroupEffect, ink: Ink) -> str:
    """What stands below a coefficient or effect: the part it belongs to if not the mean, and its number."""
    return ",".join(filter(None, (of.part and ink.name(of.part), of.index)))


def label_of(term: GroupTerm, ink: Ink) -> str:
    """What tells a covariance from others: the part it belongs to if not the mean, and its number on its factor."""
    part = term.effects[0].part
    return ",".join(filter(None, (part and ink.name(part), term.label)))
