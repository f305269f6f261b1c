"""Models compared: lme4's anova() and drop1(), lmerTest's ranova() and drop1(), R's drop1() of lm.

The tally of ranova is printed at the end of the run.
"""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_data
from at_theta import MODELS, TESTS, TIGHT
from scipy import stats
from test_agreement import fit as fit_reference
from test_anova import LINEAR

import multilevel as mlm
from multilevel.errors import InferenceError
from multilevel.inference.compare import compare
from multilevel.inference.deletions import drop1, ranova
from multilevel.inference.likelihoods import boundary_p_value, chi_square_p_value
from multilevel.models.estimate import Fit
from multilevel.models.linear_mixed import refit_linear_mixed

COMPARISONS = json.loads((Path(__file__).parent / "reference" / "comparisons.json").read_text("utf-8"))
TALLY: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def tally():
    yield
    print(f"\nranova: {sum(v == 'agrees' for v in TALLY.values())} of {len(TALLY)} agree", end="")
    print("".join(f"\n  {name}: {verdict}" for name, verdict in TALLY.items() if verdict != "agrees"))


def quiet(formula: str, data: Any, **options: Any) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.errors.MultilevelWarning)
        return (mlm.lmer if "|" in formula else mlm.lm)(formula, data, **options)._fit


def called(call: str) -> Fit:
    """The model of `lmer(formula, data=name, REML=FALSE)`."""
    formula, data, ml = re.fullmatch(r"(?:lmerTest::)?lmer\((.*), data=(\w+)(, REML=FALSE)?\)", call).groups()
    return quiet(formula, reference_data.load(data), REML=not ml)


# ---- compare --------------------------------------------------------------------------------------------------------

HEADS = {"npar": "npar", "AIC": "aic", "BIC": "bic", "logLik": "loglik", "deviance": "deviance", "Chisq": "statistic",
         "Df": "df", "Pr(>Chisq)": "p_value"}  # fmt: skip
SLEEP_LM = ["Reaction ~ Days", "Reaction ~ Days + (1 | Subject)"]


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("entry", COMPARISONS["lrt"], ids=[e["name"] for e in COMPARISONS["lrt"]])
def test_lme4s_anova(entry, refit):
    if "models" in entry:
        fits = [called(call) for call in entry["models"]]
    else:
        fits = [
            quiet(formula, reference_data.load("sleepstudy"), **({"REML": False} if "|" in formula else {}))
            for formula in SLEEP_LM
        ]
    want = entry["table" if refit else "no_refit"] if "no_refit" in entry else entry["table"]
    if not refit and len({fit.names for fit in fits}) > 1 and any(fit.estimate.reml for fit in fits):
        with pytest.raises(InferenceError, match="different fixed effects"):
            compare(fits, refit=False)
        return
    table = compare(fits, refit=refit)
    for head, name in HEADS.items():
        ours, theirs = np.array(table[name]), np.array(want[head], float)
        tolerance = {"statistic": {"atol": 2e-5}, "p_value": {"rtol": 1e-4}}.get(name, {"rtol": 1e-7})
        np.testing.assert_allclose(ours, theirs, **{"rtol": 1e-7, **tolerance}, err_msg=head)
    assert ("maximum likelihood" in str(table)) == (refit and any(fit.estimate.reml for fit in fits))


@pytest.fixture(scope="module")
def sleep() -> dict[str, Fit]:
    data = mlm.datasets.load("sleepstudy")
    formulas = {
        "lm": "reaction ~ days",
        "ri": "reaction ~ days + (1 | subject)",
        "zcp": "reaction ~ days + (days || subject)",
        "rs": "reaction ~ days + (days | subject)",
        "null": "reaction ~ 1 + (days | subject)",
        "squared": "reaction ~ I(days^2) + (1 | subject)",
        "square": "reaction ~ days + I(days^2) + (1 | subject)",
        "log": "log(reaction) ~ days + (1 | subject)",
    }
    return {name: quiet(formula, data) for name, formula in formulas.items()}


def test_models_are_ordered_by_their_parameters(sleep):
    table = compare([sleep["rs"], sleep["lm"], sleep["zcp"]], names=["full", "none", "zero"])
    assert table.labels == ("none", "zero", "full")
    assert table["npar"] == (3, 5, 6)
    assert [text for _, text in table.models] == [sleep[n].design.formula.text for n in ("lm", "zcp", "rs")]


def test_corrected_aic_is_hurvich_and_tsais(sleep):
    table = compare([sleep["ri"], sleep["rs"]])
    k = np.array(table["npar"])
    np.testing.assert_allclose(table["aicc"], np.array(table["aic"]) + 2 * k * (k + 1) / (180 - k - 1))


def test_reml_of_a_linear_model_beside_a_mixed_one(sleep):
    """Their REML criteria, as lmerTest's ranova takes them."""
    table = compare([sleep["lm"], sleep["ri"]], refit=False)
    want = TESTS["sleep_ri"]["ranova"]
    np.testing.assert_allclose(table["loglik"], want["loglik"][::-1], rtol=1e-8)
    assert table["statistic"][1] == pytest.approx(want["lrt"][1], rel=1e-6)


@pytest.mark.parametrize(
    ("names", "tested", "words"),
    [
        (["ri", "squared"], False, "the same number of parameters: no test"),
        (["ri", "ri"], False, "the same number of parameters: no test"),
        (["squared", "null"], False, "are not among those of m2: the models are not nested"),
        (["squared", "square"], True, "again by maximum likelihood"),
        (["null", "rs"], True, "again by maximum likelihood"),
        (["ri", "rs"], True, "A variance cannot be negative"),
        (["zcp", "rs"], True, "A variance cannot be negative"),
    ],
)
def test_what_is_not_nested_has_no_p_value(sleep, names, tested, words):
    table = compare([sleep[name] for name in names])
    assert np.isfinite(table["p_value"][1]) == tested
    assert words in str(table).replace("\n  ", " ")


def test_a_nested_model_in_another_coding_is_recognised():
    data = mlm.datasets.load("cake")
    small = quiet("angle ~ recipe + (1 | replicate)", data, contrasts={"recipe": "sum"})
    table = compare([small, quiet("angle ~ recipe * temp + (1 | replicate)", data)])
    assert np.isfinite(table["p_value"][1])
    assert "not nested" not in str(table)


def test_random_effects_that_may_not_be_nested_are_said():
    data = mlm.datasets.load("machines")
    fits = [
        quiet(f"score ~ machine + {r}", data) for r in ("(1 | worker) + (1 | worker:machine)", "(machine | worker)")
    ]
    assert "special case of those of m2 was not checked" in str(compare(fits)).replace("\n  ", " ")


def changed(**columns: Any) -> dict[str, Any]:
    data = {name: column.to_numpy() for name, column in mlm.datasets.load("sleepstudy").items()}
    return data | columns


DAYS_MISSING = np.where(np.arange(180) < 7, np.nan, np.arange(180) % 10)
REACTION = mlm.datasets.load("sleepstudy")["reaction"].to_numpy()


@pytest.mark.parametrize(
    ("other", "columns", "options", "words"),
    [
        (None, {}, {}, "compare takes two models or more; found 1"),
        ("reaction ~ z + (1 | subject)", {"z": DAYS_MISSING}, {},
         r"m1 has 180 rows and m2 has 173 \(m2 left rows with missing values out\)"),
        ("reaction ~ days + (1 | subject)", {"reaction": REACTION + 1}, {},
         "different responses, reaction with other values or rows"),
        ("reaction ~ days + (1 | subject)", {"reaction": REACTION[::-1]}, {}, "with other values or rows"),
        ("log(reaction) ~ days + (1 | subject)", {}, {}, r"different responses, reaction and log\(reaction\)"),
        ("reaction ~ 1 + (1 | subject)", {}, {"refit": False},
         "different fixed effects, and REML criteria compare models of the same"),
        ("reaction ~ days + (1 | subject)", {}, {"names": ["a"]}, "expected 2 different ones"),
        ("reaction ~ days + (1 | subject)", {}, {"names": ["a", "a"]}, "expected 2 different ones"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared(sleep, other, columns, options, words):
    fits = [sleep["rs"]] + ([quiet(other, changed(**columns))] if other else [])
    with pytest.raises(InferenceError, match=words):
        compare(fits, **options)


def test_other_weights_are_refused(sleep):
    data = mlm.datasets.load("sleepstudy")
    weighted = quiet("reaction ~ days + (1 | subject)", data, weights=np.arange(1.0, 181.0))
    with pytest.raises(InferenceError, match="m1 and m2 have different weights"):
        compare([sleep["ri"], weighted])


def test_reml_beside_ml_needs_a_refit(sleep):
    ml = quiet("reaction ~ days + (days | subject)", mlm.datasets.load("sleepstudy"), REML=False)
    with pytest.raises(InferenceError, match="m2 was fitted by maximum likelihood and others by REML"):
        compare([sleep["ri"], ml], refit=False)
    assert compare([sleep["ri"], ml])["p_value"][1] == pytest.approx(7.072412547230027e-10, rel=1e-4)


@pytest.fixture(scope="module")
def cbpp() -> dict[str, Fit]:
    data = mlm.datasets.load("cbpp")
    y = "cbind(incidence, size - incidence)"
    fits = {
        "null": mlm.glmer(f"{y} ~ 1 + (1 | herd)", data, "binomial"),
        "period": mlm.glmer(f"{y} ~ period + (1 | herd)", data, "binomial"),
        "quadrature": mlm.glmer(f"{y} ~ period + (1 | herd)", data, "binomial", n_agq=5),
        "glm": mlm.glm(f"{y} ~ period", data, "binomial"),
        "poisson": mlm.glm("incidence ~ period", data, "poisson"),
        "quasi": mlm.glm("incidence ~ period", data, "quasipoisson"),
        "lm": mlm.lm("incidence ~ period", data),
    }
    return {name: m._fit for name, m in fits.items()}


def test_generalized_models_are_compared(cbpp):
    """lme4 prints Chisq 25.61 on 3 degrees of freedom, p 1.151e-05."""
    table = compare([cbpp["null"], cbpp["period"]])
    assert table["statistic"][1] == pytest.approx(25.61, abs=0.005)
    assert table["p_value"][1] == pytest.approx(1.151e-05, rel=1e-3)
    for mixed in ("period", "quadrature"):
        assert compare([cbpp["glm"], cbpp[mixed]])["df"][1] == 1


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["period", "quadrature"], "m1 has n_agq=1 and m2 has n_agq=5: these approximate the likelihood differently"),
        (["poisson", "lm"], "m1 is a model of family poisson and m2 a linear model"),
        (["quasi", "quasi"], "m1 has no likelihood to compare"),
        (["period", "poisson"], "different responses"),
    ],
)
def test_families_that_cannot_be_compared(cbpp, names, words):
    with pytest.raises(InferenceError, match=words):
        compare([cbpp[name] for name in names])


# ---- drop1 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", COMPARISONS["drop1"], ids=[e["name"] for e in COMPARISONS["drop1"]])
def test_drop1_of_lmer(entry):
    fit, want = called(entry["model"]), entry["table"]
    if "ddf" not in entry:
        table = drop1(fit)
        assert list(table.labels) == want["rows"]
        np.testing.assert_array_equal(table["npar"][1:], want["npar"][1:])
        np.testing.assert_allclose(table["aic"], want["AIC"], rtol=1e-8)
        np.testing.assert_allclose(table["statistic"][1:], want["LRT"][1:], rtol=1e-5)
        np.testing.assert_allclose(table["p_value"][1:], want["Pr(Chi)"][1:], rtol=1e-4)
        return
    method = entry["ddf"].lower()
    table = drop1(fit, "F", method)
    assert list(table.terms) == want["rows"]
    for name, head in (("sum_sq", "Sum Sq"), ("df1", "NumDF"), ("df2", "DenDF"), ("statistic", "F value")):
        np.testing.assert_allclose(getattr(table, name), want[head], rtol=1e-4)
    np.testing.assert_allclose(table.p_value, want["Pr(>F)"], rtol=1e-3)
    assert str(table).split("\n")[0] == f"Single term deletions using {entry['ddf']}'s method"


# dropping N:P:K, which is aliased, has no test here; R's rows of it have zero degrees of freedom. R drops what stands
# in an interaction with zero degrees of freedom
SCOPE = {"lm_npk_aliased"}


@pytest.mark.parametrize("name", [n for n in LINEAR if "drop1" in LINEAR[n] and n not in SCOPE])
def test_drop1_of_lm(name):
    want, fit = LINEAR[name]["drop1"], fit_reference(MODELS[name])._fit
    table = drop1(fit)
    assert [*table.terms] == [*want["rows"][1:], "Residuals"]
    k = len(want["rows"]) - 1
    np.testing.assert_allclose(table.df1[:k], want["Df"][1:])
    np.testing.assert_allclose(table.sum_sq[:k], want["Sum of Sq"][1:], rtol=1e-7)
    np.testing.assert_allclose(table.statistic[:k], want["F value"][1:], rtol=1e-7)
    np.testing.assert_allclose(table.p_value[:k], want["Pr(>F)"][1:], rtol=1e-5, atol=1e-300)
    if name == "lm_mtcars_weights_zero":
        return  # R counts rows of weight zero in this AIC, though in no other
    chi = drop1(fit, "Chisq")
    differences = np.array(chi["aic"]) - chi["aic"][0]
    np.testing.assert_allclose(differences, np.array(want["AIC"]) - want["AIC"][0], atol=1e-6)


@pytest.mark.parametrize(
    ("formula", "smaller"),
    [
        ("y ~ a + b + x", {"a": "y ~ b + x", "b": "y ~ a + x", "x": "y ~ a + b"}),
        ("y ~ 0 + a + b", {"a": "y ~ 0 + b", "b": "y ~ 0 + a"}),
        ("y ~ 0 + a + x", {"a": "y ~ 0 + x", "x": "y ~ 0 + a"}),
        ("y ~ a * b", {"a:b": "y ~ a + b"}),
        ("y ~ a * x + b", {"b": "y ~ a * x", "a:x": "y ~ a + x + b"}),
        ("y ~ a + x + offset(z) + (1 | g)", {"a": "y ~ x + offset(z) + (1 | g)", "x": "y ~ a + offset(z) + (1 | g)"}),
    ],
)
def test_a_deletion_is_a_likelihood_ratio_of_two_models(formula, smaller):
    rng = np.random.default_rng(3)
    a, b = rng.choice(["a1", "a2", "a3"], 90), rng.choice(["b1", "b2"], 90)
    data = {"y": rng.normal(size=90), "a": a, "b": b, "x": rng.normal(size=90), "z": rng.normal(size=90),
            "g": np.arange(90) % 9}  # fmt: skip
    data["y"] = data["y"] + rng.normal(size=9)[data["g"]]
    options = {"REML": False} if "|" in formula else {}
    table, full = drop1(quiet(formula, data), "Chisq"), quiet(formula, data, **options)
    assert list(table.labels[1:]) == list(smaller)
    for i, other in enumerate(smaller.values(), 1):
        small = quiet(other, data, **options)
        assert table["npar"][i] == full.estimate.n_parameters - small.estimate.n_parameters
        assert table["statistic"][i] == pytest.approx(small.estimate.criterion - full.estimate.criterion, abs=1e-7)
        assert table["aic"][i] == pytest.approx(small.estimate.aic)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("rs", {"test": "chisq"}, r'expected "Chisq" or "F"; did you mean \'Chisq\'\?'),
        ("rs", {"test": "LRT"}, 'expected "Chisq" or "F"'),
        ("rs", {"df": "kenward-roger"}, 'is for F tests; add test="F"'),
        ("rs", {"test": "F", "df": "kr"}, "expected one of 'satterthwaite'"),
        ("null", {}, "has no fixed term to drop"),
    ],
)
def test_what_cannot_be_dropped(sleep, name, options, words):
    with pytest.raises(InferenceError, match=words):
        drop1(sleep[name], **options)


# ---- ranova ---------------------------------------------------------------------------------------------------------

# lme4's default optimiser stops short of the larger model's optimum; these are lmerTest's tables after a tight one
SHORT = {name for name, t in TIGHT.items() if "ranova" in t}
RANOVA = [name for name in TESTS if "ranova" in TESTS[name]]


@pytest.mark.parametrize("name", RANOVA)
def test_ranova(name):
    TALLY[name] = "does not agree"
    table, want = ranova(fit_reference(MODELS[name])._fit), TESTS[name]["ranova"]
    assert list(table.labels) == want["rows"]
    gap = np.array(table["loglik"]) - want["loglik"]
    np.testing.assert_array_equal(table["npar"], want["npar"])
    np.testing.assert_array_equal(table["df"][1:], want["df"][1:])
    assert (gap > -2e-6).all()
    if name in SHORT:
        assert gap.max() > 2e-6
        np.testing.assert_allclose(table["loglik"], TIGHT[name]["ranova"]["loglik"], atol=2e-7)
        TALLY[name] = f"agrees with lme4 after a tight optimiser, whose default is {gap.max():.2g} lower"
        return
    np.testing.assert_allclose(gap, 0.0, atol=2e-6)
    np.testing.assert_allclose(table["aic"], want["aic"], rtol=1e-7, atol=1e-5)
    np.testing.assert_allclose(table["statistic"][1:], want["lrt"][1:], rtol=1e-4, atol=1e-5)
    for ours, p in zip(table["p_value"][1:], want["p"][1:], strict=True):
        if p is None:
            assert np.isnan(ours)
        else:
            assert ours == pytest.approx(p, rel=1e-3) or (ours > 0.99 and p > 0.99)
    TALLY[name] = "agrees"


# lmerTest 3.1-3: parameters, log-likelihoods, likelihood ratios; f is a, b, c in turn, z sin(i^2) of row i
REDUCED = {
    "(0 + Days + z | Subject)": ([6, 4, 4], [-882.4446, -946.4116, -883.2625], [127.9339, 1.6357]),
    "(0 + Days + z || Subject)": ([5, 5, 5], [-882.5721, -889.3772, -871.8346], [13.6102, -21.4749]),
    "(0 + f + Days | Subject)": ([13, 4, 9], [-870.6382, -883.2625, -892.7465], [25.2487, 44.2167]),
    "(f:Days | Subject)": ([13, 4], [-870.7036, -893.2325], [45.0579]),
    "(1 | Subject) + (0 + Days + z | Subject)":
        ([7, 6, 5, 5], [-869.1692, -882.4446, -889.3772, -871.8346], [26.5508, 40.4159, 5.3308]),
    "(0 + f | Subject) + (1 | Subject)": ([10, 4, 9], [-892.7465, -893.2325, -892.7465], [0.9720, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize("term", REDUCED)
def test_terms_become_smaller_as_in_lmertest(term):
    data = reference_data.load("sleepstudy")
    data["z"], data["f"] = np.sin(np.arange(1.0, 181.0) ** 2), list("abc") * 60
    table = ranova(quiet(f"Reaction ~ Days + {term}", data))
    npar, loglik, ratio = REDUCED[term]
    assert list(table["npar"]) == npar
    np.testing.assert_allclose(table["loglik"], loglik, atol=1e-4)
    np.testing.assert_allclose(table["statistic"][1:], ratio, atol=2e-4)
    assert np.isnan(table["p_value"][1:]).tolist() == [n == npar[0] for n in npar[1:]]


@pytest.mark.parametrize("x", [0.5, 2.7, 8.0])
def test_mixtures(x):
    assert boundary_p_value(x, 1, 1) == pytest.approx(stats.chi2.sf(x, 1) / 2)
    assert boundary_p_value(x, 2, 1) == pytest.approx((stats.chi2.sf(x, 1) + stats.chi2.sf(x, 2)) / 2)
    assert boundary_p_value(0.0, 2, 1) == 1.0
    assert np.isnan(boundary_p_value(x, 5, 2))
    assert chi_square_p_value(x, 3) == pytest.approx(stats.chi2.sf(x, 3))


def test_the_mixture_is_that_of_an_intercept_without_variance():
    """Half of all data sets have an estimate of zero, half a chi-square ratio (Self & Liang 1987)."""
    rng = np.random.default_rng(7)
    g, p = np.repeat(np.arange(60), 5), []
    fit = quiet("y ~ 1 + (1 | g)", {"y": rng.normal(size=300), "g": g}, REML=False)
    Y = rng.normal(size=(300, 400))
    for y in Y.T:
        p.append(ranova(refit_linear_mixed(fit, replace(fit.rows, y=np.ascontiguousarray(y))))["p_value_mixture"][1])
    below = np.mean(np.array(p) < 0.1)
    assert abs(below - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 400)


def test_ranova_of_a_linear_model_is_refused(sleep):
    with pytest.raises(InferenceError, match="has no random terms to test"):
        ranova(sleep["lm"])


# ---- pages ----------------------------------------------------------------------------------------------------------


def test_pages_and_frames(sleep):
    tables = [compare([sleep["ri"], sleep["rs"]]), drop1(sleep["rs"]), ranova(sleep["zcp"])]
    for table, key in zip(tables, ["model", "term", "term"], strict=True):
        frame = table.to_frame()
        assert next(iter(frame)) == key
        assert len(frame) == len(table.labels)
        assert "<table>" in table.to_html()
        assert r"\begin{tabular}" in table.to_latex()
        assert max(map(len, table.to_text(60).split("\n"))) <= 75
        assert "nan" not in str(table)
    with pytest.raises(InferenceError, match=r"no column is called 'chisq'"):
        tables[0]["chisq"]


@pytest.mark.parametrize("name", ["oats_noint", "made_crossed_na", "tvbo", "penicillin", "sleep_zerocorr"])
def test_ranova_reads_like_lmertests(name):
    """As far as the naive p-value; R's own optimum rounds to the same digits in these."""
    table = str(ranova(fit_reference(MODELS[name])._fit)).split("\n\n")[1].split("\n---")[0].split("\n")
    theirs = TESTS[name]["ranova_text"].split("\n---")[0].split("\n")
    theirs = theirs[next(i for i, line in enumerate(theirs) if "npar" in line) :]
    ours = [line.split() for line in table[: len(theirs)]]
    for own, line in zip(ours, theirs, strict=True):
        words = [word for word in line.replace("< ", "<").split() if word.strip("*.")]
        assert [word for word in own if word.strip("*.")][: len(words)][:-1] == words[:-1]


# ---- the front desk, and generalized models; R 4.2.2 with lme4 1.1-31 ------------------------------------------------


@pytest.fixture(scope="module")
def herds():
    return mlm.glmer("cbind(incidence, size - incidence) ~ period + (1 | herd)", mlm.datasets.load("cbpp"), "binomial")


def test_generalized_models_are_compared_as_in_r(herds):
    null = mlm.glmer("cbind(incidence, size - incidence) ~ 1 + (1 | herd)", mlm.datasets.load("cbpp"), "binomial")
    table = mlm.compare(herds, null).to_frame()
    assert list(table["model"]) == ["m2", "m1"]
    assert table["statistic"].iloc[1] == pytest.approx(25.61, abs=5e-3)
    assert table["p_value"].iloc[1] == pytest.approx(1.151e-05, rel=1e-3)


def test_terms_of_generalized_models_are_dropped_as_in_r(herds):
    dropped = herds.drop1().to_frame()
    assert dropped["statistic"].iloc[1] == pytest.approx(25.61, abs=5e-3)
    assert dropped["aic"].tolist() == pytest.approx([194.05, 213.66], abs=6e-3)
    linear = mlm.glm("cbind(incidence, size - incidence) ~ period + herd", mlm.datasets.load("cbpp"), "binomial")
    assert linear.drop1().to_frame()["statistic"].iloc[1:].tolist() == pytest.approx([20.521, 45.276], abs=6e-4)


def test_the_last_random_term_of_a_generalized_model(herds):
    """Without it, the log-likelihood is that of R's glm."""
    table = herds.ranova().to_frame()
    assert table["loglik"].iloc[1] == pytest.approx(-99.0292, abs=5e-5)
    assert table["p_value_mixture"].iloc[1] == pytest.approx(table["p_value"].iloc[1] / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: mlm.compare(m, 3), "compare takes fits, one after the other, as in compare\\(m0, m1\\); found int"),
        (lambda m: mlm.compare(m), "two models or more"),
        (lambda m: mlm.glm("reaction ~ days", mlm.datasets.load("sleepstudy"), "gamma").drop1("Chisq"), 'use test="F"'),
    ],
)
def test_bad_input_at_the_front_desk(herds, call, words):
    with pytest.raises(mlm.InferenceError, match=words):
        call(herds)
