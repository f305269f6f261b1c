"""Writes answers.json: what R says about fits beyond their estimates, for test_answers.py.

    python make_answers.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/`, the output of R 4.2.2 with lme4 1.1-31 (and broom.mixed for `tidy`). For lmer fits
everything is at `theta`, where lme4's default optimiser stopped, so that it can be compared sharply at that theta. Long
vectors are their first values, sum and sum of squares; of random effects the first levels and the sum over all are
kept. Formula, data and arguments of each fit are in fits.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]
VALUES = 5  # of a long vector
COEFFICIENTS = 15  # beyond that no covariance matrix
LEVELS = 3  # of a grouping factor


def vector(v: Json | None) -> Json | None:
    return v and {"first": v["first"][:VALUES], "sum": v["sum"], "sum_sq": v["sum_sq"], "n": v["n"]}


def few(matrix: list[Any]) -> list[Any] | None:
    return matrix if len(matrix) <= COEFFICIENTS else None


def common(fit: Json) -> Json:
    return {
        "id": fit["id"],
        "kind": fit["kind"],
        **{key: fit[key] for key in ("nobs", "df_residual", "logLik", "AIC", "BIC", "sigma")},
        "fitted": vector(fit["fitted"]),
    }


def linear(fit: Json) -> Json:
    return common(fit) | {
        "residuals": vector(fit["residuals"]),
        "coef": fit["coef"],
        "se": dict(zip(fit["coef_table"]["row_names"], fit["coef_table"]["data"]["Std. Error"], strict=True)),
        "vcov": few(fit["vcov"]["data"]),
        "deviance": fit["deviance"],
        "r_squared": fit["r_squared"],
        "adj_r_squared": fit["adj_r_squared"],
        "f": fit["fstatistic"] and list(fit["fstatistic"].values()),
        "p": dict(zip(fit["coef_table"]["row_names"], fit["coef_table"]["data"]["Pr(>|t|)"], strict=True)),
    }


def modes(ranef: Json) -> Json:
    """Of models with very many levels the reference holds the first ones only, and there is no sum."""
    whole = not ranef.get("truncated")
    return {
        group: {
            "levels": table["row_names"][:LEVELS],
            "effects": {name: values[:LEVELS] for name, values in table["data"].items()},
            "sums": {name: sum(values) for name, values in table["data"].items()} if whole else {},
        }
        for group, table in (ranef if whole else ranef["first_50"]).items()
    }


def conditional(group: Json) -> Json:
    """Variances of the effects of the first levels."""
    if group.get("kind", "").startswith("list"):
        return {name: [a["data"][0][0] for a in arrays[:LEVELS]] for name, arrays in group["arrays"].items()
                if len(arrays[0]["data"]) == 1}  # fmt: skip
    return {"matrices": [v["data"] for v in group["vcov"][:LEVELS]]} if "vcov" in group else {}


def mixed(fit: Json) -> Json:
    table = fit["varcorr_table"]["data"]
    return common(fit) | {
        "theta": fit["theta"],
        "beta": fit["beta"],
        "se": fit["se_beta"],
        "vcov": few(fit["vcov_beta"]["data"]),
        "ngrps": fit["ngrps"],
        "criterion": fit["criterion"],
        "varcorr": list(zip(*(table[key] for key in ("grp", "var1", "var2", "vcov", "sdcor")), strict=True)),
        "fitted_population": vector(fit["fitted_population"]),
        "response": vector(fit["residuals"]["response"]),
        "scaled": vector(fit["residuals"]["pearson"]),  # residuals(m, "pearson", scaled = TRUE)
        "ranef": modes(fit["ranef"]),
        "cond_var": {name: conditional(group) for name, group in (fit.get("cond_var") or {}).items()},
    }


def main(folder: Path) -> None:
    fits = []
    for part in ("lm", "lmer", "tutorial"):
        for path in sorted((folder / "fits" / part).glob("*.json")):
            fit = json.loads(path.read_text())
            if fit["kind"] in ("lm", "lmer"):
                fits.append({"lm": linear, "lmer": mixed}[fit["kind"]](fit))
    everything: Json = {"fits": fits}
    for topic in ("predict_lmer", "refit", "tidy"):
        everything[topic] = json.loads((folder / f"fits/inference/{topic}.json").read_text())
    lines = [f"{json.dumps(name)}: {_written(value)}" for name, value in everything.items()]
    Path(__file__).with_name("answers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _written(value: Any) -> str:
    """Compact JSON, an item of a list to a line."""
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(_written, value)) + "\n]"
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
