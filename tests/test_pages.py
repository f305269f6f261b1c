"""The printed pages, line by line beside R's.

What is not compared, because this package says it in its own words or not at all: the class in brackets after the
title (`['lmerMod']`), R's `Call:`, the lines `Subset:` and `Control:`, and what lme4 prints after the tables
(optimiser, singular fit, dropped columns). Blanks at the end of a line are not printed here.
"""

from __future__ import annotations

import json
import pickle
import re
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multilevel.errors import InferenceError
from multilevel.labelled import Coefficients, Covariance
from multilevel.pages import FTest, LinearSummary, MixedSummary
from multilevel.varcorr import GroupTerm, VarCorr

PAGES = json.loads(Path(__file__).with_name("reference").joinpath("pages.json").read_text("utf-8"))["pages"]
SUMMARIES = {
    fit["id"]: fit["summary"]
    for fit in json.loads(Path(__file__).with_name("reference").joinpath("tests.json").read_text("utf-8"))
}
MIXED = [page for page in PAGES if page["kind"] == "lmer"]
LINEAR = [page for page in PAGES if page["kind"] == "lm"]
Json = dict[str, Any]


def array(values: Any) -> np.ndarray:
    return np.array(values, dtype=float)


def spread(page: Json, key: str) -> np.ndarray:
    """Values of the rows R's table has, at their places among all columns of X; NaN for dropped columns."""
    known = dict(zip(page["rows"], page[key], strict=True))
    return array([known.get(name) for name in page["names"]])


def linear_page(page: Json) -> LinearSummary:
    text = page["text"]
    missing = re.search(r"\((\d+) observations? deleted", text)
    return LinearSummary(
        formula=page["formula"],
        names=tuple(page["names"]),
        estimates=spread(page, "estimates"),
        errors=spread(page, "errors"),
        p_values=spread(page, "p"),
        residuals=array(page["quantiles"]),  # the quantiles of five numbers are these numbers
        sigma=page["sigma"],
        df_residual=page["df_residual"],
        r_squared=page["r_squared"],
        adjusted_r_squared=page["adj_r_squared"],
        f_test=FTest(page["f"][0], *map(int, page["f"][1:]), page["f_p"]) if page["f"] else None,
        weights="w" if "Weighted Residuals" in text else "",
        n_missing=int(missing[1]) if missing else 0,
    )


def varcorr(page: Json) -> VarCorr:
    terms = [GroupTerm(t["group"], tuple(t["names"]), array(t["sd"]), array(t["corr"])) for t in page["terms"]]
    return VarCorr(tuple(terms), page["sigma"], "dict")


def heading(page: Json, label: str) -> str:
    """What R's page says after a label of its heading, on one line."""
    found = re.search(rf"^ *{label}: ?\n?(.*(?:\n    \S.*)*)", page["text"].split("\n\n")[0], re.MULTILINE)
    return re.sub(r"\s+", " ", found[1]) if found else ""


def mixed_page(page: Json, **changes: Any) -> MixedSummary:
    errors = array(page["errors"])
    values: Json = {
        "formula": heading(page, "Formula"),
        "reml": page["REML"],
        "criterion": page["criterion"],
        "aic": page["AIC"],
        "bic": page["BIC"],
        "loglik": page["logLik"],
        "df_residual": page["df_residual"],
        "residuals": array(page["quantiles"]),
        "varcorr": varcorr(page),
        "nobs": page["nobs"],
        "groups": page["ngrps"],
        "names": tuple(page["names"]),
        "estimates": array(page["estimates"]),
        "vcov": array(page["vcov"]) if page["vcov"] else np.diag(errors**2),
        "data": page["data"],
        "weights": heading(page, "Weights"),
        "offset": heading(page, "Offset"),
    }
    return MixedSummary(**(values | changes))


def expected(page: Json) -> list[str]:
    lines = [line.rstrip() for line in page["text"].splitlines()]
    if page["kind"] == "lm":
        start = next(i for i, line in enumerate(lines) if line.endswith("esiduals:"))
        return "\n".join(lines[start:]).rstrip().split("\n")
    own_words = ("optimizer (", "fit warnings:")
    end = next((i for i, line in enumerate(lines) if line.startswith(own_words)), len(lines))
    kept = [line for line in lines[:end] if not re.match(" Subset:|Control:", line)]
    return "\n".join(line.removesuffix("['lmerMod']").rstrip() for line in kept).rstrip().split("\n")


def ours(page: Json) -> list[str]:
    if page["kind"] == "lm":
        lines = linear_page(page).to_text().split("\n")
        return lines[next(i for i, line in enumerate(lines) if line.endswith("esiduals:")) :]
    text = mixed_page(page).to_text()
    return text.split("\n\nNotes:")[0].split("\n")


def ids(pages: list[Json]) -> list[str]:
    return [page["id"] for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_page_reads_like_rs(page):
    assert ours(page) == expected(page)


def test_all_166_reference_pages_agree_line_by_line():
    agreeing = sum(ours(page) == expected(page) for page in PAGES)
    assert (len(LINEAR), len(MIXED), agreeing) == (43, 123, 166)


@pytest.mark.parametrize("page", MIXED, ids=ids(MIXED))
def test_varcorr_prints_and_tabulates_like_lme4(page):
    v = varcorr(page)
    assert str(v).split("\n") == [line.rstrip() for line in page["varcorr_text"].rstrip("\n").split("\n")]
    table, frame = page["varcorr_table"], v.to_frame()
    assert list(frame["group"]) == table["grp"]
    assert list(frame["term1"]) == table["var1"]
    assert list(frame["term2"]) == table["var2"]
    np.testing.assert_allclose(frame["vcov"], array(table["vcov"]), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(frame["sdcor"], array(table["sdcor"]), rtol=1e-12)


LMERTEST = [page for page in MIXED if "satterthwaite" in page and page["id"] in SUMMARIES]


def lines_of_lmertest(page: Json) -> list[str]:
    """lmerTest's page below its title, without what lme4 prints after the tables."""
    return expected(page | {"text": SUMMARIES[page["id"]].partition("Formula:")[2]})


def lines_with_tests(page: Json) -> list[str]:
    summary = mixed_page(
        page | {"text": SUMMARIES[page["id"]]},
        df=array(page["satterthwaite"]["df"]),
        p_values=array(page["satterthwaite"]["p"]),
        tests="Satterthwaite's method",
    )
    title, _, text = summary.to_text().partition("\nFormula:")
    assert title.endswith(". t-tests use Satterthwaite's method")
    return text.split("\n\nNotes:")[0].split("\n")


@pytest.mark.parametrize("page", LMERTEST, ids=ids(LMERTEST))
def test_page_with_p_values_reads_like_lmertests(page):
    assert lines_with_tests(page) == lines_of_lmertest(page)


def test_how_many_pages_with_p_values_are_compared():
    assert len(LMERTEST) == 122


PAGE = {page["id"]: page for page in PAGES}
SLOPES = np.array([[1.0, 0.6], [0.6, 1.0]])


def slopes(group: str, corr: np.ndarray | None, sd: tuple[float, float] = (24.7, 5.9)) -> GroupTerm:
    return GroupTerm(group, ("(Intercept)", "days"), np.array(sd), corr)


def test_an_uncorrelated_term_is_one_block_without_correlations():
    v = VarCorr((slopes("subject", None), slopes("item", SLOPES)), 25.6)
    assert str(v).split("\n") == [
        " Groups   Name        Std.Dev. Corr",
        " subject  (Intercept) 24.7",
        "          days         5.9",
        " item     (Intercept) 24.7",
        "          days         5.9     0.600",
        " Residual             25.6",
    ]
    assert list(VarCorr((slopes("subject", None),), 25.6, "dict").to_frame()["term2"]) == [None] * 3


def test_terms_of_one_factor_are_told_apart_as_lme4_does():
    sds = {"(Intercept)": 25.051, "days": 5.988}
    terms = [GroupTerm("subject", (name,), np.array([sd]), None) for name, sd in sds.items()]
    v = VarCorr(tuple(terms), 25.565, "dict")
    assert str(v).split("\n")[1:] == [
        " subject   (Intercept) 25.051",
        " subject.1 days         5.988",
        " Residual              25.565",
    ]
    assert list(v.to_frame()["group"]) == ["subject", "subject.1", "Residual"]


def test_varcorr_is_indexed_by_group_and_effect():
    v = VarCorr((slopes("subject", SLOPES), slopes("subject", None)), 25.6)
    assert list(v) == ["subject", "subject.1"]
    assert v["subject"]["days"] == 5.9
    assert v["subject"]["days", "(Intercept)"] == 0.6
    assert v["subject.1"]["days", "(Intercept)"] == 0.0
    np.testing.assert_allclose(v["subject"].vcov, [[24.7**2, 0.6 * 24.7 * 5.9], [0.6 * 24.7 * 5.9, 5.9**2]])
    with pytest.raises(InferenceError, match=r"no grouping factor is called 'Subject'; did you mean 'subject'\?"):
        v["Subject"]
    with pytest.raises(InferenceError, match=r"no effect by subject is called 'day'; did you mean 'days'\?"):
        v["subject"]["day"]


ROOT = np.array([[1, 0], [0.6, 0.8], [0.28, 0.96]])
LINE = np.array([[1, -1, 0.3, -1], [-1, 1, -0.3, 1], [0.3, -0.3, 1, -0.3], [-1, 1, -0.3, 1]])
PLANE = GroupTerm("g", ("(Intercept)", "a", "b"), np.array([1.0, 1.0, 1.0]), ROOT @ ROOT.T)


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (slopes("g", SLOPES), []),
        (slopes("g", None, (0, 1)), ["the variance of (Intercept) by g is zero"]),
        (slopes("g", np.array([[1, nan], [nan, 1]]), (0, 1)), ["the variance of (Intercept) by g is zero"]),
        (slopes("g", np.array([[1, -1.0], [-1, 1]])), ["the correlation of (Intercept) and days by g is -1"]),
        (slopes("g", np.array([[1, 1.0], [1, 1]])), ["the correlation of (Intercept) and days by g is +1"]),
        (GroupTerm("g", ("a", "b", "c", "d"), np.ones(4), LINE), ["all correlations of a, b and d by g are +1 or -1"]),
        (PLANE, ["0.367 * (Intercept) - a + 0.833 * b does not vary by g"]),
        (GroupTerm("g", ("x",), np.array([1e-6]), None, scale=np.array([1e6])), []),
    ],
)
def test_a_singular_fit_in_words(term, words):
    assert term.degenerate(1.0) == words


def test_notes_say_what_happened_in_words():
    page = mixed_page(
        PAGE["sleep_rs"],
        singular=True,
        varcorr=VarCorr((slopes("subject", np.ones((2, 2))),), 25.6),
        n_missing=5,
        dropped=("I(2 * days)",),
        doubts=("The gradient is 0.003.",),
        notes=("One more.",),
    )
    assert page.to_text().split("\n\nNotes:\n")[1].split("\n") == [
        "Singular fit: the correlation of (Intercept) and days by subject is +1.",
        "The gradient is 0.003.",
        "5 of 185 rows were left out because of missing values.",
        "Left out because other columns determine them: I(2 * days).",
        "One more.",
    ]
    assert "Notes" not in mixed_page(PAGE["sleep_rs"]).to_text()


def test_many_fixed_effects_have_no_correlation_table():
    text = str(mixed_page(PAGE["ham"]))
    assert "Correlation of Fixed Effects" not in text
    assert text.endswith("Notes:\nThe correlations of the 16 fixed effects are not printed; see vcov.")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("page", PAGES[::10], ids=ids(PAGES[::10]))
def test_pages_keep_to_their_width(page, width):
    """Formulas may run over, as in R: they break after the operator beyond the cutoff."""
    summary = linear_page(page) if page["kind"] == "lm" else mixed_page(page)
    lines = summary.to_text(width).split("\n\n", 1)[1].expandtabs().split("\n")
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("page", PAGES[::10], ids=ids(PAGES[::10]))
def test_pages_as_html_and_latex_say_the_same_numbers(page):
    summary = linear_page(page) if page["kind"] == "lm" else mixed_page(page)
    html, latex = summary._repr_html_(), summary.to_latex()
    numbers = re.findall(r"\d+\.\d+", summary.to_text(10_000).split("\n\n", 1)[1])
    for number in numbers:
        assert number in html
        assert number in latex
    assert html.count("<table>") == latex.count(r"\begin{tabular}")


def test_brackets_in_names_and_their_abbreviations():
    names = ("(Intercept)", "condition[treatment]", "period[2]:size")
    page = mixed_page(PAGE["sleep_rs"], names=names, estimates=np.array([1.0, 2, 3]), vcov=np.eye(3))
    text = str(page)
    assert "\ncondition[treatment]" in text
    assert "            (Intr) cndtnt\ncndtntrtmnt 0.000\nperiod2:siz 0.000  0.000" in text


def test_linear_page_with_few_residuals_prints_them_all():
    page = LinearSummary(
        formula="y ~ x",
        names=("(Intercept)", "x"),
        estimates=np.array([-1.25, 1.85]),
        errors=np.array([1.389694, 0.507445]),
        p_values=np.array([0.46328, 0.06769]),
        residuals=np.array([0.4, 0.05, -1.3, 0.85]),
        sigma=1.134681,
        df_residual=2,
        r_squared=0.8692,
        adjusted_r_squared=0.8038,
        f_test=FTest(13.29148, 1, 2, 0.06769),
        data="frame",
    )
    assert str(page) == (  # R 4.2.2: summary(lm(y ~ x, data.frame(x = 1:4, y = c(1, 2.5, 3, 7))))
        "Linear model fit by least squares\nFormula: y ~ x\n   Data: frame\n\n"
        "Residuals:\n    1     2     3     4\n 0.40  0.05 -1.30  0.85\n\n"
        "Coefficients:\n            Estimate Std. Error t value Pr(>|t|)\n"
        "(Intercept)  -1.2500     1.3897  -0.899   0.4633\nx             1.8500     0.5074   3.646   0.0677 .\n---\n"
        "Signif. codes:  0 ‘***’ 0.001 ‘**’ 0.01 ‘*’ 0.05 ‘.’ 0.1 ‘ ’ 1\n\n"
        "Residual standard error: 1.135 on 2 degrees of freedom\n"
        "Multiple R-squared:  0.8692,\tAdjusted R-squared:  0.8038\n"
        "F-statistic: 13.29 on 1 and 2 DF,  p-value: 0.06769"
    )


FIXEF = Coefficients(("(Intercept)", "days"), np.array([251.4051, 10.46729]), backend="dict")
VCOV = Covariance(("(Intercept)", "days"), np.array([[46.57, -1.45], [-1.45, 2.39]]), "dict")


def test_coefficients_are_a_mapping_and_an_array():
    assert FIXEF["days"] == 10.46729
    assert list(FIXEF) == ["(Intercept)", "days"]
    assert dict(FIXEF) == {"(Intercept)": 251.4051, "days": 10.46729}
    assert "days" in FIXEF
    assert "day" not in FIXEF
    assert len(FIXEF) == 2
    assert FIXEF.get("nothing") is None
    np.testing.assert_array_equal(np.asarray(FIXEF), [251.4051, 10.46729])
    np.testing.assert_array_equal(FIXEF * 2, [502.8102, 20.93458])
    np.testing.assert_array_equal(np.array([1, 0]) @ FIXEF, 251.4051)
    assert isinstance(FIXEF / FIXEF, np.ndarray)
    assert list(FIXEF.to_frame()) == ["term", "estimate"]
    assert str(FIXEF) == "(Intercept)        days\n  251.40510    10.46729"


def test_many_coefficients_print_one_per_line():
    names = tuple(f"coefficient{i}" for i in range(8))
    assert str(Coefficients(names, np.arange(8.0), "se")).split("\n")[:2] == ["             se", "coefficient0  0"]


def test_covariance_is_asked_by_two_names():
    assert VCOV["days", "(Intercept)"] == -1.45
    np.testing.assert_allclose(np.sqrt(np.diag(VCOV)), [6.8242, 1.54596], rtol=1e-4)
    assert VCOV.correlation()["days", "days"] == 1.0
    assert list(VCOV.to_frame()) == ["term", "(Intercept)", "days"]
    assert str(VCOV) == "            (Intercept)  days\n(Intercept)       46.57 -1.45\ndays              -1.45  2.39"
    with pytest.raises(InferenceError, match="asked for by two names"):
        VCOV["days"]


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(InferenceError, match=r"no coefficient is called 'dayz'; did you mean 'days'\? \(known: "):
        FIXEF["dayz"]
    with pytest.raises(KeyError):
        VCOV["days", "size"]


def test_labelled_values_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(FIXEF)[0] = 1.0


@pytest.mark.parametrize("value", [FIXEF, VCOV, VarCorr((slopes("g", SLOPES),), 1.0), mixed_page(PAGE["sleep_rs"])])
def test_everything_pickles(value):
    assert str(pickle.loads(pickle.dumps(value))) == str(value)
