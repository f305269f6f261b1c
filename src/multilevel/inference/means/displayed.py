"""Rows of means or contrasts as they are shown: with intervals or tests, on another scale, in other tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any, Literal, Self, TypeAlias

import numpy as np

from ...arguments import in_words
from ...digits import significant
from ...errors import InferenceError, nearest
from ...layout import Page, Prose, Section
from ..levels import checked_level
from .adjust import ACROSS, Side, check_adjust
from .averaging import Key
from .functions import LinearFunctions
from .pages import inference_columns, marginal_notes, table_of
from .scales import LOG, bias_adjusted
from .specs import Names, as_names

Regridded: TypeAlias = Literal["response", "log"]
SIDES = ("two-sided", "less", "greater")


@in_words
@dataclass(frozen=True, eq=False, repr=False)
class Displayed(LinearFunctions, Page):
    """Linear functions that print themselves, and the same rows shown otherwise."""

    def __repr__(self) -> str:
        return self.to_text()

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

    def summary(
        self, level: float | None = None, *, adjust: str | None = None, cross_adjust: str | None = None
    ) -> Self:
        """The same with intervals and tests side by side; arguments as in `confint` and `test`, or as they are."""
        level = self.shown.level if level is None else level
        checked_level(level)
        return self._shown_as(..., adjust, intervals=True, tests=True, level=float(level), **_crossed(cross_adjust))

    def confint(
        self,
        level: float = 0.95,
        side: Side = "two-sided",
        *,
        adjust: str | None = None,
        by: Names | EllipsisType = ...,
    ) -> Self:
        """The same with confidence intervals, and without tests.

        Parameters
        ----------
        level : of the intervals, of all in a table together where they are adjusted.
        side : `"greater"` has lower limits only, what a test of that side does not reject, and `"less"` upper ones.
        adjust : see `contrast`; default: as it is. Stepwise methods give Bonferroni intervals.
        by : names of the columns that make separate tables, each adjusted by itself; None: one table. Default: as it
            is.
        """
        checked_level(level)
        return self._shown_as(
            by, adjust, intervals=True, tests=False, level=float(level), side=_checked_side(side), delta=0.0
        )

    def predict(self, sigma: float, level: float | None = None) -> Self:
        """The same as predictions of new responses: standard errors and intervals hold their spread, too.

        Parameters
        ----------
        sigma : standard deviation of a new response about its mean, of the linear predictor: that of the residuals for
            a group that is known, of a mixed model's random effects and residuals together for a group that is not.
        level : of the intervals; default: as it is.

        Notes
        -----
        The variance of the error is SE^2 + sigma^2, sigma taken as known, with the degrees of freedom of the mean, as
        in emmeans. `model.predict(..., interval="prediction")` is for single rows, and takes the random effects' own
        uncertainty into account.

        Raises
        ------
        InferenceError : these are contrasts, slopes or means of responses that are not gaussian; `sigma` is not
            positive, or `level` impossible.

        >>> from multilevel import datasets, lm
        >>> m = lm("yield ~ variety + nitro", datasets.load("oats", "dict"))
        >>> m.emmeans("variety").predict(m.sigma)
         variety     prediction   SE df lower.PL upper.PL
         Golden Rain      104.5 21.7 68     61.3      148
         Marvellous       109.8 21.7 68     66.5      153
         Victory           97.6 21.7 68     54.4      141
        <BLANKLINE>
        Prediction intervals and SEs are based on an error SD of 21.235
        Confidence level used: 0.95
        """
        level = self.shown.level if level is None else level
        checked_level(level)
        if self.noise is None:
            raise InferenceError(
                "new responses are predicted for means of gaussian responses, not for contrasts or slopes"
            )
        if not (np.isfinite(sigma) and sigma > 0):
            raise InferenceError(f"sigma is {sigma}; expected a positive standard deviation")
        shown = replace(self.shown, intervals=True, tests=False, adjust="none", level=float(level))
        return replace(self, noise=float(sigma), shown=shown)

    def test(
        self,
        null: float = 0.0,
        side: Side = "two-sided",
        *,
        delta: float = 0.0,
        adjust: str | None = None,
        cross_adjust: str | None = None,
        by: Names | EllipsisType = ...,
    ) -> Self:
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
        side = _checked_side(side)
        if not (np.isfinite(null) and np.isfinite(delta) and delta >= 0):
            raise InferenceError(f"null should be a number and delta zero or positive; found {null} and {delta}")
        return self._shown_as(
            by, adjust, intervals=False, tests=True, null=float(null), side=side, delta=float(delta),
            **_crossed(cross_adjust),
        )  # fmt: skip

    def response(self, *, sigma: float | None = None) -> Self:
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

    def regrid(self, to: Regridded = "response") -> Self:
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
            self,
            basis=basis,
            L=L,
            constant=constant,
            what=what,
            scale=scale,
            on_response=on_response,
            bias="",
            noise=None,
        )

    def _shown_as(self, by: Names | EllipsisType, adjust: str | None, **changes: Any) -> Self:
        if adjust is not None:
            check_adjust(adjust)
            changes["adjust"] = adjust
        here = self._grouped(by)
        if changes["tests"] and here.noise:  # of the means
            here = replace(here, noise=0.0)
        return replace(here, shown=replace(here.shown, **changes))

    def _grouped(self, by: Names | EllipsisType) -> Self:
        """The same rows in other tables; families that fall apart are no longer all pairs of something."""
        if isinstance(by, EllipsisType) or (groups := self._columns(by, "by")) == self.by:
            return self
        if len(groups) >= len(self.keys):
            raise InferenceError(f"by: {', '.join(groups)} leave nothing to compare; leave one column out of by")
        return replace(self, by=groups, keys=_behind(self.keys, groups), pairs_of=None)

    def _columns(self, asked: Names, what: str) -> tuple[str, ...]:
        """Names of columns that were asked for."""
        known = [key.name for key in self.keys]
        for name in (asked := as_names(asked, what)):
            if name not in known:
                raise InferenceError(
                    f"{what}: {name!r} is no column here{nearest(name, known)} (columns: {', '.join(known)})"
                )
        return asked


def _checked_side(side: Side) -> Side:
    if side not in SIDES:
        known = ", ".join(map(repr, SIDES))
        raise InferenceError(f"side is {side!r}; expected one of {known}{nearest(str(side), SIDES)}")
    return side


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
