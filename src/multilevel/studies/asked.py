"""What is tested: a coefficient, a term, an equation, or a likelihood ratio of one of the first two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError, nearest
from ..inference.estimable import hypotheses
from ..inference.hypotheses import linear_hypotheses
from ..inference.refits import without_term
from ..inference.sampling import FixedDf, independent
from ..models.estimate import Fit
from ..truth.truths import listed

OPERATORS = "=+-*/,"


@dataclass(frozen=True, eq=False)
class Asked:
    """A hypothesis L beta = rhs on the identified coefficients.

    Parameters
    ----------
    label : as it was written.
    L : (q, p) weights; rows that others imply are left out.
    rhs : (q,) right sides.
    without : columns of X of the model in which the hypothesis holds, for a likelihood ratio; None: Wald's test.
    """

    label: str
    L: Floats
    rhs: Floats
    without: tuple[Floats, ...] | None = None


def asked(fit: Fit, test: str) -> Asked:
    """Find what a text names in a model.

    Raises
    ------
    InferenceError : it is no coefficient, no term and no equation, or names columns that others determine.
    """
    if not isinstance(test, str) or not test.strip():
        raise InferenceError(
            f"test is {test!r}; expected the name of a coefficient or of a term, an equation, or several of these"
        )
    text = test.strip()
    if text.startswith("lr(") and text.endswith(")"):
        return _likelihood_ratio(fit, text)
    if text in fit.names:
        return Asked(text, np.eye(len(fit.names))[[fit.names.index(text)]], np.zeros(1))
    number = _term(fit, text)
    if number is not None:
        return _of_term(fit, text, number)
    if text not in fit.dropped and _is_equation(fit, text):
        found = linear_hypotheses(fit, text, df=FixedDf("none", fit.estimate.beta, fit.estimate.vcov, "", inf))
        kept = independent(found.L)
        return Asked(text, found.L[kept], found.rhs[kept])
    raise _unknown(fit, text)


def _of_term(fit: Fit, text: str, number: int) -> Asked:
    L = hypotheses(fit, 3)[number - 1]
    L = L[independent(L)]
    if not len(L):
        raise InferenceError(f"the term {text!r} cannot be tested in this design: other terms determine its columns")
    return Asked(text, L, np.zeros(len(L)))


def _likelihood_ratio(fit: Fit, text: str) -> Asked:
    inside = text[3:-1].strip()
    number = _term(fit, inside)
    if number is not None:
        plain = _of_term(fit, inside, number)
        return Asked(text, plain.L, plain.rhs, without_term(fit, number))
    if inside in fit.names:
        column = fit.kept[fit.names.index(inside)]
        others = tuple([fit.sums.X[j] for j in fit.kept if j != column])
        return Asked(text, np.eye(len(fit.names))[[fit.names.index(inside)]], np.zeros(1), others)
    if any(inside.replace(" ", "") == bar.label.replace(" ", "") for bar in fit.design.formula.random):
        raise InferenceError(f"{text!r} asks for a test of random effects; power is for tests of fixed effects so far")
    raise _unknown(fit, inside)


def _term(fit: Fit, text: str) -> int | None:
    """The number, from 1, of a term; its variables may stand in any order."""
    wanted = {part.strip() for part in text.split(":")}
    for number, term in enumerate(fit.design.terms, 1):
        if term.label == text or set(term.variables) == wanted:
            return number
    return None


def _is_equation(fit: Fit, text: str) -> bool:
    """Whether more than a name is written: an operator outside the names of coefficients."""
    for name in sorted(fit.names, key=len, reverse=True):
        text = text.replace(name, "")
    return any(operator in text for operator in OPERATORS)


def _unknown(fit: Fit, text: str) -> InferenceError:
    if text in fit.dropped:
        return InferenceError(f"{text!r} cannot be tested in this design: other columns determine it")
    terms = [term.label for term in fit.design.terms]
    known: Sequence[str] = [*terms, *(name for name in fit.names if name not in terms)]
    return InferenceError(
        f"no term or coefficient is called {text!r}{nearest(text, known)} (the model has {listed(known)})"
    )
