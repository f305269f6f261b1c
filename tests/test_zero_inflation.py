"""`glmer` with ziformula and dispformula: glmmTMB's answers, what the verbs make of them, bad input."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from reference_data import load

from multilevel import glm, glmer
from multilevel.errors import (
    DataError,
    FitError,
    FormulaError,
    InferenceError,
    MissingRowsWarning,
    SeparationWarning,
)

FITS = json.loads((Path(__file__).parent / "reference" / "zero_inflation.json").read_text(encoding="utf-8"))
COUNTS = "count ~ spp + mined + (1 | site)"


def fitted(reference):
    return glmer(
        reference["formula"], load(reference["data"]), f"{reference['family']}({reference['link']})",
        ziformula=reference["ziformula"], dispformula=reference["dispformula"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def salamanders():
    return load("Salamanders")


@pytest.fixture(scope="module")
def inflated(salamanders):
    return glmer(COUNTS, salamanders, "negative_binomial", ziformula="~ mined", dispformula="~ DOY")


@pytest.mark.parametrize("reference", FITS, ids=[f["id"] for f in FITS])
def test_glmmtmb(reference):
    m = fitted(reference)
    assert m.nobs == reference["nobs"]
    assert -1e-3 < m.criterion - reference["criterion"] < 1e-5
    tables = [("cond", m.fixef, np.asarray(m.se))]
    if reference["zi"]:
        tables.append(("zi", m.zero_inflation, np.sqrt(np.diag(m.part_vcov("zero inflation")))))
    if reference["disp"]:
        tables.append(("disp", m.dispersion, np.sqrt(np.diag(m.part_vcov("dispersion")))))
    for part, estimates, errors in tables:
        want = {name: np.array(values) for name, values in reference[part].items()}
        assert np.abs((np.asarray(estimates) - want["estimate"]) / want["std_error"]).max() < 1e-3
        np.testing.assert_allclose(errors, want["std_error"], rtol=1e-3)
    found = [sd for term in m.varcorr().terms for sd in np.atleast_1d(term.sd)]
    np.testing.assert_allclose(found, reference["sds"], rtol=1e-3)
    np.testing.assert_allclose(m.fitted()[:10], reference["fitted"], rtol=1e-4)
    assert m._fit.estimate.certificate.minimum
    for answer in (m.summary(), m.explain(), m.check(), m.varcorr(), m.anova()):
        assert str(answer)
    y = m.simulate(200, seed=1)
    assert ((y == 0).mean() > 0) == bool(reference["zi"] or reference["family"] == "negative_binomial")
    if reference["zi"] and reference["family"] not in ("gamma", "truncated_poisson"):  # whose variance is another there
        np.testing.assert_allclose(m.residuals("pearson")[:10], reference["pearson"], rtol=1e-3)


def test_page(inflated):
    page = str(inflated.summary())
    heads = ["Zero inflation: ~ mined", "Dispersion: ~ DOY", "Zero-inflation model:", "Dispersion model:"]
    at = [page.index(head) for head in heads]
    assert at == sorted(at)
    assert "Size of the" not in page  # it has a model
    assert inflated.shape == {}


def test_means_are_products(inflated, salamanders):
    new = salamanders.iloc[:40]
    product = (1 - inflated.predict(new, type="zprob")) * inflated.predict(new, type="conditional")
    np.testing.assert_allclose(inflated.predict(new, type="response"), product, rtol=1e-12)
    np.testing.assert_allclose(inflated.predict(type="response"), inflated.fitted(), rtol=1e-12)
    np.testing.assert_allclose(inflated.predict(new, type="response"), inflated.fitted()[:40], rtol=1e-12)
    averaged = inflated.predict(new, type="response", groups="average")
    apart = inflated.predict(new, type="conditional", groups="average")
    np.testing.assert_allclose(averaged, (1 - inflated.predict(new, type="zprob")) * apart, rtol=1e-12)


def test_zero_probability_without_a_model(salamanders):
    m = glmer("count ~ mined + (1 | site)", salamanders, "poisson")
    with pytest.raises(DataError, match="type is 'zprob'; expected 'link' or 'response'"):
        m.predict(type="zprob")


def test_simulated_responses_have_the_model_s_means(inflated, salamanders):
    y = inflated.simulate(2000, groups="same", seed=1)
    error = y.std(axis=1) / np.sqrt(2000)
    z = (y.mean(axis=1) - inflated.fitted()) / error
    assert abs(z.mean()) < 0.2
    assert np.abs(z).max() < 5.5
    zprob, mu = inflated.predict(type="zprob"), inflated.predict(type="conditional")
    size = np.exp(np.column_stack([np.ones(len(mu)), salamanders["DOY"]]) @ np.asarray(inflated.dispersion))
    zeros = zprob + (1 - zprob) * (size / (size + mu)) ** size
    assert (y == 0).mean() == pytest.approx(zeros.mean(), abs=4e-3)
    again = inflated.simulate(2, groups="same", newdata=salamanders, seed=1)
    np.testing.assert_array_equal(again, y[:, :2])


def test_quantile_residuals_are_normal(inflated):
    r = inflated.residuals("quantile", seed=2)
    assert abs(r.mean()) < 0.15
    assert 0.9 < r.std() < 1.1


@pytest.mark.parametrize(("shift", "scale"), [(2000, 1), (0, 1e4), (0, 1e-4), (1e6, 3)])
def test_units_and_origin_do_not_matter(inflated, salamanders, shift, scale):
    moved = salamanders.assign(DOY=salamanders["DOY"] * scale + shift)
    m = glmer(COUNTS, moved, "negative_binomial", ziformula="~ mined", dispformula="~ DOY")
    assert m.criterion == pytest.approx(inflated.criterion, abs=1e-7)
    assert m.dispersion["DOY"] * scale == pytest.approx(inflated.dispersion["DOY"], rel=1e-4)
    errors = [np.sqrt(np.diag(fit.part_vcov("dispersion")))[1] for fit in (m, inflated)]
    assert errors[0] * scale == pytest.approx(errors[1], rel=1e-3)


def test_refit_and_pickle(inflated, salamanders):
    again = inflated.refit(salamanders["count"])
    assert again.criterion == pytest.approx(inflated.criterion, abs=1e-7)
    np.testing.assert_allclose(again.zero_inflation, inflated.zero_inflation, atol=1e-4)
    copy = pickle.loads(pickle.dumps(inflated))
    np.testing.assert_array_equal(copy.dispersion, inflated.dispersion)
    parameters = inflated._fit.estimate.parameters
    assert copy.criterion_at(copy.theta, copy.fixef, parameters) == pytest.approx(inflated.criterion, abs=1e-8)


def test_missing_predictors_drop_rows(salamanders):
    gaps = salamanders.copy()
    gaps.loc[[0, 5, 9], "DOY"] = np.nan
    with pytest.warns(MissingRowsWarning, match="DOY"):
        m = glmer(COUNTS, gaps, "negative_binomial", dispformula="~ DOY")
    whole = glmer(COUNTS, gaps.dropna(), "negative_binomial", dispformula="~ DOY")
    assert m.nobs == 641
    assert m.criterion == pytest.approx(whole.criterion, abs=1e-8)
    assert np.isnan(m.fitted()[[0, 5, 9]]).all()


def test_no_model_is_no_model(salamanders):
    plain = glmer("count ~ mined + (1 | site)", salamanders, "negative_binomial")
    same = glmer("count ~ mined + (1 | site)", salamanders, "negative_binomial", ziformula="~ 0", dispformula="~ 1")
    assert same.criterion == plain.criterion
    assert same.shape == plain.shape


def test_a_term_left_out_keeps_the_other_models(salamanders):
    m = glmer("count ~ mined + (1 | site)", salamanders, "negative_binomial", ziformula="~ 1")
    less = glmer("count ~ 1 + (1 | site)", salamanders, "negative_binomial", ziformula="~ 1")
    assert f"{less.aic:.1f}" in str(m.drop1())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"dispformula": "~ (1 | sight)"}, DataError, "'site'"),
        ({"ziformula": "count ~ mined"}, FormulaError, "without response"),
        ({"ziformula": "~ offset(DOY)"}, FormulaError, "offsets"),
        ({"ziformula": "~ mine"}, DataError, "'mined'"),
        ({"ziformula": "~ mined + I(2 * DOY) + DOY"}, FitError, "rank 3"),
        ({"ziformula": 1}, FormulaError, "ziformula is 1; expected a formula without response"),
        ({"dispformula": "~ 0"}, FitError, "cannot do without its dispersion"),
        ({"family": "poisson", "dispformula": "~ DOY"}, FitError, "no dispersion"),
        ({"family": "poisson", "ziformula": "~ 1", "curvature": "expected"}, FitError, "observed"),
    ],
)
def test_bad_input(salamanders, options, error, words):
    given = {"family": "negative_binomial", **options}
    if given.get("curvature"):
        given["family"] = "poisson(sqrt)"
    with pytest.raises(error, match=words):
        glmer("count ~ mined + (1 | site)", salamanders, **given)


@pytest.mark.parametrize(
    "question",
    [
        lambda m: m.residuals("deviance"), lambda m: m.r2(), lambda m: m.icc(), lambda m: m.part_vcov("zeros"),
    ],
)  # fmt: skip
def test_questions_without_an_answer(inflated, question):
    with pytest.raises(InferenceError):
        question(inflated)


def test_a_plain_fit_has_no_such_models(salamanders):
    m = glmer("count ~ mined + (1 | site)", salamanders, "poisson")
    with pytest.raises(InferenceError, match="ziformula"):
        _ = m.zero_inflation
    with pytest.raises(InferenceError, match="dispformula"):
        _ = m.dispersion


SEPARATED = {  # what happens to the rows of b, and of c
    "no zeros in b": (lambda y, f: np.where((f == "b") & (y == 0), 1, y), "f[b] has no", "has no inflated zeros apart"),
    "no zeros": (
        lambda y, f: np.maximum(y, 1),
        "(Intercept), zi: f[b] and zi: f[c] have no", "y has no more zeros than the poisson family gives it",
    ),
    "zeros only in b": (lambda y, f: np.where(f == "b", 0, y), "f[b] has no", "has nothing but inflated zeros apart"),
    "both": (
        lambda y, f: np.where(f == "c", 0, np.where((f == "b") & (y == 0), 1, y)),
        "f[b] and zi: f[c] have no", "no inflated zeros or nothing but these apart",
    ),
}  # fmt: skip


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ x + (1 | g)"])
@pytest.mark.parametrize("how", SEPARATED)
def test_inflation_without_a_finite_estimate(how, formula):
    rng, n = np.random.default_rng(2), 450
    change, names, rows = SEPARATED[how]
    f, x, g = np.array(["a", "b", "c"])[np.arange(n) % 3], rng.normal(size=n), rng.integers(0, 15, n)
    y = rng.poisson(np.exp(1.5 + 0.3 * x + 0.4 * rng.normal(size=15)[g]))
    y = change(np.where(rng.random(n) < 0.25, 0, y), f)
    data = {"y": y, "x": x, "f": f, "g": [f"g{code}" for code in g]}
    engine = glm if "|" not in formula else glmer
    words = re.escape(f"zi: {names} finite estimate")
    with pytest.warns(SeparationWarning, match=words) as caught:
        m = engine(formula, data, "poisson", ziformula="~ f")
    assert rows in str(caught[0].message)
    for page in (m.summary(), m.explain()):
        assert f"zi: {names} finite" in " ".join(str(page).split())
    assert len(caught) == 1
