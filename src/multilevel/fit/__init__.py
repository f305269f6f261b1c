"""The front desk: `lm`, `lmer`, `glm`, `glmer`, and everything one can ask of what they return.

Methods orchestrate, functions compute: each verb is one line that says where its answer comes from.
"""

from .comparison import compare
from .generalized_linear import GeneralizedLinearModel, glm
from .generalized_mixed import GeneralizedLinearMixedModel, glmer
from .linear import LinearModel, lm
from .linear_mixed import LinearMixedModel, lmer

__all__ = [
    "GeneralizedLinearMixedModel",
    "GeneralizedLinearModel",
    "LinearMixedModel",
    "LinearModel",
    "compare",
    "glm",
    "glmer",
    "lm",
    "lmer",
]
