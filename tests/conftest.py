"""Side by side (`pytest -n auto`), files that take long come first, so as not to end last, and each process has one
thread for its BLAS, which reads the variable when NumPy loads: threads waiting for a processor take ten times as long.
"""

from __future__ import annotations

import os

import pytest

LONG = ("test_sanitizers.py", "test_profile.py")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)
