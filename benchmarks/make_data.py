#!/usr/bin/env python3
"""Write the data of the benchmarks, as .npz for Python and as .csv for R.

    python benchmarks/make_data.py [NAME ...] [--rows N] [--out DIR]

sleepstudy, penicillin, insteval   bundled with the package
responses  sleepstudy's design, 10,000 simulated responses (500 of them in the .csv)
maximal    56 subjects x 32 items, 8 cells   y ~ 1 + a*b*c + (1 + a + b + c | subj) + (1 + a + b + c | item)
single     N rows, N / 10 groups             y ~ x + (x | g)
crossed    N rows, 5000 x 2000 groups        y ~ x + (1 | a) + (1 | b)
nested     N rows, N / 10 groups in N / 100  y ~ x + (1 | outer/inner)
lm         N rows                            y ~ x1 + ... + x10
cbpp, contraception, verbagg, grouseticks   bundled; the response, and what else the models need, as numbers
binomial   N / 10 rows, N / 500 groups       y ~ x + (x | g), y 0 or 1
poisson    N / 10 rows, 1000 x 500 groups    y ~ x + (1 | a) + (1 | b), y counts

N is a million. Everything is seeded: the same NumPy gives the same data. Simulated grouping columns are integers
from 1; a categorical column is two arrays in the .npz: its codes, and its levels under NAME.levels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

Columns = dict[str, np.ndarray]

BUNDLED = ("sleepstudy", "penicillin", "insteval")


def bundled(name: str) -> Columns:
    from multilevel import datasets

    columns: Columns = {}
    for key, column in datasets.load(name, backend="dict").items():
        columns[key] = column.values
        if column.levels:
            columns[f"{key}.levels"] = np.array(column.levels)
    return columns


def responses(_: int) -> Columns:
    rng = np.random.default_rng(20240606)
    sleep, many = bundled("sleepstudy"), 10_000
    days, subject = sleep["days"].astype(float), sleep["subject"]
    covariance = [[24.74**2, 0.066 * 24.74 * 5.92], [0.066 * 24.74 * 5.92, 5.92**2]]
    b = rng.multivariate_normal([0.0, 0.0], covariance, (many, subject.max() + 1))[:, subject]
    y = 251.4 + 10.47 * days + b[..., 0] + b[..., 1] * days + 25.59 * rng.standard_normal((many, len(days)))
    return {"Y": np.round(y, 4)}


def maximal(_: int) -> Columns:
    rng = np.random.default_rng(20240603)
    ns, ni = 56, 32
    subj = np.repeat(np.arange(ns), ni)
    item = np.tile(np.arange(ni), ns)
    cell = (subj + item) % 8
    a = np.where(cell % 2 == 0, -1, 1)
    b = np.where((cell // 2) % 2 == 0, -1, 1)
    c = np.where((cell // 4) % 2 == 0, -1, 1)
    z = np.column_stack([np.ones(ns * ni), a, b, c])

    def effects(levels: int, sd: list[float], rho: float) -> np.ndarray:
        correlation = np.full((4, 4), rho)
        np.fill_diagonal(correlation, 1.0)
        root: np.ndarray = np.linalg.cholesky(correlation)
        return (rng.standard_normal((levels, 4)) @ root.T) * np.asarray(sd)

    us = effects(ns, [300, 60, 40, 80], 0.4)
    ui = effects(ni, [350, 50, 30, 300], -0.3)
    x = np.column_stack([z, a * b, a * c, b * c, a * b * c])
    beta = np.array([2180, -67, -333, 78, 22, -18, 5, -2.0])
    y = x @ beta + (z * us[subj]).sum(1) + (z * ui[item]).sum(1) + 700 * rng.standard_normal(ns * ni)
    return {"subj": subj + 1, "item": item + 1, "a": a, "b": b, "c": c, "y": np.round(y, 4)}


def single(n: int) -> Columns:
    rng = np.random.default_rng(20240602)
    groups = max(1, n // 10)
    g = rng.integers(0, groups, n)
    x = np.round(rng.standard_normal(n), 6)
    z = rng.standard_normal((groups, 2))
    u0 = 0.7 * z[:, 0]
    u1 = 0.3 * (0.4 * z[:, 0] + np.sqrt(1 - 0.4**2) * z[:, 1])
    y = 2.0 + 0.5 * x + u0[g] + u1[g] * x + rng.standard_normal(n)
    return {"g": g + 1, "x": x, "y": np.round(y, 6)}


def crossed(n: int) -> Columns:
    rng = np.random.default_rng(20240601)
    na, nb = 5000, 2000
    a = rng.integers(0, na, n)
    b = rng.integers(0, nb, n)
    x = np.round(rng.standard_normal(n), 6)
    ua = rng.standard_normal(na) * 0.6
    ub = rng.standard_normal(nb) * 0.4
    y = 1.0 + 0.5 * x + ua[a] + ub[b] + rng.standard_normal(n)
    return {"a": a + 1, "b": b + 1, "x": x, "y": np.round(y, 6)}


def nested(n: int) -> Columns:
    rng = np.random.default_rng(20240605)
    outers = max(1, n // 100)
    leaf = rng.integers(0, 10 * outers, n)
    outer, inner = leaf // 10, leaf % 10
    x = np.round(rng.standard_normal(n), 6)
    u_outer = rng.standard_normal(outers) * 0.5
    u_leaf = rng.standard_normal(10 * outers) * 0.7
    y = 1.0 + 0.5 * x + u_outer[outer] + u_leaf[leaf] + rng.standard_normal(n)
    return {"outer": outer + 1, "inner": inner + 1, "x": x, "y": np.round(y, 6)}


def lm(n: int) -> Columns:
    rng = np.random.default_rng(20240604)
    x = np.round(rng.standard_normal((n, 10)), 6)
    y = 0.5 + x @ np.linspace(-1, 1, 10) + rng.standard_normal(n)
    return {f"x{j + 1}": x[:, j].copy() for j in range(10)} | {"y": np.round(y, 6)}


def cbpp(_: int) -> Columns:
    herds = bundled("cbpp")
    incidence, size = herds["incidence"], herds["size"]
    return herds | {"failures": size - incidence, "proportion": incidence / size}


def contraception(_: int) -> Columns:
    women = bundled("contraception")
    return women | {"y": is_level(women, "use", "Y"), "age2": np.round(women["age"] ** 2, 6)}


def verbagg(_: int) -> Columns:
    answers = bundled("verbagg")
    return answers | {"y": is_level(answers, "r2", "Y")}


def grouseticks(_: int) -> Columns:
    chicks = bundled("grouseticks")
    return chicks | {"c_height": np.round(chicks["c_height"], 6)}


def is_level(columns: Columns, name: str, level: str) -> np.ndarray:
    found: np.ndarray = columns[f"{name}.levels"][columns[name]] == level
    return found.astype(np.int64)


def binomial(n: int) -> Columns:
    rng = np.random.default_rng(20240607)
    rows, groups = max(10, n // 10), max(2, n // 500)
    g = rng.integers(0, groups, rows)
    x = np.round(rng.standard_normal(rows), 6)
    z = rng.standard_normal((groups, 2))
    level, slope = 0.8 * z[:, 0], 0.4 * (0.3 * z[:, 0] + np.sqrt(1 - 0.3**2) * z[:, 1])
    eta = -0.5 + 0.6 * x + level[g] + slope[g] * x
    return {"g": g + 1, "x": x, "y": rng.binomial(1, 1 / (1 + np.exp(-eta)))}


def poisson(n: int) -> Columns:
    rng = np.random.default_rng(20240608)
    rows, na, nb = max(10, n // 10), 1000, 500
    a = rng.integers(0, na, rows)
    b = rng.integers(0, nb, rows)
    x = np.round(rng.standard_normal(rows), 6)
    ua, ub = 0.5 * rng.standard_normal(na), 0.3 * rng.standard_normal(nb)
    return {"a": a + 1, "b": b + 1, "x": x, "y": rng.poisson(np.exp(0.2 + 0.3 * x + ua[a] + ub[b]))}


FIXED: dict[str, Callable[[int], Columns]] = {
    "responses": responses,
    "maximal": maximal,
    "cbpp": cbpp,
    "contraception": contraception,
    "verbagg": verbagg,
    "grouseticks": grouseticks,
}
SIMULATED: dict[str, Callable[[int], Columns]] = {
    "single": single,
    "crossed": crossed,
    "nested": nested,
    "lm": lm,
    "binomial": binomial,
    "poisson": poisson,
}
NAMES = (*BUNDLED, *FIXED, *SIMULATED)


def data_path(folder: Path, name: str, rows: int) -> Path:
    """The .npz of a data set, its .csv beside it; those that can have any length carry it in their name."""
    return folder / (f"{name}-{rows}.npz" if name in SIMULATED else f"{name}.npz")


def make(folder: Path, name: str, rows: int) -> None:
    """Write one data set."""
    columns = bundled(name) if name in BUNDLED else (FIXED | SIMULATED)[name](rows)
    folder.mkdir(parents=True, exist_ok=True)
    path = data_path(folder, name, rows)
    write_csv(path.with_suffix(".csv"), columns)
    np.savez(path, **columns)


def write_csv(path: Path, columns: Columns) -> None:
    """Integers as integers, text as text, floats as what they were rounded to; a matrix without a header."""
    if "Y" in columns:
        np.savetxt(path, columns["Y"][:500], fmt="%.4f", delimiter=",")
        return
    shown = {
        name: columns[f"{name}.levels"][values] if f"{name}.levels" in columns else values
        for name, values in columns.items()
        if not name.endswith(".levels")
    }
    line = ",".join({"i": "%d", "U": "%s", "f": "%.6f"}[values.dtype.kind] for values in shown.values()) + "\n"
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(",".join(shown) + "\n")
        step = 100_000
        for start in range(0, len(next(iter(shown.values()))), step):
            block = [values[start : start + step].tolist() for values in shown.values()]
            file.write("".join(line % row for row in zip(*block, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=NAMES)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in NAMES:
            parser.error(f"{name!r} is none of {', '.join(NAMES)}")
        make(arguments.out, name, arguments.rows)
        print(data_path(arguments.out, name, arguments.rows))


if __name__ == "__main__":
    main()
