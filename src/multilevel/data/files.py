"""CSV and Parquet files to columns.

CSV is read here and never by a frame library, so that the same file gives the same columns whatever is installed.
A column whose fields are all whole numbers becomes int64, all numbers float64, all TRUE or FALSE logical, anything else
text; empty fields and NA are missing.
"""

from __future__ import annotations

import csv
import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, nearest
from ..formula.column import Column
from .values import EXACT, factor_from_texts

MISSING = ("", "NA")
TRUTH = {**dict.fromkeys(("TRUE", "True", "true"), 1.0), **dict.fromkeys(("FALSE", "False", "false"), 0.0)}
BATCH = 500  # rows turned into columns at a time: few enough to stay in the processor's cache


def existing(path: str | os.PathLike[str]) -> str:
    """The path as text, known to be a .csv, .csv.gz or .parquet file.

    Raises
    ------
    DataError
        If there is no such file (the nearest name beside it is given) or it ends otherwise.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        beside = [other.name for other in file.parent.iterdir()] if file.parent.is_dir() else []
        what = "is a folder, not a file" if file.is_dir() else f"not found{nearest(file.name, beside)}"
        hint = "" if file.suffix else "; a bundled data set is loaded by datasets.load(name)"
        raise DataError(f"file {str(path)!r} {what}{hint}")
    if not str(file).lower().endswith((".csv", ".csv.gz", ".parquet")):
        raise DataError(f"file {str(path)!r} cannot be read; expected a name that ends in .csv, .csv.gz or .parquet")
    return str(file)


def is_parquet(path: str) -> bool:
    """Whether the name says Parquet (else: CSV)."""
    return path.lower().endswith(".parquet")


def names(path: str) -> list[str]:
    """The names of the columns of a CSV or Parquet file, in order."""
    if not is_parquet(path):
        with _rows(path) as rows:
            return _header(path, rows)
    with _parquet_errors(path):
        if find_spec("pyarrow"):
            from pyarrow import parquet

            return list(parquet.read_schema(path).names)
        if find_spec("polars"):
            import polars as pl

            return list(pl.read_parquet_schema(path))
    return list(parquet_frame(path, None).columns)


def parquet_frame(path: str, wanted: list[str] | None) -> Any:
    """The columns `wanted` of a Parquet file, by the first of pyarrow, polars and pandas that is installed."""
    with _parquet_errors(path):
        if find_spec("pyarrow"):
            from pyarrow import parquet

            return parquet.read_table(path, columns=wanted)
        if find_spec("polars"):
            import polars as pl

            return pl.read_parquet(path, columns=wanted)
        if find_spec("pandas"):
            import pandas as pd

            return pd.read_parquet(path, columns=wanted)
    raise DataError('reading a Parquet file needs pyarrow, polars or pandas: pip install "multilevel[pyarrow]"')


@contextmanager
def _parquet_errors(path: str) -> Iterator[None]:
    try:
        yield
    except ImportError:  # pandas reads Parquet only with pyarrow or fastparquet
        raise DataError('reading a Parquet file needs pyarrow: pip install "multilevel[pyarrow]"') from None
    except Exception as error:  # each library has its own errors for a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"file {path!r} cannot be read as Parquet: {reason}") from None


def csv_columns(path: str, wanted: Sequence[str]) -> list[Column]:
    """The columns `wanted` of a CSV file.

    Raises
    ------
    DataError
        If a row has more or fewer fields than the header, or the file is not UTF-8 or damaged.
    """
    with _rows(path) as rows:
        header = _header(path, rows)
        places = [header.index(name) for name in wanted]
        fields: list[list[str]] = [[] for _ in wanted]
        n = 0
        while batch := list(islice(rows, BATCH)):
            if set(map(len, batch)) != {len(header)}:
                raise _ragged(path, batch, len(header), n)
            n += len(batch)
            columns = list(zip(*batch, strict=True))
            for texts, place in zip(fields, places, strict=True):
                texts += columns[place]
    return [column_from_fields(name, texts) for name, texts in zip(wanted, fields, strict=True)]


def column_from_fields(name: str, fields: list[str]) -> Column:
    """The column that the fields of a CSV file mean.

    >>> column_from_fields("x", ["1", "NA", "2.5"]).values
    array([1. , nan, 2.5])
    """
    missing = any(mark in fields for mark in MISSING)
    numbers = _numbers(["nan" if f in MISSING else f for f in fields] if missing else fields, missing)
    if numbers is not None:
        return Column(name, "number", numbers)
    if all(f in TRUTH or f in MISSING for f in fields):
        truth = np.array([TRUTH.get(f, np.nan) for f in fields])
        return Column(name, "logical", truth if missing else truth.astype(np.bool_))
    return factor_from_texts(name, [None if f in MISSING else f for f in fields] if missing else fields)


def _numbers(fields: list[str], missing: bool) -> np.ndarray | None:
    """int64 or float64 (n,), or None if a field is no number, or a whole number too long to keep all its digits."""
    values: np.ndarray
    try:
        values = np.fromiter(map(int, fields), np.int64, len(fields))
    except OverflowError:
        return None
    except ValueError:
        try:
            values = np.fromiter(map(float, fields), np.float64, len(fields))
        except ValueError:
            return None
        beyond = np.fmax.reduce(np.abs(values), initial=0.0) >= EXACT
        if beyond and missing and set("".join(fields)) <= set("+-0123456789nan"):
            return None
    return None if "_" in "".join(fields) else values  # Python reads 1_000 as a number; people mean a name


@contextmanager
def _rows(path: str) -> Iterator[Iterator[list[str]]]:
    """The rows of a CSV file without blank lines; what is wrong with the file becomes a DataError."""
    opened = gzip.open if path.lower().endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield filter(None, csv.reader(file))
    except UnicodeDecodeError:
        raise DataError(f"file {path!r} is not UTF-8 text; save it as UTF-8") from None
    except (csv.Error, OSError, EOFError, zlib.error) as error:
        raise DataError(f"file {path!r} cannot be read as CSV: {error}") from None


def _header(path: str, rows: Iterator[list[str]]) -> list[str]:
    header = next(rows, [])
    if not header:
        raise DataError(f"file {path!r} does not begin with a row of column names")
    for mark, spelt in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in header[0]:
            decimal = ", decimal=','" if mark == ";" else ""
            raise DataError(
                f"the fields of file {path!r} are separated by {spelt}; expected commas: save it with these, or give "
                f"pandas.read_csv({path!r}, sep={mark!r}{decimal})"
            )
    return header


def _ragged(path: str, batch: list[list[str]], width: int, before: int) -> DataError:
    i, found = next((i, len(row)) for i, row in enumerate(batch) if len(row) != width)
    return DataError(f"row {before + i + 1} of file {path!r} has {found} fields; the header has {width}")
