"""Arguments by the names they have in R and elsewhere are refused with what they are called here."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from collections.abc import Callable

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
    ("reml", "it is called REML here"),
    ("dat", r"did you mean 'data'\? \(known: formula, data, REML, weights"),
    ("link", r'the link stands with the family, as in "binomial\(probit\)"'),
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
    ("predict", "type.predictor", "on one scale only"),
    ("predict", "data", "it is called newdata here"),
    ("predict", "random_state", "it is called seed here"),
    ("simulate", "nsim", "it is called n here"),
    ("simulate", "re_form", 'groups="same" keeps those of the fit'),
    ("simulate", "use.u", 'groups="new" draws the random effects anew'),
    ("summary", "ddf", "it is called df here"),
    ("anova", "ddf", "it is called df here"),
    ("anova", "test.statistic", r"see drop1, test and compare"),
    ("confint", "parm", "it is called parameters here"),
    ("confint", "conf.level", "it is called level here"),
    ("confint", "nboot", "it is called n here"),
    ("confint", "boot.type", "it is called boot here"),
    ("confint", "alpha", "level is the coverage, 0.95 for an alpha of 0.05"),
    ("confint", "type", "it is called method here"),
    ("bootstrap", "nSim", "it is called n here"),
    ("bootstrap", "FUN", "it is called statistic here"),
    ("bootstrap", "ncpus", "it is called threads here"),
    ("profile", "which", "it is called parameters here"),
    ("ranef", "condVar", "standard deviations are always there"),
    ("varcorr", "zebra", r"varcorr\(\) has no argument 'zebra', nor any other"),
    ("residuals", "type", "it is called kind here"),
    ("drop1", "scope", "every term that no other contains"),
    ("emmeans", "lmer.df", "it is called df here"),
    ("emmeans", "mode", "it is called df here"),
    ("emmeans", "vcov.", "it is called vcov here"),
    ("emmeans", "cov.reduce", "it is called cov_reduce here"),
    ("emmeans", "adjust", r"as in \.pairs\(adjust=...\)"),
    ("emmeans", "contr", r'as in \.contrast\("pairwise"\)'),
    ("emmeans", "conf_level", "it is called level here"),
    ("tidy", "conf.int", "given by confint"),
]


@pytest.mark.parametrize(("verb", "name", "words"), ASKING)
def test_a_fit_says_what_an_argument_is_called(m: mlm.LinearMixedModel, verb: str, name: str, words: str) -> None:
    with pytest.raises(UnknownArgumentError, match=words):
        getattr(m, verb)(**{name: 1})


ELSEWHERE: list[tuple[Callable[..., object], str, str]] = [
    (mlm.power, "nsim", r"power\(\) has no argument 'nsim': it is called n here"),
    (mlm.power, "n_simulations", "it is called n here"),
    (mlm.power, "breaks", r'along=\{"subject": \[10, 20\]\}'),
    (mlm.power, "sample_size", "along gives numbers of levels"),
    (mlm.power, "target_test", "it is called test here"),
    (mlm.power, "fit", r"m.truth\(\) is that of a fit"),
    (mlm.power, "level", "alpha is the level of the tests"),
    (mlm.power, "cores", "it is called threads here"),
    (mlm.simulate, "nsim", r"one response is drawn; simulate\(\) of a fit draws as many as you like"),
    (mlm.simulate, "newparams", "it is called truth here, a Truth"),
    (mlm.simulate, "zi.formula", "it is called ziformula here"),
    (mlm.compare, "test", "compared by likelihood ratios"),
    (mlm.compare, "model.names", "it is called names here"),
    (mlm.compare, "poisson", r"the fits stand by themselves, compare\(m0, m1\)"),
    (mlm.glmer, "dispersion_formula", "it is called dispformula here"),
]


@pytest.mark.parametrize(("function", "name", "words"), ELSEWHERE)
def test_functions_say_what_an_argument_is_called(function: Callable[..., object], name: str, words: str) -> None:
    with pytest.raises(UnknownArgumentError, match=words):
        function(**{name: 1})


def test_means_say_it_too(m: mlm.LinearMixedModel) -> None:
    means = m.emmeans("~ days", at={"days": [0, 9]})
    with pytest.raises(UnknownArgumentError, match=r"contrast\(\) .* 'p_adjust': it is called adjust here"):
        means.contrast("pairwise", p_adjust="holm")  # type: ignore[call-arg]
    with pytest.raises(UnknownArgumentError, match=r"pairs\(\) .* did you mean 'reverse'"):
        means.pairs(rev=True)


def test_arguments_that_go_by_name_are_not_taken_by_position(m: mlm.LinearMixedModel) -> None:
    words = r"emmeans\(\) takes 1 by position \(specs\); found 2; give others by name, by=, at="
    with pytest.raises(UnknownArgumentError, match=words):
        m.emmeans("days", "subject")  # type: ignore[misc]
    with pytest.raises(UnknownArgumentError, match=r"varcorr\(\) takes no arguments by position; found 1$"):
        m.varcorr(1)  # type: ignore[call-arg]


MODELS = (mlm.LinearModel, mlm.LinearMixedModel, mlm.GeneralizedLinearModel, mlm.GeneralizedLinearMixedModel)
VERBS = [
    (kind, name)
    for kind in MODELS
    for name, verb in inspect.getmembers(kind, inspect.isfunction)
    if not name.startswith("_")
]


@pytest.mark.parametrize(("kind", "verb"), VERBS, ids=lambda value: getattr(value, "__name__", value))
def test_every_verb_refuses_what_it_does_not_know_in_words(kind: type, verb: str) -> None:
    with pytest.raises(UnknownArgumentError, match=rf"^{verb}\(\) has no argument 'zebra'"):
        getattr(kind, verb)(None, zebra=1)


ATTRIBUTES = [
    ("AIC", "LinearMixedModel has no 'AIC': it is called aic here"),
    ("logLik", "it is called loglik here"),
    ("VarCorr", r"it is called varcorr\(\) here"),
    ("conf_int", r"it is called confint\(\) here"),
    ("params", "it is called fixef here"),
    ("bse", "it is called se here"),
    ("random_effects", r"it is called ranef\(\) here"),
    ("pvalues", r"it is called tidy\(\)\['p_value'\] here"),
    ("lsmeans", r"it is called emmeans\(\) here"),
    ("plot", r"pictures are drawn by multilevel.plots, as in plots.residuals\(m\)"),
    ("sigm", "did you mean 'sigma'"),
    ("zebra", "has no 'zebra'$"),
]


@pytest.mark.parametrize(("name", "words"), ATTRIBUTES)
def test_a_fit_says_where_an_answer_is(m: mlm.LinearMixedModel, name: str, words: str) -> None:
    with pytest.raises(AttributeError, match=words):
        getattr(m, name)


def test_what_a_fit_lacks_is_lacking_still(m: mlm.LinearMixedModel) -> None:
    assert not hasattr(m, "deviance_residuals")
    assert not hasattr(m, "__array__")
    again = pickle.loads(pickle.dumps(m))
    assert copy.copy(again).sigma == m.sigma


HOUSE = [
    ("emmeans", r"multilevel has no 'emmeans': it is asked of a fit, as in m.emmeans\(...\)"),
    ("anova", r"it is asked of a fit, as in m.anova\(...\)"),
    ("VarCorr", r"it is asked of a fit, as in m.varcorr\(...\)"),
    ("fixef", r"it is asked of a fit, as in m.fixef"),
    ("stat_slab", "it is multilevel.plots.stat_slab"),
    ("caterpillar", "it is multilevel.plots.caterpillar"),
    ("sleepstudy", r'it is datasets.load\("sleepstudy"\)'),
    ("expandgrid", "did you mean 'expand_grid'"),
    ("zebra", "has no 'zebra'$"),
]


@pytest.mark.parametrize(("name", "words"), HOUSE)
def test_the_package_says_where_a_name_is(name: str, words: str) -> None:
    with pytest.raises(AttributeError, match=words):
        getattr(mlm, name)


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
