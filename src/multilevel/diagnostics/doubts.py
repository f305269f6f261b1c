"""What a user should know before reading the estimates: slips in the data, what was left out, what is singular."""

from __future__ import annotations

from collections.abc import Iterator

from ..effects import varcorr
from ..errors import (
    CategoryWarning,
    ConvergenceWarning,
    MissingRowsWarning,
    MultilevelWarning,
    RankWarning,
    SingularFitWarning,
)
from ..formula.column import alike, decimals, texts_among_numbers
from ..formula.levels import Levels
from ..models.estimate import Fit
from ..models.inputs import listed_counts
from .optimum import convergence_words, flat_words
from .sentences import listed

MANY_LEVELS = 1000  # levels of larger factors are not compared


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
