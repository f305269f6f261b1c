"""How effects are distributed over groups: normal, heavy-tailed, skewed; always with mean 0 and covariance I here."""

from __future__ import annotations

import re
from math import isfinite, sqrt
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..labelled import Floats

EXPECTED = "expected 'normal', 't(df)' with df above 2, or 'skewed(g)' with a skewness g other than 0"
_TEXT = re.compile(r"\s*(\w+)\s*(?:\(\s*([^()]*?)\s*\))?\s*")


class Distribution(NamedTuple):
    """A kind, and its parameter: degrees of freedom of t, skewness of skewed."""

    kind: str
    parameter: float = 0.0

    def __str__(self) -> str:
        return self.kind if self.kind == "normal" else f"{self.kind}({self.parameter:g})"

    def draw(self, n: int, k: int, rng: np.random.Generator) -> Floats:
        """(n, k) numbers with mean 0, variance 1 and no correlation; more rows do not change the first.

        t: rows are multivariate t, so that a group that is far out is so in all its effects: z sqrt((df - 2) / c), with
        one c ~ chi-squared(df) per row (Kotz & Nadarajah 2004, Multivariate t Distributions, section 1.1). skewed: a
        gamma distribution of shape 4 / g^2, moved and scaled, whose skewness is g (Johnson, Kotz & Balakrishnan 1994,
        Continuous Univariate Distributions 1, section 17.3).
        """
        if self.kind == "skewed":
            shape = 4.0 / self.parameter**2
            skewed: Floats = (rng.standard_gamma(shape, (n, k)) - shape) / sqrt(shape)
            return skewed if self.parameter > 0 else -skewed
        z = rng.standard_normal((n, k))
        if self.kind == "t":
            z *= np.sqrt((self.parameter - 2.0) / rng.spawn(1)[0].chisquare(self.parameter, (n, 1)))
        return z


def distribution(text: object) -> Distribution:
    """Read the name of a distribution; DataError if there is none of that name.

    >>> distribution("t(5)")
    Distribution(kind='t', parameter=5.0)
    """
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise DataError(f"distribution is {text!r}; {EXPECTED}")
    kind, inside = found.groups()
    if kind == "normal" and inside is None:
        return Distribution("normal")
    try:
        parameter = float(inside or "nan")
    except ValueError:
        parameter = float("nan")
    allowed = {"t": parameter > 2, "skewed": parameter != 0}
    if not isfinite(parameter) or not allowed.get(kind, False):
        raise DataError(f"distribution is {text!r}; {EXPECTED}")
    return Distribution(kind, parameter)
