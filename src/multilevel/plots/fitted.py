"""The panel of one predictor: fitted lines with bands, over the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    geom_errorbar,
    geom_jitter,
    geom_line,
    geom_point,
    geom_ribbon,
    ggplot,
    labs,
)
from plotnine.positions import position_dodge, position_jitterdodge

from ..data.rows import read_columns
from ..errors import DataError, InferenceError
from ..families import Truncated
from ..formula import Column
from ..formula.levels import labelled
from ..formula.parse import Call, deparse
from ..inference.levels import normal_quantile
from ..labelled import unknown_name
from ..models.estimate import Fit
from ..models.generalized import GeneralizedFit
from ..models.predictor import fixed_part, random_part
from .look import BLUE, COLOURED, GREY, colours, level_in, look, thinned, thinned_words

FINE = 80  # places along a line
MOST_CELLS = 5000  # combinations of the levels of other factors that are averaged
LINES = 60  # groups that have a faint line each


def effects(m: Any, x: str, by: str | None = None, *, level: float = 0.95, groups: bool = True) -> ggplot:
    """The fitted mean along one predictor, with a band, over the data.

    Other numbers are held at their mean, other factors averaged over their levels, each counting the same. The line is
    the population's; faint lines are those of the first grouping factor's levels, at the means of their own rows, where
    there are at most 60, no other factors, and the predictor varies within them. The dots are the rows as measured.
    Of generalized models these are averages of linear predictors, taken to the scale of the response.

    Parameters
    ----------
    m : what `lm`, `lmer`, `glm` or `glmer` returns.
    x : a column of the fixed effects, of numbers or levels.
    by : a second column, of at most seven levels, that has a line for each. Default: none.
    level : of the band: t with the residual degrees of freedom where `lm` or `glm` estimate a dispersion, else normal.
        Default 0.95.
    groups : whether groups have faint lines. Default: yes.

    Raises
    ------
    DataError : `m` is no model, or `by` has too many levels.
    InferenceError : a name is no column of the fixed effects, or zeros are inflated.

    >>> from multilevel import datasets, lmer, plots
    >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy"))
    >>> picture = plots.effects(m, "days")
    """
    reach_level = level_in(level)
    fit = getattr(m, "_fit", None)
    if not isinstance(fit, Fit):
        raise DataError(f"effects takes a model, as lm, lmer, glm and glmer return it; found {type(m).__name__}")
    if m._data is None:
        raise DataError("the data did not travel with this copy of the fit, for they were a query on a connection")
    columns = read_columns(m._data, list(fit.design.formula.predictors()))
    known = fit.design.formula.predictors(random=False)
    for name in (x, by):
        if name is not None and name not in known:
            raise unknown_name("column of the fixed effects", name, known)
    if by == x:
        raise DataError(f"by and x are both {x!r}; expected two different columns")
    mean = _mean_of(fit)
    axes = _Axes.of(columns, x, by, known)
    line = axes.population(fit)
    half = _reach(fit, reach_level) * line["error"]
    line = line.assign(fit=mean(line["fit"]), lower=mean(line["fit"] - half), upper=mean(line["fit"] + half))
    rows = _measured(fit, columns, x, by)
    shown = rows.iloc[thinned(len(rows))]
    picture = _along_numbers if axes.is_number else _along_levels
    faint = axes.of_groups(fit) if groups and axes.is_number and by is None else None
    faint = None if faint is None else faint.assign(fit=mean(faint["fit"]))
    return (
        picture(line, shown, faint, by)
        + (colours(len(axes.by_levels)) if by else [])
        + labs(x=x, y=_label(fit), caption=thinned_words(len(rows)),
               **({"color": by, "fill": by} if by else {}))
        + look(6.4, 4.6)
    )  # fmt: skip


def _mean_of(fit: Fit) -> Callable[[pd.Series], Any]:
    """From linear predictors to means of the response."""
    if not isinstance(fit, GeneralizedFit):
        return lambda eta: eta
    if fit.inflation is not None:
        raise InferenceError(
            "effects of a fit with inflated zeros: not yet; see its means, "
            'plots.means(m.emmeans("x", component="response"))'
        )
    if isinstance(fit.family, Truncated) and fit.shape.ndim == 2:
        raise InferenceError("effects of truncated families with a model of the dispersion: not yet; leave it out")
    family, shape = fit.family, fit.shape
    return lambda eta: family.mean_at(eta.to_numpy(), shape)


def _label(fit: Fit) -> str:
    """What the axis of the response says."""
    response = fit.design.formula.response
    assert response is not None
    if isinstance(fit, GeneralizedFit) and fit.paired and isinstance(response.node, Call):
        return f"proportion of {deparse(response.node.arguments[0][1])}"
    return response.text


def _along_numbers(line: pd.DataFrame, rows: pd.DataFrame, faint: pd.DataFrame | None, by: str | None) -> ggplot:
    ink: dict[str, Any] = {} if by else {"color": BLUE}
    fill: dict[str, Any] = {} if by else {"fill": BLUE}
    split = aes(color="by", fill="by") if by else aes()
    return (
        ggplot(line, aes("x", "fit"))
        + geom_point(aes("x", "y", **split), rows, alpha=0.6, size=1.8, stroke=0, inherit_aes=False,
                     **({} if by else {"color": GREY}))
        + ([] if faint is None else geom_line(aes(group="group"), faint, color=BLUE, alpha=0.3, size=0.4))
        + geom_ribbon(aes(ymin="lower", ymax="upper", **_only(split, "fill")), alpha=0.22, **fill)
        + geom_line(split, size=1.1, **ink)
    )  # fmt: skip


def _along_levels(line: pd.DataFrame, rows: pd.DataFrame, faint: pd.DataFrame | None, by: str | None) -> ggplot:
    ink: dict[str, Any] = {} if by else {"color": BLUE}
    split = aes(color="by", group="by") if by else aes(group=1)
    spread = (
        position_jitterdodge(jitter_width=0.25, jitter_height=0, dodge_width=0.5, random_state=1)
        if by else None
    )  # fmt: skip
    dodge: dict[str, Any] = {"position": position_dodge(width=0.5)} if by else {}
    cloud = (
        geom_point(aes("x", "y", **split), rows, alpha=0.5, size=1.6, stroke=0, inherit_aes=False, position=spread)
        if by
        else geom_jitter(aes("x", "y"), rows, alpha=0.6, size=1.6, stroke=0, color=GREY, width=0.15, height=0,
                         random_state=1, inherit_aes=False)
    )  # fmt: skip
    return (
        ggplot(line, aes("x", "fit", **split))
        + cloud
        + geom_errorbar(aes(ymin="lower", ymax="upper"), width=0.12, size=0.9, **ink, **dodge)
        + geom_point(size=2.6, **ink, **dodge)
    )


def _only(mapping: aes, name: str) -> dict[str, Any]:
    return {name: mapping[name]} if name in mapping else {}


@dataclass(frozen=True)
class _Axes:
    """Where the mean is looked at: along x, for each level of `by`, averaged over the levels of other factors."""

    columns: Mapping[str, Column]
    x: str
    by: str | None
    places: Sequence[Any]  # numbers, or codes of levels
    labels: Sequence[Any]  # the same as they are drawn
    by_levels: tuple[str, ...]
    by_places: Sequence[Any]
    others: tuple[str, ...]  # columns of the fixed effects besides

    @staticmethod
    def of(columns: Mapping[str, Column], x: str, by: str | None, known: Sequence[str]) -> _Axes:
        """The places of x and `by`."""
        places, labels = _places(columns[x])
        by_levels: tuple[str, ...] = ("",)
        by_places: Sequence[Any] = (None,)
        if by is not None:
            by_places, by_levels = _levels(columns[by])
            if len(by_levels) > COLOURED:
                raise DataError(f"by={by!r} has {len(by_levels)} different values; expected {COLOURED} at most")
        others = tuple(name for name in known if name not in (x, by))
        return _Axes(columns, x, by, places, labels, by_levels, by_places, others)

    @property
    def is_number(self) -> bool:
        """Whether x is drawn as a line."""
        return self.columns[self.x].kind == "number"

    def cells(self) -> list[dict[str, Any]]:
        """The combinations of other columns that are averaged: numbers at their mean, each level of each factor."""
        choices = [
            [float(np.nanmean(column.values))]
            if (column := self.columns[name]).kind == "number"
            else _levels(column)[0]
            for name in self.others
        ]
        count = prod(map(len, choices))
        if count > MOST_CELLS:
            raise DataError(
                f"the other factors have {count:,} combinations of levels to average over; "
                f"expected {MOST_CELLS:,} at most"
            )
        return [dict(zip(self.others, chosen, strict=True)) for chosen in product(*choices)]

    def grid(self, cell: Mapping[str, Any], by_place: Any) -> dict[str, Column]:
        """Columns for all places of x, in one cell, at one level of `by`."""
        fixed = {**cell, **({self.by: by_place} if self.by else {})}
        made = {name: _constant(self.columns[name], value, len(self.places)) for name, value in fixed.items()}
        column = self.columns[self.x]
        values = np.array(self.places, np.float64 if self.is_number else column.values.dtype)
        made[self.x] = Column(self.x, column.kind, values, column.levels)
        return made

    def population(self, fit: Fit) -> pd.DataFrame:
        """Mean and standard error along x, for each level of `by`."""
        vcov, kept = fit.estimate.vcov, list(fit.kept)
        cells = self.cells()
        pieces = []
        for label, place in zip(self.by_levels, self.by_places, strict=True):
            rows = [fit.design.matrices(self.grid(cell, place), need_random=False) for cell in cells]
            X = np.mean([row.dense_X()[:, kept] for row in rows], axis=0)
            mean = np.mean([fixed_part(fit, row) for row in rows], axis=0)
            error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", X, vcov, X), 0.0))
            pieces.append(pd.DataFrame({"x": self.labels, "fit": mean, "error": error, "by": label}))
        frame = pd.concat(pieces, ignore_index=True)
        frame["by"] = pd.Categorical(frame["by"], self.by_levels)
        if not self.is_number:
            frame["x"] = pd.Categorical(frame["x"], list(self.labels))
        return frame

    def of_groups(self, fit: Fit) -> pd.DataFrame | None:
        """The lines of the first grouping factor's levels, each where it has data; None where they make no picture."""
        cells = self.cells()
        if not fit.design.random or len(cells) > 1:
            return None
        part = next(p for p in fit.rows.random if p.group == fit.design.formula.random[0].name)
        if part.n_levels > LINES:
            return None
        effects = [b if p.group == part.group else np.zeros_like(b)
                   for p, b in zip(fit.rows.random, fit.estimate.modes, strict=True)]  # fmt: skip
        pieces = []
        for code, level in enumerate(part.levels):
            at = np.flatnonzero(part.codes == code)
            rows = at if fit.rows.kept is None else fit.rows.kept[at]
            own = self.columns[self.x].values[rows]
            if own.min() == own.max():  # what does not vary within a group has no line there
                continue
            made = self.grid(
                {name: _typical(self.columns[name], rows) for name in self.columns if name != self.x}, None
            )
            new = fit.design.matrices(made)
            line = pd.DataFrame({"x": self.places, "fit": fixed_part(fit, new) + random_part(new, effects)})
            pieces.append(line[(line["x"] >= own.min()) & (line["x"] <= own.max())].assign(group=level))
        return pd.concat(pieces, ignore_index=True) if pieces else None


def _typical(column: Column, rows: Any) -> Any:
    """The mean of a number over some rows; of anything else the first value."""
    return float(column.values[rows].mean()) if column.kind == "number" else column.values[rows[0]]


def _places(column: Column) -> tuple[Sequence[Any], Sequence[Any]]:
    if column.kind == "number":
        places = np.linspace(np.nanmin(column.values), np.nanmax(column.values), FINE)
        return places.tolist(), places.tolist()
    return _levels(column)


def _levels(column: Column) -> tuple[list[Any], tuple[str, ...]]:
    """The values of a column that occur, as they are stored, and their names."""
    codes, labels = labelled(column)
    used = np.unique(codes[codes >= 0]).tolist()
    stored = used if column.kind in ("factor", "ordered") else [column.values[codes == code][0] for code in used]
    return stored, tuple(labels[code] for code in used)


def _constant(column: Column, value: Any, n: int) -> Column:
    dtype = np.float64 if column.kind == "number" else column.values.dtype
    return Column(column.name, column.kind, np.full(n, value, dtype), column.levels)


def _measured(fit: Fit, columns: Mapping[str, Column], x: str, by: str | None) -> pd.DataFrame:
    """The rows of the fit: x, y, and `by`."""
    assert fit.rows.y is not None
    kept = slice(None) if fit.rows.kept is None else fit.rows.kept
    frame = pd.DataFrame({"y": fit.rows.y})
    for name, source in (("x", x), ("by", by)):
        if source is None:
            continue
        column = columns[source]
        if name == "x" and column.kind == "number":
            frame["x"] = column.values[kept]
        else:
            codes, labels = labelled(column)
            frame[name] = pd.Categorical.from_codes(codes[kept], labels)
            frame[name] = frame[name].cat.remove_unused_categories()
    return frame


def _reach(fit: Fit, level: float) -> float:
    """Standard errors to either side."""
    if fit.design.random or (isinstance(fit, GeneralizedFit) and not fit.family.estimates_dispersion):
        return normal_quantile(level)
    from scipy.special import stdtrit

    return float(stdtrit(fit.estimate.n - len(fit.kept), (1 + level) / 2))
