"""Intervals that every fit answers: Wald, profile likelihood, bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .held import Held

if TYPE_CHECKING:  # loaded when asked for
    from ..inference.asked import Statistic
    from ..inference.bootstrap import Bootstrap, IntervalMethod
    from ..inference.confidence import ConfintMethod
    from ..inference.intervals import Intervals
    from ..inference.parameters import Names
    from ..inference.profile import Profile
    from ..predict import Seed


@dataclass(frozen=True, eq=False, repr=False)
class Uncertain(Held):
    """How sure the parameters of a fit are."""

    def confint(
        self,
        method: ConfintMethod = "wald",
        level: float = 0.95,
        parameters: Names = None,
        *,
        df: str | None = None,
        vcov: str | None = None,
        cluster: Any = None,
        n: int = 1000,
        boot: IntervalMethod = "percentile",
        seed: Seed = None,
        threads: int | None = None,
    ) -> Intervals:
        """Confidence intervals of fixed effects, standard deviations, correlations and sigma.

        Parameters
        ----------
        method : `"wald"`: estimate and standard error, for fixed effects only. `"profile"`: from the profile
            likelihood. `"boot"`: from a parametric bootstrap.
        level : coverage aimed at.
        parameters : a name, several, `"theta_"` (the random part), `"beta_"` (fixed effects), `"zi_"` or `"disp_"`
            (those of a model of zero inflation or dispersion). Default: all.
        df : wald: `"satterthwaite"` (default of mixed models), `"kenward-roger"` (with its standard errors),
            `"residual"` (default of linear models) or `"none"`, the normal distribution as in lme4.
        vcov, cluster : wald: as for `anova`.
        n, boot, seed, threads : boot: number of replicates; `"percentile"`, `"basic"` or `"bca"`; see `bootstrap`.

        Raises
        ------
        InferenceError : an impossible level, an unknown parameter, or too few replicates.
        DataError : an unknown method.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"), REML=False)
        >>> m.confint("profile")
        Profile likelihood 95 % intervals
                                     Estimate   2.5 %  97.5 %
        sd_(Intercept)|subject         23.78   14.38   37.72
        cor_days.(Intercept)|subject    0.081  -0.481   0.685
        sd_days|subject                 5.717   3.801   8.753
        sigma                          25.592  22.898  28.858
        (Intercept)                   251.41  237.68  265.13
        days                           10.467   7.359  13.576
        """
        from ..inference.confidence import confint

        return confint(
            self._fit,
            method,
            level,
            parameters,
            df=self._judged(df, vcov, cluster),
            n=n,
            boot=boot,
            seed=seed,
            threads=threads,
            backend=self._backend,
        )

    def profile(self, parameters: Names = None, *, level: float = 0.99) -> Profile:
        """Profile likelihood: for each parameter the best fits with that parameter held, and zeta, the signed square
        root of the rise of -2 log-likelihood. A fit by REML is profiled at its refit by maximum likelihood.

        Parameters
        ----------
        parameters : a name, several, `"theta_"` (the random part), `"beta_"` (fixed effects), `"zi_"` or `"disp_"`
            (those of a model of zero inflation or dispersion). Default: all.
        level : the curves go to the boundary of the joint confidence region of this level of all parameters.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("yield ~ 1 + (1 | batch)", datasets.load("dyestuff", "dict"), REML=False)
        >>> p = m.profile()
        >>> round(p.confint(0.8)["sigma"].lower, 2)
        41.59
        >>> p["sigma"](p["sigma"].limits(1.5)).round(3)
        array([-1.5,  1.5])
        """
        from ..inference.profile import profile

        return profile(self._fit, parameters=parameters, level=level, backend=self._backend)

    def bootstrap(
        self, n: int = 1000, statistic: Statistic | None = None, seed: Seed = None, *, threads: int | None = None
    ) -> Bootstrap:
        """Parametric bootstrap: responses drawn from the fit, with new random effects, and a refit to each.

        Parameters
        ----------
        n : number of replicates.
        statistic : a function of a refitted model that gives a number, a sequence of numbers or a dict of them.
            Default: all parameters, which the core replicates in parallel.
        seed : an integer, a generator, or None: replicate i is the same for any n and any number of threads.
        threads : of the refits; default: MULTILEVEL_NUM_THREADS, OMP_NUM_THREADS or all processors.

        Raises
        ------
        InferenceError : n is no number of replicates, or the statistic fails or changes its shape.

        >>> from multilevel import datasets, lmer
        >>> m = lmer("reaction ~ days + (days | subject)", datasets.load("sleepstudy", "dict"))
        >>> b = m.bootstrap(200, seed=1)
        >>> b.replicates.shape, len(b.confint("bca"))
        ((200, 6), 6)
        >>> m.bootstrap(20, lambda refit: refit.sigma, seed=1).names
        ('statistic',)
        """
        from ..inference.replicates import bootstrap

        wrap = partial(type(self), _data=self._data)
        return bootstrap(
            self._fit, n, statistic=statistic, wrap=wrap, seed=seed, threads=threads, backend=self._backend
        )
