"""The slab family on plotnine: what is drawn where, the tutorial's pictures, and what cannot be asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

pytest.importorskip("plotnine")

import matplotlib.pyplot as plt
from pictures import FOLDER, PICTURES, THREE, difference, draw, pixels
from plotnine import (
    aes,
    after_stat,
    coord_flip,
    element_blank,
    facet_grid,
    facet_wrap,
    ggplot,
    position_dodge,
    scale_fill_discrete,
    scale_fill_manual,
    scale_x_continuous,
    scale_x_log10,
    scale_y_continuous,
    theme,
    theme_bw,
)

from multilevel import datasets, plots
from multilevel.errors import DataError, MissingRowsWarning
from multilevel.plots import (
    stat_ccdfinterval,
    stat_dotsinterval,
    stat_eye,
    stat_halfeye,
    stat_histinterval,
    stat_interval,
    stat_pointinterval,
    stat_slab,
    stat_slabinterval,
    theme_ggdist,
)

TOLERANCE = 4.0  # root mean square of 255: other versions of matplotlib smooth edges differently
FAMILY = [
    stat_ccdfinterval, stat_dotsinterval, stat_eye, stat_halfeye, stat_histinterval, stat_interval, stat_pointinterval,
    stat_slab, stat_slabinterval,
]  # fmt: skip
NO_Y = theme(
    axis_title_y=element_blank(), axis_text_y=element_blank(), axis_ticks_y=element_blank(), axis_line_y=element_blank()
)
X = aes(x="value")
XY = aes(x="value", y="kind")


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


def drawn(picture: Any) -> pd.DataFrame:
    """The rows that the first layer drew."""
    picture.draw()
    return picture.layers[0].data


def slabs(picture: Any) -> pd.DataFrame:
    rows = drawn(picture)
    return rows[rows["part"] == "slab"]


# Pictures


@pytest.mark.parametrize("name", PICTURES)
def test_picture(name: str) -> None:
    stored = pixels((FOLDER / f"{name}.png").read_bytes())
    assert difference(pixels(draw(name)), stored) < TOLERANCE


def test_tolerance_is_below_what_an_eye_sees() -> None:
    other = ggplot(THREE, aes(x="value", y="kind", fill="kind")) + stat_halfeye(scale=0.8)
    PICTURES["lower"] = lambda: other
    try:
        assert difference(pixels(draw("lower")), pixels(draw("halfeye"))) > 2 * TOLERANCE
    finally:
        del PICTURES["lower"]


def test_every_stored_picture_is_compared() -> None:
    assert {path.stem for path in FOLDER.glob("*.png")} == set(PICTURES)


# The tutorial's calls


def side_by_side(data: pd.DataFrame) -> pd.DataFrame:
    """Data beside two simulations, as `pivot_longer` leaves them."""
    copies = [data.assign(name=name, value=data["y"] + shift) for name, shift in (("y", 0), ("sim_1", 0.1))]
    return pd.concat(copies, ignore_index=True)


D1 = datasets.load("tutorial_d1")
TUTORIAL: dict[str, Callable[[], Any]] = {
    "one slab": lambda: (
        ggplot(D1.assign(mu=1, sigma=[2] * (len(D1) // 2) + [3] * (len(D1) - len(D1) // 2)), aes(x="y"))
        + stat_slab()
        + scale_y_continuous(expand=(0, 0))
        + scale_fill_discrete(name="Participant")
        + facet_grid("mu ~ sigma", labeller="label_both")
        + theme_bw()
        + NO_Y
    ),
    "participants": lambda: (
        ggplot(D1, aes(x="y", fill="participant"))
        + stat_slab(alpha=0.25)
        + scale_y_continuous(expand=(0, 0))
        + scale_fill_discrete(name="Participant")
        + theme_bw()
        + NO_Y
    ),
    "data and simulation": lambda: (
        ggplot(side_by_side(D1), aes(x="value", fill="participant"))
        + stat_slab(alpha=0.25)
        + scale_y_continuous(expand=(0, 0))
        + scale_fill_discrete(name="Participant")
        + facet_grid("name ~ .")
        + theme_bw()
        + NO_Y
    ),
    "factor in the call": lambda: (
        ggplot(D1.assign(p=D1["participant"].astype(int)), aes(x="y", group="p", fill="factor(p)"))
        + stat_slab(slab_alpha=0.25)
        + scale_x_continuous(name="Rating")
        + scale_y_continuous(expand=(0, 0))
        + scale_fill_discrete(name="Participant")
        + theme_ggdist()
        + NO_Y
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TUTORIAL)
def test_calls_of_the_tutorial(name: str) -> None:
    """Slabs of all groups stand on the base, the thickest reaches 0.9; no text leaves the page at the default size."""
    picture = TUTORIAL[name]()
    figure = picture.draw()
    rows = picture.layers[0].data
    assert rows["thickness"].max() == 1
    assert (rows["y"] == 0).all()
    assert (rows["ymin"].unique().tolist(), rows["ymax"].unique().tolist()) == ([0], [1])
    assert rows.groupby("PANEL")["slab_id"].nunique().unique().tolist() == [1 if name == "one slab" else 5]
    figure.draw_without_rendering()
    page = figure.bbox
    hidden = [tick for axes in figure.axes for tick in axes.get_yticklabels(which="both")]
    texts = [t for t in figure.findobj(plt.Text) if t.get_text() and t.get_visible() and t not in hidden]
    assert ("Participant" in [t.get_text() for t in texts]) == (name != "one slab")
    for text in texts:
        box = text.get_window_extent()
        if box.width and box.height:
            assert box.x0 >= page.x0 - 1, text
            assert box.x1 <= page.x1 + 1, text
            assert box.y0 >= page.y0 - 1, text
            assert box.y1 <= page.y1 + 1, text


# Orientation, positions, normalising

NUMBERED = THREE.assign(place=THREE["kind"].map({"a": 1, "b": 2, "c": 4}))


@pytest.mark.parametrize(
    ("mapping", "options", "horizontal"),
    [
        (X, {}, True), (aes(y="value"), {}, False), (XY, {}, True), (aes(x="kind", y="value"), {}, False),
        (aes(x="value", y="place", group="kind"), {}, True), (aes(x="place", y="value", group="kind"), {}, False),
        (aes(x="value", y="place"), {"orientation": "horizontal"}, True),
        (aes(x="place", y="value"), {"orientation": "vertical"}, False),
    ],
)  # fmt: skip
def test_orientation(mapping: Any, options: dict[str, Any], horizontal: bool) -> None:
    rows = slabs(ggplot(NUMBERED, mapping) + stat_halfeye(**options))
    value, position = ("x", "y") if horizontal else ("y", "x")
    assert (rows[value].min(), rows[value].max()) == (THREE["value"].min(), THREE["value"].max())
    expected = {1, 2, 4} if "place" in mapping.values() else {1, 2, 3} if "kind" in mapping.values() else {0}
    assert set(rows[position]) == expected


@pytest.mark.parametrize(
    ("normalize", "full"), [("all", 1), ("panels", 2), ("xy", 3), ("groups", 6), ("none", 0)]
)  # fmt: skip
def test_normalizing(normalize: str, full: int) -> None:
    """Two panels; kinds a and b in the first, c in the second, each in two halves."""
    data = THREE.assign(panel=np.where(THREE["kind"] == "c", "p", "q"))
    rows = slabs(
        ggplot(data, aes(x="value", y="kind", fill="half")) + stat_slab(normalize=normalize) + facet_wrap("panel")
    )
    thickest = rows.groupby(["PANEL", "slab_id"])["thickness"].max()
    assert len(thickest) == 6
    assert (thickest == 1).sum() == full


def test_heights_are_densities() -> None:
    rows = slabs(ggplot(THREE, XY) + stat_slab(n=2001))
    for _, slab in rows.groupby("slab_id"):
        area = float(np.sum(np.diff(slab["x"]) * (slab["f"].to_numpy()[1:] + slab["f"].to_numpy()[:-1]) / 2))
        assert area == pytest.approx(1, abs=0.02)


def test_intervals_are_those_asked_for() -> None:
    rows = drawn(ggplot(THREE, XY) + stat_pointinterval(width=(0.5, 0.9), point_interval="mean_qi"))
    of_a = THREE.loc[THREE["kind"] == "a", "value"]
    lines = rows[(rows["part"] == "interval") & (rows["y"] == 1)]
    assert lines["width"].tolist() == [0.5, 0.9]
    np.testing.assert_allclose(lines["xmin"], np.quantile(of_a, (0.25, 0.05)))
    np.testing.assert_allclose(lines["xmax"], np.quantile(of_a, (0.75, 0.95)))
    points = rows[(rows["part"] == "point") & (rows["y"] == 1)]
    assert points["x"].tolist() == [pytest.approx(of_a.mean())]


def test_dodged_slabs_stay_beside_each_other() -> None:
    rows = slabs(ggplot(THREE, aes(x="kind", y="value", fill="half")) + stat_halfeye(position="dodge") + coord_flip())
    rooms = rows.groupby("slab_id")[["xmin", "xmax"]].first().sort_values("xmin").to_numpy()
    assert len(rooms) == 6
    assert (rooms[1:, 0] >= rooms[:-1, 1] - 1e-9).all()
    by_width = drawn(
        ggplot(THREE, aes(x="kind", y="value", color="half")) + stat_pointinterval(position=position_dodge(0.5))
    )
    assert by_width["x"].nunique() == 6


def test_levels_keep_their_order() -> None:
    data = THREE.assign(kind=pd.Categorical(THREE["kind"], ["c", "a", "b", "never"]))
    colours = scale_fill_manual(["red", "green", "blue", "black"])
    rows = slabs(ggplot(data, aes(x="value", fill="kind")) + stat_slab() + colours)
    middle = rows.groupby("fill")["x"].median()
    assert middle["red"] > 3  # c, the first level, has the first colour
    assert middle["green"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("stat", FAMILY)
def test_distributions_and_samples_of_them_look_alike(stat: Any) -> None:
    p = (np.arange(20_000) + 0.5) / 20_000
    sample = pd.DataFrame({"value": stats.norm(1, 2).ppf(p), "kind": "a"})
    options = {"quantiles": 50} if stat is stat_dotsinterval else {}
    one = drawn(ggplot(sample, XY) + stat(**options))
    known = pd.DataFrame({"dist": [stats.norm(1, 2)], "kind": "a"})
    two = drawn(ggplot(known, aes(xdist="dist", y="kind")) + stat(**options))
    lines = [rows.loc[rows["part"] != "slab", ["x", "xmin", "xmax"]].to_numpy() for rows in (one, two)]
    np.testing.assert_allclose(*lines, atol=0.01)
    if stat not in (stat_dotsinterval, stat_pointinterval, stat_interval):
        at = np.linspace(-3, 5, 9)
        heights = [np.interp(at, rows.loc[rows["part"] == "slab", "x"], rows.loc[rows["part"] == "slab", "f"])
                   for rows in (one, two)]  # fmt: skip
        near = 0.03 if stat is stat_histinterval else 0.005
        np.testing.assert_allclose(*heights, atol=near)


def test_a_log_axis_changes_the_density() -> None:
    known = pd.DataFrame({"dist": [stats.lognorm(1)]})
    rows = slabs(ggplot(known, aes(xdist="dist")) + stat_slab() + scale_x_log10())
    np.testing.assert_allclose(rows["f"], stats.norm(0, 1 / np.log(10)).pdf(rows["x"]), rtol=1e-5)


def test_computed_columns_can_be_mapped() -> None:
    rows = slabs(ggplot(THREE, aes(x="value", y="kind", fill=after_stat("level"))) + stat_slab())
    assert rows["fill"].nunique() == 3  # 66 %, 95 %, outside
    assert set(rows["level"].cat.categories) == {0.66, 0.95}


def test_colours_that_were_mapped_win_over_levels() -> None:
    rows = drawn(ggplot(THREE, aes(x="value", y="kind", color="kind")) + stat_interval())
    assert rows.groupby("y")["color"].nunique().tolist() == [1, 1, 1]
    assert drawn(ggplot(THREE, XY) + stat_interval())["color"].nunique() == 3


def test_parts_have_their_own_look() -> None:
    plain = slabs(ggplot(THREE, XY) + stat_slab(alpha=0.25))
    own = slabs(ggplot(THREE, XY) + stat_slab(slab_alpha=0.25))
    assert set(plain["alpha"]) == set(own["slab_alpha"]) == {0.25}
    layer = stat_halfeye(slab_fill="red", point_color="blue", interval_size=3).to_layer()
    assert layer.geom.aes_params == {"slab_fill": "red", "point_color": "blue", "interval_size": 3}


def test_dots_fill_the_room_of_the_page_they_are_drawn_on() -> None:
    from multilevel.plots.dots import Dots

    for height in (2, 5):
        picture = ggplot(THREE, XY) + stat_dotsinterval(quantiles=40) + theme(figure_size=(5, height))
        figure = picture.draw()
        figure.draw_without_rendering()
        (dots,) = figure.findobj(Dots)
        diameter = 2 * np.sqrt(dots.get_sizes()[0] / np.pi) * figure.dpi / 72
        to_pixels = dots.axes.transData.transform
        spare = []
        for number, across in enumerate(np.split(dots.get_offsets()[:, 1], 3), 1):
            base, end = to_pixels([(0, number), (0, number + 0.9)])[:, 1]
            assert across.min() - diameter / 2 == pytest.approx(base, abs=0.01)
            assert across.max() + diameter / 2 <= end + 0.01
            spare.append(end - across.max() - diameter / 2)
        assert min(spare) < diameter


# Data that are not as they should be


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_missing_and_infinite_values_are_counted_once(bad: float) -> None:
    data = THREE.assign(value=THREE["value"].where(THREE.index % 100 > 0, bad))
    with pytest.warns(MissingRowsWarning, match="stat_slab left out 6 of 600 rows") as found:
        rows = slabs(ggplot(data, XY) + stat_slab())
    assert len(found) == 1
    assert rows["slab_id"].nunique() == 3
    drawn(ggplot(data, XY) + stat_slab(na_rm=True))


def test_missing_numbers_of_pandas_and_missing_distributions() -> None:
    nullable = pd.DataFrame({"value": pd.array([1, 2, None, 4], dtype="Int64")})
    with pytest.warns(MissingRowsWarning, match="left out 1 of 4"):
        drawn(ggplot(nullable, X) + stat_slab())
    known = pd.DataFrame({"dist": [None, stats.norm(np.nan, 1), stats.norm()]})
    with pytest.warns(MissingRowsWarning, match="left out 2 of 3"):
        assert slabs(ggplot(known, aes(xdist="dist")) + stat_slab())["slab_id"].nunique() == 1


@pytest.mark.parametrize("stat", FAMILY)
@pytest.mark.parametrize("data", [THREE[:0], THREE.assign(value=np.nan)], ids=["no rows", "no values"])
def test_nothing_to_draw_is_an_empty_panel(stat: Any, data: pd.DataFrame) -> None:
    (ggplot(data, X) + stat(na_rm=True)).draw()


def test_an_empty_panel_and_unused_levels() -> None:
    data = THREE.assign(value=THREE["value"].where(THREE["kind"] != "a"))
    rows = slabs(ggplot(data, X) + stat_slab(na_rm=True) + facet_wrap("kind"))
    assert sorted(rows["PANEL"].unique()) == [2, 3]


@pytest.mark.parametrize("stat", FAMILY)
@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0, 5.0], [5.0, 6.0]], ids=["one", "constant", "two"])
def test_groups_with_one_point_constant_or_two(stat: Any, values: list[float]) -> None:
    data = pd.concat([THREE, pd.DataFrame({"value": values, "kind": "d", "half": "u"})])
    rows = drawn(ggplot(data, XY) + stat())
    of_d = rows[rows["y"] == 4]
    assert min(values) <= of_d["x"].median() <= max(values)
    if stat is not stat_ccdfinterval:  # goes on to the ends of the axis
        assert of_d["x"].between(5, 6).all()
    (ggplot(data[data["kind"] == "d"], XY) + stat()).draw()


def test_limits_of_the_axis_leave_values_out_with_a_warning() -> None:
    with pytest.warns(MissingRowsWarning, match="left out"):
        rows = slabs(ggplot(THREE, XY) + stat_slab() + scale_x_continuous(limits=(-1, 2)))
    assert rows["x"].between(-1, 2).all()


def test_an_interval_beyond_the_limits_is_left_out_with_a_warning() -> None:
    known = pd.DataFrame({"dist": [stats.norm()]})
    with pytest.warns(MissingRowsWarning, match="1 intervals or points go beyond the limits of the axis"):
        rows = drawn(ggplot(known, aes(xdist="dist")) + stat_halfeye() + scale_x_continuous(limits=(-1.5, 1.5)))
    assert rows[rows["part"] == "interval"]["width"].tolist() == [0.66]


def test_frames_of_polars() -> None:
    one = slabs(ggplot(pl.DataFrame(THREE.to_dict("list")), XY) + stat_slab())
    pd.testing.assert_frame_equal(one[["x", "y", "f"]], slabs(ggplot(THREE, XY) + stat_slab())[["x", "y", "f"]])


# What cannot be asked


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": "upp"}, "side is 'upp'; expected 'top', 'right'"),
        ({"sides": "top"}, "stat_halfeye has no option 'sides'; did you mean 'side'?"),
        ({"scale": -1}, "scale is -1; expected a number above 0"),
        ({"scale": "big"}, "scale is 'big'; expected a number above 0"),
        ({"scale": float("nan")}, "scale is nan; expected a number above 0"),
        ({"justification": "left"}, "justification is 'left'; expected a number"),
        ({"normalize": "panel"}, "normalize is 'panel'; expected 'all', 'panels', 'xy', 'groups' or 'none'"),
        ({"width": 1.2}, "width is 1.2; expected probabilities between 0 and 1"),
        ({"width": (0, 0.5)}, r"width is \(0, 0.5\); expected probabilities"),
        ({"width": ()}, r"width is \(\); expected probabilities"),
        ({"width": "95%"}, "width is '95%'; expected probabilities"),
        ({"point_interval": "median_sd"}, "point_interval is 'median_sd'; expected 'median_qi'"),
        ({"orientation": "sideways"}, "orientation is 'sideways'; expected 'horizontal' or 'vertical'"),
        ({"density": "kde"}, "density is 'kde'; expected 'bounded', 'unbounded' or 'histogram'"),
        ({"slab_type": "hist"}, "slab_type is 'hist'; expected 'pdf', 'cdf' or 'ccdf'"),
        ({"bandwidth": "SJ"}, "bandwidth is 'SJ'; expected 'dpi' or 'nrd0'"),
        ({"bandwidth": 0}, "bandwidth is 0; expected a number above 0"),
        ({"adjust": 0}, "adjust is 0; expected a number above 0"),
        ({"bounds": 0}, r"bounds is 0; expected a pair \(lower, upper\) of numbers"),
        ({"bounds": (1, 0)}, r"bounds is \(1, 0\); expected a pair"),
        ({"p_limits": (-0.1, 0.5)}, "expected a pair .* of probabilities"),
        ({"n": 1}, "n is 1; expected a whole number of at least 2"),
        ({"n": 10.5}, "n is 10.5; expected a whole number"),
        ({"breaks": "many"}, "breaks is 'many'; expected 'auto'"),
        ({"breaks": [1, 1]}, "expected a rule .*, a number of bars or rising edges"),
        ({"trim": "yes"}, "trim is 'yes'; expected True or False"),
        ({"interval_size_range": (2, None)}, "expected two line widths"),
        ({"fatten_point": -2}, "fatten_point is -2; expected a number above 0"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        stat_halfeye(**options)


@pytest.mark.parametrize(
    ("stat", "name"),
    [
        (stat_pointinterval, "side"), (stat_pointinterval, "normalize"), (stat_interval, "fatten_point"),
        (stat_slab, "interval_size_range"), (stat_dotsinterval, "normalize"), (stat_dotsinterval, "breaks"),
        (stat_halfeye, "stackratio"), (stat_halfeye, "geom"), (stat_eye, "stat"),
    ],
)  # fmt: skip
def test_options_without_a_use_are_refused(stat: Any, name: str) -> None:
    with pytest.raises(DataError, match=f"{stat.__name__} has no option '{name}'"):
        stat(**{name: 1})


def test_impossible_quantiles() -> None:
    with pytest.raises(DataError, match="quantiles is 0; expected a whole number of at least 1"):
        stat_dotsinterval(quantiles=0)
    with pytest.raises(DataError, match="stat_slab has no option 'quantiles'"):
        stat_slab(quantiles=10)


BAD_PICTURES: list[tuple[Callable[[], Any], str]] = [
    (lambda: ggplot(THREE, aes(fill="kind")) + stat_slab(), "stat_slab has neither x nor y; expected aes"),
    (lambda: ggplot(THREE, aes(x="kind")) + stat_slab(), "stat_slab found categories on x; expected numbers"),
    (lambda: ggplot(THREE, aes(x="kind", y="half")) + stat_eye(), "stat_eye found categories on x"),
    (
        lambda: ggplot(NUMBERED, aes(x="value", y="place")) + stat_slab(),
        'cannot tell which are the values .* give orientation="horizontal"',
    ),
    (
        lambda: ggplot(THREE, aes(x="value", slab_fill="kind")) + stat_slab(),
        r"slab_fill is one value for all slabs, set outside of aes\(\); in aes\(\) map fill",
    ),
    (lambda: ggplot(THREE, XY) + stat_slab(position="dodge"), r"plotnine dodges along x only.* add coord_flip\(\)"),
    (lambda: ggplot(THREE, X) + stat_slab(position="stack"), "slabs are not stacked"),
    (lambda: ggplot(THREE, X) + stat_slab(bounds=(0, None)), "is below the lower bound 0"),
    (lambda: ggplot(THREE, aes(xdist="kind")) + stat_slab(), "found str 'a' where a distribution is expected"),
    (
        lambda: ggplot(THREE.assign(dist=[stats.norm()] * 600), aes(x="value", xdist="dist")) + stat_slab(),
        "both x and xdist",
    ),
    (
        lambda: ggplot(pd.DataFrame({"d": [stats.poisson(3)]}), aes(xdist="d")) + stat_slab() + scale_x_log10(),
        "a discrete distribution has no bars on a transformed axis",
    ),
    (
        lambda: ggplot(pd.DataFrame({"d": [stats.cauchy()]}), aes(xdist="d")) + stat_halfeye(point_interval="mean_qi"),
        'no mean; try "median_qi"',
    ),
    (lambda: ggplot(pd.DataFrame({"d": [stats.t]}), aes(xdist="d")) + stat_slab(), "give frozen distributions"),
]


@pytest.mark.parametrize(("picture", "message"), BAD_PICTURES, ids=[message for _, message in BAD_PICTURES])
def test_impossible_pictures(picture: Callable[[], Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        picture().draw()


# The package


def test_without_plotnine_one_sentence_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['plotnine'] = None\n"
        "from multilevel import plots\n"
        "try: plots.stat_slab\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == (
        'multilevel.plots.stat_slab needs plotnine, which is not installed; run pip install "multilevel[plots]"\n'
    )


def test_plotnine_is_imported_when_first_asked_for() -> None:
    code = "import sys, multilevel.plots; print('plotnine' in sys.modules, 'matplotlib' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "False False\n"


def test_names() -> None:
    assert all(getattr(plots, name).__name__ == name for name in plots.__all__)
    assert dir(plots) == plots.__all__
    with pytest.raises(AttributeError, match="has no attribute 'stat_slap'"):
        _ = plots.stat_slap


def test_a_million_points_become_a_few_thousand() -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"value": rng.normal(size=1_000_000), "kind": pd.Categorical(rng.integers(0, 10, 1_000_000))})
    rows = slabs(ggplot(data, aes(x="value", fill="kind")) + stat_slab(alpha=0.25))
    assert 10 * 400 < len(rows) < 10 * 1200
