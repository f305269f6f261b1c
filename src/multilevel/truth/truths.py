"""Truth: the parameters of a model, stated by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from ..digits import significant
from ..errors import DataError, InferenceError
from ..framed import frame
from ..labelled import Floats
from ..layout import Item, Line, Page, Prose, Section
from ..models.estimate import Fit
from ..tables import Table, column, named_row
from ..varcorr import VarCorr
from .groups import Group
from .named import Named, by_name, number

FAMILIES = ("gaussian",)


@dataclass(frozen=True, repr=False, init=False)
class Truth(Page):
    """What is true of the world a simulation draws from. Never changes; `replace` makes another one.

    Parameters
    ----------
    fixed : fixed effects by coefficient name: `"(Intercept)"`, `"days"`, `"condition[treatment]"`, `"a[2]:b"`, ...
    groups : a `Group` for each grouping factor, by its name in the formula: `"participant"`, for `(1 | a/b)` the two
        names `"b:a"` and `"a"`. Default: none.
    sigma : residual standard deviation, of a row of weight one.
    family : distribution of the response given its mean; `"gaussian"`, others are not available yet.

    Raises
    ------
    DataError : a value is no finite number, or sigma is absent or negative.

    >>> truth = Truth(fixed={"(Intercept)": 0, "days": 10}, groups={"subject": Group(sd=25)}, sigma=30)
    >>> truth
    Truth of a gaussian response
    <BLANKLINE>
    Fixed effects:
    (Intercept)        days
              0          10
    <BLANKLINE>
    Random effects:
     Groups   Name        Std.Dev.
     subject  (Intercept) 25
     Residual             30
    >>> truth.replace(fixed={"days": 5}).fixed
    {'(Intercept)': 0.0, 'days': 5.0}
    """

    fixed: Named[float]
    groups: Named[Group]
    sigma: float
    family: str

    def __init__(
        self,
        fixed: Mapping[str, float],
        groups: Mapping[str, Group] | None = None,
        sigma: float | None = None,
        family: str = "gaussian",
    ) -> None:
        if family not in FAMILIES:
            raise DataError(f"the family {family!r} is not available yet; 'gaussian' is")
        values = {
            name: number(f"the coefficient {name!r}", value)
            for name, value in by_name("fixed", fixed, "{'(Intercept)': 0}").items()
        }
        named = by_name("groups", groups or {}, "{'participant': Group(sd=1)}")
        for name, group in named.items():
            if not isinstance(group, Group):
                raise DataError(
                    f"groups[{name!r}] is {group!r}; expected a Group, such as Group(sd={{'(Intercept)': 1}})"
                )
        if sigma is None:
            raise DataError("a gaussian truth needs sigma, the residual standard deviation")
        object.__setattr__(self, "fixed", Named(values, "coefficient"))
        object.__setattr__(self, "groups", Named(named, "grouping factor"))
        object.__setattr__(self, "sigma", number("sigma", sigma, positive=True))
        object.__setattr__(self, "family", family)

    def __repr__(self) -> str:
        return self.to_text()

    def replace(
        self,
        *,
        fixed: Mapping[str, float] | None = None,
        groups: Mapping[str, Group] | None = None,
        sigma: float | None = None,
        family: str | None = None,
    ) -> Truth:
        """Another truth that differs in what is given; coefficients and groups not mentioned keep their values.

        >>> truth = Truth({"(Intercept)": 0}, {"g": Group({"(Intercept)": 1})}, sigma=1)
        >>> truth.replace(groups={"g": truth.groups["g"].replace(distribution="t(4)")}).groups["g"].distribution
        't(4)'
        """
        return Truth(
            {**self.fixed, **by_name("fixed", fixed or {}, "{'(Intercept)': 0}")},
            {**self.groups, **by_name("groups", groups or {}, "{'participant': Group(sd=1)}")},
            self.sigma if sigma is None else sigma,
            family or self.family,
        )

    def sections(self) -> tuple[Section, ...]:
        """Fixed effects; standard deviations and correlations, as a fit shows them; words on what is not normal."""
        cells = significant(self.fixed.values(), 5)
        row = named_row(tuple(self.fixed), cells)
        wide = sum(1 + c.width for c in row.columns) > 81
        table = Table((column("value", cells),), tuple(self.fixed)) if wide else row
        drawn = tuple(group.term(name) for name, group in self.groups.items() if group.sd)
        items: list[Item] = [Line(f"Residual standard deviation: {self.sigma:g}")]
        if drawn:
            items = [VarCorr(drawn, self.sigma).table(("Std.Dev.",), digits=5, decimals=3)]
        items += [Prose(words) for name, group in self.groups.items() for words in group.words(name)]
        return (
            Section(f"Truth of a {self.family} response", ()),
            *([Section("Fixed effects:", (table,))] if self.fixed else []),
            Section("Random effects:" if drawn else "", tuple(items)),
        )

    def to_frame(self, backend: str = "pandas") -> Any:
        """A frame with a row for each number: `effect`, `group`, `level`, `term`, `value`; names are those of `tidy()`.

        `effect` is "fixed", "ran_pars" for standard deviations and correlations, "ran_vals" for stated effects.
        """
        rows: list[tuple[str, str | None, str | None, str, float]] = [
            ("fixed", None, None, name, value) for name, value in self.fixed.items()
        ]
        for name, group in self.groups.items():
            rows += [
                ("ran_pars" if level is None else "ran_vals", name, level, term, value)
                for term, level, value in group.rows()
            ]
        rows.append(("ran_pars", "Residual", None, "sd__Observation", self.sigma))
        heads = ("effect", "group", "level", "term", "value")
        return frame(dict(zip(heads, map(list, zip(*rows, strict=True)), strict=True)), backend)


def truth_of(fit: Fit) -> Truth:
    """The truth that would be, if the estimates of a fit were exact. Coefficients that were not identified are zero.

    Effects that stand in several terms of one factor have the sum of the terms' covariances, which is the same model.
    Codings (`contrasts=`) and weights are not part of a truth; give them to `simulate` again.

    Raises
    ------
    InferenceError : the fit has no residuals to estimate sigma from.
    """
    estimate = fit.estimate
    if not isfinite(estimate.sigma):
        raise InferenceError(
            f"the fit has {estimate.n} rows and as many coefficients, so its sigma is not known; state a Truth with one"
        )
    fixed = dict.fromkeys(fit.design.names, 0.0)
    fixed.update(zip(fit.names, estimate.beta.tolist(), strict=True))
    groups = {}
    for name in dict.fromkeys(bar.name for bar in fit.design.formula.random):
        places = [t for t, part in enumerate(fit.design.random) if part.group == name]
        effects = tuple(dict.fromkeys(effect for t in places for effect in fit.design.random[t].names))
        covariance = np.zeros((len(effects), len(effects)))
        for t in places:
            at = [effects.index(effect) for effect in fit.design.random[t].names]
            covariance[np.ix_(at, at)] += estimate.sigma**2 * fit.factors[t] @ fit.factors[t].T
        sd, corr = _split(covariance)
        groups[name] = Group(dict(zip(effects, sd.tolist(), strict=True)), corr)
    return Truth(fixed, groups, estimate.sigma)


def _split(covariance: Floats) -> tuple[Floats, Floats]:
    """Standard deviations (k,) and correlations (k, k), zero where a standard deviation is."""
    sd = np.sqrt(np.diag(covariance))
    scale = np.outer(sd, sd)
    corr = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    np.fill_diagonal(corr, 1.0)
    return sd, np.clip(corr, -1.0, 1.0)


def listed(names: Iterable[str]) -> str:
    """`'(Intercept)', 'days'`."""
    return ", ".join(map(repr, names))
