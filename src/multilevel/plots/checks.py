"""Panels that ask whether a model looks like its data: residuals, and data simulated from the fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    after_stat,
    facet_wrap,
    geom_hline,
    geom_line,
    geom_point,
    geom_ribbon,
    ggplot,
    labs,
    scale_alpha_manual,
    scale_color_manual,
    scale_size_manual,
    scale_y_continuous,
    theme,
)
from plotnine.themes.elements import element_blank

from ..data.rows import read_columns
from ..errors import DataError, InferenceError
from ..formula.levels import labelled
from .look import (
    BLUE,
    COLOURED,
    DRAWN,
    GREY,
    INK,
    VERMILLION,
    Floats,
    colours,
    look,
    one_word,
    smooth,
    thinned,
    thinned_words,
)
from .stats import stat_slab

Kind: TypeAlias = Literal["all", "fitted", "qq", "scale", "ranef"]
KINDS = ("all", "fitted", "qq", "scale", "ranef")
TITLES = {
    "fitted": ("Residuals against fitted values", "fitted values", "residuals"),
    "qq": ("Residuals against normal quantiles", "normal quantiles", "scaled residuals"),
    "scale": ("Size of residuals against fitted values", "fitted values", "√|scaled residuals|"),
    "ranef": ("Random effects against normal quantiles", "normal quantiles", "standardised random effects"),
}
SIMULATIONS = 20  # curves of simulated data


def residuals(m: Any, kind: Kind = "all") -> ggplot:
    """What is left over, looked at from several sides.

    `"fitted"`: residuals against fitted values, a curve through them should be flat; `"qq"`: scaled residuals against
    normal quantiles, with the 95 % band of a normal sample, point by point; `"scale"`: the root of their size against
    fitted values, flat if the variance is constant; `"ranef"`: the same as `"qq"` for the random effects, a panel for
    each; `"all"`: all of them.

    Parameters
    ----------
    m : what `lm` or `lmer` returns.
    kind : one of these. Default: all.

    Raises
    ------
    DataError : the kind is none of these, or `m` is no model.
    InferenceError : `"ranef"` of a model without random effects that vary.

    >>> from multilevel import datasets, lmer, plots
    >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy"))
    >>> picture = plots.residuals(m, "qq")
    """
    one_word("kind", kind, KINDS)
    _check_verbs(m, "residuals", ("fitted", "residuals"))
    whole = kind == "all"
    panels: list[_Panel] = []
    if kind != "ranef":
        fitted, r, scaled = (np.asarray(v) for v in (m.fitted(), m.residuals(), m.residuals("scaled")))
        known = np.isfinite(fitted) & np.isfinite(scaled) & _that_count(m, len(fitted))
        fitted, r, scaled = fitted[known], r[known], scaled[known]
        makers: dict[str, Callable[[str], _Panel]] = {
            "fitted": lambda title: _cloud(title, fitted, r, 0.0),
            "qq": lambda title: _quantiles(title, scaled),
            "scale": lambda title: _cloud(title, fitted, np.sqrt(np.abs(scaled)), None),
        }
        panels += [make(TITLES[name][0]) for name, make in makers.items() if whole or kind == name]
    if whole or kind == "ranef":
        panels += _of_random_effects(m, whole)
    if not panels:
        raise InferenceError(
            "this model has no random effects that vary, so there is nothing to compare with quantiles"
        )
    points, curves, bands, flats = (pd.concat([panel[i] for panel in panels], ignore_index=True) for i in range(4))
    order = list(dict.fromkeys(points["panel"]))
    for frame in (points, curves, bands, flats):
        frame["panel"] = pd.Categorical(frame["panel"], order)
    few = len(points) < 1500
    _, x, y = TITLES[kind] if not whole else ("", "", "")
    columns = min(len(order), 2 if whole else 3)
    rows = -(-len(order) // columns)
    size = (3.6 * columns + 0.6, 2.9 * rows + 0.4) if len(order) > 1 else (5.2, 4.2)
    hidden = {} if len(order) > 1 else {"strip_text_x": element_blank()}
    return (
        ggplot(points, aes("x", "y"))
        + facet_wrap("panel", ncol=columns, scales="free")
        + geom_ribbon(aes("x", ymin="lower", ymax="upper"), bands, fill=GREY, alpha=0.2, inherit_aes=False)
        + geom_hline(aes(yintercept="at"), flats, color=GREY, linetype="dashed", size=0.5)
        + geom_line(aes("x", "middle"), bands, color=GREY, size=0.5)
        + geom_point(color=BLUE, alpha=0.7 if few else 0.3, size=1.9 if few else 1.0, stroke=0)
        + geom_line(data=curves, color=VERMILLION, size=0.9)
        + labs(x=x, y=y, caption=thinned_words(len(m.fitted())))
        + look(*size)
        + theme(**hidden)
    )  # fmt: skip


def _that_count(m: Any, n: int) -> Any:
    """(n,) whether a row of the data has a weight; rows of weight zero have no residual to speak of."""
    fit = getattr(m, "_fit", None)
    counted = getattr(fit, "counted", None)
    if fit is None or counted is None:
        return np.ones(n, bool)
    which = np.zeros(n, bool)
    which[counted if fit.rows.kept is None else fit.rows.kept[counted]] = True
    return which


_Panel: TypeAlias = "tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]"  # points, curve, band, flat line


def _panel(title: str, points: Any, curve: Any = None, band: Any = None, flat: Any = None) -> _Panel:
    empty: dict[str, list[float]] = {"x": [], "y": []}
    frames = (
        points,
        curve or empty,
        band or {"x": [], "lower": [], "middle": [], "upper": []},
        flat or {"at": []},
    )
    made = [pd.DataFrame(frame, dtype=float).assign(panel=title) for frame in frames]
    return made[0], made[1], made[2], made[3]


def _cloud(title: str, x: Floats, y: Floats, flat: float | None) -> _Panel:
    """Points with a curve through them."""
    shown = thinned(len(x))
    curve = smooth(x[shown], y[shown]) if len(np.unique(x)) > 2 else (x[:0], y[:0])
    points = {"x": x[shown], "y": y[shown]}
    return _panel(title, points, {"x": curve[0], "y": curve[1]}, None, None if flat is None else {"at": [flat]})


def _quantiles(title: str, values: Floats) -> _Panel:
    """Ordered values against normal quantiles, with the line through the quartiles and the band of a normal sample.

    The i-th of n ordered uniform values is Beta(i, n + 1 - i); its 2.5 % and 97.5 % quantiles, taken through the normal
    quantile function, are the limits (David & Nagaraja 2003, Order Statistics, section 2.3).
    """
    from scipy.special import betaincinv, ndtri

    ordered, n = np.sort(values), len(values)
    rank = np.arange(1, n + 1)
    q = ndtri((rank - 0.5) / n)
    shown = np.unique(np.linspace(0, n - 1, min(n, DRAWN)).round().astype(int))  # the extremes among them
    at, kept = q[shown], rank[shown]
    low, high = np.quantile(ordered, (0.25, 0.75))
    slope = (high - low) / (ndtri(0.75) - ndtri(0.25)) if n > 1 else 1.0
    middle = (low + high) / 2
    lower, upper = (ndtri(betaincinv(kept, n + 1 - kept, p)) for p in (0.025, 0.975))
    band = {"x": at, "lower": middle + slope * lower, "middle": middle + slope * at, "upper": middle + slope * upper}
    return _panel(title, {"x": at, "y": ordered[shown]}, None, band)


def _of_random_effects(m: Any, named: bool) -> list[_Panel]:
    """A panel for each effect, in units of its standard deviation; what does not vary has none."""
    panels = []
    for table in m.ranef().tables if hasattr(m, "ranef") else ():
        for k, name in enumerate(table.names):
            values = table.estimates[:, k]
            sd = values.std()
            if len(values) > 1 and sd > 1e-8 * (np.abs(table.errors[:, k]).max() or 1.0):
                title = f"{table.group}: {name}"
                panels.append(_quantiles(f"Random effects of {title}" if named else title, values / sd))
    return panels


# ---- simulated data -------------------------------------------------------------------------------------------------


def simulated(m: Any, *, by: str | None = None, n: int = SIMULATIONS, seed: Any = 1) -> ggplot:
    """The data beside data simulated from the fit: does the model make what was measured?

    With few groups a density for each of them, of the data, of data simulated for the same groups and of data simulated
    for new ones. With many, the density of all data as a line over those of `n` simulations.

    Parameters
    ----------
    m : what `lm` or `lmer` returns.
    by : name of a column whose levels have a density each. Default: the first grouping factor if it has at most seven
        levels; `lm` has none.
    n : simulations that are drawn where the groups are not; 20.
    seed : as for numpy.random.default_rng. Default 1: the same picture every time.

    Raises
    ------
    DataError : `m` is no model, `by` is no column or has more than seven levels, or `n` is no number of simulations.

    >>> from multilevel import datasets, lmer, plots
    >>> m = lmer("y ~ 1 + (1 | participant)", datasets.load("tutorial_d2"))
    >>> picture = plots.simulated(m)
    """
    _check_verbs(m, "simulated", ("simulate", "fitted", "residuals"))
    if not (isinstance(n, int | np.integer) and n >= 1):
        raise DataError(f"n is {n!r}; expected the number of simulations, 1 or more")
    y = np.asarray(m.fitted()) + np.asarray(m.residuals())
    sources: dict[str, dict[str, Any]] = {"simulated": {}}
    if hasattr(m, "ranef"):
        sources = {"simulated, same groups": {"groups": "same"}, "simulated, new groups": {"groups": "new"}}
    label = m.design.formula.response_text
    groups = _groups(m, by)
    if groups is None:
        return _overlaid(m, y, sources, int(n), seed, label)
    name, values, levels = groups
    drawn = {"data": y, **{what: m.simulate(1, seed=seed, **how)[:, 0] for what, how in sources.items()}}
    frame = pd.concat([pd.DataFrame({"what": what, "y": column, "by": values}) for what, column in drawn.items()])
    frame["what"] = pd.Categorical(frame["what"], list(drawn))
    frame["by"] = pd.Categorical(frame["by"], levels)
    picture: ggplot = (
        ggplot(frame.dropna(), aes(x="y", fill="by"))
        + facet_wrap("what", ncol=1)
        + stat_slab(alpha=0.4)
        + colours(len(levels))[1]
        + scale_y_continuous(expand=(0, 0, 0.05, 0))
        + labs(x=label, y="", fill=name)
        + look(6.4, 1.5 * len(drawn) + 1.2, grid="x")
        + _without_densities()
    )
    return picture


def _overlaid(m: Any, y: Floats, sources: dict[str, dict[str, Any]], n: int, seed: Any, label: str) -> ggplot:
    """One density of the data over those of several simulations."""
    pieces = []
    for what, how in sources.items():
        many = m.simulate(n, seed=seed, **how)
        for i in range(n):
            pieces.append(pd.DataFrame({"what": what, "curve": str(i), "source": "simulated", "y": many[:, i]}))
        pieces.append(pd.DataFrame({"what": what, "curve": "data", "source": "data", "y": y}))
    frame = pd.concat(pieces, ignore_index=True).dropna()
    frame["what"] = pd.Categorical(frame["what"], list(sources))
    frame["source"] = pd.Categorical(frame["source"], ["data", "simulated"])
    curve = aes(x="y", y=after_stat("density"), group="curve", color="source", size="source", alpha="source")
    return (
        ggplot(frame, curve)
        + facet_wrap("what", ncol=1)
        + geom_line(data=frame[frame["source"] == "simulated"], stat="density")
        + geom_line(data=frame[frame["source"] == "data"], stat="density")
        + scale_color_manual({"simulated": BLUE, "data": INK})
        + scale_size_manual({"simulated": 0.4, "data": 1.0})
        + scale_alpha_manual({"simulated": 0.6, "data": 1.0})
        + scale_y_continuous(expand=(0, 0, 0.05, 0))
        + labs(x=label, y="", color="", size="", alpha="")
        + look(6.4, 2.0 * len(sources) + 1.2, grid="x")
        + _without_densities()
    )


def _without_densities() -> theme:
    """The height of a density says nothing that its shape does not."""
    blank = element_blank()
    return theme(axis_text_y=blank, axis_ticks_y=blank, axis_line_y=blank, axis_title_y=blank)


def _groups(m: Any, by: str | None) -> tuple[str, Any, Sequence[str]] | None:
    """The name, the values (rows of the data,) and the levels of what densities are drawn for."""
    if by is None:
        parts = m._fit.rows.random if hasattr(m, "ranef") else ()
        few = [part for part in parts if part.n_levels <= COLOURED]
        if not few:
            return None
        rows = m._fit.rows
        values = np.full(rows.n_total, None, object)
        values[slice(None) if rows.kept is None else rows.kept] = np.array(few[0].levels, object)[few[0].codes]
        return few[0].group, values, few[0].levels
    if m._data is None:
        raise DataError("the data did not travel with this copy of the fit, for they were a query on a connection")
    codes, levels = labelled(read_columns(m._data, [by])[by])
    if len(levels) > COLOURED:
        raise DataError(f"by={by!r} has {len(levels)} levels; expected {COLOURED} at most, to tell their colours apart")
    return by, np.array([*levels, None], object)[codes], levels


def _check_verbs(m: Any, panel: str, verbs: Sequence[str]) -> None:
    if not all(callable(getattr(m, verb, None)) for verb in verbs):
        raise DataError(f"{panel} takes a model, as lm and lmer return it; found {type(m).__name__}")
