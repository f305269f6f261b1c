"""R squared and intra-class correlations: the definition row by row, and R's performance where lme4 stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from at_theta import lme4s_fit
from test_agreement import FITS

import multilevel as mlm
from multilevel.inference.explained import intra_class, r_squared_mixed

REFERENCE = json.loads((Path(__file__).with_name("reference") / "performance.json").read_text())
# performance 0.10.2 counts random slopes only with an intercept they are correlated with and a fixed effect of their
# name: the columns that are left to it in these models
INTERCEPTS = {"(Intercept)"}
COUNTED = {"machines_cellmeans_rs": {"Machine[B]", "Machine[C]"},
           "machines_max_sum": INTERCEPTS, "milk": INTERCEPTS, "orthodont_sex_rs": {"Sex[Female]"},
           "sleep_null_rs": INTERCEPTS, "sleep_two_terms": INTERCEPTS, "sleep_zerocorr": INTERCEPTS,
           "sleep_zerocorr_ml": INTERCEPTS}  # fmt: skip
OTHER_MODEL = "machines_doublebar_factor"  # see at_theta.py
CASES = [f for f in FITS if f["id"] in REFERENCE.keys() - COUNTED - {OTHER_MODEL}]


@pytest.mark.parametrize("reference", CASES, ids=[f["id"] for f in CASES])
def test_as_in_performance(reference):
    found, want = lme4s_fit(reference["id"]), REFERENCE[reference["id"]]
    r2, icc = r_squared_mixed(found, "pandas"), intra_class(found, "pandas")
    ours = {"marginal": r2.marginal, "conditional": r2.conditional,
            "adjusted": icc.adjusted, "unadjusted": icc.unadjusted}  # fmt: skip
    for name, value in ours.items():
        assert value == pytest.approx(want[name], abs=1e-6), name


@pytest.mark.parametrize("name", COUNTED)
def test_the_definition_row_by_row(name):
    """Psi of all terms at each row, by a matrix product; with the columns that performance counts, its numbers."""
    found, want = lme4s_fit(name), REFERENCE[name]
    r2, icc, sigma = r_squared_mixed(found, "pandas"), intra_class(found, "pandas"), found.estimate.sigma
    fixed = np.var(found.rows.dense_X()[:, list(found.kept)] @ found.estimate.beta, ddof=1)
    every, counted = random_variance(found, None), random_variance(found, COUNTED[name])
    total = fixed + every + sigma**2
    assert r2.marginal == pytest.approx(fixed / total, rel=1e-9, abs=1e-12)
    assert r2.conditional == pytest.approx((fixed + every) / total, rel=1e-9)
    assert icc.adjusted == pytest.approx(every / (every + sigma**2), rel=1e-9)
    assert want["adjusted"] == pytest.approx(counted / (counted + sigma**2), abs=1e-6)
    assert want["conditional"] == pytest.approx((fixed + counted) / (fixed + counted + sigma**2), abs=1e-6)
    assert counted < every or name == "milk"


def random_variance(found, columns):
    """Mean over the rows of z' Psi z, of all columns of Z or of those with some names."""
    made = np.zeros(found.rows.n)
    for part, factor in zip(found.rows.random, found.factors, strict=True):
        Z = np.column_stack([np.broadcast_to(z, (len(made),)) for z in part.Z])
        Z = Z * [columns is None or name in columns for name in part.names]
        made += found.estimate.sigma**2 * np.diag(Z @ factor @ factor.T @ Z.T)
    return made.mean()


def test_terms_add_up_and_print():
    m = mlm.lmer("diameter ~ 1 + (1 | plate) + (1 | sample)", mlm.datasets.load("penicillin"))
    icc = m.icc()
    assert sum(icc.shares) == pytest.approx(icc.adjusted, rel=1e-12)
    assert list(icc.to_frame()["term"]) == ["(1 | plate)", "(1 | sample)"]
    assert m.r2().marginal == 0.0
    assert "conditional (with random effects) 0.9363" in str(m.r2())


def test_no_variance_between_groups():
    with pytest.warns(mlm.SingularFitWarning):
        m = mlm.lmer("yield ~ 1 + (1 | batch)", mlm.datasets.load("dyestuff2"))
    assert (m.icc().adjusted, m.r2().conditional) == (0.0, 0.0)
