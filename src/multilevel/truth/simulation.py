"""A response from a formula, a design and a truth: y ~ family(mu), g(mu) = X beta + Z b + offset.

formula + design + truth ──prepare──► Simulation ──draw──► y, as often as one likes
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arguments import named
from ..data.attach import with_columns
from ..data.rows import column_names, read_columns
from ..errors import DataError, nearest
from ..families import Family, link_named
from ..formula import Column, Design, Formula, Matrices, RandomMatrices
from ..formula.levels import Codes
from ..labelled import Floats
from ..models.components import OPTIONS
from ..models.inputs import Weights, read_inputs
from ..models.shape_models import PARTS, learned_models, learned_rows, parsed_part
from ..predict import aligned
from ..seeds import Seed, generator
from .distributions import Distribution, distribution
from .groups import Group, stated_values
from .response import Response, response_of
from .truths import Truth, listed

LOGIT = link_named("logit")


@named
def simulate(
    formula: str,
    design: Any,
    truth: Truth,
    seed: Seed = None,
    *,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
    ziformula: str | None = None,
    dispformula: str | None = None,
) -> Any:
    """The design with a response drawn from a stated truth.

    Parameters
    ----------
    formula : the model in R's language, `"y ~ condition + (condition | participant)"`; it says what the coefficients
        are called, and `y` is the column that is made, anew if it is there already. Of binomial responses
        `cbind(s, size - s)` makes the successes `s` of `size` trials, and `cbind(s, f)` replaces both columns, which
        say how many trials there are.
    design : a table as for `lmer`, made by `expand_grid` or measured. What transforms such as `poly` or `scale` learn,
        they learn from these rows.
    truth : its coefficients and groups are those of the formula, no more and no less; `m.truth()` is that of a fit.
    seed : as for numpy.random.default_rng. Effects and residuals have random numbers of their own: one more grouping
        factor at the end of the formula, or more rows and levels after those there are, change nothing of what was
        drawn before.
    weights : name of a column, or an array with one positive number for each row: numbers of trials where the response
        is a proportion; else what sigma^2, or the dispersion, of a row is divided by. Default: all one.
    contrasts : coding of factors in the fixed effects, `{"period": "sum"}`.
    ziformula, dispformula : models `"~ x + (1 | g)"` of the logit of an inflated zero, and of the logarithm of what
        shapes the family, as for `glmer`; the truth states their coefficients, `"zi: x"`, `"disp: x"`, and groups. Here
        both may have random terms. Default: no such model.

    Returns
    -------
    The table in its own library, with the response (NaN where a predictor is missing); a file becomes a frame.

    Raises
    ------
    FormulaError : the formula cannot be read, or its left side is no plain name.
    DataError : the truth has a coefficient, group or effect that the formula has not, or lacks one; a column is
        missing; a mean is drawn that the family cannot have.

    >>> from multilevel.designs import expand_grid
    >>> design = expand_grid(participant=100, condition=["control", "treatment"], trial=10, backend="dict")
    >>> group = Group(sd={"(Intercept)": 0.25, "condition[treatment]": 0.4}, corr=0.7)
    >>> truth = Truth({"(Intercept)": 0, "condition[treatment]": 1}, {"participant": group}, sigma=0.2)
    >>> d5 = simulate("y ~ condition + (condition | participant)", design, truth, seed=1)
    >>> d5["y"].shape
    (2000,)
    >>> yes = Truth({"(Intercept)": -1, "condition[treatment]": 0.5}, {"participant": Group(sd=1)}, family="binomial")
    >>> d = simulate("yes ~ condition + (1 | participant)", design, yes, seed=1)
    >>> sorted(set(d["yes"].tolist()))
    [0.0, 1.0]
    """
    simulation = prepare(
        formula, design, truth, weights=weights, contrasts=contrasts, ziformula=ziformula, dispformula=dispformula
    )
    return with_columns(design, simulation.columns(generator(seed)), replace=True)


@dataclass(frozen=True, eq=False)
class DrawnGroup:
    """The drawn effects of one grouping factor, ready to be drawn: (k, k) root of their covariance, k columns of Z."""

    factor: Floats
    distribution: Distribution
    n_levels: int
    codes: Codes
    Z: tuple[Floats, ...]

    def add(self, mean: Floats, rng: np.random.Generator) -> None:
        """Add Z b to the means (n,), with new effects b."""
        effects = self.distribution.draw(self.n_levels, len(self.factor), rng) @ self.factor.T
        for z, column in zip(self.Z, effects.T, strict=True):
            mean += z * column.take(self.codes)


@dataclass(frozen=True, eq=False)
class Predictor:
    """A linear predictor: (n,) its part that is known, and the grouping factors whose effects are drawn, in order."""

    known: Floats
    groups: tuple[DrawnGroup, ...]

    def draw(self, streams: Sequence[np.random.Generator]) -> Floats:
        """(n,) with new effects, each grouping factor from a stream of its own."""
        eta = self.known.copy()
        for group, stream in zip(self.groups, streams, strict=True):
            group.add(eta, stream)
        return eta


@dataclass(frozen=True, eq=False)
class Simulation:
    """A truth that has met its design: everything but the random numbers.

    Parameters
    ----------
    response : what is drawn.
    rows : the matrices of the complete rows.
    mean : the linear predictor, on the scale of the link.
    inflation, dispersion : the logit of an inflated zero, and the logarithm of the first shape; None without a model.
    family, shape : the distribution around the mean, its (s,) further parameters.
    weights : (n,) prior weights, numbers of trials for proportions; None for ones.
    """

    response: Response
    rows: Matrices
    mean: Predictor
    inflation: Predictor | None
    dispersion: Predictor | None
    family: Family
    shape: Floats
    weights: Floats | None

    def columns(self, rng: np.random.Generator) -> dict[str, Floats]:
        """The columns (n_total,) of one new response, by name; NaN in rows with a missing value."""
        trials = None if self.weights is None else aligned(self.weights, self.rows)
        return self.response.drawn(self.draw(rng), trials)

    def draw(self, rng: np.random.Generator) -> Floats:
        """(n_total,) one new response, of a pair of counts the successes; NaN in rows with a missing value."""
        responses, *effects = rng.spawn(1 + len(self.mean.groups))
        return aligned(self._response(self.mean.draw(effects), responses), self.rows)

    def _response(self, predictor: Floats, rng: np.random.Generator) -> Floats:
        """(n,) responses given the linear predictor; zeros and dispersions have random numbers of their own."""
        mu = self.family.link.inverse(predictor)
        wrong = ~self.family.possible(mu)
        if wrong.any():
            row = int(np.argmax(wrong))
            low, high = self.family.means
            raise DataError(
                f"the truth gives the mean {mu[row]:g} in a row; means of the {self.family.name} family lie between "
                f"{low:g} and {high:g}: another link, or smaller effects, keep them there"
            )
        weights = np.ones(len(mu)) if self.weights is None else self.weights
        of_zeros, of_shapes = rng.spawn(2)
        shape = self.shape
        if self.dispersion is not None:
            modelled = np.exp(self.dispersion.draw(of_shapes.spawn(len(self.dispersion.groups))))
            first = self.family.first_shape(modelled)
            shape = np.vstack([first, *[np.full_like(first, value) for value in shape[1:]]])
        y = self.family.simulate(mu, weights, shape, rng)
        if self.inflation is not None:
            zero = LOGIT.inverse(self.inflation.draw(of_zeros.spawn(len(self.inflation.groups))))
            y = np.where(of_zeros.random(len(y)) < zero, 0.0, y)
        return y * weights if self.response.paired else y


def prepare(
    formula: str,
    design: Any,
    truth: Truth,
    *,
    weights: Weights = None,
    contrasts: Mapping[str, Any] | None = None,
    ziformula: str | None = None,
    dispformula: str | None = None,
) -> Simulation:
    """Read the formula, learn the design, and find every number of the truth its place. As for `simulate`."""
    if not isinstance(truth, Truth):
        raise DataError(f"truth is of type {type(truth).__name__}; expected a Truth: mlm.Truth(fixed=..., sigma=...)")
    parsed = Formula.parse(formula)
    inflation = parsed_part(ziformula, "zero inflation", truth.family)
    dispersion = parsed_part(dispformula, "dispersion", truth.family)
    also = [name for part in (inflation, dispersion) if part for name in part.variables]
    response = response_of(parsed, truth.family, weights is not None)
    columns = _columns(parsed, response, design, weights, also)
    inputs = read_inputs(parsed, columns, weights, "drop", zero_weights=False, also=also)
    learned, rows = learned_rows(parsed, inputs, contrasts, also)
    trials = response.trials(rows, truth.family)
    models = learned_models(truth.family, inflation, dispersion, inputs.columns, rows)
    parts: dict[str, Predictor | None] = dict.fromkeys(PARTS)
    for name, model in (models.by_component() if models else {}).items():
        parts[name] = _predictor(truth, name, model.design, model.rows)
    _refuse_unmodelled(truth, [name for name, part in parts.items() if part is None])
    mean = _predictor(truth, "cond", learned, rows)
    return Simulation(response, rows, mean, parts["zi"], parts["disp"], truth.family, truth.parameters, trials)


def _predictor(truth: Truth, component: str, design: Design, rows: Matrices) -> Predictor:
    """One linear predictor, where every number that the truth has of it has found its place."""
    text, (fixed, stated) = design.formula.text, truth.part(component)
    _same_names("coefficient", fixed, design.names, text)
    bars = tuple(dict.fromkeys(bar.name for bar in design.formula.random))
    groups = _by_factor(stated, bars)
    _same_names("group", groups, bars, text)
    known = np.zeros(rows.n) if rows.offset is None else rows.offset.copy()
    for name, x in zip(design.names, rows.X, strict=True):
        known += fixed[name] * x
    drawn = []
    for name in bars:
        made = _met(groups[name], name, [part for part in rows.random if part.group == name], known, text)
        drawn += [made] if len(made.Z) else []
    return Predictor(known, tuple(drawn))


def _refuse_unmodelled(truth: Truth, absent: Sequence[str]) -> None:
    """DataError where the truth speaks of a model that has no formula."""
    for component in absent:
        for name in (name for names in truth.part(component) for name in names):
            raise DataError(
                f"the truth has {component + ': ' + name!r}, of a model of {PARTS[component]} that has no formula; "
                f'give {OPTIONS[component]}="~ x" or the like'
            )


def _columns(
    formula: Formula, response: Response, design: Any, weights: Weights, also: Sequence[str]
) -> dict[str, Column]:
    """The columns the formula needs; others stand in for the response, so that a design can be learned."""
    present = column_names(design)
    names = present if formula.has_dot else list(formula.predictors())
    names = [name for name in names if name != response.made]
    names += [*response.reads, *([weights] if isinstance(weights, str) else []), *also]
    columns = read_columns(design, list(dict.fromkeys(names)) or present[:1])
    return {**columns, **response.stand_ins(columns, len(next(iter(columns.values())).values))}


def _by_factor(stated: Mapping[str, Group], bars: Sequence[str]) -> dict[str, Group]:
    """Stated groups by the formula's names of the factors: "a:b" and "b:a" are the same crossing."""
    names = {frozenset(name.split(":")): name for name in bars}
    groups: dict[str, Group] = {}
    for given, group in stated.items():
        name = names.get(frozenset(given.split(":")), given)
        if name in groups:
            raise DataError(f"the truth has two groups for the crossing {name!r}; state it once")
        groups[name] = group
    return groups


def _same_names(kind: str, stated: Iterable[str], known: Sequence[str], formula: str, by: str = "") -> None:
    """DataError for a name that the formula has not, or one of the formula that is not stated."""
    has = f"it has {listed(known)}" if known else "it has none"
    for name in stated:
        if name not in known:
            raise DataError(
                f"the truth has the {kind} {name!r}{by}, which {formula!r} has not{nearest(name, known)} ({has})"
            )
    if absent := [name for name in known if name not in set(stated)]:
        zero = "Group(sd=0)" if kind == "group" else "0"
        raise DataError(
            f"the truth says nothing of the {kind} {absent[0]!r}{by} of {formula!r}; state all of them, "
            f"{zero} for none ({has})"
        )


def _met(group: Group, name: str, parts: Sequence[RandomMatrices], mean: Floats, formula: str) -> DrawnGroup:
    """A group that has met its terms: stated effects are added to the mean, the others are ready to be drawn."""
    Z = {effect: z for part in parts for effect, z in zip(part.names, part.Z, strict=True)}
    _same_names("effect", group.names, tuple(Z), formula, f" by {name!r}")
    _refuse_correlations(group, name, parts)
    factor = parts[0]
    for effect, stated in group.effects.items():
        values = stated_values(stated, factor.levels, f"{effect} by {name}")
        mean += Z[effect] * values.take(factor.codes)
    drawn = tuple([Z[effect] for effect in group.sd])
    return DrawnGroup(group.factor, distribution(group.distribution), factor.n_levels, factor.codes, drawn)


def _refuse_correlations(group: Group, name: str, parts: Sequence[RandomMatrices]) -> None:
    """DataError for effects that the truth correlates and the formula does not."""
    effects = tuple(group.sd)
    for i, j in np.argwhere(np.triu(group.corr, 1)):
        pair = {effects[i], effects[j]}
        if not any(part.structure == "us" and pair <= set(part.names) for part in parts):
            terms = " + ".join(f"{part.written}" for part in parts)
            raise DataError(
                f"the truth has the correlation {group.corr[i, j]:g} of {effects[i]} and {effects[j]} by {name}, which "
                f"{terms} does not allow; leave it out, or write the two in one term with a single bar"
            )
