"""The report: one page that holds everything and loads nothing."""

from __future__ import annotations

import re
import warnings
from html.parser import HTMLParser

import pytest

import multilevel as mlm
from multilevel.cli import main

SLEEP = "reaction ~ days + (days | subject)"
VOID = {"meta", "img", "br", "mspace", "line", "path", "circle", "rect", "ellipse", "polygon", "use"}


class Outline(HTMLParser):
    """Checks that elements close in order, and collects what the page has."""

    def __init__(self):
        super().__init__()
        self.open, self.headings, self.links, self.seen = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href") and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "sleep.html"
    assert mlm.lmer(SLEEP, mlm.datasets.load("sleepstudy")).report(path) == path
    return path.read_text(encoding="utf-8")


def test_it_holds_everything(page):
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert outline.headings == [
        "In words", "The model", "Estimates", "Where the variation lies", "Pictures", "Checks",
    ]  # fmt: skip
    assert {"math", "svg", "table", "img", "details"} <= outline.seen
    assert "251.405" in page  # the intercept, from the summary
    assert "72% belong to (days | subject)" in page


def test_it_loads_nothing(page):
    outline = Outline()
    outline.feed(page)
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in outline.links)
    assert not re.search(r"@import|url\((?!#)|<script", page)


def test_a_linear_model_has_one_too(tmp_path):
    path = tmp_path / "line.html"
    mlm.lm("reaction ~ days", mlm.datasets.load("sleepstudy")).report(str(path))
    outline = Outline()
    outline.feed(path.read_text(encoding="utf-8"))
    assert "Where the variation lies" not in outline.headings
    assert "Pictures" in outline.headings


CBPP = "cbind(incidence, size - incidence) ~ period + (1 | herd)"


@pytest.mark.parametrize(
    ("make", "there", "not_there"),
    [
        (
            lambda d: mlm.glmer(CBPP, d, "binomial"),
            ("to the distribution of the response", "Binomial"),
            "residuals.</p>",
        ),
        (lambda d: mlm.glmer("size ~ 1 + (1 | herd)", d, "gamma(inverse)"), ("is not known",), "to the residuals"),
        (lambda d: mlm.glm("incidence ~ size", d, "quasipoisson"), ("Checks",), "<math"),
    ],
    ids=["glmer", "without r2", "quasi"],
)
def test_generalized_models_have_one_too(tmp_path, make, there, not_there):
    text = make(mlm.datasets.load("cbpp")).report(tmp_path / "g.html").read_text(encoding="utf-8")
    outline = Outline()
    outline.feed(text)
    assert {"In words", "The model", "Estimates", "Pictures", "Checks"} <= set(outline.headings)
    assert all(words in text for words in there)
    assert not_there not in text


def test_names_are_escaped(tmp_path):
    data = mlm.datasets.load("sleepstudy").rename(columns={"days": "a <b> & c"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlm.MultilevelWarning)
        path = mlm.lm("reaction ~ `a <b> & c`", data).report(tmp_path / "odd.html")
    text = path.read_text(encoding="utf-8")
    assert "a &lt;b&gt; &amp; c" in text
    assert "a <b> & c" not in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("report.pdf", "should be called something.html"),
        ("report", "should be called something.html"),
        ("nowhere/report.html", "does not exist; make it first"),
    ],
)
def test_bad_paths(tmp_path, name, words):
    m = mlm.lm("reaction ~ days", mlm.datasets.load("sleepstudy", "dict"))
    with pytest.raises(mlm.DataError, match=words):
        m.report(tmp_path / name)


def test_from_the_shell(tmp_path, capsys):
    path = tmp_path / "shell.html"
    assert main(["fit", SLEEP, "sleepstudy", "--report", str(path)]) == 0
    assert "Fixed effects:" in capsys.readouterr().out
    assert "<h2>Checks</h2>" in path.read_text(encoding="utf-8")
    assert main(["fit", SLEEP, "sleepstudy", "--report", str(tmp_path / "no" / "x.html")]) == 2
