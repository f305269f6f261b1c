"""Effect sizes: means in units of a standard deviation that is itself an estimate.

With sigma^2 ~ sigma_0^2 chi^2(edf) / edf, independent of the means m, the delta method gives Var(log sigma) =
1 / (2 edf), so that d = m / sigma has the covariance Var(m) / sigma^2 + d d' / (2 edf) (Hedges 1981, J. Educ. Stat. 6,
107-128, for two groups).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...data.sums import Floats
from ...errors import InferenceError
from .basis import Basis


def effect_sizes(basis: Basis, L: Floats, means: Floats, sigma: float, edf: float) -> dict[str, Any]:
    """The basis of means (k,) over sigma, and linear functions of it: L (k, k) with constant zero."""
    for name, value in (("sigma", sigma), ("edf", edf)):
        if not (isinstance(value, int | float | np.number) and value > 0):
            raise InferenceError(f"{name} is {value!r}; expected a positive number")
    if not np.isfinite(sigma):
        raise InferenceError(f"sigma is {sigma}; expected a finite standard deviation")
    made, identity = basis.transformed(L, means / sigma, np.full(len(L), 1.0 / sigma))
    sampling = made.sampling
    d = sampling.beta
    spread = sampling.vcov + np.outer(d, d) / (2.0 * edf)
    return {
        "basis": replace(made, sampling=replace(sampling, vcov=spread)),
        "L": identity,
        "constant": np.zeros(len(L)),
    }
