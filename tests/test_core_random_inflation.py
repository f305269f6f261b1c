"""Random effects in the zero inflation, in the core: dense algebra, finite differences, parts that separate."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import Term
from oracle_generalized import INVERSE, evaluate_parts
from test_core_generalized import SHAPES, differences, drawn

from multilevel import _core
from multilevel.errors import FitError

N, LEVELS = 160, 16
CASES = [
    ("poisson", "log"), ("poisson", "sqrt"), ("binomial", "logit"), ("gamma", "log"), ("gaussian", "identity"),
    ("negative_binomial_2", "log"), ("negative_binomial_1", "log"), ("generalized_poisson", "log"), ("beta", "logit"),
    ("beta_binomial", "logit"),
]  # fmt: skip
STRUCTURES = ["same factor", "slopes", "crossed", "nested", "three factors", "inflation alone"]


def core_terms(terms):
    """Factors and terms as the core takes them; equal codes are one factor."""
    factors, made = [], []
    for t in terms:
        place = next((i for i, (codes, _) in enumerate(factors) if codes is t.codes), len(factors))
        if place == len(factors):
            factors.append((t.codes, t.levels))
        made.append((place, [np.ascontiguousarray(z) for z in t.Z.T], int(t.structure == "diag")))
    return factors, made


class Case:
    """A model with random effects in mean and zero inflation, and parameters to look at."""

    def __init__(self, family, link, structure):
        rng = np.random.default_rng(5)
        a = np.concatenate([np.arange(LEVELS), rng.integers(0, LEVELS, N - LEVELS)]).astype(np.int32)
        b, c = rng.integers(0, 5, N).astype(np.int32), rng.integers(0, 4, N).astype(np.int32)
        x, one, t = rng.standard_normal(N), np.ones(N), rng.uniform(-1, 1, N)
        centre = 2.0 if link in ("identity", "sqrt") else 0.4
        eta = centre + 0.2 * x + 0.3 * rng.standard_normal(LEVELS)[a]
        self.y, self.weights = drawn(family, INVERSE[link](eta), rng)
        logit = -0.8 + 0.5 * t + 0.7 * rng.standard_normal(LEVELS)[a]
        self.y = np.where(rng.uniform(size=N) < 1 / (1 + np.exp(-logit)), 0.0, self.y)
        self.offset = 0.05 * rng.standard_normal(N)
        self.X, D = np.column_stack([one, x]), np.column_stack([one, t])
        mean, nested = Term(a, LEVELS, self.X[:, :1]), (a // 4).astype(np.int32)
        self.terms, self.zero_terms = {
            "same factor": ([mean], [Term(a, LEVELS, D[:, :1])]),
            "slopes": ([Term(a, LEVELS, self.X)], [Term(a, LEVELS, D)]),
            "crossed": ([mean], [Term(b, 5, D[:, :1])]),
            "nested": ([mean, Term(nested, 4, self.X, "diag")], [Term(nested, 4, D, "diag")]),
            "three factors": ([mean, Term(b, 5, self.X)], [Term(c, 4, D[:, :1]), Term(b, 5, D[:, :1])]),
            "inflation alone": ([], [Term(a, LEVELS, D)]),
        }[structure]
        self.family, self.link = family, link
        own = [] if family in ("poisson", "binomial") else SHAPES.get(family, [-0.5])
        self.models = [None for _ in own] + [D]
        factors, terms = core_terms([*self.terms, *self.zero_terms])
        self.model = _core.GeneralizedMixed(
            self.y, [np.broadcast_to(1.0, (N,)), x], self.weights, self.offset, factors, terms, family, link,
            "observed", [[] if d is None else [np.ascontiguousarray(v) for v in d.T] for d in self.models],
            len(self.zero_terms),
        )  # fmt: skip
        theta = 0.3 * np.resize([0.8, 0.2, 1.5, 0.4, 1.1], self.model.n_theta)
        self.at = (theta, np.array([centre + 0.02, 0.15]), np.array([*own, -0.8, 0.5]))

    def objective(self, parameters, n_agq=1):
        m = len(self.at[0])
        parts = parameters[:m], parameters[m : m + 2], parameters[m + 2 :]
        return self.model.objective(*(np.ascontiguousarray(part) for part in parts), n_agq)

    def oracle(self):
        return evaluate_parts(
            *self.at, self.y, self.X, {"cond": self.terms, "zi": self.zero_terms}, self.family, self.link,
            weights=self.weights, offset=self.offset, models=self.models, zeros=True,
        )  # fmt: skip


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("family", "link"), CASES)
def test_objective_and_gradient(family, link, structure):
    case = Case(family, link, structure)
    solution = case.model.solve(*case.at)
    want, at = case.oracle()
    assert solution.criterion == pytest.approx(want, rel=1e-9)
    np.testing.assert_allclose(solution.eta, at["cond"], rtol=1e-8, atol=1e-8)
    effects = solution.modes[len(case.terms) :]
    inside = sum(t.dense() @ b for t, b in zip(case.zero_terms, effects, strict=True))  # the random part of the logit
    np.testing.assert_allclose(case.models[-1] @ case.at[2][-2:] + inside, at["zi"], rtol=1e-7, atol=1e-7)
    assert case.model.objective(*case.at) == pytest.approx(solution.criterion, rel=1e-12)
    assert_gradient(case)


def assert_gradient(case, n_agq=1):
    """That of the core is the slope of its objective, by differences."""
    slope = differences(lambda x: case.objective(x, n_agq), np.concatenate(case.at))
    gradient = case.model.solve(*case.at, n_agq).gradient
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-6 * max(1.0, np.abs(slope).max()))


def fit_whether(zero, D, terms):
    """The model of whether a response is zero, by itself."""
    ones = [np.ones(N), np.ascontiguousarray(D[:, 1])]
    return _core.GeneralizedMixed(zero.astype(float), ones, None, None, *core_terms(terms), "binomial", "logit").fit()


def assert_minimum(case):
    """The fit is stationary, and no neighbour is better."""
    fit = case.model.fit()
    assert fit.converged, (fit.path, fit.decrement, fit.boundary_slope)
    assert fit.boundary_slope > -1e-6
    best, rng = np.concatenate([fit.theta, fit.beta, fit.shape]), np.random.default_rng(1)
    np.testing.assert_allclose(fit.gradient[len(fit.theta) :], 0, atol=1e-3)
    for _ in range(10):
        assert case.objective(best + 0.05 * rng.standard_normal(len(best))) > fit.criterion - 1e-8


@pytest.mark.parametrize("structure", ["same factor", "inflation alone"])
@pytest.mark.parametrize(("family", "link"), CASES)
def test_gradient_of_quadrature(family, link, structure):
    assert_gradient(Case(family, link, structure), 5)


@pytest.mark.parametrize("structure", ["same factor", "crossed"])
@pytest.mark.parametrize(("family", "link"), [c for c in CASES if "binomial" not in c[0] and c[1] != "sqrt"])
def test_minimum(family, link, structure):
    assert_minimum(Case(family, link, structure))


@pytest.mark.parametrize("structure", ["same factor", "slopes", "crossed"])
def test_parts_that_separate_are_fitted_apart(structure):
    """Zeros that the gamma family cannot have: the likelihood is that of whether, times that of how much."""
    case = Case("gamma", "log", structure)
    both = case.model.fit()
    zero = case.y == 0
    whether = fit_whether(zero, case.models[-1], case.zero_terms)
    rows = np.flatnonzero(~zero)
    taken = [Term(t.codes[rows], t.levels, t.Z[rows]) for t in case.terms]
    X = [np.ascontiguousarray(x) for x in case.X[rows].T]
    much = _core.GeneralizedMixed(
        case.y[rows], X, case.weights[rows], case.offset[rows], *core_terms(taken), "gamma", "log"
    ).fit()
    assert both.criterion == pytest.approx(whether.criterion + much.criterion, abs=1e-8)
    np.testing.assert_allclose(both.theta, [*much.theta, *whether.theta], atol=1e-4)
    np.testing.assert_allclose(both.beta, much.beta, atol=1e-5)
    np.testing.assert_allclose(both.shape[1:], whether.beta, atol=1e-5)
    np.testing.assert_allclose(both.vcov, much.vcov, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(both.vcov_shape[1:, 1:], whether.vcov, rtol=1e-4, atol=1e-6)


def test_refused():
    y, one, codes = np.array([0.0, 1.0, 3.0, 0.0]), np.ones(4), np.array([0, 0, 1, 1], np.int32)
    given = y, [one], None, None, [(codes, 2)], [(0, [one], 0), (0, [one], 0)]
    with pytest.raises(ValueError, match="inflation_terms"):
        _core.GeneralizedMixed(*given, "poisson", "log", "observed", [], 1)
    with pytest.raises(FitError, match="go with a model of it"):
        _core.GeneralizedMixed(*given, "negative_binomial_2", "log", "observed", [[one]], 1)
