"""Contrasts of the rows of each table: the same linear functions, times weights W."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any, Self

import numpy as np

from ...arguments import in_words
from ...data.sums import Floats
from ...digits import significant
from ...errors import InferenceError
from .adjust import check_adjust
from .arrows import Arrows, arrows
from .averaging import text_key
from .contrasts import contrasts, rescaled
from .displayed import Displayed
from .families import Method, Options, Reference
from .functions import Shown
from .scales import Scale
from .sizes import effect_sizes
from .specs import Names


@in_words
@dataclass(frozen=True, eq=False, repr=False)
class Contrasted(Displayed):
    """What can be compared among the rows of each table."""

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
    ) -> Self:
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
            submodel="",
            remarks=remarks,
            scale=response,
            on_response=self.on_response and response is not None,
            bias="",
            noise=None,
            pairs_of=made.pairs_of,
            ratios=made.ratios if response is not None else (),
            shown=Shown(False, True, self.shown.level, made.adjust if adjust is None else adjust),
        )

    def _all_but(self, simple: Names) -> tuple[str, ...]:
        """Names of the columns that are not compared."""
        compared = self._columns(simple, "simple")
        return tuple(key.name for key in self.keys if key.name not in compared)

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
    ) -> Self:
        """All pairwise differences in each table: `contrast("pairwise")`, or `"revpairwise"`; arguments as there."""
        method = "revpairwise" if reverse else "pairwise"
        return self.contrast(method, adjust=adjust, by=by, simple=simple, exclude=exclude)

    def simple(self, method: Method = "pairwise", *, adjust: str = "bonferroni") -> Self:
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

    def eff_size(self, sigma: float, edf: float, method: Method = "pairwise", **options: Any) -> Self:
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
        plain = replace(self, scale=None, on_response=False, bias="", noise=None, remarks=())
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
