"""Confidence intervals beside lme4's: profile, Wald and bootstrap. The tally is printed at the end of the run."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference_data import load
from scipy.stats import norm, t
from test_profile import lowest

import multilevel as mlm
from multilevel.inference.confidence import confint
from multilevel.inference.intervals import Intervals
from multilevel.inference.methods import sampling_of
from multilevel.inference.profile import Profile, profile
from multilevel.models.estimate import Fit

ANSWERS = json.loads(Path(__file__).with_name("reference").joinpath("profiles.json").read_text(encoding="utf-8"))
MODELS = {answer["id"]: answer for answer in ANSWERS["intervals"]}
TALLY: dict[str, str] = {}
Json = dict[str, Any]


@cache
def fitted(name: str) -> Fit:
    answer = MODELS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.MultilevelWarning)
        return mlm.lmer(answer["formula"], load(answer["data"]), REML=answer["reml"])._fit


@cache
def profiled(name: str) -> Profile:
    return profile(fitted(name))


def half_width(p: Profile, name: str) -> float:
    """A standard error: a quarter of the width of a 95 % interval."""
    limits = p[name].limits(norm.ppf(0.975))
    return (limits[1] - limits[0]) / 4


@pytest.fixture(scope="module", autouse=True)
def tally() -> Iterator[None]:
    yield
    good = sum(verdict == "agrees" for verdict in TALLY.values())
    print(f"\nreference intervals: {good} of {len(TALLY)} limits and curves agree")
    for name, verdict in TALLY.items():
        if verdict != "agrees":
            print(f"  {name}: {verdict}")


@pytest.mark.parametrize("level", ["0.95", "0.8"])
@pytest.mark.parametrize("name", MODELS)
def test_profile_limits(name: str, level: str) -> None:
    """To 1e-3 of a standard error; where lme4's interpolation is further off, the criterion itself decides."""
    p, fit, answer = profiled(name), fitted(name), MODELS[name]
    z = norm.ppf((1 + float(level)) / 2)
    intervals = p.confint(float(level))
    for ours, theirs, expected in zip(intervals, answer["names"], answer["profile"][level], strict=True):
        assert re.sub(r"\W", "", ours) == re.sub(r"\W", "", theirs)
        for side, limit in zip(intervals[ours][1:], expected, strict=True):
            key = f"{name} {level} {theirs} {limit:.6g}"
            if abs(side - limit) <= 1e-3 * half_width(p, ours):
                TALLY[key] = "agrees"
                continue
            parameter = p[ours].parameter
            zeta = [np.sqrt(max(lowest(fit, parameter, v) - p.criterion, 0.0)) for v in (side, limit)]
            TALLY[key] = f"here {side:.6g}; exact zeta here {zeta[0]:.5f}, there {zeta[1]:.5f}, wanted {z:.5f}"
            assert abs(side - limit) <= 5e-3 * half_width(p, ours)
            assert zeta[0] == pytest.approx(z, abs=2e-4)
            assert abs(zeta[0] - z) < abs(zeta[1] - z)


@pytest.mark.parametrize("name", MODELS)
def test_profile_curves(name: str) -> None:
    """zeta at lme4's points to 1e-3, or nearer to the estimate: their minima are sometimes not quite at the bottom."""
    p, points = profiled(name), MODELS[name]["curve"]
    names = dict(zip(dict.fromkeys(points["parameter"]), p, strict=True))
    for par, value, theirs in zip(*points.values(), strict=True):
        ours = float(p[names[par]](value))
        if np.isnan(ours):  # beyond our last point
            continue
        key = f"{name} curve of {par} at {value:.6g}"
        TALLY[key] = "agrees" if abs(abs(ours) - abs(theirs)) < 1e-3 else f"zeta {ours:.5f}, lme4 {theirs:.5f}"
        assert abs(ours) < abs(theirs) + 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_wald_limits(name: str) -> None:
    """lme4 has none for the random part; its standard errors are those of its own optimum."""
    intervals, expected = confint(fitted(name), df="none"), np.array(MODELS[name]["wald"], float)
    np.testing.assert_array_equal(np.isnan(np.array(intervals)), np.isnan(expected))
    fixed = ~np.isnan(expected[:, 0])
    se = (expected[fixed, 1] - expected[fixed, 0]) / 4
    difference = np.abs(np.array(intervals)[fixed] - expected[fixed]) / se[:, None]
    TALLY[f"{name} wald"] = "agrees" if difference.max() < 1e-3 else f"off by {difference.max():.2g} standard errors"
    assert difference.max() < 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_percentile_limits(name: str) -> None:
    """lme4's 500 replicates: its quantiles lie where ours have the probability that they should, give or take."""
    from multilevel.inference.replicates import bootstrap

    b = bootstrap(fitted(name), 2000, seed=1)
    for column, theirs, (low, high) in zip(
        b.replicates.T, MODELS[name]["names"], MODELS[name]["percentile"], strict=True
    ):
        known = column[np.isfinite(column)]
        for share, limit in ((0.025, low), (0.975, high)):
            # at a bound many replicates are equal: the interval of their ranks has to meet that of the limit
            edge = 1e-4 * np.std(known)
            below, upto = np.mean(known < limit - edge), np.mean(known <= limit + edge)
            error = 4 * np.sqrt(share * (1 - share) * (1 / 500 + 1 / 2000))
            key = f"{name} percentile {theirs} {share}"
            TALLY[key] = "agrees" if below - error <= share <= upto + error else f"{below:.4f} to {upto:.4f} below"
            assert TALLY[key] == "agrees", (theirs, limit)


def test_bootmer() -> None:
    from multilevel.inference.replicates import bootstrap

    fit = mlm.lmer("Reaction ~ Days + (Days | Subject)", load("sleepstudy"))._fit
    expected, n = ANSWERS["bootMer"], 4000
    b = bootstrap(fit, n, seed=3)
    for name in ("(Intercept)", "Days", "sigma"):
        ours = b.replicates[:, b.names.index(name)]
        error = expected["sd"][name] * np.sqrt(1 / expected["nsim"] + 1 / n)
        assert ours.mean() == pytest.approx(expected["mean"][name], abs=4 * error)
        assert ours.std() == pytest.approx(expected["sd"][name], rel=4 * np.sqrt((1 / expected["nsim"] + 1 / n) / 2))
        for share, key in ((0.025, "q025"), (0.975, "q975")):
            rank = np.mean(ours <= expected[key][name])
            assert rank == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) * (1 / 1000 + 1 / n)))


def test_wald_uses_the_degrees_of_freedom_it_is_given() -> None:
    fit = fitted("confint_sleep_rs")
    se = np.sqrt(np.diag(fit.estimate.vcov))
    for df, quantile in (
        ("satterthwaite", t.ppf(0.975, 17)),
        ("none", norm.ppf(0.975)),
        ("residual", t.ppf(0.975, 178)),
    ):
        half = np.diff(np.array(confint(fit, parameters="beta_", df=df)), axis=1)[:, 0] / 2
        np.testing.assert_allclose(half, se * quantile, rtol=1e-6)
    assert confint(fit).method == "Wald t (Satterthwaite df)"
    assert confint(fit, df="none").method == "Wald"


def test_kenward_rogers_intervals_have_its_standard_errors() -> None:
    fit = mlm.lmer("yield ~ nitro + (1 | block/variety)", mlm.datasets.load("oats").iloc[:-7])._fit
    sampling = sampling_of(fit, "kenward-roger").estimates(np.eye(2))
    half = np.diff(np.array(confint(fit, parameters="beta_", df="kenward-roger")), axis=1)[:, 0] / 2
    np.testing.assert_allclose(half, sampling.std_error * t.ppf(0.975, sampling.df), rtol=1e-12)
    assert (sampling.std_error != np.sqrt(np.diag(fit.estimate.vcov))).all()


def test_a_linear_model_has_rs_intervals() -> None:
    model = mlm.lm("reaction ~ days", mlm.datasets.load("sleepstudy"))
    found = confint(model._fit)
    half = t.ppf(0.975, 178) * np.asarray(model.se)
    np.testing.assert_allclose(np.array(found)[1:, 1], np.asarray(model.fixef) + half)
    assert list(found) == ["sigma", "(Intercept)", "days"]


@pytest.mark.parametrize("method", ["wald", "profile", "boot"])
def test_methods_answer_in_one_form(method: Any) -> None:
    fit = fitted("confint_sleep_rs")
    found = confint(fit, method, 0.9, ["Days", "sigma"], n=200, seed=1)
    assert list(found) == ["Days", "sigma"]
    assert found["Days"].lower < found["Days"].estimate < found["Days"].upper
    frame = found.to_frame()
    assert list(frame.columns) == ["parameter", "effect", "group", "estimate", "lower", "upper"]
    assert list(frame["effect"]) == ["fixed", "ran_pars"]
    assert "90 %" in str(found)
    assert " 5 %" in str(found)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_pages_keep_their_width(width: int) -> None:
    for method in ("wald", "profile"):
        page = confint(fitted("confint_orthodont"), method).to_text(width)
        assert max(map(len, page.splitlines())) <= width


def test_points_stand_below_each_other() -> None:
    lines = str(confint(fitted("confint_sleep_rs"), "profile")).splitlines()[2:8]
    places = [[match.start() for match in re.finditer(r"\.(?=\d)", line.split(None, 1)[1])] for line in lines]
    starts = [len(line) - len(line.split(None, 1)[1]) for line in lines]
    assert len({tuple(start + place for place in row) for start, row in zip(starts, places, strict=True)}) == 1


def test_a_variance_of_zero_is_answered() -> None:
    found = profiled("confint_dyestuff2").confint()
    assert found["sd_(Intercept)|Batch"][:2] == (0.0, 0.0)
    assert found["sd_(Intercept)|Batch"].upper == pytest.approx(2.0840434890102215, abs=1e-3)


def ask(**options: Any) -> Intervals:
    return confint(fitted("confint_sleep_rs"), **options)


BAD = {
    "unknown method": ({"method": "walt"}, mlm.DataError, "method is 'walt'; expected 'wald', 'profile' or 'boot'"),
    "unknown interval": ({"method": "boot", "boot": "bsa", "n": 50}, mlm.DataError, "method is 'bsa'"),
    "unknown parameter": (
        {"parameters": "days"},
        mlm.InferenceError,
        "no parameter is called 'days'; did you mean 'Days'",
    ),
    "one unknown": ({"parameters": ["Days", "sigmma"]}, mlm.InferenceError, "did you mean 'sigma'"),
    "level zero": ({"level": 0}, mlm.InferenceError, "level is 0; expected a number between 0 and 1"),
    "level in per cent": ({"level": 95}, mlm.InferenceError, "level is 95; .*; did you mean 0.95"),
    "level missing": ({"level": np.nan}, mlm.InferenceError, "level is nan"),
    "level in words": ({"level": "95%"}, mlm.InferenceError, "level is '95%'"),
    "level as a text": ({"level": "0.95"}, mlm.InferenceError, "level is '0.95'"),
    "df in words": ({"df": "many"}, mlm.InferenceError, "df is 'many'"),
    "few replicates": ({"method": "boot", "n": 10}, mlm.InferenceError, "needs 39 replicates or more"),
    "n in words": ({"method": "boot", "n": "many"}, mlm.InferenceError, "n is 'many'"),
}


@pytest.mark.parametrize(("options", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input(options: Json, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ask(**options)
