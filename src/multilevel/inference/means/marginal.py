"""Marginal means, slopes and their contrasts, and what can be asked of them.

MarginalMeans                     linear functions (functions.py) that print themselves
├─ contrast, pairs, simple        the same for W L: families of contrasts in each table
├─ test, confint, response        the same rows, shown otherwise
└─ joint_test, joint_tests        F tests
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any, Literal, TypeAlias

import numpy as np

from ...data.sums import Floats
from ...digits import significant
from ...errors import InferenceError, nearest
from ...layout import Page, Prose, Section
from ..levels import checked_level
from .adjust import ACROSS, Side, check_adjust
from .arrows import Arrows, arrows
from .averaging import Key, text_key
from .contrasts import contrasts, rescaled
from .families import Method, Options, Reference
from .functions import LinearFunctions, Shown
from .joint import JointTests, factorial_terms, rows_test, term_tests
from .pages import inference_columns, marginal_notes, table_of
from .scales import LOG, Scale, bias_adjusted
from .sizes import effect_sizes
from .specs import Names, as_names

Regridded: TypeAlias = Literal["response", "log"]
SIDES = ("two-sided", "less", "greater")


@dataclass(frozen=True, eq=False, repr=False)
class MarginalMeans(LinearFunctions, Page):
    """Estimated marginal means, slopes, or contrasts of them; made by `emmeans` and `emtrends`.

    Prints as emmeans does in R. `estimates`, `limits` and `tests` have the numbers, `to_frame()` all of them in a
    frame; `L` (k, columns of X) are the linear functions, of all columns of X.
    """

    def __repr__(self) -> str:
        return self.to_text()

    # ---- the same rows, shown otherwise -----------------------------------------------------------------------------

    def summary(
        self, level: float | None = None, *, adjust: str | None = None, cross_adjust: str | None = None
    ) -> MarginalMeans:
        """The same with intervals and tests side by side; arguments as in `confint` and `test`, or as they are."""
        level = self.shown.level if level is None else level
        checked_level(level)
        return self._shown_as(..., adjust, intervals=True, tests=True, level=float(level), **_crossed(cross_adjust))

    def confint(
        self, level: float = 0.95, *, adjust: str | None = None, by: Names | EllipsisType = ...
    ) -> MarginalMeans:
        """The same with confidence intervals, and without tests.

        Parameters
        ----------
        level : of the intervals, of all in a table together where they are adjusted.
        adjust : see `contrast`; default: as it is. Stepwise methods give Bonferroni intervals.
        by : names of the columns that make separate tables, each adjusted by itself; None: one table. Default: as it
            is.
        """
        checked_level(level)
        return self._shown_as(by, adjust, intervals=True, tests=False, level=float(level))

    def test(
        self,
        null: float = 0.0,
        side: Side = "two-sided",
        *,
        delta: float = 0.0,
        adjust: str | None = None,
        cross_adjust: str | None = None,
        by: Names | EllipsisType = ...,
    ) -> MarginalMeans:
        """The same with t tests, and without intervals.

        Parameters
        ----------
        null : value under the hypothesis, on the scale of the linear predictor.
        side : the alternative, `"two-sided"`, `"less"` or `"greater"` than the null value.
        delta : a threshold: with `"two-sided"` the test is of equivalence (the estimate is within delta of null), with
            `"greater"` of non-inferiority, with `"less"` of non-superiority.
        adjust, by : as for `confint`.
        cross_adjust : adjusts the p-values once more, across tables of one size: `"bonferroni"`, `"sidak"`, or another
            method that needs p-values only. Default: as it is, at first `"none"`.
        """
        if side not in SIDES:
            known = ", ".join(map(repr, SIDES))
            raise InferenceError(f"side is {side!r}; expected one of {known}{nearest(str(side), SIDES)}")
        if not (np.isfinite(null) and np.isfinite(delta) and delta >= 0):
            raise InferenceError(f"null should be a number and delta zero or positive; found {null} and {delta}")
        return self._shown_as(
            by, adjust, intervals=False, tests=True, null=float(null), side=side, delta=float(delta),
            **_crossed(cross_adjust),
        )  # fmt: skip

    def response(self, *, sigma: float | None = None) -> MarginalMeans:
        """The same on the scale of the response, for a transformed response or a link.

        Standard errors are by the delta method, intervals transformed; tests stay where they were. Differences of
        logarithms are shown as ratios, of logits as odds ratios.

        Parameters
        ----------
        sigma : given, means are adjusted for the bias of transforming back, mu + sigma^2 / 2 d^2 mu / d eta^2: the
            standard deviation of the transformed response about the linear predictor, all random effects included.
            Default: not adjusted, so that a mean of logarithms becomes a geometric mean.
        """
        if self.scale is None:
            if self.remarks:
                raise InferenceError(
                    "these contrasts mean nothing on the scale of the response; .regrid() before .contrast() compares "
                    "the means there"
                )
            raise InferenceError("the response is not transformed; these are on its scale already")
        if sigma is None:
            return replace(self, on_response=True)
        if not (np.isfinite(sigma) and sigma >= 0):
            raise InferenceError(f"sigma is {sigma}; expected a standard deviation, zero or positive")
        if self.scale.is_ratio:
            raise InferenceError("ratios need no adjustment for bias; leave sigma out")
        note = f"Bias adjustment applied based on sigma = {significant([sigma], 5)[0]}"
        return replace(self, on_response=True, scale=bias_adjusted(self.scale, sigma), bias=note)

    def regrid(self, to: Regridded = "response") -> MarginalMeans:
        """Means on another scale as new linear functions, with a covariance by the delta method.

        Parameters
        ----------
        to : `"response"`: contrasts of the result are differences of means on the scale of the response, not ratios.
            `"log"`: its logarithm, so that contrasts shown by `.response()` are ratios of means: risk ratios of a
            logistic model.

        >>> from multilevel import datasets, glm
        >>> m = glm("cbind(incidence, size - incidence) ~ period", datasets.load("cbpp", "dict"), "binomial")
        >>> m.emmeans("period", at={"period": ["1", "2"]}).regrid("log").pairs().response()
         contrast          ratio    SE  df null z.ratio p.value
         period1 / period2  2.74 0.708 Inf    1   3.892  0.0001
        <BLANKLINE>
        Tests are performed on the log scale
        """
        if to not in ("response", "log"):
            raise InferenceError(f"to is {to!r}; expected 'response' or 'log'{nearest(str(to), ('response', 'log'))}")
        if self.scale is None:
            raise InferenceError("the response is not transformed; these are on its scale already")
        eta = np.where(self.estimable, self.linear.estimate, np.nan)
        mu, slopes = self.scale.inverse(eta), self.scale.derivative(eta)
        what, scale, on_response = self.scale.response, None, False
        if to == "log":
            if (mu <= 0).any():
                raise InferenceError("some means are not positive; they have no logarithm")
            mu, slopes, scale, on_response = np.log(mu), slopes / mu, replace(LOG, response=what), self.on_response
            what = self.what
        basis, L = self.basis.transformed(self.L, mu, slopes)
        constant = np.zeros(len(L))
        return replace(
            self, basis=basis, L=L, constant=constant, what=what, scale=scale, on_response=on_response, bias=""
        )

    def _shown_as(self, by: Names | EllipsisType, adjust: str | None, **changes: Any) -> MarginalMeans:
        if adjust is not None:
            check_adjust(adjust)
            changes["adjust"] = adjust
        here = self._grouped(by)
        return replace(here, shown=replace(here.shown, **changes))

    def _grouped(self, by: Names | EllipsisType) -> MarginalMeans:
        """The same rows in other tables; families that fall apart are no longer all pairs of something."""
        if isinstance(by, EllipsisType) or (groups := as_names(by, "by")) == self.by:
            return self
        names = [key.name for key in self.keys]
        for name in groups:
            if name not in names:
                known = ", ".join(names)
                raise InferenceError(f"by: {name!r} is no column here{nearest(name, names)} (columns: {known})")
        if len(groups) >= len(names):
            raise InferenceError(f"by: {', '.join(groups)} leave nothing to compare; leave one column out of by")
        return replace(self, by=groups, keys=_behind(self.keys, groups), pairs_of=None)

    # ---- contrasts --------------------------------------------------------------------------------------------------

    def contrast(
        self,
        method: Method = "pairwise",
        *,
        adjust: str | None = None,
        by: Names | EllipsisType = ...,
        simple: Names = None,
        interaction: Any = None,
        ref: Reference | None = None,
        exclude: Reference = (),
        reverse: bool = False,
        weights: Sequence[float] | None = None,
        max_degree: int | None = None,
        scale: float | Sequence[float] = 1.0,
        offset: float | Sequence[float] = 0.0,
    ) -> MarginalMeans:
        """Contrasts of the rows of each table.

        Parameters
        ----------
        method : `"pairwise"`, `"revpairwise"`, `"trt.vs.ctrl"` (each with the first, or `ref`), `"trt.vs.ctrlk"` (with
            the last), `"eff"` (with the mean of all), `"del.eff"` (with the mean of the others), `"consec"` (with the
            one before), `"mean_chg"` (later ones with earlier ones), `"helmert"` (with the mean of the earlier ones),
            `"poly"` (orthogonal polynomials), `"identity"`, or weights by name, `{"a - b": [1, -1, 0]}`.
        adjust : `"none"`, `"tukey"`, `"dunnettx"`, `"dunnett"`, `"mvt"`, `"scheffe"`, `"sidak"`, `"bonferroni"`,
            `"holm"`, `"hochberg"`, `"hommel"`, `"fdr"` (or `"BH"`), `"BY"`. Default: that of the family, tukey for
            pairs, dunnettx for comparisons with a control, fdr for effects, mvt for consecutive ones, otherwise none.
        by : names of the columns whose values make separate families; None: one family. Default: as it is.
        simple : names of the columns to compare, at each value of all others: the complement of `by`.
        interaction : in place of `method`, one method for each factor, `["pairwise", "poly"]` or
            `{"tension": "poly", "wool": "eff"}`, one for all, or True (`method` for all): contrasts of contrasts.
        ref : of `"trt.vs.ctrl"`: label or position (from 0) of the reference, or several.
        exclude : means, by label or position, that no contrast takes.
        reverse : differences the other way round, for families of differences.
        weights : of the mean that `"eff"` and `"del.eff"` compare with, one number for each mean.
        max_degree : of `"poly"`.
        scale, offset : what contrasts are multiplied by, then what is added to them: a number, or one for each contrast
            of a table.

        Raises
        ------
        InferenceError : a method, adjustment, mean, column or option is not known, or weights do not fit.

        Notes
        -----
        `"dunnett"` assumes that comparisons have the correlation 1/2, exact for groups of one size; `"dunnettx"` is
        emmeans' approximation to it, off by up to 0.01 in p with few comparisons; `"mvt"` takes their own correlations.
        """
        if adjust is not None:
            check_adjust(adjust)
        here = self._grouped(by if simple is None else self._all_but(simple))
        own = [key for key in here.keys if key.name not in here.by]
        group = [key for key in here.keys if key.name in here.by]
        interaction = method if interaction is True else interaction or None
        left_out = (exclude,) if isinstance(exclude, int | str) else tuple(exclude)
        options = Options(ref, left_out, reverse, weights, max_degree)
        made = contrasts(own, group, here.groups, method, interaction, options)
        response, remarks = self._scale_of(made.W)
        W, added = rescaled(made.W, len(here.groups), scale, offset)
        if W is not made.W:
            response = None
        empty = np.isnan(here.L).any(axis=1)
        L = W @ np.nan_to_num(here.L)
        L[(W != 0) @ empty] = np.nan
        return replace(
            here,
            keys=made.keys,
            L=L,
            constant=W @ np.nan_to_num(here.constant) + added,
            what="estimate",
            remarks=remarks,
            scale=response,
            on_response=self.on_response and response is not None,
            bias="",
            pairs_of=made.pairs_of,
            ratios=made.ratios if response is not None else (),
            shown=Shown(False, True, self.shown.level, made.adjust if adjust is None else adjust),
        )

    def _all_but(self, simple: Names) -> tuple[str, ...]:
        """Names of the columns that are not compared."""
        names, compared = [key.name for key in self.keys], as_names(simple, "simple")
        for name in compared:
            if name not in names:
                known = ", ".join(names)
                raise InferenceError(f"simple: {name!r} is no column here{nearest(name, names)} (columns: {known})")
        return tuple(name for name in names if name not in compared)

    def _scale_of(self, W: Floats) -> tuple[Scale | None, tuple[str, ...]]:
        """The scale of contrasts with weights W, and remarks on it."""
        if self.scale is None:
            return None, self.remarks
        sums, sizes = W.sum(axis=1), np.abs(W).sum(axis=1)
        if self.scale.of_contrasts is not None and np.all(np.abs(sums) < 1e-9 * sizes):
            return self.scale.of_contrasts, self.remarks
        return None, (*self.remarks, f"Note: contrasts are still on the {self.scale.name} scale")

    def pairs(
        self,
        *,
        reverse: bool = False,
        adjust: str | None = None,
        by: Names | EllipsisType = ...,
        simple: Names = None,
        exclude: Reference = (),
    ) -> MarginalMeans:
        """All pairwise differences in each table: `contrast("pairwise")`, or `"revpairwise"`; arguments as there."""
        method = "revpairwise" if reverse else "pairwise"
        return self.contrast(method, adjust=adjust, by=by, simple=simple, exclude=exclude)

    def simple(self, method: Method = "pairwise", *, adjust: str = "bonferroni") -> MarginalMeans:
        """Contrasts of each factor at every combination of the others, all in one table and one family.

        Parameters
        ----------
        method, adjust : as for `contrast`; the factors that are not compared have a column each.
        """
        names = [key.name for key in self.keys]
        if len(names) < 2:
            raise InferenceError("simple contrasts need two factors or more; ask for .contrast()")
        parts = [self.contrast(method, by=[other for other in names if other != name]) for name in names]
        counts = [len(part.L) for part in parts]
        keys = []
        for name in [*names[1:], names[0], "contrast"]:
            columns = [{key.name: key.cells for key in part.keys} for part in parts]
            cells = [c.get(name, (".",) * n) for c, n in zip(columns, counts, strict=True)]
            keys.append(text_key(name, [cell for column in cells for cell in column]))
        averaged = f"Results are averaged over some or all of the levels of: {', '.join(self.averaged)}"
        return replace(
            parts[0],
            by=(),
            averaged=(),
            remarks=((averaged,) if self.averaged else ()) + parts[0].remarks,
            keys=tuple(keys),
            L=np.vstack([part.L for part in parts]),
            constant=np.concatenate([part.constant for part in parts]),
            pairs_of=None,
            ratios=(),
            shown=replace(parts[0].shown, adjust=adjust),
        )

    def eff_size(self, sigma: float, edf: float, method: Method = "pairwise", **options: Any) -> MarginalMeans:
        """Effect sizes: contrasts of means over a standard deviation, Cohen's d for differences.

        Parameters
        ----------
        sigma : the standard deviation of the population that the effects are measured in.
        edf : its equivalent degrees of freedom: sigma^2 is taken as an estimate that is a chi-square variable with edf
            degrees of freedom up to a factor, independent of the means. `inf` where it is known.
        method, options : as for `contrast`; `"identity"` for contrasts that were made already.

        Notes
        -----
        With d = c'm / sigma, Var(d) = c' Var(m) c / sigma^2 + d^2 / (2 edf), by the delta method. They are on the scale
        of the linear predictor.

        Raises
        ------
        InferenceError : `sigma` or `edf` is not positive, or as for `contrast`.

        >>> from multilevel import datasets, lm
        >>> m = lm("yield ~ variety", datasets.load("oats", "dict"))
        >>> m.emmeans("variety").eff_size(m.sigma, m.df_residual, exclude="Victory")
         contrast                 effect.size    SE df lower.CL upper.CL
         Golden Rain - Marvellous      -0.196 0.289 69   -0.773    0.381
        <BLANKLINE>
        sigma used for effect sizes: 26.97
        Confidence level used: 0.95
        """
        plain = replace(self, scale=None, on_response=False, bias="", remarks=())
        sized = replace(plain, **effect_sizes(self.basis, self.L, self.linear.estimate, sigma, edf))
        made = sized.contrast(method, **options)
        note = f"sigma used for effect sizes: {significant([sigma], 4)[0]}"
        shown = Shown(level=self.shown.level, adjust="none")
        return replace(made, what="effect.size", remarks=(note,), shown=shown)

    def arrows(self, level: float = 0.95, *, adjust: str = "tukey") -> Arrows:
        """Comparison arrows, for pictures: those of two means of a table overlap unless the means differ.

        Parameters
        ----------
        level : one minus the level of the tests of differences.
        adjust : of the tests within a table.

        Returns
        -------
        Arrows : lengths (k,) to the left and to the right, on the scale of the linear predictor, and for each mean
            whether all its comparisons show as they are tested; with unequal errors of the differences no arrows may.

        >>> from multilevel.inference.means import emmeans
        >>> from multilevel.models.linear import fit_linear
        >>> data = {"y": [1.0, 3.0, 2.0, 6.0, 8.0, 9.0], "f": list("aabbcc")}
        >>> made = emmeans(fit_linear("y ~ f", data), data, "f").arrows()
        >>> made.right.round(2), made.left.round(2)
        (array([3.91, 3.91, 0.  ]), array([0.  , 3.91, 3.91]))
        """
        k, means = len(self.L), self.linear.estimate
        margins = np.full((k, k), np.nan)
        compared = replace(self, scale=None, remarks=(), on_response=False).pairs(adjust=adjust).confint(level)
        reach, at = compared.limits.upper - compared.linear.estimate, 0
        made = Arrows(np.zeros(k), np.zeros(k), np.ones(k, np.bool_))
        for rows in self.groups:
            i, j = np.triu_indices(len(rows), 1)
            margins[rows[i], rows[j]] = margins[rows[j], rows[i]] = reach[at : at + len(i)]
            at += len(i)
            for full, part in zip(made, arrows(means[rows], margins[np.ix_(rows, rows)]), strict=True):
                full[rows] = part
        return made

    # ---- tests of several rows --------------------------------------------------------------------------------------

    def joint_test(self) -> JointTests:
        """One F test for each table: all its rows are zero.

        Raises InferenceError if a row is not estimable.
        """
        if not self.estimable.all():
            raise InferenceError("some rows are not estimable; a joint test needs rows that are")
        tables = [
            (self.title(rows), [rows_test(self.basis, self.L[rows], self.constant[rows])]) for rows in self.groups
        ]
        return JointTests(tables, self.basis.sampling.note, self.basis.backend)

    def joint_tests(self, by: Names | EllipsisType = ...) -> JointTests:
        """An F test for each factor and interaction of factors among the rows, in the manner of type III tests.

        `by` are names of columns whose values make separate tables; default: as they are.
        """
        here = self._grouped(by)
        own = [key for key in here.keys if key.name not in here.by]
        tables = []
        for rows in here.groups:
            sizes = {key.name: len(set(key.taken(rows).labels)) for key in own}
            if len(rows) != np.prod(list(sizes.values())):
                raise InferenceError("joint tests need every combination of the factors; some are missing here")
            tables.append(
                (here.title(rows), term_tests(self.basis, self.L[rows], factorial_terms(self.L[rows], sizes)))
            )
        return JointTests(tables, self.basis.sampling.note, self.basis.backend)

    # ---- the page ---------------------------------------------------------------------------------------------------

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known to read the table, in sentences."""
        return tuple(marginal_notes(self))

    def sections(self) -> tuple[Section, ...]:
        """A table for each group, then the notes."""
        columns = inference_columns(self)
        keys = sum(key.name not in self.by for key in self.named)
        tables = [Section(self.title(rows), (table_of(columns, rows, keys),)) for rows in self.groups]
        notes = tuple(map(Prose, self.notes))
        return (*tables, Section("", notes)) if notes else tuple(tables)


def _crossed(method: str | None) -> dict[str, str]:
    if method is None:
        return {}
    if method not in ACROSS:
        near = nearest(str(method), ACROSS)
        raise InferenceError(f"cross_adjust is {method!r}; expected one of {', '.join(map(repr, ACROSS))}{near}")
    return {"cross_adjust": method}


def _behind(keys: Sequence[Key], groups: Sequence[str]) -> tuple[Key, ...]:
    """Columns of groups go behind the others."""
    return (*(key for key in keys if key.name not in groups), *(key for key in keys if key.name in groups))
