"""The shell: results on standard output, one sentence for what is wrong on standard error."""

from __future__ import annotations

import json
import math
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multilevel import MultilevelError, datasets, designs
from multilevel.cli import compare as compare_command
from multilevel.cli import fit as fit_command
from multilevel.cli import main
from multilevel.cli import means as means_command
from multilevel.cli import simulate as simulate_command
from multilevel.cli.designs import design_of, values_of
from multilevel.data.rows import read_columns
from multilevel.errors import SeparationWarning
from multilevel.fit import LinearMixedModel, LinearModel, compare, glm, glmer, lm, lmer
from multilevel.studies import power
from multilevel.truth import Group, Truth, simulate

SLEEP = "reaction ~ days + (days | subject)"
CBPP = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
OATS = "yield ~ variety * factor(nitro) + (1 | block/variety)"
TRUE = "y ~ condition + (condition | participant)"
DESIGN = ["participant=1:6", "condition=control,treatment", "trial=2"]
TRUTH = """{"fixed": {"(Intercept)": 0, "condition[treatment]": 1}, "sigma": 0.2,
            "groups": {"participant": {"sd": {"(Intercept)": 0.25, "condition[treatment]": 0.4}, "corr": 0.7}}}"""


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a file with a truth, in the folder one is in."""
    monkeypatch.chdir(tmp_path)
    Path("truth.json").write_text(TRUTH)
    return "truth.json"


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


M0, M1 = "reaction ~ 1 + (1 | subject)", "reaction ~ days + (1 | subject)"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fit", "reaction ~ Dayz + (1 | subject)", "sleepstudy"], "column 'Dayz' not found; did you mean 'days'?"),
        (["fit", "reaction ~ days + (days | subject", "sleepstudy"], ""),
        (["fit", SLEEP, "sleepstdy"], "'sleepstdy' is neither a file nor a bundled data set; did you mean 'sleepst"),
        (["fit", SLEEP, "nowhere/sleepstudy.csv"], "file 'nowhere/sleepstudy.csv' not found"),
        (["fit", SLEEP, "sleepstudy", "--weights", "wait"], "column 'wait' not found"),
        (["fit", "reaction ~ days", "sleepstudy", "--ml"], "--ml is for formulas with random effects"),
        (["fit", SLEEP, "sleepstudy", "--family", "gama"], "no family is called 'gama'; did you mean 'gamma'?"),
        (["fit", SLEEP, "sleepstudy", "--family", "binomial"], "the response reaction is 249.56 in row 0"),
        (["fit", SLEEP, "sleepstudy", "--agq", "9"], "--agq is for generalized models with random effects"),
        (["fit", SLEEP, "sleepstudy", "--ziformula", "~ 1"], "--ziformula is for generalized models: give --family"),
        (["fit", "reaction ~ days", "sleepstudy", "--dispformula", "~ days"], "--dispformula is for generalized mode"),
        (["fit", "reaction ~ days", "sleepstudy", "--family", "gamma", "--dispformula", "~ dayz"], "column 'dayz' not"),
        (["fit", "reaction ~ days", "sleepstudy", "--family", "gamma", "--agq", "9"], "--agq is for generalized mode"),
        (["fit", SLEEP, "sleepstudy", "--family", "gamma", "--agq", "-1"], "n_agq is -1; expected 1 (Laplace)"),
        (["fit", SLEEP, "sleepstudy", "--family", "gamma", "--ml"], "generalized models are always fitted by maximum"),
        (["fit", SLEEP, "sleepstudy", "--df", "satterthwait"], "df is 'satterthwait'"),
        (["fit", "reaction ~ days", "sleepstudy", "--df", "none"], "--df is for linear mixed models"),
        (["fit", CBPP, "cbpp", "--family", "binomial", "--df", "none"], "--df is for linear mixed models"),
        (["fit", SLEEP, "sleepstudy", "--report", "report.txt"], "the report 'report.txt' should be called something."),
        (["compare", SLEEP, "sleepstudy"], "compare takes two formulas or more, and then the data; found the formula"),
        (["compare", M0, M1], "compare takes two formulas or more"),
        (["compare", M0, SLEEP, "sleepstdy"], "'sleepstdy' is neither a file"),
        (["compare", M0, SLEEP, "sleepstudy", "--agq", "9"], "--agq is for generalized models"),
        (["compare", M0, M1, "sleepstudy", "--reml"], "m1 and m2 have different fixed effects"),
        (["compare", M0, M1, "sleepstudy", "--reml", "--family", "gamma"], "generalized models are always fitted by"),
        (["compare", M0, "days ~ 1", "sleepstudy"], "m1 and m2 have different responses"),
        (["means", OATS, "oats", "varity"], "'varity' is no predictor"),
        (["means", OATS, "oats", "variety", "--at", "nitro"], "'nitro' is not of the form name=values, such as days="),
        (["means", OATS, "oats", "variety", "--at", "nitro=0", "--at", "nitro=1"], "'nitro' is given twice"),
        (["means", OATS, "oats", "variety", "--contrast", "pairs"], "contrasts 'pairs' are not known"),
        (["means", OATS, "oats", "variety", "--adjust", "tuckey"], "adjust is 'tuckey'"),
        (["means", OATS, "oats", "variety", "--ref", "Victory"], "--ref is the reference of a contrast; give --con"),
        (["means", OATS, "oats", "variety", "--contrast", "trt.vs.ctrl", "--ref", "Victor"], "ref: 'Victor' is no mea"),
        (["means", OATS, "oats", "variety", "--type", "respons"], "type is 'respons'; expected 'link' or 'response'"),
        (["means", OATS, "oats", "variety", "--level", "95"], "level is 95"),
        (["means", OATS, "oats", "variety", "--average", "equl"], "weights"),
        (
            ["means", SLEEP, "sleepstudy", "1", "--trend", "subject"],
            "var: 'subject' is a grouping factor of the random",
        ),
        (
            ["means", SLEEP, "sleepstudy", "1", "--trend", "days", "--type", "response"],
            "--trend gives slopes of the lin",
        ),
        (["means", CBPP, "cbpp", "period", "--family", "binomial", "--ml"], "generalized models are always fitted by"),
        (["simulate", TRUE, *DESIGN, "--truth", "nothing.json"], "nothing.json: there is no such file"),
        (["simulate", TRUE, "participant", "--truth", "truth.json"], "'participant' is neither a file nor a bundled"),
        (["simulate", TRUE, "participant=3", "--truth", "truth.json"], "column 'condition' not found"),
        (["simulate", TRUE, *DESIGN, "--truth", "truth.json", "--seed", "-1"], "seed is -1"),
        (["simulate", TRUE, *DESIGN, "--truth", "truth.json", "--weights", "w"], "column 'w' not found"),
        (["simulate", TRUE, *DESIGN, "--truth", "truth.json", "--out", "a.txt"], "file 'a.txt' cannot be written; exp"),
        (["simulate", TRUE, *DESIGN, "--truth", "truth.json", "--out", "no/a.csv"], "the folder 'no' does not exist"),
        (["simulate", "y ~ 1", *DESIGN, "--truth", "truth.json"], "the truth has the coefficient 'condition[treatm"),
        (["simulate", "log(y) ~ 1", *DESIGN, "--truth", "truth.json"], "the response log(y) is an expression"),
    ],
)
def test_wrong_input_gets_one_sentence_and_code_2(
    words: list[str], sentence: str, truth: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {sentence}")
    assert "Traceback" not in err


def test_no_words_at_all_ask_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    bare = capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    assert bare == capsys.readouterr().out
    assert "fit" in bare


def test_warnings_are_sentences_without_file_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "yield ~ 1 + (1 | batch)", "dyestuff2"]) == 0
    out, err = capsys.readouterr()
    assert out.strip()
    assert len(err.splitlines()) == 1  # the variance is zero: a singular fit
    assert err.startswith("warning: ")
    assert ".py" not in err
    assert "Warning:" not in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--"], "the following arguments are required: COMMAND; see 'multilevel --help'"),
        (["fit"], "the following arguments are required: FORMULA, DATA; see 'multilevel fit --help'"),
        (["fit", SLEEP], "the following arguments are required: DATA"),
        (["mean", SLEEP, "sleepstudy"], "argument COMMAND: invalid choice: 'mean'"),
        (["fit", SLEEP, "sleepstudy", "--jason"], "there is no option --jason; did you mean '--json'?"),
        (["fit", SLEEP, "sleepstudy", "--js"], "there is no option --js"),
        (["fit", SLEEP, "sleepstudy", "cbpp"], "the word 'cbpp' is too many"),
        (["fit", SLEEP, "sleepstudy", "--agq", "many"], "argument --agq: invalid int value: 'many'"),
        (["compare", M0, M1, "--json", "sleepstudy"], "the word 'sleepstudy' is too many; options stand before or beh"),
        (["simulate", TRUE, *DESIGN], "the following arguments are required: --truth"),
    ],
)
def test_words_that_are_no_command_end_with_code_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {sentence}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("columns", [50, 80, 120])
@pytest.mark.parametrize("command", ["", "fit", "compare", "means", "simulate", "tutorial"])
def test_help(command: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as end:
        main([*filter(None, [command]), "--help"])
    assert end.value.code == 0
    words, _, examples = capsys.readouterr().out.partition("for example:\n")
    assert max(map(len, words.splitlines())) <= columns
    assert not command or examples.startswith(f"  multilevel {command} ")
    assert all(len(line) <= 80 for line in examples.splitlines())


def lines(examples: str) -> list[str]:
    return [line for line in examples.replace("\\\n", " ").splitlines() if line.startswith("multilevel ")]


@pytest.mark.parametrize(
    "line", [line for c in (fit_command, compare_command, means_command) for line in lines(c.EXAMPLES)]
)
def test_examples_of_the_help_run(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line.partition(" --report")[0])[1:]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") > 4
    assert err == ""


def test_the_example_of_simulate_runs_with_the_truth_below_it(truth: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("truth.json").write_text(simulate_command.EXAMPLES.partition("truth.json:\n")[2])
    (line,) = lines(simulate_command.EXAMPLES)
    assert main(shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out == "800 rows of participant, condition, trial, y are in data.csv.\n"
    assert main(["fit", TRUE, "data.csv"]) == 0


@pytest.mark.parametrize("columns", [40, 60, 120])
@pytest.mark.parametrize("words", [["fit", SLEEP, "sleepstudy"], ["compare", M0, M1, "sleepstudy"]])
def test_pages_have_the_width_of_the_terminal(
    words: list[str], columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(words) == 0
    widths = [len(line) for line in capsys.readouterr().out.splitlines()]
    assert min(columns, 80) - 20 < max(widths) <= columns


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


def test_df_is_that_of_the_summary_and_the_frame(capsys: pytest.CaptureFixture[str]) -> None:
    model = lmer(SLEEP, datasets.load("sleepstudy"))
    assert main(["fit", SLEEP, "sleepstudy", "--df", "kenward-roger"]) == 0
    assert capsys.readouterr().out == f"{replace(model.summary('kenward-roger'), data='sleepstudy')}\n"
    assert main(["fit", SLEEP, "sleepstudy", "--df", "kenward-roger", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["tidy"]
    assert [row["df"] for row in rows[:2]] == model.tidy("kenward-roger")["df"][:2].tolist()


def test_models_of_zero_inflation_and_dispersion(capsys: pytest.CaptureFixture[str]) -> None:
    formula = "ticks ~ year + (1 | brood)"
    words = ["--family", "negative_binomial", "--ziformula", "~ 1", "--dispformula", "~ year"]
    assert main(["fit", formula, "grouseticks", *words]) == 0
    data = datasets.load("grouseticks")
    with pytest.warns(SeparationWarning, match="zi: \\(Intercept\\) has no finite estimate"):
        model = glmer(formula, data, "negative_binomial", ziformula="~ 1", dispformula="~ year")
    assert capsys.readouterr().out == f"{replace(model.summary(), data='grouseticks')}\n"


def test_truths_with_such_models(truth: str, capsys: pytest.CaptureFixture[str]) -> None:
    """simulate, fit and power take the formulas, glm without groups among them."""
    fixed = {"(Intercept)": 1, "x": 0.5, "zi: (Intercept)": -1}
    Path(truth).write_text(json.dumps({"fixed": fixed, "family": "poisson"}))
    words = ["y ~ x", "k=1:300", "x=0,1", "--truth", truth, "--ziformula", "~ 1", "--seed", "1"]
    assert main(["simulate", *words, "--out", "drawn.csv"]) == 0
    assert main(["fit", "y ~ x", "drawn.csv", "--family", "poisson", "--ziformula", "~ 1"]) == 0
    assert "Zero-inflation model:" in capsys.readouterr().out
    assert main(["power", *words, "--test", "x", "--n", "10"]) == 0
    assert "Zero inflation: ~ 1" in capsys.readouterr().out


COMPARED = [
    ([M0, M1, SLEEP], [], lambda d: compare(*(lmer(f, d, REML=False) for f in (M0, M1, SLEEP)))),
    ([M1, SLEEP], ["--reml"], lambda d: compare(lmer(M1, d), lmer(SLEEP, d), refit=False)),
    (["reaction ~ days", M1], [], lambda d: compare(lm("reaction ~ days", d), lmer(M1, d, REML=False))),
    ([M0, M1], ["--family", "gamma(log)"], lambda d: compare(*(glmer(f, d, "gamma(log)") for f in (M0, M1)))),
]


@pytest.mark.parametrize(("formulas", "options", "direct"), COMPARED)
def test_compare(
    formulas: list[str], options: list[str], direct: Callable[[Any], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    expected = direct(datasets.load("sleepstudy"))
    assert main(["compare", *formulas, "sleepstudy", *options]) == 0
    assert capsys.readouterr() == (f"{expected}\n", "")
    assert main(["compare", *formulas, "sleepstudy", *options, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["models", "notes"]
    frame = expected.to_frame()
    assert [row["model"] for row in answer["models"]] == frame["model"].tolist()
    assert [row["aic"] for row in answer["models"]] == frame["aic"].tolist()
    assert [row["p_value"] is None for row in answer["models"]] == frame["p_value"].isna().tolist()
    assert {row["model"]: row["formula"] for row in answer["models"]} == dict(expected.models)


@pytest.mark.parametrize(
    ("formulas", "begin"),
    [
        (["yield ~ 1", "yield ~ 1 + (1 | batch)"], "warning: m2: "),
        (["yield ~ 1 + (1 | batch)", "yield ~ 0 + (1 | batch)", "yield ~ 1 + (1 | batch)"], "warning: m1, m3: "),
    ],
)
def test_warnings_of_compared_models_name_them(
    formulas: list[str], begin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *formulas, "dyestuff2"]) == 0
    err = capsys.readouterr().err.splitlines()
    assert err[0].startswith(begin)
    assert len(set(err)) == len(err)


def oats() -> Any:
    return lmer(OATS, datasets.load("oats"))


def cbpp() -> Any:
    return glmer(CBPP, datasets.load("cbpp"), "binomial")


OF_CBPP = [CBPP, "cbpp", "period", "--family", "binomial"]
MEANS: dict[str, tuple[list[str], Callable[[], list[Any]]]] = {
    "means": ([OATS, "oats", "variety"], lambda: [oats().emmeans("~ variety")]),
    "of all": ([OATS, "oats", "1"], lambda: [oats().emmeans("~ 1")]),
    "by groups, at values": (
        [OATS, "oats", "variety | nitro", "--at", "nitro=0,0.6", "--df", "satterthwaite", "--level", "0.9"],
        lambda: [oats().emmeans("~ variety | nitro", at={"nitro": [0, 0.6]}, df="satterthwaite", level=0.9)],
    ),
    "by maximum likelihood, weighted": (
        [OATS, "oats", "~ variety", "--ml", "--average", "proportional", "--df", "satterthwaite"],
        lambda: [oats_by_ml().emmeans("~ variety", weights="proportional", df="satterthwaite")],
    ),
    "adjusted": ([OATS, "oats", "variety", "--adjust", "bonferroni"],
                 lambda: [oats().emmeans("~ variety").confint(adjust="bonferroni")]),
    "contrasts": ([OATS, "oats", "variety", "--contrast", "pairwise", "--adjust", "holm"],
                  lambda: pairs(oats(), "holm")),
    "slopes": ([SLEEP, "sleepstudy", "1", "--trend", "days"],
               lambda: [lmer(SLEEP, datasets.load("sleepstudy")).emtrends("~ 1", "days")]),
    "response": ([*OF_CBPP, "--type", "response"], lambda: [cbpp().emmeans("~ period", type="response")]),
    "ratios to a control": (
        [*OF_CBPP, "--type", "response", "--contrast", "trt.vs.ctrl", "--ref", "period4"],
        lambda: [(m := cbpp().emmeans("~ period", type="response")), m.contrast("trt.vs.ctrl", ref="period4")],
    ),
}  # fmt: skip


def oats_by_ml() -> Any:
    return lmer(OATS, datasets.load("oats"), REML=False)


def pairs(model: Any, adjust: str) -> list[Any]:
    means = model.emmeans("~ variety")
    return [means, means.contrast("pairwise", adjust=adjust)]


@pytest.mark.parametrize("case", MEANS)
def test_means(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, direct = MEANS[case]
    expected = direct()
    assert main(["means", *words]) == 0
    titles = ["Means:\n", "\nContrasts:\n"] if len(expected) == 2 else [""]
    printed = "".join([f"{title}{page}\n" for title, page in zip(titles, expected, strict=True)])
    assert capsys.readouterr() == (printed, "")
    assert main(["means", *words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["trends" if "--trend" in words else "means", *["contrasts"] * (len(expected) - 1), "notes"]
    for rows, page in zip(answer.values(), expected, strict=False):
        assert [row["estimate"] for row in rows] == page.to_frame()["estimate"].tolist()
        assert [row["p_value"] for row in rows] == page.to_frame()["p_value"].tolist()
    assert set(answer["notes"]) == {note for page in expected for note in page.notes}


def drawn(seed: int) -> Any:
    """What `simulate` draws for DESIGN and TRUTH."""
    group = Group({"(Intercept)": 0.25, "condition[treatment]": 0.4}, 0.7)
    stated = Truth({"(Intercept)": 0, "condition[treatment]": 1}, {"participant": group}, 0.2)
    design = designs.expand_grid(participant=6, condition=["control", "treatment"], trial=2)
    return simulate(TRUE, design, stated, seed)


@pytest.mark.parametrize("name", ["d.csv", "d.csv.gz", "d.parquet"])
def test_simulated_data_are_written_with_all_their_digits(
    name: str, truth: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", TRUE, *DESIGN, "--truth", truth, "--seed", "3", "--out", name]) == 0
    assert capsys.readouterr() == (f"24 rows of participant, condition, trial, y are in {name}.\n", "")
    written, expected = read_columns(name), read_columns(drawn(3))
    assert list(written) == list(expected)
    for found, column in zip(written.values(), expected.values(), strict=True):
        assert (found.kind, found.levels) == (column.kind, column.levels)
        assert found.values.tolist() == column.values.tolist()


def test_simulated_data_go_to_the_terminal(truth: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", TRUE, *DESIGN, "--truth", truth, "--seed", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    y = drawn(3)["y"].tolist()
    assert lines[:2] == ["participant,condition,trial,y", f"1,control,1,{y[0]!r}"]
    assert len(lines) == 25
    assert main(["simulate", TRUE, *DESIGN, "--truth", truth, "--seed", "3", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["y"] for row in answer["rows"]] == y
    assert answer["seed"] == 3


CONDITION = "condition[treatment]"
POWER = ["power", TRUE, *DESIGN, "--test", CONDITION, "--n", "20", "--seed", "3"]


def test_power_is_that_of_python(truth: str, capsys: pytest.CaptureFixture[str]) -> None:
    grown = ["--along", "participant=6,12", "--at", f"{CONDITION}=0.1,0.5", "--df", "kenward-roger", "--alpha", "0.1"]
    assert main([*POWER, "--truth", truth, *grown]) == 0
    design = designs.expand_grid(participant=6, condition=["control", "treatment"], trial=2)
    group = Group({"(Intercept)": 0.25, "condition[treatment]": 0.4}, 0.7)
    stated = Truth({"(Intercept)": 0, "condition[treatment]": 1}, {"participant": group}, 0.2)
    sizes, effects = {"participant": [6, 12]}, {CONDITION: [0.1, 0.5]}
    found = power(TRUE, design, stated, CONDITION, n=20, seed=3, along=sizes, at=effects, df="kenward-roger", alpha=0.1)
    assert capsys.readouterr() == (f"{found}\n", "")
    assert main([*POWER, "--truth", truth, *grown, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["power"] for row in answer["rows"]] == [result.power for result in found]
    assert answer["seed"] == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--test", "conditon"], "no term or coefficient is called 'conditon'; did you mean 'condition'?"),
        (["--along", "participants=10"], "which is no grouping factor of"),
        (["--along", "participant=10.5"], "along['participant'] is 10.5; expected a whole number"),
        (["--along", "participant"], "'participant' is not of the form name=values, such as participant=10,20,40"),
        (["--at", "condition=1"], "at has 'condition', which the truth has not"),
        (["--n", "3"], "n is 3; expected a whole number, 10 or more"),
        (["--alpha", "5"], "alpha is 5.0; expected a level between 0 and 1"),
        (["--df", "kenward"], "df is 'kenward'; expected one of"),
    ],
)
def test_power_that_cannot_be(words: list[str], sentence: str, truth: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*POWER, "--truth", truth, *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err


def test_a_seed_that_was_not_given_is_told(truth: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", TRUE, *DESIGN, "--truth", truth]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err.startswith("note: drawn with --seed ")
    assert main([*words, "--seed", err.split()[-1]]) == 0
    assert capsys.readouterr() == (out, "")


def test_levels_that_a_csv_file_does_not_keep_are_named(truth: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(truth).write_text(TRUTH.replace("treatment", "active"))  # sorted before its reference, control
    words = ["simulate", TRUE, "participant=3", "condition=control,active", "--truth", truth, "--seed", "1", "--out"]
    assert main([*words, "d.csv"]) == 0
    assert capsys.readouterr().err.startswith("warning: a CSV file does not keep the levels of condition (control, ac")
    assert main([*words, "d.parquet"]) == 0
    assert capsys.readouterr().err == ""
    assert read_columns("d.parquet")["condition"].levels == ("control", "active")


def test_a_design_may_be_a_file_and_is_not_overwritten(truth: str, capsys: pytest.CaptureFixture[str]) -> None:
    drawn(1)[["participant", "condition", "trial"]].to_csv("design.csv", index=False)
    words = ["simulate", TRUE, "design.csv", "--truth", truth, "--seed", "3"]
    assert main([*words, "--out", "data.csv"]) == 0
    assert read_columns("data.csv", ["y"])["y"].values.tolist() == drawn(3)["y"].tolist()
    assert main([*words, "--out", "./design.csv"]) == 2
    assert "is the file of the design" in capsys.readouterr().err
    assert "y" not in read_columns("design.csv")


def test_missing_values_and_truth_values_in_files(tmp_path: Path) -> None:
    from multilevel.data.written import csv_text, write_columns

    columns = read_columns({"x": [1.5, None], "n": [1, 2], "b": [True, False], "g": [None, 'a "b", c']})
    assert csv_text(columns) == 'x,n,b,g\n1.5,1,TRUE,NA\nNA,2,FALSE,"a ""b"", c"\n'
    for name in ("d.csv", "d.csv.gz", "d.parquet"):
        write_columns(columns, tmp_path / name)
        again = read_columns(tmp_path / name)
        for found, column in zip(again.values(), columns.values(), strict=True):
            assert (found.kind, found.levels) == (column.kind, column.levels)
            np.testing.assert_array_equal(found.values, column.values)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1:3", [1, 2, 3]),
        ("-1:1", [-1, 0, 1]),
        ("1:3,7", [1, 2, 3, 7]),
        ("0, 0.5,1e2", [0.0, 0.5, 100.0]),
        ("control,treatment", ["control", "treatment"]),
        ("a,1", ["a", "1"]),
        ("a", ["a"]),
    ],
)
def test_values_in_words(text: str, values: list[Any]) -> None:
    assert values_of("x", text) == values
    assert list(map(type, values_of("x", text))) == list(map(type, values))


@pytest.mark.parametrize(
    ("words", "columns"),
    [
        (["p=1:3", "c=b,a", "t=2"], {"p": [1, 2, 3], "c": ["b", "a"], "t": 2}),
        (["x=0.5"], {"x": [0.5]}),
        (["s=2", "p=nested(3, s)"], {"s": 2, "p": designs.nested(3, "s")}),
        (["s=2", "p=nested(3,4,s)"], {"s": 2, "p": designs.nested([3, 4], "s")}),
        (["p=4", "g=between(p, a, b)", "t=2"], {"p": 4, "g": designs.between("p", ["a", "b"]), "t": 2}),
        (["p=4", "g=between(p, 1:2)"], {"p": 4, "g": designs.between("p", [1, 2])}),
        (["p=2", "i=2", "c=latin_square(p,i,a,b)"], {"p": 2, "i": 2, "c": designs.latin_square("p", "i", ["a", "b"])}),
    ],
)
def test_designs_in_words(words: list[str], columns: dict[str, Any]) -> None:
    made, expected = design_of(words), designs.expand_grid(columns, backend="dict")
    assert list(made) == list(expected)
    for found, column in zip(made.values(), expected.values(), strict=True):
        assert (found.kind, found.levels) == (column.kind, column.levels)
        assert found.values.tolist() == column.values.tolist()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["p="], "'p=' is not of the form name=values, such as trial=1:10"),
        (["=3"], "'=3' is not of the form name=values"),
        (["p=2", "condition"], "'condition' is not of the form name=values"),
        (["p=2", "p=3"], "'p' is given twice"),
        (["p=3:1"], "p: 3:1 is no range; expected first:last, the smaller number first"),
        (["p=1:99999999999"], "p: 1:99999999999 is no range"),
        (["p=99999999999"], "'p' is 99999999999; a design has fewer than 2**31 rows"),
        (["p=a,1:3"], "p=a,1:3 has a range among other texts"),
        (["p=1,,2"], "p=1,,2 has an empty value between its commas"),
        (["p=0"], "'p' is 0; a whole number n stands for"),
        (["c=a,a"], "'c' has 'a' more than once"),
        (["p=2", "q=nest(2, p)"], "q: no rule of designs is called 'nest'; did you mean 'nested'?"),
        (["p=2", "q=nested(2)"], "q=nested(2) says too little; expected q=nested(20, school)"),
        (["p=2", "q=nested(few, p)"], "nested() has the size 'few'"),
        (["p=2", "q=nested(2, o)"], "'q' refers to 'o', which is not among the columns before it"),
        (["p=2", "q=between(p, a, b, c)"], "'q' has 3 levels for 2 values of 'p'"),
        (["p=2", "q=latin_square(p, a)"], "q=latin_square(p, a) says too little"),
    ],
)
def test_designs_that_cannot_be(words: list[str], sentence: str) -> None:
    with pytest.raises(MultilevelError) as wrong:
        design_of(words)
    assert str(wrong.value).startswith(sentence)
