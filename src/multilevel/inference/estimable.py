"""The hypotheses of an analysis of variance, type I, II and III, as rows L on the identified coefficients.

    I     the effect of a term beyond those before it: its rows of R in X = QR. Of generalized models R is a root of the
          information of the coefficients, so that a test is what it would be without the later terms, at the weights of
          the fit (Fox 2016, Applied Regression Analysis, section 8.2.5; with II the tests of R's car)
    II    the effect of a term beyond all that do not contain it: the same, with the columns in that order
    III   from the cell-mean model, where every factor has a parameter for each level: the estimable functions of a
          term's parameters and those of terms that contain it, orthogonal to the estimable functions of the latter
          alone (SAS Institute, SAS/STAT User's Guide, "The Four Types of Estimable Functions"; Searle 1987, Linear
          Models for Unbalanced Data, chapter 12). With every cell filled: equally weighted means of cells.

None depends on how factors are coded. A term contains another when it has the same covariates and more factors. For
type II, covariates that are matrices in R, those of scale(), poly(), bs() and ns(), do as factors do, as in lmerTest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..formula import Design
from ..formula.contrasts import Contrast
from ..formula.parse import Call, Node
from ..formula.planning import Recipe, Term
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from .sampling import independent
from .whitened import square, triangle

ZERO = 1e-8  # a singular value this small beside the largest is zero


def hypotheses(fit: Fit, kind: int) -> list[Floats]:
    """For each fixed term L (df, p), by type I, II or III; with no rows for a term that others determine.

    The rows are those of lmerTest for factors in their default coding: Satterthwaite's degrees of freedom of several
    combinations depend not only on the space that these span. A single term is tested alike by all types.
    """
    design, p = fit.design, len(fit.kept)
    kind = kind if len(design.terms) > 1 else 1
    matrices = {v.text for v in design.formula.fixed.variables if _matrix(v.node)}
    S = _recoded(fit, treatment=kind == 3)
    number = [design.assign[j] for j in fit.kept]  # whatever the coding: spaces are dropped from the last term on
    R = _root(fit) if kind < 3 else S
    made = []
    for t in range(1, len(design.terms) + 1):
        own = [i for i in range(p) if number[i] == t]
        if kind == 3 and _plain(fit, t):
            L = np.eye(p)[own]
        elif kind == 3:
            L = _reduced(_cell_means(fit, t) @ S, own)
        elif kind == 2 and not _containing(design, t, matrices):
            L = np.eye(p)[own]
        else:
            after = set(range(t + 1, len(design.terms) + 1)) if kind == 1 else _containing(design, t, matrices)
            order = sorted(range(p), key=lambda i: (number[i] in after, number[i] == t))
            L = np.zeros((len(own), p))
            L[:, order] = _unit_rows(square((R @ S)[:, order]))[[order.index(i) for i in own]]
        made.append(L)
    rows = np.linalg.solve(S.T, np.vstack([np.zeros((0, p)), *made]).T).T
    return np.split(rows, np.cumsum([len(L) for L in made])[:-1])


def _root(fit: Fit) -> Floats:
    """R (p, p), R'R the information of the coefficients up to a factor; of linear mixed models X'X, as in lmerTest."""
    if isinstance(fit, GeneralizedFit):
        units = np.sqrt(np.diag(fit.estimate.vcov))
        return np.linalg.cholesky(np.linalg.inv(fit.estimate.vcov / np.outer(units, units))).T / units
    return triangle([fit.sums.X[j] for j in fit.kept], None if fit.design.random else fit.sums.weights)


def _unit_rows(R: Floats) -> Floats:
    """The rows of a triangle divided by their first entries."""
    diagonal = np.diag(R)[:, None]
    return np.divide(R, diagonal, out=np.zeros_like(R), where=diagonal != 0)


def _reduced(L: Floats, first: Sequence[int]) -> Floats:
    """The same combinations in reduced echelon form, with its leading ones in the first columns where that can be."""
    L, row = L.copy(), 0
    for j in [*first, *(j for j in range(L.shape[1]) if j not in first)]:
        if row == len(L):
            break
        best = row + int(np.argmax(np.abs(L[row:, j])))
        if abs(L[best, j]) > ZERO * np.abs(L).max():
            L[[row, best]] = L[[best, row]]
            L[row] /= L[row, j]
            others = [i for i in range(len(L)) if i != row]
            L[others] -= np.outer(L[others, j], L[row])
            row += 1
    return L


def _matrix(node: Node) -> bool:
    return isinstance(node, Call) and node.function in ("scale", "poly", "bs", "ns")


def _containing(design: Design, number: int, as_factors: Set[str] = frozenset()) -> set[int]:
    """Numbers, from 1, of the terms that contain a term."""
    factors = design.factors.keys() | as_factors
    own = set(design.terms[number - 1].variables)
    return {
        other
        for other, term in enumerate(design.terms, 1)
        if own < set(term.variables) and set(term.variables) - factors == own - factors
    }


# ---- type III -------------------------------------------------------------------------------------------------------


def _plain(fit: Fit, number: int) -> bool:
    """Whether a term is of covariates only and in no other: its parameters are its own coefficients."""
    variables = fit.design.terms[number - 1].variables
    return not (fit.dropped or fit.design.factors.keys() & set(variables) or _containing(fit.design, number))


def _cell_means(fit: Fit, number: int) -> Floats:
    """L of a term by type III: rows a of identified coefficients, a M being the parameters that it involves.

    With X0 the columns of the cell-mean model, X0 = X M: an estimable function is a M for some a (p,).
    """
    design = fit.design
    units, D = _identified(fit)
    present = {design.assign[j] for j in fit.kept}
    if number not in present:
        return np.zeros((0, len(units)))
    M = {t: D @ part for t, part in enumerate(_cell_parameters(design)) if t in present}
    above = _containing(design, number) & present
    free = _orthogonal([M[other] for other in present - above - {number}], len(units))
    theirs = _orthogonal([M[other] for other in present - above], len(units))
    involved = [M[number], *(M[other] for other in above)]
    products = theirs.T @ sum(part @ part.T for part in involved) @ free
    return np.asarray((free @ _orthogonal([products.T], free.shape[1])).T * units)


def _recoded(fit: Fit, *, treatment: bool) -> Floats:
    """S (p, p): X S are the identified columns of X with factors in their default coding, or all by treatment."""
    design, p = fit.design, len(fit.kept)
    coding = {
        text: Contrast("poly" if f.ordered and not treatment else "treatment") for text, f in design.factors.items()
    }
    if all(design.factors[text].contrast._replace(numbered=False) == contrast for text, contrast in coding.items()):
        return np.eye(p)
    units, D = _identified(fit)
    M = _cell_parameters(design)
    parts = [M[0], *(part @ _coding(design, term, coding) for part, term in zip(M[1:], design.terms, strict=True))]
    T = D @ np.hstack(parts)
    T[np.abs(T) < ZERO] = 0.0  # the column of an empty cell is exactly zero
    return np.asarray(T[:, independent(T.T)] / units[:, None])


def _orthogonal(parts: Sequence[Floats], size: int) -> Floats:
    """An orthonormal basis (size, k) of what is orthogonal to all columns of some matrices (size, .)."""
    columns = np.hstack([np.zeros((size, 0)), *parts])
    if not columns.size:
        return np.eye(size)
    U, s, _ = np.linalg.svd(square(columns.T).T, full_matrices=True)
    rank = int((s > ZERO * s.max(initial=0.0)).sum())
    return np.asarray(U[:, rank:])


def _identified(fit: Fit) -> tuple[Floats, Floats]:
    """Units (kept,) of the identified columns, and D (kept, all) with X = X_kept D, in columns of unit size."""
    design, p = fit.design, len(fit.design.names)
    if not fit.dropped:
        return np.ones(p), np.eye(p)
    sizes: dict[Recipe, float] = {}
    keys = [_numbers_of(recipe) for recipe in design.plan.recipes]
    for key, x in zip(keys, fit.sums.X, strict=True):
        sizes[key] = max(sizes.get(key, 0.0), float(np.sqrt(x.dot(x))))
    units = np.array([sizes[key] or 1.0 for key in keys])
    R = triangle(fit.sums.X) / units
    D = np.zeros((len(fit.kept), p))
    D[:, fit.kept] = np.eye(len(fit.kept))
    dropped = [j for j in range(p) if j not in fit.kept]
    D[:, dropped] = np.linalg.lstsq(R[:, fit.kept], R[:, dropped], rcond=None)[0]
    return units[list(fit.kept)], D


def _numbers_of(recipe: Recipe) -> Recipe:
    """What of a column has a unit."""
    return tuple([piece for piece in recipe if piece[1] == ""])


def _cell_parameters(design: Design) -> list[Floats]:
    """For the intercept and each term, M (p, P) with X0 = X M: its columns when all factors are coded in full.

    A factor coded by contrasts C has the term's margin without it in X, and [C 1] spans its levels.
    """
    p = len(design.names)
    known: dict[tuple[str, ...], Floats] = {(): np.eye(p)[:, :1]} if design.has_intercept else {}
    own = {text: factor.contrast for text, factor in design.factors.items()}
    for term in design.terms:
        sizes = [_size(design, term, variable) for variable in term.variables]
        spanned, columns = [_coding(design, term, own)], [np.eye(p)[:, term.columns]]
        for i, coding in enumerate(term.codings):
            if coding == "contrast":
                rest = (*term.variables[:i], *term.variables[i + 1 :])
                spanned.append(_summed(sizes, {i}))
                columns.append(_margin(design, rest, known, term))
        B = np.hstack(spanned)
        known[term.variables] = np.hstack(columns) @ np.linalg.solve(B @ B.T, B).T
    intercept = known[()] if design.has_intercept else np.zeros((p, 0))
    return [intercept, *(known[term.variables] for term in design.terms)]


def _size(design: Design, term: Term, variable: str) -> int:
    """Levels of a factor; columns of a number or basis."""
    if variable in design.factors:
        return len(design.factors[variable].levels)
    recipes = [design.plan.recipes[j] for j in term.columns]
    return 1 + max(j for recipe in recipes for text, coding, j in recipe if text == variable and coding == "")


def _coding(design: Design, term: Term, contrasts: Mapping[str, Contrast]) -> Floats:
    """(P, k) a term's columns in its full columns, by some contrasts; the first variable varies fastest."""
    made = np.ones((1, 1))
    for variable, coding in zip(term.variables, term.codings, strict=True):
        size = _size(design, term, variable)
        made = _kron(contrasts[variable].matrix(size) if coding == "contrast" else np.eye(size), made)
    return made


def _summed(sizes: Sequence[int], over: set[int]) -> Floats:
    """(P, P') sums of full columns over the levels of some variables: the full columns of the others."""
    made = np.ones((1, 1))
    for i, size in enumerate(sizes):
        made = _kron(np.ones((size, 1)) if i in over else np.eye(size), made)
    return made


def _kron(slow: Floats, fast: Floats) -> Floats:
    return np.asarray(np.kron(slow, fast), np.float64)


def _margin(design: Design, rest: tuple[str, ...], known: dict[tuple[str, ...], Floats], term: Term) -> Floats:
    """M of the full columns of a margin: of a term, or summed over the further factors of an earlier term."""
    if rest in known:
        return known[rest]
    for larger, M in known.items():
        more = {i for i, variable in enumerate(larger) if variable not in rest}
        if set(rest) <= set(larger) and all(larger[i] in design.factors for i in more):
            owner = next(t for t in design.terms if t.variables == larger)
            return M @ _summed([_size(design, owner, variable) for variable in larger], more)
    raise InferenceError(
        f"type III tests need {':'.join(rest)} beside {term.label}, for its columns do not span its cells without; add "
        f"{':'.join(rest)} to the formula, or use type=1 or type=2"
    )
