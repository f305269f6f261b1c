"""R squared and intra-class correlations: the definition row by row, and R's performance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_agreement import FITS, fit

import multilevel as mlm

REFERENCE = json.loads((Path(__file__).with_name("reference") / "performance.json").read_text())
# lme4's default optimum is another one
STOPS_SHORT = {"bodyweight", "cake_linear", "egsingle_3level", "orange_rs", "petrol_vapor", "sleep_badscale_rs",
               "spruce", "orthodont_int", "sleep_scale", "sleep_weights"}  # fmt: skip
# performance leaves out slopes without intercept, uncorrelated with it, or without a fixed counterpart
SLOPES_LEFT_OUT = {"machines_cellmeans_rs", "machines_doublebar_factor", "machines_max_sum", "milk", "orthodont_sex_rs",
                   "sleep_null_rs", "sleep_two_terms", "sleep_zerocorr", "sleep_zerocorr_ml"}  # fmt: skip
CASES = [f for f in FITS if f["id"] in REFERENCE.keys() - STOPS_SHORT - SLOPES_LEFT_OUT]


@pytest.mark.parametrize("reference", CASES, ids=[f["id"] for f in CASES])
def test_as_in_performance(reference):
    m, want = fit(reference), REFERENCE[reference["id"]]
    r2, icc = m.r2(), m.icc()
    ours = {"marginal": r2.marginal, "conditional": r2.conditional,
            "adjusted": icc.adjusted, "unadjusted": icc.unadjusted}  # fmt: skip
    for name, value in ours.items():
        assert value == pytest.approx(want[name], abs=5e-5), name


@pytest.mark.parametrize("name", sorted(SLOPES_LEFT_OUT - {"machines_doublebar_factor"}))
def test_the_definition_row_by_row(name):
    """Psi of all terms at each row, by a matrix product: what the slopes add is counted in full."""
    m = fit(next(f for f in FITS if f["id"] == name))
    rows = m._fit.rows
    random = np.zeros(rows.n)
    for part, factor in zip(rows.random, m._fit.factors, strict=True):
        Z = np.column_stack([np.broadcast_to(z, (rows.n,)) for z in part.Z])
        random += m.sigma**2 * np.diag(Z @ factor @ factor.T @ Z.T)
    fixed = np.var(rows.dense_X()[:, list(m._fit.kept)] @ np.asarray(m.fixef), ddof=1)
    total = fixed + random.mean() + m.sigma**2
    assert m.r2().marginal == pytest.approx(fixed / total, rel=1e-9, abs=1e-12)
    assert m.r2().conditional == pytest.approx((fixed + random.mean()) / total, rel=1e-9)
    assert m.icc().adjusted == pytest.approx(random.mean() / (random.mean() + m.sigma**2), rel=1e-9)


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
