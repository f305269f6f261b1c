#!/usr/bin/env python3
"""Measure multilevel against its peers, on this machine, in one run.

    python benchmarks/run.py                    all cases, all engines that are installed -> results.json
    python benchmarks/run.py --rows 20000       the same with small simulated data (a few minutes)
    python benchmarks/run.py --case slopes crossed --engine multilevel glmm --out /tmp/part.json
    python benchmarks/run.py --table            results.json as Markdown

Each engine gets each case in a process of its own, where one other fit loads the libraries first. Fits are repeated
until --seconds are used up and the median counts; what takes longer than that is fitted once. Data that are not there
are made first.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from cases import CASES, COMPARED_REFITS, ENGINES, WARM_UPS, Case
from make_data import data_path, make
from table import markdown

HERE = Path(__file__).resolve().parent
ALL_ENGINES = tuple(dict.fromkeys(engine for engines in ENGINES.values() for engine in engines))
R_ENGINES = ("lme4", "glmmTMB")
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
)


def main() -> None:
    arguments = parse_arguments()
    if arguments.table:
        print(markdown(json.loads(arguments.out.read_text(encoding="utf-8"))))
        return
    results: dict[str, Any] = {"machine": machine(), "rows": arguments.rows, "limit": arguments.limit, "cases": {}}
    for name in arguments.case:
        case = CASES[name]
        prepare(case, arguments.data, arguments.rows)
        outcomes: dict[str, Any] = {}
        described = {"title": case.title, "formula": case.formula, "kind": case.kind}
        results["cases"][name] = described | {"engines": outcomes}
        for engine in (engine for engine in ENGINES[case.kind] if engine in arguments.engine):
            outcomes[engine] = outcome = measure(engine, case, arguments)
            print(f"{name:12} {engine:12} {in_words(outcome)}", flush=True)
            arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"written to {arguments.out}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--case", nargs="+", choices=CASES, default=list(CASES), metavar="CASE", help=", ".join(CASES))
    add("--engine", nargs="+", choices=ALL_ENGINES, default=ALL_ENGINES, metavar="ENGINE", help=", ".join(ALL_ENGINES))
    add("--rows", type=int, default=1_000_000, help="of simulated data (default: a million)")
    add("--seconds", type=float, default=3, help="time to repeat short fits in (default: 3)")
    add("--limit", type=float, default=600, help="seconds after which an engine is stopped (default: 600)")
    add("--data", type=Path, default=HERE / "data", help="where the data are, or are made")
    add("--out", type=Path, default=HERE / "results.json")
    add("--table", action="store_true", help="print --out as Markdown instead of measuring")
    return parser.parse_args()


def prepare(case: Case, folder: Path, rows: int) -> None:
    """Make the data of a case that are not there yet."""
    for name in {case.data, WARM_UPS[case.kind].data} | ({"responses"} if case.kind == "refit" else set()):
        if not data_path(folder, name, rows).exists():
            make(folder, name, rows)


def measure(engine: str, case: Case, arguments: argparse.Namespace) -> dict[str, Any]:
    """What one engine reports about one case; if it is stopped or fails, what it had reported, and why."""
    if engine in R_ENGINES and shutil.which("Rscript") is None:
        return {"skipped": "R is not installed"}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *absolute(os.environ.get("PYTHONPATH"))])}
    if case.cores is not None:
        environment |= dict.fromkeys(THREADS, str(case.cores))
    process = subprocess.Popen(
        command(engine, case, arguments),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=stay_on(case.cores),
    )
    try:
        out, complaints = process.communicate(timeout=arguments.limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, complaints = process.communicate()
        return last_report(out) or {"stopped": f"not done after {arguments.limit:g} s", "after": arguments.limit}
    if process.returncode != 0:
        return {"failed": (complaints.strip().splitlines() or ["no message"])[-1]}
    return last_report(out)


def command(engine: str, case: Case, arguments: argparse.Namespace) -> list[str]:
    if engine not in R_ENGINES:
        settings = [f"--data={arguments.data}", f"--rows={arguments.rows}", f"--seconds={arguments.seconds}"]
        return [sys.executable, "-m", f"engines.{engine}", case.name, *settings]

    def csv(name: str) -> Path:
        return data_path(arguments.data, name, arguments.rows).with_suffix(".csv")

    warm_up = WARM_UPS[case.kind]
    words = {
        "data": csv(case.data),
        "responses": csv("responses"),
        "warm_up": csv(warm_up.data),
        "formula": case.formula,
        "warm_up_formula": warm_up.formula,
        "family": case.family,
        "warm_up_family": warm_up.family,
        "factors": ",".join({*case.factors, *warm_up.factors}),
        "kind": case.kind,
        "seconds": arguments.seconds,
        "compared": COMPARED_REFITS,
    }
    return ["Rscript", str(HERE / f"engines/{engine}.R"), *[f"{name}={value}" for name, value in words.items()]]


def stay_on(cores: int | None) -> Callable[[], None] | None:
    """Keep a process on its first `cores` cores, where the system can."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    return lambda: os.sched_setaffinity(0, allowed)


def absolute(path: str | None) -> list[str]:
    return [str(Path(entry).resolve()) for entry in (path or "").split(os.pathsep) if entry]


def last_report(out: str) -> dict[str, Any]:
    lines = [line for line in out.splitlines() if line.startswith("{") and line.endswith("}")]
    return json.loads(lines[-1]) if lines else {}


def in_words(outcome: dict[str, Any]) -> str:
    if "seconds" not in outcome:
        return next((f"{state}: {why}" for state, why in outcome.items()), "failed: no report")
    return f"{outcome['seconds']:.6f} s   criterion {outcome['criterion']:.6f}"


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "date": date.today().isoformat(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": commit(),
    }


def processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of this tree, with a + if files have changed since."""
    try:
        words = ["git", "-C", str(HERE), "describe", "--always", "--dirty=+"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


if __name__ == "__main__":
    main()
