"""Arguments by the names they have in R and elsewhere: one sentence that says what they are called here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from ..errors import UnknownArgumentError, nearest

P = ParamSpec("P")
T = TypeVar("T")
Sentences = dict[str, str]

FITTING: Sentences = {
    "control": "the search has no options to set; convergence tells how it went",
    "family": "models with a family are fitted by glm and glmer",
    "groups": "grouping factors stand in the formula, as in (1 | group)",
    "method": "lmer has REML=True or False, other fits one method",
    "nAGQ": "quadrature is n_agq here, an argument of glmer",
    "na.action": 'missing="drop" leaves incomplete rows out, missing="error" refuses them',
    "offset": "write offset(x) in the formula",
    "random": "random effects stand in the formula, as in (1 | group)",
    "subset": 'leave rows out of the data, as in data[data["x"] > 0]',
    "verbose": "the search prints nothing; convergence tells how it went",
}  # fmt: skip
ASKING: Sentences = {
    "allow.new.levels": 'new_levels="population" predicts the population mean of new levels',
    "ddf": 'it is called df here, as in df="kenward-roger"',
    "lmer.df": 'it is called df here, as in df="kenward-roger"',
    "nsim": "it is called n here",
    "parm": "it is called parameters here",
    "re.form": 'groups="population" leaves the random effects out, groups="same" keeps those of known groups',
    "se.fit": 'interval="confidence" gives standard errors and limits',
    "test": "see drop1, test and compare",
    "type": "the responses are on one scale only",
}  # fmt: skip


def named(sentences: Sentences) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Have a function refuse arguments that it does not know in words: those of `sentences`, or the nearest name.

    Dots of R's names may be written as underscores.

    >>> @named({"nAGQ": "it is called n_agq here"})
    ... def fit(formula, *, n_agq=1): ...
    >>> fit("y ~ x", nAGQ=3)
    Traceback (most recent call last):
    multilevel.errors.UnknownArgumentError: fit() has no argument 'nAGQ': it is called n_agq here
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        code = function.__code__
        known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

        @wraps(function)
        def called(*args: P.args, **options: P.kwargs) -> T:
            for name in options:
                if name not in known:
                    raise _unknown(function.__name__, name, [k for k in known if k != "self"], sentences)
            return function(*args, **options)

        return called

    return decorate


def _unknown(function: str, name: str, known: list[str], sentences: Sentences) -> UnknownArgumentError:
    words = sentences.get(name) or sentences.get(name.replace("_", "."))
    said = f": {words}" if words else f"{nearest(name, known)} (known: {', '.join(known)})"
    return UnknownArgumentError(f"{function}() has no argument {name!r}{said}")
