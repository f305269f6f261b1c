"""Generalized mixed models: every verb beside R or beside arithmetic, and what cannot be fitted or asked."""

from __future__ import annotations

import pickle
import warnings
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from reference_data import load
from scipy.integrate import quad

from multilevel import families, glm, glmer, lmer
from multilevel.errors import (
    ConvergenceWarning,
    DataError,
    FitError,
    FormulaError,
    InferenceError,
    MissingRowsWarning,
    RankWarning,
    SeparationWarning,
    SingularFitWarning,
)
from multilevel.families.links import LINKS
from multilevel.models.predictor import fixed_part
from multilevel.responses import population_average

CBPP = "cbind(incidence, size - incidence) ~ period + (1 | herd)"


@pytest.fixture(scope="module")
def cbpp():
    return glmer(CBPP, load("cbpp"), "binomial")


@pytest.fixture(scope="module")
def made():
    """20 groups of 10 rows: a binary response, counts, positive numbers, numbers inside (0, 1)."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(20), 10)
    x, b = rng.standard_normal(200), rng.standard_normal(20)
    eta = 0.5 * x + b[g]
    return pd.DataFrame({
        "y": rng.binomial(1, 1 / (1 + np.exp(-eta))), "k": rng.poisson(np.exp(eta)), "x": x, "g": g.astype(str),
        "t": rng.gamma(3, np.exp(eta) / 3), "p": rng.beta(2, 3, 200), "obs": np.arange(200).astype(str), "n": 5,
        "s": eta + rng.standard_t(5, 200), "h": np.where(g < 10, "a", "b"), "one_group": "a", "zero": 0, "ten": 10,
        "c": families.truncated_negative_binomial().simulate(2 * np.exp(eta), np.ones(200), np.array([1.5]), rng),
        "d": families.truncated_poisson().simulate(2 * np.exp(eta), np.ones(200), np.empty(0), rng),
        "w": families.tweedie().simulate(np.exp(eta), np.ones(200), np.array([0.8, 1.5]), rng),
    })  # fmt: skip


def test_answers_of_cbpp(cbpp):
    """lme4's, at its tightest: Laplace, logit."""
    np.testing.assert_allclose(np.asarray(cbpp.fixef), [-1.39853, -0.99233, -1.12867, -1.58031], atol=1e-5)
    np.testing.assert_allclose(np.asarray(cbpp.se), [0.23247, 0.30664, 0.32664, 0.42744], atol=1e-5)
    assert cbpp.varcorr()["herd"]["(Intercept)"] == pytest.approx(0.6422614, abs=1e-6)
    assert (cbpp.nobs, cbpp.df_residual, cbpp.ngroups, cbpp.sigma, cbpp.shape) == (56, 51, {"herd": 15}, 1.0, {})
    assert cbpp.aic == pytest.approx(cbpp.criterion + 10)
    assert cbpp.loglik == pytest.approx(-92.026282, abs=1e-6)
    ranef = cbpp.ranef()["herd"]
    np.testing.assert_allclose(np.asarray(ranef)[[0, 6], 0], [0.59002, 0.88939], atol=1e-5)
    np.testing.assert_allclose(ranef.errors[[0, 3], 0] ** 2, [0.121293, 0.173379], atol=2e-5)  # lme4's condVar
    assert cbpp.convergence.certified
    assert not cbpp.is_singular


def test_a_proportion_with_trials_is_a_pair_of_counts(cbpp):
    m = glmer("incidence / size ~ period + (1 | herd)", load("cbpp"), "binomial", weights="size")
    assert m.criterion == pytest.approx(cbpp.criterion, abs=1e-10)
    assert "Weights: size" in str(m.summary())
    assert "Weights" not in str(cbpp.summary())


def test_one_trial_per_row_is_the_same_model(cbpp):
    """Up to the constant of the binomial coefficients."""
    d = load("cbpp")
    long = d.loc[d.index.repeat(d["size"])].reset_index(drop=True)
    long["y"] = np.concatenate([np.arange(n) < k for n, k in zip(d["size"], d.incidence, strict=True)]).astype(int)
    m = glmer("y ~ period + (1 | herd)", long, "binomial")
    np.testing.assert_allclose(np.asarray(m.fixef), np.asarray(cbpp.fixef), atol=1e-6)
    np.testing.assert_allclose(np.asarray(m.se), np.asarray(cbpp.se), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(m.ranef()["herd"]), np.asarray(cbpp.ranef()["herd"]), atol=1e-5)


def test_coefficients_have_the_covariance_of_fixed_effects_and_modes(cbpp):
    """Var(beta_0 + b_l) = Var(b_l | y) + (1 + db_l/dbeta)' V (1 + db_l/dbeta), one group by arithmetic."""
    table, fit = cbpp.coef()["herd"], cbpp._fit
    np.testing.assert_allclose(
        np.asarray(table)[:, 0], cbpp.fixef["(Intercept)"] + np.asarray(cbpp.ranef()["herd"])[:, 0]
    )
    rows = np.flatnonzero(fit.rows.random[0].codes == 2)
    X = np.column_stack(fit.rows.X)[rows]
    w = fit.weights[rows] * fit.mean[rows] * (1 - fit.mean[rows])
    variance = 1 / (w.sum() + 1 / fit.estimate.theta[0] ** 2)
    moves = -variance * (X.T @ w)
    total = np.array([1.0, 0, 0, 0]) + moves
    want = sqrt(variance + total @ np.asarray(cbpp.vcov) @ total)
    assert table.errors[2, 0] == pytest.approx(want, rel=1e-6)


def test_covariances_of_the_modes_with_crossed_factors():
    """Against the dense inverse of the penalised information at the modes."""
    d = load("grouseticks")
    m = glmer("TICKS ~ YEAR + (1 | BROOD) + (1 | LOCATION)", d, "poisson")
    fit = m._fit
    Z = np.column_stack([
        (part.codes[:, None] == np.arange(part.n_levels)).astype(float) * factor[0, 0]
        for part, factor in zip(fit.rows.random, fit.factors, strict=True)
    ])  # fmt: skip
    X = np.column_stack(fit.rows.X)
    C = np.linalg.inv(Z.T @ (Z * fit.mean[:, None]) + np.eye(Z.shape[1]))
    F = C @ Z.T @ (X * fit.mean[:, None])
    at = 0
    for part, factor, (P, moved) in zip(fit.rows.random, fit.factors, fit.posterior, strict=True):
        block = slice(at, at := at + part.n_levels)
        np.testing.assert_allclose(P[:, 0, 0], factor[0, 0] ** 2 * np.diag(C)[block], rtol=1e-7)
        np.testing.assert_allclose(moved[:, 0, :], factor[0, 0] * F[block], rtol=1e-4, atol=1e-6)


def test_tidy_glance_augment(cbpp):
    tidy = cbpp.tidy()
    assert tidy.term.tolist() == [*cbpp.fixef, "sd__(Intercept)"]
    odds = cbpp.tidy(exponentiate=True)
    np.testing.assert_allclose(odds.estimate[:4], np.exp(np.asarray(cbpp.fixef)))
    assert odds.estimate[4] == tidy.estimate[4]
    np.testing.assert_allclose(tidy.p_value[:4], [1.79e-9, 0.001212, 0.000549, 0.000218], rtol=2e-3)
    assert cbpp.glance().criterion[0] == cbpp.criterion
    frame = cbpp.augment()
    np.testing.assert_allclose(frame[".fixed"], cbpp.predict(type="response", groups="population"))
    np.testing.assert_allclose(frame[".resid"], cbpp.residuals("deviance"))


def test_residuals(cbpp):
    d = load("cbpp")
    y, mu, n = d.incidence / d["size"], cbpp.fitted(), d["size"]
    np.testing.assert_allclose(cbpp.residuals("response"), y - mu)
    np.testing.assert_allclose(cbpp.residuals("pearson"), (y - mu) / np.sqrt(mu * (1 - mu) / n))
    np.testing.assert_allclose(cbpp.residuals("scaled"), cbpp.residuals("pearson"))
    assert np.sum(cbpp.residuals("deviance") ** 2) == pytest.approx(73.4717, abs=1e-3)
    assert cbpp.deviance == pytest.approx(np.sum(cbpp.residuals("deviance") ** 2))
    np.testing.assert_allclose(cbpp.residuals("quantile", seed=1), cbpp.residuals("quantile", seed=1))
    assert np.isfinite(cbpp.residuals("quantile")).all()


def test_checks_and_equation(cbpp, made):
    assert cbpp.check().fine
    poisson = glmer("k ~ x + (1 | g)", made.assign(k=made.k * 3), "poisson").check()
    wrong = {c.what for c in poisson.checks if not c.fine}
    assert {"dispersion", "zeros"} <= wrong
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        separated = glmer("sep ~ x + (1 | g)", made.assign(sep=(made.x > 0).astype(int)), "binomial").check()
    assert not next(c for c in separated.checks if c.what == "separation").fine
    assert "logit(μ[n])" in repr(cbpp.equation())
    assert "NegativeBinomial" in repr(glmer("k ~ x + (1 | g)", made, "negative_binomial").equation())
    with pytest.raises(InferenceError, match="quasipoisson family says mean and variance only"):
        glm("k ~ x", made, "quasipoisson").equation()


def test_verbs_of_inference(cbpp, made):
    """Wald intervals and marginal means with normal references; R's emmeans of lme4's fit."""
    interval = cbpp.confint()["period[2]"]
    z = 1.959963984540054 * cbpp.se["period[2]"]
    assert (interval.lower, interval.upper) == pytest.approx((cbpp.fixef["period[2]"] - z, cbpp.fixef["period[2]"] + z))
    assert "sigma" not in str(cbpp.confint())
    means = cbpp.emmeans("~ period", type="response").to_frame()
    np.testing.assert_allclose(means.iloc[:, 1], [0.19805, 0.08387, 0.07397, 0.04839], atol=2e-5)
    assert "odds.ratio" in str(cbpp.emmeans("~ period", type="response").pairs())
    assert "rate" in str(glmer("k ~ h + (1 | g)", made, "poisson").emmeans("~ h", type="response"))
    assert cbpp.joint_tests()
    t = glm("breaks ~ wool", load("warpbreaks"), "gamma").emmeans("~ wool")
    assert (t.to_frame()["df"] == 52).all()
    with pytest.raises(InferenceError, match='df="satterthwaite" belongs to linear mixed models'):
        cbpp.confint(df="satterthwaite")


@pytest.mark.parametrize(
    ("formula", "family", "line"),
    [
        ("cbind(k, 9 - k) ~ x + (1 | g)", "binomial", "k[n] ~ Binomial(9, μ[n])"),
        ("cbind(k, x2) ~ x + (1 | g)", "binomial", "k[n] ~ Binomial(k[n] + x2[n], μ[n])"),
        ("b ~ x + (1 | g)", "binomial(probit)", "b[n] ~ Bernoulli(μ[n])"),
        ("t ~ x + (1 | g)", "gamma(log)", "t[n] ~ Gamma(mean = μ[n], dispersion = {:.4g})"),
        ("k ~ x + (1 | g)", "negative_binomial", "k[n] ~ NegativeBinomial(mean = μ[n], size = {:.4g})"),
        ("k ~ x + (1 | g)", "negative_binomial_1", "k[n] ~ NegativeBinomial(mean = μ[n], variance = μ[n](1 + {:.4g}))"),
        ("k ~ x + (1 | g)", "generalized_poisson", "k[n] ~ GeneralizedPoisson(mean = μ[n], variance = {:.4g} μ[n])"),
        ("t ~ x + (1 | g)", "student_t", "t[n] ~ t(mean = μ[n], scale = {:.4g}, df = {:.4g})"),
    ],
)
def test_equations_have_the_estimates(formula, family, line):
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(20), 12)
    k = rng.negative_binomial(2, 0.4 + 0.3 * (g % 2)).clip(max=9)
    data = {"g": g, "x": rng.normal(size=240), "k": k, "x2": 10 - k, "b": k > 2}
    data["t"] = (3 + 0.5 * rng.normal(size=20)[g] + rng.standard_t(3, 240)).clip(min=0.05)
    m = glmer(formula, data, family)
    written = repr(m.equation(numbers=True)).splitlines()[0]
    assert " ".join(written.split()) == line.format(*m.shape.values())
    labels = [node.main for node in m.diagram().scene.nodes]
    assert sum(label in ("σ", "φ", "ν") for label in labels) == 1 + len(m.shape)


def test_rows_of_weight_zero_may_hold_any_response(made):
    d = made.assign(w=np.where(made.obs == "3", 0.0, 2.0), t=made.t.where(made.obs != "3", 0.0))
    m, without = (glmer("t ~ x + (1 | g)", frame, "gamma(log)", weights="w") for frame in (d, d[d.w > 0]))
    assert m.criterion == pytest.approx(without.criterion, abs=1e-8)
    assert m.deviance == pytest.approx(without.deviance, rel=1e-8)
    assert m.residuals("deviance")[3] == 0
    assert np.isnan(m.simulate(seed=1)[3, 0])


# ---- predictions ----------------------------------------------------------------------------------------------------


def test_predictions(cbpp):
    new = pd.DataFrame({"period": ["1", "4"], "herd": ["1", "1"]})
    eta = cbpp.fixef["(Intercept)"] + np.array([0, cbpp.fixef["period[4]"]])
    b = cbpp.ranef()["herd"]["1", "(Intercept)"]
    np.testing.assert_allclose(cbpp.predict(new), eta + b)
    np.testing.assert_allclose(cbpp.predict(new, type="response"), 1 / (1 + np.exp(-eta - b)))
    np.testing.assert_allclose(cbpp.predict(new[["period"]], groups="population"), eta)
    np.testing.assert_allclose(cbpp.predict(type="response"), cbpp.fitted())
    unseen = new.assign(herd=["1", "99"])
    with pytest.raises(DataError, match="herd has levels that the fit has not seen: '99'"):
        cbpp.predict(unseen)
    np.testing.assert_allclose(cbpp.predict(unseen, new_levels="population")[1], eta[1])
    drawn = [cbpp.predict(unseen, new_levels="draw", seed=s)[1] for s in range(400)]
    assert np.std(drawn) == pytest.approx(0.642, abs=0.07)


def test_intervals_of_means(cbpp):
    new = pd.DataFrame({"period": ["1", "4"]})
    frame = cbpp.predict(new, groups="population", interval="confidence")
    x = np.array([[1, 0, 0, 0], [1, 0, 0, 1]])
    se = np.sqrt(np.einsum("ij,jk,ik->i", x, np.asarray(cbpp.vcov), x))
    np.testing.assert_allclose(frame.std_error, se)
    np.testing.assert_allclose(frame.lower, frame.estimate - 1.959963984540054 * se)
    mean = cbpp.predict(new, groups="population", type="response", interval="confidence", level=0.9)
    p = 1 / (1 + np.exp(-frame.estimate))
    np.testing.assert_allclose(mean.estimate, p)
    np.testing.assert_allclose(mean.std_error, p * (1 - p) * se)
    np.testing.assert_allclose(mean.upper, 1 / (1 + np.exp(-frame.estimate - 1.6448536269514722 * se)))
    known = cbpp.predict({"period": ["1"], "herd": ["3"]}, interval="confidence")
    coef = cbpp.coef()["herd"]
    assert known["estimate"][0] == pytest.approx(coef["3", "(Intercept)"])
    assert known["std_error"][0] == pytest.approx(coef.errors[2, 0])
    unknown = cbpp.predict({"period": ["1"], "herd": ["99"]}, new_levels="population", interval="confidence")
    assert unknown["std_error"][0] == pytest.approx(se[0])


def test_intervals_of_a_glm():
    """R's predict(glm(breaks ~ wool, Gamma, warpbreaks), data.frame(wool = c("A", "B")), se.fit = TRUE)."""
    m = glm("breaks ~ wool", load("warpbreaks"), "gamma")
    frame = m.predict({"wool": ["A", "B"]}, type="response", interval="confidence")
    np.testing.assert_allclose(frame["estimate"], [31.037037, 25.259259], rtol=1e-6)
    np.testing.assert_allclose(frame["std_error"], [2.6592798, 2.1642405], rtol=1e-5)
    assert (frame["df"] == 52).all()
    assert (frame["lower"] < frame["estimate"]).all()
    assert (frame["estimate"] < frame["upper"]).all()


def test_population_average_is_the_integral(cbpp):
    new = pd.DataFrame({"period": ["1", "2", "3", "4"]})
    got = cbpp.predict(new, type="response", groups="average")
    sd = cbpp.varcorr()["herd"]["(Intercept)"]
    for mean, eta in zip(got, cbpp.predict(new, groups="population"), strict=True):
        want = quad(lambda z: np.exp(-z * z / 2) / sqrt(2 * np.pi) / (1 + np.exp(-eta - sd * z)), -12, 12)[0]  # noqa: B023
        assert mean == pytest.approx(want, rel=1e-10)
    np.testing.assert_allclose(cbpp.predict(type="response", groups="average")[:4], got)


def test_population_average_with_slopes_and_a_simulation(made):
    m = glmer("k ~ x + (x | g)", made, "poisson")
    new = pd.DataFrame({"x": [-1.0, 0.0, 2.0]})
    Psi = m.varcorr()["g"].vcov
    z = np.column_stack([np.ones(3), new.x])
    want = np.exp(m.predict(new, groups="population") + np.einsum("ij,jk,ik->i", z, Psi, z) / 2)
    np.testing.assert_allclose(m.predict(new, type="response", groups="average"), want, rtol=1e-9)
    many = new.loc[np.repeat([0, 1, 2], 20000)].assign(g=np.arange(60000).astype(str))
    drawn = m.simulate(newdata=many, seed=1)[:, 0].reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(drawn, want, rtol=0.1)


@pytest.mark.parametrize("name", ["logit", "probit", "cloglog", "cauchit", "log", "identity", "sqrt"])
@pytest.mark.parametrize("sd", [0.1, 1.0, 3.0])
def test_quadrature_of_the_average(name, sd):
    link = LINKS[name]
    for eta in (-3.0, 0.4, 2.0):

        def integrand(z):
            return np.exp(-z * z / 2) / sqrt(2 * np.pi) * link.inverse(np.array([eta + sd * z]))[0]  # noqa: B023

        want = quad(integrand, -14, 14, limit=400, epsabs=1e-13)[0]
        got = population_average(link.inverse, np.array([eta]), np.array([sd]))[0]
        assert got == pytest.approx(want, rel=1e-8), eta


# ---- simulation -----------------------------------------------------------------------------------------------------


FAMILIES = {
    "binomial": "y", "poisson": "k", "negative_binomial": "k", "negative_binomial_1": "k", "gamma(log)": "t",
    "inverse_gaussian(log)": "t", "gaussian": "s", "student_t": "s", "beta": "p", "tweedie": "w",
    "truncated_poisson": "d", "truncated_negative_binomial": "c", "truncated_negative_binomial_1": "c",
    "generalized_poisson": "k", "truncated_generalized_poisson": "c",
}  # fmt: skip


@pytest.mark.parametrize(("family", "response"), FAMILIES.items())
def test_every_family_answers_every_verb(made, family, response):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        m = glmer(f"{response} ~ x + (1 | g)", made, family)
    assert m.convergence.certified
    y = m.simulate(3, seed=1)
    assert m.family.fault(y[:, 0], np.ones(200)) is None
    again = m.refit(y[:, 0])
    assert again.convergence.certificate.converged
    np.testing.assert_allclose(np.asarray(again.fixef), np.asarray(m.fixef), atol=6 * np.asarray(m.se).max() + 0.3)
    for kind in ("deviance", "pearson", "scaled", "working", "response", "quantile"):
        r = m.residuals(kind)
        assert np.isfinite(r).all(), kind
    assert 0.7 < m.residuals("quantile", seed=1).std() < 1.25
    for page in (m.summary(), m.explain(), m.convergence, m.varcorr(), m.ranef(), m.coef()):
        assert str(page)
    assert m.shape.keys() == set(m.family.shape_names)
    assert np.isfinite(m.predict({"x": [0.5]}, type="response", groups="average")).all()
    assert m.criterion_at(m.theta, np.asarray(m.fixef), list(m.shape.values())) == pytest.approx(m.criterion, abs=1e-7)
    copy = pickle.loads(pickle.dumps(m))
    assert str(copy.summary()) == str(m.summary())
    assert copy.refit(y[:, 0]).criterion == pytest.approx(again.criterion, abs=1e-7)


@pytest.mark.parametrize("groups", ["new", "same"])
def test_simulated_moments(cbpp, groups):
    y = cbpp.simulate(4000, groups=groups, seed=1)
    size = load("cbpp")["size"].to_numpy()
    how = {"new": "average", "same": "same"}[groups]
    want = cbpp.predict(type="response", groups=how)
    np.testing.assert_allclose(y.mean(axis=1) / size, want, atol=0.02)
    assert (cbpp.simulate(2, groups=groups, seed=1) == y[:, :2]).all()


def test_parametric_recovery():
    """Laplace for counts: 30 data sets of 40 groups, the mean estimate within three of its standard errors."""
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(40), 8)
    x = rng.standard_normal(320)
    found = []
    for _ in range(30):
        b = 0.6 * rng.standard_normal(40)
        d = pd.DataFrame({"x": x, "g": g.astype(str), "k": rng.poisson(np.exp(0.7 + 0.3 * x + b[g]))})
        m = glmer("k ~ x + (1 | g)", d, "poisson")
        found.append([*np.asarray(m.fixef), m.varcorr()["g"]["(Intercept)"]])
    z = (np.mean(found, axis=0) - [0.7, 0.3, 0.6]) / (np.std(found, axis=0, ddof=1) / sqrt(30))
    assert np.abs(z).max() < 3.5


# ---- shapes that are given, limits ----------------------------------------------------------------------------------


def test_a_given_size_is_kept(made):
    free = glmer("k ~ x + (1 | g)", made, "negative_binomial")
    size = families.negative_binomial(size=free.shape["size"])
    given = glmer("k ~ x + (1 | g)", made, size, curvature="observed")
    assert given.criterion == pytest.approx(free.criterion, abs=1e-7)
    assert given.shape == pytest.approx(free.shape)
    assert given.aic == pytest.approx(free.aic - 2)
    assert "nbinom2(" in str(given.summary())
    assert "(given)" in str(given.summary())
    as_lme4 = glmer("k ~ x + (1 | g)", made, size)
    assert as_lme4.criterion == pytest.approx(
        glmer("k ~ x + (1 | g)", made, size, curvature="expected").criterion, abs=1e-9
    )
    t = glmer("s ~ x + (1 | g)", made, families.student_t(df=4))
    np.testing.assert_allclose(t.residuals("scaled"), t.residuals("response") / t.shape["scale"])
    assert t.shape["df"] == 4
    assert t.df_residual == 200 - 4


def test_the_limit_of_a_family_is_said():
    rng = np.random.default_rng(8)
    d = pd.DataFrame({"k": rng.binomial(9, 0.5, 200), "g": np.repeat(np.arange(20), 10).astype(str)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        m = glmer("k ~ 1 + (1 | g)", d, "negative_binomial")
        poisson = glmer("k ~ 1 + (1 | g)", d, "poisson")
    assert m.criterion == pytest.approx(poisson.criterion, abs=1e-3)
    for page in (m.summary(), m.explain()):
        assert "do not vary more than Poisson responses" in page.to_text(200)


def test_a_gaussian_model_is_that_of_lmer():
    d, formula = load("sleepstudy"), "Reaction ~ Days + (Days | Subject)"
    m, linear = glmer(formula, d, "gaussian"), lmer(formula, d, REML=False)
    assert m.criterion == pytest.approx(linear.criterion, abs=1e-6)
    np.testing.assert_allclose(np.asarray(m.fixef), np.asarray(linear.fixef), rtol=1e-5)
    np.testing.assert_allclose(m.varcorr()["Subject"].sd, linear.varcorr()["Subject"].sd, rtol=1e-4)
    assert m.sigma == pytest.approx(linear.sigma, rel=1e-5)


@pytest.mark.parametrize("family", ["negative_binomial", "binomial", "gamma(log)", "beta"])
def test_without_variance_between_groups_it_is_a_glm(made, family):
    """Groups that share the residuals out in turn, smallest first, differ less than chance would have them."""
    response = FAMILIES[family]
    plain = glm(f"{response} ~ x", made, family)
    turns = np.empty(200, int)
    turns[np.argsort(plain.residuals("pearson"))] = np.arange(200) % 20
    d = made.assign(g=turns.astype(str))
    with pytest.warns(SingularFitWarning):
        m = glmer(f"{response} ~ x + (1 | g)", d, family)
    if family != "gamma(log)":  # whose dispersion glm takes from the residuals
        assert m.criterion == pytest.approx(plain.criterion, abs=1e-6)
    np.testing.assert_allclose(np.asarray(m.fixef), np.asarray(plain.fixef), atol=1e-5)


# ---- units, rows that do not count, missing values ------------------------------------------------------------------


@pytest.mark.parametrize("x", ["I(x * 1e6)", "I(x * 1e-6)", "I(x + 2020)"])
def test_units_do_not_matter(made, x):
    m, other = glmer("k ~ x + (x | g)", made, "poisson"), glmer(f"k ~ {x} + ({x} | g)", made, "poisson")
    assert other.criterion == pytest.approx(m.criterion, abs=1e-6)
    np.testing.assert_allclose(other.fitted(), m.fitted(), rtol=1e-5)


@pytest.mark.parametrize("shift", [1e6, -1e6])
def test_a_huge_offset_is_taken_up_by_the_intercept(made, shift):
    m, other = (glmer(f"k ~ x + offset(ten * {s}) + (1 | g)", made, "poisson") for s in (0, shift / 10))
    assert other.criterion == pytest.approx(m.criterion, abs=1e-4)
    assert other.fixef["(Intercept)"] + shift == pytest.approx(m.fixef["(Intercept)"], abs=1e-5)


def test_rows_without_trials_do_not_count(cbpp):
    d = load("cbpp")
    more = pd.concat([d, d.head(3).assign(incidence=0, size=0)], ignore_index=True)
    m = glmer(CBPP, more, "binomial")
    assert m.criterion == pytest.approx(cbpp.criterion, abs=1e-9)
    assert m.nobs == 56
    assert m.residuals("pearson")[56:].tolist() == [0, 0, 0]
    assert "3 rows have weight zero" in str(m.summary())
    y = m.simulate(2, seed=1)
    assert (y[56:] == 0).all()
    assert m.refit(y[:, 0]).nobs == 56


def test_missing_rows_and_dropped_columns(made):
    d = made.assign(x=made.x.where(made.x < 1.5), z=2 * made.x)
    with pytest.warns((MissingRowsWarning, RankWarning)) as caught:
        m = glmer("y ~ x + z + (1 | g)", d, "binomial")
    assert {w.category for w in caught} == {MissingRowsWarning, RankWarning}
    assert list(m.fixef) == ["(Intercept)", "x"]
    assert np.isnan(m.fitted()).sum() == d.x.isna().sum() == np.isnan(m.simulate(seed=1)[:, 0]).sum()


def test_a_group_of_zeros_only_is_no_trouble(made):
    d = made.assign(y=np.where(made.g == "3", 0, made.y))
    m = glmer("y ~ x + (1 | g)", d, "binomial")
    assert m.convergence.certified
    assert m.ranef()["g"]["3", "(Intercept)"] < 0


def test_a_random_effect_for_each_row(made):
    m = glmer("k ~ x + (1 | g) + (1 | obs)", made, "poisson")
    assert m.ngroups == {"obs": 200, "g": 20}
    assert m.convergence.certified


@pytest.mark.parametrize("family", ["binomial", "binomial(cloglog)", "poisson", "poisson(sqrt)", "gamma(inverse)"])
def test_the_outer_means_of_the_fixed_effects(made, family):
    """Those of the lowest and the highest X beta + offset, which tell whether separation has to be looked for."""
    response = {"binomial": "y", "poisson": "k", "gamma": "t"}[family.partition("(")[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        m = glmer(f"{response} ~ h + offset(x / 100) + (1 | g)", made, family)
    fit, e = m._fit, m._fit.estimate
    eta = fixed_part(fit, fit.rows)
    means = fit.likelihood.solve(e.theta, e.beta, e.parameters).outer_means
    np.testing.assert_allclose(means, m.family.link.inverse(np.array([eta.min(), eta.max()])), rtol=1e-9)


def test_separation_is_said(made):
    d = made.assign(sep=(made.x > 0).astype(int), half=np.where(made.h == "a", 0, made.y))
    for formula, names in (
        ("sep ~ x + (1 | g)", {"(Intercept)", "x"}),
        ("half ~ h + (1 | g)", {"(Intercept)", "h[b]"}),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SingularFitWarning)
            with pytest.warns(SeparationWarning, match=r"have no finite estimates: .* \(separation\)"):
                m = glmer(formula, d, "binomial")
        assert {m._fit.names[j] for j in m._fit.estimate.separation} == names
        assert "mean nothing" in m.summary().to_text(300)
        assert "The options" in m.explain().to_text(300)


def test_fast_and_quadrature_pages(made):
    fast, fine = (glmer("y ~ x + (1 | g)", made, "binomial", n_agq=k) for k in (0, 9))
    laplace = glmer("y ~ x + (1 | g)", made, "binomial")
    assert "nAGQ = 0" in fast.summary().to_text(200)
    assert "Adaptive Gauss-Hermite Quadrature, nAGQ = 9" in fine.summary().to_text(200)
    assert fast.criterion > laplace.criterion
    assert (fast.criterion, fine.criterion) == pytest.approx((laplace.criterion,) * 2, abs=2)
    assert np.isfinite(np.asarray(fast.se)).all()


# ---- what cannot be fitted ------------------------------------------------------------------------------------------

BAD = [
    ("y ~ x", "binomial", {}, FormulaError, "has no random term, such as .*; add one, or use glm"),
    ("~ x + (1 | g)", "binomial", {}, FormulaError, "has no response"),
    ("y ~ x + (1 | g)", "binomal", {}, FitError, "no family is called 'binomal'; did you mean 'binomial'"),
    ("y ~ x + (1 | g)", "binomial(lgit)", {}, FitError, "no link is called 'lgit'; did you mean 'logit'"),
    ("y ~ x + (1 | g)", "poisson(logit)", {}, FitError, "poisson family cannot have the link 'logit'"),
    ("y ~ x + (1 | g)", "quasibinomial", {}, FitError, "has no likelihood, which glmer needs; for counts"),
    ("k ~ x + (1 | g)", "binomial", {}, DataError, "response k is .* in row .*; the binomial family expected 0 or 1"),
    ("p ~ x + (1 | g)", "binomial", {}, DataError, "200 row.* whole numbers of successes"),
    ("p ~ x + (1 | g)", "poisson", {}, DataError, "200 row.* expected counts, whole numbers"),
    ("I(k - 3) ~ x + (1 | g)", "negative_binomial", {}, DataError, "expected counts, zero or more"),
    ("k ~ x + (1 | g)", "gamma(log)", {}, DataError, "gamma family expected positive numbers"),
    ("y ~ x + (1 | g)", "beta", {}, DataError, "beta family expected numbers between 0 and 1, both excluded"),
    ("p ~ x + (1 | g)", "beta_binomial", {}, DataError, "beta_binomial family expected whole numbers of successes"),
    ("g ~ x + (1 | h)", "poisson", {}, DataError, "numbers as text or categories"),
    ("k ~ x + (1 | g)", "truncated_poisson", {}, DataError, "expected counts, one or more; for zeros .* ziformula"),
    ("I(zero + 1) ~ x + (1 | g)", "truncated_poisson", {}, FitError, "is 1 in every row: the likelihood has no maxim"),
    ("zero ~ x + (1 | g)", "truncated_poisson", {"ziformula": "~ 1"}, FitError, "is 0 in every row; there is no mean"),
    ("c ~ x + (1 | g)", "truncated_poisson", {"curvature": "expected"}, FitError, "no closed form; use the observed"),
    ("s ~ x + (1 | g)", "tweedie", {}, DataError, "the tweedie family expected zeros and positive numbers"),
    ("cbind(y, n - 7) ~ x + (1 | g)", "binomial", {}, DataError, "has -2 in row 0|has 1 in row 0|expected counts"),
    ("cbind(zero, zero) ~ x + (1 | g)", "binomial", {}, DataError, "has no trials in any row"),
    ("cbind(y, n) ~ x + (1 | g)", "poisson", {}, DataError, "counts successes and failures, which needs a binomial"),
    ("I(zero + 3) ~ x + (1 | g)", "genpois", {}, FitError, "is 3 in every row; there is nothing to explain"),
    ("zero ~ x + (1 | g)", "binomial", {}, FitError, "response zero is 0 in every row: the likelihood has no maximum"),
    ("I(zero + 1) ~ x + (1 | g)", "binomial", {}, FitError, "is 1 in every row: the likelihood has no maximum"),
    ("zero ~ 0 + x + (1 | g)", "poisson", {}, FitError, "response zero is 0 in every row"),
    ("cbind(zero, n) ~ x + (1 | g)", "binomial", {}, FitError, "is 0 in every row: the likelihood has no maximum"),
    ("ten ~ x + (1 | g)", "gamma(log)", {}, FitError, "response ten is 10 in every row; there is nothing to explain"),
    ("y ~ x + (1 | one_group)", "binomial", {}, FitError, "one_group has a single level, 'a'"),
    (
        "t ~ x + (1 | obs)",
        "gaussian",
        {},
        FitError,
        "200 random effects for 200 rows; they cannot be told from the res",
    ),
    ("k ~ x + (x | obs)", "poisson", {}, FitError, "400 random effects .* for 200 rows; so many cannot be told apart"),
    ("y ~ x + (1 | g)", "binomial", {"n_agq": -1}, FitError, "n_agq is -1; expected 1"),
    ("y ~ x + (1 | g)", "binomial", {"n_agq": 2.5}, FitError, "n_agq is 2.5; expected 1"),
    ("y ~ x + (1 | g) + (1 | h)", "binomial", {"n_agq": 5}, FitError, "exactly one grouping factor; found 2"),
    ("y ~ x + (1 | g)", "binomial", {"curvature": "exact"}, FitError, "curvature is 'exact'; expected 'expected'"),
    ("y ~ x + (1 | g)", "binomial", {"start": [1, 2]}, FitError, r"start should hold 1 finite .* shape \(2,\)"),
    ("y ~ x + (1 | g)", "binomial", {"weights": "x"}, DataError, "weights must be zero or positive numbers"),
    ("y ~ x + (1 | g)", "binomial", {"weights": [1.0]}, DataError, "weights has 1 values but the data have 200 rows"),
    ("y ~ z + (1 | g)", "binomial", {}, DataError, "column 'z' not found"),
    ("y ~ x + (1 | gg)", "binomial", {}, DataError, "column 'gg' not found; did you mean 'g'"),
]


@pytest.mark.parametrize(("formula", "family", "options", "error", "words"), BAD)
def test_what_cannot_be_fitted(made, formula, family, options, error, words):
    with pytest.raises(error, match=words):
        glmer(formula, made, family, **options)


def test_missing_and_infinite_responses(made):
    with pytest.warns(MissingRowsWarning, match="1 of 200 rows"):
        glmer("k ~ x + (1 | g)", made.assign(k=made.k.astype(float).where(made.obs != "3")), "poisson")
    with pytest.raises(DataError, match="column 'k' is inf in row 3"):
        glmer("k ~ x + (1 | g)", made.assign(k=np.where(made.obs == "3", np.inf, made.k)), "poisson")


BAD_QUESTIONS = [
    (lambda m: m.predict(type="odds"), DataError, "type is 'odds'; expected 'link' or 'response'"),
    (lambda m: m.predict(groups="mean"), DataError, "groups is 'mean'; expected 'same', 'population' or 'average'"),
    (lambda m: m.predict(groups="average"), DataError, 'means of the response; use type="response"'),
    (lambda m: m.predict({"herd": ["1"]}), DataError, "column 'period' not found"),
    (lambda m: m.predict({"period": ["1"]}), DataError, "column 'herd' not found"),
    (lambda m: m.predict(interval="prediction"), DataError, 'interval="prediction" is that of a response'),
    (lambda m: m.predict(interval="confidence", level=2), InferenceError, "level is 2; expected a number between"),
    (lambda m: m.predict(interval="confidence", new_levels="draw"), InferenceError, "draws one possible value"),
    (lambda m: m.predict(interval="confidence", groups="average"), InferenceError, "has no interval yet"),
    (lambda m: m.residuals("raw"), DataError, "kind is 'raw'; expected"),
    (lambda m: m.simulate(1.5), DataError, "n is 1.5; expected the number of simulations"),
    (lambda m: m.simulate(groups="old"), DataError, "groups is 'old'; expected 'new' or 'same'"),
    (lambda m: m.simulate(newdata={"period": ["1"], "herd": ["1"]}), DataError, "column 'incidence' not found"),
    (
        lambda m: m.refit([1, 2]),
        DataError,
        r"y has shape \(2,\); expected one value .* 56 rows of the data or \(56, 2\)",
    ),
    (lambda m: m.refit(np.full(56, 0.5)), DataError, "expected counts, whole numbers"),
    (lambda m: m.refit(np.full(56, 99)), DataError, "expected counts, whole numbers, zero or more"),
    (lambda m: m.refit(np.zeros(56)), FitError, "likelihood has no maximum"),
    (
        lambda m: m.criterion_at([1, 2], [0, 0, 0, 0]),
        FitError,
        r"theta should hold 1 finite numbers; found shape \(2,\)",
    ),
    (lambda m: m.criterion_at([1], [0]), FitError, "beta should hold 4 finite numbers"),
    (lambda m: m._fit.sums.core, InferenceError, "for linear .* only"),
    (lambda m: m.fixef["period"], InferenceError, "no coefficient is called 'period'; did you mean"),
]


@pytest.mark.parametrize(("ask", "error", "words"), BAD_QUESTIONS)
def test_what_cannot_be_asked(cbpp, ask, error, words):
    with pytest.raises(error, match=words):
        ask(cbpp)


def test_more_that_cannot_be_asked(made):
    m = glmer("t ~ x + (1 | g)", made, "gamma(inverse)")
    with pytest.raises(DataError, match="link 'inverse' and normal random effects the mean over the groups does not"):
        m.predict(type="response", groups="average")
    with pytest.raises(InferenceError, match="no ratio"):
        m.tidy(exponentiate=True)
    with pytest.raises(FitError, match=r"the shape \(dispersion\) should be positive"):
        m.criterion_at(m.theta, np.asarray(m.fixef), [-1.0])
    with pytest.raises(InferenceError, match="variance of the gamma family with the link 'inverse' is not known"):
        m.r2()
    assert glmer("t ~ x + (1 | g)", made, "gamma(log)").icc().adjusted < 1
    crossed = glmer("k ~ x + (1 | g) + (1 | obs)", made, "poisson")
    assert crossed.icc().terms == ("(1 | g)",)
    weighted = glmer("t ~ x + (1 | g)", made, "gamma(log)", weights=np.ones(200) * 2)
    with pytest.raises(InferenceError, match="weights that were given as an array"):
        weighted.simulate(newdata={"x": [1.0], "g": ["1"]})


def test_groups_that_answer_all_alike_are_said(cbpp):
    """40 groups of 20 of whom one row is unlike its group: -2 log-likelihood is 67.4 with 25 nodes, 76.3 by Laplace."""
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(40), 20)
    y = (rng.random(40) < 0.5)[group].astype(float)
    y[7] = 1 - y[7]
    alike = {"g": group, "h": np.tile(np.arange(20), 40), "x": rng.normal(size=800), "y": y}
    words = r"39 of 40 levels of g have nothing but 0 or nothing but 1, .* as \d\d\.\d on the scale of the logit"
    with pytest.warns(ConvergenceWarning, match=words + ".* far off there: try n_agq=25"):
        m = glmer("y ~ x + (1 | g)", alike, "binomial")
    assert "nothing but 0 or nothing but 1" in " ".join(str(m.summary()).split())
    assert "The integrals" in str(m.explain())
    with pytest.warns(SingularFitWarning), pytest.warns(ConvergenceWarning, match=words) as caught:
        glmer("y ~ x + (1 | g) + (1 | h)", alike, "binomial")
    assert "n_agq" not in " ".join(str(w.message) for w in caught)


def test_nodes_that_do_not_integrate_are_said(cbpp):
    """Each group changes its answer once, at an x of its own: random effects as large as these have no quadrature."""
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(20), 8)
    x = np.tile(np.arange(8.0), 20)
    steps = {"g": group, "x": x, "y": x > rng.uniform(1.5, 5.5, 20)[group]}
    with pytest.warns(ConvergenceWarning, match=r"9 nodes do not integrate .*: with 11 the criterion .* is 63\.4"):
        m = glmer("y ~ x + (1 | g)", steps, "binomial", n_agq=9)
    assert "nodes do not integrate" in " ".join(str(m.summary()).split())
    assert "The integrals" in str(m.explain())
    assert "The integrals" not in str(cbpp.explain())
