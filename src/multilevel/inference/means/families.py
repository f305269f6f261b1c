"""Families of contrasts: names and weights for k means in a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import gcd, lcm
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...data.sums import Floats
from ...errors import InferenceError, nearest

Method: TypeAlias = str | Mapping[str, Sequence[float]]
Reference: TypeAlias = int | str | Sequence[int | str]
DEGREES = ("linear", "quadratic", "cubic", "quartic", "degree 5", "degree 6")


class Family(NamedTuple):
    """Contrasts of k means: names, weights (c, k), the adjustment they are given by default.

    `pairs` is the number of means when these are all their pairwise differences, the case of Tukey's method.
    """

    names: tuple[str, ...]
    weights: Floats
    adjust: str
    pairs: int | None = None


def family(method: Method, labels: Sequence[str], ref: Reference | None = None, between: str = " - ") -> Family:
    """The contrasts of a family for means with some labels.

    Parameters
    ----------
    method : a name among FAMILIES, or weights by name, `{"a - b": [1, -1, 0]}`.
    labels : (k,) names of the means.
    ref : for `"trt.vs.ctrl"` the reference mean, by label or by position from 0 (negative: from the end), or several.
    between : what stands between two names, `" / "` for ratios. Names with a sign in them are put in parentheses.

    Raises
    ------
    InferenceError : an unknown family or reference, or weights that do not fit.

    >>> made = family("pairwise", ["a", "b", "c"])
    >>> made.names, made.weights[1].tolist()
    (('a - b', 'a - c', 'b - c'), [1.0, 0.0, -1.0])
    """
    if isinstance(method, Mapping):
        return _custom(method, labels)
    if method not in FAMILIES:
        known = ", ".join(map(repr, FAMILIES))
        near = nearest(str(method), FAMILIES)
        raise InferenceError(f"contrasts {method!r} are not known; expected one of {known}, or weights by name{near}")
    if len(labels) < 2 and method != "identity":
        raise InferenceError(f"there is one mean only, {labels[0]!r}; contrasts need two or more")
    if ref is not None and method != "trt.vs.ctrl":
        raise InferenceError(f"ref belongs to 'trt.vs.ctrl'; {method!r} has no reference")
    written = [f"({label})" if any(sign in label for sign in "-+/*") else label for label in labels]
    if method == "trt.vs.ctrl":
        return _controls(written, _references(0 if ref is None else ref, labels), between)
    return FAMILIES[method](written, between)


def _custom(weights: Mapping[str, Sequence[float]], labels: Sequence[str]) -> Family:
    rows = []
    for name, given in weights.items():
        try:
            row = np.array(given, np.float64)
        except (TypeError, ValueError):
            raise InferenceError(f"the weights of {name!r} should be numbers; found {given!r}") from None
        if row.shape != (len(labels),) or not np.isfinite(row).all():
            found = f"{len(row)} weights" if row.ndim == 1 else f"shape {row.shape}"
            raise InferenceError(
                f"the contrast {name!r} has {found}; expected one finite number for each of the {len(labels)} means: "
                f"{', '.join(labels[:12])}{', ...' if len(labels) > 12 else ''}"
            )
        rows.append(row)
    if not rows:
        raise InferenceError("no contrast was given; give weights by name, as in {'a - b': [1, -1]}")
    return Family(tuple(map(str, weights)), np.array(rows), "none")


def _pairwise(labels: Sequence[str], between: str) -> Family:
    pairs = list(combinations(range(len(labels)), 2))
    return Family(*_differences(pairs, labels, between), "tukey", len(labels))


def _revpairwise(labels: Sequence[str], between: str) -> Family:
    pairs = [(j, i) for j in range(len(labels)) for i in range(j)]
    return Family(*_differences(pairs, labels, between), "tukey", len(labels))


def _consecutive(labels: Sequence[str], between: str) -> Family:
    pairs = [(j + 1, j) for j in range(len(labels) - 1)]
    return Family(*_differences(pairs, labels, between), "mvt")


def _differences(
    pairs: Sequence[tuple[int, int]], labels: Sequence[str], between: str
) -> tuple[tuple[str, ...], Floats]:
    weights = np.zeros((len(pairs), len(labels)))
    for row, (plus, minus) in enumerate(pairs):
        weights[row, plus], weights[row, minus] = 1.0, -1.0
    return tuple(f"{labels[i]}{between}{labels[j]}" for i, j in pairs), weights


def _references(ref: Reference, labels: Sequence[str]) -> list[int]:
    asked = [ref] if isinstance(ref, int | str) else list(ref)
    places = []
    for one in asked:
        if isinstance(one, str) and one not in labels:
            raise InferenceError(
                f"ref: {one!r} is no mean{nearest(one, labels)} (means: {', '.join(labels[:12])}"
                f"{', ...' if len(labels) > 12 else ''})"
            )
        if not isinstance(one, str) and not -len(labels) <= one < len(labels):
            raise InferenceError(f"ref is {one}, but there are {len(labels)} means, numbered from 0")
        places.append(labels.index(one) if isinstance(one, str) else one % len(labels))
    if not places or len(set(places)) >= len(labels):
        raise InferenceError("ref should leave one mean at least to compare with the reference")
    return sorted(set(places))


def _controls(labels: Sequence[str], ref: Sequence[int], between: str) -> Family:
    others = [j for j in range(len(labels)) if j not in ref]
    weights = np.zeros((len(others), len(labels)))
    weights[:, list(ref)] = -1.0 / len(ref)
    weights[range(len(others)), others] = 1.0
    control = labels[ref[0]] if len(ref) == 1 else f"avg({','.join(labels[j] for j in ref)})"
    return Family(tuple(f"{labels[j]}{between}{control}" for j in others), weights, "dunnett")


def _last_as_control(labels: Sequence[str], between: str) -> Family:
    return _controls(labels, [len(labels) - 1], between)


def _effects(labels: Sequence[str], between: str) -> Family:
    k = len(labels)
    return Family(tuple(f"{label} effect" for label in labels), np.eye(k) - 1.0 / k, "fdr")


def _deleted_effects(labels: Sequence[str], between: str) -> Family:
    made, k = _effects(labels, between), len(labels)
    return made._replace(weights=made.weights * (k / (k - 1)))


def _mean_change(labels: Sequence[str], between: str) -> Family:
    k = len(labels)
    weights = np.array([[-1.0 / j] * j + [1.0 / (k - j)] * (k - j) for j in range(1, k)])
    return Family(tuple(f"{labels[j - 1]}|{labels[j]}" for j in range(1, k)), weights, "mvt")


def _helmert(labels: Sequence[str], between: str) -> Family:
    k = len(labels)
    weights = np.array([[-1.0 / j] * j + [1.0] + [0.0] * (k - j - 1) for j in range(1, k)])
    return Family(tuple(f"{labels[j]} vs earlier" for j in range(1, k)), weights, "none")


def _polynomials(labels: Sequence[str], between: str) -> Family:
    """Orthogonal polynomials on equally spaced points, with the integers of the printed tables."""
    k = len(labels)
    rows = [_integers(p) for p in _gram(k, min(6, k - 1))]
    return Family(DEGREES[: len(rows)], np.array(rows, np.float64), "none")


def _gram(k: int, degree: int) -> list[list[Fraction]]:
    """Polynomials orthogonal on 0 .. k - 1, of degree 1 to `degree`, by their recurrence; positive at the end."""
    x = [Fraction(2 * i - k + 1, 2) for i in range(k)]
    before, now = [Fraction(0)] * k, [Fraction(1)] * k
    made = []
    for _ in range(degree):
        norm, norm_before = sum(v * v for v in now), sum(v * v for v in before)
        ratio = norm / norm_before if norm_before else Fraction(0)
        before, now = now, [a * v - ratio * b for a, v, b in zip(x, now, before, strict=True)]
        made.append(now)
    return made


def _integers(values: Sequence[Fraction]) -> list[int]:
    """The smallest integers in the same proportions."""
    scale = lcm(*(v.denominator for v in values))
    whole = [int(v * scale) for v in values]
    return [v // gcd(*whole) for v in whole]


def _identity(labels: Sequence[str], between: str) -> Family:
    return Family(tuple(labels), np.eye(len(labels)), "none")


FAMILIES: dict[str, Callable[[Sequence[str], str], Family]] = {
    "pairwise": _pairwise, "revpairwise": _revpairwise, "trt.vs.ctrl": lambda labels, b: _controls(labels, [0], b),
    "trt.vs.ctrlk": _last_as_control, "eff": _effects, "del.eff": _deleted_effects, "poly": _polynomials,
    "consec": _consecutive, "mean_chg": _mean_change, "helmert": _helmert, "identity": _identity,
}  # fmt: skip


def methods_of(interaction: Any, count: int) -> list[Method]:
    """One method for each of `count` factors: repeated as often as needed."""
    given = [interaction] if isinstance(interaction, str | Mapping) else list(interaction)
    if not given or len(given) > count:
        raise InferenceError(f"interaction has {len(given)} methods for {count} factors; give one, or one for each")
    return [given[i % len(given)] for i in range(count)]
