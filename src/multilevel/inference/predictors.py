"""The linear predictors of generalized models together: where they are, and how sure that is.

    eta = x'beta + z'b      g = w'gamma + v'c      and so on, of the mean, the zero inflation and the dispersion

Given the data, random effects are nearly normal about their modes, with covariance P; the modes follow all coefficients
of the fit, so that predictors a and b of a row have (Kass & Steffey 1989, JASA 84, 717-726)

    Cov(a, b) = z_a'P z_b + (x_a - F'z_a)' V (x_b - F'z_b),      F = -d modes / d coefficients, V their covariance

Effects of a group that is not known add their variance where single responses are asked for. theta counts as known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats
from ..formula import Matrices
from ..models.components import coefficient_vcov, places
from ..models.generalized import GeneralizedFit
from ..models.generalized_mixed import GeneralizedMixedFit
from ..models.predictor import fixed_part, random_part, random_variances
from ..predict import target_rows


@dataclass(frozen=True, eq=False)
class Predictors:
    """k predictors of the n rows that are complete in all of them."""

    names: tuple[str, ...]  # "cond", "zi", "disp"
    at: Floats  # (k, n)
    slopes: Floats  # (k, n, c) in all coefficients, those through the modes included
    given: Floats  # (k, k, n) covariance for known coefficients
    vcov: Floats  # (c, c) of the coefficients
    kept: NDArray[np.int64] | None  # places of the rows among all of them; None: all
    n_total: int

    def covariance(self) -> Floats:
        """(k, k, n) that of the errors."""
        moved: Floats = np.einsum("anc,bnc->abn", self.slopes @ self.vcov, self.slopes)
        return self.given + moved

    def error(self, by: Mapping[str, Floats], besides: Floats | float = 0.0) -> Floats:
        """(n,) standard errors of a function with slopes (n,) in the predictors, and others (n, c) in coefficients."""
        D = np.stack([by[name] for name in self.names])
        J = np.einsum("an,anc->nc", D, self.slopes) + besides
        variance = np.einsum("an,abn,bn->n", D, self.given, D) + np.einsum("nc,nc->n", J @ self.vcov, J)
        root: Floats = np.sqrt(variance)
        return root

    def values(self) -> dict[str, Floats]:
        """The predictors (n,) by name."""
        return dict(zip(self.names, self.at, strict=True))

    def aligned(self, values: Floats) -> Floats:
        """Values (n,) at their places among all rows (n_total,); NaN elsewhere."""
        if self.kept is None:
            return values
        full = np.full(self.n_total, np.nan)
        full[self.kept] = values
        return full


def predictors(
    fit: GeneralizedFit, names: Sequence[str], newdata: Any = None, *, same: bool, new: bool = False
) -> Predictors:
    """Those of the mean ("cond"), the zero inflation ("zi") or the dispersion ("disp"), of the fit or of new rows.

    Parameters
    ----------
    same : with the effects of known groups; else at zero.
    new : single responses are asked for, to which the effects of groups that are not known add.
    """
    parts = {"cond": fit, "zi": fit.inflating, "disp": fit.dispersing}
    asked = {name: part for name in names if (part := parts[name])}
    complete, kept = _complete([target_rows(part, newdata, same=same, new=new) for part in asked.values()])
    rows, n, vcov = dict(zip(asked, complete, strict=True)), complete[0].n, coefficient_vcov(fit)
    at, slopes = np.zeros((len(asked), n)), np.zeros((len(asked), n, len(vcov)))
    given = np.zeros((len(asked), len(asked), n))
    for a, (name, part) in enumerate(asked.items()):
        own = rows[name]
        at[a] = fixed_part(part, own) + random_part(own, part.estimate.modes[: len(own.random)])
        slopes[a][:, places(fit, name)] = np.column_stack([np.zeros((n, 0)), *(own.X[j] for j in part.kept)])
        for term, added in zip(own.random, random_variances(part, own) if new and own.random else (), strict=False):
            given[a, a] += np.where(term.codes < 0, added, 0.0)
    if any((term.codes >= 0).any() for own in complete for term in own.random):
        assert isinstance(fit, GeneralizedMixedFit)
        slopes -= _through_modes(fit, rows)
        given += _given_data(fit, rows)
    return Predictors(tuple(asked), at, slopes, given, vcov, kept, complete[0].n_total)


def _complete(rows: Sequence[Matrices]) -> tuple[list[Matrices], NDArray[np.int64] | None]:
    """The rows that are complete in all of these, and their places."""
    if all(own.kept is None for own in rows):
        return list(rows), None
    kept = [np.arange(own.n_total) if own.kept is None else own.kept for own in rows]
    common = reduce(np.intersect1d, kept)
    return [own.taken(np.searchsorted(at, common)) for own, at in zip(rows, kept, strict=True)], common


def _through_modes(fit: GeneralizedMixedFit, rows: Mapping[str, Matrices]) -> Floats:
    """(k, n, c) F'z: what the effects of known groups lose as each coefficient grows."""
    own = [term for name in rows for term in rows[name].random]
    n, c = len(own[0].codes), fit.conditional[0][1].shape[2]
    made = np.zeros((len(rows), n, c))
    for a, (name, part) in enumerate(rows.items()):
        for term, t in zip(part.random, _terms(fit)[name], strict=True):
            F = np.pad(fit.conditional[t][1], [(0, 1), (0, 0), (0, 0)])  # code -1, unseen, takes the last
            for j, z in enumerate(term.Z):
                made[a] += z[:, None] * F[term.codes, j]
    return made


def _given_data(fit: GeneralizedMixedFit, rows: Mapping[str, Matrices]) -> Floats:
    """(k, k, n) z_a'P z_b, by the variances of single predictors and of the sums of two."""
    k, n, e = len(rows), next(iter(rows.values())).n, fit.estimate
    pairs = [(a, b) for a in range(k) for b in range(a + 1)]
    weights = np.array([[1.0 if c in pair else 0.0 for c in range(k)] for pair in pairs])
    codes = dict.fromkeys([term.group for term in fit.varying], np.full(n, -1, np.int32))
    Z = [[np.zeros(n * len(pairs)) for _ in term.names] for term in fit.varying]
    for a, (name, part) in enumerate(rows.items()):
        for term, t in zip(part.random, _terms(fit)[name], strict=True):
            codes[term.group] = term.codes
            Z[t] = [np.outer(weights[:, a], z).ravel() for z in term.Z]
    levels = [np.tile(code, len(pairs)) for code in codes.values()]
    found = fit.likelihood.core.variances(e.theta, e.beta, e.parameters, levels, Z).reshape(len(pairs), n)
    sums = dict(zip(pairs, found, strict=True))
    made = np.zeros((k, k, n))
    for a, b in pairs:
        own = sums[a, b] if a == b else (sums[a, b] - sums[a, a] - sums[b, b]) / 2
        made[a, b] = made[b, a] = own
    return made


def _terms(fit: GeneralizedMixedFit) -> dict[str, range]:
    """Which of all random terms are those of each part."""
    made, at = dict.fromkeys(("cond", "zi", "disp"), range(0)), 0
    for part in fit.random_parts:
        made[part.component] = range(at, at + len(part.rows.random))
        at += len(part.rows.random)
    return made
