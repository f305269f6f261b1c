"""The verbs on parts of a fit with zero inflation and a dispersion model: R's answers, the delta method, bad input."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from reference_data import load
from scipy.optimize import minimize

from multilevel import compare, glm, glmer
from multilevel.errors import DataError, FitError, FormulaError, InferenceError, MissingRowsWarning
from multilevel.models.components import component_fit, positions, whole

R = json.loads((Path(__file__).parent / "reference" / "parts.json").read_text(encoding="utf-8"))
FORMULA = "count ~ spp + mined + (1 | site)"


@pytest.fixture(scope="module")
def salamanders():
    return load("Salamanders")


@pytest.fixture(scope="module")
def m(salamanders):
    return glmer(FORMULA, salamanders, "negative_binomial", ziformula="~ mined + DOY", dispformula="~ cover")


@pytest.fixture(scope="module")
def inflated(salamanders):
    return glmer(FORMULA, salamanders, "negative_binomial", ziformula="~ mined")


@pytest.fixture(scope="module")
def plain(salamanders):
    return glmer(FORMULA, salamanders, "negative_binomial")


def agrees(made, want):
    np.testing.assert_allclose(made.estimate, np.atleast_1d(want["estimate"]), rtol=1e-3)
    np.testing.assert_allclose(made.std_error, np.atleast_1d(want["std_error"]), rtol=1e-3)


def test_joint_covariance(m):
    want = np.array(R["vcov"])[:-1, :-1]  # theta stands last
    size = np.sqrt(np.diag(want))
    assert np.abs((np.asarray(m.joint_vcov) - want) / np.outer(size, size)).max() < 1e-3
    assert m.joint_vcov["zi: DOY", "mined[no]"] != 0
    assert m.joint_vcov["zi: DOY", "mined[no]"] == pytest.approx(m.joint_vcov["mined[no]", "zi: DOY"])
    np.testing.assert_allclose(np.asarray(m.joint_vcov)[:8, :8], m.vcov, rtol=1e-8)
    np.testing.assert_allclose(np.asarray(m.joint_vcov)[8:11, 8:11], m.part_vcov("zero inflation"), rtol=1e-8)


# ---- means ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("component", ["cond", "zi"])
def test_means_of_a_part(m, component):
    want = R[component]
    agrees(m.emmeans("mined", component=component).estimates, want["means"])
    agrees(m.emmeans("mined", component=component, type="response").estimates, want["response"])
    agrees(m.emmeans("mined", component=component, type="response").pairs().estimates, want["pairs"])


def test_slopes_of_zero_inflation(m):
    agrees(m.emtrends("~ 1", "DOY", component="zi").estimates, R["zi"]["trend"])


def test_expected_responses(m):
    want = R["response"]
    means = m.emmeans("mined", component="response")
    agrees(means.estimates, want["means"])
    agrees(means.pairs().estimates, want["pairs"])
    agrees(m.emmeans("~ spp * mined", component="response").estimates, want["cells"])
    agrees(m.emtrends("~ 1", "DOY", component="response").estimates, want["trend"])
    assert "inflated zeros included" in " ".join(str(means).split())


def test_expected_responses_are_those_predicted(m, salamanders):
    at = {"DOY": [-1.0, 0.5]}
    made = m.emmeans("~ spp * mined * DOY", at=at, component="response").to_frame()
    new = made[["spp", "mined", "DOY"]]
    interval = m.predict(new, type="response", groups="population", interval="confidence")
    np.testing.assert_allclose(made["estimate"], interval["estimate"], rtol=1e-12)
    np.testing.assert_allclose(made["std_error"], interval["std_error"], rtol=1e-10)


def test_units_and_origin_do_not_matter(m, salamanders):
    moved = salamanders.assign(DOY=salamanders["DOY"] * 1e4 + 1e6)
    other = glmer(FORMULA, moved, "negative_binomial", ziformula="~ mined + DOY", dispformula="~ cover")
    for one, two in zip(
        m.emmeans("mined", component="response").estimates, other.emmeans("mined", component="response").estimates,
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(one, two, rtol=1e-4)
    row, column = ("zi: DOY", "mined[no]")
    assert other.joint_vcov[row, column] * 1e4 == pytest.approx(m.joint_vcov[row, column], rel=2e-3)


def test_weights_and_offsets_of_expected_responses(salamanders):
    longer = salamanders.assign(effort=1.0 + salamanders["DOP"].abs())
    m = glmer("count ~ mined + offset(log(effort)) + (1 | site)", longer, "poisson", ziformula="~ cover")
    cells = m.emmeans("~ mined * cover", at={"cover": [0, 1]}, component="response").estimates.estimate
    counts = m.emmeans("mined", at={"cover": [0, 1]}, component="response", weights=[3, 1]).estimates.estimate
    np.testing.assert_allclose(counts, 0.75 * cells[:2] + 0.25 * cells[2:], rtol=1e-12)
    mean = np.log(longer["effort"]).mean()
    chance = 1 / (1 + np.exp(-np.asarray(m.zero_inflation)[0]))
    want = (1 - chance) * np.exp(m.fixef["(Intercept)"] + mean)
    assert cells[0] == pytest.approx(want, rel=1e-12)


def test_pages_say_which_mean(m, plain, inflated):
    assert 'component="response" counts them' in " ".join(str(inflated.emmeans("mined")).split())
    assert "counts them" in " ".join(str(inflated.emmeans("mined").pairs()).split())
    assert "zeros" not in str(plain.emmeans("mined"))


def test_dispersion_by_its_predictor(m):
    made = m.emmeans("cover", component="disp", at={"cover": [0.0, 2.0]}, type="response").estimates.estimate
    gamma = np.asarray(m.dispersion)
    np.testing.assert_allclose(made, np.exp(gamma[0] + gamma[1] * np.array([0.0, 2.0])))


# ---- tests and intervals --------------------------------------------------------------------------------------------


def test_hypotheses_of_any_part(m):
    table = m.tidy()
    row = table[(table["component"] == "zi") & (table["term"] == "mined[no]")].iloc[0]
    assert m.test("zi: mined[no] = 0").p_value == pytest.approx(row["p_value"], rel=1e-9)
    both = m.test("mined[no] = zi: mined[no]")
    V = m.joint_vcov
    one, other = "mined[no]", "zi: mined[no]"
    variance = V[one, one] + V[other, other] - 2 * V[one, other]
    assert both.each.std_error[0] == pytest.approx(np.sqrt(variance))
    joint = m.test(["zi: mined[no] = 0", "zi: DOY = 0"])
    assert joint.joint.df1 == 2
    assert m.anova(component="zi")["mined"][0] == pytest.approx(float(m.test("zi: mined[no]").each.statistic[0]) ** 2)
    assert m.joint_tests(component="zi").to_frame()["statistic"][0] == pytest.approx(
        m.anova(component="zi")["mined"][0]
    )


def test_deletions_from_a_part(m):
    table = m.drop1(component="zi")
    assert table.to_frame()["statistic"][2] == pytest.approx(R["less"] - R["full"], abs=1e-5)
    assert "Zero inflation: ~ mined + DOY" in str(table)
    assert m.drop1(component="disp").to_frame()["npar"][1] == 1


def test_models_that_differ_in_a_part(m, salamanders, plain):
    options = {"family": "negative_binomial", "dispformula": "~ cover"}
    less = glmer(FORMULA, salamanders, ziformula="~ mined", **options)
    none = glmer(FORMULA, salamanders, **options)
    other = glmer(FORMULA, salamanders, ziformula="~ cover", **options)
    page = compare(plain, none, less, m)
    ratios = page.to_frame()["statistic"].to_numpy()[1:]
    want = [plain.criterion - none.criterion, R["none"] - R["less"], R["less"] - R["full"]]
    np.testing.assert_allclose(ratios, want, atol=1e-5)
    assert "zero inflation ~ mined + DOY" in " ".join(str(page).split())
    assert "at the edge" in str(page)
    apart = compare(other, m)
    assert "not nested" in " ".join(str(apart).split())
    assert np.isnan(apart.to_frame()["statistic"]).all()


def test_wald_intervals(m):
    limits = {name: row[:2] for name, row in zip(R["confint"]["names"], R["confint"]["limits"], strict=True)}
    made = m.confint()
    for ours, theirs in {"zi: DOY": "zi.DOY", "disp: cover": "disp.cover", "mined[no]": "cond.minedno"}.items():
        np.testing.assert_allclose([made[ours].lower, made[ours].upper], limits[theirs], rtol=1e-3)
    assert list(m.confint(parameters="zi_")) == ["zi: (Intercept)", "zi: mined[no]", "zi: DOY"]
    assert list(made.to_frame()["component"])[-2:] == ["disp", "disp"]
    assert len(m.confint(parameters="beta_")) == 8


def test_profile_of_zero_inflation(inflated):
    made = inflated.confint("profile", parameters=["zi: (Intercept)", "zi: mined[no]"])
    low = made["zi: (Intercept)"].lower
    fit = inflated._fit
    e = fit.estimate
    at = len(e.theta) + positions(fit)[list(whole(fit).names).index("zi: (Intercept)")]
    x0 = np.concatenate([e.theta, e.beta, e.parameters])

    def criterion(free):
        x = np.insert(free, at, low)
        found = fit.likelihood.solve(*np.split(x, [len(e.theta), len(e.theta) + len(e.beta)]))
        return found.criterion, np.delete(found.gradient, at)

    best = minimize(criterion, np.delete(x0, at), jac=True, method="BFGS", options={"gtol": 1e-5})
    assert best.fun - e.criterion == pytest.approx(1.959964**2, abs=1e-3)
    assert made["zi: mined[no]"].lower == -np.inf  # no inflated zeros at all without mining is likely enough
    assert "levels off" in str(made)


def test_bootstrap_draws_and_refits_all_parts(salamanders):
    m = glmer("count ~ mined + (1 | site)", salamanders, "poisson", ziformula="~ mined")
    b = m.bootstrap(60, seed=3)
    assert b.names[-2:] == ("zi: (Intercept)", "zi: mined[no]")
    wald = np.sqrt(np.diag(m.part_vcov("zero inflation")))
    assert (np.abs(b.bias[-2:]) < 4 * b.se[-2:] / np.sqrt(60) + 0.3 * wald).all()
    np.testing.assert_allclose(b.se[-2:], wald, rtol=0.5)
    refit = m.refit(m.simulate(1, seed=np.random.default_rng(4))[:, 0])
    assert np.isfinite(refit.zero_inflation).all()
    own = m.bootstrap(3, lambda r: np.asarray(r.zero_inflation), seed=3).replicates
    np.testing.assert_allclose(own, b.replicates[:3, -2:], atol=2e-3)


@pytest.mark.parametrize("type", ["link", "conditional", "response", "zprob"])
def test_intervals_of_known_groups(m, type):
    """Slopes of the whole prediction, modes included, by differences of refits of the modes."""
    fit = m._fit
    e = fit.estimate
    W = np.column_stack(fit.models.inflation.X)
    x0 = np.concatenate([e.beta, e.parameters])

    def predicted(x):
        beta, shape = np.split(x, [len(e.beta)])
        eta = fit.likelihood.solve(e.theta, beta, shape).eta
        pi = 1 / (1 + np.exp(-W @ shape[fit.models.places("zero inflation")]))
        return {"link": eta, "conditional": np.exp(eta), "response": (1 - pi) * np.exp(eta), "zprob": pi}[type]

    V = e.vcov_joint
    columns = []
    for j in range(len(x0)):
        h = np.zeros(len(x0))
        h[j] = 1e-4 * np.sqrt(V[j, j])
        columns.append((predicted(x0 + h) - predicted(x0 - h)) / (2 * h[j]))
    J = np.array(columns).T
    part = fit.rows.random[0]
    own = {"link": 1.0, "zprob": 0.0}.get(type, predicted(x0))
    variance = np.einsum("ij,jk,ik->i", J, V, J) + own**2 * fit.posterior[0][0][:, 0, 0][part.codes]
    made = m.predict(type=type, interval="confidence")
    np.testing.assert_allclose(made["std_error"], np.sqrt(variance), rtol=1e-6)
    np.testing.assert_allclose(made["estimate"], predicted(x0), rtol=1e-10)
    assert ((made["lower"] < made["estimate"]) & (made["estimate"] < made["upper"])).all()
    if type == "zprob":
        agrees(made[["estimate", "std_error"]][:30], R["predicted"]["zprob"])
    if type in ("conditional", "response"):
        assert (made["lower"] > 0).all()


def test_intervals_with_missing_predictors(m, salamanders):
    new = salamanders.iloc[:6].copy()
    new.loc[0, "DOY"] = np.nan
    new.loc[1, "mined"] = None
    made = m.predict(new, type="response", groups="population", interval="confidence")
    np.testing.assert_array_equal(np.isnan(made["std_error"]), [True, True, False, False, False, False])
    whole_rows = m.predict(groups="population", type="response", interval="confidence")
    np.testing.assert_allclose(made.iloc[2:], whole_rows.iloc[2:6], rtol=1e-12)


# ---- frames ---------------------------------------------------------------------------------------------------------


def test_tidy_names_the_part(m, plain):
    table = m.tidy()
    assert list(table.columns[:4]) == ["effect", "component", "group", "term"]
    assert table["component"].tolist() == ["cond"] * 8 + ["zi"] * 3 + ["disp"] * 2 + ["cond"]
    np.testing.assert_allclose(table["estimate"][8:11], m.zero_inflation)
    ratios = m.tidy(exponentiate=True)
    np.testing.assert_allclose(ratios["estimate"][8:13], np.exp(table["estimate"][8:13]))
    assert "component" not in plain.tidy()


def test_augment_has_the_chance_of_zeros(m, plain):
    made = m.augment()
    np.testing.assert_allclose(made[".zprob"], m.predict(type="zprob"))
    np.testing.assert_allclose(made[".fitted"], m.predict(type="response"))
    assert ".zprob" not in plain.augment()


def test_r2_of_the_conditional_part(inflated, salamanders):
    null = glmer("count ~ 1 + (1 | site)", salamanders, "negative_binomial", ziformula="~ mined")
    fixed = np.var(np.log(inflated.predict(type="conditional", groups="population")), ddof=1)
    between = float(inflated.varcorr().terms[0].sd[0]) ** 2
    own = np.log1p(1 / np.exp(null.fixef["(Intercept)"]) + 1 / inflated.shape["size"])
    found = inflated.r2()
    total = fixed + between + own
    assert (found.marginal, found.conditional) == pytest.approx((fixed / total, (fixed + between) / total), rel=1e-6)
    assert inflated.icc().adjusted == pytest.approx(between / (between + own), rel=1e-6)
    assert "inflated zeros are left out" in str(found)


# ---- on paper -------------------------------------------------------------------------------------------------------


def test_equations(m, salamanders):
    lines = repr(m.equation()).splitlines()
    assert [line.strip() for line in lines] == [
        "count[n] ~ 0 with probability π[n],",
        "otherwise NegativeBinomial(mean = μ[n], size = φ[n])",
        "log(μ[n]) = α[site[n]] + β₁[spp[n]] + β₂ [mined[n] = no]",
        "β₁[GP] = 0",
        "logit(π[n]) = α_zi + β_zi,1 [mined[n] = no] + β_zi,2 DOY[n]",
        "log(φ[n]) = α_disp + β_disp cover[n]",
        "α[site] ~ N(α, σ_α),  site = 1, ..., 23",
    ]
    assert f"{m.zero_inflation['DOY']:.4g} DOY[n]" in repr(m.equation(numbers=True))
    assert r"\text{logit}(\pi_{n}) &= \alpha_{\text{zi}} + \beta_{\text{zi},1}" in str(m.equation())
    assert "<mtext>with probability</mtext>" in m.equation().mathml
    levels = glmer("count ~ 1 + (1 | site)", salamanders, "poisson", ziformula="~ spp")
    assert [line.strip() for line in repr(levels.equation()).splitlines()[-3:-1]] == [
        "logit(π[n]) = α_zi + β_zi[spp[n]]",
        "β_zi[GP] = 0",
    ]


def test_dispersion_of_normal_responses_is_a_variance():
    m = glmer("y ~ x + trt + (1 | g)", load("made_hetero"), "gaussian", dispformula="~ trt")
    lines = [line.strip() for line in repr(m.equation()).splitlines()]
    assert lines[0].endswith("N(μ[n], σ[n])")
    assert any(line.startswith("log(σ[n]²) = α_disp + β_disp") for line in lines)


def test_diagram(m):
    from multilevel.paper.drafting import scene_of

    scene = scene_of(m._fit)
    named = {(node.main, node.sub): node for node in scene.nodes}
    into = {(a.main, b.main) for a, b in scene.arrows}
    assert {("mined", "π"), ("DOY", "π"), ("cover", "φ"), ("mined", "μ"), ("π", "count"), ("φ", "count")} <= into
    assert ("φ", "") not in named  # it differs between rows
    assert named["α, β", "zi"].y == named["π", "n"].y
    (rows,) = [plate for plate in scene.plates if not plate.group]
    for node in (named["π", "n"], named["φ", "n"], named["cover", "n"]):
        assert rows.left < node.box[0]
        assert node.box[2] < rows.right
        assert node.box[3] < rows.bottom
    boxes = [node.box for node in scene.nodes]
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert not any(a < right and left < c and b < bottom and top < d for a, b, c, d in boxes[:i])


def test_report(m, tmp_path):
    page = m.report(tmp_path / "fit.html").read_text(encoding="utf-8")
    assert "Zero-inflation model:" in page
    assert "intra-class correlation are not defined" in page


# ---- without groups -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
def test_glm_with_inflated_zeros(family, salamanders):
    m = glm("count ~ spp + mined", salamanders, family, ziformula="~ mined")
    want = R["glm"][family]
    assert m.criterion == pytest.approx(want["criterion"], abs=1e-6)
    assert (m.aic, m.df_residual) == (pytest.approx(want["aic"], abs=1e-6), want["df_residual"])
    np.testing.assert_allclose(m.fixef, want["cond"]["estimate"], atol=1e-3 * min(want["cond"]["std_error"]))
    np.testing.assert_allclose(m.se, want["cond"]["std_error"], rtol=1e-3)
    np.testing.assert_allclose(m.zero_inflation, want["zi"]["estimate"], atol=1e-3 * min(want["zi"]["std_error"]))
    table = m.tidy()
    np.testing.assert_allclose(table["std_error"][8:], want["zi"]["std_error"], rtol=1e-3)
    assert table["component"].tolist() == ["cond"] * 8 + ["zi"] * 2
    np.testing.assert_allclose(m.residuals("pearson")[:20], want["pearson"], rtol=1e-3)
    if family == "negative_binomial":
        assert f"{want['size']:.4g}" in str(m.summary())
    assert "Zero-inflation model:" in str(m.summary())


def test_verbs_of_glm_with_inflated_zeros(salamanders):
    m = glm("count ~ mined", salamanders, "poisson", ziformula="~ mined")
    plain = glm("count ~ mined", salamanders, "poisson")
    assert compare(plain, m).to_frame()["statistic"][1] == pytest.approx(plain.criterion - m.criterion, abs=1e-6)
    lone = salamanders.groupby("mined", observed=True)["count"].mean()  # two groups, two parameters each: their means
    made = m.emmeans("mined", component="response").to_frame()
    np.testing.assert_allclose(made["estimate"], lone[made["mined"]], rtol=1e-6)
    np.testing.assert_allclose(m.predict(type="response"), m.fitted())
    interval = m.predict({"mined": ["yes"]}, type="response", interval="confidence")
    assert interval["std_error"][0] == pytest.approx(made["std_error"][0])
    assert m.drop1(component="zi").to_frame()["npar"][1] == 1
    assert m.refit(salamanders["count"]).criterion == pytest.approx(m.criterion, abs=1e-8)
    assert m.bootstrap(3, seed=1).replicates.shape == (3, 4)
    assert pickle.loads(pickle.dumps(m)).zero_inflation["mined[no]"] == m.zero_inflation["mined[no]"]
    assert "logit(π[n])" in repr(m.equation())
    assert np.isnan(m.deviance)
    for page in (m.explain(), m.check(), m.anova(component="zi")):
        assert str(page)
    gaps = salamanders.assign(cover=salamanders["cover"].where(salamanders["cover"] > -1))
    with pytest.warns(MissingRowsWarning, match="cover"):
        fewer = glm("count ~ mined", gaps, "poisson", ziformula="~ cover")
    assert fewer.nobs == gaps["cover"].notna().sum()


@pytest.mark.parametrize(
    ("family", "ziformula", "error", "words"),
    [
        ("quasipoisson", "~ 1", FitError, "no likelihood, which ziformula needs"),
        ("poisson", "~ (1 | site)", FormulaError, "random terms"),
        ("poisson", "~ mine", DataError, "'mined'"),
    ],
)
def test_bad_glm(salamanders, family, ziformula, error, words):
    with pytest.raises(error, match=words):
        glm("count ~ mined", salamanders, family, ziformula=ziformula)


# ---- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "error", "words"),
    [
        (lambda m, p: m.emmeans("mined", component="zo"), InferenceError, "did you mean 'zi'|expected one of 'cond'"),
        (lambda m, p: p.emmeans("mined", component="zi"), InferenceError, "does not have"),
        (lambda m, p: p.emmeans("mined", component="response"), InferenceError, 'type="response"'),
        (lambda m, p: m.emmeans("spp", component="zi"), InferenceError, "'spp' is no predictor"),
        (lambda m, p: m.emtrends("~ 1", "cover", component="response"), InferenceError, "no predictor"),
        (lambda m, p: m.joint_tests(component="response"), InferenceError, "expected one of 'cond', 'zi', 'disp'"),
        (lambda m, p: p.anova(component="disp"), InferenceError, "dispformula"),
        (lambda m, p: p.drop1(component="zi"), InferenceError, "ziformula"),
        (lambda m, p: m.test("zi: mine = 0"), InferenceError, "no coefficient"),
        (lambda m, p: m.test(np.ones(8)), InferenceError, "vector of 13 weights"),
        (lambda m, p: m.confint(parameters="zi: mine"), InferenceError, "did you mean"),
        (lambda m, p: m.r2(), InferenceError, "dispersion the variance"),
        (lambda m, p: m.residuals("deviance"), InferenceError, '"pearson", "response" or "quantile"'),
        (lambda m, p: p.predict(type="zprob", interval="confidence"), DataError, "'link' or 'response'"),
        (lambda m, p: m.predict(type="response", groups="average", interval="confidence"), InferenceError, "average"),
        (lambda m, p: p.joint_vcov, InferenceError, "one part"),
    ],
)
def test_bad_input(m, plain, question, error, words):
    with pytest.raises(error, match=words):
        question(m, plain)


def test_component_fit_of_the_mean_is_the_fit(m):
    assert component_fit(m._fit, "cond") is m._fit


def test_expected_counts_of_hurdle_models_follow_the_shape_too(salamanders):
    """The delta method over all coefficients, by differences of (1 - pi) mu / (1 - f(0)) of a negative binomial."""
    m = glmer("count ~ mined + (1 | site)", salamanders, "truncated_negative_binomial", ziformula="~ mined")
    e = m._fit.estimate
    at = np.concatenate([e.beta, e.parameters])  # the logarithm of the size comes before the zero inflation

    def expected(x):
        mu, size, zero = np.exp(x[0] + x[1]), np.exp(x[2]), 1 / (1 + np.exp(-x[3] - x[4]))
        return (1 - zero) * mu / (1 - (size / (size + mu)) ** size)

    slopes = np.array([(expected(at + s) - expected(at - s)) / 2e-5 for s in 1e-5 * np.eye(5)])
    row = {"mined": ["no"], "site": ["new"]}
    found = m.predict(row, type="response", groups="population", interval="confidence")
    assert found["estimate"][0] == pytest.approx(expected(at))
    assert found["std_error"][0] == pytest.approx(np.sqrt(slopes @ m._fit.joint_vcov @ slopes), rel=1e-6)
    means = m.emmeans("mined", component="response").to_frame()
    assert means["SE" if "SE" in means else "std_error"][1] == pytest.approx(found["std_error"][0], rel=1e-6)


def test_expected_counts_of_hurdle_models_follow_the_model_of_their_size(salamanders):
    m = glm("count ~ mined", salamanders, "truncated_negative_binomial", ziformula="~ 1", dispformula="~ mined")
    at = np.concatenate([m.fixef, m._fit.parameters])  # of the mean, the size, the inflation

    def expected(x):
        mu, size = np.exp(x[0] + x[1]), np.exp(x[2] + x[3])
        return mu / (1 - (size / (size + mu)) ** size) / (1 + np.exp(x[4]))

    slopes = np.array([(expected(at + s) - expected(at - s)) / 2e-5 for s in 1e-5 * np.eye(5)])
    found = m.predict({"mined": ["no"]}, type="response", interval="confidence")
    assert found["estimate"][0] == pytest.approx(expected(at))
    assert found["std_error"][0] == pytest.approx(np.sqrt(slopes @ m._fit.joint_vcov @ slopes), rel=1e-6)
    means = m.emmeans("mined", component="response").to_frame()
    assert means["SE" if "SE" in means else "std_error"][1] == pytest.approx(found["std_error"][0], rel=1e-6)


def test_chances_of_known_groups_count_their_random_effects(salamanders):
    m = glmer("count ~ mined + (1 | site)", salamanders, "poisson", ziformula="~ mined + (1 | site)")
    known = m.predict(type="zprob", interval="confidence")
    assert known["estimate"].to_numpy() == pytest.approx(m.predict(type="zprob"))
    assert known["estimate"].nunique() > 2  # the chances of mined and other sites, were the effects left out
    assert (known["lower"] < known["estimate"]).all()
    assert (known["estimate"] < known["upper"]).all()
