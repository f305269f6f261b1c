"""Truth by simulation: how often prediction intervals of generalized mixed models hold a response that is yet to come.

    python coverage_responses.py [--runs 100]

25 groups of 6 rows, x = 0 or 1; groups differ with a standard deviation of 0.5 on the scale of the link. New responses
come from the same groups, or from new ones. Results as a Markdown table on standard output; the seeds are fixed.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

import multilevel as mlm
from multilevel.designs import expand_grid
from multilevel.truth import prepare

GROUPS = 25
FAMILIES = {
    "binomial": None,  # of 8 trials
    "poisson": None,
    "negative_binomial": {"size": 2.0},
    "gamma(log)": {"dispersion": 0.4},
    "tweedie": {"dispersion": 0.8, "power": 1.5},
}


def shares(family: str, seed: int) -> tuple[float, float]:
    """Of one data set: the shares of new responses of the same groups, and of new groups, that their intervals hold."""
    design = expand_grid(g=GROUPS, x=[0.0, 1.0], k=3, backend="dict") | {"n": np.full(6 * GROUPS, 8.0)}
    formula = f"{'cbind(y, n - y)' if family == 'binomial' else 'y'} ~ x + (1 | g)"
    truth = mlm.Truth({"(Intercept)": 0.5, "x": 0.4}, {"g": mlm.Group(0.5)}, family=family, shape=FAMILIES[family])
    effects = np.random.default_rng([seed, 0]).normal(0, 0.5, GROUPS)
    these = truth.replace(groups={"g": mlm.Group(effects={"(Intercept)": effects.tolist()})})
    m = mlm.glmer(formula, mlm.simulate(formula, design, these, seed=seed), family)
    found = []
    for groups, source in (("same", these), ("population", truth)):
        y = prepare(formula, design, source).draw(np.random.default_rng([seed, 1]))
        limits = m.predict(type="response", groups=groups, interval="prediction")
        found.append(float(np.mean((y >= limits["lower"]) & (y <= limits["upper"]))))
    return found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    runs = parser.parse_args().runs
    warnings.simplefilter("ignore", mlm.MultilevelWarning)
    print("| family | same groups | new groups |\n|---|--:|--:|")
    for family in FAMILIES:
        found = 100 * np.array([shares(family, seed) for seed in range(runs)])
        cells = [f"{m:.1f} ({s:.1f})" for m, s in zip(found.mean(0), found.std(0) / runs**0.5, strict=True)]
        print(f"| {family} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
