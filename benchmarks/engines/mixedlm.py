"""mixedlm (PyPI)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from cases import Case

from engines.measure import main, refit_each, require


class Mixedlm:
    packages = ("mixedlm",)

    def __init__(self) -> None:
        self.lmer = require("mixedlm").lmer

    def fit(self, case: Case, frame: pd.DataFrame) -> Any:
        return self.lmer(case.formula, frame, REML=case.kind != "lm")

    def answer(self, case: Case, model: Any) -> dict[str, Any]:
        return {"criterion": model.deviance, "evaluations": model.function_evals if case.kind == "lmer" else None}

    def refits(self, model: Any, frame: pd.DataFrame, Y: np.ndarray, seconds: float) -> tuple[float, np.ndarray, str]:
        return *refit_each(model.refit, lambda fitted: fitted.deviance, Y, seconds), "one call each"


if __name__ == "__main__":
    main(Mixedlm)
