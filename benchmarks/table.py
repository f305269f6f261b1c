"""Results as Markdown: ratios at a glance, then each case in detail."""

from __future__ import annotations

from math import exp, log
from typing import Any

OURS = "multilevel"
WORSE = 0.01  # a criterion this far above the best one is another optimum
LARGE = 10e6  # bytes of data from which memory is worth a ratio
GROUPS = {"Linear models": ("lmer", "refit", "lm"), "Generalized models": ("glmer",)}
LEGEND = (
    "Times, and in brackets how many times as long as multilevel. † its criterion is more than 0.01 above the lowest. "
    "The mean counts, in brackets, the cases that the engine finished; the lowest ratio includes those it did not."
)


def markdown(results: dict[str, Any]) -> str:
    """The machine, a table of ratios for each group of cases, and one table a case."""
    parts = [about(results)]
    for title, kinds in GROUPS.items():
        if cases := {name: case for name, case in results["cases"].items() if case["kind"] in kinds}:
            parts += [f"### {title}", ratios(cases)]
    parts += [LEGEND]
    parts += [f"### {heading(case)}\n\n`{case['formula']}`\n\n{details(case)}" for case in results["cases"].values()]
    return "\n\n".join(parts)


def about(results: dict[str, Any]) -> str:
    machine, versions = results["machine"], all_versions(results["cases"])
    return (
        f"{machine['date']}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}; load at the start {machine['load']:.1f}. "
        f"Python {machine['python']}, "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + "."
        + (f" Commit {machine['commit']}." if machine["commit"] else "")
    )


def all_versions(cases: dict[str, Any]) -> dict[str, str]:
    return {
        name: version
        for case in cases.values()
        for outcome in case["engines"].values()
        for name, version in outcome.get("versions", {}).items()
    }


def ratios(cases: dict[str, Any]) -> str:
    """Seconds, and how many times as long as multilevel; then the geometric mean of the ratios, and the lowest."""
    engines = list(dict.fromkeys(engine for case in cases.values() for engine in case["engines"]))
    rows = [[heading(case), *[cell(case, engine) for engine in engines]] for case in cases.values()]
    rows.append(["**geometric mean of the ratios**", *[mean_cell(cases.values(), engine) for engine in engines]])
    rows.append(["lowest ratio", *[lowest_cell(cases.values(), engine) for engine in engines]])
    return grid(["", *engines], rows)


def heading(case: dict[str, Any]) -> str:
    rows = next((outcome["rows"] for outcome in case["engines"].values() if "rows" in outcome), None)
    return case["title"] if rows is None else f"{case['title']} ({rows:,} rows)"


def cell(case: dict[str, Any], engine: str) -> str:
    outcome = case["engines"].get(engine, {})
    ratio = ratio_of(case, engine)
    if "stopped" in outcome:
        return f"> {duration(outcome['after'])}" + ("" if ratio is None else f" (> {times(ratio)})")
    if "seconds" not in outcome:
        return next((state for state in ("skipped", "failed") if state in outcome), "-")
    shown = duration(outcome["seconds"]) + (" †" if above_best(case, engine) > WORSE else "")
    return shown if ratio is None or engine == OURS else f"{shown} ({times(ratio)})"


def mean_cell(cases: Any, engine: str) -> str:
    fitted = [case for case in cases if "seconds" in case["engines"].get(engine, {})]
    found = [ratio for case in fitted if (ratio := ratio_of(case, engine)) is not None]
    if not found or engine == OURS:
        return ""
    return f"**{times(exp(sum(map(log, found)) / len(found)))}** ({len(found)})"


def lowest_cell(cases: Any, engine: str) -> str:
    found = [ratio for case in cases if (ratio := ratio_of(case, engine)) is not None]
    return times(min(found)) if found and engine != OURS else ""


def ratio_of(case: dict[str, Any], engine: str) -> float | None:
    """How many times as long as multilevel; a lower bound if the engine was stopped."""
    ours: dict[str, float]
    theirs: dict[str, float]
    ours, theirs = (case["engines"].get(name, {}) for name in (OURS, engine))
    took = theirs.get("seconds", theirs.get("after"))
    return None if "seconds" not in ours or took is None else took / ours["seconds"]


def above_best(case: dict[str, Any], engine: str) -> float:
    """How far an engine's criterion is above the lowest of all."""
    criteria = [outcome["criterion"] for outcome in case["engines"].values() if "criterion" in outcome]
    return case["engines"][engine]["criterion"] - min(criteria)


def details(case: dict[str, Any]) -> str:
    header = ["", "time", "ratio", "criterion", "above the best", "evaluations", "peak memory", "of data", "notes"]
    return grid(header, [detail(case, engine) for engine in case["engines"]])


def detail(case: dict[str, Any], engine: str) -> list[str]:
    outcome = case["engines"][engine]
    if "seconds" not in outcome:
        return [engine, *[""] * 7, next((f"{state}: {why}" for state, why in outcome.items()), "failed: no report")]
    ratio, peak = ratio_of(case, engine), outcome.get("peak_bytes")
    size = next((o["data_bytes"] for o in case["engines"].values() if "data_bytes" in o), None)
    return [
        engine,
        duration(outcome["seconds"]),
        "" if ratio is None else times(ratio),
        f"{outcome['criterion']:.4f}",
        f"{above_best(case, engine):.1e}",
        str(outcome.get("evaluations") or ""),
        "" if peak is None else f"{peak / 1e6:.0f} MB",
        "" if not peak or not size or size < LARGE else f"{peak / size:.1f}x",
        notes(case, outcome),
    ]


def notes(case: dict[str, Any], outcome: dict[str, Any]) -> str:
    if case["kind"] == "refit":
        return f"{1 / outcome['seconds']:,.0f} per second; {outcome['note']}"
    return f"median of {outcome['fits']}" if outcome["fits"] > 1 else "one fit"


def times(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:.3g}x"


def duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def grid(header: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows])
