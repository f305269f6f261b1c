"""`compare`: several fits beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from ..arguments import named
from ..errors import InferenceError
from ..inference import compare as compared
from ..inference.tabled import TestTable
from .model import Model


@named
def compare(*models: Model, names: Sequence[str] | None = None, refit: bool = True) -> TestTable:
    """The likelihood ratio table of models of the same rows, ordered by their number of parameters.

    Parameters
    ----------
    models : two or more fits.
    names : labels of the models. Default: m1, m2, ... in the order given.
    refit : fit models anew by maximum likelihood if any was fitted by REML, and say so. False: compare REML criteria,
        which only models of the same fixed effects allow.

    AIC, BIC and AICc (Hurvich & Tsai 1989, Biometrika 76, 297-307) follow R; each chi-square test is against the model
    above. Where the fixed effects of the smaller model are not among those of the larger, there is no test.

    Raises
    ------
    InferenceError : fewer than two models, something that is no fit, other rows, responses or weights, names that do
        not match, or REML criteria of different fixed effects.

    >>> from multilevel import compare, datasets, lmer
    >>> d = datasets.load("sleepstudy", "dict")
    >>> m0 = lmer("reaction ~ days + (1 | subject)", d, REML=False)
    >>> m1 = lmer("reaction ~ days + (days | subject)", d, REML=False)
    >>> print(compare(m0, m1).to_text(width=90))
    Models:
    m1: reaction ~ days + (1 | subject)
    m2: reaction ~ days + (days | subject)
    <BLANKLINE>
       npar    AIC    BIC   AICc  logLik deviance  Chisq Df Pr(>Chisq)
    m1    4 1802.1 1814.8 1802.3 -897.04   1794.1
    m2    6 1763.9 1783.1 1764.4 -875.97   1751.9 42.139  2  7.072e-10 ***
    ---
    Signif. codes:  0 ‘***’ 0.001 ‘**’ 0.01 ‘*’ 0.05 ‘.’ 0.1 ‘ ’ 1
    <BLANKLINE>
    Notes:
    A variance cannot be negative: p-values of tests of variances are too large; see ranova.
    """
    for model in models:
        if not isinstance(model, Model):
            raise InferenceError(
                f"compare takes fits, one after the other, as in compare(m0, m1); found {type(model).__name__}"
            )
    fits = [model._fit for model in models]
    return compared.compare(fits, names=names, refit=refit, backend=models[0]._backend if models else "pandas")
