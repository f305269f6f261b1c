"""The printed pages and the frames of generalized fits, put together from their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .data.attach import with_columns
from .diagnostics import sentence, zero_weight_words
from .effects import varcorr
from .errors import InferenceError
from .framed import frame
from .generalized_pages import GeneralizedLinearSummary, GeneralizedMixedSummary
from .generalized_words import (
    chance_words,
    limit_words,
    method_words,
    optimum_words,
    quadrature_words,
    separation_words,
    shape_lines,
    success_words,
)
from .inference.wald import t_p_values, z_p_values
from .labelled import Floats
from .models.components import component_fit, components, part_texts
from .models.generalized import GeneralizedFit
from .models.generalized_linear import GeneralizedLinearFit
from .models.generalized_mixed import GeneralizedMixedFit
from .models.linear import spread
from .models.predictor import fixed_part
from .predict import aligned
from .responses import residuals_generalized
from .summary import group_sizes, source_words, weights_words
from .tidy import random_rows

TITLES = {"zi": "Zero-inflation model:", "disp": "Dispersion model:"}
RECIPROCAL = "Dispersion model, of the shape (one over the dispersion):"
RATIOS = {"logit": "odds ratios", "log": "ratios of means", "cloglog": "hazard ratios"}


def generalized_linear_summary(fit: GeneralizedLinearFit, data: Any) -> GeneralizedLinearSummary:
    """The page of a `glm`; rows of weight zero are not among its residuals."""
    e = fit.estimate
    _, errors, _, p = wald(fit)
    r = residuals_generalized(fit, "pearson" if fit.modelled else "deviance")
    return GeneralizedLinearSummary(
        formula=fit.design.formula.text,
        family=titled(fit),
        link=fit.family.link.name,
        quasi=bool(np.isnan(e.criterion)),
        names=fit.design.names,
        estimates=spread(fit, e.beta),
        errors=spread(fit, errors),
        p_values=spread(fit, p),
        letter="t" if fit.pearson else "z",
        residuals=r if fit.counted is None else r[fit.counted],
        dispersion=e.dispersion,
        null_deviance=e.null_deviance,
        deviance=fit.deviance,
        df_null=e.df_null,
        df_residual=residual_df(fit),
        aic=e.aic,
        iterations=e.iterations,
        shape=() if fit.pearson else shape_lines(fit),
        data=source_words(data),
        weights=weights_words(fit) if fit.weighted else "",
        n_missing=fit.n_missing,
        notes=tuple(_linear_notes(fit)),
        part_formulas=part_texts(fit),
        parts=tuple(_coefficient_tables(fit)),
        loglik=e.loglik,
    )


def _coefficient_tables(fit: GeneralizedFit) -> Iterator[tuple[str, tuple[str, ...], Floats, Floats, Floats]]:
    """Coefficient tables of the parts beside the mean."""
    for component in components(fit)[1:]:
        part = component_fit(fit, component)
        assert isinstance(part, GeneralizedFit)
        estimates, errors, _, p_values = wald(part)
        reciprocal = component == "disp" and fit.family.modelled_reciprocal
        yield RECIPROCAL if reciprocal else TITLES[component], part.names, estimates, errors, p_values


def generalized_mixed_summary(fit: GeneralizedMixedFit, data: Any, backend: str) -> GeneralizedMixedSummary:
    """The page of a `glmer`."""
    e = fit.estimate
    r = residuals_generalized(fit, "scaled")
    doubts = [] if e.certificate.minimum or e.separation else [sentence(optimum_words(fit))]
    if e.separation:
        doubts.append(f"{separation_words(fit)}; standard errors and tests of these mean nothing.")
    doubts += map(sentence, quadrature_words(fit))
    return GeneralizedMixedSummary(
        formula=fit.design.formula.text,
        family=titled(fit),
        link=fit.family.link.name,
        method=method_words(fit),
        criterion=e.criterion,
        aic=e.aic,
        bic=e.bic,
        loglik=e.loglik,
        df_residual=e.n - e.n_parameters,
        residuals=(r if fit.counted is None else r[fit.counted]) if e.residual else None,
        varcorr=varcorr(fit, backend),
        nobs=e.n,
        groups=group_sizes(fit),
        shape=shape_lines(fit),
        names=fit.names,
        estimates=e.beta,
        vcov=e.vcov,
        p_values=wald(fit)[3],
        data=source_words(data),
        weights=weights_words(fit) if fit.weighted else "",
        singular=e.is_singular,
        n_missing=fit.n_missing,
        dropped=fit.dropped,
        doubts=tuple(doubts),
        parts=tuple(_coefficient_tables(fit)),
        part_formulas=part_texts(fit) if e.residual else {"Dispersion": "~ 0"},
        notes=(
            *map(sentence, (*chance_words(fit), *success_words(fit))),
            *limit_words(fit),
            *(() if fit.counted is None else (f"{zero_weight_words(fit)}.",)),
        ),
    )


def titled(fit: GeneralizedFit) -> str:
    """The family as R prints it; a given size or df is shown."""
    given = [f"{value:g}" for value in fit.family.given_shape().tolist() if value == value]
    return f"{fit.family.title}({', '.join(given)})" if given else fit.family.title


def wald(fit: GeneralizedFit) -> tuple[Floats, Floats, Floats, Floats]:
    """(p,) estimates, standard errors, their ratios, and two-sided p-values: of t where a dispersion was estimated."""
    beta = fit.estimate.beta
    errors = np.sqrt(np.diag(fit.estimate.vcov))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics = beta / errors
    if fit.pearson:
        return beta, errors, statistics, t_p_values(statistics, fit.estimate.n - len(fit.kept))
    return beta, errors, statistics, z_p_values(statistics)


def tidy_generalized_linear(fit: GeneralizedLinearFit, backend: str, exponentiate: bool) -> Any:
    """`term`, `estimate`, `std_error`, `statistic`, `p_value`; NaN for columns that others determine.

    With inflated zeros `component` stands before.
    """
    names, parts, values = coefficient_rows(fit, exponentiate)
    p = len(fit.names)
    every = {name: np.append(spread(fit, v[:p]), v[p:]) for name, v in values.items()}
    own = {"component": ["cond"] * len(fit.design.names) + parts[p:]} if len(parts) > p else {}
    return frame({**own, "term": [*fit.design.names, *names[p:]], **every}, backend)


def ratios(fit: GeneralizedFit, estimates: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """exp(estimates), with standard errors by the delta method; InferenceError where they are not ratios."""
    link = fit.family.link.name
    if link not in RATIOS:
        raise InferenceError(
            f"with the link {link!r} exp(coefficient) is no ratio; exponentiate is for the links "
            f"{', '.join(f'{name} ({what})' for name, what in RATIOS.items())}"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        return np.exp(estimates), np.exp(estimates) * errors


def tidy_generalized_mixed(fit: GeneralizedMixedFit, backend: str, exponentiate: bool) -> Any:
    """`effect`, `component`, `group`, `term`, `estimate`, `std_error`, `statistic`, `p_value`.

    Coefficients of all parts come first, then `sd__` and `cor__`; `component` where there is more than one.
    """
    parts = components(fit)
    names, of_part, numbers = coefficient_rows(fit, exponentiate)
    found = [v for _, v in varcorr(fit, backend).by_model()]
    random = [row for v in found for term in v.terms for row in random_rows(term)]
    of_row = [
        own.component for v, own in zip(found, fit.random_parts, strict=True) for t in v.terms for _ in random_rows(t)
    ]
    groups, terms, values = zip(*random, strict=True)
    p, m = len(names), len(random)
    none = np.full(m, np.nan)
    columns: dict[str, Sequence[Any] | Floats] = {
        "effect": ["fixed"] * p + ["ran_pars"] * m,
        **({"component": [*of_part, *of_row]} if len(parts) > 1 else {}),
        "group": [None] * p + list(groups),
        "term": [*names, *terms],
        "estimate": np.concatenate([numbers["estimate"], values]),
        **{name: np.concatenate([numbers[name], none]) for name in ("std_error", "statistic", "p_value")},
    }
    return frame(columns, backend)


def coefficient_rows(fit: GeneralizedFit, exponentiate: bool) -> tuple[list[str], list[str], dict[str, Floats]]:
    """Names of the coefficients of all parts, which part each belongs to, and their numbers."""
    names: list[str] = []
    of_part: list[str] = []
    tables = []
    for component in components(fit):
        part = component_fit(fit, component)
        assert isinstance(part, GeneralizedFit)
        estimates, errors, statistics, p_values = wald(part)
        if exponentiate:
            estimates, errors = ratios(part, estimates, errors)
        tables.append((estimates, errors, statistics, p_values))
        names += part.names
        of_part += [component] * len(part.names)
    heads = ("estimate", "std_error", "statistic", "p_value")
    return names, of_part, dict(zip(heads, map(np.concatenate, zip(*tables, strict=True)), strict=True))


def glance_generalized_mixed(fit: GeneralizedMixedFit, backend: str) -> Any:
    """One row: rows, likelihood criteria, conditional deviance, degrees of freedom, and the shape of the family."""
    e = fit.estimate
    values = {
        "nobs": e.n, "loglik": e.loglik, "aic": e.aic, "bic": e.bic, "criterion": e.criterion, "deviance": fit.deviance,
        "df_residual": e.n - e.n_parameters, **dict(zip(fit.family.shape_names, e.shape.tolist(), strict=True)),
    }  # fmt: skip
    return frame({name: [value] for name, value in values.items()}, backend)


def residual_df(fit: GeneralizedLinearFit) -> int:
    """Rows that count less identified coefficients; where zeros are inflated less all parameters."""
    return fit.estimate.n - (fit.estimate.n_parameters if fit.modelled else len(fit.kept))


def glance_generalized_linear(fit: GeneralizedLinearFit, backend: str) -> Any:
    """One row: deviances, likelihood criteria, degrees of freedom, as in R's broom."""
    e = fit.estimate
    values = {
        "null_deviance": e.null_deviance, "df_null": e.df_null, "loglik": e.loglik, "aic": e.aic, "bic": e.bic,
        "deviance": fit.deviance, "df_residual": residual_df(fit), "nobs": e.n, "dispersion": fit.factor,
    }  # fmt: skip
    return frame({name: [value] for name, value in values.items()}, backend)


def augment_generalized(fit: GeneralizedFit, data: Any) -> Any:
    """The data with `.fitted` (means), `.resid` (deviance residuals) and for mixed models `.fixed`.

    With a model of zero inflation or dispersion the residuals are Pearson's, and `.zprob` is the chance of an inflated
    zero.
    """
    added = {".fitted": fit.mean, ".resid": residuals_generalized(fit, "pearson" if fit.modelled else "deviance")}
    if fit.design.random:
        fixed = fit.family.mean_at(fixed_part(fit, fit.rows), fit.shape)
        if (part := fit.inflating) is not None:
            fixed = fixed * (1 - part.family.link.inverse(fixed_part(part, part.rows)))
        added[".fixed"] = fixed
    if fit.inflation is not None:
        added[".zprob"] = fit.inflation
    return with_columns(data, {name: aligned(values, fit.rows) for name, values in added.items()})


def _linear_notes(fit: GeneralizedLinearFit) -> Sequence[str]:
    notes = [sentence(words) for words in (*chance_words(fit), *success_words(fit))]
    if fit.estimate.separation:
        notes.append(f"{separation_words(fit)}; standard errors and tests of such coefficients mean nothing.")
    if not fit.estimate.certificate.minimum and not fit.estimate.separation:
        words = optimum_words(fit)
        notes.append(sentence(words))
    notes += limit_words(fit)
    if fit.dropped:
        notes.append(f"Left out because other columns determine them: {', '.join(fit.dropped)}.")
    if fit.counted is not None:
        notes.append(f"{zero_weight_words(fit)}.")
    return notes
