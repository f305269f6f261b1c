"""Model checks: what one should look at before believing a fit, each with a number and a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .diagnostics import FEW_LEVELS, convergence_words, dropped_words, missing_words, singularities
from .framed import frame
from .labelled import Floats
from .layout import Page, Prose, Section
from .models.estimate import Fit
from .models.predictor import fitted
from .models.shape_models import PARTS
from .predict import residuals

STRAIGHT = 0.98  # correlation of a normal quantile plot below which its line is bent
TREND = 0.2  # rank correlation of |residual| and fitted value from which the spread is not constant
FAR = 4.0  # standard deviations from which a residual or a group is far out
INFLATED = 10.0  # variance inflation from which coefficients can hardly be told apart
MANY = 10  # levels from which a quantile plot of random effects says something


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at: `what`, what was `found`, whether it is `fine`, and `advice` if it is not."""

    what: str
    found: str
    fine: bool
    advice: str = ""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Checks(Page):
    """All checks of a fit; `fine` if nothing asks for a second look."""

    checks: tuple[Check, ...]
    backend: str = "pandas"

    def __repr__(self) -> str:
        return self.to_text()

    @property
    def fine(self) -> bool:
        """Whether no check asks for a second look."""
        return all(check.fine for check in self.checks)

    def sections(self) -> tuple[Section, ...]:
        """A line for each check, and advice for those that need a look."""
        lines = tuple(Prose(f"{'✓' if c.fine else '!'} {c.what}: {c.found}") for c in self.checks)
        advice = tuple(Prose(f"{check.what}: {check.advice}") for check in self.checks if not check.fine)
        title = "Model checks: nothing needs a second look" if self.fine else "Model checks"
        return (
            Section(title, lines),
            *((Section("What to do:", advice),) if advice else ()),
        )

    def to_frame(self) -> Any:
        """A row for each check: `check`, `found`, `fine`, `advice`."""
        return frame(
            {
                "check": [c.what for c in self.checks],
                "found": [c.found for c in self.checks],
                "fine": np.array([c.fine for c in self.checks]),
                "advice": [c.advice for c in self.checks],
            },
            self.backend,
        )


def check(fit: Fit, backend: str) -> Checks:
    """Optimum, boundary, data left out, number of groups, collinearity, residuals and random effects."""
    return Checks((*fit_checks(fit), *_of_the_residuals(fit), *group_checks(fit)), backend)


def fit_checks(fit: Fit) -> Iterator[Check]:
    """Optimum, boundary, data left out, collinearity."""
    if fit.design.random:
        certificate = fit.estimate.certificate
        yield Check("optimum", convergence_words(certificate), certificate.minimum, "simplify the random effects")
        words = "; ".join(singularities(fit))
        yield Check(
            "boundary", words or "all variances are positive", not words,
            "simplify the random effects, or report the boundary; explain() names the direction",
        )  # fmt: skip
    if fit.n_missing:
        yield Check("rows", missing_words(fit), False, "is what is missing missing at random?")
    if fit.dropped:
        yield Check("columns", dropped_words(fit), False, "leave them out of the formula, or collect other data")
    if (inflation := variance_inflation(fit)) is not None:
        name, most = inflation
        words = f"largest variance inflation {most:.3g} ({name})"
        yield Check("collinearity", words, most < INFLATED, "coefficients can hardly be told apart; centre or combine")


def variance_inflation(fit: Fit) -> tuple[str, float] | None:
    """The coefficient whose variance the others inflate most, and how many times; None with fewer than two slopes.

    The diagonal of the inverse of the correlation matrix of the estimates, intercept apart (Davis, Hyde, Bangdiwala &
    Nelson 1986, in Modern Statistical Methods in Chronic Disease Epidemiology).
    """
    slopes = [j for j, name in enumerate(fit.names) if name != "(Intercept)"]
    if len(slopes) < 2:
        return None
    U = fit.estimate.unscaled_vcov[np.ix_(slopes, slopes)]
    length = np.sqrt(np.diag(U))
    factors = np.diag(np.linalg.inv(U / np.outer(length, length)))
    worst = int(np.argmax(factors))
    return fit.names[slopes[worst]], float(factors[worst])


def _of_the_residuals(fit: Fit) -> Iterator[Check]:
    if not fit.estimate.residual:
        return
    r = residuals(fit, "scaled")
    r = r if fit.counted is None else r[fit.counted]
    straight = quantile_correlation(r)
    yield Check(
        "residuals: shape", f"correlation with normal quantiles {straight:.3f}", straight >= STRAIGHT,
        "look at plots.residuals; a transformed response or another family may fit better",
    )  # fmt: skip
    mean = fitted(fit) if fit.counted is None else fitted(fit)[fit.counted]
    if np.ptp(mean) > 0 and np.ptp(r) > 0:
        trend = rank_correlation(np.abs(r), mean)
        yield Check(
            "residuals: spread", f"rank correlation of size and fitted value {trend:.2f}", abs(trend) < TREND,
            "the spread changes with the mean; a log response or another family may fit better",
        )  # fmt: skip
    far = np.flatnonzero(np.abs(r) > FAR)
    rows = far if fit.rows.kept is None or fit.counted is not None else fit.rows.kept[far]
    shown = ", ".join(map(str, rows[:5].tolist())) + (", ..." if len(rows) > 5 else "")
    words = (
        f"{len(far)} beyond {FAR:g} sigma (rows {shown}, counted from 0)" if len(far) else f"none beyond {FAR:g} sigma"
    )
    yield Check("residuals: outliers", words, not len(far), "are these values right? Does leaving them out matter?")


def rank_correlation(x: Floats, y: Floats) -> float:
    """Spearman's correlation: that of the ranks, those of equal values averaged.

    >>> rank_correlation(np.array([1.0, 2.0, 2.0, 9.0]), np.array([1.0, 3.0, 4.0, 5.0])).__round__(6)
    0.948683
    """
    return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])


def _ranks(values: Floats) -> Floats:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def group_checks(fit: Fit) -> Iterator[Check]:
    """Number of levels, and the shape of each random effect, of the mean and of other parts."""
    for own in fit.random_parts:
        yield from _term_checks(own, "" if own is fit else f"{PARTS[own.component]}, ")


def _term_checks(fit: Fit, where: str) -> Iterator[Check]:
    for part, b, factor in zip(fit.rows.random, fit.estimate.modes, fit.factors, strict=True):
        group = f"{where}{part.written}"
        if part.n_levels < FEW_LEVELS:
            yield Check(
                f"{group}: levels", f"{part.n_levels} levels", False,
                f"a variance between fewer than {FEW_LEVELS} levels is hardly known; try {part.group} as fixed effect",
            )  # fmt: skip
        sd = fit.estimate.sigma * np.sqrt(np.einsum("ij,ij->i", factor, factor))
        for name, effects, scale in zip(part.names, b.T, sd, strict=True):
            if not scale > 0:
                continue
            far = np.abs(effects) > FAR * scale
            straight = quantile_correlation(effects) if part.n_levels >= MANY else 1.0
            words = f"normal quantiles {straight:.3f}, {int(far.sum())} beyond {FAR:g} sd"
            yield Check(
                f"{group}: {name}", words if part.n_levels >= MANY else f"{int(far.sum())} beyond {FAR:g} sd",
                straight >= STRAIGHT**2 and not far.any(), "see plots.caterpillar: are some groups of another kind?",
            )  # fmt: skip


def quantile_correlation(values: Floats) -> float:
    """Correlation of the sorted values with normal quantiles (Filliben 1975, Technometrics 17, 111-117)."""
    from scipy.special import ndtri

    n = len(values)
    if n < 3 or np.ptp(values) == 0:
        return 1.0
    positions = ndtri((np.arange(1, n + 1) - 0.3175) / (n + 0.365))
    return float(np.corrcoef(np.sort(values), positions)[0, 1])
