"""Writes performance.json: R squared and intra-class correlations of R's performance for lmer fits.

    python make_performance.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/lmer/*.json`, the output of R 4.2.2 with performance 0.10.2, at lme4's default optimum.
"""

import json
import pathlib
import sys


def main(folder):
    fits = {}
    for path in sorted((pathlib.Path(folder) / "fits" / "lmer").glob("*.json")):
        j = json.loads(path.read_text())
        found = j.get("performance") or {}
        r2, icc = found.get("r2_nakagawa"), found.get("icc")
        if not (isinstance(r2, dict) and isinstance(icc, dict)) or "error" in r2 or "error" in icc:
            continue
        fits[j["id"]] = {
            "criterion": j["criterion"],
            "marginal": r2.get("R2_marginal.Marginal R2"),
            "conditional": r2.get("R2_conditional.Conditional R2"),
            "adjusted": icc.get("ICC_adjusted"),
            "unadjusted": icc.get("ICC_unadjusted"),
        }
    out = pathlib.Path(__file__).parent / "performance.json"
    out.write_text(json.dumps(fits, indent=1) + "\n", encoding="utf-8")
    print(len(fits), "fits")


if __name__ == "__main__":
    main(sys.argv[1])
