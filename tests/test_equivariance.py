"""The answer may not depend on units, origin, order or names; and it is the right optimum."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from reference_data import load

import multilevel as mlm

FORMULA = "Reaction ~ Days + (Days | Subject)"
N, P = 180, 2


def fit(data, formula=FORMULA, reml=True):
    return mlm.lmer(formula, data, REML=reml)


@pytest.fixture(scope="module", params=[True, False], ids=["REML", "ML"])
def base(request):
    return request.param, fit(load("sleepstudy"), reml=request.param)


# change of the data, what it does to the criterion, to the response, and to each standard error (intercept's or None)
CHANGES = {
    "Days + 2020": ({"shift_x": 2020.0}, 0.0, 1.0, 0.0, (None, 1.0)),
    "Days * 1e6": ({"scale_x": 1e6}, 2 * math.log(1e6), 1.0, 0.0, (1.0, 1e-6)),
    "Days * 1e-6": ({"scale_x": 1e-6}, 2 * math.log(1e-6), 1.0, 0.0, (1.0, 1e6)),
    "y + 1e8": ({"shift_y": 1e8}, 0.0, 1.0, 1e8, (1.0, 1.0)),
    "y * 1e8": ({"scale_y": 1e8}, "scale", 1e8, 0.0, (1e8, 1e8)),
    "y * 1e-8": ({"scale_y": 1e-8}, "scale", 1e-8, 0.0, (1e-8, 1e-8)),
    "y * 1e12": ({"scale_y": 1e12}, "scale", 1e12, 0.0, (1e12, 1e12)),
    "y * 1e-12": ({"scale_y": 1e-12}, "scale", 1e-12, 0.0, (1e-12, 1e-12)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_units_and_origin(change, base):
    reml, m = base
    how, shift, scale, origin, errors = CHANGES[change]
    data = load("sleepstudy")
    data["Days"] = how.get("scale_x", 1.0) * data.Days + how.get("shift_x", 0.0)
    data["Reaction"] = how.get("scale_y", 1.0) * data.Reaction + how.get("shift_y", 0.0)
    if shift == "scale":
        shift = 2 * (N - P if reml else N) * math.log(how["scale_y"])
    elif not reml:
        shift = 0.0  # log|X'V^-1X| is REML's
    other = fit(data, reml=reml)
    assert other.criterion - shift == pytest.approx(m.criterion, rel=1e-8)
    np.testing.assert_allclose((other.fitted() - origin) / scale, m.fitted(), rtol=1e-8)
    for got, want, factor in zip(np.asarray(other.se), np.asarray(m.se), errors, strict=True):
        if factor is not None:
            assert got / factor == pytest.approx(want, rel=1e-8)
    assert other.sigma / scale == pytest.approx(m.sigma, rel=1e-8)


def assert_same(other, m):
    assert other.criterion == pytest.approx(m.criterion, rel=1e-8)
    np.testing.assert_allclose(np.sort(other.fitted()), np.sort(m.fitted()), rtol=1e-8)
    np.testing.assert_allclose(np.asarray(other.se), np.asarray(m.se), rtol=1e-8)


def test_permuted_rows(base):
    reml, m = base
    assert_same(fit(load("sleepstudy").sample(frac=1.0, random_state=3), reml=reml), m)


@pytest.mark.parametrize(
    "formula", ["Reaction ~ Days + (0 + Days + I(1 + 0 * Days) | Subject)", "Reaction ~ Days + (1 + Days | Subject)"]
)
def test_permuted_columns_of_a_random_term(formula, base):
    reml, m = base
    assert_same(fit(load("sleepstudy"), formula, reml), m)


def test_relabelled_groups(base):
    reml, m = base
    data = load("sleepstudy")
    data["Subject"] = data.Subject.astype(str).map(lambda s: f"{(int(s) * 7919) % 1000:03d}")
    assert_same(fit(data, reml=reml), m)


def test_recoded_factor_in_a_random_term():
    """(Machine | Worker) and (0 + Machine | Worker) are one model in two codings."""
    data = load("Machines")
    one, two = (fit(data, f"score ~ Machine + ({term} | Worker)") for term in ("Machine", "0 + Machine"))
    assert_same(two, one)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_crossed_design_in_other_units(scale):
    data = load("Penicillin")
    data["diameter"] = data.diameter * scale
    m = fit(data, "diameter ~ 1 + (1 | plate) + (1 | sample)", reml=False)
    assert m.criterion - 2 * len(data) * math.log(scale) == pytest.approx(332.1883486700085, abs=1e-6)


def test_the_slope_whose_origin_defeats_other_engines():
    """REML 1743.628 whether the year is counted from 0 or from 0 AD; 1771.259 per millionth of a day."""
    data = load("sleepstudy")
    assert fit(data.assign(Days=data.Days + 2020)).criterion == pytest.approx(1743.6282719585, abs=1e-6)
    assert fit(data.assign(Days=data.Days * 1e6)).criterion == pytest.approx(1771.2592932, abs=1e-4)


def test_the_optimum_57_units_below():
    """Fatigue: a bound on theta_11 holds other engines at a saddle, at -1002.506."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.errors.SingularFitWarning)
        m = fit(load("Fatigue"), "relLength ~ cycles + I(cycles^2) + (cycles | Path)")
    assert m.criterion == pytest.approx(-1059.40883393, abs=1e-6)
    assert m.convergence.certified
    for theta in np.asarray(m.theta) + 0.1 * np.random.default_rng(0).standard_normal((20, 3)):
        assert m.criterion_at(theta) > m.criterion


def test_from_inside_and_from_the_saddle():
    """Started where others stop, the fit still leaves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.errors.SingularFitWarning)
        m = mlm.lmer(
            "relLength ~ cycles + I(cycles^2) + (cycles | Path)",
            load("Fatigue"),
            start=[0.0, 53.29013115704106, 3.103084944915952],
        )
    assert m.criterion == pytest.approx(-1059.40883393, abs=1e-6)


def test_every_fit_has_a_certificate():
    c = fit(load("sleepstudy")).convergence
    assert c.certified
    assert c.certificate.decrement < 1e-9
    assert c.certificate.lowest_curvature > 0
