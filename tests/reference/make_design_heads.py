"""Writes design_heads.json: the first rows of R's design matrices, with R's names, for the lm and lmer reference fits.

    python make_design_heads.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/{lm,lmer,tutorial}/*.json`, the output of R 4.2.2 with lme4 1.1-31. For lmer fits X is what
lme4 kept, so columns that it dropped as not identifiable are listed apart. `cnms` names the columns of each random
term; it is left out where two terms share a grouping factor, because R's output then shows the last of them only.
"""

import json
import pathlib
import re
import sys


def subset(call):
    found = re.search(r"subset=([^,)]+)", call)
    return found.group(1) if found else None


def digest(fit):
    head = fit["X_head"]
    entry = {
        "id": fit["id"], "formula": fit["formula"], "data": fit["data"], "subset": subset(fit["call"]),
        "contrasts": dict(re.findall(r"(\w+)='contr\.(\w+)'", fit["call"])),
        "names": head["cols"], "head": head["data"], "dim": fit["X_dim"], "dropped": fit.get("dropped_columns") or [],
    }  # fmt: skip
    if "ngrps" in fit:
        shared = "||" in fit["formula"] or fit["id"] == "sleep_two_terms"
        entry |= {"ngrps": fit["ngrps"], "cnms": None if shared else fit["cnms"]}
        tables = fit.get("ranef") or {}
        entry["levels"] = {g: (tables.get(g) or {}).get("row_names", [])[:8] for g in fit["ngrps"]}
    return entry


def main(folder):
    files = [f for kind in ("lm", "lmer", "tutorial") for f in sorted((folder / "fits" / kind).glob("*.json"))]
    fits = [json.loads(f.read_text(encoding="utf-8")) for f in files]
    # 200 columns of dummies say no more than 100 do, and are most of the file
    entries = [digest(fit) for fit in fits if not fit["data_prep"] and fit["X_dim"][1] <= 100]
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in entries)
    (pathlib.Path(__file__).parent / "design_heads.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
