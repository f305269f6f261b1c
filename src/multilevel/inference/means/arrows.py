"""Comparison arrows: of two means the arrows that point to each other overlap unless the means differ significantly.

For means m_1 <= ... <= m_k with margins of error e_ij of their differences, the lengths R_i to the right and L_j to the
left should have R_i + L_j = e_ij for i < j. That is solved by least squares with non-negative lengths, where pairs with
m_j - m_i near e_ij, whose verdict a small error would turn, weigh most.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from ...data.sums import Floats

NEAR = 0.1  # share of the margin of error within which a pair weighs fully


class Arrows(NamedTuple):
    """Lengths (k,) of arrows to the left and right, zero where there is nothing to compare with; `faithful` (k,) is
    whether all comparisons of a mean show as they are tested.
    """

    left: Floats
    right: Floats
    faithful: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def arrows(means: Floats, margins: Floats) -> Arrows:
    """Arrows for means (k,) whose differences have margins of error (k, k); NaN means have none.

    >>> made = arrows(np.array([1.0, 2.0, 5.0]), np.full((3, 3), 1.5))
    >>> made.right.round(2), made.left.round(2), made.faithful.tolist()
    (array([0.75, 0.75, 0.  ]), array([0.  , 0.75, 0.75]), [True, True, True])
    """
    from scipy.optimize import nnls

    k = len(means)
    order = [i for i in np.argsort(means, kind="stable").tolist() if np.isfinite(means[i])]
    pairs = list(combinations(order, 2))
    left, right, faithful = np.zeros(k), np.zeros(k), np.ones(k, np.bool_)
    if not pairs:
        return Arrows(left, right, faithful)
    low, high = np.array(pairs).T
    e, d = margins[low, high], means[high] - means[low]
    weight = 1.0 / np.maximum(np.abs(d - e), NEAR * e)
    rows = np.zeros((len(pairs), 2 * k))
    rows[range(len(pairs)), low] = weight
    rows[range(len(pairs)), k + high] = weight
    ridge = 1e-4 * weight.min() * np.eye(2 * k)  # two arrows that meet alone share their margin
    lengths = nnls(np.vstack([rows, ridge]), np.concatenate([weight * e, np.zeros(2 * k)]))[0]
    right, left = lengths[:k], lengths[k:]
    wrong = (right[low] + left[high] >= d) != (e >= d)
    faithful[low[wrong]] = faithful[high[wrong]] = False
    return Arrows(left, right, faithful)
