"""Single term deletions: `drop1` of the fixed terms, `ranova` of the random ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan

import numpy as np

from ..errors import InferenceError, nearest
from ..formula import RandomMatrices
from ..models.components import Component, check_component, component_fit, part_texts
from ..models.estimate import Estimate, Fit
from ..models.generalized import GeneralizedFit
from ..models.shape_models import PARTS
from .anova import AnovaTable, anova
from .likelihoods import boundary_p_value, chi_square_p_value
from .refits import droppable, only_factors, refitted, without_term
from .sampling import Sampling
from .tabled import Numbers, TestTable

TESTS = ("Chisq", "F")
NAMED = {"cond": "mean", **PARTS}


def drop1(
    fit: Fit,
    test: str | None = None,
    df: str | Sampling | None = None,
    backend: str = "pandas",
    *,
    component: Component = "cond",
) -> TestTable | AnovaTable:
    """Tests of the fixed terms that no other term contains, each left out in turn.

    Parameters
    ----------
    fit : of a linear or linear mixed model.
    test : `"Chisq"`, likelihood ratios of models refitted by maximum likelihood (default for mixed models), or `"F"`,
        F tests without refits (default for linear models).
    df : degrees of freedom of the F tests, as for `sampling_of`; a sampling distribution asks for F tests.
    backend : library of the frame that `to_frame()` gives.
    component : whose terms: `"cond"`, the mean; `"zi"` or `"disp"`, a model of zero inflation or dispersion.

    Raises
    ------
    InferenceError : `test` or `df` is none of these, `df` is given for likelihood ratios, or there is no fixed term.
    """
    least_squares = not fit.design.random and not (isinstance(fit, GeneralizedFit) and not fit.pearson)
    test = test or ("F" if least_squares or isinstance(df, Sampling) else "Chisq")
    if test not in TESTS:
        raise InferenceError(f'test is {test!r}; expected "Chisq" or "F"{nearest(test, TESTS)}')
    part = component_fit(fit, component)
    if not part.design.terms:
        raise InferenceError(f"{part.design.formula.text!r} has no fixed term to drop beside the intercept")
    scope = droppable([term.variables for term in part.design.terms])
    if test == "F":
        return _f_tests(part, scope, df, backend)
    if least_squares and isinstance(fit, GeneralizedFit):
        raise InferenceError(
            f"the dispersion of the family {fit.family.name} is estimated, so likelihood ratios have no chi-square "
            'distribution; use test="F"'
        )
    if isinstance(df, Sampling):
        raise InferenceError('likelihood ratios have no cluster-robust covariance; use test="F", or leave vcov out')
    if df is not None:
        raise InferenceError(f'df="{df}" is for F tests; add test="F", or leave it out')
    full = refitted(fit, reml=False)
    left = [without_term(part, t + 1) for t in scope]
    if component == "disp" and not all(left):
        raise InferenceError(f"without its only term {part.design.formula.text!r} is no model of the dispersion")
    rows = [refitted(fit, reml=False, X=columns, component=component) for columns in left]
    labels = ("<none>", *(part.design.terms[t].label for t in scope))
    lost = [full.n_parameters - e.n_parameters for e in rows]
    ratios = [max(e.criterion - full.criterion, 0.0) if q else 0.0 for e, q in zip(rows, lost, strict=True)]
    columns = (
        Numbers("npar", [nan, *lost], name="npar"),
        Numbers("AIC", [e.aic for e in (full, *rows)], name="aic"),
        Numbers("LRT", [nan, *ratios], name="statistic"),
        Numbers("Pr(>Chisq)", [nan, *map(_chi_square, ratios, lost)], "p", "p_value"),
    )
    notes = ("Fitted by maximum likelihood for these tests.",) if fit.estimate.reml else ()
    title = "Single term deletions" + _from(component)
    return TestTable(title, _formulas(fit), "term", labels, columns, notes, backend)


def _formulas(fit: Fit) -> tuple[tuple[str, str], ...]:
    return ("Model", fit.design.formula.text), *part_texts(fit).items()


def _from(component: Component) -> str:
    return "" if component == "cond" else f" from the model of {PARTS[component]}"


def _chi_square(ratio: float, df: int) -> float:
    return chi_square_p_value(ratio, df) if df else nan


def _f_tests(fit: Fit, scope: list[int], df: str | Sampling | None, backend: str) -> AnovaTable:
    table = anova(fit, 2, df, backend)
    rows = [*scope, *range(len(fit.design.terms), len(table.terms))]  # and the residuals of a linear model
    title = "Single term deletions" + table.title.partition("Table")[2].replace(" with ", " using ")
    return replace(
        table,
        title=title,
        terms=tuple([table.terms[i] for i in rows]),
        **{name: getattr(table, name)[rows] for name in ("sum_sq", "df1", "df2", "statistic", "p_value")},
    )


# ---- random terms ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reduction:
    """One random term made smaller: the row of the table, the random terms that are left, how many effects went.

    `nested`: the model that is left is a special case of the larger one.
    """

    label: str
    random: tuple[RandomMatrices, ...]
    effects: int
    nested: bool


def ranova(fit: Fit, backend: str = "pandas", *, component: Component = "cond") -> TestTable:
    """Likelihood ratio tests of the random terms: slopes left out of their term, intercepts with it.

    From (x | g) the slope of x is left out, (1 | g) remains; (1 | g) is left out as a whole. Of several slopes each one
    that no interaction contains. `component`: of the mean, `"cond"`, or of the model of zero inflation, `"zi"`, or
    dispersion, `"disp"`; those of the others stay. As in lmerTest, (0 + x | g) becomes (1 | g), unless this is there
    already. Terms with a structure, such as ar1(), are left out as a whole. Models are fitted anew by the fit's own
    criterion, REML or maximum likelihood; where the last random term goes, it is that of a linear model. A known sigma
    stays: of `(1 | trial)` in a meta-analysis this is the test that trials do not differ.

    Two p-values: of the chi-square distribution, as lme4 has it, too large because a variance cannot be negative; and
    of the mixture that allows for this, see `boundary_p_value`.

    Raises
    ------
    InferenceError : the fit or the component has no random terms.

    References
    ----------
    Self & Liang (1987), JASA 82, 605-610; Stram & Lee (1994), Biometrics 50, 1171-1177.
    """
    if not fit.design.random:
        raise InferenceError(f"{fit.design.formula.text!r} has no random terms to test")
    if not fit.estimate.residual:
        raise InferenceError(
            "without residuals (dispformula='~0') random terms are not left out; fit the models to compare"
        )
    part = _random_part(fit, component)
    written = part.design.formula.random
    order = sorted(range(len(written)), key=lambda t: written.index(part.design.random[t].bar))
    reductions = [r for t in order for r in _reductions(part, t)]
    full, reml = fit.estimate, fit.estimate.reml
    rows = [refitted(fit, reml=reml, random=r.random, component=component) for r in reductions]
    lost = [len(full.theta) - len(e.theta) for e in rows]
    ratios = [e.criterion - full.criterion for e in rows]
    ratios = [max(ratio, 0.0) if r.nested else ratio for ratio, r in zip(ratios, reductions, strict=True)]
    tested = list(zip(ratios, lost, reductions, strict=True))
    naive = [chi_square_p_value(ratio, q) if r.nested else nan for ratio, q, r in tested]
    mixture = [boundary_p_value(ratio, q, r.effects) if r.nested else nan for ratio, q, r in tested]
    estimates: tuple[Estimate, ...] = (full, *rows)
    columns = (
        Numbers("npar", [e.n_parameters for e in estimates], name="npar"),
        Numbers("logLik", [e.loglik for e in estimates], name="loglik"),
        Numbers("AIC", [e.aic for e in estimates], name="aic"),
        Numbers("LRT", [nan, *ratios], name="statistic"),
        Numbers("Df", [nan, *lost], name="df"),
        Numbers("Pr(>Chisq)", [nan, *naive], "p", "p_value"),
        Numbers("Pr(mix)", [nan, *mixture], "p", "p_value_mixture"),
    )
    notes = ["A variance cannot be negative: Pr(>Chisq) is too large; Pr(mix) allows for that."]
    if not all(r.nested for r in reductions):
        notes.append("A random intercept in the place of the only slope is another model, not a smaller one: no test.")
    if any(r.nested and r.effects > 1 for r in reductions):
        notes.append("Where several effects are left out at once, the weights of the mixture are not known.")
    if further := [f"the {NAMED[own.component]}" for own in fit.random_parts if own.component != component]:
        notes.append(f"The random effects of {' and '.join(further)} stay in every model.")
    labels = ("<none>", *(r.label for r in reductions))
    title = "Random effects: single term deletions" + _from(component)
    return TestTable(title, _formulas(fit), "term", labels, columns, tuple(notes), backend)


def _random_part(fit: Fit, component: Component) -> Fit:
    """The model whose random terms are tested; InferenceError where it has none."""
    check_component(fit, component)
    found = [part for part in fit.random_parts if part.component == component]
    if not found:
        raise InferenceError(f"{part_texts(fit)[PARTS[component].capitalize()]!r} has no random terms to test")
    return found[0]


def _reductions(fit: Fit, t: int) -> list[Reduction]:
    """The ways to make one random term smaller."""
    part, rows = fit.design.random[t], fit.rows.random
    if part.structure not in ("us", "diag"):  # without variance the correlations are nothing: no weights of a mixture
        return [Reduction(part.written, (*rows[:t], *rows[t + 1 :]), 2 if part.correlated else 1, True)]
    terms = part.plan.terms
    made = []
    if part.bar.terms.intercept and (part.structure == "diag" or not terms):
        columns = [0]
        made.append(_reduced(rows, t, f"(1 | {part.group})", columns))
    scope = droppable([term.variables for term in terms]) if part.structure == "us" else range(len(terms))
    for i in scope:
        left = part.label.split("|")[0].strip()
        inside = f"{left} | {part.group}" if part.structure == "us" else f"0 + {terms[i].label} | {part.group}"
        place = not part.bar.terms.intercept and _needs_intercept(fit, t, i)
        made.append(_reduced(rows, t, f"{terms[i].label} in ({inside})", [*terms[i].columns], place))
    return made


def _needs_intercept(fit: Fit, t: int, i: int) -> bool:
    """Whether a random term without intercept has one when its term i goes: where nothing else is left of it.

    Or where another factor would be coded in full then, which is the same as an intercept beside what it has now.
    """
    part = fit.design.random[t]
    others = [term for term in part.plan.terms if term is not part.plan.terms[i]]
    if part.structure == "diag" or not others:
        return True
    mean = set(part.plan.terms[i].codings) == {"full"}
    return mean and any(only_factors(fit.design, other.variables) for other in others)


def _reduced(
    rows: tuple[RandomMatrices, ...], t: int, label: str, columns: list[int], intercept: bool = False
) -> Reduction:
    """Without some columns of a term; with `intercept`, a random one takes their place where there is none yet."""
    part = rows[t]
    kept = [j for j in range(len(part.Z)) if j not in columns]
    names, Z, nested = tuple([part.names[j] for j in kept]), tuple([part.Z[j] for j in kept]), True
    there = any(_has_own_intercept(other, part) for s, other in enumerate(rows) if s != t)
    if there and names == ("(Intercept)",):
        names, Z = (), ()
    elif intercept and not there:
        names, Z = ("(Intercept)", *names), (np.ones(len(part.codes)), *Z)
        mean = np.ptp(np.sum([part.Z[j] for j in columns], axis=0)) == 0
        nested = bool(mean) and part.structure == "us"
    smaller = [replace(part, names=names, Z=Z)] if Z else []
    return Reduction(label, (*rows[:t], *smaller, *rows[t + 1 :]), len(part.Z) - len(Z), nested)


def _has_own_intercept(other: RandomMatrices, part: RandomMatrices) -> bool:
    """Whether another term has a random intercept of the same factor, uncorrelated with anything."""
    alone = other.names == ("(Intercept)",) or (other.structure == "diag" and "(Intercept)" in other.names)
    return alone and other.group == part.group
