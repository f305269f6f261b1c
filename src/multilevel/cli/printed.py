"""What a command prints: pages in the width of the terminal, results as JSON."""

from __future__ import annotations

import json
import math
import shutil
from typing import Any

from ..layout import Page


def to_text(page: Page) -> str:
    """The page in the width of the terminal; 80 columns where there is none."""
    return page.to_text(shutil.get_terminal_size().columns)


def to_json(**parts: Any) -> str:
    """One object with the parts by name; what JSON has no number for should be None in them."""
    return json.dumps(parts, indent=2, allow_nan=False, ensure_ascii=False)


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """The rows of a frame of any library; None for what is missing or not finite."""
    from ..data.rows import read_columns

    cells: dict[str, list[Any]] = {}
    for name, column in read_columns(frame).items():
        values = column.values.tolist()
        if column.kind in ("factor", "ordered"):
            cells[name] = [column.levels[code] if code >= 0 else None for code in values]
        else:
            cells[name] = [value if math.isfinite(value) else None for value in values]
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
