"""Random effects in mean, zero inflation and dispersion at once, in the core: dense algebra, slopes, an integral."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
import test_core_random_dispersion
from oracle import Term
from oracle_generalized import INVERSE, evaluate_parts, inflated
from scipy.special import logsumexp
from test_core_generalized import SHAPES, drawn
from test_core_random_dispersion import CASES
from test_core_random_inflation import assert_gradient, assert_minimum, core_terms, fit_whether

from multilevel import _core

N, LEVELS = 160, 16
STRUCTURES = ["same factor", "slopes", "nested", "crossed", "without the mean"]


class Case:
    """A model with random effects in all three predictors, and parameters to look at."""

    def __init__(self, family, link, structure, n=N, levels=LEVELS):
        rng = np.random.default_rng(8)
        a = np.concatenate([np.arange(levels), rng.integers(0, levels, n - levels)]).astype(np.int32)
        b, c = rng.integers(0, 5, n).astype(np.int32), rng.integers(0, 4, n).astype(np.int32)
        x, one, t = rng.standard_normal(n), np.ones(n), rng.uniform(-1, 1, n)
        centre = 2.0 if link in ("identity", "inverse") else 0.4
        eta = centre + 0.15 * x + 0.15 * rng.standard_normal(levels)[a]
        self.y, self.weights = drawn(family, INVERSE[link](eta), rng)
        self.y = np.where(rng.uniform(size=n) < 0.3, 0.0, self.y)
        self.offset = 0.05 * rng.standard_normal(n)
        self.X, D = np.column_stack([one, x]), np.column_stack([one, t])
        mean, zeros, scale, nested = Term(a, levels, self.X[:, :1]), D[:, :1], D[:, :1], (a // 4).astype(np.int32)
        self.parts = {
            "same factor": ([mean], [Term(a, levels, zeros)], [Term(a, levels, scale)]),
            "slopes": ([Term(a, levels, self.X)], [Term(a, levels, D)], [Term(a, levels, D)]),
            "nested": ([mean, Term(nested, 4, self.X, "diag")], [Term(nested, 4, D, "diag")], [Term(a, levels, scale)]),
            "crossed": ([mean, Term(b, 5, self.X)], [Term(c, 4, zeros)], [Term(b, 5, D)]),
            "without the mean": ([], [Term(b, 5, zeros)], [Term(a, levels, D)]),
        }[structure]
        self.family, self.link = family, link
        own = SHAPES.get(family, [-0.5])
        self.models = [D, *[None for _ in own[1:]], D]
        self.model = _core.GeneralizedMixed(
            self.y, [np.broadcast_to(1.0, (n,)), x], self.weights, self.offset, *core_terms([*chain(*self.parts)]),
            family, link, "observed",
            [[] if d is None else [np.ascontiguousarray(v) for v in d.T] for d in self.models],
            len(self.parts[1]), len(self.parts[2]),
        )  # fmt: skip
        theta = 0.3 * np.resize([0.8, 0.2, 1.5, 0.4, 1.1], self.model.n_theta)
        self.at = theta, np.array([centre + 0.02, 0.15]), np.array([own[0], 0.3, *own[1:], -0.7, 0.4])

    objective = test_core_random_dispersion.Case.objective

    def oracle(self):
        return evaluate_parts(
            *self.at, self.y, self.X, dict(zip(("cond", "zi", "disp"), self.parts, strict=True)), self.family,
            self.link, weights=self.weights, offset=self.offset, models=self.models, zeros=True,
        )  # fmt: skip


DENSE = [(*case, "same factor") for case in CASES if case[0] != "tweedie"]
DENSE += [("negative_binomial_2", "log", s) for s in STRUCTURES[1:]] + [("beta", "logit", s) for s in STRUCTURES[1:]]


@pytest.mark.parametrize(("family", "link", "structure"), DENSE)
def test_objective(family, link, structure):
    case = Case(family, link, structure)
    solution = case.model.solve(*case.at)
    want, at = case.oracle()
    assert solution.criterion == pytest.approx(want, rel=1e-8)
    assert case.model.objective(*case.at) == pytest.approx(solution.criterion, rel=1e-12)
    np.testing.assert_allclose(solution.eta, at["cond"], rtol=1e-7, atol=1e-7)
    modes = iter(solution.modes)
    effects = [sum((t.dense() @ next(modes) for t in terms), np.zeros(N)) for terms in case.parts]
    np.testing.assert_allclose(case.models[-1] @ case.at[2][-2:] + effects[1], at["zi"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(case.models[0] @ case.at[2][:2] + effects[2], at["disp"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("family", "link"), CASES)
def test_gradient(family, link, structure):
    assert_gradient(Case(family, link, structure))


@pytest.mark.parametrize(("family", "link"), CASES)
def test_gradient_of_quadrature(family, link):
    assert_gradient(Case(family, link, "same factor"), 5)


@pytest.mark.parametrize(("family", "link"), [("negative_binomial_2", "log"), ("gamma", "log")])
def test_quadrature_is_the_integral(family, link):
    """By nodes of the prior instead of the posterior distribution, in three dimensions."""
    case = Case(family, link, "same factor", n=32, levels=4)
    (theta, beta, shape), codes = case.at, case.parts[0][0].codes
    z, w = np.polynomial.hermite_e.hermegauss(40)
    grid = np.stack(np.meshgrid(z, z, z), axis=-1).reshape(-1, 3) * theta
    weight = np.log(np.multiply.outer(np.multiply.outer(w, w), w).ravel() / w.sum() ** 3)
    fixed = case.X @ beta + case.offset, case.models[-1] @ shape[-2:], case.models[0] @ shape[:2]
    total = 0.0
    for level in range(4):
        ll = weight.copy()
        for i in np.flatnonzero(codes == level):
            eta, logit, scale = (f[i] + g for f, g in zip(fixed, grid.T, strict=True))
            y, k = np.full(len(eta), case.y[i]), np.full(len(eta), case.weights[i])
            ll += inflated(family, y, k, np.exp(eta), [np.exp(scale)], logit)
        total -= 2 * logsumexp(ll)
    assert case.model.objective(*case.at, 25) == pytest.approx(total, abs=1e-6)
    assert case.model.objective(*case.at, 1) == pytest.approx(total, abs=1.0)


@pytest.mark.parametrize("structure", ["same factor", "crossed"])
@pytest.mark.parametrize(
    ("family", "link"), [("negative_binomial_2", "log"), ("gamma", "log"), ("gaussian", "identity")]
)
def test_minimum(family, link, structure):
    assert_minimum(Case(family, link, structure))


@pytest.mark.parametrize("structure", ["same factor", "slopes", "crossed"])
def test_parts_that_separate_are_fitted_apart(structure):
    """Zeros that the gamma family cannot have: the likelihood is that of whether, times that of how much."""
    case = Case("gamma", "log", structure)
    both = case.model.fit()
    zero, D = case.y == 0, case.models[0]
    whether = fit_whether(zero, D, case.parts[1])
    rows = np.flatnonzero(~zero)
    taken = [[Term(t.codes[rows], t.levels, t.Z[rows]) for t in case.parts[j]] for j in (0, 2)]
    much = _core.GeneralizedMixed(
        case.y[rows], [np.ascontiguousarray(x) for x in case.X[rows].T], case.weights[rows], case.offset[rows],
        *core_terms([*chain(*taken)]), "gamma", "log", "observed", [[np.ascontiguousarray(d) for d in D[rows].T]],
        dispersion_terms=len(taken[1]),
    ).fit()  # fmt: skip
    assert both.criterion == pytest.approx(whether.criterion + much.criterion, abs=1e-7)
    np.testing.assert_allclose(both.shape, [*much.shape, *whether.beta], atol=1e-3)
    np.testing.assert_allclose(both.vcov, much.vcov, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(both.vcov_shape[2:, 2:], whether.vcov, rtol=1e-3, atol=1e-6)
