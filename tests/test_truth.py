"""Data from a stated truth: moments against theory, recovery by fits, the designs of the tutorial, what cannot be."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from reference_data import load

import multilevel as mlm
from multilevel.data.rows import read_columns
from multilevel.designs import expand_grid, labels, nested
from multilevel.truth import Group, Truth, prepare, simulate, truth_of
from multilevel.truth.correlations import lower_root, nearest_correlations
from multilevel.truth.distributions import distribution

CONDITION = "condition[treatment]"
D5 = Truth(
    fixed={"(Intercept)": 0, CONDITION: 1},
    groups={"participant": Group(sd={"(Intercept)": 0.25, CONDITION: 0.4}, corr=0.7)},
    sigma=0.2,
)
D5_FORMULA = "y ~ condition + (condition | participant)"
SE = 4  # Monte Carlo standard errors that a moment may be off


def two_conditions(participants: int, trials: int = 10, backend: str = "pandas") -> Any:
    return expand_grid(participant=participants, condition=["control", "treatment"], trial=trials, backend=backend)


def assert_moments(y: np.ndarray, mean: Any, V: np.ndarray) -> None:
    """Rows of y (replicates, n) have this mean and covariance; if normal, Var(s_ij) = (V_ii V_jj + V_ij^2) / N."""
    N, sd = len(y), np.sqrt(np.diag(V))
    assert (np.abs(y.mean(0) - mean) <= SE * sd / np.sqrt(N)).all()
    error = np.sqrt((np.outer(sd, sd) ** 2 + V**2) / N)
    assert (np.abs(np.cov(y.T) - V) <= SE * error).all()


# ---- moments --------------------------------------------------------------------------------------------------------


def test_correlated_intercepts_and_slopes() -> None:
    d = simulate(D5_FORMULA, two_conditions(20_000, 2), D5, seed=1)
    Z = np.column_stack([np.ones(4), [0, 0, 1, 1]])
    psi = np.array([[0.25**2, 0.7 * 0.25 * 0.4], [0.7 * 0.25 * 0.4, 0.4**2]])
    assert_moments(d["y"].to_numpy().reshape(-1, 4), Z @ [0, 1], Z @ psi @ Z.T + 0.04 * np.eye(4))


def test_crossed_and_nested_groups_with_an_offset_and_a_covariate() -> None:
    design = expand_grid(item=2, school=2, pupil=nested(2, "school"), t=[0.0, 1.0])
    truth = Truth(
        {"(Intercept)": 1, "t": -2},
        {"item": Group(0.5), "pupil:school": Group({"t": 0.7}), "school": Group(0.3)},
        sigma=0.4,
    )
    formula = "y ~ t + offset(item) + (1 | item) + (0 + t | school:pupil) + (1 | school)"
    simulation = prepare(formula, design, truth)
    rng = np.random.default_rng(2)
    y = np.array([simulation.draw(rng) for _ in range(4000)])
    same = {name: np.equal.outer(*[design[name].to_numpy()] * 2) for name in ("item", "school", "pupil")}
    t = design["t"].to_numpy()
    V = 0.25 * same["item"] + 0.49 * np.outer(t, t) * same["pupil"] + 0.09 * same["school"] + 0.16 * np.eye(16)
    assert_moments(y, 1 - 2 * t + design["item"], V)


def test_three_correlated_effects_of_a_factor_coded_by_sums() -> None:
    corr = {("(Intercept)", "f[1]"): -0.5, ("f[1]", "f[2]"): 0.6}
    group = Group({"f[1]": 1, "(Intercept)": 2, "f[2]": 0.5}, corr)  # in an order of their own
    design = expand_grid(g=20_000, f=["a", "b", "c"])
    d = simulate("y ~ 1 + (C(f, contr.sum) | g)", design, Truth({"(Intercept)": 0}, {"g": renamed(group)}, 0.1), seed=3)
    Z = np.array([[1, 1, 0], [1, 0, 1], [1, -1, -1]])
    psi = np.array([[4, -1, 0], [-1, 1, 0.3], [0, 0.3, 0.25]])
    assert_moments(d["y"].to_numpy().reshape(-1, 3), np.zeros(3), Z @ psi @ Z.T + 0.01 * np.eye(3))


def renamed(group: Group) -> Group:
    names = {"(Intercept)": "(Intercept)", "f[1]": "C(f, contr.sum)[1]", "f[2]": "C(f, contr.sum)[2]"}
    return Group({names[name]: sd for name, sd in group.sd.items()}, group.corr)


def test_weights_divide_the_variance() -> None:
    design = two_conditions(1, 20_000).assign(w=lambda d: np.where(d["condition"] == "control", 4.0, 0.25))
    truth = Truth({"(Intercept)": 0}, sigma=2)
    by_name = simulate("y ~ 1", design, truth, seed=4, weights="w")
    variance = by_name.groupby("condition", observed=True)["y"].var()
    np.testing.assert_allclose(variance, [1, 16], rtol=SE * np.sqrt(2 / 20_000))
    by_array = simulate("y ~ 1", design, truth, seed=4, weights=design["w"].to_numpy())
    pd.testing.assert_frame_equal(by_name, by_array)


@pytest.mark.parametrize(
    ("text", "theory"),
    [
        ("normal", lambda stats: stats.norm()),
        ("t(5)", lambda stats: stats.t(5, scale=np.sqrt(3 / 5))),
        ("t(2.5)", lambda stats: stats.t(2.5, scale=np.sqrt(0.5 / 2.5))),
        ("skewed(1)", lambda stats: stats.pearson3(1)),
        ("skewed(-2)", lambda stats: stats.pearson3(-2)),
        (" skewed( 0.1 ) ", lambda stats: stats.pearson3(0.1)),
    ],
)
def test_distributions_are_those_of_scipy_scaled_to_the_stated_sd(text: str, theory: Any) -> None:
    from scipy import stats

    known = theory(stats)
    assert known.mean() == pytest.approx(0, abs=1e-12)
    assert known.std() == pytest.approx(1)
    group = Group({"(Intercept)": 3}, distribution=text)
    truth = Truth({"(Intercept)": 10}, {"g": group}, sigma=0)
    y = simulate("y ~ 1 + (1 | g)", {"g": np.arange(50_000)}, truth, seed=5)["y"]
    assert stats.kstest((y - 10) / 3, known.cdf).pvalue > 0.01


@pytest.mark.parametrize("text", ["t(9)", "skewed(1)", "skewed(-0.5)"])
def test_the_covariance_is_the_stated_one_whatever_the_distribution(text: str) -> None:
    group = Group({"(Intercept)": 2, "x": 1, "z": 3}, {("(Intercept)", "x"): 0.6, ("x", "z"): -0.5}, text)
    b = distribution(text).draw(400_000, 3, np.random.default_rng(6)) @ group.factor.T
    sd = np.array([2, 1, 3])
    blocks = np.array([np.cov(block.T) for block in b.reshape(100, -1, 3)])  # their spread is the Monte Carlo error
    error = blocks.std(0) / 10
    assert (np.abs(blocks.mean(0) - group.corr * np.outer(sd, sd)) <= SE * error).all()
    assert (np.abs(b.mean(0)) <= SE * sd / np.sqrt(len(b))).all()


def test_a_group_far_out_is_so_in_all_effects_of_a_t() -> None:
    z = distribution("t(3)").draw(100_000, 2, np.random.default_rng(1))
    far = np.abs(z[:, 0]) > 4
    assert np.mean(np.abs(z[far, 1]) > 2) > 5 * np.mean(np.abs(z[:, 1]) > 2)


# ---- what fits find -------------------------------------------------------------------------------------------------


def test_a_fit_to_many_rows_recovers_the_truth() -> None:
    d = simulate(D5_FORMULA, two_conditions(3000), D5, seed=7)
    m = mlm.lmer(D5_FORMULA, d)
    for name, value in D5.fixed.items():
        assert abs(m.fixef[name] - value) < SE * m.se[name]
    found, group = m.varcorr()["participant"], D5.groups["participant"]
    for name, sd in group.sd.items():
        assert abs(found[name] - sd) < SE * 1.2 * sd / np.sqrt(2 * 3000)  # a little wider for the residuals' part
    assert abs(found["(Intercept)", CONDITION] - 0.7) < SE * 1.2 * (1 - 0.7**2) / np.sqrt(3000)
    assert abs(m.sigma - 0.2) < SE * 0.2 / np.sqrt(2 * (60_000 - 6_000))


def test_a_fit_with_crossed_and_nested_groups_recovers_the_truth() -> None:
    design = expand_grid(item=200, school=60, pupil=nested(4, "school"), backend="dict")
    truth = Truth(
        {"(Intercept)": 5, "x": -1}, {"item": Group(0.9), "pupil:school": Group(0.5), "school": Group(1.5)}, sigma=1
    )
    design["x"] = np.random.default_rng(0).normal(size=48_000)
    formula = "y ~ x + (1 | item) + (1 | school/pupil)"
    m = mlm.lmer(formula, simulate(formula, design, truth, seed=8))
    assert abs(m.fixef["x"] + 1) < SE * m.se["x"]
    for name, levels in {"item": 200, "pupil:school": 180, "school": 60}.items():
        sd = truth.groups[name].sd["(Intercept)"]
        assert abs(m.varcorr()[name]["(Intercept)"] - sd) < SE * 1.1 * sd / np.sqrt(2 * levels)
    assert abs(m.sigma - 1) < SE / np.sqrt(2 * 47_000)


@pytest.mark.parametrize(
    ("formula", "data"),
    [
        ("reaction ~ days + (days | subject)", "sleepstudy"),
        ("reaction ~ days + (days || subject)", "sleepstudy"),
        ("reaction ~ poly(days, 2) + (1 | subject) + (0 + days | subject)", "sleepstudy"),
        ("strength ~ 1 + (1 | batch/cask)", "pastes"),
        ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin"),
        ("angle ~ recipe * temperature + (1 | recipe:replicate)", "cake"),
        ("yield ~ nitro + (1 | block/variety)", "oats"),
        ("score ~ machine + (machine | worker)", "machines"),
        ("reaction ~ days", "sleepstudy"),
    ],
)
@pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")
def test_the_truth_of_a_fit_is_the_distribution_it_simulates_from(formula: str, data: str) -> None:
    d = mlm.datasets.load(data)
    m = mlm.lmer(formula, d) if "|" in formula else mlm.lm(formula, d)
    truth = truth_of(m._fit)
    assert dict(truth.fixed) == pytest.approx(dict(m.fixef))
    assert truth.sigma == m.sigma
    if isinstance(m, mlm.LinearMixedModel):
        assert set(truth.groups) == {name.partition(".")[0] for name in m.varcorr()}
        for term in m.varcorr().terms:
            group = truth.groups[term.group]
            for i, name in enumerate(term.names):
                assert group.sd[name] == pytest.approx(term.sd[i])
                for j in range(i) if term.corr is not None else ():
                    place = [list(group.sd).index(other) for other in (name, term.names[j])]
                    assert group.corr[tuple(place)] == pytest.approx(term.corr[i, j])
    assert truth == pickle.loads(pickle.dumps(truth))
    simulation = prepare(formula, d, truth)
    np.testing.assert_allclose(simulation.mean.known, m.predict(**({"groups": "population"} if truth.groups else {})))


@pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")
def test_effects_in_two_terms_of_one_factor_add_up() -> None:
    formula = "reaction ~ days + (days | subject) + (1 | subject)"
    d = mlm.datasets.load("sleepstudy")
    m = mlm.lmer(formula, d)
    one, two = m.varcorr().terms
    group = truth_of(m._fit).groups["subject"]
    assert list(group.sd) == ["(Intercept)", "days"]
    covariance = group.corr * np.outer(*[list(group.sd.values())] * 2)
    np.testing.assert_allclose(covariance, one.vcov + np.diag([two.vcov[0, 0], 0]))
    (drawn,) = prepare(formula, d, truth_of(m._fit)).mean.groups
    np.testing.assert_allclose(drawn.factor @ drawn.factor.T, covariance)
    assert len(drawn.Z) == 2


def test_coefficients_that_are_not_identified_are_zero() -> None:
    x = np.arange(20.0)
    d = {"x": x, "twice": 2 * x, "y": x % 7}
    with pytest.warns(mlm.RankWarning):
        m = mlm.lm("y ~ x + twice", d)
    truth = truth_of(m._fit)
    assert truth.fixed["twice"] == 0
    np.testing.assert_allclose(prepare("y ~ x + twice", d, truth).mean.known, m.fitted())


def test_a_singular_fit_is_a_truth() -> None:
    with pytest.warns(mlm.SingularFitWarning):
        m = mlm.lmer("yield ~ 1 + (1 | batch)", mlm.datasets.load("dyestuff2"))
    assert truth_of(m._fit).groups["batch"].sd["(Intercept)"] == pytest.approx(0, abs=1e-6)


def test_a_saturated_fit_is_no_truth() -> None:
    m = mlm.lm("y ~ x", {"x": [1.0, 2.0], "y": [1.0, 3.0]})
    with pytest.raises(mlm.InferenceError, match="2 rows and as many coefficients, so its sigma is not known"):
        truth_of(m._fit)


# ---- the tutorial ---------------------------------------------------------------------------------------------------

FIVE = {"participant": labels(5), "trial": 500}
ALIKE = Truth({"(Intercept)": 0}, {"participant": Group(sd=0)}, sigma=0.2)
MANY = {"participant": labels(100), "stimulus": labels(50), "trial": 5}
ONE = "y ~ 1 + (1 | participant)"
STATED = {"d2": np.linspace(-1, 1, 5), "d3": [0, 0, 0, 0, 2]}
TUTORIAL = {
    "d1": (ONE, FIVE, ALIKE),
    **{
        name: (ONE, FIVE, ALIKE.replace(groups={"participant": Group(effects={"(Intercept)": effects})}))
        for name, effects in STATED.items()
    },
    "d4": (ONE, FIVE, ALIKE.replace(groups={"participant": Group(sd=0.5)})),
    "d6": (
        "y ~ 1 + (1 | participant) + (1 | stimulus)", MANY,
        Truth({"(Intercept)": 0}, {"participant": Group(sd=0.25), "stimulus": Group(sd=0.9)}, sigma=0.2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TUTORIAL)
@pytest.mark.filterwarnings("ignore::multilevel.SingularFitWarning")
def test_designs_of_the_tutorial(name: str) -> None:
    formula, columns, truth = TUTORIAL[name]
    d = simulate(formula, expand_grid(**columns), truth, seed=11)
    reference = load(f"tut_{name}")
    assert len(d) == len(reference)
    m = mlm.lmer(formula, d)
    assert abs(m.sigma - 0.2) < SE * 0.2 / np.sqrt(2 * (len(d) - 150))
    means = d.groupby("participant", observed=True)["y"].mean().to_numpy()
    error = SE * 0.2 / np.sqrt(500)
    if name in ("d1", *STATED):
        np.testing.assert_allclose(means, STATED.get(name, np.zeros(5)), atol=error)
        theirs = reference.groupby("participant", observed=True)["y"].mean().to_numpy()
        np.testing.assert_allclose(means, theirs, atol=2 * error)  # R's data, other random numbers
    if name == "d6":
        found = [m.varcorr()[group]["(Intercept)"] for group in ("participant", "stimulus")]
        np.testing.assert_allclose(found, [0.25, 0.9], rtol=SE / np.sqrt(2 * 50))


def test_the_means_of_participants_can_also_be_fixed_effects() -> None:
    design = expand_grid(**FIVE)
    fixed = {f"participant[{i}]": mean for i, mean in enumerate(STATED["d3"], 1)}
    d = simulate("y ~ 0 + participant", design, Truth(fixed, sigma=0.2), seed=11)
    group = Group(effects={"(Intercept)": dict(zip(labels(5), STATED["d3"], strict=True))})
    same = simulate(ONE, design, Truth({"(Intercept)": 0}, {"participant": group}, sigma=0.2), seed=11)
    pd.testing.assert_frame_equal(d, same)


def test_stated_beside_drawn_effects() -> None:
    group = Group({CONDITION: 0.4}, effects={"(Intercept)": [0, 0, 5]})
    d = simulate(D5_FORMULA, two_conditions(3, 2000), D5.replace(groups={"participant": group}), seed=1)
    means = d[d["condition"] == "control"].groupby("participant")["y"].mean()
    np.testing.assert_allclose(means, [0, 0, 5], atol=SE * 0.2 / np.sqrt(2000))


# ---- seeds ----------------------------------------------------------------------------------------------------------


def test_seeds() -> None:
    design = two_conditions(5, 2)
    one = simulate(D5_FORMULA, design, D5, seed=1)
    pd.testing.assert_frame_equal(one, simulate(D5_FORMULA, design, D5, np.random.default_rng(1)))
    assert not one.equals(simulate(D5_FORMULA, design, D5, seed=2))
    assert not simulate(D5_FORMULA, design, D5).equals(simulate(D5_FORMULA, design, D5))
    rng = np.random.default_rng(1)
    assert not simulate(D5_FORMULA, design, D5, rng).equals(simulate(D5_FORMULA, design, D5, rng))


def test_what_is_added_does_not_change_what_was_drawn() -> None:
    few, many = two_conditions(5, 2), two_conditions(8, 2)
    for distribution_ in ("normal", "t(4)", "skewed(1)"):
        truth = D5.replace(groups={"participant": D5.groups["participant"].replace(distribution=distribution_)})
        before, more = (simulate(D5_FORMULA, design, truth, seed=1)["y"] for design in (few, many))
        np.testing.assert_array_equal(more[:20], before)  # more participants
    silent = D5.replace(groups={"trial": Group(sd=0)})
    np.testing.assert_array_equal(simulate(f"{D5_FORMULA} + (1 | trial)", many, silent, seed=1)["y"],
                                  simulate(D5_FORMULA, many, D5, seed=1)["y"])  # fmt: skip
    shifted = simulate(D5_FORMULA, few, D5.replace(fixed={"(Intercept)": 3}), seed=1)["y"]
    np.testing.assert_allclose(shifted - 3, simulate(D5_FORMULA, few, D5, seed=1)["y"])  # another mean


# ---- frames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table), ("dict", dict)]
)
def test_the_answer_comes_in_the_library_of_the_design(backend: str, kind: type) -> None:
    d = simulate(D5_FORMULA, two_conditions(4, backend=backend), D5, seed=1)
    assert isinstance(d, kind)
    expected = simulate(D5_FORMULA, two_conditions(4), D5, seed=1)
    columns = read_columns(d)
    assert list(columns) == ["participant", "condition", "trial", "y"]
    np.testing.assert_array_equal(columns["y"].values, expected["y"])


def test_a_response_that_is_there_is_made_anew(tmp_path: Path) -> None:
    d = mlm.datasets.load("sleepstudy").set_index(pd.Index(range(500, 680)))
    truth = truth_of(mlm.lmer("reaction ~ days + (days | subject)", d)._fit)
    new = simulate("reaction ~ days + (days | subject)", d, truth, seed=1)
    assert new.columns.tolist() == d.columns.tolist()
    assert new.index.equals(d.index)
    assert not new["reaction"].equals(d["reaction"])
    d.to_csv(tmp_path / "d.csv", index=False)
    from_file = simulate("reaction ~ days + (days | subject)", tmp_path / "d.csv", truth, seed=1)
    np.testing.assert_array_equal(from_file["reaction"], new["reaction"])


def test_rows_with_missing_predictors_have_no_response() -> None:
    d = two_conditions(4).assign(x=lambda d: np.where(d["trial"] == 3, np.nan, 1.0))
    y = simulate("y ~ x", d, Truth({"(Intercept)": 1, "x": 1}, sigma=1), seed=1)["y"]
    assert (y.isna() == (d["trial"] == 3)).all()


def test_coefficients_are_named_by_their_coding() -> None:
    d = expand_grid(f=["a", "b", "c"], late=[False, True], x=[1.0, 2.0, 4.0], backend="dict")
    fixed = {"(Intercept)": 1, "f[1]": 10, "f[2]": 20, "late[TRUE]": 5, "poly(x, 2)[1]": 2, "poly(x, 2)[2]": 0}
    truth = Truth({**fixed, "f[1]:late[TRUE]": 0, "f[2]:late[TRUE]": 100}, sigma=0)
    y = simulate("y ~ f * late + poly(x, 2)", d, truth, contrasts={"f": "sum"})["y"].reshape(3, 2, 3)
    np.testing.assert_allclose(y.mean(2), [[11, 16], [21, 126], [-29, -124]])
    slope = (y[..., 2] - y[..., 0]) / 3  # the first polynomial is (x - mean) / sqrt(28)
    np.testing.assert_allclose(slope, 2 / np.sqrt(28))


def test_an_offset_alone() -> None:
    d = expand_grid(mu=[-1.0, 1.0], trial=3, backend="dict")
    assert simulate("y ~ 0 + offset(mu)", d, Truth({}, sigma=0))["y"].tolist() == [-1, -1, -1, 1, 1, 1]


def test_a_dot_and_nothing_but_an_intercept() -> None:
    d = expand_grid(y=[0.0], x=3, z=[0.5, 1.5], backend="dict")
    y = simulate("y ~ .", d, Truth({"(Intercept)": 1, "x": 10, "z": 2}, sigma=0), seed=1)["y"]
    np.testing.assert_allclose(y, 1 + 10 * d["x"].values + 2 * d["z"].values)
    assert simulate("y ~ 1", {"y": np.zeros(3)}, Truth({"(Intercept)": 1}, sigma=0))["y"].tolist() == [1, 1, 1]


def test_a_million_rows_in_a_second() -> None:
    design = two_conditions(1000, 500)
    start = time.perf_counter()
    simulate(D5_FORMULA, design, D5, seed=1)
    assert time.perf_counter() - start < 2  # about 0.1 s on an idle machine


# ---- Truth and Group ------------------------------------------------------------------------------------------------


def test_truths_are_equal_when_they_mean_the_same() -> None:
    corr = np.array([[1, 0.5, 0.2], [0.5, 1, 0], [0.2, 0, 1]])
    one = Group({"a": 1, "b": 2, "c": 3}, corr)
    other = Group({"c": 3, "b": 2, "a": 1}, corr[::-1, ::-1])
    assert one == other
    assert hash(one) == hash(other)
    assert one == Group({"a": 1, "b": 2, "c": 3}, {("b", "a"): 0.5, ("a", "c"): 0.2})
    assert one == Group({"a": 1, "b": 2, "c": 3}, pd.DataFrame(corr, list("abc"), list("abc")).loc[list("cab")])
    assert one != Group({"c": 1, "b": 2, "a": 3}, corr)
    assert Group({"b": 1, "a": 1, "c": 1}, corr) != Group({"a": 1, "b": 1, "c": 1}, corr)
    assert Group({"a": 1, "b": 1}, 0.7) == Group({"a": 1, "b": 1}, [[1, 0.7], [0.7, 1]])
    assert Group(2) == Group({"(Intercept)": 2})
    assert Group(2) != Group(2, distribution="t(4)")
    assert Group(2) != 2
    assert D5.replace() == D5
    assert hash(D5.replace()) == hash(D5)
    assert D5.replace(sigma=0.3) != D5
    assert Truth({CONDITION: 1, "(Intercept)": 0}, D5.groups, 0.2) == D5


def test_truths_do_not_change() -> None:
    fixed = {"(Intercept)": 1.0}
    truth = Truth(fixed, {"g": Group({"(Intercept)": 1, "x": 1}, 0.5)}, 1)
    fixed["(Intercept)"] = 2
    assert truth.fixed["(Intercept)"] == 1
    with pytest.raises(AttributeError):
        truth.sigma = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        truth.fixed["(Intercept)"] = 2  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        truth.groups["g"].corr[0, 1] = 0
    with pytest.raises(KeyError, match="did you mean 'g'"):
        truth.groups["G"]


def test_replacing() -> None:
    truth = D5.replace(fixed={CONDITION: 2}, sigma=1)
    assert dict(truth.fixed) == {"(Intercept)": 0, CONDITION: 2}
    assert (truth.sigma, truth.groups) == (1, D5.groups)
    group = D5.groups["participant"]
    assert group.replace(sd=1).sd == {"(Intercept)": 1, CONDITION: 0.4}
    assert group.replace(sd=1) == Group({"(Intercept)": 1, CONDITION: 0.4}, 0.7)
    assert group.replace(corr=0, sd={"x": 1}) == Group({"(Intercept)": 0.25, CONDITION: 0.4, "x": 1})
    assert Group(1).replace(sd={"x": 1}, effects={"z": [1, 2]}).names == ("(Intercept)", "x", "z")
    with pytest.raises(mlm.DataError, match="sd has 3 effects now, and the correlations are those of 2; give corr"):
        group.replace(sd={"x": 1})


PAGE = """\
Truth of a gaussian response

Fixed effects:
         (Intercept) condition[treatment]
                 0.0                  1.5

Random effects:
 Groups      Name                 Std.Dev. Corr
 participant (Intercept)          0.25
             condition[treatment] 0.40     0.700
 item        (Intercept)          1.00
 Residual                         0.20
Effects by item follow t(4), scaled to these standard deviations.
(Intercept) by list is stated for 3 levels: 0, 0, 2."""


def test_a_truth_prints_itself() -> None:
    groups = {"item": Group(1, distribution="t(4)"), "list": Group(effects={"(Intercept)": [0, 0, 2]})}
    truth = D5.replace(fixed={CONDITION: 1.5}, groups=groups)
    assert str(truth) == repr(truth) == PAGE
    assert "<td" in truth._repr_html_()
    assert "condition{[}treatment{]}" in truth.to_latex()
    narrow = truth.to_text(60)
    assert max(map(len, narrow.splitlines())) <= 60
    frame = truth.to_frame()
    assert frame["value"].tolist() == [0, 1.5, 0.25, 0.4, 0.7, 1, 0, 0, 2, 0.2]
    assert frame["effect"].value_counts().to_dict() == {"fixed": 2, "ran_pars": 5, "ran_vals": 3}
    assert "Residual standard deviation: 2" in str(Truth({"(Intercept)": 0}, sigma=2))
    assert Group(1).to_frame()["term"].tolist() == ["sd__(Intercept)"]


# ---- correlations ---------------------------------------------------------------------------------------------------


def test_the_nearest_correlation_matrix_of_higham() -> None:
    impossible = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1.0]])
    near = nearest_correlations(impossible)  # Higham (2002), page 334
    np.testing.assert_allclose(near[[0, 0, 1], [1, 2, 2]], [0.760690, 0.157298, 0.760690], atol=1e-6)
    possible = np.array([[1, 0.5], [0.5, 1]])
    np.testing.assert_allclose(nearest_correlations(possible), possible)


@pytest.mark.parametrize("k", [3, 4, 6])
def test_no_possible_matrix_is_nearer(k: int) -> None:
    rng = np.random.default_rng(k)
    wanted = np.round(rng.uniform(-1, 1, (k, k)), 2)
    wanted = np.triu(wanted, 1) + np.triu(wanted, 1).T + np.eye(k)
    near = nearest_correlations(wanted)
    assert np.linalg.eigvalsh(near)[0] > -1e-9
    np.testing.assert_array_equal(np.diag(near), 1)
    for _ in range(200):  # the set is convex: any other member makes an obtuse angle with the step to the nearest one
        factor = rng.normal(size=(k, k))
        other = factor @ factor.T
        other /= np.sqrt(np.outer(np.diag(other), np.diag(other)))
        assert np.sum((wanted - near) * (other - near)) < 1e-9


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_roots_of_singular_matrices(rank: int) -> None:
    factor = np.random.default_rng(rank).normal(size=(3, rank))
    matrix = factor @ factor.T
    root = lower_root(matrix)
    np.testing.assert_allclose(root @ root.T, matrix, atol=1e-12)
    np.testing.assert_array_equal(np.triu(root, 1), 0)
    if rank == 3:
        np.testing.assert_allclose(root, np.linalg.cholesky(matrix))


def test_perfect_correlations_are_possible() -> None:
    group = Group({"(Intercept)": 1, CONDITION: 2}, corr=-1)
    d = simulate(D5_FORMULA, two_conditions(200, 1), D5.replace(groups={"participant": group}, sigma=0), seed=1)
    control, treatment = d["y"].to_numpy().reshape(-1, 2).T
    np.testing.assert_allclose(treatment - control - 1, -2 * control)


def test_the_possible_correlations_of_a_message_are_possible() -> None:
    corr = {("a", "b"): 0.9, ("a", "c"): 0.9, ("b", "c"): -0.9}
    with pytest.raises(mlm.DataError) as caught:
        Group({"a": 1, "b": 1, "c": 1}, corr)
    message = str(caught.value)
    assert message.startswith("the correlations contradict each other: their matrix has the eigenvalue -0.8")
    listed = message.partition("the nearest possible are ")[2]
    pairs = dict(pair.split(": ") for pair in listed.split("; "))
    possible = {tuple(pair.split(", ")): float(value) for pair, value in pairs.items()}
    assert Group({"a": 1, "b": 1, "c": 1}, possible)
    exact = nearest_correlations(np.array([[1, 0.9, 0.9], [0.9, 1, -0.9], [0.9, -0.9, 1]]))
    np.testing.assert_allclose(list(possible.values()), exact[[0, 0, 1], [1, 2, 2]], atol=2e-3)
