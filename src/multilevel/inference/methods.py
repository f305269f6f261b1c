"""Which sampling distribution the fixed effects of a fit have: the methods by name."""

from __future__ import annotations

from math import inf
from typing import Literal, TypeAlias
from weakref import WeakKeyDictionary

from ..errors import InferenceError, nearest
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from .kenward_roger import kenward_roger
from .sampling import FixedDf, Sampling
from .satterthwaite import satterthwaite

DfMethod: TypeAlias = Literal["satterthwaite", "kenward-roger", "residual", "none"]
METHODS = ("satterthwaite", "kenward-roger", "residual", "none")

_known: WeakKeyDictionary[Fit, dict[str, Sampling]] = WeakKeyDictionary()  # a fit never changes


def sampling_of(fit: Fit, df: str | None = None) -> Sampling:
    """The sampling distribution of the fixed effects of a fit, computed once.

    Parameters
    ----------
    fit : of a linear or linear mixed model.
    df : `"satterthwaite"`, `"kenward-roger"`, `"residual"` or `"none"` (normal and chi-square references). Default:
        Satterthwaite for linear mixed models, residual where glm or lm estimates a dispersion, else none.

    Raises
    ------
    InferenceError : the method is not known, or is one of mixed models and the fit is not.
    """
    mixed = bool(fit.design.random)
    method = df or _default(fit)
    if method not in METHODS:
        raise InferenceError(f"df is {df!r}; expected one of {', '.join(map(repr, METHODS))}{nearest(method, METHODS)}")
    if isinstance(fit, GeneralizedFit) and method in ("satterthwaite", "kenward-roger"):
        raise InferenceError(
            f'df="{method}" belongs to linear mixed models; generalized ones have normal references, df="none"'
        )
    if not mixed and method in ("satterthwaite", "kenward-roger"):
        raise InferenceError(f'df="{method}" belongs to mixed models; a linear model has residual degrees of freedom')
    made = _known.setdefault(fit, {})
    if method not in made:
        made[method] = _compute(fit, method)
    return made[method]


def _default(fit: Fit) -> str:
    if isinstance(fit, GeneralizedFit):
        return "residual" if fit.family.estimates_dispersion and not fit.design.random else "none"
    return "satterthwaite" if fit.design.random else "residual"


def _compute(fit: Fit, method: str) -> Sampling:
    if method == "satterthwaite":
        return satterthwaite(fit)
    if method == "kenward-roger":
        return kenward_roger(fit)
    estimate = fit.estimate
    if method == "residual":
        return FixedDf("residual", estimate.beta, estimate.vcov, "", estimate.n - len(estimate.beta))
    return FixedDf("none", estimate.beta, estimate.vcov, "", inf)
