"""Truth: the parameters of a model, stated by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..digits import significant
from ..errors import DataError, nearest
from ..families import Family, Quasi, family_of
from ..framed import frame
from ..labelled import Floats
from ..layout import Item, Line, Page, Prose, Section
from ..models.shape_models import PARTS
from ..tables import Table, column, named_row
from ..varcorr import VarCorr
from .groups import Group
from .named import Named, by_name, number

T = TypeVar("T")


@dataclass(frozen=True, repr=False, init=False)
class Truth(Page):
    """What is true of the world a simulation draws from. Never changes; `replace` makes another one.

    Parameters
    ----------
    fixed : fixed effects by coefficient name: `"(Intercept)"`, `"days"`, `"condition[treatment]"`, `"a[2]:b"`, ...
    groups : a `Group` for each grouping factor, by its name in the formula: `"participant"`, for `(1 | a/b)` the two
        names `"b:a"` and `"a"`. Default: none. Coefficients and groups of a model of zero inflation are called
        `"zi: x"` and `"zi: g"`, on the scale of its logit; of a model of the dispersion `"disp: x"` and `"disp: g"`, on
        the log scale (of gaussian responses, of the variance). The formulas of such models are those of `simulate`.
    sigma : of a gaussian response, the residual standard deviation of a row of weight one; not where its dispersion has
        a model.
    family : distribution of the response given its mean, as for `glmer`: `"poisson"`, `"binomial(probit)"`, or an
        object of `multilevel.families`. Coefficients and groups are on the scale of its link. Default: `"gaussian"`.
    shape : what else shapes the family, by name: `{"size": 2}` for negative binomial responses, `{"dispersion": 0.3}`
        for gamma ones, `{"scale": 1, "df": 4}` for Student's t. Without the first where that has a model.

    Raises
    ------
    DataError : a value is no finite number, or a parameter of the family is absent, impossible, or not the family's.
    FitError : an unknown family or link.

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
    >>> Truth({"(Intercept)": 1}, family="negative_binomial", shape={"size": 2})
    Truth of a negative_binomial(log) response
    <BLANKLINE>
    Fixed effects:
    (Intercept)
              1
    <BLANKLINE>
    Size: 2
    """

    fixed: Named[float]
    groups: Named[Group]
    sigma: float | None
    family: Family
    shape: Named[float]

    def __init__(
        self,
        fixed: Mapping[str, float],
        groups: Mapping[str, Group] | None = None,
        sigma: float | None = None,
        family: str | Family = "gaussian",
        shape: Mapping[str, float] | None = None,
    ) -> None:
        chosen = family_of(family)
        if isinstance(chosen, Quasi):
            raise DataError(f"the {chosen.name} family names no distribution, so nothing can be drawn from it")
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
        object.__setattr__(self, "fixed", Named(values, "coefficient"))
        object.__setattr__(self, "groups", Named(named, "grouping factor"))
        dispersed = any(name.startswith("disp: ") for name in values)
        object.__setattr__(self, "sigma", _sigma(chosen, sigma, dispersed))
        object.__setattr__(self, "family", chosen)
        object.__setattr__(self, "shape", Named(_shape(chosen, shape, dispersed), "shape"))

    def __repr__(self) -> str:
        return self.to_text()

    def replace(
        self,
        *,
        fixed: Mapping[str, float] | None = None,
        groups: Mapping[str, Group] | None = None,
        sigma: float | None = None,
        family: str | Family | None = None,
        shape: Mapping[str, float] | None = None,
    ) -> Truth:
        """Another truth that differs in what is given; what is not mentioned keeps its value.

        With another family, sigma and the shapes that it does not have are gone.

        >>> truth = Truth({"(Intercept)": 0}, {"g": Group({"(Intercept)": 1})}, sigma=1)
        >>> truth.replace(groups={"g": truth.groups["g"].replace(distribution="t(4)")}).groups["g"].distribution
        't(4)'
        """
        chosen = self.family if family is None else family_of(family)
        kept = {name: value for name, value in self.shape.items() if name in stated_shapes(chosen, self.dispersed)}
        return Truth(
            {**self.fixed, **by_name("fixed", fixed or {}, "{'(Intercept)': 0}")},
            {**self.groups, **by_name("groups", groups or {}, "{'participant': Group(sd=1)}")},
            self.sigma if sigma is None and has_sigma(chosen) else sigma,
            chosen,
            {**kept, **by_name("shape", shape or {}, "{'size': 2}")},
        )

    def part(self, component: str) -> tuple[dict[str, float], dict[str, Group]]:
        """Coefficients and groups of the mean, `"cond"`, the zero inflation, `"zi"`, or the dispersion, `"disp"`."""

        def own(named: Mapping[str, T]) -> dict[str, T]:
            return {bare: value for name, value in named.items() for of, bare in [split(name)] if of == component}

        return own(self.fixed), own(self.groups)

    @property
    def dispersed(self) -> bool:
        """Whether the dispersion has a model."""
        return bool(self.part("disp")[0])

    @property
    def parameters(self) -> Floats:
        """(s,) parameters of the family besides the mean, in its own order; NaN for one that has a model."""
        if self.sigma is not None:
            return np.array([self.sigma**2])
        given = zip(self.family.shape_names, self.family.given_shape().tolist(), strict=True)
        return np.array([self.shape.get(name, value) for name, value in given], np.float64)

    def sections(self) -> tuple[Section, ...]:
        """Fixed effects; standard deviations and correlations, as a fit shows them; words on what is not normal."""
        shapes = tuple([Line(f"{name.capitalize()}: {value:g}") for name, value in self.shape.items()])
        return (
            Section(f"Truth of {_called(self.family)} response", ()),
            *_part_sections(*self.part("cond"), self.sigma, ""),
            *([Section("", shapes)] if shapes else []),
            *_part_sections(*self.part("zi"), None, "Zero-inflation model, "),
            *_part_sections(*self.part("disp"), None, "Dispersion model, "),
        )

    def to_frame(self, backend: str = "pandas") -> Any:
        """A frame with a row for each number: `effect`, `group`, `level`, `term`, `value`; names are those of `tidy()`.

        `effect` is "fixed", "ran_pars" for standard deviations and correlations, "ran_vals" for stated effects, "shape"
        for parameters of the family.
        """
        rows: list[tuple[str, str | None, str | None, str, float]] = [
            ("fixed", None, None, name, value) for name, value in self.fixed.items()
        ]
        for name, group in self.groups.items():
            rows += [
                ("ran_pars" if level is None else "ran_vals", name, level, term, value)
                for term, level, value in group.rows()
            ]
        if self.sigma is not None:
            rows.append(("ran_pars", "Residual", None, "sd__Observation", self.sigma))
        rows += [("shape", None, None, name, value) for name, value in self.shape.items()]
        heads = ("effect", "group", "level", "term", "value")
        return frame(dict(zip(heads, map(list, zip(*rows, strict=True)), strict=True)), backend)


def _part_sections(
    fixed: Mapping[str, float], groups: Mapping[str, Group], sigma: float | None, of: str
) -> Iterator[Section]:
    """Coefficients and effects of one model, headed by what it is a model of."""
    cells = significant(fixed.values(), 5)
    row = named_row(tuple(fixed), cells)
    wide = sum(1 + c.width for c in row.columns) > 81
    table = Table((column("value", cells),), tuple(fixed)) if wide else row
    drawn = tuple(group.term(name) for name, group in groups.items() if group.sd)
    items: list[Item] = [] if sigma is None else [Line(f"Residual standard deviation: {sigma:g}")]
    if drawn:
        items = [VarCorr(drawn, sigma).table(("Std.Dev.",), digits=5, decimals=3)]
    items += [Prose(words) for name, group in groups.items() for words in group.words(name)]
    titles = [f"{of}{title}" if of else title.capitalize() for title in ("fixed effects:", "random effects:")]
    if fixed:
        yield Section(titles[0], (table,))
    if items:
        yield Section(titles[1] if drawn else "", tuple(items))


def has_sigma(family: Family) -> bool:
    """Whether the spread of a response around its mean is stated as sigma."""
    return family.name == "gaussian"


def stated_shapes(family: Family, dispersed: bool = False) -> tuple[str, ...]:
    """The shapes of a family that a truth has to state: those that are not given with it and have no model."""
    if has_sigma(family):
        return ()
    given = zip(family.shape_names, family.given_shape().tolist(), strict=True)
    return tuple([name for name, value in given if np.isnan(value)])[dispersed:]


def split(name: str) -> tuple[str, str]:
    """Of which model a coefficient or group is, and what it is called there.

    >>> split("zi: x"), split("x")
    (('zi', 'x'), ('cond', 'x'))
    """
    component, found, bare = name.partition(": ")
    return (component, bare) if found and component in PARTS else ("cond", name)


def _sigma(family: Family, sigma: float | None, dispersed: bool) -> float | None:
    if dispersed and not family.shape_names:
        raise DataError(f"the {family.name} family has no dispersion that a model, 'disp: ...', could describe")
    if dispersed and has_sigma(family):
        if sigma is not None:
            raise DataError("the truth has sigma and a model of the dispersion, 'disp: ...'; state one of them")
        return None
    if not has_sigma(family):
        if sigma is not None:
            needs = stated_shapes(family)
            state = f"; state its shape: {_example(needs)}" if needs else ""
            raise DataError(f"sigma is that of a gaussian response; the {family.name} family has none{state}")
        return None
    if sigma is None:
        raise DataError("a gaussian truth needs sigma, the residual standard deviation")
    return number("sigma", sigma, positive=True)


def _shape(family: Family, given: Mapping[str, float] | None, dispersed: bool) -> dict[str, float]:
    names = stated_shapes(family, dispersed)
    stated = by_name("shape", given or {}, "{'size': 2}")
    for name in stated:
        if name not in names:
            has = f"it has {listed(names)}" if names else "nothing besides its mean is to be stated"
            raise DataError(f"the {family.name} family has no shape {name!r} to state{nearest(name, names)} ({has})")
    if absent := [name for name in names if name not in stated]:
        raise DataError(f"a truth of the {family.name} family needs its {absent[0]}: shape={_example(names)}")
    values = {name: number(f"the shape {name!r}", stated[name]) for name in names}
    for name, value in values.items():
        if value <= 0:
            raise DataError(f"the shape {name!r} is {value:g}; expected a positive number")
    whole = zip(family.shape_names, family.given_shape().tolist(), strict=True)
    known = [values.get(name, 1.0 if dispersed and i == 0 else value) for i, (name, value) in enumerate(whole)]
    if values and not family.possible_shape(np.array(known)):
        raise DataError(f"the shape of the {family.name} family is {values}; expected {family.shape_range}")
    return values


def _example(names: Iterable[str]) -> str:
    return "{" + ", ".join(f"{name!r}: 1" for name in names) + "}"


def _called(family: Family) -> str:
    """`a gaussian`, `an inverse_gaussian(log)`: with its article, and the link where it is not the usual one."""
    text = family.name if str(family) == "gaussian(identity)" else str(family)
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def listed(names: Iterable[str]) -> str:
    """`'(Intercept)', 'days'`."""
    return ", ".join(map(repr, names))
