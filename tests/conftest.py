"""Files that take long come first, so that side by side (`pytest -n auto`) they do not end last."""

from __future__ import annotations

import pytest

LONG = ("test_sanitizers.py", "test_profile.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)
