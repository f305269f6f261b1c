"""Truth by simulation: how often tests of a true hypothesis reject, and how often intervals hold the truth.

    python coverage.py [--runs 2000] [--replicates 500]

Data sets are drawn from a known model with 6, 12 and 30 groups of 4 to 10 rows; half of the groups are treated and x
varies within groups. Two models: groups differ in level, (1 | g); and also in their slope of x, (x | g). The treatment
does nothing, and the effect of x is 0.5. Results as a Markdown table on standard output; the seed is fixed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter

import numpy as np

import multilevel as mlm
from multilevel.inference.methods import sampling_of

GROUPS = (6, 12, 30)
MODELS = {"(1 | g)": 0.0, "(x | g)": 0.4}  # standard deviation of the slopes
TRUE = {"treated": 0.0, "x": 0.5}


def draw(rng: np.random.Generator, groups: int, slope_sd: float) -> dict[str, np.ndarray]:
    sizes = rng.integers(4, 11, groups)
    g = np.repeat(np.arange(groups), sizes)
    treated = (g % 2).astype(float)
    x = rng.normal(0, 1, len(g))
    level, slope = rng.normal(0, 0.8, groups), rng.normal(0, slope_sd, groups)
    y = 1 + TRUE["x"] * x + level[g] + slope[g] * x + rng.normal(0, 1, len(g))
    return {"y": y, "g": g, "treated": treated, "x": x}


def tests(m: mlm.LinearMixedModel, counts: Counter[tuple[str, str]]) -> None:
    from scipy.special import stdtr

    for method in ("none", "satterthwaite", "kenward-roger"):
        found = sampling_of(m._fit, method).estimates(np.eye(3)[1:])
        for j, name in enumerate(TRUE):
            t = (found.estimate[j] - TRUE[name]) / found.std_error[j]
            counts[method, name] += 2 * stdtr(found.df[j], -abs(t)) < 0.05


def intervals(m: mlm.LinearMixedModel, counts: Counter[tuple[str, str]], replicates: int, seed: int) -> None:
    for method, options in (("profile", {}), ("boot", {"n": replicates, "seed": seed})):
        found = m.confint(method, **options)
        for name, truth in TRUE.items():
            _, lower, upper = found[name]
            counts[method, name] += not lower <= truth <= upper


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument(
        "--replicates", type=int, default=500, help="of each bootstrap; 0: no intervals by profile and bootstrap"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", mlm.MultilevelWarning)
    print("Share of 5 % tests that reject a true value, or of 95 % intervals that miss it, in per cent\n")
    methods = ["none", "satterthwaite", "kenward-roger", *(("profile", "boot") if arguments.replicates else ())]
    print("| random part | groups | coefficient |", " | ".join(methods), "| singular fits |")
    print("|---|--:|---|" + "--:|" * (len(methods) + 1))
    begun = time.perf_counter()
    for formula, slope_sd in MODELS.items():
        for groups in GROUPS:
            rng = np.random.default_rng([groups, int(10 * slope_sd)])
            counts: Counter[tuple[str, str]] = Counter()
            singular = 0
            for run in range(arguments.runs):
                m = mlm.lmer(f"y ~ treated + x + {formula}", draw(rng, groups, slope_sd))
                singular += m.is_singular
                tests(m, counts)
                if arguments.replicates:
                    intervals(m, counts, arguments.replicates, run)
            for name in TRUE:
                shown = formula.replace("|", r"\|")  # else a new column of the table
                cells = " | ".join(f"{100 * counts[method, name] / arguments.runs:.1f}" for method in methods)
                print(
                    f"| `{shown}` | {groups} | {name} | {cells} | {100 * singular / arguments.runs:.0f} % |", flush=True
                )
    error = 100 * np.sqrt(0.05 * 0.95 / arguments.runs)
    seconds = time.perf_counter() - begun
    print(f"\n{arguments.runs} data sets each; Monte Carlo standard error {error:.1f}. {seconds:.0f} s.")


if __name__ == "__main__":
    main()
