"""Writes means.json: what R's emmeans says of marginal means of fits of lm, lmer, glm, glmer, glmer.nb and glmmTMB, and
the data sets it needs.

    python make_means.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/emmeans/*.json`, the output of R 4.2.2 with emmeans 1.8.4-1, lme4 1.1-31, lmerTest 3.1-3
and pbkrtest 0.5.2, and `data/`. Fits of lmer and glmer are at lme4's default optimum. emmeans rounds F ratios to three
decimals.
Results of two-sided formulas (lists of two) have their linear functions only, as R printed them.
"""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
KINDS = ("lm", "lmer", "glm", "glmer", "glmer.nb", "glmmTMB")
NAMES = {
    "emmean": "estimate", "response": "estimate", "prob": "estimate", "ratio": "estimate", "odds.ratio": "estimate",
    "prediction": "estimate", "SE": "se", "df": "df", "lower.CL": "lower", "upper.CL": "upper", "asymp.LCL": "lower",
    "asymp.UCL": "upper", "t.ratio": "t", "z.ratio": "t", "p.value": "p", "df1": "df1", "df2": "df2", "F.ratio": "F",
    "model term": "term", "note": "note", "null": "null", "estimate": "estimate", "effect.size": "estimate",
}  # fmt: skip


def matrix(printed):
    """Rows of a matrix as R prints it, in blocks of columns."""
    rows = {}
    for line in printed.splitlines():
        cells = line.split()
        if re.match(r"\s*\[\d+,\]|\s*\w.* -?\d", line) and not line.startswith("       "):
            numbers = re.findall(r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?(?=\s|$)", re.sub(r"^\s*\[\d+,\]", "", line))
            rows.setdefault(cells[0], []).extend(map(float, numbers))
    return list(rows.values())


def numbers(table):
    """The columns of a summary under our names; what names the rows under `keys`."""
    made, keys = {}, {}
    for name, values in table["data"].items():
        if name in NAMES or name.endswith(".trend"):
            made[NAMES.get(name, "estimate")] = values
        else:
            keys[name] = values
    return made | {"keys": keys, "heads": table["columns"]}


def one(c):
    r = c["result"]
    out = {"call": c["call"], "notes": c["notes"]}
    if "error" in r:
        return out | {"error": r["error"]}
    if "summary" not in r:
        return out | {"list": {k: matrix(v["linfct"]["printed"]) for k, v in r.items()}}
    out |= numbers(r["summary"])
    if isinstance(r.get("with_ci_and_test"), dict) and "data" in r["with_ci_and_test"]:
        both = numbers(r["with_ci_and_test"])
        out |= {k: v for k, v in both.items() if k not in out}
    if isinstance(r.get("linfct"), dict) and "data" in r["linfct"]:
        out["L"], out["columns"] = r["linfct"]["data"], r["linfct"]["cols"]
    return out | {"printed": r["printed"]}


def thetas(folder):
    """lme4's default optimum by function, formula, data and criterion, of the fits that were also made alone."""
    found = {}
    for part in ("lmer", "glmer", "tutorial"):
        for path in sorted((pathlib.Path(folder) / "fits" / part).glob("*.json")):
            j = json.loads(path.read_text())
            if "theta" in j and not re.search(r"contrasts=|weights=|subset=", j["call"]):
                at = {"theta": list(j["theta"].values())} | ({"size": j["theta_nb"]} if "theta_nb" in j else {})
                found[j["kind"], j["formula"], str(j["data"]), j.get("REML", True)] = at
    return found


def model(j):
    call = j["model"].removeprefix("lmerTest::")
    kind, rest = call.split("(", 1)
    before, rest = rest.split(", data=")
    formula, *options = before.split(", family=")
    out = {"id": j["id"], "kind": kind, "formula": formula, "data": re.match(r"\w+", rest).group()}
    out["contrasts"] = dict(re.findall(r"(\w+)='contr\.(\w+)'", rest))
    if found := re.search(r"weights=(\w+)", rest):
        out["weights"] = found.group(1)
    if kind not in ("lm", "lmer"):
        out["family"] = family(kind, ", ".join([*(f"family={text}" for text in options), rest]))
    return out | {"REML": "REML=FALSE" not in rest, "coef": j["coef"]}


def family(kind, rest):
    """The family by our name for it."""
    found = re.search(r"family=(\w+)(?:\(link='(\w+)'\))?", rest)
    if found is None:
        return "negative_binomial" if kind == "glmer.nb" else "gaussian"
    name, link = found.groups()
    name = {"Gamma": "gamma", "nbinom2": "negative_binomial"}.get(name, name)
    return f"{name}({link})" if link else name


def copy_data(folder, names):
    """Add data sets that are not here yet."""
    here, source = HERE / "data", pathlib.Path(folder) / "data"
    known = json.loads((here / "datasets.json").read_text(encoding="utf-8"))
    levels = json.loads((here / "levels.json").read_text(encoding="utf-8"))
    all_levels = json.loads((source / "levels.json").read_text(encoding="utf-8"))
    for entry in json.loads((source / "datasets.json").read_text(encoding="utf-8")):
        if entry["name"] in names and entry["name"] not in {k["name"] for k in known}:
            known.append(entry)
            levels |= {entry["name"]: all_levels[entry["name"]]} if entry["name"] in all_levels else {}
            (here / entry["file"]).write_bytes((source / entry["file"]).read_bytes())
    rows = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in known)
    (here / "datasets.json").write_text(f"[\n{rows}\n]\n", encoding="utf-8")
    rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in levels.items())
    (here / "levels.json").write_text(f"{{\n{rows}\n}}\n", encoding="utf-8")


def main(folder):
    made, known = [], thetas(folder)
    for path in sorted((pathlib.Path(folder) / "fits" / "emmeans").glob("*.json")):
        j = json.loads(path.read_text())
        if j["model"].removeprefix("lmerTest::").split("(")[0] in KINDS:
            m = model(j)
            if at := known.get((m["kind"], m["formula"], m["data"], m["REML"])):
                m |= at
            made.append(m | {"results": [one(c) for c in j["results"]]})
    copy_data(folder, {j["data"] for j in made})
    rows = [json.dumps(m, ensure_ascii=False) for m in made]
    (HERE / "means.json").write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
    print(len(made), "models", sum(len(m["results"]) for m in made), "results")


if __name__ == "__main__":
    main(sys.argv[1])
