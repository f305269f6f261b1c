"""Results as frames: one row per parameter, per model, per observation (the verbs of R's broom and broom.mixed)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .data.attach import with_columns
from .effects import varcorr
from .framed import frame
from .inference.methods import sampling_of
from .inference.wald import whole_model_test
from .labelled import Floats
from .models.estimate import Fit
from .models.linear import r_squared, spread
from .models.predictor import fitted, fixed_part
from .pages import FTest
from .predict import aligned, residuals
from .varcorr import GroupTerm


def tidy_linear(fit: Fit, backend: str) -> Any:
    """`term`, `estimate`, `std_error`, `statistic`, `p_value`; NaN for columns that others determine."""
    tests = sampling_of(fit).t_tests(np.eye(len(fit.names)))
    values = {
        "estimate": tests.estimate, "std_error": tests.std_error, "statistic": tests.statistic, "p_value": tests.p_value
    }  # fmt: skip
    return frame({"term": fit.design.names, **{name: spread(fit, v) for name, v in values.items()}}, backend)


def tidy_mixed(fit: Fit, backend: str, df: str = "satterthwaite") -> Any:
    """`effect`, `group`, `term`, `estimate`, `std_error`, `statistic`, `df`, `p_value`, by a method of `sampling_of`.

    Fixed effects come first, then `sd__` and `cor__` terms.
    """
    random = [row for term in varcorr(fit, backend).terms for row in random_rows(term)]
    if fit.estimate.residual:
        random.append(("Residual", "sd__Observation", fit.estimate.sigma))
    groups, terms, values = zip(*random, strict=True)
    tests = sampling_of(fit, df).t_tests(np.eye(len(fit.names)))
    p, m = len(fit.names), len(random)
    none = np.full(m, np.nan)
    columns: dict[str, Sequence[Any] | Floats] = {
        "effect": ["fixed"] * p + ["ran_pars"] * m,
        "group": [None] * p + list(groups),
        "term": [*fit.names, *terms],
        "estimate": np.concatenate([tests.estimate, values]),
        "std_error": np.concatenate([tests.std_error, none]),
        "statistic": np.concatenate([tests.statistic, none]),
        "df": np.concatenate([tests.df, none]),
        "p_value": np.concatenate([tests.p_value, none]),
    }
    return frame(columns, backend)


def glance_linear(fit: Fit, backend: str) -> Any:
    """One row: R squared, sigma, the F test, likelihood criteria, residual sum of squares, degrees of freedom."""
    r2, adjusted = r_squared(fit)
    test = whole_model_test(fit) or FTest(np.nan, 0, 0, np.nan)
    e = fit.estimate
    values = {
        "r_squared": r2, "adjusted_r_squared": adjusted, "sigma": e.sigma, "statistic": test.statistic,
        "p_value": test.p_value, "df": test.df_model, "loglik": e.loglik, "aic": e.aic, "bic": e.bic, "deviance": e.r2,
        "df_residual": e.n - len(fit.kept), "nobs": e.n,
    }  # fmt: skip
    return frame({name: [value] for name, value in values.items()}, backend)


def glance_mixed(fit: Fit, backend: str) -> Any:
    """One row: rows, sigma, likelihood criteria, the REML criterion or -2 log-likelihood, degrees of freedom."""
    e = fit.estimate
    values = {
        "nobs": e.n, "sigma": e.sigma, "loglik": e.loglik, "aic": e.aic, "bic": e.bic, "criterion": e.criterion,
        "df_residual": e.n - e.n_parameters,
    }  # fmt: skip
    return frame({name: [value] for name, value in values.items()}, backend)


def augment(fit: Fit, data: Any) -> Any:
    """The data with `.fitted` and `.resid`, and for mixed models `.fixed`: the prediction for the population."""
    added = {".fitted": fitted(fit), ".resid": residuals(fit, "response")}
    if fit.design.random:
        added[".fixed"] = fixed_part(fit, fit.rows)
    return with_columns(data, {name: aligned(values, fit.rows) for name, values in added.items()})


def random_rows(term: GroupTerm) -> list[tuple[str, str, float]]:
    """Standard deviations and correlations of one term, column by column of the lower triangle."""
    rows = []
    for j, name in enumerate(term.names):
        rows.append((term.group, f"sd__{name}", float(term.sd[j])))
        if term.corr is not None:
            rows += [
                (term.group, f"cor__{name}.{other}", float(term.corr[i, j]))
                for i, other in enumerate(term.names)
                if i > j
            ]
    return rows
