"""Columns to CSV and Parquet files: the way back from `files`."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..formula.column import Column
from .build import build
from .files import column_from_fields, is_parquet

ENDINGS = (".csv", ".csv.gz", ".parquet")


def write_columns(columns: Mapping[str, Column], path: str | os.PathLike[str]) -> None:
    """A table as a .csv, .csv.gz or .parquet file; one that is there is replaced.

    Raises
    ------
    DataError : the name ends otherwise, the folder is not there, the file cannot be written, or there is no library
        that writes Parquet.
    """
    target = Path(path).expanduser()
    if not str(target).lower().endswith(ENDINGS):
        raise DataError(f"file {str(path)!r} cannot be written; expected a name that ends in .csv, .csv.gz or .parquet")
    if not target.parent.is_dir():
        raise DataError(f"the folder {str(target.parent)!r} does not exist; make it first")
    try:
        if is_parquet(str(target)):
            _write_parquet(columns, target)
        else:
            text = csv_text(columns).encode()
            target.write_bytes(gzip.compress(text, mtime=0) if target.suffix.lower() == ".gz" else text)
    except OSError as error:
        raise DataError(f"file {str(path)!r} cannot be written: {error.strerror}") from error


def csv_text(columns: Mapping[str, Column]) -> str:
    """A table as CSV: numbers with all their digits, TRUE and FALSE, NA for what is missing.

    >>> from multilevel.data.rows import read_columns
    >>> print(csv_text(read_columns({"x": [0.1, None], "b": [True, False]})), end="")
    x,b
    0.1,TRUE
    NA,FALSE
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*map(_fields, columns.values()), strict=True))
    return written.getvalue()


def unlike_in_csv(column: Column) -> bool:
    """Whether a CSV file does not keep what the levels of a column are: their order, or that they are no numbers."""
    if not column.levels:
        return False
    read = column_from_fields(column.name, list(column.levels))
    return column.kind == "ordered" or read.kind != "factor" or read.levels != column.levels


def _fields(column: Column) -> list[Any]:
    values = column.values.tolist()
    if column.levels:
        return [column.levels[code] if code >= 0 else "NA" for code in values]
    if column.kind == "logical":
        return ["NA" if value != value else "TRUE" if value else "FALSE" for value in values]
    return ["NA" if value != value else value for value in values]


def _write_parquet(columns: Mapping[str, Column], target: Path) -> None:
    if find_spec("pyarrow"):
        from pyarrow import parquet

        parquet.write_table(build(columns, "pyarrow"), target)
    elif find_spec("polars"):
        build(columns, "polars").write_parquet(target)
    else:
        raise DataError('writing a Parquet file needs pyarrow or polars: pip install "multilevel[pyarrow]"')
