"""What a `glmer` is asked for, checked before anything is computed."""

from __future__ import annotations

import numpy as np

from ..errors import FitError, FormulaError
from ..families import Family, Quasi
from ..formula import Formula, Matrices
from .likelihood import Curvature


def check_request(formula: Formula, family: Family, n_agq: int, curvature: Curvature | None) -> None:
    """FormulaError without random terms, FitError for a family without likelihood or impossible options."""
    if not formula.random:
        raise FormulaError(f"{formula.text!r} has no random term, such as (1 | group); add one, or use glm")
    if isinstance(family, Quasi):
        raise FitError(
            f"the {family.name} family has no likelihood, which glmer needs; for counts that vary more than Poisson "
            "ones use negative_binomial, for proportions beta_binomial, or a random effect for each row"
        )
    if not (isinstance(n_agq, int | np.integer) and not isinstance(n_agq, bool) and 0 <= n_agq <= 100):
        raise FitError(f"n_agq is {n_agq!r}; expected 1 (Laplace), 0 (fast, beta among the modes), or nodes up to 100")
    if curvature not in (None, "expected", "observed"):
        raise FitError(f"curvature is {curvature!r}; expected 'expected', 'observed' or None")


def check_groups(rows: Matrices, family: Family, slip: str, where: str = "", *, residual: bool = True) -> None:
    """FitError for a grouping factor with one level, or more random effects than rows.

    As many as rows are allowed, but for responses whose residuals they could not be told from. `slip`: why there may be
    so many; `where`: in which model beside that of the mean; `residual`: whether there are residuals.
    """
    inside = f" in the model of {where}" if where else ""
    for part in rows.random:
        levels, effects = part.n_levels, len(part.names) if part.structure == "us" else 1
        if levels == 1:
            raise FitError(
                f"the grouping factor {part.group} has a single level, {part.levels[0]!r}; how groups vary can only be "
                f"estimated from two or more: leave {part.written} out{inside}"
            )
        alike = residual and not where and family.name in ("gaussian", "student_t") and levels * effects == rows.n
        if levels * effects > rows.n or alike:
            each = f" ({levels} levels of {part.group}, {effects} effects each)" if effects > 1 else ""
            raise FitError(
                f"{part.written}{inside} has {levels * effects} random effects{each} for {rows.n} rows; "
                + ("they cannot be told from the residuals" if alike else "so many cannot be told apart")
                + f": use another grouping factor, or simplify the term{slip}"
            )
