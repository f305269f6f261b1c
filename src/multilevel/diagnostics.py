"""A fit explained: what the optimum is worth, what is singular or not identified, what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .data.sums import one_to_a_row
from .effects import varcorr, variance_shares
from .errors import (
    CategoryWarning,
    ConvergenceWarning,
    MissingRowsWarning,
    MultilevelWarning,
    RankWarning,
    SingularFitWarning,
)
from .formula import ONE_VARIANCE, RandomMatrices, distinct_pairs
from .formula.column import alike, decimals, texts_among_numbers
from .formula.levels import Levels
from .labelled import Floats
from .layout import Page, Prose, Section
from .models.estimate import FLAT, SINGULAR, Certificate, Fit
from .models.inputs import listed_counts
from .models.linear import r_squared
from .tables import Table, column

VANISHED = 1e-2  # sigma beside the residuals of least squares that is on its way to zero
KEEP_THEIR_NAME = ("us", "diag", "homdiag", "homcs", "homtoep")  # Psi + c I is of the same structure
MANY_LEVELS = 1000  # levels of larger factors are not compared
FEW_LEVELS = 5  # lme4's advice: with fewer levels a variance can hardly be estimated


def doubts(fit: Fit) -> list[MultilevelWarning]:
    """What a user should know before reading the estimates; nothing for an ordinary fit."""
    found: list[MultilevelWarning] = list(map(CategoryWarning, category_words(fit)))
    if fit.rows.kept is not None:
        found.append(MissingRowsWarning(missing_words(fit)))
    if len(fit.kept) < len(fit.design.names):
        found.append(RankWarning(dropped_words(fit)))
    if fit.estimate.is_singular:
        words = "; ".join(singularities(fit))
        found.append(
            SingularFitWarning(f"singular fit: {words}. explain() says what this means and what the options are")
        )
    if fit.design.random and (words := flat_words(fit)):
        found.append(ConvergenceWarning(words))
    elif fit.design.random and not fit.estimate.certificate.minimum:
        words = convergence_words(fit.estimate.certificate)
        found.append(ConvergenceWarning(f"{words}; see convergence and explain()"))
    return found


def missing_words(fit: Fit) -> str:
    """`37 of 153 rows were left out because of missing values (ozone 37)`."""
    counts = listed_counts(fit.missing)
    verb = "was" if fit.n_missing == 1 else "were"
    return f"{fit.n_missing} of {fit.rows.n_total} rows {verb} left out because of missing values ({counts})"


def category_words(fit: Fit) -> Iterator[str]:
    """What may be a slip in columns of text: numbers mixed with it, levels that look alike."""
    yield from mixed_words(fit)
    grouping = {part.group: part.factor.distinct for part in fit.rows.random if isinstance(part.factor, Levels)}
    for name, levels in {**{n: f.levels for n, f in fit.design.factors.items()}, **grouping}.items():
        if not isinstance(levels, tuple) or len(levels) > MANY_LEVELS or "".join(levels).isdigit():
            continue
        if pairs := alike(levels):
            yield (
                f"{name} has levels that only blanks or capitals tell apart: "
                f"{listed(list(map(str, pairs)), 3)}; if they are one, spell them alike in the data"
            )


def mixed_words(fit: Fit) -> Iterator[str]:
    """Columns of fixed effects most of whose levels are numbers, some of them texts or fractions: a slip?"""
    for variable in fit.design.formula.fixed.variables:
        factor = fit.design.factors.get(variable.text)
        if variable.column is None or factor is None or factor.ordered:
            continue
        if texts := texts_among_numbers(factor.levels):
            yield (
                f"{variable.text} mixes numbers and text ({listed(list(map(repr, texts)), 3)}) and was taken as a "
                f"category with {len(factor.levels)} levels; if it is a number, make the text missing, if not, write "
                f"factor({variable.text})"
            )
        elif decimals(factor.levels):
            yield (
                f"{variable.text} holds numbers as text and was taken as a category with {len(factor.levels)} levels; "
                f"if it is a number, convert the column, if not, write factor({variable.text})"
            )


def dropped_words(fit: Fit) -> str:
    """Which columns of X other columns determine."""
    names = fit.dropped
    verb = "column was" if len(names) == 1 else "columns were"
    return f"{len(names)} {verb} left out of the fixed effects because other columns determine them: {', '.join(names)}"


def zero_weight_words(fit: Fit) -> str:
    """How many rows of a linear model do not count."""
    n = fit.rows.n - fit.estimate.n
    return "1 row has weight zero and does not count" if n == 1 else f"{n} rows have weight zero and do not count"


def singularities(fit: Fit) -> list[str]:
    """What is estimated as zero or as perfectly correlated, in words; nothing for an ordinary fit."""
    if not fit.estimate.is_singular:
        return []
    return varcorr(fit, "dict").degenerate() or ["the estimates lie on the boundary of what is possible"]


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
        (f"The model explains {_percent(r2)} of the variation{_about(fit)}.",) if p > fit.design.has_intercept else ()
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
    parts = [
        f"{_percent(s / total)} belongs to {part.written}" for s, part in zip(shares, fit.rows.random, strict=True)
    ]
    return "Of the variance that the fixed effects leave, averaged over the rows, " + (
        f"{', '.join(parts)} and {_percent(sigma2 / total)} to the residuals." if sigma2 else f"{listed(parts)}."
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


def left_out(fit: Fit) -> tuple[str, ...]:
    """Columns and rows that were left out, in sentences."""
    words = [dropped_words(fit)] if fit.dropped else []
    if fit.n_missing:
        words.append(missing_words(fit))
    if fit.counted is not None:
        words.append(zero_weight_words(fit))
    return tuple(map(sentence, words))


def sentence(words: str) -> str:
    """Words with a capital and a full stop."""
    return f"{words[0].upper()}{words[1:]}."


def _about(fit: Fit) -> str:
    response = fit.design.formula.response_text
    return f" of {response} about its mean" if fit.design.has_intercept else f" of {response} about zero"


def listed(names: Sequence[str], few: int = 8) -> str:
    """`a, b and c`, the first few of them."""
    shown = list(names[:few])
    if len(names) > few:
        return f"{', '.join(shown)} and {len(names) - few} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if 0.005 <= share <= 0.995 or share in (0.0, 1.0) else f"{100 * share:.2g}%"


def _range(values: Floats) -> str:
    cells = [f"{value:.3g}" for value in (values if len(values) <= 2 else values[[0, -1]])]
    return (" ... " if len(values) > 2 else " ").join(cells)
