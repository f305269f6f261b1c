"""Writes tests.json: degrees of freedom and tests of R's lmerTest for the lmer fits of fits.json.

    python make_tests.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/{lmer,tutorial}/*.json`, the output of R 4.2.2 with lmerTest 3.1-3 and pbkrtest 0.5.2, at
lme4's default optimum.
"""

import json
import pathlib
import sys

COLUMNS = {"Estimate": "estimate", "Std. Error": "se", "df": "df", "t value": "t", "Pr(>|t|)": "p"}
TESTS = {"NumDF": "df1", "DenDF": "df2", "F value": "F", "Pr(>F)": "p", "Sum Sq": "ss"}
RANOVA = {"npar": "npar", "logLik": "loglik", "AIC": "aic", "LRT": "lrt", "Df": "df", "Pr(>Chisq)": "p"}


def table(j, columns):
    if not isinstance(j, dict) or "row_names" not in j:
        return None
    return {"rows": j["row_names"]} | {new: j["data"][old] for old, new in columns.items() if old in j["data"]}


def text(j):
    return j if isinstance(j, str) and j else None


def one(j):
    t = j["lmerTest"]
    out = {"id": j["id"], "criterion": j["criterion"], "dropped": j["dropped_columns"]}
    out["theta"] = list(j["theta"].values()) if isinstance(j["theta"], dict) else j["theta"]
    for method in ("satterthwaite", "kr"):
        out[f"coef_{method}"] = table(t.get(f"coef_{method}"), COLUMNS)
        for kind in ("I", "II", "III"):
            out[f"anova_{kind}_{method}"] = table(t.get(f"anova_{kind}_{method}"), TESTS)
    out["ranova"] = table(t.get("ranova"), RANOVA)
    adjusted = t.get("vcov_adj_kr")
    out["vcov_kr"] = adjusted["data"] if isinstance(adjusted, dict) and "data" in adjusted else None
    out["summary"] = t.get("summary_text")
    for kind in ("I", "II", "III"):
        out[f"anova_{kind}_text"] = text(t.get(f"anova_{kind}_text"))
    out["ranova_text"] = text(t.get("ranova_text"))
    return {k: v for k, v in out.items() if v is not None}


def main(folder):
    fits = []
    for part in ("lmer", "tutorial"):
        for path in sorted((pathlib.Path(folder) / "fits" / part).glob("*.json")):
            j = json.loads(path.read_text())
            if isinstance(j.get("lmerTest"), dict) and "coef_satterthwaite" in j["lmerTest"]:
                fits.append(one(j))
    out = pathlib.Path(__file__).parent / "tests.json"
    out.write_text("[\n" + ",\n".join(json.dumps(f, ensure_ascii=False) for f in fits) + "\n]\n", encoding="utf-8")
    print(len(fits), "fits", out.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
