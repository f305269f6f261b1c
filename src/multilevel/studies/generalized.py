"""Refits of generalized (mixed) models: in the core and in parallel with random effects, one by one without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..data.sums import Floats
from ..errors import FitError, InferenceError
from ..inference.methods import sampling_of
from ..models.estimate import SINGULAR
from ..models.generalized import GeneralizedFit
from ..models.generalized_linear import GeneralizedLinearFit, refit_generalized_linear
from ..models.generalized_mixed import GeneralizedMixedFit
from ..models.likelihood import Likelihood
from .refits import Refits, Refitted


class GeneralizedMixed(Refitted):
    """A model fitted by `glmer`: z and chi-square tests from the Hessian of each refit."""

    fit: GeneralizedMixedFit

    def __init__(self, fit: GeneralizedMixedFit, df: str | None, threads: int) -> None:
        self.fit, self.threads = fit, threads
        self.sampling = sampling_of(fit, df)

    def to(self, Y: Floats) -> Refits:
        """Refits to responses Y (r, n)."""
        r = self._refit(self.fit.likelihood, Y, vcov=True)
        return Refits(
            beta=r["beta"],
            vcov=r["vcov"],
            singular=np.any(r["smallest"] < SINGULAR, axis=1),
            uncertain=(r["converged"] == 0) & np.isfinite(r["criterion"]),
        )

    def deviances(self, Y: Floats, X: tuple[Floats, ...] | None = None) -> Floats:
        """(r,) -2 log-likelihoods of the fits, with other columns of X if they are given."""
        own = self.fit.likelihood
        if X is not None:
            own = Likelihood(replace(own.rows, X=X), own.family, own.n_agq, own.curvature, own.models)
        deviances: Floats = self._refit(own, Y, vcov=False)["criterion"]
        return deviances

    def _refit(self, likelihood: Likelihood, Y: Floats, *, vcov: bool) -> Any:
        counted, shapes = self.fit.counted, _shapes(self.fit)
        columns = (Y if counted is None else Y[:, counted]).T
        return likelihood.core.refit(columns, likelihood.n_agq, None, None, *shapes, self.threads, vcov)


class GeneralizedLinear(Refitted):
    """A model fitted by `glm`."""

    fit: GeneralizedLinearFit

    def __init__(self, fit: GeneralizedLinearFit, df: str | None, threads: int) -> None:
        self.fit, self.threads = fit, threads
        self.sampling = sampling_of(fit, df)

    def to(self, Y: Floats) -> Refits:
        """Refits to responses Y (r, n)."""
        p = len(self.fit.kept)
        beta, vcov = np.full((len(Y), p), np.nan), np.full((len(Y), p, p), np.nan)
        uncertain = np.zeros(len(Y), bool)
        for i, y in enumerate(Y):
            try:
                e = refit_generalized_linear(self.fit, replace(self.fit.rows, y=y)).estimate
            except FitError:  # this response has no fit: counted, and not significant
                continue
            beta[i], vcov[i], uncertain[i] = e.beta, e.vcov, bool(e.separation) or not e.certificate.converged
        return Refits(beta, vcov, np.zeros(len(Y), bool), uncertain)

    def deviances(self, Y: Floats, X: tuple[Floats, ...] | None = None) -> Floats:
        """(r,) -2 log-likelihoods of the fits, with other columns of X if they are given."""
        family, rows = self.fit.family, self.fit.rows.taken(self.fit.counted)
        if self.fit.pearson:
            raise InferenceError(
                f"the dispersion of the family {family.name} is estimated, so likelihood ratios have no chi-square "
                "distribution; leave lr() out"
            )
        X = tuple([rows.X[j] for j in self.fit.kept]) if X is None else X
        counted = self.fit.counted
        core = Likelihood(replace(rows, X=X), family, 1, None, self.fit.models and self.fit.models.taken(counted)).core
        columns = (Y if counted is None else Y[:, counted]).T
        return core.refit(columns, 1, None, None, *_shapes(self.fit), self.threads)["criterion"]


def _shapes(fit: GeneralizedFit) -> tuple[Floats | None, list[bool]]:
    """Where the search for shapes starts, and which are held: those that the family states; others are found anew."""
    if fit.modelled:
        return None, [False] * len(fit.parameters)
    held = np.isfinite(fit.family.given_shape())
    return np.log(fit.estimate.shape) if held.any() else None, held.tolist()
