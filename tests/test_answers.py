"""What a fit answers, beside R: fitted values, residuals, random effects, criteria, tests.

lme4's answers are compared at the theta where lme4 stopped, so that no tolerance has to allow for its optimiser.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reference_data import load

import multilevel as mlm
from multilevel.models.estimate import estimate_of

REFERENCE = Path(__file__).with_name("reference")
ANSWERS = json.loads((REFERENCE / "answers.json").read_text())
CALLS = {fit["id"]: fit for fit in json.loads((REFERENCE / "fits.json").read_text())}
LINEAR = [fit for fit in ANSWERS["fits"] if fit["kind"] == "lm"]
# (f || g) is uncorrelated here, in lme4 it is not
MIXED = [fit for fit in ANSWERS["fits"] if fit["kind"] == "lmer" and fit["id"] != "machines_doublebar_factor"]
EXPRESSIONS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "Days+1": lambda d: d.Days + 1,
    "w": lambda d: d.w,
    "qsec": lambda d: d.qsec,
    "pmax(gear-3,0)": lambda d: (d.gear - 3).clip(lower=0),
    "Days>=2": lambda d: d.Days >= 2,
    "cyl>4": lambda d: d.cyl > 4,
}
Json = dict[str, Any]


@cache
def fitted_model(name: str) -> Any:
    call = CALLS[name]
    data, formula, options = load(call["data"]), call["formula"], {}
    if "subset" in call:
        data = data[EXPRESSIONS[call["subset"]](data)].reset_index(drop=True)
    if "offset" in call:
        formula += f" + offset({call['offset']})"
    if "weights" in call:
        options["weights"] = EXPRESSIONS[call["weights"]](data).to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.MultilevelWarning)
        if call["kind"] == "lm":
            return mlm.lm(formula, data, contrasts=call["contrasts"], **options)
        return mlm.lmer(formula, data, REML=call["REML"], contrasts=call["contrasts"], **options)


def theta_in_order(model: mlm.LinearMixedModel, named: dict[str, float]) -> np.ndarray:
    """lme4's theta, whose names are group, row and column of Lambda, in the order of the model."""
    values = []
    for part in model.design.random:
        for j, column in enumerate(part.names):
            for i in range(j, len(part.names) if part.structure == "us" else j + 1):
                names = [part.group, *([part.names[i]] if i > j else []), column]
                values.append(named[plain(".".join(names))])
    return np.array(values)


def at_theta(model: mlm.LinearMixedModel, named: dict[str, float]) -> mlm.LinearMixedModel:
    """The model with everything at a given theta."""
    fit = model._fit
    solution = fit.sums.core.solve(theta_in_order(model, named), fit.estimate.reml)
    estimate = estimate_of(solution, fit.sums, reml=fit.estimate.reml)
    return mlm.LinearMixedModel(replace(fit, estimate=estimate), model._data)


def plain(name: str) -> str:
    """A name as R writes it."""
    return re.sub(r"[\[\]]", "", name)


def close(found: Any, expected: Any, rel: float, scale: float = 0.0) -> None:
    found, expected = np.asarray(found, float), np.array(expected, float)
    np.testing.assert_allclose(found, expected, rtol=rel, atol=rel * scale, equal_nan=True)


def close_vector(found: np.ndarray, expected: Json, rel: float, scale: float = 0.0) -> None:
    """The first values, sum and sum of squares of a long vector; `scale` is the size of what was subtracted."""
    found = found[~np.isnan(found)]
    size = max(np.sqrt(expected["sum_sq"] / expected["n"]), scale)
    assert len(found) == expected["n"]
    close(found[: len(expected["first"])], expected["first"], rel, size)
    close(found.sum(), expected["sum"], rel, size * expected["n"])
    close(found @ found, expected["sum_sq"], rel, size**2 * expected["n"])


@pytest.mark.parametrize("answer", LINEAR, ids=lambda answer: answer["id"])
def test_linear_models(answer: Json) -> None:
    m = fitted_model(answer["id"])
    assert [plain(name) for name in m.fixef] == list(answer["coef"])
    close(m.fixef, list(answer["coef"].values()), 1e-9, max(abs(v) for v in answer["coef"].values() if v is not None))
    close([m.se[name] for name in m.se if not np.isnan(m.fixef[name])], list(answer["se"].values()), 1e-8)
    if answer["vcov"] is not None:
        size = np.asarray(m.se)
        close(m.vcov.array / np.outer(size, size), np.array(answer["vcov"], float) / np.outer(size, size), 1e-8, 1)
    for name, key in {"loglik": "logLik", "aic": "AIC", "bic": "BIC", "sigma": "sigma", "deviance": "deviance"}.items():
        close(getattr(m, name), answer[key], 1e-9)
    assert (m.nobs, m.df_residual) == (answer["nobs"], answer["df_residual"])
    close(m.r_squared, answer["r_squared"], 1e-9, 1e-2)
    close(m.adjusted_r_squared, answer["adj_r_squared"], 1e-9, 1e-2)
    if answer["f"] is None:
        assert m.f_test is None
    else:
        assert (m.f_test.df_model, m.f_test.df_residual) == tuple(answer["f"][1:])
        close(m.f_test.statistic, answer["f"][0], 1e-8)
    tidy = m.tidy().set_index("term")
    close(tidy["p_value"].dropna(), list(answer["p"].values()), 1e-6, 1e-300)
    scale = float(np.abs(m.fitted()[~np.isnan(m.fitted())]).max())
    close_vector(m.fitted(), answer["fitted"], 1e-9)
    close_vector(m.residuals(), answer["residuals"], 1e-9, scale)


@pytest.mark.parametrize("answer", MIXED, ids=lambda answer: answer["id"])
def test_linear_mixed_models(answer: Json) -> None:
    m = at_theta(fitted_model(answer["id"]), answer["theta"])
    assert [plain(name) for name in m.fixef] == list(answer["beta"])
    close(np.asarray(m.fixef) / m.se, np.array(list(answer["beta"].values())) / m.se, 1e-6, 1)
    close(m.se, list(answer["se"].values()), 1e-6)
    if answer["vcov"] is not None:
        size = np.asarray(m.se)
        close(m.vcov.array / np.outer(size, size), np.array(answer["vcov"]) / np.outer(size, size), 1e-6, 1)
    close(m.sigma, answer["sigma"], 1e-8)
    for name, key in (("criterion", "criterion"), ("loglik", "logLik"), ("aic", "AIC"), ("bic", "BIC")):
        close(getattr(m, name), answer[key], 1e-9, 1)
    assert (m.nobs, m.df_residual) == (answer["nobs"], answer["df_residual"])
    assert m.ngroups == answer["ngrps"]
    scale = float(np.nanmax(np.abs(m.fitted())))
    close_vector(m.fitted(), answer["fitted"], 1e-7)
    close_vector(m.predict(groups="population"), answer["fitted_population"], 1e-7, scale)
    close_vector(m.residuals(), answer["response"], 1e-7, scale)
    close_vector(m.residuals("scaled"), answer["scaled"], 1e-6, scale / m.sigma)


@pytest.mark.parametrize("answer", MIXED, ids=lambda answer: answer["id"])
def test_variances_and_correlations(answer: Json) -> None:
    m = at_theta(fitted_model(answer["id"]), answer["theta"])
    found = m.varcorr().to_frame().astype(object)
    found = found.where(found.notna(), None)
    table = {_pair(g, a, b): (vcov, sdcor) for g, a, b, vcov, sdcor in found.itertuples(index=False)}
    assert len(table) == len(answer["varcorr"])
    for group, first, second, vcov, sdcor in answer["varcorr"]:
        name = re.sub(r"\.(?!\d+$)", ":", group)
        key = _pair(name if name in m.varcorr() else re.sub(r"\.\d+$", "", name), first, second)  # (x || g) is one term
        if sdcor is None:  # the correlation with an effect that does not vary
            assert table[key][1] is None
            continue
        close(table[key], (vcov, sdcor), 1e-6, 1e-8 * m.sigma if second is None else 1)


def _pair(group: str, first: str | None, second: str | None) -> tuple[str, frozenset[str]]:
    return plain(group).replace(".", ":"), frozenset(plain(name) for name in (first, second) if name)


@pytest.mark.parametrize("answer", MIXED, ids=lambda answer: answer["id"])
def test_conditional_modes_and_their_variances(answer: Json) -> None:
    m = at_theta(fitted_model(answer["id"]), answer["theta"])
    tables = m.ranef()
    assert list(tables) == list(answer["ranef"])
    for group, expected in answer["ranef"].items():
        table = tables[group]
        names = [plain(name) for name in table.names]
        few = len(expected["levels"])
        assert list(table.levels[:few]) == expected["levels"]
        assert set(names) == set(expected["effects"])
        for name, values in expected["effects"].items():
            own = table.estimates[:, names.index(name)]
            size = np.abs(own).max() + 1e-6 * m.sigma
            close(own[:few], values, 1e-5, size)
            if name in expected["sums"]:
                close(own.sum(), expected["sums"][name], 1e-5, size * len(own))
        for name, variances in _variances(answer["cond_var"].get(group, {}), names).items():
            own = table.errors[:few, names.index(name)] ** 2
            close(own, variances, 1e-5, 1e-10 * m.sigma**2)


def _variances(stored: Json, names: list[str]) -> dict[str, list[float]]:
    """The diagonals of lme4's condVar."""
    if "matrices" in stored:
        diagonals = np.array([np.diag(np.array(v, float)) for v in stored["matrices"]])
        return dict(zip(names, diagonals.T.tolist(), strict=True))
    return stored


def test_tidy_and_glance_of_a_mixed_model_have_the_rows_of_broom() -> None:
    stored = ANSWERS["tidy"]
    m = fitted_model("sleep_rs")
    tidy, expected = m.tidy(), pd.DataFrame(stored["lmer_tidy"]["data"])
    for name in ("effect", "group", "term"):
        assert list(tidy[name].fillna("")) == list(expected[name].fillna(""))
    close(tidy["estimate"], expected["estimate"], 1e-4)  # at two optima
    close(tidy["std_error"], expected["std.error"].astype(float), 1e-4)
    close(tidy["statistic"], expected["statistic"].astype(float), 1e-4)
    (glance,) = m.glance().to_dict("records")
    r = {name: values[0] for name, values in stored["lmer_glance"]["data"].items()}
    for name, key in (("nobs", "nobs"), ("sigma", "sigma"), ("loglik", "logLik"), ("aic", "AIC"), ("bic", "BIC"),
                      ("criterion", "REMLcrit"), ("df_residual", "df.residual")):  # fmt: skip
        close(glance[name], r[key], 1e-6)
    augmented, head = m.augment().head(6), stored["lmer_augment_head"]["data"]
    for name in ("Reaction", "Days", ".fitted", ".resid", ".fixed"):
        close(augmented[name], head[name], 1e-4, 1)
    assert list(augmented["Subject"].astype(str)) == head["Subject"]


def test_modes_and_their_errors_beside_broom() -> None:
    m = at_theta(fitted_model("sleep_rs"), next(f for f in MIXED if f["id"] == "sleep_rs")["theta"])
    expected = pd.DataFrame(ANSWERS["tidy"]["lmer_ran_vals"]["data"])
    found = expected[["term", "level"]].merge(m.ranef().to_frame(), on=["term", "level"])
    close(found["estimate"], expected["estimate"], 1e-6, 10)
    close(found["std_error"], expected["std.error"], 1e-7)


@pytest.mark.parametrize(
    ("key", "response"),
    [("sleep_10sqrt", lambda y: 10 * np.sqrt(y)), ("sleep_reversed", lambda y: y[::-1])],
    ids=["sqrt", "reversed"],
)
def test_refit(key: str, response: Callable[[np.ndarray], np.ndarray]) -> None:
    expected = ANSWERS["refit"][key]
    m = fitted_model("sleep_rs")
    other = m.refit(response(load("sleepstudy")["Reaction"].to_numpy()))
    there = at_theta(other, expected["theta"])
    close(there.fixef, list(expected["beta"].values()), 1e-9)
    close(there.sigma, expected["sigma"], 1e-9)
    close(other.theta, there.theta, 1e-2, 1)  # lme4's optimiser stops a little short of the optimum
    assert other.criterion <= there.criterion
    assert m.fixef["Days"] == pytest.approx(10.467285959596)  # unchanged
