"""Between-within degrees of freedom (Schluchter & Elashoff 1990, J. Statist. Comput. Simul. 37, 69-87).

The inner-outer rule for nested grouping factors, as Pinheiro & Bates (2000, Mixed-Effects Models in S and S-PLUS, p.
91) state it: with m_i groups at level i, from the outermost, 1, to the innermost, Q, and m_(Q+1) = n rows, m_0 = 1 with
an intercept and 0 without,

    df_i = m_i - (m_(i-1) + p_i),   p_i columns of X estimated at level i

A column is estimated at the innermost level at which it varies: it varies within the groups of level i - 1 and does not
within those of level i. The intercept counts at level 0, and has the degrees of freedom of the rows, df_(Q+1).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..formula.levels import Codes
from ..models.estimate import Fit
from .clusters import nested
from .sampling import SAME, Sampling


@dataclass(frozen=True, eq=False)
class BetweenWithin(Sampling):
    """`degrees` (p,) of each coefficient, NaN where its level has none; of a combination the least of those in it."""

    degrees: Floats = field(default_factory=lambda: np.zeros(0))

    def df(self, L: Floats) -> Floats:
        """(k,) the least of the degrees of freedom of the coefficients that a combination has."""
        size = np.abs(L) * np.sqrt(np.diag(self.vcov))
        used = size > SAME * size.max(axis=1, keepdims=True)
        return np.array([self.degrees[row].min(initial=np.inf) for row in used])

    def joint(self, L: Floats) -> tuple[float, float]:
        """The least of the combinations'; the statistic stays as it is."""
        return float(self.df(L).min()), 1.0


def between_within(fit: Fit) -> BetweenWithin:
    """The sampling distribution of the fixed effects of a mixed model with nested grouping factors."""
    degrees = _degrees(fit)
    return BetweenWithin("between-within", fit.estimate.beta, fit.estimate.vcov, "", degrees)


def _degrees(fit: Fit) -> Floats:
    """(p,) degrees of freedom of each coefficient."""
    intercept = fit.design.has_intercept
    levels = _nested_levels(fit)
    groups = np.array([int(intercept), *(count for _, count in levels), fit.rows.n])
    at = np.array([_level_of(fit.rows.X[j], levels) for j in fit.kept])
    if intercept:
        at[0] = 0
    df = np.diff(groups) - np.bincount(at, minlength=len(groups))[1:]
    at[at == 0] = len(df)
    each: Floats = np.where(df > 0, df, np.nan).take(at - 1)
    return each


def _nested_levels(fit: Fit) -> list[tuple[Codes, int]]:
    """Codes and number of groups of each level, the outermost first; InferenceError if factors are crossed."""
    parts = {part.group: part for part in fit.rows.random}
    made: list[tuple[Codes, int]] = []
    for name, part in sorted(parts.items(), key=lambda item: item[1].n_levels):
        if made and not nested(part.codes, part.n_levels, made[-1][0]):
            raise InferenceError(
                f'df="between-within" is defined for nested grouping factors; {name} is crossed with one of '
                f'{", ".join(other for other in parts if other != name)}. Use df="satterthwaite" or df="kenward-roger"'
            )
        if not made or part.n_levels > made[-1][1]:
            made.append((part.codes, part.n_levels))
    return made


def _level_of(x: Floats, levels: list[tuple[Codes, int]]) -> int:
    """The number of the level at which a column is estimated, from 1 to Q + 1."""
    rounding = SAME * float(np.ptp(x))
    for i, (codes, count) in enumerate(levels, 1):
        first = np.zeros(count)
        first[codes] = x
        if (np.abs(x - first.take(codes)) <= rounding).all():
            return i
    return len(levels) + 1
