"""A fit as it is written down: coefficients and what they multiply, effects that vary by group, symbols and numbers.

As in the tutorials of the field, a coefficient that varies by group is written as drawn around its mean,
alpha_subject ~ N(alpha, sigma_alpha), and not as a mean plus a deviation. Where it varies by several grouping factors,
the first of them (a before a:b) carries the mean and the others are deviations with mean zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from ..effects import varcorr
from ..families import Family
from ..formula import Matrices
from ..formula.planning import Recipe
from ..formula.structures import Structure, covariance
from ..formula.terms import Terms
from ..formula.variables import Variable
from ..labelled import Floats
from ..models.components import component_fit, components
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from .expressions import Predictors

DEVIATIONS = ("gamma", "delta", "zeta", "eta", "kappa", "lambda", "nu", "xi", "tau", "phi", "psi", "omega")
FEW = 3  # a factor with more coefficients than this is written with its level as a subscript


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A fixed effect: its symbol, what it multiplies, its estimate.

    With `levels_of` the symbol stands for a coefficient for each level of that factor, coefficient[factor[n]], of which
    `reference`, if any, is the level whose coefficient is zero.
    """

    letter: str
    index: str
    recipe: Recipe
    estimate: float
    levels_of: str = ""
    reference: str = ""
    n_levels: int = 1
    part: str = ""  # below the symbol of a coefficient that is not one of the mean: "zi", "disp"


@dataclass(frozen=True, slots=True)
class GroupEffect:
    """What varies by group: its symbol, what it multiplies, the coefficient it varies around (None: zero), its sd."""

    letter: str
    index: str
    recipe: Recipe
    mean: Coefficient | None
    sd: float
    part: str = ""  # as of coefficients


@dataclass(frozen=True, slots=True)
class GroupTerm:
    """The effects of one random term; `corr` (k, k) where they are correlated, else None.

    `places` (k,) are coordinates of `ou`. `levels_of` is the factor if the effects are those of its levels, too many
    to be written one by one; else empty.
    """

    group: str
    n_levels: int
    effects: tuple[GroupEffect, ...]
    corr: Floats | None
    label: str  # tells the covariances of several terms on one factor apart, else empty
    structure: Structure
    places: list[float]
    levels_of: str


@dataclass(frozen=True, slots=True)
class LinearPredictor:
    """A sum of coefficients times what they multiply; `part` as of coefficients, empty for the mean."""

    part: str
    fixed: tuple[Coefficient, ...]
    terms: tuple[GroupTerm, ...]
    offsets: tuple[Variable, ...]
    predictors: Predictors

    @staticmethod
    def of(fit: Fit, part: str, *, by_level: bool) -> LinearPredictor:
        """Read off a fit; `by_level` writes a factor with many coefficients as one symbol with its level below."""
        design = fit.design
        order = _carrying_order(fit)
        random = {recipe for t in order for recipe in design.random[t].plan.recipes}
        fixed = tuple([replace(c, part=part) for c in _coefficients(fit, random if by_level else None)])
        terms = tuple(_terms(fit, order, fixed, part))
        return LinearPredictor(part, fixed, terms, design.formula.offsets, Predictors.of(design))

    @property
    def carried(self) -> set[Recipe]:
        """What the coefficients multiply that are written as varying by group."""
        return {effect.recipe for term in self.terms for effect in term.effects if effect.mean is not None}

    def columns(self) -> list[tuple[Coefficient | None, Recipe]]:
        """Everything that is multiplied by coefficients, in the order of the formula; None: only varying ones."""
        fixed: list[tuple[Coefficient | None, Recipe]] = [(c, c.recipe) for c in self.fixed]
        known = {c.recipe for c in self.fixed if not c.levels_of}
        alone = (e for term in self.terms if not term.levels_of for e in term.effects)
        more = dict.fromkeys(e.recipe for e in alone if e.recipe not in known)
        intercepts: list[tuple[Coefficient | None, Recipe]] = [(None, recipe) for recipe in more if not recipe]
        return [*intercepts, *fixed, *((None, recipe) for recipe in more if recipe)]


@dataclass(frozen=True, slots=True)
class Part:
    """What differs between rows beside the mean: pi, the chance of an inflated zero, or a parameter of the response.

    `symbol` is what the linear predictor gives for each row; its power that it gives, 1, 2 or -1, is `exponent`.
    """

    symbol: str
    exponent: int
    linear: LinearPredictor
    variables: tuple[Variable, ...]
    rows: Matrices


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that the equations and the diagram of a fit need to know."""

    response: Variable
    n: int
    mean: LinearPredictor
    weights: str | None  # the column of prior weights; empty: an array without a name; None: no weights
    spread: dict[str, float]  # parameters of the response besides its mean, by symbol: sigma, phi, nu
    parts: tuple[Part, ...]
    residual: bool  # whether the response varies around its mean

    @staticmethod
    def of(fit: Fit, *, by_level: bool) -> Sheet:
        """Read off a fit; `by_level` writes a factor with many coefficients as one symbol with its level below."""
        response = fit.design.formula.response
        assert response is not None  # a fit has one
        weights = None if fit.prior_weights is None else fit.weights_column or ""
        mean = LinearPredictor.of(fit, "", by_level=by_level)
        return Sheet(
            response, fit.rows.n, mean, weights, _spread(fit), tuple(_parts(fit, by_level)), fit.estimate.residual
        )

    @property
    def linear(self) -> tuple[LinearPredictor, ...]:
        """The linear predictors of the mean and of what else differs between rows."""
        return (self.mean, *(part.linear for part in self.parts))

    @property
    def modelled(self) -> set[str]:
        """Symbols that differ between rows beside the mean."""
        return {part.symbol for part in self.parts}

    @property
    def inflated(self) -> bool:
        """Whether zeros are inflated."""
        return "pi" in self.modelled

    @property
    def is_plain(self) -> bool:
        """Whether the mean is nothing but intercepts, few enough to stand in the distribution itself."""
        mean = self.mean
        summands = len(mean.fixed) + sum(e.mean is None for term in mean.terms for e in term.effects)
        return not any(recipe for _, recipe in mean.columns()) and summands <= FEW and not mean.offsets


def _spread(fit: Fit) -> dict[str, float]:
    """The parameters of the response besides its mean, as response.py calls them, and their estimates."""
    if not fit.estimate.residual:
        return {}
    if not isinstance(fit, GeneralizedFit):
        return {"sigma": fit.estimate.sigma}
    shape = fit.estimate.shape.tolist()
    if fit.family.name == "gaussian":
        return {"sigma": sqrt(shape[0])}
    names = {"student_t": ("sigma", "nu"), "tweedie": ("phi", "psi")}.get(fit.family.name, ("phi",))
    return dict(zip(names, shape, strict=False))


def _parts(fit: Fit, by_level: bool) -> Iterator[Part]:
    """The models of zero inflation and dispersion."""
    for component in components(fit)[1:]:
        assert isinstance(fit, GeneralizedFit)
        own = {"zi": fit.inflating, "disp": fit.dispersing}[component] or component_fit(fit, component)
        symbol, exponent = ("pi", 1) if component == "zi" else (next(iter(_spread(fit))), _exponent(fit.family))
        used = [variable for terms in (own.design.formula.fixed, *_random_terms(own)) for variable in terms.used()]
        linear = LinearPredictor.of(own, component, by_level=by_level)
        yield Part(symbol, exponent, linear, tuple(dict.fromkeys(used)), own.rows)


def _random_terms(fit: Fit) -> list[Terms]:
    return [part.bar.terms for part in fit.design.random]


def _exponent(family: Family) -> int:
    """The power of the parameter that a model of the dispersion is of: the variance, not the sigma of the page."""
    if family.name == "gaussian":
        return 2
    return -1 if family.modelled_reciprocal else 1


def _carrying_order(fit: Fit) -> list[int]:
    """Positions of the random terms: simple grouping factors before crossed ones, else as in the formula."""
    parts = fit.design.random
    written = [id(bar) for bar in fit.design.formula.random]
    return sorted(range(len(parts)), key=lambda t: (len(parts[t].bar.group), written.index(id(parts[t].bar))))


def _coefficients(fit: Fit, varying: set[Recipe] | None) -> Iterator[Coefficient]:
    """The fixed effects; a factor by levels where that is allowed (`varying` is given) and shorter."""
    design = fit.design
    estimates = dict(zip(fit.kept, fit.estimate.beta.tolist(), strict=True))
    by_level = _factors_by_level(fit, varying) if varying is not None else {}
    count = len({by_level.get(j, (j,))[0] for j in estimates if design.plan.recipes[j]})
    alone = [j for j in estimates if not design.plan.recipes[j]]
    number = 0
    for j, estimate in estimates.items():
        recipe = design.plan.recipes[j]
        start, text, reference = by_level.get(j, (j, "", ""))
        if start != j:
            continue
        if not recipe:
            yield Coefficient("alpha", "", recipe, estimate)
            continue
        if text and not reference and not alone and number == 0:  # no pooling: an intercept for each level
            alone.append(j)
            count -= 1
            letter, index = "alpha", ""
        else:
            number += 1
            letter, index = "beta", str(number) if count > 1 else ""
        rest = tuple(piece for piece in recipe if piece[0] != text) if text else recipe
        n_levels = len(design.factors[text].levels) if text else 1
        yield Coefficient(letter, index, rest, estimate, text, reference, n_levels)


def _factors_by_level(fit: Fit, varying: set[Recipe]) -> dict[int, tuple[int, str, str]]:
    """For columns of terms with one many-levelled factor: the term's first column, the factor, its reference level."""
    design, kept = fit.design, set(fit.kept)
    found = {}
    for term in design.terms:
        recipes = [design.plan.recipes[j] for j in term.columns]
        factors = {text for recipe in recipes for text, coding, _ in recipe if coding != ""}
        if (
            len(factors) != 1
            or len(recipes) <= FEW
            or varying.intersection(recipes)
            or not kept.issuperset(term.columns)
        ):
            continue
        (text,) = factors
        shown = {j for recipe in recipes for name, coding, j in recipe if name == text and coding == "="}
        levels = design.factors[text].levels
        left = [level for j, level in enumerate(levels) if j not in shown]
        rests = {tuple(piece for piece in recipe if piece[0] != text) for recipe in recipes}
        if len(shown) == len(recipes) and len(left) <= 1 and len(rests) == 1:
            found.update(dict.fromkeys(term.columns, (term.columns[0], text, left[0] if left else "")))
    return found


def _terms(fit: Fit, order: list[int], fixed: tuple[Coefficient, ...], of: str) -> Iterator[GroupTerm]:
    free = {coefficient.recipe: coefficient for coefficient in fixed if not coefficient.levels_of}
    found = varcorr(fit, "dict").terms
    groups = [fit.design.random[t].group for t in order if found[t].corr is not None]
    deviations = 0
    for t in order:
        part, term = fit.design.random[t], found[t]
        letter = DEVIATIONS[deviations] if deviations < len(DEVIATIONS) else "u"
        own = [recipe for recipe in part.plan.recipes if recipe not in free]
        effects = []
        for recipe, sd in zip(part.plan.recipes, term.sd.tolist(), strict=True):
            mean = free.pop(recipe, None)
            if mean is not None:
                effects.append(GroupEffect(mean.letter, mean.index, recipe, mean, sd, of))
                continue
            first = 0 if () in own else 1
            index = str(own.index(recipe) + first) if len(own) > 1 else ""
            if letter == "u":
                index = f"{deviations - len(DEVIATIONS) + 1}" + (f",{index}" if index else "")
            effects.append(GroupEffect(letter, index, recipe, None, sd, of))
        deviations += bool(own)
        corr = None if term.corr is None else np.where(np.isnan(term.corr), 0.0, term.corr)
        label = str(sum(fit.design.random[s].group == part.group for s in order[: order.index(t) + 1]))
        places = covariance(part.structure, part.names)
        yield GroupTerm(
            part.group, part.n_levels, tuple(effects), corr, label if groups.count(part.group) > 1 else "",
            part.structure, places if isinstance(places, list) else [], _levels_of(effects),
        )  # fmt: skip


def _levels_of(effects: list[GroupEffect]) -> str:
    """The one factor of whose levels these are the effects, if there are many."""
    pieces = {piece[:2] for e in effects for piece in e.recipe}
    alike = len(pieces) == 1 and all(len(e.recipe) == 1 and e.mean is None for e in effects)
    text, coding = pieces.pop() if alike else ("", "")
    return text if coding == "=" and len(effects) > FEW else ""
