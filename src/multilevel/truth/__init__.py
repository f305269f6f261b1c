"""Data from a stated truth: what the parameters are, and responses that follow from them.

Truth           fixed effects by coefficient name, sigma, and for each grouping factor a
└─ Group        standard deviations, correlations and distribution of its effects, or the effects themselves
simulate        a formula, a design and a truth -> the design with a response
truth_of        the truth that a fit would be, if its estimates were exact
read_truth      the truth that a JSON file states
"""

from .files import read_truth
from .groups import Group
from .simulation import Simulation, prepare, simulate
from .truths import Truth, truth_of

__all__ = ["Group", "Simulation", "Truth", "prepare", "read_truth", "simulate", "truth_of"]
