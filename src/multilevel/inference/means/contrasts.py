"""Weights of contrasts over the rows of a table of means, and the columns that name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...data.sums import Floats
from ...errors import InferenceError
from .averaging import Key, text_key
from .families import Method, Options, family, methods_of

Rows = NDArray[np.intp]
MANY = 300  # means, of which all pairs are compared


class Contrasts(NamedTuple):
    """Weights W (c, k) on the rows, what names the contrasts, and their names as ratios (none if they have none).

    `pairs_of` is the number of means of one table if these are all their pairwise differences.
    """

    W: Floats
    keys: tuple[Key, ...]
    ratios: tuple[str, ...]
    adjust: str
    pairs_of: int | None


def contrasts(
    own: Sequence[Key],
    group: Sequence[Key],
    tables: Sequence[Rows],
    method: Method,
    interaction: Any,
    options: Options,
) -> Contrasts:
    """Contrasts among the rows of each table; `own` columns name rows in it, `group` columns the table."""
    if method in ("pairwise", "revpairwise") and interaction is None:
        _check_size(tables)
    made = [_of_table(own, rows, method, interaction, options) for rows in tables]
    k = len((*own, *group)[0].labels)
    W = np.zeros((sum(len(one.W) for one in made), k))
    at = 0
    for one, rows in zip(made, tables, strict=True):
        W[at : at + len(one.W), rows] = one.W
        at += len(one.W)
    named = [_stacked([one.keys[i] for one in made]) for i in range(len(made[0].keys))]
    repeated = np.repeat([rows[0] for rows in tables], [len(one.W) for one in made])
    sizes = {one.pairs_of for one in made}
    return Contrasts(
        W,
        (*named, *(key.taken(repeated) for key in group)),
        tuple(name for one in made for name in one.ratios),
        made[0].adjust,
        sizes.pop() if len(sizes) == 1 else None,
    )


def rescaled(W: Floats, tables: int, scale: Any, offset: Any) -> tuple[Floats, Floats]:
    """Weights of the contrasts of some tables times `scale`, and (rows,) what is added: one number, or one for each
    contrast of a table.
    """
    count, made = len(W) // tables, []
    for name, given in (("scale", scale), ("offset", offset)):
        try:
            values = np.array(given, np.float64)
        except (TypeError, ValueError):
            values = np.array([np.nan])
        if values.shape not in ((), (count,)) or not np.isfinite(values).all():
            raise InferenceError(
                f"{name} is {given!r:.60}; expected a finite number, or one for each of {count} contrasts"
            )
        made.append(np.tile(np.broadcast_to(values, (count,)), tables))
    if count * tables != len(W) and (np.ndim(scale) or np.ndim(offset)):
        raise InferenceError("tables differ in size; give one number as scale and offset")
    factor, added = (m if len(m) == len(W) else np.full(len(W), m[0]) for m in made)
    if (factor == 1.0).all() and not added.any():
        return W, added
    return factor[:, None] * W, added


def _check_size(tables: Sequence[Rows]) -> None:
    means = max(map(len, tables))
    if means > MANY:
        raise InferenceError(
            f"{means} means have {means * (means - 1) // 2} pairs; ask for fewer means with at=, or for another "
            'family, such as "eff" or "trt.vs.ctrl"'
        )


def _of_table(own: Sequence[Key], rows: Rows, method: Method, interaction: Any, options: Options) -> Contrasts:
    if interaction is not None:
        return _products(own, rows, interaction)
    labels = [" ".join(key.written(i) for key in own) for i in rows.tolist()]
    made, ratios = family(method, labels, options), family(method, labels, options, " / ")
    return Contrasts(made.weights, (text_key("contrast", made.names),), ratios.names, made.adjust, made.pairs)


def _products(own: Sequence[Key], rows: Rows, interaction: Any) -> Contrasts:
    """Contrasts of contrasts: the Kronecker product of one family for each factor, the first varying fastest."""
    methods = methods_of(interaction, [key.name for key in own])
    by_name = {key.name: key.taken(rows) for key in own}
    taken = [by_name[name] for name in methods]
    levels = [list(dict.fromkeys(key.labels)) for key in taken]
    if len(rows) != np.prod([len(level) for level in levels]):
        raise InferenceError("interaction contrasts need every combination of the factors; some are missing here")
    order = np.lexsort([[level.index(x) for x in key.labels] for key, level in zip(taken, levels, strict=True)])
    W: Floats = np.ones((1, 1))
    names = [tuple[str, ...]()]
    for level, method in zip(levels, methods.values(), strict=True):
        made = family(method, level)
        W = np.asarray(np.kron(made.weights, W), np.float64)
        names = [(*before, name) for name in made.names for before in names]
    full = np.zeros_like(W)
    full[:, order] = W
    heads = [f"{name}_{m if isinstance(m, str) else 'custom'}" for name, m in methods.items()]
    columns = zip(*names, strict=True)
    return Contrasts(full, tuple(map(text_key, heads, columns)), (), "none", None)


def _stacked(parts: Sequence[Key]) -> Key:
    """The same column of several tables, one below the other; contrasts have names only."""
    return text_key(parts[0].name, [label for part in parts for label in part.labels])
