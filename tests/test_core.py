"""The compiled core against dense algebra: value, gradient, curvature, modes, posterior, for every shape of design."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import Term, evaluate

from multilevel import _core
from multilevel.errors import FitError

N = 240


def design(shape: str, rng: np.random.Generator, n: int = N):
    """Terms as (codes, levels, k, structure); equal code arrays are one factor."""
    a, b, c = rng.integers(0, 30, n), rng.integers(0, 8, n), rng.integers(0, 12, n)
    outer = a // 5
    pair = lambda i, j: np.unique(i * 100 + j, return_inverse=True)[1]  # noqa: E731
    ab, ac = pair(a, b), pair(a, c)
    ab_l, ac_l = ab.max() + 1, ac.max() + 1
    return {
        "intercepts": [(a, 30, 1, "us")],
        "slopes": [(a, 30, 2, "us")],
        "five columns": [(b, 8, 5, "us")],
        "diagonal": [(a, 30, 3, "diag")],
        "two terms, one factor": [(a, 30, 2, "us"), (a, 30, 1, "us")],
        "nested": [(a, 30, 2, "us"), (outer, 6, 2, "us")],
        "nested, outer first": [(outer, 6, 2, "us"), (a, 30, 1, "us")],
        "crossed": [(a, 30, 1, "us"), (b, 8, 2, "us")],
        "three crossed": [(a, 30, 2, "us"), (b, 8, 2, "us"), (c, 12, 3, "diag")],
        "cells of a cross": [(ab, ab_l, 1, "us"), (a, 30, 1, "us"), (b, 8, 1, "us")],
        "two factors inside one": [(ab, ab_l, 1, "us"), (ac, ac_l, 1, "us"), (a, 30, 1, "us")],
        "fill inside a factor": [(ab, ab_l, 1, "us"), (ac, ac_l, 2, "us"), (a, 30, 2, "us"), (outer, 6, 1, "us")],
    }[shape]


SHAPES = [
    "intercepts", "slopes", "five columns", "diagonal", "two terms, one factor", "nested", "nested, outer first",
    "crossed", "three crossed", "cells of a cross", "two factors inside one", "fill inside a factor",
]  # fmt: skip


def build(spec, rng, n=N, weights=False):
    X = np.column_stack([np.ones(n), 3 * rng.standard_normal(n) + 100, rng.standard_normal(n)])
    y = X @ [1.0, 0.5, -1.0] + rng.standard_normal(n)
    factors, index, terms, dense = [], {}, [], []
    for codes, levels, k, structure in spec:
        if id(codes) not in index:
            index[id(codes)] = len(factors)
            factors.append((codes.astype(np.int32), int(levels)))
        Z = np.column_stack([np.ones(n), rng.standard_normal((n, k - 1)) + 5.0 * (structure == "us")])
        y = y + (Z * rng.standard_normal((levels, k))[codes]).sum(1)
        terms.append((index[id(codes)], [np.ascontiguousarray(z) for z in Z.T], int(structure == "diag")))
        dense.append(Term(codes, int(levels), Z, structure))
    w = rng.uniform(0.5, 2.0, n) if weights else None
    return _core.LinearMixed(y, [np.ascontiguousarray(x) for x in X.T], w, factors, terms), y, X, dense, w


def differences(f, theta, step=1e-5):
    return np.array([(f(theta + h) - f(theta - h)) / (2 * step) for h in np.eye(len(theta)) * step])


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_against_dense_algebra(shape, weights, reml):
    rng = np.random.default_rng(SHAPES.index(shape))
    model, y, X, terms, w = build(design(shape, rng), rng, weights=weights)
    theta = 0.5 * rng.standard_normal(model.n_theta)
    want = evaluate(theta, y, X, terms, reml, w)
    got = model.solve(theta, reml)
    assert got.criterion == pytest.approx(want["criterion"], rel=1e-11)
    assert model.criterion(theta, reml) == pytest.approx(want["criterion"], rel=1e-11)
    np.testing.assert_allclose(got.beta, want["beta"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(got.sigma, want["sigma"], rtol=1e-9)
    np.testing.assert_allclose(got.unscaled_vcov, want["unscaled_vcov"], rtol=1e-6, atol=1e-9)
    slope = differences(lambda t: evaluate(t, y, X, terms, reml, w)["criterion"], theta)
    np.testing.assert_allclose(got.gradient, slope, rtol=1e-5, atol=1e-5)
    if model.engine == "signatures":
        curve = differences(lambda t: model.solve(t, reml).gradient, theta)
        np.testing.assert_allclose(got.hessian, curve, rtol=1e-5, atol=1e-4)
    for (P, _), b, term, dense_P, dense_b in zip(
        model.posterior(theta), got.modes, terms, want["P"], want["modes"], strict=True
    ):
        k = term.Z.shape[1]
        np.testing.assert_allclose(b.reshape(-1, k), dense_b, rtol=1e-7, atol=1e-9)
        blocks = [dense_P[v * k : (v + 1) * k, v * k : (v + 1) * k] for v in range(term.levels)]
        np.testing.assert_allclose(P, blocks, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_singular_lambda_is_no_special_case(shape):
    rng = np.random.default_rng(SHAPES.index(shape))
    model, y, X, terms, _ = build(design(shape, rng), rng)
    theta = 0.5 * rng.standard_normal(model.n_theta)
    theta[0] = 0.0
    slope = differences(lambda t: evaluate(t, y, X, terms, True)["criterion"], theta)
    np.testing.assert_allclose(model.solve(theta, True).gradient, slope, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("l1", "l2", "k"), [(150, 110, 1), (150, 110, 2), (20, 80, 4), (60, 91, 5)])
def test_dense_core_in_panels(l1, l2, k):
    """Cores wide enough for several panels and for tiles, met sparsely (scattered) and fully (dense products)."""
    rng = np.random.default_rng(l1 + k)
    n = 900
    a, b = rng.integers(0, l1, n), rng.integers(0, l2, n)
    model, y, X, terms, _ = build([(a, l1, k, "us"), (b, l2, k, "us")], rng, n)
    theta = 0.3 * rng.standard_normal(model.n_theta)
    want = evaluate(theta, y, X, terms, True)
    got = model.solve(theta, True)
    assert got.criterion == pytest.approx(want["criterion"], rel=1e-11)
    slope = differences(lambda t: model.criterion(t, True), theta)
    np.testing.assert_allclose(got.gradient, slope, rtol=1e-5, atol=1e-4)
    dense_P = want["P"][1]
    np.testing.assert_allclose(
        model.posterior(theta)[1][0], [dense_P[v * k : (v + 1) * k, v * k : (v + 1) * k] for v in range(l2)], atol=1e-9
    )


def test_a_core_is_the_same_whatever_the_threads(monkeypatch):
    rng = np.random.default_rng(31)
    a, b = rng.integers(0, 60, 900), rng.integers(0, 91, 900)
    model, *_ = build([(a, 60, 5, "us"), (b, 91, 5, "us")], rng, 900)
    theta = 0.3 * rng.standard_normal(model.n_theta)
    answers = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("MULTILEVEL_NUM_THREADS", threads)
        at = model.solve(theta, True)
        answers.append(
            np.concatenate([[at.criterion], at.gradient, at.hessian.ravel(), *(m.ravel() for m in at.modes)])
        )
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_fit_is_stationary_and_no_neighbour_is_better(shape, reml):
    rng = np.random.default_rng(100 + SHAPES.index(shape))
    model, *_ = build(design(shape, rng), rng)
    fit = model.fit(reml)
    assert fit.converged
    assert fit.decrement < 1e-11
    assert fit.boundary_slope > -1e-6
    assert np.abs(model.solve(fit.theta, reml).gradient).max() < 1e-4
    for _ in range(10):
        assert model.criterion(fit.theta + 0.05 * rng.standard_normal(len(fit.theta)), reml) > fit.criterion - 1e-9


@pytest.mark.parametrize("shape", SHAPES)
def test_the_last_step_without_derivatives_ends_at_the_minimum(shape):
    rng = np.random.default_rng(100 + SHAPES.index(shape))
    model, *_ = build(design(shape, rng), rng)
    fit = model.fit(True)
    at = model.solve(fit.theta, True)
    assert fit.path[-1] == fit.criterion == pytest.approx(at.criterion, rel=1e-13)
    assert fit.sigma == pytest.approx(at.sigma, rel=1e-10)
    np.testing.assert_allclose(fit.beta, at.beta, rtol=1e-9, atol=1e-12)
    for ours, there in zip(fit.modes, at.modes, strict=True):
        np.testing.assert_allclose(ours, there, rtol=1e-7, atol=1e-9)
    curved = at.hessian[np.ix_(*2 * [np.abs(fit.theta) > 1e-6])]
    assert np.abs(at.gradient).max() < 1e-6 * max(1.0, np.abs(curved).max(initial=0.0))


def test_refit_is_a_fit_of_each_response_whatever_the_threads():
    rng = np.random.default_rng(5)
    spec = design("crossed", rng)
    model, y, *_ = build(spec, rng)
    Y = y[:, None] + rng.standard_normal((N, 6))
    one, two = model.refit(Y, True, None, 1), model.refit(Y, True, None, 2)
    for key in one:
        np.testing.assert_array_equal(one[key], two[key])
    start = model.fit(True).theta
    for i in range(6):
        again = model.refit(Y[:, [i]], True, start)
        assert again["criterion"][0] == pytest.approx(one["criterion"][i], abs=1e-8)
    assert model.refit(y[:, None], True)["criterion"][0] == pytest.approx(model.fit(True).criterion, abs=1e-9)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_curvatures_are_second_derivatives_whatever_the_threads(shape, reml):
    """The deviance at another sigma: that at the best one plus nu (x - 1 - log x), x = r2 / (nu sigma^2)."""
    rng = np.random.default_rng(200 + SHAPES.index(shape))
    model, y, *_ = build(design(shape, rng), rng)
    Y = y[:, None] + 0.3 * rng.standard_normal((len(y), 3))
    fits = model.refit(Y, reml)
    deviance, slopes = model.curvatures(Y, fits["theta"], reml, 2)
    for found, again in zip((deviance, slopes), model.curvatures(Y, fits["theta"], reml), strict=True):
        np.testing.assert_array_equal(found, again)
    own = model.solve(np.linspace(0.9, 0.4, model.n_theta), reml)
    theta, m = own.theta, len(own.theta)
    (H,), (U,) = model.curvatures(y[:, None], theta[None], reml)
    nu = own.r2 / own.sigma**2

    def at(phi):
        there = model.solve(phi[1:], reml)
        ratio = there.r2 / (nu * phi[0] ** 2)
        return there.criterion + nu * (ratio - 1 - np.log(ratio))

    phi, h = np.array([own.sigma, *theta]), 1e-3
    E = h * np.eye(1 + m)
    numeric = [
        [(at(phi + a + b) - at(phi + a - b) - at(phi - a + b) + at(phi - a - b)) / (4 * h * h) for b in E] for a in E
    ]
    np.testing.assert_allclose(H, numeric, rtol=1e-4, atol=1e-5 * np.abs(H).max())
    for j in range(m):
        ends = [model.solve(theta + s * E[1 + j, 1:], reml).unscaled_vcov for s in (1, -1)]
        np.testing.assert_allclose(U[j], (ends[0] - ends[1]) / (2 * h), rtol=1e-4, atol=1e-5 * np.abs(U[j]).max())


def test_posterior_joins_fixed_and_random_effects():
    """F = P Z'X: the covariance of (beta, b) from the mixed-model equations (Henderson 1975)."""
    rng = np.random.default_rng(8)
    model, _, X, terms, _ = build(design("nested", rng), rng)
    theta = 0.5 * rng.standard_normal(model.n_theta)
    P = evaluate(theta, np.arange(N, dtype=float), X, terms, True)["P"]
    V_side = np.hstack([t.dense() for t in terms])
    big = np.zeros((V_side.shape[1],) * 2)
    at = 0
    for block in P:
        big[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    # only the diagonal blocks of P are stored by the oracle, so rebuild the full one
    from oracle import lambda_blocks
    from scipy.linalg import block_diag

    lam = block_diag(*[np.kron(np.eye(t.levels), L) for t, L in zip(terms, lambda_blocks(terms, theta), strict=True)])
    full = lam @ np.linalg.inv(lam.T @ V_side.T @ V_side @ lam + np.eye(len(big))) @ lam.T
    F = full @ V_side.T @ X
    at = 0
    for (_, got), t in zip(model.posterior(theta), terms, strict=True):
        k = t.Z.shape[1]
        np.testing.assert_allclose(got, F[at : at + t.levels * k].reshape(t.levels, k, -1), rtol=1e-6, atol=1e-8)
        at += t.levels * k


def test_rank_by_the_rule_of_r():
    rng = np.random.default_rng(1)
    x, z = rng.standard_normal((2, 50))
    one = np.broadcast_to(1.0, (50,))
    columns = [one, x, 2.0 * x - 3.0, z, x + z, 1e9 + z]
    model = _core.LinearMixed(rng.standard_normal(50), columns, None, [], [])
    assert model.kept == [0, 1, 3]


def test_near_collinear_columns_keep_their_digits():
    """A column 1e-5 away from another one: normal equations alone would lose ten digits."""
    rng = np.random.default_rng(2)
    n = 200
    x = rng.standard_normal(n)
    near = x + 1e-5 * rng.standard_normal(n)
    X = np.column_stack([np.ones(n), x, near])
    y = X @ [1.0, 2.0, 3.0] + rng.standard_normal(n)
    q, r = np.linalg.qr(X)
    want = np.linalg.solve(r, q.T @ y)
    got = _core.LinearMixed(y, [np.ascontiguousarray(c) for c in X.T], None, [], []).solve(np.empty(0), True)
    error = np.sqrt(np.diag(got.unscaled_vcov)) * got.sigma
    assert np.abs((got.beta - want) / error).max() < 1e-7


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"weights": np.ones(3)}, "weights"),
        ({"factors": [(np.zeros(4, np.int32), 1)]}, "codes"),
        ({"factors": [(np.full(5, 2, np.int32), 2)]}, "outside"),
        ({"X": [np.ones(4)]}, "length"),
        ({"terms": [(1, [np.ones(5)], 0)]}, "factor"),
        ({"terms": [(0, [], 0)]}, "without columns"),
        ({"terms": []}, "no term"),
    ],
)
def test_the_doorway_refuses_arrays_that_do_not_fit(kwargs, match):
    good = {
        "y": np.arange(5.0),
        "X": [np.ones(5)],
        "weights": None,
        "factors": [(np.array([0, 0, 1, 1, 1], np.int32), 2)],
        "terms": [(0, [np.ones(5)], 0)],
    }
    with pytest.raises(ValueError, match=match):
        _core.LinearMixed(**(good | kwargs))


def test_a_start_on_the_plateau_is_refused():
    """Random effects a million times the residuals: the criterion is flat there, and any point looks like a minimum."""
    rng = np.random.default_rng(3)
    model, *_ = build(design("intercepts", rng), rng)
    with pytest.raises(FitError, match="start"):
        model.fit(True, np.array([1e8]))
    assert model.fit(True, np.array([300.0])).criterion == pytest.approx(model.fit(True).criterion, abs=1e-8)


def test_a_core_beyond_memory_is_refused_before_it_is_made():
    rng = np.random.default_rng(4)
    n, levels = 120_000, (3000, 2900)
    factors = [(rng.integers(0, size, n).astype(np.int32), size) for size in levels]
    one = np.broadcast_to(1.0, (n,))
    with pytest.raises(FitError, match="dense block"):
        _core.LinearMixed(rng.standard_normal(n), [one], None, factors, [(0, [one] * 70, 1), (1, [one] * 70, 1)])


def test_a_term_wider_than_a_panel_of_the_core():
    rng = np.random.default_rng(6)
    n = 300
    spec = [(rng.integers(0, 40, n), 40, 1, "us"), (rng.integers(0, 3, n), 3, 200, "diag")]
    model, y, X, terms, _ = build(spec, rng, n)
    theta = 0.3 * rng.standard_normal(model.n_theta)
    assert model.criterion(theta, True) == pytest.approx(evaluate(theta, y, X, terms, True)["criterion"], rel=1e-11)


def test_least_squares_has_no_posterior():
    assert _core.LinearMixed(np.arange(5.0), [np.ones(5)], None, [], []).posterior(np.empty(0)) == []
