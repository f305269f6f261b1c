"""What every fit answers, whatever its kind: each verb is one line that says where its answer comes from.

Model
├─ Held         held.py         a fit with the user's data, and the numbers every fit has
├─ Judged       judged.py       anova, drop1, test
├─ Uncertain    uncertain.py    confint, profile, bootstrap
├─ Averaged     averaged.py     emmeans, emtrends, joint_tests
└─ check, equation, diagram, report, truth
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..checks import Checks, check
from ..diagnostics import doubts
from ..models.estimate import Fit
from .averaged import Averaged
from .judged import Judged
from .uncertain import Uncertain

if TYPE_CHECKING:
    from ..paper import Diagram, Equation
    from ..truth import Truth


def warn(fit: Fit) -> None:
    """Give the doubts about a fit as warnings at the line of the user's call."""
    for doubt in doubts(fit):
        warnings.warn(doubt, stacklevel=4)  # past `warn`, the fitting function, and `named` around it


@dataclass(frozen=True, eq=False, repr=False)
class Model(Judged, Uncertain, Averaged):
    """What linear and linear mixed models answer alike."""

    def check(self) -> Checks:
        """What one should look at before believing the fit: optimum, boundary, data left out, collinearity, residuals,
        random effects; each with a number and a verdict.
        """
        return check(self._fit, self._backend)

    def equation(self, numbers: bool = False) -> Equation:
        """The equations of the model: LaTeX (`str`), typeset in a notebook, text in a terminal.

        `numbers` puts the estimates in the place of the parameters.

        >>> from multilevel import datasets, lm
        >>> lm("reaction ~ days", datasets.load("sleepstudy", "dict")).equation()
        reaction[n] ~ N(μ[n], σ)
               μ[n] = α + β days[n]
        """
        from ..paper import equation

        return equation(self._fit, numbers)

    def diagram(self) -> Diagram:
        """The model as a plate diagram: shows itself in a notebook, `.save("model.svg")` or `"model.png"`."""
        from ..paper import diagram

        return diagram(self._fit)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write one self-contained page: words, equations, diagram, tables, pictures, checks. Gives back its path.

        The page loads nothing from anywhere. Needs plotnine: `pip install "multilevel[plots]"`.

        Raises DataError if the file is not called .html or cannot be written.
        """
        from ..report import write_report

        return write_report(self, path)

    def truth(self) -> Truth:
        """The truth that would be, if the estimates were exact: to be edited with `replace`, and simulated from.

        Coefficients that were not identified are zero. Codings, weights and trials are not part of it; give them to
        `simulate`. Raises InferenceError if there are no residuals to estimate sigma from, for quasi families, and for
        models of zero inflation or dispersion.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> m.truth().replace(fixed={"days": 0}).fixed["days"]
        0.0
        """
        from ..truth import truth_of

        return truth_of(self._fit)
