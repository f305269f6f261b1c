"""The cases: which model on which data, and what is timed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One model on one data set.

    `data` names a data set of make_data.py; `factors` are its categorical columns (all other grouping columns are
    integers). `kind` is "lmer" (a REML fit), "lm" (least squares), "refit" (one REML fit, then other responses of the
    same design) or "glmer" (a Laplace fit of a `family`). `cores` is how many cores the engine may use, None for all
    of the machine.
    """

    name: str
    title: str
    data: str
    formula: str
    factors: tuple[str, ...] = ()
    kind: str = "lmer"
    cores: int | None = None
    family: str = "gaussian"


SLEEPSTUDY = Case("sleepstudy", "sleepstudy, slopes", "sleepstudy", "reaction ~ days + (days | subject)", ("subject",))
CBPP = Case(
    "cbpp",
    "cbpp, grouped binomial",
    "cbpp",
    "cbind(incidence, failures) ~ period + (1 | herd)",
    ("herd", "period"),
    "glmer",
    family="binomial",
)

CASES = {
    case.name: case
    for case in (
        SLEEPSTUDY,
        Case(
            "penicillin",
            "penicillin, two crossed factors",
            "penicillin",
            "diameter ~ 1 + (1 | plate) + (1 | sample)",
            ("plate", "sample"),
        ),
        Case(
            "insteval",
            "InstEval, three crossed factors",
            "insteval",
            "y ~ 1 + (1 | s) + (1 | d) + (1 | dept:service)",
            ("s", "d", "dept", "service"),
        ),
        Case(
            "maximal",
            "maximal, 56 x 32 x 8 cells, 20 variance parameters",
            "maximal",
            "y ~ 1 + a * b * c + (1 + a + b + c | subj) + (1 + a + b + c | item)",
        ),
        Case("slopes", "slopes in many groups", "single", "y ~ x + (x | g)"),
        Case("crossed", "two large crossed factors", "crossed", "y ~ x + (1 | a) + (1 | b)"),
        Case("nested", "nested groups", "nested", "y ~ x + (1 | outer/inner)"),
        Case("refit", "sleepstudy, one refit on one core", "sleepstudy", SLEEPSTUDY.formula, ("subject",), "refit", 1),
        Case("lm", "least squares", "lm", "y ~ x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10", kind="lm"),
        CBPP,
        Case(
            "contraception",
            "contraception, binary",
            "contraception",
            "y ~ age + age2 + urban + livch + (1 | urban:district)",
            ("urban", "livch", "district"),
            "glmer",
            family="binomial",
        ),
        Case(
            "verbagg",
            "verbagg, binary, two crossed factors",
            "verbagg",
            "y ~ anger + gender + btype + situ + (1 | id) + (1 | item)",
            ("gender", "btype", "situ", "id", "item"),
            "glmer",
            family="binomial",
        ),
        Case(
            "grouseticks",
            "grouseticks, counts, three factors",
            "grouseticks",
            "ticks ~ year + c_height + (1 | brood) + (1 | index) + (1 | location)",
            ("year", "brood", "index", "location"),
            "glmer",
            family="poisson",
        ),
        Case("binomial", "binary, slopes in groups", "binomial", "y ~ x + (x | g)", kind="glmer", family="binomial"),
        Case(
            "poisson",
            "counts, two crossed factors",
            "poisson",
            "y ~ x + (1 | a) + (1 | b)",
            kind="glmer",
            family="poisson",
        ),
    )
}

# Fitted once, untimed, by every engine in a case of this kind, so that libraries are loaded before the clock starts.
WARM_UPS = {
    "lmer": SLEEPSTUDY,
    "refit": SLEEPSTUDY,
    "glmer": CBPP,
    "lm": Case("warm-up", "least squares", "sleepstudy", "reaction ~ days", ("subject",), "lm"),
}

# Who has a part in cases of this kind, in the order of the tables.
LINEAR = ("multilevel", "lme4", "glmm", "mixedlm", "statsmodels")
ENGINES = {
    "lmer": LINEAR,
    "refit": LINEAR,
    "lm": LINEAR,
    "glmer": ("multilevel", "lme4", "glmmTMB", "glmm", "mixedlm"),
}

# Criteria of refits are compared as the mean over the first responses, which every engine has time for.
COMPARED_REFITS = 20
