"""The parameters a reader asks about, by name: standard deviations, correlations, sigma and fixed effects.

Names and order are lme4's (`confint(m, oldNames = FALSE)`): term by term the lower triangle of the covariance matrix,
column by column, as `sd_(Intercept)|subject` and `cor_days.(Intercept)|subject`; then `sigma`; then the fixed effects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ..data.sums import Floats, factor_of
from ..formula import ONE_VARIANCE, RandomMatrices, distinct_pairs, lowest_correlation
from ..labelled import unknown_name
from ..models.components import coefficient_names, components, places, positions
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit

Kind: TypeAlias = Literal["sd", "corr", "sigma", "coefficient", "statistic"]
Names: TypeAlias = "str | Sequence[str] | None"
SETS = {"theta_": "cond", "beta_": "cond", "zi_": "zi", "disp_": "disp"}  # the first two as in lme4


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, what it is, and where it is found.

    `term` counts random terms, `i` and `j` their effects (sd: i; corr: i > j); of a coefficient, `i` is its position
    among the identified ones, and those of the models of zero inflation and dispersion after them.
    """

    name: str
    kind: Kind
    group: str | None = None
    label: str = ""
    term: int = 0
    i: int = 0
    j: int = 0
    component: str = "cond"  # "zi", "disp": a coefficient of such a model
    lowest: float = -1.0  # of a correlation

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest possible value."""
        if self.kind == "coefficient":
            return -np.inf, np.inf
        return (self.lowest, 1.0) if self.kind == "corr" else (0.0, np.inf)

    def straight(self, value: Any) -> Any:
        """The value on a scale where profiles are smooth up to the bounds: the arcsine of a correlation."""
        return np.arcsin(value) if self.kind == "corr" else value

    def straight_slope(self, value: Any) -> Any:
        """d value / d straight(value)."""
        return np.sqrt(1.0 - np.square(value)) if self.kind == "corr" else np.ones_like(value)


def parameters(fit: Fit) -> tuple[Parameter, ...]:
    """All parameters of a fit, in lme4's order."""
    found: list[Parameter] = []
    varying = [(part, own.component) for own in fit.random_parts for part in own.rows.random]
    for t, (part, component) in enumerate(varying):
        found += _of_term(part, t, component)
    if _has_sigma(fit):
        found.append(Parameter("sigma", "sigma", "Residual", "sd"))
    for component in components(fit):
        named = zip(coefficient_names(fit, component), places(fit, component).tolist(), strict=True)
        found += [Parameter(name, "coefficient", None, name, i=i, component=component) for name, i in named]
    return tuple(found)


def _of_term(part: RandomMatrices, t: int, component: str) -> Iterator[Parameter]:
    """Standard deviations and correlations of the t-th random term."""
    names, group = part.names, part.group
    before = "" if component == "cond" else f"{component}: "
    if part.structure not in ("us", "diag"):
        yield from _of_structured(part, t, component, before)
        return
    for j, name in enumerate(names):
        yield Parameter(f"{before}sd_{name}|{group}", "sd", group, f"{before}sd {name}", t, j, j, component)
        for i, other in enumerate(names):
            if part.structure == "us" and i > j:
                label = f"{before}cor {other}, {name}"
                yield Parameter(f"{before}cor_{other}.{name}|{group}", "corr", group, label, t, i, j, component)


def _of_structured(part: RandomMatrices, t: int, component: str, before: str) -> Iterator[Parameter]:
    """Those that differ: one standard deviation where all are equal, the first pair of each correlation."""
    group, called = part.group, f"{part.structure}({part.what})"
    one = part.structure in ONE_VARIANCE
    for j, name in enumerate([called] if one else part.names):
        yield Parameter(f"{before}sd_{name}|{group}", "sd", group, f"{before}sd {name}", t, j, j, component)
    pairs = distinct_pairs(part.structure, part.names)
    for n, (i, j) in enumerate(pairs, 1):
        name = f"{called}.{n}" if len(pairs) > 1 else called
        low = lowest_correlation(part.structure, len(part.names))
        yield Parameter(f"{before}cor_{name}|{group}", "corr", group, f"{before}cor {name}", t, i, j, component, low)


def values(fit: Fit, theta: Floats, sigma: Floats, beta: Floats, shape: Floats | None = None) -> Floats:
    """(r, P) all parameters, from r rows of theta (r, m), sigma (r,) and beta (r, p). Generalized models have no sigma;
    give ones, and where the shape has models its parameters (r, s).

    With C = sigma Lambda of a term: sd_i = |C_i|, corr_ij = C_i'C_j / (sd_i sd_j); NaN where a sd is zero.
    """
    columns, at = [], 0
    for t, part in enumerate(fit.varying):
        k = len(part.names)
        own = theta[:, at : at + part.n_theta]
        factor = np.array([factor_of(part, row) for row in own]).reshape(-1, k, k)
        at += part.n_theta
        length = np.sqrt(np.einsum("rij,rij->ri", factor, factor))
        with np.errstate(divide="ignore", invalid="ignore"):
            unit = factor / length[:, :, None]
        for p in _of_term(part, t, "cond"):
            if p.kind == "sd":
                columns.append(sigma * length[:, p.i])
            else:
                columns.append(np.clip(np.einsum("rc,rc->r", unit[:, p.i], unit[:, p.j]), -1.0, 1.0))
    if len(components(fit)) > 1 and shape is not None:
        beta = np.column_stack([beta, shape])[:, positions(fit)]
    return np.column_stack([*columns, sigma, beta] if _has_sigma(fit) else [*columns, beta])


def _has_sigma(fit: Fit) -> bool:
    return fit.estimate.residual and not fit.estimate.known and not isinstance(fit, GeneralizedFit)


def estimates(fit: Fit) -> Floats:
    """(P,) all parameters at the estimate."""
    e = fit.estimate
    shape = fit.parameters[None, :] if isinstance(fit, GeneralizedFit) and fit.modelled else None
    found: Floats = values(fit, e.theta[None, :], np.array([_unit(fit)]), e.beta[None, :], shape)[0]
    return found


def _unit(fit: Fit) -> float:
    """What theta is measured in."""
    return 1.0 if isinstance(fit, GeneralizedFit) else fit.estimate.sigma


def select(known: Sequence[Parameter], names: Names) -> tuple[int, ...]:
    """Positions of the parameters asked for: a name, several, lme4's `"theta_"` or `"beta_"`, or `"zi_"` or `"disp_"`,
    the coefficients of such models; None: all.

    Raises InferenceError for an unknown name.
    """
    if names is None:
        return tuple(range(len(known)))
    place = {parameter.name: n for n, parameter in enumerate(known)}
    chosen: list[int] = []
    for name in [names] if isinstance(names, str) else names:
        if name in place:
            chosen.append(place[name])
        elif name in SETS:
            chosen += [n for n, p in enumerate(known) if _in_set(p, name)]
        else:
            raise unknown_name("parameter", name, place)
    return tuple(dict.fromkeys(chosen))


def _in_set(parameter: Parameter, name: str) -> bool:
    random = parameter.kind in ("sd", "corr", "sigma")
    return random if name == "theta_" else parameter.kind == "coefficient" and parameter.component == SETS[name]
