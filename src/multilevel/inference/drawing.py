"""Responses drawn from a fit, with new random effects: row by row, or as the sums that a refit needs.

Replicate i depends on the seed and on i alone, not on how many there are or on how many threads share them: it has a
generator of its own, child i of the seed (NumPy's SeedSequence).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..data.sums import Floats
from ..models.estimate import Fit
from ..predict import Seed

CHUNK = 1_000_000  # numbers drawn at a time
LARGE = 10  # rows for each number that draws the sums: from here on it is the sums that are drawn


def large(fit: Fit) -> bool:
    """Whether to draw sums: many rows for each level of a single grouping factor."""
    groups = {part.group for part in fit.rows.random}
    numbers = 2 * sum(part.n_levels * len(part.names) for part in fit.rows.random) + len(fit.kept)
    return len(groups) == 1 and fit.estimate.n >= LARGE * numbers


def numbers(size: int, noise_df: float, count: int, seed: Seed) -> Iterator[Floats]:
    """Blocks (r, size + 1): standard normals, and a chi-squared number with `noise_df` degrees of freedom."""
    for block in generators(count, max(1, CHUNK // (size + 1)), seed):
        drawn = np.empty((len(block), size + 1))
        for row, generator in zip(drawn, block, strict=True):
            generator.standard_normal(out=row[:-1])
            row[-1] = generator.chisquare(noise_df) if noise_df > 0 else 0.0
        yield drawn


def responses(fit: Fit, count: int, seed: Seed) -> Iterator[Floats]:
    """Blocks (r, n) of responses less the offset."""
    X, w, sigma = fit.sums.X, fit.sums.weights, fit.estimate.sigma
    rows = fit.estimate.n
    mean = np.zeros(rows)
    for j, b in zip(fit.kept, fit.estimate.beta.tolist(), strict=True):
        mean += b * X[j]
    sd = sigma if w is None else sigma / np.sqrt(w)
    parts = fit.sums.random
    sizes = [part.n_levels * len(part.names) for part in parts]
    for block in generators(count, max(1, CHUNK // (rows + sum(sizes))), seed):
        drawn = np.empty((len(block), sum(sizes) + rows))
        for row, generator in zip(drawn, block, strict=True):
            generator.standard_normal(out=row)
        *effects, noise = np.split(drawn, np.cumsum(sizes), axis=1)
        Y = mean + sd * noise
        for part, factor, u in zip(parts, fit.factors, effects, strict=True):
            b = sigma * (u.reshape(len(Y), part.n_levels, -1) @ factor.T)
            for c, z in enumerate(part.Z):
                Y += z * b[:, :, c].take(part.codes, axis=1)
        yield Y


def generators(count: int, block: int, seed: Seed) -> Iterator[list[np.random.Generator]]:
    """A generator for each replicate, some at a time."""
    entropy = seed.integers(2**32, size=4).tolist() if isinstance(seed, np.random.Generator) else seed
    root = np.random.SeedSequence(entropy)
    for first in range(0, count, block):
        children = root.spawn(min(block, count - first))
        yield [np.random.Generator(np.random.PCG64(child)) for child in children]
