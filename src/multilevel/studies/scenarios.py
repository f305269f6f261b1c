"""One scenario, a design and a truth: responses are drawn, refitted and tested, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.sums import Floats
from ..errors import FitError
from ..families import Family, family_of
from ..formula import Formula
from ..inference.drawing import generators
from ..inference.sampling import Sampling
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from ..models.generalized_linear import fit_generalized_linear
from ..models.generalized_mixed import fit_generalized_mixed
from ..models.inputs import Weights
from ..models.linear import fit_linear
from ..models.linear_mixed import fit_linear_mixed
from ..progress import Progress
from ..truth import Simulation, Truth, prepare, simulate
from .asked import Asked, asked
from .generalized import GeneralizedLinear, GeneralizedMixed
from .linear import Linear
from .outcomes import Outcome, counted
from .refits import Refits, Refitted, Verdicts, likelihood_ratio, wald

BLOCK = 400_000  # numbers of responses drawn before they are fitted
STEPS = 100  # or so many responses, for the progress to be seen
TRIES = 20  # responses, of which one teaches the model


@dataclass(frozen=True, eq=False)
class Study:
    """What all scenarios share.

    Parameters
    ----------
    formula, weights, contrasts : as for `simulate` and the fits.
    parts : `ziformula` and `dispformula`, likewise.
    tests : names of tests.
    n : responses of a scenario.
    alpha : level of the tests.
    df : degrees of freedom, by name; None: those of the model's summary.
    entropy : what the random numbers start from; response i has child i of it in every scenario.
    threads : of the refits; 0: as the environment allows.
    """

    formula: str
    tests: tuple[str, ...]
    n: int
    alpha: float
    df: str | None
    weights: Weights
    contrasts: Mapping[str, Any] | None
    parts: Mapping[str, str | None]
    entropy: Any
    threads: int

    def model(self, design: Any, truth: Truth) -> Refitted:
        """The model of a design, learned from the first response that can be fitted."""
        for rng in next(generators(TRIES, TRIES, self.entropy)):
            table = simulate(self.formula, design, truth, seed=rng, **self._options)
            try:
                return self._fitted(table, family_of(truth.family))
            except FitError as error:
                refused = error
        raise refused

    def _fitted(self, table: Any, family: Family) -> Refitted:
        given = self._options
        mixed = bool(Formula.parse(self.formula).random)
        if family.name == "gaussian" and family.link.name == "identity" and not any(self.parts.values()):
            fit = fit_linear_mixed if mixed else fit_linear
            linear = fit(self.formula, table, weights=self.weights, contrasts=self.contrasts)
            return Linear(linear, self.df, self.threads)
        if mixed:
            return GeneralizedMixed(fit_generalized_mixed(self.formula, table, family, **given), self.df, self.threads)
        return GeneralizedLinear(fit_generalized_linear(self.formula, table, family, **given), self.df, self.threads)

    @property
    def _options(self) -> dict[str, Any]:
        return {"weights": self.weights, "contrasts": self.contrasts, **self.parts}

    def run(self, design: Any, truth: Truth, where: tuple[float, ...], progress: Progress) -> tuple[str, list[Outcome]]:
        """Whose references the tests have, and every test in one scenario."""
        model = self.model(design, truth)
        simulation = prepare(self.formula, design, truth, **self._options)
        asks = [asked(model.fit, test) for test in self.tests]
        refits: list[Refits] = []
        verdicts: list[list[Verdicts]] = [[] for _ in asks]
        for Y in responses(simulation, model.fit, self.n, self.entropy):
            found = model.to(Y)
            refits.append(found)
            full = model.deviances(Y) if any(ask.without is not None for ask in asks) else np.empty(0)
            for ask, seen in zip(asks, verdicts, strict=True):
                if ask.without is None:
                    seen.append(wald(model, found, ask, self.alpha))
                else:
                    seen.append(likelihood_ratio(model, found, ask, Y, full, self.alpha))
            progress.advance(len(Y))
        beta = true_coefficients(model.fit, truth)
        singular = np.concatenate([block.singular for block in refits])
        uncertain = np.concatenate([block.uncertain for block in refits])
        return _words(model.sampling, asks), [
            counted(ask.label, where, together(seen), singular, uncertain, *_value(ask, beta))
            for ask, seen in zip(asks, verdicts, strict=True)
        ]


def responses(simulation: Simulation, fit: Fit, count: int, entropy: Any) -> Iterator[Floats]:
    """Blocks (r, n) of responses of the complete rows, as the model takes them: of pairs of counts proportions."""
    rows = simulation.rows
    trials = np.maximum(fit.weights, 1.0) if isinstance(fit, GeneralizedFit) and fit.paired else 1.0
    for block in generators(count, max(1, min(STEPS, BLOCK // rows.n)), entropy):
        Y = np.empty((len(block), rows.n))
        for y, rng in zip(Y, block, strict=True):
            drawn = simulation.draw(rng)
            y[:] = (drawn if rows.kept is None else drawn[rows.kept]) / trials
        yield Y


def together(blocks: Sequence[Verdicts]) -> Verdicts:
    """Blocks of verdicts as one."""
    return Verdicts(
        np.concatenate([block.found for block in blocks]),
        np.concatenate([block.known for block in blocks]),
        np.concatenate([block.gap for block in blocks]),
    )


def true_coefficients(fit: Fit, truth: Truth) -> Floats:
    """(p,) the true values of the identified coefficients: with columns left out, those of the same means."""
    beta = np.array([truth.fixed[name] for name in fit.design.names])
    if not fit.dropped:
        return beta
    X = np.column_stack(fit.rows.X)
    made: Floats = np.linalg.lstsq(X[:, list(fit.kept)], X @ beta, rcond=None)[0]
    return made


def _value(ask: Asked, beta: Floats) -> tuple[float, float]:
    """The true value of a single combination, and what it is compared with; NaN for several."""
    if len(ask.L) > 1:
        return np.nan, np.nan
    return float(ask.L[0] @ beta), float(ask.rhs[0])


def _words(sampling: Sampling, asks: Sequence[Asked]) -> str:
    """Whose references the tests have: "Satterthwaite's method"."""
    words = []
    if any(ask.without is None for ask in asks):
        words.append("normal references" if sampling.method == "none" else sampling.words)
    if any(ask.without is not None for ask in asks):
        words.append("likelihood ratios")
    return " and ".join(words)
