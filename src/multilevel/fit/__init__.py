"""The front desk: `lm`, `lmer`, `glm`, `glmer`, and everything one can ask of what they return.

Methods orchestrate, functions compute: each verb is one line that says where its answer comes from.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# each kind of model is loaded when first asked for
_HOMES = {
    "GeneralizedLinearMixedModel": "generalized_mixed",
    "GeneralizedLinearModel": "generalized_linear",
    "LinearMixedModel": "linear_mixed",
    "LinearModel": "linear",
    "compare": "comparison",
    "glm": "generalized_linear",
    "glmer": "generalized_mixed",
    "lm": "linear",
    "lmer": "linear_mixed",
}


def __getattr__(name: str) -> Any:
    """A public name, imported now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value
