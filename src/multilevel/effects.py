"""What differs between groups: conditional modes, coefficients per group, standard deviations and correlations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .digits import significant
from .formula import smallest_distance
from .grouped import GroupTable, GroupTables
from .labelled import Floats
from .models.estimate import Fit
from .models.generalized import GeneralizedFit
from .models.predictor import random_variances
from .varcorr import GroupTerm, VarCorr

NOTHING = 1e-8  # a scale-free standard deviation below this is a rounding error of zero: its square is none beside 1


def random_effects(fit: Fit, backend: str) -> GroupTables:
    """Conditional modes b and their conditional standard deviations, terms on one factor side by side.

    The standard deviations, sigma sqrt(diag(P)), are those of b given the data and the estimates, lme4's `condVar`.
    Random effects of the zero inflation or the dispersion beside.
    """
    found = {part.component: _modes(part, backend) for part in fit.random_parts}
    return replace(found.pop(fit.component), zero_inflation=found.get("zi"), dispersion=found.get("disp"))


def _modes(fit: Fit, backend: str) -> GroupTables:
    sigma2 = fit.estimate.sigma**2
    tables = []
    for group, places in _terms_by_group(fit):
        parts = [fit.rows.random[t] for t in places]
        modes = np.hstack([fit.estimate.modes[t] for t in places])
        variances = np.hstack([np.einsum("lkk->lk", fit.posterior[t][0]) for t in places])
        names = tuple([name for part in parts for name in part.names])
        tables.append(GroupTable(group, tuple(parts[0].levels), names, modes, _root(sigma2 * variances), backend))
    return GroupTables(tuple(tables), backend)


def coefficients(fit: Fit, backend: str) -> GroupTables:
    """Fixed effects plus conditional modes, with the standard errors of their prediction.

    For an effect that varies, Var(beta_hat + b_hat - beta - b) = sigma^2 (Q^-1 + P + F Q^-1 F' - Q^-1 F' - F Q^-1), of
    which the diagonal is taken (Henderson 1975, Biometrics 31, 423-447). A random effect without a fixed counterpart
    stands alone, after the fixed effects. Coefficients of zero inflation or dispersion beside, where they vary.
    """
    found = {part.component: _per_group(part, backend) for part in fit.random_parts}
    return replace(found.pop(fit.component), zero_inflation=found.get("zi"), dispersion=found.get("disp"))


def _per_group(fit: Fit, backend: str) -> GroupTables:
    tables = []
    for group, places in _terms_by_group(fit):
        part = fit.rows.random[places[0]]
        fixed = {name: j for j, name in enumerate(fit.names)}
        names = dict(fixed)
        for t in places:
            for name in fit.rows.random[t].names:
                names.setdefault(name, len(names))
        values = np.zeros((part.n_levels, len(names)))
        variances = np.zeros_like(values)
        values[:, : len(fixed)] = fit.estimate.beta
        variances[:, : len(fixed)] = np.diag(fit.estimate.unscaled_vcov)
        varied: set[str] = set()
        for t in places:
            for c, name in enumerate(fit.rows.random[t].names):
                values[:, names[name]] += fit.estimate.modes[t][:, c]
                variances[:, names[name]] += _added_variance(fit, t, c, fixed.get(name))
                if name in varied:  # the covariance of two effects of one name is not known
                    variances[:, names[name]] = np.nan
                varied.add(name)
        errors = fit.estimate.sigma * _root(variances)
        tables.append(GroupTable(group, tuple(part.levels), tuple(names), values, errors, backend))
    return GroupTables(tuple(tables), backend)


def varcorr(fit: Fit, backend: str) -> VarCorr:
    """Standard deviations and correlations of the random effects, and sigma where a residual variance scales them.

    Those of the zero inflation or the dispersion beside.
    """
    found = {part.component: _spreads(part, backend) for part in fit.random_parts}
    return replace(found.pop(fit.component), zero_inflation=found.get("zi"), dispersion=found.get("disp"))


def _spreads(fit: Fit, backend: str) -> VarCorr:
    sigma = fit.estimate.sigma
    terms = []
    for factor, part in zip(fit.factors, fit.rows.random, strict=True):
        lengths = np.sqrt(np.einsum("ij,ij->i", factor, factor))
        scale = np.array([np.sqrt(z.dot(z) / len(z)) for z in part.Z])
        lengths[lengths * scale < NOTHING] = 0.0
        corr = None
        if part.correlated:
            with np.errstate(divide="ignore", invalid="ignore"):
                unit = factor / lengths[:, None]
            corr = np.clip(unit @ unit.T, -1.0, 1.0)
            np.fill_diagonal(corr, np.where(lengths > 0, 1.0, np.nan))
        note = str(part.structure)
        if note == "ou":
            note += f", {significant([smallest_distance(part.names)], 3)[0]} apart"
        made = GroupTerm(part.group, part.names, sigma * lengths, corr, scale, part.structure, part.what, note)
        terms.append(made)
    return VarCorr(
        tuple(terms), None if isinstance(fit, GeneralizedFit) or not fit.estimate.residual else sigma, backend
    )


def variance_shares(fit: Fit) -> list[float]:
    """Per term, the variance it gives to a row, averaged over the rows: the mean of diag(Z Psi Z')."""
    sigma2 = fit.estimate.sigma**2
    return [sigma2 * float(variance.mean()) for variance in random_variances(fit, fit.rows)]


def _terms_by_group(fit: Fit) -> Iterator[tuple[str, list[int]]]:
    """Each grouping factor with the positions of its terms."""
    places: dict[str, list[int]] = {}
    for t, part in enumerate(fit.rows.random):
        places.setdefault(part.group, []).append(t)
    yield from places.items()


def _added_variance(fit: Fit, term: int, effect: int, fixed: int | None) -> Floats:
    """(l,) what the prediction error of one random effect adds to the variance of its coefficient, over sigma^2."""
    P, F = fit.posterior[term]
    f, Q_inv = F[:, effect, :], fit.estimate.unscaled_vcov
    own: Floats = P[:, effect, effect] + np.einsum("lp,pq,lq->l", f, Q_inv, f)
    return own if fixed is None else own - 2.0 * (f @ Q_inv[:, fixed])


def _root(variances: Floats) -> Floats:
    return np.sqrt(np.maximum(variances, 0.0))
