"""The pages of glm and glmer, line by line beside R's, from the numbers that R printed.

R's residual quantiles, and the numbers of its default fits, go in; names are those of R, without brackets. Not compared
are trailing blanks, lme4's class in the title, and what it calls nAGQ = 0.
"""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from reference_data import load

from multilevel import glm, glmer
from multilevel.errors import MultilevelWarning
from multilevel.generalized_pages import GeneralizedMixedSummary
from multilevel.inference.wald import z_p_values
from multilevel.varcorr import GroupTerm, VarCorr

FITS = json.loads((Path(__file__).parent / "reference" / "generalized.json").read_text(encoding="utf-8"))
# with a Residual row, which only lme4's scale of theta needs, or too many effects for a correlation table
GLMER = [f for f in FITS if f["kind"].startswith("glmer") and f["family"] not in ("Gamma", "inverse.gaussian")]
QUANTILES = re.compile(r"residuals: *\n *Min +1Q +Median +3Q +Max *\n(.*)\n", re.IGNORECASE)


def quantiles(text):
    return np.array([float(v) for v in QUANTILES.search(text)[1].split()])


def terms(rows):
    """R's table of standard deviations and correlations as terms; lme4 numbers the parts of one factor."""
    groups = {}
    for group, one, two, value in rows:
        sd, corr = groups.setdefault(group, ({}, {}))
        if two is None:
            sd[one] = value
        else:
            corr[one, two] = np.nan if value is None else value
    made = []
    for group, (sd, corr) in groups.items():
        names = tuple(sd)
        matrix = np.eye(len(names))
        for (one, two), r in corr.items():
            i, j = names.index(one), names.index(two)
            matrix[i, j] = matrix[j, i] = r
        name = re.sub(r"\.\d+$", "", group)
        made.append(GroupTerm(name, names, np.array(list(sd.values())), matrix if corr else None))
    return tuple(made)


def page_of(reference):
    p = reference["page"]
    beta = np.array(list(p["beta"].values()))
    vcov = np.array(p["vcov"], float)
    nodes = int(reference.get("nAGQ", 1))
    method = "Laplace Approximation" if nodes < 2 else f"Adaptive Gauss-Hermite Quadrature, nAGQ = {nodes}"
    return GeneralizedMixedSummary(
        formula=reference["formula"], family=reference["family"], link=reference["link"], method=method,
        criterion=p["criterion"], aic=p["aic"], bic=p["bic"], loglik=p["loglik"], df_residual=p["df"],
        residuals=quantiles(reference["summary"]), varcorr=VarCorr(terms(p["varcorr"]), None), nobs=reference["nobs"],
        groups=p["groups"], shape=(), names=tuple(p["beta"]), estimates=beta, vcov=vcov,
        p_values=z_p_values(beta / np.sqrt(np.diag(vcov))), data=reference["data"],
        weights=reference.get("weights", ""),
    )  # fmt: skip


def lines(text):
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def comparable(text):
    """A page's lines from the family on, without the offset that is in our formula, and the notes at the end."""
    text = re.sub(r"\n *Offset: .*", "", text[text.index(" Family:") :])
    return lines(re.split(r"\nNotes:|\nfit warnings:|\noptimizer \(", text)[0])


@pytest.mark.parametrize("reference", GLMER, ids=[f["id"] for f in GLMER])
def test_glmer_page(reference):
    ours = page_of(reference).to_text()
    mine, theirs = comparable(ours), comparable(reference["summary"])
    if reference["id"] == "trees513":  # R abbreviates specieshardwood (other) by another rule
        mine, theirs = ([line[11:] if "(" in line else line for line in page] for page in (mine, theirs))
    assert mine == theirs
    title = reference["summary"].partition(" [glmerMod]")[0].replace("\n ", "")
    assert ours.replace("\n ", "").startswith(title) or reference.get("nAGQ") == "0"


GLM = [f for f in FITS if f["kind"] == "glm"]


@pytest.mark.parametrize("reference", GLM, ids=[f["id"] for f in GLM])
def test_glm_page(reference):
    """The whole page of our own fit."""
    family = {"Gamma": "gamma"}.get(reference["family"], reference["family"])
    m = glm(reference["formula"], load(reference["data"]), f"{family}({reference['link']})")
    ours = re.sub(r"[\[\]]", "", m.summary().to_text())
    theirs = reference["summary"]
    for title in ("Deviance Residuals:", "(Dispersion", "    Null deviance", "Residual deviance", "AIC", "Number of"):
        block = theirs[theirs.index(title) :].split("\n\n")[0]
        for line in lines(block):
            if title != "(Dispersion" or "taken to be 1)" in line:
                assert numbers(line) in [numbers(mine) for mine in lines(ours)], line
    names = list(reference["beta"])
    for name in names:
        want = next(line for line in lines(theirs) if line.startswith(name + " "))
        got = next(line for line in lines(ours) if line.startswith(name + " "))
        for a, b in zip(want.split()[1:4], got.split()[1:4], strict=True):
            assert float(b) == pytest.approx(float(a), rel=1e-3, abs=1e-9)


def numbers(line):
    return re.sub(r"\s+", " ", line.strip())


WIDTHS = (60, 80, 120)


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_their_width(width):
    d = load("cbpp")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultilevelWarning)
        pages = [
            glm("cbind(incidence, size - incidence) ~ period", d, "binomial").summary(),
            glmer("cbind(incidence, size - incidence) ~ period + (1 | herd)", d, "binomial").summary(),
            glmer("incidence ~ period + (1 | herd)", d, "negative_binomial").summary(),
            glmer("incidence ~ period + (1 | herd)", d, "poisson").explain(),
        ]
    for page in pages:
        assert all(len(line) <= width for line in page.to_text(width).splitlines()), page.to_text(width)
        assert page.to_html().count("<table>") == page.to_html().count("</table>")
        assert page.to_latex()


def test_deviances_have_the_decimals_that_the_smaller_one_needs():
    lines = str(glm("cbind(ndead, ntotal - ndead) ~ sex * log2(dose)", load("budworm"), "binomial").summary())
    assert "    Null deviance: 124.8756  on 11  degrees of freedom\nResidual deviance:   4.9937  on  8" in lines  # R's
