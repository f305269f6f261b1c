"""Numbers, names and formulas as R prints them; tables as text, HTML and LaTeX."""

from __future__ import annotations

import json
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from multilevel import framed
from multilevel.digits import coefficient_cells, fixed, general, p_values, significant, stars, zap
from multilevel.framed import frame
from multilevel.layout import FormulaLine, Legend, Line, Prose, Section
from multilevel.lettering import abbreviate, display_width, formula_lines
from multilevel.tables import Table, TableColumn, column, latex_escape, named_row

R = json.loads(Path(__file__).with_name("reference").joinpath("digits.json").read_text("utf-8"))


def numbers(texts: list[str]) -> list[float]:
    return [float(text) for text in texts]


@pytest.mark.parametrize("case", R["format"])
def test_significant_is_rs_format(case):
    cells = significant(numbers(case["x"]), case["digits"], case["nsmall"])
    assert [cell.strip() for cell in cells] == case["text"]
    assert len({len(cell) for cell in cells}) == 1


@pytest.mark.parametrize("case", R["p_values"])
def test_p_values_are_rs_format_pval(case):
    assert p_values(numbers(case["x"]), case["digits"]) == case["text"]


@pytest.mark.parametrize("case", R["coefficients"])
def test_coefficients_are_rs_print_coefmat(case):
    estimates, errors, p = (np.array(numbers(case[key])) for key in ("estimates", "errors", "p"))
    cells = coefficient_cells(estimates.tolist(), errors.tolist(), (estimates / errors).tolist())[:3]
    heads = ("Estimate", "Std. Error", "t value", "Pr(>|t|)")
    columns = [column(head, text) for head, text in zip(heads, (*cells, p_values(p)), strict=True)]
    marks = TableColumn("", tuple(stars(p)), "left")
    table = Table((*columns, marks), tuple("abcde"[: len(estimates)]))
    assert table.to_text().split("\n") == case["text"]


@pytest.mark.parametrize("case", R["abbreviate"])
def test_abbreviate_is_rs(case):
    assert abbreviate(case["x"], case["n"]) == case["text"]


@pytest.mark.parametrize("case", R["formula"])
def test_formula_lines_are_rs_deparse(case):
    assert formula_lines(case["x"]) == case["text"]


@pytest.mark.parametrize(
    ("values", "digits", "text"),
    [
        ([], 4, []),
        ([nan, nan], 4, ["NA", "NA"]),
        ([-0.0, 1.5], 4, ["0.0", "1.5"]),
        ([float("inf"), -float("inf"), 2.0], 3, [" Inf", "-Inf", "   2"]),
        ([1e5], 7, ["1e+05"]),
        ([123456.0], 7, ["123456"]),
        ([0.1 + 0.2], 15, ["0.3"]),
        ([1e-300, 1.0], 3, ["1e-300", "1e+00"]),
    ],
)
def test_significant_at_the_edges(values, digits, text):
    assert [c.strip() for c in significant(values, digits)] == [t.strip() for t in text]


def test_small_rules():
    assert fixed([0.125, nan], 1) == ["0.1", "NA"]
    assert [general(v, 4) for v in (24, 1e-5, 0.85861, nan)] == ["   24", "1e-05", "0.8586", "   NA"]
    assert stars([0.001, 0.0011, 0.05, 0.1, 0.11, nan]) == ["***", "**", "*", ".", "", ""]
    assert p_values([nan, 0.0, 1.0]) == ["NA", "<2e-16", "1"]
    assert p_values([1e-7, 0.2], epsilon=1e-4) == ["<1e-04", "0.2"]
    assert zap([1e-12, -3.25, nan], 5)[:2] == [0.0, -3.25]
    assert zap([0.0, 0.0], 5) == [0.0, 0.0]


TABLE = Table(
    (column("Estimate", [251.4051, -10.46729]), column("note", ["a & b", "<i>"], align="left")),
    ("(Intercept)", "condition[treatment]"),
)


def test_text_has_no_trailing_blanks_and_lines_up():
    assert TABLE.to_text() == (
        "                      Estimate note\n(Intercept)          251.40510 a & b\ncondition[treatment] -10.46729 <i>"
    )


def test_html_is_escaped_and_numbers_stand_to_the_right():
    html = TABLE.to_html()
    assert '<td class="right">251.40510</td>' in html
    assert '<td class="left">a &amp; b</td>' in html
    assert "&lt;i&gt;" in html
    assert "<i>" not in html
    assert '<th class="left">condition[treatment]</th>' in html
    assert TABLE._repr_html_().startswith('<div class="multilevel"><style>')


def test_latex_is_escaped():
    latex = TABLE.to_latex()
    assert latex.startswith("\\begin{tabular}{lrl}\n\\toprule\n")
    assert "condition{[}treatment{]} & $-$10.46729 & \\textless{}i\\textgreater{} \\\\" in latex
    assert latex_escape(r"50% of $x_1^2$ \ #{~}") == (
        r"50\% of \$x\_1\textasciicircum{}2\$ \textbackslash{} \#\{\textasciitilde{}\}"
    )


def test_wide_tables_continue_below():
    table = Table(tuple(column(f"column{i}", ["12345678"]) for i in range(5)), ("row",))
    lines = table.to_text(30).split("\n")
    assert [line.split() for line in lines] == [
        ["column0", "column1"], ["row", "12345678", "12345678"],
        ["column2", "column3"], ["row", "12345678", "12345678"],
        ["column4"], ["row", "12345678"],
    ]  # fmt: skip
    assert max(map(len, table.to_text(5).split("\n"))) == len("row 12345678")


def test_key_columns_are_repeated():
    texts = [column("key", ["k"], align="left"), *(column(f"c{i}", ["1234"]) for i in range(3))]
    lines = Table(tuple(texts), ("",), keys=1).to_text(16).split("\n")
    assert lines == [" key   c0   c1", " k   1234 1234", " key   c2", " k   1234"]


@pytest.mark.parametrize(
    ("text", "width"), [("days", 4), ("Größe", 5), ("Gro\u0308sse", 6), ("日本", 4), ("ｘ", 2), ("", 0)]
)
def test_display_width(text, width):
    assert display_width(text) == width


def test_names_of_any_script_line_up():
    table = Table((column("x", ["1", "2", "3"]),), ("日本", "Größe", "e\u0301te\u0301"))
    assert table.to_text().split("\n") == ["      x", "日本  1", "Größe 2", "e\u0301te\u0301   3"]


def test_named_row_has_one_width():
    assert named_row(["a", "median"], ["-1.5", "10.0"]).to_text() == "     a median\n  -1.5   10.0"


def test_items_of_a_page():
    line = Line("Number of obs: 180, groups: ", "subject, 18")
    assert line.to_text(60) == "Number of obs: 180, groups:  subject, 18"
    assert line.to_text(30) == "Number of obs: 180, groups:\nsubject, 18"
    assert FormulaLine("Formula:", "y ~ x").to_html() == "<p>Formula: <code>y ~ x</code></p>"
    assert FormulaLine("Formula:", "a" * 30 + " ~ x").to_text(35) == f"Formula:\n{'a' * 30} ~\n    x"
    assert Prose("one two three").to_text(8) == "one two\n  three"
    assert Legend("Signif. codes").to_text() == "---\nSignif. codes"
    assert Section("", (line,)).to_text().startswith("Number")


@pytest.mark.parametrize(
    ("backend", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table), ("dict", dict)]
)
def test_frames_come_in_the_users_library(backend, kind):
    made = frame({"term": ["a", None], "estimate": np.array([1.5, 2.5]), "n": [1, 2]}, backend)
    assert isinstance(made, kind)
    assert list(made["estimate"].to_pylist() if backend == "pyarrow" else made["estimate"]) == [1.5, 2.5]
    missing = made["term"].to_pylist()[1] if backend == "pyarrow" else list(made["term"])[1]
    assert missing is None or missing != missing


def test_without_pandas_a_frame_is_a_dict(monkeypatch):
    monkeypatch.setattr(framed, "find_spec", lambda name: None)
    assert list(frame({"x": [1.0]})["x"]) == [1.0]


def test_unknown_backend():
    with pytest.raises(ValueError, match="backend 'panda' is not known; expected one of pandas, polars, pyarrow, dict"):
        frame({"x": [1.0]}, "panda")
