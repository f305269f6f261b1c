"""The tutorial: its code runs, its truths are found again, its pages hold what it shows; and what R prints for it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference_data import load

import multilevel as mlm
from multilevel import plots, progress
from multilevel.cli import main
from multilevel.tutorial import Heading, Ran, Step, command, parts, run, tutorial_text
from multilevel.tutorial.markdown import to_markdown
from multilevel.tutorial.page import to_page
from multilevel.tutorial.run import Formula, Notice, Picture, Printed, Result
from multilevel.tutorial.terminal import to_text

ROOT = Path(__file__).resolve().parents[1]
PAGES = json.loads(Path(__file__).with_name("reference").joinpath("pages.json").read_text("utf-8"))["pages"]


@dataclass(frozen=True)
class Told:
    """The tutorial after it was run: its steps, the names it left, and how long it took."""

    steps: list[Step]
    known: dict[str, Any]
    seconds: float

    def results(self, kind: type) -> list[Any]:
        return [
            result for step in self.steps if isinstance(step, Ran) for result in step.results if type(result) is kind
        ]

    def after(self, line: str) -> tuple[Result, ...]:
        """What came of the only block that has this line."""
        (step,) = (step for step in self.steps if isinstance(step, Ran) and line in step.code.source.splitlines())
        return step.results

    def __getitem__(self, name: str) -> Any:
        return self.known[name]


@pytest.fixture(scope="module")
def told() -> Told:
    known: dict[str, Any] = {}
    start = time.perf_counter()
    steps = list(run(parts(tutorial_text()), known))
    return Told(steps, known, time.perf_counter() - start)


def means(d: Any, y: Any = None) -> Any:
    """(5,) means of the participants."""
    return d.assign(y=d["y"] if y is None else y).groupby("participant", observed=True)["y"].mean().to_numpy()


# ---- the table of what it promises, a test for each row -------------------------------------------------------------


def test_it_takes_less_than_two_minutes(told: Told) -> None:
    assert told.seconds < 120


def test_designs_and_truths(told: Told) -> None:
    assert told["d"].shape == (500 * 9, 4)
    assert told["d"].groupby(["mean", "sd"])["y"].std().to_numpy().reshape(3, 3).mean(axis=0) == pytest.approx(
        [0.25, 0.5, 1], rel=0.1
    )
    assert len(told["design"]) == 2500
    assert "0.700" in repr(told["truth"])


@pytest.mark.parametrize(
    ("name", "truth"), [("d1", np.zeros(5)), ("d2", np.linspace(-1, 1, 5)), ("d3", [0, 0, 0, 0, 2])]
)
def test_the_three_worlds_are_those_that_were_stated(told: Told, name: str, truth: Sequence[float]) -> None:
    d = told[name]
    assert len(d) == 2500
    assert means(d) == pytest.approx(truth, abs=4 * 0.2 / np.sqrt(500))
    world = {"d1": "alike", "d2": "different", "d3": "outlier"}[name]
    again = mlm.simulate(told["formula"], told["design"], told[world], seed=int(name[1]))
    assert (again["y"] == d["y"]).all()


def test_complete_pooling(told: Told) -> None:
    assert told["m1_complete"].sigma == pytest.approx(0.2, abs=0.01)
    assert told["m2_complete"].sigma > 0.7
    assert told["m3_complete"].fixef["(Intercept)"] == pytest.approx(0.4, abs=0.01)
    page = str(told["m3_complete"].summary())
    assert "***" in page
    assert page.split("Residuals:\n")[1].split()[:5] == ["Min", "1Q", "Median", "3Q", "Max"]
    assert "Residual standard error: 0.8" in page


@pytest.mark.parametrize("world", [1, 2, 3])
def test_no_pooling(told: Told, world: int) -> None:
    m = told[f"m{world}_no"]
    assert m.sigma == pytest.approx(0.2, abs=0.01)
    assert np.asarray(m.fixef) == pytest.approx(means(told[f"d{world}"]), rel=1e-9)
    assert re.search(r"Multiple R-squared: .*\n.*F-statistic: .* on 5 and 2495 DF", str(m.summary()))


@pytest.mark.parametrize(
    ("line", "same_groups"),
    [
        ("beside(d1, m1_complete.simulate(seed=11)[:, 0])", False),
        ("beside(d2, m2_complete.simulate(seed=12)[:, 0])", False),
        ("beside(d3, m3_complete.simulate(seed=13)[:, 0])", False),
        ("beside(d1, m1_no.simulate(seed=21)[:, 0])", True),
        ("beside(d2, m2_no.simulate(seed=22)[:, 0])", True),
        ("beside(d3, m3_no.simulate(seed=23)[:, 0])", True),
        ("beside(d1, m1_partial.simulate(seed=31)[:, 0])", True),
        ("beside(d2, m2_partial.simulate(seed=32)[:, 0])", False),
        ('beside(d2, m2_partial.simulate(groups="same", seed=32)[:, 0])', True),
        ('beside(d3, m3_partial.simulate(groups="same", seed=33)[:, 0])', True),
        ('beside(d3, m4.simulate(groups="same", newdata=d3, seed=41)[:, 0])', False),
    ],
)
def test_simulated_data_beside_the_data(told: Told, line: str, same_groups: bool) -> None:
    (picture,) = told.after(line)
    assert isinstance(picture, Picture)
    d, y_hat = eval(line, {**told.known, "beside": lambda d, y_hat: (d, y_hat)})
    assert y_hat.shape == (len(d),)
    close = bool(np.abs(means(d, y_hat) - means(d)).max() < 8 * 0.2 / np.sqrt(500))
    assert close == (same_groups or line.startswith("beside(d1"))


def test_the_pictures_of_simulations_are_slabs_with_facets_and_a_theme(told: Told) -> None:
    picture = told["beside"](told["d1"], told["d1"]["y"])
    assert type(picture.layers[0].stat).__name__ == "stat_slab"
    assert type(picture.facet).__name__ == "facet_grid"
    assert picture.mapping["fill"] == "participant"


def test_the_grand_mean_has_its_two_notes(told: Told) -> None:
    (printed,) = told.after('m3_no.emmeans("~ 1")')
    assert printed.text.splitlines()[-2:] == [
        "Results are averaged over the levels of: participant",
        "Confidence level used: 0.95",
    ]
    estimate = means(told["d3"]).mean()
    assert f"{estimate:.3f}" in printed.text


def test_the_singular_fit_is_the_only_notice(told: Told) -> None:
    (notice,) = told.results(Notice)
    assert notice.text.startswith(
        "SingularFitWarning: singular fit: the variance of (Intercept) by participant is zero"
    )
    assert notice in told.after("m1_partial.summary()")
    assert told["m1_partial"].is_singular
    assert not told["m2_partial"].is_singular


def test_partial_pooling(told: Told) -> None:
    for world, between in (("2", np.linspace(-1, 1, 5).std(ddof=1)), ("3", np.std([0, 0, 0, 0, 2], ddof=1))):
        m = told[f"m{world}_partial"]
        assert m.sigma == pytest.approx(0.2, abs=0.01)
        assert m.varcorr()["participant"].sd[0] == pytest.approx(between, abs=0.02)
    assert told["m3_partial"].se["(Intercept)"] > 20 * told["m3_complete"].se["(Intercept)"]


def test_two_ratings_each_are_shrunken_towards_the_mean(told: Told) -> None:
    m, raw = told["m4"], told["raw"].to_numpy()
    assert m.nobs == 10
    shrunken = m.coef()["participant"].estimates[:, 0]
    towards = (shrunken - raw) * np.sign(m.fixef["(Intercept)"] - raw)
    assert (towards > 0).all()
    assert towards.argmax() == 4  # the outlier
    shown = told.after('coef = m4.coef()["participant"]')[0].text
    assert shown.splitlines()[0].split() == ["y", "y_hat", "std_error"]
    assert shown.splitlines()[-1].split()[:3] == ["5", f"{raw[4]:.6f}", f"{shrunken[4]:.6f}"]


def test_intercepts_and_slopes(told: Told) -> None:
    m = told["m5"]
    assert np.asarray(m.fixef) == pytest.approx([0, 1], abs=4 * 0.04)
    term = m.varcorr()["participant"]
    assert term.sd == pytest.approx([0.25, 0.4], rel=0.2)
    assert term.corr[0, 1] == pytest.approx(0.7, abs=0.15)
    assert m.sigma == pytest.approx(0.2, abs=0.01)


def test_crossed_participants_and_stimuli(told: Told) -> None:
    m = told["m6"]
    assert m.ngroups == {"participant": 100, "stimulus": 50}
    assert m.varcorr()["participant"].sd[0] == pytest.approx(0.25, rel=0.2)
    assert m.varcorr()["stimulus"].sd[0] == pytest.approx(0.9, rel=0.3)
    assert m.se["(Intercept)"] > 0.1


def test_every_model_has_its_equations_and_its_diagram(told: Told) -> None:
    equations = [formula.equation.text for formula in told.results(Formula)]
    assert len(equations) == 5
    assert equations[0] == "y[n] ~ N(α, σ)"
    assert all("~ N(" in text for text in equations)
    diagrams = [picture for picture in told.results(Picture) if picture.name.endswith(".svg")]
    assert len(diagrams) == 5
    assert all(picture.content.startswith(b"<svg") for picture in diagrams)


def test_power_analysis(told: Told) -> None:
    curve, smallest = told["curve"], told["curve"].smallest(0.8)
    assert [result.where for result in curve] == [(10,), (20,), (40,), (60,)]
    powers = [result.power for result in curve]
    assert powers == sorted(powers)
    assert powers[0] < 0.5 < 0.8 < powers[-1]
    assert 20 < smallest.lower <= smallest.value <= smallest.upper < 60
    assert 1.5 < curve["condition"][0].exaggeration < 2  # the text says "by more than half"
    assert curve["condition"][-1].exaggeration == pytest.approx(1, abs=0.15)


def test_every_picture_says_what_it_shows(told: Told) -> None:
    pictures = told.results(Picture)
    assert len(pictures) == 28
    assert len({picture.name for picture in pictures}) == 28
    assert all(picture.about for picture in pictures)
    assert all(picture.content.startswith((b"\x89PNG", b"<svg")) for picture in pictures)


# ---- where it is shown ----------------------------------------------------------------------------------------------


def test_code_can_be_typed_and_results_fit_a_terminal(told: Told) -> None:
    for step in told.steps:
        lines = to_text(step, "multilevel-tutorial").splitlines()
        assert max(map(len, lines)) <= (92 if isinstance(step, Ran) else 80)
        if isinstance(step, Ran):
            assert all(len(line) <= 80 for result in step.results if isinstance(result, Printed)
                       for line in result.text.expandtabs().splitlines())  # fmt: skip


def test_the_page_holds_everything_and_loads_nothing(told: Told) -> None:
    page = to_page(told.steps)
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert "@import" not in page
    assert page.count("<img ") + page.count("<svg") == 28
    assert page.count("<math") == 5
    assert page.count("<h2") == sum(isinstance(step, Heading) and step.level == 2 for step in told.steps)
    anchors = re.findall(r'href="#([^"]+)"', page)
    assert anchors
    assert all(page.count(f'id="{anchor}"') == 1 for anchor in anchors)
    assert "prefers-color-scheme: dark" in page


def test_the_markdown_of_the_site_has_the_code_and_what_it_prints(told: Told) -> None:
    text = to_markdown(told.steps, "tutorial")
    assert text.count("```python\n") == sum(isinstance(step, Ran) for step in told.steps)
    assert "```text\n" + told.after('m3_no.emmeans("~ 1")')[0].text + "\n```" in text
    assert len(re.findall(r"!\[[^]]+\]\(tutorial/\d\d-[\w-]+\.png\)", text)) == 23


# ---- the command ----------------------------------------------------------------------------------------------------

SHORT = """# Short

A *small* text, with `code of its own`.

- one
- two

```python
import warnings

import multilevel as mlm

m = mlm.lm("reaction ~ days", mlm.datasets.load("sleepstudy"))
print("fitted")
m.equation()
```

## More

    indented

```python
# A diagram
warnings.warn("look out")
m.diagram()
```

```python
# A picture
from plotnine import aes, geom_point, ggplot
ggplot(mlm.datasets.load("sleepstudy"), aes("days", "reaction")) + geom_point()
```
"""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "tutorial_text", lambda: SHORT)


@pytest.mark.usefixtures("short")
def test_the_command_tells_the_tutorial_and_fills_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["tutorial"]) == 0
    out, err = capsys.readouterr()
    assert err == ""  # a progress bar is for terminals
    folder = tmp_path / "multilevel-tutorial"
    assert {path.name for path in folder.iterdir()} == {"tutorial.html", "01-more.svg", "02-more.png"}
    for shown in ("Short\n=====\n", "A small text, with `code of its own`.", "- two", "    indented", "fitted",
                  "reaction[n] ~ N(μ[n], σ)", "UserWarning: look out", "02-more.png: A picture]"):  # fmt: skip
        assert shown in out, shown
    assert out.endswith(" s).\n")
    assert "<h1>Short</h1>" in (folder / "tutorial.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("short")
def test_the_command_shows_its_progress_in_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(progress, "SILENT", 0)
    monkeypatch.setattr(progress, "PAUSE", 0)
    assert main(["tutorial", "--to", str(tmp_path)]) == 0
    err = capsys.readouterr().err
    assert "tutorial  7 of 8, " in err
    assert err.endswith("\r")


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("file", "'{to}' is a file; --to expects a folder"),
        ("file/below", "the folder '{to}' cannot be written to ("),
    ],
)
def test_a_folder_that_cannot_be_written_to_gets_one_sentence(
    to: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("here")
    path = str(tmp_path / to)
    assert main(["tutorial", "--to", path]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {sentence.format(to=path)}")
    assert len(err.splitlines()) == 1


def test_a_folder_without_permission_gets_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(command, "TemporaryFile", refused)
    assert main(["tutorial", "--to", str(tmp_path)]) == 2
    assert "(Permission denied); choose another with --to" in capsys.readouterr().err


@pytest.mark.parametrize("absent", ["plotnine", "pandas"])
def test_without_what_draws_the_extra_is_named(
    absent: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == absent else object())
    assert main(["tutorial", "--to", str(tmp_path / "new")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f'error: multilevel tutorial draws with {absent}, which is not installed; run pip install "multilevel[plots]"\n'
    )
    assert not (tmp_path / "new").exists()


def test_an_error_in_a_block_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        list(run(parts("```python\n1 / 0\n```\n")))


# ---- the site -------------------------------------------------------------------------------------------------------


def test_the_reference_has_every_public_name() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    listed = set(re.findall(r"^::: multilevel\.(?:\w+\.)*(\w+)$", text, re.MULTILINE))
    missing = (set(mlm.__all__) | set(plots.__all__)) - listed
    assert not missing, f"docs/reference has no place for {', '.join(sorted(missing))}"


def test_the_pages_of_the_site_are_there() -> None:
    pages = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("theme:")[0])
    assert "tutorial.md" in pages
    assert all((ROOT / "docs" / page).is_file() for page in pages)


# ---- the pages that R printed for its own d1 to d6 ------------------------------------------------------------------

THE_TUTORIALS = [
    *(f"tut_d{world}_{kind}" for world in (1, 2, 3) for kind in ("lm_mean", "lm_noint", "lmer")),
    "tut_d4_lmer",
    "tut_d5_lmer_rs",
    "tut_d6_lmer_crossed",
]


def words(line: str) -> list[str | float]:
    """Numbers however they are written, names without our brackets, quotation marks as ASCII, no full stops."""
    plain = re.sub(r"\[(\w+)\]", r"\1", line).translate(str.maketrans("‘’", "''"))
    return [word_or_number(word.removesuffix(".")) for word in plain.split()]


def word_or_number(word: str) -> str | float:
    return float(word) if re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]\d+)?", word) else word


def within(few: list[str | float], many: list[str | float]) -> bool:
    """Whether some words are among others, in their order."""
    rest = iter(many)
    return all(word in rest for word in few)


@pytest.mark.parametrize("name", THE_TUTORIALS)
@pytest.mark.filterwarnings("ignore::multilevel.SingularFitWarning")
def test_fits_print_the_lines_that_r_prints(name: str) -> None:
    page = next(page for page in PAGES if page["id"] == name)
    fit = mlm.lm if page["kind"] == "lm" else mlm.lmer
    ours = [words(line) for line in str(fit(page["formula"], load(page["data"])).summary()).splitlines()]
    theirs = page["text"].replace("['lmerMod']", "").split("optimizer (")[0]
    for line in theirs.splitlines():
        if not line.startswith(("Call:", "lm(", "   Data:", "---")):
            assert any(within(words(line), other) for other in ours), f"no line for: {line}"
