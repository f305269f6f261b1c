"""Which sampling distribution the fixed effects of a fit have: the methods by name."""

from __future__ import annotations

from math import inf
from typing import Any, Literal, TypeAlias, cast, get_args
from weakref import WeakKeyDictionary

from ..errors import InferenceError, nearest
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from .between_within import between_within
from .clusters import clusters_of
from .kenward_roger import kenward_roger
from .robust import KINDS, Kind, cluster_robust
from .sampling import FixedDf, Sampling
from .satterthwaite import satterthwaite

DfMethod: TypeAlias = Literal["satterthwaite", "kenward-roger", "between-within", "residual", "none"]
METHODS: tuple[str, ...] = get_args(DfMethod)
MIXED_ONLY = ("satterthwaite", "kenward-roger", "between-within")

Key: TypeAlias = str | tuple[str, str, str, bytes]  # df; with a robust covariance: df, vcov, name and codes of clusters

_known: WeakKeyDictionary[Fit, dict[Key, Sampling]] = WeakKeyDictionary()  # a fit never changes


def sampling_of(
    fit: Fit, df: str | Sampling | None = None, vcov: str | None = None, cluster: Any = None, data: Any = None
) -> Sampling:
    """The sampling distribution of the fixed effects of a fit, computed once.

    Parameters
    ----------
    fit : of any model.
    df : `"satterthwaite"`, `"kenward-roger"`, `"between-within"`, `"residual"` or `"none"` (normal and chi-square
        references); or a sampling distribution, which then is the answer. Default: Satterthwaite for linear mixed
        models and cluster-robust covariances, residual where glm or lm estimates a dispersion, else none.
    vcov : covariance, by default that of the model; `"CR0"`, `"CR1"`, `"CR1S"`, `"CR2"`, `"CR3"` for cluster-robust
        ones, see `robust`. Satterthwaite's degrees of freedom are then those of that covariance, and tests of several
        combinations HTZ.
    cluster : for a cluster-robust covariance, the name of a grouping factor or column, or an array with one value for
        each row of the data. Default, for mixed models: the grouping factor in which all others are nested.
    data : the table the model was fitted to, where `cluster` names one of its columns.

    Raises
    ------
    InferenceError : the method or covariance is not known, or does not go with the fit or with the other; clusters are
        given without need, or needed and not there.
    DataError : the clusters do not fit the data.

    >>> from multilevel import datasets, lmer
    >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
    >>> found = sampling_of(m._fit, vcov="CR2")
    >>> found.note
    'Standard errors are cluster-robust: CR2, 18 clusters of subject.'
    """
    if isinstance(df, Sampling):
        return df
    if vcov is None and cluster is not None:
        raise InferenceError('cluster is given but no covariance that uses it; add vcov="CR2"')
    method = df or (_default(fit) if vcov is None else "satterthwaite")
    if method not in METHODS:
        raise InferenceError(f"df is {df!r}; expected one of {', '.join(map(repr, METHODS))}{nearest(method, METHODS)}")
    if vcov is not None and isinstance(fit, GeneralizedFit):
        raise InferenceError(
            f'vcov="{vcov}" belongs to linear and linear mixed models; generalized ones have no cluster-robust '
            "covariance yet"
        )
    if isinstance(fit, GeneralizedFit) and method in MIXED_ONLY:
        raise InferenceError(
            f'df="{method}" belongs to linear mixed models; generalized ones have normal references, df="none"'
        )
    if vcov is not None:
        return _robust(fit, method, vcov, cluster, data)
    if not fit.design.random and method in MIXED_ONLY:
        raise InferenceError(f'df="{method}" belongs to mixed models; a linear model has residual degrees of freedom')
    made = _known.setdefault(fit, {})
    if method not in made:
        made[method] = _compute(fit, method)
    return made[method]


def _default(fit: Fit) -> str:
    if isinstance(fit, GeneralizedFit):
        return "residual" if fit.pearson else "none"
    return "satterthwaite" if fit.design.random else "residual"


def _robust(fit: Fit, method: str, vcov: str, cluster: Any, data: Any) -> Sampling:
    if vcov not in KINDS:
        raise InferenceError(
            f"vcov is {vcov!r}; expected one of {', '.join(map(repr, KINDS))}{nearest(str(vcov), KINDS)}"
        )
    if method == "kenward-roger":
        raise InferenceError(
            f'df="kenward-roger" belongs to the covariance of the model; with vcov="{vcov}" use df="satterthwaite", '
            "the degrees of freedom of that covariance"
        )
    clusters = clusters_of(fit, cluster, data)
    made = _known.setdefault(fit, {})
    key = (method, vcov, clusters.name, clusters.codes.tobytes())
    if key not in made:
        reference = None if method == "satterthwaite" else sampling_of(fit, method)
        made[key] = cluster_robust(fit, cast(Kind, vcov), clusters, reference)
    return made[key]


def _compute(fit: Fit, method: str) -> Sampling:
    if method == "satterthwaite":
        return satterthwaite(fit)
    if method == "kenward-roger":
        return kenward_roger(fit)
    if method == "between-within":
        return between_within(fit)
    estimate = fit.estimate
    if method == "residual":
        return FixedDf("residual", estimate.beta, estimate.vcov, "", estimate.n - len(estimate.beta))
    return FixedDf("none", estimate.beta, estimate.vcov, "", inf)
