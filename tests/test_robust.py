"""Cluster-robust covariances and between-within degrees of freedom: against dense algebra, R, and what has to hold."""

from __future__ import annotations

import json
from math import inf, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.linalg as sl
from scipy import stats

import multilevel as mlm
from multilevel.errors import DataError, InferenceError
from multilevel.inference.cr2 import _adjustment
from multilevel.inference.inverse_root import Block, adjusted_columns, points
from multilevel.inference.methods import sampling_of
from multilevel.inference.robust import KINDS, ClusterRobust

REFERENCE = json.loads((Path(__file__).parent / "reference" / "robust.json").read_text(encoding="utf-8"))
NO_INTERCEPT = "distance ~ 0 + sex + age"  # nlme 3.1 gives one more df than the book's formula to columns within groups


# ---- dense algebra --------------------------------------------------------------------------------------------------


def dense_covariance(fit: Any) -> np.ndarray:
    """Phi (n, n): sigma^2 (W^-1 + Z Psi Z')."""
    n = len(fit.sums.y)
    phi = np.diag(np.ones(n) if fit.sums.weights is None else 1 / fit.sums.weights)
    for part, factor in zip(fit.rows.random, fit.factors, strict=True):
        z = np.column_stack([np.broadcast_to(z, (n,)) for z in part.Z]) @ factor
        phi = phi + (z @ z.T) * (part.codes[:, None] == part.codes)
    return fit.estimate.sigma**2 * phi


def root_of_pseudo_inverse(B: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(B)
    return sum(np.outer(v, v) / sqrt(d) for d, v in zip(values, vectors.T, strict=True) if d > 1e-9 * values[-1])


class Dense:
    """Everything with n x n matrices, from the definitions in Pustejovsky & Tipton (2018), sections 2 and 3."""

    def __init__(self, fit: Any, clusters: np.ndarray, kind: str) -> None:
        X = np.column_stack([fit.sums.X[j] for j in fit.kept])
        (n, p), m = X.shape, len(np.unique(clusters))
        self.phi = dense_covariance(fit)
        W = np.linalg.inv(self.phi)
        M = np.linalg.inv(X.T @ W @ X)
        self.maker = np.eye(n) - X @ M @ X.T @ W  # of residuals
        e = self.maker @ fit.sums.y
        S = self.phi - X @ M @ X.T
        factor = {"CR1": m / (m - 1), "CR1S": m * (n - 1) / ((m - 1) * (n - p))}.get(kind, 1.0)
        self.P = []  # of each cluster (n, p): the column for coefficient j holds weights of y in its score
        self.vcov = np.zeros((p, p))
        for c in np.unique(clusters):
            at = np.flatnonzero(clusters == c)
            Wc, Xc, Phic = np.linalg.inv(self.phi[np.ix_(at, at)]), X[at], self.phi[np.ix_(at, at)]
            A = sqrt(factor) * np.eye(len(at))
            if kind == "CR2":
                D = sl.cholesky(Phic)  # upper
                A = D.T @ root_of_pseudo_inverse(D @ S[np.ix_(at, at)] @ D.T) @ D
            elif kind == "CR3":
                A = np.linalg.inv(np.eye(len(at)) - Xc @ M @ Xc.T @ Wc)
            U = A.T @ Wc @ Xc @ M
            self.vcov += U.T @ np.outer(e[at], e[at]) @ U
            self.P.append(self.maker[at].T @ U)

    def df(self, combination: np.ndarray) -> float:
        p = np.array([P @ combination for P in self.P])
        B = p @ self.phi @ p.T
        return float(np.trace(B) ** 2 / np.sum(B**2))

    def htz(self, L: np.ndarray, beta: np.ndarray) -> tuple[float, float]:
        """Statistic and its second df, the variances being those of quadratic forms in y."""
        q = len(L)
        expected = sum(L @ P.T @ self.phi @ P @ L.T for P in self.P)
        G = sl.inv(sl.sqrtm(expected).real) @ L
        total = 0.0
        for s in range(q):
            for t in range(q):
                form = sum(np.outer(P @ G[s], P @ G[t]) for P in self.P) @ self.phi
                other = sum(np.outer(P @ G[t], P @ G[s]) for P in self.P) @ self.phi
                total += np.trace(form @ form) + np.trace(form @ other)
        eta = q * (q + 1) / total
        Q = L @ beta @ np.linalg.solve(L @ self.vcov @ L.T, L @ beta)
        return float((eta - q + 1) / (eta * q) * Q), eta - q + 1


def data() -> pd.DataFrame:
    """Schools of 1 to 16 pupils in classes, in no order; tests are crossed with classes within schools."""
    rng = np.random.default_rng(5)
    sizes = [1, 2, 3, 5, 7, 8, 9, 11, 12, 12, 16, 16]
    school = np.repeat(np.arange(len(sizes)), sizes)
    n = len(school)
    rng.shuffle(school)
    klass, test = 3 * school + rng.integers(0, 3, n), 4 * school + rng.integers(0, 4, n)
    x, z = rng.normal(size=n), rng.normal(size=len(sizes))[school]
    b = rng.normal(size=(len(sizes), 2))[school]
    y = 1 + x + b[:, 0] + b[:, 1] * x + rng.normal(size=3 * len(sizes))[klass] + rng.normal(size=n)
    return pd.DataFrame({
        "y": y, "x": x, "z": z, "f": np.array(list("abc"))[rng.integers(0, 3, n)], "school": [f"s{s}" for s in school],
        "klass": klass, "test": test, "w": rng.uniform(0.3, 3, n), "wide": 0.5 + school % 3, "district": school // 2,
    })  # fmt: skip


MODELS: dict[str, tuple[str, str | None, str]] = {
    "lm": ("y ~ x * z + f", None, "school"),
    "lm, weights": ("y ~ x * z + f", "w", "school"),
    "lm, equal weights in a cluster": ("y ~ x + f", "wide", "school"),
    "intercept": ("y ~ 1 + (1 | school)", None, "school"),
    "slopes": ("y ~ x * z + f + (x | school)", None, "school"),
    "slopes, weights": ("y ~ x * z + f + (x | school)", "w", "school"),
    "slopes, equal weights in a cluster": ("y ~ x + f + (x | school)", "wide", "school"),
    "uncorrelated": ("y ~ x + z + (x || school)", None, "school"),
    "nested": ("y ~ x + f + (1 | school / klass)", None, "school"),
    "nested, weights": ("y ~ x + f + (1 | school / klass)", "w", "school"),
    "crossed within clusters": ("y ~ x + f + (1 | klass) + (1 | test)", None, "school"),
    "coarser clusters": ("y ~ x + f + (1 | klass)", "w", "district"),
}


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    d = data()
    return {
        name: (mlm.lmer if "|" in formula else mlm.lm)(formula, d, weights=weights)
        for name, (formula, weights, _) in MODELS.items()
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")
def test_against_dense_algebra(models: dict[str, Any], name: str, kind: str) -> None:
    m, d, column = models[name], data(), MODELS[name][2]
    found = sampling_of(m._fit, vcov=kind, cluster=column, data=d)
    dense = Dense(m._fit, d[column].to_numpy(), kind)
    p = len(found.beta)
    np.testing.assert_allclose(found.vcov, dense.vcov, rtol=1e-9, atol=1e-10 * np.abs(dense.vcov).max())
    L = np.vstack([np.eye(p), np.linspace(1, -1, p)])
    np.testing.assert_allclose(found.df(L), [dense.df(row) for row in L], rtol=1e-9)
    for rows in (np.eye(p)[-2:], np.eye(p)[1:4]):
        if len(rows) > 1:
            test = found.f_test(rows)
            statistic, df2 = dense.htz(rows, found.beta)
            assert test.df2 == pytest.approx(df2, rel=1e-8)
            assert test.statistic == pytest.approx(statistic, rel=1e-8)
    single = found.f_test(np.eye(p)[:1])
    assert (single.df1, single.df2) == (1, pytest.approx(found.df(np.eye(p)[:1])[0], rel=1e-10))
    assert single.statistic == pytest.approx(found.beta[0] ** 2 / found.vcov[0, 0], rel=1e-12)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")
def test_cr2_is_unbiased_under_the_working_model(models: dict[str, Any], name: str) -> None:
    found = sampling_of(models[name]._fit, vcov="CR2", cluster=MODELS[name][2], data=data())
    assert isinstance(found, ClusterRobust)
    np.testing.assert_allclose(found.pieces.mean, np.eye(len(found.beta)), atol=1e-8)


def test_coefficients_of_single_clusters() -> None:
    """B is singular in every cluster: the pseudo-inverse, as Pustejovsky & Tipton have it in section 2.3."""
    d = data()
    m = mlm.lm("y ~ x + school", d[d.school != "s0"], weights="w")
    rows = d[d.school != "s0"]
    dense = Dense(m._fit, rows.school.to_numpy(), "CR2")
    for kind in ("CR0", "CR2", "CR3"):
        found = sampling_of(m._fit, vcov=kind, cluster="school", data=rows)
        df = found.df(np.eye(len(found.beta)))
        assert np.isfinite(df[1])
        assert np.isnan(df[2:]).all()
        assert np.isnan(df[0])
        assert np.isnan(found.f_test(np.eye(len(df))[1:4]).p_value)
        assert "determine: (Intercept), school[s10], school[s11], school[s2], school[s3], ..." in found.note
        if kind == "CR2":
            assert found.vcov[1, 1] == pytest.approx(dense.vcov[1, 1], rel=1e-10)
            assert df[1] == pytest.approx(dense.df(np.eye(len(df))[1]), rel=1e-9)
        known = sampling_of(m._fit, "none", kind, "school", rows)
        assert known.df(np.eye(len(df)))[1] == inf
        assert np.isnan(known.df(np.eye(len(df)))[2:]).all()
    within = rows.copy()
    for column in ("x", "y"):  # the coefficient is that of the data about the means of the schools
        means = (rows[column] * rows.w).groupby(rows.school).sum() / rows.w.groupby(rows.school).sum()
        within[column] = rows[column] - rows.school.map(means)
    absorbed = sampling_of(mlm.lm("y ~ 0 + x", within, weights="w")._fit, vcov="CR0", cluster="school", data=within)
    found = sampling_of(m._fit, vcov="CR0", cluster="school", data=rows)
    assert found.vcov[1, 1] == pytest.approx(absorbed.vcov[0, 0], rel=1e-10)


def test_cr3_is_the_jackknife() -> None:
    d = data()
    for formula, weights in (("y ~ x + z", None), ("y ~ x + z", "w")):
        m = mlm.lm(formula, d, weights=weights)
        left_out = [mlm.lm(formula, d[d.school != s], weights=weights).fixef.array for s in d.school.unique()]
        gaps = np.array(left_out) - m.fixef.array
        found = sampling_of(m._fit, vcov="CR3", cluster="school", data=d)
        np.testing.assert_allclose(found.vcov, gaps.T @ gaps, rtol=1e-10)


# ---- R --------------------------------------------------------------------------------------------------------------


def thinned(case: dict[str, Any]) -> pd.DataFrame:
    """The rows and weights of make_robust.R."""
    d = mlm.datasets.load(case["data"])
    i = np.arange(1, len(d) + 1)
    d["weight"] = 0.5 + 3 * i % 5 / 2
    return d[7 * i % 10 >= 3].reset_index(drop=True) if case["thin"] else d


@pytest.mark.parametrize("case", REFERENCE["robust"], ids=lambda c: f"{c['kind']} {c['formula']} {c['weighted']}")
@pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")
def test_against_clubsandwich(case: dict[str, Any]) -> None:
    """To rounding for lm; for mixed models as far as the optima of lme4 and nlme agree with ours."""
    d = thinned(case)
    m = getattr(mlm, case["kind"])(case["formula"], d, weights="weight" if case["weighted"] else None)
    lm = case["kind"] == "lm"
    some = np.atleast_1d(case["together"]) - 1
    known = [1] if case["formula"].endswith("subject") and lm else range(len(m.fixef.array))  # not of single clusters
    for kind, answer in case["answers"].items():
        if answer is None:  # R finds CR3's matrices singular
            continue
        found = sampling_of(m._fit, vcov=kind, cluster=case["cluster"], data=d)
        p = len(found.beta)
        vcov, df = np.reshape(answer["vcov"], (p, p)), np.atleast_1d(answer["df"])
        for j in known:
            assert found.vcov[j, j] == pytest.approx(vcov[j, j], rel=1e-10 if lm else 5e-5)
            assert found.df(np.eye(p)[[j]])[0] == pytest.approx(df[j], rel=1e-9 if lm else 5e-5)
        test = found.f_test(np.eye(p)[some])
        assert test.statistic == pytest.approx(answer["htz"]["F"], rel=1e-10 if lm else 1e-4)
        assert test.df2 == pytest.approx(answer["htz"]["df2"], rel=1e-9 if lm else 5e-5)
        assert test.p_value == pytest.approx(answer["htz"]["p"], rel=1e-8 if lm else 1e-3)
    for hc, answer in (case["hc"] or {}).items():  # a cluster for each row: sandwich's vcovHC
        kind = {"HC0": "CR0", "HC2": "CR2", "HC3": "CR3"}[hc]
        found = sampling_of(m._fit, vcov=kind, cluster=np.arange(len(d)))
        np.testing.assert_allclose(found.vcov, answer, rtol=1e-9, atol=1e-10 * np.abs(answer).max())


@pytest.mark.parametrize("case", REFERENCE["between_within"], ids=lambda c: f"{c['fixed']} {c['random']}")
@pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")
def test_between_within_against_nlme(case: dict[str, Any]) -> None:
    m = mlm.lmer(f"{case['fixed']} + ({case['random'][2:]})", thinned(case))
    found = sampling_of(m._fit, df="between-within")
    expected = np.atleast_1d(case["df"]) - (np.array([0, 0, 1]) if case["fixed"] == NO_INTERCEPT else 0)
    np.testing.assert_array_equal(found.df(np.eye(len(found.beta))), expected)


# ---- what has to hold -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_clusters_of_one_row_give_hc(kind: str, weights: str | None) -> None:
    d = data()
    m = mlm.lm("y ~ x + f", d, weights=weights)
    X, w = m._fit.rows.dense_X(), np.ones(len(d)) if weights is None else d.w.to_numpy()
    M = np.linalg.inv(X.T * w @ X)
    n, p = X.shape
    h = w * np.einsum("ij,jk,ik->i", X, M, X)
    e2 = (w * m.residuals()) ** 2
    e2 = {"CR0": e2, "CR1": e2 * n / (n - 1), "CR1S": e2 * n / (n - p), "CR2": e2 / (1 - h), "CR3": e2 / (1 - h) ** 2}[
        kind
    ]
    found = sampling_of(m._fit, vcov=kind, cluster=np.arange(n))
    np.testing.assert_allclose(found.vcov, M @ (X.T * e2) @ X @ M, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("formula", ["y ~ x + z", "y ~ x + z + (x | school)"])
def test_units_names_and_order_do_not_matter(kind: str, formula: str) -> None:
    fit, d = mlm.lmer if "|" in formula else mlm.lm, data()
    base = sampling_of(fit(formula, d, weights="w")._fit, vcov=kind, cluster="school", data=d)
    L = np.array([[0.0, 1, 0], [0, 0, 1]])
    changes = {
        "scaled response": (d.assign(y=1e6 * d.y), 1e6, 1.0),
        "scaled predictor": (d.assign(x=1e-5 * d.x), 1.0, 1e5),
        "shifted predictor": (d.assign(x=d.x + 2020), 1.0, 1.0),
        "other names": (d.assign(school=d.school.map({s: f"t{hash(s) % 997}{s[::-1]}" for s in d.school})), 1.0, 1.0),
        "other order": (d.sample(frac=1, random_state=1).reset_index(drop=True), 1.0, 1.0),
    }
    for name, (changed, by, slope) in changes.items():
        found = sampling_of(fit(formula, changed, weights="w")._fit, vcov=kind, cluster="school", data=changed)
        np.testing.assert_allclose(
            found.estimates(L).std_error,
            by * np.array([slope, 1]) * base.estimates(L).std_error,
            rtol=2e-6,
            err_msg=name,
        )
        np.testing.assert_allclose(found.df(L), base.df(L), rtol=2e-6, err_msg=name)
        assert found.f_test(L).statistic == pytest.approx(base.f_test(L).statistic, rel=1e-5), name
        assert found.f_test(L).df2 == pytest.approx(base.f_test(L).df2, rel=1e-5), name


@pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")
def test_rows_left_out_lose_their_cluster() -> None:
    d = data()
    whole = sampling_of(mlm.lm("y ~ x", d.iloc[5:])._fit, vcov="CR2", cluster=d.school.iloc[5:].to_numpy())
    missing = d.assign(x=d.x.where(np.arange(len(d)) >= 5), school=d.school.where(np.arange(len(d)) >= 5))
    weighted = d.assign(w=(np.arange(len(d)) >= 5).astype(float))
    for changed, weights in ((missing, None), (weighted, "w")):
        m = mlm.lm("y ~ x", changed, weights=weights)
        for cluster, table in (("school", changed), (changed.school, None), (list(changed.school), None)):
            found = sampling_of(m._fit, vcov="CR2", cluster=cluster, data=table)
            np.testing.assert_allclose(found.vcov, whole.vcov, rtol=1e-10)
            np.testing.assert_allclose(found.df(np.eye(2)), whole.df(np.eye(2)), rtol=1e-10)


def test_other_references_with_a_robust_covariance(models: dict[str, Any]) -> None:
    fit = models["slopes"]._fit
    own = sampling_of(fit, vcov="CR2")
    p = len(own.beta)
    for df in ("none", "residual", "between-within"):
        found, model = sampling_of(fit, df, "CR2"), sampling_of(fit, df)
        np.testing.assert_array_equal(found.vcov, own.vcov)
        np.testing.assert_array_equal(found.df(np.eye(p)), model.df(np.eye(p)))
        gap = own.beta[1:3]
        test = found.f_test(np.eye(p)[1:3])
        assert test.statistic == pytest.approx(gap @ np.linalg.solve(own.vcov[1:3, 1:3], gap) / 2, rel=1e-10)
        assert test.df2 == model.joint(np.eye(p)[1:3])[0]
        assert (found.method, found.note) == (df, own.note)
    assert (own.method, own.note) == (
        "Satterthwaite", "Standard errors are cluster-robust: CR2, 12 clusters of school.",
    )  # fmt: skip


@pytest.mark.parametrize("ratio", [0.0, 1.0, 30.0])
def test_the_integral_is_the_root(ratio: float) -> None:
    """Eigenvectors give the same, but with ratio^4 of rounding where groups differ far more than rows do."""
    rng = np.random.default_rng(2)
    g, n = 40, 25
    d, Z, X = rng.uniform(0.3, 3, (g, n)), ratio * rng.normal(size=(g, n, 2)), rng.normal(size=(g, n, 3))
    Phi = np.einsum("gi,ij->gij", d, np.eye(n)) + Z @ np.swapaxes(Z, 1, 2)
    G = np.swapaxes(X, 1, 2) @ np.linalg.solve(Phi, X)
    X = X @ np.linalg.inv(np.linalg.cholesky(G.sum(axis=0))).T  # so that M = I
    WX = np.linalg.solve(Phi, X)
    block = Block(d, Z, X, WX, np.zeros((g, n, 1)))
    found = adjusted_columns(block, np.swapaxes(X, 1, 2) @ WX)
    by_vectors = _adjustment(block, np.zeros(g, np.int64)) @ WX
    tolerance = 1e-12 * max(1.0, ratio**4) * np.abs(by_vectors).max()
    np.testing.assert_allclose(found, by_vectors, rtol=0, atol=tolerance)


@pytest.mark.parametrize("condition", [1.0, 1 + 1e-9, 10.0, 1e6, 1e12])
def test_points_of_the_inverse_root(condition: float) -> None:
    shifts, weights = points(3.0, 3 * condition)
    x = np.geomspace(3.0, 3 * condition, 50)
    found = (np.array(weights) / (x[:, None] + shifts)).sum(axis=1)
    np.testing.assert_allclose(found * np.sqrt(x), 1, rtol=1e-15 * max(30, condition**0.5))


def test_too_few_clusters_for_a_joint_test_give_nan() -> None:
    d = data()
    m = mlm.lm("y ~ x * f", d)
    cluster = np.arange(len(d)) % 3
    for df in (None, "none"):
        test = sampling_of(m._fit, df, "CR1", cluster).f_test(np.eye(6)[1:])
        assert test.df1 == 5
        assert np.isnan([test.statistic, test.df2, test.p_value]).all()
    assert sampling_of(m._fit, vcov="CR1", cluster=cluster).df(np.eye(6)).max() < 3


def test_implied_combinations_do_not_count(models: dict[str, Any]) -> None:
    found = sampling_of(models["lm"]._fit, vcov="CR2", cluster="school", data=data())
    L = np.eye(len(found.beta))[1:3]
    assert found.f_test(np.vstack([L, L.sum(axis=0)])) == pytest.approx(found.f_test(L), rel=1e-9)


def test_many_rows_in_a_cluster() -> None:
    """No matrix of the size of a cluster where its weights are equal."""
    rng = np.random.default_rng(0)
    d = {"y": rng.normal(size=60_000), "x": rng.normal(size=60_000), "g": np.arange(60_000) % 3}
    m = mlm.lm("y ~ x", d)
    found = sampling_of(m._fit, vcov="CR2", cluster="g", data=d)
    e = m.residuals() * (np.array(d["x"]) - np.mean(d["x"]))
    naive = np.sum([e[d["g"] == g].sum() ** 2 for g in range(3)]) / np.sum((d["x"] - np.mean(d["x"])) ** 2) ** 2
    assert found.vcov[1, 1] == pytest.approx(1.5 * naive, rel=0.01)  # m / (m - 1), for clusters this alike
    assert found.df(np.eye(2))[1] == pytest.approx(2, rel=0.01)


def test_the_same_question_is_answered_once(models: dict[str, Any]) -> None:
    fit = models["nested"]._fit
    assert sampling_of(fit, vcov="CR2") is sampling_of(fit, vcov="CR2", cluster="school")
    assert sampling_of(fit, vcov="CR2") is not sampling_of(fit, vcov="CR3")


def test_between_within_of_combinations() -> None:
    m = mlm.lmer("distance ~ age * sex + (1 | subject)", mlm.datasets.load("orthodont"))
    found = sampling_of(m._fit, df="between-within")
    assert found.df(np.array([[1.0, 0, 1, 0], [0, 1, 1e-17, 0], [1, 0, 0, 0]])).tolist() == [25, 79, 79]
    test = found.f_test(np.eye(4)[1:3])
    assert (test.df1, test.df2) == (2, 25)
    np.testing.assert_array_equal(found.vcov, m._fit.estimate.vcov)


@pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")
def test_between_within_without_degrees_of_freedom() -> None:
    d = data()
    two = d[d.school.isin(["s10", "s11"])]
    m = mlm.lmer("y ~ x + z + (1 | school)", two)
    df = sampling_of(m._fit, df="between-within").df(np.eye(3))
    assert np.isnan(df[2])
    assert df[1] == len(two) - 2 - 1
    assert np.isnan(sampling_of(m._fit, df="between-within").f_test(np.eye(3)[1:]).p_value)
    none = sampling_of(m._fit, df="none")
    assert none.df(np.eye(3))[2] == inf


# ---- bad input ------------------------------------------------------------------------------------------------------


def test_generalized_fits_have_none_yet() -> None:
    m = mlm.glm("y ~ x", {"y": [0, 1, 1, 0, 1], "x": [1.0, 2, 3, 4, 5]}, "binomial")
    with pytest.raises(InferenceError, match='vcov="CR2" belongs to linear and linear mixed models'):
        sampling_of(m._fit, vcov="CR2", cluster=[1, 1, 2, 2, 3])
    with pytest.raises(InferenceError, match='df="between-within" belongs to linear mixed models'):
        sampling_of(m._fit, df="between-within")


BAD: dict[str, tuple[str, dict[str, Any], type[Exception], str]] = {
    "unknown covariance": ("lmer", {"vcov": "CR9"}, InferenceError, "vcov is 'CR9'; expected one of 'CR0'.*did you"),
    "lower case": ("lmer", {"vcov": "cr2"}, InferenceError, "did you mean 'CR2'"),
    "a covariance that is no name": ("lmer", {"vcov": 2}, InferenceError, "vcov is 2; expected one of"),
    "unknown df": ("lmer", {"df": "between"}, InferenceError, "did you mean 'between-within'"),
    "column not there": ("lm", {"vcov": "CR2", "cluster": "scool"}, DataError, "not found among the columns.*'school'"),
    "column not there, mixed": ("lmer", {"vcov": "CR2", "cluster": "skool"}, DataError, "grouping factors or the col"),
    "no cluster": ("lm", {"vcov": "CR2"}, InferenceError, 'a linear model has no grouping factor; .*cluster="school"'),
    "wrong length": ("lm", {"vcov": "CR2", "cluster": [1, 2, 3]}, DataError, "has 3 values but the data have 102 rows"),
    "two dimensions": ("lm", {"vcov": "CR2", "cluster": np.zeros((102, 2))}, DataError, "2 dimensions"),
    "one cluster": ("lm", {"vcov": "CR2", "cluster": np.zeros(102)}, InferenceError, "cluster has one level"),
    "one cluster, named": ("lm", {"vcov": "CR2", "cluster": "same"}, InferenceError, "cluster 'same' has one level"),
    "missing values": ("lm", {"vcov": "CR2", "cluster": "holes"}, DataError, "'holes' is missing in 2 of the 102 rows"),
    "missing, array": ("lm", {"vcov": "CR2", "cluster": [None] + [1, 2] * 50 + [1]}, DataError, "is missing in 1"),
    "crossed": ("crossed", {"vcov": "CR2"}, InferenceError, "klass and odd are crossed|odd and klass are crossed"),
    "across": ("lmer", {"vcov": "CR2", "cluster": "odd"}, InferenceError, "levels of school have rows in"),
    "no fixed effects": ("no fixed effects", {"vcov": "CR2"}, InferenceError, "has no fixed effects"),
    "cluster alone": ("lm", {"cluster": "school"}, InferenceError, 'no covariance that uses it; add vcov="CR2"'),
    "Kenward-Roger": ("lmer", {"vcov": "CR2", "df": "kenward-roger"}, InferenceError, 'use df="satterthwaite"'),
    "between-within, lm": ("lm", {"df": "between-within"}, InferenceError, "belongs to mixed models"),
    "between-within, lm, robust": (
        "lm", {"df": "between-within", "vcov": "CR2", "cluster": "school"}, InferenceError, "belongs to mixed models",
    ),
    "between-within, crossed": ("crossed", {"df": "between-within"}, InferenceError, "is crossed with one of"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore::multilevel.MultilevelWarning")
def test_bad_input(name: str) -> None:
    which, options, error, message = BAD[name]
    d = data()
    i = np.arange(len(d))
    d = d.assign(odd=i % 5, same="a", holes=d.school.where(i > 1))
    formula = {
        "lm": "y ~ x", "lmer": "y ~ x + (1 | school)", "crossed": "y ~ x + (1 | klass) + (1 | odd)",
        "no fixed effects": "y ~ 0 + (1 | school)",
    }[which]  # fmt: skip
    m = (mlm.lmer if "|" in formula else mlm.lm)(formula, d)
    with pytest.raises(error, match=message) as found:
        sampling_of(m._fit, **options, data=d)
    assert "\n" not in str(found.value)


def test_a_cluster_too_large_for_cr2() -> None:
    n = 10_020
    d = {"y": np.sin(np.arange(n)), "w": 1.0 + np.arange(n) % 3, "g": np.array(["a", "b"])[np.arange(n) % 2]}
    m = mlm.lm("y ~ g", d, weights="w")
    with pytest.raises(
        InferenceError, match="of order 5010 for the largest cluster, of 5010 rows and 0 random effects"
    ):
        sampling_of(m._fit, vcov="CR2", cluster="g", data=d)
    assert np.isnan(sampling_of(m._fit, vcov="CR3", cluster="g", data=d).df(np.eye(2))).all()


# ---- the front desk -----------------------------------------------------------------------------------------------


def test_every_test_takes_a_robust_covariance():
    data = mlm.datasets.load("sleepstudy").drop(index=[0, 5, 30, 31, 32, 99])
    m = mlm.lmer("reaction ~ days + (1 | subject)", data)
    robust = sampling_of(m._fit, vcov="CR2").estimates(np.eye(2))
    error, df = robust.std_error[1], robust.df[1]
    assert error != pytest.approx(m.se["days"], rel=1e-2)
    assert m.test("days = 0", vcov="CR2").each.std_error[0] == pytest.approx(error)
    assert m.anova(vcov="CR2").df2[0] == pytest.approx(df, rel=1e-6)
    limits = m.confint(vcov="CR2")["days"]
    assert limits.upper - limits.lower == pytest.approx(2 * error * stats.t.ppf(0.975, df), rel=1e-9)
    means = m.emmeans("~ days", at={"days": [0, 1]}, vcov="CR2").contrast("revpairwise")
    assert means.estimates.std_error[0] == pytest.approx(error, rel=1e-9)
    page = str(m.summary(vcov="CR2"))
    assert "Standard errors are cluster-robust: CR2, 18 clusters of subject." in page
    with pytest.raises(mlm.InferenceError, match="add vcov="):
        m.test("days = 0", cluster="subject")


def test_a_linear_model_with_clusters_by_name():
    data = mlm.datasets.load("sleepstudy")
    m = mlm.lm("reaction ~ days", data)
    found = m.test("days = 0", vcov="CR2", cluster="subject")
    assert found.each.df[0] == pytest.approx(17, rel=1e-6)
