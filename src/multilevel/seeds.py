"""Seeds: what starts the random numbers of a design, a simulation, a dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .errors import DataError

if TYPE_CHECKING:
    from numpy.random import Generator

Seed: TypeAlias = "int | Generator | None"  # as text: numpy.random takes 15 ms to import


def generator(seed: Any) -> Generator:
    """numpy.random.default_rng(seed); DataError if that is no seed.

    >>> int(generator(1).integers(10)), int(generator(np.random.default_rng(1)).integers(10))
    (4, 4)
    """
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool) and seed >= 0
    if seed is None or whole or isinstance(seed, np.random.Generator | np.random.SeedSequence):
        return np.random.default_rng(seed)
    raise DataError(
        f"seed is {seed!r}; expected a whole number from 0, a generator made by numpy.random.default_rng, or None "
        "for numbers that differ each time"
    )
