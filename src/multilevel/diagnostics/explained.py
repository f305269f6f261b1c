"""A fit in sentences: what was estimated, where the variation lies, what is singular, what was left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..effects import variance_shares
from ..formula import RandomMatrices
from ..layout import Page, Prose, Section
from ..models.estimate import SINGULAR, Fit
from ..models.linear import r_squared
from .doubts import dropped_words, missing_words, singularities, zero_weight_words
from .optimum import convergence_words, flat_words
from .sentences import listed, percent, sentence

FEW_LEVELS = 5  # lme4's advice: with fewer levels a variance can hardly be estimated


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Page):
    """A fit in sentences, under headings."""

    paragraphs: tuple[tuple[str, tuple[str, ...]], ...]

    def __repr__(self) -> str:
        return self.to_text()

    def sections(self) -> tuple[Section, ...]:
        """One section for each heading."""
        return tuple(Section(title, tuple(map(Prose, sentences))) for title, sentences in self.paragraphs)


def explain_linear(fit: Fit) -> Explanation:
    """What a linear model estimated, and what was left out."""
    n, p = fit.estimate.n, len(fit.kept)
    r2, _ = r_squared(fit)
    estimated = (
        f"The mean of {fit.design.formula.response_text} is {mean_words(fit, 'coefficient')}.",
        f"It was estimated by least squares from {n} rows; {n - p} degrees of freedom are left for the residual "
        f"standard deviation, {fit.estimate.sigma:.4g}.",
    )
    explained = (
        (f"The model explains {percent(r2)} of the variation{_about(fit)}.",) if p > fit.design.has_intercept else ()
    )
    return Explanation(headed(("What was estimated", estimated + explained), ("What was left out", left_out(fit))))


def explain_mixed(fit: Fit) -> Explanation:
    """What a mixed model estimated, where the variation lies, what is singular, what can be done."""
    method = "REML" if fit.estimate.reml else "maximum likelihood"
    estimated = (
        f"The mean of {fit.design.formula.response_text} is {mean_words(fit, 'fixed effect')}.",
        *[term_words(part) for part in fit.rows.random],
        f"The variances were estimated by {method} from {fit.rows.n} rows; "
        + (
            f"the residual standard deviation is {fit.estimate.sigma:.4g}{', as given' if fit.estimate.known else ''}."
            if fit.estimate.residual
            else "there are no residuals besides the random effects."
        ),
    )
    optimum = [sentence(convergence_words(fit.estimate.certificate))]
    if words := flat_words(fit):
        optimum.append(sentence(words))
    return Explanation(
        headed(
            ("What was estimated", estimated),
            ("Where the variation lies", (_share_words(fit),)),
            ("What is singular", singular_words(fit)),
            ("What was left out", left_out(fit)),
            ("The optimum", tuple(optimum)),
        )
    )


def headed(*paragraphs: tuple[str, tuple[str, ...]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The paragraphs that say something."""
    return tuple(paragraph for paragraph in paragraphs if paragraph[1])


def mean_words(fit: Fit, what: str) -> str:
    """Which coefficients describe the mean."""
    p = len(fit.kept)
    if p == 0:
        return "zero" if fit.rows.offset is None else "the offset"
    return f"described by {p} {what}{'' if p == 1 else 's'}: {listed(fit.names)}"


def _about(fit: Fit) -> str:
    response = fit.design.formula.response_text
    return f" of {response} about its mean" if fit.design.has_intercept else f" of {response} about zero"


def term_words(part: RandomMatrices) -> str:
    """What varies over the levels of a grouping factor."""
    k = len(part.names)
    correlated = "" if k == 1 else f" and {_structure_words(part)}"
    few = f" ({part.n_levels} levels say little about a variance)" if part.n_levels < FEW_LEVELS else ""
    verb = "varies" if k == 1 else "vary"
    return f"{listed(part.names)} {verb} over the {part.n_levels} levels of {part.group}{correlated}{few}."


STRUCTURE_WORDS = {
    "us": "may be correlated",
    "diag": "are taken as uncorrelated",
    "homdiag": "are taken as uncorrelated with one variance",
    "cs": "have one correlation in common (compound symmetry)",
    "homcs": "have one variance and one correlation in common (compound symmetry)",
    "ar1": "have correlations that fall as powers of the distance between levels, and one variance",
    "hetar1": "have correlations that fall as powers of the distance between levels",
    "toep": "have a correlation for each distance between levels (Toeplitz)",
    "homtoep": "have a correlation for each distance between levels (Toeplitz), and one variance",
    "ou": "have correlations that fall exponentially with the distance, and one variance",
}


def _structure_words(part: RandomMatrices) -> str:
    return STRUCTURE_WORDS[part.structure]


def _share_words(fit: Fit) -> str:
    weights = fit.prior_weights
    sigma2 = fit.estimate.sigma**2 * float(1.0 if weights is None else np.mean(1.0 / weights))
    sigma2 = sigma2 if fit.estimate.residual else 0.0
    shares = variance_shares(fit)
    total = sum(shares) + sigma2
    parts = [f"{percent(s / total)} belongs to {part.written}" for s, part in zip(shares, fit.rows.random, strict=True)]
    return "Of the variance that the fixed effects leave, averaged over the rows, " + (
        f"{', '.join(parts)} and {percent(sigma2 / total)} to the residuals." if sigma2 else f"{listed(parts)}."
    )


def singular_words(fit: Fit) -> tuple[str, ...]:
    """What is singular, what that means and what can be done."""
    found = singularities(fit)
    if not found:
        return ()
    said = map(sentence, found)
    meaning = (
        "The data show no more variation in this direction than chance would; an estimate on the boundary is the best "
        "one, not a failure. Fixed effects and their standard errors hold for the model as estimated, which is simpler "
        "than the one that was written down."
    )
    return (
        *said,
        meaning,
        f"The options: keep the fit and report it as singular; {_simpler(fit)}; or collect more levels.",
    )


def _simpler(fit: Fit) -> str:
    """Ways to write a model without the singular direction."""
    advice = []
    found = [pair for own in fit.random_parts for pair in zip(own.rows.random, own.estimate.smallest, strict=True)]
    for part, smallest in found:
        if smallest >= SINGULAR:
            continue
        if len(part.names) == 1:
            advice.append(f"leave {part.written} out, which gives the same fit")
        elif part.structure not in ("us", "diag"):
            advice.append(f"give {part.written} a simpler structure, or leave it out")
        elif part.structure == "us":
            left = part.label.rpartition(" | ")[0]
            advice.append(
                f"estimate no correlations, ({left} || {part.group}), or take an effect out of {part.written}"
            )
        else:
            advice.append(f"take the effect whose variance is zero out of {part.written}")
    return "; ".join(advice)


def left_out(fit: Fit) -> tuple[str, ...]:
    """Columns and rows that were left out, in sentences."""
    words = [dropped_words(fit)] if fit.dropped else []
    if fit.n_missing:
        words.append(missing_words(fit))
    if fit.counted is not None:
        words.append(zero_weight_words(fit))
    return tuple(map(sentence, words))
