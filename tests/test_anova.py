"""Analysis of variance: against lmerTest at lme4's theta, R's anova and car's Anova of lm; free of the factors' coding.

The tally is printed at the end of the run.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from at_theta import MODELS, TESTS, TIGHT, lmertest_fit
from reference_data import load
from test_agreement import fit as fit_reference
from test_df import KNOWN, METHOD, NO_OPTIMUM, WEIGHTS, same_p

import multilevel as mlm
from multilevel.errors import InferenceError
from multilevel.inference import estimable
from multilevel.inference.anova import AnovaTable, anova
from multilevel.inference.estimable import hypotheses
from multilevel.models.estimate import Fit

ROMAN = {"I": 1, "II": 2, "III": 3}
CASES = [
    (f"{roman}_{key}", name)
    for key in METHOD
    for roman in ROMAN
    for name in TESTS
    if f"anova_{roman}_{key}" in TESTS[name]
]
COMPARISONS = json.loads((Path(__file__).parent / "reference" / "comparisons.json").read_text("utf-8"))
LINEAR = {entry["id"]: entry for entry in COMPARISONS["linear"]}
TALLY: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module", autouse=True)
def tally():
    yield
    for case in dict.fromkeys(case for case, _ in CASES):
        mine = {name: verdict for (c, name), verdict in TALLY.items() if c == case}
        print(f"\nanova, type {case}: {sum(v == 'agrees' for v in mine.values())} of {len(mine)} agree", end="")
        print("".join(f"; {name}: {verdict}" for name, verdict in mine.items() if verdict != "agrees"))


@pytest.mark.parametrize(("case", "name"), CASES)
def test_f_tests_of_lmertest(case, name):
    roman, key = case.split("_")
    TALLY[case, name] = "does not agree"
    if name in KNOWN[key]:
        TALLY[case, name] = "known difference"
        pytest.skip("known difference, see test_df.py")
    want = TESTS[name][f"anova_{case}"]
    ours = anova(lmertest_fit(name), ROMAN[roman], METHOD[key])
    assert list(ours.terms) == want["rows"]
    tested = [i for i, F in enumerate(want["F"]) if F is not None]
    assert np.isnan(np.delete(ours.statistic, tested)).all()
    for i in tested:
        assert ours.df1[i] == want["df1"][i]
        assert ours.statistic[i] == pytest.approx(want["F"][i], rel=1e-4, abs=1e-8)
        assert ours.df2[i] == pytest.approx(want["df2"][i], rel=1e-3)
        assert ours.sum_sq[i] == pytest.approx(want["ss"][i], rel=1e-4, abs=1e-8 * max(want["ss"][j] for j in tested))
        assert same_p(ours.p_value[i], want["p"][i])
    TALLY[case, name] = "agrees"


@pytest.mark.parametrize("roman", ROMAN)
@pytest.mark.parametrize("name", sorted(NO_OPTIMUM))
def test_at_the_optimum_lmertest_agrees(name, roman):
    ours, want = anova(fit_reference(MODELS[name])._fit, ROMAN[roman]), TIGHT[name][f"anova_{roman}_satterthwaite"]
    assert list(ours.terms) == want["rows"]
    np.testing.assert_allclose(ours.statistic, want["F"], rtol=1e-5)
    np.testing.assert_allclose(ours.df2, want["df2"], rtol=1e-4)
    np.testing.assert_allclose(ours.sum_sq, want["ss"], rtol=1e-5)
    TALLY[f"{roman}_satterthwaite", name] = "agrees at the optimum, where lme4 is not by default"


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_weighted_rows_are_rows_times_the_root_of_the_weight(name):
    """Of one coefficient each, F is t squared: pbkrtest's of the same model without its weights."""
    fit, want = fit_reference(MODELS[name])._fit, TIGHT[name]["weighted"]
    ours = anova(fit, 3, "kenward-roger")
    assert (ours.df1 == 1).all()
    at = [fit.names.index(next(n for n in fit.names if n.startswith(term))) for term in ours.terms]
    np.testing.assert_allclose(ours.df2, np.array(want["df"])[at], rtol=1e-6)
    np.testing.assert_allclose(ours.p_value, np.array(want["p"])[at], rtol=1e-4)
    TALLY["III_kr", name] = "agrees with pbkrtest without its weights, rows times sqrt(w)"


def test_how_many_tables_are_compared():
    counts = {case: sum(c == case for c, _ in CASES) for case in dict.fromkeys(c for c, _ in CASES)}
    assert counts == {f"{r}_{key}": n for key, n in (("satterthwaite", 95), ("kr", 70)) for r in ROMAN}


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


PRINTED = [(roman, name) for roman in ROMAN for name in TESTS if f"anova_{roman}_satterthwaite" in TESTS[name]]


@pytest.mark.parametrize(("roman", "name"), PRINTED)
def test_page_reads_like_lmertests(roman, name):
    """Of its own numbers: where the last digit shown is uncertain, ours may round to another."""
    table = {k: np.array(v, float) for k, v in TESTS[name][f"anova_{roman}_satterthwaite"].items() if k != "rows"}
    title = f"Type {roman} Analysis of Variance Table with Satterthwaite's method"
    terms = tuple(TESTS[name][f"anova_{roman}_satterthwaite"]["rows"])
    page = AnovaTable(title, terms, table["ss"], table["df1"], table["df2"], table["F"], table["p"])
    assert page.to_text().split("\n") == lines(TESTS[name][f"anova_{roman}_text"])


def test_title_names_the_type_and_the_method():
    fit = lmertest_fit("cake_int")
    titles = [str(anova(fit, 1)), str(anova(fit, 2, "kenward-roger")), str(anova(fit, 3, "residual"))]
    assert [title.split("\n")[0] for title in titles] == [
        "Type I Analysis of Variance Table with Satterthwaite's method",
        "Type II Analysis of Variance Table with Kenward-Roger's method",
        "Type III Analysis of Variance Table with residual degrees of freedom",
    ]


# ---- linear models --------------------------------------------------------------------------------------------------

# a sum of squares ends in an exact 5 that R rounds up and we, with the last bit different, down
TIES = {"lm_npk_aliased", "lm_npk_minus"}
# car counts x * z as containing x, so that its type II of x and f leaves the interaction out; here as in SAS and
# lmerTest only terms with the same covariates contain each other
COVARIATES = {"lm_iris_ancova", "lm_mtcars_int_numeric", "lm_mtcars_wt_hp_cyl"}
# its columns dropped because others determine them are no part of the model here
ALIASED = {"lm_npk_aliased"}


@pytest.mark.parametrize("name", LINEAR)
def test_type_one_of_a_linear_model_is_rs(name):
    want, ours = LINEAR[name]["anova_I"], anova(fit_reference(MODELS[name])._fit, 1)
    tested = [i for i, term in enumerate(ours.terms) if not np.isnan(ours.df1[i])]
    assert [ours.terms[i] for i in tested] == want["rows"]
    np.testing.assert_allclose(ours.df1[tested], want["Df"])
    np.testing.assert_allclose(ours.sum_sq[tested], want["Sum Sq"], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(ours.mean_sq[tested], want["Mean Sq"], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(ours.statistic[tested][:-1], want["F value"][:-1], rtol=1e-7)
    assert all(map(same_p, ours.p_value[tested][:-1], want["Pr(>F)"][:-1]))
    if name not in TIES:
        assert lines(str(ours))[1:] == lines(LINEAR[name]["text"])[3:]


@pytest.mark.parametrize(
    "name", [name for name in LINEAR if name not in COVARIATES | ALIASED and "Anova_II" in LINEAR[name]]
)
def test_type_two_of_a_linear_model_is_cars(name):
    want, ours = LINEAR[name]["Anova_II"], anova(fit_reference(MODELS[name])._fit, 2)
    assert list(ours.terms) == want["rows"]
    np.testing.assert_allclose(ours.sum_sq, want["Sum Sq"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.df1, want["Df"])


def test_type_three_is_cars_under_sum_coding():
    want, ours = LINEAR["lm_obk_sum"]["Anova_III"], anova(fit_reference(MODELS["lm_obk_sum"])._fit, 3)
    assert ["(Intercept)", *ours.terms] == want["rows"]
    np.testing.assert_allclose(ours.sum_sq, want["Sum Sq"][1:], rtol=1e-9)


# ---- independence of coding -----------------------------------------------------------------------------------------


def unbalanced(empty: bool = False) -> dict[str, Any]:
    rng = np.random.default_rng(4)
    n = 150
    a, b, g = (
        rng.choice(["a1", "a2", "a3"], n, p=[0.5, 0.3, 0.2]),
        rng.choice(["b1", "b2", "b3", "b4"], n),
        rng.integers(0, 14, n),
    )
    if empty:
        a[(a == "a3") & (b == "b4")] = "a1"
        a[(a == "a2") & (b == "b1")] = "a1"
    x, z = rng.normal(size=n), rng.normal(2.0, 1.0, n)
    o = pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"], ordered=True)
    y = x + (a == "a2") * x + (b == "b3") + rng.normal(size=14)[g] + rng.normal(size=n)
    return {"y": y, "a": a, "b": b, "o": o, "x": x, "z": z, "g": [f"g{i}" for i in g]}


def quiet(formula: str, data: Any, **options: Any) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.errors.MultilevelWarning)
        return (mlm.lmer if "|" in formula else mlm.lm)(formula, data, **options)._fit


FORMULAS = [
    "y ~ a * b",
    "y ~ a * b * x",
    "y ~ a + b + a:x",
    "y ~ a / x",
    "y ~ a * poly(x, 2) + b",
    "y ~ o * a",
    "y ~ 0 + a * b",
    "y ~ 0 + a:b + x",
    "y ~ a:b",
    "y ~ a + a:b",
    "y ~ x:z + a * x",
    "y ~ a * b + (1 | g)",
    "y ~ o * b * x + (x | g)",
]


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("empty", [False, True], ids=["", "empty cells"])
@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("coding", ["sum", "helmert", "SAS", "poly"])
def test_no_coding_changes_a_test(formula, empty, kind, coding):
    data = unbalanced(empty)
    default = anova(quiet(formula, data), kind)
    factors = [name for name in "abo" if name in quiet(formula, data).design.factors]
    other = anova(quiet(formula, data, contrasts=dict.fromkeys(factors, coding)), kind)
    np.testing.assert_array_equal(other.df1, default.df1)
    np.testing.assert_allclose(other.statistic, default.statistic, rtol=1e-6)
    np.testing.assert_allclose(other.df2, default.df2, rtol=1e-4)


@pytest.mark.parametrize(
    "formula", ["y ~ a * b", "y ~ a * b + (1 | g)", "y ~ a * b * x", "y ~ o * a * x + b + (x | g)"]
)
def test_type_three_tests_the_coefficients_of_sum_coding(formula):
    """Where every cell is filled, coefficients of factors coded to sum to zero are what type III tests."""
    data = unbalanced()
    factors = [name for name in "abo" if name in quiet(formula, data).design.factors]
    fit = quiet(formula, data, contrasts=dict.fromkeys(factors, "sum"))
    number = np.array(fit.design.assign)
    for t, L in enumerate(hypotheses(fit, 3), 1):
        assert np.abs(L[:, number != t]).max() < 1e-9
        assert np.linalg.matrix_rank(L) == (number == t).sum()


def test_type_three_with_empty_cells_is_that_of_sas():
    """Estimable functions of SAS/STAT User's Guide, "The Four Types of Estimable Functions", by their definition."""
    fit = quiet("y ~ a * b", unbalanced(empty=True))
    data = unbalanced(empty=True)
    A, B = (pd.get_dummies(pd.Series(data[v])).to_numpy(float) for v in "ab")
    AB = (A[:, :, None] * B[:, None, :]).reshape(len(A), -1)
    full = np.column_stack([np.ones(len(A)), A, B, AB])
    X = np.column_stack([fit.sums.X[j] for j in fit.kept])
    M = np.linalg.lstsq(X, full, rcond=None)[0]
    blocks = {"mu": slice(0, 1), "a": slice(1, 4), "b": slice(4, 8), "ab": slice(8, 20)}
    found = {t: L @ M for t, L in zip(["a", "b", "ab"], hypotheses(fit, 3), strict=True)}
    for name, other in (("a", "b"), ("b", "a")):
        assert np.abs(found[name][:, blocks[other]]).max() < 1e-9
        assert np.abs(found[name][:, blocks["mu"]]).max() < 1e-9
        assert np.abs(found[name] @ found["ab"].T).max() < 1e-9  # orthogonal to what contains it
    assert np.abs(found["ab"][:, :8]).max() < 1e-9
    assert [len(L) for L in found.values()] == [2, 3, 4]


def test_large_and_small_units_do_not_change_a_test():
    data = unbalanced(empty=True)
    large = data | {"x": 1e7 * data["x"], "z": 1e-7 * data["z"]}
    for kind in (1, 2, 3):
        one, two = (anova(quiet("y ~ a * b * x + z + (1 | g)", d), kind) for d in (data, large))
        np.testing.assert_allclose(one.statistic, two.statistic, rtol=1e-6)


# ---- the table ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cake() -> Fit:
    return quiet("angle ~ recipe * temperature + (1 | recipe:replicate)", mlm.datasets.load("cake"))


def test_a_table_is_looked_up_by_term(cake):
    table = anova(cake, 3)
    F, df1, df2, p = table["recipe"]
    assert (round(F, 4), df1, round(df2, 3), round(p, 4)) == (0.2488, 2, 42.0, 0.7809)
    with pytest.raises(InferenceError, match=r"no term is called 'recip'; did you mean 'recipe'\?"):
        table["recip"]
    frame = table.to_frame()
    assert list(frame) == ["term", "sum_sq", "mean_sq", "df1", "df2", "statistic", "p_value"]
    assert list(frame["term"]) == ["recipe", "temperature", "recipe:temperature"]


def test_without_degrees_of_freedom_tests_are_walds(cake):
    from scipy import stats

    table, with_df = anova(cake, 3, "none"), anova(cake, 3)
    np.testing.assert_allclose(table.p_value, stats.chi2.sf(table.statistic * table.df1, table.df1), rtol=1e-10)
    np.testing.assert_allclose(table.statistic, with_df.statistic)
    assert str(table).split("\n")[0] == "Analysis of Deviance Table (Type III Wald chi-square tests)"
    assert "Chisq Df Pr(>Chisq)" in str(table)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_pages_fit_their_width(cake, width):
    for table in (anova(cake, 3), anova(cake, 1, "kenward-roger")):
        assert max(map(len, table.to_text(width).split("\n"))) <= max(width, 66)
        assert "<table>" in table.to_html()
        assert r"\begin{tabular}" in table.to_latex()


def test_a_term_that_others_determine_is_left_blank_and_named():
    data = unbalanced()
    data["twice"] = 2 * data["x"]
    table = anova(quiet("y ~ x + twice + a + (1 | g)", data), 3)
    assert np.isnan(table["twice"][0])
    assert "Not tested because other terms determine them: twice." in str(table)
    np.testing.assert_allclose(table["x"], anova(quiet("y ~ x + a + (1 | g)", data), 3)["x"], rtol=1e-6)


def test_a_saturated_model_has_no_tests():
    data = {"y": [1.0, 3.0, 2.0], "f": ["a", "b", "c"]}
    table = anova(quiet("y ~ f", data), 1)
    assert np.isnan(table.p_value).all()
    assert isinstance(table, AnovaTable)
    assert "Residuals" in str(table)


@pytest.mark.parametrize(
    ("formula", "options", "words"),
    [
        ("y ~ a + (1 | g)", {"type": 4}, "type is 4; expected 1, 2 or 3"),
        ("y ~ a + (1 | g)", {"type": "III"}, "type is 'III'; expected 1, 2 or 3"),
        ("y ~ a + (1 | g)", {"type": print}, r"expected 1, 2 or 3: multilevel.compare\(m0, m1\) compares fits"),
        ("y ~ a + (1 | g)", {"df": "kenward"}, r"df is 'kenward'; .* did you mean 'kenward-roger'\?"),
        ("y ~ 1 + (1 | g)", {}, "has no fixed terms to test"),
        ("y ~ 1", {}, "has no fixed terms to test"),
        ("y ~ a:x + a:b", {}, "type III tests need a beside a:b"),
    ],
)
def test_what_cannot_be_tested(formula, options, words):
    with pytest.raises(InferenceError, match=words):
        anova(quiet(formula, unbalanced()), **options)


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_a_single_term_is_tested_alike_by_all_types(kind):
    """lmerTest 3.1-3: 3 and 39.0588 degrees of freedom for types I, II and III."""
    m = mlm.lmer("Reaction ~ poly(Days, 3, raw = TRUE) + (Days | Subject)", load("sleepstudy"))
    row = m.anova(kind).to_frame().iloc[0]
    assert (row["statistic"], row["df2"]) == pytest.approx((15.83695, 39.0588), rel=1e-5)


def test_type_two_takes_matrices_as_factors_as_lmertest_does():
    """lmerTest 3.1-3: F = 19.96784 on 8 degrees of freedom for Treatment, which interactions with ns() contain."""
    m = mlm.lmer("log(uptake) ~ Treatment * Type * ns(conc, 2) + (1 | Plant)", load("CO2"))
    row = m.anova(2).to_frame().iloc[0]
    assert (row["statistic"], row["df2"]) == pytest.approx((19.96784, 8), rel=1e-4)


@pytest.mark.parametrize("formula", ["x1 * x2 + f", "x1 * f + x2", "poly(x1, 2) + f * x2", "0 + x1 + f:x2", "x1 + x2"])
def test_type_three_of_covariates_needs_no_cell_means(formula):
    m = mlm.lm(f"y ~ {formula}", load("made_crossed_na").dropna())
    S = estimable._recoded(m._fit, treatment=True)
    plain = [t for t in range(1, len(m.design.terms) + 1) if estimable._plain(m._fit, t)]
    assert plain or "*" in formula
    for t in plain:
        own = [j for j, number in enumerate(m.design.assign) if number == t]
        L = estimable._reduced(estimable._cell_means(m._fit, t) @ S, own)
        np.testing.assert_allclose(np.linalg.solve(S.T, L.T).T, hypotheses(m._fit, 3)[t - 1], atol=1e-12)


# ---- generalized mixed models ---------------------------------------------------------------------------------------

WALD = {m["id"]: m for m in json.loads((Path(__file__).parent / "reference" / "wald.json").read_text("utf-8"))}
# Weights of R's coefficients (treatment coding) in the type III hypothesis of a term that others contain: means of
# cells that weigh the same, mean slopes
MEANS = {
    ("owls", "FoodTreatment"): {1: 1, 3: 1 / 2}, ("owls", "SexParent"): {2: 1, 3: 1 / 2},
    ("bacteria", "ap"): {1: 1, 3: 1 / 2}, ("bacteria", "factor(week > 2)"): {2: 1, 3: 1 / 2},
    ("contraception", "age"): {2: 1, 7: 1 / 2}, ("ticks", "cHEIGHT"): {3: 1, 4: 1 / 3, 5: 1 / 3},
}  # fmt: skip


@pytest.mark.parametrize("name", WALD)
def test_wald_tests_of_a_generalized_mixed_model(name):
    """From lme4's coefficients and covariance, that by differences: chi-square to a hundredth.

    Type II (Fox 2016, Applied Regression Analysis, 3rd ed., section 8.2.5; car's Anova): the coefficients of a term
    given that those of the terms that contain it are zero.
    """
    want = WALD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.errors.MultilevelWarning)
        fit = mlm.glmer(want["formula"], load(want["data"]), want["family"])._fit
    b, V, assign = np.array(want["coef"]), np.array(want["vcov"]), np.array(want["assign"])

    def chi_square(value, variance):
        return value @ np.linalg.solve(variance, value)

    second, third = anova(fit, 2), anova(fit, 3)
    assert list(third.terms) == want["terms"]
    for number, term in enumerate(want["terms"], 1):
        own, L = np.flatnonzero(assign == number), np.eye(len(b))[assign == number]
        if (name, term) in MEANS:
            weights = MEANS[name, term]
            L = np.zeros((1, len(b)))
            L[0, list(weights)] = list(weights.values())
            above = np.flatnonzero(assign == len(want["terms"]))
            back = V[np.ix_(own, above)] @ np.linalg.inv(V[np.ix_(above, above)])
            value, variance = b[own] - back @ b[above], V[np.ix_(own, own)] - back @ V[np.ix_(above, own)]
        else:
            value, variance = b[own], V[np.ix_(own, own)]
        for table, expected in ((third, chi_square(L @ b, L @ V @ L.T)), (second, chi_square(value, variance))):
            statistic, df1, df2, _ = table[term]
            assert (df1, df2) == (len(value), np.inf)
            assert statistic * df1 == pytest.approx(expected, rel=1e-2)
