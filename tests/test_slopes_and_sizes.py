"""Slopes of any degree and in functions of a predictor, effect sizes, options of contrasts, adjustments across tables:
against R's answers, calculus and algebra, and their bad inputs. More of R's are in test_means_agreement.py.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import reference_data
from numpy.testing import assert_allclose

import multilevel as mlm
from multilevel.errors import InferenceError
from multilevel.inference.means import MarginalMeans, emmeans, emtrends, joint_tests
from multilevel.inference.means.ranges import dunnett_sf, dunnettx_quantile, dunnettx_sf
from multilevel.models.linear import fit_linear

WARP = reference_data.load("warpbreaks")
CELLS = fit_linear("breaks ~ wool * tension", WARP)
PIGS = reference_data.load("pigs")
CUBIC = fit_linear("conc ~ source * poly(percent, 3)", PIGS)
OATS = mlm.datasets.load("oats", "dict")
SPLIT = mlm.lmer("yield ~ variety * nitro + (1 | block/variety)", OATS)


def warp(specs: Any, **options: Any) -> MarginalMeans:
    return emmeans(CELLS, WARP, specs, **options)


# ---- dunnettx: what emmeans 1.8.4-1 prints for k independent means with statistic t ---------------------------------

DUNNETTX = [  # df, k, t, p, critical value of 95 %; R finds tails to 1e-6 and quantiles to 4e-5
    (3, 2, 2, 0.234463009454382, 3.98793390195695),
    (10, 3, 3, 0.0349703988318895, 2.78444794386742),
    (30, 10, 2, 0.30437145580958, 2.91531245611575),
    (1e6, 30, 4, 0.00174593385940314, 3.05410792885197),
]


@pytest.mark.parametrize(("df", "k", "t", "p", "critical"), DUNNETTX)
def test_dunnettx_is_emmeans(df: float, k: int, t: float, p: float, critical: float) -> None:
    assert_allclose(dunnettx_sf(np.array([t]), k, np.array([df])), p, atol=2e-6)
    assert_allclose(dunnettx_quantile(0.05, k, np.array([df])), critical, rtol=1e-4)


def test_dunnettx_is_near_dunnett_and_exact_for_one() -> None:
    t, df = np.linspace(1.5, 4, 6), np.full(6, 20.0)
    assert_allclose(dunnettx_sf(t, 4, df), dunnett_sf(t, 4, df), atol=0.012)
    assert_allclose(dunnettx_sf(t, 1, df), dunnett_sf(t, 1, df), rtol=1e-6)


def test_exact_comparisons_with_a_control_are_there() -> None:
    made = warp("tension").contrast("trt.vs.ctrl")
    exact, any_correlation = (made.test(adjust=adjust).tests.p_value for adjust in ("dunnett", "mvt"))
    assert "dunnettx method for 2 tests" in str(made)
    assert_allclose(exact, any_correlation, atol=3e-4)
    assert_allclose(made.tests.p_value, exact, atol=0.01)


# ---- slopes ---------------------------------------------------------------------------------------------------------


def test_divided_differences_are_derivatives() -> None:
    """f^(d) / d! of the fitted cubic, by its coefficients."""
    made = emtrends(CUBIC, PIGS, "~ source | percent", "percent", at={"percent": [10, 14]}, max_degree=3, delta=1e-3)
    at = np.linspace(9, 18, 8)
    for row, (source, degree, percent) in enumerate(zip(*(key.values for key in made.keys), strict=True)):
        y = emmeans(CUBIC, PIGS, "percent", at={"percent": at.tolist(), "source": [source]}).estimates.estimate
        f = np.polynomial.Polynomial.fit(at, y, 3).convert()
        d = ["linear", "quadratic", "cubic"].index(str(degree)) + 1
        want = f.deriv(d)(percent) / np.prod(np.arange(1, d + 1))
        assert_allclose(made.estimates.estimate[row], want, rtol=1e-2 if d == 1 else 1e-3, atol=2e-3)


def test_slopes_in_a_function_obey_the_chain_rule() -> None:
    at = {"percent": [9.0, 12.0, 18.0]}
    plain, logs = (emtrends(CUBIC, PIGS, "percent", v, at=at, delta=1e-5) for v in ("percent", "log(percent)"))
    assert_allclose(logs.estimates.estimate, plain.estimates.estimate * at["percent"], rtol=1e-5)
    assert "log(percent).trend" in str(logs)


def test_second_degree_in_a_function_has_its_curvature() -> None:
    """d^2 f / du^2 = x^2 f'' + x f' for u = log x."""
    at = {"percent": [12.0]}
    plain, logs = (
        emtrends(CUBIC, PIGS, "~ 1", v, at=at, max_degree=2, delta=1e-3).estimates.estimate
        for v in ("percent", "log(percent)")
    )
    assert_allclose(2 * logs[1], 12**2 * 2 * plain[1] + 12 * plain[0], rtol=1e-3)


def test_degrees_can_be_rows() -> None:
    made = emtrends(CUBIC, PIGS, "~ degree", "percent", max_degree=2)
    assert made.by == ()
    assert made.keys[0].labels == ("linear", "quadratic")
    assert emtrends(CUBIC, PIGS, "~ 1", "percent", max_degree=5).keys[-1].labels[-1] == "degree 5"


def test_values_of_a_covariate_by_a_function() -> None:
    made = emmeans(CUBIC, PIGS, "percent", cov_reduce=lambda x: [x.min(), np.median(x)])
    assert made.keys[0].values == (9.0, float(PIGS["percent"].median()))
    by_function, by_name = (emmeans(CUBIC, PIGS, "source", cov_reduce=how).L for how in (np.median, "median"))
    assert_allclose(by_function, by_name)


# ---- effect sizes ---------------------------------------------------------------------------------------------------


def test_effect_sizes_by_the_delta_method() -> None:
    """Of c'm / s with Var(s) = s^2 / (2 edf)."""
    means = warp("tension")
    made, plain = means.eff_size(10.0, 25.0), means.pairs()
    d, error, df = made.estimates
    assert_allclose(d, plain.estimates.estimate / 10)
    assert_allclose(error**2, (plain.estimates.std_error / 10) ** 2 + d**2 / 50)
    assert_allclose(df, 48)
    assert_allclose(means.eff_size(10.0, np.inf).estimates.std_error, plain.estimates.std_error / 10)


def test_effect_sizes_of_contrasts_and_in_tables() -> None:
    means = warp("~ tension | wool")
    direct, made = means.eff_size(10.0, 25.0), means.pairs().eff_size(10.0, 25.0, "identity")
    assert_allclose(direct.estimates, made.estimates, rtol=1e-12)
    assert str(direct).count("wool = ") == 2
    assert "sigma used for effect sizes: 10" in str(direct)


def test_effect_sizes_stay_on_the_linear_predictor() -> None:
    log = fit_linear("log(conc) ~ source", PIGS)
    made = emmeans(log, PIGS, "source", type="response").eff_size(0.2, 20)
    assert made.scale is None
    assert_allclose(made.estimates.estimate, emmeans(log, PIGS, "source").pairs().estimates.estimate / 0.2)


# ---- contrasts ------------------------------------------------------------------------------------------------------


def test_excluded_means_have_no_weight() -> None:
    made = warp("tension").pairs(exclude="M")
    assert made.keys[0].labels == ("L - H",)
    assert_allclose(made.estimates.estimate, warp("tension").pairs().estimates.estimate[1])
    assert warp("tension").contrast("consec", exclude=0).keys[0].labels == ("H - M",)


def test_simple_is_the_complement_of_by() -> None:
    cells = warp("~ wool * tension")
    assert str(cells.pairs(simple="wool")) == str(cells.pairs(by="tension"))


def test_scale_and_offset() -> None:
    made = warp("tension").contrast("identity", scale=1.8, offset=[32, 32, 0])
    assert_allclose(made.estimates.estimate, 1.8 * warp("tension").estimates.estimate + [32, 32, 0])
    assert_allclose(made.estimates.std_error, 1.8 * warp("tension").estimates.std_error)


def test_interactions_by_name_and_for_all() -> None:
    cells = warp("~ wool * tension")
    named = cells.contrast(interaction={"tension": "poly", "wool": "eff"})
    assert [key.name for key in named.keys] == ["tension_poly", "wool_eff"]
    plain = cells.contrast(interaction=["eff", "poly"])
    assert_allclose(np.sort(named.estimates.estimate), np.sort(plain.estimates.estimate), atol=1e-9)
    assert str(cells.contrast("eff", interaction=True)) == str(cells.contrast(interaction="eff"))


def test_adjustment_across_tables() -> None:
    inside = warp("~ tension | wool").pairs()
    across = inside.test(cross_adjust="bonferroni")
    assert_allclose(across.tests.p_value, np.minimum(2 * inside.tests.p_value, 1))
    assert "Cross-group P-value adjustment: bonferroni" in str(across)
    assert str(inside.test(cross_adjust="bonferroni", by=None)) == str(inside.test(by=None))  # one table has no other


# ---- cluster-robust covariances in every verb -----------------------------------------------------------------------


def test_robust_slopes_are_robust_coefficients() -> None:
    trends = SPLIT.emtrends("variety", "nitro", vcov="CR2", cluster="block")
    p = len(SPLIT.fixef)
    L = np.eye(p)[list(SPLIT.fixef.names).index("nitro")]
    test = SPLIT.test(L, vcov="CR2", cluster="block")
    assert_allclose(trends.estimates.std_error[0], test.each.std_error[0], rtol=1e-9)
    assert_allclose(trends.estimates.df[0], test.each.df[0], rtol=1e-9)
    assert "cluster-robust: CR2, 6 clusters of block" in str(trends)


def test_robust_joint_tests_are_robust_f_tests() -> None:
    model = mlm.lmer("yield ~ variety + nitro + (1 | block/variety)", OATS)
    options = {"vcov": "CR1", "cluster": "block"}
    joint, terms = model.joint_tests(**options).to_frame(), model.anova(**options)
    assert_allclose(joint["statistic"], terms.statistic[:2], rtol=1e-7)
    assert_allclose(joint["df2"], terms.df2[:2], rtol=1e-7)


def test_robust_deletions_are_robust_f_tests() -> None:
    options = {"vcov": "CR2", "cluster": "block"}
    dropped, table = SPLIT.drop1(**options), SPLIT.anova(2, **options)
    assert_allclose(dropped["variety:nitro"], table["variety:nitro"])
    with pytest.raises(InferenceError, match="likelihood ratios have no cluster-robust covariance"):
        SPLIT.drop1("Chisq", **options)


# ---- bad inputs -----------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Any, str]] = {
    "max_degree": (lambda: emtrends(CUBIC, PIGS, "~ 1", "percent", max_degree=6), "a whole number from 1 to 5"),
    "max_degree true": (lambda: emtrends(CUBIC, PIGS, "~ 1", "percent", max_degree=True), "a whole number from 1"),
    "degree of nothing": (lambda: emtrends(CUBIC, PIGS, "~ degree", "percent"), "'degree' is no predictor"),
    "delta text": (lambda: emtrends(CUBIC, PIGS, "~ 1", "percent", delta="a"), "a step that is not zero"),  # type: ignore[arg-type]
    "var of two": (lambda: SPLIT.emtrends("~ 1", "nitro + yield"), "'nitro + yield' is no predictor"),
    "var of the response": (lambda: SPLIT.emtrends("~ 1", "log(yield)"), "'yield' is the response"),
    "var function": (lambda: SPLIT.emtrends("~ 1", "lgo(nitro)"), "did you mean 'log'?"),
    "var below zero": (lambda: SPLIT.emtrends("~ 1", "log(nitro - 5)"), "leave out such rows"),
    "var number": (lambda: SPLIT.emtrends("~ 1", 3), "'3' is no predictor"),
    "var comparison": (lambda: SPLIT.emtrends("~ 1", "nitro > 0.3"), "not one number for each value of nitro"),
    "cov_reduce gives text": (lambda: emmeans(CUBIC, PIGS, "~ 1", cov_reduce=lambda x: "a"), "expected finite numbers"),
    "cov_reduce gives none": (lambda: emmeans(CUBIC, PIGS, "~ 1", cov_reduce=lambda x: []), "percent has no values"),
    "cov_reduce twice": (lambda: emmeans(CUBIC, PIGS, "~ 1", cov_reduce=lambda x: [1.0, 1.0]), "occurs twice"),
    "sigma": (lambda: warp("wool").eff_size(0, 5), "sigma is 0; expected a positive number"),
    "sigma infinite": (lambda: warp("wool").eff_size(np.inf, 5), "expected a finite standard deviation"),
    "edf": (lambda: warp("wool").eff_size(1, -2), "edf is -2; expected a positive number"),
    "edf text": (lambda: warp("wool").eff_size(1, "many"), "edf is 'many'"),  # type: ignore[arg-type]
    "exclude unknown": (lambda: warp("tension").pairs(exclude="N"), "exclude: 'N' is no mean"),
    "exclude most": (lambda: warp("tension").pairs(exclude=["M", "L"]), "fewer than two means to compare"),
    "exclude ref": (lambda: warp("tension").contrast("trt.vs.ctrl", ref=0, exclude=0), "a reference mean is among"),
    "reverse": (lambda: warp("tension").contrast("eff", reverse=True), "'eff' has no reverse"),
    "weights of pairs": (lambda: warp("tension").contrast("pairwise", weights=[1, 1, 1]), "weights belong to 'eff'"),
    "weights short": (lambda: warp("tension").contrast("eff", weights=[1, 1]), "3 numbers, one for each mean"),
    "degree of pairs": (lambda: warp("tension").contrast(max_degree=2), "max_degree belongs to 'poly'"),
    "degree zero": (lambda: warp("tension").contrast("poly", max_degree=0), "a whole number, 1 or more"),
    "options of custom": (lambda: warp("wool").contrast({"a": [1, -1]}, ref=0), "have no options"),
    "simple unknown": (lambda: warp("~ wool * tension").pairs(simple="wol"), "simple: 'wol' is no column here"),
    "scale": (lambda: warp("tension").contrast(scale=[1, 2]), "one for each of 3 contrasts"),
    "offset": (lambda: warp("tension").contrast(offset=np.nan), "a finite number"),
    "interaction name": (lambda: warp("~ wool * tension").contrast(interaction={"wol": "eff"}), "did you mean 'wool'?"),
    "interaction part": (lambda: warp("~ wool * tension").contrast(interaction={"wool": "eff"}), "no method for"),
    "across": (lambda: warp("~ tension | wool").pairs().test(cross_adjust="tukey"), "cross_adjust is 'tukey'"),
    "joint weights": (lambda: joint_tests(CELLS, WARP, weights="cell"), "did you mean 'cells'?"),
    "crossed clusters": (lambda: SPLIT.emtrends("variety", "nitro", vcov="CR2", cluster="variety"), "not independent"),
    "vcov unknown": (lambda: SPLIT.joint_tests(vcov="CR9"), "vcov is 'CR9'"),
    "cluster alone": (lambda: SPLIT.drop1(cluster="block"), "no covariance that uses it"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    ask, message = BAD[name]
    with pytest.raises(InferenceError, match=re.escape(message)):
        ask()
