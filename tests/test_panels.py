"""Panels: each drawn once, its layers and numbers looked at, and what cannot be drawn refused in words."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import multilevel as mlm
from multilevel import plots
from multilevel.errors import DataError, FitError, InferenceError

plotnine = pytest.importorskip("plotnine")
pytestmark = pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")


@pytest.fixture(autouse=True)
def no_figures_left() -> Iterator[None]:
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def drawn(picture: Any) -> Any:
    """The figure, drawn; warnings are errors here as everywhere."""
    assert isinstance(picture, plotnine.ggplot)
    return (picture + plotnine.theme(dpi=50)).draw()


def layer(picture: Any, geom: str, nth: int = 0) -> pd.DataFrame:
    """The data of the n-th layer with that geom."""
    found = [one for one in picture.layers if type(one.geom).__name__ == f"geom_{geom}"]
    data = found[nth]._data
    return data if isinstance(data, pd.DataFrame) else picture.data


def load(name: str) -> pd.DataFrame:
    return mlm.datasets.load(name)


@pytest.fixture(scope="module")
def slopes() -> Any:
    return mlm.lmer("reaction ~ days + (days | subject)", load("sleepstudy"))


@pytest.fixture(scope="module")
def crossed() -> Any:
    return mlm.lmer("diameter ~ 1 + (1 | plate) + (1 | sample)", load("penicillin"))


@pytest.fixture(scope="module")
def few_groups() -> Any:
    return mlm.lmer("y ~ 1 + (1 | participant)", load("tutorial_d2"))


@pytest.fixture(scope="module")
def line() -> Any:
    return mlm.lm("reaction ~ days", load("sleepstudy"))


# ---- every panel is drawn, alone and composed -----------------------------------------------------------------------

PANELS: dict[str, Callable[[Any], Any]] = {
    "pooling": lambda get: plots.pooling("y", "participant", load("tutorial_d3")),
    "pooling of many": lambda get: plots.pooling("reaction", "subject", load("sleepstudy")),
    "shrinkage, plane": lambda get: plots.shrinkage(get("slopes")),
    "shrinkage, rows": lambda get: plots.shrinkage(get("crossed"), "sample"),
    "caterpillar": lambda get: plots.caterpillar(get("slopes").ranef()),
    "caterpillar, two factors": lambda get: plots.caterpillar(get("crossed").ranef()),
    "caterpillar, one table": lambda get: plots.caterpillar(get("slopes").coef()["subject"]),
    "simulated, few groups": lambda get: plots.simulated(get("few_groups")),
    "simulated, many groups": lambda get: plots.simulated(get("slopes"), n=3),
    "simulated, lm": lambda get: plots.simulated(get("line"), n=3),
    "simulated, by": lambda get: plots.simulated(mlm.lm("y ~ 1", load("tutorial_d2")), by="participant"),
    "residuals": lambda get: plots.residuals(get("slopes")),
    "residuals, lm": lambda get: plots.residuals(get("line")),
    "residuals, fitted": lambda get: plots.residuals(get("slopes"), "fitted"),
    "residuals, qq": lambda get: plots.residuals(get("slopes"), "qq"),
    "residuals, scale": lambda get: plots.residuals(get("slopes"), "scale"),
    "residuals, ranef": lambda get: plots.residuals(get("slopes"), "ranef"),
    "effects": lambda get: plots.effects(get("slopes"), "days"),
    "effects, lm": lambda get: plots.effects(get("line"), "days"),
    "effects, by": lambda get: plots.effects(
        mlm.lmer("distance ~ age * sex + (1 | subject)", load("orthodont")), "age", "sex"),
    "effects, levels": lambda get: plots.effects(
        mlm.lmer("score ~ machine + (1 | worker)", load("machines")), "machine"),
    "effects, levels by": lambda get: plots.effects(
        mlm.lmer("angle ~ recipe * temperature + (1 | recipe:replicate)", load("cake")), "temperature", "recipe"),
}  # fmt: skip


@pytest.mark.parametrize("name", PANELS)
def test_every_panel_is_drawn_and_composes(name: str, request: pytest.FixtureRequest) -> None:
    picture = PANELS[name](request.getfixturevalue)
    drawn(picture)
    titled = picture + plotnine.labs(title="A title") + plotnine.theme_bw()
    assert titled.labels.title == "A title"
    assert picture.labels.title != "A title"


def test_nothing_is_clipped(request: pytest.FixtureRequest) -> None:
    """All words of a panel lie inside its figure at the size it has by itself."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for name, make in PANELS.items():
        figure = make(request.getfixturevalue).draw()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        width, height = figure.bbox.width, figure.bbox.height
        for text in figure.findobj(lambda item: hasattr(item, "get_text")):
            if text.get_visible() and text.get_text().strip():
                box = text.get_window_extent(renderer)
                inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
                assert inside, f"{name}: {text.get_text()!r} is clipped"
        import matplotlib.pyplot as plt

        plt.close(figure)


# ---- what they show -------------------------------------------------------------------------------------------------


def test_pooling_shows_the_three_models() -> None:
    data = load("tutorial_d3")
    frame = plots.pooling("y", "participant", data).data
    complete, no, partial = (frame[frame["pooling"].str.startswith(name)] for name in ("Complete", "No", "Partial"))
    assert np.allclose(complete["estimate"], data["y"].mean())
    means = data.groupby("participant", observed=True)["y"].mean()
    assert np.allclose(no.set_index("group")["estimate"].loc[means.index], means)
    lm = mlm.lm("y ~ 0 + participant", data)
    from scipy.stats import t

    half = t.ppf(0.975, lm.df_residual) * np.asarray(lm.se)
    assert np.allclose(np.sort(no["upper"] - no["estimate"]), np.sort(half))
    lmer = mlm.lmer("y ~ 1 + (1 | participant)", data)
    coef = lmer.coef()["participant"]
    for _, row in partial.iterrows():
        assert row["estimate"] == pytest.approx(coef[str(row["group"]), "(Intercept)"], rel=1e-12)
    common = mlm.lm("y ~ 1", data)
    half = t.ppf(0.975, common.df_residual) * common.se["(Intercept)"]
    assert np.allclose(complete["upper"] - complete["estimate"], half)


def test_pooling_orders_groups_and_takes_odd_names() -> None:
    data = {"my y": [1.0, 2.0, 9.0, 8.0, 5.0, 4.5], "the `group`".replace("`", ""): list("aabbcc")}
    picture = plots.pooling("my y", "the group", data)
    assert list(picture.data["group"].cat.categories) == ["a", "c", "b"]
    drawn(picture)


def test_pooling_of_a_group_with_one_row_and_of_missing_values() -> None:
    rng = np.random.default_rng(4)
    data = {"y": [*rng.normal(size=20), 3.0, np.nan], "g": [*np.repeat(list("abcd"), 5), "alone", "a"]}
    frame = plots.pooling("y", "g", data).data
    alone = frame[(frame["group"] == "alone") & (frame["pooling"] == "No pooling")]
    assert alone["estimate"].item() == 3.0
    assert np.isfinite(alone["upper"].item())
    assert len(layer(plots.pooling("y", "g", data), "jitter")) == 21


def test_shrinkage_leads_from_least_squares_to_the_model(slopes: Any) -> None:
    data = load("sleepstudy")
    picture = plots.shrinkage(slopes)
    lines = layer(picture, "segment").set_index("level")
    coef = slopes.coef()["subject"]
    for subject, rows in data.groupby("subject", observed=True):
        slope, intercept = np.polyfit(rows["days"], rows["reaction"], 1)
        found = lines.loc[str(subject)]
        assert (found["x"], found["y"]) == pytest.approx((intercept, slope), rel=1e-9)
        assert (found["xend"], found["yend"]) == pytest.approx(tuple(np.asarray(coef[str(subject)])), rel=1e-9)


def test_shrinkage_of_one_factor_takes_the_other_as_estimated(crossed: Any) -> None:
    data = load("penicillin")
    frame = plots.shrinkage(crossed, "plate").data.set_index("level")
    sample = crossed.ranef()["sample"]
    rest = data["diameter"] - [sample[str(level), "(Intercept)"] for level in data["sample"]]
    for plate, values in rest.groupby(data["plate"], observed=True):
        assert frame.loc[str(plate), "raw"] == pytest.approx(values.mean(), rel=1e-9)


def test_shrinkage_says_how_many_groups_cannot_speak_for_themselves() -> None:
    rng = np.random.default_rng(3)
    group = [*np.repeat(np.arange(8), 6), 8, 9]
    data = {"x": rng.normal(size=50), "y": rng.normal(size=50) + np.array(group), "g": list(map(str, group))}
    picture = plots.shrinkage(mlm.lmer("y ~ x + (x | g)", data))
    assert "2 groups have too few rows" in picture.labels.caption
    drawn(picture)


def test_shrinkage_of_several_terms_and_of_an_effect_without_a_mean() -> None:
    picture = plots.shrinkage(mlm.lmer("reaction ~ 1 + (1 | subject) + (0 + days | subject)", load("sleepstudy")))
    assert (picture.labels.x, picture.labels.y) == ("(Intercept)", "days")
    centre = layer(picture, "point", 1)
    assert centre["y"].item() == 0.0
    three = plots.shrinkage(mlm.lmer("score ~ machine + (machine | worker)", load("machines")))
    assert list(three.data["effect"].cat.categories) == ["(Intercept)", "machine[B]", "machine[C]"]
    drawn(three)


def test_caterpillar_limits_and_order(slopes: Any) -> None:
    ranef = slopes.ranef()["subject"]
    frame = plots.caterpillar(slopes.ranef(), level=0.9).data
    first = frame[frame["panel"] == "(Intercept)"]
    assert list(first["estimate"]) == sorted(ranef.estimates[:, 0])
    assert np.allclose(frame["upper"] - frame["estimate"], 1.6448536269514722 * frame["error"])
    days = frame[frame["panel"] == "days"]
    assert list(days["key"]) == list(first["key"])


def test_caterpillar_marks_zero_only_where_intervals_reach_it(slopes: Any) -> None:
    assert list(layer(plots.caterpillar(slopes.ranef()), "vline")["panel"]) == ["(Intercept)", "days"]
    assert list(layer(plots.caterpillar(slopes.coef()), "vline")["panel"]) == ["days"]


def test_caterpillar_of_one_factor(crossed: Any) -> None:
    picture = plots.caterpillar(crossed.ranef(), group="sample")
    assert len(picture.data) == 6
    assert picture.labels.y == "sample"


def test_simulated_is_seeded_and_aligned(few_groups: Any) -> None:
    first, again = (plots.simulated(few_groups, seed=5).data for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert list(first["what"].cat.categories) == ["data", "simulated, same groups", "simulated, new groups"]
    data = load("tutorial_d2")
    assert np.allclose(first.loc[first["what"] == "data", "y"], data["y"])
    same = first[first["what"] == "simulated, same groups"].groupby("by", observed=True)["y"].mean()
    means = data.groupby("participant", observed=True)["y"].mean()
    assert np.allclose(same, means, atol=4 * few_groups.sigma / np.sqrt(500))


def test_simulated_leaves_incomplete_rows_out() -> None:
    data = load("tutorial_d2").copy()
    data.loc[[0, 7], "y"] = np.nan
    frame = plots.simulated(mlm.lmer("y ~ 1 + (1 | participant)", data)).data
    assert len(frame) == 3 * (len(data) - 2)


def test_simulated_shows_the_response_of_the_model() -> None:
    picture = plots.simulated(mlm.lm("log(reaction) ~ days", load("sleepstudy")), n=2)
    assert picture.labels.x == "log(reaction)"
    data = picture.data[picture.data["source"] == "data"]
    logs = np.log(load("sleepstudy")["reaction"])
    assert np.average(data["y"], weights=data["height"]) == pytest.approx(logs.mean(), rel=1e-3)
    assert np.trapezoid(data["height"], data["y"]) == pytest.approx(1, abs=0.01)


def test_simulated_counts_are_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    m = mlm.lm("y ~ 1", {"y": np.repeat([0.0, 1.0, 2.0], [50, 30, 20])})
    monkeypatch.setattr(type(m), "simulate", lambda self, n, **how: np.ones((100, n)))
    frame = plots.simulated(m, n=1).data
    shares = frame[frame["source"] == "data"].set_index("y")["height"]
    assert shares.to_dict() == {0.0: 0.5, 1.0: 0.3, 2.0: 0.2}


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """Yes and no of 30 people who differ, in two situations."""
    rng = np.random.default_rng(1)
    d = pd.DataFrame({"who": np.repeat([f"p{i}" for i in range(30)], 20), "place": np.tile(["home", "work"], 300)})
    chance = 1 / (1 + np.exp(-np.repeat(rng.normal(0, 1.5, 30), 20) - (d["place"] == "work")))
    return d.assign(said=np.where(rng.random(600) < chance, "yes", "no"))


def test_simulated_yes_and_no_are_spread_over_many_groups(answers: pd.DataFrame) -> None:
    picture = plots.simulated(mlm.glmer("said ~ place + (1 | who)", answers, "binomial"), n=3)
    assert picture.labels.x == "share of yes of each who"
    frame = picture.data
    assert frame["y"].between(0, 1).all()
    data = frame[(frame["source"] == "data") & (frame["what"] == "simulated, new groups")]
    assert np.trapezoid(data["height"], data["y"]) == pytest.approx(1, abs=0.01)
    drawn(picture)


def test_simulated_yes_and_no_are_bars_of_few_groups(answers: pd.DataFrame) -> None:
    """A fit that knows nothing of the place, beside shares that differ; missing rows do not count."""
    answers = answers.assign(x=np.where(answers.index == 0, np.nan, 1.0 * (answers.index % 3)))
    picture = plots.simulated(mlm.glm("said ~ x", answers, "binomial"), by="place", n=4)
    bars = layer(picture, "col")
    assert picture.labels.y == "share of yes"
    shares = (answers["said"] == "yes")[1:].groupby(answers["place"][1:]).mean()
    assert dict(zip(bars["group"], bars["share"], strict=True)) == pytest.approx(shares.to_dict())
    points = layer(picture, "point").groupby("group", observed=True)["share"]
    assert points.size().tolist() == [4, 4]
    assert points.mean()["home"] > shares["home"] + 0.05
    drawn(picture)


def test_simulated_zeros_and_ones_without_groups_are_one_bar(answers: pd.DataFrame) -> None:
    picture = plots.simulated(mlm.glm("I(said == 'yes') ~ place", answers, "binomial"), n=2)
    assert layer(picture, "col")["group"].tolist() == ["all rows"]
    assert picture.labels.y.startswith("share of ")


def test_simulated_holds_curves_and_not_the_rows() -> None:
    """A hundred thousand rows and twenty simulations are a picture of a few thousand points."""
    y = np.random.default_rng(1).normal(size=100_000)
    assert len(plots.simulated(mlm.lm("y ~ 1", {"y": y})).data) == 21 * 512


def test_residuals_are_those_of_the_model(slopes: Any) -> None:
    picture = plots.residuals(slopes, "fitted")
    assert np.allclose(picture.data["x"], slopes.fitted())
    assert np.allclose(picture.data["y"], slopes.residuals())
    panels = list(plots.residuals(slopes).data["panel"].cat.categories)
    assert panels == [
        "Residuals against fitted values",
        "Residuals against normal quantiles",
        "Size of residuals against fitted values",
        "Random effects of subject: (Intercept)",
        "Random effects of subject: days",
    ]


def test_residuals_leave_out_rows_that_are_missing_or_have_no_weight() -> None:
    rng = np.random.default_rng(2)
    data = {"x": rng.normal(size=30), "y": rng.normal(size=30), "w": np.r_[0.0, 0.0, np.ones(28)]}
    data["y"][5] = np.nan
    m = mlm.lm("y ~ x", data, weights="w")
    picture = plots.residuals(m, "fitted")
    used = np.setdiff1d(np.arange(2, 30), [5])
    assert np.allclose(picture.data["y"], m.residuals()[used])


def test_the_band_of_a_normal_sample_covers_one() -> None:
    """Of 400 normal samples of 50, each ordered value lies in its band in 95 % of them."""
    from multilevel.plots.checks import _quantiles

    rng = np.random.default_rng(8)
    values = np.sort(rng.standard_normal((400, 50)), axis=1)
    _, _, band, _ = _quantiles("", values[0])
    middle, slope = band["middle"].to_numpy(), np.polyfit(band["x"], band["middle"], 1)
    lower, upper = ((band[side].to_numpy() - slope[1]) / slope[0] for side in ("lower", "upper"))
    assert middle.shape == (50,)
    covered = ((values >= lower) & (values <= upper)).mean()
    assert covered == pytest.approx(0.95, abs=0.006)  # about four Monte-Carlo standard errors of correlated counts


def test_a_variance_of_zero_has_no_panel() -> None:
    m = mlm.lmer("yield ~ 1 + (1 | batch)", load("dyestuff2"))
    panels = plots.residuals(m).data["panel"].cat.categories
    assert not any(panel.startswith("Random effects") for panel in panels)
    with pytest.raises(InferenceError, match="no random effects that vary"):
        plots.residuals(m, "ranef")
    drawn(plots.caterpillar(m.ranef()))
    drawn(plots.shrinkage(m))


def test_large_clouds_are_thinned_and_it_is_said() -> None:
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=9000), "y": rng.normal(size=9000)}
    m = mlm.lm("y ~ x", data)
    picture = plots.residuals(m, "qq")
    assert len(picture.data) == 4000
    assert picture.labels.caption == "4,000 of 9,000 rows are drawn."
    scaled = m.residuals("scaled")
    assert picture.data["y"].min() == scaled.min()  # never the extremes
    assert picture.data["y"].max() == scaled.max()
    assert "4,000 of 9,000" in plots.effects(m, "x").labels.caption


def test_smooth_follows_a_curve_and_takes_ties() -> None:
    from multilevel.plots.look import smooth

    x = np.linspace(0, 1, 400)
    grid, curve = smooth(x, np.sin(3 * x), span=0.2)
    assert np.abs(curve - np.sin(3 * grid)).max() < 0.02
    grid, curve = smooth(np.repeat([0.0, 1.0, 2.0], 30), np.repeat([1.0, 3.0, 2.0], 30), span=0.3)
    assert np.allclose(curve[[0, -1]], [1.0, 2.0])


def test_effects_of_a_line(slopes: Any) -> None:
    picture = plots.effects(slopes, "days")
    b, V = np.asarray(slopes.fixef), np.asarray(slopes.vcov)
    X = np.column_stack([np.ones(len(picture.data)), picture.data["x"]])
    assert np.allclose(picture.data["fit"], X @ b)
    half = 1.959963984540054 * np.sqrt(np.einsum("ij,jk,ik->i", X, V, X))
    assert np.allclose(picture.data["upper"] - picture.data["fit"], half)
    lines = layer(picture, "line")
    coef = slopes.coef()["subject"]
    ends = lines[lines["group"] == "308"].iloc[[0, -1]]
    assert np.allclose(ends["fit"], coef["308", "(Intercept)"] + coef["308", "days"] * ends["x"])
    assert len(picture.layers) == len(plots.effects(slopes, "days", groups=False).layers) + 1


def test_effects_of_generalized_models_are_means_of_the_response() -> None:
    """Line, band and lines of groups stand where the dots do, at predictions of the population and of the groups."""
    herds = mlm.glmer("cbind(incidence, size - incidence) ~ period + (1 | herd)", load("cbpp"), "binomial")
    picture = plots.effects(herds, "period")
    want = herds.predict({"period": list("1234")}, type="response", groups="population", interval="confidence")
    for ours, theirs in (("fit", "estimate"), ("lower", "lower"), ("upper", "upper")):
        np.testing.assert_allclose(picture.data[ours], want[theirs], rtol=1e-6)
    assert picture.labels.y == "proportion of incidence"
    assert layer(picture, "jitter")["y"].between(0, 1).all()
    ticks = load("grouseticks").assign(site=lambda d: d["brood"].astype(str).str[:1])
    m = mlm.glmer("ticks ~ height + (1 | site)", ticks, "negative_binomial")
    frame = plots.effects(m, "height").data
    want = m.predict({"height": frame["x"]}, type="response", groups="population")
    np.testing.assert_allclose(frame["fit"], want, rtol=1e-9)


@pytest.mark.parametrize(("family", "reach"), [("poisson", 1.959964), ("quasipoisson", 1.965799)])
def test_bands_of_glm_are_normal_but_for_an_estimated_dispersion(family: str, reach: float) -> None:
    m = mlm.glm("ticks ~ height", load("grouseticks"), family)
    frame = plots.effects(m, "height").data
    error = m.predict({"height": frame["x"]}, interval="confidence")["std_error"]
    np.testing.assert_allclose(np.log(frame["upper"] / frame["fit"]), reach * error, rtol=1e-4)


def test_effects_average_over_other_factors_and_hold_numbers_at_their_mean() -> None:
    rng = np.random.default_rng(6)
    n = 200
    data = {
        "x": rng.normal(size=n),
        "z": rng.normal(3, 1, n),
        "f": rng.choice(list("abc"), n),
        "b": rng.random(n) > 0.5,
    }
    data["y"] = data["x"] + data["z"] + (data["f"] == "a") + rng.normal(size=n)
    m = mlm.lm("y ~ x * f + b + poly(z, 2)", data)
    frame = plots.effects(m, "x").data
    grid = [
        {"x": frame["x"], "z": np.full(80, data["z"].mean()), "f": np.full(80, f), "b": np.full(80, b)}
        for f in "abc" for b in (False, True)
    ]  # fmt: skip
    assert np.allclose(frame["fit"], np.mean([m.predict(cell) for cell in grid], axis=0))
    by = plots.effects(m, "f", "b").data
    assert by.shape[0] == 6
    cell = by[(by["x"] == "b") & (by["by"] == "TRUE")]["fit"].item()
    at = {"x": [data["x"].mean()], "z": [data["z"].mean()], "f": ["b"], "b": [True]}
    assert cell == pytest.approx(m.predict(at)[0])


def test_effects_of_a_group_level_predictor_and_missing_rows() -> None:
    data = load("sleepstudy").copy()
    data["old"] = np.where(data["subject"].astype(str) < "340", 1.0, 0.0)
    data.loc[3, "reaction"] = np.nan
    picture = plots.effects(mlm.lmer("reaction ~ days + old + (days | subject)", data), "days")
    assert len(layer(picture, "point")) == 179
    drawn(picture)
    between = plots.effects(mlm.lmer("reaction ~ old + (days | subject)", data), "old")
    assert len(between.layers) == len(picture.layers) - 1  # no lines of groups
    drawn(between)


def test_effects_with_an_offset_and_dropped_columns() -> None:
    rng = np.random.default_rng(7)
    data = {"x": rng.normal(size=60), "t": rng.uniform(1, 2, 60), "y": rng.normal(size=60)}
    m = mlm.lm("y ~ x + I(2 * x) + offset(log(t))", data)
    frame = plots.effects(m, "x").data
    expected = m.predict({"x": frame["x"], "t": np.full(80, data["t"].mean())})
    assert np.allclose(frame["fit"], expected)


# ---- what cannot be drawn -------------------------------------------------------------------------------------------


def sleep_lm() -> Any:
    return mlm.lm("reaction ~ days", load("sleepstudy"))


def sleep_lmer() -> Any:
    return mlm.lmer("reaction ~ days + (days | subject)", load("sleepstudy"))


def sleep_pooling(y: str, group: str, **options: Any) -> Any:
    return plots.pooling(y, group, load("sleepstudy"), **options)


def pooling(y: list[float], g: str) -> Any:
    return plots.pooling("y", "g", {"y": y, "g": list(g)})


def many_values() -> Any:
    x = np.arange(9.0)
    return mlm.lm("y ~ a + b", {"y": x**2, "a": x, "b": x[::-1] ** 3})


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "unknown response": (lambda: sleep_pooling("reactoin", "subject"), DataError, "did you mean 'reaction'"),
    "unknown group": (lambda: sleep_pooling("reaction", "subjct"), DataError, "did you mean 'subject'"),
    "text response": (lambda: sleep_pooling("subject", "days"), DataError, "subject holds text"),
    "level": (lambda: sleep_pooling("reaction", "subject", level=95), DataError, "level is 95; expected a probability"),
    "no rows": (lambda: pooling([], ""), DataError, "no rows"),
    "only missing rows": (lambda: pooling([np.nan, np.nan], "ab"), DataError, "no row is complete"),
    "one group": (lambda: pooling([1, 2, 4], "aaa"), FitError, "has a single level"),
    "one row per group": (lambda: pooling([1, 2, 4], "abc"), FitError, "as many"),
    "constant data": (lambda: pooling([1, 1, 1, 1, 1, 1], "aabbcc"), FitError, "is 1 in every row"),
    "no table": (lambda: plots.pooling("y", "g", 3), DataError, "expected"),
    "caterpillar of a model": (lambda: plots.caterpillar(sleep_lmer()), DataError, r"takes m\.ranef\(\)"),
    "caterpillar of no factor": (
        lambda: plots.caterpillar(sleep_lmer().ranef(), group="subjects"), InferenceError, "did you mean 'subject'"),
    "shrinkage of lm": (lambda: plots.shrinkage(sleep_lm()), DataError, "takes a model with groups"),
    "shrinkage of no factor": (
        lambda: plots.shrinkage(sleep_lmer(), "Subject"), InferenceError, "did you mean 'subject'"),
    "shrinkage of text": (lambda: plots.shrinkage("m"), DataError, "found 'm'"),
    "residuals of text": (lambda: plots.residuals("m"), DataError, "takes a model"),
    "kind": (lambda: plots.residuals(sleep_lm(), "quantile"), DataError, "'quantile'; expected one of 'all'"),
    "ranef of lm": (lambda: plots.residuals(sleep_lm(), "ranef"), InferenceError, "no random effects"),
    "simulated of text": (lambda: plots.simulated("m"), DataError, "takes a model"),
    "simulated by nothing": (lambda: plots.simulated(sleep_lm(), by="subjct"), DataError, "did you mean 'subject'"),
    "simulated by many": (lambda: plots.simulated(sleep_lm(), by="subject"), DataError, "18 levels; expected 7"),
    "no simulations": (lambda: plots.simulated(sleep_lm(), n=0), DataError, "n is 0"),
    "effects of no column": (lambda: plots.effects(sleep_lm(), "day"), InferenceError, "did you mean 'days'"),
    "effects of a grouping factor": (
        lambda: plots.effects(sleep_lmer(), "subject"), InferenceError, "no column of the fixed effects is called"),
    "effects with inflated zeros": (
        lambda: plots.effects(mlm.glm("ticks ~ year", load("grouseticks"), "poisson", ziformula="~ 1"), "year"),
        InferenceError, 'component="response"'),
    "effects by itself": (lambda: plots.effects(sleep_lm(), "days", "days"), DataError, "two different"),
    "effects by numbers": (lambda: plots.effects(many_values(), "a", "b"), DataError, "9 different values"),
    "effects of a table": (lambda: plots.effects(load("sleepstudy"), "days"), DataError, "takes a model"),
    "panel": (lambda: plots.histogram, AttributeError, "no attribute 'histogram'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_drawn_is_said_in_one_sentence(name: str) -> None:
    make, error, message = BAD[name]
    with pytest.raises(error, match=message) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_constant_fitted_values_and_one_residual_value_still_make_a_picture() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(plots.residuals(mlm.lm("y ~ 1", load("tutorial_d1"))))
        drawn(plots.simulated(mlm.lm("y ~ 1", {"y": [1.0, 2.0, 3.0]}), n=2))
        drawn(plots.effects(mlm.lm("y ~ f", {"y": [1.0, 2.0, 4.0, 3.0], "f": list("aabb")}), "f"))


def test_simulated_counts_stand_beside_counts():
    """Successes beside successes, not beside proportions or deviance residuals."""
    m = mlm.glmer("cbind(incidence, size - incidence) ~ period + (1 | herd)", mlm.datasets.load("cbpp"), "binomial")
    frame = plots.simulated(m, n=2).data
    data = frame[(frame["source"] == "data") & (frame["what"] == frame["what"].iloc[0])]
    shares = mlm.datasets.load("cbpp")["incidence"].value_counts(normalize=True)
    np.testing.assert_allclose(data["height"], shares.reindex(data["y"], fill_value=0.0))
    assert plots.residuals(m)
    with pytest.raises(mlm.DataError, match="shrinkage compares with least squares"):
        plots.shrinkage(m)
