"""multilevel: this package."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from cases import COMPARED_REFITS, Case

from engines.measure import main, require


class Multilevel:
    packages = ("multilevel",)

    def __init__(self) -> None:
        self.mlm = require("multilevel")

    def fit(self, case: Case, frame: pd.DataFrame) -> Any:
        if case.kind == "glmer":
            return self.mlm.glmer(case.formula, frame, case.family)
        return self.mlm.lm(case.formula, frame) if case.kind == "lm" else self.mlm.lmer(case.formula, frame)

    def answer(self, case: Case, model: Any) -> dict[str, Any]:
        if case.kind == "lm":
            return {"criterion": -2 * model.loglik, "evaluations": None}
        return {"criterion": model.criterion, "evaluations": model.convergence.certificate.evaluations}

    def refits(self, model: Any, frame: pd.DataFrame, Y: np.ndarray, seconds: float) -> tuple[float, np.ndarray, str]:
        core, theta = model._fit.sums.core, np.asarray(model.theta)
        criteria = core.refit(Y[:COMPARED_REFITS].T, True, theta)["criterion"]
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            core.refit(Y.T, True, theta)
            done += len(Y)
        return (time.perf_counter() - start) / done, criteria, "one call for all"


if __name__ == "__main__":
    main(Multilevel)
