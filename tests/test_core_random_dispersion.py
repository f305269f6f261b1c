"""Random effects in the dispersion, in the core: dense algebra, finite differences, stationary fits."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import Term
from oracle_generalized import INVERSE, evaluate_parts
from test_core_generalized import SHAPES, drawn
from test_core_random_inflation import assert_gradient, assert_minimum, core_terms

from multilevel import _core
from multilevel.errors import FitError

N, LEVELS = 160, 16
CASES = [
    ("gaussian", "identity"), ("gaussian", "log"), ("gamma", "log"), ("gamma", "inverse"), ("inverse_gaussian", "log"),
    ("negative_binomial_2", "log"), ("negative_binomial_1", "log"), ("beta", "logit"), ("beta_binomial", "logit"),
    ("student_t", "identity"), ("tweedie", "log"), ("truncated_negative_binomial_2", "log"),
    ("truncated_negative_binomial_1", "log"), ("generalized_poisson", "log"), ("truncated_generalized_poisson", "log"),
]  # fmt: skip
STRUCTURES = ["same factor", "slopes", "crossed", "nested", "dispersion alone"]


class Case:
    """A model with random effects in mean and dispersion, and parameters to look at."""

    def __init__(self, family, link, structure, zeros=False):
        rng = np.random.default_rng(6)
        a = np.concatenate([np.arange(LEVELS), rng.integers(0, LEVELS, N - LEVELS)]).astype(np.int32)
        b = rng.integers(0, 5, N).astype(np.int32)
        x, one, t = rng.standard_normal(N), np.ones(N), rng.uniform(-1, 1, N)
        centre = 2.0 if link in ("identity", "inverse") else 0.4
        eta = centre + 0.15 * x + 0.15 * rng.standard_normal(LEVELS)[a]
        self.y, self.weights = drawn(family, INVERSE[link](eta), rng)
        self.offset = 0.05 * rng.standard_normal(N)
        self.X, D = np.column_stack([one, x]), np.column_stack([one, t])
        mean, nested = Term(a, LEVELS, self.X[:, :1]), (a // 4).astype(np.int32)
        self.terms, self.second_terms = {
            "same factor": ([mean], [Term(a, LEVELS, D[:, :1])]),
            "slopes": ([Term(a, LEVELS, self.X)], [Term(a, LEVELS, D)]),
            "crossed": ([mean], [Term(b, 5, D[:, :1])]),
            "nested": ([mean, Term(nested, 4, self.X, "diag")], [Term(nested, 4, D, "diag")]),
            "dispersion alone": ([], [Term(a, LEVELS, D)]),
        }[structure]
        self.family, self.link = family, link
        own = SHAPES.get(family, [-0.5])
        self.models = [D, *[None for _ in own[1:]], *([D] if zeros else [])]
        self.zeros = zeros
        if zeros:
            self.y = np.where(rng.uniform(size=N) < 0.3, 0.0, self.y)
        self.model = _core.GeneralizedMixed(
            self.y, [np.broadcast_to(1.0, (N,)), x], self.weights, self.offset,
            *core_terms([*self.terms, *self.second_terms]), family, link,
            "observed", [[] if d is None else [np.ascontiguousarray(v) for v in d.T] for d in self.models],
            dispersion_terms=len(self.second_terms),
        )  # fmt: skip
        theta = 0.3 * np.resize([0.8, 0.2, 1.5, 0.4, 1.1], self.model.n_theta)
        self.at = (
            theta,
            np.array([centre + 0.02, 0.15]),
            np.array([own[0], 0.3, *own[1:], *([-0.7, 0.4] if zeros else [])]),
        )

    def objective(self, parameters, n_agq=1):
        m = len(self.at[0])
        parts = parameters[:m], parameters[m : m + 2], parameters[m + 2 :]
        return self.model.objective(*(np.ascontiguousarray(part) for part in parts), n_agq)

    def oracle(self):
        return evaluate_parts(
            *self.at, self.y, self.X, {"cond": self.terms, "disp": self.second_terms}, self.family, self.link,
            weights=self.weights, offset=self.offset, models=self.models, zeros=self.zeros,
        )  # fmt: skip


TABLE = [
    (*case, structure)
    for case in CASES
    for structure in STRUCTURES
    if case[0] != "tweedie" or structure == "same factor"  # whose densities by dense algebra take their time
]


@pytest.mark.parametrize(("family", "link", "structure"), TABLE)
def test_objective_and_gradient(family, link, structure):
    case = Case(family, link, structure)
    solution = case.model.solve(*case.at)
    want, at = case.oracle()
    assert solution.criterion == pytest.approx(want, rel=1e-8)
    np.testing.assert_allclose(solution.eta, at["cond"], rtol=1e-7, atol=1e-7)
    effects = solution.modes[len(case.terms) :]
    inside = sum(t.dense() @ b for t, b in zip(case.second_terms, effects, strict=True))
    np.testing.assert_allclose(case.models[0] @ case.at[2][:2] + inside, at["disp"], rtol=1e-6, atol=1e-6)
    assert case.model.objective(*case.at) == pytest.approx(solution.criterion, rel=1e-12)
    assert_gradient(case)


@pytest.mark.parametrize("structure", ["same factor", "crossed"])
@pytest.mark.parametrize(("family", "link"), CASES)
def test_zeros_beside(family, link, structure):
    """A model of zero inflation with fixed effects in the same likelihood."""
    case = Case(family, link, structure, zeros=True)
    if family != "tweedie":
        assert case.model.solve(*case.at).criterion == pytest.approx(case.oracle()[0], rel=1e-8)
    assert_gradient(case)
    if structure == "same factor":
        assert_gradient(case, 5)


@pytest.mark.parametrize("structure", ["same factor", "dispersion alone"])
@pytest.mark.parametrize(("family", "link"), CASES)
def test_gradient_of_quadrature(family, link, structure):
    assert_gradient(Case(family, link, structure), 5)


@pytest.mark.parametrize("structure", ["same factor", "crossed"])
@pytest.mark.parametrize(
    ("family", "link"), [c for c in CASES if c[1] in ("identity", "log") and "binomial" not in c[0]]
)
def test_minimum(family, link, structure):
    assert_minimum(Case(family, link, structure))


def test_refused():
    y, one, codes = np.array([0.5, 1.0, 3.0, 0.0]), np.ones(4), np.array([0, 0, 1, 1], np.int32)
    given = y, [one], None, None, [(codes, 2)], [(0, [one], 0), (0, [one], 0)]
    with pytest.raises(ValueError, match="dispersion_terms"):
        _core.GeneralizedMixed(*given, "gaussian", "identity", "observed", [[one]], 1, 2)
    with pytest.raises(FitError, match="go with a family that has one"):
        _core.GeneralizedMixed(*given, "poisson", "log", "observed", [[one]], dispersion_terms=1)
    with pytest.raises(FitError, match="observed information only"):
        _core.GeneralizedMixed(*given, "gamma", "log", "expected", [[one]], dispersion_terms=1)
