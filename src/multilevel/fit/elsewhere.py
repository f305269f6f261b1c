"""Answers by the names they have in R and in statsmodels: where they are here."""

from __future__ import annotations

from ..arguments import folded
from ..errors import nearest

ANSWERS = {  # that do not follow from the name here by spelling
    "coefficients": "fixef",
    "cov_params": "vcov",
    "fe_params": "fixef",
    "fittedvalues": "fitted()",
    "fixed_effects": "fixef",
    "llf": "loglik",
    "lsmeans": "emmeans()",
    "optinfo": "convergence",
    "params": "fixef",
    "pvalues": "tidy()['p_value']",
    "random_effects": "ranef()",
    "resid": "residuals()",
    "tvalues": "tidy()['statistic']",
    "bse": "se",
}
PICTURES = ("plot", "plots", "qqnorm")


def no_answer(kind: type, name: str) -> str:
    """That a fit of some kind has no attribute of this name, and where the answer is."""
    here = answer(kind, name)
    if here:
        said = f": it is called {here} here"
    elif name in PICTURES:
        said = ": pictures are drawn by multilevel.plots, as in plots.residuals(m)"
    else:
        said = nearest(name, verbs(kind))
    return f"{kind.__name__} has no {name!r}{said}"


def answer(kind: type, name: str) -> str:
    """What a fit of some kind answers under another spelling or name, `varcorr()` for `VarCorr`; or nothing."""
    found = {folded(verb): verb for verb in verbs(kind)}.get(folded(name))
    if found is None:
        return "" if name.startswith("_") else ANSWERS.get(name, "")
    return found if isinstance(getattr(kind, found), property) else f"{found}()"


def verbs(kind: type) -> list[str]:
    """The public attributes of a kind of fit."""
    return [verb for verb in dir(kind) if not verb.startswith("_")]
