"""Model checks: what each looks at, and that it notices what it should."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import multilevel as mlm
from multilevel.checks import check, quantile_correlation, rank_correlation, variance_inflation

load = mlm.datasets.load


def verdicts(m):
    return {c.what: c.fine for c in check(m._fit, "pandas").checks}


@pytest.fixture
def clean():
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(30), 10)
    x = rng.normal(size=300)
    y = 2 + x + rng.normal(size=30)[g] + rng.normal(size=300)
    return pd.DataFrame({"y": y, "x": x, "g": g.astype(str)})


def test_nothing_to_say_of_clean_data(clean):
    found = check(mlm.lmer("y ~ x + (1 | g)", clean)._fit, "pandas")
    assert found.fine
    assert "nothing needs a second look" in str(found)
    assert list(found.to_frame()["fine"]) == [True] * len(found.checks)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda d: d.assign(y=np.where(np.arange(300) == 7, 60.0, d["y"])), "residuals: outliers"),
        (lambda d: d.assign(y=np.exp(2 * d["y"])), "residuals: shape"),
        (lambda d: d.assign(y=d["y"] + d["x"] * 5 + np.sin(np.arange(300)) * np.exp(d["x"])), "residuals: spread"),
        (lambda d: d.assign(y=d["y"].where(np.arange(300) > 3)), "rows"),
        (lambda d: d.assign(g=np.where(np.arange(300) < 150, "a", "b")), "(1 | g): levels"),
        (lambda d: d.assign(y=np.where(d["g"] == "3", d["y"] + 40, d["y"])), "(1 | g): (Intercept)"),
    ],
)
def test_what_is_wrong_is_noticed(clean, change, what):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.MultilevelWarning)
        found = verdicts(mlm.lmer("y ~ x + (1 | g)", change(clean)))
    assert not found[what]


def test_boundary_and_columns():
    with pytest.warns(mlm.SingularFitWarning):
        m = mlm.lmer("yield ~ 1 + (1 | batch)", load("dyestuff2"))
    assert not verdicts(m)["boundary"]
    data = load("sleepstudy").assign(twice=lambda d: 2 * d["days"])
    with pytest.warns(mlm.RankWarning):
        found = check(mlm.lm("reaction ~ days + twice", data)._fit, "pandas")
    assert "twice" in str(found)


def test_inflation_is_one_over_one_minus_r_squared():
    rng = np.random.default_rng(2)
    a = rng.normal(size=200)
    d = pd.DataFrame({"y": rng.normal(size=200), "a": a, "b": a + 0.1 * rng.normal(size=200)})
    name, factor = variance_inflation(mlm.lm("y ~ a + b", d)._fit)
    assert name in ("a", "b")
    assert factor == pytest.approx(1 / (1 - mlm.lm("a ~ b", d).r_squared), rel=1e-8)
    assert not verdicts(mlm.lm("y ~ a + b", d))["collinearity"]
    assert variance_inflation(mlm.lm("y ~ a", d)._fit) is None


def test_rank_correlation_with_ties():
    from scipy.stats import spearmanr

    x, y = np.random.default_rng(1).integers(0, 8, (2, 50)).astype(float)
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-14)


def test_quantile_correlation():
    from scipy.stats import norm, probplot

    values = norm.ppf((np.arange(1, 52) - 0.3175) / 51.365)
    assert quantile_correlation(3 + 2 * values) == pytest.approx(1.0, abs=1e-12)
    rough = np.random.default_rng(1).exponential(size=400)
    assert quantile_correlation(rough) == pytest.approx(probplot(rough)[1][2], abs=2e-4)
    assert quantile_correlation(np.ones(5)) == 1.0
