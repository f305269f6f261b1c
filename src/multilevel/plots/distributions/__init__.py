"""What a slab is drawn of, with one face: a sample, or a distribution known by its functions.

A `Distribution` says where it lies, how dense it is, and its quantiles; it hands out its density as a `Slab`. What it
is made of (values, a frozen SciPy distribution, one on a transformed scale) stays in here.
"""

from .face import Distribution, Slab, bars, steps
from .frozen import Continuous, Discrete, Transformed, is_known, known
from .samples import Sample

__all__ = [
    "Continuous",
    "Discrete",
    "Distribution",
    "Sample",
    "Slab",
    "Transformed",
    "bars",
    "is_known",
    "known",
    "steps",
]
