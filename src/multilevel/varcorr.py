"""Standard deviations and correlations of the random effects: a type whose only job is to be looked at.

VarCorr         all terms, and the residual standard deviation
└─ GroupTerm    one term: names, standard deviations (k,), correlations (k, k) or None where there are none
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from .digits import significant
from .framed import frame
from .labelled import Floats, unknown_name
from .layout import Page, Section
from .tables import Table, TableColumn, column

SINGULAR = 1e-4  # a relative standard deviation or an eigenvalue of a correlation matrix below this is none


@dataclass(frozen=True, eq=False)
class GroupTerm:
    """The random effects of one term, such as `(days | subject)`.

    Parameters
    ----------
    group : grouping factor.
    names : (k,) names of the effects that vary by group.
    sd : (k,) standard deviations, in the units of the response per unit of the covariate.
    corr : (k, k) correlations, NaN where a standard deviation is zero; None for `(days || subject)`.
    scale : (k,) typical size (root mean square) of each column of Z; makes the words about a singular fit
        independent of the units of the covariates. Default: ones.
    structure : what the correlations follow from: "us" all free, "diag" none, "ar1", "cs" and others; `what` they are
        of, such as `times`. With few different numbers a page shows these alone.
    note : what a page says beside the one correlation, "ar1".

    >>> corr = np.array([[1, 0.066], [0.066, 1]])
    >>> term = GroupTerm("subject", ("(Intercept)", "days"), np.array([24.741, 5.922]), corr)
    >>> term["days"], term["days", "(Intercept)"]
    (5.922, 0.066)
    """

    group: str
    names: tuple[str, ...]
    sd: Floats
    corr: Floats | None
    scale: Floats | None = None
    structure: str = "us"
    what: str = ""
    note: str = ""

    @property
    def shown(self) -> tuple[tuple[str, float], ...]:
        """Names and standard deviations as a page has them: one row where all are equal."""
        if self.structure in ("ar1", "ou", "homcs", "homdiag"):
            return ((self.what, float(self.sd[0])),)
        return tuple(zip(self.names, self.sd.tolist(), strict=True))

    @property
    def one_correlation(self) -> bool:
        """Whether all correlations follow from one."""
        return self.structure in ("ar1", "hetar1", "ou", "cs", "homcs")

    def __getitem__(self, name: str | tuple[str, str]) -> float:
        """The standard deviation of one effect, or the correlation of two."""
        if isinstance(name, str):
            return float(self.sd[self._position(name)])
        row, col = map(self._position, name)
        return float(self._correlations()[row, col])

    @property
    def vcov(self) -> Floats:
        """(k, k) covariance matrix."""
        corr = self._correlations()
        return np.where(np.isnan(corr), 0.0, corr) * np.outer(self.sd, self.sd)

    def degenerate(self, sigma: float) -> list[str]:
        """What is estimated as zero or as perfectly correlated, in words; nothing for an ordinary term."""
        if self.structure not in ("us", "diag"):
            return self._degenerate_structure(sigma)
        scale = np.ones(len(self.sd)) if self.scale is None else self.scale
        alive = self.sd * scale >= SINGULAR * (sigma if sigma > 0 else 1.0)
        words = [
            f"the variance of {name} by {self.group} is zero"
            for name, lives in zip(self.names, alive, strict=True)
            if not lives
        ]
        if self.corr is not None and alive.sum() > 1:
            names = [name for name, lives in zip(self.names, alive, strict=True) if lives]
            words += _perfect(self.group, names, self.corr[np.ix_(alive, alive)], self.sd[alive])
        return words

    def _degenerate_structure(self, sigma: float) -> list[str]:
        """The same where few numbers stand for all effects."""
        zero = self.sd < SINGULAR * (sigma if sigma > 0 else 1.0)
        if zero.all():
            return [f"the variance of {self.what} by {self.group} is zero"]
        words = [f"the variance of {n} by {self.group} is zero" for n, z in zip(self.names, zero, strict=True) if z]
        if self.corr is None:
            return words
        alive = self.corr[np.ix_(~zero, ~zero)]
        if len(alive) > 1 and np.linalg.eigvalsh(alive)[0] < SINGULAR**2:
            words.append(f"the correlations of {self.what} by {self.group} ({self.structure}) are at their limit")
        return words

    def _correlations(self) -> Floats:
        return np.eye(len(self.sd)) if self.corr is None else self.corr

    def _position(self, name: str) -> int:
        if name not in self.names:
            raise unknown_name(f"effect by {self.group}", name, self.names)
        return self.names.index(name)


@dataclass(frozen=True, eq=False, repr=False)
class VarCorr(Page, Mapping[str, GroupTerm]):
    """Standard deviations and correlations of all random effects, and of the residuals.

    Parameters
    ----------
    terms : one `GroupTerm` for each term, in the order of the page.
    sigma : residual standard deviation; None where the family of the responses has none.
    backend : library of the frame that `to_frame()` gives.
    zero_inflation, dispersion : those of such a model, on the scale of its logit or logarithm; None without.

    Keys are the grouping factors; the second term of one factor is `"subject.1"`, as in lme4.

    >>> corr = np.array([[1, 0.066], [0.066, 1]])
    >>> VarCorr((GroupTerm("subject", ("(Intercept)", "days"), np.array([24.741, 5.922]), corr),), 25.592)
     Groups   Name        Std.Dev. Corr
     subject  (Intercept) 24.741
              days         5.922   0.066
     Residual             25.592
    """

    terms: tuple[GroupTerm, ...]
    sigma: float | None
    backend: str = "pandas"
    zero_inflation: VarCorr | None = None
    dispersion: VarCorr | None = None

    def __getitem__(self, group: str) -> GroupTerm:
        keyed = dict(zip(self, self.terms, strict=True))
        if group not in keyed:
            raise unknown_name("grouping factor", group, keyed)
        return keyed[group]

    def __iter__(self) -> Iterator[str]:
        seen: dict[str, int] = {}
        for term in self.terms:
            count = seen.get(term.group, 0)
            seen[term.group] = count + 1
            yield f"{term.group}.{count}" if count else term.group

    def __len__(self) -> int:
        return len(self.terms)

    def __repr__(self) -> str:
        return self.to_text()

    def sections(self) -> tuple[Section, ...]:
        """Groups, names, standard deviations with five digits, correlations with three decimals; a table per model."""
        return tuple([
            Section(title, (part.table(("Std.Dev.",), digits=5, decimals=3),)) for title, part in self.by_model()
        ])  # fmt: skip

    def by_model(self) -> list[tuple[str, VarCorr]]:
        """Titles and parts: of the mean, the zero inflation, the dispersion; no title where there is one part."""
        parts = [("Zero-inflation model:", self.zero_inflation), ("Dispersion model:", self.dispersion)]
        others = [(title, part) for title, part in parts if part is not None]
        return [("Conditional model:", self), *others] if others else [("", self)]

    def table(self, shown: tuple[str, ...], digits: int, decimals: int) -> Table:
        """The random-effects table: of `"Variance"` and `"Std.Dev."` what is `shown`, then correlations.

        Numbers have `digits` significant digits where most are needed, correlations `decimals` decimals.
        """
        sd = [*(s for term in self.terms for _, s in term.shown), *self._residual]
        values = {"Variance": [s * s for s in sd], "Std.Dev.": sd}
        numbers = (TableColumn(head, tuple(significant(values[head], digits)), "left") for head in shown)
        columns = (*self._label_columns(), *numbers, *self._correlation_columns(decimals))
        return Table(columns, ("",) * len(sd), keys=2)

    def degenerate(self) -> list[str]:
        """What is estimated as zero or as perfectly correlated, in words."""
        unit = 1.0 if self.sigma is None else self.sigma
        found = [words for term in self.terms for words in term.degenerate(unit)]
        for what, part in (("zero inflation", self.zero_inflation), ("dispersion", self.dispersion)):
            found += [f"in the model of {what}, {words}" for words in (part.degenerate() if part else [])]
        return found

    def to_frame(self) -> Any:
        """A frame with the rows and columns of R's `as.data.frame(VarCorr(m))`.

        Columns: `group`, `term1`, `term2` (None for a variance), `vcov` (variance or covariance), `sdcor`
        (standard deviation or correlation). The residual variance, if there is one, is the last row, with `term1` None.
        With random effects of zero inflation or dispersion a column `component` comes first, "cond", "zi" or "disp".
        """
        rows = [("cond", key, *row) for key, term in zip(self, self.terms, strict=True) for row in _frame_rows(term)]
        rows += [("cond", "Residual", None, None, sigma**2, sigma) for sigma in self._residual]
        for name, part in (("zi", self.zero_inflation), ("disp", self.dispersion)):
            keyed = zip(part, part.terms, strict=True) if part else ()
            rows += [(name, key, *row) for key, term in keyed for row in _frame_rows(term)]
        heads = ("component", "group", "term1", "term2", "vcov", "sdcor")
        columns = dict(zip(heads, map(list, zip(*rows, strict=True)), strict=True))
        if len(self.by_model()) == 1:
            del columns["component"]
        return frame(columns, self.backend)

    def _label_columns(self) -> tuple[TableColumn, TableColumn]:
        keyed = zip(self, self.terms, strict=True)
        groups = [cell for key, term in keyed for cell in (key, *[""] * (len(term.shown) - 1))]
        names = [name for term in self.terms for name, _ in term.shown]
        residual = ["Residual"] * len(self._residual)
        return (
            column("Groups", [*groups, *residual], align="left"),
            column("Name", [*names, *[""] * len(residual)], align="left"),
        )

    @property
    def _residual(self) -> tuple[float, ...]:
        """The residual standard deviation, if there is one."""
        return () if self.sigma is None else (self.sigma,)

    def _correlation_columns(self, decimals: int) -> list[TableColumn]:
        """The lower triangles below each other; one column for each effect but the last of the largest term."""
        count = max((1 if t.one_correlation else len(t.names) - 1 for t in self.terms if t.corr is not None), default=0)
        rows = [[*row, *[""] * count][:count] for t in self.terms for row in _lower_triangle(t, decimals)]
        rows += [[""] * count] * len(self._residual)
        heads = ["Corr", *[""] * count][:count]
        return [TableColumn(head, cells, "left") for head, cells in zip(heads, zip(*rows, strict=True), strict=True)]


def _lower_triangle(term: GroupTerm, decimals: int) -> list[list[str]]:
    """Row i holds the correlations with the effects before it, all at one width."""
    k = len(term.shown)
    if term.corr is None:
        return [[] for _ in range(k)]
    if term.one_correlation:
        one = float(term.corr[1, 0]) if term.structure != "ou" else _largest(term.corr)
        return [
            [f"{significant([round(one, decimals)], min_decimals=decimals)[0]} ({term.note})"],
            *[[] for _ in range(k - 1)],
        ]
    rounded = [round(float(r), decimals) for r in term.corr.ravel()]
    cells = significant(rounded, min_decimals=decimals)
    cells = [cell if isfinite(r) else "NaN".rjust(len(cell)) for cell, r in zip(cells, rounded, strict=True)]
    return [cells[i * k : i * k + i] for i in range(k)]


def _largest(corr: Floats) -> float:
    """Of the nearest two: the largest correlation beside the diagonal."""
    return float(np.max(corr[np.tril_indices(len(corr), -1)]))


def _frame_rows(term: GroupTerm) -> Iterator[tuple[str | None, str | None, float, float]]:
    """Variances first, then covariances, pair by pair."""
    vcov = term.vcov
    for i, name in enumerate(term.names):
        yield name, None, float(vcov[i, i]), float(term.sd[i])
    if term.corr is not None:
        for i, first in enumerate(term.names):
            for j in range(i + 1, len(term.names)):
                yield first, term.names[j], float(vcov[i, j]), float(term.corr[i, j])


def _perfect(group: str, names: list[str], corr: Floats, sd: Floats) -> list[str]:
    """The effects that are perfectly correlated, or else the combination of effects that does not vary."""
    together: dict[int, list[int]] = {}  # effects that are multiples of each other, by the first of them
    for i in range(len(names)):
        first = next((k for k in together if abs(corr[i, k]) > 1 - SINGULAR), i)
        together.setdefault(first, []).append(i)
    if alike := [effects for effects in together.values() if len(effects) > 1]:
        return [_perfectly(group, [names[i] for i in effects], corr[np.ix_(effects, effects)]) for effects in alike]
    values, vectors = np.linalg.eigh(corr)
    null = vectors[:, values < SINGULAR].T
    return [f"{_combination(names, direction / sd)} does not vary by {group}" for direction in null]


def _perfectly(group: str, names: list[str], corr: Floats) -> str:
    """That some effects are perfectly correlated, and how."""
    what = "the correlation of" if len(names) == 2 else "all correlations of"
    signs = sorted({"+1" if r > 0 else "-1" for r in corr[np.tril_indices(len(names), -1)]})
    verb = "is" if len(names) == 2 else "are"
    return f"{what} {', '.join(names[:-1])} and {names[-1]} by {group} {verb} {' or '.join(signs)}"


def _combination(names: list[str], weights: Floats) -> str:
    """`(Intercept) - 0.52 * days`: the largest weight is 1, the first positive; negligible ones are left out.

    >>> _combination(["a", "b", "c"], np.array([-0.5, 1e-9, 0.25]))
    'a - 0.5 * c'
    """
    weights = weights / np.abs(weights).max()
    kept = [(w, name) for w, name in zip(weights.tolist(), names, strict=True) if abs(w) > 1e-3]
    first = kept[0][0]
    signed = [f"{'+' if w * first > 0 else '-'} {_weight(abs(w))}{name}" for w, name in kept]
    return " ".join(signed).removeprefix("+ ")


def _weight(size: float) -> str:
    return "" if abs(size - 1) < 1e-9 else f"{size:.3g} * "
