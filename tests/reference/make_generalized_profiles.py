"""Writes generalized_profiles.json: profile likelihood limits of R for fits of glmer, and of glm by MASS.

    python make_generalized_profiles.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/inference/confint_*.json`, the output of R 4.2.2 with lme4 1.1-31. The limits of glm are
those that `confint(glm(...))` of R 4.2.2 with MASS prints for the calls below, with twelve digits.
"""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
GLM = [  # confint(glm(..., epsilon = 1e-14))
    {
        "id": "glm binomial", "formula": "cbind(incidence, size - incidence) ~ period", "data": "cbpp",
        "family": "binomial", "limits": {"0.95": [
            [-1.56115876208889, -0.99202655304644], [-1.76953663005711, -0.620479541273233],
            [-1.95088310534842, -0.715727095525282], [-2.68065936037338, -1.03755181055361],
        ]},
    },
    {
        "id": "glm poisson", "formula": "incidence ~ size", "data": "cbpp", "family": "poisson",
        "limits": {"0.95": [[-1.41445772786278, -0.270110687229911], [0.0532049369804923, 0.108793072363337]]},
    },
]  # fmt: skip


def limits(table):
    """Rows of lower and upper limits."""
    return [list(row) for row in zip(*table["table"]["data"].values(), strict=True)]


def main(folder):
    made = []
    for name in ("confint_cbpp", "confint_epil"):
        j = json.loads((pathlib.Path(folder) / "fits/inference" / f"{name}.json").read_text())
        formula, data, family = re.match(r"glmer\((.+), data=(\w+), family=(\w+)\)", j["model"]).groups()
        levels = {"0.95": limits(j["profile_95"]), "0.8": limits(j["profile_80"])}
        made.append({"id": name, "formula": formula, "data": data, "family": family, "limits": levels})
    rows = [json.dumps(m) for m in [*made, *GLM]]
    (HERE / "generalized_profiles.json").write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
