"""The compiled core of generalized models against dense algebra, finite differences and known optima."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import Term
from oracle_generalized import INVERSE, evaluate

from multilevel import _core
from multilevel.datasets import load
from multilevel.errors import FitError

N, LEVELS = 160, 16
PAIRS = [
    ("binomial", ["logit", "probit", "cloglog", "cauchit", "log", "identity"]),
    ("poisson", ["log", "sqrt", "identity"]),
    ("gaussian", ["identity", "log", "inverse"]),
    ("gamma", ["log", "inverse", "identity"]),
    ("inverse_gaussian", ["log", "1/mu^2", "inverse"]),
    ("negative_binomial_2", ["log", "sqrt", "identity"]),
    ("negative_binomial_1", ["log", "sqrt"]),
    ("generalized_poisson", ["log", "sqrt"]),
    ("beta", ["logit", "probit", "cloglog", "cauchit"]),
    ("beta_binomial", ["logit", "probit", "cloglog"]),
    ("student_t", ["identity", "log"]),
    ("tweedie", ["log"]),
    ("truncated_poisson", ["log", "sqrt"]),
    ("truncated_negative_binomial_2", ["log"]),
    ("truncated_negative_binomial_1", ["log"]),
    ("truncated_generalized_poisson", ["log"]),
]
FAMILY_LINKS = [(family, link) for family, links in PAIRS for link in links]
SHAPES = {
    "negative_binomial_2": [0.9], "beta": [1.6], "beta_binomial": [1.4], "student_t": [-0.5, 1.2],
    "tweedie": [-0.3, 0.2], "truncated_negative_binomial_2": [0.9],
    "generalized_poisson": [0.5], "truncated_generalized_poisson": [0.5],
}  # fmt: skip
STRUCTURES = ["intercepts", "slopes", "crossed", "nested", "three factors", "quadrature", "quadrature of slopes"]


def shape_of(family):
    return np.array([] if family in ("binomial", "poisson", "truncated_poisson") else SHAPES.get(family, [-0.5]))


def drawn(family, mu, rng):
    """A response with this mean, and weights."""
    n = len(mu)
    trials = rng.integers(2, 8, n).astype(float)
    match family:
        case "binomial":
            return rng.binomial(trials.astype(int), mu) / trials, trials
        case "beta_binomial":
            return rng.binomial(trials.astype(int), rng.beta(4 * mu, 4 * (1 - mu))) / trials, trials
    y = {
        "poisson": lambda: rng.poisson(mu),
        "gaussian": lambda: mu + 0.5 * rng.standard_normal(n),
        "gamma": lambda: rng.gamma(3, mu / 3),
        "inverse_gaussian": lambda: rng.wald(mu, 4 * mu),
        "negative_binomial_2": lambda: rng.poisson(mu * rng.gamma(2, 0.5, n)),
        "negative_binomial_1": lambda: rng.poisson(rng.gamma(mu / 0.7, 0.7)),
        "generalized_poisson": lambda: rng.poisson(rng.gamma(mu / 0.7, 0.7)),
        "beta": lambda: np.clip(rng.beta(5 * mu, 5 * (1 - mu)), 1e-4, 1 - 1e-4),
        "student_t": lambda: mu + 0.5 * rng.standard_t(4, n),
        "tweedie": lambda: rng.gamma(np.maximum(rng.poisson(mu), 1e-200), 1.0),
        "truncated_poisson": lambda: 1 + rng.poisson(mu),
        "truncated_negative_binomial_2": lambda: 1 + rng.poisson(mu * rng.gamma(2, 0.5, n)),
        "truncated_negative_binomial_1": lambda: 1 + rng.poisson(rng.gamma(mu / 0.7, 0.7)),
        "truncated_generalized_poisson": lambda: 1 + rng.poisson(rng.gamma(mu / 0.7, 0.7)),
    }[family]()
    return np.asarray(y, float), rng.uniform(0.5, 2, n)


class Case:
    """One model of the table, with parameters to look at."""

    def __init__(self, family, link, structure, curvature):
        rng = np.random.default_rng(7)
        a = np.concatenate([np.arange(LEVELS), rng.integers(0, LEVELS, N - LEVELS)]).astype(np.int32)
        b = (a // 4 if structure == "nested" else rng.integers(0, 5, N)).astype(np.int32)
        x, one = rng.standard_normal(N), np.ones(N)
        share = family in ("binomial", "beta_binomial", "beta")
        size = 0.1 if link == "identity" or (share and link == "log") else 0.3
        centre = {"log": -1.2 if share else 0.3, "identity": 0.5 if share else 2.5}.get(link, 0.3)
        centre = 2.5 if link in ("inverse", "1/mu^2", "sqrt") else centre
        eta = centre + 0.4 * size * x + size * rng.standard_normal(LEVELS)[a]
        self.y, self.weights = drawn(family, INVERSE[link](eta), rng)
        self.offset = 0.05 * rng.standard_normal(N)
        self.X = np.column_stack([one, x])
        self.nodes = 5 if structure.startswith("quadrature") else 1
        Z = self.X if structure in ("slopes", "nested", "quadrature of slopes") else self.X[:, :1]
        self.terms = [Term(a, LEVELS, Z)]
        if structure in ("crossed", "nested"):
            self.terms.append(Term(b, int(b.max()) + 1, self.X, "diag"))
        if structure == "three factors":
            c = rng.integers(0, 4, N).astype(np.int32)
            self.terms += [Term(b, 5, self.X), Term(c, 4, self.X[:, :1])]
        self.family, self.link, self.curvature = family, link, curvature
        factors = [(t.codes, t.levels) for t in self.terms]
        terms = [
            (i, [np.ascontiguousarray(z) for z in t.Z.T], int(t.structure == "diag")) for i, t in enumerate(self.terms)
        ]
        self.model = _core.GeneralizedMixed(
            self.y, [np.broadcast_to(1.0, (N,)), x], self.weights, self.offset, factors, terms, family, link, curvature
        )
        theta = size * np.resize([0.8, 0.2, 0.5, 0.4], self.model.n_theta)
        self.at = (theta, np.array([centre + 0.02, 0.3 * size]), shape_of(family))

    def objective(self, parameters):
        m = len(self.at[0])
        parts = parameters[:m], parameters[m : m + 2], parameters[m + 2 :]
        return self.model.objective(*(np.ascontiguousarray(part) for part in parts), self.nodes)

    def gradient(self, parameters):
        m = len(self.at[0])
        parts = parameters[:m], parameters[m : m + 2], parameters[m + 2 :]
        return self.model.solve(*(np.ascontiguousarray(part) for part in parts), self.nodes).gradient

    def oracle(self):
        return evaluate(
            *self.at, self.y, self.X, self.terms, self.family, self.link,
            weights=self.weights, offset=self.offset, curvature=self.curvature, nodes=self.nodes,
        )  # fmt: skip


def differences(f, at, step=1e-5):
    """Central differences of fourth order."""
    return np.array(
        [(8 * (f(at + h) - f(at - h)) - f(at + 2 * h) + f(at - 2 * h)) / (12 * step) for h in step * np.eye(len(at))]
    )


@pytest.fixture(params=STRUCTURES)
def structure(request):
    return request.param


def curvatures(family):
    observed = family in ("negative_binomial_1", "generalized_poisson", "beta_binomial") or family.startswith(
        "truncated"
    )
    return ["observed"] if observed else ["expected", "observed"]


@pytest.mark.parametrize(("family", "link"), FAMILY_LINKS)
def test_objective_and_gradient(family, link, structure):
    for curvature in curvatures(family):
        case = Case(family, link, structure, curvature)
        solution = case.model.solve(*case.at, case.nodes)
        want, eta = case.oracle()
        assert solution.criterion == pytest.approx(want, rel=1e-9)
        np.testing.assert_allclose(solution.eta, eta, rtol=1e-8, atol=1e-8)
        assert case.model.objective(*case.at, case.nodes) == pytest.approx(solution.criterion, rel=1e-12)
        slope = differences(case.objective, np.concatenate(case.at))
        np.testing.assert_allclose(solution.gradient, slope, rtol=1e-6, atol=1e-6 * max(1.0, np.abs(slope).max()))


@pytest.mark.parametrize("structure", ["intercepts", "slopes", "crossed", "nested"])
@pytest.mark.parametrize(("family", "link"), FAMILY_LINKS)
def test_hessian(family, link, structure):
    """Exact against differences of fourth order, in units of what its parameters' own curvatures are."""
    for curvature in curvatures(family):
        case = Case(family, link, structure, curvature)
        got = case.model.solve(*case.at, hessian=True).hessian
        want = differences(case.gradient, np.concatenate(case.at), 5e-4)
        scale = np.sqrt(np.abs(np.diag(want)))
        np.testing.assert_allclose(got / np.outer(scale, scale), want / np.outer(scale, scale), rtol=1e-6, atol=1e-6)


def test_one_node_is_laplace_and_many_nodes_agree():
    case = Case("binomial", "logit", "quadrature of slopes", "expected")
    values = [case.model.objective(*case.at, nodes) for nodes in (1, 5, 11, 15)]
    assert values[0] == pytest.approx(Case("binomial", "logit", "slopes", "expected").oracle()[0], rel=1e-9)
    assert abs(values[1] - values[3]) < 0.1 * abs(values[0] - values[3])
    assert values[2] == pytest.approx(values[3], abs=1e-5)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "cauchit"])
def test_tails(link):
    """Predictors far out: finite value, and a gradient that is the value's."""
    y, x = np.array([0.0, 1.0] * 6), np.linspace(-1, 1, 12)
    codes = np.arange(12, dtype=np.int32) // 4
    model = _core.GeneralizedMixed(
        y, [np.ones(12), x], None, None, [(codes, 3)], [(0, [np.ones(12)], 0)], "binomial", link
    )
    for beta in ([0.0, 3.0], [-5.0, 1.0], [2.0, -20.0] if link != "cloglog" else [0.5, -4.0]):
        solution = model.solve(np.array([0.5]), np.array(beta), np.empty(0))
        assert np.isfinite(solution.criterion)
        slope = differences(lambda p: model.objective(p[:1].copy(), p[1:].copy(), np.empty(0)), np.array([0.5, *beta]))
        np.testing.assert_allclose(solution.gradient, slope, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("family", "link"),
    [
        ("binomial", "logit"), ("binomial", "cloglog"), ("poisson", "log"), ("gamma", "log"), ("gaussian", "identity"),
        ("inverse_gaussian", "log"), ("negative_binomial_2", "log"), ("negative_binomial_1", "log"), ("beta", "logit"),
        ("generalized_poisson", "log"),
        ("beta_binomial", "logit"), ("student_t", "identity"), ("tweedie", "log"), ("truncated_poisson", "log"),
    ],
)  # fmt: skip
def test_fit_is_stationary_and_no_neighbour_is_better(family, link, structure):
    case = Case(family, link, structure, "observed")
    fixed = [False, True] if family == "student_t" else False  # 160 rows do not tell the df
    fit = case.model.fit(case.nodes, start_shape=case.at[2] if family == "student_t" else None, fixed_shape=fixed)
    assert fit.converged, (fit.path, fit.decrement, fit.boundary_slope)
    assert fit.boundary_slope > -1e-6
    again = case.model.solve(fit.theta, fit.beta, fit.shape, case.nodes, hessian=True)
    assert again.criterion == pytest.approx(fit.criterion, rel=1e-11)
    free = np.arange(len(fit.gradient)) < len(fit.gradient) - (family == "student_t")
    np.testing.assert_allclose(again.gradient[free], 0, atol=1e-3)
    inside = np.isinf(fit.boundary_slope)
    if inside:
        scale = np.sqrt(np.abs(np.diag(fit.hessian)))[free]
        apart = (fit.hessian - again.hessian)[np.ix_(free, free)] / np.outer(scale, scale)
        np.testing.assert_allclose(apart, 0, atol=2e-3)
    rng = np.random.default_rng(1)
    best = np.concatenate([fit.theta, fit.beta, fit.shape])
    for _ in range(10):
        assert case.objective(best + 0.05 * free * rng.standard_normal(len(best))) > fit.criterion - 1e-8


def test_hessian_is_the_slope_of_the_gradient():
    case = Case("negative_binomial_2", "log", "slopes", "observed")
    fit = case.model.fit()
    at = fit.theta, fit.beta, fit.shape
    got = case.model.solve(*at, 1, hessian=True)

    want = differences(case.gradient, np.concatenate(at), 1e-4)
    np.testing.assert_allclose(got.hessian, want, rtol=1e-5, atol=1e-5 * np.abs(want).max())
    np.testing.assert_allclose(got.vcov, 2 * np.linalg.inv(want)[3:5, 3:5], rtol=1e-4)
    np.testing.assert_allclose(fit.vcov, got.vcov, rtol=1e-4)


def test_equal_rows_are_merged_exactly():
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 10, 400).astype(np.int32)
    x = rng.integers(0, 3, 400).astype(float)
    eta = 0.3 * x + rng.standard_normal(10)[codes]
    y = (rng.random(400) < 1 / (1 + np.exp(-eta))).astype(float)
    one = np.ones(400)
    merged = _core.GeneralizedMixed(y, [one, x], None, None, [(codes, 10)], [(0, [one, x], 0)], "binomial", "logit")
    tiny = 1e-13 * np.arange(400)  # all rows different
    apart = _core.GeneralizedMixed(y, [one, x], None, tiny, [(codes, 10)], [(0, [one, x], 0)], "binomial", "logit")
    assert merged.merged_rows <= 30
    assert apart.merged_rows == 400
    at = np.array([0.7, 0.1, 0.3]), np.array([0.1, 0.2]), np.empty(0)
    a, b = merged.solve(*at), apart.solve(*at)
    assert a.criterion == pytest.approx(b.criterion, rel=1e-12)
    assert a.conditional_deviance == pytest.approx(b.conditional_deviance, rel=1e-10)
    np.testing.assert_allclose(a.gradient, b.gradient, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(a.eta, b.eta, rtol=1e-10, atol=1e-10)


def test_posterior_is_the_inverse_curvature():
    case = Case("poisson", "log", "crossed", "expected")
    blocks = case.model.posterior(*case.at)
    eta = case.oracle()[1]
    from oracle import lambda_blocks
    from scipy.linalg import block_diag

    lam = block_diag(
        *[np.kron(np.eye(t.levels), L) for t, L in zip(case.terms, lambda_blocks(case.terms, case.at[0]), strict=True)]
    )
    U = np.hstack([t.dense() for t in case.terms]) @ lam
    P = lam @ np.linalg.inv(U.T @ ((case.weights * np.exp(eta))[:, None] * U) + np.eye(U.shape[1])) @ lam.T
    at = 0
    for got, t in zip(blocks, case.terms, strict=True):
        k = t.Z.shape[1]
        for v in range(t.levels):
            here = slice(at + v * k, at + (v + 1) * k)
            np.testing.assert_allclose(got[v], P[here, here], rtol=1e-7, atol=1e-10)
        at += t.levels * k


def test_dense_core_of_many_levels():
    """Panels, tiles, and a selected inverse of the first factor's couplings too."""
    rng = np.random.default_rng(5)
    n, l1, l2 = 900, 140, 110
    a, b = (np.concatenate([np.arange(k), rng.integers(0, k, n - k)]).astype(np.int32) for k in (l1, l2))
    y = rng.poisson(np.exp(0.5 * rng.standard_normal(l1)[a] + 0.5 * rng.standard_normal(l2)[b])).astype(float)
    one = np.ones(n)
    model = _core.GeneralizedMixed(
        y, [one], None, None, [(a, l1), (b, l2)], [(0, [one], 0), (1, [one], 0)], "poisson", "log"
    )
    assert model.engine == "dense core"
    at = np.array([0.6, 0.4]), np.array([0.1]), np.empty(0)
    terms = [Term(a, l1, one[:, None]), Term(b, l2, one[:, None])]
    want, _ = evaluate(*at, y, one[:, None], terms, "poisson", "log", weights=None, offset=None, curvature="expected")
    got = model.solve(*at)
    assert got.criterion == pytest.approx(want, rel=1e-10)
    slope = differences(lambda p: model.objective(p[:2].copy(), p[2:].copy(), at[2]), np.concatenate(at))
    np.testing.assert_allclose(got.gradient, slope, rtol=1e-6, atol=1e-5)


def grouped(data, *names):
    """Random intercepts."""
    factors = [(data[n].cat.codes.to_numpy(np.int32), len(data[n].cat.categories)) for n in names]
    one = np.ones(len(data))
    return factors, [(i, [one], 0) for i in range(len(names))]


def indicators(column):
    """Treatment contrasts."""
    return [(column == c).to_numpy(float) for c in column.cat.categories[1:]]


def test_cbpp():
    """Herd intercepts: dev + |u|^2 + log|Omega| = 100.09585620707632; lme4 at nAGQ = 25: 100.01003053."""
    data = load("cbpp")
    size, one = data["size"].to_numpy(float), np.ones(len(data))
    X = [one, *indicators(data["period"])]
    model = _core.GeneralizedMixed(
        data["incidence"].to_numpy() / size, X, size, None, *grouped(data, "herd"), "binomial", "logit"
    )
    fit = model.fit()
    assert fit.criterion == pytest.approx(2 * 92.02628187149718, abs=1e-7)
    assert fit.conditional_deviance + fit.penalty + fit.logdet == pytest.approx(100.09585620707632, abs=1e-7)
    assert fit.theta[0] == pytest.approx(0.64226, abs=1e-5)
    quadrature = model.fit(25)
    constants = -2 * fit.conditional_log_likelihood - fit.conditional_deviance
    assert quadrature.criterion - constants == pytest.approx(100.01003053, abs=1e-7)


def test_contraception():
    """Published optima: intercepts of districts by urban 2361.54577 (Laplace) and 2360.876088 (7 nodes)."""
    data = load("contraception")
    age, y = data["age"].to_numpy(float), (data["use"] == "Y").to_numpy(float)
    X = [np.ones(len(data)), age, age**2, *indicators(data["urban"]), *indicators(data["livch"])]
    cells, codes = np.unique(data["district"].astype(str) + data["urban"].astype(str), return_inverse=True)
    term = [(0, [np.ones(len(data))], 0)]
    model = _core.GeneralizedMixed(y, X, None, None, [(codes.astype(np.int32), len(cells))], term, "binomial", "logit")
    assert model.fit().criterion == pytest.approx(2361.54577, abs=1e-4)
    assert model.fit(7).criterion == pytest.approx(2360.876088, abs=1e-4)
    model = _core.GeneralizedMixed(y, X, None, None, *grouped(data, "district"), "binomial", "logit")
    assert model.fit().criterion == pytest.approx(2372.7285823673274, abs=1e-6)  # lme4, tightened
    assert model.fit(0).criterion == pytest.approx(2372.784429203883, abs=1e-6)
    assert model.fit(9).criterion == pytest.approx(2372.458885, abs=1e-5)


def test_verbagg():
    """Crossed persons and items: 8151.40 (anger, gender, behaviour type, situation)."""
    data = load("verbagg")
    X = [np.ones(len(data)), data["anger"].to_numpy(float)]
    X += [c for name in ("gender", "btype", "situ") for c in indicators(data[name])]
    y = (data["r2"] == "Y").to_numpy(float)
    fit = _core.GeneralizedMixed(y, X, None, None, *grouped(data, "id", "item"), "binomial", "logit").fit()
    assert fit.criterion == pytest.approx(8151.40, abs=0.005)
    assert fit.converged


def test_a_correlation_that_no_group_has_data_on_leaves_a_certified_minimum():
    """An item of VerbAgg has one situation: the variances of both have an optimum, their correlation has none."""
    data = load("verbagg")
    y, X = (data["r2"] == "Y").to_numpy(float), [np.ones(len(data)), data["anger"].to_numpy(float)]
    other = indicators(data["situ"])[0]
    factors, [person, _] = grouped(data, "id", "item")
    items = [[person, (1, [1 - other, other], diagonal)] for diagonal in (0, 1)]
    correlated, apart = (
        _core.GeneralizedMixed(y, X, None, None, factors, terms, "binomial", "logit").fit() for terms in items
    )
    assert correlated.converged
    assert correlated.lowest_curvature > -1e-3
    assert correlated.criterion == pytest.approx(apart.criterion, abs=1e-6)


def test_refit_is_a_fit_of_each_response_whatever_the_threads():
    case = Case("poisson", "log", "crossed", "expected")
    rng = np.random.default_rng(2)
    Y = rng.poisson(np.exp(case.oracle()[1])[:, None], (N, 6)).astype(float)
    one, two = case.model.refit(Y, threads=1), case.model.refit(Y, threads=2)
    for key in one:
        np.testing.assert_array_equal(one[key], two[key])
    for i in range(6):
        alone = _refitted(case, Y[:, i])
        assert one["criterion"][i] == pytest.approx(alone.criterion, abs=1e-7)
        np.testing.assert_allclose(one["beta"][i], alone.beta, atol=1e-5)


def _refitted(case, y):
    factors = [(t.codes, t.levels) for t in case.terms]
    terms = [
        (i, [np.ascontiguousarray(z) for z in t.Z.T], int(t.structure == "diag")) for i, t in enumerate(case.terms)
    ]
    X = [np.ascontiguousarray(x) for x in case.X.T]
    return _core.GeneralizedMixed(y, X, case.weights, case.offset, factors, terms, case.family, case.link).fit()


def test_without_random_effects_it_is_a_glm():
    """Poisson regression by Newton on the normal equations."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal(200)
    y = rng.poisson(np.exp(0.5 + 0.4 * x)).astype(float)
    X = np.column_stack([np.ones(200), x])
    beta = np.zeros(2)
    for _ in range(50):
        mu = np.exp(X @ beta)
        beta += np.linalg.solve(X.T @ (mu[:, None] * X), X.T @ (y - mu))
    model = _core.GeneralizedMixed(y, [X[:, 0].copy(), x], None, None, [], [], "poisson", "log")
    fit = model.fit()
    np.testing.assert_allclose(fit.beta, beta, atol=1e-8)
    np.testing.assert_allclose(fit.vcov, np.linalg.inv(X.T @ (mu[:, None] * X)), rtol=1e-5)
    np.testing.assert_allclose(fit.vcov_rx, fit.vcov, rtol=1e-5)
    assert model.engine == "no random effects"


def test_a_variance_of_zero_is_certified():
    rng = np.random.default_rng(6)
    codes = np.repeat(np.arange(20, dtype=np.int32), 10)
    y = np.tile([0.0, 1.0], 100)  # every group alike: less variance than chance
    model = _core.GeneralizedMixed(
        y, [np.ones(200)], None, None, [(codes, 20)], [(0, [np.ones(200)], 0)], "binomial", "logit"
    )
    fit = model.fit(start_theta=np.array([rng.uniform(0.3, 1)]))
    assert fit.theta[0] == 0.0
    assert fit.converged
    assert 0 < fit.boundary_slope < np.inf


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"family": "binomal"}, FitError, "binomial"),
        ({"link": "log-log"}, FitError, "cloglog"),
        ({"offset": np.zeros(3)}, ValueError, "offset"),
        ({"curvature": "exact"}, ValueError, "curvature"),
        ({"family": "beta_binomial", "curvature": "expected"}, FitError, "closed form"),
    ],
)
def test_the_doorway_refuses(kwargs, error, match):
    good = {
        "y": np.array([0.0, 1.0, 1.0, 0.0, 1.0]),
        "X": [np.ones(5)],
        "weights": None,
        "offset": None,
        "factors": [(np.array([0, 0, 1, 1, 1], np.int32), 2)],
        "terms": [(0, [np.ones(5)], 0)],
        "family": "binomial",
        "link": "logit",
    }
    with pytest.raises(error, match=match):
        _core.GeneralizedMixed(**(good | kwargs))


@pytest.mark.parametrize(
    ("structure", "arguments", "error", "match"),
    [
        ("crossed", {"n_agq": 5}, FitError, "one grouping factor"),
        ("intercepts", {"n_agq": -1}, FitError, "negative"),
        ("intercepts", {"start_theta": np.zeros(4)}, ValueError, "start_theta"),
        ("intercepts", {"fixed_shape": [True]}, ValueError, "fixed_shape"),
    ],
)
def test_fit_refuses(structure, arguments, error, match):
    with pytest.raises(error, match=match):
        Case("poisson", "log", structure, "expected").model.fit(**arguments)
