"""Tests of any linear hypotheses about the fixed effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..data.sums import Floats
from ..digits import general, p_values
from ..errors import InferenceError
from ..framed import frame
from ..labelled import unknown_name
from ..layout import Item, Line, Page, Prose, Section
from ..models.components import whole
from ..models.estimate import Fit
from ..pages import DIGITS, coefficient_items
from .linear import read_equations
from .methods import sampling_of
from .sampling import FTestResult, Sampling, TTests, independent

Hypothesis: TypeAlias = str | Mapping[str, float] | Sequence[Any] | Floats
SHOWN = 44  # letters of a label
AGREE = 1e-8  # right sides that differ less say the same


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HypothesisTest(Page):
    """t tests of linear hypotheses, and the F test of all of them.

    Parameters
    ----------
    labels : (k,) the equations in words.
    L : (k, p) weights of the identified coefficients.
    rhs : (k,) what each combination is tested against.
    each : estimate of each combination, standard error, degrees of freedom, t, p-value, (k,) each.
    joint : the F test that all equations hold.
    words : whose degrees of freedom, "Satterthwaite's method".
    note : a sentence for the end of the page, or empty.
    backend : library of the frame that `to_frame()` gives.
    """

    labels: tuple[str, ...]
    L: Floats
    rhs: Floats
    each: TTests
    joint: FTestResult
    words: str
    note: str = ""
    backend: str = "pandas"

    def __repr__(self) -> str:
        return self.to_text()

    @property
    def p_value(self) -> float:
        """That of the joint test, which for a single equation is the t test's."""
        return self.joint.p_value

    def sections(self) -> tuple[Section, ...]:
        """The t tests, the joint test, the note."""
        normal = bool(np.isposinf(self.each.df).all())
        title = "Linear hypotheses. Tests are Wald's" if normal else f"Linear hypotheses. t-tests use {self.words}"
        items: tuple[Item, ...] = coefficient_items(
            self.labels, self.each.estimate, self.each.std_error, statistics=self.each.statistic,
            df=None if normal else self.each.df, p=self.each.p_value, letter="z" if normal else "t",
        )  # fmt: skip
        made = [Section(title, items)]
        if len(self.labels) > 1:
            made.append(Section("", (Line(_joint_line(self.joint)),)))
        return (*made, Section("Notes:", (Prose(self.note),))) if self.note else tuple(made)

    def to_frame(self) -> Any:
        """A frame: `hypothesis`, `estimate`, `rhs`, `std_error`, `df`, `statistic`, `p_value`."""
        values = {
            "estimate": self.each.estimate, "rhs": self.rhs, "std_error": self.each.std_error, "df": self.each.df,
            "statistic": self.each.statistic, "p_value": self.each.p_value,
        }  # fmt: skip
        return frame({"hypothesis": self.labels, **values}, self.backend)


def linear_hypotheses(
    fit: Fit,
    hypotheses: Hypothesis,
    rhs: float | Sequence[float] = 0.0,
    df: str | Sampling | None = None,
    backend: str = "pandas",
) -> HypothesisTest:
    """t tests of linear hypotheses about the fixed effects, and the F test of all of them.

    Parameters
    ----------
    fit : of a linear or linear mixed model.
    hypotheses : an equation, `"b1 - b2 = 0"`, `"2*b1 = b2 + 1"`; without `=` it is tested against `rhs`. Or weights:
        `{"b1": 1, "b2": -1}`, a vector (p,), a matrix (k, p) of the identified coefficients. Or a list of these.
    rhs : what the combinations are tested against, one number or (k,); for texts that have no `=`.
    df : degrees of freedom, as for `sampling_of`.
    backend : library of the frame that `to_frame()` gives.

    Raises
    ------
    InferenceError : a name is unknown or that of a dropped column, a text cannot be read, a matrix has the wrong shape,
        or the equations contradict each other.
    """
    fit = whole(fit)
    made = _rows(fit, hypotheses)
    L = np.array([weights for _, weights, _ in made])
    right = _right_sides(made, rhs)
    _check(fit, L, right)
    labels = tuple(
        [label or _words(fit.names, weights, value) for (label, weights, _), value in zip(made, right, strict=True)]
    )
    sampling = sampling_of(fit, df)
    joint = sampling.f_test(L, right)
    return HypothesisTest(labels, L, right, sampling.t_tests(L, right), joint, sampling.words, sampling.note, backend)


Row: TypeAlias = tuple[str, Floats, float | None]  # label or nothing, weights, right side if it was given


def _rows(fit: Fit, asked: Any) -> list[Row]:
    if isinstance(asked, str):
        return _from_text(fit, asked)
    if isinstance(asked, Mapping):
        return [("", _from_weights(fit, asked), None)]
    if isinstance(asked, Sequence) and any(isinstance(part, str | Mapping) for part in asked):
        return [row for part in asked for row in _rows(fit, part)]
    return [("", row, None) for row in _from_matrix(fit, asked)]


def _from_text(fit: Fit, text: str) -> list[Row]:
    for name in fit.dropped:
        if name in text and not any(name in other and other in text for other in fit.names):
            raise InferenceError(f"{name!r} was left out of the model because other columns determine it")
    equations = read_equations(text, fit.names)
    if "=" not in _outside_names(text, fit.names):
        return [(label, e.weights, None if e.rhs == 0 else e.rhs) for label, e in zip([""], equations, strict=True)]
    label = " ".join(text.split()) if len(equations) == 1 else ""
    return [(label if len(label) <= SHOWN else "", e.weights, e.rhs) for e in equations]


def _outside_names(text: str, names: Sequence[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "")
    return text


def _from_weights(fit: Fit, weights: Mapping[str, float]) -> Floats:
    row = np.zeros(len(fit.names))
    for name, weight in weights.items():
        if name in fit.dropped:
            raise InferenceError(f"{name!r} was left out of the model because other columns determine it")
        if name not in fit.names:
            raise unknown_name("coefficient", name, fit.names)
        try:
            row[fit.names.index(name)] = weight
        except (TypeError, ValueError):
            raise InferenceError(f"the weight of {name!r} is {weight!r}; expected a number") from None
    return row


def _from_matrix(fit: Fit, asked: Any) -> Floats:
    p = len(fit.names)
    expected = f"expected a text, a dict of weights, a vector of {p} weights or a matrix with {p} columns"
    try:
        L = np.array(asked, np.float64)
    except (TypeError, ValueError):
        raise InferenceError(f"the hypothesis is {asked!r:.60}; {expected}") from None
    if L.ndim == 1:
        L = L[None]
    if L.ndim != 2 or L.shape[1] != p or not len(L):
        raise InferenceError(f"the hypothesis has shape {np.shape(asked)}; {expected}: {', '.join(fit.names)}")
    return L


def _right_sides(rows: Sequence[Row], rhs: float | Sequence[float]) -> Floats:
    try:
        given = np.array(rhs, np.float64)
    except (TypeError, ValueError):
        raise InferenceError(f"rhs is {rhs!r}; expected a number, or one for each hypothesis") from None
    if given.ndim > 1 or (given.ndim == 1 and len(given) != len(rows)):
        raise InferenceError(
            f"rhs has shape {given.shape}; expected a number, or one for each of {len(rows)} hypotheses"
        )
    if given.any() and any(own is not None for _, _, own in rows):
        raise InferenceError("rhs is given beside an equation that has its own right side; leave one of them out")
    made = np.broadcast_to(given, (len(rows),)).copy()
    for i, (_, _, own) in enumerate(rows):
        made[i] = made[i] if own is None else own
    return made


def _check(fit: Fit, L: Floats, rhs: Floats) -> None:
    """InferenceError for weights that are not finite or all zero, and for equations that contradict each other."""
    if not (np.isfinite(L).all() and np.isfinite(rhs).all()):
        raise InferenceError("a hypothesis has a weight or right side that is missing or infinite")
    if (empty := ~L.any(axis=1)).any():
        raise InferenceError(f"hypothesis {int(np.argmax(empty)) + 1} has no coefficient in it: all weights are zero")
    units = np.sqrt(np.diag(fit.estimate.vcov))
    scaled = L * np.where(units > 0, units, 1.0)
    kept = independent(scaled)
    implied = [i for i in range(len(L)) if i not in kept]
    if implied:
        combined = np.linalg.lstsq(scaled[kept].T, scaled[implied].T, rcond=None)[0].T @ rhs[kept]
        gap = np.abs(combined - rhs[implied]) > AGREE * np.maximum(np.abs(rhs).max(), 1.0)
        if gap.any():
            raise InferenceError(f"hypothesis {implied[int(np.argmax(gap))] + 1} contradicts the ones before it")


def _words(names: Sequence[str], weights: Floats, rhs: float) -> str:
    """`2*b1 - b2 = 1`."""
    parts: list[str] = []
    for name, weight in zip(names, weights.tolist(), strict=True):
        if weight:
            size = "" if abs(weight) == 1 else f"{abs(weight):.4g}*"
            sign = ("-" if weight < 0 else "") if not parts else (" - " if weight < 0 else " + ")
            parts.append(f"{sign}{size}{name}")
    left = "".join(parts)
    if len(left) > SHOWN:
        left = "".join(parts[:1])[: SHOWN - 6] + " + ..."
    return f"{left} = {rhs:.6g}"


def _joint_line(test: FTestResult) -> str:
    p = p_values([test.p_value], DIGITS)[0].strip()
    p = p if p.startswith("<") else f"= {p}"
    if np.isposinf(test.df2):
        return f"All: chi-square = {general(test.statistic * test.df1, DIGITS).strip()} on {test.df1} DF, p {p}"
    statistic, df2 = general(test.statistic, DIGITS).strip(), f"{test.df2:.4g}"
    return f"All: F = {statistic} on {test.df1} and {df2} DF, p {p}"
