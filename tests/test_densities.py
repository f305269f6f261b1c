"""What slabs are drawn of: densities, intervals, dots, thickness against closed forms, sums over all pairs, SciPy."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats

from multilevel.errors import DataError
from multilevel.plots.densities import (
    Smoothing,
    kernel_density,
    on_grid,
    plug_in_bandwidth,
    rule_of_thumb_bandwidth,
    upper_bound,
)
from multilevel.plots.distributions import Sample, Slab, Transformed, bars, known, steps
from multilevel.plots.dotplots import LARGEST, fitting_diameter, quantile_dots, stack_heights, stacks
from multilevel.plots.intervals import NAMES, highest_density, point_interval
from multilevel.plots.thickness import BOTH, DOWN, SIDES, UP, Placement, normalized

LINE = (-math.inf, math.inf)
EVEN = (np.arange(2000) + 0.5) / 2000
KNOWN = {
    "normal": stats.norm(2, 3), "t": stats.t(5, 1, 2), "beta": stats.beta(2, 5), "gamma": stats.gamma(3),
    "exponential": stats.expon(), "uniform": stats.uniform(-1, 2),
}  # fmt: skip


def area(slab: Slab) -> float:
    return float(np.sum(np.diff(slab.at) * (slab.height[1:] + slab.height[:-1]) / 2))


def over_all_pairs(values: np.ndarray, width: float, at: np.ndarray) -> np.ndarray:
    return stats.norm.pdf((at[:, None] - values) / width).mean(axis=1) / width


# Densities


@pytest.mark.parametrize("name", KNOWN)
def test_density_is_the_sum_of_kernels(name: str) -> None:
    values = np.asarray(KNOWN[name].ppf(EVEN[::7]))
    width = rule_of_thumb_bandwidth(values)
    at = np.linspace(values.min() - 2 * width, values.max() + 2 * width, 101)
    exact = over_all_pairs(values, width, at)
    # binning: (step / width)^2 / 8, with 8192 cells below 1e-5
    np.testing.assert_allclose(kernel_density(values, width, LINE, at), exact, atol=1e-5 * exact.max())


def test_density_with_bounds_is_that_of_reflected_values() -> None:
    values = np.asarray(stats.beta(1, 3).ppf(EVEN[::5]))
    at = np.linspace(0, 1, 51)
    reflected = sum(over_all_pairs(v, 0.05, at) for v in (values, -values, 2 - values))
    density = kernel_density(values, 0.05, (0.0, 1.0), at)
    np.testing.assert_allclose(density, reflected, atol=1e-5 * density.max())
    assert kernel_density(values, 0.05, (0.0, 1.0), np.array([-0.01, 1.01])).tolist() == [0, 0]


@pytest.mark.parametrize("name", KNOWN)
def test_density_of_many_values_is_near_that_of_the_distribution(name: str) -> None:
    frozen = KNOWN[name]
    slab = Sample(np.asarray(frozen.ppf((np.arange(200_000) + 0.5) / 200_000))).density(501)
    inner = (slab.at > frozen.ppf(0.02)) & (slab.at < frozen.ppf(0.98))
    exact = frozen.pdf(slab.at)
    assert np.abs(slab.height - exact)[inner].max() < 0.02 * exact[inner].max()


@pytest.mark.parametrize("density", ["bounded", "unbounded"])
def test_area_of_an_untrimmed_density_is_one(density: str) -> None:
    values = np.asarray(stats.gamma(1).ppf(EVEN))
    slab = Sample(values, Smoothing(bounded=density == "bounded", trim=False)).density(4001)
    assert area(slab) == pytest.approx(1, abs=3e-3)  # 3 bandwidths of a normal hold 0.9973


def test_trimmed_density_ends_at_the_values() -> None:
    slab = Sample(np.array([1.0, 2, 4])).density(11)
    assert (slab.at[0], slab.at[-1]) == (1, 4)
    loose = Sample(np.array([1.0, 2, 4]), Smoothing(trim=False, bounded=False, bandwidth=0.5)).density(11)
    assert (loose.at[0], loose.at[-1]) == (-0.5, 5.5)


def test_bounds_hold_where_they_are_known() -> None:
    values = np.asarray(stats.expon().ppf(EVEN))
    h = 0.1
    slab = Sample(values, Smoothing(h, bounds=(0.0, None), trim=False)).density(501)
    assert slab.at[0] == 0
    smoothed = math.exp(h**2 / 2) * stats.norm.cdf(-h)  # integral of e^-x times the kernel at 0, half of it
    assert slab.height[0] == pytest.approx(2 * smoothed, abs=2e-3)
    unbounded = Sample(values, Smoothing(h, bounded=False)).density(501)
    assert unbounded.height[0] == pytest.approx(smoothed, abs=2e-3)


def test_density_does_not_depend_on_origin_and_unit() -> None:
    values = np.asarray(stats.gamma(2).ppf(EVEN[::4]))
    base, moved = Sample(values).density(101), Sample(1e6 + 1e-3 * values).density(101)
    np.testing.assert_allclose(moved.height * 1e-3, base.height, rtol=1e-5)


# R 4.2.2: bw.nrd0(x) and bw.SJ(x, method = "dpi", nb = 4000) at quantiles of probabilities ppoints(n).
BANDWIDTHS = {
    "normal": (stats.norm.ppf((np.arange(200) + 0.5) / 200), 0.311695072, 0.4025988558),
    "gamma": (stats.gamma(2).ppf((np.arange(500) + 0.5) / 500), 0.334735698, 0.2834811804),
    "two modes": (
        np.r_[[d.ppf((np.arange(100) + 0.5) / 100) for d in (stats.norm(), stats.norm(5, 0.3))]].ravel(),
        0.8147015937, 0.3268663124,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BANDWIDTHS)
def test_bandwidths_are_those_of_r(name: str) -> None:
    values, nrd0, dpi = BANDWIDTHS[name]
    assert rule_of_thumb_bandwidth(values) == pytest.approx(nrd0, rel=1e-9)
    # R divides its sums over pairs by n (n - 1), Wand & Jones by n^2: (1 - 1/n)^(1/5 + 1/7) between them
    assert plug_in_bandwidth(values) == pytest.approx(dpi, rel=1 / len(values))


def test_plug_in_bandwidth_is_that_of_sums_over_all_pairs() -> None:
    x = np.asarray(stats.gamma(2).ppf(EVEN[::10]))
    n, sigma = len(x), min(x.std(ddof=1), np.subtract(*np.quantile(x, (0.75, 0.25))) / 1.3489795)
    z = (x[:, None] - x) / 1.0

    def psi(r: int, g: float) -> float:
        hermite = np.polynomial.hermite_e.HermiteE.basis(r)(z / g)
        return float((hermite * stats.norm.pdf(z / g)).sum() / (g ** (r + 1) * n**2))

    psi8 = 105 / (32 * math.sqrt(math.pi) * sigma**9)
    psi6 = psi(6, (30 / (math.sqrt(2 * math.pi) * psi8 * n)) ** (1 / 9))
    psi4 = psi(4, (-6 / (math.sqrt(2 * math.pi) * psi6 * n)) ** (1 / 7))
    exact = (1 / (2 * math.sqrt(math.pi) * psi4 * n)) ** 0.2
    assert plug_in_bandwidth(x) == pytest.approx(exact, rel=1e-4)


def test_given_bandwidths_and_adjustment() -> None:
    assert Smoothing(0.25, adjust=2).width(EVEN) == 0.5
    assert Smoothing("nrd0", adjust=2).width(EVEN) == 2 * rule_of_thumb_bandwidth(EVEN)
    assert plug_in_bandwidth(np.array([3.0])) == 0


def test_counts_on_a_grid_keep_number_and_mean() -> None:
    values = np.asarray(stats.norm.ppf(EVEN))
    counts = on_grid(values, -4, 4, 37)
    assert counts.sum() == pytest.approx(2000)
    assert counts @ np.linspace(-4, 4, 37) / 2000 == pytest.approx(values.mean(), abs=1e-12)


@pytest.mark.parametrize(("frozen", "bound"), [(stats.uniform(0, 1), 1.0), (stats.beta(2, 2), 1.0)])
def test_upper_bound_is_nearer_than_the_maximum(frozen: Any, bound: float) -> None:
    values = np.asarray(frozen.rvs(500, random_state=3))
    assert values.max() < upper_bound(values)
    assert abs(upper_bound(values) - bound) < bound - values.max()


def test_a_million_values_take_a_moment() -> None:
    values = np.random.default_rng(1).normal(size=1_000_000)
    start = time.process_time()
    Sample(values).density(501)
    assert time.process_time() - start < 1  # about 0.15 s


# Constant, single and few values


@pytest.mark.parametrize("values", [np.full(9, 3.0), np.array([3.0])])
def test_a_point_mass_is_a_spike(values: np.ndarray) -> None:
    sample = Sample(values)
    for slab in (sample.density(501), sample.histogram("scott")):
        assert (slab.at.tolist(), slab.height.tolist()) == ([3], [math.inf])
    for name in NAMES:
        assert {(i.point, i.lower, i.upper) for i in point_interval(sample, name)} == {(3, 3, 3)}
    assert sample.cumulative(501).height.tolist()[-1] == 1


def test_two_values_have_a_density() -> None:
    slab = Sample(np.array([0.0, 1.0])).density(101)
    assert np.isfinite(slab.height).all()
    assert slab.height.min() > 0
    np.testing.assert_allclose(slab.height, slab.height[::-1], rtol=1e-9)


def test_more_than_half_of_the_values_the_same() -> None:
    slab = Sample(np.r_[np.zeros(60), np.arange(40.0)]).density(501)  # an interquartile range of zero
    assert np.isfinite(slab.height).all()
    assert slab.at[slab.height.argmax()] < 1


# Histograms and distribution functions


def test_histogram_has_area_one_and_the_heights_of_numpy() -> None:
    values = np.asarray(stats.gamma(2).ppf(EVEN))
    slab = Sample(values).histogram(10)
    heights, edges = np.histogram(values, 10, density=True)
    assert area(slab) == pytest.approx(1)
    np.testing.assert_array_equal(slab.height[1:-1:2], heights)
    np.testing.assert_array_equal(slab.at[::2], edges)


@pytest.mark.parametrize("n", [50, 5000])  # steps; on a grid
def test_cumulative_of_a_sample_is_its_distribution_function(n: int) -> None:
    values = np.asarray(stats.norm.ppf((np.arange(n) + 0.5) / n))
    slab = Sample(values).cumulative(501)
    right = np.append(slab.at[1:] != slab.at[:-1], True)  # of a jump, its upper end
    share = (values <= slab.at[:, None]).mean(axis=1)
    np.testing.assert_allclose(slab.height[right], share[right])


def test_slab_goes_on_to_the_ends() -> None:
    slab = steps(np.array([1.0, 2.0]), np.array([0.5, 1.0])).extended(0, 3, 0.0, 1.0)
    assert slab.at.tolist() == [0, 1, 1, 1, 2, 2, 2, 3]
    assert slab.height.tolist() == [0, 0, 0, 0.5, 0.5, 1, 1, 1]
    assert bars(np.array([0.0, 1]), np.array([1.0])).extended(0, 1, 9, 9).at.tolist() == [0, 0, 1, 1]


# Known distributions


@pytest.mark.parametrize("name", KNOWN)
def test_known_distributions_are_drawn_by_their_functions(name: str) -> None:
    frozen = KNOWN[name]
    slab, below = known(frozen).density(201), known(frozen).cumulative(201)
    np.testing.assert_array_equal(slab.height, frozen.pdf(slab.at))
    np.testing.assert_array_equal(below.height, frozen.cdf(slab.at))
    support = frozen.support()
    expected = [e if math.isfinite(e) else frozen.ppf(p) for e, p in zip(support, (0.001, 0.999), strict=True)]
    assert [slab.at[0], slab.at[-1]] == pytest.approx(expected)


def test_tails_that_were_asked_for() -> None:
    assert known(stats.norm(), (0.1, 0.8)).limits() == pytest.approx((stats.norm.ppf(0.1), stats.norm.ppf(0.8)))
    assert known(stats.expon(), (0.1, None)).limits() == pytest.approx((stats.expon.ppf(0.1), stats.expon.ppf(0.999)))


@pytest.mark.parametrize(
    ("frozen", "atoms"),
    [
        (stats.poisson(3), np.arange(0, 11.0)), (stats.binom(4, 0.5), np.arange(0, 5.0)),
        (stats.rv_discrete(values=([0, 0.5, 2], [0.2, 0.3, 0.5])), np.array([0, 0.5, 2])), (stats.binom(3, 1), [3.0]),
    ],
    ids=["poisson", "binomial", "listed", "one atom"],
)  # fmt: skip
def test_discrete_distributions_are_bars(frozen: Any, atoms: np.ndarray) -> None:
    slab = known(frozen).density(501)
    atoms = np.asarray(atoms)
    if len(atoms) > 1 or frozen.pmf(2) > 0:
        np.testing.assert_array_equal((slab.at[1::4] + slab.at[2::4]) / 2, atoms)
        np.testing.assert_allclose(slab.height[1::4], frozen.pmf(atoms))
    assert known(frozen).cumulative(501).height[-1] > 0.998


def test_a_distribution_with_very_many_atoms_is_drawn() -> None:
    slab = known(stats.randint(0, 10**9)).density(501)
    assert len(slab.at) < 25_000
    assert point_interval(known(stats.randint(0, 10**9)), "mode_hdi")[1].lower == pytest.approx(0.025 * 1e9, rel=2e-3)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_distribution_on_another_scale(sign: int) -> None:
    """log of a lognormal is normal; minus that is, too, by a falling transformation."""
    frozen = Transformed(stats.lognorm(0.5), lambda x: sign * np.log(x), lambda t: np.exp(sign * t))
    at = np.linspace(-1, 1, 21)
    np.testing.assert_allclose(frozen.pdf(at), stats.norm(0, 0.5).pdf(at), rtol=1e-6)
    np.testing.assert_allclose(frozen.cdf(at), stats.norm(0, 0.5).cdf(at), rtol=1e-9)
    np.testing.assert_allclose(frozen.ppf(EVEN), stats.norm(0, 0.5).ppf(EVEN), rtol=1e-9, atol=1e-12)
    assert frozen.mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "what", [3.0, "norm", stats.t, object, None], ids=["number", "text", "family", "class", "None"]
)
def test_what_is_no_distribution(what: Any) -> None:
    with pytest.raises(DataError, match=r"where a distribution is expected; give frozen distributions"):
        known(what)


def test_values_beyond_their_bounds() -> None:
    with pytest.raises(DataError, match="-1 is below the lower bound 0"):
        Sample(np.array([-1.0, 2]), Smoothing(bounds=(0, None))).density(9)
    with pytest.raises(DataError, match="2 is above the upper bound 1"):
        Sample(np.array([-1.0, 2]), Smoothing(bounds=(None, 1))).density(9)


# Points and intervals


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("width", [0.5, 0.66, 0.95])
def test_quantile_intervals(name: str, width: float) -> None:
    frozen = KNOWN[name]
    (found,) = point_interval(known(frozen), "median_qi", (width,))
    expected = frozen.ppf([(1 - width) / 2, 0.5, (1 + width) / 2])
    assert (found.lower, found.point, found.upper) == pytest.approx(tuple(expected))


def unimodal(frozen: Any, width: float) -> tuple[float, float]:
    """The interval of highest density: equal densities at its ends, or one end at the support, by root finding."""
    from scipy.optimize import brentq

    def difference(p: float) -> float:
        low, high = frozen.ppf([p, p + width])
        return float(frozen.pdf(low) - frozen.pdf(high))

    spare = 1 - width
    if difference(1e-9) > 0:  # falls from its start
        return float(frozen.ppf(0)), float(frozen.ppf(width))
    p = brentq(difference, 1e-9, spare - 1e-9, xtol=1e-14)
    low, high = frozen.ppf([p, p + width])
    return float(low), float(high)


@pytest.mark.parametrize("name", ["normal", "t", "beta", "gamma", "exponential"])
@pytest.mark.parametrize("width", [0.5, 0.66, 0.95])
def test_intervals_of_highest_density(name: str, width: float) -> None:
    frozen = KNOWN[name]
    expected, scale = unimodal(frozen, width), frozen.std()
    (shortest,) = point_interval(known(frozen), "mode_hdci", (width,))
    assert (shortest.lower, shortest.upper) == pytest.approx(expected, abs=1e-4 * scale)
    (region,) = point_interval(known(frozen), "mode_hdi", (width,))  # in cells; a pixel is 0.01 standard deviations
    assert (region.lower, region.upper) == pytest.approx(expected, abs=5e-3 * scale)
    assert frozen.cdf(region.upper) - frozen.cdf(region.lower) == pytest.approx(width, abs=1e-3)


@pytest.mark.parametrize("name", ["normal", "beta", "gamma"])
def test_modes_and_means(name: str) -> None:
    frozen = KNOWN[name]
    mode = {"normal": 2, "beta": 1 / 5, "gamma": 2}[name]
    assert point_interval(known(frozen), "mode_qi")[0].point == pytest.approx(mode, abs=2e-3 * frozen.std())
    assert point_interval(known(frozen), "mean_qi")[0].point == pytest.approx(frozen.mean())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("distribution", ["normal", "beta", "gamma", "t"])
def test_samples_agree_with_their_distribution(name: str, distribution: str) -> None:
    frozen = KNOWN[distribution]
    sample = Sample(np.asarray(frozen.ppf((np.arange(20_000) + 0.5) / 20_000)))
    pairs = zip(point_interval(sample, name), point_interval(known(frozen), name), strict=True)
    for of_sample, of_distribution in pairs:
        near = 0.08 * frozen.std()  # smoothing moves modes and highest densities most
        assert of_sample.point == pytest.approx(of_distribution.point, abs=near)
        assert (of_sample.lower, of_sample.upper) == pytest.approx(
            (of_distribution.lower, of_distribution.upper), abs=near
        )


def test_highest_density_of_two_modes_is_two_stretches() -> None:
    values = np.r_[stats.norm.ppf(EVEN), stats.norm(8, 1).ppf(EVEN)]
    stretches = point_interval(Sample(values), "mode_hdi", (0.9,))
    assert len(stretches) == 2
    assert [(i.lower, i.upper) for i in stretches] == [
        pytest.approx((-1.645, 1.645), abs=0.1),
        pytest.approx((8 - 1.645, 8 + 1.645), abs=0.1),
    ]
    (whole,) = point_interval(Sample(values), "mode_hdci", (0.9,))
    assert whole.lower < -1
    assert whole.upper > 8.5


def test_flat_and_infinite_densities() -> None:
    (flat,) = point_interval(known(stats.uniform(0, 1)), "mode_hdi", (0.9,))
    assert (flat.point, flat.lower, flat.upper) == pytest.approx((0.5, 0.05, 0.95), abs=1e-3)
    ends = point_interval(known(stats.beta(0.5, 0.5)), "median_hdi", (0.5,))
    half = float(stats.beta(0.5, 0.5).ppf(0.25))
    assert [(i.lower, i.upper) for i in ends] == [
        pytest.approx((0, half), abs=2e-3),
        pytest.approx((1 - half, 1), abs=2e-3),
    ]


def test_intervals_of_atoms() -> None:
    frozen = stats.binom(10, 0.3)
    (held,) = point_interval(known(frozen), "mode_hdi", (0.8,))
    assert (held.point, held.lower, held.upper) == (3, 1, 4)  # 2, 3, 4 hold 0.70, with 1 it is 0.82
    mass = frozen.pmf(np.arange(11))
    shortest = min(((b - a), -mass[a : b + 1].sum(), a, b) for a in range(11) for b in range(a, 11)
                   if mass[a : b + 1].sum() >= 0.8)  # fmt: skip
    (run,) = point_interval(known(frozen), "mode_hdci", (0.8,))
    assert (run.lower, run.upper) == shortest[2:]


def test_shortest_window_of_a_sample_is_that_of_all_windows() -> None:
    values = np.asarray(stats.gamma(2).rvs(101, random_state=2))
    low, high = Sample(values).shortest(0.8)
    ordered = np.sort(values)
    assert high - low == min(ordered[80 + i] - ordered[i] for i in range(21))  # 81 of 101 values


def test_highest_density_takes_cells_by_density_not_by_mass() -> None:
    left, right = np.array([0.0, 1, 3]), np.array([1.0, 3, 3.5])
    assert highest_density(left, right, np.array([0.2, 0.5, 0.3]), 0.3) == [(3.0, 3.5)]


def test_no_mean_and_no_such_interval() -> None:
    with pytest.raises(DataError, match='no mean; try "median_qi"'):
        point_interval(known(stats.cauchy()), "mean_qi")
    with pytest.raises(DataError, match="did you mean 'median_qi'"):
        point_interval(known(stats.norm()), "median_iq")


# Dots


def test_quantile_dots_stand_for_equal_probabilities() -> None:
    np.testing.assert_allclose(stats.norm.cdf(quantile_dots(known(stats.norm()), 20)), (np.arange(20) + 0.5) / 20)


@pytest.mark.parametrize("width", [0.01, 0.2, 1.0, 50.0])
def test_stacks(width: float) -> None:
    values = np.sort(np.asarray(stats.norm.ppf(EVEN[::20])))
    centres, counts = stacks(values, width)
    assert counts.sum() == len(values)
    members = np.split(values, np.cumsum(counts)[:-1])
    assert all(group[-1] - group[0] < width for group in members)
    assert all(b[0] - a[0] >= width for a, b in pairwise(members))
    np.testing.assert_allclose(centres, [(group[0] + group[-1]) / 2 for group in members])
    assert stack_heights(counts).tolist() == [i for n in counts for i in range(n)]


def test_dots_are_as_large_as_the_room_allows() -> None:
    samples = [np.sort(stats.norm(m, 40).ppf(EVEN[::40])) for m in (0, 100)]
    diameter = fitting_diameter(samples, 120.0)

    def tallest(d: float) -> float:
        return d * max(stacks(v, d)[1].max() for v in samples)

    assert tallest(diameter) <= 120 < tallest(diameter * 1.02)
    assert fitting_diameter([np.array([5.0])], 120.0) == LARGEST * 120
    assert fitting_diameter([np.zeros(100)], 120.0, spacing=0.5) == pytest.approx(120 / 50.5, rel=2e-3)


# Thickness


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [
        ("all", [1 / 8, 2 / 8, 4 / 8, 8 / 8, 3 / 8, 5 / 8]), ("panels", [1 / 4, 2 / 4, 1, 1, 3 / 8, 5 / 8]),
        ("xy", [1 / 2, 1, 1, 1, 3 / 5, 1]), ("groups", [1, 1, 1, 1, 1, 1]), ("none", [1, 2, 4, 8, 3, 5]),
    ],
)  # fmt: skip
def test_normalized(normalize: str, expected: list[float]) -> None:
    height = np.array([1.0, 2, 4, 8, 3, 5])
    panel, position, group = [1, 1, 1, 2, 2, 2], [1.0, 1.0, 2.0, 1.0, 2.0, 2.0], [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(normalized(height, normalize, panel, position, group), expected)


def test_infinite_heights_are_full_and_do_not_count() -> None:
    height = np.array([math.inf, 2.0, 1.0])
    assert normalized(height, "all", [1] * 3, [1] * 3, [1] * 3).tolist() == [1, 1, 0.5]
    assert normalized(np.array([math.inf, 0.0]), "groups", [1] * 2, [1] * 2, [1, 2]).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("direction", "justification", "edges", "room"),
    [
        (UP, None, (5, 5.4), (5, 6)), (DOWN, None, (4.6, 5), (4, 5)), (BOTH, None, (4.8, 5.2), (4.5, 5.5)),
        (UP, 0.5, (4.6, 5.0), (4.5, 5.5)), (DOWN, 0.5, (5.0, 5.4), (4.5, 5.5)), (UP, 1.0, (4.2, 4.6), (4, 5)),
    ],
)  # fmt: skip
def test_placement(
    direction: int, justification: float | None, edges: tuple[float, float], room: tuple[float, float]
) -> None:
    """At 5, half as thick as can be, on 0.8 of the room of 1."""
    place = Placement(direction, 0.8, justification)
    at, size = np.array([5.0]), np.array([1.0])
    assert np.ravel(place.edges(at, size, np.array([0.5]))) == pytest.approx(edges)
    assert np.ravel(place.room(at, 1.0)) == pytest.approx(room)
    assert np.ravel(place.place(*place.room(at, 1.0))) == pytest.approx((5, 1))
    base, end = place.span(at, size)
    full = np.ravel(place.edges(at, size, np.array([1.0])))
    assert {float(base[0]), float(end[0])} == ({full.mean(), full[1]} if direction == BOTH else set(full))


def test_a_scale_above_one_takes_more_room() -> None:
    place = Placement(UP, 2.5)
    low, high = place.room(np.array([1.0]), 1.0)
    assert (low[0], high[0]) == (1, 3.5)
    assert np.ravel(place.place(low, high)) == pytest.approx((1, 1))


def test_every_side_has_a_direction_both_ways() -> None:
    assert SIDES["topleft"] == (UP, DOWN)
    assert all(len(directions) == 2 for directions in SIDES.values())


def test_the_numbers_need_no_plotting_library() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['plotnine', 'matplotlib', 'pandas']))\n"
        "from multilevel.plots import densities, distributions, dotplots, intervals, options, thickness"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
