"""Writes pages.json: R's printed pages of the reference fits, with the numbers behind them.

    python make_pages.py REFERENCE_FOLDER

The reference folder holds fits by R 4.2.2 with lme4 1.1-31 and lmerTest 3.1-3 (`fits/`), and their data (`data/`).
Copied are the pages printed by `summary()` and `VarCorr()` and the unrounded values. The quantiles of the residuals,
which the folder holds only for short vectors, are asked of R (`make_pages.R`: Rscript with lme4 and jsonlite).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Json = dict[str, Any]


def reference_fits(folder: Path) -> list[Json]:
    files = [*folder.glob("fits/lm/lm_*.json"), *folder.glob("fits/lmer/*.json"), *folder.glob("fits/tutorial/*.json")]
    return [json.loads(file.read_text()) for file in sorted(files)]


def ask_r(folder: Path, fits: list[Json]) -> list[Json]:
    models = [{key: fit.get(key) for key in ("kind", "call", "data", "theta")} for fit in fits]
    with tempfile.TemporaryDirectory() as scratch:
        asked, answered = Path(scratch, "models.json"), Path(scratch, "quantiles.json")
        asked.write_text(json.dumps(models))
        subprocess.run(["Rscript", HERE / "make_pages.R", folder, asked, answered], check=True)
        return json.loads(answered.read_text())


def linear(fit: Json) -> Json:
    table = fit["coef_table"]["data"]
    return {
        "names": list(fit["coef"]),
        "rows": fit["coef_table"]["row_names"],
        **{key: table[head] for key, head in (("estimates", "Estimate"), ("errors", "Std. Error"), ("p", "Pr(>|t|)"))},
        "f": fit["fstatistic"] and list(fit["fstatistic"].values()),
        **{key: fit[key] for key in ("sigma", "df_residual", "r_squared", "adj_r_squared")},
    }


def mixed(fit: Json) -> Json:
    keys = ("sigma", "ngrps", "nobs", "df_residual", "AIC", "BIC", "logLik", "criterion", "REML", "is_singular")
    terms = [
        {"group": group, "names": term["terms"], "sd": list(term["sd"].values()), "corr": term["corr"]["data"]}
        for group, term in fit["varcorr"].items()
    ]
    few = len(fit["fixed_names"]) <= 12
    return {
        "names": fit["fixed_names"],
        "estimates": list(fit["beta"].values()),
        "errors": list(fit["se_beta"].values()),
        "vcov": fit["vcov_beta"]["data"] if few else None,
        "terms": terms,
        **{key: fit[key] for key in keys},
        "varcorr_text": fit["varcorr_text"],
        "varcorr_table": fit["varcorr_table"]["data"],
        **with_p_values(fit.get("lmerTest") or {}),
    }


def with_p_values(tested: Json) -> Json:
    """Satterthwaite's degrees of freedom and p-values, and the fixed-effects part of the page that shows them."""
    if "summary_text" not in tested:
        return {}
    table, text = tested["coef_satterthwaite"]["data"], tested["summary_text"]
    section = text[text.index("Fixed effects:") :].split("\n\n")[0]
    return {"satterthwaite": {"df": table["df"], "p": table["Pr(>|t|)"], "text": section}}


def page(fit: Json, quantiles: Json) -> Json:
    values = linear(fit) if fit["kind"] == "lm" else mixed(fit)
    common = {key: fit[key] for key in ("id", "kind", "call", "formula", "data")}
    f_p = {"f_p": float(quantiles["f_p"])} if quantiles.get("f_p", "NA") != "NA" else {}
    return {**common, "text": fit["summary_text"], "quantiles": [float(q) for q in quantiles["q"]], **f_p, **values}


def main(folder: Path) -> None:
    fits = reference_fits(folder)
    pages = [page(fit, quantiles) for fit, quantiles in zip(fits, ask_r(folder, fits), strict=True)]
    lines = ",\n".join(json.dumps(p, ensure_ascii=False, separators=(",", ":")) for p in pages)
    origin = "R 4.2.2, lme4 1.1-31, lmerTest 3.1-3; see make_pages.py"
    (HERE / "pages.json").write_text(f'{{"origin": "{origin}", "pages": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
