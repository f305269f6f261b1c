"""Measure degrees of freedom, profiles, bootstrap and contrasts against R, on this machine, in one run.

    python benchmarks/inference.py [--replicates 1000]

For R: lme4, lmerTest, pbkrtest and emmeans (apt-get install r-cran-lmertest r-cran-emmeans). Each task is a call a user
makes, the fit not included; the median of repeats within three seconds counts. What R cannot do is said. A Markdown
table is printed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import multilevel as mlm

SECONDS = 3.0
LIMIT = 300  # seconds that R may take for one task

R = """
suppressPackageStartupMessages({library(lmerTest); library(pbkrtest); library(emmeans)})
folder <- commandArgs(TRUE)[1]; task <- commandArgs(TRUE)[2]; replicates <- as.integer(commandArgs(TRUE)[3])
sleep <- read.csv(file.path(folder, "sleep.csv"), stringsAsFactors = TRUE)
sleep$subject <- factor(sleep$subject)
twenty <- read.csv(file.path(folder, "twenty.csv"), stringsAsFactors = TRUE)
m <- lmer(reaction ~ days + (days | subject), sleep)
lm20 <- lm(y ~ f, twenty)
if (startsWith(task, "insteval")) {
  insteval <- read.csv(file.path(folder, "insteval.csv"))
  for (v in c("s", "d", "dept")) insteval[[v]] <- factor(insteval[[v]])
  m <- lmer(y ~ service + (1 | s) + (1 | d) + (1 | dept), insteval)
}
run <- switch(task,
  satterthwaite = , insteval_satterthwaite = function() coef(summary(as_lmerModLmerTest(m))),
  kenward_roger = , insteval_kenward_roger = function() coef(summary(as_lmerModLmerTest(m), ddf = "Kenward-Roger")),
  profile = function() profile(lme4::refitML(m)),
  bootstrap = function() bootMer(m, function(x) c(fixef(x), getME(x, "theta"), sigma(x)), nsim = replicates),
  tukey = function() summary(pairs(emmeans(lm20, "f"))))
times <- c(); start <- proc.time()[[3]]
repeat {
  t <- proc.time()[[3]]; suppressMessages(suppressWarnings(run())); times <- c(times, proc.time()[[3]] - t)
  if (proc.time()[[3]] - start > 3) break
}
cat(median(times))
"""


def tasks(replicates: int) -> dict[str, tuple[str, Callable[[], Callable[[], object]]]]:
    """Name -> what it is called, and what makes the call to be timed."""
    sleep = "reaction ~ days + (days | subject)"
    many = "y ~ service + (1 | s) + (1 | d) + (1 | dept)"

    def summary(formula: str, data: str, method: str) -> Callable[[], Callable[[], object]]:
        from multilevel.inference import kenward_roger, satterthwaite

        compute = {"satterthwaite": satterthwaite.satterthwaite, "kenward-roger": kenward_roger.kenward_roger}[method]

        def made() -> Callable[[], object]:
            fit = mlm.lmer(formula, mlm.datasets.load(data))._fit
            return lambda: compute(fit).estimates(np.eye(len(fit.kept)))

        return made

    def profile() -> Callable[[], object]:
        return mlm.lmer(sleep, mlm.datasets.load("sleepstudy"), REML=False).profile

    def bootstrap() -> Callable[[], object]:
        m = mlm.lmer(sleep, mlm.datasets.load("sleepstudy"))
        return lambda: m.bootstrap(replicates, seed=1)

    def tukey() -> Callable[[], object]:
        m = mlm.lm("y ~ f", twenty())
        return lambda: m.emmeans("f").contrast("pairwise", adjust="tukey").to_frame()

    return {
        "satterthwaite": ("Satterthwaite, sleepstudy", summary(sleep, "sleepstudy", "satterthwaite")),
        "kenward_roger": ("Kenward-Roger, sleepstudy", summary(sleep, "sleepstudy", "kenward-roger")),
        "insteval_satterthwaite": ("Satterthwaite, InstEval (73,421 rows)", summary(many, "insteval", "satterthwaite")),
        "insteval_kenward_roger": ("Kenward-Roger, InstEval (73,421 rows)", summary(many, "insteval", "kenward-roger")),
        "profile": ("profile of all parameters, sleepstudy", profile),
        "bootstrap": (f"parametric bootstrap, {replicates} replicates, sleepstudy", bootstrap),
        "tukey": ("Tukey contrasts of 20 levels", tukey),
    }


def twenty() -> pd.DataFrame:
    """Twenty groups of ten."""
    rng = np.random.default_rng(1)
    f = np.repeat([f"level {i:02d}" for i in range(20)], 10)
    return pd.DataFrame({"y": rng.normal(size=200) + np.repeat(rng.normal(size=20), 10), "f": f})


def timed(call: Callable[[], object]) -> float:
    """Median seconds."""
    found: list[float] = []
    while sum(found) < SECONDS:
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def of_r(folder: Path, task: str, replicates: int) -> str | float:
    """Median seconds of R, or why there are none."""
    if shutil.which("Rscript") is None:
        return "R is not installed"
    script = folder / "task.R"
    script.write_text(R, encoding="utf-8")
    try:
        done = subprocess.run(
            ["Rscript", str(script), str(folder), task, str(replicates)], capture_output=True, text=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return f"> {LIMIT} s"
    if done.returncode:
        return "fails: " + done.stderr.strip().splitlines()[-1][:80]
    return float(done.stdout)


def seconds(value: float) -> str:
    """With its unit."""
    return f"{1e6 * value:.0f} µs" if value < 1e-3 else f"{1e3 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--only", nargs="*", help="tasks to run")
    parser.add_argument("--out", type=Path, help="write the seconds as JSON as well")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", mlm.MultilevelWarning)
    results: dict[str, tuple[float, str | float]] = {}
    print("| task | multilevel | R | ratio |\n|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mlm.datasets.load("sleepstudy").to_csv(folder / "sleep.csv", index=False)
        mlm.datasets.load("insteval").to_csv(folder / "insteval.csv", index=False)
        twenty().to_csv(folder / "twenty.csv", index=False)
        for task, (title, made) in tasks(arguments.replicates).items():
            if arguments.only and task not in arguments.only:
                continue
            call = made()
            call()
            ours, theirs = timed(call), of_r(folder, task, arguments.replicates)
            results[task] = ours, theirs
            of_r_cell, ratio = (theirs, "") if isinstance(theirs, str) else (seconds(theirs), f"{theirs / ours:,.0f}x")
            print(f"| {title} | {seconds(ours)} | {of_r_cell} | {ratio} |", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
