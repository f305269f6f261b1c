"""Results in the frame library the user works with: one door for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

_BUILDERS = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "table"}


def frame(columns: Mapping[str, Sequence[Any] | np.ndarray[Any, Any]], backend: str = "pandas") -> Any:
    """Columns as a frame of the library the user works with.

    Parameters
    ----------
    columns : name -> (n,) values; None is a missing text, NaN a missing number.
    backend : `"pandas"` (default), `"polars"`, `"pyarrow"`, or `"dict"` for a dict of arrays. Where pandas is not
        installed, `"pandas"` gives the dict.

    Raises
    ------
    ValueError : the backend is none of these.

    >>> frame({"term": ["days"], "estimate": np.array([10.467])}, "dict")
    {'term': array(['days'], dtype=object), 'estimate': array([10.467])}
    """
    arrays = {name: _array(values) for name, values in columns.items()}
    if backend == "dict" or (backend == "pandas" and find_spec("pandas") is None):
        return arrays
    if backend not in _BUILDERS:
        raise ValueError(f"backend {backend!r} is not known; expected one of {', '.join([*_BUILDERS, 'dict'])}")
    return getattr(import_module(backend), _BUILDERS[backend])(arrays)


def _array(values: Sequence[Any] | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if isinstance(values, np.ndarray):
        return np.ascontiguousarray(values)
    has_text = any(v is None or isinstance(v, str) for v in values)
    return np.array(values, dtype=object if has_text else None)
