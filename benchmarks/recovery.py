"""Recovery by simulation: bias and coverage of generalized mixed models fitted to data from a known model.

    python benchmarks/recovery.py [--runs 500]

Data sets of 30 groups with 10 rows each; half of the groups are treated and x varies within groups. The responses are
0 or 1 (binomial, logit) or counts (Poisson, log). Groups differ in level, (1 | g), or also in their slope of x,
(x | g). Each data set is fitted by the Laplace approximation and by adaptive Gauss-Hermite quadrature with 9 nodes a
dimension. Results as Markdown tables on standard output; the seeds are fixed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import multilevel as mlm

Floats = NDArray[np.float64]

GROUPS, ROWS = 30, 10
NODES = {"Laplace": 1, "AGQ": 9}
COEFFICIENTS = ("(Intercept)", "treated", "x")
NORMAL = 1.959963984540054  # the 97.5 % quantile


@dataclass(frozen=True)
class Truth:
    """Fixed effects (3,) in the order of COEFFICIENTS, and standard deviations of intercepts and slopes."""

    family: str
    beta: tuple[float, float, float]
    sd: tuple[float, ...]
    correlation: float = 0.0

    @property
    def random(self) -> str:
        return "(x | g)" if len(self.sd) == 2 else "(1 | g)"


TRUTHS = (
    Truth("binomial", (-0.5, 0.5, 0.5), (1.0,)),
    Truth("binomial", (-0.5, 0.5, 0.5), (1.0, 0.5), 0.3),
    Truth("poisson", (0.5, 0.3, 0.3), (0.5,)),
    Truth("poisson", (0.5, 0.3, 0.3), (0.5, 0.3), 0.3),
)


@dataclass
class Found:
    """What the fits of one truth by one method found: a row per data set."""

    beta: list[Floats]
    se: list[Floats]
    sd: list[Floats]
    singular: list[bool]
    doubtful: int = 0


def draw(rng: np.random.Generator, truth: Truth) -> dict[str, NDArray[np.generic]]:
    g = np.repeat(np.arange(GROUPS), ROWS)
    treated = (g % 2).astype(float)
    x = rng.normal(0, 1, len(g))
    z = rng.normal(0, 1, (GROUPS, 2))
    slope_sd = truth.sd[1] if len(truth.sd) == 2 else 0.0
    level = truth.sd[0] * z[:, 0]
    slope = slope_sd * (truth.correlation * z[:, 0] + np.sqrt(1 - truth.correlation**2) * z[:, 1])
    eta = truth.beta[0] + truth.beta[1] * treated + truth.beta[2] * x + level[g] + slope[g] * x
    y = rng.binomial(1, 1 / (1 + np.exp(-eta))) if truth.family == "binomial" else rng.poisson(np.exp(eta))
    return {"y": y, "g": g, "treated": treated, "x": x}


def study(truth: Truth, runs: int, seed: int) -> dict[str, Found]:
    """The same data sets by each method."""
    rng = np.random.default_rng([20261124, seed])
    found = {method: Found([], [], [], []) for method in NODES}
    for _ in range(runs):
        data = draw(rng, truth)
        for method, nodes in NODES.items():
            m = mlm.glmer(f"y ~ treated + x + {truth.random}", data, truth.family, n_agq=nodes)
            add(found[method], m)
    return found


def add(found: Found, m: mlm.GeneralizedLinearMixedModel) -> None:
    found.beta.append(np.array([m.fixef[name] for name in COEFFICIENTS]))
    found.se.append(np.array([m.se[name] for name in COEFFICIENTS]))
    # theta is the lower triangle of the covariance factor, by columns: (l11, l21, l22)
    found.sd.append(np.array([m.theta[0], *([np.hypot(m.theta[1], m.theta[2])] if len(m.theta) == 3 else [])]))
    found.singular.append(m.is_singular)
    found.doubtful += not m.convergence.certificate.minimum


def rows(truth: Truth, found: dict[str, Found]) -> Iterator[str]:
    """The lines of the table of one truth."""
    for j, name in enumerate(COEFFICIENTS):
        errors = {method: np.array(f.beta)[:, j] - truth.beta[j] for method, f in found.items()}
        held = [np.abs(errors[method]) <= NORMAL * np.array(f.se)[:, j] for method, f in found.items()]
        yield line(name, truth.beta[j], *map(mean, errors.values()), *map(per_cent, held))
    for j, value in enumerate(truth.sd):
        errors = {method: np.array(f.sd)[:, j] - value for method, f in found.items()}
        yield line(f"sd {COEFFICIENTS[::2][j]}", value, *map(mean, errors.values()), *[""] * len(found))


def caption(truth: Truth, found: dict[str, Found]) -> str:
    singular = ", ".join(f"{per_cent(np.array(f.singular))} % ({method})" for method, f in found.items())
    return f"**{truth.family}, `{truth.random}`**; singular fits: {singular}"


def line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def mean(errors: Floats) -> str:
    """With its Monte Carlo standard error."""
    return f"{errors.mean():+.3f} ± {errors.std(ddof=1) / np.sqrt(len(errors)):.3f}"


def per_cent(happened: NDArray[np.bool_]) -> str:
    """The share of what happened, with its Monte Carlo standard error."""
    share = happened.mean()
    return f"{100 * share:.1f} ± {100 * np.sqrt(share * (1 - share) / len(happened)):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500, help="data sets of each truth (default: 500)")
    runs = parser.parse_args().runs
    warnings.simplefilter("ignore", mlm.MultilevelWarning)
    begun, doubtful = time.perf_counter(), 0
    columns = [f"{what}, {method}" for what in ("bias", "coverage %") for method in NODES]
    header = line("parameter", "truth", *columns) + "\n|---|" + "--:|" * (1 + len(columns))
    for seed, truth in enumerate(TRUTHS):
        found = study(truth, runs, seed)
        print("\n".join([caption(truth, found), "", header, *rows(truth, found), ""]), flush=True)
        doubtful += sum(f.doubtful for f in found.values())
    fits, seconds = runs * len(TRUTHS) * len(NODES), time.perf_counter() - begun
    print(f"{runs} data sets each, {fits:,} fits, {doubtful} without a certified optimum; {seconds:.0f} s.")


if __name__ == "__main__":
    main()
