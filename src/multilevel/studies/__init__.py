"""STUDIES: what a design can find out before it is run.

power           a formula, a design, a truth, a test -> Power: how often the test finds the effect
├─ asked          what is tested: coefficients, terms, equations, likelihood ratios
├─ resized        the design with more or fewer levels of a grouping factor
├─ scenarios      one design and one truth: responses drawn, refitted, tested, block by block
│  ├─ linear, generalized    refits to many responses, in the core
│  └─ references             when a statistic is significant: the degrees of freedom of each refit
├─ outcomes       counts of one test in one scenario, with their intervals
└─ results        Power: a page, a frame; needed: the number of levels for some power
"""

from .results import Power
from .simulated import power

__all__ = ["Power", "power"]
