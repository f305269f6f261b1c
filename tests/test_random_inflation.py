"""`glmer` with random effects in ziformula: glmmTMB's answers, what the verbs make of them, bad input."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import test_paper
from reference_data import load
from scipy.special import expit, logsumexp
from scipy.stats import poisson

from multilevel import glm, glmer
from multilevel.errors import (
    DataError,
    FitError,
    FormulaError,
    InferenceError,
    MissingRowsWarning,
    MultilevelWarning,
    SingularFitWarning,
)

FITS = json.loads((Path(__file__).parent / "reference" / "random_inflation.json").read_text(encoding="utf-8"))
SITES, SPECIES = "count ~ mined + (1 | site)", "~ mined + (1 | spp)"


def read(name):
    data = load(name)
    return data.assign(ArrivalTime=data["ArrivalTime"] - 25) if name == "Owls" else data


@pytest.fixture(scope="module")
def salamanders():
    return load("Salamanders")


@pytest.fixture(scope="module")
def crossed(salamanders):
    return glmer(f"{SITES} + (1 | spp)", salamanders, "poisson", ziformula=SPECIES)


@pytest.mark.parametrize("reference", FITS, ids=[f["id"] for f in FITS])
def test_glmmtmb(reference):
    m = glmer(reference["formula"], read(reference["data"]), reference["family"], ziformula=reference["ziformula"])
    assert m.nobs == reference["nobs"]
    assert -1e-3 < m.criterion - reference["criterion"] < 1e-5
    assert m.aic == pytest.approx(reference["aic"], abs=1e-4)
    errors = np.sqrt(np.diag(m.part_vcov("zero inflation")))
    for part, estimates, std_errors in (("cond", m.fixef, np.asarray(m.se)), ("zi", m.zero_inflation, errors)):
        want = {name: np.atleast_1d(values) for name, values in reference[part].items()}
        assert np.abs((np.asarray(estimates) - want["estimate"]) / want["std_error"]).max() < 1e-3
        np.testing.assert_allclose(std_errors, want["std_error"], rtol=1e-3)
    own = m.varcorr()
    for terms, sds in ((own.terms, reference["sds"]), (own.zero_inflation.terms, reference["zero_sds"])):
        np.testing.assert_allclose([sd for term in terms for sd in term.sd], np.atleast_1d(sds), rtol=1e-3)
    np.testing.assert_allclose(m.theta, [sd for v in (own, own.zero_inflation) for t in v.terms for sd in t.sd])
    for group, modes in reference["zero_modes"].items():
        np.testing.assert_allclose(np.asarray(m.ranef().zero_inflation[group])[:5, 0], modes, atol=1e-3)
    np.testing.assert_allclose(m.predict(type="zprob")[:10], reference["zprob"], rtol=1e-3)
    np.testing.assert_allclose(m.predict(type="conditional")[:10], reference["conditional"], rtol=1e-3)
    np.testing.assert_allclose(m.fitted()[:10], reference["fitted"], rtol=1e-3)
    assert m._fit.estimate.certificate.minimum
    assert m.criterion_at(m.theta, m.fixef, m._fit.estimate.parameters) == pytest.approx(m.criterion, abs=1e-6)


def test_page(crossed):
    page = str(crossed.summary())
    heads = [
        "Zero inflation: ~ mined + (1 | spp)",
        "Conditional model:",
        "Zero-inflation model:\n Groups",
        "groups:  site",
    ]
    at = [page.index(head) for head in heads]
    assert at == sorted(at)
    assert str(crossed.varcorr()).count("spp") == 2
    assert "In it, (Intercept) varies over the 7 levels of spp." in str(crossed.explain())
    assert "zero inflation, (1 | spp)" in str(crossed.check())
    assert "stay in every model" in str(crossed.ranova())
    assert crossed.ngroups == {"site": 23, "spp": 7}


def test_frames_name_the_component(crossed):
    found = crossed.varcorr().to_frame()
    assert found["component"].tolist() == ["cond", "cond", "zi"]
    effects = crossed.ranef().to_frame()
    assert (effects["component"] == "zi").sum() == 7
    plain = glmer(SITES, load("Salamanders"), "poisson", ziformula="~ mined")
    assert "component" not in plain.varcorr().to_frame()
    assert plain.ranef().zero_inflation is None


def test_coefficients_per_group(crossed):
    per_group, effects = crossed.coef().zero_inflation["spp"], crossed.ranef().zero_inflation["spp"]
    for level in ("GP", "DF"):
        assert per_group[level, "(Intercept)"] == pytest.approx(
            crossed.zero_inflation["(Intercept)"] + effects[level, "(Intercept)"]
        )
    assert (per_group.errors[:, 0] > 0).all()


def test_prediction_errors_where_the_parts_separate():
    """Zeros of their own: effects of the inflation are those of a binomial model, with its standard errors."""
    data = load("made_tweedie")
    m = glmer("y ~ x + (1 | g)", data, "gamma", ziformula="~ x + (1 | g)")
    alone = glmer("I(y == 0) ~ x + (1 | g)", data, "binomial")
    for verb in ("ranef", "coef"):
        own, other = getattr(m, verb)().zero_inflation["g"], getattr(alone, verb)()["g"]
        np.testing.assert_allclose(own, other, atol=1e-4)
        np.testing.assert_allclose(own.errors, other.errors, rtol=1e-3)


def test_predictions(crossed, salamanders):
    new = salamanders.iloc[:40]
    for groups in ("same", "population", "average"):
        options = {"groups": groups} if groups != "same" else {}
        product = (1 - crossed.predict(new, type="zprob", **options)) * crossed.predict(
            new, type="conditional", **options
        )
        np.testing.assert_allclose(crossed.predict(new, type="response", **options), product, rtol=1e-12)
    np.testing.assert_allclose(crossed.predict(new, type="response"), crossed.fitted()[:40], rtol=1e-12)
    gamma, sd = np.asarray(crossed.zero_inflation), crossed.varcorr().zero_inflation["spp"]["(Intercept)"]
    logit = gamma[0] + gamma[1] * (new["mined"] == "no").to_numpy()
    np.testing.assert_allclose(crossed.predict(new, type="zprob", groups="population"), expit(logit), rtol=1e-10)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    mean = expit(logit[:, None] + sd * nodes) @ weights / weights.sum()
    np.testing.assert_allclose(crossed.predict(new, type="zprob", groups="average"), mean, rtol=1e-8)


def test_new_levels(crossed, salamanders):
    new = salamanders.iloc[:6].assign(spp=["GP", "GP", "new", "new", "other", "GP"])
    with pytest.raises(DataError, match="spp has levels that the fit has not seen: 'new', 'other'"):
        crossed.predict(new, type="zprob")
    known, middle = (
        crossed.predict(new.assign(spp="GP"), type="zprob"),
        crossed.predict(new, type="zprob", groups="population"),
    )
    mixed = crossed.predict(new, type="zprob", new_levels="population")
    np.testing.assert_allclose(mixed, np.where(new["spp"] == "GP", known, middle))
    drawn = crossed.predict(new, type="zprob", new_levels="draw", seed=1)
    assert drawn[2] != drawn[4] != middle[4]
    np.testing.assert_allclose(drawn[[0, 1, 5]], known[[0, 1, 5]])
    product = (1 - drawn) * crossed.predict(new, type="conditional", new_levels="draw", seed=1)
    np.testing.assert_allclose(crossed.predict(new, type="response", new_levels="draw", seed=1), product)


def test_simulations(crossed, salamanders):
    y = crossed.simulate(1000, groups="same", seed=1)
    z = (y.mean(axis=1) - crossed.fitted()) / (y.std(axis=1) / np.sqrt(1000))
    assert abs(z.mean()) < 0.2
    assert np.abs(z).max() < 5.5
    np.testing.assert_array_equal(crossed.simulate(2, groups="same", newdata=salamanders, seed=1), y[:, :2])
    anew = crossed.simulate(400, seed=2)
    species = [(anew[(salamanders["spp"] == level).to_numpy()] == 0).mean(axis=0) for level in ("GP", "PR")]
    kept = [(y[(salamanders["spp"] == level).to_numpy()] == 0).mean(axis=0) for level in ("GP", "PR")]
    assert np.std(species[0]) > 2 * np.std(kept[0])  # the effects differ from one simulation to the next
    assert abs(np.corrcoef(species)[0, 1]) < 0.3
    assert crossed.simulate(1, newdata=salamanders.assign(spp="new"), seed=1).shape == (644, 1)
    with pytest.raises(DataError, match="draws the effects of all levels"):
        crossed.simulate(1, newdata=salamanders.assign(spp="new"), groups="same")


def test_refit_and_pickle(crossed, salamanders):
    again = crossed.refit(salamanders["count"])
    assert again.criterion == pytest.approx(crossed.criterion, abs=1e-7)
    np.testing.assert_allclose(again.theta, crossed.theta, atol=1e-4)
    copy = pickle.loads(pickle.dumps(crossed))
    np.testing.assert_array_equal(copy.ranef().zero_inflation["spp"], crossed.ranef().zero_inflation["spp"])
    np.testing.assert_allclose(copy.coef().zero_inflation["spp"], crossed.coef().zero_inflation["spp"])


def test_missing_groups_and_rows_that_do_not_count(salamanders):
    gaps = salamanders.assign(site2=salamanders["site"].astype(str), w=1.0)
    gaps.loc[[3, 8], "site2"] = None
    gaps.loc[[11, 12], "w"] = 0.0
    with pytest.warns(MissingRowsWarning, match="site2"):
        m = glmer(SITES, gaps, "poisson", ziformula="~ mined + (1 | site2)", weights="w")
    rest = salamanders.drop([3, 8, 11, 12])
    whole = glmer(SITES, rest, "poisson", ziformula="~ mined + (1 | site)")
    assert m.nobs == whole.nobs == 640
    assert m.criterion == pytest.approx(whole.criterion, abs=1e-7)
    assert np.isnan(m.fitted()[[3, 8]]).all()
    assert np.isnan(m.predict(type="zprob")[[3, 8]]).all()
    np.testing.assert_allclose(m.fitted()[rest.index], whole.fitted(), rtol=1e-5)


def test_nothing_varies(salamanders):
    rng = np.random.default_rng(4)
    shuffled = salamanders.assign(ward=rng.permutation(np.arange(len(salamanders)) % 12).astype(str))
    with pytest.warns(SingularFitWarning, match="in the model of zero inflation, the variance of"):
        m = glmer(SITES, shuffled, "poisson", ziformula="~ mined + (1 | ward)")
    fixed = glmer(SITES, shuffled, "poisson", ziformula="~ mined")
    assert m.is_singular
    assert m.criterion == pytest.approx(fixed.criterion, abs=1e-6)
    assert "leave (1 | ward) out" in str(m.explain())


def test_quadrature_is_the_integral(salamanders):
    """Both integrals of each site by a product rule with fixed nodes."""
    m = glmer(SITES, salamanders, "poisson", ziformula="~ 1 + (1 | site)", n_agq=15)
    z, w = np.polynomial.hermite_e.hermegauss(80)
    weight = np.log(w / w.sum())[:, None] + np.log(w / w.sum())
    total = 0.0
    for _, rows in salamanders.groupby("site", observed=True):
        eta = (m.fixef["(Intercept)"] + m.fixef["mined[no]"] * (rows["mined"] == "no")).to_numpy()
        mu = np.exp(eta[:, None] + m.theta[0] * z)[:, :, None]
        logit = m.zero_inflation["(Intercept)"] + m.theta[1] * z
        y = rows["count"].to_numpy()[:, None, None]
        density = expit(-logit) * poisson.pmf(y, mu) + expit(logit) * (y == 0)
        total += logsumexp(np.log(density).sum(axis=0) + weight)
    assert m.criterion == pytest.approx(-2 * total, abs=1e-3)
    assert m.convergence.certified
    laplace = glmer(SITES, salamanders, "poisson", ziformula="~ 1 + (1 | site)")
    assert laplace.criterion > m.criterion + 0.05


def test_units_do_not_matter(salamanders):
    fits = [
        glmer(SITES, salamanders.assign(DOY=salamanders["DOY"] * k), "poisson", ziformula="~ DOY + (0 + DOY | spp)")
        for k in (1, 1e4)
    ]
    assert fits[1].criterion == pytest.approx(fits[0].criterion, abs=1e-6)
    assert fits[1].theta[1] * 1e4 == pytest.approx(fits[0].theta[1], rel=1e-3)


def test_a_term_left_out_keeps_the_inflation(crossed, salamanders):
    less = glmer("count ~ 1 + (1 | site) + (1 | spp)", salamanders, "poisson", ziformula=SPECIES)
    assert f"{less.aic:.1f}" in str(crossed.drop1())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"ziformula": "~ (1 | sight)"}, DataError, "'site'"),
        ({"ziformula": "~ mined + (1 | site"}, FormulaError, r"\("),
        ({"ziformula": "~ mined + 1 | site"}, FormulaError, "parenthes"),
        ({"ziformula": "count ~ (1 | site)"}, FormulaError, "without response"),
        ({"ziformula": "~ 0 + (1 | site)"}, FitError, "no mean for its random effects"),
        ({"ziformula": "~ (1 | one)"}, FitError, "single level.*in the model of zero inflation"),
        ({"ziformula": "~ (1 + DOY | row)"}, FitError, r"\(1 \+ DOY \| row\) in the model of zero inflation has 1288"),
        ({"ziformula": "~ offset(DOY) + (1 | site)"}, FormulaError, "offsets"),
        ({"ziformula": "~ (1 | spp)", "n_agq": 5}, FitError, "needs exactly one grouping factor"),
        ({"ziformula": "~ (1 | site)", "start": [0.1]}, FitError, "2 finite numbers"),
        ({"ziformula": "~ (1 | site)", "family": "poisson(sqrt)", "curvature": "expected"}, FitError, "observed"),
        ({"formula": "count ~ mined", "ziformula": "~ (1 | site)"}, FormulaError, "no random term"),
    ],
)
def test_bad_input(salamanders, options, error, words):
    data = salamanders.assign(one="a", row=np.arange(len(salamanders)))
    given = {"formula": SITES, "family": "poisson", **options}
    with pytest.raises(error, match=words):
        glmer(data=data, **given)


def test_glm_sends_to_glmer(salamanders):
    with pytest.raises(FormulaError, match="use glmer"):
        glm("count ~ mined", salamanders, "poisson", ziformula="~ (1 | site)")


@pytest.mark.parametrize(
    "question",
    [lambda m: m.residuals("deviance"), lambda m: m.predict(type="response", interval="prediction", groups="x")],
)
def test_questions_without_an_answer(crossed, question):
    with pytest.raises((InferenceError, DataError)):
        question(crossed)


def test_equations_say_what_varies_in_the_inflation(crossed):
    """An intercept that varies has its mean on its own line, in symbols and in numbers."""
    lines = [line.strip() for line in repr(crossed.equation()).splitlines()]
    assert "logit(π[n]) = α_zi[spp[n]] + β_zi [mined[n] = no]" in lines
    assert "α_zi[spp] ~ N(α_zi, σ_α_zi),  spp = 1, ..., 7" in lines
    zero, sd = crossed.zero_inflation["(Intercept)"], crossed.varcorr().zero_inflation["spp"]["(Intercept)"]
    assert f"α_zi[spp] ~ N({zero:.4g}, {sd:.4g}),  spp = 1, ..., 7" in repr(crossed.equation(numbers=True))
    assert r"\alpha_{\text{zi},\text{spp}} &\sim" in str(crossed.equation())


def test_equations_of_correlated_effects_in_the_inflation(salamanders):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        m = glmer("count ~ mined + (mined | site)", salamanders, "poisson", ziformula="~ DOY + (DOY | spp)")
    text = repr(m.equation())
    assert "Σ_zi[spp] = (σ_α_zi²" in text
    assert "ρ_zi[spp] · σ_α_zi · σ_β_zi" in text
    assert "Σ[site] = (σ_α²" in text


def test_diagram_leads_effects_of_the_inflation_to_its_chance(crossed):
    scene = crossed.diagram().scene
    arrows = {(f"{a.main}_{a.sub}", f"{b.main}_{b.sub}") for a, b in scene.arrows}
    assert {("α_zi,spp", "π_n"), ("γ_spp", "μ_n"), ("α_site", "μ_n"), ("α_zi", "α_zi,spp")} <= arrows
    assert ("α_zi,spp", "μ_n") not in arrows
    (plate,) = (plate for plate in scene.plates if plate.label.startswith("spp"))
    effect = next(node for node in scene.nodes if node.sub == "zi,spp")
    assert plate.left < effect.x < plate.right
    test_paper.test_nothing_hides_anything((crossed.diagram(), {}))


def test_report_has_the_whole_model(crossed, tmp_path):
    page = crossed.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<math" in page
    assert "Zero-inflation model" in page
    assert r"\alpha_{\text{zi},\text{spp}}" in page


@pytest.fixture(scope="module")
def two_terms(salamanders):
    return glmer(SITES, salamanders, "poisson", ziformula=SPECIES)


def test_its_standard_deviations_are_among_the_parameters(two_terms):
    found = two_terms.confint(method="boot", n=40, seed=1, parameters="theta_").to_frame()
    assert found["component"].tolist() == ["cond", "zi"]
    assert found["parameter"].tolist() == ["sd_(Intercept)|site", "zi: sd_(Intercept)|spp"]
    np.testing.assert_allclose(found["estimate"], two_terms.theta)
    assert (found["lower"] < found["upper"]).all()
    tidied = two_terms.tidy()
    assert tidied.loc[tidied["effect"] == "ran_pars", "component"].tolist() == ["cond", "zi"]


def test_profile_of_its_standard_deviation(two_terms):
    """At the limits of the interval the profile is as far above its minimum as the level says."""
    name = "zi: sd_(Intercept)|spp"
    limits = two_terms.confint(method="profile", parameters=name).to_frame()
    m, core = two_terms, two_terms._fit.likelihood.core
    at = limits["lower"].iloc[0]
    theta = np.array([m.theta[0], at])
    rest = [theta[:1], np.asarray(m.fixef), m._fit.estimate.parameters]

    def criterion(x):
        return core.objective(np.array([x[0], at]), x[1:3].copy(), x[3:].copy())

    from scipy.optimize import minimize

    best = minimize(criterion, np.concatenate(rest), method="BFGS").fun
    assert best - m.criterion == pytest.approx(3.841, abs=0.02)
