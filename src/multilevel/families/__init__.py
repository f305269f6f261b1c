"""Families and links of generalized linear (mixed) models, in the names of the field.

    binomial  poisson  gamma  inverse_gaussian  negative_binomial  beta  beta_binomial  student_t  gaussian
    generalized_poisson  tweedie  truncated_poisson  truncated_negative_binomial  truncated_generalized_poisson
    quasibinomial  quasipoisson  quasi                                                        (for glm only)

A family is asked for by name, with its link in brackets if it is not the default one, or as an object:

>>> str(family_of("binomial(probit)")), str(family_of("Gamma(log)")), str(family_of(negative_binomial(size=5)))
('binomial(probit)', 'gamma(log)', 'negative_binomial(log)')
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import FitError, nearest
from .base import Exponential, Family
from .continuous import Beta, Gamma, Gaussian, InverseGaussian, StudentT
from .discrete import BetaBinomial, Binomial, NegativeBinomial, NegativeBinomial1, Poisson
from .generalized_poisson import GeneralizedPoisson
from .links import LINKS, Link, link_named
from .quasi import Quasi, QuasiBinomial, QuasiPoisson
from .truncated import (
    Truncated,
    TruncatedGeneralizedPoisson,
    TruncatedNegativeBinomial,
    TruncatedNegativeBinomial1,
    TruncatedPoisson,
)
from .tweedie import Tweedie

__all__ = [
    "Exponential",
    "Family",
    "Link",
    "NegativeBinomial",
    "Quasi",
    "Truncated",
    "beta",
    "beta_binomial",
    "binomial",
    "family_of",
    "gamma",
    "gaussian",
    "generalized_poisson",
    "inverse_gaussian",
    "link_named",
    "negative_binomial",
    "poisson",
    "quasi",
    "quasibinomial",
    "quasipoisson",
    "student_t",
    "truncated_generalized_poisson",
    "truncated_negative_binomial",
    "truncated_poisson",
    "tweedie",
]

binomial = Binomial
poisson = Poisson
gamma = Gamma
inverse_gaussian = InverseGaussian
gaussian = Gaussian
beta = Beta
beta_binomial = BetaBinomial
student_t = StudentT
generalized_poisson = GeneralizedPoisson
quasi = Quasi
quasibinomial = QuasiBinomial
quasipoisson = QuasiPoisson
truncated_poisson = TruncatedPoisson
truncated_generalized_poisson = TruncatedGeneralizedPoisson
tweedie = Tweedie


def negative_binomial(link: str | Link = "", *, type: int = 2, size: float | None = None) -> Family:
    """Counts that vary more than Poisson ones.

    Parameters
    ----------
    link : `"log"` (default), `"identity"` or `"sqrt"`.
    type : 2, Var(y) = mu + mu^2 / size (default), or 1, Var(y) = mu (1 + dispersion).
    size : of type 2, if it is not to be estimated.

    Raises FitError for another type, or a size that is not positive.
    """
    if type not in (1, 2):
        raise FitError(f"negative_binomial has no type {type!r}; expected 1, Var(y) = mu (1 + dispersion), or 2, "
                       "Var(y) = mu + mu^2 / size")  # fmt: skip
    if type == 1:
        if size is not None:
            raise FitError("a negative binomial of type 1 has no size; give type=2, or leave size out")
        return NegativeBinomial1(link)
    return NegativeBinomial(link, size)


def truncated_negative_binomial(link: str | Link = "", *, type: int = 2) -> Family:
    """Negative binomial counts without zeros; with them Var(y) = mu + mu^2 / size (type 2) or mu (1 + dispersion) (1).

    FitError for another type.
    """
    if type not in (1, 2):
        raise FitError(f"truncated_negative_binomial has no type {type!r}; expected 1 or 2, as for negative_binomial")
    return TruncatedNegativeBinomial(link) if type == 2 else TruncatedNegativeBinomial1(link)


NAMES: dict[str, Callable[[str], Family]] = {
    "binomial": Binomial,
    "poisson": Poisson,
    "gamma": Gamma,
    "inverse_gaussian": InverseGaussian,
    "gaussian": Gaussian,
    "negative_binomial": NegativeBinomial,
    "negative_binomial_1": NegativeBinomial1,
    "generalized_poisson": GeneralizedPoisson,
    "beta": Beta,
    "beta_binomial": BetaBinomial,
    "student_t": StudentT,
    "tweedie": Tweedie,
    "truncated_poisson": TruncatedPoisson,
    "truncated_negative_binomial": TruncatedNegativeBinomial,
    "truncated_negative_binomial_1": TruncatedNegativeBinomial1,
    "truncated_generalized_poisson": TruncatedGeneralizedPoisson,
    "quasibinomial": QuasiBinomial,
    "quasipoisson": QuasiPoisson,
    "quasi": Quasi,
}
R_NAMES = {  # so that calls of R paste in
    "inverse.gaussian": "inverse_gaussian",
    "nbinom2": "negative_binomial",
    "nbinom1": "negative_binomial_1",
    "genpois": "generalized_poisson",
    "zigamma": "gamma",
    "beta_family": "beta",
    "betabinomial": "beta_binomial",
    "t_family": "student_t",
    "truncated_nbinom2": "truncated_negative_binomial",
    "truncated_nbinom1": "truncated_negative_binomial_1",
    "truncated_genpois": "truncated_generalized_poisson",
}
_INFLATED = 'zeros are inflated by family="{}" with ziformula="~ 1"'
ZEROS = {  # of which pscl, VGAM and statsmodels make families
    **dict.fromkeys(("zip", "zipoisson", "zero_inflated_poisson"), _INFLATED.format("poisson")),
    **dict.fromkeys(("zinb", "zinegbin", "zero_inflated_negative_binomial"), _INFLATED.format("negative_binomial")),
    **dict.fromkeys(("hurdle", "hurdle_poisson"), 'a hurdle is family="truncated_poisson" with ziformula="~ 1"'),
    "hurdle_negative_binomial": 'a hurdle is family="truncated_negative_binomial" with ziformula="~ 1"',
    "multinomial": "responses with more than two categories are not there; compare two of them at a time",
    "cumulative": "ordered categories are not there; split them, as in I(rating > 3)",
    "ordinal": "ordered categories are not there; split them, as in I(rating > 3)",
}
NEAREST = {"compois": "generalized_poisson", "truncated_compois": "truncated_generalized_poisson"}
_CALL = re.compile(r"\s*([\w.]+)\s*(?:\(\s*(?:link\s*=\s*)?['\"]?\s*([^()'\"]*?)\s*['\"]?\s*\))?\s*")


def family_of(family: object) -> Family:
    """The family of a name such as `"poisson"` or `"binomial(probit)"`, or a family itself.

    Raises FitError for an unknown name, with the nearest one, or for a link that the family cannot have.
    """
    if isinstance(family, Family):
        return family
    if callable(family) and family in (*NAMES.values(), negative_binomial, truncated_negative_binomial):
        made = family()
        assert isinstance(made, Family)
        return made
    if not isinstance(family, str):
        raise FitError(f"family is {family!r}; expected a name such as 'binomial', or multilevel.families.binomial()")
    found = _CALL.fullmatch(family)
    name = (found[1] if found else family).casefold()
    name = R_NAMES.get(name, name)
    if found is None or name not in NAMES:
        if name in LINKS:
            raise FitError(
                f"family is {family!r}, which is a link; expected a family with it, as in 'binomial({name})'"
            )
        if name in ZEROS:
            raise FitError(f"no family is called {family!r}; {ZEROS[name]}")
        if name in NEAREST:
            raise FitError(f"the family {family!r} is not there; {NEAREST[name]!r} is for the same counts")
        raise FitError(f"no family is called {family!r}{nearest(name, [*NAMES, *R_NAMES])} (known: {', '.join(NAMES)})")
    return NAMES[name](found[2] or "")
