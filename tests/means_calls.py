"""Calls of R's emmeans as text -> the same question here, for the tests that compare answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from multilevel.inference.means import JointTests, MarginalMeans, emmeans, emtrends, joint_tests
from multilevel.models.estimate import Fit

DF = {"satterthwaite": "satterthwaite", "kenward-roger": "kenward-roger", "asymptotic": "none", None: None}
SIDES = {">": "greater", "<": "less", "equivalence": "two-sided"}
FORMULA = re.compile(r"(\w+ )?~ [^,()]+")
WORDS = {"TRUE": "True", "FALSE": "False", "NULL": "None", "list(": "dict(", "cov.reduce=range": "cov_reduce='range'"}


class NotHereError(Exception):
    """What emmeans does and this package does not."""


def answer(call: str, fit: Fit, data: Any) -> MarginalMeans | JointTests | dict[str, MarginalMeans]:
    """What this package says to a call of R."""
    text = FORMULA.sub(lambda found: repr(found.group()), call)
    for word, other in WORDS.items():
        text = text.replace(word, other)
    text = re.sub(r"(?<=[a-z])\.(?=[a-z]+ ?=)", "_", text)
    return eval(text, {"__builtins__": {}, "dict": dict}, _functions(fit, data))


def _functions(fit: Fit, data: Any) -> dict[str, Callable[..., Any]]:
    def options(lmer_df: Any = None, cov_keep: str | None = None, **rest: Any) -> dict[str, Any]:
        if cov_keep is not None:
            rest["cov_reduce"] = {cov_keep: "unique"}
        return rest | {"df": DF[lmer_df]}

    def means(m: Any, spec: str, **rest: Any) -> Any:
        return _split(spec, "emmeans", lambda s: emmeans(fit, data, s, **options(**rest)))

    def trends(m: Any, spec: str, var: str, max_degree: int = 1, **rest: Any) -> Any:
        if max_degree > 1:
            raise NotHereError("trends of higher degree")
        return _split(spec, "emtrends", lambda s: emtrends(fit, data, s, var, **options(**rest)))

    def ref_grid(m: Any) -> MarginalMeans:
        return emmeans(fit, data, list(fit.design.formula.predictors(random=False)))

    return {
        "m": None, "c": lambda *values: list(values), "emmeans": means, "emtrends": trends, "ref_grid": ref_grid,
        "joint_tests": lambda m, **rest: joint_tests(fit, data, **options(**rest)),
        "pairs": lambda e, **rest: _contrast(e, "pairwise", **rest), "contrast": _contrast, "test": _test,
        "confint": lambda e, **rest: e.confint(**rest), "regrid": _regrid,
        "summary": lambda e, type, bias_adjust: e.response(sigma=fit.estimate.sigma if bias_adjust else None),
        "rbind": lambda e, adjust: e.test(by=None, adjust=adjust), "eff_size": _effect_size,
        "sigma": lambda m: None, "df": _Dots(),
    }  # fmt: skip


class _Dots:
    def residual(self, m: Any) -> None:
        """df.residual(m), which only effect sizes ask for."""


def _split(spec: str, what: str, ask: Callable[[str], MarginalMeans]) -> MarginalMeans | dict[str, MarginalMeans]:
    left, right = spec.split("~")
    made = ask(f"~{right}")
    return {what: made, "contrasts": made.contrast(left.strip())} if left.strip() else made


def _contrast(e: MarginalMeans, method: Any = "eff", type: str = "link", ref: int | None = None, **rest: Any) -> Any:
    if rest.pop("simple", None) == "each" and rest.pop("combine"):
        return e.simple(method)
    method = "trt.vs.ctrl" if method == "dunnett" else method
    made = e.contrast(method, ref=None if ref is None else ref - 1, **rest)
    return made.response() if type == "response" else made


def _test(e: MarginalMeans, joint: bool = False, side: str = "two-sided", **rest: Any) -> Any:
    return e.joint_test() if joint else e.test(side=SIDES.get(side, side), **rest)  # type: ignore[arg-type]


def _regrid(e: MarginalMeans, transform: str = "response") -> MarginalMeans:
    return e.regrid(transform)


def _effect_size(e: MarginalMeans, **rest: Any) -> None:
    raise NotHereError("effect sizes")
