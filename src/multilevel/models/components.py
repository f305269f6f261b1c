"""The parts of a fit with models of zero inflation or dispersion, by glmmTMB's names, and all their coefficients.

    cond    the mean of the family          zi    logit of the probability of an inflated zero
    disp    logarithm of the first shape of the family

Coefficients beside those of the mean are called "zi: x" and "disp: x" wherever all stand together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from ..data.sums import Floats
from ..errors import InferenceError, nearest
from ..families import family_of
from .estimate import Fit
from .generalized import GeneralizedFit, NoSums
from .part_fits import LINKS
from .shape_models import PARTS, Part, ShapeModel

Component: TypeAlias = Literal["cond", "zi", "disp"]
COMPONENTS: tuple[str, ...] = get_args(Component)
OPTIONS = {"zi": "ziformula", "disp": "dispformula"}


def components(fit: Fit) -> tuple[str, ...]:
    """The parts of a fit: `("cond",)` without models of zero inflation and dispersion."""
    return "cond", *(name for name in PARTS if _model(fit, name))


def component_fit(fit: Fit, component: str) -> Fit:
    """One part as a model of its own: its formula, rows and coefficients, without random effects.

    That of the mean is the fit itself. InferenceError for a name that is none, or a part the fit does not have.

    >>> from multilevel import datasets, glmer
    >>> ticks = datasets.load("grouseticks", "dict")
    >>> m = glmer("ticks ~ year + (1 | brood)", ticks, "poisson", ziformula="~ height")
    >>> component_fit(m._fit, "zi").names
    ('(Intercept)', 'height')
    """
    check_component(fit, component)
    if component == "cond":
        return fit
    assert isinstance(fit, GeneralizedFit)
    model = _model(fit, component)
    assert model is not None
    at = places(fit, component)
    estimate = replace(
        fit.estimate, theta=np.empty(0), beta=every(fit)[at], unscaled_vcov=fit.joint_vcov[np.ix_(at, at)], modes=(),
        smallest=(), sigma=1.0,
    )  # fmt: skip
    rows = replace(fit.rows, X=model.X, random=(), offset=None)
    counted = model.taken(fit.counted).X
    return GeneralizedFit(
        model.design, rows, NoSums(fit.sums.y, counted, None), estimate, tuple(range(len(at))), fit.weights_column,
        fit.missing, fit.counted, family_of(LINKS[component]), False, fit.weighted,
    )  # fmt: skip


def check_component(fit: Fit, component: str, known: Sequence[str] = COMPONENTS) -> None:
    """InferenceError for a name that is not among those known, or a part the fit does not have."""
    if component not in known:
        raise InferenceError(
            f"component is {component!r}; expected one of {', '.join(map(repr, known))}{nearest(str(component), known)}"
        )
    if component in OPTIONS and component not in components(fit):
        raise InferenceError(
            f'component="{component}" asks for a model of {PARTS[component]}, which this fit does not have; '
            f'fit it with {OPTIONS[component]}="~ x"'
        )


@dataclass(frozen=True, eq=False)
class WholeFit(GeneralizedFit):
    """A fit whose coefficients are those of all parts; only these, their names and covariance mean anything."""

    every: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients of all parts."""
        return self.every


def whole(fit: Fit) -> Fit:
    """The coefficients of all parts with their joint covariance; the fit itself where it has one part.

    >>> from multilevel import datasets, glmer
    >>> ticks = datasets.load("grouseticks", "dict")
    >>> whole(glmer("ticks ~ year + (1 | brood)", ticks, "poisson", ziformula="~ 1")._fit).names
    ('(Intercept)', 'year[96]', 'year[97]', 'zi: (Intercept)')
    """
    if components(fit) == ("cond",):
        return fit
    assert isinstance(fit, GeneralizedFit)
    at = positions(fit)
    estimate = replace(fit.estimate, beta=every(fit)[at], unscaled_vcov=fit.joint_vcov[np.ix_(at, at)], sigma=1.0)
    return WholeFit(
        fit.design, fit.rows, fit.sums, estimate, fit.kept, fit.weights_column, fit.missing, fit.counted, fit.family,
        fit.paired, fit.weighted, tuple([name for part in components(fit) for name in coefficient_names(fit, part)]),
    )  # fmt: skip


def estimated_part(fit: GeneralizedFit, part: Part) -> tuple[tuple[str, ...], Floats, Floats]:
    """Names, coefficients (k,), covariance (k, k) of a model beside that of the mean; InferenceError for none."""
    named: dict[str, str] = {what: name for name, what in PARTS.items()}
    if part not in named:
        raise InferenceError(f'no model is called {part!r}; there are "zero inflation" and "dispersion"')
    model = _model(fit, named[part])
    if model is None:
        raise InferenceError(f'this fit has no model of {part}; {OPTIONS[named[part]]}="~ x" fits one')
    at = places(fit, named[part])
    return model.design.names, every(fit)[at], fit.joint_vcov[np.ix_(at, at)]


def coefficient_names(fit: Fit, component: str) -> tuple[str, ...]:
    """Names of the coefficients of one part as they are where those of all parts stand together."""
    model = _model(fit, component) if component != "cond" else None
    return tuple([f"{component}: {name}" for name in model.design.names]) if model else fit.names


def part_texts(fit: Fit) -> dict[str, str]:
    """The formulas of the models beside that of the mean, by what they are of, "Zero inflation"."""
    models = {PARTS[name].capitalize(): _model(fit, name) for name in components(fit)[1:]}
    return {what: model.design.formula.text for what, model in models.items() if model}


def positions(fit: Fit) -> NDArray[np.intp]:
    """Where the coefficients of all parts stand among beta (p,) and the shape parameters (s,)."""
    return np.concatenate([places(fit, name) for name in components(fit)])


def _model(fit: Fit, component: str) -> ShapeModel | None:
    models = fit.models if isinstance(fit, GeneralizedFit) else None
    return models.by_component().get(component) if models else None


def places(fit: Fit, component: str) -> NDArray[np.intp]:
    """Where the coefficients of one part stand among beta (p,) and the shape parameters (s,)."""
    p = len(fit.estimate.beta)
    if component == "cond":
        return np.arange(p)
    assert isinstance(fit, GeneralizedFit)
    assert fit.models is not None
    return p + np.arange(len(fit.parameters))[fit.models.places(PARTS[component])]


def predictor_columns(fit: GeneralizedFit, component: str) -> tuple[Floats, ...]:
    """The columns (n,) that the coefficients of one part stand before."""
    model = _model(fit, component)
    return model.X if model else tuple([fit.rows.X[j] for j in fit.kept])


def coefficient_vcov(fit: GeneralizedFit) -> Floats:
    """(c, c) covariance of beta, or where the shape has models of beta and all shape parameters."""
    return fit.joint_vcov if fit.modelled else fit.estimate.vcov


def every(fit: GeneralizedFit) -> Floats:
    """(p + s,) beta and the shape parameters."""
    return np.concatenate([fit.estimate.beta, fit.parameters])
