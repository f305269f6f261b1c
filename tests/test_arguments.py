"""Arguments by the names they have in R and elsewhere are refused with what they are called here."""

from __future__ import annotations

import inspect
import warnings

import pytest

import multilevel as mlm
from multilevel.errors import MultilevelError, UnknownArgumentError

SLEEP = ("reaction ~ days + (days | subject)", mlm.datasets.load("sleepstudy"))
HERDS = ("cbind(incidence, size - incidence) ~ period + (1 | herd)", mlm.datasets.load("cbpp"), "binomial")


@pytest.fixture(scope="module")
def m() -> mlm.LinearMixedModel:
    return mlm.lmer(*SLEEP)


FITTING = [
    ("control", r"lmer\(\) has no argument 'control': the search has no options to set"),
    ("na.action", 'missing="drop" leaves incomplete rows out'),
    ("na_action", 'missing="drop" leaves incomplete rows out'),
    ("subset", r"leave rows out of the data, as in data\[data"),
    ("offset", r"write offset\(x\) in the formula"),
    ("family", "fitted by glm and glmer"),
    ("nAGQ", "quadrature is n_agq here, an argument of glmer"),
    ("groups", "grouping factors stand in the formula"),
    ("reml", r"did you mean 'REML'\? \(known: formula, data, REML, weights"),
    ("zebra", r"no argument 'zebra' \(known: formula, data"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "words"), FITTING)
def test_lmer_says_what_an_argument_is_called(name: str, words: str) -> None:
    with pytest.raises(UnknownArgumentError, match=words):
        mlm.lmer(*SLEEP, **{name: 1})  # type: ignore[arg-type]


ASKING = [
    ("predict", "re.form", 'groups="population" leaves the random effects out'),
    ("predict", "allow_new_levels", 'new_levels="population" predicts'),
    ("predict", "se.fit", 'interval="confidence" gives standard errors'),
    ("predict", "type", "on one scale only"),
    ("simulate", "nsim", "it is called n here"),
    ("summary", "ddf", 'df="kenward-roger"'),
    ("anova", "ddf", 'df="kenward-roger"'),
    ("confint", "parm", "it is called parameters here"),
    ("bootstrap", "nsim", "it is called n here"),
    ("emmeans", "lmer.df", 'df="kenward-roger"'),
]


@pytest.mark.parametrize(("verb", "name", "words"), ASKING)
def test_a_fit_says_what_an_argument_is_called(m: mlm.LinearMixedModel, verb: str, name: str, words: str) -> None:
    with pytest.raises(UnknownArgumentError, match=words):
        getattr(m, verb)(**{name: 1})


def test_generalized_fits_say_it_too() -> None:
    with pytest.raises(UnknownArgumentError, match=r"glmer\(\) has no argument 'nAGQ': quadrature is n_agq here"):
        mlm.glmer(*HERDS, nAGQ=9)  # type: ignore[call-arg]
    with pytest.raises(UnknownArgumentError, match="glm"):
        mlm.glm("incidence ~ period", HERDS[1], "poisson", control=1)  # type: ignore[call-arg]


def test_it_is_a_type_error_of_this_package_and_signatures_stay_as_they_are() -> None:
    assert issubclass(UnknownArgumentError, TypeError)
    assert issubclass(UnknownArgumentError, MultilevelError)
    assert "REML" in inspect.signature(mlm.lmer).parameters
    assert "groups" in inspect.signature(mlm.LinearMixedModel.predict).parameters


def test_warnings_of_all_fits_point_to_the_line_of_the_user() -> None:
    cattle = HERDS[1].assign(size=HERDS[1]["size"].where(HERDS[1].index > 0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mlm.lm("incidence ~ size", cattle)
        mlm.lmer("incidence ~ size + (1 | herd)", cattle)
        mlm.glm("incidence ~ size", cattle, "poisson")
        mlm.glmer("incidence ~ size + (1 | herd)", cattle, "poisson")
    assert len(caught) >= 4
    assert {w.filename for w in caught} == {__file__}
