"""The bundled data sets: all there, the same through every door, with R's levels and R's numbers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from multilevel import datasets
from multilevel.data.rows import read_columns
from multilevel.datasets.sources import SOURCES
from multilevel.errors import DataError

NAMES = [
    "sleepstudy", "dyestuff", "dyestuff2", "penicillin", "pastes", "cake", "insteval", "cbpp", "grouseticks", "verbagg",
    "machines", "oats", "orthodont", "contraception",
    "tutorial_d1", "tutorial_d2", "tutorial_d3", "tutorial_d5", "tutorial_d6",
]  # fmt: skip

# Sum of the response and numbers of levels in R's own fits (R 4.2.2, lme4 1.1-31): with an intercept the fitted values
# of lmer(response ~ ...) add up to the sum of the response; ngrps(m) counts the levels. For cbpp, grouseticks, verbagg
# and contraception (no lmer fit): sums and counts of Y in the CSV files written by R.
R_ANSWERS: dict[str, tuple[str, float, dict[str, int]]] = {
    "sleepstudy": ("reaction", 53731.42050, {"subject": 18}),
    "dyestuff": ("yield", 45825, {"batch": 6}),
    "dyestuff2": ("yield", 169.968, {"batch": 6}),
    "penicillin": ("diameter", 3308, {"plate": 24, "sample": 6}),
    "pastes": ("strength", 3603.2, {"sample": 30, "batch": 10}),
    "cake": ("angle", 8673, {"replicate": 15}),
    "insteval": ("y", 235369, {"s": 2972, "d": 1128, "dept": 14}),
    "cbpp": ("incidence", 99, {"herd": 15}),
    "grouseticks": ("ticks", 2567, {"index": 403, "brood": 118, "location": 63}),
    "verbagg": ("r2", 3611, {"id": 316, "item": 24}),
    "machines": ("score", 3221.1, {"worker": 6}),
    "oats": ("yield", 7486, {"block": 6}),
    "orthodont": ("distance", 2594.5, {"subject": 27}),
    "contraception": ("use", 759, {"district": 60}),
    "tutorial_d1": ("y", -4.672427494055448, {"participant": 5}),
    "tutorial_d2": ("y", -4.672427494055443, {"participant": 5}),
    "tutorial_d3": ("y", 995.3275725059445, {"participant": 5}),
    "tutorial_d5": ("y", 1030.948140338402, {"participant": 100}),
    "tutorial_d6": ("y", -2743.17793264036, {"participant": 100, "stimulus": 50}),
}
# Orders of levels that no sorting gives.
LEVELS = [
    ("oats", "block", "ordered", "VI V III IV II I"),
    ("machines", "worker", "ordered", "6 2 4 1 3 5"),
    ("insteval", "dept", "factor", "15 5 10 12 6 7 4 8 9 14 1 3 11 2"),
    ("insteval", "studage", "ordered", "2 4 6 8"),
    ("cake", "temperature", "ordered", "175 185 195 205 215 225"),
    ("cake", "replicate", "factor", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"),
    ("orthodont", "sex", "factor", "Male Female"),
    ("verbagg", "resp", "ordered", "no perhaps yes"),
    ("verbagg", "mode", "factor", "want do"),
    ("contraception", "livch", "factor", "0 1 2 3+"),
]


def test_names() -> None:
    assert datasets.names() == NAMES == list(R_ANSWERS)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_those_of_r(name: str) -> None:
    response, total, groups = R_ANSWERS[name]
    columns = datasets.load(name, backend="dict")
    assert float(columns[response].values.sum()) == pytest.approx(total, rel=1e-12)
    assert {group: len(columns[group].levels) for group in groups} == groups
    for column in columns.values():
        assert column.values.dtype in (np.int64, np.float64, np.int32)
        assert len(column.values) == SOURCES[name].rows
        if column.levels:  # every level occurs
            assert np.array_equal(np.unique(column.values), np.arange(len(column.levels)))
        else:
            assert np.isfinite(column.values).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "insteval"])
@pytest.mark.parametrize(
    ("backend", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)]
)
def test_every_backend_gives_the_same_columns(name: str, backend: str, kind: type) -> None:
    frame = datasets.load(name, backend=backend)
    assert isinstance(frame, kind)
    columns = read_columns(frame)
    expected = datasets.load(name, backend="dict")
    assert list(columns) == list(expected)
    for column, other in zip(columns.values(), expected.values(), strict=True):
        assert column.levels == other.levels
        assert column.kind == ("factor" if backend == "polars" and other.levels else other.kind)
        assert column.values.dtype == other.values.dtype
        assert np.array_equal(column.values, other.values)


@pytest.mark.parametrize(("name", "column", "kind", "levels"), LEVELS)
def test_levels_keep_the_order_of_r(name: str, column: str, kind: str, levels: str) -> None:
    loaded = datasets.load(name, backend="dict")[column]
    assert (loaded.kind, " ".join(loaded.levels)) == (kind, levels)


@pytest.mark.parametrize("name", NAMES)
def test_every_column_is_described(name: str) -> None:
    text = datasets.describe(name)
    assert list(SOURCES[name].columns) == list(datasets.load(name, backend="dict"))
    assert all(f"\n  {column} " in text for column in SOURCES[name].columns)
    assert text.startswith(f"{name}: {SOURCES[name].rows} rows\n")
    assert "Source: " in text
    assert max(map(len, text.splitlines())) <= 88
    assert datasets.__doc__ is not None
    assert f"\n{name} " in datasets.__doc__


@pytest.mark.parametrize("verb", [datasets.load, datasets.describe])
def test_an_unknown_name_is_answered_with_the_nearest(verb: object) -> None:
    with pytest.raises(DataError, match=r"^data set 'Sleepstdy' not found; did you mean 'sleepstudy'\?"):
        verb("Sleepstdy")  # type: ignore[operator]


def test_an_unknown_backend_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        DataError, match=r"^backend 'panda' not known; did you mean 'pandas'\?; expected pandas, polars"
    ):
        datasets.load("cake", backend="panda")


def test_a_backend_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(DataError, match=r'needs polars: pip install "multilevel\[polars\]"'):
        datasets.load("cake", backend="polars")


def test_dict_needs_no_frame_library() -> None:
    code = (
        "import sys; from multilevel import datasets; datasets.load('sleepstudy', backend='dict');"
        "assert not {'pandas', 'polars', 'pyarrow', 'narwhals'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
