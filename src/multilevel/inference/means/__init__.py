"""Marginal means: a reference grid, averages over it, contrasts of them (after R's emmeans).

verbs, tested                    emmeans, emtrends; joint_tests: what a user calls
marginal                         MarginalMeans: what they return; joint: JointTests
├─ contrasted ─ contrasts, families   weights and names of contrasts; arrows: to picture them
├─ displayed ─ functions         shown otherwise: tables, intervals, tests, scales
├─ adjust ─ ranges, tails        many statements at once
├─ scales                        log(y), links: back to the response
└─ pages                         as printed
averaging ─ grid ─ nesting, axes which predictions are averaged, and how; specs: asked for in which words
submodel                         the same in a smaller model
basis ─ estimability             where estimates, standard errors and df come from
"""

from .joint import JointTests
from .marginal import MarginalMeans
from .tested import joint_tests
from .verbs import emmeans, emtrends

__all__ = ["JointTests", "MarginalMeans", "emmeans", "emtrends", "joint_tests"]
