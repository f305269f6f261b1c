"""Calls of R's emmeans as text -> the same question here, for the tests that compare answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from multilevel.inference.means import JointTests, MarginalMeans, emmeans, emtrends, joint_tests
from multilevel.models.estimate import Fit

DF = {"satterthwaite": "satterthwaite", "kenward-roger": "kenward-roger", "asymptotic": "none", None: None}
SIDES = {">": "greater", "<": "less", "equivalence": "two-sided"}
DOT = "_dot_"
FORMULA = re.compile(r"(\w+ )?~ [^,()]+")
WORDS = {"TRUE": "True", "FALSE": "False", "NULL": "None", "list(": "dict(", "cov.reduce=range": "cov_reduce='range'"}


def answer(call: str, fit: Fit, data: Any) -> MarginalMeans | JointTests | dict[str, MarginalMeans]:
    """What this package says to a call of R."""
    text = FORMULA.sub(lambda found: repr(found.group()), call)
    for word, other in WORDS.items():
        text = text.replace(word, other)
    text = re.sub(r"(?<=\b[A-Z]\w{4})\.(?=\w+=)", DOT, text)  # Petal.Width, in which R has no other letter
    text = re.sub(r"(?<=[a-z])\.(?=[a-z]+ ?=)", "_", text)
    return eval(text, {"__builtins__": {}, "dict": _listed}, _functions(fit, data))


class _Vector(list[Any]):
    """c(1, 2) of R, of which a half is asked for."""

    def __truediv__(self, other: float) -> _Vector:
        return _Vector(v / other for v in self)


def _listed(*values: Any, **named: Any) -> Any:
    return list(values) or {name.replace(DOT, "."): value for name, value in named.items()}


def _functions(fit: Fit, data: Any) -> dict[str, Callable[..., Any]]:
    def options(lmer_df: Any = None, cov_keep: str | None = None, **rest: Any) -> dict[str, Any]:
        if cov_keep is not None:
            rest["cov_reduce"] = {cov_keep: "unique"}
        return rest | {"df": DF[lmer_df]}

    def means(m: Any, spec: str, type: str = "link", **rest: Any) -> Any:
        kind = "response" if type == "unlink" else type
        return _split(spec, "emmeans", lambda s: emmeans(fit, data, s, type=kind, **options(**rest)))

    def trends(m: Any, spec: str, var: str, delta_var: float | None = None, **rest: Any) -> Any:
        return _split(spec, "emtrends", lambda s: emtrends(fit, data, s, var, delta=delta_var, **options(**rest)))

    def ref_grid(m: Any) -> MarginalMeans:
        return emmeans(fit, data, list(fit.design.formula.predictors(random=False)))

    return {
        "m": None, "c": lambda *values: _Vector(values), "emmeans": means, "emtrends": trends, "ref_grid": ref_grid,
        "joint_tests": lambda m, **rest: joint_tests(fit, data, **options(**rest)), "median": "median",
        "pairs": lambda e, **rest: _contrast(e, "pairwise", **rest), "contrast": _contrast, "test": _test,
        "confint": _confint, "regrid": _regrid, "summary": lambda e, **rest: _summary(e, fit, **rest),
        "rbind": lambda e, adjust: e.test(by=None, adjust=adjust), "eff_size": lambda e, **rest: e.eff_size(**rest),
        "sigma": lambda m: fit.estimate.sigma, "df": _Dots(fit.estimate.n - len(fit.estimate.beta)),
    }  # fmt: skip


class _Dots:
    """df.residual(m), which only effect sizes ask for."""

    def __init__(self, value: int) -> None:
        self.value = value

    def residual(self, m: Any) -> int:
        return self.value


def _split(spec: str, what: str, ask: Callable[[str], MarginalMeans]) -> MarginalMeans | dict[str, MarginalMeans]:
    left, right = spec.split("~")
    made = ask(f"~{right}")
    return {what: made, "contrasts": made.contrast(left.strip())} if left.strip() else made


def _contrast(
    e: MarginalMeans, method: Any = "eff", type: str = "link", ref: Any = None, exclude: Any = (), wts: Any = None,
    simple: Any = None, combine: bool = False, **rest: Any,
) -> Any:  # fmt: skip
    if simple == "each" and combine:
        return e.simple(method)
    method = "trt.vs.ctrl" if method == "dunnett" else method
    ref = None if ref is None else [i - 1 for i in np.atleast_1d(ref).tolist()]
    exclude = [i - 1 for i in np.atleast_1d(exclude).astype(int).tolist()]
    made = e.contrast(method, ref=ref, exclude=exclude, weights=wts, simple=simple, **rest)
    return made.response() if type == "response" else made


def _test(e: MarginalMeans, joint: bool = False, side: str = "two-sided", **rest: Any) -> Any:
    return e.joint_test() if joint else e.test(side=SIDES.get(side, side), **rest)  # type: ignore[arg-type]


def _confint(e: MarginalMeans, type: str = "link", side: str = "two-sided", **rest: Any) -> MarginalMeans:
    made = e.confint(side=SIDES.get(side, side), **rest)  # type: ignore[arg-type]
    return made.response() if type == "response" else made


def _summary(e: MarginalMeans, fit: Fit, type: str, bias_adjust: bool, sigma: float | None = None) -> MarginalMeans:
    return e.response(sigma=(fit.estimate.sigma if sigma is None else sigma) if bias_adjust else None)


def _regrid(e: MarginalMeans, transform: str = "response") -> MarginalMeans:
    return e.regrid(transform)
