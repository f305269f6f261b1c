"""Writes comparisons.json: tests of R that compare models or terms, of linear and linear mixed models.

    python make_comparisons.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/{lm,inference}/*.json`, the output of R 4.2.2 with lme4 1.1-31, lmerTest 3.1-3, pbkrtest
0.5.2 and car 3.1-1: anova() and drop1() of lm, car's Anova(), anova() and drop1() of lmer, KRmodcomp(), SATmodcomp().
"""

import json
import pathlib
import sys


def table(j):
    if not isinstance(j, dict) or "data" not in j:
        return None
    return {"rows": j.get("row_names")} | j["data"]


def linear(folder):
    for path in sorted(folder.glob("lm_*.json")):
        j = json.loads(path.read_text())
        found = {name: table(j.get(name)) for name in ("anova_I", "Anova_II", "Anova_III", "drop1")}
        yield {"id": j["id"], "text": j["anova_text"]} | {k: v for k, v in found.items() if v}


def entries(path, tables):
    for name, j in json.loads(path.read_text()).items():
        if isinstance(j, dict) and "glmer" not in json.dumps(j):
            kept = {k: j[k] for k in ("models", "model", "large", "small", "ddf", "printed") if k in j}
            yield {"name": name} | kept | {k: table(j[k]) for k in tables if k in j}


def main(folder):
    fits = pathlib.Path(folder) / "fits"
    out = {
        "linear": list(linear(fits / "lm")),
        "lrt": list(entries(fits / "inference" / "lrt_anova.json", ["table", "no_refit"])),
        "drop1": list(entries(fits / "inference" / "drop1.json", ["table"])),
        "wald": list(entries(fits / "inference" / "krmodcomp.json", ["kr", "sat"])),
    }
    body = ",\n".join(
        f'"{k}": [\n' + ",\n".join(json.dumps(e, ensure_ascii=False) for e in v) + "\n]" for k, v in out.items()
    )
    path = pathlib.Path(__file__).parent / "comparisons.json"
    path.write_text("{\n" + body + "\n}\n", encoding="utf-8")
    print({k: len(v) for k, v in out.items()}, path.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
