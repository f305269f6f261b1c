"""Writes fits.json: what R says of the lm and lmer fits that the agreement test repeats.

    python make_fits.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/{lm,lmer,tutorial}/*.json`, the output of R 4.2.2 with lme4 1.1-31. For lmer fits the
estimates are those of a refit with a tightened optimiser (minqa's bobyqa, rhoend 1e-9); `criterion_at` are values of
lme4's criterion at stated theta, no optimiser involved.
"""

import json
import pathlib
import re
import sys

ARGUMENT = re.compile(r"(weights|subset|offset)=((?:[^,()]|\([^()]*\))+)")


def arguments(call):
    return {k: v.strip() for k, v in ARGUMENT.findall(call.split("data=")[1])}


def common(j):
    contrasts = dict(re.findall(r"(\w+)='contr\.(\w+)'", j["call"]))
    return {
        "id": j["id"],
        "formula": j["formula"],
        "data": j["data"],
        "nobs": j["nobs"],
        "contrasts": contrasts,
        **arguments(j["call"]),
    }


def lm(j):
    table = j["coef_table"]
    return common(j) | {
        "kind": "lm",
        "beta": j["coef"],
        "se": dict(zip(table["row_names"], table["data"]["Std. Error"], strict=False)),
        "p": dict(zip(table["row_names"], table["data"]["Pr(>|t|)"], strict=False)),
        "sigma": j["sigma"],
        "aliased": j["aliased"] or [],
        "loglik": j["logLik"],
        "aic": j["AIC"],
        "bic": j["BIC"],
        "df_residual": j["df_residual"],
        "r_squared": j["r_squared"],
        "adj_r_squared": j["adj_r_squared"],
        "f": j["fstatistic"],
    }


def lmer(j):
    best = j.get("tight") or {
        "criterion": j["criterion"],
        "beta": j["beta"],
        "se_beta": j["se_beta"],
        "sigma": j["sigma"],
        "varcorr_table": j["varcorr_table"],
        "theta": j["theta"],
    }
    t = best["varcorr_table"]["data"]
    return common(j) | {
        "kind": "lmer",
        "REML": j["REML"],
        "criterion": best["criterion"],
        "beta": best["beta"],
        "se": best["se_beta"],
        "sigma": best["sigma"],
        "varcorr": [list(r) for r in zip(t["grp"], t["var1"], t["var2"], t["sdcor"], strict=False)],
        "theta_names": list(j["theta"]),
        "criterion_at": [[c["theta"], c["value"]] for c in j.get("criterion_at") or []],
        "dropped": j["dropped_columns"],
        "ngroups": j["ngrps"],
        "singular": best.get("is_singular", j["is_singular"]),
    }


def main(folder):
    fits = []
    for part in ("lm", "lmer", "tutorial"):
        for path in sorted((folder / "fits" / part).glob("*.json")):
            j = json.loads(path.read_text())
            if j["kind"] in ("lm", "lmer"):
                fits.append({"lm": lm, "lmer": lmer}[j["kind"]](j))
    out = pathlib.Path(__file__).with_name("fits.json")
    out.write_text("[\n" + ",\n".join(json.dumps(f, separators=(",", ":")) for f in fits) + "\n]\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
