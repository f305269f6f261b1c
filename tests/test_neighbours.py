"""Fits of R beside those of the other reference files: other transforms, codings, links and structures."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from reference_data import load

import multilevel as mlm
from multilevel.errors import MultilevelWarning

FITS = json.loads((Path(__file__).parent / "reference" / "neighbours.json").read_text("utf-8"))["fits"]
FAR = {
    "lm": 1e-6,
    "glm": 1e-5,
    "lmer": 1e-5,
    "glmer": 1e-3,
}  # in standard errors; lme4's PIRLS and Hessian are not exact


SHORT = "lmer089"  # anova of lme4's default fit, which stopped short: F is not the square of t at the optimum


def fit(r):
    options = {"weights": r.get("w"), "contrasts": r.get("contr")}
    data, formula = load(r["data"]), r["formula"]
    if r["kind"] == "lm":
        return mlm.lm(formula, data, **options)
    if r["kind"] == "lmer":
        return mlm.lmer(formula, data, REML=r.get("REML", True), **options)
    if r["kind"] == "glm":
        return mlm.glm(formula, data, r["fam"], **options)
    return mlm.glmer(formula, data, r["fam"], n_agq=r.get("agq", 1), **options)


def values(labelled):
    return {n.replace("[", "").replace("]", ""): float(v) for n, v in zip(labelled, np.asarray(labelled), strict=True)}


@pytest.mark.parametrize("r", FITS, ids=[r["id"] + " " + r["formula"] for r in FITS])
def test_neighbours_agree(r):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        m = fit(r)
    kind, beta, se = r["kind"], values(m.fixef), values(m.se)
    assert list(beta) == list(r["beta"])
    for name, want in r["se"].items():
        if r["beta"][name] is None:
            assert math.isnan(beta[name])
            continue
        assert abs(beta[name] - r["beta"][name]) < FAR[kind] * want, name
        assert se[name] == pytest.approx(want, rel=2 * FAR[kind]), name
    assert (m.nobs, m.df_residual) == (r["nobs"], r["df_residual"])
    if r.get("agq", 1) > 1:
        pass  # lme4 leaves constants of the likelihood out
    elif "criterion" in r:
        assert -1e-3 * (kind == "glmer") - 1e-5 < m.criterion - r["criterion"] < (1e-5 if kind == "glmer" else 1e-6)
    else:
        assert m.loglik == pytest.approx(r["loglik"], rel=1e-8)
    for name in {"r_squared", "deviance", "dispersion"} & r.keys():
        assert getattr(m, name) == pytest.approx(r[name], rel=1e-6)
    if "working" in r:
        assert m.residuals("working")[:5] == pytest.approx(r["working"], rel=1e-4)
    if "predicted" in r:
        data = load(r["data"])
        rows = data.iloc[[int(1 + (len(data) - 1) * i / 6 + 1e-9) - 1 for i in range(7)]]
        found = m.predict(rows, interval="confidence")
        assert m.predict(rows) == pytest.approx(r["predicted"], rel=1e-5, abs=1e-6)
        assert list(found["std_error"]) == pytest.approx(r["predicted_se"], rel=1e-4)
    for kind, want in (r.get("anova", {}) if r["id"] != SHORT else {}).items():
        table = m.anova({"I": 1, "II": 2, "III": 3}[kind]).to_frame()
        assert list(table["statistic"]) == pytest.approx(want["F"], rel=2e-3, abs=1e-6)
        assert list(table["df2"]) == pytest.approx(want["df"], rel=3e-3)
