"""Profiles and bootstraps of generalized models: against lme4 and R's glm, by dense minimisation, at bounds."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import reference_data
from scipy.optimize import minimize

from multilevel import InferenceError, datasets, families, glm, glmer
from multilevel.inference.generalized_holding import GeneralizedHolder, _Correlated

PROFILES = json.loads((Path(__file__).parent / "reference/generalized_profiles.json").read_text(encoding="utf-8"))
CBPP = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
Z = 1.959963984540054


@cache
def cbpp(family="binomial", n_agq=1):
    return glmer(CBPP, datasets.load("cbpp", "dict"), family, n_agq=n_agq)


@cache
def groups():
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(30), 10)
    x, b = rng.normal(size=300), rng.multivariate_normal([0, 0], [[0.5, -0.2], [-0.2, 0.3]], 30)
    mean = np.exp(0.4 + b[g, 0] + (0.3 + b[g, 1]) * x)
    return {
        "g": g,
        "x": x,
        "k": rng.poisson(mean),
        "t": rng.gamma(4, mean / 4),
        "b": rng.random(300) < mean / (1 + mean),
    }


# ---- against R ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", PROFILES, ids=[r["id"] for r in PROFILES])
def test_limits_of_r(reference):
    """To 1e-3 of a standard error; lme4's limits come from splines through some points around its looser optimum."""
    data = reference_data.load(reference["data"])
    mixed = "|" in reference["formula"]
    m = (glmer if mixed else glm)(reference["formula"], data, reference["family"])
    profile = m.profile()
    for level, rows in reference["limits"].items():
        intervals = profile.confint(float(level))
        unit = np.diff(m.confint("profile").limits, axis=1) / (2 * Z)
        gap = np.abs(intervals.limits - np.array(rows)) / unit
        assert gap.max() < (1.5e-3 if mixed else 1e-3)
    assert list(profile)[-1] == m.design.names[-1]


# ---- against dense minimisation ------------------------------------------------------------------------------------


def rise(m, theta_of, start):
    """2 log-likelihood lost with theta restricted, everything else free."""
    e, core = m._fit.estimate, m._fit.likelihood.core
    p = len(e.beta)

    def objective(z):
        k = len(z) - p - len(e.shape)
        return core.objective(theta_of(z[:k]), z[k : k + p], z[k + p :], m._fit.n_agq)

    z = np.concatenate([start, e.beta, np.log(e.shape)])
    return minimize(objective, z, method="BFGS", options={"gtol": 1e-4}).fun - e.criterion


@pytest.mark.parametrize(("formula", "family"), [("k ~ x + (x | g)", "poisson"), ("t ~ x + (x | g)", "gamma(log)")])
def test_the_likelihood_at_the_limits(formula, family):
    m = glmer(formula, groups(), family)
    theta = m._fit.estimate.theta
    sd, rho = np.array([theta[0], np.hypot(theta[1], theta[2])]), theta[1] / np.hypot(theta[1], theta[2])
    profile = m.profile("theta_")

    def of(s, t, r):
        return np.array([s, r * t, np.sqrt(1 - r * r) * t])

    held = {
        "sd_(Intercept)|g": lambda v: (lambda z: of(v, np.exp(z[0]), np.tanh(z[1])), [np.log(sd[1]), np.arctanh(rho)]),
        "sd_x|g": lambda v: (lambda z: of(np.exp(z[0]), v, np.tanh(z[1])), [np.log(sd[0]), np.arctanh(rho)]),
        "cor_x.(Intercept)|g": lambda v: (lambda z: of(np.exp(z[0]), np.exp(z[1]), v), np.log(sd)),
    }
    for name, restricted in held.items():
        for limit in profile[name].limits(Z):
            assert rise(m, *restricted(limit)) == pytest.approx(Z**2, abs=2e-4), name


@pytest.mark.parametrize("first", [[0], [1], [2], [0, 1], [2, 0], [1, 2]])
def test_coordinates_of_correlated_effects(first):
    """Standard deviation and correlation are coordinates; the way back gives the same covariance."""
    rng = np.random.default_rng(3)
    Lambda = np.tril(rng.normal(size=(3, 3)))
    entries = [Lambda[i, j] for j in range(3) for i in range(j, 3)]
    x = np.array([9.0, *entries, 7.0])
    made = _Correlated(x, slice(1, 7), 3, first)
    y = made.y
    Sigma = Lambda @ Lambda.T
    sd = np.sqrt(np.diag(Sigma))
    if len(first) == 1:
        assert y[1] == pytest.approx(sd[first[0]])
    else:
        assert y[2] == pytest.approx(Sigma[first[0], first[1]] / sd[first].prod())
        assert (y[1], y[4]) == pytest.approx(tuple(sd[first]))
    back = made.x(y)
    assert (back[0], back[-1]) == (9.0, 7.0)
    again = np.zeros((3, 3))
    again[[0, 1, 2, 1, 2, 2], [0, 0, 0, 1, 1, 2]] = back[1:7]
    np.testing.assert_allclose(again @ again.T, Sigma, atol=1e-12)


def test_slopes_are_derivatives():
    m = glmer("k ~ x + (x | g)", groups(), "negative_binomial")
    holder = GeneralizedHolder(m._fit)
    centre, errors = holder.best(None)
    assert errors == pytest.approx(np.asarray(m.se), rel=1e-6)
    for parameter, value, step in zip(m.profile().parameters, (0.5, -0.2, 0.4, 0.3, 0.5), (1e-3,) * 5, strict=True):
        at = [holder.hold(parameter.kind, value + s, centre, parameter, parameter.i) for s in (-step, 0.0, step)]
        assert at[1].slope == pytest.approx((at[2].criterion - at[0].criterion) / (2 * step), rel=1e-4, abs=1e-4)


# ---- bounds, quadrature, shapes ---------------------------------------------------------------------------------


def test_a_variance_of_zero():
    data = groups() | {"k": np.random.default_rng(1).poisson(2, 300)}
    with pytest.warns(Warning, match="singular"):
        m = glmer("k ~ x + (1 | g)", data, "poisson")
    interval = m.confint("profile")["sd_(Intercept)|g"]
    assert interval.lower == 0.0
    assert 0.05 < interval.upper < 0.4
    beta = glm("k ~ x", data, "poisson").confint("profile")
    np.testing.assert_allclose(m.confint("profile").limits[1:], beta.limits, atol=2e-3)


def test_quadrature_and_a_given_shape():
    nodes = cbpp(n_agq=9).confint("profile", parameters="theta_")
    laplace = cbpp().confint("profile", parameters="theta_")
    assert 0 < nodes.limits[0, 1] - laplace.limits[0, 1] < 0.05
    given = glmer("k ~ x + (1 | g)", groups(), families.negative_binomial(size=2.0))
    free = glmer("k ~ x + (1 | g)", groups(), "negative_binomial")
    assert given.confint("profile")["x"].lower != pytest.approx(free.confint("profile")["x"].lower, abs=1e-4)


def test_a_dispersion_is_profiled_too():
    m = glm("t ~ x", groups(), "gamma(log)")
    assert "over the dispersion too" in str(m.profile())


# ---- bootstrap ------------------------------------------------------------------------------------------------------


def test_replicates_do_not_depend_on_threads_or_number():
    m = cbpp()
    many = m.bootstrap(60, seed=5).replicates
    assert many.shape == (60, 5)
    np.testing.assert_array_equal(m.bootstrap(20, seed=5, threads=1).replicates, many[:20])
    assert not np.array_equal(m.bootstrap(20, seed=6).replicates, many[:20])


@pytest.mark.parametrize(
    ("formula", "family", "fit"),
    [
        (CBPP, "binomial", glmer),
        ("cbind(incidence, size - incidence) ~ period", "binomial", glm),
        ("incidence ~ size", "poisson", glm),
        ("size ~ period", "gamma(log)", glm),
        ("incidence ~ size + (1 | herd)", families.negative_binomial(size=4.0), glmer),
    ],
)
def test_refits_of_the_core_are_those_of_the_front_desk(formula, family, fit):
    m = fit(formula, datasets.load("cbpp", "dict"), family)
    b = m.bootstrap(8, seed=1)
    asked = m.bootstrap(8, lambda refit: refit.fixef.array, seed=1)
    np.testing.assert_allclose(asked.replicates, b.replicates[:, -len(np.asarray(m.fixef)) :], rtol=1e-3, atol=1e-4)


def test_errors_of_a_bootstrap():
    """Standard deviations of replicates are near those from the Hessian, and lme4's 200 replicates (bootMer)."""
    b = cbpp().bootstrap(400, seed=2)
    np.testing.assert_allclose(b.se, [0.208, 0.232, 0.289, 0.334, 0.418], rtol=0.25)
    np.testing.assert_allclose(b.se[1:], np.asarray(cbpp().se), rtol=0.2)
    interval = cbpp().confint("boot", n=400, seed=2)["period[2]"]
    assert (interval.lower, interval.upper) == pytest.approx((-1.588, -0.444), abs=0.2)


def test_acceleration_of_a_poisson_mean():
    """A sixth of the skewness of the score, whose distribution is that of the sum of the counts."""
    m = glm("y ~ 1", {"y": [0.0, 1, 2, 1, 0, 3, 1, 0, 1, 1]}, "poisson")
    b = m.bootstrap(4000, seed=1)
    assert b._accelerations((0,))[0] == pytest.approx(1 / (6 * np.sqrt(10)), abs=0.02)
    percentile, bca = (b.confint(method)["(Intercept)"] for method in ("percentile", "bca"))
    assert np.isfinite([bca.lower, bca.upper]).all()
    assert bca.lower > percentile.lower  # the estimate of log mu is skewed to the left
    assert np.exp([bca.lower, bca.upper]) == pytest.approx([0.48, 1.84], abs=0.16)  # exact: 0.48 to 1.84 (Garwood)


def test_scores_at_the_fit_have_the_information_as_covariance():
    """Up to the size of the Laplace approximation's error; gradients are of -2 log-likelihood."""
    m = cbpp()
    b = m.bootstrap(600, seed=3)
    information = m._fit.estimate.hessian / 2
    ratio = np.diag(np.cov(b.scores.T)) / 4 / np.diag(information)
    np.testing.assert_allclose(ratio[1:], 1, atol=0.25)
    interval = b.confint("bca")["period[2]"]
    assert interval.lower < m.fixef["period[2]"] < interval.upper


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: cbpp().bootstrap(20, seed=1).confint("bca", level=0.5), "BCa intervals need 30 replicates or more"),
        (lambda: cbpp().bootstrap(1), "n is 1; expected the number of replicates"),
        (lambda: cbpp().profile("perod[2]"), "did you mean 'period\\[2\\]'"),
        (lambda: cbpp().profile(level=2), "level is 2; expected"),
        (lambda: cbpp(n_agq=0).profile(), "with n_agq=0 the likelihood of beta is not known"),
        (lambda: glm("k ~ x", groups(), "quasipoisson").profile(), "no likelihood to profile"),
        (lambda: glm("k ~ x", groups(), "quasipoisson").bootstrap(5), "no distribution to draw responses from"),
        (lambda: cbpp().bootstrap(3, lambda refit: refit.nothing), "statistic of the fit failed"),
    ],
)
def test_what_cannot_be_asked(ask, words):
    with pytest.raises(InferenceError, match=words):
        ask()
