"""Crossed factors that hardly meet, levels by minimum degree: against dense algebra."""

from __future__ import annotations

import numpy as np
import oracle_generalized
import pytest
import scipy.linalg as sl
import scipy.sparse as ss
from oracle import Term, evaluate, lambda_blocks
from test_core import build, differences

import multilevel as mlm
from multilevel import _core

ENGINE = "minimum degree, dense core"
N = 450


def spread(rng: np.random.Generator, levels: int, power: float = 0.0) -> np.ndarray:
    """Codes of N rows, some levels far more often than others, numbered in no order; unused ones left out."""
    often = np.arange(1.0, levels + 1) ** -power
    drawn = rng.permutation(levels)[rng.choice(levels, N, p=often / often.sum())]
    return np.unique(drawn, return_inverse=True)[1]


def design(shape: str, rng: np.random.Generator):
    a, b, c = spread(rng, 260), spread(rng, 170), spread(rng, 120)
    rare, common = spread(rng, 500, 0.5), spread(rng, 400, 0.7)
    term = lambda codes, k=1, structure="us": (codes, codes.max() + 1, k, structure)  # noqa: E731
    return {
        "intercepts": [term(a), term(b)],
        "power laws": [term(rare), term(common)],
        "slopes": [term(a, 2), term(b, 3, "diag")],
        "two terms": [term(a), term(a, 2, "diag"), term(b, 2)],
        "three factors": [term(a), term(b, 2), term(c)],
        "nested in one": [term(a), term(a // 10), term(b)],
    }[shape]


SHAPES = ["intercepts", "power laws", "slopes", "two terms", "three factors", "nested in one"]


def made(shape: str, weights: bool = False):
    rng = np.random.default_rng(SHAPES.index(shape))
    model, y, X, terms, w = build(design(shape, rng), rng, N, weights)
    assert model.engine == ENGINE
    return model, y, X, terms, w, 0.5 * rng.standard_normal(model.n_theta), rng


def posterior_covariance(terms: list[Term], theta: np.ndarray) -> np.ndarray:
    lam = sl.block_diag(
        *[np.kron(np.eye(t.levels), L) for t, L in zip(terms, lambda_blocks(terms, theta), strict=True)]
    )
    ZL = np.hstack([t.dense() for t in terms]) @ lam
    return lam @ np.linalg.inv(ZL.T @ ZL + np.eye(len(lam))) @ lam.T


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_against_dense_algebra(shape, reml):
    model, y, X, terms, w, theta, _ = made(shape, weights=reml)
    want, got = evaluate(theta, y, X, terms, reml, w), model.solve(theta, reml)
    assert got.criterion == pytest.approx(want["criterion"], rel=1e-12)
    assert model.criterion(theta, reml) == pytest.approx(want["criterion"], rel=1e-12)
    np.testing.assert_allclose(got.beta, want["beta"], rtol=1e-8)
    np.testing.assert_allclose(got.unscaled_vcov, want["unscaled_vcov"], rtol=1e-7, atol=1e-9)
    slope = differences(lambda t: model.criterion(t, reml), theta)
    np.testing.assert_allclose(got.gradient, slope, rtol=1e-6, atol=1e-5)
    for (P, _), b, term, dense_P, dense_b in zip(
        model.posterior(theta), got.modes, terms, want["P"], want["modes"], strict=True
    ):
        k = term.Z.shape[1]
        np.testing.assert_allclose(b.reshape(-1, k), dense_b, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(
            P, [dense_P[v * k : (v + 1) * k, v * k : (v + 1) * k] for v in range(term.levels)], rtol=1e-7, atol=1e-10
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_variances_of_pairs_that_never_met(shape):
    model, _, X, terms, _, theta, rng = made(shape)
    full = posterior_covariance(terms, theta)
    groups = {id(t.codes): t.levels for t in terms}
    asked = {key: rng.integers(-1, levels, 50) for key, levels in groups.items()}  # -1: a group nobody knows
    Z = [rng.standard_normal((50, t.Z.shape[1])) for t in terms]
    rows, at = np.zeros((50, len(full))), 0
    for t, z in zip(terms, Z, strict=True):
        k, level = z.shape[1], asked[id(t.codes)]
        for i in np.flatnonzero(level >= 0):
            rows[i, at + level[i] * k : at + (level[i] + 1) * k] = z[i]
        at += t.levels * k
    want = np.einsum("ij,jk,ik->i", rows, full, rows)
    codes = [level.astype(np.int32) for level in asked.values()]
    np.testing.assert_allclose(model.variances(theta, codes, [list(z.T) for z in Z]), want, rtol=1e-8, atol=1e-12)
    F = full @ np.hstack([t.dense() for t in terms]).T @ X
    at = 0
    for (_, got), t in zip(model.posterior(theta), terms, strict=True):
        size = t.levels * t.Z.shape[1]
        np.testing.assert_allclose(got.reshape(size, -1), F[at : at + size], rtol=1e-6, atol=1e-8)
        at += size


@pytest.mark.parametrize("shape", ["power laws", "slopes", "three factors"])
def test_fits_and_refits(shape):
    """A minimum, the same for a response that comes later, whatever the threads."""
    model, y, *_, rng = made(shape)
    fit = model.fit(True)
    assert fit.converged
    assert np.abs(model.solve(fit.theta, True).gradient).max() < 1e-4
    Y = np.column_stack([y, y + rng.standard_normal(N)])
    one, two = (model.refit(Y, True, threads=threads) for threads in (1, 2))
    assert np.array_equal(one["theta"], two["theta"])
    np.testing.assert_allclose(one["theta"][0], fit.theta, atol=1e-5)
    np.testing.assert_allclose(one["criterion"][0], fit.criterion, rtol=1e-10)


FAMILIES = {"intercepts": "poisson", "power laws": "binomial", "slopes": "poisson", "three factors": "gamma"}


@pytest.mark.parametrize("shape", FAMILIES)
def test_generalized_against_dense_algebra(shape):
    """Weights that change: the criterion, its gradient, the Hessian, the modes and their covariance."""
    family, rng = FAMILIES[shape], np.random.default_rng(SHAPES.index(shape))
    _, _, X, terms, _ = build(design(shape, rng), rng, N)
    X = np.column_stack([X[:, 0], X[:, 2]])
    link, shapes = ("logit", []) if family == "binomial" else ("log", [-0.5] if family == "gamma" else [])
    y = {
        "poisson": lambda: rng.poisson(1.5, N).astype(float),
        "binomial": lambda: rng.integers(0, 2, N).astype(float),
        "gamma": lambda: rng.gamma(2.0, 0.5, N),
    }[family]()
    columns = lambda A: [np.ascontiguousarray(a) for a in A.T]  # noqa: E731
    factors = [(t.codes.astype(np.int32), t.levels) for t in terms]
    random = [(i, columns(t.Z), int(t.structure == "diag")) for i, t in enumerate(terms)]
    model = _core.GeneralizedMixed(y, columns(X), None, None, factors, random, family, link)
    assert model.engine == ENGINE
    m, p = model.n_theta, X.shape[1]
    at = (
        0.3 / max(t.Z.shape[1] for t in terms) * rng.uniform(0.5, 1.5, m),
        0.1 * rng.standard_normal(p),
        np.array(shapes),
    )
    got = model.solve(*at, hessian=True)
    curvature = "observed" if family == "gamma" else "expected"
    want, eta = oracle_generalized.evaluate(
        *at, y, X, terms, family, link, weights=None, offset=None, curvature=curvature
    )
    assert got.criterion == pytest.approx(want, rel=1e-10)
    np.testing.assert_allclose(got.eta, eta, rtol=1e-8, atol=1e-8)
    both = np.concatenate(at)

    def parts(x):
        return [np.ascontiguousarray(part) for part in np.split(x, [m, m + p])]

    slope = differences(lambda x: model.objective(*parts(x)), both)
    np.testing.assert_allclose(got.gradient, slope, rtol=1e-6, atol=1e-6 * np.abs(slope).max())
    bend = differences(lambda x: model.solve(*parts(x)).gradient, both, 1e-4)
    np.testing.assert_allclose(got.hessian, bend, rtol=1e-5, atol=1e-6 * np.abs(bend).max())


def movers(workers: int = 8000, firms: int = 800, rows: int = 4) -> dict[str, np.ndarray]:
    """Of the workers a tenth changes the firm, once."""
    rng = np.random.default_rng(5)
    worker = np.repeat(np.arange(workers), rows)
    first, second = rng.integers(firms, size=(2, workers))
    late = (np.arange(rows) >= rows // 2) & (rng.random(workers) < 0.1)[:, None]
    firm = np.where(late.ravel(), second[worker], first[worker])
    y = rng.standard_normal(workers)[worker] + 0.5 * rng.standard_normal(firms)[firm] + rng.standard_normal(len(worker))
    return {"y": y, "worker": worker, "firm": firm}


def test_workers_and_firms():
    d = movers()
    m = mlm.lmer("y ~ 1 + (1 | worker) + (1 | firm)", d, REML=False)
    assert m.convergence.certificate.engine == ENGINE
    assert m.convergence.certified
    # the criterion by a sparse LU decomposition of the random effects, and b
    n, theta = len(d["y"]), np.asarray(m.theta)
    Z = ss.hstack([ss.csr_matrix((np.ones(n), (np.arange(n), d[g]))) for g in ("worker", "firm")]).tocsc()
    U = Z @ ss.diags(np.repeat(theta, [8000, 800]))
    lu = ss.linalg.splu((U.T @ U + ss.identity(U.shape[1])).tocsc(), permc_spec="MMD_AT_PLUS_A")
    Xy = np.column_stack([np.ones(n), d["y"]])
    cross = Xy.T @ Xy - (U.T @ Xy).T @ lu.solve(U.T @ Xy)
    r2 = cross[1, 1] - cross[0, 1] ** 2 / cross[0, 0]
    logdet = np.log(np.abs(lu.U.diagonal())).sum()
    assert m.criterion == pytest.approx(logdet + n * (1 + np.log(2 * np.pi * r2 / n)), rel=1e-11)
    b = np.repeat(theta, [8000, 800]) * lu.solve(U.T @ (d["y"] - cross[0, 1] / cross[0, 0]))
    effects = m.ranef()
    np.testing.assert_allclose(effects["firm"].estimates.ravel(), b[8000:], atol=1e-9)
    np.testing.assert_allclose(effects["worker"].estimates.ravel(), b[:8000], atol=1e-9)
