"""The printed pages and the frames of generalized fits, put together from their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .data.attach import with_columns
from .diagnostics import zero_weight_words
from .errors import InferenceError
from .framed import frame
from .generalized_pages import GeneralizedLinearSummary
from .generalized_words import separation_words
from .inference.wald import t_p_values, z_p_values
from .labelled import Floats
from .models.generalized import GeneralizedFit
from .models.generalized_linear import GeneralizedLinearFit
from .models.linear import spread
from .models.predictor import fixed_part
from .predict import aligned
from .responses import residuals_generalized
from .summary import source_words, weights_words

RATIOS = {"logit": "odds ratios", "log": "ratios of means", "cloglog": "hazard ratios"}


def generalized_linear_summary(fit: GeneralizedLinearFit, data: Any) -> GeneralizedLinearSummary:
    """The page of a `glm`; rows of weight zero are not among its residuals."""
    e = fit.estimate
    _, errors, _, p = wald(fit)
    r = residuals_generalized(fit, "deviance")
    return GeneralizedLinearSummary(
        formula=fit.design.formula.text,
        family=titled(fit),
        link=fit.family.link.name,
        quasi=bool(np.isnan(e.criterion)),
        names=fit.design.names,
        estimates=spread(fit, e.beta),
        errors=spread(fit, errors),
        p_values=spread(fit, p),
        letter="t" if fit.family.estimates_dispersion else "z",
        residuals=r if fit.counted is None else r[fit.counted],
        dispersion=e.dispersion,
        null_deviance=e.null_deviance,
        deviance=e.deviance,
        df_null=e.df_null,
        df_residual=e.n - len(fit.kept),
        aic=e.aic,
        iterations=e.iterations,
        data=source_words(data),
        weights=weights_words(fit) if fit.weighted else "",
        n_missing=fit.n_missing,
        notes=tuple(_linear_notes(fit)),
    )


def titled(fit: GeneralizedFit) -> str:
    """The family as R prints it; a given size is shown."""
    fixed = fit.family.fixed_shape()
    return fit.family.title if fixed is None else f"{fit.family.title}({', '.join(f'{v:g}' for v in fixed)})"


def wald(fit: GeneralizedFit) -> tuple[Floats, Floats, Floats, Floats]:
    """(p,) estimates, standard errors, their ratios, and two-sided p-values: of t where a dispersion was estimated."""
    beta = fit.estimate.beta
    errors = np.sqrt(np.diag(fit.estimate.vcov))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics = beta / errors
    if isinstance(fit, GeneralizedLinearFit) and fit.family.estimates_dispersion:
        return beta, errors, statistics, t_p_values(statistics, fit.estimate.n - len(fit.kept))
    return beta, errors, statistics, z_p_values(statistics)


def tidy_generalized_linear(fit: GeneralizedLinearFit, backend: str, exponentiate: bool) -> Any:
    """`term`, `estimate`, `std_error`, `statistic`, `p_value`; NaN for columns that others determine."""
    estimates, errors, statistics, p = wald(fit)
    if exponentiate:
        estimates, errors = ratios(fit, estimates, errors)
    values = {"estimate": estimates, "std_error": errors, "statistic": statistics, "p_value": p}
    return frame({"term": fit.design.names, **{name: spread(fit, v) for name, v in values.items()}}, backend)


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


def glance_generalized_linear(fit: GeneralizedLinearFit, backend: str) -> Any:
    """One row: deviances, likelihood criteria, degrees of freedom, as in R's broom."""
    e = fit.estimate
    values = {
        "null_deviance": e.null_deviance, "df_null": e.df_null, "loglik": e.loglik, "aic": e.aic, "bic": e.bic,
        "deviance": e.deviance, "df_residual": e.n - len(fit.kept), "nobs": e.n, "dispersion": e.dispersion,
    }  # fmt: skip
    return frame({name: [value] for name, value in values.items()}, backend)


def augment_generalized(fit: GeneralizedFit, data: Any) -> Any:
    """The data with `.fitted` (means), `.resid` (deviance residuals) and for mixed models `.fixed`."""
    added = {".fitted": fit.mean, ".resid": residuals_generalized(fit, "deviance")}
    if fit.design.random:
        added[".fixed"] = fit.family.link.inverse(fixed_part(fit, fit.rows))
    return with_columns(data, {name: aligned(values, fit.rows) for name, values in added.items()})


def _linear_notes(fit: GeneralizedLinearFit) -> Sequence[str]:
    notes = []
    if fit.estimate.separation:
        words = separation_words(fit)
        notes.append(f"{words[0].upper()}{words[1:]}; standard errors and tests of such coefficients mean nothing.")
    if not fit.estimate.certificate.converged:
        notes.append(f"Fisher scoring did not converge in {fit.estimate.certificate.evaluations} steps.")
    if fit.dropped:
        notes.append(f"Left out because other columns determine them: {', '.join(fit.dropped)}.")
    if fit.counted is not None:
        notes.append(f"{zero_weight_words(fit)}.")
    return notes
