"""Truth by simulation: how often tests of a true hypothesis reject, and how often intervals hold the truth.

    python benchmarks/coverage.py [--runs 2000] [--replicates 199] [--only NAME ...] [--groups 6 12 30]

Data sets are drawn from known models (see STUDIES) with 6, 12 and 30 groups. Results as a Markdown table on standard
output; the seeds are fixed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri, stdtr

import multilevel as mlm
from multilevel.inference.holding import LinearHolder
from multilevel.inference.methods import sampling_of
from multilevel.inference.parameters import Parameter
from multilevel.models.estimate import Fit

GROUPS = (6, 12, 30)
DF = {"none": "none", "satterthwaite": "Satterthwaite", "kenward-roger": "Kenward-Roger"}
Data = dict[str, np.ndarray]
Counts = Counter[tuple[str, str]]


class Study(NamedTuple):
    """A model, what its tested coefficients truly are, and how its data are drawn."""

    formula: str
    truth: dict[str, float]
    draw: Callable[[np.random.Generator, int], Data]
    stream: int  # of the random numbers


def unequal(level_sd: float, slope_sd: float) -> Callable[[np.random.Generator, int], Data]:
    """4 to 10 rows a group, half of the groups treated, x standard normal; residuals of one."""

    def draw(rng: np.random.Generator, groups: int) -> Data:
        sizes = rng.integers(4, 11, groups)
        g = np.repeat(np.arange(groups), sizes)
        treated = (g % 2).astype(float)
        x = rng.normal(0, 1, len(g))
        level, slope = rng.normal(0, level_sd, groups), rng.normal(0, slope_sd, groups)
        y = 1 + 0.5 * x + level[g] + slope[g] * x + rng.normal(0, 1, len(g))
        return {"y": y, "g": g, "treated": treated, "x": x}

    return draw


def balanced(rng: np.random.Generator, groups: int) -> Data:
    """Ten rows a group, half of the groups treated, x the same for all; levels differ by 1, residuals by 1."""
    g = np.repeat(np.arange(groups), 10)
    x = np.tile(np.linspace(-1, 1, 10), groups)
    y = 1 + 0.5 * x + rng.normal(0, 1, groups)[g] + rng.normal(0, 1, len(g))
    return {"y": y, "g": g, "treated": (g % 2).astype(float), "x": x}


def sleepstudy(rng: np.random.Generator, groups: int) -> Data:
    """Ten days a person, truths about as estimated from lme4's sleepstudy: sd 25 and 6, residuals 25."""
    g, x = np.repeat(np.arange(groups), 10), np.tile(np.arange(10.0), groups)
    level, slope = rng.normal(0, 25, groups), rng.normal(0, 6, groups)
    y = 250 + 10 * x + level[g] + slope[g] * x + rng.normal(0, 25, len(g))
    return {"y": y, "g": g, "x": x}


STUDIES = {
    "intercepts": Study("y ~ treated + x + (1 | g)", {"treated": 0.0, "x": 0.5}, unequal(0.8, 0.0), 0),
    "slopes": Study("y ~ treated + x + (x | g)", {"treated": 0.0, "x": 0.5}, unequal(0.8, 0.4), 4),
    "large slopes": Study("y ~ treated + x + (x | g)", {"treated": 0.0, "x": 0.5}, unequal(3.0, 2.0), 20),
    "treated slopes": Study("y ~ treated * x + (x | g)", {"treated": 0.0, "treated:x": 0.0}, unequal(3.0, 2.0), 21),
    "balanced": Study("y ~ treated + x + (1 | g)", {"treated": 0.0, "x": 0.5}, balanced, 1),
    "sleepstudy": Study("y ~ x + (x | g)", {"(Intercept)": 250.0, "x": 10.0}, sleepstudy, 6),
}


def tests(fit: Fit, truth: dict[str, float], at: list[int], counts: Counts) -> None:
    """Which 5 % t tests of the truth reject: also which 95 % intervals of estimate ± t standard errors miss it."""
    for method in DF:
        found = sampling_of(fit, method).estimates(np.eye(len(fit.kept))[at])
        for j, (name, true) in enumerate(truth.items()):
            t = (found.estimate[j] - true) / found.std_error[j]
            counts[method, name] += 2 * stdtr(found.df[j], -abs(t)) < 0.05


def profiles(fit: Fit, truth: dict[str, float], at: list[int], counts: Counts) -> None:
    """Which 95 % profile intervals miss the truth: those where its likelihood ratio is too large."""
    holder = LinearHolder(fit)
    best, _ = holder.best(None)
    for i, (name, true) in zip(at, truth.items(), strict=True):
        held = holder.hold("coefficient", true, best, Parameter(name, "coefficient", i=i), i)
        counts["profile", name] += held.criterion - best.criterion > chdtri(1, 0.05)


def bootstraps(
    fit: Fit, truth: dict[str, float], at: list[int], counts: Counts, replicates: int, rng: np.random.Generator
) -> None:
    """Which 95 % percentile intervals of a parametric bootstrap, its responses drawn as sums, miss the truth."""
    core, e = fit.sums.core, fit.estimate
    draws = core.draws()
    numbers = np.column_stack(
        [rng.standard_normal((replicates, draws.size)), rng.chisquare(draws.noise_df, replicates)]
    )
    start = None if e.is_singular else e.theta
    beta = core.refit_drawn(draws, numbers, e.theta, e.sigma, e.beta, True, start, 1)["beta"]
    for i, (name, true) in zip(at, truth.items(), strict=True):
        lower, upper = np.quantile(beta[:, i], [0.025, 0.975], method="weibull")
        counts["boot", name] += not lower <= true <= upper


def share(count: int, runs: int) -> str:
    """In per cent, with its Monte Carlo standard error."""
    p = count / runs
    return f"{100 * p:.1f} ± {100 * np.sqrt(p * (1 - p) / runs):.1f}"


def studied(study: Study, groups: int, runs: int, replicates: int) -> tuple[Counts, int]:
    """How often what was wrong, and how many fits were singular."""
    rng, again = (np.random.default_rng(seed) for seed in ([groups, study.stream], [groups, study.stream, 1]))
    counts: Counts = Counter()
    singular = 0
    for _ in range(runs):
        m = mlm.lmer(study.formula, study.draw(rng, groups))
        singular += m.is_singular
        asked = m._fit, study.truth, [m.fixef.names.index(name) for name in study.truth], counts
        tests(*asked)
        profiles(*asked)
        if replicates:
            bootstraps(*asked, replicates, again)
    return counts, singular


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--replicates", type=int, default=199, help="of each bootstrap; 0: no intervals by bootstrap")
    parser.add_argument("--only", nargs="*", choices=list(STUDIES), default=list(STUDIES), help="studies to run")
    parser.add_argument("--groups", nargs="*", type=int, default=GROUPS, help="numbers of groups")
    arguments = parser.parse_args()
    runs, replicates = arguments.runs, arguments.replicates
    warnings.simplefilter("ignore", mlm.MultilevelWarning)
    print("Share of 5 % tests that reject a true value, or of 95 % intervals that miss it, in per cent\n")
    methods = {**DF, "profile": "profile", **({"boot": "bootstrap"} if replicates else {})}
    print("| study | groups | singular fits | coefficient |", " | ".join(methods.values()), "|")
    print("|---|--:|--:|---|" + "--:|" * len(methods))
    begun = time.perf_counter()
    for title in arguments.only:
        study = STUDIES[title]
        for groups in arguments.groups:
            counts, singular = studied(study, groups, runs, replicates)
            for name in study.truth:
                cells = " | ".join(share(counts[method, name], runs) for method in methods)
                print(f"| {title} | {groups} | {100 * singular / runs:.1f} % | {name} | {cells} |", flush=True)
    print(f"\n{runs} data sets each. {time.perf_counter() - begun:.0f} s.")


if __name__ == "__main__":
    main()
