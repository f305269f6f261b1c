"""Responses that are 0 or 1, beside simulated ones: shares of ones, for a density of two values says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    facet_wrap,
    geom_col,
    geom_point,
    ggplot,
    labs,
    position_jitter,
    scale_color_manual,
    scale_fill_manual,
    scale_y_continuous,
)

from ..models.generalized import GeneralizedFit
from .curves import overlaid
from .look import BLUE, FAINT, Floats, look

Groups = tuple[str, Any, Sequence[str]] | None


def yes_no(m: Any, y: Floats) -> bool:
    """Whether the model is of a binomial response whose values (rows,) are 0 and 1."""
    fit = getattr(m, "_fit", None)
    known = y[np.isfinite(y)]
    return isinstance(fit, GeneralizedFit) and "binomial" in fit.family.name and set(np.unique(known)) == {0.0, 1.0}


def shares(m: Any, y: Floats, sources: Mapping[str, dict[str, Any]], groups: Groups, n: int, seed: Any) -> ggplot:
    """Shares of ones: a bar for each of a few groups, or curves of how they are spread over many."""
    drawn = {what: m.simulate(n, seed=seed, **how) for what, how in sources.items()}
    ones = _ones(m)
    if groups is None and hasattr(m, "ranef"):
        part, rows = m._fit.rows.random[0], m._fit.rows
        codes = np.full(rows.n_total, -1)
        codes[slice(None) if rows.kept is None else rows.kept] = part.codes
        own = _by_group(y[:, None], codes, part.n_levels)[:, 0]
        spread = {what: (own, _by_group(many, codes, part.n_levels)) for what, many in drawn.items()}
        return overlaid(spread, f"{ones} of each {part.group}", bounds=(0.0, 1.0))
    name, values, levels = groups or ("", np.full(len(y), "all rows", object), ["all rows"])
    codes = pd.Categorical(values, levels).codes.astype(np.int64)
    per_group = {what: _by_group(many, codes, len(levels)) for what, many in drawn.items()}
    return _bars(_by_group(y[:, None], codes, len(levels)), per_group, list(levels), name, ones)


def _ones(m: Any) -> str:
    """What the shares are of: "share of yes"."""
    levels = m.design.response_levels[1:]
    return f"share of {' or '.join(levels)}" if levels else f"share of {m.design.formula.response_text} = 1"


def _by_group(values: Floats, codes: np.ndarray, size: int) -> Floats:
    """(size, n) means of the columns of values (rows, n) by group; rows with a missing value do not count."""
    known = (codes >= 0) & np.isfinite(values).all(axis=1)
    rows = np.bincount(codes[known], minlength=size)
    with np.errstate(invalid="ignore"):
        columns = [np.bincount(codes[known], column[known], size) / rows for column in values.T]
    return np.column_stack(columns)


def _bars(data: Floats, drawn: Mapping[str, Floats], levels: list[str], name: str, ones: str) -> ggplot:
    """A bar for the share of each group in the data (groups, 1), and a point for each simulation (groups, n)."""
    pieces = [
        pd.DataFrame({"group": levels, "share": column, "what": what, "source": source})
        for what, many in drawn.items()
        for source, shares in (("data", data), ("simulated", many))
        for column in shares.T
    ]
    frame = pd.concat(pieces, ignore_index=True)
    frame["what"] = pd.Categorical(frame["what"], list(drawn))
    frame["group"] = pd.Categorical(frame["group"], levels)
    is_data = frame["source"] == "data"
    return (
        ggplot(frame, aes(x="group", y="share"))
        + facet_wrap("what", ncol=1)
        + geom_col(aes(fill="source"), data=frame[is_data], width=0.6)
        + geom_point(
            aes(color="source"), data=frame[~is_data], size=1.2, alpha=0.6,
            position=position_jitter(width=0.12, height=0, random_state=1),
        )
        + scale_fill_manual({"data": FAINT})
        + scale_color_manual({"simulated": BLUE})
        + scale_y_continuous(limits=(0, None), expand=(0, 0, 0.05, 0))
        + labs(x=name, y=ones, fill="", color="")
        + look(6.4 if len(levels) > 1 else 3.6, 2.2 * len(drawn) + 0.8, grid="y")
    )  # fmt: skip
