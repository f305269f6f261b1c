"""Best fits with one parameter held: what the points of a profile are.

Holder                   the likelihood of a model, seen from a profile
├─ LinearHolder          the compiled core holds the parameter (linear and linear mixed models)
└─ GeneralizedHolder     generalized_holding.py
"""

from __future__ import annotations

from math import nan
from typing import NamedTuple, Protocol

import numpy as np

from ..data.sums import Floats
from ..errors import InferenceError
from ..models.estimate import Fit
from .parameters import Kind, Parameter

NOTHING = np.empty(0)


class Held(NamedTuple):
    """The best fit with one parameter held."""

    value: float
    criterion: float  # -2 log-likelihood
    slope: float  # d criterion / d value; NaN: not known
    theta: Floats
    sigma: float
    beta: Floats
    shape: Floats = NOTHING  # of a generalized model, on the log scale


class Holder(Protocol):
    """The likelihood of a model, seen from a profile."""

    def best(self, start: Held | None) -> tuple[Held, Floats]:
        """The best fit with nothing held, and standard errors (p,) of the coefficients, or (p + s,) with those
        of models of the shape."""

    def hold(self, kind: Kind, value: float, start: Held, p: Parameter, i: int) -> Held:
        """The best fit near `start` with the coefficient, standard deviation or correlation of effect i at a value; the
        random term and the other effect are those of `p`.
        """


class LinearHolder:
    """A linear or linear mixed model, whose core finds the held minima."""

    def __init__(self, fit: Fit) -> None:
        if fit.estimate.n <= len(fit.kept):
            raise InferenceError(
                f"{len(fit.kept)} coefficients for {fit.estimate.n} rows leave no residuals, so there is no likelihood "
                "to profile"
            )
        self.fit = fit

    def best(self, start: Held | None) -> tuple[Held, Floats]:
        """The fit by maximum likelihood; from `start`, else from the estimate unless it is singular."""
        e = self.fit.estimate
        theta = e.theta if self.fit.rows.random and not e.is_singular else None
        found = self.fit.sums.core.fit(False, theta if start is None else start.theta)
        centre = Held(nan, found.criterion, 0.0, found.theta, found.sigma, found.beta)
        return centre, np.sqrt(np.diag(found.unscaled_vcov)) * found.sigma

    def hold(self, kind: Kind, value: float, start: Held, p: Parameter, i: int) -> Held:
        """See `Holder`."""
        core = self.fit.sums.core
        contrast = None
        if kind == "coefficient":
            contrast = np.zeros(core.p)
            contrast[i] = 1.0
        # the kinds of parameters are the core's, which refuses others
        h = core.hold(kind, value, start.theta, start.sigma, p.term, i, p.j, contrast)  # type: ignore[arg-type]
        return Held(value, h.criterion, h.slope, h.theta, h.sigma, h.beta)
