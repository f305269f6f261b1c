"""One design through everything the compiled core does: run by test_sanitizers.py against a build that watches memory.

python exercise_core.py FOLDER DESIGN     FOLDER holds the `_core` to import
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from oracle import Term, evaluate

US, DIAG = 0, 1
STRUCTURES = "structures"  # beside DESIGNS
Codes = tuple[np.ndarray, int]


class Design(NamedTuple):
    X: np.ndarray  # (n, p)
    factors: list[Codes]
    terms: list[tuple[int, np.ndarray, int]]  # factor, Z (n, k), structure
    weights: np.ndarray | None = None


rng = np.random.default_rng(1)


def drawn(levels: int, n: int) -> Codes:
    """Codes of n rows, every level at least once."""
    codes = np.concatenate([np.arange(levels), rng.integers(levels, size=n - levels)])
    return rng.permutation(codes).astype(np.int32), levels


def slopes(n: int, k: int) -> np.ndarray:
    return np.column_stack([np.ones(n), rng.normal(5.0, 2.0, (n, k - 1))])


def single(k: int, n: int = 90, levels: int = 12) -> Design:
    Z = slopes(n, k)
    return Design(Z, [drawn(levels, n)], [(0, Z, US)])


def unequal() -> Design:
    """More different groups than signatures are kept for: one level at a time."""
    n, levels = 3000, 1000
    Z = slopes(n, 3)
    return Design(slopes(n, 10), [drawn(levels, n)], [(0, Z, US)])


def nested() -> Design:
    cask, n = np.repeat(np.arange(40, dtype=np.int32), 3), 120
    terms = [(0, np.ones((n, 1)), US), (1, slopes(n, 2), US)]
    return Design(slopes(n, 2), [(cask, 40), (cask // 4, 10)], terms)


def crossed(levels: int = 15, k: int = 1, n: int = 200) -> Design:
    Z = slopes(n, k)
    return Design(slopes(n, 3), [drawn(2 * levels, n), drawn(levels, n)], [(0, Z, US), (1, Z, DIAG)])


def many_factors() -> Design:
    n = 300
    one = np.ones((n, 1))
    terms = [(0, one, US), (1, slopes(n, 2), US), (2, one, US), (3, one, US)]
    return Design(slopes(n, 2), [drawn(levels, n) for levels in (50, 30, 11, 4)], terms)


def shared_factor() -> Design:
    """Two terms on one factor, and five columns in all."""
    n = 150
    Z = slopes(n, 5)
    return Design(Z[:, :1], [drawn(10, n), drawn(8, n)], [(0, Z[:, :2], US), (0, Z[:, 2:], DIAG), (1, Z[:, :1], US)])


def weighted() -> Design:
    return crossed(k=2)._replace(weights=rng.uniform(0.5, 3.0, 200))


def deficient() -> Design:
    design = single(2)
    return design._replace(X=np.column_stack([design.X, design.X @ [1.0, 2.0], np.zeros(90), design.X[:, 1] ** 2]))


def no_fixed_effects() -> Design:
    return crossed()._replace(X=np.empty((200, 0)))


DESIGNS: dict[str, Callable[[], Design]] = {
    "intercepts": lambda: single(1),
    "slopes": lambda: single(2),
    "wide": lambda: single(5, n=200),
    "unequal": unequal,
    "nested": nested,
    "crossed": crossed,
    "crossed slopes": lambda: crossed(k=3, n=400),
    "dense core": lambda: crossed(levels=150, n=9000),
    "dense core of slopes": lambda: crossed(levels=60, k=2, n=3000),
    "hardly crossed": lambda: crossed(levels=150, n=400),
    "hardly crossed slopes": lambda: crossed(levels=70, k=2, n=200),
    "work for two threads": lambda: crossed(levels=500, n=100_000),
    "several factors": many_factors,
    "two terms on a factor": shared_factor,
    "weights": weighted,
    "rank-deficient X": deficient,
    "no fixed effects": no_fixed_effects,
}


def response(design: Design) -> np.ndarray:
    n = len(design.factors[0][0])
    y = rng.normal(size=n) + design.X.sum(axis=1)
    for factor, Z, _ in design.terms:
        codes, levels = design.factors[factor]
        y += (Z * rng.normal(size=(levels, Z.shape[1]))[codes]).sum(axis=1)
    return y


def exercise(core: Any, design: Design) -> None:
    y = response(design)
    n = len(y)
    columns = [np.broadcast_to(1.0, (n,)) if np.ptp(c) == 0 and c[0] == 1 else c for c in design.X.T]
    terms = [(factor, list(Z.T), structure) for factor, Z, structure in design.terms]
    model = core.LinearMixed(y, columns, design.weights, design.factors, terms)
    theta = np.linspace(0.9, 0.4, model.n_theta)
    large = n > 10_000  # here for its threads
    for reml in (True,) if large else (True, False):
        fit = model.fit(reml)
        assert fit.converged, fit.path
        again = model.solve(fit.theta, reml)
        assert np.isclose(again.criterion, fit.criterion, rtol=1e-9)
        assert fit.criterion <= model.criterion(theta, reml) + 1e-6
        assert len(model.posterior(fit.theta)) == len(terms)
        codes = [factor[0].astype(np.int32) for factor in design.factors]
        assert (model.variances(fit.theta, codes, [Z for _, Z, _ in terms]) >= 0).all()
        if n <= 1000:
            agree(model, design, y, theta, reml)
            known = core.LinearMixed(y, columns, design.weights, design.factors, terms, -1, fit.sigma).fit(reml)
            assert known.sigma == fit.sigma
            assert np.isclose(known.criterion, fit.criterion, rtol=1e-3)
    Y = y[:, None] + rng.normal(size=(n, 6 if n <= 1000 else 2))
    one, two = (model.refit(Y, True, threads=threads, scores_at=theta) for threads in (1, 2))
    assert np.array_equal(one["theta"], two["theta"])
    assert np.array_equal(one["scores"], two["scores"])
    if n <= 1000:
        curves = [model.curvatures(Y, one["theta"], True, threads) for threads in (1, 2)]
        assert all(np.array_equal(a, b) for a, b in zip(*curves, strict=True))
    parts = model.refit(y[:, None], True, scores_at=theta)["scores"][0]
    at = model.solve(theta, True)
    assert np.allclose(parts[: model.p], at.beta, rtol=1e-6)
    assert np.isclose(parts[-1], at.r2, rtol=1e-9)
    hold(model, design)
    if len(design.factors) == 1:
        draws = model.draws()
        numbers = np.column_stack([rng.normal(size=(4, draws.size)), rng.chisquare(draws.noise_df, size=4)])
        beta = np.ones(model.p)
        one, two = (model.refit_drawn(draws, numbers, theta, 1.0, beta, True, threads=threads) for threads in (1, 2))
        assert np.array_equal(one["theta"], two["theta"])
        assert np.isfinite(one["criterion"]).all()
    model.solve(np.zeros(model.n_theta), True)
    if len(design.X.T) and n <= 10_000:
        exercise_generalized(core, design, columns, terms)
        exercise_shape_models(core, design, columns, terms)
        if n <= 120:
            exercise_second_predictors(core, design, columns, terms)


def exercise_generalized(core: Any, design: Design, columns: list[np.ndarray], terms: list[Any]) -> None:
    """Counts and shares on the same design: merged rows, blocks that are reweighed, quadrature."""
    n = len(design.factors[0][0])
    small = [c / np.abs(c).max() if np.abs(c).max() else c for c in columns]
    for family, link, y in (
        ("binomial", "probit", rng.integers(0, 2, n).astype(float)),
        ("negative_binomial_2", "log", rng.poisson(rng.gamma(2.0, 1.0, n)).astype(float)),
    ):
        model = core.GeneralizedMixed(y, small, design.weights, np.full(n, 0.1), design.factors, terms, family, link)
        theta, beta = np.full(model.n_theta, 0.05), np.full(model.p, 0.1)
        shape = np.full(model.n_shape, 0.5)
        value = model.solve(theta, beta, shape, hessian=n <= 1000).criterion
        assert np.isclose(model.objective(theta, beta, shape), value, rtol=1e-10)
        assert len(model.posterior(theta, beta, shape)) == len(terms)
        if model.n_theta <= 6 and n <= 1000:
            model.fit()
            model.refit(np.column_stack([y, y[::-1]]), n_agq=0, threads=2)
        if len(design.factors) == 1 and design.terms[0][1].shape[1] <= 2:
            assert np.isfinite(model.solve(theta, beta, shape, 5).criterion)


def exercise_shape_models(core: Any, design: Design, columns: list[np.ndarray], terms: list[Any]) -> None:
    """Inflated zeros and a dispersion of its own for each row, for counts and for a response that has no zeros."""
    n = len(design.factors[0][0])
    small = [c / np.abs(c).max() if np.abs(c).max() else c for c in columns]
    predictor = [np.ones(n), rng.standard_normal(n)]
    drawn = rng.gamma(2.0, 1.0, n)
    for family, y in (("negative_binomial_2", rng.poisson(drawn).astype(float)), ("gamma", drawn)):
        y = np.where(rng.uniform(size=n) < 0.3, 0.0, y)
        model = core.GeneralizedMixed(
            y, small, design.weights, None, design.factors, terms, family, "log", None, [predictor, predictor]
        )
        theta, beta, shape = np.full(model.n_theta, 0.05), np.full(model.p, 0.1), np.array([0.3, 0.1, -0.8, 0.2])
        value = model.solve(theta, beta, shape, hessian=n <= 1000).criterion
        assert np.isclose(model.objective(theta, beta, shape), value, rtol=1e-10)
        assert len(model.posterior(theta, beta, shape)) == len(terms)
        if len(design.factors) == 1 and design.terms[0][1].shape[1] <= 2:
            assert np.isfinite(model.solve(theta, beta, shape, 5).criterion)


def exercise_second_predictors(core: Any, design: Design, columns: list[np.ndarray], terms: list[Any]) -> None:
    """The terms once more, in the dispersion beside inflated zeros, or in the inflation of families without a shape."""
    n = len(design.factors[0][0])
    small = [c / np.abs(c).max() if np.abs(c).max() else c for c in columns]
    trials, share = np.full(n, 4.0), rng.uniform(0.1, 0.9, n)
    counts, drawn, predictor = rng.poisson(rng.gamma(2.0, 1.0, n)).astype(float), rng.gamma(2.0, 1.0, n), [np.ones(n)]
    zeros = np.where(rng.uniform(size=n) < 0.3, 0.0, drawn)
    for family, link, y, own in (
        ("tweedie", "log", zeros, 2), ("gamma", "log", drawn, 1), ("inverse_gaussian", "log", drawn, 1),
        ("gaussian", "identity", drawn, 1), ("student_t", "identity", drawn, 2), ("beta", "logit", share, 1),
        ("beta_binomial", "logit", rng.binomial(4, share) / 4.0, 1), ("negative_binomial_2", "log", counts, 1),
        ("negative_binomial_1", "log", counts, 1), ("truncated_negative_binomial_2", "log", counts + 1.0, 1),
        ("truncated_negative_binomial_1", "log", counts + 1.0, 1), ("poisson", "log", counts, 0),
        ("truncated_poisson", "log", np.where(zeros > 0, counts + 1.0, 0.0), 0),
    ):  # fmt: skip
        models = [predictor] * (own + 1)  # zero inflation last
        second = {"dispersion_terms" if own else "inflation_terms": len(terms)}
        weights = trials if family == "beta_binomial" else design.weights
        model = core.GeneralizedMixed(
            y, small, weights, None, design.factors, terms * 2, family, link, "observed", models, **second
        )
        theta, beta, shape = np.full(model.n_theta, 0.05), np.full(model.p, 0.1), np.full(model.n_shape, 0.2)
        value = model.solve(theta, beta, shape).criterion
        assert np.isclose(model.objective(theta, beta, shape), value, rtol=1e-10)
        assert len(model.posterior(theta, beta, shape)) == 2 * len(terms)
        codes = [factor[0].astype(np.int32) for factor in design.factors]
        assert (model.variances(theta, beta, shape, codes, [Z for _, Z, _ in terms * 2]) > -1e-9).all()
        if len(design.factors) == 1 and design.terms[0][1].shape[1] == 1:
            assert np.isfinite(model.solve(theta, beta, shape, 3).criterion)


def exercise_structures(core: Any) -> None:
    """Every structure over five times, with residuals, without, and of counts; a second term and a second factor."""
    n, times = 150, np.arange(150) % 5
    one, Z = np.ones(n), np.eye(5)[times]
    y, counts = Z @ rng.normal(size=5) + rng.normal(size=n), rng.poisson(2.0, n).astype(float)
    a, b = (np.arange(n, dtype=np.int32) // 5, 30), drawn(7, n)
    for structure in [*range(2, 9), [0.0, 1.0, 1.5, 4.0, 5.0]]:
        within = (0, list(Z.T), structure)
        model = core.LinearMixed(y, [one], None, [a, b], [within, (1, [one], US)])
        theta = np.full(model.n_theta, 0.3)
        value = model.solve(theta, True).criterion
        assert np.isclose(model.criterion(theta, True), value, rtol=1e-10)
        assert model.fit(True).criterion <= value + 1e-6
        assert np.isfinite(model.refit(np.column_stack([y, y[::-1]]), True, threads=2)["criterion"]).all()
        whole = core.LinearMixed(y, [one], None, [a], [within, (0, [one], US)], 0)
        fit = whole.fit(False)
        assert np.isclose(whole.solve(fit.theta, False).criterion, fit.criterion, rtol=1e-9)
        general = core.GeneralizedMixed(counts, [one], None, None, [a], [within], "poisson", "log")
        assert np.isfinite(general.fit().criterion)


def hold(model: Any, design: Design) -> None:
    """Each quantity held, in turn: the minimum is above that of the fit, which a value of its own gives again."""
    best = model.fit(False)

    def rise(what: str, value: float, **place: Any) -> float:
        return float(model.hold(what, value, best.theta, best.sigma, **place).criterion - best.criterion)

    assert abs(rise("sigma", best.sigma)) < 1e-6 < rise("sigma", 1.2 * best.sigma)
    if model.p:
        contrast = np.eye(model.p)[0]
        assert abs(rise("coefficient", best.beta[0], contrast=contrast)) < 1e-6
        assert rise("coefficient", best.beta[0] + 1, contrast=contrast) > 0
    for term, (_, Z, structure) in enumerate(design.terms):
        k = Z.shape[1]
        for i in range(k):
            assert rise("sd", 0.0, term=term, i=i) > -1e-6
            assert rise("sd", best.sigma, term=term, i=i) > -1e-6
        if structure == US and k > 1:
            for value in (-1.0, 0.3, 1.0):
                assert rise("corr", value, term=term, i=k - 1, j=0) > -1e-6


def agree(model: Any, design: Design, y: np.ndarray, theta: np.ndarray, reml: bool) -> None:
    oracle_terms = [Term(*design.factors[f], Z, "diag" if s else "us") for f, Z, s in design.terms]
    truth = evaluate(theta, y, design.X[:, model.kept], oracle_terms, reml, design.weights)
    found = model.solve(theta, reml)
    assert np.isclose(found.criterion, truth["criterion"], rtol=1e-9)
    for modes, expected in zip(found.modes, truth["modes"], strict=True):
        assert np.allclose(modes, expected.ravel(), rtol=1e-6, atol=1e-8)


if __name__ == "__main__":
    folder, name = sys.argv[1:]
    sys.path.insert(0, folder)
    import _core

    if name == STRUCTURES:
        exercise_structures(_core)
    else:
        exercise(_core, DESIGNS[name]())
