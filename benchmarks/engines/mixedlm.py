"""mixedlm (PyPI)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from cases import Case

from engines.measure import main, refit_each, require

# It has no cbind(): a proportion, and the column of trials as weights.
GROUPED = {"cbind(incidence, failures)": ("proportion", "size")}


class Mixedlm:
    packages = ("mixedlm",)

    def __init__(self) -> None:
        mixedlm = require("mixedlm")
        self.lmer, self.glmer = mixedlm.lmer, mixedlm.glmer
        self.families = {"binomial": mixedlm.families.Binomial, "poisson": mixedlm.families.Poisson}

    def fit(self, case: Case, frame: pd.DataFrame) -> Any:
        if case.kind == "glmer":
            return self.fit_generalized(case, frame)
        return self.lmer(case.formula, frame, REML=case.kind != "lm")

    def fit_generalized(self, case: Case, frame: pd.DataFrame) -> Any:
        """With standard errors, which it computes when asked."""
        response, right = case.formula.split(" ~ ")
        response, weights = GROUPED.get(response, (response, None))
        model = self.glmer(f"{response} ~ {right}", frame, self.families[case.family](), weights=weights)
        model.vcov()
        return model

    def answer(self, case: Case, model: Any) -> dict[str, Any]:
        if case.kind == "glmer":
            return {"criterion": -2 * model.logLik().value, "evaluations": model.n_iter}
        return {"criterion": model.deviance, "evaluations": model.function_evals if case.kind == "lmer" else None}

    def refits(self, model: Any, frame: pd.DataFrame, Y: np.ndarray, seconds: float) -> tuple[float, np.ndarray, str]:
        return *refit_each(model.refit, lambda fitted: fitted.deviance, Y, seconds), "one call each"


if __name__ == "__main__":
    main(Mixedlm)
