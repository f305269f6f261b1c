"""Single term deletions: `drop1` of the fixed terms, `ranova` of the random ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan

import numpy as np

from ..errors import InferenceError, nearest
from ..formula import RandomMatrices
from ..models.components import PARTS, Component, component_fit, part_texts
from ..models.estimate import Estimate, Fit
from ..models.generalized import GeneralizedFit
from .anova import AnovaTable, anova
from .likelihoods import boundary_p_value, chi_square_p_value
from .refits import droppable, refitted, without_term
from .sampling import Sampling
from .tabled import Numbers, TestTable

TESTS = ("Chisq", "F")


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
    least_squares = not fit.design.random and not (
        isinstance(fit, GeneralizedFit) and not fit.family.estimates_dispersion
    )
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
    ratios = [max(e.criterion - full.criterion, 0.0) if q else nan for e, q in zip(rows, lost, strict=True)]
    columns = (
        Numbers("npar", [nan, *lost], name="npar"),
        Numbers("AIC", [e.aic for e in (full, *rows)], name="aic"),
        Numbers("LRT", [nan, *ratios], name="statistic"),
        Numbers("Pr(>Chisq)", [nan, *map(_chi_square, ratios, lost)], "p", "p_value"),
    )
    notes = ("Fitted by maximum likelihood for these tests.",) if fit.estimate.reml else ()
    model = (("Model", fit.design.formula.text), *((option, text) for option, text in part_texts(fit).items()))
    title = "Single term deletions" + ("" if component == "cond" else f" from the model of {PARTS[component]}")
    return TestTable(title, model, "term", labels, columns, notes, backend)


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
    """One random term made smaller: the row of the table, the random terms that are left, how many effects went."""

    label: str
    random: tuple[RandomMatrices, ...]
    effects: int


def ranova(fit: Fit, backend: str = "pandas") -> TestTable:
    """Likelihood ratio tests of the random terms: slopes left out of their term, intercepts with it.

    From (x | g) the slope of x is left out, (1 | g) remains; (1 | g) is left out as a whole. Of several slopes each one
    that no interaction contains. Models are fitted anew by the fit's own criterion, REML or maximum likelihood; where
    the last random term goes, it is that of a linear model. Terms with a structure, such as ar1(), are left out as a
    whole.

    Two p-values: of the chi-square distribution, as lme4 has it, too large because a variance cannot be negative; and
    of the mixture that allows for this, see `boundary_p_value`.

    Raises
    ------
    InferenceError : the fit has no random terms.

    References
    ----------
    Self & Liang (1987), JASA 82, 605-610; Stram & Lee (1994), Biometrics 50, 1171-1177.
    """
    if not fit.design.random:
        raise InferenceError(f"{fit.design.formula.text!r} has no random terms to test")
    if not fit.estimate.residual:
        raise InferenceError(
            "without residuals (dispformula='~0') random terms cannot be left out; fit the models to compare"
        )
    written = fit.design.formula.random
    order = sorted(range(len(written)), key=lambda t: written.index(fit.design.random[t].bar))
    reductions = [r for t in order for r in _reductions(fit, t)]
    full, reml = fit.estimate, fit.estimate.reml
    rows = [refitted(fit, reml=reml, random=r.random) for r in reductions]
    lost = [len(full.theta) - len(e.theta) for e in rows]
    ratios = [max(e.criterion - full.criterion, 0.0) for e in rows]
    mixture = [boundary_p_value(ratio, q, r.effects) for ratio, q, r in zip(ratios, lost, reductions, strict=True)]
    estimates: tuple[Estimate, ...] = (full, *rows)
    columns = (
        Numbers("npar", [e.n_parameters for e in estimates], name="npar"),
        Numbers("logLik", [e.loglik for e in estimates], name="loglik"),
        Numbers("AIC", [e.aic for e in estimates], name="aic"),
        Numbers("LRT", [nan, *ratios], name="statistic"),
        Numbers("Df", [nan, *lost], name="df"),
        Numbers("Pr(>Chisq)", [nan, *map(chi_square_p_value, ratios, lost)], "p", "p_value"),
        Numbers("Pr(mix)", [nan, *mixture], "p", "p_value_mixture"),
    )
    notes = ["A variance cannot be negative: Pr(>Chisq) is too large; Pr(mix) allows for that."]
    if np.isnan(mixture).any():
        notes.append("Where several effects are left out at once, the weights of the mixture are not known.")
    if len(fit.random_parts) > 1:
        notes.append("The random effects of the zero inflation stay in every model.")
    labels = ("<none>", *(r.label for r in reductions))
    title = "Random effects: single term deletions"
    return TestTable(title, (("Model", fit.design.formula.text),), "term", labels, columns, tuple(notes), backend)


def _reductions(fit: Fit, t: int) -> list[Reduction]:
    """The ways to make one random term smaller."""
    part, rows = fit.design.random[t], fit.rows.random
    if part.structure not in ("us", "diag"):  # without variance the correlations are nothing: no weights of a mixture
        return [Reduction(part.written, (*rows[:t], *rows[t + 1 :]), 2 if part.correlated else 1)]
    terms = part.plan.terms
    made = []
    if part.bar.terms.intercept and (part.structure == "diag" or not terms):
        columns = [0]
        made.append(_reduced(rows, t, f"(1 | {part.group})", columns))
    scope = droppable([term.variables for term in terms]) if part.structure == "us" else range(len(terms))
    for i in scope:
        left = part.label.split("|")[0].strip()
        inside = f"{left} | {part.group}" if part.structure == "us" else f"0 + {terms[i].label} | {part.group}"
        mean = not part.bar.terms.intercept and set(terms[i].codings) == {"full"} and part.structure == "us"
        made.append(_reduced(rows, t, f"{terms[i].label} in ({inside})", [*terms[i].columns], mean))
    return made


def _reduced(rows: tuple[RandomMatrices, ...], t: int, label: str, columns: list[int], mean: bool = False) -> Reduction:
    """Without some columns of a term; `mean`: these add up to a constant, and random intercepts take their place."""
    part = rows[t]
    kept = [j for j in range(len(part.Z)) if j not in columns]
    names, Z = tuple([part.names[j] for j in kept]), tuple([part.Z[j] for j in kept])
    if mean:
        names, Z = ("(Intercept)", *names), (np.ones(len(part.codes)), *Z)
    smaller = [replace(part, names=names, Z=Z)] if Z else []
    return Reduction(label, (*rows[:t], *smaller, *rows[t + 1 :]), len(part.Z) - len(Z))
