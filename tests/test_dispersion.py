"""Models of the dispersion: `glm` beside glmmTMB, random effects in `glmer`, truths with such models, bad input."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from reference_data import load
from scipy.optimize import minimize
from scipy.special import digamma, logsumexp

import multilevel as mlm
from multilevel import Group, Truth, glm, glmer, simulate
from multilevel.errors import DataError, FitError, FormulaError, InferenceError, SingularFitWarning
from multilevel.inference.predictors import predictors

FITS = json.loads((Path(__file__).parent / "reference" / "dispersion.json").read_text(encoding="utf-8"))
FORMULA, DISP = "y ~ x + (1 | g)", "~ x + (1 | g)"
TRUTH = Truth(
    {"(Intercept)": 1, "x": 0.5, "disp: (Intercept)": -1, "disp: x": 0.3},
    {"g": Group(sd=0.7), "disp: g": Group(sd=0.6)},
)


def made(levels=60, each=12, seed=3, truth=TRUTH, **options):
    design = mlm.expand_grid(g=levels, t=each)
    design["x"] = np.random.default_rng(1).normal(size=len(design))
    return simulate(FORMULA, design, truth, seed, **{"dispformula": DISP, **options})


@pytest.fixture(scope="module")
def data():
    return made()


@pytest.fixture(scope="module")
def scales(data):
    return glmer(FORMULA, data, "gaussian", dispformula=DISP)


@pytest.mark.parametrize("reference", FITS, ids=[f["id"] for f in FITS])
def test_glm_has_the_answers_of_glmmtmb(reference):
    given = {"dispformula": reference["dispformula"], "ziformula": reference["ziformula"]}
    m = glm(reference["formula"], load(reference["data"]), reference["family"], **given)
    assert m.nobs == reference["nobs"]
    assert -1e-3 < m.criterion - reference["criterion"] < 1e-5
    assert m.aic == pytest.approx(reference["aic"], abs=1e-3)
    parts = [("cond", m.fixef, np.asarray(m.se))]
    parts.append(("disp", m.dispersion, np.sqrt(np.diag(m.part_vcov("dispersion")))))
    if reference["zi"]["std_error"]:
        parts.append(("zi", m.zero_inflation, np.sqrt(np.diag(m.part_vcov("zero inflation")))))
    for part, estimates, errors in parts:
        want = {name: np.array(values) for name, values in reference[part].items()}
        assert np.abs((np.asarray(estimates) - want["estimate"]) / want["std_error"]).max() < 1e-3
        np.testing.assert_allclose(errors, want["std_error"], rtol=2e-3)
    np.testing.assert_allclose(m.fitted()[:10], reference["fitted"], rtol=1e-4)
    assert "\nDispersion model" in str(m.summary())
    for answer in (m.explain(), m.check(), m.anova(), m.drop1(), m.tidy(), m.glance(), m.augment()):
        assert str(answer)


def test_a_dispersion_for_each_group_is_a_model_for_each_group():
    """Of gaussian responses with everything by group: the likelihood falls apart into those of the groups."""
    d = load("cake")
    whole = glm("angle ~ 0 + recipe + recipe:temp", d, "gaussian", dispformula="~ 0 + recipe")
    apart = [mlm.lm("angle ~ temp", rows) for _, rows in d.groupby("recipe", observed=True)]
    assert whole.criterion == pytest.approx(sum(-2 * m.loglik for m in apart), abs=1e-7)
    n = [m.nobs for m in apart]
    spreads = [np.log(m.sigma**2 * m.df_residual / k) for m, k in zip(apart, n, strict=True)]
    np.testing.assert_allclose(whole.dispersion, spreads, atol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(whole.part_vcov("dispersion"))), np.sqrt(2 / np.array(n)), rtol=1e-5)


def test_glm_verbs_with_a_dispersion():
    d = load("sleepstudy")
    m = glm("Reaction ~ Days", d, "gaussian", dispformula="~ Days")
    y = m.simulate(800, seed=1)
    spread = np.exp((m.dispersion["(Intercept)"] + m.dispersion["Days"] * d["Days"]) / 2)
    np.testing.assert_allclose(y.std(axis=1), spread, rtol=0.12)
    new = {"Days": np.array([0.0, 9.0])}
    assert np.ptp(m.simulate(400, newdata=new, seed=1).std(axis=1)) > 15
    band = m.predict(new, type="response", interval="prediction")
    np.testing.assert_allclose((band["upper"] - band["lower"]) / (2 * 1.96), band["std_error"], rtol=1e-3)
    assert np.isnan([m.sigma, m.glance()["dispersion"].iloc[0]]).all()
    np.testing.assert_allclose(m.predict(type="disp"), spread**2, rtol=1e-10)
    band = m.predict(new, type="disp", interval="confidence")
    assert (band["lower"] < band["estimate"]).all()
    assert "disp: Days" in str(m.confint(method="profile", parameters="disp_"))
    again = m.refit(y[:, 0])
    assert again.dispersion["Days"] != m.dispersion["Days"]
    assert pickle.loads(pickle.dumps(m)).dispersion["Days"] == m.dispersion["Days"]


def test_zeros_of_a_family_with_a_dispersion():
    """A hurdle: whether, times how much, whose dispersion is then by maximum likelihood instead of Pearson's."""
    d = load("made_tweedie")
    m = glm("y ~ x", d, "gamma(log)", ziformula="~ x")
    whether, much = glm("I(y == 0) ~ x", d, "binomial"), glm("y ~ x", d[d["y"] > 0], "gamma(log)")
    np.testing.assert_allclose(m.zero_inflation, whether.fixef, atol=1e-5)
    np.testing.assert_allclose(m.fixef, much.fixef, atol=1e-5)
    k = 1 / m.dispersion  # solves the likelihood equation of a gamma shape
    assert np.log(k) - digamma(k) == pytest.approx(much.deviance / (2 * much.nobs), rel=1e-6)
    assert m.sigma == pytest.approx(np.sqrt(m.dispersion))


def by_quadrature(d, parameters, nodes=60):
    """-2 log-likelihood of intercepts in mean and log variance: exact in that of the mean, the other by quadrature.

    Given its log variances v a group is normal with covariance diag(e^v) + tau^2 11' (Sherman & Morrison 1950). Groups
    are of one size, their rows together.
    """
    tau, omega, b0, b1, d0, d1 = parameters
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    x, y = (d[name].to_numpy().reshape(d["g"].nunique(), -1, 1) for name in "xy")
    e, v = y - b0 - b1 * x, d0 + d1 * x + omega * z
    p = np.exp(-v)
    q = 1 + tau**2 * p.sum(1)
    squares = (p * e**2).sum(1) - tau**2 * (p * e).sum(1) ** 2 / q
    ll = -0.5 * (squares + v.sum(1) + np.log(q) + x.shape[1] * np.log(2 * np.pi))
    return -2 * logsumexp(ll + np.log(w / w.sum()), axis=1).sum()


def test_laplace_is_near_the_integral():
    """Off by 0.04 for each group of 40 rows."""
    d = made(levels=18, each=40)
    m = glmer(FORMULA, d, "gaussian", dispformula=DISP)
    at = np.concatenate([m.theta, np.asarray(m.fixef), np.asarray(m.dispersion)])
    exact = by_quadrature(d, at, 100)
    assert by_quadrature(d, at, 140) == pytest.approx(exact, abs=1e-5)
    assert m.criterion == pytest.approx(exact, abs=18 * 0.04)


@pytest.mark.parametrize(("n_agq", "apart", "close"), [(1, 4.0, 0.2), (15, 2e-3, 2e-3)])
def test_quadrature_is_the_integral(n_agq, apart, close):
    """With groups of 5 rows the maximum is another than that of the Laplace approximation."""
    d = made(levels=60, each=5)
    m = glmer(FORMULA, d, "gaussian", dispformula=DISP, n_agq=n_agq)
    at = np.concatenate([m.theta, np.asarray(m.fixef), np.asarray(m.dispersion)])
    assert m.criterion == pytest.approx(by_quadrature(d, at, 100), abs=apart)
    assert m.convergence.certified
    found = minimize(lambda p: by_quadrature(d, p), at, method="BFGS", options={"gtol": 1e-3}).x
    assert np.abs((found - at)[2:] / np.sqrt(np.diag(m.joint_vcov))).max() < 2 * close
    np.testing.assert_allclose(at[:2], found[:2], rtol=close)


def test_recovers_the_truth():
    """Mean estimates of 25 responses lie within three standard errors of what they were drawn from."""
    found = []
    for seed in range(25):
        m = glmer(FORMULA, made(levels=40, each=20, seed=seed), "gaussian", dispformula=DISP)
        assert m.convergence.certified
        found.append([*m.theta, *np.asarray(m.fixef), *np.asarray(m.dispersion)])
    found, truth = np.array(found), np.array([0.7, 0.6, 1.0, 0.5, -1.0, 0.3])
    z = (found.mean(axis=0) - truth) / (found.std(axis=0, ddof=1) / np.sqrt(len(found)))
    assert np.abs(z[2:]).max() < 3
    assert (np.abs(found.mean(axis=0)[:2] / truth[:2] - 1) < [0.05, 0.1]).all()  # maximum likelihood is a little low


@pytest.mark.parametrize(
    ("family", "shape", "dispersion"),
    [
        ("gamma(log)", {}, -1.2), ("inverse_gaussian(log)", {}, -1.2), ("negative_binomial", {}, 0.5),
        ("negative_binomial_1", {}, 0.3), ("beta", {}, 2.0), ("student_t", {"df": 6}, -0.5),
        ("tweedie", {"power": 1.5}, 0.0),
    ],
)  # fmt: skip
def test_families(family, shape, dispersion):
    fixed = {"(Intercept)": 0.8, "x": 0.3, "disp: (Intercept)": dispersion, "disp: x": 0.4}
    truth = Truth(fixed, {"g": Group(sd=0.4), "disp: g": Group(sd=0.8)}, family=family, shape=shape)
    m = glmer(FORMULA, made(levels=30, each=25, truth=truth), family, dispformula=DISP)
    assert m.convergence.certified
    errors = np.sqrt(np.diag(m.joint_vcov))
    estimates = np.concatenate([np.asarray(m.fixef), np.asarray(m.dispersion)])
    assert np.abs((estimates - np.array(list(fixed.values()))) / errors).max() < 3
    assert np.abs(m.theta - [0.4, 0.8]).max() < 0.4
    less = glmer(FORMULA, m._data, family, dispformula="~ x")
    assert m.criterion < less.criterion - 2
    assert set(m.truth().fixed) == set(fixed)


def test_zeros_beside_a_dispersion_that_varies():
    fixed = {"(Intercept)": 1.5, "x": 0.3, "zi: (Intercept)": -1.0, "zi: x": 0.7, "disp: (Intercept)": 0.8}
    truth = Truth(fixed, {"g": Group(sd=0.4), "disp: g": Group(sd=0.9)}, family="negative_binomial")
    given = {"ziformula": "~ x", "dispformula": "~ 1 + (1 | g)"}
    m = glmer(FORMULA, made(levels=40, each=40, truth=truth, **given), "negative_binomial", **given)
    assert m.convergence.certified
    estimates = np.concatenate([np.asarray(part) for part in (m.fixef, m.zero_inflation, m.dispersion)])
    assert np.abs((estimates - list(fixed.values())) / np.sqrt(np.diag(m.joint_vcov))).max() < 3
    np.testing.assert_allclose(m.theta, [0.4, 0.9], atol=0.4)
    y = m.simulate(300, groups="same", seed=1)
    np.testing.assert_allclose(y.mean(axis=1), m.fitted(), atol=6 * (y.std(axis=1) / np.sqrt(300)).max())
    assert set(m.truth().fixed) == set(fixed)
    assert "Dispersion model:" in str(m.summary())
    assert m.predict(type="disp", groups="population")[0] == pytest.approx(np.exp(m.dispersion["(Intercept)"]))


def test_paper_and_report_have_what_varies_in_the_dispersion(scales, tmp_path):
    lines = [line.strip() for line in repr(scales.equation()).splitlines()]
    assert "log(σ[n]²) = α_disp[g[n]] + β_disp x[n]" in lines
    assert "α_disp[g] ~ N(α_disp, σ_α_disp),  g = 1, ..., 60" in lines
    arrows = {(f"{a.main}_{a.sub}", f"{b.main}_{b.sub}") for a, b in scales.diagram().scene.arrows}
    assert {("α_disp,g", "σ_n"), ("α_g", "μ_n")} <= arrows
    page = scales.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Random effects of the dispersion, sorted" in page


def test_page(scales):
    page = str(scales.summary())
    heads = ["Dispersion: ~ x + (1 | g)", "Conditional model:\n Groups", "Dispersion model:\n Groups", "Fixed effects:"]
    at = [page.index(head) for head in heads]
    assert at == sorted(at)
    assert "In it, (Intercept) varies over the 60 levels of g." in str(scales.explain())
    assert "dispersion, (1 | g)" in str(scales.check())
    assert "The random effects of the dispersion stay in every model." in str(scales.ranova())
    assert "Dispersion model: g" in str(scales.ranef())


def test_effects_of_the_dispersion(scales, data):
    effects, per_group = scales.ranef().dispersion["g"], scales.coef().dispersion["g"]
    assert per_group["7", "(Intercept)"] == pytest.approx(
        scales.dispersion["(Intercept)"] + effects["7", "(Intercept)"]
    )
    assert (effects.errors > 0).all()
    assert (per_group.errors[:, 0] > 0).all()
    assert scales.varcorr().dispersion["g"].sd[0] == pytest.approx(scales.theta[1])
    assert scales.ranef().zero_inflation is None
    frames = (scales.ranef().to_frame(), scales.varcorr().to_frame())
    assert [list(dict.fromkeys(frame["component"])) for frame in frames] == [["cond", "disp"]] * 2
    within = np.log(data.assign(r=data["y"] - scales.fitted()).groupby("g")["r"].var())
    assert np.corrcoef(within, np.asarray(effects)[:, 0])[0, 1] > 0.8
    tidied = scales.tidy()
    assert tidied.loc[tidied["effect"] == "ran_pars", "component"].tolist() == ["cond", "disp"]


def test_intervals_of_its_standard_deviation(scales):
    name = "disp: sd_(Intercept)|g"
    limits = scales.confint(method="profile", parameters=name).to_frame()
    assert limits["component"].tolist() == ["disp"]
    assert limits["lower"].iloc[0] < scales.theta[1] < limits["upper"].iloc[0]
    drawn = scales.confint(method="boot", n=60, seed=1, parameters=name).to_frame()
    np.testing.assert_allclose(drawn[["lower", "upper"]], limits[["lower", "upper"]], rtol=0.25)


def test_predictions_and_simulations(scales, data):
    new = data.iloc[:30]
    np.testing.assert_allclose(scales.predict(new), scales.fitted()[:30])
    np.testing.assert_allclose(scales.predict(new, type="disp"), scales._fit.shape[0][:30])
    delta = np.log(scales.predict(new, type="disp", groups="population"))
    np.testing.assert_allclose(delta, scales.dispersion["(Intercept)"] + scales.dispersion["x"] * new["x"])
    average = np.exp(delta + scales.theta[1] ** 2 / 2)  # of a lognormal
    np.testing.assert_allclose(scales.predict(new, type="disp", groups="average"), average, rtol=1e-8)
    drawn = scales.predict(new.assign(g=99), type="disp", new_levels="draw", seed=1)
    assert np.ptp(np.log(drawn) - delta) < 1e-10 < abs((np.log(drawn) - delta)[0])
    mean = scales.predict(new, groups="population")
    np.testing.assert_allclose(mean, scales.fixef["(Intercept)"] + scales.fixef["x"] * new["x"])
    band = scales.predict(new, interval="confidence")
    np.testing.assert_allclose(band["estimate"], scales.fitted()[:30])
    y = scales.simulate(1500, groups="same", seed=1)
    sd = np.sqrt(scales._fit.shape[0])
    np.testing.assert_allclose(y.std(axis=1), sd, rtol=0.1)
    np.testing.assert_allclose(y.mean(axis=1), scales.fitted(), atol=5 * sd.max() / np.sqrt(1500))
    np.testing.assert_array_equal(scales.simulate(2, groups="same", newdata=data, seed=1), y[:, :2])
    anew = scales.simulate(400, seed=2)  # log variances within groups vary from one simulation to the next
    spread = np.log(anew[:12].var(axis=0, ddof=1)).std()
    assert spread > np.log(y[:12].var(axis=0, ddof=1)).std() + 0.2
    z = scales.residuals("scaled")
    assert np.std(z) == pytest.approx(1, abs=0.06)
    with pytest.raises(DataError, match="g has levels"):
        scales.simulate(1, groups="same", newdata=new.assign(g=99))


def test_means_of_truncated_counts_follow_their_own_size():
    truth = Truth(
        {"(Intercept)": 0.5, "x": 0.3, "disp: (Intercept)": 0.5},
        {"g": Group(sd=0.4), "disp: g": Group(sd=0.8)}, family="truncated_negative_binomial",
    )  # fmt: skip
    d = made(levels=25, each=24, truth=truth, dispformula="~ 1 + (1 | g)")
    m = glmer(FORMULA, d, "truncated_negative_binomial", dispformula="~ 1 + (1 | g)")
    mu, size = np.exp(m.predict()), m._fit.shape[0]
    assert np.ptp(size) > 0.1
    np.testing.assert_allclose(m.predict(type="response"), mu / (1 - (1 + mu / size) ** -size), rtol=1e-10)
    np.testing.assert_allclose(m.predict(d, type="response"), m.fitted(), rtol=1e-10)
    with pytest.raises(DataError, match="not averaged over yet"):
        m.predict(type="response", groups="average")
    found, h = m.predict(type="response", interval="confidence"), 1e-5

    def mean(eta, d):
        return np.exp(eta) / (1 - (1 + np.exp(eta - d)) ** -np.exp(d))

    eta, d = of = np.log([mu, size])
    slopes = [(mean(eta + h, d) - mean(eta - h, d)) / (2 * h), (mean(eta, d + h) - mean(eta, d - h)) / (2 * h)]
    covariance = predictors(m._fit, ("cond", "disp"), same=True).covariance()
    variance = np.einsum("an,abn,bn->n", slopes, covariance, slopes)
    np.testing.assert_allclose(found["std_error"], np.sqrt(variance), rtol=1e-6)
    np.testing.assert_allclose(found["estimate"], mean(*of), rtol=1e-10)


def test_copies_and_rows_that_do_not_count(scales, data):
    copy = pickle.loads(pickle.dumps(scales))
    np.testing.assert_array_equal(copy.ranef().dispersion["g"], scales.ranef().dispersion["g"])
    again = scales.refit(data["y"].to_numpy())
    assert again.criterion == pytest.approx(scales.criterion, abs=1e-7)
    assert scales.criterion_at(scales.theta, scales.fixef, scales.dispersion) == pytest.approx(
        scales.criterion, abs=1e-7
    )
    gaps = data.assign(h=data["g"].astype(float), w=1.0)
    gaps.loc[[3, 40], "h"] = np.nan
    gaps.loc[[100, 101], "w"] = 0.0
    with pytest.warns(mlm.errors.MissingRowsWarning, match="h"):
        m = glmer(FORMULA, gaps, "gaussian", dispformula="~ x + (1 | h)", weights="w")
    rest = glmer(FORMULA, data.drop([3, 40, 100, 101]), "gaussian", dispformula=DISP)
    assert m.criterion == pytest.approx(rest.criterion, abs=1e-7)
    assert m.nobs == 716


def test_units_do_not_matter(data):
    fits = [
        glmer(
            "y ~ x + (1 | g)",
            data.assign(y=k * data["y"], x=data["x"] * k),
            "gaussian",
            dispformula="~ x + (0 + x | g)",
        )
        for k in (1.0, 1e4)
    ]
    assert fits[1].criterion == pytest.approx(fits[0].criterion + 2 * len(data) * np.log(1e4), abs=1e-5)
    assert fits[1].theta[1] * 1e4 == pytest.approx(fits[0].theta[1], rel=1e-3)


def test_nothing_varies():
    truth = Truth({"(Intercept)": 1, "x": 0.5}, {"g": Group(sd=0.7)}, sigma=0.6)
    for seed in range(8):
        d = made(truth=truth, seed=seed, dispformula=None)
        plain = glmer(FORMULA, d, "gaussian", dispformula="~ x")
        m = glmer_quietly(d)
        assert m.criterion < plain.criterion + 1e-6
        if m.is_singular:
            break
    assert m.criterion == pytest.approx(plain.criterion, abs=1e-6)
    with pytest.warns(SingularFitWarning, match="in the model of dispersion, the variance of"):
        glmer(FORMULA, d, "gaussian", dispformula=DISP)


def glmer_quietly(d):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        return glmer(FORMULA, d, "gaussian", dispformula=DISP)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"dispformula": "~ (1 | h)"}, DataError, "'h'"),
        ({"dispformula": "~ x + 1 | g"}, FormulaError, "parenthes"),
        ({"dispformula": "y ~ (1 | g)"}, FormulaError, "without response"),
        ({"dispformula": "~ 0 + (1 | g)"}, FitError, "no mean for its random effects"),
        ({"dispformula": "~ (1 | one)"}, FitError, "single level.*in the model of dispersion"),
        ({"dispformula": "~ (1 + x | row)"}, FitError, r"\(1 \+ x \| row\) in the model of dispersion has 1440"),
        ({"dispformula": "~ (1 | k)", "n_agq": 5}, FitError, "needs exactly one grouping factor"),
        ({"dispformula": DISP, "start": [0.1]}, FitError, "2 finite numbers"),
        ({"dispformula": DISP, "family": "gaussian(log)", "curvature": "expected"}, FitError, "observed"),
        ({"dispformula": DISP, "family": "poisson"}, FitError, "no dispersion"),
        ({"dispformula": DISP, "formula": "y ~ x"}, FormulaError, "no random term"),
    ],
)  # fmt: skip
def test_bad_input(data, options, error, words):
    given = {"formula": FORMULA, "family": "gaussian", **options}
    with pytest.raises(error, match=words):
        glmer(
            data=data.assign(one="a", k=data["t"], row=np.arange(len(data)), y=data["y"].abs().round() + 0.0), **given
        )


@pytest.mark.parametrize(
    ("family", "dispformula", "error", "words"),
    [
        ("gaussian", "~ (1 | g)", FormulaError, "use glmer"),
        ("quasipoisson", "~ x", FitError, "no likelihood, which dispformula needs"),
        ("poisson", "~ x", FitError, "no dispersion that dispformula"),
        ("gaussian", "~ z", DataError, "'z'"),
        ("gaussian", "~ x + I(2 * x)", FitError, "rank 2"),
        (mlm.families.negative_binomial(size=2), "~ x", FitError, "size of the family is given"),
    ],
)  # fmt: skip
def test_bad_glm(data, family, dispformula, error, words):
    with pytest.raises(error, match=words):
        glm("y ~ x", data.assign(y=data["y"].abs().round()), family, dispformula=dispformula)


@pytest.mark.parametrize(
    "question",
    [
        lambda m: m.residuals("deviance"), lambda m: m.r2(), lambda m: m.zero_inflation,
    ],
)  # fmt: skip
def test_questions_without_an_answer(scales, question):
    with pytest.raises(InferenceError):
        question(scales)
