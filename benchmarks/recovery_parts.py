"""Recovery by simulation where mean, zero inflation and dispersion all have random effects.

    python benchmarks/recovery_parts.py [--runs 40]

Responses of 40 groups with 30 rows each, by group and item, are drawn from a stated truth and fitted. Standard
deviations between groups are 0.5 (mean), 0.9 (logit of the zero inflation) and 0.6 (logarithm of the first shape), of
the same groups, or where it is crossed of the 30 items for the last one. For each parameter the mean error with its
Monte Carlo standard error, and for coefficients the share of 95 % Wald intervals that hold the truth. Results as a
Markdown table on standard output; the seeds are fixed.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np

import multilevel as mlm

GROUPS, ROWS = 40, 30
NORMAL = 1.959963984540054  # the 97.5 % quantile
SDS = {"sd": 0.5, "zi: sd": 0.9, "disp: sd": 0.6}
CASES = {  # family, intercepts of mean and log shape, nodes, the factor that the dispersion varies over
    "negative_binomial": ("negative_binomial", 1.5, 0.8, 1, "g"),
    "negative_binomial, crossed": ("negative_binomial", 1.5, 0.8, 1, "h"),
    "negative_binomial_1": ("negative_binomial_1", 1.5, 0.8, 1, "g"),
    "gamma": ("gamma(log)", 0.5, 0.8, 1, "g"),
    "beta": ("beta", 0.3, 2.0, 1, "g"),
    "negative_binomial, 5 nodes": ("negative_binomial", 1.5, 0.8, 5, "g"),
}


def study(case: str, runs: int) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Errors (runs, 9) of standard deviations and coefficients, whether intervals hold, fits that failed or doubt."""
    family, mean, shape, nodes, other = CASES[case]
    fixed = {
        "(Intercept)": mean, "x": 0.3, "zi: (Intercept)": -1.0, "zi: x": 0.6,
        "disp: (Intercept)": shape, "disp: x": 0.3,
    }  # fmt: skip
    effects = dict(zip(("g", "zi: g", f"disp: {other}"), map(mlm.Group, SDS.values()), strict=True))
    truth = mlm.Truth(fixed, effects, family=family)
    parts = {"ziformula": "~ x + (1 | g)", "dispformula": f"~ x + (1 | {other})"}
    design = mlm.expand_grid(g=GROUPS, h=ROWS)
    design["x"] = np.random.default_rng(1).normal(size=len(design))
    errors, held, failed, doubtful = [], [], 0, 0
    for seed in range(runs):
        data = mlm.simulate("y ~ x + (1 | g)", design, truth, seed, **parts)
        try:
            m = mlm.glmer("y ~ x + (1 | g)", data, family, n_agq=nodes, **parts)
        except mlm.FitError:
            failed += 1
            continue
        doubtful += not m.convergence.certified
        found = np.concatenate([np.asarray(part) for part in (m.fixef, m.zero_inflation, m.dispersion)])
        error = found - np.array(list(fixed.values()))
        errors.append([*(m.theta - list(SDS.values())), *error])
        held.append(np.abs(error) <= NORMAL * np.sqrt(np.diag(m.joint_vcov)))
    return np.array(errors), np.array(held), failed, doubtful


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--only", help="one of the cases")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", mlm.MultilevelWarning)
    names = [*SDS, "mean", "x", "zi: mean", "zi: x", "disp: mean", "disp: x"]
    print(
        f"| model | failed | not certified | s | {' | '.join(names)} | held |\n|{'---|' * (len(names) + 5)}", flush=True
    )
    for case in [asked.only] if asked.only else CASES:
        start = time.perf_counter()
        errors, held, failed, doubtful = study(case, asked.runs)
        took = (time.perf_counter() - start) / asked.runs
        spread = errors.std(axis=0, ddof=1) / len(errors) ** 0.5
        cells = [f"{e:+.3f} ({s:.3f})" for e, s in zip(errors.mean(axis=0), spread, strict=True)]
        share = f"{100 * held.mean():.1f} %"
        print(f"| {case} | {failed} | {doubtful} | {took:.2f} | {' | '.join(cells)} | {share} |", flush=True)


if __name__ == "__main__":
    main()
