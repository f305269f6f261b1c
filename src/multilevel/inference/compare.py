"""Models side by side: likelihood ratio tests, information criteria."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isnan, nan

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..formula import RandomMatrices, special_case
from ..models.components import component_fit, components, part_texts
from ..models.estimate import Estimate, Fit
from ..models.generalized import GeneralizedFit
from ..models.generalized_mixed import GeneralizedMixedFit
from .likelihoods import chi_square_p_value
from .refits import refitted
from .tabled import Numbers, TestTable
from .whitened import triangle

SAME = 1e-7  # what a column has outside the space of others, beside its length, when it lies in it


def compare(
    fits: Sequence[Fit], *, names: Sequence[str] | None = None, refit: bool = True, backend: str = "pandas"
) -> TestTable:
    """The likelihood ratio table of models of the same rows, ordered by their number of parameters.

    Parameters
    ----------
    fits : two or more, of linear or linear mixed models, or generalized ones of one family.
    names : labels of the models; default m1, m2, ... in the order given.
    refit : fit models anew by maximum likelihood if any was fitted by REML. False: compare REML criteria, which only
        models of the same fixed effects allow.
    backend : library of the frame that `to_frame()` gives.

    AIC, BIC and AICc (Hurvich & Tsai 1989, Biometrika 76, 297-307) follow R; each chi-square test is against the model
    above. Where the fixed effects of the smaller model are not among those of the larger, there is no test.

    Raises
    ------
    InferenceError : fewer than two models, other rows, responses, weights or families, names that do not match, or
        REML criteria of different fixed effects.
    """
    labels = _labels(fits, names)
    _check_rows(fits, labels)
    reml = any(fit.estimate.reml for fit in fits)
    if reml and not refit:
        _check_reml(fits, labels)
    estimates = [_estimate(fit, reml and not refit) for fit in fits]
    order = sorted(range(len(fits)), key=lambda i: estimates[i].n_parameters)
    ordered, models = [estimates[i] for i in order], [fits[i] for i in order]
    labels = [labels[i] for i in order]
    chi_square, df, p = _ratios(models, ordered)
    columns = (
        Numbers("npar", [e.n_parameters for e in ordered], name="npar"),
        Numbers("AIC", [e.aic for e in ordered], name="aic"),
        Numbers("BIC", [e.bic for e in ordered], name="bic"),
        Numbers("AICc", [_corrected(e) for e in ordered], name="aicc"),
        Numbers("logLik", [e.loglik for e in ordered], name="loglik"),
        Numbers("deviance", [e.criterion for e in ordered], name="deviance"),
        Numbers("Chisq", chi_square, "statistic", "statistic"),
        Numbers("Df", df, name="df"),
        Numbers("Pr(>Chisq)", p, "p", "p_value"),
    )
    notes = _notes(models, ordered, labels, reml, refit)
    formulas = tuple((label, _described(fit)) for label, fit in zip(labels, models, strict=True))
    return TestTable("Models:", formulas, "model", tuple(labels), columns, tuple(notes), backend)


def _described(fit: Fit) -> str:
    """The formula, with those of zero inflation and dispersion."""
    return ", ".join([fit.design.formula.text, *(f"{what.lower()} {text}" for what, text in part_texts(fit).items())])


def _labels(fits: Sequence[Fit], names: Sequence[str] | None) -> list[str]:
    if len(fits) < 2:
        raise InferenceError(f"compare takes two models or more; found {len(fits)}")
    labels = [f"m{i + 1}" for i in range(len(fits))] if names is None else list(map(str, names))
    if len(labels) != len(fits) or len(set(labels)) != len(labels):
        raise InferenceError(f"names are {labels}; expected {len(fits)} different ones, one for each model")
    return labels


def _check_rows(fits: Sequence[Fit], labels: Sequence[str]) -> None:
    """InferenceError unless all have the same rows, response, weights and family, which likelihoods are of."""
    first, one = fits[0], labels[0]
    for fit, other in zip(fits[1:], labels[1:], strict=True):
        n, m = fit.estimate.n, first.estimate.n
        if n != m:
            missing = [label for label, f in ((one, first), (other, fit)) if f.n_missing]
            reason = f" ({' and '.join(missing)} left rows with missing values out)" if missing else ""
            raise InferenceError(
                f"{one} has {m} rows and {other} has {n}{reason}; likelihoods compare models of the same rows: fit all "
                "of them to the rows that are complete for the largest"
            )
        if (
            first.rows.y is None
            or fit.rows.y is None
            or not _equal(_counted(first, first.rows.y), _counted(fit, fit.rows.y))
        ):
            texts = first.design.formula.response_text, fit.design.formula.response_text
            words = f"{texts[0]} and {texts[1]}" if texts[0] != texts[1] else f"{texts[0]} with other values or rows"
            raise InferenceError(f"{one} and {other} have different responses, {words}; likelihoods cannot be compared")
        if not _equal(_weights(first), _weights(fit)):
            raise InferenceError(f"{one} and {other} have different weights; likelihoods cannot be compared")
        if _family(first) != _family(fit):
            raise InferenceError(
                f"{one} is {_family(first)} and {other} {_family(fit)}; likelihoods cannot be compared"
            )
    nodes = {fit.n_agq: label for fit, label in zip(fits, labels, strict=True) if isinstance(fit, GeneralizedMixedFit)}
    if len(nodes) > 1:
        found = " and ".join(f"{label} has n_agq={n}" for n, label in nodes.items())
        raise InferenceError(f"{found}: these approximate the likelihood differently; fit all models by the same")
    for fit, label in zip(fits, labels, strict=True):
        if isnan(fit.estimate.criterion):
            raise InferenceError(f"{label} has no likelihood to compare: its family is given by mean and variance only")


def _family(fit: Fit) -> str:
    """The kind of response; links may differ."""
    return f"a model of family {fit.family.name}" if isinstance(fit, GeneralizedFit) else "a linear model"


def _counted(fit: Fit, values: Floats) -> Floats:
    return values if fit.counted is None else values[fit.counted]


def _weights(fit: Fit) -> Floats:
    return np.ones(fit.estimate.n) if fit.sums.weights is None else fit.sums.weights


def _equal(a: Floats, b: Floats) -> bool:
    return a is b or bool(np.array_equal(a, b))


def _check_reml(fits: Sequence[Fit], labels: Sequence[str]) -> None:
    for fit, label in zip(fits, labels, strict=True):
        if not fit.estimate.reml and fit.design.random:
            raise InferenceError(f"{label} was fitted by maximum likelihood and others by REML; leave out refit=False")
        if not (_within(fit, fits[0]) and _within(fits[0], fit)):
            raise InferenceError(
                f"{labels[0]} and {label} have different fixed effects, and REML criteria compare models of the same; "
                "leave out refit=False to fit them by maximum likelihood"
            )


def _estimate(fit: Fit, reml: bool) -> Estimate:
    """By the common criterion; the fit's own where it has that already."""
    if fit.estimate.reml == reml and (fit.design.random or not reml):
        return fit.estimate
    return refitted(fit, reml=reml)


def _corrected(e: Estimate) -> float:
    """AIC + 2 k (k + 1) / (n - k - 1); NaN without enough rows."""
    k, left = e.n_parameters, e.n - e.n_parameters - 1
    return e.aic + 2 * k * (k + 1) / left if left > 0 else nan


def _ratios(models: Sequence[Fit], ordered: Sequence[Estimate]) -> tuple[list[float], list[float], list[float]]:
    """Chi-square, its degrees of freedom and p-value of each model against the one above; NaN without a test."""
    chi_square, df, p = [nan], [nan], [nan]
    for i in range(1, len(models)):
        small, large = ordered[i - 1], ordered[i]
        q = large.n_parameters - small.n_parameters
        tested = q > 0 and _within(models[i - 1], models[i])
        ratio = max(small.criterion - large.criterion, 0.0)
        chi_square.append(ratio if tested else nan)
        df.append(float(q))
        p.append(chi_square_p_value(ratio, q) if tested else nan)
    return chi_square, df, p


def _within(small: Fit, large: Fit) -> bool:
    """Whether the columns of X of one model, and its offset, lie in the space of the other's, in each of their parts.

    No inflated zeros are the edge of any model of these; the same dispersion for all rows is a constant.
    """
    if not _equal(_offset(small), _offset(large)) or not set(components(small)) <= set(components(large)):
        return False
    return all(_spanned(_columns_of(small, part), _columns_of(large, part)) for part in components(large))


def _columns_of(fit: Fit, part: str) -> list[Floats]:
    """The identified columns of one part."""
    if part not in components(fit):
        return [np.ones(fit.estimate.n)] if part == "disp" else []
    own = component_fit(fit, part)
    return [own.sums.X[j] for j in own.kept]


def _spanned(columns: list[Floats], base: list[Floats]) -> bool:
    """Whether columns lie in the space of others."""
    known = {id(x) for x in base}
    added = [x for x in columns if id(x) not in known]
    if not added:
        return True
    lengths = [float(np.sqrt(x.dot(x))) for x in [*base, *added]]
    R = triangle([*base, *added]) / np.array(lengths)
    outside = np.linalg.norm(R[len(base) :, len(base) :], axis=0)
    return bool((outside < SAME).all())


def _offset(fit: Fit) -> Floats:
    return np.zeros(fit.rows.n) if fit.rows.offset is None else fit.rows.offset


def _notes(
    models: Sequence[Fit], ordered: Sequence[Estimate], labels: Sequence[str], reml: bool, refit: bool
) -> list[str]:
    notes = []
    if reml:
        notes.append(
            "Models fitted by REML were fitted again by maximum likelihood."
            if refit
            else "The criteria are those of REML."
        )
    for i in range(1, len(models)):
        one, other = labels[i - 1], labels[i]
        if ordered[i].n_parameters == ordered[i - 1].n_parameters:
            notes.append(f"{one} and {other} have the same number of parameters: no test, compare AIC or BIC.")
        elif not _within(models[i - 1], models[i]):
            notes.append(
                f"The {_effects(models[i])} of {one} are not among those of {other}: the models are not nested, which "
                "a likelihood ratio test needs; compare AIC or BIC."
            )
        elif not all(_contained(part, models[i].sums.random) for part in models[i - 1].sums.random):
            notes.append(f"Whether the random effects of {one} are a special case of those of {other} was not checked.")
        elif "zi" in set(components(models[i])) - set(components(models[i - 1])):
            notes.append(
                f"{one} without inflated zeros is at the edge of {other}, where a chi-square distribution is a rough "
                "guide: compare AIC or BIC too."
            )
    if any(len(a.theta) != len(b.theta) for a, b in pairwise(ordered)):
        notes.append("A variance cannot be negative: p-values of tests of variances are too large; see ranova.")
    return notes


def _effects(fit: Fit) -> str:
    return "fixed effects" if components(fit) == ("cond",) else "coefficients"


def _contained(part: RandomMatrices, larger: Sequence[RandomMatrices]) -> bool:
    """Whether a random term is a special case of one on the same grouping factor."""
    for other in larger:
        if len(part.codes) == len(other.codes) and np.array_equal(part.codes, other.codes):
            if not special_case(part.structure, other.structure) and len(part.Z) > 1:
                continue
            several = other.structure not in ("us", "diag") and len(part.Z) != len(other.Z)
            if not several and all(any(_equal(z, w) for w in other.Z) for z in part.Z):
                return True
    return False
