"""The optimum: whether it is a minimum, and what the data do not determine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..data.sums import one_to_a_row
from ..formula import ONE_VARIANCE, RandomMatrices, distinct_pairs
from ..labelled import Floats
from ..layout import Page, Prose, Section
from ..models.estimate import FLAT, Certificate, Fit
from ..tables import Table, column
from .sentences import listed, sentence

VANISHED = 1e-2  # sigma beside the residuals of least squares that is on its way to zero
KEEP_THEIR_NAME = ("us", "diag", "homdiag", "homcs", "homtoep")  # Psi + c I is of the same structure


def convergence_words(certificate: Certificate) -> str:
    """The verdict on the optimum, with the size of the doubt if there is one."""
    c = certificate
    if not c.converged:
        return (
            f"the optimum was not reached: after {c.evaluations} evaluations another step could still lower the "
            f"criterion by about {c.decrement:.2g}"
        )
    if not c.minimum:
        return (
            "the estimate is not certified as a minimum: the criterion still falls in some direction (curvature "
            f"{min(c.lowest_curvature, c.boundary_slope):.2g} in scale-free units)"
        )
    return f"the criterion is at a minimum, found in {c.evaluations} evaluations"


def convergence_doubts(fit: Fit) -> list[str]:
    """Sentences about the optimum for the printed page; none when it is certified and unique."""
    certificate = fit.estimate.certificate
    words = flat_words(fit) or ("" if certificate.minimum else convergence_words(certificate))
    return [sentence(words)] if words else []


def flat_words(fit: Fit) -> str:
    """That the data do not determine some variances or correlations, and what to do; usually nothing."""
    estimated = fit.sums.sigma is None and fit.estimate.residual
    vanishing = estimated and fit.estimate.sigma < VANISHED * fit.sums.core.residual_scale
    undetermined = flat_direction(fit)
    surplus = estimated and any(map(takes_residuals, fit.rows.random))
    if not vanishing and not undetermined and not surplus:
        return ""
    carriers = [part.written for part in fit.rows.random if one_to_a_row(part)]
    if carriers and estimated and fit.prior_weights is None:
        what = "goes to zero" if vanishing else "cannot be told from the others"
        return (
            f"the residual variance {what}: {carriers[0]} has an effect of its own for every row, which leaves nothing "
            'to residuals; dispformula="~0" fits the model without them'
        )
    if not undetermined:
        return ""
    together = " separately" if len(undetermined) > 1 else ""
    return (
        f"the data do not determine {listed(undetermined)}{together}: other values fit as well; "
        "simplify the random effects"
    )


def flat_direction(fit: Fit) -> list[str]:
    """What the data do not determine: the entries of theta along which the criterion does not change; usually none."""
    certificate = fit.estimate.certificate
    if not certificate.minimum or certificate.lowest_curvature > FLAT:
        return []
    theta = fit.estimate.theta
    curvature = fit.sums.core.solve(theta, fit.estimate.reml).hessian
    unit = np.maximum(np.abs(theta), 1 / _sizes(fit.rows.random))  # the curvature at a large theta is small
    values, vectors = np.linalg.eigh(curvature * np.outer(unit, unit))
    if values[0] > FLAT:
        return []
    share = np.abs(vectors[:, 0])
    return [name for name, s in zip(theta_names(fit.rows.random), share / share.max(), strict=True) if s > 0.05]


def takes_residuals(part: RandomMatrices) -> bool:
    """Whether a term has an effect of its own for every row, and covariances that stay what they are called when each
    variance grows by the same amount: that amount and the variance of the residuals are one parameter too many.
    """
    k = len(part.names)
    if part.n_levels * k < len(part.codes) or not (part.structure in KEEP_THEIR_NAME or k == 2):
        return False
    return one_to_a_row(part)


def _sizes(parts: Sequence[RandomMatrices]) -> Floats:
    """(m,) root mean square of the column of Z that each entry of theta scales."""
    sizes = []
    for part in parts:
        own = [max(float(np.sqrt(z.dot(z) / len(z))), 1e-300) for z in part.Z]
        if part.structure not in ("us", "diag"):
            sds = [float(np.mean(own))] if part.structure in ONE_VARIANCE else own
            sizes += [*sds, *[1.0] * (part.n_theta - len(sds))]
            continue
        for j in range(len(own)):
            sizes += own[j:] if part.structure == "us" else own[j : j + 1]
    return np.array(sizes)


def theta_names(parts: Sequence[RandomMatrices]) -> list[str]:
    """What each entry of theta stands for, in its order: a standard deviation, or a correlation of two effects."""
    names = []
    for part in parts:
        if part.structure not in ("us", "diag"):
            names += _structured_theta_names(part)
            continue
        for j, first in enumerate(part.names):
            names.append(f"the standard deviation of {first} by {part.group}")
            if part.structure == "us":
                names += [f"the correlation of {first} and {other} by {part.group}" for other in part.names[j + 1 :]]
    return names


def _structured_theta_names(part: RandomMatrices) -> list[str]:
    own = [part.what] if part.structure in ONE_VARIANCE else part.names
    names = [f"the standard deviation of {name} by {part.group}" for name in own]
    pairs = distinct_pairs(part.structure, part.names)
    far = [f" at distance {lag}" if len(pairs) > 1 else "" for lag in range(1, len(pairs) + 1)]
    return names + [f"the correlation of {part.what} by {part.group}{distance}" for distance in far]


@dataclass(frozen=True, eq=False, repr=False)
class Convergence(Page):
    """The verdict on the optimum, and what it rests on.

    Parameters
    ----------
    certificate : scale-free evidence: what another step could gain, curvature, slope at the boundary, evaluations.
    gradient : (m,) of the criterion in theta, in the user's units.
    eigenvalues : (m,) of the Hessian in theta, ascending.
    """

    certificate: Certificate
    gradient: Floats
    eigenvalues: Floats

    def __repr__(self) -> str:
        return self.to_text()

    @property
    def certified(self) -> bool:
        """Whether the estimate is a minimum: no slope and no negative curvature is left."""
        return self.certificate.minimum

    @property
    def gradient_norm(self) -> float:
        """Length of the gradient, in the user's units."""
        return float(np.sqrt(self.gradient @ self.gradient))

    def sections(self) -> tuple[Section, ...]:
        """The verdict, then the evidence."""
        c = self.certificate
        words = convergence_words(c)
        rows = {
            "another Newton step could gain": f"{c.decrement:.1e}",
            "gradient norm": f"{self.gradient_norm:.1e}",
            "Hessian eigenvalues": _range(self.eigenvalues),
            "lowest curvature, scale-free": f"{c.lowest_curvature:.3g}",
            "evaluations": str(c.evaluations),
            "engine": c.engine,
        }
        if np.isfinite(c.boundary_slope):
            rows["slope at the boundary"] = f"{c.boundary_slope:.3g}"
        verdict = Prose(sentence(words))
        evidence = Table((column("", list(rows.values()), align="left"),), tuple(rows), label_head="Evidence")
        return Section("", (verdict,)), Section("", (evidence,))


def convergence(fit: Fit) -> Convergence:
    """Gradient and Hessian at the estimate, beside the certificate."""
    solution = fit.sums.core.solve(fit.estimate.theta, fit.estimate.reml)
    return Convergence(
        fit.estimate.certificate, solution.gradient, np.linalg.eigvalsh(solution.hessian).astype(np.float64, copy=False)
    )


def _range(values: Floats) -> str:
    cells = [f"{value:.3g}" for value in (values if len(values) <= 2 else values[[0, -1]])]
    return (" ... " if len(values) > 2 else " ").join(cells)
