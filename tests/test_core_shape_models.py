"""Zero inflation and dispersion models in the compiled core, against dense algebra and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import Term
from oracle_generalized import INVERSE, evaluate
from test_core_generalized import SHAPES, differences, drawn

from multilevel import _core
from multilevel.errors import FitError

N, LEVELS = 160, 16
CASES = [
    ("poisson", "log"), ("poisson", "sqrt"), ("binomial", "logit"), ("binomial", "probit"), ("gaussian", "identity"),
    ("gamma", "log"), ("inverse_gaussian", "log"), ("negative_binomial_2", "log"), ("negative_binomial_1", "log"),
    ("beta", "logit"), ("beta_binomial", "logit"), ("student_t", "identity"),
    ("tweedie", "log"), ("truncated_poisson", "log"), ("truncated_negative_binomial_2", "log"),
    ("truncated_negative_binomial_1", "log"), ("generalized_poisson", "log"), ("truncated_generalized_poisson", "log"),
]  # fmt: skip
STRUCTURES = ["intercepts", "slopes", "crossed"]


class Case:
    """A model with a dispersion model, zero inflation or both, and parameters to look at."""

    def __init__(self, family, link, structure, inflation, dispersion, nodes=1):
        rng = np.random.default_rng(11)
        a = np.concatenate([np.arange(LEVELS), rng.integers(0, LEVELS, N - LEVELS)]).astype(np.int32)
        b = rng.integers(0, 5, N).astype(np.int32)
        x, one, t = rng.standard_normal(N), np.ones(N), rng.uniform(-1, 1, N)
        centre = 2.0 if link in ("identity", "sqrt") else 0.4
        eta = centre + 0.2 * x + 0.3 * rng.standard_normal(LEVELS)[a]
        self.y, self.weights = drawn(family, INVERSE[link](eta), rng)
        if inflation:
            self.y = np.where(rng.uniform(size=N) < 0.3, 0.0, self.y)
        self.offset = 0.05 * rng.standard_normal(N)
        self.X = np.column_stack([one, x])
        Z = self.X if structure == "slopes" else self.X[:, :1]
        self.terms = [Term(a, LEVELS, Z)]
        if structure == "crossed":
            self.terms.append(Term(b, 5, self.X, "diag"))
        self.family, self.link, self.nodes, self.inflation = family, link, nodes, inflation
        own = [] if family in ("poisson", "binomial", "truncated_poisson") else SHAPES.get(family, [-0.5])
        design = np.column_stack([one, t])
        self.models = [design if dispersion and k == 0 else None for k in range(len(own))]
        shape = [v for k, value in enumerate(own) for v in ([value, 0.4] if dispersion and k == 0 else [value])]
        if inflation:
            self.models.append(design)
            shape += [-0.8, 0.5]
        factors = [(s.codes, s.levels) for s in self.terms]
        columns = [[np.ascontiguousarray(z) for z in s.Z.T] for s in self.terms]
        terms = [(i, z, int(s.structure == "diag")) for i, (z, s) in enumerate(zip(columns, self.terms, strict=True))]
        self.model = _core.GeneralizedMixed(
            self.y, [np.broadcast_to(1.0, (N,)), x], self.weights, self.offset, factors, terms,
            family, link, "observed",
            [[] if D is None else [np.ascontiguousarray(d) for d in D.T] for D in self.models],
        )  # fmt: skip
        theta = 0.3 * np.resize([0.8, 0.2, 0.5, 0.4], self.model.n_theta)
        self.at = (theta, np.array([centre + 0.02, 0.15]), np.array(shape))

    def objective(self, parameters):
        m = len(self.at[0])
        parts = parameters[:m], parameters[m : m + 2], parameters[m + 2 :]
        return self.model.objective(*(np.ascontiguousarray(part) for part in parts), self.nodes)

    def oracle(self):
        return evaluate(
            *self.at, self.y, self.X, self.terms, self.family, self.link, weights=self.weights, offset=self.offset,
            curvature="observed", nodes=self.nodes, models=self.models, inflation=self.inflation,
        )  # fmt: skip


def agrees(case):
    solution = case.model.solve(*case.at, case.nodes)
    want, eta = case.oracle()
    assert solution.criterion == pytest.approx(want, rel=1e-9)
    np.testing.assert_allclose(solution.eta, eta, rtol=1e-8, atol=1e-8)
    assert case.model.objective(*case.at, case.nodes) == pytest.approx(solution.criterion, rel=1e-12)
    slope = differences(case.objective, np.concatenate(case.at))
    np.testing.assert_allclose(solution.gradient, slope, rtol=1e-6, atol=1e-6 * max(1.0, np.abs(slope).max()))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("family", "link"), CASES)
def test_objective_and_gradient(family, link, structure):
    agrees(Case(family, link, structure, inflation=True, dispersion=False))
    if family not in ("poisson", "binomial"):
        agrees(Case(family, link, structure, inflation=False, dispersion=True))
        agrees(Case(family, link, structure, inflation=True, dispersion=True))


@pytest.mark.parametrize("structure", ["intercepts", "slopes"])
@pytest.mark.parametrize("family", ["poisson", "negative_binomial_2"])
def test_quadrature(family, structure):
    agrees(Case(family, "log", structure, inflation=True, dispersion=family != "poisson", nodes=5))


def test_a_model_of_one_column_of_ones_is_no_model():
    case = Case("negative_binomial_2", "log", "slopes", inflation=False, dispersion=False)
    factors = [(t.codes, t.levels) for t in case.terms]
    terms = [(0, [np.ascontiguousarray(z) for z in case.terms[0].Z.T], 0)]
    X = [np.ones(N), np.ascontiguousarray(case.X[:, 1])]
    given = case.y, X, case.weights, case.offset, factors, terms, case.family, case.link, "observed"
    plain = _core.GeneralizedMixed(*given).fit()
    modelled = _core.GeneralizedMixed(*given, [[np.ones(N)]]).fit()
    assert modelled.criterion == pytest.approx(plain.criterion, abs=1e-9)
    np.testing.assert_allclose(modelled.shape, plain.shape, atol=1e-5)


@pytest.mark.parametrize(
    ("family", "link"), [c for c in CASES if c[0] not in ("binomial", "student_t", "beta_binomial", "tweedie")]
)
def test_fit_is_stationary_and_no_neighbour_is_better(family, link):
    case = Case(family, link, "intercepts", inflation=True, dispersion=family != "poisson")
    fit = case.model.fit()
    assert fit.converged, (fit.path, fit.decrement, fit.boundary_slope)
    np.testing.assert_allclose(fit.gradient[1:], 0, atol=1e-3)
    best, rng = np.concatenate([fit.theta, fit.beta, fit.shape]), np.random.default_rng(1)
    for _ in range(10):
        assert case.objective(best + 0.05 * rng.standard_normal(len(best))) > fit.criterion - 1e-8


def test_refused():
    y, one, codes = np.array([0.0, 1.0, 3.0, 0.0]), np.ones(4), np.array([0, 0, 1, 1], np.int32)
    given = y, [one], None, None, [(codes, 2)], [(0, [one], 0)]
    with pytest.raises(FitError, match="observed information only"):
        _core.GeneralizedMixed(*given, "poisson", "sqrt", "expected", [[one]])
    with pytest.raises(FitError, match="one model for each shape"):
        _core.GeneralizedMixed(*given, "negative_binomial_2", "log", None, [[one], [one], [one]])
    with pytest.raises(FitError, match="cannot be told apart"):
        _core.GeneralizedMixed(*given, "poisson", "log", None, [[one, one]]).fit()
