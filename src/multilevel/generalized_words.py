"""A generalized fit explained: what the optimum is worth, what is separated or singular, what was left out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .diagnostics import (
    Convergence,
    Explanation,
    category_words,
    convergence_words,
    dropped_words,
    headed,
    left_out,
    listed,
    mean_words,
    missing_words,
    sentence,
    singular_words,
    singularities,
    term_words,
)
from .digits import significant
from .errors import (
    CategoryWarning,
    ConvergenceWarning,
    MissingRowsWarning,
    MultilevelWarning,
    RankWarning,
    SeparationWarning,
    SingularFitWarning,
)
from .models.components import coefficient_names, places
from .models.generalized import GeneralizedFit
from .models.generalized_linear import GeneralizedLinearFit
from .models.generalized_mixed import GeneralizedMixedFit
from .models.separation import EXTREME

SHAPES = {  # of which family each parameter besides the mean is what
    "gamma": ("dispersion (sigma^2)",),
    "gaussian": ("dispersion (sigma^2)",),
    "inverse_gaussian": ("dispersion (sigma^2)",),
    "negative_binomial": ("size; the variance is mu + mu^2 / size",),
    "negative_binomial_1": ("dispersion; the variance is mu (1 + dispersion)",),
    "generalized_poisson": ("dispersion; the variance is dispersion mu",),
    "beta": ("precision; the variance is mu (1 - mu) / (1 + precision)",),
    "beta_binomial": ("precision",),
    "student_t": ("scale", "degrees of freedom"),
    "tweedie": ("dispersion; the variance is dispersion mu^power", "power"),
    "truncated_negative_binomial": ("size; with zeros the variance is mu + mu^2 / size",),
    "truncated_negative_binomial_1": ("dispersion; with zeros the variance is mu (1 + dispersion)",),
    "truncated_generalized_poisson": ("dispersion; with zeros the variance is dispersion mu",),
}
MOST_NODES = 100
INTEGRATED = 0.5  # a change of -2 log-likelihood smaller than this moves no conclusion
FAR_APART, UNIFORM = 4.0, 0.9  # standard deviation of effects, share of levels that answer all alike
LIMITS = {  # the last shape of a family outside these bounds is that of a simpler one
    "negative_binomial": ("Poisson", 0.0, 1e5),
    "negative_binomial_1": ("Poisson", 1e-5, np.inf),
    "beta_binomial": ("binomial", 0.0, 1e5),
    "student_t": ("normal", 0.0, 1e5),
    "truncated_negative_binomial": ("truncated Poisson", 0.0, 1e5),
    "truncated_negative_binomial_1": ("truncated Poisson", 1e-5, np.inf),
}


def generalized_doubts(fit: GeneralizedFit) -> list[MultilevelWarning]:
    """What a user should know before reading the estimates; nothing for an ordinary fit."""
    found: list[MultilevelWarning] = list(map(CategoryWarning, (*category_words(fit), *success_words(fit))))
    if fit.rows.kept is not None:
        found.append(MissingRowsWarning(missing_words(fit)))
    if fit.dropped:
        found.append(RankWarning(dropped_words(fit)))
    if fit.estimate.separation:
        found.append(SeparationWarning(f"{separation_words(fit)}; explain() says what this means"))
    if fit.estimate.is_singular:
        words = "; ".join(singularities(fit))
        found.append(
            SingularFitWarning(f"singular fit: {words}. explain() says what this means and what the options are")
        )
    if not fit.estimate.certificate.minimum and not fit.estimate.separation:
        words = optimum_words(fit)
        found.append(ConvergenceWarning(f"{words}; see {'convergence and ' if fit.design.random else ''}explain()"))
    found += map(ConvergenceWarning, quadrature_words(fit))
    return found


def success_words(fit: GeneralizedFit) -> tuple[str, ...]:
    """What counts as a success, if the response has more than two levels."""
    failure, *successes = fit.design.response_levels or ("",)
    if len(successes) < 2:
        return ()
    text = fit.design.formula.response_text
    return (
        f"{text} has {len(successes) + 1} levels: {failure} counts as a failure, {listed(successes)} as successes "
        "(R's rule)",
    )


def chance_words(fit: GeneralizedFit) -> tuple[str, ...]:
    """Which of two levels of text is modelled: the second, by R's rule, which may not be the one that was meant."""
    if len(fit.design.response_levels) != 2:
        return ()
    failure, success = fit.design.response_levels
    return (f"modelled is the chance that {fit.design.formula.response_text} is {success}, not {failure}",)


def separation_words(fit: GeneralizedFit) -> str:
    """Which coefficients have no finite estimate."""
    p, y = len(fit.estimate.beta), fit.design.formula.response_text
    own = [fit.names[j] for j in fit.estimate.separation if j < p]
    found = [_separation_clause(own, f"some of the extreme values of {y}")] if own else []
    if fit.inflation is not None and len(own) < len(fit.estimate.separation):
        named = zip(places(fit, "zi").tolist(), coefficient_names(fit, "zi"), strict=True)
        inflated = [name for j, name in named if j in fit.estimate.separation]
        if fit.inflation.max() < EXTREME:
            verb = "has no finite estimate" if len(inflated) == 1 else "have no finite estimates"
            found.append(
                f"{listed(inflated)} {verb}: {y} has no more zeros than the {fit.family.name} family gives it; leave "
                "ziformula out"
            )
            return "; ".join(found)
        none, only = fit.inflation.min() < EXTREME, fit.inflation.max() > 1 - EXTREME
        rows = "no inflated zeros" if none else "nothing but inflated zeros"
        rows += " or nothing but these" if none and only else ""
        found.append(_separation_clause(inflated, f"some of the rows where {y} has {rows}"))
    return "; ".join(found)


def _separation_clause(names: list[str], what: str) -> str:
    verb = "has no finite estimate" if len(names) == 1 else "have no finite estimates"
    return f"{listed(names)} {verb}: the predictors tell {what} apart without error (separation)"


def optimum_words(fit: GeneralizedFit) -> str:
    """The verdict on the optimum."""
    c = fit.estimate.certificate
    if fit.design.random:
        return convergence_words(c)
    if fit.modelled or not fit.family.scored:
        return convergence_words(c)
    if not c.converged:
        return f"Fisher scoring did not converge in {c.evaluations} steps"
    return f"Fisher scoring converged in {c.evaluations} steps"


def quadrature_words(fit: GeneralizedFit) -> tuple[str, ...]:
    """That two nodes more would change the criterion where it stands, if they do: the integrals are not what they seem.

    Effects that the data bound on one side only, of groups that answer all alike, need more nodes than there can be; a
    minimum found with few of them can be one of the quadrature's error alone.
    """
    if not isinstance(fit, GeneralizedMixedFit):
        return ()
    if fit.n_agq < 2:
        return uniform_words(fit)
    e, nodes = fit.estimate, fit.n_agq + (2 if fit.n_agq <= MOST_NODES - 2 else -2)
    other = fit.likelihood.core.objective(e.theta, e.beta, e.parameters, nodes)
    if abs(other - e.criterion) < INTEGRATED:
        return ()
    return (
        f"{fit.n_agq} nodes do not integrate over these random effects: with {nodes} the criterion at the estimate is "
        f"{other:.5g}, not {e.criterion:.5g}. Take more, and do not trust estimates that keep changing",
    )


def uniform_words(fit: GeneralizedMixedFit) -> tuple[str, ...]:
    """That nearly all groups answer all 0 or all 1, so that the Laplace value of their integrals is no guide."""
    if "binomial" not in fit.family.name:
        return ()
    for part, factor in zip(fit.rows.random, fit.factors, strict=True):
        sd = float(np.sqrt((factor**2).sum(axis=1)).max())
        if sd < FAR_APART:
            continue
        rows, ones, zeros = (np.bincount(part.codes, what, part.n_levels) for what in (None, fit.y > 0, fit.y < 1))
        several = rows > 1
        uniform = int((several & ((ones == 0) | (zeros == 0))).sum())
        if uniform == 0 or uniform < UNIFORM * several.sum():
            continue
        nodes = ": try n_agq=25, and do not trust estimates that keep changing" if len(fit.rows.random) == 1 else ""
        return (
            f"{uniform} of {int(several.sum())} levels of {part.group} have nothing but 0 or nothing but 1, and the "
            f"standard deviation of their effects is estimated as {significant([sd], 3)[0]} on the scale of the "
            f"{fit.family.link.name}: the Laplace approximation is far off there{nodes}",
        )
    return ()


def shape_lines(fit: GeneralizedFit) -> tuple[str, ...]:
    """The estimated parameters of the family besides the mean, a line each; none for binomial and Poisson."""
    words = SHAPES.get(fit.family.name, fit.family.shape_names)
    lines: list[str] = []
    if not fit.estimate.residual:
        return ("There are no residuals besides the random effects.",)
    for what, value, given in zip(words, fit.estimate.shape.tolist(), fit.family.given_shape().tolist(), strict=True):
        if value != value:  # it has a model of its own
            continue
        short, _, meaning = what.partition("; ")
        number = f"{significant([value], 4)[0]}{'' if given != given else ' (given)'}"
        meaning = f"; {meaning}" if meaning else ""
        lines.append(f"{short[0].upper()}{short[1:]} of the {fit.family.name} family: {number}{meaning}")
    return tuple(lines)


def limit_words(fit: GeneralizedFit) -> tuple[str, ...]:
    """That the data show no more variation than a simpler family, if its shape is estimated at that limit."""
    if fit.family.name not in LIMITS or np.isfinite(fit.family.given_shape()[-1:]).any():
        return ()
    simpler, low, high = LIMITS[fit.family.name]
    if fit.modelled or low < fit.estimate.shape[-1] < high:
        return ()
    what = fit.family.shape_names[-1]
    return (f"The {what} is estimated at its limit: the data do not vary more than {simpler} responses.",)


def explain_generalized_linear(fit: GeneralizedLinearFit) -> Explanation:
    """What a generalized linear model estimated, what is separated, what was left out."""
    e = fit.estimate
    df = e.n - len(fit.kept)
    method = "quasi-likelihood" if e.aic != e.aic else "maximum likelihood"
    shape = [f"{line}." for line in shape_lines(fit)] if not fit.pearson else []
    estimated = [
        _mean_sentence(fit, "coefficient"),
        *map(sentence, chance_words(fit)),
        f"It was estimated by {method} from {e.n} rows.",
        *shape,
        *_model_sentences(fit),
        *limit_words(fit),
    ]
    if fit.pearson:
        estimated.append(
            f"The dispersion, Pearson's X^2 over its {df} degrees of freedom, is {significant([e.dispersion], 4)[0]}."
        )
    if e.null_deviance > 0:
        share = 1 - fit.deviance / e.null_deviance
        estimated.append(f"The model explains {100 * share:.0f}% of the deviance.")
    return Explanation(
        headed(
            ("What was estimated", tuple(estimated)),
            ("What is separated", _separated(fit)),
            ("What was left out", left_out(fit)),
            ("The optimum", () if fit.estimate.separation else (sentence(optimum_words(fit)),)),
        )
    )


def method_words(fit: GeneralizedMixedFit) -> str:
    """How the random effects were integrated out."""
    if fit.n_agq == 0:
        return "fast Laplace Approximation, nAGQ = 0"
    return "Laplace Approximation" if fit.n_agq == 1 else f"Adaptive Gauss-Hermite Quadrature, nAGQ = {fit.n_agq}"


def convergence_generalized(fit: GeneralizedMixedFit) -> Convergence:
    """Gradient and Hessian in theta, beta and log shape at the estimate, beside the certificate."""
    e = fit.estimate
    return Convergence(e.certificate, e.gradient, np.linalg.eigvalsh(e.hessian).astype(np.float64, copy=False))


def explain_generalized_mixed(fit: GeneralizedMixedFit) -> Explanation:
    """What a generalized mixed model estimated, what is separated or singular, what can be done."""
    estimated = (
        _mean_sentence(fit, "fixed effect"),
        *map(sentence, chance_words(fit)),
        *[term_words(part) for part in fit.rows.random],
        f"The parameters were estimated by maximum likelihood ({method_words(fit)}) from {fit.estimate.n} rows. "
        "Standard deviations of random effects are on the scale of the linear predictor.",
        *[f"{line}." for line in shape_lines(fit)],
        *_model_sentences(fit),
        *limit_words(fit),
    )
    return Explanation(
        headed(
            ("What was estimated", estimated),
            ("What is separated", _separated(fit)),
            ("What is singular", singular_words(fit)),
            ("What was left out", left_out(fit)),
            ("The optimum", () if fit.estimate.separation else (sentence(optimum_words(fit)),)),
            ("The integrals", tuple(map(sentence, quadrature_words(fit)))),
        )
    )


def _model_sentences(fit: GeneralizedFit) -> Iterator[str]:
    """What the models beside that of the mean describe."""
    if fit.models and fit.models.inflation:
        text = fit.models.inflation.design.formula.text
        yield f"The probability that a row is zero whatever its mean follows {text}, on the scale of the logit."
        yield from [f"In it, {term_words(part)}" for part in fit.models.random("zero inflation")]
    if fit.models and fit.models.dispersion:
        text = fit.models.dispersion.design.formula.text
        what = f"{fit.family.shape_names[0]} of the {fit.family.name} family"
        share = "One over the" if fit.family.modelled_reciprocal else "The"
        yield f"{share} {what} follows {text}, on the scale of the logarithm."
        yield from [f"In it, {term_words(part)}" for part in fit.models.random("dispersion")]


def _mean_sentence(fit: GeneralizedFit, what: str) -> str:
    link = fit.family.link.name
    scale = "" if link == "identity" else f", on the scale of the {link} link,"
    return f"The mean of {fit.design.formula.response_text}{scale} is {mean_words(fit, what)}."


def _separated(fit: GeneralizedFit) -> tuple[str, ...]:
    if not fit.estimate.separation:
        return ()
    return (
        f"{separation_words(fit)}.",
        "The likelihood grows without end as these coefficients do; the numbers shown are where the search stopped, "
        "and their standard errors and tests mean nothing. Other coefficients and the fitted values can be trusted.",
        "The options: leave out the predictors that separate, join categories, or collect data where the response is "
        "never seen to differ.",
    )
