"""A truth written as JSON: the Truth of the same arguments, or one sentence that names the file and what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import multilevel as mlm
from multilevel.truth import Group, Truth, read_truth

STATED = {
    "fixed": {"(Intercept)": 0, "x": 1},
    "groups": {"g": {"sd": {"(Intercept)": 0.25, "x": 0.4}, "corr": 0.7}, "item": {"sd": 2, "distribution": "t(5)"}},
    "sigma": 0.2,
}


def written(folder: Path, text: str) -> Path:
    path = folder / "truth.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_states_the_truth_of_the_same_arguments(tmp_path: Path) -> None:
    truth = read_truth(written(tmp_path, json.dumps(STATED)))
    groups = {"g": Group({"(Intercept)": 0.25, "x": 0.4}, 0.7), "item": Group(2, distribution="t(5)")}
    assert (truth.fixed, truth.groups, truth.sigma) == ({"(Intercept)": 0.0, "x": 1.0}, groups, 0.2)
    assert str(truth) == str(Truth(STATED["fixed"], groups, 0.2))  # type: ignore[arg-type]


@pytest.mark.parametrize("corr", [[[1, 0.3], [0.3, 1]], {"(Intercept)": {"x": 0.3}}, {"x": {"(Intercept)": 0.3}}])
def test_correlations_as_matrix_and_by_pair(tmp_path: Path, corr: Any) -> None:
    group = {"sd": {"(Intercept)": 1, "x": 2}, "corr": corr}
    truth = read_truth(written(tmp_path, json.dumps({"fixed": {}, "groups": {"g": group}, "sigma": 1})))
    assert np.array_equal(truth.groups["g"].corr, [[1, 0.3], [0.3, 1]])


def test_stated_effects_by_level(tmp_path: Path) -> None:
    group = {"effects": {"(Intercept)": {"a": -1, "b": 1}}}
    truth = read_truth(written(tmp_path, json.dumps({"fixed": {}, "groups": {"g": group}, "sigma": 1})))
    assert truth.groups["g"] == Group(effects={"(Intercept)": {"a": -1, "b": 1}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON at line 1, column 1"),
        ('{"fixed": {"x": 1}\n "sigma": 1}', "no JSON at line 2, column 2"),
        ("[1, 2]", "the truth is [1, 2]; expected an object with 'fixed', 'groups', 'sigma'"),
        ('{"sigma": 1}', 'the truth has no "fixed", the coefficients by name'),
        ('{"fixed": {}}', "needs sigma"),
        ('{"fixd": {}, "sigma": 1}', "the truth has 'fixd'; did you mean 'fixed'? (it may have 'fixed', 'groups',"),
        ('{"fixed": {"x": 1, "x": 2}, "sigma": 1}', "'x' stands twice in one object; give it once"),
        ('{"fixed": {"x": NaN}, "sigma": 1}', "the coefficient 'x' is nan; expected a finite number"),
        ('{"fixed": {"x": "1"}, "sigma": 1}', "the coefficient 'x' is '1'"),
        ('{"fixed": [1], "sigma": 1}', "fixed is of type list"),
        ('{"fixed": {}, "sigma": -1}', "sigma is -1"),
        ('{"fixed": {}, "sigma": 1, "groups": [1]}', "groups is of type list"),
        ('{"fixed": {}, "sigma": 1, "groups": {"g": 1}}', "the group 'g' is 1; expected an object with 'sd', 'corr'"),
        ('{"fixed": {}, "sigma": 1, "groups": {"g": {}}}', "the group 'g': a Group says nothing"),
        ('{"fixed": {}, "sigma": 1, "groups": {"g": {"SD": 1}}}', "the group 'g' has 'SD'; did you mean 'sd'?"),
        ('{"fixed": {}, "sigma": 1, "groups": {"g": {"sd": 1, "corr": 0.5}}}', "the group 'g': corr is 0.5, but only"),
        ('{"fixed": {}, "sigma": 1, "groups": {"g": {"sd": 1, "corr": {"x": 1}}}}', "corr of 'x' is 1; expected num"),
    ],
)
def test_files_that_state_no_truth(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(mlm.DataError, match=re.escape(message)) as error:
        read_truth(path)
    assert str(error.value).startswith(f"{path}: ")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(mlm.DataError, match="there is no such file"):
        read_truth(tmp_path / "no.json")
    with pytest.raises(mlm.DataError, match="the file cannot be read"):
        read_truth(tmp_path)
