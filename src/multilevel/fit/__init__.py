"""The front desk: `lm`, `lmer`, and everything one can ask of what they return.

Methods orchestrate, functions compute: each verb is one line that says where its answer comes from.
"""

from .linear import LinearModel, lm
from .linear_mixed import LinearMixedModel, lmer

__all__ = ["LinearMixedModel", "LinearModel", "lm", "lmer"]
