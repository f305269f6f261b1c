"""Writes generalized.json: what R says of the glm, glmer and glmmTMB fits that the agreement test repeats.

    python make_generalized.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/{lm,glmer,glmmTMB}/*.json`, the output of R 4.2.2 with lme4 1.1-31 and glmmTMB. For glmer
fits the estimates are those of a refit with a tightened optimiser and PIRLS tolerance 1e-11; `criterion_at` are values
of lme4's criterion at stated theta and beta, no optimiser involved. Of glmmTMB's fits those without models of
dispersion or zero inflation, and with covariances that lme4 has, are taken.
"""

import json
import pathlib
import re
import sys

FAMILIES = {"binomial", "poisson", "Gamma", "inverse.gaussian", "beta", "nbinom2", "nbinom1", "betabinomial", "t",
            "genpois", "tweedie", "truncated_poisson"}  # fmt: skip
OTHER_STRUCTURES = re.compile(r"\b(ar1|cs|toep|ou|exp|mat|us|diag)\(")


def arguments(call):
    found = dict(re.findall(r"(weights|offset|nAGQ)=((?:[^,()]|\([^()]*\))+)", call.split("data=")[1]))
    return {name: value.strip() for name, value in found.items()}


def common(j):
    return {"id": j["id"], "kind": j["kind"], "formula": j["formula"], "data": j["data"], "prepared": j["data_prep"],
            "family": j["family"], "link": j["link"], "nobs": j["nobs"], **arguments(j["call"])}  # fmt: skip


def deviations(table):
    t = table["data"]
    return [list(row) for row in zip(t["grp"], t["var1"], t["var2"], t["sdcor"], strict=True)]


def glmer(j):
    best = j.get("tight") or {}
    tight = {name: best.get(name) or j[name] for name in ("beta", "se_beta", "theta", "varcorr_table")}
    return common(j) | {
        "criterion": best.get("criterion") or j["criterion"], "beta": tight["beta"], "se": tight["se_beta"],
        "se_default": j["se_beta"],
        "varcorr": deviations(tight["varcorr_table"]), "theta_names": list(j["theta"]),
        "criterion_at": [[p["par"], p["value"]] for p in (j.get("criterion_at") or {}).get("points", [])],
        "singular": best.get("is_singular", j["is_singular"]), "summary": j["summary_text"],
        "explained": explained(j), "page": page(j), "size": re.findall(r"theta=([0-9.]+)", j["call"]),
    }  # fmt: skip


def explained(j):
    """Intra-class correlations and R squared by R's performance, of the default fit; None where it gives none."""
    p = j.get("performance") or {}
    if not isinstance(p.get("icc"), dict) or p["icc"].get("ICC_adjusted") is None:
        return None
    return [p["icc"]["ICC_adjusted"], p["icc"]["ICC_unadjusted"], *p["r2_nakagawa"].values()]


def page(j):
    """What the printed page of the default fit shows."""
    t = j["varcorr_table"]["data"]
    return {
        "aic": j["AIC"], "bic": j["BIC"], "loglik": j["logLik"], "criterion": j["criterion"], "df": j["df_residual"],
        "beta": j["beta"], "vcov": j["vcov_beta"]["data"], "groups": j["ngrps"],
        "varcorr": [list(row) for row in zip(t["grp"], t["var1"], t["var2"], t["sdcor"], strict=True)],
    }  # fmt: skip


def glmm_tmb(j):
    sd = {
        group: {"sd": term["sd"], "corr": (term.get("corr") or {}).get("data")}
        for group, term in j["varcorr"]["cond"].items()
    }
    return common(j) | {
        "criterion": j["minus_two_logLik"], "beta": j["beta"],
        "se": dict(zip(j["beta"], [row[i] ** 0.5 for i, row in enumerate(j["vcov"]["cond"]["data"])], strict=True)),
        "sd": sd, "sigma": j["sigma"], "loglik": j["logLik"], "aic": j["AIC"], "bic": j["BIC"],
    }  # fmt: skip


def glm(j):
    table = j["coef_table"]
    return common(j) | {
        "beta": j["coef"], "se": dict(zip(table["row_names"], table["data"]["Std. Error"], strict=True)),
        "dispersion": j["dispersion"], "loglik": j["logLik"], "aic": j["AIC"], "bic": j["BIC"],
        "deviance": j["deviance"], "null_deviance": j["null_deviance"], "summary": j["summary_text"],
        "df_residual": j["df_residual"],
    }  # fmt: skip


def comparable(j):
    plain = j["ziformula"] == "~0" and j["dispformula"] == "~1" and not j["REML"]
    return plain and j["family"] in FAMILIES and not OTHER_STRUCTURES.search(j["formula"])


def main(folder):
    fits = []
    for part in ("lm", "glmer", "glmmTMB"):
        for path in sorted((folder / "fits" / part).glob("*.json")):
            j = json.loads(path.read_text())
            if j["kind"] == "glm":
                fits.append(glm(j))
            elif j["kind"] in ("glmer", "glmer.nb"):
                fits.append(glmer(j))
            elif j["kind"] == "glmmTMB" and comparable(j):
                fits.append(glmm_tmb(j))
    out = pathlib.Path(__file__).with_name("generalized.json")
    out.write_text("[\n" + ",\n".join(json.dumps(f, separators=(",", ":"), ensure_ascii=False) for f in fits) + "\n]\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
