"""Designs with more or fewer levels of a grouping factor: who is taken, who is copied, what stays shared."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import multilevel as mlm
from multilevel.data.rows import read_columns
from multilevel.designs import between, latin_square, nested
from multilevel.formula import Formula
from multilevel.formula.levels import labelled
from multilevel.studies.resized import resized


def made(design: Any, formula: str, factor: str, size: int) -> pd.DataFrame:
    """The resized design as text, to be counted."""
    columns = resized(read_columns(design), Formula.parse(formula), factor, size)
    shown = {}
    for name, column in columns.items():
        codes, labels = labelled(column)
        shown[name] = np.array([*labels, "missing"], object)[codes]
    return pd.DataFrame(shown)


def test_the_first_levels_of_the_table_are_taken() -> None:
    data = pd.DataFrame({"g": ["b", "b", "a", "a", "c", "c"], "x": [1, 2, 3, 4, 5, 6]})
    assert made(data, "y ~ x + (1 | g)", "g", 2)["x"].tolist() == ["1", "2", "3", "4"]
    assert made(data, "y ~ x + (1 | g)", "g", 3)["g"].tolist() == list("bbaacc")


def test_beyond_the_last_level_their_rows_are_copied() -> None:
    data = pd.DataFrame({"g": [7, 7, 9], "x": [1, 2, 3]})
    found = made(data, "y ~ x + (1 | g)", "g", 5)
    assert found["g"].tolist() == ["7", "7", "9", "7 (2)", "7 (2)", "9 (2)", "7 (3)", "7 (3)"]
    assert found["x"].tolist() == ["1", "2", "3", "1", "2", "3", "1", "2"]


@pytest.mark.parametrize("size", [4, 10, 12, 21, 60])
@pytest.mark.parametrize("in_turn", [True, False])
def test_groups_between_participants_stay_balanced(size: int, in_turn: bool) -> None:
    design = mlm.expand_grid(participant=12, group=between("participant", ["a", "b"]), trial=2, backend="pandas")
    if not in_turn:
        design = design.sort_values("group", kind="stable")
    found = made(design, "y ~ group + (1 | participant)", "participant", size).drop_duplicates("participant")
    assert len(found) == size
    assert abs(int((found["group"] == "a").sum()) * 2 - size) <= 1


def test_what_is_crossed_stays_shared_and_counterbalanced() -> None:
    square = latin_square("participant", "item", ["p", "q"])
    design = mlm.expand_grid(participant=4, item=6, prime=square, backend="pandas")
    found = made(design, "y ~ prime + (1 | participant) + (1 | item)", "participant", 10)
    assert found["item"].nunique() == 6
    assert (found.groupby("participant")["prime"].value_counts() == 3).all()
    assert (found.groupby(["item", "prime"]).size() == 5).all()
    more = made(design, "y ~ prime + (1 | participant) + (1 | item)", "item", 15)
    assert (more["participant"].nunique(), more["item"].nunique(), len(more)) == (4, 15, 60)


def test_pupils_of_a_copied_school_are_new_ones() -> None:
    design = mlm.expand_grid(school=3, pupil=nested(4, "school"), test=2, backend="pandas")
    design["pupil"] = design["school"].astype(str) + "." + design["pupil"].astype(str)
    for formula in ("y ~ 1 + (1 | school) + (1 | pupil)", "y ~ 1 + (1 | school/pupil)"):
        found = made(design, formula, "school", 7)
        assert found["school"].nunique() == 7
        assert found["pupil"].nunique() == 28
        assert (found.groupby("pupil")["school"].nunique() == 1).all()


def test_pupils_numbered_within_schools_keep_their_numbers() -> None:
    design = mlm.expand_grid(school=3, pupil=4, test=2, backend="pandas")
    found = made(design, "y ~ 1 + (1 | school/pupil)", "school", 7)
    assert found["pupil"].nunique() == 4
    assert found.groupby("school")["pupil"].nunique().tolist() == [4] * 7


@pytest.mark.parametrize(("size", "each"), [(6, 2), (12, 4), (24, 8)])
def test_pupils_are_taken_from_all_schools_in_turn(size: int, each: int) -> None:
    design = mlm.expand_grid(school=3, pupil=nested(4, "school"), test=2, backend="pandas")
    design["pupil"] = design["school"].astype(str) + "." + design["pupil"].astype(str)
    found = made(design, "y ~ 1 + (1 | school) + (1 | pupil)", "pupil", size)
    assert found.groupby("school")["pupil"].nunique().tolist() == [each] * 3


def test_missing_values_stay_missing() -> None:
    data = pd.DataFrame({"g": ["a", None, "b", "b"], "x": [1.0, 2.0, np.nan, 3.0]})
    found = made(data, "y ~ x + (1 | g)", "g", 4)
    assert found["g"].tolist() == ["a", "b", "b", "a (2)", "b (2)", "b (2)"]
    assert found["x"].tolist() == ["1", "missing", "3", "1", "missing", "3"]


@pytest.mark.parametrize(
    ("formula", "factor", "message"),
    [
        (
            "y ~ x + (1 | g)",
            "h",
            "along has 'h', which is no grouping factor of 'y ~ x + (1 | g)' (grouping factors: 'g')",
        ),
        ("y ~ x + (1 | group)", "grup", "did you mean 'group'?"),
        ("y ~ x", "g", "(grouping factors: none)"),
        ("y ~ g + (1 | g)", "g", "along has 'g', which is a fixed effect of 'y ~ g + (1 | g)' as well"),
        (
            "y ~ x + (1 | one) + (1 | g)",
            "one",
            "a single level of 'one', so whether the levels of 'g' belong to it alone",
        ),
    ],
)
def test_factors_that_have_no_other_size(formula: str, factor: str, message: str) -> None:
    data = pd.DataFrame({"g": list("aabb"), "group": list("aabb"), "one": list("zzzz"), "x": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(mlm.InferenceError, match=re.escape(message)):
        made(data, formula, factor, 6)


def test_a_design_in_its_own_size_is_itself() -> None:
    design = mlm.expand_grid(participant=8, condition=["a", "b"], backend="pandas")
    truth = mlm.Truth({"(Intercept)": 0, "condition[b]": 1}, {"participant": mlm.Group(1)}, 1)
    plain = mlm.power("y ~ condition + (1 | participant)", design, truth, "condition", n=40, seed=1)
    same = mlm.power(
        "y ~ condition + (1 | participant)", design, truth, "condition", n=40, seed=1, along={"participant": [8]}
    )
    assert plain["condition"][0].found == same["condition"][0].found
    assert plain["condition"][0].mean == pytest.approx(same["condition"][0].mean)
