"""What the Python engines share: data in, fits timed, memory watched, one line of JSON out."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np
import pandas as pd
from cases import CASES, COMPARED_REFITS, WARM_UPS, Case
from make_data import data_path

STATUS = Path("/proc/self/status")
MOST_FITS = 1000


class UnavailableError(Exception):
    """The engine has no such model, or is not installed; the message says so."""


class Engine(Protocol):
    """What a file of an engine provides."""

    packages: tuple[str, ...]

    def fit(self, case: Case, frame: pd.DataFrame) -> Any:
        """From the frame to the fitted model."""

    def answer(self, case: Case, model: Any) -> dict[str, Any]:
        """`criterion` (-2 log-likelihood with all constants; REML for lmer), and `evaluations` if they are counted."""

    def refits(self, model: Any, frame: pd.DataFrame, Y: np.ndarray, seconds: float) -> tuple[float, np.ndarray, str]:
        """Seconds per refit for as many rows of `Y` as there is time for, the first criteria, and a note."""


def main(make_engine: Callable[[], Engine]) -> None:
    """Run the case named on the command line; the last complete line printed counts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    case = CASES[arguments.case]
    warnings.simplefilter("ignore")
    try:
        run(make_engine(), case, arguments.data, arguments.rows, arguments.seconds)
    except UnavailableError as why:
        report({"skipped": str(why)})


def run(engine: Engine, case: Case, folder: Path, rows: int, seconds: float) -> None:
    warm_up = WARM_UPS[case.kind]
    engine.answer(warm_up, engine.fit(warm_up, read(warm_up, folder, rows)))
    frame = read(case, folder, rows)
    used = frame[[name for name in frame if re.search(rf"\b{name}\b", case.formula)]]
    facts = {
        "rows": len(frame),
        "data_bytes": int(used.memory_usage(index=False).sum()),
        "versions": versions(engine.packages),
    }
    if case.kind == "refit":
        Y = np.load(data_path(folder, "responses", rows))["Y"]
        per_refit, criteria, note = engine.refits(engine.fit(case, frame), frame, Y, seconds)
        mean = float(np.mean(criteria[:COMPARED_REFITS]))
        report(facts | {"seconds": per_refit, "criterion": mean, "note": note})
    else:
        times, peak, answer = timed(engine, case, frame, seconds, facts)
        report(facts | {"seconds": median(times), "fits": len(times), "peak_bytes": peak} | answer)


def timed(
    engine: Engine, case: Case, frame: pd.DataFrame, seconds: float, facts: dict[str, Any]
) -> tuple[list[float], int | None, dict[str, Any]]:
    """Fit until the time is used up; the first fit does not count if there are others, memory is that of the first."""
    before = watch_memory()
    start = time.perf_counter()
    model = engine.fit(case, frame)
    times = [time.perf_counter() - start]
    peak = None if before is None else max(0, peak_memory() - before)
    answer = engine.answer(case, model)
    report(facts | {"seconds": times[0], "fits": 1, "peak_bytes": peak} | answer)
    del model
    while sum(times) < seconds and len(times) <= MOST_FITS:
        start = time.perf_counter()
        engine.fit(case, frame)
        times.append(time.perf_counter() - start)
    return times[1:] or times, peak, answer


def refit_each(
    refit: Callable[[np.ndarray], Any], criterion: Callable[[Any], float], Y: np.ndarray, seconds: float
) -> tuple[float, np.ndarray]:
    """Seconds per refit and the first criteria, one response after the other."""
    criteria = np.array([criterion(refit(y)) for y in Y[:COMPARED_REFITS]])
    start, done = time.perf_counter(), 0
    for y in Y:
        refit(y)
        done += 1
        if time.perf_counter() - start > seconds:
            break
    return (time.perf_counter() - start) / done, criteria


def read(case: Case, folder: Path, rows: int) -> pd.DataFrame:
    """The frame a user would have: numbers, integers, and pandas categoricals."""
    with np.load(data_path(folder, case.data, rows)) as file:
        arrays = dict(file)
    return pd.DataFrame(
        {
            name: pd.Categorical.from_codes(values, arrays[f"{name}.levels"].tolist())
            if f"{name}.levels" in arrays
            else values
            for name, values in arrays.items()
            if not name.endswith(".levels")
        }
    )


def watch_memory() -> int | None:
    """Give unused memory back, forget the peak so far, and return the present level in bytes (None: not on Linux)."""
    forget = Path("/proc/self/clear_refs")
    if not os.access(forget, os.W_OK):
        return None
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    forget.write_text("5", encoding="ascii")
    return memory("VmRSS")


def peak_memory() -> int:
    """The largest resident size since `watch_memory`, in bytes."""
    return memory("VmHWM")


def memory(field: str) -> int:
    (line,) = (line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    return {package: installed(package) for package in ("numpy", "pandas", *packages)}


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "source tree"


def report(result: dict[str, Any]) -> None:
    print(json.dumps(result), flush=True)


def require(name: str) -> Any:
    """Import the engine's library, or skip."""
    try:
        return __import__(name, fromlist=["*"])
    except ModuleNotFoundError as missing:
        if missing.name not in (name, name.split(".")[0]):
            raise
        raise UnavailableError(f"{missing.name} is not installed") from None
