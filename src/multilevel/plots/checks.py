"""The panels of residuals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    facet_wrap,
    geom_hline,
    geom_line,
    geom_point,
    geom_ribbon,
    ggplot,
    labs,
    theme,
)
from plotnine.themes.elements import element_blank

from ..errors import InferenceError
from ..families import Quasi
from .look import (
    BLUE,
    DRAWN,
    GREY,
    VERMILLION,
    Floats,
    check_verbs,
    lines_of,
    look,
    one_word,
    smooth,
    thinned,
    thinned_words,
)

Kind: TypeAlias = Literal["all", "fitted", "qq", "scale", "ranef"]
KINDS = ("all", "fitted", "qq", "scale", "ranef")
FEW = 500  # points of a panel that can be large
TITLES = {
    "fitted": ("Residuals against fitted values", "fitted values", "residuals"),
    "qq": ("Residuals against normal quantiles", "normal quantiles", "scaled residuals"),
    "scale": ("Size of residuals against fitted values", "fitted values", "√|scaled residuals|"),
    "ranef": ("Random effects against normal quantiles", "normal quantiles", "standardised random effects"),
}


def residuals(m: Any, kind: Kind = "all") -> ggplot:
    """What is left over, looked at from several sides.

    `"fitted"`: residuals against fitted values, a curve through them should be flat; `"qq"`: scaled residuals against
    normal quantiles, with the 95 % band of a normal sample, point by point; `"scale"`: the root of their size against
    fitted values, flat if the variance is constant; `"ranef"`: the same as `"qq"` for the random effects, a panel for
    each; `"all"`: all of them. Those of generalized models are quantile residuals, normal if the model holds.

    Parameters
    ----------
    m : what `lm`, `lmer`, `glm` or `glmer` returns.
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
    check_verbs(m, "residuals", ("fitted", "residuals"))
    whole = kind == "all"
    panels: list[_Panel] = []
    if kind != "ranef":
        fitted, r, scaled = (np.asarray(v) for v in (m.fitted(), *_residuals(m)))
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
    few = points.groupby("panel", observed=True)["x"].transform("size") < FEW
    _, x, y = TITLES[kind] if not whole else ("", "", "")
    columns = min(len(order), 2 if whole else 3)
    rows = -(-len(order) // columns)
    size = (3.6 * columns + 0.6, 2.9 * rows + 0.4) if len(order) > 1 else (5.2, 4.2)
    hidden = {} if len(order) > 1 else {"strip_text_x": element_blank()}
    return (
        ggplot(points, aes("x", "y"))
        + facet_wrap("panel", ncol=columns, scales="free", labeller=lines_of(42))
        + geom_ribbon(aes("x", ymin="lower", ymax="upper"), bands, fill=GREY, alpha=0.2, inherit_aes=False)
        + geom_hline(aes(yintercept="at"), flats, color=GREY, linetype="dashed", size=0.5)
        + geom_line(aes("x", "middle"), bands, color=GREY, size=0.5)
        + geom_point(data=points[~few], color=BLUE, alpha=0.3, size=1.0, stroke=0)
        + geom_point(data=points[few], color=BLUE, alpha=0.7, size=1.9, stroke=0)
        + geom_line(data=curves, color=VERMILLION, size=0.9)
        + labs(x=x, y=y, caption=thinned_words(len(m.fitted())))
        + look(*size)
        + theme(**hidden)
    )  # fmt: skip


def _residuals(m: Any) -> tuple[Floats, Floats]:
    """Residuals, and those that should be standard normal."""
    family = getattr(m, "family", None)
    if family is None or isinstance(family, Quasi):
        return m.residuals(), m.residuals("scaled")
    quantile = m.residuals("quantile", seed=1)
    return quantile, quantile


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
