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
REVERSIBLE = ("pairwise", "revpairwise", "trt.vs.ctrl", "trt.vs.ctrlk", "consec", "mean_chg")


class Options(NamedTuple):
    """What some families can be told.

    `ref`: reference means of `"trt.vs.ctrl"`; `exclude`: means that no contrast takes; `reverse`: differences the other
    way round; `weights` (k,): of the mean that `"eff"` and `"del.eff"` compare with; `max_degree`: of `"poly"`.
    """

    ref: Reference | None = None
    exclude: Reference = ()
    reverse: bool = False
    weights: Sequence[float] | None = None
    max_degree: int | None = None


PLAIN = Options()


class Family(NamedTuple):
    """Contrasts of k means: names, weights (c, k), the adjustment they are given by default.

    `pairs` is the number of means when these are all their pairwise differences, the case of Tukey's method.
    """

    names: tuple[str, ...]
    weights: Floats
    adjust: str
    pairs: int | None = None


def family(method: Method, labels: Sequence[str], options: Options = PLAIN, between: str = " - ") -> Family:
    """The contrasts of a family for means with some labels.

    Parameters
    ----------
    method : a name among FAMILIES, or weights by name, `{"a - b": [1, -1, 0]}`.
    labels : (k,) names of the means.
    options : see `Options`; means by label or by position from 0 (negative: from the end).
    between : what stands between two names, `" / "` for ratios. Names with a sign in them are put in parentheses.

    Raises
    ------
    InferenceError : an unknown family or mean, weights that do not fit, or an option that the family does not have.

    >>> made = family("pairwise", ["a", "b", "c"])
    >>> made.names, made.weights[1].tolist()
    (('a - b', 'a - c', 'b - c'), [1.0, 0.0, -1.0])
    """
    if isinstance(method, Mapping):
        if options != PLAIN:
            raise InferenceError("contrasts given by their weights have no options such as ref or exclude")
        return _custom(method, labels)
    if method not in FAMILIES:
        known = ", ".join(map(repr, FAMILIES))
        near = nearest(str(method), FAMILIES)
        raise InferenceError(f"contrasts {method!r} are not known; expected one of {known}, or weights by name{near}")
    if len(labels) < 2 and method != "identity":
        raise InferenceError(f"there is one mean only, {labels[0]!r}; contrasts need two or more")
    _check_options(method, labels, options)
    written = [f"({label})" if any(sign in label for sign in "-+/*") else label for label in labels]
    kept = [j for j in range(len(labels)) if j not in _places("exclude", options.exclude, labels)]
    if len(kept) < 2 and method != "identity":
        raise InferenceError("exclude leaves fewer than two means to compare")
    ref = [kept.index(j) for j in _references(method, options, labels, kept)]
    w = None if options.weights is None else [options.weights[j] for j in kept]
    made = FAMILIES[method]([written[j] for j in kept], between, options._replace(ref=ref, weights=w))
    weights = np.zeros((len(made.weights), len(labels)))
    weights[:, kept] = made.weights
    return made._replace(weights=weights)


def _check_options(method: str, labels: Sequence[str], options: Options) -> None:
    if options.ref is not None and method != "trt.vs.ctrl":
        raise InferenceError(f"ref belongs to 'trt.vs.ctrl'; {method!r} has no reference")
    if options.reverse and method not in REVERSIBLE:
        raise InferenceError(f"reverse belongs to {', '.join(map(repr, REVERSIBLE))}; {method!r} has no reverse")
    if options.weights is not None:
        if method not in ("eff", "del.eff"):
            raise InferenceError(f"weights belong to 'eff' and 'del.eff'; {method!r} has none")
        w = np.array(options.weights, np.float64)
        if w.shape != (len(labels),) or not (np.isfinite(w).all() and (w >= 0).all() and np.count_nonzero(w) > 1):
            raise InferenceError(
                f"weights should be {len(labels)} numbers, one for each mean, none negative and at least two above "
                f"zero; found {options.weights!r:.60}"
            )
    degree = options.max_degree
    if degree is not None and method != "poly":
        raise InferenceError(f"max_degree belongs to 'poly'; {method!r} has no degrees")
    if degree is not None and not (isinstance(degree, int) and degree >= 1):
        raise InferenceError(f"max_degree is {degree!r}; expected a whole number, 1 or more")


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


def _pairwise(labels: Sequence[str], between: str, options: Options) -> Family:
    if options.reverse:
        return _revpairwise(labels, between, PLAIN)
    pairs = list(combinations(range(len(labels)), 2))
    return Family(*_differences(pairs, labels, between), "tukey", len(labels))


def _revpairwise(labels: Sequence[str], between: str, options: Options) -> Family:
    if options.reverse:
        return _pairwise(labels, between, PLAIN)
    pairs = [(j, i) for j in range(len(labels)) for i in range(j)]
    return Family(*_differences(pairs, labels, between), "tukey", len(labels))


def _consecutive(labels: Sequence[str], between: str, options: Options) -> Family:
    pairs = [(j, j + 1) if options.reverse else (j + 1, j) for j in range(len(labels) - 1)]
    return Family(*_differences(pairs, labels, between), "mvt")


def _differences(
    pairs: Sequence[tuple[int, int]], labels: Sequence[str], between: str
) -> tuple[tuple[str, ...], Floats]:
    weights = np.zeros((len(pairs), len(labels)))
    for row, (plus, minus) in enumerate(pairs):
        weights[row, plus], weights[row, minus] = 1.0, -1.0
    return tuple(f"{labels[i]}{between}{labels[j]}" for i, j in pairs), weights


def _references(method: str, options: Options, labels: Sequence[str], kept: Sequence[int]) -> list[int]:
    """Places of the reference means; they and those left out should leave something to compare."""
    if options.ref is None:
        return [kept[-1 if method == "trt.vs.ctrlk" else 0]]
    places = _places("ref", options.ref, labels)
    if not set(places) <= set(kept):
        raise InferenceError("a reference mean is among those to exclude")
    if not places or len(places) >= len(kept):
        raise InferenceError("ref should leave one mean at least to compare with the reference")
    return places


def _places(what: str, asked: Reference, labels: Sequence[str]) -> list[int]:
    """Places of means given by label or by position."""
    places = set()
    for one in [asked] if isinstance(asked, int | str) else list(asked):
        if isinstance(one, str) and one not in labels:
            raise InferenceError(
                f"{what}: {one!r} is no mean{nearest(one, labels)} (means: {', '.join(labels[:12])}"
                f"{', ...' if len(labels) > 12 else ''})"
            )
        if not isinstance(one, str) and not -len(labels) <= one < len(labels):
            raise InferenceError(f"{what} is {one}, but there are {len(labels)} means, numbered from 0")
        places.add(labels.index(one) if isinstance(one, str) else one % len(labels))
    return sorted(places)


def _controls(labels: Sequence[str], between: str, options: Options) -> Family:
    ref: list[int] = options.ref  # type: ignore[assignment]  # places by now
    others = [j for j in range(len(labels)) if j not in ref]
    weights = np.zeros((len(others), len(labels)))
    weights[:, ref] = -1.0 / len(ref)
    weights[range(len(others)), others] = 1.0
    control = labels[ref[0]] if len(ref) == 1 else f"avg({','.join(labels[j] for j in ref)})"
    pairs = [(control, labels[j]) if options.reverse else (labels[j], control) for j in others]
    return Family(tuple(map(between.join, pairs)), -weights if options.reverse else weights, "dunnettx")


def _effects(labels: Sequence[str], between: str, options: Options) -> Family:
    k = len(labels)
    w = np.full(k, 1.0 / k) if options.weights is None else np.array(options.weights) / sum(options.weights)
    return Family(tuple(f"{label} effect" for label in labels), np.eye(k) - w, "fdr")


def _deleted_effects(labels: Sequence[str], between: str, options: Options) -> Family:
    made = _effects(labels, between, options)
    return made._replace(weights=made.weights / np.diag(made.weights)[:, None])


def _mean_change(labels: Sequence[str], between: str, options: Options) -> Family:
    k = len(labels)
    weights = np.array([[-1.0 / j] * j + [1.0 / (k - j)] * (k - j) for j in range(1, k)])
    names = tuple(f"{labels[j - 1]}|{labels[j]}" for j in range(1, k))
    return Family(names, -weights if options.reverse else weights, "mvt")


def _helmert(labels: Sequence[str], between: str, options: Options) -> Family:
    k = len(labels)
    weights = np.array([[-1.0 / j] * j + [1.0] + [0.0] * (k - j - 1) for j in range(1, k)])
    return Family(tuple(f"{labels[j]} vs earlier" for j in range(1, k)), weights, "none")


def _polynomials(labels: Sequence[str], between: str, options: Options) -> Family:
    """Orthogonal polynomials on equally spaced points, with the integers of the printed tables."""
    k = len(labels)
    rows = [_integers(p) for p in _gram(k, min(options.max_degree or 6, 6, k - 1))]
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


def _identity(labels: Sequence[str], between: str, options: Options) -> Family:
    return Family(tuple(labels), np.eye(len(labels)), "none")


FAMILIES: dict[str, Callable[[Sequence[str], str, Options], Family]] = {
    "pairwise": _pairwise, "revpairwise": _revpairwise, "trt.vs.ctrl": _controls, "trt.vs.ctrlk": _controls,
    "eff": _effects, "del.eff": _deleted_effects, "poly": _polynomials, "consec": _consecutive,
    "mean_chg": _mean_change, "helmert": _helmert, "identity": _identity,
}  # fmt: skip


def methods_of(interaction: Any, names: Sequence[str]) -> dict[str, Method]:
    """A method for each of the factors `names`: repeated as often as needed, or by name, in that order."""
    if isinstance(interaction, Mapping) and any(isinstance(m, str | Mapping) for m in interaction.values()):
        for name in interaction:
            if name not in names:
                raise InferenceError(f"interaction: {name!r} is no factor here{nearest(str(name), names)}")
        missing = [name for name in names if name not in interaction]
        if missing:
            every = ", ".join(names)
            raise InferenceError(f"interaction has no method for {missing[0]!r}; give one for each of {every}")
        return dict(interaction)
    given = [interaction] if isinstance(interaction, str | Mapping) else list(interaction)
    if not given or len(given) > len(names):
        raise InferenceError(
            f"interaction has {len(given)} methods for {len(names)} factors; give one, or one for each"
        )
    return {name: given[i % len(given)] for i, name in enumerate(names)}
