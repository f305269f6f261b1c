"""A truth written as JSON: the arguments of Truth and of Group by their names.

{"fixed": {"(Intercept)": 0, "condition[treatment]": 1},
 "groups": {"participant": {"sd": {"(Intercept)": 0.25, "condition[treatment]": 0.4}, "corr": 0.7}},
 "sigma": 0.2}
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..errors import DataError, nearest
from .groups import Group
from .truths import Truth


def read_truth(path: str | Path) -> Truth:
    """The truth that a JSON file states.

    Parameters
    ----------
    path : of a file with one object, whose names are the arguments of `Truth`. `groups` holds an object for each
        grouping factor, whose names are the arguments of `Group`; `corr` is a number, a matrix as rows, or numbers by
        pairs of names, `{"(Intercept)": {"days": 0.3}}`.

    Raises
    ------
    DataError : there is no such file, it is no JSON, a name in it is unknown or stands there twice, or the truth that
        it states cannot be. Messages begin with the name of the file.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "truth.json")
    ...     written = file.write_text('{"fixed": {"(Intercept)": 250, "days": 10}, "sigma": 30}')
    ...     read_truth(file).fixed
    {'(Intercept)': 250.0, 'days': 10.0}
    """
    try:
        return _truth(_contents(Path(path).expanduser()))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _contents(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError("there is no such file; expected one that states a truth in JSON") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the file cannot be read: {error}") from None
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise DataError(f"no JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; DataError for a name that stands in it twice, of which JSON would keep the last."""
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise DataError(f"{name!r} stands twice in one object; give it once")
        made[name] = value
    return made


def _truth(given: Any) -> Truth:
    stated = _known("the truth", given, [field.name for field in fields(Truth)])
    if "fixed" not in stated:
        raise DataError('the truth has no "fixed", the coefficients by name')
    groups = stated.get("groups", {})
    if isinstance(groups, Mapping):
        groups = {name: _group(name, group) for name, group in groups.items()}
    return Truth(**{**stated, "groups": groups})


def _group(name: str, given: Any) -> Group:
    stated = dict(_known(f"the group {name!r}", given, [field.name for field in fields(Group)]))
    corr = stated.get("corr")
    if isinstance(corr, Mapping):
        stated["corr"] = {(a, b): r for a, others in corr.items() for b, r in _others(a, others).items()}
    try:
        return Group(**stated)
    except DataError as error:
        raise DataError(f"the group {name!r}: {error}") from None


def _others(name: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise DataError(f'corr of {name!r} is {given!r}; expected numbers by name, as in {{"{name}": {{"days": 0.3}}}}')
    return given


def _known(what: str, given: Any, names: Collection[str]) -> Mapping[str, Any]:
    """An object with some of the names and no others."""
    if not isinstance(given, Mapping):
        raise DataError(f"{what} is {json.dumps(given)}; expected an object with {', '.join(map(repr, names))}")
    for name in given:
        if name not in names:
            raise DataError(f"{what} has {name!r}{nearest(name, names)} (it may have {', '.join(map(repr, names))})")
    return given
