"""Data sets of the field, and the five of the tutorial, in the user's own frame library.

====================  ======  =======================================================================================
name                  rows    what
====================  ======  =======================================================================================
sleepstudy               180  reaction time over ten days of short sleep, 18 people (Belenky et al. 2003)
dyestuff                  30  yield of dyestuff from 6 batches (Davies and Goldsmith 1972)
dyestuff2                 30  simulated batches whose variance is estimated as zero (Box and Tiao 1973)
penicillin               144  6 samples of penicillin crossed with 24 plates (Davies and Goldsmith 1972)
pastes                    60  strength of paste, casks nested in batches (Davies and Goldsmith 1972)
cake                     270  breakage angle of chocolate cakes, 3 recipes, 6 temperatures (Cook 1938)
insteval               73421  ratings of lectures, students crossed with lecturers (ETH Zurich)
cbpp                      56  new cases of a cattle disease in 15 herds (Lesnoff et al. 2004)
grouseticks              403  ticks on grouse chicks in broods in places (Elston et al. 2001)
verbagg                 7584  316 people crossed with 24 items on verbal aggression (De Boeck and Wilson 2004)
machines                  54  6 workers on 3 machines (Milliken and Johnson 1992)
oats                      72  split-plot trial of oats and nitrogen (Yates 1935)
orthodont                108  growth of 27 children's faces from 8 to 14 years (Potthoff and Roy 1964)
contraception           1934  use of contraception in 60 districts of Bangladesh (Huq and Cleland 1990)
tutorial_d1             2500  simulated: five participants alike
tutorial_d2             2500  simulated: five participants who differ
tutorial_d3             2500  simulated: one outlier among five participants
tutorial_d5             2000  simulated: 100 participants with correlated intercepts and slopes
tutorial_d6            25000  simulated: 100 participants crossed with 50 stimuli
====================  ======  =======================================================================================

`describe(name)` gives the columns with their units and the source in full. Column names are lower case; levels and
their order are those of the data sets' well-known R versions.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from ..data.build import build
from ..errors import DataError, nearest
from ..formula.column import Column
from .sources import SOURCES

__all__ = ["describe", "load", "names"]

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The names of the data sets.

    Examples
    --------
    >>> names()[:3]
    ['sleepstudy', 'dyestuff', 'dyestuff2']
    """
    return list(SOURCES)


def describe(name: str) -> str:
    """What a data set holds: what was measured, columns with units, rows, and where it was published.

    Raises
    ------
    DataError
        If there is no data set of that name; the nearest is given.

    Examples
    --------
    >>> print(describe("dyestuff").splitlines()[0])
    dyestuff: 30 rows
    """
    source = SOURCES[_known(name)]
    width = max(map(len, source.columns)) + 4
    columns = [
        fill(f"  {column:<{width - 2}}{meaning}", 88, subsequent_indent=" " * width)
        for column, meaning in source.columns.items()
    ]
    parts = [f"{name}: {source.rows} rows", fill(source.what, 88), "\n".join(columns)]
    return "\n\n".join([*parts, fill(f"Source: {source.origin}.", 88)])


def load(name: str, backend: str = "pandas") -> Any:
    """A data set as a frame.

    Parameters
    ----------
    name
        One of `names()`.
    backend
        `"pandas"` (categorical columns; default), `"polars"` (Enum columns), `"pyarrow"` (a table with dictionary
        columns), or `"dict"`: a dict of `Column`s, which needs no frame library. polars has no mark for ordered
        categories: there, ordered factors keep their order of levels but are plain factors to a formula.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame, pyarrow.Table or dict of str to Column
        Whole numbers are int64, other numbers float64. No data set has missing values.

    Raises
    ------
    DataError
        If there is no data set or backend of that name, or the backend is not installed.

    Examples
    --------
    >>> load("sleepstudy", backend="dict")["reaction"].values[:2]
    array([249.56  , 258.7047])
    """
    return build(_columns(_known(name)), backend)


def _known(name: str) -> str:
    if name not in SOURCES:
        raise DataError(f"data set {name!r} not found{nearest(name, SOURCES)}; datasets.names() lists them")
    return name


def _columns(name: str) -> dict[str, Column]:
    levels = json.loads((_FOLDER / "levels.json").read_text(encoding="utf-8"))[name]
    plain, packed = _FOLDER / f"{name}.csv", _FOLDER / f"{name}.csv.gz"
    content = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    header, *rows = csv.reader(content.decode("utf-8").splitlines())
    fields = zip(*rows, strict=True)
    return {column: _column(column, texts, levels.get(column)) for column, texts in zip(header, fields, strict=True)}


def _column(name: str, texts: Sequence[str], factor: dict[str, Any] | None) -> Column:
    if factor is not None:
        codes = {level: code for code, level in enumerate(factor["levels"])}
        values = np.array([codes[text] for text in texts], np.int32)
        return Column(name, "ordered" if factor["ordered"] else "factor", values, tuple(codes))
    try:
        return Column(name, "number", np.array([int(text) for text in texts], np.int64))
    except ValueError:
        return Column(name, "number", np.array([float(text) for text in texts], np.float64))
