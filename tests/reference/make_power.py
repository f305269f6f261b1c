"""Writes power.json: powers that R found by simulation.

    python make_power.py REFERENCE_FOLDER

REFERENCE_FOLDER holds `fits/power/*.json`, the output of R 4.2.2 with lme4 1.1-31, lmerTest 3.1-3 and pbkrtest 0.5.2:
sleepstudy and cbpp, responses simulated and refitted one by one (811 s for 6 x 400 of sleepstudy, 402 s for 3 x 200
of cbpp).
"""

import json
import pathlib
import sys

TESTS = ("wald_z", "satterthwaite", "kenward_roger", "lrt", "wald_period4")


def cells(path):
    for name, cell in json.loads(path.read_text())["cells"].items():
        found = {test: round(cell[test]["power"] * cell[test]["nsim"]) for test in TESTS if test in cell}
        kept = ("n_subjects", "slope", "multiplier", "beta", "theta", "sigma", "mean_estimate", "sd_estimate")
        nsim = next(cell[test]["nsim"] for test in TESTS if test in cell)
        singular = {"singular": round(cell["singular_share"] * nsim)} if "singular_share" in cell else {}
        yield name, {k: cell[k] for k in kept if k in cell} | {"nsim": nsim, "significant": found} | singular


def main(folder):
    power = pathlib.Path(folder) / "fits" / "power"
    out = {name: dict(cells(power / f"power_{name}.json")) for name in ("sleep", "cbpp")}
    path = pathlib.Path(__file__).parent / "power.json"
    path.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")
    print({name: len(found) for name, found in out.items()})


if __name__ == "__main__":
    main(sys.argv[1])
