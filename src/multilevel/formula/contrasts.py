"""Codings of a categorical column: a matrix with a row per level and a column per coefficient, named as R names them.

Venables & Ripley (2002), *Modern Applied Statistics with S*, section 6.2. Treatment and SAS codings are indicators of
levels, so they are described by the levels they indicate and a matrix is never needed for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multilevel.errors import FormulaError, nearest

KINDS = ("treatment", "sum", "helmert", "poly", "SAS", "sdif")
GIVEN = "given "  # then the numbers of a coding of the user's own, row by row: its kind says all of it
_FOLDED = {kind.casefold(): kind for kind in KINDS}


class Contrast(NamedTuple):
    """A coding: its kind, one of `KINDS` or the user's own numbers; the reference level of treatment contrasts, from 0;
    how columns are named.
    """

    kind: str
    base: int = 0
    numbered: bool = False  # C(f, contr.treatment) is named by the numbers of the levels, f itself by the levels
    titles: tuple[str, ...] = ()  # of the columns of a coding of the user's own

    def indicated(self, n_levels: int) -> tuple[int, ...] | None:
        """Levels indicated by the columns, or None where the columns are no indicators."""
        if self.kind not in ("treatment", "SAS"):
            return None
        base = self.base if self.kind == "treatment" else n_levels - 1
        return tuple(level for level in range(n_levels) if level != base)

    def suffixes(self, levels: Sequence[str]) -> tuple[str, ...]:
        """What each column adds to the variable's name: `B`, `1`, `.L`."""
        if self.titles:
            return self.titles
        columns = range(1, len(levels))
        if self.kind == "sdif":
            return tuple(f"{j + 1}-{j}" for j in columns)
        if self.kind == "poly":
            return tuple((".L", ".Q", ".C")[j - 1] if j < 4 else f"^{j}" for j in columns)
        shown = self.indicated(len(levels))
        if shown is None:
            return tuple(str(j) for j in columns)
        return tuple(str(j + 1) if self.numbered else levels[j] for j in shown)

    def matrix(self, n_levels: int) -> NDArray[np.float64]:
        """The coding, (n_levels, n_levels - 1)."""
        shown = self.indicated(n_levels)
        return _matrix(self.kind, n_levels) if shown is None else np.eye(n_levels)[:, shown]


def named_contrast(name: str) -> Contrast:
    """The coding of a name: `"sum"`, `"contr.sum"`; FormulaError for what is none."""
    if not isinstance(name, str):
        raise FormulaError(
            f"a contrast is of type {type(name).__name__}; expected a name ({', '.join(KINDS)}), or numbers for its "
            "levels, as in [-0.5, 0.5]"
        )
    kind = _FOLDED.get(name.removeprefix("contr.").casefold())
    if kind is None:
        known = ", ".join(KINDS)
        raise FormulaError(f"unknown contrast {name!r}; known are {known}{nearest(name.removeprefix('contr.'), KINDS)}")
    return Contrast(kind)


def contrast_of(text: str, given: Any, levels: Sequence[str]) -> Contrast:
    """The coding of a factor: by name, or by numbers of the user's own.

    Numbers are one for each level, `[-0.5, 0.5]` in the order of the levels or `{"no": -0.5, "yes": 0.5}`, or columns
    of them by name, `{"linear": [-1, 0, 1], "bent": [1, -2, 1]}`, or a matrix with a row for each level. FormulaError
    where there are not as many columns as levels less one, or these and the intercept do not tell the levels apart.
    """
    if isinstance(given, str) or not isinstance(given, Mapping | Iterable):
        return named_contrast(given)
    n, values = len(levels), given
    titles: tuple[str, ...] = ()
    if isinstance(given, Mapping) and set(given) == set(levels):
        values = [given[level] for level in levels]
    elif isinstance(given, Mapping):
        titles, values = tuple(map(str, given)), list(given.values())
    try:
        coding = np.array(values, np.float64)
    except (TypeError, ValueError):
        coding = np.empty(0)
    coding = coding.T if titles else coding
    coding = coding[:, None] if coding.ndim == 1 else coding
    if coding.shape != (n, n - 1) or not np.isfinite(coding).all():
        shown = ", ".join(levels[:8]) + (", ..." if n > 8 else "")
        raise FormulaError(
            f"the contrasts of {text} should be numbers for its {n} levels ({shown}) in {n - 1} "
            f"column{'s' if n > 2 else ''}; found {given!r:.60}"
        )
    if np.linalg.matrix_rank(np.column_stack([np.ones(n), coding])) < n:
        raise FormulaError(f"the contrasts of {text} do not tell its levels apart beside an intercept: {given!r:.60}")
    return Contrast(GIVEN + " ".join(map(repr, coding.ravel().tolist())), titles=titles)


@lru_cache(maxsize=256)
def _matrix(kind: str, n: int) -> NDArray[np.float64]:
    """Sum, Helmert, polynomial, successive-difference or a given coding of n levels, read-only."""
    if kind.startswith(GIVEN):
        coding = np.array(kind.removeprefix(GIVEN).split(), np.float64).reshape(n, n - 1)
    elif kind == "sdif":  # contr.sdif of MASS: each level less the one before it
        coding = np.tri(n, n - 1, -1) - np.arange(n - 1, 0, -1) / n
    elif kind == "sum":
        coding = np.vstack([np.eye(n - 1), -np.ones(n - 1)])
    elif kind == "helmert":
        coding = np.where(np.tri(n, n - 1, -2, dtype=bool), 0.0, -1.0)
        coding = np.triu(coding) + np.diag(np.arange(1.0, n), -1)[:, : n - 1]
    else:
        coding = _polynomials(n)
    coding.flags.writeable = False
    return coding


def _polynomials(n: int) -> NDArray[np.float64]:
    """Orthonormal polynomials of degree 1 to n - 1 on n equally spaced points, positive at the last one."""
    Q, _ = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, n), n - 1))
    return np.ascontiguousarray(Q[:, 1:] * np.sign(Q[-1, 1:]))
