"""The front desk: what lm and lmer refuse and warn of; results in the user's library; fits that never change."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from reference_data import load

import multilevel as mlm
from multilevel.data.rows import read_columns
from multilevel.effects import variance_shares

SLEEP = "reaction ~ days + (days | subject)"


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return mlm.datasets.load("sleepstudy")


@pytest.fixture(scope="module")
def sleep(data: pd.DataFrame) -> mlm.LinearMixedModel:
    return mlm.lmer(SLEEP, data)


@pytest.fixture(scope="module")
def odd() -> pd.DataFrame:
    """Sixty rows with everything that can be wrong."""
    rng = np.random.default_rng(1)
    d = pd.DataFrame({"x": rng.normal(size=60), "g": np.repeat(np.arange(6), 10), "h": np.tile(list("abcde"), 12)})
    d["y"] = rng.normal(size=60) + rng.normal(size=6)[d.g]
    return d.assign(
        constant=3.0, line=1 + 2 * d.x, by_group=d.g * 1.5, additive=d.g + 0.3 * (np.arange(60) % 5), text="q",
        row=np.arange(60), infinite=d.y.where(d.index != 4, np.inf), absent=np.nan, holes=d.y.where(d.index > 3),
        one="a", w=1.0,
        huge=d.x * 1e160, tiny=d.x * 1e-200, large=d.x * 1e100, w_zero=(d.index > 4) * 1.0, w_negative=-1.0,
    )  # fmt: skip


# ---- what is refused ------------------------------------------------------------------------------------------------

MIXED_ERRORS = [
    ("y ~ x", {}, mlm.FormulaError, "no random term"),
    ("~ x + (1 | g)", {}, mlm.FormulaError, "has no response"),
    ("y + (1 | g)", {}, mlm.FormulaError, "no '~'"),
    ("y ~ x + (1 | g", {}, mlm.FormulaError, r"never closed"),
    ("y ~ x + (x | )", {}, mlm.FormulaError, r"grouping factor was expected"),
    ("y ~ z + (1 | g)", {}, mlm.DataError, "column 'z' not found"),
    ("y ~ x + (1 | gg)", {}, mlm.DataError, "column 'gg' not found; did you mean 'g'"),
    ("text ~ x + (1 | g)", {}, mlm.DataError, "the response text is text or categorical"),
    ("cbind(y, x) ~ (1 | g)", {}, mlm.DataError, "needs a binomial family"),
    ("infinite ~ x + (1 | g)", {}, mlm.DataError, "column 'infinite' is inf in row 4"),
    ("absent ~ x + (1 | g)", {}, mlm.DataError, "no row is complete: absent is missing in 60 of 60 rows"),
    ("constant ~ x + (1 | g)", {}, mlm.FitError, "the response constant is 3 in every row"),
    ("constant ~ 0 + (1 | g)", {}, mlm.FitError, "the response constant is 3 in every row"),
    ("line ~ x + (1 | g)", {}, mlm.FitError, "the fixed effects explain line without residual"),
    ("by_group ~ x + (1 | g)", {}, mlm.FitError, "the random effects explain by_group without residual"),
    ("additive ~ x + (1 | g) + (1 | h)", {}, mlm.FitError, "the random effects explain additive without residual"),
    ("y ~ x + (1 | one)", {}, mlm.FitError, "the grouping factor one has a single level, 'a'"),
    ("y ~ x + (1 | row)", {}, mlm.FitError, r"\(1 \| row\) has 60 random effects for 60 rows"),
    ("y ~ x + (x | g:row)", {}, mlm.FitError, r"120 random effects \(60 levels of g:row, 2 effects each\)"),
    ("y ~ factor(row) + (1 | g)", {}, mlm.FitError, "60 fixed effects for 60 rows"),
    ("infinite ~ I(1 / infinite) + (1 | g)", {}, mlm.DataError, "column 'infinite' is inf in row 4"),
    (
        "y ~ huge + (1 | g)",
        {},
        mlm.DataError,
        r"huge reaches .*e\+160; variances are squares, .* give huge in other units",
    ),
    ("y ~ x + (huge | g)", {}, mlm.DataError, r"huge reaches .*e\+160"),
    ("huge ~ x + (1 | g)", {}, mlm.DataError, r"huge reaches .*e\+160"),
    ("y ~ x + tiny + (1 | g)", {}, mlm.DataError, "tiny has no value beyond .*e-200 in size"),
    ("y ~ large:x:large + I(large^2) + (1 | g)", {}, mlm.DataError, r"I\(large\^2\) reaches .*e\+20"),
    ("y ~ large:I(2 * large) + (1 | g)", {}, mlm.DataError, r"large:I\(2 \* large\) reaches .*e\+20"),
    ("y ~ x + (1 | g)", {"weights": np.full(60, 1e200)}, mlm.DataError, r"weights reaches 1e\+200"),
    ("y ~ x + (1 | g)", {"weights": [1, 2]}, mlm.DataError, "weights has 2 values but the data have 60 rows"),
    ("y ~ x + (1 | g)", {"weights": np.ones((60, 2))}, mlm.DataError, r"weights has an array of shape \(60, 2\)"),
    ("y ~ x + (1 | g)", {"weights": "w_zero"}, mlm.DataError, "weights must be positive numbers; found 0 in row 0"),
    ("y ~ x + (1 | g)", {"weights": "w_negative"}, mlm.DataError, r"found -1 in row 0 .* 60 row\(s\) like this"),
    ("y ~ x + (1 | g)", {"weights": "holes"}, mlm.DataError, "found nan in row 0"),
    ("y ~ x + (1 | g)", {"weights": "text"}, mlm.DataError, "the weights 'text' are text or categories"),
    ("y ~ x + (1 | g)", {"weights": "ww"}, mlm.DataError, "column 'ww' not found; did you mean 'w'"),
    ("y ~ x + (1 | g)", {"weights": {"a": 1}}, mlm.DataError, "name of a column or an array"),
    ("holes ~ x + (1 | g)", {"missing": "error"}, mlm.DataError, r"4 of 60 rows have missing values \(holes 4\)"),
    ("y ~ x + (1 | g)", {"missing": "omit"}, mlm.DataError, 'missing is \'omit\'; expected "drop" or "error"'),
    ("y ~ x + (1 | g)", {"REML": "no"}, mlm.FitError, r"REML is 'no'; expected True .* or False"),
    ("y ~ x + (1 | g)", {"start": [1, 2]}, mlm.FitError, "start should hold 1 finite numbers"),
    ("y ~ x + (1 | g)", {"start": {"theta": 1}}, mlm.FitError, r"start should hold 1 finite .* found \{'theta': 1\}"),
    ("y ~ x + (1 | g)", {"contrasts": {"h": "sum"}}, mlm.FormulaError, "contrasts are given for 'h'"),
    ("y ~ h + (1 | g)", {"contrasts": {"h": "sm"}}, mlm.FormulaError, "did you mean 'sum'"),
]
LINEAR_ERRORS = [
    ("y ~ tiny", {}, mlm.DataError, "tiny has no value beyond .*e-200 in size"),
    ("y ~ x + (1 | g)", {}, mlm.FormulaError, r"has random terms, such as \(1 \| g\); use lmer"),
    ("~ x", {}, mlm.FormulaError, "has no response"),
    ("constant ~ x", {}, mlm.FitError, "the response constant is 3 in every row"),
    ("text ~ x", {}, mlm.DataError, "the response text is text or categorical"),
    ("y ~ x", {"weights": "w_negative"}, mlm.DataError, "weights must be zero or positive numbers"),
    ("y ~ x", {"weights": np.zeros(60)}, mlm.DataError, "all weights are zero"),
    ("y ~ one", {}, mlm.MultilevelError, "one"),
]


@pytest.mark.parametrize(("formula", "options", "error", "message"), MIXED_ERRORS)
def test_lmer_refuses(odd: pd.DataFrame, formula: str, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mlm.lmer(formula, odd, **options)


@pytest.mark.parametrize(("formula", "options", "error", "message"), LINEAR_ERRORS)
def test_lm_refuses(odd: pd.DataFrame, formula: str, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mlm.lm(formula, odd, **options)


@pytest.mark.parametrize("table", [5, None, [1, 2]])
def test_what_is_no_table_is_refused(table: Any) -> None:
    with pytest.raises(mlm.DataError, match="cannot be read; expected a pandas or polars frame"):
        mlm.lmer(SLEEP, table)


def test_an_empty_table_is_refused(data: pd.DataFrame) -> None:
    with pytest.raises(mlm.DataError, match="the data have no rows"):
        mlm.lmer(SLEEP, data.iloc[:0])


@pytest.mark.parametrize("terms", ["days", "poly(days, 2)", "I(1 / (1 + days))"])
def test_infinite_values_in_rows_that_are_left_out_do_not_matter(data: pd.DataFrame, terms: str) -> None:
    """What poly() learns is the same as if the value were missing, too."""
    gap = data.assign(reaction=data.reaction.where(data.days > 0))
    wild, absent = (gap.assign(days=data.days.where(data.days > 0, value)) for value in (np.inf, np.nan))
    with pytest.warns(mlm.MissingRowsWarning, match="18 of 180 rows"):
        one, other = (mlm.lmer(f"reaction ~ {terms} + (1 | subject)", d) for d in (wild, absent))
    assert (one.nobs, one.criterion) == (162, other.criterion)
    with pytest.raises(mlm.DataError, match="column 'days' is inf in row 0"):
        mlm.lmer(f"reaction ~ {terms} + (1 | subject)", wild.assign(reaction=data.reaction))


@pytest.mark.parametrize("unit", [1e160, 1e-200])
def test_any_numbers_can_be_scaled(data: pd.DataFrame, sleep: mlm.LinearMixedModel, unit: float) -> None:
    scaled = mlm.lmer("reaction ~ scale(days) + (scale(days) | subject)", data.assign(days=data.days * unit))
    divided = mlm.lmer(f"reaction ~ I(days / {unit}) + (1 | subject)", data.assign(days=data.days * unit))
    assert scaled.fitted() == pytest.approx(sleep.fitted(), rel=1e-9)
    assert divided.fixef.array[1] == pytest.approx(sleep.fixef["days"], rel=1e-9)


@pytest.mark.parametrize("unit", [1e-20, 1e-8, 1e8, 1e20])
def test_units_of_weights_do_not_matter(data: pd.DataFrame, unit: float) -> None:
    w = 1 + data.days.to_numpy() % 3
    one, other = (mlm.lmer(SLEEP, data, weights=w * u) for u in (1.0, unit))
    assert other.theta * unit**0.5 == pytest.approx(one.theta, rel=1e-6)
    assert other.se.array == pytest.approx(one.se.array, rel=1e-8)
    assert other.convergence.certified
    assert other.convergence.certificate.evaluations == one.convergence.certificate.evaluations


def test_what_functions_make_of_rows_that_are_left_out_does_not_matter(data: pd.DataFrame) -> None:
    """lmer(Reaction ~ log(Days) + (1 | Subject)) of lme4 drops rows without a response before it looks at log(0)."""
    first = data.assign(reaction=data.reaction.where(data.days > 0))
    with pytest.warns(mlm.MissingRowsWarning, match="18 of 180 rows"):
        m = mlm.lmer("reaction ~ log(days) + (1 | subject)", first)
    other = mlm.lmer("reaction ~ log(days) + (1 | subject)", data[data.days > 0])
    assert m.nobs == 162
    assert m.criterion == pytest.approx(other.criterion, rel=1e-12)
    assert np.isnan(m.fitted()[0])
    with pytest.raises(mlm.DataError, match=r"log\(days\) is -inf in row 0"):
        m.predict(data)


# ---- what is warned of ----------------------------------------------------------------------------------------------


def test_dropped_rows_are_counted_and_their_columns_named() -> None:
    with pytest.warns(mlm.MissingRowsWarning) as caught:
        m = mlm.lm("Ozone ~ Wind + Temp + Solar.R", load("airquality"))
    (warning,) = caught
    assert str(warning.message) == ("42 of 153 rows were left out because of missing values (Ozone 37, Solar.R 7)")
    assert warning.filename == __file__
    assert "42 of 153 rows were left out" in str(m.explain()).replace("\n  ", " ")
    assert "(42 observations deleted due to missingness)" in str(m.summary())


def test_dropped_columns_are_named(data: pd.DataFrame) -> None:
    with pytest.warns(mlm.RankWarning, match=r"1 column was left out .*: I\(2 \* days\)"):
        m = mlm.lmer("reaction ~ days + I(2 * days) + (days | subject)", data)
    assert list(m.fixef) == ["(Intercept)", "days"]
    with pytest.warns(mlm.RankWarning, match="2 columns were left out"):
        linear = mlm.lm("reaction ~ days + I(2 * days) + I(3 * days)", data)
    assert list(linear.fixef) == ["(Intercept)", "days", "I(2 * days)", "I(3 * days)"]
    assert np.isnan(linear.fixef["I(2 * days)"])
    assert np.isnan(linear.vcov["days", "I(2 * days)"])
    assert linear.vcov["days", "days"] == pytest.approx(linear.se["days"] ** 2)


def test_a_singular_fit_is_named_and_explained() -> None:
    with pytest.warns(mlm.SingularFitWarning, match=r"the variance of \(Intercept\) by batch is zero"):
        m = mlm.lmer("yield ~ 1 + (1 | batch)", mlm.datasets.load("dyestuff2"))
    assert m.is_singular
    assert m.convergence.certified
    words = str(m.explain())
    assert "The variance of (Intercept) by batch is zero." in words
    assert "leave (1 | batch) out" in words
    assert "Singular fit" in str(m.summary())


@pytest.mark.parametrize(
    ("formula", "name", "direction"),
    [
        (
            "distance ~ age * Sex + (0 + Sex | Subject)",
            "Orthodont",
            r"the correlation of Sex\[Male\] and Sex\[Female\] by Subject",
        ),
        ("reaction ~ subject + (1 | subject)", "sleepstudy", r"the standard deviation of \(Intercept\) by subject"),
    ],
)
def test_what_the_data_do_not_determine_is_named(formula: str, name: str, direction: str) -> None:
    table = mlm.datasets.load(name) if name == "sleepstudy" else load(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.SingularFitWarning)
        with pytest.warns(mlm.ConvergenceWarning, match=f"the data do not determine {direction}"):
            m = mlm.lmer(formula, table)
    assert "The data do not determine" in str(m.explain())
    assert "The data do not determine" in str(m.summary())


def test_large_variance_ratios_are_determined() -> None:
    """Groups that differ a thousand times more than their rows: a flat criterion in theta, but not in its logarithm."""
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(12), 5)
    m = mlm.lmer("y ~ 1 + (1 | g)", {"y": g + 1e-3 * rng.normal(size=60), "g": g})
    assert m.theta[0] > 1000
    assert m.convergence.certified


# ---- numbers --------------------------------------------------------------------------------------------------------


def test_the_certificate(sleep: mlm.LinearMixedModel) -> None:
    c = sleep.convergence
    assert c.certified
    assert c.certificate.decrement < 1e-11
    assert c.gradient_norm < 1e-6
    assert (c.eigenvalues > 0).all()
    assert c.certificate.evaluations < 12
    assert str(c).startswith("The criterion is at a minimum")


def test_a_start_changes_the_path_only(data: pd.DataFrame, sleep: mlm.LinearMixedModel) -> None:
    m = mlm.lmer(SLEEP, data, start=sleep.theta)
    assert m.convergence.certificate.evaluations <= 3
    np.testing.assert_allclose(m.theta, sleep.theta, rtol=1e-6)


def test_standard_errors_of_coefficients_per_group_beside_dense_algebra() -> None:
    """Henderson's mixed-model equations, inverted whole."""
    d = load("made_crossed_na").dropna().reset_index(drop=True)
    m = mlm.lmer("y ~ x1 + f + (x1 | g1) + (1 | g2)", d)
    sigma2, names = m.sigma**2, list(m.fixef)
    X = m._fit.rows.dense_X()
    Z, precision, places, at = [], [], {}, 0
    for part, factor in zip(m._fit.rows.random, m._fit.factors, strict=True):
        k = len(part.names)
        block = np.zeros((len(d), part.n_levels, k))
        block[np.arange(len(d)), part.codes] = np.column_stack(part.Z)
        Z.append(block.reshape(len(d), -1))
        precision.append(np.kron(np.eye(part.n_levels), np.linalg.inv(factor @ factor.T)))
        places[part.group] = (at, k)
        at += part.n_levels * k
    W = np.hstack([X, *Z])
    C = W.T @ W
    start = X.shape[1]
    for P in precision:
        C[start : start + len(P), start : start + len(P)] += P
        start += len(P)
    V = sigma2 * np.linalg.inv(C)
    p = len(names)
    for group, effect, level in (
        ("g1", "(Intercept)", 0),
        ("g1", "x1", 7),
        ("g2", "(Intercept)", 3),
        ("g1", names[-1], 2),
    ):
        part = next(part for part in m._fit.rows.random if part.group == group)
        pick = np.zeros(len(V))
        pick[names.index(effect)] = 1
        offset, k = places[group]
        if effect in part.names:
            pick[p + offset + level * k + part.names.index(effect)] = 1
        table = m.coef()[group]
        assert table.errors[level, table.names.index(effect)] == pytest.approx(np.sqrt(pick @ V @ pick), rel=1e-8)
        b = m.ranef()[group]
        expected = m.fixef[effect] + (b[part.levels[level], effect] if effect in part.names else 0)
        assert table[part.levels[level], effect] == pytest.approx(expected)


def test_a_random_effect_without_fixed_counterpart_stands_alone(data: pd.DataFrame) -> None:
    m = mlm.lmer("reaction ~ 1 + (days | subject)", data)
    table = m.coef()["subject"]
    assert table.names == ("(Intercept)", "days")
    np.testing.assert_allclose(table.estimates[:, 1], m.ranef()["subject"].estimates[:, 1])


def test_several_terms_of_one_factor_share_a_table(data: pd.DataFrame) -> None:
    m = mlm.lmer("reaction ~ days + (1 | subject) + (0 + days | subject)", data)
    one = mlm.lmer("reaction ~ days + (days || subject)", data)
    assert m.ranef()["subject"].names == ("(Intercept)", "days")
    np.testing.assert_allclose(m.ranef()["subject"].estimates, one.ranef()["subject"].estimates, rtol=1e-7)
    np.testing.assert_allclose(m.coef()["subject"].errors, one.coef()["subject"].errors, rtol=1e-7)
    assert m.ngroups == {"subject": 18}


def test_no_fixed_effects(data: pd.DataFrame) -> None:
    m = mlm.lmer("reaction ~ 0 + (1 | subject)", data)
    assert len(m.fixef) == 0
    assert m.vcov.array.shape == (0, 0)
    np.testing.assert_allclose(m.coef()["subject"].estimates, m.ranef()["subject"].estimates)
    assert "No fixed effects" in str(m.summary())
    assert "The mean of reaction is zero." in str(m.explain())
    assert m.tidy()["effect"].tolist() == ["ran_pars", "ran_pars"]


def test_reml_and_likelihood_without_fixed_effects_agree(data: pd.DataFrame) -> None:
    a, b = (mlm.lmer("reaction ~ 0 + (1 | subject)", data, REML=reml) for reml in (True, False))
    assert a.criterion == pytest.approx(b.criterion, rel=1e-12)


def test_a_saturated_linear_model_has_no_tests(odd: pd.DataFrame) -> None:
    m = mlm.lm("y ~ factor(row)", odd)
    assert m.df_residual == 0
    assert np.isnan(m.sigma)
    assert np.isnan(np.asarray(m.se)).all()
    np.testing.assert_allclose(m.fitted(), odd["y"])
    assert "no residual degrees of freedom" in str(m.summary())


def test_a_perfect_linear_model_says_so(odd: pd.DataFrame) -> None:
    m = mlm.lm("line ~ x", odd)
    np.testing.assert_allclose(m.fixef, [1, 2])
    assert "essentially perfect" in str(m.summary()).replace("\n  ", " ")


def test_a_linear_model_without_coefficients(odd: pd.DataFrame) -> None:
    m = mlm.lm("y ~ 0", odd)
    assert m.f_test is None
    assert m.r_squared == 0
    assert m.sigma == pytest.approx(np.sqrt((odd["y"] ** 2).mean()))


def test_weights_from_a_column_or_an_array_are_the_same(odd: pd.DataFrame) -> None:
    w = np.arange(1.0, 61.0)
    by_name = mlm.lmer("y ~ x + (1 | g)", odd.assign(w=w), weights="w")
    by_array = mlm.lmer("y ~ x + (1 | g)", odd, weights=list(w))
    assert by_name.criterion == by_array.criterion
    scaled = mlm.lmer("y ~ x + (1 | g)", odd, weights=10 * w)
    np.testing.assert_allclose(scaled.fixef, by_name.fixef)
    assert scaled.sigma == pytest.approx(by_name.sigma * np.sqrt(10))
    assert scaled.criterion == pytest.approx(by_name.criterion)


@pytest.mark.parametrize(("n", "words"), [(1, "1 row has weight zero and does not count."), (5, "5 rows have weight")])
def test_rows_of_weight_zero_do_not_count(odd: pd.DataFrame, n: int, words: str) -> None:
    m = mlm.lm("y ~ x", odd, weights=np.arange(60) >= n)
    other = mlm.lm("y ~ x", odd[n:])
    assert (m.nobs, m.df_residual, m.loglik) == pytest.approx((other.nobs, other.df_residual, other.loglik))
    np.testing.assert_allclose(m.fitted()[n:], other.fitted())
    assert words in str(m.summary())
    assert words in str(m.explain())


def test_an_offset_is_taken_from_the_response(data: pd.DataFrame) -> None:
    m = mlm.lmer("reaction ~ days + offset(5 * days) + (days | subject)", data)
    plain = mlm.lmer(SLEEP, data)
    assert m.fixef["days"] == pytest.approx(plain.fixef["days"] - 5)
    np.testing.assert_allclose(m.fitted(), plain.fitted())
    assert m.criterion == pytest.approx(plain.criterion)


# ---- the user's library ---------------------------------------------------------------------------------------------

LIBRARIES = {
    "pandas": lambda d: d,
    "polars": lambda d: pl.DataFrame({c: (d[c].astype(str) if c == "subject" else d[c]).to_list() for c in d}),
    "pyarrow": lambda d: pa.table({c: (d[c].astype(str) if c == "subject" else d[c]).to_list() for c in d}),
    "dict": lambda d: {c: (d[c].astype(str) if c == "subject" else d[c]).to_numpy() for c in d},
}
TYPES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.Table, "dict": dict}


@pytest.mark.parametrize("library", LIBRARIES)
def test_frames_come_in_the_users_library(library: str, data: pd.DataFrame, sleep: mlm.LinearMixedModel) -> None:
    table = LIBRARIES[library](data)
    m, linear = mlm.lmer(SLEEP, table), mlm.lm("reaction ~ days", table)
    assert m.criterion == pytest.approx(sleep.criterion, rel=1e-14)
    frames = [
        m.tidy(), m.glance(), m.augment(), m.fixef.to_frame(), m.vcov.to_frame(), m.varcorr().to_frame(),
        m.ranef().to_frame(), m.coef()["subject"].to_frame(), linear.tidy(), linear.glance(), linear.augment(),
    ]  # fmt: skip
    for frame in frames:
        assert isinstance(frame, TYPES[library])
    np.testing.assert_allclose(np.asarray(m.augment()[".fitted"]), sleep.fitted())
    assert read_columns(m.augment()).keys() == {"reaction", "days", "subject", ".fitted", ".resid", ".fixed"}
    assert list(m.ranef()["subject"].levels) == list(sleep.ranef()["subject"].levels)


def test_augment_keeps_the_index_and_other_columns(data: pd.DataFrame) -> None:
    table = data.assign(note="n").set_index(np.arange(1000, 1180))
    augmented = mlm.lmer(SLEEP, table).augment()
    assert list(augmented.index) == list(table.index)
    assert list(augmented.columns) == ["reaction", "days", "subject", "note", ".fitted", ".resid", ".fixed"]
    assert not augmented[".fitted"].isna().any()


def test_augment_of_a_file_is_a_frame(data: pd.DataFrame, tmp_path: Any) -> None:
    path = tmp_path / "sleep.csv"
    data.to_csv(path, index=False)
    m = mlm.lmer(SLEEP, path)
    assert list(m.augment()["reaction"]) == list(data["reaction"])
    assert "Data: sleep.csv" in str(m.summary())


def test_a_query_does_not_travel_with_a_copy(data: pd.DataFrame) -> None:
    m = mlm.lmer(SLEEP, pl.from_pandas(data.astype({"subject": str})).lazy())
    assert isinstance(m.augment(), pl.DataFrame)
    with pytest.raises(mlm.DataError, match="did not travel with this copy"):
        pickle.loads(pickle.dumps(m)).augment()


def test_augment_refuses_to_overwrite_and_to_misalign(data: pd.DataFrame) -> None:
    with pytest.raises(mlm.DataError, match=r"have a column '\.fitted' already"):
        mlm.lmer(SLEEP, data.assign(**{".fitted": 0.0})).augment()
    table = data.copy()
    m = mlm.lmer(SLEEP, table)
    table.loc[180] = table.loc[0]
    with pytest.raises(mlm.DataError, match="had 180 rows when the model was fitted and have 181 now"):
        m.augment()


# ---- fits never change ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["frame", "arrays"])
def test_a_fit_does_not_notice_what_happens_to_the_data(data: pd.DataFrame, kind: str) -> None:
    table: Any = data.assign(days=data["days"] * 1.0)
    if kind == "arrays":
        table = {name: np.array(table[name]) for name in table}
    m = mlm.lmer(SLEEP, table)
    before = m.residuals()
    for name in ("reaction", "days"):
        if kind == "frame":
            table.loc[:, name] = 0
        else:
            table[name][:] = 0
    np.testing.assert_array_equal(m.residuals(), before)
    assert m.refit(data["reaction"]).criterion == m.criterion


def test_nothing_can_be_assigned(sleep: mlm.LinearMixedModel) -> None:
    with pytest.raises(AttributeError):
        sleep.sigma = 1.0  # type: ignore[misc]
    with pytest.raises(AttributeError):
        sleep._fit = None  # type: ignore[misc,assignment]
    for values in (sleep.theta, sleep.fixef.array, sleep.vcov.array, sleep.ranef()["subject"].estimates):
        with pytest.raises(ValueError, match="read-only"):
            values[...] = 0


@pytest.mark.parametrize("copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy], ids=["pickle", "deepcopy"])
@pytest.mark.parametrize("formula", [SLEEP, "reaction ~ poly(days, 2) + (1 | subject)", "reaction ~ days"])
def test_copies_answer_alike(data: pd.DataFrame, formula: str, copied: Any) -> None:
    m = (mlm.lmer if "|" in formula else mlm.lm)(formula, data)
    m.summary()
    other = copied(m)
    assert str(other.summary()) == str(m.summary())
    np.testing.assert_array_equal(other.predict(data), m.predict(data))
    np.testing.assert_array_equal(other.simulate(2, seed=1), m.simulate(2, seed=1))
    assert other.refit(data["reaction"] ** 0.5).loglik == m.refit(data["reaction"] ** 0.5).loglik
    if "|" in formula:
        np.testing.assert_array_equal(other.coef()["subject"].errors, m.coef()["subject"].errors)
    pd.testing.assert_frame_equal(other.augment(), m.augment())


def test_refit_is_a_fit_to_the_other_response(data: pd.DataFrame) -> None:
    table = data.assign(holes=data["reaction"].where(data.index != 5), other=data["reaction"] ** 0.5)
    with pytest.warns(mlm.MissingRowsWarning):
        m = mlm.lmer("holes ~ days + (days | subject)", table)
    direct = mlm.lmer("other ~ days + (days | subject)", table.drop(index=5))
    assert m.refit(table["other"]).criterion == pytest.approx(direct.criterion, rel=1e-12)
    with pytest.raises(mlm.DataError, match=r"y is 'reaction'; expected an array of numbers, one for each row"):
        m.refit("reaction")
    with pytest.raises(mlm.DataError, match=r"y has shape \(179,\); expected one value for each of the 180 rows"):
        m.refit(table["other"][1:])
    with pytest.raises(mlm.DataError, match="y has 1 missing or infinite values"):
        m.refit(table["other"].where(table.index != 7))
    with pytest.raises(mlm.FitError, match="in every row"):
        m.refit(np.ones(180))


# ---- words ----------------------------------------------------------------------------------------------------------


def test_the_explanation_of_an_ordinary_fit(sleep: mlm.LinearMixedModel) -> None:
    words = " ".join(str(sleep.explain()).split())
    for sentence in (
        "The mean of reaction is described by 2 fixed effects: (Intercept) and days.",
        "(Intercept) and days vary over the 18 levels of subject and may be correlated.",
        "estimated by REML from 180 rows",
        "72% belongs to (days | subject) and 28% to the residuals.",
        "The criterion is at a minimum",
    ):
        assert sentence in words
    assert "singular" not in words


def test_the_share_of_variance_is_the_intraclass_correlation() -> None:
    """Adjusted ICC of R's package performance, with the mean of z'Psi z for slopes."""
    m = mlm.lmer(SLEEP, mlm.datasets.load("sleepstudy"))
    (share,) = variance_shares(m._fit)
    assert share / (share + m.sigma**2) == pytest.approx(0.7216602595888574, rel=1e-5)


def test_results_print_and_show(sleep: mlm.LinearMixedModel) -> None:
    assert repr(sleep) == "<LinearMixedModel reaction ~ days + (days | subject): 180 rows, 18 subject>"
    for page in (sleep.summary(), sleep.ranef(), sleep.coef(), sleep.varcorr(), sleep.convergence, sleep.explain()):
        assert str(page).strip()
        assert page._repr_html_().startswith("<div")
        assert page.to_latex()
    assert "... and 10 more levels" not in str(sleep.ranef())
    penicillin = mlm.lmer("diameter ~ 1 + (1 | plate) + (1 | sample)", mlm.datasets.load("penicillin"))
    assert "... and 4 more levels" in str(penicillin.ranef())


def test_looking_up_effects(sleep: mlm.LinearMixedModel) -> None:
    table = sleep.ranef()["subject"]
    assert table["308", "days"] == pytest.approx(9.19897, rel=1e-4)
    assert table["308"]["days"] == table["308", "days"]
    with pytest.raises(mlm.InferenceError, match="no level of subject is called '307'; did you mean '"):
        table["307"]
    with pytest.raises(mlm.InferenceError, match="no grouping factor is called 'subjects'; did you mean 'subject'"):
        sleep.ranef()["subjects"]
    assert np.asarray(table).shape == (18, 2)
    slopes = sleep.coef()["subject"][:, "days"]  # coef(m)$subject$days
    assert slopes[0] == sleep.coef()["subject"]["308", "days"]
    assert slopes.shape == (18,)
    with pytest.raises(mlm.InferenceError, match=r"'days' is no level of subject but an effect; table\[:, 'days'\]"):
        table["days"]
    with pytest.raises(mlm.InferenceError, match="no effect is called 'dayz'; did you mean 'days'"):
        table[:, "dayz"]


def test_the_public_names() -> None:
    assert len(mlm.__all__) < 30
    assert all(hasattr(mlm, name) for name in mlm.__all__)
    with pytest.raises(AttributeError, match="multilevel has no 'lmm'; did you mean 'lm'"):
        mlm.lmm  # noqa: B018
