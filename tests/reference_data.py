"""The data sets that R's answers under reference/ were computed on, as pandas frames with R's factor levels.

The files in reference/data were written from R 4.2.2; datasets.json there names the package and licence of each.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "reference" / "data"
TYPES = {
    entry["name"]: (entry["file"], {column["name"]: column["type"] for column in entry["columns"]})
    for entry in json.loads((FOLDER / "datasets.json").read_text(encoding="utf-8"))
}
LEVELS = json.loads((FOLDER / "levels.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=16)
def _read(name: str) -> pd.DataFrame:
    file, types = TYPES[name]
    frame = pd.read_csv(FOLDER / file, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8")
    for column, kind in types.items():
        values = frame[column]
        if kind in ("factor", "ordered"):
            levels = LEVELS[name][column]
            frame[column] = pd.Categorical(values, categories=levels["levels"], ordered=levels["ordered"])
        elif kind == "integer":
            frame[column] = values.astype(float) if values.isna().any() else values.astype("int64")
        elif kind == "numeric":
            frame[column] = values.astype(float)
        elif kind == "logical":
            frame[column] = values.map({"TRUE": True, "FALSE": False})
    return frame


def load(name: str) -> pd.DataFrame:
    """A fresh copy of the data set."""
    return _read(name).copy()
