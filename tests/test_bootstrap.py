"""Parametric bootstrap: draws, seeds, threads, statistics of one's own, intervals, and what can go wrong."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, ks_2samp, kstest, norm

import multilevel as mlm
from multilevel.fit import LinearMixedModel, LinearModel
from multilevel.inference.bootstrap import Bootstrap
from multilevel.inference.drawing import large, numbers, responses
from multilevel.inference.replicates import bootstrap
from multilevel.models.estimate import Fit
from multilevel.progress import Progress


@cache
def sleep() -> LinearMixedModel:
    return mlm.lmer("reaction ~ days + (days | subject)", mlm.datasets.load("sleepstudy"))


@cache
def replicated() -> Bootstrap:
    return bootstrap(sleep()._fit, 1000, seed=1)


def crossed(weights: str | None = None, offset: str = "") -> LinearMixedModel:
    rng = np.random.default_rng(4)
    n = 120
    d = {"g": np.arange(n) % 12, "h": np.arange(n) // 15, "x": rng.normal(size=n), "w": rng.uniform(0.3, 3, n)}
    d["o"] = 10 * rng.normal(size=n)
    y = 1 + d["x"] + rng.normal(size=12)[d["g"]] + rng.normal(size=8)[d["h"]] + rng.normal(size=n) / np.sqrt(d["w"])
    formula = f"y ~ x + (x | g) + (1 | h){offset}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.MultilevelWarning)
        return mlm.lmer(formula, d | {"y": y + (d["o"] if offset else 0)}, weights=weights)


def test_responses_have_the_moments_of_the_model() -> None:
    """Mean X beta, covariance sigma^2 (W^-1 + Z Lambda Lambda' Z')."""
    fit = crossed("w", " + offset(o)")._fit
    Y = np.vstack(list(responses(fit, 20_000, 1)))
    mean = fit.rows.X[0] * fit.estimate.beta[0] + fit.rows.X[1] * fit.estimate.beta[1]
    V = np.diag(1 / fit.rows.extra["weights"])
    for part, factor in zip(fit.rows.random, fit.factors, strict=True):
        ZL = np.column_stack(part.Z) @ factor
        V += (part.codes[:, None] == part.codes) * (ZL @ ZL.T)
    V *= fit.estimate.sigma**2
    sd = np.sqrt(np.diag(V))
    assert np.abs((Y.mean(axis=0) - mean) / sd).max() < 5 / np.sqrt(len(Y))
    assert np.abs((np.cov(Y.T) - V) / np.outer(sd, sd)).max() < 6 / np.sqrt(len(Y))


def test_a_replicate_depends_on_the_seed_and_its_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = sleep()._fit
    whole = np.array(replicated())
    np.testing.assert_array_equal(bootstrap(fit, 20, seed=1), whole[:20])
    np.testing.assert_array_equal(bootstrap(fit, 20, seed=1, threads=1), whole[:20])
    monkeypatch.setattr("multilevel.inference.drawing.CHUNK", 1000)  # a few at a time
    np.testing.assert_array_equal(bootstrap(fit, 20, seed=1, threads=2), whole[:20])
    assert not np.array_equal(bootstrap(fit, 20, seed=2), whole[:20])


def test_seeds_may_be_generators_or_none() -> None:
    fit = sleep()._fit
    first, second = (bootstrap(fit, 5, seed=np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    generator = np.random.default_rng(3)
    assert not np.array_equal(bootstrap(fit, 5, seed=generator), bootstrap(fit, 5, seed=generator))
    assert not np.array_equal(bootstrap(fit, 5), bootstrap(fit, 5))


@pytest.mark.parametrize("model", ["sleep", "weights", "offset", "linear", "linear weights"])
def test_replicates_are_refits(model: str) -> None:
    """The default statistic, computed in the core, is that of the models a user would refit."""
    d = mlm.datasets.load("sleepstudy")
    weights = np.where(d["days"] == 3, 0.0, 1.0 + d["days"] % 3)
    m: Any = {
        "sleep": sleep,
        "weights": lambda: crossed("w"),
        "offset": lambda: crossed("w", " + offset(o)"),
        "linear": lambda: mlm.lm("reaction ~ days + offset(10 * days)", d),
        "linear weights": lambda: mlm.lm("reaction ~ days + offset(10 * days)", d, weights=weights),
    }[model]()

    def statistic(refit: Any) -> dict[str, float]:
        return {"sigma": refit.sigma, **dict(refit.fixef)}

    wrap = LinearMixedModel if m._fit.rows.random else LinearModel
    ours = bootstrap(m._fit, 4, seed=1)
    theirs = bootstrap(m._fit, 4, seed=1, statistic=statistic, wrap=lambda fit: wrap(fit, None))
    assert theirs.names == ("sigma", *m.fixef)
    columns = [ours.names.index(name) for name in theirs.names]
    np.testing.assert_allclose(ours.replicates[:, columns], theirs.replicates, rtol=2e-6)
    np.testing.assert_allclose(theirs.estimates, ours.estimates[columns])


def test_bias_and_standard_errors() -> None:
    b = replicated()
    np.testing.assert_allclose(b.bias, np.nanmean(b.replicates, axis=0) - b.estimates)
    np.testing.assert_allclose(b.se, np.nanstd(b.replicates, axis=0, ddof=1))
    assert b.se[b.names.index("days")] == pytest.approx(sleep().se["days"], rel=0.1)
    assert list(b.to_frame().columns) == list(b.names)
    assert len(b) == len(b.to_frame()) == 1000


def test_percentile_and_basic_limits() -> None:
    b = replicated()
    column = np.sort(b.replicates[:, b.names.index("days")])
    low, high = (np.interp(share * 1001 - 1, np.arange(1000), column) for share in (0.025, 0.975))
    np.testing.assert_allclose(b.confint(parameters="days"), [[low, high]])
    estimate = sleep().fixef["days"]
    np.testing.assert_allclose(b.confint("basic", parameters="days"), [[2 * estimate - high, 2 * estimate - low]])


def test_bca_is_second_order_right_for_a_standard_deviation() -> None:
    """sigma of a linear model: the exact limits are those of chi-squared, which percentiles miss by far."""
    rng = np.random.default_rng(0)
    m = mlm.lm("y ~ x", {"y": rng.normal(size=22), "x": rng.normal(size=22)})
    b = bootstrap(m._fit, 20_000, seed=1)
    exact = m.sigma * np.sqrt(20 / chi2.ppf([0.975, 0.025], 20))
    off = {
        method: np.abs(b.confint(method, parameters="sigma") - exact).max() / m.sigma
        for method in ("percentile", "bca")
    }
    assert off["bca"] < 0.02 < 0.1 < off["percentile"]
    place = b.names.index("sigma")
    assert b._accelerations((place,))[0] == pytest.approx(np.sqrt(2) / 3 / np.sqrt(20), abs=0.012)
    assert abs(b._accelerations((b.names.index("x"),))[0]) < 0.012


def test_accelerations_of_a_balanced_one_way_design() -> None:
    """sigma has l(n - 1) degrees of freedom, and a score along it that is chi-squared."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(10), 6)
    m = mlm.lmer("y ~ 1 + (1 | g)", {"y": 2 * rng.normal(size=10)[g] + rng.normal(size=60), "g": g})
    b = bootstrap(m._fit, 10_000, seed=1)
    found = b._accelerations((b.names.index("sigma"), b.names.index("sd_(Intercept)|g"), b.names.index("(Intercept)")))
    assert found[0] == pytest.approx(np.sqrt(2) / 3 / np.sqrt(50), abs=0.015)
    # the between sum of squares, chi-squared with 9 degrees of freedom, less a little of the one within
    assert found[1] == pytest.approx(np.sqrt(2) / 3 / np.sqrt(9), abs=0.02)
    assert found[2] == pytest.approx(0.0, abs=0.015)


def test_bca_covers_in_small_samples() -> None:
    """Coverage of 90 % intervals of sigma, 12 rows, 400 data sets: BCa has its level, percentiles what theory says."""
    rng = np.random.default_rng(5)
    covered = {"percentile": 0, "bca": 0}
    x = rng.normal(size=12)
    for i in range(400):
        m = mlm.lm("y ~ x", {"y": rng.normal(size=12), "x": x})
        b = bootstrap(m._fit, 400, seed=i, threads=1)
        for method in covered:
            low, high = np.array(b.confint(method, 0.9, "sigma"))[0]
            covered[method] += low < 1 < high
    error = np.sqrt(0.9 * 0.1 / 400)
    assert covered["bca"] / 400 == pytest.approx(0.9, abs=3.5 * error)
    exact = np.diff(chi2.cdf(10 / np.flip(chi2.ppf([0.05, 0.95], 10) / 10), 10))[0]  # 0.853
    assert covered["percentile"] / 400 == pytest.approx(exact, abs=3.5 * error)


def test_the_distribution_of_sigma() -> None:
    """A linear model's replicates of sigma: chi-squared, whatever the number of threads."""
    d = mlm.datasets.load("sleepstudy")
    m = mlm.lm("reaction ~ days", d)
    b = bootstrap(m._fit, 2000, seed=9, threads=2)
    assert kstest(178 * (b.replicates[:, 0] / m.sigma) ** 2, chi2(178).cdf).pvalue > 1e-3
    z = (b.replicates[:, 2] - m.fixef["days"]) / m.se["days"]
    assert kstest(z, norm.cdf).pvalue > 1e-3


@pytest.mark.parametrize("method", ["percentile", "basic", "bca"])
def test_a_variance_of_zero_is_answered(method: Any) -> None:
    with pytest.warns(mlm.SingularFitWarning):
        m = mlm.lmer("yield ~ 1 + (1 | batch)", mlm.datasets.load("dyestuff2"))
    found = bootstrap(m._fit, 500, seed=1).confint(method)
    assert np.isfinite(np.array(found)).all()
    low, high = np.array(found)[0]
    assert low <= 0 <= high


def test_undefined_correlations_are_counted() -> None:
    rng = np.random.default_rng(6)
    g, x = np.repeat(np.arange(6), 4), np.tile(np.arange(4.0), 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.MultilevelWarning)
        m = mlm.lmer("y ~ x + (x | g)", {"y": 0.4 * rng.normal(size=6)[g] + rng.normal(size=24), "x": x, "g": g})
    b = bootstrap(m._fit, 300, seed=1)
    unknown = int(np.isnan(b.replicates[:, 1]).sum())
    assert unknown > 0
    assert f"is not defined in {unknown} of 300 replicates" in " ".join(str(b).split())


def test_failures_are_counted_not_dropped() -> None:
    replicates = np.array([[1.0, 2.0], [np.nan, np.nan], [2.0, 3.0]])
    some = replicated()
    b = Bootstrap(some.parameters[:2], some.estimates[:2], replicates, np.ones((3, 1)), failed=1, unconverged=2)
    text = " ".join(str(b).split())
    assert "1 of 3 replicates could not be fitted and are left out." in text
    assert "2 of 3 refits have no certified optimum; they are counted." in text
    assert "not defined" not in text
    np.testing.assert_allclose(b.bias, [1.5, 2.5] - some.estimates[:2])


def test_refits_that_fail_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def sometimes(fit: Fit, rows: Any) -> Fit:
        calls.append(1)
        if len(calls) == 2:
            raise mlm.FitError("the response is constant")
        return fit

    monkeypatch.setattr("multilevel.inference.asked.refit_linear_mixed", sometimes)
    b = bootstrap(sleep()._fit, 3, seed=1, statistic=lambda fit: fit.estimate.sigma)
    assert b.failed == 1
    assert np.isnan(b.replicates[1, 0])
    assert np.isfinite(b.replicates[[0, 2], 0]).all()


def test_extreme_replicates_are_said() -> None:
    b = replicated()
    lopsided = Bootstrap(b.parameters, b.replicates.max(axis=0), b.replicates, b.scores)
    assert "the most extreme replicate; draw more" in " ".join(str(lopsided.confint("bca", parameters="days")).split())


@pytest.mark.parametrize(
    ("statistic", "names", "shape"),
    [
        (lambda fit: fit.estimate.sigma, ("statistic",), (3, 1)),
        (lambda fit: fit.estimate.beta, ("statistic[0]", "statistic[1]"), (3, 2)),
        (lambda fit: {"a": 1, "b": fit.estimate.sigma}, ("a", "b"), (3, 2)),
    ],
    ids=["number", "array", "dict"],
)
def test_statistics_of_ones_own(statistic: Any, names: tuple[str, ...], shape: tuple[int, int]) -> None:
    b = bootstrap(sleep()._fit, 3, seed=1, statistic=statistic)
    assert b.names == names
    assert b.replicates.shape == shape
    assert "NA" in str(b)  # too few for intervals


def test_pages() -> None:
    b = replicated()
    lines = str(b).splitlines()
    assert lines[0] == "Parametric bootstrap, 1000 replicates"
    assert lines[1].split() == ["Estimate", "Bias", "Std.", "Error", "2.5", "%", "97.5", "%"]
    assert "<table>" in b._repr_html_()
    assert max(map(len, b.to_text(60).splitlines())) <= 60


def uneven(fit: Fit) -> list[float]:
    uneven.calls = getattr(uneven, "calls", 0) + 1  # type: ignore[attr-defined]
    return [1.0] * (1 + uneven.calls // 3)  # type: ignore[attr-defined]


def few_rows() -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mlm.lm("y ~ x", {"y": [1.0, 2.0], "x": [0.0, 1.0]})._fit


def ask(n: Any = 10, **options: Any) -> Bootstrap:
    return bootstrap(sleep()._fit, n, seed=1, **options)


BAD = {
    "one replicate": (lambda: ask(1), "n is 1; expected the number of replicates, 2 or more"),
    "negative": (lambda: ask(-5), "n is -5"),
    "half a replicate": (lambda: ask(10.5), "n is 10.5"),
    "n as text": (lambda: ask("1000"), "n is '1000'"),
    "n is True": (lambda: ask(True), "n is True"),
    "no threads": (lambda: ask(threads=0), "threads is 0; expected the number of threads, 1 or more"),
    "no function": (lambda: ask(statistic="sigma"), "statistic is 'sigma'; expected a function of a fitted model"),
    "fails": (lambda: ask(statistic=lambda fit: fit.nonsense), "the statistic of the fit failed: AttributeError"),
    "text": (lambda: ask(statistic=lambda fit: "much"), "the statistic of the fit is str; expected a number"),
    "a matrix": (lambda: ask(statistic=lambda fit: np.eye(2)), "the statistic of the fit is ndarray"),
    "nothing": (lambda: ask(statistic=lambda fit: []), "the statistic of the fit is list"),
    "changes its shape": (lambda: ask(statistic=uneven), r"the statistic of replicate 2 has 2 value\(s\)"),
    "level": (lambda: replicated().confint(level=1.5), "level is 1.5"),
    "parameter": (lambda: replicated().confint(parameters="day"), "did you mean 'days'"),
    "too few": (lambda: ask().confint(), "a 95 % interval of .* needs 39 replicates or more, better a thousand"),
    "too few for BCa": (lambda: ask(20).confint("bca", 0.5), "BCa intervals need 35 replicates or more"),
    "no residuals": (lambda: bootstrap(few_rows(), 10), "leave no residuals to draw responses from"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(mlm.InferenceError, match=message):
        call()


def test_an_unknown_interval() -> None:
    with pytest.raises(mlm.DataError, match="method is 'norm'; expected 'percentile', 'basic' or 'bca'"):
        replicated().confint("norm")  # type: ignore[arg-type]


class Terminal:
    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_progress_is_shown_when_it_takes_long_and_wiped_out(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, clock = Terminal(), iter([0.0, 1.0, 3.0, 3.1, 4.0])
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("multilevel.progress.perf_counter", lambda: next(clock))
    with Progress("bootstrap", 100) as progress:
        for _ in range(4):
            progress.advance(10)
    assert terminal.text.split("\r")[1:3] == ["bootstrap  20 of 100, 12 s left", "bootstrap  40 of 100, 6 s left "]
    assert terminal.text.endswith("\r" + " " * 31 + "\r")


def test_no_progress_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 5.0])
    monkeypatch.setattr("multilevel.progress.perf_counter", lambda: next(clock))
    with Progress("bootstrap", 2) as progress:
        progress.advance(1)
    assert capsys.readouterr().err == ""


def many_rows(kind: str) -> Fit:
    """Designs with many rows to a level; some levels with one row, or with one value of x."""
    rng = np.random.default_rng(8)
    n, levels = 3000, 14
    g = np.minimum(rng.integers(12, size=n), 11)
    g[:2] = 12, 13  # a row each
    x = np.where(g == 0, 1.5, rng.normal(size=n) + 3)
    d: dict[str, Any] = {"g": g, "x": x, "w": rng.uniform(0.5, 2, n), "f": np.where(rng.random(n) < 0.5, "a", "b")}
    b = rng.normal(size=(levels, 2)) * [1.0, 0.4]
    d["y"] = 5 + x + (b[g] * np.column_stack([np.ones(n), x])).sum(axis=1) + rng.normal(size=n) / np.sqrt(d["w"])
    formula, weights = {
        "intercept": ("y ~ x + (1 | g)", None),
        "slope": ("y ~ x + f + (x | g)", None),
        "weights": ("y ~ x + (x || g)", "w"),
        "no fixed effects": ("y ~ 0 + (x | g)", None),
    }[kind]
    return mlm.lmer(formula, d, weights=weights)._fit


@pytest.mark.parametrize("kind", ["intercept", "slope", "weights", "no fixed effects"])
def test_sums_have_the_distribution_of_the_sums_of_rows(kind: str) -> None:
    """Everything a refit sees of a response: beta, sums of z z' and r2 at theta, and the estimates themselves."""
    fit = many_rows(kind)
    assert large(fit)
    core, e, r = fit.sums.core, fit.estimate, 2000
    draws = core.draws()
    (block,) = numbers(draws.size, draws.noise_df, r, 1)
    sums = core.refit_drawn(draws, block, e.theta, e.sigma, e.beta, True, None, 2)
    rows = [core.refit(Y.T, True, None, 2, e.theta) for Y in responses(fit, r, 2)]
    for key in ("scores", "theta", "beta"):
        for ours, theirs in zip(sums[key].T, np.concatenate([part[key] for part in rows]).T, strict=True):
            assert ks_2samp(ours, theirs).pvalue > 1e-4, key
    ours, theirs = sums["scores"], np.concatenate([part["scores"] for part in rows])
    scale = np.sqrt(np.outer(theirs.var(axis=0), theirs.var(axis=0)))
    assert np.abs((np.cov(ours.T) - np.cov(theirs.T)) / scale).max() < 0.25


def test_drawn_sums_have_their_exact_moments() -> None:
    """beta at theta has covariance sigma^2 Q^-1 about the truth; r2 has n - p degrees of freedom."""
    fit = many_rows("slope")
    core, e = fit.sums.core, fit.estimate
    draws = core.draws()
    parts = np.vstack(
        [
            core.refit_drawn(draws, block, e.theta, e.sigma, e.beta, True, e.theta, 2)["scores"]
            for block in numbers(draws.size, draws.noise_df, 4000, 3)
        ]
    )
    z = np.linalg.solve(np.linalg.cholesky(e.vcov), (parts[:, :3] - e.beta).T)
    for row in z:
        assert kstest(row, norm.cdf).pvalue > 1e-4
    assert np.abs(np.cov(z) - np.eye(3)).max() < 0.12
    assert kstest(parts[:, -1] / e.sigma**2, chi2(e.n - 3).cdf).pvalue > 1e-4
    assert draws.noise_df == e.n - (2 * 14 - 3) - 1  # two levels of one row, one of one x; f outside them


def test_large_designs_are_replicated_by_their_sums() -> None:
    fit = many_rows("slope")
    b = bootstrap(fit, 400, seed=1)
    np.testing.assert_array_equal(bootstrap(fit, 10, seed=1, threads=1), b.replicates[:10])
    by_rows = bootstrap(fit, 400, seed=1, statistic=lambda refit: refit.estimate.sigma)
    assert ks_2samp(b.replicates[:, b.names.index("sigma")], by_rows.replicates[:, 0]).pvalue > 1e-3
    assert np.isfinite(np.array(b.confint("bca"))).all()


def test_draws_are_of_one_grouping_factor() -> None:
    fit = crossed()._fit
    assert not large(fit)
    with pytest.raises(ValueError, match="one grouping factor"):
        fit.sums.core.draws()


def test_the_doorway_checks_the_numbers_it_is_given() -> None:
    fit = sleep()._fit
    core, e = fit.sums.core, fit.estimate
    draws = core.draws()
    with pytest.raises(ValueError, match=r"draws.size \+ 1"):
        core.refit_drawn(draws, np.zeros((2, draws.size)), e.theta, e.sigma, e.beta, True)
    with pytest.raises(ValueError, match="beta: one number"):
        core.refit_drawn(draws, np.zeros((2, draws.size + 1)), e.theta, e.sigma, e.beta[:1], True)
