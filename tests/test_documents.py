"""Every line of code in the documents and docstrings runs, and prints what is shown below it."""

from __future__ import annotations

import doctest
import inspect
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import multilevel
from multilevel.cli import main

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
HOUSE = Path(multilevel.__file__).parent
MODULES = [
    ".".join(["multilevel", *path.relative_to(HOUSE).with_suffix("").parts]).removesuffix(".__init__")
    for path in sorted(HOUSE.rglob("*.py"))
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
PHRASE = re.compile(r"`((?:m|mlm|g|z|curve)\.[^`]+)`")


def blocks(text: str) -> list[tuple[str, str]]:
    """The fenced blocks, in order: language, content."""
    return FENCE.findall(text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
@pytest.mark.filterwarnings("default::multilevel.MultilevelWarning")
def test_python_of_a_document(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = path.read_text(encoding="utf-8")
    known: dict[str, Any] = {}
    code = ""
    for language, content in blocks(text):
        if language == "python":
            capsys.readouterr()
            exec(compile(content, f"{path.name}", "exec"), known)
            code = content
        elif language == "" and code.rstrip().endswith(")") and "print(" in code:
            assert same(capsys.readouterr().out, content), f"{path.name}: what this prints has changed:\n{code}"
            code = ""


def same(printed: str, shown: str) -> bool:
    """Whether texts agree but for what may differ between compilers: rounding errors, and how often was evaluated."""
    noise = re.compile(r"\d\.\de-\d\d|\d+ evaluations|evaluations +\d+")
    return noise.sub("#", printed).split() == noise.sub("#", shown).split()


def test_shell_lines_of_the_page_on_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    printed = ""
    for language, content in blocks((ROOT / "docs" / "shell.md").read_text(encoding="utf-8")):
        if language == "json":
            Path("truth.json").write_text(content)
        elif language == "sh":
            for line in content.replace("\\\n", " ").splitlines():
                assert main(shlex.split(line)[1:]) == 0, line
            printed = capsys.readouterr().out
        else:
            assert printed == content


def phrases() -> list[str]:
    text = (ROOT / "docs" / "coming-from-lme4.md").read_text(encoding="utf-8")
    rows = [line.replace(r"\|", "¦").split("|")[2] for line in text.splitlines() if line.startswith("| `")]
    return [phrase.replace("¦", "|") for row in rows for phrase in PHRASE.findall(row)]


@pytest.fixture(scope="module")
def phrase_book() -> dict[str, Any]:
    known: dict[str, Any] = {}
    text = (ROOT / "docs" / "coming-from-lme4.md").read_text(encoding="utf-8")
    exec(next(content for language, content in blocks(text) if language == "python"), known)
    return known


@pytest.mark.parametrize("phrase", phrases())
def test_phrases(phrase: str, phrase_book: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert eval(phrase, phrase_book) is not None or capsys.readouterr().out


@pytest.mark.parametrize("module", MODULES)
def test_docstrings(module: str) -> None:
    here = import_module(module)
    runner = doctest.DocTestRunner()
    for example in Finder().find(here, here.__name__):
        runner.run(example)
    assert runner.summarize().failed == 0


class Finder(doctest.DocTestFinder):
    """Finds the examples of decorated functions as well."""

    def _from_module(self, module: Any, object: Any) -> bool:
        return super()._from_module(module, inspect.unwrap(object) if callable(object) else object)


def test_the_first_command_of_the_readme_prints_the_page_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    shell = [(language, content) for language, content in blocks((ROOT / "README.md").read_text(encoding="utf-8"))]
    at = next(i for i, (language, content) in enumerate(shell) if language == "sh" and "multilevel fit" in content)
    command = shell[at][1].replace("\\\n", " ").rpartition("bin/multilevel ")[2]
    assert main(shlex.split(command)) == 0
    page = next(content for language, content in shell[at:] if language == "")
    assert capsys.readouterr().out == page
