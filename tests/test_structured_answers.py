"""Kenward and Roger's method and profiles of models with structured covariances, against dense algebra.

The oracle has V as a function of parameters of its own (log standard deviations, arcsines of correlations), its first
and second derivatives by differences, and the n x n matrices of the paper: answers do not depend on the parameters.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from at_theta import at_theta
from numpy.typing import NDArray
from test_structures import FEW, PLACES, THETA, K, psi

from multilevel import glmer, lmer
from multilevel.errors import InferenceError, MultilevelWarning
from multilevel.inference.methods import sampling_of
from multilevel.inference.parameters import parameters
from multilevel.models.estimate import Fit

Array = NDArray[np.float64]
ONE = ("homdiag", "homcs", "ar1", "homtoep", "ou")
LOW = {"cs": -1 / (K - 1), "homcs": -1 / (K - 1), "ou": 0.0}


@cache
def series(twice: bool = False) -> pd.DataFrame:
    """Ten groups at up to five times, seen once or twice, crossed with another factor, and half of them treated."""
    rng = np.random.default_rng(11)
    group, time = np.repeat(np.arange(10), K), np.tile(np.arange(K), 10)
    keep = np.repeat(np.flatnonzero(rng.random(len(group)) < 0.9), 1 + twice)
    group, time = group[keep], time[keep]
    n = len(group)
    other = rng.permutation(np.arange(n) % 5)
    effects = rng.normal(size=(10, K)) @ np.linalg.cholesky(psi("ar1", [1.0, 0.6])).T
    x, arm = rng.normal(size=n), (group % 2).astype(float)
    y = 1 + 0.5 * x + arm + effects[group, time] + 0.5 * rng.normal(size=5)[other] + 0.7 * rng.normal(size=n)
    return pd.DataFrame({
        "y": y, "x": x, "arm": arm, "t": np.array(PLACES)[time], "place": time,
        "g": [f"g{i:02d}" for i in group], "h": [f"h{i}" for i in other],
    })  # fmt: skip


@cache
def fitted(structure: str, crossed: bool, residuals: bool, twice: bool = False) -> Fit:
    formula = f"y ~ x + arm + {structure}(0 + t | g)" if structure == "ou" else (
        f"y ~ x + arm + {structure}(0 + factor(t) | g)"
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        return lmer(
            formula + " + (1 | h)" * crossed, series(twice), REML=True, dispformula="~1" if residuals else "~0"
        )._fit


class Dense:
    """V of all rows, from standard deviations, correlations, the variance of (1 | h), and that of the residuals."""

    def __init__(self, structure: str, crossed: bool, residuals: bool, twice: bool = False) -> None:
        d = series(twice)
        self.structure, self.residuals = structure, residuals
        self.sds = 1 if structure in ONE else K
        self.m = len(THETA[structure])
        self.y, self.X = d["y"].to_numpy(), np.column_stack([np.ones(len(d)), d["x"], d["arm"]])
        self.same = np.equal.outer(d["g"].to_numpy(), d["g"].to_numpy()).astype(float)
        self.place = d["place"].to_numpy()
        self.crossed = np.equal.outer(d["h"].to_numpy(), d["h"].to_numpy()).astype(float) if crossed else None

    def natural(self, phi: Array) -> Array:
        """Standard deviations, correlations and other standard deviations, from coordinates without bounds."""
        low = LOW.get(self.structure, -1.0)
        out = np.exp(phi)
        out[self.sds : self.m] = (1 + low) / 2 + (1 - low) / 2 * np.sin(phi[self.sds : self.m])
        return out

    def coordinates(self, theta: Array) -> Array:
        low = LOW.get(self.structure, -1.0)
        out = np.log(np.maximum(np.abs(theta), 1e-8))
        out[self.sds : self.m] = np.arcsin((theta[self.sds : self.m] - (1 + low) / 2) * 2 / (1 - low))
        return out

    def V(self, theta: Array) -> Array:
        Psi = psi(self.structure, list(theta[: self.m]))
        V = self.same * Psi[np.ix_(self.place, self.place)]
        if self.crossed is not None:
            V = V + theta[self.m] ** 2 * self.crossed
        return V + theta[-1] ** 2 * np.eye(len(V)) if self.residuals else V

    def deviance(self, theta: Array) -> float:
        V = self.V(theta)
        ViX = np.linalg.solve(V, self.X)
        r = self.y - self.X @ np.linalg.solve(self.X.T @ ViX, ViX.T @ self.y)
        return float(len(V) * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + r @ np.linalg.solve(V, r))


def slopes(f: Callable[[Array], Array], x: Array, h: float = 2e-3) -> Array:
    steps = np.eye(len(x)) * h
    return np.array([(8 * (f(x + s) - f(x - s)) - (f(x + 2 * s) - f(x - 2 * s))) / (12 * h) for s in steps])


def kenward_roger(d: Dense, phi: Array, projected: bool) -> tuple[Array, Array, Array, Array]:
    """Phi, the adjusted covariance, P and W; with the bias of the estimates, or as in the paper of 1997."""
    V = d.V(d.natural(phi))
    first = slopes(lambda x: d.V(d.natural(x)), phi)
    second = slopes(lambda x: slopes(lambda z: d.V(d.natural(z)), x), phi)
    Vi, r = np.linalg.inv(V), range(len(phi))
    Phi = np.linalg.inv(d.X.T @ Vi @ d.X)
    B = Vi @ d.X
    ViG = [Vi @ G for G in first]
    proj = Vi - B @ Phi @ B.T
    P = np.array([-B.T @ G @ B for G in first])
    Q = [[B.T @ first[a] @ ViG[b] @ B for b in r] for a in r]
    information = np.array([[np.trace(proj @ first[a] @ proj @ first[b]) / 2 for b in r] for a in r])
    W = np.linalg.pinv(information, rcond=1e-9, hermitian=True)
    bend = np.einsum("rs,rsij->ij", W, second)
    if projected:
        i_K = np.array([np.trace(proj @ G @ proj @ bend) / 2 for G in first])
        bend = bend - np.einsum("r,rij->ij", W @ i_K, first)
    middle = sum(W[a, b] * (Q[a][b] - P[a] @ Phi @ P[b]) for a in r for b in r) - B.T @ bend @ B / 4
    return Phi, Phi + 2 * Phi @ middle @ Phi, P, W


@pytest.mark.parametrize("residuals", [True, False], ids=["residuals", "without"])
@pytest.mark.parametrize("crossed", [False, True], ids=["one factor", "crossed"])
@pytest.mark.parametrize("structure", FEW)
def test_kenward_roger_is_that_of_dense_algebra(structure: str, crossed: bool, residuals: bool) -> None:
    fit = fitted(structure, crossed, residuals)
    own = np.array([*THETA[structure], *([0.6] if crossed else [])])
    sds = np.r_[: 1 if structure in ONE else K, len(THETA[structure]) : len(own)]
    if not residuals:
        own[sds] /= fit.estimate.sigma
    fit = at_theta(fit, own)
    theta = own.copy()
    theta[sds] *= fit.estimate.sigma
    d = Dense(structure, crossed, residuals)
    phi = d.coordinates(np.append(theta, fit.estimate.sigma) if residuals else theta)
    Phi, vcov, P, W = kenward_roger(d, phi, projected=True)
    sampling = sampling_of(fit, "kenward-roger")
    unit = np.sqrt(np.diag(vcov))
    np.testing.assert_allclose(fit.estimate.vcov, Phi, rtol=1e-8)
    np.testing.assert_allclose(sampling.vcov / np.outer(unit, unit), vcov / np.outer(unit, unit), atol=2e-6)
    for row, df in zip(np.eye(3), sampling.df(np.eye(3)), strict=True):
        projector = np.outer(row, row) / (row @ Phi @ row)
        traces = np.array([np.trace(projector @ Phi @ p @ Phi) for p in P])
        assert df == pytest.approx(2 / (traces @ W @ traces), rel=2e-5)


# ---- profiles -------------------------------------------------------------------------------------------------------


def slopes_of_the_others(d: Dense, theta: Array, at: int) -> Array:
    """Of the dense deviance with one natural parameter held, by coordinates in which a minimum has none."""
    start = d.coordinates(theta)
    free = np.arange(len(start)) != at

    def deviance(x: Array) -> Array:
        phi = start.copy()
        phi[free] = x
        natural = d.natural(phi)
        natural[at] = theta[at]
        return np.array([d.deviance(natural)])

    return slopes(deviance, start[free])[:, 0]


def places(structure: str) -> dict[str, int]:
    """A standard deviation and a correlation, where natural parameters have them."""
    sds = 1 if structure in ONE else K
    return {"sd": 0 if sds == 1 else 2} | ({} if structure == "homdiag" else {"corr": sds})


HELD = [(s, kind) for s in FEW for kind in places(s)]


@pytest.mark.parametrize("residuals", [True, False], ids=["residuals", "without"])
@pytest.mark.parametrize(("structure", "kind"), HELD)
def test_held_minima_are_those_of_dense_algebra(structure: str, kind: str, residuals: bool) -> None:
    fit = fitted(structure, True, residuals, twice=residuals)  # once, some have a parameter too many
    d, at = Dense(structure, True, residuals, twice=residuals), places(structure)[kind]
    parameter = next(
        p for p in parameters(fit) if p.kind == kind and (kind == "corr" or p.i == (0 if structure in ONE else 2))
    )
    core, e = fit.sums.core, fit.estimate
    ml = core.fit(False, e.theta)
    centre = ml.theta * ml.sigma
    centre[d.sds : d.m] = ml.theta[d.sds : d.m]
    natural = np.append(centre, ml.sigma) if residuals else centre
    step = 0.4 * natural[at] if kind == "sd" else 0.15
    for value in (natural[at] + step, natural[at] - step):
        if kind == "corr" and not LOW.get(structure, -1.0) < value < 1.0:
            continue
        held = core.hold(kind, value, ml.theta, ml.sigma, parameter.term, parameter.i, parameter.j)
        assert held.converged
        found = held.theta * held.sigma
        found[d.sds : d.m] = held.theta[d.sds : d.m]
        found = np.append(found, held.sigma) if residuals else found
        assert found[at] == pytest.approx(value, rel=1e-9)
        assert d.deviance(found) == pytest.approx(held.criterion, abs=2e-6)
        np.testing.assert_allclose(slopes_of_the_others(d, found, at), 0.0, atol=2e-4)
        around = [core.hold(kind, value + h, held.theta, held.sigma, parameter.term, parameter.i, parameter.j).criterion
                  for h in (-1e-4, 1e-4)]  # fmt: skip
        assert held.slope == pytest.approx((around[1] - around[0]) / 2e-4, abs=2e-4)


SAME = [  # the same model twice, and how one's parameters are called in the other
    ("y ~ x + (x | h) + homdiag(1 | g)", "y ~ x + (x | h) + (1 | g)", {
        "sd_homdiag((Intercept))|g": "sd_(Intercept)|g"
    }),
    ("y ~ x + ou(0 + t | g)", "y ~ x + ar1(0 + factor(t) | g)", {
        "sd_ou(factor(t))|g": "sd_ar1(factor(t))|g", "cor_ou(factor(t))|g": "cor_ar1(factor(t))|g"
    }),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "names"), SAME, ids=["homdiag", "ou"])
def test_the_same_model_has_the_same_intervals_and_tests(one: str, other: str, names: dict[str, str]) -> None:
    data = series(True)
    data = data[data["t"] < 2] if "homdiag" in one else data.assign(t=data["place"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        a, b = lmer(one, data), lmer(other, data)
    tables = [m.confint("profile", parameters="theta_").to_frame() for m in (a, b)]
    limits = [table.set_index("parameter")[["estimate", "lower", "upper"]] for table in tables]
    for name, row in limits[0].iterrows():
        want = limits[1].loc[names.get(str(name), str(name))]
        np.testing.assert_allclose(row.to_numpy(float), want.to_numpy(float), atol=2e-3)
    tests = [m.tidy(df="kenward-roger").set_index("term").loc["x"] for m in (a, b)]
    for column in ("std_error", "df", "p_value"):
        assert tests[0][column] == pytest.approx(tests[1][column], rel=1e-5)


def test_profiles_end_at_the_bounds_of_a_structure() -> None:
    data = series(True)
    rng = np.random.default_rng(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        m = lmer("y ~ 1 + homcs(0 + factor(t) | g)", data.assign(y=rng.normal(size=len(data))), REML=False)
    curve = m.profile(parameters=["cor_homcs(factor(t))|g", "sd_homcs(factor(t))|g"])
    correlation, sd = curve["cor_homcs(factor(t))|g"], curve["sd_homcs(factor(t))|g"]
    assert (correlation.value[0], correlation.value[-1]) == (-1 / (K - 1), 1.0)
    assert sd.value[0] == 0.0
    assert (np.diff(sd.zeta) > 0).all()
    table = curve.confint().to_frame()
    assert table["lower"].tolist()[1] == 0.0
    assert -0.25 <= table["lower"].tolist()[0] < table["upper"].tolist()[0] <= 1.0


def test_correlations_that_follow_from_several_parameters_have_no_profile() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        m = lmer("y ~ 1 + homtoep(0 + factor(t) | g)", series(True))
    with pytest.raises(
        InferenceError, match=r"correlation of neighbours in homtoep.*not of cor_homtoep\(factor\(t\)\)\.2"
    ):
        m.profile()
    assert len(m.profile(parameters=["cor_homtoep(factor(t)).1|g"])) == 1


def test_profiles_of_generalized_models() -> None:
    """homdiag of an intercept is (1 | g), and ar1 of two times is compound symmetry."""
    rng = np.random.default_rng(4)
    data = series(True)
    data = data[data["t"] < 2].assign(n=lambda d: rng.poisson(np.exp(0.4 * d["y"])))
    cases = [("homdiag(1 | g)", "(1 | g)"), ("ar1(0 + factor(t) | g)", "homcs(0 + factor(t) | g)")]
    for one, other in cases:
        limits = []
        for term in (one, other):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MultilevelWarning)
                m = glmer(f"n ~ x + {term}", data, "poisson")
            limits.append(m.confint("profile", parameters="theta_").to_frame()[["lower", "upper"]].to_numpy(float))
        np.testing.assert_allclose(limits[0], limits[1], atol=2e-3)
