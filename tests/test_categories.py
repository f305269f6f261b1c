"""Columns taken as categories, and categories as yes and no, where something else may be meant: said, not refused."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import multilevel as mlm
from multilevel.errors import CategoryWarning, DataError, FitError, MultilevelWarning, SingularFitWarning

N = 120
RNG = np.random.default_rng(1)
X = RNG.normal(size=N)
DATA = pd.DataFrame({
    "y": RNG.normal(size=N), "x": X, "g": np.repeat(np.arange(12), 10), "three": RNG.choice(list("abc"), N),
    "two": RNG.choice(list("ab"), N), "counts": RNG.poisson(5, N) * RNG.integers(1, 6, N),
    "dose": RNG.choice(["0", "10", "20", "control"], N),
    "age": np.where(np.arange(N) == 7, "n/a?", np.round(X, 1).astype(str)),
})  # fmt: skip
SLIP = r"age mixes numbers and text \('n/a\?'\) and was taken as a category with \d+ levels; if it is a number, make"


def quiet(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        return call()


@pytest.mark.parametrize("fit", [
    lambda d: mlm.lm("y ~ age", d),
    lambda d: mlm.lmer("y ~ age + (1 | g)", d),
    lambda d: mlm.glm("counts ~ age", d, "poisson"),
    lambda d: mlm.lm("y ~ age", d.assign(age=[a if a == "n/a?" else float(a) for a in d.age])),
], ids=["lm", "lmer", "glm", "objects"])  # fmt: skip
def test_text_among_numbers_is_said(fit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        with pytest.warns(CategoryWarning, match=SLIP):
            fit(DATA)


def test_numbers_as_text_are_said_where_some_have_fractions():
    words = r"age holds numbers as text and was taken as a category with \d+ levels; if it is a number"
    ages = [str(a) for a in np.round(X, 1)]
    with pytest.warns(CategoryWarning, match=words):
        mlm.lm("y ~ age", DATA.assign(age=ages))
    with warnings.catch_warnings():
        warnings.simplefilter("error", CategoryWarning)
        mlm.lm("y ~ factor(age)", DATA.assign(age=ages))
        mlm.lm("y ~ age", DATA.assign(age=[str(i % 20) for i in range(N)]))
        mlm.lm("y ~ age", DATA.assign(age=[f"{(i % 4) / 2}" for i in range(N)]))


def test_which_of_two_levels_is_modelled_is_said():
    """R's rule makes `right` the failure, for it comes first."""
    d = DATA.assign(answer=np.where(np.arange(N) % 3 == 0, "wrong", "right"))
    words = "Modelled is the chance that answer is wrong, not right."
    for m in (mlm.glm("answer ~ x", d, "binomial"), quiet(lambda: mlm.glmer("answer ~ x + (1 | g)", d, "binomial"))):
        assert words in str(m.summary())
        assert words in str(m.explain())
    assert "Modelled" not in str(mlm.glm("I(answer == 'wrong') ~ x", d, "binomial").summary())


@pytest.mark.parametrize("fit", [
    lambda d: mlm.lm("y ~ arm", d),
    lambda d: mlm.lmer("y ~ x + (1 | arm)", d),
    lambda d: mlm.glm("counts ~ arm", d, "poisson"),
], ids=["lm", "group", "glm"])  # fmt: skip
def test_levels_that_look_alike_are_said(fit):
    words = (
        r"arm has levels that only blanks or capitals tell apart: \('drug', 'drug '\) and \('PLACEBO', 'placebo'\); if"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        with pytest.warns(CategoryWarning, match=words):
            fit(DATA.assign(arm=["placebo", "drug", "PLACEBO", "drug ", "none"] * 24))


MIXED = [*map(str, range(100)), "N/A"] + ["3"] * 19
NUMBERS_AS_TEXT = {
    "a text among numbers": (MIXED, r"y mixes numbers and text \('N/A'\); make the text missing"),
    "numbers as text": (list(map(str, X)), "y holds numbers as text or categories; convert"),
    "decimal commas": ([f"{x:.3f}".replace(".", ",") for x in X], "y is text: numbers with decimal commas"),
    "yes and no": (["yes", "no"] * 60, r"For a yes/no response use a binomial family, or compare .* I\(y == ...\)"),
}


@pytest.mark.parametrize("case", NUMBERS_AS_TEXT)
def test_a_response_of_text_is_told_what_to_do(case):
    values, words = NUMBERS_AS_TEXT[case]
    for call in (lambda d: mlm.lm("y ~ x", d), lambda d: mlm.lmer("y ~ x + (1 | g)", d)):
        with pytest.raises(DataError, match=words):
            call(DATA.assign(y=values))


def test_too_many_effects_of_a_slip_name_it():
    words = r"random effects .* simplify the term; m, taken as a category, mixes numbers and text \('N/A'\)"
    with pytest.raises(FitError, match=words):
        mlm.lmer("y ~ m + (m | g)", DATA.assign(m=MIXED))
    with pytest.raises(FitError, match=words):
        mlm.glmer("counts ~ m + (m | g)", DATA.assign(m=MIXED), "poisson")


@pytest.mark.parametrize(
    "formula", ["y ~ factor(age)", "y ~ dose", "y ~ two", "y ~ x + (1 | age)", "y ~ C(age)", "y ~ gene"]
)
def test_categories_that_are_meant_are_not_mentioned(formula):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        (mlm.lmer if "|" in formula else mlm.lm)(
            formula, DATA.assign(age=DATA.age.str[:2], gene=["AA", "Aa", "aa"] * 40)
        )


def test_successes_of_a_response_with_three_levels_are_named():
    words = r"three has 3 levels: a counts as a failure, b and c as successes \(R's rule\)"
    with pytest.warns(CategoryWarning, match=words):
        one = mlm.glm("three ~ x", DATA, "binomial")
    with pytest.warns(CategoryWarning, match=words):
        other = mlm.glmer("three ~ x + (1 | g)", DATA, "binomial")
    for page in (str(one.summary()), str(other.summary())):
        assert "hree has 3 levels: a counts as a failure" in page
    same = mlm.glm("I(three != 'a') ~ x", DATA, "binomial")
    assert np.asarray(one.fixef) == pytest.approx(np.asarray(same.fixef))


def test_two_levels_need_no_words():
    with warnings.catch_warnings():
        warnings.simplefilter("error", CategoryWarning)
        assert "levels" not in str(mlm.glm("two ~ x", DATA, "binomial").summary())


@pytest.mark.parametrize(("call", "words"), [
    (lambda: mlm.glmer("counts ~ x + (1 | g)", DATA, "poisson"), "try negative_binomial, or a random effect"),
    (lambda: mlm.glm("counts ~ x", DATA, "poisson"), "try negative_binomial, a quasi family, or a random effect"),
    (lambda: mlm.glm("cbind(counts, 60 - pmin(counts, 60)) ~ x", DATA, "binomial"), "try beta_binomial, a quasi"),
])  # fmt: skip
def test_advice_about_dispersion_fits_the_family(call, words):
    assert words in " ".join(str(quiet(call).check()).split())
