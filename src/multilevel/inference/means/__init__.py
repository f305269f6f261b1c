"""Marginal means: a reference grid, averages over it, contrasts of them (after R's emmeans).

emmeans · emtrends · joint_tests      what a user calls
marginal                              MarginalMeans: what they return; joint: JointTests
├─ contrasts ─ families               weights and names of contrasts
├─ adjust ─ ranges, tails             many statements at once
├─ scales                             log(y), links: back to the response
└─ pages                              as printed
averaging ─ grid · specs              which predictions, averaged how
basis ─ estimability                  where estimates, standard errors and df come from
"""

from .joint import JointTests
from .marginal import MarginalMeans
from .verbs import emmeans, emtrends, joint_tests

__all__ = ["JointTests", "MarginalMeans", "emmeans", "emtrends", "joint_tests"]
