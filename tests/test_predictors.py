"""Several linear predictors of a row at once: their covariance against dense algebra, and the intervals made of it."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from reference_data import load

from multilevel import families, glmer
from multilevel.errors import DataError, MultilevelWarning
from multilevel.inference.predictive import Beside, Predictive
from multilevel.inference.predictors import predictors

N, LEVELS = 400, {"g": 20, "h": 10}
MEAN = {"poisson": "y ~ x + (1 | g)", "gaussian": "y ~ x + (x | g)"}


def drawn(family, seed=5):
    rng = np.random.default_rng(seed)
    data = {"x": rng.normal(size=N), "g": np.arange(N) % LEVELS["g"], "h": np.arange(N) % LEVELS["h"]}
    data["h"] = rng.permutation(data["h"])
    effects = {name: rng.normal(size=(3, size)) for name, size in LEVELS.items()}
    eta = 0.8 + 0.4 * data["x"] + 0.5 * effects["g"][0][data["g"]]
    if family == "gaussian":
        spread = np.exp(0.5 * (-1 + 0.3 * data["x"] + 0.7 * effects["h"][1][data["h"]]))
        data["y"] = eta + 0.3 * data["x"] * effects["g"][1][data["g"]] + spread * rng.normal(size=N)
    else:
        logit = 0.5 * data["x"] - 1 + 0.7 * effects["h"][1][data["h"]] + 0.7 * effects["g"][2][data["g"]]
        zero = 1 / (1 + np.exp(-logit))
        data["y"] = np.where(rng.random(N) < zero, 0, rng.poisson(np.exp(eta)))
    named = {name: [f"{name}{code:02d}" for code in data[name]] for name in LEVELS}
    return pd.DataFrame({**data, **named})


FITS = {
    "inflation, crossed": ("poisson", {"ziformula": "~ x + (1 | h)"}),
    "inflation, one factor": ("poisson", {"ziformula": "~ 1 + (1 | g)"}),
    "dispersion": ("gaussian", {"dispformula": "~ x + (1 | h)"}),
}


@pytest.fixture(scope="module", params=FITS)
def case(request):
    family, options = FITS[request.param]
    data = drawn(family)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        return glmer(MEAN[family], data, family, **options), data


def scores(family, y, eta, other):
    """Derivatives of the log-likelihood of rows in the two predictors."""
    if family == "gaussian":
        r = (y - eta) * np.exp(-other)
        return np.array([r, -0.5 + 0.5 * r * (y - eta)])
    mu, pi = np.exp(eta), 1 / (1 + np.exp(-other))
    none = pi + (1 - pi) * np.exp(-mu)
    by_mean = np.where(y > 0, y - mu, -(1 - pi) * mu * np.exp(-mu) / none)
    return np.array([by_mean, np.where(y > 0, -pi, pi * (1 - pi) * (1 - np.exp(-mu)) / none)])


def dense(m):
    """The covariance (2, 2, n) of the errors of the two predictors of the rows, by dense algebra."""
    fit = m._fit
    part = fit.random_parts[1]
    Z, X, psi = [], [], []
    for own in (fit, part):
        blocks = [np.eye(t.n_levels)[t.codes][:, :, None] * np.column_stack(t.Z)[:, None, :] for t in own.rows.random]
        Z.append(np.hstack([b.reshape(N, -1) for b in blocks]))
        X.append(np.column_stack(own.rows.X))
        psi += [np.kron(np.eye(t.n_levels), L @ L.T) for t, L in zip(own.rows.random, own.factors, strict=True)]
    at = [own.rows.dense_X() @ own.estimate.beta for own in (fit, part)]
    for j, own in enumerate((fit, part)):
        at[j] = at[j] + Z[j] @ np.concatenate([b.ravel() for b in own.estimate.modes])
    h, W = 1e-5, np.empty((2, 2, N))
    for j in range(2):
        up, down = (scores(fit.family.name, fit.y, *[a + s * h * (i == j) for i, a in enumerate(at)]) for s in (1, -1))
        W[:, j] = -(up - down) / (2 * h)
    q, p = [z.shape[1] for z in Z], [x.shape[1] for x in X]
    ZZ = [np.hstack([Z[0], np.zeros((N, q[1]))]), np.hstack([np.zeros((N, q[0])), Z[1]])]
    XX = [np.hstack([X[0], np.zeros((N, p[1]))]), np.hstack([np.zeros((N, p[0])), X[1]])]
    whole = np.zeros((sum(q), sum(q)))
    start = 0
    for block in psi:
        whole[start : start + len(block), start : start + len(block)] = np.linalg.inv(block)
        start += len(block)
    pairs = [(a, b) for a in range(2) for b in range(2)]
    P = np.linalg.inv(whole + sum(ZZ[a].T @ (W[a, b][:, None] * ZZ[b]) for a, b in pairs))
    F = P @ sum(ZZ[a].T @ (W[a, b][:, None] * XX[b]) for a, b in pairs)
    S = [x - z @ F for x, z in zip(XX, ZZ, strict=True)]
    return np.array([
        [np.einsum("ij,jk,ik->i", ZZ[a], P, ZZ[b]) + np.einsum("ij,jk,ik->i", S[a], fit.joint_vcov, S[b])
         for b in range(2)] for a in range(2)
    ])  # fmt: skip


def test_covariance_of_two_predictors(case):
    m, data = case
    names = ("cond", m._fit.random_parts[1].component)
    want = dense(m)
    got = predictors(m._fit, names, same=True)
    np.testing.assert_allclose(got.covariance(), want, rtol=1e-5, atol=1e-8)
    again = predictors(m._fit, names, data.iloc[::7], same=True)
    np.testing.assert_allclose(again.covariance(), want[:, :, ::7], rtol=1e-5, atol=1e-8)


def test_groups_that_are_not_known_add_their_variance(case):
    m, data = case
    new = data.iloc[:3].assign(g="new", h="new")
    names = ("cond", m._fit.random_parts[1].component)
    found = predictors(m._fit, names, new, same=True, new=True)
    fixed = predictors(m._fit, names, new, same=False)
    np.testing.assert_allclose(found.at, fixed.at)
    added = found.covariance() - fixed.covariance()
    assert (np.abs(added[0, 1]) < 1e-15).all()
    spread = m.varcorr().zero_inflation or m.varcorr().dispersion
    assert spread.terms[0].sd[0] > 0.1
    np.testing.assert_allclose(added[1, 1], spread.terms[0].sd[0] ** 2)


def test_expected_responses_of_known_groups(case):
    """The delta method: (1 - pi) mu follows both predictors; the mean of a gaussian response only one."""
    m, _ = case
    component = m._fit.random_parts[1].component
    V = dense(m)
    eta = m.predict()
    slopes = [np.ones(N), np.zeros(N)]
    if component == "zi":
        mu, pi = np.exp(eta), m.predict(type="zprob")
        slopes = [(1 - pi) * mu, -mu * pi * (1 - pi)]
    variance = sum(slopes[a] * slopes[b] * V[a, b] for a in range(2) for b in range(2))
    made = m.predict(type="response", interval="confidence")
    np.testing.assert_allclose(made["std_error"], np.sqrt(variance), rtol=1e-5)
    np.testing.assert_allclose(made["estimate"], m.fitted(), rtol=1e-12)
    assert ((made["lower"] < made["estimate"]) & (made["estimate"] < made["upper"])).all()
    chance = m.predict(type="zprob" if component == "zi" else "disp", interval="confidence")
    slope = pi * (1 - pi) if component == "zi" else chance["estimate"]
    np.testing.assert_allclose(chance["std_error"], slope * np.sqrt(V[1, 1]), rtol=1e-5)


def test_single_responses(case):
    """Limits hold what they promise of draws from the predictors of the rows."""
    m, data = case
    component = m._fit.random_parts[1].component
    rows = slice(0, N, 25)
    made = m.predict(data.iloc[rows], type="response", interval="prediction", level=0.9)
    if component == "zi":
        own = m.predict(type="response", interval="prediction", level=0.9)
        np.testing.assert_allclose(made, own.iloc[rows], rtol=1e-9)
    n, rng = 20_000, np.random.default_rng(1)
    of = predictors(m._fit, ("cond", component), same=True)
    for i, (low, high) in zip(range(0, N, 25), made[["lower", "upper"]].to_numpy(), strict=True):
        eta, other = rng.multivariate_normal(of.at[:, i], of.covariance()[:, :, i], n).T
        if component == "zi":
            y = np.where(rng.random(n) < 1 / (1 + np.exp(-other)), 0, rng.poisson(np.exp(eta)))
        else:
            y = rng.normal(eta, np.exp(other / 2))
        error = 4.5 * np.sqrt(0.05 * 0.95 / n)
        for limit, level in ((low, 0.05), (high, 0.95)):
            assert (y <= limit + 1e-9).mean() > level - error
            assert (y < limit - 1e-9).mean() < level + error


def test_limits_where_dispersion_and_inflation_are_uncertain():
    """Three predictors that go together."""
    L = np.array([[0.4, 0.0, 0.0], [0.3, 0.5, 0.0], [-0.4, 0.2, 0.6]])
    at, n, rng = np.array([1.0, 0.2, -0.5]), 200_000, np.random.default_rng(3)
    for name in ("negative_binomial_1", "gamma(log)"):
        family = families.family_of(name)
        beside = [Beside(at[j : j + 1], L[j, : j + 1, None]) for j in range(3)]
        p = Predictive(
            family, at[:1], L[0, :1], np.ones(1), np.ones(1), None, beside[1], lambda d: d[None, :], beside[2]
        )
        sd, low, high = p.limits(0.05, 0.9)
        eta, d, g = (at + rng.standard_normal((n, 3)) @ L.T).T
        y = family.simulate(np.exp(eta), np.ones(n), np.exp(d)[None, :], rng)
        y = np.where(rng.random(n) < 1 / (1 + np.exp(-g)), 0.0, y)
        assert sd[0] == pytest.approx(y.std(), rel=0.02)
        for limit, level in ((low[0], 0.05), (high[0], 0.9)):
            assert (y <= limit + 1e-9).mean() > level - 0.003
            assert (y < limit - 1e-9).mean() < level + 0.003


def test_known_groups_of_crossed_factors():
    """One predictor, two terms: Var(z'b | y) against dense algebra."""
    m = glmer("TICKS ~ factor(YEAR) + (1 | BROOD) + (1 | LOCATION)", load("grouseticks"), "poisson")
    fit = m._fit
    n, X = fit.rows.n, fit.rows.dense_X()
    Z = np.hstack([np.eye(t.n_levels)[t.codes] for t in fit.rows.random])
    precision = np.concatenate([
        np.full(t.n_levels, 1 / L[0, 0] ** 2) for t, L in zip(fit.rows.random, fit.factors, strict=True)
    ])  # fmt: skip
    w = m._fit.mu[:, None]
    P = np.linalg.inv(Z.T @ (w * Z) + np.diag(precision))
    S = X - Z @ P @ (Z.T @ (w * X))
    variance = np.einsum("ij,jk,ik->i", Z, P, Z) + np.einsum("ij,jk,ik->i", S, fit.estimate.vcov, S)
    made = m.predict(interval="confidence")
    assert len(made) == n
    np.testing.assert_allclose(made["std_error"], np.sqrt(variance), rtol=1e-6)
    single = m.predict(type="response", interval="prediction")
    assert (single["upper"] > m.predict(type="response", interval="confidence")["upper"]).all()


def test_missing_and_unseen(case):
    m, data = case
    new = data.iloc[:4].copy()
    new.loc[1, "x"] = np.nan
    for interval in ("confidence", "prediction"):
        made = m.predict(new, type="response", interval=interval)
        assert np.flatnonzero(made["std_error"].isna()).tolist() == [1]
    unseen = data.iloc[:2].assign(g="new", h="new")
    with pytest.raises(DataError, match="levels that the fit has not seen: 'new'"):
        m.predict(unseen, type="response", interval="prediction")
    made = m.predict(unseen, type="response", interval="prediction", new_levels="population")
    assert np.isfinite(made.to_numpy()[:, [0, 1, 3, 4]]).all()


def test_predictors_of_the_inflation_alone_that_are_missing():
    data = drawn("poisson").assign(z=np.linspace(-1, 1, N))
    m = glmer(MEAN["poisson"], data, "poisson", ziformula="~ z + (1 | h)")
    new = data.iloc[:3].copy()
    new.loc[2, "z"] = np.nan
    made = m.predict(new, type="response", interval="confidence")
    assert np.isnan(made["std_error"]).tolist() == [False, False, True]
    assert np.isfinite(m.predict(new, type="conditional", interval="confidence").to_numpy()[:, :2]).all()
    with pytest.raises(DataError, match="missing values in predictors of zero inflation or dispersion"):
        m.predict(new, type="response", interval="prediction")
