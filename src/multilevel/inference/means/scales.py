"""Scales: the response was transformed, log(y), or has a link; results can be shown on the scale of y.

    eta = L beta   estimates and tests stay here          mu = inverse(eta)   what is shown for "response"

Standard errors on the scale of y are those of the delta method, |d mu / d eta| SE(eta); intervals are the transformed
ends. Differences of logarithms are logarithms of ratios, differences of logits those of odds ratios; other contrasts
stay on their scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import e, log
from typing import Protocol

import numpy as np

from ...data.sums import Floats
from ...formula.parse import Call, Constant, Node, Operation
from ...models.estimate import Fit
from ...models.generalized import GeneralizedFit

STEP = 1e-3  # of differences in eta
MEANS = {
    "binomial": "prob",
    "quasibinomial": "prob",
    "beta_binomial": "prob",
    "poisson": "rate",
    "quasipoisson": "rate",
}


@dataclass(frozen=True, eq=False)
class Scale:
    """A transformation eta = f(mu).

    `name` stands in notes ("log"), `response` heads the column of mu ("response", "prob", "ratio"). `differences` is
    the scale of contrasts whose weights sum to zero, where they mean something on the scale of mu.
    """

    name: str
    inverse: Callable[[Floats], Floats]
    derivative: Callable[[Floats], Floats]  # of `inverse`
    response: str = "response"
    differences: Scale | None = None

    @property
    def is_ratio(self) -> bool:
        """Whether mu is a ratio, so that contrasts are written a / b."""
        return self.response in ("ratio", "odds.ratio")

    @property
    def of_contrasts(self) -> Scale | None:
        """The scale of contrasts; those of log ratios are log ratios again."""
        return self if self.is_ratio else self.differences


def bias_adjusted(scale: Scale, sigma: float) -> Scale:
    """The scale whose inverse is the mean of y, not its median: mu + sigma^2 / 2 d^2 mu / d eta^2 (second order).

    >>> round(float(bias_adjusted(LOG, 0.5).inverse(np.array([0.0]))[0]), 9)  # 1 + 0.5^2 / 2
    1.125
    """

    def inverse(eta: Floats) -> Floats:
        return scale.inverse(eta) + sigma**2 / 2 * _slope(scale.derivative, eta)

    return replace(scale, inverse=inverse, derivative=lambda eta: _slope(inverse, eta))


def _slope(function: Callable[[Floats], Floats], eta: Floats) -> Floats:
    """The derivative by central differences of fourth order."""
    near = function(eta + STEP) - function(eta - STEP)
    far = function(eta + 2 * STEP) - function(eta - 2 * STEP)
    return (8.0 * near - far) / (12.0 * STEP)


class Link(Protocol):
    """What is needed of a generalized model's link."""

    @property
    def name(self) -> str:
        """Its name, "logit"."""

    def inverse(self, eta: Floats) -> Floats:
        """mu (n,) at eta."""

    def derivative(self, eta: Floats) -> Floats:
        """d mu / d eta (n,)."""


def link_scale(link: Link, response: str = "response") -> Scale | None:
    """The scale of a generalized model; None for the identity. `response` is what mu is, "prob" or "rate"."""
    if link.name == "identity":
        return None
    differences = {"log": LOG.differences, "logit": _LOGIT.differences}.get(link.name)
    return Scale(link.name, link.inverse, link.derivative, response, differences)


def scale_of(fit: Fit) -> Scale | None:
    """The scale of the link of a generalized fit, or else that of a transformed response; None without either."""
    if isinstance(fit, GeneralizedFit):
        return link_scale(fit.family.link, MEANS.get(fit.family.name, "response"))
    return response_scale(fit)


def response_scale(fit: Fit) -> Scale | None:
    """The scale of a fit whose response is a transformation that can be undone; None without one.

    >>> from multilevel.models.linear import fit_linear
    >>> response_scale(fit_linear("log(y) ~ x", {"y": [1.0, 2.0, 4.0], "x": [0.0, 1.0, 3.0]})).name
    'log'
    """
    response = fit.design.formula.response
    return None if response is None else _read(response.node)


def _read(node: Node) -> Scale | None:
    """The scale of f(y), f(y + 1), 2 * f(y) or asin(sqrt(y)); None for anything else."""
    match node:
        case Operation("*", (Constant(float(factor)), Call() as inner)) if factor > 0:
            scale = _read(inner)
            return None if scale is None else _multiplied(scale, factor)
        case Call(outer, ((_, Call(inner_name, ((_, _),))),)) if (_bare(outer), _bare(inner_name)) == ("asin", "sqrt"):
            return _ANGLE
        case Call(function, ((_, argument),)) if _bare(function) in _SCALES:
            scale, added = _SCALES[_bare(function)], _added(argument)
            if added == 0.0:
                return scale
            return replace(scale, name=f"{scale.name}(mu + {added:g})", inverse=lambda eta: scale.inverse(eta) - added)
    return None


def _bare(function: str) -> str:
    """The name of a function without where it is from."""
    return function.rpartition("::")[2].removeprefix("np.").removeprefix("numpy.")


def _multiplied(scale: Scale, factor: float) -> Scale:
    """The scale of factor f(y); differences of its values have no scale of their own."""
    return Scale(
        f"{factor:g}*{scale.name}",
        lambda eta: scale.inverse(eta / factor),
        lambda eta: scale.derivative(eta / factor) / factor,
    )


def _added(node: Node) -> float:
    """The constant of log(y + 1); zero for anything else, whose own values are then the response."""
    match node:
        case Operation("+", (_, Constant(float(value)))):
            return float(value)
    return 0.0


def _expit(eta: Floats) -> Floats:
    return 0.5 * (1.0 + np.tanh(0.5 * eta))


def _logarithm(name: str, base: float) -> Scale:
    rate = log(base)

    def inverse(eta: Floats) -> Floats:
        return np.exp(rate * eta)

    def derivative(eta: Floats) -> Floats:
        return rate * np.exp(rate * eta)

    return Scale(name, inverse, derivative, differences=Scale(name, inverse, derivative, "ratio"))


LOG = _logarithm("log", e)
_LOGIT = Scale(
    "logit",
    _expit,
    lambda eta: _expit(eta) * _expit(-eta),
    differences=Scale("log odds ratio", np.exp, np.exp, "odds.ratio"),
)
_ANGLE = Scale("asin(sqrt(mu))", lambda eta: np.sin(eta) ** 2, lambda eta: np.sin(2.0 * eta))
_SCALES = {
    "log": LOG,
    "log2": _logarithm("log2", 2.0),
    "log10": _logarithm("log10", 10.0),
    "log1p": Scale("log1p", np.expm1, np.exp),
    "sqrt": Scale("sqrt", np.square, lambda eta: 2.0 * eta),
    "exp": Scale("exp", np.log, lambda eta: 1.0 / eta),
    "qlogis": _LOGIT,
}
