"""The shell: results on standard output, one sentence for what is wrong on standard error."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multilevel import datasets
from multilevel.cli import main
from multilevel.data.rows import read_columns
from multilevel.fit import LinearMixedModel, LinearModel, glm, glmer, lm, lmer

SLEEP = "reaction ~ days + (days | subject)"
CBPP = "cbind(incidence, size - incidence) ~ period + (1 | herd)"


def named(model: LinearModel | LinearMixedModel) -> str:
    """The page with the name of the data, which only the shell knows."""
    return str(replace(model.summary(), data="sleepstudy"))


def test_a_mixed_model_prints_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", SLEEP, "sleepstudy"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{named(lmer(SLEEP, datasets.load('sleepstudy')))}\n"
    assert "1743.6" in out  # the REML criterion of lme4
    assert err == ""


def test_a_formula_without_bars_is_a_linear_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "reaction ~ days", "sleepstudy"]) == 0
    assert capsys.readouterr().out == f"{named(lm('reaction ~ days', datasets.load('sleepstudy')))}\n"


def test_ml(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", SLEEP, "sleepstudy", "--ml"]) == 0
    assert capsys.readouterr().out == f"{named(lmer(SLEEP, datasets.load('sleepstudy'), REML=False))}\n"


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_a_file_is_read(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"d.{suffix}"
    frame = datasets.load("sleepstudy")
    frame.to_parquet(path) if suffix == "parquet" else frame.to_csv(path, index=False)
    # subject is a number in a CSV file: a grouping factor all the same
    assert main(["fit", SLEEP, str(path)]) == 0
    assert "1743.6" in capsys.readouterr().out


def test_a_file_wins_over_a_bundled_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sleepstudy").write_text("reaction,days\n1,2\n")
    assert main(["fit", "reaction ~ days", "sleepstudy"]) == 2
    assert "expected a name that ends in .csv" in capsys.readouterr().err


def test_json_has_the_unrounded_numbers_of_glance_and_tidy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", SLEEP, "sleepstudy", "--json"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert list(answer) == ["glance", "tidy"]
    assert err == ""
    model = lmer(SLEEP, datasets.load("sleepstudy"))
    for rows, frame in (([answer["glance"]], model.glance()), (answer["tidy"], model.tidy())):
        columns = read_columns(frame)
        assert all(list(row) == list(columns) for row in rows)
        for column in columns.values():
            written = [row[column.name] for row in rows]
            if column.kind in ("number", "logical"):
                finite = [value if math.isfinite(value) else None for value in column.values.tolist()]
                assert written == finite
            else:
                assert written == [column.levels[code] if code >= 0 else None for code in column.values]
    # lme4 1.1-31: fixef(m)
    estimates = {row["term"]: row["estimate"] for row in answer["tidy"]}
    assert estimates["(Intercept)"] == pytest.approx(251.4051048484843, rel=1e-9)
    assert estimates["days"] == pytest.approx(10.467285959596, rel=1e-9)


@pytest.mark.parametrize(
    ("words", "direct"),
    [
        ([CBPP, "cbpp", "--family", "binomial"], lambda d: glmer(CBPP, d, "binomial")),
        (
            [CBPP, "cbpp", "--family", "binomial(probit)", "--agq", "9"],
            lambda d: glmer(CBPP, d, "binomial(probit)", n_agq=9),
        ),
        (["incidence ~ size", "cbpp", "--family", "poisson"], lambda d: glm("incidence ~ size", d, "poisson")),
    ],
)
def test_a_family_makes_a_generalized_model(
    words: list[str], direct: Callable[[Any], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *words]) == 0
    model = direct(datasets.load("cbpp"))
    assert capsys.readouterr().out == f"{replace(model.summary(), data='cbpp')}\n"
    assert main(["fit", *words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["tidy"]
    assert rows[0]["estimate"] == pytest.approx(float(np.asarray(model.fixef)[0]), rel=1e-12)


def test_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "w.csv"
    path.write_text("y,x,w\n1,1,1\n2,2,2\n4,3,1\n3,4,2\n5,5,1\n")
    assert main(["fit", "y ~ x", str(path), "--weights", "w", "--json"]) == 0
    rows = {row["term"]: row["estimate"] for row in json.loads(capsys.readouterr().out)["tidy"]}
    assert rows["x"] == pytest.approx(_weighted_slope(), rel=1e-12)


def _weighted_slope() -> float:
    x, y, w = [1, 2, 3, 4, 5], [1, 2, 4, 3, 5], [1, 2, 1, 2, 1]
    x_mean = sum(a * b for a, b in zip(w, x, strict=True)) / sum(w)
    y_mean = sum(a * b for a, b in zip(w, y, strict=True)) / sum(w)
    above = sum(c * (a - x_mean) * (b - y_mean) for a, b, c in zip(x, y, w, strict=True))
    return above / sum(c * (a - x_mean) ** 2 for a, c in zip(x, w, strict=True))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["reaction ~ Dayz + (1 | subject)", "sleepstudy"], "column 'Dayz' not found; did you mean 'days'?"),
        (["reaction ~ days + (days | subject", "sleepstudy"], ""),
        ([SLEEP, "sleepstdy"], "'sleepstdy' is neither a file nor a bundled data set; did you mean 'sleepstudy'?"),
        ([SLEEP, "nowhere/sleepstudy.csv"], "file 'nowhere/sleepstudy.csv' not found"),
        ([SLEEP, "sleepstudy", "--weights", "wait"], "column 'wait' not found"),
        (["reaction ~ days", "sleepstudy", "--ml"], "--ml is for formulas with random effects"),
        ([SLEEP, "sleepstudy", "--family", "gama"], "no family is called 'gama'; did you mean 'gamma'?"),
        ([SLEEP, "sleepstudy", "--family", "binomial"], "the response reaction is 249.56 in row 0"),
        ([SLEEP, "sleepstudy", "--agq", "9"], "--agq is for generalized models with random effects"),
        (["reaction ~ days", "sleepstudy", "--family", "gamma", "--agq", "9"], "--agq is for generalized models"),
        ([SLEEP, "sleepstudy", "--family", "gamma", "--agq", "-1"], "n_agq is -1; expected 1 (Laplace)"),
        ([SLEEP, "sleepstudy", "--family", "gamma", "--ml"], "generalized models are always fitted by maximum"),
    ],
)
def test_wrong_input_gets_one_sentence_and_code_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {sentence}")
    assert "Traceback" not in err


def test_warnings_are_sentences_without_file_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "yield ~ 1 + (1 | batch)", "dyestuff2"]) == 0
    out, err = capsys.readouterr()
    assert out.strip()
    assert len(err.splitlines()) == 1  # the variance is zero: a singular fit
    assert err.startswith("warning: ")
    assert ".py" not in err
    assert "Warning:" not in err


@pytest.mark.parametrize("words", [[], ["fit"], ["fit", SLEEP], ["mean", SLEEP, "sleepstudy"], ["fit", "--what"]])
def test_words_that_are_no_command_end_with_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("words", [["--help"], ["fit", "--help"]])
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    assert "multilevel" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: f"of {name}")
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == "multilevel of multilevel\n"


def test_asking_for_the_version_does_not_load_the_models() -> None:
    code = (
        "import sys; from importlib import metadata; metadata.version = lambda name: '1'\n"
        "from multilevel.cli import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "assert not {'pandas', 'scipy', 'narwhals'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
