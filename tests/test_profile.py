"""Profile likelihood: against a constrained minimisation by dense algebra, by theory, at boundaries, and beside R."""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import replace
from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from oracle import Term, lambda_blocks
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from scipy.stats import chi2, norm

import multilevel as mlm
from multilevel.inference.parameters import Parameter, parameters
from multilevel.inference.profile import Profile, profile
from multilevel.models.estimate import Fit

FORMULAS = {
    "intercept": "y ~ x + (1 | g)",
    "slope": "y ~ x + (x | g)",
    "uncorrelated": "y ~ x + (x || g)",
    "crossed": "y ~ x + (x | g) + (1 | h)",
    "three effects": "y ~ x + z + (x + z | g)",
    "two terms of one factor": "y ~ x + (1 | g) + (0 + x + z | g)",
}


@cache
def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    n = 60
    g, h = np.arange(n) % 10, np.arange(n) // 15
    x, z = rng.normal(size=n), rng.normal(size=n)
    b = rng.normal(size=(10, 3)) * [1.2, 0.8, 0.5]
    y = 3 + x + b[g, 0] + b[g, 1] * x + b[g, 2] * z + rng.normal(size=4)[h] + rng.normal(size=n)
    return {"y": y, "x": x, "z": z, "g": g, "h": h, "w": rng.uniform(0.5, 2, n)}


@cache
def fitted(formula: str, weights: str | None = None) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.MultilevelWarning)
        return mlm.lmer(formula, data(), weights=weights)._fit


def held(fit: Fit, parameter: Parameter, value: float, theta: np.ndarray | None = None) -> Any:
    """The core's minimum with one parameter held, from the estimate or from another start."""
    contrast = None
    if parameter.kind == "coefficient":
        contrast = np.eye(fit.sums.core.p)[parameter.i]
    e, p = fit.estimate, parameter
    start = e.theta if theta is None else theta
    return fit.sums.core.hold(p.kind, value, start, e.sigma, p.term, p.i, p.j, contrast)


def theta_of(fit: Fit, row: np.ndarray) -> np.ndarray:
    """theta from the standard deviations, correlations and sigma of a point of a profile."""
    known = parameters(fit)
    sigma = row[[p.kind for p in known].index("sigma")]
    entries = []
    for t, part in enumerate(fit.rows.random):
        k = len(part.names)
        sd, corr = np.zeros(k), np.eye(k)
        for parameter, value in zip(known, row, strict=True):
            if parameter.kind == "sd" and parameter.term == t:
                sd[parameter.i] = value
            if parameter.kind == "corr" and parameter.term == t:
                corr[parameter.i, parameter.j] = corr[parameter.j, parameter.i] = np.nan_to_num(value)
        w, V = np.linalg.eigh(np.outer(sd, sd) * corr)
        L = np.linalg.qr((V * np.sqrt(np.maximum(w, 0))).T)[1].T / sigma
        entries += [L[i, j] for j in range(k) for i in range(j, k if part.structure == "us" else j + 1)]
    return np.array(entries)


def lowest(fit: Fit, parameter: Parameter, value: float, *starts: np.ndarray) -> float:
    """The criterion with one parameter held; any correlation is possible with an effect that does not vary."""
    found = [held(fit, parameter, value, theta).criterion for theta in starts or (fit.estimate.theta,)]
    if parameter.kind == "corr":
        without = [Parameter("", "sd", term=parameter.term, i=i) for i in (parameter.i, parameter.j)]
        found += [held(fit, p, 0.0).criterion for p in without]
    return min(found)


class Dense:
    """-2 log-likelihood of an n x n covariance matrix, as a function of absolute factors and log sigma."""

    def __init__(self, fit: Fit) -> None:
        sums = fit.sums
        self.y, self.X = sums.y, np.column_stack([sums.X[j] for j in fit.kept])
        self.w = np.ones(len(self.y)) if sums.weights is None else sums.weights
        self.terms = [Term(p.codes, p.n_levels, np.column_stack(p.Z), p.structure) for p in sums.random]
        self.together = [t.codes[:, None] == t.codes for t in self.terms]
        self.units = [lambda_blocks(self.terms, unit) for unit in np.eye(len(fit.estimate.theta))]

    def deviance(self, at: np.ndarray, drop: int | None = None, b0: float = 0.0) -> tuple[float, np.ndarray]:
        """The deviance, and its slopes tr(W dV) - r'W dV W r with W = V^-1."""
        noise = np.exp(2 * np.clip(at[-1], -10, 10)) * np.diag(1 / self.w)  # the search tries anything
        factors = [t.Z @ C for t, C in zip(self.terms, lambda_blocks(self.terms, at[:-1]), strict=True)]
        V = noise + sum(g * (Z @ Z.T) for g, Z in zip(self.together, factors, strict=True))
        X, y = self.X, self.y
        if drop is not None:
            y, X = y - b0 * X[:, drop], np.delete(X, drop, axis=1)
        L = np.linalg.cholesky(V)
        white = solve_triangular(L, np.column_stack([X, y]), lower=True, check_finite=False)
        r = white[:, -1] - white[:, :-1] @ np.linalg.lstsq(white[:, :-1], white[:, -1], rcond=None)[0]
        root = solve_triangular(L, np.eye(len(y)), lower=True, check_finite=False)
        S = root.T @ (np.eye(len(y)) - np.outer(r, r)) @ root
        dC = [2 * t.Z.T @ (S * g) @ Z for t, g, Z in zip(self.terms, self.together, factors, strict=True)]
        slopes = [sum((d * unit).sum() for d, unit in zip(dC, units, strict=True)) for units in self.units]
        slopes.append(2 * (S * noise).sum() * (abs(at[-1]) < 10))
        return float(len(y) * np.log(2 * np.pi) + 2 * np.log(np.diag(L)).sum() + r @ r), np.array(slopes)

    def minimum(self, parameter: Parameter, value: float, starts: list[np.ndarray]) -> float:
        """Over everything but the parameter, by sequential quadratic programming from several starts."""
        coefficient = parameter.kind == "coefficient"

        def f(at: np.ndarray) -> tuple[float, np.ndarray]:
            if parameter.kind == "sigma":
                found, slopes = self.deviance(np.append(at[:-1], np.log(value)))
                return found, slopes * (np.arange(len(at)) < len(at) - 1)
            return self.deviance(at, parameter.i, value) if coefficient else self.deviance(at)

        i, j = parameter.i, parameter.i if parameter.kind == "sd" else parameter.j

        def gap(at: np.ndarray) -> tuple[float, np.ndarray]:
            C = lambda_blocks(self.terms, at[:-1])[parameter.term]
            dC = [units[parameter.term] for units in self.units]
            P, dP = C @ C.T, np.array([d @ C.T + C @ d.T for d in dC] + [0 * C])
            if parameter.kind == "sd":
                return P[i, i] - value**2, dP[:, i, i]
            both = np.sqrt(P[i, i] * P[j, j])
            slope = (dP[:, i, i] * P[j, j] + P[i, i] * dP[:, j, j]) / max(2 * both, 1e-150)  # 0 / 0 without variance
            return P[i, j] - value * both, dP[:, i, j] - value * slope

        rules = []
        if parameter.kind in ("sd", "corr"):
            rules = [{"type": "eq", "fun": lambda at: gap(at)[0], "jac": lambda at: gap(at)[1]}]
        options = {"maxiter": 500, "ftol": 1e-11}
        found = [minimize(f, s, jac=True, method="SLSQP", constraints=rules, options=options) for s in starts]
        return min(float(r.fun) for r in found if not rules or abs(gap(r.x)[0]) < 1e-7)


@pytest.mark.parametrize("name", FORMULAS)
def test_each_minimum_is_that_of_a_constrained_search_by_dense_algebra(name: str) -> None:
    fit = fitted(FORMULAS[name], "w" if name == "crossed" else None)
    dense = Dense(fit)
    p = profile(fit, level=0.5)
    ml = fit.sums.core.fit(False)
    at = np.append(ml.sigma * ml.theta, np.log(ml.sigma))
    assert p.criterion == pytest.approx(dense.deviance(at)[0], abs=1e-8)
    rng = np.random.default_rng(3)
    for curve in p.curves:
        for n in (1, len(curve.value) - 2):
            value = float(curve.value[n])
            starts = [at, at + 0.3 * rng.normal(size=len(at))]
            if curve.parameter.kind == "corr":  # an effect that does not vary may have any
                for i in (curve.parameter.i, curve.parameter.j):
                    h = held(fit, Parameter("", "sd", term=curve.parameter.term, i=i), 0.0)
                    starts.append(np.append(h.sigma * h.theta, np.log(h.sigma)))
            best = dense.minimum(curve.parameter, value, starts)
            assert p.criterion + curve.zeta[n] ** 2 == pytest.approx(best, abs=2e-5), (curve.parameter.name, value)


@pytest.mark.parametrize("name", FORMULAS)
def test_slopes_are_derivatives(name: str) -> None:
    fit = fitted(FORMULAS[name])
    for curve in profile(fit, level=0.5).curves:
        n = int(np.argmin(np.abs(curve.zeta - 0.5)))
        parameter, value = curve.parameter, float(curve.value[n])
        e = 1e-4 * max(abs(value), 0.1)
        if not parameter.bounds[0] < value - e < value + e < parameter.bounds[1]:
            continue
        starts = fit.estimate.theta, 1 + fit.estimate.theta
        beside = [lowest(fit, parameter, value + s, *starts) for s in (-e, e)]
        slope = 2 * curve.zeta[n] * curve.slope[n] / parameter.straight_slope(value)
        assert slope == pytest.approx((beside[1] - beside[0]) / (2 * e), rel=1e-4, abs=1e-4), parameter.name


def test_the_slope_at_zero_is_one_sided() -> None:
    fit = fitted(FORMULAS["slope"])
    parameter = parameters(fit)[0]
    zero, beside = held(fit, parameter, 0.0), held(fit, parameter, 1e-5)
    assert zero.slope == pytest.approx((beside.criterion - zero.criterion) / 1e-5, rel=1e-3)


def test_a_linear_model_has_closed_forms() -> None:
    """zeta = sqrt(n log(1 + t^2 / df)); sigma: n log(s^2 / v^2) + n (v^2 / s^2 - 1) with the roles as they are."""
    model = mlm.lm("y ~ x", data())
    p, n = profile(model._fit), model.nobs
    curve = p["x"]
    t = (curve.value - model.fixef["x"]) / model.se["x"]
    np.testing.assert_allclose(np.abs(curve.zeta), np.sqrt(n * np.log1p(t**2 / model.df_residual)), atol=2e-7)
    sigma = p["sigma"]
    s2 = model.deviance / n
    rise = n * (np.log(sigma.value**2 / s2) + s2 / sigma.value**2 - 1)
    np.testing.assert_allclose(sigma.zeta**2, rise, atol=1e-7)
    assert sigma.estimate == pytest.approx(np.sqrt(s2))


@pytest.mark.parametrize("name", FORMULAS)
def test_curves_between_points_are_the_curves(name: str) -> None:
    """The error of the interpolation, halfway between points, in units of zeta."""
    fit = fitted(FORMULAS[name])
    p = profile(fit)
    for curve in p.curves:
        for (a, row), (b, other) in pairwise(zip(curve.value.tolist(), curve.others, strict=True)):
            middle = (a + b) / 2
            starts = fit.estimate.theta, theta_of(fit, row), theta_of(fit, other)
            rise = lowest(fit, curve.parameter, middle, *starts) - p.criterion
            zeta = np.sqrt(max(rise, 0.0))
            tolerance = 2e-3 if zeta < 3 else 1e-2  # beyond all usual intervals a kink may lie between two points
            assert abs(curve(middle)) == pytest.approx(zeta, abs=tolerance), (curve.parameter.name, middle)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_limits_have_the_quantile(level: float) -> None:
    fit = fitted(FORMULAS["crossed"])
    p = profile(fit)
    for name, (estimate, *limits) in p.confint(level).items():
        for limit in limits:
            parameter = p[name].parameter
            if limit in parameter.bounds:
                continue
            rise = lowest(fit, parameter, limit) - p.criterion
            assert np.sqrt(rise) == pytest.approx(norm.ppf((1 + level) / 2), abs=1e-3), name
            assert (limit - estimate) * (limits[1] - limits[0]) != 0


def test_curves_go_to_the_joint_region() -> None:
    p = profile(fitted(FORMULAS["slope"]))
    cutoff = np.sqrt(chi2.ppf(0.99, len(p)))
    for curve in p.curves:
        for end, bound in ((0, curve.parameter.bounds[0]), (-1, curve.parameter.bounds[1])):
            assert abs(curve.zeta[end]) >= cutoff or curve.value[end] == bound


def test_curves_do_not_depend_on_units_or_origin() -> None:
    """The slope's and sigma's curves, whatever the origin of x; all of them, in their units, whatever its unit."""
    d = data()
    plain = profile(fitted(FORMULAS["slope"]))
    for change in (lambda x: x + 2020.0, lambda x: x * 1e6):
        moved = profile(mlm.lmer(FORMULAS["slope"], d | {"x": change(d["x"])})._fit)
        unit = 1e6 if change(0.0) == 0 else 1.0
        for name, scale in (("sd_x|g", unit), ("sigma", 1.0), ("x", unit)):
            limits = np.array(plain[name].limits(1.96))
            np.testing.assert_allclose(np.array(moved[name].limits(1.96)) * scale, limits, rtol=2e-4)


def boundary(slope: bool = True) -> Fit:
    """Groups that do not differ in their slopes."""
    rng = np.random.default_rng(2)
    g = np.repeat(np.arange(8), 6)
    x = np.tile(np.arange(6.0), 8)
    e = rng.normal(size=48)
    e -= np.concatenate([np.polyval(np.polyfit(x[:6], part, 1), x[:6]) for part in e.reshape(8, 6)])  # no group effects
    y = 1 + 0.1 * x + e + (0 if slope else 1) * rng.normal(size=8)[g]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.MultilevelWarning)
        return mlm.lmer("y ~ x + (x | g)" if slope else "y ~ x + (1 | g)", {"y": y, "x": x, "g": g})._fit


def test_a_singular_model_is_answered() -> None:
    fit = boundary()
    assert fit.estimate.is_singular
    p = profile(fit)
    intervals = p.confint()
    assert intervals["sd_(Intercept)|g"].lower == 0 == intervals["sd_(Intercept)|g"].estimate
    assert intervals["sd_(Intercept)|g"].upper > 0
    correlation = intervals["cor_x.(Intercept)|g"]
    assert np.isnan(correlation.estimate)
    assert (correlation.lower, correlation.upper) == (-1, 1)
    assert "cor_x.(Intercept)|g is not identified" in str(p)
    assert np.isfinite(np.array(intervals)).all()


def test_a_perfect_correlation_is_answered() -> None:
    rng = np.random.default_rng(5)
    g, x = np.repeat(np.arange(12), 5), np.tile(np.arange(5.0), 12)
    b = rng.normal(size=12)
    y = b[g] * (2 + x) + 0.5 * rng.normal(size=60)
    with pytest.warns(mlm.SingularFitWarning):
        fit = mlm.lmer("y ~ x + (x | g)", {"y": y, "x": x, "g": g})._fit
    found = profile(fit).confint()["cor_x.(Intercept)|g"]
    assert found.upper == 1
    assert -1 < found.lower < 1


class Stuck:
    """A core whose first fit stops too early."""

    def __init__(self, core: Any) -> None:
        self.core, self.fits = core, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.core, name)

    def fit(self, reml: bool, start: Any) -> Any:
        self.fits += 1
        return self.core.solve(np.array([2.0, 0.5, 0.9]), reml) if self.fits == 1 else self.core.fit(reml, start)


def test_a_better_optimum_is_taken_as_the_centre() -> None:
    fit = fitted(FORMULAS["slope"])
    sums = copy(fit.sums)
    sums._core = Stuck(fit.sums.core)  # type: ignore[assignment]
    found, expected = profile(replace(fit, sums=sums)), profile(fit)
    assert any("found a better fit" in note for note in found.notes)
    assert not any("found a better fit" in note for note in expected.notes)
    np.testing.assert_allclose(found.confint(), expected.confint(), rtol=1e-4)


def test_others_are_the_best_fit_at_each_point() -> None:
    p = profile(fitted(FORMULAS["slope"]))
    frame = p.to_frame()
    names = [parameter.name for parameter in p.parameters]
    assert list(frame.columns) == ["parameter", "value", "zeta", *names]
    for name in names:
        rows = frame[frame["parameter"] == name]
        np.testing.assert_allclose(rows[name], rows["value"], rtol=1e-9)
    centre = frame[frame["zeta"] == 0].iloc[0]
    assert centre["sigma"] == pytest.approx(p["sigma"].estimate)


def test_a_profile_of_some_parameters_only() -> None:
    fit = fitted(FORMULAS["slope"])
    assert list(profile(fit, parameters="sigma")) == ["sigma"]
    assert list(profile(fit, parameters="beta_")) == ["(Intercept)", "x"]
    assert list(profile(fit, parameters="theta_")) == ["sd_(Intercept)|g", "cor_x.(Intercept)|g", "sd_x|g", "sigma"]
    assert list(profile(fit, parameters=["x", "sigma", "x"])) == ["x", "sigma"]


def test_pages() -> None:
    p = profile(fitted(FORMULAS["slope"]))
    text = str(p)
    assert text.startswith("Profile likelihood 95 % intervals")
    assert "estimates are those of" in text
    assert "<table>" in p._repr_html_()
    assert "tabular" in p.to_latex()
    assert max(map(len, p.to_text(60).splitlines())) <= 60
    assert repr(p) == text


def few_rows() -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mlm.lm("y ~ x", {"y": [1.0, 2.0], "x": [0.0, 1.0]})._fit


def some(**options: Any) -> Profile:
    return profile(fitted(FORMULAS["slope"]), **options)


BAD = {
    "unknown parameter": (lambda: some(parameters="sd_z|g"), r"called 'sd_z\|g'; did you mean 'sd_x\|g'"),
    "level of one": (lambda: some(level=1), "level is 1; expected a number between 0 and 1"),
    "level in per cent": (lambda: some().confint(95), "did you mean 0.95"),
    "level in words": (lambda: some().confint("high"), "level is 'high'"),
    "level beyond the curve": (lambda: some().confint(0.9999999), "profile up to a higher level"),
    "unknown curve": (lambda: some()["sigm"], "no profile is called 'sigm'; did you mean 'sigma'"),
    "nothing left": (lambda: profile(few_rows()), "2 coefficients for 2 rows leave no residuals"),
}  # fmt: skip


@pytest.mark.parametrize(("ask", "message"), BAD.values(), ids=BAD)
def test_bad_input(ask: Any, message: str) -> None:
    with pytest.raises(mlm.InferenceError, match=message):
        ask()


CORE = {
    "what": ({"what": "mean"}, "what: coefficient, sigma, sd or corr"),
    "term": ({"what": "sd", "term": 3}, "no such term"),
    "effect": ({"what": "sd", "i": 2}, "no such effect"),
    "one effect": ({"what": "corr"}, "two effects"),
    "contrast": ({"what": "coefficient", "contrast": np.ones(3)}, "one number per coefficient"),
}


@pytest.mark.parametrize(("arguments", "message"), CORE.values(), ids=CORE)
def test_the_doorway_checks_what_it_is_given(arguments: dict[str, Any], message: str) -> None:
    fit = fitted(FORMULAS["slope"])
    with pytest.raises(ValueError, match=message):
        fit.sums.core.hold(**({"value": 1.0, "start": fit.estimate.theta, "sigma": 1.0} | arguments))


def test_a_combination_of_coefficients_can_be_held() -> None:
    """zeta of x1 + x2 = 0 is that of its likelihood ratio."""
    d = data()
    full = mlm.lmer("y ~ x + z + (1 | g)", d, REML=False)
    reduced = mlm.lmer("y ~ I(x - z) + (1 | g)", d, REML=False)
    fit = full._fit
    found = fit.sums.core.hold("coefficient", 0.0, full.theta, full.sigma, contrast=np.array([0.0, 1.0, 1.0]))
    assert found.criterion == pytest.approx(reduced.criterion, abs=1e-8)
    assert found.beta[1] == pytest.approx(reduced.fixef["I(x - z)"], rel=1e-6)


def test_signs_of_correlations_with_a_small_effect() -> None:
    """Where a standard deviation is nearly zero both signs are minima; the better one is found from either start."""
    fit = fitted(FORMULAS["three effects"])
    parameter = parameters(fit)[0]
    best = held(fit, parameter, 1e-3)
    for signs in product((-1.0, 1.0), repeat=3):
        theta = fit.estimate.theta.copy()
        theta[[1, 2, 4]] *= signs
        assert held(fit, parameter, 1e-3, theta).criterion >= best.criterion - 1e-9
