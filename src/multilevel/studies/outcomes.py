"""What one test found in one scenario, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .refits import Flags, Verdicts

LEVEL = 0.95  # of the intervals


@dataclass(frozen=True)
class Outcome:
    """What one test found in the responses of one scenario.

    Parameters
    ----------
    test : as it was asked for.
    where : the scenario: a number of levels or a value for each axis.
    n : responses drawn.
    found : significant tests.
    failed : responses without a fit or a test; they count as not significant.
    singular, uncertain : fits with a variance of zero or a correlation of one; without a certified optimum. They count.
    truth : true value of what is estimated; NaN for several coefficients at once.
    mean, sd : of the estimates.
    wrong_sign : share of the significant estimates with the wrong sign (type S error).
    exaggeration : mean size of the significant estimates over the true size (type M error, exaggeration ratio). Both
        are measured from what the test compares with, and NaN where that is the truth or nothing was significant.
    """

    test: str
    where: tuple[float, ...]
    n: int
    found: int
    failed: int
    singular: int
    uncertain: int
    truth: float
    mean: float
    sd: float
    wrong_sign: float
    exaggeration: float

    @property
    def power(self) -> float:
        """Share of the responses in which the test was significant."""
        return self.found / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of the power (Clopper & Pearson 1934, Biometrika 26, 404-413)."""
        return clopper_pearson(self.found, self.n)


def clopper_pearson(found: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a probability, from so many of n.

    >>> tuple(round(limit, 4) for limit in clopper_pearson(349, 400))
    (0.8358, 0.9036)
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    lower = float(betaincinv(found, n - found + 1, tail)) if found else 0.0
    upper = float(betaincinv(found + 1, n - found, 1 - tail)) if found < n else 1.0
    return lower, upper


def counted(
    test: str, where: tuple[float, ...], verdicts: Verdicts, singular: Flags, uncertain: Flags, truth: float, rhs: float
) -> Outcome:
    """The counts and errors of one test; `truth` and `rhs` are what it estimates and compares with."""
    gap = verdicts.gap[np.isfinite(verdicts.gap)]
    claims, effect = verdicts.gap[verdicts.found], truth - rhs
    known = len(claims) > 0 and bool(np.isfinite(effect)) and effect != 0
    return Outcome(
        test=test,
        where=where,
        n=len(verdicts.found),
        found=int(verdicts.found.sum()),
        failed=int((~verdicts.known).sum()),
        singular=int(singular.sum()),
        uncertain=int(uncertain.sum()),
        truth=truth,
        mean=float(gap.mean()) + rhs if len(gap) else np.nan,
        sd=float(gap.std(ddof=1)) if len(gap) > 1 else np.nan,
        wrong_sign=float((claims * effect < 0).mean()) if known else np.nan,
        exaggeration=float(np.abs(claims).mean() / abs(effect)) if known else np.nan,
    )


@dataclass(frozen=True)
class Axis:
    """What varies over the scenarios: the levels of a grouping factor, or the value of a coefficient."""

    name: str
    kind: Literal["levels", "value"]
    values: tuple[float, ...]

    @property
    def label(self) -> str:
        """What its numbers are: `levels of participant`, `true value of days`."""
        return f"{'levels' if self.kind == 'levels' else 'true value'} of {self.name}"

    def words(self, value: float) -> str:
        """One of them: `40 levels of participant`, `days = 5`."""
        return f"{value:g} levels of {self.name}" if self.kind == "levels" else f"{self.name} = {value:.3g}"
