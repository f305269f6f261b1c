"""Writes profiles.json: lme4's confidence intervals, profile curves and bootstraps, for test_intervals.py.

    python make_profiles.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/inference/`, the output of R 4.2.2 with lme4 1.1-31: `confint` by profile, Wald and
bootstrap (500 replicates, set.seed(1)), the points of `profile`, and means, standard deviations and quantiles of
`bootMer` (1000 replicates). Only linear mixed models.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def limits(answer: Json) -> list[list[float | None]]:
    table = answer["table"]
    return [list(row) for row in zip(*(table["data"][head] for head in table["columns"]), strict=True)]


def intervals(file: Path) -> Json | None:
    answer = json.loads(file.read_text())
    call = re.fullmatch(r"lmer\((.*), data=(\w+)(, REML=FALSE)?\)", answer["model"])
    if call is None:
        return None
    curve = answer["profile_curve"]["data"]
    return {
        "id": answer["id"],
        "formula": call[1],
        "data": answer["data"][0],
        "reml": call[3] is None,
        "names": answer["profile_95"]["table"]["row_names"],
        "profile": {"0.95": limits(answer["profile_95"]), "0.8": limits(answer["profile_80"])},
        "wald": limits(answer["wald"]),
        "percentile": limits(answer["boot_perc"]),
        "curve": {"parameter": curve[".par"], "value": curve[".focal"], "zeta": curve[".zeta"]},
    }


def main(folder: Path) -> None:
    inference = folder / "fits" / "inference"
    found = [intervals(file) for file in sorted(inference.glob("confint_*.json"))]
    boot = json.loads((inference / "bootMer.json").read_text())["sleep_parametric"]
    keys = ("model", "nsim", "t0", "mean", "sd", "q025", "q975")
    lines = [json.dumps(entry, ensure_ascii=False) for entry in found if entry]
    head = json.dumps({key: boot[key] for key in keys})
    text = f'{{"bootMer": {head},\n "intervals": [\n' + ",\n".join(lines) + "\n]}\n"
    Path(__file__).with_name("profiles.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
