"""Which linear functions the data determine when some columns of X are determined by others.

l'beta is estimable when l lies in the row space of X, that is when N'l = 0 for a basis N of X's null space
(Searle 1971, Linear Models, section 5.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...data.sums import Floats
from ...models.estimate import Fit

TOLERANCE = 1e-8  # share of l'l outside the row space


@dataclass(frozen=True, eq=False)
class Estimability:
    """The null space N (columns of X, d) of X, with all columns at unit length, and which columns the fit has kept."""

    null: Floats
    lengths: Floats  # (columns of X,)
    kept: tuple[int, ...]

    def of(self, L: Floats) -> NDArray[np.bool_]:
        """(k,) whether each function L (k, columns of X) is estimable; NaN never is."""
        scaled = L / self.lengths
        known = np.logical_and.reduce(np.isfinite(L), axis=1)
        outside = np.square(np.where(known[:, None], scaled, 0.0) @ self.null).sum(axis=1)
        inside: NDArray[np.bool_] = known & (outside <= TOLERANCE * np.square(scaled).sum(axis=1))
        return inside

    def within(self, L: Floats) -> Floats:
        """A basis (r, columns of X) of the estimable functions that are combinations of L (k, columns of X)."""
        L = L[np.isfinite(L).all(axis=1)]
        if not self.null.shape[1] or not len(L):
            return L
        scaled = L / self.lengths
        sizes = np.linalg.norm(scaled, axis=1)
        scaled, L = scaled[sizes > 0], L[sizes > 0]
        if not len(L):
            return L
        outside = (scaled / np.linalg.norm(scaled, axis=1)[:, None]) @ self.null
        left, sizes, _ = np.linalg.svd(outside, full_matrices=True)
        rank = int(np.count_nonzero(sizes**2 > TOLERANCE))
        combined: Floats = left[:, rank:].T @ (L / np.linalg.norm(scaled, axis=1)[:, None])
        return combined


def estimability(fit: Fit) -> Estimability:
    """Which functions of a fit's coefficients are estimable."""
    columns = fit.rows.X if fit.counted is None else tuple([x.take(fit.counted) for x in fit.rows.X])
    count = len(columns)
    kept = fit.kept
    if len(kept) == count:
        return Estimability(np.zeros((count, 0)), np.ones(count), kept)
    X = np.column_stack(columns)
    lengths = np.linalg.norm(X, axis=0)
    lengths[lengths == 0] = 1.0
    dropped = [j for j in range(count) if j not in set(kept)]
    R: Floats = np.linalg.qr(X[:, [*kept, *dropped]] / lengths[[*kept, *dropped]]).R
    p = len(kept)
    null = np.zeros((count, len(dropped)))
    null[list(kept)] = np.linalg.solve(R[:p, :p], R[:p, p:])
    null[dropped, range(len(dropped))] = -1.0
    return Estimability(np.linalg.qr(null)[0], lengths, kept)
