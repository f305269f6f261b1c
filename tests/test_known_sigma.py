"""Linear mixed models with a known residual standard deviation: meta-analysis, against R and dense algebra."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from reference_data import load

from multilevel import lmer
from multilevel.errors import FitError, InferenceError, MultilevelWarning
from multilevel.inference.methods import sampling_of

# Colditz et al. (1994), JAMA 271, 698-702: tuberculosis among vaccinated and controls, and latitude
TRIALS = [
    (4, 119, 11, 128, 44), (6, 300, 29, 274, 55), (3, 228, 11, 209, 42), (62, 13536, 248, 12619, 52),
    (33, 5036, 47, 5761, 13), (180, 1361, 372, 1079, 44), (8, 2537, 10, 619, 19), (505, 87886, 499, 87892, 13),
    (29, 7470, 45, 7232, 27), (17, 1699, 65, 1600, 42), (186, 50448, 141, 27197, 18), (5, 2493, 3, 2338, 33),
    (27, 16886, 29, 17825, 33),
]  # fmt: skip


@pytest.fixture(scope="module")
def bcg():
    a, b, c, d, latitude = np.array(TRIALS, float).T
    return pd.DataFrame({
        "trial": [f"t{i:02d}" for i in range(len(TRIALS))], "latitude": latitude,
        "yi": np.log(a / (a + b)) - np.log(c / (c + d)), "vi": 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d),
    })  # fmt: skip


def meta(data, right="1", **options):
    return lmer(f"yi ~ {right} + (1 | trial)", data, weights=1 / data["vi"], sigma=1, **options)


@pytest.mark.parametrize(
    ("right", "options", "tau2", "estimates", "errors"),
    [  # Viechtbauer (2010), J. Stat. Softw. 36(3), section 3.1, and metafor's manual; nlme 3.1-162 for ML
        ("1", {}, 0.3132, [-0.7145], [0.1798]),
        ("1", {"REML": False}, 0.2800, [-0.7112], [0.1719]),
        ("latitude", {}, 0.0764, [0.2515, -0.0291], [0.2491, 0.0072]),
    ],
)
def test_bcg_vaccine(bcg, right, options, tau2, estimates, errors):
    m = meta(bcg, right, **options)
    assert m.varcorr().terms[0].sd[0] ** 2 == pytest.approx(tau2, abs=1e-4)
    np.testing.assert_allclose(m.fixef, estimates, atol=5e-5)
    np.testing.assert_allclose(m.se, errors, atol=5e-5)
    assert m.sigma == 1
    assert m.convergence.certified
    assert m.aic == pytest.approx(m.criterion + 2 * (1 + len(estimates)))


def test_bcg_vaccine_in_nlme(bcg):
    """lme(yi ~ 1, random = ~ 1 | trial, weights = varFixed(~ vi), method = "ML", control = lmeControl(sigma = 1))."""
    m = meta(bcg, REML=False)
    found = [m.varcorr().terms[0].sd[0] ** 2, *np.asarray(m.fixef), *np.asarray(m.se), m.loglik]
    np.testing.assert_allclose(found, [0.28002814, -0.71119914, 0.17189681, -12.66507635], rtol=1e-7)


def dense(m, theta, sigma):
    """The criterion of a model with terms of one effect."""
    fit = m._fit
    X, y, n = fit.rows.dense_X(), fit.sums.y, fit.rows.n
    V = np.diag(np.ones(n) if fit.prior_weights is None else 1 / fit.prior_weights)
    for t, part in zip(theta, fit.rows.random, strict=True):
        Z = np.eye(part.n_levels)[part.codes] * part.Z[0][:, None]
        V += t**2 * Z @ Z.T
    V *= sigma**2
    inverse = np.linalg.inv(V)
    XX = X.T @ inverse @ X
    r = y - X @ np.linalg.solve(XX, X.T @ inverse @ y)
    p = X.shape[1] if fit.estimate.reml else 0
    value = (n - p) * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + r @ inverse @ r
    return value + np.linalg.slogdet(XX)[1] if p else value


CASES = {
    "one factor": ("Reaction ~ Days + (1 | Subject)", "sleepstudy", 31.0),
    "crossed": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin", 0.4),
    "nested": ("strength ~ 1 + (1 | batch/cask)", "Pastes", 1.5),
}


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_criterion_against_dense_algebra(name, reml):
    formula, data, sigma = CASES[name]
    m = lmer(formula, load(data), REML=reml, sigma=sigma)
    assert m.criterion == pytest.approx(dense(m, m.theta, sigma), abs=1e-7)
    for factor in (0.8, 1.3):
        theta = factor * m.theta
        assert m.criterion_at(theta) == pytest.approx(dense(m, theta, sigma), abs=1e-7)
        assert m.criterion_at(theta) > m.criterion
    assert m.convergence.certified
    assert np.abs(m.convergence.gradient).max() < 1e-4


@pytest.mark.parametrize("formula", ["Reaction ~ Days + (Days | Subject)", "Reaction ~ Days + (Days || Subject)"])
def test_sigma_as_it_would_be_estimated(formula):
    free = lmer(formula, load("sleepstudy"), REML=False)
    held = lmer(formula, load("sleepstudy"), REML=False, sigma=free.sigma)
    assert held.criterion == pytest.approx(free.criterion, abs=1e-8)
    np.testing.assert_allclose(held.theta, free.theta, rtol=1e-4)
    np.testing.assert_allclose(held.se, free.se, rtol=1e-5)
    assert held.aic == pytest.approx(free.aic - 2)
    worse = lmer(formula, load("sleepstudy"), REML=False, sigma=0.5 * free.sigma)
    assert worse.criterion > free.criterion + 10


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_units_do_not_matter(bcg, scale):
    other = bcg.assign(yi=bcg["yi"] * scale, vi=bcg["vi"])
    m = lmer("yi ~ 1 + (1 | trial)", other, weights=1 / other["vi"], sigma=scale)
    np.testing.assert_allclose(m.theta, meta(bcg).theta, rtol=1e-6)


def test_degrees_of_freedom(bcg):
    """Satterthwaite's, by differences: only the variance between trials is uncertain."""
    m = meta(bcg)
    tau2, vi, h = m.theta[0] ** 2, bcg["vi"].to_numpy(), 1e-4
    at = [m.criterion_at([np.sqrt(tau2 + s * h)]) for s in (-1, 0, 1)]
    variance = 2 * h**2 / (at[0] - 2 * at[1] + at[2])
    v, slope = (1 / np.sum(1 / (vi + tau2)) for _ in range(2))
    slope = v**2 * np.sum(1 / (vi + tau2) ** 2)
    want = 2 * v**2 / (slope**2 * variance)
    assert m.tidy()["df"][0] == pytest.approx(want, rel=1e-4)


def test_profile_of_a_coefficient(bcg):
    m = meta(bcg, "latitude", REML=False)
    interval = m.confint("profile", parameters="latitude")["latitude"]
    for limit in (interval.lower, interval.upper):
        held = bcg.assign(off=limit * bcg["latitude"])
        found = lmer("yi ~ offset(off) + (1 | trial)", held, weights=1 / held["vi"], sigma=1, REML=False)
        assert found.criterion - m.criterion == pytest.approx(3.841459, abs=1e-4)


def test_profile_of_the_standard_deviation_between_groups(bcg):
    m = meta(bcg, REML=False)
    interval = m.confint("profile")["sd_(Intercept)|trial"]
    for limit in (interval.lower, interval.upper):
        assert m.criterion_at([limit]) - m.criterion == pytest.approx(3.841459, abs=1e-3)
    alike = bcg.assign(yi=bcg["yi"].mean() + 0.3 * bcg["yi"])
    assert meta(alike, REML=False).confint("profile")["sd_(Intercept)|trial"].lower < 0.1


def test_profiles_where_sigma_is_what_it_would_be():
    """With sigma held at its estimate, intervals lie within those where it is free."""
    formula, data = "Reaction ~ Days + (Days | Subject)", load("sleepstudy")
    free = lmer(formula, data, REML=False)
    held = lmer(formula, data, REML=False, sigma=free.sigma)
    wide, narrow = free.confint("profile"), held.confint("profile")
    for name in ("sd_(Intercept)|Subject", "cor_Days.(Intercept)|Subject", "sd_Days|Subject", "Days"):
        assert narrow[name].lower >= wide[name].lower - 1e-6
        assert narrow[name].upper <= wide[name].upper + 1e-6
        assert narrow[name].upper - narrow[name].lower > 0.8 * (wide[name].upper - wide[name].lower)


def test_bootstraps_draw_with_the_known_sigma(bcg):
    m = meta(bcg)
    b = m.bootstrap(400, seed=1)
    assert not any("sigma" in name for name in b.names)
    assert np.std(b.replicates[:, -1]) == pytest.approx(np.asarray(m.se)[0], rel=0.15)
    refit = m.refit(m.simulate(1, seed=2)[:, 0])
    assert refit.sigma == 1


def test_pages_say_that_it_was_given(bcg):
    m = pickle.loads(pickle.dumps(meta(bcg)))
    assert "The residual standard deviation was given, not estimated." in str(m.summary())
    assert "deviation is 1, as given" in " ".join(str(m.explain()).split())
    share = m.theta[0] ** 2 / (m.theta[0] ** 2 + bcg["vi"].mean())
    assert f"{100 * share:.0f}% belongs to (1 | trial)" in " ".join(str(m.explain()).split())
    assert m.predict(interval="confidence").shape == (13, 5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sigma": -1}, "sigma is -1; expected the residual standard deviation of a row of weight one, a positive"),
        ({"sigma": 0}, "sigma is 0; expected"), ({"sigma": np.inf}, "sigma is inf"), ({"sigma": "a"}, "sigma is 'a'"),
        ({"sigma": True}, "sigma is True"), ({"sigma": np.nan}, "sigma is nan"),
        ({"sigma": 1, "dispformula": "~0"}, "leaves no residuals that sigma could be about"),
        ({}, r"if the weights are one over known variances, add sigma=1"),
    ],
)  # fmt: skip
def test_bad_input(bcg, options, words):
    weights = None if "dispformula" in options else 1 / bcg["vi"]
    with pytest.raises(FitError, match=words):
        lmer("yi ~ 1 + (1 | trial)", bcg, weights=weights, **options)


def test_more_effects_than_rows(bcg):
    twice = pd.concat([bcg, bcg.assign(trial="t00")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        assert meta(twice).ngroups == {"trial": 13}


def test_a_known_sigma_has_no_interval(bcg):
    with pytest.raises(InferenceError, match="sigma"):
        meta(bcg).confint("profile", parameters="sigma")


class Dense:
    """V = R + sum of psi_r G_r, R known: one G for each free entry of the covariance matrices of random effects."""

    def __init__(self, m):
        fit = m._fit
        self.X, self.y, self.fit = fit.rows.dense_X(), fit.sums.y, fit
        sigma, n = fit.estimate.sigma, len(self.y)
        self.R = sigma**2 * np.diag(np.ones(n) if fit.prior_weights is None else 1 / fit.prior_weights)
        self.G, self.psi = [], []
        for part, factor in zip(fit.rows.random, fit.factors, strict=True):
            Z = [np.eye(part.n_levels)[part.codes] * z[:, None] for z in part.Z]
            covariance = sigma**2 * factor @ factor.T
            for i in range(len(Z)):
                for j in range(i + 1 if part.structure == "us" else 0):
                    self.G.append(Z[i] @ Z[j].T + (Z[j] @ Z[i].T if i != j else 0))
                    self.psi.append(covariance[i, j])
                if part.structure != "us":
                    self.G.append(Z[i] @ Z[i].T)
                    self.psi.append(covariance[i, i])

    def kenward_roger(self):
        """Adjusted covariance, and df of each coefficient (Kenward & Roger 1997, equations 5 to 8)."""
        Vi = np.linalg.inv(self.R + sum(v * G for v, G in zip(self.psi, self.G, strict=True)))
        VX, r = Vi @ self.X, range(len(self.G))
        Phi = np.linalg.inv(self.X.T @ VX)
        P = [-VX.T @ G @ VX for G in self.G]
        Q = [[VX.T @ A @ Vi @ B @ VX for B in self.G] for A in self.G]
        information = np.array([
            [np.trace(Vi @ self.G[a] @ Vi @ self.G[b]) / 2 - np.trace(Phi @ Q[a][b])
             + np.trace(Phi @ P[a] @ Phi @ P[b]) / 2 for b in r] for a in r
        ])  # fmt: skip
        W = np.linalg.inv(information)
        middle = sum(W[a, b] * (Q[a][b] - P[a] @ Phi @ P[b]) for a in r for b in r)
        traces = np.array([np.diag(Phi @ p @ Phi) / np.diag(Phi) for p in P])
        return Phi + 2 * Phi @ middle @ Phi, 2 / np.einsum("ai,ab,bi->i", traces, W, traces)


@pytest.mark.parametrize(
    ("formula", "data", "sigma"),
    [
        ("Reaction ~ Days + (Days | Subject)", "sleepstudy", 31.0),
        ("Reaction ~ Days + (Days || Subject)", "sleepstudy", 20.0),
        ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin", 0.4),
        ("strength ~ 1 + (1 | batch/cask)", "Pastes", 1.5),
        ("yi ~ 1 + (1 | trial)", "bcg", 1.0),
        ("yi ~ latitude + (1 | trial)", "bcg", 1.0),
    ],
)
def test_kenward_roger_against_dense_algebra(bcg, formula, data, sigma):
    if data == "bcg":
        m = lmer(formula, bcg, weights=1 / bcg["vi"], sigma=sigma)
    else:
        m = lmer(formula, load(data), sigma=sigma)
    vcov, df = Dense(m).kenward_roger()
    found = sampling_of(m._fit, "kenward-roger")
    np.testing.assert_allclose(found.vcov, vcov, rtol=1e-6, atol=1e-8 * np.abs(vcov).max())
    np.testing.assert_allclose(found.df(np.eye(len(df))), df, rtol=1e-5)
    assert "Kenward-Roger" in str(m.summary("kenward-roger"))
    ml = lmer(formula, bcg if data == "bcg" else load(data), sigma=sigma, REML=False,
              weights=1 / bcg["vi"] if data == "bcg" else None)  # fmt: skip
    np.testing.assert_allclose(sampling_of(ml._fit, "kenward-roger").vcov, found.vcov, rtol=1e-5)


def test_marginal_means_take_kenward_roger(bcg):
    m = meta(bcg, "latitude")
    page = m.emmeans("latitude", at={"latitude": [13, 55]})
    assert "kenward-roger" in str(page)
    L = np.array([[1, 13], [1, 55]])
    vcov, _ = Dense(m).kenward_roger()
    np.testing.assert_allclose(page.estimates.std_error, np.sqrt(np.diag(L @ vcov @ L.T)), rtol=1e-6)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("right", ["1", "latitude"])
def test_ranova_is_the_likelihood_ratio_of_trials_that_do_not_differ(bcg, right, reml):
    """Half a chi-square of one degree of freedom, half of none (Self & Liang 1987)."""
    from scipy.stats import chi2

    m = meta(bcg, right, REML=reml)
    table = m.ranova().to_frame()
    ratio = dense(m, [0.0], 1.0) - dense(m, m.theta, 1.0)
    assert table["statistic"][1] == pytest.approx(ratio, rel=1e-8)
    assert table["p_value"][1] == pytest.approx(chi2.sf(ratio, 1), rel=1e-6)
    assert table["p_value_mixture"][1] == pytest.approx(chi2.sf(ratio, 1) / 2, rel=1e-6)
    assert table["npar"].tolist() == [2 + (right != "1"), 1 + (right != "1")]


def test_ranova_of_a_slope_keeps_the_known_sigma():
    m = lmer("Reaction ~ Days + (Days | Subject)", load("sleepstudy"), sigma=25.0)
    table = m.ranova().to_frame()
    smaller = lmer("Reaction ~ Days + (1 | Subject)", load("sleepstudy"), sigma=25.0)
    assert table["statistic"][1] == pytest.approx(smaller.criterion - m.criterion, rel=1e-7)
    assert table["df"][1] == 2


def test_nothing_between_trials_is_no_special_case(bcg):
    alike = bcg.assign(yi=bcg["yi"].mean() + 0.05 * bcg["yi"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        m = meta(alike)
    assert m.theta[0] == 0
    vcov, df = Dense(m).kenward_roger()
    found = sampling_of(m._fit, "kenward-roger")
    np.testing.assert_allclose(found.vcov, vcov, rtol=1e-5)
    np.testing.assert_allclose(found.df(np.eye(1)), df, rtol=1e-4)
    assert m.ranova().to_frame()["p_value_mixture"][1] == 1
