"""statsmodels (PyPI): one grouping factor, and variance components within it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from cases import Case

from engines.measure import UnavailableError, main, refit_each, require

# Formula of the fixed effects and the arguments that stand for the random ones, by the name of the data.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "sleepstudy": ("reaction ~ days", {"groups": "subject", "re_formula": "~ days"}),
    "penicillin": (
        "diameter ~ 1",
        {"groups": "all", "re_formula": "0", "vc_formula": {"plate": "0 + C(plate)", "sample": "0 + C(sample)"}},
    ),
    "single": ("y ~ x", {"groups": "g", "re_formula": "~ x"}),
    "nested": ("y ~ x", {"groups": "outer", "re_formula": "1", "vc_formula": {"inner": "0 + C(inner)"}}),
}
CANNOT = {
    "insteval": "crossed factors need a dense matrix of rows x rows",
    "crossed": "crossed factors need a dense matrix of rows x rows",
    "maximal": "no correlated effects of crossed factors",
}


class Statsmodels:
    packages = ("statsmodels",)

    def __init__(self) -> None:
        self.api = require("statsmodels.formula.api")
        self.mixed = require("statsmodels.api").MixedLM

    def fit(self, case: Case, frame: pd.DataFrame) -> Any:
        if case.data in CANNOT:
            raise UnavailableError(CANNOT[case.data])
        if case.kind == "lm":
            return self.api.ols(case.formula, frame).fit()
        fixed, random = MODELS[case.data]
        if random["groups"] == "all":
            random = random | {"groups": np.zeros(len(frame))}
        return self.api.mixedlm(fixed, frame, **random).fit(reml=True)

    def answer(self, case: Case, model: Any) -> dict[str, Any]:
        return {"criterion": -2 * model.llf, "evaluations": None}

    def refits(self, model: Any, frame: pd.DataFrame, Y: np.ndarray, seconds: float) -> tuple[float, np.ndarray, str]:
        old = model.model

        def refit(y: np.ndarray) -> Any:
            return self.mixed(y, old.exog, old.groups, exog_re=old.exog_re).fit(reml=True)

        return *refit_each(refit, lambda fitted: -2 * fitted.llf, Y, seconds), "no refit: fits again"


if __name__ == "__main__":
    main(Statsmodels)
