"""Fits of the reference models at the theta where lme4 stopped: what two optimisers leave does not blur a comparison.

Besides, lmerTest's answers by the identity of a fit.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from test_agreement import FITS, fit, plain, theta_names

from multilevel.inference import methods
from multilevel.inference.satterthwaite import satterthwaite
from multilevel.inference.whitened import Whitened
from multilevel.models.estimate import Fit, estimate_of

REFERENCE = Path(__file__).parent / "reference"
TESTS: dict[str, Any] = {t["id"]: t for t in json.loads((REFERENCE / "tests.json").read_text("utf-8"))}
# of models where lme4 stops short: lmerTest after a tight optimiser; of weighted ones: pbkrtest of rows times sqrt(w)
TIGHT: dict[str, Any] = {t["id"]: t for t in json.loads((REFERENCE / "tight.json").read_text("utf-8"))}
# (f || g) is diagonal here, also for a factor; the formula of the model that lme4 makes of it
WRITTEN = {"machines_doublebar_factor": "score ~ Machine + (1 | Worker) + (0 + Machine | Worker)"}
MODELS = {f["id"]: f | ({"formula": WRITTEN[f["id"]]} if f["id"] in WRITTEN else {}) for f in FITS}


def at_theta(found: Fit, theta: Any) -> Fit:
    """The same model with everything else as theta implies."""
    solution = found.sums.core.solve(np.array(theta, float), found.estimate.reml)
    estimate = estimate_of(solution, found.sums, reml=found.estimate.reml)
    return replace(found, estimate=replace(estimate, smallest=found.estimate.smallest))


def as_lmertest(found: Fit) -> Fit:
    """The fit with Satterthwaite's method in lmerTest's parameters, theta and sigma.

    Where lme4 stopped, the slope is not zero and the curvature depends on the parameters; at an optimum it does not.
    """
    roots = tuple(np.eye(len(factor)) for factor in found.factors)
    own = Whitened(found, np.eye(len(found.names)), roots)
    made = methods._known.setdefault(found, {})["satterthwaite"] = satterthwaite(found, own)
    assert methods.sampling_of(found, "satterthwaite") is made  # that is where it is looked for
    return found


def lme4s_fit(name: str) -> Fit:
    """The model of a reference fit at the theta where lme4 stopped; its terms may stand in another order there."""
    m = fit(MODELS[name])
    theta = dict(zip(MODELS[name]["theta_names"], TESTS[name]["theta"], strict=True))
    return at_theta(m._fit, [theta[entry] for entry in theta_names(m)])


@lru_cache(maxsize=8)
def lmertest_fit(name: str) -> Fit:
    """That fit with lmerTest's degrees of freedom."""
    return as_lmertest(lme4s_fit(name))


def plain_names(found: Fit) -> list[str]:
    """Names of the identified coefficients as R spells them."""
    return [plain(name) for name in found.names]
