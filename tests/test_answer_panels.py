"""Panels of marginal means and profiles: what is drawn are the numbers that are printed."""

from __future__ import annotations

import io

import numpy as np
import pytest

import multilevel as mlm
from multilevel import plots

load = mlm.datasets.load


@pytest.fixture(scope="module")
def cake():
    return mlm.lmer("angle ~ recipe * temperature + (1 | recipe:replicate)", load("cake"))


@pytest.fixture(scope="module")
def sleep():
    return mlm.lmer("reaction ~ days + (days | subject)", load("sleepstudy"), REML=False).profile()


def drawn(picture):
    buffer = io.BytesIO()
    picture.save(buffer, format="png", dpi=40, verbose=False)
    return buffer.getbuffer().nbytes


def test_means_are_those_of_the_table(cake):
    found = cake.emmeans("~ temperature", df="satterthwaite")
    picture = plots.means(found)
    np.testing.assert_array_equal(picture.data["lower"], found.limits.lower)
    assert list(picture.data["row"].cat.categories)[::-1] == ["175", "185", "195", "205", "215", "225"]
    assert drawn(picture) > 1000


def test_a_panel_for_each_table(cake):
    picture = plots.means(cake.emmeans("~ recipe | temperature", df="none"), level=0.8)
    assert picture.data["table"].cat.categories[0] == "temperature = 175"
    narrow = picture.data["upper"] - picture.data["lower"]
    wide = np.diff(np.column_stack(cake.emmeans("~ recipe | temperature", df="none").limits), axis=1)[:, 0]
    np.testing.assert_allclose(narrow / wide, 1.2815515655 / 1.9599639845)
    assert drawn(picture) > 1000


def test_arrows_are_those_of_the_means(cake):
    found = cake.emmeans("recipe")
    picture = plots.means(found, comparisons=True)
    np.testing.assert_allclose(picture.data["estimate"] - picture.data["left"], found.arrows().left)
    assert drawn(picture) > 1000


def test_the_axis_says_what_the_numbers_are():
    herds = mlm.glm("cbind(incidence, size - incidence) ~ period", load("cbpp"), "binomial").emmeans("period")
    heads = [plots.means(shown).labels.x for shown in (herds, herds.response(), herds.pairs().response())]
    assert heads == [f"{what}, 95% interval" for what in ("emmean", "prob", "odds.ratio")]


def test_contrasts_have_a_line_at_zero(cake):
    layers = len(plots.means(cake.emmeans("temperature")).layers)
    assert len(plots.means(cake.emmeans("temperature").pairs()).layers) == layers + 1


def test_profile_curves_and_their_limits(sleep):
    picture = plots.profile(sleep, level=0.9)
    curves = picture.data
    assert list(curves["parameter"].cat.categories) == list(sleep)
    days = curves[curves["parameter"] == "days"]
    np.testing.assert_allclose(sleep["days"](days["value"]), days["zeta"])
    marks = next(layer.geom.data for layer in picture.layers if "value" in getattr(layer.geom, "data", ()))
    np.testing.assert_allclose(
        marks.loc[marks["parameter"] == "sigma", "value"], sleep["sigma"].limits(1.6448536269514722), rtol=1e-9
    )
    assert drawn(picture) > 1000


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda c, p: plots.means(c),
            mlm.DataError,
            "means takes what emmeans or contrast gives; found LinearMixedModel",
        ),
        (lambda c, p: plots.means(c.emmeans("recipe"), level=95), mlm.InferenceError, "level"),
        (
            lambda c, p: plots.profile(c),
            mlm.DataError,
            "profile takes what m.profile\\(\\) gives; found LinearMixedModel",
        ),
        (lambda c, p: plots.profile(p, level=2), mlm.DataError, "level is 2; expected a probability"),
        (lambda c, p: plots.profile(p, level=0.9999999), mlm.InferenceError, "profile up to a higher level"),
    ],
)
def test_bad_input(cake, sleep, call, error, words):
    with pytest.raises(error, match=words):
        call(cake, sleep)
