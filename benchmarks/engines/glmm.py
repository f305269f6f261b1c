"""glmm (PyPI), without what no other engine's fit computes: Satterthwaite's degrees of freedom, likelihood ratios."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from cases import Case

from engines.measure import main, refit_each, require


class Glmm:
    packages = ("glmm",)

    def __init__(self) -> None:
        self.glmm = require("glmm")

    def fit(self, case: Case, frame: pd.DataFrame) -> Any:
        if case.kind == "glmer":
            return self.glmm.fit(frame, case.formula, case.family, anova_test="Wald")
        return self.glmm.fit(frame, case.formula, satterthwaite=False)

    def answer(self, case: Case, model: Any) -> dict[str, Any]:
        return {"criterion": -2 * model.loglik, "evaluations": None if case.kind == "lm" else model.n_eval}

    def refits(self, model: Any, frame: pd.DataFrame, Y: np.ndarray, seconds: float) -> tuple[float, np.ndarray, str]:
        response = model.formula.split("~")[0].strip()
        columns = {name: frame[name].array for name in frame}

        def refit(y: np.ndarray) -> Any:
            return self.glmm.fit(columns | {response: y}, model.formula, satterthwaite=False)

        return *refit_each(refit, lambda fitted: -2 * fitted.loglik, Y, seconds), "no refit: fits again"


if __name__ == "__main__":
    main(Glmm)
