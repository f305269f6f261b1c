"""Writes zero_inflation.json: what glmmTMB says of models with zero inflation or a dispersion model.

Run as `REFERENCE_FOLDER=... python tests/reference/make_zero_inflation.py`. REFERENCE_FOLDER holds
`fits/glmmTMB/*.json`, the output of R 4.2.2 with glmmTMB. Fits with random terms in those models, or of families that
are not built, are left out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

HERE = Path(__file__).parent
FAMILIES = {
    "poisson": "poisson", "nbinom1": "negative_binomial_1", "nbinom2": "negative_binomial", "beta": "beta",
    "gaussian": "gaussian", "Gamma": "gamma", "truncated_poisson": "truncated_poisson",
}  # fmt: skip


def comparable(fit: dict) -> bool:
    modelled = fit["ziformula"] != "~0" or fit["dispformula"] not in ("~1", "~0")
    return modelled and "|" not in fit["ziformula"] and fit["family"] in FAMILIES and not fit["REML"]


def table(fit: dict, part: str) -> dict | None:
    found = fit["coef_table"].get(part)
    if not found:
        return None
    return {"estimate": found["data"]["Estimate"], "std_error": found["data"]["Std. Error"]}


def main() -> None:
    folder = Path(os.environ["REFERENCE_FOLDER"]) / "fits" / "glmmTMB"
    fits = []
    for path in sorted(folder.glob("*.json")):
        fit = json.loads(path.read_text(encoding="utf-8"))
        if fit.get("kind") == "glmmTMB" and comparable(fit):
            sds = [sd for group in fit["varcorr"]["cond"].values() for sd in group["sd"].values()]
            fits.append(
                {name: fit[name] for name in ("id", "formula", "data", "link", "ziformula", "dispformula", "nobs")}
                | {"family": FAMILIES[fit["family"]], "criterion": fit["minus_two_logLik"], "sds": sds}
                | {part: table(fit, part) for part in ("cond", "zi", "disp")}
                | {"fitted": fit["fitted"]["first"][:10], "pearson": fit["pearson"]["first"][:10]}
            )
    text = "[\n" + ",\n".join(json.dumps(fit) for fit in fits) + "\n]\n"
    (HERE / "zero_inflation.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
