"""Truth by simulation: how often intervals hold the truth where zero inflation or dispersion have random effects.

    python coverage_parts.py [--runs 120]

40 groups of 20 rows; predictors of the mean differ between groups with a standard deviation of 0.5, those of the
inflation or dispersion with 0.8. Expected responses and the second part are those of the same groups; single responses
come from the same groups, or from new ones. Results as a Markdown table on standard output; the seeds are fixed.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

import multilevel as mlm
from multilevel.designs import expand_grid

GROUPS, ROWS, EVERY = 40, 20, 10
PARTS = {  # family, option, its formula, what is predicted of it, its intercept and slope
    "poisson, ziformula": ("poisson", "ziformula", "~ x + (1 | g)", "zprob", -0.8, 0.5),
    "gaussian, dispformula": ("gaussian", "dispformula", "~ x + (1 | g)", "disp", -1.0, 0.5),
    "negative_binomial, dispformula": ("negative_binomial", "dispformula", "~ 1 + (1 | g)", "disp", 0.8, 0.0),
}


def draw(family: str, eta: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Responses (n,) at predictors of the mean and of the other part."""
    if family == "poisson":
        return np.where(rng.random(len(eta)) < 1 / (1 + np.exp(-other)), 0, rng.poisson(np.exp(eta))).astype(float)
    if family == "gaussian":
        return rng.normal(eta, np.exp(other / 2))
    size = np.exp(other)
    return rng.negative_binomial(size, size / (size + np.exp(eta))).astype(float)


def shares(case: str, seed: int) -> list[float]:
    """Of one data set: the shares of the truth that intervals hold, of every tenth row."""
    family, option, formula, type, intercept, slope = PARTS[case]
    design = expand_grid(g=GROUPS, t=ROWS)
    x, g = np.random.default_rng(1).normal(size=len(design)), np.repeat(np.arange(GROUPS), ROWS)
    rng = np.random.default_rng(1000 + seed)
    b, c = 0.5 * rng.normal(size=GROUPS), 0.8 * rng.normal(size=GROUPS)
    eta, other = 1 + 0.4 * x + b[g], intercept + slope * x + c[g]
    data = design.assign(x=x, y=draw(family, eta, other, rng))
    m = mlm.glmer("y ~ x + (1 | g)", data, family, **{option: formula})
    rows = slice(None, None, EVERY)

    def held(truth: np.ndarray, **asked: str) -> float:
        limits = m.predict(data.iloc[rows], **asked)
        return float(np.mean((limits["lower"] <= truth[rows]) & (truth[rows] <= limits["upper"])))

    chance = 1 / (1 + np.exp(-other))
    mean = {"poisson": (1 - chance) * np.exp(eta), "gaussian": eta}.get(family, np.exp(eta))
    found = [
        held(mean, type="response", interval="confidence"),
        held(chance if type == "zprob" else np.exp(other), type=type, interval="confidence"),
        held(draw(family, eta, other, rng), type="response", interval="prediction"),
    ]
    eta, other = (at + sd * rng.normal(size=GROUPS)[g] for at, sd in ((eta - b[g], 0.5), (other - c[g], 0.8)))
    new = draw(family, eta, other, rng)
    return [*found, held(new, type="response", groups="population", interval="prediction")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=120)
    runs = parser.parse_args().runs
    warnings.simplefilter("ignore", mlm.MultilevelWarning)
    print("| model | expected | second part | same groups | new groups |\n|---|--:|--:|--:|--:|")
    for case in PARTS:
        found = 100 * np.array([shares(case, seed) for seed in range(runs)])
        cells = [f"{m:.1f} ({s:.1f})" for m, s in zip(found.mean(0), found.std(0) / runs**0.5, strict=True)]
        print(f"| {case} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
