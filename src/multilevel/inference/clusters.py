"""Which rows belong together: clusters from a grouping factor, a column of the data, or an array.

Rows of different clusters are independent under the fitted model. For a mixed model that means that every grouping
factor is nested in the clusters: no level of it has rows in two of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.rows import column_names, read_columns
from ..errors import DataError, InferenceError, nearest
from ..formula import Column
from ..formula.evaluate import missing_rows
from ..formula.levels import Codes, learn_levels
from ..models.estimate import Fit


@dataclass(frozen=True, eq=False)
class Clusters:
    """`codes` (n,) of the rows that count, 0 to `count` - 1; `name` is that of the column, or empty for an array."""

    name: str
    codes: Codes
    count: int

    @property
    def label(self) -> str:
        """As in "18 clusters of subject"."""
        return f"{self.count} clusters" + (f" of {self.name}" if self.name else "")


def clusters_of(fit: Fit, cluster: Any = None, data: Any = None) -> Clusters:
    """The clusters of the rows that count.

    Parameters
    ----------
    fit : of a linear or linear mixed model.
    cluster : name of a grouping factor or of a column of `data`, or an array with one value for each row of the data.
        Default, for mixed models: the outermost grouping factor, in which all others are nested.
    data : the table that the model was fitted to, where `cluster` names a column.

    Raises
    ------
    InferenceError : there is no default, a single cluster, or a random effect that reaches across clusters.
    DataError : the column is not there, has another length, or is missing in rows that count.
    """
    if not fit.kept:
        raise InferenceError("the model has no fixed effects, and robust covariances are theirs alone")
    found = _outermost(fit) if cluster is None else _given(fit, cluster, data)
    if found.count < 2:
        raise InferenceError(
            f"{_named(found)} has one level in the rows of the model; a cluster-robust covariance compares "
            "clusters and needs two at least, better twenty"
        )
    for part in fit.rows.random:
        if not nested(part.codes, part.n_levels, found.codes):
            raise InferenceError(
                f"levels of {part.group} have rows in several clusters, so that the clusters are not independent under "
                f"this model; cluster by a grouping in which {part.group} is nested, or leave {part.written} out"
            )
    return found


def nested(codes: Codes, n_levels: int, outer: NDArray[Any]) -> bool:
    """Whether all rows of a level are in one level of another factor (n,)."""
    home = np.zeros(n_levels, np.int64)
    home[codes] = outer
    return bool((home.take(codes) == outer).all())


def _outermost(fit: Fit) -> Clusters:
    if not fit.rows.random:
        raise InferenceError(
            "a linear model has no grouping factor; say which rows belong together, by the name of a column or an "
            'array with one value for each row: cluster="school"'
        )
    parts = {part.group: part for part in fit.rows.random}
    for part in sorted(parts.values(), key=lambda part: part.n_levels):
        if all(nested(other.codes, other.n_levels, part.codes) for other in parts.values()):
            return Clusters(part.group, part.codes, part.n_levels)
    raise InferenceError(
        f"the grouping factors {' and '.join(parts)} are crossed: none holds whole levels of all others, and no rows "
        'are independent clusters; name a column in which all are nested, if there is one: cluster="school"'
    )


def _given(fit: Fit, cluster: Any, data: Any) -> Clusters:
    if isinstance(cluster, str):
        for part in fit.rows.random:
            if part.group == cluster:
                return Clusters(part.group, part.codes, part.n_levels)
        return _coded(fit, cluster, _column_of(fit, cluster, data))
    return _coded(fit, "", read_columns({"cluster": cluster})["cluster"])


def _column_of(fit: Fit, name: str, data: Any) -> Column:
    groups = list(dict.fromkeys(part.group for part in fit.rows.random))
    known = groups + ([] if data is None else column_names(data))
    if name not in known:
        where = "among the grouping factors or the columns of the data" if groups else "among the columns of the data"
        raise DataError(f"cluster {name!r} not found {where}{nearest(name, known)}")
    return read_columns(data, [name])[name]


def _coded(fit: Fit, name: str, column: Column) -> Clusters:
    total = fit.rows.n_total
    shown = f"cluster {name!r}" if name else "cluster"
    if len(column.values) != total:
        raise DataError(
            f"{shown} has {len(column.values)} values but the data have {total} rows; expected one value for each row"
        )
    values = column.values
    for positions in (fit.rows.kept, fit.counted):
        values = values if positions is None else values.take(positions)
    counting = Column(column.name, column.kind, values, column.levels)
    missing = missing_rows(counting)
    if missing.any():
        raise DataError(
            f"{shown} is missing in {int(missing.sum())} of the {len(values)} rows of the model; fill them, or fit the "
            "model without these rows"
        )
    levels, codes = learn_levels(counting)
    return Clusters(name, codes, len(levels))


def _named(clusters: Clusters) -> str:
    return f"cluster {clusters.name!r}" if clusters.name else "cluster"
