"""Held minima of generalized (mixed) models, on the exact gradient of the compiled core.

The likelihood is a function of x = (theta, beta, log shape). A coefficient, or the entry of theta of a scalar or
diagonal term, is held as it stands. For correlated effects the covariance Sigma = Lambda Lambda' of the term is
written with the effects in question first, Sigma = P'M M'P with M lower triangular: then

    M[0, 0] = sd_i        and        M[1, :2] = sd_j (rho, sqrt(1 - rho^2)),  M[0, 0] = sd_i

so that the standard deviation, or the correlation, is a coordinate itself. Lambda is the triangular factor of P'M.
"""

from __future__ import annotations

from math import inf, nan, sqrt

import numpy as np

from ..data.sums import Floats
from ..errors import FitError, InferenceError
from ..families import Quasi
from ..formula import ONE_VARIANCE
from ..models.generalized import GeneralizedFit
from ..models.generalized_likelihood import likelihood_of
from .holding import Held
from .minimum import minimum
from .parameters import Kind, Parameter

DIFFERENCE = 1e-6  # step of the Jacobian of the map of coordinates
FLAT = 1e-8  # smallest curvature in the guess of a Hessian, relative to the largest


class GeneralizedHolder:
    """A model fitted by `glm` or `glmer`."""

    def __init__(self, fit: GeneralizedFit) -> None:
        if isinstance(fit.family, Quasi):
            raise InferenceError(f"the {fit.family.name} family has no likelihood to profile; use Wald intervals")
        if not fit.estimate.residual:
            raise InferenceError("glmer profiles no models without residuals; fit by lmer(..., dispformula='~0')")
        self.fit, self.likelihood = fit, likelihood_of(fit)
        if self.likelihood.n_agq == 0:
            raise InferenceError("with n_agq=0 the likelihood of beta is not known; fit with n_agq=1 to profile it")
        self.m, self.p = len(fit.estimate.theta), len(fit.estimate.beta)
        free = np.ones(len(fit.parameters), bool) if fit.modelled else np.isnan(fit.family.given_shape())
        self.free = np.concatenate([np.ones(self.m + self.p, bool), free])
        self.hessian = np.eye(len(self.free))

    def best(self, start: Held | None) -> tuple[Held, Floats]:
        """The fit, or the one that is found from `start`."""
        e, core = self.fit.estimate, self.likelihood.core
        if start is None:
            theta, beta, shape = e.theta, e.beta, self.fit.parameters
        else:
            theta, beta, shape = start.theta, start.beta, start.shape
        if start is not None or not self.fit.design.random:
            held = (~self.free[self.m + self.p :]).tolist()
            found = core.fit(
                self.likelihood.n_agq, theta if self.m else None, beta, shape, held if any(held) else False
            )
            theta, beta, shape = found.theta, found.beta, found.shape
        found = core.solve(theta, beta, shape, self.likelihood.n_agq, True)
        self.hessian = found.hessian
        vcov = found.vcov_joint if self.fit.modelled else found.vcov
        errors = np.sqrt(np.maximum(np.diag(vcov), 0.0)) if len(vcov) else np.empty(0)
        return Held(nan, found.criterion, 0.0, theta, 1.0, beta, shape), errors

    def hold(self, kind: Kind, value: float, start: Held, p: Parameter, i: int) -> Held:
        """See `Holder`."""
        x = np.concatenate([start.theta, start.beta, start.shape])
        if kind == "coefficient":
            coordinates, at = _Plain(x), self.m + i
        else:
            offset = sum(part.n_theta for part in self.fit.varying[: p.term])
            part = self.fit.varying[p.term]
            k = len(part.names)
            if part.structure not in ("us", "diag"):
                one = part.structure in ONE_VARIANCE
                coordinates, at = _Plain(x), offset + ((1 if one else k) if kind == "corr" else 0 if one else i)
            elif part.structure == "us" and k > 1:
                first = [i] if kind == "sd" else [p.i, p.j]
                coordinates = _Correlated(x, slice(offset, offset + part.n_theta), k, first)
                at = offset + (0 if kind == "sd" else 1)
            else:
                coordinates, at = _Plain(x), offset + i
        free = self.free.copy()
        free[at] = False
        y = coordinates.y.copy()
        y[at] = value

        def function(part: Floats) -> tuple[float, Floats]:
            y[free] = part
            x = coordinates.x(y)
            try:
                found = self._solve(x)
            except FitError:  # outside the domain: a step that was too long
                return inf, np.zeros(len(part))
            return found[0], (found[1] @ coordinates.jacobian(y))[free]

        J = coordinates.jacobian(y)
        y[free], criterion, _ = minimum(function, y[free], _inverse((J.T @ self.hessian @ J)[np.ix_(free, free)]))
        x = coordinates.x(y)
        slope = float(self._solve(x)[1] @ coordinates.jacobian(y)[:, at]) if abs(value) < 1 or kind != "corr" else nan
        theta, beta, shape = np.split(x, [self.m, self.m + self.p])
        return Held(value, criterion, slope, theta, 1.0, beta, shape)

    def _solve(self, x: Floats) -> tuple[float, Floats]:
        theta, beta, shape = np.split(x, [self.m, self.m + self.p])
        found = self.likelihood.core.solve(theta, beta, shape, self.likelihood.n_agq, False)
        return found.criterion, found.gradient


class _Plain:
    """The parameters as they are."""

    def __init__(self, x: Floats) -> None:
        self.y = x

    def x(self, y: Floats) -> Floats:
        return y.copy()

    def jacobian(self, y: Floats) -> Floats:
        """(n, n) dx / dy."""
        return np.eye(len(y))


class _Correlated(_Plain):
    """The same with one term's theta as the entries of M; for two effects in question M[1, :2] is (rho, sd_j)."""

    def __init__(self, x: Floats, where: slice, k: int, first: list[int]) -> None:
        self.where, self.k, self.both = where, k, len(first) == 2
        self.order = [*first, *(i for i in range(k) if i not in first)]
        self.columns = [(i, j) for j in range(k) for i in range(j, k)]  # lower triangle column by column
        Lambda = np.zeros((k, k))
        for entry, place in zip(x[where], self.columns, strict=True):
            Lambda[place] = entry
        M = _lower(Lambda[self.order])
        if self.both:
            sd = sqrt(float(M[1] @ M[1]))
            M[1, :2] = M[1, 0] / sd if sd > 0 else 0.0, sd
        self.y = x.copy()
        self.y[where] = [M[place] for place in self.columns]

    def x(self, y: Floats) -> Floats:
        x = y.copy()
        x[self.where] = self._theta(y[self.where])
        return x

    def jacobian(self, y: Floats) -> Floats:
        """(n, n) dx / dy, the term's part by central differences; NaN columns of rho at its bounds."""
        J = np.eye(len(y))
        here = np.arange(len(y))[self.where]
        for column in here:
            up, down = y.copy(), y.copy()
            step = DIFFERENCE * max(1.0, abs(float(y[column])))
            up[column] += step
            down[column] -= step
            with np.errstate(invalid="ignore"):
                J[here, column] = (self._theta(up[self.where]) - self._theta(down[self.where])) / (2 * step)
        return J

    def _theta(self, entries: Floats) -> Floats:
        M = np.zeros((self.k, self.k))
        for entry, place in zip(entries, self.columns, strict=True):
            M[place] = entry
        if self.both:
            rho, sd = float(M[1, 0]), abs(float(M[1, 1]))  # a negative one would turn rho around
            M[0, 0] = abs(M[0, 0])
            M[1, :2] = rho * sd, np.sqrt(1 - rho**2) * sd
        Lambda = np.empty((self.k, self.k))
        Lambda[self.order] = M
        Lambda = _lower(Lambda) if np.isfinite(Lambda).all() else np.full_like(Lambda, nan)
        return np.array([Lambda[place] for place in self.columns])


def _lower(M: Floats) -> Floats:
    """The lower triangular factor of M M', diagonal not negative."""
    R = np.linalg.qr(M.T)[1]
    signs = np.where(np.diag(R) < 0, -1.0, 1.0)
    lower: Floats = R.T * signs
    return lower


def _inverse(hessian: Floats) -> Floats:
    """The inverse with curvatures made positive, as a metric to start from."""
    curvature = np.abs(np.diag(hessian))
    scale = 1 / np.sqrt(np.where(curvature > 0, curvature, 1.0))
    values, vectors = np.linalg.eigh(hessian * np.outer(scale, scale))
    values = np.maximum(np.abs(values), FLAT * float(np.abs(values).max(initial=0.0)))
    made: Floats = (vectors / np.where(values > 0, values, 1.0)) @ vectors.T * np.outer(scale, scale)
    return made
