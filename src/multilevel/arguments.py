"""Arguments by the names they have in R and elsewhere: one sentence that says what they are called here.

Most names follow from those here by a rule: `nAGQ`, `conf.level`, `parm`, `nsim`. SAID holds those that do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import FunctionType
from typing import ParamSpec, TypeVar

from .errors import UnknownArgumentError, nearest

P = ParamSpec("P")
T = TypeVar("T")
Sentences = dict[str, str]

LEAST = 4  # letters by which a name is recognised within another
REPLICATES = re.compile(r"(n|num|number)(of)?(sim|boot|rep|iter|draw|perm)|(sim|rep)s$|nruns")

SYNONYMS = {  # names that no rule finds, where the function has such an argument
    "df": ("ddf", "mode"),
    "kind": ("type",),
    "level": ("ci", "conf.int", "prob"),
    "parameters": ("which", "pars"),
    "seed": ("random_state", "rng", "iseed"),
    "statistic": ("FUN", "func", "function"),
    "threads": ("ncpus", "parallel", "cl", "n_jobs", "cores", "workers"),
}
FITTING: Sentences = {
    "control": "the search has no options to set; convergence tells how it went",
    "dispformula": "models of the dispersion are fitted by glm and glmer",
    "family": "models with a family are fitted by glm and glmer",
    "groups": "grouping factors stand in the formula, as in (1 | group)",
    "link": 'the link stands with the family, as in "binomial(probit)"',
    "method": "lmer has REML=True or False, other fits one method",
    "nAGQ": "quadrature is n_agq here, an argument of glmer",
    "na.action": 'missing="drop" leaves incomplete rows out, missing="error" refuses them',
    "offset": "write offset(x) in the formula",
    "random": "random effects stand in the formula, as in (1 | group)",
    "re_formula": "random effects stand in the formula, as in (1 | group)",
    "subset": 'leave rows out of the data, as in data[data["x"] > 0]',
    "vc_formula": "random effects stand in the formula, as in (1 | group)",
    "verbose": "the search prints nothing; convergence tells how it went",
    "ziformula": "models of zero inflation are fitted by glm and glmer",
}  # fmt: skip
DRAWN = 'groups="new" draws the random effects anew, groups="same" keeps those of the fit'
OF_MEANS: Sentences = {
    "adjust": "p-values are adjusted where they are made, as in .pairs(adjust=...) and .contrast(..., adjust=...)",
    "contr": 'ask the means for contrasts, as in .contrast("pairwise")',
    "contrast": 'ask the means for contrasts, as in .contrast("pairwise")',
    "method": 'ask the means for contrasts, as in .contrast("pairwise")',
    "pairwise": "ask the means for them, .pairs()",
    "sigma": "ask the means, as in .response(sigma=...)",
    "trend": 'slopes are asked for by emtrends, as in emtrends("~ f", "x")',
    "var": 'slopes are asked for by emtrends, as in emtrends("~ f", "x")',
}
TRUE = "it is part of the truth, Truth(fixed=..., groups=..., sigma=..., family=...)"
FROM_FIT = "it takes a formula, a design and a truth; m.truth() is that of a fit"
SIZES = 'along gives numbers of levels of a grouping factor, as in along={"subject": [10, 20]}'
SAID: dict[str, Sentences] = {  # by function, methods with a dot; "" is said of any other name
    **dict.fromkeys(("lm", "lmer", "glm", "glmer"), FITTING),
    **dict.fromkeys((".emmeans", ".emtrends", ".joint_tests"), OF_MEANS),
    ".anova": {
        "test": "see drop1, test and compare",
        "refit": "models are compared by compare(m0, m1), terms tested by anova",
    },
    ".bootstrap": {
        "type": "intervals are asked of the replicates, as in .confint(method=...)",
        **dict.fromkeys(("re.form", "use.u"), "the random effects of each replicate are drawn anew"),
    },
    "compare": {
        "test": "models are compared by likelihood ratios; single terms by drop1 and anova",
        "": 'the fits stand by themselves, compare(m0, m1), and names=["small", "large"] calls them so',
    },
    ".confint": {
        "alpha": "level is the coverage, 0.95 for an alpha of 0.05",
        "FUN": "statistics of your own are bootstrapped by bootstrap(statistic=...)",
        "type": "it is called method here",
    },
    ".drop1": {"scope": "every term that no other contains is left out in turn"},
    "power": {
        "breaks": SIZES,
        "extend": SIZES,
        "level": "alpha is the level of the tests",
        "sample_size": SIZES,
        "within": "for more rows in each group make another design; along counts levels of grouping factors",
        **dict.fromkeys(("fit", "model", "object", "sim"), FROM_FIT),
        **dict.fromkeys(("correlations", "effect_size", "effects", "family", "sigma"), TRUE),
    },
    "simulate": {
        "nsim": "one response is drawn; simulate() of a fit draws as many as you like",
        "newdata": "the table is called design here",
        "newparams": "it is called truth here, a Truth",
    },
    ".predict": {
        "allow.new.levels": 'new_levels="population" predicts the population mean of new levels',
        "type": "the responses are on one scale only",
        **dict.fromkeys(
            ("re.form", "random.only", "re_formula"),
            'groups="population" leaves the random effects out, groups="same" keeps those of known groups',
        ),
        **dict.fromkeys(("se.fit", "se"), 'interval="confidence" gives standard errors and limits'),
    },
    ".ranef": {
        "condVar": "standard deviations are always there, beside the effects and in to_frame()",
        "whichel": 'the table of one grouping factor is ranef()["g"]',
    },
    ".simulate": {
        "newparams": "parameters of your own are a Truth, simulate(formula, design, truth)",
        **dict.fromkeys(("re.form", "use.u", "re_formula"), DRAWN),
        **dict.fromkeys(("family", "sigma", "theta", "beta"), TRUE),
    },
    ".tidy": {
        "conf.int": "intervals are given by confint, and its to_frame()",
        "effects": 'the column "effect" tells fixed effects from standard deviations',
    },
}  # fmt: skip


def named(function: Callable[P, T]) -> Callable[P, T]:
    """Have a function refuse in words what it does not take: arguments by other names, or too many by position.

    Dots and capitals of R's names may be written as underscores.

    >>> @named
    ... def fit(formula, *, n_agq=1): ...
    >>> fit("y ~ x", nAGQ=3)
    Traceback (most recent call last):
    multilevel.errors.UnknownArgumentError: fit() has no argument 'nAGQ': it is called n_agq here
    """
    code = function.__code__
    if code.co_flags & CO_VARKEYWORDS:
        return function
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    method = known[:1] == ("self",)
    places = known[method : code.co_argcount]
    title = f".{function.__name__}" if method else function.__name__

    @wraps(function)
    def called(*args: P.args, **options: P.kwargs) -> T:
        for name in options:
            if name not in known:
                raise _unknown(title, name, known[method:])
        if len(args) - method > len(places) and not code.co_flags & CO_VARARGS:
            raise _too_many(title, places, known[method + len(places) :], len(args) - method)
        return function(*args, **options)

    return called


def in_words(cls: type[T]) -> type[T]:
    """Have all public methods of a class refuse arguments in words."""
    for name, method in list(vars(cls).items()):
        if isinstance(method, FunctionType) and not name.startswith("_"):
            setattr(cls, name, named(method))
    return cls


def folded(name: str) -> str:
    """A name without what spellings differ in: `n_agq`, `nAGQ` and `n.agq` are one."""
    return re.sub(r"\W|_", "", name).casefold()


def _unknown(function: str, name: str, known: tuple[str, ...]) -> UnknownArgumentError:
    words = _words(function, name, known)
    listed = f" (known: {', '.join(known)})" if known else ", nor any other"
    said = f": {words}" if words else f"{nearest(name, known)}{listed}"
    return UnknownArgumentError(f"{function.lstrip('.')}() has no argument {name!r}{said}")


def _too_many(function: str, places: tuple[str, ...], by_name: tuple[str, ...], found: int) -> UnknownArgumentError:
    takes = f"{len(places)} by position ({', '.join(places)})" if places else "no arguments by position"
    others = f"; give others by name, {', '.join(f'{name}=' for name in by_name)}" if by_name else ""
    return UnknownArgumentError(f"{function.lstrip('.')}() takes {takes}; found {found}{others}")


def _words(function: str, name: str, known: tuple[str, ...]) -> str:
    """What an argument is called here, or what there is in its place; nothing where no rule and no sentence knows."""
    sentences = {folded(theirs): words for theirs, words in SAID.get(function, {}).items()}
    if words := sentences.get(folded(name)):
        return words
    if ours := _ours(name, known):
        return f"it is called {ours} here"
    parts = [words for part in _parts(name) if (words := sentences.get(part))]
    return parts[-1] if parts else sentences.get("", "")


def _ours(name: str, known: Iterable[str]) -> str:
    """The argument that goes by another name elsewhere, or nothing."""
    short, parts = folded(name), _parts(name)
    by_spelling = {folded(ours): ours for ours in known}
    if short in by_spelling:
        return by_spelling[short]
    for ours, theirs in SYNONYMS.items():
        if ours in by_spelling and short in map(folded, theirs):
            return ours
    if "n" in by_spelling and REPLICATES.match(short):
        return "n"
    alike = [ours for ours in by_spelling if min(len(short), len(ours)) >= LEAST and _alike(short, ours)]
    if alike:
        return by_spelling[max(alike, key=len)]
    own = [part for part in parts if len(part) > 1 and part in by_spelling]  # conf.level: the last word says what it is
    return by_spelling[own[-1]] if own else ""


def _alike(one: str, other: str) -> bool:
    """Whether one name is part of another, or leaves letters of it out after the first: parm of parameters."""
    short, long = sorted((one, other), key=len)
    letters = iter(long)
    return short in long or (short[0] == long[0] and all(letter in letters for letter in short))


def _parts(name: str) -> list[str]:
    """The words of a name: `lmer.df`, `boot_type`, `targetTest`."""
    return [part.casefold() for part in re.findall(r"[A-Z]*[a-z0-9]+|[A-Z]+", name)]
